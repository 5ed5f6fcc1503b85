//! A copy made while the store goes on, read back.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::error::Error as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use common::{INBOX, add_mail, add_user, all, facts, open, quick_directory, try_open};
use easel_protocol::ServerId;
use easel_store::{Backup, BlobId, Content, LeftOut, Missing, NewOutgoing, Store as _, StoreError, UserId, Write};
use easel_store_sqlite::{RestoreError, SqliteStore, verify};
use sha2::{Digest as _, Sha256};

/// Writes it into a file; what is not in it.
fn write_all(mut backup: Box<dyn Backup>, path: &Path) -> LeftOut {
    let mut file = std::fs::File::create(path).unwrap();
    loop {
        let piece = backup.piece().unwrap();
        assert!(piece.len() <= 1 << 20, "a frame of the admin socket holds it");
        if piece.is_empty() {
            return backup.left_out().clone();
        }
        file.write_all(&piece).unwrap();
    }
}

fn blob_of(store: &SqliteStore, user: UserId, id: ServerId) -> BlobId {
    match store.snapshot(user).unwrap().item(id).unwrap().map(|item| item.content) {
        Some(Content::Mail(mail)) => mail.blob,
        other => panic!("{other:?} is no mail"),
    }
}

fn empty(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::create_dir(&path).unwrap();
    path
}

#[test]
fn mail_removed_and_swept_while_a_backup_is_made_is_in_it() {
    let dir = quick_directory();
    let store = open(&empty(dir.path(), "data"));
    let user = add_user(&store, "anna");
    // More than one piece each, one byte around a piece, and small ones.
    let sizes = [3 << 20, (1 << 20) - 16, (1 << 20) - 15, 1 << 20, 0, 1, 5000];
    let mails: Vec<Vec<u8>> = sizes.iter().map(|size| (0..*size).map(|at| (at % 251) as u8).collect()).collect();
    let ids: Vec<_> = mails.iter().map(|mail| add_mail(&store, user, mail, facts(1, "a mail"))).collect();
    let backup = store.backup(77).unwrap();
    let modseq = store.modseq(user);
    for id in &ids {
        common::commit(&store, user, vec![Write::RemoveItem { id: *id }]);
    }
    assert!(store.modseq(user) > modseq);
    for _ in 0..3 {
        assert_eq!(store.sweep().unwrap(), 0, "nothing is swept until the backup has ended");
    }
    let file = dir.path().join("backup");
    write_all(backup, &file);
    for _ in 0..3 {
        store.sweep().unwrap();
    }
    drop(store);
    let other = empty(dir.path(), "other");
    let restored = verify(&file).unwrap().restore(&other, None).unwrap();
    assert_eq!((restored.mails, restored.held, restored.made), (sizes.len() as u64, 0, 77));
    let store = open(&other);
    let snapshot = store.snapshot(user).unwrap();
    assert_eq!(all(&*snapshot, INBOX).len(), sizes.len());
    for (id, mail) in ids.iter().zip(&mails) {
        let Some(Content::Mail(found)) = snapshot.item(*id).unwrap().map(|item| item.content) else { panic!("a mail") };
        assert!(store.read_blob(found.blob).unwrap() == *mail);
    }
    assert_eq!(store.modseq(user), modseq);
}

#[test]
fn mail_that_is_lost_already_is_named_and_the_rest_is_backed_up_and_restored() {
    let dir = quick_directory();
    let data = empty(dir.path(), "data");
    let store = open(&data);
    let user = add_user(&store, "anna");
    let ids: Vec<_> =
        ["one", "two", "three"].map(|text| add_mail(&store, user, text.as_bytes(), facts(1, text))).into();
    let blob = store.put_blob(b"queued").unwrap();
    let queued =
        NewOutgoing { sender: "a@one.example".into(), recipients: vec!["b@x.example".into()], blob, queued: 1 };
    common::commit(&store, user, vec![Write::Queue(queued)]);
    let lost = blob_of(&store, user, ids[1]);
    assert_eq!(*store.backup(1).unwrap().left_out(), LeftOut::default());
    drop(store);
    let mail = rusqlite::Connection::open(data.join("mail.db")).unwrap();
    for id in [lost, blob] {
        assert_eq!(mail.execute("DELETE FROM blob WHERE id = ?1", [id.0.cast_signed()]).unwrap(), 1);
    }
    drop(mail);
    let store = open(&data);
    let backup = store.backup(2).unwrap();
    let left_out = backup.left_out();
    assert_eq!((left_out.lost, left_out.unreadable), (2, 0));
    let said: Vec<String> = left_out.mails.iter().map(ToString::to_string).collect();
    let item = format!("lost: anna@one: item {} in \"Inbox\"", ids[1].number());
    assert_eq!(said, [item, "lost: anna@one: message 1 in the outgoing queue".to_owned()]);
    let file = dir.path().join("backup");
    write_all(backup, &file);
    drop(store);
    let other = empty(dir.path(), "other");
    let restored = verify(&file).unwrap().restore(&other, None).unwrap();
    assert_eq!((restored.mails, restored.lost), (2, 2));
    let store = open(&other);
    assert_eq!(store.read_blob(blob_of(&store, user, ids[2])).unwrap(), b"three");
    assert!(store.read_blob(blob_of(&store, user, ids[1])).is_err());
}

/// Breaks mail.db where a mail goes on behind the page that holds this text for the first time after so many bytes.
fn break_behind(mail_db: &Path, text: &str, after: usize) {
    const PAGE: usize = 16 << 10;
    let mut bytes = std::fs::read(mail_db).unwrap();
    let begins = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    let page = (begins + after) / PAGE * PAGE;
    let beginning = &bytes[page + 4..page + 4 + 2 * text.len()];
    assert!(beginning.windows(text.len()).any(|window| window == text.as_bytes()), "the page is one of this mail");
    // SQLite file format 1.6 "Cell Payload Overflow Pages": the number of the next one.
    bytes[page..page + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    std::fs::write(mail_db, bytes).unwrap();
}

#[test]
fn mail_that_is_there_and_cannot_be_read_is_named_and_the_rest_is_backed_up_and_restored() {
    let dir = quick_directory();
    let data = empty(dir.path(), "data");
    let store = open(&data);
    let user = add_user(&store, "anna");
    // In one piece and in several; each with whole ones around it.
    let mails =
        [("before.", 5_000), ("broken.", 100_000), ("middle.", 40_000), ("large..", 3 << 20), ("behind.", 9_000)];
    let mails = mails.map(|(text, size)| text.repeat(size / text.len()).into_bytes());
    let ids: Vec<_> = mails.iter().map(|mail| add_mail(&store, user, mail, facts(1, "a mail"))).collect();
    drop(store);
    break_behind(&data.join("mail.db"), "broken.", 50_000);
    break_behind(&data.join("mail.db"), "large..", 2 << 20);
    let store = open(&data);
    let broken = [ids[1], ids[3]];
    let file = dir.path().join("backup");
    let left_out = write_all(store.backup(1).unwrap(), &file);
    assert_eq!((left_out.lost, left_out.unreadable), (0, 2));
    let said: Vec<String> = left_out.mails.iter().map(ToString::to_string).collect();
    let expected = broken.map(|id| format!("cannot be read: anna@one: item {} in \"Inbox\"", id.number()));
    assert_eq!(said, expected);
    drop(store);
    let other = empty(dir.path(), "other");
    let restored = verify(&file).unwrap().restore(&other, None).unwrap();
    assert_eq!((restored.mails, restored.lost), (3, 2));
    let store = open(&other);
    for (id, mail) in ids.iter().zip(&mails) {
        let read = store.read_blob(blob_of(&store, user, *id));
        if broken.contains(id) {
            assert!(matches!(read, Err(StoreError::NotFound(Missing::Blob))), "{read:?}");
        } else {
            assert!(read.unwrap() == *mail);
        }
    }
    // What is left can be backed up again.
    let left_out = write_all(store.backup(2).unwrap(), &file);
    assert_eq!((left_out.lost, left_out.unreadable), (2, 0));
    verify(&file).unwrap();
}

#[test]
fn a_backup_of_the_format_before_is_restored() {
    let dir = quick_directory();
    let store = open(&empty(dir.path(), "data"));
    let user = add_user(&store, "anna");
    let id = add_mail(&store, user, b"a mail", facts(1, "a mail"));
    let file = dir.path().join("backup");
    write_all(store.backup(1).unwrap(), &file);
    let bytes = std::fs::read(&file).unwrap();
    // It ended with the BlobId 0 and the hash.
    let before = bytes.strip_prefix(b"Easel backup 2\n").unwrap();
    let before = [b"Easel backup 1\n", &before[..before.len() - 8 - 32]].concat();
    let hash = Sha256::digest(&before);
    std::fs::write(&file, [&before[..], &hash[..]].concat()).unwrap();
    let other = empty(dir.path(), "other");
    assert_eq!(verify(&file).unwrap().restore(&other, None).unwrap().mails, 1);
    let store = open(&other);
    assert_eq!(store.read_blob(blob_of(&store, user, id)).unwrap(), b"a mail");
}

#[test]
fn what_is_committed_while_easel_db_is_copied_is_not_in_the_backup_and_what_was_before_is() {
    let dir = quick_directory();
    let store = open(&empty(dir.path(), "data"));
    let user = add_user(&store, "anna");
    // More pages than a few steps copy.
    for number in 0..60 {
        let other = add_user(&store, &format!("user{number}"));
        let value = Some(vec![number; 100 << 10]);
        common::commit(&store, other, vec![Write::PutValue { name: "ballast", value }]);
        add_mail(&store, user, &[number; 100], facts(1, "a mail"));
    }
    let file = dir.path().join("backup");
    let done = AtomicBool::new(false);
    let (before, after) = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut after = 0;
            // As long as that takes, unless it fails.
            while !done.load(Ordering::SeqCst) && after < 20_000 {
                add_mail(&store, user, b"meanwhile", facts(1, "a mail"));
                after += 1;
            }
            after
        });
        let before = all(&*store.snapshot(user).unwrap(), INBOX).len();
        write_all(store.backup(1).unwrap(), &file);
        done.store(true, Ordering::SeqCst);
        (before, writing.join().unwrap())
    });
    assert!(before >= 60 && after > 0);
    let other = empty(dir.path(), "other");
    verify(&file).unwrap().restore(&other, None).unwrap();
    let connection = rusqlite::Connection::open(other.join("easel.db")).unwrap();
    let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    drop(connection);
    let restored = open(&other);
    let there = all(&*restored.snapshot(user).unwrap(), INBOX).len();
    assert!((before..=60 + after).contains(&there), "{before} {there} {after}");
}

#[test]
fn one_backup_is_made_at_a_time() {
    let dir = quick_directory();
    let store = open(dir.path());
    let first = store.backup(1).unwrap();
    let refused = store.backup(2).unwrap_err();
    assert!(refused.source().unwrap().to_string().contains("another backup"), "{refused:?}");
    drop(first);
    store.backup(3).unwrap();
}

#[test]
fn a_copy_left_by_a_process_that_died_goes_when_the_store_is_opened() {
    let dir = quick_directory();
    std::fs::write(dir.path().join("easel.db.copy"), "half a copy").unwrap();
    drop(open(dir.path()));
    assert!(!dir.path().join("easel.db.copy").exists());
}

#[test]
fn numbers_given_out_after_the_backup_are_not_given_out_again() {
    let dir = quick_directory();
    let store = open(&empty(dir.path(), "data"));
    let user = add_user(&store, "anna");
    let file = dir.path().join("backup");
    write_all(store.backup(1).unwrap(), &file);
    let item = store.reserve_items(user, 1 << 31).unwrap();
    let folder = store.reserve_folder(user).unwrap();
    let last = item.number() + (1 << 31);
    let other = empty(dir.path(), "other");
    verify(&file).unwrap().restore(&other, None).unwrap();
    let store = open(&other);
    assert!(store.reserve_items(user, 1).unwrap().number() > last);
    assert!(store.reserve_folder(user).unwrap() > folder);
}

#[test]
fn data_that_is_there_stays_unless_it_is_to_be_replaced() {
    let dir = quick_directory();
    let data = empty(dir.path(), "data");
    let store = open(&data);
    add_user(&store, "anna");
    let file = dir.path().join("backup");
    write_all(store.backup(1).unwrap(), &file);
    add_user(&store, "bob");
    drop(store);
    let backup = verify(&file).unwrap();
    assert!(matches!(backup.restore(&data, None), Err(RestoreError::Taken { .. })));
    let tenants = |dir: &Path| -> Result<usize, StoreError> {
        let store = open(dir);
        let tenants = store.tenants()?;
        tenants.iter().map(|tenant| Ok(store.users(tenant.id)?.len())).sum()
    };
    assert_eq!(tenants(&data).unwrap(), 2);
    let restored = backup.restore(&data, Some("old")).unwrap();
    assert_eq!(restored.replaced.as_deref(), Some(&*data.join("old")));
    assert_eq!((tenants(&data).unwrap(), tenants(&data.join("old")).unwrap()), (1, 2));
}

#[test]
fn a_restore_that_died_between_its_renames_is_not_taken_for_an_empty_store_and_is_done_again() {
    let dir = quick_directory();
    let data = empty(dir.path(), "data");
    let store = open(&data);
    let user = add_user(&store, "anna");
    add_mail(&store, user, b"a mail", facts(1, "a mail"));
    let file = dir.path().join("backup");
    write_all(store.backup(1).unwrap(), &file);
    drop(store);
    // As it is left after any number of its renames: first the old files go away, then the new ones come.
    let (old, new) = (empty(&data, "old"), empty(&data, "restoring"));
    verify(&file).unwrap().restore(&empty(dir.path(), "built"), None).unwrap();
    for name in ["mail.db", "easel.db"] {
        std::fs::copy(dir.path().join("built").join(name), new.join(name)).unwrap();
    }
    let renames =
        [(&data, &old, "easel.db"), (&data, &old, "mail.db"), (&new, &data, "mail.db"), (&new, &data, "easel.db")];
    for (number, (from, to, name)) in renames.into_iter().enumerate() {
        std::fs::rename(from.join(name), to.join(name)).unwrap();
        let last = number + 1 == renames.len();
        assert_eq!(try_open(&data).is_ok(), last, "after {} renames", number + 1);
        assert!(last || !data.join("easel.db").exists(), "nothing was made");
        if number == 1 {
            let error = try_open(&data).unwrap_err();
            assert!(error.source().unwrap().to_string().contains("restore was cut off"), "{error:?}");
        }
    }
    std::fs::remove_file(data.join("easel.db")).unwrap();
    assert!(verify(&file).unwrap().restore(&data, Some("again")).is_ok());
    assert_eq!(all(&*open(&data).snapshot(user).unwrap(), INBOX).len(), 1);
}
