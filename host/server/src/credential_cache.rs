//! What is known of credentials: which were right, for whom, and which were wrong a moment ago.
//!
//! One Argon2 costs as much as a thousand Syncs, and a device sends its password with every request. The key is an HMAC
//! of the credentials, so the cache holds no password. An entry counts only as long as nobody called
//! [`CredentialCache::invalidate`] for its user since the check began: a changed password is void at once, without a
//! search. Wrong credentials stand apart, so that guessing cannot push the right ones out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use easel_store::{User, UserId};
use jiff::{SignedDuration, Timestamp};

use crate::bounded::Bounded;
use crate::login::Way;

/// HMAC-SHA256 of the credentials under a key of this process.
pub(crate) type CredentialKey = [u8; 32];

/// For how long, and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheLimits {
    pub(crate) entries: usize,
    /// Right credentials that nobody used for so long are forgotten.
    pub(crate) idle: Duration,
    /// Right credentials are forgotten after so long in any case.
    pub(crate) age: Duration,
    /// Wrong credentials are remembered for so long.
    pub(crate) wrong: Duration,
    /// How old the user's record may be.
    pub(crate) recheck: Duration,
}

#[derive(Debug)]
pub(crate) struct CredentialCache {
    right: Bounded<CredentialKey, Right>,
    wrong: Bounded<CredentialKey, Wrong>,
    /// The count of invalidations.
    epoch: u64,
    /// The count after the last one that concerned the user.
    epochs: HashMap<UserId, u64>,
    limits: CacheLimits,
}

#[derive(Debug)]
struct Right {
    user: Arc<User>,
    way: Way,
    epoch: u64,
    born: Timestamp,
    used: Timestamp,
    checked: Timestamp,
}

#[derive(Debug)]
struct Wrong {
    epoch: u64,
    until: Timestamp,
}

/// What the cache knows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cached {
    /// Right; `stale` when the user's record is to be read again before it is trusted.
    Right { user: Arc<User>, way: Way, stale: bool },
    /// Wrong.
    Wrong,
}

impl CredentialCache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        let half = limits.entries / 2;
        Self { right: Bounded::new(half), wrong: Bounded::new(half), epoch: 0, epochs: HashMap::new(), limits }
    }

    /// To be asked for before a check begins, and handed in with its result.
    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether nothing happened to the user's login since that epoch.
    pub(crate) fn is_current(&self, user: UserId, epoch: u64) -> bool {
        self.epochs.get(&user).is_none_or(|last| *last <= epoch)
    }

    pub(crate) fn find(&mut self, key: &CredentialKey, now: Timestamp) -> Option<Cached> {
        if let Some(right) = self.right.get_mut(key) {
            let current = self.epochs.get(&right.user.id).is_none_or(|last| *last <= right.epoch);
            if current && !passed(right.used, self.limits.idle, now) && !passed(right.born, self.limits.age, now) {
                right.used = now;
                let stale = passed(right.checked, self.limits.recheck, now);
                return Some(Cached::Right { user: Arc::clone(&right.user), way: right.way.clone(), stale });
            }
            self.right.remove(key);
        }
        let wrong = self.wrong.get_mut(key)?;
        // One that lasts longer than any does was kept before the clock was set back.
        let left = wrong.until.duration_since(now);
        if wrong.epoch == self.epoch && left.is_positive() && left <= signed(self.limits.wrong) {
            return Some(Cached::Wrong);
        }
        self.wrong.remove(key);
        None
    }

    /// The credentials were right.
    pub(crate) fn keep_right(&mut self, key: CredentialKey, user: Arc<User>, way: Way, epoch: u64, now: Timestamp) {
        self.right.insert(key, Right { user, way, epoch, born: now, used: now, checked: now });
    }

    /// The credentials were wrong.
    pub(crate) fn keep_wrong(&mut self, key: CredentialKey, epoch: u64, now: Timestamp) {
        let until = now.saturating_add(signed(self.limits.wrong)).unwrap_or(Timestamp::MAX);
        self.wrong.insert(key, Wrong { epoch, until });
    }

    /// The user's record was read again and still says what it said.
    pub(crate) fn refresh(&mut self, key: &CredentialKey, user: Arc<User>, way: Way, now: Timestamp) {
        if let Some(right) = self.right.get_mut(key) {
            right.checked = now;
            right.user = user;
            right.way = way;
        }
    }

    /// Something happened to the user's login: whatever is known of it, or of wrong credentials, is void.
    pub(crate) fn invalidate(&mut self, user: UserId) {
        self.epoch += 1;
        self.epochs.insert(user, self.epoch);
        self.wrong.clear();
    }

    #[cfg(test)]
    fn len(&self) -> (usize, usize) {
        (self.right.len(), self.wrong.len())
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn passed(since: Timestamp, duration: Duration, now: Timestamp) -> bool {
    now.duration_since(since) >= signed(duration)
}

#[cfg(test)]
mod tests {
    use easel_store::TenantId;

    use super::*;

    const LIMITS: CacheLimits = CacheLimits {
        entries: 100,
        idle: Duration::from_secs(1800),
        age: Duration::from_secs(86_400),
        wrong: Duration::from_secs(60),
        recheck: Duration::from_secs(60),
    };

    fn user(id: u64) -> Arc<User> {
        Arc::new(User {
            id: UserId(id),
            tenant: TenantId(1),
            name: "anna".to_owned(),
            display_name: String::new(),
            addresses: Vec::new(),
            phones: Vec::new(),
            photo: None,
            zone: "UTC".to_owned(),
            password_hash: String::new(),
            login_generation: 1,
            enabled: true,
            quota: None,
        })
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn right(id: u64, stale: bool) -> Option<Cached> {
        Some(Cached::Right { user: user(id), way: Way::Password, stale })
    }

    #[test]
    fn right_credentials_slide_and_end_after_a_day() {
        let mut cache = CredentialCache::new(LIMITS);
        cache.keep_right([1; 32], user(1), Way::Password, 0, at(0));
        assert_eq!(cache.find(&[1; 32], at(59)), right(1, false));
        for used in (0..86_400).step_by(1799) {
            assert_eq!(cache.find(&[1; 32], at(used)), right(1, used >= 60), "{used}");
        }
        assert_eq!(cache.find(&[1; 32], at(86_400)), None);
        cache.keep_right([1; 32], user(1), Way::Password, 0, at(0));
        assert_eq!(cache.find(&[1; 32], at(1800)), None);
    }

    #[test]
    fn wrong_credentials_are_remembered_for_a_minute() {
        let mut cache = CredentialCache::new(LIMITS);
        cache.keep_wrong([1; 32], 0, at(0));
        assert_eq!(cache.find(&[1; 32], at(59)), Some(Cached::Wrong));
        assert_eq!(cache.find(&[1; 32], at(60)), None);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_wrong_credentials_last_longer() {
        let mut cache = CredentialCache::new(LIMITS);
        cache.keep_wrong([1; 32], 0, at(86_400));
        assert_eq!(cache.find(&[1; 32], at(0)), None);
        cache.keep_wrong([1; 32], 0, at(0));
        assert_eq!(cache.find(&[1; 32], at(59)), Some(Cached::Wrong));
    }

    #[test]
    fn a_changed_login_voids_what_was_known_and_what_was_being_checked() {
        let mut cache = CredentialCache::new(LIMITS);
        let began = cache.epoch();
        cache.keep_right([1; 32], user(1), Way::Password, began, at(0));
        cache.keep_right([2; 32], user(2), Way::Password, began, at(0));
        cache.keep_wrong([3; 32], began, at(0));
        cache.invalidate(UserId(1));
        cache.keep_right([4; 32], user(1), Way::Password, began, at(0));
        cache.keep_wrong([5; 32], began, at(0));
        let known: Vec<bool> = (1..=5).map(|key| cache.find(&[key; 32], at(1)).is_some()).collect();
        assert_eq!(known, [false, true, false, false, false]);
        assert!(!cache.is_current(UserId(1), began) && cache.is_current(UserId(2), began));
        cache.keep_right([1; 32], user(1), Way::Password, cache.epoch(), at(2));
        assert!(cache.find(&[1; 32], at(3)).is_some());
    }

    #[test]
    fn guessing_fills_nothing_and_pushes_no_right_credentials_out() {
        let mut cache = CredentialCache::new(LIMITS);
        cache.keep_right([1; 32], user(1), Way::Password, 0, at(0));
        for number in 0..10_000_u32 {
            let mut key = [9; 32];
            key[..4].copy_from_slice(&number.to_be_bytes());
            cache.keep_wrong(key, 0, at(0));
        }
        assert_eq!(cache.find(&[1; 32], at(1)), right(1, false));
        assert!(cache.len().1 <= 100);
    }
}
