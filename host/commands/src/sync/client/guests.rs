//! What the guests of a meeting are told of its changes.

use easel_items::{BodyPreferences, calendar, compose};
use easel_protocol::{Class, Version};
use easel_store::{Snapshot, StoreError, Write};

use crate::context::Context;
use crate::submit;

/// Mails invitations, updates and cancellations of the owner's meetings, each with a copy in Sent Items: from 16.0 devices
/// leave that to the server (K: G43).
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
        let id = submit::message_id(context);
        let composed = compose::itip(&message.recipients, &subject, "", (message.method, &message.content))
            .and_then(|mime| compose::outgoing(&mime, &submit::sending(context, &id)));
        match composed {
            Ok(outgoing) => writes.extend(submit::queued_and_kept(context, snapshot, &outgoing)?),
            // One address nobody can mail to must not keep the event from being stored.
            Err(error) => {
                tracing::warn!(user = context.user.id.0, %error, "the guests of a meeting are not told");
            }
        }
    }
    Ok(writes)
}
