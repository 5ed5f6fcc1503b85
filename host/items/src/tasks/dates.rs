//! When a task starts and is due, and how both are told.
//!
//! MS-ASTASK writes every date twice: UtcStartDate is a moment, StartDate the numbers on the owner's clock with a Z
//! behind them. A midnight on that clock is a day without a time, which is what most tasks mean. Some devices take the
//! numbers for a moment, and are sent the moment in both (K: I22).

use std::collections::HashMap;

use easel_protocol::{compact, parse_date_time, punctuated};
use easel_wbxml::{Element, Tag};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::View;
use crate::lines::{Component, Entry, Line};
use crate::manner::TaskDates;
use crate::said::{Said, Sent};
use crate::time_zone::{self, NamedZone};

/// The parameter of a DTSTART that no device and nobody else has said.
const IMPLIED: &str = "X-EASEL-IMPLIED";
/// Zones looked up for one task.
const ZONES_MAX: usize = 20;

/// A day, or a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Day(Date),
    At(Timestamp),
}

/// The clocks a task is read on.
#[derive(Debug)]
pub(super) struct Clocks {
    /// The owner's zone.
    pub(super) owner: TimeZone,
    manner: TaskDates,
    named: HashMap<String, TimeZone>,
}

impl Clocks {
    /// The zones that the lines of `component` name.
    pub(super) fn of(calendar: &Component, component: &Component, view: &View<'_>) -> Self {
        let ids = component.lines().filter_map(|line| line.param("TZID")).take(ZONES_MAX);
        let zones = calendar.components().filter(|inner| inner.name == "VTIMEZONE");
        let defined: HashMap<String, &Component> =
            zones.filter_map(|zone| Some((zone.line("TZID")?.value.clone(), zone))).collect();
        let found = |id: &str| Some((id.to_owned(), time_zone::resolve(id, defined.get(id).copied())?.zone));
        Self { owner: view.owner.zone.clone(), manner: view.manner.task_dates, named: ids.filter_map(found).collect() }
    }

    /// Whether a task that is due is told to start then, if it does not say when it starts (K: T05).
    pub(super) fn starts_when_due(&self) -> bool {
        self.manner == TaskDates::Both
    }

    /// The text of StartDate, DueDate and ReminderTime.
    pub(super) fn told(&self, at: Timestamp) -> Option<String> {
        match self.manner {
            TaskDates::Local => Some(punctuated(at)),
            TaskDates::Utc | TaskDates::Both => numerals(self.owner.to_datetime(at)),
        }
    }

    /// What a device means by the text of StartDate, DueDate and ReminderTime, on the owner's clock.
    pub(super) fn heard(&self, text: &str) -> Option<DateTime> {
        match self.manner {
            TaskDates::Local => parse_date_time(text).ok().map(|at| self.owner.to_datetime(at)),
            TaskDates::Utc | TaskDates::Both => local_of(text),
        }
    }

    /// The moment of a date line.
    pub(super) fn moment(&self, line: &Line) -> Option<Moment> {
        let value = line.value.trim();
        if value.len() == 8 {
            return value.parse().ok().map(Moment::Day);
        }
        if value.ends_with(['Z', 'z']) {
            return parse_date_time(value).ok().map(Moment::At);
        }
        let local: DateTime = value.parse().ok()?;
        local.to_zoned(self.zone(line).clone()).ok().map(|at| Moment::At(at.timestamp()))
    }

    /// The zone a line's numbers are read in.
    fn zone(&self, line: &Line) -> &TimeZone {
        line.param("TZID").and_then(|id| self.named.get(id)).unwrap_or(&self.owner)
    }

    /// The moment itself; that of a day is its midnight on the owner's clock.
    pub(super) fn instant(&self, moment: Moment) -> Option<Timestamp> {
        match moment {
            Moment::Day(date) => date.to_zoned(self.owner.clone()).ok().map(|at| at.timestamp()),
            Moment::At(at) => Some(at),
        }
    }

    /// The numbers on the owner's clock.
    pub(super) fn local(&self, moment: Moment) -> DateTime {
        match moment {
            Moment::Day(date) => date.to_datetime(Time::midnight()),
            Moment::At(at) => self.owner.to_datetime(at),
        }
    }

    /// A moment, as a day where it is midnight on the owner's clock.
    pub(super) fn of_instant(&self, at: Timestamp) -> Moment {
        let local = self.owner.to_datetime(at);
        if local.time() == Time::midnight() { Moment::Day(local.date()) } else { Moment::At(at) }
    }

    /// Numbers on the owner's clock, as a day where they are midnight.
    pub(super) fn of_local(&self, local: DateTime) -> Option<Moment> {
        if local.time() == Time::midnight() {
            return Some(Moment::Day(local.date()));
        }
        local.to_zoned(self.owner.clone()).ok().map(|at| Moment::At(at.timestamp()))
    }
}

/// Numbers written with a Z that does not mean UTC.
pub(super) fn numerals(local: DateTime) -> Option<String> {
    local.to_zoned(TimeZone::UTC).ok().map(|at| punctuated(at.timestamp()))
}

/// Numbers read from such a text.
pub(super) fn local_of(text: &str) -> Option<DateTime> {
    parse_date_time(text).ok().map(|at| TimeZone::UTC.to_datetime(at))
}

/// A date text in the one form that is compared.
pub(super) fn canonical(text: &str) -> Option<String> {
    parse_date_time(text).ok().map(punctuated)
}

/// When it starts.
pub(super) fn start(task: &Component, clocks: &Clocks) -> Option<Moment> {
    if is_implied(task) { None } else { clocks.moment(task.line("DTSTART")?) }
}

/// Whether DTSTART is there only because RFC 5545 3.8.2.4 asks one of a series: nobody said when the task starts.
pub(super) fn is_implied(task: &Component) -> bool {
    task.line("DTSTART").is_some_and(|line| line.param(IMPLIED).is_some())
}

/// Gives a series without a start the one it must have: the date it is due, else the beginning of its pattern. Takes it
/// from a task that is no series any more.
pub(super) fn imply(task: &mut Component, begun: Option<&Line>) {
    if task.line("DTSTART").is_some() && !is_implied(task) {
        return;
    }
    let source = task.line("DUE").or(begun).filter(|_| task.line("RRULE").is_some());
    match source {
        None => task.remove("DTSTART"),
        Some(source) => {
            let mut line = Line::new("DTSTART", source.value.clone());
            for name in ["VALUE", "TZID"] {
                line.set_param(name, source.param(name));
            }
            task.set(line.with(IMPLIED, "TRUE"));
        }
    }
}

/// When it is due: DUE, or DTSTART and DURATION.
pub(super) fn due(task: &Component, clocks: &Clocks) -> Option<Moment> {
    if let Some(line) = task.line("DUE") {
        return clocks.moment(line);
    }
    let span: Span = task.line("DURATION")?.value.trim().parse().ok()?;
    match start(task, clocks)? {
        Moment::Day(date) => Some(Moment::Day(date.checked_add(span).ok()?)),
        Moment::At(at) => {
            let begun = at.to_zoned(clocks.owner.clone());
            begun.checked_add(span).ok().map(|end| Moment::At(end.timestamp()))
        }
    }
}

/// The pair of elements of a date: the moment, then the numbers.
pub(super) fn elements(moment: Option<Moment>, clocks: &Clocks, [utc, local]: [Tag; 2]) -> Vec<Element> {
    let told = moment.and_then(|moment| {
        let at = clocks.instant(moment)?;
        let numbers = if clocks.manner == TaskDates::Local { clocks.told(at) } else { numerals(clocks.local(moment)) };
        Some((at, numbers?))
    });
    told.map_or_else(Vec::new, |(at, numbers)| vec![Element::text(utc, punctuated(at)), Element::text(local, numbers)])
}

/// What was said of a date: `None` nothing, `Some(None)` that there is none. One element of the pair is enough.
pub(super) fn said(data: &Element, sent: &Sent<'_>, clocks: &Clocks, [utc, local]: [Tag; 2]) -> Option<Option<Moment>> {
    let said = [sent.of(utc, canonical), sent.of(local, canonical)];
    let moment = data.text_of(utc).and_then(|text| local_of(&text));
    let numbers = data.text_of(local).and_then(|text| clocks.heard(&text));
    if moment.is_none() && numbers.is_none() {
        return said.contains(&Said::Clear).then_some(None);
    }
    let is_new = |said: &Said| matches!(said, Said::Set(_));
    if !said.iter().any(is_new) {
        return None;
    }
    let at = moment.and_then(|utc| utc.to_zoned(TimeZone::UTC).ok()).map(|at| at.timestamp());
    // Only the moment was changed: the numbers are old.
    let numbers = numbers.filter(|_| at.is_none() || is_new(&said[1]));
    let chosen = match (numbers, at) {
        (Some(numbers), Some(at)) if numbers.time() != Time::midnight() => Some(clocks.of_instant(at)),
        (Some(numbers), _) => clocks.of_local(numbers),
        (None, Some(at)) => Some(clocks.of_instant(at)),
        (None, None) => None,
    };
    chosen.map(Some)
}

/// The zone of a time that had none: that of the task's other date, else the owner's. `None` is UTC. A series keeps its
/// time of day by it when the clocks change.
fn zone_of_new(task: &Component, name: &str, clocks: &Clocks, at: Timestamp) -> Option<NamedZone> {
    let other = task.line(if name == "DUE" { "DTSTART" } else { "DUE" }).filter(|line| line.value.trim().len() > 8);
    match other.map(|line| (line.value.trim().ends_with(['Z', 'z']), line.param("TZID"))) {
        Some((true, _)) => None,
        Some((false, Some(id))) if clocks.named.contains_key(id) => {
            Some(NamedZone { id: id.to_owned(), zone: clocks.named[id].clone() })
        }
        Some(_) | None => Some(NamedZone::of(&clocks.owner, at)).filter(|named| !named.is_utc()),
    }
}

/// Adds the VTIMEZONE of the owner's zone where a date of the task is on it.
pub(super) fn add_zone(calendar: &mut Component, task: &Component, clocks: &Clocks, now: Timestamp) {
    let named = NamedZone::of(&clocks.owner, now);
    let is_used = task.lines().any(|line| line.param("TZID") == Some(named.id.as_str()));
    let is_there = calendar
        .components()
        .any(|zone| zone.name == "VTIMEZONE" && zone.line("TZID").is_some_and(|line| line.value.trim() == named.id));
    if is_used && !is_there {
        let first = calendar.entries.iter().position(|entry| matches!(entry, Entry::Component(_)));
        let zone = Entry::Component(time_zone::vtimezone(&named, now));
        calendar.entries.insert(first.unwrap_or(calendar.entries.len()), zone);
    }
}

/// Writes a date into its line, on the clock that the line has been on; `None` removes it.
pub(super) fn set(task: &mut Component, name: &str, moment: Option<Moment>, clocks: &Clocks) {
    let Some(moment) = moment else { return task.remove(name) };
    let named = match moment {
        Moment::At(at) => zone_of_new(task, name, clocks, at),
        Moment::Day(_) => None,
    };
    if task.line(name).is_none() {
        task.push(Line::new(name, ""));
    }
    let line = task.line_mut(name).expect("a line was just added");
    match moment {
        Moment::Day(date) => {
            line.set_param("TZID", None);
            line.set_param("VALUE", Some("DATE"));
            line.set_value(date.strftime("%Y%m%d").to_string());
        }
        Moment::At(at) => {
            let value = line.value.trim();
            let on_clock = value.len() > 8 && !value.ends_with(['Z', 'z']);
            let zone = match (on_clock, value.len() > 8) {
                (true, _) => Some(clocks.zone(line).clone()),
                (false, true) => None,
                (false, false) => {
                    line.set_param("TZID", named.as_ref().map(|named| named.id.as_str()));
                    named.map(|named| named.zone)
                }
            };
            line.set_param("VALUE", None);
            match zone {
                Some(zone) => line.set_value(zone.to_datetime(at).strftime("%Y%m%dT%H%M%S").to_string()),
                None => {
                    line.set_param("TZID", None);
                    line.set_value(compact(at));
                }
            }
        }
    }
}

/// RFC 5545 3.8.2.3: DUE is a day where DTSTART is one, and a moment where that is one.
pub(super) fn agree(task: &mut Component, clocks: &Clocks) {
    let day = |name: &str| task.line(name).is_some_and(|line| line.value.trim().len() == 8);
    let both = task.line("DTSTART").is_some() && task.line("DUE").is_some();
    if !both || day("DTSTART") == day("DUE") {
        return;
    }
    let name = if day("DTSTART") { "DTSTART" } else { "DUE" };
    let moment = task.line(name).and_then(|line| clocks.moment(line)).and_then(|moment| clocks.instant(moment));
    if let Some(at) = moment {
        set(task, name, Some(Moment::At(at)), clocks);
    }
}
