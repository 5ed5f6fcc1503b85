//! Attachments, as ItemOperations and GetAttachment hand them out.

use std::ops::Range;

use easel_items::email::{self, Attachment};
use easel_items::{ItemError, calendar};
use easel_protocol::FileReference;
use easel_store::{Content, Mail, Snapshot};

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
    /// Its bytes are stored and cannot be read: the disk fails, or the file is damaged.
    Unreadable,
}

/// An attachment or a range of its bytes, at most `bytes_max` of them.
pub(crate) fn read(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    reference: &str,
    range: Option<Range<u64>>,
    bytes_max: u64,
) -> Result<Result<Attachment, Denied>, Failure> {
    let policy = &context.settings.policy;
    if !policy.attachments_enabled() {
        return Ok(Err(Denied::Forbidden));
    }
    let Ok(FileReference { item, part }) = FileReference::parse(reference) else { return Ok(Err(Denied::NotFound)) };
    let Some(item) = snapshot.item(item)? else { return Ok(Err(Denied::NotFound)) };
    let view = hierarchy::view(snapshot, context)?;
    if !view.iter().any(|folder| folder.folders.contains(&item.folder)) {
        return Ok(Err(Denied::NotFound));
    }
    let bounds = Bounds { of_attachment: policy.attachment_bytes_max(), of_answer: bytes_max };
    match &item.content {
        Content::Mail(mail) => Ok(of_mail(snapshot, mail, part, range, bounds)),
        Content::Object(content) => Ok(of_event(content, part, range, bounds)),
    }
}

/// The most bytes an attachment, and one answer, may have.
#[derive(Clone, Copy)]
struct Bounds {
    of_attachment: u64,
    of_answer: u64,
}

impl Bounds {
    /// The part of an attachment of `size` bytes that is handed out.
    fn allow(self, size: u64, range: Option<Range<u64>>) -> Result<Range<u64>, Denied> {
        let wanted = range.unwrap_or(0..size);
        if size > self.of_attachment {
            Err(Denied::TooLarge)
        } else if size == 0 {
            Err(Denied::Empty)
        } else if wanted.start >= size {
            Err(Denied::BadRange)
        } else if wanted.end.min(size) - wanted.start > self.of_answer {
            Err(Denied::TooLarge)
        } else {
            Ok(wanted)
        }
    }
}

fn of_mail(
    snapshot: &dyn Snapshot,
    mail: &Mail,
    part: u32,
    range: Option<Range<u64>>,
    bounds: Bounds,
) -> Result<Attachment, Denied> {
    let raw = StoredMail::new(snapshot, mail);
    let index = index(mail, &raw).map_err(|error| broken(&error))?;
    let size = index.attachments().find(|other| other.number == part).map(|part| part.size).ok_or(Denied::NotFound)?;
    let wanted = bounds.allow(size, range)?;
    email::attachment(&index, part, &raw, Some(wanted)).map_err(|error| broken(&error))
}

/// An attachment of an event (16.0 and later); everything else that is no mail has none.
fn of_event(content: &str, part: u32, range: Option<Range<u64>>, bounds: Bounds) -> Result<Attachment, Denied> {
    let found = calendar::attachment(content, part).map_err(|_| Denied::NotFound)?;
    let total = found.bytes.len() as u64;
    let wanted = bounds.allow(total, range)?;
    let place = |at: u64| usize::try_from(at.min(total)).expect("it is held in memory");
    let bytes = found.bytes[place(wanted.start)..place(wanted.end)].to_vec();
    Ok(Attachment { content_type: found.content_type, display_name: found.name, total, bytes })
}

/// Why a mail that is there hands out nothing; the cause is logged.
fn broken(error: &ItemError) -> Denied {
    match error {
        ItemError::Read(_) => {
            tracing::error!(%error, "the bytes of an attachment cannot be read");
            Denied::Unreadable
        }
        ItemError::BadObject { .. }
        | ItemError::OldIndex(_)
        | ItemError::NoSuchPart(_)
        | ItemError::NoSuchOccurrence
        | ItemError::Rule { .. }
        | ItemError::WrongClass(_) => {
            tracing::warn!(%error, "an attachment cannot be read");
            Denied::Broken
        }
    }
}
