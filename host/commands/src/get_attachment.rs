//! GetAttachment: the bytes of an attachment, up to 12.1.
//!
//! MS-ASCMD 2.2.1.8 "GetAttachment". The name is in the query, the answer is the attachment itself with its type.

use crate::attachment::{self, Denied};
use crate::context::{Context, Failure};
use crate::{Answer, Reply};

/// The type of what has none.
const BYTES: &str = "application/octet-stream";

/// Answers with the bytes, or with an HTTP code.
pub(crate) fn handle(context: &Context<'_>) -> Result<Reply, Failure> {
    let Some(name) = &context.line.attachment_name else { return Ok(Answer::code(400).into()) };
    let snapshot = context.store().snapshot(context.user.id)?;
    let most = context.settings.message_bytes_max as u64;
    Ok(match attachment::read(context, &*snapshot, name, None, most)? {
        Ok(attachment) => Answer::bytes(media_type(&attachment.content_type), attachment.bytes),
        // Nothing in it is no mistake here: the answer is nothing.
        Err(Denied::Empty) => Answer::empty(),
        Err(Denied::Forbidden) => Answer::code(403),
        Err(Denied::TooLarge) => Answer::code(413),
        Err(Denied::BadRange | Denied::Broken | Denied::NotFound | Denied::Unreadable) => Answer::code(500),
    }
    .into())
}

/// What a sender wrote stands in a header: only a type of the form `type/subtype` does. RFC 2045 5.1 "token".
fn media_type(text: &str) -> &str {
    let is_token = |token: &str| {
        !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
    };
    let good = text.split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub));
    if good && text.len() <= 127 { text } else { BYTES }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_a_media_type_gets_into_the_header() {
        assert_eq!(media_type("image/svg+xml"), "image/svg+xml");
        for text in ["", "image", "image/", "a/b\r\nSet-Cookie: x", "a/b; charset=x", "ü/b", &"a/".repeat(100)] {
            assert_eq!(media_type(text), BYTES);
        }
    }
}
