//! The binary `easel`: the server, and everything an administrator does with it.
//!
//! [`cli`] reads the command line; a verb either talks through [`admin`] to whoever owns the data directory, or, for
//! `serve`, lets [`wire_up`] put the rooms together.

mod admin;
mod age;
mod certain;
mod cli;
mod config;
mod export;
mod import;
mod logging;
mod metrics_page;
mod packs;
mod reload;
mod upkeep;
mod wire_up;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
