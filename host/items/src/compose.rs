//! Messages that a device sends: made safe to submit, and joined with the message they answer.
//!
//! MS-ASCMD 2.2.1.17 "SendMail", 2.2.1.18 "SmartForward", 2.2.1.19 "SmartReply". Pure functions: the time and what
//! makes a Message-ID unique come in through [`Sending`].
//!
//! ```text
//! bytes of the device --parsed--> header made anew: From is the owner, Bcc taken out, Date and Message-ID there
//!                                 content: lines ended by CRLF, 7 bits, no line too long; what is signed untouched
//! reply, forward      -- before that, the original is written below the text, or attached
//! ```

mod envelope;
mod event;
mod look;
mod original;
mod quote;

use jiff::Timestamp;

use crate::email::mime::{Goes, Replaced, Rewrite};
use crate::email::structure::{Tree, walk};
use crate::email::{Index, Raw};
use crate::{ComposeError, Owner};

pub use envelope::{RECIPIENTS_MAX, is_address};
pub use event::{Forwardee, itip, to_forwardees};
pub use look::{Look, LookedPart, Mend, look, mended};

/// Who sends, when, and how the message is told from every other one.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// Whose message it is.
    pub owner: &'a Owner,
    /// Now.
    pub now: Timestamp,
    /// `unique@domain`: the Message-ID of a message that brings none, without angle brackets.
    pub message_id: &'a str,
}

/// The message that is answered or forwarded.
#[derive(Clone, Copy)]
pub struct Original<'a> {
    /// Its index.
    pub index: &'a Index,
    /// Its bytes.
    pub raw: &'a dyn Raw,
}

impl std::fmt::Debug for Original<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Original").field("index", self.index).finish_non_exhaustive()
    }
}

/// A message ready to be submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The envelope's sender, an address of the owner.
    pub sender: String,
    /// The envelope's recipients, each once: To, Cc and Bcc.
    pub recipients: Vec<String>,
    /// The message without Bcc.
    pub submit: Vec<u8>,
    /// The message with Bcc, for Sent Items.
    pub sent_copy: Vec<u8>,
}

/// SendMail.
pub fn outgoing(mime: &[u8], sending: &Sending<'_>) -> Result<Outgoing, ComposeError> {
    let tree = parsed(mime)?;
    let mut body = Vec::with_capacity(mime.len());
    let changed = Rewrite { raw: mime, tree: &tree, goes: Goes::Out, replace: &|_| None }.content(0, &mut body);
    envelope::finish(mime, &tree, changed.as_ref(), None, body, sending)
}

/// SmartReply. The original is written below the text, unless `replace_mime` (ReplaceMime) says that the device did it.
pub fn reply(
    mime: &[u8],
    original: &Original<'_>,
    replace_mime: bool,
    sending: &Sending<'_>,
) -> Result<Outgoing, ComposeError> {
    let tree = parsed(mime)?;
    joined(mime, &tree, Some((original, !replace_mime)), sending, Vec::new())
}

/// SmartForward. The original is written below the text and its attachments are attached; what is signed, encrypted or
/// has no text is attached whole. With `replace_mime` (ReplaceMime) the text is the device's own; the attachments are
/// attached all the same, because a device does not have them.
pub fn forward(
    mime: &[u8],
    original: &Original<'_>,
    replace_mime: bool,
    sending: &Sending<'_>,
) -> Result<Outgoing, ComposeError> {
    let tree = parsed(mime)?;
    let whole = original.index.class.is_smime();
    let attached = if whole { vec![original::message(original)?] } else { original::attachments(original)? };
    joined(mime, &tree, Some((original, !replace_mime && !whole)), sending, attached)
}

/// SmartForward of an event: `calendar`, which [`forwarded`](crate::calendar::forwarded) made, goes along as an
/// invitation.
pub fn forward_event(mime: &[u8], calendar: &str, sending: &Sending<'_>) -> Result<Outgoing, ComposeError> {
    let tree = parsed(mime)?;
    joined(mime, &tree, None, sending, vec![event::part(calendar)])
}

fn parsed(mime: &[u8]) -> Result<Tree, ComposeError> {
    let tree = walk(mime);
    let header = &mime[tree.root().header.clone()];
    let known = crate::email::fields(header).any(|field| {
        ["from", "to", "cc", "bcc", "subject", "date", "mime-version", "content-type"].iter().any(|name| field.is(name))
    });
    if known { Ok(tree) } else { Err(ComposeError::NotMime) }
}

/// The device's message, with the original below its text if it is to be quoted, and `attached` behind it.
fn joined(
    mime: &[u8],
    tree: &Tree,
    original: Option<(&Original<'_>, bool)>,
    sending: &Sending<'_>,
    attached: Vec<Vec<u8>>,
) -> Result<Outgoing, ComposeError> {
    let content = &tree.root().content;
    let sealed = content.is("multipart", "signed") || content.media.1.ends_with("pkcs7-mime");
    let quoted = match original {
        Some((original, true)) if !sealed => quote::bodies(mime, tree, original)?,
        Some(_) | None => quote::Quoted::default(),
    };
    let replace = |number: usize| -> Option<Replaced> {
        quoted.parts.iter().find(|(part, _)| *part == number).map(|(_, replaced)| replaced.clone())
    };
    let mut body = Vec::with_capacity(mime.len());
    let changed = Rewrite { raw: mime, tree, goes: Goes::Out, replace: &replace }.content(0, &mut body);
    let behind: Vec<Vec<u8>> = quoted.extra.into_iter().chain(attached).collect();
    let changed = if behind.is_empty() || sealed {
        changed
    } else {
        Some(original::wrapped(mime, tree, changed.as_ref(), &mut body, &behind, sending))
    };
    envelope::finish(mime, tree, changed.as_ref(), original.map(|(original, _)| original), body, sending)
}

#[cfg(test)]
mod tests;
