//! A snapshot is one moment.

use std::sync::atomic::{AtomicBool, Ordering};

use easel_protocol::{ServerId, WindowKey};

use super::Subject;
use super::subject::{CALENDAR, INBOX, assert_missing, facts, state};
use crate::{Content, Missing, Modseq, Order, POSITION_START, Query, Write};

pub fn a_snapshot_of_an_unknown_user_is_refused(subject: &Subject<'_>) {
    let user = subject.anna();
    for unknown in [0, user.0 + 1, u64::MAX] {
        assert_missing(subject.store.snapshot(crate::UserId(unknown)).map(drop), Missing::User);
        assert_eq!(subject.store.modseq(crate::UserId(unknown)), Modseq(0));
    }
}

pub fn the_next_snapshot_sees_what_was_committed(subject: &Subject<'_>) {
    let user = subject.anna();
    for key in 0..20 {
        let id = subject.add_object(user, CALENDAR, "x", facts(key, "x"));
        let snapshot = subject.snapshot(user);
        assert_eq!(snapshot.modseq(), subject.store.modseq(user));
        assert!(snapshot.item(id).unwrap().is_some());
    }
}

pub fn a_snapshot_sees_nothing_that_came_later(subject: &Subject<'_>) {
    let user = subject.anna();
    let device = subject.device(user, "phone");
    let (kept, gone) = (
        subject.add_object(user, CALENDAR, "old", facts(1, "old")),
        subject.add_object(user, CALENDAR, "x", facts(2, "x")),
    );
    let mail = subject.add_mail(user, INBOX, b"mail", facts(1, "mail"));
    let snapshot = subject.snapshot(user);
    let then = snapshot.modseq();

    subject.change(user, kept, "new", facts(9, "new"));
    subject.commit(user, vec![Write::RemoveItem { id: gone }, Write::RemoveItem { id: mail }]);
    let later = subject.add_object(user, CALENDAR, "later", facts(3, "later"));
    let folder = subject.add_folder(user, None, "later");
    let state = Some(state(1, 0));
    subject.commit(
        user,
        vec![
            Write::PutCollection { device, collection: INBOX, expect: None, state },
            Write::PutValue { name: "oof", value: Some(vec![1]) },
            Write::PutDeviceValue { device, name: "ping", value: Some(vec![1]) },
            Write::RememberSent { device, token: vec![1], at: 1 },
        ],
    );
    subject.store.prune_log(i64::MAX).unwrap();

    assert_eq!(snapshot.modseq(), then);
    assert!(subject.store.modseq(user) > then);
    assert_eq!(snapshot.item(kept).unwrap().unwrap().content, Content::Object("old".into()));
    assert!(snapshot.item(gone).unwrap().is_some());
    assert_eq!(snapshot.item(later).unwrap(), None);
    assert_eq!(snapshot.folder(folder).unwrap(), None);
    assert_eq!(snapshot.hierarchy().unwrap(), Modseq(0));
    assert_eq!(snapshot.count(CALENDAR).unwrap(), 2);
    let all = snapshot.range(CALENDAR, (WindowKey::NEVER, ServerId::new(0))..POSITION_START, Order::Ascending, 9);
    assert_eq!(all.unwrap(), [(WindowKey(1), kept), (WindowKey(2), gone)]);
    assert_eq!(snapshot.log(CALENDAR, Modseq(0), 9).unwrap().len(), 2);
    assert_eq!(snapshot.log_floor().unwrap(), Modseq(0));
    assert_eq!(snapshot.collection(device, INBOX).unwrap(), None);
    assert_eq!(snapshot.value("oof").unwrap(), None);
    assert_eq!(snapshot.device_value(device, "ping").unwrap(), None);
    assert_eq!(snapshot.was_sent(device, &[1]).unwrap(), None);
    let search =
        |word: &str| snapshot.search(&Query { words: vec![word.into()], limit: 9, ..Query::default() }).unwrap();
    assert_eq!((search("old"), search("new")), (vec![kept], vec![]));
    let Content::Mail(mail) = snapshot.item(mail).unwrap().unwrap().content else { panic!("a mail stays a mail") };
    assert_eq!(snapshot.blob(mail.blob, 0..9).unwrap(), b"mail");
}

/// A store may keep what was read; never longer than it is true.
pub fn what_was_read_is_read_anew_once_it_changed(subject: &Subject<'_>) {
    let user = subject.anna();
    let device = subject.device(user, "phone");
    let folder = subject.add_folder(user, None, "0");
    let mut expect = None;
    for turn in 1..8_u64 {
        let name = turn.to_string();
        // Twice, so that whatever is kept is kept now.
        for _ in 0..2 {
            let snapshot = subject.snapshot(user);
            assert_eq!(
                snapshot.collection(device, INBOX).unwrap().map(|state| state.step),
                expect.as_ref().map(|_| turn - 1)
            );
            assert_eq!(snapshot.value("oof").unwrap(), expect.as_ref().map(|_| vec![1]));
            assert_eq!(snapshot.device_value(device, "ping").unwrap(), expect.as_ref().map(|_| vec![2]));
            assert_eq!(snapshot.folder(folder).unwrap().unwrap().name, (turn - 1).to_string());
            assert_eq!(snapshot.log(CALENDAR, Modseq(0), 99).unwrap().len() as u64, turn - 1);
            assert!(snapshot.log(CALENDAR, snapshot.modseq(), 99).unwrap().is_empty());
            assert!(subject.store.device(user, "phone", "SmartPhone").unwrap().is_some());
        }
        let next = state(turn, 0);
        let (key, next) = (next.key(), Some(next));
        subject.commit(
            user,
            vec![
                Write::PutCollection { device, collection: INBOX, expect, state: next },
                Write::PutValue { name: "oof", value: Some(vec![1]) },
                Write::PutDeviceValue { device, name: "ping", value: Some(vec![2]) },
                Write::UpdateFolder { id: folder, parent: None, name },
            ],
        );
        subject.add_object(user, CALENDAR, "x", facts(1, "x"));
        expect = Some(key);
    }
    subject.store.prune_log(i64::MAX).unwrap();
    let snapshot = subject.snapshot(user);
    assert_eq!(snapshot.log_floor().unwrap(), snapshot.modseq());
    drop(snapshot);
    subject.store.remove_device(device).unwrap();
    let snapshot = subject.snapshot(user);
    assert_eq!(snapshot.collection(device, INBOX).unwrap(), None);
    assert_eq!(snapshot.device_value(device, "ping").unwrap(), None);
    assert_eq!(subject.store.device(user, "phone", "SmartPhone").unwrap(), None);
    drop(snapshot);
    subject.store.remove_user(user).unwrap();
    assert_missing(subject.store.snapshot(user).map(drop), Missing::User);
}

/// Every commit moves an item and counts a value up; a look must never see one without the other.
pub fn a_snapshot_holds_while_commits_go_on(subject: &Subject<'_>) {
    let user = subject.anna();
    let id = subject.add_object(user, CALENDAR, "0", facts(0, "x"));
    subject.commit(user, vec![Write::PutValue { name: "count", value: Some(b"0".to_vec()) }]);
    let (store, done) = (subject.store, AtomicBool::new(false));
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let done = &done;
                scope.spawn(move || {
                    let mut looks = 0;
                    while looks < 3 || !done.load(Ordering::Relaxed) {
                        let snapshot = store.snapshot(user).unwrap();
                        let count = snapshot.value("count").unwrap().unwrap();
                        let log = snapshot.log(CALENDAR, Modseq(0), 1000).unwrap();
                        let Content::Object(text) = snapshot.item(id).unwrap().unwrap().content else { panic!() };
                        assert_eq!(text.as_bytes(), count);
                        assert_eq!(text, (log.len() - 1).to_string());
                        assert_eq!(log.last().unwrap().modseq, snapshot.modseq());
                        looks += 1;
                    }
                })
            })
            .collect();
        for count in 1..=100 {
            let (text, seen) = (count.to_string(), subject.store.modseq(user));
            let value = Some(text.clone().into_bytes());
            subject.commit(
                user,
                vec![
                    Write::ChangeContent { id, content: text, facts: facts(count, "x"), seen },
                    Write::PutValue { name: "count", value },
                ],
            );
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}
