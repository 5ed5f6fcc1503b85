//! The gate before Argon2: a few threads of its own, and a queue with an end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender};
use easel_store::{StoreError, User};

use super::forms::{Candidate, candidates};
use super::hash::Memory;
use super::{Denied, Job, Session, Shared, Way};
use crate::ServerError;

/// Starts the threads; they end when the sender is gone.
pub(super) fn start(shared: &Arc<Shared>, threads: usize, queue: usize) -> Result<Sender<Job>, ServerError> {
    let (sender, jobs) = crossbeam_channel::bounded(queue.max(1));
    for number in 0..threads {
        let (shared, jobs) = (Arc::clone(shared), jobs.clone());
        thread::Builder::new()
            .name(format!("login-{number}"))
            .spawn(move || work(&shared, &jobs))
            .map_err(ServerError::Thread)?;
    }
    Ok(sender)
}

/// How often a check begins again because the user was changed while it ran.
pub(super) const ATTEMPTS: usize = 3;

fn work(shared: &Shared, jobs: &Receiver<Job>) {
    let mut memory = Memory::default();
    for mut job in jobs {
        let mut landed = false;
        for _ in 0..ATTEMPTS {
            let checked =
                catch_unwind(AssertUnwindSafe(|| shared.check(&job, &mut memory))).unwrap_or(Err(Denied::Failed));
            landed = shared.land(&mut job, &checked);
            if landed {
                break;
            }
        }
        if !landed {
            shared.tell(&job, &Err(Denied::Failed));
        }
        if jobs.is_empty() {
            memory = Memory::default();
        }
    }
}

impl Shared {
    /// Exactly one hash, whoever is meant and whether anybody is.
    fn check(&self, job: &Job, memory: &mut Memory) -> Result<Session, Denied> {
        let user = self.resolve(&job.credentials.login).map_err(|error| {
            tracing::error!(%error, "a login cannot be checked");
            Denied::Failed
        })?;
        let hash = user.as_ref().map_or(self.nobody.as_str(), |user| user.password_hash.as_str());
        self.counts.hashes.add();
        let right = self.verify(hash, &job.credentials.password, memory);
        match user {
            Some(user) if right && user.enabled => {
                let user = Arc::new(User { photo: None, ..user });
                Ok(Session { user, way: Way::Password, key: job.key, epoch: job.epoch, stale: false })
            }
            Some(_) | None => Err(Denied::Wrong),
        }
    }

    fn verify(&self, hash: &str, password: &str, memory: &mut Memory) -> bool {
        memory.verify(hash, password).unwrap_or_else(|| {
            // What is no hash costs the same time.
            let _same = memory.verify(&self.nobody, password);
            false
        })
    }

    pub(super) fn resolve(&self, login: &str) -> Result<Option<User>, StoreError> {
        for candidate in candidates(login, &self.default_tenant) {
            let found = match candidate {
                Candidate::Name { tenant, user } => match self.store.tenant(tenant)? {
                    Some(tenant) => self.store.user_by_name(tenant.id, user)?,
                    None => None,
                },
                Candidate::Address { tenant, address } => self.by_address(tenant, address)?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Addresses are found without regard to case, but a login has one (F5).
    fn by_address(&self, tenant: Option<&str>, address: &str) -> Result<Option<User>, StoreError> {
        let Some(id) = self.store.user_by_address(address)? else { return Ok(None) };
        let Some(user) = self.store.user(id)? else { return Ok(None) };
        if !user.addresses.iter().any(|own| own == address) {
            return Ok(None);
        }
        match tenant {
            Some(name) if self.store.tenant(name)?.is_none_or(|tenant| tenant.id != user.tenant) => Ok(None),
            Some(_) | None => Ok(Some(user)),
        }
    }

    /// Remembers the outcome and tells everybody who waits for it; false when the user was changed since the check
    /// began, so that it has to be made again.
    pub(super) fn land(&self, job: &mut Job, checked: &Result<Session, Denied>) -> bool {
        let now = self.clock.now();
        {
            let mut state = self.state();
            match checked {
                Ok(session) if !state.cache.is_current(session.user.id, job.epoch) => {
                    job.epoch = state.cache.epoch();
                    return false;
                }
                Ok(session) => {
                    job.give_back(&mut state);
                    let (user, way) = (Arc::clone(&session.user), session.way.clone());
                    state.cache.keep_right(job.key, user, way, job.epoch, now);
                }
                Err(Denied::Wrong) => {
                    self.counts.wrong.add();
                    state.cache.keep_wrong(job.key, job.epoch, now);
                }
                Err(Denied::Busy { .. } | Denied::Failed | Denied::TooOften { .. }) => {
                    self.counts.failed.add();
                    job.give_back(&mut state);
                }
            }
        }
        self.tell(job, checked);
        true
    }

    pub(super) fn tell(&self, job: &Job, checked: &Result<Session, Denied>) {
        let waiters = self.state().flights.remove(&job.key).unwrap_or_default();
        for waiter in waiters {
            // Whoever hung up meanwhile needs no answer.
            let _ = waiter.send(checked.clone());
        }
    }
}
