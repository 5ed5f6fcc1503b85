//! What the requests of each user cost, by those that were: who is light waits for nobody who is not.

use std::collections::HashMap;
use std::time::Duration;

use super::queue::Party;

/// Processor time of a light request, in microseconds: a Sync without news takes a tenth of it, a page of a hundred mails
/// ten times as much.
const LIGHT_MAX: u32 = 1000;

/// Parties remembered.
const PARTIES_MAX: usize = 65_536;

/// The mean processor time of each party's requests, in microseconds, where the last one is half of it.
#[derive(Debug, Default)]
pub(super) struct Costs(HashMap<Party, u32>);

impl Costs {
    /// Whether its next request is likely light. Of somebody new nobody knows.
    pub(super) fn is_light(&self, party: Party) -> bool {
        self.0.get(&party).is_some_and(|mean| *mean <= LIGHT_MAX)
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
        assert!(!costs.is_light(user), "nobody knows");
        costs.note(user, SHORT);
        assert!(costs.is_light(user));
        costs.note(user, LONG);
        assert!(!costs.is_light(user));
        let requests = (1..).find(|_| {
            costs.note(user, SHORT);
            costs.is_light(user)
        });
        assert_eq!(requests, Some(3), "soon again");
        costs.note(user, Duration::from_secs(7200));
        assert!(!costs.is_light(user), "hours are no overflow");
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
        assert!(costs.is_light(None) && !costs.is_light(Some(UserId(1))));
    }
}
