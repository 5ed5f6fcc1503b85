//! The binary on a disk that loses power, is full, cannot be written, is slow or broken, and with a clock that jumps.
//!
//! `tests/faults` stands under it; see there for what is modelled.

#![expect(clippy::unwrap_used, reason = "a panic in a test says what broke")]

#[path = "../cli/support.rs"]
#[expect(dead_code, reason = "the tests of the verbs need more of it")]
mod support;

#[path = "../owner/mod.rs"]
mod owner;

mod certificate;
mod clock;
mod disk;
mod packs;
mod power;
mod put_off;
mod sectors;
mod steps;
mod verbs;
