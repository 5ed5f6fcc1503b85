//! Items on their way to a device and from it.

use crate::bindings::items::exports::easel::plugin::items as contract;
pub use crate::bindings::items::exports::easel::plugin::items::{Answer, State, Verdict};
use crate::{Adapter, Class, Context, Edits, Entry, Fault, Item};

/// A pack that sees the items it subscribed to.
pub trait Items {
    /// An item about to be sent.
    ///
    /// # Errors
    ///
    /// A sentence for the log. The item is sent as it was.
    fn outgoing(class: Class, context: &Context, state: &State, item: Item<'_>) -> Result<Answer, Fault>;

    /// An item just received. `base` is the item as the server would show it, with the settings of the device and
    /// without this pack; empty for a new item. Asked as well when only `base` has what the pack wants: `item` is empty
    /// then.
    ///
    /// # Errors
    ///
    /// A sentence for the log. The item is taken as it came.
    fn incoming(
        class: Class,
        context: &Context,
        state: &State,
        item: Item<'_>,
        base: Item<'_>,
    ) -> Result<Answer, Fault>;
}

impl<P: Items> contract::Guest for Adapter<P> {
    fn outgoing(class: Class, context: Context, state: State, entries: Vec<Entry>) -> Result<Answer, Fault> {
        P::outgoing(class, &context, &state, Item::new(&entries))
    }

    fn incoming(
        class: Class,
        context: Context,
        state: State,
        entries: Vec<Entry>,
        base: Vec<Entry>,
    ) -> Result<Answer, Fault> {
        P::incoming(class, &context, &state, Item::new(&entries), Item::new(&base))
    }
}

impl Answer {
    /// The item stays as it is.
    pub fn keep() -> Self {
        Verdict::Keep.into()
    }

    /// The item does not go where it was to go. The reason is logged.
    pub fn withhold(reason: &str) -> Self {
        Verdict::Withhold(reason.to_owned()).into()
    }

    /// And this is to be remembered for the device and folder; at most 16 KiB.
    #[must_use]
    pub fn remembering(mut self, state: impl Into<Vec<u8>>) -> Self {
        self.state = Some(state.into());
        self
    }
}

impl From<Verdict> for Answer {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, state: None }
    }
}

impl From<Edits> for Answer {
    fn from(edits: Edits) -> Self {
        if edits.is_empty() { Self::keep() } else { Verdict::Edit(edits.into_list()).into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Node;
    use crate::property::calendar;

    #[test]
    fn no_edits_are_keep() {
        assert_eq!(Answer::from(Edits::new()).verdict, Verdict::Keep);
        let mut edits = Edits::new();
        edits.remove(Node(3));
        assert!(matches!(Answer::from(edits).verdict, Verdict::Edit(list) if list.len() == 1));
        let mut edits = Edits::new();
        edits.rename(Node(3), calendar::SUBJECT);
        assert_eq!(Answer::from(edits).remembering([1]).state, Some(vec![1]));
    }
}
