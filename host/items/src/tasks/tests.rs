use easel_protocol::{Class, Version};
use easel_wbxml::pages::{airsyncbase, tasks as t};
use easel_wbxml::{Element, Tag};
use proptest::prelude::*;

use super::*;
use crate::desk::{Desk, body};
use crate::{BodyType, Ghosting};

const TASK: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Somebody//EN\r\nX-WR-CALNAME:Mine\r\nBEGIN:VTODO\r\n\
    UID:task-1\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Water the\r\n  plants\r\nSTATUS:IN-PROCESS\r\nPERCENT-COMPLETE:40\r\n\
    PRIORITY:2\r\nDTSTART;VALUE=DATE:20260302\r\nDUE;VALUE=DATE:20260309\r\nCLASS:PRIVATE\r\nCATEGORIES:Home,Garden\r\n\
    DESCRIPTION:All of them\r\nX-ODD;A=b:c\r\nRRULE:FREQ=WEEKLY;BYDAY=MO;WKST=MO\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\n\
    TRIGGER:-PT15M\r\nX-KEEP:1\r\nEND:VALARM\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";

fn desk() -> Desk {
    Desk::new(Class::Tasks, Version::V14_1)
}

fn task(lines: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\nUID:1\r\n{lines}END:VTODO\r\nEND:VCALENDAR\r\n")
}

fn complete(value: &str) -> Element {
    Element::text(t::COMPLETE, value)
}

fn with(extra: Vec<Element>) -> Vec<Element> {
    let mut all = vec![Element::text(t::SUBJECT, "x"), complete("0")];
    all.extend(extra);
    all
}

fn refused(properties: Vec<Element>) -> String {
    desk().send(None, properties).unwrap_err().to_string()
}

fn weekly(extra: Vec<Element>) -> Element {
    let mut all = vec![
        Element::number(t::TYPE, 1),
        Element::text(t::START, "2026-03-01T23:00:00.000Z"),
        Element::number(t::INTERVAL, 1),
        Element::number(t::DAY_OF_WEEK, 2),
    ];
    all.extend(extra);
    Element::of(t::RECURRENCE, all)
}

#[test]
fn a_task_shows_what_it_says() {
    let desk = desk();
    let text = |tag| desk.text(TASK, tag).unwrap_or_default();
    for (tag, value) in [
        (t::SUBJECT, "Water the plants"),
        (t::IMPORTANCE, "2"),
        (t::UTC_START_DATE, "2026-03-01T23:00:00.000Z"),
        (t::START_DATE, "2026-03-02T00:00:00.000Z"),
        (t::UTC_DUE_DATE, "2026-03-08T23:00:00.000Z"),
        (t::DUE_DATE, "2026-03-09T00:00:00.000Z"),
        (t::COMPLETE, "0"),
        (t::SENSITIVITY, "2"),
        (t::REMINDER_SET, "1"),
        (t::REMINDER_TIME, "2026-03-01T23:45:00.000Z"),
    ] {
        assert_eq!(text(tag), value, "{tag}");
    }
    assert_eq!(desk.see(TASK).pop().unwrap().tag, t::CATEGORIES, "n04: the categories come last");
}

#[test]
fn what_comes_back_unchanged_changes_no_byte_in_any_version() {
    for version in Version::ALL {
        let desk = Desk::new(Class::Tasks, version);
        let applied = desk.send(Some(TASK), desk.see(TASK)).unwrap();
        assert_eq!(applied.content.as_deref(), Some(TASK), "{version}");
        assert!(!applied.changed);
    }
}

#[test]
fn one_changed_property_changes_one_line_and_the_time_of_change() {
    let changed = desk().change(TASK, vec![Element::text(t::SUBJECT, "Rest")]);
    let expected = TASK.replace("SUMMARY:Water the\r\n  plants", "SUMMARY:Rest");
    assert_eq!(changed.replace("LAST-MODIFIED:20260301T100000Z\r\n", ""), expected);
}

#[test]
fn a_task_that_is_done_says_so_and_one_taken_up_again_does_not() {
    let desk = desk();
    let done = desk.change(TASK, vec![complete("1"), Element::text(t::DATE_COMPLETED, "2026-03-03T09:30:00.000Z")]);
    for line in ["STATUS:COMPLETED\r\n", "PERCENT-COMPLETE:100\r\n", "COMPLETED:20260303T093000Z\r\n"] {
        assert!(done.contains(line), "{line}");
    }
    assert_eq!(desk.text(&done, t::DATE_COMPLETED).as_deref(), Some("2026-03-03T09:30:00.000Z"));
    assert_eq!(facts(&done).unwrap().window, WindowKey::NEVER);
    assert_eq!(facts(TASK).unwrap().window, WindowKey::FOREVER);
    let again = desk.change(&done, vec![complete("0")]);
    assert!(again.contains("STATUS:NEEDS-ACTION") && !again.contains("COMPLETED:"), "{again}");
    let now = desk.change(TASK, vec![complete("1")]);
    assert!(now.contains("COMPLETED:20260301T100000Z"), "without a date it is now");
}

#[test]
fn complete_is_required_and_a_number() {
    assert_eq!(refused(vec![Element::text(t::SUBJECT, "x")]), "Complete: missing");
    assert_eq!(refused(vec![complete("yes")]), "Complete: neither 0 nor 1");
    assert_eq!(refused(vec![complete("")]), "Complete: neither 0 nor 1");
    let mut desk = desk();
    desk.ghosting = Ghosting::All;
    assert!(desk.send(Some(TASK), vec![Element::text(t::SUBJECT, "x")]).is_ok());
}

#[test]
fn type_and_start_are_required_in_a_recurrence() {
    let without = |tag: Tag| {
        let mut recurrence = weekly(Vec::new());
        recurrence.content.retain(|node| !matches!(node, easel_wbxml::Node::Element(child) if child.tag == tag));
        refused(with(vec![recurrence]))
    };
    assert_eq!(without(t::TYPE), "Type: missing");
    assert_eq!(without(t::START), "Start: missing");
}

#[test]
fn stray_and_impossible_parts_of_a_recurrence_are_refused() {
    for (tag, value) in [
        (t::DAY_OF_MONTH, "5"),
        (t::WEEK_OF_MONTH, "1"),
        (t::CALENDAR_TYPE, "1"),
        (t::FIRST_DAY_OF_WEEK, "7"),
        (t::MONTH_OF_YEAR, "1"),
    ] {
        assert!(desk().send(None, with(vec![weekly(vec![Element::text(tag, value)])])).is_err(), "{tag}");
    }
}

#[test]
fn reminders_obey_their_rules() {
    let reminder = |set: &str, time: Option<&str>| {
        let mut all = vec![Element::text(t::REMINDER_SET, set)];
        all.extend(time.map(|time| Element::text(t::REMINDER_TIME, time)));
        with(all)
    };
    assert_eq!(refused(reminder("2", None)), "ReminderSet: neither 0 nor 1");
    assert_eq!(refused(reminder("1", None)), "ReminderTime: missing");
    let desk = desk();
    let added = desk.add(reminder("1", Some("2026-03-02T08:00:00.000Z")));
    assert!(added.contains("TRIGGER;VALUE=DATE-TIME:20260302T070000Z\r\n"), "{added}");
    assert_eq!(desk.text(&added, t::REMINDER_TIME).as_deref(), Some("2026-03-02T08:00:00.000Z"));
    assert!(!desk.add(reminder("0", Some("2026-03-02T08:00:00.000Z"))).contains("VALARM"));
    // K: G51
    assert!(!desk.add(reminder("1", Some("later"))).contains("VALARM"));
    let kept = desk.change_without(TASK, &[t::REMINDER_SET, t::REMINDER_TIME, t::IMPORTANCE]);
    assert_eq!(kept, TASK, "the absence of ReminderSet and Importance keeps");
    let moved = desk.change(TASK, vec![Element::text(t::REMINDER_TIME, "2026-03-02T08:00:00.000Z")]);
    assert!(moved.contains("TRIGGER;VALUE=DATE-TIME:20260302T070000Z\r\nX-KEEP:1\r\n"), "{moved}");
    let silent = desk.change(TASK, vec![Element::text(t::REMINDER_SET, "0")]);
    assert!(!silent.contains("VALARM"), "{silent}");
}

#[test]
fn g20_an_alarm_whose_moment_nobody_can_tell_is_no_reminder_and_stays() {
    let desk = desk();
    let adrift = task("BEGIN:VALARM\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nBEGIN:VALARM\r\nTRIGGER:soon\r\nEND:VALARM\r\n");
    assert_eq!(desk.text(&adrift, t::REMINDER_SET).as_deref(), Some("0"));
    assert_eq!(desk.text(&adrift, t::REMINDER_TIME), None);
    let changed = desk.change(&adrift, vec![Element::text(t::SUBJECT, "x")]);
    assert_eq!(changed.matches("BEGIN:VALARM").count(), 2);
}

#[test]
fn g22_numbers_are_said_also_when_they_are_zero() {
    let bare = task("");
    for tag in [t::COMPLETE, t::SENSITIVITY, t::REMINDER_SET] {
        assert_eq!(desk().text(&bare, tag).as_deref(), Some("0"), "{tag}");
    }
    assert!(desk().see(TASK).iter().all(|element| !element.is_empty()));
    let added = desk().add(with(vec![weekly(Vec::new())]));
    let recurrence = desk().see(&added).into_iter().find(|element| element.tag == t::RECURRENCE).unwrap();
    assert_eq!(recurrence.text_of(t::REGENERATE).unwrap(), "0");
    assert_eq!(recurrence.text_of(t::DEAD_OCCUR).unwrap(), "0");
}

#[test]
fn g14_the_start_of_a_series_is_a_moment_up_to_14_and_local_numbers_from_16() {
    let start = |version, content: &str| {
        let seen = Desk::new(Class::Tasks, version).see(content);
        let recurrence = seen.into_iter().find(|element| element.tag == t::RECURRENCE).unwrap();
        recurrence.text_of(t::START).unwrap().into_owned()
    };
    assert_eq!(start(Version::V14_1, TASK), "2026-03-01T23:00:00.000Z");
    assert_eq!(start(Version::V16_1, TASK), "2026-03-02T00:00:00.000Z");
    let mut from_16 = weekly(Vec::new());
    from_16.content[1] = easel_wbxml::Node::Element(Element::text(t::START, "2026-03-02T00:00:00.000Z"));
    let added = Desk::new(Class::Tasks, Version::V16_1).add(with(vec![from_16]));
    assert_eq!(
        added,
        desk()
            .add(with(vec![weekly(Vec::new())]))
            .replace(&uid(&desk().add(with(vec![weekly(Vec::new())]))), &uid(&added))
    );
}

fn uid(content: &str) -> String {
    facts(content).unwrap().uid.unwrap()
}

#[test]
fn a_series_is_written_as_a_rule_and_keeps_what_only_the_class_knows() {
    let desk = desk();
    let extra = vec![Element::number(t::REGENERATE, 1), Element::text(t::UNTIL, "2026-05-03T22:00:00.000Z")];
    let dates = vec![
        Element::text(t::UTC_START_DATE, "2026-03-15T23:00:00.000Z"),
        Element::text(t::START_DATE, "2026-03-16T00:00:00.000Z"),
    ];
    let added = desk.add(with([dates, vec![weekly(extra)]].concat()));
    assert!(added.contains("RRULE:FREQ=WEEKLY;UNTIL=20260504;BYDAY=MO\r\n"), "{added}");
    assert!(added.contains("X-EASEL-REGENERATE:1\r\n"));
    assert!(added.contains("X-EASEL-RECURRENCE-START;VALUE=DATE:20260302\r\n"));
    let recurrence = desk.see(&added).into_iter().find(|element| element.tag == t::RECURRENCE).unwrap();
    assert_eq!(recurrence.text_of(t::START).unwrap(), "2026-03-01T23:00:00.000Z");
    assert_eq!(recurrence.text_of(t::UNTIL).unwrap(), "2026-05-03T22:00:00.000Z");
    let single = desk.change_without(&added, &[t::RECURRENCE]);
    assert!(!single.contains("RRULE") && !single.contains("X-EASEL"), "{single}");
    let emptied = desk.change(&added, vec![Element::new(t::RECURRENCE)]);
    assert!(!emptied.contains("RRULE"));
}

#[test]
fn a_dead_occurrence_is_shown_as_one_and_repeated_by_nobody() {
    let desk = desk();
    let dead = desk.change(
        TASK,
        vec![
            complete("1"),
            Element::text(t::DATE_COMPLETED, "2026-03-02T10:00:00.000Z"),
            weekly(vec![Element::number(t::DEAD_OCCUR, 1)]),
        ],
    );
    assert!(!dead.contains("\r\nRRULE") && dead.contains("X-EASEL-DEAD-RRULE:FREQ=WEEKLY"), "{dead}");
    let recurrence = desk.see(&dead).into_iter().find(|element| element.tag == t::RECURRENCE).unwrap();
    assert_eq!(recurrence.text_of(t::DEAD_OCCUR).unwrap(), "1");
    assert!(!desk.send(Some(&dead), desk.see(&dead)).unwrap().changed);
}

#[test]
fn a_rule_that_no_element_says_is_not_told_and_not_lost() {
    let odd = TASK.replace("FREQ=WEEKLY;BYDAY=MO;WKST=MO", "FREQ=YEARLY;BYYEARDAY=100");
    assert!(!desk().see(&odd).iter().any(|element| element.tag == t::RECURRENCE));
    assert!(desk().change(&odd, vec![Element::text(t::SUBJECT, "x")]).contains("BYYEARDAY=100"));
}

#[test]
fn a_date_may_come_as_moment_or_as_numbers_or_as_both() {
    let desk = desk();
    let due = |utc: Option<&str>, local: Option<&str>| {
        let mut all = Vec::new();
        all.extend(utc.map(|text| Element::text(t::UTC_DUE_DATE, text)));
        all.extend(local.map(|text| Element::text(t::DUE_DATE, text)));
        let added = desk.add(with(all));
        added.lines().find(|line| line.starts_with("DUE")).unwrap_or("").to_owned()
    };
    let midnight = Some("2026-07-01T00:00:00.000Z");
    assert_eq!(due(Some("2026-06-30T22:00:00.000Z"), midnight), "DUE;VALUE=DATE:20260701");
    assert_eq!(due(None, midnight), "DUE;VALUE=DATE:20260701");
    assert_eq!(due(Some("2026-06-30T22:00:00.000Z"), None), "DUE;VALUE=DATE:20260701");
    assert_eq!(due(midnight, midnight), "DUE;VALUE=DATE:20260701");
    assert_eq!(
        due(Some("2026-07-01T08:00:00Z"), Some("2026-07-01T10:00:00Z")),
        "DUE;TZID=Europe/Berlin:20260701T100000"
    );
    assert_eq!(due(None, Some("2026-07-01T10:00:00Z")), "DUE;TZID=Europe/Berlin:20260701T100000");
    assert_eq!(due(Some("never"), None), "");
    let cleared = desk.change_without(TASK, &[t::UTC_DUE_DATE, t::DUE_DATE]);
    assert!(!cleared.contains("DUE"));
    let moved = desk.change_without(&desk.change(TASK, vec![Element::text(t::DUE_DATE, "2026-03-10T00:00:00Z")]), &[]);
    assert!(moved.contains("DUE;VALUE=DATE:20260310"), "{moved}");
}

#[test]
fn dates_stay_on_the_clock_of_their_line() {
    let desk = desk();
    let zoned = task("DTSTART;TZID=America/New_York:20260701T090000\r\nDURATION:PT2H\r\n");
    assert_eq!(desk.text(&zoned, t::UTC_START_DATE).as_deref(), Some("2026-07-01T13:00:00.000Z"));
    assert_eq!(desk.text(&zoned, t::START_DATE).as_deref(), Some("2026-07-01T15:00:00.000Z"));
    assert_eq!(desk.text(&zoned, t::UTC_DUE_DATE).as_deref(), Some("2026-07-01T15:00:00.000Z"));
    let later = vec![
        Element::text(t::UTC_START_DATE, "2026-07-01T14:00:00.000Z"),
        Element::text(t::START_DATE, "2026-07-01T16:00:00.000Z"),
    ];
    let moved = desk.change(&zoned, later);
    assert!(moved.contains("DTSTART;TZID=America/New_York:20260701T100000\r\n"), "{moved}");
    assert!(
        moved.contains("DUE;TZID=America/New_York:20260701T110000\r\n") && !moved.contains("DURATION"),
        "the end stays: {moved}"
    );
}

#[test]
fn start_and_due_are_both_days_or_both_moments() {
    let changed = desk().change(
        TASK,
        vec![
            Element::text(t::UTC_DUE_DATE, "2026-03-09T11:00:00.000Z"),
            Element::text(t::DUE_DATE, "2026-03-09T12:00:00.000Z"),
        ],
    );
    let lines = "DTSTART;TZID=Europe/Berlin:20260302T000000\r\nDUE;TZID=Europe/Berlin:20260309T120000\r\n";
    assert!(changed.contains(lines), "{changed}");
}

#[test]
fn a_task_from_a_device_is_on_the_clock_of_its_owner() {
    let mut desk = desk();
    let due = |utc: &str, local: &str| vec![Element::text(t::UTC_DUE_DATE, utc), Element::text(t::DUE_DATE, local)];
    let recurrence = weekly(Vec::new());
    let sent = with([due("2026-03-02T08:00:00.000Z", "2026-03-02T09:00:00.000Z"), vec![recurrence]].concat());
    let added = desk.add(sent.clone());
    assert!(added.contains("DUE;TZID=Europe/Berlin:20260302T090000\r\n"), "{added}");
    assert_eq!(added.matches("BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n").count(), 1, "{added}");
    // Behind the change of the clock it is nine o'clock still.
    let moved = desk.change(&added, due("2026-03-30T07:00:00.000Z", "2026-03-30T09:00:00.000Z"));
    assert!(moved.contains("DUE;TZID=Europe/Berlin:20260330T090000\r\n"), "{moved}");
    assert_eq!(moved.matches("BEGIN:VTIMEZONE").count(), 1, "{moved}");
    // A line of somebody else in UTC stays in UTC.
    let utc = task("DUE:20260302T080000Z\r\n");
    let later = due("2026-03-02T09:00:00.000Z", "2026-03-02T10:00:00.000Z");
    assert!(desk.change(&utc, later).contains("DUE:20260302T090000Z\r\n"));
    desk.owner.zone = jiff::tz::TimeZone::UTC;
    let added = desk.add(with(due("2026-03-02T08:00:00.000Z", "2026-03-02T08:00:00.000Z")));
    assert!(added.contains("DUE:20260302T080000Z\r\n") && !added.contains("VTIMEZONE"), "{added}");
}

#[test]
fn a_series_without_a_start_is_a_valid_object_and_shows_none() {
    let desk = desk();
    let due = |day: &str| vec![Element::text(t::DUE_DATE, format!("2026-03-{day}T00:00:00.000Z"))];
    let added = desk.add(with([due("09"), vec![weekly(Vec::new())]].concat()));
    assert!(added.contains("DTSTART;VALUE=DATE;X-EASEL-IMPLIED=TRUE:20260309\r\n"), "{added}");
    let started = |content: &str| desk.text(content, t::START_DATE);
    assert_eq!(started(&added), None);
    assert_eq!(desk.change(&added, Vec::new()), added);
    // It follows the date the task is due, and goes when there is a start or no series.
    let later = desk.change_without(&added, &[t::UTC_DUE_DATE]);
    assert_eq!(later.matches("DTSTART;VALUE=DATE;X-EASEL-IMPLIED=TRUE:20260309").count(), 1, "{later}");
    let mut sent = desk.see(&added);
    sent.retain(|element| !matches!(element.tag, t::UTC_DUE_DATE | t::DUE_DATE));
    let moved = desk.send(Some(&added), [sent.clone(), due("16")].concat()).unwrap().content.unwrap();
    assert!(moved.contains("DTSTART;VALUE=DATE;X-EASEL-IMPLIED=TRUE:20260316\r\n"), "{moved}");
    let start = Element::text(t::START_DATE, "2026-03-05T00:00:00.000Z");
    let begun = desk.send(Some(&added), [sent, due("09"), vec![start]].concat()).unwrap().content.unwrap();
    assert!(begun.contains("DTSTART;VALUE=DATE:20260305\r\n"), "{begun}");
    let single = desk.change_without(&added, &[t::RECURRENCE]);
    assert!(!single.contains("VTODO\r\nDTSTART") && !single.contains("IMPLIED"), "{single}");
    // Without any date it is the beginning of the pattern.
    let bare = desk.add(with(vec![weekly(Vec::new())]));
    assert!(bare.contains("DTSTART;VALUE=DATE;X-EASEL-IMPLIED=TRUE:20260302\r\n"), "{bare}");
    assert_eq!((started(&bare), desk.change(&bare, Vec::new())), (None, bare.clone()));
}

#[test]
fn an_occurrence_that_differs_is_not_told_and_stays() {
    let once = "BEGIN:VTODO\r\nUID:task-1\r\nRECURRENCE-ID;VALUE=DATE:20260309\r\nSUMMARY:Once\r\nSTATUS:COMPLETED\r\nEND:VTODO\r\n";
    let stored = TASK.replace("END:VCALENDAR", &format!("{once}END:VCALENDAR"));
    assert_eq!(desk().see(&stored), desk().see(TASK));
    let changed = desk().change(&stored, vec![Element::text(t::SUBJECT, "Other")]);
    assert!(changed.contains(once) && changed.contains("SUMMARY:Other"), "{changed}");
}

#[test]
fn importance_and_sensitivity_keep_what_they_stand_for() {
    let desk = desk();
    for value in ["0", "1", "2", "7"] {
        let added = desk.add(with(vec![Element::text(t::IMPORTANCE, value)]));
        assert_eq!(desk.text(&added, t::IMPORTANCE).as_deref(), Some(value));
    }
    for value in ["0", "1", "2", "3"] {
        let added = desk.add(with(vec![Element::text(t::SENSITIVITY, value)]));
        assert_eq!(desk.text(&added, t::SENSITIVITY).as_deref(), Some(value));
    }
    let public = task("CLASS:PUBLIC\r\n");
    assert_eq!(desk.change_without(&public, &[t::SENSITIVITY]), public);
    assert!(!desk.change_without(TASK, &[t::SENSITIVITY]).contains("CLASS"));
}

#[test]
fn html_in_a_task_is_kept_beside_its_text() {
    let desk = desk();
    let added = desk.add(with(vec![body(BodyType::Html, "<html><body><p>Bold &amp; new</p></body></html>")]));
    assert!(added.contains("X-ALT-DESC;FMTTYPE=text/html:<html>"), "{added}");
    assert!(added.contains("DESCRIPTION:Bold & new"), "{added}");
    assert!(!desk.send(Some(&added), desk.see(&added)).unwrap().changed);
    let plain = desk.change(&added, vec![body(BodyType::Text, "plain")]);
    assert!(!plain.contains("X-ALT-DESC") && plain.contains("DESCRIPTION:plain"));
}

#[test]
fn a_body_that_is_not_sent_is_kept() {
    assert_eq!(desk().change_without(TASK, &[airsyncbase::BODY]), TASK);
}

#[test]
fn with_a_base_an_old_value_does_not_overwrite_a_newer_one() {
    let mut desk = desk();
    let mut sent = desk.see(TASK);
    sent.retain(|element| element.tag != t::SUBJECT);
    sent.push(Element::text(t::SUBJECT, "Mine"));
    let newer = TASK.replace("DUE;VALUE=DATE:20260309", "DUE;VALUE=DATE:20260401").replace("PRIORITY:2", "PRIORITY:9");
    desk.base = Some(TASK.to_owned());
    let merged = desk.send(Some(&newer), sent).unwrap().content.unwrap();
    assert!(
        merged.contains("SUMMARY:Mine") && merged.contains("20260401") && merged.contains("PRIORITY:9"),
        "{merged}"
    );
}

#[test]
fn hostile_tasks_are_bounded() {
    let desk = desk();
    let endless =
        task(&format!("RRULE:FREQ=SECONDLY\r\nDTSTART:20260101T000000Z\r\n{}", "CATEGORIES:a,b\r\n".repeat(50_000)));
    assert!(desk.see(&endless).len() < 20);
    let alarms = task(&"BEGIN:VALARM\r\nTRIGGER;VALUE=DATE-TIME:20260101T000000Z\r\nEND:VALARM\r\n".repeat(30_000));
    assert_eq!(desk.text(&alarms, t::REMINDER_SET).as_deref(), Some("1"));
    let note = task(&format!("DESCRIPTION:{}\r\n", "long\\n".repeat(2 << 20)));
    assert!(desk.send(Some(&note), desk.see(&note)).is_ok());
    for date in [
        "DTSTART:99999999T999999Z",
        "DUE;TZID=x:9",
        "DURATION:P99999999999Y",
        "DTSTART:\u{e4}\u{e4}\u{e4}\u{e4}",
        "DTSTART:99991231T235959Z",
    ] {
        let odd = task(&format!(
            "{date}\r\nRRULE:FREQ=DAILY;COUNT=999999999\r\nBEGIN:VALARM\r\nTRIGGER:-P9999999D\r\nEND:VALARM\r\n"
        ));
        assert!(!desk.send(Some(&odd), desk.see(&odd)).unwrap().changed, "{date}");
    }
    for garbage in ["", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "BEGIN:VTODO\r\nEND:VTODO\r\n", "\u{0}"] {
        assert!(properties(garbage, &desk.view()).is_err());
    }
}

const LINE: &str = "(SUMMARY|DTSTART|DUE|DURATION|PRIORITY|CLASS|STATUS|COMPLETED|CATEGORIES|RRULE|X-ALT-DESC|DESCRIPTION\
    |X-EASEL-DEAD-OCCUR|X-EASEL-RECURRENCE-START|PERCENT-COMPLETE|X-ODD)(;VALUE=DATE)?(;TZID=Europe/Paris)?:\
    (2026010[1-9](T1[0-9]3000Z?)?|FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;COUNT=[0-9])?(;BYDAY=(MO|2TU|SU,SA))?|[a-zA-Z0-9,;:\\\\ -]{0,20})\r\n";

proptest! {
    #[test]
    fn what_is_shown_and_sent_back_changes_nothing(lines in prop::collection::vec(LINE, 0..16)) {
        let content = task(&lines.concat());
        for version in [Version::V2_5, Version::V14_0, Version::V16_1] {
            let desk = Desk::new(Class::Tasks, version);
            let applied = desk.send(Some(&content), desk.see(&content)).unwrap();
            prop_assert_eq!(applied.content.as_deref(), Some(content.as_str()));
        }
    }

    #[test]
    fn unknown_lines_survive_every_edit(
        unknown in prop::collection::vec("X-[A-Z]{3}Q(;[A-Z]{2}=[a-z]{1,4})?:[ -~]{0,90}\r\n", 1..8),
        subject in "[a-z ,;]{1,20}",
        done in prop::bool::ANY,
    ) {
        let content = TASK.replace("END:VTODO", &format!("{}END:VTODO", unknown.concat()));
        let edits = vec![Element::text(t::SUBJECT, subject), Element::boolean(t::COMPLETE, done), body(BodyType::Text, "new")];
        let changed = desk().change(&content, edits);
        for line in &unknown {
            prop_assert!(changed.contains(line.as_str()), "{} in {}", line, changed);
        }
        prop_assert!(changed.contains("X-WR-CALNAME:Mine\r\n") && changed.contains("X-KEEP:1\r\n"));
    }
}
