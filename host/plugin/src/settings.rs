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

const CLASSES: &[&str] = &["Email", "Calendar", "Contacts", "Tasks", "Notes"];
const VERSIONS: &[&str] = &["2.5", "12.0", "12.1", "14.0", "14.1", "16.0", "16.1"];

/// Every setting that the host obeys, by group.
pub const TABLE: &[Setting] = &[
    Setting {
        name: "versions.versions",
        default: Default::Texts(VERSIONS),
        expected: "a list of 2.5, 12.0, 12.1, 14.0, 14.1, 16.0, 16.1; empty means all",
        effect: Effect::Renegotiate,
    },
    Setting {
        name: "versions.server_version",
        default: Default::Text("16.0.4.1", &[]),
        expected: "a full version number such as 16.0.4.1",
        effect: Effect::Renegotiate,
    },
    Setting {
        name: "hierarchy.classes",
        default: Default::Texts(CLASSES),
        expected: "a list of Email, Calendar, Contacts, Tasks, Notes; empty means all",
        effect: Effect::Hierarchy,
    },
    Setting {
        name: "hierarchy.single",
        default: Default::Texts(CLASSES),
        expected: "the classes of which the device sees one folder only",
        effect: Effect::Hierarchy,
    },
    Setting {
        name: "hierarchy.merge",
        default: Default::Text("default-folder", &["default-folder", "hide"]),
        expected: "default-folder or hide: where the items of the other folders of a single class go",
        effect: Effect::Hierarchy,
    },
    Setting {
        name: "hierarchy.id_scheme",
        default: Default::Text("safe-hex", &["safe-hex", "decimal"]),
        expected: "safe-hex or decimal",
        effect: Effect::Hierarchy,
    },
    Setting {
        name: "sync.window_max",
        default: Default::Number(512, 1, 512),
        expected: "1 to 512 changes in one answer",
        effect: Effect::None,
    },
    Setting {
        name: "sync.answer_within_s",
        default: Default::Number(0, 0, 600),
        expected: "seconds after which an answer is sent with what it has; 0 is no limit",
        effect: Effect::None,
    },
    Setting {
        name: "sync.empty_sync",
        default: Default::Text("auto", &["auto", "full", "zero_byte"]),
        expected: "auto, full or zero_byte: an answer that says nothing new",
        effect: Effect::None,
    },
    Setting {
        name: "sync.fetch_excludes_changes",
        default: Default::Flag(false),
        expected: "whether a request with a Fetch gets only what it fetched",
        effect: Effect::None,
    },
    Setting {
        name: "sync.changes_after_ack",
        default: Default::Flag(false),
        expected: "whether a request with changes gets only their answers",
        effect: Effect::None,
    },
    Setting {
        name: "sync.estimate_badkey",
        default: Default::Text("ok1", &["ok1", "error"]),
        expected: "ok1 or error: GetItemEstimate with a key that is not current",
        effect: Effect::None,
    },
    Setting {
        name: "sync.conflict",
        default: Default::Text("asked", &["asked", "server", "client"]),
        expected: "asked, server or client: who wins",
        effect: Effect::None,
    },
    Setting {
        name: "sync.ghosting",
        default: Default::Text("spec", &["spec", "all-ghosted", "none"]),
        expected: "spec, all-ghosted or none",
        effect: Effect::None,
    },
    Setting {
        name: "push.heartbeat_min",
        default: Default::Number(60, 1, 3540),
        expected: "seconds",
        effect: Effect::None,
    },
    Setting {
        name: "push.heartbeat_max",
        default: Default::Number(3540, 60, 3540),
        expected: "seconds",
        effect: Effect::None,
    },
    Setting {
        name: "push.folders",
        default: Default::Text("all", &["all", "inbox"]),
        expected: "all or inbox: which folders wake a waiting device",
        effect: Effect::None,
    },
];
