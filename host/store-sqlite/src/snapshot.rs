//! One consistent look at a mailbox: what is held in memory of it and, as soon as that does not answer, a read
//! transaction that lasts as long as the look.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::Arc;

use easel_protocol::{CollectionId, Facts, ServerId, WindowKey};
use easel_store::{
    BlobId, CollectionState, Content, DeviceKey, Folder, Item, LogRow, Mail, Missing, Modseq, Order, Position, Query,
    Snapshot, StoreError, UserId,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::connection::Files;
use crate::error::Failure;
use crate::pool::Reader;
use crate::removal::{self, Removed};
use crate::sql::{decode, int, limit as bound, number};
use crate::warm::{Anchor, Beginning, State, Warmth};
use crate::{blobs, conversations, folders, log, search};

const ASCENDING: &str = "SELECT window, id FROM item
    WHERE user = ?1 AND folder = ?2 AND (window, id) >= (?3, ?4) AND (window, id) < (?5, ?6)
    ORDER BY window, id LIMIT ?7";

const DESCENDING: &str = "SELECT window, id FROM item
    WHERE user = ?1 AND folder = ?2 AND (window, id) >= (?3, ?4) AND (window, id) < (?5, ?6)
    ORDER BY window DESC, id DESC LIMIT ?7";

const BY_UID: &str = "SELECT id FROM item WHERE user = ?1 AND uid = ?2 ORDER BY id";

/// A look at the mailbox of one user.
pub(crate) struct Look<'a> {
    anchor: Arc<Anchor>,
    warmth: &'a Warmth,
    state: Arc<State>,
    files: &'a Files,
    user: UserId,
    /// Removed folders that are not swept yet; read when first needed.
    removed: OnceCell<Vec<Removed>>,
}

impl<'a> Look<'a> {
    pub(crate) fn new(reader: Reader, warmth: &'a Warmth, files: &'a Files, user: UserId) -> Result<Self, StoreError> {
        let anchor = Anchor::new(reader);
        let state = match warmth.begin(user, &anchor) {
            Beginning::Held(state) => state,
            Beginning::Unknown(since) => {
                let counters = anchor.ask(|connection| Ok::<_, Failure>(counters(connection, user)?));
                let counters = counters.map_err(|failure| failure.while_doing("looking at a mailbox", &files.easel))?;
                warmth.offer(user, since, counters.ok_or(StoreError::NotFound(Missing::User))?)
            }
        };
        Ok(Self { anchor, warmth, state, files, user, removed: OnceCell::new() })
    }

    /// Asks the database.
    fn ask<T>(
        &self,
        doing: &'static str,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let answer = self.anchor.ask(|connection| question(connection).map_err(Failure::from));
        answer.map_err(|failure| failure.while_doing(doing, &self.files.easel))
    }

    fn removed(&self, connection: &Connection) -> rusqlite::Result<&[Removed]> {
        if let Some(removed) = self.removed.get() {
            return Ok(removed);
        }
        let removed = removal::all(connection, self.user)?;
        Ok(self.removed.get_or_init(|| removed))
    }

    /// The removed folder of that number, if it is one.
    fn removed_folder(&self, connection: &Connection, folder: CollectionId) -> rusqlite::Result<Option<&Removed>> {
        Ok(self.removed(connection)?.iter().find(|removed| removed.folder == folder))
    }

    /// The row with which the item leaves, if its folder is removed and it is still inside.
    fn leaving(&self, connection: &Connection, id: ServerId) -> rusqlite::Result<Option<LogRow>> {
        if self.removed(connection)?.is_empty() {
            return Ok(None);
        }
        let sql = "SELECT folder, window FROM item WHERE user = ?1 AND id = ?2";
        let read = |row: &Row<'_>| Ok((CollectionId::new(number(row, 0)?), (WindowKey(row.get(1)?), id)));
        let values = params![int(self.user.0), int(id.number())];
        let Some((folder, position)) = connection.prepare_cached(sql)?.query_row(values, read).optional()? else {
            return Ok(None);
        };
        let removed = self.removed_folder(connection, folder)?;
        let row = removed.map(|removed| removed.row_of(connection, self.user, position)).transpose()?;
        // As if it had been pruned.
        Ok(row.filter(|row| row.modseq > self.state.floor))
    }

    fn read_folder_of(&self, connection: &Connection, id: ServerId) -> rusqlite::Result<Option<CollectionId>> {
        let sql = "SELECT folder FROM item WHERE user = ?1 AND id = ?2";
        let read = |row: &Row<'_>| number(row, 0).map(CollectionId::new);
        let values = params![int(self.user.0), int(id.number())];
        let folder = connection.prepare_cached(sql)?.query_row(values, read).optional()?;
        match folder {
            Some(folder) if self.removed_folder(connection, folder)?.is_some() => Ok(None),
            folder => Ok(folder),
        }
    }

    fn read_log(
        &self,
        connection: &Connection,
        folder: CollectionId,
        after: Modseq,
        limit: usize,
    ) -> rusqlite::Result<Vec<LogRow>> {
        let mut rows = log::after(connection, self.user, folder, after, limit)?;
        if rows.len() < limit
            && let Some(removed) = self.removed_folder(connection, folder)?
        {
            let after = rows.last().map_or(after, |row| row.modseq).max(self.state.floor);
            rows.append(&mut removed.rows(connection, self.user, after, limit - rows.len())?);
        }
        Ok(rows)
    }

    fn read_item(&self, connection: &Connection, id: ServerId) -> rusqlite::Result<Option<Item>> {
        let sql = "SELECT folder, entered, changed, window, conversation, uid, blob, size, part_index, record, text,
                       subject, people
                   FROM item CROSS JOIN content USING (object)
                   WHERE user = ?1 AND id = ?2";
        let values = params![int(self.user.0), int(id.number())];
        let item = connection.prepare_cached(sql)?.query_row(values, |row| read_item(row, id)).optional()?;
        match item {
            Some(item) if self.removed_folder(connection, item.folder)?.is_some() => Ok(None),
            item => Ok(item),
        }
    }

    fn read_content_at(&self, connection: &Connection, id: ServerId, at: Modseq) -> rusqlite::Result<Option<String>> {
        if let Some(replaced) = log::replaced_after(connection, self.user, id, at)? {
            return Ok(replaced);
        }
        if self.read_folder_of(connection, id)?.is_none()
            && self.leaving(connection, id)?.is_none_or(|row| row.modseq <= at)
        {
            return Ok(None);
        }
        let sql = "SELECT text FROM item CROSS JOIN content USING (object) WHERE user = ?1 AND id = ?2";
        let values = params![int(self.user.0), int(id.number())];
        Ok(connection.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?.flatten())
    }

    fn read_range(
        &self,
        connection: &Connection,
        folder: CollectionId,
        positions: &Range<Position>,
        order: Order,
        limit: usize,
    ) -> rusqlite::Result<Vec<Position>> {
        if self.removed_folder(connection, folder)?.is_some() {
            return Ok(Vec::new());
        }
        let sql = match order {
            Order::Ascending => ASCENDING,
            Order::Descending => DESCENDING,
        };
        let (start, end) = (positions.start, positions.end);
        let values = params![
            int(self.user.0),
            int(folder.number()),
            start.0.0,
            int(start.1.number()),
            end.0.0,
            int(end.1.number()),
            bound(limit)
        ];
        let read = |row: &Row<'_>| Ok((WindowKey(row.get(0)?), ServerId::new(number(row, 1)?)));
        connection.prepare_cached(sql)?.query_map(values, read)?.collect()
    }

    fn all_folders(&self) -> Result<Arc<Vec<Folder>>, StoreError> {
        let read = || self.ask("listing folders", |connection| folders::folders(connection, self.user));
        self.state.folders(&self.warmth.trees, read)
    }

    /// The one value that a question about this mailbox finds.
    fn one<T>(
        &self,
        doing: &'static str,
        sql: &str,
        values: &[&dyn rusqlite::ToSql],
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        self.ask(doing, |connection| connection.prepare_cached(sql)?.query_row(values, read).optional())
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.warmth.end(self.user, &self.anchor);
    }
}

/// Change counter, tree and floor of the log.
fn counters(connection: &Connection, user: UserId) -> rusqlite::Result<Option<(Modseq, Modseq, Modseq)>> {
    let sql = "SELECT modseq, hierarchy, log_floor FROM mailbox WHERE user = ?1";
    let read = |row: &Row<'_>| Ok((Modseq(number(row, 0)?), Modseq(number(row, 1)?), Modseq(number(row, 2)?)));
    connection.prepare_cached(sql)?.query_row(params![int(user.0)], read).optional()
}

fn read_item(row: &Row<'_>, id: ServerId) -> rusqlite::Result<Item> {
    let content = match row.get::<_, Option<String>>(10)? {
        Some(text) => Content::Object(text),
        None => Content::Mail(Mail {
            blob: BlobId(number(row, 6)?),
            size: number(row, 7)?,
            index: row.get(8)?,
            record: decode(row, 9)?,
        }),
    };
    let facts = Facts {
        window: WindowKey(row.get(3)?),
        subject: row.get(11)?,
        people: row.get(12)?,
        from: String::new(),
        to: String::new(),
        conversation: row.get(4)?,
        uid: row.get(5)?,
        search_text: String::new(),
    };
    let (entered, changed) = (Modseq(number(row, 1)?), Modseq(number(row, 2)?));
    Ok(Item { id, folder: CollectionId::new(number(row, 0)?), entered, changed, content, facts })
}

impl Snapshot for Look<'_> {
    fn modseq(&self) -> Modseq {
        self.state.modseq
    }

    fn hierarchy(&self) -> Result<Modseq, StoreError> {
        Ok(self.state.hierarchy)
    }

    fn folders(&self) -> Result<Vec<Folder>, StoreError> {
        Ok(self.all_folders()?.to_vec())
    }

    fn folder(&self, id: CollectionId) -> Result<Option<Folder>, StoreError> {
        let folders = self.all_folders()?;
        Ok(folders.binary_search_by_key(&id, |folder| folder.id).ok().map(|at| folders[at].clone()))
    }

    fn item(&self, id: ServerId) -> Result<Option<Item>, StoreError> {
        self.ask("reading an item", |connection| self.read_item(connection, id))
    }

    fn folder_of(&self, id: ServerId) -> Result<Option<CollectionId>, StoreError> {
        self.ask("looking up an item", |connection| self.read_folder_of(connection, id))
    }

    fn content_at(&self, id: ServerId, at: Modseq) -> Result<Option<String>, StoreError> {
        if at < self.state.floor {
            return Ok(None);
        }
        self.ask("reading an earlier version", |connection| self.read_content_at(connection, id, at))
    }

    fn range(
        &self,
        folder: CollectionId,
        positions: Range<Position>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        self.ask("paging through a folder", |connection| self.read_range(connection, folder, &positions, order, limit))
    }

    fn count(&self, folder: CollectionId) -> Result<u64, StoreError> {
        self.ask("counting items", |connection| {
            if self.removed_folder(connection, folder)?.is_some() {
                return Ok(0);
            }
            let sql = "SELECT count(*) FROM item WHERE user = ?1 AND folder = ?2";
            let values = params![int(self.user.0), int(folder.number())];
            connection.prepare_cached(sql)?.query_row(values, |row| number(row, 0))
        })
    }

    fn log(&self, folder: CollectionId, after: Modseq, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        if self.state.log_ends_by(folder, after) {
            return Ok(Vec::new());
        }
        let rows = self.ask("reading the change log", |connection| self.read_log(connection, folder, after, limit))?;
        if rows.len() < limit {
            self.state.log_ends(folder, rows.last().map_or(after, |row| row.modseq));
        }
        Ok(rows)
    }

    fn last_row(&self, item: ServerId) -> Result<Option<LogRow>, StoreError> {
        self.ask("reading the change log", |connection| match self.leaving(connection, item)? {
            Some(row) => Ok(Some(row)),
            None => log::last_row(connection, self.user, item),
        })
    }

    fn log_floor(&self) -> Result<Modseq, StoreError> {
        Ok(self.state.floor)
    }

    fn by_uid(&self, uid: &str) -> Result<Vec<ServerId>, StoreError> {
        self.ask("looking up a UID", |connection| {
            let values = params![int(self.user.0), uid];
            let read = |row: &Row<'_>| number(row, 0).map(ServerId::new);
            let mut found: Vec<ServerId> =
                connection.prepare_cached(BY_UID)?.query_map(values, read)?.collect::<rusqlite::Result<_>>()?;
            if !self.removed(connection)?.is_empty() {
                let mut there = Vec::new();
                for id in found {
                    there.extend(self.read_folder_of(connection, id)?.map(|_| id));
                }
                found = there;
            }
            Ok(found)
        })
    }

    fn followed(&self, conversation: [u8; 16]) -> Result<Option<CollectionId>, StoreError> {
        self.ask("looking up a conversation", |connection| conversations::followed(connection, self.user, conversation))
    }

    fn search(&self, query: &Query) -> Result<Vec<ServerId>, StoreError> {
        self.ask("searching a mailbox", |connection| {
            let removed = self.removed(connection)?;
            let hidden = |folder| removed.iter().any(|removed| removed.folder == folder);
            search::search(connection, self.user, query, hidden)
        })
    }

    fn blob(&self, id: BlobId, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        let read = self.anchor.ask(|connection| blobs::read(connection, id, range));
        read.map_err(|failure| failure.while_reading_mail(&self.files.mail))
    }

    fn collection(&self, device: DeviceKey, collection: CollectionId) -> Result<Option<CollectionState>, StoreError> {
        self.state.collection((device, collection), || {
            let sql = "SELECT state FROM collection WHERE user = ?1 AND device = ?2 AND collection = ?3";
            let values: [&dyn rusqlite::ToSql; 3] = [&int(self.user.0), &int(device.0), &int(collection.number())];
            self.one("reading the state of a collection", sql, &values, |row| decode(row, 0))
        })
    }

    fn device_value(&self, device: DeviceKey, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.state.device_value(device, name, || {
            let sql = "SELECT value FROM device_value WHERE user = ?1 AND device = ?2 AND name = ?3";
            let values: [&dyn rusqlite::ToSql; 3] = [&int(self.user.0), &int(device.0), &name];
            self.one("reading a value of a device", sql, &values, |row| row.get(0))
        })
    }

    fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.state.value(name, || {
            let sql = "SELECT value FROM mailbox_value WHERE user = ?1 AND name = ?2";
            let values: [&dyn rusqlite::ToSql; 2] = [&int(self.user.0), &name];
            self.one("reading a value of a mailbox", sql, &values, |row| row.get(0))
        })
    }

    fn was_sent(&self, device: DeviceKey, token: &[u8]) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT at FROM sent WHERE user = ?1 AND device = ?2 AND token = ?3";
        let values: [&dyn rusqlite::ToSql; 3] = [&int(self.user.0), &int(device.0), &token];
        self.one("reading what was sent", sql, &values, |row| row.get(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::plan;

    #[test]
    fn a_page_costs_as_much_as_it_is_long() {
        for question in [ASCENDING, DESCENDING] {
            let plan = plan(question, 7);
            let expected = "SEARCH item USING COVERING INDEX item_position (user=? AND folder=? AND (window,id)>(?,?) \
                            AND (window,id)<(?,?))";
            assert_eq!(plan, expected);
        }
    }

    #[test]
    fn a_uid_is_found_without_a_walk_through_the_mailbox() {
        assert_eq!(plan(BY_UID, 2), "SEARCH item USING COVERING INDEX item_uid (user=? AND uid=?)");
    }
}
