//! Mail: RFC 5322 to the Email class, and what a device may change of it.
//!
//! MS-ASEMAIL; MIME is RFC 2045 to 2049, 2183, 2231, 3462, 8551. A mail is parsed once, when it arrives: [`index`]
//! makes the part index that is stored beside it. A page of mail then reads the ranges it shows and nothing else.
//!
//! ```text
//! delivery   raw --index--> Index (to_bytes) + Facts
//! Sync       Index + MailRecord + ranges of raw --properties--> ApplicationData
//! device     ApplicationData --apply--> MailRecord
//! ```

mod addresses;
mod apply;
mod attachment;
mod class;
mod conversation;
mod decode;
mod flag;
mod forms;
mod header;
mod index;
pub(crate) mod mime;
mod name;
mod properties;
mod record;
mod select;
mod seven_bit;
pub(crate) mod structure;

use std::ops::Range;

pub use apply::apply;
pub use attachment::{Attachment, attachment};
pub use class::MessageClass;
pub use conversation::thread_topic;
pub use forms::Mail;
pub use index::{Disposition, Index, Indexed, Mailbox, PARSER_VERSION, Part, Transfer, index};
pub use name::{HeaderLines, content_hash, field_name, is_status_field, name_by_hash, without_status_fields};
pub use properties::{calendar_text, changed, properties};
pub use record::{received_as_bcc, record_from_headers};

pub(crate) use addresses::{addresses, all_addresses, written};
pub(crate) use decode::{Decoder, guess};
pub(crate) use header::{FIELDS_MAX, Field, field_end, fields, text as header_text};
pub(crate) use select::select;

use crate::ReadError;

/// Where the bytes of a stored mail are read from.
pub trait Raw {
    /// How many there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a range; one that goes past the end is cut.
    fn read(&self, range: Range<u64>) -> Result<Vec<u8>, ReadError>;
}

impl Raw for &[u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read(&self, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(<[u8]>::len(self));
        Ok(self.get(place(range.start)..place(range.end)).unwrap_or_default().to_vec())
    }
}

impl Raw for Vec<u8> {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn read(&self, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
        self.as_slice().read(range)
    }
}

#[cfg(test)]
pub(crate) mod tests;
