//! Android: its own mail of several ages, Gmail, and what makers made of it.
//!
//! Packs for Android's own mail and for those of its makers do not exist: what they would say, the operator says here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use easel_devices_tests::words::{add, change, commands, event, mail, only, responses};
use easel_devices_tests::{House, User, identities};
use easel_protocol::{Command, FolderType, Version};
use easel_store::{Bus, ChangeSet, LocalBus, Store as _, Write};
use easel_store_sqlite::SqliteStore;
use easel_test_support::{Identity, Phone, Sent, Socket, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsync, airsyncbase as base, calendar, contacts, email, ping};

/// What an operator writes for every device.
fn operator(settings: &str) -> House {
    House::with(&[("settings = []", &format!("settings = [{settings}]"))])
}

fn aosp_4() -> Identity {
    Identity { name: "Android 4.4", user_agent: "Android/4.4.2-EAS-1.3", ..Identity::android() }
}

/// The one event that a phone is shown.
fn event_of(user: &User<'_>, identity: Identity) -> Element {
    let (phone, folder) = user.begun(identity, FolderType::Calendar);
    only(&phone, &folder).1
}

#[test]
fn tc49_a_series_until_2040_has_no_end_for_a_phone_of_32_bits() {
    let until = |house: &House| {
        let user = house.user("Europe/Berlin");
        let rule = "RRULE:FREQ=WEEKLY;UNTIL=20400303T091500Z\r\n";
        user.import("series.ics", &event("series", rule));
        let shown = event_of(&user, aosp_4());
        let recurrence = shown.child(calendar::RECURRENCE).unwrap();
        assert_eq!(item_text(recurrence, calendar::TYPE), "1");
        assert!(user.stored(".ics").contains(rule.trim_end()), "the end is kept");
        item_text(recurrence, calendar::UNTIL)
    };
    assert_eq!(until(&House::shared()), "20400303T091500Z");
    assert_eq!(until(&operator("\"calendar.until_max=2036\"")), "");
}

#[test]
fn tc51_an_address_that_comes_back_with_a_name_is_stored_bare() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let (mut phone, book) = user.begun(identities::gmail(), FolderType::Contacts);
    assert_eq!(user.served(&phone.identity.device_id).0, "gmail-android");
    let sent =
        [Element::text(contacts::LAST_NAME, "Larsson"), Element::text(contacts::EMAIL1_ADDRESS, "\"Lars\" <l@x.org>")];
    let synced = phone.sync(&[Sent::commands(&book, vec![add("c1", sent)])]).unwrap();
    assert_eq!(item_text(&responses(&synced, &book)[0], airsync::STATUS), "1");
    let stored = user.stored(".vcf");
    let address = stored.lines().find(|line| line.starts_with("EMAIL")).unwrap();
    assert!(address.ends_with(":l@x.org"), "{stored}");
    // And so every other device sees it.
    let (other, book) = user.begun(Identity::nokia_n97(), FolderType::Contacts);
    let shown = item_text(&only(&other, &book).1, contacts::EMAIL1_ADDRESS);
    assert!(shown.contains("l@x.org") && !shown.contains("Lars\""), "{shown}");
}

/// An event of the user's own with so many guests.
fn party(user: &User<'_>, guests: usize) -> String {
    let one = |number| format!("ATTENDEE;CN=Guest {number}:mailto:guest{number}@example.net\r\n");
    let organizer = format!("ORGANIZER;CN=Anna:mailto:{}\r\n", user.address);
    event("party", &(1..=guests).map(one).fold(organizer, |lines, line| lines + &line))
}

#[test]
fn tc52_a_title_changed_on_a_phone_that_drops_a_list_of_60_guests_leaves_the_list_alone() {
    let guests_left = |house: &House| {
        let user = house.user("Europe/Berlin");
        user.import("party.ics", &party(&user, 60));
        let (mut phone, folder) = user.begun(aosp_4(), FolderType::Calendar);
        let (id, item) = only(&phone, &folder);
        assert_eq!(item.child(calendar::ATTENDEES).map(|all| all.children().count()), Some(60));
        let kept = item.children().filter(|one| ![calendar::ATTENDEES, calendar::SUBJECT].contains(&one.tag)).cloned();
        let sent = kept.chain([Element::text(calendar::SUBJECT, "garden party")]);
        phone.sync(&[Sent::commands(&folder, vec![change(&id, sent)])]).unwrap();
        let other = event_of(&user, Identity::iphone_today());
        assert_eq!(item_text(&other, calendar::SUBJECT), "garden party");
        other.child(calendar::ATTENDEES).map_or(0, |all| all.children().count())
    };
    // As published, what a phone leaves out that did not name what it knows is to go.
    assert_eq!(guests_left(&House::shared()), 0);
    assert_eq!(guests_left(&operator("\"sync.ghosting=all-ghosted\"")), 60);
}

#[test]
fn tc53_a_refresh_that_begins_the_tree_anew_gets_the_same_tree_and_costs_no_folder_its_state() {
    let house = House::with(&[]);
    let user = house.user("Europe/Berlin");
    user.import("one.eml", &mail("one", ""));
    let (mut phone, inbox) = user.begun(identities::gmail(), FolderType::Inbox);
    assert_eq!(user.served(&phone.identity.device_id).0, "gmail-android");
    let calls = || {
        let list = house.easel.json(&["pack", "list"]);
        let all = list["packs"].as_array().unwrap();
        all.iter().find(|pack| pack["id"] == "gmail-android").unwrap()["calls"].as_u64().unwrap()
    };
    let (folders, before) = (phone.folders.clone(), calls());
    for _ in 0..3 {
        "0".clone_into(&mut phone.hierarchy_key);
        phone.folder_sync().unwrap();
        assert_eq!(phone.folders, folders);
        assert!(phone.sync(&[Sent::ask(&inbox)]).unwrap().empty, "its key is good");
    }
    assert!(calls() >= before + 3, "its pack is asked each time");
    user.import("two.eml", &mail("two", ""));
    let synced = phone.sync(&[Sent::ask(&inbox)]).unwrap();
    assert_eq!((commands(&synced, &inbox).len(), phone.items(&inbox).len()), (1, 2));
}

/// Type and data of the body that a phone is shown of the one mail there is, when it takes text and HTML.
fn body_of(user: &User<'_>, identity: Identity) -> (String, String) {
    let mut phone = user.ready(identity);
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    let preference = |kind: u8| Element::of(base::BODY_PREFERENCE, [Element::number(base::TYPE, kind)]);
    let options = Some(vec![preference(1), preference(2)]);
    for _ in 0..2 {
        phone.sync(&[Sent { options: options.clone(), ..Sent::ask(&inbox) }]).unwrap();
    }
    let item = only(&phone, &inbox).1;
    let body = item.child(base::BODY).unwrap();
    (item_text(body, base::TYPE), item_text(body, base::DATA))
}

#[test]
fn tc55_a_mail_that_is_text_is_html_for_gmail() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    user.import("one.eml", &mail("one", ""));
    let (kind, data) = body_of(&user, identities::gmail());
    assert_eq!(kind, "2");
    assert!(data.starts_with("<html>") && data.contains("Hello, this is one."), "{data}");
    let other = Identity { device_id: "androidc77".into(), ..aosp_4() };
    assert_eq!(body_of(&user, other), ("1".to_owned(), "Hello, this is one.\r\n".to_owned()));
}

/// Takes everything else out of a mailbox, behind the back of the server that was stopped.
fn only_inbox_and_sent(house: &House, login: &str) {
    let bus: Arc<dyn Bus> = Arc::new(LocalBus::default());
    let store = SqliteStore::open(&house.easel.config().with_file_name("data"), bus).unwrap();
    let tenants = store.tenants().unwrap().into_iter();
    let user = tenants.flat_map(|tenant| store.users(tenant.id).unwrap()).find(|user| user.name == login).unwrap();
    let folders = store.snapshot(user.id).unwrap().folders().unwrap();
    let kept = [FolderType::Inbox, FolderType::SentItems];
    let gone = folders.into_iter().filter(|folder| !kept.contains(&folder.kind));
    let writes = gone.map(|folder| Write::RemoveFolder { id: folder.id }).collect();
    store.commit(ChangeSet { user: user.id, author: None, writes }).unwrap();
}

#[test]
fn tc50_folders_that_android_5_cannot_do_without_are_invented() {
    let kinds = [FolderType::Drafts, FolderType::DeletedItems, FolderType::SentItems, FolderType::Outbox];
    let shown =
        |phone: &Phone<Socket>| kinds.map(|kind| phone.folders.values().filter(|folder| folder.kind == kind).count());
    let bare = |house: &House| {
        let user = house.user("Europe/Berlin");
        house.stop();
        only_inbox_and_sent(house, &user.login);
        house.start(&[]);
        let mut phone = user.ready(Identity::android());
        let counts = shown(&phone);
        assert_eq!(phone.folder_sync().unwrap(), 0, "they stay");
        if counts[3] == 1 {
            let outbox = phone.folder(FolderType::Outbox).unwrap();
            assert_eq!(phone.sync_folder(&outbox, 10).unwrap(), 0, "and are empty");
        }
        counts
    };
    assert_eq!(bare(&House::with(&[])), [0, 0, 1, 0]);
    assert_eq!(bare(&operator("\"hierarchy.fake_folders=3,4,5,6\"")), [1, 1, 1, 1]);
}

#[test]
fn tc70_a_folder_that_only_the_phone_knows_is_passed_over_in_a_ping() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let one_x = identities::other("HTCOneX", "Android-EAS/4.0.2119383124.172283", Version::V12_1);
    let (mut phone, inbox) = user.begun(one_x, FolderType::Inbox);
    let folder = |id: &str, class: &str| {
        Element::of(ping::FOLDER, [Element::text(ping::ID, id), Element::text(ping::CLASS, class)])
    };
    let folders = Element::of(ping::FOLDERS, [folder("InvalidTaskID", "Tasks"), folder(&inbox, "Email")]);
    let body = Element::of(ping::PING, [Element::number(ping::HEARTBEAT_INTERVAL, 600), folders]);
    let waits = std::thread::spawn(move || phone.ask(Command::Ping, Some(&body)).unwrap().unwrap());
    // Whether it waits already or not, the mail is news to it.
    user.import("one.eml", &mail("one", ""));
    let root = waits.join().unwrap();
    assert_eq!(item_text(&root, ping::STATUS), "2");
    let changed: Vec<String> =
        root.child(ping::FOLDERS).unwrap().children().map(|id| id.value().into_owned()).collect();
    assert_eq!(changed, [inbox]);
}

#[test]
fn tc86_a_text_message_is_passed_over_and_what_comes_with_it_is_done() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    user.import("one.eml", &mail("one", ""));
    let galaxy = identities::other("SAMSUNGGTI9300", "SAMSUNG-GT-I9300/101.403", Version::V14_1);
    let (mut phone, inbox) = user.begun(galaxy, FolderType::Inbox);
    let id = only(&phone, &inbox).0;
    let text_message = [
        Element::text(email::TO, "[MOBILE:+49151000000]"),
        Element::text(email::FROM, "[MOBILE:+49151000001]"),
        Element::text(email::DATE_RECEIVED, "2026-03-02T09:00:00.000Z"),
        Element::of(base::BODY, [Element::text(base::TYPE, "1"), Element::text(base::DATA, "running late")]),
    ];
    let text_message = Element::of(
        airsync::ADD,
        [
            Element::text(airsync::CLASS, "SMS"),
            Element::text(airsync::CLIENT_ID, "sms1"),
            Element::of(airsync::APPLICATION_DATA, text_message),
        ],
    );
    let options = |class: &str| {
        Element::of(airsync::OPTIONS, [Element::text(airsync::CLASS, class), Element::text(airsync::FILTER_TYPE, "0")])
    };
    let read = change(&id, [Element::boolean(email::READ, true)]);
    let collection = Element::of(
        airsync::COLLECTION,
        [
            Element::text(airsync::SYNC_KEY, phone.collections[&inbox].key.clone()),
            Element::text(airsync::COLLECTION_ID, inbox.clone()),
            options("Email"),
            options("SMS"),
            Element::of(airsync::COMMANDS, [text_message, read]),
        ],
    );
    let body = Element::of(airsync::SYNC, [Element::of(airsync::COLLECTIONS, [collection])]);
    let answer = phone.ask(Command::Sync, Some(&body)).unwrap();
    // The phone takes nothing but status 1 of the collection.
    let synced = phone.take_sync(answer).unwrap();
    let answered = responses(&synced, &inbox);
    let about: Vec<_> = answered.iter().map(|one| (one.tag, item_text(one, airsync::CLIENT_ID))).collect();
    assert_eq!(about, [(airsync::ADD, "sms1".to_owned())], "of the mail there is nothing to say");
    assert!(answered[0].child(airsync::SERVER_ID).is_none(), "it has become nothing");
    assert!(phone.sync(&[Sent::ask(&inbox)]).unwrap().empty, "and does not come back");
    let (other, inbox) = user.begun(Identity::iphone_today(), FolderType::Inbox);
    assert_eq!(item_text(&only(&other, &inbox).1, email::READ), "1");
}
