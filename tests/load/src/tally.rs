//! Answers by kind, of those who ask for more than they can get.

use std::collections::BTreeMap;
use std::fmt;

use crate::http::Answer;

/// How often each kind of answer came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// 200.
    pub(crate) served: u64,
    /// 503 with Retry-After.
    pub(crate) put_off: u64,
    /// 503 that does not say when to come back.
    pub(crate) put_off_for_good: u64,
    /// All other codes.
    pub(crate) others: BTreeMap<u16, u64>,
    /// No connection, or one that was closed before the answer was there whole.
    pub(crate) cut: u64,
    /// No answer until the end.
    pub(crate) unanswered: u64,
}

/// Codes that nobody may get who is who he says and asks for what there is.
const FAULTS: [u16; 2] = [401, 500];

impl Tally {
    pub(crate) fn count(&mut self, answer: &anyhow::Result<Answer>) {
        match answer {
            Ok(answer) => self.code(answer.code, answer.retry_after),
            Err(_) => self.cut += 1,
        }
    }

    pub(crate) fn code(&mut self, code: u16, retry_after: Option<u64>) {
        match (code, retry_after) {
            (200, _) => self.served += 1,
            (503, Some(_)) => self.put_off += 1,
            (503, None) => self.put_off_for_good += 1,
            (code, _) => *self.others.entry(code).or_default() += 1,
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.served += other.served;
        self.put_off += other.put_off;
        self.put_off_for_good += other.put_off_for_good;
        self.cut += other.cut;
        self.unanswered += other.unanswered;
        for (code, count) in &other.others {
            *self.others.entry(*code).or_default() += count;
        }
    }

    /// Everything that was asked.
    pub(crate) fn count_all(&self) -> u64 {
        let others: u64 = self.others.values().sum();
        self.served + self.put_off + self.put_off_for_good + others + self.cut + self.unanswered
    }

    /// What no overload excuses.
    pub(crate) fn wrong(&self) -> Option<String> {
        let faults = FAULTS.iter().filter_map(|code| Some(format!("{} times {code}", self.others.get(code)?)));
        let no_hint =
            (self.put_off_for_good > 0).then(|| format!("{} times 503 without Retry-After", self.put_off_for_good));
        let wrong: Vec<String> = faults.chain(no_hint).collect();
        (!wrong.is_empty()).then(|| wrong.join(", "))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} served, {} put off (503 with Retry-After)", self.served, self.put_off)?;
        if self.put_off_for_good > 0 {
            write!(f, ", {} put off for good (503 alone)", self.put_off_for_good)?;
        }
        for (code, count) in &self.others {
            write!(f, ", {count} times {code}")?;
        }
        write!(f, ", {} cut", self.cut)?;
        if self.unanswered > 0 {
            write!(f, ", {} not yet answered", self.unanswered)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_kind_and_only_faults_are_wrong() {
        let mut tally = Tally::default();
        for (code, retry_after) in [(200, None), (200, Some(1)), (503, Some(7)), (408, None)] {
            tally.code(code, retry_after);
        }
        tally.count(&Err(anyhow::anyhow!("gone")));
        let said = "2 served, 1 put off (503 with Retry-After), 1 times 408, 1 cut";
        assert_eq!((tally.to_string().as_str(), tally.wrong(), tally.count_all()), (said, None, 5));
        let mut faulty = Tally { unanswered: 2, ..Tally::default() };
        for (code, retry_after) in [(503, None), (401, None), (500, Some(1)), (500, None)] {
            faulty.code(code, retry_after);
        }
        assert_eq!(faulty.wrong().unwrap(), "1 times 401, 2 times 500, 1 times 503 without Retry-After");
        tally.add(&faulty);
        assert_eq!((tally.count_all(), tally.others[&408], tally.put_off_for_good), (11, 1, 1));
    }
}
