//! A folder that is ours alone, and files in it that are there whole or not at all.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Not there, or not to be made, read or watched.
    #[error("{}: it cannot be {doing}", path.display())]
    Use {
        /// Where.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Of another user.
    #[error("{} belongs to user {owner}, and not to user {us}, who runs the server: chown it", path.display())]
    Owner {
        /// Where.
        path: PathBuf,
        /// Whose.
        owner: u32,
        /// Who we are.
        us: u32,
    },
    /// Others may write to it.
    #[error("{} may be written by others (mode {mode:o}): chmod go-w it", path.display())]
    Writable {
        /// Where.
        path: PathBuf,
        /// How.
        mode: u32,
    },
}

/// Whether something belongs to the user who runs us and may be written by nobody else.
pub fn owned_by_us(path: &Path) -> Result<(), FolderError> {
    let metadata =
        fs::metadata(path).map_err(|source| FolderError::Use { path: path.to_owned(), doing: "looked at", source })?;
    let us = rustix::process::geteuid().as_raw();
    if metadata.uid() != us {
        return Err(FolderError::Owner { path: path.to_owned(), owner: metadata.uid(), us });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 == 0 { Ok(()) } else { Err(FolderError::Writable { path: path.to_owned(), mode }) }
}

/// Makes a folder for us alone, unless it is there.
pub(crate) fn make(path: &Path) -> Result<(), FolderError> {
    if path.is_dir() {
        return Ok(());
    }
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path).and_then(|()| sync_name(path));
    made.map_err(|source| FolderError::Use { path: path.to_owned(), doing: "made", source })
}

/// Writes a file so that it is there whole or not at all, and certainly when this is back.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    let new = path.with_file_name(name);
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_name(path)
}

/// Has the name of a file on the disk: what was put there, put over another or removed is so after power loss as well.
pub(super) fn sync_name(path: &Path) -> std::io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(dir)?.sync_all()
}
