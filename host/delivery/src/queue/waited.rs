//! How long a message has been tried.
//!
//! A clock cannot be asked: it may leap, and while the server is off nobody tries. What is known is the rest that was
//! planned after each attempt. So the time between two attempts counts as far as it was planned, and an hour more, in
//! which the message may have waited for its turn and the attempt itself have lasted. So a leap ahead, or a server that
//! was off, takes an hour of its schedule away from a message, however long it was.

use easel_store::Outgoing;
use jiff::Timestamp;

/// What counts beyond the rest that was planned.
const BEYOND_MS: i64 = 3_600_000;

/// Counts the time until an attempt that ends now.
pub(super) fn count(row: &mut Outgoing, now: Timestamp) {
    let now = now.as_millisecond();
    let before = row.tried.unwrap_or(row.queued);
    let planned = row.next_attempt.saturating_sub(before).max(0);
    let passed = now.saturating_sub(before).clamp(0, planned.saturating_add(BEYOND_MS));
    row.waited = row.waited.saturating_add(passed);
    row.tried = Some(now);
}

#[cfg(test)]
mod tests {
    use super::super::retry::tests::row;
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[test]
    fn rests_count_as_they_were_and_a_leap_counts_as_an_hour() {
        let queued = 1_000 * HOUR;
        let mut row = Outgoing { queued, next_attempt: queued, ..row() };
        count(&mut row, at(queued + 5));
        assert_eq!((row.waited, row.tried), (5, Some(queued + 5)), "the first attempt lasted so long");
        row.next_attempt = queued + 6 * HOUR;
        count(&mut row, at(queued + 6 * HOUR + 5));
        assert_eq!(row.waited, 6 * HOUR + 5);
        count(&mut row, at(queued + 6 * HOUR + 5));
        assert_eq!(row.waited, 6 * HOUR + 5, "nothing counts twice");
        row.next_attempt = queued + 7 * HOUR + 5;
        count(&mut row, at(queued + 2 * 365 * 24 * HOUR));
        assert_eq!(row.waited, 6 * HOUR + 5 + 2 * HOUR, "what was planned, and an hour");
        row.next_attempt = row.tried.unwrap() + HOUR;
        count(&mut row, at(queued));
        assert_eq!((row.waited, row.tried), (8 * HOUR + 5, Some(queued)), "the clock was set back");
        row.next_attempt = queued + 3;
        count(&mut row, at(queued + 4));
        assert_eq!(row.waited, 8 * HOUR + 9, "and it counts from there");
    }

    #[test]
    fn what_nobody_noted_counts_from_when_it_was_queued() {
        let mut row = Outgoing { queued: 0, next_attempt: 50 * HOUR, attempts: 9, ..row() };
        count(&mut row, at(50 * HOUR));
        assert_eq!(row.waited, 50 * HOUR);
        let mut row = Outgoing { queued: i64::MIN, next_attempt: i64::MAX, tried: None, waited: i64::MAX, ..row };
        count(&mut row, at(50 * HOUR));
        assert_eq!(row.waited, i64::MAX);
    }
}
