//! Events.

#![allow(clippy::unwrap_used, reason = "a panic in a test says what broke")]

use easel_devices_tests::{House, User, identities, words};
use easel_protocol::{FolderType, Version};
use easel_test_support::{Identity, Phone, Sent, Socket, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsync, calendar};

/// What a device adds to its calendar; the response.
fn add(phone: &mut Phone<Socket>, folder: &str, properties: Vec<Element>) -> Element {
    let synced = phone.sync(&[Sent::commands(folder, vec![words::add("1", properties)])]).unwrap();
    let responses = words::responses(&synced, folder);
    assert_eq!(responses.len(), 1, "{responses:#?}");
    responses.into_iter().next().unwrap()
}

fn anniversary() -> Vec<Element> {
    let yearly = [
        Element::number(calendar::TYPE, 5),
        Element::number(calendar::INTERVAL, 1),
        Element::number(calendar::DAY_OF_MONTH, 26),
        Element::number(calendar::MONTH_OF_YEAR, 11),
    ];
    vec![
        Element::text(calendar::UID, "anniversary@phone"),
        Element::boolean(calendar::ALL_DAY_EVENT, true),
        Element::text(calendar::DT_STAMP, "20261101T080000Z"),
        Element::text(calendar::START_TIME, "20261126T000000Z"),
        Element::text(calendar::END_TIME, "20261126T000000Z"),
        Element::text(calendar::SUBJECT, "anniversary"),
        Element::of(calendar::RECURRENCE, yearly),
    ]
}

/// How an anniversary that ends when it starts is stored; the pack, the status and the event.
fn stored_anniversary(user: &User<'_>, identity: Identity) -> (String, String, String) {
    let (mut phone, folder) = user.begun(identity, FolderType::Calendar);
    let response = add(&mut phone, &folder, anniversary());
    let pack = user.served(&phone.identity.device_id).0;
    (pack, item_text(&response, airsync::STATUS), user.stored(".ics"))
}

#[test]
fn tc29_an_anniversary_of_a_nokia_that_ends_when_it_starts_lasts_the_day() {
    let house = House::shared();
    // The host reads it so from everybody; nor does the pack, which says it, make two days of it.
    let other = identities::other("other", "Other/1.0", Version::V2_5);
    for (identity, known) in [(Identity::nokia_n97(), "nokia-mfe"), (other, "default")] {
        let (pack, status, event) = stored_anniversary(&house.user("Europe/Berlin"), identity);
        assert_eq!((pack.as_str(), status.as_str()), (known, "1"));
        for line in ["DTSTART;VALUE=DATE:20261126\r\n", "DTEND;VALUE=DATE:20261127\r\n", "RRULE:FREQ=YEARLY"] {
            assert!(event.contains(line), "{line}: {event}");
        }
    }
}

#[test]
fn tc42_an_alarm_set_on_an_iphone_that_saw_no_attendees_leaves_them_where_they_are() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let attendees: String = ["a", "b", "c"]
        .map(|name| format!("ATTENDEE;CN={name};PARTSTAT=ACCEPTED:mailto:{name}@example.net\r\n"))
        .concat();
    let more = format!("ORGANIZER;CN=Anna:mailto:{}\r\n{attendees}", user.address);
    user.import("own.ics", &words::event("own", &more));
    user.import_into(&["--folder", "Choir"], "rehearsal.ics", &words::event("rehearsal", &more));
    let mut phone = user.ready(identities::iphone_os_3());
    assert_eq!(user.served(&phone.identity.device_id).0, "iphone-os-2-3");
    let folder = |kind| phone.folder(kind).unwrap();
    let (default, choir) = (folder(FolderType::Calendar), folder(FolderType::UserCalendar));
    for id in [&default, &choir] {
        phone.sync_folder(id, 10).unwrap();
    }
    let (_, shown) = words::only(&phone, &default);
    assert_eq!(shown.child(calendar::ATTENDEES).map(|all| all.children().count()), Some(3));
    let (id, shown) = words::only(&phone, &choir);
    assert!(shown.child(calendar::ATTENDEES).is_none(), "{shown:#?}");
    let mut changed: Vec<Element> = shown.children().filter(|one| one.tag != calendar::REMINDER).cloned().collect();
    changed.push(Element::number(calendar::REMINDER, 15));
    phone.sync(&[Sent::commands(&choir, vec![words::change(&id, changed)])]).unwrap();
    let stored: String =
        user.exported().into_iter().filter(|(path, _)| path.contains("Choir")).map(|(_, content)| content).collect();
    assert!(stored.contains("TRIGGER:-PT15M") || stored.contains("TRIGGER:-P0DT0H15M0S"), "{stored}");
    assert_eq!(stored.matches("ATTENDEE").count(), 3, "{stored}");
}

#[test]
fn tc48_an_event_that_is_in_the_calendar_already_is_not_added_again() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    user.import("tea.ics", &words::event("tea", ""));
    // Another device knows it under this id.
    let (known, folder) = user.begun(Identity::android(), FolderType::Calendar);
    let (id, _) = words::only(&known, &folder);
    // Before it looked into the calendar: it has a key, and nothing else.
    let mut phone = user.ready(identities::ios("Apple-iPhone9C4/1801.373", Version::V14_1));
    let calendar_id = phone.folder(FolderType::Calendar).unwrap();
    phone.sync(&[Sent::ask(&calendar_id)]).unwrap();
    let event = vec![
        Element::text(calendar::UID, "tea@example.org"),
        Element::text(calendar::DT_STAMP, "20270101T080000Z"),
        Element::text(calendar::START_TIME, "20270303T091500Z"),
        Element::text(calendar::END_TIME, "20270303T094500Z"),
        Element::text(calendar::SUBJECT, "tea"),
    ];
    let response = add(&mut phone, &calendar_id, event);
    assert_eq!(user.served(&phone.identity.device_id).0, "ios-modern");
    assert_eq!(
        (item_text(&response, airsync::STATUS), item_text(&response, airsync::SERVER_ID)),
        ("1".into(), id.clone())
    );
    phone.sync_folder(&calendar_id, 10).unwrap();
    assert_eq!(phone.items(&calendar_id).into_keys().collect::<Vec<_>>(), [id]);
    assert_eq!(user.stored(".ics").matches("BEGIN:VEVENT").count(), 1);
}
