//! Which files an import reads, as what, and into which folder.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::{
    Bounds, MailState, Origin, ReadError, StatusHeaders, Take, folder_of_path, mail_date, maildir, mbox, objects,
    well_known,
};

/// Directories inside directories.
const DEPTH_MAX: usize = 32;
/// Bytes of a file that are looked at to tell what it is.
const SNIFFED: u64 = 4096;
/// Bytes held while a file is read.
const BUFFER: usize = 256 << 10;

/// One file to be read.
#[derive(Debug)]
pub(crate) struct Work {
    path: PathBuf,
    kind: Kind,
    /// The folder that its surroundings suggest.
    folder: Vec<String>,
    size: u64,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// One message.
    Mail,
    /// One message of a Maildir.
    Maildir { keywords: Arc<Vec<String>> },
    /// Many messages.
    Mbox,
    /// Events, tasks, notes or contacts.
    Objects,
}

/// Every file of an import.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    works: Vec<Work>,
    /// Where a file found below a given directory goes: a folder named like the file.
    keep_folders: bool,
}

impl Plan {
    /// Finds the files below `paths`. What is not understood is reported at once.
    pub(crate) fn of(paths: &[PathBuf], keep_folders: bool, take: &mut dyn Take) -> Self {
        let mut plan = Self { works: Vec::new(), keep_folders };
        for path in paths {
            plan.add(path, path, 0, take);
        }
        plan
    }

    /// Bytes to be read.
    pub(crate) fn bytes(&self) -> u64 {
        self.works.iter().map(|work| work.size).sum()
    }

    /// How many files there are.
    pub(crate) fn files(&self) -> usize {
        self.works.len()
    }

    fn add(&mut self, root: &Path, path: &Path, depth: usize, take: &mut dyn Take) {
        if let Err(error) = self.try_add(root, path, depth, take) {
            take.skip(Origin::file(path), format!("cannot be read: {error}"));
        }
    }

    fn try_add(&mut self, root: &Path, path: &Path, depth: usize, take: &mut dyn Take) -> io::Result<()> {
        // A link is followed where it was named, not where it was found.
        let metadata = if depth == 0 { fs::metadata(path)? } else { fs::symlink_metadata(path)? };
        if metadata.is_dir() {
            return self.add_directory(root, path, depth, take);
        }
        if !metadata.is_file() {
            let what = if metadata.is_symlink() { "a symbolic link" } else { "no file" };
            take.skip(Origin::file(path), format!("{what}: name it to import it"));
            return Ok(());
        }
        match kind(path)? {
            Some(kind) => {
                let inside =
                    path.strip_prefix(root).ok().filter(|inside| self.keep_folders && depth > 0 && *inside != path);
                // A mail is no folder; the directory it lies in is.
                let inside = if kind == Kind::Mail { inside.and_then(Path::parent) } else { inside };
                let folder = inside.map(folder_of_path).unwrap_or_default();
                self.works.push(Work { path: path.to_owned(), kind, folder, size: metadata.len() });
            }
            None => take.skip(Origin::file(path), "neither mail nor calendar nor contacts".to_owned()),
        }
        Ok(())
    }

    fn add_directory(&mut self, root: &Path, dir: &Path, depth: usize, take: &mut dyn Take) -> io::Result<()> {
        if depth > DEPTH_MAX {
            take.skip(Origin::file(dir), format!("deeper than {DEPTH_MAX} directories"));
            return Ok(());
        }
        let is_maildir = maildir::is_maildir(dir);
        if is_maildir {
            self.add_maildir(root, dir, depth)?;
        }
        for entry in sorted(dir)? {
            let name = entry.file_name().unwrap_or_default();
            if is_maildir {
                // Beside its messages a Maildir holds folders, and files of its server.
                if !matches!(name.to_str(), Some("cur" | "new" | "tmp")) && maildir::is_maildir(&entry) {
                    self.add(root, &entry, depth + 1, take);
                }
            } else if !name.to_string_lossy().starts_with('.') {
                self.add(root, &entry, depth + 1, take);
            }
        }
        Ok(())
    }

    fn add_maildir(&mut self, root: &Path, dir: &Path, depth: usize) -> io::Result<()> {
        let folder = if depth == 0 { Vec::new() } else { maildir_folder(dir.strip_prefix(root).unwrap_or(dir)) };
        let keywords = Arc::new(maildir::keywords(dir)?);
        for part in ["cur", "new"] {
            for path in sorted(&dir.join(part))? {
                let metadata = fs::symlink_metadata(&path)?;
                if metadata.is_file() {
                    let kind = Kind::Maildir { keywords: Arc::clone(&keywords) };
                    self.works.push(Work { path, kind, folder: folder.clone(), size: metadata.len() });
                }
            }
        }
        Ok(())
    }

    /// Reads everything, file by file; a file that cannot be read on is reported, and the next one is read.
    pub(crate) fn run(self, bounds: Bounds, take: &mut dyn Take) {
        for work in self.works {
            match work.read(bounds, take) {
                Ok(()) => {}
                Err(ReadError::Stop) => return,
                Err(ReadError::Io(error)) => take.skip(Origin::file(&work.path), format!("cannot be read: {error}")),
            }
        }
    }
}

/// The folder of a Maildir at a path below the one that was named.
fn maildir_folder(inside: &Path) -> Vec<String> {
    let mut folder: Vec<String> = inside
        .iter()
        .flat_map(|part| maildir::folder(part).unwrap_or_else(|| vec![part.to_string_lossy().into_owned()]))
        .collect();
    if folder.first().is_some_and(|first| first.eq_ignore_ascii_case("maildir") || first.eq_ignore_ascii_case("inbox"))
    {
        folder.remove(0);
    }
    if let [only] = folder.as_mut_slice() {
        *only = well_known(only);
    }
    folder
}

fn sorted(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(dir)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    paths.sort();
    Ok(paths)
}

/// What a file is, by its first bytes, and by its name where these say nothing.
fn kind(path: &Path) -> io::Result<Option<Kind>> {
    let mut start = Vec::new();
    File::open(path)?.take(SNIFFED).read_to_end(&mut start)?;
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase()).unwrap_or_default();
    let by_name = match extension.as_str() {
        "mbox" | "mbx" => Some(Kind::Mbox),
        "eml" | "msg" => Some(Kind::Mail),
        "ics" | "ical" | "ifb" | "vcs" | "vcf" | "vcard" => Some(Kind::Objects),
        _ => None,
    };
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start);
    let first = text.iter().position(|byte| !byte.is_ascii_whitespace()).map_or(&[][..], |at| &text[at..]);
    let begins = |word: &[u8]| first.len() >= word.len() && first[..word.len()].eq_ignore_ascii_case(word);
    let by_content = if begins(b"From ") {
        Some(Kind::Mbox)
    } else if begins(b"BEGIN:VCALENDAR") || begins(b"BEGIN:VCARD") {
        Some(Kind::Objects)
    } else if looks_like_mail(text) {
        Some(Kind::Mail)
    } else {
        None
    };
    // An Outlook file begins with the mark of a compound document; it is no mail of RFC 5322.
    let is_compound = start.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]);
    Ok(by_content.or(by_name).filter(|_| !is_compound))
}

/// Whether the first lines are header fields, one of which mail has.
fn looks_like_mail(text: &[u8]) -> bool {
    let known =
        ["from", "to", "date", "subject", "received", "return-path", "message-id", "delivered-to", "mime-version"];
    let mut seen = false;
    for line in text.split(|byte| *byte == b'\n').take(50) {
        match line {
            [] | b"\r" => break,
            [b' ' | b'\t', ..] => continue,
            _ => {}
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return seen && line.len() > 998 };
        let name = &line[..colon];
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return false;
        }
        seen |= known.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
    }
    seen
}

impl Work {
    fn read(&self, bounds: Bounds, take: &mut dyn Take) -> Result<(), ReadError> {
        match &self.kind {
            Kind::Mbox => mbox::read(&self.path, self.open()?, &self.folder, bounds, take),
            Kind::Objects => objects::read(&self.path, self.open()?, &self.folder, bounds, take),
            Kind::Mail => self.read_mail(bounds, take, |bytes, modified| {
                let received = mail_date(bytes).or(modified);
                MailState { received: received.map(Timestamp::as_millisecond), ..StatusHeaders::of(bytes).state }
            }),
            Kind::Maildir { keywords } => self.read_mail(bounds, take, |_, modified| {
                let name = self.path.file_name().unwrap_or_default();
                let received = maildir::received(name, modified).map(Timestamp::as_millisecond);
                MailState { received, ..maildir::state(name, keywords) }
            }),
        }
    }

    fn open(&self) -> io::Result<BufReader<File>> {
        Ok(BufReader::with_capacity(BUFFER, File::open(&self.path)?))
    }

    fn read_mail(
        &self,
        bounds: Bounds,
        take: &mut dyn Take,
        state: impl Fn(&[u8], Option<Timestamp>) -> MailState,
    ) -> Result<(), ReadError> {
        let origin = Origin::file(&self.path);
        let file = File::open(&self.path)?;
        let modified = file.metadata()?.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
        let mut bytes = Vec::new();
        file.take(bounds.message_bytes_max as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > bounds.message_bytes_max {
            let size = self.size.max(bytes.len() as u64);
            let reason = format!("{size} bytes, above the {} of limits.message_mib_max", bounds.message_bytes_max);
            take.skip(origin, reason);
        } else if bytes.iter().all(u8::is_ascii_whitespace) {
            take.skip(origin, "an empty file".to_owned());
        } else {
            let state = state(&bytes, modified);
            take.mail(origin, &self.folder, state, bytes)?;
        }
        take.advance(self.size);
        Ok(())
    }
}
