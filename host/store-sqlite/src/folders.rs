//! The tree of folders: those that are not removed (`removal.rs`).

use std::collections::HashMap;

use easel_protocol::{CollectionId, FolderType};
use easel_store::{Folder, Missing, StoreError, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Failure;
use crate::sql::{int, number, unknown};

fn read(row: &Row<'_>) -> rusqlite::Result<Folder> {
    let kind: u8 = row.get(3)?;
    Ok(Folder {
        id: CollectionId::new(number(row, 0)?),
        parent: row.get::<_, Option<i64>>(1)?.map(i64::unsigned_abs).map(CollectionId::new),
        name: row.get(2)?,
        kind: FolderType::from_number(kind).ok_or_else(|| unknown(3, kind.into()))?,
    })
}

pub(crate) fn folders(connection: &Connection, user: UserId) -> rusqlite::Result<Vec<Folder>> {
    let sql = "SELECT id, parent, name, kind FROM folder WHERE user = ?1 AND removed IS NULL ORDER BY id";
    let mut rows = connection.prepare_cached(sql)?;
    let mut folders: Vec<Folder> = rows.query_map(params![int(user.0)], read)?.collect::<Result<_, _>>()?;
    // They are remembered as long as the mailbox is in use.
    folders.shrink_to_fit();
    Ok(folders)
}

pub(crate) fn folder(connection: &Connection, user: UserId, id: CollectionId) -> rusqlite::Result<Option<Folder>> {
    let sql = "SELECT id, parent, name, kind FROM folder WHERE user = ?1 AND id = ?2 AND removed IS NULL";
    connection.prepare_cached(sql)?.query_row(params![int(user.0), int(id.number())], read).optional()
}

pub(crate) fn reserve(connection: &Connection, user: UserId) -> Result<CollectionId, Failure> {
    let sql = "UPDATE mailbox SET next_folder = next_folder + 1 WHERE user = ?1 RETURNING next_folder";
    let next = connection.prepare_cached(sql)?.query_row(params![int(user.0)], |row| number(row, 0)).optional()?;
    Ok(CollectionId::new(next.ok_or(Missing::User)? - 1))
}

pub(crate) fn check(connection: &Connection, user: UserId, id: CollectionId) -> Result<(), Failure> {
    let sql = "SELECT 1 FROM folder WHERE user = ?1 AND id = ?2 AND removed IS NULL";
    let found = connection.prepare_cached(sql)?.exists(params![int(user.0), int(id.number())])?;
    if found { Ok(()) } else { Err(Missing::Folder.into()) }
}

/// Whether `id` (0 for a new folder) may be called `name` inside `parent`.
fn check_place(
    connection: &Connection,
    user: UserId,
    id: CollectionId,
    place: (Option<CollectionId>, &str),
) -> Result<(), Failure> {
    let (parent, name) = place;
    if let Some(parent) = parent {
        check(connection, user, parent)?;
        // A folder inside itself would be reached from nowhere.
        if subtree(connection, user, id)?.contains(&parent) {
            return Err(Missing::Folder.into());
        }
    }
    let sql = "SELECT 1 FROM folder WHERE user = ?1 AND ifnull(parent, 0) = ?2 AND folded = ?3 AND id <> ?4";
    let taken = connection.prepare_cached(sql)?.exists(params![
        int(user.0),
        parent.map_or(0, |parent| int(parent.number())),
        name.to_lowercase(),
        int(id.number())
    ])?;
    if taken { Err(StoreError::Exists(name.to_owned()).into()) } else { Ok(()) }
}

pub(crate) fn add(connection: &Connection, user: UserId, folder: &Folder) -> Result<(), Failure> {
    check_place(connection, user, CollectionId::new(0), (folder.parent, &folder.name))?;
    if self::folder(connection, user, folder.id)?.is_some() {
        return Err(StoreError::Exists(folder.id.to_string()).into());
    }
    let sql = "INSERT INTO folder (user, id, parent, name, folded, kind) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(sql)?.execute(params![
        int(user.0),
        int(folder.id.number()),
        folder.parent.map(|parent| int(parent.number())),
        folder.name,
        folder.name.to_lowercase(),
        folder.kind.number()
    ])?;
    Ok(())
}

pub(crate) fn update(
    connection: &Connection,
    user: UserId,
    id: CollectionId,
    place: (Option<CollectionId>, &str),
) -> Result<(), Failure> {
    check(connection, user, id)?;
    check_place(connection, user, id, place)?;
    let (parent, name) = place;
    let sql = "UPDATE folder SET parent = ?3, name = ?4, folded = ?5 WHERE user = ?1 AND id = ?2";
    connection.prepare_cached(sql)?.execute(params![
        int(user.0),
        int(id.number()),
        parent.map(|parent| int(parent.number())),
        name,
        name.to_lowercase()
    ])?;
    Ok(())
}

/// Removes an empty folder.
pub(crate) fn remove(connection: &Connection, user: UserId, id: CollectionId) -> rusqlite::Result<()> {
    let sql = "DELETE FROM folder WHERE user = ?1 AND id = ?2";
    connection.prepare_cached(sql)?.execute(params![int(user.0), int(id.number())])?;
    Ok(())
}

/// A folder and all below it, each after what lies inside it. Empty when it is not there.
pub(crate) fn subtree(connection: &Connection, user: UserId, id: CollectionId) -> rusqlite::Result<Vec<CollectionId>> {
    let sql = "SELECT id, ifnull(parent, 0) FROM folder WHERE user = ?1 AND removed IS NULL ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut inside: HashMap<u64, Vec<u64>> = HashMap::new();
    for row in statement.query_map(params![int(user.0)], |row| Ok((number(row, 0)?, number(row, 1)?)))? {
        let (folder, parent) = row?;
        inside.entry(parent).or_default().push(folder);
        inside.entry(folder).or_default();
    }
    // Taking a folder's list out keeps the walk finite, whatever stands in the table.
    let mut found = Vec::new();
    let mut open = vec![id.number()];
    while let Some(next) = open.pop() {
        if let Some(below) = inside.remove(&next).filter(|_| next != 0) {
            found.push(CollectionId::new(next));
            open.extend(below);
        }
    }
    found.reverse();
    Ok(found)
}
