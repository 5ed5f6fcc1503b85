//! Export: a mailbox as files that any program reads, and that an import reads back.
//!
//! | folder of | becomes |
//! |---|---|
//! | mail | `Inbox.mbox`, or a directory of `Maildir/` |
//! | events, tasks, notes | `Calendar.ics`: the stored objects, one behind the other |
//! | contacts | `Contacts.vcf`, likewise |
//!
//! Every message and every object stands there byte for byte; only in an mbox, which has no other place for it, do the
//! fields of [`crate::import::StatusHeaders`] follow the state of the mail.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use jiff::Timestamp;

use crate::certain;
use crate::import::{MailState, StatusHeaders, asctime, maildir};

/// How mail is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum MailForm {
    /// A file for each message, its state in the name.
    Maildir,
    /// A file for each folder.
    Mbox,
}

/// The file of a folder: one that holds many items.
#[derive(Debug)]
pub(crate) struct FolderFile {
    path: PathBuf,
    out: BufWriter<File>,
}

impl FolderFile {
    /// Makes `root/A/B.extension` for the folder `A/B`.
    pub(crate) fn create(root: &Path, folder: &[String], extension: &str) -> io::Result<Self> {
        let mut path = root.to_owned();
        path.extend(folder.iter().map(|name| file_name(name)));
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".");
        name.push(extension);
        path.set_file_name(name);
        if let Some(parent) = path.parent() {
            certain::make_dirs(parent, 0o777)?;
        }
        let out = BufWriter::with_capacity(256 << 10, File::create_new(&path)?);
        Ok(Self { path, out })
    }

    /// Appends a mail.
    pub(crate) fn add_mail(&mut self, raw: &[u8], state: &MailState) -> io::Result<()> {
        let received = state.received.and_then(|at| Timestamp::from_millisecond(at).ok()).unwrap_or_default();
        writeln!(self.out, "From {} {}", sender(raw), asctime(received))?;
        let message = StatusHeaders::of(raw).written(raw, state);
        for line in message.split_inclusive(|byte| *byte == b'\n') {
            let quotes = line.iter().take_while(|byte| **byte == b'>').count();
            if line[quotes..].starts_with(b"From ") {
                self.out.write_all(b">")?;
            }
            self.out.write_all(line)?;
        }
        // A message that does not end its last line gets an end here, or the next one could not begin.
        let end: &[u8] = if message.ends_with(b"\n") { b"\n" } else { b"\n\n" };
        self.out.write_all(end)
    }

    /// Appends an event, task, note or contact.
    pub(crate) fn add_object(&mut self, text: &[u8]) -> io::Result<()> {
        self.out.write_all(text)?;
        if text.ends_with(b"\n") { Ok(()) } else { self.out.write_all(b"\r\n") }
    }

    /// Ends the file, durably.
    pub(crate) fn finish(self) -> io::Result<PathBuf> {
        self.out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        certain::sync_name(&self.path)?;
        Ok(self.path)
    }
}

/// Who sent a message, as far as a separator says it.
fn sender(raw: &[u8]) -> String {
    let header = String::from_utf8_lossy(&raw[..raw.len().min(64 << 10)]);
    let path = header.lines().take_while(|line| !line.is_empty()).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("return-path").then(|| value.trim().trim_matches(['<', '>']).to_owned())
    });
    path.filter(|path| !path.is_empty() && path.len() <= 254 && path.bytes().all(|byte| byte.is_ascii_graphic()))
        .unwrap_or_else(|| "MAILER-DAEMON".to_owned())
}

/// The Maildir of a folder.
#[derive(Debug)]
pub(crate) struct MaildirFolder {
    dir: PathBuf,
    keywords: Vec<String>,
}

impl MaildirFolder {
    /// Makes it below `root`; the Inbox is `root` itself.
    pub(crate) fn create(root: &Path, folder: &[String]) -> io::Result<Self> {
        let is_inbox = matches!(folder, [only] if only == "Inbox");
        let dir = if is_inbox { root.to_owned() } else { root.join(maildir::directory(folder)) };
        for part in ["cur", "new", "tmp"] {
            fs::create_dir_all(dir.join(part))?;
        }
        if !is_inbox {
            fs::write(dir.join("maildirfolder"), "")?;
        }
        Ok(Self { dir, keywords: Vec::new() })
    }

    /// Adds a mail; its file gets the time of arrival.
    pub(crate) fn add_mail(&mut self, number: u64, raw: &[u8], state: &MailState) -> io::Result<()> {
        let received = state.received.unwrap_or(0).max(0);
        let seconds = received / 1000;
        let flags = maildir::flags(state, &mut self.keywords);
        let path = self.dir.join("cur").join(format!("{seconds}.{number}.easel,S={}:2,{flags}", raw.len()));
        let mut file = File::create_new(&path)?;
        file.write_all(raw)?;
        file.set_modified(UNIX_EPOCH + Duration::from_millis(received.unsigned_abs()))
    }

    /// Writes the names of the keywords.
    pub(crate) fn finish(self) -> io::Result<PathBuf> {
        if !self.keywords.is_empty() {
            let lines: String = self.keywords.iter().enumerate().map(|(at, name)| format!("{at} {name}\n")).collect();
            fs::write(self.dir.join("dovecot-keywords"), lines)?;
        }
        Ok(self.dir)
    }
}

/// The name of a folder as the name of a file. What a path cannot hold becomes `%2F` and the like.
pub(crate) fn file_name(name: &str) -> String {
    let mut out = String::new();
    for (at, letter) in name.chars().enumerate() {
        if matches!(letter, '/' | '\\' | '%' | ':') || letter.is_ascii_control() || (at == 0 && letter == '.') {
            out.push_str(&format!("%{:02X}", u32::from(letter)));
        } else {
            out.push(letter);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders_cannot_leave_the_directory() {
        for (name, file) in
            [("..", "%2E."), ("a/b", "a%2Fb"), ("C:\\x", "C%3A%5Cx"), ("a\0", "a%00"), ("Zoë 50%", "Zoë 50%25")]
        {
            assert_eq!(file_name(name), file);
            let read_back = crate::import::folder_of_path(&Path::new("x").join(format!("{file}.mbox")));
            assert_eq!(read_back, ["x", name]);
        }
    }

    #[test]
    fn the_sender_of_a_separator_is_one_word() {
        assert_eq!(sender(b"Return-Path: <a@b.org>\nFrom: c\n\n"), "a@b.org");
        for raw in [&b"From: c\n\nReturn-Path: <a@b>"[..], b"Return-Path: <>\n\n", b"Return-Path: a b\n\n", b""] {
            assert_eq!(sender(raw), "MAILER-DAEMON");
        }
    }

    #[test]
    fn a_file_that_is_there_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let folder = ["Inbox".to_owned()];
        FolderFile::create(dir.path(), &folder, "mbox").unwrap();
        let error = FolderFile::create(dir.path(), &folder, "mbox").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    }
}
