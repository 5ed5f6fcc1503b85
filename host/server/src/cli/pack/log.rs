//! `easel pack log`

use std::path::Path;

use clap::Args;

use crate::admin::{Channel, PackLineShown, Request};
use crate::cli::error::CliError;
use crate::cli::open;
use crate::cli::terminal::Terminal;

/// A day.
const MINUTES_MAX: i64 = 1_440;

#[derive(Debug, Args)]
pub(in crate::cli) struct Arguments {
    /// Only this pack.
    id: Option<String>,
    /// Goes on showing what comes, until Ctrl-C or the end of the server; with --json one value a line.
    #[arg(long, short)]
    follow: bool,
    /// Has it kept for so many minutes from now (at most 1440) though nobody follows; 0 ends that.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=MINUTES_MAX))]
    minutes: Option<u32>,
}

pub(super) fn run(arguments: &Arguments, config: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    let mut channel = open(config, "pack log")?;
    if let Some(minutes) = arguments.minutes {
        channel.order(Request::PackLogKeep { minutes }, &[])?;
    }
    let pack = arguments.id.as_deref();
    if arguments.follow { follow(&mut channel, pack, terminal) } else { show(&mut channel, pack, terminal) }
}

/// What is kept, and whether there will be more.
fn show(channel: &mut Channel, pack: Option<&str>, terminal: &mut Terminal) -> Result<(), CliError> {
    let mut page = channel.pack_lines(pack, 0, false)?;
    let mut shown = Vec::new();
    while !page.lines.is_empty() {
        shown.append(&mut page.lines);
        page = channel.pack_lines(pack, page.last, false)?;
    }
    terminal.lines(&shown.iter().map(text).collect::<Vec<_>>(), &shown)?;
    terminal.note(&match page.kept_for_secs {
        Some(secs) => format!("what packs write is kept for {} minutes more", secs.div_ceil(60)),
        None => "what packs write is not kept now: --follow shows it, --minutes N keeps it for so long".to_owned(),
    });
    Ok(())
}

/// What is kept and what comes, until the server ends. Ctrl-C ends this process, and with it the conversation.
fn follow(channel: &mut Channel, pack: Option<&str>, terminal: &mut Terminal) -> Result<(), CliError> {
    channel.order(Request::PackLogListen, &[])?;
    terminal.note("following what packs write; Ctrl-C ends it");
    let mut after = 0;
    loop {
        let page = match channel.pack_lines(pack, after, true) {
            Ok(page) => page,
            Err(error) if error.is_end() => {
                terminal.note("the server has ended");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        if page.missed > 0 {
            terminal.note(&format!("{} lines came too fast and are lost", page.missed));
        }
        for line in &page.lines {
            terminal.line(&text(line), line)?;
        }
        after = page.last;
    }
}

fn text(line: &PackLineShown) -> String {
    let PackLineShown { at, pack, version, device, level, message } = line;
    format!("{at} {level} {pack} {version} {device} {message}")
}
