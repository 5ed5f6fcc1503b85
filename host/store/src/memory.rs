//! The store in memory: for tests, and as the plainest statement of what a store does.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use easel_protocol::{CollectionId, Facts, FolderType, Groups, ServerId, WindowKey};

use crate::{
    AppPassword, AppPasswordId, BlobId, Bus, ChangeSet, CollectionState, Committed, Content, Device, DeviceKey, Event,
    FOLLOWED_MAX, Folder, GalEntry, Item, LogKind, LogRow, Mail, Missing, Modseq, NewAppPassword, NewContent,
    NewOutgoing, NewQuarantined, NewUser, Order, Outgoing, OutgoingId, Place, Position, QUARANTINE_BYTES_MAX,
    QUARANTINE_MAX, QuarantineId, Quarantined, Query, Snapshot, Store, StoreError, Tenant, TenantId, Term, User,
    UserId, WELL_KNOWN_FOLDERS, Write, begins_a_word,
};

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
    blobs: HashMap<BlobId, Arc<Vec<u8>>>,
    outgoing: BTreeMap<OutgoingId, Outgoing>,
    notes: BTreeMap<String, String>,
    /// What the last sweep found unnamed.
    suspects: BTreeSet<BlobId>,
    next_user: u64,
    next_app_password: u64,
    next_device: u64,
    next_blob: u64,
    next_outgoing: u64,
}

#[derive(Clone, Default)]
struct Mailbox {
    modseq: Modseq,
    hierarchy: Modseq,
    floor: Modseq,
    next_item: u64,
    next_folder: u64,
    folders: BTreeMap<CollectionId, Folder>,
    items: BTreeMap<ServerId, Stored>,
    positions: BTreeMap<CollectionId, BTreeSet<Position>>,
    log: BTreeMap<CollectionId, Vec<Logged>>,
    collections: BTreeMap<(DeviceKey, CollectionId), CollectionState>,
    device_values: BTreeMap<(DeviceKey, String), Vec<u8>>,
    values: BTreeMap<String, Vec<u8>>,
    sent: BTreeMap<(DeviceKey, Vec<u8>), i64>,
    next_quarantined: u64,
    quarantine: BTreeMap<QuarantineId, NewQuarantined>,
    /// Where conversations go, the one named last at the end.
    followed: Vec<([u8; 16], CollectionId)>,
}

#[derive(Clone)]
struct Stored {
    item: Item,
    search: Searched,
}

/// What an item is found by, in lower case.
#[derive(Clone)]
struct Searched {
    all: String,
    from: String,
    subject: String,
    to: String,
}

impl Searched {
    fn of(facts: &Facts) -> Self {
        Self {
            all: format!("{} {} {}", facts.subject, facts.people, facts.search_text).to_lowercase(),
            from: facts.from.to_lowercase(),
            subject: facts.subject.to_lowercase(),
            to: facts.to.to_lowercase(),
        }
    }

    fn at(&self, place: Place) -> &str {
        match place {
            Place::Anywhere => &self.all,
            Place::From => &self.from,
            Place::Subject => &self.subject,
            Place::To => &self.to,
        }
    }
}

#[derive(Clone)]
struct Logged {
    row: LogRow,
    replaced: Option<String>,
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
    fn put_outgoing(&mut self, outgoing: &Outgoing) {
        if outgoing.recipients.is_empty() && outgoing.failed.is_empty() {
            self.outgoing.remove(&outgoing.id);
        } else if let Some(stored) = self.outgoing.get_mut(&outgoing.id) {
            *stored = outgoing.clone();
        }
    }

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

impl Mailbox {
    fn new() -> Self {
        let mut mailbox = Self { next_item: 1, next_folder: 1, ..Self::default() };
        for (name, kind) in WELL_KNOWN_FOLDERS {
            let id = CollectionId::new(mailbox.next_folder);
            mailbox.next_folder += 1;
            mailbox.folders.insert(id, Folder { id, parent: None, name: name.to_owned(), kind });
        }
        mailbox
    }

    fn stored(&mut self, id: ServerId) -> Result<&mut Stored, StoreError> {
        self.items.get_mut(&id).ok_or(StoreError::NotFound(Missing::Item))
    }

    fn check_name(&self, id: Option<CollectionId>, parent: Option<CollectionId>, name: &str) -> Result<(), StoreError> {
        // Up to the root: every parent is there, and none of them is the folder itself.
        let mut above = parent;
        while let Some(next) = above {
            if Some(next) == id {
                return Err(StoreError::NotFound(Missing::Folder));
            }
            above = self.folders.get(&next).ok_or(StoreError::NotFound(Missing::Folder))?.parent;
        }
        let taken = self.folders.values().any(|other| {
            Some(other.id) != id && other.parent == parent && other.name.to_lowercase() == name.to_lowercase()
        });
        if taken { Err(StoreError::Exists(name.to_owned())) } else { Ok(()) }
    }

    fn next_modseq(&mut self) -> Modseq {
        self.modseq = Modseq(self.modseq.0 + 1);
        self.modseq
    }

    fn append(&mut self, folder: CollectionId, mut row: LogRow, replaced: Option<String>) {
        row.modseq = self.next_modseq();
        if let Some(stored) = self.items.get_mut(&row.item) {
            stored.item.changed = row.modseq;
            if row.kind == LogKind::Entered {
                stored.item.entered = row.modseq;
            }
        }
        self.log.entry(folder).or_default().push(Logged { row, replaced });
    }

    fn enter(&mut self, stored: Stored, author: Option<DeviceKey>) -> Result<(), StoreError> {
        let (id, folder, key) = (stored.item.id, stored.item.folder, stored.item.facts.window);
        if !self.folders.contains_key(&folder) {
            return Err(StoreError::NotFound(Missing::Folder));
        }
        self.next_item = self.next_item.max(id.number() + 1);
        self.items.insert(id, stored);
        self.positions.entry(folder).or_default().insert((key, id));
        self.append(folder, row(id, LogKind::Entered, author, Groups::CONTENT, key, key), None);
        Ok(())
    }

    fn leave(&mut self, id: ServerId, author: Option<DeviceKey>) -> Result<Stored, StoreError> {
        let stored = self.items.remove(&id).ok_or(StoreError::NotFound(Missing::Item))?;
        let (folder, key) = (stored.item.folder, stored.item.facts.window);
        self.positions.entry(folder).or_default().remove(&(key, id));
        let replaced = match &stored.item.content {
            Content::Object(text) => Some(text.clone()),
            Content::Mail(_) => None,
        };
        self.append(folder, row(id, LogKind::Left, author, Groups::CONTENT, key, key), replaced);
        Ok(stored)
    }

    fn apply(
        &mut self,
        write: Write,
        author: Option<DeviceKey>,
        touched: &mut Touched,
        queued: &mut Queued,
    ) -> Result<(), StoreError> {
        match write {
            Write::AddFolder { id, parent, name, kind } => {
                self.check_name(None, parent, &name)?;
                self.next_folder = self.next_folder.max(id.number() + 1);
                self.folders.insert(id, Folder { id, parent, name, kind });
                self.hierarchy = self.next_modseq();
                touched.hierarchy = true;
            }
            Write::AddItem { id, folder, content, facts } => {
                self.enter(stored(id, folder, content, facts), author)?;
                touched.folders.insert(folder);
            }
            Write::ChangeContent { id, content, facts, seen } => {
                let search = Searched::of(&facts);
                let stored = self.stored(id)?;
                if stored.item.changed > seen {
                    return Err(StoreError::Stale);
                }
                let (folder, before, after) = (stored.item.folder, stored.item.facts.window, facts.window);
                let replaced = std::mem::replace(&mut stored.item.content, Content::Object(content));
                stored.item.facts = unread(facts);
                stored.search = search;
                let positions = self.positions.entry(folder).or_default();
                positions.remove(&(before, id));
                positions.insert((after, id));
                let replaced = match replaced {
                    Content::Object(text) => Some(text),
                    Content::Mail(_) => None,
                };
                self.append(folder, row(id, LogKind::Changed, author, Groups::CONTENT, before, after), replaced);
                touched.folders.insert(folder);
            }
            Write::ChangeRecord { id, record, groups, seen } => {
                let stored = self.stored(id)?;
                if stored.item.changed > seen {
                    return Err(StoreError::Stale);
                }
                let (folder, key) = (stored.item.folder, stored.item.facts.window);
                let Content::Mail(mail) = &mut stored.item.content else {
                    return Err(StoreError::NotFound(Missing::Item));
                };
                mail.record = record;
                self.append(folder, row(id, LogKind::Changed, author, groups, key, key), None);
                touched.folders.insert(folder);
            }
            Write::DeliverItem { id, folder, content, facts } => {
                let folder = self.delivered_to(folder, &facts);
                self.enter(stored(id, folder, content, facts), None)?;
                touched.folders.insert(folder);
            }
            Write::FollowConversation { conversation, to } => self.follow(conversation, to)?,
            Write::MoveItem { id, to, new_id } => {
                if !self.folders.contains_key(&to) {
                    return Err(StoreError::NotFound(Missing::Folder));
                }
                let mut stored = self.leave(id, author)?;
                touched.folders.extend([stored.item.folder, to]);
                stored.item.id = new_id;
                stored.item.folder = to;
                self.enter(stored, None)?;
            }
            Write::PutCollection { device, collection, expect, state } => {
                let place = (device, collection);
                if self.collections.get(&place).map(CollectionState::key) != expect {
                    return Err(StoreError::Stale);
                }
                match state {
                    Some(state) => self.collections.insert(place, state),
                    None => self.collections.remove(&place),
                };
            }
            Write::PutOutgoing(outgoing) => queued.tried.push(outgoing),
            Write::PutDeviceValue { device, name, value } => {
                put(&mut self.device_values, (device, name.to_owned()), value)
            }
            Write::PutValue { name, value } => put(&mut self.values, name.to_owned(), value),
            Write::Quarantine(new) => self.put_into_quarantine(new),
            Write::Queue(new) => queued.new.push(new),
            Write::RememberSent { device, token, at } => {
                self.sent.insert((device, token), at);
            }
            Write::RemoveFolder { id } => self.remove_folder(id, author, touched)?,
            Write::RemoveItem { id } => {
                let left = self.leave(id, author)?;
                touched.folders.insert(left.item.folder);
            }
            Write::TakeFromQuarantine { id } => {
                self.quarantine.remove(&id).ok_or(StoreError::NotFound(Missing::Quarantined))?;
            }
            Write::UpdateFolder { id, parent, name } => {
                self.check_name(Some(id), parent, &name)?;
                let folder = self.folders.get_mut(&id).ok_or(StoreError::NotFound(Missing::Folder))?;
                folder.parent = parent;
                folder.name = name;
                self.hierarchy = self.next_modseq();
                touched.hierarchy = true;
            }
            // Looked at when everything is written.
            Write::Within { .. } => {}
        }
        Ok(())
    }

    /// Where a mail goes that would come into `folder`.
    fn delivered_to(&self, folder: CollectionId, facts: &Facts) -> CollectionId {
        let is_sent = self.folders.get(&folder).is_some_and(|folder| folder.kind == FolderType::SentItems);
        let followed = facts.conversation.filter(|_| !is_sent).and_then(|conversation| self.followed(conversation));
        followed.unwrap_or(folder)
    }

    fn followed(&self, conversation: [u8; 16]) -> Option<CollectionId> {
        self.followed.iter().find(|(of, _)| *of == conversation).map(|(_, to)| *to)
    }

    fn follow(&mut self, conversation: [u8; 16], to: Option<CollectionId>) -> Result<(), StoreError> {
        if to.is_some_and(|to| !self.folders.contains_key(&to)) {
            return Err(StoreError::NotFound(Missing::Folder));
        }
        self.followed.retain(|(of, _)| *of != conversation);
        self.followed.extend(to.map(|to| (conversation, to)));
        self.followed.drain(..self.followed.len().saturating_sub(FOLLOWED_MAX));
        Ok(())
    }

    fn bytes(&self) -> u64 {
        let of = |stored: &Stored| match &stored.item.content {
            Content::Mail(mail) => mail.size,
            Content::Object(text) => text.len() as u64,
        };
        self.items.values().map(of).sum()
    }

    fn put_into_quarantine(&mut self, new: NewQuarantined) {
        if new.size > QUARANTINE_BYTES_MAX {
            return;
        }
        self.next_quarantined += 1;
        self.quarantine.insert(QuarantineId(self.next_quarantined), new);
        let bytes = |kept: &BTreeMap<_, NewQuarantined>| kept.values().map(|one| one.size).sum::<u64>();
        while self.quarantine.len() > QUARANTINE_MAX || bytes(&self.quarantine) > QUARANTINE_BYTES_MAX {
            self.quarantine.pop_first();
        }
    }

    fn remove_folder(
        &mut self,
        id: CollectionId,
        author: Option<DeviceKey>,
        touched: &mut Touched,
    ) -> Result<(), StoreError> {
        if !self.folders.contains_key(&id) {
            return Err(StoreError::NotFound(Missing::Folder));
        }
        let inside: Vec<CollectionId> =
            self.folders.values().filter(|folder| folder.parent == Some(id)).map(|folder| folder.id).collect();
        for folder in inside {
            self.remove_folder(folder, author, touched)?;
        }
        let items: Vec<ServerId> = self.positions.get(&id).into_iter().flatten().map(|(_, item)| *item).collect();
        for item in items {
            self.leave(item, author)?;
        }
        self.folders.remove(&id);
        self.followed.retain(|(_, to)| *to != id);
        self.hierarchy = self.next_modseq();
        touched.hierarchy = true;
        touched.folders.insert(id);
        Ok(())
    }
}

/// What a change set does to the queue.
#[derive(Default)]
struct Queued {
    new: Vec<NewOutgoing>,
    tried: Vec<Outgoing>,
}

/// What a change set touched.
#[derive(Default)]
struct Touched {
    folders: BTreeSet<CollectionId>,
    hierarchy: bool,
}

fn row(
    item: ServerId,
    kind: LogKind,
    author: Option<DeviceKey>,
    groups: Groups,
    key_before: WindowKey,
    key_after: WindowKey,
) -> LogRow {
    LogRow { modseq: Modseq(0), item, kind, author, groups, key_before, key_after }
}

/// An item as it enters.
fn stored(id: ServerId, folder: CollectionId, content: NewContent, facts: Facts) -> Stored {
    let (content, search) = (made(content), Searched::of(&facts));
    Stored { item: Item { id, folder, entered: Modseq(0), changed: Modseq(0), content, facts: unread(facts) }, search }
}

fn made(content: NewContent) -> Content {
    match content {
        NewContent::Mail { blob, size, index, record } => Content::Mail(Mail { blob, size, index, record }),
        NewContent::Object(text) => Content::Object(text),
    }
}

/// The mail that a write names.
fn blob_named(write: &Write) -> Option<BlobId> {
    if let Write::AddItem { content: NewContent::Mail { blob, .. }, .. }
    | Write::DeliverItem { content: NewContent::Mail { blob, .. }, .. } = write
    {
        Some(*blob)
    } else if let Write::Queue(new) = write {
        Some(new.blob)
    } else if let Write::Quarantine(new) = write {
        Some(new.blob)
    } else {
        None
    }
}

/// A part of a text, for searching.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Unit {
    Word(String),
    /// A character that begins a word by itself.
    Character(char),
    /// Behind a row of those.
    End,
}

/// Runs of letters and digits; of those that are written without spaces each character.
fn units(text: &str) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut within = false;
    for c in text.chars() {
        if !within || !c.is_alphanumeric() || begins_a_word(c) {
            if matches!(units.last(), Some(Unit::Character(_))) && !begins_a_word(c) {
                units.push(Unit::End);
            }
            within = false;
        }
        if begins_a_word(c) && c.is_alphanumeric() {
            units.push(Unit::Character(c));
        } else if c.is_alphanumeric() {
            match units.last_mut().filter(|_| within) {
                Some(Unit::Word(word)) => word.push(c),
                Some(Unit::Character(_) | Unit::End) | None => units.push(Unit::Word(c.to_string())),
            }
            within = true;
        }
    }
    if matches!(units.last(), Some(Unit::Character(_))) {
        units.push(Unit::End);
    }
    units
}

/// Whether the parts of a term stand one after the other: all but the last whole, and the last too if that is asked for.
fn found_in(text: &[Unit], parts: &[Unit], whole: bool) -> bool {
    let parts = parts.strip_suffix(&[Unit::End]).unwrap_or(parts);
    let Some((last, first)) = parts.split_last() else { return false };
    let begins = |unit: &Unit| match (unit, last) {
        (Unit::Word(word), Unit::Word(begin)) if !whole => word.starts_with(begin),
        (unit, last) => unit == last,
    };
    text.windows(parts.len()).any(|place| place[..first.len()] == *first && begins(&place[first.len()]))
}

/// Facts as they are read back.
fn unread(facts: Facts) -> Facts {
    Facts { from: String::new(), to: String::new(), search_text: String::new(), ..facts }
}

fn put<K: Ord>(map: &mut BTreeMap<K, Vec<u8>>, key: K, value: Option<Vec<u8>>) {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
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
        inner.outgoing.retain(|_, outgoing| outgoing.user != id);
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
        let mut inner = self.inner();
        inner.next_blob += 1;
        let id = BlobId(inner.next_blob);
        inner.blobs.insert(id, Arc::new(bytes.to_vec()));
        Ok(id)
    }

    fn read_blob(&self, id: BlobId) -> Result<Vec<u8>, StoreError> {
        let inner = self.inner();
        inner.blobs.get(&id).map(|bytes| bytes.to_vec()).ok_or(StoreError::NotFound(Missing::Blob))
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
            if blob_named(&write).is_some_and(|blob| !inner.blobs.contains_key(&blob)) {
                return Err(StoreError::NotFound(Missing::Blob));
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
            inner.put_outgoing(&tried);
        }
        for new in queued.new {
            inner.next_outgoing += 1;
            let id = OutgoingId(inner.next_outgoing);
            let outgoing = Outgoing {
                id,
                user: changes.user,
                sender: new.sender,
                recipients: new.recipients,
                failed: Vec::new(),
                delayed: Vec::new(),
                delay_told: false,
                blob: new.blob,
                queued: new.queued,
                attempts: 0,
                tried: None,
                waited: 0,
                next_attempt: new.queued,
                last_error: None,
            };
            inner.outgoing.insert(id, outgoing);
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
        let inner = self.inner();
        let due = |outgoing: &&Outgoing| outgoing.next_attempt <= now;
        Ok(inner.outgoing.values().filter(due).take(limit).cloned().collect())
    }

    fn put_outgoing(&self, outgoing: &Outgoing) -> Result<(), StoreError> {
        self.inner().put_outgoing(outgoing);
        Ok(())
    }

    fn outgoing(&self, id: OutgoingId) -> Result<Option<Outgoing>, StoreError> {
        Ok(self.inner().outgoing.get(&id).cloned())
    }

    fn list_outgoing(&self, after: OutgoingId, limit: usize) -> Result<Vec<Outgoing>, StoreError> {
        let inner = self.inner();
        Ok(inner.outgoing.values().filter(|outgoing| outgoing.id > after).take(limit).cloned().collect())
    }

    fn retry_outgoing(&self, id: OutgoingId, now: i64) -> Result<bool, StoreError> {
        let mut inner = self.inner();
        let Some(outgoing) = inner.outgoing.get_mut(&id) else { return Ok(false) };
        outgoing.retry(now);
        drop(inner);
        self.bus.publish(&Event::Outgoing);
        Ok(true)
    }

    fn drop_outgoing(&self, id: OutgoingId) -> Result<bool, StoreError> {
        Ok(self.inner().outgoing.remove(&id).is_some())
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
        let queued = inner.outgoing.values().map(|outgoing| outgoing.blob);
        let named: BTreeSet<BlobId> = named.chain(quarantined).chain(queued).collect();
        let unnamed: BTreeSet<BlobId> = inner.blobs.keys().filter(|blob| !named.contains(blob)).copied().collect();
        let (twice, once): (BTreeSet<BlobId>, BTreeSet<BlobId>) =
            unnamed.into_iter().partition(|blob| inner.suspects.contains(blob));
        inner.blobs.retain(|blob, _| !twice.contains(blob));
        inner.suspects = once;
        Ok(twice.len() as u64)
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

struct Look<'a> {
    mailbox: Arc<Mailbox>,
    store: &'a MemoryStore,
}

impl Look<'_> {
    fn rows(&self, item: ServerId) -> impl Iterator<Item = &Logged> {
        let mut rows: Vec<&Logged> =
            self.mailbox.log.values().flatten().filter(|logged| logged.row.item == item).collect();
        rows.sort_by_key(|logged| logged.row.modseq);
        rows.into_iter()
    }
}

impl Snapshot for Look<'_> {
    fn modseq(&self) -> Modseq {
        self.mailbox.modseq
    }

    fn hierarchy(&self) -> Result<Modseq, StoreError> {
        Ok(self.mailbox.hierarchy)
    }

    fn folders(&self) -> Result<Vec<Folder>, StoreError> {
        Ok(self.mailbox.folders.values().cloned().collect())
    }

    fn folder(&self, id: CollectionId) -> Result<Option<Folder>, StoreError> {
        Ok(self.mailbox.folders.get(&id).cloned())
    }

    fn item(&self, id: ServerId) -> Result<Option<Item>, StoreError> {
        Ok(self.mailbox.items.get(&id).map(|stored| stored.item.clone()))
    }

    fn folder_of(&self, id: ServerId) -> Result<Option<CollectionId>, StoreError> {
        Ok(self.mailbox.items.get(&id).map(|stored| stored.item.folder))
    }

    fn content_at(&self, id: ServerId, at: Modseq) -> Result<Option<String>, StoreError> {
        if at < self.mailbox.floor {
            return Ok(None);
        }
        if let Some(logged) = self.rows(id).find(|logged| logged.row.modseq > at) {
            return Ok(logged.replaced.clone());
        }
        Ok(self.mailbox.items.get(&id).and_then(|stored| match &stored.item.content {
            Content::Object(text) => Some(text.clone()),
            Content::Mail(_) => None,
        }))
    }

    fn range(
        &self,
        folder: CollectionId,
        positions: Range<Position>,
        order: Order,
        limit: usize,
    ) -> Result<Vec<Position>, StoreError> {
        let Some(all) = self.mailbox.positions.get(&folder).filter(|_| !positions.is_empty()) else {
            return Ok(Vec::new());
        };
        let found = all.range(positions).copied();
        Ok(match order {
            Order::Ascending => found.take(limit).collect(),
            Order::Descending => found.rev().take(limit).collect(),
        })
    }

    fn count(&self, folder: CollectionId) -> Result<u64, StoreError> {
        Ok(self.mailbox.positions.get(&folder).map_or(0, |positions| positions.len() as u64))
    }

    fn log(&self, folder: CollectionId, after: Modseq, limit: usize) -> Result<Vec<LogRow>, StoreError> {
        let rows = self.mailbox.log.get(&folder).map_or(&[][..], Vec::as_slice);
        let from = rows.partition_point(|logged| logged.row.modseq <= after);
        Ok(rows[from..].iter().take(limit).map(|logged| logged.row.clone()).collect())
    }

    fn last_row(&self, item: ServerId) -> Result<Option<LogRow>, StoreError> {
        Ok(self.rows(item).last().map(|logged| logged.row.clone()))
    }

    fn log_floor(&self) -> Result<Modseq, StoreError> {
        Ok(self.mailbox.floor)
    }

    fn by_uid(&self, uid: &str) -> Result<Vec<ServerId>, StoreError> {
        let has = |stored: &&Stored| stored.item.facts.uid.as_deref() == Some(uid);
        Ok(self.mailbox.items.values().filter(has).map(|stored| stored.item.id).collect())
    }

    fn followed(&self, conversation: [u8; 16]) -> Result<Option<CollectionId>, StoreError> {
        Ok(self.mailbox.followed(conversation))
    }

    fn search(&self, query: &Query) -> Result<Vec<ServerId>, StoreError> {
        let class_of =
            |folder: CollectionId| self.mailbox.folders.get(&folder).map(|f| f.kind).and_then(FolderType::class);
        let asked: Vec<(&Term, Vec<Unit>)> = query
            .words
            .iter()
            .filter(|term| !term.text.is_empty())
            .map(|term| (term, units(&term.text.to_lowercase())))
            .collect();
        if asked.iter().any(|(_, parts)| parts.is_empty()) {
            return Ok(Vec::new());
        }
        let mut found: Vec<&Stored> = self
            .mailbox
            .items
            .values()
            .filter(|stored| {
                let item = &stored.item;
                let key = item.facts.window.0;
                (query.folders.is_empty() || query.folders.contains(&item.folder))
                    && (query.classes.is_empty()
                        || class_of(item.folder).is_some_and(|class| query.classes.contains(&class)))
                    && (query.conversation.is_none() || query.conversation == item.facts.conversation)
                    && query.after.is_none_or(|after| key > after)
                    && query.before.is_none_or(|before| key < before)
                    && asked
                        .iter()
                        .all(|(term, parts)| found_in(&units(stored.search.at(term.place)), parts, term.whole))
            })
            .collect();
        found.sort_by_key(|stored| std::cmp::Reverse((stored.item.facts.window, stored.item.id)));
        Ok(found.into_iter().take(query.limit).map(|stored| stored.item.id).collect())
    }

    fn blob(&self, id: BlobId, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        let bytes = self.store.inner().blobs.get(&id).cloned().ok_or(StoreError::NotFound(Missing::Blob))?;
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Ok(bytes[at(range.start)..at(range.end).max(at(range.start))].to_vec())
    }

    fn collection(&self, device: DeviceKey, collection: CollectionId) -> Result<Option<CollectionState>, StoreError> {
        Ok(self.mailbox.collections.get(&(device, collection)).cloned())
    }

    fn device_value(&self, device: DeviceKey, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.mailbox.device_values.get(&(device, name.to_owned())).cloned())
    }

    fn value(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.mailbox.values.get(name).cloned())
    }

    fn was_sent(&self, device: DeviceKey, token: &[u8]) -> Result<Option<i64>, StoreError> {
        Ok(self.mailbox.sent.get(&(device, token.to_vec())).copied())
    }
}
