//! What the guests of a meeting are told of its changes.

use easel_items::{BodyPreferences, calendar, compose};
use easel_protocol::{Class, Version};
use easel_store::{Snapshot, StoreError, Write};

use crate::context::Context;
use crate::submit;

/// Mails invitations, updates and cancellations of the owner's meetings, each with a copy in Sent Items: from 16.0 devices
/// leave that to the server (K: G43). A mail goes to [`compose::RECIPIENTS_MAX`] of them at most, several to more.
pub(crate) fn guests_told(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    class: Class,
    body: &BodyPreferences,
    (before, after): (Option<&str>, Option<&str>),
) -> Result<Vec<Write>, StoreError> {
    if class != Class::Calendar || context.version < Version::V16_0 {
        return Ok(Vec::new());
    }
    let messages = match calendar::messages(before, after, &context.own_view(body)) {
        Ok(messages) => messages,
        Err(error) => {
            tracing::warn!(user = context.user.id.0, %error, "the guests of a meeting are not told");
            return Ok(Vec::new());
        }
    };
    let mut writes = Vec::new();
    for message in messages {
        let subject = match message.method {
            "CANCEL" => format!("Canceled: {}", message.subject),
            _ => message.subject.clone(),
        };
        let mut to = message.recipients;
        let invited = to.len();
        // A room, or somebody of whom the device knows a name only, keeps it from nobody else.
        to.retain(|address| compose::is_address(address.trim()));
        if to.len() < invited {
            let left_out = invited - to.len();
            tracing::warn!(user = context.user.id.0, left_out, "guests of a meeting whom no mail reaches are not told");
        }
        for to in to.chunks(compose::RECIPIENTS_MAX) {
            let id = submit::message_id(context);
            let composed = compose::itip(to, &subject, "", (message.method, &message.content))
                .and_then(|mime| compose::outgoing(&mime, &submit::sending(context, &id)));
            match composed {
                Ok(outgoing) => writes.extend(submit::queued_and_kept(context, snapshot, &outgoing)?),
                // What cannot be mailed must not keep the event from being stored.
                Err(error) => {
                    tracing::warn!(user = context.user.id.0, %error, "the guests of a meeting are not told");
                }
            }
        }
    }
    Ok(writes)
}
