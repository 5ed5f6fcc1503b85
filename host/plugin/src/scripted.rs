//! A plugin whose answers a test writes down.
//!
//! ```
//! use easel_plugin::Value;
//! use easel_plugin::scripted::ScriptedPlugin;
//!
//! let plugin = ScriptedPlugin::new().set("sync.window_max", Value::Number(5));
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use easel_protocol::{Class, DeviceFacts};
use easel_wbxml::{Element, Tag};

use crate::{DevicePlugin, Direction, HookContext, Profile, Value, Verdict};

type Answer = Box<dyn Fn(&HookContext<'_>, &[Element]) -> Verdict + Send + Sync>;

/// What it says of the items of one class that go one way.
struct Script {
    subscribed: Vec<Tag>,
    answer: Answer,
}

/// A plugin made by a test. Until it is told something it has nothing to say, like [`crate::NoPlugin`].
#[derive(Default)]
pub struct ScriptedPlugin {
    profile: Profile,
    by_agent: Vec<(String, Profile)>,
    scripts: BTreeMap<(bool, Class), Script>,
    asked: AtomicUsize,
    profiled: AtomicUsize,
}

impl fmt::Debug for ScriptedPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedPlugin").field("profile", &self.profile).finish_non_exhaustive()
    }
}

impl ScriptedPlugin {
    /// One that has nothing to say.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives every device a value of a setting.
    ///
    /// # Panics
    ///
    /// When the table of settings has no such setting, or another range for it.
    #[must_use]
    pub fn set(mut self, name: &str, value: Value) -> Self {
        if let Err(error) = self.profile.set(name, value) {
            panic!("{error}");
        }
        self
    }

    /// Gives the devices whose User-Agent begins with `agent` a profile of their own.
    #[must_use]
    pub fn profile_of(mut self, agent: &str, profile: Profile) -> Self {
        self.by_agent.push((agent.to_owned(), profile));
        self
    }

    /// Answers for every item of a class that goes one way and has one of the properties.
    #[must_use]
    pub fn answer(
        mut self,
        direction: Direction,
        class: Class,
        subscribed: &[Tag],
        answer: impl Fn(&HookContext<'_>, &[Element]) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        let script = Script { subscribed: subscribed.to_vec(), answer: Box::new(answer) };
        self.scripts.insert((direction == Direction::Incoming, class), script);
        self
    }

    /// Replaces one property of every item of a class that goes one way and has it.
    #[must_use]
    pub fn edit(
        self,
        direction: Direction,
        class: Class,
        tag: Tag,
        edit: impl Fn(&Element) -> Element + Send + Sync + 'static,
    ) -> Self {
        self.answer(direction, class, &[tag], move |_, properties| {
            Verdict::Edit(properties.iter().map(&edit).collect())
        })
    }

    /// Withholds the items of a class of which one property has a value that `which` picks.
    #[must_use]
    pub fn withhold(
        self,
        direction: Direction,
        class: Class,
        tag: Tag,
        which: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.answer(direction, class, &[tag], move |_, properties| {
            if properties.iter().any(|property| which(&property.value())) { Verdict::Withhold } else { Verdict::Keep }
        })
    }

    /// How many items it was shown.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// How many times it was asked for a profile.
    pub fn profiled(&self) -> usize {
        self.profiled.load(Ordering::Relaxed)
    }
}

impl DevicePlugin for ScriptedPlugin {
    fn profile(&self, facts: &DeviceFacts) -> Profile {
        self.profiled.fetch_add(1, Ordering::Relaxed);
        let own = self.by_agent.iter().find(|(agent, _)| facts.user_agent.starts_with(agent));
        own.map_or(&self.profile, |(_, profile)| profile).clone()
    }

    fn subscribed(&self, _facts: &DeviceFacts, direction: Direction, class: Class) -> &[Tag] {
        self.scripts.get(&(direction == Direction::Incoming, class)).map_or(&[], |script| &script.subscribed)
    }

    fn item(&self, context: &HookContext<'_>, direction: Direction, properties: &[Element]) -> Verdict {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let script = self.scripts.get(&(direction == Direction::Incoming, context.class));
        script.map_or(Verdict::Keep, |script| (script.answer)(context, properties))
    }
}

#[cfg(test)]
mod tests {
    use easel_protocol::{Command, Version};
    use easel_wbxml::pages::email;

    use super::*;

    fn context(facts: &DeviceFacts) -> HookContext<'_> {
        HookContext {
            facts,
            version: Version::V14_1,
            command: Command::Sync,
            zone: "UTC",
            folder: None,
            class: Class::Email,
            attempt: 0,
        }
    }

    #[test]
    fn it_edits_and_withholds_only_what_it_was_told_to() {
        let facts = DeviceFacts::default();
        let plugin = ScriptedPlugin::new()
            .edit(Direction::Outgoing, Class::Email, email::SUBJECT, |_| Element::text(email::SUBJECT, "other"))
            .withhold(Direction::Incoming, Class::Email, email::READ, |value| value == "1");
        let subject = [Element::text(email::SUBJECT, "one")];
        let edited = plugin.item(&context(&facts), Direction::Outgoing, &subject);
        assert_eq!(edited, Verdict::Edit(vec![Element::text(email::SUBJECT, "other")]));
        let read = |value| plugin.item(&context(&facts), Direction::Incoming, &[Element::boolean(email::READ, value)]);
        assert_eq!((read(true), read(false)), (Verdict::Withhold, Verdict::Keep));
        assert_eq!(plugin.asked(), 3);
        assert_eq!(plugin.subscribed(&facts, Direction::Outgoing, Class::Email), [email::SUBJECT]);
        assert!(plugin.subscribed(&facts, Direction::Outgoing, Class::Tasks).is_empty());
    }

    #[test]
    fn a_profile_can_belong_to_some_devices_only() {
        let mut profile = Profile::default();
        profile.set("sync.window_max", Value::Number(7)).unwrap();
        let plugin = ScriptedPlugin::new().set("sync.window_max", Value::Number(9)).profile_of("Nokia", profile);
        let window = |agent: &str| {
            let facts = DeviceFacts { user_agent: agent.to_owned(), ..DeviceFacts::default() };
            plugin.profile(&facts).number("sync.window_max")
        };
        assert_eq!((window("NokiaN97/3.00"), window("Other/1")), (7, 9));
    }

    #[test]
    #[should_panic(expected = "no setting is called")]
    fn a_setting_that_is_not_there_is_a_mistake_of_the_test() {
        let _ = ScriptedPlugin::new().set("sync.windows", Value::Number(5));
    }
}
