//! What the plugin says of devices, remembered until the facts of one change.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use easel_plugin::{DevicePlugin, DevicePlugins, Direction, Profile, rules};
use easel_protocol::{Class, DeviceFacts, Version, version_list};
use easel_store::{Device, DeviceKey};

use crate::device;
use crate::hierarchy::Tree;
use crate::manner::DeviceManner;
use crate::served::Marks;

/// Devices remembered; above it all are forgotten, and asked for again as they come.
const REMEMBERED_MAX: usize = 20_000;

/// The profiles of the devices seen lately.
#[derive(Default)]
pub(crate) struct Profiles {
    known: Mutex<Known>,
}

/// What serves a device, the facts it was chosen by, and of which set of packs.
type Known = HashMap<DeviceKey, (DeviceFacts, u64, Arc<Chosen>)>;

/// What serves a device, and what of its profile every request asks for: read out once.
pub(crate) struct Chosen {
    pub(crate) plugin: Arc<dyn DevicePlugin>,
    pub(crate) marks: Marks,
    pub(crate) manner: DeviceManner,
    /// The versions it is offered, oldest first, and the list of them as it is told.
    pub(crate) versions: Vec<Version>,
    pub(crate) version_list: String,
    /// Headers of its every answer.
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    /// The tree of folders as it was seen last.
    pub(crate) tree: Tree,
    /// The marks of the rules for what is sent.
    rules: [(Class, u64); 5],
}

impl std::fmt::Debug for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chosen").field("marks", &self.marks).finish_non_exhaustive()
    }
}

impl Chosen {
    pub(crate) fn of(plugin: Arc<dyn DevicePlugin>) -> Self {
        let (marks, manner) = (Marks::of(plugin.profile()), DeviceManner::of(plugin.profile()));
        let classes = [Class::Email, Class::Calendar, Class::Contacts, Class::Tasks, Class::Notes];
        let rules = classes.map(|class| (class, rules::mark(plugin.rules(), Direction::Outgoing, class)));
        let versions = versions(plugin.profile());
        let version_list = version_list(versions.iter().copied());
        let headers = headers(plugin.profile());
        Self { plugin, marks, manner, versions, version_list, headers, tree: Tree::default(), rules }
    }

    /// The mark of the rules for what is sent of a class; 0 where there are none.
    pub(crate) fn rules(&self, class: Class) -> u64 {
        self.rules.iter().find(|(of, _)| *of == class).map_or(0, |(_, mark)| *mark)
    }
}

impl Profiles {
    /// What serves a device; asked again only when its facts or the set of packs changed since.
    pub(crate) fn of(&self, plugins: &dyn DevicePlugins, device: &Device) -> Arc<Chosen> {
        if device::is_probe(device) {
            return Arc::new(Chosen::of(plugins.serve(&device.facts)));
        }
        let generation = plugins.generation();
        if let Some((facts, then, chosen)) = self.lock().get(&device.key)
            && *then == generation
            && *facts == device.facts
        {
            return Arc::clone(chosen);
        }
        // Nobody waits for the plugin but this device.
        let chosen = Arc::new(Chosen::of(plugins.serve(&device.facts)));
        let mut known = self.lock();
        if known.len() >= REMEMBERED_MAX && !known.contains_key(&device.key) {
            known.clear();
        }
        known.insert(device.key, (device.facts.clone(), generation, Arc::clone(&chosen)));
        chosen
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The headers a profile wants in every answer, names in lower case.
pub(crate) fn headers(profile: &Profile) -> Vec<(Cow<'static, str>, String)> {
    let server_version = Some(profile.text("versions.server_version")).filter(|text| !text.is_empty());
    let server_version = server_version.map(|version| ("ms-server-activesync".into(), version.to_owned()));
    let extra = profile.pairs("versions.extra_headers");
    let extra = extra.map(|(name, value)| (name.to_ascii_lowercase().into(), value.to_owned()));
    server_version.into_iter().chain(extra).collect()
}

/// The versions of a profile, oldest first.
pub(crate) fn versions(profile: &Profile) -> Vec<Version> {
    let named = profile.texts("versions.versions");
    let is_named = |version: &Version| named.is_empty() || named.contains(&version.to_string());
    Version::ALL.into_iter().filter(is_named).collect()
}

#[cfg(test)]
mod tests {
    use easel_plugin::Value;
    use easel_plugin::scripted::ScriptedPlugin;
    use easel_store::{PolicyState, UserId};

    use super::*;

    fn device(key: u64, user_agent: &str) -> Device {
        Device {
            key: DeviceKey(key),
            user: UserId(1),
            id: "d".into(),
            kind: "k".into(),
            facts: DeviceFacts { user_agent: user_agent.into(), ..DeviceFacts::default() },
            policy: PolicyState::default(),
            blocked: false,
            created: 0,
            last_seen: 0,
            versions_told: String::new(),
        }
    }

    #[test]
    fn the_plugin_is_asked_once_for_the_same_facts_of_a_device() {
        let plugin = ScriptedPlugin::new().set("sync.window_max", Value::Number(7));
        let profiles = Profiles::default();
        for (key, agent, asked) in [(1, "a", 1), (1, "a", 1), (2, "a", 2), (1, "b", 3), (1, "b", 3), (2, "a", 3)] {
            assert_eq!(profiles.of(&plugin, &device(key, agent)).plugin.profile().number("sync.window_max"), 7);
            assert_eq!(plugin.profiled(), asked, "device {key} with {agent}");
        }
        plugin.changed();
        profiles.of(&plugin, &device(2, "a"));
        assert_eq!(plugin.profiled(), 4, "another set of packs is asked anew");
    }

    #[test]
    fn a_probe_is_not_remembered_and_no_more_than_so_many_devices_are() {
        let plugin = ScriptedPlugin::new();
        let profiles = Profiles::default();
        for key in 0..=REMEMBERED_MAX as u64 + 1 {
            profiles.of(&plugin, &device(key, ""));
        }
        assert_eq!(profiles.lock().len(), 1, "all were forgotten when one more came");
    }
}
