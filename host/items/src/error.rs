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

impl PartialEq for ReadError {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for ReadError {}
