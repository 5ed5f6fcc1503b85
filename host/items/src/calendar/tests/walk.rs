//! Every element of the class: phone, object, phone. And events at random.

use proptest::prelude::*;

use super::*;
use crate::desk::text_bodies;
use crate::manner::{CalendarManner, TzBlob, UidForm};
use crate::time_zone;

/// Rows of `elements.tsv`: name and versions.
fn rows(namespace: &str, context: &str) -> Vec<(String, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/spec/elements.tsv");
    let table = std::fs::read_to_string(path).unwrap();
    let rows = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let mine = rows.filter(|row| row[0] == namespace && row[2] == context);
    mine.map(|row| (row[1].to_owned(), row[7].to_owned())).collect()
}

fn has(versions: &str, version: Version) -> bool {
    let number = |text: &str| Version::parse(text).unwrap();
    match (versions.strip_suffix('+'), versions.split_once('-')) {
        (Some(since), _) => version >= number(since),
        (None, Some((since, last))) => (number(since)..=number(last)).contains(&version),
        (None, None) => version == number(versions),
    }
}

/// What a phone sends to say an element, and the path to it; `None` where MAPPING.md says why it does not come back.
fn sample(name: &str, version: Version) -> Option<(Vec<Element>, Vec<Tag>)> {
    let of =
        |tag: Tag, children: &[(Tag, &str)]| Element::of(tag, children.iter().map(|(tag, value)| text(*tag, value)));
    let plain = |tag: Tag, value: &str| Some((vec![text(tag, value)], vec![tag]));
    let rule = |children: &[(Tag, &str)], tag: Tag| Some((vec![of(c::RECURRENCE, children)], vec![c::RECURRENCE, tag]));
    let guest = |tag: Tag| {
        let one = of(c::ATTENDEE, &[(c::EMAIL, "bob@example.org"), (c::NAME, "Bob")]);
        let one = if version >= Version::V12_0 {
            one.with(text(c::ATTENDEE_STATUS, "3")).with(text(c::ATTENDEE_TYPE, "2"))
        } else {
            one
        };
        let path = [c::ATTENDEES, c::ATTENDEE, tag];
        let path = path[..if tag == c::ATTENDEES {
            1
        } else if tag == c::ATTENDEE {
            2
        } else {
            3
        }]
            .to_vec();
        Some((vec![Element::of(c::ATTENDEES, [one]), text(c::MEETING_STATUS, "1")], path))
    };
    let key = if version >= Version::V16_0 { b::INSTANCE_ID } else { c::EXCEPTION_START_TIME };
    let exception = |tag: Tag| {
        let gone = of(c::EXCEPTION, &[(c::DELETED, "1"), (key, "20260310T080000Z")]);
        let path = [c::EXCEPTIONS, c::EXCEPTION, tag];
        let path = path[..if tag == c::EXCEPTIONS {
            1
        } else if tag == c::EXCEPTION {
            2
        } else {
            3
        }]
            .to_vec();
        Some((vec![of(c::RECURRENCE, &[(c::TYPE, "0")]), Element::of(c::EXCEPTIONS, [gone])], path))
    };
    let categories = Element::of(c::CATEGORIES, [text(c::CATEGORY, "Work, play"), text(c::CATEGORY, "Home")]);
    match name {
        "AllDayEvent" => Some((vec![text(c::ALL_DAY_EVENT, "0")], vec![c::ALL_DAY_EVENT])),
        "Attendee" => guest(c::ATTENDEE),
        "Attendees" => guest(c::ATTENDEES),
        "AttendeeStatus" if version < Version::V16_0 => guest(c::ATTENDEE_STATUS),
        "AttendeeType" => guest(c::ATTENDEE_TYPE),
        "Body" => plain(c::BODY, "two\r\nlines; and, more"),
        "BusyStatus" => plain(c::BUSY_STATUS, "3"),
        "CalendarType" => rule(&[(c::TYPE, "2"), (c::DAY_OF_MONTH, "3"), (c::CALENDAR_TYPE, "1")], c::CALENDAR_TYPE),
        "Categories" => Some((vec![categories], vec![c::CATEGORIES])),
        "Category" => Some((vec![categories], vec![c::CATEGORIES, c::CATEGORY])),
        "DayOfMonth" => rule(&[(c::TYPE, "2"), (c::DAY_OF_MONTH, "30")], c::DAY_OF_MONTH),
        "DayOfWeek" => rule(&[(c::TYPE, "1"), (c::DAY_OF_WEEK, "65")], c::DAY_OF_WEEK),
        "Deleted" => exception(c::DELETED),
        "DisallowNewTimeProposal" => plain(c::DISALLOW_NEW_TIME_PROPOSAL, "1"),
        "DtStamp" => plain(c::DT_STAMP, "20260102T030405Z"),
        "Email" => guest(c::EMAIL),
        "EndTime" => Some((Vec::new(), vec![c::END_TIME])),
        "Exception" => exception(c::EXCEPTION),
        "Exceptions" => exception(c::EXCEPTIONS),
        "ExceptionStartTime" => exception(c::EXCEPTION_START_TIME),
        "FirstDayOfWeek" => {
            rule(&[(c::TYPE, "1"), (c::DAY_OF_WEEK, "4"), (c::FIRST_DAY_OF_WEEK, "0")], c::FIRST_DAY_OF_WEEK)
        }
        "Interval" => rule(&[(c::TYPE, "0"), (c::INTERVAL, "3")], c::INTERVAL),
        "IsLeapMonth" => rule(
            &[
                (c::TYPE, "5"),
                (c::DAY_OF_MONTH, "3"),
                (c::MONTH_OF_YEAR, "4"),
                (c::CALENDAR_TYPE, "15"),
                (c::IS_LEAP_MONTH, "1"),
            ],
            c::IS_LEAP_MONTH,
        ),
        "Location" => plain(c::LOCATION, "Room 4, first floor"),
        "MeetingStatus" => {
            let people = guest(c::ATTENDEES)?.0;
            Some((people, vec![c::MEETING_STATUS]))
        }
        "MonthOfYear" => rule(&[(c::TYPE, "5"), (c::DAY_OF_MONTH, "3"), (c::MONTH_OF_YEAR, "4")], c::MONTH_OF_YEAR),
        "Name" => guest(c::NAME),
        "Occurrences" => rule(&[(c::TYPE, "0"), (c::OCCURRENCES, "5")], c::OCCURRENCES),
        "OrganizerEmail" if version < Version::V16_0 => plain(c::ORGANIZER_EMAIL, "eve@example.org"),
        "OrganizerName" if version < Version::V16_0 => Some((
            vec![text(c::ORGANIZER_EMAIL, "eve@example.org"), text(c::ORGANIZER_NAME, "Eve")],
            vec![c::ORGANIZER_NAME],
        )),
        "Recurrence" => rule(&[(c::TYPE, "0")], c::TYPE),
        "Reminder" => plain(c::REMINDER, "45"),
        "ResponseRequested" => plain(c::RESPONSE_REQUESTED, "1"),
        "Sensitivity" => plain(c::SENSITIVITY, "1"),
        "StartTime" => Some((Vec::new(), vec![c::START_TIME])),
        "Subject" => plain(c::SUBJECT, "Gr\u{fc}\u{df}e, \u{1f389}; \\n"),
        "Timezone" => Some((Vec::new(), vec![c::TIMEZONE])),
        "Type" => rule(&[(c::TYPE, "0")], c::TYPE),
        "UID" if version < Version::V16_0 => plain(c::UID, "uid-1@example.org"),
        "Until" => rule(&[(c::TYPE, "0"), (c::UNTIL, "20260601T080000Z")], c::UNTIL),
        "WeekOfMonth" => rule(&[(c::TYPE, "3"), (c::WEEK_OF_MONTH, "5"), (c::DAY_OF_WEEK, "127")], c::WEEK_OF_MONTH),
        // MAPPING.md: only told, or only taken.
        "AppointmentReplyTime"
        | "AttendeeStatus"
        | "BodyTruncated"
        | "ClientUid"
        | "OnlineMeetingConfLink"
        | "OnlineMeetingExternalLink"
        | "OrganizerEmail"
        | "OrganizerName"
        | "ResponseType"
        | "UID" => None,
        other => panic!("elements.tsv has {other}, which this test does not know"),
    }
}

fn find<'a>(data: &'a [Element], path: &[Tag]) -> Option<&'a Element> {
    data.iter().find(|element| element.tag == path[0])?.at(&path[1..])
}

#[test]
fn every_element_of_the_class_goes_to_the_object_and_back() {
    let mapping = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/MAPPING.md")).unwrap();
    let section = mapping.split("\n## ").find(|section| section.starts_with("Calendar")).unwrap();
    let mut walked = 0;
    for (name, versions) in rows("Calendar", "Calendar class") {
        assert!(section.contains(&format!("| {name} |")), "MAPPING.md has no row for {name}");
        for version in Version::ALL.into_iter().filter(|version| has(&versions, *version)) {
            let Some((extra, path)) = sample(&name, version) else { continue };
            let desk = desk(version);
            let mut sent = new_event("20260302T080000Z", "20260302T090000Z");
            sent.retain(|element| !extra.iter().any(|other| other.tag == element.tag));
            sent.extend(extra);
            let stored = desk.add(sent.clone());
            let told = desk.see(&stored);
            assert_eq!(find(&told, &path), find(&sent, &path), "{name} {version}\n{stored}");
            assert!(find(&told, &path).is_some(), "{name} {version}");
            // As a change to an event that was there, too.
            let before = ics(PLAIN);
            if name == "UID" {
                assert!(desk.change(&before, sent).contains("UID:u1\r\n"), "an event keeps its name");
                continue;
            }
            let changed = desk.change(&before, sent.clone());
            assert_eq!(find(&desk.see(&changed), &path), find(&sent, &path), "{name} {version}\n{changed}");
            walked += 1;
        }
    }
    assert!(walked > 200, "{walked}");
}

#[test]
fn every_part_of_a_place_and_a_body_goes_to_the_object_and_back() {
    let parts: Vec<(String, String)> = {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/spec/elements.tsv");
        let table = std::fs::read_to_string(path).unwrap();
        let rows = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let mine = rows.filter(|row| row[0] == "AirSyncBase" && row[3] == "Location");
        mine.map(|row| (row[1].to_owned(), row[4].to_owned())).collect()
    };
    assert!(parts.len() > 10);
    for version in [Version::V16_0, Version::V16_1] {
        let desk = desk(version);
        let mut place = Element::new(b::LOCATION);
        for (name, kind) in &parts {
            place.push(text(Tag::by_name("AirSyncBase", name).unwrap(), if kind == "double" { "1.25" } else { name }));
        }
        let mut sent = new_event("20260302T080000Z", "20260302T090000Z");
        sent.push(place.clone());
        let told = desk.see(&desk.add(sent));
        let told = told.iter().find(|element| element.tag == b::LOCATION).unwrap();
        for (name, _) in &parts {
            let tag = Tag::by_name("AirSyncBase", name).unwrap();
            assert_eq!(told.text_of(tag), place.text_of(tag), "{name}");
        }
    }
    for version in Version::ALL.into_iter().filter(|version| *version >= Version::V12_0) {
        for (kind, data) in [(BodyType::Text, "two\r\nlines"), (BodyType::Html, "<p>some <b>HTML</b></p>")] {
            let mut desk = desk(version);
            desk.body.types[0].kind = kind;
            let mut sent = new_event("20260302T080000Z", "20260302T090000Z");
            sent.push(body(kind, data));
            let told = desk.see(&desk.add(sent));
            let told = told.iter().find(|element| element.tag == b::BODY).unwrap();
            assert_eq!(told.text_of(b::DATA).as_deref(), Some(data));
            assert_eq!(told.text_of(b::TYPE).as_deref(), Some((kind as u8).to_string().as_str()));
        }
    }
}

fn zone() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(";TZID=Europe/Berlin:".to_owned()),
        Just(";TZID=America/New_York:".to_owned()),
        Just(";TZID=Asia/Kolkata:".to_owned()),
        Just(";TZID=Africa/Casablanca:".to_owned()),
        Just(";TZID=Pacific Standard Time:".to_owned()),
        Just(";TZID=No Such Zone:".to_owned()),
        Just(":".to_owned()),
    ]
}

fn rule() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just(""),
        Just("RRULE:FREQ=DAILY\n"),
        Just("RRULE:FREQ=DAILY;COUNT=4\n"),
        Just("RRULE:FREQ=WEEKLY;BYDAY=MO,TH;INTERVAL=2\n"),
        Just("RRULE:FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20301231T000000Z\n"),
        Just("RRULE:FREQ=MONTHLY;BYMONTHDAY=31\n"),
        Just("RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU\n"),
    ]
}

prop_compose! {
    fn event()(
        zone in zone(),
        rule in rule(),
        days in any::<bool>(),
        (year, month, day, hour) in (1995_i16..2040, 1_i8..=12, 1_i8..=28, 0_i8..24),
        minutes in 0_i64..4_000,
        (summary, place, text) in ("\\PC{0,30}", "\\PC{0,20}", "(?s).{0,80}"),
        (busy, class) in (0..6_usize, 0..5_usize),
        people in any::<bool>(),
        alarm in proptest::option::of(-60_i64..3_000),
        gone in proptest::option::of(0_i64..60),
    ) -> String {
        let date = jiff::civil::date(year, month, day);
        let start = date.at(hour, 30, 0, 0);
        let mut lines = if days {
            format!("DTSTART;VALUE=DATE:{}\n", date.strftime("%Y%m%d"))
        } else {
            format!("DTSTART{zone}{}\nDURATION:PT{minutes}M\n", start.strftime("%Y%m%dT%H%M%S"))
        };
        lines.push_str(rule);
        if let (Some(gone), false) = (gone, rule.is_empty()) {
            let at = start.checked_add(jiff::ToSpan::days(gone)).unwrap();
            lines.push_str(&if days {
                format!("EXDATE;VALUE=DATE:{}\n", at.strftime("%Y%m%d"))
            } else {
                format!("EXDATE{zone}{}\n", at.strftime("%Y%m%dT%H%M%S"))
            });
        }
        for (name, value) in [("SUMMARY", summary), ("LOCATION", place), ("DESCRIPTION", text)] {
            lines.push_str(&format!("{name}:{}\n", crate::lines::escape(&value)));
        }
        lines.push_str(["", "TRANSP:TRANSPARENT\n", "TRANSP:OPAQUE\n", "STATUS:TENTATIVE\n", "X-MICROSOFT-CDO-BUSYSTATUS:OOF\n",
            "X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE\n"][busy]);
        lines.push_str(["", "CLASS:PUBLIC\n", "CLASS:X-ODD\n", "CLASS:CONFIDENTIAL\n", "CATEGORIES:a,b\\,c\nCATEGORIES:d\n"][class]);
        if people {
            lines.push_str("ORGANIZER:mailto:bob@example.org\nATTENDEE;CN=Ada:mailto:ada@example.org\nATTENDEE:urn:uuid:1\n");
        }
        if let Some(minutes) = alarm {
            lines.push_str(&format!("BEGIN:VALARM\nTRIGGER:{}PT{}M\nEND:VALARM\n", if minutes < 0 { "" } else { "-" }, minutes.abs()));
        }
        ics(&lines)
    }
}

fn manner() -> impl Strategy<Value = CalendarManner> {
    let zones = prop_oneof![Just(TzBlob::Full), Just(TzBlob::Needed), Just(TzBlob::ZeroForDays)];
    let flags = any::<[bool; 5]>();
    (zones, flags, proptest::option::of(2000_i16..2040)).prop_map(|(tz_blob, flags, until_max)| {
        let [allday_raw, organizer_always, attendees_hidden, reminder_explicit, upper] = flags;
        CalendarManner {
            tz_blob,
            allday_raw,
            until_max,
            organizer_always,
            attendees_hidden,
            reminder_explicit,
            uid_form: if upper { UidForm::HexUpper } else { UidForm::AsIs },
            always_uid: true,
            free_means_accepted: true,
        }
    })
}

#[test]
fn a_body_cut_down_to_a_blank_is_kept_when_it_comes_back() {
    let stored = ics(&format!("{PLAIN}\nDESCRIPTION:\u{a0}\u{370}\n"));
    let mut desk = desk(Version::V12_0);
    desk.body = text_bodies(Some(2));
    let shown = properties(&stored, &desk.view()).unwrap();
    let back = desk.send(Some(&stored), shown).unwrap();
    assert_eq!((back.content.as_deref(), back.changed), (Some(stored.as_str()), false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn sending_back_what_was_shown_changes_nothing(stored in event(), version in 0..7_usize, cut in proptest::option::of(0_u32..20)) {
        let mut desk = desk(Version::ALL[version]);
        desk.body = text_bodies(cut);
        desk.body.truncation = cut.map(|_| 1);
        if let Ok(shown) = properties(&stored, &desk.view()) {
            let back = desk.send(Some(&stored), shown).unwrap();
            prop_assert_eq!(back.content.as_deref(), Some(stored.as_str()));
            prop_assert!(!back.changed);
        }
    }

    #[test]
    fn sending_back_what_was_shown_changes_nothing_in_any_manner(stored in event(), version in 0..7_usize, manner in manner()) {
        let mut desk = desk(Version::ALL[version]);
        desk.manner.calendar = manner;
        if let Ok(shown) = properties(&stored, &desk.view()) {
            let back = desk.send(Some(&stored), shown).unwrap();
            prop_assert_eq!(back.content.as_deref(), Some(stored.as_str()));
            prop_assert!(!back.changed);
        }
    }

    #[test]
    fn another_subject_is_all_that_changes_in_any_manner(stored in event(), version in 0..6_usize, manner in manner()) {
        let mut desk = desk(Version::ALL[version]);
        desk.manner.calendar = manner;
        if let Ok(mut shown) = properties(&stored, &desk.view()) {
            shown.retain(|element| element.tag != c::SUBJECT);
            shown.push(text(c::SUBJECT, "Other than before"));
            let after = desk.send(Some(&stored), shown).unwrap().content.unwrap();
            let but_subject = |text: &str| -> Vec<String> {
                let unfolded = text.replace("\r\n ", "");
                let lines = unfolded.lines().filter(|line| !line.starts_with("SUMMARY") && !line.starts_with("DTSTAMP"));
                lines.map(str::to_owned).collect()
            };
            prop_assert_eq!(but_subject(&after), but_subject(&stored));
        }
    }

    #[test]
    fn what_a_device_adds_is_shown_to_it_as_it_sent_it(stored in event(), version in 0..7_usize) {
        // The properties of any event make a new event with the same properties, but for names and stamps.
        let desk = desk(Version::ALL[version]);
        if let Ok(shown) = properties(&stored, &desk.view()) {
            let made = desk.add(shown.clone());
            let told = desk.see(&made);
            for tag in [c::START_TIME, c::END_TIME, c::ALL_DAY_EVENT, c::SUBJECT, c::RECURRENCE, c::EXCEPTIONS, c::BUSY_STATUS, c::TIMEZONE] {
                let of = |list: &[Element]| list.iter().find(|element| element.tag == tag).cloned();
                // Holes of a cover become deleted occurrences, of which a series tells fewer.
                if of(&shown).is_some_and(|element| element.children().count() > 256) {
                    continue;
                }
                prop_assert_eq!(of(&told), of(&shown), "{}\n{}", stored, made);
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(garbage in "(?s).{0,200}", line in "[A-Z-]{3,12}(;[A-Z]{2,6}=[^\r\n]{0,6})?:[^\r\n]{0,30}") {
        let desk = desk(Version::V16_1);
        let _ = properties(&garbage, &desk.view());
        let _ = split(&garbage);
        let stored = ics(&format!("{PLAIN}\nRRULE:FREQ=DAILY;COUNT=3\n{line}"));
        if let Ok(shown) = properties(&stored, &desk.view()) {
            let _ = desk.send(Some(&stored), shown);
        }
        let _ = facts(&stored, &desk.view());
        let _ = time_zone::decode(&garbage);
    }
}

#[test]
fn an_exception_from_before_the_start_that_is_told_is_not_told() {
    // Its start is on none of its days, and past: it is told from the first of these on.
    let stored = ics("DTSTART;TZID=Europe/Berlin:19950106T003000\nDURATION:PT1H\nSUMMARY:Odd\n\
         RRULE:FREQ=WEEKLY;BYDAY=MO,TH;INTERVAL=2\n\
         EXDATE;TZID=Europe/Berlin:19950106T003000\nEXDATE;TZID=Europe/Berlin:19950119T003000");
    let desk = desk(Version::V2_5);
    let shown = properties(&stored, &desk.view()).unwrap();
    let of = |tag| shown.iter().find(|element| element.tag == tag).unwrap();
    assert_eq!(of(c::START_TIME).value(), "19950115T233000Z");
    let exceptions = of(c::EXCEPTIONS).all(c::EXCEPTION);
    let times: Vec<_> = exceptions.map(|one| one.text_of(c::EXCEPTION_START_TIME).unwrap()).collect();
    assert_eq!(times, ["19950118T233000Z"]);
    let back = desk.send(Some(&stored), shown).unwrap();
    assert_eq!(back.content.as_deref(), Some(stored.as_str()), "what was not told stays");
}
