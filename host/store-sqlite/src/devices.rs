//! Partnerships.

use easel_store::{Device, DeviceKey, Missing, StoreError, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Failure;
use crate::sql::{decode, decode_facts, encode, encode_facts, int, number};

const COLUMNS: &str = "id, user, device_id, kind, facts, policy, blocked, created, last_seen, versions_told";

fn read(row: &Row<'_>) -> rusqlite::Result<Device> {
    Ok(Device {
        key: DeviceKey(number(row, 0)?),
        user: UserId(number(row, 1)?),
        id: row.get(2)?,
        kind: row.get(3)?,
        facts: decode_facts(row, 4)?,
        policy: decode(row, 5)?,
        blocked: row.get(6)?,
        created: row.get(7)?,
        last_seen: row.get(8)?,
        versions_told: row.get(9)?,
    })
}

pub(crate) fn devices(connection: &Connection, user: UserId) -> rusqlite::Result<Vec<Device>> {
    let sql = format!("SELECT {COLUMNS} FROM device WHERE user = ?1 ORDER BY last_seen DESC, id");
    connection.prepare_cached(&sql)?.query_map(params![int(user.0)], read)?.collect()
}

pub(crate) fn device(connection: &Connection, user: UserId, id: &str, kind: &str) -> rusqlite::Result<Option<Device>> {
    let sql = format!("SELECT {COLUMNS} FROM device WHERE user = ?1 AND device_id = ?2 AND kind = ?3");
    connection.prepare_cached(&sql)?.query_row(params![int(user.0), id, kind], read).optional()
}

/// Whether the device is one of the user's.
pub(crate) fn check(connection: &Connection, user: UserId, key: DeviceKey) -> Result<(), Failure> {
    let sql = "SELECT 1 FROM device WHERE id = ?1 AND user = ?2";
    if connection.prepare_cached(sql)?.exists(params![int(key.0), int(user.0)])? {
        Ok(())
    } else {
        Err(Missing::Device.into())
    }
}

pub(crate) fn put(connection: &Connection, mut device: Device) -> Result<Device, Failure> {
    let user = connection.prepare_cached("SELECT 1 FROM user WHERE id = ?1")?.exists(params![int(device.user.0)])?;
    if !user {
        return Err(Missing::User.into());
    }
    let same = "SELECT 1 FROM device WHERE user = ?1 AND device_id = ?2 AND kind = ?3 AND id <> ?4";
    let same = connection.prepare_cached(same)?.exists(params![
        int(device.user.0),
        device.id,
        device.kind,
        int(device.key.0)
    ])?;
    if same {
        return Err(StoreError::Exists(device.id).into());
    }
    if device.key == DeviceKey(0) {
        let sql =
            "INSERT INTO device (user, device_id, kind, facts, policy, blocked, created, last_seen, versions_told)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
        connection.prepare_cached(sql)?.execute(params![
            int(device.user.0),
            device.id,
            device.kind,
            encode_facts(&device.facts),
            encode(&device.policy),
            device.blocked,
            device.created,
            device.last_seen,
            device.versions_told
        ])?;
        device.key = DeviceKey(connection.last_insert_rowid().unsigned_abs());
        return Ok(device);
    }
    let sql = "UPDATE device SET device_id = ?3, kind = ?4, facts = ?5, policy = ?6, blocked = ?7, created = ?8,
                   last_seen = ?9, versions_told = ?10
               WHERE id = ?1 AND user = ?2";
    let changed = connection.prepare_cached(sql)?.execute(params![
        int(device.key.0),
        int(device.user.0),
        device.id,
        device.kind,
        encode_facts(&device.facts),
        encode(&device.policy),
        device.blocked,
        device.created,
        device.last_seen,
        device.versions_told
    ])?;
    if changed == 0 { Err(Missing::Device.into()) } else { Ok(device) }
}

/// Stores `after` if what is stored still is `before`.
pub(crate) fn replace(connection: &Connection, before: &Device, after: Device) -> Result<Device, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM device WHERE id = ?1");
    let stored = connection.prepare_cached(&sql)?.query_row(params![int(before.key.0)], read).optional()?;
    match stored {
        None => Err(Missing::Device.into()),
        Some(stored) if stored != *before => Err(StoreError::Stale.into()),
        Some(_) => put(connection, Device { key: before.key, user: before.user, ..after }),
    }
}

/// Forgets a device; whose it was.
pub(crate) fn remove(connection: &Connection, key: DeviceKey) -> Result<UserId, Failure> {
    let sql = "DELETE FROM device WHERE id = ?1 RETURNING user";
    let user = connection.prepare_cached(sql)?.query_row(params![int(key.0)], |row| number(row, 0)).optional()?;
    Ok(UserId(user.ok_or(Missing::Device)?))
}
