//! What became of messages, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use easel_store::Outgoing;

/// What became of recipients of queued messages since the process started, for whoever looks at it from outside.
#[derive(Debug, Default)]
pub struct Tally {
    attempts: AtomicU64,
    done: AtomicU64,
    deferred: AtomicU64,
    failed: AtomicU64,
}

/// A [`Tally`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallied {
    /// Attempts at a message that have ended.
    pub attempts: u64,
    /// Attempts after which nobody was left and nobody had refused.
    pub sent: u64,
    /// Attempts after which somebody is to be tried again.
    pub deferred: u64,
    /// Recipients given up.
    pub failed: u64,
}

impl Tally {
    /// An attempt has ended, and left the message like this.
    pub(super) fn ended(&self, row: &Outgoing) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        self.failed.fetch_add(row.failed.len() as u64, Ordering::Relaxed);
        if !row.recipients.is_empty() {
            self.deferred.fetch_add(1, Ordering::Relaxed);
        } else if row.failed.is_empty() {
            self.done.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What was counted so far.
    pub fn read(&self) -> Tallied {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Tallied {
            attempts: of(&self.attempts),
            sent: of(&self.done),
            deferred: of(&self.deferred),
            failed: of(&self.failed),
        }
    }
}
