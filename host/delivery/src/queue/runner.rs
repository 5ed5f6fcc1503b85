//! Decides which message is tried when.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use easel_store::{HELD_UNTIL, Interest, Outgoing, OutgoingId, Store, StoreError, WatchId};
use tokio::sync::Notify;
use tokio::task::{Id, JoinError, JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::QueueOptions;
use super::attempt::{Courier, Flight, Letter};
use super::destination::Destination;
use super::local::{Work, serve};
use super::retry::Trouble;
use super::settle::{conclude, settle};
use crate::{Address, DeliveryError, Shutdown, told};

/// Messages read from the queue at once.
const PAGE: usize = 100;
/// Flights that wait for their turn; beyond it the queue is not read on.
const READY_MAX: usize = 1000;

/// A clock that is behind the last look by more was set back.
const SET_BACK_MS: i64 = 60_000;
/// No attempt is put off for longer.
const PUT_OFF_MAX_MS: i64 = 86_400_000;
/// How soon the queue is looked at again while the disk takes no changes.
const DISK_REST: Duration = Duration::from_secs(1);

/// Works off the queue.
pub(super) struct Runner {
    courier: Arc<Courier>,
    wake: Arc<Notify>,
    watch: Option<WatchId>,
    /// Local recipients served, waiting for their destination: oldest first.
    ready: BTreeMap<(OutgoingId, Destination), Flight>,
    flying: HashMap<Id, (OutgoingId, Destination)>,
    attempts: JoinSet<()>,
    /// Messages whose attempt broke.
    spoiled: HashSet<OutgoingId>,
    /// When the queue was read last, in milliseconds since 1970.
    looked: Option<i64>,
}

impl Runner {
    pub(super) fn new(courier: Courier) -> Self {
        Self {
            courier: Arc::new(courier),
            wake: Arc::new(Notify::new()),
            watch: None,
            ready: BTreeMap::new(),
            flying: HashMap::new(),
            attempts: JoinSet::new(),
            spoiled: HashSet::new(),
            looked: None,
        }
    }

    pub(super) async fn run(mut self, mut shutdown: Shutdown) {
        loop {
            // Watching first: what is queued while the queue is read is in what is read, or wakes.
            self.listen();
            let rest = if self.scan().await { DISK_REST } else { self.courier.options.poll };
            self.start(&shutdown);
            tokio::select! {
                () = told(&mut shutdown) => break,
                () = self.wake.notified() => self.watch = None,
                Some(ended) = self.attempts.join_next_with_id() => {
                    self.ended(ended);
                }
                () = sleep(rest) => {}
            }
        }
        if let Some(watch) = self.watch {
            self.courier.store.bus().unwatch(&Interest::Outgoing, watch);
        }
        let grace = self.courier.options.grace;
        if timeout(grace, async { while self.attempts.join_next().await.is_some() {} }).await.is_err() {
            tracing::warn!(left = self.attempts.len(), "mail under way was cut off; it will be sent again");
        }
    }

    fn ended(&mut self, ended: Result<(Id, ()), JoinError>) {
        match ended {
            Ok((id, ())) => drop(self.flying.remove(&id)),
            Err(error) => {
                // It would break again at once. It stays in the queue; the next process tries it again.
                let id = self.flying.remove(&error.id()).map(|(id, _)| id);
                tracing::error!(%error, ?id, "sending a message broke; it is left alone");
                self.spoiled.extend(id);
            }
        }
    }

    fn listen(&mut self) {
        if self.watch.is_none() {
            let wake = Arc::clone(&self.wake);
            let woken = Box::new(move |_: &easel_store::Event| wake.notify_one());
            self.watch = Some(self.courier.store.bus().watch(Interest::Outgoing, woken));
        }
    }

    /// Serves the local recipients of everything that is due, and lines up the rest; whether the disk took no changes.
    async fn scan(&mut self) -> bool {
        self.look_at_the_clock().await;
        while self.ready.len() < READY_MAX {
            let busy = self.busy();
            let courier = Arc::clone(&self.courier);
            match spawn_blocking(move || page(&courier, &busy)).await {
                Ok(page) => {
                    let all = page.work.into_iter().flat_map(|work| flights(&self.courier.options, work));
                    self.ready.extend(all.map(|flight| ((flight.letter.id, flight.destination.clone()), flight)));
                    if !page.more {
                        return page.disk;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "reading the queue broke");
                    return false;
                }
            }
        }
        false
    }

    /// The messages that nobody else may touch.
    fn busy(&self) -> HashSet<OutgoingId> {
        let known = self.ready.keys().chain(self.flying.values()).map(|(id, _)| id);
        known.chain(&self.spoiled).copied().collect()
    }

    /// At the first look, and when the clock was set back, no message waits for a time that was put off to by another.
    async fn look_at_the_clock(&mut self) {
        let now = (self.courier.clock)().as_millisecond();
        if self.looked.is_none_or(|last| now < last - SET_BACK_MS) {
            let (courier, busy) = (Arc::clone(&self.courier), self.busy());
            let done = spawn_blocking(move || bring_forward(&*courier.store, now, &busy));
            if !done.await.is_ok_and(|done| done) {
                // The next look sees to it.
                return;
            }
        }
        self.looked = Some(now);
    }

    fn start(&mut self, shutdown: &Shutdown) {
        let options = Arc::clone(&self.courier.options);
        while self.flying.len() < options.concurrency.max(1) {
            let free = |(_, destination): &&(OutgoingId, Destination)| {
                let under_way = self.flying.values().filter(|(_, other)| other == destination).count();
                under_way < destination.limit(&options)
            };
            // A destination that is busy holds up nobody who goes elsewhere.
            let Some(next) = self.ready.keys().find(free).cloned() else { return };
            let Some(flight) = self.ready.remove(&next) else { return };
            let (courier, shutdown) = (Arc::clone(&self.courier), shutdown.clone());
            let handle = self.attempts.spawn(async move { courier.fly(flight, shutdown).await });
            self.flying.insert(handle.id(), next);
        }
    }
}

/// One for each way that a message has to go.
fn flights(options: &QueueOptions, work: Work) -> Vec<Flight> {
    let mut ways: BTreeMap<Destination, Vec<Address>> = BTreeMap::new();
    for address in work.remote {
        ways.entry(Destination::of(options, &address)).or_default().push(address);
    }
    let letter = Letter::new(work.row, work.trouble, ways.len());
    let flight = |(destination, recipients)| Flight { letter: Arc::clone(&letter), destination, recipients };
    ways.into_iter().map(flight).collect()
}

/// Has everything tried now that waits for a time no attempt is put off to: the clock was ahead when it was put off.
/// Whether that was done for all of them.
fn bring_forward(store: &dyn Store, now: i64, busy: &HashSet<OutgoingId>) -> bool {
    let mut after = OutgoingId(0);
    let mut all = true;
    loop {
        // Whoever reads the queue says why it cannot be read.
        let Ok(rows) = store.list_outgoing(after, PAGE) else { return false };
        let Some(last) = rows.last() else { return all };
        after = last.id;
        let waits = |row: &Outgoing| row.next_attempt > now + PUT_OFF_MAX_MS && row.next_attempt != HELD_UNTIL;
        for row in rows.into_iter().filter(waits) {
            if busy.contains(&row.id) {
                all = false;
                continue;
            }
            let row = Outgoing { next_attempt: now, ..row };
            match store.put_outgoing(&row) {
                Ok(()) => tracing::warn!(id = row.id.0, "the clock was set back: a message does not wait for it"),
                Err(_) => return false,
            }
        }
    }
}

/// One page of the queue.
#[derive(Default)]
struct Page {
    work: Vec<Work>,
    /// Whether there is more to read now.
    more: bool,
    /// Whether the disk took no changes: that passes, and is not the messages' fault.
    disk: bool,
}

fn page(courier: &Courier, busy: &HashSet<OutgoingId>) -> Page {
    let (store, options, now) = (&*courier.store, &*courier.options, (courier.clock)());
    // The busy ones are due still: that many more rows hold at least a page of others.
    let limit = busy.len() + PAGE;
    let failed = |error: &DeliveryError| {
        // Said by the store, once.
        if matches!(error, DeliveryError::Disk { .. }) {
            return;
        }
        tracing::error!(error = error as &dyn std::error::Error, "cannot work off the queue");
    };
    let rows = match store.due_outgoing(now.as_millisecond(), limit) {
        Ok(rows) => rows,
        Err(error) => {
            failed(&error.into());
            return Page::default();
        }
    };
    let mut page = Page { work: Vec::new(), more: rows.len() == limit, disk: false };
    for row in rows.into_iter().filter(|row| !busy.contains(&row.id)) {
        let mut later = row.clone();
        // One message that breaks its delivery must not hold up the others.
        let served = catch_unwind(AssertUnwindSafe(|| serve(store, options, row, now)));
        match served.unwrap_or_else(|_| Err(StoreError::backend("delivering", "it broke").into())) {
            Ok(work) => page.work.extend(work),
            // It stays due, and so does what comes after it: next time is soon enough.
            Err(DeliveryError::Disk { .. }) => {
                (page.more, page.disk) = (false, true);
                break;
            }
            Err(error) => {
                failed(&error);
                // An attempt like any other: the sender is told when it lasts, and in the end it is given up.
                conclude(&mut later, options, now, Some(Trouble::Temporary(error.to_string())));
                if let Err(error) = settle(store, options, &later, now) {
                    // It is due still and would be read again at once: next time is soon enough.
                    failed(&error.into());
                    page.more = false;
                }
            }
        }
    }
    page
}
