//! `easel serve`

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::error::CliError;
use super::terminal::Terminal;
use crate::config::Config;
use crate::{logging, wire_up};

const HELP: &str = "\
When it listens it says so on standard output, one line for each address; the log goes to standard error. SIGTERM and \
Ctrl-C end it gently: waiting requests are answered, running ones end. A second one ends it at once. SIGHUP has it \
look again at the folder of packs, the certificate, and of the configuration [policy], [heartbeat], [budgets] and \
[packs] (but for dir and instances_max); what else changed there is named in the log and waits for the next start.

Example:
  easel --config /srv/easel/easel.toml serve";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {}

pub(super) fn run(_arguments: &Arguments, file: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    let (config, warnings) = Config::load(file)?;
    logging::start(&config.log);
    for warning in warnings {
        tracing::warn!(file = %warning.file.display(), line = warning.line, cure = warning.cure, "{}", warning.what);
    }
    let mut unheard = Ok(());
    wire_up::serve(&config, |listening| {
        let lines: Vec<String> = listening.iter().map(|place| format!("listening: {place}")).collect();
        unheard = terminal.lines(&lines, &json!({ "listening": listening }));
    })?;
    unheard
}
