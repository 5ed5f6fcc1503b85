//! What a device was served with: a changed profile is an event of the protocol, for exactly the devices concerned.
//!
//! A mark stands for all settings with one effect. The one of the tree is kept when the device learns the tree, the one
//! of versions when it is told of them; the marks of items are kept with their collections ([`crate::sync::options`]).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use easel_plugin::Profile;
use easel_plugin::settings::Effect;
use easel_store::{ChangeSet, DeviceKey, StoreError, User, Write};
use serde::{Deserialize, Serialize};

use crate::Service;
use crate::context::{Context, pack, unpack};

const NAME: &str = "served";

/// Devices remembered; above it all are forgotten, and read again as they come.
const REMEMBERED_MAX: usize = 20_000;

/// The marks a device was served with; the default is the mark of a profile that says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Served {
    pub(crate) hierarchy: u64,
    pub(crate) renegotiate: u64,
}

/// What the devices seen lately were served with.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashMap<DeviceKey, Served>>);

impl Known {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<DeviceKey, Served>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Served {
    /// The marks of a profile.
    pub(crate) fn of(profile: &Profile) -> Self {
        Self { hierarchy: profile.mark(Effect::Hierarchy, &[]), renegotiate: profile.mark(Effect::Renegotiate, &[]) }
    }

    /// What a device was served with last.
    pub(crate) fn read(service: &Service, user: &User, device: DeviceKey) -> Result<Self, StoreError> {
        if let Some(served) = service.served().with(|known| known.get(&device).copied()) {
            return Ok(served);
        }
        let value = service.store().snapshot(user.id)?.device_value(device, NAME)?;
        let served = value.and_then(|bytes| unpack(&bytes)).unwrap_or_default();
        service.served().with(|known| {
            if known.len() >= REMEMBERED_MAX {
                known.clear();
            }
            known.insert(device, served);
        });
        Ok(served)
    }

    /// What keeps the marks, as part of a change. To be followed by [`Served::kept`] when it is committed.
    pub(crate) fn write(self, device: DeviceKey) -> Write {
        Write::PutDeviceValue { device, name: NAME, value: Some(pack(&self)) }
    }

    /// The marks are kept, or may be.
    pub(crate) fn kept(context: &Context<'_>) {
        context.service.served().with(|known| known.remove(&context.device.key));
    }

    /// Keeps the marks by themselves.
    pub(crate) fn keep(self, context: &Context<'_>) -> Result<(), StoreError> {
        let mut set = ChangeSet::new(context.user.id);
        set.writes.push(self.write(context.device.key));
        context.store().commit(set)?;
        Self::kept(context);
        Ok(())
    }
}
