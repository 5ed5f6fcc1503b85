//! What the pack makes of a message that a device sends, before sender and recipients are taken out of it: what it
//! writes is checked as if the device had written it.

use std::borrow::Cow;

use easel_items::compose::{Mend, look, mended};
use easel_plugin::hooks::{Hook, MailEdit, MailVerdict, Message, Part, Reference};
use easel_protocol::Verb;

use crate::context::Context;

/// What is left of a message once the pack has seen it.
#[derive(Debug, Default)]
pub(crate) struct Seen<'a> {
    /// The message as it is to be sent.
    pub(crate) mime: Cow<'a, [u8]>,
    /// Message-IDs of mail that it answers or forwards, though the device did not say so (I01).
    pub(crate) marks: Vec<(String, Verb)>,
    /// Why it is not to be sent at all.
    pub(crate) withheld: Option<String>,
}

/// Shows the message to the pack, if that has code for it.
pub(crate) fn seen<'a>(context: &Context<'_>, mime: Cow<'a, [u8]>, client_id: &str) -> Seen<'a> {
    if !context.asked.plugin().answers(Hook::Mail) {
        return Seen { mime, ..Seen::default() };
    }
    let laid_open = look(&mime);
    let message = || Message {
        headers: laid_open.headers,
        parts: laid_open
            .parts
            .into_iter()
            .map(|part| Part {
                parent: part.parent,
                content_type: part.content_type,
                charset: part.charset,
                filename: part.filename,
                size: part.size,
                sample: part.sample,
            })
            .collect(),
        client_id: client_id.to_owned(),
    };
    let edits = match context.asked.mail(&context.hook(None), message) {
        None => Vec::new(),
        Some(MailVerdict::Edit(edits)) => edits,
        Some(MailVerdict::Withhold(reason)) => return Seen { mime, withheld: Some(reason), ..Seen::default() },
    };
    let (mut mends, mut marks) = (Vec::new(), Vec::new());
    for edit in edits {
        match edit {
            MailEdit::Charset(part, charset) => mends.push(Mend::Charset(part, charset)),
            MailEdit::ContentType(part, kind) => mends.push(Mend::ContentType(part, kind)),
            MailEdit::RemoveHeader(name) => mends.push(Mend::RemoveHeader(name)),
            MailEdit::SetHeader(name, value) => mends.push(Mend::SetHeader(name, value)),
            MailEdit::Mark(id, Reference::Forwarded) => marks.push((bare(&id), Verb::Forward)),
            MailEdit::Mark(id, Reference::Replied) => marks.push((bare(&id), Verb::Reply)),
        }
    }
    let mime = if mends.is_empty() { mime } else { Cow::Owned(mended(&mime, &mends)) };
    Seen { mime, marks, withheld: None }
}

/// A Message-ID without angle brackets.
fn bare(id: &str) -> String {
    let id = id.trim();
    id.strip_prefix('<').and_then(|id| id.strip_suffix('>')).unwrap_or(id).to_owned()
}
