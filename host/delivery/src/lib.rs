//! Mail in and mail out.
//!
//! [`lmtp`] takes mail from the mail server beside it (RFC 2033), [`queue`] sends what the store has queued: to local
//! users at once, to everybody else through a smart host. Both end in [`deliver`], which puts one message into one
//! mailbox. The room knows sockets and the store; it knows no command of a device, and what a message means (a
//! meeting, a report) is nothing to it. Time comes in through [`Clock`].

mod address;
mod auto_reply;
mod deliver;
mod error;
pub mod lmtp;
pub mod queue;
mod trace;

use std::net::SocketAddr;
use std::sync::Arc;

use easel_protocol::CollectionId;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use address::{Address, AddressError};
pub use auto_reply::AutoReply;
pub use deliver::{deliver, local_user, owner};
pub use error::DeliveryError;
pub use trace::{Hop, Trace};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Becomes `true` when everything is to end; a dropped sender means the same.
pub type Shutdown = watch::Receiver<bool>;

/// The Inbox: every mailbox has it under this number ([`easel_store::WELL_KNOWN_FOLDERS`]).
pub const INBOX: CollectionId = CollectionId::new(1);

/// A task that runs until [`Shutdown`] says so.
#[derive(Debug)]
pub struct Running {
    pub(crate) task: JoinHandle<()>,
    pub(crate) address: Option<SocketAddr>,
}

impl Running {
    /// The address listened at, if it is one of the network: the port is known even when 0 was asked for.
    pub const fn local_address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Waits until it has ended: whatever was under way when it was told to is done or given up cleanly.
    pub async fn ended(self) {
        if let Err(error) = self.task.await {
            tracing::error!(%error, "a task of mail delivery broke");
        }
    }
}

/// Returns once everything is to end.
pub(crate) async fn told(shutdown: &mut Shutdown) {
    // An error means that the sender is gone, which says the same.
    let _ = shutdown.wait_for(|end| *end).await;
}
