//! The tree of folders as a phone sees it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use desk::{Desk, raw_mail};
use easel_protocol::{CollectionId, Command, FolderType};
use easel_store::{Store as _, Write};
use easel_test_support::{Identity, Phone, item_text};
use easel_wbxml::pages::folder_hierarchy as fh;
use easel_wbxml::{Element, Tag};

fn create(key: &str, parent: &str, name: &str, kind: u8) -> Element {
    Element::of(
        fh::FOLDER_CREATE,
        [
            Element::text(fh::SYNC_KEY, key),
            Element::text(fh::PARENT_ID, parent),
            Element::text(fh::DISPLAY_NAME, name),
            Element::number(fh::TYPE, kind),
        ],
    )
}

fn update(key: &str, id: &str, parent: &str, name: &str) -> Element {
    Element::of(
        fh::FOLDER_UPDATE,
        [
            Element::text(fh::SYNC_KEY, key),
            Element::text(fh::SERVER_ID, id),
            Element::text(fh::PARENT_ID, parent),
            Element::text(fh::DISPLAY_NAME, name),
        ],
    )
}

fn delete(key: &str, id: &str) -> Element {
    Element::of(fh::FOLDER_DELETE, [Element::text(fh::SYNC_KEY, key), Element::text(fh::SERVER_ID, id)])
}

type Line = Phone<desk::Line>;

fn ask(phone: &mut Line, command: Command, body: &Element) -> Element {
    phone.ask(command, Some(body)).unwrap().unwrap()
}

fn status(answer: &Element) -> String {
    item_text(answer, fh::STATUS)
}

/// Takes the new key of a successful answer.
fn done(phone: &mut Line, answer: &Element) {
    assert_eq!(status(answer), "1");
    phone.hierarchy_key = item_text(answer, fh::SYNC_KEY);
}

#[test]
fn a_folder_is_made_renamed_moved_and_deleted() {
    let desk = Desk::new();
    let (mut phone, mut other) = (desk.phone(Identity::iphone_3gs()), desk.phone(Identity::android()));
    phone.folder_sync().unwrap();
    other.folder_sync().unwrap();
    let key = phone.hierarchy_key.clone();
    let made = ask(&mut phone, Command::FolderCreate, &create(&key, "0", "Project", 12));
    done(&mut phone, &made);
    let id = item_text(&made, fh::SERVER_ID);
    assert_eq!(phone.folder_sync().unwrap(), 0, "what it did itself is not told again");
    assert_eq!(other.folder_sync().unwrap(), 1);
    assert_eq!((other.folders[&id].name.as_str(), other.folders[&id].kind), ("Project", FolderType::UserMail));

    let inbox = phone.folder(FolderType::Inbox).unwrap();
    let renamed = update(&phone.hierarchy_key, &id, &inbox, "Projekt");
    let renamed = ask(&mut phone, Command::FolderUpdate, &renamed);
    done(&mut phone, &renamed);
    assert_eq!(other.folder_sync().unwrap(), 1);
    assert_eq!((other.folders[&id].name.as_str(), &other.folders[&id].parent), ("Projekt", &inbox));

    let folder = CollectionId::parse(&id).unwrap();
    desk.deliver(folder.number(), &raw_mail("kept"));
    let deleted = delete(&phone.hierarchy_key, &id);
    let deleted = ask(&mut phone, Command::FolderDelete, &deleted);
    done(&mut phone, &deleted);
    phone.folders.remove(&id);
    let trash = other.folder(FolderType::DeletedItems).unwrap();
    other.folder_sync().unwrap();
    assert_eq!(other.folders[&id].parent, trash, "a mail folder goes to Deleted Items");
    assert_eq!(phone.folder_sync().unwrap(), 1, "where the phone finds it too");
    let again = delete(&phone.hierarchy_key, &id);
    let again = ask(&mut phone, Command::FolderDelete, &again);
    done(&mut phone, &again);
    other.folder_sync().unwrap();
    assert!(!other.folders.contains_key(&id), "from there it is removed");
    assert_eq!(desk.count(folder.number()), 0);
}

#[test]
fn a_lost_answer_of_a_folder_command_is_given_again() {
    let desk = Desk::new();
    let mut phone = desk.phone(Identity::iphone_3gs());
    phone.folder_sync().unwrap();
    let key = phone.hierarchy_key.clone();
    let request = create(&key, "0", "Project", 12);
    let (first, second) =
        (ask(&mut phone, Command::FolderCreate, &request), ask(&mut phone, Command::FolderCreate, &request));
    assert_eq!(first, second);
    done(&mut phone, &first);
    let id = item_text(&first, fh::SERVER_ID);
    phone.folder_sync().unwrap();
    let request = update(&phone.hierarchy_key, &id, "0", "Projekt");
    let (first, second) =
        (ask(&mut phone, Command::FolderUpdate, &request), ask(&mut phone, Command::FolderUpdate, &request));
    assert_eq!((status(&first).as_str(), &first), ("1", &second));
    done(&mut phone, &first);
    let request = delete(&phone.hierarchy_key, &id);
    let (first, second) =
        (ask(&mut phone, Command::FolderDelete, &request), ask(&mut phone, Command::FolderDelete, &request));
    assert_eq!((status(&first).as_str(), &first), ("1", &second));
}

#[test]
fn n09_g01_the_key_before_is_taken_once_more() {
    let desk = Desk::new();
    let mut phone = desk.phone(Identity::nokia_n97());
    phone.folder_sync().unwrap();
    let id = desk.store.reserve_folder(desk.user.id).unwrap();
    desk.commit(vec![Write::AddFolder { id, parent: None, name: "New".into(), kind: FolderType::UserMail }]);
    let (before, folders) = (phone.hierarchy_key.clone(), phone.folders.clone());
    assert_eq!(phone.folder_sync().unwrap(), 1);
    let after = phone.hierarchy_key.clone();
    (phone.hierarchy_key, phone.folders) = (before.clone(), folders);
    assert_eq!(phone.folder_sync().unwrap(), 1);
    assert_eq!(phone.hierarchy_key, after);
    assert_eq!(phone.folder_sync().unwrap(), 0);
}

#[test]
fn a41_tc53_key_0_again_and_again_leaves_the_collections_alone() {
    let desk = Desk::new();
    desk.deliver(1, &raw_mail("one"));
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    phone.sync_folder(&inbox, 10).unwrap();
    for _ in 0..3 {
        phone.hierarchy_key = "0".into();
        assert_eq!(phone.folder_sync().unwrap(), 9);
    }
    assert!(phone.sync(&[easel_test_support::Sent::ask(&inbox)]).unwrap().empty);
}

#[test]
fn every_refusal_has_its_status() {
    let desk = Desk::new();
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    let key = phone.hierarchy_key.clone();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    let tag = |tag: Tag| Element::new(tag);
    let long = "x".repeat(257);
    let creations = [
        (create(&key, "0", "inbox", 12), "2"),
        (create(&key, "f99", "New", 12), "5"),
        (create(&key, "99", "New", 12), "5"),
        (create("0", "0", "New", 12), "9"),
        (create("b0000000a1", "0", "New", 12), "9"),
        (create("rubbish", "0", "New", 12), "9"),
        (create(&key, "0", "New", 2), "10"),
        (create(&key, "0", "New", 99), "10"),
        (create(&key, "0", "", 12), "10"),
        (create(&key, "0", &long, 12), "10"),
        (tag(fh::FOLDER_CREATE), "10"),
    ];
    for (body, expected) in creations {
        assert_eq!(status(&ask(&mut phone, Command::FolderCreate, &body)), expected, "{body:?}");
    }
    let updates = [
        (update(&key, &inbox, "0", "Other"), "2"),
        (update(&key, "f99", "0", "Other"), "4"),
        (update("b0000000a1", &inbox, "0", "Other"), "9"),
        (update(&key, &inbox, "0", "Other").with(Element::number(fh::STATUS, 1)), "10"),
        (tag(fh::FOLDER_UPDATE), "10"),
    ];
    for (body, expected) in updates {
        assert_eq!(status(&ask(&mut phone, Command::FolderUpdate, &body)), expected, "{body:?}");
    }
    let deletions = [
        (delete(&key, &inbox), "3"),
        (delete(&key, "f99"), "4"),
        (delete("b0000000a1", &inbox), "9"),
        (tag(fh::FOLDER_DELETE), "10"),
    ];
    for (body, expected) in deletions {
        assert_eq!(status(&ask(&mut phone, Command::FolderDelete, &body)), expected, "{body:?}");
    }
    let sync = |key: &str| Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, key)]);
    for (body, expected) in [(sync("b0000000a1"), "9"), (sync("x"), "9"), (tag(fh::FOLDER_SYNC), "10")] {
        assert_eq!(status(&ask(&mut phone, Command::FolderSync, &body)), expected, "{body:?}");
    }
    let made = ask(&mut phone, Command::FolderCreate, &create(&key, "0", "Outer", 12));
    done(&mut phone, &made);
    let outer = item_text(&made, fh::SERVER_ID);
    let inner = create(&phone.hierarchy_key, &outer, "Inner", 12);
    let made = ask(&mut phone, Command::FolderCreate, &inner);
    done(&mut phone, &made);
    let inner = item_text(&made, fh::SERVER_ID);
    let round = update(&phone.hierarchy_key, &outer, &inner, "Outer");
    assert_eq!(status(&ask(&mut phone, Command::FolderUpdate, &round)), "5", "a folder cannot lie in itself");
}

#[test]
fn a01_tc09_a_probe_is_answered_and_no_device_is_stored() {
    let desk = Desk::new();
    let mut phone = desk.phone(Identity { device_id: "validate".into(), base64: false, ..Identity::android() });
    assert_eq!(phone.folder_sync().unwrap(), 9);
    assert!(desk.store.devices(desk.user.id).unwrap().is_empty());
}
