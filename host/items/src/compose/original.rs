//! The original attached to a forward.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::envelope::ids;
use super::{Original, Sending};
use crate::ComposeError;
use crate::email::mime::{Goes, Replaced, Rewrite, write_field};
use crate::email::structure::{Tree, walk};
use crate::email::{Part, fields};

/// Bytes of the original's header that are read.
const HEADER_BYTES_MAX: u64 = 512 * 1024;

fn read(original: &Original<'_>, range: std::ops::Range<u64>) -> Result<Vec<u8>, ComposeError> {
    original.raw.read(range).map_err(|error| ComposeError::Original(Arc::new(error).into()))
}

/// The whole message as an attachment.
pub(super) fn message(original: &Original<'_>) -> Result<Vec<u8>, ComposeError> {
    let raw = read(original, 0..original.index.size)?;
    let subject: String = original
        .index
        .subject
        .chars()
        .map(|c| if matches!(c, '/' | '\\' | ':' | '"') { '_' } else { c })
        .take(100)
        .collect();
    let name = if subject.is_empty() { "message" } else { &subject };
    let mut out = b"Content-Type: message/rfc822\r\n".to_vec();
    write_field("Content-Disposition", format!("attachment; filename=\"{name}.eml\"").as_bytes(), &mut out);
    out.extend_from_slice(b"\r\n");
    let tree = walk(&raw);
    Rewrite { raw: &raw, tree: &tree, goes: Goes::Out, replace: &|_| None }.part(0, &mut out);
    Ok(out)
}

/// The attachments, and the invitation if there is one, each as a part.
pub(super) fn attachments(original: &Original<'_>) -> Result<Vec<Vec<u8>>, ComposeError> {
    let index = original.index;
    let invitation =
        index.calendar.filter(|_| index.class.is_meeting()).and_then(|at| index.parts.get(usize::from(at)));
    invitation.into_iter().chain(index.attachments()).map(|part| attachment(original, part)).collect()
}

fn attachment(original: &Original<'_>, part: &Part) -> Result<Vec<u8>, ComposeError> {
    let raw = read(original, part.header..part.end)?;
    let tree = walk(&raw);
    let mut body = Vec::with_capacity(raw.len());
    let changed = Rewrite { raw: &raw, tree: &tree, goes: Goes::Out, replace: &|_| None }.content(0, &mut body);
    let mut out = Vec::with_capacity(raw.len() + 64);
    content_fields(&raw, &tree, changed.as_ref(), &mut out);
    out.extend_from_slice(b"\r\n");
    out.append(&mut body);
    Ok(out)
}

/// The fields that speak of the content: of a message that is one part, the others are the message's.
fn content_fields(raw: &[u8], tree: &Tree, changed: Option<&Replaced>, out: &mut Vec<u8>) {
    for field in fields(&raw[tree.root().header.clone()]) {
        let about_content = field.name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("content-"));
        if about_content && !changed.is_some_and(|changed| changed.replaces(&field)) {
            write_field(field.name, field.value, out);
        }
    }
    if let Some(changed) = changed {
        changed.write_fields(out);
    }
}

/// Makes `body`, the content of the device's message, the first part of a `multipart/mixed`; `behind` follow.
pub(super) fn wrapped(
    mime: &[u8],
    tree: &Tree,
    changed: Option<&Replaced>,
    body: &mut Vec<u8>,
    behind: &[Vec<u8>],
    sending: &Sending<'_>,
) -> Replaced {
    let mut first = Vec::with_capacity(body.len() + 256);
    content_fields(mime, tree, changed, &mut first);
    first.extend_from_slice(b"\r\n");
    first.append(body);
    let boundary = boundary(sending.message_id, &first, behind);
    for part in std::iter::once(&first).chain(behind) {
        body.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        body.extend_from_slice(part);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Replaced {
        content_type: Some(format!("multipart/mixed; boundary=\"{boundary}\"")),
        transfer: "7bit",
        body: Vec::new(),
    }
}

/// A line that no part holds. It hangs on the Message-ID, which a sender cannot know beforehand.
fn boundary(message_id: &str, first: &[u8], behind: &[Vec<u8>]) -> String {
    let mut hash = Sha256::new_with_prefix(message_id.as_bytes());
    hash.update(first);
    loop {
        let digest = hash.clone().finalize();
        let hex: String = digest.iter().take(15).map(|byte| format!("{byte:02x}")).collect();
        let boundary = format!("=_{hex}");
        let held = |part: &[u8]| memchr::memmem::find(part, boundary.as_bytes()).is_some();
        if !held(first) && !behind.iter().any(|part| held(part)) {
            return boundary;
        }
        hash.update(digest);
    }
}

/// The ids of the messages that the original answers.
pub(super) fn references(original: &Original<'_>) -> Result<Vec<String>, ComposeError> {
    let header = read(original, 0..original.index.header_size.min(HEADER_BYTES_MAX))?;
    let field = |name: &str| fields(&header).find(|field| field.is(name)).map(|field| ids(field.value));
    Ok(field("References").or_else(|| field("In-Reply-To")).unwrap_or_default())
}
