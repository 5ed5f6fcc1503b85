//! What a plugin says, seen on the wire.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use desk::{Desk, raw_mail};
use easel_commands::{Service, Settings};
use easel_plugin::hooks::{Answer, FolderEdit, FolderOperation, FolderVerdict, Verdict};
use easel_plugin::item::{Edit, NewContent};
use easel_plugin::rules::{Action, Rule};
use easel_plugin::scripted::ScriptedPlugin;
use easel_plugin::{Direction, Value};
use easel_protocol::{Class, Command, DeviceFacts, FolderType, Version};
use easel_store::{Store, Write};
use easel_test_support::{Identity, Sent, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsync, contacts, email, folder_hierarchy as fh, ping};

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
    let facts = DeviceFacts {
        device_id: identity.device_id.clone(),
        device_type: identity.device_type.to_owned(),
        ..DeviceFacts::default()
    };
    let asked = |desk: &Desk| desk.service.offer(&desk.user, &facts).versions;
    desk.phone(identity.clone()).folder_sync().unwrap();
    assert_eq!(asked(&desk), [Version::V2_5, Version::V12_1]);
}

#[test]
fn w04_v16_a_plugin_makes_one_calendar_of_all() {
    let desk = desk(ScriptedPlugin::new().set("hierarchy.multi", texts(&["cal=no"])));
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
    let desk = desk(ScriptedPlugin::new().set("push.heartbeat", texts(&["max=900"])));
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
        let subject = shown[0].text.clone().unwrap_or_default();
        if subject.starts_with("secret") {
            return Verdict::Withhold("it is a secret".to_owned());
        }
        Verdict::Edit(vec![Edit::Set(shown[0].node, NewContent::Text(subject.to_uppercase()))])
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

/// A contact as a phone sends it.
fn card(tag: easel_wbxml::Tag, id: &str, company: &str) -> Element {
    let data = [Element::text(contacts::COMPANY_NAME, company), Element::text(contacts::LAST_NAME, "Hopper")];
    let name = if tag == airsync::ADD { airsync::CLIENT_ID } else { airsync::SERVER_ID };
    Element::of(tag, [Element::text(name, id), Element::of(airsync::APPLICATION_DATA, data)])
}

#[test]
fn what_a_plugin_withholds_from_a_phone_is_answered_as_taken_and_not_stored() {
    let plugin = ScriptedPlugin::new()
        .withhold(Direction::Incoming, Class::Contacts, contacts::COMPANY_NAME, |name| name == "Navy");
    let desk = desk(plugin);
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    phone.sync_folder("f7", 10).unwrap();
    let synced = phone.sync(&[Sent::commands("f7", vec![card(airsync::ADD, "1", "Navy")])]).unwrap();
    let added = synced.collections["f7"].at(&[airsync::RESPONSES, airsync::ADD]).unwrap().clone();
    assert_eq!(item_text(&added, airsync::STATUS), "1");
    assert_eq!(desk.stored(easel_protocol::ServerId::new(1)), None);
    // A change of something that is there leaves it as it was.
    phone.sync(&[Sent::commands("f7", vec![card(airsync::ADD, "2", "Yale")])]).unwrap();
    let stored = desk.stored(easel_protocol::ServerId::new(2)).unwrap();
    assert!(stored.contains("ORG:Yale\r\n"), "{stored}");
    phone.sync(&[Sent::commands("f7", vec![card(airsync::CHANGE, "a2", "Navy")])]).unwrap();
    assert_eq!(desk.stored(easel_protocol::ServerId::new(2)), Some(stored));
    assert_eq!(desk.store.quarantined(desk.user.id).unwrap().len(), 2, "both can be put back");
}

#[test]
fn i24_i25_a_plugin_is_shown_what_this_phone_last_saw_of_an_item_it_changes() {
    let seen: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
    let told = Arc::clone(&seen);
    let plugin = ScriptedPlugin::new().answer_with_state(
        Direction::Incoming,
        Class::Contacts,
        &[contacts::COMPANY_NAME],
        move |_, _, _, base| {
            told.lock().unwrap().push(base.iter().filter_map(|entry| entry.text.clone()).collect());
            Verdict::Keep.into()
        },
    );
    let desk = desk(plugin);
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    phone.sync_folder("f7", 10).unwrap();
    phone.sync(&[Sent::commands("f7", vec![card(airsync::ADD, "1", "Yale")])]).unwrap();
    let vcard = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Hopper;;;;\r\nFN:Hopper\r\nORG:UNIVAC\r\nEND:VCARD\r\n";
    desk.edit(easel_protocol::ServerId::new(1), vcard);
    // The phone has not seen UNIVAC yet.
    phone.sync(&[Sent::commands("f7", vec![card(airsync::CHANGE, "a1", "Navy")])]).unwrap();
    assert_eq!(*seen.lock().unwrap(), [vec![], vec!["Yale".to_owned()]]);
}

#[test]
fn a_plugin_is_asked_about_what_a_phone_leaves_out_if_the_stored_item_has_it() {
    // A phone that drops the company whenever it changes anything else.
    let plugin = Arc::new(ScriptedPlugin::new().answer_with_state(
        Direction::Incoming,
        Class::Contacts,
        &[contacts::COMPANY_NAME],
        |_, _, sent, base| {
            let lost = base.iter().find(|_| sent.is_empty()).and_then(|was| was.text.clone());
            let put_back = |company| Edit::Insert {
                node: easel_plugin::item::INSERTED,
                parent: 0,
                before: None,
                tag: contacts::COMPANY_NAME,
                content: NewContent::Text(company),
            };
            Verdict::Edit(lost.map(put_back).into_iter().collect()).into()
        },
    ));
    let desk = Desk::with(plugin.clone(), Settings::default());
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    phone.sync_folder("f7", 10).unwrap();
    phone.sync(&[Sent::commands("f7", vec![card(airsync::ADD, "1", "Yale")])]).unwrap();
    assert_eq!(plugin.asked(), 1);
    let change = |first: &str| {
        let names = [Element::text(contacts::FIRST_NAME, first), Element::text(contacts::LAST_NAME, "Hopper")];
        let data = Element::of(airsync::APPLICATION_DATA, names);
        Element::of(airsync::CHANGE, [Element::text(airsync::SERVER_ID, "a1"), data])
    };
    phone.sync(&[Sent::commands("f7", vec![change("Grace")])]).unwrap();
    let stored = desk.stored(easel_protocol::ServerId::new(1)).unwrap();
    assert!(stored.contains("ORG:Yale") && stored.contains("Grace"), "{stored}");
    assert_eq!(plugin.asked(), 2);
    // Neither what is sent nor what is stored has it: nobody is asked.
    desk.edit(easel_protocol::ServerId::new(1), "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Hopper;;;;\r\nFN:x\r\nEND:VCARD\r\n");
    phone.sync_folder("f7", 10).unwrap();
    phone.sync(&[Sent::commands("f7", vec![change("G.")])]).unwrap();
    assert_eq!(plugin.asked(), 2);
}

/// A plugin that counts in its state the mails it has shown to a device, and writes the count into the subject.
fn counting(id: &str, version: &str) -> ScriptedPlugin {
    let count = |state: &easel_plugin::hooks::State| String::from_utf8(state.bytes.clone()).unwrap().len();
    ScriptedPlugin::new().named(id, version).answer_with_state(
        Direction::Outgoing,
        Class::Email,
        &[email::SUBJECT],
        move |_, state, shown, _| {
            let said = format!("{}{}", state.version, count(state) + 1);
            Answer {
                verdict: Verdict::Edit(vec![Edit::Set(shown[0].node, NewContent::Text(said))]),
                state: Some([state.bytes.as_slice(), b"x"].concat()),
            }
        },
    )
}

fn subjects(phone: &easel_test_support::Phone<desk::Line>) -> Vec<String> {
    let items = phone.items("f1");
    let mut subjects: Vec<String> = items.values().map(|item| item_text(item, email::SUBJECT)).collect();
    subjects.sort();
    subjects
}

#[test]
fn a_lost_answer_takes_the_state_of_the_pack_with_it() {
    let desk = desk(counting("counter", "1"));
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    phone.sync_folder("f1", 10).unwrap();
    desk.deliver(INBOX, &raw_mail("one"));
    phone.sync_folder("f1", 10).unwrap();
    desk.deliver(INBOX, &raw_mail("two"));
    // The answer never arrives: the phone knows nothing of it and asks with the same key.
    let request = phone.sync_request(&[Sent::ask("f1")]);
    let lost = phone.ask(Command::Sync, Some(&request)).unwrap();
    let again = phone.ask(Command::Sync, Some(&request)).unwrap();
    assert_eq!(lost, again, "the state was taken back, so the second mail is counted as the second again");
    phone.take_sync(again).unwrap();
    desk.deliver(INBOX, &raw_mail("three"));
    phone.sync_folder("f1", 10).unwrap();
    assert_eq!(subjects(&phone), ["1", "12", "13"], "the version of who left the state, and the count");
}

#[test]
fn another_pack_gets_no_state_and_another_version_gets_it_marked() {
    for (id, version, expected) in [("counter", "2", "12"), ("other", "1", "1")] {
        let mut desk = desk(counting("counter", "1"));
        let mut phone = desk.phone(Identity::android());
        phone.folder_sync().unwrap();
        phone.sync_folder("f1", 10).unwrap();
        desk.deliver(INBOX, &raw_mail("one"));
        phone.sync_folder("f1", 10).unwrap();
        let (store, now): (Arc<dyn Store>, _) = (desk.store.clone(), desk.now.clone());
        let clock = Arc::new(move || *now.lock().unwrap());
        desk.service = Arc::new(Service::new(store, Arc::new(counting(id, version)), Settings::default(), clock));
        phone.transport.service = Arc::clone(&desk.service);
        desk.deliver(INBOX, &raw_mail("two"));
        phone.sync_folder("f1", 10).unwrap();
        assert_eq!(subjects(&phone), ["1", expected], "{id} {version}");
    }
}

#[test]
fn an_answer_that_makes_no_sense_leaves_the_item_and_the_state_untouched() {
    let plugin = Arc::new(ScriptedPlugin::new().answer_with_state(
        Direction::Outgoing,
        Class::Email,
        &[email::SUBJECT],
        |_, state, _, _| {
            assert!(state.bytes.is_empty());
            Answer { verdict: Verdict::Edit(vec![Edit::Remove(77)]), state: Some(vec![1]) }
        },
    ));
    let desk = Desk::with(plugin.clone(), Settings::default());
    for subject in ["one", "two"] {
        desk.deliver(INBOX, &raw_mail(subject));
    }
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    phone.sync_folder("f1", 10).unwrap();
    assert_eq!((subjects(&phone), plugin.faults()), (vec!["one".to_owned(), "two".to_owned()], 2));
}

#[test]
fn rules_are_carried_out_without_asking_code() {
    let rule = |direction, tag, action| Rule { class: Class::Contacts, direction, tag, action };
    let plugin =
        Arc::new(
            ScriptedPlugin::new()
                .rule(rule(Direction::Outgoing, contacts::COMPANY_NAME, Action::Truncate(2)))
                .rule(rule(Direction::Incoming, contacts::LAST_NAME, Action::Set("Murray".into()))),
        );
    let desk = Desk::with(plugin.clone(), Settings::default());
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    phone.sync_folder("f7", 10).unwrap();
    phone.sync(&[Sent::commands("f7", vec![card(airsync::ADD, "1", "Yale")])]).unwrap();
    let stored = desk.stored(easel_protocol::ServerId::new(1)).unwrap();
    assert!(stored.contains("N:Murray;;;;\r\n") && stored.contains("ORG:Yale\r\n"), "{stored}");
    let mut other = desk.phone(Identity::iphone_today());
    other.folder_sync().unwrap();
    other.sync_folder("f7", 10).unwrap();
    let items = other.items("f7");
    assert_eq!(item_text(items.values().next().unwrap(), contacts::COMPANY_NAME), "Ya");
    assert_eq!((plugin.asked(), plugin.opened()), (0, 0));
}

#[test]
fn a_plugin_mends_requests_of_the_commands_it_named_and_sees_no_other() {
    let plugin = Arc::new(ScriptedPlugin::new().on_wire(Command::FolderSync, |_, entries| {
        let key = entries.iter().find(|entry| entry.tag == fh::SYNC_KEY).unwrap();
        vec![Edit::Set(key.node, NewContent::Text("0".into()))]
    }));
    let desk = Desk::with(plugin.clone(), Settings::default());
    let mut phone = desk.phone(Identity::android());
    phone.provision().unwrap();
    assert_eq!(plugin.opened(), 0, "Provision is nobody's business");
    let body = Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, "whatever")]);
    let answer = phone.ask(Command::FolderSync, Some(&body)).unwrap().unwrap();
    assert_eq!((item_text(&answer, fh::STATUS), plugin.opened()), ("1".to_owned(), 1));
}

#[test]
fn i20_o18_o33_a_plugin_mends_and_refuses_what_a_phone_wants_of_folders() {
    let plugin = ScriptedPlugin::new().on_folder_change(|_, change| match change.operation {
        FolderOperation::Create => FolderVerdict::Edit(vec![FolderEdit::ToRoot, FolderEdit::Kind(13)]),
        FolderOperation::Update => {
            // Deleted, and told as a change to the same name and place.
            let same = change.same_parent && change.display_name == change.current_name;
            FolderVerdict::Edit(if same { vec![FolderEdit::ToTrash] } else { Vec::new() })
        }
        FolderOperation::Delete => FolderVerdict::Refuse("this one stays".to_owned()),
    });
    let desk = desk(plugin);
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    let mut ask = |command, root, fields: &[(easel_wbxml::Tag, &str)]| {
        let key = phone.hierarchy_key.clone();
        let fields = fields.iter().map(|(tag, text)| Element::text(*tag, *text));
        let fields = std::iter::once(Element::text(fh::SYNC_KEY, key)).chain(fields);
        let answer = phone.ask(command, Some(&Element::of(root, fields))).unwrap().unwrap();
        if let Some(key) = answer.text_of(fh::SYNC_KEY) {
            phone.hierarchy_key = key.into_owned();
        }
        (item_text(&answer, fh::STATUS), item_text(&answer, fh::SERVER_ID))
    };
    // A calendar inside a contact folder, of the type of tasks.
    let fields = [(fh::PARENT_ID, "f7"), (fh::DISPLAY_NAME, "Team"), (fh::TYPE, "15")];
    let (status, id) = ask(Command::FolderCreate, fh::FOLDER_CREATE, &fields);
    assert_eq!(status, "1");
    let folder = |id: &str| {
        let snapshot = desk.store.snapshot(desk.user.id).unwrap();
        snapshot.folder(easel_protocol::CollectionId::parse(id).unwrap()).unwrap().unwrap()
    };
    assert_eq!((folder(&id).parent, folder(&id).kind), (None, FolderType::UserCalendar));
    let fields = [(fh::SERVER_ID, id.as_str()), (fh::PARENT_ID, "0"), (fh::DISPLAY_NAME, "Team")];
    assert_eq!(ask(Command::FolderUpdate, fh::FOLDER_UPDATE, &fields).0, "1");
    let trash = desk.store.snapshot(desk.user.id).unwrap().folders().unwrap();
    let trash = trash.iter().find(|folder| folder.kind == FolderType::DeletedItems).unwrap().id;
    assert_eq!(folder(&id).parent, Some(trash));
    let (status, _) = ask(Command::FolderDelete, fh::FOLDER_DELETE, &[(fh::SERVER_ID, id.as_str())]);
    assert_eq!((status.as_str(), folder(&id).name.as_str()), ("3", "Team"));
}

#[test]
fn a_plugin_is_told_how_often_the_work_was_begun_again() {
    let store: Arc<std::sync::OnceLock<(Arc<easel_store::MemoryStore>, easel_store::UserId)>> = Arc::default();
    let (inside, attempts): (_, Arc<Mutex<Vec<u32>>>) = (Arc::clone(&store), Arc::default());
    let told = Arc::clone(&attempts);
    let plugin = ScriptedPlugin::new().answer(
        Direction::Incoming,
        Class::Contacts,
        &[contacts::COMPANY_NAME],
        move |context, _| {
            told.lock().unwrap().push(context.attempt);
            if let (Some((store, user)), 0) = (inside.get(), context.attempt) {
                // Somebody else is quicker.
                let seen = store.modseq(*user);
                let content = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Hopper;;;;\r\nFN:Hopper\r\nEND:VCARD\r\n".to_owned();
                let facts = easel_protocol::Facts::of(easel_protocol::WindowKey::FOREVER);
                let write = Write::ChangeContent { id: easel_protocol::ServerId::new(1), content, facts, seen };
                let set = easel_store::ChangeSet { user: *user, author: None, writes: vec![write] };
                store.commit(set).unwrap();
            }
            Verdict::Keep
        },
    );
    let desk = desk(plugin);
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    phone.sync_folder("f7", 10).unwrap();
    phone.sync(&[Sent::commands("f7", vec![card(airsync::ADD, "1", "Yale")])]).unwrap();
    phone.sync_folder("f7", 10).unwrap();
    store.set((Arc::clone(&desk.store), desk.user.id)).unwrap();
    phone.sync(&[Sent::commands("f7", vec![card(airsync::CHANGE, "a1", "Navy")])]).unwrap();
    assert_eq!(*attempts.lock().unwrap(), [0, 0, 1]);
}

/// Keeps the clock's type in one place.
const _: fn(&Desk) -> &Arc<Mutex<jiff::Timestamp>> = |desk| &desk.now;
