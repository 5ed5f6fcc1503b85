//! One attempt to bring one message to one destination.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use easel_store::{Outgoing, OutgoingId, Store, StoreError};
use jiff::{Timestamp, ToSpan as _};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::connection::{Answer, Connection, Envelope, Refusal};
use super::destination::Destination;
use super::direct::{Postman, Route};
use super::lines::normal;
use super::peer::Peer;
use super::retry::{Trouble, chance, delay, fail};
use super::settle::{conclude, settle};
use super::{QueueOptions, token};
use crate::{Address, Clock, Shutdown};

/// Recipients of one transaction: RFC 5321 4.5.3.1.8 "Recipients Buffer" promises so many.
const RECIPIENTS_MAX: usize = 100;
/// A destination that cannot be used is left alone for so long. Less than any message waits for it.
const DOWN_SECS: i64 = 45;
/// The longest rest between two tries of writing down what was sent.
const WRITE_REST_MAX: Duration = Duration::from_secs(30);

/// What all attempts share.
pub(super) struct Courier {
    pub(super) options: Arc<QueueOptions>,
    pub(super) peer: Option<Peer>,
    pub(super) postman: Option<Postman>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    /// Until when a destination is left alone, and why.
    pub(super) down: std::sync::Mutex<HashMap<Destination, (Timestamp, String)>>,
}

/// A message under way: the flights of one attempt share it.
pub(super) struct Letter {
    pub(super) id: OutgoingId,
    state: Mutex<State>,
}

struct State {
    row: Outgoing,
    trouble: Option<Trouble>,
    /// Flights that have not landed.
    aloft: usize,
}

impl Letter {
    /// `trouble` is why a recipient whom no flight serves is still there.
    pub(super) fn new(row: Outgoing, trouble: Option<Trouble>, flights: usize) -> Arc<Self> {
        Arc::new(Self { id: row.id, state: Mutex::new(State { row, trouble, aloft: flights }) })
    }
}

/// The recipients of a letter who are reached the same way.
pub(super) struct Flight {
    pub(super) letter: Arc<Letter>,
    pub(super) destination: Destination,
    pub(super) recipients: Vec<Address>,
}

/// Who may take a message, one after the other.
enum Way<'a> {
    Servers(Route<'a>),
    /// `None` once it was asked.
    SmartHost(Option<&'a Peer>),
}

impl Way<'_> {
    async fn next(&mut self) -> Result<Connection, Refusal> {
        match self {
            Self::Servers(route) => route.next().await,
            Self::SmartHost(peer) => {
                let failed = |reason| Refusal::for_now(format!("the smart host {reason}"));
                let asked = || Refusal::for_now("the smart host was asked".to_owned());
                peer.take().ok_or_else(asked)?.connect(None).await.map_err(failed)
            }
        }
    }
}

impl Courier {
    /// Sends, and writes down what came of it; whoever lands last ends the attempt.
    pub(super) async fn fly(&self, flight: Flight, shutdown: Shutdown) {
        let trouble = self.send(&flight, &shutdown).await.err();
        let mut state = flight.letter.state.lock().await;
        state.aloft -= 1;
        if let Some(trouble) = trouble {
            state.trouble = Some(trouble.or(state.trouble.take()));
        }
        if state.aloft > 0 {
            self.write_down(&state.row, &shutdown).await;
            return;
        }
        let (trouble, now) = (state.trouble.take(), (self.clock)());
        conclude(&mut state.row, &self.options, now, trouble);
        let (row, options) = (state.row.clone(), Arc::clone(&self.options));
        self.insist(row.id, &shutdown, move |store| settle(store, &options, &row, now)).await;
    }

    async fn send(&self, flight: &Flight, shutdown: &Shutdown) -> Result<(), Trouble> {
        let down = |reason| Trouble::Host { reason, rest_max_min: flight.destination.rest_max_min() };
        if let Some(reason) = self.is_down(&flight.destination) {
            return Err(down(reason));
        }
        let (store, blob) = (Arc::clone(&self.store), flight.letter.state.lock().await.row.blob);
        let raw = match spawn_blocking(move || store.read_blob(blob)).await {
            Ok(Ok(raw)) => raw,
            Ok(Err(error)) => return Err(Trouble::Temporary(error.to_string())),
            Err(error) => return Err(Trouble::Temporary(error.to_string())),
        };
        let message = normal(&raw);
        let (sender, id, chance) = {
            let row = &mut flight.letter.state.lock().await.row;
            match sender(row) {
                Ok(sender) => (sender, token(row), chance(row, (self.clock)().as_millisecond())),
                Err(refusal) => {
                    fail(row, |one| is_one_of(one, &flight.recipients).then(|| refusal.about(one)));
                    return Ok(());
                }
            }
        };
        let mut way = match self.way(&flight.destination, chance).await {
            Ok(way) => way,
            Err(refusal) => return self.unreachable(flight, refusal).await,
        };
        let mut connection = match way.next().await {
            Ok(connection) => connection,
            Err(refusal) => return self.unreachable(flight, refusal).await,
        };
        let envelope = Envelope { sender: sender.as_ref(), id: &id, message: &message };
        let mut left = flight.recipients.clone();
        loop {
            let refused = self.transact(&mut connection, &envelope, &left, flight, shutdown).await;
            let turned_away = connection.turned_away();
            // Whatever the host says to QUIT, what it said before is to be written down: not waited for.
            tokio::spawn(connection.quit());
            let Some(trouble) = refused else { return Ok(()) };
            if !turned_away {
                return Err(trouble);
            }
            // RFC 5321 5.1: the next of its servers may take it. Whoever was served, or refused for good, is in the row no
            // more.
            let row = flight.letter.state.lock().await.row.clone();
            left.retain(|address| row.recipients.iter().any(|one| is_one_of(one, std::slice::from_ref(address))));
            connection = match way.next().await {
                Ok(connection) => connection,
                // It was asked, and what it said counts.
                Err(_) => return Err(trouble),
            };
        }
    }

    /// Nobody can be asked: for good, or for a while.
    async fn unreachable(&self, flight: &Flight, refusal: Refusal) -> Result<(), Trouble> {
        if refusal.permanent {
            let row = &mut flight.letter.state.lock().await.row;
            fail(row, |one| is_one_of(one, &flight.recipients).then(|| refusal.about(one)));
            return Ok(());
        }
        let until = (self.clock)().checked_add(DOWN_SECS.seconds()).unwrap_or(Timestamp::MAX);
        self.down().insert(flight.destination.clone(), (until, refusal.reason.clone()));
        Err(Trouble::Host { reason: refusal.reason, rest_max_min: flight.destination.rest_max_min() })
    }

    /// Hands the message over, to so many at once as every server takes.
    async fn transact(
        &self,
        connection: &mut Connection,
        envelope: &Envelope<'_>,
        to: &[Address],
        flight: &Flight,
        shutdown: &Shutdown,
    ) -> Option<Trouble> {
        let mut refused = None;
        let mut chunks = to.chunks(RECIPIENTS_MAX).peekable();
        while let Some(chunk) = chunks.next() {
            let answers = connection.send(envelope, chunk).await;
            let mut state = flight.letter.state.lock().await;
            note(&mut state.row, &answers);
            refused = refused.or_else(|| put_back(&answers));
            if chunks.peek().is_some() {
                self.write_down(&state.row, shutdown).await;
                drop(state);
                if let Err(refusal) = connection.reset().await {
                    return Some(Trouble::Temporary(refusal.reason));
                }
            }
        }
        refused
    }

    async fn way<'a>(&'a self, destination: &'a Destination, chance: u64) -> Result<Way<'a>, Refusal> {
        match (destination, &self.peer, &self.postman) {
            (Destination::SmartHost, Some(peer), _) => Ok(Way::SmartHost(Some(peer))),
            (Destination::Domain(domain), _, Some(postman)) => postman.route(domain, chance).await.map(Way::Servers),
            _ => Err(Refusal::for_now("no smart host is configured".to_owned())),
        }
    }

    fn down(&self) -> std::sync::MutexGuard<'_, HashMap<Destination, (Timestamp, String)>> {
        self.down.lock().expect("no holder of this lock panics")
    }

    /// Why the destination is left alone now, if it is.
    fn is_down(&self, destination: &Destination) -> Option<String> {
        let now = (self.clock)();
        let mut down = self.down();
        down.retain(|_, (until, _)| *until > now);
        down.get(destination).map(|(_, reason)| reason.clone())
    }

    /// Writes down what is left.
    async fn write_down(&self, row: &Outgoing, shutdown: &Shutdown) {
        let copy = row.clone();
        self.insist(row.id, shutdown, move |store| store.put_outgoing(&copy)).await;
    }

    /// Does it as often as it takes: what was sent must not be sent again.
    async fn insist(
        &self,
        id: OutgoingId,
        shutdown: &Shutdown,
        write: impl Fn(&dyn Store) -> Result<(), StoreError> + Clone + Send + 'static,
    ) {
        let mut rest = Duration::from_millis(100);
        loop {
            let (store, write) = (Arc::clone(&self.store), write.clone());
            match spawn_blocking(move || write(&*store)).await {
                Ok(Ok(())) => return,
                // Said by the store, once.
                Ok(Err(StoreError::Disk { .. })) => {}
                Ok(Err(error)) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(id = id.0, error, "cannot write down what was sent");
                }
                Err(error) => tracing::error!(id = id.0, %error, "writing down what was sent broke"),
            }
            if *shutdown.borrow() {
                return;
            }
            sleep(rest).await;
            rest = (rest * 2).min(WRITE_REST_MAX);
        }
    }
}

/// The sender of the envelope. A bad one is the message's end: no host would take it, and it goes into a command line.
fn sender(row: &Outgoing) -> Result<Option<Address>, Refusal> {
    match row.sender.as_str() {
        "" => Ok(None),
        text => Address::parse(text)
            .map(Some)
            .map_err(|error| Refusal::ours("5.1.7", format!("the sender cannot be used: {error}"))),
    }
}

fn is_one_of(recipient: &str, addresses: &[Address]) -> bool {
    Address::parse(recipient).is_ok_and(|recipient| addresses.contains(&recipient))
}

fn answer_to<'a>(recipient: &str, answers: &'a [Answer]) -> Option<&'a Result<(), Refusal>> {
    let recipient = Address::parse(recipient).ok()?;
    answers.iter().find(|(address, _)| *address == recipient).map(|(_, answer)| answer)
}

/// Takes out who was served and who never will be, and remembers what was said of the others.
fn note(row: &mut Outgoing, answers: &[Answer]) {
    row.recipients.retain(|recipient| !matches!(answer_to(recipient, answers), Some(Ok(()))));
    fail(row, |recipient| match answer_to(recipient, answers)? {
        Err(refusal) if refusal.permanent => Some(refusal.about(recipient)),
        Err(_) | Ok(()) => None,
    });
    for recipient in row.recipients.clone() {
        if let Some(Err(refusal)) = answer_to(&recipient, answers) {
            delay(row, refusal.about(&recipient));
        }
    }
}

/// Why somebody may be served another time.
fn put_back(answers: &[Answer]) -> Option<Trouble> {
    answers.iter().find_map(|(address, answer)| match answer {
        Err(refusal) if !refusal.permanent => Some(Trouble::Temporary(format!("<{address}>: {}", refusal.reason))),
        Err(_) | Ok(()) => None,
    })
}
