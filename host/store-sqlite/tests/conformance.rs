//! The suite every store must pass, and the game every store plays.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;

use easel_store::{Bus, LocalBus};
use easel_store_sqlite::SqliteStore;
use tempfile::TempDir;

fn sqlite(bus: Arc<dyn Bus>) -> (TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path(), bus).unwrap();
    (dir, store)
}

easel_store::conformance!(sqlite);

/// Where a sync costs nothing, if there is such a place: the games are about what is kept, not about the disk.
fn quick_directory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

#[test]
fn five_hundred_games_end_with_every_phone_holding_its_window() {
    for seed in 0..500 {
        let dir = quick_directory();
        let open = || SqliteStore::open(dir.path(), Arc::new(LocalBus::default())).unwrap();
        easel_store::model::play(open(), seed, 60, |store| {
            drop(store);
            open()
        });
    }
}
