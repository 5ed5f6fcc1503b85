//! One connection, from its greeting to its end: in hyper while a request is read and answered, out of hyper while
//! one waits.
//!
//! hyper keeps some 10 KB for a connection, and a device waits for most of the day. So when a request is to wait, its
//! service leaves a [`Ticket`] in the [`Slot`] and stays pending; the driver sees the ticket after that poll, takes the
//! connection apart, and only the stream waits (`park`). The answer goes through a fresh hyper connection, which reads a
//! request head of our own making first, so that an answer that waited is framed like any other.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;

use crate::newcomers::Newcomer;
use crate::park::{self, Ticket};
use crate::shared::Shared;
use crate::shutdown::{Phase, Phases};
use crate::sink::{AnswerBody, CutShort};
use crate::transport::{Transport, Wire};
use crate::{http, shared};

/// Where the service of a connection and its driver meet.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    ticket: Mutex<Option<Box<Ticket>>>,
    prepared: Mutex<Option<Response<AnswerBody>>>,
    /// Whether bytes of hyper's still wait to be written.
    blocked: AtomicBool,
}

impl Slot {
    pub(crate) fn set_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Relaxed);
    }

    /// The request is to wait; its service is pending from now on.
    pub(crate) fn leave(&self, ticket: Box<Ticket>) {
        *self.ticket.lock().expect("no holder of this lock panics") = Some(ticket);
    }

    /// A ticket, once nothing of hyper's waits to be written (a `100 Continue`).
    fn take_ticket(&self) -> Option<Box<Ticket>> {
        if self.blocked.load(Ordering::Relaxed) {
            return None;
        }
        self.ticket.lock().expect("no holder of this lock panics").take()
    }

    /// The answer to the request that waited.
    pub(crate) fn take_prepared(&self) -> Option<Response<AnswerBody>> {
        self.prepared.lock().expect("no holder of this lock panics").take()
    }
}

/// What is done with each request of one connection.
struct Requests {
    shared: Arc<Shared>,
    peer: IpAddr,
    slot: Arc<Slot>,
    newcomer: Arc<Newcomer>,
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response<AnswerBody>;
    type Error = CutShort;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (shared, slot, peer) = (Arc::clone(&self.shared), Arc::clone(&self.slot), self.peer);
        let newcomer = Arc::clone(&self.newcomer);
        Box::pin(async move { http::answer(&shared, peer, &slot, &newcomer, request).await })
    }
}

/// A connection that goes through hyper next.
struct Next {
    transport: Transport,
    /// Read before anything from the stream.
    replay: Bytes,
    /// The answer to the first request in `replay`.
    prepared: Option<Response<AnswerBody>>,
}

/// Serves a connection until it ends.
pub(crate) async fn serve(shared: Arc<Shared>, transport: Transport, peer: IpAddr, held: shared::Held) {
    let mut phases = shared.shutdown.phases();
    let mut next = Next { transport, replay: Bytes::new(), prepared: None };
    // Boxed, and dropped before the wait: a future counts in the size of the one that awaits it.
    while let Some(parked) = Box::pin(in_hyper(&shared, peer, &held.newcomer, next, &mut phases)).await {
        let Some(answered) = park::wait(&shared, parked, &mut phases).await else { break };
        next = Next {
            replay: replay(answered.version, answered.close, &answered.early),
            transport: answered.transport,
            prepared: Some(answered.response),
        };
    }
    drop(held);
}

/// The head of the request that waited, as far as hyper needs it to frame the answer; then what the client sent since.
fn replay(version: hyper::Version, close: bool, early: &[u8]) -> Bytes {
    let connection = if close { "Connection: close\r\n" } else { "" };
    let head = format!("POST / {version:?}\r\nHost: waited\r\n{connection}Content-Length: 0\r\n\r\n");
    let mut replay = BytesMut::from(head.as_bytes());
    replay.extend_from_slice(early);
    replay.freeze()
}

/// How long a client may take to see the end of a connection.
const FAREWELL: Duration = Duration::from_secs(5);

/// Reads and answers requests until one waits; `None` at the end of the connection.
async fn in_hyper(
    shared: &Arc<Shared>,
    peer: IpAddr,
    newcomer: &Arc<Newcomer>,
    next: Next,
    phases: &mut Phases,
) -> Option<park::Parked> {
    let Next { transport, replay, prepared } = next;
    let slot = Arc::new(Slot { prepared: Mutex::new(prepared), ..Slot::default() });
    let wire = Wire::new(transport, replay, &shared.limits, Arc::clone(&slot));
    let newcomer = Arc::clone(newcomer);
    let requests =
        Requests { shared: Arc::clone(shared), peer, slot: Arc::clone(&slot), newcomer: Arc::clone(&newcomer) };
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.limits.idle)
        .max_buf_size(shared.limits.head_bytes.max(8192))
        .max_headers(shared.limits.headers)
        .serve_connection(TokioIo::new(wire), requests);
    let mut known = Phase::Serving;
    let ticket = loop {
        let poll = poll_fn(|cx| {
            let poll = connection.poll_without_shutdown(cx);
            match slot.take_ticket() {
                Some(ticket) => Poll::Ready(Ok(Some(ticket))),
                None => poll.map_ok(|()| None),
            }
        });
        tokio::select! {
            biased;
            outcome = poll => break outcome,
            phase = phases.changed_from(known) => match phase {
                Phase::Serving => {}
                Phase::Stopping { .. } => {
                    known = phase;
                    Pin::new(&mut connection).graceful_shutdown();
                }
                Phase::Cut => return None,
            },
            () = newcomer.over() => {
                tracing::debug!(%peer, "a connection ended on which nobody had logged in");
                return None;
            }
        }
    };
    let parts = connection.into_parts();
    let (mut transport, unread) = parts.io.into_inner().into_parts();
    match ticket {
        Ok(Some(ticket)) => {
            let mut early = BytesMut::from(&parts.read_buf[..]);
            early.extend_from_slice(&unread);
            Some(park::Parked { transport, early, ticket })
        }
        Ok(None) => {
            farewell(&mut transport).await;
            None
        }
        Err(error) => {
            tracing::debug!(%peer, %error, "a connection ended");
            farewell(&mut transport).await;
            None
        }
    }
}

async fn farewell(transport: &mut Transport) {
    let done: Result<io::Result<()>, _> = tokio::time::timeout(FAREWELL, transport.shutdown()).await;
    if let Ok(Err(error)) = done {
        tracing::trace!(%error, "a connection was gone already");
    }
}
