//! The store in memory: for tests, and as the plainest statement of what a store does.

mod blobs;
mod look;
mod mailbox;
mod queue;
mod searched;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use easel_protocol::{CollectionId, Facts, ServerId};

use crate::{
    AppPassword, AppPasswordId, BlobId, Bus, ChangeSet, Committed, Content, Device, DeviceKey, Event, GalEntry,
    Missing, Modseq, NewAppPassword, NewUser, Outgoing, OutgoingId, Quarantined, Snapshot, Store, StoreError, Tenant,
    TenantId, User, UserId, Write,
};
use blobs::Blobs;
use look::Look;
use mailbox::{Mailbox, Queued, Touched};
use queue::Queue;
use searched::Searched;

/// Everything in memory. A mailbox is copied when it changes while somebody looks at it.
pub struct MemoryStore {
    inner: Mutex<Inner>,
    bus: Arc<dyn Bus>,
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Inner {
    tenants: Vec<Tenant>,
    users: BTreeMap<UserId, User>,
    /// With the hashes of their secrets.
    app_passwords: BTreeMap<AppPasswordId, ([u8; 32], AppPassword)>,
    gal: BTreeMap<(TenantId, String), GalEntry>,
    devices: BTreeMap<DeviceKey, Device>,
    mailboxes: HashMap<UserId, Arc<Mailbox>>,
    blobs: Blobs,
    queue: Queue,
    notes: BTreeMap<String, String>,
    next_user: u64,
    next_app_password: u64,
    next_device: u64,
}

impl MemoryStore {
    /// An empty store whose changes wake through `bus`.
    pub fn new(bus: Arc<dyn Bus>) -> Self {
        Self { inner: Mutex::default(), bus }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of this lock panics")
    }
}

impl Inner {
    fn check_user(&self, id: Option<UserId>, tenant: TenantId, user: (&str, &[String])) -> Result<(), StoreError> {
        let (name, addresses) = user;
        if !self.tenants.iter().any(|other| other.id == tenant) {
            return Err(StoreError::NotFound(Missing::Tenant));
        }
        for other in self.users.values().filter(|other| Some(other.id) != id) {
            if other.tenant == tenant && other.name == name {
                return Err(StoreError::Exists(name.to_owned()));
            }
            let taken = |address: &&String| other.addresses.iter().any(|own| own.eq_ignore_ascii_case(address));
            if let Some(address) = addresses.iter().find(taken) {
                return Err(StoreError::Exists(address.clone()));
            }
        }
        Ok(())
    }
}

impl Store for MemoryStore {
    fn add_tenant(&self, name: &str) -> Result<Tenant, StoreError> {
        let mut inner = self.inner();
        if inner.tenants.iter().any(|tenant| tenant.name == name) {
            return Err(StoreError::Exists(name.to_owned()));
        }
        let tenant = Tenant { id: TenantId(inner.tenants.len() as u64 + 1), name: name.to_owned() };
        inner.tenants.push(tenant.clone());
        Ok(tenant)
    }

    fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        let mut tenants = self.inner().tenants.clone();
        tenants.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(tenants)
    }

    fn tenant(&self, name: &str) -> Result<Option<Tenant>, StoreError> {
        Ok(self.inner().tenants.iter().find(|tenant| tenant.name == name).cloned())
    }

    fn add_user(&self, user: &NewUser) -> Result<User, StoreError> {
        let mut inner = self.inner();
        inner.check_user(None, user.tenant, (&user.name, &user.addresses))?;
        inner.next_user += 1;
        let id = UserId(inner.next_user);
        let new = user.clone();
        let user = User {
            id,
            tenant: new.tenant,
            name: new.name,
            display_name: new.display_name,
            addresses: new.addresses,
            phones: new.phones,
            photo: new.photo,
            zone: new.zone,
            password_hash: new.password_hash,
            login_generation: 1,
            enabled: true,
            quota: None,
        };
        inner.users.insert(id, user.clone());
        inner.mailboxes.insert(id, Arc::new(Mailbox::new()));
        Ok(user)
    }

    fn users(&self, tenant: TenantId) -> Result<Vec<User>, StoreError> {
        let inner = self.inner();
        let mut users: Vec<User> = inner.users.values().filter(|user| user.tenant == tenant).cloned().collect();
        users.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(users)
    }

    fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.inner().users.get(&id).cloned())
    }

    fn user_by_name(&self, tenant: TenantId, name: &str) -> Result<Option<User>, StoreError> {
        let inner = self.inner();
        Ok(inner.users.values().find(|user| user.tenant == tenant && user.name == name).cloned())
    }

    fn user_by_address(&self, address: &str) -> Result<Option<UserId>, StoreError> {
        let inner = self.inner();
        let has = |user: &&User| user.addresses.iter().any(|own| own.eq_ignore_ascii_case(address));
        Ok(inner.users.values().find(has).map(|user| user.id))
    }

    fn update_user(&self, user: &User) -> Result<User, StoreError> {
        let mut inner = self.inner();
        let old = inner.users.get(&user.id).cloned().ok_or(StoreError::NotFound(Missing::User))?;
        inner.check_user(Some(user.id), old.tenant, (&user.name, &user.addresses))?;
        let login_changed = old.password_hash != user.password_hash || old.enabled != user.enabled;
        let login_generation = old.login_generation + u64::from(login_changed);
        let new = User { login_generation, tenant: old.tenant, ..user.clone() };
        inner.users.insert(user.id, new.clone());
        drop(inner);
        self.bus.publish(&Event::Device { user: user.id, device: None });
        Ok(new)
    }

    fn add_app_password(&self, new: &NewAppPassword) -> Result<AppPassword, StoreError> {
        let mut inner = self.inner();
        if inner.app_passwords.values().any(|(_, other)| other.user == new.user && other.name == new.name) {
            return Err(StoreError::Exists(new.name.clone()));
        }
        inner.users.get_mut(&new.user).ok_or(StoreError::NotFound(Missing::User))?.login_generation += 1;
        inner.next_app_password += 1;
        let NewAppPassword { user, name, hash, device, made } = new.clone();
        let id = AppPasswordId(inner.next_app_password);
        let added = AppPassword { id, user, name, device, made, used_on: None };
        inner.app_passwords.insert(id, (hash, added.clone()));
        drop(inner);
        self.bus.publish(&Event::Device { user, device: None });
        Ok(added)
    }

    fn app_passwords(&self, user: UserId) -> Result<Vec<AppPassword>, StoreError> {
        let inner = self.inner();
        Ok(inner.app_passwords.values().map(|(_, one)| one).filter(|one| one.user == user).cloned().collect())
    }

    fn app_password(&self, hash: &[u8; 32]) -> Result<Option<AppPassword>, StoreError> {
        let inner = self.inner();
        Ok(inner.app_passwords.values().find(|(own, _)| own == hash).map(|(_, one)| one.clone()))
    }

    fn remove_app_password(&self, user: UserId, id: AppPasswordId) -> Result<(), StoreError> {
        let mut inner = self.inner();
        if !inner.users.contains_key(&user) {
            return Err(StoreError::NotFound(Missing::User));
        }
        if inner.app_passwords.get(&id).is_none_or(|(_, one)| one.user != user) {
            return Err(StoreError::NotFound(Missing::AppPassword));
        }
        inner.app_passwords.remove(&id);
        inner.users.entry(user).and_modify(|user| user.login_generation += 1);
        drop(inner);
        self.bus.publish(&Event::Device { user, device: None });
        Ok(())
    }

    fn note_app_password_uses(&self, uses: &[(AppPasswordId, i64)]) -> Result<(), StoreError> {
        let mut inner = self.inner();
        for (id, day) in uses {
            if let Some((_, one)) = inner.app_passwords.get_mut(id) {
                one.used_on = one.used_on.max(Some(*day));
            }
        }
        Ok(())
    }

    fn remove_user(&self, id: UserId) -> Result<(), StoreError> {
        let mut inner = self.inner();
        inner.users.remove(&id).ok_or(StoreError::NotFound(Missing::User))?;
        inner.mailboxes.remove(&id);
        inner.devices.retain(|_, device| device.user != id);
        inner.app_passwords.retain(|_, (_, one)| one.user != id);
        inner.gal.retain(|_, entry| entry.user != Some(id));
        inner.queue.forget(id);
        drop(inner);
        self.bus.publish(&Event::Device { user: id, device: None });
        Ok(())
    }

    fn put_gal_entry(&self, tenant: TenantId, entry: &GalEntry) -> Result<(), StoreError> {
        let mut inner = self.inner();
        if !inner.tenants.iter().any(|other| other.id == tenant) {
            return Err(StoreError::NotFound(Missing::Tenant));
        }
        inner.gal.retain(|_, other| entry.user.is_none() || other.user != entry.user);
        inner.gal.insert((tenant, entry.email.to_lowercase()), entry.clone());
        Ok(())
    }

    fn search_gal(&self, tenant: TenantId, query: &str, limit: usize) -> Result<Vec<GalEntry>, StoreError> {
        let inner = self.inner();
        let of_tenant = inner.gal.iter().filter(|((owner, _), _)| *owner == tenant).map(|(_, entry)| entry);
        let mut found: Vec<GalEntry> = of_tenant.filter(|entry| entry.matches(query)).cloned().collect();
        found.sort_by_cached_key(|entry| entry.display_name.to_lowercase());
        found.truncate(limit);
        Ok(found)
    }

    fn devices(&self, user: UserId) -> Result<Vec<Device>, StoreError> {
        let inner = self.inner();
        let mut devices: Vec<Device> = inner.devices.values().filter(|device| device.user == user).cloned().collect();
        devices.sort_by_key(|device| std::cmp::Reverse(device.last_seen));
        Ok(devices)
    }

    fn device(&self, user: UserId, id: &str, kind: &str) -> Result<Option<Device>, StoreError> {
        let inner = self.inner();
        let is = |device: &&Device| device.user == user && device.id == id && device.kind == kind;
        Ok(inner.devices.values().find(is).cloned())
    }

    fn put_device(&self, device: &Device) -> Result<Device, StoreError> {
        let mut inner = self.inner();
        if !inner.users.contains_key(&device.user) {
            return Err(StoreError::NotFound(Missing::User));
        }
        let mut device = device.clone();
        if device.key == DeviceKey(0) {
            let same = |other: &Device| other.user == device.user && other.id == device.id && other.kind == device.kind;
            if inner.devices.values().any(same) {
                return Err(StoreError::Exists(device.id));
            }
            inner.next_device += 1;
            device.key = DeviceKey(inner.next_device);
        } else if !inner.devices.contains_key(&device.key) {
            return Err(StoreError::NotFound(Missing::Device));
        }
        inner.devices.insert(device.key, device.clone());
        Ok(device)
    }

    fn replace_device(&self, before: &Device, after: &Device) -> Result<Device, StoreError> {
        let mut inner = self.inner();
        let stored = inner.devices.get_mut(&before.key).ok_or(StoreError::NotFound(Missing::Device))?;
        if stored != before {
            return Err(StoreError::Stale);
        }
        *stored = Device { key: before.key, user: before.user, ..after.clone() };
        Ok(stored.clone())
    }

    fn remove_device(&self, key: DeviceKey) -> Result<(), StoreError> {
        let mut inner = self.inner();
        let device = inner.devices.remove(&key).ok_or(StoreError::NotFound(Missing::Device))?;
        if let Some(mailbox) = inner.mailboxes.get_mut(&device.user) {
            let mailbox = Arc::make_mut(mailbox);
            mailbox.collections.retain(|(owner, _), _| *owner != key);
            mailbox.device_values.retain(|(owner, _), _| *owner != key);
            mailbox.sent.retain(|(owner, _), _| *owner != key);
            mailbox.quarantine.retain(|_, one| one.device != key);
        }
        drop(inner);
        self.bus.publish(&Event::Device { user: device.user, device: Some(key) });
        Ok(())
    }

    fn mailbox_bytes(&self, user: UserId) -> Result<u64, StoreError> {
        Ok(self.inner().mailboxes.get(&user).map_or(0, |mailbox| mailbox.bytes()))
    }

    fn modseq(&self, user: UserId) -> Modseq {
        self.inner().mailboxes.get(&user).map_or(Modseq(0), |mailbox| mailbox.modseq)
    }

    fn snapshot(&self, user: UserId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        let mailbox = self.inner().mailboxes.get(&user).cloned().ok_or(StoreError::NotFound(Missing::User))?;
        Ok(Box::new(Look { mailbox, store: self }))
    }

    fn reserve_items(&self, user: UserId, count: u64) -> Result<ServerId, StoreError> {
        let mut inner = self.inner();
        let mailbox = inner.mailboxes.get_mut(&user).ok_or(StoreError::NotFound(Missing::User))?;
        let mailbox = Arc::make_mut(mailbox);
        let first = ServerId::new(mailbox.next_item);
        mailbox.next_item += count;
        Ok(first)
    }

    fn reserve_folder(&self, user: UserId) -> Result<CollectionId, StoreError> {
        let mut inner = self.inner();
        let mailbox = inner.mailboxes.get_mut(&user).ok_or(StoreError::NotFound(Missing::User))?;
        let mailbox = Arc::make_mut(mailbox);
        let id = CollectionId::new(mailbox.next_folder);
        mailbox.next_folder += 1;
        Ok(id)
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, StoreError> {
        Ok(self.inner().blobs.put(bytes))
    }

    fn read_blob(&self, id: BlobId) -> Result<Vec<u8>, StoreError> {
        Ok(self.inner().blobs.get(id)?.to_vec())
    }

    fn commit(&self, changes: ChangeSet) -> Result<Committed, StoreError> {
        let mut inner = self.inner();
        let old = inner.mailboxes.get(&changes.user).cloned().ok_or(StoreError::NotFound(Missing::User))?;
        let mut mailbox = Mailbox::clone(&old);
        let mut touched = Touched::default();
        let mut queued = Queued::default();
        let mut within = u64::MAX;
        for write in changes.writes {
            if let Write::Within { bytes_max } = &write {
                within = within.min(*bytes_max);
            }
            if let Some(blob) = write.blob() {
                inner.blobs.get(blob)?;
            }
            mailbox.apply(write, changes.author, &mut touched, &mut queued)?;
        }
        let bytes = mailbox.bytes();
        if bytes > within && bytes > old.bytes() {
            return Err(StoreError::OverQuota { bytes, bytes_max: within });
        }
        let committed = Committed { modseq: mailbox.modseq };
        inner.mailboxes.insert(changes.user, Arc::new(mailbox));
        let sends = !queued.new.is_empty();
        for tried in queued.tried {
            inner.queue.put(&tried);
        }
        for new in queued.new {
            inner.queue.add(changes.user, new);
        }
        drop(inner);
        let (folders, hierarchy) = (touched.folders, touched.hierarchy);
        if !folders.is_empty() || hierarchy {
            self.bus.publish(&Event::Mailbox { user: changes.user, folders, hierarchy, author: changes.author });
        }
        if sends {
            self.bus.publish(&Event::Outgoing);
        }
        Ok(committed)
    }

    fn due_outgoing(&self, now: i64, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        Ok(self.inner().queue.due(now, limit))
    }

    fn put_outgoing(&self, outgoing: &Outgoing) -> Result<(), StoreError> {
        self.inner().queue.put(outgoing);
        Ok(())
    }

    fn outgoing(&self, id: OutgoingId) -> Result<Option<Outgoing>, StoreError> {
        Ok(self.inner().queue.get(id))
    }

    fn list_outgoing(&self, after: OutgoingId, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        Ok(self.inner().queue.list(after, limit))
    }

    fn retry_outgoing(&self, id: OutgoingId, now: i64) -> Result<bool, StoreError> {
        let there = self.inner().queue.retry(id, now);
        if there {
            self.bus.publish(&Event::Outgoing);
        }
        Ok(there)
    }

    fn drop_outgoing(&self, id: OutgoingId) -> Result<bool, StoreError> {
        Ok(self.inner().queue.remove(id))
    }

    fn notes(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        let inner = self.inner();
        let from = inner.notes.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(from.map(|(key, text)| (key.clone(), text.clone())).collect())
    }

    fn put_note(&self, key: &str, text: Option<&str>) -> Result<(), StoreError> {
        let notes = &mut self.inner().notes;
        match text {
            Some(text) => notes.insert(key.to_owned(), text.to_owned()),
            None => notes.remove(key),
        };
        Ok(())
    }

    fn quarantined(&self, user: UserId) -> Result<Vec<Quarantined>, StoreError> {
        let inner = self.inner();
        let all = inner.mailboxes.get(&user).into_iter().flat_map(|mailbox| &mailbox.quarantine);
        Ok(all.map(|(id, new)| Quarantined { id: *id, user, new: new.clone() }).collect())
    }

    fn expire_quarantine(&self, before: i64) -> Result<u64, StoreError> {
        let mut removed = 0;
        for mailbox in self.inner().mailboxes.values_mut() {
            let mailbox = Arc::make_mut(mailbox);
            removed += mailbox.quarantine.extract_if(.., |_, one| one.at < before).count() as u64;
        }
        Ok(removed)
    }

    fn prune_log(&self, since: i64) -> Result<u64, StoreError> {
        let mut inner = self.inner();
        let seen: BTreeMap<DeviceKey, i64> = inner.devices.values().map(|d| (d.key, d.last_seen)).collect();
        let mut pruned = 0;
        for mailbox in inner.mailboxes.values_mut() {
            if mailbox.sent.values().any(|at| *at <= since) {
                Arc::make_mut(mailbox).sent.retain(|_, at| *at > since);
            }
            let needed = mailbox.collections.iter().filter(|((device, _), _)| seen.get(device) > Some(&since));
            let floor = needed.filter_map(|(_, state)| state.needs_log_after()).min().unwrap_or(mailbox.modseq);
            if floor <= mailbox.floor {
                continue;
            }
            let mailbox = Arc::make_mut(mailbox);
            mailbox.floor = floor;
            for rows in mailbox.log.values_mut() {
                let before = rows.len();
                rows.retain(|logged| logged.row.modseq > floor);
                pruned += (before - rows.len()) as u64;
            }
        }
        Ok(pruned)
    }

    fn sweep(&self) -> Result<u64, StoreError> {
        let mut inner = self.inner();
        let items = inner.mailboxes.values().flat_map(|mailbox| mailbox.items.values());
        let named = items.filter_map(|stored| match &stored.item.content {
            Content::Mail(mail) => Some(mail.blob),
            Content::Object(_) => None,
        });
        let quarantined = inner.mailboxes.values().flat_map(|mailbox| mailbox.quarantine.values()).map(|one| one.blob);
        let queued = inner.queue.blobs();
        let named: BTreeSet<BlobId> = named.chain(quarantined).chain(queued).collect();
        Ok(inner.blobs.sweep(&named))
    }

    fn to_index_again(&self, _limit: usize) -> Result<Vec<(UserId, ServerId)>, StoreError> {
        // Nothing is indexed: a search reads the texts.
        Ok(Vec::new())
    }

    fn index_again(&self, user: UserId, item: ServerId, facts: &Facts, seen: Modseq) -> Result<(), StoreError> {
        let mut inner = self.inner();
        let mailbox = inner.mailboxes.get_mut(&user).ok_or(StoreError::NotFound(Missing::User))?;
        if let Some(stored) = Arc::make_mut(mailbox).items.get_mut(&item).filter(|stored| stored.item.changed <= seen) {
            stored.search = Searched::of(facts);
        }
        Ok(())
    }

    fn bus(&self) -> &dyn Bus {
        &*self.bus
    }
}
