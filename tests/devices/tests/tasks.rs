//! Tasks.

use easel_devices_tests::{House, words};
use easel_protocol::FolderType;
use easel_test_support::{Identity, Sent};
use easel_wbxml::Element;
use easel_wbxml::pages::tasks;

#[test]
fn tc30_a_nokia_that_sends_an_empty_rtf_beside_a_text_means_the_text() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let task = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\nBEGIN:VTODO\r\nUID:tea@example.org\r\n\
        DTSTAMP:20260301T080000Z\r\nSUMMARY:tea\r\nDESCRIPTION:before\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";
    user.import("tea.ics", task);
    let (mut phone, folder) = user.begun(Identity::nokia_n97(), FolderType::Tasks);
    assert_eq!(user.served(&phone.identity.device_id).0, "nokia-mfe");
    let (id, _) = words::only(&phone, &folder);
    let changed =
        [Element::text(tasks::BODY, "x"), Element::new(tasks::COMPRESSED_RTF), Element::text(tasks::SUBJECT, "tea")];
    phone.sync(&[Sent::commands(&folder, vec![words::change(&id, changed)])]).unwrap();
    let stored = user.stored(".ics");
    assert!(stored.contains("DESCRIPTION:x\r\n"), "{stored}");
}
