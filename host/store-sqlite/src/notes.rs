//! Small texts of the server's own.

use rusqlite::{Connection, params};

/// Those whose key begins with `prefix`, in order.
pub(crate) fn under(connection: &Connection, prefix: &str) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare_cached(
        "SELECT key, text
           FROM note
          WHERE substr(key, 1, length(?1)) = ?1
          ORDER BY key",
    )?;
    statement.query_map(params![prefix], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Writes one, or removes it.
pub(crate) fn put(connection: &Connection, key: &str, text: Option<&str>) -> rusqlite::Result<()> {
    match text {
        Some(text) => connection
            .prepare_cached("INSERT INTO note (key, text) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET text = ?2")?
            .execute(params![key, text])?,
        None => connection.prepare_cached("DELETE FROM note WHERE key = ?1")?.execute(params![key])?,
    };
    Ok(())
}
