//! The folder of packs: what lies in it serves. It is looked at by content; one swap puts everything new into service,
//! and a file that is not good changes nothing.

mod choice;
mod event;
mod install;
mod own;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use easel_plugin::hooks::PackVersion;

use crate::component::FILE_BYTES_MAX;
use crate::kept::Kept;
use crate::load::{hex, read, signature_of};
use crate::watch::Told;
use crate::{LedgerError, LoadError, Loader, Pack, PackSet, Packs, Signed, Trust, sha256};

pub use event::FolderEvent;
pub use install::InstallError;
pub use own::{FolderError, owned_by_us};
pub(crate) use own::{make, write};

/// The folder.
#[derive(Debug)]
pub struct PackFolder {
    pub(crate) folder: PathBuf,
    kept: Kept,
    loader: Loader,
    packs: Arc<Packs>,
    files: Mutex<BTreeMap<PathBuf, Seen>>,
    /// Whether the folder could not be read when it was looked at last.
    lost: AtomicBool,
    /// What tells of changes, while the folder is watched.
    pub(crate) told: Mutex<Option<Told>>,
}

/// A file as it was when it was last looked at.
#[derive(Debug, Default)]
struct Seen {
    stamp: Stamp,
    content: Option<[u8; 32]>,
    /// The last good pack of this file.
    pack: Option<Arc<Pack>>,
    /// Whether that comes from what is kept, since the file was not good from the start.
    kept: bool,
    /// The hash that the ledger has of this file.
    noted: Option<[u8; 32]>,
}

/// The notes of what files were.
const NOTES: &str = "file/";

/// The key of the note of a file.
fn note_of(file: &Path) -> String {
    format!("{NOTES}{}", file.file_name().unwrap_or_default().to_string_lossy())
}

/// What changes when a file or its signature does.
type Stamp = [Option<(u64, u64, i64, i64)>; 2];

fn stamp(file: &Path) -> Stamp {
    let of =
        |path: &Path| fs::metadata(path).ok().map(|data| (data.ino(), data.len(), data.mtime(), data.mtime_nsec()));
    [of(file), of(&signature_of(file))]
}

impl PackFolder {
    /// In a folder that belongs to us and that nobody else may write to; made if it is not there. Nothing is loaded yet.
    pub fn open(folder: impl Into<PathBuf>, loader: Loader, packs: Arc<Packs>) -> Result<Arc<Self>, FolderError> {
        let folder = folder.into();
        make(&folder)?;
        owned_by_us(&folder)?;
        let kept = Kept::open(&folder)?;
        let (files, lost, told) = (Mutex::default(), AtomicBool::new(false), Mutex::default());
        Ok(Arc::new(Self { folder, kept, loader, packs, files, lost, told }))
    }

    /// Trusts others from now on: the next look takes every file for a new one, and a pack whose signature does not count
    /// any more no longer serves.
    pub fn set_trust(&self, trust: Trust) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        self.loader.set_trust(trust);
        files.clear();
    }

    /// Looks at the folder, loads what is new or changed, and puts all of it into service at once. What happened is in
    /// the log as well.
    pub fn load_all(&self) -> Vec<FolderEvent> {
        let mut events = Vec::new();
        self.be_told();
        if let Err(error) = self.look(&mut events) {
            events.push(FolderEvent::Refused { file: self.folder.clone(), reason: whole(&error), serves: None });
        }
        events.iter().for_each(FolderEvent::log);
        events
    }

    fn look(&self, events: &mut Vec<FolderEvent>) -> Result<(), InstallError> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(there) = self.there_or_lost() else { return Ok(()) };
        files.retain(|file, _| there.contains(file));
        self.forget_all_but(&there)?;
        let mut fresh = Vec::new();
        for file in &there {
            let seen = files.entry(file.clone()).or_default();
            let now = stamp(file);
            if seen.stamp == now {
                continue;
            }
            seen.stamp = now;
            match self.load(file, seen) {
                Ok(true) => fresh.push(file.clone()),
                Ok(false) => {}
                Err(error) => {
                    // What could not be read is tried again next time; what is not good is not until it changes.
                    let passing = matches!(
                        error,
                        InstallError::Ledger(_) | InstallError::Load(LoadError::Read { .. } | LoadError::Ledger(_))
                    );
                    if passing {
                        (seen.stamp, seen.content) = (Stamp::default(), None);
                    }
                    if seen.pack.is_none() {
                        seen.pack = self.as_it_was(file);
                        seen.kept = seen.pack.is_some();
                    }
                    let serves = seen.pack.as_ref().map(|pack| pack.version.clone());
                    events.push(FolderEvent::Refused { file: file.clone(), reason: whole(&error), serves });
                }
            }
        }
        let set = self.choose(&mut files, &fresh, events)?;
        for event in events.iter_mut() {
            // A pack that is not to serve has nothing in its place.
            if let FolderEvent::Refused { serves, .. } = event {
                *serves = serves.take().and_then(|pack| set.get(&pack.id).map(|pack| pack.version.clone()));
            }
        }
        self.note(&mut files, &set)?;
        let old = self.packs.set();
        let same = |pack: &Arc<Pack>| old.get(&pack.version.id).is_some_and(|other| other.hash == pack.hash);
        if set.iter().all(same) && set.iter().count() == old.iter().count() {
            return Ok(());
        }
        for pack in set.iter().filter(|pack| !same(pack)) {
            let file = files.iter().find(|(_, seen)| seen.pack.as_ref().is_some_and(|of| of.hash == pack.hash));
            if let Some((file, _)) = file {
                self.kept.keep(file, pack);
            }
            let is_kept = file.is_some_and(|(_, seen)| seen.kept);
            self.raise(pack)?;
            if pack.signed == Signed::Allowed {
                let (plugin, version) = (&pack.version.id, &pack.version.version);
                tracing::warn!(
                    plugin,
                    version,
                    sha256 = hex(&pack.hash),
                    "an unsigned pack serves, as the operator allowed"
                );
            }
            if is_kept {
                // The event of its file says so.
                continue;
            }
            events.push(FolderEvent::Loaded {
                file: file.map_or_else(|| self.folder.clone(), |(file, _)| file.clone()),
                pack: pack.version.clone(),
                instead_of: old.get(&pack.version.id).map(|old| old.version.version.clone()),
            });
        }
        let gone = old.iter().filter(|pack| set.get(&pack.version.id).is_none());
        events.extend(gone.map(|pack| FolderEvent::Gone { pack: pack.version.clone() }));
        self.packs.swap(set);
        Ok(())
    }

    /// The files; `None` while the folder cannot be read, or is not ours alone when it comes back: what serves goes on,
    /// and the log says so once.
    fn there_or_lost(&self) -> Option<Vec<PathBuf>> {
        let folder = self.folder.display();
        let unreadable = |source| FolderError::Use { path: self.folder.clone(), doing: "read", source };
        let found = self.there().map_err(unreadable).and_then(|there| {
            if self.lost.load(Ordering::Relaxed) {
                owned_by_us(&self.folder)?;
                self.kept.make()?;
            }
            Ok(there)
        });
        match found {
            Ok(there) => {
                if self.lost.swap(false, Ordering::Relaxed) {
                    tracing::info!(%folder, "the folder of packs is back");
                }
                Some(there)
            }
            Err(error) => {
                if !self.lost.swap(true, Ordering::Relaxed) {
                    let error = whole(&error);
                    tracing::error!(%folder, error, "the packs that serve go on: their folder is looked for again and again");
                }
                None
            }
        }
    }

    /// The files, in order of their names; hidden ones are no packs.
    fn there(&self) -> std::io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".wasm") && !name.starts_with('.') && entry.path().is_file() {
                files.push(entry.path());
            }
        }
        files.sort();
        Ok(files)
    }

    /// Loads a file if its content is new; whether it was.
    fn load(&self, file: &Path, seen: &mut Seen) -> Result<bool, InstallError> {
        let unreadable = |source| LoadError::Read { file: file.to_owned(), source };
        let bytes = read(file, FILE_BYTES_MAX).map_err(unreadable)?;
        let signature = read(&signature_of(file), 64 << 10).ok();
        let content = sha256(&[sha256(&bytes), sha256(signature.as_deref().unwrap_or_default())].concat());
        if seen.content == Some(content) {
            return Ok(false);
        }
        seen.content = Some(content);
        let signature = signature.map(|text| String::from_utf8_lossy(&text).into_owned());
        let pack = self.loader.load_bytes(file, &bytes, signature.as_deref())?;
        self.not_older(&pack)?;
        (seen.pack, seen.kept) = (Some(Arc::new(pack)), false);
        Ok(true)
    }

    /// Remembers what each file in service is.
    fn note(&self, files: &mut BTreeMap<PathBuf, Seen>, set: &PackSet) -> Result<(), LedgerError> {
        for (file, seen) in files.iter_mut() {
            let Some(pack) = &seen.pack else { continue };
            let serves = set.get(&pack.version.id).is_some_and(|serving| serving.hash == pack.hash);
            if serves && seen.noted != Some(pack.hash) {
                let PackVersion { id, version } = &pack.version;
                self.loader.ledger().put(&note_of(file), &format!("{id} {version} {}", hex(&pack.hash)))?;
                seen.noted = Some(pack.hash);
            }
        }
        Ok(())
    }

    /// Forgets what files were that are no longer there.
    fn forget_all_but(&self, there: &[PathBuf]) -> Result<(), LedgerError> {
        let keys: Vec<String> = there.iter().map(|file| note_of(file)).collect();
        for (key, _) in self.loader.ledger().under(NOTES)? {
            if !keys.contains(&key) {
                self.loader.ledger().remove(&key)?;
            }
        }
        Ok(())
    }

    /// What a file was when it last served, from what is kept; verified and tested as any other.
    fn as_it_was(&self, file: &Path) -> Option<Arc<Pack>> {
        let note = self.loader.ledger().get(&note_of(file)).ok()??;
        let [id, version, hash] = note.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let kept = self.kept.place(&PackVersion { id: id.to_owned(), version: version.to_owned() });
        let loaded = self.loader.load(&kept);
        let loaded = loaded.inspect_err(|error| tracing::warn!(error = whole(error), "what is kept is not taken"));
        loaded.ok().filter(|pack| hex(&pack.hash) == hash).map(Arc::new)
    }

    fn not_older(&self, pack: &Pack) -> Result<(), InstallError> {
        let id = &pack.version.id;
        let Some(highest) = self.loader.ledger().get(&format!("highest/{id}"))? else { return Ok(()) };
        if semver::Version::parse(&highest).is_ok_and(|highest| pack.manifest.version < highest) {
            return Err(InstallError::Downgrade { id: id.clone(), version: pack.version.version.clone(), highest });
        }
        Ok(())
    }

    /// Remembers that a version ran.
    fn raise(&self, pack: &Pack) -> Result<(), LedgerError> {
        let key = format!("highest/{}", pack.version.id);
        let highest = self.loader.ledger().get(&key)?.and_then(|text| semver::Version::parse(&text).ok());
        if highest.is_some_and(|highest| highest >= pack.manifest.version) {
            return Ok(());
        }
        self.loader.ledger().put(&key, &pack.version.version)
    }

    /// Removes compiled files that no pack in service is made of.
    pub fn sweep_cache(&self) {
        if let Some(cache) = self.loader.cache() {
            let hashes: Vec<[u8; 32]> = self.packs.set().iter().map(|pack| pack.hash).collect();
            cache.sweep(self.loader.sandbox(), &hashes);
        }
    }
}

/// An error with its causes, on one line.
pub(super) fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
