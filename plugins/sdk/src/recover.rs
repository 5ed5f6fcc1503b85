//! Clients that seem stuck.

use crate::bindings::recover::exports::easel::plugin::recover as contract;
pub use crate::bindings::recover::exports::easel::plugin::recover::{History, Recovery, Symptom};
use crate::{Adapter, Context, Fault};

/// A pack that is asked what to do with a client that seems stuck.
pub trait Recover {
    /// What to do. `Usual` is the server's own way, and so is whatever does not fit the command, which `context` names.
    ///
    /// # Errors
    ///
    /// A sentence for the log. The server takes its own way.
    fn advise(context: &Context, history: &History) -> Result<Recovery, Fault>;
}

impl<P: Recover> contract::Guest for Adapter<P> {
    fn advise(context: Context, history: History) -> Result<Recovery, Fault> {
        P::advise(&context, &history)
    }
}
