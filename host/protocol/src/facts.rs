//! What a store must know of an object it cannot read.

use serde::{Deserialize, Serialize};

/// What a filter looks at: milliseconds since 1970.
///
/// Mail: the arrival, which never changes. Event: the end of its last occurrence. Task: [`WindowKey::FOREVER`] while
/// incomplete, else [`WindowKey::NEVER`]. Everything else: [`WindowKey::FOREVER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WindowKey(pub i64);

impl WindowKey {
    /// Inside every window.
    pub const FOREVER: Self = Self(i64::MAX);
    /// Only inside the window that holds everything.
    pub const NEVER: Self = Self(i64::MIN);
}

/// Computed by whoever writes an object, so that a store never parses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What FilterType looks at.
    pub window: WindowKey,
    /// Subject, summary or display name.
    pub subject: String,
    /// Names and addresses of the people in it, separated by spaces.
    pub people: String,
    /// Of a mail: names and addresses of who wrote it. They stand in `people` as well.
    pub from: String,
    /// Of a mail: names and addresses of those it is for: To, Cc and Bcc. They stand in `people` as well.
    pub to: String,
    /// The conversation of a mail: 16 bytes, the same for every message of the thread.
    pub conversation: Option<[u8; 16]>,
    /// UID of an event, task, note or contact; Message-ID of a mail.
    pub uid: Option<String>,
    /// Text that a search finds besides subject and people.
    pub search_text: String,
}

impl Facts {
    /// Facts that say nothing but the window key.
    pub const fn of(window: WindowKey) -> Self {
        Self {
            window,
            subject: String::new(),
            people: String::new(),
            from: String::new(),
            to: String::new(),
            conversation: None,
            uid: None,
            search_text: String::new(),
        }
    }
}

/// Which property groups a change touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Groups(u8);

impl Groups {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The item itself.
    pub const CONTENT: Self = Self(1);
    /// Read or unread.
    pub const READ: Self = Self(2);
    /// The follow-up flag.
    pub const FLAG: Self = Self(4);
    /// The categories of a mail.
    pub const CATEGORIES: Self = Self(8);
    /// Replied to or forwarded.
    pub const REPLY_STATE: Self = Self(16);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every group of `other` is in it.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is nothing in it but groups of `other`.
    pub const fn within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether it is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// As stored.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// From what was stored.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}
