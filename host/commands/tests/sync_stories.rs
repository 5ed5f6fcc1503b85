//! Sync as a phone sees it, one story a test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use desk::{Desk, raw_mail};
use easel_protocol::{FolderType, ServerId, Version};
use easel_store::Store as _;
use easel_test_support::{Identity, Sent, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsync, airsyncbase, contacts, email};

type Phone = easel_test_support::Phone<desk::Line>;

const INBOX: u64 = 1;
const CONTACTS: u64 = 7;

fn all() -> [Identity; 4] {
    [Identity::nokia_n97(), Identity::iphone_3gs(), Identity::android(), Identity::iphone_today()]
}

fn read(id: &str, value: bool) -> Element {
    Element::of(
        airsync::CHANGE,
        [
            Element::text(airsync::SERVER_ID, id),
            Element::of(airsync::APPLICATION_DATA, [Element::boolean(email::READ, value)]),
        ],
    )
}

#[test]
fn every_version_goes_from_first_contact_to_first_mail() {
    let desk = Desk::new();
    for number in 0..3 {
        desk.deliver(INBOX, &raw_mail(&format!("mail{number}")));
    }
    for identity in all() {
        let version = identity.version;
        let mut phone = desk.phone(identity);
        phone.options().unwrap();
        assert_eq!(phone.version, version);
        let folders = if version >= Version::V14_0 { 9 } else { 8 };
        assert_eq!(phone.folder_sync().unwrap(), folders);
        let inbox = phone.folder(FolderType::Inbox).unwrap();
        assert_eq!(phone.sync_folder(&inbox, 2).unwrap(), 3);
        let mut subjects: Vec<_> = phone.items(&inbox).values().map(|item| item_text(item, email::SUBJECT)).collect();
        subjects.sort();
        assert_eq!(subjects, ["mail0", "mail1", "mail2"]);
        let quiet = phone.sync(&[Sent::ask(&inbox)]).unwrap();
        assert_eq!((quiet.empty, quiet.entries), (version >= Version::V12_1, 0), "K: G02, G03 in {version}");
    }
}

#[test]
fn g01_a_lost_answer_is_sent_again_with_the_same_key() {
    let desk = Desk::new();
    let mut phone = desk.phone(Identity::iphone_3gs());
    phone.folder_sync().unwrap();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    phone.sync_folder(&inbox, 10).unwrap();
    desk.deliver(INBOX, &raw_mail("one"));
    let before = phone.collections.clone();
    let first = phone.sync(&[Sent::ask(&inbox)]).unwrap();
    phone.collections = before;
    let second = phone.sync(&[Sent::ask(&inbox)]).unwrap();
    assert_eq!(first.collections, second.collections);
    assert_eq!(phone.items(&inbox).len(), 1);
    assert!(phone.sync(&[Sent::ask(&inbox)]).unwrap().empty);
}

#[test]
fn g01_commands_of_a_lost_answer_are_answered_and_not_done_again() {
    let desk = Desk::new();
    let mut phone = desk.phone(Identity::iphone_3gs());
    phone.folder_sync().unwrap();
    let folder = phone.folder(FolderType::Contacts).unwrap();
    phone.sync_folder(&folder, 10).unwrap();
    let add = Element::of(
        airsync::ADD,
        [
            Element::text(airsync::CLIENT_ID, "c1"),
            Element::of(airsync::APPLICATION_DATA, [Element::text(contacts::LAST_NAME, "Curie")]),
        ],
    );
    let before = phone.collections.clone();
    let first = phone.sync(&[Sent::commands(&folder, vec![add.clone()])]).unwrap();
    phone.collections = before;
    let second = phone.sync(&[Sent::commands(&folder, vec![add])]).unwrap();
    assert_eq!(first.collections, second.collections);
    assert_eq!((desk.count(CONTACTS), phone.items(&folder).len()), (1, 1));
    assert!(phone.sync(&[Sent::ask(&folder)]).unwrap().empty, "its own addition does not come back");
}

#[test]
fn g17_a_lost_answer_that_held_no_entry_promises_no_more_when_it_comes_again() {
    let desk = Desk::new();
    desk.deliver(INBOX, &raw_mail("one"));
    let mut phone = desk.phone(Identity::iphone_3gs());
    phone.folder_sync().unwrap();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    phone.sync_folder(&inbox, 10).unwrap();
    let id = phone.items(&inbox).keys().next().unwrap().clone();
    let before = phone.collections.clone();
    let first = phone.sync(&[Sent::commands(&inbox, vec![read(&id, true)])]).unwrap();
    phone.collections = before;
    desk.deliver(INBOX, &raw_mail("two"));
    let second = phone.sync(&[Sent::commands(&inbox, vec![read(&id, true)])]).unwrap();
    assert_eq!(first.collections, second.collections);
    assert!(!second.more);
    assert_eq!(phone.sync(&[Sent::ask(&inbox)]).unwrap().entries, 1);
}

/// A phone with one unread mail: its Inbox, the mail as it names it, and as it is stored.
fn with_one_mail(desk: &Desk) -> (Phone, String, String, ServerId) {
    let stored = desk.deliver(INBOX, &raw_mail("one"));
    let mut phone = desk.phone(Identity::iphone_3gs());
    phone.folder_sync().unwrap();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    phone.sync_folder(&inbox, 10).unwrap();
    let id = phone.items(&inbox).keys().next().unwrap().clone();
    (phone, inbox, id, stored)
}

fn is_read(desk: &Desk, id: ServerId) -> bool {
    let snapshot = desk.store.snapshot(desk.user.id).unwrap();
    match snapshot.item(id).unwrap().unwrap().content {
        easel_store::Content::Mail(mail) => mail.record.read,
        easel_store::Content::Object(_) => panic!("a mail"),
    }
}

#[test]
fn a_change_that_says_again_what_one_before_it_said_is_carried_out() {
    let desk = Desk::new();
    let (mut phone, inbox, id, stored) = with_one_mail(&desk);
    let there_and_back = [read(&id, true), read(&id, false), read(&id, true)];
    let before = phone.collections.clone();
    phone.sync(&[Sent::commands(&inbox, there_and_back.to_vec())]).unwrap();
    assert!(is_read(&desk, stored));
    // The answer is lost, and somebody else marks it unread: what was done is not done again.
    let mut other = desk.phone(Identity { device_id: "other".into(), ..Identity::iphone_3gs() });
    other.folder_sync().unwrap();
    other.sync_folder(&inbox, 10).unwrap();
    other.sync(&[Sent::commands(&inbox, vec![read(&id, false)])]).unwrap();
    phone.collections = before;
    phone.sync(&[Sent::commands(&inbox, there_and_back.to_vec())]).unwrap();
    assert!(!is_read(&desk, stored));
}

#[test]
fn a_change_that_says_again_what_a_lost_request_said_before_another_is_carried_out() {
    let desk = Desk::new();
    let (mut phone, inbox, id, stored) = with_one_mail(&desk);
    let before = phone.collections.clone();
    for value in [true, false, true, false, false] {
        phone.collections.clone_from(&before);
        phone.sync(&[Sent::commands(&inbox, vec![read(&id, value)])]).unwrap();
        assert_eq!(is_read(&desk, stored), value);
    }
    // What was carried out comes along with something new.
    phone.collections = before;
    phone.sync(&[Sent::commands(&inbox, vec![read(&id, false), read(&id, true)])]).unwrap();
    assert!(is_read(&desk, stored));
}

#[test]
fn a_fetch_without_options_brings_the_whole_mail() {
    let desk = Desk::new();
    let long = raw_mail("long").replace("Hello", &"Hello ".repeat(1_000));
    desk.deliver(INBOX, &long);
    for (identity, cut) in [
        (Identity::nokia_n97(), Element::number(airsync::TRUNCATION, 1)),
        (Identity::iphone_3gs(), body_of(1, Some(512))),
        (Identity::iphone_today(), body_of(1, Some(512))),
    ] {
        let version = identity.version;
        let mut phone = desk.phone(identity);
        phone.folder_sync().unwrap();
        let inbox = phone.folder(FolderType::Inbox).unwrap();
        let options = Some(vec![cut.clone()]);
        phone.sync(&[Sent { options: options.clone(), ..Sent::ask(&inbox) }]).unwrap();
        phone.sync(&[Sent::ask(&inbox)]).unwrap();
        let (id, item) = phone.items(&inbox).into_iter().next().unwrap();
        assert!(shown(&item).0.len() <= 512 && shown(&item).1, "{version}: {item:?}");
        let fetch = Element::of(airsync::FETCH, [Element::text(airsync::SERVER_ID, id)]);
        let fetched = |phone: &mut Phone, options| {
            let asked = Sent { options, ..Sent::commands(&inbox, vec![fetch.clone()]) };
            let synced = phone.sync(&[asked]).unwrap();
            let path = [airsync::RESPONSES, airsync::FETCH, airsync::APPLICATION_DATA];
            shown(synced.collections[&inbox].at(&path).unwrap())
        };
        let (whole, is_cut) = fetched(&mut phone, None);
        assert!(whole.len() > 5_000 && !is_cut, "{version}: {whole}");
        let (part, is_cut) = fetched(&mut phone, options);
        assert!(part.len() <= 512 && is_cut, "{version}: options that come with it are obeyed");
        let (whole, is_cut) = fetched(&mut phone, None);
        assert!(whole.len() > 5_000 && !is_cut, "{version}");
    }
}

fn body_of(kind: u8, size: Option<u32>) -> Element {
    let size = size.map(|size| Element::number(airsyncbase::TRUNCATION_SIZE, size));
    Element::of(airsyncbase::BODY_PREFERENCE, [Element::number(airsyncbase::TYPE, kind)]).with_some(size)
}

/// The text of a mail as it was sent, and whether it is cut.
fn shown(item: &Element) -> (String, bool) {
    match item.child(airsyncbase::BODY) {
        Some(body) => (item_text(body, airsyncbase::DATA), item_text(body, airsyncbase::TRUNCATED) == "1"),
        None => (item_text(item, email::BODY), item_text(item, email::BODY_TRUNCATED) == "1"),
    }
}

#[test]
fn a_read_flag_goes_to_the_other_phone_and_nothing_else() {
    let desk = Desk::new();
    desk.deliver(INBOX, &raw_mail("one"));
    let (mut one, mut two) = (desk.phone(Identity::android()), desk.phone(Identity::iphone_3gs()));
    let mut inbox = String::new();
    for phone in [&mut one, &mut two] {
        phone.folder_sync().unwrap();
        inbox = phone.folder(FolderType::Inbox).unwrap();
        phone.sync_folder(&inbox, 10).unwrap();
    }
    let id = one.items(&inbox).keys().next().unwrap().clone();
    let synced = one.sync(&[Sent::commands(&inbox, vec![read(&id, true)])]).unwrap();
    assert_eq!(synced.entries, 0);
    assert!(one.sync(&[Sent::ask(&inbox)]).unwrap().empty);
    let synced = two.sync(&[Sent::ask(&inbox)]).unwrap();
    let change = synced.collections[&inbox].at(&[airsync::COMMANDS, airsync::CHANGE, airsync::APPLICATION_DATA]);
    let change: Vec<_> = change.unwrap().children().cloned().collect();
    assert_eq!(change, [Element::text(email::READ, "1")]);
}

#[test]
fn a_deleted_mail_goes_to_deleted_items_and_appears_there() {
    let desk = Desk::new();
    desk.deliver(INBOX, &raw_mail("one"));
    let mut phone = desk.phone(Identity::iphone_3gs());
    phone.folder_sync().unwrap();
    let (inbox, trash) = (phone.folder(FolderType::Inbox).unwrap(), phone.folder(FolderType::DeletedItems).unwrap());
    phone.sync_folder(&inbox, 10).unwrap();
    phone.sync_folder(&trash, 10).unwrap();
    let id = phone.items(&inbox).keys().next().unwrap().clone();
    let delete = Element::of(airsync::DELETE, [Element::text(airsync::SERVER_ID, id.clone())]);
    phone.sync(&[Sent::commands(&inbox, vec![delete.clone()])]).unwrap();
    phone.collections.get_mut(&inbox).unwrap().items.remove(&id);
    assert!(phone.sync(&[Sent::ask(&inbox)]).unwrap().empty, "what it deleted is not mentioned again");
    assert_eq!(phone.sync_folder(&trash, 10).unwrap(), 1);
    let again = phone.sync(&[Sent::commands(&inbox, vec![delete])]).unwrap();
    let response = again.collections[&inbox].at(&[airsync::RESPONSES, airsync::DELETE]).unwrap().clone();
    assert_eq!(item_text(&response, airsync::STATUS), "8");
}

#[test]
fn g17_w_a_mailbox_is_paged_newest_first_while_more_arrives() {
    let desk = Desk::new();
    let start: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let first = desk.store.reserve_items(desk.user.id, 20_000).unwrap().number();
    let mail = |number: u64| {
        let received = start + jiff::SignedDuration::from_mins(i64::try_from(number).unwrap());
        desk.mail(ServerId::new(first + number), INBOX, &raw_mail(&format!("m{number}")), received)
    };
    desk.commit((0..20_000).map(mail).collect());
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    phone.sync(&[Sent::ask(&inbox)]).unwrap();
    let (mut pages, mut arrived) = (0, 0);
    loop {
        let asked = Sent { window: Some(512), ..Sent::ask(&inbox) };
        let synced = phone.sync(&[asked]).unwrap();
        pages += 1;
        if pages == 1 {
            let newest = phone.items(&inbox).values().map(|item| item_text(item, email::SUBJECT)).min().unwrap();
            assert_eq!(newest, "m19488");
        }
        if pages % 10 == 0 {
            desk.deliver(INBOX, &raw_mail(&format!("new{pages}")));
            arrived += 1;
        }
        if !synced.more {
            break;
        }
    }
    phone.sync_folder(&inbox, 512).unwrap();
    assert_eq!(phone.items(&inbox).len(), 20_000 + arrived);
    assert!(arrived > 0 && pages >= 40);
}

#[test]
fn a_mailbox_moves_through_a_filter_window() {
    let desk = Desk::new();
    for day in 20..=28 {
        let received = format!("2026-02-{day}T12:00:00Z").parse().unwrap();
        desk.deliver_at(INBOX, &raw_mail(&format!("day{day}")), received);
    }
    desk.at("2026-03-01T12:00:00Z");
    let mut phone = desk.phone(Identity::iphone_3gs());
    phone.folder_sync().unwrap();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    let filter = |number: u8| Some(vec![Element::number(airsync::FILTER_TYPE, number)]);
    phone.sync(&[Sent { options: filter(3), ..Sent::ask(&inbox) }]).unwrap();
    phone.sync(&[Sent::ask(&inbox)]).unwrap();
    let held = |phone: &Phone| phone.items(&inbox).len();
    assert_eq!(held(&phone), 7, "one week: 22 February to 28 February");
    desk.at("2026-03-03T01:00:00Z");
    let synced = phone.sync(&[Sent::ask(&inbox)]).unwrap();
    assert_eq!((synced.entries, held(&phone)), (2, 5), "two days later two have left the window");
    let commands = synced.collections[&inbox].child(airsync::COMMANDS).unwrap();
    assert!(commands.children().all(|entry| entry.tag == airsync::SOFT_DELETE));
    phone.sync(&[Sent { options: filter(0), ..Sent::ask(&inbox) }]).unwrap();
    assert_eq!(held(&phone), 9, "without a filter everything comes");
    phone.sync(&[Sent { options: filter(1), ..Sent::ask(&inbox) }]).unwrap();
    assert_eq!(held(&phone), 0);
}

#[test]
fn g52_tc89_the_window_of_the_request_holds_over_all_collections() {
    let desk = Desk::new();
    for number in 0..4 {
        desk.deliver(INBOX, &raw_mail(&format!("inbox{number}")));
        desk.deliver(4, &raw_mail(&format!("sent{number}")));
    }
    let mut phone = desk.phone(Identity::iphone_3gs());
    phone.folder_sync().unwrap();
    let (inbox, sent) = (phone.folder(FolderType::Inbox).unwrap(), phone.folder(FolderType::SentItems).unwrap());
    phone.sync(&[Sent::ask(&inbox), Sent::ask(&sent)]).unwrap();
    let mut body = phone.sync_request(&[Sent::ask(&inbox), Sent::ask(&sent)]);
    body.push(Element::number(airsync::WINDOW_SIZE, 5));
    let answer = phone.ask(easel_protocol::Command::Sync, Some(&body)).unwrap();
    let synced = phone.take_sync(answer).unwrap();
    assert_eq!(synced.entries, 5);
    let more = |id: &str| synced.collections[id].child(airsync::MORE_AVAILABLE).is_some();
    assert!(!more(&inbox) && more(&sent));
}

/// Asks for several folders with one window for all of them: entries, and whether there is more, a folder.
fn windowed(phone: &mut Phone, sent: &[Sent], window: u32) -> Vec<(usize, bool)> {
    let mut body = phone.sync_request(sent);
    body.push(Element::number(airsync::WINDOW_SIZE, window));
    let answer = phone.ask(easel_protocol::Command::Sync, Some(&body)).unwrap();
    let synced = phone.take_sync(answer).unwrap();
    let each = sent.iter().map(|one| {
        synced.collections.get(&one.folder).map_or((0, false), |collection| {
            let entries = collection.child(airsync::COMMANDS).map_or(0, |commands| commands.children().count());
            (entries, collection.child(airsync::MORE_AVAILABLE).is_some())
        })
    });
    each.collect()
}

/// A phone that has begun with some folders, and how it asks for them.
fn begun(desk: &Desk, folders: &[u64]) -> (Phone, Vec<Sent>) {
    let mut phone = desk.phone(Identity::iphone_3gs());
    phone.folder_sync().unwrap();
    let ask: Vec<Sent> = folders.iter().map(|folder| Sent::ask(&format!("f{folder}"))).collect();
    phone.sync(&ask).unwrap();
    (phone, ask)
}

fn deliver_many(desk: &Desk, folder: u64, count: usize) {
    for number in 0..count {
        desk.deliver(folder, &raw_mail(&format!("mail{number}in{folder}")));
    }
}

#[test]
fn g52_a_collection_that_fills_the_answer_leaves_one_place_to_the_next() {
    let desk = Desk::new();
    let (mut phone, ask) = begun(&desk, &[1, 4, 3]);
    deliver_many(&desk, 1, 5);
    deliver_many(&desk, 4, 4);
    deliver_many(&desk, 3, 1);
    assert_eq!(windowed(&mut phone, &ask, 5), [(4, true), (1, true), (0, false)]);
    assert_eq!(windowed(&mut phone, &ask, 5), [(1, false), (3, false), (1, false)]);
    assert_eq!(windowed(&mut phone, &ask, 5), [(0, false), (0, false), (0, false)]);
}

#[test]
fn g52_a_collection_that_fills_the_answer_alone_holds_nothing_back() {
    let desk = Desk::new();
    let (mut phone, ask) = begun(&desk, &[1, 4]);
    deliver_many(&desk, 1, 5);
    assert_eq!(windowed(&mut phone, &ask, 5), [(5, false), (0, false)]);
    deliver_many(&desk, 1, 5);
    deliver_many(&desk, 4, 2);
    let silent = [ask[0].clone(), Sent { get_changes: Some(false), ..ask[1].clone() }];
    assert_eq!(windowed(&mut phone, &silent, 5), [(5, false), (0, false)], "the second was not asked");
}

#[test]
fn g52_g17_with_a_window_of_one_the_phone_comes_again_for_what_found_no_room() {
    let desk = Desk::new();
    let (mut phone, ask) = begun(&desk, &[1, 4, 3]);
    for folder in [1, 4, 3] {
        deliver_many(&desk, folder, 1);
    }
    assert_eq!(windowed(&mut phone, &ask, 1), [(1, true), (0, false), (0, false)]);
    assert_eq!(windowed(&mut phone, &ask, 1), [(0, false), (1, true), (0, false)]);
    assert_eq!(windowed(&mut phone, &ask, 1), [(0, false), (0, false), (1, false)]);
}

#[test]
fn g52_entries_of_a_lost_answer_take_places_before_new_ones() {
    let desk = Desk::new();
    let (mut phone, ask) = begun(&desk, &[1, 4]);
    deliver_many(&desk, 4, 4);
    let before = phone.collections.clone();
    assert_eq!(windowed(&mut phone, &ask, 5), [(0, false), (4, false)]);
    phone.collections = before;
    deliver_many(&desk, 1, 3);
    assert_eq!(windowed(&mut phone, &ask, 5), [(1, true), (4, false)]);
    assert_eq!(windowed(&mut phone, &ask, 5), [(2, false), (0, false)]);
}

#[test]
fn g52_whatever_the_window_everything_comes_in_answers_of_at_most_so_many() {
    for window in 1..=7 {
        let desk = Desk::new();
        let (mut phone, ask) = begun(&desk, &[1, 4, 3, 7]);
        deliver_many(&desk, 1, 5);
        deliver_many(&desk, 3, 9);
        for number in 0..3 {
            desk.add(
                CONTACTS,
                &format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:No {number}\r\nN:;No {number};;;\r\nEND:VCARD\r\n"),
            );
        }
        let most = usize::try_from(window).unwrap();
        let mut pages = 0;
        loop {
            let page = windowed(&mut phone, &ask, window);
            let entries: usize = page.iter().map(|(entries, _)| entries).sum();
            assert!(entries <= most, "{page:?} with a window of {window}");
            pages += 1;
            if !page.iter().any(|(_, more)| *more) {
                break;
            }
            assert_eq!(entries, most, "an answer that says there is more is full: {page:?}");
        }
        let held: usize = ["f1", "f4", "f3", "f7"].iter().map(|folder| phone.items(folder).len()).sum();
        assert_eq!((held, pages), (17, 17_usize.div_ceil(most)), "with a window of {window}");
    }
}

#[test]
fn g52_a36_what_the_server_won_is_counted_and_comes_first() {
    let desk = Desk::new();
    let card = |first: &str, last: &str| {
        format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:{first} {last}\r\nN:{last};{first};;;\r\nEND:VCARD\r\n")
    };
    let ids: Vec<_> = (0..4).map(|number| desk.add(CONTACTS, &card(&format!("No{number}"), "Old"))).collect();
    let mut phone = desk.phone(Identity::iphone_3gs());
    phone.folder_sync().unwrap();
    let folder = phone.folder(FolderType::Contacts).unwrap();
    phone.sync_folder(&folder, 10).unwrap();
    for (number, id) in ids.iter().enumerate() {
        desk.edit(*id, &card(&format!("No{number}"), "Server"));
    }
    let change = |id: &ServerId| {
        let data = Element::of(airsync::APPLICATION_DATA, [Element::text(contacts::LAST_NAME, "Phone")]);
        Element::of(airsync::CHANGE, [Element::text(airsync::SERVER_ID, id.to_string()), data])
    };
    let server_wins = Some(vec![Element::number(airsync::CONFLICT, 1)]);
    let commands = Sent { window: Some(2), options: server_wins, ..Sent::commands(&folder, vec![change(&ids[3])]) };
    let before = phone.collections.clone();
    let first = phone.sync(std::slice::from_ref(&commands)).unwrap();
    assert_eq!((first.entries, first.more), (2, true));
    let name = |phone: &Phone, at: usize| item_text(&phone.items(&folder)[&ids[at].to_string()], contacts::LAST_NAME);
    assert_eq!(name(&phone, 3), "Server");
    phone.collections = before;
    let again = phone.sync(&[commands]).unwrap();
    assert_eq!(first.collections, again.collections, "and so it is when the answer was lost");
    let all = Sent { window: Some(1), ..Sent::commands(&folder, vec![change(&ids[1]), change(&ids[2])]) };
    let page = phone.sync(&[all]).unwrap();
    assert_eq!((page.entries, page.more), (1, true), "two are won, and there is room for one");
    assert_eq!(name(&phone, 1), "Server");
    phone.sync_folder(&folder, 1).unwrap();
    for at in 0..4 {
        assert_eq!(name(&phone, at), "Server");
    }
}

#[test]
fn g47_i12_commands_with_key_0_are_not_carried_out() {
    let desk = Desk::new();
    let mut phone = desk.phone(Identity::iphone_3gs());
    phone.folder_sync().unwrap();
    let folder = phone.folder(FolderType::Contacts).unwrap();
    let add = Element::of(
        airsync::ADD,
        [
            Element::text(airsync::CLIENT_ID, "c1"),
            Element::of(airsync::APPLICATION_DATA, [Element::text(contacts::LAST_NAME, "Curie")]),
        ],
    );
    let fetch = Element::of(airsync::FETCH, [Element::text(airsync::SERVER_ID, "a1")]);
    let synced = phone.sync(&[Sent::commands(&folder, vec![add, fetch])]).unwrap();
    assert!(synced.collections[&folder].child(airsync::RESPONSES).is_none());
    assert_eq!(desk.count(CONTACTS), 0);
}

#[test]
fn key_0_in_mid_life_on_all_collections_doubles_nothing() {
    let desk = Desk::new();
    for number in 0..5 {
        desk.deliver(INBOX, &raw_mail(&format!("mail{number}")));
    }
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    for folder in phone.chosen() {
        phone.sync_folder(&folder, 100).unwrap();
    }
    let old = phone.collections.clone();
    phone.collections.clear();
    for folder in phone.chosen() {
        phone.sync_folder(&folder, 100).unwrap();
    }
    let ids = |collections: &std::collections::BTreeMap<String, easel_test_support::Collection>| {
        collections.iter().map(|(id, c)| (id.clone(), c.items.keys().cloned().collect())).collect::<Vec<(_, Vec<_>)>>()
    };
    assert_eq!(ids(&old), ids(&phone.collections), "ids stay the same over key 0");
    phone.collections = old;
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    let error = phone.sync(&[Sent::ask(&inbox)]).unwrap_err().to_string();
    assert!(error.contains("status 3"), "a key from before the reset is not taken for a current one: {error}");
}

#[test]
fn an_attachment_of_an_event_goes_from_one_phone_to_another() {
    use easel_wbxml::pages::{airsyncbase as b, calendar as c, item_operations as io};
    let desk = Desk::new();
    let (mut one, mut two) = (desk.phone(Identity::iphone_today()), desk.phone(Identity::iphone_today()));
    two.identity.device_id = "other".into();
    for phone in [&mut one, &mut two] {
        phone.folder_sync().unwrap();
    }
    let folder = one.folder(FolderType::Calendar).unwrap();
    one.sync_folder(&folder, 10).unwrap();
    two.sync_folder(&folder, 10).unwrap();
    let attachment = Element::of(
        b::ADD,
        [
            Element::text(b::CLIENT_ID, "file1"),
            Element::number(b::METHOD, 1),
            Element::text(b::CONTENT_TYPE, "text/plain"),
            Element::opaque(b::CONTENT, *b"the agenda"),
            Element::text(b::DISPLAY_NAME, "agenda.txt"),
        ],
    );
    let event = Element::of(
        airsync::APPLICATION_DATA,
        [
            Element::of(b::ATTACHMENTS, [attachment]),
            Element::text(c::CLIENT_UID, "uid-1"),
            Element::text(c::SUBJECT, "Board"),
            Element::text(c::START_TIME, "20260310T090000Z"),
            Element::text(c::END_TIME, "20260310T100000Z"),
        ],
    );
    let add = Element::of(airsync::ADD, [Element::text(airsync::CLIENT_ID, "c1"), event]);
    let synced = one.sync(&[Sent::commands(&folder, vec![add])]).unwrap();
    let answer = synced.collections[&folder].at(&[airsync::RESPONSES, airsync::ADD]).unwrap();
    assert_eq!(item_text(answer, airsync::STATUS), "1");
    let told = answer.at(&[airsync::APPLICATION_DATA, b::ATTACHMENTS, b::ATTACHMENT]).unwrap();
    let reference = item_text(told, b::FILE_REFERENCE);
    two.sync_folder(&folder, 10).unwrap();
    let item = two.items(&folder).into_values().next().unwrap();
    let shown = item.at(&[b::ATTACHMENTS, b::ATTACHMENT]).unwrap();
    assert_eq!(
        (item_text(shown, b::DISPLAY_NAME), item_text(shown, b::FILE_REFERENCE)),
        ("agenda.txt".into(), reference)
    );
    let fetch =
        [Element::text(io::STORE, "Mailbox"), Element::text(b::FILE_REFERENCE, item_text(shown, b::FILE_REFERENCE))];
    let fetch = Element::of(io::ITEM_OPERATIONS, [Element::of(io::FETCH, fetch)]);
    let answer = two.ask(easel_protocol::Command::ItemOperations, Some(&fetch)).unwrap().unwrap();
    let data = answer.at(&[io::RESPONSE, io::FETCH, io::PROPERTIES, io::DATA]).unwrap();
    assert_eq!(data.value(), "dGhlIGFnZW5kYQ==");
}

#[test]
fn a_supported_element_of_any_length_is_kept_short() {
    let kept = |supported: Vec<Element>| {
        let desk = Desk::new();
        let mut phone = desk.phone(Identity::android());
        phone.folder_sync().unwrap();
        let folder = phone.folder(FolderType::Contacts).unwrap();
        phone.sync(&[Sent { supported: Some(supported), ..Sent::ask(&folder) }]).unwrap();
        let device = desk.store.devices(desk.user.id).unwrap()[0].key;
        let id = easel_protocol::CollectionId::parse(&folder).unwrap();
        desk.store.snapshot(desk.user.id).unwrap().collection(device, id).unwrap().unwrap().options
    };
    let tags = [contacts::FILE_AS, contacts::EMAIL1_ADDRESS];
    let often = kept(tags.iter().cycle().take(10_000).map(|tag| Element::new(*tag)).collect());
    assert!(often == kept(tags.map(Element::new).to_vec()), "{} bytes", often.len());
}
