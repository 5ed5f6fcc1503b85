//! StartTime, EndTime, AllDayEvent and Timezone, which are read together. MS-ASCAL 2.2.2.42, 2.2.2.18, 2.2.2.1, 2.2.2.44.

use easel_protocol::{Version, parse_date_time};
use easel_wbxml::pages::calendar as c;
use easel_wbxml::{Element, Tag};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::clock::Clock;
use super::stored::{Form, Span, Stored, When, date_of, later};
use crate::lines::{Component, Line};
use crate::time_zone::{self, NamedZone, Rules};
use crate::{ItemError, View};

const HALF_HOUR: i64 = 1_800;

/// A moment that a device sent; text that is no date is as good as not sent (K: G51).
pub(super) fn moment(data: &Element, tag: Tag) -> Option<Timestamp> {
    data.text_of(tag).and_then(|text| parse_date_time(&text).ok())
}

/// A boolean that a device sent.
pub(super) fn boolean(data: &Element, tag: Tag, element: &'static str) -> Result<Option<bool>, ItemError> {
    match data.text_of(tag).as_deref().map(str::trim) {
        None | Some("") => Ok(None),
        Some("0") => Ok(Some(false)),
        Some("1") => Ok(Some(true)),
        Some(_) => Err(ItemError::Rule { element, reason: "neither 0 nor 1" }),
    }
}

/// The zone that a device sent.
#[derive(Clone, Debug)]
pub(super) struct SentZone {
    pub(super) rules: Rules,
    names: [String; 2],
}

impl SentZone {
    pub(super) fn read(data: &Element) -> Option<Self> {
        let decoded = time_zone::decode(&data.text_of(c::TIMEZONE)?).ok()?;
        Some(Self { rules: decoded.rules, names: decoded.names })
    }

    /// The zone to store.
    fn named(&self, at: Timestamp, preferred: &[NamedZone]) -> NamedZone {
        time_zone::zone_of(&self.rules, &self.names, at, preferred)
    }
}

/// The times of a new event. MS-ASCAL 3.2.4.2 tells what is missing.
pub(super) fn for_add(data: &Element, recurring: bool, view: &View<'_>) -> Result<Span, ItemError> {
    let (start, end) = given_or_rounded(moment(data, c::START_TIME), moment(data, c::END_TIME), view.now)?;
    let zone = SentZone::read(data);
    let all_day = boolean(data, c::ALL_DAY_EVENT, "AllDayEvent")?.unwrap_or(false);
    if all_day {
        return Ok(days(start, end, zone.as_ref(), view));
    }
    let owner = NamedZone::of(&view.owner.zone, start);
    let named = match &zone {
        Some(zone) => zone.named(start, std::slice::from_ref(&owner)),
        // A series without a zone is one of UTC.
        None if recurring => NamedZone::utc(),
        None => owner,
    };
    let clock = match &zone {
        Some(zone) if recurring => zone.rules.to_zone(),
        Some(_) | None => named.zone.clone(),
    };
    let local = clock.to_datetime(start);
    Ok(Span { start: When { local, form: form_of(named) }, length: length(start, end) })
}

fn form_of(named: NamedZone) -> Form {
    if named.is_utc() { Form::Utc } else { Form::Zoned(named) }
}

fn length(start: Timestamp, end: Timestamp) -> SignedDuration {
    end.duration_since(start).max(SignedDuration::ZERO)
}

/// The days that a device means; an end that is no later than the start is the day after it (K: N16).
fn days(start: Timestamp, end: Timestamp, zone: Option<&SentZone>, view: &View<'_>) -> Span {
    // A blob of zeros beside a day says nothing of where the device is.
    let zone = zone.filter(|zone| zone.rules != Rules::UTC && view.version < Version::V16_0);
    let zone = zone.map_or_else(|| view.owner.zone.clone(), |zone| zone.rules.to_zone());
    let (first, behind) = (date_of(start, &zone), date_of(end, &zone));
    let hours = behind.duration_since(first).as_hours().max(24);
    Span { start: When::date(first), length: SignedDuration::from_hours(hours) }
}

fn given_or_rounded(
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), ItemError> {
    let seconds = (now.as_second() + HALF_HOUR / 2).div_euclid(HALF_HOUR) * HALF_HOUR;
    let rounded = Timestamp::from_second(seconds).unwrap_or(now);
    let half_hour = SignedDuration::from_secs(HALF_HOUR);
    let rule = |element, reason| Err(ItemError::Rule { element, reason });
    match (start, end) {
        (Some(start), Some(end)) => Ok((start, end)),
        (None, None) => Ok((rounded, later(rounded, half_hour))),
        (None, Some(end)) if end < now => rule("StartTime", "missing, and EndTime is past"),
        (None, Some(end)) if rounded > end => rule("StartTime", "missing, and EndTime is too near"),
        (None, Some(end)) => Ok((rounded, end)),
        (Some(start), None) if start < now => Ok((start, later(rounded, half_hour))),
        (Some(_), None) => rule("EndTime", "missing, and StartTime is to come"),
    }
}

/// What a device changed of the times.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) span: Span,
    /// On the device's clock, for what else it says of the series.
    pub(super) clock: Clock,
    pub(super) changed: bool,
}

/// The times after an edit: of what the device did not change, the stored ones.
pub(super) fn changed(
    current: &Span,
    clock: Clock,
    data: &Element,
    shown: &Element,
    recurring: bool,
    view: &View<'_>,
) -> Result<Change, ItemError> {
    let differs = |tag| moment(data, tag).filter(|sent| Some(*sent) != moment(shown, tag));
    let (start, end) = (differs(c::START_TIME), differs(c::END_TIME));
    let was_all_day = current.start.is_date();
    let all_day = boolean(data, c::ALL_DAY_EVENT, "AllDayEvent")?.unwrap_or(was_all_day);
    let zone = SentZone::read(data);
    // Where no zone is told, the device still is to have the one of the event.
    let known = SentZone::read(shown).map(|zone| zone.rules).or_else(|| clock.rules());
    let new_zone = zone.as_ref().filter(|zone| Some(zone.rules) != known && !all_day);
    if start.is_none() && end.is_none() && all_day == was_all_day && new_zone.is_none() {
        return Ok(Change { span: current.clone(), clock, changed: false });
    }
    if moment(data, c::START_TIME).is_none() && moment(data, c::END_TIME).is_some() {
        return Err(ItemError::Rule { element: "EndTime", reason: "without StartTime" });
    }
    let own_start = if recurring { clock.say(current.start.local) } else { current.start.instant(&view.owner.zone) };
    let begins = start.or_else(|| moment(data, c::START_TIME)).unwrap_or(own_start);
    let old_end = moment(shown, c::END_TIME).unwrap_or_else(|| later(own_start, current.length));
    let ends = moment(data, c::END_TIME).unwrap_or(old_end);
    if all_day {
        let span = if start.is_none() && was_all_day {
            Span { length: days(begins, ends, zone.as_ref(), view).length, ..current.clone() }
        } else {
            days(begins, ends, zone.as_ref(), view)
        };
        let clock = Clock::of(&span, None, view);
        return Ok(Change { changed: span != *current, span, clock });
    }
    let preferred = [named_zone(current, view, begins), NamedZone::of(&view.owner.zone, begins)];
    let named = match (new_zone, was_all_day) {
        (Some(zone), _) => zone.named(begins, &preferred),
        (None, true) => zone.as_ref().map_or_else(|| preferred[1].clone(), |zone| zone.named(begins, &preferred)),
        (None, false) => preferred[0].clone(),
    };
    let form = if new_zone.is_some() || was_all_day { form_of(named.clone()) } else { current.start.form.clone() };
    let wire = match (&zone, recurring) {
        (Some(zone), true) => zone.rules.to_zone(),
        (None, true) if !was_all_day => wire_of(&clock, current),
        _ => named.zone.clone(),
    };
    let moved = start.is_some() || was_all_day || new_zone.is_some();
    let local = if moved { wire.to_datetime(begins) } else { current.start.local };
    let span = Span { start: When { local, form }, length: length(begins, ends) };
    let clock = Clock::of_device(&named, wire, false, view);
    Ok(Change { changed: span != *current, span, clock })
}

/// The zone in which a stored series is told.
fn wire_of(clock: &Clock, current: &Span) -> TimeZone {
    match clock.blob.as_deref().and_then(|blob| time_zone::decode(blob).ok()) {
        Some(decoded) => decoded.rules.to_zone(),
        None => current.start.zone(&clock.zone),
    }
}

fn named_zone(current: &Span, view: &View<'_>, at: Timestamp) -> NamedZone {
    match &current.start.form {
        Form::Zoned(named) => named.clone(),
        Form::Utc => NamedZone::utc(),
        Form::Date | Form::Floating => NamedZone::of(&view.owner.zone, at),
    }
}

/// Writes the times of an event; lines that say the same keep their bytes.
pub(super) fn put(event: &mut Component, stored: &Stored, span: &Span, owner: &TimeZone) {
    let form =
        |event: &Component, name: &str| event.line(name).and_then(|line| stored.when(line)).map(|when| when.form);
    // An end is written as the start is, unless it never was.
    let alike = form(event, "DTSTART") == form(event, "DTEND");
    put_when(event, stored, "DTSTART", &span.start);
    let fits = !alike || form(event, "DTEND").is_none_or(|form| form == span.start.form);
    if fits && stored.span(event, owner).is_ok_and(|now| now == *span) {
        return;
    }
    event.remove("DURATION");
    put_end(event, stored, span, owner);
}

/// Writes the end, as DTEND.
pub(super) fn put_end(event: &mut Component, stored: &Stored, span: &Span, owner: &TimeZone) {
    let end = if span.start.is_date() {
        When::date(span.end_local().date())
    } else {
        let zone = span.start.zone(owner);
        When { local: zone.to_datetime(span.end(owner)), form: span.start.form.clone() }
    };
    put_when(event, stored, "DTEND", &end);
}

/// Writes one date or time, keeping the line's other parameters.
pub(super) fn put_when(event: &mut Component, stored: &Stored, name: &str, when: &When) {
    match event.line_mut(name) {
        Some(line) if stored.when(line).as_ref() == Some(when) => {}
        Some(line) => {
            line.set_value(when.value());
            when.put_params(line);
        }
        None => event.push(when.line(name)),
    }
}

/// Rewrites the dates of every line of that name; a line without a date left goes.
pub(super) fn map_dates(event: &mut Component, stored: &Stored, name: &str, map: impl Fn(&When) -> Option<When>) {
    let lines: Vec<Line> = event.all(name).cloned().collect();
    let mut kept = lines.iter().map(|line| {
        if line.has_param("VALUE", "PERIOD") {
            return Some(line.clone());
        }
        let mut alone = Component::new("X");
        alone.push(line.clone());
        let dates = stored.dates(&alone, name);
        let mapped: Vec<When> = dates.iter().filter_map(&map).collect();
        if mapped == dates {
            return Some(line.clone());
        }
        let first = mapped.first()?;
        let mut line = line.clone();
        line.set_value(mapped.iter().map(When::value).collect::<Vec<_>>().join(","));
        first.put_params(&mut line);
        Some(line)
    });
    event.entries.retain_mut(|entry| match entry {
        crate::lines::Entry::Line(line) if line.name == name => match kept.next().flatten() {
            Some(new) => {
                *line = new;
                true
            }
            None => false,
        },
        crate::lines::Entry::Line(_) | crate::lines::Entry::Component(_) => true,
    });
}

/// The same date with another time of day.
pub(super) fn at_time(local: DateTime, time: Time) -> DateTime {
    local.date().to_datetime(time)
}
