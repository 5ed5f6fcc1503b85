//! The forms in which devices log in.

#![allow(clippy::unwrap_used, reason = "a panic in a test says what broke")]

use easel_devices_tests::{House, User, identities};
use easel_protocol::Version;
use easel_test_support::{Identity, Phone};

/// Logs in with these bytes before the colon; whether it was let in.
fn lets_in(user: &User<'_>, login: &[u8], identity: &Identity) -> bool {
    let mut phone = Phone::new(user.socket_as(login), identity.clone(), &user.login);
    let options = phone.options();
    if options.is_ok() {
        phone.folder_sync().unwrap();
    }
    options.is_ok()
}

#[test]
fn tc10_an_iphone_with_an_empty_domain_logs_in_with_its_mail_address() {
    let house = House::shared();
    house.easel.run(&["tenant", "add", "tc10.example"]).ok();
    let other = house.user_named("tc10", "tc10@other.example", "Europe/Berlin");
    let user = house.user_named("tc10@tc10.example", "tc10@tc10.example", "Europe/Berlin");
    for login in ["tc10@tc10.example", "\\tc10@tc10.example"] {
        assert!(lets_in(&user, login.as_bytes(), &identities::iphone_os_3()), "{login}");
    }
    let ids: Vec<_> = user.devices().iter().map(|device| device["pack"][0].clone()).collect();
    assert_eq!(ids, ["iphone-os-2-3"]);
    // The namesake without a domain is somebody else.
    assert!(other.devices().is_empty());
    assert!(lets_in(&other, b"tc10", &identities::iphone_os_3()));
    assert_eq!((user.devices().len(), other.devices().len()), (1, 1));
}

#[test]
fn tc11_a_nokia_whose_domain_is_one_space_is_of_the_default_context() {
    let house = House::shared();
    let user = house.user("Europe/Berlin");
    for domain in [" \\", "\\", ""] {
        let login = format!("{domain}{}", user.login);
        assert!(lets_in(&user, login.as_bytes(), &Identity::nokia_n97()), "{login:?}");
    }
    let devices = user.devices();
    assert_eq!(devices.len(), 1);
    assert_eq!(
        (&devices[0]["pack"][0], &devices[0]["login"]),
        (&"nokia-mfe".into(), &format!("{}@defaultcontext", user.login).into())
    );
}

#[test]
fn tc12_windows_mobile_names_domain_and_user_and_the_case_of_the_user_counts() {
    let house = House::shared();
    let user = house.user_named("TC12Anna", "tc12@example.org", "Europe/Berlin");
    assert!(lets_in(&user, b"defaultcontext\\TC12Anna", &identities::windows_mobile()));
    assert_eq!(user.devices()[0]["pack"][0], "windows-mobile");
    assert!(!lets_in(&user, b"defaultcontext\\tc12anna", &identities::windows_mobile()));
    assert!(!lets_in(&user, b"elsewhere\\TC12Anna", &identities::windows_mobile()));
}

#[test]
fn tc13_a_login_in_latin_1_is_the_one_in_utf_8() {
    let house = House::shared();
    let user = house.user_named("tc13j\u{e4}ger", "tc13@example.org", "Europe/Berlin");
    let outlook = identities::other("WindowsOutlook15", "Outlook/15.0 (15.0.4420.1017; MSI; x86)", Version::V14_0);
    assert!(lets_in(&user, b"tc13j\xE4ger", &outlook));
    assert!(lets_in(&user, "tc13j\u{e4}ger".as_bytes(), &outlook));
    assert!(!lets_in(&user, b"tc13j\xF6ger", &outlook));
    assert_eq!(user.devices().len(), 1);
}
