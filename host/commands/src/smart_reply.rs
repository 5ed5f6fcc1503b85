//! SmartReply: an answer goes out, with the original below it.
//!
//! MS-ASCMD 2.2.1.19 "SmartReply". The device sends its own text only and names the original, which it may hold in
//! part. With ReplaceMime the message is complete and is sent as it is.

use easel_items::compose::{self, Original};
use easel_protocol::{CommonStatus, Verb};
use easel_store::Content;

use crate::Reply;
use crate::context::{Context, Failure};
use crate::render::{StoredMail, index};
use crate::submit::{self, Outcome};

/// Sends what came, with what it answers.
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
    if submit::is_repeated(context, &*snapshot, &message)? {
        return Ok(Err(CommonStatus::MessagePreviouslySent));
    }
    let item = match submit::original(context, &*snapshot, &message)? {
        Ok((item, _)) => item,
        Err(status) => return Ok(Err(status)),
    };
    let id = submit::message_id(context);
    let sending = submit::sending(context, &id);
    let composed = match &item.content {
        Content::Mail(mail) => {
            let raw = StoredMail::new(&*snapshot, mail);
            index(mail, &raw).map_err(easel_items::ComposeError::Original).and_then(|index| {
                let original = Original { index: &index, raw: &raw };
                compose::reply(&message.mime, &original, message.replace_mime, &sending)
            })
        }
        // An event has no text to be quoted: what is said to its people, of all of it or of one occurrence, goes out
        // as it is.
        Content::Object(_) => compose::outgoing(&message.mime, &sending),
    };
    drop(snapshot);
    match composed {
        Ok(outgoing) => {
            let verb = if outgoing.recipients.len() == 1 { Verb::Reply } else { Verb::ReplyAll };
            submit::submit(context, &message, &outgoing, Some((&item, verb)))
        }
        Err(error) => Ok(Err(submit::refused(context, &error))),
    }
}
