//! Passwords for one phone or app each.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use easel_protocol::FolderType;
use easel_store::{AppSecret, LocalBus, NewAppPassword, Store as _};
use easel_store_sqlite::SqliteStore;
use easel_test_support::{Identity, Phone, Serving, Socket};
use serde_json::Value;

use crate::support::{House, files};

/// A tenant's users, and what they may be called.
const VERB: [&str; 2] = ["user", "app-password"];

#[track_caller]
fn json(house: &House, arguments: &[&str]) -> Value {
    house.json(&[&VERB, arguments].concat())
}

#[track_caller]
fn refused(house: &House, arguments: &[&str]) -> String {
    house.run(&[&VERB, arguments].concat()).refused()
}

/// Makes an app password: its secret.
#[track_caller]
fn add(house: &House, arguments: &[&str]) -> String {
    json(house, &[&["add"], arguments].concat())["password"].as_str().unwrap().to_owned()
}

fn phone(serving: &Serving, password: &str, identity: Identity) -> Phone<Socket> {
    let mut phone = Phone::new(Socket::new(serving.address, "anna", password), identity, "anna");
    phone.options().unwrap();
    phone.folder_sync().unwrap();
    phone
}

/// A phone that waits for mail in a thread; what its Ping was answered with.
fn waiting(mut phone: Phone<Socket>) -> mpsc::Receiver<Result<String, String>> {
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    phone.sync_folder(&inbox, 100).unwrap();
    let (told, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let answer = phone.ping(&[inbox], 600);
        // The test may be over.
        let _ = told.send(answer.map(|(status, _)| status).map_err(|error| format!("{error:#}")));
    });
    heard
}

fn until_waiting(house: &House, count: u64) {
    while house.json(&["check"])["server"]["waiting"] != count {}
}

#[test]
fn an_app_password_is_shown_once_and_stored_as_a_hash() {
    let house = House::with_anna();
    let said = house.run(&[&VERB[..], &["add", "anna", "--name", "Ann's phone"]].concat()).ok();
    let secret = said.trim_end().rsplit(' ').next().unwrap().to_owned();
    assert!(said.starts_with("added the app password \"Ann's phone\" of anna@defaultcontext; it is "), "{said}");
    let groups: Vec<&str> = secret.split('-').collect();
    assert_eq!((groups.len(), groups.iter().all(|group| group.len() == 4)), (7, true), "{secret}");
    let other = add(&house, &["anna"]);
    assert_ne!(other, secret);
    let listed = house.run(&[&VERB[..], &["list", "anna"]].concat()).ok();
    assert!(listed.contains("Ann's phone") && listed.contains("phone 1") && listed.contains("never"), "{listed}");
    for (name, bytes) in files(&house.path("house")) {
        let letters: String = String::from_utf8_lossy(&bytes).chars().filter(|c| *c != '-').collect();
        assert!(!letters.contains(&secret.replace('-', "")), "{name}");
    }
    // What a server that runs makes is not in its log either.
    let serving = house.serve();
    let third = add(&house, &["anna", "--name", "third"]);
    assert_eq!(serving.options("anna", &third), "200");
    let (_, log) = serving.stop("TERM");
    assert!(log.contains("app password added") && !log.contains(&third), "{log}");
}

#[test]
fn a_phone_synchronises_with_its_app_password_until_that_is_revoked_and_others_notice_nothing() {
    let house = House::with_tls();
    let (lost, kept) = (add(&house, &["anna", "--name", "lost"]), add(&house, &["anna", "--name", "kept"]));
    let serving = house.serve();
    let lost_waits = waiting(phone(&serving, &lost, Identity::android()));
    let kept_waits = waiting(phone(&serving, &kept.replace('-', "").to_uppercase(), Identity::iphone_today()));
    let own_waits = waiting(phone(&serving, "anna's word", Identity::nokia_n97()));
    until_waiting(&house, 3);
    let new = add(&house, &["anna", "--name", "new"]);
    let revoked = json(&house, &["revoke", "anna", "lost"]);
    assert_eq!(revoked["name"], "lost");
    let answer = lost_waits.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(answer.as_ref().is_err_and(|error| error.contains("401")), "{answer:?}");
    until_waiting(&house, 2);
    assert!(kept_waits.try_recv().is_err() && own_waits.try_recv().is_err(), "they go on waiting");
    let mut thief = Phone::new(Socket::new(serving.address, "anna", &lost), Identity::android(), "anna");
    assert!(thief.options().is_err_and(|error| format!("{error:#}").contains("401")));
    phone(&serving, &new, Identity::android());
    // The day is written down by another thread.
    let used = || json(&house, &["list", "anna"]).as_array().unwrap().iter().all(|one| one["used_on"].is_string());
    while !used() {}
    let number = json(&house, &["list", "anna"])[0]["number"].to_string();
    assert_eq!(json(&house, &["revoke", "anna", &number])["name"], "kept");
    let answer = kept_waits.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(answer.as_ref().is_err_and(|error| error.contains("401")), "{answer:?}");
    assert!(own_waits.try_recv().is_err());
}

#[test]
fn a_bound_app_password_serves_its_device_only() {
    let house = House::with_tls();
    let device = Identity::android().device_id;
    let secret = add(&house, &["anna", "--device", &device.to_uppercase()]);
    let listed = json(&house, &["list", "anna"]);
    assert_eq!(listed[0]["device"], easel_protocol::normal_device_id(&device));
    let serving = house.serve();
    phone(&serving, &secret, Identity::android());
    let socket = Socket::new(serving.address, "anna", &secret);
    let mut other = Phone::new(socket, Identity::iphone_today(), "anna");
    let refused = other.options().and_then(|_| other.folder_sync()).unwrap_err();
    assert!(format!("{refused:#}").contains("401"), "{refused:#}");
}

#[test]
fn an_operator_may_let_phones_in_with_app_passwords_only() {
    let house = House::with_anna();
    let secret = add(&house, &["anna"]);
    let file = house.path("house/easel.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("app_passwords_only = false"), "{text}");
    std::fs::write(&file, text.replace("app_passwords_only = false", "app_passwords_only = true")).unwrap();
    let serving = house.serve();
    assert_eq!(serving.options("anna", "anna's word"), "401");
    assert_eq!(serving.options("anna", &secret), "200");
}

#[test]
fn what_cannot_be_is_refused_with_a_sentence() {
    let house = House::with_anna();
    add(&house, &["anna", "--name", "phone"]);
    for (arguments, sentence) in [
        (&["add", "anna", "--name", "phone"][..], "has an app password \"phone\" already"),
        (&["add", "anna", "--name", "17"], "would be taken for a number"),
        (&["add", "anna", "--name", " "], "1 to 64 characters"),
        (&["add", "anna", "--device", "a b"], "is no DeviceId"),
        (&["add", "ana"], "did you mean \"anna@defaultcontext\"?"),
        (&["list", "ana"], "did you mean"),
        (&["revoke", "anna", "phonee"], "did you mean \"phone\"?"),
        (&["revoke", "anna", "99"], "there is no app password \"99\""),
    ] {
        let said = refused(&house, arguments);
        assert!(said.contains(sentence), "{arguments:?}: {said}");
    }
    assert_eq!(json(&house, &["list", "anna"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_user_has_at_most_a_hundred_app_passwords() {
    let house = House::with_anna();
    {
        let _lock = easel_store_sqlite::lock(&house.path("house/data")).unwrap();
        let store = SqliteStore::open(&house.path("house/data"), Arc::new(LocalBus::default())).unwrap();
        let tenant = store.tenant("defaultcontext").unwrap().unwrap();
        let user = store.user_by_name(tenant.id, "anna").unwrap().unwrap().id;
        for number in 1..100 {
            let (name, hash) = (format!("phone {number}"), AppSecret::new(number).hash());
            store.add_app_password(&NewAppPassword { user, name, hash, device: None, made: 0 }).unwrap();
        }
    }
    assert_eq!(json(&house, &["add", "anna"])["name"], "phone 100");
    let said = refused(&house, &["add", "anna"]);
    assert!(said.contains("has 100 app passwords") && said.contains("revoke"), "{said}");
    json(&house, &["revoke", "anna", "phone 7"]);
    assert_eq!(json(&house, &["add", "anna"])["name"], "phone 7");
}

#[test]
fn app_passwords_come_back_with_a_backup() {
    let house = House::with_anna();
    let secret = add(&house, &["anna", "--device", "SEC1D2C6E5D3A7F1"]);
    let before = json(&house, &["list", "anna"]);
    let backup = house.text("backup");
    house.run(&["backup", &backup]).ok();
    json(&house, &["revoke", "anna", "phone 1"]);
    house.run(&["restore", &backup, "--replace"]).ok();
    assert_eq!(json(&house, &["list", "anna"]), before);
    let serving = house.serve();
    assert_eq!(serving.options("anna", &secret), "200");
}
