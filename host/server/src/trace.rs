//! A request from its beginning to its end: what is counted of it, and one line in the log. Never content, never
//! credentials.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use std::net::IpAddr;

use easel_protocol::Version;
use easel_store::UserId;
use jiff::Timestamp;

use crate::activity::Active;
use crate::http::HttpError;
use crate::metrics::{Done, Metrics};
use crate::recorder::{Document, Exchange, Recording, Refused};

/// What is known of a request when it begins.
#[derive(Debug)]
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
    pub(crate) spent: Spent,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) active: Active,
    /// Where somebody follows the device.
    pub(crate) recording: Option<Box<Recording>>,
}

/// Where the time of a request went so far, in microseconds; without the time it waited for news.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    /// In line for a thread, and at work.
    served: AtomicU64,
    /// At work, and not for a client that takes its answer slowly.
    worked: AtomicU64,
}

impl Spent {
    /// A thread was asked for, began and ended; meanwhile it waited for its client. How long it was at work.
    pub(crate) fn add(&self, asked: Timestamp, began: Timestamp, ended: Timestamp, waited: Duration) -> Duration {
        let waited = u64::try_from(waited.as_micros()).unwrap_or(u64::MAX);
        let worked = micros(began, ended).saturating_sub(waited);
        self.served.fetch_add(micros(asked, ended), Ordering::Relaxed);
        self.worked.fetch_add(worked, Ordering::Relaxed);
        Duration::from_micros(worked)
    }
}

/// A clock may jump back.
fn micros(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_micros()).unwrap_or_default()
}

impl Trace {
    /// The version that the request named.
    pub(crate) fn version(&self) -> Option<Version> {
        Version::from_byte(self.version).ok()
    }

    fn exchange(&self, code: u16, now: Timestamp, worked: u64) -> Exchange {
        Exchange {
            began: self.began,
            user: Some(self.user),
            command: self.command,
            version: self.version,
            code,
            took: Duration::from_micros(micros(self.began, now)),
            worked: Duration::from_micros(worked),
            request: Document::default(),
            answer: Document::default(),
            refused: None,
        }
    }

    /// Tells whoever follows the device why no command saw the request, or sees it any longer.
    pub(crate) fn refused(&self, error: &HttpError) {
        if let Some(recording) = &self.recording {
            recording.refused(Refused { reason: error.to_string(), line: String::new() });
        }
    }

    /// The same for one that ends with that: what else is counted of it, is counted elsewhere.
    pub(crate) fn end_refused(&self, error: &HttpError, now: Timestamp) {
        self.refused(error);
        if let Some(recording) = &self.recording {
            recording.end(self.exchange(error.code(), now, self.spent.worked.load(Ordering::Relaxed)));
        }
    }

    /// Counts it and writes the line. Code 0: the client went, or the answer was cut.
    pub(crate) fn finish(&self, code: u16, bytes: usize, now: Timestamp) {
        let (served, worked) = (self.spent.served.load(Ordering::Relaxed), self.spent.worked.load(Ordering::Relaxed));
        let done = Done { code, received: self.received, sent: bytes, micros: served, worked };
        self.metrics.done(self.command, done);
        self.active.done(now, worked, self.received, bytes);
        if let Some(recording) = &self.recording {
            recording.end(self.exchange(code, now, worked));
        }
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
