//! Folders, items and the change log.

use easel_protocol::{CollectionId, Facts, FolderType, Groups, MailRecord, ServerId, WindowKey};
use serde::{Deserialize, Serialize};

use crate::DeviceKey;

/// A number of the mailbox's one change counter, in commit order. 0 is before everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Modseq(pub u64);

/// Names raw mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlobId(pub u64);

/// A folder of a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Folder {
    /// Its number, never used again.
    pub id: CollectionId,
    /// The folder it lies in; `None` at the root.
    pub parent: Option<CollectionId>,
    /// Its name, 1 to 256 characters, unique in its parent without regard to case.
    pub name: String,
    /// What it is for.
    pub kind: FolderType,
}

/// One object in one folder. MS-ASCMD calls its number ServerId.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The number of the membership.
    pub id: ServerId,
    /// Where it lies.
    pub folder: CollectionId,
    /// When it came there.
    pub entered: Modseq,
    /// When anything of it changed last.
    pub changed: Modseq,
    /// What it is.
    pub content: Content,
    /// What is known of it; `from`, `to` and the search text are not read back and empty here.
    pub facts: Facts,
}

/// What an item is.
#[expect(clippy::large_enum_variant, reason = "one at a time in hand; boxing would only move the bytes")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A mail.
    Mail(Mail),
    /// iCalendar, vCard, VTODO or VJOURNAL text, whole.
    Object(String),
}

/// A mail without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Where its bytes lie.
    pub blob: BlobId,
    /// How many bytes it has.
    pub size: u64,
    /// The part index, opaque here.
    pub index: Vec<u8>,
    /// What the mailbox knows of it.
    pub record: MailRecord,
}

/// What happened to an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum LogKind {
    /// It came into the folder.
    Entered = 0,
    /// It changed.
    Changed = 1,
    /// It left the folder.
    Left = 2,
}

/// One row of the change log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// When.
    pub modseq: Modseq,
    /// Which item.
    pub item: ServerId,
    /// What happened.
    pub kind: LogKind,
    /// Which device did it inside a Sync; `None` for everybody else.
    pub author: Option<DeviceKey>,
    /// What of it changed.
    pub groups: Groups,
    /// The window key before; of an entered item the one it entered with.
    pub key_before: WindowKey,
    /// The window key after; of a left item the one it left with.
    pub key_after: WindowKey,
}
