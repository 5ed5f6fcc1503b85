//! How strictly a device is held to the policy: what its pack wishes, where the operator gave leave.

use easel_plugin::Profile;
use easel_store::StoreError;

use crate::context::Context;
use crate::served::Served;

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

/// How strictly the device is held to the policy. A wish without leave is logged and kept with the device, once, for as
/// long as it lasts; what the operator wrote for the device holds all the same.
pub(crate) fn enforcement(context: &Context<'_>) -> Enforcement {
    let wished = Enforcement::wished(context.profile());
    if !context.settings.policy.required {
        return wished;
    }
    let granted = Enforcement::wished(context.asked.plugin().operator());
    let has_leave = wished == Enforcement::Strict
        || wished == granted
        || may(context).unwrap_or_else(|error| {
            tracing::error!(device = context.device.key.0, %error, "the leave of a device is unknown");
            false
        });
    let (held, wish) = if has_leave { (wished, "") } else { (granted, wished.word()) };
    if let Err(error) = remember(context, wish)
        && !error.is_told()
    {
        tracing::error!(device = context.device.key.0, %error, "a wish about the policy cannot be kept");
    }
    held
}

/// Whether the operator gave leave. What stands in a profile without a pack the operator wrote.
fn may(context: &Context<'_>) -> Result<bool, StoreError> {
    let allowed = &context.settings.allow;
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

fn remember(context: &Context<'_>, wish: &str) -> Result<(), StoreError> {
    if context.served.wish == wish {
        return Ok(());
    }
    Served::change(context, |served| {
        if served.wish == wish {
            return;
        }
        wish.clone_into(&mut served.wish);
        let pack = context.asked.pack().map(|pack| pack.id.as_str()).unwrap_or_default();
        let (user, device) = (context.user.id.0, context.device.key.0);
        if wish.is_empty() {
            tracing::info!(user, device, pack, "no wish about the policy is without leave any more");
        } else {
            tracing::warn!(user, device, pack, wish, "a pack wishes less than the policy and has no leave");
        }
    })
}
