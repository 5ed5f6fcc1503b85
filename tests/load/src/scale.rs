//! How much of everything.

use std::time::Duration;

/// Sizes of the works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    /// What the kept sample data is called by.
    pub(crate) name: &'static str,
    /// How long closed loops run.
    pub(crate) measured: Duration,
    /// How long they run before, unmeasured.
    pub(crate) warm: Duration,
    /// Devices in the no-change loop.
    pub(crate) syncers: usize,
    /// Devices that send changes at once.
    pub(crate) writers: usize,
    /// Items of the large mailbox.
    pub(crate) mails: u64,
    pub(crate) contacts: u64,
    pub(crate) events: u64,
    /// Phones that wait.
    pub(crate) phones: usize,
    /// Mails delivered one by one.
    pub(crate) singles: usize,
    /// Deliveries at once, and how often.
    pub(crate) burst: usize,
    pub(crate) bursts: usize,
    /// Devices of a user where many are known: twice `phones` users have them.
    pub(crate) devices_each: usize,
    /// Users with as many devices where few are known.
    pub(crate) few_users: usize,
    /// Items where many are, and where few are.
    pub(crate) many_items: u64,
    pub(crate) few_items: u64,
    /// Devices whose state is weighed.
    pub(crate) weighed: usize,
    /// Phones that find a mail when they come back.
    pub(crate) missed: usize,
    /// Packs where many are loaded.
    pub(crate) packs: usize,
    /// Turns that each kind of device takes where kinds are compared; at least 5, for a median.
    pub(crate) rounds: usize,
    /// How often a pack is replaced.
    pub(crate) replacements: usize,
}

/// Files that are no connections of phones.
const OTHER_FILES: u64 = 500;

impl Scale {
    /// The sizes that the goals are set for.
    pub const FULL: Self = Self {
        name: "full",
        measured: Duration::from_secs(10),
        warm: Duration::from_secs(2),
        syncers: 32,
        writers: 64,
        mails: 20_000,
        contacts: 10_000,
        events: 5_000,
        phones: 10_000,
        singles: 500,
        burst: 100,
        bursts: 10,
        devices_each: 5,
        few_users: 200,
        many_items: 200_000,
        few_items: 1_000,
        weighed: 1_000,
        missed: 100,
        packs: 100,
        rounds: 9,
        replacements: 1_000,
    };

    /// A twentieth of them: to see that everything works.
    pub const QUICK: Self = Self {
        name: "quick",
        measured: Duration::from_secs(3),
        warm: Duration::from_millis(500),
        syncers: 32,
        writers: 64,
        mails: 1_000,
        contacts: 500,
        events: 250,
        phones: 500,
        singles: 25,
        burst: 100,
        bursts: 2,
        devices_each: 5,
        few_users: 20,
        many_items: 10_000,
        few_items: 200,
        weighed: 100,
        missed: 20,
        packs: 20,
        rounds: 5,
        replacements: 60,
    };

    /// For the test suite, against a server that nothing was optimised in.
    pub const TEST: Self = Self {
        name: "test",
        measured: Duration::from_millis(500),
        warm: Duration::from_millis(100),
        syncers: 4,
        writers: 4,
        mails: 200,
        contacts: 12,
        events: 12,
        phones: 14,
        singles: 4,
        burst: 10,
        bursts: 1,
        devices_each: 2,
        few_users: 2,
        many_items: 300,
        few_items: 20,
        weighed: 20,
        missed: 4,
        packs: 3,
        rounds: 5,
        replacements: 4,
    };

    /// The same with closed loops of that length.
    #[must_use]
    pub const fn measured_for(self, measured: Duration) -> Self {
        Self { measured, ..self }
    }

    /// As many phones as this process may have connections, after its limit on open files was raised as far as it goes.
    pub(crate) fn phones_allowed(&self) -> usize {
        let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
        // The server keeps a fifth of its files free.
        let room = files.saturating_sub(OTHER_FILES) * 4 / 5;
        self.phones.min(usize::try_from(room).unwrap_or(usize::MAX))
    }
}
