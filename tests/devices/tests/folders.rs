//! The tree of folders as devices see it.

#![allow(clippy::unwrap_used, reason = "a panic in a test says what broke")]

use easel_devices_tests::{House, User, identities, words};
use easel_protocol::{Class, FolderType, Version};
use easel_test_support::{Identity, Phone, Sent, Socket, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::calendar;

/// Whether an id is a letter from a to f and hexadecimal digits, none of which is a capital.
fn is_safe(id: &str) -> bool {
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    id.len() > 1 && id.starts_with(|c| ('a'..='f').contains(&c)) && id.chars().all(is_hex)
}

#[test]
fn tc22_ids_are_of_hexadecimal_digits_begin_with_a_letter_and_are_the_same_after_a_restart() {
    let house = House::with(&[]);
    let user = house.user("Europe/Berlin");
    user.import_into(&["--folder", "Inbox/\u{c4}rger"], "trouble.eml", &words::mail("trouble", ""));
    let phones = |user: &User<'_>| {
        // The Nokia has one folder of mail; what another sees of the tree is named in the same way.
        [Identity::nokia_n97(), identities::other("other", "Other/1.0", Version::V14_1)]
            .map(|identity| user.ready(identity).folders)
    };
    let before = phones(&user);
    for folders in &before {
        assert!(folders.iter().all(|(id, one)| is_safe(id) && (one.parent == "0" || is_safe(&one.parent))));
    }
    assert_eq!(user.devices().iter().filter(|device| device["pack"][0] == "nokia-mfe").count(), 1);
    let named = before[1].values().find(|folder| folder.name == "\u{c4}rger").expect("the folder");
    assert_eq!(before[1][&named.parent].kind, FolderType::Inbox);
    house.stop();
    house.start(&[]);
    assert_eq!(phones(&user), before);
}

#[test]
fn tc23_mail_for_exchange_2_is_shown_one_outbox() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let e75 = Identity { user_agent: "NokiaE75/2.01(5)MailforExchange", ..Identity::nokia_n97() };
    let phone = user.ready(e75);
    assert_eq!(user.served(&phone.identity.device_id), ("nokia-mfe".to_owned(), "mfe-2".to_owned()));
    assert_eq!(phone.folders.values().filter(|folder| folder.kind == FolderType::Outbox).count(), 1);
}

/// Three calendars with an event each, and two address books with a card each.
fn furnish(user: &User<'_>) {
    user.import("own.ics", &words::event("own", ""));
    user.import_into(&["--folder", "Choir"], "rehearsal.ics", &words::event("rehearsal", ""));
    user.import_into(&["--folder", "Team"], "review.ics", &words::event("review", ""));
    user.import("card.vcf", &words::card("Own", ""));
    user.import_into(&["--folder", "Friends"], "friend.vcf", &words::card("Friend", ""));
}

fn kinds(phone: &Phone<Socket>, class: Class) -> Vec<u8> {
    let of_class = phone.folders.values().filter(|folder| folder.kind.class() == Some(class));
    let mut kinds: Vec<u8> = of_class.map(|folder| folder.kind.number()).collect();
    kinds.sort_unstable();
    kinds
}

fn subjects(phone: &Phone<Socket>, folder: &str) -> Vec<String> {
    let mut all: Vec<String> = phone.items(folder).values().map(|item| item_text(item, calendar::SUBJECT)).collect();
    all.sort_unstable();
    all
}

#[test]
fn tc32_windows_mobile_sees_three_calendars_as_one_and_what_it_edits_goes_home() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    furnish(&user);
    let (mut phone, folder) = user.begun(identities::windows_mobile(), FolderType::Calendar);
    assert_eq!(user.served(&phone.identity.device_id).0, "windows-mobile");
    assert_eq!(kinds(&phone, Class::Calendar), [8]);
    assert_eq!(subjects(&phone, &folder), ["own", "rehearsal", "review"]);
    let (id, item) =
        phone.items(&folder).into_iter().find(|(_, item)| item_text(item, calendar::SUBJECT) == "rehearsal").unwrap();
    let renamed = |name: &str| -> Vec<Element> {
        let to = |p: &Element| if p.tag == calendar::SUBJECT { Element::text(p.tag, name) } else { p.clone() };
        item.children().map(to).collect()
    };
    let mut new = renamed("new");
    new.retain(|property| property.tag != calendar::UID);
    new.push(Element::text(calendar::UID, "new@phone"));
    let sent = vec![words::change(&id, renamed("concert")), words::add("1", new)];
    phone.sync(&[Sent::commands(&folder, sent)]).unwrap();
    let stored = |name: &str| -> String {
        let files = user.exported().into_iter().filter(|(path, _)| path.contains(name));
        files.map(|(_, content)| content).collect()
    };
    assert!(stored("Choir").contains("SUMMARY:concert\r\n"), "{}", stored("Choir"));
    assert!(stored("Calendar").contains("SUMMARY:new\r\n"), "{}", stored("Calendar"));
    assert!(!stored("Calendar").contains("concert") && !stored("Choir").contains("SUMMARY:new\r\n"));
}

#[test]
fn tc33_an_iphone_sees_every_calendar_and_address_book_and_no_tasks() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    furnish(&user);
    let phone = user.ready(identities::iphone_os_3());
    assert_eq!(user.served(&phone.identity.device_id).0, "iphone-os-2-3");
    assert_eq!(kinds(&phone, Class::Calendar), [8, 13, 13]);
    assert_eq!(kinds(&phone, Class::Contacts), [9, 14]);
    assert_eq!((kinds(&phone, Class::Tasks), kinds(&phone, Class::Notes)), (Vec::new(), Vec::new()));
    // Who is known to nobody has one of each, and tasks.
    let phone = user.ready(identities::other("other", "Other/1.0", Version::V14_1));
    assert_eq!((kinds(&phone, Class::Calendar), kinds(&phone, Class::Contacts)), (vec![8], vec![9]));
    assert_eq!(kinds(&phone, Class::Tasks), [7]);
}
