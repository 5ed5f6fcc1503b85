//! What the targets do with bytes, apart from whoever makes the bytes: the fuzzer, or `tests/wire/tests/replay.rs`,
//! which plays the seeds at every run of the tests.
#![allow(dead_code, reason = "each target uses one of them")]

pub(crate) mod compose;
mod desk;
pub(crate) mod invitation;
pub(crate) mod lmtp;
pub(crate) mod mail;
pub(crate) mod merge;
pub(crate) mod object;
pub(crate) mod plugin_answers;
pub(crate) mod plugin_edits;
pub(crate) mod proxy;
mod said;
