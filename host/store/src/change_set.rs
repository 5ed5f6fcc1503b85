//! All that one step changes.

use easel_protocol::{CollectionId, Facts, FolderType, Groups, MailRecord, ServerId, SyncKey};

use crate::{BlobId, CollectionState, DeviceKey, Modseq, NewOutgoing, NewQuarantined, Outgoing, QuarantineId, UserId};

/// Conversations of a mailbox of which what comes later goes into a folder.
pub const FOLLOWED_MAX: usize = 1000;

/// Changes that become visible together, or not at all.
#[derive(Clone, Debug)]
pub struct ChangeSet {
    /// Whose mailbox.
    pub user: UserId,
    /// The device whose Sync this is; `None` for everything else. Its own changes are not sent back to it.
    pub author: Option<DeviceKey>,
    /// What changes, in order.
    pub writes: Vec<Write>,
}

impl ChangeSet {
    /// Nothing yet, by nobody.
    pub const fn new(user: UserId) -> Self {
        Self { user, author: None, writes: Vec::new() }
    }

    /// Nothing yet, by a device inside a Sync.
    pub const fn by(user: UserId, author: DeviceKey) -> Self {
        Self { user, author: Some(author), writes: Vec::new() }
    }
}

/// One change.
#[derive(Clone, Debug)]
pub enum Write {
    /// A folder comes. Its id is reserved before ([`crate::Store::reserve_folder`]).
    /// [`crate::StoreError::Exists`] when the parent has a folder of that name.
    AddFolder {
        /// Its id.
        id: CollectionId,
        /// Where; `None` is the root.
        parent: Option<CollectionId>,
        /// Its name.
        name: String,
        /// What it is for.
        kind: FolderType,
    },
    /// An item comes. Its id is reserved before ([`crate::Store::reserve_items`]).
    AddItem {
        /// Its id.
        id: ServerId,
        /// Where.
        folder: CollectionId,
        /// What.
        content: NewContent,
        /// What is known of it.
        facts: Facts,
    },
    /// The text of an event, contact, task or note is replaced.
    ChangeContent {
        /// Which.
        id: ServerId,
        /// The new text.
        content: String,
        /// What is known of it now.
        facts: Facts,
        /// The change rests on the item as at this number: [`crate::StoreError::Stale`] when it changed since.
        seen: Modseq,
    },
    /// What the mailbox knows of a mail is replaced.
    ChangeRecord {
        /// Which.
        id: ServerId,
        /// The new record.
        record: MailRecord,
        /// What of it changed.
        groups: Groups,
        /// As in [`Write::ChangeContent`].
        seen: Modseq,
    },
    /// A mail is put into the mailbox by nobody, whoever the author of the change set is: the device whose Sync this is
    /// gets it like any other. One that would come into any folder but Sent Items goes where its conversation goes
    /// ([`Write::FollowConversation`]). Otherwise as [`Write::AddItem`].
    DeliverItem {
        /// Its id.
        id: ServerId,
        /// Where.
        folder: CollectionId,
        /// What.
        content: NewContent,
        /// What is known of it.
        facts: Facts,
    },
    /// What comes of a conversation later goes into a folder as well, until that folder goes. Of more conversations than
    /// [`FOLLOWED_MAX`] those go that were named longest ago.
    FollowConversation {
        /// Which.
        conversation: [u8; 16],
        /// Where to; `None` ends it.
        to: Option<CollectionId>,
    },
    /// An item goes to another folder of the same mailbox: it leaves here and enters there under a new id. The author
    /// is written only to the row of leaving: the device has not got the item in its new place.
    MoveItem {
        /// Which.
        id: ServerId,
        /// Where to.
        to: CollectionId,
        /// Its id there, reserved before.
        new_id: ServerId,
    },
    /// The state of a collection for a device is replaced; `None` forgets it.
    PutCollection {
        /// Whose state.
        device: DeviceKey,
        /// Of which collection.
        collection: CollectionId,
        /// The state the change rests on: its key, or `None` when there was none.
        /// [`crate::StoreError::Stale`] when it is another.
        expect: Option<SyncKey>,
        /// The new state.
        state: Option<CollectionState>,
    },
    /// What an attempt to send left is written back ([`crate::Store::put_outgoing`]), together with what the sender is told
    /// of it.
    PutOutgoing(Outgoing),
    /// A small value of a device is replaced; `None` forgets it.
    PutDeviceValue {
        /// Whose.
        device: DeviceKey,
        /// Its name, such as `hierarchy` or `ping`.
        name: &'static str,
        /// The value, opaque here.
        value: Option<Vec<u8>>,
    },
    /// A small value of the mailbox is replaced (Oof and the like); `None` forgets it.
    PutValue {
        /// Its name.
        name: &'static str,
        /// The value, opaque here.
        value: Option<Vec<u8>>,
    },
    /// Something withheld goes into quarantine. What is older makes room for it
    /// ([`QUARANTINE_MAX`](crate::QUARANTINE_MAX), [`QUARANTINE_BYTES_MAX`](crate::QUARANTINE_BYTES_MAX)); what is larger
    /// than all together may be is not kept.
    Quarantine(NewQuarantined),
    /// A message is to be sent.
    Queue(NewOutgoing),
    /// A message was accepted from a device: a repeated one is recognised ([`crate::Snapshot::was_sent`]).
    RememberSent {
        /// From which device.
        device: DeviceKey,
        /// A ClientId, or a hash of the message.
        token: Vec<u8>,
        /// When, milliseconds since 1970.
        at: i64,
    },
    /// A folder goes, with everything inside.
    RemoveFolder {
        /// Which.
        id: CollectionId,
    },
    /// An item goes.
    RemoveItem {
        /// Which.
        id: ServerId,
    },
    /// Something leaves the quarantine; [`crate::StoreError::NotFound`] when it is not there any more.
    TakeFromQuarantine {
        /// Which.
        id: QuarantineId,
    },
    /// A folder gets another name or place. [`crate::StoreError::Exists`] as for [`Write::AddFolder`].
    UpdateFolder {
        /// Which.
        id: CollectionId,
        /// Its place.
        parent: Option<CollectionId>,
        /// Its name.
        name: String,
    },
    /// Once everything is written, the mailbox holds at most so many bytes ([`crate::Store::mailbox_bytes`]), or no more than
    /// before; else [`crate::StoreError::OverQuota`].
    Within {
        /// So many.
        bytes_max: u64,
    },
}

impl Write {
    /// The mail that it names, which must be stored before it.
    pub const fn blob(&self) -> Option<BlobId> {
        if let Self::AddItem { content: NewContent::Mail { blob, .. }, .. }
        | Self::DeliverItem { content: NewContent::Mail { blob, .. }, .. } = self
        {
            Some(*blob)
        } else if let Self::Queue(new) = self {
            Some(new.blob)
        } else if let Self::Quarantine(new) = self {
            Some(new.blob)
        } else {
            None
        }
    }
}

/// What comes with a new item.
#[expect(clippy::large_enum_variant, reason = "lives for one commit; boxing would only move the bytes")]
#[derive(Clone, Debug)]
pub enum NewContent {
    /// A mail whose bytes are stored already ([`crate::Store::put_blob`]).
    Mail {
        /// Where its bytes lie.
        blob: BlobId,
        /// How many they are.
        size: u64,
        /// Its part index.
        index: Vec<u8>,
        /// What the mailbox knows of it.
        record: MailRecord,
    },
    /// The text of an event, contact, task or note.
    Object(String),
}

/// What a commit made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The mailbox's counter after it.
    pub modseq: Modseq,
}
