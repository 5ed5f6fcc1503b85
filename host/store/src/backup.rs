//! A copy of everything, on its way out.

use std::fmt;

use crate::StoreError;

/// A copy of a store as it was when it was begun, as bytes that a store of the same kind reads back.
///
/// While it lasts the store goes on; only mail that nothing names any more is not swept.
pub trait Backup: fmt::Debug + Send {
    /// The next bytes, at most about 1 MiB; none at the end.
    fn piece(&mut self) -> Result<Vec<u8>, StoreError>;

    /// Mails that are lost already, and so are not in the copy: the first [`LOST_MAX`]. None in a healthy store.
    fn lost(&self) -> &[LostMail] {
        &[]
    }

    /// How many are lost in all.
    fn lost_count(&self) -> u64 {
        0
    }
}

/// Lost mails that a backup names.
pub const LOST_MAX: usize = 100;

/// A mail that something names and that the store has not got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostMail {
    /// The name of the user whose it is.
    pub user: String,
    /// The name of that user's tenant.
    pub tenant: String,
    /// What names it.
    pub named_by: NamedBy,
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

impl fmt::Display for LostMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, tenant, named_by } = self;
        write!(f, "{user}@{tenant}: ")?;
        match named_by {
            NamedBy::Item { folder, number } => write!(f, "item {number} in {folder:?}"),
            NamedBy::Outgoing(number) => write!(f, "message {number} in the outgoing queue"),
            NamedBy::Quarantined(number) => write!(f, "withheld thing {number}"),
        }
    }
}
