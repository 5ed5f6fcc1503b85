//! Whatever a pack answers with, byte for byte as it lies in its memory, is understood within its bounds or is an error:
//! pointers that lead nowhere, lists without an end, cases there are not, texts that are none.
//!
//! The first byte says which question is asked, the rest lies where the answer of `parrot.wasm` does, at 0x20000.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use easel_plugin::hooks::{FolderVerdict, MailVerdict, Verdict};
use easel_plugin::rules::{Action, RULES_MAX};
use easel_plugin_wasm::{
    Heard, Limits, Loader, MemoryLedger, Pack, PackLog, Question, Sandbox, SystemClock, Trust, rehearse,
};
use easel_protocol::DeviceFacts;

/// Bytes that the parrot takes for its answer.
const SAID_BYTES: usize = 0x2000;

pub(crate) fn run(bytes: &[u8]) {
    static PARROT: OnceLock<Pack> = OnceLock::new();
    let parrot = PARROT.get_or_init(|| {
        let clock = Arc::new(SystemClock::default());
        let log = Arc::new(PackLog::new(Arc::clone(&clock) as Arc<dyn easel_plugin_wasm::Clock>));
        // However slow this build is.
        let limits = Limits { instances: 1, call_ms: 60_000, call_ticks: 60_000, ..Limits::default() };
        let sandbox = Arc::new(Sandbox::new(limits).expect("an engine can be made"));
        let loader = Loader::new(sandbox, Trust::default(), Arc::new(MemoryLedger::default()), clock, log);
        let pack = loader.load_unsigned(Path::new("parrot.wasm"), include_bytes!("../parrot.wasm"));
        pack.expect("the parrot is a pack")
    });
    let Some((question, answer)) = bytes.split_first() else { return };
    let question = Question::ALL[usize::from(*question) % Question::ALL.len()];
    let mut said = answer[..answer.len().min(SAID_BYTES)].to_vec();
    said.resize(SAID_BYTES, 0);
    match rehearse(parrot, question, &said) {
        Ok(heard) => check(heard),
        Err(error) => check_line(&error),
    }
}

/// What stands in the log is one line of it.
fn check_line(text: &str) {
    assert!(!text.contains(char::is_control) && text.len() <= 2_048, "{text:?}");
}

fn check(heard: Heard) {
    match heard {
        Heard::FolderChange(FolderVerdict::Refuse(reason)) | Heard::Mail(MailVerdict::Withhold(reason)) => {
            check_line(&reason);
        }
        Heard::Items(answer) => {
            if let Verdict::Withhold(reason) = answer.verdict {
                check_line(&reason);
            }
        }
        Heard::Manifest(manifest) => {
            assert!((1..=40).contains(&manifest.id.len()), "{:?}", manifest.id);
            assert!(manifest.matchers.len() <= 64 && manifest.headers.len() <= 8);
            manifest.left_out.iter().for_each(|line| check_line(line));
            let nobody = manifest.score(&DeviceFacts::default());
            assert!(manifest.id == "default" || nobody.is_none_or(|score| score < 20), "{nobody:?}");
        }
        Heard::Profile { family, rules, memo, left_out, .. } => {
            assert!(family.len() <= 64 && family.is_ascii(), "{family:?}");
            assert!(rules.len() <= RULES_MAX && memo.len() <= 4 << 10);
            for rule in rules {
                assert!(rule.tag.name().is_some());
                assert!(!matches!(rule.action, Action::AtHour(24..)));
                assert!(!matches!(rule.action, Action::Rename(tag) if tag.name().is_none()));
            }
            left_out.iter().for_each(|line| check_line(line));
        }
        Heard::FolderChange(_) | Heard::Mail(_) | Heard::Meeting(_) | Heard::Wire(_) => {}
    }
}
