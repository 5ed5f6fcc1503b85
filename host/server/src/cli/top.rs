//! `easel top`

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::error::CliError;
use super::open;
use super::terminal::{Terminal, bytes};
use crate::admin::{ActivityShown, Channel};

/// How long a view stands.
const REFRESH: Duration = Duration::from_secs(2);

pub(super) const HELP: &str = "\
Shown are devices with a request under way, and those that had one in the last minute; the numbers are of that minute. \
WORK is the time in which the server was at work for a device, which is what it cost: whoever cost most comes first, \
and at most 200 are shown. REFUSED are requests told to come back later, because the device or its user asked for more \
than [budgets] allows. On a terminal the view is refreshed every two seconds until Ctrl-C; elsewhere, with --json or \
--once it is shown once.";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Shows it once.
    #[arg(long)]
    once: bool,
}

pub(super) fn run(arguments: &Arguments, config: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    let mut channel = open(config, "top")?;
    if arguments.once || terminal.is_json() || !io::stdout().is_terminal() {
        return show(&mut channel, terminal);
    }
    // Nobody ends the pause early; Ctrl-C ends the process.
    let (_awake, pause) = mpsc::channel::<()>();
    loop {
        terminal.clear()?;
        match show(&mut channel, terminal) {
            Err(CliError::Channel(error)) if error.is_end() => {
                terminal.note("the server has ended");
                return Ok(());
            }
            shown => shown?,
        }
        if pause.recv_timeout(REFRESH) == Err(RecvTimeoutError::Disconnected) {
            return Ok(());
        }
    }
}

fn show(channel: &mut Channel, terminal: &mut Terminal) -> Result<(), CliError> {
    let (devices, total) = channel.activity()?;
    let rows: Vec<Vec<String>> = devices.iter().map(row).collect();
    let heads = ["user", "device", "pack", "does", "requests", "refused", "work", "received", "sent"];
    let none = "no device has a request under way, or had one in the last minute";
    terminal.table(&heads, &rows, none, &json!({ "devices": devices, "total": total }))?;
    if total > devices.len() {
        terminal.note(&format!("{} more cost less", total - devices.len()));
    }
    Ok(())
}

fn row(shown: &ActivityShown) -> Vec<String> {
    let ActivityShown { login, device, pack, under_way, command, since_secs, parked_secs, .. } = shown;
    let ActivityShown { requests, refused, worked_micros, received, sent, .. } = shown;
    vec![
        login.clone(),
        device.clone(),
        pack.clone().unwrap_or_else(|| "none".to_owned()),
        match (under_way, parked_secs) {
            (0, _) => format!("{command}, {since_secs} s ago"),
            (_, Some(secs)) => format!("{command}, parked for {secs} s"),
            (_, None) => format!("{command} for {since_secs} s"),
        },
        requests.to_string(),
        refused.to_string(),
        format!("{}.{} ms", worked_micros / 1000, worked_micros % 1000 / 100),
        bytes(*received),
        bytes(*sent),
    ]
}
