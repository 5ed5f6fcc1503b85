//! From a file to a pack, in stages: read, signature, imports and exports, compile, link, manifest, self-test. The bytes
//! that are verified are the bytes that are compiled. Each failure says what is wrong, where, and what cures it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use easel_plugin::fixture::{Fixture, FixtureError};
use easel_plugin::hooks::PackVersion;
use sha2::{Digest, Sha256};

use crate::component::{FILE_BYTES_MAX, Shape};
use crate::faults::Faults;
use crate::guest::{Teller, store};
use crate::stats::Counters;
use crate::v0_1::{Code, Exports, Failed};
use crate::{
    Cache, Clock, ComponentError, Ledger, LedgerError, Manifest, ManifestError, MemoryLedger, Overrides, Pack, PackLog,
    PackSet, Packs, Sandbox, SignatureError, Signed, Trust,
};

/// Makes packs of files.
#[derive(Debug)]
pub struct Loader {
    sandbox: Arc<Sandbox>,
    trust: ArcSwap<Trust>,
    cache: Option<Cache>,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    log: Arc<PackLog>,
    /// One at a time: compiling takes every core.
    compiling: Mutex<()>,
}

/// Why a file is not taken, at the first stage that refused it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("{}: it cannot be read: see that it is there and that the server may read it", file.display())]
    Read {
        /// Where.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its signature is not good.
    #[error("{}: {reason}", file.display())]
    Signature {
        /// Where.
        file: PathBuf,
        /// Why.
        reason: SignatureError,
    },
    /// It is no component, or wants or offers something else.
    #[error("{}: {reason}", file.display())]
    Component {
        /// Where.
        file: PathBuf,
        /// Why.
        reason: ComponentError,
    },
    /// It cannot be compiled.
    #[error("{}: it cannot be compiled ({reason}): build it with the tools of this server's version", file.display())]
    Compile {
        /// Where.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// Its functions are not those of the contract.
    #[error("{}: it does not fit the contract ({reason}): build it again from the WIT of this server", file.display())]
    Link {
        /// Where.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// Asked for its manifest it failed.
    #[error("{}: it failed when asked for its manifest ({reason}): mend `get-manifest`", file.display())]
    Describe {
        /// Where.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// Its manifest is not good.
    #[error("{}: {reason}", file.display())]
    Manifest {
        /// Where.
        file: PathBuf,
        /// Why.
        reason: ManifestError,
    },
    /// It does not do what its own fixtures say.
    #[error("{}: its fixture {name:?} does not hold: {reason}{}; mend the pack or the fixture", file.display(), last(fault))]
    Fixture {
        /// Where.
        file: PathBuf,
        /// Which.
        name: String,
        /// Why.
        reason: FixtureError,
        /// What failed in the sandbox meanwhile; empty when nothing did.
        fault: String,
    },
    /// What is remembered cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

fn last(fault: &str) -> String {
    if fault.is_empty() { String::new() } else { format!("\n(the pack failed: {fault})") }
}

/// The SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string works");
        text
    })
}

/// The place of the signature of a file.
pub(crate) fn signature_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

/// At most so many bytes of a file and one more, so that what is too long is seen and not read.
pub(crate) fn read(file: &Path, most: usize) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    fs::File::open(file)?.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Loader {
    /// One that compiles every time; see [`Loader::cached`].
    pub fn new(
        sandbox: Arc<Sandbox>,
        trust: Trust,
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        log: Arc<PackLog>,
    ) -> Self {
        Self {
            sandbox,
            trust: ArcSwap::from_pointee(trust),
            cache: None,
            ledger,
            clock,
            log,
            compiling: Mutex::new(()),
        }
    }

    /// Keeps what is compiled.
    #[must_use]
    pub fn cached(mut self, cache: Cache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Trusts others from now on.
    pub(crate) fn set_trust(&self, trust: Trust) {
        self.trust.store(Arc::new(trust));
    }

    pub(crate) const fn sandbox(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }

    pub(crate) const fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    pub(crate) const fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.ledger
    }

    /// Loads a file with the signature that lies beside it.
    pub fn load(&self, file: &Path) -> Result<Pack, LoadError> {
        let unreadable = |source| LoadError::Read { file: file.to_owned(), source };
        let bytes = read(file, FILE_BYTES_MAX).map_err(unreadable)?;
        let signature = match read(&signature_of(file), 64 << 10) {
            Ok(text) => Some(String::from_utf8_lossy(&text).into_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(error)),
        };
        self.load_bytes(file, &bytes, signature.as_deref())
    }

    /// The same of bytes; `file` is for messages only.
    pub fn load_bytes(&self, file: &Path, bytes: &[u8], signature: Option<&str>) -> Result<Pack, LoadError> {
        let hash = sha256(bytes);
        let file = || file.to_owned();
        if bytes.len() > FILE_BYTES_MAX {
            return Err(LoadError::Component { file: file(), reason: ComponentError::Size(bytes.len()) });
        }
        let trust = self.trust.load();
        let key = match signature {
            Some(text) => {
                let key = trust.verify(bytes, text);
                Some(key.map_err(|reason| LoadError::Signature { file: file(), reason })?)
            }
            None if trust.allows(&hash) || self.ledger.get(&format!("allowed/{}", hex(&hash)))?.is_some() => None,
            None => {
                let reason = SignatureError::Unsigned(hex(&hash));
                return Err(LoadError::Signature { file: file(), reason });
            }
        };
        let signs = |id: &str| key.map_or(Ok(Signed::Allowed), |key| key.signs(id));
        self.make(&file(), bytes, hash, signs)
    }

    /// The same of bytes whose signature does not matter: for `easel pack inspect` and `easel pack test`.
    pub fn load_unsigned(&self, file: &Path, bytes: &[u8]) -> Result<Pack, LoadError> {
        self.make(file, bytes, sha256(bytes), |_| Ok(Signed::Allowed))
    }

    fn make(
        &self,
        file: &Path,
        bytes: &[u8],
        hash: [u8; 32],
        signs: impl Fn(&str) -> Result<Signed, SignatureError>,
    ) -> Result<Pack, LoadError> {
        let file = || file.to_owned();
        let shape = Shape::read(bytes).map_err(|reason| LoadError::Component { file: file(), reason })?;
        let _one = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        let said = |error: wasmtime::Error| crate::log::clean(&format!("{error:#}"));
        let compiled = match &self.cache {
            Some(cache) => cache.compile(&self.sandbox, bytes),
            None => wasmtime::component::Component::new(&self.sandbox.engine, bytes).map(|made| (made, false)),
        };
        let (component, from_cache) =
            compiled.map_err(|error| LoadError::Compile { file: file(), reason: said(error) })?;
        let link = |error| LoadError::Link { file: file(), reason: said(error) };
        let pre = self.sandbox.linker.0.instantiate_pre(&component).map_err(link)?;
        let exports = Exports::find(&component, &pre).map_err(link)?;
        let manifest = {
            let _turning = self.sandbox.run();
            let told_by = Teller {
                log: Arc::clone(&self.log),
                pack: file().file_name().unwrap_or_default().to_string_lossy().into_owned(),
                version: String::new(),
                device: String::new(),
            };
            let failed = |error: Failed| LoadError::Describe { file: file(), reason: error.to_string() };
            let mut code = Code::new(store(&self.sandbox, told_by), &pre).map_err(failed)?;
            code.fit(&exports).map_err(link)?;
            code.manifest(&exports).map_err(failed)?
        };
        let manifest = Manifest::check(manifest).map_err(|reason| LoadError::Manifest { file: file(), reason })?;
        let signed = signs(&manifest.id).map_err(|reason| LoadError::Signature { file: file(), reason })?;
        let pack = Pack {
            sandbox: Arc::clone(&self.sandbox),
            pre,
            exports,
            version: PackVersion { id: manifest.id.clone(), version: manifest.version.to_string() },
            manifest,
            hash,
            signed,
            guides: shape.guides,
            fixtures: 0,
            untested: Vec::new(),
            from_cache,
            clock: Arc::clone(&self.clock),
            log: Arc::clone(&self.log),
            counters: Counters::default(),
            faults: Faults::new(Arc::clone(&self.clock)),
        };
        let mut pack = self.self_test(&file(), pack, &shape.fixtures)?;
        // What it did with its own fixtures is not its service.
        pack.counters = Counters::default();
        pack.faults = Faults::new(Arc::clone(&self.clock));
        for (name, setting) in &pack.untested {
            let (plugin, version) = (&pack.version.id, &pack.version.version);
            tracing::warn!(
                plugin,
                version,
                fixture = name,
                "a fixture is not run: this server has no setting {setting:?}"
            );
        }
        for left_out in &pack.manifest.left_out {
            let (plugin, version) = (&pack.version.id, &pack.version.version);
            tracing::warn!(plugin, version, "a setting of a pack is left out: {left_out}");
        }
        Ok(pack)
    }

    /// Runs the fixtures in the sandbox, with the pack alone.
    fn self_test(&self, file: &Path, pack: Pack, fixtures: &[(String, String)]) -> Result<Pack, LoadError> {
        if fixtures.is_empty() {
            return Ok(pack);
        }
        let pack = Arc::new(pack);
        let packs = Packs::new(Overrides::default(), Arc::new(MemoryLedger::default()), Arc::clone(&self.clock))?;
        packs.swap(PackSet::new([Arc::clone(&pack)]));
        let mut untested = Vec::new();
        for (name, text) in fixtures {
            match Fixture::parse(text).and_then(|fixture| fixture.run(&*packs)) {
                Ok(()) => {}
                // A pack of the same contract may know more settings than this server: they are left out, and so is this.
                Err(FixtureError::NoSetting(setting)) => untested.push((name.clone(), setting)),
                Err(reason) => {
                    let fault = pack.counters.stats().last_fault;
                    return Err(LoadError::Fixture { file: file.to_owned(), name: name.clone(), reason, fault });
                }
            }
        }
        drop(packs);
        let mut pack = Arc::into_inner(pack).expect("the packs it was tested in are gone");
        pack.fixtures = fixtures.len() - untested.len();
        pack.untested = untested;
        Ok(pack)
    }
}
