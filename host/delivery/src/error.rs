//! What can go wrong with mail.

use std::net::SocketAddr;
use std::path::PathBuf;

use easel_store::StoreError;

/// Why mail could not be taken or sent, or a task could not begin.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The LMTP socket cannot be listened at.
    #[error("cannot listen at {place}")]
    Listen {
        /// The path or address.
        place: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// Whoever reaches LMTP may leave mail, so it is served to this machine only.
    #[error("{0} is not a loopback address: LMTP has no login and is never served to the network")]
    NotLoopback(SocketAddr),
    /// Something else is at the path, or another server listens there.
    #[error("{} is in use by {by}", path.display())]
    PathTaken {
        /// The path of the socket.
        path: PathBuf,
        /// What is there.
        by: &'static str,
    },
    /// A smart host that the password or the mail would reach in the clear.
    #[error("{0:?} is not this machine: without TLS mail is only handed to a loopback address")]
    PlainSmartHost(String),
    /// The certificates of the smart host, or its name, cannot be used.
    #[error("the TLS settings of the smart host cannot be used: {0}")]
    Tls(String),
    /// A mailbox that is not there.
    #[error("no such mailbox")]
    NoMailbox,
    /// The mailbox holds all it may; there may be room another time.
    #[error("the mailbox is full")]
    Full,
    /// The disk takes no changes at present; nothing was stored, and the store has told the log why.
    #[error("the disk takes no changes at present")]
    Disk {
        /// Whether there is no room.
        full: bool,
    },
    /// The message is larger than all that the mailbox may hold.
    #[error("the message is larger than the mailbox may be")]
    TooLarge,
    /// The certificates of the system or of the configuration cannot be used for direct delivery.
    #[error("the name server settings cannot be used: {0}")]
    Resolver(String),
    /// The store failed; nothing was stored. Trying again later may help.
    #[error("the message could not be stored")]
    Store(#[source] StoreError),
}

impl From<StoreError> for DeliveryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(easel_store::Missing::User | easel_store::Missing::Folder) => Self::NoMailbox,
            StoreError::OverQuota { .. } => Self::Full,
            StoreError::Disk { full, .. } => Self::Disk { full },
            error @ (StoreError::Backend { .. }
            | StoreError::Exists(_)
            | StoreError::NotFound(_)
            | StoreError::TooNew { .. }
            | StoreError::Stale
            | StoreError::Unreadable { .. }) => Self::Store(error),
        }
    }
}
