//! Every target of `tests/fuzz` with the seeds it begins with, each of them cut short and spoiled, and with what the
//! fuzzer kept.
//!
//! `EASEL_REPLAY_CHANGED=10000` changes every seed so often at random instead of a few times, and `EASEL_REPLAY_TARGET`
//! names the one target to do so with: a fuzzer that sees nothing of what it reaches, but needs no other build.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

#[path = "../../fuzz/entries/mod.rs"]
mod entries;
#[path = "../../fuzz/entries/pack_answers.rs"]
mod pack_answers;
#[path = "../../fuzz/entries/pack_file.rs"]
mod pack_file;

/// A target by name, the folders below `tests` with its seeds, and how their names end.
type Target = (&'static str, fn(&[u8]), &'static [(&'static str, &'static str)]);

const TARGETS: [Target; 12] = [
    ("mail", entries::mail::run, &[("fixtures/mail", ".eml")]),
    (
        "calendar",
        entries::object::calendar,
        &[("fixtures/calendar", ".ics"), ("fixtures/tasks", ".ics"), ("fixtures/notes", ".ics")],
    ),
    ("contact", entries::object::contact, &[("fixtures/contacts", ".vcf")]),
    ("merge", entries::merge::run, &[("fuzz/seeds/merge", "")]),
    ("plugin_answers", entries::plugin_answers::run, &[("fuzz/seeds/plugin_answers", "")]),
    ("plugin_edits", entries::plugin_edits::run, &[("fuzz/seeds/plugin_edits", "")]),
    ("lmtp", entries::lmtp::run, &[("fuzz/seeds/lmtp", "")]),
    ("compose", entries::compose::run, &[("fuzz/seeds/compose", "")]),
    ("invitation", entries::invitation::run, &[("fuzz/seeds/invitation", "")]),
    ("pack_file", pack_file::run, &[("fuzz/seeds/pack_file", "")]),
    ("pack_answers", pack_answers::run, &[("fuzz/seeds/pack_answers", "")]),
    ("proxy", entries::proxy::run, &[("fuzz/seeds/proxy", "")]),
];

/// Cuts and spoiled bytes of each seed.
const SPOILED: usize = 24;
/// Random changes of each seed.
const CHANGED: u32 = 4;

/// Numbers without a pattern, the same at every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        // Xorshift; Marsaglia, "Xorshift RNGs", 2003.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most.max(1) as u64).unwrap()
    }

    /// A seed with a few changes: bytes, numbers, pieces taken out, doubled or put elsewhere.
    fn change(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            let (at, other) = (self.below(bytes.len()), self.below(bytes.len()));
            let end = bytes.len().min(at + 1 + self.below(40));
            match self.below(6) {
                _ if bytes.is_empty() => bytes.push(self.next() as u8),
                0 => bytes[at] = self.next() as u8,
                1 => bytes[at] ^= 1 << self.below(8),
                2 => drop(bytes.drain(at..end)),
                3 => {
                    let piece = bytes[at..end].to_vec();
                    drop(bytes.splice(other..other, piece));
                }
                4 => {
                    let numbers =
                        [0, 1, 0x7FFF_FFFF, u32::MAX, 0x2_0000 + self.below(0x2000) as u32, self.below(64) as u32];
                    let number = numbers[self.below(numbers.len())].to_le_bytes();
                    let end = bytes.len().min(at + 4);
                    bytes[at..end].copy_from_slice(&number[..end - at]);
                }
                _ => bytes.insert(at, b",;:\r\n\0\xFF0"[self.below(8)]),
            }
        }
        bytes
    }
}

fn seeds(folder: &str, end: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.to_string_lossy().ends_with(end));
    paths.map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn every_seed_passes_through_its_target_whole_cut_and_spoiled() {
    for (_, run, folders) in TARGETS {
        for (folder, end) in folders {
            let seeds = seeds(folder, end);
            assert!(!seeds.is_empty(), "{folder}");
            for seed in seeds {
                run(&seed);
                for at in (0..seed.len()).step_by(seed.len() / SPOILED + 1) {
                    run(&seed[..at]);
                    let mut spoiled = seed.clone();
                    spoiled[at] ^= 0x21;
                    run(&spoiled);
                }
            }
        }
    }
}

#[test]
fn every_seed_passes_through_its_target_changed_at_random() {
    let rounds = std::env::var("EASEL_REPLAY_CHANGED").map_or(CHANGED, |rounds| rounds.parse().unwrap());
    let only = std::env::var("EASEL_REPLAY_TARGET").ok();
    let mut played = 0;
    for (_, run, folders) in TARGETS.iter().filter(|(name, ..)| only.as_deref().is_none_or(|only| only == *name)) {
        let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
        for seed in folders.iter().flat_map(|(folder, end)| seeds(folder, end)) {
            for _ in 0..rounds {
                run(&chance.change(&seed));
                played += 1;
            }
        }
    }
    assert!(played > 0, "EASEL_REPLAY_TARGET={only:?} is no target with seeds");
}

#[test]
fn everything_the_fuzzer_kept_passes_through_its_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/kept");
    let mut played = 0;
    for (name, run, _) in TARGETS.iter().filter(|(name, ..)| folder.join(name).is_dir()) {
        let kept = seeds(&format!("fuzz/kept/{name}"), "");
        assert!(!kept.is_empty(), "{name}");
        kept.iter().for_each(|bytes| run(bytes));
        played += 1;
    }
    assert!(played >= 8, "{played} targets have something kept");
}
