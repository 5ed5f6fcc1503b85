//! The durable queue of messages to be sent.

use easel_store::{BlobId, FailedRecipient, NewOutgoing, Outgoing, OutgoingId, UserId};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::sql::{decode, encode, int, limit as bound, number};

const COLUMNS: &str = "id, user, sender, recipients, blob, queued, attempts, next_attempt, last_error,
    failed, refused, delayed, delay_told, tried, waited";

fn read(row: &Row<'_>) -> rusqlite::Result<Outgoing> {
    Ok(Outgoing {
        id: OutgoingId(number(row, 0)?),
        user: UserId(number(row, 1)?),
        sender: row.get(2)?,
        recipients: decode(row, 3)?,
        blob: BlobId(number(row, 4)?),
        queued: row.get(5)?,
        attempts: row.get(6)?,
        next_attempt: row.get(7)?,
        last_error: row.get(8)?,
        failed: if row.get_ref(10)? == ValueRef::Null { older(row)? } else { decode(row, 10)? },
        delayed: if row.get_ref(11)? == ValueRef::Null { Vec::new() } else { decode(row, 11)? },
        delay_told: row.get(12)?,
        tried: row.get(13)?,
        waited: row.get(14)?,
    })
}

/// Those whom a version before 010 gave up.
fn older(row: &Row<'_>) -> rusqlite::Result<Vec<FailedRecipient>> {
    if row.get_ref(9)? == ValueRef::Null {
        return Ok(Vec::new());
    }
    let failed: Vec<(String, String)> = decode(row, 9)?;
    let read = |(recipient, reason)| FailedRecipient { recipient, reason, ..FailedRecipient::default() };
    Ok(failed.into_iter().map(read).collect())
}

pub(crate) fn queue(connection: &Connection, user: UserId, new: &NewOutgoing) -> rusqlite::Result<()> {
    let sql = "INSERT INTO outgoing (user, sender, recipients, blob, queued, attempts, next_attempt)
               VALUES (?1, ?2, ?3, ?4, ?5, 0, ?5)";
    connection.prepare_cached(sql)?.execute(params![
        int(user.0),
        new.sender,
        encode(&new.recipients),
        int(new.blob.0),
        new.queued
    ])?;
    Ok(())
}

/// The plus keeps SQLite from walking through all messages by id: most of a long queue waits for its next attempt.
const DUE: &str = "WHERE next_attempt <= ?1 ORDER BY +id LIMIT ?2";

pub(crate) fn due(connection: &Connection, now: i64, limit: usize) -> rusqlite::Result<Vec<Outgoing>> {
    let sql = format!("SELECT {COLUMNS} FROM outgoing {DUE}");
    connection.prepare_cached(&sql)?.query_map(params![now, bound(limit)], read)?.collect()
}

pub(crate) fn get(connection: &Connection, id: OutgoingId) -> rusqlite::Result<Option<Outgoing>> {
    let sql = format!("SELECT {COLUMNS} FROM outgoing WHERE id = ?1");
    connection.prepare_cached(&sql)?.query_row(params![int(id.0)], read).optional()
}

pub(crate) fn put(connection: &Connection, outgoing: &Outgoing) -> rusqlite::Result<()> {
    if outgoing.recipients.is_empty() && outgoing.failed.is_empty() {
        remove(connection, outgoing.id)?;
        return Ok(());
    }
    let sql = "UPDATE outgoing SET recipients = ?2, attempts = ?3, next_attempt = ?4, last_error = ?5,
                   failed = NULL, refused = ?6, delayed = ?7, delay_told = ?8, tried = ?9, waited = ?10
               WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![
        int(outgoing.id.0),
        encode(&outgoing.recipients),
        outgoing.attempts,
        outgoing.next_attempt,
        outgoing.last_error,
        (!outgoing.failed.is_empty()).then(|| encode(&outgoing.failed)),
        (!outgoing.delayed.is_empty()).then(|| encode(&outgoing.delayed)),
        outgoing.delay_told,
        outgoing.tried,
        outgoing.waited
    ])?;
    Ok(())
}

pub(crate) fn list(connection: &Connection, after: OutgoingId, limit: usize) -> rusqlite::Result<Vec<Outgoing>> {
    let sql = format!("SELECT {COLUMNS} FROM outgoing WHERE id > ?1 ORDER BY id LIMIT ?2");
    connection.prepare_cached(&sql)?.query_map(params![int(after.0), bound(limit)], read)?.collect()
}

/// How many messages there are.
pub(crate) fn count(connection: &Connection) -> rusqlite::Result<u64> {
    let count: i64 = connection.prepare_cached("SELECT count(*) FROM outgoing")?.query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

/// Whether it is there.
pub(crate) fn retry(connection: &Connection, id: OutgoingId, now: i64) -> rusqlite::Result<bool> {
    let Some(mut outgoing) = get(connection, id)? else { return Ok(false) };
    outgoing.retry(now);
    put(connection, &outgoing)?;
    Ok(true)
}

/// Whether it was there.
pub(crate) fn remove(connection: &Connection, id: OutgoingId) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached("DELETE FROM outgoing WHERE id = ?1")?.execute(params![int(id.0)])? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_version_gave_up_is_read_and_written_anew() {
        let dir = tempfile::tempdir().unwrap();
        let opened = crate::schema::open(&crate::connection::Files::inside(dir.path())).unwrap();
        opened.easel.pragma_update(None, "foreign_keys", false).unwrap();
        let older = vec![("x@there.example".to_owned(), "550 no".to_owned())];
        let sql = "INSERT INTO outgoing (id, user, sender, recipients, blob, queued, attempts, next_attempt, failed)
                   VALUES (1, 1, 'anna@one.example', ?1, 1, 5, 1, 5, ?2)";
        opened.easel.execute(sql, params![encode(&Vec::<String>::new()), encode(&older)]).unwrap();
        let row = due(&opened.easel, 5, 9).unwrap().remove(0);
        let failed = FailedRecipient {
            recipient: "x@there.example".into(),
            reason: "550 no".into(),
            ..FailedRecipient::default()
        };
        assert_eq!(row.failed, [failed]);
        put(&opened.easel, &row).unwrap();
        assert_eq!(get(&opened.easel, row.id).unwrap(), Some(row));
    }

    #[test]
    fn a_long_queue_is_not_walked_through() {
        let plan = crate::sql::plan(&format!("SELECT {COLUMNS} FROM outgoing {DUE}"), 2);
        assert!(plan.contains("USING INDEX outgoing_due (next_attempt<?)"), "{plan}");
    }
}
