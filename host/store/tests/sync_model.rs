//! The test that decides: what every phone holds, compared after every step with what it should hold.

use std::sync::Arc;

use easel_store::{LocalBus, MemoryStore, model};

#[test]
fn ten_thousand_games_end_with_every_phone_holding_its_window() {
    for seed in 0..10_000 {
        model::play(MemoryStore::new(Arc::new(LocalBus::default())), seed, 120, |store| store);
    }
}
