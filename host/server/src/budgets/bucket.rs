//! A bucket that a minute fills.

use std::sync::atomic::{AtomicI64, Ordering};

/// Microseconds in which an empty bucket becomes full.
pub(super) const MINUTE: i64 = 60 * SECOND;

/// Microseconds.
pub(super) const SECOND: i64 = 1_000_000;

/// What was drawn from a bucket, as the moment at which it will be full again, in microseconds since 1970: everything
/// has its price in microseconds of filling.
///
/// No drawing reaches further than two minutes ahead: what lies there was drawn before the clock was set back, and is
/// forgotten. So a leap of the clock costs nobody more than two minutes, and a large one nothing.
#[derive(Debug, Default)]
pub(super) struct Bucket(AtomicI64);

impl Bucket {
    /// How long until something of this price could be drawn; 0 when it can be now.
    pub(super) fn wait(&self, price: i64, now: i64) -> i64 {
        (self.drawn(now) + price - MINUTE).max(0)
    }

    /// Draws, also what is not there: a debt of at most a minute.
    pub(super) fn draw(&self, price: i64, now: i64) {
        let price = price.clamp(0, 2 * MINUTE);
        let drawn = |at: i64| Some(now + (drawn(at, now) + price).min(2 * MINUTE));
        // The closure never declines.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, drawn);
    }

    fn drawn(&self, now: i64) -> i64 {
        drawn(self.0.load(Ordering::Relaxed), now)
    }
}

fn drawn(at: i64, now: i64) -> i64 {
    let drawn = at.saturating_sub(now);
    if (0..=2 * MINUTE).contains(&drawn) { drawn } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_at_once_and_fills_within_a_minute() {
        let bucket = Bucket::default();
        let now = 1_000 * MINUTE;
        for _ in 0..60 {
            assert_eq!(bucket.wait(SECOND, now), 0);
            bucket.draw(SECOND, now);
        }
        assert_eq!(bucket.wait(SECOND, now), SECOND);
        assert_eq!(bucket.wait(SECOND, now + SECOND), 0);
        bucket.draw(SECOND, now + SECOND);
        assert_eq!(bucket.wait(MINUTE, now + SECOND), MINUTE);
        assert_eq!(bucket.wait(MINUTE, now + SECOND + MINUTE), 0);
    }

    #[test]
    fn a_debt_is_bounded_and_a_clock_that_is_set_back_costs_a_moment_or_nothing() {
        let bucket = Bucket::default();
        let now = 1_000 * MINUTE;
        for _ in 0..10 {
            bucket.draw(i64::MAX, now);
        }
        assert_eq!(bucket.wait(0, now), MINUTE);
        assert_eq!(bucket.wait(0, now - 1), 0, "drawn later than now");
        let bucket = Bucket::default();
        bucket.draw(MINUTE, now);
        assert_eq!(bucket.wait(SECOND, now - 30 * SECOND), 31 * SECOND);
        let an_hour_ago = now - 60 * MINUTE;
        assert_eq!(bucket.wait(MINUTE, an_hour_ago), 0);
        bucket.draw(MINUTE, an_hour_ago);
        assert_eq!(bucket.wait(SECOND, an_hour_ago), SECOND);
    }
}
