//! The policy gate: what a device must do first. MS-ASPROV 3.1.5.1; `provision.md` has the order of the questions.

use easel_protocol::{Command, CommonStatus, Version};
use easel_store::Provisioning;

use crate::context::Context;
use crate::device;
use crate::leave::{self, Enforcement};

/// Why a command may not run yet; `None` lets it pass.
pub(crate) fn refusal(context: &Context<'_>) -> Option<CommonStatus> {
    if context.command == Command::Provision {
        return None;
    }
    let state = &context.device.policy;
    if state.wipe.is_due() {
        return Some(CommonStatus::RemoteWipeRequested);
    }
    let untold = context.device.facts.information.is_empty() && !device::is_probe(&context.device);
    if context.profile().flag("settings.device_info_expected")
        && untold
        && context.version >= Version::V14_0
        && context.command != Command::Settings
    {
        return Some(CommonStatus::DeviceInformationRequired);
    }
    let policy = &context.settings.policy;
    let key = context.line.policy_key.unwrap_or(0);
    // Devices send no key with Ping, and some none at all; only a key that is sent can be wrong there.
    if !policy.required || (context.command == Command::Ping && key == 0) {
        return None;
    }
    if leave::enforcement(context) != Enforcement::Strict {
        return None;
    }
    match &state.provisioning {
        Provisioning::Applied { key: applied, policy: version, compliance, .. } if key == *applied => {
            // One that was let in with less than is demanded now has to say once more what it applies.
            let complies = *compliance == 1 || (*compliance == 2 && policy.allow_partial);
            (*version != policy.version || !complies).then_some(CommonStatus::PolicyRefresh)
        }
        Provisioning::Applied { .. } | Provisioning::Offered { .. } | Provisioning::Unknown if key == 0 => {
            Some(CommonStatus::DeviceNotProvisioned)
        }
        Provisioning::Applied { .. } | Provisioning::Offered { .. } | Provisioning::Unknown => {
            Some(CommonStatus::InvalidPolicyKey)
        }
    }
}
