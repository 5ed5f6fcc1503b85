//! The packs of this server: the folder they lie in, what is remembered of them, and what administrators do with them.
//!
//! Beside [`wire_up`](crate::wire_up) the only file that names the machinery of packs.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use easel_plugin::{DevicePlugins, Profile};
use easel_plugin_wasm as wasm;
use easel_plugin_wasm::Clock as _;
use easel_server::Elsewhere;
use easel_store::Store;
use jiff::Timestamp;

use crate::admin::{GuideShown, PackLineShown, PackOrder, PackPageShown, PackShown};
use crate::config::{Config, Packs as Configured, Values};

/// Why packs cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackRoomError {
    #[error(transparent)]
    Engine(#[from] wasm::EngineError),
    #[error(transparent)]
    Folder(#[from] wasm::FolderError),
    #[error(transparent)]
    Ledger(#[from] wasm::LedgerError),
    #[error("packs.trusted_keys: {0}")]
    Trust(#[from] wasm::SignatureError),
}

/// Everything there is of packs.
#[derive(Debug)]
pub(crate) struct PackRoom {
    sandbox: Arc<wasm::Sandbox>,
    packs: Arc<wasm::Packs>,
    folder: Arc<wasm::PackFolder>,
    log: Arc<wasm::PackLog>,
    clock: wasm::SystemClock,
    /// Files on their way into the folder.
    incoming: PathBuf,
    watch: Mutex<Option<wasm::Watch>>,
}

/// What packs write is kept as long as this lives.
pub(crate) type PackListening = wasm::Listening;

/// What is remembered of packs, in the server's database.
struct Notes(Arc<dyn Store>);

const UNDER: &str = "packs/";

impl std::fmt::Debug for Notes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notes")
    }
}

fn ledger_error(error: &easel_store::StoreError) -> wasm::LedgerError {
    wasm::LedgerError(crate::admin::chain(error))
}

impl wasm::Ledger for Notes {
    fn get(&self, key: &str) -> Result<Option<String>, wasm::LedgerError> {
        Ok(self.under(key)?.into_iter().find(|(found, _)| found == key).map(|(_, text)| text))
    }

    fn put(&self, key: &str, value: &str) -> Result<(), wasm::LedgerError> {
        self.0.put_note(&format!("{UNDER}{key}"), Some(value)).map_err(|error| ledger_error(&error))
    }

    fn remove(&self, key: &str) -> Result<(), wasm::LedgerError> {
        self.0.put_note(&format!("{UNDER}{key}"), None).map_err(|error| ledger_error(&error))
    }

    fn under(&self, prefix: &str) -> Result<Vec<(String, String)>, wasm::LedgerError> {
        let notes = self.0.notes(&format!("{UNDER}{prefix}")).map_err(|error| ledger_error(&error))?;
        Ok(notes.into_iter().map(|(key, text)| (key[UNDER.len()..].to_owned(), text)).collect())
    }
}

/// Whose packs are trusted.
pub(crate) fn trust(configured: &Configured) -> Result<wasm::Trust, wasm::SignatureError> {
    let keys = configured.trusted_keys.iter().map(|key| wasm::TrustedKey::new(&key.key, key.packs.clone()));
    Ok(wasm::Trust::new(keys.collect::<Result<_, _>>()?, configured.allow_unsigned.clone()))
}

impl PackRoom {
    /// Loads what lies in the folder. A file that is not good is said in the log and left out.
    pub(crate) fn open(config: &Config, store: Arc<dyn Store>) -> Result<Self, PackRoomError> {
        let configured = &config.packs;
        let dir = configured.dir.clone().unwrap_or_else(|| config.data_dir.join("packs"));
        let ledger = Arc::new(Notes(store));
        let shared: Arc<dyn wasm::Ledger> = Arc::clone(&ledger) as _;
        let clock = wasm::SystemClock::default();
        let log = Arc::new(wasm::PackLog::new(Arc::new(clock)));
        let limits = wasm::Limits { instances: configured.instances_max, ..wasm::Limits::default() };
        let sandbox = Arc::new(wasm::Sandbox::new(limits)?);
        let cache = wasm::Cache::open(config.data_dir.join("pack-cache"), Arc::clone(&shared))?;
        let loader = wasm::Loader::new(
            Arc::clone(&sandbox),
            trust(configured)?,
            Arc::clone(&shared),
            Arc::new(clock),
            Arc::clone(&log),
        );
        let packs = wasm::Packs::new(overrides(configured), shared, Arc::new(clock))?;
        let folder = wasm::PackFolder::open(dir, loader.cached(cache), Arc::clone(&packs))?;
        folder.load_all();
        folder.sweep_cache();
        let incoming = config.data_dir.join("pack-incoming");
        let room = Self { sandbox, packs, folder, log, clock, incoming, watch: Mutex::default() };
        room.warn_of_strangers(configured);
        Ok(room)
    }

    /// What instances at work use, as if each used all it may.
    pub(crate) fn memory(&self) -> Elsewhere {
        let bytes = |limits: wasm::Limits, instances: u32| limits.memory_bytes.saturating_mul(instances as usize);
        let sandbox = Arc::clone(&self.sandbox);
        let limits = sandbox.limits();
        let now = Arc::new(move || bytes(limits, sandbox.instances_at_work()));
        Elsewhere { most: bytes(limits, limits.instances), now }
    }

    /// Looks at the folder from now on.
    pub(crate) fn watch(&self) -> Result<(), PackRoomError> {
        let watch = self.folder.watch()?;
        *self.watch.lock().unwrap_or_else(PoisonError::into_inner) = Some(watch);
        Ok(())
    }

    /// Takes the operator's present word, where it differs from the one before, and looks at the folder.
    pub(crate) fn look_again(&self, before: &Configured, now: &Configured) -> Result<(), PackRoomError> {
        if (&before.trusted_keys, &before.allow_unsigned) != (&now.trusted_keys, &now.allow_unsigned) {
            self.folder.set_trust(trust(now)?);
        }
        let layers =
            |of: &Configured| (of.settings.clone(), of.per_pack.clone(), of.per_device.clone(), of.options.clone());
        if layers(before) != layers(now) {
            self.packs.set_overrides(overrides(now));
        }
        self.folder.load_all();
        self.warn_of_strangers(now);
        Ok(())
    }

    /// Sections of packs that are not there are most likely misspelt, but a pack may come later.
    fn warn_of_strangers(&self, configured: &Configured) {
        let set = self.packs.set();
        for (key, names) in [("per_pack", &configured.per_pack), ("options", &configured.options)] {
            for id in names.keys().filter(|id| set.get(id).is_none()) {
                tracing::warn!(
                    key = format!("packs.{key}.{id}"),
                    "no such pack serves: `easel pack list` shows those that do"
                );
            }
        }
    }

    /// Who serves devices.
    pub(crate) fn plugins(&self) -> Arc<dyn DevicePlugins> {
        Arc::clone(&self.packs) as _
    }

    /// Every pack, in service or not.
    pub(crate) fn list(&self) -> Result<Vec<PackShown>, String> {
        let disabled = self.folder.disabled().map_err(|error| error.to_string())?;
        let serving = self.packs.status().into_iter().map(|status| PackShown {
            state: match status.aside {
                Some(left) => format!("set aside for {} s", left.as_secs()),
                None => "serves".to_owned(),
            },
            signed: match status.signed {
                wasm::Signed::By(key) => key,
                wasm::Signed::Allowed => "not signed".to_owned(),
            },
            sha256: hex(&status.hash),
            id: status.id,
            version: status.version,
            summary: status.summary,
            quirks: status.quirks,
            previous: status.previous,
            left_out: status.left_out,
            devices: status.stats.devices,
            calls: status.stats.calls,
            faults: status.stats.faults,
            last_fault: status.stats.last_fault,
            micros: status.stats.micros,
            p50_us: status.stats.p50_us,
            p99_us: status.stats.p99_us,
            memory_bytes: status.stats.memory_bytes,
        });
        let mut all: Vec<PackShown> = serving.collect();
        let off = disabled.into_iter().filter(|id| all.iter().all(|pack| pack.id != *id)).collect::<Vec<_>>();
        all.extend(off.into_iter().map(|id| PackShown { id, state: "disabled".to_owned(), ..PackShown::default() }));
        all.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(all)
    }

    /// Puts a file into the folder and into service. `signature` is the text of its `.minisig`.
    pub(crate) fn install(
        &self,
        name: &str,
        bytes: &[u8],
        signature: Option<&str>,
        allow_unsigned: bool,
    ) -> Result<(String, String), String> {
        let name = Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or("pack.wasm");
        let file = self.incoming.join(name);
        let beside = self.incoming.join(format!("{name}.minisig"));
        let placed = (|| {
            if !self.incoming.is_dir() {
                fs::create_dir(&self.incoming)?;
            }
            write(&file, bytes)?;
            match signature {
                Some(signature) => write(&beside, signature.as_bytes()),
                None => {
                    // What an earlier one left behind.
                    drop(fs::remove_file(&beside));
                    Ok(())
                }
            }
        })();
        placed.map_err(|error: io::Error| format!("{}: {error}", self.incoming.display()))?;
        let installed = self.folder.install(&file, allow_unsigned);
        drop(fs::remove_file(&file));
        drop(fs::remove_file(&beside));
        installed.map(|pack| (pack.id, pack.version)).map_err(|error| crate::admin::chain(&error))
    }

    /// Does something with a pack that is there; the version that serves then, where one does.
    pub(crate) fn order(&self, id: &str, order: PackOrder) -> Result<Option<String>, String> {
        let done = match order {
            PackOrder::Disable => self.folder.disable(id).map(|()| None),
            PackOrder::Enable => self.folder.enable(id).map(|()| None),
            PackOrder::Remove => self.folder.remove(id).map(|()| None),
            PackOrder::Rollback => self.folder.rollback(id).map(|pack| Some(pack.version)),
        };
        done.map_err(|error| crate::admin::chain(&error))
    }

    /// Lets a pack serve a device whatever the scores say; `None` lets the scores decide again.
    pub(crate) fn pin(&self, device: &str, pack: Option<&str>) -> Result<(), String> {
        if let Some(pack) = pack
            && self.packs.set().get(pack).is_none()
        {
            return Err(format!("no pack {pack:?} serves: `easel pack list` shows those that do"));
        }
        self.packs.pin(device, pack).map_err(|error| error.to_string())
    }

    /// Has what packs write kept for so long; zero ends that.
    pub(crate) fn keep_lines(&self, time: Duration) {
        self.log.keep_for(time);
    }

    /// Has it kept as long as the answer lives; `None` when too many listen already.
    pub(crate) fn listen(&self) -> Option<PackListening> {
        self.log.listen()
    }

    /// What packs wrote after a line, oldest first; waits that long for it where there is nothing yet.
    pub(crate) fn lines(
        &self,
        pack: Option<&str>,
        after: u64,
        patience: Duration,
        now: impl FnOnce() -> Timestamp,
    ) -> PackPageShown {
        let wasm::LogPage { lines, last, missed } = self.log.page(pack, after, patience);
        let (at, now) = (self.clock.now(), now());
        let shown = |line: wasm::LogLine| {
            let ago = jiff::SignedDuration::try_from(at.saturating_sub(line.at)).unwrap_or_default();
            PackLineShown {
                at: now.saturating_sub(ago).unwrap_or(now).strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                pack: line.pack,
                version: line.version,
                device: line.device,
                level: format!("{:?}", line.level).to_ascii_lowercase(),
                message: line.message,
            }
        };
        let kept_for_secs = self.log.keeps_for().map(|time| time.as_secs());
        PackPageShown { lines: lines.into_iter().map(shown).collect(), last, missed, kept_for_secs }
    }

    /// The guides of all packs in service.
    pub(crate) fn guides(&self) -> Vec<GuideShown> {
        let guides = self.packs.guides().into_iter();
        let mut guides: Vec<GuideShown> = guides
            .map(|guide| GuideShown { device: guide.device, language: guide.language, text: guide.text })
            .collect();
        guides.sort_by(|one, other| (&one.device, &one.language).cmp(&(&other.device, &other.language)));
        guides
    }

    /// Which pack serves a device of these facts, its version, and the family it sees in it.
    pub(crate) fn serves(&self, facts: &easel_protocol::DeviceFacts) -> Option<(String, String, String)> {
        let plugin = self.packs.serve(facts);
        plugin.pack().map(|pack| (pack.id.clone(), pack.version.clone(), plugin.family().to_owned()))
    }

    /// Pinned devices and the packs that serve them.
    pub(crate) fn pins(&self) -> Vec<(String, String)> {
        self.packs.pins().iter().map(|(device, pack)| (device.clone(), pack.clone())).collect()
    }
}

fn overrides(configured: &Configured) -> wasm::Overrides {
    let layers =
        |of: &BTreeMap<String, Values>| of.iter().map(|(name, values)| (name.clone(), layer(values))).collect();
    let options = |(id, values): (&String, &Values)| (id.clone(), values.clone().into_iter().collect());
    wasm::Overrides {
        all: layer(&configured.settings),
        per_pack: layers(&configured.per_pack),
        per_device: layers(&configured.per_device),
        options: configured.options.iter().map(options).collect(),
    }
}

fn layer(values: &Values) -> Profile {
    let mut layer = Profile::default();
    for (name, value) in values {
        layer.set(name, value.clone()).expect("the configuration was read against the same table");
    }
    layer
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use io::Write as _;
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a bare file is, line by line, without a server; and whether it would be taken.
pub(crate) fn inspected(file: &Path, configured: &Configured) -> Result<(Vec<String>, bool), String> {
    let trust = trust(configured).map_err(|error| error.to_string())?;
    let found = wasm::inspect(file, &trust).map_err(|error| crate::admin::chain(&error))?;
    let mut lines = vec![format!("size       {} bytes", found.size), format!("sha-256    {}", hex(&found.hash))];
    let signed = match &found.signature {
        None => "none".to_owned(),
        Some(Ok(())) => "good, by a trusted key".to_owned(),
        Some(Err(error)) => error.to_string(),
    };
    lines.push(format!("signature  {signed}"));
    let pack = match &found.pack {
        Ok(pack) => pack,
        Err(error) => {
            lines.push(format!("refused    {}", crate::admin::chain(error)));
            return Ok((lines, false));
        }
    };
    let manifest = pack.manifest();
    lines.push(format!("pack       {} {}", pack.version().id, pack.version().version));
    lines.push(format!("summary    {}", manifest.summary));
    lines.push(format!("author     {}, {}", manifest.author, manifest.licence));
    lines.push(format!("exports    {}", pack.interfaces().join(", ")));
    lines.push(format!("quirks     {}", manifest.quirks.join(" ")));
    lines.push(format!("fixtures   {} passed", pack.fixtures()));
    let guides: Vec<String> =
        pack.guides().into_iter().map(|guide| format!("{} ({})", guide.device, guide.language)).collect();
    lines.push(format!("guides     {}", guides.join(", ")));
    lines.extend(manifest.left_out.iter().map(|what| format!("left out   {what}")));
    Ok((lines, true))
}

#[cfg(test)]
mod tests {
    use easel_plugin::Value;

    use super::*;

    #[test]
    fn the_operators_layers_and_options_reach_the_packs_as_they_are_written() {
        let text = "[packs]\nsettings = ['sync.window_max=1']\n[packs.per_pack.a]\nsync.window_max = 2\n\
                    [packs.per_device.D]\nsync.window_max = 3\n[packs.options.a]\ngreeting = 'hello'\nat = 4\n";
        let (config, problems) = Config::read(Path::new("easel.toml"), text);
        assert_eq!(problems, []);
        let wasm::Overrides { all, per_pack, per_device, options } = overrides(&config.packs);
        let window = |layer: &Profile| layer.number("sync.window_max");
        assert_eq!((window(&all), window(&per_pack["a"]), window(&per_device["d"])), (1, 2, 3));
        let greeting = ("greeting".to_owned(), Value::Text("hello".to_owned()));
        assert_eq!(options, [("a".to_owned(), vec![("at".to_owned(), Value::Number(4)), greeting])].into());
    }
}
