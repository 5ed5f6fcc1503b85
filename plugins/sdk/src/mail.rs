//! Mail that a client sends.

use crate::bindings::mail::exports::easel::plugin::mail as contract;
pub use crate::bindings::mail::exports::easel::plugin::mail::{Edit, Message, Part, Reference, Verdict};
use crate::{Adapter, Context, Fault};

/// A pack that sees the mail a client sends.
pub trait Mail {
    /// A message just received, before the server takes sender and recipients out of it.
    ///
    /// # Errors
    ///
    /// A sentence for the log. The message is taken as it came.
    fn incoming(context: &Context, message: &Message) -> Result<Verdict, Fault>;
}

impl<P: Mail> contract::Guest for Adapter<P> {
    fn incoming(context: Context, message: Message) -> Result<Verdict, Fault> {
        P::incoming(&context, &message)
    }
}

impl Message {
    /// The first header of that name, without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl From<Vec<Edit>> for Verdict {
    fn from(edits: Vec<Edit>) -> Self {
        if edits.is_empty() { Self::Keep } else { Self::Edit(edits) }
    }
}

/// The last `<id@host>` of a header such as In-Reply-To or References, with its brackets.
pub fn last_message_id(header: &str) -> Option<&str> {
    let start = header.rfind('<')?;
    let end = start + header[start..].find('>')?;
    Some(&header[start..=end]).filter(|id| id.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_id_of_a_header_is_the_message_answered() {
        assert_eq!(last_message_id("<a@x>"), Some("<a@x>"));
        assert_eq!(last_message_id("<a@x>\r\n <b@x> "), Some("<b@x>"));
        assert_eq!(last_message_id("Message of 3 May <b@x"), None);
        assert_eq!(last_message_id("<nothing>"), None);
        assert_eq!(last_message_id(""), None);
    }
}
