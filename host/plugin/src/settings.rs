//! The table of settings: name, type, range, default and the effect of a change.

use crate::{ProfileError, Value};

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// `group.field`.
    pub name: &'static str,
    /// What it may be.
    pub default: Default,
    /// What it may be, for people.
    pub expected: &'static str,
    /// What a change of it does to a device in service.
    pub effect: Effect,
}

/// The default, and with it the type and range.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// Yes or no.
    Flag(bool),
    /// The default, the least and the most.
    Number(i64, i64, i64),
    /// The default and the words allowed; none means any text.
    Text(&'static str, &'static [&'static str]),
    /// A list, empty by default, and the words allowed in it; none means any.
    Texts(&'static [&'static str]),
}

/// What a change of a setting does to a device in service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The tree of folders is sent again.
    Hierarchy,
    /// The next request obeys it.
    None,
    /// The device is told to ask for the versions again.
    Renegotiate,
    /// The items concerned are sent again.
    Resend,
}

impl Default {
    /// The default as a value.
    pub fn value(self) -> Value {
        match self {
            Self::Flag(flag) => Value::Flag(flag),
            Self::Number(number, _, _) => Value::Number(number),
            Self::Text(text, _) => Value::Text(text.to_owned()),
            Self::Texts(_) => Value::Texts(Vec::new()),
        }
    }
}

impl Setting {
    /// Whether the setting may have that value.
    pub fn check(&self, value: &Value) -> Result<(), ProfileError> {
        let fits = match (self.default, value) {
            (Default::Flag(_), Value::Flag(_)) => true,
            (Default::Number(_, least, most), Value::Number(number)) => (least..=most).contains(number),
            (Default::Text(_, words), Value::Text(text)) => words.is_empty() || words.contains(&text.as_str()),
            (Default::Texts(words), Value::Texts(texts)) => {
                words.is_empty() || texts.iter().all(|text| words.contains(&text.as_str()))
            }
            (Default::Flag(_) | Default::Number(..) | Default::Text(..) | Default::Texts(_), _) => false,
        };
        if fits {
            return Ok(());
        }
        Err(ProfileError::Value { name: self.name, value: value.clone(), expected: self.expected })
    }
}

/// The setting of that name.
pub fn find(name: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|setting| setting.name == name)
}

/// Every setting, by name.
pub const TABLE: &[Setting] = &[Setting {
    name: "sync.window_max",
    default: Default::Number(512, 1, 512),
    expected: "1 to 512 changes in one answer",
    effect: Effect::None,
}];
