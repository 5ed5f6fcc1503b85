//! The two rule lines of a zone, and the zone they make.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// A day in seconds.
const DAY: i32 = 86_400;
/// A rule counts as one when it holds in this many of the five years around a date.
const YEARS_OF_A_RULE: usize = 3;

/// What a blob can say about a zone: an offset, and at most one pair of changes a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules {
    /// Minutes east of UTC in standard time.
    pub standard: i32,
    /// The daylight time, if there is any.
    pub saving: Option<Saving>,
}

/// Daylight time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Saving {
    /// Minutes that the clock is ahead of standard time.
    pub minutes: i32,
    /// When it begins, in standard time.
    pub begins: Change,
    /// When it ends, in daylight time.
    pub ends: Change,
}

/// When the clock changes, on the clock before the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// On which day.
    pub day: ChangeDay,
    /// Seconds after midnight, `0..=86400`.
    pub seconds: i32,
}

/// The day of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeDay {
    /// The n-th such weekday of a month every year; 5 is the last.
    Nth {
        /// `1..=12`
        month: i8,
        /// `1..=5`
        week: i8,
        /// The weekday.
        weekday: Weekday,
    },
    /// On that date only.
    On(Date),
}

impl Change {
    /// The clock before the change in that year.
    pub fn in_year(self, year: i16) -> Option<DateTime> {
        let date = match self.day {
            ChangeDay::Nth { month, week, weekday } => {
                let first = Date::new(year, month, 1).ok()?;
                first.nth_weekday_of_month(if week >= 5 { -1 } else { week }, weekday).ok()?
            }
            ChangeDay::On(date) => (date.year() == year).then_some(date)?,
        };
        date.to_datetime(jiff::civil::Time::midnight()).checked_add(i64::from(self.seconds).seconds()).ok()
    }

    /// The yearly rule nearest to a date: its weekday, counted from the end where it is the last one.
    fn yearly(self) -> (i8, i8, Weekday) {
        match self.day {
            ChangeDay::Nth { month, week, weekday } => (month, week, weekday),
            ChangeDay::On(date) => {
                let last = date.day() + 7 > date.days_in_month();
                (date.month(), if last { 5 } else { (date.day() + 6) / 7 }, date.weekday())
            }
        }
    }
}

/// One change of the clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    /// The clock before it.
    pub(super) local: DateTime,
    /// Seconds east of UTC before it.
    pub(super) before: i32,
    /// Seconds east of UTC after it.
    pub(super) after: i32,
}

/// The changes of a zone whose clock shows that year before them.
pub(super) fn turns(zone: &TimeZone, year: i16) -> Vec<Turn> {
    let Ok(start) =
        Date::new(year, 1, 1).and_then(|date| zone.to_timestamp(date.to_datetime(jiff::civil::Time::midnight())))
    else {
        return Vec::new();
    };
    let start = start.checked_sub(1.second()).unwrap_or(start);
    let mut before = zone.to_offset(start);
    let mut turns = Vec::new();
    for transition in zone.following(start).take(12) {
        let local = before.to_datetime(transition.timestamp());
        if local.year() > year {
            break;
        }
        if before != transition.offset() && local.year() == year {
            turns.push(Turn { local, before: before.seconds(), after: transition.offset().seconds() });
        }
        before = transition.offset();
    }
    turns
}

impl Rules {
    /// UTC.
    pub const UTC: Self = Self { standard: 0, saving: None };

    /// The rules of a zone that are valid at `at`.
    ///
    /// A zone whose changes follow no yearly rule (Morocco) is told by the offset it has most of that year.
    pub fn of(zone: &TimeZone, at: Timestamp) -> Self {
        if let Ok(offset) = zone.to_fixed_offset() {
            return Self { standard: minutes(offset.seconds()), saving: None };
        }
        let year = zone.to_datetime(at).year().clamp(1600, 9990);
        let years: Vec<Vec<Turn>> = (year - 2..=year + 2).map(|year| turns(zone, year)).collect();
        match years[2].as_slice() {
            [first, second] => saving(first, second, &years).unwrap_or_else(|| dominant(year, &years[2])),
            [] | [_] => Self { standard: minutes(zone.to_offset(at).seconds()), saving: None },
            more => dominant(year, more),
        }
    }

    /// A zone with these rules in every year.
    pub fn to_zone(&self) -> TimeZone {
        let fixed = || Offset::from_seconds(self.standard * 60).map_or(TimeZone::UTC, TimeZone::fixed);
        match self.saving {
            None => fixed(),
            Some(_) => TimeZone::posix(&self.posix()).unwrap_or_else(|_| fixed()),
        }
    }

    /// The name of a zone that nobody else names.
    pub(super) fn private_id(&self) -> String {
        if *self == Self::UTC {
            return "UTC".to_owned();
        }
        let rules = self.posix();
        let rules = rules.split_once(',').map(|(_, rules)| format!("/{}", rules.replace([',', '/'], "_")));
        format!("Easel/UTC{}{}", hours(self.standard), rules.unwrap_or_default())
    }

    /// POSIX.1 TZ, as RFC 9636 extends it. There, hours count west of Greenwich.
    fn posix(&self) -> String {
        let name = |minutes: i32| format!("<{}>", hours(minutes).replace(':', ""));
        let mut text = format!("{}{}", name(self.standard), hours(-self.standard));
        if let Some(saving) = self.saving {
            let ahead = self.standard + saving.minutes;
            text.push_str(&format!("{}{}", name(ahead), hours(-ahead)));
            for change in [saving.begins, saving.ends] {
                let (month, week, weekday) = change.yearly();
                let (hour, minute, second) = (change.seconds / 3600, change.seconds / 60 % 60, change.seconds % 60);
                let weekday = weekday.to_sunday_zero_offset();
                text.push_str(&format!(",M{month}.{week}.{weekday}/{hour}:{minute:02}:{second:02}"));
            }
        }
        text
    }

    /// The offset in standard time, in seconds.
    pub(super) const fn standard_seconds(&self) -> i32 {
        self.standard * 60
    }
}

/// `+01:00`
fn hours(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

fn minutes(seconds: i32) -> i32 {
    seconds.div_euclid(60)
}

/// The yearly rule behind two changes of a year, if there is one.
fn saving(first: &Turn, second: &Turn, years: &[Vec<Turn>]) -> Option<Rules> {
    if first.before != second.after || first.after != second.before {
        return None;
    }
    // The larger offset is daylight time, whatever the data calls it (Ireland calls it standard).
    let (up, down) = if first.after > first.before { (first, second) } else { (second, first) };
    let standard = minutes(up.before);
    let saving =
        Saving { minutes: minutes(up.after) - standard, begins: rule_of(up, years)?, ends: rule_of(down, years)? };
    (saving.minutes != 0).then_some(Rules { standard, saving: Some(saving) })
}

/// The rule that gives this change and holds in most of the years around it.
fn rule_of(turn: &Turn, years: &[Vec<Turn>]) -> Option<Change> {
    let holds = |candidate: &Change| {
        let same = |other: &&Turn| (other.after > other.before) == (turn.after > turn.before);
        let in_year = |turns: &&Vec<Turn>| {
            turns.iter().filter(same).any(|other| candidate.in_year(other.local.year()) == Some(other.local))
        };
        years.iter().filter(in_year).count()
    };
    candidates(turn.local)
        .into_iter()
        .filter(|candidate| candidate.in_year(turn.local.year()) == Some(turn.local))
        .map(|candidate| (holds(&candidate), candidate))
        .filter(|(count, _)| *count >= YEARS_OF_A_RULE)
        // "Last" before "fourth" (K: P11), a time of the day before the end of the day before it.
        .max_by_key(|(count, candidate)| (*count, candidate.seconds < DAY, candidate.yearly().1 == 5))
        .map(|(_, candidate)| candidate)
}

/// Every way to say a moment as a yearly rule: midnight is also the end of the day before.
fn candidates(local: DateTime) -> Vec<Change> {
    let midnight = jiff::civil::Time::midnight();
    let seconds = i32::from(local.hour()) * 3600 + i32::from(local.minute()) * 60 + i32::from(local.second());
    let mut found = nth_days(local.date(), seconds);
    if local.time() == midnight
        && let Ok(before) = local.date().yesterday()
    {
        found.extend(nth_days(before, DAY));
    }
    found
}

fn nth_days(date: Date, seconds: i32) -> Vec<Change> {
    let (month, weekday) = (date.month(), date.weekday());
    let change = |week| Change { day: ChangeDay::Nth { month, week, weekday }, seconds };
    let mut found = vec![change((date.day() + 6) / 7)];
    if date.day() + 7 > date.days_in_month() && date.day() <= 28 {
        found.push(change(5));
    }
    found
}

/// The offset that holds for the longest part of the year.
fn dominant(year: i16, turns: &[Turn]) -> Rules {
    let base = Date::constant(year, 1, 1).to_datetime(jiff::civil::Time::midnight());
    let mut spans: Vec<(i32, i64)> = Vec::new();
    let mut since = 0;
    for turn in turns {
        let until = turn.local.duration_since(base).as_secs();
        spans.push((turn.before, until - since));
        since = until;
    }
    let after = turns.last().map_or(0, |turn| turn.after);
    spans.push((after, 366 * i64::from(DAY) - since));
    let total = |offset: i32| spans.iter().filter(|(other, _)| *other == offset).map(|(_, length)| length).sum::<i64>();
    let longest = spans.iter().map(|(offset, _)| *offset).max_by_key(|offset| total(*offset)).unwrap_or(after);
    Rules { standard: minutes(longest), saving: None }
}
