//! Every target of `tests/fuzz` with the seeds it begins with, each of them cut short and spoiled, and with what the
//! fuzzer kept.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

#[path = "../../fuzz/entries/mod.rs"]
mod entries;

/// A target by name, the folders below `tests` with its seeds, and how their names end.
type Target = (&'static str, fn(&[u8]), &'static [(&'static str, &'static str)]);

const TARGETS: [Target; 8] = [
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
    ("proxy", entries::proxy::run, &[("fuzz/seeds/proxy", "")]),
];

/// Cuts and spoiled bytes of each seed.
const SPOILED: usize = 24;

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
fn everything_the_fuzzer_kept_passes_through_its_target() {
    for (name, run, _) in TARGETS {
        let kept = seeds(&format!("fuzz/kept/{name}"), "");
        assert!(!kept.is_empty(), "{name}");
        kept.iter().for_each(|bytes| run(bytes));
    }
}
