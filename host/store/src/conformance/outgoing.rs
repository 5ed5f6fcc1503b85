//! The queue of messages to be sent.

use super::Subject;
use super::subject::assert_missing;
use crate::{BlobId, Missing, NewOutgoing, Outgoing, OutgoingId, Write};

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
        blob,
        queued: 5,
        attempts: 0,
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

pub fn an_attempt_is_written_back(subject: &Subject<'_>) {
    let user = subject.anna();
    let (_, queue) = subject.message("text", 5);
    subject.commit(user, vec![queue]);
    let outgoing = subject.store.due_outgoing(5, 1).unwrap().remove(0);
    let tried = Outgoing {
        recipients: vec!["y@there.example".into()],
        attempts: 1,
        next_attempt: 60,
        last_error: Some("450 später".into()),
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
