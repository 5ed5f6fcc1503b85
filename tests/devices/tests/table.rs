//! The table of the README and the tests name each other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The last case.
const LAST: usize = 91;

#[test]
fn every_case_has_a_row_and_every_row_has_its_test_or_says_why_there_is_none() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in fs::read_dir(root.join("tests")).unwrap().flatten() {
        let source = fs::read_to_string(entry.path()).unwrap();
        let mut lines = source.lines().peekable();
        while let Some(line) = lines.next() {
            let name = lines.peek().and_then(|next| next.strip_prefix("fn ")).and_then(|rest| rest.split('(').next());
            if let Some(name) = name.filter(|name| line == "#[test]" && name.starts_with("tc")) {
                tests.entry(name[..4].to_uppercase()).or_default().push(name.to_owned());
            }
        }
    }
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let rows: Vec<(&str, &str)> =
        readme.lines().filter_map(|line| line.strip_prefix("| TC")?.trim_end_matches(" |").split_once(" | ")).collect();
    let cases: Vec<String> = rows.iter().map(|(case, _)| format!("TC{case}")).collect();
    assert_eq!(cases, (1..=LAST).map(|number| format!("TC{number:02}")).collect::<Vec<_>>());
    for (case, (_, said)) in cases.iter().zip(&rows) {
        let named: Vec<&str> = said.split('`').skip(1).step_by(2).filter(|name| name.starts_with("tc")).collect();
        let mut there = tests.remove(case).unwrap_or_default();
        there.sort_unstable();
        assert_eq!(named, there, "{case}");
        let reason = said.strip_prefix("none: ").is_some_and(|reason| reason.len() > 10);
        assert_ne!(reason, !there.is_empty(), "{case}: {said}");
    }
    assert_eq!(tests, BTreeMap::new(), "tests of no case");
}
