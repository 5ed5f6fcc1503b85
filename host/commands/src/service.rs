//! The way in.

use std::sync::Arc;

use easel_plugin::DevicePlugin;
use easel_protocol::RequestLine;
use easel_store::{Store, User};
use jiff::Timestamp;

use crate::{Answer, Reply, Resume, Sink, Why};

/// One request, after login.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Which command, from which device.
    pub line: &'a RequestLine,
    /// Who asks.
    pub user: &'a User,
    /// User-Agent; empty when there is none.
    pub user_agent: &'a str,
    /// Content-Type, in lower case, without parameters; empty when there is none.
    pub content_type: &'a str,
    /// The body, decompressed.
    pub body: &'a [u8],
    /// Now.
    pub now: Timestamp,
}

/// What the operator decided.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The policy every device is offered.
    pub policy: Policy,
    /// The shortest and longest heartbeat, in seconds.
    pub heartbeat_secs: (u32, u32),
    /// Collections in one Sync, and folders in one Ping.
    pub collections_max: usize,
    /// Bytes of a message from a device.
    pub message_bytes_max: usize,
    /// Devices of one user.
    pub devices_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            heartbeat_secs: (60, 3540),
            collections_max: 300,
            message_bytes_max: 50 << 20,
            devices_max: 100,
        }
    }
}

/// What devices must accept. The default demands nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whether devices must run Provision before anything else.
    pub required: bool,
    /// Grows with every change; devices that acknowledged an older one must run Provision again.
    pub version: u64,
    /// Settings that differ from the permissive ones, by element name.
    pub settings: Vec<(String, String)>,
}

/// Everything a command works with.
pub struct Service {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Who knows devices.
    pub plugin: Arc<dyn DevicePlugin>,
    /// What the operator decided.
    pub settings: Settings,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// A request that waits, inside.
#[derive(Clone, Debug)]
pub(crate) enum Waiting {}

impl Service {
    /// Answers a POST.
    pub fn handle(&self, request: &Request<'_>, sink: &mut dyn Sink) -> Reply {
        let _ = (request, sink);
        Answer::code(501).into()
    }

    /// Goes on with a request that waited; it may wait again, with the same end.
    pub fn resume(&self, user: &User, resume: Resume, why: Why, now: Timestamp, sink: &mut dyn Sink) -> Reply {
        let _ = (user, why, now, sink);
        match resume.0 {}
    }

    /// The version list for a device: the answer to OPTIONS.
    pub fn versions(&self, user: &User, device: Option<(&str, &str)>) -> String {
        let _ = (user, device);
        easel_protocol::Version::ALL.map(|version| version.to_string()).join(",")
    }
}
