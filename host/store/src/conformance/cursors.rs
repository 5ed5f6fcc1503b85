//! What a device is sent when a folder is no part of its collection any more.

use easel_protocol::{ServerId, WindowKey};

use super::Subject;
use super::subject::{CALENDAR, CONTACTS, facts};
use crate::cursor::{Op, OpKind, leave, plan};
use crate::{Cursor, POSITION_START, Write};

pub fn what_is_held_of_a_folder_that_left_the_collection_goes(subject: &Subject<'_>) {
    let user = subject.anna();
    let (device, other) = (subject.device(user, "phone"), subject.device(user, "other"));
    let start = Cursor::starting(subject.store.modseq(user));
    let ids: Vec<ServerId> = (1..=8).map(|key| subject.add_object(user, CALENDAR, "x", facts(key, "x"))).collect();
    let mut held = plan(&*subject.snapshot(user), CALENDAR, &start, device, WindowKey(3), 99).unwrap();
    assert_eq!(held.ops.len(), 6);
    held.withhold(ids[3]);

    // Meanwhile one is removed by the device, one by somebody else, one moved, one changed, one comes.
    subject.commit_by(user, device, vec![Write::RemoveItem { id: ids[4] }]);
    subject.commit_by(user, other, vec![Write::RemoveItem { id: ids[5] }]);
    subject.move_to(user, ids[6], CONTACTS);
    subject.change(user, ids[7], "y", facts(9, "y"));
    subject.add_object(user, CALENDAR, "new", facts(7, "new"));

    let op = |item: ServerId, kind| Op { item, kind };
    let (mut cursor, mut sent, mut rounds) = (held.cursor, Vec::new(), 0);
    loop {
        let step = leave(&*subject.snapshot(user), CALENDAR, &cursor, device, 1).unwrap();
        assert!(step.ops.len() <= 1 && (!step.more || step.ops.len() == 1));
        sent.extend(step.ops);
        cursor = step.cursor;
        rounds += 1;
        if !step.more {
            break;
        }
    }
    assert!(rounds >= 4, "{rounds}");
    sent.retain(|op| !matches!(op.kind, OpKind::Change(_)));
    let (mut gone, mut added): (Vec<Op>, Vec<Op>) = sent.into_iter().partition(|op| op.kind != OpKind::Add);
    gone.sort_by_key(|op| op.item);
    added.retain(|op| !gone.iter().any(|other| other.item == op.item));
    // Not the one that was withheld, nor the one that the device removed itself.
    let soft = OpKind::SoftDelete;
    let expected = [op(ids[2], soft), op(ids[5], OpKind::Delete), op(ids[6], OpKind::Delete), op(ids[7], soft)];
    let of_held: Vec<Op> = gone.iter().copied().filter(|op| ids.contains(&op.item)).collect();
    assert_eq!(of_held, expected);
    assert!(added.is_empty(), "what came is not left on the device: {added:?}");
    assert_eq!((cursor.low, cursor.w), (POSITION_START, subject.store.modseq(user)));
    assert!(cursor.withheld.is_empty() && cursor.resend.is_empty());

    // Nothing is left to say, whatever happens there, until the folder is part of the collection again.
    subject.change(user, ids[2], "z", facts(9, "z"));
    let quiet = leave(&*subject.snapshot(user), CALENDAR, &cursor, device, 9).unwrap();
    assert_eq!((quiet.ops.len(), quiet.more), (0, false));
    let again = plan(&*subject.snapshot(user), CALENDAR, &quiet.cursor, device, WindowKey(3), 99).unwrap();
    let mut back: Vec<ServerId> = again.ops.iter().map(|op| op.item).collect();
    back.sort();
    assert!(again.ops.iter().all(|op| op.kind == OpKind::Add));
    assert_eq!(back.len(), 4, "{back:?}");
}
