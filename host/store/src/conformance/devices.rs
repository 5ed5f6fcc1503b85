//! Partnerships.

use easel_protocol::{DeviceFacts, Origin, Version};

use super::Subject;
use super::subject::{INBOX, assert_exists, assert_missing, new_device, state};
use crate::{Device, DeviceKey, Missing, PolicyState, Provisioning, StoreError, UserId, Wipe, Write, change_device};

pub fn a_device_is_read_back_as_it_was_stored(subject: &Subject<'_>) {
    let user = subject.anna();
    let facts = DeviceFacts {
        device_id: "ABC".into(),
        device_type: "iPhone".into(),
        user_agent: "Apple-iPhone/1".into(),
        earlier_agents: vec!["Apple-iPhone/0".into()],
        version: Version::parse("14.1").ok(),
        base64_query: true,
        headers: [("x-a".into(), "b".into())].into(),
        information: [("Model".into(), "Größe".into())].into(),
        origin: Origin::Cloud,
    };
    let provisioning = Provisioning::Applied { key: u32::MAX, temporary_key: 7, policy: u64::MAX, compliance: 2 };
    let device = Device {
        facts,
        policy: PolicyState { provisioning, wipe: Wipe::AccountPending },
        blocked: true,
        created: -5,
        last_seen: i64::MAX,
        versions_told: "2.5,14.1".into(),
        ..new_device(user, "abc")
    };
    let stored = subject.store.put_device(&device).unwrap();
    assert_ne!(stored.key, DeviceKey(0));
    assert_eq!(stored, Device { key: stored.key, ..device });
    assert_eq!(subject.store.device(user, "abc", "SmartPhone").unwrap(), Some(stored));
    for (id, kind) in [("ABC", "SmartPhone"), ("abc", "smartphone"), ("abc", "")] {
        assert_eq!(subject.store.device(user, id, kind).unwrap(), None);
    }
}

pub fn a_device_is_stored_again_under_its_key(subject: &Subject<'_>) {
    let user = subject.anna();
    let stored = subject.store.put_device(&new_device(user, "abc")).unwrap();
    let changed = Device { blocked: true, last_seen: 9, ..stored };
    assert_eq!(subject.store.put_device(&changed).unwrap(), changed);
    assert_eq!(subject.store.devices(user).unwrap(), [changed]);
}

pub fn a_device_is_replaced_as_long_as_nobody_else_changed_it(subject: &Subject<'_>) {
    let user = subject.anna();
    let seen = subject.store.put_device(&new_device(user, "abc")).unwrap();
    let blocked = Device { blocked: true, ..seen.clone() };
    assert_eq!(subject.store.replace_device(&seen, &blocked).unwrap(), blocked);
    let told = Device { versions_told: "14.1".into(), ..seen.clone() };
    assert!(matches!(subject.store.replace_device(&seen, &told), Err(StoreError::Stale)));
    assert_eq!(subject.store.devices(user).unwrap(), std::slice::from_ref(&blocked));
    let wiped = PolicyState { wipe: Wipe::DevicePending, ..PolicyState::default() };
    let wiped = Device { policy: wiped, ..blocked.clone() };
    subject.store.replace_device(&blocked, &wiped).unwrap();
    assert!(matches!(subject.store.replace_device(&blocked, &told), Err(StoreError::Stale)), "each field counts");
    subject.store.remove_device(seen.key).unwrap();
    assert_missing(subject.store.replace_device(&wiped, &told), Missing::Device);
    assert!(subject.store.devices(user).unwrap().is_empty(), "and what is forgotten stays forgotten");
}

pub fn a_device_two_change_at_once_keeps_what_both_changed(subject: &Subject<'_>) {
    let user = subject.anna();
    let device = subject.store.put_device(&new_device(user, "abc")).unwrap();
    let store = subject.store;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..50 {
                change_device(store, &device, |device| device.last_seen += 1).unwrap();
            }
        });
        for _ in 0..50 {
            change_device(store, &device, |device| device.versions_told.push('x')).unwrap();
        }
    });
    let stored = store.device(user, "abc", &device.kind).unwrap().unwrap();
    assert_eq!((stored.last_seen - device.last_seen, stored.versions_told.len()), (50, 50));
    store.remove_device(device.key).unwrap();
    assert_eq!(change_device(store, &device, |device| device.blocked = true).unwrap(), None);
}

pub fn a_device_is_stored_once(subject: &Subject<'_>) {
    let (user, other) = (subject.anna(), subject.user_of("one", "berta").id);
    let first = subject.device(user, "abc");
    assert_exists(subject.store.put_device(&new_device(user, "abc")), "abc");
    let kind = Device { kind: "other".into(), ..new_device(user, "abc") };
    let second = subject.store.put_device(&kind).unwrap().key;
    let third = subject.device(other, "abc");
    assert!(first != second && second != third && first != third);
}

pub fn a_device_needs_its_user(subject: &Subject<'_>) {
    let user = subject.anna();
    assert_missing(subject.store.put_device(&new_device(UserId(user.0 + 1), "abc")), Missing::User);
    let unknown = Device { key: DeviceKey(99), ..new_device(user, "abc") };
    assert_missing(subject.store.put_device(&unknown), Missing::Device);
    assert!(subject.store.devices(user).unwrap().is_empty());
}

pub fn devices_are_listed_last_seen_first(subject: &Subject<'_>) {
    let user = subject.anna();
    for (id, last_seen) in [("a", 5), ("b", 9), ("c", 7)] {
        subject.store.put_device(&Device { last_seen, ..new_device(user, id) }).unwrap();
    }
    let ids: Vec<String> = subject.store.devices(user).unwrap().into_iter().map(|device| device.id).collect();
    assert_eq!(ids, ["b", "c", "a"]);
}

pub fn a_removed_device_takes_its_state_along(subject: &Subject<'_>) {
    let user = subject.anna();
    let devices = [subject.device(user, "a"), subject.device(user, "b")];
    for device in devices {
        let state = Some(state(1, 0));
        subject.commit(
            user,
            vec![
                Write::PutCollection { device, collection: INBOX, expect: None, state },
                Write::PutDeviceValue { device, name: "ping", value: Some(vec![1]) },
                Write::RememberSent { device, token: vec![2], at: 3 },
            ],
        );
    }
    subject.store.remove_device(devices[0]).unwrap();
    let snapshot = subject.snapshot(user);
    let kept = |device| {
        (
            snapshot.collection(device, INBOX).unwrap().is_some(),
            snapshot.device_value(device, "ping").unwrap().is_some(),
            snapshot.was_sent(device, &[2]).unwrap().is_some(),
        )
    };
    assert_eq!(kept(devices[0]), (false, false, false));
    assert_eq!(kept(devices[1]), (true, true, true));
    assert_eq!(subject.store.device(user, "a", "SmartPhone").unwrap(), None);
    assert_missing(subject.store.remove_device(devices[0]), Missing::Device);
    assert!(!devices.contains(&subject.device(user, "a")), "a key is never used again");
}
