//! What can go wrong in SQLite, told to whoever runs the server.

use std::io;
use std::path::{Path, PathBuf};

use easel_store::{Missing, StoreError};
use rusqlite::ErrorCode;

/// The cause inside [`StoreError::Backend`]: names the file and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// Another backup is being made.
    #[error("another backup is being made: wait until it has ended")]
    BackupRuns,
    /// The copy that a backup is made of cannot be written.
    #[error("{}: cannot be written: free space on its file system", path.display())]
    Copy {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// All readers are taken and none came back in time.
    #[error("no database reader became free within {secs} seconds: too many requests at once")]
    Busy {
        /// How long was waited.
        secs: u64,
    },
    /// A database file failed.
    #[error("{}: {cure}", path.display())]
    Database {
        /// Which file.
        path: PathBuf,
        /// What to do about it.
        cure: &'static str,
        /// What SQLite says.
        #[source]
        cause: rusqlite::Error,
    },
    /// The data directory cannot be used.
    #[error("{}: cannot be used as data directory: make it a directory that this user may write to", path.display())]
    Directory {
        /// Which directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// A file is no database of this program.
    #[error("{}: is not a database of Easel: move it away, or choose another data directory", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// Somebody else uses the data directory.
    #[error("{}: the data directory is in use by {holder}: stop it, or choose another directory", path.display())]
    InUse {
        /// The lock file.
        path: PathBuf,
        /// Who holds the lock.
        holder: String,
    },
    /// The two files belong to different stores.
    #[error("{} does not belong to {}: restore both from the same backup", mail.display(), easel.display())]
    Mixed {
        /// The small file.
        easel: PathBuf,
        /// The file with the mails.
        mail: PathBuf,
    },
    /// A restore did not get to its end.
    #[error(
        "{}: a restore was cut off before its data was in place: run `easel restore` with --replace again (the data that \
         was there before is in a directory beside it)",
        built.display()
    )]
    RestoreCutOff {
        /// What it left.
        built: PathBuf,
    },
    /// One of the two files is gone.
    #[error("{} is missing beside {}: restore both from the same backup", missing.display(), present.display())]
    Half {
        /// The file that is not there.
        missing: PathBuf,
        /// The file that is.
        present: PathBuf,
    },
    /// A mail is larger than a database can hold.
    #[error("a mail of {0} bytes is too large to be stored")]
    TooLarge(usize),
    /// The thread that writes is gone: it is being shut down.
    #[error("the store is shutting down")]
    WriterGone,
    /// A job of the writer broke.
    #[error("the change set broke an assumption of the store; nothing of it was written")]
    WriterPanicked,
}

impl SqliteError {
    pub(crate) fn database(path: &Path, cause: rusqlite::Error) -> Self {
        Self::Database { path: path.to_owned(), cure: cure(&cause), cause }
    }
}

/// What the administrator can do about a failure.
fn cure(cause: &rusqlite::Error) -> &'static str {
    match cause.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full: free space on its file system",
        Some(ErrorCode::DatabaseCorrupt) => "the file is damaged: stop the server and restore a backup",
        Some(ErrorCode::NotADatabase) => "is no database: move it away, or restore a backup",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "cannot be written: make file and directory writable for the user the server runs as"
        }
        Some(ErrorCode::CannotOpen) => {
            "cannot be opened: check that file and directory belong to the user the server runs as"
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "is locked by another program: end it, and try again"
        }
        Some(ErrorCode::SystemIoFailure) => "the disk reports an error: check it and the system's log",
        _ => "the database reports an error",
    }
}

/// Whether the disk is why changes cannot be written, and if so, whether it is full.
pub(crate) fn disk(cause: &rusqlite::Error) -> Option<bool> {
    match cause.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Some(true),
        Some(ErrorCode::ReadOnly | ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => Some(false),
        _ => None,
    }
}

/// Whether what was read is damaged, or the disk does not give it. A lack of memory counts among its errors, and is none.
pub(crate) fn is_unreadable(cause: &rusqlite::Error) -> bool {
    match cause.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt) => true,
        Some(ErrorCode::SystemIoFailure) => {
            let extended = cause.sqlite_error().map(|error| error.extended_code);
            extended != Some(rusqlite::ffi::SQLITE_IOERR_NOMEM)
        }
        _ => false,
    }
}

/// A failure in one sentence: the file, what to do about it, and what SQLite says.
pub(crate) fn said(path: &Path, cause: rusqlite::Error) -> String {
    let words = cause.to_string();
    format!("{} ({words})", SqliteError::database(path, cause))
}

/// What goes wrong inside a job or a read, before anybody says what was being done.
#[derive(Debug)]
pub(crate) enum Failure {
    Sql(rusqlite::Error),
    Store(StoreError),
}

impl Failure {
    /// The same, for a mail that was read from that file.
    pub(crate) fn while_reading_mail(self, path: &Path) -> StoreError {
        match self {
            Self::Sql(cause) if is_unreadable(&cause) => {
                StoreError::Unreadable { cause: SqliteError::database(path, cause).into() }
            }
            failure @ (Self::Sql(_) | Self::Store(_)) => failure.while_doing("reading a mail", path),
        }
    }

    /// Says what was being done, and to which file.
    pub(crate) fn while_doing(self, doing: &'static str, path: &Path) -> StoreError {
        match self {
            Self::Sql(cause) => StoreError::backend(doing, SqliteError::database(path, cause)),
            Self::Store(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Missing> for Failure {
    fn from(missing: Missing) -> Self {
        Self::Store(StoreError::NotFound(missing))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_sector_is_no_lack_of_memory_nor_of_files() {
        let failed = |code| rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
        for code in [rusqlite::ffi::SQLITE_IOERR_READ, rusqlite::ffi::SQLITE_IOERR_SHORT_READ, 11] {
            assert!(is_unreadable(&failed(code)), "{code}");
        }
        for code in [rusqlite::ffi::SQLITE_IOERR_NOMEM, 5, 14] {
            assert!(!is_unreadable(&failed(code)), "{code}: busy, or no file to be had");
        }
    }
}
