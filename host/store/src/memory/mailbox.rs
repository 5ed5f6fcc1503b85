//! One user's folders and items, their change log, and what is known of the user's devices.

use std::collections::{BTreeMap, BTreeSet};

use easel_protocol::{CollectionId, Facts, FolderType, Groups, ServerId, WindowKey};

use super::searched::Searched;
use crate::{
    CollectionState, Content, DeviceKey, FOLLOWED_MAX, Folder, Item, LogKind, LogRow, Mail, Missing, Modseq,
    NewContent, NewOutgoing, NewQuarantined, Outgoing, Position, QUARANTINE_BYTES_MAX, QUARANTINE_MAX, QuarantineId,
    StoreError, WELL_KNOWN_FOLDERS, Write,
};

#[derive(Clone, Default)]
pub(super) struct Mailbox {
    pub(super) modseq: Modseq,
    pub(super) hierarchy: Modseq,
    pub(super) floor: Modseq,
    pub(super) next_item: u64,
    pub(super) next_folder: u64,
    pub(super) folders: BTreeMap<CollectionId, Folder>,
    pub(super) items: BTreeMap<ServerId, Stored>,
    pub(super) positions: BTreeMap<CollectionId, BTreeSet<Position>>,
    pub(super) log: BTreeMap<CollectionId, Vec<Logged>>,
    pub(super) collections: BTreeMap<(DeviceKey, CollectionId), CollectionState>,
    pub(super) device_values: BTreeMap<(DeviceKey, String), Vec<u8>>,
    pub(super) values: BTreeMap<String, Vec<u8>>,
    pub(super) sent: BTreeMap<(DeviceKey, Vec<u8>), i64>,
    pub(super) next_quarantined: u64,
    pub(super) quarantine: BTreeMap<QuarantineId, NewQuarantined>,
    /// Where conversations go, the one named last at the end.
    pub(super) followed: Vec<([u8; 16], CollectionId)>,
}

#[derive(Clone)]
pub(super) struct Stored {
    pub(super) item: Item,
    pub(super) search: Searched,
}

#[derive(Clone)]
pub(super) struct Logged {
    pub(super) row: LogRow,
    pub(super) replaced: Option<String>,
}

impl Mailbox {
    pub(super) fn new() -> Self {
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

    pub(super) fn apply(
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

    pub(super) fn followed(&self, conversation: [u8; 16]) -> Option<CollectionId> {
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

    pub(super) fn bytes(&self) -> u64 {
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
pub(super) struct Queued {
    pub(super) new: Vec<NewOutgoing>,
    pub(super) tried: Vec<Outgoing>,
}

/// What a change set touched.
#[derive(Default)]
pub(super) struct Touched {
    pub(super) folders: BTreeSet<CollectionId>,
    pub(super) hierarchy: bool,
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
