//! What is held is never ahead of the database, never behind it, and never more than allowed.

use std::sync::atomic::AtomicU64;

use easel_protocol::{DeviceFacts, Facts, FolderType, ServerId, WindowKey};
use easel_store::{ChangeSet, Cursor, LocalBus, NewContent, NewUser, PolicyState, Store, Write, cursor};
use tempfile::TempDir;

use super::*;
use crate::SqliteStore;
use crate::connection::Files;
use crate::pool::Pool;

const INBOX: CollectionId = CollectionId::new(1);
const CALENDAR: CollectionId = CollectionId::new(6);

fn store() -> (TempDir, SqliteStore) {
    // Where a sync costs nothing, if there is such a place: these tests are not about the disk.
    let dir = tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    let store = SqliteStore::open(dir.path(), Arc::new(LocalBus::default())).unwrap();
    store.add_tenant("one").unwrap();
    (dir, store)
}

fn user(store: &SqliteStore, name: &str) -> UserId {
    let new = NewUser {
        tenant: store.tenant("one").unwrap().unwrap().id,
        name: name.into(),
        display_name: String::new(),
        addresses: Vec::new(),
        phones: Vec::new(),
        photo: None,
        zone: "UTC".into(),
        password_hash: String::new(),
    };
    store.add_user(&new).unwrap().id
}

fn device(store: &SqliteStore, user: UserId) -> Device {
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
    store.put_device(&device).unwrap()
}

fn state(step: u64, w: Modseq) -> CollectionState {
    // All of the folder is held.
    let cursor = Cursor { low: (WindowKey::NEVER, ServerId::new(0)), ..Cursor::starting(w) };
    CollectionState {
        generation: 1,
        step,
        before: [(INBOX, cursor.clone())].into_iter().collect(),
        after: [(INBOX, cursor)].into_iter().collect(),
        outcomes: Vec::new(),
        options: vec![7; 50],
    }
}

fn commit(store: &SqliteStore, user: UserId, writes: Vec<Write>) {
    store.commit(ChangeSet { user, author: None, writes }).unwrap();
}

fn put(device: DeviceKey, step: u64, w: Modseq) -> Write {
    let expect = (step > 1).then(|| state(step - 1, w).key());
    Write::PutCollection { device, collection: INBOX, expect, state: Some(state(step, w)) }
}

fn add(store: &SqliteStore, user: UserId, folder: CollectionId) {
    let (id, facts) = (store.reserve_items(user, 1).unwrap(), Facts::of(WindowKey(1)));
    commit(store, user, vec![Write::AddItem { id, folder, content: NewContent::Object("x".into()), facts }]);
}

/// All that a Sync or Ping without a change asks.
fn no_change(store: &SqliteStore, user: UserId) -> (Modseq, u64, usize) {
    let device = store.device(user, "phone", "phone").unwrap().unwrap();
    let snapshot = store.snapshot(user).unwrap();
    let state = snapshot.collection(device.key, INBOX).unwrap().unwrap();
    assert!(state.needs_log_after().unwrap() >= snapshot.log_floor().unwrap());
    let plan = cursor::plan(&*snapshot, INBOX, &state.after[&INBOX], device.key, WindowKey::NEVER, 9).unwrap();
    assert!(plan.ops.is_empty() && !plan.more);
    let values = [snapshot.device_value(device.key, "hierarchy"), snapshot.value("oof")];
    assert!(values.into_iter().all(|value| value.unwrap().is_none()));
    assert!(snapshot.hierarchy().unwrap() <= snapshot.modseq());
    assert_eq!(snapshot.folder(INBOX).unwrap().unwrap().kind, FolderType::Inbox);
    (snapshot.modseq(), state.step, snapshot.folders().unwrap().len())
}

#[test]
fn a_request_that_changes_nothing_reads_no_database() {
    let (_dir, store) = store();
    let user = user(&store, "anna");
    let key = device(&store, user).key;
    commit(&store, user, vec![put(key, 1, Modseq(0))]);
    no_change(&store, user);
    let first = no_change(&store, user);
    let before = store.readers_used();
    for _ in 0..10 {
        assert_eq!(no_change(&store, user), first);
    }
    assert_eq!(store.readers_used(), before, "a connection was used, and so the database was read");

    // Nor does it once something was written: the writer has changed what is held.
    commit(&store, user, vec![put(key, 2, Modseq(0))]);
    add(&store, user, CALENDAR);
    store.put_device(&Device { last_seen: 7, ..store.device(user, "phone", "phone").unwrap().unwrap() }).unwrap();
    let before = store.readers_used();
    assert_eq!(no_change(&store, user), (Modseq(1), 2, first.2));
    assert_eq!(store.device(user, "phone", "phone").unwrap().unwrap().last_seen, 7);
    assert_eq!(store.readers_used(), before);
}

#[test]
fn a_device_that_was_seen_again_costs_nothing_of_what_is_held() {
    let (_dir, store) = store();
    let users = [user(&store, "anna"), user(&store, "bob")];
    for user in users {
        let key = device(&store, user).key;
        commit(&store, user, vec![put(key, 1, Modseq(0))]);
        no_change(&store, user);
        no_change(&store, user);
    }
    let phone = store.device(users[0], "phone", "phone").unwrap().unwrap();
    store.replace_device(&phone, &Device { last_seen: 7, ..phone.clone() }).unwrap();
    let before = store.readers_used();
    for user in users {
        no_change(&store, user);
    }
    assert_eq!(store.device(users[0], "phone", "phone").unwrap().unwrap().last_seen, 7);
    assert_eq!(store.readers_used(), before, "a connection was used, and so the database was read");
    // One that is not as was thought changes nothing, in memory neither.
    store.replace_device(&phone, &Device { last_seen: 9, ..phone.clone() }).unwrap_err();
    assert_eq!(store.device(users[0], "phone", "phone").unwrap().unwrap().last_seen, 7);
}

#[test]
fn a_look_that_began_with_what_is_held_stays_at_its_moment() {
    let (_dir, store) = store();
    let user = user(&store, "anna");
    let key = device(&store, user).key;
    commit(&store, user, vec![put(key, 1, Modseq(0))]);
    for turn in 1..20_u64 {
        // Two looks with what is held: one is asked before the commit, the other only after it.
        drop(store.snapshot(user).unwrap());
        let (early, late) = (store.snapshot(user).unwrap(), store.snapshot(user).unwrap());
        assert_eq!(early.count(CALENDAR).unwrap(), turn - 1);
        let folder = store.reserve_folder(user).unwrap();
        let (name, kind) = (turn.to_string(), FolderType::UserMail);
        let tree = Write::AddFolder { id: folder, parent: None, name, kind };
        let value = Write::PutValue { name: "oof", value: Some(turn.to_be_bytes().to_vec()) };
        let of_device = Write::PutDeviceValue { device: key, name: "ping", value: Some(vec![1]) };
        commit(&store, user, vec![put(key, turn + 1, Modseq(0)), tree, value, of_device]);
        add(&store, user, CALENDAR);
        for look in [early, late] {
            assert_eq!(look.count(CALENDAR).unwrap(), turn - 1);
            assert_eq!(look.log(CALENDAR, Modseq(0), 99).unwrap().len() as u64, turn - 1);
            assert_eq!(look.collection(key, INBOX).unwrap().unwrap().step, turn);
            assert_eq!(look.folder(folder).unwrap(), None);
            assert_eq!(look.value("oof").unwrap(), (turn > 1).then(|| (turn - 1).to_be_bytes().to_vec()));
            assert_eq!(look.device_value(key, "ping").unwrap().is_some(), turn > 1);
            assert_eq!(look.modseq(), Modseq(2 * (turn - 1)));
        }
        let look = store.snapshot(user).unwrap();
        assert_eq!((look.collection(key, INBOX).unwrap().unwrap().step, look.modseq()), (turn + 1, Modseq(2 * turn)));
        assert_eq!(look.log(CALENDAR, Modseq(2 * turn - 1), 9).unwrap().len(), 1);
        assert!(look.folder(folder).unwrap().is_some());
    }
}

/// Every commit counts one value up in five places; a look must find the same number in all of them.
#[test]
fn looks_and_commits_at_once_never_mix_two_moments() {
    let (_dir, store) = store();
    let user = user(&store, "anna");
    let key = device(&store, user).key;
    let writes = |count: u64| {
        let (value, folder) = (Some(count.to_be_bytes().to_vec()), CollectionId::new(8));
        vec![
            put(key, count, Modseq(0)),
            Write::PutValue { name: "count", value: value.clone() },
            Write::PutDeviceValue { device: key, name: "count", value },
            Write::UpdateFolder { id: folder, parent: None, name: count.to_string() },
        ]
    };
    commit(&store, user, writes(1));
    let (done, looks) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for first in 0..4 {
            let (store, done, looks) = (&store, &done, &looks);
            scope.spawn(move || {
                let mut newest = 0;
                while !done.load(Ordering::Relaxed) {
                    let look = store.snapshot(user).unwrap();
                    let number = |value: Option<Vec<u8>>| u64::from_be_bytes(value.unwrap().try_into().unwrap());
                    // Each thread begins elsewhere, so that each of them is the first question now and then.
                    let mut seen = Vec::new();
                    for at in first..first + 5 {
                        seen.push(match at % 5 {
                            0 => number(look.value("count").unwrap()),
                            1 => number(look.device_value(key, "count").unwrap()),
                            2 => look.collection(key, INBOX).unwrap().unwrap().step,
                            3 => look.folder(CollectionId::new(8)).unwrap().unwrap().name.parse().unwrap(),
                            // Never held.
                            _ => {
                                assert_eq!(look.count(CALENDAR).unwrap(), 0);
                                look.modseq().0
                            }
                        });
                    }
                    assert!(seen.iter().all(|number| *number == seen[0]), "{seen:?}");
                    assert!(seen[0] >= newest, "{} after {newest}", seen[0]);
                    newest = seen[0];
                    looks.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for count in 2..400 {
            commit(&store, user, writes(count));
            assert_eq!(store.snapshot(user).unwrap().collection(key, INBOX).unwrap().unwrap().step, count);
            // Now and then everything is forgotten, and read anew while commits go on.
            if count % 50 == 0 {
                store.prune_log(0).unwrap();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(looks.load(Ordering::Relaxed) > 100);
}

#[test]
fn what_a_job_does_not_tell_is_forgotten() {
    let (_dir, store) = store();
    let (anna, berta) = (user(&store, "anna"), user(&store, "berta"));
    for user in [anna, berta] {
        let key = device(&store, user).key;
        commit(&store, user, vec![put(key, 1, Modseq(0))]);
        no_change(&store, user);
        no_change(&store, user);
    }
    store.writes_without_telling("UPDATE mailbox SET modseq = 77; UPDATE device SET last_seen = 5");
    for user in [anna, berta] {
        assert_eq!(store.snapshot(user).unwrap().modseq(), Modseq(77));
        assert_eq!(store.device(user, "phone", "phone").unwrap().unwrap().last_seen, 5);
    }
}

#[test]
fn what_is_held_is_bounded_and_the_bound_forgets_the_unused() {
    let (_dir, store) = store();
    // All in one shard.
    let all: Vec<UserId> = (0..8 * SHARDS).map(|number| user(&store, &format!("user{number}"))).collect();
    let users: Vec<UserId> = all.into_iter().filter(|user| user.0 % SHARDS as u64 == 1).collect();
    let names = ["a", "b", "c", "d", "e", "f"];
    for user in &users {
        let key = device(&store, *user).key;
        let large = |name| Write::PutDeviceValue { device: key, name, value: Some(vec![9; 100_000]) };
        commit(&store, *user, names.map(large).into());
        for name in names {
            let snapshot = store.snapshot(*user).unwrap();
            assert_eq!(snapshot.device_value(key, name).unwrap().unwrap().len(), 100_000);
        }
        assert!(store.warmth().held() <= SHARD_MAX + MAILBOX_MAX, "{}", store.warmth().held());
    }
    assert!(store.warmth().held() > SHARD_MAX / 2, "{}", store.warmth().held());
    let before = store.readers_used();
    drop(store.snapshot(users[7]).unwrap());
    assert_eq!(store.readers_used(), before);
    drop(store.snapshot(users[0]).unwrap());
    assert_eq!(store.readers_used(), before + 1);
    for user in &users {
        store.remove_user(*user).unwrap();
    }
    assert_eq!(store.warmth().held(), 0);
}

#[test]
fn bytes_replaced_are_not_counted_for_ever() {
    let (_dir, store) = store();
    let user = user(&store, "anna");
    let key = device(&store, user).key;
    commit(&store, user, vec![put(key, 1, Modseq(0))]);
    no_change(&store, user);
    no_change(&store, user);
    for step in 2..300 {
        let value = || Some(vec![1; 3000]);
        let values = [
            Write::PutDeviceValue { device: key, name: "ping", value: value() },
            Write::PutValue { name: "count", value: value() },
        ];
        commit(&store, user, vec![put(key, step, Modseq(0))].into_iter().chain(values).collect());
    }
    let before = store.readers_used();
    no_change(&store, user);
    assert_eq!(store.readers_used(), before, "{}", store.warmth().held());
    assert!(store.warmth().held() < 20_000, "{}", store.warmth().held());
}

/// Its moment passes while no reader can be opened: an error, and never another moment.
#[test]
fn a_look_that_lost_its_moment_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let files = Files::inside(&dir.path().join("later"));
    let anchor = Anchor::new(Pool::new(files.clone(), 1).reserve().unwrap());
    anchor.fix_before_commit();
    let ask = || anchor.ask(|connection| Ok::<_, StoreError>(connection.is_autocommit()));
    assert!(ask().is_err());
    std::fs::create_dir(dir.path().join("later")).unwrap();
    drop(crate::schema::open(&files).unwrap());
    assert!(ask().is_err(), "the database is there now, but it is another moment");
}
