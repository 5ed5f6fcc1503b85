//! What travels: lost answers, windows, waits, unknown words, and the list of versions.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use easel_devices_tests::words::{add, change, mail, only, responses};
use easel_devices_tests::{House, identities};
use easel_protocol::{Command, FolderType, Version};
use easel_test_support::{HttpRequest, Identity, Sent, Transport as _, item_text};
use easel_wbxml::pages::{airsync, calendar, contacts, email, folder_hierarchy as fh, ping};
use easel_wbxml::{Element, Node, Tag};

#[test]
fn tc71_a_get_is_answered_with_nothing_where_the_operator_says_so_and_refused_elsewhere() {
    let get = |house: &House| {
        let user = house.user("Europe/Berlin");
        let headers = vec![("User-Agent".to_owned(), "HTC-Sapphire/1.0".to_owned())];
        let query = format!("Cmd=FolderSync&User={}&DeviceId=HTC01&DeviceType=htcsapphire", user.login);
        let request = HttpRequest { method: "GET", query, headers, body: Vec::new() };
        let response = user.socket().exchange(&request).unwrap();
        (response.code, response.body.len())
    };
    assert_eq!(get(&House::shared()), (405, 0));
    assert_eq!(get(&House::with(&[("settings = []", "settings = [\"http.get=200\"]")])), (200, 0));
}

#[test]
fn tc74_what_was_added_in_an_answer_that_was_lost_is_added_once_and_keeps_its_id() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let (mut phone, book) = user.begun(identities::nokia_mfe_3(), FolderType::Contacts);
    assert_eq!(user.served(&phone.identity.device_id).0, "nokia-mfe");
    let sent = [Sent::commands(&book, vec![add("c1", [Element::text(contacts::LAST_NAME, "Curie")])])];
    let body = easel_wbxml::encode(&phone.sync_request(&sent));
    let request = phone.request(Command::Sync, &body, "application/vnd.ms-sync.wbxml");
    // The answer reaches the machine and is never read by the phone.
    let lost = user.socket().exchange(&request).unwrap();
    let lost = easel_wbxml::decode(&lost.body).unwrap();
    let lost = lost.at(&[airsync::COLLECTIONS, airsync::COLLECTION]).unwrap();
    let id = item_text(lost.at(&[airsync::RESPONSES, airsync::ADD]).unwrap(), airsync::SERVER_ID);
    let synced = phone.sync(&sent).unwrap();
    let again = &responses(&synced, &book)[0];
    assert_eq!((item_text(again, airsync::STATUS), item_text(again, airsync::SERVER_ID)), ("1".to_owned(), id.clone()));
    assert_eq!(phone.collections[&book].key, item_text(lost, airsync::SYNC_KEY));
    assert_eq!(user.stored(".vcf").matches("BEGIN:VCARD").count(), 1);
    assert!(phone.sync(&[Sent::ask(&book)]).unwrap().empty);
    let (other, book) = user.begun(Identity::android(), FolderType::Contacts);
    assert_eq!(only(&other, &book).0, id);
}

#[test]
fn tc76_a_wait_longer_than_the_operator_allows_is_answered_with_the_longest() {
    let house = House::with(&[("secs_max = 3540", "secs_max = 900")]);
    let user = house.user("Europe/Berlin");
    for (identity, pack) in [(identities::windows_mobile(), "windows-mobile"), (Identity::android(), "default")] {
        let (mut phone, inbox) = user.begun(identity, FolderType::Inbox);
        assert_eq!(user.served(&phone.identity.device_id).0, pack);
        let folder = [Element::text(ping::ID, inbox.clone()), Element::text(ping::CLASS, "Email")];
        let folders = Element::of(ping::FOLDERS, [Element::of(ping::FOLDER, folder)]);
        let body = Element::of(ping::PING, [Element::number(ping::HEARTBEAT_INTERVAL, 3540), folders]);
        let root = phone.ask(Command::Ping, Some(&body)).unwrap().unwrap();
        let told = [ping::STATUS, ping::HEARTBEAT_INTERVAL].map(|tag| item_text(&root, tag));
        assert_eq!(told, ["5", "900"], "{pack}");
        // Wait is in minutes, HeartbeatInterval in seconds; the limit is in what was asked in.
        let (tag, asked, most) = if phone.version == Version::V12_1 {
            (airsync::WAIT, 59, "15")
        } else {
            (airsync::HEARTBEAT_INTERVAL, 3540, "900")
        };
        let mut body = phone.sync_request(&[Sent::ask(&inbox)]);
        body.content.insert(0, Node::Element(Element::number(tag, asked)));
        let root = phone.ask(Command::Sync, Some(&body)).unwrap().unwrap();
        assert_eq!([airsync::STATUS, airsync::LIMIT].map(|tag| item_text(&root, tag)), ["14", most], "{pack}");
        // The longest is good: it waits until the mail comes.
        let ask = [inbox.clone()];
        let waits = std::thread::spawn(move || phone.ping(&ask, 900).unwrap());
        user.import("one.eml", &mail(pack, ""));
        assert_eq!(waits.join().unwrap(), ("2".to_owned(), vec![inbox]));
    }
}

#[test]
fn tc85_a_changed_list_of_versions_is_told_once() {
    let house = House::with(&[]);
    house.easel.run(&["pack", "disable", "ios-modern"]).ok();
    let user = house.user("Europe/Berlin");
    let mut phone = user.ready(Identity::iphone_today());
    assert_eq!((user.served(&phone.identity.device_id).0.as_str(), phone.version), ("default", Version::V14_1));
    let body = Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, phone.hierarchy_key.clone())]);
    let mut told = || {
        let response = phone.post(Command::FolderSync, Some(&body)).unwrap();
        let header = |name| response.header(name).map(ToOwned::to_owned);
        assert_eq!((response.code, header("x-ms-rp")), (200, header("ms-asprotocolversions")));
        header("x-ms-rp")
    };
    assert_eq!(told(), None, "it was told when it asked");
    house.easel.run(&["pack", "enable", "ios-modern"]).ok();
    assert_eq!([told(), told(), told()], [Some("12.1,14.0,14.1,16.0,16.1".to_owned()), None, None]);
    house.stop();
    house.start(&[]);
    phone.transport = user.socket();
    let response = phone.post(Command::FolderSync, Some(&body)).unwrap();
    assert_eq!((response.code, response.header("x-ms-rp")), (200, None), "not after a restart either");
    phone.options().unwrap();
    assert_eq!(phone.version, Version::V16_1);
    assert_eq!(user.served(&phone.identity.device_id).0, "ios-modern");
}

/// Something on a code page that nobody published.
fn unknown() -> Element {
    let page = |token| Tag::new(254, token);
    Element::of(page(0x05), [Element::text(page(0x06), "me@example.com"), Element::new(page(0x3F))])
}

#[test]
fn tc88_words_of_an_unpublished_code_page_are_read_and_passed_over() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    user.import("one.eml", &mail("one", ""));
    let mut phone = user.phone(Identity::android());
    let tree = Element::of(fh::FOLDER_SYNC, [unknown(), Element::text(fh::SYNC_KEY, "0"), unknown()]);
    let answer = phone.ask(Command::FolderSync, Some(&tree)).unwrap();
    phone.take_folder_sync(answer).unwrap();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    let with_unknown = |mut body: Element| {
        let mut open = vec![&mut body];
        while let Some(element) = open.pop() {
            if [airsync::SYNC, airsync::COLLECTION, airsync::COMMANDS, airsync::APPLICATION_DATA].contains(&element.tag)
            {
                element.push(unknown());
            }
            open.extend(element.content.iter_mut().filter_map(|node| match node {
                Node::Element(child) => Some(child),
                Node::Opaque(_) | Node::Text(_) => None,
            }));
        }
        body
    };
    for _ in 0..2 {
        let body = with_unknown(phone.sync_request(&[Sent::ask(&inbox)]));
        let answer = phone.ask(Command::Sync, Some(&body)).unwrap();
        phone.take_sync(answer).unwrap();
    }
    let (id, item) = only(&phone, &inbox);
    assert_eq!(item_text(&item, email::READ), "0");
    let calendar_folder = phone.folder(FolderType::Calendar).unwrap();
    phone.sync_folder(&calendar_folder, 10).unwrap();
    let read = change(&id, [Element::boolean(email::READ, true)]);
    let event = add(
        "c1",
        [
            Element::text(calendar::START_TIME, "20270303T091500Z"),
            Element::text(calendar::END_TIME, "20270303T093000Z"),
            Element::text(calendar::SUBJECT, "tea"),
            Element::text(calendar::UID, "tea@phone"),
        ],
    );
    let sent = [Sent::commands(&inbox, vec![read]), Sent::commands(&calendar_folder, vec![event])];
    let body = with_unknown(phone.sync_request(&sent));
    let answer = phone.ask(Command::Sync, Some(&body)).unwrap();
    let synced = phone.take_sync(answer).unwrap();
    let added = responses(&synced, &calendar_folder);
    assert_eq!((added.len(), item_text(&added[0], airsync::STATUS)), (1, "1".to_owned()));
    assert!(user.stored(".ics").contains("SUMMARY:tea"));
    let other = Identity { device_id: "another".into(), ..Identity::android() };
    let (other, inbox) = user.begun(other, FolderType::Inbox);
    assert_eq!(item_text(&only(&other, &inbox).1, email::READ), "1");
}

#[test]
fn tc89_a_window_of_five_holds_over_both_collections() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    for number in 0..4 {
        user.import("inbox.eml", &mail(&format!("inbox{number}"), ""));
        user.import_into(&["--folder", "Archive"], "archive.eml", &mail(&format!("archive{number}"), ""));
    }
    let mut phone = user.ready(Identity::iphone_3gs());
    assert_eq!(phone.version, Version::V12_1);
    assert_eq!(user.served(&phone.identity.device_id).0, "iphone-os-2-3");
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    let archive = phone.folders.iter().find(|(_, folder)| folder.name == "Archive").unwrap().0.clone();
    let both = [Sent::ask(&inbox), Sent::ask(&archive)];
    phone.sync(&both).unwrap();
    let mut page = || {
        let mut body = phone.sync_request(&both);
        body.push(Element::number(airsync::WINDOW_SIZE, 5));
        let answer = phone.ask(Command::Sync, Some(&body)).unwrap();
        let synced = phone.take_sync(answer).unwrap();
        let more = |folder: &String| {
            synced.collections.get(folder).is_some_and(|one| one.child(airsync::MORE_AVAILABLE).is_some())
        };
        (synced.entries, more(&inbox), more(&archive))
    };
    assert_eq!([page(), page()], [(5, false, true), (3, false, false)]);
    assert_eq!((phone.items(&inbox).len(), phone.items(&archive).len()), (4, 4));
}
