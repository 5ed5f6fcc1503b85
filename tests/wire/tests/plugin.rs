//! What a phone sees of each thing that a plugin says.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use easel_commands::Settings;
use easel_plugin::hooks::Verdict;
use easel_plugin::scripted::ScriptedPlugin;
use easel_plugin::{Direction, Profile, Value};
use easel_protocol::{Class, CollectionId, Command, FolderType, ServerId, Version};
use easel_server::ManualClock;
use easel_store::{Store as _, Write};
use easel_test_support::{Identity, Phone, Sent, Socket, Synced, Transport as _, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{
    airsync, airsyncbase, calendar, contacts, email, folder_hierarchy as fh, get_item_estimate as gie,
    item_operations as io, moves, ping,
};
use easel_wire::{House, short_mail};

const CALENDAR: u64 = 6;
const CONTACTS: u64 = 7;

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn texts(values: &[&str]) -> Value {
    Value::Texts(values.iter().map(ToString::to_string).collect())
}

/// A house whose plugin says one thing of every device.
fn house(setting: &str, value: Value) -> House {
    house_of(ScriptedPlugin::new().set(setting, value)).0
}

fn house_of(plugin: ScriptedPlugin) -> (House, Arc<ScriptedPlugin>) {
    let plugin = Arc::new(plugin);
    (House::with(Arc::clone(&plugin) as _, Settings::default()), plugin)
}

fn folder_of(phone: &Phone<Socket>, kind: FolderType) -> String {
    phone.folder(kind).unwrap()
}

fn mails(house: &House, count: usize) {
    for number in 0..count {
        house.deliver(&short_mail(&format!("mail{number}")));
    }
}

/// A phone that begins with an empty folder.
fn begun(house: &House, identity: Identity, kind: FolderType) -> (Phone<Socket>, String) {
    let mut phone = house.ready(identity);
    let folder = folder_of(&phone, kind);
    phone.sync_folder(&folder, 50).unwrap();
    (phone, folder)
}

fn change(item: &str, properties: impl IntoIterator<Item = Element>) -> Element {
    let data = Element::of(airsync::APPLICATION_DATA, properties);
    Element::of(airsync::CHANGE, [Element::text(airsync::SERVER_ID, item), data])
}

fn read(item: &str) -> Element {
    change(item, [Element::boolean(email::READ, true)])
}

fn fetch(item: &str) -> Element {
    Element::of(airsync::FETCH, [Element::text(airsync::SERVER_ID, item)])
}

fn card(last_name: &str, more: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nN:{last_name};;;;\r\nFN:{last_name}\r\n{more}END:VCARD\r\n")
}

fn event(summary: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\nBEGIN:VEVENT\r\nUID:{summary}@example.org\r\n\
         DTSTAMP:20260301T080000Z\r\nDTSTART:20260303T091500Z\r\nDTEND:20260303T093000Z\r\nSUMMARY:{summary}\r\n\
         END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
}

fn subjects(phone: &Phone<Socket>, folder: &str) -> BTreeSet<String> {
    phone.items(folder).values().map(|item| item_text(item, calendar::SUBJECT)).collect()
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn answer<'a>(synced: &'a Synced, folder: &str) -> &'a Element {
    &synced.collections[folder]
}

// ---- versions

#[test]
fn g08_versions_versions_and_versions_server_version_are_those_of_one_family_and_others_keep_theirs() {
    let mut profile = Profile::default();
    profile.set("versions.versions", texts(&["2.5", "12.0", "12.1"])).unwrap();
    profile.set("versions.server_version", text("8.1.240.5")).unwrap();
    let (house, _) = house_of(ScriptedPlugin::new().profile_of("Apple-iPhone", profile));
    let mut iphone = house.phone(Identity::iphone_today());
    let response = iphone.options().unwrap();
    assert_eq!(response.header("ms-asprotocolversions"), Some("2.5,12.0,12.1"));
    assert_eq!(response.header("ms-server-activesync"), Some("8.1.240.5"));
    assert_eq!(iphone.version, Version::V12_1);
    iphone.provision().unwrap();
    let body = Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, "0")]);
    let response = iphone.post(Command::FolderSync, Some(&body)).unwrap();
    assert_eq!((response.code, response.header("ms-server-activesync")), (200, Some("8.1.240.5")));
    assert!(response.header("x-ms-rp").is_none(), "it took the list as it is");
    let response = house.phone(Identity::android()).options().unwrap();
    assert_eq!(response.header("ms-asprotocolversions"), Some("2.5,12.0,12.1,14.0,14.1,16.0,16.1"));
    assert_eq!(response.header("ms-server-activesync"), Some("15.1.0.0"));
}

#[test]
fn g09_tc85_a_known_phone_is_told_once_that_the_list_of_versions_changed() {
    let mut house = House::default();
    let mut phone = house.ready(Identity::iphone_today());
    let body = Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, "0")]);
    let mut told = |house: &House| -> Vec<Option<String>> {
        phone.transport = house.socket("anna");
        let mut one = || {
            let response = phone.post(Command::FolderSync, Some(&body)).unwrap();
            assert_eq!(response.code, 200);
            let header = |name| response.header(name).map(ToOwned::to_owned);
            assert_eq!(header("x-ms-rp"), header("ms-asprotocolversions"));
            assert_eq!(header("x-ms-rp").is_some(), header("ms-asprotocolcommands").is_some());
            header("x-ms-rp")
        };
        vec![one(), one()]
    };
    assert_eq!(told(&house), [None, None]);
    let ceiling = || Arc::new(ScriptedPlugin::new().set("versions.versions", texts(&["12.1", "14.1"])));
    house.restart_with(ceiling());
    assert_eq!(told(&house), [Some("12.1,14.1".to_owned()), None]);
    house.restart_with(ceiling());
    assert_eq!(told(&house), [None, None], "not after a restart either");
    house.restart_with(Arc::new(ScriptedPlugin::new()));
    assert_eq!(told(&house), [Some("2.5,12.0,12.1,14.0,14.1,16.0,16.1".to_owned()), None]);
}

#[test]
fn g09_a_new_phone_that_speaks_a_version_above_its_ceiling_is_told() {
    let house = house("versions.versions", texts(&["12.1", "14.0"]));
    let mut phone = house.phone(Identity::android());
    let body = Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, "0")]);
    let mut told = || phone.post(Command::FolderSync, Some(&body)).unwrap().header("x-ms-rp").map(ToOwned::to_owned);
    assert_eq!((told(), told()), (Some("12.1,14.0".to_owned()), None));
}

#[test]
fn the_plugin_is_asked_for_a_profile_when_the_facts_of_a_device_change_and_only_then() {
    let (house, plugin) = house_of(ScriptedPlugin::new().set("push.heartbeat", texts(&["min=100"])));
    let mut phone = house.ready(Identity::android());
    let before = plugin.profiled();
    let inbox = folder_of(&phone, FolderType::Inbox);
    phone.sync_folder(&inbox, 50).unwrap();
    for _ in 0..5 {
        assert!(phone.sync(&[Sent::ask(&inbox)]).unwrap().empty);
    }
    assert_eq!(plugin.profiled(), before);
    phone.identity.user_agent = "Android/6.0-EAS-2.0";
    assert!(phone.sync(&[Sent::ask(&inbox)]).unwrap().empty);
    assert!(phone.sync(&[Sent::ask(&inbox)]).unwrap().empty);
    // Once for the way in, where only the request is known, and once for the device with all that is known of it.
    assert_eq!(plugin.profiled(), before + 2);
}

// ---- hierarchy

/// Anna's three calendars: the default one and two of her own, an event in each.
fn three_calendars(house: &House) -> ([CollectionId; 2], [ServerId; 3]) {
    let folders = ["Choir", "Team"].map(|name| {
        let id = house.store().reserve_folder(house.anna.id).unwrap();
        let kind = FolderType::UserCalendar;
        house.commit(vec![Write::AddFolder { id, parent: None, name: name.into(), kind }]);
        id
    });
    let [choir, team] = folders.map(CollectionId::number);
    let import = |folder, name: &str| house.import(folder, Class::Calendar, &event(name));
    (folders, [import(CALENDAR, "own"), import(choir, "rehearsal"), import(team, "review")])
}

fn one_calendar() -> ScriptedPlugin {
    ScriptedPlugin::new().set("hierarchy.multi", texts(&["cal=no"]))
}

fn calendars(phone: &Phone<Socket>) -> usize {
    phone.folders.values().filter(|folder| folder.kind.class() == Some(Class::Calendar)).count()
}

#[test]
fn w04_tc32_hierarchy_multi_makes_three_calendars_one_and_what_is_edited_goes_home() {
    let (house, _) = house_of(one_calendar());
    let ([choir, _], [_, rehearsal, _]) = three_calendars(&house);
    let (mut phone, folder) = begun(&house, Identity::iphone_3gs(), FolderType::Calendar);
    assert_eq!(calendars(&phone), 1);
    assert_eq!(subjects(&phone, &folder), set(&["own", "rehearsal", "review"]));
    // An edit of an event of the choir stays with the choir.
    let id = rehearsal.to_string();
    let with_subject = |item: &Element, subject: &str| -> Vec<Element> {
        let to = |p: &Element| if p.tag == calendar::SUBJECT { Element::text(p.tag, subject) } else { p.clone() };
        item.children().map(to).collect()
    };
    let item = phone.items(&folder).remove(&id).unwrap();
    phone.sync(&[Sent::commands(&folder, vec![change(&id, with_subject(&item, "concert"))])]).unwrap();
    assert!(house.stored(rehearsal).unwrap().contains("SUMMARY:concert\r\n"));
    assert_eq!(house.count(choir.number()), 1);
    // A new one goes to the default calendar.
    let mut data = with_subject(&item, "new");
    data.retain(|property| property.tag != calendar::UID);
    data.push(Element::text(calendar::UID, "new@phone"));
    let data = Element::of(airsync::APPLICATION_DATA, data);
    let add = Element::of(airsync::ADD, [Element::text(airsync::CLIENT_ID, "c1"), data]);
    phone.sync(&[Sent::commands(&folder, vec![add])]).unwrap();
    assert_eq!((house.count(CALENDAR), house.count(choir.number())), (2, 1));
    // What others do in a merged folder is seen; and what the phone removes is removed where it is.
    house.import(choir.number(), Class::Calendar, &event("party"));
    assert_eq!(phone.sync_folder(&folder, 50).unwrap(), 1);
    let delete = Element::of(airsync::DELETE, [Element::text(airsync::SERVER_ID, id)]);
    phone.sync(&[Sent::commands(&folder, vec![delete])]).unwrap();
    assert_eq!(house.count(choir.number()), 1);
    assert!(phone.sync(&[Sent::ask(&folder)]).unwrap().empty);
}

#[test]
fn w04_a_merged_calendar_wakes_a_waiting_phone_under_the_id_of_the_one_it_knows() {
    let (house, _) = house_of(one_calendar());
    let ([_, team], _) = three_calendars(&house);
    let (mut phone, folder) = begun(&house, Identity::android(), FolderType::Calendar);
    let watched = vec![folder.clone()];
    let waits = thread::spawn(move || phone.ping(&watched, 600).unwrap());
    house.until_parked(1);
    house.import(team.number(), Class::Calendar, &event("review2"));
    assert_eq!(waits.join().unwrap(), ("2".to_owned(), vec![folder]));
}

#[test]
fn w04_a_merged_calendar_is_paged_like_any_other() {
    let (house, _) = house_of(one_calendar());
    three_calendars(&house);
    let mut phone = house.ready(Identity::iphone_3gs());
    let folder = folder_of(&phone, FolderType::Calendar);
    assert_eq!(phone.sync_folder(&folder, 1).unwrap(), 3);
    assert_eq!(subjects(&phone, &folder), set(&["own", "rehearsal", "review"]));
}

#[test]
fn w04_the_events_of_a_merged_calendar_that_is_deleted_leave_the_phone() {
    let (house, _) = house_of(one_calendar());
    let ([choir, _], _) = three_calendars(&house);
    let (mut phone, folder) = begun(&house, Identity::iphone_3gs(), FolderType::Calendar);
    house.commit(vec![Write::RemoveFolder { id: choir }]);
    assert_eq!(phone.ping(std::slice::from_ref(&folder), 600).unwrap(), ("2".to_owned(), vec![folder.clone()]));
    assert_eq!(phone.sync_folder(&folder, 1).unwrap(), 1);
    assert_eq!(subjects(&phone, &folder), set(&["own", "review"]));
    assert!(phone.sync(&[Sent::ask(&folder)]).unwrap().empty);
}

#[test]
fn w04_calendars_that_are_taken_apart_again_are_three_and_no_event_is_twice_on_the_phone() {
    let (mut house, _) = house_of(one_calendar());
    three_calendars(&house);
    let (mut phone, folder) = begun(&house, Identity::iphone_3gs(), FolderType::Calendar);
    house.restart_with(Arc::new(ScriptedPlugin::new()));
    phone.transport = house.socket("anna");
    assert_eq!(phone.folder_sync().unwrap(), 2);
    assert_eq!(calendars(&phone), 3);
    for folder in phone.chosen() {
        phone.sync_folder(&folder, 50).unwrap();
    }
    assert_eq!(subjects(&phone, &folder), set(&["own"]));
    let all = phone.folders.keys().filter(|id| phone.class(id) == Some(Class::Calendar));
    assert_eq!(all.map(|id| phone.items(id).len()).collect::<Vec<_>>(), [1, 1, 1]);
    // And together again.
    house.restart_with(Arc::new(one_calendar()));
    phone.transport = house.socket("anna");
    assert_eq!(phone.folder_sync().unwrap(), 2);
    assert_eq!(phone.sync_folder(&folder, 50).unwrap(), 2);
    assert_eq!(subjects(&phone, &folder), set(&["own", "rehearsal", "review"]));
}

#[test]
fn hierarchy_merge_can_hide_the_other_calendars_instead() {
    let (house, _) = house_of(one_calendar().set("hierarchy.merge", text("hide")));
    three_calendars(&house);
    let (phone, folder) = begun(&house, Identity::android(), FolderType::Calendar);
    assert_eq!((calendars(&phone), subjects(&phone, &folder)), (1, set(&["own"])));
}

#[test]
fn hierarchy_id_scheme_decimal_ids_are_numbers_everywhere_and_are_taken_back_everywhere() {
    let house = house("hierarchy.id_scheme", text("decimal"));
    mails(&house, 2);
    let (mut phone, inbox) = begun(&house, Identity::android(), FolderType::Inbox);
    let is_number = |id: &str| id.parse::<u64>().is_ok();
    assert!(phone.folders.iter().all(|(id, folder)| is_number(id) && is_number(&folder.parent)));
    let items: Vec<String> = phone.items(&inbox).into_keys().collect();
    assert!(items.len() == 2 && items.iter().all(|id| is_number(id)), "{items:?}");
    // Sync.
    let synced = phone.sync(&[Sent::commands(&inbox, vec![read(&items[0])])]).unwrap();
    assert!(answer(&synced, &inbox).child(airsync::RESPONSES).is_none());
    // ItemOperations.
    let wanted = [
        Element::text(io::STORE, "Mailbox"),
        Element::text(airsync::COLLECTION_ID, inbox.clone()),
        Element::text(airsync::SERVER_ID, items[0].clone()),
    ];
    let body = Element::of(io::ITEM_OPERATIONS, [Element::of(io::FETCH, wanted)]);
    let root = phone.ask(Command::ItemOperations, Some(&body)).unwrap().unwrap();
    let fetched = root.at(&[io::RESPONSE, io::FETCH]).unwrap();
    assert_eq!(
        (item_text(fetched, io::STATUS), item_text(fetched, airsync::SERVER_ID)),
        ("1".into(), items[0].clone())
    );
    assert_eq!(item_text(fetched.child(io::PROPERTIES).unwrap(), email::READ), "1");
    // MoveItems.
    let trash = folder_of(&phone, FolderType::DeletedItems);
    let one = [
        Element::text(moves::SRC_MSG_ID, items[1].clone()),
        Element::text(moves::SRC_FLD_ID, inbox.clone()),
        Element::text(moves::DST_FLD_ID, trash.clone()),
    ];
    let body = Element::of(moves::MOVE_ITEMS, [Element::of(moves::MOVE, one)]);
    let root = phone.ask(Command::MoveItems, Some(&body)).unwrap().unwrap();
    let moved = root.child(moves::RESPONSE).unwrap();
    assert_eq!(item_text(moved, moves::STATUS), "3");
    let new = item_text(moved, moves::DST_MSG_ID);
    phone.sync_folder(&trash, 50).unwrap();
    phone.sync_folder(&inbox, 50).unwrap();
    assert_eq!(phone.items(&trash).into_keys().collect::<Vec<_>>(), [new]);
    assert_eq!(phone.items(&inbox).len(), 1);
    // Ping.
    let mail = house.deliver(&short_mail("more"));
    let changed = phone.ping(&[trash, inbox.clone()], 600).unwrap();
    assert_eq!(changed, ("2".to_owned(), vec![inbox.clone()]));
    phone.sync_folder(&inbox, 50).unwrap();
    assert!(phone.items(&inbox).contains_key(&mail.number().to_string()));
}

#[test]
fn a_phone_whose_ids_are_to_be_written_otherwise_starts_over_with_the_tree() {
    let mut house = House::default();
    mails(&house, 1);
    let (mut phone, old) = begun(&house, Identity::android(), FolderType::Inbox);
    house.restart_with(Arc::new(ScriptedPlugin::new().set("hierarchy.id_scheme", text("decimal"))));
    phone.transport = house.socket("anna");
    assert_eq!(phone.ping(std::slice::from_ref(&old), 600).unwrap().0, "7");
    assert!(phone.sync(&[Sent::ask(&old)]).unwrap_err().to_string().contains("status 12"));
    assert!(phone.folder_sync().unwrap_err().to_string().contains("FolderSync status 9"));
    "0".clone_into(&mut phone.hierarchy_key);
    phone.folder_sync().unwrap();
    let inbox = folder_of(&phone, FolderType::Inbox);
    assert_ne!(inbox, old);
    assert_eq!(phone.sync_folder(&inbox, 50).unwrap(), 1);
    assert_eq!(phone.folder_sync().unwrap(), 0);
}

// ---- sync

#[test]
fn sync_window_max_is_the_most_entries_of_an_answer() {
    let house = house("sync.window_max", Value::Number(3));
    mails(&house, 8);
    let mut phone = house.ready(Identity::android());
    let inbox = folder_of(&phone, FolderType::Inbox);
    phone.sync(&[Sent::ask(&inbox)]).unwrap();
    let pages: Vec<(usize, bool)> = (0..3)
        .map(|_| phone.sync(&[Sent { window: Some(100), ..Sent::ask(&inbox) }]).unwrap())
        .map(|synced| (synced.entries, synced.more))
        .collect();
    assert_eq!(pages, [(3, true), (3, true), (2, false)]);
}

#[test]
fn g17_window_max_holds_for_all_collections_together_and_none_promises_more_without_an_entry() {
    let house = house("sync.window_max", Value::Number(3));
    mails(&house, 3);
    for name in ["a", "b"] {
        house.import(CONTACTS, Class::Contacts, &card(name, ""));
    }
    let mut phone = house.ready(Identity::android());
    let both = [FolderType::Inbox, FolderType::Contacts].map(|kind| folder_of(&phone, kind));
    let ask = || both.iter().map(|folder| Sent::ask(folder)).collect::<Vec<_>>();
    phone.sync(&ask()).unwrap();
    // The first would fill the answer exactly: it leaves one place to the second, and both have more.
    let synced = phone.sync(&ask()).unwrap();
    assert_eq!((synced.entries, synced.more), (3, true));
    assert!(both.iter().all(|folder| answer(&synced, folder).child(airsync::MORE_AVAILABLE).is_some()));
    let synced = phone.sync(&ask()).unwrap();
    assert_eq!((synced.entries, synced.more), (2, false));
    // The first has more by itself: the second waits.
    mails(&house, 4);
    house.import(CONTACTS, Class::Contacts, &card("c", ""));
    let synced = phone.sync(&ask()).unwrap();
    assert_eq!((synced.entries, synced.collections.len()), (3, 1));
    let synced = phone.sync(&ask()).unwrap();
    assert_eq!((synced.entries, synced.more), (2, false));
}

/// After which a device's budget is whole again, whatever it used.
const REFILL: Duration = Duration::from_secs(120);

/// A house where every mail shown to the plugin takes some seconds, ten at first, and answers are to be ready within 28.
fn slow_house() -> (House, Arc<AtomicU64>) {
    let secs = Arc::new(AtomicU64::new(10));
    let each = Arc::clone(&secs);
    let clock: Arc<OnceLock<ManualClock>> = Arc::default();
    let inside = Arc::clone(&clock);
    let plugin = ScriptedPlugin::new().set("sync.answer_within_s", Value::Number(28)).answer(
        Direction::Outgoing,
        Class::Email,
        &[email::SUBJECT],
        move |_, _| {
            inside.get().unwrap().advance(Duration::from_secs(each.load(Ordering::Relaxed)));
            Verdict::Keep
        },
    );
    let house = house_of(plugin).0;
    clock.set(house.clock.clone()).unwrap();
    (house, secs)
}

#[test]
fn g16_tc77_sync_answer_within_s_ends_an_answer_with_what_is_there() {
    let (house, _) = slow_house();
    mails(&house, 5);
    let mut phone = house.ready(Identity::android());
    let inbox = folder_of(&phone, FolderType::Inbox);
    phone.sync(&[Sent::ask(&inbox)]).unwrap();
    let key = phone.collections[&inbox].key.clone();
    let synced = phone.sync(&[Sent::ask(&inbox)]).unwrap();
    assert_eq!((synced.entries, synced.more), (3, true), "what was made in 28 seconds");
    assert_ne!(phone.collections[&inbox].key, key);
    let synced = phone.sync(&[Sent::ask(&inbox)]).unwrap();
    assert_eq!((synced.entries, synced.more, phone.items(&inbox).len()), (2, false, 5));
}

#[test]
fn g01_an_answer_that_took_too_long_and_was_lost_is_repeated_to_its_last_entry() {
    let (house, secs) = slow_house();
    mails(&house, 3);
    let mut phone = house.ready(Identity::android());
    let inbox = folder_of(&phone, FolderType::Inbox);
    phone.sync(&[Sent::ask(&inbox)]).unwrap();
    mails(&house, 2);
    let sent = [Sent { window: Some(5), ..Sent::ask(&inbox) }];
    let body = easel_wbxml::encode(&phone.sync_request(&sent));
    let request = phone.request(Command::Sync, &body, "application/vnd.ms-sync.wbxml");
    house.socket("anna").exchange(&request).unwrap();
    // Once more, on a worse day; what it may use of the server's time has come back meanwhile.
    house.clock.advance(REFILL);
    secs.store(30, Ordering::Relaxed);
    let synced = phone.sync(&sent).unwrap();
    assert_eq!((synced.entries, synced.more), (3, true));
    house.clock.advance(REFILL);
    secs.store(1, Ordering::Relaxed);
    assert_eq!(phone.sync_folder(&inbox, 50).unwrap(), 2);
    assert_eq!(phone.items(&inbox).len(), 5);
}

/// How many bytes a Sync without anything new is answered with.
fn quiet_sync(house: &House, identity: Identity) -> usize {
    let (mut phone, inbox) = begun(house, identity, FolderType::Inbox);
    let body = phone.sync_request(&[Sent::ask(&inbox)]);
    let key = phone.collections[&inbox].key.clone();
    let response = phone.post(Command::Sync, Some(&body)).unwrap();
    assert_eq!(response.code, 200);
    if !response.body.is_empty() {
        phone.take_sync(Some(easel_wbxml::decode(&response.body).unwrap())).unwrap();
        assert_eq!(phone.collections[&inbox].key, key);
    }
    response.body.len()
}

#[test]
fn n23_tc16_sync_empty_sync_can_be_answered_in_full() {
    let house = house("sync.empty_sync", text("full"));
    for identity in [Identity::nokia_n97(), Identity::iphone_3gs(), Identity::android()] {
        assert!(quiet_sync(&house, identity) > 0);
    }
}

#[test]
fn v11_tc17_sync_empty_sync_can_be_answered_with_no_byte() {
    let house = house("sync.empty_sync", text("zero_byte"));
    for identity in [Identity::nokia_n97(), Identity::iphone_3gs(), Identity::android()] {
        assert_eq!(quiet_sync(&house, identity), 0);
    }
}

#[test]
fn g03_without_a_word_from_the_plugin_the_version_decides() {
    let house = House::default();
    let sizes = [Identity::nokia_n97(), Identity::iphone_3gs()].map(|identity| quiet_sync(&house, identity) == 0);
    assert_eq!(sizes, [false, true]);
}

#[test]
fn i13_tc36_sync_fetch_excludes_changes_and_they_follow() {
    let house = house("sync.fetch_excludes_changes", Value::Flag(true));
    mails(&house, 1);
    let (mut phone, inbox) = begun(&house, Identity::iphone_3gs(), FolderType::Inbox);
    let item = phone.items(&inbox).into_keys().next().unwrap();
    mails(&house, 1);
    let synced = phone.sync(&[Sent::commands(&inbox, vec![fetch(&item)])]).unwrap();
    let fetched = answer(&synced, &inbox).at(&[airsync::RESPONSES, airsync::FETCH]).unwrap();
    assert_eq!((item_text(fetched, airsync::SERVER_ID), synced.entries, synced.more), (item.clone(), 0, false));
    assert_eq!(phone.sync(&[Sent::ask(&inbox)]).unwrap().entries, 1);
    // A request with changes of its own gets both.
    mails(&house, 1);
    assert_eq!(phone.sync(&[Sent::commands(&inbox, vec![read(&item)])]).unwrap().entries, 1);
}

#[test]
fn p08_tc61_sync_changes_after_ack_gives_a_request_with_changes_only_their_answers_and_changes_follow() {
    let house = house("sync.changes_after_ack", Value::Flag(true));
    mails(&house, 1);
    let (mut phone, inbox) = begun(&house, Identity::android(), FolderType::Inbox);
    let item = phone.items(&inbox).into_keys().next().unwrap();
    mails(&house, 1);
    let key = phone.collections[&inbox].key.clone();
    let synced = phone.sync(&[Sent::commands(&inbox, vec![read(&item), read("affff")])]).unwrap();
    let responses = answer(&synced, &inbox).child(airsync::RESPONSES).unwrap();
    assert_eq!(item_text(responses.child(airsync::CHANGE).unwrap(), airsync::STATUS), "8");
    assert_eq!((responses.children().count(), synced.entries, synced.more), (1, 0, false));
    assert_ne!(phone.collections[&inbox].key, key);
    assert_eq!(phone.sync(&[Sent::ask(&inbox)]).unwrap().entries, 1);
}

/// Two edit one card; what the second is answered, and what the server has then. The phone asks for `conflict`.
fn conflict(house: &House, asked: u8) -> (Option<String>, bool) {
    let id = house.import(CONTACTS, Class::Contacts, &card("Curie", ""));
    let mut phone = house.ready(Identity::android());
    let folder = folder_of(&phone, FolderType::Contacts);
    let options = Some(vec![Element::number(airsync::CONFLICT, asked)]);
    for _ in 0..2 {
        phone.sync(&[Sent { options: options.clone(), ..Sent::ask(&folder) }]).unwrap();
    }
    house.edit(id, Class::Contacts, &card("Server", ""));
    let edit = change(&id.to_string(), [Element::text(contacts::LAST_NAME, "Phone")]);
    let synced = phone.sync(&[Sent { options, ..Sent::commands(&folder, vec![edit]) }]).unwrap();
    let status = answer(&synced, &folder).at(&[airsync::RESPONSES, airsync::CHANGE]);
    (status.map(|response| item_text(response, airsync::STATUS)), house.stored(id).unwrap().contains("N:Phone"))
}

#[test]
fn n22_sync_conflict_is_decided_by_the_phone_unless_the_plugin_decides() {
    let (server, client) = ((Some("7".to_owned()), false), (None, true));
    for (setting, asked, expected) in
        [("asked", 1, &server), ("asked", 0, &client), ("server", 0, &server), ("client", 1, &client)]
    {
        let house = house("sync.conflict", text(setting));
        assert_eq!(conflict(&house, asked), *expected, "{setting}, and the phone says {asked}");
    }
}

#[test]
fn a15_tc19_sync_estimate_badkey_is_one_or_an_error() {
    let estimate = |house: &House| {
        let (mut phone, inbox) = begun(house, Identity::android(), FolderType::Inbox);
        let asked = [Element::text(airsync::SYNC_KEY, "12345"), Element::text(gie::COLLECTION_ID, inbox)];
        let collections = Element::of(gie::COLLECTIONS, [Element::of(gie::COLLECTION, asked)]);
        let body = Element::of(gie::GET_ITEM_ESTIMATE, [collections]);
        let root = phone.ask(Command::GetItemEstimate, Some(&body)).unwrap().unwrap();
        let response = root.child(gie::RESPONSE).unwrap();
        let estimate = response.child(gie::COLLECTION).map(|collection| item_text(collection, gie::ESTIMATE));
        (item_text(response, gie::STATUS), estimate)
    };
    assert_eq!(estimate(&house("sync.estimate_badkey", text("ok1"))), ("1".to_owned(), Some("1".to_owned())));
    assert_eq!(estimate(&house("sync.estimate_badkey", text("error"))), ("4".to_owned(), None));
}

// ---- push

#[test]
fn g15_tc76_push_heartbeat_out_of_range_is_answered_with_the_nearest_in_range() {
    let plugin = ScriptedPlugin::new().set("push.heartbeat", texts(&["min=120", "max=900"]));
    let (house, _) = house_of(plugin);
    let (mut phone, inbox) = begun(&house, Identity::android(), FolderType::Inbox);
    for (asked, nearest) in [(3540, "900"), (119, "120")] {
        let listed = [Element::text(ping::ID, inbox.clone()), Element::text(ping::CLASS, "Email")];
        let folders = Element::of(ping::FOLDERS, [Element::of(ping::FOLDER, listed)]);
        let body = Element::of(ping::PING, [Element::number(ping::HEARTBEAT_INTERVAL, asked), folders]);
        let root = phone.ask(Command::Ping, Some(&body)).unwrap().unwrap();
        assert_eq!(
            (item_text(&root, ping::STATUS), item_text(&root, ping::HEARTBEAT_INTERVAL)),
            ("5".into(), nearest.into())
        );
        let mut body = phone.sync_request(&[Sent::ask(&inbox)]);
        body.content.insert(0, easel_wbxml::Node::Element(Element::number(airsync::HEARTBEAT_INTERVAL, asked)));
        let root = phone.ask(Command::Sync, Some(&body)).unwrap().unwrap();
        assert_eq!(
            (item_text(&root, airsync::STATUS), item_text(&root, airsync::LIMIT)),
            ("14".into(), nearest.into())
        );
    }
    // What is in range waits.
    let waits = thread::spawn(move || phone.ping(&[inbox], 900).unwrap().0);
    house.until_parked(1);
    house.deliver(&short_mail("one"));
    assert_eq!(waits.join().unwrap(), "2");
}

#[test]
fn i02_push_push_folders_lets_only_the_inbox_wake_a_phone() {
    let house = house("push.push_folders", text("inbox"));
    let mut phone = house.ready(Identity::android());
    let both = [FolderType::Contacts, FolderType::Inbox].map(|kind| folder_of(&phone, kind)).to_vec();
    for folder in &both {
        phone.sync_folder(folder, 50).unwrap();
    }
    house.import(CONTACTS, Class::Contacts, &card("Curie", ""));
    let (book, inbox) = (both[0].clone(), both[1].clone());
    let waits = thread::spawn(move || {
        let answer = phone.ping(&both, 600).unwrap();
        (phone, answer)
    });
    house.until_parked(1);
    house.deliver(&short_mail("one"));
    let (mut phone, answer) = waits.join().unwrap();
    assert_eq!(answer, ("2".to_owned(), vec![inbox]));
    assert_eq!(phone.sync_folder(&book, 50).unwrap(), 1, "it is there when asked for");
}

// ---- items

#[test]
fn one_property_of_an_item_is_edited_on_its_way_to_the_phone_and_no_other() {
    let plugin = ScriptedPlugin::new().edit(Direction::Outgoing, Class::Email, email::SUBJECT, |subject| {
        Element::text(email::SUBJECT, subject.value().to_uppercase())
    });
    let (edited, _) = house_of(plugin);
    let plain = House::default();
    let items = [&edited, &plain].map(|house| {
        mails(house, 1);
        let (phone, inbox) = begun(house, Identity::android(), FolderType::Inbox);
        phone.items(&inbox).into_values().next().unwrap()
    });
    assert_eq!(item_text(&items[0], email::SUBJECT), "MAIL0");
    let back = |p: &Element| if p.tag == email::SUBJECT { Element::text(p.tag, "mail0") } else { p.clone() };
    let unedited: Vec<Element> = items[0].children().map(back).collect();
    assert_eq!(unedited, items[1].children().cloned().collect::<Vec<_>>(), "in the same order, too");
}

#[test]
fn an_edited_property_is_edited_in_an_item_that_is_fetched_as_well() {
    let plugin = ScriptedPlugin::new()
        .edit(Direction::Outgoing, Class::Email, email::SUBJECT, |_| Element::text(email::SUBJECT, "edited"));
    let (house, _) = house_of(plugin);
    mails(&house, 1);
    let (mut phone, inbox) = begun(&house, Identity::android(), FolderType::Inbox);
    let item = phone.items(&inbox).into_keys().next().unwrap();
    let wanted = [
        Element::text(io::STORE, "Mailbox"),
        Element::text(airsync::COLLECTION_ID, inbox),
        Element::text(airsync::SERVER_ID, item),
    ];
    let body = Element::of(io::ITEM_OPERATIONS, [Element::of(io::FETCH, wanted)]);
    let root = phone.ask(Command::ItemOperations, Some(&body)).unwrap().unwrap();
    let properties = root.at(&[io::RESPONSE, io::FETCH, io::PROPERTIES]).unwrap();
    assert_eq!(item_text(properties, email::SUBJECT), "edited");
    assert!(properties.child(airsyncbase::BODY).is_some());
}

#[test]
fn a_withheld_item_does_not_come_and_comes_once_it_is_withheld_no_more() {
    let plugin = ScriptedPlugin::new()
        .withhold(Direction::Outgoing, Class::Contacts, contacts::LAST_NAME, |name| name == "Secret");
    let (house, _) = house_of(plugin);
    let secret = house.import(CONTACTS, Class::Contacts, &card("Secret", ""));
    let open = house.import(CONTACTS, Class::Contacts, &card("Curie", ""));
    let (mut phone, book) = begun(&house, Identity::android(), FolderType::Contacts);
    let held = |phone: &Phone<Socket>| phone.items(&book).into_keys().collect::<Vec<_>>();
    assert_eq!(held(&phone), [open.to_string()]);
    assert!(phone.sync(&[Sent::ask(&book)]).unwrap().empty);
    // Withheld still, whatever else changes in it.
    house.edit(secret, Class::Contacts, &card("Secret", "NOTE:x\r\n"));
    assert_eq!(phone.sync_folder(&book, 50).unwrap(), 0);
    assert_eq!(held(&phone), [open.to_string()]);
    house.edit(secret, Class::Contacts, &card("Meitner", ""));
    assert_eq!(phone.sync_folder(&book, 50).unwrap(), 1);
    assert_eq!(held(&phone), [secret.to_string(), open.to_string()]);
    // What becomes withheld leaves the phone, and what was never there is not removed from it.
    house.edit(secret, Class::Contacts, &card("Secret", ""));
    assert_eq!(phone.sync_folder(&book, 50).unwrap(), 1);
    assert_eq!(held(&phone), [open.to_string()]);
    house.commit(vec![Write::RemoveItem { id: secret }]);
    assert_eq!(phone.sync_folder(&book, 50).unwrap(), 0);
}

#[test]
fn g17_a_folder_of_which_nearly_all_is_withheld_promises_nothing_it_does_not_bring() {
    let plugin =
        ScriptedPlugin::new().withhold(Direction::Outgoing, Class::Email, email::SUBJECT, |subject| subject != "mail0");
    let (house, _) = house_of(plugin);
    mails(&house, 12);
    let mut phone = house.ready(Identity::android());
    let inbox = folder_of(&phone, FolderType::Inbox);
    assert_eq!(phone.sync_folder(&inbox, 2).unwrap(), 1);
    assert!(phone.sync(&[Sent::ask(&inbox)]).unwrap().empty);
}

fn add_card(last_name: &str) -> Element {
    let data = Element::of(airsync::APPLICATION_DATA, [Element::text(contacts::LAST_NAME, last_name)]);
    Element::of(airsync::ADD, [Element::text(airsync::CLIENT_ID, format!("c-{last_name}")), data])
}

#[test]
fn one_property_of_an_item_is_edited_on_its_way_from_the_phone() {
    let plugin = ScriptedPlugin::new().edit(Direction::Incoming, Class::Contacts, contacts::LAST_NAME, |name| {
        Element::text(contacts::LAST_NAME, name.value().trim_end_matches('!').to_owned())
    });
    let (house, _) = house_of(plugin);
    let (mut phone, book) = begun(&house, Identity::android(), FolderType::Contacts);
    let synced = phone.sync(&[Sent::commands(&book, vec![add_card("Curie!")])]).unwrap();
    let id = item_text(answer(&synced, &book).at(&[airsync::RESPONSES, airsync::ADD]).unwrap(), airsync::SERVER_ID);
    let stored = || house.stored(ServerId::parse(&id).unwrap()).unwrap();
    assert!(stored().contains("N:Curie;"), "{}", stored());
    phone.sync(&[Sent::commands(&book, vec![change(&id, [Element::text(contacts::LAST_NAME, "Meitner!")])])]).unwrap();
    assert!(stored().contains("N:Meitner;"), "{}", stored());
}

#[test]
fn an_item_the_plugin_withholds_is_answered_as_taken_and_only_the_others_are_stored() {
    let plugin =
        ScriptedPlugin::new().withhold(Direction::Incoming, Class::Contacts, contacts::LAST_NAME, |name| name == "Bad");
    let (house, _) = house_of(plugin);
    let (mut phone, book) = begun(&house, Identity::android(), FolderType::Contacts);
    let synced = phone.sync(&[Sent::commands(&book, vec![add_card("Bad"), add_card("Good")])]).unwrap();
    let responses = answer(&synced, &book).child(airsync::RESPONSES).unwrap();
    let statuses: Vec<String> = responses.all(airsync::ADD).map(|add| item_text(add, airsync::STATUS)).collect();
    assert_eq!(statuses, ["1", "1"]);
    assert_eq!(house.count(CONTACTS), 1);
    let id = responses.all(airsync::ADD).nth(1).map(|add| item_text(add, airsync::SERVER_ID)).unwrap();
    let bad = change(&id, [Element::text(contacts::LAST_NAME, "Bad")]);
    let synced = phone.sync(&[Sent::commands(&book, vec![bad])]).unwrap();
    assert!(answer(&synced, &book).child(airsync::RESPONSES).is_none(), "a change that is taken is not answered");
    assert!(house.stored(ServerId::parse(&id).unwrap()).unwrap().contains("N:Good;"));
}

#[test]
fn a_plugin_that_subscribes_to_nothing_is_shown_nothing() {
    let (house, plugin) = house_of(ScriptedPlugin::new());
    mails(&house, 100);
    let (phone, inbox) = begun(&house, Identity::android(), FolderType::Inbox);
    assert_eq!((phone.items(&inbox).len(), plugin.asked()), (100, 0));
}

#[test]
fn an_item_without_a_subscribed_property_never_reaches_the_plugin() {
    let plugin = ScriptedPlugin::new()
        .edit(Direction::Outgoing, Class::Contacts, contacts::BIRTHDAY, Element::clone)
        .edit(Direction::Incoming, Class::Contacts, contacts::BIRTHDAY, Element::clone);
    let (house, plugin) = house_of(plugin);
    for number in 0..50 {
        let birthday = if number % 10 == 0 { "BDAY:1867-11-07\r\n" } else { "" };
        house.import(CONTACTS, Class::Contacts, &card(&format!("n{number}"), birthday));
    }
    let (mut phone, book) = begun(&house, Identity::android(), FolderType::Contacts);
    assert_eq!((phone.items(&book).len(), plugin.asked()), (50, 5));
    phone.sync(&[Sent::commands(&book, vec![add_card("Curie")])]).unwrap();
    assert_eq!(plugin.asked(), 5);
}
