//! A copy of everything, on its way out.

use std::fmt;

use crate::StoreError;

/// A copy of a store as it was when it was begun, as bytes that a store of the same kind reads back.
///
/// While it lasts the store goes on; only mail that nothing names any more is not swept.
pub trait Backup: fmt::Debug + Send {
    /// The next bytes, at most about 1 MiB; none at the end.
    fn piece(&mut self) -> Result<Vec<u8>, StoreError>;

    /// Mails that are not in the copy. All of them are known when [`Self::piece`] has come to the end.
    fn left_out(&self) -> &LeftOut;
}

/// Mails that a backup names.
pub const LEFT_OUT_MAX: usize = 100;

/// Mails that something names and that are not in a backup; none where store and disk are sound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The first [`LEFT_OUT_MAX`].
    pub mails: Vec<LeftOutMail>,
    /// How many the store has not got any more.
    pub lost: u64,
    /// How many are there and cannot be read.
    pub unreadable: u64,
}

impl LeftOut {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.lost + self.unreadable
    }
}

/// A mail that is not in a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOutMail {
    /// The name of the user whose it is.
    pub user: String,
    /// The name of that user's tenant.
    pub tenant: String,
    /// What names it.
    pub named_by: NamedBy,
    /// Whether it is there and cannot be read; else it is lost.
    pub unreadable: bool,
}

/// What names a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// An item.
    Item {
        /// The name of its folder.
        folder: String,
        /// Its ServerId.
        number: u64,
    },
    /// A message in the outgoing queue: its number.
    Outgoing(u64),
    /// Something withheld from a device's side: its number.
    Quarantined(u64),
}

impl fmt::Display for LeftOutMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, tenant, named_by, unreadable } = self;
        write!(f, "{}: {user}@{tenant}: ", if *unreadable { "cannot be read" } else { "lost" })?;
        match named_by {
            NamedBy::Item { folder, number } => write!(f, "item {number} in {folder:?}"),
            NamedBy::Outgoing(number) => write!(f, "message {number} in the outgoing queue"),
            NamedBy::Quarantined(number) => write!(f, "withheld thing {number}"),
        }
    }
}
