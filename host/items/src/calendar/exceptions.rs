//! Single occurrences of a series, as devices send them. MS-ASCAL 2.2.2.19 "Exception"; from 16.0 MS-ASAIRS 2.2.2.25
//! "InstanceId".

use std::collections::{HashMap, HashSet};

use easel_protocol::Version;
use easel_wbxml::pages::{airsync, airsyncbase as b, calendar as c};
use easel_wbxml::{Element, Tag};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::clock::{Clock, Series};
use super::people::Meeting;
use super::stored::{Form, Span, Stored, When, instant, later};
use super::{merge, times};
use crate::lines::{Component, Entry};
use crate::{Edit, ItemError, View};

/// MS-ASCAL 2.2.2.20 "Exceptions".
const EXCEPTIONS_MAX: usize = 1_000;
/// Lines that belong to the series.
const SERIES_LINES: &[&str] = &["RRULE", "RDATE", "EXDATE", "EXRULE"];
/// What devices leave out of an exception without meaning that it is inherited (K: G38).
const SILENT: &[Tag] = &[c::ATTENDEES, c::MEETING_STATUS, c::DT_STAMP, c::APPOINTMENT_REPLY_TIME, b::BODY, c::BODY];
/// What a series loses by its absence, and with it the occurrences that inherit it.
const REMOVED: &[Tag] = &[c::SUBJECT, c::LOCATION, c::REMINDER, c::BUSY_STATUS, c::SENSITIVITY, c::CATEGORIES];

/// What a device said of a series as a whole, before and with its edit.
#[derive(Debug)]
pub(super) struct Known<'a> {
    /// What it was shown.
    pub(super) shown: &'a Element,
    /// What it sent.
    pub(super) sent: &'a Element,
}

/// `over` laid over `under`: its children replace those of the same tag.
fn overlay(under: &Element, over: &Element) -> Element {
    let rest = under.children().filter(|child| over.child(child.tag).is_none());
    Element::of(airsync::APPLICATION_DATA, rest.chain(over.children()).cloned())
}

/// What a series was shown with, but for what the device took from it: its absence removes (MS-ASCMD 2.2.3.24 "Change").
fn left_of(known: &Known<'_>, edit: &Edit<'_>, view: &View<'_>) -> Element {
    let is_left = |child: &&Element| {
        !REMOVED.contains(&child.tag) || view.version >= Version::V16_0 || edit.ghosting.keeps(child.tag)
    };
    Element::of(airsync::APPLICATION_DATA, known.shown.children().filter(is_left).cloned())
}

/// The moment by which a device names an occurrence.
fn key(exception: &Element) -> Option<jiff::Timestamp> {
    times::moment(exception, c::EXCEPTION_START_TIME).or_else(|| times::moment(exception, b::INSTANCE_ID))
}

/// Exceptions by their keys; of two with the same the first.
fn by_key(exceptions: Option<&Element>) -> HashMap<jiff::Timestamp, &Element> {
    let mut all = HashMap::new();
    for exception in exceptions.into_iter().flat_map(|exceptions| exceptions.all(c::EXCEPTION)) {
        if let Some(at) = key(exception) {
            all.entry(at).or_insert(exception);
        }
    }
    all
}

/// Merges the exceptions of an edit of the whole series. What the device did not mention stays (MS-ASCAL 2.2.2.20), and
/// follows the series in what it inherits.
pub(super) fn merge(stored: &mut Stored, known: &Known<'_>, edit: &Edit<'_>, view: &View<'_>) -> Result<(), ItemError> {
    let Some(series) = Series::of(stored, view)? else { return Ok(()) };
    let follows = inherits_a_change(known);
    let shown = by_key(known.shown.child(c::EXCEPTIONS));
    let sent = known.sent.child(c::EXCEPTIONS);
    let mut mentioned = HashSet::new();
    let mut places = Places::of(stored, &series);
    for exception in sent.into_iter().flat_map(|sent| sent.all(c::EXCEPTION)).take(EXCEPTIONS_MAX) {
        let Some(at) = key(exception) else { continue };
        let before = shown.get(&at).copied();
        // K: I29 in part. An occurrence that the series does not have cannot be kept.
        let Some(original) = series.meant(at) else { continue };
        mentioned.insert(original);
        if times::boolean(exception, c::DELETED, "Deleted")? == Some(true) {
            if before != Some(exception) {
                places.vacate(original);
                note_gone(stored, &series, original);
            }
            continue;
        }
        // An occurrence that a cover tells as moved is like the others, and follows the series by itself.
        let place = places.first(original);
        if (before != Some(exception) || place.is_some()) && (before != Some(exception) || follows) {
            let occurrence = Occurrence { known, sent: exception, before };
            let at = edit_at(stored, &series, (original, place), &occurrence, edit, view)?;
            places.occupy(original, at);
        }
    }
    places.clear_vacated(stored);
    if follows {
        let places = Places::of(stored, &series);
        let rest: Vec<DateTime> = stored
            .overrides()
            .filter_map(|event| series.original(stored, event))
            .filter(|at| !mentioned.contains(at))
            .collect();
        for original in rest {
            if let Some(before) = shown.get(&series.clock.say(series.slot(known.shown, original))).copied() {
                let occurrence = Occurrence { known, sent: before, before: Some(before) };
                edit_at(stored, &series, (original, places.first(original)), &occurrence, edit, view)?;
            }
        }
    }
    Ok(())
}

/// Whether the device changed something of the series that its occurrences could inherit.
fn inherits_a_change(known: &Known<'_>) -> bool {
    let own = |tag: Tag| {
        matches!(tag, c::EXCEPTIONS | c::RECURRENCE | c::TIMEZONE | c::START_TIME | c::END_TIME | c::DT_STAMP)
    };
    known.sent.children().any(|child| !own(child.tag) && known.shown.child(child.tag) != Some(child))
        || known.shown.children().any(|child| !own(child.tag) && known.sent.child(child.tag).is_none())
}

/// What a device said of one occurrence.
#[derive(Debug)]
pub(super) struct Occurrence<'a> {
    pub(super) known: &'a Known<'a>,
    pub(super) sent: &'a Element,
    pub(super) before: Option<&'a Element>,
}

/// Takes an occurrence out.
pub(super) fn delete(stored: &mut Stored, series: &Series, original: DateTime) {
    while let Some(at) = place_of(stored, series, original) {
        stored.root.entries.remove(at);
    }
    note_gone(stored, series, original);
}

fn note_gone(stored: &mut Stored, series: &Series, original: DateTime) {
    if !series.gone.contains(&original) {
        let line = When::like(original, &series.span.start).line("EXDATE");
        stored.main_mut().push(line);
    }
}

/// Takes an occurrence out; `false` when none is left.
pub(super) fn take_out(
    stored: &mut Stored,
    series: &Series,
    original: DateTime,
    view: &View<'_>,
) -> Result<bool, ItemError> {
    delete(stored, series, original);
    let left = Series::of(stored, view)?.is_none_or(|series| series.has_occurrence());
    Ok(left || stored.overrides().next().is_some())
}

/// Where the overrides stand, found out once for all the exceptions of an edit.
struct Places {
    of: HashMap<DateTime, Vec<usize>>,
    /// Where overrides stand that are taken out when all is done, so that no other moves meanwhile.
    vacated: HashSet<usize>,
}

impl Places {
    fn of(stored: &Stored, series: &Series) -> Self {
        let mut of = HashMap::<_, Vec<_>>::new();
        for at in stored.event_indices() {
            let original = stored.event_at(at).and_then(|event| series.original(stored, event));
            original.into_iter().for_each(|original| of.entry(original).or_default().push(at));
        }
        Self { of, vacated: HashSet::new() }
    }

    fn first(&self, original: DateTime) -> Option<usize> {
        self.of.get(&original)?.first().copied()
    }

    /// An override stands there, if it is anywhere.
    fn occupy(&mut self, original: DateTime, at: Option<usize>) {
        let places = self.of.entry(original).or_default();
        if places.is_empty() {
            places.extend(at);
        }
    }

    fn vacate(&mut self, original: DateTime) {
        self.vacated.extend(self.of.remove(&original).into_iter().flatten());
    }

    fn clear_vacated(&self, stored: &mut Stored) {
        let mut at = 0..;
        stored.root.entries.retain(|_| at.next().is_none_or(|at| !self.vacated.contains(&at)));
    }
}

/// Where the override of an occurrence stands.
fn place_of(stored: &Stored, series: &Series, original: DateTime) -> Option<usize> {
    let is_it = |at: &usize| {
        stored.event_at(*at).is_some_and(|event| {
            event.line("RECURRENCE-ID").is_some() && series.original(stored, event) == Some(original)
        })
    };
    stored.event_indices().find(is_it)
}

/// Changes one occurrence, making it one of its own where it was like the others.
pub(super) fn edit_occurrence(
    stored: &mut Stored,
    series: &Series,
    original: DateTime,
    occurrence: &Occurrence<'_>,
    edit: &Edit<'_>,
    view: &View<'_>,
) -> Result<(), ItemError> {
    let place = place_of(stored, series, original);
    edit_at(stored, series, (original, place), occurrence, edit, view).map(|_| ())
}

/// Changes the occurrence whose override stands there; returns where it stands, if it is one of its own.
fn edit_at(
    stored: &mut Stored,
    series: &Series,
    (original, place): (DateTime, Option<usize>),
    occurrence: &Occurrence<'_>,
    edit: &Edit<'_>,
    view: &View<'_>,
) -> Result<Option<usize>, ItemError> {
    let named = series.clock.say(original);
    let ends = later(named, series.length());
    let plain = Element::of(
        c::EXCEPTION,
        [
            Element::text(c::START_TIME, easel_protocol::compact(named)),
            Element::text(c::END_TIME, easel_protocol::compact(ends)),
        ],
    );
    let of_series = |data: &Element| {
        let children =
            data.children().filter(|child| !matches!(child.tag, c::EXCEPTIONS | c::RECURRENCE | c::TIMEZONE));
        let bare = Element::of(airsync::APPLICATION_DATA, children.cloned());
        overlay(&bare, &plain)
    };
    let empty = Element::new(c::EXCEPTION);
    let before = occurrence.before.unwrap_or(&empty);
    let shown = overlay(&of_series(occurrence.known.shown), before);
    let sent = if edit.instance.is_some() {
        overlay(&shown, occurrence.sent)
    } else {
        let series_sent = overlay(&left_of(occurrence.known, edit, view), occurrence.known.sent);
        let silent = before.children().filter(|child| SILENT.contains(&child.tag)).cloned();
        let silent = Element::of(c::EXCEPTION, silent);
        overlay(&overlay(&of_series(&series_sent), &silent), occurrence.sent)
    };
    let all_day = times::boolean(&sent, c::ALL_DAY_EVENT, "AllDayEvent")?.unwrap_or(false);
    if view.version >= Version::V16_0 && all_day != series.span.start.is_date() {
        return Err(ItemError::Rule { element: "AllDayEvent", reason: "an occurrence is as long as its series" });
    }
    if place.is_none() && sent == shown && !series.gone.contains(&original) {
        return Ok(None);
    }
    let mut event = match place.and_then(|at| stored.event_at(at)) {
        Some(event) => event.clone(),
        None => fresh(stored, series, original, view),
    };
    let span = stored.span(&event, &view.owner.zone)?;
    let clock = Clock::of_moment(&span, view);
    let change = times::changed(&span, clock, &sent, &shown, false, view)?;
    let span = unmoved(&sent, named, original, series, change.span);
    times::put(&mut event, stored, &span, &view.owner.zone);
    merge::fields(
        &mut event,
        stored,
        &span,
        &merge::Said { sent: &sent, shown: &shown, occurrence: true },
        edit,
        view,
    )?;
    if place.and_then(|at| stored.event_at(at)) != Some(&event) {
        merge::restamp(&mut event, &sent, &shown, view);
        let meeting = Meeting::of(&event, view.owner);
        if edit.instance.is_some() && change.changed && meeting.own && meeting.is_meeting() {
            merge::count_up(&mut event);
        }
    }
    let at = put_back(stored, place, event);
    undelete(stored, series, original);
    Ok(Some(at))
}

/// Changes the override of an occurrence, made for the purpose where there is none.
pub(super) fn with_occurrence<T>(
    stored: &mut Stored,
    series: &Series,
    original: DateTime,
    view: &View<'_>,
    change: impl FnOnce(&mut Component) -> T,
) -> T {
    let place = place_of(stored, series, original);
    let mut event = match place.and_then(|at| stored.event_at(at)) {
        Some(event) => event.clone(),
        None => fresh(stored, series, original, view),
    };
    let done = change(&mut event);
    put_back(stored, place, event);
    undelete(stored, series, original);
    done
}

/// A start that equals the occurrence's name is its own time, whatever the rules of the blob make of it.
fn unmoved(sent: &Element, named: jiff::Timestamp, original: DateTime, series: &Series, span: Span) -> Span {
    let same = times::moment(sent, c::START_TIME) == Some(named) && span.start.form == series.span.start.form;
    if same { Span { start: When::like(original, &series.span.start), ..span } } else { span }
}

/// A copy of the series for one occurrence.
fn fresh(stored: &Stored, series: &Series, original: DateTime, view: &View<'_>) -> Component {
    let mut event = stored.main().clone();
    for name in SERIES_LINES {
        event.remove(name);
    }
    let start = When::like(original, &series.span.start);
    let after_uid = event.entries.iter().position(|entry| matches!(entry, Entry::Line(line) if line.name == "UID"));
    event.entries.insert(after_uid.map_or(0, |at| at + 1), Entry::Line(start.line("RECURRENCE-ID")));
    let span = Span { start, length: series.length() };
    times::put(&mut event, stored, &span, &view.owner.zone);
    event
}

/// Returns where the event stands.
fn put_back(stored: &mut Stored, place: Option<usize>, event: Component) -> usize {
    if let Some(at) = place
        && let Some(there) = stored.event_at_mut(at)
    {
        *there = event;
        return at;
    }
    let last = stored.event_indices().last().map_or(stored.root.entries.len(), |at| at + 1);
    stored.root.entries.insert(last, Entry::Component(event));
    last
}

/// An occurrence that is there again is no longer taken out.
fn undelete(stored: &mut Stored, series: &Series, original: DateTime) {
    if !series.gone.contains(&original) {
        return;
    }
    let frozen = stored.clone();
    let is_it = |when: &When| {
        if when.is_date() && !series.span.start.is_date() {
            when.local.date() == original.date()
        } else {
            series.clock.of_when(when) == original
        }
    };
    times::map_dates(stored.main_mut(), &frozen, "EXDATE", |when| (!is_it(when)).then(|| when.clone()));
}

/// Forgets every exception: from 16.0 a series with another pattern or time begins anew.
pub(super) fn drop_all(stored: &mut Stored) {
    let main = stored.main().clone();
    stored.root.entries.retain(|entry| match entry {
        Entry::Component(event) => event.name != "VEVENT" || event.line("RECURRENCE-ID").is_none() || *event == main,
        Entry::Line(_) => true,
    });
    stored.main_mut().remove("EXDATE");
}

/// Moves the names of the exceptions along with the time of day of the series.
pub(super) fn move_along(stored: &mut Stored, from: &Span, to: &Span, owner: &TimeZone) {
    move_dates(stored, "EXDATE", from, to, owner);
    move_dates(stored, "RECURRENCE-ID", from, to, owner);
}

/// Moves the dates of that name, in every event, along with the time of day of the series. One that is written in
/// another form than the start, in UTC or on another clock, stays in that form.
pub(super) fn move_dates(stored: &mut Stored, name: &str, from: &Span, to: &Span, owner: &TimeZone) {
    let (old, new) = (from.start.local.time(), to.start.local.time());
    if from.start.is_date() || to.start.is_date() || (old == new && from.start.form == to.start.form) {
        return;
    }
    let frozen = stored.clone();
    let (old_zone, new_zone) = (from.start.zone(owner), to.start.zone(owner));
    let moved = |when: &When| {
        let local = match &when.form {
            Form::Date => return when.clone(),
            Form::Floating => when.local,
            Form::Utc | Form::Zoned(_) => old_zone.to_datetime(when.instant(owner)),
        };
        if local.time() != old {
            return when.clone();
        }
        let local = times::at_time(local, new);
        if when.form == from.start.form {
            return When { local, form: to.start.form.clone() };
        }
        let local = match &when.form {
            Form::Date | Form::Floating => local,
            Form::Utc | Form::Zoned(_) => when.zone(owner).to_datetime(instant(&new_zone, local)),
        };
        When { local, form: when.form.clone() }
    };
    let places: Vec<usize> = stored.event_indices().collect();
    for at in places {
        if let Some(event) = stored.event_at_mut(at) {
            times::map_dates(event, &frozen, name, |when| Some(moved(when)));
        }
    }
}

#[cfg(test)]
mod tests {
    use easel_protocol::Class;

    use super::*;
    use crate::desk::Desk;

    /// Were each looked for among all of them, this would take minutes.
    #[test]
    #[allow(clippy::disallowed_methods, reason = "how long it takes is what is looked at")]
    fn a_thousand_exceptions_are_not_each_looked_for_among_all_that_differ() {
        let day = |number: i64| jiff::civil::date(2026, 3, 2).saturating_add(jiff::ToSpan::days(number));
        let event =
            |lines: &str| format!("BEGIN:VEVENT\r\nUID:u1\r\nDTSTAMP:20260101T000000Z\r\n{lines}END:VEVENT\r\n");
        let differing = (0..4_000).map(|number| {
            let at = day(number).strftime("%Y%m%dT090000Z");
            event(&format!("RECURRENCE-ID:{at}\r\nDTSTART:{at}\r\nDURATION:PT1H\r\nSUMMARY:Once\r\n"))
        });
        let series = event("DTSTART:20260302T090000Z\r\nDURATION:PT1H\r\nRRULE:FREQ=DAILY\r\nSUMMARY:Daily\r\n");
        let events = std::iter::once(series).chain(differing).collect::<String>();
        let stored = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\n{events}END:VCALENDAR\r\n");
        let sent = (0..1_000).map(|number| {
            let number = number * 4;
            let said = match number % 8 {
                0 => Element::text(c::DELETED, "1"),
                _ => Element::text(c::SUBJECT, "Changed"),
            };
            let named = day(number).strftime("%Y%m%dT090000Z").to_string();
            Element::of(c::EXCEPTION, [said, Element::text(c::EXCEPTION_START_TIME, named)])
        });
        let sent = Element::of(c::EXCEPTIONS, sent);
        let desk = Desk::new(Class::Calendar, Version::V14_1);
        let start = std::time::Instant::now();
        let after = desk.change(&stored, vec![sent]);
        let took = start.elapsed();
        assert_eq!(after.matches("SUMMARY:Changed\r\n").count(), 500);
        assert_eq!(after.matches("EXDATE").count(), 500);
        assert_eq!(after.matches("RECURRENCE-ID").count(), 3_500);
        assert!(took < std::time::Duration::from_secs(8), "{took:?}");
    }
}
