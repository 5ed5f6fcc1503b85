//! How the policy is said, and that it holds.

#![allow(clippy::unwrap_used, reason = "a panic in a test says what broke")]

use easel_devices_tests::{House, User, identities};
use easel_protocol::{Command, Version};
use easel_test_support::{Identity, Phone, Socket, item_text};
use easel_wbxml::pages::{folder_hierarchy as fh, provision as p};
use easel_wbxml::{Element, Tag};

const PASSWORD_DETAILS: [Tag; 9] = [
    p::ALPHANUMERIC_DEVICE_PASSWORD_REQUIRED,
    p::PASSWORD_RECOVERY_ENABLED,
    p::MIN_DEVICE_PASSWORD_LENGTH,
    p::MAX_INACTIVITY_TIME_DEVICE_LOCK,
    p::MAX_DEVICE_PASSWORD_FAILED_ATTEMPTS,
    p::ALLOW_SIMPLE_DEVICE_PASSWORD,
    p::DEVICE_PASSWORD_EXPIRATION,
    p::DEVICE_PASSWORD_HISTORY,
    p::MIN_DEVICE_PASSWORD_COMPLEX_CHARACTERS,
];

/// One phase of Provision: the Policy of the answer; `None` when the whole request is refused.
fn provision(phone: &mut Phone<Socket>, more: Vec<Element>) -> Option<Element> {
    let mut policy = vec![Element::text(p::POLICY_TYPE, "MS-EAS-Provisioning-WBXML")];
    policy.extend(more);
    let body = Element::of(p::PROVISION, [Element::of(p::POLICIES, [Element::of(p::POLICY, policy)])]);
    let root = phone.ask(Command::Provision, Some(&body)).unwrap().unwrap();
    root.at(&[p::POLICIES, p::POLICY]).cloned()
}

/// The settings a phone is offered, and the temporary key.
fn offered(phone: &mut Phone<Socket>) -> (Element, String) {
    phone.options().unwrap();
    let policy = provision(phone, Vec::new()).unwrap();
    assert_eq!(item_text(&policy, p::STATUS), "1");
    let document = policy.at(&[p::DATA, p::EAS_PROVISION_DOC]).unwrap().clone();
    (document, item_text(&policy, p::POLICY_KEY))
}

/// How many details of a password a device is told.
fn details(user: &User<'_>, identity: Identity) -> (String, usize) {
    let mut phone = user.phone(identity);
    let (document, _) = offered(&mut phone);
    assert_eq!(item_text(&document, p::DEVICE_PASSWORD_ENABLED), "0");
    let told = PASSWORD_DETAILS.iter().filter(|tag| document.child(**tag).is_some()).count();
    (user.served(&phone.identity.device_id).0, told)
}

#[test]
fn tc25_a_nokia_is_told_every_detail_of_a_password_that_is_not_demanded() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let all = ("nokia-mfe".to_owned(), PASSWORD_DETAILS.len());
    assert_eq!(details(&user, identities::nokia_mfe_3()), all);
    assert_eq!(details(&user, identities::nokia_symbian_anna()), all);
}

#[test]
fn tc26_an_htc_with_android_2_1_is_told_no_detail_of_a_password_that_is_not_demanded() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let identity = identities::other("htcdesire", "HTC-HTC Desire/2.1", Version::V12_1);
    assert_eq!(details(&user, identity), ("default".to_owned(), 0));
}

/// FolderSync from the start: the code of the answer.
fn tree(phone: &mut Phone<Socket>) -> u16 {
    let body = Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, "0")]);
    phone.post(Command::FolderSync, Some(&body)).unwrap().code
}

#[test]
fn tc27_a_symbian_that_cannot_take_a_forbidden_browser_is_refused_and_never_told_that_it_may() {
    let house = House::with(&[
        ("\nrequired = false", "\nrequired = true"),
        ("#DevicePasswordEnabled = true", "AllowBrowser = false"),
    ]);
    let user = house.user("Europe/Berlin");
    let mut anna = user.phone(identities::nokia_symbian_anna());
    let (document, temporary) = offered(&mut anna);
    assert_eq!(user.served(&anna.identity.device_id), ("nokia-mfe".to_owned(), "mfe-3".to_owned()));
    assert_eq!(item_text(&document, p::ALLOW_BROWSER), "0");
    // Of what restricts nothing it is told only what it can take; others are told everything.
    assert!(document.child(p::ALLOW_CAMERA).is_none() && document.child(p::ALLOW_HTML_EMAIL).is_some());
    let mut other = user.phone(identities::other("other", "Other/1.0", Version::V12_1));
    let (document, _) = offered(&mut other);
    assert_eq!(item_text(&document, p::ALLOW_BROWSER), "0");
    assert!(document.child(p::ALLOW_CAMERA).is_some());
    // It does not apply the policy, and so gets nothing.
    anna.policy_key = temporary.parse().unwrap();
    let said = vec![Element::text(p::POLICY_KEY, temporary), Element::number(p::STATUS, 3)];
    let answer = provision(&mut anna, said).unwrap();
    assert!(answer.child(p::POLICY_KEY).is_none(), "{answer:#?}");
    assert_eq!(tree(&mut anna), 449);
    anna.policy_key = 0;
    assert_eq!(tree(&mut anna), 449);
    assert_ne!(user.device(&anna.identity.device_id)["policy"], "applied");
    let log = house.stop();
    let told = log.lines().find(|line| line.contains("does not apply the policy")).unwrap_or_default();
    assert!(told.contains("nokia-mfe"), "{log}");
}
