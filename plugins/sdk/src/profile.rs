//! What holds for one device until its facts change.

use crate::bindings::profile::exports::easel::plugin::profile as contract;
pub use crate::bindings::profile::exports::easel::plugin::profile::{
    Action, Facts, Origin, Profile as DeviceProfile, QueryForm, Rule,
};
use crate::{Adapter, Class, Direction, Fault, Property, Setting, SettingValue};

/// A pack that decides once per device.
pub trait Profile {
    /// Called when a fact changes, and when the pack comes to serve the device.
    ///
    /// # Errors
    ///
    /// A sentence for the log. The device then has the settings of the description.
    fn for_device(facts: &Facts, options: &Options) -> Result<DeviceProfile, Fault>;
}

impl<P: Profile> contract::Guest for Adapter<P> {
    fn for_device(facts: Facts, options: Vec<Setting>) -> Result<DeviceProfile, Fault> {
        P::for_device(&facts, &Options(options))
    }
}

/// What the operator wrote for this pack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options(pub Vec<Setting>);

impl Options {
    /// The yes or no of that name, none where it is not written or is something else.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.value(name)? {
            SettingValue::Flag(flag) => Some(*flag),
            SettingValue::Number(_) | SettingValue::Text(_) | SettingValue::Texts(_) => None,
        }
    }

    /// The number of that name.
    pub fn number(&self, name: &str) -> Option<i64> {
        match self.value(name)? {
            SettingValue::Number(number) => Some(*number),
            SettingValue::Flag(_) | SettingValue::Text(_) | SettingValue::Texts(_) => None,
        }
    }

    /// The text of that name.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            SettingValue::Text(text) => Some(text),
            SettingValue::Flag(_) | SettingValue::Number(_) | SettingValue::Texts(_) => None,
        }
    }

    fn value(&self, name: &str) -> Option<&SettingValue> {
        self.0.iter().find(|setting| setting.name == name).map(|setting| &setting.value)
    }
}

impl DeviceProfile {
    /// A device of this family: `iphone-os-3`, for logs and statistics.
    pub fn family(family: &str) -> Self {
        Self { family: family.to_owned(), rules: Vec::new(), settings: Vec::new(), memo: Vec::new() }
    }

    /// With these settings over those of the description.
    #[must_use]
    pub fn with(mut self, settings: impl IntoIterator<Item = Setting>) -> Self {
        self.settings.extend(settings);
        self
    }

    /// With a rule that the server carries out on every item of the class.
    #[must_use]
    pub fn rule(mut self, class: Class, direction: Direction, property: Property, action: Action) -> Self {
        self.rules.push(Rule { class, direction, property: property.0, action });
        self
    }

    /// With bytes that come back as `memo` of the context; at most 4 KiB.
    #[must_use]
    pub fn memo(mut self, memo: impl Into<Vec<u8>>) -> Self {
        self.memo = memo.into();
        self
    }
}

impl Facts {
    /// The newest User-Agent that a test likes.
    pub fn agent(&self, test: impl Fn(&str) -> bool) -> Option<&str> {
        self.user_agents.iter().rev().map(String::as_str).find(|agent| test(agent))
    }
}

impl Default for Facts {
    /// A device of which nothing is known.
    fn default() -> Self {
        Self {
            device_id: String::new(),
            device_type: String::new(),
            user_agents: Vec::new(),
            query_form: QueryForm::Unknown,
            headers: Vec::new(),
            origin: Origin::Unknown,
            model: String::new(),
            friendly_name: String::new(),
            os: String::new(),
            os_language: String::new(),
            protocol: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_of_another_type_is_not_there() {
        let option = |name: &str, value| Setting { name: name.to_owned(), value };
        let options = Options(vec![
            option("insist", SettingValue::Flag(true)),
            option("limit", SettingValue::Number(7)),
            option("name", SettingValue::Text("x".to_owned())),
        ]);
        assert_eq!(options.flag("insist"), Some(true));
        assert_eq!(options.flag("limit"), None);
        assert_eq!(options.number("limit"), Some(7));
        assert_eq!(options.number("absent"), None);
        assert_eq!(options.text("name"), Some("x"));
    }

    #[test]
    fn the_newest_user_agent_comes_first() {
        let user_agents = vec!["Nokia/1".to_owned(), "Nokia/2".to_owned(), "other".to_owned()];
        let facts = Facts { user_agents, ..Facts::default() };
        assert_eq!(facts.agent(|agent| agent.starts_with("Nokia")), Some("Nokia/2"));
    }
}
