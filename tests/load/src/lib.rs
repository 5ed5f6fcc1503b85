//! The load program: real phones' requests over real TLS sockets against the real server, in processes of their own.
//!
//! `cargo xtask load` builds both with everything optimised and runs the works one after another. Each [`Work`] starts the
//! server on sample data that is made once and kept, speaks to it as phones and mail servers do, and reads from `/proc` what
//! that cost the server. A goal that is missed is said; an answer that is wrong is a failure.
//!
//! So that the program's own share of the machine stays small, one thread does everything, requests are made before they are
//! needed, and answers are read no further than it takes to know that they are right.

mod clock;
mod closed_loop;
mod dice;
mod easel;
mod histogram;
mod http;
mod lmtp;
mod lot;
mod machine;
mod neighbours;
mod pack;
mod phone;
mod process;
mod put_off;
mod report;
mod sample;
mod scale;
mod scan;
mod seed;
mod slow_sync;
mod tally;
mod works;

use std::path::PathBuf;

pub use report::{Report, Row, Verdict};
pub use scale::Scale;
pub use works::Work;

use crate::machine::Machine;
use crate::works::Bench;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server's binary.
    pub easel: PathBuf,
    /// Where sample data is kept.
    pub dir: PathBuf,
    /// The works, in the order they are run.
    pub works: Vec<Work>,
    /// How much of everything.
    pub scale: Scale,
    /// What to type to see the same, for the page.
    pub command: String,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The numbers.
    pub report: Report,
    /// The page about them, in Markdown.
    pub page: String,
}

/// Runs the works. `Err` when nothing can be run at all; what goes wrong inside of a work is in [`Report::failures`].
pub fn run(options: &Options) -> anyhow::Result<Outcome> {
    std::fs::create_dir_all(&options.dir)?;
    let machine = Machine::measure(&options.dir)?;
    let mut report = Report::default();
    for work in &options.works {
        say(&format!("{}: at most {} s", work.name(), work.bound().as_secs()));
        // Each begins with nothing left over from the one before.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let bench = Bench::new(options);
        let mut rows = Report::default();
        let ran = runtime.block_on(bench.run(*work, &mut rows));
        // What was measured before it went wrong was measured.
        report.append(rows);
        if let Err(error) = ran {
            report.failures.push(format!("{}: {error:#}", work.name()));
        }
    }
    let page = report.page(&options.command, &machine);
    Ok(Outcome { report, page })
}

#[expect(clippy::print_stderr, reason = "a tool speaks to whoever started it")]
fn say(line: &str) {
    eprintln!("{line}");
}
