//! The queue, the way mail goes out.
//!
//! [`run`] takes messages from the store's outgoing queue. Recipients who are users here get theirs at once; the others'
//! goes to the smart host or, where that is configured, to the servers of their domains. A recipient leaves the queue only
//! after the message is stored or the server has said 250 to it, or in one step with a notice in the sender's Inbox, so
//! nothing is lost; and what a recipient has had is written down before anything else is done:
//!
//! - Dies the process between storing a local copy and writing that down, the copy is recognised by the id in its
//!   Received field and not stored again.
//! - Dies it, or the connection, between a server's 250 and writing it down, the message is sent again: SMTP has
//!   no way to ask (RFC 1047). The copies have one Message-ID. While the process lives it never happens: what was sent
//!   is written down as often as it takes.
//!
//! A recipient refused for good (5xx) is not tried again. One refused for now (4xx) is tried as [`Schedule`] says, less and
//! less often. Whoever sent the message is told of both (RFC 3464), but nobody of a message without return
//! path: a notice is never answered by a notice.

mod attempt;
mod connection;
mod destination;
mod direct;
mod dns;
mod lines;
mod local;
pub(crate) mod notice;
mod offers;
mod peer;
mod reply_stream;
mod retry;
mod runner;
mod secured;
mod settle;
mod seven_bit;
mod tally;
mod waited;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use easel_store::{Outgoing, Store};

use crate::{AutoReply, Clock, DeliveryError, Running, Shutdown};

pub use direct::{Direct, Lookup, LookupError, Mx, Resolver};
pub use dns::Dns;
pub use retry::Schedule;
pub use tally::{Tallied, Tally};

/// How the queue is worked off.
#[derive(Clone, Debug)]
pub struct QueueOptions {
    /// The name this server gives itself in Received fields: a domain.
    pub hostname: String,
    /// As in [`crate::lmtp::LmtpOptions`].
    pub delimiter: Option<char>,
    /// Where mail for others goes; without one it goes the direct way.
    pub smart_host: Option<SmartHost>,
    /// Straight to the servers of the recipients' domains. Without this and a smart host, mail for others stays queued.
    pub direct: Option<Direct>,
    /// Transactions under way at once, at least 1.
    pub concurrency: usize,
    /// How long a message is tried.
    pub schedule: Schedule,
    /// Bytes that a mailbox may hold whose user has no quota of their own; `None`: without bound.
    pub quota: Option<u64>,
    /// As in [`crate::lmtp::LmtpOptions`].
    pub auto_reply: AutoReply,
    /// How often the queue is looked through for what has become due again.
    pub poll: Duration,
    /// How long messages under way get to end on shutdown.
    pub grace: Duration,
    /// Where what became of messages is counted.
    pub tally: Arc<Tally>,
}

impl Default for QueueOptions {
    /// No smart host, and the name `localhost`.
    fn default() -> Self {
        Self {
            hostname: "localhost".to_owned(),
            delimiter: None,
            smart_host: None,
            direct: None,
            concurrency: 4,
            schedule: Schedule::default(),
            quota: None,
            auto_reply: AutoReply::default(),
            poll: Duration::from_secs(30),
            grace: Duration::from_secs(10),
            tally: Arc::default(),
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
    /// PEM certificates trusted in place of those of the system; none: those of the system.
    pub roots: Vec<Vec<u8>>,
    /// The login, if one is needed.
    pub login: Option<Login>,
    /// The name said in EHLO: a domain.
    pub hello_name: String,
    /// How long it may take.
    pub patience: Patience,
}

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// TLS from the first byte.
    Implicit,
    /// Not at all: refused unless the host is a loopback address or `localhost`.
    None,
    /// By STARTTLS where it is offered, whatever the certificate; else not at all. For direct delivery: nobody knows
    /// beforehand what a server on the Internet can do.
    Opportunistic,
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
    let peer = options.smart_host.clone().map(peer::Peer::smart_host).transpose()?;
    let postman = options.direct.clone().map(direct::Postman::new).transpose()?;
    let courier =
        attempt::Courier { options: Arc::new(options), peer, postman, store, clock, down: std::sync::Mutex::default() };
    let runner = runner::Runner::new(courier);
    Ok(Running { task: tokio::spawn(runner.run(shutdown)), address: None })
}

/// Names a queued message, for ever: the number of a row that is done may be used again, the time it was queued not.
fn token(row: &Outgoing) -> String {
    format!("q{:x}.{:x}", row.id.0, row.queued)
}

impl SmartHost {
    /// Whether it is this machine, as far as its name says.
    fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}
