//! The rules of the class, each in the version it belongs to.

mod covers;
mod golden;
mod meetings;
mod occurrences;
mod walk;

use easel_protocol::{Class, Version, WindowKey};
use easel_wbxml::pages::{airsync, airsyncbase as b, calendar as c};
use easel_wbxml::{Element, Tag};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::desk::{Desk, body};
use crate::{BodyType, Edit, Ghosting};

fn desk(version: Version) -> Desk {
    Desk::new(Class::Calendar, version)
}

/// Desks of a version before the server took over, and of one after.
fn desks() -> [Desk; 2] {
    [desk(Version::V14_1), desk(Version::V16_1)]
}

/// A calendar with one event of these lines.
fn ics(lines: &str) -> String {
    let lines = lines.trim().lines().map(|line| format!("{}\r\n", line.trim())).collect::<String>();
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\nBEGIN:VEVENT\r\nUID:u1\r\nDTSTAMP:20260101T000000Z\r\n{lines}END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

const MEETING: &str = "DTSTART;TZID=Europe/Berlin:20260310T090000\nDTEND;TZID=Europe/Berlin:20260310T100000\nSUMMARY:Talk\n\
    ORGANIZER;CN=Ada:mailto:ada@example.org\nATTENDEE;CN=Bob;PARTSTAT=ACCEPTED;X-ODD=1:mailto:bob@example.org\n\
    ATTENDEE;CN=Carol;ROLE=OPT-PARTICIPANT;PARTSTAT=DECLINED:mailto:carol@example.org";
const INVITED: &str = "DTSTART;TZID=Europe/Berlin:20260310T090000\nDTEND;TZID=Europe/Berlin:20260310T100000\nSUMMARY:Talk\n\
    ORGANIZER;CN=Bob:mailto:bob@example.org\nATTENDEE;CN=Ada;PARTSTAT=TENTATIVE:mailto:ADA@example.org\n\
    ATTENDEE;CN=Bob;PARTSTAT=ACCEPTED:mailto:bob@example.org";
const PLAIN: &str =
    "DTSTART;TZID=Europe/Berlin:20260310T090000\nDTEND;TZID=Europe/Berlin:20260310T100000\nSUMMARY:Dentist";

fn text(tag: Tag, text: &str) -> Element {
    Element::text(tag, text)
}

fn blob_of(zone: &str) -> String {
    crate::time_zone::blob(&TimeZone::get(zone).unwrap(), at("2026-03-10T08:00:00Z"))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What a device needs to say of a new event.
fn new_event(start: &str, end: &str) -> Vec<Element> {
    vec![
        text(c::TIMEZONE, &blob_of("Europe/Berlin")),
        text(c::START_TIME, start),
        text(c::END_TIME, end),
        text(c::SUBJECT, "New"),
    ]
}

fn rule_of(result: Result<Applied, ItemError>) -> &'static str {
    match result {
        Err(ItemError::Rule { element, .. }) => element,
        other => panic!("no rule was broken: {other:?}"),
    }
}

fn instance(desk: &Desk, current: &str, at: Timestamp, data: Vec<Element>, delete: bool) -> Result<Applied, ItemError> {
    let data = Element::of(airsync::APPLICATION_DATA, data);
    let edit = Edit {
        data: &data,
        ghosting: &Ghosting::All,
        base: None,
        shown: &desk.body,
        instance: Some(at),
        delete_instance: delete,
    };
    apply(Some(current), &edit, &desk.view())
}

#[test]
fn g05_p13_there_are_no_empty_containers() {
    for version in Version::ALL {
        let shown = desk(version).see(&ics(&format!("{PLAIN}\nCATEGORIES:\nLOCATION:")));
        for tag in [c::ATTENDEES, c::CATEGORIES, c::EXCEPTIONS, c::RECURRENCE, c::LOCATION, b::LOCATION] {
            assert!(shown.iter().all(|element| element.tag != tag), "{tag}");
        }
    }
}

#[test]
fn n04_a34_the_order_is_fixed_and_categories_are_last() {
    let stored = ics(&format!("CATEGORIES:A,B\nDESCRIPTION:text\nLOCATION:here\nRRULE:FREQ=DAILY\n{MEETING}"));
    for version in Version::ALL {
        let shown = desk(version).see(&stored);
        assert_eq!(shown.last().unwrap().tag, c::CATEGORIES);
        let before = |one: Tag, two: Tag| {
            let place = |tag| shown.iter().position(|element| element.tag == tag).unwrap();
            assert!(place(one) < place(two), "{one} {two}");
        };
        before(c::TIMEZONE, c::ALL_DAY_EVENT);
        before(c::DT_STAMP, c::START_TIME);
        before(c::START_TIME, c::ATTENDEES);
        before(c::ATTENDEES, c::RECURRENCE);
    }
}

#[test]
fn n05_dates_of_events_are_compact() {
    for desk in desks() {
        let stored = ics(PLAIN);
        assert_eq!(desk.text(&stored, c::START_TIME).unwrap(), "20260310T080000Z");
        assert_eq!(desk.text(&stored, c::END_TIME).unwrap(), "20260310T090000Z");
        assert_eq!(desk.text(&stored, c::DT_STAMP).unwrap(), "20260101T000000Z");
    }
}

#[test]
fn g22_numbers_are_written_out() {
    let stored = ics(PLAIN);
    for (tag, value) in
        [(c::ALL_DAY_EVENT, "0"), (c::BUSY_STATUS, "2"), (c::SENSITIVITY, "0"), (c::MEETING_STATUS, "0")]
    {
        assert_eq!(desk(Version::V2_5).text(&stored, tag).as_deref(), Some(value), "{tag}");
    }
}

#[test]
fn g13_a_day_is_known_by_its_value() {
    // TC73: with the zone's midnight, without a blob, and as a date in UTC.
    for version in Version::ALL {
        for (start, end) in [("20261006T220000Z", "20261007T220000Z"), ("20261007T000000Z", "20261008T000000Z")] {
            let stored = desk(version).add(vec![
                text(c::ALL_DAY_EVENT, "1"),
                text(c::START_TIME, start),
                text(c::END_TIME, end),
                text(c::SUBJECT, "Day"),
            ]);
            assert!(stored.contains("DTSTART;VALUE=DATE:20261007\r\nDTEND;VALUE=DATE:20261008\r\n"), "{stored}");
        }
    }
    // East and west of UTC, told by the blob.
    for (zone, start, end) in [
        ("Pacific/Auckland", "20261006T110000Z", "20261007T110000Z"),
        ("America/Los_Angeles", "20261007T070000Z", "20261008T070000Z"),
    ] {
        let stored = desk(Version::V14_1).add(vec![
            text(c::TIMEZONE, &blob_of(zone)),
            text(c::ALL_DAY_EVENT, "1"),
            text(c::START_TIME, start),
            text(c::END_TIME, end),
        ]);
        assert!(stored.contains("DTSTART;VALUE=DATE:20261007\r\nDTEND;VALUE=DATE:20261008\r\n"), "{zone} {stored}");
    }
}

#[test]
fn a_day_is_the_owners_midnight_up_to_14_1_and_a_date_from_16_0() {
    let stored = ics("DTSTART;VALUE=DATE:20260701\nDTEND;VALUE=DATE:20260702");
    for (zone, start, end) in [
        ("Europe/Berlin", "20260630T220000Z", "20260701T220000Z"),
        ("America/New_York", "20260701T040000Z", "20260702T040000Z"),
        ("Asia/Tokyo", "20260630T150000Z", "20260701T150000Z"),
    ] {
        for version in Version::ALL {
            let mut desk = desk(version);
            desk.owner.zone = TimeZone::get(zone).unwrap();
            let expected =
                if version >= Version::V16_0 { ("20260701T000000Z", "20260702T000000Z") } else { (start, end) };
            assert_eq!(desk.text(&stored, c::START_TIME).as_deref(), Some(expected.0), "{zone} {version}");
            assert_eq!(desk.text(&stored, c::END_TIME).as_deref(), Some(expected.1), "{zone} {version}");
            assert_eq!(desk.text(&stored, c::TIMEZONE).is_none(), version >= Version::V16_0);
            assert_eq!(desk.text(&stored, c::ALL_DAY_EVENT).as_deref(), Some("1"));
        }
    }
}

#[test]
fn i54_two_days_are_dates_from_16_0_however_they_came() {
    let stored = desk(Version::V16_1).add(vec![
        text(c::ALL_DAY_EVENT, "1"),
        text(c::START_TIME, "20260630T220000Z"),
        text(c::END_TIME, "20260702T220000Z"),
    ]);
    assert!(stored.contains("DTSTART;VALUE=DATE:20260701\r\nDTEND;VALUE=DATE:20260703\r\n"), "{stored}");
    assert_eq!(desk(Version::V16_1).text(&stored, c::END_TIME).as_deref(), Some("20260703T000000Z"));
}

#[test]
fn n16_a_day_without_length_is_a_day() {
    for stored in [
        ics("DTSTART;VALUE=DATE:20260701"),
        ics("DTSTART;VALUE=DATE:20260701\nDTEND;VALUE=DATE:20260701"),
        ics("DTSTART;VALUE=DATE:20260701\nDURATION:P1D"),
        desk(Version::V14_1).add(vec![
            text(c::ALL_DAY_EVENT, "1"),
            text(c::START_TIME, "20260701T000000Z"),
            text(c::END_TIME, "20260701T000000Z"),
        ]),
    ] {
        assert_eq!(desk(Version::V16_1).text(&stored, c::END_TIME).as_deref(), Some("20260702T000000Z"), "{stored}");
    }
}

#[test]
fn floating_times_are_of_the_owners_clock() {
    let stored = ics("DTSTART:20260710T090000\nDURATION:PT1H30M");
    let desk = desk(Version::V14_1);
    assert_eq!(desk.text(&stored, c::START_TIME).as_deref(), Some("20260710T070000Z"));
    assert_eq!(desk.text(&stored, c::END_TIME).as_deref(), Some("20260710T083000Z"));
    let moved =
        desk.change(&stored, vec![text(c::START_TIME, "20260710T080000Z"), text(c::END_TIME, "20260710T093000Z")]);
    assert!(moved.contains("DTSTART:20260710T100000\r\nDURATION:PT1H30M\r\n"), "{moved}");
}

#[test]
fn g12_x07_an_event_has_a_blob_and_one_without_keeps_its_moment() {
    for version in Version::ALL {
        assert_eq!(desk(version).text(&ics(PLAIN), c::TIMEZONE).unwrap(), blob_of("Europe/Berlin"));
        let mut event = new_event("20260710T070000Z", "20260710T080000Z");
        event.remove(0);
        let stored = desk(version).add(event);
        assert_eq!(desk(version).text(&stored, c::START_TIME).as_deref(), Some("20260710T070000Z"));
        assert!(stored.contains("DTSTART;TZID=Europe/Berlin:20260710T090000"), "{stored}");
    }
}

#[test]
fn g51_text_that_is_no_date_is_ignored() {
    for desk in desks() {
        let stored = ics(PLAIN);
        let after = desk
            .change(&stored, vec![text(c::DT_STAMP, "yesterday"), text(c::START_TIME, "soon"), text(c::END_TIME, "")]);
        assert_eq!(after, stored);
        let bad_blob = desk.change(&stored, vec![text(c::TIMEZONE, "AAAA")]);
        assert_eq!(bad_blob, stored);
    }
}

#[test]
fn g20_an_alarm_behind_the_start_is_not_told() {
    let alarm = |trigger: &str| format!("BEGIN:VALARM\nACTION:DISPLAY\n{trigger}\nEND:VALARM");
    let desk = desk(Version::V14_1);
    let reminder = |lines: &str| desk.text(&ics(&format!("{PLAIN}\n{lines}")), c::REMINDER);
    assert_eq!(reminder(&alarm("TRIGGER:PT10M")), None);
    assert_eq!(reminder(&alarm("TRIGGER;RELATED=END:PT0S")), None);
    // Relative to the end, at a moment, and the earliest of several.
    assert_eq!(reminder(&alarm("TRIGGER;RELATED=END:-PT90M")).as_deref(), Some("30"));
    assert_eq!(reminder(&alarm("TRIGGER;VALUE=DATE-TIME:20260310T074500Z")).as_deref(), Some("15"));
    let both = format!("{}\n{}", alarm("TRIGGER:-PT5M"), alarm("TRIGGER:-P1D"));
    assert_eq!(reminder(&both).as_deref(), Some("1440"));
    assert_eq!(reminder("BEGIN:VALARM\nACTION:EMAIL\nTRIGGER:-PT5M\nEND:VALARM"), None);
}

#[test]
fn g21_a_reminder_at_the_start_is_0() {
    for desk in desks() {
        let stored = desk.change(&ics(PLAIN), vec![text(c::REMINDER, "0")]);
        assert!(stored.contains("TRIGGER:-PT0M"), "{stored}");
        assert_eq!(desk.text(&stored, c::REMINDER).as_deref(), Some("0"));
        let none = desk.change(&stored, vec![Element::new(c::REMINDER)]);
        assert!(!none.contains("VALARM"), "{none}");
    }
}

#[test]
fn a_moved_reminder_keeps_what_else_the_alarm_has_and_the_other_alarms() {
    let alarms = "BEGIN:VALARM\nACTION:AUDIO\nTRIGGER:-PT15M\nATTACH;VALUE=URI:Chord\nX-A:1\nEND:VALARM\nBEGIN:VALARM\nACTION:EMAIL\n\
        TRIGGER:-P2D\nSUMMARY:mail\nEND:VALARM";
    let desk = desk(Version::V14_1);
    let stored = desk.change(&ics(&format!("{PLAIN}\n{alarms}")), vec![text(c::REMINDER, "30")]);
    assert!(stored.contains("ACTION:AUDIO\r\nTRIGGER:-PT30M\r\nATTACH;VALUE=URI:Chord\r\nX-A:1\r\n"), "{stored}");
    let without = desk.change_without(&stored, &[c::REMINDER]);
    assert!(!without.contains("AUDIO") && without.contains("ACTION:EMAIL\r\nTRIGGER:-P2D"), "{without}");
}

#[test]
fn o23_working_elsewhere_is_busy_before_16_0_and_stays_what_it_is() {
    let stored = ics(&format!("{PLAIN}\nX-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE"));
    for version in Version::ALL {
        let expected = if version >= Version::V16_0 { "4" } else { "2" };
        assert_eq!(desk(version).text(&stored, c::BUSY_STATUS).as_deref(), Some(expected));
        assert_eq!(desk(version).change(&stored, vec![]), stored);
    }
    // A device of 14.0 may say it all the same.
    let added = desk(Version::V14_0).change(&ics(PLAIN), vec![text(c::BUSY_STATUS, "4")]);
    assert!(added.contains("X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE"), "{added}");
}

#[test]
fn every_busy_status_and_sensitivity_comes_back() {
    for desk in desks() {
        for start in [ics(PLAIN), ics(&format!("{PLAIN}\nTRANSP:TRANSPARENT\nCLASS:CONFIDENTIAL\nSTATUS:TENTATIVE"))] {
            for number in ["0", "1", "2", "3"] {
                let edits = vec![text(c::BUSY_STATUS, number), text(c::SENSITIVITY, number)];
                let stored = desk.change(&start, edits);
                assert_eq!(desk.text(&stored, c::BUSY_STATUS).as_deref(), Some(number), "{stored}");
                assert_eq!(desk.text(&stored, c::SENSITIVITY).as_deref(), Some(number), "{stored}");
            }
        }
    }
}

#[test]
fn whatever_a_device_cannot_say_stays_byte_for_byte() {
    let odd = "X-CUSTOM;P=\"a:b\":some  thing\nATTACH;FMTTYPE=text/plain;ENCODING=BASE64;VALUE=BINARY:aGVsbG8=\nURL:https://example.org\n\
        COMMENT:kept\nGEO:1.5;2.5\nPRIORITY:3";
    let stored = ics(&format!("{odd}\n{MEETING}\nLOCATION:here"));
    for desk in desks() {
        let after = desk.change(&stored, vec![text(c::SUBJECT, "Other")]);
        for line in odd.lines() {
            assert!(after.contains(&format!("{line}\r\n")), "{line}\n{after}");
        }
        assert!(after.contains("ATTENDEE;CN=Bob;PARTSTAT=ACCEPTED;X-ODD=1:mailto:bob@example.org\r\n"));
        assert!(after.contains("SUMMARY:Other\r\n"));
    }
}

#[test]
fn absence_removes_up_to_14_1_unless_ghosted_and_keeps_from_16_0() {
    let stored = ics(&format!("{PLAIN}\nLOCATION:here\nCATEGORIES:A"));
    let mut desk = desk(Version::V14_1);
    let gone = desk.change_without(&stored, &[c::LOCATION, c::CATEGORIES]);
    assert!(!gone.contains("LOCATION") && !gone.contains("CATEGORIES"), "{gone}");
    desk.ghosting = Ghosting::Except(vec![(c::CATEGORIES.page(), c::CATEGORIES.token())]);
    let half = desk.change_without(&stored, &[c::LOCATION, c::CATEGORIES]);
    assert!(half.contains("LOCATION:here") && !half.contains("CATEGORIES"), "{half}");
    let after = self::desk(Version::V16_1).change_without(&stored, &[b::LOCATION, c::CATEGORIES, c::SUBJECT]);
    assert_eq!(after, stored);
    let emptied =
        self::desk(Version::V16_1).send(Some(&stored), vec![Element::new(b::LOCATION)]).unwrap().content.unwrap();
    assert!(!emptied.contains("LOCATION"), "{emptied}");
}

#[test]
fn a_body_is_replaced_only_if_the_device_changed_what_it_was_shown() {
    let stored =
        ics(&format!("{PLAIN}\nDESCRIPTION:one two three\nX-ALT-DESC;FMTTYPE=text/html:<p>one <b>two</b> three</p>"));
    for mut desk in [desk(Version::V12_1), desk(Version::V16_1)] {
        desk.body = crate::desk::text_bodies(Some(7));
        let cut = desk.see(&stored).into_iter().find(|element| element.tag == b::BODY).unwrap();
        assert_eq!(cut.text_of(b::DATA).as_deref(), Some("one two"));
        assert_eq!(desk.change(&stored, vec![body(BodyType::Text, "one two")]), stored);
        assert_eq!(desk.change_without(&stored, &[b::BODY]), stored);
        let changed = desk.change(&stored, vec![body(BodyType::Text, "four")]);
        assert!(changed.contains("DESCRIPTION:four") && !changed.contains("X-ALT-DESC"), "{changed}");
    }
    let desk = desk(Version::V2_5);
    assert_eq!(desk.text(&stored, c::BODY).as_deref(), Some("one two three"));
    let changed = desk.change(&stored, vec![text(c::BODY, "four")]);
    assert!(changed.contains("DESCRIPTION:four") && !changed.contains("X-ALT-DESC"), "{changed}");
}

#[test]
fn a_change_from_elsewhere_survives_a_device_that_did_not_see_it() {
    let base = ics(&format!("{MEETING}\nLOCATION:old"));
    let current = base.replace("LOCATION:old", "LOCATION:new").replace("PARTSTAT=DECLINED", "PARTSTAT=ACCEPTED");
    for mut desk in desks() {
        desk.base = Some(base.clone());
        let mut sent = desk.see(&base);
        sent.retain(|element| element.tag != c::SUBJECT);
        sent.push(text(c::SUBJECT, "Mine"));
        let after = desk.send(Some(&current), sent).unwrap().content.unwrap();
        assert!(after.contains("SUMMARY:Mine") && after.contains("LOCATION:new"), "{after}");
        assert!(after.contains("ATTENDEE;CN=Carol;ROLE=OPT-PARTICIPANT;PARTSTAT=ACCEPTED"), "{after}");
    }
}

#[test]
fn missing_times_of_a_new_event_are_filled_or_refused() {
    // Now is 10:00.
    let desk = desk(Version::V14_1);
    let times = |start: Option<&str>, end: Option<&str>| {
        let mut sent = vec![text(c::SUBJECT, "x")];
        sent.extend(start.map(|start| text(c::START_TIME, start)));
        sent.extend(end.map(|end| text(c::END_TIME, end)));
        desk.send(None, sent).map(|applied| {
            let content = applied.content.unwrap();
            (desk.text(&content, c::START_TIME).unwrap(), desk.text(&content, c::END_TIME).unwrap())
        })
    };
    let pair = |start: &str, end: &str| Ok((start.to_owned(), end.to_owned()));
    assert_eq!(times(None, None), pair("20260301T100000Z", "20260301T103000Z"));
    assert_eq!(times(None, Some("20260301T120000Z")), pair("20260301T100000Z", "20260301T120000Z"));
    assert_eq!(times(Some("20260301T090000Z"), None), pair("20260301T090000Z", "20260301T103000Z"));
    assert!(times(None, Some("20260301T090000Z")).is_err());
    assert!(times(Some("20260301T120000Z"), None).is_err());
    let stored = ics(PLAIN);
    let lone = desk.send(Some(&stored), vec![text(c::END_TIME, "20260310T110000Z")]);
    assert_eq!(rule_of(lone), "EndTime");
}

#[test]
fn values_that_no_event_has_are_refused() {
    for desk in desks() {
        for (tag, value, element) in [
            (c::BUSY_STATUS, "5", "BusyStatus"),
            (c::SENSITIVITY, "4", "Sensitivity"),
            (c::MEETING_STATUS, "2", "MeetingStatus"),
            (c::REMINDER, "soon", "Reminder"),
            (c::ALL_DAY_EVENT, "yes", "AllDayEvent"),
        ] {
            let mut event = new_event("20260310T080000Z", "20260310T090000Z");
            event.push(text(tag, value));
            assert_eq!(rule_of(desk.send(None, event.clone())), element);
            assert_eq!(rule_of(desk.send(Some(&ics(PLAIN)), event)), element);
        }
        let mut event = new_event("20260310T080000Z", "20260310T090000Z");
        event.push(Element::of(c::RECURRENCE, [text(c::TYPE, "0"), text(c::DAY_OF_MONTH, "3")]));
        assert_eq!(rule_of(desk.send(None, event)), "DayOfMonth");
    }
}

#[test]
fn a_new_event_is_named_by_the_device_up_to_14_1_and_by_the_server_from_16_0() {
    let mut event = new_event("20260310T080000Z", "20260310T090000Z");
    event.push(text(c::UID, "mine"));
    let old = desk(Version::V14_1).send(None, event.clone()).unwrap();
    assert_eq!((old.facts.uid.as_deref(), old.answer.len()), (Some("mine"), 0));
    event.push(text(c::CLIENT_UID, "client"));
    let new = desk(Version::V16_1).send(None, event.clone()).unwrap();
    let again = desk(Version::V16_1).send(None, event).unwrap();
    assert_ne!(new.facts.uid.as_deref(), Some("mine"));
    assert_eq!(new.facts.uid, again.facts.uid);
    assert_eq!(new.answer, [text(c::UID, new.facts.uid.as_deref().unwrap())]);
    let content = new.content.unwrap();
    assert!(content.contains("X-EASEL-CLIENT-UID:client"));
    assert!(content.contains("BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n"), "{content}");
    let mut event = new_event("20260310T080000Z", "20260310T090000Z");
    event.push(text(c::CLIENT_UID, &"x".repeat(301)));
    assert_eq!(rule_of(desk(Version::V16_1).send(None, event)), "ClientUid");
}

#[test]
fn a_uid_too_long_for_devices_is_told_by_its_hash_and_kept() {
    let stored = ics(PLAIN).replace("UID:u1", &format!("UID:{}", "u".repeat(301)));
    let desk = desk(Version::V14_1);
    let told = desk.text(&stored, c::UID).unwrap();
    assert_eq!(told.len(), 64);
    assert_eq!(desk.change(&stored, vec![]), stored);
    let longest = ics(PLAIN).replace("UID:u1", &format!("UID:{}", "u".repeat(300)));
    assert_eq!(desk.text(&longest, c::UID).unwrap(), "u".repeat(300));
}

#[test]
fn another_zone_from_the_device_is_stored_with_its_rules() {
    let desk = desk(Version::V14_1);
    let after = desk.change(&ics(PLAIN), vec![text(c::TIMEZONE, &blob_of("America/New_York"))]);
    assert!(after.contains("DTSTART;TZID=America/New_York:20260310T040000\r\n"), "{after}");
    assert!(after.contains("BEGIN:VTIMEZONE\r\nTZID:America/New_York\r\n"), "{after}");
    assert_eq!(desk.text(&after, c::START_TIME).as_deref(), Some("20260310T080000Z"));
    // All zero is UTC.
    let utc = desk.change(&ics(PLAIN), vec![text(c::TIMEZONE, &blob_of("UTC"))]);
    assert!(utc.contains("DTSTART:20260310T080000Z\r\nDTEND:20260310T090000Z"), "{utc}");
}

#[test]
fn a_place_of_16_0_is_kept_whole() {
    let desk = desk(Version::V16_1);
    let place = Element::of(
        b::LOCATION,
        [
            text(b::DISPLAY_NAME, "HQ, room 4"),
            text(b::STREET, "Main St; 1"),
            text(b::LATITUDE, "52.5"),
            text(b::LONGITUDE, "-13.4"),
            text(b::LOCATION_URI, "https://example.org/hq"),
        ],
    );
    let stored = desk.change(&ics(PLAIN), vec![place.clone()]);
    assert!(stored.contains("GEO:52.5;-13.4"), "{stored}");
    assert_eq!(desk.see(&stored).into_iter().find(|element| element.tag == b::LOCATION), Some(place));
    // An older device sees the name, and by changing it means another place.
    let old = self::desk(Version::V14_1);
    assert_eq!(old.text(&stored, c::LOCATION).as_deref(), Some("HQ, room 4"));
    assert_eq!(old.change(&stored, vec![]), stored);
    let moved = old.change(&stored, vec![text(c::LOCATION, "Elsewhere")]);
    assert!(!moved.contains("GEO") && !moved.contains("X-EASEL-LOCATION"), "{moved}");
}

#[test]
fn the_facts_of_an_event_are_what_a_search_and_a_window_need() {
    let view_of = desk(Version::V14_1);
    let of = |lines: &str| facts(&ics(lines), &view_of.view()).unwrap();
    let meeting = of(&format!("{MEETING}\nLOCATION:Room\nDESCRIPTION:Agenda"));
    assert_eq!((meeting.subject.as_str(), meeting.uid.as_deref()), ("Talk", Some("u1")));
    assert_eq!(meeting.people, "Ada ada@example.org Bob bob@example.org Carol carol@example.org");
    assert!(meeting.search_text.contains("Room") && meeting.search_text.contains("Agenda"));
    let key = |text: &str| WindowKey(at(text).as_millisecond());
    assert_eq!(meeting.window, key("2026-03-10T09:00:00Z"));
    for (more, end) in [
        ("RRULE:FREQ=DAILY", WindowKey::FOREVER),
        ("RRULE:FREQ=SECONDLY", WindowKey::FOREVER),
        ("RRULE:FREQ=DAILY;COUNT=99999999", WindowKey::FOREVER),
        ("RRULE:RSCALE=HEBREW;FREQ=YEARLY", WindowKey::FOREVER),
        ("RRULE:FREQ=NONSENSE", WindowKey::FOREVER),
        ("RRULE:FREQ=DAILY;COUNT=3", key("2026-03-12T09:00:00Z")),
        ("RRULE:FREQ=DAILY;COUNT=3\nEXDATE;TZID=Europe/Berlin:20260312T090000", key("2026-03-11T09:00:00Z")),
        // Over the change of the clock in Berlin.
        ("RRULE:FREQ=WEEKLY;UNTIL=20260401T000000Z", key("2026-03-31T08:00:00Z")),
        ("RDATE;TZID=Europe/Berlin:20260501T090000", key("2026-05-01T08:00:00Z")),
    ] {
        assert_eq!(of(&format!("{PLAIN}\n{more}")).window, end, "{more}");
    }
}

#[test]
fn a_file_becomes_one_object_for_each_uid_with_the_zones_it_uses() {
    let zone = |id: &str| {
        format!(
            "BEGIN:VTIMEZONE\r\nTZID:{id}\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
        )
    };
    let long = format!("{}\r\n {}", "u".repeat(60), "v".repeat(60));
    let event = |uid: &str, line: &str| {
        format!("BEGIN:VEVENT\r\nUID:{uid}\r\n{line}\r\nBEGIN:VALARM\r\nUID:other\r\nEND:VALARM\r\nEND:VEVENT\r\n")
    };
    let file = format!(
        "BEGIN:VCALENDAR\r\nX-WR-CALNAME:mine\r\n{}{}{}{}{}{}BEGIN:VTODO\r\nUID:t\r\nEND:VTODO\r\nEND:VCALENDAR\r\n",
        zone("A"),
        zone("B C"),
        event("1", "DTSTART;TZID=A:20260301T000000"),
        event(&long, "DTSTART;TZID=\"B C\":20260301T000000"),
        event(&long.replace('v', "w"), "DTSTART:20260301T000000Z"),
        event("1", "RECURRENCE-ID;TZID=A:20260302T000000\r\nX:odd \t"),
    );
    let objects = split(&file).unwrap();
    assert_eq!(objects.len(), 3);
    assert!(objects[0].starts_with("BEGIN:VCALENDAR\r\nX-WR-CALNAME:mine\r\nBEGIN:VTIMEZONE\r\nTZID:A\r\n"));
    assert_eq!(objects[0].matches("BEGIN:VEVENT").count(), 2);
    assert!(objects[0].contains("X:odd \t\r\n") && !objects[0].contains("B C") && !objects[0].contains("VTODO"));
    assert!(objects[1].contains(&format!("UID:{long}\r\n")) && objects[1].contains("TZID:B C"));
    assert!(!objects[2].contains("VTIMEZONE"));
    // An end that is missing costs the last object, no more; LF alone and a byte order mark are read too.
    let torn = &file[..file.rfind("BEGIN:VEVENT").unwrap() + 30];
    assert_eq!(split(torn).unwrap().len(), 3);
    let unix = format!("\u{feff}{}", file.replace('\r', ""));
    assert_eq!(split(&unix).unwrap().len(), 3);
    assert_eq!(split("").unwrap(), Vec::<String>::new());
    assert_eq!(split("END:VCALENDAR\nEND:X\nBEGIN:VEVENT\nEND:VEVENT").unwrap(), Vec::<String>::new());
}

#[test]
fn what_is_no_event_is_refused() {
    let desk = desk(Version::V14_1);
    for text in [
        "",
        "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        "BEGIN:VEVENT\r\nEND:VEVENT\r\n",
        &ics("SUMMARY:no start"),
        &ics("DTSTART:never"),
        &format!("{0}{0}", ics(PLAIN)),
    ] {
        assert!(matches!(properties(text, &desk.view()), Err(ItemError::BadObject { .. })), "{text}");
    }
    let huge = ics(&format!("{PLAIN}\nDESCRIPTION:{}", "x".repeat(33 << 20)));
    assert!(matches!(properties(&huge, &desk.view()), Err(ItemError::BadObject { .. })));
}
