//! Guides say what they must: `tests/fixtures/guides/required-words.toml` against the guides of every pack.
#![allow(clippy::unwrap_used, reason = "a test says by its name what went wrong")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// The languages every guide is in.
const LANGUAGES: [&str; 3] = ["de", "en", "fr"];

/// The devices of the manual, each with a guide at least.
const MANUAL: [&str; 14] = [
    "android-g1-moxier",
    "android-g1-roadsync",
    "android-g1-touchdown",
    "blackberry-astrasync",
    "htc-touch-diamond-2",
    "iphone-2g",
    "iphone-3g",
    "iphone-3gs",
    "motorola-moto-q9",
    "nokia-e51",
    "nokia-n95",
    "nokia-n97",
    "samsung-omnia-i900",
    "sony-ericsson-xperia-x1",
];

/// What is filled in for the owner of a device.
const PLACEHOLDERS: [&str; 6] = ["address", "domain", "domain-or-default", "login", "server", "user"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Required {
    guide: Vec<RequiredGuide>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequiredGuide {
    device: String,
    pack: String,
    steps_min: usize,
    words: BTreeMap<String, Vec<String>>,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn required() -> Vec<RequiredGuide> {
    let text = std::fs::read_to_string(repository().join("tests/fixtures/guides/required-words.toml")).unwrap();
    toml::from_str::<Required>(&text).unwrap().guide
}

/// Every guide there is: pack, language, device, text.
fn guides() -> Vec<(String, String, String, String)> {
    let entries = |folder: &Path| {
        let listed = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap());
        let mut named: Vec<_> = listed.map(|entry| (entry.file_name().into_string().unwrap(), entry.path())).collect();
        named.sort();
        named
    };
    let mut found = Vec::new();
    for (pack, folder) in entries(&repository().join("plugins")) {
        for (language, folder) in entries(&folder.join("guides")) {
            for (file, path) in entries(&folder) {
                let device = file.strip_suffix(".md").unwrap_or_else(|| panic!("{} is no guide", path.display()));
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((pack.clone(), language.clone(), device.to_owned(), text));
            }
        }
    }
    found
}

/// Runs of white space, no-break spaces among them, are one blank.
fn normalised(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The numbers of its steps.
fn steps(text: &str) -> Vec<usize> {
    text.lines().filter_map(|line| line.split_once(". ")?.0.parse().ok()).collect()
}

/// What stands in braces.
fn placeholders(text: &str) -> Vec<&str> {
    text.split('{').skip(1).map(|after| after.split_once('}').map_or(after, |(name, _)| name)).collect()
}

/// What is missing or wrong in one guide.
fn wrong_in(text: &str, steps_min: usize, words: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    let plain = normalised(text);
    let missing = words.iter().filter(|word| !plain.contains(&normalised(word)));
    wrong.extend(missing.map(|word| format!("it does not say {word:?}")));
    let steps = steps(text);
    if steps.len() < steps_min {
        wrong.push(format!("it has {} steps, and needs {steps_min}", steps.len()));
    }
    if !steps.iter().copied().eq(1..=steps.len()) {
        wrong.push(format!("its steps are numbered {steps:?}"));
    }
    let sections = text.lines().filter(|line| line.starts_with("## ")).count();
    if !text.starts_with("# ") || text.lines().filter(|line| line.starts_with("# ")).count() != 1 || sections < 3 {
        wrong.push("it needs one heading at its beginning and sections below it".to_owned());
    }
    let strangers = placeholders(text).into_iter().filter(|name| !PLACEHOLDERS.contains(name));
    wrong.extend(strangers.map(|name| format!("nothing is filled in for {{{name}}}")));
    wrong
}

#[test]
fn every_guide_says_what_it_must() {
    let guides = guides();
    let mut wrong = Vec::new();
    for required in required() {
        for language in LANGUAGES {
            let place = format!("{}/guides/{language}/{}.md", required.pack, required.device);
            let words = required.words.get(language).map(Vec::as_slice).unwrap_or_default();
            let is_it = |guide: &&(String, String, String, String)| {
                guide.0 == required.pack && guide.1 == language && guide.2 == required.device
            };
            if words.is_empty() {
                wrong.push(format!("{place}: nothing is required of it"));
            }
            match guides.iter().find(is_it) {
                None => wrong.push(format!("{place} is missing")),
                Some((.., text)) => {
                    let found = wrong_in(text, required.steps_min, words);
                    wrong.extend(found.into_iter().map(|what| format!("{place}: {what}")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_device_of_the_manual_has_a_guide_and_every_guide_its_words() {
    let required = required();
    let devices: BTreeSet<_> = required.iter().map(|guide| guide.device.as_str()).collect();
    let missing: Vec<_> = MANUAL.iter().filter(|device| !devices.contains(**device)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let wanted = |pack: &str, device: &str| required.iter().any(|guide| guide.pack == pack && guide.device == device);
    let strangers: Vec<_> = guides()
        .into_iter()
        .filter(|(pack, language, device, _)| !wanted(pack, device) || !LANGUAGES.contains(&language.as_str()))
        .map(|(pack, language, device, _)| format!("{pack}/guides/{language}/{device}.md"))
        .collect();
    assert!(strangers.is_empty(), "no words are required of {strangers:?}");
}

#[test]
fn a_guide_that_says_less_is_found_out() {
    let guide =
        "# Phone\n\n## Before\n\nType\u{a0}`{server}`\nand wait.\n\n## Steps\n\n1. One.\n2. Two.\n\n## Trouble\n";
    let words = ["{server}".to_owned(), "Type `{server}` and wait.".to_owned()];
    assert_eq!(wrong_in(guide, 2, &words), [] as [&str; 0]);
    assert_eq!(wrong_in(guide, 3, &words), ["it has 2 steps, and needs 3"]);
    assert_eq!(wrong_in(guide, 2, &["type".to_owned()]), ["it does not say \"type\""]);
    assert_eq!(wrong_in(&guide.replace("2. ", "3. "), 2, &words), ["its steps are numbered [1, 3]"]);
    let stranger = guide.replace("Two", "{password}");
    assert_eq!(wrong_in(&stranger, 2, &words), ["nothing is filled in for {password}"]);
    let headless = guide.replace("# Phone", "Phone");
    assert_eq!(wrong_in(&headless, 2, &words), ["it needs one heading at its beginning and sections below it"]);
}
