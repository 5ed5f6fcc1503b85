//! `[queue]`: how long mail is tried.

use super::reader::Section;

/// `[queue]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    /// After so long a message is given up.
    pub(crate) expire_hours: u32,
    /// After so long its sender is told that it takes longer; 0: never.
    pub(crate) notice_hours: u32,
    /// Transactions under way at once.
    pub(crate) transactions_max: usize,
}

impl Queue {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let queue = Self {
            expire_hours: section.number("expire_hours", 120, 1..=720, "hours"),
            notice_hours: section.number("notice_hours", 4, 0..=720, "hours"),
            transactions_max: section.number("transactions_max", 4, 1..=1000, "transactions"),
        };
        section.finish();
        queue
    }
}
