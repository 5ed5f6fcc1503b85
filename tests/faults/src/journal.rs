//! Everything that happened on a disk, in order.

use crate::format::{HEAD, Kind};

/// What happened on a disk.
#[derive(Debug)]
pub struct Journal(Vec<Record>);

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The length of the journal with this record.
    pub end: u64,
    /// What happened.
    pub kind: Kind,
    /// The number of the file; 0 for what happened to names only.
    pub file: u64,
    /// An offset in bytes, a length, or the rights of what was made.
    pub number: u64,
    /// The path, relative to the root.
    pub path: String,
    /// What was written, or a new path.
    pub data: Vec<u8>,
}

impl Journal {
    /// Reads one. A record that is being written is left out.
    ///
    /// # Panics
    /// When it makes no sense.
    pub fn read(bytes: &[u8]) -> Self {
        let mut records = Vec::new();
        let mut at = 0;
        while let Some(record) = record(bytes, at) {
            at = usize::try_from(record.end).expect("it is in memory");
            records.push(record);
        }
        Self(records)
    }

    /// The records, in order.
    pub fn records(&self) -> &[Record] {
        &self.0
    }
}

fn record(bytes: &[u8], at: usize) -> Option<Record> {
    let head = bytes.get(at..at + HEAD)?;
    let long = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
    let short = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes")) as usize;
    let kind = Kind::ALL.into_iter().find(|kind| *kind as u8 == head[0]);
    let kind = kind.unwrap_or_else(|| panic!("a record of kind {} at {at}", head[0]));
    let (path_at, data_at) = (at + HEAD, at + HEAD + short(17));
    let end = data_at + short(21);
    let (path, data) = (bytes.get(path_at..data_at)?, bytes.get(data_at..end)?);
    let path = String::from_utf8(path.to_vec()).expect("paths of tests are UTF-8");
    Some(Record { end: end as u64, kind, file: long(1), number: long(9), path, data: data.to_vec() })
}
