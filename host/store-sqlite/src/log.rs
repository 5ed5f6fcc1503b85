//! The change log.

use easel_protocol::{CollectionId, Groups, ServerId, WindowKey};
use easel_store::{DeviceKey, LogKind, LogRow, Modseq, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Failure;
use crate::sql::{int, limit as bound, number, unknown};

/// Rows removed in one turn of the writer.
const TURN: i64 = 2000;

const COLUMNS: &str = "SELECT modseq, item, kind, author, groups, key_before, key_after FROM log";

fn read(row: &Row<'_>) -> rusqlite::Result<LogRow> {
    let kind: i64 = row.get(2)?;
    let kinds = [LogKind::Entered, LogKind::Changed, LogKind::Left];
    Ok(LogRow {
        modseq: Modseq(number(row, 0)?),
        item: ServerId::new(number(row, 1)?),
        kind: kinds.into_iter().find(|known| *known as i64 == kind).ok_or_else(|| unknown(2, kind))?,
        author: row.get::<_, Option<i64>>(3)?.map(i64::unsigned_abs).map(DeviceKey),
        groups: Groups::from_bits(row.get(4)?),
        key_before: WindowKey(row.get(5)?),
        key_after: WindowKey(row.get(6)?),
    })
}

pub(crate) fn append(
    connection: &Connection,
    user: UserId,
    folder: CollectionId,
    row: &LogRow,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO log (user, folder, modseq, item, kind, author, groups, key_before, key_after)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    connection.prepare_cached(sql)?.execute(params![
        int(user.0),
        int(folder.number()),
        int(row.modseq.0),
        int(row.item.number()),
        row.kind as i64,
        row.author.map(|author| int(author.0)),
        row.groups.bits(),
        row.key_before.0,
        row.key_after.0
    ])?;
    Ok(())
}

/// Keeps the text that a row replaced.
pub(crate) fn keep_replaced(connection: &Connection, user: UserId, modseq: Modseq, text: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO replaced (user, modseq, text) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![int(user.0), int(modseq.0), text])?;
    Ok(())
}

pub(crate) fn after(
    connection: &Connection,
    user: UserId,
    folder: CollectionId,
    after: Modseq,
    limit: usize,
) -> rusqlite::Result<Vec<LogRow>> {
    let sql = format!("{COLUMNS} WHERE user = ?1 AND folder = ?2 AND modseq > ?3 ORDER BY modseq LIMIT ?4");
    let values = params![int(user.0), int(folder.number()), int(after.0), bound(limit)];
    connection.prepare_cached(&sql)?.query_map(values, read)?.collect()
}

pub(crate) fn last_row(connection: &Connection, user: UserId, item: ServerId) -> rusqlite::Result<Option<LogRow>> {
    let sql = format!("{COLUMNS} WHERE user = ?1 AND item = ?2 ORDER BY modseq DESC LIMIT 1");
    connection.prepare_cached(&sql)?.query_row(params![int(user.0), int(item.number())], read).optional()
}

/// What the first row of an item after `at` replaced; the outer `None` when there is no such row.
pub(crate) fn replaced_after(
    connection: &Connection,
    user: UserId,
    item: ServerId,
    at: Modseq,
) -> rusqlite::Result<Option<Option<String>>> {
    let sql = "SELECT text FROM (SELECT user, modseq FROM log WHERE user = ?1 AND item = ?2 AND modseq > ?3
                                 ORDER BY modseq LIMIT 1)
               LEFT JOIN replaced USING (user, modseq)";
    let values = params![int(user.0), int(item.number()), int(at.0)];
    connection.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()
}

/// Up to where a mailbox's log is no longer needed by any device seen after `since`.
const NEEDED: &str = "ifnull((SELECT min(needs_log) FROM device JOIN collection ON collection.user = device.user
                                  AND collection.device = device.id
                              WHERE device.user = mailbox.user AND device.last_seen > ?1), modseq)";

/// The mailboxes whose log can be made shorter.
pub(crate) fn to_prune(connection: &Connection, since: i64) -> rusqlite::Result<Vec<UserId>> {
    let sql = format!("SELECT user FROM mailbox WHERE log_floor < {NEEDED}");
    connection.prepare_cached(&sql)?.query_map(params![since], |row| number(row, 0).map(UserId))?.collect()
}

/// Forgets messages sent at or before `since`.
pub(crate) fn forget_sent(connection: &Connection, since: i64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM sent WHERE at <= ?1")?.execute(params![since])?;
    Ok(())
}

/// What one turn removed.
pub(crate) struct Turn {
    pub(crate) rows: u64,
    pub(crate) done: bool,
}

/// Removes some of the rows that are no longer needed; the floor rises with them.
pub(crate) fn prune(connection: &Connection, user: UserId, since: i64) -> Result<Turn, Failure> {
    let sql = format!("SELECT log_floor, {NEEDED} FROM mailbox WHERE user = ?2");
    let read = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
    let found = connection.prepare_cached(&sql)?.query_row(params![since, int(user.0)], read).optional()?;
    let Some((floor, needed)) = found.filter(|(floor, needed)| floor < needed) else {
        return Ok(Turn { rows: 0, done: true });
    };
    // No two rows share a number, so a turn removes at most as many as the floor rises.
    let floor = needed.min(floor.saturating_add(TURN));
    let mut rows = 0;
    let mut next = connection.prepare_cached("SELECT min(folder) FROM log WHERE user = ?1 AND folder > ?2")?;
    let mut remove = connection.prepare_cached("DELETE FROM log WHERE user = ?1 AND folder = ?2 AND modseq <= ?3")?;
    let mut after = 0;
    while let Some(folder) = next.query_row(params![int(user.0), after], |row| row.get::<_, Option<i64>>(0))? {
        rows += remove.execute(params![int(user.0), folder, floor])? as u64;
        after = folder;
    }
    connection
        .prepare_cached("DELETE FROM replaced WHERE user = ?1 AND modseq <= ?2")?
        .execute(params![int(user.0), floor])?;
    connection
        .prepare_cached("UPDATE mailbox SET log_floor = ?2 WHERE user = ?1")?
        .execute(params![int(user.0), floor])?;
    Ok(Turn { rows, done: floor == needed })
}
