//! The messages to be sent.

use std::collections::BTreeMap;

use crate::{BlobId, NewOutgoing, Outgoing, OutgoingId, UserId};

#[derive(Default)]
pub(super) struct Queue {
    rows: BTreeMap<OutgoingId, Outgoing>,
    last: u64,
}

impl Queue {
    pub(super) fn add(&mut self, user: UserId, new: NewOutgoing) {
        self.last += 1;
        let id = OutgoingId(self.last);
        let outgoing = Outgoing {
            id,
            user,
            sender: new.sender,
            recipients: new.recipients,
            failed: Vec::new(),
            delayed: Vec::new(),
            delay_told: false,
            blob: new.blob,
            queued: new.queued,
            attempts: 0,
            tried: None,
            waited: 0,
            next_attempt: new.queued,
            last_error: None,
        };
        self.rows.insert(id, outgoing);
    }

    pub(super) fn put(&mut self, outgoing: &Outgoing) {
        if outgoing.recipients.is_empty() && outgoing.failed.is_empty() {
            self.rows.remove(&outgoing.id);
        } else if let Some(stored) = self.rows.get_mut(&outgoing.id) {
            *stored = outgoing.clone();
        }
    }

    pub(super) fn due(&self, now: i64, limit: usize) -> Vec<Outgoing> {
        let due = |outgoing: &&Outgoing| outgoing.next_attempt <= now;
        self.rows.values().filter(due).take(limit).cloned().collect()
    }

    pub(super) fn get(&self, id: OutgoingId) -> Option<Outgoing> {
        self.rows.get(&id).cloned()
    }

    pub(super) fn list(&self, after: OutgoingId, limit: usize) -> Vec<Outgoing> {
        self.rows.values().filter(|outgoing| outgoing.id > after).take(limit).cloned().collect()
    }

    /// Whether it is there.
    pub(super) fn retry(&mut self, id: OutgoingId, now: i64) -> bool {
        self.rows.get_mut(&id).map(|outgoing| outgoing.retry(now)).is_some()
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, id: OutgoingId) -> bool {
        self.rows.remove(&id).is_some()
    }

    /// Removes what a user sent.
    pub(super) fn forget(&mut self, user: UserId) {
        self.rows.retain(|_, outgoing| outgoing.user != user);
    }

    pub(super) fn blobs(&self) -> impl Iterator<Item = BlobId> {
        self.rows.values().map(|outgoing| outgoing.blob)
    }
}
