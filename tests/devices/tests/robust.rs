//! What is not as it should be: text that no document may hold, items that crash a phone, packs that fail, packs that
//! come and go under a phone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;

use easel_devices_tests::words::{add, card, event, folders_of, mail, only, responses};
use easel_devices_tests::{House, User, identities};
use easel_protocol::{Class, Command, FolderType};
use easel_test_support::{Identity, Phone, Sent, Socket, item_text};
use easel_wbxml::pages::{airsync, airsyncbase as base, calendar, contacts, contacts2, email};
use easel_wbxml::{Element, Node};
use serde_json::Value;

/// Every text of a document.
fn texts(root: &Element) -> Vec<&str> {
    let (mut texts, mut open) = (Vec::new(), vec![root]);
    while let Some(element) = open.pop() {
        for node in &element.content {
            match node {
                Node::Element(child) => open.push(child),
                Node::Text(text) => texts.push(text.as_str()),
                Node::Opaque(_) => {}
            }
        }
    }
    texts
}

/// XML 1.0, production 2 "Char".
fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[test]
fn tc72_what_no_document_may_hold_is_taken_out_of_text_and_the_rest_arrives() {
    use base64::Engine as _;
    // A vertical tab, and half of a pair of surrogates where UTF-8 should be.
    let broken = b"before \x0b middle \xed\xa0\xbd after";
    let broken = base64::engine::general_purpose::STANDARD.encode(broken);
    let raw = mail("x", "MIME-Version: 1.0\r\n")
        .replace("Subject: x", &format!("Subject: =?utf-8?B?{broken}?="))
        .replace("charset=utf-8", "charset=utf-8\r\nContent-Transfer-Encoding: base64")
        .replace("Hello, this is x.", &broken);
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    user.import("broken.eml", &raw);
    user.import("broken.vcf", &card("be\u{b}fore", "NOTE:before \u{b} after\r\n"));
    user.import("broken.ics", &event("broken", "LOCATION:before \u{b} \u{fffe} after\r\n"));
    for (identity, pack) in [
        (Identity::nokia_n97(), "nokia-mfe"),
        (Identity::iphone_3gs(), "iphone-os-2-3"),
        (Identity::android(), "default"),
        (Identity::iphone_today(), "ios-modern"),
    ] {
        let mut phone = user.ready(identity);
        assert_eq!(user.served(&phone.identity.device_id).0, pack);
        let mut shown = |kind| {
            let folder = phone.folder(kind).unwrap();
            phone.sync_folder(&folder, 10).unwrap();
            let item = only(&phone, &folder).1;
            assert!(texts(&item).iter().all(|text| text.chars().all(is_char)), "{pack}: {item:?}");
            item
        };
        let whole = |text: &str| text.contains("before") && text.contains("after");
        let item = shown(FolderType::Inbox);
        assert!(whole(&item_text(&item, email::SUBJECT)), "{pack}: {item:?}");
        let body = item.child(base::BODY).map(|body| item_text(body, base::DATA));
        assert!(whole(&body.unwrap_or_else(|| item_text(&item, email::BODY))), "{pack}: {item:?}");
        let item = shown(FolderType::Contacts);
        assert_eq!(item_text(&item, contacts::LAST_NAME), "before", "{pack}: {item:?}");
        let item = shown(FolderType::Calendar);
        assert!(texts(&item).into_iter().any(whole), "{pack}: {item:?}");
    }
}

#[test]
fn tc75_an_item_that_crashes_a_phone_three_times_is_left_out_and_the_folder_goes_on() {
    let house = House::with(&[]);
    let user = house.user("Europe/Berlin");
    let (mut phone, inbox) = user.begun(Identity::android(), FolderType::Inbox);
    for subject in ["one", "bad", "three"] {
        user.import("mail.eml", &mail(subject, ""));
    }
    let mut sizes = Vec::new();
    for _ in 0..8 {
        let body = phone.sync_request(&[Sent { window: Some(10), ..Sent::ask(&inbox) }]);
        let root = phone.ask(Command::Sync, Some(&body)).unwrap();
        let commands = root.as_ref().and_then(|root| {
            root.at(&[airsync::COLLECTIONS, airsync::COLLECTION, airsync::COMMANDS]).map(|all| all.children().cloned())
        });
        let entries: Vec<Element> = commands.into_iter().flatten().collect();
        sizes.push(entries.len());
        let subject = |entry: &Element| item_text(entry.child(airsync::APPLICATION_DATA).unwrap(), email::SUBJECT);
        // At the sight of one of them the phone crashes, and knows nothing of the answer when it is up again.
        if !entries.iter().any(|entry| subject(entry) == "bad") {
            phone.take_sync(root).unwrap();
        }
    }
    assert_eq!(sizes, [3, 3, 3, 1, 1, 1, 1, 1], "all, then one by one; the second comes three times by itself");
    let subjects = |phone: &Phone<Socket>| -> Vec<String> {
        phone.items(&inbox).values().map(|item| item_text(item, email::SUBJECT)).collect()
    };
    assert_eq!(subjects(&phone), ["one", "three"]);
    user.import("mail.eml", &mail("four", ""));
    phone.sync_folder(&inbox, 10).unwrap();
    assert_eq!(subjects(&phone), ["one", "three", "four"], "and it stays away");
    let log = house.stop();
    assert!(log.contains("an item that never arrives is left out"), "{log}");
}

/// The three calendars of a user, an event in each.
fn three_calendars(user: &User<'_>) {
    user.import("own.ics", &event("own", ""));
    user.import_into(&["--folder", "Choir"], "choir.ics", &event("choir", ""));
    user.import_into(&["--folder", "Team"], "team.ics", &event("team", ""));
}

/// What the phone holds in all its calendars.
fn events(phone: &Phone<Socket>) -> Vec<String> {
    let all = phone.folders.keys().filter(|id| phone.class(id) == Some(Class::Calendar));
    let items = all.flat_map(|id| phone.items(id).into_values());
    let mut subjects: Vec<String> = items.map(|item| item_text(&item, calendar::SUBJECT)).collect();
    subjects.sort();
    subjects
}

#[test]
fn tc78_a_pack_that_makes_one_calendar_of_three_makes_the_phone_learn_the_tree_and_loses_nothing() {
    let house = House::with(&[]);
    let pack = |order: &str, id: &str| drop(house.easel.run(&["pack", order, id]).ok());
    pack("disable", "default");
    pack("disable", "windows-mobile");
    let user = house.user("Europe/Berlin");
    three_calendars(&user);
    let mut phone = user.ready(identities::windows_mobile());
    let sync_all = |phone: &mut Phone<Socket>| {
        for folder in phone.chosen() {
            phone.sync_folder(&folder, 10).unwrap();
        }
    };
    sync_all(&mut phone);
    assert_eq!((folders_of(&phone, Class::Calendar), events(&phone).len()), (3, 3));
    let served = || user.served(&phone.identity.device_id).0;
    assert_eq!(served(), "none");
    pack("enable", "windows-mobile");
    assert_eq!(served(), "windows-mobile");
    let folder = phone.folder(FolderType::Calendar).unwrap();
    let body = phone.sync_request(&[Sent::ask(&folder)]);
    for _ in 0..2 {
        let root = phone.ask(Command::Sync, Some(&body)).unwrap().unwrap();
        let collection = root.at(&[airsync::COLLECTIONS, airsync::COLLECTION]).unwrap();
        assert_eq!(item_text(collection, airsync::STATUS), "12", "the tree comes first");
    }
    assert_eq!(phone.folder_sync().unwrap(), 2, "two calendars go");
    sync_all(&mut phone);
    assert_eq!(
        (folders_of(&phone, Class::Calendar), events(&phone)),
        (1, ["choir", "own", "team"].map(Into::into).into())
    );
    let stored = user.exported();
    let files: Vec<&String> = stored.iter().filter(|(_, text)| text.contains("VEVENT")).map(|(name, _)| name).collect();
    assert_eq!(files.len(), 3, "each where it was: {files:?}");
    // And apart again, no event twice.
    pack("disable", "windows-mobile");
    assert_eq!(phone.folder_sync().unwrap(), 2);
    sync_all(&mut phone);
    assert_eq!((folders_of(&phone, Class::Calendar), events(&phone).len()), (3, 3));
}

/// What `easel pack list` says of a pack.
fn listed(house: &House, id: &str) -> Value {
    let list = house.easel.json(&["pack", "list"]);
    let all = list["packs"].as_array().unwrap();
    all.iter().find(|pack| pack["id"] == id).unwrap_or_else(|| panic!("{list:#}")).clone()
}

/// Puts a guest of the tests into service.
fn install(house: &House, name: &str, component: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(name);
    std::fs::write(&file, component).unwrap();
    house.easel.run(&["pack", "install", &file.display().to_string(), "--allow-unsigned"]).ok();
}

#[test]
fn tc79_a_pack_that_only_declares_is_never_entered() {
    let house = House::with(&[]);
    let user = house.user("Europe/Berlin");
    let one = |number: u32| format!("From bob Mon Mar  2 09:00:00 2026\r\n{}\r\n", mail(&format!("mail{number}"), ""));
    user.import("all.mbox", &(0..1000).map(one).collect::<String>());
    let (phone, inbox) = user.begun(Identity::android(), FolderType::Inbox);
    assert_eq!(phone.items(&inbox).len(), 1000);
    assert_eq!(user.served(&phone.identity.device_id).0, "default");
    let pack = listed(&house, "default");
    assert_eq!((pack["calls"].as_u64(), pack["devices"].as_u64()), (Some(0), Some(1)), "{pack:#}");
}

#[test]
fn tc80_a_pack_that_asks_for_birthdays_is_shown_the_contacts_that_have_one_and_in_one_instance() {
    let house = House::with(&[]);
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/guests/birthday");
    install(&house, "birthday.wasm", &easel_pack_build::build(&guest).unwrap());
    let user = house.user("Europe/Berlin");
    let one = |number: usize| {
        let birthday = if number.is_multiple_of(25) { "BDAY:1980-03-01\r\n" } else { "" };
        card(&format!("n{number}"), birthday)
    };
    user.import("all.vcf", &(0..500).map(one).collect::<String>());
    // A pack has so many milliseconds of a request, which a busy machine may spend on something else: that is a fault, and
    // the next phone gets another try.
    let numbers = (0..20).find_map(|try_| {
        let device_id = format!("birthday{try_}");
        let mut phone = user.ready(Identity { user_agent: "birthday/1.0", device_id, ..Identity::android() });
        let book = phone.folder(FolderType::Contacts).unwrap();
        phone.sync(&[Sent::ask(&book)]).unwrap();
        let before = listed(&house, "birthday");
        let synced = phone.sync(&[Sent { window: Some(512), ..Sent::ask(&book) }]).unwrap();
        assert_eq!((synced.entries, synced.more), (500, false), "one request");
        assert_eq!(user.served(&phone.identity.device_id).0, "birthday");
        let after = listed(&house, "birthday");
        let more = |key: &str| after[key].as_u64().unwrap() - before[key].as_u64().unwrap();
        if more("faults") > 0 {
            return None;
        }
        assert_eq!(more("calls"), 20);
        let items = phone.items(&book);
        let numbered = items.values().filter(|item| item.child(contacts2::NICK_NAME).is_some());
        assert!(numbered.clone().all(|item| item.child(contacts::BIRTHDAY).is_some()));
        let number = |item: &Element| item_text(item, contacts2::NICK_NAME).parse::<u32>().unwrap();
        let mut numbers: Vec<u32> = numbered.map(number).collect();
        numbers.sort_unstable();
        Some(numbers)
    });
    assert_eq!(numbers, Some((1..=20).collect::<Vec<_>>()), "a second instance would begin with 1 again");
}

#[test]
fn tc81_a_pack_that_fails_on_what_a_phone_sends_costs_it_nothing_and_is_told_of() {
    let house = House::with(&[]);
    install(&house, "odd.wasm", easel_plugins_tests::odd());
    let user = house.user("Europe/Berlin");
    for (number, agent) in ["odd/panic", "odd/trap", "odd/spin", "odd/bomb"].into_iter().enumerate() {
        let identity = Identity { user_agent: agent, device_id: format!("odd{number}"), ..Identity::android() };
        let (mut phone, book) = user.begun(identity, FolderType::Contacts);
        assert_eq!(user.served(&phone.identity.device_id).0, "odd");
        let faults = listed(&house, "odd")["faults"].as_u64().unwrap();
        let name = format!(" Curie {number} ");
        let sent =
            add("c1", [Element::text(contacts::LAST_NAME, name.clone()), Element::text(contacts::FILE_AS, "curie")]);
        let synced = phone.sync(&[Sent::commands(&book, vec![sent])]).unwrap();
        assert_eq!(item_text(&responses(&synced, &book)[0], airsync::STATUS), "1", "{agent}");
        let pack = listed(&house, "odd");
        assert!(pack["faults"].as_u64().unwrap() > faults && pack["last_fault"] != "", "{agent}: {pack:#}");
        assert!(user.stored(".vcf").contains(&format!("Curie {number}")), "{agent}");
    }
    let log = house.stop();
    for number in 0..4 {
        let told = log.lines().any(|line| {
            line.contains("odd")
                && line.contains(&format!("device=\"odd{number}\""))
                && line.contains("the item untouched")
        });
        assert!(told, "{number}: {log}");
    }
}
