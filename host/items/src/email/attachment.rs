//! The content of one attachment. MS-ASAIRS 2.2.2.24.1 "FileReference", MS-ASCMD 2.2.1.5 "GetAttachment".

use std::ops::Range;
use std::sync::Arc;

use super::Raw;
use super::decode::Decoder;
use super::index::{Index, Transfer};
use crate::ItemError;

/// Bytes read at once.
const PIECE: u64 = 256 * 1024;

/// An attachment, or a range of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// `type/subtype`.
    pub content_type: String,
    /// The name it is shown by.
    pub display_name: String,
    /// Bytes of all of it.
    pub total: u64,
    /// The bytes asked for, decoded. Fewer than asked for if the range goes past the end.
    pub bytes: Vec<u8>,
}

/// The attachment with that number, or `range` of its decoded bytes. No more than the range is held in memory.
pub fn attachment(
    index: &Index,
    number: u32,
    raw: &dyn Raw,
    range: Option<Range<u64>>,
) -> Result<Attachment, ItemError> {
    let part = index.attachments().find(|part| part.number == number).ok_or(ItemError::NoSuchPart(number))?;
    let wanted = range.unwrap_or(0..u64::MAX);
    let wanted = wanted.start.min(part.size)..wanted.end.min(part.size);
    let bytes = match part.transfer {
        Transfer::Identity => {
            raw.read(part.start + wanted.start..part.start + wanted.end.max(wanted.start)).map_err(Arc::new)?
        }
        Transfer::Base64 | Transfer::QuotedPrintable => {
            let mut decoder = Decoder::new(part.transfer);
            let mut sieve = Sieve { wanted, at: 0, bytes: Vec::new() };
            let mut piece = Vec::new();
            let mut at = part.start;
            while at < part.end && sieve.at < sieve.wanted.end {
                let read = raw.read(at..part.end.min(at + PIECE)).map_err(Arc::new)?;
                if read.is_empty() {
                    break;
                }
                at += read.len() as u64;
                decoder.push(&read, &mut piece);
                sieve.take(&mut piece);
            }
            decoder.finish(&mut piece);
            sieve.take(&mut piece);
            sieve.bytes
        }
    };
    Ok(Attachment {
        content_type: part.content_type.clone(),
        display_name: part.name.clone().unwrap_or_default(),
        total: part.size,
        bytes,
    })
}

/// Keeps the wanted range of what streams past.
struct Sieve {
    wanted: Range<u64>,
    at: u64,
    bytes: Vec<u8>,
}

impl Sieve {
    fn take(&mut self, piece: &mut Vec<u8>) {
        let end = self.at + piece.len() as u64;
        let place = |wanted: u64| usize::try_from(wanted.clamp(self.at, end) - self.at).unwrap_or(usize::MAX);
        let (from, to) = (place(self.wanted.start), place(self.wanted.end));
        self.bytes.extend_from_slice(piece.get(from..to).unwrap_or_default());
        self.at = end;
        piece.clear();
    }
}
