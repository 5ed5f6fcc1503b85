//! The list of folders a device was sent last, and the one before.

use std::collections::BTreeMap;

use easel_protocol::{CollectionId, SyncKey};
use easel_store::{DeviceKey, Modseq, Snapshot, StoreError, Write};
use serde::{Deserialize, Serialize};

use crate::context::{Context, pack, unpack};
use crate::hierarchy::{FolderView, Ids};

const NAME: &str = "hierarchy";

/// What a device knows of the tree.
///
/// ```text
///   key 0 --> step 1 --key 1--> step 2 --key 2--> ...
///               ^ key of the step before again: the answer was lost; the same difference, the same new key
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HierarchyState {
    pub(crate) generation: u32,
    pub(crate) step: u64,
    /// What the device knew at the key before the current one.
    pub(crate) before: Vec<FolderView>,
    /// What it knows at the current key.
    pub(crate) after: Vec<FolderView>,
    /// The tree and the profile were looked at up to here.
    pub(crate) seen: Modseq,
    /// How the ids were written.
    pub(crate) ids: Ids,
}

/// What makes a device that sends its key start over with the tree.
pub(crate) fn forget(device: DeviceKey) -> Write {
    Write::PutDeviceValue { device, name: NAME, value: None }
}

/// Whether a device learned the tree.
pub(crate) fn is_known(snapshot: &dyn Snapshot, device: DeviceKey) -> Result<bool, StoreError> {
    Ok(snapshot.device_value(device, NAME)?.is_some())
}

/// Which of its keys a device has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyAge {
    Current,
    Previous,
    Unknown,
}

impl HierarchyState {
    /// What is remembered of a device; nothing of one that knows all folders by ids which are written otherwise now: it
    /// is to start over.
    pub(crate) fn read(snapshot: &dyn Snapshot, device: DeviceKey, ids: Ids) -> Result<Option<Self>, StoreError> {
        let state: Option<Self> = snapshot.device_value(device, NAME)?.and_then(|bytes| unpack(&bytes));
        Ok(state.filter(|state| state.ids == ids))
    }

    /// Whether a device that learned the tree before knows another one than it is shown now.
    pub(crate) fn is_behind(
        context: &Context<'_>,
        snapshot: &dyn Snapshot,
        view: &[FolderView],
    ) -> Result<bool, StoreError> {
        let state: Option<Self> = snapshot.device_value(context.device.key, NAME)?.and_then(|bytes| unpack(&bytes));
        Ok(state.is_some_and(|state| state.ids != context.ids || !difference(&state.after, view).is_empty()))
    }

    pub(crate) fn write(&self, device: DeviceKey) -> Write {
        Write::PutDeviceValue { device, name: NAME, value: Some(pack(self)) }
    }

    pub(crate) const fn key(&self) -> SyncKey {
        SyncKey::Issued { generation: self.generation, step: self.step }
    }

    pub(crate) fn age(&self, key: SyncKey) -> KeyAge {
        if key == self.key() {
            KeyAge::Current
        } else if self.step > 1 && key == (SyncKey::Issued { generation: self.generation, step: self.step - 1 }) {
            KeyAge::Previous
        } else {
            KeyAge::Unknown
        }
    }

    /// The device learns `list`.
    pub(crate) fn advance(&mut self, list: Vec<FolderView>) {
        self.before = std::mem::replace(&mut self.after, list);
        self.step += 1;
    }
}

/// One difference between two lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FolderChange {
    Add(FolderView),
    Delete(CollectionId),
    Update(FolderView),
}

/// What turns `old` into `new`: updates, then additions parents first, then deletions children first.
pub(crate) fn difference(old: &[FolderView], new: &[FolderView]) -> Vec<FolderChange> {
    let known: BTreeMap<CollectionId, &FolderView> = old.iter().map(|folder| (folder.id, folder)).collect();
    let mut changes = Vec::new();
    for folder in new {
        match known.get(&folder.id) {
            Some(before) if before.looks_like(folder) => {}
            Some(_) => changes.push(FolderChange::Update(folder.clone())),
            None => changes.push(FolderChange::Add(folder.clone())),
        }
    }
    let gone = old.iter().rev().filter(|folder| !new.iter().any(|other| other.id == folder.id));
    changes.extend(gone.map(|folder| FolderChange::Delete(folder.id)));
    changes
}
