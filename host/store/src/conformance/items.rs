//! Items and their bytes.

use std::collections::BTreeSet;

use easel_protocol::{CollectionId, Facts, Flag, Groups, LastVerb, MailRecord, ServerId, Verb, WindowKey};

use super::Subject;
use super::subject::{CALENDAR, INBOX, TRASH, assert_missing, assert_stale, facts};
use crate::{BlobId, Content, Item, Mail, Missing, Modseq, NewContent, UserId, Write};

pub fn item_numbers_are_never_given_out_twice(subject: &Subject<'_>) {
    let (user, store) = (subject.anna(), subject.store);
    let taken: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=4_u64)
            .map(|count| {
                scope.spawn(move || -> Vec<u64> {
                    let reserve = |_| store.reserve_items(user, count).unwrap().number();
                    (0..200).map(reserve).flat_map(|first| first..first + count).collect()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let different: BTreeSet<u64> = taken.iter().copied().collect();
    assert_eq!((taken.len(), different.len()), (2000, 2000));
    assert!(!different.contains(&0));
    let large = store.reserve_items(user, 100_000).unwrap().number();
    assert!(store.reserve_items(user, 1).unwrap().number() >= large + 100_000);
    let id = subject.add_object(user, CALENDAR, "x", facts(1, "x"));
    subject.commit(user, vec![Write::RemoveItem { id }]);
    assert!(store.reserve_items(user, 1).unwrap() > id);
}

pub fn a_mail_is_read_back_as_it_was_added(subject: &Subject<'_>) {
    let user = subject.anna();
    let blob = subject.store.put_blob(b"From: x\r\n\r\nbody").unwrap();
    let id = subject.store.reserve_items(user, 1).unwrap();
    let flag = Flag { status: 2, flag_type: Some("for Follow Up".into()), due_date: Some(-1), ..Flag::default() };
    let record = MailRecord {
        received: 1_700_000_000_123,
        read: true,
        draft: true,
        received_as_bcc: true,
        flag: Some(flag),
        categories: vec!["Blau".into(), "红".into()],
        last_verb: Some(LastVerb { verb: Verb::ReplyAll, at: 5 }),
    };
    let known = Facts {
        window: WindowKey(1_700_000_000_123),
        subject: "Grüße".into(),
        people: "anna@x berta@y".into(),
        from: "anna@x".into(),
        to: "berta@y".into(),
        conversation: Some([9; 16]),
        uid: Some("<1@x>".into()),
        search_text: "only to be found".into(),
    };
    let content = NewContent::Mail { blob, size: 15, index: vec![0, 255, 7], record: record.clone() };
    let modseq = subject.commit(user, vec![Write::AddItem { id, folder: INBOX, content, facts: known.clone() }]);
    let expected = Item {
        id,
        folder: INBOX,
        entered: modseq,
        changed: modseq,
        content: Content::Mail(Mail { blob, size: 15, index: vec![0, 255, 7], record }),
        facts: Facts { from: String::new(), to: String::new(), search_text: String::new(), ..known },
    };
    assert_eq!(subject.item(user, id), Some(expected));
    assert_eq!(subject.snapshot(user).folder_of(id).unwrap(), Some(INBOX));
}

pub fn a_delivered_mail_is_nobodys(subject: &Subject<'_>) {
    let user = subject.anna();
    let author = subject.device(user, "phone");
    let blob = subject.store.put_blob(b"x").unwrap();
    let first = subject.store.reserve_items(user, 2).unwrap();
    let second = ServerId::new(first.number() + 1);
    let content = || NewContent::Mail { blob, size: 1, index: Vec::new(), record: MailRecord::arrived(1) };
    let write = [
        Write::DeliverItem { id: first, folder: INBOX, content: content(), facts: facts(1, "given") },
        Write::AddItem { id: second, folder: INBOX, content: content(), facts: facts(1, "written") },
    ];
    subject.commit_by(user, author, write.into());
    let authors: Vec<_> = subject.log(user, INBOX).iter().map(|row| (row.item, row.author)).collect();
    assert_eq!(authors, [(first, None), (second, Some(author))]);
    assert_eq!(subject.item(user, first).unwrap().facts.subject, "given");
    let lost = Write::DeliverItem {
        id: subject.store.reserve_items(user, 1).unwrap(),
        folder: INBOX,
        content: NewContent::Mail { blob: BlobId(999), size: 1, index: Vec::new(), record: MailRecord::arrived(1) },
        facts: facts(1, "x"),
    };
    assert_missing(subject.try_commit(user, vec![lost]), Missing::Blob);
}

pub fn an_object_is_read_back_as_it_was_added(subject: &Subject<'_>) {
    let user = subject.anna();
    let text = "BEGIN:VCALENDAR\r\nSUMMARY:Käse\u{0}\r\nEND:VCALENDAR\r\n";
    let id = subject.add_object(user, CALENDAR, text, facts(i64::MAX, "Käse"));
    let item = subject.item(user, id).unwrap();
    assert_eq!(item.content, Content::Object(text.into()));
    assert_eq!((item.facts.window, item.facts.subject.as_str()), (WindowKey::FOREVER, "Käse"));
    assert_eq!((item.facts.uid, item.facts.conversation), (None, None));
    let empty = subject.add_object(user, CALENDAR, "", facts(0, ""));
    assert_eq!(subject.item(user, empty).unwrap().content, Content::Object(String::new()));
}

pub fn an_item_needs_its_folder_and_its_mailbox(subject: &Subject<'_>) {
    let user = subject.anna();
    let (_, write) = subject.adding_object(user, CollectionId::new(99), "x", facts(1, "x"));
    assert_missing(subject.try_commit(user, vec![write]), Missing::Folder);
    let (_, write) = subject.adding_object(user, CALENDAR, "x", facts(1, "x"));
    assert_missing(subject.try_commit(UserId(user.0 + 1), vec![write]), Missing::User);
    let id = subject.add_object(user, CALENDAR, "x", facts(1, "x"));
    let new_id = subject.store.reserve_items(user, 1).unwrap();
    let to = CollectionId::new(u64::MAX);
    assert_missing(subject.try_commit(user, vec![Write::MoveItem { id, to, new_id }]), Missing::Folder);
    assert_eq!(subject.snapshot(user).folder_of(id).unwrap(), Some(CALENDAR));
}

pub fn a_mail_needs_its_bytes(subject: &Subject<'_>) {
    let user = subject.anna();
    let id = subject.store.reserve_items(user, 1).unwrap();
    let content = NewContent::Mail { blob: BlobId(99), size: 1, index: Vec::new(), record: MailRecord::arrived(1) };
    let write = Write::AddItem { id, folder: INBOX, content, facts: facts(1, "x") };
    assert_missing(subject.try_commit(user, vec![write]), Missing::Blob);
    assert_eq!(subject.item(user, id), None);
}

pub fn an_unknown_item_is_named(subject: &Subject<'_>) {
    let user = subject.anna();
    let seen = Modseq(u64::MAX);
    for id in [ServerId::new(5), ServerId::new(u64::MAX)] {
        let record = MailRecord::arrived(1);
        for write in [
            Write::ChangeContent { id, content: "x".into(), facts: facts(1, "x"), seen },
            Write::ChangeRecord { id, record, groups: Groups::READ, seen },
            Write::MoveItem { id, to: INBOX, new_id: ServerId::new(6) },
            Write::RemoveItem { id },
        ] {
            assert_missing(subject.try_commit(user, vec![write]), Missing::Item);
        }
        let snapshot = subject.snapshot(user);
        assert_eq!(snapshot.item(id).unwrap(), None);
        assert_eq!(snapshot.folder_of(id).unwrap(), None);
        assert_eq!(snapshot.last_row(id).unwrap(), None);
        assert_eq!(snapshot.content_at(id, Modseq(0)).unwrap(), None);
    }
}

pub fn a_change_of_content_replaces_text_and_facts(subject: &Subject<'_>) {
    let user = subject.anna();
    let id = subject.add_object(user, CALENDAR, "old", facts(5, "old"));
    let entered = subject.item(user, id).unwrap().entered;
    let new = Facts { uid: Some("u".into()), people: "p".into(), conversation: Some([1; 16]), ..facts(9, "new") };
    let modseq = subject.change(user, id, "new", new.clone());
    let item = subject.item(user, id).unwrap();
    assert_eq!((item.entered, item.changed), (entered, modseq));
    assert_eq!((item.content, item.facts), (Content::Object("new".into()), new));
}

pub fn a_change_of_the_record_leaves_the_mail(subject: &Subject<'_>) {
    let user = subject.anna();
    let id = subject.add_mail(user, INBOX, b"mail", facts(5, "subject"));
    let before = subject.item(user, id).unwrap();
    let modseq = subject.mark_read(user, id);
    let after = subject.item(user, id).unwrap();
    let (Content::Mail(old), Content::Mail(new)) = (&before.content, &after.content) else {
        panic!("a mail stays a mail")
    };
    assert_eq!(new, &Mail { record: MailRecord { read: true, ..MailRecord::arrived(0) }, ..old.clone() });
    assert_eq!((after.changed, after.entered), (modseq, before.entered));
    assert_eq!(after.facts, before.facts);
    // Events and the like have no record.
    let event = subject.add_object(user, CALENDAR, "x", facts(5, "x"));
    let (record, seen) = (MailRecord::arrived(1), subject.store.modseq(user));
    let write = Write::ChangeRecord { id: event, record, groups: Groups::READ, seen };
    assert_missing(subject.try_commit(user, vec![write]), Missing::Item);
}

pub fn a_change_that_rests_on_an_older_item_is_stale(subject: &Subject<'_>) {
    let user = subject.anna();
    let event = subject.add_object(user, CALENDAR, "one", facts(5, "x"));
    let mail = subject.add_mail(user, INBOX, b"mail", facts(5, "x"));
    let seen = subject.store.modseq(user);
    let content = |seen| Write::ChangeContent { id: event, content: "two".into(), facts: facts(5, "x"), seen };
    let record = |seen| {
        let record = MailRecord::arrived(9);
        Write::ChangeRecord { id: mail, record, groups: Groups::FLAG, seen }
    };
    // What changed elsewhere does not matter.
    subject.commit(user, vec![content(seen)]);
    subject.commit(user, vec![record(seen)]);
    for write in [content(seen), record(seen)] {
        assert_stale(subject.try_commit(user, vec![write]));
    }
    let changed = subject.item(user, event).unwrap().changed;
    assert_stale(subject.try_commit(user, vec![content(Modseq(changed.0 - 1))]));
    subject.commit(user, vec![content(changed)]);
}

pub fn a_moved_item_leaves_here_and_enters_there(subject: &Subject<'_>) {
    let user = subject.anna();
    let known = Facts { uid: Some("<1@x>".into()), conversation: Some([3; 16]), people: "p".into(), ..facts(5, "s") };
    let id = subject.add_mail(user, INBOX, b"mail", known);
    subject.mark_read(user, id);
    let before = subject.item(user, id).unwrap();
    let new_id = subject.move_to(user, id, TRASH);
    let modseq = subject.store.modseq(user);
    assert_eq!(subject.item(user, id), None);
    let after = Item { id: new_id, folder: TRASH, entered: modseq, changed: modseq, ..before };
    assert_eq!(subject.item(user, new_id), Some(after));
    let snapshot = subject.snapshot(user);
    assert_eq!((snapshot.count(INBOX).unwrap(), snapshot.count(TRASH).unwrap()), (0, 1));
    assert_eq!(snapshot.folder_of(id).unwrap(), None);
    let back = subject.move_to(user, new_id, INBOX);
    assert!(back != id && back != new_id, "a number is never used again");
}

pub fn a_removed_item_is_gone(subject: &Subject<'_>) {
    let user = subject.anna();
    let (id, other) =
        (subject.add_mail(user, INBOX, b"mail", facts(5, "x")), subject.add_mail(user, INBOX, b"mail", facts(6, "y")));
    subject.commit(user, vec![Write::RemoveItem { id }]);
    assert_eq!(subject.item(user, id), None);
    let snapshot = subject.snapshot(user);
    assert_eq!(snapshot.folder_of(id).unwrap(), None);
    assert_eq!(snapshot.count(INBOX).unwrap(), 1);
    assert_missing(subject.try_commit(user, vec![Write::RemoveItem { id }]), Missing::Item);
    assert!(subject.item(user, other).is_some());
}

pub fn some_bytes_of_a_mail_are_read_and_a_range_past_its_end_is_cut(subject: &Subject<'_>) {
    let user = subject.anna();
    let blob = subject.store.put_blob(b"0123456789").unwrap();
    let empty = subject.store.put_blob(b"").unwrap();
    assert_ne!(blob, empty);
    let snapshot = subject.snapshot(user);
    let read = |range| String::from_utf8(snapshot.blob(blob, range).unwrap()).unwrap();
    assert_eq!(read(0..10), "0123456789");
    assert_eq!(read(3..5), "34");
    assert_eq!(read(8..100), "89");
    assert_eq!(read(0..u64::MAX), "0123456789");
    assert_eq!(read(10..20), "");
    assert_eq!(read(u64::MAX - 1..u64::MAX), "");
    assert_eq!(read(4..4), "");
    let backwards = std::ops::Range { start: 5, end: 3 };
    assert_eq!(read(backwards), "");
    assert_eq!(snapshot.blob(empty, 0..5).unwrap(), b"");
    assert_eq!(subject.store.read_blob(blob).unwrap(), b"0123456789");
    assert_eq!(subject.store.read_blob(empty).unwrap(), b"");
    for unknown in [BlobId(0), BlobId(99), BlobId(u64::MAX)] {
        assert_missing(snapshot.blob(unknown, 0..1), Missing::Blob);
        assert_missing(subject.store.read_blob(unknown), Missing::Blob);
    }
}

pub fn large_mail_is_stored_whole(subject: &Subject<'_>) {
    let user = subject.anna();
    // Around every size that a store could write at once.
    for size in [1 << 20, (1 << 20) + 1, 3 * (1 << 20) - 1] {
        let bytes: Vec<u8> = (0..size).map(|at: u32| at.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        let blob = subject.store.put_blob(&bytes).unwrap();
        assert!(subject.store.read_blob(blob).unwrap() == bytes, "{size} bytes");
        let end = bytes.len() as u64;
        let read = subject.snapshot(user).blob(blob, end - 70_000..end).unwrap();
        assert!(read == bytes[bytes.len() - 70_000..], "{size} bytes");
    }
}
