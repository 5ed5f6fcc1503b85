//! The Recurrence element. MS-ASCAL 2.2.2.37 "Recurrence", MS-ASTASK 2.2.2.17, MS-ASEMAIL 2.2.2.58.

use easel_protocol::Version;
use easel_protocol::parse_date_time;
use easel_wbxml::pages::{calendar, email, email2, tasks};
use easel_wbxml::{Element, Tag};
use jiff::Timestamp;
use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;

use super::{Day, Freq, Rule, Until, weekday_number};
use crate::ItemError;

/// Largest Interval and Occurrences.
const NUMBER_MAX: u32 = 999;
/// All seven bits of DayOfWeek.
const ANY_DAY: u8 = 127;

/// The tags that a class spells a recurrence with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the element of its name")]
pub struct Names {
    pub recurrence: Tag,
    pub kind: Tag,
    pub until: Tag,
    pub occurrences: Tag,
    pub interval: Tag,
    pub day_of_week: Tag,
    pub day_of_month: Tag,
    pub week_of_month: Tag,
    pub month_of_year: Tag,
    pub calendar_type: Tag,
    pub is_leap_month: Tag,
    pub first_day_of_week: Tag,
}

/// Events.
pub const CALENDAR: Names = Names {
    recurrence: calendar::RECURRENCE,
    kind: calendar::TYPE,
    until: calendar::UNTIL,
    occurrences: calendar::OCCURRENCES,
    interval: calendar::INTERVAL,
    day_of_week: calendar::DAY_OF_WEEK,
    day_of_month: calendar::DAY_OF_MONTH,
    week_of_month: calendar::WEEK_OF_MONTH,
    month_of_year: calendar::MONTH_OF_YEAR,
    calendar_type: calendar::CALENDAR_TYPE,
    is_leap_month: calendar::IS_LEAP_MONTH,
    first_day_of_week: calendar::FIRST_DAY_OF_WEEK,
};

/// Tasks; Start, Regenerate and DeadOccur are the class's own.
pub const TASKS: Names = Names {
    recurrence: tasks::RECURRENCE,
    kind: tasks::TYPE,
    until: tasks::UNTIL,
    occurrences: tasks::OCCURRENCES,
    interval: tasks::INTERVAL,
    day_of_week: tasks::DAY_OF_WEEK,
    day_of_month: tasks::DAY_OF_MONTH,
    week_of_month: tasks::WEEK_OF_MONTH,
    month_of_year: tasks::MONTH_OF_YEAR,
    calendar_type: tasks::CALENDAR_TYPE,
    is_leap_month: tasks::IS_LEAP_MONTH,
    first_day_of_week: tasks::FIRST_DAY_OF_WEEK,
};

/// MeetingRequest in a mail.
pub const MEETING: Names = Names {
    recurrence: email::RECURRENCE,
    kind: email::TYPE,
    until: email::UNTIL,
    occurrences: email::OCCURRENCES,
    interval: email::INTERVAL,
    day_of_week: email::DAY_OF_WEEK,
    day_of_month: email::DAY_OF_MONTH,
    week_of_month: email::WEEK_OF_MONTH,
    month_of_year: email::MONTH_OF_YEAR,
    calendar_type: email2::CALENDAR_TYPE,
    is_leap_month: email2::IS_LEAP_MONTH,
    first_day_of_week: email2::FIRST_DAY_OF_WEEK,
};

/// Why a rule cannot be told to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no pattern says {0}")]
pub struct Unsayable(pub &'static str);

impl From<Unsayable> for ItemError {
    fn from(unsayable: Unsayable) -> Self {
        Self::Rule { element: "Recurrence", reason: unsayable.0 }
    }
}

/// What a Recurrence element says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Type: 0 day, 1 week, 2 month, 3 month by weekday, 5 year, 6 year by weekday.
    pub kind: u8,
    /// The last occurrence starts then or before.
    pub until: Option<Timestamp>,
    /// `1..=999`; wins over `until`.
    pub occurrences: Option<u16>,
    /// `1..=999`
    pub interval: u16,
    /// Sum of bits, 1 Sunday to 64 Saturday.
    pub day_of_week: Option<u8>,
    /// `1..=31`
    pub day_of_month: Option<u8>,
    /// `1..=5`, 5 the last.
    pub week_of_month: Option<u8>,
    /// `1..=12`
    pub month_of_year: Option<u8>,
    /// From 14.0; 0 and 1 are the Gregorian calendar.
    pub calendar_type: Option<u8>,
    /// From 14.0.
    pub is_leap_month: bool,
    /// From 14.1; 0 Sunday.
    pub first_day_of_week: Option<u8>,
}

fn rule(element: &'static str, reason: &'static str) -> ItemError {
    ItemError::Rule { element, reason }
}

impl Pattern {
    /// Reads a Recurrence; `None` for an empty one. What breaks a rule of MS-ASCAL 2.2.2.37 is refused.
    pub fn read(element: &Element, names: &Names) -> Result<Option<Self>, ItemError> {
        if element.children().next().is_none() {
            return Ok(None);
        }
        let within = |tag: Tag, name: &'static str, least: u32, most: u32| match element.text_of(tag) {
            None => Ok(None),
            Some(text) if text.trim().is_empty() => Ok(None),
            Some(text) => match text.trim().parse::<u32>() {
                Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
                _ => Err(rule(name, "out of range")),
            },
        };
        let byte = |number: Option<u32>| number.and_then(|number| u8::try_from(number).ok());
        let short = |number: Option<u32>| number.and_then(|number| u16::try_from(number).ok());
        let kind = within(names.kind, "Type", 0, 6)?.ok_or_else(|| rule("Type", "missing"))?;
        let pattern = Self {
            kind: u8::try_from(kind).expect("it is at most 6"),
            // K: G51
            until: element.text_of(names.until).and_then(|text| parse_date_time(&text).ok()),
            occurrences: short(within(names.occurrences, "Occurrences", 1, NUMBER_MAX)?),
            interval: short(within(names.interval, "Interval", 0, NUMBER_MAX)?).unwrap_or(1).max(1),
            day_of_week: byte(within(names.day_of_week, "DayOfWeek", 1, u32::from(ANY_DAY))?),
            day_of_month: byte(within(names.day_of_month, "DayOfMonth", 1, 31)?),
            week_of_month: byte(within(names.week_of_month, "WeekOfMonth", 1, 5)?),
            month_of_year: byte(within(names.month_of_year, "MonthOfYear", 1, 12)?),
            calendar_type: byte(within(names.calendar_type, "CalendarType", 0, 23)?),
            is_leap_month: within(names.is_leap_month, "IsLeapMonth", 0, 1)? == Some(1),
            first_day_of_week: byte(within(names.first_day_of_week, "FirstDayOfWeek", 0, 6)?),
        };
        pattern.check(element, names)?;
        Ok(Some(pattern))
    }

    fn check(&self, element: &Element, names: &Names) -> Result<(), ItemError> {
        let stray = |present: bool, kinds: &[u8]| present && !kinds.contains(&self.kind);
        let by_kind = [
            (!matches!(self.kind, 0..=3 | 5 | 6), "Type"),
            (stray(self.day_of_month.is_some(), &[2, 5]), "DayOfMonth"),
            (stray(self.day_of_week.is_some(), &[0, 1, 3, 6]), "DayOfWeek"),
            (stray(self.month_of_year.is_some(), &[5, 6]), "MonthOfYear"),
            (stray(self.week_of_month.is_some(), &[3, 6]), "WeekOfMonth"),
            (*names == TASKS && stray(self.calendar_type.is_some(), &[2, 3, 5, 6]), "CalendarType"),
        ];
        if let Some((_, name)) = by_kind.into_iter().find(|(broken, _)| *broken) {
            return Err(rule(name, "not with this Type"));
        }
        if element.all(names.calendar_type).count() > 1 {
            return Err(rule("CalendarType", "twice"));
        }
        if matches!(self.calendar_type, Some(13 | 16..=19 | 21..=23)) {
            return Err(rule("CalendarType", "no such calendar"));
        }
        Ok(())
    }

    /// Whether this one, sent by a device, ends with the same occurrence as `shown`. Some devices keep no more of Until
    /// than its day in UTC, and send midnight.
    pub fn ends_as(&self, shown: &Self) -> bool {
        let day = |at: Timestamp| TimeZone::UTC.to_datetime(at).date();
        let same = |sent: Timestamp, shown: Timestamp| {
            let is_day = TimeZone::UTC.to_datetime(sent).time() == Time::midnight();
            sent == shown || (is_day && day(sent) == day(shown))
        };
        match (self.occurrences, shown.occurrences) {
            (None, None) => match (self.until, shown.until) {
                (Some(sent), Some(shown)) => same(sent, shown),
                (sent, shown) => sent == shown,
            },
            (sent, shown) => sent == shown,
        }
    }

    /// Whether this one, sent by a device, means the same series as `other`, which it was shown. What an older version
    /// cannot say makes no difference.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let plain = |pattern: &Self| Self {
            calendar_type: pattern.calendar_type.filter(|number| *number > 1),
            first_day_of_week: None,
            until: None,
            kind: if pattern.kind == 0 && pattern.day_of_week.is_some() { 1 } else { pattern.kind },
            ..pattern.clone()
        };
        let week = match (self.first_day_of_week, other.first_day_of_week) {
            (Some(one), Some(two)) => one == two,
            _ => true,
        };
        week && self.ends_as(other) && plain(self) == plain(other)
    }

    /// The rule of a series that starts at `start`; `until` puts the end on its clock.
    pub fn to_rule(&self, start: DateTime, until: impl Fn(Timestamp) -> Until) -> Rule {
        let mut made = Rule::new(match self.kind {
            0 if self.day_of_week.is_none() => Freq::Daily,
            0 | 1 => Freq::Weekly,
            2 | 3 => Freq::Monthly,
            _ => Freq::Yearly,
        });
        made.interval = u32::from(self.interval);
        made.count = self.occurrences.map(u32::from);
        made.until = if made.count.is_some() { None } else { self.until.map(until) };
        made.week_start = self.first_day_of_week.and_then(|day| i8::try_from(day).ok()).map(weekday_number);
        let month = || self.month_of_year.map_or_else(|| i16::from(start.month()), i16::from);
        match self.kind {
            0 | 1 => {
                let own = 1 << start.weekday().to_sunday_zero_offset();
                let bits = if made.freq == Freq::Weekly { self.day_of_week.unwrap_or(own) } else { 0 };
                made.by_day = days(bits).map(|weekday| Day { nth: 0, weekday }).collect();
            }
            2 => made.by_month_day.push(self.day_of_month.map_or_else(|| i16::from(start.day()), i16::from)),
            5 => {
                made.by_month.push(month());
                made.by_month_day.push(self.day_of_month.map_or_else(|| i16::from(start.day()), i16::from));
            }
            _ => {
                if self.kind == 6 {
                    made.by_month.push(month());
                }
                self.put_nth_days(&mut made, start);
            }
        }
        self.put_calendar(&mut made);
        made
    }

    /// `BYDAY=2TU`, or several days and BYSETPOS.
    fn put_nth_days(&self, made: &mut Rule, start: DateTime) {
        let week = self.week_of_month.map_or_else(|| i16::from((start.day() + 6) / 7), i16::from);
        let nth = if week >= 5 { -1 } else { week };
        let bits = self.day_of_week.unwrap_or(1 << start.weekday().to_sunday_zero_offset());
        if bits.count_ones() == 1 {
            made.by_day = days(bits).map(|weekday| Day { nth, weekday }).collect();
        } else {
            made.by_day = days(bits).map(|weekday| Day { nth: 0, weekday }).collect();
            made.by_set_pos.push(nth);
        }
    }

    fn put_calendar(&self, made: &mut Rule) {
        made.scale = match self.calendar_type {
            Some(6) => Some("ISLAMIC-CIVIL".to_owned()),
            Some(8) => Some("HEBREW".to_owned()),
            Some(14 | 15) => Some("CHINESE".to_owned()),
            Some(20) => Some("DANGI".to_owned()),
            _ => None,
        };
        made.leap_month = self.is_leap_month && made.scale.is_some() && !made.by_month.is_empty();
        made.calendar_type = self.calendar_type.filter(|number| !matches!(number, 0 | 6 | 8 | 15 | 20));
    }

    /// The Recurrence element of that version; `date` writes Until.
    pub fn to_element(&self, names: &Names, version: Version, date: impl Fn(Timestamp) -> String) -> Element {
        let number = |tag: Tag, value: Option<u8>| value.map(|value| Element::number(tag, value));
        let lunar = self.calendar_type.is_some_and(is_lunar);
        let by_date = matches!(self.kind, 2 | 3 | 5 | 6);
        let calendar_type = self.calendar_type.unwrap_or(0);
        let until = if self.occurrences.is_some() { None } else { self.until };
        Element::of(names.recurrence, [Element::number(names.kind, self.kind)])
            .with_some(until.map(|until| Element::text(names.until, date(until))))
            .with_some(self.occurrences.map(|count| Element::number(names.occurrences, count)))
            .with(Element::number(names.interval, self.interval))
            .with_some(number(names.day_of_week, self.day_of_week))
            .with_some(number(names.day_of_month, self.day_of_month))
            .with_some(number(names.week_of_month, self.week_of_month))
            .with_some(number(names.month_of_year, self.month_of_year))
            .with_some(number(names.calendar_type, (version >= Version::V14_0 && by_date).then_some(calendar_type)))
            .with_some(
                (version >= Version::V14_0 && lunar).then(|| Element::boolean(names.is_leap_month, self.is_leap_month)),
            )
            .with_some(number(names.first_day_of_week, self.first_day_of_week.filter(|_| version >= Version::V14_1)))
    }
}

/// The calendars whose months are not the Gregorian ones.
const fn is_lunar(calendar_type: u8) -> bool {
    matches!(calendar_type, 6 | 8 | 14 | 15 | 20)
}

fn days(bits: u8) -> impl Iterator<Item = Weekday> {
    (0..7).filter(move |day| bits & (1 << day) != 0).map(weekday_number)
}

fn bits(days: &[Day]) -> u8 {
    days.iter().fold(0, |all, day| all | 1 << day.weekday.to_sunday_zero_offset())
}

impl Rule {
    /// The pattern for a device, of a series that starts at `start` on the clock of `zone`. `say` makes a moment of a
    /// time on that clock. A rule that no pattern says is an error, never another rule.
    pub fn to_pattern(
        &self,
        start: DateTime,
        zone: &TimeZone,
        version: Version,
        say: impl Fn(DateTime) -> Timestamp,
    ) -> Result<Pattern, Unsayable> {
        self.check_parts(start)?;
        let mut pattern = match self.freq {
            Freq::Daily | Freq::Weekly => self.by_week(start)?,
            Freq::Monthly | Freq::Yearly => self.by_month(start)?,
            Freq::Hourly | Freq::Minutely | Freq::Secondly => {
                return Err(Unsayable("more than one occurrence a day"));
            }
        };
        pattern.interval = match u16::try_from(self.interval) {
            Ok(interval) if u32::from(interval) <= NUMBER_MAX => interval,
            _ => return Err(Unsayable("an interval above 999")),
        };
        pattern.calendar_type = self.calendar_type_number(version)?;
        pattern.is_leap_month = self.leap_month;
        let week_start = self.week_start.or((pattern.kind == 1).then_some(Weekday::Monday));
        pattern.first_day_of_week = week_start.and_then(|day| u8::try_from(day.to_sunday_zero_offset()).ok());
        match self.count {
            Some(0) => return Err(Unsayable("a series without an occurrence")),
            Some(count) if count <= NUMBER_MAX => pattern.occurrences = u16::try_from(count).ok(),
            Some(_) => pattern.until = Some(say(self.last(start, zone)?)),
            None => pattern.until = self.until.map(|until| say(end_on_clock(until, start, zone))),
        }
        Ok(pattern)
    }

    fn check_parts(&self, start: DateTime) -> Result<(), Unsayable> {
        if self.other_parts || !self.by_year_day.is_empty() || !self.by_week_no.is_empty() {
            return Err(Unsayable("weeks or days of a year"));
        }
        let own = |list: &[i16], value: i8| list.is_empty() || list == [i16::from(value)];
        let same_time = own(&self.by_hour, start.hour())
            && own(&self.by_minute, start.minute())
            && own(&self.by_second, start.second());
        if same_time { Ok(()) } else { Err(Unsayable("several times a day")) }
    }

    /// For a COUNT that no element holds.
    fn last(&self, start: DateTime, zone: &TimeZone) -> Result<DateTime, Unsayable> {
        let mut occurrences = self.occurrences(start, zone);
        let last = occurrences.by_ref().last();
        last.filter(|_| occurrences.is_complete()).ok_or(Unsayable("more occurrences than can be counted"))
    }

    fn calendar_type_number(&self, version: Version) -> Result<Option<u8>, Unsayable> {
        let number = match (self.calendar_type, self.scale.as_deref()) {
            (Some(number), _) if number <= 23 => Some(number),
            (_, None) => None,
            (_, Some("HEBREW")) => Some(8),
            (_, Some("CHINESE")) => Some(15),
            (_, Some("DANGI")) => Some(20),
            (_, Some(scale)) if scale.starts_with("ISLAMIC") => Some(6),
            (_, Some(_)) => return Err(Unsayable("this calendar")),
        };
        if number.is_some_and(is_lunar) && version < Version::V14_0 {
            return Err(Unsayable("another calendar before 14.0"));
        }
        Ok(number)
    }

    fn by_week(&self, start: DateTime) -> Result<Pattern, Unsayable> {
        if !self.by_month.is_empty() || !self.by_month_day.is_empty() || !self.by_set_pos.is_empty() {
            return Err(Unsayable("days or weeks of some months only"));
        }
        let days = bits(&self.by_day);
        match self.freq {
            Freq::Daily if days == 0 => Ok(pattern(0)),
            Freq::Daily if self.interval != 1 => Err(Unsayable("every few days on some weekdays only")),
            Freq::Daily
            | Freq::Weekly
            | Freq::Hourly
            | Freq::Minutely
            | Freq::Secondly
            | Freq::Monthly
            | Freq::Yearly => {
                let own = 1 << start.weekday().to_sunday_zero_offset();
                Ok(Pattern { day_of_week: Some(if days == 0 { own } else { days }), ..pattern(1) })
            }
        }
    }

    /// Monthly and yearly rules have the same shapes; a yearly one names its month.
    fn by_month(&self, start: DateTime) -> Result<Pattern, Unsayable> {
        let yearly = self.freq == Freq::Yearly || (self.by_month.len() == 1 && self.interval == 1);
        let month = match self.by_month.as_slice() {
            [] if !yearly => None,
            [] if self.by_day.is_empty() => Some(u8::try_from(start.month()).expect("months are positive")),
            [month] if yearly => Some(u8::try_from(*month).ok().filter(|m| *m <= 12).ok_or(Unsayable("a 13th month"))?),
            _ => return Err(Unsayable("some months only")),
        };
        if self.freq == Freq::Yearly && self.by_month.is_empty() && !self.by_month_day.is_empty() {
            return Err(Unsayable("a day of every month in a yearly rule"));
        }
        let found = match (self.by_month_day.as_slice(), self.by_day.as_slice()) {
            ([], []) => day_of_month(start.day()),
            ([-1], []) => nth(ANY_DAY, -1)?,
            ([day @ (1..)], []) => day_of_month(i8::try_from(*day).expect("it is at most 31")),
            ([], [Day { nth: n, .. }]) if *n != 0 && self.by_set_pos.is_empty() => nth(bits(&self.by_day), *n)?,
            ([], days) if days.iter().all(|day| day.nth == 0) => match self.by_set_pos.as_slice() {
                [position] => nth(bits(days), *position)?,
                [] if !yearly && self.interval == 1 => {
                    return Ok(Pattern { day_of_week: Some(bits(days)), ..pattern(1) });
                }
                _ => return Err(Unsayable("every such weekday of a month")),
            },
            _ => return Err(Unsayable("several days of a month")),
        };
        if !self.by_set_pos.is_empty() && self.by_day.is_empty() {
            return Err(Unsayable("positions in a month"));
        }
        let kind = if yearly { found.kind + 3 } else { found.kind };
        Ok(Pattern { kind, month_of_year: month, ..found })
    }
}

const fn pattern(kind: u8) -> Pattern {
    Pattern {
        kind,
        until: None,
        occurrences: None,
        interval: 1,
        day_of_week: None,
        day_of_month: None,
        week_of_month: None,
        month_of_year: None,
        calendar_type: None,
        is_leap_month: false,
        first_day_of_week: None,
    }
}

fn day_of_month(day: i8) -> Pattern {
    Pattern { day_of_month: u8::try_from(day).ok(), ..pattern(2) }
}

fn nth(bits: u8, position: i16) -> Result<Pattern, Unsayable> {
    let week = match position {
        1..=4 => u8::try_from(position).expect("it is at most 4"),
        -1 => 5,
        _ => return Err(Unsayable("a fifth or a second to last weekday")),
    };
    Ok(Pattern { day_of_week: Some(bits), week_of_month: Some(week), ..pattern(3) })
}

/// A day ends a series of times at its end, and a series of days at its beginning.
fn end_on_clock(until: Until, start: DateTime, zone: &TimeZone) -> DateTime {
    match until {
        Until::Date(date) if start.time() == Time::midnight() => date.to_datetime(start.time()),
        Until::Date(date) => date.at(23, 59, 59, 0),
        Until::Local(_) | Until::Utc(_) => until.on_clock(zone),
    }
}
