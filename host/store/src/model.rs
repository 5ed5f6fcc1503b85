//! The sync rule played against a naive model.
//!
//! Random deliveries, edits by devices and by the server, moves there and back, date changes, filter changes, folders that
//! leave a collection and come back, withheld items, items to be sent again, lost answers and restarts. The model keeps the whole history of every item and, for
//! every phone, the list of what it holds; after every step a phone must hold exactly what its cursor says, and once
//! nothing is left to send exactly what is in its window. Every store plays it.

use std::collections::{BTreeMap, BTreeSet};

use easel_protocol::{CollectionId, DeviceFacts, Facts, Groups, ServerId, WindowKey};

use crate::cursor::{OpKind, Plan, leave, plan, replay};
use crate::{
    ChangeSet, CollectionState, Content, Cursor, Cursors, Device, DeviceKey, Modseq, NewContent, NewUser, PolicyState,
    Snapshot, Store, UserId, Write,
};

/// Plays one game of at most `steps` steps; the same seed plays the same game. `restart` closes and opens the store.
///
/// # Panics
/// When a phone holds something else than it should: the message says which phone, after which step.
pub fn play<S: Store>(store: S, seed: u64, steps: u64, restart: impl Fn(S) -> S) {
    let mut game = Game::new(&store, seed);
    let mut store = store;
    for _ in 0..game.random.below(25) {
        game.server_adds(&store);
    }
    for step in 0..10 + game.random.below(steps.max(11) - 10) {
        game.step = step;
        game.turn(&store);
        game.check(&store);
        if game.random.below(40) == 0 {
            store = restart(store);
        }
    }
    game.settle(&store);
}

const CALENDAR: CollectionId = CollectionId::new(6);
const CONTACTS: CollectionId = CollectionId::new(7);
const ALL: WindowKey = WindowKey::NEVER;

/// A content that no phone can be sent.
fn withheld(content: u64) -> bool {
    content.is_multiple_of(7)
}

struct Random(u64);

impl Random {
    /// SplitMix64: the games must be the same on every machine.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> Option<T> {
        let count = u64::try_from(all.len()).expect("a short list");
        (count > 0).then(|| all[usize::try_from(self.below(count)).expect("below its length")])
    }
}

/// What happened to an item, as the naive model remembers it.
#[derive(Clone, Copy)]
struct Moment {
    at: Modseq,
    key: WindowKey,
    content: u64,
    there: bool,
    author: Option<DeviceKey>,
}

struct Phone {
    name: char,
    key: DeviceKey,
    /// The folders its collection has or had.
    folders: Vec<CollectionId>,
    /// Those it has no more: what the phone holds of them is to leave it.
    left: BTreeSet<CollectionId>,
    cutoff: WindowKey,
    /// The key it sends next, as a step.
    step: u64,
    /// What it holds.
    holds: BTreeMap<ServerId, u64>,
    /// Whether its last answer was lost.
    waits_for_repeat: bool,
    lost_any: bool,
}

impl Phone {
    fn collection(&self) -> CollectionId {
        self.folders[0]
    }
}

struct Game {
    random: Random,
    seed: u64,
    step: u64,
    user: UserId,
    history: BTreeMap<ServerId, (CollectionId, Vec<Moment>)>,
    phones: Vec<Phone>,
}

impl Game {
    fn new(store: &impl Store, seed: u64) -> Self {
        let tenant = store.add_tenant("model").expect("a new store has no tenant");
        let user = NewUser {
            tenant: tenant.id,
            name: "anna".into(),
            display_name: "Anna".into(),
            addresses: vec!["anna@model.example".into()],
            phones: Vec::new(),
            photo: None,
            zone: "UTC".into(),
            password_hash: String::new(),
        };
        let user = store.add_user(&user).expect("a new store has no user").id;
        let phone = |name: char, folders: &[CollectionId]| {
            let device = Device {
                key: DeviceKey(0),
                user,
                id: name.to_string(),
                kind: "model".into(),
                facts: DeviceFacts::default(),
                policy: PolicyState::default(),
                blocked: false,
                created: 0,
                last_seen: 0,
                versions_told: String::new(),
            };
            let key = store.put_device(&device).expect("a new device").key;
            let folders = folders.to_vec();
            Phone {
                name,
                key,
                folders,
                left: BTreeSet::new(),
                cutoff: ALL,
                step: 0,
                holds: BTreeMap::new(),
                waits_for_repeat: false,
                lost_any: false,
            }
        };
        let phones = vec![
            phone('D', &[CALENDAR]),
            phone('E', &[CALENDAR]),
            phone('F', &[CONTACTS]),
            phone('G', &[CALENDAR, CONTACTS]),
        ];
        Self { random: Random(seed), seed, step: 0, user, history: BTreeMap::new(), phones }
    }

    fn turn(&mut self, store: &impl Store) {
        let there = self.items_there(None);
        let phone = usize::try_from(self.random.below(4)).expect("one of four");
        match self.random.below(100) {
            0..18 => self.server_adds(store),
            18..32 => {
                if let Some(item) = self.random.one_of(&there) {
                    let content = self.random.below(51);
                    self.change(store, item, None, Some(content), None);
                }
            }
            32..40 => {
                if let Some(item) = self.random.one_of(&there) {
                    let key = self.some_key();
                    self.change(store, item, Some(key), None, None);
                }
            }
            40..45 => {
                if let Some(item) = self.random.one_of(&there) {
                    self.remove(store, item, None);
                }
            }
            45..53 => {
                if let Some(item) = self.random.one_of(&there) {
                    self.moves(store, item);
                }
            }
            53..59 => {
                let cutoffs = [ALL, WindowKey(5), WindowKey(10), WindowKey(15), WindowKey(20), WindowKey(25)];
                self.phones[phone].cutoff = self.random.one_of(&cutoffs).expect("a list with members");
            }
            59..62 => self.ask_to_resend(store, phone),
            62..65 => self.reshape(),
            65..75 => self.phone_edits(store, phone),
            _ => {
                let window = 1 + usize::try_from(self.random.below(5)).expect("at most five");
                let lost = self.random.below(5) == 0;
                self.sync(store, phone, window, lost);
            }
        }
    }

    fn some_key(&mut self) -> WindowKey {
        WindowKey(i64::try_from(self.random.below(30)).expect("below thirty"))
    }

    fn items_there(&self, folder: Option<CollectionId>) -> Vec<ServerId> {
        let there = |(_, (place, moments)): &(&ServerId, &(CollectionId, Vec<Moment>))| {
            folder.is_none_or(|folder| folder == *place) && moments.last().is_some_and(|moment| moment.there)
        };
        self.history.iter().filter(there).map(|(item, _)| *item).collect()
    }

    fn now(&self, item: ServerId) -> Moment {
        *self.history[&item].1.last().expect("an item has a history")
    }

    fn server_adds(&mut self, store: &impl Store) {
        let folder = self.random.one_of(&[CALENDAR, CONTACTS]).expect("one of two");
        let (key, content) = (self.some_key(), self.random.below(51));
        self.add(store, folder, key, content, None);
    }

    fn add(
        &mut self,
        store: &impl Store,
        folder: CollectionId,
        key: WindowKey,
        content: u64,
        author: Option<DeviceKey>,
    ) -> ServerId {
        let id = store.reserve_items(self.user, 1).expect("a number");
        let write =
            Write::AddItem { id, folder, content: NewContent::Object(content.to_string()), facts: Facts::of(key) };
        let at = self.commit(store, author, vec![write]);
        self.history.insert(id, (folder, vec![Moment { at, key, content, there: true, author }]));
        id
    }

    fn change(
        &mut self,
        store: &impl Store,
        item: ServerId,
        key: Option<WindowKey>,
        content: Option<u64>,
        author: Option<DeviceKey>,
    ) {
        let now = self.now(item);
        let (key, content) = (key.unwrap_or(now.key), content.unwrap_or(now.content));
        let write = Write::ChangeContent {
            id: item,
            content: content.to_string(),
            facts: Facts::of(key),
            seen: store.modseq(self.user),
        };
        let at = self.commit(store, author, vec![write]);
        self.remember(item, Moment { at, key, content, there: true, author });
    }

    fn remove(&mut self, store: &impl Store, item: ServerId, author: Option<DeviceKey>) {
        let at = self.commit(store, author, vec![Write::RemoveItem { id: item }]);
        let now = self.now(item);
        self.remember(item, Moment { at, there: false, author, ..now });
    }

    fn moves(&mut self, store: &impl Store, item: ServerId) {
        let to = if self.history[&item].0 == CALENDAR { CONTACTS } else { CALENDAR };
        let new_id = store.reserve_items(self.user, 1).expect("a number");
        let at = self.commit(store, None, vec![Write::MoveItem { id: item, to, new_id }]);
        let now = self.now(item);
        self.remember(item, Moment { at: Modseq(at.0 - 1), there: false, author: None, ..now });
        self.history.insert(new_id, (to, vec![Moment { at, there: true, author: None, ..now }]));
    }

    fn remember(&mut self, item: ServerId, moment: Moment) {
        self.history.get_mut(&item).expect("an item has a history").1.push(moment);
    }

    fn commit(&self, store: &impl Store, author: Option<DeviceKey>, writes: Vec<Write>) -> Modseq {
        store.commit(ChangeSet { user: self.user, author, writes }).expect("a change that may be made").modseq
    }

    /// The second folder of the collection that has two leaves it, or comes back.
    fn reshape(&mut self) {
        for phone in &mut self.phones {
            if let Some(second) = phone.folders.get(1).copied()
                && !phone.left.remove(&second)
            {
                phone.left.insert(second);
            }
        }
    }

    /// Someone changes what the phone is to see of an item it holds, so that it is to be sent again.
    fn ask_to_resend(&mut self, store: &impl Store, phone: usize) {
        let phone = &self.phones[phone];
        let state = state(store, self.user, phone);
        let held: Vec<ServerId> = phone.holds.keys().copied().collect();
        let (Some(mut state), Some(item)) = (state, self.random.one_of(&held)) else { return };
        let folder = self.history[&item].0;
        if self.now(item).author == Some(phone.key) {
            return; // its own addition may not be held by the cursor yet
        }
        let expect = Some(state.key());
        state.after.get_mut(&folder).expect("a cursor for each folder").resend.insert(item);
        let (device, collection) = (phone.key, phone.collection());
        self.commit(store, None, vec![Write::PutCollection { device, collection, expect, state: Some(state) }]);
    }

    fn phone_edits(&mut self, store: &impl Store, phone: usize) {
        let (key, waits, step) = (self.phones[phone].key, self.phones[phone].waits_for_repeat, self.phones[phone].step);
        if waits || step == 0 {
            return;
        }
        let content = loop {
            let content = self.random.below(51);
            if !withheld(content) {
                break content;
            }
        };
        let alive: Vec<ServerId> =
            self.phones[phone].holds.keys().copied().filter(|item| self.now(*item).there).collect();
        match (self.random.below(100), self.random.one_of(&alive)) {
            (0..50, Some(item)) => {
                self.change(store, item, None, Some(content), Some(key));
                self.phones[phone].holds.insert(item, content);
            }
            (50..70, Some(item)) => {
                let date = self.some_key();
                self.change(store, item, Some(date), Some(content), Some(key));
                self.phones[phone].holds.insert(item, content);
            }
            (70..85, Some(item)) => {
                self.remove(store, item, Some(key));
                self.phones[phone].holds.remove(&item);
            }
            _ => {
                let (folder, date) = (self.phones[phone].collection(), self.some_key());
                let item = self.add(store, folder, date, content, Some(key));
                self.phones[phone].holds.insert(item, content);
            }
        }
    }

    /// One Sync; whether there is more, or something was sent.
    fn sync(&mut self, store: &impl Store, number: usize, window: usize, lost: bool) -> bool {
        let phone = &mut self.phones[number];
        let (device, collection) = (phone.key, phone.collection());
        let snapshot = store.snapshot(self.user).expect("the mailbox");
        let old = snapshot.collection(device, collection).expect("the state");
        let Some(old) = old else {
            let there = phone.folders.iter().filter(|folder| !phone.left.contains(folder));
            let after = there.map(|folder| (*folder, Cursor::starting(snapshot.modseq()))).collect();
            let state = CollectionState {
                generation: 1,
                step: 1,
                before: Cursors::new(),
                after,
                outcomes: Vec::new(),
                options: Vec::new(),
            };
            drop(snapshot);
            phone.step = 1;
            self.commit(
                store,
                None,
                vec![Write::PutCollection { device, collection, expect: None, state: Some(state) }],
            );
            return true;
        };
        let repeated = phone.step + 1 == old.step;
        assert!(repeated || phone.step == old.step, "{} sends a key of its own", phone.name);
        let mut plans: Vec<(CollectionId, Plan)> = Vec::new();
        let mut room = window;
        // A folder that joined later starts from nothing; one that left before it was held is nothing to the phone.
        let start = |cursors: &Cursors, folder: &CollectionId| {
            cursors.get(folder).cloned().unwrap_or_else(|| Cursor::starting(snapshot.modseq()))
        };
        let known = |folder: &CollectionId| {
            if repeated {
                old.after.contains_key(folder)
            } else {
                !phone.left.contains(folder) || old.after.contains_key(folder)
            }
        };
        for folder in phone.folders.iter().filter(|folder| known(folder)) {
            let made = if repeated {
                replay(&*snapshot, *folder, &start(&old.before, folder), &old.after[folder], device)
            } else if phone.left.contains(folder) {
                leave(&*snapshot, *folder, &start(&old.after, folder), device, room)
            } else {
                plan(&*snapshot, *folder, &start(&old.after, folder), device, phone.cutoff, room)
            };
            let made = made.expect("a plan");
            room = room.saturating_sub(made.ops.len());
            plans.push((*folder, made));
        }
        let more = plans.iter().any(|(_, plan)| plan.more);
        let sent: usize = plans.iter().map(|(_, plan)| plan.ops.len()).sum();
        assert!(repeated || sent <= window, "{} entries in a window of {window}", sent);
        assert!(!more || sent > 0 || repeated, "more is promised and nothing sent");
        let answer = self.deliver(&*snapshot, &mut plans);
        drop(snapshot);
        let after: Cursors = plans.into_iter().map(|(folder, plan)| (folder, plan.cursor)).collect();
        let step = if repeated || sent == 0 { old.step } else { old.step + 1 };
        let before = if step == old.step { old.before.clone() } else { old.after.clone() };
        let new = CollectionState { step, before, after, ..old.clone() };
        let expect = Some(old.key());
        self.commit(store, None, vec![Write::PutCollection { device, collection, expect, state: Some(new) }]);
        let phone = &mut self.phones[number];
        if lost && step != phone.step {
            phone.waits_for_repeat = true;
            phone.lost_any = true;
            return true;
        }
        phone.step = step;
        phone.waits_for_repeat = false;
        self.apply(number, answer);
        more || sent > 0 || repeated
    }

    /// The content each entry carries; what cannot be sent is withheld.
    fn deliver(&self, snapshot: &dyn Snapshot, plans: &mut [(CollectionId, Plan)]) -> Vec<(ServerId, OpKind, u64)> {
        let mut answer = Vec::new();
        let mut seen = BTreeSet::new();
        for (_, plan) in plans {
            for op in plan.ops.clone() {
                assert!(seen.insert(op.item), "{} twice in one answer", op.item);
                let content = match snapshot.item(op.item).expect("an item").map(|item| item.content) {
                    Some(Content::Object(text)) => text.parse().expect("a number"),
                    Some(Content::Mail(_)) | None => 0,
                };
                let kind = match op.kind {
                    OpKind::Add if withheld(content) => {
                        plan.withhold(op.item);
                        continue;
                    }
                    OpKind::Change(_) if withheld(content) => {
                        plan.withhold(op.item);
                        OpKind::SoftDelete
                    }
                    OpKind::Add | OpKind::Change(_) | OpKind::Delete | OpKind::SoftDelete => op.kind,
                };
                if let OpKind::Change(groups) = kind {
                    assert!(groups.has(Groups::CONTENT), "a change says what of");
                }
                answer.push((op.item, kind, content));
            }
        }
        answer
    }

    fn apply(&mut self, number: usize, answer: Vec<(ServerId, OpKind, u64)>) {
        let (seed, step) = (self.seed, self.step);
        let phone = &mut self.phones[number];
        for (item, kind, content) in answer {
            let whose = format!("phone {} item {item} in game {seed}, step {step}", phone.name);
            let held = phone.holds.contains_key(&item);
            match kind {
                OpKind::Add => {
                    assert!(!held, "an Add of what is held: {whose}");
                    phone.holds.insert(item, content);
                }
                OpKind::Change(_) => {
                    assert!(held, "a Change of what is not held: {whose}");
                    phone.holds.insert(item, content);
                }
                OpKind::Delete | OpKind::SoftDelete => {
                    assert!(held || phone.lost_any, "a Delete of what is not held: {whose}");
                    phone.holds.remove(&item);
                }
            }
        }
    }

    /// Every phone holds exactly what its cursors say, plus and minus what it did itself since.
    fn check(&self, store: &impl Store) {
        for phone in &self.phones {
            let Some(state) = state(store, self.user, phone) else {
                assert!(phone.holds.is_empty());
                continue;
            };
            let cursors = if phone.step == state.step { &state.after } else { &state.before };
            let mut should = BTreeSet::new();
            for (item, (folder, moments)) in &self.history {
                let Some(cursor) = cursors.get(folder) else { continue };
                let then = moments.iter().rev().find(|moment| moment.at <= cursor.w);
                let held = then.is_some_and(|then| {
                    then.there && (then.key, *item) >= cursor.low && !cursor.withheld.contains(item)
                });
                let own = moments.iter().rev().find(|moment| moment.at > cursor.w && moment.author == Some(phone.key));
                let first = moments[0];
                let added = own.is_some() && first.author == Some(phone.key) && first.at > cursor.w;
                let removed = own.is_some_and(|own| !own.there);
                if (held || added) && !removed {
                    should.insert(*item);
                }
            }
            let holds: BTreeSet<ServerId> = phone.holds.keys().copied().collect();
            assert_eq!(holds, should, "phone {} in game {}, step {}", phone.name, self.seed, self.step);
        }
    }

    /// Every phone syncs until nothing is left; then it holds its window, no more and no less.
    fn settle(&mut self, store: &impl Store) {
        for number in 0..self.phones.len() {
            let mut rounds = 0;
            while self.sync(store, number, 4, false) {
                rounds += 1;
                assert!(rounds < 3000, "phone {} in game {} never ends", self.phones[number].name, self.seed);
                self.check(store);
            }
            let phone = &self.phones[number];
            let wanted: BTreeMap<ServerId, u64> = self
                .history
                .iter()
                .filter(|(_, (folder, _))| phone.folders.contains(folder) && !phone.left.contains(folder))
                .map(|(item, _)| (*item, self.now(*item)))
                .filter(|(_, now)| now.there && now.key >= phone.cutoff && !withheld(now.content))
                .map(|(item, now)| (item, now.content))
                .collect();
            assert_eq!(phone.holds, wanted, "phone {} at the end of game {}", phone.name, self.seed);
        }
    }
}

fn state(store: &impl Store, user: UserId, phone: &Phone) -> Option<CollectionState> {
    let snapshot = store.snapshot(user).expect("the mailbox");
    snapshot.collection(phone.key, phone.collection()).expect("the state")
}
