//! One consistent look at a mailbox: a read transaction that lasts as long as the look.

use std::ops::Range;

use easel_protocol::{CollectionId, Facts, ServerId, WindowKey};
use easel_store::{
    BlobId, CollectionState, Content, DeviceKey, Folder, Item, LogRow, Mail, Missing, Modseq, Order, Position, Query,
    Snapshot, StoreError, UserId,
};
use rusqlite::{OptionalExtension, Row, params};

use crate::connection::Files;
use crate::error::{Failure, SqliteError};
use crate::pool::Reader;
use crate::sql::{decode, int, limit as bound, number};
use crate::{blobs, folders, log, search};

const ASCENDING: &str = "SELECT window, id FROM item
    WHERE user = ?1 AND folder = ?2 AND (window, id) >= (?3, ?4) AND (window, id) < (?5, ?6)
    ORDER BY window, id LIMIT ?7";

const DESCENDING: &str = "SELECT window, id FROM item
    WHERE user = ?1 AND folder = ?2 AND (window, id) >= (?3, ?4) AND (window, id) < (?5, ?6)
    ORDER BY window DESC, id DESC LIMIT ?7";

const BY_UID: &str = "SELECT id FROM item WHERE user = ?1 AND uid = ?2 ORDER BY id";

/// A look at the mailbox of one user.
pub(crate) struct Look<'a> {
    reader: Reader<'a>,
    files: &'a Files,
    user: UserId,
    modseq: Modseq,
    hierarchy: Modseq,
    floor: Modseq,
}

impl<'a> Look<'a> {
    pub(crate) fn new(reader: Reader<'a>, files: &'a Files, user: UserId) -> Result<Self, StoreError> {
        let mailbox = || -> rusqlite::Result<Option<(u64, u64, u64)>> {
            reader.prepare_cached("BEGIN")?.execute([])?;
            // The first read fixes what everything after it sees.
            let sql = "SELECT modseq, hierarchy, log_floor FROM mailbox WHERE user = ?1";
            let read = |row: &Row<'_>| Ok((number(row, 0)?, number(row, 1)?, number(row, 2)?));
            reader.prepare_cached(sql)?.query_row(params![int(user.0)], read).optional()
        };
        let failed = |cause| StoreError::backend("looking at a mailbox", SqliteError::database(&files.easel, cause));
        let (modseq, hierarchy, floor) = mailbox().map_err(failed)?.ok_or(StoreError::NotFound(Missing::User))?;
        let (modseq, hierarchy, floor) = (Modseq(modseq), Modseq(hierarchy), Modseq(floor));
        Ok(Self { reader, files, user, modseq, hierarchy, floor })
    }

    fn failed(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + use<'_> {
        move |cause| StoreError::backend(doing, SqliteError::database(&self.files.easel, cause))
    }

    fn read_item(&self, id: ServerId) -> rusqlite::Result<Option<Item>> {
        let sql = "SELECT folder, entered, changed, window, conversation, uid, blob, size, part_index, record, text,
                       subject, people
                   FROM item CROSS JOIN content USING (object)
                   WHERE user = ?1 AND id = ?2";
        let values = params![int(self.user.0), int(id.number())];
        self.reader.prepare_cached(sql)?.query_row(values, |row| read_item(row, id)).optional()
    }

    fn read_content_at(&self, id: ServerId, at: Modseq) -> rusqlite::Result<Option<String>> {
        if at < self.floor {
            return Ok(None);
        }
        if let Some(replaced) = log::replaced_after(&self.reader, self.user, id, at)? {
            return Ok(replaced);
        }
        let sql = "SELECT text FROM item CROSS JOIN content USING (object) WHERE user = ?1 AND id = ?2";
        let values = params![int(self.user.0), int(id.number())];
        Ok(self.reader.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?.flatten())
    }

    fn read_range(
        &self,
        folder: CollectionId,
        positions: &Range<Position>,
        order: Order,
        limit: usize,
    ) -> rusqlite::Result<Vec<Position>> {
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
        self.reader.prepare_cached(sql)?.query_map(values, read)?.collect()
    }

    /// The one value that a question about this mailbox finds.
    fn one<T>(
        &self,
        doing: &'static str,
        sql: &str,
        values: &[&dyn rusqlite::ToSql],
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let found = self.reader.prepare_cached(sql).and_then(|mut statement| statement.query_row(values, read));
        found.optional().map_err(self.failed(doing))
    }
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
        conversation: row.get(4)?,
        uid: row.get(5)?,
        search_text: String::new(),
    };
    let (entered, changed) = (Modseq(number(row, 1)?), Modseq(number(row, 2)?));
    Ok(Item { id, folder: CollectionId::new(number(row, 0)?), entered, changed, content, facts })
}

impl Snapshot for Look<'_> {
    fn modseq(&self) -> Modseq {
        self.modseq
    }

    fn hierarchy(&self) -> Result<Modseq, StoreError> {
        Ok(self.hierarchy)
    }

    fn folders(&self) -> Result<Vec<Folder>, StoreError> {
        folders::folders(&self.reader, self.user).map_err(self.failed("listing folders"))
    }

    fn folder(&self, id: CollectionId) -> Result<Option<Folder>, StoreError> {
        folders::folder(&self.reader, self.user, id).map_err(self.failed("looking up a folder"))
    }

    fn item(&self, id: ServerId) -> Result<Option<Item>, StoreError> {
        self.read_item(id).map_err(self.failed("reading an item"))
    }

    fn folder_of(&self, id: ServerId) -> Result<Option<CollectionId>, StoreError> {
        let sql = "SELECT folder FROM item WHERE user = ?1 AND id = ?2";
        let values: [&dyn rusqlite::ToSql; 2] = [&int(self.user.0), &int(id.number())];
        self.one("looking up an item", sql, &values, |row| number(row, 0).map(CollectionId::new))
    }

    fn content_at(&self, id: ServerId, at: Modseq) -> Result<Option<String>, StoreError> {
        self.read_content_at(id, at).map_err(self.failed("reading an earlier version"))
    }

    fn range(
        &self,
        folder: CollectionId,
        positions: Range<Position>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        self.read_range(folder, &positions, order, limit).map_err(self.failed("paging through a folder"))
    }

    fn count(&self, folder: CollectionId) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM item WHERE user = ?1 AND folder = ?2";
        let values: [&dyn rusqlite::ToSql; 2] = [&int(self.user.0), &int(folder.number())];
        Ok(self.one("counting items", sql, &values, |row| number(row, 0))?.unwrap_or(0))
    }

    fn log(&self, folder: CollectionId, after: Modseq, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        log::after(&self.reader, self.user, folder, after, limit).map_err(self.failed("reading the change log"))
    }

    fn last_row(&self, item: ServerId) -> Result<Option<LogRow>, StoreError> {
        log::last_row(&self.reader, self.user, item).map_err(self.failed("reading the change log"))
    }

    fn log_floor(&self) -> Result<Modseq, StoreError> {
        Ok(self.floor)
    }

    fn by_uid(&self, uid: &str) -> Result<Vec<ServerId>, StoreError> {
        let find = || -> rusqlite::Result<Vec<ServerId>> {
            let values = params![int(self.user.0), uid];
            let read = |row: &Row<'_>| number(row, 0).map(ServerId::new);
            self.reader.prepare_cached(BY_UID)?.query_map(values, read)?.collect()
        };
        find().map_err(self.failed("looking up a UID"))
    }

    fn search(&self, query: &Query) -> Result<Vec<ServerId>, StoreError> {
        search::search(&self.reader, self.user, query).map_err(self.failed("searching a mailbox"))
    }

    fn blob(&self, id: BlobId, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        let read: Result<Vec<u8>, Failure> = blobs::read(&self.reader, id, range);
        read.map_err(|failure| failure.while_doing("reading a mail", &self.files.mail))
    }

    fn collection(&self, device: DeviceKey, collection: CollectionId) -> Result<Option<CollectionState>, StoreError> {
        let sql = "SELECT state FROM collection WHERE user = ?1 AND device = ?2 AND collection = ?3";
        let values: [&dyn rusqlite::ToSql; 3] = [&int(self.user.0), &int(device.0), &int(collection.number())];
        self.one("reading the state of a collection", sql, &values, |row| decode(row, 0))
    }

    fn device_value(&self, device: DeviceKey, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT value FROM device_value WHERE user = ?1 AND device = ?2 AND name = ?3";
        let values: [&dyn rusqlite::ToSql; 3] = [&int(self.user.0), &int(device.0), &name];
        self.one("reading a value of a device", sql, &values, |row| row.get(0))
    }

    fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let sql = "SELECT value FROM mailbox_value WHERE user = ?1 AND name = ?2";
        let values: [&dyn rusqlite::ToSql; 2] = [&int(self.user.0), &name];
        self.one("reading a value of a mailbox", sql, &values, |row| row.get(0))
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
