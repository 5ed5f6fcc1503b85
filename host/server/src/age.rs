//! Whether the clock may be believed when things go because of their age.
//!
//! A clock that was set wrong, or a server that was off for months, makes everything old at once: devices that were
//! there this morning, and what was laid aside yesterday. So after a leap of the time between two looks nothing goes
//! for its age until there were looks for three days: by then every device that is in use has come by.

use easel_store::{Store, StoreError};
use jiff::{SignedDuration, Timestamp};

/// What is remembered: the time of the last look in milliseconds since 1970, a space, and how many looks are to come.
const NOTE: &str = "upkeep/time";
/// Looks at least so far apart count.
const APART: SignedDuration = SignedDuration::from_mins(30);
/// Two looks further apart than this, or in the wrong order, are a leap.
const LEAP: SignedDuration = SignedDuration::from_hours(24);
/// So many looks, an hour apart, until the time is believed.
const LOOKS: u32 = 72;

/// Looks at the time; whether it may be believed.
pub(crate) fn is_believed(store: &dyn Store, now: Timestamp) -> Result<bool, StoreError> {
    let notes = store.notes(NOTE)?;
    let known = notes.iter().find_map(|(key, text)| (key == NOTE).then(|| read(text)).flatten());
    let left = match known {
        None => LOOKS,
        Some((last, left)) => {
            let passed = now.duration_since(last);
            if passed > LEAP || passed < -APART {
                let (before, now) = (last.to_string(), now.to_string());
                tracing::warn!(
                    before,
                    now,
                    "the clock was set, or the server was off: nothing goes for its age for 3 days"
                );
                LOOKS
            } else if passed < APART {
                // Somebody starts it again and again: as if there had been no look.
                return Ok(left == 0);
            } else {
                left.saturating_sub(1)
            }
        }
    };
    store.put_note(NOTE, Some(&format!("{} {left}", now.as_millisecond())))?;
    Ok(left == 0)
}

fn read(note: &str) -> Option<(Timestamp, u32)> {
    let (last, left) = note.split_once(' ')?;
    Some((Timestamp::from_millisecond(last.parse().ok()?).ok()?, left.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use easel_store::{LocalBus, MemoryStore};

    use super::*;

    fn hours(now: &mut Timestamp, hours: i64) -> Timestamp {
        *now += SignedDuration::from_hours(hours);
        *now
    }

    #[test]
    fn the_time_is_believed_after_three_days_of_looks_and_no_longer_after_a_leap_either_way() {
        let store = MemoryStore::new(Arc::new(LocalBus::default()));
        let mut now: Timestamp = "2026-03-31T10:00:00Z".parse().unwrap();
        for leap in [0, 2 * 365 * 24, -3 * 365 * 24, 25] {
            hours(&mut now, leap);
            for look in 0..LOOKS {
                assert!(!is_believed(&store, now).unwrap(), "look {look} after {leap} hours");
                assert!(!is_believed(&store, now).unwrap(), "started again");
                hours(&mut now, 1);
            }
            assert!(is_believed(&store, now).unwrap(), "{leap}");
            assert!(is_believed(&store, hours(&mut now, 23)).unwrap(), "off for a day");
        }
    }

    #[test]
    fn a_note_that_makes_no_sense_is_none() {
        let store = MemoryStore::new(Arc::new(LocalBus::default()));
        let now: Timestamp = "2026-03-31T10:00:00Z".parse().unwrap();
        store.put_note(NOTE, Some("soon")).unwrap();
        assert!(!is_believed(&store, now).unwrap());
        assert_eq!(read(&store.notes(NOTE).unwrap()[0].1), Some((now, LOOKS)));
    }
}
