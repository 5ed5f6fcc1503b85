//! What the operator asks for: packs come, go, rest, and go back.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use easel_plugin::hooks::PackVersion;

use super::own::{sync_name, write};
use crate::component::FILE_BYTES_MAX;
use crate::load::{hex, read, signature_of};
use crate::manifest::is_id;
use crate::{LedgerError, LoadError, PackFolder, sha256};

/// Why what the operator asked for is not done.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The file is not good.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// An older one than ever ran.
    #[error("{id} {version} is older than {highest}, which ran here: `easel pack rollback {id}` goes back on purpose")]
    Downgrade {
        /// The pack.
        id: String,
        /// What was to be installed.
        version: String,
        /// What ran.
        highest: String,
    },
    /// Not there.
    #[error("no pack called {0:?} is installed")]
    NoPack(String),
    /// Nothing to go back to.
    #[error("no earlier version of {0:?} is kept")]
    NoPrevious(String),
    /// Two files with one id.
    #[error("{} and {} are both the pack {id:?}: remove one of them", first.display(), second.display())]
    Conflict {
        /// The pack.
        id: String,
        /// One.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The disk.
    #[error("{}: it cannot be written", path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What is remembered.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl PackFolder {
    /// The file of an installed pack.
    fn file_of(&self, id: &str) -> Option<PathBuf> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files
            .iter()
            .find(|(_, seen)| seen.pack.as_ref().is_some_and(|pack| pack.version.id == id))
            .map(|(file, _)| file.clone())
    }

    /// Puts a file, and the signature beside it, into the folder, after all stages, and into service.
    /// `allow_unsigned` binds this very content, and is remembered.
    pub fn install(&self, file: &Path, allow_unsigned: bool) -> Result<PackVersion, InstallError> {
        let bytes = read(file, FILE_BYTES_MAX).map_err(|source| LoadError::Read { file: file.to_owned(), source })?;
        let signature = read(&signature_of(file), 64 << 10).ok();
        let hash = hex(&sha256(&bytes));
        let ledger = self.loader.ledger();
        let allowed = format!("allowed/{hash}");
        let allows = allow_unsigned && signature.is_none() && ledger.get(&allowed)?.is_none();
        if allows {
            ledger.put(&allowed, &file.file_name().unwrap_or_default().to_string_lossy())?;
        }
        let text = signature.as_ref().map(|text| String::from_utf8_lossy(text).into_owned());
        let loaded = self.loader.load_bytes(file, &bytes, text.as_deref()).map_err(InstallError::Load);
        let loaded = loaded.and_then(|pack| self.not_older(&pack).map(|()| pack.version));
        if loaded.is_err() && allows {
            ledger.remove(&allowed)?;
        }
        let version = loaded?;
        ledger.remove(&format!("refused/{hash}"))?;
        let target = self.file_of(&version.id).unwrap_or_else(|| self.folder.join(format!("{}.wasm", version.id)));
        self.place(&target, &bytes, signature.as_deref())?;
        self.load_all();
        Ok(version)
    }

    /// The signature first: a file is looked at when it is there, and then all of it must be.
    fn place(&self, target: &Path, bytes: &[u8], signature: Option<&[u8]>) -> Result<(), InstallError> {
        let beside = signature_of(target);
        let error = |path: &Path| {
            let path = path.to_owned();
            |source| InstallError::Write { path, source }
        };
        // Held, so that nobody looks between the two.
        let _files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        match signature {
            Some(signature) => write(&beside, signature).map_err(error(&beside))?,
            None if beside.exists() => fs::remove_file(&beside).map_err(error(&beside))?,
            None => {}
        }
        write(target, bytes).map_err(error(target))
    }

    /// Takes a pack out of service and its file out of the folder. Kept versions stay.
    pub fn remove(&self, id: &str) -> Result<(), InstallError> {
        let file = self.file_of(id).ok_or_else(|| InstallError::NoPack(id.to_owned()))?;
        for path in [&file, &signature_of(&file)] {
            match fs::remove_file(path) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(InstallError::Write { path: path.clone(), source }),
            }
        }
        sync_name(&file).map_err(|source| InstallError::Write { path: self.folder.clone(), source })?;
        self.load_all();
        Ok(())
    }

    /// Lets a pack serve again.
    pub fn enable(&self, id: &str) -> Result<(), InstallError> {
        self.loader.ledger().remove(&format!("disabled/{id}"))?;
        self.load_all();
        Ok(())
    }

    /// Takes a pack out of service; its file stays.
    pub fn disable(&self, id: &str) -> Result<(), InstallError> {
        if self.file_of(id).is_none() {
            return Err(InstallError::NoPack(id.to_owned()));
        }
        self.loader.ledger().put(&format!("disabled/{id}"), "")?;
        self.load_all();
        Ok(())
    }

    /// Installed packs that are not to serve, by id.
    pub fn disabled(&self) -> Result<Vec<String>, LedgerError> {
        let keys = self.loader.ledger().under("disabled/")?;
        Ok(keys.into_iter().filter_map(|(key, _)| key.strip_prefix("disabled/").map(ToOwned::to_owned)).collect())
    }

    /// Goes back to the highest version before the present one that is kept and good.
    pub fn rollback(&self, id: &str) -> Result<PackVersion, InstallError> {
        if !is_id(id) {
            return Err(InstallError::NoPack(id.to_owned()));
        }
        let serving = self.packs.set().get(id).map(|pack| pack.version.clone());
        let present = serving.ok_or_else(|| InstallError::NoPack(id.to_owned()))?;
        let before = self.before(&present).ok_or_else(|| InstallError::NoPrevious(id.to_owned()))?;
        let kept = self.kept.place(&before.version);
        let bytes = read(&kept, FILE_BYTES_MAX).map_err(|source| LoadError::Read { file: kept.clone(), source })?;
        let signature = read(&signature_of(&kept), 64 << 10).ok();
        self.loader.ledger().put(&format!("highest/{id}"), &before.version.version)?;
        let target = self.file_of(id).unwrap_or_else(|| self.folder.join(format!("{id}.wasm")));
        self.place(&target, &bytes, signature.as_deref())?;
        self.load_all();
        Ok(before.version)
    }
}
