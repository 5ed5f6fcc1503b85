//! A stored event as a device sees it.

use std::collections::BTreeMap;

use easel_protocol::{Version, compact};
use easel_wbxml::pages::{airsync, airsyncbase as b, calendar as c, contacts};
use easel_wbxml::{Element, Tag};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use sha2::{Digest, Sha256};

use super::clock::{Clock, Series, Told};
use super::people::Meeting;
use super::stored::{Span, Stored, When};
use super::{alarm, place};
use crate::lines::Component;
use crate::manner::{TzBlob, UidForm};
use crate::recurrence::{CALENDAR, Cover, Pattern, anchor};
use crate::said::text_element;
use crate::text_body::Legacy;
use crate::{ItemError, View, component};

/// Exceptions a device is sent. MS-ASCAL 2.2.2.20 "Exceptions": the oldest beyond it are left out.
const EXCEPTIONS_MAX: usize = 256;
/// Months back that a device may have been told of a stretch that it sends without its start.
const STRETCHES_MAX: i32 = 25;
/// MS-ASCAL 2.2.2.46 "UID".
const UID_MAX: usize = 300;

/// Where a reply's time is kept, as MS-OXCICAL does.
pub(super) const X_REPLY_TIME: &str = "X-MICROSOFT-CDO-REPLYTIME";
/// As MS-OXCICAL 2.1.3.1.1.20.29.
pub(super) const X_BUSY_STATUS: &str = "X-MICROSOFT-CDO-BUSYSTATUS";
/// As MS-OXCICAL 2.1.3.1.1.20.33.
pub(super) const X_DISALLOW_COUNTER: &str = "X-MICROSOFT-DISALLOW-COUNTER";
/// Only where no attendee's RSVP says the same.
pub(super) const X_RESPONSE_REQUESTED: &str = "X-EASEL-RESPONSE-REQUESTED";
const X_CONF_LINK: &str = "X-MICROSOFT-ONLINEMEETINGCONFLINK";
const X_EXTERNAL_LINK: &str = "X-MICROSOFT-ONLINEMEETINGEXTERNALLINK";
const X_GOOGLE_CONFERENCE: &str = "X-GOOGLE-CONFERENCE";
const X_TEAMS_LINK: &str = "X-MICROSOFT-SKYPETEAMSMEETINGURL";

/// Below 12.0. Events have no BodySize there; [`body`] drops it.
pub(super) const LEGACY: Legacy =
    Legacy { tags: [c::BODY, contacts::BODY_SIZE, c::BODY_TRUNCATED], rtf: c::COMPRESSED_RTF };

/// The schema's order, with Categories behind everything (K: N04).
const ORDER: &[Tag] = &[
    c::DELETED,
    c::EXCEPTION_START_TIME,
    b::INSTANCE_ID,
    c::TIMEZONE,
    c::ALL_DAY_EVENT,
    c::BUSY_STATUS,
    c::ORGANIZER_NAME,
    c::ORGANIZER_EMAIL,
    c::DT_STAMP,
    c::END_TIME,
    c::LOCATION,
    b::LOCATION,
    c::REMINDER,
    c::SENSITIVITY,
    c::SUBJECT,
    c::START_TIME,
    c::UID,
    c::MEETING_STATUS,
    c::ATTENDEES,
    c::RECURRENCE,
    c::EXCEPTIONS,
    c::RESPONSE_REQUESTED,
    c::APPOINTMENT_REPLY_TIME,
    c::RESPONSE_TYPE,
    c::DISALLOW_NEW_TIME_PROPOSAL,
    c::ONLINE_MEETING_CONF_LINK,
    c::ONLINE_MEETING_EXTERNAL_LINK,
    c::BODY,
    c::BODY_TRUNCATED,
    b::BODY,
    b::NATIVE_BODY_TYPE,
    c::CATEGORIES,
];

/// What an occurrence cannot have of its own.
const MASTER_ONLY: &[Tag] = &[
    c::TIMEZONE,
    c::UID,
    c::ORGANIZER_NAME,
    c::ORGANIZER_EMAIL,
    c::RESPONSE_REQUESTED,
    c::DISALLOW_NEW_TIME_PROPOSAL,
    b::NATIVE_BODY_TYPE,
];

/// The children of ApplicationData, inside one. `from` is the day that a stretch begins with, where it is known.
pub(super) fn event(stored: &Stored, view: &View<'_>, from: Option<Date>) -> Result<Element, ItemError> {
    let main = stored.main();
    let series = Series::of(stored, view)?;
    let span = stored.span(main, &view.owner.zone)?;
    let clock = series.as_ref().map_or_else(|| Clock::of(&span, None, view), |series| series.clock.clone());
    let mut elements = Vec::new();
    let by = series.as_ref().and_then(|series| series.told(view, from));
    let mut told = span.clone();
    if let Some(series) = &series {
        told.start.local = by.as_ref().map_or(told.start.local, Told::start);
        elements.push(pattern(series, by.as_ref(), view)?.to_element(&CALENDAR, view.version, compact));
    }
    // K: A28
    let needs_zone = series.is_some() || told.start.is_date();
    let blob = clock.blob.as_deref().filter(|_| needs_zone || view.manner.calendar.tz_blob != TzBlob::Needed);
    elements.extend(blob.map(|blob| Element::text(c::TIMEZONE, blob)));
    let start = clock.say(told.start.local);
    let end = if told.start.is_date() { clock.say(told.end_local()) } else { super::stored::later(start, told.length) };
    elements.extend(own(stored, main, &span, [start, end], view)?);
    if let Some(series) = &series {
        let exceptions = exceptions(stored, series, by.as_ref(), &elements, view)?;
        elements.extend(exceptions);
    } else if let Some(when) = main.line("RECURRENCE-ID").and_then(|line| stored.when(line))
        && view.version >= Version::V16_0
    {
        // An orphan: the series itself is not the owner's.
        elements.push(Element::text(b::INSTANCE_ID, compact(clock.say(clock.of_when(&when)))));
    }
    Ok(Element::of(airsync::APPLICATION_DATA, sorted(elements)))
}

/// The pattern a device is told.
fn pattern(series: &Series, told: Option<&Told>, view: &View<'_>) -> Result<Pattern, ItemError> {
    let unknown = ItemError::Rule { element: "Recurrence", reason: "occurrences that are not known" };
    let rule = match told {
        Some(Told::Cover(cover)) => &cover.rule,
        Some(Told::Plain(_)) => series.set.rule().or_else(|| series.set.rule_behind_start()).ok_or(unknown)?,
        None => return Err(unknown),
    };
    let (first, clock) = (told.map_or(series.span.start.local, Told::start), &series.clock);
    let mut pattern = rule.to_pattern(first, &clock.zone, view.version, |at| clock.say(at))?;
    // The end of a cover is the end of what it covers.
    if !matches!(told, Some(Told::Cover(_))) {
        pattern.until = pattern.until.filter(|until| !is_too_late(*until, view));
    }
    Ok(pattern)
}

/// The day that the stretch began with which a device sends back, where it is told of a series by stretches: the day
/// of its StartTime, or one of the last two years whose pattern it sends.
pub(super) fn stretch_of(stored: &Stored, data: &Element, view: &View<'_>) -> Option<Date> {
    let series = Series::of(stored, view).ok().flatten()?;
    if !series.covered {
        return None;
    }
    let sent = data.child(c::RECURRENCE).and_then(|element| Pattern::read(element, &CALENDAR).ok().flatten());
    let began = super::times::moment(data, c::START_TIME).map(|at| series.clock.hear(at).date());
    let month = |ago: i32| anchor(view.owner.zone.to_datetime(view.now).date().saturating_sub(ago.months()));
    let candidates = began.into_iter().chain((0..STRETCHES_MAX).filter(|_| sent.is_some()).map(month));
    candidates.into_iter().find(|from| {
        let Some(told) = series.told(view, Some(*from)) else { return false };
        match (&sent, pattern(&series, Some(&told), view)) {
            (Some(sent), Ok(shown)) => sent.says_the_same(&shown),
            (None, Ok(_)) => told.start().date() == *from,
            (_, Err(_)) => false,
        }
    })
}

/// Whether the end of a series is behind what a device can hold (K: A27).
pub(super) fn is_too_late(until: Timestamp, view: &View<'_>) -> bool {
    view.manner.calendar.until_max.is_some_and(|most| TimeZone::UTC.to_datetime(until).year() > most)
}

fn sorted(mut elements: Vec<Element>) -> Vec<Element> {
    elements.sort_by_key(|element| ORDER.iter().position(|tag| *tag == element.tag));
    elements
}

/// What an event or an occurrence says of itself.
fn own(
    stored: &Stored,
    event: &Component,
    span: &Span,
    [start, end]: [Timestamp; 2],
    view: &View<'_>,
) -> Result<Vec<Element>, ItemError> {
    let meeting = Meeting::of(event, view.owner);
    // K: N05. Dates of events are compact; K: G22: numbers are written out.
    let mut elements = vec![
        Element::boolean(c::ALL_DAY_EVENT, span.start.is_date()),
        Element::number(c::BUSY_STATUS, busy_for(busy_status(event), view.version)),
        Element::text(c::DT_STAMP, compact(stamp(event, view))),
        Element::text(c::START_TIME, compact(start)),
        Element::text(c::END_TIME, compact(end)),
        Element::number(c::SENSITIVITY, sensitivity(event)),
        Element::number(c::MEETING_STATUS, meeting.status()),
    ];
    let manner = view.manner.calendar;
    if manner.organizer_always || meeting.is_meeting() || meeting.organizer.is_some() {
        elements.extend(meeting.organizer(view.owner).into_iter().flatten());
    }
    elements.extend(event.plain("SUMMARY").and_then(|text| text_element(c::SUBJECT, &text)));
    let uid = event.plain("UID").and_then(|uid| text_element(c::UID, &uid_for(&uid, view)));
    elements.extend(uid.or_else(|| manner.always_uid.then(|| Element::new(c::UID))));
    elements.extend(if view.version >= Version::V16_0 {
        place::element(event)
    } else {
        text_element(c::LOCATION, &place::text(event))
    });
    let reminder = alarm::reminder(stored, event, span, &view.owner.zone);
    let reminder = reminder.map(|minutes| Element::number(c::REMINDER, minutes));
    elements.extend(reminder.or_else(|| manner.reminder_explicit.then(|| Element::new(c::REMINDER))));
    elements.extend(meeting.element(view).filter(|_| !manner.attendees_hidden));
    elements.extend(component::categories_element(event, c::CATEGORIES, c::CATEGORY));
    if view.version >= Version::V14_0 {
        elements.push(Element::boolean(c::RESPONSE_REQUESTED, response_requested(event)));
        elements.push(Element::number(c::RESPONSE_TYPE, meeting.response()));
        elements.push(Element::boolean(c::DISALLOW_NEW_TIME_PROPOSAL, is_true(event, X_DISALLOW_COUNTER)));
        let replied = event.line(X_REPLY_TIME).and_then(|line| easel_protocol::parse_date_time(&line.value).ok());
        elements.extend(replied.map(|at| Element::text(c::APPOINTMENT_REPLY_TIME, compact(at))));
    }
    if view.version >= Version::V14_1 {
        elements.extend(event.plain(X_CONF_LINK).and_then(|link| text_element(c::ONLINE_MEETING_CONF_LINK, &link)));
        elements.extend(external_link(event).and_then(|link| text_element(c::ONLINE_MEETING_EXTERNAL_LINK, &link)));
    }
    elements.extend(body(event, view)?);
    Ok(elements)
}

fn body(event: &Component, view: &View<'_>) -> Result<Vec<Element>, ItemError> {
    let stored = component::body(event);
    let native = if stored.html.is_some() { 2 } else { 1 };
    let mut elements = stored.elements(view, Some(&LEGACY))?;
    // Events have no BodySize.
    elements.retain(|element| element.tag != LEGACY.tags[1]);
    if elements.iter().any(|element| element.tag == b::BODY) {
        elements.push(Element::number(b::NATIVE_BODY_TYPE, native));
    }
    Ok(elements)
}

/// DTSTAMP, else when it was last changed.
fn stamp(event: &Component, view: &View<'_>) -> Timestamp {
    let lines = ["DTSTAMP", "LAST-MODIFIED", "CREATED"].into_iter().filter_map(|name| event.line(name));
    lines.filter_map(|line| easel_protocol::parse_date_time(&line.value).ok()).next().unwrap_or(view.now)
}

/// BusyStatus. MS-OXCICAL's word wins, because it says more than TRANSP.
pub(super) fn busy_status(event: &Component) -> u8 {
    let word = |name: &str| event.line(name).map(|line| line.value.trim().to_ascii_uppercase());
    match word(X_BUSY_STATUS).as_deref() {
        Some("FREE") => return 0,
        Some("TENTATIVE") => return 1,
        Some("BUSY") => return 2,
        Some("OOF") => return 3,
        Some("WORKINGELSEWHERE") => return 4,
        _ => {}
    }
    match (word("TRANSP").as_deref(), word("STATUS").as_deref()) {
        (Some("TRANSPARENT"), _) => 0,
        (_, Some("TENTATIVE")) => 1,
        _ => 2,
    }
}

/// K: O23. Working elsewhere is a word of 16.x; before, it is busy.
fn busy_for(status: u8, version: Version) -> u8 {
    if status == 4 && version < Version::V16_0 { 2 } else { status }
}

/// Sensitivity; as MS-OXCICAL 2.1.3.1.1.20.4 names the personal one.
pub(super) fn sensitivity(event: &Component) -> u8 {
    match event.line("CLASS").map(|line| line.value.trim().to_ascii_uppercase()).as_deref() {
        None | Some("PUBLIC") => 0,
        Some("X-PERSONAL") => 1,
        Some("CONFIDENTIAL") => 3,
        // RFC 5545 3.8.1.3: an unknown class is private.
        Some(_) => 2,
    }
}

/// ResponseRequested.
pub(super) fn response_requested(event: &Component) -> bool {
    match event.line(X_RESPONSE_REQUESTED) {
        Some(line) => line.value.trim().eq_ignore_ascii_case("TRUE"),
        None => event.all("ATTENDEE").any(|line| line.has_param("RSVP", "TRUE")),
    }
}

pub(super) fn is_true(event: &Component, name: &str) -> bool {
    event.line(name).is_some_and(|line| matches!(line.value.trim(), "TRUE" | "true" | "True" | "1"))
}

/// A link into a meeting: RFC 7986 5.11 "Conference", or what others call it.
fn external_link(event: &Component) -> Option<String> {
    let known = [X_EXTERNAL_LINK, X_TEAMS_LINK, "CONFERENCE", X_GOOGLE_CONFERENCE];
    let links = known.into_iter().filter_map(|name| event.plain(name));
    links.map(|link| link.trim().to_owned()).find(|link| link.starts_with("http"))
}

/// UID as a device wants it: one that is a GlobalObjId in capitals, where that is the manner (K: I04).
pub(super) fn uid_for(uid: &str, view: &View<'_>) -> String {
    if view.manner.calendar.uid_form == UidForm::HexUpper && super::meeting::is_global_obj_id(uid) {
        return uid.to_ascii_uppercase();
    }
    short_uid(uid)
}

/// A UID that no device could hold is told by its hash.
pub(super) fn short_uid(uid: &str) -> String {
    if uid.chars().count() <= UID_MAX {
        return uid.to_owned();
    }
    Sha256::digest(uid).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Exceptions: deleted and changed occurrences, oldest first.
fn exceptions(
    stored: &Stored,
    series: &Series,
    told: Option<&Told>,
    master: &[Element],
    view: &View<'_>,
) -> Result<Option<Element>, ItemError> {
    let gone = series.gone.iter().map(|at| (*at, None));
    let changed = stored.overrides().filter_map(|event| Some((series.original(stored, event)?, Some(event))));
    // What is said last of an occurrence holds, and an override goes before an EXDATE.
    let all: BTreeMap<DateTime, Option<&Component>> = gone.chain(changed).collect();
    let mut all: Vec<(DateTime, Option<&Component>)> = all.into_iter().collect();
    if let Some(Told::Cover(cover)) = told {
        return covered(stored, series, cover, &all, master, view);
    }
    let wanted: Vec<DateTime> = all.iter().map(|(at, _)| *at).collect();
    let occurring = series.occurring(&wanted);
    // One that is no occurrence of the series (any more), or before its start, would be a riddle to a device.
    let start = told.map_or(series.span.start.local, Told::start);
    all.retain(|(at, _)| *at >= start && occurring.binary_search(at).is_ok());
    let surplus = all.len().saturating_sub(EXCEPTIONS_MAX);
    let told = all.into_iter().skip(surplus);
    let elements = told.map(|(at, event)| exception(stored, series, [at, at], event, master, view));
    let elements: Vec<Element> = elements.collect::<Result<_, _>>()?;
    Ok((!elements.is_empty()).then(|| Element::of(c::EXCEPTIONS, elements)))
}

/// The exceptions of a cover: those of the series, its holes, and the occurrences at another time than most.
fn covered(
    stored: &Stored,
    series: &Series,
    cover: &Cover,
    known: &[(DateTime, Option<&Component>)],
    master: &[Element],
    view: &View<'_>,
) -> Result<Option<Element>, ItemError> {
    let hole = |slot: &DateTime| (*slot, deleted(key(series.clock.say(*slot), view.version)));
    let mut all: Vec<(DateTime, Element)> = cover.holes.iter().map(hole).collect();
    for (slot, at) in &cover.days {
        match known.binary_search_by_key(at, |(at, _)| *at) {
            Ok(found) => all.push((*slot, exception(stored, series, [*slot, *at], known[found].1, master, view)?)),
            Err(_) if slot != at => all.push((*slot, moved(series, [*slot, *at], view))),
            Err(_) => {}
        }
    }
    all.sort_by_key(|(slot, _)| *slot);
    let elements = all.into_iter().map(|(_, element)| element);
    Ok((elements.len() > 0).then(|| Element::of(c::EXCEPTIONS, elements)))
}

fn deleted(key: Element) -> Element {
    Element::of(c::EXCEPTION, [Element::boolean(c::DELETED, true), key])
}

/// An occurrence like the others, at another time.
fn moved(series: &Series, [slot, at]: [DateTime; 2], view: &View<'_>) -> Element {
    let start = series.clock.say(at);
    let end = super::stored::later(start, series.length());
    let times = [Element::text(c::START_TIME, compact(start)), Element::text(c::END_TIME, compact(end))];
    Element::of(c::EXCEPTION, sorted([key(series.clock.say(slot), view.version)].into_iter().chain(times).collect()))
}

/// The element that names an occurrence by its original start.
fn key(at: Timestamp, version: Version) -> Element {
    let tag = if version >= Version::V16_0 { b::INSTANCE_ID } else { c::EXCEPTION_START_TIME };
    Element::text(tag, compact(at))
}

fn exception(
    stored: &Stored,
    series: &Series,
    [slot, original]: [DateTime; 2],
    event: Option<&Component>,
    master: &[Element],
    view: &View<'_>,
) -> Result<Element, ItemError> {
    let named = key(series.clock.say(slot), view.version);
    let Some(event) = event else { return Ok(deleted(named)) };
    let meeting = Meeting::of(event, view.owner);
    let Ok(span) = stored.span(event, &view.owner.zone) else { return Ok(deleted(named)) };
    if meeting.cancelled && !meeting.is_meeting() {
        return Ok(deleted(named));
    }
    let clock = Clock::of_moment(&span, view);
    // An occurrence that was moved is a moment, not a time on the clock of the series; one that was not keeps its name.
    let stays = span.start == When::like(original, &series.span.start);
    let start = if stays { series.clock.say(original) } else { clock.say(span.start.local) };
    let end = clock.say(span.end_local());
    let end = if span.start.is_date() { end } else { super::stored::later(start, span.length) };
    let mut elements = own(stored, event, &span, [start, end], view)?;
    elements.retain(|element| {
        !MASTER_ONLY.contains(&element.tag) && (element.tag != c::ATTENDEES || view.version >= Version::V14_0)
    });
    let always = |tag: Tag| matches!(tag, c::START_TIME | c::END_TIME);
    let absent: Vec<Element> =
        master.iter().filter_map(|master| nothing_here(master, &elements, view.version)).collect();
    elements.retain(|element| always(element.tag) || !master.contains(element));
    elements.extend(absent);
    elements.push(named);
    Ok(Element::of(c::EXCEPTION, sorted(elements)))
}

/// What the series has and an occurrence has not must be said: absence would inherit it.
fn nothing_here(master: &Element, own: &[Element], version: Version) -> Option<Element> {
    if own.iter().any(|element| element.tag == master.tag) {
        return None;
    }
    match master.tag {
        c::SUBJECT | c::LOCATION | b::LOCATION | c::BODY => Some(Element::new(master.tag)),
        c::REMINDER if version >= Version::V14_1 => Some(Element::new(c::REMINDER)),
        b::BODY => {
            let size = Element::number(b::ESTIMATED_DATA_SIZE, 0);
            Some(Element::of(b::BODY, [Element::number(b::TYPE, 1), size, Element::new(b::DATA)]))
        }
        _ => None,
    }
}
