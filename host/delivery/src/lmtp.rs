//! LMTP, the way mail comes in. RFC 2033, with RFC 5321 for everything it does not say itself.
//!
//! [`session`](self) is a state machine over bytes: it reads commands and messages and says what it wants to know or
//! have done. [`serve`] puts sockets around it and asks the store on threads that may block. A recipient is told 250 only
//! after the message is stored in their mailbox, so whatever breaks, the client still has what was not stored.
//!
//! Extensions: PIPELINING (RFC 2920), 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531), SIZE (RFC 1870), ENHANCEDSTATUSCODES
//! (RFC 2034), CHUNKING (RFC 3030).

mod command;
mod content;
mod listen;
mod rehearse;
mod reply;
mod serve;
mod session;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::AutoReply;

pub use rehearse::{Rehearsal, rehearse};
pub use serve::serve;

/// Where and how LMTP is served.
#[derive(Clone, Debug)]
pub struct LmtpOptions {
    /// Where.
    pub listen: Listen,
    /// The name this server gives itself: a domain.
    pub hostname: String,
    /// Cuts `+detail` off the recipients that are not found as they are; `None` knows no details.
    pub delimiter: Option<char>,
    /// What a client may take.
    pub limits: Limits,
    /// Bytes that a mailbox may hold whose user has no quota of their own; `None`: without bound. A full mailbox is
    /// answered with 452, a message larger than all that may be in it with 552.
    pub quota: Option<u64>,
    /// How often owners who are away answer.
    pub auto_reply: AutoReply,
}

/// Where LMTP is listened for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// At a loopback address; any other is refused, because there is no login.
    Tcp(SocketAddr),
    /// At a Unix socket. Who may connect is decided by its mode and by the group of its folder (set-group-id).
    Unix {
        /// Its path.
        path: PathBuf,
        /// Its permissions, such as `0o660`.
        mode: u32,
    },
}

/// What a client may take. A message is held in memory until it is stored: the most memory is
/// `sessions_max * message_bytes_max`, and twice that for the moment of storing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message, without the fields added here. Above it: 552.
    pub message_bytes_max: u64,
    /// Recipients of one message, and as many who are refused. Above it: 452 without a look at the store, and the client
    /// sends them another time. How many commands there may be in all is bounded by `session_max`.
    pub recipients_max: usize,
    /// Bytes of a command line with its end. Above it: 500.
    pub line_bytes_max: usize,
    /// Commands in a session that are wrong, or come at the wrong time, before it is ended: 421. A recipient or a message
    /// that is refused does not count.
    pub errors_max: u32,
    /// Sessions at once. Above it: 421 in place of a greeting.
    pub sessions_max: usize,
    /// How long a client may be silent, or not read its replies. RFC 5321 4.5.3.2.7 asks for five minutes.
    pub idle_max: Duration,
    /// How long a session may last.
    pub session_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 50 << 20,
            recipients_max: 1000,
            line_bytes_max: 2048,
            errors_max: 20,
            sessions_max: 20,
            idle_max: Duration::from_secs(300),
            session_max: Duration::from_secs(3600),
        }
    }
}
