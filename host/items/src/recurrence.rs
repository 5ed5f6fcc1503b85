//! Recurrence: RRULE, the Recurrence element of events, tasks and meeting requests, and the occurrences of a rule.
//!
//! RFC 5545 3.3.10 "Recurrence Rule", RFC 7529 (RSCALE), MS-ASCAL 2.2.2.37 "Recurrence". [`Rule`] is what a stored
//! object says, [`Pattern`] what a device can be told. A rule that no pattern says is an [`Unsayable`]; a wrong pattern
//! is never made.

mod cover;
mod expand;
mod pattern;
mod set;

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;

use crate::lines::Line;

pub use cover::{Cover, EXTRA_MAX, anchor};
pub use expand::Occurrences;
pub(crate) use expand::STEPS_MAX;
pub use pattern::{CALENDAR, MEETING, Names, Pattern, TASKS, Unsayable};
pub use set::{Days, Set, SetOccurrences};

/// A longer rule is none.
const TEXT_MAX: usize = 4_096;
/// Keeps a CalendarType that RSCALE cannot say.
const CALENDAR_TYPE: &str = "X-EASEL-CALENDAR-TYPE";
/// Members of one list.
const LIST_MAX: usize = 400;

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Freq {
    /// `SECONDLY`
    Secondly,
    /// `MINUTELY`
    Minutely,
    /// `HOURLY`
    Hourly,
    /// `DAILY`
    Daily,
    /// `WEEKLY`
    Weekly,
    /// `MONTHLY`
    Monthly,
    /// `YEARLY`
    Yearly,
}

/// Where a rule ends; inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// A day.
    Date(Date),
    /// A time on the clock of the series.
    Local(DateTime),
    /// A moment.
    Utc(Timestamp),
}

impl Until {
    /// The last moment on the clock of a series in `zone`.
    pub fn on_clock(self, zone: &TimeZone) -> DateTime {
        match self {
            Self::Date(date) => date.to_datetime(jiff::civil::Time::MAX),
            Self::Local(local) => local,
            Self::Utc(at) => zone.to_datetime(at),
        }
    }
}

/// `-1SU`; 0 stands for every one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Counted from the beginning, or from the end when negative; 0 for every one.
    pub nth: i16,
    /// The weekday.
    pub weekday: Weekday,
}

/// RRULE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// FREQ.
    pub freq: Freq,
    /// INTERVAL, at least 1.
    pub interval: u32,
    /// COUNT.
    pub count: Option<u32>,
    /// UNTIL.
    pub until: Option<Until>,
    /// BYSECOND.
    pub by_second: Vec<i16>,
    /// BYMINUTE.
    pub by_minute: Vec<i16>,
    /// BYHOUR.
    pub by_hour: Vec<i16>,
    /// BYDAY.
    pub by_day: Vec<Day>,
    /// BYMONTHDAY.
    pub by_month_day: Vec<i16>,
    /// BYYEARDAY.
    pub by_year_day: Vec<i16>,
    /// BYWEEKNO.
    pub by_week_no: Vec<i16>,
    /// BYMONTH.
    pub by_month: Vec<i16>,
    /// Whether BYMONTH names a leap month (`5L`).
    pub leap_month: bool,
    /// BYSETPOS.
    pub by_set_pos: Vec<i16>,
    /// WKST, where it is given.
    pub week_start: Option<Weekday>,
    /// RSCALE, in capitals, other than GREGORIAN.
    pub scale: Option<String>,
    /// Parts that are not of RFC 5545 or RFC 7529, or SKIP: no pattern says them.
    pub other_parts: bool,
    /// CalendarType where it is more than RSCALE says: the parameter X-EASEL-CALENDAR-TYPE of the line.
    pub calendar_type: Option<u8>,
}

/// Text that is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no part of a recurrence rule")]
pub struct RuleError(pub String);

impl Rule {
    /// Every day without end, the beginning of every other rule.
    pub const fn new(freq: Freq) -> Self {
        Self {
            freq,
            interval: 1,
            count: None,
            until: None,
            by_second: Vec::new(),
            by_minute: Vec::new(),
            by_hour: Vec::new(),
            by_day: Vec::new(),
            by_month_day: Vec::new(),
            by_year_day: Vec::new(),
            by_week_no: Vec::new(),
            by_month: Vec::new(),
            leap_month: false,
            by_set_pos: Vec::new(),
            week_start: None,
            scale: None,
            other_parts: false,
            calendar_type: None,
        }
    }

    /// Reads the value of an RRULE.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let bad = |part: &str| RuleError(part.chars().take(60).collect());
        if text.len() > TEXT_MAX {
            return Err(bad(text));
        }
        let text = text.trim().to_ascii_uppercase();
        let mut rule = Self::new(Freq::Daily);
        let mut freq = None;
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| bad(part))?;
            match name.trim() {
                "FREQ" => freq = Some(freq_of(value).ok_or_else(|| bad(part))?),
                name => rule.read_part(name, value.trim()).ok_or_else(|| bad(part))?,
            }
        }
        rule.freq = freq.ok_or_else(|| bad(&text))?;
        Ok(rule)
    }

    /// Reads an RRULE line.
    pub fn of_line(line: &Line) -> Result<Self, RuleError> {
        let mut rule = Self::parse(&line.value)?;
        rule.calendar_type = line.param(CALENDAR_TYPE).and_then(|number| number.parse().ok());
        Ok(rule)
    }

    /// Writes an RRULE line.
    pub fn to_line(&self) -> Line {
        let line = Line::new("RRULE", self.to_string());
        match self.calendar_type {
            Some(number) => line.with(CALENDAR_TYPE, number.to_string()),
            None => line,
        }
    }

    fn read_part(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "INTERVAL" => self.interval = value.parse().ok().filter(|interval| *interval > 0)?,
            "COUNT" => self.count = Some(value.parse().ok()?),
            "UNTIL" => self.until = Some(until(value)?),
            "BYSECOND" => self.by_second = list(value, 0, 60, false)?,
            "BYMINUTE" => self.by_minute = list(value, 0, 59, false)?,
            "BYHOUR" => self.by_hour = list(value, 0, 23, false)?,
            "BYDAY" => self.by_day = value.split(',').take(LIST_MAX).map(day).collect::<Option<_>>()?,
            "BYMONTHDAY" => self.by_month_day = list(value, 1, 31, true)?,
            "BYYEARDAY" => self.by_year_day = list(value, 1, 366, true)?,
            "BYWEEKNO" => self.by_week_no = list(value, 1, 53, true)?,
            "BYMONTH" => {
                self.leap_month = value.ends_with('L');
                self.by_month = list(value.trim_end_matches('L'), 1, 13, false)?;
            }
            "BYSETPOS" => self.by_set_pos = list(value, 1, 366, true)?,
            "WKST" => self.week_start = Some(weekday(value)?),
            "RSCALE" => self.scale = (value != "GREGORIAN").then(|| value.to_owned()),
            _ => self.other_parts = true,
        }
        Some(())
    }

    /// The first day of a week.
    pub fn week_start(&self) -> Weekday {
        self.week_start.unwrap_or(Weekday::Monday)
    }

    /// Whether it never ends.
    pub const fn is_endless(&self) -> bool {
        self.count.is_none() && self.until.is_none()
    }

    /// Makes it a rule of days, which have no times; one that counts hours is not known then. RFC 5545 3.3.10.
    pub fn without_times(&mut self) {
        [&mut self.by_hour, &mut self.by_minute, &mut self.by_second].into_iter().for_each(Vec::clear);
        self.other_parts |= self.freq < Freq::Daily;
    }

    /// Whether its occurrences can be worked out here: a Gregorian rule of RFC 5545.
    pub const fn is_known(&self) -> bool {
        self.is_gregorian() && !self.other_parts
    }

    /// Whether its calendar is the Gregorian one, the only one whose occurrences are known here.
    pub const fn is_gregorian(&self) -> bool {
        self.scale.is_none()
    }
}

fn freq_of(text: &str) -> Option<Freq> {
    Some(match text.trim() {
        "SECONDLY" => Freq::Secondly,
        "MINUTELY" => Freq::Minutely,
        "HOURLY" => Freq::Hourly,
        "DAILY" => Freq::Daily,
        "WEEKLY" => Freq::Weekly,
        "MONTHLY" => Freq::Monthly,
        "YEARLY" => Freq::Yearly,
        _ => return None,
    })
}

fn until(text: &str) -> Option<Until> {
    if text.len() == 8 {
        return text.parse().ok().map(Until::Date);
    }
    match text.strip_suffix('Z') {
        Some(local) => {
            let local: DateTime = local.parse().ok()?;
            local.to_zoned(TimeZone::UTC).ok().map(|at| Until::Utc(at.timestamp()))
        }
        None => text.parse().ok().map(Until::Local),
    }
}

fn list(text: &str, least: i16, most: i16, negative: bool) -> Option<Vec<i16>> {
    let number = |text: &str| {
        let number: i16 = text.trim().parse().ok()?;
        let size = if negative { number.abs() } else { number };
        (least..=most).contains(&size).then_some(number)
    };
    text.split(',').take(LIST_MAX).map(number).collect()
}

fn day(text: &str) -> Option<Day> {
    let text = text.trim();
    let at = text.len().checked_sub(2).filter(|at| text.is_char_boundary(*at))?;
    let (nth, name) = text.split_at(at);
    let nth: i16 = if nth.is_empty() { 0 } else { nth.parse().ok().filter(|nth: &i16| nth.abs() <= 53)? };
    Some(Day { nth, weekday: weekday(name)? })
}

fn weekday(text: &str) -> Option<Weekday> {
    (0..7).map(weekday_number).find(|day| weekday_name(*day) == text)
}

/// The weekday of a number, 0 Sunday.
pub(crate) fn weekday_number(number: i8) -> Weekday {
    Weekday::from_sunday_zero_offset(number.rem_euclid(7)).expect("0..=6 is a weekday")
}

/// `SU`
const fn weekday_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Sunday => "SU",
        Weekday::Monday => "MO",
        Weekday::Tuesday => "TU",
        Weekday::Wednesday => "WE",
        Weekday::Thursday => "TH",
        Weekday::Friday => "FR",
        Weekday::Saturday => "SA",
    }
}

impl fmt::Display for Rule {
    /// The value of an RRULE.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scale) = &self.scale {
            write!(f, "RSCALE={scale};")?;
        }
        write!(f, "FREQ={}", format!("{:?}", self.freq).to_ascii_uppercase())?;
        if self.interval != 1 {
            write!(f, ";INTERVAL={}", self.interval)?;
        }
        if let Some(count) = self.count {
            write!(f, ";COUNT={count}")?;
        }
        match self.until {
            Some(Until::Date(date)) => write!(f, ";UNTIL={}", date.strftime("%Y%m%d"))?,
            Some(Until::Local(local)) => write!(f, ";UNTIL={}", local.strftime("%Y%m%dT%H%M%S"))?,
            Some(Until::Utc(at)) => write!(f, ";UNTIL={}", easel_protocol::compact(at))?,
            None => {}
        }
        let leap = if self.leap_month { "L" } else { "" };
        let lists = [
            ("BYMONTH", &self.by_month, leap),
            ("BYWEEKNO", &self.by_week_no, ""),
            ("BYYEARDAY", &self.by_year_day, ""),
            ("BYMONTHDAY", &self.by_month_day, ""),
        ];
        for (name, numbers, suffix) in lists {
            write_list(f, name, numbers, suffix)?;
        }
        if !self.by_day.is_empty() {
            let days: Vec<String> = self.by_day.iter().map(Day::to_string).collect();
            write!(f, ";BYDAY={}", days.join(","))?;
        }
        for (name, numbers) in [
            ("BYHOUR", &self.by_hour),
            ("BYMINUTE", &self.by_minute),
            ("BYSECOND", &self.by_second),
            ("BYSETPOS", &self.by_set_pos),
        ] {
            write_list(f, name, numbers, "")?;
        }
        if let Some(day) = self.week_start {
            write!(f, ";WKST={}", weekday_name(day))?;
        }
        Ok(())
    }
}

fn write_list(f: &mut fmt::Formatter<'_>, name: &str, numbers: &[i16], suffix: &str) -> fmt::Result {
    if numbers.is_empty() {
        return Ok(());
    }
    let numbers: Vec<String> = numbers.iter().map(|number| format!("{number}{suffix}")).collect();
    write!(f, ";{name}={}", numbers.join(","))
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nth != 0 {
            write!(f, "{}", self.nth)?;
        }
        f.write_str(weekday_name(self.weekday))
    }
}

#[cfg(test)]
mod tests;
