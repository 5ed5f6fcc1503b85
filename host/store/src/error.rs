//! What can go wrong in a store.

use std::error::Error;

/// What a store reports instead of a value. Nothing is half done when one comes back.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The machinery failed: disk, file, lock. The caller may try again later; the log has the cause.
    #[error("the store failed while {doing}")]
    Backend {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
    /// The disk takes no changes at present: it is full, can only be read, or is broken. Nothing was written, what is
    /// there can still be read, and the caller may try again later. The store has told the log why.
    #[error("the disk takes no changes at present{}", if *full { ": it is full" } else { "" })]
    Disk {
        /// Whether there is no room; what is smaller may fit.
        full: bool,
        /// What failed, and what to do about it.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
    /// The name or address is taken.
    #[error("{0:?} exists already")]
    Exists(String),
    /// What was named is not there.
    #[error("no such {0}")]
    NotFound(Missing),
    /// The mailbox would hold more than it may ([`crate::Write::Within`]); nothing was written.
    #[error("the mailbox is full: it would hold {bytes} bytes of {bytes_max}")]
    OverQuota {
        /// What it would hold.
        bytes: u64,
        /// What it may hold.
        bytes_max: u64,
    },
    /// The data was written by a newer version of this program, which must be used to open it.
    #[error("the data has schema {found}, this program knows up to {known}: use the newer program")]
    TooNew {
        /// The schema found.
        found: u32,
        /// The newest schema known.
        known: u32,
    },
    /// Raw mail is there, and the disk does not give it, or what it gives makes no sense. Trying again does not help.
    #[error("the mail cannot be read")]
    Unreadable {
        /// What failed, and what to do about it.
        #[source]
        cause: Box<dyn Error + Send + Sync>,
    },
    /// A precondition of the change set no longer holds; nothing was written. The caller looks again and repeats.
    #[error("the mailbox has changed meanwhile")]
    Stale,
}

/// What was not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// An app password.
    AppPassword,
    /// Raw mail.
    Blob,
    /// A device.
    Device,
    /// A folder.
    Folder,
    /// An item.
    Item,
    /// Something in quarantine.
    Quarantined,
    /// A tenant.
    Tenant,
    /// A user.
    User,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AppPassword => "app password",
            Self::Blob => "raw mail",
            Self::Device => "device",
            Self::Folder => "folder",
            Self::Item => "item",
            Self::Quarantined => "thing in quarantine",
            Self::Tenant => "tenant",
            Self::User => "user",
        })
    }
}

impl StoreError {
    /// Whether the store has told the log why, once: whoever meets it need not.
    pub fn is_told(&self) -> bool {
        matches!(self, Self::Disk { .. })
    }

    /// Wraps a failure of the machinery.
    pub fn backend(doing: &'static str, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Backend { doing, cause: cause.into() }
    }
}
