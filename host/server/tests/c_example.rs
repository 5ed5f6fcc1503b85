//! The smallest pack in C, from its source to the sandbox, as `examples/smallest-pack-c/README.md` has it.
//!
//! A harness of its own: where no C compiler makes WebAssembly the tests are ignored, counted as ignored, and one line
//! on standard error says why.
#![expect(clippy::unwrap_used, reason = "a panic in a test says what broke")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use libtest_mimic::{Arguments, Trial};
use wit_component::{OutputToString, WitPrinter};

fn main() {
    let compiler = Compiler::found();
    if compiler.is_none() {
        note(
            "ignored: the pack in C, for want of a C compiler for wasm32 (install clang and lld, or the wheel ziglang)",
        );
    }
    let trial = |name: &str, test: fn(Compiler)| {
        let run = move || {
            test(compiler.ok_or("no C compiler for wasm32")?);
            Ok(())
        };
        Trial::test(name, run).with_ignored_flag(compiler.is_none())
    };
    let trials = vec![
        trial("the_pack_in_c_does_what_its_fixture_says", the_pack_in_c_does_what_its_fixture_says),
        trial("the_bindings_in_c_are_those_of_the_contract", the_bindings_in_c_are_those_of_the_contract),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

#[expect(clippy::print_stderr, reason = "standard output belongs to whoever lists the tests")]
fn note(line: &str) {
    eprintln!("{line}");
}

fn the_pack_in_c_does_what_its_fixture_says(compiler: Compiler) {
    let work = tempfile::tempdir().unwrap();
    let (folder, module, pack) =
        (example("smallest-pack-c"), work.path().join("c.wasm"), work.path().join("pack.wasm"));
    compiler.make(&folder, &module);
    let folder = folder.to_str().unwrap();
    let (module, pack) = (module.to_str().unwrap(), pack.to_str().unwrap());
    said(&easel(&["pack", "build", folder, "--module", module, "--output", pack]), 0);
    for arguments in [&["pack", "inspect", pack][..], &["pack", "test", folder, "--module", module]] {
        let text = said(&easel(arguments), 0);
        for part in ["pack       smallest-pack-c 1.0.0", "exports    describe\n", "fixtures   1 passed"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    // The fixture is not of the kind that always holds.
    let changed = work.path().join("changed");
    copy(&example("smallest-pack-c"), &changed);
    let source = std::fs::read_to_string(changed.join("smallest.c")).unwrap();
    assert_eq!(source.matches(".val.number = 25").count(), 1);
    std::fs::write(changed.join("smallest.c"), source.replace(".val.number = 25", ".val.number = 26")).unwrap();
    compiler.make(&changed, Path::new(module));
    let text = said(&easel(&["pack", "test", changed.to_str().unwrap(), "--module", module]), 1);
    assert!(text.contains("q1-short-answers") && text.contains("does not hold"), "{text}");
}

/// They are generated and kept, so that nobody needs the generator to build the pack.
fn the_bindings_in_c_are_those_of_the_contract(compiler: Compiler) {
    let work = tempfile::tempdir().unwrap();
    let (folder, module) = (example("smallest-pack-c"), work.path().join("c.wasm"));
    compiler.make(&folder, &module);
    let c = easel_pack_build::from_module(&module, &folder).unwrap();
    let rust = easel_pack_build::build(&example("smallest-pack")).unwrap();
    assert_eq!(interfaces(&c), interfaces(&rust));
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name).canonicalize().unwrap()
}

fn easel(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_easel"));
    command.env_remove("EASEL_CONFIG").args(arguments).output().unwrap()
}

/// What a verb said that ended with this code.
#[track_caller]
fn said(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// What a component imports and exports, as WIT.
fn interfaces(component: &[u8]) -> String {
    let decoded = wit_component::decode(component).unwrap();
    let mut printer = WitPrinter::new(OutputToString::default());
    printer.emit_docs(false);
    printer.print(decoded.resolve(), decoded.package(), &[]).unwrap();
    printer.output.to_string()
}

/// A C compiler that makes WebAssembly, as a command line begins with it.
#[derive(Clone, Copy)]
struct Compiler(&'static [&'static str]);

/// Those that may.
const COMPILERS: [&[&str]; 3] = [
    &["clang", "--target=wasm32"],
    &["zig", "cc", "--target=wasm32-freestanding"],
    &["python3", "-m", "ziglang", "cc", "--target=wasm32-freestanding"],
];

/// As the example's README has them.
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

impl Compiler {
    /// The first that is installed, with the linker it needs.
    fn found() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("empty.c"), "int nothing;\n").unwrap();
        let works = |compiler: &Self| {
            let made = compiler.command(folder.path()).args(["-o", "empty.wasm", "empty.c"]).output();
            made.is_ok_and(|made| made.status.success())
        };
        COMPILERS.into_iter().map(Self).find(works)
    }

    /// Makes the module of the example in a folder.
    fn make(self, folder: &Path, module: &Path) {
        let output = self.command(folder).arg("-o").arg(module).args(SOURCES).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn command(self, folder: &Path) -> Command {
        let mut command = Command::new(self.0[0]);
        command.current_dir(folder).args(&self.0[1..]).args(FLAGS);
        // What it keeps for the next time goes where what is built goes.
        command.env("ZIG_GLOBAL_CACHE_DIR", env!("CARGO_TARGET_TMPDIR"));
        command.env("ZIG_LOCAL_CACHE_DIR", env!("CARGO_TARGET_TMPDIR"));
        command
    }
}
