//! What a device sent, merged into the stored event.

use easel_protocol::{Version, compact, parse_date_time};
use easel_wbxml::pages::{airsync, airsyncbase as b, calendar as c};
use easel_wbxml::{Element, Tag};
use jiff::civil::{Date, DateTime};
use sha2::{Digest, Sha256};

use super::clock::{Clock, Series, Told};
use super::people::{self, Meeting};
use super::show::{self, LEGACY};
use super::stored::{Span, Stored, When};
use super::{alarm, attachments, exceptions, facts, place, times};
use crate::lines::{Component, Entry, Line};
use crate::recurrence::{CALENDAR, Pattern, Rule};
use crate::said::Sent;
use crate::text_body::{self, BodyEdit};
use crate::{Applied, Edit, Ghosting, ItemError, View, component};

const X_CLIENT_UID: &str = "X-EASEL-CLIENT-UID";
/// MS-ASCAL 2.2.2.10 "ClientUid", in characters.
const CLIENT_UID_MAX: usize = 300;

/// What was sent of an event or an occurrence, beside what had been shown.
#[derive(Debug)]
pub(super) struct Said<'a> {
    pub(super) sent: &'a Element,
    pub(super) shown: &'a Element,
    /// Both are complete then: the series shows through.
    pub(super) occurrence: bool,
}

/// Makes a new event.
pub(super) fn create(edit: &Edit<'_>, view: &View<'_>) -> Result<Applied, ItemError> {
    let data = edit.data;
    // What a device makes itself it may fill with people.
    let mut view = view.clone();
    view.manner.calendar.attendees_hidden = false;
    let view = &view;
    check(data)?;
    let pattern = data.child(c::RECURRENCE).map(|element| Pattern::read(element, &CALENDAR)).transpose()?.flatten();
    let mut span = times::for_add(data, pattern.is_some(), view)?;
    let rule = pattern.map(|pattern| {
        let clock = device_clock(data, &span, view);
        pattern.to_rule(span.start.local, |at| clock.hear_until(at, &span.start))
    });
    if let Some(rule) = &rule {
        span.start.local = on_pattern(rule, &span, view);
    }
    let mut stored = blank(edit, view)?;
    stored.add_zone(&span.start, span.start.instant(&view.owner.zone));
    let shown = Element::new(airsync::APPLICATION_DATA);
    let mut event = stored.main().clone();
    times::put(&mut event, &stored, &span, &view.owner.zone);
    times::put_end(&mut event, &stored, &span, &view.owner.zone);
    event.entries.extend(rule.map(|rule| Entry::Line(rule.to_line())));
    fields(&mut event, &stored, &span, &Said { sent: data, shown: &shown, occurrence: false }, edit, view)?;
    *stored.main_mut() = event;
    let known = exceptions::Known { shown: &shown, sent: data };
    exceptions::merge(&mut stored, &known, edit, view)?;
    let uid = stored.main().plain("UID").unwrap_or_default();
    let answer = answer_to_new(&uid, view);
    Ok(Applied { facts: facts::of(&stored, view), content: Some(stored.root.to_string()), changed: true, answer })
}

/// What a device is told of an event that it added: from 16.0 its UID.
pub fn answer_to_new(uid: &str, view: &View<'_>) -> Vec<Element> {
    // K: N11
    let tells = view.version >= Version::V16_0 || view.manner.calendar.always_uid;
    tells.then(|| Element::text(c::UID, show::uid_for(uid, view))).into_iter().collect()
}

/// The first occurrence of a rule that a device made. Devices begin with it, whatever the start; RFC 5545 3.8.5.3 would
/// have the start itself be one.
fn on_pattern(rule: &Rule, span: &Span, view: &View<'_>) -> DateTime {
    let first = rule.occurrences(span.start.local, &span.start.zone(&view.owner.zone)).next();
    first.filter(|_| rule.is_known()).unwrap_or(span.start.local)
}

/// The clock of a series that a device just made.
fn device_clock(data: &Element, span: &Span, view: &View<'_>) -> Clock {
    let named =
        crate::time_zone::NamedZone::of(&span.start.zone(&view.owner.zone), span.start.instant(&view.owner.zone));
    let wire = times::SentZone::read(data).filter(|_| !span.start.is_date() || view.version < Version::V16_0);
    let wire = wire.map_or_else(|| named.zone.clone(), |zone| zone.rules.to_zone());
    Clock::of_device(&named, wire, span.start.is_date(), view)
}

/// A calendar with nothing but the name of the event in it.
fn blank(edit: &Edit<'_>, view: &View<'_>) -> Result<Stored, ItemError> {
    let mut root = Component::new("VCALENDAR");
    root.push(Line::new("VERSION", "2.0"));
    root.push(Line::new("PRODID", "-//Easel//EN"));
    let mut event = Component::new("VEVENT");
    let text = |tag: Tag| edit.data.text_of(tag).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let client_uid = text(c::CLIENT_UID).filter(|_| view.version >= Version::V16_0);
    if client_uid.as_ref().is_some_and(|uid| uid.chars().count() > CLIENT_UID_MAX) {
        return Err(ItemError::Rule { element: "ClientUid", reason: "longer than 300 characters" });
    }
    let uid = match (&client_uid, text(c::UID)) {
        (Some(client_uid), _) => server_uid(client_uid, view),
        (None, Some(uid)) if view.version < Version::V16_0 => uid,
        (None, _) => crate::said::new_uid(edit, view),
    };
    event.push(Line::text("UID", &uid));
    event.push(Line::new("DTSTAMP", compact(view.now)));
    event.push(Line::new("CREATED", compact(view.now)));
    if let Some(client_uid) = client_uid {
        event.push(Line::text(X_CLIENT_UID, &client_uid));
    }
    root.entries.push(Entry::Component(event));
    Ok(Stored::new(root))
}

/// The UIDs under which the event that a device adds may be there already (I33), the likeliest first; none where the
/// device names none. Devices write hexadecimal ids in letters of either size, and without their hyphens (I04, I52).
pub fn uids_of_new(data: &Element, view: &View<'_>) -> Vec<String> {
    let text = |tag: Tag| {
        let text = data.text_of(tag).map(|text| text.trim_matches(|c: char| c == '\0' || c.is_whitespace()).to_owned());
        text.filter(|text| !text.is_empty() && text.chars().count() <= CLIENT_UID_MAX)
    };
    let client_uid = text(c::CLIENT_UID).filter(|_| view.version >= Version::V16_0);
    let mut all: Vec<String> = client_uid.iter().map(|uid| server_uid(uid, view)).collect();
    let Some(said) = client_uid.or_else(|| text(c::UID)) else { return all };
    let mut forms = vec![said.clone()];
    if said.len() == 32 && said.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        forms.push([&said[..8], &said[8..12], &said[12..16], &said[16..20], &said[20..]].join("-"));
    }
    for form in forms {
        let is_hex = form.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        let sizes = is_hex.then(|| [form.to_ascii_lowercase(), form.to_ascii_uppercase()]);
        for uid in std::iter::once(form).chain(sizes.into_iter().flatten()) {
            if !all.contains(&uid) {
                all.push(uid);
            }
        }
    }
    all
}

/// The same for the same ClientUid of the same owner, so that a repeated Add is recognised by its UID.
fn server_uid(client_uid: &str, view: &View<'_>) -> String {
    let mut hash = Sha256::new();
    hash.update(view.owner.addresses.first().map_or("", String::as_str).to_ascii_lowercase());
    hash.update([0]);
    hash.update(client_uid);
    hash.finalize()[..20].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Merges into a stored event.
pub(super) fn change(current: &str, edit: &Edit<'_>, view: &View<'_>) -> Result<Applied, ItemError> {
    let before = Stored::parse(current)?;
    let base = edit.base.and_then(|base| Stored::parse(base).ok());
    let seen = base.as_ref().unwrap_or(&before);
    let seen_view = View { body: edit.shown, ..view.clone() };
    let from = show::stretch_of(seen, edit.data, &seen_view);
    // What cannot be shown was not shown.
    let shown = show::event(seen, &seen_view, from).unwrap_or_else(|_| Element::new(airsync::APPLICATION_DATA));
    let mut stored = before.clone();
    if edit.instance.is_some() {
        if !change_instance(&mut stored, &shown, edit, view)? {
            return Ok(Applied { content: None, facts: facts::of(&before, view), changed: true, answer: Vec::new() });
        }
    } else {
        check(edit.data)?;
        change_all(&mut stored, &Seen { shown: &shown, event: seen, from }, edit, view)?;
    }
    if loses_occurrence(&before, &stored, view) {
        let event = stored.main_mut();
        restamp(event, edit.data, &shown, view);
        count_up(event);
    }
    let changed = stored != before;
    let content = if changed { stored.root.to_string() } else { current.to_owned() };
    Ok(Applied { facts: facts::of(&stored, view), content: Some(content), changed, answer: Vec::new() })
}

/// From 16.0: one occurrence. `false` when nothing of the object is left.
fn change_instance(stored: &mut Stored, shown: &Element, edit: &Edit<'_>, view: &View<'_>) -> Result<bool, ItemError> {
    let at = edit.instance.ok_or(ItemError::NoSuchOccurrence)?;
    let Some(series) = Series::of(stored, view)? else {
        // The only occurrence that the owner knows of a series.
        let own = stored.main().line("RECURRENCE-ID").and_then(|line| stored.when(line));
        let span = stored.span(stored.main(), &view.owner.zone)?;
        let clock = Clock::of(&span, None, view);
        if own.is_none_or(|when| clock.of_when(&when) != clock.hear(at)) {
            return Err(ItemError::NoSuchOccurrence);
        }
        if edit.delete_instance {
            return Ok(false);
        }
        let plain = Edit { instance: None, ..edit.clone() };
        let event = stored.clone();
        return change_all(stored, &Seen { shown, event: &event, from: None }, &plain, view).map(|()| true);
    };
    let original = series.meant(at).ok_or(ItemError::NoSuchOccurrence)?;
    if edit.delete_instance {
        return exceptions::take_out(stored, &series, original, view);
    }
    if series.gone.contains(&original) {
        return Err(ItemError::NoSuchOccurrence);
    }
    check(edit.data)?;
    let nothing = Element::new(airsync::APPLICATION_DATA);
    let known = exceptions::Known { shown, sent: &nothing };
    let named = series.clock.say(series.slot(shown, original));
    let before = shown.child(c::EXCEPTIONS).into_iter().flat_map(|all| all.all(c::EXCEPTION));
    let before = before.into_iter().find(|exception| times::moment(exception, b::INSTANCE_ID) == Some(named));
    let occurrence = exceptions::Occurrence { known: &known, sent: edit.data, before };
    exceptions::edit_occurrence(stored, &series, original, &occurrence, edit, view)?;
    Ok(true)
}

/// What a device wants of the recurrence.
enum Repeat {
    Keep,
    Never,
    By(Pattern),
}

fn repeat(data: &Element, shown: &Element, keeps: bool) -> Result<Repeat, ItemError> {
    let read = |element: &Element| Pattern::read(element, &CALENDAR);
    let before = shown.child(c::RECURRENCE).and_then(|element| read(element).ok().flatten());
    let Some(sent) = data.child(c::RECURRENCE) else {
        return Ok(if keeps || before.is_none() { Repeat::Keep } else { Repeat::Never });
    };
    Ok(match (read(sent)?, before) {
        // K: I39. An empty Recurrence is none.
        (None, None) => Repeat::Keep,
        (None, Some(_)) => Repeat::Never,
        (Some(pattern), Some(before)) if pattern.says_the_same(&before) => Repeat::Keep,
        (Some(pattern), Some(before)) if pattern.ends_as(&before) => {
            Repeat::By(Pattern { until: before.until, ..pattern })
        }
        (Some(pattern), _) => Repeat::By(pattern),
    })
}

/// An event as the device knew it.
struct Seen<'a> {
    shown: &'a Element,
    event: &'a Stored,
    /// The day that its stretch began with.
    from: Option<Date>,
}

fn change_all(stored: &mut Stored, seen: &Seen<'_>, edit: &Edit<'_>, view: &View<'_>) -> Result<(), ItemError> {
    let data = edit.data;
    let shown = seen.shown;
    let keeps = |tag: Tag| view.version >= Version::V16_0 || edit.ghosting.keeps(tag);
    let repeat = repeat(data, shown, keeps(c::RECURRENCE))?;
    let old = stored.span(stored.main(), &view.owner.zone)?;
    let series = Series::of(stored, view).ok().flatten();
    let by = series.as_ref().and_then(|series| series.told(view, seen.from));
    let is_cover = matches!(by, Some(Told::Cover(_)));
    let told = match &by {
        Some(by) => Span { start: When::like(by.start(), &old.start), ..old.clone() },
        None => old.clone(),
    };
    let recurring = match &repeat {
        Repeat::Keep => series.is_some(),
        Repeat::Never => false,
        Repeat::By(_) => true,
    };
    let clock = series.as_ref().map_or_else(|| Clock::of(&old, None, view), |series| series.clock.clone());
    let mut change = times::changed(&told, clock, data, shown, recurring, view)?;
    let mut rule = None;
    match (&repeat, &series) {
        (Repeat::Keep, Some(series)) if change.changed && is_cover => {
            change.span.start.local = moved_start(series, &told, &change.span)?;
        }
        (Repeat::Keep, Some(series)) if change.changed => {
            change.span.start.local =
                series.set.main_rule().map_or(change.span.start.local, |rule| on_pattern(rule, &change.span, view));
        }
        (Repeat::Keep, _) if !change.changed => change.span = old.clone(),
        (Repeat::Keep, _) => {}
        // What begins anew begins with what was shown.
        (Repeat::Never, _) => change.changed |= told != old,
        (Repeat::By(pattern), _) => {
            let mut made =
                pattern.to_rule(change.span.start.local, |at| change.clock.hear_until(at, &change.span.start));
            // An end that the device was not told of is not taken away.
            if pattern.until.is_none() && pattern.occurrences.is_none() {
                made.until = series.as_ref().and_then(|series| untold_end(series, view));
            }
            change.span.start.local = on_pattern(&made, &change.span, view);
            change.changed |= change.span != old;
            rule = Some(made);
        }
    }
    let mut event = stored.main().clone();
    if change.changed {
        stored.add_zone(&change.span.start, change.span.start.instant(&view.owner.zone));
        times::put(&mut event, stored, &change.span, &view.owner.zone);
    }
    match &repeat {
        Repeat::Keep => {}
        Repeat::Never => ["RRULE", "RDATE", "EXRULE"].into_iter().for_each(|name| event.remove(name)),
        Repeat::By(_) => {
            rule.iter().for_each(|rule| event.set(rule.to_line()));
            ["RDATE", "EXRULE"].into_iter().for_each(|name| event.remove(name));
        }
    }
    let said = Said { sent: data, shown, occurrence: false };
    fields_seen(&mut event, stored, &change.span, &said, seen.event.main(), edit, view)?;
    let moved = change.changed || !matches!(repeat, Repeat::Keep);
    if event != *stored.main() {
        restamp(&mut event, data, shown, view);
        let meeting = Meeting::of(&event, view.owner);
        if moved && meeting.own && meeting.is_meeting() {
            count_up(&mut event);
        }
    }
    *stored.main_mut() = event;
    if change.changed {
        exceptions::move_dates(stored, "RDATE", &old, &change.span, &view.owner.zone);
    }
    match &repeat {
        Repeat::Never => {
            exceptions::drop_all(stored);
            return Ok(());
        }
        Repeat::Keep | Repeat::By(_) if moved && view.version >= Version::V16_0 => {
            exceptions::drop_all(stored);
            let rest = shown.children().filter(|child| child.tag != c::EXCEPTIONS);
            let shown = Element::of(airsync::APPLICATION_DATA, rest.cloned());
            return exceptions::merge(stored, &exceptions::Known { shown: &shown, sent: data }, edit, view);
        }
        Repeat::Keep | Repeat::By(_) if change.changed => {
            exceptions::move_along(stored, &old, &change.span, &view.owner.zone)
        }
        Repeat::Keep | Repeat::By(_) => {}
    }
    if is_cover && matches!(repeat, Repeat::By(_)) {
        // The holes of another pattern are deleted occurrences of this one.
        let rest = shown.children().filter(|child| child.tag != c::EXCEPTIONS);
        let shown = Element::of(airsync::APPLICATION_DATA, rest.cloned());
        return exceptions::merge(stored, &exceptions::Known { shown: &shown, sent: data }, edit, view);
    }
    exceptions::merge(stored, &exceptions::Known { shown, sent: data }, edit, view)
}

/// The start of a series that was told by a cover and that a device moved: the device knows nothing of the start
/// itself, so the time of day is all that can move.
fn moved_start(series: &Series, told: &Span, sent: &Span) -> Result<DateTime, ItemError> {
    let refused = |reason| Err(ItemError::Rule { element: "StartTime", reason });
    let own = series.span.start.local;
    let (from, to) = (told.start.local, sent.start.local);
    if told.start.is_date() != sent.start.is_date() || from.date() != to.date() {
        return refused("another day of a series that no pattern says");
    }
    if from != to && series.set.names_times() {
        return refused("another time of a series that names its times");
    }
    Ok(own.saturating_add(to.duration_since(from)))
}

/// Whether a meeting of the owner's has an occurrence less, and does not say yet that it is another: guests could take
/// what tells of it for a repetition (RFC 5546 2.1.5 "Message Sequencing").
fn loses_occurrence(before: &Stored, after: &Stored, view: &View<'_>) -> bool {
    let meeting = Meeting::of(after.main(), view.owner);
    let number = |stored: &Stored| stored.main().plain("SEQUENCE");
    if !meeting.own || !meeting.is_meeting() || number(before) != number(after) {
        return false;
    }
    let gone = |stored| Series::of(stored, view).ok().flatten().map(|series| series.gone);
    match (gone(before), gone(after)) {
        (Some(before), Some(after)) => after.iter().any(|at| before.binary_search(at).is_err()),
        _ => false,
    }
}

/// RFC 5545 3.8.7.4 "Sequence Number".
pub(super) fn count_up(event: &mut Component) {
    let number: u32 = event.line("SEQUENCE").and_then(|line| line.value.trim().parse().ok()).unwrap_or(0);
    event.set(Line::new("SEQUENCE", number.saturating_add(1).to_string()));
}

/// A changed event is as new as the device says, else as new as now.
pub(super) fn restamp(event: &mut Component, sent: &Element, shown: &Element, view: &View<'_>) {
    let said = times::moment(sent, c::DT_STAMP).filter(|at| times::moment(shown, c::DT_STAMP) != Some(*at));
    event.set(Line::new("DTSTAMP", compact(said.unwrap_or(view.now))));
    if event.line("LAST-MODIFIED").is_some() {
        event.set(Line::new("LAST-MODIFIED", compact(view.now)));
    }
}

/// Numbers that a device may not send. MS-ASCAL 2.2.2; they cost the item a Status 6.
fn check(data: &Element) -> Result<(), ItemError> {
    let numbers: [(Tag, &'static str, &[&str]); 3] = [
        (c::BUSY_STATUS, "BusyStatus", &["0", "1", "2", "3", "4"]),
        (c::SENSITIVITY, "Sensitivity", &["0", "1", "2", "3"]),
        (c::MEETING_STATUS, "MeetingStatus", &["0", "1", "3", "5", "7", "9", "11", "13", "15"]),
    ];
    for (tag, element, allowed) in numbers {
        let text = data.text_of(tag).unwrap_or_default();
        if !text.trim().is_empty() && !allowed.contains(&text.trim()) {
            return Err(ItemError::Rule { element, reason: "no such value" });
        }
    }
    let reminder = data.text_of(c::REMINDER).unwrap_or_default();
    if !reminder.trim().is_empty() && reminder.trim().parse::<u32>().is_err() {
        return Err(ItemError::Rule { element: "Reminder", reason: "not a number of minutes" });
    }
    for (tag, element) in [
        (c::ALL_DAY_EVENT, "AllDayEvent"),
        (c::RESPONSE_REQUESTED, "ResponseRequested"),
        (c::DISALLOW_NEW_TIME_PROPOSAL, "DisallowNewTimeProposal"),
    ] {
        times::boolean(data, tag, element)?;
    }
    Ok(())
}

/// Merges everything but times, recurrence and exceptions.
pub(super) fn fields(
    event: &mut Component,
    stored: &Stored,
    span: &Span,
    said: &Said<'_>,
    edit: &Edit<'_>,
    view: &View<'_>,
) -> Result<(), ItemError> {
    let seen = event.clone();
    fields_seen(event, stored, span, said, &seen, edit, view)
}

fn fields_seen(
    event: &mut Component,
    stored: &Stored,
    span: &Span,
    said: &Said<'_>,
    seen: &Component,
    edit: &Edit<'_>,
    view: &View<'_>,
) -> Result<(), ItemError> {
    let ghosting = match (said.occurrence, view.version >= Version::V16_0) {
        (true, _) => &Ghosting::None,
        (false, true) => &Ghosting::All,
        (false, false) => edit.ghosting,
    };
    let edit = Edit { data: said.sent, ghosting, ..edit.clone() };
    let sent = Sent::new(&edit, said.shown.children().cloned().collect());
    let number = |text: &str| text.trim().parse::<u32>().ok().map(|number| number.to_string());
    if let Some(subject) = sent.text(c::SUBJECT).change() {
        event.set_text("SUMMARY", subject);
    }
    merge_place(event, &sent, said, ghosting, view);
    let busy = sent.of(c::BUSY_STATUS, number);
    let busy = busy.change().map(|busy| busy.and_then(|busy| busy.parse().ok()).unwrap_or(2));
    if let Some(status) = busy {
        set_busy_status(event, status);
    }
    if let Some(class) = sent.of(c::SENSITIVITY, number).change() {
        set_sensitivity(event, class.and_then(|class| class.parse().ok()).unwrap_or(0));
    }
    if let Some(minutes) = sent.of(c::REMINDER, number).change() {
        alarm::set(event, stored, span, &view.owner.zone, minutes.and_then(|minutes| minutes.parse().ok()));
    }
    merge_people(event, &sent, said, ghosting, view)?;
    if view.manner.calendar.free_means_accepted && matches!(busy, Some(0 | 2)) && people::accept(event, view.owner) {
        set_busy_status(event, 2);
    }
    component::apply_categories(event, &sent, c::CATEGORIES, c::CATEGORY);
    if let Some(disallow) = sent.of_kept(c::DISALLOW_NEW_TIME_PROPOSAL, number).change() {
        set_flag(event, show::X_DISALLOW_COUNTER, disallow == Some("1"));
    }
    merge_body(event, said, seen, &edit, view);
    if view.version >= Version::V16_0 {
        attachments::merge(event, said.sent)?;
    }
    let date = |text: &str| parse_date_time(text).ok().map(compact);
    if let Some(Some(stamp)) = sent.of_kept(c::DT_STAMP, date).change() {
        event.set(Line::new("DTSTAMP", stamp));
    }
    Ok(())
}

fn merge_place(event: &mut Component, sent: &Sent<'_>, said: &Said<'_>, ghosting: &Ghosting, view: &View<'_>) {
    if view.version < Version::V16_0 {
        if let Some(name) = sent.text(c::LOCATION).change() {
            place::set_text(event, name);
        }
        return;
    }
    let (new, old) = (said.sent.child(b::LOCATION), said.shown.child(b::LOCATION));
    if new != old && (new.is_some() || !ghosting.keeps(b::LOCATION)) {
        place::set(event, new);
    }
}

fn merge_people(
    event: &mut Component,
    sent: &Sent<'_>,
    said: &Said<'_>,
    ghosting: &Ghosting,
    view: &View<'_>,
) -> Result<(), ItemError> {
    let text = |text: &str| Some(text.trim().to_owned());
    let (name, address) = (sent.of_kept(c::ORGANIZER_NAME, text), sent.of_kept(c::ORGANIZER_EMAIL, text));
    if view.version < Version::V16_0 && (name.change().is_some() || address.change().is_some()) {
        let sent = |tag: Tag| said.sent.text_of(tag).map(|text| text.trim().to_owned()).unwrap_or_default();
        let (name, address) = (sent(c::ORGANIZER_NAME), sent(c::ORGANIZER_EMAIL));
        // The owner of a plain event is nobody's organizer yet.
        if event.line("ORGANIZER").is_some() || !view.owner.is(&address) || name != view.owner.name {
            people::set_organizer(event, &name, &address, view.owner);
        }
    }
    let (new, old) = (said.sent.child(c::ATTENDEES), said.shown.child(c::ATTENDEES));
    let heard = !view.manner.calendar.attendees_hidden;
    let said_others = heard && new != old && (new.is_some() || !ghosting.keeps(c::ATTENDEES));
    if said_others {
        people::merge(event, new, old, view)?;
    }
    let guests = event.line("ATTENDEE").is_some();
    if said_others && guests && event.line("ORGANIZER").is_none() {
        let owner = view.owner.addresses.first().map_or("", String::as_str);
        people::set_organizer(event, &view.owner.name, owner, view.owner);
    }
    let number = |text: &str| text.trim().parse::<u8>().ok().map(|number| (number & 7).to_string());
    if let Some(Some(status)) = sent.of_kept(c::MEETING_STATUS, number).change() {
        set_cancelled(event, status.parse::<u8>().is_ok_and(|status| status & 4 != 0));
    }
    // Who is not told of the guests does not ask them for an answer either.
    let asked = sent.of_kept(c::RESPONSE_REQUESTED, |text| Some(text.trim().to_owned()));
    if let Some(wanted) = asked.change().filter(|_| heard) {
        set_response_requested(event, wanted == Some("1"));
    }
    Ok(())
}

fn merge_body(event: &mut Component, said: &Said<'_>, seen: &Component, edit: &Edit<'_>, view: &View<'_>) {
    let new = [b::BODY, c::BODY].map(|tag| said.sent.child(tag));
    let old = [b::BODY, c::BODY].map(|tag| said.shown.child(tag));
    if said.occurrence && new == old {
        return;
    }
    let legacy = (view.version == Version::V2_5).then_some(&LEGACY);
    if let BodyEdit::Replace(body) = text_body::edited(edit, view, legacy, &component::body(seen)) {
        component::set_body(event, &body);
    }
}

pub(super) fn set_busy_status(event: &mut Component, status: u8) {
    if show::busy_status(event) == status {
        return;
    }
    let word = match status {
        0 => "FREE",
        1 => "TENTATIVE",
        3 => "OOF",
        4 => "WORKINGELSEWHERE",
        _ => "BUSY",
    };
    if status == 0 || event.line("TRANSP").is_some() {
        event.set(Line::new("TRANSP", if status == 0 { "TRANSPARENT" } else { "OPAQUE" }));
    }
    if event.line(show::X_BUSY_STATUS).is_some() || show::busy_status(event) != status {
        event.set(Line::new(show::X_BUSY_STATUS, word));
    }
}

fn set_sensitivity(event: &mut Component, sensitivity: u8) {
    if show::sensitivity(event) == sensitivity {
        return;
    }
    let word = match sensitivity {
        1 => "X-PERSONAL",
        2 => "PRIVATE",
        3 => "CONFIDENTIAL",
        _ => "PUBLIC",
    };
    event.set(Line::new("CLASS", word));
}

fn set_flag(event: &mut Component, name: &str, value: bool) {
    if show::is_true(event, name) != value {
        event.set(Line::new(name, if value { "TRUE" } else { "FALSE" }));
    }
}

fn set_cancelled(event: &mut Component, cancelled: bool) {
    let is = event.line("STATUS").is_some_and(|line| line.value.trim().eq_ignore_ascii_case("CANCELLED"));
    match (is, cancelled) {
        (false, true) => event.set(Line::new("STATUS", "CANCELLED")),
        (true, false) => event.remove("STATUS"),
        _ => {}
    }
}

/// RSVP of every attendee; without attendees, a property of its own.
fn set_response_requested(event: &mut Component, wanted: bool) {
    event.remove(show::X_RESPONSE_REQUESTED);
    for entry in &mut event.entries {
        if let Entry::Line(line) = entry
            && line.name == "ATTENDEE"
            && line.has_param("RSVP", "TRUE") != wanted
        {
            line.set_param("RSVP", Some(if wanted { "TRUE" } else { "FALSE" }));
        }
    }
    if show::response_requested(event) != wanted {
        event.set(Line::new(show::X_RESPONSE_REQUESTED, if wanted { "TRUE" } else { "FALSE" }));
    }
}

/// The end of a series that the device was not told of.
fn untold_end(series: &Series, view: &View<'_>) -> Option<crate::recurrence::Until> {
    let zone = &series.clock.zone;
    let until = series.set.rule()?.until?;
    show::is_too_late(super::stored::instant(zone, until.on_clock(zone)), view).then_some(until)
}
