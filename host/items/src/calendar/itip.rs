//! Meetings between people, without a mail: what an event before and after a change has to be told to whom, what a
//! message makes of an event, and the owner's answer. RFC 5546 (iTIP), MS-ASCMD 2.2.1.11 "MeetingResponse".

use std::collections::HashSet;

use easel_protocol::compact;
use jiff::Timestamp;
use jiff::civil::DateTime;

use super::clock::Series;
use super::people::{self, Meeting};
use super::stored::Stored;
use super::{exceptions, facts, merge, show};
use crate::lines::{Component, Entry, Line};
use crate::{Applied, ItemError, View};

/// What is the owner's own business: it is neither mailed nor taken from a mail.
const PRIVATE: &[&str] = &["CATEGORIES", "CLASS", "TRANSP", show::X_BUSY_STATUS, show::X_REPLY_TIME];
/// What changes without anybody having to be told.
const SILENT: &[&str] = &["DTSTAMP", "LAST-MODIFIED", "CREATED", "SEQUENCE", "ATTENDEE"];
const X_INTENDED_STATUS: &str = "X-MICROSOFT-CDO-INTENDEDSTATUS";
const X_OWN: &str = "X-EASEL-";

/// UserResponse. MS-ASCMD 2.2.3.202.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// 1
    Accepted,
    /// 2
    Tentative,
    /// 3
    Declined,
}

impl Response {
    /// The response of that number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Accepted),
            2 => Some(Self::Tentative),
            3 => Some(Self::Declined),
            _ => None,
        }
    }

    const fn partstat(self) -> &'static str {
        match self {
            Self::Accepted => "ACCEPTED",
            Self::Tentative => "TENTATIVE",
            Self::Declined => "DECLINED",
        }
    }
}

/// What an answer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About<'a> {
    /// The event, with every occurrence of it.
    Event,
    /// The occurrence of that original start.
    Occurrence(Timestamp),
    /// What this invitation is about: one occurrence where it names one (RECURRENCE-ID) of a series that the owner has,
    /// else the event.
    Invitation(&'a str),
}

/// An event with the owner's answer in it, and the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Responded {
    /// The event to store. A declined occurrence is taken out of it, and no content is left where that was the last; an
    /// event declined as a whole is usually deleted instead.
    pub applied: Applied,
    /// Whether one occurrence was answered, so that the others stay as they were.
    pub alone: bool,
    /// The iCalendar object for the organizer, METHOD REPLY.
    pub reply: String,
    /// The organizer's address.
    pub organizer: String,
}

/// A message about a meeting that somebody must get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `REQUEST` or `CANCEL`.
    pub method: &'static str,
    /// Addresses.
    pub recipients: Vec<String>,
    /// The event's summary.
    pub subject: String,
    /// The iCalendar object.
    pub content: String,
}

/// Answers a meeting of somebody else, or one occurrence of it.
pub fn respond(
    content: &str,
    response: Response,
    about: About<'_>,
    comment: Option<&str>,
    view: &View<'_>,
) -> Result<Responded, ItemError> {
    let before = Stored::parse(content)?;
    let meeting = Meeting::of(before.main(), view.owner);
    let Some((_, organizer)) = meeting.organizer.clone().filter(|_| !meeting.own) else {
        return Err(ItemError::Rule { element: "UserResponse", reason: "the meeting is the owner's" });
    };
    let one = match about {
        About::Event => None,
        About::Occurrence(at) => Some(named(&before, at, view)?),
        About::Invitation(message) => occurrence(&before, &Stored::parse(message)?, view)?,
    };
    let mut stored = before.clone();
    let alone = one.is_some();
    let mut is_left = true;
    let answered = match one {
        None => {
            let places: Vec<usize> = stored.event_indices().collect();
            for at in places {
                stored.event_at_mut(at).into_iter().for_each(|event| answer(event, response, view));
            }
            stored.main().clone()
        }
        Some((series, original)) => {
            let answered = exceptions::with_occurrence(&mut stored, &series, original, view, |event| {
                answer(event, response, view);
                event.clone()
            });
            if response == Response::Declined {
                stored = before.clone();
                is_left = exceptions::take_out(&mut stored, &series, original, view)?;
            }
            answered
        }
    };
    let reply = reply(&before, &answered, comment, view);
    let changed = stored != before;
    let applied = Applied {
        facts: facts::of(&stored, view),
        content: is_left.then(|| stored.root.to_string()),
        changed,
        answer: Vec::new(),
    };
    Ok(Responded { applied, alone, reply, organizer })
}

fn answer(event: &mut Component, response: Response, view: &View<'_>) {
    let mine = event.entries.iter_mut().find_map(|entry| match entry {
        Entry::Line(line) if line.name == "ATTENDEE" => {
            people::address(line).is_some_and(|address| view.owner.is(&address)).then_some(line)
        }
        Entry::Line(_) | Entry::Component(_) => None,
    });
    match mine {
        Some(line) => {
            line.set_param("PARTSTAT", Some(response.partstat()));
            line.set_param("RSVP", None);
        }
        None => {
            // Invited through a list, or forwarded by somebody.
            let address = view.owner.addresses.first().map_or("", String::as_str);
            let line = Line::new("ATTENDEE", format!("mailto:{address}"));
            event.push(line.with("CN", view.owner.name.clone()).with("PARTSTAT", response.partstat()));
        }
    }
    event.set(Line::new(show::X_REPLY_TIME, compact(view.now)));
    let intended = event.line(X_INTENDED_STATUS).map(|line| line.value.trim().to_ascii_uppercase());
    merge::set_busy_status(
        event,
        match (response, intended.as_deref()) {
            (Response::Declined, _) | (Response::Accepted, Some("FREE")) => 0,
            (Response::Tentative, _) => 1,
            (Response::Accepted, Some("OOF")) => 3,
            (Response::Accepted, _) => 2,
        },
    );
}

/// RFC 5546 3.2.3 "REPLY": the meeting's name and the one attendee who answers.
fn reply(stored: &Stored, event: &Component, comment: Option<&str>, view: &View<'_>) -> String {
    let mut answer = Component::new("VEVENT");
    let kept = ["UID", "SEQUENCE", "RECURRENCE-ID", "ORGANIZER", "DTSTART", "DTEND", "DURATION", "SUMMARY"];
    for line in event.lines().filter(|line| kept.contains(&line.name.as_str())) {
        answer.push(line.clone());
    }
    answer.push(Line::new("DTSTAMP", compact(view.now)));
    let mine = event.all("ATTENDEE").find(|line| people::address(line).is_some_and(|address| view.owner.is(&address)));
    mine.into_iter().for_each(|line| answer.push(line.clone()));
    if let Some(comment) = comment.filter(|comment| !comment.trim().is_empty()) {
        answer.push(Line::text("COMMENT", comment));
    }
    calendar_of("REPLY", stored, vec![answer])
}

/// A calendar with a method, the events, and the time zones of the object they come from.
fn calendar_of(method: &str, stored: &Stored, events: Vec<Component>) -> String {
    let mut root = Component::new("VCALENDAR");
    root.push(Line::new("VERSION", "2.0"));
    root.push(Line::new("PRODID", "-//Easel//EN"));
    root.push(Line::new("METHOD", method));
    let zones = stored.root.components().filter(|component| component.name == "VTIMEZONE").cloned();
    root.entries.extend(zones.chain(events).map(Entry::Component));
    root.to_string()
}

/// The occurrence a device names by its original start.
fn named(stored: &Stored, at: Timestamp, view: &View<'_>) -> Result<(Series, DateTime), ItemError> {
    let series = Series::of(stored, view)?.ok_or(ItemError::NoSuchOccurrence)?;
    let original = series.meant(at).filter(|at| !series.gone.contains(at)).ok_or(ItemError::NoSuchOccurrence)?;
    Ok((series, original))
}

/// Whether a series has the occurrence that a device names by its original start.
pub fn check_occurrence(content: &str, at: Timestamp, view: &View<'_>) -> Result<(), ItemError> {
    named(&Stored::parse(content)?, at, view).map(|_| ())
}

/// The original start of the occurrence that was moved to `at`, if one was: what a device means that names occurrences by
/// when they are (A32).
pub fn moved_to(content: &str, at: Timestamp, view: &View<'_>) -> Result<Option<Timestamp>, ItemError> {
    let stored = Stored::parse(content)?;
    let Some(series) = Series::of(&stored, view)? else { return Ok(None) };
    let begins_then = |event: &&Component| {
        let start = event.line("DTSTART").and_then(|line| stored.when(line));
        start.is_some_and(|start| start.instant(&view.owner.zone) == at)
    };
    let moved = stored.overrides().find(begins_then);
    Ok(moved.and_then(|event| series.original(&stored, event)).map(|original| series.clock.say(original)))
}

/// An event on its way to somebody who need not be invited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// The event's summary.
    pub subject: String,
    /// The iCalendar object, METHOD REQUEST.
    pub content: String,
}

/// The invitation to an event, or to one occurrence of it, to be handed on. The organizer stays, and so do the people
/// who are invited (RFC 5546 3.2.2.6 "Forwarding to an Uninvited CU"). An event of the owner's to which nobody is
/// invited becomes an invitation of the owner's to `guests`.
pub fn forwarded(
    content: &str,
    instance: Option<Timestamp>,
    guests: &[String],
    view: &View<'_>,
) -> Result<Forwarded, ItemError> {
    let mut stored = Stored::parse(content)?;
    let events: Vec<Component> = match instance {
        None => stored.events().cloned().collect(),
        Some(at) => {
            let (series, original) = named(&stored, at, view)?;
            vec![exceptions::with_occurrence(&mut stored, &series, original, view, |event| event.clone())]
        }
    };
    let handed_on = |mut event: Component| {
        event.entries.retain(is_mailed);
        if !Meeting::of(&event, view.owner).is_meeting() {
            let own = view.owner.addresses.first().map_or("", String::as_str);
            let organizer = Line::new("ORGANIZER", format!("mailto:{own}"));
            event.set(organizer.with("CN", view.owner.name.clone()));
            for guest in guests {
                let line = Line::new("ATTENDEE", format!("mailto:{guest}"));
                event.push(line.with("PARTSTAT", "NEEDS-ACTION").with("RSVP", "TRUE"));
            }
        }
        event
    };
    let events: Vec<Component> = events.into_iter().map(handed_on).collect();
    let subject = events.first().and_then(|event| event.plain("SUMMARY")).unwrap_or_default();
    Ok(Forwarded { subject, content: calendar_of("REQUEST", &stored, events) })
}

/// An event of the owner's as a message about it leaves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    /// The iCalendar object.
    pub content: String,
    /// Which event it was; `None` for a new one.
    pub event: Option<usize>,
    /// Dates of a series that were events, and are in it now.
    pub gathered: Vec<usize>,
}

/// What a message about a meeting makes of the owner's events of its UID, `events`. `None` where it is about none.
///
/// Whoever is invited to some dates of a series has an event for each. A message about one date is about the series,
/// if that is there, else about the event of that date. Once the owner is invited to the series, the dates become
/// overrides of it, unless it brings its own.
pub fn invited(events: &[String], message: &str, view: &View<'_>) -> Result<Option<Invited>, ItemError> {
    let parsed = Stored::parse(message)?;
    let wanted = date_of_series(&parsed, parsed.main(), view);
    let stored: Vec<Stored> = events.iter().map(|event| Stored::parse(event)).collect::<Result<_, _>>()?;
    let dates: Vec<_> = stored.iter().map(|event| date_of_series(event, event.main(), view)).collect();
    let place = |date| dates.iter().position(|other| *other == date);
    let event = place(None).or_else(|| place(wanted));
    let current = event.map(|at| events[at].as_str());
    let updated = received(current, message, view)?.and_then(|applied| applied.content);
    let Some(content) = updated.or_else(|| current.map(str::to_owned)) else { return Ok(None) };
    let mut after = Stored::parse(&content)?;
    let mut gathered = Vec::new();
    for (at, date) in stored.iter().enumerate().filter(|(at, _)| Some(*at) != event) {
        let Ok(Some((series, original))) = occurrence(&after, date, view) else { continue };
        if counterpart(&after, date, view).is_none() {
            exceptions::with_occurrence(&mut after, &series, original, view, |new| *new = date.main().clone());
            add_zones(&mut after, date);
        }
        gathered.push(at);
    }
    let content = if gathered.is_empty() { content } else { after.root.to_string() };
    Ok(Some(Invited { content, event, gathered }))
}

/// The original start by which an event is one of a series. RFC 5545 3.8.4.4 "Recurrence ID".
fn date_of_series(stored: &Stored, event: &Component, view: &View<'_>) -> Option<Timestamp> {
    let when = event.line("RECURRENCE-ID").and_then(|line| stored.when(line))?;
    Some(when.instant(&view.owner.zone))
}

/// What an invitation, a cancellation or an answer makes of the owner's event (`current`; [`invited`] tells which of its
/// UID that is).
///
/// `None`: nothing. A message of an older sequence than the event changes nothing.
pub fn received(current: Option<&str>, message: &str, view: &View<'_>) -> Result<Option<Applied>, ItemError> {
    let message = Stored::parse(message)?;
    let method = message.root.line("METHOD").map(|line| line.value.trim().to_ascii_uppercase()).unwrap_or_default();
    let current = current.map(Stored::parse).transpose()?;
    let own = Meeting::of(message.main(), view.owner).own;
    let after = match (method.as_str(), &current, own) {
        ("REQUEST", None, false) => Some(without_method(message)),
        ("REQUEST", Some(current), false) if !is_older(&message, current, view) => requested(current, message, view)?,
        ("CANCEL", Some(current), false) if !is_older(&message, current, view) => cancelled(current, &message, view)?,
        ("REPLY", Some(current), true) => replied(current, &message, view)?,
        _ => None,
    };
    Ok(after.filter(|after| current.as_ref() != Some(after)).map(|after| Applied {
        facts: facts::of(&after, view),
        content: Some(after.root.to_string()),
        changed: true,
        answer: Vec::new(),
    }))
}

fn without_method(mut message: Stored) -> Stored {
    message.root.remove("METHOD");
    message
}

fn sequence(event: &Component) -> u32 {
    event.line("SEQUENCE").and_then(|line| line.value.trim().parse().ok()).unwrap_or(0)
}

/// What a message of the same event or occurrence was before it came.
fn counterpart<'a>(current: &'a Stored, message: &Stored, view: &View<'_>) -> Option<&'a Component> {
    let wanted = date_of_series(message, message.main(), view);
    current.events().find(|event| date_of_series(current, event, view) == wanted)
}

fn is_older(message: &Stored, current: &Stored, view: &View<'_>) -> bool {
    let stamp =
        |event: &Component| event.line("DTSTAMP").and_then(|line| easel_protocol::parse_date_time(&line.value).ok());
    let newness = |event: &Component| (sequence(event), stamp(event));
    counterpart(current, message, view).is_some_and(|old| newness(message.main()) < newness(old))
}

/// A newer invitation: the whole series, or one occurrence of it. Alarms and the like stay the owner's.
fn requested(current: &Stored, message: Stored, view: &View<'_>) -> Result<Option<Stored>, ItemError> {
    if let Some((series, original)) = occurrence(current, &message, view)? {
        let mut after = current.clone();
        let mut new = message.main().clone();
        exceptions::with_occurrence(&mut after, &series, original, view, |event| {
            keep_private(&mut new, event);
            *event = new.clone();
        });
        add_zones(&mut after, &message);
        return Ok(Some(after));
    }
    let mut after = without_method(message);
    let old = current.main().clone();
    keep_private(after.main_mut(), &old);
    Ok(Some(after))
}

/// Takes over the time zones that the object does not have yet.
fn add_zones(after: &mut Stored, message: &Stored) {
    let is_zone = |component: &&Component| component.name == "VTIMEZONE";
    let name = |zone: &Component| zone.plain("TZID");
    let mut known: HashSet<Option<String>> = after.root.components().filter(is_zone).map(name).collect();
    let new: Vec<Component> =
        message.root.components().filter(is_zone).filter(|zone| known.insert(name(zone))).cloned().collect();
    after.take_zones(new);
}

/// The occurrence that a message is about, if it is about one of a series that is there.
fn occurrence(current: &Stored, message: &Stored, view: &View<'_>) -> Result<Option<(Series, DateTime)>, ItemError> {
    let when = message.main().line("RECURRENCE-ID").and_then(|line| message.when(line));
    let (Some(when), Some(series)) = (when, Series::of(current, view)?) else { return Ok(None) };
    let original = series.clock.of_when(&when);
    if series.occurring(&[original]).is_empty() {
        Err(ItemError::NoSuchOccurrence)
    } else {
        Ok(Some((series, original)))
    }
}

/// Puts what is the owner's own of `old` in the place of the same in `new`.
fn keep_private(new: &mut Component, old: &Component) {
    let is_private = |entry: &Entry| match entry {
        Entry::Component(component) => component.name == "VALARM",
        Entry::Line(line) => {
            (PRIVATE.contains(&line.name.as_str()) && line.name != show::X_REPLY_TIME) || line.name.starts_with(X_OWN)
        }
    };
    let own: Vec<Entry> = old.entries.iter().filter(|entry| is_private(entry)).cloned().collect();
    new.entries.retain(|entry| !is_private(entry));
    for entry in own {
        match entry {
            Entry::Line(line) => new.push(line),
            Entry::Component(_) => new.entries.push(entry),
        }
    }
}

fn cancelled(current: &Stored, message: &Stored, view: &View<'_>) -> Result<Option<Stored>, ItemError> {
    let mut after = current.clone();
    let cancel = |event: &mut Component| event.set(Line::new("STATUS", "CANCELLED"));
    match occurrence(current, message, view)? {
        Some((series, original)) => exceptions::with_occurrence(&mut after, &series, original, view, cancel),
        None if message.main().line("RECURRENCE-ID").is_some() && current.main().line("RECURRENCE-ID").is_none() => {
            return Ok(None);
        }
        None => cancel(after.main_mut()),
    }
    Ok(Some(after))
}

/// An answer changes the one attendee who gave it, if he was invited.
fn replied(current: &Stored, message: &Stored, view: &View<'_>) -> Result<Option<Stored>, ItemError> {
    let Some(answer) = message.main().line("ATTENDEE") else { return Ok(None) };
    let (Some(who), Some(status)) = (people::address(answer), people::partstat_name(people::partstat(answer))) else {
        return Ok(None);
    };
    let mut after = current.clone();
    let note = |event: &mut Component| {
        for entry in &mut event.entries {
            if let Entry::Line(line) = entry
                && line.name == "ATTENDEE"
                && people::address(line).is_some_and(|address| address.eq_ignore_ascii_case(&who))
            {
                line.set_param("PARTSTAT", Some(status));
            }
        }
    };
    let invited = current.main().all("ATTENDEE").filter_map(people::address).any(|a| a.eq_ignore_ascii_case(&who));
    match occurrence(current, message, view)? {
        Some((series, original)) if invited => {
            exceptions::with_occurrence(&mut after, &series, original, view, note);
        }
        Some(_) => return Ok(None),
        None => note(after.main_mut()),
    }
    Ok(Some(after))
}

/// Who must be told what, when the owner's event becomes another: invitations, updates, cancellations. From 16.0 the
/// server mails them (K: G43); up to 14.1 the device does, and nobody may ask here.
pub fn messages(before: Option<&str>, after: Option<&str>, view: &View<'_>) -> Result<Vec<Message>, ItemError> {
    let before = before.map(Stored::parse).transpose()?;
    let after = after.map(Stored::parse).transpose()?;
    if let (Some(before), Some(after)) = (&before, &after)
        && let Some(told) = cancelled_alone(before, after, view)?
    {
        return Ok(told.into_iter().collect());
    }
    let guests =
        |stored: &Option<Stored>| stored.as_ref().map(|stored| guests(stored.events(), view)).unwrap_or_default();
    let (old, new) = (guests(&before), guests(&after));
    let small = |list: &[String]| list.iter().map(|who| who.to_ascii_lowercase()).collect::<HashSet<String>>();
    let (was, is) = (small(&old), small(&new));
    let has = |list: &HashSet<String>, who: &String| list.contains(&who.to_ascii_lowercase());
    let mut messages = Vec::new();
    if let Some(before) = &before {
        let gone: Vec<String> = old.iter().filter(|who| !has(&is, who)).cloned().collect();
        messages.extend(message("CANCEL", before, before.events(), gone, view));
    }
    if let Some(after) = &after {
        let all = before.as_ref().is_none_or(|before| matters(before) != matters(after));
        let told = new.into_iter().filter(|who| all || !has(&was, who)).collect();
        messages.extend(message("REQUEST", after, after.events(), told, view));
    }
    Ok(messages)
}

/// Where one occurrence was taken out of a series and nothing else was done to it, its guests are told of that alone,
/// so that what they answered to the others stands. RFC 5546 3.2.5 "CANCEL". `None` where it was otherwise.
fn cancelled_alone(before: &Stored, after: &Stored, view: &View<'_>) -> Result<Option<Option<Message>>, ItemError> {
    let (Some(series), Some(left)) = (Series::of(before, view)?, Series::of(after, view)?) else { return Ok(None) };
    let mut lost = left.gone.iter().filter(|at| series.gone.binary_search(at).is_err());
    let (Some(original), None) = (lost.next(), lost.next()) else { return Ok(None) };
    let mut same = before.clone();
    exceptions::delete(&mut same, &series, *original);
    if matters(&same) != matters(after) || guests(same.events(), view) != guests(after.events(), view) {
        return Ok(None);
    }
    let least = sequence(after.main());
    let mut one = before.clone();
    let event = exceptions::with_occurrence(&mut one, &series, *original, view, |event| {
        // The message counts it up.
        let number = sequence(event).max(least.saturating_sub(1));
        event.set(Line::new("SEQUENCE", number.to_string()));
        event.clone()
    });
    let told = guests([&event], view);
    Ok(Some(message("CANCEL", before, [&event], told, view)))
}

/// The people a meeting of the owner invites; nobody, once it is cancelled.
fn guests<'a>(events: impl IntoIterator<Item = &'a Component>, view: &View<'_>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut known = HashSet::new();
    for event in events {
        let meeting = Meeting::of(event, view.owner);
        if !meeting.own || meeting.cancelled {
            continue;
        }
        for (line, address) in meeting.attendees {
            let elsewhere = line.has_param("SCHEDULE-AGENT", "NONE") || line.has_param("SCHEDULE-AGENT", "CLIENT");
            if !elsewhere && !view.owner.is(&address) && known.insert(address.to_ascii_lowercase()) {
                all.push(address);
            }
        }
    }
    all
}

fn is_mailed(entry: &Entry) -> bool {
    match entry {
        Entry::Component(component) => component.name != "VALARM",
        Entry::Line(line) => !PRIVATE.contains(&line.name.as_str()) && !line.name.starts_with(X_OWN),
    }
}

/// What an attendee would notice.
fn matters(stored: &Stored) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for event in stored.events() {
        let mailed = event.entries.iter().filter(|entry| is_mailed(entry));
        all.extend(mailed.filter_map(|entry| match entry {
            Entry::Line(line) if !SILENT.contains(&line.name.as_str()) => Some((line.name.clone(), line.value.clone())),
            Entry::Line(_) | Entry::Component(_) => None,
        }));
    }
    all.sort_unstable();
    all
}

/// A message about these events of an object.
fn message<'a>(
    method: &'static str,
    stored: &Stored,
    events: impl IntoIterator<Item = &'a Component>,
    recipients: Vec<String>,
    view: &View<'_>,
) -> Option<Message> {
    if recipients.is_empty() {
        return None;
    }
    let mailed = |event: &Component| {
        let mut event = event.clone();
        event.entries.retain(is_mailed);
        if method == "CANCEL" {
            event.set(Line::new("STATUS", "CANCELLED"));
            event.set(Line::new("DTSTAMP", compact(view.now)));
            event.set(Line::new("SEQUENCE", sequence(&event).saturating_add(1).to_string()));
        }
        event
    };
    let events: Vec<Component> = events.into_iter().map(mailed).collect();
    let main = events.iter().find(|event| event.line("RECURRENCE-ID").is_none()).or_else(|| events.first());
    let subject = main.and_then(|event| event.plain("SUMMARY")).unwrap_or_default();
    Some(Message { method, recipients, subject, content: calendar_of(method, stored, events) })
}

#[cfg(test)]
mod tests;
