//! Items that a device added though they are stored: it knows them by their id before they were sent to it (I33).
//!
//! What would be an Add of such an item is a Change. They are remembered with the device, because in a calendar that is
//! sent for the first time the item may come many pages later.

use std::collections::BTreeSet;

use easel_protocol::ServerId;
use easel_store::{DeviceKey, Snapshot, StoreError, Write};

use crate::context::{Context, pack, unpack};
use crate::hierarchy::FolderView;

const NAME: &str = "known-items";
/// Items remembered; beyond it the oldest are forgotten, and are sent as an Add.
const KNOWN_MAX: usize = 1000;

/// The items of one device, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    items: Vec<ServerId>,
}

impl Known {
    /// What is remembered; nothing for a device that is never answered so.
    pub(crate) fn read(context: &Context<'_>, snapshot: &dyn Snapshot) -> Result<Self, StoreError> {
        if !context.profile().flag("calendar.add_finds_uid") {
            return Ok(Self::default());
        }
        let value = snapshot.device_value(context.device.key, NAME)?;
        Ok(Self { items: value.and_then(|bytes| unpack(&bytes)).unwrap_or_default() })
    }

    pub(crate) fn has(&self, item: ServerId) -> bool {
        self.items.contains(&item)
    }

    pub(crate) fn push(&mut self, item: ServerId) {
        if !self.has(item) {
            self.items.push(item);
            let over = self.items.len().saturating_sub(KNOWN_MAX);
            self.items.drain(..over);
        }
    }

    /// The device holds nothing of a collection any more.
    pub(crate) fn forget(&mut self, snapshot: &dyn Snapshot, view: &FolderView) -> Result<(), StoreError> {
        let mut gone = BTreeSet::new();
        for item in &self.items {
            if snapshot.folder_of(*item)?.is_none_or(|folder| view.folders.contains(&folder)) {
                gone.insert(*item);
            }
        }
        self.items.retain(|item| !gone.contains(item));
        Ok(())
    }

    /// Keeps them.
    pub(crate) fn write(&self, device: DeviceKey) -> Write {
        let value = (!self.items.is_empty()).then(|| pack(&self.items));
        Write::PutDeviceValue { device, name: NAME, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_and_none_is_remembered_twice() {
        let mut known = Known::default();
        for number in 1..=1002 {
            known.push(ServerId::new(number));
            known.push(ServerId::new(number));
        }
        assert_eq!(known.items.len(), KNOWN_MAX);
        assert!(!known.has(ServerId::new(2)) && known.has(ServerId::new(3)) && known.has(ServerId::new(1002)));
    }
}
