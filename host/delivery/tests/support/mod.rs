//! What the tests of both directions need: a store that can fail and that tells what was written, and a clock.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(missing_docs, unreachable_pub, reason = "a module of tests")]

pub mod smtp;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use easel_delivery::{Clock, Shutdown};
use easel_protocol::{CollectionId, ServerId};
use easel_store::*;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

/// Something the store was asked to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    Committed,
    PutOutgoing(Outgoing),
}

/// The memory store, with switches.
pub struct TestStore {
    inner: MemoryStore,
    /// Commits that deliver mail fail.
    pub fail_delivery: AtomicBool,
    /// Deliveries to bob panic.
    pub break_delivery: AtomicBool,
    /// Lookups of recipients fail.
    pub fail_lookup: AtomicBool,
    /// Writing back queued messages fails.
    pub fail_put_outgoing: AtomicBool,
    /// Mails that the disk does not give.
    pub unreadable: Mutex<Vec<BlobId>>,
    written: Mutex<mpsc::UnboundedSender<Written>>,
}

impl TestStore {
    /// With users `anna` and `bob` at `ox.io`, and whatever is written, as it is written.
    pub fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Written>) {
        let (written, reports) = mpsc::unbounded_channel();
        let store = Self {
            inner: MemoryStore::new(Arc::new(LocalBus::default())),
            fail_delivery: AtomicBool::new(false),
            break_delivery: AtomicBool::new(false),
            fail_lookup: AtomicBool::new(false),
            fail_put_outgoing: AtomicBool::new(false),
            unreadable: Mutex::default(),
            written: Mutex::new(written),
        };
        let tenant = store.add_tenant("defaultcontext").unwrap().id;
        for (name, addresses) in
            [("anna", &["anna@ox.io", "a.berg@ox.io", "jürgen@ox.io"][..]), ("bob", &["bob@ox.io"])]
        {
            let user = NewUser {
                tenant,
                name: name.to_owned(),
                display_name: name.to_owned(),
                addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
                phones: Vec::new(),
                photo: None,
                zone: "Europe/Berlin".to_owned(),
                password_hash: String::new(),
            };
            store.add_user(&user).unwrap();
        }
        (Arc::new(store), reports)
    }

    fn told(&self, written: Written) {
        let _ = self.written.lock().unwrap().send(written);
    }

    pub fn user_id(&self, address: &str) -> UserId {
        self.inner.user_by_address(address).unwrap().unwrap()
    }

    /// The messages in a user's Inbox, oldest first.
    pub fn inbox(&self, address: &str) -> Vec<Message> {
        let user = self.user_id(address);
        let snapshot = self.inner.snapshot(user).unwrap();
        let all = (easel_protocol::WindowKey(i64::MIN), ServerId::new(0))..POSITION_START;
        let positions = snapshot.range(easel_delivery::INBOX, all, Order::Ascending, 10_000).unwrap();
        let mut items: Vec<Item> = positions.into_iter().map(|(_, id)| snapshot.item(id).unwrap().unwrap()).collect();
        items.sort_by_key(|item| item.id);
        let message = |item: Item| match item.content {
            Content::Mail(mail) => {
                let raw = String::from_utf8(self.inner.read_blob(mail.blob).unwrap()).unwrap();
                assert_eq!(raw.len() as u64, mail.size);
                Message { raw, facts: item.facts, mail }
            }
            Content::Object(_) => panic!("an object in the Inbox"),
        };
        items.into_iter().map(message).collect()
    }

    /// Queues a message of anna's.
    pub fn queue(&self, sender: &str, recipients: &[&str], raw: &[u8]) {
        let user = self.user_id("anna@ox.io");
        let blob = self.inner.put_blob(raw).unwrap();
        let mut changes = ChangeSet::new(user);
        changes.writes.push(Write::Queue(NewOutgoing {
            sender: sender.to_owned(),
            recipients: recipients.iter().map(|recipient| (*recipient).to_owned()).collect(),
            blob,
            queued: START_MS,
        }));
        self.inner.commit(changes).unwrap();
    }

    /// Everything queued, due or not.
    pub fn queued(&self) -> Vec<Outgoing> {
        self.inner.due_outgoing(i64::MAX, 10_000).unwrap()
    }
}

#[derive(Debug)]
pub struct Message {
    pub raw: String,
    pub facts: easel_protocol::Facts,
    pub mail: Mail,
}

impl Message {
    /// Without the fields of the delivery: what came.
    pub fn body(&self) -> &str {
        let date = self.raw.find("+0000\r\n").unwrap();
        &self.raw[date + 7..]
    }
}

fn broken(doing: &'static str, flag: &AtomicBool) -> Result<(), StoreError> {
    if flag.load(Ordering::SeqCst) { Err(StoreError::backend(doing, "the test says so")) } else { Ok(()) }
}

impl Store for TestStore {
    fn add_tenant(&self, name: &str) -> Result<Tenant, StoreError> {
        self.inner.add_tenant(name)
    }
    fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        self.inner.tenants()
    }
    fn tenant(&self, name: &str) -> Result<Option<Tenant>, StoreError> {
        self.inner.tenant(name)
    }
    fn add_user(&self, user: &NewUser) -> Result<User, StoreError> {
        self.inner.add_user(user)
    }
    fn users(&self, tenant: TenantId) -> Result<Vec<User>, StoreError> {
        self.inner.users(tenant)
    }
    fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.inner.user(id)
    }
    fn user_by_name(&self, tenant: TenantId, name: &str) -> Result<Option<User>, StoreError> {
        self.inner.user_by_name(tenant, name)
    }
    fn user_by_address(&self, address: &str) -> Result<Option<UserId>, StoreError> {
        broken("looking up an address", &self.fail_lookup)?;
        self.inner.user_by_address(address)
    }
    fn update_user(&self, user: &User) -> Result<User, StoreError> {
        self.inner.update_user(user)
    }
    fn add_app_password(&self, new: &NewAppPassword) -> Result<AppPassword, StoreError> {
        self.inner.add_app_password(new)
    }
    fn app_passwords(&self, user: UserId) -> Result<Vec<AppPassword>, StoreError> {
        self.inner.app_passwords(user)
    }
    fn app_password(&self, hash: &[u8; 32]) -> Result<Option<AppPassword>, StoreError> {
        self.inner.app_password(hash)
    }
    fn remove_app_password(&self, user: UserId, id: AppPasswordId) -> Result<(), StoreError> {
        self.inner.remove_app_password(user, id)
    }
    fn note_app_password_uses(&self, uses: &[(AppPasswordId, i64)]) -> Result<(), StoreError> {
        self.inner.note_app_password_uses(uses)
    }
    fn remove_user(&self, id: UserId) -> Result<(), StoreError> {
        self.inner.remove_user(id)
    }
    fn put_gal_entry(&self, tenant: TenantId, entry: &GalEntry) -> Result<(), StoreError> {
        self.inner.put_gal_entry(tenant, entry)
    }
    fn search_gal(&self, tenant: TenantId, query: &str, limit: usize) -> Result<Vec<GalEntry>, StoreError> {
        self.inner.search_gal(tenant, query, limit)
    }
    fn devices(&self, user: UserId) -> Result<Vec<Device>, StoreError> {
        self.inner.devices(user)
    }
    fn device(&self, user: UserId, id: &str, kind: &str) -> Result<Option<Device>, StoreError> {
        self.inner.device(user, id, kind)
    }
    fn put_device(&self, device: &Device) -> Result<Device, StoreError> {
        self.inner.put_device(device)
    }
    fn replace_device(&self, before: &Device, after: &Device) -> Result<Device, StoreError> {
        self.inner.replace_device(before, after)
    }
    fn remove_device(&self, key: DeviceKey) -> Result<(), StoreError> {
        self.inner.remove_device(key)
    }
    fn mailbox_bytes(&self, user: UserId) -> Result<u64, StoreError> {
        self.inner.mailbox_bytes(user)
    }
    fn modseq(&self, user: UserId) -> Modseq {
        self.inner.modseq(user)
    }
    fn snapshot(&self, user: UserId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.inner.snapshot(user)
    }
    fn reserve_items(&self, user: UserId, count: u64) -> Result<ServerId, StoreError> {
        assert!(
            !(self.break_delivery.load(Ordering::SeqCst) && user == self.user_id("bob@ox.io")),
            "as the test wants"
        );
        self.inner.reserve_items(user, count)
    }
    fn reserve_folder(&self, user: UserId) -> Result<CollectionId, StoreError> {
        self.inner.reserve_folder(user)
    }
    fn put_blob(&self, bytes: &[u8]) -> Result<BlobId, StoreError> {
        self.inner.put_blob(bytes)
    }
    fn read_blob(&self, id: BlobId) -> Result<Vec<u8>, StoreError> {
        if self.unreadable.lock().unwrap().contains(&id) {
            return Err(StoreError::backend("reading a mail", "the test says so"));
        }
        self.inner.read_blob(id)
    }
    fn commit(&self, changes: ChangeSet) -> Result<Committed, StoreError> {
        broken("committing", &self.fail_delivery)?;
        let row = |write: &Write| if let Write::PutOutgoing(row) = write { Some(row.clone()) } else { None };
        let rows: Vec<Outgoing> = changes.writes.iter().filter_map(row).collect();
        if !rows.is_empty() {
            broken("writing back", &self.fail_put_outgoing)?;
        }
        let committed = self.inner.commit(changes)?;
        self.told(Written::Committed);
        rows.into_iter().for_each(|row| self.told(Written::PutOutgoing(row)));
        Ok(committed)
    }
    fn due_outgoing(&self, now: i64, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        self.inner.due_outgoing(now, limit)
    }
    fn put_outgoing(&self, outgoing: &Outgoing) -> Result<(), StoreError> {
        let fails = broken("writing back", &self.fail_put_outgoing);
        if fails.is_ok() {
            self.inner.put_outgoing(outgoing)?;
        }
        self.told(Written::PutOutgoing(outgoing.clone()));
        fails
    }
    fn outgoing(&self, id: OutgoingId) -> Result<Option<Outgoing>, StoreError> {
        self.inner.outgoing(id)
    }
    fn list_outgoing(&self, after: OutgoingId, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        self.inner.list_outgoing(after, limit)
    }

    fn retry_outgoing(&self, id: OutgoingId, now: i64) -> Result<bool, StoreError> {
        self.inner.retry_outgoing(id, now)
    }

    fn drop_outgoing(&self, id: OutgoingId) -> Result<bool, StoreError> {
        self.inner.drop_outgoing(id)
    }

    fn notes(&self, prefix: &str) -> Result<Vec<(String, String)>, StoreError> {
        self.inner.notes(prefix)
    }

    fn put_note(&self, key: &str, text: Option<&str>) -> Result<(), StoreError> {
        self.inner.put_note(key, text)
    }

    fn to_index_again(&self, limit: usize) -> Result<Vec<(UserId, ServerId)>, StoreError> {
        self.inner.to_index_again(limit)
    }

    fn index_again(
        &self,
        user: UserId,
        item: ServerId,
        facts: &easel_protocol::Facts,
        seen: Modseq,
    ) -> Result<(), StoreError> {
        self.inner.index_again(user, item, facts, seen)
    }

    fn sweep(&self) -> Result<u64, StoreError> {
        self.inner.sweep()
    }
    fn quarantined(&self, user: UserId) -> Result<Vec<Quarantined>, StoreError> {
        self.inner.quarantined(user)
    }
    fn expire_quarantine(&self, before: i64) -> Result<u64, StoreError> {
        self.inner.expire_quarantine(before)
    }
    fn prune_log(&self, since: i64) -> Result<u64, StoreError> {
        self.inner.prune_log(since)
    }
    fn bus(&self) -> &dyn Bus {
        self.inner.bus()
    }
}

/// When every test begins.
pub const START_MS: i64 = 1_770_000_000_000;

/// A clock that goes on only when told to.
#[derive(Clone)]
pub struct FakeClock(Arc<AtomicI64>);

impl FakeClock {
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(START_MS)))
    }

    pub fn advance_minutes(&self, minutes: i64) {
        self.0.fetch_add(minutes * 60_000, Ordering::SeqCst);
    }

    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    pub fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Arc::new(move || Timestamp::from_millisecond(now.load(Ordering::SeqCst)).unwrap())
    }
}

/// Tells everything to end.
pub fn shutdown() -> (watch::Sender<bool>, Shutdown) {
    watch::channel(false)
}
