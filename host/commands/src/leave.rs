//! How strictly a device is held to the policy: what its pack wishes, where the operator gave leave.

use easel_plugin::Profile;
use easel_store::{ChangeSet, StoreError, Write};

use crate::context::Context;
use crate::device;

/// The value of a device that holds a wish for which the operator gave no leave.
const WISH: &str = "policy-wish";

/// Whose devices may be held to less than the policy demands. The default gives nobody leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyAllowance {
    /// Ids of packs.
    pub packs: Vec<String>,
    /// Ids of devices, in lower case.
    pub devices: Vec<String>,
    /// Names of tenants.
    pub tenants: Vec<String>,
}

/// How strictly a device is held to a policy that is required.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Enforcement {
    /// No policy concerns it.
    Exempt,
    /// It is offered the policy and let in without it.
    Loose,
    /// It has to accept the policy first.
    Strict,
}

impl Enforcement {
    /// What the profile wishes.
    fn wished(profile: &Profile) -> Self {
        match (profile.text("policy.enforce"), profile.text("policy.send")) {
            // Whoever is to be sent no policy cannot accept one (K: G23).
            ("exempt", _) | (_, "none") => Self::Exempt,
            ("loose", _) => Self::Loose,
            _ => Self::Strict,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Exempt => "exempt",
            Self::Loose => "loose",
            Self::Strict => "strict",
        }
    }
}

/// How strictly the device is held to the policy. A wish without leave is logged and kept with the device, once.
pub(crate) fn enforcement(context: &Context<'_>) -> Enforcement {
    let wished = Enforcement::wished(context.profile());
    if wished == Enforcement::Strict || !context.service.settings().policy.required {
        return wished;
    }
    match may(context) {
        Ok(true) => return wished,
        Ok(false) => {}
        Err(error) => tracing::error!(device = context.device.key.0, %error, "the leave of a device is unknown"),
    }
    if let Err(error) = remember(context, wished) {
        tracing::error!(device = context.device.key.0, %error, "a wish about the policy cannot be kept");
    }
    Enforcement::Strict
}

/// Whether the operator gave leave. What stands in a profile without a pack the operator wrote.
fn may(context: &Context<'_>) -> Result<bool, StoreError> {
    let allowed = &context.service.settings().allow;
    let Some(pack) = context.asked.pack() else { return Ok(true) };
    if allowed.packs.contains(&pack.id) || allowed.devices.contains(&context.device.id) {
        return Ok(true);
    }
    if allowed.tenants.is_empty() {
        return Ok(false);
    }
    let tenants = context.store().tenants()?;
    Ok(tenants.iter().any(|tenant| tenant.id == context.user.tenant && allowed.tenants.contains(&tenant.name)))
}

fn remember(context: &Context<'_>, wished: Enforcement) -> Result<(), StoreError> {
    let word = wished.word().as_bytes();
    let known = context.store().snapshot(context.user.id)?.device_value(context.device.key, WISH)?;
    if device::is_probe(&context.device) || known.as_deref() == Some(word) {
        return Ok(());
    }
    let pack = context.asked.pack().map(|pack| pack.id.as_str()).unwrap_or_default();
    let (user, device) = (context.user.id.0, context.device.key.0);
    tracing::warn!(user, device, pack, wish = wished.word(), "a pack wishes less than the policy and has no leave");
    let mut set = ChangeSet::new(context.user.id);
    set.writes.push(Write::PutDeviceValue { device: context.device.key, name: WISH, value: Some(word.to_vec()) });
    context.store().commit(set)?;
    Ok(())
}
