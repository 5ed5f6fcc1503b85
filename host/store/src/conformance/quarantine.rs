//! What packs withheld.

use easel_protocol::{Class, ServerId};

use super::Subject;
use super::subject::{CONTACTS, assert_missing};
use crate::{
    BlobId, DeviceKey, Missing, NewQuarantined, QUARANTINE_BYTES_MAX, QUARANTINE_MAX, QuarantinedKind, StoreError,
    UserId, Write,
};

fn withheld(device: DeviceKey, at: i64, blob: BlobId) -> NewQuarantined {
    NewQuarantined {
        device,
        at,
        kind: QuarantinedKind::Message,
        pack: "old-phones".into(),
        pack_version: "1.2.0".into(),
        reason: "sent before, tschüß".into(),
        blob,
        size: 4,
    }
}

fn blob(subject: &Subject<'_>) -> BlobId {
    subject.store.put_blob(b"text").unwrap()
}

/// When those things went into quarantine that are there.
fn kept(subject: &Subject<'_>, user: UserId) -> Vec<i64> {
    subject.store.quarantined(user).unwrap().iter().map(|one| one.new.at).collect()
}

pub fn what_is_in_quarantine_is_read_back_as_it_was_put_there(subject: &Subject<'_>) {
    let user = subject.anna();
    let (device, blob, seen) = (subject.device(user, "a"), blob(subject), subject.store.modseq(user));
    assert!(subject.store.quarantined(user).unwrap().is_empty());
    let message = withheld(device, 5, blob);
    let item = |item| QuarantinedKind::Item { class: Class::Contacts, folder: CONTACTS, item, manner: vec![1, 0, 2] };
    let added = NewQuarantined { kind: item(None), ..withheld(device, 6, blob) };
    let changed = NewQuarantined { kind: item(Some(ServerId::new(77))), ..withheld(device, 7, blob) };
    let expected = [message, added, changed];
    subject.commit(user, expected.iter().cloned().map(Write::Quarantine).collect());
    let found = subject.store.quarantined(user).unwrap();
    assert!(found.iter().all(|one| one.user == user) && found.is_sorted_by(|one, next| one.id < next.id));
    assert_eq!(found.into_iter().map(|one| one.new).collect::<Vec<_>>(), expected);
    assert_eq!(subject.store.modseq(user), seen, "nothing of the mailbox changed");
}

pub fn a_quarantine_belongs_to_one_user_and_goes_with_its_device(subject: &Subject<'_>) {
    let (user, other) = (subject.anna(), subject.user_of("one", "berta").id);
    let devices = [subject.device(user, "a"), subject.device(user, "b")];
    let (theirs, blob) = (subject.device(other, "a"), blob(subject));
    let puts = devices.iter().zip(1..).map(|(device, at)| Write::Quarantine(withheld(*device, at, blob)));
    subject.commit(user, puts.collect());
    subject.commit(other, vec![Write::Quarantine(withheld(theirs, 3, blob))]);
    assert_eq!((kept(subject, user), kept(subject, other)), (vec![1, 2], vec![3]));
    subject.store.remove_device(devices[0]).unwrap();
    subject.store.remove_user(other).unwrap();
    assert_eq!((kept(subject, user), kept(subject, other)), (vec![2], vec![]));
}

pub fn a_thing_leaves_the_quarantine_once_and_with_its_change_set(subject: &Subject<'_>) {
    let user = subject.anna();
    let (device, blob) = (subject.device(user, "a"), blob(subject));
    subject.commit(user, (1..=2).map(|at| Write::Quarantine(withheld(device, at, blob))).collect());
    let id = subject.store.quarantined(user).unwrap()[0].id;
    let take = || Write::TakeFromQuarantine { id };
    // What comes with a failing change set stays out, and what would leave with it stays in.
    let fails = Write::RemoveItem { id: ServerId::new(99) };
    let failing = vec![take(), Write::Quarantine(withheld(device, 3, blob)), fails];
    assert_missing(subject.try_commit(user, failing), Missing::Item);
    assert_eq!(kept(subject, user), [1, 2]);
    subject.commit(user, vec![take()]);
    assert_eq!(kept(subject, user), [2]);
    let remember = Write::PutValue { name: "oof", value: Some(vec![1]) };
    assert_missing(subject.try_commit(user, vec![remember, take()]), Missing::Quarantined);
    assert_eq!(subject.snapshot(user).value("oof").unwrap(), None);
    // Nobody takes what is another's.
    let other = subject.user_of("one", "berta").id;
    let id = subject.store.quarantined(user).unwrap()[0].id;
    assert_missing(subject.try_commit(other, vec![Write::TakeFromQuarantine { id }]), Missing::Quarantined);
    // An id is never used again.
    subject.commit(user, vec![Write::TakeFromQuarantine { id }, Write::Quarantine(withheld(device, 4, blob))]);
    assert!(subject.store.quarantined(user).unwrap()[0].id > id);
}

pub fn what_is_in_quarantine_needs_its_bytes_and_keeps_them(subject: &Subject<'_>) {
    let user = subject.anna();
    let device = subject.device(user, "a");
    let put = |blob| Write::Quarantine(withheld(device, 1, blob));
    assert_missing(subject.try_commit(user, vec![put(BlobId(77))]), Missing::Blob);
    let blob = blob(subject);
    subject.commit(user, vec![put(blob)]);
    let sweep = || subject.store.sweep().unwrap();
    assert_eq!((sweep(), sweep(), sweep()), (0, 0, 0));
    assert_eq!(subject.store.read_blob(blob).unwrap(), b"text");
    let id = subject.store.quarantined(user).unwrap()[0].id;
    subject.commit(user, vec![Write::TakeFromQuarantine { id }]);
    assert_eq!((sweep(), sweep()), (0, 1));
    assert!(matches!(subject.store.read_blob(blob), Err(StoreError::NotFound(Missing::Blob))));
}

pub fn more_things_than_may_be_kept_push_the_oldest_out(subject: &Subject<'_>) {
    let (user, other) = (subject.anna(), subject.user_of("one", "berta").id);
    let (device, theirs, blob) = (subject.device(user, "a"), subject.device(other, "a"), blob(subject));
    subject.commit(other, vec![Write::Quarantine(withheld(theirs, 1, blob))]);
    let most = i64::try_from(QUARANTINE_MAX).unwrap();
    subject.commit(user, (1..=most).map(|at| Write::Quarantine(withheld(device, at, blob))).collect());
    assert_eq!(kept(subject, user), (1..=most).collect::<Vec<_>>());
    subject.commit(user, (most + 1..=most + 2).map(|at| Write::Quarantine(withheld(device, at, blob))).collect());
    assert_eq!(kept(subject, user), (3..=most + 2).collect::<Vec<_>>());
    assert_eq!(kept(subject, other), [1]);
}

pub fn more_bytes_than_may_be_kept_push_the_oldest_out(subject: &Subject<'_>) {
    let (user, other) = (subject.anna(), subject.user_of("one", "berta").id);
    let (device, theirs, blob) = (subject.device(user, "a"), subject.device(other, "a"), blob(subject));
    let put = |device, at, size| Write::Quarantine(NewQuarantined { size, ..withheld(device, at, blob) });
    subject.commit(other, vec![put(theirs, 1, QUARANTINE_BYTES_MAX)]);
    let third = QUARANTINE_BYTES_MAX / 3;
    subject.commit(user, (1..=3).map(|at| put(device, at, third)).collect());
    assert_eq!(kept(subject, user), [1, 2, 3], "they are as many bytes as may be, or one less");
    subject.commit(user, vec![put(device, 4, third + 2)]);
    assert_eq!(kept(subject, user), [3, 4], "two thirds and two bytes are left");
    subject.commit(user, vec![put(device, 5, QUARANTINE_BYTES_MAX + 1)]);
    assert_eq!(kept(subject, user), [3, 4], "what can never fit takes nobody's place");
    subject.commit(user, vec![put(device, 6, QUARANTINE_BYTES_MAX)]);
    assert_eq!((kept(subject, user), kept(subject, other)), (vec![6], vec![1]));
}

pub fn what_went_into_quarantine_long_ago_goes(subject: &Subject<'_>) {
    let (user, other) = (subject.anna(), subject.user_of("one", "berta").id);
    let (device, theirs, blob) = (subject.device(user, "a"), subject.device(other, "a"), blob(subject));
    subject.commit(user, (1..=4).map(|at| Write::Quarantine(withheld(device, at, blob))).collect());
    subject.commit(other, vec![Write::Quarantine(withheld(theirs, 1, blob))]);
    assert_eq!(subject.store.expire_quarantine(1).unwrap(), 0);
    assert_eq!(subject.store.expire_quarantine(3).unwrap(), 3);
    assert_eq!((kept(subject, user), kept(subject, other)), (vec![3, 4], vec![]));
}
