//! What a device holds of a collection.

use std::collections::BTreeSet;

use easel_protocol::{CollectionId, ServerId, SyncKey, WindowKey};
use litemap::LiteMap;
use serde::{Deserialize, Serialize};

use crate::Modseq;

/// A place in the order of window keys; the id parts equals.
pub type Position = (WindowKey, ServerId);

/// Above every item: nothing is held yet.
pub const POSITION_START: Position = (WindowKey(i64::MAX), ServerId::new(u64::MAX));

/// What a device holds of one folder: the memberships entered at or before `w` and not left at `w`, whose key as at
/// `w` is at or above `low`, except the withheld ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Rows of the change log up to here are dealt with.
    pub w: Modseq,
    /// The lowest position held.
    pub low: Position,
    /// In range and not on the device: withheld by a pack, not convertible, or gone before it could be sent.
    pub withheld: BTreeSet<ServerId>,
    /// On the device, to be sent again though unchanged.
    pub resend: BTreeSet<ServerId>,
}

impl Cursor {
    /// Holds nothing, from the mailbox's present on.
    pub const fn starting(present: Modseq) -> Self {
        Self { w: present, low: POSITION_START, withheld: BTreeSet::new(), resend: BTreeSet::new() }
    }
}

/// The folders a collection is made of: one, or several that the device sees as one. Nearly always one, and thousands are
/// remembered, so this takes no more room than it needs.
pub type Cursors = LiteMap<CollectionId, Cursor>;

/// The state of a collection for one device: the step that led to the current key, and what is left of the one before.
///
/// ```text
///   key 0 --> step 1 (nothing held) --key 1--> step 2 --key 2--> step 3 ...
///                                     ^ key 1 again: the answer was lost; the same range, the same new key
/// ```
/// A request with the current key proves that the answer which carried it arrived; only then does `before` move on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionState {
    /// Random, new at every reset.
    pub generation: u32,
    /// The number in the current key, from 1.
    pub step: u64,
    /// What the device held at the key before the current one.
    pub before: Cursors,
    /// What it holds at the current key.
    pub after: Cursors,
    /// Client commands applied in the step that led to the current key.
    pub outcomes: Vec<Outcome>,
    /// Sticky options and the like, opaque here.
    pub options: Vec<u8>,
}

impl CollectionState {
    /// The current key.
    pub const fn key(&self) -> SyncKey {
        SyncKey::Issued { generation: self.generation, step: self.step }
    }

    /// Whether `key` is the one before the current one.
    pub fn is_previous(&self, key: SyncKey) -> bool {
        self.step > 1 && key == SyncKey::Issued { generation: self.generation, step: self.step - 1 }
    }

    /// The lowest row of the log that the state may still read.
    pub fn needs_log_after(&self) -> Option<Modseq> {
        self.before.values().chain(self.after.values()).map(|cursor| cursor.w).min()
    }
}

/// What came of a client command, so that a repeated one is answered and not done again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Which command.
    pub token: OutcomeToken,
    /// The item made or changed.
    pub item: Option<ServerId>,
    /// MS-ASCMD 2.2.3.177.17 "Status (Sync)".
    pub status: u8,
    /// Further content of the answer, encoded, opaque here; empty when there is none.
    pub answer: Vec<u8>,
}

/// How a repeated command is recognised.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OutcomeToken {
    /// An Add, by the device's own name for it.
    ClientId(String),
    /// A Change or Delete, by a hash of its kind, ServerId and data.
    Hash([u8; 16]),
}
