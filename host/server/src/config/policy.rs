//! `[policy]`: what devices must accept.

use std::collections::BTreeMap;

use super::reader::Section;
use super::values;

/// `[policy]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Whether devices must run Provision first.
    pub(crate) required: bool,
    /// Whether devices that apply it in part are let in.
    pub(crate) allow_partial: bool,
    /// Elements of EASProvisionDoc that differ from the permissive ones.
    pub(crate) settings: BTreeMap<String, String>,
}

impl Policy {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let required = section.flag("required", false);
        let allow_partial = section.flag("allow_partial", false);
        let mut settings = section.section("settings");
        let read = settings.rest(values::POLICY_SETTINGS.iter().map(|setting| setting.name), |name, value| {
            values::policy_setting(name, value)
        });
        settings.finish();
        section.finish();
        Self { required, allow_partial, settings: read }
    }
}
