//! `[auto_reply]`: what a mailbox answers while its owner is away.

use super::reader::Section;

/// `[auto_reply]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AutoReply {
    /// Days in which a sender is answered once.
    pub(crate) period_days: u32,
    /// Senders remembered for each mailbox.
    pub(crate) senders_max: usize,
}

impl AutoReply {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let auto_reply = Self {
            period_days: section.number("period_days", 7, 1..=365, "days"),
            senders_max: section.number("senders_max", 1000, 1..=10_000, "senders"),
        };
        section.finish();
        auto_reply
    }
}
