//! The smallest pack in `examples/` passes its own test.
#![allow(clippy::unwrap_used, reason = "a test says by its name what went wrong")]

use std::path::Path;
use std::process::Command;

#[test]
fn the_smallest_pack_does_what_its_fixture_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/smallest-pack").canonicalize().unwrap();
    // What is built already need not be built again: the same versions, the same target folder.
    let built = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned();
    let mut cargo = Command::new("cargo");
    cargo.current_dir(folder).args(["test", "--offline", "--locked", "--lib"]).env("CARGO_TARGET_DIR", built);
    let output = cargo.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
}
