//! A mixed run: who works with one mailbox at the same time, each until the server is gone, and what each knows that must
//! be there when it is back. Owners of phones are those of `tests/owner`.

mod answers;
mod importer;
mod phones;
mod postman;
mod vendor;
mod watcher;

pub(crate) use answers::{Answers, Moment, wait};
pub(crate) use importer::Importer;
pub(crate) use postman::Postman;
pub(crate) use vendor::Vendor;
pub(crate) use watcher::Watcher;

/// Mails that are imported have numbers from here on.
pub(crate) const IMPORTED_FROM: u32 = 100_000_000;
