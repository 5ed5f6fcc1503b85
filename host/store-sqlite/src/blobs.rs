//! The bytes of mails, in a file of their own.
//!
//! A mail is committed before anything names it. What nothing names, because the process died in between or because
//! whatever named it is gone, is swept when the store is opened and, in service, by [`Sweep`]: only what two sweeps in
//! turn have found unnamed, so that a mail just stored has its time until it is named and an id that was found once
//! stays for as long as a look lasts. Pages that become free are given back to the file system a few at a time.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use crossbeam_channel::{Receiver, bounded};
use easel_store::{BlobId, Missing, StoreError};
use rusqlite::{Connection, MAIN_DB, params};

use crate::connection::Files;
use crate::error::{Failure, SqliteError};
use crate::schema::Opened;
use crate::sql::int;
use crate::warm::Touched;
use crate::writer::Writer;

/// Bytes handed to the writer at once, and written at once.
const PIECE: usize = 1 << 20;

/// SQLite's own limit: `SQLITE_MAX_LENGTH`, one thousand million bytes, less room for the row around it.
const BLOB_MAX: usize = 1_000_000_000 - 1024;

/// Blobs removed in one transaction when the store is opened.
const SWEEP: usize = 1000;

/// Blobs removed in one turn of the writer.
const SWEEP_TURN: usize = 32;

/// Free pages, of 16 KiB each, given back in one turn of the writer.
const VACUUM_TURN: u32 = 64;

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

/// How many bytes a mail has.
pub(crate) fn size(reader: &Connection, id: BlobId) -> Result<u64, Failure> {
    match reader.blob_open(c"mail", c"blob", c"data", int(id.0), true) {
        Ok(blob) => Ok(blob.len() as u64),
        Err(error) => Err(if exists(reader, id)? { error.into() } else { Missing::Blob.into() }),
    }
}

/// How many mails are named and not stored.
pub(crate) fn count_lost(opened: &Opened) -> rusqlite::Result<u64> {
    let mut named = opened.easel.prepare(NAMED)?;
    let mut stored = opened.mail.prepare("SELECT 1 FROM blob WHERE id = ?1")?;
    let mut lost = 0;
    for id in named.query_map([], |row| row.get::<_, i64>(0))? {
        lost += u64::from(!stored.exists([id?])?);
    }
    Ok(lost)
}

/// Those of `named` that are not stored, each looked up by itself; one that cannot be looked up may be.
pub(crate) fn lost(reader: &Connection, named: &[i64]) -> Vec<i64> {
    let is_lost = |id: &i64| matches!(exists(reader, BlobId(id.unsigned_abs())), Ok(false));
    named.iter().copied().filter(is_lost).collect()
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

/// Removes what no item, no queued message and nothing in quarantine names, when the store is opened.
pub(crate) fn sweep(files: &Files, opened: &Opened) -> Result<(), StoreError> {
    const DOING: &str = "sweeping mail that nothing names";
    let failed = |cause| StoreError::backend(DOING, SqliteError::database(&files.mail, cause));
    let orphans = orphans((&opened.easel, NAMED), (&opened.mail, STORED)).map_err(failed)?;
    for some in orphans.chunks(SWEEP) {
        let transaction = opened.mail.unchecked_transaction().map_err(failed)?;
        remove(&transaction, some).and_then(|()| transaction.commit()).map_err(failed)?;
    }
    if !orphans.is_empty() {
        tracing::info!(mails = orphans.len(), "swept mail that nothing names");
    }
    Ok(())
}

pub(crate) const NAMED: &str = "SELECT blob FROM content WHERE blob IS NOT NULL UNION SELECT blob FROM outgoing
    UNION SELECT blob FROM quarantine ORDER BY 1";
const STORED: &str = "SELECT id FROM blob ORDER BY id";
/// Through a reader.
const STORED_ATTACHED: &str = "SELECT id FROM mail.blob ORDER BY id";

/// Both lists are read in order and compared as they come.
fn orphans(named: (&Connection, &str), stored: (&Connection, &str)) -> rusqlite::Result<Vec<i64>> {
    // What is stored is listed first: what comes later is not in the list.
    let mut stored = stored.0.prepare(stored.1)?;
    let mut stored = stored.query_map([], |row| row.get::<_, i64>(0))?.peekable();
    stored.peek();
    let mut named = named.0.prepare(named.1)?;
    let mut named = named.query_map([], |row| row.get::<_, i64>(0))?;
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

/// What sweeps in service remember.
#[derive(Default)]
pub(crate) struct Sweep {
    /// What the last sweep found unnamed. Held while mails are removed.
    suspects: Mutex<HashSet<i64>>,
    /// Held by a backup: it reads mails that were named when it began, and nothing is swept meanwhile.
    backup: Mutex<Weak<()>>,
    /// Mails that are being removed, or were since the sweep before: whoever names one now is refused.
    doomed: Arc<Mutex<HashSet<BlobId>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}

impl Sweep {
    /// The mails that a change set must not name any more; to be asked inside a job of the writer of easel.db.
    pub(crate) fn doomed(&self) -> Arc<Mutex<HashSet<BlobId>>> {
        Arc::clone(&self.doomed)
    }

    /// Keeps every mail there is until the answer is dropped; `None` when somebody has that already. Waits for a sweep
    /// that is under way.
    pub(crate) fn hold(&self) -> Option<Arc<()>> {
        let mut suspects = locked(&self.suspects);
        let mut backup = locked(&self.backup);
        if backup.upgrade().is_some() {
            return None;
        }
        // Found anew, twice, when sweeping goes on.
        suspects.clear();
        let held = Arc::new(());
        *backup = Arc::downgrade(&held);
        Some(held)
    }

    /// Removes what this sweep and the one before found unnamed; how many mails. `reader` gives a reader that has no
    /// transaction.
    ///
    /// The writer of easel.db learns first what is to go. From then on no change set can name it; so what is unnamed
    /// after that stays unnamed.
    pub(crate) fn run<R: std::ops::Deref<Target = Connection>>(
        &self,
        reader: impl Fn() -> Result<R, StoreError>,
        (easel, mail): (&Writer, &Writer),
    ) -> Result<u64, StoreError> {
        const DOING: &str = "sweeping mail that nothing names";
        let mut suspects = locked(&self.suspects);
        if locked(&self.backup).upgrade().is_some() {
            return Ok(0);
        }
        let unnamed = || -> Result<Vec<i64>, StoreError> {
            let reader = reader()?;
            orphans((&reader, NAMED), (&reader, STORED_ATTACHED)).map_err(|cause| StoreError::backend(DOING, cause))
        };
        let found = unnamed()?;
        let twice: Vec<BlobId> =
            found.iter().filter(|id| suspects.contains(id)).map(|id| BlobId(id.unsigned_abs())).collect();
        *suspects = found.into_iter().collect();
        let doomed = self.doomed();
        easel.run(DOING, move |_, context| {
            context.touched = Touched::Nothing;
            *locked(&doomed) = twice.into_iter().collect();
            Ok(())
        })?;
        let mut swept = 0;
        if !locked(&self.doomed).is_empty() {
            let still: HashSet<BlobId> = unnamed()?.into_iter().map(|id| BlobId(id.unsigned_abs())).collect();
            locked(&self.doomed).retain(|id| still.contains(id));
            let going: Vec<i64> = locked(&self.doomed).iter().map(|id| int(id.0)).collect();
            for some in going.chunks(SWEEP_TURN) {
                let some = some.to_vec();
                swept += some.len() as u64;
                mail.run(DOING, move |connection, _| Ok(remove(connection, &some)?))?;
            }
            suspects.retain(|id| !going.contains(id));
        }
        while mail.run("giving free space back", |connection, _| Ok(give_back(connection)?))? {}
        Ok(swept)
    }
}

/// Gives some free pages back to the file system; whether there are more. A file made before this was known keeps its
/// free pages for the mail to come, until somebody runs `PRAGMA auto_vacuum = 2; VACUUM` on it.
fn give_back(mail: &Connection) -> rusqlite::Result<bool> {
    const INCREMENTAL: u32 = 2;
    let pragma = |name: &str| mail.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, u32>(0));
    if pragma("auto_vacuum")? != INCREMENTAL || pragma("freelist_count")? == 0 {
        return Ok(false);
    }
    let mut vacuum = mail.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_TURN})"))?;
    // Each step frees a page.
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    drop(rows);
    Ok(pragma("freelist_count")? > 0)
}

fn remove(mail: &Connection, ids: &[i64]) -> rusqlite::Result<()> {
    let mut statement = mail.prepare_cached("DELETE FROM blob WHERE id = ?1")?;
    for id in ids {
        statement.execute(params![id])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_are_listed_without_their_bytes() {
        assert_eq!(crate::sql::plan(NAMED, 0).matches("COVERING INDEX content_blob").count(), 1);
        let dir = tempfile::tempdir().unwrap();
        let opened = crate::schema::open(&Files::inside(dir.path())).unwrap();
        let plan: String =
            opened.mail.query_row(&format!("EXPLAIN QUERY PLAN {STORED}"), [], |row| row.get(3)).unwrap();
        assert_eq!(plan, "SCAN blob USING COVERING INDEX blob_id");
    }
}
