//! Tells a device that the list of versions is another than it was told: once, and never again.
//!
//! MS-ASHTTP 2.2.2.1.2.6 "X-MS-RP". A device that is told starts over, so the list it was told is kept with it (K: G09).

use easel_protocol::command_list;
use easel_store::{StoreError, change_device};

use crate::context::Context;
use crate::served::Served;
use crate::{Reply, device};

/// Adds to an answer what is to be told along with it.
pub(crate) fn announce(context: &Context<'_>, reply: Reply) -> Reply {
    // A request that begins to wait has no answer yet: the next one has.
    let Reply::Answer(mut answer) = reply else { return reply };
    answer.headers.extend_from_slice(&context.chosen.headers);
    let list = &context.chosen.version_list;
    let (told, speaks_another) = (is_told(context), !context.chosen.versions.contains(&context.version));
    if !is_due(context, told, speaks_another) {
        return answer.into();
    }
    // What a new device saw in OPTIONS, where it has no name, is known only from what it made of it.
    let is_news = !context.device.versions_told.is_empty() || speaks_another;
    match if told { Ok(()) } else { remember(context, list) } {
        Ok(()) if is_news => {
            answer.headers.push(("x-ms-rp".into(), list.clone()));
            answer.headers.push(("ms-asprotocolversions".into(), list.clone()));
            answer.headers.push(("ms-asprotocolcommands".into(), command_list(context.service.commands())));
        }
        Ok(()) => {}
        // It is told when that can be remembered.
        Err(error) if error.is_told() => {}
        Err(error) => tracing::error!(device = context.device.key.0, %error, "a version list cannot be remembered"),
    }
    answer.into()
}

/// Whether the answer to a request has no headers of its own.
pub(crate) fn adds_nothing(context: &Context<'_>) -> bool {
    let speaks_another = !context.chosen.versions.contains(&context.version);
    !is_due(context, is_told(context), speaks_another) && context.chosen.headers.is_empty()
}

/// Whether the device was told its list, and nothing since asks for its being told again.
fn is_told(context: &Context<'_>) -> bool {
    context.device.versions_told == context.chosen.version_list
        && context.served.marks.renegotiate == context.marks.renegotiate
        && !context.served.versions_are_due
}

fn is_due(context: &Context<'_>, told: bool, speaks_another: bool) -> bool {
    let again = speaks_another && !context.profile().flag("versions.announce_once");
    (!told || again) && !device::is_probe(&context.device)
}

/// The command or the administrator may have changed the device meanwhile: only the list is written.
fn remember(context: &Context<'_>, list: &str) -> Result<(), StoreError> {
    change_device(context.store(), &context.device, |device| list.clone_into(&mut device.versions_told))?;
    Served::change(context, |served| {
        served.marks.renegotiate = context.marks.renegotiate;
        served.versions_are_due = false;
    })
}
