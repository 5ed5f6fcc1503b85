//! SendMail: a message of the device's own goes out.
//!
//! MS-ASCMD 2.2.1.17 "SendMail". [`crate::submit`] has the forms of the request and what is stored; success is an empty
//! answer.

use easel_items::compose;

use crate::Reply;
use crate::context::{Context, Failure};
use crate::submit::{self, Outcome};

/// Sends what came.
pub(crate) fn handle(context: &Context<'_>, body: &[u8]) -> Result<Reply, Failure> {
    Ok(submit::reply(context, send(context, body)?))
}

fn send(context: &Context<'_>, body: &[u8]) -> Outcome<()> {
    let mut root = None;
    let message = match submit::read(context, body, &mut root) {
        Ok(message) => message,
        Err(status) => return Ok(Err(status)),
    };
    if submit::is_repeated(context, &*context.store().snapshot(context.user.id)?, &message)? {
        return Ok(Err(easel_protocol::CommonStatus::MessagePreviouslySent));
    }
    let id = submit::message_id(context);
    match compose::outgoing(&message.mime, &submit::sending(context, &id)) {
        Ok(outgoing) => submit::submit(context, &message, &outgoing, None),
        Err(error) => Ok(Err(submit::refused(context, &error))),
    }
}
