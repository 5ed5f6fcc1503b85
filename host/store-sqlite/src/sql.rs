//! Values on their way into columns and back.

use easel_protocol::DeviceFacts;
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

/// The shape of what is known of a device: since there is an origin at its end.
const SHAPE_OF_FACTS: u8 = 2;

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
        Some((&SHAPE, encoded)) => from_postcard(encoded, column),
        Some((shape, _)) => Err(broken(format!("shape {shape} of an encoded value is unknown").into())),
        None => Err(broken("an encoded value is empty".into())),
    }
}

/// Encodes what is known of a device.
pub(crate) fn encode_facts(facts: &DeviceFacts) -> Vec<u8> {
    let mut bytes = encode(facts);
    bytes[0] = SHAPE_OF_FACTS;
    bytes
}

/// Reads what is known of a device.
pub(crate) fn decode_facts(row: &Row<'_>, column: usize) -> rusqlite::Result<DeviceFacts> {
    match row.get_ref(column)?.as_blob().ok().and_then(<[u8]>::split_first) {
        Some((&SHAPE_OF_FACTS, encoded)) => from_postcard(encoded, column),
        // The origin is the last field, and an unknown one the byte 0.
        Some((&SHAPE, encoded)) => from_postcard(&[encoded, &[0]].concat(), column),
        Some(_) | None => decode(row, column),
    }
}

fn from_postcard<T: DeserializeOwned>(encoded: &[u8], column: usize) -> rusqlite::Result<T> {
    postcard::from_bytes(encoded)
        .map_err(|cause| rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, Box::new(cause)))
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
    use easel_protocol::Origin;
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

    #[test]
    fn facts_that_were_written_before_there_was_an_origin_are_read_without_one() {
        let connection = Connection::open_in_memory().unwrap();
        let read = |bytes: Vec<u8>| {
            connection.query_row("SELECT ?1", [bytes], |row| decode_facts(row, 0)).map_err(|error| error.to_string())
        };
        let known = DeviceFacts {
            device_id: "ABC".to_owned(),
            information: [("OS".to_owned(), "S60".to_owned())].into(),
            origin: Origin::Cloud,
            ..DeviceFacts::default()
        };
        assert_eq!(read(encode_facts(&known)).unwrap(), known);
        let mut before = encode(&known);
        assert_eq!(before.pop(), Some(1), "the origin is last");
        assert_eq!(read(before).unwrap(), DeviceFacts { origin: Origin::Unknown, ..known });
        assert!(read(vec![9, 0]).unwrap_err().contains("shape 9"));
        assert!(read(Vec::new()).unwrap_err().contains("empty"));
        assert!(read(vec![SHAPE_OF_FACTS, 200]).is_err());
    }
}
