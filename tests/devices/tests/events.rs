//! Events as devices know them: by their ids, their days and whose they are.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use easel_devices_tests::words::{add, change, event, only, responses};
use easel_devices_tests::{House, User, identities};
use easel_protocol::{FolderType, Version};
use easel_test_support::{Identity, Sent, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsync, calendar, email};

/// A GlobalObjId in hexadecimal, as Outlook writes it into UID.
const HEX_UID: &str =
    "040000008200e00074c5b7101a82e00800000000e0a1b2c3d4e5da0100000000000000001000000000112233445566778899aabbccddeeff";

fn outlook() -> Identity {
    identities::other("WindowsOutlook15", "Outlook/16.0 (16.0.17932.20884; C2R; x64)", Version::V14_0)
}

/// An iPhone with iOS 12, which speaks 14.1 to servers that had no more when it was set up.
fn iphone_at_14_1() -> Identity {
    identities::ios("Apple-iPhone9C4/1602.92", Version::V14_1)
}

#[test]
fn tc68_an_object_id_is_in_capital_letters_on_an_iphone_and_as_it_is_elsewhere() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let summary = format!("UID:{HEX_UID}\r\n");
    user.import("review.ics", &event("review", "").replace("UID:review@example.org\r\n", &summary));
    let uid = |identity: Identity, pack: &str| {
        let (phone, folder) = user.begun(identity, FolderType::Calendar);
        assert_eq!(user.served(&phone.identity.device_id).0, pack);
        item_text(&only(&phone, &folder).1, calendar::UID)
    };
    let capitals = HEX_UID.to_ascii_uppercase();
    assert_eq!(uid(Identity::iphone_3gs(), "iphone-os-2-3"), capitals);
    assert_eq!(uid(Identity::iphone_today(), "ios-modern"), capitals);
    assert_eq!(uid(Identity::android(), "default"), HEX_UID);
    assert_eq!(uid(outlook(), "default"), HEX_UID);
    assert!(user.stored(".ics").contains(&summary), "stored as it came");
}

#[test]
fn tc73_a_day_is_the_same_day_as_midnight_of_its_zone_and_as_a_bare_date() {
    let house = House::shared();
    for (identity, pack) in [
        (Identity::nokia_n97(), "nokia-mfe"),
        (Identity::iphone_3gs(), "iphone-os-2-3"),
        (Identity::android(), "default"),
        (iphone_at_14_1(), "ios-modern"),
    ] {
        let user = house.user("Europe/Berlin");
        let (mut phone, folder) = user.begun(identity, FolderType::Calendar);
        assert_eq!(user.served(&phone.identity.device_id).0, pack);
        let day = |name: &str, start: &str, end: &str| {
            let properties = [
                Element::boolean(calendar::ALL_DAY_EVENT, true),
                Element::text(calendar::DT_STAMP, "20260901T080000Z"),
                Element::text(calendar::START_TIME, start),
                Element::text(calendar::END_TIME, end),
                Element::text(calendar::SUBJECT, name),
                Element::text(calendar::UID, format!("{name}@phone")),
            ];
            add(name, properties)
        };
        let both = vec![
            day("zone", "20261006T220000Z", "20261007T220000Z"),
            day("bare", "20261007T000000Z", "20261008T000000Z"),
        ];
        let synced = phone.sync(&[Sent::commands(&folder, both)]).unwrap();
        let statuses = responses(&synced, &folder).into_iter().map(|one| item_text(&one, airsync::STATUS));
        assert_eq!(statuses.collect::<Vec<_>>(), ["1", "1"], "{pack}");
        let stored = user.stored(".ics");
        assert_eq!(stored.matches("DTSTART;VALUE=DATE:20261007").count(), 2, "{pack}: {stored}");
        // Another device is shown the one day for both.
        let other = Identity { device_id: "another".into(), ..Identity::android() };
        let (other, folder) = user.begun(other, FolderType::Calendar);
        let days = other.items(&folder).into_values().map(|item| item_text(&item, calendar::START_TIME));
        assert_eq!(days.collect::<Vec<_>>(), ["20261006T220000Z", "20261006T220000Z"], "{pack}");
    }
}

/// A mail of Bob's that asks the user to a meeting with an id of Outlook's.
fn invitation(user: &User<'_>) -> String {
    let people = format!(
        "ORGANIZER;CN=Bob:mailto:bob@example.net\r\nATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:{}\r\n",
        user.address
    );
    let id = format!("UID:{}\r\n {}\r\n", &HEX_UID[..60], &HEX_UID[60..]);
    let object = event("review", &people).replace("UID:review@example.org\r\n", &id);
    let object = object.replace("VERSION:2.0\r\n", "VERSION:2.0\r\nMETHOD:REQUEST\r\n");
    format!(
        "From: Bob <bob@example.net>\r\nTo: {}\r\nSubject: review\r\nDate: Mon, 2 Mar 2026 09:00:00 +0000\r\n\
         Message-ID: <review@example.net>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nReview\r\n--b\r\n\
         Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n{object}--b--\r\n",
        user.address
    )
}

fn base64_of_hex(hex: &str) -> String {
    use base64::Engine as _;
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn tc90_an_invitation_has_its_id_in_base64_for_outlook_and_in_capital_hexadecimal_for_an_iphone() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    user.import("invitation.eml", &invitation(&user));
    let id = |identity: Identity, pack: &str| {
        let (phone, inbox) = user.begun(identity, FolderType::Inbox);
        assert_eq!(user.served(&phone.identity.device_id).0, pack);
        let request = only(&phone, &inbox).1.child(email::MEETING_REQUEST).cloned().unwrap();
        (item_text(&request, email::GLOBAL_OBJ_ID), item_text(&request, calendar::UID))
    };
    let (base64, capitals) = (base64_of_hex(HEX_UID), HEX_UID.to_ascii_uppercase());
    assert_eq!(id(outlook(), "default").0, base64);
    assert_eq!(id(Identity::iphone_3gs(), "iphone-os-2-3").0, capitals);
    assert_eq!(id(iphone_at_14_1(), "ios-modern").0, capitals);
    // From 16.0 on there is a UID in its place.
    let today = Identity { device_id: "KC28F3E3O53NHDUJ5RMQK1SGE5".into(), ..Identity::iphone_today() };
    assert_eq!(id(today, "ios-modern").1, capitals);
}

/// The organizer of a meeting of Bob's, as it is stored, after a phone accepted it and said that it is its own now.
fn organizer_after(house: &House, identity: Identity, pack: &str) -> Vec<String> {
    let user = house.user("Europe/Berlin");
    let people = format!(
        "ORGANIZER;CN=Bob:mailto:bob@example.net\r\nATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:{}\r\n",
        user.address
    );
    user.import("review.ics", &event("review", &people));
    let (mut phone, folder) = user.begun(identity, FolderType::Calendar);
    assert_eq!(user.served(&phone.identity.device_id).0, pack);
    let (id, shown) = only(&phone, &folder);
    assert_eq!(item_text(&shown, calendar::ORGANIZER_EMAIL), "bob@example.net");
    let own = [
        Element::text(calendar::ORGANIZER_NAME, "Anna Muster"),
        Element::text(calendar::ORGANIZER_EMAIL, user.address.clone()),
        Element::text(calendar::BUSY_STATUS, "2"),
        Element::text(calendar::REMINDER, "30"),
    ];
    let rest = shown.children().filter(|one| own.iter().all(|new| new.tag != one.tag)).cloned();
    let sent: Vec<Element> = rest.chain(own.clone()).collect();
    let synced = phone.sync(&[Sent::commands(&folder, vec![change(&id, sent)])]).unwrap();
    assert!(responses(&synced, &folder).is_empty());
    let other = Identity { device_id: "another".into(), ..Identity::android() };
    let (other, folder) = user.begun(other, FolderType::Calendar);
    assert_eq!(item_text(&only(&other, &folder).1, calendar::ORGANIZER_EMAIL), "bob@example.net");
    let stored = user.stored(".ics");
    assert!(stored.contains("TRIGGER:-PT30M"), "what else it changed is changed: {stored}");
    stored.lines().filter(|line| line.starts_with("ORGANIZER")).map(ToOwned::to_owned).collect()
}

#[test]
fn tc91_a_meeting_accepted_on_an_iphone_stays_its_organizers() {
    let house = House::shared();
    let bob = ["ORGANIZER;CN=Bob:mailto:bob@example.net"];
    assert_eq!(organizer_after(&house, iphone_at_14_1(), "ios-modern"), bob);
    // The server sees to it by itself, too.
    let ios_5 = identities::other("iPhone", "Apple-iPhone4C1/901.405", Version::V14_0);
    assert_eq!(organizer_after(&house, ios_5, "default"), bob);
}
