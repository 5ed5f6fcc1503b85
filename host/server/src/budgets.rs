//! Budgets: what one device, and all devices of one user together, may use before they are told to come back later.
//!
//! ```text
//! head read, logged in --> enter --short of something--> 503, Retry-After, X-MS-ASThrottle; nothing was charged
//!                            '--> Leave: a request charged, one more under way
//!                                   '--> command on a worker: its time charged afterwards, as far as it was work
//!                                          '--> answer taken, or the request waits for news: no longer under way
//! ```
//!
//! A request finds its two accounts in one of sixteen parts of each table; everything else is atomics of its own. An
//! account that nobody asked for while the table filled up is forgotten, which is as if it had rested for a minute.
//! What everybody may use can change at any time: accounts stay, and what a device has left of its minute is the same
//! part of the new one.

mod account;
mod bucket;
mod leave;

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hash};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use easel_commands::Condition;
use jiff::Timestamp;

use crate::bounded::Bounded;
use crate::devices::DeviceName;
use crate::limits::Limits;
use crate::memory::Memory;
use crate::metrics::Throttled;
use account::{Account, Short};
use bucket::{MINUTE, SECOND};
pub(crate) use leave::Leave;

/// What somebody may use; `None` is without bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Requests within a minute: so many at once after a pause, as many a minute in the long run. 1 to 1,000,000.
    pub requests_per_minute: Option<u32>,
    /// Time of threads at work within a minute, as with requests; it is charged when it was spent. At least a second.
    pub work_per_minute: Option<Duration>,
    /// Requests under way at once, from the end of their heads until their answers are taken.
    pub at_once: Option<u32>,
}

impl Allowance {
    /// Whatever is asked for.
    pub const UNBOUNDED: Self = Self { requests_per_minute: None, work_per_minute: None, at_once: None };

    fn request_price(&self) -> Option<i64> {
        self.requests_per_minute.map(|requests| MINUTE / i64::from(requests.max(1)))
    }

    fn work_price(&self, work: Duration) -> Option<i64> {
        let budget = u64::try_from(self.work_per_minute?.as_micros()).unwrap_or(u64::MAX).max(1);
        let price = work.as_micros().saturating_mul(MINUTE.unsigned_abs().into()) / u128::from(budget);
        Some(i64::try_from(price).unwrap_or(i64::MAX))
    }
}

/// A request that is told to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMuch {
    /// For the metrics.
    pub(crate) why: Throttled,
    pub(crate) condition: Condition,
    /// When to come back, in seconds.
    pub(crate) retry_after_secs: u64,
    /// It was told so before, and did not stay away.
    pub(crate) again: bool,
}

/// The accounts of all devices and users.
pub(crate) struct Budgets {
    devices: Table,
    users: Table,
    /// Of a device, then of a user.
    allowances: ArcSwap<[Allowance; 2]>,
    memory: Arc<Memory>,
}

impl fmt::Debug for Budgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budgets").field("allowances", &self.allowances).finish_non_exhaustive()
    }
}

impl Budgets {
    pub(crate) fn new(limits: &Limits, memory: Arc<Memory>) -> Self {
        Self {
            devices: Table::new(limits.accounts),
            users: Table::new(limits.accounts),
            allowances: ArcSwap::from_pointee([limits.device, limits.user]),
            memory,
        }
    }

    /// Other allowances than before: they hold from the next request on, requests under way end as they began.
    pub(crate) fn set(&self, device: Allowance, user: Allowance) {
        self.allowances.store(Arc::new([device, user]));
    }

    /// Lets a request in, or says what is short; then nothing is charged.
    pub(crate) fn enter(&self, device: &DeviceName, now: Timestamp) -> Result<Leave, TooMuch> {
        let now = now.as_microsecond();
        let (own, users) = (self.devices.account(device), self.users.account(&device.0));
        let [of_device, of_user] = **self.allowances.load();
        own.enter(&of_device, now).map_err(|short| too_much(&own, short, Whose::Device, now))?;
        if let Err(short) = users.enter(&of_user, now) {
            own.leave();
            return Err(too_much(&own, short, Whose::User, now));
        }
        own.charge_request(&of_device, now);
        users.charge_request(&of_user, now);
        Ok(Leave::of(Arc::clone(&self.memory), [(own, of_device), (users, of_user)]))
    }

    /// For another look at a request that waits: it is never sent away.
    pub(crate) fn look(&self) -> Leave {
        Leave::for_look(Arc::clone(&self.memory))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Device,
    User,
}

fn too_much(device: &Account, short: Short, whose: Whose, now: i64) -> TooMuch {
    let why = match (whose, short) {
        (Whose::Device, Short::AtOnce) => Throttled::Device,
        (Whose::Device, Short::Requests(_) | Short::Work(_)) => Throttled::DeviceBudget,
        (Whose::User, Short::AtOnce) => Throttled::User,
        (Whose::User, Short::Requests(_) | Short::Work(_)) => Throttled::UserBudget,
    };
    let condition = match (whose, short) {
        (Whose::Device, Short::Requests(_)) => Condition::CommandFrequency,
        (Whose::Device | Whose::User, _) => Condition::OutOfBudgets,
    };
    let wait = match short {
        Short::AtOnce => 0,
        Short::Requests(wait) | Short::Work(wait) => wait,
    };
    let secs = (wait + SECOND - 1).div_euclid(SECOND).max(1);
    let again = device.tell(secs * SECOND, now);
    // Devices that were told at the same moment do not come back at the same moment.
    let retry_after_secs = secs.unsigned_abs() + rand::random_range(0..=2 + secs.unsigned_abs() / 8);
    TooMuch { why, condition, retry_after_secs, again }
}

/// Parts of a table.
const PARTS: usize = 16;

/// Accounts by a keyed hash of whose they are: nobody can choose whom to share one with.
struct Table {
    parts: [Mutex<Bounded<u64, Arc<Account>>>; PARTS],
    hasher: RandomState,
}

impl Table {
    fn new(accounts: usize) -> Self {
        let part = |_| Mutex::new(Bounded::new(accounts / PARTS / 2));
        Self { parts: std::array::from_fn(part), hasher: RandomState::new() }
    }

    fn account(&self, whose: &impl Hash) -> Arc<Account> {
        let hash = self.hasher.hash_one(whose);
        let part = &self.parts[usize::try_from(hash % PARTS as u64).unwrap_or_default()];
        let mut part = part.lock().expect("no holder of this lock panics");
        if let Some(account) = part.get_mut(&hash) {
            return Arc::clone(account);
        }
        let account = Arc::<Account>::default();
        part.insert(hash, Arc::clone(&account));
        account
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.parts.iter().map(|part| part.lock().unwrap().len()).sum()
    }
}

#[cfg(test)]
mod tests;
