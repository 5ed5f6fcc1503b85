//! `easel-load`: what `cargo xtask load` runs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use easel_load::{Options, Scale, Work, run};

/// Puts the server under load and prints what it cost, as a table for the README.
///
/// The exit code is 1 when an answer was wrong. A goal that is missed is said in the table, and no error.
#[derive(Debug, Parser)]
#[command(name = "easel-load", version)]
struct Cli {
    /// The works to run, in this order [default: all].
    works: Vec<Work>,
    /// The server's binary.
    #[arg(long, value_name = "FILE", default_value = "target/release/easel")]
    easel: PathBuf,
    /// Where sample data is made and kept.
    #[arg(long, value_name = "DIR", default_value = "target/load")]
    dir: PathBuf,
    /// Seconds that closed loops are measured for [default: 10; with --quick 3].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: Option<u64>,
    /// A twentieth of everything: shows that it works, and no number of the goals.
    #[arg(long)]
    quick: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut scale = if cli.quick { Scale::QUICK } else { Scale::FULL };
    let mut command = String::from("cargo xtask load");
    for work in &cli.works {
        command.push_str(&format!(" {}", work.name()));
    }
    if cli.quick {
        command.push_str(" --quick");
    }
    if let Some(seconds) = cli.seconds {
        scale = scale.measured_for(Duration::from_secs(seconds));
        command.push_str(&format!(" --seconds {seconds}"));
    }
    let works = if cli.works.is_empty() { Work::ALL.to_vec() } else { cli.works };
    match run(&Options { easel: cli.easel, dir: cli.dir, works, scale, command }) {
        Ok(outcome) => {
            print(&outcome.page);
            if outcome.report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            complain(&format!("failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the page is what the program is for")]
fn print(page: &str) {
    println!("{page}");
}

#[expect(clippy::print_stderr, reason = "a tool speaks to whoever started it")]
fn complain(line: &str) {
    eprintln!("{line}");
}
