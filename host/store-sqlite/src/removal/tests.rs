//! A removed folder reads the same after every turn, and as in the store that removes it at once.

use std::sync::Arc;

use easel_protocol::{Facts, FolderType};
use easel_store::{
    ChangeSet, Device, LocalBus, MemoryStore, NewContent, NewUser, Order, POSITION_START, PolicyState, Query, Snapshot,
    Store, Write,
};

use super::*;
use crate::connection::Files;
use crate::pool::Pool;
use crate::schema::Opened;
use crate::snapshot::Look;
use crate::warm::Warmth;
use crate::{SqliteStore, commit, schema};

const CALENDAR: CollectionId = CollectionId::new(6);

/// A database without a thread that works on it, and the same in memory.
struct Both {
    _dir: tempfile::TempDir,
    opened: Opened,
    pool: Arc<Pool>,
    files: Files,
    memory: MemoryStore,
    user: UserId,
    device: DeviceKey,
}

impl Both {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sqlite = SqliteStore::open(dir.path(), Arc::new(LocalBus::default())).unwrap();
        let memory = MemoryStore::new(Arc::new(LocalBus::default()));
        let mut made = Vec::new();
        for store in [&sqlite as &dyn Store, &memory] {
            let new = NewUser {
                tenant: store.add_tenant("one").unwrap().id,
                name: "anna".into(),
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
                facts: easel_protocol::DeviceFacts::default(),
                policy: PolicyState::default(),
                blocked: false,
                created: 0,
                last_seen: 0,
                versions_told: String::new(),
            };
            made.push((user, store.put_device(&device).unwrap().key));
        }
        drop(sqlite);
        assert_eq!(made[0], made[1]);
        let (user, device) = made[0];
        let files = Files::inside(dir.path());
        let (opened, pool) = (schema::open(&files).unwrap(), Pool::new(files.clone(), 4));
        Self { _dir: dir, opened, pool, files, memory, user, device }
    }

    fn commit(&self, author: Option<DeviceKey>, writes: Vec<Write>) {
        let set = ChangeSet { user: self.user, author, writes };
        self.opened.easel.execute_batch("BEGIN").unwrap();
        commit::apply(&self.opened.easel, set.clone()).map_err(|failure| format!("{failure:?}")).unwrap();
        self.opened.easel.execute_batch("COMMIT").unwrap();
        self.memory.commit(set).unwrap();
    }

    fn add(&self, id: u64, folder: CollectionId) {
        let facts = Facts {
            subject: format!("number{id}"),
            uid: Some(format!("uid{}", id % 7)),
            // Not in the order of their ids.
            ..Facts::of(WindowKey(i64::try_from(id * 7919 % 100).unwrap()))
        };
        let (id, content) = (ServerId::new(id), NewContent::Object(format!("text {id}")));
        self.commit(None, vec![Write::AddItem { id, folder, content, facts }]);
    }

    fn turn(&self) -> usize {
        turn(&self.opened.easel).unwrap()
    }

    /// Whatever can be asked, of both.
    fn compare(&self, folders: &[CollectionId], items: u64, when: &str) {
        let warmth = Warmth::default();
        let look = Look::new(self.pool.reserve().unwrap(), &warmth, &self.files, self.user).unwrap();
        let other = self.memory.snapshot(self.user).unwrap();
        let (look, other): (&dyn Snapshot, &dyn Snapshot) = (&look, &*other);
        assert_eq!((look.modseq(), look.hierarchy().unwrap()), (other.modseq(), other.hierarchy().unwrap()), "{when}");
        assert_eq!(look.log_floor().unwrap(), other.log_floor().unwrap(), "{when}");
        assert_eq!(look.folders().unwrap(), other.folders().unwrap(), "{when}");
        for folder in folders {
            assert_eq!(look.folder(*folder).unwrap(), other.folder(*folder).unwrap(), "{when}");
            assert_eq!(look.count(*folder).unwrap(), other.count(*folder).unwrap(), "{when}");
            let whole = (WindowKey::NEVER, ServerId::new(0))..POSITION_START;
            for order in [Order::Ascending, Order::Descending] {
                let range = |look: &dyn Snapshot| look.range(*folder, whole.clone(), order, 999).unwrap();
                assert_eq!(range(look), range(other), "{when}");
            }
            let end = other.modseq().0;
            for (after, limit) in [(0, 9999), (0, 7), (end / 2, 50), (end - 90, 40), (end - 5, 9), (end, 9)] {
                let rows = |look: &dyn Snapshot| look.log(*folder, Modseq(after), limit).unwrap();
                assert_eq!(rows(look), rows(other), "after {after}, {when}");
            }
        }
        for item in (1..=items).step_by(5).map(ServerId::new) {
            assert_eq!(look.item(item).unwrap(), other.item(item).unwrap(), "{when}");
            assert_eq!(look.folder_of(item).unwrap(), other.folder_of(item).unwrap(), "{when}");
            assert_eq!(look.last_row(item).unwrap(), other.last_row(item).unwrap(), "{when}");
            for at in [0, 1, other.modseq().0 / 2, other.modseq().0 - 60, other.modseq().0] {
                let text = |look: &dyn Snapshot| look.content_at(item, Modseq(at)).unwrap();
                assert_eq!(text(look), text(other), "{item} at {at}, {when}");
            }
        }
        for uid in ["uid0", "uid3"] {
            assert_eq!(look.by_uid(uid).unwrap(), other.by_uid(uid).unwrap(), "{when}");
        }
        for words in [vec![], vec!["number1".into()]] {
            let query = Query { words, limit: 999, ..Query::default() };
            assert_eq!(look.search(&query).unwrap(), other.search(&query).unwrap(), "{when}");
        }
    }
}

#[test]
fn a_large_folder_leaves_in_turns_that_nobody_can_see() {
    let both = Both::new();
    let (outer, inner) = (CollectionId::new(20), CollectionId::new(21));
    for (id, parent, name) in [(outer, None, "outer"), (inner, Some(outer), "inner")] {
        both.commit(None, vec![Write::AddFolder { id, parent, name: name.into(), kind: FolderType::UserMail }]);
    }
    let items = 2 * (LARGE + 50);
    for id in 1..=items {
        both.add(id, if id % 2 == 0 { outer } else { inner });
    }
    both.add(items + 1, CALENDAR);
    // Half of the words are in the index, the others wait.
    for _ in 0..4 {
        search::drain(&both.opened.easel).unwrap();
    }
    both.commit(Some(both.device), vec![Write::RemoveFolder { id: outer }]);
    let count = || waiting(&both.opened.easel).unwrap() as u64;
    assert_eq!(count(), items, "the commit itself moved no item");
    both.compare(&[outer, inner, CALENDAR], items + 1, "before the first turn");
    let mut turns = 0;
    while both.turn() > 0 {
        turns += 1;
        both.compare(&[outer, inner, CALENDAR], items + 1, &format!("after turn {turns}"));
        match turns {
            // Its name and its items are free for others, and cannot be used through it.
            1 => {
                let id = CollectionId::new(30);
                let kind = FolderType::UserMail;
                both.commit(None, vec![Write::AddFolder { id, parent: None, name: "OUTER".into(), kind }]);
                let still = (1..=items).map(ServerId::new).rev();
                for id in still.take(4) {
                    let set = ChangeSet { user: both.user, author: None, writes: vec![Write::RemoveItem { id }] };
                    assert!(
                        commit::apply(&both.opened.easel, set.clone()).is_err() && both.memory.commit(set).is_err()
                    );
                }
                let writes =
                    vec![Write::AddFolder { id: CollectionId::new(31), parent: Some(outer), name: "x".into(), kind }];
                let set = ChangeSet { user: both.user, author: None, writes };
                assert!(commit::apply(&both.opened.easel, set.clone()).is_err() && both.memory.commit(set).is_err());
            }
            // Rows are pruned that are not written yet.
            3 => {
                both.memory.prune_log(i64::MAX).unwrap();
                while !log::prune(&both.opened.easel, both.user, i64::MAX).map_err(|f| format!("{f:?}")).unwrap().done {
                }
                both.compare(&[outer, inner, CALENDAR], items + 1, "after pruning");
            }
            _ => {}
        }
    }
    assert!(turns >= items / TURN as u64, "{turns}");
    assert_eq!(count(), 0);
    let rows = |table: &str| -> u64 {
        both.opened.easel.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| number(row, 0)).unwrap()
    };
    assert_eq!((rows("item"), rows("content"), rows("search_queue") + rows("search")), (1, 1, 1));
    assert_eq!(rows("folder WHERE removed IS NOT NULL"), 0);
}

#[test]
fn a_removal_that_was_interrupted_is_finished_at_the_next_start() {
    let both = Both::new();
    let folder = CollectionId::new(20);
    let add = Write::AddFolder { id: folder, parent: None, name: "large".into(), kind: FolderType::UserMail };
    both.commit(None, vec![add]);
    for id in 1..=300 {
        both.add(id, folder);
    }
    both.commit(None, vec![Write::RemoveFolder { id: folder }]);
    assert_eq!(both.turn(), TURN);
    let (dir, files) = (both._dir.path().to_owned(), both.files.clone());
    let Both { _dir: keep, opened, pool, .. } = both;
    drop((opened, pool));
    let store = SqliteStore::open(&dir, Arc::new(LocalBus::default())).unwrap();
    let snapshot = store.snapshot(both.user).unwrap();
    assert_eq!((snapshot.count(folder).unwrap(), snapshot.folder(folder).unwrap()), (0, None));
    assert_eq!(snapshot.log(folder, Modseq(301), 999).unwrap().len(), 300);
    drop(snapshot);
    // The writer works it off by itself: a bounded wait.
    let connection = Connection::open(&files.easel).unwrap();
    let left = || waiting(&connection).unwrap();
    for _ in 0..100_000 {
        if left() == 0 {
            break;
        }
        std::thread::yield_now();
    }
    assert_eq!(left(), 0);
    assert_eq!(store.snapshot(both.user).unwrap().log(folder, Modseq(301), 999).unwrap().len(), 300);
    drop((store, keep));
}
