//! Conversations of which what comes later goes into a folder.

use easel_protocol::{CollectionId, Facts, FolderType};
use easel_store::{FOLLOWED_MAX, UserId};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Failure;
use crate::folders;
use crate::sql::{int, limit, number};

/// Where what comes of a conversation goes.
pub(crate) fn followed(
    connection: &Connection,
    user: UserId,
    conversation: [u8; 16],
) -> rusqlite::Result<Option<CollectionId>> {
    let sql = "SELECT folder FROM followed WHERE user = ?1 AND conversation = ?2";
    let read = |row: &rusqlite::Row<'_>| number(row, 0).map(CollectionId::new);
    connection.prepare_cached(sql)?.query_row(params![int(user.0), conversation], read).optional()
}

/// Where a mail goes that would come into `folder`.
pub(crate) fn delivered_to(
    connection: &Connection,
    user: UserId,
    folder: CollectionId,
    facts: &Facts,
) -> Result<CollectionId, Failure> {
    let Some(conversation) = facts.conversation else { return Ok(folder) };
    let Some(to) = followed(connection, user, conversation)? else { return Ok(folder) };
    let kind = folders::folder(connection, user, folder)?.map(|folder| folder.kind);
    Ok(if kind == Some(FolderType::SentItems) { folder } else { to })
}

/// Names the folder of a conversation, or none; what was named longest ago makes room.
pub(crate) fn follow(
    connection: &Connection,
    user: UserId,
    conversation: [u8; 16],
    to: Option<CollectionId>,
) -> Result<(), Failure> {
    let Some(to) = to else {
        let sql = "DELETE FROM followed WHERE user = ?1 AND conversation = ?2";
        connection.prepare_cached(sql)?.execute(params![int(user.0), conversation])?;
        return Ok(());
    };
    folders::check(connection, user, to)?;
    let sql = "INSERT OR REPLACE INTO followed (user, conversation, folder) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![int(user.0), conversation, int(to.number())])?;
    let sql = "DELETE FROM followed WHERE id IN (
                   SELECT id FROM followed WHERE user = ?1 ORDER BY id DESC LIMIT -1 OFFSET ?2)";
    connection.prepare_cached(sql)?.execute(params![int(user.0), limit(FOLLOWED_MAX)])?;
    Ok(())
}

/// The folder goes, and nothing goes into it any more.
pub(crate) fn forget(connection: &Connection, user: UserId, folder: CollectionId) -> rusqlite::Result<()> {
    let sql = "DELETE FROM followed WHERE user = ?1 AND folder = ?2";
    connection.prepare_cached(sql)?.execute(params![int(user.0), int(folder.number())])?;
    Ok(())
}
