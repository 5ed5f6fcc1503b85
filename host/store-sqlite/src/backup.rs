//! A copy of both files as one stream of bytes, made while the store goes on.
//!
//! First easel.db is copied as it is at one moment ([`easel_copy`]).
//! Then every mail it names follows, each read by itself. A mail is committed before anything names it and never changes,
//! and nothing is swept until the backup ends: so no item names mail that is not in the copy, and no look at mail.db
//! lasts longer than a piece. Mail that is lost already, which no healthy store has, is named and left out; so is mail
//! that the disk does not give, once it is come to.
//!
//! ```text
//! "Easel backup 2\n"
//! a line of JSON: Manifest
//! easel.db                                          Manifest::easel_bytes
//! for each mail: BlobId, size (u64, big endian), its bytes
//! BlobId 0
//! how many of the mails could not be read, and the BlobId of each: what stands above in their place is nothing
//! SHA-256 of everything before                      32 bytes
//! ```
//!
//! Format 1 has no list of mails that could not be read.

use std::fmt;
use std::io::Read as _;
use std::ops::Range;
use std::sync::Arc;

use easel_store::{Backup, BlobId, LEFT_OUT_MAX, LeftOut, StoreError};
use rusqlite::{Connection, ErrorCode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::blobs::{self, Sweep};
use crate::connection::{self, Files, Role};
use crate::error::{Failure, SqliteError};
use crate::schema;
use easel_copy::EaselCopy;

mod easel_copy;

const DOING: &str = "backing up";

/// What a backup begins with, up to the number of its format.
pub(crate) const BEGINNING: &str = "Easel backup ";

/// The format that is written; it and those before are read.
pub(crate) const FORMAT: u32 = 2;

/// The first format that lists mails that could not be read.
pub(crate) const LISTS_UNREADABLE: u32 = 2;

/// Bytes of a piece.
const PIECE: usize = 1 << 20;

/// Bytes in front of a mail.
const MAIL_HEAD: usize = 16;

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

/// A mail that is being told.
struct Telling {
    id: BlobId,
    told: u64,
    size: u64,
}

/// A backup under way.
struct Copy {
    /// Nothing is swept as long as it is there.
    _held: Arc<()>,
    files: Files,
    /// Reads mails; without a map, in which a disk's error would end the process.
    reader: Connection,
    /// The first lines, until they are told.
    head: Vec<u8>,
    easel: EaselCopy,
    easel_left: usize,
    /// Mails to come, the last one first.
    mails: Vec<i64>,
    mail: Option<Telling>,
    /// Mails that could not be read.
    unreadable: Vec<BlobId>,
    left_out: LeftOut,
    /// What follows the last mail, once that was told, and how much of it was.
    tail: Option<(Vec<u8>, usize)>,
    hash: Sha256,
    ended: bool,
}

impl fmt::Debug for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copy").field("files", &self.files).finish_non_exhaustive()
    }
}

/// Removes what a backup left whose process died.
pub(crate) fn tidy(files: &Files) -> Result<(), StoreError> {
    easel_copy::tidy(files)
}

/// Begins a backup.
pub(crate) fn begin(files: &Files, sweep: &Sweep, now: i64) -> Result<impl Backup + use<>, StoreError> {
    let held = sweep.hold().ok_or_else(|| StoreError::backend(DOING, SqliteError::BackupRuns))?;
    let unread = |cause| StoreError::backend(DOING, SqliteError::database(&files.mail, cause));
    let reader = connection::open(files, Role::Reader).map_err(unread)?;
    let easel = EaselCopy::make(files)?;
    let mut mails = easel.named()?;
    let lost = blobs::lost(&reader, &mails);
    mails.retain(|id| lost.binary_search(id).is_err());
    let mut left_out = LeftOut { lost: lost.len() as u64, ..LeftOut::default() };
    for id in lost.iter().take(LEFT_OUT_MAX) {
        left_out.mails.append(&mut easel.naming(*id, false)?);
    }
    left_out.mails.truncate(LEFT_OUT_MAX);
    let manifest = Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made: now,
        easel_schema: schema::newest(),
        easel_bytes: easel.bytes,
        mails: mails.len() as u64,
        lost: left_out.lost,
    };
    let manifest = serde_json::to_string(&manifest).map_err(|cause| StoreError::backend(DOING, cause))?;
    mails.reverse();
    Ok(Copy {
        _held: held,
        files: files.clone(),
        reader,
        head: format!("{BEGINNING}{FORMAT}\n{manifest}\n").into_bytes(),
        easel_left: usize::try_from(easel.bytes).map_err(|cause| StoreError::backend(DOING, cause))?,
        easel,
        mails,
        mail: None,
        unreadable: Vec::new(),
        left_out,
        tail: None,
        hash: Sha256::new(),
        ended: false,
    })
}

impl Copy {
    /// Puts the next bytes of a mail into a piece.
    fn tell_mail(&mut self, piece: &mut Vec<u8>) -> Result<(), StoreError> {
        let Some(Telling { id, told, size }) = self.mail.take() else { return self.begin_mail(piece) };
        let end = size.min(told + (PIECE - piece.len()) as u64);
        let bytes = self.read(id, told..end)?;
        piece.append(&mut bytes.unwrap_or_else(|| vec![0; usize::try_from(end - told).unwrap_or(PIECE)]));
        self.mail = (end < size).then_some(Telling { id, told: end, size });
        Ok(())
    }

    /// The same, of the next mail. One whose beginning cannot be read is told without bytes.
    fn begin_mail(&mut self, piece: &mut Vec<u8>) -> Result<(), StoreError> {
        let Some(id) = self.mails.pop().map(|id| BlobId(id.unsigned_abs())) else { return Ok(()) };
        let size = blobs::size(&self.reader, id);
        let size = self.unless_unreadable(id, size)?.unwrap_or(0);
        let end = size.min((PIECE - piece.len() - MAIL_HEAD) as u64);
        let bytes = if end > 0 { self.read(id, 0..end)? } else { Some(Vec::new()) };
        let size = if bytes.is_some() { size } else { 0 };
        piece.extend_from_slice(&id.0.to_be_bytes());
        piece.extend_from_slice(&size.to_be_bytes());
        piece.append(&mut bytes.unwrap_or_default());
        self.mail = (end < size).then_some(Telling { id, told: end, size });
        Ok(())
    }

    fn read(&mut self, id: BlobId, range: Range<u64>) -> Result<Option<Vec<u8>>, StoreError> {
        let bytes = blobs::read(&self.reader, id, range);
        self.unless_unreadable(id, bytes)
    }

    /// Keeps in mind that a mail cannot be read, where that is why it failed.
    fn unless_unreadable<T>(&mut self, id: BlobId, read: Result<T, Failure>) -> Result<Option<T>, StoreError> {
        let failure = match read {
            Ok(read) => return Ok(Some(read)),
            Err(failure) if is_of_the_mail(&failure) => failure.while_doing(DOING, &self.files.mail),
            Err(failure) => return Err(failure.while_doing(DOING, &self.files.mail)),
        };
        if self.unreadable.last() != Some(&id) {
            self.unreadable.push(id);
            self.left_out.unreadable += 1;
            if self.left_out.mails.len() < LEFT_OUT_MAX {
                let cause = std::error::Error::source(&failure).map(ToString::to_string);
                tracing::error!(mail = id.0, cause, "a mail cannot be read and is not in the backup");
                self.left_out.mails.append(&mut self.easel.naming(id.0.cast_signed(), true)?);
                self.left_out.mails.truncate(LEFT_OUT_MAX);
            }
        }
        Ok(None)
    }

    /// What follows the last mail, but for the hash.
    fn list_of_unreadable(&self) -> Vec<u8> {
        let numbers = [0, self.unreadable.len() as u64].into_iter().chain(self.unreadable.iter().map(|id| id.0));
        numbers.flat_map(u64::to_be_bytes).collect()
    }

    fn told_all_mails(&self) -> bool {
        self.easel_left == 0 && self.mail.is_none() && self.mails.is_empty()
    }
}

/// Whether others may be read all the same: the disk does not give what is asked for, or what it gives makes no sense.
fn is_of_the_mail(failure: &Failure) -> bool {
    let Failure::Sql(cause) = failure else { return matches!(failure, Failure::Store(StoreError::NotFound(_))) };
    matches!(
        cause.sqlite_error_code(),
        Some(
            ErrorCode::CannotOpen
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::PermissionDenied
                | ErrorCode::SystemIoFailure
        )
    )
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
            let read = self.easel.file.read_exact(&mut piece[start..]);
            read.map_err(|cause| self.easel.unreadable(cause))?;
            self.easel_left -= piece.len() - start;
        } else {
            while !self.told_all_mails() && piece.len() + MAIL_HEAD < PIECE {
                self.tell_mail(&mut piece)?;
            }
        }
        if self.told_all_mails() {
            let (tail, told) = self.tail.take().unwrap_or_else(|| (self.list_of_unreadable(), 0));
            let end = tail.len().min(told + PIECE - piece.len());
            piece.extend_from_slice(&tail[told..end]);
            self.ended = end == tail.len() && piece.len() + 32 <= PIECE;
            self.tail = Some((tail, end));
        }
        self.hash.update(&piece);
        if self.ended {
            piece.extend_from_slice(&self.hash.finalize_reset());
        }
        Ok(piece)
    }

    fn left_out(&self) -> &LeftOut {
        &self.left_out
    }
}
