//! What a store must know of an event.

use easel_protocol::{Facts, WindowKey};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::clock::Series;
use super::people;
use super::stored::{Stored, instant, later};
use crate::lines::Component;
use crate::recurrence::{Rule, Set};
use crate::{ItemError, View, component};

/// Bytes of text that a search finds.
const SEARCHED_MAX: usize = 64 * 1024;

/// The facts of an event.
pub(super) fn of(stored: &Stored, view: &View<'_>) -> Facts {
    let main = stored.main();
    let mut text = component::body(main).text;
    text.truncate(text.floor_char_boundary(SEARCHED_MAX));
    let words = [main.plain("LOCATION").unwrap_or_default(), component::categories(main).join(" "), text];
    Facts {
        subject: main.plain("SUMMARY").unwrap_or_default(),
        people: people_of(main),
        uid: main.plain("UID").map(|uid| uid.trim().to_owned()).filter(|uid| !uid.is_empty()),
        search_text: words.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n"),
        ..Facts::of(window(stored, view))
    }
}

fn people_of(event: &Component) -> String {
    let mut words: Vec<String> = Vec::new();
    for line in event.lines().filter(|line| matches!(line.name.as_str(), "ORGANIZER" | "ATTENDEE")) {
        words.extend(line.param("CN").map(str::to_owned));
        words.extend(people::address(line));
    }
    words.truncate(2_000);
    words.join(" ")
}

/// The end of the last occurrence. What cannot be told is for ever, so that nothing leaves a window it belongs in.
fn window(stored: &Stored, view: &View<'_>) -> WindowKey {
    let owner = &view.owner.zone;
    let end_of = |event: &Component| stored.span(event, owner).ok().map(|span| span.end(owner));
    let Some(own) = end_of(stored.main()) else { return WindowKey::FOREVER };
    let moved = stored.overrides().filter_map(end_of).max().unwrap_or(Timestamp::MIN);
    let last = match Series::of(stored, view) {
        Ok(None) => Some(own),
        Ok(Some(series)) => {
            let mut passed = series.gone.clone();
            passed.extend(stored.overrides().filter_map(|event| series.original(stored, event)));
            passed.sort_unstable();
            series
                .set
                .last(&series.clock.zone, &passed)
                .map(|last| last.map_or(Timestamp::MIN, |at| later(instant(&series.clock.zone, at), series.length())))
        }
        Err(_) => None,
    };
    last.map_or(WindowKey::FOREVER, |last| {
        let last = last.max(moved);
        WindowKey(if last == Timestamp::MIN { own } else { last }.as_millisecond())
    })
}

/// The end of the last occurrence of a rule.
///
/// `start` is the first occurrence on the clock of `zone`, `length` how long each is. [`WindowKey::FOREVER`] for a
/// series without an end.
pub fn last_occurrence_end(rule: &Rule, start: DateTime, zone: &TimeZone, length: SignedDuration) -> WindowKey {
    match Set::new(start, vec![rule.clone()], Vec::new(), Vec::new(), zone).last(zone, &[]) {
        Some(last) => WindowKey(later(instant(zone, last.unwrap_or(start)), length).as_millisecond()),
        None => WindowKey::FOREVER,
    }
}

/// Facts of a stored text.
pub(super) fn read(content: &str, view: &View<'_>) -> Result<Facts, ItemError> {
    Stored::parse(content).map(|stored| of(&stored, view))
}
