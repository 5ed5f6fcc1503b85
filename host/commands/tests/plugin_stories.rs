//! What a plugin says, seen on the wire.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use desk::{Desk, raw_mail};
use easel_commands::{Service, Settings};
use easel_plugin::scripted::ScriptedPlugin;
use easel_plugin::{Direction, Value};
use easel_protocol::{Class, Command, FolderType, Version};
use easel_store::{Store, Write};
use easel_test_support::{Identity, Sent, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsync, contacts, email, ping};

const INBOX: u64 = 1;

fn desk(plugin: ScriptedPlugin) -> Desk {
    Desk::with(Arc::new(plugin), Settings::default())
}

fn texts(all: &[&str]) -> Value {
    Value::Texts(all.iter().map(|text| (*text).to_owned()).collect())
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn a_plugin_sets_the_versions_that_a_known_phone_is_offered() {
    let desk = desk(ScriptedPlugin::new().set("versions.versions", texts(&["2.5", "12.1"])));
    let identity = Identity::android();
    let asked =
        |desk: &Desk| desk.service.offer(&desk.user, Some((&identity.device_id, identity.device_type)), "").versions;
    desk.phone(identity.clone()).folder_sync().unwrap();
    assert_eq!(asked(&desk), [Version::V2_5, Version::V12_1]);
}

#[test]
fn w04_v16_a_plugin_makes_one_calendar_of_all() {
    let desk = desk(ScriptedPlugin::new().set("hierarchy.single", texts(&["Calendar"])));
    let id = desk.store.reserve_folder(desk.user.id).unwrap();
    desk.commit(vec![Write::AddFolder { id, parent: None, name: "Team".into(), kind: FolderType::UserCalendar }]);
    let event = |uid: &str| {
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\n\
             DTSTART:20260302T090000Z\r\nDTEND:20260302T100000Z\r\nSUMMARY:{uid}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
    };
    desk.add(6, &event("own"));
    desk.add(id.number(), &event("team"));
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    let calendars = phone.folders.values().filter(|folder| folder.kind.class() == Some(Class::Calendar)).count();
    assert_eq!(calendars, 1);
    let calendar = phone.folder(FolderType::Calendar).unwrap();
    assert_eq!(phone.sync_folder(&calendar, 10).unwrap(), 2);
}

#[test]
fn a_plugin_sets_how_ids_are_written() {
    let desk = desk(ScriptedPlugin::new().set("hierarchy.id_scheme", text("decimal")));
    desk.deliver(INBOX, &raw_mail("one"));
    let mut phone = desk.phone(Identity::iphone_3gs());
    phone.folder_sync().unwrap();
    assert_eq!(phone.folder(FolderType::Inbox).unwrap(), "1");
    phone.sync_folder("1", 10).unwrap();
    assert_eq!(phone.items("1").keys().collect::<Vec<_>>(), ["1"]);
}

#[test]
fn a_plugin_makes_windows_smaller() {
    let desk = desk(ScriptedPlugin::new().set("sync.window_max", Value::Number(2)));
    for number in 0..5 {
        desk.deliver(INBOX, &raw_mail(&format!("mail{number}")));
    }
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    phone.sync(&[Sent::ask("f1")]).unwrap();
    let page = phone.sync(&[Sent { window: Some(100), ..Sent::ask("f1") }]).unwrap();
    assert_eq!((page.entries, page.more), (2, true));
}

#[test]
fn g16_g17_tc77_a_plugin_sets_the_time_in_which_an_answer_must_come() {
    let desk = desk(ScriptedPlugin::new());
    for number in 0..5 {
        desk.deliver(INBOX, &raw_mail(&format!("mail{number}")));
    }
    let plugin = ScriptedPlugin::new().set("sync.answer_within_s", Value::Number(1));
    // Each look at the clock takes 600 ms.
    let (start, looks) = (desk.now.lock().unwrap().as_millisecond(), AtomicI64::new(0));
    let clock = move || {
        let passed = looks.fetch_add(600, Ordering::Relaxed);
        jiff::Timestamp::from_millisecond(start + passed).unwrap()
    };
    let store: Arc<dyn Store> = desk.store.clone();
    let mut phone = desk.phone(Identity::android());
    phone.transport.service = Arc::new(Service::new(store, Arc::new(plugin), Settings::default(), Arc::new(clock)));
    phone.folder_sync().unwrap();
    phone.sync(&[Sent::ask("f1")]).unwrap();
    let page = phone.sync(&[Sent { window: Some(100), ..Sent::ask("f1") }]).unwrap();
    assert!((1..5).contains(&page.entries) && page.more, "{page:?}");
}

#[test]
fn n23_v11_a_plugin_sets_what_nothing_new_looks_like() {
    for (word, identity, empty) in [
        ("full", Identity::android(), false),
        ("zero_byte", Identity::nokia_n97(), true),
        ("auto", Identity::nokia_n97(), false),
    ] {
        let desk = desk(ScriptedPlugin::new().set("sync.empty_sync", text(word)));
        let mut phone = desk.phone(identity);
        phone.folder_sync().unwrap();
        phone.sync_folder("f1", 10).unwrap();
        assert_eq!(phone.sync(&[Sent::ask("f1")]).unwrap().empty, empty, "{word}");
    }
}

#[test]
fn g15_tc76_a_plugin_limits_the_heartbeat() {
    let desk = desk(ScriptedPlugin::new().set("push.heartbeat_max", Value::Number(900)));
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    phone.sync_folder("f1", 10).unwrap();
    let folder = Element::of(ping::FOLDER, [Element::text(ping::ID, "f1"), Element::text(ping::CLASS, "Email")]);
    let body = Element::of(
        ping::PING,
        [Element::number(ping::HEARTBEAT_INTERVAL, 3540), Element::of(ping::FOLDERS, [folder])],
    );
    let answer = phone.ask(Command::Ping, Some(&body)).unwrap().unwrap();
    let said = |tag| item_text(&answer, tag);
    assert_eq!((said(ping::STATUS), said(ping::HEARTBEAT_INTERVAL)), ("5".into(), "900".into()));
}

#[test]
fn a_plugin_edits_and_withholds_what_goes_out() {
    let plugin = ScriptedPlugin::new().answer(Direction::Outgoing, Class::Email, &[email::SUBJECT], |_, shown| {
        let subject = shown[0].value();
        if subject.starts_with("secret") {
            return easel_plugin::Verdict::Withhold;
        }
        easel_plugin::Verdict::Edit(vec![Element::text(email::SUBJECT, subject.to_uppercase())])
    });
    let desk = desk(plugin);
    for subject in ["one", "secret", "two"] {
        desk.deliver(INBOX, &raw_mail(subject));
    }
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    assert_eq!(phone.sync_folder("f1", 10).unwrap(), 2);
    let mut subjects: Vec<_> = phone.items("f1").values().map(|item| item_text(item, email::SUBJECT)).collect();
    subjects.sort();
    assert_eq!(subjects, ["ONE", "TWO"]);
    assert!(phone.sync(&[Sent::ask("f1")]).unwrap().empty, "what is withheld is not waiting");
}

#[test]
fn a_plugin_edits_what_comes_in() {
    let edit = |sent: &Element| Element::text(sent.tag, sent.value().to_uppercase());
    let desk = desk(ScriptedPlugin::new().edit(Direction::Incoming, Class::Contacts, contacts::COMPANY_NAME, edit));
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    phone.sync_folder("f7", 10).unwrap();
    let data = [
        Element::text(contacts::COMPANY_NAME, "Navy"),
        Element::text(contacts::FIRST_NAME, "Grace"),
        Element::text(contacts::LAST_NAME, "Hopper"),
    ];
    let add = Element::of(
        airsync::ADD,
        [Element::text(airsync::CLIENT_ID, "1"), Element::of(airsync::APPLICATION_DATA, data)],
    );
    phone.sync(&[Sent::commands("f7", vec![add])]).unwrap();
    let stored = desk.stored(easel_protocol::ServerId::new(1)).unwrap();
    assert!(stored.contains("ORG:NAVY\r\n"), "{stored}");
}

#[test]
fn tc79_tc80_a_plugin_is_asked_only_about_items_that_have_what_it_wants() {
    let plugin = Arc::new(ScriptedPlugin::new().withhold(Direction::Outgoing, Class::Email, email::CC, |_| false));
    let desk = Desk::with(plugin.clone(), Settings::default());
    for number in 0..20 {
        let cc = if number % 4 == 0 { "Cc: carol@example.org\r\n" } else { "" };
        desk.deliver(INBOX, &format!("{cc}{}", raw_mail(&format!("mail{number}"))));
    }
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    assert_eq!(phone.sync_folder("f1", 100).unwrap(), 20);
    assert_eq!(plugin.asked(), 5);
}

#[test]
fn n03_tc20_tc21_a_plugin_hides_the_recipients_of_a_mail_that_has_too_many() {
    let many: Vec<String> = (0..150).map(|number| format!("u{number}@example.org")).collect();
    let raw = format!("From: bob@example.org\r\nTo: {}\r\nSubject: all\r\n\r\nHello.\r\n", many.join(",\r\n "));
    let recipients = |plugin| {
        let desk = desk(plugin);
        desk.deliver(INBOX, &raw);
        let mut phone = desk.phone(Identity::nokia_n97());
        phone.folder_sync().unwrap();
        phone.sync_folder("f1", 10).unwrap();
        let items = phone.items("f1");
        let item = items.values().next().unwrap();
        assert_eq!(item_text(item, email::SUBJECT), "all");
        (item_text(item, email::TO), item.child(email::DISPLAY_TO).is_some())
    };
    let hidden = recipients(ScriptedPlugin::new().set("mail.max_recipients", Value::Number(100)));
    assert_eq!(hidden, (String::new(), false));
    let (shown, displayed) = recipients(ScriptedPlugin::new());
    assert!(shown.contains("u0@example.org, ") || shown.contains("\", \""), "K: I03. {shown}");
    assert!(displayed);
}

/// Keeps the clock's type in one place.
const _: fn(&Desk) -> &Arc<Mutex<jiff::Timestamp>> = |desk| &desk.now;
