//! What the administrator demands, and how a phone learns it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod desk;

use std::sync::Arc;

use desk::{Desk, Line};
use easel_commands::{Policy, Service, Settings};
use easel_plugin::NoPlugin;
use easel_protocol::Command;
use easel_store::{Provisioning, Store, Wipe};
use easel_test_support::{Identity, Phone};
use easel_wbxml::Element;
use easel_wbxml::pages::provision as p;

fn demanding(version: u64) -> Settings {
    let settings = vec![("DevicePasswordEnabled".to_owned(), "1".to_owned())];
    Settings { policy: Policy { required: true, version, settings, ..Policy::default() }, ..Settings::default() }
}

/// The same mailbox under another decision of the operator.
fn decide(desk: &Desk, phone: &mut Phone<Line>, settings: Settings) {
    let (store, now) = (Arc::clone(&desk.store) as Arc<dyn Store>, Arc::clone(&desk.now));
    let clock = Arc::new(move || *now.lock().unwrap());
    phone.transport.service = Arc::new(Service::new(store, Arc::new(NoPlugin), settings, clock));
}

fn all() -> [Identity; 4] {
    [Identity::nokia_n97(), Identity::iphone_3gs(), Identity::android(), Identity::iphone_today()]
}

#[test]
fn every_version_is_told_obeys_and_is_told_again_when_the_policy_changes() {
    for identity in all() {
        let desk = Desk::with(Arc::new(NoPlugin), demanding(1));
        let mut phone = desk.phone(identity);
        assert!(phone.folder_sync().is_err(), "told to provision first");
        phone.provision().unwrap();
        assert_ne!(phone.policy_key, 0, "K: I06");
        phone.folder_sync().unwrap();
        decide(&desk, &mut phone, demanding(2));
        assert!(phone.folder_sync().is_err(), "told to provision again");
        let old = phone.policy_key;
        phone.provision().unwrap();
        assert_ne!(phone.policy_key, old);
        phone.folder_sync().unwrap();
    }
}

#[test]
fn g23_a_phone_that_was_told_to_come_gets_a_policy_even_if_nothing_is_demanded_any_more() {
    let desk = Desk::with(Arc::new(NoPlugin), demanding(1));
    let mut phone = desk.phone(Identity::android());
    assert!(phone.folder_sync().is_err());
    decide(&desk, &mut phone, Settings::default());
    phone.provision().unwrap();
    let device = &desk.store.devices(desk.user.id).unwrap()[0];
    assert!(matches!(device.policy.provisioning, Provisioning::Applied { .. }), "{:?}", device.policy);
}

#[test]
fn a_wipe_stops_a_phone_until_it_is_done_and_then_shuts_it_out() {
    let desk = Desk::new();
    let mut phone = desk.phone(Identity::iphone_today());
    phone.folder_sync().unwrap();
    let mut device = desk.store.devices(desk.user.id).unwrap().remove(0);
    device.policy.wipe = Wipe::AccountPending;
    desk.store.put_device(&device).unwrap();
    assert!(phone.folder_sync().is_err());
    let told = phone.ask(Command::Provision, Some(&Element::new(p::PROVISION))).unwrap().unwrap();
    assert!(told.child(p::ACCOUNT_ONLY_REMOTE_WIPE).is_some());
    let done = Element::of(p::ACCOUNT_ONLY_REMOTE_WIPE, [Element::number(p::STATUS, 1)]);
    phone.ask(Command::Provision, Some(&Element::of(p::PROVISION, [done]))).unwrap();
    let device = desk.store.devices(desk.user.id).unwrap().remove(0);
    assert_eq!((device.policy.wipe, device.blocked), (Wipe::Done, true));
    let refused = phone.ask(Command::FolderSync, None);
    assert!(format!("{refused:?}").contains("129"), "{refused:?}");
}
