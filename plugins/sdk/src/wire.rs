//! Whole requests, before the server reads them.

use crate::bindings::wire::exports::easel::plugin::wire as contract;
pub use crate::bindings::wire::exports::easel::plugin::wire::Verdict;
use crate::{Adapter, Context, Edits, Entry, Fault, Item};

/// A pack that sees requests of the commands it named.
pub trait Wire {
    /// A request as the client sent it. Its root is an element like any other: `request.find` finds it, and what it
    /// holds is below it.
    ///
    /// # Errors
    ///
    /// A sentence for the log. The request is read as it came.
    fn incoming(context: &Context, request: Item<'_>) -> Result<Verdict, Fault>;
}

impl<P: Wire> contract::Guest for Adapter<P> {
    fn incoming(context: Context, entries: Vec<Entry>) -> Result<Verdict, Fault> {
        P::incoming(&context, Item::new(&entries))
    }
}

impl From<Edits> for Verdict {
    fn from(edits: Edits) -> Self {
        if edits.is_empty() { Self::Keep } else { Self::Edit(edits.into_list()) }
    }
}
