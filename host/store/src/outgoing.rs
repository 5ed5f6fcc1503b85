//! The durable queue of messages to be sent.

use serde::{Deserialize, Serialize};

use crate::{BlobId, UserId};

/// Names a queued message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutgoingId(pub u64);

/// [`Outgoing::next_attempt`] of a message that waits until somebody decides: in the year 2100.
pub const HELD_UNTIL: i64 = 4_102_444_800_000;

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

/// Somebody a message was not brought to, for good or so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRecipient {
    /// As the envelope names them.
    pub recipient: String,
    /// Why: what was answered.
    pub reason: String,
    /// The same as a number, such as `5.1.1` (RFC 3463); empty: nobody said.
    pub status: String,
    /// Who answered; empty: this server.
    pub host: String,
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
    /// Those who were refused for good and of whom the sender was not told yet; the message stays until then. They are
    /// not tried again by themselves ([`crate::Store::retry_outgoing`]).
    pub failed: Vec<FailedRecipient>,
    /// What was last said of those still to be served; of some nothing was said.
    pub delayed: Vec<FailedRecipient>,
    /// Whether the sender was told that it takes long.
    pub delay_told: bool,
    /// As in [`NewOutgoing`].
    pub blob: BlobId,
    /// As in [`NewOutgoing`].
    pub queued: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was tried last, milliseconds since 1970; `None`: never, or nobody noted it.
    pub tried: Option<i64>,
    /// For how long it has been tried, in milliseconds, as far as that is known: this is what it expires by.
    pub waited: i64,
    /// Not before this, milliseconds since 1970.
    pub next_attempt: i64,
    /// What the last attempt said.
    pub last_error: Option<String>,
}

impl Outgoing {
    /// Has it tried at `now`, also for those who were refused for good. While it was held it was not tried.
    pub fn retry(&mut self, now: i64) {
        self.recipients.extend(self.failed.drain(..).map(|failed| failed.recipient));
        if self.next_attempt == HELD_UNTIL {
            self.tried = Some(now);
        }
        self.next_attempt = now;
    }
}
