//! `easel restore`

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::error::CliError;
use super::terminal::Terminal;
use crate::admin::Ownership;
use crate::config::Config;
use crate::wire_up;

const HELP: &str = "\
The file is read to its end before anything is changed. No server may run on the data directory.

Everything is as it was when the backup was made: passwords, devices, wipes and blocks as well. A phone that has \
synced a folder since then syncs that folder anew; one that has not goes on where it was. A phone that moved things or \
emptied a folder, and was cut off before it synced, lacks them: so folders in which that happened, as the data tells \
that is replaced, are synced anew by all phones. Where that data is gone or cannot be read, --resync has every phone \
sync everything anew.

Messages in the outgoing queue may have been sent since, so they are held: `easel queue list` shows them, `easel queue \
retry` sends one, `easel queue drop` removes it.

Examples:
  easel restore /var/backups/easel.backup
  easel restore /var/backups/easel.backup --replace
  easel restore /var/backups/easel.backup --to /srv/easel/data";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// What `easel backup` wrote.
    backup: PathBuf,
    /// The data directory; the one of the configuration unless given.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Takes the place of data that is there. The old data is kept in a directory beside it.
    #[arg(long)]
    replace: bool,
    /// Has every phone sync everything anew.
    #[arg(long)]
    resync: bool,
}

pub(super) fn run(arguments: &Arguments, file: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    let dir = match &arguments.to {
        Some(dir) => dir.clone(),
        None => Config::load(file)?.0.data_dir,
    };
    let backup = wire_up::verify_backup(&arguments.backup)?;
    let backup = if arguments.resync { backup.with_phones_anew() } else { backup };
    Ownership::make_directory(&dir).map_err(CliError::file("make", &dir))?;
    let _ownership = Ownership::take(&dir, "restore", Duration::ZERO)?;
    let now = wire_up::now();
    let old = now.strftime("replaced-%Y%m%dT%H%M%S%3fZ").to_string();
    let restored = backup.restore(&dir, arguments.replace.then_some(&old))?;
    let made = Timestamp::from_millisecond(restored.made).map_or_else(|_| String::new(), |made| made.to_string());
    let mut lines = vec![format!("restored the backup of {made} into {} ({} mails)", dir.display(), restored.mails)];
    if let Some(old) = &restored.replaced {
        lines.push(format!("the data that was there is in {}", old.display()));
    }
    match restored.anew {
        Some(0) => {}
        Some(anew) => lines.push(format!("folders that phones sync anew, counted for each phone: {anew}")),
        None => lines.push(
            "what phones moved or emptied since the backup cannot be seen: --resync has them sync everything anew"
                .into(),
        ),
    }
    if restored.lost > 0 {
        lines.push(format!(
            "mails that were lost or could not be read when the backup was made, and are named all the same: {}",
            restored.lost
        ));
    }
    if restored.held > 0 {
        let held = restored.held;
        lines.push(format!("messages in the outgoing queue are held, as they may have been sent since: {held}"));
        lines
            .push("`easel queue list` shows them; `easel queue retry` sends one, `easel queue drop` removes it".into());
    }
    let value = json!({
        "data": dir, "made": made, "mails": restored.mails, "lost": restored.lost, "held": restored.held,
        "anew": restored.anew, "replaced": restored.replaced
    });
    terminal.lines(&lines, &value)
}
