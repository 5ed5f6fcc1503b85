//! Any bytes are some message: it is indexed, its index is stored and read, and every version is told of it.

use easel_items::email::{Index, index, properties, record_from_headers};
use easel_protocol::ServerId;

use super::desk;

pub(crate) fn run(bytes: &[u8]) {
    let indexed = index(bytes, desk::now());
    let stored = Index::from_bytes(&indexed.index.to_bytes()).expect("an index that was written is read");
    assert_eq!(stored, indexed.index);
    let record = record_from_headers(bytes, desk::now());
    let owner = desk::owner();
    let size = u32::try_from(bytes.len() / 2).unwrap_or(u32::MAX);
    for version in desk::VERSIONS {
        let body = desk::bodies(size);
        let view = desk::view(version, &owner, &body);
        let told = properties(ServerId::new(1), &stored, &record, &bytes, &view);
        desk::check_sent(told.expect("a message that was indexed is told of"));
    }
}
