//! Large folders that are removed and not swept yet.
//!
//! The commit that removes a large folder marks it, and sets one change number aside for each item inside. From then on
//! nobody sees folder or items, and the log reads as if each item had left with its number: what is inside can change no
//! more, so the rows to come are known ([`Removed::rows`]). The writer makes them true in short turns ([`turn`]) that change
//! nothing of what anybody reads. A process that dies in between goes on at the next start.

use easel_protocol::{CollectionId, Groups, ServerId, WindowKey};
use easel_store::{DeviceKey, LogKind, LogRow, Modseq, Position, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::sql::{int, limit as bound, number};
use crate::{log, search};

/// Items in a folder beyond which it is removed in turns.
pub(crate) const LARGE: u64 = 128;

/// Items that leave in one turn.
const TURN: usize = 64;

/// A folder on its way out.
pub(crate) struct Removed {
    pub(crate) folder: CollectionId,
    /// The first item still inside leaves with the number after this one.
    at: Modseq,
    by: Option<DeviceKey>,
}

/// Those of a mailbox.
pub(crate) fn all(connection: &Connection, user: UserId) -> rusqlite::Result<Vec<Removed>> {
    let sql = "SELECT id, removed, removed_by FROM folder WHERE user = ?1 AND removed IS NOT NULL";
    connection.prepare_cached(sql)?.query_map(params![int(user.0)], |row| read(row, 0))?.collect()
}

fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Removed> {
    let by: Option<i64> = row.get(first + 2)?;
    Ok(Removed {
        folder: CollectionId::new(number(row, first)?),
        at: Modseq(number(row, first + 1)?),
        by: by.map(|by| DeviceKey(by.unsigned_abs())),
    })
}

/// Marks a folder as removed; its items leave with the numbers after `at`.
pub(crate) fn begin(
    connection: &Connection,
    user: UserId,
    folder: CollectionId,
    at: Modseq,
    by: Option<DeviceKey>,
) -> rusqlite::Result<()> {
    // As its own parent it stands in the way of no other name.
    let sql = "UPDATE folder SET removed = ?3, removed_by = ?4, parent = id WHERE user = ?1 AND id = ?2";
    let values = params![int(user.0), int(folder.number()), int(at.0), by.map(|by| int(by.0))];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

impl Removed {
    fn row(&self, nth: u64, (key, item): Position) -> LogRow {
        let (modseq, groups) = (Modseq(self.at.0 + 1 + nth), Groups::CONTENT);
        LogRow { modseq, item, kind: LogKind::Left, author: self.by, groups, key_before: key, key_after: key }
    }

    /// The rows to come after the number `after`, at most `limit`.
    pub(crate) fn rows(
        &self,
        connection: &Connection,
        user: UserId,
        after: Modseq,
        limit: usize,
    ) -> rusqlite::Result<Vec<LogRow>> {
        let skip = after.0.saturating_sub(self.at.0);
        let sql = "SELECT window, id FROM item WHERE user = ?1 AND folder = ?2 ORDER BY window, id LIMIT ?3 OFFSET ?4";
        let mut statement = connection.prepare_cached(sql)?;
        let values = params![int(user.0), int(self.folder.number()), bound(limit), int(skip)];
        let inside = statement.query_map(values, |row| Ok((WindowKey(row.get(0)?), ServerId::new(number(row, 1)?))))?;
        (skip..).zip(inside).map(|(nth, position)| Ok(self.row(nth, position?))).collect()
    }

    /// The row with which an item inside leaves.
    pub(crate) fn row_of(&self, connection: &Connection, user: UserId, position: Position) -> rusqlite::Result<LogRow> {
        let sql = "SELECT count(*) FROM item WHERE user = ?1 AND folder = ?2 AND (window, id) < (?3, ?4)";
        let (user, folder) = (int(user.0), int(self.folder.number()));
        let values = params![user, folder, position.0.0, int(position.1.number())];
        let nth = connection.prepare_cached(sql)?.query_row(values, |row| number(row, 0))?;
        Ok(self.row(nth, position))
    }
}

/// How many items wait to leave.
pub(crate) fn waiting(connection: &Connection) -> rusqlite::Result<usize> {
    let sql = "SELECT count(*) FROM folder CROSS JOIN item ON item.user = folder.user AND item.folder = folder.id
               WHERE folder.removed IS NOT NULL";
    let count = connection.query_row(sql, [], |row| number(row, 0))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Some items of a removed folder leave, and the folder with the last of them; how many. 0 when there is no such folder.
pub(crate) fn turn(connection: &Connection) -> rusqlite::Result<usize> {
    let sql = "SELECT folder.user, log_floor, id, removed, removed_by FROM folder JOIN mailbox USING (user)
               WHERE removed IS NOT NULL LIMIT 1";
    let found = connection
        .prepare_cached(sql)?
        .query_row([], |row| Ok((UserId(number(row, 0)?), Modseq(number(row, 1)?), read(row, 2)?)));
    let Some((user, floor, removed)) = found.optional()? else { return Ok(0) };
    let sql = "SELECT object, window, id, text FROM item CROSS JOIN content USING (object)
               WHERE user = ?1 AND folder = ?2 ORDER BY window, id LIMIT ?3";
    let place = [int(user.0), int(removed.folder.number())];
    let items: Vec<(i64, Position, Option<String>)> = connection
        .prepare_cached(sql)?
        .query_map(params![place[0], place[1], bound(TURN)], |row| {
            Ok((row.get(0)?, (WindowKey(row.get(1)?), ServerId::new(number(row, 2)?)), row.get(3)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    for (nth, (object, position, text)) in (0..).zip(&items) {
        let row = removed.row(nth, *position);
        // What was pruned already is not written any more.
        if row.modseq > floor {
            if let Some(text) = text {
                log::keep_replaced(connection, user, row.modseq, text)?;
            }
            log::append(connection, user, removed.folder, &row)?;
        }
        search::forget(connection, *object)?;
        connection.prepare_cached("DELETE FROM item WHERE object = ?1")?.execute(params![object])?;
    }
    if items.len() < TURN {
        connection.prepare_cached("DELETE FROM folder WHERE user = ?1 AND id = ?2")?.execute(place)?;
        return Ok(items.len().max(1));
    }
    let sql = "UPDATE folder SET removed = removed + ?3 WHERE user = ?1 AND id = ?2";
    connection.prepare_cached(sql)?.execute(params![place[0], place[1], bound(items.len())])?;
    Ok(items.len())
}

#[cfg(test)]
mod tests;
