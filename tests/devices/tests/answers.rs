//! The form of answers: those without news, estimates, and what stands in one answer together.

#![allow(clippy::unwrap_used, reason = "a panic in a test says what broke")]

use std::thread;

use easel_devices_tests::{House, User, identities, words};
use easel_protocol::{Command, FolderType, Version};
use easel_test_support::{Identity, Phone, Sent, Socket, item_text};
use easel_wbxml::pages::{airsync, airsyncbase, email, get_item_estimate as gie};
use easel_wbxml::{Element, decode};

/// The answer to a Sync of an Inbox without news; `None` when it has no bytes.
fn no_news(user: &User<'_>, identity: Identity) -> (String, Option<Element>) {
    let (mut phone, inbox) = user.begun(identity, FolderType::Inbox);
    let body = phone.sync_request(&[Sent::ask(&inbox)]);
    let response = phone.post(Command::Sync, Some(&body)).unwrap();
    assert_eq!(response.code, 200);
    let pack = user.served(&phone.identity.device_id).0;
    (pack, (!response.body.is_empty()).then(|| decode(&response.body).unwrap()))
}

/// The only collection of an answer.
fn collection(root: &Element) -> &Element {
    root.at(&[airsync::COLLECTIONS, airsync::COLLECTION]).unwrap()
}

#[test]
fn tc14_windows_mobile_at_12_0_gets_a_full_answer_without_news_with_its_class() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let identity = Identity { version: Version::V12_0, ..identities::windows_mobile() };
    let (pack, answer) = no_news(&user, identity);
    let answer = answer.expect("an answer with bytes");
    let inbox = collection(&answer);
    assert_eq!((pack.as_str(), item_text(inbox, airsync::CLASS)), ("windows-mobile", "Email".into()));
    assert_eq!(item_text(inbox, airsync::STATUS), "1");
    assert_ne!(item_text(inbox, airsync::SYNC_KEY), "");
    assert!(inbox.child(airsync::COMMANDS).is_none() && inbox.child(airsync::RESPONSES).is_none());
}

#[test]
fn tc15_an_iphone_at_12_1_gets_no_bytes_without_news() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    assert_eq!(no_news(&user, identities::iphone_os_3()), ("iphone-os-2-3".to_owned(), None));
}

#[test]
fn tc16_meego_at_14_0_gets_a_full_answer_where_others_get_no_bytes() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let (pack, answer) = no_news(&user, identities::meego());
    let answer = answer.expect("an answer with bytes");
    let inbox = collection(&answer);
    assert_eq!((pack.as_str(), item_text(inbox, airsync::STATUS)), ("maemo-meego", "1".into()));
    assert!(inbox.child(airsync::CLASS).is_none());
    let other = Identity { base64: true, ..identities::other("other", "Other/1.0", Version::V14_0) };
    assert_eq!(no_news(&user, other), ("default".to_owned(), None));
}

#[test]
fn tc17_samsung_with_android_2_3_gets_no_bytes_without_news() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let identity = identities::other("SAMSUNGGTI9100", "SAMSUNG-GT-I9100/100.20304", Version::V12_1);
    assert_eq!(no_news(&user, identity), ("default".to_owned(), None));
}

/// GetItemEstimate of a folder with a key: status and estimate.
fn estimate(phone: &mut Phone<Socket>, folder: &str, key: &str) -> (String, String) {
    let asked = [
        Element::text(airsync::SYNC_KEY, key),
        Element::text(gie::COLLECTION_ID, folder),
        Element::of(airsync::OPTIONS, [Element::number(airsync::FILTER_TYPE, 0)]),
    ];
    let collections = Element::of(gie::COLLECTIONS, [Element::of(gie::COLLECTION, asked)]);
    let body = Element::of(gie::GET_ITEM_ESTIMATE, [collections]);
    let root = phone.ask(Command::GetItemEstimate, Some(&body)).unwrap().unwrap();
    let response = root.child(gie::RESPONSE).unwrap();
    let estimate = response.child(gie::COLLECTION).map(|one| item_text(one, gie::ESTIMATE));
    (item_text(response, gie::STATUS), estimate.unwrap_or_default())
}

#[test]
fn tc18_windows_mobile_that_never_syncs_what_is_estimated_at_0_waits_in_ping_all_the_same() {
    // Alone, so that whoever waits is this phone.
    let house = House::with(&[]);
    let user = house.user("Europe/Berlin");
    let (mut phone, inbox) = user.begun(identities::windows_mobile(), FolderType::Inbox);
    // A mail that came and went before the phone saw it.
    user.import("came.eml", &words::mail("came", ""));
    let (mut other, its_inbox) = user.begun(Identity::android(), FolderType::Inbox);
    let (item, _) = words::only(&other, &its_inbox);
    other.sync(&[Sent::commands(&its_inbox, vec![words::delete(&item)])]).unwrap();
    let key = phone.collections[&inbox].key.clone();
    assert_eq!(estimate(&mut phone, &inbox, &key), ("1".into(), "0".into()));
    let watched = vec![inbox.clone()];
    let waiting = thread::spawn(move || {
        let answer = phone.ping(&watched, 600).unwrap();
        (phone, answer)
    });
    while house.easel.json(&["check"])["server"]["waiting"] != 1 {
        assert!(!waiting.is_finished(), "{:?}", waiting.join().unwrap().1);
    }
    user.import("stays.eml", &words::mail("stays", ""));
    let (mut phone, answer) = waiting.join().unwrap();
    assert_eq!(answer, ("2".to_owned(), vec![inbox.clone()]));
    assert_eq!(estimate(&mut phone, &inbox, &key), ("1".into(), "1".into()));
    assert_eq!(phone.sync_folder(&inbox, 10).unwrap(), 1);
}

#[test]
fn tc19_an_estimate_with_a_wrong_key_is_1_and_the_sync_that_follows_says_what_is_wrong() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let (mut phone, inbox) = user.begun(Identity::android(), FolderType::Inbox);
    assert_eq!(estimate(&mut phone, &inbox, "{0}1234"), ("1".into(), "1".into()));
    phone.collections.get_mut(&inbox).unwrap().key = "{0}1234".into();
    let body = phone.sync_request(&[Sent::ask(&inbox)]);
    let root = phone.ask(Command::Sync, Some(&body)).unwrap().unwrap();
    assert_eq!(item_text(collection(&root), airsync::STATUS), "3");
}

#[test]
fn tc34_a_mail_that_was_read_and_flagged_is_one_change_to_an_iphone() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    user.import("twice.eml", &words::mail("twice", ""));
    let (mut phone, inbox) = user.begun(identities::iphone_os_3(), FolderType::Inbox);
    let (mut other, its_inbox) = user.begun(Identity::android(), FolderType::Inbox);
    let (item, _) = words::only(&other, &its_inbox);
    let read = words::change(&item, [Element::boolean(email::READ, true)]);
    other.sync(&[Sent::commands(&its_inbox, vec![read])]).unwrap();
    let flag = [Element::number(email::STATUS, 2), Element::text(email::FLAG_TYPE, "Flag for follow up")];
    let flagged = words::change(&item, [Element::of(email::FLAG, flag)]);
    other.sync(&[Sent::commands(&its_inbox, vec![flagged])]).unwrap();
    let synced = phone.sync(&[Sent::ask(&inbox)]).unwrap();
    let commands = words::commands(&synced, &inbox);
    assert_eq!(commands.iter().map(|one| one.tag).collect::<Vec<_>>(), [airsync::CHANGE], "{commands:#?}");
    let data = commands[0].child(airsync::APPLICATION_DATA).unwrap();
    assert_eq!(item_text(data, email::READ), "1");
    assert_eq!(data.child(email::FLAG).map(|flag| item_text(flag, email::STATUS)), Some("2".into()));
}

#[test]
fn tc35_a_fetch_with_key_0_is_passed_over() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    user.import("one.eml", &words::mail("one", ""));
    let (phone, inbox) = user.begun(identities::iphone_os_3(), FolderType::Inbox);
    let (item, _) = words::only(&phone, &inbox);
    let mut phone = user.ready(Identity { device_id: "Appl0".into(), ..identities::iphone_os_3() });
    let body = phone.sync_request(&[Sent::commands(&inbox, vec![words::fetch(&item)])]);
    let root = phone.ask(Command::Sync, Some(&body)).unwrap().unwrap();
    let answered = collection(&root);
    assert_eq!(item_text(answered, airsync::STATUS), "1");
    assert!(answered.child(airsync::RESPONSES).is_none(), "{answered:#?}");
    phone.take_sync(Some(root)).unwrap();
    assert_eq!(phone.sync_folder(&inbox, 10).unwrap(), 1);
}

#[test]
fn tc36_what_an_iphone_fetches_comes_without_the_changes_that_wait() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    user.import("one.eml", &words::mail("one", ""));
    let mut begun = [identities::iphone_os_3(), identities::other("other", "Other/1.0", Version::V12_1)]
        .map(|identity| user.begun(identity, FolderType::Inbox));
    user.import("two.eml", &words::mail("two", ""));
    let mut seen = Vec::new();
    for (phone, inbox) in &mut begun {
        let (item, _) = words::only(phone, inbox);
        let preference = [Element::number(airsyncbase::TYPE, 1), Element::number(airsyncbase::TRUNCATION_SIZE, 9999)];
        let asked = Sent {
            options: Some(vec![Element::of(airsyncbase::BODY_PREFERENCE, preference)]),
            ..Sent::commands(inbox, vec![words::fetch(&item)])
        };
        let synced = phone.sync(&[asked]).unwrap();
        let responses = words::responses(&synced, inbox);
        assert_eq!(responses.len(), 1);
        assert_eq!((responses[0].tag, item_text(&responses[0], airsync::SERVER_ID)), (airsync::FETCH, item));
        let together = words::commands(&synced, inbox).len();
        seen.push((user.served(&phone.identity.device_id).0, together));
        assert_eq!(phone.sync_folder(inbox, 10).unwrap(), 1 - together);
        assert_eq!(phone.items(inbox).len(), 2);
    }
    // Only the pack makes the difference.
    assert_eq!(seen, [("iphone-os-2-3".to_owned(), 0), ("default".to_owned(), 1)]);
}
