//! A look at a mailbox as it was at one moment.

use std::ops::Range;
use std::sync::Arc;

use easel_protocol::{CollectionId, FolderType, ServerId};

use super::MemoryStore;
use super::mailbox::{Logged, Mailbox, Stored};
use super::searched::{Unit, found_in, units};
use crate::{
    BlobId, CollectionState, Content, DeviceKey, Folder, Item, LogRow, Modseq, Order, Position, Query, Snapshot,
    StoreError, Term,
};

pub(super) struct Look<'a> {
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) store: &'a MemoryStore,
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
        let bytes = self.store.inner().blobs.get(id)?;
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
