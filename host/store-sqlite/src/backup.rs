//! A copy of both files as one stream of bytes, made while the store goes on.
//!
//! First easel.db is copied as it is at one moment (`VACUUM INTO`: a reader like any other, which no writer waits
//! for).
//! Then every mail it names follows, each read by itself. A mail is committed before anything names it and never changes,
//! and nothing is swept until the backup ends: so no item names mail that is not in the copy, and no look at mail.db
//! lasts longer than a piece. Mail that is lost already, which no healthy store has, is named and left out.
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

use easel_store::{Backup, BlobId, LOST_MAX, LostMail, NamedBy, StoreError};
use rusqlite::{Connection, OpenFlags, Row};
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
    /// Mails that something names and that were lost already.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) lost: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
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
    /// The first of the mails that are lost, and how many are.
    lost: (Vec<LostMail>, u64),
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
    let copied = copy_easel(files, &readers);
    let opened = File::open(&path);
    // It is kept by its handle alone, so that nothing stays behind.
    tidy(files)?;
    let CopiedEasel { mut mails, lost } = copied?;
    let easel = opened.map_err(unusable(files))?;
    let easel_bytes = easel.metadata().map_err(unusable(files))?.len();
    let manifest = Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made: now,
        easel_schema: schema::newest(),
        easel_bytes,
        mails: mails.len() as u64,
        lost: lost.1,
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
        lost,
    })
}

/// What the copy of easel.db names.
struct CopiedEasel {
    /// The mails, in order, without those that are lost.
    mails: Vec<i64>,
    lost: (Vec<LostMail>, u64),
}

/// Copies easel.db.
fn copy_easel(files: &Files, readers: &Arc<Pool>) -> Result<CopiedEasel, StoreError> {
    let path = copy_path(files);
    let failed = |cause| StoreError::backend(DOING, SqliteError::database(&path, cause));
    let text = path.to_str().ok_or_else(|| failed(rusqlite::Error::InvalidPath(path.clone())))?;
    let source = connection::open_unseen(files, Role::Reader).map_err(failed)?;
    source.execute("VACUUM INTO ?1", [text]).map_err(failed)?;
    drop(source);
    let copy = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    let mut named = copy.prepare(blobs::NAMED).map_err(failed)?;
    let named = named.query_map([], |row| row.get(0)).and_then(Iterator::collect);
    let mut mails: Vec<i64> = named.map_err(failed)?;
    let unread = |cause| StoreError::backend(DOING, SqliteError::database(&files.mail, cause));
    let mut lost = Vec::new();
    for some in mails.chunks(LOOKED_UP) {
        lost.append(&mut blobs::lost(&*readers.take()?, some).map_err(unread)?);
    }
    mails.retain(|id| lost.binary_search(id).is_err());
    let mut named = Vec::new();
    for id in lost.iter().take(LOST_MAX) {
        named.append(&mut named_by(&copy, *id).map_err(failed)?);
    }
    named.truncate(LOST_MAX);
    Ok(CopiedEasel { mails, lost: (named, lost.len() as u64) })
}

/// Mails looked up while one reader is taken.
const LOOKED_UP: usize = 10_000;

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

/// What names a mail.
fn named_by(copy: &Connection, id: i64) -> rusqlite::Result<Vec<LostMail>> {
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
        Ok(LostMail { user: row.get(0)?, tenant: row.get(1)?, named_by })
    });
    naming?.collect()
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

    fn lost(&self) -> &[LostMail] {
        &self.lost.0
    }

    fn lost_count(&self) -> u64 {
        self.lost.1
    }
}
