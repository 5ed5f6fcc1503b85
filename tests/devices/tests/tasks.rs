//! Tasks.

use easel_devices_tests::{House, identities, words};
use easel_protocol::FolderType;
use easel_test_support::{Identity, Sent};
use easel_wbxml::Element;
use easel_wbxml::pages::tasks;

/// A device changes the text of a task, and sends an empty RTF beside it; the pack, and what is stored.
fn stored(house: &House, identity: Identity) -> (String, String) {
    let user = house.user("Europe/Berlin");
    let task = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\nBEGIN:VTODO\r\nUID:tea@example.org\r\n\
        DTSTAMP:20260301T080000Z\r\nSUMMARY:tea\r\nDESCRIPTION:before\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";
    user.import("tea.ics", task);
    let (mut phone, folder) = user.begun(identity, FolderType::Tasks);
    let (id, _) = words::only(&phone, &folder);
    let changed = [
        Element::text(tasks::BODY, "x"),
        Element::new(tasks::COMPRESSED_RTF),
        Element::boolean(tasks::COMPLETE, false),
        Element::text(tasks::SUBJECT, "tea"),
    ];
    let synced = phone.sync(&[Sent::commands(&folder, vec![words::change(&id, changed)])]).unwrap();
    assert_eq!(words::responses(&synced, &folder), []);
    let stored = user.stored(".ics");
    let text = stored.lines().find(|line| line.starts_with("DESCRIPTION")).unwrap_or_default();
    (user.served(&phone.identity.device_id).0, text.to_owned())
}

#[test]
fn tc30_a_nokia_that_sends_an_empty_rtf_beside_a_text_means_the_text() {
    let house = House::shared();
    assert_eq!(stored(&house, Identity::nokia_n97()), ("nokia-mfe".to_owned(), "DESCRIPTION:x".to_owned()));
    let other = identities::other("other", "Other/1.0", easel_protocol::Version::V2_5);
    assert_eq!(stored(&house, other), ("default".to_owned(), "DESCRIPTION:before".to_owned()));
}
