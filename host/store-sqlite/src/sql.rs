//! Values on their way into columns and back.

use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version of the shape of every encoded column. A shape that changes gets the next number and a way to read this.
const SHAPE: u8 = 1;

/// A number as SQLite keeps it. No number given out by a store is so large that it is cut here; one that a client made
/// up becomes the largest, which nothing has.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A bound on rows.
pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A number that is never negative.
pub(crate) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// Encodes a value for a column.
pub(crate) fn encode(value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, vec![SHAPE]).expect("values of the store have no part that postcard cannot write")
}

/// Reads an encoded column.
pub(crate) fn decode<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let broken = |cause: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, cause)
    };
    let bytes = row.get_ref(column)?.as_blob().map_err(|cause: FromSqlError| broken(Box::new(cause)))?;
    match bytes.split_first() {
        Some((&SHAPE, encoded)) => postcard::from_bytes(encoded).map_err(|cause| broken(Box::new(cause))),
        Some((shape, _)) => Err(broken(format!("shape {shape} of an encoded value is unknown").into())),
        None => Err(broken("an encoded value is empty".into())),
    }
}

/// A column that must hold one of a few values and does not.
pub(crate) fn unknown(column: usize, value: i64) -> rusqlite::Error {
    rusqlite::Error::IntegralValueOutOfRange(column, value)
}

/// How SQLite answers a question of so many values, on the connections of this room.
#[cfg(test)]
pub(crate) fn plan(question: &str, values: usize) -> String {
    let dir = tempfile::tempdir().unwrap();
    let opened = crate::schema::open(&crate::connection::Files::inside(dir.path())).unwrap();
    let mut statement = opened.easel.prepare(&format!("EXPLAIN QUERY PLAN {question}")).unwrap();
    let values = rusqlite::params_from_iter((0..values).map(|_| 1));
    let steps = statement.query_map(values, |row| row.get::<_, String>(3)).unwrap();
    steps.map(Result::unwrap).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use easel_protocol::MailRecord;
    use rusqlite::{Connection, params};

    use super::*;

    fn read<T: DeserializeOwned>(stored: &[u8]) -> rusqlite::Result<T> {
        let connection = Connection::open_in_memory()?;
        connection.query_row("SELECT ?", params![stored], |row| decode(row, 0))
    }

    #[test]
    fn an_encoded_value_is_read_back() {
        let record = MailRecord { read: true, categories: vec!["Blau".into()], ..MailRecord::arrived(-5) };
        assert_eq!(read::<MailRecord>(&encode(&record)).unwrap(), record);
    }

    #[test]
    fn a_damaged_value_is_an_error() {
        let record = encode(&MailRecord::arrived(5));
        for stored in [&[][..], &[SHAPE], &record[..record.len() - 1], &[SHAPE + 1, 0, 0]] {
            assert!(read::<MailRecord>(stored).is_err(), "{stored:?}");
        }
    }

    #[test]
    fn a_number_beyond_all_given_out_becomes_the_largest() {
        assert_eq!((int(7), int(u64::MAX)), (7, i64::MAX));
    }
}
