//! Attachments, as ItemOperations and GetAttachment hand them out.

use std::ops::Range;

use easel_items::ItemError;
use easel_items::email::{self, Attachment};
use easel_protocol::FileReference;
use easel_store::{Content, Snapshot, StoreError};

use crate::context::{Context, Failure};
use crate::hierarchy;
use crate::render::{StoredMail, index};

/// Why an attachment is not handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The range begins behind the end.
    BadRange,
    /// The mail cannot be read.
    Broken,
    /// It has no bytes.
    Empty,
    /// The policy allows no attachments.
    Forbidden,
    /// There is none of that name, or not for this device.
    NotFound,
    /// It is larger than the policy allows, or than `bytes_max`.
    TooLarge,
}

/// An attachment or a range of its bytes, at most `bytes_max` of them.
pub(crate) fn read(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    reference: &str,
    range: Option<Range<u64>>,
    bytes_max: u64,
) -> Result<Result<Attachment, Denied>, Failure> {
    let policy = &context.service.settings().policy;
    if !policy.attachments_enabled() {
        return Ok(Err(Denied::Forbidden));
    }
    let Ok(FileReference { item, part }) = FileReference::parse(reference) else { return Ok(Err(Denied::NotFound)) };
    let Some(item) = snapshot.item(item)? else { return Ok(Err(Denied::NotFound)) };
    let view = hierarchy::view(snapshot, &context.profile, context.version)?;
    let Content::Mail(mail) = &item.content else { return Ok(Err(Denied::NotFound)) };
    if !view.iter().any(|folder| folder.folders.contains(&item.folder)) {
        return Ok(Err(Denied::NotFound));
    }
    let raw = StoredMail::new(snapshot, mail);
    let index = match index(mail, &raw) {
        Ok(index) => index,
        Err(error) => return broken(error),
    };
    let Some(size) = index.attachments().find(|other| other.number == part).map(|part| part.size) else {
        return Ok(Err(Denied::NotFound));
    };
    let wanted = range.unwrap_or(0..size);
    let denied = if size > policy.attachment_bytes_max() {
        Some(Denied::TooLarge)
    } else if size == 0 {
        Some(Denied::Empty)
    } else if wanted.start >= size {
        Some(Denied::BadRange)
    } else {
        (wanted.end.min(size) - wanted.start > bytes_max).then_some(Denied::TooLarge)
    };
    if let Some(denied) = denied {
        return Ok(Err(denied));
    }
    match email::attachment(&index, part, &raw, Some(wanted)) {
        Ok(attachment) => Ok(Ok(attachment)),
        Err(error) => broken(error),
    }
}

fn broken(error: ItemError) -> Result<Result<Attachment, Denied>, Failure> {
    match error {
        ItemError::Read(error) => Err(StoreError::backend("reading a mail", error.to_string()).into()),
        error => {
            tracing::warn!(%error, "an attachment cannot be read");
            Ok(Err(Denied::Broken))
        }
    }
}
