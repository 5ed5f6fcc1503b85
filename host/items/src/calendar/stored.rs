//! One stored event: a VCALENDAR with a VEVENT, its overrides and its time zones. RFC 5545 3.6.1 "Event Component".

use std::cell::RefCell;
use std::collections::HashMap;

use easel_protocol::compact;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use crate::ItemError;
use crate::lines::{Component, Entry, Line, parse};
use crate::recurrence::Rule;
use crate::time_zone::{self, NamedZone};

/// Bytes of one object.
const OBJECT_MAX: usize = 32 << 20;
/// Events of one object: a series and its overrides. Whatever names occurrences looks through them.
const EVENTS_MAX: usize = 10_000;
/// Members of RDATE and EXDATE looked at.
const DATES_MAX: usize = 10_000;
/// Zones that one object names; further names mean none.
const ZONES_MAX: usize = 100;
/// Rules of one event.
const RULES_MAX: usize = 10;

/// A VCALENDAR that holds an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) root: Component,
    zones: Zones,
}

/// What the TZIDs of an object were found to mean: a VTIMEZONE is read once, however many dates name it.
#[derive(Clone, Debug, Default)]
struct Zones {
    known: RefCell<HashMap<String, Option<NamedZone>>>,
    #[cfg(test)]
    read: std::cell::Cell<usize>,
}

/// Two objects are the same whatever is known of their zones.
impl PartialEq for Zones {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Zones {}

/// A date or a time in an object, with the form it is written in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct When {
    pub(super) local: DateTime,
    pub(super) form: Form,
}

/// RFC 5545 3.3.4 "Date", 3.3.5 "Date-Time".
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    Date,
    Floating,
    Utc,
    Zoned(NamedZone),
}

impl When {
    pub(super) const fn date(date: Date) -> Self {
        Self { local: date.to_datetime(Time::midnight()), form: Form::Date }
    }

    /// The zone of its clock; `owner` where the object names none.
    pub(super) fn zone(&self, owner: &TimeZone) -> TimeZone {
        match &self.form {
            Form::Date | Form::Floating => owner.clone(),
            Form::Utc => TimeZone::UTC,
            Form::Zoned(named) => named.zone.clone(),
        }
    }

    pub(super) fn instant(&self, owner: &TimeZone) -> Timestamp {
        instant(&self.zone(owner), self.local)
    }

    pub(super) fn is_date(&self) -> bool {
        self.form == Form::Date
    }

    /// The value of its line.
    pub(super) fn value(&self) -> String {
        match self.form {
            Form::Date => self.local.strftime("%Y%m%d").to_string(),
            Form::Utc => compact(instant(&TimeZone::UTC, self.local)),
            Form::Floating | Form::Zoned(_) => self.local.strftime("%Y%m%dT%H%M%S").to_string(),
        }
    }

    /// The parameters of its line.
    pub(super) fn put_params(&self, line: &mut Line) {
        line.set_param("VALUE", self.is_date().then_some("DATE"));
        line.set_param("TZID", if let Form::Zoned(named) = &self.form { Some(&named.id) } else { None });
    }

    pub(super) fn line(&self, name: &str) -> Line {
        let mut line = Line::new(name, self.value());
        self.put_params(&mut line);
        line
    }

    /// The same clock time in the form of `other`.
    pub(super) fn like(local: DateTime, other: &Self) -> Self {
        let local = if other.is_date() { local.date().to_datetime(Time::midnight()) } else { local };
        Self { local, form: other.form.clone() }
    }
}

/// The moment a clock shows a time; behind the end of time, the end of time.
pub(super) fn instant(zone: &TimeZone, local: DateTime) -> Timestamp {
    zone.to_timestamp(local).unwrap_or(if local.year() < 1970 { Timestamp::MIN } else { Timestamp::MAX })
}

/// When an event is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) start: When,
    /// Of a day: a whole number of days, at least one. Otherwise not negative.
    pub(super) length: SignedDuration,
}

impl Span {
    pub(super) fn end(&self, owner: &TimeZone) -> Timestamp {
        if self.start.is_date() {
            return instant(owner, self.end_local());
        }
        later(self.start.instant(owner), self.length)
    }

    /// The end on the clock of the start; of a day, the midnight behind it.
    pub(super) fn end_local(&self) -> DateTime {
        self.start.local.checked_add(self.length).unwrap_or(DateTime::MAX)
    }
}

pub(super) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn bad(reason: impl Into<String>) -> ItemError {
    ItemError::BadObject { format: "iCalendar", reason: reason.into() }
}

impl Stored {
    /// A calendar with an event in it.
    pub(super) fn new(root: Component) -> Self {
        Self { root, zones: Zones::default() }
    }

    pub(super) fn parse(text: &str) -> Result<Self, ItemError> {
        if text.len() > OBJECT_MAX {
            return Err(bad(format!("larger than {} MiB", OBJECT_MAX >> 20)));
        }
        let mut calendars = parse(text, "iCalendar")?;
        calendars.retain(|component| component.name == "VCALENDAR" && component.components().any(is_event));
        if calendars.iter().flat_map(Component::components).filter(|component| is_event(component)).count() > EVENTS_MAX
        {
            return Err(bad(format!("more than {EVENTS_MAX} events of one UID")));
        }
        match calendars.len() {
            1 => Ok(Self::new(calendars.remove(0))),
            0 => Err(bad("no VCALENDAR with a VEVENT")),
            count => Err(bad(format!("{count} VCALENDARs with a VEVENT"))),
        }
    }

    /// The event itself, or the only known occurrence of a series (an orphan).
    pub(super) fn main(&self) -> &Component {
        let plain = self.events().find(|event| event.line("RECURRENCE-ID").is_none());
        plain.or_else(|| self.events().next()).expect("only calendars with an event are read")
    }

    pub(super) fn main_mut(&mut self) -> &mut Component {
        let at = self.event_indices().find(|at| self.event_at(*at).is_some_and(|e| e.line("RECURRENCE-ID").is_none()));
        let at = at.or_else(|| self.event_indices().next()).expect("only calendars with an event are read");
        self.event_at_mut(at).expect("the index was just found")
    }

    pub(super) fn events(&self) -> impl Iterator<Item = &Component> {
        self.root.components().filter(|component| is_event(component))
    }

    /// The occurrences that differ from the series.
    pub(super) fn overrides(&self) -> impl Iterator<Item = &Component> {
        let main: *const Component = self.main();
        self.events().filter(move |event| event.line("RECURRENCE-ID").is_some() && !std::ptr::eq(*event, main))
    }

    pub(super) fn event_indices(&self) -> impl Iterator<Item = usize> {
        let event = |(at, entry): (usize, &Entry)| matches!(entry, Entry::Component(c) if is_event(c)).then_some(at);
        self.root.entries.iter().enumerate().filter_map(event)
    }

    pub(super) fn event_at(&self, at: usize) -> Option<&Component> {
        match self.root.entries.get(at) {
            Some(Entry::Component(component)) => Some(component),
            Some(Entry::Line(_)) | None => None,
        }
    }

    pub(super) fn event_at_mut(&mut self, at: usize) -> Option<&mut Component> {
        match self.root.entries.get_mut(at) {
            Some(Entry::Component(component)) => Some(component),
            Some(Entry::Line(_)) | None => None,
        }
    }

    /// What a TZID of this object means.
    pub(super) fn zone(&self, tzid: &str) -> Option<NamedZone> {
        let known = self.zones.known.borrow().get(tzid).cloned();
        known.unwrap_or_else(|| {
            if self.zones.known.borrow().len() >= ZONES_MAX {
                return None;
            }
            #[cfg(test)]
            self.zones.read.update(|read| read + 1);
            let found = time_zone::resolve(tzid, self.vtimezone(tzid));
            self.zones.known.borrow_mut().insert(tzid.to_owned(), found.clone());
            found
        })
    }

    fn vtimezone(&self, tzid: &str) -> Option<&Component> {
        let named = |component: &&Component| component.plain("TZID").as_deref() == Some(tzid);
        self.root.components().filter(|component| component.name == "VTIMEZONE").find(named)
    }

    /// Adds the VTIMEZONE of a zone that is not there yet, before the first event.
    pub(super) fn add_zone(&mut self, when: &When, at: Timestamp) {
        let Form::Zoned(named) = &when.form else { return };
        if self.vtimezone(&named.id).is_none() {
            self.take_zones(vec![time_zone::vtimezone(named, at)]);
        }
    }

    /// Takes VTIMEZONEs in, before the first event.
    pub(super) fn take_zones(&mut self, zones: Vec<Component>) {
        let place = self.event_indices().next().unwrap_or(self.root.entries.len());
        self.root.entries.splice(place..place, zones.into_iter().map(Entry::Component));
        self.zones = Zones::default();
    }

    /// The date or time of a line.
    pub(super) fn when(&self, line: &Line) -> Option<When> {
        self.when_of(line, &line.value)
    }

    fn when_of(&self, line: &Line, value: &str) -> Option<When> {
        let value = value.trim();
        if value.len() == 8 || line.has_param("VALUE", "DATE") {
            return value.get(..8)?.parse().ok().map(When::date);
        }
        if let Some(local) = value.strip_suffix(['Z', 'z']) {
            return Some(When { local: local.parse().ok()?, form: Form::Utc });
        }
        let local = value.parse().ok()?;
        let named = line.param("TZID").and_then(|tzid| self.zone(tzid));
        Some(When { local, form: named.map_or(Form::Floating, Form::Zoned) })
    }

    /// Every date of the lines of that name; of a period, its start.
    pub(super) fn dates(&self, event: &Component, name: &str) -> Vec<When> {
        let values = event.all(name).flat_map(|line| line.value.split(',').map(move |value| (line, value)));
        let start = |(line, value): (&Line, &str)| self.when_of(line, value.split('/').next().unwrap_or(value));
        values.take(DATES_MAX).filter_map(start).collect()
    }

    /// When an event is. RFC 5545 3.6.1: without an end, a day long, or no time at all.
    pub(super) fn span(&self, event: &Component, owner: &TimeZone) -> Result<Span, ItemError> {
        let start =
            event.line("DTSTART").and_then(|line| self.when(line)).ok_or_else(|| bad("a VEVENT without a start"))?;
        let end = event.line("DTEND").and_then(|line| self.when(line));
        let length = match (end, event.line("DURATION").and_then(|line| duration(&line.value))) {
            (Some(end), _) if start.is_date() => {
                end.local.date().to_datetime(Time::midnight()).duration_since(start.local)
            }
            (Some(end), _) => end.instant(owner).duration_since(start.instant(owner)),
            (None, length) => length.unwrap_or(SignedDuration::ZERO),
        };
        let length = if start.is_date() {
            // K: N16. Zero days are one.
            SignedDuration::from_hours((length.as_secs() / 86_400).max(1) * 24)
        } else {
            length.max(SignedDuration::ZERO)
        };
        Ok(Span { start, length })
    }

    /// The recurrence rules of an event: RRULE, or EXRULE of RFC 2445.
    pub(super) fn rules(event: &Component, name: &str) -> Result<Vec<Rule>, ItemError> {
        if event.all(name).count() > RULES_MAX {
            return Err(ItemError::Rule { element: "Recurrence", reason: "more than 10 rules" });
        }
        event.all(name).map(|line| Rule::of_line(line).map_err(|error| bad(error.to_string()))).collect()
    }
}

pub(super) fn is_event(component: &Component) -> bool {
    component.name == "VEVENT"
}

/// RFC 5545 3.3.6 "Duration".
pub(super) fn duration(text: &str) -> Option<SignedDuration> {
    let text = text.trim();
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let rest = rest.strip_prefix(['P', 'p'])?;
    let mut seconds: i64 = 0;
    let mut number = String::new();
    for c in rest.chars() {
        let unit = match c.to_ascii_uppercase() {
            digit if digit.is_ascii_digit() && number.len() < 10 => {
                number.push(digit);
                continue;
            }
            'T' if number.is_empty() => continue,
            'W' => 604_800,
            'D' => 86_400,
            'H' => 3_600,
            'M' => 60,
            'S' => 1,
            _ => return None,
        };
        let count: i64 = number.parse().ok()?;
        number.clear();
        seconds = seconds.checked_add(count.checked_mul(unit)?)?;
    }
    (number.is_empty() && rest.len() > 1).then(|| SignedDuration::from_secs(sign * seconds))
}

/// The date that a device means by a moment. It sends either the date's midnight in UTC, or midnight on its clock; the
/// value tells which (K: G13). A moment near midnight belongs to the nearer one.
pub(super) fn date_of(at: Timestamp, zone: &TimeZone) -> Date {
    let utc = TimeZone::UTC.to_datetime(at);
    if utc.time() == Time::midnight() {
        return utc.date();
    }
    let local = zone.to_datetime(at);
    local.checked_add(12.hours()).unwrap_or(local).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_of_an_object_is_read_once_however_many_dates_name_it() {
        let date = "EXDATE;TZID=Odd:20260310T090000,20260311T090000\r\n";
        let zone = "BEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETTO:+0123\r\nEND:STANDARD\r\n";
        let text = format!(
            "BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:Odd\r\n{zone}END:VTIMEZONE\r\nBEGIN:VEVENT\r\n{}END:VEVENT\r\n\
             END:VCALENDAR\r\n",
            date.repeat(500)
        );
        let stored = Stored::parse(&text).unwrap();
        let dates = stored.dates(stored.main(), "EXDATE");
        assert_eq!(dates.len(), 1_000);
        let is_odd = |when: &When| matches!(&when.form, Form::Zoned(zone) if zone.id == "Odd");
        assert!(dates.iter().all(is_odd));
        assert_eq!(stored.zones.read.get(), 1);
    }

    #[test]
    fn an_object_of_too_many_events_is_refused() {
        let of = |events: usize| {
            let events = "BEGIN:VEVENT\r\nEND:VEVENT\r\n".repeat(events);
            Stored::parse(&format!("BEGIN:VCALENDAR\r\n{events}END:VCALENDAR\r\n"))
        };
        assert!(of(EVENTS_MAX).is_ok());
        assert!(of(EVENTS_MAX + 1).unwrap_err().to_string().contains("more than 10000 events"));
    }

    #[test]
    fn an_object_has_a_bound_of_zones_and_names_beyond_it_mean_none() {
        let date = |n: usize| format!("RDATE;TZID=/odd/{n}/Europe/Berlin:20260310T090000\r\n");
        let dates: String = (0..2 * ZONES_MAX).map(date).collect();
        let text = format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{dates}END:VEVENT\r\nEND:VCALENDAR\r\n");
        let stored = Stored::parse(&text).unwrap();
        let all = stored.dates(stored.main(), "RDATE");
        let zoned = all.iter().filter(|when| matches!(when.form, Form::Zoned(_))).count();
        assert_eq!((all.len(), zoned, stored.zones.read.get()), (2 * ZONES_MAX, ZONES_MAX, ZONES_MAX));
    }
}
