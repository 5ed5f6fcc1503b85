//! What happens to a phone and its owner, from the outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::thread;
use std::time::Duration;

use easel_commands::{Policy, Settings};
use easel_protocol::{Class, CollectionId, Command, FolderType, ServerId, Version};
use easel_store::{Store as _, Write};
use easel_test_support::{Identity, Phone, Sent, Socket, Transport as _, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsync, calendar, contacts, email, folder_hierarchy as fh, search};
use easel_wire::{House, short_mail};
use jiff::{SignedDuration, Timestamp};

const CALENDAR: u64 = 6;
const CONTACTS: u64 = 7;

fn all() -> [Identity; 4] {
    [Identity::nokia_n97(), Identity::iphone_3gs(), Identity::android(), Identity::iphone_today()]
}

/// The command that changes some properties of an item.
fn change(item: &str, properties: impl IntoIterator<Item = Element>) -> Element {
    let data = Element::of(airsync::APPLICATION_DATA, properties);
    Element::of(airsync::CHANGE, [Element::text(airsync::SERVER_ID, item), data])
}

fn inbox(phone: &Phone<Socket>) -> String {
    phone.folder(FolderType::Inbox).unwrap()
}

#[test]
fn f1_f7_every_phone_goes_from_first_contact_to_everything_it_asked_for() {
    let house = House::default();
    house.deliver(&short_mail("one"));
    house.import(
        CONTACTS,
        Class::Contacts,
        "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Curie;Marie;;;\r\nFN:Marie Curie\r\nEND:VCARD\r\n",
    );
    house.import(CALENDAR, Class::Calendar, &series());
    for identity in all() {
        let version = identity.version;
        let mut phone = house.ready(identity);
        assert_eq!(phone.version, version);
        let mut got = std::collections::BTreeMap::new();
        for folder in phone.chosen() {
            phone.sync_folder(&folder, 50).unwrap();
            *got.entry(phone.class(&folder).unwrap()).or_insert(0) += phone.items(&folder).len();
        }
        assert_eq!((got[&Class::Email], got[&Class::Contacts], got[&Class::Calendar]), (1, 1, 1), "{version}");
    }
    assert_eq!(house.store().devices(house.anna.id).unwrap().len(), 4);
}

#[test]
fn f8_only_what_was_chosen_on_the_phone_is_synchronised() {
    let house = House::default();
    house.deliver(&short_mail("one"));
    let mut phone = house.ready(Identity { classes: &[Class::Contacts], ..Identity::android() });
    for folder in phone.chosen() {
        phone.sync_folder(&folder, 50).unwrap();
    }
    assert_eq!(phone.collections.len(), 1);
}

#[test]
fn f3_the_address_list_is_found_by_search_and_only_that_of_the_own_tenant() {
    let house = House::default();
    let mut phone = house.ready(Identity::iphone_3gs());
    let query = |text: &str| {
        let options = Element::of(search::OPTIONS, [Element::text(search::RANGE, "0-99")]);
        let store = [Element::text(search::NAME, "GAL"), Element::text(search::QUERY, text), options];
        Element::of(search::SEARCH, [Element::of(search::STORE, store)])
    };
    let mut names = |text: &str| -> Vec<String> {
        let answer = phone.ask(Command::Search, Some(&query(text))).unwrap().unwrap();
        let store = answer.at(&[search::RESPONSE, search::STORE]).unwrap();
        let results = store.all(search::RESULT).filter_map(|result| result.child(search::PROPERTIES));
        results.map(|found| item_text(found, easel_wbxml::pages::gal::DISPLAY_NAME)).collect()
    };
    assert_eq!(names("anna"), ["anna of defaultcontext"]);
    assert!(names("zoe").is_empty(), "tenants never see one another");
}

#[test]
fn what_the_server_mails_for_a_meeting_lies_in_sent_items_and_comes_to_the_phone_that_made_it() {
    let house = House::default();
    let mut phone = house.ready(Identity::iphone_today());
    let (events, sent) = (phone.folder(FolderType::Calendar).unwrap(), phone.folder(FolderType::SentItems).unwrap());
    for folder in [&events, &sent] {
        phone.sync_folder(folder, 50).unwrap();
    }
    let guest = [Element::text(calendar::EMAIL, "bob@example.net"), Element::text(calendar::NAME, "Bob")];
    let data = [
        Element::text(calendar::START_TIME, "20260305T140000Z"),
        Element::text(calendar::SUBJECT, "Review"),
        Element::text(calendar::END_TIME, "20260305T150000Z"),
        Element::of(calendar::ATTENDEES, [Element::of(calendar::ATTENDEE, guest)]),
        Element::text(calendar::MEETING_STATUS, "1"),
    ];
    let add = [Element::text(airsync::CLIENT_ID, "1"), Element::of(airsync::APPLICATION_DATA, data)];
    let before = house.store().modseq(house.anna.id);
    let synced = phone.sync(&[Sent::commands(&events, vec![Element::of(airsync::ADD, add)])]).unwrap();
    let added = synced.collections[&events].at(&[airsync::RESPONSES, airsync::ADD]).unwrap();
    assert_eq!(item_text(added, airsync::STATUS), "1");
    assert_eq!(house.store().due_outgoing(i64::MAX, 9).unwrap().len(), 1);
    assert_eq!(house.store().modseq(house.anna.id).0, before.0 + 2, "the event and the copy");
    assert_eq!(phone.sync_folder(&sent, 50).unwrap(), 1);
    let items = phone.items(&sent);
    let copy = items.values().next().unwrap();
    assert_eq!((item_text(copy, email::SUBJECT), item_text(copy, email::READ)), ("Review".into(), "1".into()));
    assert!(item_text(copy, email::TO).contains("bob@example.net"));
    assert_eq!(phone.sync_folder(&events, 50).unwrap(), 0, "the event is the phone's own");
}

#[test]
fn f2_push_arrives_by_itself_in_every_class() {
    let house = House::default();
    let mut phone = house.ready(Identity::android());
    let folders: Vec<String> = [FolderType::Inbox, FolderType::Calendar, FolderType::Contacts, FolderType::Tasks]
        .map(|kind| phone.folder(kind).unwrap())
        .to_vec();
    for folder in &folders {
        phone.sync_folder(folder, 50).unwrap();
    }
    for (number, folder) in folders.clone().into_iter().enumerate() {
        let watched = folders.clone();
        let waits = thread::spawn(move || {
            let answer = phone.ping(&watched, 600).unwrap();
            (phone, answer)
        });
        house.until_parked(1);
        match number {
            0 => drop(house.deliver(&short_mail("one"))),
            1 => drop(house.import(CALENDAR, Class::Calendar, &series())),
            2 => drop(house.import(
                CONTACTS,
                Class::Contacts,
                "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:X\r\nN:X;;;;\r\nEND:VCARD\r\n",
            )),
            _ => drop(house.import(8, Class::Tasks, TASK)),
        }
        let (back, (status, changed)) = waits.join().unwrap();
        assert_eq!((status.as_str(), changed), ("2", vec![folder.clone()]));
        phone = back;
        assert_eq!(phone.sync_folder(&folder, 50).unwrap(), 1);
    }
}

const TASK: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\nBEGIN:VTODO\r\nUID:t1\r\nDTSTAMP:20260301T080000Z\r\n\
                    SUMMARY:Water the plants\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";

#[test]
fn g01_a_reply_that_is_lost_on_the_way_comes_again() {
    let house = House::default();
    let mut phone = house.ready(Identity::iphone_3gs());
    let (inbox, book) = (inbox(&phone), phone.folder(FolderType::Contacts).unwrap());
    phone.sync_folder(&inbox, 50).unwrap();
    phone.sync_folder(&book, 50).unwrap();
    house.deliver(&short_mail("one"));
    let card = Element::of(airsync::APPLICATION_DATA, [Element::text(contacts::LAST_NAME, "Curie")]);
    let add = Element::of(airsync::ADD, [Element::text(airsync::CLIENT_ID, "c1"), card]);
    let sent = [Sent::ask(&inbox), Sent::commands(&book, vec![add])];
    let body = easel_wbxml::encode(&phone.sync_request(&sent));
    let request = phone.request(Command::Sync, &body, "application/vnd.ms-sync.wbxml");
    // The answer reaches the machine and is never read by the phone.
    let lost = house.socket("anna").exchange(&request).unwrap();
    assert_eq!(lost.code, 200);
    let synced = phone.sync(&sent).unwrap();
    assert_eq!((synced.entries, phone.items(&inbox).len(), phone.items(&book).len()), (1, 1, 1));
    assert_eq!(house.count(CONTACTS), 1, "what was added once is there once");
    assert!(phone.sync(&[Sent::ask(&inbox), Sent::ask(&book)]).unwrap().empty);
}

fn series() -> String {
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\nX-WR-CALNAME:Mine\r\nBEGIN:VEVENT\r\nUID:series@example.org\r\n\
     DTSTAMP:20260301T080000Z\r\nDTSTART;TZID=Europe/Berlin:20260302T091500\r\nDTEND;TZID=Europe/Berlin:20260302T093000\r\n\
     RRULE:FREQ=WEEKLY;BYDAY=MO\r\nSUMMARY:Stand-up\r\nLOCATION:Room 2\r\nX-TEAM-COLOUR;SHADE=dark:teal\r\n\
     ATTACH:https://example.org/agenda\r\nBEGIN:VALARM\r\nACTION:AUDIO\r\nTRIGGER:-PT5M\r\nX-SOUND:bell\r\nEND:VALARM\r\n\
     END:VEVENT\r\nBEGIN:VEVENT\r\nUID:series@example.org\r\nDTSTAMP:20260301T080000Z\r\n\
     RECURRENCE-ID;TZID=Europe/Berlin:20260309T091500\r\nDTSTART;TZID=Europe/Berlin:20260309T140000\r\n\
     DTEND;TZID=Europe/Berlin:20260309T141500\r\nSUMMARY:Stand-up (late)\r\nX-REASON:dentist\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        .to_owned()
}

#[test]
fn a_series_edited_on_the_phone_keeps_what_the_phone_never_saw() {
    let house = House::default();
    let id = house.import(CALENDAR, Class::Calendar, &series());
    let mut phone = house.ready(Identity::android());
    let folder = phone.folder(FolderType::Calendar).unwrap();
    phone.sync_folder(&folder, 50).unwrap();
    let item = phone.items(&folder).remove(&id.to_string()).unwrap();
    assert_eq!(item.child(calendar::EXCEPTIONS).map(|all| all.children().count()), Some(1));
    let mut edited: Vec<Element> = item.children().cloned().collect();
    for property in &mut edited {
        if property.tag == calendar::SUBJECT {
            *property = Element::text(calendar::SUBJECT, "Stand-up, short");
        }
    }
    phone.sync(&[Sent::commands(&folder, vec![change(&id.to_string(), edited)])]).unwrap();
    let stored = house.stored(id).unwrap();
    for kept in [
        "X-WR-CALNAME:Mine\r\n",
        "SUMMARY:Stand-up\\, short\r\n",
        "X-TEAM-COLOUR;SHADE=dark:teal\r\n",
        "ATTACH:https://example.org/agenda\r\n",
        "ACTION:AUDIO\r\n",
        "X-SOUND:bell\r\n",
        "X-REASON:dentist\r\n",
        "RRULE:FREQ=WEEKLY;BYDAY=MO\r\n",
        "SUMMARY:Stand-up (late)\r\n",
    ] {
        assert!(stored.contains(kept), "{kept:?} is not in\n{stored}");
    }
}

#[test]
fn a36_two_phones_edit_one_event_and_the_server_keeps_the_first() {
    let house = House::default();
    let id = house.import(CALENDAR, Class::Calendar, &series()).to_string();
    let (mut one, mut two) = (house.ready(Identity::android()), house.ready(Identity::iphone_3gs()));
    let folder = one.folder(FolderType::Calendar).unwrap();
    for phone in [&mut one, &mut two] {
        phone.sync_folder(&folder, 50).unwrap();
    }
    let subject = |phone: &Phone<Socket>, text: &str| {
        let item = phone.items(&folder).remove(&id).unwrap();
        let properties: Vec<Element> = item
            .children()
            .map(|p| if p.tag == calendar::SUBJECT { Element::text(calendar::SUBJECT, text) } else { p.clone() })
            .collect();
        change(&id, properties)
    };
    let first = subject(&one, "by the first");
    assert!(
        one.sync(&[Sent::commands(&folder, vec![first])]).unwrap().collections[&folder]
            .child(airsync::RESPONSES)
            .is_none()
    );
    let second = subject(&two, "by the second");
    let synced = two.sync(&[Sent::commands(&folder, vec![second])]).unwrap();
    let answer = &synced.collections[&folder];
    assert_eq!(item_text(answer.at(&[airsync::RESPONSES, airsync::CHANGE]).unwrap(), airsync::STATUS), "7");
    let winner = answer.at(&[airsync::COMMANDS, airsync::CHANGE, airsync::APPLICATION_DATA]).unwrap();
    assert_eq!(item_text(winner, calendar::SUBJECT), "by the first");
    assert!(one.sync(&[Sent::ask(&folder)]).unwrap().empty);
    // With Conflict 0 the phone goes first, and what only the server changed stays.
    house.edit(
        ServerId::parse(&id).unwrap(),
        Class::Calendar,
        &house.stored(ServerId::parse(&id).unwrap()).unwrap().replace("Room 2", "Room 9"),
    );
    let mine = subject(&two, "by the second");
    let options = vec![Element::number(airsync::CONFLICT, 0)];
    let sent = Sent { options: Some(options), ..Sent::commands(&folder, vec![mine]) };
    let synced = two.sync(&[sent]).unwrap();
    assert!(synced.collections[&folder].child(airsync::RESPONSES).is_none());
    let stored = house.stored(ServerId::parse(&id).unwrap()).unwrap();
    assert!(stored.contains("SUMMARY:by the second\r\n") && stored.contains("LOCATION:Room 9\r\n"), "{stored}");
}

#[test]
fn a_mailbox_moves_through_a_filter_window_as_the_clock_turns() {
    let house = House::default();
    for day in 20..=28 {
        house.deliver_at(&short_mail(&format!("day{day}")), &format!("2026-02-{day}T12:00:00Z"));
    }
    let mut phone = house.ready(Identity::iphone_3gs());
    let inbox = inbox(&phone);
    let week = Some(vec![Element::number(airsync::FILTER_TYPE, 3)]);
    phone.sync(&[Sent { options: week, ..Sent::ask(&inbox) }]).unwrap();
    phone.sync(&[Sent::ask(&inbox)]).unwrap();
    assert_eq!(phone.items(&inbox).len(), 6, "23 to 28 February");
    house.clock.advance(Duration::from_secs(2 * 86_400));
    let synced = phone.sync(&[Sent::ask(&inbox)]).unwrap();
    let commands = synced.collections[&inbox].child(airsync::COMMANDS).unwrap();
    assert!(commands.children().all(|entry| entry.tag == airsync::SOFT_DELETE));
    assert_eq!(phone.items(&inbox).len(), 4);
    assert_eq!(house.count(1), 9, "nothing is gone from the server");
}

#[test]
fn twenty_thousand_mails_are_paged_while_more_arrive() {
    let house = House::default();
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let first = house.store().reserve_items(house.anna.id, 20_000).unwrap().number();
    for chunk in 0..20 {
        let raw = short_mail(&format!("m{chunk}"));
        let template = house.mail(ServerId::new(first), &raw, start);
        let mail = |number: u64| {
            let Write::DeliverItem { mut content, mut facts, folder, .. } = template.clone() else {
                unreachable!("a mail")
            };
            let at = (start + SignedDuration::from_mins(i64::try_from(number).unwrap())).as_millisecond();
            facts.window = easel_protocol::WindowKey(at);
            if let easel_store::NewContent::Mail { record, .. } = &mut content {
                record.received = at;
            }
            Write::AddItem { id: ServerId::new(first + number), folder, content, facts }
        };
        house.commit((chunk * 1000..(chunk + 1) * 1000).map(mail).collect());
    }
    let mut phone = house.ready(Identity::android());
    let inbox = inbox(&phone);
    phone.sync(&[Sent::ask(&inbox)]).unwrap();
    let (mut pages, mut arrived) = (0, 0);
    loop {
        let synced = phone.sync(&[Sent { window: Some(512), ..Sent::ask(&inbox) }]).unwrap();
        pages += 1;
        if pages % 8 == 0 {
            house.deliver(&short_mail(&format!("new{pages}")));
            arrived += 1;
        }
        if !synced.more {
            break;
        }
    }
    phone.sync_folder(&inbox, 512).unwrap();
    assert_eq!(phone.items(&inbox).len(), 20_000 + arrived);
    assert!(arrived > 0);
}

#[test]
fn key_0_in_mid_life_on_all_collections_at_once_doubles_nothing() {
    let house = House::default();
    for number in 0..5 {
        house.deliver(&short_mail(&format!("mail{number}")));
    }
    house.import(CALENDAR, Class::Calendar, &series());
    let mut phone = house.ready(Identity::iphone_today());
    for folder in phone.chosen() {
        phone.sync_folder(&folder, 50).unwrap();
    }
    let before = phone.collections.clone();
    phone.collections.clear();
    phone.hierarchy_key = "0".into();
    phone.folder_sync().unwrap();
    let asked: Vec<Sent> = phone.chosen().iter().map(|folder| Sent::ask(folder)).collect();
    phone.sync(&asked).unwrap();
    for folder in phone.chosen() {
        phone.sync_folder(&folder, 50).unwrap();
    }
    for (folder, held) in &before {
        let ids = |collection: &easel_test_support::Collection| collection.items.keys().cloned().collect::<Vec<_>>();
        assert_eq!(ids(held), ids(&phone.collections[folder]));
    }
}

#[test]
fn a_restart_while_phones_wait_costs_no_phone_its_state() {
    let mut house = House::default();
    house.deliver(&short_mail("before"));
    let mut phone = house.ready(Identity::iphone_3gs());
    let inbox = inbox(&phone);
    phone.sync_folder(&inbox, 50).unwrap();
    let watched = inbox.clone();
    let waits = thread::spawn(move || {
        let answer = phone.ping(&[watched], 600).unwrap();
        (phone, answer)
    });
    house.until_parked(1);
    house.stop();
    let (mut phone, (status, _)) = waits.join().unwrap();
    assert_eq!(status, "1", "who waits is answered before the server goes");
    house.start(Settings::default());
    phone.transport = house.socket("anna");
    house.deliver(&short_mail("after"));
    assert_eq!(phone.ping(std::slice::from_ref(&inbox), 600).unwrap().0, "2");
    assert_eq!(phone.sync_folder(&inbox, 50).unwrap(), 1);
    assert_eq!(phone.folder_sync().unwrap(), 0);
}

#[test]
fn a_policy_that_changes_is_taken_before_anything_else() {
    let policy = |version| Settings {
        policy: Policy {
            required: true,
            version,
            settings: vec![("DevicePasswordEnabled".into(), "1".into())],
            ..Policy::default()
        },
        ..Settings::default()
    };
    let mut house = House::with(std::sync::Arc::new(easel_plugin::NoPlugin), policy(1));
    let mut phone = house.phone(Identity::android());
    phone.options().unwrap();
    let tree = Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, "0")]);
    let status = |phone: &mut Phone<Socket>| {
        let answer = phone.ask(Command::FolderSync, Some(&tree)).unwrap().unwrap();
        item_text(&answer, fh::STATUS)
    };
    assert_eq!(status(&mut phone), "142");
    phone.provision().unwrap();
    assert_eq!(phone.folder_sync().unwrap(), 9);
    let mut old = house.phone(Identity::nokia_n97());
    let refused = old.post(Command::FolderSync, Some(&tree)).unwrap();
    assert_eq!(refused.code, 449, "a device before 14.0 is told by HTTP");
    old.provision().unwrap();
    assert_eq!(old.folder_sync().unwrap(), 8);
    house.stop();
    house.start(policy(2));
    phone.transport = house.socket("anna");
    assert_eq!(status(&mut phone), "143", "the policy changed");
    phone.provision().unwrap();
    phone.policy_key = phone.policy_key.wrapping_add(1).max(1);
    assert_eq!(status(&mut phone), "144", "a key it was never given");
}

#[test]
fn foreign_ids_answer_like_ids_that_never_existed() {
    let house = House::default();
    let secret = {
        let raw = short_mail("secret");
        let id = house.store().reserve_items(house.zoe.id, 10).unwrap();
        let write = house.mail(id, &raw, "2026-03-01T00:00:00Z".parse().unwrap());
        let set = easel_store::ChangeSet { user: house.zoe.id, author: None, writes: vec![write] };
        house.store().commit(set).unwrap();
        let folder = house.store().reserve_folder(house.zoe.id).unwrap();
        let (name, kind) = ("Hers".to_owned(), FolderType::UserMail);
        let writes = vec![Write::AddFolder { id: folder, parent: None, name, kind }];
        house.store().commit(easel_store::ChangeSet { user: house.zoe.id, author: None, writes }).unwrap();
        (id.to_string(), folder.to_string())
    };
    let never = (ServerId::new(0xdead).to_string(), CollectionId::new(0xdead).to_string());
    let mut phone = house.ready(Identity::android());
    let inbox = inbox(&phone);
    phone.sync_folder(&inbox, 50).unwrap();
    let key = phone.hierarchy_key.clone();
    let sync_key = phone.collections[&inbox].key.clone();
    let mut answers = |(item, folder): &(String, String)| -> Vec<String> {
        use easel_wbxml::pages::{get_item_estimate as gie, moves};
        let text = |tag, text: &str| Element::text(tag, text);
        let commands = Element::of(
            airsync::COMMANDS,
            [
                change(item, [Element::number(email::READ, 1)]),
                Element::of(airsync::DELETE, [text(airsync::SERVER_ID, item)]),
                Element::of(airsync::FETCH, [text(airsync::SERVER_ID, item)]),
            ],
        );
        let of_item = [text(airsync::SYNC_KEY, &sync_key), text(airsync::COLLECTION_ID, &inbox), commands];
        let of_folder = [text(airsync::SYNC_KEY, "0"), text(airsync::COLLECTION_ID, folder)];
        let sync = |children: Vec<Element>| {
            let collection = Element::of(airsync::COLLECTION, children);
            Element::of(airsync::SYNC, [Element::of(airsync::COLLECTIONS, [collection])])
        };
        let estimate = [text(airsync::SYNC_KEY, "0"), text(gie::COLLECTION_ID, folder)];
        let estimate = Element::of(gie::COLLECTIONS, [Element::of(gie::COLLECTION, estimate)]);
        let moved = |item: &str, from: &str, to: &str| {
            let ids = [text(moves::SRC_MSG_ID, item), text(moves::SRC_FLD_ID, from), text(moves::DST_FLD_ID, to)];
            Element::of(moves::MOVE_ITEMS, [Element::of(moves::MOVE, ids)])
        };
        let renamed = [
            text(fh::SYNC_KEY, &key),
            text(fh::SERVER_ID, folder),
            text(fh::PARENT_ID, "0"),
            text(fh::DISPLAY_NAME, "Mine"),
        ];
        let created = [
            text(fh::SYNC_KEY, &key),
            text(fh::PARENT_ID, folder),
            text(fh::DISPLAY_NAME, "In"),
            Element::number(fh::TYPE, 12),
        ];
        let deleted = [text(fh::SYNC_KEY, &key), text(fh::SERVER_ID, folder)];
        let requests = [
            (Command::Sync, sync(of_item.to_vec())),
            (Command::Sync, sync(of_folder.to_vec())),
            (Command::GetItemEstimate, Element::of(gie::GET_ITEM_ESTIMATE, [estimate])),
            (Command::MoveItems, moved(item, &inbox, "f4")),
            (Command::MoveItems, moved(item, folder, "f4")),
            (Command::MoveItems, moved("abcdef", &inbox, folder)),
            (Command::FolderUpdate, Element::of(fh::FOLDER_UPDATE, renamed)),
            (Command::FolderCreate, Element::of(fh::FOLDER_CREATE, created)),
            (Command::FolderDelete, Element::of(fh::FOLDER_DELETE, deleted)),
        ];
        let told = requests.iter().map(|(command, body)| {
            let answer = phone.ask(*command, Some(body)).unwrap();
            let answer = answer.map(|answer| easel_wbxml::xml::to_xml(&answer)).unwrap_or_default();
            // Whole texts only: a random sync key may have an id in it.
            let hide = |answer: String, id: &str, name: &str| answer.replace(&format!(">{id}<"), &format!(">{name}<"));
            let answer = hide(hide(answer, item.as_str(), "ITEM"), folder.as_str(), "FOLDER");
            format!("{command} {answer}")
        });
        let told: Vec<String> = told.collect();
        told
    };
    let never = answers(&never);
    for (never, secret) in never.iter().zip(answers(&secret)) {
        assert_eq!(*never, secret);
    }
    assert!(never.iter().all(|answer| !answer.contains("secret")));
}

#[test]
fn nothing_of_one_tenant_is_seen_by_the_other() {
    let house = House::default();
    house.deliver(&short_mail("for anna"));
    let mut phone = house.phone_as(Identity::iphone_3gs(), "zoe@ox.io");
    phone.options().unwrap();
    phone.folder_sync().unwrap();
    let inbox = inbox(&phone);
    assert_eq!(phone.sync_folder(&inbox, 50).unwrap(), 0);
    assert!(phone.version == Version::V12_1);
}
