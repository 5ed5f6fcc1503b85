//! Starting and stopping.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use easel_commands::Service;
use hyper::header::HeaderValue;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::accept::{Greeting, accept};
use crate::activity::{Activity, DeviceActivity};
use crate::budgets::{Allowance, Budgets};
use crate::commands::{Commands, Served};
use crate::devices::Devices;
use crate::exposition::{Exposition, Kind};
use crate::limits::Limits;
use crate::login::Logins;
use crate::memory::{Elsewhere, Memory, WORK, half_of_the_machine};
use crate::metrics::Metrics;
use crate::networks::Networks;
use crate::newcomers::Newcomers;
use crate::park::Standing;
use crate::probe::Probes;
use crate::recorder::Following;
use crate::shared::{Addresses, Shared};
use crate::shutdown::{Phase, Shutdown};
use crate::tls::{self, Certificate, Reminder, TlsFiles};
use crate::workers::Workers;
use crate::{Clock, ServerError};

/// Where and how to serve.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Where to listen; at least one.
    pub listeners: Vec<Listener>,
    /// For the TLS listeners.
    pub tls: Option<TlsFiles>,
    /// Bounds.
    pub limits: Limits,
    /// What the login dialogue of a browser shows; quotes and control characters are left out.
    pub realm: String,
    /// The header MS-Server-ActiveSync. K: G08: a whole version number, from whose first part old clients guess what
    /// the server can do.
    pub server_version: String,
    /// Networks of servers that hold their users' mailboxes and passwords.
    pub clouds: Networks,
    /// What others hold for the sake of requests: it counts against [`Limits::memory`].
    pub memory_elsewhere: Option<Elsewhere>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            listeners: Vec::new(),
            tls: None,
            limits: Limits::default(),
            realm: "Easel".to_owned(),
            server_version: "15.1.0.0".to_owned(),
            clouds: Networks::default(),
            memory_elsewhere: None,
        }
    }
}

/// An address to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The address; port 0 takes a free one.
    pub address: SocketAddr,
    /// How connections begin.
    pub kind: ListenerKind,
}

/// How connections begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerKind {
    /// Plain HTTP: for the machine itself.
    Plain,
    /// Plain HTTP after a PROXY header of version 1 or 2, without which nobody is served: for a proxy in front.
    Proxied,
    /// HTTP over TLS.
    Tls,
}

/// The server.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Listens and serves, on the runtime this is called in.
    pub fn start(
        options: ServeOptions,
        service: Arc<Service>,
        logins: Arc<Logins>,
        clock: Arc<dyn Clock>,
    ) -> Result<Running, ServerError> {
        Self::start_with(options, Arc::new(Served(service)), logins, clock)
    }

    /// The same with other commands behind it.
    pub fn start_with(
        options: ServeOptions,
        commands: Arc<dyn Commands>,
        logins: Arc<Logins>,
        clock: Arc<dyn Clock>,
    ) -> Result<Running, ServerError> {
        let certificate = options.tls.clone().map(Certificate::load).transpose()?.map(Arc::new);
        let mut sockets = Vec::new();
        for listener in &options.listeners {
            sockets.push(listen(*listener, certificate.as_ref())?);
        }
        if sockets.is_empty() {
            return Err(ServerError::NoListener);
        }
        let poll = options.limits.certificate_poll;
        let kinds = options.listeners.iter().map(|listener| listener.kind);
        let addresses: Vec<SocketAddr> = sockets.iter().map(|(_, address, _)| *address).collect();
        let metrics = Metrics::new(kinds.zip(addresses.iter().copied()));
        let shared = Arc::new(shared(options, commands, logins, clock, metrics, certificate)?);
        for (number, (socket, _, greeting)) in sockets.into_iter().enumerate() {
            let counts = shared.metrics.listener(number);
            tokio::spawn(accept(Arc::clone(&shared), socket, greeting, counts));
        }
        if shared.certificate.is_some() {
            tokio::spawn(watch(poll, Arc::downgrade(&shared)));
        }
        Ok(Running { shared, addresses })
    }
}

fn shared(
    options: ServeOptions,
    commands: Arc<dyn Commands>,
    logins: Arc<Logins>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    certificate: Option<Arc<Certificate>>,
) -> Result<Shared, ServerError> {
    let limits = options.limits;
    let connections = limits.connections_allowed();
    let ceiling = limits.memory.unwrap_or_else(half_of_the_machine);
    // Where there are very many threads, most of them wait for the disk and hold little.
    let working = limits.workers.saturating_mul(WORK).min(ceiling / 4);
    let taken = logins.memory_bytes().saturating_add(working);
    let memory = Arc::new(Memory::new(ceiling, taken, limits.body_bytes, options.memory_elsewhere));
    tracing::info!(connections, memory = ceiling, "room for connections, and for requests under way");
    let realm: String = options.realm.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect();
    let waiting = limits.waiting_allowed(memory.most());
    Ok(Shared {
        commands,
        logins,
        clock,
        workers: Arc::new(Workers::start(limits.workers, waiting, limits.queue)?),
        runtime: Handle::current(),
        shutdown: Shutdown::new(),
        devices: Devices::new(limits.device_wait),
        standing: Standing::default(),
        connections: Arc::new(Semaphore::new(connections)),
        connections_max: u32::try_from(connections).expect("bounded by the limit on open files"),
        probes: Probes::default(),
        addresses: Addresses::new(limits.address_allowed(connections)),
        clouds: ArcSwap::from_pointee(options.clouds),
        certificate,
        newcomers: Arc::new(Newcomers::new(limits.newcomers, limits.newcomers_per_address, limits.newcomer)),
        budgets: Budgets::new(&limits, Arc::clone(&memory)),
        memory,
        challenge: format!("Basic realm=\"{realm}\""),
        server_version: HeaderValue::from_str(&options.server_version).unwrap_or(HeaderValue::from_static("15.1.0.0")),
        limits,
        metrics: Arc::new(metrics),
        recorder: Arc::default(),
        activity: Activity::default(),
    })
}

/// Connections that wait for room.
const BACKLOG: u32 = 1024;

fn listen(
    listener: Listener,
    certificate: Option<&Arc<Certificate>>,
) -> Result<(TcpListener, SocketAddr, Greeting), ServerError> {
    let Listener { address, kind } = listener;
    let greeting = match kind {
        ListenerKind::Plain => Greeting::Plain,
        ListenerKind::Proxied => Greeting::Proxied,
        ListenerKind::Tls => {
            let certificate = certificate.ok_or(ServerError::NoCertificate(address))?;
            Greeting::Tls(TlsAcceptor::from(tls::config(Arc::clone(certificate))))
        }
    };
    if kind != ListenerKind::Tls && !address.ip().is_loopback() {
        tracing::warn!(%address, "passwords travel in the clear to this address");
    }
    let bind = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    let (socket, address) = bind().map_err(|cause| ServerError::Bind { address, cause })?;
    tracing::info!(%address, ?kind, "listening");
    Ok((socket, address, greeting))
}

/// Looks at the certificate's files and dates from time to time, as long as the server is there.
async fn watch(every: Duration, shared: Weak<Shared>) {
    let mut reminder = Reminder::default();
    loop {
        {
            let Some(shared) = shared.upgrade() else { return };
            let Some(certificate) = &shared.certificate else { return };
            certificate.reload_if_changed();
            reminder.look(certificate, shared.clock.now());
        }
        tokio::time::sleep(every).await;
    }
}

/// A server that runs. Dropping it cuts every connection.
#[derive(Debug)]
pub struct Running {
    shared: Arc<Shared>,
    addresses: Vec<SocketAddr>,
}

impl Running {
    /// Where it listens, in the order of the options.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.shared.addresses.connections()
    }

    /// How many requests wait outside of hyper.
    pub fn parked(&self) -> usize {
        self.shared.standing.parked()
    }

    /// Lets somebody look for so long at how requests arrive through a proxy: the token to ask with.
    pub fn open_probe(&self, good_for: Duration) -> String {
        self.shared.probes.open(self.shared.clock.now(), good_for)
    }

    /// For whoever looks at it from outside.
    pub fn view(&self) -> View {
        View(Arc::downgrade(&self.shared))
    }

    /// Reads the certificate's files now. The one in use stays when they make no sense.
    pub fn reload_certificate(&self) -> Result<(), ServerError> {
        self.shared.certificate.as_ref().map_or(Ok(()), |certificate| certificate.reload())
    }

    /// Other networks than before; they hold from the next request on.
    pub fn set_clouds(&self, clouds: Networks) {
        self.shared.clouds.store(Arc::new(clouds));
    }

    /// Other budgets than before, of a device and of all devices of a user; they hold from the next request on. What
    /// was used up stays used, as the same part of a minute.
    pub fn set_budgets(&self, device: Allowance, user: Allowance) {
        self.shared.budgets.set(device, user);
    }

    /// Stops: nobody is accepted any more, idle connections end, waiting requests are answered at random moments of
    /// the first half of `grace`, running requests end. Whoever is still there after `grace` is cut off; how many.
    pub async fn shutdown(&self, grace: Duration) -> usize {
        self.shared.shutdown.enter(Phase::Stopping { window: grace / 2 });
        let everybody = Arc::clone(&self.shared.connections).acquire_many_owned(self.shared.connections_max);
        let left = match tokio::time::timeout(grace, everybody).await {
            Ok(_) => 0,
            Err(_) => self.connections(),
        };
        self.shared.shutdown.enter(Phase::Cut);
        left
    }
}

/// A look at a server from outside, which does not keep it from ending.
#[derive(Clone, Debug)]
pub struct View(Weak<Shared>);

impl View {
    /// Devices with a request under way, and those that had one in the last minute; nobody once the server has ended.
    pub fn activity(&self) -> Vec<DeviceActivity> {
        let Some(shared) = self.0.upgrade() else { return Vec::new() };
        shared.activity.read(shared.clock.now())
    }

    /// Follows what a device, whoever's it is, and the server say to one another from now on. `None` when
    /// [`FOLLOWERS_MAX`](crate::FOLLOWERS_MAX) follow already, or the server has ended.
    pub fn follow(&self, device: &str) -> Option<Following> {
        self.0.upgrade()?.recorder.follow(device)
    }

    /// Writes what the server counted; nothing once it has ended.
    pub fn write_metrics(&self, page: &mut Exposition) {
        let Some(shared) = self.0.upgrade() else { return };
        shared.metrics.write(page);
        page.family("easel_parked_requests", Kind::Gauge, "", "Requests that wait for news.");
        page.number(&[], shared.standing.parked());
        let gauges = [
            (
                "easel_unauthenticated_connections",
                "Connections on which nobody has logged in yet.",
                shared.newcomers.count(),
            ),
            ("easel_request_memory_bytes", "Bytes that requests under way hold, by estimate.", shared.memory.held()),
            ("easel_request_memory_max_bytes", "Bytes that they may hold.", shared.memory.most()),
        ];
        for (name, help, value) in gauges {
            let unit = if name.ends_with("_bytes") { "bytes" } else { "" };
            page.family(name, Kind::Gauge, unit, help);
            page.number(&[], value);
        }
        let help = "Connections closed, before anybody had logged in, to make room for others.";
        page.family("easel_connections_displaced", Kind::Counter, "", help);
        page.number(&[], shared.newcomers.displaced());
        let help = "Answers cut because too many were read slowly at once.";
        page.family("easel_slow_answers_displaced", Kind::Counter, "", help);
        page.number(&[], shared.workers.displaced());
        if let Some(validity) = shared.certificate.as_ref().and_then(|certificate| certificate.validity()) {
            let help = "Seconds until the certificate ends; negative once it has.";
            page.family("easel_certificate_remaining_seconds", Kind::Gauge, "seconds", help);
            page.number(&[], validity.until.duration_since(shared.clock.now()).as_secs());
        }
        shared.logins.write_metrics(page);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.shutdown.enter(Phase::Cut);
    }
}

#[cfg(test)]
mod tests {
    use easel_commands::Settings;
    use easel_plugin::NoPlugin;
    use easel_store::{Bus, LocalBus, MemoryStore, Store};
    use tokio::net::TcpStream;

    use super::*;
    use crate::shared::Held;
    use crate::transport::Transport;
    use crate::{LoginOptions, SystemClock, connection};

    #[tokio::test]
    async fn the_task_of_a_connection_stays_small() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::new(LocalBus::default()) as Arc<dyn Bus>));
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let logins = Logins::new(Arc::clone(&store), Arc::clone(&clock), LoginOptions::default()).unwrap();
        let now = Arc::clone(&clock);
        let service = Service::new(store, Arc::new(NoPlugin), Settings::default(), Arc::new(move || now.now()));
        let served = Arc::new(Served(Arc::new(service)));
        let shared =
            Arc::new(shared(ServeOptions::default(), served, Arc::new(logins), clock, Metrics::new([]), None).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let room = Arc::clone(&shared.connections).acquire_owned().await.unwrap();
        let address = shared.addresses.enter([127, 0, 0, 1].into()).unwrap();
        let newcomer = Arc::new(shared.newcomers.enter().unwrap());
        let held = Held { _room: room, _address: address, _open: shared.metrics.listener(0).open(), newcomer };
        let task = connection::serve(shared, Transport::Plain(stream), [127, 0, 0, 1].into(), held);
        // What is in here is held for as long as a request waits, and twice while the task is made.
        let size = size_of_val(&task);
        assert!(size <= 1024, "{size} bytes");
    }
}
