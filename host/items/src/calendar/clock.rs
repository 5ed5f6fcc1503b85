//! The clock of a series, and the moments that devices know its occurrences by.
//!
//! A device re-applies the clock time of the first occurrence in the zone of the blob (MS-ASCAL 2.2.2.44 "Timezone").
//! Where blob and zone disagree, as for a series older than today's rules, every moment of a series is therefore made
//! with the rules of the blob, so that the clock time stays right.

use std::cell::Cell;

use easel_protocol::Version;
use easel_wbxml::Element;
use easel_wbxml::pages::calendar as c;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::stored::{Form, Span, Stored, When, date_of, instant};
use crate::lines::Component;
use crate::manner::TzBlob;
use crate::recurrence::{Cover, Freq, Rule, STEPS_MAX, Set, SetOccurrences, Until, anchor};
use crate::time_zone::{NamedZone, Rules, decode, encode};
use crate::{ItemError, View};

/// Steps that looking for the occurrences of one series may take in all: some tenths of a second.
const STEPS_OF_ALL_MAX: u32 = 100 * STEPS_MAX;

/// The clock of an event or series.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    /// The zone of the object.
    pub(super) zone: TimeZone,
    /// The zone that the device computes in.
    wire: TimeZone,
    all_day: bool,
    /// A day is a date, whatever the zone: see [`says_dates`].
    dates: bool,
    /// The Timezone element's text.
    pub(super) blob: Option<String>,
}

impl Clock {
    pub(super) fn of(span: &Span, rule: Option<&Rule>, view: &View<'_>) -> Self {
        let zone = span.start.zone(&view.owner.zone);
        let all_day = span.start.is_date();
        let start = span.start.instant(&view.owner.zone);
        let rules = Rules::of(&zone, rule.map_or(start, |rule| era(start, rule, &zone, view.now)));
        let told = if all_day && view.manner.calendar.tz_blob == TzBlob::ZeroForDays { Rules::UTC } else { rules };
        let wire = if rule.is_some() || all_day { told.to_zone() } else { zone.clone() };
        let hidden = all_day && view.version >= Version::V16_0;
        Self { zone, wire, all_day, dates: says_dates(all_day, view), blob: (!hidden).then(|| encode(&told)) }
    }

    /// The clock of one occurrence that was moved, or of an event whose zone is not told.
    pub(super) fn of_moment(span: &Span, view: &View<'_>) -> Self {
        let zone = span.start.zone(&view.owner.zone);
        if span.start.is_date() {
            return Self::of(span, None, view);
        }
        Self { wire: zone.clone(), zone, all_day: false, dates: false, blob: None }
    }

    /// The clock of a device that sent this zone.
    pub(super) fn of_device(named: &NamedZone, wire: TimeZone, all_day: bool, view: &View<'_>) -> Self {
        Self { zone: named.zone.clone(), wire, all_day, dates: says_dates(all_day, view), blob: None }
    }

    /// What Timezone says, told or not.
    pub(super) fn rules(&self) -> Option<Rules> {
        self.blob.as_deref().and_then(|blob| decode(blob).ok()).map(|decoded| decoded.rules)
    }

    /// The moment by which a device knows a time of this clock.
    pub(super) fn say(&self, local: DateTime) -> Timestamp {
        match (self.dates, self.all_day) {
            (true, _) => instant(&TimeZone::UTC, local.date().to_datetime(Time::midnight())),
            (false, true) => instant(&self.wire, local.date().to_datetime(Time::midnight())),
            (false, false) => instant(&self.wire, local),
        }
    }

    /// The time of this clock that a device means. K: G42: of a series of days it is always a date.
    pub(super) fn hear(&self, at: Timestamp) -> DateTime {
        if self.all_day { date_of(at, &self.wire).to_datetime(Time::midnight()) } else { self.wire.to_datetime(at) }
    }

    /// Where a rule ends, as the object says it. Midnight of UTC is a day: there are devices that know of an end no
    /// more than the day, in UTC, on which the last occurrence begins.
    pub(super) fn hear_until(&self, at: Timestamp, start: &When) -> Until {
        let last = self.beginning_on(at, start.local.time());
        match &start.form {
            Form::Date => Until::Date(date_of(at, &self.wire)),
            Form::Floating => Until::Local(last.unwrap_or_else(|| self.wire.to_datetime(at))),
            Form::Utc | Form::Zoned(_) => Until::Utc(last.map_or(at, |last| instant(&self.zone, last))),
        }
    }

    /// The last start at that time of day, on this clock, on the day of UTC that begins at `at`.
    fn beginning_on(&self, at: Timestamp, time: Time) -> Option<DateTime> {
        let day = TimeZone::UTC.to_datetime(at);
        let dates = [day.date().tomorrow().ok(), Some(day.date()), day.date().yesterday().ok()];
        let starts = dates.into_iter().filter(|_| day.time() == Time::midnight()).flatten();
        let is_of_day = |start: &DateTime| TimeZone::UTC.to_datetime(instant(&self.wire, *start)).date() == day.date();
        starts.map(|date| date.to_datetime(time)).find(is_of_day)
    }

    /// The time on this clock of a date in the object that may be written otherwise.
    pub(super) fn of_when(&self, when: &When) -> DateTime {
        if self.all_day {
            return when.local.date().to_datetime(Time::midnight());
        }
        match when.form {
            Form::Utc | Form::Zoned(_) => self.zone.to_datetime(when.instant(&self.zone)),
            Form::Date | Form::Floating => when.local,
        }
    }
}

/// Whether a day is told by midnight UTC: from 16.0, and before where that is the manner (K: G12, O26).
fn says_dates(all_day: bool, view: &View<'_>) -> bool {
    let manner = view.manner.calendar;
    let by_manner = manner.allday_raw || manner.tz_blob == TzBlob::ZeroForDays;
    all_day && (by_manner || view.version >= Version::V16_0)
}

/// The moment whose rules a series is told by: now, while it runs.
fn era(start: Timestamp, rule: &Rule, zone: &TimeZone, now: Timestamp) -> Timestamp {
    let end = rule.until.map_or(Timestamp::MAX, |until| instant(zone, until.on_clock(zone)));
    now.min(end).max(start)
}

/// The occurrences of a series that are looked at, by the time on its clock.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) span: Span,
    pub(super) clock: Clock,
    pub(super) set: Set,
    /// Whether no pattern says it, so that a cover must.
    pub(super) covered: bool,
    /// Taken out.
    pub(super) gone: Vec<DateTime>,
    /// Steps that looking for occurrences may still take: however many of them a device names, they share these.
    left: Cell<u32>,
}

/// How a device is told of a series.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// By the pattern of its rule, from that occurrence on.
    Plain(DateTime),
    /// By a pattern with its days in it.
    Cover(Box<Cover>),
}

impl Told {
    /// The first occurrence that is told of.
    pub(super) const fn start(&self) -> DateTime {
        match self {
            Self::Plain(start) => *start,
            Self::Cover(cover) => cover.start,
        }
    }
}

impl Series {
    /// The series of an object, `None` for a single event.
    pub(super) fn of(stored: &Stored, view: &View<'_>) -> Result<Option<Self>, ItemError> {
        let event = stored.main();
        let (mut rules, mut excluded) = (Stored::rules(event, "RRULE")?, Stored::rules(event, "EXRULE")?);
        if rules.is_empty() && event.line("RDATE").is_none() {
            return Ok(None);
        }
        let span = stored.span(event, &view.owner.zone)?;
        if span.start.is_date() {
            rules.iter_mut().chain(&mut excluded).for_each(Rule::without_times);
        }
        let clock = match rules.as_slice() {
            [rule] => Clock::of(&span, Some(rule), view),
            _ => Clock::of(&span, Some(&Rule::new(Freq::Daily)), view),
        };
        let locals = |name: &str| {
            let local = |when: &When| match when.is_date() && !span.start.is_date() {
                // A date is the occurrence of that day.
                true => when.local.date().to_datetime(span.start.local.time()),
                false => clock.of_when(when),
            };
            let mut locals: Vec<DateTime> = stored.dates(event, name).iter().map(local).collect();
            locals.sort_unstable();
            locals.dedup();
            locals
        };
        let (dates, gone) = (locals("RDATE"), locals("EXDATE"));
        let set = Set::new(span.start.local, rules, excluded, dates, &clock.zone);
        let say = |at: DateTime| clock.say(at);
        let plain =
            set.rule().is_some_and(|rule| rule.to_pattern(span.start.local, &clock.zone, view.version, say).is_ok());
        let covered = !plain && set.is_known();
        Ok(Some(Self { span, clock, set, covered, gone, left: Cell::new(STEPS_OF_ALL_MAX) }))
    }

    /// How a device is told of it; `from` is the day its stretch begins with or behind, where it is known. `None` where
    /// no occurrence is found.
    pub(super) fn told(&self, view: &View<'_>, from: Option<Date>) -> Option<Told> {
        if !self.covered {
            return Some(Told::Plain(self.span.start.local));
        }
        let from = from.unwrap_or_else(|| anchor(view.owner.zone.to_datetime(view.now).date()));
        if let Some(first) = self.first_behind_start(view, from) {
            return Some(Told::Plain(first));
        }
        Cover::of(&self.set, &self.clock.zone, from, view.version >= Version::V14_1)
            .map(|cover| Told::Cover(Box::new(cover)))
    }

    /// Where only the start is off the pattern of a series without an end, and is past: the first on it. No cover is
    /// needed then, and the series need not end.
    fn first_behind_start(&self, view: &View<'_>, from: Date) -> Option<DateTime> {
        let rule = self.set.rule_behind_start().filter(|rule| rule.is_endless())?;
        let first = rule.occurrences(self.span.start.local, &self.clock.zone).next()?;
        let says = || rule.to_pattern(first, &self.clock.zone, view.version, |at| self.clock.say(at)).is_ok();
        (first.date() <= from && self.span.start.local.date() < from && says()).then_some(first)
    }

    /// The original time of an override.
    pub(super) fn original(&self, stored: &Stored, event: &Component) -> Option<DateTime> {
        let when = stored.when(event.line("RECURRENCE-ID")?)?;
        if when.is_date() && !self.span.start.is_date() {
            return Some(when.local.date().to_datetime(self.span.start.local.time()));
        }
        Some(self.clock.of_when(&when))
    }

    /// The time by which a device that was shown the series so knows an occurrence: under a cover, that of most.
    pub(super) fn slot(&self, shown: &Element, original: DateTime) -> DateTime {
        let start = super::times::moment(shown, c::START_TIME).filter(|_| self.covered);
        start.map_or(original, |start| original.date().to_datetime(self.clock.hear(start).time()))
    }

    /// Those of `wanted` (sorted) that are occurrences of the rule, deleted ones too.
    pub(super) fn occurring(&self, wanted: &[DateTime]) -> Vec<DateTime> {
        let Some(last) = wanted.last() else { return Vec::new() };
        let mut occurrences = self.occurrences();
        occurrences.skip_to(wanted[0]);
        let up_to_last = occurrences.by_ref().take_while(|at| at <= last);
        let found = up_to_last.filter(|at| wanted.binary_search(at).is_ok()).collect();
        self.spend(occurrences.steps());
        // Beyond the bound nothing is known: then all are taken for what they say.
        if occurrences.is_complete() { found } else { wanted.to_vec() }
    }

    /// Whether an occurrence is there that is not taken out.
    pub(super) fn has_occurrence(&self) -> bool {
        let mut occurrences = self.set.occurrences(&self.clock.zone);
        occurrences.by_ref().any(|at| self.gone.binary_search(&at).is_err()) || !occurrences.is_complete()
    }

    /// The occurrences, as far as what is left reaches.
    fn occurrences(&self) -> SetOccurrences<'_> {
        self.set.occurrences_within(&self.clock.zone, self.left.get().min(STEPS_MAX))
    }

    fn spend(&self, steps: u32) {
        self.left.set(self.left.get().saturating_sub(steps));
    }

    /// The occurrence that a device means: at that time, else the one of that day. Of a series that is told by a cover
    /// it is the first of that day, whatever its time. Once looking took too long it is the one that the device says.
    pub(super) fn meant(&self, at: Timestamp) -> Option<DateTime> {
        let local = self.clock.hear(at);
        if self.left.get() == 0 {
            return Some(local);
        }
        if self.covered {
            let mut days = self.occurrences().days(local.date());
            let first = days.next();
            self.spend(days.steps());
            return first.filter(|first| first.date() == local.date());
        }
        if self.occurring(&[local]).contains(&local) {
            return Some(local);
        }
        let mut occurrences = self.occurrences();
        occurrences.skip_to(local.date().at(0, 0, 0, 0));
        let mut of_day = occurrences.by_ref().take_while(|at| at.date() <= local.date());
        let day = of_day.find(|at| at.date() == local.date());
        let second = of_day.next();
        self.spend(occurrences.steps());
        day.filter(|_| second.is_none())
    }

    pub(super) fn length(&self) -> SignedDuration {
        self.span.length
    }
}

#[cfg(test)]
mod tests {
    use easel_protocol::{Class, Version};

    use super::*;
    use crate::desk::Desk;

    #[test]
    fn however_many_occurrences_a_device_names_looking_for_them_ends() {
        let desk = Desk::new(Class::Calendar, Version::V16_1);
        for rule in ["FREQ=MINUTELY;COUNT=49999", "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"] {
            let event = format!("DTSTART:20260310T090000Z\r\nRRULE:{rule}\r\n");
            let text = format!("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n{event}END:VEVENT\r\nEND:VCALENDAR\r\n");
            let series = Series::of(&Stored::parse(&text).unwrap(), &desk.view()).unwrap().unwrap();
            let start = series.span.start.instant(&TimeZone::UTC);
            let named = |hours: i64| start + SignedDuration::from_secs(hours * 3_600 + 1);
            let asked = (0..1_000).take_while(|hours| {
                series.meant(named(*hours));
                series.left.get() > 0
            });
            assert!(asked.count() < 1_000, "{rule}");
            // What comes after is taken for what it says.
            assert_eq!(series.meant(named(1)), Some(TimeZone::UTC.to_datetime(named(1))), "{rule}");
        }
    }
}
