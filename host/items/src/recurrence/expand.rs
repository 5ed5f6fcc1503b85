//! The occurrences of a rule, within a bound. RFC 5545 3.3.10 "Recurrence Rule", 3.8.5.3.
//!
//! Everything happens on the clock of the series; a moment is made of an occurrence by whoever knows the zone. The
//! work is bounded in steps, so that `FREQ=SECONDLY`, a rule that never matches and an absurd interval all return.

use std::collections::VecDeque;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use super::{Day, Freq, Rule};

/// Work allowed for one iteration: a day or moment looked at costs 1, a year 50, an occurrence 1, also one that BYSETPOS
/// does not choose. It reaches 130 years of days and 1,000 years of years.
pub(crate) const STEPS_MAX: u32 = 50_000;
/// Members of BYSETPOS that cost a step.
const POSITIONS_A_STEP: usize = 8;
/// Times in one day that a rule may name.
const TIMES_MAX: usize = 1_440;

/// Iterates over the occurrences of a rule, oldest first.
#[derive(Clone, Debug)]
pub struct Occurrences<'a> {
    rule: &'a Rule,
    start: DateTime,
    /// Nothing before it is wanted.
    from: DateTime,
    until: Option<DateTime>,
    left: Option<u32>,
    steps: u32,
    steps_max: u32,
    /// Periods passed.
    period: i64,
    ready: VecDeque<DateTime>,
    ended: Ended,
    set: DaySet,
    times: Vec<Time>,
}

/// Whether and why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    No,
    /// The rule has no more.
    Complete,
    /// The bound was reached.
    GaveUp,
}

/// Which days of a period are meant: the rule's parts with what they leave to the start. However long the lists are, a
/// day is looked at in a few steps.
#[derive(Clone, Debug)]
struct DaySet {
    months: Numbers,
    month_days: Numbers,
    year_days: Numbers,
    weeks: Numbers,
    /// Of each weekday, from Monday, which ones of its kind: 0 is every one.
    days: Option<Box<[Numbers; 7]>>,
}

/// The numbers of a list, from -[`Numbers::MOST`] to it.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    /// Whether nothing was said, so that everything is meant.
    is_empty: bool,
    bits: [u64; 12],
}

impl Numbers {
    /// BYYEARDAY has the largest.
    const MOST: i16 = 366;

    fn of(list: &[i16]) -> Self {
        let mut numbers = Self { is_empty: list.is_empty(), bits: [0; 12] };
        list.iter().for_each(|number| numbers.insert(*number));
        numbers
    }

    fn place(number: i16) -> Option<(usize, u64)> {
        let bit = usize::try_from(number.checked_add(Self::MOST)?).ok().filter(|_| number <= Self::MOST)?;
        Some((bit / 64, 1 << (bit % 64)))
    }

    fn insert(&mut self, number: i16) {
        self.is_empty = false;
        if let Some((word, bit)) = Self::place(number) {
            self.bits[word] |= bit;
        }
    }

    fn contains(&self, number: i16) -> bool {
        Self::place(number).is_some_and(|(word, bit)| self.bits[word] & bit != 0)
    }

    /// Whether the `number`th of `most` is meant, counted from either end.
    fn counted_either_way(&self, number: i16, most: i16) -> bool {
        self.is_empty || self.contains(number) || self.contains(number - most - 1)
    }
}

impl Rule {
    /// The occurrences of a series that starts at `start` on the clock of `zone`.
    pub fn occurrences(&self, start: DateTime, zone: &TimeZone) -> Occurrences<'_> {
        self.occurrences_within(start, zone, STEPS_MAX)
    }

    /// Whether a series that starts at `start` has it as an occurrence. Nothing behind it is looked at.
    pub(super) fn has_start(&self, start: DateTime, zone: &TimeZone) -> bool {
        self.occurrences_within(start, zone, 1).next() == Some(start)
    }

    /// The same with another bound.
    pub(super) fn occurrences_within(&self, start: DateTime, zone: &TimeZone, steps_max: u32) -> Occurrences<'_> {
        let times = times(self, start.time());
        let impossible = !self.is_gregorian() || times.len() > TIMES_MAX;
        Occurrences {
            rule: self,
            start,
            from: start,
            until: self.until.map(|until| until.on_clock(zone)),
            left: self.count,
            steps: 0,
            steps_max,
            period: 0,
            ready: VecDeque::new(),
            ended: if impossible { Ended::GaveUp } else { Ended::No },
            set: DaySet::of(self, start),
            times,
        }
    }
}

impl Occurrences<'_> {
    /// After the end: whether the rule has no more occurrences, rather than the bound having been reached.
    pub fn is_complete(&self) -> bool {
        self.ended == Ended::Complete
    }

    /// What it took so far.
    pub(super) const fn steps(&self) -> u32 {
        self.steps
    }

    /// Passes over occurrences before `at` without looking at them, as far as that is possible: COUNT must count them.
    pub fn skip_to(&mut self, at: DateTime) {
        if self.left.is_some() || at <= self.from {
            return;
        }
        self.from = at;
        self.ready.retain(|ready| *ready >= at);
        let seconds = at.duration_since(self.start).as_secs();
        let passed = match self.rule.freq {
            Freq::Yearly => i64::from(at.year()) - i64::from(self.start.year()),
            Freq::Monthly => {
                let month = |at: DateTime| i64::from(at.year()) * 12 + i64::from(at.month());
                month(at) - month(self.start)
            }
            Freq::Weekly => seconds / 604_800,
            Freq::Daily => seconds / 86_400,
            Freq::Hourly => seconds / 3_600,
            Freq::Minutely => seconds / 60,
            Freq::Secondly => seconds,
        };
        // One less, because weeks and days do not begin at the time of the start.
        self.period = self.period.max(passed / i64::from(self.rule.interval) - 1);
    }

    /// The occurrences of the next period, or `None` behind the last year there is.
    fn next_period(&mut self) -> Option<Vec<DateTime>> {
        let step = self.period.checked_mul(i64::from(self.rule.interval))?;
        self.period += 1;
        let first = self.start.date();
        let mut found = match self.rule.freq {
            Freq::Yearly => {
                self.steps += 49;
                let year =
                    i16::try_from(i64::from(first.year()).checked_add(step)?).ok().filter(|year| *year < 9_999)?;
                self.days(Date::new(year, 1, 1).ok()?, Date::new(year + 1, 1, 1).ok()?)?
            }
            Freq::Monthly => {
                self.steps += 1;
                let months = (i64::from(first.year()) * 12 + i64::from(first.month()) - 1).checked_add(step)?;
                let year = i16::try_from(months.div_euclid(12)).ok().filter(|year| *year < 9_999)?;
                let month = Date::new(year, i8::try_from(months.rem_euclid(12) + 1).ok()?, 1).ok()?;
                self.days(month, month.checked_add(1.month()).ok()?)?
            }
            Freq::Weekly => {
                let back = first.weekday().since(self.rule.week_start());
                let week = later(first, step.checked_mul(7)?.checked_sub(i64::from(back))?)?;
                self.days(week, later(week, 7)?)?
            }
            Freq::Daily => {
                let day = later(first, step)?;
                self.days(day, later(day, 1)?)?
            }
            Freq::Hourly | Freq::Minutely | Freq::Secondly => self.moments(step)?,
        };
        self.steps = self.steps.saturating_add(u32::try_from(found.len()).unwrap_or(STEPS_MAX));
        if !self.rule.by_set_pos.is_empty() {
            self.steps += u32::try_from(self.rule.by_set_pos.len() / POSITIONS_A_STEP).unwrap_or(STEPS_MAX);
            found = at_positions(&found, &self.rule.by_set_pos);
        }
        Some(found)
    }

    /// Every occurrence on the days from `from` to before `to`; `None` where they alone are more than the bound.
    fn days(&self, from: Date, to: Date) -> Option<Vec<DateTime>> {
        let mut found = Vec::new();
        let mut day = from;
        while day < to {
            if self.set.has(self.rule, day) {
                if found.len() > STEPS_MAX as usize {
                    return None;
                }
                found.extend(self.times.iter().map(|time| day.to_datetime(*time)));
            }
            let Ok(next) = day.tomorrow() else { break };
            day = next;
        }
        Some(found)
    }

    /// The occurrences of one hour, minute or second.
    fn moments(&self, step: i64) -> Option<Vec<DateTime>> {
        let rule = self.rule;
        let seconds = match rule.freq {
            Freq::Hourly => 3_600,
            Freq::Minutely => 60,
            Freq::Secondly | Freq::Daily | Freq::Weekly | Freq::Monthly | Freq::Yearly => 1,
        };
        let at = self.start.checked_add(jiff::SignedDuration::from_secs(step.checked_mul(seconds)?)).ok()?;
        let allowed = |list: &[i16], value: i8| list.is_empty() || list.contains(&i16::from(value));
        let minutes = rule.freq == Freq::Hourly || allowed(&rule.by_minute, at.minute());
        let second = rule.freq != Freq::Secondly || allowed(&rule.by_second, at.second());
        if !(self.set.has(rule, at.date()) && allowed(&rule.by_hour, at.hour()) && minutes && second) {
            return Some(Vec::new());
        }
        let own = |list: &[i16], value: i8| if list.is_empty() { vec![i16::from(value)] } else { list.to_vec() };
        let minutes =
            if rule.freq == Freq::Hourly { own(&rule.by_minute, at.minute()) } else { vec![i16::from(at.minute())] };
        let seconds =
            if rule.freq == Freq::Secondly { vec![i16::from(at.second())] } else { own(&rule.by_second, at.second()) };
        let times = all_times(&[i16::from(at.hour())], &minutes, &seconds);
        Some(times.into_iter().map(|time| at.date().to_datetime(time)).collect())
    }

    fn fill(&mut self) {
        while self.ready.is_empty() && self.ended == Ended::No {
            if self.period_is_past_the_end() {
                self.ended = Ended::Complete;
                return;
            }
            if self.steps >= self.steps_max {
                self.ended = Ended::GaveUp;
                return;
            }
            self.steps += 1;
            let Some(found) = self.next_period() else {
                self.ended = Ended::GaveUp;
                return;
            };
            let from = self.from;
            self.ready.extend(found.into_iter().filter(|at| *at >= from));
        }
    }
}

impl Iterator for Occurrences<'_> {
    type Item = DateTime;

    fn next(&mut self) -> Option<DateTime> {
        if self.left == Some(0) && self.ended == Ended::No {
            self.ended = Ended::Complete;
        }
        if self.ended == Ended::No {
            self.fill();
        }
        if self.ended != Ended::No {
            return None;
        }
        let next = self.ready.pop_front()?;
        if self.until.is_some_and(|until| next > until) {
            self.ended = Ended::Complete;
            return None;
        }
        self.left = self.left.map(|left| left - 1);
        Some(next)
    }
}

impl Occurrences<'_> {
    /// Whether everything to come lies behind UNTIL, so that a rule without a match ends there.
    fn period_is_past_the_end(&self) -> bool {
        let Some(until) = self.until else { return false };
        let days = match self.rule.freq {
            Freq::Yearly => 365,
            Freq::Monthly => 28,
            Freq::Weekly => 7,
            Freq::Daily => 1,
            Freq::Hourly | Freq::Minutely | Freq::Secondly => return false,
        };
        let passed = self.period.saturating_sub(2).saturating_mul(i64::from(self.rule.interval)).saturating_mul(days);
        later(self.start.date(), passed).is_none_or(|reached| reached > until.date())
    }
}

impl DaySet {
    /// RFC 5545 3.3.10: what is not given comes from the start.
    fn of(rule: &Rule, start: DateTime) -> Self {
        let (mut months, mut month_days) = (Numbers::of(&rule.by_month), Numbers::of(&rule.by_month_day));
        let mut days = rule.by_day.clone();
        let open = rule.by_month_day.is_empty()
            && rule.by_day.is_empty()
            && rule.by_year_day.is_empty()
            && rule.by_week_no.is_empty();
        if open {
            match rule.freq {
                Freq::Yearly => {
                    month_days.insert(i16::from(start.day()));
                    if months.is_empty {
                        months.insert(i16::from(start.month()));
                    }
                }
                Freq::Monthly => month_days.insert(i16::from(start.day())),
                Freq::Weekly => days.push(Day { nth: 0, weekday: start.weekday() }),
                Freq::Daily | Freq::Hourly | Freq::Minutely | Freq::Secondly => {}
            }
        } else if rule.freq == Freq::Yearly
            && !rule.by_week_no.is_empty()
            && rule.by_day.is_empty()
            && rule.by_month_day.is_empty()
            && rule.by_year_day.is_empty()
        {
            days.push(Day { nth: 0, weekday: start.weekday() });
        }
        let by_weekday = |days: &[Day]| {
            let mut numbers = Box::new([Numbers::of(&[]); 7]);
            days.iter().for_each(|day| numbers[place(day.weekday)].insert(day.nth));
            numbers
        };
        Self {
            months,
            month_days,
            year_days: Numbers::of(&rule.by_year_day),
            weeks: Numbers::of(&rule.by_week_no),
            days: (!days.is_empty()).then(|| by_weekday(&days)),
        }
    }

    fn has(&self, rule: &Rule, day: Date) -> bool {
        (self.months.is_empty || self.months.contains(i16::from(day.month())))
            && self.month_days.counted_either_way(i16::from(day.day()), i16::from(day.days_in_month()))
            && (self.year_days.is_empty || self.year_days.counted_either_way(day.day_of_year(), day.days_in_year()))
            && self.days.as_ref().is_none_or(|days| self.is_that_day(rule, &days[place(day.weekday())], day))
            && (self.weeks.is_empty || self.in_week(rule, day))
    }

    /// Whether a day is one of those wanted of its weekday.
    fn is_that_day(&self, rule: &Rule, wanted: &Numbers, day: Date) -> bool {
        if wanted.is_empty {
            return false;
        }
        if wanted.contains(0) || rule.freq < Freq::Monthly {
            return true;
        }
        let (number, length) = if rule.freq == Freq::Monthly || !self.months.is_empty {
            (i16::from(day.day()), i16::from(day.days_in_month()))
        } else {
            (day.day_of_year(), day.days_in_year())
        };
        let from_start = (number + 6) / 7;
        let from_end = -((length - number) / 7 + 1);
        wanted.contains(from_start) || wanted.contains(from_end)
    }

    /// Whether a day lies in one of the weeks of BYWEEKNO; week 1 is the first with four days in the year.
    fn in_week(&self, rule: &Rule, day: Date) -> bool {
        let first = first_week(day.year(), rule.week_start());
        let next = first_week(day.year().saturating_add(1).min(9_998), rule.week_start());
        let before = first_week((day.year() - 1).max(-9_998), rule.week_start());
        let (start, end) = if day < first {
            (before, first)
        } else if day >= next {
            (next, later(next, 364).unwrap_or(next))
        } else {
            (first, next)
        };
        let days = |from: Date, to: Date| i16::try_from(to.duration_since(from).as_hours() / 24).unwrap_or(0);
        let number = days(start, day) / 7 + 1;
        let weeks = days(start, end) / 7;
        // Only days of the year itself belong to its set.
        start.saturating_add(3.days()).year() == day.year() && self.weeks.counted_either_way(number, weeks)
    }
}

/// Where a weekday stands in a list of them.
fn place(weekday: Weekday) -> usize {
    usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(0)
}

fn first_week(year: i16, week_start: Weekday) -> Date {
    let fourth = Date::constant(year, 1, 4);
    fourth.saturating_sub(i64::from(fourth.weekday().since(week_start)).days())
}

fn later(date: Date, days: i64) -> Option<Date> {
    if days.abs() > 8_000_000 {
        return None;
    }
    date.checked_add(days.days()).ok()
}

fn times(rule: &Rule, start: Time) -> Vec<Time> {
    let own = |list: &[i16], value: i8| if list.is_empty() { vec![i16::from(value)] } else { list.to_vec() };
    all_times(
        &own(&rule.by_hour, start.hour()),
        &own(&rule.by_minute, start.minute()),
        &own(&rule.by_second, start.second()),
    )
}

/// At most one more than the bound, so that the caller sees that it is passed.
fn all_times(hours: &[i16], minutes: &[i16], seconds: &[i16]) -> Vec<Time> {
    let small = |number: &i16| i8::try_from(*number).unwrap_or(0);
    let mut times = Vec::new();
    for hour in hours {
        for minute in minutes {
            for second in seconds {
                if times.len() > TIMES_MAX {
                    return times;
                }
                times.extend(Time::new(small(hour), small(minute), small(second).min(59), 0).ok());
            }
        }
    }
    times.sort_unstable();
    times.dedup();
    times
}

fn at_positions(found: &[DateTime], positions: &[i16]) -> Vec<DateTime> {
    let at = |position: &i16| {
        let index = usize::from(position.unsigned_abs());
        if *position > 0 { found.get(index - 1) } else { found.len().checked_sub(index).and_then(|at| found.get(at)) }
    };
    let mut chosen: Vec<DateTime> = positions.iter().filter_map(at).copied().collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}
