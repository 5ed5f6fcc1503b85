//! What `easel pack new` writes builds and passes its tests at once.
#![allow(clippy::unwrap_used, reason = "a test says by its name what went wrong")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Template and place, as the template's README lists them.
const FILES: [(&str, &str); 5] = [
    (include_str!("../../sdk/template/Cargo.toml.template"), "Cargo.toml"),
    (include_str!("../../sdk/template/lib.rs.template"), "src/lib.rs"),
    (include_str!("../../sdk/template/q1-short-answers.toml.template"), "fixtures/q1-short-answers.toml"),
    (
        include_str!("../../sdk/template/q2-a-task-without-a-blank-in-front.toml.template"),
        "fixtures/q2-a-task-without-a-blank-in-front.toml",
    ),
    (include_str!("../../sdk/template/guide.md.template"), "guides/en/new-phone.md"),
];

#[test]
fn a_new_pack_passes_its_tests_at_once() {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (text, place) in FILES {
        let place = folder.path().join(place);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let sdk = plugins.join("sdk");
        fs::write(place, text.replace("{{name}}", "new-phone").replace("{{sdk}}", sdk.to_str().unwrap())).unwrap();
    }
    // What is built already need not be built again: the same versions, the same target folder.
    fs::copy(plugins.join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    let built = std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned();
    let mut cargo = Command::new("cargo");
    cargo.current_dir(folder.path()).args(["test", "--offline", "--lib"]).env("CARGO_TARGET_DIR", built);
    let output = cargo.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("2 passed"), "{said}");
}
