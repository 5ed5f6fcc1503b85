//! The two files: recognised, migrated, and paired.
//!
//! A file is looked at before it is touched. One that another program made, or a newer version of this one, is refused
//! as it is.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use easel_store::StoreError;
use rusqlite::{Connection, OptionalExtension};

use crate::connection::{self, Files, Role};
use crate::error::SqliteError;
use crate::restore;

/// Scripts of easel.db, oldest first; the number of those that ran is its `user_version`. One that shipped is never
/// edited.
const EASEL: &[&str] = &[
    include_str!("../migrations/001_first_schema.sql"),
    include_str!("../migrations/002_find_the_mail_that_is_named.sql"),
    include_str!("../migrations/003_remove_large_folders_in_turns.sql"),
    include_str!("../migrations/004_find_words_inside_runs.sql"),
    include_str!("../migrations/005_keep_what_was_refused_for_good.sql"),
    include_str!("../migrations/006_keep_what_packs_withhold.sql"),
    include_str!("../migrations/007_remember_packs.sql"),
    include_str!("../migrations/008_find_words_where_they_stand.sql"),
    include_str!("../migrations/009_follow_conversations.sql"),
    include_str!("../migrations/010_tell_the_sender.sql"),
    include_str!("../migrations/011_bound_mailboxes.sql"),
    include_str!("../migrations/012_let_apps_in.sql"),
    include_str!("../migrations/013_count_what_was_waited.sql"),
];

/// Scripts of mail.db.
const MAIL: &[&str] = &[
    include_str!("../migrations/mail/001_first_schema.sql"),
    include_str!("../migrations/mail/002_list_mails_without_their_bytes.sql"),
];

const DOING: &str = "opening the database";

/// What makes a file one of ours.
struct Kind {
    role: Role,
    /// `PRAGMA application_id`.
    application: u32,
    scripts: &'static [&'static str],
}

const EASEL_KIND: Kind = Kind { role: Role::EaselWriter, application: u32::from_be_bytes(*b"EASL"), scripts: EASEL };
const MAIL_KIND: Kind = Kind { role: Role::MailWriter, application: u32::from_be_bytes(*b"EASM"), scripts: MAIL };

/// The two connections that write.
pub(crate) struct Opened {
    pub(crate) easel: Connection,
    pub(crate) mail: Connection,
}

/// Opens both files, making or migrating them as needed.
pub(crate) fn open(files: &Files) -> Result<Opened, StoreError> {
    check_restored(files)?;
    for kind in [&EASEL_KIND, &MAIL_KIND] {
        check_header(files.of(kind.role), kind)?;
    }
    let (easel, easel_version) = look(files, &EASEL_KIND)?;
    let (mail, mail_version) = look(files, &MAIL_KIND)?;
    check_halves(files, (&easel, easel_version), (&mail, mail_version))?;
    prepare(&easel, files, &EASEL_KIND, easel_version)?;
    prepare(&mail, files, &MAIL_KIND, mail_version)?;
    pair(files, &easel, &mail)?;
    Ok(Opened { easel, mail })
}

/// The newest version of easel.db that this program knows.
pub(crate) fn newest() -> u32 {
    known(&EASEL_KIND)
}

/// Makes the mail.db that belongs to an easel.db which is there, with nothing in it.
pub(crate) fn new_mail(files: &Files) -> Result<Connection, StoreError> {
    check_header(&files.easel, &EASEL_KIND)?;
    let easel = connection::open_unseen(files, Role::EaselWriter).map_err(failed(&files.easel))?;
    let id: Vec<u8> = easel.query_row("SELECT id FROM store", [], |row| row.get(0)).map_err(failed(&files.easel))?;
    let (mail, version) = look(files, &MAIL_KIND)?;
    prepare(&mail, files, &MAIL_KIND, version)?;
    mail.execute("INSERT INTO store (id) VALUES (?)", [id]).map_err(failed(&files.mail))?;
    Ok(mail)
}

fn failed(path: &Path) -> impl Fn(rusqlite::Error) -> StoreError {
    let path = path.to_owned();
    move |cause| StoreError::backend(DOING, SqliteError::database(&path, cause))
}

fn known(kind: &Kind) -> u32 {
    u32::try_from(kind.scripts.len()).expect("a handful of scripts")
}

fn check_version(kind: &Kind, found: u32) -> Result<(), StoreError> {
    let known = known(kind);
    if found > known { Err(StoreError::TooNew { found, known }) } else { Ok(()) }
}

/// Refuses what the first bytes already show to be foreign or too new, without opening it as a database.
/// <https://www.sqlite.org/fileformat2.html>, section 1.3 "The Database Header".
fn check_header(path: &Path, kind: &Kind) -> Result<(), StoreError> {
    let mut header = Vec::new();
    let directory = |cause| StoreError::backend(DOING, SqliteError::Directory { path: path.to_owned(), cause });
    match File::open(path) {
        Ok(file) => file.take(100).read_to_end(&mut header).map_err(directory)?,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(directory(cause)),
    };
    let number = |at: usize| {
        let bytes = header.get(at..at + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
        u32::from_be_bytes(bytes.unwrap_or_default())
    };
    let ours = header.is_empty()
        || (header.len() == 100
            && header.starts_with(b"SQLite format 3\0")
            && [0, kind.application].contains(&number(68)));
    if !ours {
        return Err(StoreError::backend(DOING, SqliteError::Foreign { path: path.to_owned() }));
    }
    check_version(kind, number(60))
}

/// Opens a file and finds its version; 0 is a new one.
fn look(files: &Files, kind: &Kind) -> Result<(Connection, u32), StoreError> {
    let path = files.of(kind.role);
    let connection = connection::open_unseen(files, kind.role).map_err(failed(path))?;
    let found: (u32, u32, u64) = connection
        .query_row(
            "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
             FROM pragma_application_id, pragma_user_version",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, crate::sql::number(row, 2)?)),
        )
        .map_err(failed(path))?;
    match found {
        (0, 0, 0) => Ok((connection, 0)),
        (application, version, _) if application == kind.application => {
            check_version(kind, version)?;
            Ok((connection, version))
        }
        _ => Err(StoreError::backend(DOING, SqliteError::Foreign { path: path.to_owned() })),
    }
}

/// A new file beside one that holds mail means that half of a store is lost: going on would sweep the other half.
fn check_halves(files: &Files, easel: (&Connection, u32), mail: (&Connection, u32)) -> Result<(), StoreError> {
    let some = |connection: &Connection, question: &str, path: &Path| -> Result<bool, StoreError> {
        connection.query_row(question, [], |row| row.get(0)).map_err(failed(path))
    };
    let half = |missing: &Path, present: &Path| {
        let (missing, present) = (missing.to_owned(), present.to_owned());
        Err(StoreError::backend(DOING, SqliteError::Half { missing, present }))
    };
    let names_mail = "SELECT EXISTS (SELECT 1 FROM content WHERE blob IS NOT NULL) OR EXISTS (SELECT 1 FROM outgoing)";
    if easel.1 == 0 && mail.1 > 0 && some(mail.0, "SELECT EXISTS (SELECT 1 FROM blob)", &files.mail)? {
        return half(&files.easel, &files.mail);
    }
    let has_quarantine = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'quarantine')";
    let quarantined = "SELECT EXISTS (SELECT 1 FROM quarantine)";
    let holds = |question| some(easel.0, question, &files.easel);
    if mail.1 == 0 && easel.1 > 0 && (holds(names_mail)? || (holds(has_quarantine)? && holds(quarantined)?)) {
        return half(&files.mail, &files.easel);
    }
    Ok(())
}

/// A restore that was cut off between the data that was there and the data that takes its place leaves neither: a new
/// store there would be empty, and every phone be told that its user is unknown.
fn check_restored(files: &Files) -> Result<(), StoreError> {
    let built = files.easel.with_file_name(restore::BUILT_IN);
    if files.easel.exists() || !built.exists() {
        return Ok(());
    }
    Err(StoreError::backend(DOING, SqliteError::RestoreCutOff { built }))
}

/// Settings, then the scripts that have not run.
fn prepare(connection: &Connection, files: &Files, kind: &Kind, version: u32) -> Result<(), StoreError> {
    let failed = failed(files.of(kind.role));
    connection::set_up(connection, files, kind.role).map_err(&failed)?;
    if version < known(kind) {
        migrate(connection, kind, version).map_err(failed)?;
    }
    Ok(())
}

fn migrate(connection: &Connection, kind: &Kind, version: u32) -> rusqlite::Result<()> {
    for (number, script) in (1_u32..).zip(kind.scripts).filter(|(number, _)| *number > version) {
        let application = kind.application;
        let whole = format!(
            "BEGIN IMMEDIATE; {script}; PRAGMA application_id = {application}; PRAGMA user_version = {number}; COMMIT;"
        );
        if let Err(error) = connection.execute_batch(&whole) {
            // Nothing of the script stays; the first error is the one to tell.
            connection.execute_batch("ROLLBACK").ok();
            return Err(error);
        }
        tracing::info!(schema = number, file = ?kind.role, "migrated the database");
    }
    // The version must stand in the file itself: an older program looks there first.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
}

/// Both files carry the same id.
fn pair(files: &Files, easel: &Connection, mail: &Connection) -> Result<(), StoreError> {
    let id = |connection: &Connection, path: &Path| -> Result<Option<Vec<u8>>, StoreError> {
        connection.query_row("SELECT id FROM store", [], |row| row.get(0)).optional().map_err(failed(path))
    };
    let Some(id_of_easel) = id(easel, &files.easel)? else {
        return Err(StoreError::backend(DOING, SqliteError::Foreign { path: files.easel.clone() }));
    };
    if id(mail, &files.mail)?.as_ref() == Some(&id_of_easel) {
        return Ok(());
    }
    let holds_mail: bool =
        mail.query_row("SELECT EXISTS (SELECT 1 FROM blob)", [], |row| row.get(0)).map_err(failed(&files.mail))?;
    if holds_mail {
        let (easel, mail) = (files.easel.clone(), files.mail.clone());
        return Err(StoreError::backend(DOING, SqliteError::Mixed { easel, mail }));
    }
    mail.execute("DELETE FROM store", [])
        .and_then(|_| mail.execute("INSERT INTO store (id) VALUES (?)", [id_of_easel]))
        .map(drop)
        .map_err(failed(&files.mail))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of that version, as a program that knew no later script left it.
    fn of_version(files: &Files, kind: &Kind, version: usize) -> Connection {
        let older = Kind { role: kind.role, application: kind.application, scripts: &kind.scripts[..version] };
        let connection = connection::open(files, kind.role).unwrap();
        if version > 0 {
            migrate(&connection, &older, 0).unwrap();
        }
        connection
    }

    fn schema(connection: &Connection) -> Vec<(String, Option<String>)> {
        let mut rows = connection.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").unwrap();
        rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_file_of_every_older_version_is_migrated_to_the_newest() {
        let newest = tempfile::tempdir().unwrap();
        let newest = open(&Files::inside(newest.path())).unwrap();
        for version in 0..=EASEL.len() {
            for mail_version in 0..=MAIL.len() {
                let dir = tempfile::tempdir().unwrap();
                let files = Files::inside(dir.path());
                drop(of_version(&files, &EASEL_KIND, version));
                drop(of_version(&files, &MAIL_KIND, mail_version));
                let opened = open(&files).unwrap();
                assert_eq!(schema(&opened.easel), schema(&newest.easel), "from version {version}");
                assert_eq!(schema(&opened.mail), schema(&newest.mail), "from version {mail_version}");
            }
        }
    }

    #[test]
    fn every_script_has_its_reason_in_its_name_and_the_next_number() {
        for (dir, scripts) in [("migrations", EASEL), ("migrations/mail", MAIL)] {
            let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join(dir);
            let names = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
            let files = names.filter(|entry| entry.file_type().unwrap().is_file());
            let mut names: Vec<String> = files.map(|entry| entry.file_name().into_string().unwrap()).collect();
            names.sort();
            let numbers: Vec<usize> =
                names.iter().map(|name| name.split('_').next().unwrap().parse().unwrap()).collect();
            assert_eq!(numbers, (1..=scripts.len()).collect::<Vec<_>>(), "{names:?}");
        }
    }

    #[test]
    fn a_script_that_fails_leaves_the_version_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::inside(dir.path());
        let connection = connection::open(&files, Role::MailWriter).unwrap();
        migrate(&connection, &Kind { scripts: &["CREATE TABLE one (x INTEGER) STRICT;"], ..MAIL_KIND }, 0).unwrap();
        let broken =
            Kind { scripts: &["", "CREATE TABLE two (x INTEGER); CREATE TABLE one (x INTEGER);"], ..MAIL_KIND };
        assert!(migrate(&connection, &broken, 1).is_err());
        let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
        assert_eq!((version, tables, connection.is_autocommit()), (1, 1, true));
    }
}
