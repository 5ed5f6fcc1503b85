//! `easel device trace`

use std::path::Path;

use clap::Args;

use crate::admin::{ExchangeShown, Request};
use crate::cli::error::CliError;
use crate::cli::open;
use crate::cli::terminal::Terminal;

/// A day.
const MINUTES_MAX: i64 = 1_440;

pub(super) const HELP: &str = "\
Each request is shown with its answer once the answer is there; a Ping that waits already is not. Texts are replaced \
by their lengths: what is shown is what kind of thing was sent when, ids, keys, statuses, sizes and dates. --full \
shows everything, mail and passwords of policies included: only with leave of whoever uses the device.

A request that is refused before its command sees it is shown with the reason and its first line, as far as it names \
the device. A message (SendMail up to 12.1) is shown by its fields, a broken document by what is wrong with it.

Four may follow at once. A body of more than 4 MiB is told by its length, and of a device that is faster than the \
reader 64 requests are kept; how many were lost is told.

Example:
  easel device trace SEC1D2C6E5D3A7F1 --minutes 30";

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Its id, whoever's it is; the server need not know it yet.
    device: String,
    /// For so many minutes (at most 1440).
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=MINUTES_MAX))]
    minutes: u32,
    /// Shows content as well.
    #[arg(long)]
    full: bool,
}

pub(super) fn run(arguments: &Arguments, config: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    let Arguments { device, minutes, full } = arguments;
    let mut channel = open(config, "device trace")?;
    channel.order(Request::TraceBegin { device: device.clone(), minutes: *minutes, full: *full }, &[])?;
    if *full {
        terminal.note("WARNING: content is shown: mail, names, addresses; the server's log says that it was");
    }
    terminal.note(&format!("following {device} for {minutes} minutes; Ctrl-C ends it"));
    loop {
        let page = match channel.trace_next() {
            Ok(page) => page,
            Err(error) if error.is_end() => {
                terminal.note("the server has ended");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(exchange) = &page.exchange {
            show(exchange, terminal)?;
        }
        if page.lost > 0 {
            terminal.note(&format!("{} requests came too fast and are lost", page.lost));
        }
        if page.over {
            terminal.note("the time is over");
            return Ok(());
        }
    }
}

fn show(exchange: &ExchangeShown, terminal: &mut Terminal) -> Result<(), CliError> {
    if terminal.is_json() {
        return terminal.line("", exchange);
    }
    let ExchangeShown { at, login, command, version, code, millis, worked_micros, refused, request, answer } = exchange;
    let code = code.map_or_else(|| "cut".to_owned(), |code| code.to_string());
    let (whole, part) = (worked_micros / 1000, worked_micros % 1000 / 100);
    let head = format!("{at} {login} {command} {version}: {code} after {millis} ms, {whole}.{part} ms at work");
    let head = match refused {
        Some(reason) => format!("{head}; refused: {reason}"),
        None => head,
    };
    let lines = [head.as_str(), "request:"].into_iter().chain(request.lines()).chain(["answer:"]).chain(answer.lines());
    let lines: Vec<String> = lines.map(str::to_owned).chain([String::new()]).collect();
    terminal.lines(&lines, &())
}
