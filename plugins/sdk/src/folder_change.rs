//! Folders that a client makes, changes and deletes.

use crate::bindings::folder_change::exports::easel::plugin::folder_change as contract;
pub use crate::bindings::folder_change::exports::easel::plugin::folder_change::{Change, Edit, Operation, Verdict};
use crate::{Adapter, Context, Fault};

/// A pack that sees FolderCreate, FolderUpdate and FolderDelete.
pub trait FolderChange {
    /// What the client asks for, before the server looks at it.
    ///
    /// # Errors
    ///
    /// A sentence for the log. The change is taken as it came.
    fn incoming(context: &Context, change: &Change) -> Result<Verdict, Fault>;
}

impl<P: FolderChange> contract::Guest for Adapter<P> {
    fn incoming(context: Context, change: Change) -> Result<Verdict, Fault> {
        P::incoming(&context, &change)
    }
}
