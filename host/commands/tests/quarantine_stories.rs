//! What a pack withholds from a phone's side: kept, shown and put back.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::sync::Arc;

use desk::{Desk, raw_mail};
use easel_commands::{RestoreError, Settings, Withheld};
use easel_plugin::Direction;
use easel_plugin::hooks::MailVerdict;
use easel_plugin::scripted::ScriptedPlugin;
use easel_protocol::{Class, CollectionId, Command, FolderType, ServerId};
use easel_store::{Content, QuarantinedKind, Store as _, StoreError, User, Write};
use easel_test_support::{Identity, Phone, Sent, Transport as _, item_text};
use easel_wbxml::pages::{airsync, calendar, contacts, email};
use easel_wbxml::{Element, Tag};

type Line = Phone<desk::Line>;

const CONTACTS: u64 = 7;

/// A desk whose pack withholds contacts of the navy, mails marked as read, and every message.
fn desk() -> Desk {
    desk_with(Settings::default())
}

fn desk_with(settings: Settings) -> Desk {
    let plugin = ScriptedPlugin::new()
        .named("old-phones", "1.2.0")
        .withhold(Direction::Incoming, Class::Contacts, contacts::COMPANY_NAME, |name| name == "Navy")
        .withhold(Direction::Incoming, Class::Email, email::READ, |_| true)
        .withhold(Direction::Incoming, Class::Calendar, calendar::SUBJECT, |subject| subject.starts_with("Dinner"))
        .on_mail(|_, _| MailVerdict::Withhold("again".into()));
    Desk::with(Arc::new(plugin), settings)
}

/// A phone that has synced a folder; Supported is empty, so what it does not send stays.
fn phone(desk: &Desk, folder: &str) -> Line {
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    let supported = (folder == "f7").then(Vec::new);
    phone.sync(&[Sent { supported, ..Sent::ask(folder) }]).unwrap();
    phone.sync_folder(folder, 10).unwrap();
    phone
}

fn command(tag: Tag, id: &str, fields: &[(Tag, &str)]) -> Element {
    let data = fields.iter().map(|(tag, text)| Element::text(*tag, *text));
    let name = if tag == airsync::ADD { airsync::CLIENT_ID } else { airsync::SERVER_ID };
    Element::of(tag, [Element::text(name, id), Element::of(airsync::APPLICATION_DATA, data)])
}

fn card(tag: Tag, id: &str, company: &str) -> Element {
    command(tag, id, &[(contacts::COMPANY_NAME, company), (contacts::LAST_NAME, "Hopper")])
}

fn withheld(desk: &Desk) -> Vec<Withheld> {
    let devices = desk.store.devices(desk.user.id).unwrap();
    devices.iter().flat_map(|device| desk.service.withheld(desk.user.id, device.key).unwrap()).collect()
}

/// Puts back the one thing that is withheld.
fn restore(desk: &Desk) -> Result<(), RestoreError> {
    let all = withheld(desk);
    assert_eq!(all.len(), 1);
    desk.service.restore(&desk.user, all[0].quarantined.id)
}

fn vcard(lines: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nN:Hopper;;;;\r\nFN:Hopper\r\n{lines}END:VCARD\r\n")
}

#[test]
fn a_withheld_item_is_kept_once_though_the_answer_was_lost() {
    let desk = desk();
    desk.add(CONTACTS, &vcard(""));
    let mut phone = phone(&desk, "f7");
    let both = vec![card(airsync::ADD, "1", "Navy"), card(airsync::CHANGE, "a1", "Navy")];
    let request = phone.sync_request(&[Sent::commands("f7", both)]);
    let lost = phone.ask(Command::Sync, Some(&request)).unwrap();
    let again = phone.ask(Command::Sync, Some(&request)).unwrap();
    assert_eq!(lost, again);
    let all = withheld(&desk);
    assert_eq!(all.len(), 2);
    for (one, changes) in all.iter().zip([None, Some(ServerId::new(1))]) {
        let new = &one.quarantined.new;
        assert_eq!((new.pack.as_str(), new.pack_version.as_str(), new.at), ("old-phones", "1.2.0", 1_772_445_600_000));
        assert!(!new.reason.is_empty() && one.title == "Hopper");
        let QuarantinedKind::Item { class, folder, item, .. } = &new.kind else { panic!("an item") };
        assert_eq!((*class, *folder, *item), (Class::Contacts, CollectionId::new(CONTACTS), changes));
        assert_eq!(desk.store.read_blob(new.blob).unwrap().len() as u64, new.size);
    }
}

#[test]
fn an_added_item_comes_back_under_the_id_that_the_phone_was_told() {
    let desk = desk();
    let mut phone = phone(&desk, "f7");
    let synced = phone.sync(&[Sent::commands("f7", vec![card(airsync::ADD, "1", "Navy")])]).unwrap();
    let added = synced.collections["f7"].at(&[airsync::RESPONSES, airsync::ADD]).unwrap().clone();
    let told = item_text(&added, airsync::SERVER_ID);
    assert_eq!(desk.count(CONTACTS), 0);
    restore(&desk).unwrap();
    let stored = desk.stored(ServerId::parse(&told).unwrap()).unwrap();
    assert!(stored.contains("ORG:Navy\r\n") && stored.contains("N:Hopper;"), "{stored}");
    assert!(withheld(&desk).is_empty());
    assert_eq!(phone.sync_folder("f7", 10).unwrap(), 0, "to the phone it was there all the time");
    phone.sync(&[Sent::commands("f7", vec![card(airsync::CHANGE, &told, "Yale")])]).unwrap();
    assert!(desk.stored(ServerId::parse(&told).unwrap()).unwrap().contains("ORG:Yale\r\n"));
    let mut other = desk.phone(Identity::iphone_today());
    other.folder_sync().unwrap();
    assert_eq!(other.sync_folder("f7", 10).unwrap(), 1);
}

#[test]
fn an_added_item_comes_to_a_phone_that_started_over_meanwhile() {
    let desk = desk();
    let mut before = phone(&desk, "f7");
    before.sync(&[Sent::commands("f7", vec![card(airsync::ADD, "1", "Navy")])]).unwrap();
    let mut after = phone(&desk, "f7");
    restore(&desk).unwrap();
    assert_eq!(after.sync_folder("f7", 10).unwrap(), 1);
    assert_eq!(item_text(&after.items("f7")["a1"], contacts::COMPANY_NAME), "Navy");
}

#[test]
fn what_was_put_back_is_not_put_back_again() {
    let desk = desk();
    let mut phone = phone(&desk, "f7");
    phone.sync(&[Sent::commands("f7", vec![card(airsync::ADD, "1", "Navy")])]).unwrap();
    let id = withheld(&desk)[0].quarantined.id;
    desk.service.restore(&desk.user, id).unwrap();
    assert!(matches!(desk.service.restore(&desk.user, id), Err(RestoreError::Gone(gone)) if gone == id));
    assert_eq!(desk.count(CONTACTS), 1);
    let other = desk::add_user(&desk.store, desk.tenant, "berta");
    phone.sync(&[Sent::commands("f7", vec![card(airsync::ADD, "2", "Navy")])]).unwrap();
    let theirs = withheld(&desk)[0].quarantined.id;
    assert!(matches!(desk.service.restore(&other, theirs), Err(RestoreError::Gone(_))));
}

#[test]
fn a_changed_item_is_merged_as_the_phone_meant_it_and_keeps_what_changed_since() {
    let desk = desk();
    let id = desk.add(CONTACTS, &vcard("NOTE:cobol\r\n"));
    let mut phone = phone(&desk, "f7");
    let fields = [(contacts::COMPANY_NAME, "Navy"), (contacts::LAST_NAME, "Hopper")];
    phone.sync(&[Sent::commands("f7", vec![command(airsync::CHANGE, "a1", &fields)])]).unwrap();
    assert!(!desk.stored(id).unwrap().contains("Navy"));
    // Meanwhile somebody else gave her another name, which the phone sent unchanged.
    desk.edit(id, &vcard("NOTE:cobol\r\nTEL;TYPE=CELL:+1 1\r\n").replace("Hopper", "Murray"));
    restore(&desk).unwrap();
    let stored = desk.stored(id).unwrap();
    for line in ["ORG:Navy\r\n", "NOTE:cobol\r\n", "TEL;TYPE=CELL:+1 1\r\n", "N:Murray;"] {
        assert!(stored.contains(line), "{line} {stored}");
    }
    assert!(withheld(&desk).is_empty());
    phone.sync_folder("f7", 10).unwrap();
    assert_eq!(item_text(&phone.items("f7")["a1"], contacts::COMPANY_NAME), "Navy", "nobody is its author");
}

#[test]
fn a_change_of_what_is_gone_becomes_a_new_item_in_its_folder_or_the_default_one() {
    for removed in [false, true] {
        let desk = desk();
        let team = desk.store.reserve_folder(desk.user.id).unwrap();
        let (name, kind) = ("Team".to_owned(), FolderType::UserContacts);
        desk.commit(vec![Write::AddFolder { id: team, parent: None, name, kind }]);
        let id = desk.add(team.number(), &vcard("NOTE:cobol\r\n"));
        let folder = team.to_string();
        let mut phone = phone(&desk, &folder);
        phone.sync(&[Sent::commands(&folder, vec![card(airsync::CHANGE, "a1", "Navy")])]).unwrap();
        desk.commit(vec![if removed { Write::RemoveFolder { id: team } } else { Write::RemoveItem { id } }]);
        restore(&desk).unwrap();
        let there = if removed { CONTACTS } else { team.number() };
        assert_eq!((desk.count(there), desk.stored(id)), (1, None));
        let stored = (id.number() + 1..).find_map(|number| desk.stored(ServerId::new(number))).unwrap();
        assert!(stored.contains("ORG:Navy\r\n"), "{stored}");
    }
}

#[test]
fn a_flag_of_a_mail_comes_back_as_long_as_the_mail_is_there() {
    let desk = desk();
    let mails = [desk.deliver(1, &raw_mail("one")), desk.deliver(1, &raw_mail("two"))];
    let mut phone = phone(&desk, "f1");
    let read = |id| Sent::commands("f1", vec![command(airsync::CHANGE, id, &[(email::READ, "1")])]);
    phone.sync(&[read("a1")]).unwrap();
    assert_eq!(withheld(&desk)[0].title, "one");
    restore(&desk).unwrap();
    let item = desk.store.snapshot(desk.user.id).unwrap().item(mails[0]).unwrap().unwrap();
    assert!(matches!(item.content, Content::Mail(mail) if mail.record.read));
    phone.sync(&[read("a2")]).unwrap();
    desk.commit(vec![Write::RemoveItem { id: mails[1] }]);
    assert!(matches!(restore(&desk), Err(RestoreError::MailGone)));
    assert_eq!(withheld(&desk).len(), 1, "what cannot be put back stays");
}

#[test]
fn an_item_that_breaks_a_rule_of_its_class_stays_in_quarantine() {
    let desk = desk();
    let mut phone = phone(&desk, "f6");
    let fields = [(calendar::SUBJECT, "Dinner"), (calendar::REMINDER, "soon")];
    phone.sync(&[Sent::commands("f6", vec![command(airsync::ADD, "1", &fields)])]).unwrap();
    let outcome = restore(&desk);
    assert!(matches!(outcome, Err(RestoreError::Item(_))), "{outcome:?}");
    assert_eq!((withheld(&desk)[0].title.as_str(), desk.count(6)), ("Dinner", 0));
}

#[test]
fn a_withheld_message_is_sent_to_everybody_it_was_for_and_kept_in_sent_items() {
    let desk = desk();
    let mut phone = desk.phone(Identity::iphone_3gs());
    let message = "To: bob@example.org\r\nBcc: carol@example.org\r\nSubject: gr=?utf-8?q?=C3=BC?=n\r\n\
        Content-Type: text/plain; charset=utf-8\r\n\r\nShort.\r\n";
    for _ in 0..2 {
        let request = phone.request(Command::SendMail, message.as_bytes(), "message/rfc822");
        assert_eq!(phone.transport.exchange(&request).unwrap().code, 200);
    }
    let all = withheld(&desk);
    assert_eq!((all.len(), all[0].quarantined.new.reason.as_str()), (1, "again"), "it was repeated and kept once");
    assert_eq!(all[0].quarantined.new.kind, QuarantinedKind::Message);
    assert!(all[0].title.starts_with("gr"), "{}", all[0].title);
    let queue = || desk.store.due_outgoing(i64::MAX, 9).unwrap();
    assert!(queue().is_empty());
    restore(&desk).unwrap();
    let sent = queue();
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].sender.as_str(), sent[0].recipients.join(" ")),
        ("anna@tenant1.example", "bob@example.org carol@example.org".to_owned(),)
    );
    let raw = String::from_utf8(desk.store.read_blob(sent[0].blob).unwrap()).unwrap();
    assert!(raw.ends_with("Short.\r\n") && !raw.contains("carol"), "{raw}");
    assert_eq!((desk.count(4), withheld(&desk).len()), (1, 0));
}

/// Has a phone send a message that is withheld.
fn send_withheld(desk: &Desk, subject: &str) {
    let mut phone = desk.phone(Identity::iphone_3gs());
    let message = format!(
        "To: bob@example.org, carol@example.org\r\nSubject: {subject}\r\nContent-Type: text/plain\r\n\r\nShort.\r\n"
    );
    let request = phone.request(Command::SendMail, message.as_bytes(), "message/rfc822");
    assert_eq!(phone.transport.exchange(&request).unwrap().code, 200);
}

#[test]
fn what_a_full_mailbox_has_no_room_for_stays_in_quarantine_until_it_has() {
    let desk = desk_with(Settings { quota: Some(600), ..Settings::default() });
    let mut phone = phone(&desk, "f7");
    send_withheld(&desk, "Mail");
    phone.sync(&[Sent::commands("f7", vec![card(airsync::ADD, "1", "Navy")])]).unwrap();
    let ids: Vec<_> = withheld(&desk).iter().map(|one| one.quarantined.id).collect();
    assert_eq!(ids.len(), 2);
    let filling = desk.add(CONTACTS, &vcard(&format!("NOTE:{}\r\n", "x".repeat(480))));
    for id in &ids {
        let outcome = desk.service.restore(&desk.user, *id);
        assert!(
            matches!(outcome, Err(RestoreError::Store(StoreError::OverQuota { bytes_max: 600, .. }))),
            "{outcome:?}"
        );
    }
    assert_eq!((withheld(&desk).len(), desk.count(CONTACTS), desk.count(4)), (2, 1, 0));
    assert!(desk.store.due_outgoing(i64::MAX, 9).unwrap().is_empty());
    // The own quota of a user goes before everybody's.
    let user = desk.store.update_user(&User { quota: Some(1 << 20), ..desk.user.clone() }).unwrap();
    desk.service.restore(&user, ids[0]).unwrap();
    desk.commit(vec![Write::RemoveItem { id: filling }]);
    let user = desk.store.update_user(&User { quota: None, ..user }).unwrap();
    desk.service.restore(&user, ids[1]).unwrap();
    assert_eq!((withheld(&desk).len(), desk.count(CONTACTS), desk.count(4)), (0, 1, 1));
}

#[test]
fn a_withheld_message_counts_among_those_of_an_hour_and_has_no_more_recipients_than_others() {
    let desk = desk_with(Settings { messages_per_hour_max: Some(1), ..Settings::default() });
    send_withheld(&desk, "One");
    send_withheld(&desk, "Two");
    let ids: Vec<_> = withheld(&desk).iter().map(|one| one.quarantined.id).collect();
    desk.service.restore(&desk.user, ids[0]).unwrap();
    let outcome = desk.service.restore(&desk.user, ids[1]);
    assert!(matches!(outcome, Err(RestoreError::MaySendNoMore)), "{outcome:?}");
    assert_eq!((withheld(&desk).len(), desk.store.due_outgoing(i64::MAX, 9).unwrap().len()), (1, 1));

    let desk = desk_with(Settings { recipients_max: 1, ..Settings::default() });
    send_withheld(&desk, "To two");
    assert!(matches!(restore(&desk), Err(RestoreError::MaySendNoMore)));
    assert_eq!((withheld(&desk).len(), desk.count(4)), (1, 0));
}
