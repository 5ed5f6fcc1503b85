//! easel.db as it is at one moment, in a file of its own.
//!
//! Its pages are copied as they stand, some at a time, by a reader that looks at one moment from the first page to the
//! last: what is committed meanwhile is not in the copy, waits for nothing and does not have it begin anew. Until the
//! last page, what is written stays in the log, which grows.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use easel_store::{LeftOutMail, NamedBy, StoreError};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, ErrorCode, OpenFlags, Row};

use super::DOING;
use crate::blobs;
use crate::connection::{self, Files, Role};
use crate::error::SqliteError;

/// Pages, of 4 KiB each, copied in one step.
const STEP: i32 = 256;

/// The copy, which has no name any more.
#[derive(Debug)]
pub(super) struct EaselCopy {
    /// Its bytes.
    pub(super) file: File,
    pub(super) bytes: u64,
    /// The same, to be asked.
    database: Connection,
    path: PathBuf,
}

fn copy_path(files: &Files) -> PathBuf {
    files.easel.with_extension("db.copy")
}

/// Removes what a backup left whose process died.
pub(super) fn tidy(files: &Files) -> Result<(), StoreError> {
    match fs::remove_file(copy_path(files)) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(unusable(&copy_path(files))(cause)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn unusable(path: &Path) -> impl Fn(io::Error) -> StoreError {
    let path = path.to_owned();
    move |cause| StoreError::backend(DOING, SqliteError::Copy { path: path.clone(), cause })
}

impl EaselCopy {
    pub(super) fn make(files: &Files) -> Result<Self, StoreError> {
        tidy(files)?;
        let path = copy_path(files);
        // SQLite writes into a file that is there and empty: nobody else may read this one.
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(unusable(&path))?;
        let copied = copy(files, &path);
        let opened = File::open(&path);
        // It is kept by its handles alone, so that nothing stays behind.
        tidy(files)?;
        let (database, file) = (copied?, opened.map_err(unusable(&path))?);
        let bytes = file.metadata().map_err(unusable(&path))?.len();
        Ok(Self { file, bytes, database, path })
    }

    pub(super) fn failed(&self, cause: rusqlite::Error) -> StoreError {
        StoreError::backend(DOING, SqliteError::database(&self.path, cause))
    }

    pub(super) fn unreadable(&self, cause: io::Error) -> StoreError {
        unusable(&self.path)(cause)
    }

    /// The mails that something names, in order.
    pub(super) fn named(&self) -> Result<Vec<i64>, StoreError> {
        let named = self.database.prepare(blobs::NAMED);
        named
            .and_then(|mut named| named.query_map([], |row| row.get(0)).and_then(Iterator::collect))
            .map_err(|cause| self.failed(cause))
    }

    /// What names a mail.
    pub(super) fn naming(&self, id: i64, unreadable: bool) -> Result<Vec<LeftOutMail>, StoreError> {
        named_by(&self.database, id, unreadable).map_err(|cause| self.failed(cause))
    }
}

/// Copies easel.db into the file there; the connection that reads it.
fn copy(files: &Files, path: &Path) -> Result<Connection, StoreError> {
    let failed = |cause| StoreError::backend(DOING, SqliteError::database(path, cause));
    let unread = |cause| StoreError::backend(DOING, SqliteError::database(&files.easel, cause));
    let source = connection::open_unseen(files, Role::Reader).map_err(unread)?;
    let begun = source.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema");
    begun.map_err(unread)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(path, flags).map_err(failed)?;
    // Whoever dies meanwhile leaves a file that is removed.
    for (name, value) in [("journal_mode", "OFF"), ("synchronous", "OFF")] {
        copy.pragma_update(None, name, value).map_err(failed)?;
    }
    let copying = Backup::new(&source, &mut copy).map_err(failed)?;
    let mut step = StepResult::More;
    while step == StepResult::More {
        step = copying.step(STEP).map_err(failed)?;
    }
    if step != StepResult::Done {
        let busy = rusqlite::ffi::Error { code: ErrorCode::DatabaseBusy, extended_code: 0 };
        return Err(unread(rusqlite::Error::SqliteFailure(busy, None)));
    }
    drop(copying);
    drop(copy);
    let file = OpenOptions::new().write(true).open(path).map_err(unusable(path))?;
    file.write_all_at(&[1; 2], VERSIONS_AT).map_err(unusable(path))?;
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)
}

/// Where the header says how the file is written and read: 2 is with a log beside it, which this one has not.
/// SQLite file format 1.3.3 "File format version numbers".
const VERSIONS_AT: u64 = 18;

const NAMED_BY: &str = "SELECT user.name, tenant.name, folder.name, item.id, NULL, NULL
    FROM content JOIN item USING (object) JOIN user ON user.id = item.user JOIN tenant ON tenant.id = user.tenant
    JOIN folder ON folder.user = item.user AND folder.id = item.folder
    WHERE content.blob = ?1
    UNION ALL SELECT user.name, tenant.name, NULL, NULL, outgoing.id, NULL
    FROM outgoing JOIN user ON user.id = outgoing.user JOIN tenant ON tenant.id = user.tenant
    WHERE outgoing.blob = ?1
    UNION ALL SELECT user.name, tenant.name, NULL, NULL, NULL, quarantine.id
    FROM quarantine JOIN user ON user.id = quarantine.user JOIN tenant ON tenant.id = user.tenant
    WHERE quarantine.blob = ?1";

fn named_by(copy: &Connection, id: i64, unreadable: bool) -> rusqlite::Result<Vec<LeftOutMail>> {
    let number = |row: &Row<'_>, at: usize| -> rusqlite::Result<Option<u64>> {
        Ok(row.get::<_, Option<i64>>(at)?.map(i64::unsigned_abs))
    };
    let mut naming = copy.prepare_cached(NAMED_BY)?;
    let naming = naming.query_map([id], |row| {
        let named_by = match (row.get(2)?, number(row, 3)?, number(row, 4)?, number(row, 5)?) {
            (Some(folder), Some(number), _, _) => NamedBy::Item { folder, number },
            (_, _, Some(number), _) => NamedBy::Outgoing(number),
            (_, _, _, number) => NamedBy::Quarantined(number.unwrap_or_default()),
        };
        Ok(LeftOutMail { user: row.get(0)?, tenant: row.get(1)?, named_by, unreadable })
    });
    naming?.collect()
}
