//! `[packs]`: which packs serve, and what goes before what they say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use easel_server::Network;

use super::reader::Section;
use super::values;

/// Networks of clouds.
pub(super) const CLOUD_NETWORKS_MAX: usize = 1000;

/// `[packs]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packs {
    /// Where they lie; `None`: in the data directory.
    pub(crate) dir: Option<PathBuf>,
    /// Whose signatures count, and for which packs.
    pub(crate) trusted_keys: Vec<TrustedKey>,
    /// SHA-256 of files that need no signature.
    pub(crate) allow_unsigned: Vec<[u8; 32]>,
    /// Instances at once.
    pub(crate) instances_max: u32,
    /// Packs that may hold devices to less than the policy.
    pub(crate) allow_exempt: Vec<String>,
    /// Devices, by id in lower case, that packs may hold to less than the policy.
    pub(crate) allow_exempt_devices: Vec<String>,
    /// Tenants whose devices packs may hold to less than the policy.
    pub(crate) allow_exempt_tenants: Vec<String>,
    /// Whether requests from servers that hold their users' passwords are refused.
    pub(crate) deny_cloud: bool,
    /// Networks of such servers.
    pub(crate) cloud_networks: Vec<Network>,
    /// Settings of every device, before what its pack says.
    pub(crate) settings: Values,
    /// Settings for the devices of a pack, by its id, before those of every device.
    pub(crate) per_pack: BTreeMap<String, Values>,
    /// Settings for one device, by its id in the normal spelling, before all others.
    pub(crate) per_device: BTreeMap<String, Values>,
    /// What a pack is handed when it is asked about a device, by its id.
    pub(crate) options: BTreeMap<String, Values>,
}

/// Values by name.
pub(crate) type Values = BTreeMap<String, easel_plugin::Value>;

/// A key and the packs it may sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrustedKey {
    /// As minisign writes a public key.
    pub(crate) key: String,
    /// Ids.
    pub(crate) packs: Vec<String>,
}

impl Packs {
    pub(super) fn read(mut section: Section<'_, '_>, dir: &Path) -> Self {
        let packs = Self {
            dir: section.optional("dir", |text| values::path(text, dir)),
            trusted_keys: section.list("trusted_keys", &[], values::trusted_key),
            allow_unsigned: section.list("allow_unsigned", &[], values::sha256),
            instances_max: section.number("instances_max", 64, 1..=1000, "instances"),
            allow_exempt: section.list("allow_exempt", &[], values::text),
            allow_exempt_devices: section.list("allow_exempt_devices", &[], |text| {
                values::text(text).map(|id| easel_protocol::normal_device_id(&id))
            }),
            allow_exempt_tenants: section.list("allow_exempt_tenants", &[], values::text),
            deny_cloud: section.flag("deny_cloud", false),
            cloud_networks: section.list("cloud_networks", &[], values::network),
            settings: section.list("settings", &[], values::device_setting).into_iter().collect(),
            per_pack: section.named("per_pack", values::pack_id, values::setting_value),
            per_device: section.named("per_device", values::device_id, values::setting_value),
            options: section.named("options", values::pack_id, values::option_value),
        };
        let (count, most) = (packs.cloud_networks.len(), CLOUD_NETWORKS_MAX);
        if count > most {
            // Each request is compared with each of them.
            section.wrong("cloud_networks", format!("{count} networks: at most {most}"), "join them into larger ones");
        }
        section.finish();
        packs
    }
}
