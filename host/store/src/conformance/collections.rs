//! States of collections, small values, and what was sent.

use std::collections::BTreeSet;

use easel_protocol::{ServerId, SyncKey, WindowKey};

use super::Subject;
use super::subject::{CALENDAR, INBOX, assert_stale, state};
use crate::{CollectionState, Cursor, Modseq, Outcome, OutcomeToken, Write};

pub fn a_state_is_read_back_as_it_was_stored(subject: &Subject<'_>) {
    let user = subject.anna();
    let device = subject.device(user, "phone");
    let ids = |numbers: &[u64]| -> BTreeSet<ServerId> { numbers.iter().copied().map(ServerId::new).collect() };
    let cursor = Cursor {
        w: Modseq(u64::MAX),
        low: (WindowKey(i64::MIN), ServerId::new(u64::MAX)),
        withheld: ids(&[1, u64::MAX]),
        resend: (0..5000).map(ServerId::new).collect(),
    };
    let outcome = |token| Outcome { token, item: Some(ServerId::new(3)), status: 6, answer: vec![0, 255] };
    let stored = CollectionState {
        generation: u32::MAX,
        step: 7,
        before: [(INBOX, Cursor::starting(Modseq(3))), (CALENDAR, cursor.clone())].into_iter().collect(),
        after: [(CALENDAR, cursor)].into_iter().collect(),
        outcomes: vec![outcome(OutcomeToken::ClientId("ü".into())), outcome(OutcomeToken::Hash([7; 16]))],
        options: vec![1; 3000],
    };
    let put = Write::PutCollection { device, collection: INBOX, expect: None, state: Some(stored.clone()) };
    subject.commit(user, vec![put]);
    assert_eq!(subject.snapshot(user).collection(device, INBOX).unwrap(), Some(stored));
}

pub fn a_state_belongs_to_one_device_and_collection(subject: &Subject<'_>) {
    let (user, other) = (subject.anna(), subject.user_of("one", "berta").id);
    let (first, second) = (subject.device(user, "a"), subject.device(user, "b"));
    for (step, (device, collection)) in (1..).zip([(first, INBOX), (first, CALENDAR), (second, INBOX)]) {
        let put = Write::PutCollection { device, collection, expect: None, state: Some(state(step, 0)) };
        subject.commit(user, vec![put]);
    }
    let snapshot = subject.snapshot(user);
    let step = |device, collection| snapshot.collection(device, collection).unwrap().map(|state| state.step);
    assert_eq!(step(first, INBOX), Some(1));
    assert_eq!(step(first, CALENDAR), Some(2));
    assert_eq!(step(second, INBOX), Some(3));
    assert_eq!(step(second, CALENDAR), None);
    assert_eq!(subject.snapshot(other).collection(first, INBOX).unwrap(), None, "another mailbox has no such device");
}

pub fn a_state_is_replaced_only_when_it_is_the_expected_one(subject: &Subject<'_>) {
    let user = subject.anna();
    let device = subject.device(user, "phone");
    let put = |expect: Option<SyncKey>, state| {
        subject.try_commit(user, vec![Write::PutCollection { device, collection: INBOX, expect, state }])
    };
    let key = |generation, step| Some(SyncKey::Issued { generation, step });
    assert_stale(put(key(77, 1), Some(state(2, 0))));
    assert_stale(put(Some(SyncKey::Initial), Some(state(1, 0))));
    put(None, Some(state(1, 0))).unwrap();
    assert_stale(put(None, Some(state(1, 0))));
    assert_stale(put(key(77, 2), Some(state(2, 0))));
    assert_stale(put(key(78, 1), Some(state(2, 0))));
    put(key(77, 1), Some(state(2, 0))).unwrap();
    assert_stale(put(key(77, 1), Some(state(2, 0))));
    assert_stale(put(key(77, 1), None));
    assert_eq!(subject.snapshot(user).collection(device, INBOX).unwrap(), Some(state(2, 0)));
}

pub fn a_state_that_is_forgotten_starts_anew(subject: &Subject<'_>) {
    let user = subject.anna();
    let device = subject.device(user, "phone");
    let put = |expect: Option<SyncKey>, state| {
        subject.commit(user, vec![Write::PutCollection { device, collection: INBOX, expect, state }]);
    };
    put(None, None);
    put(None, Some(state(3, 0)));
    put(Some(state(3, 0).key()), None);
    assert_eq!(subject.snapshot(user).collection(device, INBOX).unwrap(), None);
    put(None, Some(state(1, 0)));
}

pub fn a_small_value_is_replaced_and_forgotten(subject: &Subject<'_>) {
    let user = subject.anna();
    let device = subject.device(user, "phone");
    let put = |value: Option<Vec<u8>>| {
        subject.commit(
            user,
            vec![
                Write::PutValue { name: "oof", value: value.clone() },
                Write::PutDeviceValue { device, name: "ping", value },
            ],
        );
        let snapshot = subject.snapshot(user);
        (snapshot.value("oof").unwrap(), snapshot.device_value(device, "ping").unwrap())
    };
    for value in [None, Some(vec![1, 0, 2]), Some(Vec::new()), Some(vec![9; 100_000]), None] {
        assert_eq!(put(value.clone()), (value.clone(), value));
    }
}

pub fn a_small_value_belongs_to_one_mailbox(subject: &Subject<'_>) {
    let (user, other) = (subject.anna(), subject.user_of("one", "berta").id);
    subject.commit(user, vec![Write::PutValue { name: "oof", value: Some(vec![1]) }]);
    assert_eq!(subject.snapshot(user).value("oof").unwrap(), Some(vec![1]));
    assert_eq!(subject.snapshot(user).value("OOF").unwrap(), None);
    assert_eq!(subject.snapshot(other).value("oof").unwrap(), None);
}

pub fn a_small_value_belongs_to_one_device(subject: &Subject<'_>) {
    let user = subject.anna();
    let (first, second) = (subject.device(user, "a"), subject.device(user, "b"));
    subject.commit(user, vec![Write::PutDeviceValue { device: first, name: "ping", value: Some(vec![1]) }]);
    let snapshot = subject.snapshot(user);
    assert_eq!(snapshot.device_value(first, "ping").unwrap(), Some(vec![1]));
    assert_eq!(snapshot.device_value(first, "hierarchy").unwrap(), None);
    assert_eq!(snapshot.device_value(second, "ping").unwrap(), None);
    assert_eq!(snapshot.value("ping").unwrap(), None);
}

pub fn a_sent_message_is_remembered_for_its_device(subject: &Subject<'_>) {
    let user = subject.anna();
    let (first, second) = (subject.device(user, "a"), subject.device(user, "b"));
    let remember = |device, token: &[u8], at| {
        subject.commit(user, vec![Write::RememberSent { device, token: token.to_vec(), at }]);
    };
    remember(first, b"one", 5);
    remember(first, b"", 6);
    let snapshot = subject.snapshot(user);
    assert_eq!(snapshot.was_sent(first, b"one").unwrap(), Some(5));
    assert_eq!(snapshot.was_sent(first, b"").unwrap(), Some(6));
    assert_eq!(snapshot.was_sent(first, b"One").unwrap(), None);
    assert_eq!(snapshot.was_sent(second, b"one").unwrap(), None);
    drop(snapshot);
    remember(first, b"one", 9);
    assert_eq!(subject.snapshot(user).was_sent(first, b"one").unwrap(), Some(9));
    remember(first, b"two", 10);
    subject.store.prune_log(9).unwrap();
    let snapshot = subject.snapshot(user);
    assert_eq!(snapshot.was_sent(first, b"one").unwrap(), None, "pruning forgets what is old");
    assert_eq!(snapshot.was_sent(first, b"two").unwrap(), Some(10));
}
