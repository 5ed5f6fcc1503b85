//! What is counted of logins.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::exposition::{Exposition, Kind};

/// A number that grows.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What became of credentials.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Known to be right.
    pub(super) hits: Count,
    /// Known to be wrong.
    pub(super) known_wrong: Count,
    /// Not known yet.
    pub(super) misses: Count,
    /// Passwords hashed.
    pub(super) hashes: Count,
    /// App passwords looked up, and right.
    pub(super) apps: Count,
    /// The user's own password where only app passwords let in.
    pub(super) no_app: Count,
    /// Hashed, and wrong.
    pub(super) wrong: Count,
    /// Could not be checked.
    pub(super) failed: Count,
    /// Too many wrong ones before them.
    pub(super) over_budget: Count,
    /// Too many at once.
    pub(super) queue_full: Count,
}

impl Counts {
    pub(super) fn write(&self, page: &mut Exposition) {
        page.family("easel_login_cache", Kind::Counter, "", "Credentials looked up in the cache of logins.");
        for (result, count) in [("hit", &self.hits), ("hit_wrong", &self.known_wrong), ("miss", &self.misses)] {
            page.number(&[("result", result)], count.read());
        }
        page.family("easel_login_hashes", Kind::Counter, "", "Passwords hashed for logins.");
        page.number(&[], self.hashes.read());
        page.family("easel_login_app_passwords", Kind::Counter, "", "App passwords looked up for logins, and right.");
        page.number(&[], self.apps.read());
        page.family("easel_login_failures", Kind::Counter, "", "Logins that did not come about, by reason.");
        let wrong = self.wrong.read() + self.known_wrong.read();
        page.number(&[("reason", "wrong")], wrong);
        page.number(&[("reason", "no_app_password")], self.no_app.read());
        page.number(&[("reason", "unchecked")], self.failed.read());
        page.number(&[("reason", "too_many_wrong")], self.over_budget.read());
        page.number(&[("reason", "too_many_at_once")], self.queue_full.read());
    }
}
