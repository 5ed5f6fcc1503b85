//! Tenants and users.

use easel_store::{Missing, NewUser, StoreError, Tenant, TenantId, User, UserId, WELL_KNOWN_FOLDERS};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use crate::error::Failure;
use crate::sql::{decode, encode, int, number};

fn read_tenant(row: &Row<'_>) -> rusqlite::Result<Tenant> {
    Ok(Tenant { id: TenantId(number(row, 0)?), name: row.get(1)? })
}

pub(crate) fn add_tenant(connection: &Connection, name: String) -> Result<Tenant, Failure> {
    if tenant(connection, &name)?.is_some() {
        return Err(StoreError::Exists(name).into());
    }
    connection.prepare_cached("INSERT INTO tenant (name) VALUES (?1)")?.execute(params![name])?;
    Ok(Tenant { id: TenantId(connection.last_insert_rowid().unsigned_abs()), name })
}

pub(crate) fn tenants(connection: &Connection) -> rusqlite::Result<Vec<Tenant>> {
    connection.prepare_cached("SELECT id, name FROM tenant ORDER BY name")?.query_map([], read_tenant)?.collect()
}

pub(crate) fn tenant(connection: &Connection, name: &str) -> rusqlite::Result<Option<Tenant>> {
    let sql = "SELECT id, name FROM tenant WHERE name = ?1";
    connection.prepare_cached(sql)?.query_row(params![name], read_tenant).optional()
}

pub(crate) fn check_tenant(connection: &Connection, id: TenantId) -> Result<(), Failure> {
    let found = connection.prepare_cached("SELECT 1 FROM tenant WHERE id = ?1")?.exists(params![int(id.0)])?;
    if found { Ok(()) } else { Err(Missing::Tenant.into()) }
}

const COLUMNS: &str = "SELECT id, tenant, name, display_name, phones, photo, zone, password_hash, login_generation,
    enabled, quota FROM user";

fn read_user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: UserId(number(row, 0)?),
        tenant: TenantId(number(row, 1)?),
        name: row.get(2)?,
        display_name: row.get(3)?,
        addresses: Vec::new(),
        phones: decode(row, 4)?,
        photo: row.get(5)?,
        zone: row.get(6)?,
        password_hash: row.get(7)?,
        login_generation: number(row, 8)?,
        enabled: row.get(9)?,
        quota: row.get::<_, Option<i64>>(10)?.map(i64::unsigned_abs),
    })
}

/// The users that a condition finds, with their addresses.
fn select(connection: &Connection, condition: &str, values: impl Params) -> rusqlite::Result<Vec<User>> {
    let mut users: Vec<User> = connection
        .prepare_cached(&format!("{COLUMNS} {condition}"))?
        .query_map(values, read_user)?
        .collect::<rusqlite::Result<_>>()?;
    let mut addresses = connection.prepare_cached("SELECT address FROM address WHERE user = ?1 ORDER BY rank")?;
    for user in &mut users {
        let found = addresses.query_map(params![int(user.id.0)], |row| row.get(0))?;
        user.addresses = found.collect::<rusqlite::Result<_>>()?;
    }
    Ok(users)
}

pub(crate) fn users(connection: &Connection, tenant: TenantId) -> rusqlite::Result<Vec<User>> {
    select(connection, "WHERE tenant = ?1 ORDER BY name", params![int(tenant.0)])
}

pub(crate) fn user(connection: &Connection, id: UserId) -> rusqlite::Result<Option<User>> {
    Ok(select(connection, "WHERE id = ?1", params![int(id.0)])?.pop())
}

pub(crate) fn user_by_name(connection: &Connection, tenant: TenantId, name: &str) -> rusqlite::Result<Option<User>> {
    Ok(select(connection, "WHERE tenant = ?1 AND name = ?2", params![int(tenant.0), name])?.pop())
}

pub(crate) fn user_by_address(connection: &Connection, address: &str) -> rusqlite::Result<Option<UserId>> {
    let sql = "SELECT user FROM address WHERE folded = ?1";
    let found = connection.prepare_cached(sql)?.query_row(params![address.to_lowercase()], |row| number(row, 0));
    Ok(found.optional()?.map(UserId))
}

/// A user with the well-known folders.
pub(crate) fn add_user(connection: &Connection, new: NewUser) -> Result<User, Failure> {
    let mut user = User {
        id: UserId(0),
        tenant: new.tenant,
        name: new.name,
        display_name: new.display_name,
        addresses: new.addresses,
        phones: new.phones,
        photo: new.photo,
        zone: new.zone,
        password_hash: new.password_hash,
        login_generation: 1,
        enabled: true,
        quota: None,
    };
    check_tenant(connection, user.tenant)?;
    check_name(connection, &user)?;
    let sql = "INSERT INTO user (tenant, name, display_name, phones, photo, zone, password_hash, login_generation,
                   enabled)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    connection.prepare_cached(sql)?.execute(params![
        int(user.tenant.0),
        user.name,
        user.display_name,
        encode(&user.phones),
        user.photo,
        user.zone,
        user.password_hash,
        int(user.login_generation),
        user.enabled
    ])?;
    user.id = UserId(connection.last_insert_rowid().unsigned_abs());
    put_addresses(connection, &user)?;
    let folders = i64::try_from(WELL_KNOWN_FOLDERS.len()).expect("a handful");
    let sql = "INSERT INTO mailbox (user, modseq, hierarchy, log_floor, next_item, next_folder)
               VALUES (?1, 0, 0, 0, 1, ?2)";
    connection.prepare_cached(sql)?.execute(params![int(user.id.0), folders + 1])?;
    let sql = "INSERT INTO folder (user, id, parent, name, folded, kind) VALUES (?1, ?2, NULL, ?3, ?4, ?5)";
    let mut statement = connection.prepare_cached(sql)?;
    for (id, (name, kind)) in (1_i64..).zip(WELL_KNOWN_FOLDERS) {
        statement.execute(params![int(user.id.0), id, name, name.to_lowercase(), kind.number()])?;
    }
    Ok(user)
}

/// Everything but ids, tenant and login generation is taken from `user`.
pub(crate) fn update_user(connection: &Connection, mut user: User) -> Result<User, Failure> {
    let old = self::user(connection, user.id)?.ok_or(Missing::User)?;
    user.tenant = old.tenant;
    check_name(connection, &user)?;
    let login_changed = old.password_hash != user.password_hash || old.enabled != user.enabled;
    user.login_generation = old.login_generation + u64::from(login_changed);
    let sql = "UPDATE user SET name = ?2, display_name = ?3, phones = ?4, photo = ?5, zone = ?6, password_hash = ?7,
                   login_generation = ?8, enabled = ?9, quota = ?10
               WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![
        int(user.id.0),
        user.name,
        user.display_name,
        encode(&user.phones),
        user.photo,
        user.zone,
        user.password_hash,
        int(user.login_generation),
        user.enabled,
        user.quota.map(int)
    ])?;
    put_addresses(connection, &user)?;
    Ok(user)
}

/// What the items of a mailbox hold.
pub(crate) fn bytes(connection: &Connection, id: UserId) -> rusqlite::Result<u64> {
    let sql = "SELECT bytes FROM mailbox WHERE user = ?1";
    let found = connection.prepare_cached(sql)?.query_row(params![int(id.0)], |row| number(row, 0));
    Ok(found.optional()?.unwrap_or_default())
}

fn check_name(connection: &Connection, user: &User) -> Result<(), Failure> {
    let sql = "SELECT 1 FROM user WHERE tenant = ?1 AND name = ?2 AND id <> ?3";
    let taken = connection.prepare_cached(sql)?.exists(params![int(user.tenant.0), user.name, int(user.id.0)])?;
    if taken { Err(StoreError::Exists(user.name.clone()).into()) } else { Ok(()) }
}

fn put_addresses(connection: &Connection, user: &User) -> Result<(), Failure> {
    connection.prepare_cached("DELETE FROM address WHERE user = ?1")?.execute(params![int(user.id.0)])?;
    let sql = "INSERT INTO address (user, rank, address, folded) VALUES (?1, ?2, ?3, ?4)";
    let mut statement = connection.prepare_cached(sql)?;
    for (rank, address) in (0_i64..).zip(&user.addresses) {
        if user_by_address(connection, address)?.is_some() {
            return Err(StoreError::Exists(address.clone()).into());
        }
        statement.execute(params![int(user.id.0), rank, address, address.to_lowercase()])?;
    }
    Ok(())
}

/// The user's rows go by foreign keys; the full text and the address list have none.
pub(crate) fn remove_user(connection: &Connection, id: UserId) -> Result<(), Failure> {
    let user = params![int(id.0)];
    connection.execute("DELETE FROM search WHERE rowid IN (SELECT object FROM item WHERE user = ?1)", user)?;
    connection.execute("DELETE FROM gal WHERE user = ?1", user)?;
    let removed = connection.execute("DELETE FROM user WHERE id = ?1", user)?;
    if removed == 0 { Err(Missing::User.into()) } else { Ok(()) }
}
