//! Whatever lies where a pack should is a pack or is refused before anything of it is compiled: a file, the fixtures and
//! guides in it, a signature beside it.
//!
//! The first byte says what the rest is: a file; what is added to a good one, blocks of a kind, a name and a content,
//! each length two bytes, big endian; a signature.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use easel_plugin::fixture::Fixture;
use easel_plugin::hooks::NoPlugin;
use easel_plugin_wasm::{
    ComponentError, Limits, LoadError, Loader, MemoryLedger, PackLog, Sandbox, SystemClock, Trust, TrustedKey,
    key_pair, rehearse_file,
};

const GOOD: &[u8] = include_bytes!("../parrot.wasm");

pub(crate) fn run(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind % 3 {
        0 => drop(rehearse_file(rest)),
        1 => sections(rest),
        _ => signature(rest),
    }
}

/// The block that the rest begins with.
fn block<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let (length, after) = rest.split_at(rest.len().min(2));
    let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)).min(after.len());
    let (block, after) = after.split_at(length);
    *rest = after;
    block
}

fn leb(mut number: usize, out: &mut Vec<u8>) {
    while number > 0x7F {
        out.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn sections(mut rest: &[u8]) {
    let mut file = GOOD.to_vec();
    let mut fixtures = 0;
    while let Some((kind, after)) = rest.split_first() {
        rest = after;
        let before = match kind % 3 {
            0 => "easel:fixture/",
            1 => "easel:guide/",
            _ => "",
        };
        fixtures += usize::from(before == "easel:fixture/");
        let name = format!("{before}{}", String::from_utf8_lossy(block(&mut rest)));
        let content = block(&mut rest);
        let mut section = Vec::new();
        leb(name.len(), &mut section);
        section.extend([name.as_bytes(), content].concat());
        file.push(0);
        leb(section.len(), &mut file);
        file.extend(section);
    }
    match rehearse_file(&file) {
        Ok(found) => {
            assert!(found.len() >= fixtures, "every fixture is found");
            for (name, text) in found {
                assert!(!name.contains(char::is_control), "{name:?}");
                if let Ok(fixture) = Fixture::parse(&text) {
                    drop(fixture.run(&NoPlugin));
                }
            }
        }
        Err(error) => assert!(matches!(error, ComponentError::Section { .. }), "{error}"),
    }
}

fn signature(text: &[u8]) {
    static LOADER: OnceLock<Loader> = OnceLock::new();
    let loader = LOADER.get_or_init(|| {
        let clock = Arc::new(SystemClock::default());
        let log = Arc::new(PackLog::new(Arc::clone(&clock) as Arc<dyn easel_plugin_wasm::Clock>));
        let sandbox = Sandbox::new(Limits { instances: 1, ..Limits::default() }).expect("an engine can be made");
        let key = key_pair(None).expect("a key can be made").public;
        let key = TrustedKey::new(&key, vec!["parrot".to_owned()]).expect("a key that was made is one");
        let trust = Trust::new(vec![key], Vec::new());
        Loader::new(Arc::new(sandbox), trust, Arc::new(MemoryLedger::default()), clock, log)
    });
    let refused = loader.load_bytes(Path::new("x.wasm"), GOOD, Some(&String::from_utf8_lossy(text)));
    assert!(matches!(refused, Err(LoadError::Signature { .. })), "nobody can sign for a key that was just made");
}
