//! The way of an answer from a worker to the connection: whole, or piece by piece.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use easel_commands::{Sink, SinkClosed};
use hyper::body::{Body, Frame, SizeHint};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::budgets::Leave;
use crate::memory::WORK;
use crate::shared::Shared;
use crate::trace::Trace;
use crate::workers::Workers;
use crate::{Clock, gzip};

/// Pieces under way between a worker and the connection.
const UNDER_WAY: usize = 4;

/// A piece of an answer.
#[derive(Debug)]
pub(crate) enum Piece {
    Bytes(Queued),
    /// The answer is complete. A channel that closes without it means that it is not.
    End,
}

/// Bytes under way: taken by the connection, or by the sink when the answer is cut.
#[derive(Clone, Debug)]
pub(crate) struct Queued(Arc<Mutex<Option<Bytes>>>);

impl Queued {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self(Arc::new(Mutex::new(Some(bytes))))
    }

    fn take(&self) -> Option<Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
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
    clock: Arc<dyn Clock>,
    /// Time in which the client took nothing.
    waited: Duration,
    /// Holds what the client has not taken.
    leave: Arc<Leave>,
    /// Bytes held of what was offered and not taken.
    kept: usize,
    /// The pieces that may be under way still; none once the answer is complete.
    queued: VecDeque<Queued>,
    /// Records the pieces before their compression.
    trace: Arc<Trace>,
}

impl ChannelSink {
    /// The sink, and who is told when the first piece comes.
    pub(crate) fn new(
        shared: &Shared,
        gzip: bool,
        leave: &Arc<Leave>,
        trace: &Arc<Trace>,
    ) -> (Self, oneshot::Receiver<Stream>) {
        let (begun, begins) = oneshot::channel();
        let sink = Self {
            begun: Some(begun),
            pieces: None,
            gzip: gzip.then(gzip::Pieces::new),
            workers: Arc::clone(&shared.workers),
            runtime: shared.runtime.clone(),
            stall: shared.limits.stall,
            sent: 0,
            clock: Arc::clone(&shared.clock),
            waited: Duration::ZERO,
            leave: Arc::clone(leave),
            kept: 0,
            queued: VecDeque::new(),
            trace: Arc::clone(trace),
        };
        (sink, begins)
    }

    /// Whether a piece was taken.
    pub(crate) const fn has_begun(&self) -> bool {
        self.begun.is_none()
    }

    /// Bytes handed on.
    pub(crate) const fn sent(&self) -> usize {
        self.sent
    }

    /// How long it waited for the client to take something.
    pub(crate) const fn waited(&self) -> Duration {
        self.waited
    }

    /// Says that the answer is complete.
    pub(crate) fn finish(&mut self) -> Result<(), SinkClosed> {
        if let Some(gzip) = self.gzip.take() {
            let piece = self.piece(gzip.finish());
            self.send(piece)?;
        }
        self.send(Piece::End)?;
        self.queued.clear();
        Ok(())
    }

    /// Bytes are under way from now on, and held.
    fn piece(&mut self, bytes: Vec<u8>) -> Piece {
        self.sent += bytes.len();
        self.leave.hold_anyway(bytes.len());
        // One more may be about to be sent.
        if self.queued.len() > UNDER_WAY {
            self.queued.pop_front();
        }
        let queued = Queued::new(bytes.into());
        self.queued.push_back(queued.clone());
        Piece::Bytes(queued)
    }

    fn send(&mut self, piece: Piece) -> Result<(), SinkClosed> {
        let pieces = self.pieces.as_ref().ok_or(SinkClosed)?;
        let piece = match pieces.try_send(piece) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(SinkClosed),
            Err(mpsc::error::TrySendError::Full(piece)) => piece,
        };
        let began = self.clock.now();
        // Another thread works in place of this one, and what this one is at stays: if there is room for it.
        self.hold(WORK)?;
        let sent = self.workers.waiting(|waiter| {
            // Made within the runtime, whose clock it needs.
            let sending = async {
                tokio::select! {
                    biased;
                    sent = tokio::time::timeout(self.stall, pieces.send(piece)) => matches!(sent, Ok(Ok(()))),
                    () = waiter.displaced() => {
                        let (user, device) = (self.trace.user.0, &self.trace.device);
                        tracing::info!(user, device, "an answer that is read slowly is cut: too many are");
                        false
                    }
                }
            };
            if self.runtime.block_on(sending) { Ok(()) } else { Err(SinkClosed) }
        });
        self.leave.give_back(WORK);
        self.waited += Duration::try_from(self.clock.now().duration_since(began)).unwrap_or_default();
        sent
    }
}

impl ChannelSink {
    /// Holds so many bytes more for a client that reads slowly.
    fn hold(&self, bytes: usize) -> Result<(), SinkClosed> {
        self.leave.hold(bytes).map_err(|_| {
            let (user, device) = (self.trace.user.0, &self.trace.device);
            tracing::info!(user, device, "an answer that is read slowly is cut: there is no room to keep it");
            SinkClosed
        })
    }

    /// What was offered in vain is offered again, and grows.
    fn keep(&mut self, piece: &Vec<u8>) -> Result<(), SinkClosed> {
        let more = piece.capacity().saturating_sub(self.kept);
        self.hold(more)?;
        self.kept += more;
        Ok(())
    }

    /// What was kept is on its way.
    fn kept_no_longer(&mut self) {
        self.leave.give_back(std::mem::take(&mut self.kept));
    }

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

impl Drop for ChannelSink {
    /// What is left of an answer that is cut is of no use to anybody, and the connection may be there for a while.
    fn drop(&mut self) {
        self.kept_no_longer();
        let left = self.queued.drain(..).filter_map(|queued| queued.take()).map(|bytes| bytes.len()).sum();
        self.leave.give_back(left);
    }
}

impl Sink for ChannelSink {
    fn write(&mut self, piece: Vec<u8>) -> Result<(), SinkClosed> {
        if piece.is_empty() {
            return Ok(());
        }
        self.begin()?;
        self.kept_no_longer();
        self.record(&piece);
        let bytes = match &mut self.gzip {
            Some(gzip) => gzip.push(&piece),
            None => piece,
        };
        if bytes.is_empty() {
            return Ok(());
        }
        let piece = self.piece(bytes);
        self.send(piece)
    }

    fn offer(&mut self, piece: Vec<u8>) -> Result<Option<Vec<u8>>, SinkClosed> {
        if piece.is_empty() {
            return Ok(None);
        }
        self.begin()?;
        let pieces = self.pieces.as_ref().ok_or(SinkClosed)?;
        // The place is taken first: what was compressed cannot be given back.
        match pieces.clone().try_reserve_owned() {
            Ok(place) => {
                self.kept_no_longer();
                self.record(&piece);
                let bytes = match &mut self.gzip {
                    Some(gzip) => gzip.push(&piece),
                    None => piece,
                };
                if !bytes.is_empty() {
                    place.send(self.piece(bytes));
                }
                Ok(None)
            }
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.keep(&piece)?;
                Ok(Some(piece))
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(SinkClosed),
        }
    }
}

/// The most of an answer that is handed on at once, in bytes: hyper copies what it is given.
const FRAME: usize = 32 << 10;

/// The body of an answer; its request is under way until it is taken.
#[derive(Debug)]
pub(crate) struct AnswerBody {
    content: Content,
    leave: Option<Arc<Leave>>,
}

#[derive(Debug)]
enum Content {
    Whole(Bytes),
    Pieces { pieces: mpsc::Receiver<Piece>, ended: bool },
}

impl AnswerBody {
    /// An answer that is there.
    pub(crate) const fn whole(bytes: Bytes, leave: Option<Arc<Leave>>) -> Self {
        Self { content: Content::Whole(bytes), leave }
    }

    /// Bytes that are handed on are held no longer.
    fn taken(leave: Option<&Arc<Leave>>, bytes: Bytes) -> Option<Result<Frame<Bytes>, CutShort>> {
        if let Some(leave) = leave {
            leave.give_back(bytes.len());
        }
        Some(Ok(Frame::data(bytes)))
    }

    /// An answer that has begun.
    pub(crate) const fn pieces(pieces: mpsc::Receiver<Piece>, leave: Option<Arc<Leave>>) -> Self {
        Self { content: Content::Pieces { pieces, ended: false }, leave }
    }
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
        let Self { content, leave } = &mut *self;
        match content {
            Content::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Whole(bytes) => {
                let next = bytes.split_to(bytes.len().min(FRAME));
                Poll::Ready(Self::taken(leave.as_ref(), next))
            }
            Content::Pieces { ended: true, .. } => Poll::Ready(None),
            Content::Pieces { pieces, ended } => Poll::Ready(match ready!(pieces.poll_recv(cx)) {
                Some(Piece::Bytes(queued)) => match queued.take() {
                    Some(bytes) => Self::taken(leave.as_ref(), bytes),
                    None => Some(Err(CutShort)),
                },
                Some(Piece::End) => {
                    *ended = true;
                    None
                }
                None => Some(Err(CutShort)),
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Pieces { ended, .. } => *ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Pieces { .. } => SizeHint::new(),
        }
    }
}
