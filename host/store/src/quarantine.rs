//! What a pack withheld from a device's side: kept for a while, so that it can be put back.

use easel_protocol::{Class, CollectionId, ServerId};
use serde::{Deserialize, Serialize};

use crate::{BlobId, DeviceKey, UserId};

/// Things kept of one user; older ones go first.
pub const QUARANTINE_MAX: usize = 1000;

/// Bytes kept of one user, over all things; older ones go first.
pub const QUARANTINE_BYTES_MAX: u64 = 100 << 20;

/// Names something in a user's quarantine; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuarantineId(pub u64);

/// Something to be kept in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewQuarantined {
    /// The device that sent it.
    pub device: DeviceKey,
    /// When, milliseconds since 1970.
    pub at: i64,
    /// What it is.
    pub kind: QuarantinedKind,
    /// The pack that withheld it.
    pub pack: String,
    /// The version of the pack.
    pub pack_version: String,
    /// Why, in the words of the pack.
    pub reason: String,
    /// Its bytes, stored before ([`crate::Store::put_blob`]).
    pub blob: BlobId,
    /// How many they are.
    pub size: u64,
}

/// What is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QuarantinedKind {
    /// What a device wanted to add or to change; the bytes are its ApplicationData, WBXML.
    Item {
        /// Of which class.
        class: Class,
        /// In which folder.
        folder: CollectionId,
        /// What it changes; `None` when it adds.
        item: Option<ServerId>,
        /// How the device spoke, opaque here.
        manner: Vec<u8>,
    },
    /// A message that was to be sent, with Bcc; the bytes are RFC 5322.
    Message,
}

/// Something in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// The id, unique for the user.
    pub id: QuarantineId,
    /// Whose device sent it.
    pub user: UserId,
    /// What was put there.
    pub new: NewQuarantined,
}
