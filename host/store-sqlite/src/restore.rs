//! A backup becomes a data directory.
//!
//! The file is read twice: once to see that it is whole, and once to build both files in a directory of their own
//! inside the data directory. They are renamed into their places last.
//!
//! What happened after the backup was made is forgotten here, and remembered by phones and by whoever got mail. So
//! numbers of items and folders go on far above those that may have been given out since: an id that a phone learned in
//! the meantime names nothing, rather than something else. Sync keys need no such leap: a state and its key are in the
//! copy together, and a key from later is not the one that the copy expects; what phones did without getting a key is
//! looked for in the data that is replaced ([`unseen`]). And the outgoing queue is held, because its messages may have
//! left since.

use std::fs::{self, File, Permissions};
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use easel_store::{HELD_UNTIL, StoreError};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use crate::backup::{BEGINNING, FORMAT, LISTS_UNREADABLE, Manifest};
use crate::blobs;
use crate::connection::Files;
use crate::error::SqliteError;
use crate::schema;
use unseen::Anew;

mod unseen;

/// The directory inside the data directory in which both files are built.
pub(crate) const BUILT_IN: &str = "restoring";

/// Bytes read at once.
const PIECE: usize = 1 << 20;

/// Bytes of the line that says what is in a backup.
const MANIFEST_MAX: u64 = 64 << 10;

/// Bytes of a mail: what a store takes.
const MAIL_MAX: u64 = 1_000_000_000;

/// Bytes of mail in one transaction.
const TURN: usize = 32 << 20;

/// How far the numbers of items leap: more than a mailbox can have given out since the backup.
const ITEMS_LEAP: i64 = 1 << 32;

/// How far the numbers of folders leap.
const FOLDERS_LEAP: i64 = 1 << 20;

const HELD: &str =
    "held, because a backup was restored and it may have been sent since: retry sends it, drop removes it";

/// The files that are replaced, and what SQLite keeps beside them.
const NAMES: [&str; 6] = ["easel.db", "easel.db-wal", "easel.db-shm", "mail.db", "mail.db-wal", "mail.db-shm"];

/// Why a backup is not restored. Unless it says otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file is not as it was written.
    #[error("{}: the backup is damaged or cut short ({what}): take another copy of it", path.display())]
    Damaged {
        /// The backup.
        path: PathBuf,
        /// What does not fit.
        what: &'static str,
    },
    /// The file is something else.
    #[error("{}: is no backup of Easel: `easel backup` makes one", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer program made it.
    #[error(
        "{}: was made by {made_by}, newer than this program: restore it with that version or a later one",
        path.display()
    )]
    Newer {
        /// The backup.
        path: PathBuf,
        /// What made it.
        made_by: String,
    },
    /// The backup cannot be read.
    #[error("{}: the backup cannot be read", path.display())]
    Read {
        /// The backup.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The two files cannot be made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is data already.
    #[error(
        "{}: holds data already: --to restores into another directory; --replace keeps the old data beside it",
        dir.display()
    )]
    Taken {
        /// The data directory.
        dir: PathBuf,
    },
    /// A file or directory cannot be written. Whatever was moved is in the directory beside it.
    #[error("{}: cannot be written: free space, or make it writable for this user", path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
}

/// A backup that is whole.
#[derive(Clone, Debug)]
pub struct Verified {
    path: PathBuf,
    manifest: Manifest,
    /// Whether phones start over with everything.
    anew: bool,
    /// Mails that could not be read.
    unreadable: u64,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Mails, those in the queue and in quarantine included.
    pub mails: u64,
    /// Mails that were lost or could not be read when the backup was made: what names them is there, and they are not.
    pub lost: u64,
    /// Messages in the outgoing queue that are held.
    pub held: u64,
    /// When the backup was made, in milliseconds since 1970.
    pub made: i64,
    /// With how many collections phones start over, all of them together, though their keys are those of the backup; `None`
    /// where it cannot be seen which.
    pub anew: Option<u64>,
    /// Where the data that was there lies now.
    pub replaced: Option<PathBuf>,
}

/// Reads a backup to its end and changes nothing.
pub fn verify(path: &Path) -> Result<Verified, RestoreError> {
    let mut unreadable = 0;
    let manifest = walk(path, &mut |part| {
        unreadable += u64::from(matches!(part, Part::Unreadable(_)));
        Ok(())
    })?;
    Ok(Verified { path: path.to_owned(), manifest, anew: false, unreadable })
}

impl Verified {
    /// The same, and phones start over with everything.
    #[must_use]
    pub fn with_phones_anew(self) -> Self {
        Self { anew: true, ..self }
    }

    /// Makes it the data of a directory that this process owns ([`crate::lock`]) and that is there. With `replace`,
    /// data that is in it goes into a directory of that name inside it first; without, there must be none.
    pub fn restore(&self, dir: &Path, replace: Option<&str>) -> Result<Restored, RestoreError> {
        let present = || NAMES.into_iter().filter(|name| dir.join(name).exists()).collect::<Vec<_>>();
        if !present().is_empty() && replace.is_none() {
            return Err(RestoreError::Taken { dir: dir.to_owned() });
        }
        let new = dir.join(BUILT_IN);
        remove(&new)?;
        fs::DirBuilder::new().mode(0o700).create(&new).map_err(write(&new))?;
        let (held, anew) = match self.build(&Files::inside(&new), &Files::inside(dir)) {
            Ok(built) => built,
            Err(error) => {
                // The first error is the one to tell.
                remove(&new).ok();
                return Err(error);
            }
        };
        // Whoever looked at the old data may have left a file beside it.
        let present = present();
        let replaced = replace.filter(|_| !present.is_empty()).map(|name| dir.join(name));
        if let Some(old) = &replaced {
            fs::DirBuilder::new().mode(0o700).create(old).map_err(write(old))?;
            // easel.db goes first and comes last: whoever dies in between leaves a half that no server opens.
            for name in present {
                fs::rename(dir.join(name), old.join(name)).map_err(write(&dir.join(name)))?;
            }
            sync(old)?;
        }
        for name in ["mail.db", "easel.db"] {
            fs::rename(new.join(name), dir.join(name)).map_err(write(&dir.join(name)))?;
        }
        sync(dir)?;
        remove(&new)?;
        let Manifest { mails, lost, made, .. } = self.manifest;
        Ok(Restored { mails: mails - self.unreadable, lost: lost + self.unreadable, held, made, anew, replaced })
    }

    /// Makes both files, in view of the data that is replaced; how many messages are held, and with how many collections
    /// phones start over.
    fn build(&self, files: &Files, replaced: &Files) -> Result<(u64, Option<u64>), RestoreError> {
        let mut easel = File::create(&files.easel).map_err(write(&files.easel))?;
        let mut mails = None;
        walk(&self.path, &mut |part| match part {
            Part::Easel(bytes) => easel.write_all(bytes).map_err(write(&files.easel)),
            Part::Mail(id, size) => {
                if mails.is_none() {
                    mails = Some(Mails::new(files)?);
                }
                mails.as_mut().map_or(Ok(()), |mails| mails.begin(id, size))
            }
            Part::Bytes(bytes) => mails.as_mut().map_or(Ok(()), |mails| mails.add(bytes)),
            Part::Unreadable(id) => mails.as_mut().map_or(Ok(()), |mails| mails.remove(id)),
        })?;
        drop(easel);
        match mails {
            Some(mails) => mails.end()?,
            None => drop(schema::new_mail(files)?),
        }
        let opened = schema::open(files)?;
        let failed = |cause| StoreError::backend(DOING, SqliteError::database(&files.easel, cause));
        if blobs::count_lost(&opened).map_err(failed)? != self.manifest.lost + self.unreadable {
            return Err(RestoreError::Damaged {
                path: self.path.clone(),
                what: "an item names a mail that is missing, and the backup does not say so",
            });
        }
        let anew = if self.anew { Some(Anew::Everything) } else { anew_since(&opened.easel, replaced) };
        let done = go_on_above(&opened.easel, anew.as_ref()).map_err(failed)?;
        for connection in [opened.easel, opened.mail] {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
            connection.close().map_err(|(_, cause)| failed(cause))?;
        }
        for path in [&files.easel, &files.mail] {
            fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(write(path))?;
            sync(path)?;
        }
        Ok(done)
    }
}

const DOING: &str = "restoring a backup";

/// With what phones start over; `None` where there is no data that tells it.
fn anew_since(easel: &Connection, replaced: &Files) -> Option<Anew> {
    if !replaced.easel.exists() {
        return None;
    }
    Anew::since(easel, replaced).unwrap_or_else(|error| {
        // It may be replaced because it is damaged.
        tracing::warn!(%error, "the data that is replaced cannot be read");
        None
    })
}

/// What happened since the backup is not taken for what happens from now on; how many messages are held, and with how
/// many collections phones start over.
fn go_on_above(easel: &Connection, anew: Option<&Anew>) -> rusqlite::Result<(u64, Option<u64>)> {
    let transaction = easel.unchecked_transaction()?;
    transaction.execute(
        "UPDATE mailbox SET next_item = next_item + ?1, next_folder = next_folder + ?2",
        [ITEMS_LEAP, FOLDERS_LEAP],
    )?;
    let held = transaction.execute("UPDATE outgoing SET next_attempt = ?1, last_error = ?2", (HELD_UNTIL, HELD))?;
    let forgotten = anew.map(|anew| anew.forget(&transaction)).transpose()?;
    transaction.commit()?;
    Ok((held as u64, forgotten))
}

fn write(path: &Path) -> impl Fn(io::Error) -> RestoreError {
    let path = path.to_owned();
    move |cause| RestoreError::Write { path: path.clone(), cause }
}

/// Has a file, or the names in a directory, on the disk.
fn sync(path: &Path) -> Result<(), RestoreError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(write(path))
}

fn remove(dir: &Path) -> Result<(), RestoreError> {
    match fs::remove_dir_all(dir) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(write(dir)(cause)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// mail.db as it is filled.
struct Mails {
    connection: Connection,
    path: PathBuf,
    id: i64,
    size: usize,
    bytes: Vec<u8>,
    /// Bytes since the last commit.
    turn: usize,
}

impl Mails {
    fn new(files: &Files) -> Result<Self, RestoreError> {
        let connection = schema::new_mail(files)?;
        let (path, bytes) = (files.mail.clone(), Vec::new());
        let mails = Self { connection, path, id: 0, size: 0, bytes, turn: 0 };
        mails.execute("BEGIN")?;
        Ok(mails)
    }

    fn execute(&self, sql: &str) -> Result<(), RestoreError> {
        Ok(self.connection.execute_batch(sql).map_err(|cause| self.failed(cause))?)
    }

    fn failed(&self, cause: rusqlite::Error) -> StoreError {
        StoreError::backend(DOING, SqliteError::database(&self.path, cause))
    }

    fn begin(&mut self, id: i64, size: usize) -> Result<(), RestoreError> {
        (self.id, self.size) = (id, size);
        self.add(&[])
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), RestoreError> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() < self.size {
            return Ok(());
        }
        let put = self.connection.prepare_cached("INSERT INTO blob (id, data) VALUES (?1, ?2)");
        put.and_then(|mut put| put.execute((self.id, &self.bytes))).map_err(|cause| self.failed(cause))?;
        self.turn += self.size;
        self.bytes.clear();
        if self.turn >= TURN {
            self.turn = 0;
            self.execute("COMMIT; BEGIN")?;
        }
        Ok(())
    }

    fn remove(&mut self, id: i64) -> Result<(), RestoreError> {
        let removed = self.connection.execute("DELETE FROM blob WHERE id = ?1", [id]);
        removed.map_err(|cause| self.failed(cause))?;
        Ok(())
    }

    fn end(self) -> Result<(), RestoreError> {
        self.execute("COMMIT")
    }
}

/// A part of a backup.
enum Part<'a> {
    /// Some bytes of easel.db.
    Easel(&'a [u8]),
    /// A mail begins: its number and size.
    Mail(i64, usize),
    /// Some bytes of it.
    Bytes(&'a [u8]),
    /// The mail of that number, which was told before, is none.
    Unreadable(i64),
}

/// Reads a backup from one end to the other; an error where anything does not fit.
fn walk(path: &Path, told: &mut dyn FnMut(Part<'_>) -> Result<(), RestoreError>) -> Result<Manifest, RestoreError> {
    let file = File::open(path).map_err(|cause| RestoreError::Read { path: path.to_owned(), cause })?;
    let mut input = Input { path, file: BufReader::with_capacity(PIECE, file), hash: Sha256::new() };
    let format = input.line(BEGINNING.len() as u64 + 11)?;
    let foreign = || RestoreError::Foreign { path: path.to_owned() };
    let format = format.strip_prefix(BEGINNING).and_then(|format| format.parse::<u32>().ok()).ok_or_else(foreign)?;
    let newer = |made_by: String| RestoreError::Newer { path: path.to_owned(), made_by };
    if !(1..=FORMAT).contains(&format) {
        return Err(newer(format!("a version of Easel that writes format {format}")));
    }
    let manifest = input.line(MANIFEST_MAX)?;
    let manifest: Manifest =
        serde_json::from_str(&manifest).map_err(|_| input.damaged("it does not say what is in it"))?;
    if manifest.easel_schema > schema::newest() {
        return Err(newer(format!("Easel {}", manifest.version)));
    }
    input.bytes(manifest.easel_bytes, &mut |bytes| told(Part::Easel(bytes)))?;
    let (mut mails, mut before) = (0, 0);
    loop {
        let id = input.number()?;
        if id == 0 {
            break;
        }
        let size = input.number()?;
        let (Ok(number), true) = (i64::try_from(id), id > before && size <= MAIL_MAX) else {
            return Err(input.damaged("a mail has no sensible number or size"));
        };
        told(Part::Mail(number, usize::try_from(size).unwrap_or(usize::MAX)))?;
        input.bytes(size, &mut |bytes| told(Part::Bytes(bytes)))?;
        (mails, before) = (mails + 1, id);
    }
    let unreadable = if format >= LISTS_UNREADABLE { input.number()? } else { 0 };
    if unreadable > mails {
        return Err(input.damaged("it names more mails than it holds"));
    }
    let mut before = 0;
    for _ in 0..unreadable {
        let id = input.number()?;
        let (Ok(number), true) = (i64::try_from(id), id > before) else {
            return Err(input.damaged("a mail has no sensible number"));
        };
        told(Part::Unreadable(number))?;
        before = id;
    }
    let made = input.hash.clone().finalize();
    let mut said = [0; 32];
    input.exact(&mut said)?;
    if made[..] != said {
        return Err(input.damaged("its checksum is another"));
    }
    if mails != manifest.mails {
        return Err(input.damaged("it holds another number of mails than it says"));
    }
    if input.exact(&mut [0]).is_ok() {
        return Err(input.damaged("something follows its end"));
    }
    Ok(manifest)
}

/// The bytes of a backup, and their hash so far.
struct Input<'a> {
    path: &'a Path,
    file: BufReader<File>,
    hash: Sha256,
}

impl Input<'_> {
    fn damaged(&self, what: &'static str) -> RestoreError {
        RestoreError::Damaged { path: self.path.to_owned(), what }
    }

    fn unreadable(&self, cause: io::Error) -> RestoreError {
        if cause.kind() == io::ErrorKind::UnexpectedEof {
            return self.damaged("it ends too early");
        }
        RestoreError::Read { path: self.path.to_owned(), cause }
    }

    /// A line without its end; what has none within `max` bytes is no backup.
    fn line(&mut self, max: u64) -> Result<String, RestoreError> {
        let mut line = Vec::new();
        let read = (&mut self.file).take(max).read_until(b'\n', &mut line);
        read.map_err(|cause| self.unreadable(cause))?;
        self.hash.update(&line);
        let foreign = || RestoreError::Foreign { path: self.path.to_owned() };
        let text = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
        text.map(str::to_owned).ok_or_else(foreign)
    }

    fn exact(&mut self, bytes: &mut [u8]) -> Result<(), RestoreError> {
        self.file.read_exact(bytes).map_err(|cause| self.unreadable(cause))?;
        self.hash.update(bytes);
        Ok(())
    }

    fn number(&mut self) -> Result<u64, RestoreError> {
        let mut bytes = [0; 8];
        self.exact(&mut bytes)?;
        Ok(u64::from_be_bytes(bytes))
    }

    /// So many bytes, in pieces: what a damaged file says is never allocated.
    fn bytes(
        &mut self,
        count: u64,
        told: &mut dyn FnMut(&[u8]) -> Result<(), RestoreError>,
    ) -> Result<(), RestoreError> {
        let mut piece = vec![0; usize::try_from(count).unwrap_or(PIECE).min(PIECE)];
        let mut left = count;
        while left > 0 {
            let some = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            self.exact(&mut piece[..some])?;
            told(&piece[..some])?;
            left -= some as u64;
        }
        Ok(())
    }
}
