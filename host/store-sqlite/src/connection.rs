//! The one place where connections are opened and set up.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

/// How long a connection waits for a lock that another program holds.
const BUSY: Duration = Duration::from_secs(5);

/// Statements kept prepared on each connection; more than the whole room has.
const STATEMENTS: usize = 128;

/// KiB of pages that a reader keeps of easel.db: there are as many readers as commands at once, and the system keeps the
/// same pages for all of them.
const READER_CACHE_KIB: i64 = 512;

/// The same of mail.db, whose bytes are read once.
const READER_MAIL_CACHE_KIB: i64 = 256;

/// A connection's part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reads easel.db, and mail.db as `mail`.
    Reader,
    /// Writes easel.db.
    EaselWriter,
    /// Writes mail.db.
    MailWriter,
}

/// The two files of a store.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) easel: PathBuf,
    pub(crate) mail: PathBuf,
}

impl Files {
    pub(crate) fn inside(dir: &Path) -> Self {
        Self { easel: dir.join("easel.db"), mail: dir.join("mail.db") }
    }

    /// The file that a connection of that part writes or reads first.
    pub(crate) fn of(&self, role: Role) -> &Path {
        match role {
            Role::Reader | Role::EaselWriter => &self.easel,
            Role::MailWriter => &self.mail,
        }
    }
}

/// Opens a connection without changing a byte: what it is must be looked at first.
pub(crate) fn open_unseen(files: &Files, role: Role) -> rusqlite::Result<Connection> {
    let rights = match role {
        Role::Reader => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Role::EaselWriter | Role::MailWriter => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
    };
    let connection = Connection::open_with_flags(files.of(role), rights | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

/// Opens a connection, ready for use.
pub(crate) fn open(files: &Files, role: Role) -> rusqlite::Result<Connection> {
    let connection = open_unseen(files, role)?;
    set_up(&connection, files, role)?;
    Ok(connection)
}

/// Settings of every connection. Each was measured: a map of the files (`mmap_size`) gained nothing that could be told
/// from noise, and a bad sector under it ends the process; without QPSG a cached statement with a join is planned
/// anew at every call; the WAL is kept long because overwriting it is cheaper than making it grow.
pub(crate) fn set_up(connection: &Connection, files: &Files, role: Role) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    match role {
        Role::Reader => {
            let mail = files.mail.to_str().ok_or_else(|| rusqlite::Error::InvalidPath(files.mail.clone()))?;
            connection.execute("ATTACH DATABASE ? AS mail", [mail])?;
            connection.pragma_update(Some("main"), "cache_size", -READER_CACHE_KIB)?;
            connection.pragma_update(Some("mail"), "cache_size", -READER_MAIL_CACHE_KIB)?;
            connection.pragma_update(None, "query_only", true)?;
        }
        Role::EaselWriter | Role::MailWriter => {
            let page = if role == Role::EaselWriter { 4096 } else { 16384 };
            // Takes effect in a new file only, and only before the WAL is made.
            connection.pragma_update(None, "page_size", page)?;
            if role == Role::MailWriter {
                // So does this: what is removed gives its space back (`blobs.rs`).
                connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
            }
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            // -1: the WAL is never cut while in service. Automatic checkpoints are passive.
            connection.pragma_update(None, "journal_size_limit", -1)?;
            // KiB, negative by SQLite's convention.
            connection.pragma_update(None, "cache_size", -16_384)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_has_the_settings() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::inside(dir.path());
        let text = |connection: &Connection, pragma: &str| -> String {
            connection
                .query_row(&format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}"), [], |row| row.get(0))
                .unwrap()
        };
        for (role, page) in [(Role::EaselWriter, "4096"), (Role::MailWriter, "16384"), (Role::Reader, "4096")] {
            let connection = open(&files, role).unwrap();
            if role != Role::Reader {
                connection.execute_batch("CREATE TABLE t (x)").unwrap();
                assert_eq!(text(&connection, "synchronous"), "2");
                assert_eq!(text(&connection, "journal_size_limit"), "-1");
            }
            assert!(connection.db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG).unwrap(), "{role:?}");
            assert_eq!(text(&connection, "journal_mode"), "wal", "{role:?}");
            assert_eq!(text(&connection, "page_size"), page, "{role:?}");
            assert_eq!(text(&connection, "foreign_keys"), "1", "{role:?}");
            if role == Role::Reader {
                let kept = |of: &str| connection.pragma_query_value(Some(of), "cache_size", |row| row.get::<_, i64>(0));
                assert_eq!([kept("main"), kept("mail")], [Ok(-READER_CACHE_KIB), Ok(-READER_MAIL_CACHE_KIB)]);
            }
        }
    }

    /// Both come in one variable, and a build that misses it writes the inode at each commit.
    #[test]
    fn sqlite_is_built_as_cargos_configuration_says() {
        let connection = Connection::open_in_memory().unwrap();
        let mut options = connection.prepare("PRAGMA compile_options").unwrap();
        let options: Vec<String> = options.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert!(options.iter().any(|option| option == "DEFAULT_MEMSTATUS=0"), "{options:?}");
    }

    #[test]
    fn a_reader_cannot_write() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::inside(dir.path());
        open(&files, Role::EaselWriter).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        open(&files, Role::MailWriter).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        let reader = open(&files, Role::Reader).unwrap();
        assert!(reader.execute_batch("INSERT INTO t VALUES (1)").is_err());
        assert!(reader.execute_batch("INSERT INTO mail.t VALUES (1)").is_err());
    }
}
