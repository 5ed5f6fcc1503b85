//! `easel import`

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use easel_protocol::Class;
use serde::Serialize;
use serde_json::json;

use super::error::CliError;
use super::open;
use super::progress::Progress;
use super::terminal::{Terminal, bytes as in_words};
use crate::admin::{Channel, ChannelError, FolderNumber, ImportOutcome, LoginName, Request};
use crate::config::Config;
use crate::import::walk::Plan;
use crate::import::{Bounds, MailState, Origin, Place, Stop, Take, vcard_list};

/// Things left out that are listed by name; further ones are counted.
const LISTED_MAX: usize = 10_000;

/// Bytes of one calendar (all of a file's events) or card.
const OBJECT_BYTES_MAX: usize = 64 << 20;

const HELP: &str = "\
A path is a file (mbox, .eml, .ics, .vcf) or a directory: a Maildir with its folders, or anything that holds such \
files. Mail goes to the Inbox, events to Calendar, tasks to Tasks, notes to Notes, cards to Contacts; folders of a \
Maildir keep their names. Read, answered, flagged and the like are kept from Maildir names and from Status, X-Status, \
X-Keywords and X-Mozilla-Status.

What does not fit into the user's quota is left out; a mailbox that is full already takes nothing in. With \
--over-quota all of it is taken in, and the mailbox stays over its quota until things are removed.

An import can be broken off and repeated: what is in the mailbox already is not added again. Whatever is left out is \
listed with its file, its place in it and the reason.

Examples:
  easel import anna ~/Maildir
  easel import anna@ox.io old.mbox --folder Archive/2009
  easel import anna calendar.ics contacts.vcf
  easel import anna backup/ --keep-folders
  easel import --gal company.vcf --tenant ox.io";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Into whose mailbox, such as anna or anna@ox.io.
    #[arg(required_unless_present = "gal")]
    login: Option<LoginName>,
    /// Files and directories.
    #[arg(required_unless_present = "gal")]
    paths: Vec<PathBuf>,
    /// Into this folder, made where it is missing; folders inside one another are divided by a slash.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<String>,
    /// A file found in a directory goes to a folder named like it: sent.mbox to Sent Items, Work/2009.mbox to Work/2009.
    #[arg(long)]
    keep_folders: bool,
    /// Mail is read already.
    #[arg(long)]
    mark_read: bool,
    /// An event, task, note or card that is there with other content is replaced.
    #[arg(long)]
    update: bool,
    /// Takes everything in, though the mailbox becomes larger than its quota.
    #[arg(long)]
    over_quota: bool,
    /// Puts the cards of this file into the address list of a tenant instead; may be repeated.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["login", "paths", "folder", "keep_folders", "update", "over_quota"],
    )]
    gal: Vec<PathBuf>,
    /// Whose address list.
    #[arg(long, default_value = "defaultcontext", requires = "gal")]
    tenant: String,
}

pub(super) fn run(arguments: &Arguments, file: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    let (config, _) = Config::load(file)?;
    let target = match &arguments.login {
        Some(login) => Target::Mailbox {
            login: login.clone(),
            base: arguments.folder.as_deref().map(folder_path).transpose()?.unwrap_or_default(),
            given: arguments.folder.is_some(),
            mark_read: arguments.mark_read,
            update: arguments.update,
        },
        None => Target::AddressList { tenant: arguments.tenant.clone() },
    };
    let paths = if arguments.gal.is_empty() { &arguments.paths } else { &arguments.gal };
    let mut importer = Importer::new(open(file, "import")?, target, terminal)?;
    let plan = Plan::of(paths, arguments.keep_folders, &mut importer);
    importer.progress = Progress::of_bytes(plan.bytes(), importer.terminal);
    importer.report.files = plan.files();
    importer.begin(arguments.over_quota, plan.bytes())?;
    let message_bytes_max = config.limits.message_bytes_max;
    plan.run(Bounds { message_bytes_max, object_bytes_max: OBJECT_BYTES_MAX }, &mut importer);
    importer.finish()
}

fn folder_path(text: &str) -> Result<Vec<String>, CliError> {
    let path: Vec<String> = text.split('/').map(|name| name.trim().to_owned()).collect();
    if path.iter().any(String::is_empty) {
        return Err(CliError::Said(format!("{text:?} is no folder: write Archive/2009")));
    }
    Ok(path)
}

/// Where things go.
enum Target {
    AddressList { tenant: String },
    Mailbox { login: LoginName, base: Vec<String>, given: bool, mark_read: bool, update: bool },
}

/// What came of an import.
#[derive(Debug, Default, Serialize)]
struct Report {
    files: usize,
    added: u64,
    updated: u64,
    known: u64,
    /// Everything left out.
    skipped: u64,
    listed: Vec<Skipped>,
}

#[derive(Debug, Serialize)]
struct Skipped {
    file: PathBuf,
    line: Option<u64>,
    message: Option<u64>,
    byte: Option<u64>,
    reason: String,
}

/// Hands on what the readers find.
struct Importer<'t> {
    channel: Channel,
    target: Target,
    terminal: &'t mut Terminal,
    progress: Progress,
    folders: HashMap<(Vec<String>, Class), Result<FolderNumber, String>>,
    /// What was handed on and has no outcome yet.
    waiting: HashMap<u64, Origin>,
    next: u64,
    report: Report,
    failed: Option<ChannelError>,
}

impl<'t> Importer<'t> {
    fn new(channel: Channel, target: Target, terminal: &'t mut Terminal) -> Result<Self, CliError> {
        let progress = Progress::of_bytes(0, terminal);
        let mut importer = Self {
            channel,
            target,
            terminal,
            progress,
            folders: HashMap::new(),
            waiting: HashMap::new(),
            next: 1,
            report: Report::default(),
            failed: None,
        };
        // A name that nobody has is told before a long walk through files.
        match &importer.target {
            Target::Mailbox { login, .. } => drop(importer.channel.folders(login)?),
            Target::AddressList { tenant } => drop(importer.channel.users(Some(tenant.clone()))?),
        }
        Ok(importer)
    }

    /// Tells before the first thing is taken in that there is no room, or may not be enough for files of so many bytes.
    fn begin(&mut self, over_quota: bool, bytes: u64) -> Result<(), CliError> {
        let Target::Mailbox { login, .. } = &self.target else { return Ok(()) };
        let room = self.channel.begin_import(login.clone(), over_quota)?;
        if let Some(room) = room.filter(|room| bytes > *room) {
            let terminal = &mut *self.terminal;
            let sentence = format!(
                "the files have {}, and the mailbox has room for {}: what does not fit is left out",
                in_words(bytes),
                in_words(room)
            );
            self.progress.suspend(|| terminal.note(&sentence));
        }
        Ok(())
    }

    fn fail(&mut self, error: ChannelError) -> Stop {
        self.failed = Some(error);
        Stop
    }

    /// The folder for something found; a reason when it cannot be used.
    fn folder(&mut self, found: &[String], class: Class) -> Result<Result<FolderNumber, String>, Stop> {
        let Target::Mailbox { login, base, given, .. } = &self.target else { return Ok(Ok(0)) };
        let (login, given) = (login.clone(), *given);
        let path: Vec<String> = base.iter().chain(found).cloned().collect();
        let first = self.open_folder(&login, path, class)?;
        // A name that was only guessed, of a folder for something else: the default folder serves.
        if first.is_err() && !given { self.open_folder(&login, Vec::new(), class) } else { Ok(first) }
    }

    fn open_folder(
        &mut self,
        login: &LoginName,
        path: Vec<String>,
        class: Class,
    ) -> Result<Result<FolderNumber, String>, Stop> {
        let key = (path, class);
        if let Some(known) = self.folders.get(&key) {
            return Ok(known.clone());
        }
        let opened = match self.channel.open_folder(login, &key.0, class) {
            Ok(folder) => Ok(folder),
            Err(ChannelError::Refused(reason)) => Err(reason),
            Err(error) => return Err(self.fail(error)),
        };
        self.folders.insert(key, opened.clone());
        Ok(opened)
    }

    fn hand_on(&mut self, origin: Origin, bytes: &[u8], request: impl FnOnce(u64) -> Request) -> Result<(), Stop> {
        let number = self.next;
        self.next += 1;
        self.waiting.insert(number, origin);
        let outcomes = self.channel.take_in(request(number), bytes);
        self.settle(outcomes)
    }

    fn settle(&mut self, outcomes: Result<Vec<(u64, ImportOutcome)>, ChannelError>) -> Result<(), Stop> {
        let outcomes = outcomes.map_err(|error| self.fail(error))?;
        for (number, outcome) in outcomes {
            let Some(origin) = self.waiting.remove(&number) else { continue };
            match outcome {
                ImportOutcome::Added => self.report.added += 1,
                ImportOutcome::Known => self.report.known += 1,
                ImportOutcome::Updated => self.report.updated += 1,
                ImportOutcome::Refused { reason } => self.skip(origin, reason),
            }
        }
        Ok(())
    }

    fn put_into_address_list(&mut self, origin: Origin, tenant: String, card: &str) -> Result<(), Stop> {
        let (entry, photo) = match vcard_list::entry(card) {
            Ok(entry) => entry,
            Err(error) => {
                self.skip(origin, error.to_string());
                return Ok(());
            }
        };
        let photo = if photo.len() > crate::admin::PIECE_BYTES_MAX { Vec::new() } else { photo };
        match self.channel.order(Request::AddressListPut { tenant, entry: Box::new(entry) }, &photo) {
            Ok(()) => self.report.added += 1,
            Err(ChannelError::Refused(reason)) => self.skip(origin, reason),
            Err(error) => return Err(self.fail(error)),
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), CliError> {
        if self.failed.is_none() && matches!(self.target, Target::Mailbox { .. }) {
            let outcomes = self.channel.take_in(Request::ImportFlush, &[]);
            // A failure is kept in `failed`.
            drop(self.settle(outcomes));
        }
        self.progress.finish();
        let report = self.report;
        let mut sentence = format!("{} added", report.added);
        for (count, what) in
            [(report.updated, "updated"), (report.known, "there already"), (report.skipped, "left out")]
        {
            if count > 0 {
                sentence.push_str(&format!(", {count} {what}"));
            }
        }
        if let Some(error) = self.failed {
            self.terminal.note(&format!("until it broke off: {sentence}"));
            return Err(error.into());
        }
        let waiting = self.waiting.len();
        if waiting > 0 {
            return Err(CliError::Said(format!("{sentence}; of {waiting} things nothing is known")));
        }
        self.terminal.say(&sentence, &json!(report))
    }
}

impl Take for Importer<'_> {
    fn mail(&mut self, origin: Origin, folder: &[String], mut state: MailState, bytes: Vec<u8>) -> Result<(), Stop> {
        let Target::Mailbox { login, base, mark_read, .. } = &self.target else {
            self.skip(origin, "mail is no entry of an address list".to_owned());
            return Ok(());
        };
        let (login, trash) = (login.clone(), ["Deleted Items".to_owned()]);
        state.read |= *mark_read;
        // What was about to be removed goes where removed mail lies, unless it is told where to go.
        let folder = if state.deleted && base.is_empty() && folder.is_empty() { &trash } else { folder };
        match self.folder(folder, Class::Email)? {
            Ok(folder) => self.hand_on(origin, &bytes, |number| Request::ImportMail { login, number, folder, state }),
            Err(reason) => {
                self.skip(origin, reason);
                Ok(())
            }
        }
    }

    fn object(&mut self, origin: Origin, folder: &[String], class: Class, text: String) -> Result<(), Stop> {
        let (login, update) = match &self.target {
            Target::AddressList { tenant } if class == Class::Contacts => {
                return self.put_into_address_list(origin, tenant.clone(), &text);
            }
            Target::AddressList { .. } => {
                self.skip(origin, "a calendar is no entry of an address list".to_owned());
                return Ok(());
            }
            Target::Mailbox { login, update, .. } => (login.clone(), *update),
        };
        match self.folder(folder, class)? {
            Ok(folder) => {
                let request = |number| Request::ImportObject { login, number, folder, class, update };
                self.hand_on(origin, text.as_bytes(), request)
            }
            Err(reason) => {
                self.skip(origin, reason);
                Ok(())
            }
        }
    }

    fn skip(&mut self, origin: Origin, reason: String) {
        self.report.skipped += 1;
        if self.report.skipped as usize > LISTED_MAX {
            return;
        }
        if !self.terminal.is_json() {
            let terminal = &mut *self.terminal;
            self.progress.suspend(|| terminal.note(&format!("left out: {origin}: {reason}")));
        }
        let (line, message, byte) = match origin.place {
            None => (None, None, None),
            Some(Place::Line(line)) => (Some(line), None, None),
            Some(Place::Message { number, byte }) => (None, Some(number), Some(byte)),
        };
        self.report.listed.push(Skipped { file: origin.file.to_path_buf(), line, message, byte, reason });
    }

    fn advance(&mut self, bytes: u64) {
        self.progress.advance(bytes);
    }
}
