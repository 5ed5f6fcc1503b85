//! The binary `easel` as an administrator meets it: run for real, on directories of its own.

#![expect(clippy::unwrap_used, reason = "a panic in a test says what broke")]

mod app_passwords;
mod follower;
mod hostile;
mod import;
mod metrics;
mod overload;
mod pack_log;
mod packs;
mod phones;
mod queue;
mod reload;
mod serving;
mod setup;
mod support;
mod top;
mod trace;
mod withheld;
