//! The questions a plugin is asked.

use easel_protocol::{Class, CollectionId, Command, DeviceFacts, FolderType, Version};
use easel_wbxml::{Element, Tag};

use crate::Profile;

/// Everything a plugin may know about one call; it never sees credentials or other users' data.
#[derive(Clone, Debug)]
pub struct HookContext<'a> {
    /// What is known of the device.
    pub facts: &'a DeviceFacts,
    /// The version of the request.
    pub version: Version,
    /// The command being answered.
    pub command: Command,
    /// The IANA name of the owner's zone.
    pub zone: &'a str,
    /// The folder, where there is one.
    pub folder: Option<(CollectionId, FolderType)>,
    /// The class of the item.
    pub class: Class,
    /// Whether the change set had to be worked out again: 0 the first time.
    pub attempt: u8,
}

/// Which way an item goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the device.
    Incoming,
    /// To the device.
    Outgoing,
}

/// What a plugin says about an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// These properties instead of those it was shown; the others stay as they are.
    Edit(Vec<Element>),
    /// The item as it is.
    Keep,
    /// Outgoing: not for this device. Incoming: answered as a conversion error.
    Withhold,
}

/// A plugin, as the commands see it. Every function is pure; the host may call it again or throw the answer away.
pub trait DevicePlugin: Send + Sync {
    /// The settings of a device; called when its facts change, and remembered until then or until the server stops. A
    /// request for the list of versions that names no device brings facts with hardly more than a User-Agent.
    fn profile(&self, facts: &DeviceFacts) -> Profile;

    /// The properties of a class that the plugin wants to see; an item without any of them never reaches
    /// [`DevicePlugin::item`].
    fn subscribed(&self, facts: &DeviceFacts, direction: Direction, class: Class) -> &[Tag];

    /// One item: the subscribed properties that it has.
    fn item(&self, context: &HookContext<'_>, direction: Direction, properties: &[Element]) -> Verdict;
}

/// No plugin: the host's own way for every device.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPlugin;

impl DevicePlugin for NoPlugin {
    fn profile(&self, _facts: &DeviceFacts) -> Profile {
        Profile::default()
    }

    fn subscribed(&self, _facts: &DeviceFacts, _direction: Direction, _class: Class) -> &[Tag] {
        &[]
    }

    fn item(&self, _context: &HookContext<'_>, _direction: Direction, _properties: &[Element]) -> Verdict {
        Verdict::Keep
    }
}
