//! Import: from files of other programs into mailboxes.
//!
//! The CLI's process reads: [`walk`] finds the files, and a reader for each format ([`mbox`], [`maildir`], [`objects`])
//! hands on messages and objects one by one, bounded, each with its [`Origin`]. The process that owns the data directory
//! stores: [`Intake`]. Whatever is left out is reported with file, position and reason, and the rest goes on.

mod date;
mod intake;
mod line;
mod mail_state;
pub(crate) mod maildir;
pub(crate) mod mbox;
pub(crate) mod objects;
mod status_headers;
mod text;
pub(crate) mod vcard_list;
pub(crate) mod walk;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use easel_protocol::Class;

pub(crate) use date::{asctime, mail_date};
pub(crate) use intake::{Intake, Taken};
pub(crate) use mail_state::MailState;
pub(crate) use status_headers::StatusHeaders;

/// Where something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The file.
    pub(crate) file: Arc<Path>,
    /// Where in it; `None` is all of it.
    pub(crate) place: Option<Place>,
}

/// Where in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The line something begins on, from 1.
    Line(u64),
    /// The message in an mbox, from 1, and the byte it begins at.
    Message { number: u64, byte: u64 },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        match self.place {
            None => Ok(()),
            Some(Place::Line(line)) => write!(f, ":{line}"),
            Some(Place::Message { number, byte }) => write!(f, ": message {number}, byte {byte}"),
        }
    }
}

impl Origin {
    /// All of a file.
    pub(crate) fn file(path: &Path) -> Self {
        Self { file: path.into(), place: None }
    }

    /// A place in the same file.
    pub(crate) fn at(&self, place: Place) -> Self {
        Self { file: Arc::clone(&self.file), place: Some(place) }
    }
}

/// Takes what the readers find.
pub(crate) trait Take {
    /// A message, its state, and the folder that its surroundings suggest (from the root; empty: the Inbox).
    fn mail(&mut self, origin: Origin, folder: &[String], state: MailState, bytes: Vec<u8>) -> Result<(), Stop>;

    /// An event, task, note or contact.
    fn object(&mut self, origin: Origin, folder: &[String], class: Class, text: String) -> Result<(), Stop>;

    /// Something that is left out.
    fn skip(&mut self, origin: Origin, reason: String);

    /// So many bytes are dealt with.
    fn advance(&mut self, bytes: u64);
}

/// Nothing more can be taken.
#[derive(Debug)]
pub(crate) struct Stop;

/// What ends the reading of one file.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The file cannot be read on.
    Io(io::Error),
    /// The taker stopped.
    Stop,
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Stop> for ReadError {
    fn from(Stop: Stop) -> Self {
        Self::Stop
    }
}

/// Bounds of an import.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes of one message.
    pub(crate) message_bytes_max: usize,
    /// Bytes of one calendar or card in a file.
    pub(crate) object_bytes_max: usize,
}

/// A folder whose name means a well-known one in another program.
pub(crate) fn well_known(name: &str) -> String {
    match name.to_lowercase().as_str() {
        "inbox" => "Inbox",
        "drafts" | "draft" | "brouillons" | "entwürfe" => "Drafts",
        "sent" | "sent items" | "sent messages" | "sent mail" => "Sent Items",
        "trash" | "deleted items" | "deleted messages" | "bin" => "Deleted Items",
        "outbox" | "unsent messages" => "Outbox",
        _ => return name.to_owned(),
    }
    .to_owned()
}

/// The path without its last extension, as names of folders.
pub(crate) fn folder_of_path(path: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        path.with_extension("").components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    for name in &mut names {
        // Thunderbird keeps the folders inside `Archive` in `Archive.sbd`.
        let stem = name.strip_suffix(".sbd").unwrap_or(name);
        *name = decode_name(stem);
    }
    if let [only] = names.as_mut_slice() {
        *only = well_known(only);
    }
    names
}

/// Undoes what an export does to the names of folders: `%2F` is a slash.
fn decode_name(name: &str) -> String {
    let mut out = String::new();
    let mut rest = name;
    while let Some((plain, after)) = rest.split_once('%') {
        out.push_str(plain);
        let code = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(u8::is_ascii);
        out.push(code.map_or('%', char::from));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    out.push_str(rest);
    out
}
