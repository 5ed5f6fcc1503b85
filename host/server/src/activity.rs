//! What each device is at, and what it cost in the last minute: for an administrator who looks.
//!
//! A request takes two short locks, of one of sixteen parts of the book and of its own page; a page goes a minute after
//! its device was last heard of.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use easel_store::UserId;
use jiff::Timestamp;

use crate::devices::{DeviceName, Devices};

/// Parts of the book.
const PARTS: usize = 16;

/// Pages in one part; further devices are not seen.
const PAGES_MAX: usize = 8192;

/// Seconds in one step of the last minute, and steps in it.
const STEP_SECS: i64 = 10;
const STEPS: usize = 6;

/// A device that has a request under way, or had one in the last minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceActivity {
    /// Whose.
    pub user: UserId,
    /// Its id in the normal spelling; empty for whoever names none.
    pub device: String,
    /// Requests under way.
    pub under_way: u32,
    /// The command of the newest request.
    pub command: &'static str,
    /// When the newest request was read.
    pub since: Timestamp,
    /// Since when a request waits for news, if one does.
    pub parked: Option<Timestamp>,
    /// Requests answered in the last minute, give or take ten seconds.
    pub requests: u32,
    /// Requests told to come back later in the last minute, because the device or its user asked for too much.
    pub refused: u32,
    /// Time of threads at work on them, in microseconds.
    pub worked_micros: u64,
    /// Bytes of their bodies.
    pub received: u64,
    /// Bytes of their answers, as they were sent.
    pub sent: u64,
}

/// The book of what devices are at.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    parts: [Mutex<Part>; PARTS],
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Part {
    pages: HashMap<DeviceName, Arc<Mutex<Page>>>,
    /// When it was swept last: the number of a step.
    swept: i64,
}

#[derive(Debug, Default)]
struct Page {
    under_way: u32,
    command: &'static str,
    since: Timestamp,
    steps: [Step; STEPS],
    /// Where the request waits that waits.
    parked: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    /// Its number since 1970.
    number: i64,
    requests: u32,
    refused: u32,
    worked: u64,
    received: u64,
    sent: u64,
}

/// A request that is under way as long as this lives.
#[derive(Debug)]
pub(crate) struct Active {
    page: Arc<Mutex<Page>>,
    /// Milliseconds since 1970, or 0: since when this request waits.
    parked: AtomicI64,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn step(now: Timestamp) -> i64 {
    now.as_second().div_euclid(STEP_SECS)
}

impl Activity {
    /// A request of a device begins.
    pub(crate) fn begin(&self, user: UserId, device: &str, command: &'static str, now: Timestamp) -> Active {
        let page = self.page(Devices::name(user, device), now);
        {
            let mut page = locked(&page);
            page.under_way += 1;
            page.command = command;
            page.since = now;
        }
        Active { page, parked: AtomicI64::new(0) }
    }

    /// A request of a device is told to come back later.
    pub(crate) fn refuse(&self, device: DeviceName, command: &'static str, now: Timestamp) {
        let page = self.page(device, now);
        let mut page = locked(&page);
        if page.command.is_empty() {
            (page.command, page.since) = (command, now);
        }
        page.step(now).refused += 1;
    }

    fn page(&self, name: DeviceName, now: Timestamp) -> Arc<Mutex<Page>> {
        let place = usize::try_from(self.hasher.hash_one(&name) % PARTS as u64).unwrap_or_default();
        let mut part = locked(&self.parts[place]);
        if step(now) - part.swept >= STEPS as i64 {
            part.swept = step(now);
            part.pages.retain(|_, page| locked(page).is_recent(now));
        }
        let room = part.pages.len() < PAGES_MAX;
        match part.pages.get(&name) {
            Some(page) => Arc::clone(page),
            None if room => Arc::clone(part.pages.entry(name).or_default()),
            None => Arc::default(),
        }
    }

    /// Every device that is at something or was in the last minute, in no order.
    pub(crate) fn read(&self, now: Timestamp) -> Vec<DeviceActivity> {
        let mut all = Vec::new();
        for part in &self.parts {
            let pages: Vec<_> =
                locked(part).pages.iter().map(|(name, page)| (name.clone(), Arc::clone(page))).collect();
            for ((user, device), page) in pages {
                let page = locked(&page);
                if !page.is_recent(now) {
                    continue;
                }
                let mut activity = DeviceActivity {
                    user,
                    device,
                    under_way: page.under_way,
                    command: page.command,
                    since: page.since,
                    parked: page.parked,
                    requests: 0,
                    refused: 0,
                    worked_micros: 0,
                    received: 0,
                    sent: 0,
                };
                for step in page.recent(now) {
                    activity.requests += step.requests;
                    activity.refused += step.refused;
                    activity.worked_micros += step.worked;
                    activity.received += step.received;
                    activity.sent += step.sent;
                }
                all.push(activity);
            }
        }
        all
    }
}

impl Page {
    fn recent(&self, now: Timestamp) -> impl Iterator<Item = &Step> {
        let first = step(now) - STEPS as i64;
        self.steps.iter().filter(move |step| step.number > first && step.requests + step.refused > 0)
    }

    /// The step of this moment.
    fn step(&mut self, now: Timestamp) -> &mut Step {
        let number = step(now);
        let step = &mut self.steps[usize::try_from(number.rem_euclid(STEPS as i64)).unwrap_or_default()];
        if step.number != number {
            *step = Step { number, ..Step::default() };
        }
        step
    }

    fn is_recent(&self, now: Timestamp) -> bool {
        self.under_way > 0 || self.recent(now).next().is_some()
    }
}

impl Active {
    /// The request waits for news from now on, or no longer.
    pub(crate) fn park(&self, since: Option<Timestamp>) {
        let mut page = locked(&self.page);
        let own = self.parked.swap(since.map_or(0, Timestamp::as_millisecond), Ordering::Relaxed);
        // A newer request of the device may wait meanwhile.
        if since.is_some() || page.parked.is_some_and(|at| at.as_millisecond() == own) {
            page.parked = since;
        }
    }

    /// The request is answered.
    pub(crate) fn done(&self, now: Timestamp, worked_micros: u64, received: usize, sent: usize) {
        let mut page = locked(&self.page);
        let step = page.step(now);
        step.requests += 1;
        step.worked += worked_micros;
        step.received += received as u64;
        step.sent += sent as u64;
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.park(None);
        locked(&self.page).under_way -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(1_000_000_000 + secs).unwrap()
    }

    #[test]
    fn a_device_is_seen_while_it_waits_and_for_a_minute_after() {
        let activity = Activity::default();
        let active = activity.begin(UserId(1), "ABC", "Ping", at(0));
        active.park(Some(at(1)));
        let seen = activity.read(at(3600));
        assert_eq!((seen.len(), seen[0].under_way, seen[0].parked), (1, 1, Some(at(1))));
        assert_eq!((seen[0].device.as_str(), seen[0].command, seen[0].requests), ("abc", "Ping", 0));
        active.done(at(3600), 70, 5, 9);
        drop(active);
        let seen = activity.read(at(3640));
        let now = &seen[0];
        assert_eq!((now.under_way, now.parked, now.requests), (0, None, 1));
        assert_eq!((now.worked_micros, now.received, now.sent), (70, 5, 9));
        assert_eq!(activity.read(at(3670)), []);
        // Whoever comes next sweeps what is over.
        let parts = || activity.parts.iter().map(|part| locked(part).pages.len()).sum::<usize>();
        assert_eq!(parts(), 1);
        drop(activity.begin(UserId(1), "abc", "Sync", at(3700)));
        assert_eq!(activity.read(at(3700)), []);
    }

    #[test]
    fn a_device_that_is_only_refused_is_seen() {
        let activity = Activity::default();
        for _ in 0..3 {
            activity.refuse((UserId(1), "abc".to_owned()), "Sync", at(0));
        }
        let seen = activity.read(at(1));
        assert_eq!((seen[0].refused, seen[0].requests, seen[0].under_way, seen[0].command), (3, 0, 0, "Sync"));
        assert_eq!(activity.read(at(70)), []);
    }

    #[test]
    fn the_newer_of_two_waiting_requests_is_the_one_that_is_told() {
        let activity = Activity::default();
        let older = activity.begin(UserId(1), "abc", "Ping", at(0));
        older.park(Some(at(0)));
        let newer = activity.begin(UserId(1), "abc", "Sync", at(5));
        newer.park(Some(at(5)));
        drop(older);
        let seen = activity.read(at(6));
        assert_eq!((seen[0].under_way, seen[0].parked, seen[0].command), (1, Some(at(5)), "Sync"));
    }

    #[test]
    fn devices_beyond_the_bound_are_served_and_not_seen() {
        let activity = Activity::default();
        let all: Vec<Active> = (0..PARTS * PAGES_MAX + 10_000)
            .map(|number| activity.begin(UserId(1), &number.to_string(), "Sync", at(0)))
            .collect();
        let seen = activity.read(at(0)).len();
        assert!(seen <= PARTS * PAGES_MAX && seen < all.len(), "{seen}");
        drop(all);
        assert_eq!(activity.read(at(0)), []);
    }
}
