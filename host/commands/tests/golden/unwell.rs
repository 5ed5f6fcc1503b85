//! A store that fails when it is told to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use easel_protocol::{CollectionId, ServerId};
use easel_store::{
    AppPassword, AppPasswordId, BlobId, Bus, ChangeSet, Committed, Device, DeviceKey, GalEntry, MemoryStore, Modseq,
    NewAppPassword, NewUser, Outgoing, OutgoingId, Quarantined, Snapshot, Store, StoreError, Tenant, TenantId, User,
    UserId,
};

/// A memory store of which some methods fail.
pub(crate) struct Unwell {
    store: MemoryStore,
    failing: Mutex<Vec<String>>,
    /// How often a device was looked up since the methods were named.
    looks: AtomicU64,
    /// How often a change was to be committed since then.
    commits: AtomicU64,
}

impl Unwell {
    /// Well, for now.
    pub(crate) fn new(store: MemoryStore) -> Self {
        Self { store, failing: Mutex::default(), looks: AtomicU64::new(0), commits: AtomicU64::new(0) }
    }

    /// From now on the methods of these names fail, and no others.
    pub(crate) fn fail(&self, methods: &[String]) {
        *self.failing.lock().unwrap() = methods.to_vec();
        self.looks.store(0, Ordering::Relaxed);
        self.commits.store(0, Ordering::Relaxed);
    }

    fn well(&self, method: &str) -> Result<(), StoreError> {
        if self.failing.lock().unwrap().iter().any(|failing| failing == method) {
            return Err(StoreError::backend("being tested", "it was told to fail"));
        }
        Ok(())
    }
}

impl Store for Unwell {
    fn add_tenant(&self, name: &str) -> Result<Tenant, StoreError> {
        self.store.add_tenant(name)
    }

    fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.store.tenants()
    }

    fn tenant(&self, name: &str) -> Result<Option<Tenant>, StoreError> {
        self.store.tenant(name)
    }

    fn add_user(&self, user: &NewUser) -> Result<User, StoreError> {
        self.store.add_user(user)
    }

    fn users(&self, tenant: TenantId) -> Result<Vec<User>, StoreError> {
        self.store.users(tenant)
    }

    fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.store.user(id)
    }

    fn user_by_name(&self, tenant: TenantId, name: &str) -> Result<Option<User>, StoreError> {
        self.store.user_by_name(tenant, name)
    }

    fn user_by_address(&self, address: &str) -> Result<Option<UserId>, StoreError> {
        self.store.user_by_address(address)
    }

    fn update_user(&self, user: &User) -> Result<User, StoreError> {
        self.store.update_user(user)
    }

    fn add_app_password(&self, new: &NewAppPassword) -> Result<AppPassword, StoreError> {
        self.store.add_app_password(new)
    }

    fn app_passwords(&self, user: UserId) -> Result<Vec<AppPassword>, StoreError> {
        self.store.app_passwords(user)
    }

    fn app_password(&self, hash: &[u8; 32]) -> Result<Option<AppPassword>, StoreError> {
        self.store.app_password(hash)
    }

    fn remove_app_password(&self, user: UserId, id: AppPasswordId) -> Result<(), StoreError> {
        self.store.remove_app_password(user, id)
    }

    fn note_app_password_uses(&self, uses: &[(AppPasswordId, i64)]) -> Result<(), StoreError> {
        self.store.note_app_password_uses(uses)
    }

    fn remove_user(&self, id: UserId) -> Result<(), StoreError> {
        self.store.remove_user(id)
    }

    fn put_gal_entry(&self, tenant: TenantId, entry: &GalEntry) -> Result<(), StoreError> {
        self.store.put_gal_entry(tenant, entry)
    }

    fn search_gal(&self, tenant: TenantId, query: &str, limit: usize) -> Result<Vec<GalEntry>, StoreError> {
        self.well("search_gal")?;
        self.store.search_gal(tenant, query, limit)
    }

    fn devices(&self, user: UserId) -> Result<Vec<Device>, StoreError> {
        self.store.devices(user)
    }

    fn device(&self, user: UserId, id: &str, kind: &str) -> Result<Option<Device>, StoreError> {
        let device = self.store.device(user, id, kind)?;
        let look = self.looks.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(device) = &device
            && self.well(&format!("blocked after look {look}")).is_err()
        {
            self.store.put_device(&Device { blocked: true, ..device.clone() })?;
        }
        Ok(device)
    }

    fn put_device(&self, device: &Device) -> Result<Device, StoreError> {
        self.well("put_device")?;
        self.store.put_device(device)
    }

    fn replace_device(&self, before: &Device, after: &Device) -> Result<Device, StoreError> {
        self.well("put_device")?;
        self.store.replace_device(before, after)
    }

    fn remove_device(&self, key: DeviceKey) -> Result<(), StoreError> {
        self.store.remove_device(key)
    }

    fn mailbox_bytes(&self, user: UserId) -> Result<u64, StoreError> {
        self.store.mailbox_bytes(user)
    }

    fn modseq(&self, user: UserId) -> Modseq {
        self.store.modseq(user)
    }

    fn snapshot(&self, user: UserId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.well("snapshot")?;
        self.store.snapshot(user)
    }

    fn reserve_items(&self, user: UserId, count: u64) -> Result<ServerId, StoreError> {
        self.store.reserve_items(user, count)
    }

    fn reserve_folder(&self, user: UserId) -> Result<CollectionId, StoreError> {
        self.store.reserve_folder(user)
    }

    fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, StoreError> {
        self.well("put_blob")?;
        self.store.put_blob(bytes)
    }

    fn read_blob(&self, id: BlobId) -> Result<Vec<u8>, StoreError> {
        self.store.read_blob(id)
    }

    fn commit(&self, changes: ChangeSet) -> Result<Committed, StoreError> {
        self.well("commit")?;
        let commit = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
        self.well(&format!("commit {commit}"))?;
        self.well("stale").map_err(|_| StoreError::Stale)?;
        self.store.commit(changes)
    }

    fn due_outgoing(&self, now: i64, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        self.store.due_outgoing(now, limit)
    }

    fn put_outgoing(&self, outgoing: &Outgoing) -> Result<(), StoreError> {
        self.store.put_outgoing(outgoing)
    }

    fn outgoing(&self, id: OutgoingId) -> Result<Option<Outgoing>, StoreError> {
        self.store.outgoing(id)
    }

    fn list_outgoing(&self, after: OutgoingId, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        self.store.list_outgoing(after, limit)
    }

    fn retry_outgoing(&self, id: OutgoingId, now: i64) -> Result<bool, StoreError> {
        self.store.retry_outgoing(id, now)
    }

    fn drop_outgoing(&self, id: OutgoingId) -> Result<bool, StoreError> {
        self.store.drop_outgoing(id)
    }

    fn notes(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        self.store.notes(prefix)
    }

    fn put_note(&self, key: &str, text: Option<&str>) -> Result<(), StoreError> {
        self.store.put_note(key, text)
    }

    fn to_index_again(&self, limit: usize) -> Result<Vec<(UserId, ServerId)>, StoreError> {
        self.store.to_index_again(limit)
    }

    fn index_again(
        &self,
        user: UserId,
        item: ServerId,
        facts: &easel_protocol::Facts,
        seen: Modseq,
    ) -> Result<(), StoreError> {
        self.store.index_again(user, item, facts, seen)
    }

    fn sweep(&self) -> Result<u64, StoreError> {
        self.store.sweep()
    }

    fn quarantined(&self, user: UserId) -> Result<Vec<Quarantined>, StoreError> {
        self.store.quarantined(user)
    }

    fn expire_quarantine(&self, before: i64) -> Result<u64, StoreError> {
        self.store.expire_quarantine(before)
    }

    fn prune_log(&self, since: i64) -> Result<u64, StoreError> {
        self.store.prune_log(since)
    }

    fn bus(&self) -> &dyn Bus {
        self.store.bus()
    }
}
