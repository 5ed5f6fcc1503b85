//! What a phone in service sees of a new version of its pack.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::sync::Arc;

use easel_commands::Settings;
use easel_plugin::Direction;
use easel_plugin::rules::{Action, Rule};
use easel_plugin::scripted::ScriptedPlugin;
use easel_plugin::settings::Effect;
use easel_protocol::{Class, Command, FolderType};
use easel_test_support::{Identity, Phone, Sent, Socket, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{contacts, folder_hierarchy as fh};
use easel_wire::House;

const CONTACTS: u64 = 7;

fn version(number: &str) -> ScriptedPlugin {
    ScriptedPlugin::new().named("pack", number)
}

fn rule(direction: Direction, class: Class, action: Action) -> Rule {
    Rule { class, direction, tag: contacts::JOB_TITLE, action }
}

/// A phone that holds two contacts, served by a version of the pack.
fn begun(plugin: ScriptedPlugin) -> (House, Phone<Socket>, String) {
    let house = House::with(Arc::new(plugin), Settings::default());
    for name in ["Lovelace", "Hopper"] {
        let card = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nN:{name};;;;\r\nFN:{name}\r\nTITLE:Boss\r\nEND:VCARD\r\n");
        house.import(CONTACTS, Class::Contacts, &card);
    }
    let mut phone = house.ready(Identity::android());
    let folder = phone.folder(FolderType::Contacts).unwrap();
    assert_eq!(phone.sync_folder(&folder, 50).unwrap(), 2);
    (house, phone, folder)
}

fn replace(house: &mut House, phone: &mut Phone<Socket>, plugin: ScriptedPlugin) {
    house.restart_with(Arc::new(plugin));
    phone.transport = house.socket("anna");
}

fn titles(phone: &Phone<Socket>, folder: &str) -> Vec<String> {
    phone.items(folder).values().map(|item| item_text(item, contacts::JOB_TITLE)).collect()
}

#[test]
fn rules_that_change_what_is_sent_send_the_items_again_once_and_no_others() {
    let set = |text: &str| rule(Direction::Outgoing, Class::Contacts, Action::Set(text.to_owned()));
    let (mut house, mut phone, folder) = begun(version("1.0.0").rule(set("Chef")));
    assert_eq!(titles(&phone, &folder), ["Chef", "Chef"]);
    let nothing = |phone: &mut Phone<Socket>| phone.sync(&[Sent::ask(&folder)]).unwrap().empty;
    assert!(nothing(&mut phone));
    replace(&mut house, &mut phone, version("1.1.0").rule(set("Chef")));
    assert!(nothing(&mut phone), "the same rules of another version");
    replace(&mut house, &mut phone, version("1.2.0").rule(set("Patron")));
    assert_eq!(phone.ping(std::slice::from_ref(&folder), 600).unwrap().0, "2", "Ping knows of it");
    assert_eq!(phone.sync(&[Sent::ask(&folder)]).unwrap().entries, 2);
    assert_eq!(titles(&phone, &folder), ["Patron", "Patron"]);
    assert!(nothing(&mut phone), "once");
    // Rules for another class and for what the phone sends change nothing of what it was shown.
    let others = version("1.3.0")
        .rule(set("Patron"))
        .rule(rule(Direction::Incoming, Class::Contacts, Action::Drop))
        .rule(rule(Direction::Outgoing, Class::Notes, Action::Drop));
    replace(&mut house, &mut phone, others);
    assert!(nothing(&mut phone));
    replace(&mut house, &mut phone, version("1.4.0"));
    assert_eq!(phone.sync(&[Sent::ask(&folder)]).unwrap().entries, 2);
    assert_eq!(titles(&phone, &folder), ["Boss", "Boss"], "without rules, as they are");
}

/// What the phone meets after the pack was replaced: how many items came again, and whether it had to start over with
/// the tree. Neither happens twice.
fn met(phone: &mut Phone<Socket>, folder: &str) -> (usize, bool) {
    let met = match phone.sync(&[Sent::ask(folder)]) {
        Ok(synced) => (synced.entries, false),
        Err(error) => {
            assert!(error.to_string().contains("status 12"), "{error}");
            assert_eq!(phone.ping(&[folder.to_owned()], 600).unwrap().0, "7", "Ping says the same");
            assert!(phone.folder_sync().unwrap_err().to_string().contains("FolderSync status 9"));
            "0".clone_into(&mut phone.hierarchy_key);
            phone.folder_sync().unwrap();
            (phone.sync_folder(folder, 50).unwrap(), true)
        }
    };
    assert!(phone.sync(&[Sent::ask(folder)]).unwrap().empty, "once");
    assert!(!is_told_versions(phone), "once");
    met
}

/// Whether the next answer tells the phone to ask for the protocol versions.
fn is_told_versions(phone: &mut Phone<Socket>) -> bool {
    let body = Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, phone.hierarchy_key.clone())]);
    phone.post(Command::FolderSync, Some(&body)).unwrap().header("x-ms-rp").is_some()
}

#[test]
fn the_effect_of_an_upgrade_is_carried_out_once_and_the_greater_contains_the_smaller() {
    for (effect, items, tree, versions) in [
        (Effect::None, 0, false, false),
        (Effect::Resend, 2, false, false),
        (Effect::Hierarchy, 2, true, false),
        (Effect::Renegotiate, 2, true, true),
    ] {
        let (mut house, mut phone, folder) = begun(version("1.0.0"));
        replace(&mut house, &mut phone, version("1.0.1").upgrade(effect));
        // The versions are told with the first answer, whatever it is.
        assert_eq!(is_told_versions(&mut phone), versions, "{effect:?}");
        assert_eq!(met(&mut phone, &folder), (items, tree), "{effect:?}");
        // The same version once more.
        replace(&mut house, &mut phone, version("1.0.1").upgrade(effect));
        assert_eq!(met(&mut phone, &folder), (0, false), "{effect:?}");
        // Back to an earlier one, and another pack in its place: neither takes the place of an earlier version.
        for other in [version("1.0.0"), ScriptedPlugin::new().named("other", "9.0.0")] {
            replace(&mut house, &mut phone, other.upgrade(effect));
            assert_eq!(met(&mut phone, &folder), (0, false), "{effect:?}");
        }
    }
}

#[test]
fn a_phone_that_missed_a_version_meets_what_the_present_one_asks_for() {
    let (mut house, mut phone, folder) = begun(version("1.0.0"));
    replace(&mut house, &mut phone, version("1.1.0").upgrade(Effect::Resend));
    replace(&mut house, &mut phone, version("1.10.0").upgrade(Effect::Resend));
    assert_eq!(met(&mut phone, &folder), (2, false));
    replace(&mut house, &mut phone, version("1.9.0").upgrade(Effect::Resend));
    assert_eq!(met(&mut phone, &folder), (0, false), "1.9 comes before 1.10");
}
