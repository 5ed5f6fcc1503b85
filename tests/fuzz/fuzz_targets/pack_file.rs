//! `entries/pack_file.rs` says what must hold.
#![no_main]

#[path = "../entries/pack_file.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entry::run(bytes));
