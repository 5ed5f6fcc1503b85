//! How mail is shown.

#![allow(clippy::unwrap_used, reason = "a panic in a test says what broke")]

use easel_devices_tests::{House, identities, words};
use easel_protocol::{FolderType, Version};
use easel_test_support::{Identity, item_text};
use easel_wbxml::pages::email;

/// A mail to a hundred and fifty people, and twenty more.
fn to_many() -> String {
    let people = |kind: &str, count: usize| -> String {
        (0..count).map(|n| format!("{kind}{n} <{kind}{n}@example.net>")).collect::<Vec<_>>().join(",\r\n ")
    };
    words::mail("many", &format!("To: {}\r\nCc: {}\r\n", people("to", 150), people("cc", 20)))
}

#[test]
fn tc20_a_nokia_is_spared_more_than_a_hundred_recipients() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    user.import("many.eml", &to_many());
    let (phone, inbox) = user.begun(Identity::nokia_n97(), FolderType::Inbox);
    let (_, mail) = words::only(&phone, &inbox);
    for tag in [email::TO, email::CC, email::DISPLAY_TO] {
        assert!(mail.child(tag).is_none(), "{tag}: {mail:#?}");
    }
    assert_eq!(item_text(&mail, email::SUBJECT), "many");
    assert!(item_text(&mail, email::FROM).contains("bob@example.net"));
    assert_eq!(user.served(&phone.identity.device_id).0, "nokia-mfe");
    // A mail to a hundred is shown with them.
    let user = house.user("Europe/Berlin");
    let few = words::mail("few", "To: Anna <anna@example.org>\r\nCc: Zoe <zoe@example.org>\r\n");
    user.import("few.eml", &few);
    let (phone, inbox) = user.begun(Identity::nokia_n97(), FolderType::Inbox);
    let (_, mail) = words::only(&phone, &inbox);
    assert!(item_text(&mail, email::TO).contains("anna@example.org"));
    assert!(item_text(&mail, email::CC).contains("zoe@example.org"));
}

#[test]
fn tc21_an_iphone_sees_all_recipients_with_comma_and_space_between_them() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    user.import("many.eml", &to_many());
    let identity = Identity { version: Version::V2_5, ..identities::iphone_os_3() };
    let (phone, inbox) = user.begun(identity, FolderType::Inbox);
    assert_eq!(user.served(&phone.identity.device_id).0, "iphone-os-2-3");
    let (_, mail) = words::only(&phone, &inbox);
    for (tag, kind, count) in [(email::TO, "to", 150), (email::CC, "cc", 20)] {
        let shown = item_text(&mail, tag);
        assert_eq!(shown.split(", ").count(), count, "{shown}");
        assert!((0..count).all(|n| shown.contains(&format!("<{kind}{n}@example.net>"))), "{shown}");
        assert!(!shown.contains(';'), "{shown}");
    }
}
