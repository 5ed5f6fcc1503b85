//! Versions of packs that served, kept beside the folder's files: for `rollback`, and for a file that is good no more.

use std::fs;
use std::path::{Path, PathBuf};

use easel_plugin::hooks::PackVersion;

use crate::component::FILE_BYTES_MAX;
use crate::folder::{make, write};
use crate::load::{read, signature_of};
use crate::{FolderError, Pack, owned_by_us, sha256};

/// Where they lie, within the folder of packs.
const PREVIOUS: &str = ".previous";
/// Versions kept of a pack.
const PREVIOUS_MAX: usize = 4;

/// The kept versions of all packs: `PACK@VERSION.wasm`, each with its signature beside it.
#[derive(Debug)]
pub(crate) struct Kept(PathBuf);

impl Kept {
    /// Within a folder of packs; it must belong to us alone as that does.
    pub(crate) fn open(folder: &Path) -> Result<Self, FolderError> {
        let kept = Self(folder.join(PREVIOUS));
        kept.make()?;
        Ok(kept)
    }

    /// Makes the place unless it is there.
    pub(crate) fn make(&self) -> Result<(), FolderError> {
        make(&self.0)?;
        owned_by_us(&self.0)
    }

    /// Where a version lies, if it is kept.
    pub(crate) fn place(&self, pack: &PackVersion) -> PathBuf {
        self.0.join(format!("{}@{}.wasm", pack.id, pack.version))
    }

    /// The versions of a pack, the highest first.
    pub(crate) fn all(&self, id: &str) -> Vec<(semver::Version, PathBuf)> {
        let of = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_suffix(".wasm")?.strip_prefix(id)?.strip_prefix('@')?;
            Some((semver::Version::parse(version).ok()?, entry.path()))
        };
        let mut found: Vec<_> = fs::read_dir(&self.0).into_iter().flatten().flatten().filter_map(of).collect();
        found.sort();
        found.reverse();
        found
    }

    /// Keeps the file of a pack that is about to serve.
    pub(crate) fn keep(&self, file: &Path, pack: &Pack) {
        let kept = self.place(&pack.version);
        let keep = || {
            let bytes = read(file, FILE_BYTES_MAX)?;
            let signature = read(&signature_of(file), 64 << 10).ok();
            // Another file by now: its own turn comes.
            if sha256(&bytes) != pack.hash {
                return Ok(());
            }
            match signature {
                Some(signature) => write(&signature_of(&kept), &signature)?,
                // One of other content under the same version.
                None if signature_of(&kept).exists() => fs::remove_file(signature_of(&kept))?,
                None => {}
            }
            write(&kept, &bytes)
        };
        let written: std::io::Result<()> = keep();
        if let Err(error) = written {
            tracing::warn!(file = %kept.display(), %error, "a pack is not kept for rollback");
        }
        for (_, old) in self.all(&pack.version.id).into_iter().skip(PREVIOUS_MAX) {
            // Too many only cost room.
            let _ = fs::remove_file(signature_of(&old));
            let _ = fs::remove_file(old);
        }
    }
}
