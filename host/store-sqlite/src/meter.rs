//! What is counted of the two writers, for whoever looks at a server from outside.

use std::time::{Duration, Instant};

use easel_store::{Histogram, HistogramRead};

/// Upper ends of the steps of a commit's duration, in microseconds: 100 us to 10 s.
const MICROS: &[u64] = &[
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000,
];

/// Upper ends of the steps of a commit's size, in changes.
const CHANGES: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256];

/// Counts of one writer.
#[derive(Debug)]
pub(crate) struct Meter {
    micros: Histogram,
    changes: Histogram,
}

/// What one writer did since the store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commits {
    /// How long transactions took, from their first statement to the end of their commit, in microseconds.
    pub micros: HistogramRead,
    /// How many changes each held.
    pub changes: HistogramRead,
}

/// The store, as seen from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// By the name of the file: what its writer did.
    pub commits: [(&'static str, Commits); 2],
    /// By the name of the file: its bytes on the disk, its write-ahead log left out.
    pub file_bytes: [(&'static str, u64); 2],
    /// Snapshots and look-ups under way, and how many there may be.
    pub readers_busy: usize,
    /// How many there may be at once.
    pub readers_max: usize,
    /// Messages in the outgoing queue.
    pub outgoing: u64,
}

impl Default for Meter {
    fn default() -> Self {
        Self { micros: Histogram::new(MICROS), changes: Histogram::new(CHANGES) }
    }
}

impl Meter {
    /// A transaction begins.
    #[expect(clippy::disallowed_methods, reason = "what is measured decides nothing")]
    pub(crate) fn begin() -> Instant {
        Instant::now()
    }

    /// It was committed.
    pub(crate) fn committed(&self, began: Instant, changes: usize) {
        let micros = Duration::as_micros(&began.elapsed());
        self.micros.count(u64::try_from(micros).unwrap_or(u64::MAX));
        self.changes.count(changes as u64);
    }

    pub(crate) fn read(&self) -> Commits {
        Commits { micros: self.micros.read(), changes: self.changes.read() }
    }
}
