//! ReminderSet and ReminderTime: a VALARM with an absolute trigger.
//!
//! MS-ASTASK 2.2.2.20 "ReminderSet", 2.2.2.21 "ReminderTime", the latter as numbers on the owner's clock. Of several
//! alarms the first to ring is shown. One whose moment nobody can tell is left out and stays (K: G20).

use easel_protocol::{compact, parse_date_time};
use easel_wbxml::Element;
use easel_wbxml::pages::tasks as t;
use jiff::{Span, Timestamp};

use super::dates::{self, Clocks};
use crate::ItemError;
use crate::lines::{Component, Entry, Line};
use crate::said::{Said, Sent};

/// When a task reminds, the first of its alarms.
pub(super) fn read(task: &Component, clocks: &Clocks) -> Option<Timestamp> {
    first(task, clocks).map(|(_, at)| at)
}

/// The pair of elements.
pub(super) fn elements(task: &Component, clocks: &Clocks) -> Vec<Element> {
    let numbers = read(task, clocks).and_then(|at| clocks.told(at));
    let mut all = vec![Element::boolean(t::REMINDER_SET, numbers.is_some())];
    all.extend(numbers.map(|numbers| Element::text(t::REMINDER_TIME, numbers)));
    all
}

/// Merges what a device said.
pub(super) fn apply(task: &mut Component, data: &Element, sent: &Sent<'_>, clocks: &Clocks) -> Result<(), ItemError> {
    let wanted = data.text_of(t::REMINDER_SET).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if wanted.as_ref().is_some_and(|text| !matches!(text.as_str(), "0" | "1")) {
        return Err(ItemError::Rule { element: "ReminderSet", reason: "neither 0 nor 1" });
    }
    let set = sent.of_kept(t::REMINDER_SET, |text| Some(text.trim().to_owned()));
    let time = sent.of_kept(t::REMINDER_TIME, dates::canonical);
    let given = data.text_of(t::REMINDER_TIME).filter(|text| !text.trim().is_empty());
    let stored = read(task, clocks);
    let reminds = wanted.map_or(stored.is_some(), |text| text == "1");
    if !reminds {
        if matches!(set, Said::Set(_) | Said::Clear) {
            task.entries.retain(|entry| !is_alarm(entry));
        }
        return Ok(());
    }
    let moment = given.as_ref().and_then(|text| clocks.heard(text));
    let moment = moment.and_then(|local| local.to_zoned(clocks.owner.clone()).ok()).map(|at| at.timestamp());
    match (moment, stored, &set, &time) {
        // What was shown came back.
        (_, Some(_), Said::Keep, Said::Keep) => {}
        (Some(at), _, _, _) => put(task, clocks, at),
        (None, Some(_), _, _) => {}
        // K: G51
        (None, None, _, _) if given.is_some() => {}
        (None, None, _, _) => return Err(ItemError::Rule { element: "ReminderTime", reason: "missing" }),
    }
    Ok(())
}

fn put(task: &mut Component, clocks: &Clocks, at: Timestamp) {
    let trigger = Line::new("TRIGGER", compact(at)).with("VALUE", "DATE-TIME");
    if let Some((place, _)) = first(task, clocks) {
        if let Entry::Component(alarm) = &mut task.entries[place] {
            alarm.set(trigger);
        }
        return;
    }
    let mut alarm = Component::new("VALARM");
    alarm.push(Line::new("ACTION", "DISPLAY"));
    alarm.push(Line::text("DESCRIPTION", &task.plain("SUMMARY").unwrap_or_default()));
    alarm.push(trigger);
    task.entries.push(Entry::Component(alarm));
}

fn is_alarm(entry: &Entry) -> bool {
    matches!(entry, Entry::Component(inner) if inner.name == "VALARM")
}

/// Place and moment of the alarm that rings first.
fn first(task: &Component, clocks: &Clocks) -> Option<(usize, Timestamp)> {
    let alarms = task.entries.iter().enumerate().filter_map(|(place, entry)| match entry {
        Entry::Component(alarm) if alarm.name == "VALARM" => Some((place, rings(task, alarm, clocks)?)),
        Entry::Component(_) | Entry::Line(_) => None,
    });
    alarms.min_by_key(|(_, at)| *at)
}

/// RFC 5545 3.8.6.3 "Trigger": a moment, or a time before or after start or end.
fn rings(task: &Component, alarm: &Component, clocks: &Clocks) -> Option<Timestamp> {
    let line = alarm.line("TRIGGER")?;
    let value = line.value.trim();
    if line.has_param("VALUE", "DATE-TIME") || value.ends_with(['Z', 'z']) {
        return parse_date_time(value).ok();
    }
    let span: Span = value.parse().ok()?;
    let (start, due) = (dates::start(task, clocks), dates::due(task, clocks));
    let anchor = if line.has_param("RELATED", "END") { due.or(start) } else { start.or(due) };
    let anchor = clocks.instant(anchor?)?.to_zoned(clocks.owner.clone());
    anchor.checked_add(span).ok().map(|at| at.timestamp())
}
