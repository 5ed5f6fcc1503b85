//! What is seen of a request before anything is known of it, for whoever follows the device that it names.

use std::sync::Arc;
use std::time::Duration;

use easel_protocol::RequestLine;
use hyper::Request;
use hyper::body::Incoming;
use jiff::Timestamp;

use super::{HttpError, request_line};
use crate::recorder::{Document, Exchange, LINE_MAX, Recording, Refused};
use crate::shared::Shared;

/// A request whose device somebody follows.
pub(super) struct Seen {
    recording: Box<Recording>,
    began: Timestamp,
    command: &'static str,
    version: u8,
    line: String,
}

impl Seen {
    /// `None` while nobody follows the device, or where none is named.
    pub(super) fn of(shared: &Arc<Shared>, request: &Request<Incoming>) -> Option<Self> {
        if !shared.recorder.is_awake() {
            return None;
        }
        let device = RequestLine::device_of(request.uri().query().unwrap_or_default())?;
        let recording = shared.recorder.begin(&device)?;
        let named = request_line(request).ok();
        let mut line = format!("{} {}", request.method(), request.uri());
        if line.len() > LINE_MAX {
            line.truncate(line.floor_char_boundary(LINE_MAX));
            line.push_str("...");
        }
        Some(Self {
            recording,
            began: shared.clock.now(),
            command: named.as_ref().map_or("-", |line| line.command.name()),
            version: named.and_then(|line| line.version).map_or(0, easel_protocol::Version::times_ten),
            line,
        })
    }

    /// It was refused.
    pub(super) fn refused(self, error: &HttpError, now: Timestamp) {
        self.recording.refused(Refused { reason: error.to_string(), line: self.line });
        self.recording.end(Exchange {
            began: self.began,
            user: None,
            command: self.command,
            version: self.version,
            code: error.code(),
            took: Duration::try_from(now.duration_since(self.began)).unwrap_or_default(),
            worked: Duration::ZERO,
            request: Document::default(),
            answer: Document::default(),
            refused: None,
        });
    }
}
