//! The parrot: a pack whose every answer lies where the host put what it remembers of a device, so that whoever says
//! what it remembers says what it answers, byte for byte, pointers and all. `tests/fuzz` lets it say anything.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use easel_plugin::hooks::{MailVerdict, Verdict};
use easel_plugin::item::{Edit, NewContent};
use easel_plugin_wasm::{Heard, Question, rehearse};
use easel_plugins_tests::Bench;
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection, GlobalSection,
    GlobalType, MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_component::StringEncoding;
use wit_parser::Resolve;

/// Where what it remembers lies, and everything it answers.
const SAID: i32 = 0x2_0000;
/// Bytes that are taken for what it remembers.
const SAID_BYTES: i32 = 0x2000;
/// Where the words of its manifest lie: behind what it remembers.
const WORDS: i32 = 0x3_0000;
/// Where everything else is put that it is told.
const TOLD: i32 = 0x1_0000;
/// A place where all is zero: the good answer to a call for advice.
const NOTHING: i32 = 0;
const PAGES: u64 = 4;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A function that answers with a place.
fn answering(place: i32) -> Function {
    let mut function = Function::new([]);
    function.instructions().i32_const(place).end();
    function
}

/// Gives room: always the same to what has the size of what it remembers.
fn realloc() -> Function {
    let mut function = Function::new([]);
    let size = 3;
    function
        .instructions()
        .local_get(size)
        .i32_const(SAID_BYTES)
        .i32_eq()
        .if_(wasm_encoder::BlockType::Empty)
        .i32_const(SAID)
        .return_()
        .end()
        .global_get(0)
        .global_get(0)
        .local_get(size)
        .i32_add()
        .i32_const(7)
        .i32_add()
        .i32_const(-8)
        .i32_and()
        .global_set(0)
        .end();
    function
}

/// `describe.manifest` as it lies in memory, and its words.
fn manifest() -> (Vec<u8>, String) {
    let (mut record, mut words) = (Vec::new(), String::new());
    for word in ["parrot", "1.0.0", "Says what it was told", "Easel", "MIT OR Apache-2.0"] {
        record.extend((WORDS + i32::try_from(words.len()).unwrap()).to_le_bytes());
        record.extend(u32::try_from(word.len()).unwrap().to_le_bytes());
        words.push_str(word);
    }
    // No matchers, priority 0, nothing wanted, and an upgrade that does nothing.
    record.resize(record.len() + 8 + 4 + 5 * 8 + 4, 0);
    (record, words)
}

fn parrot() -> Vec<u8> {
    let hooks = [
        ("describe", "get-manifest"),
        ("profile", "for-device"),
        ("items", "outgoing"),
        ("items", "incoming"),
        ("mail", "incoming"),
        ("folder-change", "incoming"),
        ("meeting", "incoming"),
        ("wire", "incoming"),
        ("recover", "advise"),
    ];
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I32]);
    types.ty().function([ValType::I32], [ValType::I32]);
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    let (mut functions, mut exports, mut code) = (FunctionSection::new(), ExportSection::new(), CodeSection::new());
    for (at, (interface, name)) in (0..).zip(hooks) {
        functions.function(u32::from(interface != "describe"));
        exports.export(&format!("easel:plugin/{interface}@0.1.0#{name}"), ExportKind::Func, at);
        code.function(&answering(if interface == "recover" { NOTHING } else { SAID }));
    }
    functions.function(2);
    exports.export("cabi_realloc", ExportKind::Func, functions.len() - 1);
    exports.export("memory", ExportKind::Memory, 0);
    code.function(&realloc());
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: PAGES,
        maximum: Some(PAGES),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut globals = GlobalSection::new();
    let top = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    globals.global(top, &ConstExpr::i32_const(TOLD));
    let mut data = DataSection::new();
    let (record, words) = manifest();
    data.active(0, &ConstExpr::i32_const(SAID), record);
    data.active(0, &ConstExpr::i32_const(WORDS), words.into_bytes());
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&globals);
    module.section(&exports).section(&code).section(&data);
    let mut bytes = module.finish();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(root().join("wit")).unwrap();
    let world = resolve.select_world(&[package], Some("every-hook")).unwrap();
    wit_component::embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8).unwrap();
    easel_pack_build::componentize(&bytes).unwrap()
}

/// Answers as they lie in memory.
struct Said(Vec<u8>);

impl Said {
    fn numbers(numbers: &[u32]) -> Self {
        let mut said: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        said.resize(SAID_BYTES.try_into().unwrap(), 0);
        Self(said)
    }

    fn with(mut self, at: usize, text: &str) -> Self {
        self.0[at..at + text.len()].copy_from_slice(text.as_bytes());
        self
    }
}

fn place(at: u32) -> u32 {
    u32::try_from(SAID).unwrap() + at
}

#[test]
fn the_parrot_that_is_kept_is_the_one_that_is_made_here() {
    let path = root().join("tests/fuzz/parrot.wasm");
    let made = parrot();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &made).unwrap();
    }
    assert!(fs::read(&path).unwrap() == made, "UPDATE_GOLDEN=1 writes {}", path.display());
}

#[test]
fn the_parrot_answers_what_it_was_told_to_remember() {
    let bench = Bench::default();
    let pack = bench.load(&parrot());
    let hear = |question, said: &Said| rehearse(&pack, question, &said.0);

    // ok(answer { verdict: edit([set((7, text("hello")))]), state: none })
    let items = Said::numbers(&[0, 1, place(64), 1]);
    let edit = [0, 7, 1, place(128), 5].map(u32::to_le_bytes).concat();
    let mut items = items.with(128, "hello");
    items.0[64..64 + edit.len()].copy_from_slice(&edit);
    let expected = vec![Edit::Set(7, NewContent::Text("hello".to_owned()))];
    for question in [Question::ItemsIncoming, Question::ItemsOutgoing] {
        let Ok(Heard::Items(answer)) = hear(question, &items) else { panic!("{:?}", hear(question, &items)) };
        assert_eq!((answer.verdict, answer.state), (Verdict::Edit(expected.clone()), None));
    }

    // err("no"), and ok(withhold("no\n"))
    let error = Said::numbers(&[1, place(64), 2]).with(64, "no");
    for question in Question::ALL.into_iter().filter(|question| *question != Question::Manifest) {
        assert_eq!(hear(question, &error).unwrap_err(), "it says: no", "{question:?}");
    }
    let withheld = Said::numbers(&[0, 2, place(64), 3]).with(64, "no\n");
    let Ok(Heard::Mail(MailVerdict::Withhold(reason))) = hear(Question::Mail, &withheld) else { panic!() };
    assert_eq!(reason, "no");

    // Pointers that lead nowhere, lists longer than the memory, a case that there is not.
    for wild in [&[0, 1, u32::MAX - 3, 9][..], &[0, 1, place(64), u32::MAX], &[0, 1, place(0), 0x1000_0000], &[9]] {
        for question in Question::ALL {
            assert!(hear(question, &Said::numbers(wild)).is_err(), "{question:?} {wild:?}");
        }
    }
}
