//! One line in the log for each request: who, what, how it went. Never content, never credentials.

use std::net::IpAddr;

use easel_store::UserId;
use jiff::Timestamp;

/// What is known of a request when it begins.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    /// Who sent it; behind a proxy in front, whom its PROXY header names.
    pub(crate) peer: IpAddr,
    pub(crate) user: UserId,
    /// The device's id as sent; empty for OPTIONS.
    pub(crate) device: String,
    pub(crate) command: &'static str,
    /// The version, times ten; 0 when none was named.
    pub(crate) version: u8,
    pub(crate) received: usize,
    pub(crate) began: Timestamp,
}

impl Trace {
    /// Writes the line. Code 0: the client went, or the answer was cut.
    pub(crate) fn finish(&self, code: u16, bytes: usize, now: Timestamp) {
        let millis = now.duration_since(self.began).as_millis();
        tracing::info!(
            peer = %self.peer,
            user = self.user.0,
            device = %self.device,
            command = self.command,
            version = self.version,
            received = self.received,
            code,
            bytes,
            ms = i64::try_from(millis).unwrap_or(i64::MAX),
            "request"
        );
    }
}
