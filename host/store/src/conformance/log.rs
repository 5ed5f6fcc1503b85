//! The change log and the counter.

use easel_protocol::{CollectionId, Groups, MailRecord, ServerId, WindowKey};

use super::Subject;
use super::subject::{CALENDAR, INBOX, TRASH, facts, new_device, state};
use crate::{CollectionState, Cursors, Device, DeviceKey, LogKind, LogRow, Modseq, Write};

fn row(modseq: u64, item: ServerId, kind: LogKind, keys: (i64, i64)) -> LogRow {
    LogRow {
        modseq: Modseq(modseq),
        item,
        kind,
        author: None,
        groups: Groups::CONTENT,
        key_before: WindowKey(keys.0),
        key_after: WindowKey(keys.1),
    }
}

pub fn every_change_appends_the_row_it_is(subject: &Subject<'_>) {
    let user = subject.anna();
    let device = subject.device(user, "phone");
    let by = |row: LogRow| LogRow { author: Some(device), ..row };
    let start = subject.store.modseq(user).0;
    let (event, add) = subject.adding_object(user, CALENDAR, "one", facts(5, "x"));
    subject.commit_by(user, device, vec![add]);
    let mail = subject.add_mail(user, INBOX, b"mail", facts(7, "x"));
    let seen = subject.store.modseq(user);
    subject.commit_by(
        user,
        device,
        vec![
            Write::ChangeContent { id: event, content: "two".into(), facts: facts(i64::MIN, "x"), seen },
            Write::ChangeRecord {
                id: mail,
                record: MailRecord::arrived(7),
                groups: Groups::READ.and(Groups::FLAG),
                seen,
            },
        ],
    );
    let moved = subject.store.reserve_items(user, 1).unwrap();
    subject.commit_by(user, device, vec![Write::MoveItem { id: mail, to: TRASH, new_id: moved }]);
    subject.commit(user, vec![Write::RemoveItem { id: event }, Write::RemoveItem { id: moved }]);

    let changed = LogRow { groups: Groups::READ.and(Groups::FLAG), ..row(start + 4, mail, LogKind::Changed, (7, 7)) };
    assert_eq!(
        subject.log(user, CALENDAR),
        [
            by(row(start + 1, event, LogKind::Entered, (5, 5))),
            by(row(start + 3, event, LogKind::Changed, (5, i64::MIN))),
            row(start + 7, event, LogKind::Left, (i64::MIN, i64::MIN)),
        ]
    );
    assert_eq!(
        subject.log(user, INBOX),
        [row(start + 2, mail, LogKind::Entered, (7, 7)), by(changed), by(row(start + 5, mail, LogKind::Left, (7, 7))),]
    );
    // Where it was moved to it is nobody's own Add.
    assert_eq!(
        subject.log(user, TRASH),
        [row(start + 6, moved, LogKind::Entered, (7, 7)), row(start + 8, moved, LogKind::Left, (7, 7))]
    );
    assert_eq!(subject.store.modseq(user), Modseq(start + 8));
}

pub fn a_commit_tells_the_last_number(subject: &Subject<'_>) {
    let user = subject.anna();
    let start = subject.store.modseq(user);
    let (writes, ids): (Vec<Write>, Vec<ServerId>) = (0..5)
        .map(|key| subject.adding_object(user, CALENDAR, "x", facts(key, "x")))
        .map(|(id, write)| (write, id))
        .unzip();
    let after = subject.commit(user, writes);
    assert_eq!(after, Modseq(start.0 + 5));
    assert_eq!(subject.store.modseq(user), after);
    assert_eq!(subject.snapshot(user).modseq(), after);
    let entered: Vec<u64> = ids.iter().map(|id| subject.item(user, *id).unwrap().entered.0).collect();
    assert_eq!(entered, (start.0 + 1..=after.0).collect::<Vec<_>>());
}

pub fn what_changes_no_item_takes_no_number(subject: &Subject<'_>) {
    let user = subject.anna();
    let device = subject.device(user, "phone");
    subject.add_object(user, CALENDAR, "x", facts(1, "x"));
    let before = subject.store.modseq(user);
    let (_, queue) = subject.message("text", 1);
    let state = Some(state(1, 0));
    let after = subject.commit(
        user,
        vec![
            Write::PutValue { name: "oof", value: Some(vec![1]) },
            Write::PutDeviceValue { device, name: "ping", value: Some(vec![1]) },
            Write::PutCollection { device, collection: CALENDAR, expect: None, state },
            Write::RememberSent { device, token: vec![1], at: 1 },
            queue,
        ],
    );
    assert_eq!((after, subject.store.modseq(user)), (before, before));
    assert_eq!(subject.commit(user, Vec::new()), before);
}

pub fn a_row_is_read_after_a_number_and_up_to_a_limit(subject: &Subject<'_>) {
    let user = subject.anna();
    for key in 0..10 {
        subject.add_object(user, CALENDAR, "x", facts(key, "x"));
        subject.add_mail(user, INBOX, b"x", facts(key, "x"));
    }
    let all = subject.log(user, CALENDAR);
    assert_eq!(all.len(), 10);
    let snapshot = subject.snapshot(user);
    assert_eq!(snapshot.log(CALENDAR, all[3].modseq, 4).unwrap(), all[4..8]);
    assert_eq!(snapshot.log(CALENDAR, Modseq(all[3].modseq.0 + 1), 2).unwrap(), all[4..6]);
    assert_eq!(snapshot.log(CALENDAR, all[8].modseq, 100).unwrap(), all[9..]);
    assert!(snapshot.log(CALENDAR, snapshot.modseq(), 100).unwrap().is_empty());
    assert!(snapshot.log(CALENDAR, Modseq(u64::MAX), 100).unwrap().is_empty());
    assert!(snapshot.log(CALENDAR, Modseq(0), 0).unwrap().is_empty());
    assert!(snapshot.log(CollectionId::new(99), Modseq(0), 100).unwrap().is_empty());
}

pub fn the_last_row_of_an_item_is_its_newest(subject: &Subject<'_>) {
    let user = subject.anna();
    let id = subject.add_object(user, CALENDAR, "x", facts(1, "x"));
    subject.add_object(user, CALENDAR, "y", facts(1, "y"));
    let last = || subject.snapshot(user).last_row(id).unwrap().unwrap();
    assert_eq!((last().kind, last().modseq), (LogKind::Entered, subject.item(user, id).unwrap().entered));
    let changed = subject.change(user, id, "z", facts(2, "z"));
    assert_eq!((last().kind, last().modseq), (LogKind::Changed, changed));
    let left = subject.commit(user, vec![Write::RemoveItem { id }]);
    assert_eq!((last().kind, last().modseq), (LogKind::Left, left));
}

pub fn an_earlier_text_is_read_as_it_was(subject: &Subject<'_>) {
    let user = subject.anna();
    let before = subject.store.modseq(user);
    let id = subject.add_object(user, CALENDAR, "one", facts(1, "x"));
    let one = subject.store.modseq(user);
    let other = subject.add_object(user, CALENDAR, "other", facts(1, "x"));
    let two = subject.change(user, id, "two", facts(1, "x"));
    let three = subject.change(user, id, "three", facts(1, "x"));
    let snapshot = subject.snapshot(user);
    let at = |modseq| snapshot.content_at(id, modseq).unwrap();
    assert_eq!(at(one).as_deref(), Some("one"));
    assert_eq!(at(Modseq(two.0 - 1)).as_deref(), Some("one"));
    assert_eq!(at(two).as_deref(), Some("two"));
    assert_eq!(at(three).as_deref(), Some("three"));
    assert_eq!(at(Modseq(u64::MAX)).as_deref(), Some("three"));
    assert_eq!(at(before), None, "it was not there yet");
    assert_eq!(snapshot.content_at(other, three).unwrap().as_deref(), Some("other"));
}

pub fn a_text_that_left_is_read_as_it_was(subject: &Subject<'_>) {
    let user = subject.anna();
    let id = subject.add_object(user, CALENDAR, "one", facts(1, "x"));
    let one = subject.store.modseq(user);
    let moved = subject.move_to(user, id, TRASH);
    let after_move = subject.store.modseq(user);
    subject.change(user, moved, "two", facts(1, "x"));
    subject.commit(user, vec![Write::RemoveItem { id: moved }]);
    let mail = subject.add_mail(user, INBOX, b"mail", facts(1, "x"));
    let mailed = subject.store.modseq(user);
    subject.mark_read(user, mail);
    let snapshot = subject.snapshot(user);
    assert_eq!(snapshot.content_at(id, one).unwrap().as_deref(), Some("one"));
    assert_eq!(snapshot.content_at(id, after_move).unwrap(), None, "it is gone by then");
    assert_eq!(snapshot.content_at(moved, after_move).unwrap().as_deref(), Some("one"));
    assert_eq!(snapshot.content_at(moved, Modseq(after_move.0 + 1)).unwrap().as_deref(), Some("two"));
    assert_eq!(snapshot.content_at(moved, one).unwrap(), None, "it was not there yet");
    assert_eq!(snapshot.content_at(mail, mailed).unwrap(), None, "a mail has no text");
}

pub fn pruning_without_devices_removes_everything(subject: &Subject<'_>) {
    let user = subject.anna();
    let id = subject.add_object(user, CALENDAR, "one", facts(1, "x"));
    let one = subject.store.modseq(user);
    subject.change(user, id, "two", facts(1, "x"));
    subject.add_mail(user, INBOX, b"mail", facts(1, "x"));
    let now = subject.store.modseq(user);
    assert_eq!(subject.snapshot(user).log_floor().unwrap(), Modseq(0));
    assert_eq!(subject.store.prune_log(0).unwrap(), 3);
    let snapshot = subject.snapshot(user);
    assert_eq!(snapshot.log_floor().unwrap(), now);
    assert_eq!(snapshot.modseq(), now);
    assert!(snapshot.log(CALENDAR, Modseq(0), 9).unwrap().is_empty());
    assert_eq!(snapshot.content_at(id, one).unwrap(), None, "the log does not reach back");
    assert_eq!(snapshot.content_at(id, now).unwrap().as_deref(), Some("two"));
    assert_eq!(subject.store.prune_log(0).unwrap(), 0);
    subject.change(user, id, "three", facts(1, "x"));
    assert_eq!(subject.log(user, CALENDAR).len(), 1);
    assert_eq!(subject.snapshot(user).content_at(id, now).unwrap().as_deref(), Some("two"));
}

pub fn pruning_keeps_what_a_device_seen_lately_needs(subject: &Subject<'_>) {
    let (user, other) = (subject.anna(), subject.user_of("two", "berta").id);
    let seen = |id: &str, last_seen: i64| -> DeviceKey {
        subject.store.put_device(&Device { last_seen, ..new_device(user, id) }).unwrap().key
    };
    let (lately, long_ago, fresh) = (seen("a", 1000), seen("b", 10), seen("c", 1000));
    for key in 0..10 {
        subject.add_object(user, CALENDAR, "x", facts(key, "x"));
        subject.add_object(other, CALENDAR, "x", facts(key, "x"));
    }
    let start = subject.log(user, CALENDAR)[0].modseq.0;
    let hold = |device, w| {
        let write = Write::PutCollection { device, collection: CALENDAR, expect: None, state: Some(state(1, w)) };
        subject.commit(user, vec![write]);
    };
    hold(lately, start + 5);
    hold(long_ago, start + 1);
    // One that holds nothing yet needs nothing.
    let empty = CollectionState { before: Cursors::new(), after: Cursors::new(), ..state(1, 0) };
    let write = Write::PutCollection { device: fresh, collection: CALENDAR, expect: None, state: Some(empty) };
    subject.commit(user, vec![write]);
    // Everything of the other user, and six rows of this one.
    assert_eq!(subject.store.prune_log(500).unwrap(), 16);
    assert_eq!(subject.snapshot(user).log_floor().unwrap(), Modseq(start + 5));
    let kept: Vec<u64> = subject.log(user, CALENDAR).iter().map(|row| row.modseq.0).collect();
    assert_eq!(kept, (start + 6..start + 10).collect::<Vec<_>>());
    // A day later the one seen long ago counts as well: it cannot bring anything back.
    assert_eq!(subject.store.prune_log(5).unwrap(), 0);
    assert_eq!(subject.snapshot(user).log_floor().unwrap(), Modseq(start + 5));
    subject.store.remove_device(lately).unwrap();
    assert_eq!(subject.store.prune_log(500).unwrap(), 4);
}
