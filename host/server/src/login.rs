//! Login: whose credentials these are.
//!
//! Every form of the manual is understood (F6, K: S1, S2, N26, W13): `user@domain`, `domain\user`, `user`, and a domain
//! that is empty or blank; a login without a domain belongs to the default tenant. Nothing is folded (F5, K: S3).
//!
//! ```text
//! cache --known--> user, or wrong
//!   '--unknown--> throttle --over--> busy (503, never 401)
//!                    '--> flight: one check per credentials, on a thread of the hash gate --> cache
//! ```

mod count;
mod forms;
mod gate;
mod hash;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use easel_store::{Store, User, UserId};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tokio::sync::oneshot;

use crate::authenticate::Credentials;
use crate::credential_cache::{CacheLimits, Cached, CredentialCache, CredentialKey};
use crate::exposition::Exposition;
use crate::throttle::{Budget, Origin, Throttle};
use crate::{Clock, ServerError};
use count::Counts;

/// What the operator decides about logins.
#[derive(Clone, Debug)]
pub struct LoginOptions {
    /// The tenant of a login without a domain (F6).
    pub default_tenant: String,
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
    /// Too many attempts, or too many at once; says nothing about the password: 503.
    Busy {
        /// When to come back, in seconds.
        retry_after_secs: u64,
    },
    /// The store failed: 503.
    Failed,
}

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who; without the picture, which no command needs and every cached login would keep.
    pub user: Arc<User>,
    key: CredentialKey,
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
        let shared = Arc::new(Shared {
            store,
            clock,
            default_tenant: options.default_tenant,
            mac: Hmac::new_from_slice(&secret).expect("an HMAC takes a key of any length"),
            nobody: Self::hash_password("nobody has this password"),
            counts: Counts::default(),
            state: Mutex::new(state),
        });
        let hashes_at_once = options.hashes_at_once.max(1);
        let jobs = gate::start(&shared, hashes_at_once, options.queue)?;
        Ok(Self { shared, jobs, hashes_at_once })
    }

    /// The hash to store for a password: Argon2id, 19 MiB, two passes, one lane, as a PHC string.
    pub fn hash_password(password: &str) -> String {
        hash::hash_password(password)
    }

    /// The user's password, name, addresses or standing changed: whatever is remembered of the user's logins is void
    /// from now on, and so is what was remembered of wrong ones. To be called after the store has the change.
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

    /// Whose credentials these are; `from` is who sent them.
    pub async fn check(&self, credentials: &Credentials, from: impl Into<Origin>) -> Result<Session, Denied> {
        let answer = match self.look_up(credentials, from.into())? {
            Look::Known(session) => return Ok(session),
            Look::Flight(answer) => answer,
        };
        answer.await.unwrap_or(Err(Denied::Failed))
    }

    fn look_up(&self, credentials: &Credentials, from: Origin) -> Result<Look, Denied> {
        let (key, now) = (self.shared.key(credentials), self.shared.clock.now());
        let mut state = self.shared.state();
        match state.cache.find(&key, now) {
            Some(Cached::Right { user, stale }) => {
                self.shared.counts.hits.add();
                return Ok(Look::Known(Session { user, key, stale }));
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
        let payer = (from, self.shared.throttle_key(&credentials.login));
        state.throttle.pay(payer.0, payer.1, now).map_err(|wait| {
            self.shared.counts.over_budget.add();
            tracing::warn!(?from, "too many wrong passwords");
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Denied::Busy { retry_after_secs: seconds.clamp(1, 3600) }
        })?;
        let job = Job { credentials: credentials.clone(), key, payer, epoch: state.cache.epoch() };
        if self.jobs.try_send(job).is_err() {
            self.shared.counts.queue_full.add();
            state.throttle.give_back(payer.0, payer.1);
            return Err(Denied::Busy { retry_after_secs: rand::random_range(5..=15) });
        }
        state.flights.insert(key, vec![sender]);
        Ok(Look::Flight(answer))
    }

    /// The user of a session, read again when the record in it has become old. It blocks.
    pub fn recheck(&self, session: &Session) -> Result<Arc<User>, Denied> {
        if !session.stale {
            return Ok(Arc::clone(&session.user));
        }
        let found = self.shared.store.user(session.user.id).map_err(|error| {
            tracing::error!(%error, "a login cannot be checked again");
            Denied::Failed
        })?;
        let now = self.shared.clock.now();
        let mut state = self.shared.state();
        match found {
            Some(user) if user.enabled && user.login_generation == session.user.login_generation => {
                let user = Arc::new(User { photo: None, ..user });
                state.cache.refresh(&session.key, Arc::clone(&user), now);
                Ok(user)
            }
            Some(_) | None => {
                state.cache.invalidate(session.user.id);
                Err(Denied::Wrong)
            }
        }
    }
}

enum Look {
    Known(Session),
    Flight(oneshot::Receiver<Result<Session, Denied>>),
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    fn key(&self, credentials: &Credentials) -> CredentialKey {
        let mut mac = self.mac.clone();
        for part in [&credentials.login, &credentials.password] {
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
