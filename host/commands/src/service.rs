//! The way in.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use easel_plugin::hooks::Unclaimed;
use easel_plugin::{Asked, DevicePlugins};
use easel_protocol::{Command, CommonStatus, DeviceFacts, Origin, RequestLine, Version};
use easel_store::{Alike, Device, DeviceKey, Store, StoreError, User, UserId};
use jiff::Timestamp;

use crate::announce::{self, announce};
use crate::context::{Context, owner};
use crate::dispatch::dispatch;
use crate::entry::{Entries, EntryRules};
use crate::hierarchy::{FolderView, Ids};
use crate::overheard::Overheard;
use crate::profiles::{self, Chosen, Profiles};
use crate::recovery::{self, Symptoms};
use crate::served::{self, Served};
use crate::sync::outflow::Outflow;
use crate::{Answer, PolicyAllowance, Reply, Resume, Sink, Why, device, dispatch, gate, ping, sync};

/// One request, after login.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Which command, from which device.
    pub line: &'a RequestLine,
    /// Who asks.
    pub user: &'a User,
    /// User-Agent; empty when there is none.
    pub user_agent: &'a str,
    /// Further headers, at least those of [`Service::headers`]; names in lower case.
    pub headers: &'a [(String, String)],
    /// Who sent it, as far as the network tells; `None` leaves what is known.
    pub origin: Option<Origin>,
    /// Content-Type, in lower case, without parameters; empty when there is none.
    pub content_type: &'a str,
    /// The body, decompressed.
    pub body: &'a [u8],
    /// Now.
    pub now: Timestamp,
}

/// What the operator decided.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The policy every device is offered.
    pub policy: Policy,
    /// Whose devices may be held to less than the policy.
    pub allow: PolicyAllowance,
    /// Whether requests are refused that come from servers which hold their users' passwords.
    pub denies_cloud: bool,
    /// The shortest and longest heartbeat, in seconds.
    pub heartbeat_secs: (u32, u32),
    /// Collections in one Sync, and folders in one Ping.
    pub collections_max: usize,
    /// Bytes of a message from a device.
    pub message_bytes_max: usize,
    /// Devices of one user.
    pub devices_max: usize,
    /// Bytes that the mailbox of a user without own quota may hold; `None`: without bound.
    pub quota: Option<u64>,
    /// Recipients of a message; at most 1000, which is the most that is ever taken.
    pub recipients_max: usize,
    /// Messages that devices of one user may send within an hour; `None`: without bound.
    pub messages_per_hour_max: Option<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            allow: PolicyAllowance::default(),
            denies_cloud: false,
            heartbeat_secs: (60, 3540),
            collections_max: 300,
            message_bytes_max: 50 << 20,
            devices_max: 100,
            quota: None,
            recipients_max: 1000,
            messages_per_hour_max: None,
        }
    }
}

/// What a device is told in the answer to OPTIONS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The versions it may use, oldest first.
    pub versions: Vec<Version>,
    /// Headers of its own: MS-Server-ActiveSync, if it is another than everybody's, and what its pack adds.
    pub headers: Vec<(Cow<'static, str>, String)>,
}

/// What devices must accept. The default demands nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whether devices must run Provision before anything else.
    pub required: bool,
    /// Whether a device that says it applied the policy in part is let in. MS-ASPROV 2.2.2.54.1 "Status (Policy)", 2.
    pub allow_partial: bool,
    /// Grows with every change; devices that acknowledged an older one must run Provision again.
    pub version: u64,
    /// Settings that differ from the permissive ones, by element name.
    pub settings: Vec<(String, String)>,
}

/// Everything a command works with.
pub struct Service {
    store: Arc<dyn Store>,
    plugins: Arc<dyn DevicePlugins>,
    settings: RwLock<Arc<Settings>>,
    clock: Clock,
    chance: Chance,
    turns: Turns,
    profiles: Profiles,
    /// The trees of folders that devices see: nearly all see the same.
    trees: Alike<Vec<FolderView>>,
    served: served::Known,
    symptoms: Symptoms,
    entries: Entries,
    overheard: Overheard,
}

/// Tells the time; only the server has one that reads the system.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Makes numbers that nobody can guess; a test has one that counts.
pub type Chance = Arc<dyn Fn() -> u32 + Send + Sync>;

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("settings", &self.settings()).finish_non_exhaustive()
    }
}

/// A request that waits, inside.
#[derive(Clone, Debug)]
pub(crate) enum Waiting {
    Ping(ping::WaitingPing),
    Sync(sync::wait::WaitingSync),
}

impl Waiting {
    /// The wait ends, and there is nothing to say.
    fn over(&self) -> Reply {
        match self {
            Self::Ping(_) => ping::Response::NoChanges.reply(),
            Self::Sync(_) => Answer::empty().into(),
        }
    }
}

impl Service {
    /// A service over a store, with whoever knows devices.
    pub fn new(store: Arc<dyn Store>, plugins: Arc<dyn DevicePlugins>, settings: Settings, clock: Clock) -> Self {
        Self {
            store,
            plugins,
            settings: RwLock::new(Arc::new(settings)),
            clock,
            chance: Arc::new(rand::random),
            turns: Turns::default(),
            profiles: Profiles::default(),
            trees: Alike::default(),
            served: served::Known::default(),
            symptoms: Symptoms::default(),
            entries: Entries::default(),
            overheard: Overheard::default(),
        }
    }

    /// The same service with another source of chance: generations of sync keys, policy keys and message ids.
    #[must_use]
    pub fn with_chance(self, chance: Chance) -> Self {
        Self { chance, ..self }
    }

    /// Where everything is kept.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(crate) const fn trees(&self) -> &Alike<Vec<FolderView>> {
        &self.trees
    }

    /// What the operator decided.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the operator decided meanwhile; requests that have begun end with what held before.
    pub fn set_settings(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// The headers that are to be remembered of requests, in lower case.
    pub fn headers(&self) -> Arc<BTreeSet<String>> {
        self.plugins.headers()
    }

    /// What the pack of a device wishes of a policy that is required, and the operator gave no leave for: `exempt` or
    /// `loose`; `None` for nothing.
    pub fn policy_wish(&self, user: &User, device: DeviceKey) -> Result<Option<String>, StoreError> {
        Ok(Some(Served::stored(self, user, device)?.wish).filter(|wish| !wish.is_empty()))
    }

    pub(crate) fn plugins(&self) -> &dyn DevicePlugins {
        &*self.plugins
    }

    pub(crate) const fn symptoms(&self) -> &Symptoms {
        &self.symptoms
    }

    pub(crate) const fn served(&self) -> &served::Known {
        &self.served
    }

    pub(crate) fn now_ms(&self) -> i64 {
        (self.clock)().as_millisecond()
    }

    /// A number that nobody can guess.
    pub(crate) fn random(&self) -> u32 {
        (self.chance)()
    }

    /// Answers a POST. The sink is for answers too long to be held whole: pages of Sync.
    ///
    /// Requests of one device take turns (K: G48): this blocks while another one of the same device is worked on.
    pub fn handle(&self, request: &Request<'_>, sink: &mut dyn Sink) -> Reply {
        let turn = self.turns.of(request.user.id, &request.line.device_id);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        match self.context(request) {
            Ok(context) => match self.symptoms.slowed_secs(context.device.key, context.now_ms()) {
                Some(secs) => recovery::slowed(secs, context.version).into(),
                None => announce(&context, dispatch(&context, request.body, &mut outflow(&context, sink))),
            },
            Err(reply) => reply,
        }
    }

    /// Goes on with a request that waited; it may wait again, with the same end.
    pub fn resume(&self, user: &User, resume: Resume, why: Why, now: Timestamp, sink: &mut dyn Sink) -> Reply {
        let Resume { line, until, waiting } = resume;
        let turn = self.turns.of(user.id, &line.device_id);
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let request = unsaid(&line, user, now);
        // Forgotten, it begins anew with what it asks next.
        let Some(found) = device::known(&*self.store, &request).transpose() else { return waiting.over() };
        let blocked = |device: Device| if device.blocked { Err(CommonStatus::DeviceBlocked) } else { Ok(device) };
        let context = match self.context_for(&request, found.map(blocked), self.settings()) {
            Ok(context) => context,
            Err(reply) => return reply,
        };
        // Meanwhile the policy may have changed, or a wipe been asked for.
        if let Some(status) = gate::refusal(&context) {
            return announce(&context, dispatch::refuse_at_gate(&context, status));
        }
        let reply = match waiting {
            Waiting::Ping(waiting) => {
                let reply = ping::resume(&context, waiting, until, why);
                dispatch::told(&context, reply, |failure| ping::Response::from(failure).reply())
            }
            Waiting::Sync(waiting) => {
                let reply = sync::wait::resume(&context, waiting, until, why, &mut outflow(&context, sink));
                dispatch::told(&context, reply, sync::failure)
            }
        };
        announce(&context, reply)
    }

    /// What a device is told in the answer to OPTIONS, by what the request says of it: most name no device, and then
    /// User-Agent and headers are all there is to know it by.
    pub fn offer(&self, user: &User, facts: &DeviceFacts) -> Offer {
        self.overheard.hear(user.id, (&facts.device_id, &facts.device_type), &facts.user_agent);
        let id = device::normal_id(&facts.device_id);
        let known =
            if id.is_empty() { None } else { self.store.device(user.id, &id, &facts.device_type).ok().flatten() };
        let plugin = match known {
            Some(device) => Arc::clone(&self.profiles.of(self.plugins(), &device).plugin),
            None => self.plugins.serve(facts),
        };
        let profile = plugin.profile();
        Offer { versions: profiles::versions(profile), headers: profiles::headers(profile) }
    }

    /// What holds for a request before anybody is logged in, by what it says of its device: hardly more than id, type
    /// and User-Agent. `None` when that is not known without asking a plugin, which may take a moment, and `may_ask` is
    /// false.
    pub fn entry_rules(&self, facts: &DeviceFacts, may_ask: bool) -> Option<EntryRules> {
        self.entries.of(self.plugins(), facts, self.settings().denies_cloud, may_ask)
    }

    /// The commands this server has: the answer to OPTIONS.
    pub fn commands(&self) -> impl Iterator<Item = Command> {
        Command::ALL.iter().copied().filter(|command| dispatch::serves(*command))
    }

    fn context<'a>(&'a self, request: &Request<'a>) -> Result<Context<'a>, Reply> {
        if request.line.version.is_none() {
            return Err(Answer::code(400).into());
        }
        let settings = self.settings();
        let heard = self.overheard.agent_of(request);
        let told = Request { user_agent: heard.as_deref().unwrap_or(request.user_agent), ..*request };
        let wanted = self.headers();
        let found = device::identify(&*self.store, &settings, &told, &wanted, |facts| {
            self.plugins.serve(facts).profile().flag("recovery.device_id_volatile")
        });
        self.context_for(request, found, settings)
    }

    /// The context of a device that was looked up, or the answer to one that gets none.
    fn context_for<'a>(
        &'a self,
        request: &Request<'a>,
        found: Result<Result<Device, CommonStatus>, StoreError>,
        settings: Arc<Settings>,
    ) -> Result<Context<'a>, Reply> {
        let command = request.line.command;
        let Some(version) = request.line.version else { return Err(Answer::code(400).into()) };
        let device = match found {
            Ok(Ok(device)) => device,
            Ok(Err(status)) => return Err(dispatch::refuse(command, version, status)),
            Err(error) => {
                if !error.is_told() {
                    tracing::error!(user = request.user.id.0, %error, "the device could not be looked up");
                }
                return Err(dispatch::refuse(command, version, CommonStatus::ServerErrorRetryLater));
            }
        };
        let chosen = self.profiles.of(self.plugins(), &device);
        Ok(self.context_of(request, device, chosen, version, settings))
    }

    /// As if the device asked for something, and no pack served it.
    pub(crate) fn without_pack<'a>(
        &'a self,
        line: &'a RequestLine,
        user: &'a User,
        device: Device,
        version: Version,
    ) -> Context<'a> {
        let request = unsaid(line, user, (self.clock)());
        let unclaimed = Arc::new(Chosen::of(Arc::new(Unclaimed::default())));
        self.context_of(&request, device, unclaimed, version, self.settings())
    }

    fn context_of<'a>(
        &'a self,
        request: &Request<'a>,
        device: Device,
        chosen: Arc<Chosen>,
        version: Version,
        settings: Arc<Settings>,
    ) -> Context<'a> {
        let asked = Asked::new(Arc::clone(&chosen.plugin));
        let marks = chosen.marks;
        let served = if device::is_probe(&device) {
            Ok(Served::with(marks))
        } else {
            Served::read(self, request.user, device.key)
                .and_then(|served| served.under(self, request.user, device.key, &**asked.plugin()))
        };
        let served = served.unwrap_or_else(|error| {
            tracing::error!(device = device.key.0, %error, "what a device was served with is unknown");
            Served::with(marks)
        });
        Context {
            service: self,
            user: request.user,
            owner: owner(request.user),
            device,
            ids: Ids::of(asked.profile()),
            manner: chosen.manner,
            chosen,
            default_calendar: OnceCell::new(),
            asked,
            marks,
            served,
            settings,
            attempt: Cell::default(),
            skips_items: Cell::default(),
            pack_state: RefCell::default(),
            version,
            command: request.line.command,
            line: request.line,
            content_type: request.content_type,
            now: request.now,
        }
    }
}

/// The way out of an answer. It may leave in pieces where nothing is to be said in its headers, and for devices that are
/// not from a time before that was usual.
fn outflow<'s>(context: &Context<'_>, sink: &'s mut dyn Sink) -> Outflow<'s> {
    if context.version >= Version::V12_1 && announce::adds_nothing(context) {
        Outflow::through(sink)
    } else {
        Outflow::whole()
    }
}

/// A request as if the device said nothing of itself.
const fn unsaid<'a>(line: &'a RequestLine, user: &'a User, now: Timestamp) -> Request<'a> {
    Request { line, user, user_agent: "", headers: &[], origin: None, content_type: "", body: &[], now }
}

/// One lock a device, so that its requests never overlap.
#[derive(Default)]
struct Turns {
    locks: Mutex<HashMap<(UserId, String), Weak<Turn>>>,
}

/// Held while a request of its device is worked on.
type Turn = Mutex<()>;

/// Above so many, locks that nobody holds are swept.
const SWEEP_ABOVE: usize = 1024;

impl Turns {
    fn of(&self, user: UserId, device: &str) -> Arc<Turn> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (user, device::normal_id(device));
        if let Some(lock) = locks.get(&place).and_then(Weak::upgrade) {
            return lock;
        }
        if locks.len() >= SWEEP_ABOVE {
            locks.retain(|_, lock| lock.strong_count() > 0);
        }
        let lock = Arc::new(Mutex::new(()));
        locks.insert(place, Arc::downgrade(&lock));
        lock
    }
}
