//! Who is told of a policy or a wipe, in which form, and what it takes to be heard.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use easel_devices_tests::{House, User, identities};
use easel_protocol::{Command, FolderType, Version};
use easel_test_support::{HttpResponse, Identity, Phone, Sent, Socket, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{folder_hierarchy as fh, provision as prov, settings};

const WBXML: &str = "MS-EAS-Provisioning-WBXML";
const WAP: &str = "MS-WAP-Provisioning-XML";
const DEMANDED: (&str, &str) = ("\nrequired = false", "\nrequired = true");

fn roadsync() -> Identity {
    identities::other("Android", "RoadSync-Android/2.502", Version::V2_5)
}

fn astrasync() -> Identity {
    identities::other("BlackBerry", "BlackBerry/5.2.200 UNTRUSTED/1.0", Version::V14_1)
}

/// What the tree is answered with, whatever it is.
fn tree(phone: &mut Phone<Socket>) -> HttpResponse {
    let body = Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, "0")]);
    phone.post(Command::FolderSync, Some(&body)).unwrap()
}

fn policy(kind: &str, more: impl IntoIterator<Item = Element>) -> Element {
    let policy = [Element::text(prov::POLICY_TYPE, kind)].into_iter().chain(more);
    Element::of(prov::POLICIES, [Element::of(prov::POLICY, policy)])
}

/// The answer to the first phase of Provision.
fn asked(phone: &mut Phone<Socket>, kind: &str) -> Element {
    let mut body = Element::new(prov::PROVISION);
    if phone.version >= Version::V14_1 {
        let model = Element::of(settings::SET, [Element::text(settings::MODEL, phone.identity.name)]);
        body.push(Element::of(settings::DEVICE_INFORMATION, [model]));
    }
    body.push(policy(kind, []));
    phone.ask(Command::Provision, Some(&body)).unwrap().unwrap()
}

/// Status of the one policy in an answer, and its document.
fn told(answer: &Element) -> (String, Option<Element>) {
    let policy = answer.at(&[prov::POLICIES, prov::POLICY]).unwrap();
    (item_text(policy, prov::STATUS), policy.child(prov::DATA).cloned())
}

#[test]
fn tc54_gmail_is_sent_no_policy_that_nobody_demands_and_the_one_that_the_operator_insists_on() {
    let begins = |house: &House| {
        let user = house.user("Europe/Berlin");
        let mut phone = user.phone(identities::gmail());
        phone.options().unwrap();
        let answer = tree(&mut phone);
        assert_eq!((answer.code, user.served(&phone.identity.device_id).0.as_str()), (200, "gmail-android"), "no 449");
        let status = item_text(&easel_wbxml::decode(&answer.body).unwrap(), fh::STATUS);
        let (policy, document) = told(&asked(&mut phone, WBXML));
        assert_eq!(policy == "1", document.is_some());
        // Whatever it was told, it gets on.
        phone.provision().unwrap();
        phone.folder_sync().unwrap();
        let inbox = phone.folder(FolderType::Inbox).unwrap();
        assert_eq!(phone.sync_folder(&inbox, 10).unwrap(), 0);
        (status, policy)
    };
    let (fine, none) = ("1".to_owned(), "2".to_owned());
    assert_eq!(begins(&House::shared()), (fine.clone(), none.clone()));
    let leave = ("allow_exempt = []", "allow_exempt = [\"gmail-android\"]");
    assert_eq!(begins(&House::with(&[DEMANDED, leave])), (fine, none), "the operator gives it leave");
    assert_eq!(begins(&House::with(&[DEMANDED])), ("142".to_owned(), "1".to_owned()), "the operator insists");
}

/// Orders a device to be wiped whole. It must be nobody else's as well: then only the account would go.
fn wipe(user: &User<'_>, phone: &Phone<Socket>) {
    let id = &phone.identity.device_id;
    user.house.easel.run(&["device", "wipe", &user.login, id, "--whole-device", "--confirm", id]).ok();
}

#[test]
fn tc56_a_wipe_comes_with_a_policy_where_the_phone_would_not_obey_it_otherwise() {
    let ordered = |house: &House| {
        let user = house.user("Europe/Berlin");
        let old = identities::other("Android", "Android/4.0.3-EAS-1.3", Version::V14_0);
        let mut phone = user.ready(Identity { device_id: format!("WIPE{}", user.login), ..old });
        wipe(&user, &phone);
        assert_eq!(item_text(&easel_wbxml::decode(&tree(&mut phone).body).unwrap(), fh::STATUS), "140");
        let answer = asked(&mut phone, WBXML);
        assert!(answer.child(prov::REMOTE_WIPE).is_some());
        answer.child(prov::POLICIES).map(|_| told(&answer))
    };
    assert_eq!(ordered(&House::shared()), None);
    let with_data = ("settings = []", "settings = [\"policy.wipe_with_data=true\"]");
    let (status, document) = ordered(&House::with(&[with_data])).unwrap();
    assert_eq!((status.as_str(), document.is_some()), ("1", true));
}

#[test]
fn tc57_a_wipe_acknowledged_with_the_status_first_is_heard() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let ios_5 = identities::other("iPhone", "Apple-iPhone4C1/901.405", Version::V14_0);
    let mut phone = user.ready(Identity { device_id: format!("WIPE{}", user.login), ..ios_5 });
    wipe(&user, &phone);
    assert!(asked(&mut phone, WBXML).child(prov::REMOTE_WIPE).is_some());
    let acknowledged = [Element::text(prov::STATUS, "1"), Element::new(prov::REMOTE_WIPE)];
    let acknowledged = Element::of(prov::PROVISION, acknowledged);
    let answer = phone.ask(Command::Provision, Some(&acknowledged)).unwrap().unwrap();
    assert_eq!((item_text(&answer, prov::STATUS), answer.child(prov::REMOTE_WIPE)), ("1".to_owned(), None));
    assert_eq!(user.device(&phone.identity.device_id)["wipe"], "done");
    // Whoever has it next speaks to the administrator; after that it is a device like any other.
    assert_eq!(item_text(&easel_wbxml::decode(&tree(&mut phone).body).unwrap(), fh::STATUS), "129");
    house.easel.run(&["device", "forget", &user.login, &phone.identity.device_id]).ok();
    phone.provision().unwrap();
    "0".clone_into(&mut phone.hierarchy_key);
    phone.folder_sync().unwrap();
}

#[test]
fn tc59_the_second_phase_said_once_more_is_answered_with_the_same_key() {
    let house = House::with(&[DEMANDED]);
    let user = house.user("Europe/Berlin");
    let mut phone = user.phone(roadsync());
    assert_eq!(tree(&mut phone).code, 449);
    assert_eq!(user.served(&phone.identity.device_id).0, "roadsync");
    let first = asked(&mut phone, WAP);
    let key = |answer: &Element| item_text(answer.at(&[prov::POLICIES, prov::POLICY]).unwrap(), prov::POLICY_KEY);
    let temporary = key(&first);
    phone.policy_key = temporary.parse().unwrap();
    let acknowledged = [Element::text(prov::POLICY_KEY, temporary.clone()), Element::text(prov::STATUS, "1")];
    let body = Element::of(prov::PROVISION, [policy(WAP, acknowledged)]);
    let mut second = || key(&phone.ask(Command::Provision, Some(&body)).unwrap().unwrap());
    let keys = [second(), second(), second()];
    assert!(keys[0] != temporary && keys.iter().all(|one| *one == keys[0]), "{temporary} {keys:?}");
    phone.policy_key = keys[0].parse().unwrap();
    phone.folder_sync().unwrap();
}

#[test]
fn tc82_what_may_be_astrasync_gets_full_answers_and_a_policy_it_need_not_obey() {
    let leave = ("allow_exempt = []", "allow_exempt = [\"blackberry-addon\"]");
    let house = House::with(&[DEMANDED, leave]);
    let user = house.user("Europe/Berlin");
    let mut phone = user.phone(astrasync());
    phone.options().unwrap();
    assert_eq!(phone.version, Version::V2_5);
    // Loose: it comes in before it has accepted anything.
    phone.folder_sync().unwrap();
    assert_eq!(user.served(&phone.identity.device_id).0, "blackberry-addon");
    let (status, document) = told(&asked(&mut phone, WAP));
    let document = document.unwrap().value().into_owned();
    assert!(status == "1" && document.starts_with("<wap-provisioningdoc>"), "{status} {document}");
    // Full: an answer without news says everything again.
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    phone.sync_folder(&inbox, 10).unwrap();
    let quiet = phone.sync(&[Sent::ask(&inbox)]).unwrap();
    assert!(!quiet.empty && quiet.collections.contains_key(&inbox));
    // Where the operator gave no leave, the policy holds for it too.
    let house = House::with(&[DEMANDED]);
    let mut phone = house.user("Europe/Berlin").phone(astrasync());
    phone.options().unwrap();
    assert_eq!(tree(&mut phone).code, 449);
}
