//! Contacts: the order of their properties, photos, birthdays.

#![allow(clippy::unwrap_used, reason = "a panic in a test says what broke")]

use easel_devices_tests::{House, User, identities, words};
use easel_protocol::{FolderType, Version};
use easel_test_support::{Identity, Phone, Sent, Socket, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsync, contacts};

/// A picture of one pixel.
const PHOTO: &str = "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQ\
    CgwSExIQEw8QEBD/yQALCAABAAEBAREA/8wABgAQEAX/2gAIAQEAAD8A0s8g/9k=";

#[test]
fn tc24_the_categories_of_a_contact_come_last_to_a_nokia() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let full = "TITLE:Captain\r\nORG:Harbour;Pilots\r\nTEL;TYPE=CELL:1\r\nTEL;TYPE=HOME:2\r\nTEL;TYPE=WORK:3\r\n\
        TEL;TYPE=WORK,FAX:4\r\nTEL;TYPE=HOME,FAX:5\r\nTEL;TYPE=PAGER:6\r\nTEL;TYPE=CAR:7\r\nEMAIL:a@x.org\r\n\
        EMAIL:b@x.org\r\nEMAIL:c@x.org\r\nADR;TYPE=HOME:;;Quay 1;Kiel;SH;24103;Germany\r\n\
        ADR;TYPE=WORK:;;Pier 2;Kiel;SH;24105;Germany\r\nURL:https://x.org\r\nNICKNAME:Cap\r\nBDAY:1980-03-01\r\n\
        CATEGORIES:Sea,Work\r\nNOTE:Knows the fjord.\r\n";
    user.import("full.vcf", &words::card("Hansen", full));
    let (phone, folder) = user.begun(Identity::nokia_n97(), FolderType::Contacts);
    assert_eq!(user.served(&phone.identity.device_id).0, "nokia-mfe");
    let (_, card) = words::only(&phone, &folder);
    let tags: Vec<_> = card.children().map(|property| property.tag).collect();
    assert!(tags.len() > 20, "{tags:?}");
    assert_eq!(tags.last(), Some(&contacts::CATEGORIES), "{tags:?}");
    let names: Vec<_> = card.child(contacts::CATEGORIES).unwrap().children().map(|one| one.value()).collect();
    assert_eq!(names, ["Sea", "Work"]);
}

/// A device changes the name of a contact with a photo, and says of the photo what it says; the pack, and whether the
/// photo is still there.
fn keeps_photo(user: &User<'_>, identity: Identity, picture: Option<Element>) -> (String, bool) {
    let (mut phone, folder) = user.begun(identity, FolderType::Contacts);
    let (id, card) = words::only(&phone, &folder);
    assert_ne!(item_text(&card, contacts::PICTURE), "", "{card:#?}");
    let mut changed: Vec<Element> = vec![Element::text(contacts::LAST_NAME, "Changed")];
    changed.extend(picture);
    phone.sync(&[Sent::commands(&folder, vec![words::change(&id, changed)])]).unwrap();
    let stored = user.stored(".vcf");
    assert!(stored.contains("N:Changed;"), "{stored}");
    (user.served(&phone.identity.device_id).0, stored.contains("PHOTO"))
}

fn with_photo(house: &House) -> User<'_> {
    let user = house.user("Europe/Berlin");
    user.import("photo.vcf", &words::card("Before", &format!("PHOTO;ENCODING=b;TYPE=JPEG:{PHOTO}\r\n")));
    user
}

#[test]
fn tc37_an_iphone_with_ios_4_that_leaves_the_photo_out_keeps_it() {
    let house = House::shared();
    let ios_4 = identities::ios("Apple-iPhone2C1/801.293", Version::V14_0);
    assert_eq!(keeps_photo(&with_photo(&house), ios_4, None), ("default".to_owned(), true));
}

#[test]
fn tc38_an_iphone_that_sends_an_empty_photo_keeps_it() {
    let house = House::shared();
    let ios = identities::ios("Apple-iPhone9C4/1501.372", Version::V14_1);
    let empty = Element::new(contacts::PICTURE);
    assert_eq!(keeps_photo(&with_photo(&house), ios, Some(empty)), ("ios-modern".to_owned(), true));
}

#[test]
fn tc39_tbsync_that_sends_an_empty_photo_removes_it() {
    let house = House::shared();
    let tbsync = identities::other("Thunderbird", "Thunderbird ActiveSync", Version::V14_1);
    let empty = Element::new(contacts::PICTURE);
    assert_eq!(keeps_photo(&with_photo(&house), tbsync, Some(empty)), ("default".to_owned(), false));
}

/// The birthday that a device is told of a contact born on the first of March 1980.
fn told(user: &User<'_>, identity: Identity) -> (String, String) {
    let (phone, folder) = user.begun(identity, FolderType::Contacts);
    let (_, card) = words::only(&phone, &folder);
    (user.served(&phone.identity.device_id).0, item_text(&card, contacts::BIRTHDAY))
}

#[test]
fn tc40_a_birthday_is_told_at_the_hour_that_the_device_takes_for_the_day() {
    let house = House::with(&[]);
    let user = house.user("Europe/Berlin");
    user.import("born.vcf", &words::card("Born", "BDAY:1980-03-01\r\n"));
    let ios_12 = || identities::ios("Apple-iPhone9C4/1602.92", Version::V14_1);
    let samsung = || identities::other("SAMSUNGSMG930F", "SAMSUNG-SM-G930F/101.700", Version::V14_1);
    let pair = |pack: &str, birthday: &str| (pack.to_owned(), birthday.to_owned());
    assert_eq!(told(&user, ios_12()), pair("ios-modern", "1980-03-01T00:00:00.000Z"));
    assert_eq!(told(&user, samsung()), pair("default", "1980-03-01T00:00:00.000Z"));
    // Midnight of Berlin, which an iPhone of that time shows as the first.
    assert_eq!(told(&user, identities::iphone_os_3()), pair("iphone-os-2-3", "1980-02-29T23:00:00.000Z"));
    // Android of its own and BlackBerry 10 have no packs here: the operator says so, and it counts more than any pack.
    let mut before = "settings = []".to_owned();
    for (value, hour, agent) in [("utc08", "08", "Android/4.4.2-EAS-2.0"), ("utc11", "11", "RIM-Q10-SQN100-1/10.2")] {
        house.stop();
        let now = format!("settings = [\"contact.birthday={value}\"]");
        house.start(&[(&before, &now)]);
        before = now;
        let device = Identity { device_id: format!("BORN{hour}"), ..identities::other("other", agent, Version::V14_1) };
        assert_eq!(told(&user, device), pair("default", &format!("1980-03-01T{hour}:00:00.000Z")));
    }
}

/// A device adds somebody born then.
fn born(user: &User<'_>, identity: Identity, name: &str, birthday: &str) -> String {
    let (mut phone, folder): (Phone<Socket>, String) = user.begun(identity, FolderType::Contacts);
    let properties = [Element::text(contacts::BIRTHDAY, birthday), Element::text(contacts::LAST_NAME, name)];
    let synced = phone.sync(&[Sent::commands(&folder, vec![words::add("1", properties)])]).unwrap();
    let response = &words::responses(&synced, &folder)[0];
    assert_eq!((response.tag, item_text(response, airsync::STATUS)), (airsync::ADD, "1".into()), "{name}");
    user.served(&phone.identity.device_id).0
}

#[test]
fn tc41_a_birthday_is_the_same_day_however_it_arrives() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let other =
        |id: &str, agent| Identity { device_id: id.to_owned(), ..identities::other("other", agent, Version::V14_1) };
    let ios_12 = identities::ios("Apple-iPhone9C4/1602.92", Version::V14_1);
    let served = [
        born(&user, ios_12, "Ios", "1980-02-29T23:00:00Z"),
        born(&user, other("ANDROID2", "Android/0.3"), "Android", "1980-03-01"),
        born(&user, other("AOSP", "Android/4.4.2-EAS-2.0"), "Aosp", "1980-03-01T08:00:00Z"),
        born(&user, Identity { device_id: "GMAIL".into(), ..identities::gmail() }, "Gmail", "1980-03-01T12:00:00Z"),
        born(&user, other("WP8", "MSFT-WP/8.10.14157"), "Windows", "1980-07-01T01:00:00Z"),
    ];
    assert_eq!(served, ["ios-modern", "default", "default", "gmail-android", "default"]);
    let stored = user.stored(".vcf");
    let mut days: Vec<&str> = stored.lines().filter(|line| line.starts_with("BDAY")).collect();
    days.sort_unstable();
    assert_eq!(days, ["BDAY:1980-03-01", "BDAY:1980-03-01", "BDAY:1980-03-01", "BDAY:1980-03-01", "BDAY:1980-07-01"]);
}
