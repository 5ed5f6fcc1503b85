//! What verbs do to a phone that is connected.

use std::sync::mpsc;
use std::time::Duration;

use easel_protocol::{Command, FolderType};
use easel_test_support::{Identity, Phone, Sent, Socket};
use easel_wbxml::Element;
use easel_wbxml::pages::provision as p;

use crate::support::{House, Serving, fixture};

fn phone(serving: &Serving, identity: Identity) -> Phone<Socket> {
    let mut phone = Phone::new(Socket::new(serving.address, "anna", "anna's word"), identity, "anna");
    phone.options().unwrap();
    phone.folder_sync().unwrap();
    phone
}

#[test]
fn an_imported_mail_wakes_a_waiting_ping_and_comes_with_the_next_sync() {
    let house = House::with_tls();
    let serving = house.serve();
    let mut phone = phone(&serving, Identity::android());
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    assert_eq!(phone.sync_folder(&inbox, 100).unwrap(), 0);
    let (told, heard) = mpsc::channel();
    let watched = vec![inbox.clone()];
    let waiting = std::thread::spawn(move || {
        told.send(phone.ping(&watched, 600).unwrap()).unwrap();
        phone
    });
    // Without news the answer would come after ten minutes.
    while house.json(&["check"])["server"]["waiting"] == 0 {
        assert_eq!(heard.try_recv(), Err(mpsc::TryRecvError::Empty));
    }
    assert_eq!(house.import(&[&fixture("archive.mbox")]), [3, 0, 0]);
    let (status, changed) = heard.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!((status.as_str(), changed), ("2", vec![inbox.clone()]));
    let mut phone = waiting.join().unwrap();
    assert_eq!(phone.sync_folder(&inbox, 100).unwrap(), 3);
    assert_eq!(phone.sync(&[Sent::ask(&inbox)]).unwrap().entries, 0);
}

#[test]
fn an_imported_calendar_reaches_the_phone() {
    let house = House::with_tls();
    let serving = house.serve();
    let mut phone = phone(&serving, Identity::iphone_today());
    house.import(&[&fixture("calendar.ics"), &fixture("contacts.vcf")]);
    let kinds = [(FolderType::Calendar, 2), (FolderType::Contacts, 2), (FolderType::Tasks, 1), (FolderType::Notes, 1)];
    for (kind, count) in kinds {
        let folder = phone.folder(kind).unwrap();
        assert_eq!(phone.sync_folder(&folder, 100).unwrap(), count, "{kind:?}");
    }
}

#[test]
fn a_device_is_listed_blocked_allowed_wiped_and_forgotten() {
    let house = House::with_tls();
    let serving = house.serve();
    let mut android = phone(&serving, Identity::android());
    let id = android.identity.device_id.to_string();
    let devices = house.json(&["device", "list"]);
    assert_eq!(devices.as_array().unwrap().len(), 1);
    assert_eq!(devices[0]["login"], "anna@defaultcontext");
    assert!(devices[0]["id"].as_str().unwrap().eq_ignore_ascii_case(&id));
    let shown = house.run(&["device", "show", "anna", &id]).ok();
    assert!(shown.contains("14.1") && shown.contains(android.identity.user_agent), "{shown}");

    house.run(&["device", "block", "anna", &id]).ok();
    assert!(house.run(&["device", "list", "anna"]).ok().contains("blocked"));
    assert!(android.folder_sync().is_err(), "a blocked device is shut out");
    house.run(&["device", "allow", "anna", &id]).ok();
    android.folder_sync().unwrap();

    let said = house.run(&["device", "wipe", "anna", &id]).refused();
    assert!(said.contains("only 16.1") && said.contains("--whole-device"), "{said}");
    let said = house.run(&["device", "wipe", "anna", &id, "--whole-device", "--confirm", "another"]).refused();
    assert!(said.contains("nothing was done"), "{said}");
    house.run(&["device", "wipe", "anna", &id, "--whole-device", "--confirm", &id]).ok();
    assert!(house.run(&["device", "list"]).ok().contains("wipe whole device pending"));
    house.run(&["device", "unwipe", "anna", &id]).ok();
    let said = house.run(&["device", "unwipe", "anna", &id]).refused();
    assert!(said.contains("no wipe"), "{said}");

    house.run(&["device", "forget", "anna", &id]).ok();
    assert_eq!(house.run(&["device", "list"]).ok(), "no devices\n");
}

#[test]
fn a_wipe_that_failed_is_shown_and_told_again_until_it_is_done_or_taken_back() {
    let house = House::with_tls();
    let serving = house.serve();
    let mut phone = phone(&serving, Identity::iphone_today());
    let id = phone.identity.device_id.to_string();
    let shown = || house.json(&["device", "show", "anna", &id])["wipe"].as_str().unwrap().to_owned();
    let answer = |phone: &mut Phone<Socket>, status: u8| {
        let said = Element::of(p::ACCOUNT_ONLY_REMOTE_WIPE, [Element::number(p::STATUS, status)]);
        phone.ask(Command::Provision, Some(&Element::of(p::PROVISION, [said]))).unwrap().unwrap()
    };
    house.run(&["device", "wipe", "anna", &id]).ok();
    assert!(answer(&mut phone, 2).child(p::ACCOUNT_ONLY_REMOTE_WIPE).is_some(), "it is told again at once");
    assert_eq!(shown(), "account failed, tried again when the device comes");
    assert!(house.run(&["device", "list"]).ok().contains("wipe account failed"));
    assert!(phone.folder_sync().is_err(), "it gets nothing else");
    let told = phone.ask(Command::Provision, Some(&Element::new(p::PROVISION))).unwrap().unwrap();
    assert!(told.child(p::ACCOUNT_ONLY_REMOTE_WIPE).is_some(), "and at its next contact");
    house.run(&["device", "unwipe", "anna", &id]).ok();
    phone.folder_sync().unwrap();
    house.run(&["device", "wipe", "anna", &id]).ok();
    answer(&mut phone, 2);
    answer(&mut phone, 1);
    assert_eq!(shown(), "done");
    let said = house.run(&["device", "unwipe", "anna", &id]).refused();
    assert!(said.contains("already"), "{said}");
}

#[test]
fn an_account_can_be_wiped_from_a_device_that_knows_how() {
    let house = House::with_tls();
    let serving = house.serve();
    let phone = phone(&serving, Identity::iphone_today());
    let id = phone.identity.device_id.to_string();
    house.run(&["device", "wipe", "anna", &id]).ok();
    assert!(house.run(&["device", "list"]).ok().contains("wipe account pending"));
}
