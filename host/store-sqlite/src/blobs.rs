//! The bytes of mails, in a file of their own.
//!
//! A mail is committed before anything names it. What nothing names, because the process died in between or because
//! whatever named it is gone, is swept when the store is opened, never in service: so an id that was found once stays.

use std::ops::Range;

use crossbeam_channel::{Receiver, bounded};
use easel_store::{BlobId, Missing, StoreError};
use rusqlite::{Connection, MAIN_DB, params};

use crate::connection::Files;
use crate::error::{Failure, SqliteError};
use crate::schema::Opened;
use crate::sql::int;
use crate::writer::Writer;

/// Bytes handed to the writer at once, and written at once.
const PIECE: usize = 1 << 20;

/// SQLite's own limit: `SQLITE_MAX_LENGTH`, one thousand million bytes, less room for the row around it.
const BLOB_MAX: usize = 1_000_000_000 - 1024;

/// Blobs removed in one transaction of the sweep.
const SWEEP: usize = 1000;

/// Stores the bytes of a mail.
pub(crate) fn put(writer: &Writer, bytes: &[u8]) -> Result<BlobId, StoreError> {
    const DOING: &str = "storing a mail";
    if bytes.len() > BLOB_MAX {
        return Err(StoreError::backend(DOING, SqliteError::TooLarge(bytes.len())));
    }
    let (hand, pieces) = bounded::<Vec<u8>>(1);
    let size = bytes.len();
    let answer = writer.submit(DOING, move |connection, _| Ok(write(connection, size, &pieces)?))?;
    for piece in bytes.chunks(PIECE) {
        if hand.send(piece.to_vec()).is_err() {
            // The writer gave up; the answer says why.
            break;
        }
    }
    drop(hand);
    answer.wait()
}

fn write(connection: &Connection, size: usize, pieces: &Receiver<Vec<u8>>) -> rusqlite::Result<BlobId> {
    let bytes = i64::try_from(size).expect("checked against the limit");
    connection.prepare_cached("INSERT INTO blob (data) VALUES (zeroblob(?1))")?.execute(params![bytes])?;
    let id = connection.last_insert_rowid();
    let mut blob = connection.blob_open(MAIN_DB, c"blob", c"data", id, false)?;
    let mut at = 0;
    for piece in pieces {
        blob.write_all_at(&piece, at)?;
        at += piece.len();
    }
    blob.close()?;
    if at < size {
        // Whoever handed the mail in is gone.
        return Err(rusqlite::Error::BlobSizeError);
    }
    Ok(BlobId(id.unsigned_abs()))
}

/// Some bytes of a mail, through a reader.
pub(crate) fn read(reader: &Connection, id: BlobId, range: Range<u64>) -> Result<Vec<u8>, Failure> {
    let opened = reader.blob_open(c"mail", c"blob", c"data", int(id.0), true);
    let blob = match opened {
        Ok(blob) => blob,
        Err(error) => return Err(if exists(reader, id)? { error.into() } else { Missing::Blob.into() }),
    };
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(blob.len());
    let (start, end) = (at(range.start), at(range.end));
    let mut bytes = vec![0; end.saturating_sub(start)];
    if !bytes.is_empty() {
        blob.read_at_exact(&mut bytes, start)?;
    }
    Ok(bytes)
}

fn exists(reader: &Connection, id: BlobId) -> rusqlite::Result<bool> {
    reader.prepare_cached("SELECT 1 FROM mail.blob WHERE id = ?1")?.exists(params![int(id.0)])
}

/// Whether all of them are stored.
pub(crate) fn check(reader: &Connection, ids: &[BlobId]) -> Result<(), Failure> {
    for id in ids {
        if !exists(reader, *id)? {
            return Err(Missing::Blob.into());
        }
    }
    Ok(())
}

/// Removes what no item and no queued message names.
pub(crate) fn sweep(files: &Files, opened: &Opened) -> Result<(), StoreError> {
    const DOING: &str = "sweeping mail that nothing names";
    let failed = |cause| StoreError::backend(DOING, SqliteError::database(&files.mail, cause));
    let orphans = orphans(opened).map_err(failed)?;
    for some in orphans.chunks(SWEEP) {
        remove(&opened.mail, some).map_err(failed)?;
    }
    if !orphans.is_empty() {
        tracing::info!(mails = orphans.len(), "swept mail that nothing names");
    }
    Ok(())
}

/// Both lists are read in order and compared as they come.
fn orphans(opened: &Opened) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT blob FROM content WHERE blob IS NOT NULL UNION SELECT blob FROM outgoing ORDER BY 1";
    let mut named = opened.easel.prepare(sql)?;
    let mut named = named.query_map([], |row| row.get::<_, i64>(0))?;
    let mut stored = opened.mail.prepare("SELECT id FROM blob ORDER BY id")?;
    let stored = stored.query_map([], |row| row.get::<_, i64>(0))?;
    let mut orphans = Vec::new();
    let mut next = named.next().transpose()?;
    for id in stored {
        let id = id?;
        while next.is_some_and(|named| named < id) {
            next = named.next().transpose()?;
        }
        if next != Some(id) {
            orphans.push(id);
        }
    }
    Ok(orphans)
}

fn remove(mail: &Connection, ids: &[i64]) -> rusqlite::Result<()> {
    let transaction = mail.unchecked_transaction()?;
    let mut statement = transaction.prepare("DELETE FROM blob WHERE id = ?1")?;
    for id in ids {
        statement.execute(params![id])?;
    }
    drop(statement);
    transaction.commit()
}
