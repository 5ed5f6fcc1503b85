//! Wake-ups: who waits for a change of what.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use easel_protocol::CollectionId;

use crate::{DeviceKey, UserId};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A commit changed items of these folders, or the tree of folders.
    Mailbox {
        /// Whose mailbox.
        user: UserId,
        /// The folders whose items changed.
        folders: BTreeSet<CollectionId>,
        /// Whether the tree of folders changed.
        hierarchy: bool,
        /// The device inside whose Sync it happened.
        author: Option<DeviceKey>,
    },
    /// The administrator changed something about a device, or its user: policy, wipe, block, password.
    Device {
        /// Whose device.
        user: UserId,
        /// Which; `None` for every device of the user.
        device: Option<DeviceKey>,
    },
    /// A message was queued.
    Outgoing,
}

/// What somebody waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Changes of a mailbox, on behalf of one device.
    Mailbox {
        /// Whose mailbox.
        user: UserId,
        /// Which device waits: events about it wake it, and its own changes do not.
        device: DeviceKey,
        /// The folders watched.
        folders: BTreeSet<CollectionId>,
    },
    /// Queued messages.
    Outgoing,
}

/// Names one who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WatchId(u64);

/// Called once, with what happened; it must not block.
pub type Wake = Box<dyn FnOnce(&Event) + Send>;

/// Carries wake-ups from commits to whoever waits.
pub trait Bus: Send + Sync {
    /// Wakes, and forgets, everybody interested in `event`.
    fn publish(&self, event: &Event);

    /// Waits for the next event of interest.
    fn watch(&self, interest: Interest, wake: Wake) -> WatchId;

    /// Waits no longer; nothing happens when it was woken already.
    fn unwatch(&self, interest: &Interest, id: WatchId);
}

const SHARDS: usize = 64;

type Watcher = (WatchId, Interest, Wake);

/// A bus within one process: shards of mailbox to its few watchers, so that the number of parked devices costs nothing.
pub struct LocalBus {
    shards: [Mutex<HashMap<u64, Vec<Watcher>>>; SHARDS],
    next: AtomicU64,
}

impl Default for LocalBus {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), next: AtomicU64::new(1) }
    }
}

impl fmt::Debug for LocalBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalBus").finish_non_exhaustive()
    }
}

/// No mailbox has this number; watchers of the queue stand under it.
const QUEUE: u64 = 0;

impl LocalBus {
    fn shard(&self, user: u64) -> &Mutex<HashMap<u64, Vec<Watcher>>> {
        let shard = usize::try_from(user % SHARDS as u64).expect("less than the number of shards");
        &self.shards[shard]
    }

    /// How many wait, over all mailboxes.
    pub fn waiting(&self) -> usize {
        let count = |shard: &Mutex<HashMap<u64, Vec<Watcher>>>| -> usize {
            shard.lock().expect("no holder of this lock panics").values().map(Vec::len).sum()
        };
        self.shards.iter().map(count).sum()
    }
}

const fn owner(interest: &Interest) -> u64 {
    match interest {
        Interest::Mailbox { user, .. } => user.0,
        Interest::Outgoing => QUEUE,
    }
}

fn concerns(interest: &Interest, event: &Event) -> bool {
    match (interest, event) {
        (Interest::Mailbox { device, folders, .. }, Event::Mailbox { folders: changed, hierarchy, author, .. }) => {
            *author != Some(*device) && (*hierarchy || !folders.is_disjoint(changed))
        }
        (Interest::Mailbox { device, .. }, Event::Device { device: concerned, .. }) => {
            concerned.is_none_or(|concerned| concerned == *device)
        }
        (Interest::Outgoing, Event::Outgoing) => true,
        (Interest::Mailbox { .. }, Event::Outgoing)
        | (Interest::Outgoing, Event::Mailbox { .. } | Event::Device { .. }) => false,
    }
}

impl Bus for LocalBus {
    fn publish(&self, event: &Event) {
        let user = match event {
            Event::Mailbox { user, .. } | Event::Device { user, .. } => user.0,
            Event::Outgoing => QUEUE,
        };
        let woken: Vec<Watcher> = {
            let mut shard = self.shard(user).lock().expect("no holder of this lock panics");
            let Some(watchers) = shard.get_mut(&user) else { return };
            let woken = watchers.extract_if(.., |(_, interest, _)| concerns(interest, event)).collect();
            if watchers.is_empty() {
                shard.remove(&user);
            }
            woken
        };
        for (_, _, wake) in woken {
            wake(event);
        }
    }

    fn watch(&self, interest: Interest, wake: Wake) -> WatchId {
        let id = WatchId(self.next.fetch_add(1, Ordering::Relaxed));
        let user = owner(&interest);
        let mut shard = self.shard(user).lock().expect("no holder of this lock panics");
        // Most mailboxes have one phone, and thousands wait: no room for more before there are more.
        shard.entry(user).or_insert_with(|| Vec::with_capacity(1)).push((id, interest, wake));
        id
    }

    fn unwatch(&self, interest: &Interest, id: WatchId) {
        let user = owner(interest);
        let mut shard = self.shard(user).lock().expect("no holder of this lock panics");
        if let Some(watchers) = shard.get_mut(&user) {
            watchers.retain(|(other, _, _)| *other != id);
            if watchers.is_empty() {
                shard.remove(&user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    fn mailbox(folder: u64, author: Option<u64>) -> Event {
        Event::Mailbox {
            user: UserId(7),
            folders: BTreeSet::from([CollectionId::new(folder)]),
            hierarchy: false,
            author: author.map(DeviceKey),
        }
    }

    #[test]
    fn only_who_watches_the_folder_is_woken_and_only_once() {
        let (bus, woken) = (LocalBus::default(), Arc::new(AtomicUsize::new(0)));
        let interest = Interest::Mailbox {
            user: UserId(7),
            device: DeviceKey(1),
            folders: BTreeSet::from([CollectionId::new(1)]),
        };
        let watch = |bus: &LocalBus| {
            let woken = Arc::clone(&woken);
            bus.watch(
                interest.clone(),
                Box::new(move |_| {
                    woken.fetch_add(1, Ordering::Relaxed);
                }),
            )
        };
        watch(&bus);
        bus.publish(&mailbox(2, None));
        bus.publish(&mailbox(1, Some(1)));
        assert_eq!((woken.load(Ordering::Relaxed), bus.waiting()), (0, 1));
        bus.publish(&mailbox(1, Some(2)));
        bus.publish(&mailbox(1, None));
        assert_eq!((woken.load(Ordering::Relaxed), bus.waiting()), (1, 0));
        let id = watch(&bus);
        bus.unwatch(&interest, id);
        bus.publish(&mailbox(1, None));
        assert_eq!((woken.load(Ordering::Relaxed), bus.waiting()), (1, 0));
    }
}
