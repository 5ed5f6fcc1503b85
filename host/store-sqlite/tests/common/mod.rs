//! A mailbox in files, and what is done to it.
#![allow(dead_code, reason = "each test file uses some of it")]

use std::path::Path;
use std::sync::Arc;

use easel_protocol::{CollectionId, DeviceFacts, Facts, MailRecord, ServerId, WindowKey};
use easel_store::{
    ChangeSet, Content, Device, DeviceKey, LocalBus, Modseq, NewContent, NewUser, Order, POSITION_START, PolicyState,
    Query, Snapshot, Store, StoreError, Term, UserId, Write,
};
use easel_store_sqlite::SqliteStore;

pub(crate) const INBOX: CollectionId = CollectionId::new(1);
pub(crate) const CALENDAR: CollectionId = CollectionId::new(6);

/// Where a sync costs nothing, if there is such a place: for tests that are about what is kept, not about the disk.
pub(crate) fn quick_directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

pub(crate) fn open(dir: &Path) -> SqliteStore {
    try_open(dir).unwrap()
}

pub(crate) fn try_open(dir: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(dir, Arc::new(LocalBus::default()))
}

pub(crate) fn add_user(store: &dyn Store, name: &str) -> UserId {
    let tenant = match store.tenant("one").unwrap() {
        Some(tenant) => tenant.id,
        None => store.add_tenant("one").unwrap().id,
    };
    let new = NewUser {
        tenant,
        name: name.into(),
        display_name: name.into(),
        addresses: vec![format!("{name}@one.example")],
        phones: vec!["1".into()],
        photo: None,
        zone: "UTC".into(),
        password_hash: "$argon2id$".into(),
    };
    store.add_user(&new).unwrap().id
}

pub(crate) fn add_device(store: &dyn Store, user: UserId, id: &str) -> DeviceKey {
    let device = Device {
        key: DeviceKey(0),
        user,
        id: id.into(),
        kind: "phone".into(),
        facts: DeviceFacts::default(),
        policy: PolicyState::default(),
        blocked: false,
        created: 1,
        last_seen: 1,
        versions_told: String::new(),
    };
    store.put_device(&device).unwrap().key
}

pub(crate) fn facts(window: i64, subject: &str) -> Facts {
    Facts { subject: subject.into(), ..Facts::of(WindowKey(window)) }
}

pub(crate) fn commit(store: &dyn Store, user: UserId, writes: Vec<Write>) -> Modseq {
    store.commit(ChangeSet { user, author: None, writes }).unwrap().modseq
}

pub(crate) fn add_event(store: &dyn Store, user: UserId, text: &str, facts: Facts) -> ServerId {
    let id = store.reserve_items(user, 1).unwrap();
    commit(store, user, vec![Write::AddItem { id, folder: CALENDAR, content: NewContent::Object(text.into()), facts }]);
    id
}

/// The write that adds a mail whose bytes are stored here.
pub(crate) fn adding_mail(store: &dyn Store, user: UserId, bytes: &[u8], facts: Facts) -> (ServerId, Write) {
    let blob = store.put_blob(bytes).unwrap();
    let id = store.reserve_items(user, 1).unwrap();
    let record = MailRecord::arrived(facts.window.0);
    let content = NewContent::Mail { blob, size: bytes.len() as u64, index: vec![7; 50], record };
    (id, Write::AddItem { id, folder: INBOX, content, facts })
}

pub(crate) fn add_mail(store: &dyn Store, user: UserId, bytes: &[u8], facts: Facts) -> ServerId {
    let (id, write) = adding_mail(store, user, bytes, facts);
    commit(store, user, vec![write]);
    id
}

pub(crate) fn all(snapshot: &dyn Snapshot, folder: CollectionId) -> Vec<ServerId> {
    let whole = (WindowKey::NEVER, ServerId::new(0))..POSITION_START;
    let positions = snapshot.range(folder, whole, Order::Ascending, usize::MAX).unwrap();
    positions.into_iter().map(|(_, id)| id).collect()
}

pub(crate) fn search(snapshot: &dyn Snapshot, words: &[&str]) -> Vec<ServerId> {
    let words = words.iter().copied().map(Term::from).collect();
    snapshot.search(&Query { words, limit: usize::MAX, ..Query::default() }).unwrap()
}

/// The bytes of the mail of that turn; no two are alike, some longer than a piece.
pub(crate) fn mail_of(turn: u64) -> Vec<u8> {
    let length = if turn % 7 == 3 { 1_200_000 } else { 300 + turn * 37 % 20_000 };
    (0..length).map(|at| (turn.wrapping_mul(31) ^ at.wrapping_mul(0x9E37_79B9)).to_le_bytes()[0]).collect()
}

/// One step of a device as a Sync makes it: a mail, and everything that says so elsewhere, in one change set.
pub(crate) fn step(store: &dyn Store, user: UserId, device: DeviceKey, turn: u64) -> Modseq {
    let key = i64::try_from(turn).unwrap();
    let (_, add) = adding_mail(store, user, &mail_of(turn), facts(key, &format!("mail number{turn}")));
    let (value, token) = (Some(turn.to_be_bytes().to_vec()), turn.to_be_bytes().to_vec());
    commit(
        store,
        user,
        vec![
            add,
            Write::PutValue { name: "count", value: value.clone() },
            Write::PutDeviceValue { device, name: "count", value },
            Write::RememberSent { device, token, at: key },
        ],
    )
}

/// How many steps there are; panics when there is half of one.
pub(crate) fn steps(store: &SqliteStore, user: UserId, device: DeviceKey) -> u64 {
    let snapshot = store.snapshot(user).unwrap();
    let number = |value: Option<Vec<u8>>| value.map_or(0, |value| u64::from_be_bytes(value.try_into().unwrap()));
    let count = number(snapshot.value("count").unwrap());
    assert_eq!(number(snapshot.device_value(device, "count").unwrap()), count);
    assert_eq!(snapshot.modseq(), Modseq(count));
    assert_eq!(store.modseq(user), Modseq(count));
    assert_eq!(snapshot.count(INBOX).unwrap(), count);
    let log = snapshot.log(INBOX, Modseq(0), usize::MAX).unwrap();
    let items = all(&*snapshot, INBOX);
    assert_eq!(log.iter().map(|row| row.item).collect::<Vec<_>>(), items);
    for (turn, id) in (1..=count).zip(&items) {
        let Content::Mail(mail) = snapshot.item(*id).unwrap().unwrap().content else { panic!("a mail stays a mail") };
        assert_eq!(snapshot.blob(mail.blob, 0..u64::MAX).unwrap(), mail_of(turn), "mail {turn}");
        assert_eq!(search(&*snapshot, &[&format!("number{turn}")]).last(), Some(id), "mail {turn}");
        assert!(snapshot.was_sent(device, &turn.to_be_bytes()).unwrap().is_some());
    }
    assert_eq!(snapshot.was_sent(device, &(count + 1).to_be_bytes()).unwrap(), None);
    assert!(store.reserve_items(user, 1).unwrap() > items.last().copied().unwrap_or(ServerId::new(0)));
    count
}
