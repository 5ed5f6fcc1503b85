//! What devices look for.

#![allow(clippy::unwrap_used, reason = "a panic in a test says what broke")]

use easel_devices_tests::{House, User, identities, words};
use easel_protocol::{Command, FolderType, Version};
use easel_test_support::{Identity, Phone, Socket, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsync, email, gal, search as s};

/// Searches a store: the status, and the Results of the answer.
fn search(phone: &mut Phone<Socket>, store: &str, query: Element) -> (String, Vec<Element>) {
    let options = Element::of(s::OPTIONS, [Element::text(s::RANGE, "0-9")]);
    let store = Element::of(s::STORE, [Element::text(s::NAME, store), query, options]);
    let root = phone.ask(Command::Search, Some(&Element::of(s::SEARCH, [store]))).unwrap().unwrap();
    let store = root.at(&[s::RESPONSE, s::STORE]).unwrap();
    let results = store.all(s::RESULT).filter(|result| result.child(s::PROPERTIES).is_some()).cloned();
    (item_text(store, s::STATUS), results.collect())
}

#[test]
fn tc28_a_nokia_finds_somebody_without_a_first_name_because_the_name_is_there_and_empty() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let file = house.file("reception.vcf", &words::card("Tc28reception", "EMAIL:reception@example.org\r\n"));
    house.easel.run(&["import", "--gal", &file]).ok();
    let mut seen = Vec::new();
    for identity in [Identity::nokia_n97(), identities::other("other", "Other/1.0", Version::V2_5)] {
        let mut phone = user.ready(identity);
        let (_, found) = search(&mut phone, "GAL", Element::text(s::QUERY, "Tc28reception"));
        assert_eq!(found.len(), 1, "{found:#?}");
        let properties = found[0].child(s::PROPERTIES).unwrap();
        assert_eq!(item_text(properties, gal::DISPLAY_NAME), "Tc28reception");
        let first = properties.child(gal::FIRST_NAME).map(|name| name.value().into_owned());
        seen.push((user.served(&phone.identity.device_id).0, first));
    }
    assert_eq!(seen, [("nokia-mfe".to_owned(), Some(String::new())), ("default".to_owned(), None)]);
}

/// The mails about a report since the beginning of 2026, by subject, and the pack. A Pocket PC has the date inside.
fn reports(user: &User<'_>, identity: Identity, inside: bool) -> (String, String, Vec<String>) {
    let date = Element::text(s::VALUE, "2026-01-01T00:00:00.000Z");
    let since = if inside {
        vec![Element::of(email::DATE_RECEIVED, [date])]
    } else {
        vec![Element::new(email::DATE_RECEIVED), date]
    };
    let (mut phone, inbox) = user.begun(identity, FolderType::Inbox);
    let and = [
        Element::text(airsync::CLASS, "Email"),
        Element::text(airsync::COLLECTION_ID, inbox),
        Element::text(s::FREE_TEXT, "report"),
        Element::of(s::GREATER_THAN, since),
    ];
    let query = Element::of(s::QUERY, [Element::of(s::AND, and)]);
    let (status, found) = search(&mut phone, "Mailbox", query);
    let subject = |one: &Element| item_text(one.child(s::PROPERTIES).unwrap(), email::SUBJECT);
    (user.served(&phone.identity.device_id).0, status, found.iter().map(subject).collect())
}

#[test]
fn tc31_windows_mobile_finds_the_same_with_the_date_inside_the_name_of_its_property() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    user.import("new.eml", &words::mail("report-new", ""));
    user.import("old.eml", &words::mail("report-old", "").replace("Mon, 2 Mar 2026", "Sun, 2 Mar 2025"));
    // The host finds the date there for everybody; what the pack makes of it is the same.
    let other = identities::other("other", "Other/1.0", Version::V12_1);
    for (identity, pack) in [(identities::windows_mobile(), "windows-mobile"), (other, "default")] {
        for inside in [false, true] {
            let found = (pack.to_owned(), "1".to_owned(), vec!["report-new".to_owned()]);
            assert_eq!(reports(&user, identity.clone(), inside), found, "{inside}");
        }
    }
}
