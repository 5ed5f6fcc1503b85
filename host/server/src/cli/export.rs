//! `easel export`

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use easel_protocol::Class;
use serde::Serialize;
use serde_json::json;

use super::error::CliError;
use super::open;
use super::progress::Progress;
use super::terminal::{Terminal, bytes as shown_bytes};
use crate::admin::{Channel, ChannelError, FolderShown, LoginName};
use crate::export::{FolderFile, MailForm, MaildirFolder};
use crate::import::MailState;

const HELP: &str = "\
Every message, event, task, note and card is written byte for byte as it is stored. `easel import --keep-folders` \
reads the result back. Items that arrive meanwhile may be left out.

An item that is lost, or that the disk does not give, is named, and everything else is exported; the exit code is 3 then.

Examples:
  easel export anna backup/
  easel export anna@ox.io backup/ --mail maildir
  easel export anna contacts/ --folder Contacts";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Whose mailbox, such as anna or anna@ox.io.
    login: LoginName,
    /// A directory that is empty or not there yet.
    directory: PathBuf,
    /// How mail is written.
    #[arg(long, value_enum, default_value = "mbox", value_name = "FORM")]
    mail: MailForm,
    /// Only this folder and those inside it; may be repeated.
    #[arg(long = "folder", value_name = "FOLDER")]
    folders: Vec<String>,
}

/// What became of one folder.
#[derive(Debug, Serialize)]
struct Exported {
    folder: String,
    class: Class,
    items: u64,
    bytes: u64,
    path: PathBuf,
}

pub(super) fn run(arguments: &Arguments, file: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    let mut channel = open(file, "export")?;
    let folders = chosen(channel.folders(&arguments.login)?, &arguments.folders)?;
    prepare(&arguments.directory)?;
    let progress = Progress::of_items(folders.iter().map(|(folder, _)| folder.items).sum(), terminal);
    let (mut done, mut left_out) = (Vec::new(), Vec::new());
    for (folder, class) in &folders {
        progress.tell(&folder.path.join("/"));
        let mut exporter = Exporter { channel: &mut channel, arguments, progress: &progress, left_out: &mut left_out };
        done.extend(exporter.folder(folder, *class)?);
    }
    progress.finish();
    let rows: Vec<Vec<String>> = done
        .iter()
        .map(|done| {
            let path = done.path.display().to_string();
            vec![done.folder.clone(), done.class.to_string(), done.items.to_string(), shown_bytes(done.bytes), path]
        })
        .collect();
    terminal.table(&["folder", "class", "items", "size", "path"], &rows, "nothing to export", &json!(done))?;
    if left_out.is_empty() {
        return Ok(());
    }
    for item in &left_out {
        terminal.note(item);
    }
    Err(CliError::LeftOut(left_out.len()))
}

/// The folders that hold something, with its class; those asked for by name must be there.
fn chosen(folders: Vec<FolderShown>, names: &[String]) -> Result<Vec<(FolderShown, Class)>, CliError> {
    let lower = |path: &str| path.to_lowercase();
    for name in names {
        if !folders.iter().any(|folder| lower(&folder.path.join("/")) == lower(name)) {
            let all: Vec<String> = folders.iter().map(|folder| folder.path.join("/")).collect();
            return Err(CliError::Said(format!("there is no folder {name:?}; there are {}", all.join(", "))));
        }
    }
    let is_asked_for = |folder: &FolderShown| {
        let path = lower(&folder.path.join("/"));
        names.is_empty()
            || names.iter().any(|name| path == lower(name) || path.starts_with(&format!("{}/", lower(name))))
    };
    let with_class = |folder: FolderShown| folder.kind.class().map(|class| (folder, class));
    Ok(folders.into_iter().filter(is_asked_for).filter(|folder| folder.items > 0).filter_map(with_class).collect())
}

fn prepare(directory: &Path) -> Result<(), CliError> {
    fs::create_dir_all(directory).map_err(CliError::file("make", directory))?;
    let mut entries = fs::read_dir(directory).map_err(CliError::file("read", directory))?;
    if entries.next().is_some() {
        return Err(CliError::Said(format!("{} is not empty: name a new directory", directory.display())));
    }
    Ok(())
}

struct Exporter<'e> {
    channel: &'e mut Channel,
    arguments: &'e Arguments,
    progress: &'e Progress,
    /// Items that could not be read, and why.
    left_out: &'e mut Vec<String>,
}

/// What became of reading an item.
enum Read {
    /// It was removed meanwhile.
    Gone,
    /// It cannot be read; this is why.
    Not(String),
    /// Its bytes, and of a mail its state.
    Whole(Vec<u8>, Option<MailState>),
}

/// What items of a folder are written to.
enum Form {
    File(FolderFile),
    Maildir(MaildirFolder),
}

impl Exporter<'_> {
    /// Writes a folder; `None` when every item has gone meanwhile.
    fn folder(&mut self, folder: &FolderShown, class: Class) -> Result<Option<Exported>, CliError> {
        let numbers = self.channel.items(&self.arguments.login, folder.number)?;
        if numbers.is_empty() {
            return Ok(None);
        }
        let root = &self.arguments.directory;
        let failed = || CliError::file("write", root);
        let mut form = form(root, &folder.path, class, self.arguments.mail).map_err(failed())?;
        let (mut items, mut size) = (0, 0);
        for number in numbers {
            self.progress.advance(1);
            let (raw, state) = match self.item(number)? {
                Read::Gone => continue,
                Read::Not(reason) => {
                    self.left_out.push(format!("{}: item {number}: {reason}", folder.path.join("/")));
                    continue;
                }
                Read::Whole(raw, state) => (raw, state.unwrap_or_default()),
            };
            match &mut form {
                Form::File(file) if class == Class::Email => file.add_mail(&raw, &state),
                Form::File(file) => file.add_object(&raw),
                Form::Maildir(maildir) => maildir.add_mail(number, &raw, &state),
            }
            .map_err(failed())?;
            items += 1;
            size += raw.len() as u64;
        }
        let path = match form {
            Form::File(file) => file.finish(),
            Form::Maildir(maildir) => maildir.finish(),
        };
        let path = path.map_err(failed())?;
        Ok(Some(Exported { folder: folder.path.join("/"), class, items, bytes: size, path }))
    }

    /// An item, whole. An error when nothing more can be read at all.
    fn item(&mut self, item: u64) -> Result<Read, CliError> {
        let mut raw = Vec::new();
        loop {
            let (bytes, state, piece) = match self.channel.read(&self.arguments.login, item, raw.len() as u64) {
                Ok(Some(read)) => read,
                Ok(None) => return Ok(Read::Gone),
                Err(ChannelError::Refused(reason)) => return Ok(Read::Not(reason)),
                Err(error) => return Err(error.into()),
            };
            raw.extend_from_slice(&piece);
            if raw.len() as u64 >= bytes {
                return Ok(Read::Whole(raw, state));
            }
            if piece.is_empty() {
                return Ok(Read::Not(format!("it ends after {} of {bytes} bytes", raw.len())));
            }
        }
    }
}

fn form(root: &Path, path: &[String], class: Class, mail: MailForm) -> std::io::Result<Form> {
    let extension = match class {
        Class::Email | Class::Sms if mail == MailForm::Maildir => {
            return MaildirFolder::create(&root.join("Maildir"), path).map(Form::Maildir);
        }
        Class::Email | Class::Sms => "mbox",
        Class::Calendar | Class::Notes | Class::Tasks => "ics",
        Class::Contacts => "vcf",
    };
    FolderFile::create(root, path, extension).map(Form::File)
}
