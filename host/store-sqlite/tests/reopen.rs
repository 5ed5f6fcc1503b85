//! A store closed and opened again, and files that must not be opened.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::error::Error;
use std::fs;
use std::path::Path;

use common::{CALENDAR, INBOX, add_device, add_event, add_mail, add_user, all, commit, facts, open, search, try_open};
use easel_protocol::{CollectionId, FolderType, Groups, MailRecord};
use easel_store::{
    Content, DeviceKey, Missing, Modseq, NewOutgoing, NewQuarantined, QuarantinedKind, Store, StoreError, Write,
};
use rusqlite::Connection;
use tempfile::TempDir;

fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text += &format!(": {next}");
        cause = next.source();
    }
    text
}

/// Opening must fail, naming the file and what to do.
fn refused(dir: &Path, parts: &[&str]) {
    let error = try_open(dir).expect_err("this must not be opened");
    let text = chain(&error);
    for part in parts {
        assert!(text.contains(part), "{text:?} does not say {part:?}");
    }
}

#[test]
fn everything_is_there_after_it_was_closed() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let (user, other) = (add_user(&store, "anna"), add_user(&store, "berta"));
    let device = add_device(&store, user, "phone");
    let event = add_event(&store, user, "one", facts(5, "dinner"));
    let mail = add_mail(&store, user, b"mail", facts(6, "lunch"));
    add_event(&store, other, "theirs", facts(1, "dinner"));
    let folder = store.reserve_folder(user).unwrap();
    let seen = store.modseq(user);
    let blob = store.put_blob(b"out").unwrap();
    let new = NewOutgoing { sender: "a@x".into(), recipients: vec!["b@y".into()], blob, queued: 9 };
    let record = MailRecord { read: true, ..MailRecord::arrived(6) };
    commit(
        &store,
        user,
        vec![
            Write::AddFolder { id: folder, parent: Some(INBOX), name: "new".into(), kind: FolderType::UserMail },
            Write::ChangeContent { id: event, content: "two".into(), facts: facts(7, "supper"), seen },
            Write::ChangeRecord { id: mail, record: record.clone(), groups: Groups::READ, seen },
            Write::PutDeviceValue { device, name: "ping", value: Some(vec![1]) },
            Write::Queue(new.clone()),
        ],
    );
    let modseq = store.modseq(user);
    let (users, devices) =
        (store.users(store.tenant("one").unwrap().unwrap().id).unwrap(), store.devices(user).unwrap());
    let log = store.snapshot(user).unwrap().log(CALENDAR, Modseq(0), 9).unwrap();
    drop(store);

    let store = open(dir.path());
    assert_eq!(store.modseq(user), modseq);
    assert_eq!(store.users(store.tenant("one").unwrap().unwrap().id).unwrap(), users);
    assert_eq!(store.devices(user).unwrap(), devices);
    let snapshot = store.snapshot(user).unwrap();
    assert_eq!((snapshot.modseq(), snapshot.hierarchy().unwrap()), (modseq, Modseq(seen.0 + 1)));
    assert_eq!(snapshot.folder(folder).unwrap().unwrap().name, "new");
    assert_eq!(snapshot.log(CALENDAR, Modseq(0), 9).unwrap(), log);
    assert_eq!(snapshot.item(event).unwrap().unwrap().content, Content::Object("two".into()));
    assert_eq!(snapshot.content_at(event, seen).unwrap().as_deref(), Some("one"));
    let Content::Mail(found) = snapshot.item(mail).unwrap().unwrap().content else { panic!("a mail stays a mail") };
    assert_eq!((found.record, snapshot.blob(found.blob, 0..9).unwrap()), (record, b"mail".to_vec()));
    assert_eq!(search(&*snapshot, &["supper"]), [event]);
    assert!(search(&*snapshot, &["dinner"]).is_empty());
    assert_eq!(snapshot.device_value(device, "ping").unwrap(), Some(vec![1]));
    let outgoing = store.due_outgoing(9, 9).unwrap();
    assert_eq!((outgoing.len(), &outgoing[0].recipients), (1, &new.recipients));
    assert_eq!(store.read_blob(outgoing[0].blob).unwrap(), b"out");
}

#[test]
fn no_number_is_given_out_again_after_it_was_closed() {
    let dir = TempDir::new().unwrap();
    let (mut last_item, mut last_folder, mut last_device) = (0, 0, 0);
    let mut user = None;
    for turn in 0..4 {
        let store = open(dir.path());
        let user = *user.get_or_insert_with(|| add_user(&store, "anna"));
        // Set aside and never used: neither may come back, for a device may have seen it.
        for count in [1, 3, 300] {
            let item = store.reserve_items(user, count).unwrap().number();
            assert!(item > last_item, "{item} in turn {turn}");
            last_item = item + count - 1;
            let folder = store.reserve_folder(user).unwrap().number();
            assert!(folder > last_folder, "{folder} in turn {turn}");
            last_folder = folder;
        }
        let id = add_event(&store, user, "x", facts(1, "x"));
        assert!(id.number() > last_item);
        last_item = id.number();
        commit(&store, user, vec![Write::RemoveItem { id }]);
        let device = add_device(&store, user, "phone");
        assert!(device.0 > last_device);
        last_device = device.0;
        store.remove_device(device).unwrap();
    }
    // A mailbox loses few numbers at a restart.
    assert!(last_item < 4 * (304 + 2 * 256 + 10), "{last_item}");
}

#[test]
fn mail_that_nothing_names_is_swept() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let (user, leaving) = (add_user(&store, "anna"), add_user(&store, "berta"));
    let orphans: Vec<_> = (0..3).map(|_| store.put_blob(b"orphan").unwrap()).collect();
    let blob_of = |store: &dyn Store, user, id| {
        let item = store.snapshot(user).unwrap().item(id).unwrap().unwrap();
        let Content::Mail(mail) = item.content else { panic!("a mail stays a mail") };
        mail.blob
    };
    let mail = add_mail(&store, user, b"kept", facts(1, "x"));
    let (kept, moved) = (blob_of(&store, user, mail), store.reserve_items(user, 1).unwrap());
    commit(&store, user, vec![Write::MoveItem { id: mail, to: CollectionId::new(3), new_id: moved }]);
    let removed = add_mail(&store, user, b"removed", facts(1, "x"));
    let removed_blob = blob_of(&store, user, removed);
    commit(&store, user, vec![Write::RemoveItem { id: removed }]);
    let theirs = add_mail(&store, leaving, b"theirs", facts(1, "x"));
    let their_blob = blob_of(&store, leaving, theirs);
    store.remove_user(leaving).unwrap();
    let queued = store.put_blob(b"queued").unwrap();
    let new = NewOutgoing { sender: String::new(), recipients: vec!["b@y".into()], blob: queued, queued: 1 };
    commit(&store, user, vec![Write::Queue(new)]);
    // At once nothing is swept: a reader may be about to look.
    assert_eq!(store.read_blob(removed_blob).unwrap(), b"removed");
    drop(store);

    let store = open(dir.path());
    for gone in orphans.iter().copied().chain([removed_blob, their_blob]) {
        assert!(matches!(store.read_blob(gone), Err(StoreError::NotFound(Missing::Blob))), "{gone:?}");
    }
    assert_eq!(store.read_blob(kept).unwrap(), b"kept");
    assert_eq!(store.read_blob(queued).unwrap(), b"queued");
    let fresh = store.put_blob(b"new").unwrap();
    assert!(fresh > queued, "the number of swept mail is not used again");
}

fn pages(dir: &Path) -> (u32, u32) {
    let connection = Connection::open(dir.join("mail.db")).unwrap();
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get(0)).unwrap();
    (pragma("page_count"), pragma("freelist_count"))
}

#[test]
fn the_space_of_swept_mail_is_given_back_while_others_write() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let user = add_user(&store, "anna");
    let small = pages(dir.path()).0;
    let ids: Vec<_> = (0..150).map(|key| add_mail(&store, user, &vec![b'x'; 100_000], facts(key, "x"))).collect();
    let large = pages(dir.path()).0;
    assert!(large > small + 900, "{small} {large}");
    commit(&store, user, ids[1..].iter().map(|id| Write::RemoveItem { id: *id }).collect());
    assert_eq!(store.sweep().unwrap(), 0);
    std::thread::scope(|scope| {
        let sweeping = scope.spawn(|| store.sweep().unwrap());
        for key in 0..20 {
            add_mail(&store, user, b"meanwhile", facts(key, "x"));
        }
        assert_eq!(sweeping.join().unwrap(), 149);
    });
    let (all, free) = pages(dir.path());
    assert!(all < small + 40 && free == 0, "{small} {large} {all} {free}");
    drop(store);
    assert!(fs::metadata(dir.path().join("mail.db")).unwrap().len() < u64::from(small + 40) * 16384);
    let store = open(dir.path());
    let Content::Mail(mail) = store.snapshot(user).unwrap().item(ids[0]).unwrap().unwrap().content else { panic!() };
    assert_eq!(store.read_blob(mail.blob).unwrap(), vec![b'x'; 100_000]);
}

#[test]
fn a_file_made_before_space_was_given_back_keeps_it_for_new_mail() {
    let dir = TempDir::new().unwrap();
    drop(open(dir.path()));
    let connection = Connection::open(dir.path().join("mail.db")).unwrap();
    connection.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = 0; VACUUM").unwrap();
    drop(connection);
    let store = open(dir.path());
    let user = add_user(&store, "anna");
    let fill = || (0..20).map(|key| add_mail(&store, user, &vec![b'x'; 100_000], facts(key, "x"))).collect::<Vec<_>>();
    let ids = fill();
    let (all, _) = pages(dir.path());
    commit(&store, user, ids.iter().map(|id| Write::RemoveItem { id: *id }).collect());
    assert_eq!((store.sweep().unwrap(), store.sweep().unwrap()), (0, 20));
    let (then, free) = pages(dir.path());
    assert!(then == all && free > 100, "{then} {all} {free}");
    fill();
    assert!(pages(dir.path()).0 <= all + 2);
}

#[test]
fn what_waited_to_be_indexed_is_found_after_it_was_closed() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let user = add_user(&store, "anna");
    let ids: Vec<_> = (0..50).map(|key| add_event(&store, user, "x", facts(key, "hello"))).collect();
    drop(store);
    let store = open(dir.path());
    assert_eq!(search(&*store.snapshot(user).unwrap(), &["hel"]).len(), ids.len());
    store.finish_indexing().unwrap();
    assert_eq!(search(&*store.snapshot(user).unwrap(), &["hel"]).len(), ids.len());
    let connection = Connection::open(dir.path().join("easel.db")).unwrap();
    let waiting: u32 = connection.query_row("SELECT count(*) FROM search_queue", [], |row| row.get(0)).unwrap();
    assert_eq!(waiting, 0);
}

#[test]
fn a_removed_user_leaves_no_row() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    add_user(&store, "kept");
    let connection = Connection::open(dir.path().join("easel.db")).unwrap();
    let rows = || -> Vec<(String, u32)> {
        let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
                   AND name NOT IN ('search_data', 'search_idx', 'search_config')";
        let mut statement = connection.prepare(sql).unwrap();
        let names: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let count = |name: &String| {
            let sql = format!("SELECT count(*) FROM {name}");
            connection.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        names.iter().map(|name| (name.clone(), count(name))).collect()
    };
    let before = rows();
    let user = add_user(&store, "anna");
    let device = add_device(&store, user, "phone");
    let entry = easel_store::GalEntry { user: Some(user), email: "a@x".into(), ..Default::default() };
    store.put_gal_entry(store.tenant("one").unwrap().unwrap().id, &entry).unwrap();
    for turn in 1..5 {
        common::step(&store, user, device, turn);
    }
    let event = add_event(&store, user, "one", facts(1, "x"));
    let seen = store.modseq(user);
    let blob = store.put_blob(b"out").unwrap();
    let new = NewOutgoing { sender: String::new(), recipients: vec!["b@y".into()], blob, queued: 1 };
    commit(
        &store,
        user,
        vec![Write::ChangeContent { id: event, content: "two".into(), facts: facts(1, "x"), seen }, Write::Queue(new)],
    );
    store.finish_indexing().unwrap();
    add_event(&store, user, "waits to be indexed", facts(1, "x"));
    let during = rows();
    let grown = before.iter().zip(&during).filter(|(before, during)| before.1 < during.1).count();
    assert!(grown >= 13, "{during:?}");
    store.remove_user(user).unwrap();
    assert_eq!(rows(), before);
}

#[test]
fn a_database_of_a_newer_version_is_refused_as_it_is() {
    for (name, versions) in [("easel.db", 77), ("mail.db", 99)] {
        let dir = TempDir::new().unwrap();
        drop(open(dir.path()));
        let path = dir.path().join(name);
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", versions).unwrap();
        connection.execute_batch("CREATE TABLE of_the_future (x)").unwrap();
        drop(connection);
        let bytes = |name: &str| fs::read(dir.path().join(name)).unwrap();
        let before = (bytes("easel.db"), bytes("mail.db"));
        let error = try_open(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::TooNew { found, .. } if found == versions), "{error:?}");
        assert!(error.to_string().contains(&format!("schema {versions}")), "{error}");
        assert!((bytes("easel.db"), bytes("mail.db")) == before, "{name} was touched");
    }
}

#[test]
fn a_newer_version_that_still_stands_in_the_log_is_refused() {
    let dir = TempDir::new().unwrap();
    drop(open(dir.path()));
    let connection = Connection::open(dir.path().join("easel.db")).unwrap();
    connection.pragma_update(None, "user_version", 33).unwrap();
    // Copied while the change is in the WAL only.
    let copied = TempDir::new().unwrap();
    for name in ["easel.db", "easel.db-wal", "mail.db"] {
        fs::copy(dir.path().join(name), copied.path().join(name)).unwrap();
    }
    assert!(matches!(try_open(copied.path()), Err(StoreError::TooNew { found: 33, .. })));
}

#[test]
fn a_file_of_another_program_is_named_and_left_alone() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("easel.db");
    fs::write(&path, "Dear diary, this is no database. ".repeat(20)).unwrap();
    let before = fs::read(&path).unwrap();
    refused(dir.path(), &["easel.db", "not a database of Easel", "move it away"]);
    assert_eq!(fs::read(&path).unwrap(), before);

    for prepare in ["CREATE TABLE theirs (x)", "PRAGMA application_id = 77; CREATE TABLE theirs (x)"] {
        let dir = TempDir::new().unwrap();
        Connection::open(dir.path().join("mail.db")).unwrap().execute_batch(prepare).unwrap();
        let before = fs::read(dir.path().join("mail.db")).unwrap();
        refused(dir.path(), &["mail.db", "not a database of Easel"]);
        assert_eq!(fs::read(dir.path().join("mail.db")).unwrap(), before);
    }
}

#[test]
fn a_damaged_file_is_named() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let user = add_user(&store, "anna");
    for turn in 0..200 {
        add_event(&store, user, &"x".repeat(2000), facts(turn, "x"));
    }
    drop(store);
    let path = dir.path().join("easel.db");
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096..].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    refused(dir.path(), &["easel.db", "damaged", "backup"]);
}

#[test]
fn a_mail_whose_bytes_are_damaged_is_an_error_and_no_panic() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let blob = store.put_blob(&vec![b'x'; 500_000]).unwrap();
    let user = add_user(&store, "anna");
    let new = NewOutgoing { sender: String::new(), recipients: vec!["b@y".into()], blob, queued: 1 };
    commit(&store, user, vec![Write::Queue(new)]);
    drop(store);
    let path = dir.path().join("mail.db");
    let mut bytes = fs::read(&path).unwrap();
    // The pointer to the next page, on every page that can hold a part of the mail.
    let pages = bytes.len() / 16384;
    for page in 10..pages {
        bytes[page * 16384..page * 16384 + 4].fill(0xff);
    }
    fs::write(&path, bytes).unwrap();
    let store = open(dir.path());
    let text = chain(&store.read_blob(blob).unwrap_err());
    assert!(text.contains("mail.db") && text.contains("damaged"), "{text}");
}

#[test]
fn what_is_in_quarantine_outlives_a_restart_and_half_a_store_with_nothing_else_is_refused() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let user = add_user(&store, "anna");
    let device = add_device(&store, user, "phone");
    let blob = store.put_blob(b"withheld").unwrap();
    let (pack, pack_version, reason) = ("old-phones".into(), "1.0.0".into(), "twice".into());
    let kind = QuarantinedKind::Message;
    let new = NewQuarantined { device, at: 5, kind, pack, pack_version, reason, blob, size: 8 };
    commit(&store, user, vec![Write::Quarantine(new.clone())]);
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.quarantined(user).unwrap().remove(0).new, new);
    assert_eq!(store.read_blob(blob).unwrap(), b"withheld");
    drop(store);
    fs::remove_file(dir.path().join("mail.db")).unwrap();
    refused(dir.path(), &["mail.db", "is missing beside", "easel.db"]);
}

#[test]
fn half_a_store_is_refused_before_the_other_half_is_swept() {
    for (missing, present) in [("easel.db", "mail.db"), ("mail.db", "easel.db")] {
        let dir = TempDir::new().unwrap();
        let store = open(dir.path());
        let user = add_user(&store, "anna");
        add_mail(&store, user, b"mail", facts(1, "x"));
        drop(store);
        fs::rename(dir.path().join(missing), dir.path().join("away")).unwrap();
        refused(dir.path(), &[missing, "is missing beside", present, "backup"]);
        fs::remove_file(dir.path().join(missing)).ok();
        fs::rename(dir.path().join("away"), dir.path().join(missing)).unwrap();
        let store = open(dir.path());
        let id = all(&*store.snapshot(user).unwrap(), INBOX)[0];
        let Content::Mail(mail) = store.snapshot(user).unwrap().item(id).unwrap().unwrap().content else { panic!() };
        assert_eq!(store.read_blob(mail.blob).unwrap(), b"mail");
    }
}

#[test]
fn halves_of_two_stores_are_refused() {
    let dirs = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    for dir in &dirs {
        let store = open(dir.path());
        let user = add_user(&store, "anna");
        add_mail(&store, user, b"mail", facts(1, "x"));
    }
    fs::copy(dirs[0].path().join("mail.db"), dirs[1].path().join("mail.db")).unwrap();
    refused(dirs[1].path(), &["mail.db", "does not belong to", "easel.db", "same backup"]);
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "text").unwrap();
    refused(&file, &[&file.display().to_string(), "directory"]);
    refused(&file.join("below"), &[&file.join("below").display().to_string(), "directory"]);
    fs::create_dir(dir.path().join("easel.db")).unwrap();
    refused(dir.path(), &["easel.db"]);
}

#[test]
fn a_store_that_is_not_there_is_made_with_its_directory() {
    let dir = TempDir::new().unwrap();
    let nested = dir.path().join("a/b");
    let user = add_user(&open(&nested), "anna");
    assert!(open(&nested).user(user).unwrap().is_some());
    assert_eq!(open(&nested).devices(user).unwrap().iter().map(|d| d.key).collect::<Vec<DeviceKey>>(), []);
}
