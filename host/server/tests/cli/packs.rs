//! Packs on the binary: built, signed, installed, listed, replaced while phones are connected, taken away.

use easel_protocol::FolderType;
use easel_test_support::{Identity, Phone, Socket, until};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::support::{House, Serving, easel};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The pack of Gmail on Android, which wishes that no policy is sent.
fn gmail() -> Vec<u8> {
    easel_pack_build::build(&root().join("plugins/gmail-android")).unwrap()
}

/// The pack of Nokia's Mail for Exchange, built once.
fn nokia() -> &'static [u8] {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    BUILT.get_or_init(|| easel_pack_build::build(&root().join("plugins/nokia-mfe")).unwrap())
}

/// A house whose administrator trusts a key for the pack; the key signs what is installed.
pub(crate) fn house() -> House {
    let house = House::with_tls();
    let key = house.text("vendor");
    easel(&["pack", "keygen", &key], "").ok();
    let public = std::fs::read_to_string(house.path("vendor.pub")).unwrap();
    let public = public.lines().nth(1).unwrap();
    let config = std::fs::read_to_string(house.path("house/easel.toml")).unwrap();
    let trusting = config.replace("trusted_keys = []", &format!("trusted_keys = [\"{public} nokia-mfe\"]"));
    assert_ne!(trusting, config);
    house.write("house/easel.toml", trusting);
    let pack = house.write("nokia-mfe.wasm", nokia());
    easel(&["pack", "sign", &pack, "--key", &house.text("vendor.key")], "").ok();
    house
}

fn phone(serving: &Serving, identity: Identity) -> Phone<Socket> {
    let mut phone = Phone::new(Socket::new(serving.address, "anna", "anna's word"), identity, "anna");
    phone.options().unwrap();
    phone
}

#[test]
fn a_signed_pack_is_installed_listed_disabled_enabled_and_removed_without_a_server() {
    let house = house();
    assert_eq!(house.run(&["pack", "list"]).ok(), "no pack is installed\n");
    let said = house.run(&["pack", "install", &house.text("nokia-mfe.wasm")]).ok();
    assert!(said.starts_with("nokia-mfe ") && said.contains("serves"), "{said}");
    let list = house.json(&["pack", "list"]);
    assert_eq!(
        (list["packs"][0]["id"].as_str(), list["packs"][0]["state"].as_str()),
        (Some("nokia-mfe"), Some("serves"))
    );
    assert!(list["packs"][0]["quirks"].as_array().unwrap().iter().any(|quirk| quirk == "N03"), "{list}");
    house.run(&["pack", "disable", "nokia-mfe"]).ok();
    assert_eq!(house.json(&["pack", "list"])["packs"][0]["state"], "disabled");
    house.run(&["pack", "enable", "nokia-mfe"]).ok();
    house.run(&["pack", "pin", "appl1234", "nokia-mfe"]).ok();
    assert_eq!(house.json(&["pack", "list"])["pins"][0][1], "nokia-mfe");
    house.run(&["pack", "remove", "nokia-mfe"]).ok();
    let said = house.run(&["pack", "remove", "nokia-mfe"]).refused();
    assert!(said.contains("nokia-mfe"), "{said}");
    let said = house.run(&["pack", "pin", "appl1234", "nokia-mfe"]).refused();
    assert!(said.contains("easel pack list"), "{said}");
}

#[test]
fn what_is_not_signed_or_was_changed_or_signed_by_others_is_refused_with_a_cure() {
    let house = house();
    let unsigned = house.write("unsigned.wasm", nokia());
    let said = house.run(&["pack", "install", &unsigned]).refused();
    assert!(said.contains("not signed") && said.contains("--allow-unsigned"), "{said}");
    let mut changed = nokia().to_vec();
    *changed.last_mut().unwrap() ^= 1;
    house.write("nokia-mfe.wasm", changed);
    let said = house.run(&["pack", "install", &house.text("nokia-mfe.wasm")]).refused();
    assert!(said.contains("no trusted key"), "{said}");
    let said = house.run(&["pack", "install", &house.write("rubbish.wasm", b"rubbish")]).refused();
    assert!(said.contains("rubbish.wasm"), "{said}");
    assert!(house.run(&["pack", "inspect", &house.text("rubbish.wasm")]).code != 0);
    // On the administrator's own word, this very file.
    house.run(&["pack", "install", &unsigned, "--allow-unsigned"]).ok();
    assert_eq!(house.json(&["pack", "list"])["packs"][0]["signed"], "not signed");
}

#[test]
fn a_bare_file_is_looked_at_without_a_server_or_a_configuration() {
    let house = House::with_anna();
    let pack = house.write("nokia-mfe.wasm", nokia());
    let said = easel(&["--config", &house.text("nowhere.toml"), "pack", "inspect", &pack], "").ok();
    for part in ["nokia-mfe", "fixtures", "N03", "nokia-n97 (fr)", "signature  none"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn what_another_compiler_made_becomes_the_same_pack() {
    let house = House::new();
    let example = root().join("examples/smallest-pack").canonicalize().unwrap();
    let folder = example.display().to_string();
    let made = house.text("made.wasm");
    easel(&["pack", "build", &folder, "--output", &made], "").ok();
    // The module that came out on the way.
    let module = example.join("target/wasm32-unknown-unknown/release/smallest_pack.wasm").display().to_string();
    let of_module = house.text("of-module.wasm");
    easel(&["pack", "build", &folder, "--module", &module, "--output", &of_module], "").ok();
    assert!(std::fs::read(&of_module).unwrap() == std::fs::read(&made).unwrap(), "the same bytes");
    let said = easel(&["pack", "test", &folder, "--module", &module], "").ok();
    assert!(said.contains("fixtures   1 passed"), "{said}");

    // A folder without a crate; the file is called as the folder is.
    house.write(
        "phone/fixtures/q1-short-answers.toml",
        std::fs::read(example.join("fixtures/q1-short-answers.toml")).unwrap(),
    );
    let phone = house.text("phone");
    let said = easel(&["pack", "build", &phone], "").refused();
    assert!(said.contains("--module FILE"), "{said}");
    house.write("phone/phone.wasm", std::fs::read(&module).unwrap());
    let itself = house.text("phone/phone.wasm");
    let said = easel(&["pack", "build", &phone, "--module", &itself], "").refused();
    assert!(said.contains("the module itself") && said.contains("--output"), "{said}");
    let said = easel(&["pack", "build", &phone, "--module", &module], "").ok();
    assert!(said.contains("phone/phone.wasm"), "{said}");
    let said = easel(&["pack", "build", &phone, "--module", &itself, "--output", &made], "").refused();
    assert!(said.contains("carries guides or fixtures already"), "{said}");
    // A fixture that does not hold is found.
    house.write("phone/fixtures/q2-more.toml", WRONG);
    let said = easel(&["pack", "test", &phone, "--module", &module], "");
    assert!(said.code == 1 && said.out.contains("q2-more") && said.out.contains("does not hold"), "{said:?}");
}

/// A fixture of what the smallest pack does not do.
const WRONG: &str = "quirks = [\"Q2\"]
says = \"The phone gets at most 26.\"

[device]
user-agents = [\"SmallPhone/1.0\"]

[profile.settings]
\"sync.window_max\" = 26
";

#[test]
fn a_new_pack_has_a_name_that_begins_with_a_letter() {
    let house = House::new();
    for name in ["9phone", "-phone", "Phone", ""] {
        let said = easel(&["pack", "new", "--sdk", &house.text("."), "--", name], "").refused();
        assert!(said.contains("a letter first"), "{name:?}: {said}");
    }
}

#[test]
fn a_guide_has_its_readers_server_login_and_domain_in_it() {
    let house = house();
    house.run(&["pack", "install", &house.text("nokia-mfe.wasm")]).ok();
    let said = house.run(&["guide", "--device", "nokia-n97", "--user", "anna@ox.io", "--lang", "fr"]).ok();
    assert!(said.contains("anna@ox.io") && said.contains("Mail for Exchange") && !said.contains('{'), "{said}");
    let said = house.run(&["guide", "--device", "nokia-n97", "--lang", "xx"]).refused();
    assert!(said.contains("de, en, fr"), "{said}");
    assert!(house.run(&["guide"]).ok().contains("nokia-e51"));
    let said = house.run(&["guide", "--device", "nokia-n98"]).refused();
    assert!(said.contains("easel guide"), "{said}");
}

#[test]
fn a_server_takes_a_pack_in_and_out_while_a_phone_stays_connected() {
    let house = house();
    let serving = house.serve();
    let mut phone = phone(&serving, Identity::nokia_n97());
    phone.folder_sync().unwrap();
    assert_eq!(house.json(&["device", "list"])[0]["pack"], serde_json::Value::Null);
    house.run(&["pack", "install", &house.text("nokia-mfe.wasm")]).ok();
    // The next request is served by the pack.
    phone.folder_sync().unwrap();
    phone.sync_folder(&phone.folder(FolderType::Inbox).unwrap(), 10).unwrap();
    assert_eq!(house.json(&["device", "list"])[0]["pack"][0], "nokia-mfe");
    let list = house.json(&["pack", "list"]);
    assert_eq!(list["packs"][0]["devices"], 1, "{list}");
    house.run(&["pack", "remove", "nokia-mfe"]).ok();
    phone.folder_sync().unwrap();
    assert_eq!(house.json(&["device", "list"])[0]["pack"], serde_json::Value::Null);
    serving.stop("TERM");
}

#[test]
fn a_file_that_is_dropped_into_the_folder_serves_without_a_restart() {
    let house = house();
    let serving = house.serve();
    let place = house.path("house/data/packs");
    std::fs::copy(house.path("nokia-mfe.wasm.minisig"), place.join("nokia-mfe.wasm.minisig")).unwrap();
    std::fs::copy(house.path("nokia-mfe.wasm"), place.join("coming")).unwrap();
    std::fs::rename(place.join("coming"), place.join("nokia-mfe.wasm")).unwrap();
    let served = || house.json(&["pack", "list"])["packs"][0]["state"] == "serves";
    until("the folder is watched", served);
    serving.stop("TERM");
}

#[test]
fn a_file_that_became_rubbish_while_the_server_was_down_brings_the_version_that_was_kept() {
    let house = house();
    house.run(&["pack", "install", &house.text("nokia-mfe.wasm")]).ok();
    let serving = house.serve();
    let mut nokia = phone(&serving, Identity::nokia_n97());
    nokia.folder_sync().unwrap();
    let serves = || house.json(&["device", "list"])[0]["pack"][0].clone();
    assert_eq!(serves(), "nokia-mfe");
    serving.stop("TERM");
    let file = house.write("house/data/packs/nokia-mfe.wasm", b"rubbish");
    let serving = house.serve();
    let mut nokia = phone(&serving, Identity::nokia_n97());
    nokia.folder_sync().unwrap();
    assert_eq!(serves(), "nokia-mfe");
    assert_eq!(house.json(&["pack", "list"])["packs"][0]["state"], "serves");
    let (_, log) = serving.stop("TERM");
    let told: Vec<&str> = log.lines().filter(|line| line.contains("nokia-mfe.wasm")).collect();
    let [line] = &told[..] else { panic!("one line of {file}: {log}") };
    assert!(line.contains("ERROR") && line.contains("what served before serves on"), "{line}");
    assert!(line.contains("plugin=\"nokia-mfe\"") && line.contains("version="), "{line}");
}

#[test]
fn a_folder_of_packs_that_others_may_write_to_keeps_the_server_from_starting_and_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let house = House::with_anna();
    let place = house.path("house/data/packs");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o777)).unwrap();
    let said = house.run(&["serve"]).refused();
    assert!(said.contains(&place.display().to_string()), "{said}");
}

#[test]
fn a40_tc54_a_pack_is_spared_the_policy_only_where_the_operator_gave_leave() {
    let house = house();
    let config = std::fs::read_to_string(house.path("house/easel.toml")).unwrap();
    let required = config.replace("\nrequired = false", "\nrequired = true");
    assert_ne!(required, config);
    house.write("house/easel.toml", &required);
    let pack = house.write("gmail-android.wasm", gmail());
    house.run(&["pack", "install", &pack, "--allow-unsigned"]).ok();
    let identity = Identity { user_agent: "Android-Mail/2020.11.29.346182102.Release", ..Identity::android() };
    let serving = house.serve();
    let mut refused = phone(&serving, identity.clone());
    assert!(refused.folder_sync().is_err(), "the policy comes first");
    assert_eq!(house.json(&["device", "list"])[0]["pack"][0], "gmail-android");
    // What it wishes is seen, and by whom.
    let id = identity.device_id.clone();
    let shown = |part: &str| {
        let said = house.run(&["device", "show", "anna", &id]).ok();
        assert!(said.lines().any(|line| line.starts_with("policy wish") && line.contains(part)), "{part}: {said}");
    };
    let wish = || house.json(&["device", "show", "anna", &id])["policy_wish"].clone();
    shown("exempt, by gmail-android, without leave (packs.allow_exempt");
    assert_eq!(wish(), "exempt");
    serving.stop("TERM");
    house.write("house/easel.toml", required.replace("allow_exempt = []", "allow_exempt = [\"gmail-android\"]"));
    let serving = house.serve();
    phone(&serving, identity).folder_sync().unwrap();
    shown("none");
    assert_eq!(wish(), serde_json::Value::Null);
    serving.stop("TERM");
}
