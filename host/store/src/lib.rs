//! The store of Easel: what is kept, and the promises every store gives.
//!
//! [`Store`] is the trait, [`Snapshot`] one consistent look at a mailbox, [`ChangeSet`] all that one step changes.
//! [`cursor`] is the rule that decides what a device is sent; it lives here because it is a statement about the change
//! log. The room holds the in-memory store and the suite every store must pass ([`mod@conformance`]). It knows no SQL and
//! no format: it never parses an object.

mod alike;
mod app_password;
mod backup;
pub mod bus;
mod change_set;
mod collection;
pub mod conformance;
pub mod cursor;
mod device;
mod directory;
mod error;
mod histogram;
mod item;
pub mod memory;
pub mod model;
mod outgoing;
mod quarantine;
mod snapshot;
mod store;
mod words;

pub use alike::Alike;
pub use app_password::{AppPassword, AppPasswordId, AppSecret, NewAppPassword};
pub use backup::{Backup, LEFT_OUT_MAX, LeftOut, LeftOutMail, NamedBy};
pub use bus::{Bus, Event, Interest, LocalBus, WatchId};
pub use change_set::{ChangeSet, Committed, FOLLOWED_MAX, NewContent, Write};
pub use collection::{CollectionState, Cursor, Cursors, Outcome, OutcomeToken, POSITION_START, Position};
pub use device::{Device, DeviceKey, PolicyState, Provisioning, Wipe, change_device, change_device_of};
pub use directory::{GalEntry, NewUser, Tenant, TenantId, User, UserId, WELL_KNOWN_FOLDERS};
pub use error::{Missing, StoreError};
pub use histogram::{Histogram, HistogramRead};
pub use item::{BlobId, Content, Folder, Item, LogKind, LogRow, Mail, Modseq};
pub use memory::MemoryStore;
pub use outgoing::{FailedRecipient, HELD_UNTIL, NewOutgoing, Outgoing, OutgoingId};
pub use quarantine::{
    NewQuarantined, QUARANTINE_BYTES_MAX, QUARANTINE_MAX, QuarantineId, Quarantined, QuarantinedKind,
};
pub use snapshot::{Order, Place, Query, Snapshot, Term};
pub use store::Store;
pub use words::begins_a_word;
