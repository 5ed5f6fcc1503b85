//! Folder types. MS-ASCMD 2.2.3.186.3 "Type (FolderSync)".

use serde::{Deserialize, Serialize};

use crate::Class;

macro_rules! folder_types {
    ($($(#[$doc:meta])* $variant:ident = $number:literal $class:expr,)*) => {
        /// What a folder is for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum FolderType {
            $($(#[$doc])* $variant = $number,)*
        }

        impl FolderType {
            /// Every type, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The number on the wire, `1..=19`.
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The class of the items inside, `None` for a folder that is not synchronised.
            pub const fn class(self) -> Option<Class> {
                match self { $(Self::$variant => $class,)* }
            }
        }
    };
}

folder_types! {
    /// A generic folder made by the user.
    Generic = 1 Some(Class::Email),
    /// The Inbox.
    Inbox = 2 Some(Class::Email),
    /// Drafts.
    Drafts = 3 Some(Class::Email),
    /// Deleted Items.
    DeletedItems = 4 Some(Class::Email),
    /// Sent Items.
    SentItems = 5 Some(Class::Email),
    /// The Outbox.
    Outbox = 6 Some(Class::Email),
    /// The default task folder.
    Tasks = 7 Some(Class::Tasks),
    /// The default calendar.
    Calendar = 8 Some(Class::Calendar),
    /// The default contact folder.
    Contacts = 9 Some(Class::Contacts),
    /// The default note folder.
    Notes = 10 Some(Class::Notes),
    /// The default journal.
    Journal = 11 None,
    /// A mail folder made by the user.
    UserMail = 12 Some(Class::Email),
    /// A calendar made by the user.
    UserCalendar = 13 Some(Class::Calendar),
    /// A contact folder made by the user.
    UserContacts = 14 Some(Class::Contacts),
    /// A task folder made by the user.
    UserTasks = 15 Some(Class::Tasks),
    /// A journal made by the user.
    UserJournal = 16 None,
    /// A note folder made by the user.
    UserNotes = 17 Some(Class::Notes),
    /// Unknown; its items are not synchronised.
    Unknown = 18 None,
    /// The recipient information cache.
    RecipientInformation = 19 None,
}

impl FolderType {
    /// The type of that number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.number() == number)
    }

    /// Whether a mailbox has exactly one of these, which nobody may delete, move or rename.
    pub const fn is_default(self) -> bool {
        matches!(self.number(), 2..=11 | 19)
    }

    /// The type of a folder that a user makes for items of `class`.
    pub const fn made_by_user(class: Class) -> Self {
        match class {
            Class::Email | Class::Sms => Self::UserMail,
            Class::Calendar => Self::UserCalendar,
            Class::Contacts => Self::UserContacts,
            Class::Tasks => Self::UserTasks,
            Class::Notes => Self::UserNotes,
        }
    }

    /// The type of the default folder for items of `class`.
    pub const fn default_for(class: Class) -> Self {
        match class {
            Class::Email | Class::Sms => Self::Inbox,
            Class::Calendar => Self::Calendar,
            Class::Contacts => Self::Contacts,
            Class::Tasks => Self::Tasks,
            Class::Notes => Self::Notes,
        }
    }
}
