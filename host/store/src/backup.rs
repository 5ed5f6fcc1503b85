//! A copy of everything, on its way out.

use std::fmt;

use crate::StoreError;

/// A copy of a store as it was when it was begun, as bytes that a store of the same kind reads back.
///
/// While it lasts the store goes on; only mail that nothing names any more is not swept.
pub trait Backup: fmt::Debug + Send {
    /// The next bytes, at most about 1 MiB; none at the end.
    fn piece(&mut self) -> Result<Vec<u8>, StoreError>;
}
