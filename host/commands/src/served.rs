//! What a device was served with: a changed profile is an event of the protocol, for exactly the devices concerned.
//!
//! A mark stands for all settings with one effect. The one of the tree is kept when the device learns the tree, the one
//! of versions when it is told of them; the marks of items are kept with their collections ([`crate::sync::options`]).
//! A new version of a pack may ask for the same though no setting changed: [`Served::under`].

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use easel_plugin::settings::Effect;
use easel_plugin::{DevicePlugin, Profile};
use easel_store::{ChangeSet, DeviceKey, StoreError, User, Write};
use serde::{Deserialize, Serialize};

use crate::Service;
use crate::context::{Context, pack, unpack};
use crate::hierarchy_state;

const NAME: &str = "served";

/// Devices remembered; above it all are forgotten, and read again as they come.
const REMEMBERED_MAX: usize = 20_000;

/// The marks of a profile; the default are those of a profile that says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marks {
    pub(crate) hierarchy: u64,
    pub(crate) renegotiate: u64,
}

/// What a device was served with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Served {
    pub(crate) marks: Marks,
    /// The pack that served it last, and its version; empty before the first.
    pack: String,
    version: String,
    /// How often a new version had everything sent again.
    pub(crate) resends: u32,
    /// Whether a new version wants the tree sent again, and the device has not asked for it yet.
    pub(crate) tree_is_due: bool,
    /// Whether a new version wants the device to ask for the protocol versions again, and it was not told yet.
    pub(crate) versions_are_due: bool,
    /// What its pack wishes of the policy without leave; empty for nothing.
    pub(crate) wish: String,
}

/// What the devices seen lately were served with.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<HashMap<DeviceKey, Served>>);

impl Known {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<DeviceKey, Served>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Marks {
    /// The marks of a profile.
    pub(crate) fn of(profile: &Profile) -> Self {
        Self { hierarchy: profile.mark(Effect::Hierarchy, &[]), renegotiate: profile.mark(Effect::Renegotiate, &[]) }
    }
}

impl Served {
    /// Just these marks, and nothing else.
    pub(crate) fn with(marks: Marks) -> Self {
        Self { marks, ..Self::default() }
    }

    /// What a device was served with last.
    pub(crate) fn read(service: &Service, user: &User, device: DeviceKey) -> Result<Self, StoreError> {
        if let Some(served) = service.served().with(|known| known.get(&device).cloned()) {
            return Ok(served);
        }
        let served = Self::stored(service, user, device)?;
        service.served().with(|known| {
            if known.len() >= REMEMBERED_MAX {
                known.clear();
            }
            known.insert(device, served.clone());
        });
        Ok(served)
    }

    /// The same, from the store.
    pub(crate) fn stored(service: &Service, user: &User, device: DeviceKey) -> Result<Self, StoreError> {
        let value = service.store().snapshot(user.id)?.device_value(device, NAME)?;
        // Before there was more, the marks stood alone.
        let read = |bytes: Vec<u8>| unpack(&bytes).or_else(|| unpack(&bytes).map(Self::with));
        Ok(value.and_then(read).unwrap_or_default())
    }

    /// What keeps it, as part of a change. To be followed by [`Served::kept`] when it is committed.
    pub(crate) fn write(&self, device: DeviceKey) -> Write {
        Write::PutDeviceValue { device, name: NAME, value: Some(pack(self)) }
    }

    /// It is kept, or may be.
    pub(crate) fn kept(context: &Context<'_>) {
        forget(context.service, context.device.key);
    }

    /// Changes by itself what is kept of the device of a request, unless it is one that is never stored.
    pub(crate) fn change(context: &Context<'_>, change: impl FnOnce(&mut Self)) -> Result<(), StoreError> {
        if crate::device::is_probe(&context.device) {
            return Ok(());
        }
        // The request may have kept something meanwhile.
        let before = Self::read(context.service, context.user, context.device.key)?;
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return Ok(());
        }
        let mut set = ChangeSet::new(context.user.id);
        set.writes.push(after.write(context.device.key));
        context.store().commit(set)?;
        Self::kept(context);
        Ok(())
    }

    /// Takes note of what serves the device now. A pack that takes the place of an earlier version of itself has what
    /// its manifest asks for begun, and the greater effect contains the smaller.
    pub(crate) fn under(
        mut self,
        service: &Service,
        user: &User,
        device: DeviceKey,
        plugin: &dyn DevicePlugin,
    ) -> Result<Self, StoreError> {
        let Some(now) = plugin.pack() else { return Ok(self) };
        if now.id == self.pack && now.version == self.version {
            return Ok(self);
        }
        let follows = now.id == self.pack && now.is_above(&self.version);
        let effect = if follows { plugin.upgrade() } else { Effect::None };
        let mut set = ChangeSet::new(user.id);
        if effect >= Effect::Resend {
            self.resends = self.resends.wrapping_add(1);
        }
        // A device that never learned the tree has nothing to learn again.
        if effect >= Effect::Hierarchy && hierarchy_state::is_known(&*service.store().snapshot(user.id)?, device)? {
            self.tree_is_due = true;
            set.writes.push(hierarchy_state::forget(device));
        }
        self.versions_are_due |= effect >= Effect::Renegotiate;
        if effect != Effect::None {
            let (pack, version) = (&now.id, &now.version);
            tracing::info!(
                user = user.id.0,
                device = device.0,
                pack,
                version,
                ?effect,
                "a new version serves a device"
            );
        }
        now.id.clone_into(&mut self.pack);
        now.version.clone_into(&mut self.version);
        set.writes.push(self.write(device));
        service.store().commit(set)?;
        forget(service, device);
        Ok(self)
    }
}

fn forget(service: &Service, device: DeviceKey) {
    service.served().with(|known| known.remove(&device));
}
