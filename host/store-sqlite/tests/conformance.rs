//! The suite every store must pass, and the game every store plays.

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
fn phones_hold_what_they_should_over_random_games() {
    for seed in 0..25 {
        let (dir, store) = sqlite(Arc::new(LocalBus::default()));
        easel_store::model::play(store, seed, 60, |store| {
            drop(store);
            SqliteStore::open(dir.path(), Arc::new(LocalBus::default())).unwrap()
        });
    }
}
