//! What is held in memory of each mailbox: its counter, and the item numbers set aside. The database stays the truth.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, RwLock};

use easel_store::{Missing, Modseq, StoreError, UserId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::sql::{int, number};
use crate::warm::Touched;
use crate::writer::Writer;

/// Item numbers set aside in the database at once beyond those asked for, so that few mails cost a commit for their
/// number. At most so many are lost at a restart.
const SPARE: u64 = 256;

/// Most item numbers asked for at once.
const COUNT_MAX: u64 = 1 << 32;

/// Counters of all mailboxes.
#[derive(Default)]
pub(crate) struct Numbers {
    modseqs: RwLock<HashMap<UserId, Modseq>>,
    /// Numbers that the database counts as given out and nobody was given yet.
    items: Mutex<HashMap<UserId, Range<u64>>>,
}

impl Numbers {
    /// Reads the counters of all mailboxes.
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare("SELECT user, modseq FROM mailbox")?;
        let rows = statement.query_map([], |row| Ok((UserId(number(row, 0)?), Modseq(number(row, 1)?))))?;
        Ok(Self { modseqs: RwLock::new(rows.collect::<rusqlite::Result<_>>()?), items: Mutex::default() })
    }

    pub(crate) fn modseq(&self, user: UserId) -> Modseq {
        let modseqs = self.modseqs.read().expect("no holder of this lock panics");
        modseqs.get(&user).copied().unwrap_or_default()
    }

    /// A commit of the mailbox is on the disk. Never goes back.
    pub(crate) fn committed(&self, user: UserId, modseq: Modseq) {
        let mut modseqs = self.modseqs.write().expect("no holder of this lock panics");
        let known = modseqs.entry(user).or_default();
        *known = modseq.max(*known);
    }

    /// The mailbox is gone.
    pub(crate) fn removed(&self, user: UserId) {
        self.modseqs.write().expect("no holder of this lock panics").remove(&user);
        self.items.lock().expect("no holder of this lock panics").remove(&user);
    }

    /// An item came with a number that was not set aside: it is not given out any more.
    pub(crate) fn used(&self, user: UserId, highest: u64) {
        let mut items = self.items.lock().expect("no holder of this lock panics");
        if let Some(spare) = items.get_mut(&user).filter(|spare| spare.start <= highest) {
            spare.start = spare.end.min(highest.saturating_add(1));
        }
    }

    /// Sets `count` numbers aside; the first.
    pub(crate) fn reserve(&self, writer: &Writer, user: UserId, count: u64) -> Result<u64, StoreError> {
        const DOING: &str = "reserving item numbers";
        if count > COUNT_MAX {
            return Err(StoreError::backend(DOING, format!("{count} item numbers at once")));
        }
        if let Some(first) = self.take(user, count) {
            return Ok(first);
        }
        let whole = count + SPARE;
        let start = writer.run(DOING, move |connection, context| {
            context.touched = Touched::Nothing;
            let sql = "UPDATE mailbox SET next_item = next_item + ?2 WHERE user = ?1 RETURNING next_item";
            let mut statement = connection.prepare_cached(sql)?;
            let next = statement.query_row(params![int(user.0), int(whole)], |row| number(row, 0)).optional()?;
            Ok(next.ok_or(Missing::User)? - whole)
        })?;
        let mut items = self.items.lock().expect("no holder of this lock panics");
        let spare = items.entry(user).or_insert(start..start);
        if spare.end == start {
            spare.end += whole;
        } else {
            // What was left is lost: numbers go up.
            *spare = start..start + whole;
        }
        let first = spare.start;
        spare.start += count;
        Ok(first)
    }

    fn take(&self, user: UserId, count: u64) -> Option<u64> {
        let mut items = self.items.lock().expect("no holder of this lock panics");
        let spare = items.get_mut(&user).filter(|spare| spare.end - spare.start >= count)?;
        let first = spare.start;
        spare.start += count;
        Some(first)
    }
}

/// Shared with the jobs of the writer.
pub(crate) type Shared = Arc<Numbers>;
