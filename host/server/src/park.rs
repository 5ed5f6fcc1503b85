//! A request that waits: no thread, no store, no body, no HTTP, only a stream and what would end the wait.
//!
//! ```text
//! Reply::Park --> stand in line, watch the bus --> look once --answer--> through the hyper connection it came by
//!                                                      '--nothing--> out of hyper
//!      ,------------------------------------------------------------------'
//!      '--> wait for: wake-up | newer request | time | shutdown | hang-up --> look --answer--> a fresh hyper connection
//!                ^                                                              |
//!                '-------------------------- nothing --------------------------'
//! ```
//!
//! The watch begins before the look, so nothing that happens in between is missed.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, ready};

use bytes::BytesMut;
use easel_commands::Why;
use easel_store::{DeviceKey, Interest, WatchId};
use hyper::Response;
use jiff::Timestamp;
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::sync::oneshot;

use crate::commands::{Commands, GoOn, Wait};
use crate::devices::DeviceName;
use crate::http;
use crate::login::Session;
use crate::metrics::Throttled;
use crate::shared::{Begun, Shared};
use crate::shutdown::{Phase, Phases};
use crate::sink::{AnswerBody, CutShort};
use crate::trace::Trace;
use crate::transport::Transport;

/// What a client may send while its request waits; a client that sends more is not watched for a hang-up.
const EARLY_MAX: usize = 16 << 10;

/// Who waits, and how the answer is to be sent.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) session: Session,
    pub(crate) device: DeviceName,
    pub(crate) trace: Arc<Trace>,
    pub(crate) gzip: bool,
    /// Whether the connection ends with the answer.
    pub(crate) close: bool,
    /// What the client speaks: HTTP/1.0 knows no chunks.
    pub(crate) version: hyper::Version,
}

/// A request that waits.
pub(crate) struct Ticket {
    visitor: Visitor,
    watch: Watch,
    place: Option<Place>,
    until: Timestamp,
    time_up: Pin<Box<dyn Future<Output = ()> + Send>>,
    go_on: GoOn,
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("visitor", &self.visitor).field("until", &self.until).finish_non_exhaustive()
    }
}

/// A connection that was taken out of hyper.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) transport: Transport,
    /// What the client sent after its request.
    pub(crate) early: BytesMut,
    pub(crate) ticket: Box<Ticket>,
}

/// A connection that goes back to hyper.
pub(crate) struct Answered {
    pub(crate) transport: Transport,
    pub(crate) early: BytesMut,
    pub(crate) response: Response<AnswerBody>,
    pub(crate) close: bool,
    pub(crate) version: hyper::Version,
}

/// What came of a look.
enum Look {
    Answer(Response<AnswerBody>),
    Cut,
    Wait(Wait),
}

/// What the first look gave.
pub(crate) enum FirstLook {
    Answer(Result<Response<AnswerBody>, CutShort>),
    Wait(Box<Ticket>),
}

/// Puts a request in its place, watches for it, and looks once.
pub(crate) async fn first_look(shared: &Arc<Shared>, mut wait: Wait, visitor: Visitor) -> FirstLook {
    let place = match &wait.interest {
        Interest::Mailbox { device, .. } => Some(shared.standing.enter(*device)),
        Interest::Outgoing => None,
    };
    loop {
        let watch = Watch::begin(shared, wait.interest);
        wait = match look(shared, &visitor, wait.go_on, Why::Changed).await {
            Look::Answer(response) => return FirstLook::Answer(Ok(response)),
            Look::Cut => return FirstLook::Answer(Err(CutShort)),
            Look::Wait(wait) => wait,
        };
        if wait.interest == watch.interest {
            let time_up = shared.clock.sleep_until(wait.until);
            let Wait { until, go_on, .. } = wait;
            return FirstLook::Wait(Box::new(Ticket { visitor, watch, place, until, time_up, go_on }));
        }
    }
}

/// Waits; `None` when the client has gone, or is to be cut off.
pub(crate) async fn wait(shared: &Arc<Shared>, parked: Parked, phases: &mut Phases) -> Option<Answered> {
    let Parked { mut transport, mut early, mut ticket } = parked;
    let _counted = shared.standing.count();
    ticket.visitor.trace.active.park(Some(shared.clock.now()));
    loop {
        let Some(why) = reason(&mut ticket, &mut transport, &mut early, phases).await else {
            ticket.visitor.trace.finish(0, 0, shared.clock.now());
            return None;
        };
        // Boxed: what a look needs is not kept while nobody looks.
        match Box::pin(look_again(shared, ticket, why)).await {
            Again::Answer { response, close, version } => {
                let close = close || phases.now() != Phase::Serving;
                return Some(Answered { transport, early, response, close, version });
            }
            Again::Gone => return None,
            Again::Wait(again) => ticket = again,
        }
    }
}

/// Why a waiting request is looked at; `None` when its client hung up.
async fn reason(
    ticket: &mut Ticket,
    transport: &mut Transport,
    early: &mut BytesMut,
    phases: &mut Phases,
) -> Option<Why> {
    let Ticket { watch, place, time_up, .. } = ticket;
    tokio::select! {
        biased;
        () = superseded(place.as_mut()) => Some(Why::Superseded),
        () = woken(&mut watch.woken) => Some(Why::Changed),
        () = time_up => Some(Why::TimeUp),
        stopping = stopping(phases) => stopping.then_some(Why::Shutdown),
        () = poll_fn(|cx| poll_hung_up(transport, early, cx)) => None,
    }
}

async fn superseded(place: Option<&mut Place>) {
    let newer = match place {
        Some(place) => (&mut place.superseded).await.is_ok(),
        None => false,
    };
    if !newer {
        std::future::pending::<()>().await;
    }
}

async fn woken(woken: &mut oneshot::Receiver<()>) {
    if woken.await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Ends at a random moment of the window in which the server stops; false when it cuts instead.
async fn stopping(phases: &mut Phases) -> bool {
    match phases.changed_from(Phase::Serving).await {
        Phase::Stopping { window } => {
            // Boxed: a timer that nearly nobody needs.
            Box::pin(tokio::time::sleep(window.mul_f64(rand::random()))).await;
            true
        }
        Phase::Serving | Phase::Cut => false,
    }
}

/// Ready when the client has hung up. What it sends meanwhile is kept.
fn poll_hung_up(transport: &mut Transport, early: &mut BytesMut, cx: &mut std::task::Context<'_>) -> Poll<()> {
    while early.len() < EARLY_MAX {
        let mut bytes = [0; 512];
        let mut buffer = ReadBuf::new(&mut bytes);
        let read = ready!(Pin::new(&mut *transport).poll_read(cx, &mut buffer));
        if read.is_err() || buffer.filled().is_empty() {
            return Poll::Ready(());
        }
        early.extend_from_slice(buffer.filled());
    }
    Poll::Pending
}

enum Again {
    Answer { response: Response<AnswerBody>, close: bool, version: hyper::Version },
    Gone,
    Wait(Box<Ticket>),
}

/// Looks at a waiting request; when it goes on waiting, it is watched for again since before the look.
async fn look_again(shared: &Arc<Shared>, ticket: Box<Ticket>, why: Why) -> Again {
    let Ticket { visitor, mut watch, place, mut until, mut time_up, mut go_on } = *ticket;
    if why == Why::Changed {
        watch = Watch::begin(shared, watch.interest.clone());
    }
    loop {
        let wait = match look(shared, &visitor, go_on, why).await {
            Look::Answer(response) => {
                return Again::Answer { response, close: visitor.close, version: visitor.version };
            }
            Look::Cut => return Again::Gone,
            Look::Wait(wait) => wait,
        };
        if why != Why::Changed {
            tracing::error!(?why, device = %visitor.trace.device, "a request goes on waiting though it is over");
            return Again::Gone;
        }
        if wait.until != until {
            until = wait.until;
            time_up = shared.clock.sleep_until(until);
        }
        go_on = wait.go_on;
        if wait.interest == watch.interest {
            return Again::Wait(Box::new(Ticket { visitor, watch, place, until, time_up, go_on }));
        }
        watch = Watch::begin(shared, wait.interest);
    }
}

/// One look, on a worker, in the device's turn, for a user who may still log in.
async fn look(shared: &Arc<Shared>, visitor: &Visitor, go_on: GoOn, why: Why) -> Look {
    // However much else there is to do: a request that waits is never sent away.
    let (leave, pass) = (Arc::new(shared.budgets.look()), shared.devices.turn(visitor.device.clone()).await);
    let (logins, clock, challenged) = (Arc::clone(&shared.logins), Arc::clone(&shared.clock), Arc::clone(shared));
    let (session, trace) = (visitor.session.aged(), Arc::clone(&visitor.trace));
    let command = move |sink: &mut dyn easel_commands::Sink| match logins.recheck(&session) {
        Ok(user) => go_on(&user, why, clock.now(), sink),
        Err(denied) => http::refused(&challenged, &trace, &denied.into()),
    };
    match shared.run(Some(pass), Arc::clone(&leave), visitor.gzip, Arc::clone(&visitor.trace), command).await {
        Ok(Begun::Wait(wait)) => Look::Wait(wait),
        Ok(begun) => http::respond(shared, begun, Some(leave)).map_or(Look::Cut, Look::Answer),
        Err(crate::workers::Busy) => too_much(shared, visitor, Throttled::Workers),
    }
}

fn too_much(shared: &Shared, visitor: &Visitor, why: Throttled) -> Look {
    let error = shared.too_much(why);
    visitor.trace.end_refused(&error, shared.clock.now());
    Look::Answer(http::refuse(shared, &error, visitor.trace.version()))
}

/// A watch on the bus; it ends when the value is dropped.
struct Watch {
    commands: Arc<dyn Commands>,
    interest: Interest,
    id: WatchId,
    woken: oneshot::Receiver<()>,
}

impl Watch {
    fn begin(shared: &Shared, interest: Interest) -> Self {
        let (wake, woken) = oneshot::channel();
        let wake = Box::new(move |_: &_| {
            // Whoever waited may have gone.
            let _ = wake.send(());
        });
        let id = shared.commands.bus().watch(interest.clone(), wake);
        let commands = Arc::clone(&shared.commands);
        Self { commands, interest, id, woken }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.commands.bus().unwatch(&self.interest, self.id);
    }
}

/// The place of each device: its number, and who is told when somebody else takes it.
type Places = Arc<Mutex<HashMap<DeviceKey, (u64, oneshot::Sender<()>)>>>;

/// Which request of each device waits. The newest one wins: a device opens a
/// new Ping when it lost the old one. The older is answered at once.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    places: Places,
    next: AtomicU64,
    parked: Arc<AtomicUsize>,
}

impl Standing {
    /// Takes the place of the device's older waiting request.
    fn enter(&self, device: DeviceKey) -> Place {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (supersede, superseded) = oneshot::channel();
        let older = {
            let mut places = self.places.lock().expect("no holder of this lock panics");
            places.insert(device, (number, supersede))
        };
        if let Some((_, supersede)) = older {
            // It may have been answered this moment.
            let _ = supersede.send(());
        }
        Place { places: Arc::clone(&self.places), device, number, superseded }
    }

    fn count(&self) -> Counted {
        self.parked.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(&self.parked))
    }

    /// How many connections wait outside of hyper.
    pub(crate) fn parked(&self) -> usize {
        self.parked.load(Ordering::Relaxed)
    }
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Place {
    places: Places,
    device: DeviceKey,
    number: u64,
    superseded: oneshot::Receiver<()>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.places.lock().expect("no holder of this lock panics");
        if places.get(&self.device).is_some_and(|(number, _)| *number == self.number) {
            places.remove(&self.device);
        }
    }
}
