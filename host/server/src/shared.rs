//! What all connections of a server share.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use easel_commands::{Answer, Sink};
use hyper::header::HeaderValue;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::activity::Activity;
use crate::budgets::{Budgets, Leave};
use crate::commands::{Commands, Turn, Wait};
use crate::devices::{Devices, Pass};
use crate::http::HttpError;
use crate::limits::Limits;
use crate::login::Logins;
use crate::memory::{Full, Memory};
use crate::metrics::{Metrics, Open, Throttled};
use crate::networks::Networks;
use crate::newcomers::{Newcomer, Newcomers};
use crate::park::Standing;
use crate::probe::Probes;
use crate::recorder::Recorder;
use crate::shutdown::Shutdown;
use crate::sink::{ChannelSink, Stream};
use crate::throttle::network;
use crate::tls::Certificate;
use crate::trace::Trace;
use crate::workers::{Busy, Fate, Workers};
use crate::{Clock, gzip};

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) commands: Arc<dyn Commands>,
    pub(crate) logins: Arc<Logins>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
    pub(crate) workers: Arc<Workers>,
    pub(crate) runtime: Handle,
    pub(crate) shutdown: Shutdown,
    pub(crate) devices: Devices,
    pub(crate) standing: Standing,
    /// Room for connections.
    pub(crate) connections: Arc<Semaphore>,
    /// How much room for connections there is in all.
    pub(crate) connections_max: u32,
    pub(crate) addresses: Addresses,
    pub(crate) newcomers: Arc<Newcomers>,
    pub(crate) budgets: Budgets,
    pub(crate) memory: Arc<Memory>,
    pub(crate) probes: Probes,
    /// Networks that devices do not send from.
    pub(crate) clouds: ArcSwap<Networks>,
    /// What the TLS listeners show.
    pub(crate) certificate: Option<Arc<Certificate>>,
    /// `Basic realm="..."`.
    pub(crate) challenge: String,
    pub(crate) server_version: HeaderValue,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) activity: Activity,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// How an answer begins.
#[derive(Debug)]
pub(crate) enum Begun {
    Whole {
        answer: Answer,
        gzipped: bool,
    },
    Stream(Stream),
    Wait(Wait),
    /// It began and was cut before anybody looked.
    Cut,
}

impl Shared {
    /// Counts that something was short, and says so.
    pub(crate) fn too_much(&self, why: Throttled) -> HttpError {
        self.metrics.throttle(why);
        match why {
            Throttled::Device | Throttled::DeviceBudget | Throttled::User | Throttled::UserBudget => {
                HttpError::too_much_under_way()
            }
            Throttled::Command | Throttled::Memory | Throttled::Workers => HttpError::busy(),
        }
    }

    /// Counts that there was no room in memory, and says so.
    pub(crate) fn no_room(&self, full: Full) -> HttpError {
        self.metrics.throttle(Throttled::Memory);
        match full {
            Full::All => HttpError::busy(),
            Full::User => HttpError::too_much_under_way(),
        }
    }

    /// Runs a command on a worker, and waits for the beginning of its answer. The pass of its device is held until the
    /// command is done. When nobody waits any longer, the command runs to its end all the same.
    ///
    /// A look at a request that waits finds room however many wait for a thread; others are refused.
    pub(crate) async fn run(
        &self,
        pass: Option<Pass>,
        leave: Arc<Leave>,
        gzip: bool,
        trace: Arc<Trace>,
        command: impl FnOnce(&mut dyn Sink) -> Turn + Send + 'static,
    ) -> Result<Begun, Busy> {
        let (mut sink, stream) = ChannelSink::new(self, gzip, &leave, &trace);
        let (sender, whole) = oneshot::channel();
        let clock = Arc::clone(&self.clock);
        let (asked, is_look, party) = (clock.now(), leave.is_look(), Some(trace.user));
        let job = move |fate| {
            if fate == Fate::Displaced {
                drop((sink, pass, leave));
                // Whoever asked may have gone.
                let _ = sender.send(Err(Busy));
                return;
            }
            let began = clock.now();
            let turn = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| command(&mut sink)));
            let ended = clock.now();
            let worked = trace.spent.add(asked, began, ended, sink.waited());
            leave.charge(worked, ended);
            let begun = end(turn, &mut sink, gzip, &trace, ended);
            if let Some(Begun::Whole { answer, .. }) = &begun {
                leave.hold_anyway(answer.body.len());
            }
            drop((sink, pass, leave));
            if let Some(begun) = begun {
                // Whoever asked may have gone.
                let _ = sender.send(Ok(begun));
            }
        };
        if is_look {
            self.workers.submit_anyway(party, job);
        } else {
            self.workers.submit(party, job);
        }
        tokio::select! {
            biased;
            Ok(stream) = stream => Ok(Begun::Stream(stream)),
            Ok(begun) = whole => begun,
            else => Ok(Begun::Cut),
        }
    }
}

/// What is left to tell when a command has returned; nothing when its answer went through the sink.
fn end(
    turn: std::thread::Result<Turn>,
    sink: &mut ChannelSink,
    gzip: bool,
    trace: &Trace,
    now: jiff::Timestamp,
) -> Option<Begun> {
    let (begun, code) = match turn {
        Ok(Turn::Wait(wait)) if !sink.has_begun() => return Some(Begun::Wait(wait)),
        Ok(Turn::Answer(answer)) if !sink.has_begun() => {
            let code = answer.code;
            if let Some(recording) = &trace.recording {
                recording.answer(&answer.body);
            }
            (Some(whole(answer, gzip)), code)
        }
        Ok(Turn::Streamed) if sink.has_begun() => (None, sink.finish().map_or(0, |()| 200)),
        Ok(Turn::Streamed) => (Some(whole(Answer::empty(), false)), 200),
        Ok(Turn::Cut) if !sink.has_begun() => (Some(Begun::Cut), 0),
        Err(_) if !sink.has_begun() => {
            tracing::error!(device = %trace.device, command = %trace.command, "a command panicked");
            (Some(whole(Answer::code(500), false)), 500)
        }
        // What began and does not end properly is cut: the sink is dropped without an end.
        Ok(Turn::Wait(_) | Turn::Answer(_) | Turn::Cut) | Err(_) => (None, 0),
    };
    let bytes = match &begun {
        Some(Begun::Whole { answer, .. }) => answer.body.len(),
        Some(Begun::Stream(_) | Begun::Wait(_) | Begun::Cut) | None => sink.sent(),
    };
    trace.finish(code, bytes, now);
    begun
}

fn whole(mut answer: Answer, gzip: bool) -> Begun {
    let smaller = if gzip { gzip::gzip(&answer.body) } else { None };
    let gzipped = smaller.is_some();
    answer.body = smaller.unwrap_or(answer.body);
    Begun::Whole { answer, gzipped }
}

/// How many connections each address has.
#[derive(Debug)]
pub(crate) struct Addresses {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
    most: usize,
}

impl Addresses {
    pub(crate) fn new(most: usize) -> Self {
        Self { counts: Arc::default(), most }
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.counts.lock().expect("no holder of this lock panics").values().sum()
    }

    /// Counts a connection; `None` when the address has as many as it may.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Entered> {
        self.enter_among(self.most, address)
    }

    /// Counts a connection, however many there are.
    pub(crate) fn enter_anyway(&self, address: IpAddr) -> Entered {
        self.enter_among(usize::MAX, address).expect("nobody has as many")
    }

    fn enter_among(&self, most: usize, address: IpAddr) -> Option<Entered> {
        let address = network(address);
        let mut counts = self.counts.lock().expect("no holder of this lock panics");
        let count = counts.entry(address).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Entered { counts: Arc::clone(&self.counts), address })
    }
}

/// A counted connection.
#[derive(Debug)]
pub(crate) struct Entered {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
    address: IpAddr,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().expect("no holder of this lock panics");
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// What a connection holds as long as it is there.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) _room: OwnedSemaphorePermit,
    pub(crate) _address: Entered,
    pub(crate) _open: Open,
    pub(crate) newcomer: Arc<Newcomer>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_no_more_connections_than_allowed_and_none_is_forgotten() {
        let addresses = Addresses::new(2);
        let one: IpAddr = "192.0.2.1".parse().unwrap();
        let held = [addresses.enter(one), addresses.enter(one)];
        assert!(held.iter().all(Option::is_some));
        assert!(addresses.enter(one).is_none());
        assert!(addresses.enter("192.0.2.2".parse().unwrap()).is_some());
        drop(held);
        assert!(addresses.enter(one).is_some());
        assert!(addresses.counts.lock().unwrap().is_empty());
    }
}
