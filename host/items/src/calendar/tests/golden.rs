//! Calendars of well-known programs, as a device of each age sees them.
//!
//! `tests/fixtures/calendar/NAME.ics` and `NAME.VERSION.txt`; `UPDATE_GOLDEN=1` rewrites the latter.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::*;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/calendar")
}

fn write(element: &Element, depth: usize, out: &mut String) {
    let name = element.tag.name().unwrap();
    let value = element.value();
    writeln!(out, "{}{name}{}{value}", "  ".repeat(depth), if value.is_empty() { "" } else { " " }).unwrap();
    element.children().for_each(|child| write(child, depth + 1, out));
}

fn check(name: &str) {
    let stored = std::fs::read_to_string(folder().join(name).with_extension("ics")).unwrap();
    for version in [Version::V2_5, Version::V12_1, Version::V14_1, Version::V16_1] {
        let desk = desk(version);
        let mut shown = String::new();
        desk.see(&stored).iter().for_each(|element| write(element, 0, &mut shown));
        let path = folder().join(format!("{name}.{version}.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &shown).unwrap();
        }
        assert_eq!(shown, std::fs::read_to_string(&path).unwrap(), "{}", path.display());
        let back = desk.send(Some(&stored), desk.see(&stored)).unwrap();
        assert!(!back.changed);
        assert_eq!(back.content.as_deref(), Some(stored.as_str()));
    }
}

#[test]
fn a_google_series_with_a_moved_and_a_deleted_occurrence_over_a_clock_change() {
    check("google-series");
}

#[test]
fn an_apple_series_of_days_with_a_count_and_a_deleted_day() {
    check("apple-all-day");
}

#[test]
fn an_outlook_invitation_in_a_windows_zone() {
    check("outlook-meeting");
}

#[test]
fn a_thunderbird_series_of_last_working_days() {
    check("thunderbird-monthly");
}

#[test]
fn every_event_of_the_sample_calendars_is_shown_in_every_version() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/sample-data/calendar");
    let mut events = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for event in split(&text).unwrap() {
            events += 1;
            for version in Version::ALL {
                let desk = desk(version);
                assert_eq!(desk.change(&event, vec![]), event, "{version}");
            }
        }
    }
    assert!(events > 0);
}
