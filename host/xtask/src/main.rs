//! `cargo xtask`: the demo, the tests, the load and the fuzzing, with one command each.

mod demo;
mod fuzz;
mod load;

use std::process::{Command, ExitCode};

use anyhow::{Context as _, ensure};
use clap::Parser;

/// Builds, runs and tests Easel.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", version)]
enum Task {
    /// Starts a server with sample data and lets simulated phones synchronise with it.
    Demo(demo::Demo),
    /// Fuzzes what reads bytes of others.
    Fuzz(fuzz::Fuzz),
    /// Puts the server under load and prints what it cost, as a table for the README.
    Load(load::Load),
    /// Runs the whole test suite.
    Test,
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::Demo(demo) => demo.run(),
        Task::Fuzz(fuzz) => fuzz.run(),
        Task::Load(load) => load.run(),
        Task::Test => test(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The whole suite: nextest where it is installed, else `cargo test`, the examples in the documentation, and the packs,
/// which are a workspace of their own.
fn test() -> anyhow::Result<()> {
    suite()?;
    run("cargo", &["test", "--manifest-path", "plugins/Cargo.toml", "--workspace"])
}

fn suite() -> anyhow::Result<()> {
    let nextest = Command::new("cargo").args(["nextest", "--version"]).output();
    if nextest.is_ok_and(|output| output.status.success()) {
        run("cargo", &["nextest", "run", "--workspace", "--no-tests=fail"])?;
        run("cargo", &["test", "--workspace", "--doc"])
    } else {
        run("cargo", &["test", "--workspace"])
    }
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    say(&format!("{program} {}", arguments.join(" ")));
    let status = Command::new(program).args(arguments).status().with_context(|| format!("starting {program}"))?;
    ensure!(status.success(), "{program} {} ended with {status}", arguments.join(" "));
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a tool speaks to whoever started it")]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}
