//! Who owns a data directory: one process at a time, shown by a lock on a file in it.

use std::convert::Infallible;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use crate::certain;

/// The name of the lock file within the data directory: the one that the room `store-sqlite` locks, too.
const LOCK_FILE: &str = "easel.lock";

/// How long one wait for the lock takes.
const TURN: Duration = Duration::from_millis(100);

/// The lock; the kernel lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Ownership {
    _file: File,
}

/// Why a data directory cannot be owned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnershipError {
    #[error("the data directory {0} is not there: `easel init` makes one, data_dir in the configuration names it")]
    NoDirectory(PathBuf),
    #[error("the lock of the data directory {0} cannot be taken")]
    Lock(PathBuf, #[source] io::Error),
    #[error("the data directory {dir} belongs to another process ({owner}): stop it first, or wait until it has ended")]
    Taken { dir: PathBuf, owner: String },
}

impl Ownership {
    /// Takes the lock, waiting at most `patience` for another process to end; `what` is told to whoever comes next.
    pub(crate) fn take(dir: &Path, what: &str, patience: Duration) -> Result<Self, OwnershipError> {
        match Self::take_unless(dir, what, patience, || None::<Infallible>)? {
            Ok(ownership) => Ok(ownership),
            Err(never) => match never {},
        }
    }

    /// The same, or what `unless` comes up with meanwhile; it is asked every now and then.
    pub(crate) fn take_unless<T>(
        dir: &Path,
        what: &str,
        patience: Duration,
        mut unless: impl FnMut() -> Option<T>,
    ) -> Result<Result<Self, T>, OwnershipError> {
        if !dir.is_dir() {
            return Err(OwnershipError::NoDirectory(dir.to_owned()));
        }
        let failed = |error| OwnershipError::Lock(dir.to_owned(), error);
        let path = dir.join(LOCK_FILE);
        let mut file = open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let waiting = wait(file).map_err(failed)?;
                let mut left = patience;
                file = loop {
                    if let Some(other) = unless() {
                        return Ok(Err(other));
                    }
                    match waiting.recv_timeout(left.min(TURN)) {
                        Ok(file) => break file,
                        Err(_) if left <= TURN => return Err(taken(dir, &path)),
                        Err(_) => left -= TURN,
                    }
                };
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        say_who(&mut file, what).map_err(failed)?;
        Ok(Ok(Self { _file: file }))
    }

    /// Makes a data directory that nobody else can read.
    pub(crate) fn make_directory(dir: &Path) -> io::Result<()> {
        certain::make_dirs(dir, 0o700)
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// The kernel wakes a thread when the lock is free; the thread is left behind when nobody waits for it any longer.
fn wait(file: File) -> io::Result<mpsc::Receiver<File>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new().name("lock".to_owned()).spawn(move || {
        if file.lock().is_ok() {
            drop(sender.send(file));
        }
    })?;
    Ok(receiver)
}

fn taken(dir: &Path, path: &Path) -> OwnershipError {
    let mut owner = String::new();
    let read = File::open(path).and_then(|file| file.take(200).read_to_string(&mut owner));
    let owner = match read {
        Ok(_) if !owner.trim().is_empty() => owner.trim().to_owned(),
        Ok(_) | Err(_) => "it does not say which".to_owned(),
    };
    OwnershipError::Taken { dir: dir.to_owned(), owner }
}

fn say_who(file: &mut File, what: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "easel {what}, process {}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_owned_once_and_says_by_whom() {
        let dir = tempfile::tempdir().unwrap();
        let first = Ownership::take(dir.path(), "serve", Duration::ZERO).unwrap();
        let error = Ownership::take(dir.path(), "import", Duration::from_millis(1)).unwrap_err().to_string();
        assert!(error.contains("easel serve, process"), "{error}");
        drop(first);
        Ownership::take(dir.path(), "import", Duration::ZERO).unwrap();
    }

    #[test]
    fn who_waits_gets_the_directory_when_it_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let first = Ownership::take(dir.path(), "serve", Duration::ZERO).unwrap();
        let path = dir.path().to_owned();
        let second = std::thread::spawn(move || Ownership::take(&path, "import", Duration::from_secs(60)));
        drop(first);
        second.join().unwrap().unwrap();
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing");
        let error = Ownership::take(&missing, "serve", Duration::ZERO).unwrap_err().to_string();
        assert!(error.contains("missing") && error.contains("easel init"), "{error}");
    }
}
