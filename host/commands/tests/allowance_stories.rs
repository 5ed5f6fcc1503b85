//! What a user may send and keep.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::sync::Arc;

use desk::Desk;
use easel_commands::Settings;
use easel_plugin::NoPlugin;
use easel_protocol::{Command, FolderType};
use easel_store::{Store as _, User};
use easel_test_support::{Identity, Phone, Sent, Transport as _};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsync, compose_mail as cm, contacts};

type Line = Phone<desk::Line>;

fn send(phone: &mut Line, name: &str, to: &str, save: bool) -> String {
    let mime = format!("To: {to}\r\nSubject: hello\r\n\r\nHello.\r\n");
    let mut body = Element::of(cm::SEND_MAIL, [Element::text(cm::CLIENT_ID, name)]);
    if save {
        body.push(Element::new(cm::SAVE_IN_SENT_ITEMS));
    }
    body.push(Element::opaque(cm::MIME, mime.as_bytes()));
    let answer = phone.ask(Command::SendMail, Some(&body)).unwrap();
    answer.map_or_else(|| "1".to_owned(), |answer| answer.text_of(cm::STATUS).unwrap().into_owned())
}

fn queued(desk: &Desk) -> usize {
    desk.store.due_outgoing(i64::MAX, 100).unwrap().len()
}

#[test]
fn a_user_sends_so_many_messages_an_hour_and_the_next_hour_again() {
    let desk = Desk::with(Arc::new(NoPlugin), Settings { messages_per_hour_max: Some(3), ..Settings::default() });
    let mut phone = desk.phone(Identity::android());
    let mut other = desk.phone(Identity::iphone_3gs());
    for name in ["a", "b"] {
        assert_eq!(send(&mut phone, name, "bob@example.org", true), "1");
    }
    // The devices of a user share the bound; before 14.0 an HTTP code tells.
    let post = |phone: &mut Line, text: &str| {
        let message = format!("To: bob@example.org\r\n\r\n{text}\r\n");
        let request = phone.request(Command::SendMail, message.as_bytes(), "message/rfc822");
        phone.transport.exchange(&request).unwrap().code
    };
    assert_eq!(post(&mut other, "one"), 200);
    assert_eq!(post(&mut other, "two"), 403);
    assert_eq!(send(&mut phone, "c", "bob@example.org", true), "115");
    assert_eq!((queued(&desk), desk.count(4)), (3, 2), "what is refused leaves nothing");
    desk.at("2026-03-02T10:59:00Z");
    assert_eq!(send(&mut phone, "c", "bob@example.org", true), "115");
    desk.at("2026-03-02T11:00:00Z");
    assert_eq!(send(&mut phone, "c", "bob@example.org", true), "1");
    assert_eq!(queued(&desk), 4);
}

#[test]
fn a_message_goes_to_so_many_people() {
    let desk = Desk::with(Arc::new(NoPlugin), Settings { recipients_max: 2, ..Settings::default() });
    let mut phone = desk.phone(Identity::android());
    assert_eq!(send(&mut phone, "a", "a@example.org, b@example.org, c@example.org", true), "115");
    assert_eq!((queued(&desk), desk.count(4)), (0, 0));
    assert_eq!(send(&mut phone, "a", "a@example.org, b@example.org, A@example.org", true), "1");
}

#[test]
fn a_full_mailbox_keeps_no_copy_so_the_message_does_not_go_but_without_a_copy_it_does() {
    let desk = Desk::with(Arc::new(NoPlugin), Settings { quota: Some(50), ..Settings::default() });
    let mut phone = desk.phone(Identity::android());
    assert_eq!(send(&mut phone, "a", "bob@example.org", true), "113");
    assert_eq!((queued(&desk), desk.count(4)), (0, 0));
    assert_eq!(send(&mut phone, "a", "bob@example.org", false), "1");
    assert_eq!((queued(&desk), desk.count(4)), (1, 0));
}

#[test]
fn the_own_quota_of_a_user_goes_before_everybodys() {
    let desk = Desk::with(Arc::new(NoPlugin), Settings { quota: Some(50), ..Settings::default() });
    for (quota, status) in [(Some(0), "1"), (Some(10), "113"), (Some(1 << 20), "1"), (None, "113")] {
        let user = desk.store.update_user(&User { quota, ..desk.user.clone() }).unwrap();
        let mut phone = desk.phone_of(Identity::android(), &user);
        assert_eq!(send(&mut phone, &format!("{quota:?}"), "bob@example.org", true), status, "{quota:?}");
    }
}

#[test]
fn what_does_not_fit_is_told_item_by_item_and_what_is_removed_makes_room() {
    let desk = Desk::with(Arc::new(NoPlugin), Settings { quota: Some(400), ..Settings::default() });
    let mut phone = desk.phone(Identity::android());
    phone.folder_sync().unwrap();
    let folder = phone.folder(FolderType::Contacts).unwrap();
    phone.sync_folder(&folder, 100).unwrap();
    let add = |name: &str, length: usize| {
        let data = [Element::text(contacts::FIRST_NAME, name), Element::text(contacts::LAST_NAME, "x".repeat(length))];
        let data = Element::of(airsync::APPLICATION_DATA, data);
        Element::of(airsync::ADD, [Element::text(airsync::CLIENT_ID, name), data])
    };
    phone.sync(&[Sent::commands(&folder, vec![add("small", 1), add("large", 1000)])]).unwrap();
    assert_eq!(desk.count(7), 1, "the one that fits is there");
    let held = desk.store.mailbox_bytes(desk.user.id).unwrap();
    assert!(held > 0 && held <= 400, "{held}");
    // A change that would not fit leaves the item as it is.
    let id = phone.items(&folder).keys().next().unwrap().clone();
    let change = |length: usize| {
        let data = Element::of(airsync::APPLICATION_DATA, [Element::text(contacts::LAST_NAME, "y".repeat(length))]);
        Element::of(airsync::CHANGE, [Element::text(airsync::SERVER_ID, &*id), data])
    };
    phone.sync(&[Sent::commands(&folder, vec![change(1000)])]).unwrap();
    assert_eq!(desk.store.mailbox_bytes(desk.user.id).unwrap(), held);
    phone.sync(&[Sent::commands(&folder, vec![change(2)])]).unwrap();
    assert_ne!(desk.store.mailbox_bytes(desk.user.id).unwrap(), held, "one that fits is made");
    // Whoever is over the bound, because it was lowered, still removes things.
    let user = desk.store.update_user(&User { quota: Some(10), ..desk.user.clone() }).unwrap();
    phone.transport.user = user;
    let delete = Element::of(airsync::DELETE, [Element::text(airsync::SERVER_ID, &*id)]);
    phone.sync(&[Sent::commands(&folder, vec![delete])]).unwrap();
    assert_eq!((desk.count(7), desk.store.mailbox_bytes(desk.user.id).unwrap()), (0, 0));
}
