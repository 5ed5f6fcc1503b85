//! What attacks leave behind. In a process of its own: the memory that is measured is the process's.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use easel_plugin::Outcome;
use easel_plugin_wasm::Overrides;
use easel_plugins_tests::{Bench, contact, odd, send};

/// What the process has in memory, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_thousand_attacks_of_each_kind_leave_no_memory_behind() {
    let bench = Bench::default();
    let packs = bench.packs(Overrides::default(), [bench.load(odd())]);
    for word in ["panic", "bomb", "recurse", "huge", "endless-text", "forged-node", "much-text", "rude", "spin"] {
        let turn = |number: u32| {
            send(&packs, &format!("odd/{word}"), contact(&number.to_string()));
            bench.clock.advance(Duration::from_secs(61));
        };
        (0..200).for_each(turn);
        let before = resident();
        // What is bound by time says the same in fewer turns: 200 loops are four seconds.
        let turns = if word == "spin" { 200 } else { 1_000 };
        (200..200 + turns).for_each(turn);
        let after = resident();
        // A thousand times what one left would be 40 MB of pictures and up to 16 GB of guests.
        assert!(after < before + 4 * 1024, "{word}: {before} KiB before, {after} KiB after");
    }
    assert_ne!(send(&packs, "odd/edit", contact("x")), Outcome::As(contact("x")), "no instance was lost");
}
