//! What is remembered of a phone besides what its commands say, and what that decides.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::sync::{Arc, Mutex};

use easel_commands::Settings;
use easel_plugin::scripted::ScriptedPlugin;
use easel_plugin::{Profile, Value};
use easel_protocol::{DeviceFacts, FolderType, Origin};
use easel_store::Store as _;
use easel_test_support::{HttpRequest, Identity, Phone, Sent, Socket, Transport as _};
use easel_wire::{House, short_mail};

/// What a plugin was told of devices.
type Told = Arc<Mutex<Vec<DeviceFacts>>>;

fn profile(name: &str, value: Value) -> Profile {
    let mut profile = Profile::default();
    profile.set(name, value).unwrap();
    profile
}

/// A plugin that wants headers, and lets devices that send `X-Odd: 1` have two mails an answer.
fn odd(told: &Told) -> ScriptedPlugin {
    let told = Arc::clone(told);
    let is_odd = move |facts: &DeviceFacts| {
        told.lock().unwrap().push(facts.clone());
        facts.headers.get("x-odd").is_some_and(|value| value == "1")
    };
    let plugin = ScriptedPlugin::new().header("x-odd").header("x-long").header("authorization").header("cookie");
    plugin.profile_where(is_odd, profile("sync.window_max", Value::Number(2)))
}

fn send(phone: &mut Phone<Socket>, headers: &[(&str, &str)]) {
    phone.headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
}

fn known(house: &House, identity: &Identity) -> DeviceFacts {
    let id = identity.device_id.to_ascii_lowercase();
    house.store().device(house.anna.id, &id, identity.device_type).unwrap().unwrap().facts
}

#[test]
fn a_header_that_a_pack_lists_is_remembered_over_a_restart_and_decides_what_serves() {
    let told = Told::default();
    let mut house = House::with(Arc::new(odd(&told)), Settings::default());
    for number in 0..9 {
        house.deliver(&short_mail(&format!("mail{number}")));
    }
    let mut phone = house.phone(Identity::android());
    phone.folder_sync().unwrap();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    phone.sync(&[Sent::ask(&inbox)]).unwrap();
    send(&mut phone, &[("X-Odd", "1"), ("X-Other", "2")]);
    assert_eq!(phone.sync(&[Sent::ask(&inbox)]).unwrap().entries, 2, "a changed fact decides anew");
    assert_eq!(known(&house, &phone.identity).headers, [("x-odd".to_owned(), "1".to_owned())].into());
    send(&mut phone, &[]);
    house.restart_with(Arc::new(odd(&told)));
    phone.transport = house.socket("anna");
    assert_eq!(phone.sync(&[Sent::ask(&inbox)]).unwrap().entries, 2, "it is remembered");
    send(&mut phone, &[("X-Odd", "2")]);
    assert_eq!(phone.sync(&[Sent::ask(&inbox)]).unwrap().entries, 5);
    house.restart_with(Arc::new(ScriptedPlugin::new()));
    phone.transport = house.socket("anna");
    phone.sync(&[Sent::ask(&inbox)]).unwrap();
    assert!(known(&house, &phone.identity).headers.is_empty(), "nobody wants it any more");
}

#[test]
fn a_value_is_cut_and_credentials_are_never_remembered_nor_told() {
    let told = Told::default();
    let house = House::with(Arc::new(odd(&told)), Settings::default());
    let mut phone = house.phone(Identity::android());
    let long = "v".repeat(DeviceFacts::HEADER_VALUE_BYTES_MAX + 1);
    send(&mut phone, &[("X-Long", &long), ("Cookie", "a=b"), ("X-Odd", "Bearer abc"), ("X-ODD", "d")]);
    phone.options().unwrap();
    phone.folder_sync().unwrap();
    let all = told.lock().unwrap();
    assert!(all.iter().any(|facts| facts.headers["x-long"].len() == DeviceFacts::HEADER_VALUE_BYTES_MAX));
    assert!(all.iter().all(|facts| facts.headers.keys().all(|name| name == "x-long")), "{all:?}");
    let headers = known(&house, &phone.identity).headers;
    assert_eq!(headers.len(), 1, "{headers:?}");
}

#[test]
fn a_header_decides_which_versions_a_phone_without_a_name_is_offered() {
    let versions = Value::Texts(vec!["12.1".to_owned()]);
    let plugin = ScriptedPlugin::new()
        .header("x-odd")
        .profile_where(|facts| facts.headers.contains_key("x-odd"), profile("versions.versions", versions));
    let house = House::with(Arc::new(plugin), Settings::default());
    let offered = |headers: &[(&str, &str)]| {
        let mut phone = house.phone(Identity::android());
        send(&mut phone, headers);
        phone.options().unwrap().header("ms-asprotocolversions").unwrap().to_owned()
    };
    assert_eq!(offered(&[("X-Odd", "1")]), "12.1");
    assert!(offered(&[]).starts_with("2.5,"));
}

#[test]
fn the_network_of_a_request_is_remembered_as_its_origin_and_tells_the_pack() {
    let cloud = |facts: &DeviceFacts| facts.origin == Origin::Cloud;
    let plugin = ScriptedPlugin::new().profile_where(cloud, profile("sync.window_max", Value::Number(1)));
    let mut house = House::with(Arc::new(plugin), Settings::default());
    for number in 0..6 {
        house.deliver(&short_mail(&format!("mail{number}")));
    }
    let mut phone = house.phone(Identity::android());
    phone.folder_sync().unwrap();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    phone.sync(&[Sent::ask(&inbox)]).unwrap();
    assert_eq!(known(&house, &phone.identity).origin, Origin::Unknown);
    house.set_clouds(&["127.0.0.0/8"]);
    assert_eq!(phone.sync(&[Sent::ask(&inbox)]).unwrap().entries, 1);
    assert_eq!(known(&house, &phone.identity).origin, Origin::Cloud);
    house.set_clouds(&[]);
    assert_eq!(phone.sync(&[Sent::ask(&inbox)]).unwrap().entries, 5);
    assert_eq!(known(&house, &phone.identity).origin, Origin::Unknown);
    // Whoever refuses clouds refuses what comes from their networks.
    house.stop();
    house.start(Settings { denies_cloud: true, ..Settings::default() });
    house.set_clouds(&["127.0.0.1"]);
    let request = HttpRequest { method: "OPTIONS", ..HttpRequest::default() };
    assert_eq!(house.socket("anna").exchange(&request).unwrap().code, 403);
    house.set_clouds(&["192.0.2.0/24"]);
    assert_eq!(house.socket("anna").exchange(&request).unwrap().code, 200);
}

#[test]
fn the_operators_word_about_a_device_goes_before_its_network() {
    let plugin = ScriptedPlugin::new().operator(profile("http.origin", Value::Text("device".to_owned())));
    let house = House::with(Arc::new(plugin), Settings { denies_cloud: true, ..Settings::default() });
    house.set_clouds(&["127.0.0.1"]);
    house.phone(Identity::android()).options().unwrap();
}
