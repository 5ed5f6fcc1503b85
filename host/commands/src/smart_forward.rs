//! SmartForward: a message goes on to others, with its text and all attachments.
//!
//! MS-ASCMD 2.2.1.18 "SmartForward". The device sends its own text only and names the original. With ReplaceMime the
//! text is complete; the attachments are added all the same, because the device has not got them.

use easel_items::ComposeError;
use easel_items::compose::{self, Original};
use easel_protocol::{CommonStatus, Verb};
use easel_store::Content;

use crate::Reply;
use crate::context::{Context, Failure};
use crate::render::{StoredMail, index};
use crate::submit::{self, Outcome};

/// Sends what came, with what it forwards.
pub(crate) fn handle(context: &Context<'_>, body: &[u8]) -> Result<Reply, Failure> {
    Ok(submit::reply(context, send(context, body)?))
}

fn send(context: &Context<'_>, body: &[u8]) -> Outcome<()> {
    let mut root = None;
    let message = match submit::read(context, body, &mut root) {
        Ok(message) => message,
        Err(status) => return Ok(Err(status)),
    };
    let snapshot = context.store().snapshot(context.user.id)?;
    // K: I48. Some devices send the same forward again and again.
    if submit::is_repeated(context, &*snapshot, &message)? {
        return Ok(Err(CommonStatus::MessagePreviouslySent));
    }
    let item = match submit::original(context, &*snapshot, &message)? {
        Ok(item) => item,
        Err(status) => return Ok(Err(status)),
    };
    // A meeting is forwarded as an invitation, which only the calendar can make.
    let Content::Mail(mail) = &item.content else { return Ok(Err(CommonStatus::UnexpectedItemClass)) };
    let id = submit::message_id(context);
    let sending = submit::sending(context, &id);
    let raw = StoredMail::new(&*snapshot, mail);
    let composed = index(mail, &raw).map_err(ComposeError::Original).and_then(|index| {
        let original = Original { index: &index, raw: &raw };
        compose::forward(&message.mime, &original, message.replace_mime, &sending)
    });
    drop(snapshot);
    match composed {
        Ok(outgoing) => submit::submit(context, &message, &outgoing, Some((&item, Verb::Forward))),
        Err(error) => Ok(Err(submit::refused(context, &error))),
    }
}
