//! VTIMEZONE. RFC 5545 3.6.5 "Time Zone Component".

use jiff::Timestamp;
use jiff::civil::{DateTime, Weekday};

use super::rules::{Change, ChangeDay, Rules, Saving};
use super::{NamedZone, find};
use crate::lines::{Component, Entry, Line};

/// The year that rules without a beginning begin in.
const FIRST_YEAR: i16 = 1970;
/// Seconds of a day.
const END_OF_DAY: i32 = 86_400;
/// Observances looked at in one VTIMEZONE.
const OBSERVANCES_MAX: usize = 1_000;

/// The zone that a TZID means: an IANA or Windows name, else what its VTIMEZONE says.
pub fn resolve(tzid: &str, vtimezone: Option<&Component>) -> Option<NamedZone> {
    if let Some(known) = find::known(tzid) {
        return Some(NamedZone { id: tzid.to_owned(), zone: known.zone });
    }
    let component = vtimezone?;
    let location = component.plain("X-LIC-LOCATION").and_then(|name| find::known(&name));
    let zone = location.map_or_else(|| interpret(component).map(|rules| rules.to_zone()), |known| Some(known.zone))?;
    Some(NamedZone { id: tzid.to_owned(), zone })
}

/// The rules of a VTIMEZONE that are the last to hold.
pub fn interpret(vtimezone: &Component) -> Option<Rules> {
    let observances: Vec<Observance> =
        vtimezone.components().take(OBSERVANCES_MAX).filter_map(Observance::read).collect();
    let last = |daylight: bool| observances.iter().filter(|o| o.daylight == daylight).max_by_key(|o| (o.open, o.since));
    let (standard, daylight) = (last(false), last(true));
    let newest = observances.iter().max_by_key(|o| (o.open, o.since))?;
    match (standard, daylight) {
        (Some(standard), Some(daylight))
            if standard.open && daylight.open && standard.to != daylight.to && standard.change != daylight.change =>
        {
            let minutes = (daylight.to - standard.to).div_euclid(60);
            let saving = Saving { minutes, begins: daylight.change, ends: standard.change };
            Some(Rules { standard: standard.to.div_euclid(60), saving: Some(saving) })
        }
        _ => Some(Rules { standard: newest.to.div_euclid(60), saving: None }),
    }
}

/// STANDARD or DAYLIGHT.
struct Observance {
    daylight: bool,
    /// Seconds east of UTC once it holds.
    to: i32,
    /// Since when.
    since: DateTime,
    /// Whether it comes back every year without end.
    open: bool,
    change: Change,
}

impl Observance {
    fn read(component: &Component) -> Option<Self> {
        let daylight = match component.name.as_str() {
            "DAYLIGHT" => true,
            "STANDARD" => false,
            _ => return None,
        };
        let to = utc_offset(&component.line("TZOFFSETTO")?.value)?;
        let since = local(&component.line("DTSTART")?.value)?;
        let rule = component.line("RRULE").map(|line| line.value.to_ascii_uppercase());
        let part = |name: &str| {
            let rule = rule.as_deref()?;
            rule.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
        };
        let open = rule.is_some() && part("UNTIL").is_none() && part("COUNT").is_none();
        let time = since.time();
        let seconds = i32::from(time.hour()) * 3600 + i32::from(time.minute()) * 60 + i32::from(time.second());
        let month = part("BYMONTH").and_then(|text| text.parse().ok()).filter(|month| (1..=12).contains(month));
        let month: i8 = month.unwrap_or_else(|| since.month());
        let mut end_of_day = false;
        let day = part("BYDAY").and_then(weekday).map_or(ChangeDay::On(since.date()), |(nth, weekday)| {
            // `BYMONTHDAY=8,9,10,11,12,13,14;BYDAY=SU` is the second Sunday.
            let first: Option<i8> = part("BYMONTHDAY").and_then(|days| days.split(',').next()?.parse().ok());
            // Of the days 2 to 8 at midnight, Sunday is the end of the first Saturday.
            if let (0, Some(first), 0) = (nth, first, seconds)
                && first > 1
                && first % 7 == 2
            {
                let week = ((first + 5) / 7).clamp(1, 5);
                end_of_day = true;
                return ChangeDay::Nth { month, week, weekday: weekday.previous() };
            }
            let week = match (nth, first) {
                (0, Some(first)) if first > 0 => (first + 6) / 7,
                (0, Some(_)) => 5,
                (0, None) => (since.day() + 6) / 7,
                (nth, _) if nth < 0 => 5,
                (nth, _) => nth,
            };
            ChangeDay::Nth { month, week: week.clamp(1, 5), weekday }
        });
        let seconds = if end_of_day || seconds == END_OF_DAY - 1 { END_OF_DAY } else { seconds };
        Some(Self { daylight, to, since, open, change: Change { day, seconds } })
    }
}

/// `-1SU`
fn weekday(text: &str) -> Option<(i8, Weekday)> {
    let at = text.len().checked_sub(2).filter(|at| text.is_char_boundary(*at))?;
    let (nth, day) = text.split_at(at);
    let weekday = match day {
        "SU" => Weekday::Sunday,
        "MO" => Weekday::Monday,
        "TU" => Weekday::Tuesday,
        "WE" => Weekday::Wednesday,
        "TH" => Weekday::Thursday,
        "FR" => Weekday::Friday,
        "SA" => Weekday::Saturday,
        _ => return None,
    };
    Some((if nth.is_empty() { 0 } else { nth.parse().ok()? }, weekday))
}

/// `+0100`, `-053000`
fn utc_offset(text: &str) -> Option<i32> {
    let text = text.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if !matches!(digits.len(), 4 | 6) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let pair = |at: usize| digits.get(at..at + 2).map_or(Some(0), |pair| pair.parse::<i32>().ok());
    let seconds = sign * (pair(0)? * 3600 + pair(2)? * 60 + pair(4)?);
    (seconds.abs() < 86_400).then_some(seconds)
}

fn local(text: &str) -> Option<DateTime> {
    text.trim().trim_end_matches(['Z', 'z']).parse().ok()
}

/// The VTIMEZONE of a zone with the rules valid at `at`.
pub fn vtimezone(zone: &NamedZone, at: Timestamp) -> Component {
    let rules = Rules::of(&zone.zone, at);
    let mut component = Component::new("VTIMEZONE");
    component.push(Line::text("TZID", &zone.id));
    let daylight = rules.standard + rules.saving.map_or(0, |saving| saving.minutes);
    let ends = rules.saving.map(|saving| saving.ends);
    component.entries.push(Entry::Component(observance("STANDARD", daylight, rules.standard, ends)));
    if let Some(saving) = rules.saving {
        let begins = observance("DAYLIGHT", rules.standard, daylight, Some(saving.begins));
        component.entries.push(Entry::Component(begins));
    }
    component
}

fn observance(name: &str, from: i32, to: i32, change: Option<Change>) -> Component {
    let mut component = Component::new(name);
    // The end of a day has no time of its own; its last second does, as in Windows' own rules.
    let change = change.map(|change| Change { seconds: change.seconds.min(END_OF_DAY - 1), ..change });
    let start = change.and_then(|change| change.in_year(FIRST_YEAR));
    let start = start.unwrap_or(DateTime::constant(FIRST_YEAR, 1, 1, 0, 0, 0, 0));
    component.push(Line::new("DTSTART", start.strftime("%Y%m%dT%H%M%S").to_string()));
    component.push(Line::new("TZOFFSETFROM", offset_text(from)));
    component.push(Line::new("TZOFFSETTO", offset_text(to)));
    if let Some(rule) = change.and_then(yearly) {
        component.push(Line::new("RRULE", rule));
    }
    component
}

fn yearly(change: Change) -> Option<String> {
    let ChangeDay::Nth { month, week, weekday } = change.day else { return None };
    let name = match weekday {
        Weekday::Sunday => "SU",
        Weekday::Monday => "MO",
        Weekday::Tuesday => "TU",
        Weekday::Wednesday => "WE",
        Weekday::Thursday => "TH",
        Weekday::Friday => "FR",
        Weekday::Saturday => "SA",
    };
    let week = if week >= 5 { -1 } else { week };
    Some(format!("FREQ=YEARLY;BYMONTH={month};BYDAY={week}{name}"))
}

/// `+0100`
fn offset_text(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60)
}
