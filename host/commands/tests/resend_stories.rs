//! What a device is sent when its settings show items otherwise.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::sync::{Arc, Mutex};

use desk::{Desk, Line, raw_mail};
use easel_commands::{Service, Settings};
use easel_plugin::Value;
use easel_plugin::scripted::ScriptedPlugin;
use easel_protocol::{CollectionId, Facts, FolderType, WindowKey};
use easel_store::{NewContent, Store, Write};
use easel_test_support::{Identity, Phone, Sent, item_text};
use easel_wbxml::pages::{contacts, email};

const INBOX: u64 = 1;
const CONTACTS: u64 = 7;
/// The most that is sent again.
const RESEND_MAX: usize = 4096;

/// From now on the phone is served with another setting.
fn set(desk: &Desk, phone: &mut Phone<Line>, name: &str, value: Value) {
    let store: Arc<dyn Store> = Arc::clone(&desk.store) as Arc<dyn Store>;
    let now = Arc::clone(&desk.now);
    let clock = Arc::new(move || *Mutex::lock(&now).unwrap());
    let plugin = Arc::new(ScriptedPlugin::new().set(name, value));
    phone.transport.service = Arc::new(Service::new(store, plugin, Settings::default(), clock));
}

/// A phone that holds so many contacts.
fn with_contacts(count: usize) -> (Desk, Phone<Line>, String) {
    let desk = Desk::new();
    let first = desk.store.reserve_items(desk.user.id, count as u64).unwrap().number();
    let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:A;;;;\r\nFN:A\r\nBDAY:1980-03-01\r\nEND:VCARD\r\n";
    let add = |number: usize| Write::AddItem {
        id: easel_protocol::ServerId::new(first + number as u64),
        folder: CollectionId::new(CONTACTS),
        content: NewContent::Object(card.to_owned()),
        facts: Facts::of(WindowKey::FOREVER),
    };
    desk.commit((0..count).map(add).collect());
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    let folder = phone.folder(FolderType::Contacts).unwrap();
    assert_eq!(phone.sync_folder(&folder, 512).unwrap(), count);
    (desk, phone, folder)
}

#[test]
fn a_folder_is_sent_again_up_to_a_size_and_beyond_it_the_phone_starts_over() {
    let birthday = |name: &str| Value::Text(name.to_owned());
    let (desk, mut phone, folder) = with_contacts(RESEND_MAX);
    set(&desk, &mut phone, "contact.birthday", birthday("utc08"));
    assert_eq!(phone.sync_folder(&folder, 512).unwrap(), RESEND_MAX);
    let told = |phone: &Phone<Line>| {
        phone.items(&folder).values().all(|item| item_text(item, contacts::BIRTHDAY) == "1980-03-01T08:00:00.000Z")
    };
    assert!(told(&phone));
    let (desk, mut phone, folder) = with_contacts(RESEND_MAX + 1);
    set(&desk, &mut phone, "contact.birthday", birthday("utc08"));
    let refused = phone.sync(&[Sent::ask(&folder)]).unwrap_err();
    assert!(refused.to_string().contains("status 3"), "{refused}");
    phone.collections.remove(&folder);
    assert_eq!(phone.sync_folder(&folder, 512).unwrap(), RESEND_MAX + 1);
    assert!(told(&phone));
}

#[test]
fn only_what_is_within_the_filter_and_on_the_phone_is_sent_again() {
    let desk = Desk::new();
    let old = "2025-01-01T10:00:00Z".parse().unwrap();
    desk.deliver_at(INBOX, &raw_mail("old"), old);
    desk.deliver(INBOX, &raw_mail("new"));
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    let mut options = vec![easel_wbxml::Element::number(easel_wbxml::pages::airsync::FILTER_TYPE, 3)];
    options.extend(phone.body_options(easel_protocol::Class::Email));
    phone.sync(&[Sent { options: Some(options), ..Sent::ask(&inbox) }]).unwrap();
    assert_eq!(phone.sync(&[Sent::ask(&inbox)]).unwrap().entries, 1);
    set(&desk, &mut phone, "mail.max_recipients", Value::Number(1));
    // A mail that comes now is sent once.
    desk.deliver(INBOX, &raw_mail("newer"));
    assert_eq!(phone.sync(&[Sent::ask(&inbox)]).unwrap().entries, 2);
    let subjects: Vec<String> = phone.items(&inbox).values().map(|item| item_text(item, email::SUBJECT)).collect();
    assert_eq!(subjects, ["new", "newer"]);
    assert!(phone.sync(&[Sent::ask(&inbox)]).unwrap().empty);
}
