//! The suite every store must pass, and the game every store plays.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

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

#[test]
fn five_hundred_games_end_with_every_phone_holding_its_window() {
    for seed in 0..500 {
        let dir = common::quick_directory();
        let open = || SqliteStore::open(dir.path(), Arc::new(LocalBus::default())).unwrap();
        easel_store::model::play(open(), seed, 60, |store| {
            drop(store);
            open()
        });
    }
}
