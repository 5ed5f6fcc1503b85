//! What is held in memory of the mailboxes in use, so that a request that changes nothing reads no database.
//!
//! For each mailbox there is one [`State`]: its counters, and what looks have read of folders, collection states, small
//! values and ends of logs. A state belongs to one moment of the mailbox and never leaves it: looks add to it what they
//! read at that moment, and a commit puts another in its place. The database stays the truth: whatever is not here, or
//! not certain, is read from it.
//!
//! ```text
//!   writer:  ... jobs | before(): newcomers go to the database, looks without a transaction get one | COMMIT | after()
//! ```
//! A look begins with a state and no read transaction. As long as nothing is committed to its mailbox, a transaction
//! begun later sees the same moment; the writer begins it for the look before it commits. So a look is one moment
//! whether its answers come from memory or from the database.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use easel_protocol::CollectionId;
use easel_store::{Alike, CollectionState, Device, DeviceKey, Folder, Modseq, StoreError, UserId};
use rusqlite::Connection;

use crate::pool::Reader;

const SHARDS: usize = 64;

/// Bytes held in one shard, by estimate. All shards: 64 MiB.
const SHARD_MAX: usize = 1 << 20;

/// Bytes held of one mailbox, by estimate.
const MAILBOX_MAX: usize = 256 << 10;

/// What one thing held costs beside its bytes, by estimate.
const EACH: usize = 128;

/// Devices held of one mailbox, those that are not there included.
const DEVICES_MAX: usize = 32;

/// What a commit changes of what is held.
#[derive(Debug)]
pub(crate) enum Change {
    /// The state of a collection for a device.
    Collection(DeviceKey, CollectionId, Option<Arc<CollectionState>>),
    /// The counters of the mailbox.
    Counters { modseq: Modseq, hierarchy: Option<Modseq> },
    /// A device was stored.
    Device(Box<Device>),
    /// A small value of a device.
    DeviceValue(DeviceKey, &'static str, Option<Vec<u8>>),
    /// Everything of the mailbox is read anew.
    Forget,
    /// The log of a folder ends here now.
    LogEnd(CollectionId, Modseq),
    /// A small value of the mailbox.
    Value(&'static str, Option<Vec<u8>>),
}

/// Of which mailboxes a job changes something that may be held.
#[derive(Debug, Default)]
pub(crate) enum Touched {
    /// Of all of them: what a job is that does not say.
    #[default]
    Everything,
    /// Of one.
    Mailbox(UserId, Vec<Change>),
    /// Of none.
    Nothing,
}

/// A mailbox at one moment.
pub(crate) struct State {
    pub(crate) modseq: Modseq,
    pub(crate) hierarchy: Modseq,
    pub(crate) floor: Modseq,
    entries: Mutex<Entries>,
    /// Bytes held in the shard.
    held: Arc<AtomicUsize>,
}

/// What was read at that moment. Absence is held as well.
#[derive(Clone, Default)]
struct Entries {
    bytes: usize,
    folders: Option<Arc<Vec<Folder>>>,
    collections: HashMap<(DeviceKey, CollectionId), Option<Arc<CollectionState>>>,
    device_values: HashMap<(DeviceKey, String), Option<Vec<u8>>>,
    values: HashMap<String, Option<Vec<u8>>>,
    log_ends: HashMap<CollectionId, Modseq>,
}

fn size_of_state(state: &CollectionState) -> usize {
    let cursors = state.before.values().chain(state.after.values());
    let cursors: usize = cursors.map(|cursor| EACH + 16 * (cursor.withheld.len() + cursor.resend.len())).sum();
    let outcomes: usize = state.outcomes.iter().map(|outcome| EACH + outcome.answer.len()).sum();
    EACH + cursors + outcomes + state.options.len()
}

fn size_of_value(value: &Option<Vec<u8>>) -> usize {
    EACH + value.as_ref().map_or(0, Vec::len)
}

fn size_of_folders(folders: &[Folder]) -> usize {
    folders.iter().map(|folder| EACH + folder.name.len()).sum()
}

impl State {
    /// Whether so many bytes more may be held; if so they are counted.
    fn admit(&self, entries: &mut Entries, bytes: usize) -> bool {
        let fits = entries.bytes + bytes <= MAILBOX_MAX && self.held.load(Ordering::Relaxed) <= SHARD_MAX;
        if fits {
            entries.bytes += bytes;
            self.held.fetch_add(bytes, Ordering::Relaxed);
        }
        fits
    }

    fn release(&self, entries: &mut Entries, bytes: usize) {
        entries.bytes -= bytes;
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().expect("no holder of this lock panics")
    }

    pub(crate) fn folders(
        &self,
        trees: &Alike<Vec<Folder>>,
        read: impl FnOnce() -> Result<Vec<Folder>, StoreError>,
    ) -> Result<Arc<Vec<Folder>>, StoreError> {
        if let Some(held) = &self.entries().folders {
            return Ok(Arc::clone(held));
        }
        let folders = trees.share(read()?);
        let mut entries = self.entries();
        if entries.folders.is_none() && self.admit(&mut entries, size_of_folders(&folders)) {
            entries.folders = Some(Arc::clone(&folders));
        }
        Ok(folders)
    }

    pub(crate) fn collection(
        &self,
        place: (DeviceKey, CollectionId),
        read: impl FnOnce() -> Result<Option<CollectionState>, StoreError>,
    ) -> Result<Option<CollectionState>, StoreError> {
        let held = self.entries().collections.get(&place).cloned();
        if let Some(held) = held {
            return Ok(held.map(Arc::unwrap_or_clone));
        }
        let state = read()?;
        self.put_collection(place, state.clone().map(Arc::new));
        Ok(state)
    }

    fn put_collection(&self, place: (DeviceKey, CollectionId), state: Option<Arc<CollectionState>>) {
        let size = |state: &Option<Arc<CollectionState>>| state.as_deref().map_or(EACH, size_of_state);
        let mut entries = self.entries();
        if let Some(old) = entries.collections.remove(&place) {
            self.release(&mut entries, size(&old));
        }
        if self.admit(&mut entries, size(&state)) {
            entries.collections.insert(place, state);
        }
    }

    pub(crate) fn device_value(
        &self,
        device: DeviceKey,
        name: &str,
        read: impl FnOnce() -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let place = (device, name.to_owned());
        let held = self.entries().device_values.get(&place).cloned();
        if let Some(held) = held {
            return Ok(held);
        }
        let value = read()?;
        self.put_device_value(place, value.clone());
        Ok(value)
    }

    fn put_device_value(&self, place: (DeviceKey, String), value: Option<Vec<u8>>) {
        let mut entries = self.entries();
        if let Some(old) = entries.device_values.remove(&place) {
            self.release(&mut entries, size_of_value(&old));
        }
        if self.admit(&mut entries, size_of_value(&value)) {
            entries.device_values.insert(place, value);
        }
    }

    pub(crate) fn value(
        &self,
        name: &str,
        read: impl FnOnce() -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let held = self.entries().values.get(name).cloned();
        if let Some(held) = held {
            return Ok(held);
        }
        let value = read()?;
        self.put_value(name, value.clone());
        Ok(value)
    }

    fn put_value(&self, name: &str, value: Option<Vec<u8>>) {
        let mut entries = self.entries();
        if let Some(old) = entries.values.remove(name) {
            self.release(&mut entries, size_of_value(&old));
        }
        if self.admit(&mut entries, size_of_value(&value)) {
            entries.values.insert(name.to_owned(), value);
        }
    }

    /// Whether it is known that the log of the folder has no row after `after`.
    pub(crate) fn log_ends_by(&self, folder: CollectionId, after: Modseq) -> bool {
        self.entries().log_ends.get(&folder).is_some_and(|end| *end <= after)
    }

    /// The log of the folder has no row after `end`.
    pub(crate) fn log_ends(&self, folder: CollectionId, end: Modseq) {
        let mut entries = self.entries();
        if let Some(known) = entries.log_ends.get_mut(&folder) {
            *known = end.min(*known);
        } else if self.admit(&mut entries, EACH) {
            entries.log_ends.insert(folder, end);
        }
    }

    /// The state after a commit.
    fn after(self: Arc<Self>, changes: Vec<Change>) -> Arc<Self> {
        let entries = self.entries().clone();
        let (mut modseq, mut hierarchy) = (self.modseq, self.hierarchy);
        let (floor, held) = (self.floor, Arc::clone(&self.held));
        held.fetch_add(entries.bytes + EACH, Ordering::Relaxed);
        drop(self);
        let mut next = Self { modseq, hierarchy, floor, entries: Mutex::new(entries), held };
        for change in changes {
            match change {
                Change::Collection(device, collection, state) => next.put_collection((device, collection), state),
                Change::Counters { modseq: now, hierarchy: changed } => {
                    modseq = now;
                    if let Some(changed) = changed {
                        hierarchy = changed;
                        let mut entries = next.entries();
                        if let Some(old) = entries.folders.take() {
                            next.release(&mut entries, size_of_folders(&old));
                        }
                    }
                }
                Change::DeviceValue(device, name, value) => next.put_device_value((device, name.to_owned()), value),
                Change::Value(name, value) => next.put_value(name, value),
                Change::LogEnd(folder, end) => {
                    let mut entries = next.entries();
                    if entries.log_ends.insert(folder, end).is_none() && !next.admit(&mut entries, EACH) {
                        entries.log_ends.remove(&folder);
                    }
                }
                Change::Device(_) | Change::Forget => {}
            }
        }
        (next.modseq, next.hierarchy) = (modseq, hierarchy);
        Arc::new(next)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let bytes = self.entries.get_mut().map_or(0, |entries| entries.bytes);
        self.held.fetch_sub(bytes + EACH, Ordering::Relaxed);
    }
}

/// What holds a look to its moment: a place among the readers, and from the first question on a read transaction.
pub(crate) struct Anchor {
    fixed: AtomicBool,
    /// Its moment has passed and no transaction holds it.
    lost: AtomicBool,
    reader: Mutex<Reader>,
}

impl Anchor {
    pub(crate) fn new(reader: Reader) -> Arc<Self> {
        Arc::new(Self { fixed: AtomicBool::new(false), lost: AtomicBool::new(false), reader: Mutex::new(reader) })
    }

    fn reader(&self) -> MutexGuard<'_, Reader> {
        // A question that panicked has left the connection as it was.
        self.reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Begins the read transaction, unless it has begun.
    fn fix(&self, reader: &mut Reader) -> Result<(), StoreError> {
        if !self.fixed.load(Ordering::Acquire) {
            let begun = |connection: &Connection| -> rusqlite::Result<()> {
                connection.prepare_cached("BEGIN")?.execute([])?;
                // The first read fixes what everything after it sees.
                connection.prepare_cached("SELECT 1 FROM store")?.query_row([], |_| Ok(()))
            };
            let failed = |cause| StoreError::backend("looking at a mailbox", cause);
            begun(reader.connect()?).map_err(failed)?;
            self.fixed.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Asks the database, as at the moment of the look.
    pub(crate) fn ask<T, E: From<StoreError>>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        if !self.fixed.load(Ordering::Acquire) {
            self.fix(&mut self.reader())?;
        }
        if self.lost.load(Ordering::Acquire) {
            return Err(
                StoreError::backend("looking at a mailbox", "no database reader could be opened in time").into()
            );
        }
        question(&self.reader())
    }

    /// On behalf of the look, by the writer, which must not wait for a question to be answered: only until the
    /// transaction has begun.
    fn fix_before_commit(&self) {
        while !self.fixed.load(Ordering::Acquire) {
            let reader = match self.reader.try_lock() {
                Ok(reader) => Some(reader),
                Err(std::sync::TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                Err(std::sync::TryLockError::WouldBlock) => None,
            };
            let Some(mut reader) = reader else {
                std::thread::yield_now();
                continue;
            };
            if let Err(error) = self.fix(&mut reader) {
                // What it has not read yet it can no longer read as it was.
                tracing::warn!(%error, "a look at a mailbox lost its moment");
                self.lost.store(true, Ordering::Release);
                self.fixed.store(true, Ordering::Release);
            }
        }
    }
}

/// How a look begins.
pub(crate) enum Beginning {
    /// With what is held.
    Held(Arc<State>),
    /// With the database. What it reads may be held if nothing was committed meanwhile.
    Unknown(Since),
}

/// A moment of a shard.
#[derive(Clone, Copy)]
pub(crate) struct Since(u64);

#[derive(Default)]
struct Place {
    state: Option<Arc<State>>,
    /// Looks that began with what is held.
    looks: Vec<Arc<Anchor>>,
    /// By id and type. Boxed: most of a table is room for more.
    devices: HashMap<(String, String), Option<Box<Device>>>,
    used: u64,
}

#[derive(Default)]
struct Places {
    all: HashMap<UserId, Place>,
    /// Grows before and after each commit.
    epoch: u64,
    /// Mailboxes in the commit that is under way.
    committing: Vec<UserId>,
    committing_all: bool,
    clock: u64,
}

impl Places {
    fn is_committing(&self, user: UserId) -> bool {
        self.committing_all || self.committing.contains(&user)
    }

    /// Makes room: those go that were not used for longest.
    fn evict(&mut self, held: &AtomicUsize) {
        if held.load(Ordering::Relaxed) <= SHARD_MAX {
            return;
        }
        let mut oldest: Vec<(u64, UserId)> = self.all.iter().map(|(user, place)| (place.used, *user)).collect();
        oldest.sort_unstable();
        for (_, user) in oldest {
            if held.load(Ordering::Relaxed) <= SHARD_MAX / 4 * 3 {
                break;
            }
            self.forget(user);
        }
    }

    fn forget(&mut self, user: UserId) {
        let in_use = self.all.get_mut(&user).is_some_and(|place| {
            (place.state, place.devices) = (None, HashMap::new());
            !place.looks.is_empty()
        });
        if !in_use {
            self.all.remove(&user);
        }
    }
}

#[derive(Default)]
struct Shard {
    places: Mutex<Places>,
    held: Arc<AtomicUsize>,
}

/// What is held of all mailboxes.
pub(crate) struct Warmth {
    shards: [Shard; SHARDS],
    /// The trees of folders held: nearly all mailboxes have the same.
    pub(crate) trees: Alike<Vec<Folder>>,
}

impl Default for Warmth {
    fn default() -> Self {
        Self { shards: std::array::from_fn(|_| Shard::default()), trees: Alike::default() }
    }
}

impl Warmth {
    fn shard(&self, user: UserId) -> &Shard {
        &self.shards[usize::try_from(user.0 % SHARDS as u64).expect("less than the number of shards")]
    }

    fn places(&self, user: UserId) -> MutexGuard<'_, Places> {
        self.shard(user).places.lock().expect("no holder of this lock panics")
    }

    /// Begins a look, which ends with [`Warmth::end`].
    pub(crate) fn begin(&self, user: UserId, anchor: &Arc<Anchor>) -> Beginning {
        let mut places = self.places(user);
        let (epoch, committing) = (places.epoch, places.is_committing(user));
        places.clock += 1;
        let clock = places.clock;
        if let Some(place) = places.all.get_mut(&user).filter(|_| !committing)
            && let Some(state) = &place.state
        {
            place.looks.push(Arc::clone(anchor));
            place.used = clock;
            return Beginning::Held(Arc::clone(state));
        }
        Beginning::Unknown(Since(epoch))
    }

    /// What a look read from the database, to be held when nothing was committed since it began.
    pub(crate) fn offer(&self, user: UserId, since: Since, counters: (Modseq, Modseq, Modseq)) -> Arc<State> {
        let (modseq, hierarchy, floor) = counters;
        let shard = self.shard(user);
        let held = Arc::clone(&shard.held);
        held.fetch_add(EACH, Ordering::Relaxed);
        let state = Arc::new(State { modseq, hierarchy, floor, entries: Mutex::default(), held });
        let mut places = self.places(user);
        if places.epoch != since.0 || places.is_committing(user) {
            return state;
        }
        places.evict(&shard.held);
        let clock = places.clock;
        let place = places.all.entry(user).or_default();
        place.used = clock;
        Arc::clone(place.state.get_or_insert(state))
    }

    pub(crate) fn end(&self, user: UserId, anchor: &Arc<Anchor>) {
        let mut places = self.places(user);
        let Some(place) = places.all.get_mut(&user) else { return };
        place.looks.retain(|other| !Arc::ptr_eq(other, anchor));
        if place.looks.is_empty() && place.state.is_none() && place.devices.is_empty() {
            places.all.remove(&user);
        }
    }

    /// A device as it is now.
    pub(crate) fn device(
        &self,
        user: UserId,
        id: &str,
        kind: &str,
        read: impl FnOnce() -> Result<Option<Device>, StoreError>,
    ) -> Result<Option<Device>, StoreError> {
        let name = (id.to_owned(), kind.to_owned());
        let places = self.places(user);
        let epoch = places.epoch;
        if let Some(device) = places.all.get(&user).and_then(|place| place.devices.get(&name)) {
            return Ok(device.as_deref().cloned());
        }
        drop(places);
        let device = read()?;
        let mut places = self.places(user);
        // A device alone is not held, or a stranger's guesses would fill the memory.
        if places.epoch == epoch
            && !places.is_committing(user)
            && let Some(place) = places.all.get_mut(&user)
        {
            if place.devices.len() >= DEVICES_MAX {
                place.devices.clear();
            }
            place.devices.insert(name, device.clone().map(Box::new));
        }
        Ok(device)
    }

    /// Jobs are about to be committed.
    pub(crate) fn before(&self, touched: &[Touched]) {
        let mut looks: Vec<Arc<Anchor>> = Vec::new();
        for one in touched {
            match one {
                Touched::Nothing => {}
                Touched::Mailbox(user, _) => {
                    let mut places = self.places(*user);
                    places.epoch += 1;
                    if !places.committing.contains(user) {
                        places.committing.push(*user);
                    }
                    looks.extend(places.all.get(user).into_iter().flat_map(|place| place.looks.iter().cloned()));
                }
                Touched::Everything => {
                    for shard in &self.shards {
                        let mut places = shard.places.lock().expect("no holder of this lock panics");
                        places.epoch += 1;
                        places.committing_all = true;
                        looks.extend(places.all.values().flat_map(|place| place.looks.iter().cloned()));
                    }
                }
            }
        }
        for look in looks {
            look.fix_before_commit();
        }
    }

    /// They are committed. `done` is false when that failed: then what is held is not trusted.
    pub(crate) fn after(&self, touched: Vec<Touched>, done: bool) {
        let mut ended = Vec::new();
        for one in touched {
            match one {
                Touched::Nothing => {}
                Touched::Mailbox(user, mut changes) => {
                    if !done {
                        changes = vec![Change::Forget];
                    }
                    self.places(user).change(user, changes);
                    ended.push(user);
                }
                Touched::Everything => {
                    for shard in &self.shards {
                        let mut places = shard.places.lock().expect("no holder of this lock panics");
                        places.epoch += 1;
                        places.committing_all = false;
                        let all: Vec<UserId> = places.all.keys().copied().collect();
                        all.into_iter().for_each(|user| places.forget(user));
                    }
                }
            }
        }
        // Only now, for a mailbox may be in a commit more than once.
        for user in ended {
            let mut places = self.places(user);
            places.epoch += 1;
            places.committing.retain(|other| *other != user);
        }
    }
}

#[cfg(test)]
impl Warmth {
    /// Bytes held, by estimate.
    fn held(&self) -> usize {
        self.shards.iter().map(|shard| shard.held.load(Ordering::Relaxed)).sum()
    }
}

impl Places {
    fn change(&mut self, user: UserId, changes: Vec<Change>) {
        if changes.iter().any(|change| matches!(change, Change::Forget)) {
            self.forget(user);
            return;
        }
        let Some(place) = self.all.get_mut(&user) else { return };
        for change in &changes {
            if let Change::Device(device) = change {
                // It may have had another name.
                place.devices.retain(|_, held| held.as_ref().is_some_and(|held| held.key != device.key));
                place.devices.insert((device.id.clone(), device.kind.clone()), Some(device.clone()));
            }
        }
        if let Some(state) = place.state.take() {
            place.state = Some(state.after(changes));
        }
    }
}

#[cfg(test)]
mod tests;
