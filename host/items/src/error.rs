//! Why an item cannot be converted.

use easel_protocol::Class;

/// Why an item cannot be converted in one direction or the other.
///
/// Going out, the item is left out and reported to the administrator; coming in, the device gets the item status 6
/// (MS-ASCMD 2.2.3.177.17 "Status (Sync)") and nothing is stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// The stored object is not what its class says.
    #[error("the stored object is no {format}: {reason}")]
    BadObject {
        /// `iCalendar`, `vCard` or `RFC 5322`.
        format: &'static str,
        /// What was found.
        reason: String,
    },
    /// Part index bytes of another parser, or damaged ones: index the message again.
    #[error("part index of version {0} cannot be read")]
    OldIndex(u8),
    /// A part of the mail that is not there.
    #[error("the mail has no part {0}")]
    NoSuchPart(u32),
    /// An occurrence that the series does not have.
    #[error("no such occurrence")]
    NoSuchOccurrence,
    /// Reading the stored bytes failed.
    #[error("the stored bytes could not be read")]
    Read(#[from] std::sync::Arc<ReadError>),
    /// A property breaks a rule of its class.
    #[error("{element}: {reason}")]
    Rule {
        /// The element.
        element: &'static str,
        /// Which rule.
        reason: &'static str,
    },
    /// A class that this function does not serve.
    #[error("class {0} is not served here")]
    WrongClass(Class),
}

/// What a [`crate::email::Raw`] could not do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);

/// Why a message that a device sent cannot be submitted. MS-ASCMD 2.2.2 has the numbers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// Status 107: the bytes are no message.
    #[error("the bytes are no message")]
    NotMime,
    /// Status 119.
    #[error("the message has no recipient")]
    NoRecipients,
    /// Status 116: a recipient that no server could deliver to.
    #[error("{0:?} is not an address")]
    BadRecipient(String),
    /// Status 115: more recipients than one message may have.
    #[error("{count} recipients are more than {max}")]
    TooManyRecipients {
        /// How many there are.
        count: usize,
        /// How many may be.
        max: usize,
    },
    /// Status 115: the header goes on behind what is read of it, and may name more recipients there.
    #[error("the header is longer than {bytes_max} bytes or {fields_max} fields: send the message to fewer at a time")]
    HeaderTooLong {
        /// Bytes that are read.
        bytes_max: usize,
        /// Fields that are read.
        fields_max: usize,
    },
    /// The original could not be used.
    #[error("the original message cannot be used")]
    Original(#[source] ItemError),
}

impl PartialEq for ReadError {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for ReadError {}
