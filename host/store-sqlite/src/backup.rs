//! A copy of both files as one stream of bytes, made while the store goes on.
//!
//! First easel.db is copied as it is at one moment (`VACUUM INTO`: a reader like any other, which no writer waits
//! for).
//! Then every mail it names follows, each read by itself. A mail is committed before anything names it and never changes,
//! and nothing is swept until the backup ends: so no item names mail that is not in the copy, and no look at mail.db
//! lasts longer than a piece.
//!
//! ```text
//! "Easel backup 1\n"
//! a line of JSON: Manifest
//! easel.db                                          Manifest::easel_bytes
//! for each mail: BlobId, size (u64, big endian), its bytes
//! BlobId 0
//! SHA-256 of everything before                      32 bytes
//! ```

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use easel_store::{Backup, BlobId, StoreError};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::blobs::{self, Sweep};
use crate::connection::{self, Files, Role};
use crate::error::SqliteError;
use crate::pool::Pool;
use crate::schema;

const DOING: &str = "backing up";

/// What a backup begins with, up to the number of its format.
pub(crate) const BEGINNING: &str = "Easel backup ";

/// The format that is written, and the only one that is read.
pub(crate) const FORMAT: u32 = 1;

/// Bytes of a piece.
const PIECE: usize = 1 << 20;

/// Bytes in front of a mail.
const MAIL_HEAD: usize = 16;

/// Bytes after the last mail.
const TAIL: usize = 8 + 32;

/// What is known of a backup before it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version of the program that made it.
    pub(crate) version: String,
    /// Milliseconds since 1970.
    pub(crate) made: i64,
    /// `user_version` of easel.db.
    pub(crate) easel_schema: u32,
    pub(crate) easel_bytes: u64,
    pub(crate) mails: u64,
}

/// A backup under way.
struct Copy {
    /// Nothing is swept as long as it is there.
    _held: Arc<()>,
    files: Files,
    readers: Arc<Pool>,
    /// The first lines, until they are told.
    head: Vec<u8>,
    /// The copy of easel.db, which has no name any more.
    easel: File,
    easel_left: usize,
    /// Mails to come, the last one first.
    mails: Vec<i64>,
    /// The mail that is being told: how far, and how large it is.
    mail: Option<(BlobId, u64, u64)>,
    hash: Sha256,
    ended: bool,
}

impl fmt::Debug for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copy").field("files", &self.files).finish_non_exhaustive()
    }
}

fn copy_path(files: &Files) -> PathBuf {
    files.easel.with_extension("db.copy")
}

/// Removes what a backup left whose process died.
pub(crate) fn tidy(files: &Files) -> Result<(), StoreError> {
    match fs::remove_file(copy_path(files)) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(unusable(files)(cause)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn unusable(files: &Files) -> impl Fn(io::Error) -> StoreError {
    let path = copy_path(files);
    move |cause| StoreError::backend(DOING, SqliteError::Copy { path: path.clone(), cause })
}

/// Begins a backup.
pub(crate) fn begin(
    files: &Files,
    sweep: &Sweep,
    readers: Arc<Pool>,
    now: i64,
) -> Result<impl Backup + use<>, StoreError> {
    let held = sweep.hold().ok_or_else(|| StoreError::backend(DOING, SqliteError::BackupRuns))?;
    tidy(files)?;
    let path = copy_path(files);
    // SQLite writes into a file that is there and empty: nobody else may read this one.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(unusable(files))?;
    let copied = copy_easel(files);
    let opened = File::open(&path);
    // It is kept by its handle alone, so that nothing stays behind.
    tidy(files)?;
    let mut mails = copied?;
    let easel = opened.map_err(unusable(files))?;
    let easel_bytes = easel.metadata().map_err(unusable(files))?.len();
    let manifest = Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made: now,
        easel_schema: schema::newest(),
        easel_bytes,
        mails: mails.len() as u64,
    };
    let manifest = serde_json::to_string(&manifest).map_err(|cause| StoreError::backend(DOING, cause))?;
    mails.reverse();
    Ok(Copy {
        _held: held,
        files: files.clone(),
        readers,
        head: format!("{BEGINNING}{FORMAT}\n{manifest}\n").into_bytes(),
        easel,
        easel_left: usize::try_from(easel_bytes).map_err(|cause| StoreError::backend(DOING, cause))?,
        mails,
        mail: None,
        hash: Sha256::new(),
        ended: false,
    })
}

/// Copies easel.db; the mails that the copy names, in order.
fn copy_easel(files: &Files) -> Result<Vec<i64>, StoreError> {
    let path = copy_path(files);
    let failed = |cause| StoreError::backend(DOING, SqliteError::database(&path, cause));
    let text = path.to_str().ok_or_else(|| failed(rusqlite::Error::InvalidPath(path.clone())))?;
    let source = connection::open_unseen(files, Role::Reader).map_err(failed)?;
    source.execute("VACUUM INTO ?1", [text]).map_err(failed)?;
    drop(source);
    let copy = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    let mut named = copy.prepare(blobs::NAMED).map_err(failed)?;
    let named = named.query_map([], |row| row.get(0)).and_then(Iterator::collect);
    named.map_err(failed)
}

impl Copy {
    /// Puts the next bytes of a mail into a piece.
    fn tell_mail(&mut self, reader: &Connection, piece: &mut Vec<u8>) -> Result<(), StoreError> {
        let (id, told, size) = match self.mail.take() {
            Some(mail) => mail,
            None => {
                let Some(id) = self.mails.pop().map(|id| BlobId(id.unsigned_abs())) else { return Ok(()) };
                let size = blobs::size(reader, id).map_err(|failure| failure.while_doing(DOING, &self.files.mail))?;
                piece.extend_from_slice(&id.0.to_be_bytes());
                piece.extend_from_slice(&size.to_be_bytes());
                (id, 0, size)
            }
        };
        let end = size.min(told + (PIECE - piece.len()) as u64);
        let bytes = blobs::read(reader, id, told..end);
        piece.append(&mut bytes.map_err(|failure| failure.while_doing(DOING, &self.files.mail))?);
        self.mail = (end < size).then_some((id, end, size));
        Ok(())
    }
}

impl Backup for Copy {
    fn piece(&mut self) -> Result<Vec<u8>, StoreError> {
        if self.ended {
            return Ok(Vec::new());
        }
        let mut piece = std::mem::take(&mut self.head);
        if self.easel_left > 0 {
            let start = piece.len();
            piece.resize(PIECE.min(start + self.easel_left), 0);
            self.easel.read_exact(&mut piece[start..]).map_err(unusable(&self.files))?;
            self.easel_left -= piece.len() - start;
        } else {
            let reader = self.readers.take()?;
            while (self.mail.is_some() || !self.mails.is_empty()) && piece.len() + MAIL_HEAD < PIECE {
                self.tell_mail(&reader, &mut piece)?;
            }
        }
        let last = self.easel_left == 0 && self.mail.is_none() && self.mails.is_empty();
        self.ended = last && piece.len() + TAIL <= PIECE;
        if self.ended {
            piece.extend_from_slice(&0_u64.to_be_bytes());
        }
        self.hash.update(&piece);
        if self.ended {
            piece.extend_from_slice(&self.hash.finalize_reset());
        }
        Ok(piece)
    }
}
