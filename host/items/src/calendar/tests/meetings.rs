//! Organizer, attendees, and the mail about meetings.

use easel_wbxml::pages::{email as e, email2};
use jiff::civil::date;

use super::*;

fn attendee(children: &[(Tag, &str)]) -> Element {
    Element::of(c::ATTENDEE, children.iter().map(|(tag, value)| text(*tag, value)))
}

fn shown(desk: &Desk, stored: &str, tag: Tag) -> Option<Element> {
    desk.see(stored).into_iter().find(|element| element.tag == tag)
}

#[test]
fn g34_i27_the_organizer_of_a_meeting_is_always_said_and_of_a_plain_event_where_that_is_the_manner() {
    for desk in desks() {
        assert_eq!(desk.text(&ics(PLAIN), c::ORGANIZER_NAME), None);
        let mut always = desk;
        always.manner.calendar.organizer_always = true;
        assert_eq!(always.text(&ics(PLAIN), c::ORGANIZER_EMAIL).as_deref(), Some("ada@example.org"));
        let desk = always;
        for (lines, name, address) in [
            (MEETING, "Ada", "ada@example.org"),
            (INVITED, "Bob", "bob@example.org"),
            (PLAIN, "Ada", "ada@example.org"),
        ] {
            assert_eq!(desk.text(&ics(lines), c::ORGANIZER_NAME).as_deref(), Some(name));
            assert_eq!(desk.text(&ics(lines), c::ORGANIZER_EMAIL).as_deref(), Some(address));
        }
        // The organizer is not among the attendees.
        let guests = shown(&desk, &ics(INVITED), c::ATTENDEES).unwrap();
        let addresses: Vec<_> = guests.children().map(|guest| guest.text_of(c::EMAIL).unwrap().into_owned()).collect();
        assert_eq!(addresses, ["ADA@example.org"]);
    }
}

#[test]
fn guests_whom_nobody_invited_get_no_organizer_from_a_device_that_does_not_name_them() {
    let stored = ics(&format!("{PLAIN}\nATTENDEE:mailto:bob@example.org"));
    for version in Version::ALL {
        let desk = desk(version);
        let said = |data: &Element, shown| {
            let edit =
                Edit { data, ghosting: &Ghosting::All, base: None, shown, instance: None, delete_instance: false };
            apply(Some(&stored), &edit, &desk.view()).unwrap()
        };
        let nothing = said(&Element::new(airsync::APPLICATION_DATA), &desk.body);
        assert!(!nothing.changed, "{version}: {:?}", nothing.content);
        let renamed = Element::of(airsync::APPLICATION_DATA, [text(c::SUBJECT, "Dentists")]);
        let renamed = said(&renamed, &desk.body).content.unwrap();
        assert!(renamed.contains("SUMMARY:Dentists") && !renamed.contains("ORGANIZER"), "{version}: {renamed}");
    }
}

#[test]
fn g35_the_meeting_status_is_consistent() {
    let desk = desk(Version::V14_1);
    let lone = "DTSTART:20260310T090000Z\nORGANIZER:mailto:ada@example.org";
    for (lines, status, response) in [
        (PLAIN.to_owned(), "0", "0"),
        (lone.to_owned(), "0", "0"),
        (MEETING.to_owned(), "1", "1"),
        (INVITED.to_owned(), "3", "2"),
        (format!("{MEETING}\nSTATUS:CANCELLED"), "5", "1"),
        (format!("{INVITED}\nSTATUS:CANCELLED"), "7", "2"),
        (INVITED.replace("TENTATIVE", "NEEDS-ACTION"), "3", "5"),
        (INVITED.replace("TENTATIVE", "ACCEPTED"), "3", "3"),
        (INVITED.replace("TENTATIVE", "DECLINED"), "3", "4"),
    ] {
        assert_eq!(desk.text(&ics(&lines), c::MEETING_STATUS).as_deref(), Some(status), "{lines}");
        assert_eq!(desk.text(&ics(&lines), c::RESPONSE_TYPE).as_deref(), Some(response), "{lines}");
    }
}

#[test]
fn g36_status_and_type_of_attendees_are_the_organizers_to_see() {
    for version in Version::ALL {
        let desk = desk(version);
        let own = shown(&desk, &ics(MEETING), c::ATTENDEES).unwrap();
        let bob = own.children().next().unwrap();
        assert_eq!(bob.child(c::ATTENDEE_STATUS).is_some(), version >= Version::V12_0);
        let others = shown(&desk, &ics(INVITED), c::ATTENDEES).unwrap();
        let guest = others.children().next().unwrap();
        assert_eq!((guest.child(c::ATTENDEE_STATUS), guest.child(c::ATTENDEE_TYPE)), (None, None));
        // What was not shown is not lost.
        assert_eq!(desk.change(&ics(INVITED), vec![]), ics(INVITED));
    }
}

#[test]
fn g37_an_empty_list_clears_and_absence_keeps_from_16_0() {
    for desk in desks() {
        let cleared = desk.change(&ics(MEETING), vec![Element::new(c::ATTENDEES)]);
        assert!(!cleared.contains("ATTENDEE"), "{cleared}");
    }
    assert_eq!(desk(Version::V16_1).change_without(&ics(MEETING), &[c::ATTENDEES]), ics(MEETING));
    let gone = desk(Version::V14_1).change_without(&ics(MEETING), &[c::ATTENDEES]);
    assert!(!gone.contains("ATTENDEE"), "{gone}");
}

#[test]
fn p14_an_empty_list_in_a_new_event_is_no_meeting() {
    let mut event = new_event("20260310T080000Z", "20260310T090000Z");
    event.push(Element::new(c::ATTENDEES));
    event.push(text(c::MEETING_STATUS, "1"));
    let stored = desk(Version::V14_1).add(event);
    assert_eq!(desk(Version::V14_1).text(&stored, c::MEETING_STATUS).as_deref(), Some("0"));
    assert!(!stored.contains("ORGANIZER"), "{stored}");
}

#[test]
fn g43_the_meeting_of_a_device_is_whole_whoever_mails_the_invitations() {
    for desk in desks() {
        let mut event = new_event("20260310T080000Z", "20260310T090000Z");
        let bob = attendee(&[(c::EMAIL, "bob@example.org"), (c::NAME, "Bob"), (c::ATTENDEE_TYPE, "2")]);
        event.push(Element::of(c::ATTENDEES, [bob]));
        event.push(text(c::MEETING_STATUS, "1"));
        event.push(text(c::RESPONSE_REQUESTED, "1"));
        let stored = desk.add(event);
        assert!(stored.contains("ORGANIZER;CN=Ada:mailto:ada@example.org\r\n"), "{stored}");
        let unfolded = stored.replace("\r\n ", "");
        assert!(unfolded.contains("ATTENDEE;CN=Bob;ROLE=OPT-PARTICIPANT;"), "{stored}");
        assert!(unfolded.contains("RSVP=TRUE:mailto:bob@example.org"), "{stored}");
        assert_eq!(desk.text(&stored, c::MEETING_STATUS).as_deref(), Some("1"));
    }
}

#[test]
fn attendees_are_merged_one_by_one() {
    let desk = desk(Version::V14_1);
    let list = Element::of(
        c::ATTENDEES,
        [
            attendee(&[
                (c::EMAIL, "BOB@example.org"),
                (c::NAME, "Robert"),
                (c::ATTENDEE_STATUS, "3"),
                (c::ATTENDEE_TYPE, "1"),
            ]),
            attendee(&[(c::EMAIL, "dan@example.org"), (c::NAME, "Dan"), (c::ATTENDEE_TYPE, "3")]),
        ],
    );
    let hidden = "ATTENDEE;CN=Nobody:invalid:nomail";
    let after = desk.change(&ics(&format!("{MEETING}\n{hidden}")), vec![list]).replace("\r\n ", "");
    assert!(after.contains("ATTENDEE;CN=Robert;PARTSTAT=ACCEPTED;X-ODD=1:mailto:bob@example.org\r\n"), "{after}");
    assert!(
        after.contains("ATTENDEE;CN=Dan;CUTYPE=RESOURCE;ROLE=NON-PARTICIPANT:mailto:dan@example.org\r\n"),
        "{after}"
    );
    assert!(!after.contains("carol"), "{after}");
    assert!(after.contains(hidden), "who cannot be shown cannot be removed\n{after}");
}

#[test]
fn nobody_takes_over_a_meeting_of_somebody_else() {
    let edits = vec![text(c::ORGANIZER_EMAIL, "ada@example.org"), text(c::ORGANIZER_NAME, "Ada")];
    assert_eq!(desk(Version::V14_1).change(&ics(INVITED), edits), ics(INVITED));
}

#[test]
fn a_moved_meeting_counts_up() {
    let desk = desk(Version::V16_1);
    let moved = desk.change(
        &ics(&format!("{MEETING}\nSEQUENCE:4")),
        vec![text(c::START_TIME, "20260311T080000Z"), text(c::END_TIME, "20260311T090000Z")],
    );
    assert!(moved.contains("SEQUENCE:5"), "{moved}");
    assert!(moved.contains("DTSTAMP:20260301T100000Z"), "{moved}");
    let renamed = desk.change(&ics(&format!("{MEETING}\nSEQUENCE:4")), vec![text(c::SUBJECT, "x")]);
    assert!(renamed.contains("SEQUENCE:4"), "{renamed}");
}

#[test]
fn a_cancelled_meeting_is_told_and_taken() {
    let desk = desk(Version::V14_1);
    let cancelled = desk.change(&ics(MEETING), vec![text(c::MEETING_STATUS, "5")]);
    assert!(cancelled.contains("STATUS:CANCELLED"), "{cancelled}");
    // 13 is 5 by another name.
    assert_eq!(desk.change(&cancelled, vec![text(c::MEETING_STATUS, "13")]), cancelled);
    let revived = desk.change(&cancelled, vec![text(c::MEETING_STATUS, "1")]);
    assert!(!revived.contains("STATUS"), "{revived}");
}

#[test]
fn links_and_the_time_of_a_reply_are_told_and_never_taken() {
    let stored = ics(&format!(
        "{INVITED}\nX-MICROSOFT-CDO-REPLYTIME:20260302T101500Z\nX-MICROSOFT-ONLINEMEETINGCONFLINK:conf:sip:x\n\
        CONFERENCE;VALUE=URI:https://meet.example.org/1"
    ));
    for version in Version::ALL {
        let desk = desk(version);
        let told = |tag, since| {
            let text = desk.text(&stored, tag);
            assert_eq!(text.is_some(), version >= since, "{tag} {version}");
        };
        told(c::APPOINTMENT_REPLY_TIME, Version::V14_0);
        told(c::RESPONSE_TYPE, Version::V14_0);
        told(c::ONLINE_MEETING_CONF_LINK, Version::V14_1);
        told(c::ONLINE_MEETING_EXTERNAL_LINK, Version::V14_1);
        let edits =
            [c::APPOINTMENT_REPLY_TIME, c::RESPONSE_TYPE, c::ONLINE_MEETING_CONF_LINK, c::ONLINE_MEETING_EXTERNAL_LINK];
        assert_eq!(desk.change(&stored, edits.map(|tag| text(tag, "1")).to_vec()), stored);
    }
}

fn mail(method: &str, lines: &str) -> String {
    ics(lines).replace("PRODID:test\r\n", &format!("PRODID:test\r\nMETHOD:{method}\r\n"))
}

#[test]
fn the_message_class_is_that_of_the_method() {
    for (method, lines, class) in [
        ("REQUEST", INVITED, Some("IPM.Schedule.Meeting.Request")),
        ("CANCEL", INVITED, Some("IPM.Schedule.Meeting.Canceled")),
        ("reply", INVITED, Some("IPM.Schedule.Meeting.Resp.Tent")),
        ("REPLY", MEETING, Some("IPM.Schedule.Meeting.Resp.Pos")),
        ("PUBLISH", INVITED, None),
        ("REPLY", PLAIN, None),
    ] {
        assert_eq!(message_class(&mail(method, lines)), class, "{method}");
    }
    let declined = mail("REPLY", &MEETING.replace("ACCEPTED", "DECLINED"));
    assert_eq!(message_class(&declined), Some("IPM.Schedule.Meeting.Resp.Neg"));
    assert_eq!(message_class(&ics(INVITED)), None);
    assert_eq!(message_class("garbage"), None);
    assert_eq!(method(&mail("request", INVITED)).as_deref(), Some("REQUEST"));
}

#[test]
fn a_request_is_told_in_the_order_of_the_schema() {
    let lines = format!(
        "{INVITED}\nLOCATION:Room\nRRULE:FREQ=WEEKLY\nCLASS:PRIVATE\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT15M\nEND:VALARM"
    );
    let names = |version: Version| {
        let desk = desk(version);
        let request = meeting_request(&mail("REQUEST", &lines), &desk.view()).unwrap();
        request.children().map(|child| child.tag.name().unwrap()).collect::<Vec<_>>().join(" ")
    };
    let common = "AllDayEvent StartTime DtStamp EndTime InstanceType Location Organizer Reminder ResponseRequested \
        Recurrences Sensitivity BusyStatus TimeZone";
    assert_eq!(names(Version::V2_5), format!("{common} GlobalObjId"));
    assert_eq!(names(Version::V14_0), format!("{common} GlobalObjId DisallowNewTimeProposal"));
    assert_eq!(names(Version::V14_1), format!("{common} GlobalObjId DisallowNewTimeProposal MeetingMessageType"));
    assert_eq!(names(Version::V16_1), format!("{common} DisallowNewTimeProposal MeetingMessageType UID"));

    let desk = desk(Version::V14_1);
    let request = meeting_request(&mail("REQUEST", &lines), &desk.view()).unwrap();
    let value = |tag| request.text_of(tag).unwrap().into_owned();
    assert_eq!(value(e::START_TIME), "2026-03-10T08:00:00.000Z");
    assert_eq!(value(e::ORGANIZER), "\"Bob\" <bob@example.org>");
    assert_eq!((value(e::INSTANCE_TYPE), value(e::REMINDER)), ("1".to_owned(), "15".to_owned()));
    assert_eq!(value(email2::MEETING_MESSAGE_TYPE), "1");
    let rule = request.at(&[e::RECURRENCES, e::RECURRENCE]).unwrap();
    assert_eq!(rule.text_of(e::INTERVAL).as_deref(), Some("1"));
    assert_eq!(rule.text_of(email2::FIRST_DAY_OF_WEEK).as_deref(), Some("1"));
}

#[test]
fn requests_of_ones_own_meeting_and_other_mail_have_none() {
    let desk = desk(Version::V14_1);
    assert_eq!(meeting_request(&mail("REQUEST", MEETING), &desk.view()), None);
    assert_eq!(meeting_request(&mail("REPLY", INVITED), &desk.view()), None);
    assert_eq!(meeting_request(&ics(INVITED), &desk.view()), None);
    assert_eq!(meeting_request("BEGIN:VCALENDAR", &desk.view()), None);
    let cancel = meeting_request(&mail("CANCEL", INVITED), &desk.view()).unwrap();
    assert_eq!(cancel.text_of(email2::MEETING_MESSAGE_TYPE).as_deref(), Some("0"));
}

#[test]
fn a_request_for_one_occurrence_names_it() {
    let desk = desk(Version::V14_1);
    let one = format!("{INVITED}\nRECURRENCE-ID;TZID=Europe/Berlin:20260310T090000");
    let request = meeting_request(&mail("REQUEST", &one), &desk.view()).unwrap();
    assert_eq!(request.text_of(e::INSTANCE_TYPE).as_deref(), Some("2"));
    assert_eq!(request.text_of(e::RECURRENCE_ID).as_deref(), Some("2026-03-10T08:00:00.000Z"));
    let moved = format!("{INVITED}\nRECURRENCE-ID;TZID=Europe/Berlin:20260309T090000");
    let request = meeting_request(&mail("REQUEST", &moved), &desk.view()).unwrap();
    assert_eq!(request.text_of(e::INSTANCE_TYPE).as_deref(), Some("3"));
    let id = request.text_of(e::GLOBAL_OBJ_ID).unwrap().into_owned();
    assert_eq!(uid_of_global_obj_id(&id).as_deref(), Some("u1"));
}

#[test]
fn the_two_names_of_a_meeting_become_each_other() {
    for uid in
        ["u1", "7kukuqrfedlm2f9t0i1dsb4ebs@google.com", "{81412D3C-2A24-4E9D-B20E-11F7BBE92799}", "gr\u{fc}\u{df}e"]
    {
        assert_eq!(uid_of_global_obj_id(&global_obj_id(uid, None)).as_deref(), Some(uid));
    }
    let outlook = "040000008200E00074C5B7101A82E00800000000B0A6E0F7A5ADDC01000000000000000010000000AABBCCDDEEFF00112233445566778899";
    let id = global_obj_id(outlook, Some(date(2026, 3, 10)));
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &id).unwrap();
    assert_eq!(bytes[16..20], [0x07, 0xEA, 3, 10]);
    assert_eq!(uid_of_global_obj_id(&id).as_deref(), Some(outlook));
    assert_eq!(global_obj_id(&outlook.to_lowercase(), None), global_obj_id(outlook, None));
    // The wrapped form, as it is published: class id, zeros, length, "vCal-Uid", 1, the UID and its end.
    let wrapped =
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, global_obj_id("ab", None)).unwrap();
    assert_eq!(wrapped[36..], *b"\x0f\0\0\0vCal-Uid\x01\0\0\0ab\0");
}

#[test]
fn hostile_ids_are_read_without_harm() {
    let engine = &base64::engine::general_purpose::STANDARD;
    let bytes = base64::Engine::decode(engine, global_obj_id("abcdef", None)).unwrap();
    for length in 0..bytes.len() {
        let cut = base64::Engine::encode(engine, &bytes[..length]);
        assert_eq!(uid_of_global_obj_id(&cut).is_some(), length > 0);
    }
    for claimed in [0_u32, 12, 13, 20, u32::MAX] {
        let mut bytes = bytes.clone();
        bytes[36..40].copy_from_slice(&claimed.to_le_bytes());
        assert!(uid_of_global_obj_id(&base64::Engine::encode(engine, bytes)).is_some());
    }
    assert_eq!(uid_of_global_obj_id("not base64!"), None);
    assert_eq!(uid_of_global_obj_id(&"A".repeat(100_000)), None);
}
