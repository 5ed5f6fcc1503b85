//! The way of an answer from a worker to the connection: whole, or piece by piece.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use easel_commands::{Sink, SinkClosed};
use hyper::body::{Body, Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::gzip;
use crate::trace::Trace;
use crate::workers::Workers;

/// Pieces under way between a worker and the connection.
const UNDER_WAY: usize = 4;

/// A piece of an answer.
#[derive(Debug)]
pub(crate) enum Piece {
    Bytes(Bytes),
    /// The answer is complete. A channel that closes without it means that it is not.
    End,
}

/// An answer that has begun.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) pieces: mpsc::Receiver<Piece>,
    pub(crate) gzipped: bool,
}

/// The sink of one request.
#[derive(Debug)]
pub(crate) struct ChannelSink {
    begun: Option<oneshot::Sender<Stream>>,
    pieces: Option<mpsc::Sender<Piece>>,
    gzip: Option<gzip::Pieces>,
    workers: Arc<Workers>,
    runtime: Handle,
    stall: Duration,
    sent: usize,
    /// Records the pieces before their compression.
    trace: Arc<Trace>,
}

impl ChannelSink {
    /// The sink, and who is told when the first piece comes.
    pub(crate) fn new(
        gzip: bool,
        workers: Arc<Workers>,
        runtime: Handle,
        stall: Duration,
        trace: &Arc<Trace>,
    ) -> (Self, oneshot::Receiver<Stream>) {
        let (begun, begins) = oneshot::channel();
        let gzip = gzip.then(gzip::Pieces::new);
        (
            Self { begun: Some(begun), pieces: None, gzip, workers, runtime, stall, sent: 0, trace: Arc::clone(trace) },
            begins,
        )
    }

    /// Whether a piece was taken.
    pub(crate) const fn has_begun(&self) -> bool {
        self.begun.is_none()
    }

    /// Bytes handed on.
    pub(crate) const fn sent(&self) -> usize {
        self.sent
    }

    /// Says that the answer is complete.
    pub(crate) fn finish(&mut self) -> Result<(), SinkClosed> {
        if let Some(gzip) = self.gzip.take() {
            self.send(Piece::Bytes(gzip.finish().into()))?;
        }
        self.send(Piece::End)
    }

    fn send(&mut self, piece: Piece) -> Result<(), SinkClosed> {
        let pieces = self.pieces.as_ref().ok_or(SinkClosed)?;
        if let Piece::Bytes(bytes) = &piece {
            self.sent += bytes.len();
        }
        let piece = match pieces.try_send(piece) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(SinkClosed),
            Err(mpsc::error::TrySendError::Full(piece)) => piece,
        };
        self.workers.waiting(|| {
            // Made within the runtime, whose clock it needs.
            let sending = async { tokio::time::timeout(self.stall, pieces.send(piece)).await };
            let sent = self.runtime.block_on(sending);
            sent.map_err(|_| SinkClosed)?.map_err(|_| SinkClosed)
        })
    }
}

impl ChannelSink {
    fn record(&self, piece: &[u8]) {
        if let Some(recording) = &self.trace.recording {
            recording.answer(piece);
        }
    }

    fn begin(&mut self) -> Result<(), SinkClosed> {
        if let Some(begun) = self.begun.take() {
            let (sender, pieces) = mpsc::channel(UNDER_WAY);
            begun.send(Stream { pieces, gzipped: self.gzip.is_some() }).map_err(|_| SinkClosed)?;
            self.pieces = Some(sender);
        }
        Ok(())
    }
}

impl Sink for ChannelSink {
    fn write(&mut self, piece: Vec<u8>) -> Result<(), SinkClosed> {
        if piece.is_empty() {
            return Ok(());
        }
        self.begin()?;
        self.record(&piece);
        let bytes = match &mut self.gzip {
            Some(gzip) => gzip.push(&piece),
            None => piece,
        };
        if bytes.is_empty() { Ok(()) } else { self.send(Piece::Bytes(bytes.into())) }
    }

    fn offer(&mut self, piece: Vec<u8>) -> Result<Option<Vec<u8>>, SinkClosed> {
        if piece.is_empty() {
            return Ok(None);
        }
        self.begin()?;
        let pieces = self.pieces.as_ref().ok_or(SinkClosed)?;
        // The place is taken first: what was compressed cannot be given back.
        match pieces.try_reserve() {
            Ok(place) => {
                self.record(&piece);
                let bytes = match &mut self.gzip {
                    Some(gzip) => gzip.push(&piece),
                    None => piece,
                };
                if !bytes.is_empty() {
                    self.sent += bytes.len();
                    place.send(Piece::Bytes(bytes.into()));
                }
                Ok(None)
            }
            Err(mpsc::error::TrySendError::Full(())) => Ok(Some(piece)),
            Err(mpsc::error::TrySendError::Closed(())) => Err(SinkClosed),
        }
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum AnswerBody {
    Whole(Bytes),
    Pieces { pieces: mpsc::Receiver<Piece>, ended: bool },
}

/// An answer that began and cannot be finished: the connection is cut.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer cannot be finished")]
pub(crate) struct CutShort;

impl From<Infallible> for CutShort {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = CutShort;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutShort>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Pieces { ended: true, .. } => Poll::Ready(None),
            Self::Pieces { pieces, ended } => Poll::Ready(match ready!(pieces.poll_recv(cx)) {
                Some(Piece::Bytes(bytes)) => Some(Ok(Frame::data(bytes))),
                Some(Piece::End) => {
                    *ended = true;
                    None
                }
                None => Some(Err(CutShort)),
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Pieces { ended, .. } => *ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Pieces { .. } => SizeHint::new(),
        }
    }
}
