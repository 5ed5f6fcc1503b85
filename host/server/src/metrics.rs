//! What the server counts while it serves: atomics only, made before the first request, none for a user or a device.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use easel_protocol::Command;
use easel_store::Histogram;

use crate::ListenerKind;
use crate::exposition::{Exposition, Kind, scaled};

/// Upper ends of the steps of a request's duration, in microseconds: 250 us to 60 s.
const MICROS: &[u64] = &[
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000, 60_000_000,
];

/// The classes of HTTP codes that answers have; `cut` for a client that went, or an answer that could not be finished.
const CODES: [&str; 5] = ["cut", "2xx", "3xx", "4xx", "5xx"];

/// The name under which requests are counted that were refused before their command was looked at.
const REFUSED: &str = "none";

/// Why somebody was told to come back later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Throttled {
    /// A command answered 503 itself: its device is slowed down, or the store failed.
    Command,
    /// Too many requests of one device at once, or the one before took too long.
    Device,
    /// A device used up its budget.
    DeviceBudget,
    /// Requests under way hold as much as they may, all together or those of the user.
    Memory,
    /// Too many requests of one user at once.
    User,
    /// The devices of a user used up their budget.
    UserBudget,
    /// The queue before the threads of the commands is full.
    Workers,
}

impl Throttled {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Command, "command"),
        (Self::Device, "device"),
        (Self::DeviceBudget, "device_budget"),
        (Self::Memory, "memory"),
        (Self::User, "user"),
        (Self::UserBudget, "user_budget"),
        (Self::Workers, "workers"),
    ];
}

/// Everything that is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    commands: Vec<OfCommand>,
    listeners: Vec<(String, Arc<OfListener>)>,
    throttled: [AtomicU64; Throttled::ALL.len()],
}

#[derive(Debug)]
struct OfCommand {
    name: &'static str,
    codes: [AtomicU64; CODES.len()],
    micros: Histogram,
    worked: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

/// What is counted of a listener.
#[derive(Debug, Default)]
pub(crate) struct OfListener {
    open: AtomicUsize,
    accepted: AtomicU64,
    crowded: AtomicU64,
    greetings_failed: AtomicU64,
}

/// A request that is answered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    /// HTTP code, or 0.
    pub(crate) code: u16,
    /// Bytes of its body.
    pub(crate) received: usize,
    /// Bytes of its answer's body, as they were sent.
    pub(crate) sent: usize,
    /// From when it was read whole until its answer was there, without the time it waited for news: microseconds.
    pub(crate) micros: u64,
    /// The part of it in which a thread was at work: microseconds.
    pub(crate) worked: u64,
}

impl Metrics {
    pub(crate) fn new(listeners: impl IntoIterator<Item = (ListenerKind, SocketAddr)>) -> Self {
        let names = Command::ALL.iter().map(|command| command.name()).chain(["OPTIONS", REFUSED]);
        let listener = |(kind, address)| {
            let kind = match kind {
                ListenerKind::Plain => "plain",
                ListenerKind::Proxied => "proxied",
                ListenerKind::Tls => "tls",
            };
            (format!("{kind}:{address}"), Arc::default())
        };
        Self {
            commands: names.map(OfCommand::new).collect(),
            listeners: listeners.into_iter().map(listener).collect(),
            throttled: Default::default(),
        }
    }

    /// The listener of that number.
    pub(crate) fn listener(&self, number: usize) -> Arc<OfListener> {
        self.listeners.get(number).map(|(_, listener)| Arc::clone(listener)).unwrap_or_default()
    }

    /// A request of a command is answered.
    pub(crate) fn done(&self, command: &str, done: Done) {
        let Some(of) = self.commands.iter().find(|of| of.name == command) else { return };
        of.count(done.code);
        of.micros.count(done.micros);
        of.worked.fetch_add(done.worked, Ordering::Relaxed);
        of.received.fetch_add(done.received as u64, Ordering::Relaxed);
        of.sent.fetch_add(done.sent as u64, Ordering::Relaxed);
        if done.code == 503 {
            self.throttle(Throttled::Command);
        }
    }

    /// A request was refused before its command was looked at.
    pub(crate) fn refused(&self, code: u16) {
        if let Some(of) = self.commands.iter().find(|of| of.name == REFUSED) {
            of.count(code);
        }
    }

    pub(crate) fn throttle(&self, why: Throttled) {
        for ((reason, _), count) in Throttled::ALL.iter().zip(&self.throttled) {
            count.fetch_add(u64::from(*reason == why), Ordering::Relaxed);
        }
    }

    pub(crate) fn write(&self, page: &mut Exposition) {
        self.write_commands(page);
        self.write_listeners(page);
        page.family("easel_throttled", Kind::Counter, "", "Requests told to come back later, by what was short.");
        for ((_, reason), count) in Throttled::ALL.iter().zip(&self.throttled) {
            page.number(&[("reason", reason)], count.load(Ordering::Relaxed));
        }
    }

    fn write_commands(&self, page: &mut Exposition) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        page.family(
            "easel_requests",
            Kind::Counter,
            "",
            "Requests answered, by class of HTTP code; cut: the client went. Command none: refused before it was known.",
        );
        for command in &self.commands {
            for (class, count) in CODES.iter().zip(&command.codes) {
                page.number(&[("command", command.name), ("code", class)], of(count));
            }
        }
        let counted = || self.commands.iter().filter(|command| command.name != REFUSED);
        page.family(
            "easel_request_duration_seconds",
            Kind::Histogram,
            "seconds",
            "From the request read whole to its answer made, without the time it waited for news.",
        );
        for command in counted() {
            page.histogram(&[("command", command.name)], &command.micros.read(), 1e6);
        }
        page.family("easel_request_work_seconds", Kind::Counter, "seconds", "Time of threads at work on requests.");
        for command in counted() {
            page.number(&[("command", command.name)], scaled(of(&command.worked), 1e6));
        }
        page.family("easel_request_bytes", Kind::Counter, "bytes", "Bytes of the bodies of requests, as they came.");
        for command in counted() {
            page.number(&[("command", command.name)], of(&command.received));
        }
        page.family(
            "easel_response_bytes",
            Kind::Counter,
            "bytes",
            "Bytes of the bodies of answers, as they were sent.",
        );
        for command in counted() {
            page.number(&[("command", command.name)], of(&command.sent));
        }
    }

    fn write_listeners(&self, page: &mut Exposition) {
        page.family("easel_connections", Kind::Gauge, "", "Connections that have greeted and are open.");
        for (name, listener) in &self.listeners {
            page.number(&[("listener", name)], listener.open.load(Ordering::Relaxed));
        }
        type Count = fn(&OfListener) -> &AtomicU64;
        let families: [(&str, &str, Count); 3] = [
            ("easel_connections_accepted", "Connections accepted.", |listener| &listener.accepted),
            ("easel_connections_refused", "Connections closed because their address has too many.", |listener| {
                &listener.crowded
            }),
            ("easel_handshakes_failed", "Connections that ended in TLS or the PROXY header.", |listener| {
                &listener.greetings_failed
            }),
        ];
        for (name, help, count) in families {
            page.family(name, Kind::Counter, "", help);
            for (listener, counts) in &self.listeners {
                page.number(&[("listener", listener)], count(counts).load(Ordering::Relaxed));
            }
        }
    }
}

impl OfCommand {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            codes: Default::default(),
            micros: Histogram::new(MICROS),
            worked: AtomicU64::default(),
            received: AtomicU64::default(),
            sent: AtomicU64::default(),
        }
    }

    fn count(&self, code: u16) {
        let class = usize::from(code / 100).saturating_sub(1).min(CODES.len() - 1);
        self.codes[class].fetch_add(1, Ordering::Relaxed);
    }
}

impl OfListener {
    pub(crate) fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn crowded(&self) {
        self.crowded.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn greeting_failed(&self) {
        self.greetings_failed.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection is open as long as the answer lives.
    pub(crate) fn open(self: Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        Open(self)
    }
}

/// A connection that is open.
#[derive(Debug)]
pub(crate) struct Open(Arc<OfListener>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_of_code_has_a_place() {
        let metrics = Metrics::new([]);
        for code in [0, 200, 302, 404, 503, 999] {
            metrics.done("Sync", Done { code, ..Done::default() });
        }
        metrics.refused(401);
        metrics.done("of nobody", Done::default());
        let mut page = Exposition::default();
        metrics.write(&mut page);
        let page = page.finish();
        for line in [
            "easel_requests_total{command=\"Sync\",code=\"cut\"} 1",
            "easel_requests_total{command=\"Sync\",code=\"2xx\"} 1",
            "easel_requests_total{command=\"Sync\",code=\"3xx\"} 1",
            "easel_requests_total{command=\"Sync\",code=\"4xx\"} 1",
            "easel_requests_total{command=\"Sync\",code=\"5xx\"} 2",
            "easel_requests_total{command=\"none\",code=\"4xx\"} 1",
            "easel_throttled_total{reason=\"command\"} 1",
            "easel_throttled_total{reason=\"workers\"} 0",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        }
    }
}
