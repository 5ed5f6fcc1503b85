//! What a command hands back to the server.

use std::borrow::Cow;

use easel_protocol::RequestLine;
use easel_store::Interest;
use jiff::Timestamp;

use crate::service::Waiting;

/// What came of a request.
#[derive(Debug)]
pub enum Reply {
    /// A whole answer.
    Answer(Answer),
    /// Nothing yet: the request waits.
    Park(Parked),
    /// The answer (200, WBXML) has gone through the [`Sink`] and is complete.
    Streamed,
    /// The answer began to go through the [`Sink`] and cannot be finished: the connection is to be cut, so that the
    /// device repeats its request.
    Cut,
}

/// An HTTP answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP code.
    pub code: u16,
    /// Content-Type; `None` with an empty body.
    pub content_type: Option<String>,
    /// Further headers.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// 200 without a body, which means "nothing new" or "done".
    pub fn empty() -> Self {
        Self { code: 200, ..Self::default() }
    }

    /// A code without a body.
    pub fn code(code: u16) -> Self {
        Self { code, ..Self::default() }
    }

    /// 200 with a WBXML document.
    pub fn wbxml(root: &easel_wbxml::Element) -> Self {
        Self::encoded(easel_wbxml::encode(root))
    }

    /// 200 with a WBXML document, encoded.
    pub(crate) fn encoded(document: Vec<u8>) -> Self {
        Self::bytes("application/vnd.ms-sync.wbxml", document)
    }

    /// 200 with bytes of some type.
    pub fn bytes(content_type: &str, body: Vec<u8>) -> Self {
        Self { code: 200, content_type: Some(content_type.to_owned()), headers: Vec::new(), body }
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

/// Takes a long answer piece by piece: the first piece begins a 200 answer of WBXML.
pub trait Sink {
    /// Hands on some bytes; it may block while the device reads slowly.
    fn write(&mut self, piece: Vec<u8>) -> Result<(), SinkClosed>;

    /// Hands on some bytes if that needs no waiting, and gives them back if it does.
    fn offer(&mut self, piece: Vec<u8>) -> Result<Option<Vec<u8>>, SinkClosed> {
        self.write(piece).map(|()| None)
    }
}

/// The device has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the device has gone")]
pub struct SinkClosed;

/// A request that waits. It holds no body, no tree and no connection to the store.
#[derive(Debug)]
pub struct Parked {
    /// What would wake it. The server watches it, then calls [`crate::Service::resume`] once at once, so that nothing
    /// between the look and the watch is missed.
    pub interest: Interest,
    /// When it is answered anyway.
    pub until: Timestamp,
    /// What it needs to go on.
    pub resume: Resume,
}

/// What a parked request needs to go on; opaque outside of the commands.
#[derive(Clone, Debug)]
pub struct Resume {
    pub(crate) line: Box<RequestLine>,
    pub(crate) until: Timestamp,
    pub(crate) waiting: Waiting,
}

/// Why a parked request goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Something that concerns it happened, or is to be looked for.
    Changed,
    /// The server stops.
    Shutdown,
    /// The device sent another waiting request.
    Superseded,
    /// Its time is over.
    TimeUp,
}
