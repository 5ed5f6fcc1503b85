//! Who is calling: identities, and the pack that serves them.

#![allow(clippy::unwrap_used, reason = "a panic in a test says what broke")]

use easel_devices_tests::{House, User, identities};
use easel_protocol::{Command, Version};
use easel_test_support::{HttpRequest, Identity, Phone, Socket, Transport as _};
use easel_wbxml::Element;
use easel_wbxml::pages::settings;

/// The pack and the family that `easel device show` names after a first FolderSync.
fn served(user: &User<'_>, identity: Identity) -> (String, String) {
    let phone = user.ready(identity);
    user.served(&phone.identity.device_id)
}

fn pair(pack: &str, family: &str) -> (String, String) {
    (pack.to_owned(), family.to_owned())
}

#[test]
fn tc01_an_iphone_that_names_no_hardware_is_known_by_its_build() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let phone = user.ready(identities::iphone_os_3());
    assert_eq!(phone.version, Version::V12_1);
    assert_eq!(user.served(&phone.identity.device_id), pair("iphone-os-2-3", "iphone-os-3"));
    // 5H11 is iPhone OS 2.2.1.
    let older = Identity { user_agent: "Apple-iPhone/508.11", device_id: "Appl2".into(), ..identities::iphone_os_3() };
    assert_eq!(served(&user, older), pair("iphone-os-2-3", "iphone-os-2"));
}

#[test]
fn tc02_the_same_iphone_with_ios_4_is_none_of_iphone_os_3_and_none_of_today() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let three = Identity { user_agent: "Apple-iPhone2C1/704.11", ..Identity::iphone_3gs() };
    assert_eq!(served(&user, three).0, "iphone-os-2-3");
    let four = Identity {
        user_agent: "Apple-iPhone2C1/803.14800001",
        device_id: "Appl4".into(),
        version: Version::V14_0,
        ..Identity::iphone_3gs()
    };
    assert_eq!(served(&user, four).0, "default");
}

/// Says what system it runs. MS-ASCMD 2.2.3.45 "DeviceInformation".
fn tell_system(phone: &mut Phone<Socket>, os: &str) {
    let set = Element::of(settings::SET, [Element::text(settings::OS, os)]);
    let body = Element::of(settings::SETTINGS, [Element::of(settings::DEVICE_INFORMATION, [set])]);
    let root = phone.ask(Command::Settings, Some(&body)).unwrap().unwrap();
    assert_eq!(root.text_of(settings::STATUS).as_deref(), Some("1"));
}

#[test]
fn tc03_what_an_iphone_tells_of_its_system_agrees_with_its_build_or_counts_more() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let mut phone = user.ready(identities::ios("Apple-iPhone15C4/2301.355", Version::V16_1));
    let id = phone.identity.device_id.clone();
    assert_eq!(user.served(&id), pair("ios-modern", "ios-26"));
    tell_system(&mut phone, "iOS 26.0.1 23A355");
    assert_eq!(user.served(&id), pair("ios-modern", "ios-26"));
    assert_eq!(user.device(&id)["information"]["OS"], "iOS 26.0.1 23A355");
    // A name that is older than the system: the system counts.
    let mut updated = user.ready(Identity {
        device_id: "UPDATED12345".into(),
        ..identities::ios("Apple-iPhone15C4/2201.100", Version::V16_1)
    });
    assert_eq!(user.served("UPDATED12345"), pair("ios-modern", "ios-18"));
    tell_system(&mut updated, "iOS 26.0.1 23A355");
    assert_eq!(user.served("UPDATED12345"), pair("ios-modern", "ios-26"));
}

#[test]
fn tc04_a_beta_is_of_the_major_version_of_its_train() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let beta = identities::ios("Apple-iPhone9C1/1501.530400009", Version::V16_1);
    assert_eq!(served(&user, beta), pair("ios-modern", "ios-11"));
}

#[test]
fn tc05_a_device_that_names_itself_with_options_alone_is_served_by_its_pack_afterwards() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    // Windows Phone does so; whose pack it is makes no difference.
    let named = identities::iphone_os_3();
    let query = format!("User=x&DeviceId={}&DeviceType={}", named.device_id, named.device_type);
    let headers = vec![("User-Agent".to_owned(), named.user_agent.to_owned())];
    let options = HttpRequest { method: "OPTIONS", query, headers, ..HttpRequest::default() };
    let response = user.socket().exchange(&options).unwrap();
    assert_eq!(response.header("ms-asprotocolversions"), Some("2.5,12.0,12.1"));
    // Afterwards it says nothing of itself, and writes its id in capitals and in hexadecimal digits too.
    let digits: String = named.device_id.bytes().map(|byte| format!("{byte:02x}")).collect();
    for device_id in [named.device_id.to_uppercase(), digits, named.device_id.clone()] {
        let nameless = Identity { user_agent: "", base64: true, device_id, ..named.clone() };
        let mut phone = user.phone(nameless);
        phone.folder_sync().unwrap();
        assert_eq!(user.devices().len(), 1);
        assert_eq!(user.served(&phone.identity.device_id), pair("iphone-os-2-3", "iphone-os-3"));
    }
}

#[test]
fn tc07_moxier_inside_the_mail_of_a_maker_is_moxier() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let inside = identities::other("htcamaze4g", "HTC-HTCAmaze4G(4D6F7869SAM)/2.1500", Version::V12_1);
    assert_eq!(served(&user, inside).0, "moxier");
    let alone = Identity {
        device_id: "HTC2".into(),
        ..identities::other("htcamaze4g", "HTC-HTCAmaze4G/2.1500", Version::V12_1)
    };
    assert_eq!(served(&user, alone).0, "default");
}

#[test]
fn tc08_a_nokia_whose_type_is_its_imei_is_known_by_its_name() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let identity = Identity { device_type: "IMEI351234567890123", ..Identity::nokia_n97() };
    assert_eq!(served(&user, identity), pair("nokia-mfe", "mfe-2"));
}

#[test]
fn tc09_an_account_check_gets_a_tree_of_folders_and_leaves_no_device_behind() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    let mut phone = user.phone(Identity { device_id: "validate".into(), ..Identity::android() });
    phone.options().unwrap();
    assert!(phone.folder_sync().unwrap() > 5);
    assert_eq!(user.devices(), Vec::<serde_json::Value>::new());
    // A device with a name of its own is kept.
    user.ready(Identity::android());
    assert_eq!(user.devices().len(), 1);
}
