//! All occurrences of an event: its start, its rules and its further dates. RFC 5545 3.8.5 "Recurrence Component
//! Properties".

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::expand::STEPS_MAX;
use super::{Occurrences, Rule};

/// What RRULE, RDATE and EXRULE say together; EXDATE is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    start: DateTime,
    rules: Vec<Rule>,
    excluded: Vec<Rule>,
    /// Sorted. The start is one of them where no rule has it.
    dates: Vec<DateTime>,
}

impl Set {
    /// The set of a series that starts at `start` on the clock of `zone`.
    ///
    /// A start that no rule has is an occurrence all the same, and COUNT counts it as the first (RFC 5545 3.3.10).
    pub fn new(
        start: DateTime,
        mut rules: Vec<Rule>,
        excluded: Vec<Rule>,
        mut dates: Vec<DateTime>,
        zone: &TimeZone,
    ) -> Self {
        let has_start = |rule: &Rule| {
            // What is not known is taken to be in order.
            !rule.is_known() || rule.has_start(start, zone)
        };
        dates.retain(|date| *date != start);
        if !rules.iter().any(has_start) {
            dates.push(start);
            if let [rule] = rules.as_mut_slice() {
                rule.count = rule.count.map(|count| count.saturating_sub(1));
            }
        }
        dates.sort_unstable();
        dates.dedup();
        Self { start, rules, excluded, dates }
    }

    /// The rule that says everything there is to say; `None` where there is more than one rule, or less.
    pub fn rule(&self) -> Option<&Rule> {
        self.main_rule().filter(|_| self.dates.is_empty() && self.excluded.is_empty())
    }

    /// The rule that says everything but the start, which it does not have.
    pub fn rule_behind_start(&self) -> Option<&Rule> {
        self.main_rule().filter(|_| self.dates == [self.start] && self.excluded.is_empty())
    }

    /// The only rule, whatever else the set has.
    pub fn main_rule(&self) -> Option<&Rule> {
        match self.rules.as_slice() {
            [rule] => Some(rule),
            _ => None,
        }
    }

    /// Whether every rule can be worked out here.
    pub fn is_known(&self) -> bool {
        self.rules.iter().chain(&self.excluded).all(Rule::is_known)
    }

    /// Whether it never ends.
    pub fn is_endless(&self) -> bool {
        self.rules.iter().any(Rule::is_endless)
    }

    /// Whether a rule names the time of day, so that another time of the start moves nothing.
    pub fn names_times(&self) -> bool {
        let names = |rule: &Rule| {
            rule.freq < super::Freq::Daily
                || [&rule.by_hour, &rule.by_minute, &rule.by_second].into_iter().any(|list| !list.is_empty())
        };
        self.rules.iter().any(names)
    }

    /// The start of the series.
    pub const fn start(&self) -> DateTime {
        self.start
    }

    /// Every occurrence, oldest first.
    pub fn occurrences<'a>(&'a self, zone: &TimeZone) -> SetOccurrences<'a> {
        self.occurrences_within(zone, STEPS_MAX)
    }

    /// The same with another bound for the work: the rules share it.
    pub(crate) fn occurrences_within<'a>(&'a self, zone: &TimeZone, steps_max: u32) -> SetOccurrences<'a> {
        let rules = u32::try_from(self.rules.len() + self.excluded.len()).unwrap_or(u32::MAX).max(1);
        let source = |rule: &'a Rule| Source::new(rule.occurrences_within(self.start, zone, steps_max / rules));
        SetOccurrences {
            rules: self.rules.iter().map(source).collect(),
            excluded: self.excluded.iter().map(source).collect(),
            dates: &self.dates,
            gave_up: false,
        }
    }

    /// The first occurrence of each day from `from` on.
    pub fn days<'a>(&'a self, from: Date, zone: &TimeZone) -> Days<'a> {
        self.occurrences(zone).days(from)
    }

    /// The last occurrence that is not in `passed` (sorted); `Some(None)` when none is left, `None` for a series
    /// without an end, or one whose end is not found within the bound.
    pub fn last(&self, zone: &TimeZone, passed: &[DateTime]) -> Option<Option<DateTime>> {
        if self.is_endless() {
            return None;
        }
        let mut occurrences = self.occurrences(zone);
        let last = occurrences.by_ref().filter(|at| passed.binary_search(at).is_err()).last();
        if occurrences.is_complete() {
            return Some(last);
        }
        let ends: Option<Vec<DateTime>> = self.rules.iter().map(|rule| Some(rule.until?.on_clock(zone))).collect();
        ends.map(|ends| ends.into_iter().chain(self.dates.last().copied()).max())
    }
}

/// The occurrences of one rule, the next of which is known.
#[derive(Clone, Debug)]
struct Source<'a> {
    all: Occurrences<'a>,
    next: Option<DateTime>,
}

impl<'a> Source<'a> {
    fn new(mut all: Occurrences<'a>) -> Self {
        let next = all.next();
        Self { all, next }
    }

    fn skip_to(&mut self, at: DateTime) {
        if self.next.is_some_and(|next| next < at) {
            self.all.skip_to(at);
        }
        while self.next.is_some_and(|next| next < at) {
            self.next = self.all.next();
        }
    }

    fn take(&mut self, at: DateTime) {
        if self.next == Some(at) {
            self.next = self.all.next();
        }
    }
}

/// Iterates over the occurrences of a set, oldest first.
#[derive(Clone, Debug)]
pub struct SetOccurrences<'a> {
    rules: Vec<Source<'a>>,
    excluded: Vec<Source<'a>>,
    dates: &'a [DateTime],
    gave_up: bool,
}

impl<'a> SetOccurrences<'a> {
    /// After the end: whether there are no more, rather than the bound having been reached.
    pub const fn is_complete(&self) -> bool {
        !self.gave_up
    }

    /// What it took so far.
    pub(crate) fn steps(&self) -> u32 {
        self.rules.iter().chain(&self.excluded).fold(0, |steps, source| steps.saturating_add(source.all.steps()))
    }

    /// The first of each day from `from` on.
    pub(crate) const fn days(self, from: Date) -> Days<'a> {
        Days { all: self, next: Some(from) }
    }

    /// Passes over everything before `at`.
    pub fn skip_to(&mut self, at: DateTime) {
        self.rules.iter_mut().for_each(|source| source.skip_to(at));
        self.dates = &self.dates[self.dates.partition_point(|date| *date < at)..];
    }
}

impl Iterator for SetOccurrences<'_> {
    type Item = DateTime;

    fn next(&mut self) -> Option<DateTime> {
        loop {
            // Behind a rule that gave up nothing is known.
            self.gave_up |= self.rules.iter().any(|source| source.next.is_none() && !source.all.is_complete());
            if self.gave_up {
                return None;
            }
            let next = self.rules.iter().filter_map(|source| source.next).chain(self.dates.first().copied()).min()?;
            self.rules.iter_mut().for_each(|source| source.take(next));
            if self.dates.first() == Some(&next) {
                self.dates = &self.dates[1..];
            }
            self.excluded.iter_mut().for_each(|source| source.skip_to(next));
            if !self.excluded.iter().any(|source| source.next == Some(next)) {
                return Some(next);
            }
        }
    }
}

/// The first occurrence of each day.
#[derive(Clone, Debug)]
pub struct Days<'a> {
    all: SetOccurrences<'a>,
    next: Option<Date>,
}

impl Days<'_> {
    /// What it took so far.
    pub(crate) fn steps(&self) -> u32 {
        self.all.steps()
    }

    /// As [`SetOccurrences::is_complete`].
    pub const fn is_complete(&self) -> bool {
        self.all.is_complete()
    }
}

impl Iterator for Days<'_> {
    type Item = DateTime;

    fn next(&mut self) -> Option<DateTime> {
        self.all.skip_to(self.next?.at(0, 0, 0, 0));
        let at = self.all.next()?;
        self.next = at.date().tomorrow().ok();
        Some(at)
    }
}
