//! What packs withheld.

use easel_store::{
    BlobId, DeviceKey, Missing, NewQuarantined, QUARANTINE_BYTES_MAX, QUARANTINE_MAX, QuarantineId, Quarantined, UserId,
};
use rusqlite::{Connection, Row, params};

use crate::devices;
use crate::error::Failure;
use crate::sql::{decode, encode, int, limit as bound, number};

const COLUMNS: &str = "id, user, device, at, kind, pack, pack_version, reason, blob, size";

fn read(row: &Row<'_>) -> rusqlite::Result<Quarantined> {
    Ok(Quarantined {
        id: QuarantineId(number(row, 0)?),
        user: UserId(number(row, 1)?),
        new: NewQuarantined {
            device: DeviceKey(number(row, 2)?),
            at: row.get(3)?,
            kind: decode(row, 4)?,
            pack: row.get(5)?,
            pack_version: row.get(6)?,
            reason: row.get(7)?,
            blob: BlobId(number(row, 8)?),
            size: number(row, 9)?,
        },
    })
}

pub(crate) fn put(connection: &Connection, user: UserId, new: &NewQuarantined) -> Result<(), Failure> {
    devices::check(connection, user, new.device)?;
    if new.size > QUARANTINE_BYTES_MAX {
        return Ok(());
    }
    let sql = "INSERT INTO quarantine (user, device, at, kind, pack, pack_version, reason, blob, size)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    connection.prepare_cached(sql)?.execute(params![
        int(user.0),
        int(new.device.0),
        new.at,
        encode(&new.kind),
        new.pack,
        new.pack_version,
        new.reason,
        int(new.blob.0),
        int(new.size)
    ])?;
    // Counted from the newest: what is beyond either bound goes.
    let sql = "DELETE FROM quarantine WHERE id IN (
                   SELECT id FROM (
                       SELECT id, row_number() OVER newest AS things, sum(size) OVER newest AS bytes
                       FROM quarantine WHERE user = ?1 WINDOW newest AS (ORDER BY id DESC))
                   WHERE things > ?2 OR bytes > ?3)";
    connection.prepare_cached(sql)?.execute(params![int(user.0), bound(QUARANTINE_MAX), int(QUARANTINE_BYTES_MAX)])?;
    Ok(())
}

pub(crate) fn take(connection: &Connection, user: UserId, id: QuarantineId) -> Result<(), Failure> {
    let sql = "DELETE FROM quarantine WHERE id = ?1 AND user = ?2";
    let taken = connection.prepare_cached(sql)?.execute(params![int(id.0), int(user.0)])?;
    if taken == 0 { Err(Missing::Quarantined.into()) } else { Ok(()) }
}

pub(crate) fn list(connection: &Connection, user: UserId) -> rusqlite::Result<Vec<Quarantined>> {
    let sql = format!("SELECT {COLUMNS} FROM quarantine WHERE user = ?1 ORDER BY id");
    connection.prepare_cached(&sql)?.query_map(params![int(user.0)], read)?.collect()
}

pub(crate) fn expire(connection: &Connection, before: i64) -> rusqlite::Result<u64> {
    let removed = connection.prepare_cached("DELETE FROM quarantine WHERE at < ?1")?.execute(params![before])?;
    Ok(removed as u64)
}
