//! What a commit, a look and a page cost: `cargo bench -p easel-store-sqlite`.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has nothing to say")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use easel_protocol::{CollectionId, DeviceFacts, Facts, FolderType, Groups, MailRecord, ServerId, WindowKey};
use easel_store::{
    ChangeSet, CollectionState, Content, Cursor, Device, DeviceKey, LocalBus, Modseq, NewContent, NewUser, Order,
    POSITION_START, PolicyState, Store, UserId, Write,
};
use easel_store_sqlite::SqliteStore;

const INBOX: CollectionId = CollectionId::new(1);
const CALENDAR: CollectionId = CollectionId::new(6);

struct Phone {
    user: UserId,
    device: DeviceKey,
    item: ServerId,
}

fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir, Arc::new(LocalBus::default())).unwrap()
}

fn phone(store: &SqliteStore, number: usize) -> Phone {
    let tenant = store.tenant("bench").unwrap().unwrap_or_else(|| store.add_tenant("bench").unwrap()).id;
    let new = NewUser {
        tenant,
        name: format!("user{number}"),
        display_name: String::new(),
        addresses: Vec::new(),
        phones: Vec::new(),
        photo: None,
        zone: "UTC".into(),
        password_hash: String::new(),
    };
    let user = store.add_user(&new).unwrap().id;
    let device = Device {
        key: DeviceKey(0),
        user,
        id: "phone".into(),
        kind: "phone".into(),
        facts: DeviceFacts::default(),
        policy: PolicyState::default(),
        blocked: false,
        created: 0,
        last_seen: 0,
        versions_told: String::new(),
    };
    let device = store.put_device(&device).unwrap().key;
    let item = store.reserve_items(user, 1).unwrap();
    let content = NewContent::Object("x".repeat(300));
    let add = Write::AddItem { id: item, folder: CALENDAR, content, facts: Facts::of(WindowKey::FOREVER) };
    let put = Write::PutCollection { device, collection: INBOX, expect: None, state: Some(state(1)) };
    store.commit(ChangeSet { user, author: None, writes: vec![add, put] }).unwrap();
    Phone { user, device, item }
}

fn state(step: u64) -> CollectionState {
    let cursor = Cursor::starting(Modseq(step));
    CollectionState {
        generation: 1,
        step,
        before: [(INBOX, cursor.clone())].into_iter().collect(),
        after: [(INBOX, cursor)].into_iter().collect(),
        outcomes: Vec::new(),
        options: vec![7; 150],
    }
}

/// One Sync with one change from the phone: an item, its log row, the collection's new state.
fn sync(store: &SqliteStore, phone: &Phone, step: u64) {
    let seen = store.modseq(phone.user);
    let (id, device) = (phone.item, phone.device);
    let mut changes = ChangeSet::by(phone.user, device);
    let facts = Facts { subject: "a subject".into(), ..Facts::of(WindowKey::FOREVER) };
    changes.writes.push(Write::ChangeContent { id, content: "y".repeat(300), facts, seen });
    let (expect, state) = (Some(state(step - 1).key()), Some(state(step)));
    changes.writes.push(Write::PutCollection { device, collection: INBOX, expect, state });
    store.commit(changes).unwrap();
}

/// `total` commits by so many threads, each for its own mailbox; the wall time.
fn commits(store: &SqliteStore, phones: &[Phone], next: &mut u64, total: u64) -> Duration {
    let each = total.div_ceil(phones.len() as u64);
    let first = *next;
    *next += each;
    let start = Instant::now();
    std::thread::scope(|scope| {
        for phone in phones {
            scope.spawn(move || (first..first + each).for_each(|step| sync(store, phone, step)));
        }
    });
    start.elapsed()
}

fn commit(c: &mut Criterion) {
    let mut group = c.benchmark_group("commit");
    group.throughput(Throughput::Elements(1)).sample_size(20).measurement_time(Duration::from_secs(5));
    for threads in [1, 8, 64] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path());
        let phones: Vec<Phone> = (0..threads).map(|number| phone(&store, number)).collect();
        let mut next = 2;
        group.bench_function(BenchmarkId::new("threads", threads), |b| {
            b.iter_custom(|total| commits(&store, &phones, &mut next, total));
        });
    }
    group.finish();
}

const MAIL: usize = 280_000;

fn mailbox(store: &SqliteStore, phone: &Phone, mails: u64) {
    let user = phone.user;
    let bytes = vec![b'x'; MAIL];
    let first = store.reserve_items(user, mails).unwrap().number();
    for number in 0..mails {
        // Every tenth is as large as one with a picture in it.
        let bytes = if number.is_multiple_of(10) { &bytes[..] } else { &bytes[..8000] };
        let (blob, size) = (store.put_blob(bytes).unwrap(), bytes.len() as u64);
        let key = i64::try_from(number).unwrap();
        let content = NewContent::Mail { blob, size, index: vec![7; 200], record: MailRecord::arrived(key) };
        let facts = Facts {
            subject: format!("subject {number}"),
            people: "anna@one.example".into(),
            conversation: Some([1; 16]),
            search_text: "some words of a mail ".repeat(40),
            ..Facts::of(WindowKey(key))
        };
        let mut changes = ChangeSet::new(user);
        changes.writes.push(Write::AddItem { id: ServerId::new(first + number), folder: INBOX, content, facts });
        store.commit(changes).unwrap();
    }
    store.finish_indexing().unwrap();
}

fn read(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let phone = phone(&store, 0);
    mailbox(&store, &phone, 2000);
    let (user, device) = (phone.user, phone.device);
    let whole = (WindowKey::NEVER, ServerId::new(0))..POSITION_START;

    c.bench_function("no-change read", |b| {
        b.iter(|| {
            let snapshot = store.snapshot(user).unwrap();
            let state = snapshot.collection(device, INBOX).unwrap().unwrap();
            (snapshot.modseq(), state.step)
        });
    });
    c.bench_function("modseq from memory", |b| b.iter(|| store.modseq(user)));
    c.bench_function("page of 100 items", |b| {
        b.iter(|| {
            let snapshot = store.snapshot(user).unwrap();
            let page = snapshot.range(INBOX, whole.clone(), Order::Descending, 100).unwrap();
            page.iter().map(|(_, id)| snapshot.item(*id).unwrap().unwrap().facts.subject.len()).sum::<usize>()
        });
    });
    let snapshot = store.snapshot(user).unwrap();
    let large = snapshot.range(INBOX, whole, Order::Ascending, 1).unwrap()[0].1;
    let Content::Mail(mail) = snapshot.item(large).unwrap().unwrap().content else { panic!("a mail stays a mail") };
    for (name, range) in [("first 4 KB", 0..4096), ("4 KB at 200 KB", 200_000..204_096), ("whole", 0..u64::MAX)] {
        c.bench_function(&format!("mail of 280 KB, {name}"), |b| {
            b.iter(|| snapshot.blob(mail.blob, range.clone()).unwrap().len());
        });
    }
    let query = easel_store::Query { words: vec!["subject".into(), "199".into()], limit: 100, ..Default::default() };
    c.bench_function("search, two words", |b| b.iter(|| snapshot.search(&query).unwrap().len()));
    drop(snapshot);
    let id = large;
    let mut group = c.benchmark_group("delivery");
    group.sample_size(20);
    group.bench_function("mark a mail read", |b| {
        b.iter(|| {
            let (record, seen) = (MailRecord::arrived(0), store.modseq(user));
            let mut changes = ChangeSet::new(user);
            changes.writes.push(Write::ChangeRecord { id, record, groups: Groups::READ, seen });
            store.commit(changes).unwrap()
        });
    });
    group.bench_function("store 8 KB of mail", |b| b.iter(|| store.put_blob(&[b'x'; 8000]).unwrap()));
    group.finish();
}

/// How long others wait for the commit that removes a folder of 20,000 mails; what is inside leaves afterwards.
fn remove(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let phone = phone(&store, 0);
    let user = phone.user;
    let removal = |_: u64| {
        let folder = store.reserve_folder(user).unwrap();
        let name = folder.to_string();
        let mut changes = ChangeSet::new(user);
        changes.writes.push(Write::AddFolder { id: folder, parent: None, name, kind: FolderType::UserMail });
        store.commit(changes).unwrap();
        for _ in 0..20 {
            let first = store.reserve_items(user, 1000).unwrap().number();
            let blob = store.put_blob(b"a mail").unwrap();
            let mut changes = ChangeSet::new(user);
            changes.writes.extend((first..first + 1000).map(|id| {
                let content = NewContent::Mail { blob, size: 6, index: vec![7; 200], record: MailRecord::arrived(0) };
                let facts = Facts { search_text: "some words ".repeat(20), ..Facts::of(WindowKey(0)) };
                Write::AddItem { id: ServerId::new(id), folder, content, facts }
            }));
            store.commit(changes).unwrap();
        }
        let mut changes = ChangeSet::new(user);
        changes.writes.push(Write::RemoveFolder { id: folder });
        let start = Instant::now();
        store.commit(changes).unwrap();
        start.elapsed()
    };
    let mut group = c.benchmark_group("removal");
    group.sample_size(10);
    group.bench_function("folder of 20,000 mails", |b| b.iter_custom(|total| (0..total).map(removal).sum()));
    group.finish();
}

criterion_group!(benches, commit, read, remove);
criterion_main!(benches);
