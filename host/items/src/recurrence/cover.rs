//! Sets that no pattern says, told by a pattern that covers them.
//!
//! A device knows one pattern, deleted occurrences and moved ones. So a set of dates is told by a pattern that has every
//! day of it, with a deleted exception for each day too many (a hole). One that would need more than [`EXTRA_MAX`] of
//! them is told for a stretch only: from the last occurrence before the month that came before this one, as far as the
//! bound allows. A stretch depends on nothing but the set and its first day, so that it can be found again when a device
//! sends it back. Of several occurrences on one day the first is told, no other.

use jiff::ToSpan;
use jiff::Unit;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use super::{Day, Freq, Rule, Set, Until};

/// Exceptions that a cover may cost. MS-ASCAL 2.2.2.20 "Exceptions" speaks of 256, its schema of 1,000; a date in each
/// half of a month takes 341 for a year.
pub const EXTRA_MAX: usize = 400;
/// Days that happen in one stretch.
const DAYS_MAX: usize = 999;
/// How far a stretch reaches.
const YEARS_MAX: i64 = 10;
/// Largest Interval and Occurrences. MS-ASCAL 2.2.2.26, 2.2.2.32.
const NUMBER_MAX: i64 = 999;

/// A pattern that has every day of a set in it, and what is to be said beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cover {
    /// The first slot of the pattern.
    pub start: DateTime,
    /// The pattern, with its end.
    pub rule: Rule,
    /// Slots on which nothing happens.
    pub holes: Vec<DateTime>,
    /// Slots on which something does, and the occurrence itself, which may be at another time of that day.
    pub days: Vec<(DateTime, DateTime)>,
}

/// The day that a stretch begins with or behind, for somebody who looks at a series today.
pub fn anchor(today: Date) -> Date {
    today.first_of_month().saturating_sub(1.month())
}

impl Cover {
    /// The cover of a set; the stretch of a longer one begins with the last day at or before `anchor`. `weeks`: whether
    /// the device hears what the first day of a week is. `None` where no occurrence is found.
    pub fn of(set: &Set, zone: &TimeZone, anchor: Date, weeks: bool) -> Option<Self> {
        if let Some(all) = whole(set, zone)
            && Shape::of(&all, weeks).extra <= EXTRA_MAX
        {
            return Self::over(&all, zone, weeks);
        }
        let days = stretch(set, zone, anchor)?;
        // The longest beginning that stays within the bound; what it costs grows with it.
        let (mut fits, mut too_many) = (1, days.len() + 1);
        while fits + 1 < too_many {
            let middle = usize::midpoint(fits, too_many);
            if Shape::of(&days[..middle], weeks).extra <= EXTRA_MAX {
                fits = middle;
            } else {
                too_many = middle;
            }
        }
        Self::over(&days[..fits], zone, weeks)
    }

    fn over(days: &[DateTime], zone: &TimeZone, weeks: bool) -> Option<Self> {
        let (first, last) = (days.first()?, days.last()?);
        let time = usual_time(days).0;
        let start = first.date().to_datetime(time);
        let shape = Shape::of(days, weeks);
        let mut rule = shape.rule;
        rule.until = Some(Until::Local(last.date().to_datetime(Time::MAX)));
        let slots: Vec<DateTime> = rule.occurrences(start, zone).collect();
        let happens = |slot: &DateTime| days.binary_search_by_key(&slot.date(), |day| day.date()).is_ok();
        let holes = slots.iter().filter(|slot| !happens(slot)).copied().collect();
        match u32::try_from(slots.len()).ok().filter(|count| i64::from(*count) <= NUMBER_MAX) {
            Some(count) => (rule.count, rule.until) = (Some(count), None),
            None => rule.until = Some(Until::Local(last.date().to_datetime(time))),
        }
        let days = days.iter().map(|day| (day.date().to_datetime(time), *day)).collect();
        Some(Self { start, rule, holes, days })
    }
}

/// The days of a set that ends, where they are few enough.
fn whole(set: &Set, zone: &TimeZone) -> Option<Vec<DateTime>> {
    if set.is_endless() {
        return None;
    }
    let mut days = set.days(set.start().date(), zone);
    let all: Vec<DateTime> = days.by_ref().take(DAYS_MAX + 1).collect();
    (!all.is_empty() && all.len() <= DAYS_MAX && days.is_complete()).then_some(all)
}

/// The days from the last one at or before `anchor`; of a series that begins later, all.
fn stretch(set: &Set, zone: &TimeZone, anchor: Date) -> Option<Vec<DateTime>> {
    let before = |from: Date| set.days(from, zone).take_while(|at| at.date() <= anchor).last();
    let near = anchor.saturating_sub(2.years()).max(set.start().date());
    let first = before(near).or_else(|| before(set.start().date()));
    let first = first.or_else(|| set.days(set.start().date(), zone).next())?;
    let end = first.date().saturating_add(YEARS_MAX.years());
    Some(set.days(first.date(), zone).take_while(|at| at.date() <= end).take(DAYS_MAX).collect())
}

/// The time of day that most have, and how many have another.
fn usual_time(days: &[DateTime]) -> (Time, usize) {
    let mut times: Vec<(Time, usize)> = Vec::new();
    for day in days {
        match times.iter_mut().find(|(time, _)| *time == day.time()) {
            Some((_, count)) => *count += 1,
            None => times.push((day.time(), 1)),
        }
    }
    let (time, count) = times.into_iter().rev().max_by_key(|(_, count)| *count).unwrap_or((Time::midnight(), 0));
    (time, days.len() - count)
}

/// A pattern with every day in it, and what it costs.
#[derive(Clone, Debug)]
struct Shape {
    rule: Rule,
    /// Holes, and days at another time.
    extra: usize,
}

impl Shape {
    /// The one that costs least.
    fn of(days: &[DateTime], weeks: bool) -> Self {
        let moved = usual_time(days).1;
        let dates: Vec<Date> = days.iter().map(|day| day.date()).collect();
        let daily = daily(&dates);
        let mut found: Vec<(Rule, i64)> = weekly(&dates, weeks).into_iter().chain(monthly(&dates)).collect();
        // Of equals the first is taken: every day before some days of a week, but a week before seven days.
        let place = if daily.0.interval.is_multiple_of(7) { found.len() } else { 0 };
        found.insert(place, daily);
        let cheapest = found.into_iter().min_by_key(|(_, slots)| *slots).expect("there is always a daily one");
        let holes = usize::try_from(cheapest.1).unwrap_or(usize::MAX).saturating_sub(dates.len());
        Self { rule: cheapest.0, extra: holes.saturating_add(moved) }
    }
}

fn gcd(one: i64, other: i64) -> i64 {
    if other == 0 { one } else { gcd(other, one % other) }
}

/// The largest step that all are reached by, at least 1; one too large for a device becomes 1.
fn step(distances: impl Iterator<Item = i64>) -> i64 {
    let step = distances.fold(0, gcd);
    if (1..=NUMBER_MAX).contains(&step) { step } else { 1 }
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until((Unit::Day, to)).unwrap_or_default().get_days().into()
}

/// Every few days.
fn daily(dates: &[Date]) -> (Rule, i64) {
    let mut rule = Rule::new(Freq::Daily);
    let (Some(first), Some(last)) = (dates.first(), dates.last()) else { return (rule, 0) };
    let step = step(dates.iter().map(|date| days_between(*first, *date)));
    rule.interval = u32::try_from(step).unwrap_or(1);
    (rule, days_between(*first, *last) / step + 1)
}

/// Some weekdays, every few weeks.
fn weekly(dates: &[Date], weeks: bool) -> Option<(Rule, i64)> {
    let (first, last) = (*dates.first()?, *dates.last()?);
    let number = |date: Date| i64::from(date.weekday().to_monday_zero_offset());
    let monday = first.saturating_sub(number(first).days());
    let week = |date: Date| days_between(monday, date) / 7;
    let on: Vec<i64> = (0..7).filter(|day| dates.iter().any(|date| number(*date) == *day)).collect();
    let mut step = step(dates.iter().map(|date| week(*date)));
    if on.len() > 1 && !weeks {
        step = 1;
    }
    let mut rule = Rule::new(Freq::Weekly);
    rule.interval = u32::try_from(step).ok()?;
    let weekday = |day: &i64| Weekday::from_monday_zero_offset(i8::try_from(*day).ok()?).ok();
    rule.by_day = on.iter().filter_map(weekday).map(|weekday| Day { nth: 0, weekday }).collect();
    rule.week_start = Some(Weekday::Monday);
    let count = |keep: &dyn Fn(i64) -> bool| on.iter().filter(|day| keep(**day)).count();
    let missing = count(&|day| day < number(first)) + count(&|day| day > number(last));
    let slots = (week(last) / step + 1) * i64::try_from(on.len()).ok()? - i64::try_from(missing).ok()?;
    Some((rule, slots))
}

/// One day of every few months: by its number, the last, or a weekday by its number.
fn monthly(dates: &[Date]) -> Vec<(Rule, i64)> {
    let (Some(first), Some(last)) = (dates.first(), dates.last()) else { return Vec::new() };
    let month = |date: &Date| i64::from(date.year()) * 12 + i64::from(date.month());
    let step = step(dates.iter().map(|date| month(date) - month(first)));
    let slots = (month(last) - month(first)) / step + 1;
    let all = |is: &dyn Fn(&Date) -> bool| dates.iter().all(is);
    let mut rule = Rule::new(Freq::Monthly);
    rule.interval = u32::try_from(step).unwrap_or(1);
    if step % 12 == 0 {
        rule.freq = Freq::Yearly;
        rule.interval /= 12;
        rule.by_month.push(first.month().into());
    }
    let mut found = Vec::new();
    // Devices differ on what the 29th is in February.
    if first.day() <= 28 && all(&|date| date.day() == first.day()) {
        found.push(Rule { by_month_day: vec![first.day().into()], ..rule.clone() });
    }
    if all(&|date| date.day() == date.days_in_month()) {
        found.push(Rule { by_month_day: vec![-1], ..rule.clone() });
    }
    if all(&|date| date.weekday() == first.weekday()) {
        let nth = |date: &Date| (date.day() + 6) / 7;
        let by_day = |nth: i16| vec![Day { nth, weekday: first.weekday() }];
        if nth(first) <= 4 && all(&|date| nth(date) == nth(first)) {
            found.push(Rule { by_day: by_day(nth(first).into()), ..rule.clone() });
        }
        if all(&|date| date.day() + 7 > date.days_in_month()) {
            found.push(Rule { by_day: by_day(-1), ..rule });
        }
    }
    found.into_iter().map(|rule| (rule, slots)).collect()
}
