//! One process owns a data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use easel_store::StoreError;

use crate::SqliteError;

/// Holds a data directory until dropped.
#[derive(Debug)]
pub struct DataLock {
    // Closing the file gives the lock up. The file stays: removing it would let two processes lock two files.
    _file: File,
}

/// Takes the data directory for this process, and makes it if it is not there. When somebody else has it the error
/// says who.
pub fn lock(dir: &Path) -> Result<DataLock, StoreError> {
    let path = dir.join("easel.lock");
    let doing = "locking the data directory";
    let unusable = |cause| StoreError::backend(doing, SqliteError::Directory { path: dir.to_owned(), cause });
    std::fs::create_dir_all(dir).map_err(unusable)?;
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(StoreError::backend(doing, SqliteError::InUse { holder: holder(&mut file), path }));
        }
        Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
    }
    claim(&mut file).map_err(unusable)?;
    Ok(DataLock { _file: file })
}

fn claim(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

/// Who wrote the lock file.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(20).read_to_string(&mut text);
    match text.trim().parse::<u32>() {
        Ok(process) if read.is_ok() => format!("process {process}{}", program(process)),
        Ok(_) | Err(_) => "another process".to_owned(),
    }
}

/// The name of a running program, where the system tells it.
fn program(process: u32) -> String {
    let path = PathBuf::from(format!("/proc/{process}/comm"));
    std::fs::read_to_string(path).map(|name| format!(" ({})", name.trim())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn a_second_lock_names_the_holder() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(&dir.path().join("data")).unwrap();
        let refused = lock(&dir.path().join("data")).unwrap_err();
        let cause = refused.source().unwrap().to_string();
        assert!(cause.contains(&format!("process {}", std::process::id())), "{cause}");
        assert!(cause.contains("easel.lock"), "{cause}");
        drop(held);
        lock(&dir.path().join("data")).unwrap();
    }

    #[test]
    fn a_path_that_is_no_directory_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "text").unwrap();
        let cause = lock(&file).unwrap_err().source().unwrap().to_string();
        assert!(cause.contains(&file.display().to_string()) && cause.contains("directory"), "{cause}");
    }
}
