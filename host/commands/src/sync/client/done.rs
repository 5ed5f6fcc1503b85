//! Changes and deletes of a request that comes again because its answer was lost: which of them were carried out.

use std::collections::{BTreeMap, VecDeque};

use easel_protocol::ServerId;
use easel_store::{Outcome, OutcomeToken};

/// What came of the commands that need not be carried out again, for each item in their order.
///
/// A device that repeats a request may say more, less or something else this time. Of what it says of one item the
/// beginning is done as far as it is also the end of what was carried out for that item before. So nothing is done
/// twice that is said again as it was, what is said in addition is done, and what takes back something later is done
/// although it was done before: read, unread and read again leaves a mail read.
#[derive(Debug, Default)]
pub(super) struct Done {
    outcomes: BTreeMap<ServerId, VecDeque<Outcome>>,
}

impl Done {
    /// Of `commands`, in the order of the request, after the attempts that came to `earlier`.
    pub(super) fn of(earlier: &[Outcome], commands: impl Iterator<Item = (ServerId, OutcomeToken)>) -> Self {
        let (mut before, mut now) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::<_, Vec<_>>::new());
        for outcome in earlier.iter().filter(|outcome| matches!(outcome.token, OutcomeToken::Hash(_))) {
            outcome.item.into_iter().for_each(|item| before.entry(item).or_default().push(outcome));
        }
        for (item, token) in commands {
            now.entry(item).or_default().push(token);
        }
        let outcomes = now.into_iter().filter_map(|(item, now)| {
            let before = before.get(&item)?;
            let ends = |count: &usize| {
                let end = before[before.len() - count..].iter().map(|outcome| &outcome.token);
                end.eq(&now[..*count])
            };
            let count = (1..=before.len().min(now.len())).rev().find(ends)?;
            Some((item, before[before.len() - count..].iter().map(|outcome| (*outcome).clone()).collect()))
        });
        Self { outcomes: outcomes.collect() }
    }

    /// What came of the next command for an item, if it was carried out.
    pub(super) fn next(&mut self, item: ServerId, token: &OutcomeToken) -> Option<Outcome> {
        self.outcomes.get_mut(&item)?.pop_front().filter(|outcome| outcome.token == *token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(letter: char) -> OutcomeToken {
        OutcomeToken::Hash([u8::try_from(letter).unwrap(); 16])
    }

    /// Which of `now` were carried out, one item, when `before` was.
    fn done(before: &str, now: &str) -> String {
        let item = ServerId::new(1);
        let outcome = |letter| Outcome { token: token(letter), item: Some(item), status: 1, answer: Vec::new() };
        let earlier: Vec<_> = before.chars().map(outcome).collect();
        let mut done = Done::of(&earlier, now.chars().map(|letter| (item, token(letter))));
        now.chars().filter(|letter| done.next(item, &token(*letter)).is_some()).collect()
    }

    #[test]
    fn what_comes_first_and_was_done_last_is_done() {
        for (before, now, expected) in [
            ("", "a", ""),
            ("a", "a", "a"),
            ("aba", "aba", "aba"),
            ("ab", "a", ""),
            ("ab", "b", "b"),
            ("a", "ab", "a"),
            ("a", "aa", "a"),
            ("aba", "ab", "a"),
            ("ab", "ba", "b"),
            ("abc", "bcd", "bc"),
        ] {
            assert_eq!(done(before, now), expected, "{before} before, {now} now");
        }
    }

    #[test]
    fn each_item_has_its_own() {
        let (one, two) = (ServerId::new(1), ServerId::new(2));
        let outcome = |item, letter| Outcome { token: token(letter), item: Some(item), status: 1, answer: Vec::new() };
        let earlier = [outcome(one, 'a'), outcome(two, 'b'), outcome(one, 'c')];
        let mut done = Done::of(&earlier, [(two, token('b')), (one, token('c')), (one, token('d'))].into_iter());
        assert!(done.next(two, &token('b')).is_some() && done.next(one, &token('c')).is_some());
        assert!(done.next(one, &token('d')).is_none() && done.next(two, &token('b')).is_none());
    }
}
