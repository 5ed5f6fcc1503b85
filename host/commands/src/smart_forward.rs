//! SmartForward: a message goes on to others, with its text and all attachments.
//!
//! MS-ASCMD 2.2.1.18 "SmartForward". The device sends its own text only and names the original. With ReplaceMime the
//! text is complete; the attachments are added all the same, because the device has not got them. An event, or one
//! occurrence of it, goes on as an invitation; from 16.0 the device may name the people and leave the message to the
//! server.

use std::borrow::Cow;

use easel_items::compose::{self, Original, Outgoing, Sending};
use easel_items::{BodyPreferences, ComposeError, calendar};
use easel_protocol::{Class, CommonStatus, Verb};
use easel_store::Content;
use jiff::Timestamp;

use crate::Reply;
use crate::context::{Context, Failure};
use crate::render::{StoredMail, index};
use crate::submit::{self, Message, Outcome};

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
    let (item, instance) = match submit::original(context, &*snapshot, &message)? {
        Ok(found) => found,
        Err(status) => return Ok(Err(status)),
    };
    let kind = snapshot.folder(item.folder)?.and_then(|folder| folder.kind.class());
    let id = submit::message_id(context);
    let sending = submit::sending(context, &id);
    let composed = match (&item.content, kind) {
        (Content::Object(event), Some(Class::Calendar)) => invitation(context, &message, event, instance, &sending),
        // Only an event goes to people who are merely named.
        (_, _) if message.forwardees.is_some() => return Ok(Err(CommonStatus::InvalidSmartForwardParameters)),
        (Content::Object(_), _) => return Ok(Err(CommonStatus::UnexpectedItemClass)),
        (Content::Mail(mail), _) => {
            let raw = StoredMail::new(&*snapshot, mail);
            index(mail, &raw).map_err(ComposeError::Original).and_then(|index| {
                let original = Original { index: &index, raw: &raw };
                compose::forward(&message.mime, &original, message.replace_mime, &sending)
            })
        }
    };
    drop(snapshot);
    match composed {
        Ok(outgoing) => submit::submit(context, &message, &outgoing, Some((&item, Verb::Forward))),
        Err(error) => Ok(Err(submit::refused(context, &error))),
    }
}

/// The message with the event as an invitation to everybody who gets it.
fn invitation(
    context: &Context<'_>,
    message: &Message<'_>,
    event: &str,
    instance: Option<Timestamp>,
    sending: &Sending<'_>,
) -> Result<Outgoing, ComposeError> {
    let body = BodyPreferences::default();
    let forwarded = |guests: &[String]| {
        calendar::forwarded(event, instance, guests, &context.own_view(&body)).map_err(ComposeError::Original)
    };
    let mime = match &message.forwardees {
        None => Cow::Borrowed(&*message.mime),
        Some(forwardees) => {
            let said = forwardees.body.as_ref().map(|(form, text)| (*form, text.as_str()));
            Cow::Owned(compose::to_forwardees(&forwardees.people, &forwarded(&[])?.subject, said)?)
        }
    };
    let guests = compose::outgoing(&mime, sending)?.recipients;
    compose::forward_event(&mime, &forwarded(&guests)?.content, sending)
}
