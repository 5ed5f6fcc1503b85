//! One consistent look at a mailbox.

use std::ops::Range;

use easel_protocol::{Class, CollectionId, ServerId};

use crate::{BlobId, CollectionState, DeviceKey, Folder, Item, LogRow, Modseq, Position, StoreError};

/// Everything read through one snapshot is as at [`Snapshot::modseq`]. It is held no longer than one page takes.
pub trait Snapshot {
    /// The counter of the mailbox at this moment.
    fn modseq(&self) -> Modseq;

    /// When the tree of folders changed last.
    fn hierarchy(&self) -> Result<Modseq, StoreError>;

    /// Every folder, by number.
    fn folders(&self) -> Result<Vec<Folder>, StoreError>;

    /// One folder.
    fn folder(&self, id: CollectionId) -> Result<Option<Folder>, StoreError>;

    /// One item that is there.
    fn item(&self, id: ServerId) -> Result<Option<Item>, StoreError>;

    /// Where the item lies, `None` once it left.
    fn folder_of(&self, id: ServerId) -> Result<Option<CollectionId>, StoreError>;

    /// The text of an event, contact, task or note as it was at `at`; `None` when the log does not reach back.
    fn content_at(&self, id: ServerId, at: Modseq) -> Result<Option<String>, StoreError>;

    /// The items of a folder that are there, by position in `positions` (start included, end excluded), at most
    /// `limit`.
    fn range(
        &self,
        folder: CollectionId,
        positions: Range<Position>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError>;

    /// How many items of a folder are there.
    fn count(&self, folder: CollectionId) -> Result<u64, StoreError>;

    /// The rows of a folder's log after `after`, oldest first, at most `limit`.
    fn log(&self, folder: CollectionId, after: Modseq, limit: usize) -> Result<Vec<LogRow>, StoreError>;

    /// The last row of an item's log.
    fn last_row(&self, item: ServerId) -> Result<Option<LogRow>, StoreError>;

    /// Rows up to here are no longer in the log; a cursor before it is lost.
    fn log_floor(&self) -> Result<Modseq, StoreError>;

    /// The items that are there and whose UID or Message-ID is `uid`.
    fn by_uid(&self, uid: &str) -> Result<Vec<ServerId>, StoreError>;

    /// Where what comes of a conversation goes ([`Write::FollowConversation`](crate::Write::FollowConversation)).
    fn followed(&self, conversation: [u8; 16]) -> Result<Option<CollectionId>, StoreError>;

    /// The items that a query finds, newest first.
    fn search(&self, query: &Query) -> Result<Vec<ServerId>, StoreError>;

    /// Some bytes of a mail; a range past its end is cut. [`StoreError::NotFound`] when they are lost,
    /// [`StoreError::Unreadable`] when the disk does not give them.
    fn blob(&self, id: BlobId, range: Range<u64>) -> Result<Vec<u8>, StoreError>;

    /// The state of a collection for a device.
    fn collection(&self, device: DeviceKey, collection: CollectionId) -> Result<Option<CollectionState>, StoreError>;

    /// A small value of a device.
    fn device_value(&self, device: DeviceKey, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// A small value of the mailbox.
    fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// When a message with that token was accepted from the device, milliseconds since 1970.
    fn was_sent(&self, device: DeviceKey, token: &[u8]) -> Result<Option<i64>, StoreError>;
}

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Highest position first: newest.
    Descending,
    /// Lowest position first: oldest.
    Ascending,
}

/// What a search looks for; everything given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// What must stand in the item, all of it.
    pub words: Vec<Term>,
    /// In these folders; empty means in all.
    pub folders: Vec<CollectionId>,
    /// Of these classes; empty means of any.
    pub classes: Vec<Class>,
    /// Of this conversation.
    pub conversation: Option<[u8; 16]>,
    /// Arrived (or, of an event, ending) after this, milliseconds since 1970.
    pub after: Option<i64>,
    /// Arrived before this.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// Words that must stand in an item, one behind the other, without regard to case.
///
/// A word is a run of letters and digits; what lies between them (`anna@one`, `big plan`) is not looked at. In Chinese,
/// Japanese and Korean every character begins a word ([`crate::begins_a_word`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Term {
    /// The words. An empty text asks for nothing; one without a letter or digit is found nowhere.
    pub text: String,
    /// Where they must stand.
    pub place: Place,
    /// Whether the last of them is a whole word too, and not only the beginning of one.
    pub whole: bool,
}

impl From<&str> for Term {
    /// Words anywhere, the last of them as a beginning.
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }
}

/// A part of an item that is searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Subject, people or text.
    #[default]
    Anywhere,
    /// Who wrote it: `from` of [`easel_protocol::Facts`].
    From,
    /// The subject.
    Subject,
    /// Those it is for: `to` of [`easel_protocol::Facts`].
    To,
}
