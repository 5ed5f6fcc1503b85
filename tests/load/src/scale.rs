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
    /// What fills the database that is backed up.
    pub(crate) ballast_mib: usize,
    /// Sizes of the overload.
    pub(crate) overload: Overload,
}

/// How much too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overload {
    /// How long others work undisturbed before each attack, for comparison,
    pub(crate) calm: Duration,
    /// how long it lasts,
    pub(crate) attack: Duration,
    /// and how long where it is slow.
    pub(crate) slow_attack: Duration,
    /// Phones that wait in a Ping.
    pub(crate) parked: usize,
    /// Phones that work beside them, and how often each asks.
    pub(crate) neighbours: usize,
    pub(crate) pace: Duration,
    /// Devices that ask without pause.
    pub(crate) crowd: usize,
    /// Connections that never become one.
    pub(crate) half_open: usize,
    /// Devices that read slowly; as many write heads, and as many bodies, slowly.
    pub(crate) slow: usize,
    /// Users with a mailbox large enough to read slowly, and how many mails each has.
    pub(crate) readers: usize,
    pub(crate) reader_mails: u64,
    /// Devices of one user.
    pub(crate) own_devices: usize,
    /// connections_max of the server; 0 leaves it as shipped.
    pub(crate) connections_max: usize,
    /// What requests may hold, in MiB; 0 is no bound that anybody would reach.
    pub(crate) memory_mib_max: u64,
}

impl Overload {
    /// How many connections on which nobody has logged in the server takes: half of all, or as it is shipped.
    pub(crate) const fn newcomers(&self) -> usize {
        if self.connections_max > 0 { self.connections_max / 2 } else { 8192 }
    }
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
        ballast_mib: 2048,
        overload: Overload {
            calm: Duration::from_secs(5),
            attack: Duration::from_secs(30),
            slow_attack: Duration::from_secs(90),
            parked: 2_000,
            neighbours: 16,
            pace: Duration::from_millis(250),
            crowd: 8_000,
            half_open: 50_000,
            slow: 300,
            readers: 4,
            reader_mails: 1_000,
            own_devices: 200,
            connections_max: 0,
            memory_mib_max: 512,
        },
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
        ballast_mib: 192,
        overload: Overload {
            calm: Duration::from_secs(2),
            attack: Duration::from_secs(5),
            slow_attack: Duration::from_secs(10),
            parked: 100,
            neighbours: 8,
            pace: Duration::from_millis(100),
            crowd: 1_500,
            half_open: 5_000,
            slow: 60,
            readers: 2,
            reader_mails: 600,
            own_devices: 200,
            connections_max: 2_000,
            memory_mib_max: 256,
        },
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
        ballast_mib: 16,
        overload: Overload {
            calm: Duration::from_millis(300),
            attack: Duration::from_millis(500),
            slow_attack: Duration::from_millis(500),
            parked: 6,
            neighbours: 4,
            pace: Duration::from_millis(50),
            crowd: 24,
            half_open: 300,
            slow: 6,
            readers: 1,
            reader_mails: 60,
            own_devices: 110,
            connections_max: 200,
            memory_mib_max: 256,
        },
    };

    /// The same with closed loops of that length.
    #[must_use]
    pub const fn measured_for(self, measured: Duration) -> Self {
        Self { measured, ..self }
    }

    /// As many phones as this process may have connections, after its limit on open files was raised as far as it goes.
    pub(crate) fn phones_allowed(&self) -> usize {
        // The server keeps a fifth of its files free.
        self.phones.min(connections_allowed() * 4 / 5)
    }
}

/// How many connections this process may have, after its limit on open files was raised as far as it goes.
pub(crate) fn connections_allowed() -> usize {
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
    usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX)
}
