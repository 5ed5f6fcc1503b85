//! What a mailbox holds, and may hold.

use easel_protocol::ServerId;

use super::Subject;
use super::subject::{CALENDAR, INBOX, TRASH, facts};
use crate::{NewContent, StoreError, UserId, Write};

fn add(subject: &Subject<'_>, user: UserId, text: &str) -> (ServerId, Write) {
    let id = subject.store.reserve_items(user, 1).unwrap();
    let (content, facts) = (NewContent::Object(text.into()), facts(1, "x"));
    (id, Write::AddItem { id, folder: CALENDAR, content, facts })
}

pub fn what_a_mailbox_holds_is_counted_as_it_changes(subject: &Subject<'_>) {
    let user = subject.anna();
    let other = subject.user_of("two", "berta").id;
    let bytes = || subject.store.mailbox_bytes(user).unwrap();
    assert_eq!(bytes(), 0);
    let (event, write) = add(subject, user, "nön");
    subject.commit(user, vec![write]);
    assert_eq!(bytes(), 4, "bytes, not characters");
    let mail = subject.add_mail(user, INBOX, b"0123456789", facts(1, "x"));
    assert_eq!(bytes(), 14);
    subject.change(user, event, "x", facts(1, "x"));
    assert_eq!(bytes(), 11);
    let new_id = subject.move_to(user, mail, TRASH);
    assert_eq!(bytes(), 11);
    subject.commit(user, vec![Write::RemoveItem { id: new_id }]);
    assert_eq!(bytes(), 1);
    assert_eq!(subject.store.mailbox_bytes(other).unwrap(), 0);
    assert_eq!(subject.store.mailbox_bytes(UserId(99)).unwrap(), 0);
    subject.commit(user, vec![Write::RemoveItem { id: event }]);
    assert_eq!(bytes(), 0);
}

pub fn a_bounded_step_that_adds_too_much_leaves_nothing(subject: &Subject<'_>) {
    let user = subject.anna();
    let within = |bytes_max| Write::Within { bytes_max };
    let (first, write) = add(subject, user, "12345");
    subject.commit(user, vec![within(5), write]);
    let before = subject.store.modseq(user);
    let (_, write) = add(subject, user, "6");
    let (blob, queue) = subject.message("text", 5);
    let refused = subject.try_commit(user, vec![queue, write, within(5), within(9)]);
    assert!(matches!(refused, Err(StoreError::OverQuota { bytes: 6, bytes_max: 5 })), "{refused:?}");
    assert_eq!((subject.store.mailbox_bytes(user).unwrap(), subject.store.modseq(user)), (5, before));
    assert!(subject.store.due_outgoing(i64::MAX, 9).unwrap().is_empty());
    assert_eq!(subject.store.read_blob(blob).unwrap(), b"text");
    // What makes it no larger may always be done, above the bound as well.
    let seen = subject.store.modseq(user);
    let change = Write::ChangeContent { id: first, content: "abcde".into(), facts: facts(1, "x"), seen };
    subject.commit(user, vec![within(1), change]);
    // Without a bound nothing is refused.
    let (_, write) = add(subject, user, "6");
    subject.commit(user, vec![write]);
    assert_eq!(subject.store.mailbox_bytes(user).unwrap(), 6);
}
