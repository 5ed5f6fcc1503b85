//! Series, their exceptions, and single occurrences.

use super::*;

const SERIES: &str = "DTSTART;TZID=Europe/Berlin:20260302T090000\nDTEND;TZID=Europe/Berlin:20260302T100000\n\
    RRULE:FREQ=WEEKLY;BYDAY=MO\nSUMMARY:Weekly\nLOCATION:Room\nDESCRIPTION:Agenda\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT15M\nEND:VALARM";

fn exceptions(desk: &Desk, stored: &str) -> Vec<Element> {
    let shown = desk.see(stored).into_iter().find(|element| element.tag == c::EXCEPTIONS);
    shown.map(|all| all.children().cloned().collect()).unwrap_or_default()
}

fn exception(children: &[(Tag, &str)]) -> Element {
    Element::of(c::EXCEPTION, children.iter().map(|(tag, value)| text(*tag, value)))
}

fn words(element: &Element) -> String {
    element
        .children()
        .map(|child| format!("{}={}", child.tag.name().unwrap(), child.value()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn key(version: Version) -> Tag {
    if version >= Version::V16_0 { b::INSTANCE_ID } else { c::EXCEPTION_START_TIME }
}

/// Replaces one whole event by two.
fn with_override(series: &str, lines: &str) -> String {
    let extra = ics(lines);
    let event = &extra[extra.find("BEGIN:VEVENT").unwrap()..extra.find("END:VCALENDAR").unwrap()];
    ics(series).replace("END:VCALENDAR", &format!("{event}END:VCALENDAR"))
}

#[test]
fn deleted_and_moved_occurrences_are_told_by_their_original_start() {
    // Over the change of the clock on 29 March.
    let stored = with_override(
        &format!("{SERIES}\nEXDATE;TZID=Europe/Berlin:20260323T090000"),
        "RECURRENCE-ID;TZID=Europe/Berlin:20260330T090000\nDTSTART;TZID=Europe/Berlin:20260331T110000\n\
        DTEND;TZID=Europe/Berlin:20260331T113000\nSUMMARY:Moved\nDESCRIPTION:Agenda",
    );
    for version in Version::ALL {
        let desk = desk(version);
        let shown = exceptions(&desk, &stored);
        let key = key(version).name().unwrap();
        assert_eq!(words(&shown[0]), format!("Deleted=1 {key}=20260323T080000Z"));
        let moved = words(&shown[1]);
        assert!(moved.starts_with(&format!("{key}=20260330T070000Z EndTime=20260331T093000Z Location= ")), "{moved}");
        assert!(moved.contains("Subject=Moved StartTime=20260331T090000Z"), "{moved}");
        assert_eq!(moved.contains("Reminder="), version >= Version::V14_1, "{moved}");
        assert_eq!(desk.change(&stored, vec![]), stored, "{version}");
    }
}

#[test]
fn attendees_of_an_exception_are_told_from_14_0() {
    let stored = with_override(
        &format!("{SERIES}\nORGANIZER:mailto:ada@example.org\nATTENDEE:mailto:bob@example.org"),
        "RECURRENCE-ID;TZID=Europe/Berlin:20260309T090000\nDTSTART;TZID=Europe/Berlin:20260309T090000\n\
        DTEND;TZID=Europe/Berlin:20260309T100000\nSUMMARY:Weekly\nORGANIZER:mailto:ada@example.org\nATTENDEE:mailto:carol@example.org",
    );
    for version in Version::ALL {
        let shown = &exceptions(&desk(version), &stored)[0];
        assert_eq!(shown.child(c::ATTENDEES).is_some(), version >= Version::V14_0, "{version}");
        for tag in [c::UID, c::TIMEZONE, c::ORGANIZER_EMAIL, c::RECURRENCE] {
            assert_eq!(shown.child(tag), None, "{tag}");
        }
    }
}

#[test]
fn g38_absence_inside_an_exception_removes_no_attendees_and_cancels_nothing() {
    let stored = with_override(
        &format!("{SERIES}\nORGANIZER:mailto:ada@example.org\nATTENDEE:mailto:bob@example.org"),
        "RECURRENCE-ID;TZID=Europe/Berlin:20260309T090000\nDTSTART;TZID=Europe/Berlin:20260309T090000\n\
        DTEND;TZID=Europe/Berlin:20260309T100000\nSUMMARY:Weekly\nSTATUS:CANCELLED\nORGANIZER:mailto:ada@example.org\nATTENDEE:mailto:carol@example.org\nLOCATION:Room\nDESCRIPTION:Agenda",
    );
    let desk = desk(Version::V14_1);
    let mut sent = exceptions(&desk, &stored)[0].clone();
    sent.content.retain(|node| match node {
        easel_wbxml::Node::Element(child) => !matches!(child.tag, c::ATTENDEES | c::MEETING_STATUS),
        easel_wbxml::Node::Opaque(_) | easel_wbxml::Node::Text(_) => true,
    });
    assert_eq!(desk.change(&stored, vec![Element::of(c::EXCEPTIONS, [sent])]), stored);
}

#[test]
fn exceptions_that_are_not_mentioned_stay() {
    let stored = ics(&format!("{SERIES}\nEXDATE;TZID=Europe/Berlin:20260323T090000"));
    let desk = desk(Version::V14_1);
    assert_eq!(desk.change_without(&stored, &[c::EXCEPTIONS]), stored);
    let another =
        Element::of(c::EXCEPTIONS, [exception(&[(c::DELETED, "1"), (c::EXCEPTION_START_TIME, "20260316T080000Z")])]);
    let both = desk.change(&stored, vec![another]);
    assert!(both.contains("EXDATE;TZID=Europe/Berlin:20260323T090000\r\n"), "{both}");
    assert!(both.contains("EXDATE;TZID=Europe/Berlin:20260316T090000\r\n"), "{both}");
}

#[test]
fn a_new_exception_is_a_copy_of_the_series_with_what_differs() {
    let stored = ics(&format!("X-KEPT:1\n{SERIES}"));
    let desk = desk(Version::V12_1);
    let moved = exception(&[
        (c::EXCEPTION_START_TIME, "20260330T070000Z"),
        (c::SUBJECT, "Once"),
        (c::START_TIME, "20260331T120000Z"),
        (c::END_TIME, "20260331T130000Z"),
        (c::LOCATION, ""),
    ]);
    let after = desk.change(&stored, vec![Element::of(c::EXCEPTIONS, [moved])]);
    let extra = &after[after.rfind("BEGIN:VEVENT").unwrap()..];
    assert!(extra.contains("UID:u1\r\nRECURRENCE-ID;TZID=Europe/Berlin:20260330T090000\r\n"), "{extra}");
    assert!(
        extra.contains("DTSTART;TZID=Europe/Berlin:20260331T140000\r\nDTEND;TZID=Europe/Berlin:20260331T150000\r\n")
    );
    assert!(extra.contains("SUMMARY:Once\r\n") && extra.contains("X-KEPT:1\r\n") && extra.contains("TRIGGER:-PT15M"));
    assert!(!extra.contains("RRULE") && !extra.contains("LOCATION"), "{extra}");
    assert_eq!(after[..after.rfind("BEGIN:VEVENT").unwrap()], stored[..stored.find("END:VCALENDAR").unwrap()]);
    // Taken out, it is gone for good; sent again, it is back.
    let deleted = exception(&[(c::DELETED, "1"), (c::EXCEPTION_START_TIME, "20260330T070000Z")]);
    let gone = desk.change(&after, vec![Element::of(c::EXCEPTIONS, [deleted])]);
    assert!(!gone.contains("Once") && gone.contains("EXDATE;TZID=Europe/Berlin:20260330T090000"), "{gone}");
    let back = exception(&[(c::EXCEPTION_START_TIME, "20260330T070000Z"), (c::SUBJECT, "Twice")]);
    let back = desk.change(&gone, vec![Element::of(c::EXCEPTIONS, [back])]);
    assert!(back.contains("SUMMARY:Twice") && !back.contains("EXDATE"), "{back}");
}

#[test]
fn an_exception_without_a_place_in_the_series_is_left_alone() {
    let desk = desk(Version::V14_1);
    let stored = ics(SERIES);
    for at in ["20260303T080000Z", "19990101T000000Z", "never", ""] {
        let lost = exception(&[(c::EXCEPTION_START_TIME, at), (c::SUBJECT, "x")]);
        assert_eq!(desk.change(&stored, vec![Element::of(c::EXCEPTIONS, [lost])]), stored, "{at}");
    }
    // The day is right, the time is not: the occurrence of that day is meant.
    let near = exception(&[(c::EXCEPTION_START_TIME, "20260309T100000Z"), (c::DELETED, "1")]);
    let after = desk.change(&stored, vec![Element::of(c::EXCEPTIONS, [near])]);
    assert!(after.contains("EXDATE;TZID=Europe/Berlin:20260309T090000"), "{after}");
}

#[test]
fn exceptions_follow_the_series_in_what_they_inherit() {
    let stored = with_override(
        SERIES,
        "RECURRENCE-ID;TZID=Europe/Berlin:20260330T090000\nDTSTART;TZID=Europe/Berlin:20260331T110000\n\
        DTEND;TZID=Europe/Berlin:20260331T113000\nSUMMARY:Weekly\nLOCATION:Elsewhere\nDESCRIPTION:Agenda",
    );
    let desk = desk(Version::V14_1);
    let after = desk.change(&stored, vec![text(c::SUBJECT, "Renamed"), text(c::LOCATION, "Hall")]);
    assert_eq!(after.matches("SUMMARY:Renamed").count(), 2, "{after}");
    assert_eq!(after.matches("LOCATION:Elsewhere").count(), 1, "{after}");
    assert_eq!(after.matches("LOCATION:Hall").count(), 1, "{after}");
}

#[test]
fn a_series_that_moves_takes_its_exceptions_along_up_to_14_1() {
    let stored = with_override(
        &format!("{SERIES}\nEXDATE;TZID=Europe/Berlin:20260323T090000,20260316T090000"),
        "RECURRENCE-ID;TZID=Europe/Berlin:20260330T090000\nDTSTART;TZID=Europe/Berlin:20260331T110000\n\
        DTEND;TZID=Europe/Berlin:20260331T113000\nSUMMARY:Moved\nLOCATION:Room\nDESCRIPTION:Agenda",
    );
    let edits = || vec![text(c::START_TIME, "20260302T093000Z"), text(c::END_TIME, "20260302T103000Z")];
    let desk = desk(Version::V14_1);
    let mut sent = desk.see(&stored);
    sent.retain(|element| !matches!(element.tag, c::START_TIME | c::END_TIME | c::EXCEPTIONS));
    sent.extend(edits());
    let after = desk.send(Some(&stored), sent).unwrap().content.unwrap();
    assert!(after.contains("DTSTART;TZID=Europe/Berlin:20260302T103000"), "{after}");
    assert!(after.contains("EXDATE;TZID=Europe/Berlin:20260323T103000,20260316T103000\r\n"), "{after}");
    assert!(after.contains("RECURRENCE-ID;TZID=Europe/Berlin:20260330T103000\r\n"), "{after}");
    assert_eq!(exceptions(&desk, &after).len(), 3);
    // From 16.0 the series begins anew.
    let fresh = self::desk(Version::V16_1).send(Some(&stored), edits()).unwrap().content.unwrap();
    assert!(!fresh.contains("EXDATE") && !fresh.contains("RECURRENCE-ID"), "{fresh}");
}

#[test]
fn i39_an_empty_recurrence_makes_a_single_event() {
    let stored = ics(&format!("{SERIES}\nEXDATE;TZID=Europe/Berlin:20260323T090000"));
    for desk in desks() {
        let single = desk.change(&stored, vec![Element::new(c::RECURRENCE)]);
        assert!(!single.contains("RRULE") && !single.contains("EXDATE"), "{single}");
    }
    let absent = desk(Version::V14_1).change_without(&stored, &[c::RECURRENCE, c::EXCEPTIONS]);
    assert!(!absent.contains("RRULE"), "{absent}");
    assert_eq!(desk(Version::V16_1).change_without(&stored, &[c::RECURRENCE]), stored);
}

#[test]
fn a_new_pattern_is_stored_and_an_equal_one_keeps_its_bytes() {
    let stored = ics(&SERIES.replace("FREQ=WEEKLY;BYDAY=MO", "BYDAY=MO;FREQ=WEEKLY;INTERVAL=1"));
    for desk in desks() {
        let same = Element::of(c::RECURRENCE, [text(c::TYPE, "1"), text(c::DAY_OF_WEEK, "2")]);
        assert_eq!(desk.change(&stored, vec![same]), stored);
        let until = text(c::UNTIL, "20260601T070000Z");
        let other = Element::of(c::RECURRENCE, [text(c::TYPE, "2"), until, text(c::DAY_OF_MONTH, "2")]);
        let after = desk.change(&stored, vec![other]);
        assert!(after.contains("RRULE:FREQ=MONTHLY;UNTIL=20260601T070000Z;BYMONTHDAY=2\r\n"), "{after}");
    }
}

#[test]
fn an_old_series_keeps_its_clock_time_under_the_rules_of_today() {
    // In 2005 New York changed its clocks in April; the blob has the rules of today, under which 20 March is in daylight
    // time. Re-applied by a device, 9 o'clock stays 9 o'clock.
    let stored = ics("DTSTART;TZID=America/New_York:20050320T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY\n\
        EXDATE;TZID=America/New_York:20260315T090000");
    let desk = desk(Version::V14_1);
    assert_eq!(desk.text(&stored, c::TIMEZONE).unwrap(), blob_of("America/New_York"));
    assert_eq!(desk.text(&stored, c::START_TIME).as_deref(), Some("20050320T130000Z"));
    assert_eq!(words(&exceptions(&desk, &stored)[0]), "Deleted=1 ExceptionStartTime=20260315T130000Z");
    assert_eq!(desk.change(&stored, vec![]), stored);
    // An occurrence that differs but was not moved has the same start as its name.
    let lines = "DTSTART;TZID=America/New_York:20050320T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY";
    let renamed = "RECURRENCE-ID;TZID=America/New_York:20050327T090000\n\
        DTSTART;TZID=America/New_York:20050327T090000\nDURATION:PT1H\nSUMMARY:Once";
    let stored = with_override(lines, renamed);
    let once = &exceptions(&desk, &stored)[0];
    assert_eq!(once.text_of(c::START_TIME), once.text_of(c::EXCEPTION_START_TIME));
    assert_eq!(desk.change(&stored, vec![]), stored);
    // A single event is a moment.
    let single = ics("DTSTART;TZID=America/New_York:20050320T090000\nDURATION:PT1H");
    assert_eq!(desk.text(&single, c::START_TIME).as_deref(), Some("20050320T140000Z"));
}

#[test]
fn an_occurrence_is_edited_from_16_0_by_its_instance_id() {
    let desk = desk(Version::V16_1);
    let stored = ics(SERIES);
    let edit = |data| instance(&desk, &stored, at("2026-03-30T07:00:00Z"), data, false);
    let after = edit(vec![text(c::SUBJECT, "Once")]).unwrap().content.unwrap();
    let extra = &after[after.rfind("BEGIN:VEVENT").unwrap()..];
    assert!(extra.contains("RECURRENCE-ID;TZID=Europe/Berlin:20260330T090000\r\n"), "{extra}");
    assert!(
        extra.contains("SUMMARY:Once\r\n")
            && extra.contains("LOCATION:Room")
            && extra.contains("DTSTART;TZID=Europe/Berlin:20260330T090000")
    );
    // What is not sent is kept in a second edit.
    let again = instance(&desk, &after, at("2026-03-30T07:00:00Z"), vec![text(c::BUSY_STATUS, "0")], false);
    let again = again.unwrap().content.unwrap();
    assert!(again.contains("SUMMARY:Once") && again.contains("TRANSP:TRANSPARENT"), "{again}");
    assert!(!edit(vec![]).unwrap().changed);
    assert_eq!(rule_of(edit(vec![text(c::ALL_DAY_EVENT, "1")])), "AllDayEvent");
    let nowhere = instance(&desk, &stored, at("2026-03-31T07:00:00Z"), vec![], false);
    assert_eq!(nowhere.unwrap_err(), ItemError::NoSuchOccurrence);
    let single = instance(&desk, &ics(PLAIN), at("2026-03-10T08:00:00Z"), vec![], false);
    assert_eq!(single.unwrap_err(), ItemError::NoSuchOccurrence);
}

#[test]
fn an_occurrence_is_deleted_from_16_0_and_with_the_last_the_series() {
    let desk = desk(Version::V16_1);
    let stored = ics(&SERIES.replace("BYDAY=MO", "BYDAY=MO;COUNT=2"));
    let one = instance(&desk, &stored, at("2026-03-02T08:00:00Z"), vec![], true).unwrap().content.unwrap();
    assert!(one.contains("EXDATE;TZID=Europe/Berlin:20260302T090000"), "{one}");
    let gone = instance(&desk, &one, at("2026-03-02T08:00:00Z"), vec![text(c::SUBJECT, "x")], false);
    assert_eq!(gone.unwrap_err(), ItemError::NoSuchOccurrence);
    let none = instance(&desk, &one, at("2026-03-09T08:00:00Z"), vec![], true).unwrap();
    assert_eq!((none.content, none.changed), (None, true));
}

#[test]
fn g42_an_instance_of_days_is_a_date() {
    let stored = ics("DTSTART;VALUE=DATE:20260302\nRRULE:FREQ=WEEKLY\nSUMMARY:Day");
    let desk = desk(Version::V16_1);
    // As a date, and as the owner's midnight.
    for id in ["2026-03-30T00:00:00Z", "2026-03-29T22:00:00Z"] {
        let moved = vec![text(c::START_TIME, "20260401T000000Z"), text(c::END_TIME, "20260402T000000Z")];
        let after = instance(&desk, &stored, at(id), moved, false).unwrap().content.unwrap();
        assert!(after.contains("RECURRENCE-ID;VALUE=DATE:20260330\r\n"), "{after}");
        assert!(after.contains("DTSTART;VALUE=DATE:20260401\r\n"), "{after}");
        assert!(!after.contains("ORGANIZER"), "{after}");
        assert_eq!(words(&exceptions(&desk, &after)[0]).split(" Dt").next().unwrap(), "InstanceId=20260330T000000Z",);
        let gone = instance(&desk, &stored, at(id), vec![], true).unwrap().content.unwrap();
        assert!(gone.contains("EXDATE;VALUE=DATE:20260330\r\n"), "{gone}");
    }
    // Up to 14.1 it is the midnight of the zone.
    let gone = ics("DTSTART;VALUE=DATE:20260302\nRRULE:FREQ=WEEKLY\nEXDATE;VALUE=DATE:20260330");
    assert_eq!(
        words(&exceptions(&self::desk(Version::V14_1), &gone)[0]),
        "Deleted=1 ExceptionStartTime=20260329T220000Z"
    );
}

#[test]
fn an_orphan_is_told_with_its_instance_id_from_16_0() {
    let stored = ics(&format!("RECURRENCE-ID;TZID=Europe/Berlin:20260309T090000\n{INVITED}"));
    for version in Version::ALL {
        let told = desk(version).text(&stored, b::INSTANCE_ID);
        assert_eq!(told.as_deref(), (version >= Version::V16_0).then_some("20260309T080000Z"));
        assert_eq!(desk(version).change(&stored, vec![]), stored);
    }
    let desk = desk(Version::V16_1);
    let gone = instance(&desk, &stored, at("2026-03-09T08:00:00Z"), vec![], true).unwrap();
    assert_eq!(gone.content, None);
}

#[test]
fn a_series_may_come_with_its_exceptions() {
    for desk in desks() {
        let mut event = new_event("20260302T080000Z", "20260302T090000Z");
        event.push(Element::of(c::RECURRENCE, [text(c::TYPE, "1"), text(c::DAY_OF_WEEK, "2")]));
        let key = key(desk.version);
        event.push(Element::of(
            c::EXCEPTIONS,
            [
                exception(&[(c::DELETED, "1"), (key, "20260309T080000Z")]),
                exception(&[(key, "20260316T080000Z"), (c::SUBJECT, "Other")]),
            ],
        ));
        let stored = desk.add(event);
        assert!(stored.contains("RRULE:FREQ=WEEKLY;BYDAY=MO\r\n"), "{stored}");
        assert!(stored.contains("EXDATE;TZID=Europe/Berlin:20260309T090000\r\n"), "{stored}");
        assert!(stored.contains("RECURRENCE-ID;TZID=Europe/Berlin:20260316T090000\r\n"), "{stored}");
        let told = exceptions(&desk, &stored);
        assert_eq!(told.len(), 2);
        assert_eq!(told[1].text_of(c::SUBJECT).as_deref(), Some("Other"));
    }
}

#[test]
fn a_series_without_a_zone_is_one_of_utc() {
    let mut event = new_event("20260302T080000Z", "20260302T090000Z");
    event.remove(0);
    event.push(Element::of(c::RECURRENCE, [text(c::TYPE, "0")]));
    let stored = desk(Version::V14_1).add(event);
    assert!(stored.contains("DTSTART:20260302T080000Z"), "{stored}");
}

#[test]
fn more_exceptions_than_a_device_takes_lose_the_oldest() {
    let dates: Vec<String> = (0..300)
        .map(|day| {
            (jiff::civil::date(2026, 3, 2).saturating_add(jiff::ToSpan::days(day)))
                .strftime("%Y%m%dT090000")
                .to_string()
        })
        .collect();
    let stored = ics(&format!(
        "DTSTART;TZID=Europe/Berlin:20260302T090000\nRRULE:FREQ=DAILY\nEXDATE;TZID=Europe/Berlin:{}",
        dates.join(",")
    ));
    let told = exceptions(&desk(Version::V14_1), &stored);
    assert_eq!(told.len(), 256);
    assert_eq!(told[0].text_of(c::EXCEPTION_START_TIME).as_deref(), Some("20260415T070000Z"));
    assert_eq!(desk(Version::V14_1).change(&stored, vec![]), stored);
}

/// The last day of the daily series that a device ends on a day, sent as devices do that know of the end no more than
/// the day it has in UTC.
fn ended(version: Version, zone: &str, start: &str, end: &str, until: &str) -> String {
    let mut data = new_event(start, end);
    data[0] = text(c::TIMEZONE, &blob_of(zone));
    data.push(Element::of(c::RECURRENCE, [text(c::TYPE, "0"), text(c::UNTIL, until), text(c::INTERVAL, "1")]));
    desk(version).add(data)
}

fn last_start(stored: &str) -> Timestamp {
    let view_of = desk(Version::V16_1);
    let series = clock::Series::of(&stored::Stored::parse(stored).unwrap(), &view_of.view()).unwrap().unwrap();
    let last = series.set.last(&series.clock.zone, &[]).unwrap().unwrap();
    series.clock.say(last)
}

#[test]
fn an_end_at_midnight_utc_is_the_day_on_which_the_last_occurrence_begins() {
    for version in [Version::V12_1, Version::V14_1, Version::V16_1] {
        for (zone, start, end, last) in [
            ("Europe/Berlin", "20260310T090000Z", "20260310T100000Z", "2026-03-20T09:00:00Z"),
            // On the clock of the place it is the day before, or the day after.
            ("America/New_York", "20260310T013000Z", "20260310T020000Z", "2026-03-20T01:30:00Z"),
            ("Asia/Tokyo", "20260310T230000Z", "20260310T233000Z", "2026-03-20T23:00:00Z"),
            ("Etc/UTC", "20260310T000000Z", "20260310T003000Z", "2026-03-20T00:00:00Z"),
        ] {
            let stored = ended(version, zone, start, end, "20260320T000000Z");
            assert_eq!(last_start(&stored), at(last), "{version} {zone}: {stored}");
            // An end that names a time is taken at its word.
            let stored = ended(version, zone, start, end, "20260319T235959Z");
            assert!(last_start(&stored) < at("2026-03-20T00:00:00Z"), "{version} {zone}: {stored}");
        }
        // Behind the change of the clocks the same time begins on another one of UTC.
        let stored = ended(version, "Europe/Berlin", "20260310T230000Z", "20260310T233000Z", "20260405T000000Z");
        assert_eq!(last_start(&stored), at("2026-04-05T22:00:00Z"), "{version}: {stored}");
    }
}

#[test]
fn an_end_that_comes_back_as_its_day_is_the_same_end() {
    for version in [Version::V12_1, Version::V14_1, Version::V16_1] {
        let desk = desk(version);
        for (start, rule, sent) in [
            (
                "DTSTART;TZID=Europe/Berlin:20260310T100000",
                "RRULE;X-ODD=1:FREQ=DAILY;UNTIL=20260320T090000Z",
                "20260320",
            ),
            ("DTSTART;TZID=Europe/Berlin:20260310T100000", "RRULE;X-ODD=1:FREQ=DAILY;UNTIL=20260320", "20260320"),
            (
                "DTSTART;TZID=Europe/Berlin:20260710T010000",
                "RRULE;X-ODD=1:FREQ=DAILY;UNTIL=20260719T230000Z",
                "20260719",
            ),
            ("DTSTART:20260310T100000", "RRULE;X-ODD=1:FREQ=DAILY;UNTIL=20260320T100000", "20260320"),
        ] {
            let stored = ics(&format!("{start}\nDURATION:PT1H\nSUMMARY:Old\n{rule}"));
            let shown = desk.see(&stored).into_iter().find(|element| element.tag == c::RECURRENCE).unwrap();
            let until = text(c::UNTIL, &format!("{sent}T000000Z"));
            let said = shown.children().map(|child| if child.tag == c::UNTIL { &until } else { child }.clone());
            let pattern = Element::of(c::RECURRENCE, said);
            assert_ne!(pattern, shown);
            let renamed = desk.change(&stored, vec![text(c::SUBJECT, "New"), pattern]);
            assert!(renamed.contains("SUMMARY:New\r\n"), "{renamed}");
            assert!(renamed.contains(&format!("{rule}\r\n")), "{version} {start}: {renamed}");
        }
    }
}

#[test]
fn a_day_of_an_end_that_comes_back_with_another_pattern_is_the_same_end() {
    for version in [Version::V12_1, Version::V14_1] {
        let desk = desk(version);
        // Up to 14.1 the last day begins on the evening before, in UTC.
        let stored = ics("DTSTART;VALUE=DATE:20260310\nSUMMARY:Days\nRRULE:FREQ=DAILY;UNTIL=20260320");
        let other = Element::of(
            c::RECURRENCE,
            [text(c::TYPE, "0"), text(c::UNTIL, "20260319T000000Z"), text(c::INTERVAL, "2")],
        );
        let changed = desk.change(&stored, vec![other]);
        assert!(changed.contains("INTERVAL=2") && changed.contains("UNTIL=20260320"), "{version}: {changed}");
    }
}

#[test]
fn another_day_of_the_end_is_another_end() {
    for version in [Version::V12_1, Version::V14_1, Version::V16_1] {
        let stored =
            ics("DTSTART;TZID=Europe/Berlin:20260310T100000\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=20260320T090000Z");
        let other = Element::of(
            c::RECURRENCE,
            [text(c::TYPE, "0"), text(c::UNTIL, "20260318T000000Z"), text(c::INTERVAL, "1")],
        );
        let changed = desk(version).change(&stored, vec![other]);
        assert!(changed.contains("UNTIL=20260318T090000Z"), "{version}: {changed}");
    }
}

#[test]
fn a_meeting_that_loses_an_occurrence_counts_up() {
    let stored = ics(&format!("{MEETING}\nRRULE:FREQ=WEEKLY;COUNT=5\nSEQUENCE:4"));
    let desk_16 = desk(Version::V16_1);
    let left = instance(&desk_16, &stored, at("2026-03-17T08:00:00Z"), Vec::new(), true).unwrap().content.unwrap();
    let desk_14 = desk(Version::V14_1);
    let gone = exception(&[(c::DELETED, "1"), (c::EXCEPTION_START_TIME, "20260317T080000Z")]);
    let left_14 = desk_14.change(&stored, vec![Element::of(c::EXCEPTIONS, [gone])]);
    for left in [left, left_14] {
        assert!(left.contains("SEQUENCE:5\r\n") && left.contains("DTSTAMP:20260301T100000Z\r\n"), "{left}");
    }
    // A second time nothing is lost, and an event of nobody else's has nobody to tell.
    for stored in [
        ics(&format!("{MEETING}\nRRULE:FREQ=WEEKLY;COUNT=5\nEXDATE:20260317T080000Z\nSEQUENCE:4")),
        ics(&format!("{PLAIN}\nRRULE:FREQ=WEEKLY;COUNT=5\nSEQUENCE:4")),
    ] {
        let left = instance(&desk_16, &stored, at("2026-03-17T08:00:00Z"), Vec::new(), true).unwrap();
        let left = left.content.unwrap();
        assert!(left.contains("SEQUENCE:4\r\n") && left.contains("DTSTAMP:20260101T000000Z\r\n"), "{left}");
    }
}

#[test]
fn a_series_that_moves_takes_along_exceptions_that_are_written_in_another_form() {
    let desk = desk(Version::V14_1);
    for (line, moved) in [
        ("EXDATE:20260316T080000Z,20260330T070000Z", "EXDATE:20260316T093000Z,20260330T083000Z"),
        ("EXDATE;TZID=Europe/London:20260316T080000", "EXDATE;TZID=Europe/London:20260316T093000"),
        ("EXDATE:20260316T090000", "EXDATE:20260316T103000"),
        ("EXDATE;VALUE=DATE:20260316", "EXDATE;VALUE=DATE:20260316"),
    ] {
        let stored = ics(&format!("{SERIES}\n{line}"));
        let count = exceptions(&desk, &stored).len();
        assert!(count > 0);
        let mut sent = desk.see(&stored);
        sent.retain(|element| !matches!(element.tag, c::START_TIME | c::END_TIME | c::EXCEPTIONS));
        sent.extend([text(c::START_TIME, "20260302T093000Z"), text(c::END_TIME, "20260302T103000Z")]);
        let after = desk.send(Some(&stored), sent).unwrap().content.unwrap();
        assert!(after.contains(&format!("{moved}\r\n")), "{after}");
        assert_eq!(exceptions(&desk, &after).len(), count, "{after}");
    }
}

#[test]
fn what_a_device_takes_from_a_series_goes_from_the_occurrences_that_inherit_it() {
    let stored = with_override(
        SERIES,
        "RECURRENCE-ID;TZID=Europe/Berlin:20260330T090000\nDTSTART;TZID=Europe/Berlin:20260331T110000\n\
        DTEND;TZID=Europe/Berlin:20260331T113000\nSUMMARY:Own\nLOCATION:Room\nDESCRIPTION:Agenda\n\
        BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT15M\nEND:VALARM",
    );
    let mut desk = desk(Version::V14_1);
    let after = desk.change_without(&stored, &[c::LOCATION, c::REMINDER]);
    assert!(!after.contains("LOCATION") && !after.contains("VALARM"), "{after}");
    let after = desk.change_without(&stored, &[c::SUBJECT]);
    assert!(!after.contains("SUMMARY:Weekly") && after.contains("SUMMARY:Own"), "{after}");
    // What it leaves to the server stays everywhere.
    desk.ghosting = Ghosting::All;
    let after = desk.change_without(&stored, &[c::LOCATION, c::REMINDER]);
    assert_eq!((after.matches("LOCATION:Room").count(), after.matches("BEGIN:VALARM").count()), (2, 2), "{after}");
}

#[test]
fn an_occurrence_of_a_meeting_that_moves_counts_up() {
    let stored = ics(&format!("{MEETING}\nRRULE:FREQ=WEEKLY;COUNT=5\nSEQUENCE:4"));
    let desk = desk(Version::V16_1);
    let edit = |data| instance(&desk, &stored, at("2026-03-17T08:00:00Z"), data, false).unwrap().content.unwrap();
    let moved = edit(vec![text(c::START_TIME, "20260317T100000Z"), text(c::END_TIME, "20260317T110000Z")]);
    let (series, one) = moved.split_once("RECURRENCE-ID").unwrap();
    assert!(one.contains("SEQUENCE:5\r\n") && one.contains("DTSTAMP:20260301T100000Z\r\n"), "{moved}");
    assert!(series.contains("SEQUENCE:4\r\n"), "{moved}");
    let renamed = edit(vec![text(c::SUBJECT, "x")]);
    assert!(!renamed.contains("SEQUENCE:5"), "{renamed}");
}
