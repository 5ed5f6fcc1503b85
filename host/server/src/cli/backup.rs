//! `easel backup`

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::error::CliError;
use super::open;
use super::terminal::{Terminal, bytes as shown_bytes};
use crate::certain;

const HELP: &str = "\
One file holds every user, device, mail, event, contact, task and note as they were when the backup began, with the \
outgoing queue and what packs withhold. A server goes on meanwhile. A file of that name is replaced when the new one \
is whole.

A mail that something names and that the data has lost already, or that the disk does not give, is named, and \
everything else is backed up; the exit code is 3 then. A file of that name stays as it is then, and the new one is \
NAME.incomplete.

The configuration, the certificate and the packs folder are files of yours: copy them beside it.

Example:
  easel backup /var/backups/easel.backup";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// The file to write; only its owner may read it.
    backup: PathBuf,
}

pub(super) fn run(arguments: &Arguments, file: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    let mut channel = open(file, "backup")?;
    let path = &arguments.backup;
    let (Some(name), false) = (path.file_name(), path.is_dir()) else {
        return Err(CliError::Said(format!("{} is a directory: name a file in it", path.display())));
    };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let part = dir.join(format!(".{}.part-{}", name.display(), std::process::id()));
    let mut out = OpenOptions::new();
    let out = out.write(true).create_new(true).mode(0o600).open(&part).map_err(CliError::file("write", &part))?;
    let mut written = Part { out, path: part, bytes: 0, kept: false };
    channel.begin_backup()?;
    loop {
        let piece = channel.backup_piece()?;
        if piece.is_empty() {
            break;
        }
        written.add(&piece)?;
    }
    let (left_out, lost, unreadable) = channel.end_backup()?;
    let complete = lost + unreadable == 0;
    // A backup that may hold what this one lacks is not replaced by it.
    let older = !complete && path.try_exists().map_err(CliError::file("read", path))?;
    let target = if older { dir.join(format!("{}.incomplete", name.display())) } else { path.clone() };
    let bytes = written.keep_as(&target)?;
    certain::sync_names(dir).map_err(CliError::file("write", dir))?;
    let sentence = format!("backed up into {} ({})", target.display(), shown_bytes(bytes));
    let value = json!({ "backup": target, "bytes": bytes, "lost": lost, "unreadable": unreadable });
    terminal.say(&sentence, &value)?;
    if complete {
        return Ok(());
    }
    for mail in &left_out {
        terminal.note(mail);
    }
    if older {
        terminal.note(&format!("{} is the backup from before; it is as it was", path.display()));
    }
    Err(CliError::Incomplete { lost, unreadable })
}

/// A file that has not got its name yet; it goes unless it gets it.
struct Part {
    out: File,
    path: PathBuf,
    bytes: u64,
    kept: bool,
}

impl Part {
    fn add(&mut self, piece: &[u8]) -> Result<(), CliError> {
        self.bytes += piece.len() as u64;
        self.out.write_all(piece).map_err(CliError::file("write", &self.path))
    }

    /// How many bytes it has.
    fn keep_as(mut self, path: &Path) -> Result<u64, CliError> {
        self.out.sync_all().map_err(CliError::file("write", &self.path))?;
        fs::rename(&self.path, path).map_err(CliError::file("write", path))?;
        self.kept = true;
        Ok(self.bytes)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.kept {
            // Why the backup failed is told already.
            fs::remove_file(&self.path).ok();
        }
    }
}
