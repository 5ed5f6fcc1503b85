//! Names that survive power loss: a file is on the disk once it is synced, its name only once its directory is.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

/// Has the names in a directory on the disk.
pub(crate) fn sync_names(dir: &Path) -> io::Result<()> {
    File::open(or_here(dir))?.sync_all()
}

/// The same for the directory that a file is in.
pub(crate) fn sync_name(file: &Path) -> io::Result<()> {
    sync_names(file.parent().unwrap_or(file))
}

/// Makes a directory and those above it that are not there, with these rights.
pub(crate) fn make_dirs(dir: &Path, mode: u32) -> io::Result<()> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|dir| !or_here(dir).is_dir()).collect();
    DirBuilder::new().recursive(true).mode(mode).create(dir)?;
    missing.iter().try_for_each(|dir| sync_name(dir))
}

/// The directory above a bare name is the present one.
fn or_here(dir: &Path) -> &Path {
    if dir.as_os_str().is_empty() { Path::new(".") } else { dir }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_made_down_to_the_last_and_one_that_is_there_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        make_dirs(&deep, 0o700).unwrap();
        make_dirs(&deep, 0o755).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&deep.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o700);
        std::fs::write(deep.join("file"), "").unwrap();
        assert!(make_dirs(&deep.join("file"), 0o700).is_err());
        sync_name(&deep.join("file")).unwrap();
        sync_name(Path::new("bare")).unwrap();
    }
}
