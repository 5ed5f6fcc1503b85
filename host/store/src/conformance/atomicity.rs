//! All or none.

use std::collections::BTreeSet;

use easel_protocol::{FolderType, Groups, MailRecord};

use super::Subject;
use super::subject::{CALENDAR, INBOX, TRASH, assert_stale, facts, state};
use crate::{Modseq, NewOutgoing, Query, UserId, Write};

/// One write of every kind, all of which would succeed.
fn everything(subject: &Subject<'_>, user: UserId) -> Vec<Write> {
    let device = subject.device(user, "phone");
    let event = subject.add_object(user, CALENDAR, "old", facts(1, "old"));
    let mail = subject.add_mail(user, INBOX, b"mail", facts(1, "mail"));
    let moved = subject.add_mail(user, INBOX, b"mail", facts(2, "moved"));
    let removed = subject.add_mail(user, INBOX, b"mail", facts(3, "removed"));
    let (old, new) = (subject.add_folder(user, None, "old"), subject.store.reserve_folder(user).unwrap());
    let gone = subject.add_folder(user, None, "gone");
    subject.add_object(user, gone, "inside", facts(1, "inside"));
    let blob = subject.store.put_blob(b"out").unwrap();
    let seen = subject.store.modseq(user);
    let (_, add) = subject.adding_object(user, CALENDAR, "added", facts(4, "added"));
    let read = MailRecord { read: true, ..MailRecord::arrived(1) };
    let new_id = subject.store.reserve_items(user, 1).unwrap();
    vec![
        Write::AddFolder { id: new, parent: None, name: "new".into(), kind: FolderType::UserMail },
        add,
        Write::ChangeContent { id: event, content: "new".into(), facts: facts(9, "new"), seen },
        Write::ChangeRecord { id: mail, record: read, groups: Groups::READ, seen },
        Write::MoveItem { id: moved, to: TRASH, new_id },
        Write::PutCollection { device, collection: INBOX, expect: None, state: Some(state(1, 0)) },
        Write::PutDeviceValue { device, name: "ping", value: Some(vec![1]) },
        Write::PutValue { name: "oof", value: Some(vec![1]) },
        Write::Queue(NewOutgoing { sender: "a@x".into(), recipients: vec!["b@y".into()], blob, queued: 1 }),
        Write::RememberSent { device, token: vec![1], at: 1 },
        Write::RemoveFolder { id: gone },
        Write::RemoveItem { id: removed },
        Write::UpdateFolder { id: old, parent: Some(INBOX), name: "older".into() },
    ]
}

/// Everything that can be seen of a mailbox, as text.
fn seen(subject: &Subject<'_>, user: UserId) -> String {
    let snapshot = subject.snapshot(user);
    let folders = snapshot.folders().unwrap();
    let mut text = format!("{:?} {:?} {folders:?}", snapshot.modseq(), snapshot.hierarchy());
    for folder in &folders {
        text += &format!("{:?}", snapshot.log(folder.id, Modseq(0), 999));
    }
    for id in 1..20 {
        text += &format!("{:?}", snapshot.item(easel_protocol::ServerId::new(id)));
    }
    let device = subject.store.devices(user).unwrap()[0].key;
    text += &format!("{:?}", snapshot.collection(device, INBOX));
    text += &format!("{:?} {:?}", snapshot.device_value(device, "ping"), snapshot.value("oof"));
    text += &format!("{:?}", snapshot.was_sent(device, &[1]));
    for word in ["old", "new", "added", "removed", "moved", "inside"] {
        let query = Query { words: vec![word.into()], limit: 9, ..Query::default() };
        text += &format!("{word} {:?}", snapshot.search(&query));
    }
    text + &format!("{:?} {:?}", subject.store.due_outgoing(9, 9), subject.store.modseq(user))
}

pub fn a_failing_change_set_leaves_nothing(subject: &Subject<'_>) {
    let user = subject.anna();
    let writes = everything(subject, user);
    let before = seen(subject, user);
    let device = subject.store.devices(user).unwrap()[0].key;
    let stale = || Write::PutCollection { device, collection: CALENDAR, expect: Some(state(5, 0).key()), state: None };
    for at in 0..=writes.len() {
        let mut some = writes.clone();
        some.insert(at, stale());
        assert_stale(subject.try_commit(user, some));
        assert_eq!(seen(subject, user), before, "failed at {at}");
    }
    subject.commit(user, writes);
    assert_ne!(seen(subject, user), before);
}

pub fn a_failing_change_set_does_not_undo_its_neighbours(subject: &Subject<'_>) {
    let user = subject.anna();
    let device = subject.device(user, "phone");
    let subject = *subject;
    let added: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                scope.spawn(move || {
                    let mut added = Vec::new();
                    for turn in 0..20 {
                        let (id, add) = subject.adding_object(user, CALENDAR, "x", facts(thread, "x"));
                        let expect = Some(state(9, 0).key());
                        let stale = Write::PutCollection { device, collection: INBOX, expect, state: None };
                        if (turn + thread) % 3 == 0 {
                            assert_stale(subject.try_commit(user, vec![add, stale]));
                        } else {
                            subject.commit(user, vec![add]);
                            added.push(id);
                        }
                    }
                    added
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let snapshot = subject.snapshot(user);
    assert_eq!(snapshot.count(CALENDAR).unwrap(), added.len() as u64);
    assert_eq!(snapshot.log(CALENDAR, Modseq(0), 999).unwrap().len(), added.len());
    assert_eq!(snapshot.modseq(), Modseq(added.len() as u64));
    for id in added {
        assert_eq!(snapshot.folder_of(id).unwrap(), Some(CALENDAR));
    }
}

pub fn commits_of_many_threads_get_numbers_of_their_own(subject: &Subject<'_>) {
    let users = [subject.anna(), subject.user_of("two", "anna").id];
    let subject = *subject;
    for (user, numbers) in std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6)
            .map(|thread| {
                scope.spawn(move || {
                    let user = users[thread % 2];
                    let numbers: Vec<u64> = (0..20)
                        .map(|_| {
                            let (id, add) = subject.adding_object(user, CALENDAR, "x", facts(1, "x"));
                            let modseq = subject.commit(user, vec![add]);
                            assert!(subject.store.modseq(user) >= modseq, "the counter in memory lags behind");
                            assert_eq!(subject.item(user, id).unwrap().entered, modseq);
                            modseq.0
                        })
                        .collect();
                    (user, numbers)
                })
            })
            .collect();
        let mut of_users = std::collections::BTreeMap::<UserId, Vec<u64>>::new();
        for thread in threads {
            let (user, numbers) = thread.join().unwrap();
            of_users.entry(user).or_default().extend(numbers);
        }
        of_users
    }) {
        let different: BTreeSet<u64> = numbers.iter().copied().collect();
        assert_eq!(different, (1..=60).collect(), "{user:?}");
        assert_eq!(subject.store.modseq(user), Modseq(60));
    }
}
