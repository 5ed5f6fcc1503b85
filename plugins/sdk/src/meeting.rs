//! Answers to invitations.

use crate::bindings::meeting::exports::easel::plugin::meeting as contract;
pub use crate::bindings::meeting::exports::easel::plugin::meeting::Request;
use crate::{Adapter, Context, Fault};

/// A pack that sees each Request of a MeetingResponse.
pub trait Meeting {
    /// The request as it is to be read, none where it is right as it came.
    ///
    /// # Errors
    ///
    /// A sentence for the log. The request is taken as it came.
    fn incoming(context: &Context, request: &Request) -> Result<Option<Request>, Fault>;
}

impl<P: Meeting> contract::Guest for Adapter<P> {
    fn incoming(context: Context, request: Request) -> Result<Option<Request>, Fault> {
        P::incoming(&context, &request)
    }
}
