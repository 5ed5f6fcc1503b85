//! What an owner does with the mail there is: conversations that are moved for good, and searches.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use easel_commands::Settings;
use easel_protocol::{CollectionId, Command, FolderType};
use easel_store::{Store as _, Write};
use easel_test_support::{Identity, Phone, Socket, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsync, email, email2, item_operations as io, search};
use easel_wire::{House, short_mail};

const INBOX: u64 = 1;
const TRASH: u64 = 3;
const SENT: u64 = 4;

/// An answer to the mail `one`.
fn answer(subject: &str) -> String {
    short_mail(subject).replacen("\r\n", "\r\nReferences: <one@example.net>\r\n", 1)
}

/// The phone has a conversation moved, with what comes of it later; the status.
fn move_always(phone: &mut Phone<Socket>, conversation: &[u8], to: &str) -> String {
    let options = Element::of(io::OPTIONS, [Element::new(io::MOVE_ALWAYS)]);
    let said = [Element::opaque(io::CONVERSATION_ID, conversation), Element::text(io::DST_FLD_ID, to), options];
    let request = Element::of(io::ITEM_OPERATIONS, [Element::of(io::MOVE, said)]);
    let answer = phone.ask(Command::ItemOperations, Some(&request)).unwrap().unwrap();
    item_text(answer.at(&[io::RESPONSE, io::MOVE]).unwrap(), io::STATUS)
}

#[test]
fn a_conversation_that_is_always_moved_takes_what_comes_later_along_until_it_is_moved_to_the_inbox() {
    let mut house = House::default();
    let mut phone = house.ready(Identity::android());
    let [inbox, trash, sent] =
        [FolderType::Inbox, FolderType::DeletedItems, FolderType::SentItems].map(|kind| phone.folder(kind).unwrap());
    house.deliver(&short_mail("one"));
    house.deliver(&short_mail("other"));
    let own = house.deliver(&answer("own"));
    let filed = house.store().reserve_items(house.anna.id, 1).unwrap();
    house.commit(vec![Write::MoveItem { id: own, to: CollectionId::new(SENT), new_id: filed }]);
    for folder in [&inbox, &trash, &sent] {
        phone.sync_folder(folder, 50).unwrap();
    }
    let items = phone.items(&inbox);
    let one = items.values().find(|item| item_text(item, email::SUBJECT) == "one").unwrap();
    let conversation = one.child(email2::CONVERSATION_ID).unwrap().bytes().into_owned();

    assert_eq!(move_always(&mut phone, &conversation, &trash), "1");
    assert_eq!([INBOX, TRASH, SENT].map(|folder| house.count(folder)), [1, 1, 1], "what was sent stays");
    house.deliver(&answer("two"));
    house.deliver(&short_mail("another"));
    assert_eq!([INBOX, TRASH].map(|folder| house.count(folder)), [2, 2]);
    assert_eq!(phone.sync_folder(&trash, 50).unwrap(), 2, "the phone gets both where they are now");
    assert!(phone.items(&trash).values().any(|item| item_text(item, email::SUBJECT) == "two"));

    house.stop();
    house.start(Settings::default());
    house.deliver(&answer("three"));
    assert_eq!([INBOX, TRASH].map(|folder| house.count(folder)), [2, 3], "a restart does not end it");

    let mut phone = house.ready(Identity::android());
    assert_eq!(move_always(&mut phone, &conversation, &inbox), "1");
    assert_eq!([INBOX, TRASH].map(|folder| house.count(folder)), [5, 0]);
    house.deliver(&answer("four"));
    assert_eq!([INBOX, TRASH].map(|folder| house.count(folder)), [6, 0]);
}

/// The subjects of what a search in the mailbox finds, newest first.
fn found(phone: &mut Phone<Socket>, text: &str) -> Vec<String> {
    let and = [Element::text(airsync::CLASS, "Email"), Element::text(search::FREE_TEXT, text)];
    let store = [
        Element::text(search::NAME, "Mailbox"),
        Element::of(search::QUERY, [Element::of(search::AND, and)]),
        Element::of(search::OPTIONS, [Element::text(search::RANGE, "0-9")]),
    ];
    let request = Element::of(search::SEARCH, [Element::of(search::STORE, store)]);
    let answer = phone.ask(Command::Search, Some(&request)).unwrap().unwrap();
    let store = answer.at(&[search::RESPONSE, search::STORE]).unwrap();
    assert_eq!(item_text(store, search::STATUS), "1", "{text}");
    let results = store.all(search::RESULT).filter_map(|result| result.child(search::PROPERTIES));
    results.map(|properties| item_text(properties, email::SUBJECT)).collect()
}

#[test]
fn a_search_knows_phrases_and_who_wrote_to_whom_about_what() {
    let house = House::default();
    let mut phone = house.ready(Identity::android());
    let mail = |from: &str, to: &str, subject: &str, at: &str| {
        let raw = format!(
            "From: {from}\r\nTo: {to}\r\nCc: Carla Cook <carla@example.com>\r\nSubject: {subject}\r\n\
             Message-ID: <{at}@x>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
             The big plan of Bob, for Anna.\r\n"
        );
        house.deliver_at(&raw, at);
    };
    mail("Bob Berg <bob@example.net>", "Anna <anna@example.org>", "Lunch", "2026-03-01T09:00:00Z");
    mail("Anna <anna@example.org>", "Bob Berg <bob@example.net>", "A plan, big", "2026-03-01T10:00:00Z");
    for (text, expected) in [
        ("\"big plan\"", &["A plan, big", "Lunch"][..]),
        ("\"plan big\"", &["A plan, big"]),
        ("\"big pla\"", &[]),
        ("big pla", &["A plan, big", "Lunch"]),
        ("from:bob", &["Lunch"]),
        ("From:\u{201E}Bob Berg\u{201C} plan", &["Lunch"]),
        ("from:bob@example.net to:anna", &["Lunch"]),
        ("to:bob", &["A plan, big"]),
        ("to:carla", &["A plan, big", "Lunch"]),
        ("from:carla", &[]),
        ("subject:plan", &["A plan, big"]),
        ("subject:\"big plan\"", &[]),
        ("subject:lunch from:anna", &[]),
        ("from:\" OR words:lunch", &[]),
    ] {
        assert_eq!(found(&mut phone, text), expected, "{text}");
    }
}
