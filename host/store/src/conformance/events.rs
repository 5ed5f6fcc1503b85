//! Who is woken by what.

use std::sync::mpsc::channel;

use super::Subject;
use super::subject::{CALENDAR, INBOX, TRASH, assert_stale, facts, state};
use crate::{Bus, Event, Interest, Modseq, User, Write};

pub fn a_commit_wakes_who_watches_its_folder(subject: &Subject<'_>) {
    let (user, other) = (subject.anna(), subject.user_of("one", "berta").id);
    let device = subject.device(user, "phone");
    let calendar = subject.watch(user, device, &[CALENDAR]);
    let inbox = subject.watch(user, device, &[INBOX]);
    let theirs = subject.watch(other, subject.device(other, "phone"), &[CALENDAR]);
    let id = subject.add_object(user, CALENDAR, "x", facts(1, "x"));
    let expected = Event::Mailbox { user, folders: [CALENDAR].into(), hierarchy: false, author: None };
    assert_eq!(calendar.try_recv().unwrap(), expected);
    assert!(inbox.try_recv().is_err() && theirs.try_recv().is_err());

    let calendar = subject.watch(user, device, &[CALENDAR]);
    let trash = subject.watch(user, device, &[TRASH]);
    subject.move_to(user, id, TRASH);
    let expected = Event::Mailbox { user, folders: [CALENDAR, TRASH].into(), hierarchy: false, author: None };
    assert_eq!(calendar.try_recv().unwrap(), expected);
    assert_eq!(trash.try_recv().unwrap(), expected);
    assert!(inbox.try_recv().is_err());
}

pub fn the_author_is_not_woken(subject: &Subject<'_>) {
    let user = subject.anna();
    let (author, other) = (subject.device(user, "a"), subject.device(user, "b"));
    let own = subject.watch(user, author, &[CALENDAR]);
    let others = subject.watch(user, other, &[CALENDAR]);
    let (_, add) = subject.adding_object(user, CALENDAR, "x", facts(1, "x"));
    subject.commit_by(user, author, vec![add]);
    assert!(own.try_recv().is_err());
    let expected = Event::Mailbox { user, folders: [CALENDAR].into(), hierarchy: false, author: Some(author) };
    assert_eq!(others.try_recv().unwrap(), expected);
}

pub fn a_change_of_the_tree_wakes_whoever_watches(subject: &Subject<'_>) {
    let user = subject.anna();
    let device = subject.device(user, "phone");
    let woken = subject.watch(user, device, &[INBOX]);
    let id = subject.add_folder(user, None, "new");
    let tree = |event| matches!(event, Event::Mailbox { hierarchy: true, .. });
    assert!(tree(woken.try_recv().unwrap()));
    let woken = subject.watch(user, device, &[INBOX]);
    subject.commit(user, vec![Write::UpdateFolder { id, parent: None, name: "newer".into() }]);
    assert!(tree(woken.try_recv().unwrap()));
    let woken = subject.watch(user, device, &[INBOX]);
    subject.commit(user, vec![Write::RemoveFolder { id }]);
    assert!(tree(woken.try_recv().unwrap()));
}

pub fn a_failed_commit_wakes_nobody(subject: &Subject<'_>) {
    let user = subject.anna();
    let woken = subject.watch(user, subject.device(user, "phone"), &[CALENDAR]);
    let queue = subject.watch_for(Interest::Outgoing);
    let id = subject.store.reserve_folder(user).unwrap();
    let folder = Write::AddFolder { id, parent: None, name: "x".into(), kind: easel_protocol::FolderType::UserMail };
    let (_, add) = subject.adding_object(user, CALENDAR, "x", facts(1, "x"));
    let (_, message) = subject.message("x", 1);
    let device = subject.device(user, "other");
    let expect = Some(state(1, 0).key());
    let stale = Write::PutCollection { device, collection: INBOX, expect, state: None };
    assert_stale(subject.try_commit(user, vec![folder, add, message, stale]));
    assert!(woken.try_recv().is_err() && queue.try_recv().is_err());
}

pub fn what_changes_no_item_wakes_nobody(subject: &Subject<'_>) {
    let user = subject.anna();
    let device = subject.device(user, "phone");
    let woken = subject.watch(user, device, &[INBOX]);
    let queue = subject.watch_for(Interest::Outgoing);
    let state = Some(state(1, 0));
    subject.commit(
        user,
        vec![
            Write::PutValue { name: "oof", value: Some(vec![1]) },
            Write::PutDeviceValue { device, name: "ping", value: Some(vec![1]) },
            Write::PutCollection { device, collection: INBOX, expect: None, state },
            Write::RememberSent { device, token: vec![1], at: 1 },
        ],
    );
    subject.store.reserve_items(user, 1000).unwrap();
    subject.store.put_blob(b"mail").unwrap();
    assert!(woken.try_recv().is_err() && queue.try_recv().is_err());
}

pub fn a_queued_message_wakes_the_queue(subject: &Subject<'_>) {
    let user = subject.anna();
    let queue = subject.watch_for(Interest::Outgoing);
    let mailbox = subject.watch(user, subject.device(user, "phone"), &[INBOX]);
    let (_, message) = subject.message("x", 1);
    subject.commit(user, vec![message]);
    assert_eq!(queue.try_recv().unwrap(), Event::Outgoing);
    assert!(mailbox.try_recv().is_err());
}

pub fn the_administrator_wakes_the_devices_concerned(subject: &Subject<'_>) {
    let user = subject.user_of("one", "anna");
    let (first, second) = (subject.device(user.id, "a"), subject.device(user.id, "b"));
    let both = || (subject.watch(user.id, first, &[]), subject.watch(user.id, second, &[]));
    let (a, b) = both();
    let user = subject.store.update_user(&User { enabled: false, ..user.clone() }).unwrap();
    let everybody = Event::Device { user: user.id, device: None };
    assert_eq!((a.try_recv().unwrap(), b.try_recv().unwrap()), (everybody.clone(), everybody.clone()));
    let (a, b) = both();
    subject.store.remove_device(first).unwrap();
    assert_eq!(a.try_recv().unwrap(), Event::Device { user: user.id, device: Some(first) });
    assert!(b.try_recv().is_err());
    subject.store.remove_user(user.id).unwrap();
    assert_eq!(b.try_recv().unwrap(), everybody);
}

pub fn whoever_is_woken_sees_the_change(subject: &Subject<'_>) {
    let user = subject.anna();
    let (id, add) = subject.adding_object(user, CALENDAR, "x", facts(1, "x"));
    let device = subject.device(user, "phone");
    std::thread::scope(|scope| {
        let (sender, woken) = channel();
        subject.bus.watch(
            Interest::Mailbox { user, device, folders: [CALENDAR].into() },
            Box::new(move |_| sender.send(()).unwrap()),
        );
        let store = subject.store;
        let watcher = scope.spawn(move || {
            woken.recv().unwrap();
            let snapshot = store.snapshot(user).unwrap();
            (store.modseq(user), snapshot.modseq(), snapshot.folder_of(id).unwrap())
        });
        let modseq = subject.commit(user, vec![add]);
        assert_eq!(watcher.join().unwrap(), (modseq, modseq, Some(CALENDAR)));
        assert_ne!(modseq, Modseq(0));
    });
}
