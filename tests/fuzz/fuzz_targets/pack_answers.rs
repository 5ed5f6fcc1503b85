//! `entries/pack_answers.rs` says what must hold.
#![no_main]

#[path = "../entries/pack_answers.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry::run(bytes));
