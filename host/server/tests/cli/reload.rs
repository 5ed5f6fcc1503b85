//! SIGHUP: what an administrator changes is obeyed without a restart, and what makes no sense changes nothing.

use easel_test_support::{HttpRequest, Identity, Phone, Socket, Transport as _, until};

use crate::packs;
use crate::support::{House, Serving, easel};

const CONFIG: &str = "house/easel.toml";

fn config(house: &House) -> String {
    std::fs::read_to_string(house.path(CONFIG)).unwrap()
}

/// Writes another configuration and tells the server.
fn change(house: &House, serving: &Serving, text: &str) {
    house.write(CONFIG, text);
    serving.tell("HUP");
}

fn socket(serving: &Serving) -> Socket {
    Socket::new(serving.address, "anna", "anna's word")
}

/// The versions that the Nokia is offered when it names itself.
fn offered(serving: &Serving) -> String {
    let identity = Identity::nokia_n97();
    let query = format!("User=anna&DeviceId={}&DeviceType={}", identity.device_id, identity.device_type);
    let headers = vec![("User-Agent".to_owned(), identity.user_agent.to_owned())];
    let request = HttpRequest { method: "OPTIONS", query, headers, ..HttpRequest::default() };
    socket(serving).exchange(&request).unwrap().header("ms-asprotocolversions").unwrap().to_owned()
}

#[test]
fn each_layer_of_settings_wins_over_the_one_below_and_is_obeyed_after_sighup() {
    let house = packs::house();
    house.run(&["pack", "install", &house.text("nokia-mfe.wasm")]).ok();
    let serving = house.serve();
    let mut phone = Phone::new(socket(&serving), Identity::nokia_n97(), "anna");
    phone.folder_sync().unwrap();
    let device = Identity::nokia_n97().device_id.to_ascii_uppercase();
    let of_pack = offered(&serving);
    assert!(of_pack.starts_with("2.5") && !of_pack.contains("14"), "{of_pack}");
    let plain = config(&house);
    let for_all = plain.replace("\nsettings = []", "\nsettings = [\"versions.versions=2.5,12.1,14.0\"]");
    assert_ne!(for_all, plain);
    let for_pack = format!("{for_all}\n[packs.per_pack.nokia-mfe]\nversions.versions = [\"2.5\", \"14.1\"]\n");
    let for_device = format!("{for_pack}[packs.per_device.{device}]\nversions.versions = [\"12.0\"]\n");
    let layers =
        [(&for_all, "2.5,12.1,14.0"), (&for_pack, "2.5,14.1"), (&for_device, "12.0"), (&plain, of_pack.as_str())];
    for (text, expected) in layers {
        change(&house, &serving, text);
        until(expected, || offered(&serving) == expected);
    }
    // Another pack's and another device's are not this one's.
    let others = "[packs.per_pack.other]\nversions.versions = [\"12.0\"]\n[packs.per_device.IMEI1]\nversions.versions = [\"12.0\"]";
    change(&house, &serving, &format!("{plain}\n{others}\n"));
    serving.until_logged("looked at again", 5);
    assert_eq!(offered(&serving), of_pack);
    let (_, log) = serving.stop("TERM");
    assert!(log.contains("packs.per_pack.other") && log.contains("no such pack serves"), "{log}");
}

#[test]
fn budgets_follow_sighup_and_a_device_has_used_what_it_used() {
    let house = House::with_tls();
    let plain = config(&house);
    let line = plain.lines().find(|line| line.starts_with("device_requests_per_minute_max")).unwrap();
    let requests = |number: u32| plain.replace(line, &format!("device_requests_per_minute_max = {number}"));
    house.write(CONFIG, requests(2));
    let serving = house.serve();
    let query = "User=anna&DeviceId=d&DeviceType=t".to_owned();
    let request = HttpRequest { method: "OPTIONS", query, ..HttpRequest::default() };
    // One connection all the time.
    let mut socket = socket(&serving);
    let mut asked = || socket.exchange(&request).unwrap().code;
    assert_eq!([asked(), asked(), asked()], [200, 200, 503]);
    change(&house, &serving, &requests(0));
    serving.until_logged("looked at again", 1);
    assert_eq!([asked(), asked(), asked()], [200; 3]);
    change(&house, &serving, &requests(1));
    serving.until_logged("looked at again", 2);
    assert_eq!(asked(), 503, "two requests of the same minute were half of it each");
    change(&house, &serving, &requests(100_000));
    serving.until_logged("looked at again", 3);
    assert_eq!([asked(), asked()], [200; 2]);
    let (_, log) = serving.stop("TERM");
    assert!(!log.contains("obeyed from the next start on"), "{log}");
}

#[test]
fn a_configuration_that_makes_no_sense_leaves_the_one_in_use_and_what_waits_for_a_start_is_named() {
    let house = House::with_tls();
    let serving = house.serve();
    let plain = config(&house);
    let required = plain.replace("\nrequired = false", "\nrequired = true");
    assert_ne!(required, plain);
    let refused = || Phone::new(socket(&serving), Identity::android(), "anna").folder_sync().is_err();
    assert!(!refused());
    change(&house, &serving, &required);
    until("the policy is required", refused);
    serving.until_logged("looked at again", 1);
    change(&house, &serving, "[policy]\nrequired = 7");
    serving.until_logged("policy.required cannot be 7", 1);
    serving.until_logged("looked at again", 2);
    assert!(refused(), "still");
    change(&house, &serving, &required.replace("hostname = ", "hostname = \"other.example\" #"));
    serving.until_logged("looked at again", 3);
    assert!(refused(), "still");
    let (code, log) = serving.stop("TERM");
    assert_eq!(code, Some(0));
    assert!(log.contains("it changed, and is obeyed from the next start on") && log.contains("hostname"), "{log}");
}

#[test]
fn a_pack_whose_key_becomes_trusted_serves_and_one_whose_key_does_no_longer_does_not() {
    let house = packs::house();
    let trusting = config(&house);
    let key = trusting.lines().find(|line| line.starts_with("trusted_keys")).unwrap().to_owned();
    house.write(CONFIG, trusting.replace(&key, "trusted_keys = []"));
    let place = house.path("house/data/packs");
    house.run(&["pack", "list"]).ok();
    for name in ["nokia-mfe.wasm.minisig", "nokia-mfe.wasm"] {
        std::fs::copy(house.path(name), place.join(name)).unwrap();
    }
    let serving = house.serve();
    let serves = || house.json(&["pack", "list"])["packs"][0]["state"] == "serves";
    assert!(!serves());
    change(&house, &serving, &trusting);
    until("the pack serves", serves);
    change(&house, &serving, &trusting.replace(&key, "trusted_keys = []"));
    until("the pack does not serve", || !serves());
    serving.stop("TERM");
}

#[test]
fn the_certificate_is_read_again_at_once_and_a_broken_one_is_not_taken() {
    let house = House::with_tls();
    let serving = house.serve();
    let before = socket(&serving).certificate().unwrap();
    let other = house.text("other");
    easel(&["init", &other, "--self-signed", "localhost", "--listen", "127.0.0.1:0"], "").ok();
    for name in ["key.pem", "certificate.pem"] {
        std::fs::copy(house.path("other").join(name), house.path("house").join(name)).unwrap();
    }
    serving.tell("HUP");
    serving.until_logged("looked at again", 1);
    let new = socket(&serving).certificate().unwrap();
    assert_ne!(new, before);
    house.write("house/certificate.pem", "no certificate");
    serving.tell("HUP");
    serving.until_logged("looked at again", 2);
    assert_eq!(socket(&serving).certificate().unwrap(), new);
    let (_, log) = serving.stop("TERM");
    assert!(log.contains("the certificate in use stays"), "{log}");
}
