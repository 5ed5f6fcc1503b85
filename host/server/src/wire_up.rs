//! Puts the rooms together: the only file that names the store and the plugin host that are used.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use easel_commands::{Policy, PolicyAllowance, Service, Settings};
use easel_delivery::lmtp::{self, LmtpOptions};
use easel_delivery::queue::{self, Direct, Dns, QueueOptions, Schedule, SmartHost};
use easel_delivery::{AutoReply, DeliveryError, Running as Delivering, Shutdown};
use easel_server::{
    Allowance, Budget, Clock, Limits, Listener, ListenerKind, LoginOptions, Logins, Networks, Running, Scrape,
    ServeOptions, Server, ServerError, SystemClock, TlsFiles,
};
use easel_store::{LocalBus, Store, StoreError};
pub(crate) use easel_store_sqlite::RestoreError;
use easel_store_sqlite::{SqliteStore, Verified};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::admin::{AdminSocket, Channel, DEFAULT_TENANT, Office, Ownership, OwnershipError, Serving};
use crate::config::{self, Config, LmtpListen, SmartHostPassword, SmartHostTls};
use crate::metrics_page::MetricsPage;
use crate::packs::{PackRoom, PackRoomError};
use crate::reload::Reload;
use crate::upkeep;

/// How long `serve` waits for another verb to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long threads may still be at something when the server has ended. Whatever anybody was told is on the disk by
/// then, and what a thread breaks off is as after a power loss.
const FAREWELL: Duration = Duration::from_secs(1);

/// A store that this process owns, and the time.
pub(crate) type Opened = (Arc<dyn Store>, Arc<dyn Clock>);

/// Why the data cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the data in {dir} cannot be opened")]
pub(crate) struct OpenError {
    dir: PathBuf,
    #[source]
    cause: StoreError,
}

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error("the admin socket in {0} cannot be made")]
    AdminSocket(PathBuf, #[source] io::Error),
    #[error("mail cannot be taken in at {0}")]
    Lmtp(String, #[source] DeliveryError),
    #[error("mail cannot be sent")]
    Queue(#[source] DeliveryError),
    #[error("the name servers cannot be asked: set direct.name_servers")]
    NameServers(#[source] DeliveryError),
    #[error("smart_host.password_file cannot be read")]
    SmartHostPassword(#[source] io::Error),
    #[error("smart_host.ca_file cannot be read")]
    SmartHostCa(#[source] io::Error),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Ownership(#[from] OwnershipError),
    #[error("a server runs on the data directory {0} already: stop it first, or name another data_dir")]
    Runs(PathBuf),
    #[error(transparent)]
    Packs(#[from] PackRoomError),
    #[error("the runtime cannot start")]
    Runtime(#[source] io::Error),
    #[error("the server cannot start{}", cure(.0))]
    Server(#[source] ServerError),
}

/// What an administrator can do about a server that does not start.
fn cure(error: &ServerError) -> &'static str {
    let ServerError::Bind { cause, .. } = error else { return " (`easel check` tells more)" };
    let cures = [
        (
            io::ErrorKind::PermissionDenied,
            " (a port below 1024 needs root or the capability CAP_NET_BIND_SERVICE; or set listen.tls to another)",
        ),
        (io::ErrorKind::AddrInUse, " (another program listens there; set [listen] to another address)"),
        (io::ErrorKind::AddrNotAvailable, " (the address is not of this machine; see [listen])"),
    ];
    let cure = cures.into_iter().find(|(kind, _)| *kind == cause.kind());
    cure.map_or(" (without IPv6, write 0.0.0.0 for every address; see [listen])", |(_, cure)| cure)
}

/// Opens the data that this process owns.
pub(crate) fn open_store(config: &Config) -> Result<Opened, OpenError> {
    Ok((open_files(config)?, Arc::new(SystemClock)))
}

fn open_files(config: &Config) -> Result<Arc<SqliteStore>, OpenError> {
    let store = SqliteStore::open(&config.data_dir, Arc::new(LocalBus::default()));
    store.map(Arc::new).map_err(|cause| OpenError { dir: config.data_dir.clone(), cause })
}

/// A backup that is whole; nothing is changed.
pub(crate) fn verify_backup(path: &Path) -> Result<Verified, RestoreError> {
    easel_store_sqlite::verify(path)
}

/// What time it is.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// The certificate's files.
pub(crate) fn tls_files(config: &Config) -> TlsFiles {
    TlsFiles { certificate: config.tls.certificate.clone(), key: config.tls.key.clone() }
}

/// The first line of a file.
pub(crate) fn read_password(path: &Path) -> io::Result<String> {
    let text = fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    match text.lines().next().map(str::trim).filter(|line| !line.is_empty()) {
        Some(line) => Ok(line.to_owned()),
        None => Err(io::Error::other(format!("{}: the first line is empty", path.display()))),
    }
}

/// The certificates of a PEM file, each for itself.
pub(crate) fn read_certificates(path: &Path) -> io::Result<Vec<Vec<u8>>> {
    const END: &str = "-----END CERTIFICATE-----";
    let text = fs::read_to_string(path)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
    let certificates: Vec<Vec<u8>> = text
        .split_inclusive(END)
        .filter_map(|part| part.find("-----BEGIN CERTIFICATE-----").map(|at| &part[at..]))
        .filter(|part| part.ends_with(END))
        .map(|part| format!("{part}\n").into_bytes())
        .collect();
    if certificates.is_empty() {
        return Err(io::Error::other(format!("{}: holds no certificate in PEM", path.display())));
    }
    Ok(certificates)
}

/// Serves until a signal comes. `listening` is told where, once it does.
pub(crate) fn serve(config: &Config, listening: impl FnOnce(&[String])) -> Result<(), ServeError> {
    let runs = || matches!(Channel::connect(config), Ok(Some(_))).then_some(());
    if runs().is_some() {
        return Err(ServeError::Runs(config.data_dir.clone()));
    }
    let Ok(_ownership) = Ownership::take_unless(&config.data_dir, "serve", PATIENCE, runs)? else {
        return Err(ServeError::Runs(config.data_dir.clone()));
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    // Of those who have something to do, so many do it before somebody looks who else has: a new connection must not wait
    // for sixty answers that are being encrypted.
    let runtime = runtime.enable_all().event_interval(8).build().map_err(ServeError::Runtime)?;
    let served = runtime.block_on(async {
        let house = House::start(config).await?;
        listening(&house.places);
        house.run(Duration::from_secs(config.shutdown.grace_secs.into())).await;
        Ok(())
    });
    // Dropped, the runtime would wait for as long as a thread is at something: a sweep, a backup for an administrator.
    runtime.shutdown_timeout(FAREWELL);
    served
}

/// Everything that runs.
struct House {
    server: Arc<Running>,
    delivering: Vec<Delivering>,
    upkeep: JoinHandle<()>,
    stop: watch::Sender<bool>,
    scrape: Option<Scrape>,
    admin: AdminSocket,
    places: Vec<String>,
    signals: [Signal; 2],
    hangup: Signal,
    reload: Reload,
}

impl House {
    async fn start(config: &Config) -> Result<Self, ServeError> {
        // Before anything else, so that a signal during the start ends it gently, too.
        let signals = [SignalKind::terminate(), SignalKind::interrupt()].map(signal);
        let ([Ok(terminate), Ok(interrupt)], Ok(hangup)) = (signals, signal(SignalKind::hangup())) else {
            return Err(ServeError::Runtime(io::Error::other("signals cannot be heard")));
        };
        let files = open_files(config)?;
        let (store, clock): Opened = (Arc::clone(&files) as _, Arc::new(SystemClock));
        let logins = Logins::new(Arc::clone(&store), Arc::clone(&clock), login_options(config));
        let logins = Arc::new(logins.map_err(ServeError::Server)?);
        let now: Arc<dyn Fn() -> Timestamp + Send + Sync> = {
            let clock = Arc::clone(&clock);
            Arc::new(move || clock.now())
        };
        let packs = Arc::new(PackRoom::open(config, Arc::clone(&store))?);
        packs.watch()?;
        let service = Service::new(Arc::clone(&store), packs.plugins(), settings(config), Arc::clone(&now));
        let service = Arc::new(service);
        let options = ServeOptions { memory_elsewhere: Some(packs.memory()), ..serve_options(config) };
        let kinds: Vec<ListenerKind> = options.listeners.iter().map(|listener| listener.kind).collect();
        let server = Server::start(options, Arc::clone(&service), Arc::clone(&logins), Arc::clone(&clock))
            .map_err(ServeError::Server)?;
        let (stop, stopped) = watch::channel(false);
        let mut places: Vec<String> = kinds
            .into_iter()
            .zip(server.addresses())
            .map(|(kind, address)| place(kind, &address.to_string()))
            .collect();
        let mut delivering = Vec::new();
        if let Some(options) = lmtp_options(config) {
            let (running, at) = take_mail_in(options, &store, &now, stopped.clone()).await?;
            places.push(at);
            delivering.push(running);
        }
        let sending = queue_options(config)?;
        let tally = Arc::clone(&sending.tally);
        let sending = queue::run(sending, Arc::clone(&store), Arc::clone(&now), stopped.clone());
        delivering.push(sending.map_err(ServeError::Queue)?);
        let upkeep = tokio::spawn(upkeep::run(Arc::clone(&store), Arc::clone(&clock), stopped));
        // Last: who reaches this socket finds everything else running.
        let server = Arc::new(server);
        let scrape = match config.metrics.listen {
            Some(address) => {
                let (server, packs) = (server.view(), Arc::clone(&packs));
                let page = MetricsPage { server, store: files, packs, queue: tally };
                let scrape = Scrape::listen(address, page.into_writer()).await.map_err(ServeError::Server)?;
                places.push(format!("http://{}/metrics", scrape.address()));
                Some(scrape)
            }
            None => None,
        };
        let serving = Serving { logins, running: Arc::clone(&server), listening: places.clone() };
        let reload =
            Reload { config: config.clone(), service, packs: Arc::clone(&packs), server: Arc::downgrade(&server) };
        let office = Office::new(store, clock, config).in_server(serving).with_packs(packs);
        let admin = AdminSocket::listen(&config.data_dir, Arc::new(office))
            .map_err(|error| ServeError::AdminSocket(config.data_dir.clone(), error))?;
        for place in &places {
            tracing::info!(place, "listening");
        }
        let signals = [terminate, interrupt];
        Ok(Self { server, delivering, upkeep, stop, scrape, admin, places, signals, hangup, reload })
    }

    /// Runs until a signal comes, and ends gently; a second signal ends it at once. SIGHUP has it look again at what was
    /// changed.
    async fn run(self, grace: Duration) {
        let Self { server, delivering, upkeep, stop, scrape, admin, mut signals, mut hangup, mut reload, .. } = self;
        loop {
            tokio::select! {
                () = heard(&mut signals) => break,
                _ = hangup.recv() => {}
            }
            let looking = tokio::task::spawn_blocking(move || {
                reload.look_again();
                reload
            });
            tokio::select! {
                looked = looking => match looked {
                    Ok(looked) => reload = looked,
                    // Said by the panic itself; what is in use stays.
                    Err(_) => {
                        heard(&mut signals).await;
                        break;
                    }
                },
                // Packs may be at their compiler, or a file where no answer comes from: nobody waits for that.
                () = heard(&mut signals) => break,
            }
        }
        tracing::info!(waiting = server.parked(), "stopping");
        let gently = async {
            stop.send_replace(true);
            drop(scrape);
            admin.end().await;
            let cut_off = server.shutdown(grace).await;
            for task in delivering {
                task.ended().await;
            }
            if tokio::time::timeout(grace, upkeep).await.is_err() {
                tracing::warn!("upkeep is broken off, and goes on after the next start");
            }
            tracing::info!(cut_off, "stopped");
        };
        tokio::select! {
            // First: what is dropped before it began would wait for administrators.
            biased;
            () = gently => {}
            () = heard(&mut signals) => tracing::warn!("stopped at once"),
        }
    }
}

async fn heard([one, other]: &mut [Signal; 2]) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

fn place(kind: ListenerKind, address: &str) -> String {
    match kind {
        ListenerKind::Plain => format!("http://{address}/Microsoft-Server-ActiveSync"),
        ListenerKind::Proxied => format!("http://{address}/Microsoft-Server-ActiveSync (PROXY)"),
        ListenerKind::Tls => format!("https://{address}/Microsoft-Server-ActiveSync"),
    }
}

fn login_options(config: &Config) -> LoginOptions {
    let default = LoginOptions::default();
    let per_login = config.limits.wrong_passwords_max;
    LoginOptions {
        default_tenant: DEFAULT_TENANT.to_owned(),
        app_passwords_only: config.login.app_passwords_only,
        hashes_at_once: config.limits.hashes_at_once,
        per_address: Budget { burst: per_login.saturating_mul(3), ..default.per_address },
        per_login: Budget { burst: per_login, ..default.per_login },
        ..default
    }
}

fn serve_options(config: &Config) -> ServeOptions {
    let of = |kind, addresses: &[std::net::SocketAddr]| -> Vec<Listener> {
        addresses.iter().map(|address| Listener { address: *address, kind }).collect()
    };
    let listeners = [
        of(ListenerKind::Tls, &config.listen.tls),
        of(ListenerKind::Plain, &config.listen.plain),
        of(ListenerKind::Proxied, &config.listen.proxied),
    ];
    let secs = |secs: u32| Duration::from_secs(secs.into());
    let (device, user) = budgets(config);
    let limits = Limits {
        connections: config.limits.connections_max,
        connections_per_address: config.limits.connections_per_address_max,
        newcomers: config.limits.unauthenticated_max,
        newcomers_per_address: config.limits.unauthenticated_per_address_max,
        newcomer: secs(config.limits.unauthenticated_secs_max),
        handshake: secs(config.limits.handshake_secs_max),
        idle: secs(config.limits.idle_secs_max),
        body_bytes: config.limits.request_bytes_max,
        body_pause: secs(config.limits.request_pause_secs_max),
        body_total: secs(config.limits.request_secs_max),
        stall: secs(config.limits.answer_pause_secs_max),
        answer_total: secs(config.limits.answer_secs_max),
        memory: config.limits.memory_bytes_max,
        device,
        user,
        ..Limits::default()
    };
    ServeOptions {
        listeners: listeners.concat(),
        tls: (!config.listen.tls.is_empty()).then(|| tls_files(config)),
        limits,
        clouds: Networks::new(config.packs.cloud_networks.clone()),
        ..ServeOptions::default()
    }
}

/// What a device, and all devices of a user, may use.
pub(crate) fn budgets(config: &Config) -> (Allowance, Allowance) {
    (allowance(&config.budgets.device), allowance(&config.budgets.user))
}

fn allowance(budget: &config::Budget) -> Allowance {
    Allowance {
        requests_per_minute: budget.requests_per_minute_max,
        work_per_minute: budget.work_secs_per_minute_max.map(|secs| Duration::from_secs(secs.into())),
        at_once: budget.at_once_max,
    }
}

/// What the operator decided about devices.
pub(crate) fn settings(config: &Config) -> Settings {
    Settings {
        policy: policy(&config.policy),
        allow: PolicyAllowance {
            packs: config.packs.allow_exempt.clone(),
            devices: config.packs.allow_exempt_devices.clone(),
            tenants: config.packs.allow_exempt_tenants.clone(),
        },
        denies_cloud: config.packs.deny_cloud,
        heartbeat_secs: (config.heartbeat.secs_min, config.heartbeat.secs_max),
        collections_max: config.limits.collections_max,
        message_bytes_max: config.limits.message_bytes_max,
        devices_max: config.limits.devices_per_user_max,
        quota: config.limits.quota_bytes,
        recipients_max: config.limits.recipients_max,
        messages_per_hour_max: config.limits.messages_per_hour_max,
    }
}

/// The policy with a version that is another whenever it says something else, and the same again when it says the same
/// again: devices that acknowledged it once need not do so a second time.
fn policy(policy: &config::Policy) -> Policy {
    let settings: Vec<(String, String)> =
        policy.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut hash = Sha256::new();
    for (name, value) in &settings {
        hash.update(format!("{name}={value}\n"));
    }
    let hash: [u8; 32] = hash.finalize().into();
    let version = u64::from_be_bytes(std::array::from_fn(|at| hash[at])) >> 1;
    Policy { required: policy.required, allow_partial: policy.allow_partial, version, settings }
}

fn lmtp_options(config: &Config) -> Option<LmtpOptions> {
    let listen = match &config.lmtp.listen {
        LmtpListen::Off => return None,
        LmtpListen::Tcp(address) => lmtp::Listen::Tcp(*address),
        LmtpListen::Unix(path) => lmtp::Listen::Unix { path: path.clone(), mode: config.lmtp.socket_mode },
    };
    let limits = lmtp::Limits { message_bytes_max: config.limits.message_bytes_max as u64, ..lmtp::Limits::default() };
    Some(LmtpOptions {
        listen,
        hostname: config.hostname.clone(),
        delimiter: config.lmtp.delimiter,
        limits,
        quota: config.limits.quota_bytes,
        auto_reply: auto_reply(config),
    })
}

fn auto_reply(config: &Config) -> AutoReply {
    AutoReply {
        period: Duration::from_secs(u64::from(config.auto_reply.period_days) * 86_400),
        senders_max: config.auto_reply.senders_max,
    }
}

fn queue_options(config: &Config) -> Result<QueueOptions, ServeError> {
    let smart_host = config.smart_host.as_ref().map(|host| smart_host(host, &config.hostname)).transpose()?;
    Ok(QueueOptions {
        hostname: config.hostname.clone(),
        delimiter: config.lmtp.delimiter,
        smart_host,
        direct: config.direct.enabled.then(|| direct(config)).transpose()?,
        concurrency: config.queue.transactions_max,
        schedule: Schedule {
            expire: Duration::from_secs(u64::from(config.queue.expire_hours) * 3600),
            notice: Duration::from_secs(u64::from(config.queue.notice_hours) * 3600),
        },
        quota: config.limits.quota_bytes,
        auto_reply: auto_reply(config),
        grace: Duration::from_secs(config.shutdown.grace_secs.into()),
        ..QueueOptions::default()
    })
}

fn direct(config: &Config) -> Result<Direct, ServeError> {
    let servers = &config.direct.name_servers;
    let dns = if servers.is_empty() { Dns::system() } else { Dns::asking(servers) };
    Ok(Direct {
        resolver: Arc::new(dns.map_err(ServeError::NameServers)?),
        tls: if config.direct.tls_required { queue::Tls::StartTls } else { queue::Tls::Opportunistic },
        roots: Vec::new(),
        concurrency: config.direct.per_domain_max,
        hello_name: config.hostname.clone(),
        patience: queue::Patience::default(),
        port: 25,
        allow_loopback: false,
    })
}

fn smart_host(host: &config::SmartHost, hostname: &str) -> Result<SmartHost, ServeError> {
    let password = match &host.password {
        Some(SmartHostPassword::File(path)) => Some(read_password(path).map_err(ServeError::SmartHostPassword)?),
        Some(SmartHostPassword::Here(password)) => Some(password.clone()),
        None => None,
    };
    let roots = host.ca_file.as_deref().map(read_certificates).transpose().map_err(ServeError::SmartHostCa)?;
    let login = host.user.clone().zip(password).map(|(user, password)| queue::Login { user, password });
    Ok(SmartHost {
        host: host.host.clone(),
        port: host.port,
        tls: match host.tls {
            SmartHostTls::None => queue::Tls::None,
            SmartHostTls::Starttls => queue::Tls::StartTls,
            SmartHostTls::Tls => queue::Tls::Implicit,
        },
        roots: roots.unwrap_or_default(),
        login,
        hello_name: hostname.to_owned(),
        patience: queue::Patience::default(),
    })
}

async fn take_mail_in(
    options: LmtpOptions,
    store: &Arc<dyn Store>,
    now: &easel_delivery::Clock,
    stopped: Shutdown,
) -> Result<(Delivering, String), ServeError> {
    let asked = match &options.listen {
        lmtp::Listen::Tcp(address) => address.to_string(),
        lmtp::Listen::Unix { path, .. } => path.display().to_string(),
    };
    let running = lmtp::serve(options, Arc::clone(store), Arc::clone(now), stopped)
        .await
        .map_err(|error| ServeError::Lmtp(asked.clone(), error))?;
    let at = running.local_address().map_or(asked, |address| address.to_string());
    Ok((running, format!("lmtp:{at}")))
}
