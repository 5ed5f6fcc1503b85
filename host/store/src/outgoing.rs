//! The durable queue of messages to be sent.

use crate::{BlobId, UserId};

/// Names a queued message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutgoingId(pub u64);

/// A message to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOutgoing {
    /// The envelope's sender; empty for a report.
    pub sender: String,
    /// The envelope's recipients.
    pub recipients: Vec<String>,
    /// The message, without Bcc.
    pub blob: BlobId,
    /// When it was accepted, milliseconds since 1970.
    pub queued: i64,
}

/// A queued message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The id.
    pub id: OutgoingId,
    /// Who sent it.
    pub user: UserId,
    /// As in [`NewOutgoing`].
    pub sender: String,
    /// The recipients still to be served.
    pub recipients: Vec<String>,
    /// As in [`NewOutgoing`].
    pub blob: BlobId,
    /// As in [`NewOutgoing`].
    pub queued: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// Not before this, milliseconds since 1970.
    pub next_attempt: i64,
    /// What the last attempt said.
    pub last_error: Option<String>,
}
