//! Logins with app passwords: a look at the store instead of Argon2, on a thread of their own.
//!
//! Thousands of phones that come back after a restart pass here at once, so nothing here waits: not for the gate, and
//! not for the disk, since days of use are written down by another thread, many at a time.
//!
//! ```text
//! form of an app password --hash known, user meant--> in
//!        '--not--> budget spent: busy | main passwords not let in: wrong | the gate, as any other password
//! ```
//!
//! The secret itself is looked up, not the user: a guess costs the same whoever is meant, and whether anybody is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, TrySendError};
use easel_store::{AppPassword, AppPasswordId, AppSecret, Store, User};
use jiff::Timestamp;

use super::gate::ATTEMPTS;
use super::{Denied, Job, Session, Shared, Way};
use crate::ServerError;

/// Logins that wait for a look: 503. A look takes some ten microseconds.
const QUEUE: usize = 8192;

/// Uses that wait to be written down; more are written down at the next use.
const USES_QUEUE: usize = 65_536;

/// Uses written down together.
const USES_MAX: usize = 1000;

/// A day on which an app password was used, in days since 1970.
pub(super) type Use = (AppPasswordId, i64);

/// The day (UTC) of a use that is to be written down; `None` when one as late is known.
fn to_note(used_on: Option<i64>, now: Timestamp) -> Option<i64> {
    let today = now.as_second().div_euclid(86_400);
    used_on.is_none_or(|known| known < today).then_some(today)
}

/// Starts the thread; it ends when the sender is gone.
pub(super) fn start(shared: &Arc<Shared>, gate: Sender<Job>) -> Result<Sender<Job>, ServerError> {
    let (sender, jobs) = crossbeam_channel::bounded(QUEUE);
    let shared = Arc::clone(shared);
    thread::Builder::new()
        .name("login-app".to_owned())
        .spawn(move || jobs.into_iter().for_each(|job| shared.work_on(job, &gate)))
        .map_err(ServerError::Thread)?;
    Ok(sender)
}

/// Starts the thread that writes down uses; it ends when the sender is gone.
pub(super) fn start_noting(store: Arc<dyn Store>) -> Result<Sender<Use>, ServerError> {
    let (sender, uses) = crossbeam_channel::bounded(USES_QUEUE);
    thread::Builder::new()
        .name("login-uses".to_owned())
        .spawn(move || note(&*store, &uses))
        .map_err(ServerError::Thread)?;
    Ok(sender)
}

fn note(store: &dyn Store, uses: &Receiver<Use>) {
    for first in uses {
        let batch: Vec<Use> = std::iter::once(first).chain(uses.try_iter().take(USES_MAX - 1)).collect();
        if let Err(error) = store.note_app_password_uses(&batch) {
            tracing::warn!(%error, uses = batch.len(), "uses of app passwords are not written down");
        }
    }
}

impl Shared {
    fn work_on(&self, mut job: Job, gate: &Sender<Job>) {
        let Some(secret) = job.secret.clone() else { return };
        for _ in 0..ATTEMPTS {
            let checked = catch_unwind(AssertUnwindSafe(|| self.check_secret(&job, &secret)));
            let checked = match checked.unwrap_or(Err(Denied::Failed)) {
                Ok(Some(session)) => Ok(session),
                Ok(None) => return self.hand_on(job, gate),
                Err(denied) => Err(denied),
            };
            if self.land(&mut job, &checked) {
                return;
            }
        }
        self.tell(&job, &Err(Denied::Failed));
    }

    /// `None` when it is no app password of whoever is meant.
    fn check_secret(&self, job: &Job, secret: &AppSecret) -> Result<Option<Session>, Denied> {
        let failed = |error| {
            tracing::error!(%error, "an app password cannot be checked");
            Denied::Failed
        };
        let Some(found) = self.store.app_password(&secret.hash()).map_err(failed)? else { return Ok(None) };
        // Only who holds a secret comes so far.
        let user = self.resolve(&job.credentials.login).map_err(failed)?;
        let Some(user) = user.filter(|user| user.id == found.user && user.enabled) else { return Ok(None) };
        self.counts.apps.add();
        let way = Way::App(Arc::new(self.used(found)));
        Ok(Some(Session {
            user: Arc::new(User { photo: None, ..user }),
            way,
            key: job.key,
            epoch: job.epoch,
            stale: false,
        }))
    }

    /// Has the day of a use written down, unless it is known; the password as it is then.
    pub(super) fn used(&self, password: AppPassword) -> AppPassword {
        match to_note(password.used_on, self.clock.now()) {
            // A full queue: at the next use.
            Some(day) if self.uses.try_send((password.id, day)).is_ok() => {
                AppPassword { used_on: Some(day), ..password }
            }
            Some(_) | None => password,
        }
    }

    /// What has the form of an app password and is none.
    fn hand_on(&self, mut job: Job, gate: &Sender<Job>) {
        if job.owed.is_some() {
            self.counts.over_budget.add();
            let owed = job.owed.take().unwrap_or(Denied::Failed);
            return self.tell(&job, &Err(owed));
        }
        if self.app_passwords_only {
            self.land(&mut job, &Err(Denied::Wrong));
            return;
        }
        if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) = gate.try_send(job) {
            self.counts.queue_full.add();
            job.give_back(&mut self.state());
            self.tell(&job, &Err(Denied::busy()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_written_down_once_a_day() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(to_note(None, at(0)), Some(0));
        assert_eq!(to_note(Some(0), at(86_399)), None);
        assert_eq!(to_note(Some(0), at(86_400)), Some(1));
        assert_eq!(to_note(Some(2), at(86_400)), None, "a clock that was put back");
    }
}
