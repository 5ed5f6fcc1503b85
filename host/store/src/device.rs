//! Devices: one partnership of a user and a device.

use easel_protocol::DeviceFacts;
use serde::{Deserialize, Serialize};

use crate::{Missing, Store, StoreError, UserId};

/// Names a partnership. MS-ASHTTP 2.2.1.1.1: user, DeviceId and DeviceType together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeviceKey(pub u64);

/// A partnership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The id; `DeviceKey(0)` in a device that is not stored yet.
    pub key: DeviceKey,
    /// Whose.
    pub user: UserId,
    /// The id in its normal spelling; unique for the user together with the type.
    pub id: String,
    /// The type.
    pub kind: String,
    /// Everything that is known of it.
    pub facts: DeviceFacts,
    /// Where it stands with the policy.
    pub policy: PolicyState,
    /// Whether the administrator lets it in.
    pub blocked: bool,
    /// First seen, milliseconds since 1970.
    pub created: i64,
    /// Last seen, milliseconds since 1970; written at most once an hour.
    pub last_seen: i64,
    /// The version list it was told last.
    pub versions_told: String,
}

/// Changes what is stored of a device, and nothing that somebody else changes at the same time: looks, changes and
/// stores, until nobody came in between. The device as it is then; `None` when it is forgotten.
///
/// `change` runs once a look and sees the device as it is stored then.
pub fn change_device(
    store: &dyn Store,
    known: &Device,
    change: impl FnMut(&mut Device),
) -> Result<Option<Device>, StoreError> {
    change_device_of(store, known.user, (&known.id, &known.kind), change)
}

/// [`change_device`], of the device with that id, in its normal spelling, and type.
pub fn change_device_of(
    store: &dyn Store,
    user: UserId,
    (id, kind): (&str, &str),
    mut change: impl FnMut(&mut Device),
) -> Result<Option<Device>, StoreError> {
    loop {
        let Some(before) = store.device(user, id, kind)? else { return Ok(None) };
        let mut after = before.clone();
        change(&mut after);
        if after == before {
            return Ok(Some(before));
        }
        match store.replace_device(&before, &after) {
            Ok(device) => return Ok(Some(device)),
            Err(StoreError::Stale | StoreError::NotFound(Missing::Device)) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Where a device stands with policy and wipe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyState {
    /// The handshake.
    pub provisioning: Provisioning,
    /// A pending or finished wipe.
    pub wipe: Wipe,
}

/// Where a device stands with the policy. MS-ASPROV 3.1.5, 3.2.5.
///
/// ```text
///   Unknown --Provision--> Offered(temporary key) --acknowledged--> Applied(key)
///      ^                         | wrong key: Status 5                  | policy changed: 142..144
///      '-------------------------'<-------------------------------------'
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Provisioning {
    /// No policy was offered, or it was refused.
    #[default]
    Unknown,
    /// Offered, not acknowledged.
    Offered {
        /// Good for one acknowledgement only.
        temporary_key: u32,
        /// Which policy.
        policy: u64,
    },
    /// Acknowledged.
    Applied {
        /// The key of every later request; never 0.
        key: u32,
        /// The temporary key it was acknowledged with: a repeated acknowledgement gets the same answer (K: T06).
        temporary_key: u32,
        /// Which policy.
        policy: u64,
        /// What the device said of it: 1 applied, 2 in part, 4 managed by somebody else.
        compliance: u8,
    },
}

/// A remote wipe. MS-ASPROV 3.1.5.1.2.
///
/// ```text
///   None --administrator--> Pending --device: failed--> Failed --.
///     ^                        |  ^                       |      | told again
///     |                        |  '--- administrator -----+------'
///     '---- administrator -----'--- device: done ---> Done
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wipe {
    /// None.
    #[default]
    None,
    /// The account's data is to be removed.
    AccountPending,
    /// The whole device is to be reset.
    DevicePending,
    /// The device reported success.
    Done,
    /// The device reported that it could not remove the account's data; it is told again whenever it comes.
    AccountFailed,
    /// The device reported that it could not reset itself; it is told again whenever it comes.
    DeviceFailed,
}

impl Wipe {
    /// Whether the device is to be told, for the first time or again.
    pub const fn is_due(self) -> bool {
        match self {
            Self::AccountFailed | Self::AccountPending | Self::DeviceFailed | Self::DevicePending => true,
            Self::Done | Self::None => false,
        }
    }

    /// The same once the device reported that it failed.
    #[must_use]
    pub const fn failed(self) -> Self {
        match self {
            Self::AccountFailed | Self::AccountPending => Self::AccountFailed,
            Self::DeviceFailed | Self::DevicePending => Self::DeviceFailed,
            Self::Done | Self::None => self,
        }
    }
}
