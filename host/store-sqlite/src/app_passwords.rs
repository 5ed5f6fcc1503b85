//! App passwords.

use easel_store::{AppPassword, AppPasswordId, Missing, NewAppPassword, StoreError, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Failure;
use crate::sql::{int, number};

const COLUMNS: &str = "SELECT id, user, name, device, made, used FROM app_password";

fn read(row: &Row<'_>) -> rusqlite::Result<AppPassword> {
    Ok(AppPassword {
        id: AppPasswordId(number(row, 0)?),
        user: UserId(number(row, 1)?),
        name: row.get(2)?,
        device: row.get(3)?,
        made: row.get(4)?,
        used_on: row.get(5)?,
    })
}

/// One more; the user's login generation grows.
pub(crate) fn add(connection: &Connection, new: NewAppPassword) -> Result<AppPassword, Failure> {
    bump(connection, new.user)?;
    let taken = connection
        .prepare_cached("SELECT 1 FROM app_password WHERE user = ?1 AND name = ?2")?
        .exists(params![int(new.user.0), new.name])?;
    if taken {
        return Err(StoreError::Exists(new.name).into());
    }
    connection
        .prepare_cached("INSERT INTO app_password (user, name, hash, device, made) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![int(new.user.0), new.name, new.hash, new.device, new.made])?;
    let id = AppPasswordId(connection.last_insert_rowid().unsigned_abs());
    let NewAppPassword { user, name, hash: _, device, made } = new;
    Ok(AppPassword { id, user, name, device, made, used_on: None })
}

/// Those of a user, in the order they were made.
pub(crate) fn of_user(connection: &Connection, user: UserId) -> rusqlite::Result<Vec<AppPassword>> {
    let sql = format!("{COLUMNS} WHERE user = ?1 ORDER BY id");
    connection.prepare_cached(&sql)?.query_map(params![int(user.0)], read)?.collect()
}

/// The one whose secret has that hash.
pub(crate) fn of_hash(connection: &Connection, hash: &[u8; 32]) -> rusqlite::Result<Option<AppPassword>> {
    let sql = format!("{COLUMNS} WHERE hash = ?1");
    connection.prepare_cached(&sql)?.query_row(params![hash], read).optional()
}

/// Removes one; the user's login generation grows.
pub(crate) fn remove(connection: &Connection, user: UserId, id: AppPasswordId) -> Result<(), Failure> {
    bump(connection, user)?;
    let removed = connection
        .prepare_cached("DELETE FROM app_password WHERE user = ?1 AND id = ?2")?
        .execute(params![int(user.0), int(id.0)])?;
    if removed == 0 { Err(Missing::AppPassword.into()) } else { Ok(()) }
}

/// Writes down days of use.
pub(crate) fn note_uses(connection: &Connection, uses: &[(AppPasswordId, i64)]) -> rusqlite::Result<()> {
    let sql = "UPDATE app_password SET used = ?2 WHERE id = ?1 AND (used IS NULL OR used < ?2)";
    let mut statement = connection.prepare_cached(sql)?;
    for (id, day) in uses {
        statement.execute(params![int(id.0), day])?;
    }
    Ok(())
}

/// Whatever was cached of the user's logins is void.
fn bump(connection: &Connection, user: UserId) -> Result<(), Failure> {
    let changed = connection
        .prepare_cached("UPDATE user SET login_generation = login_generation + 1 WHERE id = ?1")?
        .execute(params![int(user.0)])?;
    if changed == 0 { Err(Missing::User.into()) } else { Ok(()) }
}
