//! A pack, as it serves one device.

use std::fmt;
use std::sync::{Arc, Weak};

use easel_plugin::hooks::{NoSession, PackVersion};
use easel_plugin::item::Wanted;
use easel_plugin::rules::Rule;
use easel_plugin::settings::Effect;
use easel_plugin::{DevicePlugin, Direction, Hook, PluginSession, Profile};
use easel_protocol::{Class, Command};

use crate::session::Session;
use crate::{Pack, Packs};

/// What was decided for a device when its facts last changed.
pub(crate) struct Serving {
    pub(crate) pack: Option<Arc<Pack>>,
    pub(crate) home: Weak<Packs>,
    pub(crate) device: Arc<str>,
    pub(crate) profile: Profile,
    /// Of the profile, what the operator wrote.
    pub(crate) operator: Profile,
    pub(crate) family: String,
    pub(crate) rules: Vec<Rule>,
    pub(crate) memo: Arc<[u8]>,
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving")
            .field("pack", &self.pack)
            .field("family", &self.family)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

impl DevicePlugin for Serving {
    fn pack(&self) -> Option<&PackVersion> {
        self.pack.as_ref().map(|pack| &pack.version)
    }

    fn profile(&self) -> &Profile {
        &self.profile
    }

    fn operator(&self) -> &Profile {
        &self.operator
    }

    fn upgrade(&self) -> Effect {
        self.pack.as_ref().map_or(Effect::None, |pack| pack.manifest.upgrade)
    }

    fn family(&self) -> &str {
        &self.family
    }

    fn rules(&self) -> &[Rule] {
        &self.rules
    }

    fn subscription(&self, direction: Direction, class: Class) -> Option<&Wanted> {
        self.pack.as_ref()?.manifest.items.get(&(direction == Direction::Incoming, class))
    }

    fn wire(&self, command: Command) -> Option<&Wanted> {
        self.pack.as_ref()?.manifest.commands.get(&command)
    }

    fn answers(&self, hook: Hook) -> bool {
        self.pack.as_ref().is_some_and(|pack| pack.answers(hook))
    }

    fn open(&self) -> Box<dyn PluginSession> {
        let Some(pack) = &self.pack else { return Box::new(NoSession) };
        let (pack, home) = (Arc::clone(pack), Weak::clone(&self.home));
        Box::new(Session::new(pack, home, Arc::clone(&self.device), Arc::clone(&self.memo)))
    }
}
