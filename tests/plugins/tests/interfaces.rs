//! `wit/INTERFACES.md`: which interface each quirk uses, held against the packs, their fixtures and the contract.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// How a fixture asks an interface.
const QUESTIONS: [(&str, &str); 8] = [
    ("[folder-change]", "folder-change"),
    ("[incoming]", "items.incoming"),
    ("[mail]", "mail"),
    ("[meeting]", "meeting"),
    ("[outgoing]", "items.outgoing"),
    ("[profile]", "describe"),
    ("[recover]", "recover"),
    ("[wire]", "wire"),
];

/// A quirk, the pack that answers it, and the interface that does.
type Answered = (String, String, String);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    fs::read_to_string(root().join("wit/INTERFACES.md")).unwrap()
}

/// The rows of the tables that have so many columns.
fn rows(page: &str, columns: usize) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        let line = line.trim().trim_matches('|');
        line.split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    let is_quirk = |cells: &Vec<String>| {
        let id = cells[0].as_str();
        id.len() == 3 && id.starts_with(|c: char| c.is_ascii_uppercase()) && id[1..].parse::<u8>().is_ok()
    };
    let lines = page.lines().filter(|line| line.starts_with('|'));
    lines.map(cells).filter(|cells| cells.len() == columns && is_quirk(cells)).collect()
}

/// The words in backquotes.
fn words(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

fn listed() -> BTreeSet<Answered> {
    let page = page();
    let of = |row: &Vec<String>| -> Vec<Answered> {
        words(&row[2]).map(|interface| (row[0].clone(), row[1].clone(), interface.to_owned())).collect()
    };
    rows(&page, 4).iter().flat_map(of).collect()
}

/// What the fixtures of the packs ask: for all their quirks, or for the one that names the file. Every quirk of a fixture
/// stands in the manifest of its pack, and the first in the name of its file: each pack's own test sees to that.
fn shown(named: bool) -> BTreeSet<Answered> {
    let mut shown = BTreeSet::new();
    for pack in fs::read_dir(root().join("plugins")).unwrap() {
        let pack = pack.unwrap();
        let Ok(fixtures) = fs::read_dir(pack.path().join("fixtures")) else { continue };
        for fixture in fixtures {
            let text = fs::read_to_string(fixture.unwrap().path()).unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix("quirks = ")).unwrap();
            let quirks = line.split('"').skip(1).step_by(2).take(if named { 1 } else { usize::MAX });
            let (_, interface) = QUESTIONS
                .into_iter()
                .find(|(question, _)| text.lines().any(|line| line.trim() == *question))
                .unwrap_or(("", "describe"));
            let name = pack.file_name().to_string_lossy().into_owned();
            shown.extend(quirks.map(|quirk| (quirk.to_owned(), name.clone(), interface.to_owned())));
        }
    }
    shown
}

#[test]
fn every_row_has_a_fixture_of_its_pack_that_asks_the_interface() {
    let (listed, shown) = (listed(), shown(true));
    assert!(listed.len() > 30, "{}", listed.len());
    let bare: Vec<_> = listed.difference(&shown).collect();
    assert!(bare.is_empty(), "no fixture shows {bare:?}");
}

#[test]
fn every_quirk_that_a_pack_answers_by_code_has_a_row() {
    let listed = listed();
    let missing: Vec<_> = shown(false).into_iter().filter(|row| row.2 != "describe" && !listed.contains(row)).collect();
    assert!(missing.is_empty(), "wit/INTERFACES.md has no row for {missing:?}");
}

#[test]
fn every_word_of_the_contract_that_a_row_names_is_there_and_no_row_is_empty() {
    let mut contract = String::new();
    for file in fs::read_dir(root().join("wit")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            let text = fs::read_to_string(path).unwrap();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            contract.extend(code.flat_map(|line| [line, "\n"]));
        }
    }
    let known: BTreeSet<&str> =
        contract.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| !word.is_empty()).collect();
    let page = page();
    let (ours, others) = (rows(&page, 4), rows(&page, 3));
    assert!(ours.len() > 25 && others.len() > 20, "{} {}", ours.len(), others.len());
    for row in ours.iter().chain(&others) {
        assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
        for word in row[1..].iter().flat_map(|cell| words(cell)).flat_map(|word| word.split('.')) {
            assert!(known.contains(word), "{} names {word:?}, which the contract does not have", row[0]);
        }
    }
    let ids = |rows: &[Vec<String>]| rows.iter().map(|row| row[0].clone()).collect::<BTreeSet<_>>();
    let twice: Vec<_> = ids(&ours).intersection(&ids(&others)).cloned().collect();
    assert!(twice.is_empty(), "{twice:?} stand in both tables");
}
