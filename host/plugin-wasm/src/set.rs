//! All packs together, and which of them serves a device.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use easel_plugin::{DevicePlugin, DevicePlugins, Profile, Value};
use easel_protocol::{DeviceFacts, Origin, normal_device_id};

use crate::load::hex;
use crate::manifest::DEFAULT;
use crate::matcher::SCORE_MIN;
use crate::serving::Serving;
use crate::v0_1::Declared;
use crate::{Clock, Guide, Ledger, LedgerError, Pack, PackStatus};

/// How long a new version is watched: if it is set aside in this time, the one before returns.
const PROBATION: Duration = Duration::from_secs(3_600);

/// Packs by id. A request sees one set from its beginning to its end.
#[derive(Clone, Debug, Default)]
pub struct PackSet {
    packs: BTreeMap<String, Arc<Pack>>,
    /// The headers that any of them wants to be remembered, in lower case.
    headers: Arc<BTreeSet<String>>,
}

/// What the operator wrote about devices and packs.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// For every device.
    pub all: Profile,
    /// For the devices of a pack, over [`Overrides::all`].
    pub per_pack: BTreeMap<String, Profile>,
    /// For one device, over both. By its id in any spelling.
    pub per_device: BTreeMap<String, Profile>,
    /// Handed to a pack when it is asked about a device.
    pub options: BTreeMap<String, Vec<(String, Value)>>,
}

impl PackSet {
    /// Of these, each id once.
    pub fn new(packs: impl IntoIterator<Item = Arc<Pack>>) -> Self {
        let packs: BTreeMap<_, _> = packs.into_iter().map(|pack| (pack.version.id.clone(), pack)).collect();
        let headers = packs.values().flat_map(|pack| pack.manifest.headers.iter().cloned()).collect();
        Self { packs, headers: Arc::new(headers) }
    }

    /// The pack of that id.
    pub fn get(&self, id: &str) -> Option<&Arc<Pack>> {
        self.packs.get(id)
    }

    /// All, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Pack>> {
        self.packs.values()
    }

    /// The one whose best matcher has the highest score, then the higher priority, then the earlier name; below 20 the
    /// one named `default`.
    pub fn choose(&self, facts: &DeviceFacts) -> Option<&Arc<Pack>> {
        let scored = self.packs.values().filter(|pack| pack.version.id != DEFAULT).filter_map(|pack| {
            let score = pack.manifest.score(facts).filter(|score| *score >= SCORE_MIN)?;
            Some(((score, pack.manifest.priority), pack))
        });
        // Of equals the first is kept, and names come in order.
        let best = scored.reduce(|best, other| if other.0 > best.0 { other } else { best });
        best.map(|(_, pack)| pack).or_else(|| self.packs.get(DEFAULT))
    }
}

/// The packs in service.
pub struct Packs {
    me: Weak<Self>,
    set: ArcSwap<PackSet>,
    overrides: ArcSwap<Overrides>,
    pins: ArcSwap<BTreeMap<String, String>>,
    generation: AtomicU64,
    changing: Mutex<Changing>,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
}

/// What only those who change the set look at.
#[derive(Debug, Default)]
struct Changing {
    /// By id: what the present one took the place of, and when.
    before: BTreeMap<String, (Arc<Pack>, Duration)>,
}

impl fmt::Debug for Packs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packs").field("set", &self.set.load()).finish_non_exhaustive()
    }
}

impl Packs {
    /// None yet; pins are those the ledger remembers.
    pub fn new(overrides: Overrides, ledger: Arc<dyn Ledger>, clock: Arc<dyn Clock>) -> Result<Arc<Self>, LedgerError> {
        let pins = pins(&*ledger)?;
        Ok(Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            set: ArcSwap::default(),
            overrides: ArcSwap::from_pointee(overrides.normal()),
            pins: ArcSwap::from_pointee(pins),
            generation: AtomicU64::new(1),
            changing: Mutex::default(),
            ledger,
            clock,
        }))
    }

    /// The set in service.
    pub fn set(&self) -> Arc<PackSet> {
        self.set.load_full()
    }

    /// Puts a set into service, all at once. A pack that takes the place of another version is watched for an hour.
    pub fn swap(&self, set: PackSet) {
        let mut changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.set.load_full();
        for pack in set.iter() {
            let id = &pack.version.id;
            let Some(before) = old.get(id).filter(|before| before.hash != pack.hash) else { continue };
            if before.manifest.version <= pack.manifest.version {
                changing.before.insert(id.clone(), (Arc::clone(before), self.clock.now()));
            } else {
                // Whoever went back on purpose does not want to be sent forward again.
                changing.before.remove(id);
            }
        }
        changing.before.retain(|id, _| set.get(id).is_some());
        self.put(set);
    }

    fn put(&self, set: PackSet) {
        self.set.store(Arc::new(set));
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Another word of the operator; what serves each device is decided again at its next request.
    pub fn set_overrides(&self, overrides: Overrides) {
        self.overrides.store(Arc::new(overrides.normal()));
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Lets a pack serve a device whatever the scores say; `None` lets the scores decide again. It is remembered.
    pub fn pin(&self, device: &str, pack: Option<&str>) -> Result<(), LedgerError> {
        let key = format!("pin/{}", normal_device_id(device));
        match pack {
            Some(pack) => self.ledger.put(&key, pack)?,
            None => self.ledger.remove(&key)?,
        }
        self.pins.store(Arc::new(pins(&*self.ledger)?));
        self.generation.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// The pack of each pinned device, by the normal form of its id.
    pub fn pins(&self) -> Arc<BTreeMap<String, String>> {
        self.pins.load_full()
    }

    /// The guides of all packs.
    pub fn guides(&self) -> Vec<Guide> {
        self.set.load().iter().flat_map(|pack| pack.guides()).collect()
    }

    /// What `easel pack list` shows.
    pub fn status(&self) -> Vec<PackStatus> {
        let changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let status = |pack: &Arc<Pack>| PackStatus {
            id: pack.version.id.clone(),
            version: pack.version.version.clone(),
            summary: pack.manifest.summary.clone(),
            quirks: pack.manifest.quirks.clone(),
            signed: pack.signed.clone(),
            hash: pack.hash,
            aside: pack.faults.aside(),
            previous: changing.before.get(&pack.version.id).map(|(before, _)| before.version.version.clone()),
            left_out: pack.manifest.left_out.clone(),
            stats: pack.counters.stats(),
        };
        self.set.load().iter().map(status).collect()
    }

    /// A pack was set aside: if it is new, the version before returns, and its file is not loaded again by itself.
    pub(crate) fn was_set_aside(&self, pack: &Arc<Pack>) {
        let mut changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let set = self.set.load_full();
        let id = &pack.version.id;
        if !set.get(id).is_some_and(|serving| Arc::ptr_eq(serving, pack)) {
            return;
        }
        let now = self.clock.now();
        let Some((before, _)) = changing.before.remove(id).filter(|(_, at)| now.saturating_sub(*at) <= PROBATION)
        else {
            return;
        };
        let (version, returns) = (&pack.version.version, &before.version.version);
        tracing::error!(plugin = id, version, returns, "a new version keeps failing: the one before serves again");
        if let Err(error) = self.ledger.put(&format!("refused/{}", hex(&pack.hash)), &format!("{id} {version}")) {
            tracing::error!(plugin = id, version, %error, "after a restart the failing version will be loaded again");
        }
        let others = set.iter().filter(|other| other.version.id != *id).map(Arc::clone);
        self.put(PackSet::new(others.chain([before])));
    }

    /// Asks a pack about a device; one that fails is left with what its manifest says.
    fn decide(
        &self,
        pack: &Arc<Pack>,
        facts: &DeviceFacts,
        device: &str,
        options: Option<&Vec<(String, Value)>>,
    ) -> Declared {
        if !pack.exports.decides() || pack.faults.aside().is_some() {
            return Declared::default();
        }
        let permit = match pack.sandbox.permits.take(&pack.version.id, device) {
            Ok(permit) => permit,
            Err(full) => {
                // Others were first, which is no fault; the device is decided about again when its facts change.
                pack.counters.busy();
                let (plugin, instead) = (&pack.version.id, "the settings of the manifest alone");
                tracing::warn!(plugin, device, hook = "profile", instead, error = %full, "a pack was not asked");
                return Declared::default();
            }
        };
        let turning = pack.sandbox.run();
        let began = self.clock.now();
        let options = options.cloned().unwrap_or_default();
        let asked = pack.instance(device).and_then(|mut code| {
            let declared = code.profile(&pack.exports, facts, &pack.manifest.headers, &options);
            pack.counters.memory(code.memory());
            declared
        });
        pack.counters.called(self.clock.now().saturating_sub(began));
        drop((turning, permit));
        match asked {
            Ok(declared) => {
                if !declared.left_out.is_empty() {
                    let (plugin, version) = (&pack.version.id, &pack.version.version);
                    tracing::debug!(plugin, version, device, left_out = ?declared.left_out, "settings of a pack are left out");
                }
                declared
            }
            Err(error) => {
                if pack.fault(device, "profile", None, &error, "the settings of the manifest alone").is_some() {
                    self.was_set_aside(pack);
                }
                Declared::default()
            }
        }
    }
}

fn pins(ledger: &dyn Ledger) -> Result<BTreeMap<String, String>, LedgerError> {
    let strip = |(key, pack): (String, String)| Some((key.strip_prefix("pin/")?.to_owned(), pack));
    Ok(ledger.under("pin/")?.into_iter().filter_map(strip).collect())
}

impl DevicePlugins for Packs {
    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    fn headers(&self) -> Arc<BTreeSet<String>> {
        Arc::clone(&self.set.load().headers)
    }

    fn serve(&self, facts: &DeviceFacts) -> Arc<dyn DevicePlugin> {
        let set = self.set.load();
        let overrides = self.overrides.load();
        let device = normal_device_id(&facts.device_id);
        let pinned = self.pins.load().get(&device).and_then(|id| set.get(id).cloned());
        let pack = pinned.or_else(|| set.choose(facts).cloned());
        let Some(pack) = pack else {
            let operator = overrides.of("", &device);
            return Arc::new(Serving {
                pack: None,
                home: Weak::clone(&self.me),
                device: device.into(),
                profile: operator.clone(),
                operator,
                family: String::new(),
                rules: Vec::new(),
                memo: Arc::default(),
            });
        };
        let id = pack.version.id.as_str();
        let operator = overrides.of(id, &device);
        let origin = origin(&operator, facts.origin, &pack.manifest.profile);
        let told = DeviceFacts { origin, ..facts.clone() };
        let declared = self.decide(&pack, &told, &device, overrides.options.get(id));
        let mut profile = pack.manifest.profile.clone();
        profile.put_over(&declared.profile);
        profile.put_over(&operator);
        pack.counters.serves(&device);
        Arc::new(Serving {
            home: Weak::clone(&self.me),
            device: device.into(),
            profile,
            operator,
            family: declared.family,
            rules: declared.rules,
            memo: declared.memo.into(),
            pack: Some(pack),
        })
    }
}

/// Who sends a device's requests, as its pack is told: the operator's word, then the network's, then the manifest's.
fn origin(operator: &Profile, network: Origin, manifest: &Profile) -> Origin {
    let said = |profile: &Profile| match profile.says("http.origin") {
        Some(Value::Text(word)) if word == "cloud" => Origin::Cloud,
        Some(_) => Origin::Device,
        None => Origin::Unknown,
    };
    let known = [said(operator), network, said(manifest)];
    known.into_iter().find(|origin| *origin != Origin::Unknown).unwrap_or_default()
}

impl Overrides {
    /// Device ids in their one spelling.
    fn normal(mut self) -> Self {
        self.per_device = self.per_device.into_iter().map(|(id, of)| (normal_device_id(&id), of)).collect();
        self
    }

    /// The operator's layers, one over the other.
    fn of(&self, pack: &str, device: &str) -> Profile {
        let mut profile = self.all.clone();
        for layer in [self.per_pack.get(pack), self.per_device.get(device)].into_iter().flatten() {
            profile.put_over(layer);
        }
        profile
    }
}
