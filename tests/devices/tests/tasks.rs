//! Tasks.

#![allow(clippy::unwrap_used, reason = "a panic in a test says what broke")]

use easel_devices_tests::{House, identities, words};
use easel_protocol::{FolderType, Version};
use easel_test_support::{Identity, Sent};
use easel_wbxml::Element;
use easel_wbxml::pages::tasks;

/// "hello world". MS-OXRTFCP 4.1.1 "Example 1: Simple Compressed RTF".
const HELLO_WORLD: &str = "LQAAACsAAABMWkZ18cXHpwMACgByY3BnMTI1QjIK8yBoZWwJACBidwWwbGR9CoAPoA==";

/// A device changes a task that says "before"; the pack, and what the task says then.
fn said(house: &House, identity: Identity, text: Vec<Element>) -> (String, String) {
    let user = house.user("Europe/Berlin");
    let task = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\nBEGIN:VTODO\r\nUID:tea@example.org\r\n\
        DTSTAMP:20260301T080000Z\r\nSUMMARY:tea\r\nDESCRIPTION:before\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";
    user.import("tea.ics", task);
    let (mut phone, folder) = user.begun(identity, FolderType::Tasks);
    let (id, _) = words::only(&phone, &folder);
    let mut changed = text;
    changed.extend([Element::boolean(tasks::COMPLETE, false), Element::text(tasks::SUBJECT, "tea")]);
    let synced = phone.sync(&[Sent::commands(&folder, vec![words::change(&id, changed)])]).unwrap();
    assert_eq!(words::responses(&synced, &folder), []);
    let stored = user.stored(".ics");
    let text = stored.lines().find_map(|line| line.strip_prefix("DESCRIPTION:")).unwrap_or_default();
    (user.served(&phone.identity.device_id).0, text.to_owned())
}

#[test]
fn tc30_a_nokia_that_sends_an_empty_rtf_beside_a_text_means_the_text_and_nothing_by_an_old_rtf() {
    let house = House::shared();
    let pair = |pack: &str, text: &str| (pack.to_owned(), text.to_owned());
    let both = vec![Element::text(tasks::BODY, "x"), Element::new(tasks::COMPRESSED_RTF)];
    assert_eq!(said(&house, Identity::nokia_n97(), both), pair("nokia-mfe", "x"));
    // RTF that was sent to it once comes back as it was, whatever its owner wrote; that of others is meant.
    let old = || vec![Element::text(tasks::COMPRESSED_RTF, HELLO_WORLD)];
    assert_eq!(said(&house, Identity::nokia_n97(), old()), pair("nokia-mfe", "before"));
    let other = identities::other("other", "Other/1.0", Version::V2_5);
    assert_eq!(said(&house, other, old()), pair("default", "hello world"));
}
