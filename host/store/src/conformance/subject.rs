//! A store under test, and short words for what the rules do with it.

use std::sync::mpsc::{Receiver, channel};

use easel_protocol::{CollectionId, DeviceFacts, Facts, FolderType, Groups, MailRecord, ServerId, WindowKey};

use crate::{
    BlobId, Bus, ChangeSet, CollectionState, Committed, Cursor, Device, DeviceKey, Event, Folder, Interest, Item,
    LocalBus, LogRow, Missing, Modseq, NewContent, NewOutgoing, NewUser, PolicyState, Snapshot, Store, StoreError,
    TenantId, User, UserId, Write,
};

/// The folders of a new mailbox that the rules use.
pub(super) const INBOX: CollectionId = CollectionId::new(1);
pub(super) const TRASH: CollectionId = CollectionId::new(3);
pub(super) const CALENDAR: CollectionId = CollectionId::new(6);
pub(super) const CONTACTS: CollectionId = CollectionId::new(7);

/// A store to be tried.
#[expect(missing_debug_implementations, reason = "a store need not be printable")]
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// The store, empty.
    pub store: &'a dyn Store,
    /// The bus it was made with.
    pub bus: &'a LocalBus,
}

/// A user to be made, with one address.
pub(super) fn new_user(tenant: TenantId, name: &str, address: &str) -> NewUser {
    NewUser {
        tenant,
        name: name.into(),
        display_name: format!("The user {name}"),
        addresses: vec![address.into()],
        phones: Vec::new(),
        photo: None,
        zone: "Europe/Berlin".into(),
        password_hash: "$argon2id$one".into(),
    }
}

/// A device to be stored.
pub(super) fn new_device(user: UserId, id: &str) -> Device {
    Device {
        key: DeviceKey(0),
        user,
        id: id.into(),
        kind: "SmartPhone".into(),
        facts: DeviceFacts { device_id: id.into(), ..DeviceFacts::default() },
        policy: PolicyState::default(),
        blocked: false,
        created: 1,
        last_seen: 1,
        versions_told: String::new(),
    }
}

/// Facts with a subject and a window key.
pub(super) fn facts(window: i64, subject: &str) -> Facts {
    Facts { subject: subject.into(), ..Facts::of(WindowKey(window)) }
}

/// The state behind the key of that step; it needs the log after `w`.
pub(super) fn state(step: u64, w: u64) -> CollectionState {
    let cursor = Cursor::starting(Modseq(w));
    CollectionState {
        generation: 77,
        step,
        before: [(INBOX, cursor.clone())].into_iter().collect(),
        after: [(INBOX, cursor)].into_iter().collect(),
        outcomes: Vec::new(),
        options: Vec::new(),
    }
}

impl<'a> Subject<'a> {
    /// A user of a tenant of that name, which is made when it is not there.
    pub(super) fn user_of(&self, tenant: &str, name: &str) -> User {
        let tenant = match self.store.tenant(tenant).unwrap() {
            Some(tenant) => tenant,
            None => self.store.add_tenant(tenant).unwrap(),
        };
        let address = format!("{name}@{}.example", tenant.name);
        self.store.add_user(&new_user(tenant.id, name, &address)).unwrap()
    }

    /// The user of most rules.
    pub(super) fn anna(&self) -> UserId {
        self.user_of("one", "anna").id
    }

    pub(super) fn device(&self, user: UserId, id: &str) -> DeviceKey {
        self.store.put_device(&new_device(user, id)).unwrap().key
    }

    pub(super) fn snapshot(&self, user: UserId) -> Box<dyn Snapshot + 'a> {
        self.store.snapshot(user).unwrap()
    }

    pub(super) fn try_commit(&self, user: UserId, writes: Vec<Write>) -> Result<Committed, StoreError> {
        self.store.commit(ChangeSet { user, author: None, writes })
    }

    pub(super) fn commit(&self, user: UserId, writes: Vec<Write>) -> Modseq {
        self.try_commit(user, writes).unwrap().modseq
    }

    pub(super) fn commit_by(&self, user: UserId, author: DeviceKey, writes: Vec<Write>) -> Modseq {
        self.store.commit(ChangeSet { user, author: Some(author), writes }).unwrap().modseq
    }

    /// The write that adds an object under a fresh id.
    pub(super) fn adding_object(
        &self,
        user: UserId,
        folder: CollectionId,
        text: &str,
        facts: Facts,
    ) -> (ServerId, Write) {
        let id = self.store.reserve_items(user, 1).unwrap();
        (id, Write::AddItem { id, folder, content: NewContent::Object(text.into()), facts })
    }

    pub(super) fn add_object(&self, user: UserId, folder: CollectionId, text: &str, facts: Facts) -> ServerId {
        let (id, write) = self.adding_object(user, folder, text, facts);
        self.commit(user, vec![write]);
        id
    }

    pub(super) fn add_mail(&self, user: UserId, folder: CollectionId, bytes: &[u8], facts: Facts) -> ServerId {
        let blob = self.store.put_blob(bytes).unwrap();
        let id = self.store.reserve_items(user, 1).unwrap();
        let record = MailRecord::arrived(facts.window.0);
        let content = NewContent::Mail { blob, size: bytes.len() as u64, index: vec![1, 2, 3], record };
        self.commit(user, vec![Write::AddItem { id, folder, content, facts }]);
        id
    }

    pub(super) fn add_folder(&self, user: UserId, parent: Option<CollectionId>, name: &str) -> CollectionId {
        let id = self.store.reserve_folder(user).unwrap();
        self.commit(user, vec![Write::AddFolder { id, parent, name: name.into(), kind: FolderType::UserMail }]);
        id
    }

    pub(super) fn change(&self, user: UserId, id: ServerId, text: &str, facts: Facts) -> Modseq {
        let seen = self.store.modseq(user);
        self.commit(user, vec![Write::ChangeContent { id, content: text.into(), facts, seen }])
    }

    pub(super) fn mark_read(&self, user: UserId, id: ServerId) -> Modseq {
        let record = MailRecord { read: true, ..MailRecord::arrived(0) };
        let seen = self.store.modseq(user);
        self.commit(user, vec![Write::ChangeRecord { id, record, groups: Groups::READ, seen }])
    }

    pub(super) fn move_to(&self, user: UserId, id: ServerId, to: CollectionId) -> ServerId {
        let new_id = self.store.reserve_items(user, 1).unwrap();
        self.commit(user, vec![Write::MoveItem { id, to, new_id }]);
        new_id
    }

    pub(super) fn item(&self, user: UserId, id: ServerId) -> Option<Item> {
        self.snapshot(user).item(id).unwrap()
    }

    pub(super) fn folder(&self, user: UserId, id: CollectionId) -> Option<Folder> {
        self.snapshot(user).folder(id).unwrap()
    }

    /// The whole log of a folder.
    pub(super) fn log(&self, user: UserId, folder: CollectionId) -> Vec<LogRow> {
        self.snapshot(user).log(folder, Modseq(0), usize::MAX).unwrap()
    }

    pub(super) fn message(&self, text: &str, queued: i64) -> (BlobId, Write) {
        let blob = self.store.put_blob(text.as_bytes()).unwrap();
        let (sender, recipients) =
            ("anna@one.example".into(), vec!["x@there.example".into(), "y@there.example".into()]);
        (blob, Write::Queue(NewOutgoing { sender, recipients, blob, queued }))
    }

    /// Watches folders for a device; what woke it arrives in the channel.
    pub(super) fn watch(&self, user: UserId, device: DeviceKey, folders: &[CollectionId]) -> Receiver<Event> {
        self.watch_for(Interest::Mailbox { user, device, folders: folders.iter().copied().collect() })
    }

    pub(super) fn watch_for(&self, interest: Interest) -> Receiver<Event> {
        let (sender, woken) = channel();
        self.bus.watch(interest, Box::new(move |event| sender.send(event.clone()).unwrap()));
        woken
    }
}

/// The outcome must say that something is not there, and what.
pub(super) fn assert_missing<T: std::fmt::Debug>(outcome: Result<T, StoreError>, what: Missing) {
    assert!(
        matches!(outcome, Err(StoreError::NotFound(missing)) if missing == what),
        "{outcome:?} is not about {what}"
    );
}

/// The outcome must say that something is taken, and name it.
pub(super) fn assert_exists<T: std::fmt::Debug>(outcome: Result<T, StoreError>, name: &str) {
    assert!(matches!(&outcome, Err(StoreError::Exists(taken)) if taken == name), "{outcome:?} does not name {name}");
}

/// The outcome must say that the mailbox has changed.
pub(super) fn assert_stale<T: std::fmt::Debug>(outcome: Result<T, StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Stale)), "{outcome:?}");
}
