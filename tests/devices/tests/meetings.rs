//! Invitations, and who answers them.

#![allow(clippy::unwrap_used, reason = "a panic in a test says what broke")]

use easel_devices_tests::{House, User, identities, words};
use easel_protocol::{Command, FolderType, Version};
use easel_test_support::{Identity, Phone, Socket, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsyncbase, meeting_response as mr};

/// An invitation of somebody nobody else is invited by.
fn invitation(user: &User<'_>, organizer: &str) -> String {
    format!(
        "From: Olga <{organizer}>\r\nTo: <{to}>\r\nSubject: tea\r\nDate: Mon, 2 Mar 2026 09:00:00 +0000\r\n\
         Message-ID: <invitation-{organizer}>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n\
         BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\n\
         UID:tea-{organizer}\r\nDTSTAMP:20260301T080000Z\r\nDTSTART:20270303T091500Z\r\nDTEND:20270303T094500Z\r\n\
         SUMMARY:tea\r\nSEQUENCE:0\r\nORGANIZER;CN=Olga:mailto:{organizer}\r\n\
         ATTENDEE;CN=Anna;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{to}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        to = user.address
    )
}

/// A device accepts; the answer to it.
fn accept(phone: &mut Phone<Socket>, folder: &str, request_id: &str) -> Element {
    let mut request = vec![
        Element::number(mr::USER_RESPONSE, 1),
        Element::text(mr::COLLECTION_ID, folder),
        Element::text(mr::REQUEST_ID, request_id),
    ];
    if phone.version >= Version::V16_0 {
        let body = [Element::number(airsyncbase::TYPE, 1), Element::text(airsyncbase::DATA, "Gladly.")];
        request.push(Element::of(mr::SEND_RESPONSE, [Element::of(airsyncbase::BODY, body)]));
    }
    let body = Element::of(mr::MEETING_RESPONSE, [Element::of(mr::REQUEST, request)]);
    let root = phone.ask(Command::MeetingResponse, Some(&body)).unwrap().unwrap();
    root.child(mr::RESULT).unwrap().clone()
}

/// Answers of this server to somebody.
fn answers_to(house: &House, organizer: &str) -> usize {
    let queue = house.easel.json(&["queue", "list"]);
    queue.as_array().unwrap().iter().filter(|mail| mail["waiting"][0] == organizer).count()
}

/// A device is invited and accepts; the pack, the version, and how many answers this server mailed.
fn answered(case: &str, identity: Identity) -> (String, Version, usize) {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let organizer = format!("olga-{case}@away.example");
    user.import("invitation.eml", &invitation(&user, &organizer));
    let (mut phone, inbox) = user.begun(identity, FolderType::Inbox);
    let (mail, _) = words::only(&phone, &inbox);
    let result = accept(&mut phone, &inbox, &mail);
    assert_eq!(item_text(&result, mr::STATUS), "1", "{result:#?}");
    assert_ne!(item_text(&result, mr::CALENDAR_ID), "", "{result:#?}");
    let stored = user.stored(".ics");
    assert!(stored.contains("PARTSTAT=ACCEPTED"), "{stored}");
    (user.served(&phone.identity.device_id).0, phone.version, answers_to(&house, &organizer))
}

#[test]
fn tc44_an_iphone_with_ios_13_3_that_mails_no_answers_is_answered_for() {
    let ios = identities::ios("Apple-iPhone9C4/1703.54", Version::V14_1);
    assert_eq!(answered("tc44", ios), ("ios-modern".to_owned(), Version::V14_1, 1));
}

#[test]
fn tc45_an_iphone_with_ios_14_that_mails_its_answers_is_not() {
    let ios = identities::ios("Apple-iPhone9C4/1801.373", Version::V14_1);
    assert_eq!(answered("tc45", ios), ("ios-modern".to_owned(), Version::V14_1, 0));
}

#[test]
fn tc46_at_16_1_the_server_answers_whoever_asks() {
    for (case, identity) in [
        ("tc46-14", identities::ios("Apple-iPhone9C4/1801.373", Version::V16_1)),
        ("tc46-13", identities::ios("Apple-iPhone9C4/1703.54", Version::V16_1)),
    ] {
        assert_eq!(answered(case, identity), ("ios-modern".to_owned(), Version::V16_1, 1), "{case}");
    }
}

#[test]
fn tc47_one_occurrence_named_behind_the_id_is_answered_and_the_others_are_not() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let organizer = "olga-tc47@away.example";
    let more = format!(
        "RRULE:FREQ=WEEKLY;COUNT=4\r\nORGANIZER;CN=Olga:mailto:{organizer}\r\n\
         ATTENDEE;CN=Anna;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{}\r\n",
        user.address
    );
    user.import("series.ics", &words::event("series", &more));
    let ios = identities::ios("Apple-iPhone15C4/2301.355", Version::V16_1);
    let (mut phone, calendar) = user.begun(ios, FolderType::Calendar);
    let (event, _) = words::only(&phone, &calendar);
    let result = accept(&mut phone, &calendar, &format!("{event}<!ExceptionDate!>20270310T091500Z"));
    assert_eq!(user.served(&phone.identity.device_id).0, "ios-modern");
    assert_eq!(item_text(&result, mr::STATUS), "1", "{result:#?}");
    let stored = user.stored(".ics");
    let parts: Vec<&str> = stored.split("BEGIN:VEVENT").skip(1).collect();
    assert_eq!(parts.len(), 2, "{stored}");
    let (one, series): (Vec<&str>, Vec<&str>) = parts.iter().partition(|part| part.contains("RECURRENCE-ID"));
    assert!(one[0].contains("20270310T091500") && one[0].contains("PARTSTAT=ACCEPTED"), "{stored}");
    assert!(series[0].contains("PARTSTAT=NEEDS-ACTION") && !series[0].contains("PARTSTAT=ACCEPTED"), "{stored}");
    assert_eq!(answers_to(&house, organizer), 1);
}
