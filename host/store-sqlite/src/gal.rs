//! The address list, searched through an index of every start at which an entry can match.

use std::collections::BTreeSet;

use easel_store::{GalEntry, TenantId};
use rusqlite::{Connection, params};

use crate::directory::check_tenant;
use crate::error::Failure;
use crate::sql::{decode, encode, int};

/// Characters of a start that are kept; what is longer is decided by the entry itself.
const WORD_MAX: usize = 64;

pub(crate) fn put(connection: &Connection, tenant: TenantId, entry: &GalEntry) -> Result<(), Failure> {
    check_tenant(connection, tenant)?;
    let folded = entry.email.to_lowercase();
    let user = entry.user.map(|user| int(user.0));
    let sql = "DELETE FROM gal WHERE (tenant = ?1 AND folded = ?2) OR user = ?3";
    connection.prepare_cached(sql)?.execute(params![int(tenant.0), folded, user])?;
    let sql = "INSERT INTO gal (tenant, folded, sort, user, entry) VALUES (?1, ?2, ?3, ?4, ?5)";
    connection.prepare_cached(sql)?.execute(params![
        int(tenant.0),
        folded,
        entry.display_name.to_lowercase(),
        user,
        encode(entry)
    ])?;
    let gal = connection.last_insert_rowid();
    let mut statement = connection.prepare_cached("INSERT INTO gal_word (tenant, word, gal) VALUES (?1, ?2, ?3)")?;
    for word in starts(entry) {
        statement.execute(params![int(tenant.0), word, gal])?;
    }
    Ok(())
}

pub(crate) fn search(
    connection: &Connection,
    tenant: TenantId,
    query: &str,
    limit: usize,
) -> rusqlite::Result<Vec<GalEntry>> {
    let first = cut(&query.trim().to_lowercase());
    if first.is_empty() || limit == 0 {
        return Ok(Vec::new());
    }
    let sql = "SELECT entry FROM gal
               WHERE id IN (SELECT gal FROM gal_word WHERE tenant = ?1 AND word >= ?2 AND word < ?3)
               ORDER BY sort, folded";
    let last = format!("{first}{}", char::MAX);
    let mut statement = connection.prepare_cached(sql)?;
    let entries = statement.query_map(params![int(tenant.0), first, last], |row| decode::<GalEntry>(row, 0))?;
    entries.filter(|entry| entry.as_ref().map_or(true, |entry| entry.matches(query))).take(limit).collect()
}

/// A superset of the places where [`GalEntry::matches`] can find a query.
fn starts(entry: &GalEntry) -> BTreeSet<String> {
    let fields = [
        &entry.display_name,
        &entry.alias,
        &entry.first_name,
        &entry.last_name,
        &entry.email,
        &entry.company,
        &entry.office,
    ];
    let mut starts = BTreeSet::new();
    for field in fields.map(|field| field.to_lowercase()) {
        starts.extend(field.split([' ', ',', '-', '@', '.', '(']).map(cut));
        starts.extend(field.split(' ').map(cut));
        starts.insert(cut(&field));
    }
    starts.remove("");
    starts
}

fn cut(text: &str) -> String {
    text.chars().take(WORD_MAX).collect()
}
