//! Item classes. MS-ASCMD 2.2.3.27 "Class".

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of item a collection holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Class {
    /// Mail.
    Email,
    /// Events.
    Calendar,
    /// Contacts.
    Contacts,
    /// Tasks.
    Tasks,
    /// Notes, from 14.0.
    Notes,
    /// Text messages inside a mail folder, from 14.0.
    Sms,
}

impl Class {
    /// The classes a folder can have.
    pub const FOLDERS: [Self; 5] = [Self::Email, Self::Calendar, Self::Contacts, Self::Tasks, Self::Notes];

    /// Reads the element; a name nobody knows is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Email, Self::Calendar, Self::Contacts, Self::Tasks, Self::Notes, Self::Sms]
            .into_iter()
            .find(|class| class.name() == text.trim())
    }

    /// The text of the element.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "Email",
            Self::Calendar => "Calendar",
            Self::Contacts => "Contacts",
            Self::Tasks => "Tasks",
            Self::Notes => "Notes",
            Self::Sms => "SMS",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
