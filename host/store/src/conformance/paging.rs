//! Items of a folder in the order of their window keys.

use easel_protocol::{CollectionId, ServerId, WindowKey};

use super::Subject;
use super::subject::{CALENDAR, CONTACTS, INBOX, facts};
use crate::{Order, POSITION_START, Position, Write};

fn below() -> Position {
    (WindowKey(i64::MIN), ServerId::new(0))
}

pub fn a_range_is_half_open_in_order_and_bounded(subject: &Subject<'_>) {
    let user = subject.anna();
    let mut all: Vec<Position> =
        [5, -3, 9, 7, 0, 12].map(|key| (WindowKey(key), subject.add_mail(user, INBOX, b"x", facts(key, "x")))).into();
    subject.add_object(user, CALENDAR, "x", facts(6, "elsewhere"));
    all.sort();
    let snapshot = subject.snapshot(user);
    let range = |from: Position, to: Position, order, limit| snapshot.range(INBOX, from..to, order, limit).unwrap();
    assert_eq!(range(below(), POSITION_START, Order::Ascending, 99), all);
    let mut newest = all.clone();
    newest.reverse();
    assert_eq!(range(below(), POSITION_START, Order::Descending, 99), newest);
    assert_eq!(range(below(), POSITION_START, Order::Descending, 2), newest[..2]);
    assert_eq!(range(below(), POSITION_START, Order::Ascending, 2), all[..2]);
    assert_eq!(range(all[1], all[4], Order::Ascending, 99), all[1..4]);
    assert_eq!(range(all[1], all[4], Order::Descending, 1), [all[3]]);
    assert_eq!(
        range((WindowKey(1), ServerId::new(0)), (WindowKey(8), ServerId::new(0)), Order::Ascending, 9),
        all[2..4]
    );
    assert!(range(all[2], all[2], Order::Ascending, 9).is_empty());
    assert!(range(all[4], all[1], Order::Ascending, 9).is_empty());
    assert!(range(all[4], all[1], Order::Descending, 9).is_empty());
    assert!(range(below(), POSITION_START, Order::Ascending, 0).is_empty());
    let nowhere = snapshot.range(CollectionId::new(99), below()..POSITION_START, Order::Ascending, 9).unwrap();
    assert!(nowhere.is_empty());
}

pub fn equal_keys_are_parted_by_the_id(subject: &Subject<'_>) {
    let user = subject.anna();
    let ids: Vec<ServerId> = (0..6).map(|_| subject.add_mail(user, INBOX, b"x", facts(5, "x"))).collect();
    let at = |id: ServerId| (WindowKey(5), id);
    let snapshot = subject.snapshot(user);
    let found = snapshot.range(INBOX, at(ids[1])..at(ids[4]), Order::Ascending, 99).unwrap();
    assert_eq!(found, [at(ids[1]), at(ids[2]), at(ids[3])]);
    let found = snapshot.range(INBOX, below()..at(ids[3]), Order::Descending, 2).unwrap();
    assert_eq!(found, [at(ids[2]), at(ids[1])]);
}

pub fn the_ends_of_all_keys_are_in_the_whole_range(subject: &Subject<'_>) {
    let user = subject.anna();
    let never = subject.add_object(user, CONTACTS, "x", facts(i64::MIN, "x"));
    let forever = subject.add_object(user, CONTACTS, "x", facts(i64::MAX, "x"));
    let snapshot = subject.snapshot(user);
    let found = snapshot.range(CONTACTS, below()..POSITION_START, Order::Descending, 9).unwrap();
    assert_eq!(found, [(WindowKey::FOREVER, forever), (WindowKey::NEVER, never)]);
}

pub fn a_range_follows_a_changed_window_key(subject: &Subject<'_>) {
    let user = subject.anna();
    let first = subject.add_object(user, CALENDAR, "x", facts(1, "x"));
    let second = subject.add_object(user, CALENDAR, "x", facts(2, "x"));
    subject.change(user, first, "y", facts(3, "x"));
    let snapshot = subject.snapshot(user);
    let found = snapshot.range(CALENDAR, below()..POSITION_START, Order::Ascending, 9).unwrap();
    assert_eq!(found, [(WindowKey(2), second), (WindowKey(3), first)]);
}

pub fn only_what_is_there_is_counted(subject: &Subject<'_>) {
    let user = subject.anna();
    let ids: Vec<ServerId> = (0..3).map(|key| subject.add_mail(user, INBOX, b"x", facts(key, "x"))).collect();
    assert_eq!(subject.snapshot(user).count(INBOX).unwrap(), 3);
    subject.commit(user, vec![Write::RemoveItem { id: ids[1] }]);
    let snapshot = subject.snapshot(user);
    assert_eq!(snapshot.count(INBOX).unwrap(), 2);
    assert_eq!(snapshot.count(CALENDAR).unwrap(), 0);
    assert_eq!(snapshot.count(CollectionId::new(99)).unwrap(), 0);
    let found = snapshot.range(INBOX, below()..POSITION_START, Order::Ascending, 9).unwrap();
    assert_eq!(found, [(WindowKey(0), ids[0]), (WindowKey(2), ids[2])]);
}
