//! Reminder. RFC 5545 3.6.6 "Alarm Component", MS-ASCAL 2.2.2.38 "Reminder".

use jiff::tz::TimeZone;

use super::stored::{Span, Stored, duration};
use crate::lines::{Component, Entry, Line};

/// Minutes a device can be told.
const MINUTES_MAX: i64 = 4_294_967_295;

/// Minutes before the start, of an alarm that a device can have: it shows or sounds, not after the start.
///
/// An alarm behind the start would be a negative number, which breaks devices, and is left out (K: G20).
fn minutes(stored: &Stored, alarm: &Component, span: &Span, owner: &TimeZone) -> Option<i64> {
    let action = alarm.line("ACTION").map(|line| line.value.trim().to_ascii_uppercase());
    if alarm.name != "VALARM" || matches!(action.as_deref(), Some("EMAIL" | "NONE" | "PROCEDURE")) {
        return None;
    }
    let trigger = alarm.line("TRIGGER")?;
    let start = span.start.instant(owner);
    let before = match duration(&trigger.value) {
        Some(offset) if trigger.has_param("RELATED", "END") => -(span.length + offset),
        Some(offset) => -offset,
        None => start.duration_since(stored.when(trigger)?.instant(owner)),
    };
    let minutes = before.as_secs().div_euclid(60);
    (0..=MINUTES_MAX).contains(&minutes).then_some(minutes)
}

/// Reminder: the earliest alarm. 0 is a value (K: G21).
pub(super) fn reminder(stored: &Stored, event: &Component, span: &Span, owner: &TimeZone) -> Option<i64> {
    event.components().filter_map(|alarm| minutes(stored, alarm, span, owner)).max()
}

/// Moves the alarm that Reminder stood for, or makes one; `None` removes every alarm a device could have seen.
pub(super) fn set(event: &mut Component, stored: &Stored, span: &Span, owner: &TimeZone, wanted: Option<i64>) {
    let shown = reminder(stored, event, span, owner);
    if shown == wanted {
        return;
    }
    let Some(wanted) = wanted else {
        event.entries.retain(|entry| match entry {
            Entry::Component(alarm) => minutes(stored, alarm, span, owner).is_none(),
            Entry::Line(_) => true,
        });
        return;
    };
    let trigger = || Line::new("TRIGGER", format!("-PT{wanted}M"));
    let moved = event.components_mut().find(|alarm| shown.is_some() && minutes(stored, alarm, span, owner) == shown);
    if let Some(alarm) = moved {
        alarm.set(trigger());
        return;
    }
    let mut alarm = Component::new("VALARM");
    alarm.push(Line::new("ACTION", "DISPLAY"));
    alarm.push(Line::new("DESCRIPTION", "Reminder"));
    alarm.push(trigger());
    event.entries.push(Entry::Component(alarm));
}
