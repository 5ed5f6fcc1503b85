//! What phones may know of the time that a restore forgets, though no key of theirs shows it.
//!
//! A phone that moves an item or empties a folder shows it at once and learns of it in its next Sync, so that until then
//! its key is the one of the backup. That key would be taken for current, and the phone would lack what it moved away
//! until it starts over by itself. The data that is replaced tells in which folders something went, or came from another
//! folder, outside of any Sync. By whom it does not tell: so whoever synchronises such a folder starts over there.

use std::collections::{HashMap, HashSet};

use easel_protocol::CollectionId;
use easel_store::{CollectionState, LogKind};
use rusqlite::{Connection, OptionalExtension as _};

use crate::connection::{self, Files, Role};
use crate::sql::{decode, int};

/// Folders that whoever synchronises them starts over with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Anew {
    /// Every folder of everybody.
    Everything,
    /// Those of each user; `None` are all.
    Folders(HashMap<i64, Option<HashSet<i64>>>),
}

impl Anew {
    /// Those in which something went or came since a backup whose easel.db is `copy`, as the data there tells; `None`
    /// when that is the data of another store.
    pub(crate) fn since(copy: &Connection, replaced: &Files) -> rusqlite::Result<Option<Self>> {
        let old = connection::open_unseen(replaced, Role::Reader)?;
        let store = |of: &Connection| of.query_row("SELECT id FROM store", [], |row| row.get::<_, Vec<u8>>(0));
        if store(copy)? != store(&old)? {
            return Ok(None);
        }
        let mut folders = HashMap::new();
        let mut mailboxes = copy.prepare("SELECT user, modseq FROM mailbox")?;
        for mailbox in mailboxes.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))? {
            let (user, modseq) = mailbox?;
            match touched(&old, user, modseq)? {
                Some(touched) if touched.is_empty() => {}
                touched => drop(folders.insert(user, touched)),
            }
        }
        Ok(Some(Self::Folders(folders)))
    }

    fn contains(&self, user: i64, folder: CollectionId) -> bool {
        match self {
            Self::Everything => true,
            Self::Folders(folders) => match folders.get(&user) {
                Some(touched) => touched.as_ref().is_none_or(|touched| touched.contains(&int(folder.number()))),
                None => false,
            },
        }
    }

    /// Forgets what devices hold of these folders; of how many collections.
    pub(crate) fn forget(&self, easel: &Connection) -> rusqlite::Result<u64> {
        let mut forgotten = Vec::new();
        let mut states = easel.prepare("SELECT user, device, collection, state FROM collection")?;
        let mut rows = states.query([])?;
        while let Some(row) = rows.next()? {
            let (user, device, collection): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let state: CollectionState = decode(row, 3)?;
            let mut folders = state.before.keys().chain(state.after.keys());
            let own = CollectionId::new(collection.unsigned_abs());
            if self.contains(user, own) || folders.any(|folder| self.contains(user, *folder)) {
                forgotten.push([user, device, collection]);
            }
        }
        let sql = "DELETE FROM collection WHERE user = ?1 AND device = ?2 AND collection = ?3";
        for place in &forgotten {
            easel.prepare_cached(sql)?.execute(*place)?;
        }
        Ok(forgotten.len() as u64)
    }
}

/// The folders of a mailbox in which, after a modseq, something went or came from another folder outside of a Sync;
/// `None` when the log does not reach back so far.
fn touched(old: &Connection, user: i64, modseq: i64) -> rusqlite::Result<Option<HashSet<i64>>> {
    let floor = old.query_row("SELECT log_floor FROM mailbox WHERE user = ?1", [user], |row| row.get::<_, i64>(0));
    match floor.optional()? {
        Some(floor) if floor > modseq => return Ok(None),
        // Who is gone now is asked for by nobody.
        None => return Ok(Some(HashSet::new())),
        Some(_) => {}
    }
    let sql = "SELECT modseq, folder, kind FROM log WHERE user = ?1 AND modseq > ?2 AND author IS NULL ORDER BY modseq";
    let mut rows = old.prepare_cached(sql)?;
    let mut rows = rows.query([user, modseq])?;
    let mut touched = HashSet::new();
    let mut left = None;
    while let Some(row) = rows.next()? {
        let (modseq, folder, kind): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        // A move is two rows, one right behind the other; what else comes in is no phone's doing.
        let has_left = kind == LogKind::Left as i64;
        if has_left || (kind == LogKind::Entered as i64 && left == Some(modseq - 1)) {
            touched.insert(folder);
        }
        left = has_left.then_some(modseq);
    }
    Ok(Some(touched))
}
