//! The folder of packs: what lies in it serves. It is looked at by content; one swap puts everything new into service,
//! and a file that is not good changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use easel_plugin::hooks::PackVersion;

use crate::component::FILE_BYTES_MAX;
use crate::kept::Kept;
use crate::load::{hex, read, signature_of};
use crate::manifest::is_id;
use crate::watch::Told;
use crate::{LedgerError, LoadError, Loader, Pack, PackSet, Packs, Signed, Trust, sha256};

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

/// Has the name of a file on the disk: what was put there, put over another or removed is so after power loss as well.
fn sync_name(path: &Path) -> std::io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(dir)?.sync_all()
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

/// What happened when the folder was looked at.
#[derive(Debug)]
pub enum FolderEvent {
    /// A pack came into service.
    Loaded {
        /// Where it lies.
        file: PathBuf,
        /// Which.
        pack: PackVersion,
        /// The version it took the place of.
        instead_of: Option<String>,
    },
    /// A file is not taken; what served before serves on.
    Refused {
        /// Where it lies.
        file: PathBuf,
        /// Why, and what cures it.
        reason: String,
        /// What serves on in its place, after a start from what is kept; `None` where nothing did.
        serves: Option<PackVersion>,
    },
    /// A pack is no longer in service.
    Gone {
        /// Which.
        pack: PackVersion,
    },
}

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
        for event in &events {
            match event {
                FolderEvent::Loaded { file, pack, instead_of } => {
                    let (plugin, version, file) = (&pack.id, &pack.version, file.display());
                    tracing::info!(plugin, version, %file, instead_of, "a pack serves");
                }
                FolderEvent::Refused { file, reason, serves: Some(pack) } => {
                    let (plugin, version, file) = (&pack.id, &pack.version, file.display());
                    tracing::error!(plugin, version, %file, reason, "a pack is not taken; what served before serves on");
                }
                FolderEvent::Refused { file, reason, serves: None } => {
                    tracing::error!(file = %file.display(), reason, "a pack is not taken");
                }
                FolderEvent::Gone { pack } => {
                    tracing::info!(plugin = pack.id, version = pack.version, "a pack no longer serves");
                }
            }
        }
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

    /// The packs that are to serve: one file for an id, none that is disabled, and in place of one that failed in service
    /// the one before it.
    fn choose(
        &self,
        files: &mut BTreeMap<PathBuf, Seen>,
        fresh: &[PathBuf],
        events: &mut Vec<FolderEvent>,
    ) -> Result<PackSet, InstallError> {
        let mut by_id: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for (file, seen) in files.iter() {
            if let Some(pack) = &seen.pack {
                by_id.entry(pack.version.id.clone()).or_default().push(file.clone());
            }
        }
        let mut chosen = Vec::new();
        for (id, mut of_id) in by_id {
            if let [first, second, ..] = &of_id[..] {
                let (first, second) = (first.clone(), second.clone());
                let conflict = InstallError::Conflict { id: id.clone(), first, second }.to_string();
                // One that served before goes on; of those that are new none is taken.
                let refused: Vec<PathBuf> = of_id.iter().filter(|file| fresh.contains(file)).cloned().collect();
                of_id.retain(|file| !refused.contains(file));
                let serves = of_id.first().and_then(|file| files.get(file)?.pack.as_ref());
                let serves = serves.map(|pack| pack.version.clone());
                for file in refused {
                    if let Some(seen) = files.get_mut(&file) {
                        *seen = Seen { stamp: seen.stamp, ..Seen::default() };
                    }
                    events.push(FolderEvent::Refused { file, reason: conflict.clone(), serves: serves.clone() });
                }
            }
            let pack = of_id.first().and_then(|file| files.get(file)).and_then(|seen| seen.pack.clone());
            let Some(pack) = pack else { continue };
            let ledger = self.loader.ledger();
            if ledger.get(&format!("disabled/{id}"))?.is_some() {
                continue;
            }
            if ledger.get(&format!("refused/{}", hex(&pack.hash)))?.is_none() {
                chosen.push(pack);
            } else if let Some(serving) = self.packs.set().get(&id).filter(|serving| serving.hash != pack.hash) {
                chosen.push(Arc::clone(serving));
            } else if let Some(before) = self.before(&pack.version) {
                chosen.push(Arc::new(before));
            }
        }
        Ok(PackSet::new(chosen))
    }

    /// The highest version before this one that is good.
    fn before(&self, pack: &PackVersion) -> Option<Pack> {
        let version = semver::Version::parse(&pack.version).ok()?;
        let earlier = self.kept.all(&pack.id).into_iter().filter(|(other, _)| *other < version);
        let load = |(_, file): (_, PathBuf)| {
            let loaded = self.loader.load(&file);
            loaded.inspect_err(|error| tracing::warn!(error = whole(error), "an earlier version is not taken")).ok()
        };
        let is_refused = |pack: &Pack| {
            self.loader.ledger().get(&format!("refused/{}", hex(&pack.hash))).is_ok_and(|of| of.is_some())
        };
        earlier.filter_map(load).find(|pack| !is_refused(pack))
    }

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

    /// Removes compiled files that no pack in service is made of.
    pub fn sweep_cache(&self) {
        if let Some(cache) = self.loader.cache() {
            let hashes: Vec<[u8; 32]> = self.packs.set().iter().map(|pack| pack.hash).collect();
            cache.sweep(self.loader.sandbox(), &hashes);
        }
    }
}

/// An error with its causes, on one line.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
