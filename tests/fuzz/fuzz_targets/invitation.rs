//! `entries/invitation.rs` says what must hold.
#![no_main]

#[path = "../entries/mod.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| entries::invitation::run(bytes));
