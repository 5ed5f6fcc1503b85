//! What is counted of a pack.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::Signed;

/// Numbers of a pack since it was loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Calls into it, those that failed included.
    pub calls: u64,
    /// Calls that came to nothing, and answers that made no sense.
    pub faults: u64,
    /// What was wrong the last time; empty when nothing was.
    pub last_fault: String,
    /// Calls not made because too many others were under way.
    pub busy: u64,
    /// How long all calls took together, in microseconds.
    pub micros: u64,
    /// Half of the calls took no longer, in microseconds.
    pub p50_us: u64,
    /// Ninety-nine in a hundred took no longer, in microseconds.
    pub p99_us: u64,
    /// Most bytes of memory that one instance had.
    pub memory_bytes: u64,
    /// Devices it was chosen for.
    pub devices: usize,
}

/// A line of `easel pack list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackStatus {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// What it is for.
    pub summary: String,
    /// Ids of the catalogue.
    pub quirks: Vec<String>,
    /// How it is signed.
    pub signed: Signed,
    /// SHA-256 of its file.
    pub hash: [u8; 32],
    /// How long it is set aside for from now; `None` when it serves.
    pub aside: Option<Duration>,
    /// The version that returns by itself if this one keeps failing.
    pub previous: Option<String>,
    /// Settings it has and this server does not, a sentence each.
    pub left_out: Vec<String>,
    /// Its numbers.
    pub stats: Stats,
}

/// Four steps for each doubling, from 1 microsecond on.
const STEPS: usize = 4 * 26;

/// Counts, without a lock where calls go through.
#[derive(Debug)]
pub(crate) struct Counters {
    calls: AtomicU64,
    faults: AtomicU64,
    busy: AtomicU64,
    memory: AtomicU64,
    micros: AtomicU64,
    times: [AtomicU64; STEPS],
    rare: Mutex<Rare>,
}

#[derive(Debug, Default)]
struct Rare {
    last_fault: String,
    devices: HashSet<String>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            calls: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            memory: AtomicU64::new(0),
            micros: AtomicU64::new(0),
            times: std::array::from_fn(|_| AtomicU64::new(0)),
            rare: Mutex::default(),
        }
    }
}

fn step(time: Duration) -> usize {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
    let doubling = micros.ilog2() as usize;
    let quarter = if doubling < 2 { 0 } else { usize::try_from(micros >> (doubling - 2)).unwrap_or(4) - 4 };
    (doubling * 4 + quarter).min(STEPS - 1)
}

/// The end of a step in microseconds.
fn end_of(step: usize) -> u64 {
    let (doubling, quarter) = (step / 4, (step % 4) as u64);
    if doubling < 2 { (2 << doubling) - 1 } else { ((5 + quarter) << (doubling - 2)) - 1 }
}

impl Counters {
    fn rare(&self) -> std::sync::MutexGuard<'_, Rare> {
        self.rare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn called(&self, time: Duration) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.times[step(time)].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn fault(&self, what: &str) {
        self.faults.fetch_add(1, Ordering::Relaxed);
        what.clone_into(&mut self.rare().last_fault);
    }

    pub(crate) fn busy(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn memory(&self, bytes: usize) {
        self.memory.fetch_max(bytes as u64, Ordering::Relaxed);
    }

    /// Takes note of a device.
    pub(crate) fn serves(&self, device: &str) {
        let mut rare = self.rare();
        // A number for an overview: it need not grow with whoever invents ids.
        if rare.devices.len() < 100_000 && !device.is_empty() {
            rare.devices.insert(device.to_owned());
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let times: Vec<u64> = self.times.iter().map(|time| time.load(Ordering::Relaxed)).collect();
        let all: u64 = times.iter().sum();
        let quantile = |percent: u64| {
            let mut seen = 0;
            let found = times.iter().position(|count| {
                seen += count;
                seen > 0 && seen * 100 >= all * percent
            });
            found.map_or(0, end_of)
        };
        let rare = self.rare();
        Stats {
            calls: self.calls.load(Ordering::Relaxed),
            faults: self.faults.load(Ordering::Relaxed),
            last_fault: rare.last_fault.clone(),
            busy: self.busy.load(Ordering::Relaxed),
            micros: self.micros.load(Ordering::Relaxed),
            p50_us: quantile(50),
            p99_us: quantile(99),
            memory_bytes: self.memory.load(Ordering::Relaxed),
            devices: rare.devices.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_at_most_a_quarter_too_high() {
        for micros in [1, 2, 3, 4, 5, 7, 8, 9, 100, 1_000, 12_345, 20_000] {
            let end = end_of(step(Duration::from_micros(micros)));
            assert!((micros..=micros + micros / 4 + 1).contains(&end), "{micros} {end}");
        }
        let counters = Counters::default();
        assert_eq!(counters.stats(), Stats::default());
        for micros in 1..=100 {
            counters.called(Duration::from_micros(micros));
        }
        let stats = counters.stats();
        assert_eq!((stats.calls, stats.micros), (100, 5050));
        assert!((50..=63).contains(&stats.p50_us) && (99..=125).contains(&stats.p99_us), "{stats:?}");
        counters.called(Duration::from_secs(3600));
        assert_eq!(counters.stats().calls, 101);
    }
}
