//! The bytes of a connection, below HTTP.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;

use crate::connection::Slot;
use crate::limits::Limits;

/// A connection that has greeted.
#[derive(Debug)]
pub(crate) enum Transport {
    Plain(TcpStream),
    /// Boxed: its state is 1.2 KB, and a value that is moved between futures counts in each.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// The bytes hyper sees: what was read before comes first, and a client that takes nothing for too long, or takes too
/// long for an answer, is given up.
#[derive(Debug)]
pub(crate) struct Wire {
    transport: Transport,
    replay: Bytes,
    stall: Duration,
    answer_total: Duration,
    slot: Arc<Slot>,
    stalled: Option<Pin<Box<Sleep>>>,
    /// Until when the client must have taken the answer, once it takes it slowly.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Bytes taken since the clock of `stalled` was set.
    taken: usize,
}

/// A client that takes so many bytes gets the whole time again.
const PROGRESS: usize = 8 << 10;

impl Wire {
    pub(crate) fn new(transport: Transport, replay: Bytes, limits: &Limits, slot: Arc<Slot>) -> Self {
        let Limits { stall, answer_total, .. } = *limits;
        Self { transport, replay, stall, answer_total, slot, stalled: None, deadline: None, taken: 0 }
    }

    /// The stream, and what of the replay was not read.
    pub(crate) fn into_parts(self) -> (Transport, Bytes) {
        (self.transport, self.replay)
    }

    /// Keeps the time while nothing can be written.
    fn watch<T>(&mut self, cx: &mut Context<'_>, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.slot.set_blocked(poll.is_pending());
        if poll.is_ready() {
            return poll;
        }
        let stall = self.stall;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall)));
        if stalled.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")));
        }
        let total = self.answer_total;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep(total)));
        if deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the client takes too long for an answer",
            )));
        }
        Poll::Pending
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.replay.is_empty() {
            let before = buffer.filled().len();
            let poll = Pin::new(&mut self.transport).poll_read(cx, buffer);
            if buffer.filled().len() > before && self.deadline.is_some() {
                // The next request.
                self.deadline = None;
            }
            return poll;
        }
        let length = self.replay.len().min(buffer.remaining());
        buffer.put_slice(&self.replay[..length]);
        self.replay.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.transport).poll_write(cx, bytes);
        if let Poll::Ready(Ok(length)) = &poll {
            self.taken += length;
            if self.taken >= PROGRESS {
                self.stalled = None;
                self.taken = 0;
            }
        }
        self.watch(cx, poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(&mut self.transport).poll_flush(cx);
        if poll.is_ready() {
            self.stalled = None;
            self.taken = 0;
        }
        self.watch(cx, poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}
