//! The smallest pack in `examples/`, built for real. The same in C: `host/server/tests/c_example.rs`.
#![allow(clippy::unwrap_used, reason = "a test says by its name what went wrong")]

use std::path::Path;

use wit_component::{OutputToString, WitPrinter};

/// The lines of a component's world, as WIT.
fn world(component: &[u8]) -> Vec<String> {
    let decoded = wit_component::decode(component).unwrap();
    let mut printer = WitPrinter::new(OutputToString::default());
    printer.emit_docs(false);
    printer.print(decoded.resolve(), decoded.package(), &[]).unwrap();
    let wit = printer.output.to_string();
    let lines = wit.lines().map(str::trim).filter(|line| line.starts_with("import ") || line.starts_with("export "));
    lines.map(ToOwned::to_owned).collect()
}

#[test]
fn the_smallest_pack_imports_nothing_but_the_log() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/smallest-pack");
    let pack = easel_pack_build::build(&example).unwrap();
    let (exports, imports): (Vec<_>, Vec<_>) = world(&pack).into_iter().partition(|line| line.starts_with("export "));
    assert_eq!(exports, ["export easel:plugin/describe@0.1.0;"]);
    for import in &imports {
        let ours = ["import easel:plugin/log@0.1.0;", "import easel:plugin/types@0.1.0;"];
        assert!(ours.contains(&import.as_str()), "{import}");
    }
    let carried = easel_pack_build::sections(&pack).unwrap();
    assert!(carried.fixtures.contains_key("q1-short-answers"), "{:?}", carried.fixtures.keys());
}
