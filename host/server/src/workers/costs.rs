//! What the requests of each user cost, by those that were: who asks for less waits for nobody who asks for more.

use std::collections::HashMap;
use std::time::Duration;

use super::queue::Party;

/// How much somebody's next request is expected to take of a processor: the binary logarithm of microseconds. A Sync
/// without news is of weight 4, a page of a hundred mails of 13.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Weight(u8);

impl Weight {
    /// Of somebody new, of whom nobody knows: a millisecond.
    const UNKNOWN: Self = Self(10);

    /// Whether too many of them at once would keep the processors from the others: from a quarter of a millisecond.
    pub(super) const fn is_heavy(self) -> bool {
        self.0 >= 8
    }
}

/// Parties remembered.
const PARTIES_MAX: usize = 65_536;

/// The mean processor time of each party's requests, in microseconds, where the last one is half of it.
#[derive(Debug, Default)]
pub(super) struct Costs(HashMap<Party, u32>);

impl Costs {
    /// What its next request is likely to be.
    pub(super) fn weight(&self, party: Party) -> Weight {
        self.0.get(&party).map_or(Weight::UNKNOWN, |mean| Weight(u8::try_from(mean.max(&1).ilog2()).unwrap_or(u8::MAX)))
    }

    /// A request took so much.
    pub(super) fn note(&mut self, party: Party, spent: Duration) {
        let spent = u32::try_from(spent.as_micros()).unwrap_or(u32::MAX);
        if self.0.len() >= PARTIES_MAX && !self.0.contains_key(&party) {
            // Everybody is new once more, for one request.
            self.0.clear();
        }
        self.0.entry(party).and_modify(|mean| *mean = mean.midpoint(spent)).or_insert(spent);
    }
}

#[cfg(test)]
mod tests {
    use easel_store::UserId;

    use super::*;

    const SHORT: Duration = Duration::from_micros(50);
    const LONG: Duration = Duration::from_millis(8);

    #[test]
    fn who_asked_for_little_of_late_is_light() {
        let mut costs = Costs::default();
        let user = Some(UserId(1));
        assert!(costs.weight(user).is_heavy(), "nobody knows");
        costs.note(user, SHORT);
        assert_eq!(costs.weight(user), Weight(5));
        costs.note(user, LONG);
        assert!(costs.weight(user).is_heavy() && costs.weight(user) > Weight::UNKNOWN);
        let requests = (1..).find(|_| {
            costs.note(user, SHORT);
            !costs.weight(user).is_heavy()
        });
        assert_eq!(requests, Some(5), "soon again");
        costs.note(user, Duration::from_secs(7200));
        assert_eq!(costs.weight(user), Weight(31), "hours are no overflow");
        costs.note(None, Duration::ZERO);
        assert_eq!(costs.weight(None), Weight(0));
    }

    #[test]
    fn no_more_parties_are_remembered_than_there_is_room_for() {
        let mut costs = Costs::default();
        for number in 0..PARTIES_MAX as u64 {
            costs.note(Some(UserId(number)), SHORT);
        }
        costs.note(Some(UserId(1)), SHORT);
        assert_eq!(costs.0.len(), PARTIES_MAX);
        costs.note(None, SHORT);
        assert_eq!(costs.0.len(), 1);
        assert_eq!((costs.weight(None), costs.weight(Some(UserId(1)))), (Weight(5), Weight::UNKNOWN));
    }
}
