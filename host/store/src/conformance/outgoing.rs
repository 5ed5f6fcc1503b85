//! The queue of messages to be sent.

use super::Subject;
use super::subject::assert_missing;
use crate::{BlobId, Event, FailedRecipient, HELD_UNTIL, Interest, Missing, NewOutgoing, Outgoing, OutgoingId, Write};

pub fn a_message_is_queued_with_its_change_set(subject: &Subject<'_>) {
    let user = subject.anna();
    let (blob, queue) = subject.message("text", 5);
    subject.commit(user, vec![queue]);
    let due = subject.store.due_outgoing(5, 9).unwrap();
    let expected = Outgoing {
        id: due[0].id,
        user,
        sender: "anna@one.example".into(),
        recipients: vec!["x@there.example".into(), "y@there.example".into()],
        failed: Vec::new(),
        delayed: Vec::new(),
        delay_told: false,
        blob,
        queued: 5,
        attempts: 0,
        tried: None,
        waited: 0,
        next_attempt: 5,
        last_error: None,
    };
    assert_eq!(due, std::slice::from_ref(&expected));
    assert_eq!(subject.store.outgoing(expected.id).unwrap(), Some(expected));
    assert_eq!(subject.store.outgoing(OutgoingId(u64::MAX)).unwrap(), None);
    assert_eq!(subject.store.read_blob(blob).unwrap(), b"text");
}

pub fn a_message_needs_its_bytes(subject: &Subject<'_>) {
    let user = subject.anna();
    let new = NewOutgoing { sender: String::new(), recipients: vec!["x@y".into()], blob: BlobId(77), queued: 1 };
    assert_missing(subject.try_commit(user, vec![Write::Queue(new)]), Missing::Blob);
    assert!(subject.store.due_outgoing(i64::MAX, 9).unwrap().is_empty());
}

pub fn due_messages_come_oldest_first(subject: &Subject<'_>) {
    let user = subject.anna();
    for queued in [10, 20, 30, 40] {
        let (_, queue) = subject.message("text", queued);
        subject.commit(user, vec![queue]);
    }
    let due = |now, limit| -> Vec<i64> {
        subject.store.due_outgoing(now, limit).unwrap().iter().map(|outgoing| outgoing.queued).collect()
    };
    assert_eq!(due(9, 9), [0; 0]);
    assert_eq!(due(30, 9), [10, 20, 30]);
    assert_eq!(due(40, 2), [10, 20]);
    assert_eq!(due(40, 0), [0; 0]);
}

fn failed(recipient: &str) -> FailedRecipient {
    FailedRecipient {
        recipient: recipient.into(),
        reason: "550 nö".into(),
        status: "5.1.1".into(),
        host: "mx.there.example".into(),
    }
}

pub fn a_message_refused_for_good_is_kept_until_its_sender_was_told(subject: &Subject<'_>) {
    let user = subject.anna();
    let (blob, queue) = subject.message("text", 5);
    subject.commit(user, vec![queue]);
    let row = subject.store.due_outgoing(5, 1).unwrap().remove(0);
    let (x, y) = ("x@there.example", "y@there.example");
    let one = Outgoing { recipients: vec![y.into()], failed: vec![failed(x)], attempts: 1, ..row.clone() };
    subject.store.put_outgoing(&one).unwrap();
    assert_eq!(subject.store.due_outgoing(5, 9).unwrap(), std::slice::from_ref(&one));
    let both = Outgoing { recipients: Vec::new(), failed: vec![failed(x), failed(y)], attempts: 2, ..row };
    subject.store.put_outgoing(&both).unwrap();
    assert_eq!(subject.store.due_outgoing(5, 9).unwrap(), std::slice::from_ref(&both));
    assert_eq!(subject.store.outgoing(both.id).unwrap(), Some(both.clone()));
    assert_eq!((subject.store.sweep().unwrap(), subject.store.sweep().unwrap()), (0, 0));
    assert_eq!(subject.store.read_blob(blob).unwrap(), b"text");
    // Told, and gone, in one step with what the sender is told; or neither.
    let told = |blob| {
        vec![
            Write::PutOutgoing(Outgoing { failed: Vec::new(), ..both.clone() }),
            Write::Queue(NewOutgoing {
                sender: String::new(),
                recipients: vec!["anna@one.example".into()],
                blob,
                queued: 6,
            }),
        ]
    };
    assert_missing(subject.try_commit(user, told(BlobId(77))), Missing::Blob);
    assert_eq!(subject.store.outgoing(both.id).unwrap(), Some(both.clone()));
    subject.commit(user, told(blob));
    assert_eq!(subject.store.outgoing(both.id).unwrap(), None);
    assert_eq!(subject.store.due_outgoing(6, 9).unwrap().len(), 1);
}

pub fn a_queue_is_listed_retried_and_dropped(subject: &Subject<'_>) {
    let user = subject.anna();
    for queued in [10, 20, 30] {
        let (_, queue) = subject.message("text", queued);
        subject.commit(user, vec![queue]);
    }
    let list = |after, limit| subject.store.list_outgoing(after, limit).unwrap();
    let all = list(OutgoingId(0), 9);
    assert_eq!(all.iter().map(|row| row.queued).collect::<Vec<_>>(), [10, 20, 30]);
    assert_eq!(list(all[0].id, 1), all[1..2]);
    assert!(list(all[2].id, 9).is_empty());

    let stuck = Outgoing {
        recipients: Vec::new(),
        failed: vec![failed("y@there.example"), failed("x@there.example")],
        attempts: 3,
        tried: Some(6000),
        waited: 5990,
        next_attempt: 7000,
        last_error: Some("550 nö".into()),
        ..all[1].clone()
    };
    subject.store.put_outgoing(&stuck).unwrap();
    assert_eq!(list(OutgoingId(0), 9)[1], stuck);
    let woken = subject.watch_for(Interest::Outgoing);
    assert!(subject.store.retry_outgoing(stuck.id, 500).unwrap());
    assert_eq!(woken.try_recv().unwrap(), Event::Outgoing);
    let again = Outgoing {
        recipients: vec!["y@there.example".into(), "x@there.example".into()],
        failed: Vec::new(),
        next_attempt: 500,
        ..stuck.clone()
    };
    assert!(!subject.store.due_outgoing(499, 9).unwrap().contains(&again));
    assert!(subject.store.due_outgoing(500, 9).unwrap().contains(&again));
    // One that was held was not tried meanwhile.
    let held = Outgoing { next_attempt: HELD_UNTIL, ..again.clone() };
    subject.store.put_outgoing(&held).unwrap();
    assert!(subject.store.retry_outgoing(held.id, 900).unwrap());
    let again = Outgoing { tried: Some(900), next_attempt: 900, ..held };
    assert_eq!(subject.store.outgoing(again.id).unwrap().as_ref(), Some(&again));

    assert!(subject.store.drop_outgoing(stuck.id).unwrap());
    assert_eq!(list(OutgoingId(0), 9), [all[0].clone(), all[2].clone()]);
    assert!(!subject.store.drop_outgoing(stuck.id).unwrap() && !subject.store.retry_outgoing(stuck.id, 1).unwrap());
    // What was under way when it was dropped writes nothing back.
    subject.store.put_outgoing(&again).unwrap();
    assert_eq!(subject.store.outgoing(stuck.id).unwrap(), None);
}

pub fn an_attempt_is_written_back(subject: &Subject<'_>) {
    let user = subject.anna();
    let (_, queue) = subject.message("text", 5);
    subject.commit(user, vec![queue]);
    let outgoing = subject.store.due_outgoing(5, 1).unwrap().remove(0);
    let tried = Outgoing {
        recipients: vec!["y@there.example".into()],
        attempts: 1,
        tried: Some(8),
        waited: 3,
        next_attempt: 60,
        last_error: Some("450 später".into()),
        delayed: vec![failed("y@there.example")],
        delay_told: true,
        ..outgoing
    };
    subject.store.put_outgoing(&tried).unwrap();
    assert_eq!(subject.store.outgoing(tried.id).unwrap(), Some(tried.clone()));
    assert!(subject.store.due_outgoing(59, 9).unwrap().is_empty());
    assert_eq!(subject.store.due_outgoing(60, 9).unwrap(), std::slice::from_ref(&tried));
    let done = Outgoing { recipients: Vec::new(), ..tried.clone() };
    subject.store.put_outgoing(&done).unwrap();
    assert_eq!(subject.store.outgoing(done.id).unwrap(), None);
    // It was removed meanwhile: nothing comes back.
    subject.store.put_outgoing(&tried).unwrap();
    subject.store.put_outgoing(&done).unwrap();
    assert_eq!(subject.store.outgoing(done.id).unwrap(), None);
    let (_, queue) = subject.message("text", 6);
    subject.commit(user, vec![queue]);
    assert_ne!(subject.store.due_outgoing(6, 1).unwrap()[0].id, done.id, "an id is never used again");
}
