//! Login: whose credentials these are.
//!
//! Every form of the manual is understood (F6, K: S1, S2, N26, W13): `user@domain`, `domain\user`, `user`, and a domain
//! that is empty or blank; a login without a domain belongs to the default tenant. Nothing is folded (F5, K: S3).
//!
//! ```text
//! cache --known--> user, or wrong
//!   '--unknown--> throttle --over--> busy (503, never 401)
//!                    '--> flight: one check per credentials, on a thread of the hash gate --> cache
//!                            '--form of an app password--> a look at the store first, without the gate
//! ```

mod app;
mod count;
mod forms;
mod gate;
mod hash;
mod way;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crossbeam_channel::TrySendError;
use easel_store::{AppSecret, Store, StoreError, User, UserId};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tokio::sync::oneshot;

use crate::authenticate::Credentials;
use crate::credential_cache::{CacheLimits, Cached, CredentialCache, CredentialKey};
use crate::exposition::Exposition;
use crate::throttle::{Budget, Origin, Throttle};
use crate::{Clock, ServerError};
use count::Counts;
pub(crate) use way::Way;

/// What the operator decides about logins.
#[derive(Clone, Debug)]
pub struct LoginOptions {
    /// The tenant of a login without a domain (F6).
    pub default_tenant: String,
    /// Whether the user's own password lets nobody in, only app passwords do.
    pub app_passwords_only: bool,
    /// Passwords hashed at once, 19 MiB and a core each.
    pub hashes_at_once: usize,
    /// Logins that wait for a hash: 503.
    pub queue: usize,
    /// Wrong passwords from one address: 503.
    pub per_address: Budget,
    /// Wrong passwords for one login, whoever sends them: 503.
    pub per_login: Budget,
    /// Addresses and logins whose budgets are remembered.
    pub budgets: usize,
    /// Credentials remembered: so many right ones, and so many wrong ones.
    pub cached: usize,
    /// How long right credentials that nobody uses are remembered.
    pub idle: Duration,
    /// How long right credentials are remembered in any case.
    pub age: Duration,
    /// How long wrong credentials are remembered.
    pub wrong: Duration,
    /// How old a user's record may be before it is read again.
    pub recheck: Duration,
}

impl Default for LoginOptions {
    fn default() -> Self {
        Self {
            default_tenant: "defaultcontext".to_owned(),
            app_passwords_only: false,
            hashes_at_once: 2,
            queue: 128,
            per_address: Budget { burst: 60, refill: Duration::from_secs(2) },
            per_login: Budget { burst: 20, refill: Duration::from_secs(15) },
            budgets: 100_000,
            cached: 100_000,
            idle: Duration::from_secs(30 * 60),
            age: Duration::from_secs(24 * 3600),
            wrong: Duration::from_secs(60),
            recheck: Duration::from_secs(60),
        }
    }
}

/// Why nobody is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// No such user, or not this password: 401.
    Wrong,
    /// Too many log in at once; says nothing about the password: 503.
    Busy {
        /// When to come back, in seconds.
        retry_after_secs: u64,
    },
    /// The store failed: 503.
    Failed,
    /// Too many wrong passwords came from this address or for this login; says nothing about the password: 503.
    TooOften {
        /// When to come back, in seconds.
        retry_after_secs: u64,
    },
}

impl Denied {
    /// Too many at once; not for everybody as long.
    fn busy() -> Self {
        Self::Busy { retry_after_secs: rand::random_range(5..=15) }
    }
}

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who; without the picture, which no command needs and every cached login would keep.
    pub user: Arc<User>,
    way: Way,
    key: CredentialKey,
    /// The cache's count of invalidations when it was right.
    epoch: u64,
    stale: bool,
}

impl Session {
    /// The same, to be checked against the store before it is trusted again.
    pub(crate) fn aged(&self) -> Self {
        Self { stale: true, ..self.clone() }
    }
}

/// Knows whose credentials are whose.
pub struct Logins {
    shared: Arc<Shared>,
    jobs: crossbeam_channel::Sender<Job>,
    /// For credentials with the form of an app password.
    app_jobs: crossbeam_channel::Sender<Job>,
    hashes_at_once: usize,
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logins").finish_non_exhaustive()
    }
}

struct Shared {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    default_tenant: String,
    app_passwords_only: bool,
    uses: crossbeam_channel::Sender<app::Use>,
    mac: Hmac<Sha256>,
    /// What a login that nobody has is checked against.
    nobody: String,
    counts: Counts,
    state: Mutex<State>,
}

struct State {
    cache: CredentialCache,
    throttle: Throttle,
    flights: HashMap<CredentialKey, Vec<oneshot::Sender<Result<Session, Denied>>>>,
}

struct Job {
    credentials: Credentials,
    key: CredentialKey,
    payer: (Origin, [u8; 16]),
    epoch: u64,
    /// What the password is if it is an app password.
    secret: Option<AppSecret>,
    /// The answer when it is none: the budget was spent before, and nothing was paid.
    owed: Option<Denied>,
}

impl Job {
    /// The attempt costs nothing.
    fn give_back(&self, state: &mut State) {
        if self.owed.is_none() {
            state.throttle.give_back(self.payer.0, self.payer.1);
        }
    }
}

impl Logins {
    /// Starts the threads of the hash gate. They end when the value is dropped.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, options: LoginOptions) -> Result<Self, ServerError> {
        let limits = CacheLimits {
            entries: options.cached,
            idle: options.idle,
            age: options.age,
            wrong: options.wrong,
            recheck: options.recheck,
        };
        let state = State {
            cache: CredentialCache::new(limits),
            throttle: Throttle::new(options.per_address, options.per_login, options.budgets),
            flights: HashMap::new(),
        };
        let secret: [u8; 32] = rand::random();
        let uses = app::start_noting(Arc::clone(&store))?;
        let shared = Arc::new(Shared {
            store,
            clock,
            default_tenant: options.default_tenant,
            app_passwords_only: options.app_passwords_only,
            uses,
            mac: Hmac::new_from_slice(&secret).expect("an HMAC takes a key of any length"),
            nobody: Self::hash_password("nobody has this password"),
            counts: Counts::default(),
            state: Mutex::new(state),
        });
        let hashes_at_once = options.hashes_at_once.max(1);
        let jobs = gate::start(&shared, hashes_at_once, options.queue)?;
        let app_jobs = app::start(&shared, jobs.clone())?;
        Ok(Self { shared, jobs, app_jobs, hashes_at_once })
    }

    /// The hash to store for a password: Argon2id, 19 MiB, two passes, one lane, as a PHC string.
    pub fn hash_password(password: &str) -> String {
        hash::hash_password(password)
    }

    /// The user's password, app passwords, name, addresses or standing changed: whatever is remembered of the user's
    /// logins is void from now on, and so is what was remembered of wrong ones. To be called after the store has the
    /// change.
    pub fn invalidate(&self, user: UserId) {
        self.shared.state().cache.invalidate(user);
    }

    /// How many passwords were hashed for logins so far.
    pub fn hashes(&self) -> u64 {
        self.shared.counts.hashes.read()
    }

    /// Bytes that the threads of the hash gate use together, at most.
    pub(crate) const fn memory_bytes(&self) -> usize {
        self.hashes_at_once * hash::BYTES
    }

    pub(crate) fn write_metrics(&self, page: &mut Exposition) {
        self.shared.counts.write(page);
    }

    /// How many logins came about with an app password that was looked up.
    pub fn app_passwords(&self) -> u64 {
        self.shared.counts.apps.read()
    }

    /// Whose credentials these are; `from` is who sent them.
    pub async fn check(&self, credentials: &Credentials, from: impl Into<Origin>) -> Result<Session, Denied> {
        self.check_on(credentials, from, None).await
    }

    /// The same for a request that names its device by this DeviceId: an app password may be for another one.
    pub async fn check_on(
        &self,
        credentials: &Credentials,
        from: impl Into<Origin>,
        device: Option<&str>,
    ) -> Result<Session, Denied> {
        let from = from.into();
        let session = match self.look_up(credentials, from)? {
            Look::Known(session) => session,
            Look::Flight(answer) => answer.await.unwrap_or(Err(Denied::Failed))?,
        };
        let device = device.map(easel_protocol::normal_device_id);
        match device {
            Some(device) if !session.way.is_for(Some(&device)) => {
                Err(self.not_for(&session, credentials, from, &device))
            }
            Some(_) | None => Ok(session),
        }
    }

    /// The app password of another device is a wrong one, and costs what a wrong one costs.
    fn not_for(&self, session: &Session, credentials: &Credentials, from: Origin, device: &str) -> Denied {
        let key = self.shared.key([&credentials.login, &credentials.password, device]);
        let (login, now) = (self.shared.throttle_key(&credentials.login), self.shared.clock.now());
        let mut state = self.shared.state();
        if state.cache.find(&key, now).is_some() {
            self.shared.counts.known_wrong.add();
            return Denied::Wrong;
        }
        if let Err(wait) = state.throttle.pay(from, login, now) {
            return self.over_budget(from, wait);
        }
        let epoch = state.cache.epoch();
        state.cache.keep_wrong(key, epoch, now);
        self.shared.counts.wrong.add();
        tracing::info!(user = session.user.name, device, "the app password is for another device");
        Denied::Wrong
    }

    fn over_budget(&self, from: Origin, wait: Duration) -> Denied {
        self.shared.counts.over_budget.add();
        tracing::warn!(?from, "too many wrong passwords");
        spent(wait)
    }

    fn look_up(&self, credentials: &Credentials, from: Origin) -> Result<Look, Denied> {
        let parts = [credentials.login.as_str(), credentials.password.as_str()];
        let (key, now) = (self.shared.key(parts), self.shared.clock.now());
        let mut state = self.shared.state();
        match state.cache.find(&key, now) {
            Some(Cached::Right { user, way, stale }) => {
                self.shared.counts.hits.add();
                let epoch = state.cache.epoch();
                return Ok(Look::Known(Session { user, way, key, epoch, stale }));
            }
            Some(Cached::Wrong) => {
                self.shared.counts.known_wrong.add();
                return Err(Denied::Wrong);
            }
            None => self.shared.counts.misses.add(),
        }
        let (sender, answer) = oneshot::channel();
        if let Some(waiters) = state.flights.get_mut(&key) {
            waiters.push(sender);
            return Ok(Look::Flight(answer));
        }
        let secret = AppSecret::parse(&credentials.password);
        if secret.is_none() && self.shared.app_passwords_only {
            self.shared.counts.no_app.add();
            return Err(Denied::Wrong);
        }
        let payer = (from, self.shared.throttle_key(&credentials.login));
        // Nobody guesses 128 bits: guessing shuts out no phone that has an app password.
        let owed = match (state.throttle.pay(payer.0, payer.1, now), &secret) {
            (Ok(()), _) => None,
            (Err(wait), Some(_)) => Some(spent(wait)),
            (Err(wait), None) => return Err(self.over_budget(from, wait)),
        };
        let lane = if secret.is_some() { &self.app_jobs } else { &self.jobs };
        let epoch = state.cache.epoch();
        let job = Job { credentials: credentials.clone(), key, payer, epoch, secret, owed };
        if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) = lane.try_send(job) {
            self.shared.counts.queue_full.add();
            job.give_back(&mut state);
            return Err(Denied::busy());
        }
        state.flights.insert(key, vec![sender]);
        Ok(Look::Flight(answer))
    }

    /// The user of a session, read again when the record in it has become old or something happened to the user's login
    /// since: a body may be on its way for long. It blocks.
    pub fn recheck(&self, session: &Session) -> Result<Arc<User>, Denied> {
        let is_current = || self.shared.state().cache.is_current(session.user.id, session.epoch);
        if !session.stale && is_current() {
            return Ok(Arc::clone(&session.user));
        }
        let found = self.shared.still_right(session).map_err(|error| {
            tracing::error!(%error, "a login cannot be checked again");
            Denied::Failed
        })?;
        let now = self.shared.clock.now();
        let mut state = self.shared.state();
        if let Some((user, way)) = found {
            let user = User { photo: None, ..user };
            // Nearly always it is the same: then it is kept once for the login and all that waits by it.
            let user = if *session.user == user { Arc::clone(&session.user) } else { Arc::new(user) };
            state.cache.refresh(&session.key, Arc::clone(&user), way, now);
            Ok(user)
        } else {
            state.cache.invalidate(session.user.id);
            Err(Denied::Wrong)
        }
    }
}

/// The budget is spent for so long.
fn spent(wait: Duration) -> Denied {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Denied::TooOften { retry_after_secs: seconds.clamp(1, 3600) }
}

enum Look {
    Known(Session),
    Flight(oneshot::Receiver<Result<Session, Denied>>),
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    /// The user of a session and what it rests on, as they are now; `None` when it is over. A generation that grew says
    /// that something of the user's logins changed: what changed for one phone is no matter of another.
    fn still_right(&self, session: &Session) -> Result<Option<(User, Way)>, StoreError> {
        let Some(user) = self.store.user(session.user.id)?.filter(|user| user.enabled) else { return Ok(None) };
        let is_same = user.login_generation == session.user.login_generation;
        let way = match &session.way {
            Way::Password => (is_same || user.password_hash == session.user.password_hash).then_some(Way::Password),
            Way::App(password) if is_same => Some(Way::App(Arc::new(self.used((**password).clone())))),
            Way::App(password) => {
                let found = self.store.app_passwords(user.id)?.into_iter().find(|own| own.id == password.id);
                found.map(|found| Way::App(Arc::new(self.used(found))))
            }
        };
        Ok(way.map(|way| (user, way)))
    }

    fn key<const N: usize>(&self, parts: [&str; N]) -> CredentialKey {
        let mut mac = self.mac.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    /// All spellings of one login share a budget.
    fn throttle_key(&self, login: &str) -> [u8; 16] {
        let mut mac = self.mac.clone();
        mac.update(forms::canonical(login, &self.default_tenant).as_bytes());
        let bytes: [u8; 32] = mac.finalize().into_bytes().into();
        std::array::from_fn(|at| bytes[at])
    }
}
