//! The store: two writers, two pools of readers, and the counters in memory.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use easel_protocol::{CollectionId, Facts, ServerId};
use easel_store::{
    AppPassword, AppPasswordId, Backup, BlobId, Bus, ChangeSet, Committed, Device, DeviceKey, Event, GalEntry, Missing,
    Modseq, NewAppPassword, NewUser, Outgoing, OutgoingId, Quarantined, Snapshot, Store, StoreError, Tenant, TenantId,
    User, UserId, Write,
};
use rusqlite::Connection;

use crate::chores::Chores;
use crate::connection::Files;
use crate::error::{Failure, SqliteError};
use crate::meter::Vitals;
use crate::numbers::{Numbers, Shared};
use crate::pool::Pool;
use crate::search;
use crate::snapshot::Look;
use crate::warm::{Change, Touched, Warmth};
use crate::writer::{Afterwards, NoBacklog, Writer};
use crate::{
    app_passwords, backup, blobs, commit, devices, directory, folders, gal, log, notes, outgoing, quarantine, schema,
};

/// Snapshots at once. A request holds one, and no longer than a page takes.
const SNAPSHOTS_MAX: usize = 32;

/// Look-ups at once. They have a pool of their own, so that one made under a snapshot never waits for a snapshot.
const LOOKUPS_MAX: usize = 8;

/// Everything in `easel.db` and `mail.db`, inside one directory.
///
/// Dropping it finishes what was handed in and closes both files.
pub struct SqliteStore {
    bus: Arc<dyn Bus>,
    numbers: Shared,
    warmth: Arc<Warmth>,
    snapshots: Arc<Pool>,
    lookups: Arc<Pool>,
    sweep: blobs::Sweep,
    easel: Writer,
    mail: Writer,
    files: Files,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("files", &self.files).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the store inside `dir`, and makes it when it is not there. The directory belongs to this process alone:
    /// take [`crate::lock`] first. Mail that nothing names is swept.
    pub fn open(dir: &Path, bus: Arc<dyn Bus>) -> Result<Self, StoreError> {
        const DOING: &str = "opening the database";
        let directory = |cause| StoreError::backend(DOING, SqliteError::Directory { path: dir.to_owned(), cause });
        std::fs::create_dir_all(dir).map_err(directory)?;
        let files = Files::inside(dir);
        backup::tidy(&files)?;
        let opened = schema::open(&files)?;
        let failed = |cause| StoreError::backend(DOING, SqliteError::database(&files.easel, cause));
        let numbers = Arc::new(Numbers::load(&opened.easel).map_err(failed)?);
        blobs::sweep(&files, &opened)?;
        let warmth = Arc::new(Warmth::default());
        let (path, held) = (files.easel.clone(), Some(Arc::clone(&warmth)));
        let easel = Writer::start(opened.easel, path, "easel-writer", Box::new(Chores), held)?;
        let mail = Writer::start(opened.mail, files.mail.clone(), "mail-writer", Box::new(NoBacklog), None)?;
        let snapshots = Pool::new(files.clone(), SNAPSHOTS_MAX);
        let lookups = Pool::new(files.clone(), LOOKUPS_MAX);
        let sweep = blobs::Sweep::default();
        Ok(Self { bus, numbers, warmth, sweep, snapshots, lookups, easel, mail, files })
    }

    /// Puts everything that waits to be indexed into the full-text index. A search finds it before as well; this is for
    /// the end of an import. Takes short turns, so that others get theirs.
    pub fn finish_indexing(&self) -> Result<(), StoreError> {
        while self.alone("indexing", |connection| Ok(search::drain(connection)?))? > 0 {}
        Ok(())
    }

    /// Puts every item in line to be indexed again ([`Store::to_index_again`]); how many wait then.
    pub fn renew_index(&self) -> Result<u64, StoreError> {
        self.alone("renewing the index", |connection| Ok(search::renew_all(connection)?))
    }

    /// How it does, for whoever looks from outside.
    pub fn vitals(&self) -> Result<Vitals, StoreError> {
        let (snapshots, lookups) = (self.snapshots.lent(), self.lookups.lent());
        let outgoing = self.look_up("counting the queue", |connection| Ok(outgoing::count(connection)?))?;
        // A file that cannot be looked at counts nothing; whoever writes to it says why.
        let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        Ok(Vitals {
            commits: [("easel", self.easel.commits()), ("mail", self.mail.commits())],
            file_bytes: [("easel", bytes(&self.files.easel)), ("mail", bytes(&self.files.mail))],
            readers_busy: snapshots.0 + lookups.0,
            readers_max: snapshots.1 + lookups.1,
            outgoing,
        })
    }

    /// Has something done that changes nothing of what is held in memory.
    fn alone<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.easel.run(doing, move |connection, context| {
            context.touched = Touched::Nothing;
            work(connection)
        })
    }

    /// Answers a question from the present state of the database.
    fn look_up<T>(
        &self,
        doing: &'static str,
        question: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let reader = self.lookups.take()?;
        question(&reader).map_err(|failure| failure.while_doing(doing, &self.files.easel))
    }

    /// How often the database was read, at most.
    #[cfg(test)]
    pub(crate) fn readers_used(&self) -> u64 {
        self.snapshots.used() + self.lookups.used()
    }

    #[cfg(test)]
    pub(crate) fn warmth(&self) -> &Warmth {
        &self.warmth
    }

    /// What a job would do that does not say what it touches.
    #[cfg(test)]
    pub(crate) fn writes_without_telling(&self, sql: &'static str) {
        self.easel.run("testing", move |connection, _| Ok(connection.execute_batch(sql)?)).unwrap();
    }

    /// To be published after the commit.
    fn event(&self, event: Event) -> Afterwards {
        let bus = Arc::clone(&self.bus);
        Box::new(move || bus.publish(&event))
    }
}

/// The mailbox is read anew.
fn forgotten(user: UserId) -> Touched {
    Touched::Mailbox(user, vec![Change::Forget])
}

impl Store for SqliteStore {
    fn add_tenant(&self, name: &str) -> Result<Tenant, StoreError> {
        let name = name.to_owned();
        self.alone("adding a tenant", move |connection| directory::add_tenant(connection, name))
    }

    fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.look_up("listing tenants", |connection| Ok(directory::tenants(connection)?))
    }

    fn tenant(&self, name: &str) -> Result<Option<Tenant>, StoreError> {
        self.look_up("looking up a tenant", |connection| Ok(directory::tenant(connection, name)?))
    }

    fn add_user(&self, user: &NewUser) -> Result<User, StoreError> {
        let (user, numbers) = (user.clone(), Arc::clone(&self.numbers));
        self.easel.run("adding a user", move |connection, context| {
            let user = directory::add_user(connection, user)?;
            let id = user.id;
            context.touched = forgotten(id);
            context.afterwards.push(Box::new(move || numbers.committed(id, Modseq(0))));
            Ok(user)
        })
    }

    fn users(&self, tenant: TenantId) -> Result<Vec<User>, StoreError> {
        self.look_up("listing users", |connection| Ok(directory::users(connection, tenant)?))
    }

    fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.look_up("looking up a user", |connection| Ok(directory::user(connection, id)?))
    }

    fn user_by_name(&self, tenant: TenantId, name: &str) -> Result<Option<User>, StoreError> {
        self.look_up("looking up a user", |connection| Ok(directory::user_by_name(connection, tenant, name)?))
    }

    fn user_by_address(&self, address: &str) -> Result<Option<UserId>, StoreError> {
        self.look_up("looking up an address", |connection| Ok(directory::user_by_address(connection, address)?))
    }

    fn update_user(&self, user: &User) -> Result<User, StoreError> {
        let told = self.event(Event::Device { user: user.id, device: None });
        let user = user.clone();
        self.easel.run("changing a user", move |connection, context| {
            let user = directory::update_user(connection, user)?;
            context.touched = Touched::Nothing;
            context.afterwards.push(told);
            Ok(user)
        })
    }

    fn add_app_password(&self, new: &NewAppPassword) -> Result<AppPassword, StoreError> {
        let told = self.event(Event::Device { user: new.user, device: None });
        let new = new.clone();
        self.easel.run("adding an app password", move |connection, context| {
            let added = app_passwords::add(connection, new)?;
            context.touched = Touched::Nothing;
            context.afterwards.push(told);
            Ok(added)
        })
    }

    fn app_passwords(&self, user: UserId) -> Result<Vec<AppPassword>, StoreError> {
        self.look_up("listing app passwords", |connection| Ok(app_passwords::of_user(connection, user)?))
    }

    fn app_password(&self, hash: &[u8; 32]) -> Result<Option<AppPassword>, StoreError> {
        self.look_up("looking up an app password", |connection| Ok(app_passwords::of_hash(connection, hash)?))
    }

    fn remove_app_password(&self, user: UserId, id: AppPasswordId) -> Result<(), StoreError> {
        let told = self.event(Event::Device { user, device: None });
        self.easel.run("removing an app password", move |connection, context| {
            app_passwords::remove(connection, user, id)?;
            context.touched = Touched::Nothing;
            context.afterwards.push(told);
            Ok(())
        })
    }

    fn note_app_password_uses(&self, uses: &[(AppPasswordId, i64)]) -> Result<(), StoreError> {
        let uses = uses.to_vec();
        self.alone("noting that app passwords were used", move |connection| {
            Ok(app_passwords::note_uses(connection, &uses)?)
        })
    }

    fn remove_user(&self, id: UserId) -> Result<(), StoreError> {
        let told = self.event(Event::Device { user: id, device: None });
        let numbers = Arc::clone(&self.numbers);
        self.easel.run("removing a user", move |connection, context| {
            directory::remove_user(connection, id)?;
            context.touched = forgotten(id);
            context.afterwards.push(Box::new(move || numbers.removed(id)));
            context.afterwards.push(told);
            Ok(())
        })
    }

    fn put_gal_entry(&self, tenant: TenantId, entry: &GalEntry) -> Result<(), StoreError> {
        let entry = entry.clone();
        self.alone("changing the address list", move |connection| gal::put(connection, tenant, &entry))
    }

    fn search_gal(&self, tenant: TenantId, query: &str, limit: usize) -> Result<Vec<GalEntry>, StoreError> {
        self.look_up("searching the address list", |connection| Ok(gal::search(connection, tenant, query, limit)?))
    }

    fn devices(&self, user: UserId) -> Result<Vec<Device>, StoreError> {
        self.look_up("listing devices", |connection| Ok(devices::devices(connection, user)?))
    }

    fn device(&self, user: UserId, id: &str, kind: &str) -> Result<Option<Device>, StoreError> {
        self.warmth.device(user, id, kind, || {
            self.look_up("looking up a device", |connection| Ok(devices::device(connection, user, id, kind)?))
        })
    }

    fn put_device(&self, device: &Device) -> Result<Device, StoreError> {
        let device = device.clone();
        self.easel.run("storing a device", move |connection, context| {
            let device = devices::put(connection, device)?;
            context.touched = Touched::Mailbox(device.user, vec![Change::Device(Box::new(device.clone()))]);
            Ok(device)
        })
    }

    fn replace_device(&self, before: &Device, after: &Device) -> Result<Device, StoreError> {
        let (before, after) = (before.clone(), after.clone());
        self.easel.run("changing a device", move |connection, context| {
            let device = devices::replace(connection, &before, after)?;
            context.touched = Touched::Mailbox(device.user, vec![Change::Device(Box::new(device.clone()))]);
            Ok(device)
        })
    }

    fn remove_device(&self, key: DeviceKey) -> Result<(), StoreError> {
        let bus = Arc::clone(&self.bus);
        self.easel.run("removing a device", move |connection, context| {
            let user = devices::remove(connection, key)?;
            context.touched = forgotten(user);
            let event = Event::Device { user, device: Some(key) };
            context.afterwards.push(Box::new(move || bus.publish(&event)));
            Ok(())
        })
    }

    fn mailbox_bytes(&self, user: UserId) -> Result<u64, StoreError> {
        self.look_up("reading the size of a mailbox", |connection| Ok(directory::bytes(connection, user)?))
    }

    fn modseq(&self, user: UserId) -> Modseq {
        self.numbers.modseq(user)
    }

    fn snapshot(&self, user: UserId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        Ok(Box::new(Look::new(self.snapshots.reserve()?, &self.warmth, &self.files, user)?))
    }

    fn reserve_items(&self, user: UserId, count: u64) -> Result<ServerId, StoreError> {
        self.numbers.reserve(&self.easel, user, count).map(ServerId::new)
    }

    fn reserve_folder(&self, user: UserId) -> Result<CollectionId, StoreError> {
        self.alone("reserving a folder number", move |connection| folders::reserve(connection, user))
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, StoreError> {
        blobs::put(&self.mail, bytes)
    }

    fn read_blob(&self, id: BlobId) -> Result<Vec<u8>, StoreError> {
        let reader = self.lookups.take()?;
        blobs::read(&reader, id, 0..u64::MAX).map_err(|failure| failure.while_reading_mail(&self.files.mail))
    }

    fn commit(&self, changes: ChangeSet) -> Result<Committed, StoreError> {
        const DOING: &str = "committing changes";
        let named: Vec<BlobId> = changes.writes.iter().filter_map(Write::blob).collect();
        if !named.is_empty() {
            self.look_up(DOING, |connection| blobs::check(connection, &named))?;
        }
        let (bus, numbers, doomed) = (Arc::clone(&self.bus), Arc::clone(&self.numbers), self.sweep.doomed());
        self.easel.run(DOING, move |connection, context| {
            let doomed = (!named.is_empty()).then(|| doomed.lock().expect("no holder of this lock panics"));
            if doomed.is_some_and(|doomed| named.iter().any(|blob| doomed.contains(blob))) {
                return Err(Missing::Blob.into());
            }
            let mut made = commit::apply(connection, changes)?;
            context.touched = made.touched();
            context.backlog = made.backlog;
            let committed = Committed { modseq: made.modseq };
            context.afterwards.push(Box::new(move || made.announce(&numbers, &*bus)));
            Ok(committed)
        })
    }

    fn due_outgoing(&self, now: i64, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        self.look_up("reading the outgoing queue", |connection| Ok(outgoing::due(connection, now, limit)?))
    }

    fn put_outgoing(&self, outgoing: &Outgoing) -> Result<(), StoreError> {
        let outgoing = outgoing.clone();
        self.alone("changing the outgoing queue", move |connection| Ok(outgoing::put(connection, &outgoing)?))
    }

    fn outgoing(&self, id: OutgoingId) -> Result<Option<Outgoing>, StoreError> {
        self.look_up("reading the outgoing queue", |connection| Ok(outgoing::get(connection, id)?))
    }

    fn list_outgoing(&self, after: OutgoingId, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        self.look_up("reading the outgoing queue", |connection| Ok(outgoing::list(connection, after, limit)?))
    }

    fn retry_outgoing(&self, id: OutgoingId, now: i64) -> Result<bool, StoreError> {
        let told = self.event(Event::Outgoing);
        self.easel.run("changing the outgoing queue", move |connection, context| {
            context.touched = Touched::Nothing;
            let there = outgoing::retry(connection, id, now)?;
            context.afterwards.extend(there.then_some(told));
            Ok(there)
        })
    }

    fn drop_outgoing(&self, id: OutgoingId) -> Result<bool, StoreError> {
        self.alone("changing the outgoing queue", move |connection| Ok(outgoing::remove(connection, id)?))
    }

    fn notes(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        let prefix = prefix.to_owned();
        self.look_up("reading the notes", move |connection| Ok(notes::under(connection, &prefix)?))
    }

    fn put_note(&self, key: &str, text: Option<&str>) -> Result<(), StoreError> {
        let (key, text) = (key.to_owned(), text.map(ToOwned::to_owned));
        self.alone("writing a note", move |connection| Ok(notes::put(connection, &key, text.as_deref())?))
    }

    fn quarantined(&self, user: UserId) -> Result<Vec<Quarantined>, StoreError> {
        self.look_up("reading the quarantine", |connection| Ok(quarantine::list(connection, user)?))
    }

    fn expire_quarantine(&self, before: i64) -> Result<u64, StoreError> {
        self.alone("emptying the quarantine", move |connection| Ok(quarantine::expire(connection, before)?))
    }

    fn prune_log(&self, since: i64) -> Result<u64, StoreError> {
        let users = self.look_up("reading the change log", |connection| Ok(log::to_prune(connection, since)?))?;
        self.alone("forgetting sent messages", move |connection| Ok(log::forget_sent(connection, since)?))?;
        let mut pruned = 0;
        for user in users {
            loop {
                let turn = self.easel.run("pruning the change log", move |connection, context| {
                    context.touched = forgotten(user);
                    log::prune(connection, user, since)
                })?;
                pruned += turn.rows;
                if turn.done {
                    break;
                }
            }
        }
        Ok(pruned)
    }

    fn sweep(&self) -> Result<u64, StoreError> {
        self.sweep.run(|| self.lookups.take(), (&self.easel, &self.mail))
    }

    fn to_index_again(&self, limit: usize) -> Result<Vec<(UserId, ServerId)>, StoreError> {
        self.look_up("looking for words to index again", |connection| Ok(search::outdated(connection, limit)?))
    }

    fn index_again(&self, user: UserId, item: ServerId, facts: &Facts, seen: Modseq) -> Result<(), StoreError> {
        let text = search::text_of(facts);
        self.easel.run("indexing words again", move |connection, context| {
            context.touched = Touched::Nothing;
            context.backlog = search::enqueue_again(connection, user, (item, seen), &text)?;
            Ok(())
        })
    }

    fn backup(&self, now: i64) -> Result<Box<dyn Backup>, StoreError> {
        Ok(Box::new(backup::begin(&self.files, &self.sweep, now)?))
    }

    fn bus(&self) -> &dyn Bus {
        &*self.bus
    }
}
