//! The settings of one device.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::mark::Mark;
use crate::settings::{self, Default, Effect, Setting};

/// What differs from the host's defaults, by setting name (`group.field`).
#[derive(Clone, Debug, std::default::Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    values: BTreeMap<String, Value>,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A whole number, in the unit the table names.
    Number(i64),
    /// One word or text.
    Text(String),
    /// A list; map-like settings are `key=value`.
    Texts(Vec<String>),
}

/// Why a value is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// No setting has that name.
    #[error("no setting is called {0:?}")]
    Unknown(String),
    /// The value is not of the setting's type, or out of its range.
    #[error("{name} cannot be {value:?}: {expected}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: Value,
        /// What the table allows.
        expected: &'static str,
    },
}

/// A profile that says nothing.
static NOTHING: Profile = Profile { values: BTreeMap::new() };

impl Profile {
    /// One that says nothing, for ever.
    pub fn nothing() -> &'static Self {
        &NOTHING
    }

    /// Sets one value after checking it against the table.
    pub fn set(&mut self, name: &str, value: Value) -> Result<(), ProfileError> {
        let setting = settings::find(name).ok_or_else(|| ProfileError::Unknown(name.to_owned()))?;
        setting.check(&value)?;
        self.values.insert(setting.name.to_owned(), value);
        Ok(())
    }

    /// The value of a setting: the device's own or the default; `None` when no setting has that name.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.values.get(name).cloned().or_else(|| settings::find(name).map(|setting| setting.default.value()))
    }

    /// What the profile itself says of a setting; `None` where the default stands.
    pub fn says(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// What differs from the defaults, by name.
    pub fn own(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Puts everything that `over` has in place of what is here: the layers of operator, pack and host.
    pub fn put_over(&mut self, over: &Self) {
        self.values.extend(over.values.iter().map(|(name, value)| (name.clone(), value.clone())));
    }

    /// The device's own value, or the default.
    fn value<'a, T>(
        &'a self,
        name: &str,
        own: impl Fn(&'a Value) -> Option<T>,
        default: impl Fn(Default) -> Option<T>,
    ) -> T {
        let setting = settings::find(name).unwrap_or_else(|| panic!("{name} is no setting"));
        let value = match self.values.get(name) {
            Some(value) => own(value),
            None => default(setting.default),
        };
        value.unwrap_or_else(|| panic!("{name} is another kind of setting: {:?}", setting.default))
    }

    /// A yes-or-no setting.
    pub fn flag(&self, name: &str) -> bool {
        let own = |value: &Value| if let Value::Flag(flag) = value { Some(*flag) } else { None };
        self.value(name, own, |default| if let Default::Flag(flag) = default { Some(flag) } else { None })
    }

    /// A number.
    pub fn number(&self, name: &str) -> i64 {
        let own = |value: &Value| if let Value::Number(number) = value { Some(*number) } else { None };
        self.value(name, own, |default| if let Default::Number(number, _, _) = default { Some(number) } else { None })
    }

    /// A text.
    pub fn text<'a>(&'a self, name: &str) -> &'a str {
        let own = |value: &'a Value| if let Value::Text(text) = value { Some(text.as_str()) } else { None };
        self.value(name, own, |default| if let Default::Text(text, _) = default { Some(text) } else { None })
    }

    /// A list; of a map-like setting, its pairs as they are written.
    pub fn texts<'a>(&'a self, name: &str) -> &'a [String] {
        let own = |value: &'a Value| if let Value::Texts(texts) = value { Some(texts.as_slice()) } else { None };
        let none = |default| matches!(default, Default::Map(..) | Default::Texts(_)).then_some(&[] as &[String]);
        self.value(name, own, none)
    }

    /// The pairs of a map-like setting.
    pub fn pairs<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.texts(name).iter().filter_map(|pair| settings::pair(pair))
    }

    /// What a map-like setting says of a key; the last word counts.
    pub fn map<'a>(&'a self, name: &str, key: &str) -> Option<&'a str> {
        self.pairs(name).filter(|(other, _)| *other == key).last().map(|(_, value)| value)
    }

    /// What a map-like setting says of a key, where its values are numbers.
    pub fn map_number(&self, name: &str, key: &str) -> Option<i64> {
        self.map(name, key).and_then(|value| value.parse().ok())
    }

    /// A number that is another as soon as a setting with this effect, of one of these groups, has another value; 0
    /// when all have their defaults. No groups means all of them.
    pub fn mark(&self, effect: Effect, groups: &[&str]) -> u64 {
        let mut mark = Mark::new();
        for (name, value) in &self.values {
            let group = name.split_once('.').map_or("", |(group, _)| group);
            let counts = |setting: &Setting| setting.effect == effect && setting.default.value() != *value;
            if (!groups.is_empty() && !groups.contains(&group)) || !settings::find(name).is_some_and(counts) {
                continue;
            }
            mark.eat(name.as_bytes());
            match value {
                Value::Flag(flag) => mark.eat(&[u8::from(*flag)]),
                Value::Number(number) => mark.eat(&number.to_le_bytes()),
                Value::Text(text) => mark.eat(text.as_bytes()),
                Value::Texts(texts) => texts.iter().for_each(|text| mark.eat(text.as_bytes())),
            }
        }
        mark.number()
    }
}
