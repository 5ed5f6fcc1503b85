//! The bytes of mails that nothing names.

use super::Subject;
use super::subject::{INBOX, TRASH, assert_missing, facts};
use crate::{BlobId, Content, Missing, Outgoing, UserId, Write};

fn blob_of(subject: &Subject<'_>, user: UserId, id: easel_protocol::ServerId) -> BlobId {
    let Content::Mail(mail) = subject.item(user, id).unwrap().content else { panic!("a mail stays a mail") };
    mail.blob
}

fn is_there(subject: &Subject<'_>, blob: BlobId) -> bool {
    match subject.store.read_blob(blob) {
        Ok(_) => true,
        Err(error) => {
            assert_missing(Err::<(), _>(error), Missing::Blob);
            false
        }
    }
}

pub fn what_is_named_stays_and_what_is_not_goes_at_the_second_sweep(subject: &Subject<'_>) {
    let (user, leaving) = (subject.anna(), subject.user_of("two", "berta").id);
    let mails: Vec<_> = (0..50).map(|key| subject.add_mail(user, INBOX, b"mail", facts(key, "x"))).collect();
    let blobs: Vec<_> = mails.iter().map(|id| blob_of(subject, user, *id)).collect();
    let theirs = subject.add_mail(leaving, INBOX, b"theirs", facts(1, "x"));
    let theirs = blob_of(subject, leaving, theirs);
    let ((queued, queue), (done, other)) = (subject.message("queued", 1), subject.message("done", 2));
    subject.commit(user, vec![queue, other]);
    assert_eq!(subject.store.sweep().unwrap(), 0);
    assert_eq!(subject.store.sweep().unwrap(), 0);

    let removed = mails[..40].iter().map(|id| Write::RemoveItem { id: *id }).collect();
    subject.commit(user, removed);
    subject.move_to(user, mails[45], TRASH);
    let row = subject.store.due_outgoing(9, 9).unwrap().into_iter().find(|row| row.blob == done).unwrap();
    subject.store.put_outgoing(&Outgoing { recipients: Vec::new(), ..row }).unwrap();
    subject.store.remove_user(leaving).unwrap();
    let orphan = subject.store.put_blob(b"orphan").unwrap();

    assert_eq!(subject.store.sweep().unwrap(), 0);
    assert!(blobs.iter().chain([&theirs, &done, &orphan]).all(|blob| is_there(subject, *blob)));
    assert_eq!(subject.store.sweep().unwrap(), 43);
    assert!(!blobs[..40].iter().chain([&theirs, &done, &orphan]).any(|blob| is_there(subject, *blob)));
    assert!(blobs[40..].iter().chain([&queued]).all(|blob| is_there(subject, *blob)));
    assert_eq!((subject.store.sweep().unwrap(), subject.store.sweep().unwrap()), (0, 0));
}

pub fn a_mail_has_the_time_between_two_sweeps_to_be_named(subject: &Subject<'_>) {
    let user = subject.anna();
    let (blob, queue) = subject.message("text", 1);
    assert_eq!(subject.store.sweep().unwrap(), 0);
    subject.commit(user, vec![queue]);
    for _ in 0..3 {
        assert_eq!(subject.store.sweep().unwrap(), 0);
    }
    assert_eq!(subject.store.read_blob(blob).unwrap(), b"text");
    // What is unnamed again after it was named begins anew.
    let row = subject.store.due_outgoing(9, 9).unwrap().remove(0);
    subject.store.put_outgoing(&Outgoing { recipients: Vec::new(), ..row }).unwrap();
    assert_eq!((subject.store.sweep().unwrap(), subject.store.sweep().unwrap()), (0, 1));
}

pub fn a_mail_that_is_gone_cannot_be_named(subject: &Subject<'_>) {
    let user = subject.anna();
    let (_, queue) = subject.message("text", 1);
    assert_eq!((subject.store.sweep().unwrap(), subject.store.sweep().unwrap()), (0, 1));
    assert_missing(subject.try_commit(user, vec![queue]), Missing::Blob);
    assert!(subject.store.due_outgoing(9, 9).unwrap().is_empty());
}
