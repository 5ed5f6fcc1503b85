//! Easel's store on SQLite: [`SqliteStore`] keeps the promises of [`easel_store::Store`] in two files.
//!
//! `easel.db` holds everything small, `mail.db` the bytes of mails. Each file has one thread that writes, commits
//! whoever waits together and answers after the commit (`writer.rs`); readers come from a pool, one for each snapshot.
//! The schema is `migrations/*.sql`; settings of connections are in `connection.rs`, and nowhere else. The room knows
//! no command and parses no object.
//!
//! Start at [`SqliteStore::open`]; what a commit does is in `commit.rs`, what a look sees in `snapshot.rs`, what is held
//! in memory in `warm.rs`.

mod app_passwords;
mod backup;
mod blobs;
mod chores;
mod commit;
mod connection;
mod conversations;
mod devices;
mod directory;
mod error;
mod folders;
mod gal;
mod lock;
mod log;
mod meter;
mod notes;
mod numbers;
mod outgoing;
mod pool;
mod quarantine;
mod removal;
mod restore;
mod schema;
mod search;
mod snapshot;
mod sql;
mod store;
mod trouble;
mod warm;
mod writer;

pub use error::SqliteError;
pub use lock::{DataLock, lock};
pub use meter::{Commits, Vitals};
pub use restore::{RestoreError, Restored, Verified, verify};
pub use store::SqliteStore;
