//! What one device, or one user, has used.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use super::Allowance;
use super::bucket::{Bucket, MINUTE};

/// What no request works for, whatever it asks.
const WORK_MAX: Duration = Duration::from_secs(3600);

/// What one device, or one user, has used: atomics only, so that requests never wait for one another here.
#[derive(Debug, Default)]
pub(super) struct Account {
    requests: Bucket,
    work: Bucket,
    under_way: AtomicU32,
    /// Bytes that its requests hold.
    pub(super) held: AtomicUsize,
    /// Until when it was told to stay away, in microseconds since 1970.
    told: AtomicI64,
}

/// What an account is short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Short {
    /// Too many requests under way.
    AtOnce,
    /// Too many requests, and for how many microseconds.
    Requests(i64),
    /// Too much work, and for how many microseconds.
    Work(i64),
}

impl Account {
    /// Counts a request as under way, unless the account is short of something.
    pub(super) fn enter(&self, allowance: &Allowance, now: i64) -> Result<(), Short> {
        let wait = allowance.request_price().map_or(0, |price| self.requests.wait(price, now));
        if wait > 0 {
            return Err(Short::Requests(wait));
        }
        let wait = allowance.work_per_minute.map_or(0, |_| self.work.wait(0, now));
        if wait > 0 {
            return Err(Short::Work(wait));
        }
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed);
        if allowance.at_once.is_some_and(|most| under_way >= most) {
            self.leave();
            return Err(Short::AtOnce);
        }
        Ok(())
    }

    /// The request is no longer under way.
    pub(super) fn leave(&self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }

    /// Charges for a request.
    pub(super) fn charge_request(&self, allowance: &Allowance, now: i64) {
        if let Some(price) = allowance.request_price() {
            self.requests.draw(price, now);
        }
    }

    /// Charges for work that was done; work of more than an hour was none, but a leap of the clock.
    pub(super) fn charge_work(&self, allowance: &Allowance, work: Duration, now: i64) {
        if let Some(price) = allowance.work_price(work).filter(|_| work <= WORK_MAX) {
            self.work.draw(price, now);
        }
    }

    /// Remembers that it was told to stay away for so long; whether it had been told before and did not listen.
    pub(super) fn tell(&self, wait: i64, now: i64) -> bool {
        let told = self.told.swap(now.saturating_add(wait), Ordering::Relaxed);
        // What lies further ahead was said before the clock jumped back.
        told > now && told <= now.saturating_add(2 * MINUTE)
    }
}
