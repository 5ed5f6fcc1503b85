//! The smallest packs in `examples/`, built for real: the one in Rust, and the same in C where there is a compiler.
#![allow(clippy::unwrap_used, reason = "a test says by its name what went wrong")]

use std::path::{Path, PathBuf};
use std::process::Command;

use wit_component::{OutputToString, WitPrinter};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name).canonicalize().unwrap()
}

/// What a component imports and exports, as WIT.
fn interfaces(component: &[u8]) -> String {
    let decoded = wit_component::decode(component).unwrap();
    let mut printer = WitPrinter::new(OutputToString::default());
    printer.emit_docs(false);
    printer.print(decoded.resolve(), decoded.package(), &[]).unwrap();
    printer.output.to_string()
}

/// The lines of its world.
fn world(wit: &str) -> Vec<&str> {
    wit.lines().map(str::trim).filter(|line| line.starts_with("import ") || line.starts_with("export ")).collect()
}

#[test]
fn the_smallest_pack_imports_nothing_but_the_log_in_rust_and_in_c() {
    let rust = easel_pack_build::build(&example("smallest-pack")).unwrap();
    only_describes(&rust);
    let carried = easel_pack_build::sections(&rust).unwrap();
    assert!(carried.fixtures.contains_key("q1-short-answers"), "{:?}", carried.fixtures.keys());

    let Some(compiler) = COMPILERS.into_iter().find(|compiler| makes_modules(compiler)) else {
        println!("skipped: no C compiler for wasm32 (install clang with lld, or `pip install ziglang`)");
        return;
    };
    let c = example("smallest-pack-c");
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("smallest.wasm");
    let output = cc(compiler, &c).arg("-o").arg(&module).args(SOURCES).output().unwrap();
    assert!(output.status.success(), "{compiler:?}: {}", String::from_utf8_lossy(&output.stderr));
    let c = easel_pack_build::componentize(&std::fs::read(&module).unwrap()).unwrap();
    only_describes(&c);

    // The bindings in C are generated and kept: they are those of the contract as it is.
    assert_eq!(interfaces(&c), interfaces(&rust));
}

fn only_describes(component: &[u8]) {
    let wit = interfaces(component);
    let (exports, imports): (Vec<_>, Vec<_>) = world(&wit).into_iter().partition(|line| line.starts_with("export "));
    assert_eq!(exports, ["export easel:plugin/describe@0.1.0;"]);
    for import in imports {
        let ours = ["import easel:plugin/log@0.1.0;", "import easel:plugin/types@0.1.0;"];
        assert!(ours.contains(&import), "{import}");
    }
}

/// C compilers that may know WebAssembly.
const COMPILERS: [&[&str]; 3] = [&["clang"], &["zig", "cc"], &["python3", "-m", "ziglang", "cc"]];

/// As `examples/smallest-pack-c/README.md` has it.
const FLAGS: [&str; 9] = [
    "-std=c11",
    "-Os",
    "-ffreestanding",
    "-fno-builtin",
    "-nostdlib",
    "-I",
    "freestanding",
    "-Wl,--no-entry",
    "-Wl,-z,stack-size=65536",
];
const SOURCES: [&str; 4] =
    ["smallest.c", "freestanding/memory.c", "bindings/data_plugin.c", "bindings/data_plugin_component_type.o"];

fn cc(compiler: &[&str], folder: &Path) -> Command {
    let target = if compiler == ["clang"] { "--target=wasm32" } else { "--target=wasm32-freestanding" };
    let mut command = Command::new(compiler[0]);
    command.current_dir(folder).args(&compiler[1..]).arg(target).args(FLAGS);
    // What it keeps for the next time goes where what is built goes.
    command.env("ZIG_GLOBAL_CACHE_DIR", env!("CARGO_TARGET_TMPDIR"));
    command.env("ZIG_LOCAL_CACHE_DIR", env!("CARGO_TARGET_TMPDIR"));
    command
}

fn makes_modules(compiler: &[&str]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty.c"), "int nothing;\n").unwrap();
    let made = cc(compiler, folder.path()).args(["-o", "empty.wasm", "empty.c"]).output();
    made.is_ok_and(|made| made.status.success())
}
