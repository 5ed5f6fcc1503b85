//! What a phone sees of each setting that the host applies besides items.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::sync::Arc;

use easel_commands::{Policy, PolicyAllowance, Service, Settings};
use easel_plugin::hooks::{Recovery, Symptom};
use easel_plugin::scripted::ScriptedPlugin;
use easel_plugin::{NoPlugin, Profile, Value};
use easel_protocol::{Class, CollectionId, Command, FolderType, Version};
use easel_store::{DeviceKey, Store as _, Write};
use easel_test_support::{HttpRequest, HttpResponse, Identity, Phone, Sent, Socket, Transport as _, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{
    airsync, contacts, email, folder_hierarchy as fh, ping, provision as prov, rights_management as rm, settings as set,
};
use easel_wire::{House, PASSWORD, short_mail};

const CONTACTS: u64 = 7;

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn texts(values: &[&str]) -> Value {
    Value::Texts(values.iter().map(ToString::to_string).collect())
}

fn saying(setting: &str, value: Value) -> ScriptedPlugin {
    ScriptedPlugin::new().set(setting, value)
}

fn house(setting: &str, value: Value) -> House {
    House::with(Arc::new(saying(setting, value)), Settings::default())
}

fn restarted(house: &mut House, phone: &mut Phone<Socket>, plugin: ScriptedPlugin) {
    house.restart_with(Arc::new(plugin));
    phone.transport = house.socket("anna");
}

fn folder_of(phone: &Phone<Socket>, kind: FolderType) -> String {
    phone.folder(kind).unwrap()
}

fn begun(house: &House, identity: Identity, kind: FolderType) -> (Phone<Socket>, String) {
    let mut phone = house.ready(identity);
    let folder = folder_of(&phone, kind);
    phone.sync_folder(&folder, 50).unwrap();
    (phone, folder)
}

fn add_folder(house: &House, name: &str, kind: FolderType) -> CollectionId {
    let id = house.store().reserve_folder(house.anna.id).unwrap();
    house.commit(vec![Write::AddFolder { id, parent: None, name: name.into(), kind }]);
    id
}

fn card(last_name: &str, more: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nN:{last_name};;;;\r\nFN:{last_name}\r\n{more}END:VCARD\r\n")
}

fn change(item: &str, properties: impl IntoIterator<Item = Element>) -> Element {
    let data = Element::of(airsync::APPLICATION_DATA, properties);
    Element::of(airsync::CHANGE, [Element::text(airsync::SERVER_ID, item), data])
}

fn read(item: &str) -> Element {
    change(item, [Element::boolean(email::READ, true)])
}

/// What FolderSync with the key of the phone is answered with.
fn tree(phone: &mut Phone<Socket>) -> HttpResponse {
    let body = Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, phone.hierarchy_key.clone())]);
    phone.post(Command::FolderSync, Some(&body)).unwrap()
}

fn header(response: &HttpResponse, name: &str) -> Option<String> {
    response.header(name).map(ToOwned::to_owned)
}

/// The root of a Sync answer, whatever it says.
fn sync_root(phone: &mut Phone<Socket>, sent: &[Sent]) -> Option<Element> {
    let body = phone.sync_request(sent);
    phone.ask(Command::Sync, Some(&body)).unwrap()
}

/// The status of the whole answer and of each of its collections.
fn statuses(root: &Element) -> (Option<String>, Vec<String>) {
    let all = root.child(airsync::COLLECTIONS).into_iter().flat_map(|all| all.all(airsync::COLLECTION));
    let whole = root.text_of(airsync::STATUS).map(|status| status.into_owned());
    (whole, all.map(|collection| item_text(collection, airsync::STATUS)).collect())
}

// ---- versions

#[test]
fn x02_versions_extra_headers_are_in_the_list_of_versions_and_in_every_answer() {
    let house = house("versions.extra_headers", texts(&["X-AspNet-Version=4.0.30319"]));
    let mut phone = house.phone(Identity::android());
    assert_eq!(phone.options().unwrap().header("x-aspnet-version"), Some("4.0.30319"));
    assert_eq!(tree(&mut phone).header("x-aspnet-version"), Some("4.0.30319"));
}

#[test]
fn g08_versions_server_version_that_changes_makes_a_known_phone_ask_again_once() {
    let mut house = House::default();
    let mut phone = house.ready(Identity::iphone_today());
    restarted(&mut house, &mut phone, saying("versions.server_version", text("16.0.4.1")));
    let told: Vec<_> = (0..2).map(|_| header(&tree(&mut phone), "x-ms-rp")).collect();
    assert_eq!(told, [Some("2.5,12.0,12.1,14.0,14.1,16.0,16.1".to_owned()), None]);
    assert_eq!(tree(&mut phone).header("ms-server-activesync"), Some("16.0.4.1"));
}

#[test]
fn g09_versions_announce_once_or_again_until_the_phone_speaks_a_version_it_may() {
    for (once, told) in [(true, [true, false]), (false, [true, true])] {
        let plugin =
            saying("versions.versions", texts(&["12.1", "14.0"])).set("versions.announce_once", Value::Flag(once));
        let house = House::with(Arc::new(plugin), Settings::default());
        let mut phone = house.phone(Identity::android());
        assert_eq!([0, 1].map(|_| header(&tree(&mut phone), "x-ms-rp").is_some()), told, "{once}");
        phone.version = Version::V14_0;
        assert_eq!(header(&tree(&mut phone), "x-ms-rp"), None);
    }
}

// ---- hierarchy

#[test]
fn i02_a11_hierarchy_classes_leaves_out_the_folders_of_the_others() {
    let house = house("hierarchy.classes", texts(&["Email", "Calendar", "Contacts"]));
    let phone = house.ready(Identity::iphone_today());
    let classes: Vec<_> = phone.folders.values().filter_map(|folder| folder.kind.class()).collect();
    assert!(classes.contains(&Class::Calendar) && !classes.contains(&Class::Tasks) && !classes.contains(&Class::Notes));
}

#[test]
fn g28_hierarchy_multi_says_yes_or_no_for_each_class() {
    let house = house("hierarchy.multi", texts(&["con=no", "cal=yes", "mail=no"]));
    add_folder(&house, "Friends", FolderType::UserContacts);
    add_folder(&house, "Choir", FolderType::UserCalendar);
    add_folder(&house, "Lists", FolderType::UserMail);
    let phone = house.ready(Identity::android());
    let count = |kind| phone.folders.values().filter(|folder| folder.kind == kind).count();
    let counts = [FolderType::UserContacts, FolderType::UserCalendar, FolderType::UserMail].map(count);
    assert_eq!(counts, [0, 1, 0]);
}

#[test]
fn n01_g45_hierarchy_id_scheme_opaque_writes_ids_that_are_no_numbers_and_takes_them_back() {
    let house = house("hierarchy.id_scheme", text("opaque"));
    for number in 0..20 {
        house.deliver(&short_mail(&format!("mail{number}")));
    }
    let (mut phone, inbox) = begun(&house, Identity::android(), FolderType::Inbox);
    let opaque = |id: &String| id.len() > 1 && id.bytes().skip(1).all(|byte| byte.is_ascii_lowercase());
    assert!(phone.folders.keys().all(opaque));
    let items: Vec<String> = phone.items(&inbox).into_keys().collect();
    assert!(items.len() == 20 && items.iter().all(opaque), "{items:?}");
    phone.sync(&[Sent::commands(&inbox, vec![read(&items[0])])]).unwrap();
    house.deliver(&short_mail("more"));
    assert_eq!(phone.ping(std::slice::from_ref(&inbox), 600).unwrap(), ("2".to_owned(), vec![inbox]));
}

#[test]
fn n02_a12_tc23_tc50_hierarchy_fake_folders_are_shown_where_there_are_none_and_stay_empty() {
    let house = house("hierarchy.fake_folders", texts(&["3", "4", "6"]));
    house.deliver(&short_mail("one"));
    // A mailbox without an Outbox; what it has is not shown twice.
    let outbox = CollectionId::new(5);
    let kinds = |house: &House| -> Vec<(CollectionId, FolderType)> {
        let snapshot = house.store().snapshot(house.anna.id).unwrap();
        snapshot.folders().unwrap().into_iter().map(|folder| (folder.id, folder.kind)).collect()
    };
    let there = kinds(&house).into_iter().find(|(_, kind)| *kind == FolderType::Outbox).map_or(outbox, |(id, _)| id);
    if kinds(&house).iter().any(|(_, kind)| *kind == FolderType::Outbox) {
        house.commit(vec![Write::RemoveFolder { id: there }]);
    }
    let mut phone = house.ready(Identity::nokia_n97());
    for kind in [FolderType::Drafts, FolderType::DeletedItems, FolderType::Outbox] {
        assert_eq!(phone.folders.values().filter(|folder| folder.kind == kind).count(), 1, "{kind:?}");
    }
    let invented = folder_of(&phone, FolderType::Outbox);
    assert_eq!(phone.sync_folder(&invented, 50).unwrap(), 0);
    assert_eq!(phone.folder_sync().unwrap(), 0, "it stays");
    let inbox = folder_of(&phone, FolderType::Inbox);
    assert_eq!(phone.sync_folder(&inbox, 50).unwrap(), 1);
    // Nothing can be put there.
    use easel_wbxml::pages::moves;
    let item = phone.items(&inbox).into_keys().next().unwrap();
    let one = [
        Element::text(moves::SRC_MSG_ID, item),
        Element::text(moves::SRC_FLD_ID, inbox),
        Element::text(moves::DST_FLD_ID, invented),
    ];
    let body = Element::of(moves::MOVE_ITEMS, [Element::of(moves::MOVE, one)]);
    let root = phone.ask(Command::MoveItems, Some(&body)).unwrap().unwrap();
    assert_eq!(item_text(root.child(moves::RESPONSE).unwrap(), moves::STATUS), "2");
}

#[test]
fn g27_o05_tc64_hierarchy_folder_types_shows_one_type_in_place_of_another() {
    let house = house("hierarchy.folder_types", texts(&["14=18"]));
    add_folder(&house, "Friends", FolderType::UserContacts);
    let mut phone = house.ready(Identity::android());
    let shown = |phone: &Phone<Socket>| -> Vec<FolderType> {
        let names = ["Contacts", "Friends"];
        let kind = |name| phone.folders.values().find(|folder| folder.name == name).map(|folder| folder.kind);
        names.into_iter().filter_map(kind).collect()
    };
    assert_eq!(shown(&phone), [FolderType::Contacts, FolderType::Unknown]);
    assert_eq!(phone.folder_sync().unwrap(), 0);
}

#[test]
fn a10_hierarchy_rename_default_calendar_puts_the_address_into_its_name() {
    let house = house("hierarchy.rename_default_calendar", Value::Flag(true));
    let mut phone = house.ready(Identity::android());
    let calendar = folder_of(&phone, FolderType::Calendar);
    assert_eq!(phone.folders[&calendar].name, "Calendar (anna@example.org)");
    assert_eq!(phone.folder_sync().unwrap(), 0);
}

#[test]
fn hierarchy_max_folders_leaves_out_the_newest_folders_of_the_users_own() {
    let plain = House::default();
    let count = plain.ready(Identity::android()).folders.len();
    let house = house("hierarchy.max_folders", Value::Number(i64::try_from(count + 1).unwrap()));
    for name in ["One", "Two", "Three"] {
        add_folder(&house, name, FolderType::UserMail);
    }
    let phone = house.ready(Identity::android());
    let own: Vec<_> = phone.folders.values().filter(|folder| folder.kind == FolderType::UserMail).collect();
    assert_eq!((phone.folders.len(), own.len(), own[0].name.as_str()), (count + 1, 1, "One"));
}

// ---- a profile that changes

#[test]
fn tc78_a_changed_tree_of_the_profile_is_learned_before_anything_is_synchronised_and_nothing_is_lost() {
    let mut house = House::default();
    let choir = add_folder(&house, "Choir", FolderType::UserContacts);
    house.import(CONTACTS, Class::Contacts, &card("Own", ""));
    house.import(choir.number(), Class::Contacts, &card("Friend", ""));
    for identity in [Identity::android(), Identity::nokia_n97()] {
        let (mut phone, book) = begun(&house, identity, FolderType::Contacts);
        let own_only = phone.items(&book).len();
        restarted(&mut house, &mut phone, saying("hierarchy.multi", texts(&["con=no"])));
        let status = if phone.version >= Version::V12_1 { "12" } else { "8" };
        for _ in 0..2 {
            let root = sync_root(&mut phone, &[Sent::ask(&book)]).unwrap();
            assert_eq!(statuses(&root), (None, vec![status.to_owned()]));
        }
        assert_eq!(phone.folder_sync().unwrap(), 1);
        assert_eq!((phone.sync_folder(&book, 50).unwrap(), own_only, phone.items(&book).len()), (1, 1, 2));
        restarted(&mut house, &mut phone, ScriptedPlugin::new());
        assert_eq!(phone.folder_sync().unwrap(), 1);
        phone.sync_folder(&book, 50).unwrap();
        assert_eq!(phone.items(&book).len(), 1);
    }
}

#[test]
fn b03_status_hier_changed_is_told_for_the_collection_or_for_the_whole_answer() {
    for (word, expected) in [("collection", (None, vec!["12".to_owned()])), ("global", (Some("12".to_owned()), vec![]))]
    {
        let mut house = House::default();
        add_folder(&house, "Friends", FolderType::UserContacts);
        let (mut phone, inbox) = begun(&house, Identity::android(), FolderType::Inbox);
        let plugin = saying("hierarchy.multi", texts(&["con=no"])).set("status.hier_changed", text(word));
        restarted(&mut house, &mut phone, plugin);
        let root = sync_root(&mut phone, &[Sent::ask(&inbox)]).unwrap();
        assert_eq!(statuses(&root), expected, "{word}");
    }
}

#[test]
fn a_changed_tree_that_shows_nowhere_in_the_mailbox_stops_nobody() {
    let mut house = House::default();
    let (mut phone, inbox) = begun(&house, Identity::android(), FolderType::Inbox);
    restarted(&mut house, &mut phone, saying("hierarchy.multi", texts(&["con=no"])));
    assert!(phone.sync(&[Sent::ask(&inbox)]).unwrap().empty);
}

fn recipients(count: usize) -> String {
    let all: Vec<String> = (0..count).map(|number| format!("p{number}@example.net")).collect();
    short_mail("many").replace("To: Anna <anna@example.org>", &format!("To: {}", all.join(",\r\n ")))
}

#[test]
fn items_on_a_phone_are_sent_again_once_when_what_they_are_made_by_changes_page_by_page() {
    let mut house = House::default();
    for number in 0..7 {
        house.deliver(&short_mail(&format!("mail{number}")));
    }
    let many = house.deliver(&recipients(150));
    let (mut phone, inbox) = begun(&house, Identity::android(), FolderType::Inbox);
    let shown = |phone: &Phone<Socket>| phone.items(&inbox)[&many.to_string()].child(email::TO).is_some();
    assert!(shown(&phone));
    restarted(&mut house, &mut phone, saying("mail.max_recipients", Value::Number(100)));
    // It wakes the phone; nobody else's folders have anything.
    assert_eq!(phone.ping(std::slice::from_ref(&inbox), 600).unwrap(), ("2".to_owned(), vec![inbox.clone()]));
    house.deliver(&short_mail("new"));
    let mut pages = Vec::new();
    let mut kinds = Vec::new();
    loop {
        let synced = phone.sync(&[Sent { window: Some(3), ..Sent::ask(&inbox) }]).unwrap();
        pages.push(synced.entries);
        if let Some(commands) = synced.collections.get(&inbox).and_then(|answer| answer.child(airsync::COMMANDS)) {
            kinds.extend(commands.children().map(|entry| (entry.tag, item_text(entry, airsync::SERVER_ID))));
        }
        if !synced.more {
            break;
        }
    }
    assert_eq!(pages, [3, 3, 3]);
    let changes = kinds.iter().filter(|(tag, _)| *tag == airsync::CHANGE).count();
    let mut ids: Vec<_> = kinds.iter().map(|(_, id)| id.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((changes, ids.len(), kinds.len()), (8, 9, 9), "each once: {kinds:?}");
    assert_eq!(phone.items(&inbox).len(), 9);
    assert!(phone.sync(&[Sent::ask(&inbox)]).unwrap().empty);
    // A setting of another class concerns no mail.
    let plugin = saying("mail.max_recipients", Value::Number(100)).set("sync.window_max", Value::Number(5));
    restarted(&mut house, &mut phone, plugin);
    assert!(phone.sync(&[Sent::ask(&inbox)]).unwrap().empty);
}

#[test]
fn g01_items_that_are_sent_again_in_an_answer_that_is_lost_come_again() {
    let mut house = House::default();
    for number in 0..5 {
        house.deliver(&short_mail(&format!("mail{number}")));
    }
    let (mut phone, inbox) = begun(&house, Identity::android(), FolderType::Inbox);
    restarted(&mut house, &mut phone, saying("mail.max_recipients", Value::Number(100)));
    let sent = [Sent { window: Some(2), ..Sent::ask(&inbox) }];
    let lost = sync_root(&mut phone, &sent).unwrap();
    let again = sync_root(&mut phone, &sent).unwrap();
    assert_eq!(lost, again);
    phone.take_sync(Some(again)).unwrap();
    assert_eq!(phone.sync_folder(&inbox, 2).unwrap(), 3);
    assert!(phone.sync(&[Sent::ask(&inbox)]).unwrap().empty);
}

// ---- sync

#[test]
fn p12_sync_ack_all_answers_every_change_and_delete() {
    for (all, expected) in [(false, vec![]), (true, vec!["Change 1", "Delete 1"])] {
        let house = house("sync.ack_all", Value::Flag(all));
        house.deliver(&short_mail("one"));
        house.deliver(&short_mail("two"));
        let (mut phone, inbox) = begun(&house, Identity::android(), FolderType::Inbox);
        let items: Vec<String> = phone.items(&inbox).into_keys().collect();
        let delete = Element::of(airsync::DELETE, [Element::text(airsync::SERVER_ID, items[1].clone())]);
        let synced = phone.sync(&[Sent::commands(&inbox, vec![read(&items[0]), delete])]).unwrap();
        let responses = synced.collections[&inbox].child(airsync::RESPONSES);
        let said = responses.into_iter().flat_map(Element::children);
        let said: Vec<_> =
            said.map(|one| format!("{} {}", one.tag.name().unwrap(), item_text(one, airsync::STATUS))).collect();
        assert_eq!(said, expected);
    }
}

#[test]
fn g11_sync_ghosting_decides_what_a_property_means_that_is_not_sent() {
    for (word, supported, kept) in
        [("spec", false, false), ("all-ghosted", false, true), ("spec", true, true), ("none", true, false)]
    {
        let house = house("sync.ghosting", text(word));
        let id = house.import(CONTACTS, Class::Contacts, &card("Curie", "ORG:Institute\r\n"));
        let mut phone = house.ready(Identity::android());
        let book = folder_of(&phone, FolderType::Contacts);
        // An empty Supported: everything is ghosted.
        phone.sync(&[Sent { supported: supported.then(Vec::new), ..Sent::ask(&book) }]).unwrap();
        phone.sync(&[Sent::ask(&book)]).unwrap();
        let edit = change(&id.to_string(), [Element::text(contacts::LAST_NAME, "Curie-Joliot")]);
        phone.sync(&[Sent::commands(&book, vec![edit])]).unwrap();
        let stored = house.stored(id).unwrap();
        assert!(stored.contains("Curie-Joliot"), "{stored}");
        assert_eq!(stored.contains("Institute"), kept, "{word}, {supported}: {stored}");
    }
}

// ---- push

#[test]
fn a03_push_heartbeat_has_a_default_for_a_ping_that_never_named_one() {
    let ping_of = |house: &House| {
        let (mut phone, inbox) = begun(house, Identity::android(), FolderType::Inbox);
        let listed = [Element::text(ping::ID, inbox), Element::text(ping::CLASS, "Email")];
        let folders = Element::of(ping::FOLDERS, [Element::of(ping::FOLDER, listed)]);
        house.deliver(&short_mail("one"));
        let root = phone.ask(Command::Ping, Some(&Element::of(ping::PING, [folders]))).unwrap().unwrap();
        item_text(&root, ping::STATUS)
    };
    assert_eq!(ping_of(&House::default()), "3");
    assert_eq!(ping_of(&house("push.heartbeat", texts(&["default=900"]))), "2");
}

#[test]
fn g40_push_suppress_echo_keeps_a_phones_own_changes_from_waking_it() {
    for (suppressed, status) in [(true, None), (false, Some("2"))] {
        let house = house("push.suppress_echo", Value::Flag(suppressed));
        let id = house.deliver(&short_mail("one"));
        let (mut phone, inbox) = begun(&house, Identity::android(), FolderType::Inbox);
        phone.sync(&[Sent::commands(&inbox, vec![read(&id.to_string())])]).unwrap();
        let folders = vec![inbox.clone()];
        if let Some(status) = status {
            assert_eq!(phone.ping(&folders, 600).unwrap().0, status);
            // It has a look, and that is that.
            phone.sync(&[Sent::ask(&inbox)]).unwrap();
        }
        let waits = std::thread::spawn(move || phone.ping(&folders, 600).unwrap().0);
        house.until_parked(1);
        house.deliver(&short_mail("two"));
        assert_eq!(waits.join().unwrap(), "2");
    }
}

// ---- settings

fn settings(phone: &mut Phone<Socket>, property: Element) -> Element {
    let body = Element::of(set::SETTINGS, [property]);
    phone.ask(Command::Settings, Some(&body)).unwrap().unwrap()
}

fn replies(phone: &mut Phone<Socket>) -> Element {
    let times = [
        Element::number(set::OOF_STATE, 2),
        Element::text(set::START_TIME, "2026-03-02T12:00:00.000Z"),
        Element::text(set::END_TIME, "2026-03-09T12:00:00.000Z"),
    ];
    settings(phone, Element::of(set::OOF, [Element::of(set::SET, times)]));
    let get = Element::of(set::GET, [Element::text(set::BODY_TYPE, "Text")]);
    let root = settings(phone, Element::of(set::OOF, [get]));
    root.at(&[set::OOF, set::GET]).unwrap().clone()
}

#[test]
fn p15_settings_oof_dates_have_dashes_or_none() {
    for (word, start) in
        [("auto", "2026-03-02T12:00:00.000Z"), ("dashed", "2026-03-02T12:00:00.000Z"), ("compact", "20260302T120000Z")]
    {
        let house = house("settings.oof_dates", text(word));
        let mut phone = house.ready(Identity::android());
        assert_eq!(item_text(&replies(&mut phone), set::START_TIME), start, "{word}");
    }
}

#[test]
fn i38_settings_oof_bodytype_is_said_or_not() {
    for said in [true, false] {
        let house = house("settings.oof_bodytype", Value::Flag(said));
        let mut phone = house.ready(Identity::iphone_today());
        let replies = replies(&mut phone);
        let messages: Vec<_> = replies.all(set::OOF_MESSAGE).collect();
        assert_eq!(messages.len(), 3);
        assert!(messages.iter().all(|message| message.child(set::BODY_TYPE).is_some() == said));
    }
}

#[test]
fn i53_settings_rights_management_is_refused_or_an_empty_list() {
    for (word, version, status, lists) in [
        ("refused", Version::V14_1, "168", false),
        ("empty", Version::V14_1, "1", true),
        ("empty", Version::V14_0, "2", false),
    ] {
        let house = house("settings.rights_management", text(word));
        let mut phone = house.ready(Identity::iphone_today());
        phone.version = version;
        let get = Element::of(set::RIGHTS_MANAGEMENT_INFORMATION, [Element::new(set::GET)]);
        let body = Element::of(set::SETTINGS, [get]);
        let answer = phone.ask(Command::Settings, Some(&body)).unwrap().unwrap();
        let told = answer.child(set::RIGHTS_MANAGEMENT_INFORMATION).unwrap();
        assert_eq!(item_text(told, set::STATUS), status, "{word} {version}");
        let templates = told.at(&[set::GET, rm::RIGHTS_MANAGEMENT_TEMPLATES]);
        assert_eq!(templates.map(Element::is_empty), lists.then_some(true), "{word} {version}");
    }
}

#[test]
fn settings_device_info_expected_lets_nobody_in_who_does_not_say_what_it_is() {
    let house = house("settings.device_info_expected", Value::Flag(true));
    let mut phone = house.phone(Identity::android());
    assert!(phone.folder_sync().unwrap_err().to_string().contains("FolderSync status 165"));
    let model = Element::of(set::SET, [Element::text(set::MODEL, "G1")]);
    settings(&mut phone, Element::of(set::DEVICE_INFORMATION, [model]));
    phone.folder_sync().unwrap();
    // Who has no word for it before 14.0 is not asked.
    house.phone(Identity::nokia_n97()).folder_sync().unwrap();
}

// ---- policy

fn demanding(plugin: ScriptedPlugin, policy: &[(&str, &str)], allow: PolicyAllowance) -> House {
    let settings = policy.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let policy = Policy { required: true, version: 1, settings, ..Policy::default() };
    House::with(Arc::new(plugin), Settings { policy, allow, ..Settings::default() })
}

/// The answer to the first phase of Provision, asked with a policy type.
fn offered(phone: &mut Phone<Socket>, kind: &str) -> Element {
    let policy = Element::of(prov::POLICY, [Element::text(prov::POLICY_TYPE, kind)]);
    let model = Element::of(set::SET, [Element::text(set::MODEL, "G1")]);
    let mut body = Element::new(prov::PROVISION);
    if phone.version >= Version::V14_1 {
        body.push(Element::of(set::DEVICE_INFORMATION, [model]));
    }
    body.push(Element::of(prov::POLICIES, [policy]));
    let root = phone.ask(Command::Provision, Some(&body)).unwrap().unwrap();
    root.at(&[prov::POLICIES, prov::POLICY]).unwrap().clone()
}

const WBXML: &str = "MS-EAS-Provisioning-WBXML";
const WAP: &str = "MS-WAP-Provisioning-XML";

/// What the document says of a setting.
fn rule(policy: &Element, tag: easel_wbxml::Tag) -> Option<String> {
    policy.at(&[prov::DATA, prov::EAS_PROVISION_DOC])?.text_of(tag).map(|text| text.into_owned())
}

fn document(setting: &str, value: Value, policy: &[(&str, &str)]) -> Element {
    let house = demanding(saying(setting, value), policy, PolicyAllowance::default());
    offered(&mut house.phone(Identity::iphone_3gs()), WBXML)
}

#[test]
fn a02_o01_policy_enforce_less_than_strict_is_obeyed_where_the_operator_gave_leave_and_only_there() {
    let packs = PolicyAllowance { packs: vec!["scripted".into()], ..PolicyAllowance::default() };
    let devices = PolicyAllowance { devices: vec!["androidc1234567890".into()], ..PolicyAllowance::default() };
    let tenants = PolicyAllowance { tenants: vec!["defaultcontext".into()], ..PolicyAllowance::default() };
    let others = PolicyAllowance {
        packs: vec!["another".into()],
        devices: vec!["another".into()],
        tenants: vec!["ox.io".into()],
    };
    for word in ["loose", "exempt"] {
        for (allow, comes_in) in
            [(&packs, true), (&devices, true), (&tenants, true), (&others, false), (&PolicyAllowance::default(), false)]
        {
            let house = demanding(saying("policy.enforce", text(word)), &[], allow.clone());
            let mut phone = house.phone(Identity::android());
            let answered = phone.folder_sync();
            assert_eq!(answered.is_ok(), comes_in, "{word} {allow:?}: {answered:?}");
            let device = house.store().device(house.anna.id, "androidc1234567890", "Android").unwrap().unwrap();
            assert_eq!(wish(&house, device.key).as_deref(), (!comes_in).then_some(word), "the wish can be seen");
            // Who may be let off is still offered what is loose, and nothing it is exempt from.
            let status = item_text(&offered(&mut phone, WBXML), prov::STATUS);
            assert_eq!(status, if comes_in && word == "exempt" { "2" } else { "1" }, "{word} {allow:?}");
        }
    }
    let house = demanding(saying("policy.enforce", text("strict")), &[], packs);
    assert!(house.phone(Identity::android()).folder_sync().is_err());
}

/// What is wished of the policy by the pack of a device of Anna's.
fn wish(house: &House, device: DeviceKey) -> Option<String> {
    let now = house.clock.clone();
    let clock = Arc::new(move || easel_server::Clock::now(&now));
    let service = Service::new(Arc::clone(house.store()) as _, Arc::new(NoPlugin), Settings::default(), clock);
    service.policy_wish(&house.anna, device).unwrap()
}

#[test]
fn policy_enforce_written_by_the_operator_is_leave_and_no_more_than_it_says() {
    let operator = |name: &str, word: &str| {
        let mut profile = Profile::default();
        profile.set(name, text(word)).unwrap();
        profile
    };
    for (pack, said, comes_in, wished) in [
        (saying("policy.enforce", text("strict")), operator("policy.enforce", "loose"), true, None),
        (saying("policy.enforce", text("exempt")), operator("policy.enforce", "strict"), false, None),
        (saying("policy.send", text("none")), operator("policy.enforce", "loose"), true, Some("exempt")),
        (saying("policy.send", text("none")), operator("policy.send", "all"), false, None),
        (saying("policy.enforce", text("loose")), operator("sync.conflict", "server"), false, Some("loose")),
    ] {
        let case = format!("{pack:?} {said:?}");
        let house = demanding(pack.operator(said), &[], PolicyAllowance::default());
        assert_eq!(house.phone(Identity::android()).folder_sync().is_ok(), comes_in, "{case}");
        let device = house.store().device(house.anna.id, "androidc1234567890", "Android").unwrap().unwrap();
        assert_eq!(wish(&house, device.key).as_deref(), wished, "{case}");
    }
}

#[test]
fn a_wish_is_forgotten_when_the_pack_does_not_have_it_any_more() {
    let mut house = demanding(saying("policy.enforce", text("loose")), &[], PolicyAllowance::default());
    let mut phone = house.phone(Identity::android());
    assert!(phone.folder_sync().is_err());
    let device = house.store().device(house.anna.id, "androidc1234567890", "Android").unwrap().unwrap().key;
    phone.provision().unwrap();
    phone.folder_sync().unwrap();
    assert_eq!(wish(&house, device).as_deref(), Some("loose"), "also of a device that obeys");
    restarted(&mut house, &mut phone, ScriptedPlugin::new());
    phone.folder_sync().unwrap();
    assert_eq!(wish(&house, device), None);
}

#[test]
fn a40_tc54_policy_send_none_is_obeyed_where_nothing_is_demanded_or_the_operator_gave_leave() {
    let plugin = || saying("policy.send", text("none"));
    let status = |house: &House| item_text(&offered(&mut house.phone(Identity::android()), WBXML), prov::STATUS);
    assert_eq!(status(&House::with(Arc::new(plugin()), Settings::default())), "2");
    let allow = PolicyAllowance { packs: vec!["scripted".into()], ..PolicyAllowance::default() };
    let house = demanding(plugin(), &[], allow);
    assert_eq!(status(&house), "2");
    house.phone(Identity::android()).folder_sync().unwrap();
    let house = demanding(plugin(), &[], PolicyAllowance::default());
    assert!(house.phone(Identity::android()).folder_sync().is_err());
    assert_eq!(status(&house), "1", "the operator insists");
    assert_eq!(status(&demanding(saying("policy.send", text("all")), &[], PolicyAllowance::default())), "1");
}

#[test]
fn w05_policy_format_is_as_the_phone_asks_or_as_the_pack_says() {
    for (word, asked, answered, has_xml) in [
        ("auto", WAP, WAP, true),
        ("auto", WBXML, WBXML, false),
        ("wap", WBXML, WAP, true),
        ("wbxml", WAP, WBXML, false),
    ] {
        let house = demanding(saying("policy.format", text(word)), &[], PolicyAllowance::default());
        let policy = offered(&mut house.phone(Identity::iphone_3gs()), asked);
        assert_eq!(item_text(&policy, prov::POLICY_TYPE), answered, "{word}");
        let xml = policy.text_of(prov::DATA).is_some_and(|data| data.starts_with("<wap-provisioningdoc>"));
        assert_eq!((xml, rule(&policy, prov::ALLOW_CAMERA).is_some()), (has_xml, !has_xml), "{word}");
    }
}

#[test]
fn n06_v10_tc25_tc26_policy_details_when_off_are_sent_or_left_out() {
    let details =
        |word| rule(&document("policy.details_when_off", text(word), &[]), prov::ALLOW_SIMPLE_DEVICE_PASSWORD);
    assert_eq!((details("send"), details("omit")), (Some("1".to_owned()), None));
}

#[test]
fn n21_tc27_policy_allow_list_leaves_out_what_restricts_nothing_and_never_what_restricts() {
    let listed = document("policy.allow_list", texts(&["AllowHTMLEmail"]), &[("AllowBrowser", "0")]);
    let rules = [prov::ALLOW_HTML_EMAIL, prov::ALLOW_BROWSER, prov::ALLOW_CAMERA].map(|tag| rule(&listed, tag));
    assert_eq!(rules, [Some("1".to_owned()), Some("0".to_owned()), None]);
}

#[test]
fn b05_policy_force_speaks_where_the_operator_says_nothing() {
    let force = || texts(&["AllowHTMLEmail=1", "MaxEmailAgeFilter=4", "AllowSimpleDevicePassword=0"]);
    let plugin = || saying("policy.force", force()).set("policy.allow_list", texts(&["AllowCamera"]));
    let rules = |policy: &[(&str, &str)]| {
        let house = demanding(plugin(), policy, PolicyAllowance::default());
        let policy = offered(&mut house.phone(Identity::iphone_3gs()), WBXML);
        let tags = [
            prov::ALLOW_HTML_EMAIL,
            prov::MAX_EMAIL_AGE_FILTER,
            prov::ALLOW_SIMPLE_DEVICE_PASSWORD,
            prov::ALLOW_BROWSER,
        ];
        tags.map(|tag| rule(&policy, tag).unwrap_or_default())
    };
    assert_eq!(rules(&[]), ["1", "4", "0", ""]);
    assert_eq!(rules(&[("AllowHTMLEmail", "0"), ("MaxEmailAgeFilter", "2")]), ["0", "2", "0", ""]);
}

#[test]
fn n08_policy_trunc_unlimited_is_what_no_limit_is_called() {
    let policy = document("policy.trunc_unlimited", Value::Number(5_000_000), &[]);
    assert_eq!(rule(&policy, prov::MAX_EMAIL_HTML_BODY_TRUNCATION_SIZE).unwrap(), "5000000");
}

#[test]
fn n07_policy_max_attachment_is_a_number_where_there_is_no_limit() {
    let said = |value, policy: &[(&str, &str)]| {
        rule(&document("policy.max_attachment", Value::Number(value), policy), prov::MAX_ATTACHMENT_SIZE).unwrap()
    };
    assert_eq!(said(50_000_000, &[]), "50000000");
    assert_eq!(said(0, &[]), "");
    assert_eq!(said(50_000_000, &[("MaxAttachmentSize", "1000")]), "1000");
}

#[test]
fn w05_policy_wap4133_adds_the_parameter_that_only_some_bear() {
    for wanted in [false, true] {
        let house = demanding(saying("policy.wap4133", Value::Flag(wanted)), &[], PolicyAllowance::default());
        let policy = offered(&mut house.phone(Identity::nokia_n97()), WAP);
        assert_eq!(item_text(&policy, prov::DATA).contains("\"4133\""), wanted);
    }
}

#[test]
fn a23_tc56_policy_wipe_with_data_sends_the_document_along() {
    for wanted in [false, true] {
        let house = house("policy.wipe_with_data", Value::Flag(wanted));
        let mut phone = house.ready(Identity::android());
        let mut device = house.store().device(house.anna.id, "androidc1234567890", "Android").unwrap().unwrap();
        device.policy.wipe = easel_store::Wipe::DevicePending;
        house.store().put_device(&device).unwrap();
        let policy = Element::of(prov::POLICY, [Element::text(prov::POLICY_TYPE, WBXML)]);
        let body = Element::of(prov::PROVISION, [Element::of(prov::POLICIES, [policy])]);
        let root = phone.ask(Command::Provision, Some(&body)).unwrap().unwrap();
        assert!(root.child(prov::REMOTE_WIPE).is_some());
        assert_eq!(root.child(prov::POLICIES).is_some(), wanted);
    }
}

#[test]
fn g10_policy_signal_is_a_status_http_449_or_both() {
    for (word, code, has_status) in [("status", 200, true), ("449", 449, false), ("both", 449, true)] {
        let house = demanding(saying("policy.signal", text(word)), &[], PolicyAllowance::default());
        let response = tree(&mut house.phone(Identity::android()));
        assert_eq!(response.code, code, "{word}");
        let status = (!response.body.is_empty()).then(|| easel_wbxml::decode(&response.body).unwrap());
        let status = status.map(|root| item_text(&root, fh::STATUS));
        assert_eq!(status, has_status.then(|| "142".to_owned()), "{word}");
    }
}

// ---- status

#[test]
fn g29_o21_i16_tc67_status_folder_gone_is_8_12_3_or_nothing_and_the_other_folders_go_on() {
    for (word, expected) in [
        ("8", Some((None, vec!["1", "8"]))),
        ("12", Some((None, vec!["1", "12"]))),
        ("3", Some((None, vec!["1", "3"]))),
        ("silent", Some((None, vec!["1"]))),
    ] {
        let house = house("status.folder_gone", text(word));
        let choir = add_folder(&house, "Choir", FolderType::UserMail);
        let mut phone = house.ready(Identity::android());
        let inbox = folder_of(&phone, FolderType::Inbox);
        let gone = choir.to_string();
        for folder in [&inbox, &gone] {
            phone.sync_folder(folder, 50).unwrap();
        }
        house.commit(vec![Write::RemoveFolder { id: choir }]);
        house.deliver(&short_mail("one"));
        let root = sync_root(&mut phone, &[Sent::ask(&inbox), Sent::ask(&gone)]).unwrap();
        let (whole, each) = statuses(&root);
        let each: Vec<&str> = each.iter().map(String::as_str).collect();
        assert_eq!(Some((whole, each)), expected, "{word}");
        // Alone, it is an answer without a collection, which is no answer at all.
        let alone = sync_root(&mut phone, &[Sent::ask(&gone)]);
        assert_eq!(alone.is_none(), word == "silent", "{word}");
    }
}

#[test]
fn a_setting_of_one_family_leaves_the_others_alone() {
    let mut profile = Profile::default();
    profile.set("hierarchy.rename_default_calendar", Value::Flag(true)).unwrap();
    let house = House::with(Arc::new(ScriptedPlugin::new().profile_of("Android", profile)), Settings::default());
    let name = |identity| {
        let phone = house.ready(identity);
        phone.folders[&folder_of(&phone, FolderType::Calendar)].name.clone()
    };
    assert_eq!(name(Identity::android()), "Calendar (anna@example.org)");
    assert_eq!(name(Identity::iphone_today()), "Calendar");
}

// ---- recovery

/// A phone with an empty Inbox to which mails come, one of which it cannot bear: it asks again as long as it is there.
fn cannot_bear(house: &House, phone: &mut Phone<Socket>, inbox: &str, bad: &str, tries: usize) -> Vec<usize> {
    let mut sizes = Vec::new();
    for _ in 0..tries {
        let root = sync_root(phone, &[Sent { window: Some(10), ..Sent::ask(inbox) }]);
        let commands = root
            .as_ref()
            .and_then(|root| root.at(&[airsync::COLLECTIONS, airsync::COLLECTION, airsync::COMMANDS]).cloned());
        let entries: Vec<String> =
            commands.iter().flat_map(Element::children).map(|entry| item_text(entry, airsync::SERVER_ID)).collect();
        sizes.push(entries.len());
        if !entries.iter().any(|entry| entry == bad) {
            phone.take_sync(root).unwrap();
        }
        house.clock.advance(std::time::Duration::from_secs(1));
    }
    sizes
}

#[test]
fn g18_tc75_recovery_loop_limit_shrinks_the_window_then_leaves_the_item_out_and_the_folder_goes_on() {
    for (limit, expected) in [
        // The same a second time, then one by one: the first arrives, the bad one does not, the third does.
        (2, vec![3, 3, 1, 1, 1, 1, 0, 0]),
        (3, vec![3, 3, 3, 1, 1, 1, 1, 1]),
        (0, vec![3; 8]),
    ] {
        let house = house("recovery.loop_limit", Value::Number(limit));
        let (mut phone, inbox) = begun(&house, Identity::android(), FolderType::Inbox);
        let ids = ["one", "bad", "three"].map(|name| house.deliver(&short_mail(name)).to_string());
        let sizes = cannot_bear(&house, &mut phone, &inbox, &ids[1], 8);
        assert_eq!(sizes, expected, "{limit}");
        if limit == 0 {
            continue;
        }
        phone.sync_folder(&inbox, 10).unwrap();
        assert_eq!(phone.items(&inbox).into_keys().collect::<Vec<_>>(), [ids[0].clone(), ids[2].clone()]);
        // Whole answers again, and the item stays away.
        for name in ["four", "five"] {
            house.deliver(&short_mail(name));
        }
        phone.sync_folder(&inbox, 10).unwrap();
        let synced = phone.sync(&[Sent::ask(&inbox)]).unwrap();
        assert_eq!((synced.empty, phone.items(&inbox).len()), (true, 4));
    }
}

/// A house whose pack advises `advice` whenever it sees `symptom`.
fn advising(symptom: Symptom, advice: Recovery) -> House {
    let plugin = ScriptedPlugin::new().on_recover(
        move |_, history| {
            if history.symptom == symptom { advice } else { Recovery::Usual }
        },
    );
    House::with(Arc::new(plugin), Settings::default())
}

fn repeated(advice: Recovery) -> (House, Phone<Socket>, String) {
    let house = advising(Symptom::RepeatedKey, advice);
    let (mut phone, inbox) = begun(&house, Identity::android(), FolderType::Inbox);
    for name in ["one", "two", "three"] {
        house.deliver(&short_mail(name));
    }
    sync_root(&mut phone, &[Sent::ask(&inbox)]);
    (house, phone, inbox)
}

#[test]
fn a_pack_advises_the_same_again_or_one_item_at_a_time() {
    for (advice, entries) in [(Recovery::Retry, [3, 3]), (Recovery::ShrinkWindow, [1, 1])] {
        let (_house, mut phone, inbox) = repeated(advice);
        let sizes = [0; 2].map(|_| {
            let root = sync_root(&mut phone, &[Sent::ask(&inbox)]).unwrap();
            let commands = root.at(&[airsync::COLLECTIONS, airsync::COLLECTION, airsync::COMMANDS]).unwrap().clone();
            commands.children().count()
        });
        assert_eq!(sizes, entries, "{advice:?}");
        phone.sync_folder(&inbox, 10).unwrap();
        assert_eq!(phone.items(&inbox).len(), 3);
    }
}

#[test]
fn a_pack_advises_to_go_on_without_the_item() {
    let house = advising(Symptom::RepeatedKey, Recovery::SkipItem);
    let (mut phone, inbox) = begun(&house, Identity::android(), FolderType::Inbox);
    house.deliver(&short_mail("bad"));
    sync_root(&mut phone, &[Sent::ask(&inbox)]);
    assert_eq!(phone.sync_folder(&inbox, 10).unwrap(), 0);
    house.deliver(&short_mail("good"));
    assert_eq!(phone.sync_folder(&inbox, 10).unwrap(), 1);
    assert_eq!(phone.items(&inbox).len(), 1);
}

#[test]
fn a_pack_advises_a_fresh_start_of_the_folder_or_of_the_tree() {
    let (_house, mut phone, inbox) = repeated(Recovery::ResyncFolder);
    let root = sync_root(&mut phone, &[Sent::ask(&inbox)]).unwrap();
    assert_eq!(statuses(&root).1, ["3"]);
    phone.collections.remove(&inbox);
    assert_eq!(phone.sync_folder(&inbox, 10).unwrap(), 3);

    let (_house, mut phone, inbox) = repeated(Recovery::ResyncHierarchy);
    let root = sync_root(&mut phone, &[Sent::ask(&inbox)]).unwrap();
    assert_eq!(statuses(&root).1, ["12"]);
    assert!(phone.folder_sync().unwrap_err().to_string().contains("FolderSync status 9"));
    "0".clone_into(&mut phone.hierarchy_key);
    phone.folder_sync().unwrap();
}

#[test]
fn a_pack_advises_a_fresh_start_of_everything_and_is_heard_once_an_hour() {
    let (house, mut phone, inbox) = repeated(Recovery::ResyncAll);
    let root = sync_root(&mut phone, &[Sent::ask(&inbox)]).unwrap();
    assert_eq!(statuses(&root).1, ["12"]);
    assert!(phone.folder_sync().unwrap_err().to_string().contains("FolderSync status 9"));
    assert_eq!(statuses(&sync_root(&mut phone, &[Sent::ask(&inbox)]).unwrap()).1, ["3"]);
    let start = |phone: &mut Phone<Socket>| {
        "0".clone_into(&mut phone.hierarchy_key);
        phone.folder_sync().unwrap();
        phone.collections.remove(&inbox);
        phone.sync_folder(&inbox, 10).unwrap()
    };
    assert_eq!(start(&mut phone), 3);
    let stuck = |phone: &mut Phone<Socket>, name: &str| {
        house.deliver(&short_mail(name));
        sync_root(phone, &[Sent::ask(&inbox)]);
        let root = sync_root(phone, &[Sent::ask(&inbox)]).unwrap();
        let status = statuses(&root).1.remove(0);
        if status == "1" {
            phone.take_sync(Some(root)).unwrap();
        }
        status
    };
    assert_eq!(stuck(&mut phone, "four"), "1", "not twice in an hour");
    house.clock.advance(std::time::Duration::from_secs(3601));
    assert_eq!(stuck(&mut phone, "five"), "12");
    assert_eq!(start(&mut phone), 5);
}

#[test]
fn i26_a_pack_slows_a_device_down_for_a_while_or_shuts_it_out() {
    let (house, mut phone, inbox) = repeated(Recovery::Throttle);
    let body = phone.sync_request(&[Sent::ask(&inbox)]);
    for _ in 0..3 {
        let response = phone.post(Command::Sync, Some(&body)).unwrap();
        assert_eq!((response.code, response.header("retry-after")), (503, Some("300")));
        assert_eq!(response.header("x-ms-asthrottle"), Some("RecentCommands"));
    }
    house.clock.advance(std::time::Duration::from_secs(301));
    assert!(phone.folder_sync().is_ok());

    let (house, mut phone, inbox) = repeated(Recovery::Block);
    sync_root(&mut phone, &[Sent::ask(&inbox)]);
    assert!(phone.folder_sync().unwrap_err().to_string().contains("FolderSync status 129"));
    let device = house.store().device(house.anna.id, "androidc1234567890", "Android").unwrap().unwrap();
    assert!(device.blocked, "until the operator says otherwise");
}

#[test]
fn i26_requests_without_end_and_without_news_are_seen_as_a_busy_loop() {
    let house = advising(Symptom::BusyLoop, Recovery::Throttle);
    let (mut phone, inbox) = begun(&house, Identity::iphone_today(), FolderType::Inbox);
    let body = phone.sync_request(&[Sent::ask(&inbox)]);
    let mut codes = || -> Vec<u16> { (0..40).map(|_| phone.post(Command::Sync, Some(&body)).unwrap().code).collect() };
    let answered = codes().iter().filter(|code| **code == 200).count();
    assert!((25..40).contains(&answered), "{answered}");
}

#[test]
fn a41_keys_that_are_unknown_or_zero_are_shown_to_the_pack() {
    let house = advising(Symptom::UnknownKey, Recovery::Throttle);
    let mut phone = house.ready(Identity::android());
    "b123".clone_into(&mut phone.hierarchy_key);
    assert_eq!(tree(&mut phone).code, 503);
    let house = advising(Symptom::ZeroKey, Recovery::Throttle);
    let mut phone = house.ready(Identity::android());
    "0".clone_into(&mut phone.hierarchy_key);
    assert_eq!(tree(&mut phone).code, 503);
}

/// A mail whose row makes no sense.
fn broken_mail(house: &House) {
    let id = house.store().reserve_items(house.anna.id, 1).unwrap();
    house.commit(vec![house.mail(id, &short_mail("broken"), easel_server::Clock::now(&house.clock))]);
    let database = rusqlite::Connection::open(house.data().join("easel.db")).unwrap();
    let changed = database
        .execute("UPDATE content SET record = x'ff' WHERE object = (SELECT max(object) FROM content)", [])
        .unwrap();
    assert_eq!(changed, 1);
}

#[test]
fn n25_recovery_on_error_starts_a_folder_over_that_fails_once_an_hour() {
    for (word, expected) in [("none", ["5", "5", "5"]), ("resync", ["3", "5", "3"])] {
        let house = house("recovery.on_error", text(word));
        let (mut phone, inbox) = begun(&house, Identity::nokia_n97(), FolderType::Inbox);
        broken_mail(&house);
        let mut status = |secs| {
            house.clock.advance(std::time::Duration::from_secs(secs));
            let (whole, each) = statuses(&sync_root(&mut phone, &[Sent::ask(&inbox)]).unwrap());
            whole.or_else(|| each.first().cloned()).unwrap()
        };
        assert_eq!([status(0), status(60), status(3600)], expected, "{word}");
    }
}

#[test]
fn o16_tc65_recovery_device_id_volatile_lets_old_ids_expire_and_does_not_count_them() {
    for volatile in [true, false] {
        let plugin = saying("recovery.device_id_volatile", Value::Flag(volatile));
        let house = House::with(Arc::new(plugin), Settings { devices_max: 4, ..Settings::default() });
        for name in ["Nokia", "iPhone"] {
            let identity = if name == "Nokia" { Identity::nokia_n97() } else { Identity::iphone_3gs() };
            house.phone(identity).folder_sync().unwrap();
        }
        let mut outcomes = Vec::new();
        for number in 0..5 {
            let identity = Identity { device_id: format!("restart{number}"), ..Identity::android() };
            outcomes.push(house.phone(identity).folder_sync().is_ok());
            house.clock.advance(std::time::Duration::from_secs(7200));
        }
        assert_eq!(outcomes, [true, true, volatile, volatile, volatile]);
        let devices = house.store().devices(house.anna.id).unwrap();
        let mut left: Vec<&str> =
            devices.iter().map(|device| device.id.as_str()).filter(|id| id.starts_with("restart")).collect();
        let expected: &[&str] =
            if volatile { &["restart2", "restart3", "restart4"] } else { &["restart0", "restart1"] };
        left.sort_unstable();
        assert_eq!(left, expected);
        assert_eq!(devices.len(), 2 + expected.len(), "the others stay");
    }
}

// ---- login

/// What a phone with these credentials, byte for byte, is answered with: 200 or 401.
fn logged_in(house: &House, credentials: &[u8], user: &str) -> u16 {
    let mut phone = Phone::new(house.socket_with(credentials), Identity::iphone_3gs(), user);
    tree(&mut phone).code
}

fn with_password(login: &str) -> Vec<u8> {
    format!("{login}:{PASSWORD}").into_bytes()
}

#[test]
fn w13_login_pattern_lets_in_only_the_forms_it_names() {
    let logins = ["anna", "anna@defaultcontext", "defaultcontext\\anna"];
    for (forms, expected) in [
        (&[][..], [200, 200, 200]),
        (&["user"], [200, 401, 401]),
        (&["user@domain"], [401, 200, 401]),
        (&["domain\\user", "user"], [200, 401, 200]),
    ] {
        let house = house("login.pattern", texts(forms));
        assert_eq!(logins.map(|login| logged_in(&house, &with_password(login), "anna")), expected, "{forms:?}");
    }
}

#[test]
fn n26_s2_tc11_login_blank_domain_is_the_default_one_or_refused() {
    for (word, code) in [("default", 200), ("refuse", 401)] {
        let house = house("login.blank_domain", text(word));
        for login in ["\\anna", " \\anna", "anna@"] {
            assert_eq!(logged_in(&house, &with_password(login), "anna"), code, "{word} {login:?}");
        }
        assert_eq!(logged_in(&house, &with_password("anna"), "anna"), 200);
    }
}

#[test]
fn login_default_domain_is_the_tenant_of_a_login_without_one() {
    let house = house("login.default_domain", text("ox.io"));
    for (login, code) in
        [("zoe", 200), (" \\zoe", 200), ("anna", 401), ("defaultcontext\\anna", 200), ("zoe@ox.io", 200)]
    {
        assert_eq!(logged_in(&house, &with_password(login), "x"), code, "{login:?}");
    }
    // Those of another device are as ever, also where the same credentials came before.
    let mut profile = Profile::default();
    profile.set("login.default_domain", text("ox.io")).unwrap();
    let plugin = ScriptedPlugin::new().profile_of("Android", profile);
    let house = House::with(Arc::new(plugin), Settings::default());
    let code =
        |identity, login: &str| tree(&mut Phone::new(house.socket_with(&with_password(login)), identity, "x")).code;
    assert_eq!((code(Identity::android(), "zoe"), code(Identity::iphone_3gs(), "zoe")), (200, 401));
    assert_eq!((code(Identity::iphone_3gs(), "anna"), code(Identity::android(), "anna")), (200, 401));
}

#[test]
fn g26_o08_tc13_login_auth_charset_is_how_credentials_are_read() {
    let utf8 = with_password("anna");
    // The password has an a with two dots, which is one byte in ISO-8859-1.
    let latin1: Vec<u8> = format!("anna:{PASSWORD}").chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    for (word, expected) in [("auto", [200, 200]), ("utf8", [200, 401]), ("latin1", [401, 200])] {
        let house = house("login.auth_charset", text(word));
        assert_eq!([&utf8, &latin1].map(|sent| logged_in(&house, sent, "anna")), expected, "{word}");
    }
}

#[test]
fn login_query_user_is_ignored_or_has_to_be_the_one_who_logs_in() {
    for (word, code) in [("ignore", 200), ("check", 401)] {
        let house = house("login.query_user", text(word));
        assert_eq!(logged_in(&house, &with_password("anna"), "zoe"), code, "{word}");
        for user in ["anna", "defaultcontext\\anna"] {
            assert_eq!(logged_in(&house, &with_password("defaultcontext\\anna"), user), 200, "{word} {user}");
        }
    }
}

// ---- http

fn get(house: &House, agent: &str) -> HttpResponse {
    let headers = vec![("User-Agent".to_owned(), agent.to_owned())];
    let request = HttpRequest { method: "GET", query: String::new(), headers, body: Vec::new() };
    house.socket_with(b"nobody:wrong").exchange(&request).unwrap()
}

#[test]
fn v08_tc71_http_get_is_answered_with_200_and_nothing_or_with_405() {
    let mut profile = Profile::default();
    profile.set("http.get", text("200")).unwrap();
    let house = House::with(Arc::new(ScriptedPlugin::new().profile_of("HTC", profile)), Settings::default());
    let said = |agent| {
        let response = get(&house, agent);
        (response.code, response.body.len())
    };
    assert_eq!((said("HTC-Sapphire/1.0"), said("Other/1.0")), ((200, 0), (405, 0)));
}

#[test]
fn o29_http_origin_cloud_is_slowed_down_by_user_and_not_by_address_and_may_be_denied() {
    let codes = |house: &House| -> Vec<u16> {
        // One wrong password each for more users than one address may be wrong about.
        (0..62).map(|number| logged_in(house, format!("user{number}:wrong").as_bytes(), "x")).collect()
    };
    let device = codes(&house("http.origin", text("device")));
    let cloud = codes(&house("http.origin", text("cloud")));
    assert_eq!((device[0], device[61]), (401, 503));
    assert!(cloud.iter().all(|code| *code == 401), "{cloud:?}");
    let settings = Settings { denies_cloud: true, ..Settings::default() };
    for (word, code) in [("cloud", 403), ("device", 200)] {
        let house = House::with(Arc::new(saying("http.origin", text(word))), settings.clone());
        assert_eq!(logged_in(&house, &with_password("anna"), "anna"), code, "{word}");
    }
}
