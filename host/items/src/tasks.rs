//! Tasks: VTODO to and from the Tasks class.
//!
//! MS-ASTASK; RFC 5545 3.6.2 "To-Do Component". What a VTODO can say and a device cannot hear (IN-PROCESS, CANCELLED,
//! half done) stays in the object. MS-ASTASK names what is refused: [`ItemError::Rule`].

mod dates;
mod recurrence;
mod reminder;

use easel_protocol::{Facts, WindowKey, compact, parse_date_time, punctuated};
use easel_wbxml::pages::tasks as t;
use easel_wbxml::{Element, Tag};

use crate::lines::{Component, Line};
use crate::said::{Said, Sent, carried, text_element};
use crate::text_body::{self, BodyEdit, Legacy};
use crate::{Applied, Edit, ItemError, View, component};
use dates::Clocks;

const TODO: &str = "VTODO";
const LEGACY: Legacy = Legacy { tags: [t::BODY, t::BODY_SIZE, t::BODY_TRUNCATED], rtf: t::COMPRESSED_RTF };
const STARTS: [Tag; 2] = [t::UTC_START_DATE, t::START_DATE];
const DUE: [Tag; 2] = [t::UTC_DUE_DATE, t::DUE_DATE];
/// Importance that PRIORITY has no number for.
const X_IMPORTANCE: &str = "X-EASEL-IMPORTANCE";
const X_ORDINAL: [(Tag, &str); 2] =
    [(t::ORDINAL_DATE, "X-EASEL-ORDINAL-DATE"), (t::SUB_ORDINAL_DATE, "X-EASEL-SUB-ORDINAL-DATE")];
/// Bytes of a description that a search finds.
const SEARCHED_MAX: usize = 64 * 1024;

/// The properties of a task; the categories last (K: N04).
pub fn properties(content: &str, view: &View<'_>) -> Result<Vec<Element>, ItemError> {
    let calendar = component::read(content, TODO)?;
    let task = todo(&calendar);
    let clocks = Clocks::of(&calendar, task, view);
    let mut elements = shown(task, &clocks);
    let subject = usize::from(elements.first().is_some_and(|first| first.tag == t::SUBJECT));
    elements.splice(subject..subject, component::body(task).elements(view, Some(&LEGACY))?);
    let lists = elements.iter().position(|element| element.tag == t::CATEGORIES).unwrap_or(elements.len());
    elements.splice(lists..lists, recurrence::element(task, &clocks, view));
    elements.retain_mut(|element| carried(element, view));
    Ok(elements)
}

/// Merges what a device sent into a task, or makes a new task.
pub fn apply(current: Option<&str>, edit: &Edit<'_>, view: &View<'_>) -> Result<Applied, ItemError> {
    let before = current.map(|content| component::read(content, TODO)).transpose()?;
    let base = edit.base.filter(|_| before.is_some()).and_then(|base| component::read(base, TODO).ok());
    let known = base.as_ref().or(before.as_ref());
    let mut calendar = before.clone().unwrap_or_else(|| component::new(TODO, edit, view));
    let clocks = Clocks::of(&calendar, todo(&calendar), view);
    // K: A30
    if before.is_none() || !edit.data.is_empty() {
        let task = component::main_mut(&mut calendar, TODO).expect("it was read or just made");
        merge(task, edit, view, known, &clocks)?;
    }
    let changed = before.as_ref() != Some(&calendar);
    if changed {
        let task = component::main_mut(&mut calendar, TODO).expect("it was read or just made");
        task.set(Line::new("LAST-MODIFIED", compact(view.now)));
        let task = task.clone();
        dates::add_zone(&mut calendar, &task, &clocks, view.now);
    }
    let content = match current {
        Some(current) if !changed => current.to_owned(),
        Some(_) | None => calendar.to_string(),
    };
    Ok(Applied { content: Some(content), facts: facts_of(todo(&calendar)), changed, answer: Vec::new() })
}

/// What the store must know of a task.
pub fn facts(content: &str) -> Result<Facts, ItemError> {
    component::read(content, TODO).map(|calendar| facts_of(todo(&calendar)))
}

/// The tasks of an iCalendar file, each a calendar of its own; anything else in it is left out.
pub fn split(ics: &str) -> Result<Vec<String>, ItemError> {
    component::split(ics, TODO)
}

fn todo(calendar: &Component) -> &Component {
    component::main(calendar, TODO).expect("only calendars with a task are read")
}

/// Everything but body and recurrence.
fn shown(task: &Component, clocks: &Clocks) -> Vec<Element> {
    let mut elements: Vec<Element> =
        task.plain("SUMMARY").and_then(|s| text_element(t::SUBJECT, &s)).into_iter().collect();
    elements.push(Element::text(t::IMPORTANCE, importance(task)));
    let starts = dates::start(task, clocks).or_else(|| dates::due(task, clocks).filter(|_| clocks.starts_when_due()));
    elements.extend(dates::elements(starts, clocks, STARTS));
    elements.extend(dates::elements(dates::due(task, clocks), clocks, DUE));
    // K: G22
    elements.push(Element::boolean(t::COMPLETE, is_complete(task)));
    elements.extend(completed_at(task).map(|at| Element::text(t::DATE_COMPLETED, at)));
    elements.push(Element::text(t::SENSITIVITY, sensitivity(task)));
    elements.extend(reminder::elements(task, clocks));
    for (tag, name) in X_ORDINAL {
        elements.extend(task.plain(name).and_then(|text| text_element(tag, &text)));
    }
    elements.extend(component::categories_element(task, t::CATEGORIES, t::CATEGORY));
    elements
}

fn merge(
    task: &mut Component,
    edit: &Edit<'_>,
    view: &View<'_>,
    known: Option<&Component>,
    clocks: &Clocks,
) -> Result<(), ItemError> {
    let known = known.map(|calendar| {
        let task = todo(calendar);
        (task, Clocks::of(calendar, task, view))
    });
    let sent = Sent::new(edit, known.as_ref().map_or_else(Vec::new, |(task, clocks)| shown(task, clocks)));
    if let Some(subject) = sent.text(t::SUBJECT).change() {
        task.set_text("SUMMARY", subject);
    }
    let body = known.as_ref().map(|(task, _)| component::body(task)).unwrap_or_default();
    if let BodyEdit::Replace(body) = text_body::edited(edit, view, Some(&LEGACY), &body) {
        component::set_body(task, &body);
    }
    if let Some(importance) = sent.of_kept(t::IMPORTANCE, number).change() {
        set_importance(task, importance);
    }
    let implied = dates::is_implied(task);
    apply_dates(task, edit, &sent, clocks);
    apply_complete(task, edit, &sent, view)?;
    if let Some(sensitivity) = sent.of(t::SENSITIVITY, number).change() {
        set_sensitivity(task, sensitivity.unwrap_or("0"));
    }
    reminder::apply(task, edit.data, &sent, clocks)?;
    let known = known.as_ref().map(|(task, clocks)| (*task, clocks));
    let repeats_anew = recurrence::apply(task, edit.data, edit.ghosting, known, clocks, view)?;
    if repeats_anew || implied {
        recurrence::imply_start(task);
    }
    for (tag, name) in X_ORDINAL {
        let read = |text: &str| if tag == t::ORDINAL_DATE { dates::canonical(text) } else { Some(text.to_owned()) };
        // MS-ASTASK 2.2.2.16: not before 12.0, so that its absence says nothing there.
        let carries = tag.since().is_none_or(|since| since <= view.version.times_ten());
        if let Some(change) = carries.then(|| sent.of(tag, read)).as_ref().and_then(Said::change) {
            task.set_text(name, change);
        }
    }
    component::apply_categories(task, &sent, t::CATEGORIES, t::CATEGORY);
    Ok(())
}

fn apply_dates(task: &mut Component, edit: &Edit<'_>, sent: &Sent<'_>, clocks: &Clocks) {
    let start = dates::said(edit.data, sent, clocks, STARTS);
    let due = dates::said(edit.data, sent, clocks, DUE);
    if dates::is_implied(task) && (start.is_some() || due.is_some()) {
        task.remove("DTSTART");
    }
    if let Some(moment) = due {
        task.remove("DURATION");
        dates::set(task, "DUE", moment, clocks);
    }
    if let Some(moment) = start {
        if let Some(end) = dates::due(task, clocks).filter(|_| task.line("DURATION").is_some()) {
            // The end stays where it is.
            task.remove("DURATION");
            dates::set(task, "DUE", Some(end), clocks);
        }
        dates::set(task, "DTSTART", moment, clocks);
    }
    if start.is_some() || due.is_some() {
        dates::agree(task, clocks);
    }
}

fn apply_complete(task: &mut Component, edit: &Edit<'_>, sent: &Sent<'_>, view: &View<'_>) -> Result<(), ItemError> {
    let rule = |reason| ItemError::Rule { element: "Complete", reason };
    match edit.data.text_of(t::COMPLETE) {
        None if edit.ghosting.keeps(t::COMPLETE) => return Ok(()),
        None => return Err(rule("missing")),
        Some(text) if !matches!(text.trim(), "0" | "1") => return Err(rule("neither 0 nor 1")),
        Some(_) => {}
    }
    let said = sent.of(t::COMPLETE, |text| Some(text.trim().to_owned()));
    let date = sent.of_kept(t::DATE_COMPLETED, dates::canonical);
    let date = match &date {
        Said::Set(date) => parse_date_time(date).ok(),
        Said::Keep | Said::Clear => None,
    };
    match said {
        Said::Set(value) if value == "1" => {
            task.set(Line::new("STATUS", "COMPLETED"));
            task.set(Line::new("PERCENT-COMPLETE", "100"));
            let stored = task.line("COMPLETED").is_some();
            if date.is_some() || !stored {
                task.set(Line::new("COMPLETED", compact(date.unwrap_or(view.now))));
            }
        }
        Said::Set(_) => {
            task.set(Line::new("STATUS", "NEEDS-ACTION"));
            task.remove("COMPLETED");
            if task.line("PERCENT-COMPLETE").is_some_and(|line| line.value.trim() == "100") {
                task.remove("PERCENT-COMPLETE");
            }
        }
        Said::Keep | Said::Clear => {
            if let Some(at) = date.filter(|_| is_complete(task)) {
                task.set(Line::new("COMPLETED", compact(at)));
            }
        }
    }
    Ok(())
}

fn is_complete(task: &Component) -> bool {
    match task.line("STATUS") {
        Some(status) => status.value.trim().eq_ignore_ascii_case("COMPLETED"),
        None => task.line("COMPLETED").is_some(),
    }
}

/// MS-ASTASK 2.2.2.9 "DateCompleted" goes with every finished task; one that does not say when is as old as its
/// last change.
fn completed_at(task: &Component) -> Option<String> {
    let dates = ["COMPLETED", "LAST-MODIFIED", "DTSTAMP"].into_iter().filter_map(|name| task.line(name));
    let at = dates.filter_map(|line| parse_date_time(&line.value).ok()).next();
    at.filter(|_| is_complete(task)).map(punctuated)
}

/// RFC 5545 3.8.1.9 "Priority": 1 to 4 high, 5 normal, 6 to 9 low, 0 none.
fn importance(task: &Component) -> String {
    if let Some(other) = task.plain(X_IMPORTANCE).filter(|text| number(text).is_some()) {
        return other;
    }
    let priority = task.line("PRIORITY").and_then(|line| line.value.trim().parse::<u8>().ok());
    match priority {
        Some(1..=4) => "2",
        Some(6..=9) => "0",
        Some(_) | None => "1",
    }
    .to_owned()
}

fn set_importance(task: &mut Component, importance: Option<&str>) {
    let priority = match importance {
        Some("0") => Some("9"),
        Some("1") => Some("5"),
        Some("2") => Some("1"),
        Some(_) | None => None,
    };
    task.set_text("PRIORITY", priority);
    task.set_text(X_IMPORTANCE, importance.filter(|_| priority.is_none()));
}

/// RFC 5545 3.8.1.3 "Classification"; X-PERSONAL as MS-OXCICAL 2.1.3.1.1.20.4 has it.
fn sensitivity(task: &Component) -> &'static str {
    let class = task.line("CLASS").map(|line| line.value.trim().to_ascii_uppercase());
    match class.as_deref() {
        None | Some("" | "PUBLIC") => "0",
        Some("X-PERSONAL") => "1",
        Some("CONFIDENTIAL") => "3",
        // RFC 5545: a class nobody knows is private.
        Some(_) => "2",
    }
}

fn set_sensitivity(task: &mut Component, wanted: &str) {
    if sensitivity(task) == wanted {
        return;
    }
    match wanted {
        "0" => task.remove("CLASS"),
        "1" => task.set(Line::new("CLASS", "X-PERSONAL")),
        "2" => task.set(Line::new("CLASS", "PRIVATE")),
        "3" => task.set(Line::new("CLASS", "CONFIDENTIAL")),
        _ => {}
    }
}

/// A number in its shortest form.
fn number(text: &str) -> Option<String> {
    text.trim().parse::<u32>().ok().map(|number| number.to_string())
}

fn facts_of(task: &Component) -> Facts {
    let mut text = component::body(task).text;
    text.truncate(text.floor_char_boundary(SEARCHED_MAX));
    let words = [text, component::categories(task).join(" ")];
    Facts {
        subject: task.plain("SUMMARY").unwrap_or_default(),
        uid: task.plain("UID").filter(|uid| !uid.is_empty()),
        search_text: words.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n"),
        ..Facts::of(if is_complete(task) { WindowKey::NEVER } else { WindowKey::FOREVER })
    }
}

#[cfg(test)]
mod tests;
