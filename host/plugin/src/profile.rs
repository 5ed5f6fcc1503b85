//! The settings of one device.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::settings;

/// What differs from the host's defaults, by setting name (`group.field`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

impl Profile {
    /// Sets one value after checking it against the table.
    pub fn set(&mut self, name: &str, value: Value) -> Result<(), ProfileError> {
        let setting = settings::find(name).ok_or_else(|| ProfileError::Unknown(name.to_owned()))?;
        setting.check(&value)?;
        self.values.insert(setting.name.to_owned(), value);
        Ok(())
    }

    /// The value of a setting: the device's own or the default; `None` when no setting has that name.
    pub fn get(&self, name: &str) -> Option<Value> {
        self.value(name)
    }

    /// What differs from the defaults, by name.
    pub fn own(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Puts everything that `over` has in place of what is here: the layers of operator, pack and host.
    pub fn put_over(&mut self, over: &Self) {
        self.values.extend(over.values.iter().map(|(name, value)| (name.clone(), value.clone())));
    }

    fn value(&self, name: &str) -> Option<Value> {
        self.values.get(name).cloned().or_else(|| settings::find(name).map(|setting| setting.default.value()))
    }

    /// A yes-or-no setting.
    pub fn flag(&self, name: &str) -> bool {
        match self.value(name) {
            Some(Value::Flag(flag)) => flag,
            other => panic!("{name} is a flag in the table of settings, not {other:?}"),
        }
    }

    /// A number.
    pub fn number(&self, name: &str) -> i64 {
        match self.value(name) {
            Some(Value::Number(number)) => number,
            other => panic!("{name} is a number in the table of settings, not {other:?}"),
        }
    }

    /// A text.
    pub fn text(&self, name: &str) -> String {
        match self.value(name) {
            Some(Value::Text(text)) => text,
            other => panic!("{name} is a text in the table of settings, not {other:?}"),
        }
    }

    /// A list.
    pub fn texts(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Some(Value::Texts(texts)) => texts,
            other => panic!("{name} is a list in the table of settings, not {other:?}"),
        }
    }
}
