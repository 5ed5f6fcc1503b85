//! Clients that somebody else made for a phone.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use easel_devices_tests::words::{change, only};
use easel_devices_tests::{House, identities};
use easel_protocol::{FolderType, Version};
use easel_test_support::{Identity, Sent, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::tasks;

const SOAP: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\nBEGIN:VTODO\r\nUID:soap\r\n\
                    DTSTAMP:20100401T080000Z\r\nDUE;VALUE=DATE:20100501\r\nSUMMARY:Soap\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";

#[test]
fn tc58_a_task_that_is_due_has_a_start_as_well_on_roadsync_and_both_in_both_forms() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    user.import("task.ics", SOAP);
    let roadsync = identities::other("Android", "RoadSync-Android/2.502", Version::V2_5);
    let dates = |item: &Element| {
        [tasks::UTC_START_DATE, tasks::START_DATE, tasks::UTC_DUE_DATE, tasks::DUE_DATE].map(|tag| item_text(item, tag))
    };
    let (mut phone, folder) = user.begun(roadsync, FolderType::Tasks);
    assert_eq!(user.served(&phone.identity.device_id).0, "roadsync");
    let (id, shown) = only(&phone, &folder);
    // The first of May begins in Berlin two hours before it does in Greenwich.
    let (utc, local) = ("2010-04-30T22:00:00.000Z", "2010-05-01T00:00:00.000Z");
    assert_eq!(dates(&shown), [utc, local, utc, local]);
    // Who has no need of it is not told of a start.
    let (other, book) = user.begun(Identity::nokia_n97(), FolderType::Tasks);
    assert_eq!(dates(&only(&other, &book).1), ["", "", utc, local]);
    // What was only shown does not become one.
    let sent = shown.children().filter(|one| one.tag != tasks::SUBJECT).cloned();
    let sent = sent.chain([Element::text(tasks::SUBJECT, "More soap")]);
    phone.sync(&[Sent::commands(&folder, vec![change(&id, sent)])]).unwrap();
    let stored = user.stored(".ics");
    assert!(stored.contains("SUMMARY:More soap") && stored.contains("20100501"), "{stored}");
    assert!(!stored.contains("DTSTART"), "{stored}");
}
