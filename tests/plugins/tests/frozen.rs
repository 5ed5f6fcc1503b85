//! What was released stays as it is: the contract to the letter, and components built from it load and serve for ever.
//!
//! `tests/plugins/frozen/README.md` says how the files came about.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod every_function;

use std::fs;
use std::path::{Path, PathBuf};

use easel_plugin::DevicePlugins;
use easel_plugin_wasm::Overrides;
use easel_plugins_tests::{Bench, facts};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn frozen(name: &str) -> PathBuf {
    root().join("tests/plugins/frozen/0.1.0").join(name)
}

/// What the contract says, without what explains it: its files one after the other, comments and blank lines taken out.
fn contract() -> String {
    let is_wit = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "wit");
    let mut files: Vec<PathBuf> =
        fs::read_dir(root().join("wit")).unwrap().map(|file| file.unwrap().path()).filter(is_wit).collect();
    files.sort();
    let mut said = String::new();
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("/*"), "{}: comments are of lines", path.display());
        said.push_str(&format!("// {}\n", path.file_name().unwrap().to_string_lossy()));
        let code = text.lines().map(|line| line.split("//").next().unwrap().trim()).filter(|line| !line.is_empty());
        said.extend(code.flat_map(|line| [line, "\n"]));
    }
    said
}

/// The component of that name. `FREEZE=1` makes one that is not there; one that is there is never made again.
fn component(name: &str, guest: &str) -> Vec<u8> {
    let path = frozen(name);
    if !path.exists() && std::env::var_os("FREEZE").is_some() {
        fs::write(&path, easel_pack_build::build(&root().join(guest)).unwrap()).unwrap();
    }
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_contract_says_what_it_said_when_it_was_released() {
    let path = frozen("contract.wit");
    let now = contract();
    if !path.exists() && std::env::var_os("FREEZE").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let then = fs::read_to_string(&path).unwrap();
    let other = now.lines().zip(then.lines()).find(|(now, then)| now != then);
    assert!(
        now == then,
        "wit/ does not say what easel:plugin@0.1.0 says, first {other:?}. What is released is not changed: comments may \
         be; what is new comes as a new interface in a new version of the package, beside the old one, with the old one \
         adapted where it is served (host/plugin-wasm/src/v0_1.rs)"
    );
}

#[test]
fn a_component_of_0_1_0_with_every_function_is_loaded_and_answers() {
    every_function::check(&Bench::default(), &component("every-function.wasm", "tests/plugins/guests/odd"));
}

#[test]
fn a_component_of_0_1_0_that_only_declares_is_loaded_with_its_fixture_and_serves() {
    let bench = Bench::default();
    let pack = bench.load(&component("smallest-pack.wasm", "examples/smallest-pack"));
    assert_eq!((pack.fixtures(), pack.manifest().left_out.len()), (1, 0));
    let packs = bench.packs(Overrides::default(), [pack]);
    let serving = packs.serve(&facts("SmallPhone/1.0"));
    assert_eq!(serving.pack().unwrap().id, "smallest-pack");
    assert_eq!(serving.profile().number("sync.window_max"), 25);
}
