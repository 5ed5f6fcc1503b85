//! What happens to a pack that fails: an item is not shown to it a fourth time, and one that fails ten times in a minute
//! is set aside, for a minute at first and for an hour in the end.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::Clock;

/// Faults on one item after which it is not shown again.
const PER_ITEM: u8 = 3;
/// Items remembered because of their faults.
const ITEMS: usize = 1_024;
/// Faults in [`WINDOW`] after which the pack is set aside.
const SET_ASIDE: usize = 10;
const WINDOW: Duration = Duration::from_secs(60);
const ASIDE_MIN: Duration = Duration::from_secs(60);
const ASIDE_MAX: Duration = Duration::from_secs(3_600);

/// The faults of one pack.
#[derive(Debug)]
pub(crate) struct Faults {
    clock: Arc<dyn Clock>,
    /// Milliseconds until when it is set aside; 0 when it is not.
    aside_until: AtomicU64,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    recent: VecDeque<Duration>,
    by_item: HashMap<u64, u8>,
    aside_for: Duration,
    aside_at: Duration,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Faults {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, aside_until: AtomicU64::new(0), book: Mutex::default() }
    }

    /// How much longer it is set aside.
    pub(crate) fn aside(&self) -> Option<Duration> {
        let until = self.aside_until.load(Ordering::Relaxed);
        if until == 0 {
            return None;
        }
        until.checked_sub(millis(self.clock.now())).filter(|left| *left > 0).map(Duration::from_millis)
    }

    /// Whether an item has failed so often that it is not shown.
    pub(crate) fn skips(&self, item: u64) -> bool {
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        book.by_item.get(&item).is_some_and(|count| *count >= PER_ITEM)
    }

    /// Takes note of a fault; tells for how long the pack is set aside because of it.
    pub(crate) fn note(&self, item: Option<u64>) -> Option<Duration> {
        let now = self.clock.now();
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(item) = item {
            if book.by_item.len() == ITEMS && !book.by_item.contains_key(&item) {
                book.by_item.clear();
            }
            let count = book.by_item.entry(item).or_default();
            *count = count.saturating_add(1);
        }
        book.recent.push_back(now);
        while book.recent.front().is_some_and(|at| now.saturating_sub(*at) >= WINDOW) {
            book.recent.pop_front();
        }
        if book.recent.len() < SET_ASIDE || self.aside().is_some() {
            return None;
        }
        book.recent.clear();
        let again = book.aside_for > Duration::ZERO && now.saturating_sub(book.aside_at + book.aside_for) < ASIDE_MAX;
        book.aside_for = if again { (book.aside_for * 2).min(ASIDE_MAX) } else { ASIDE_MIN };
        book.aside_at = now;
        self.aside_until.store(millis(now + book.aside_for), Ordering::Relaxed);
        Some(book.aside_for)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TestClock;

    fn ten(faults: &Faults) -> Option<Duration> {
        (0..10).filter_map(|_| faults.note(None)).next_back()
    }

    #[test]
    fn ten_faults_in_a_minute_set_a_pack_aside_for_longer_each_time() {
        let clock = Arc::new(TestClock::default());
        let faults = Faults::new(clock.clone());
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            let aside = Duration::from_secs(minutes * 60);
            assert_eq!(ten(&faults), Some(aside));
            assert_eq!(faults.aside(), Some(aside));
            clock.advance(aside.checked_sub(Duration::from_millis(1)).unwrap());
            assert_eq!(faults.aside(), Some(Duration::from_millis(1)));
            clock.advance(Duration::from_millis(1));
            assert_eq!(faults.aside(), None);
        }
        clock.advance(Duration::from_secs(3_600));
        assert_eq!(ten(&faults), Some(ASIDE_MIN), "an hour without trouble is forgiven");
    }

    #[test]
    fn faults_far_apart_set_nothing_aside() {
        let clock = Arc::new(TestClock::default());
        let faults = Faults::new(clock.clone());
        for _ in 0..100 {
            assert_eq!(faults.note(None), None);
            clock.advance(Duration::from_secs(7));
        }
    }

    #[test]
    fn an_item_is_left_out_after_three_faults_and_others_are_not() {
        let clock = Arc::new(TestClock::default());
        let faults = Faults::new(clock.clone());
        for turn in 0..3 {
            assert!(!faults.skips(7), "{turn}");
            faults.note(Some(7));
            clock.advance(Duration::from_secs(60));
        }
        assert!(faults.skips(7) && !faults.skips(8));
        for item in 100..5_000 {
            faults.note(Some(item));
            clock.advance(Duration::from_secs(60));
        }
        assert!(faults.book.lock().unwrap().by_item.len() <= ITEMS);
    }
}
