//! Addresses that phones cannot bear.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use easel_devices_tests::House;
use easel_devices_tests::words::mail;
use easel_protocol::{Command, FolderType, Version};
use easel_test_support::{Identity, Phone, Socket, Transport as _, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{compose_mail as compose, email};

/// Sends a message in the form of the phone's version.
fn send(phone: &mut Phone<Socket>, message: &str) {
    let (body, kind) = if phone.version >= Version::V14_0 {
        let parts = [
            Element::text(compose::CLIENT_ID, "mail-1"),
            Element::new(compose::SAVE_IN_SENT_ITEMS),
            Element::opaque(compose::MIME, message.as_bytes()),
        ];
        (easel_wbxml::encode(&Element::of(compose::SEND_MAIL, parts)), "application/vnd.ms-sync.wbxml")
    } else {
        (message.as_bytes().to_vec(), "message/rfc822")
    };
    let request = phone.request(Command::SendMail, &body, kind);
    let answer = phone.transport.exchange(&request).unwrap();
    assert_eq!((answer.code, answer.body.len()), (200, 0), "{message}");
}

#[test]
fn tc84_an_address_that_a_phone_cannot_bear_is_written_as_one_it_can_and_read_back_in_its_answer() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let from = |name: &str, from: &str| mail(name, "").replace("From: Bob <bob@example.net>", &format!("From: {from}"));
    user.import("bare.eml", &from("bare", "John Doe/City/Company"));
    user.import("quoted.eml", &from("quoted", "\"John Doe/City/Company\"@example.net"));
    let senders = |phone: &Phone<Socket>, inbox: &str| -> BTreeMap<String, String> {
        let of = |item: Element| (item_text(&item, email::SUBJECT), item_text(&item, email::FROM));
        phone.items(inbox).into_values().map(of).collect()
    };
    for (identity, pack) in [(Identity::iphone_3gs(), "iphone-os-2-3"), (Identity::iphone_today(), "ios-modern")] {
        let (mut phone, inbox) = user.begun(identity, FolderType::Inbox);
        assert_eq!(user.served(&phone.identity.device_id).0, pack);
        let shown = senders(&phone, &inbox);
        for sender in shown.values() {
            let address = sender.rsplit_once('<').map_or(sender.as_str(), |(_, address)| address.trim_end_matches('>'));
            let (local, domain) = address.split_once('@').unwrap();
            assert!(
                domain == "encoded.invalid" && local.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
                "{sender}"
            );
        }
        // The phone answers what it was shown.
        let message = format!("To: {}\r\nSubject: Re: quoted {pack}\r\n\r\nYes.\r\n", shown["quoted"]);
        send(&mut phone, &message);
        let queue = house.easel.json(&["queue", "list"]);
        let queue = queue.as_array().unwrap();
        let mut answers = queue.iter().filter(|one| one["subject"] == format!("Re: quoted {pack}"));
        let answer = answers.next().unwrap_or_else(|| panic!("{queue:#?}"));
        assert_eq!(answer["waiting"], serde_json::json!(["\"John Doe/City/Company\"@example.net"]), "{pack}");
        let copy = user.stored(".mbox");
        assert!(!copy.contains("encoded.invalid"), "{copy}");
    }
    // Who can bear it sees what it is.
    let (other, inbox) = user.begun(Identity::android(), FolderType::Inbox);
    let shown = senders(&other, &inbox);
    assert!(shown.values().all(|sender| sender.contains("John Doe/City/Company")), "{shown:?}");
}
