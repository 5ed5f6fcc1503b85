//! The queue, the way mail goes out.
//!
//! [`run`] takes messages from the store's outgoing queue. Recipients who are users here get theirs at once; the others'
//! goes to the smart host. A recipient leaves the queue only after the message is stored or the smart host has said 250
//! to it, so nothing is lost, and what a recipient has had is written down before anything else is done:
//!
//! - Dies the process between storing a local copy and writing that down, the copy is recognised by the id in its
//!   Received field and not stored again.
//! - Dies it, or the connection, between the smart host's 250 and writing it down, the message is sent again: SMTP has
//!   no way to ask (RFC 1047). The copies have one Message-ID. While the process lives it never happens: what was sent
//!   is written down as often as it takes.
//!
//! A recipient refused for good (5xx) is not tried again: the message stays queued for their sake, with the reason, until
//! somebody has it tried once more or drops it. There is no bounce yet, and no giving up on what is refused for now.

mod attempt;
mod line_stream;
mod lines;
mod local;
mod retry;
mod runner;
mod seven_bit;
mod smart_host;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use easel_store::Store;

use crate::{Clock, DeliveryError, Running, Shutdown};

/// How the queue is worked off.
#[derive(Clone, Debug)]
pub struct QueueOptions {
    /// The name this server gives itself in Received fields: a domain.
    pub hostname: String,
    /// As in [`crate::lmtp::LmtpOptions`].
    pub delimiter: Option<char>,
    /// Where mail for others goes; without one it stays queued.
    pub smart_host: Option<SmartHost>,
    /// Messages under way to the smart host at once, at least 1.
    pub concurrency: usize,
    /// How often the queue is looked through for what has become due again.
    pub poll: Duration,
    /// How long messages under way get to end on shutdown.
    pub grace: Duration,
}

impl Default for QueueOptions {
    /// No smart host, and the name `localhost`.
    fn default() -> Self {
        Self {
            hostname: "localhost".to_owned(),
            delimiter: None,
            smart_host: None,
            concurrency: 4,
            poll: Duration::from_secs(30),
            grace: Duration::from_secs(10),
        }
    }
}

/// The server that takes mail for everybody else.
#[derive(Clone, Debug)]
pub struct SmartHost {
    /// Its name, which its certificate must carry, or its address.
    pub host: String,
    /// Its port: mostly 587 with [`Tls::StartTls`], 465 with [`Tls::Implicit`].
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// PEM certificates trusted beside those of the system.
    pub roots: Vec<Vec<u8>>,
    /// The login, if one is needed.
    pub login: Option<Login>,
    /// The name said in EHLO: a domain.
    pub hello_name: String,
    /// How long it may take.
    pub patience: Patience,
}

/// How the connection to the smart host is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// TLS from the first byte.
    Implicit,
    /// Not at all: refused unless the host is a loopback address or `localhost`.
    None,
    /// STARTTLS; a host that does not offer it gets nothing.
    StartTls,
}

/// A login at the smart host.
#[derive(Clone)]
pub struct Login {
    /// Who.
    pub user: String,
    /// The password; never written to a log.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// How long the smart host may take. RFC 5321 4.5.3.2 "Timeouts".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// To be connected, greeted, protected and logged in.
    pub connect: Duration,
    /// To answer a command, and to take the message.
    pub command: Duration,
    /// To say what became of the message. Long, because the message would be sent twice if it is cut off too soon.
    pub message: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(60 * count);
        Self { connect: minutes(1), command: minutes(5), message: minutes(10) }
    }
}

/// Begins to work off the queue: whenever something is queued, whenever something has become due again, until told to
/// end.
///
/// Must be called on a Tokio runtime. One process at a time may do so for a store.
pub fn run(
    options: QueueOptions,
    store: Arc<dyn Store>,
    clock: Clock,
    shutdown: Shutdown,
) -> Result<Running, DeliveryError> {
    let host = options.smart_host.clone().map(smart_host::Host::new).transpose()?;
    let runner = runner::Runner::new(options, host, store, clock);
    Ok(Running { task: tokio::spawn(runner.run(shutdown)), address: None })
}

impl SmartHost {
    /// Whether it is this machine, as far as its name says.
    fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}
