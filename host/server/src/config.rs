//! The configuration: one TOML file, read whole, every mistake reported with its file, line and cure.
//!
//! [`Config::load`] is the way in. What a key means, its unit and its default stand in `examples/easel.toml`, which a
//! test compares with [`Config::default`]. Relative paths are read from the folder of the file.

mod problem;
mod reader;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use easel_server::Network;

pub(crate) use problem::{ConfigErrors, Problem};
pub(crate) use values::LmtpListen;

use reader::{Section, Source};

/// Networks of clouds.
const CLOUD_NETWORKS_MAX: usize = 1000;

/// Bytes of a configuration file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Everything an operator decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    /// The file it was read from; relative to nothing else.
    pub(crate) file: PathBuf,
    /// Where everything is kept.
    pub(crate) data_dir: PathBuf,
    /// The name of this server, in the DNS.
    pub(crate) hostname: String,
    /// Where devices connect.
    pub(crate) listen: Listen,
    /// The server's certificate.
    pub(crate) tls: Tls,
    /// Where mail comes in.
    pub(crate) lmtp: Lmtp,
    /// Where mail for other servers goes.
    pub(crate) smart_host: Option<SmartHost>,
    /// Mail for other servers without a smart host.
    pub(crate) direct: Direct,
    /// How long mail is tried.
    pub(crate) queue: Queue,
    /// Automatic replies.
    pub(crate) auto_reply: AutoReply,
    /// What lets users in.
    pub(crate) login: Login,
    /// Bounds.
    pub(crate) limits: Limits,
    /// What a device, and a user, may use.
    pub(crate) budgets: Budgets,
    /// How long a Ping may wait.
    pub(crate) heartbeat: Heartbeat,
    /// What devices must accept.
    pub(crate) policy: Policy,
    /// Packs, and what goes before what they say.
    pub(crate) packs: Packs,
    /// What is logged, and how.
    pub(crate) log: Log,
    /// Where monitoring reads.
    pub(crate) metrics: Metrics,
    /// How the server stops.
    pub(crate) shutdown: Shutdown,
}

/// `[listen]`: the three kinds of listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    /// TLS 1.2 and 1.3.
    pub(crate) tls: Vec<SocketAddr>,
    /// Without TLS.
    pub(crate) plain: Vec<SocketAddr>,
    /// Without TLS, behind a front that sends the PROXY header.
    pub(crate) proxied: Vec<SocketAddr>,
}

/// `[tls]`: PEM files, read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    /// The chain, the server's certificate first.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

/// `[lmtp]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lmtp {
    /// A Unix socket, a loopback address, or nothing.
    pub(crate) listen: LmtpListen,
    /// The permissions of the Unix socket.
    pub(crate) socket_mode: u32,
    /// What divides a local part from its detail; `None` knows no details.
    pub(crate) delimiter: Option<char>,
}

/// `[smart_host]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SmartHost {
    /// Its name or address.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
    /// How the connection is protected.
    pub(crate) tls: SmartHostTls,
    /// The login; `None` sends without one.
    pub(crate) user: Option<String>,
    /// The password, or the file that holds it in its first line.
    pub(crate) password: Option<SmartHostPassword>,
    /// PEM certificates trusted in place of those of the system.
    pub(crate) ca_file: Option<PathBuf>,
}

/// Where the password for the smart host stands.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum SmartHostPassword {
    /// In the first line of a file.
    File(PathBuf),
    /// In the configuration.
    Here(String),
}

impl std::fmt::Debug for SmartHostPassword {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Here(_) => f.write_str("Here(..)"),
        }
    }
}

/// `[direct]`: mail goes straight to the servers of the recipients' domains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Direct {
    /// Whether it does.
    pub(crate) enabled: bool,
    /// Whether servers without TLS, or with a bad certificate, get mail as well.
    pub(crate) tls_required: bool,
    /// Who is asked for names; empty: whom the system asks.
    pub(crate) name_servers: Vec<SocketAddr>,
    /// Transactions under way to one domain at once.
    pub(crate) per_domain_max: usize,
}

/// `[queue]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    /// After so long a message is given up.
    pub(crate) expire_hours: u32,
    /// After so long its sender is told that it takes longer; 0: never.
    pub(crate) notice_hours: u32,
    /// Transactions under way at once.
    pub(crate) transactions_max: usize,
}

/// How the connection to the smart host is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SmartHostTls {
    /// Not at all: only for a host on this machine.
    None,
    /// STARTTLS, required.
    Starttls,
    /// TLS from the first byte.
    Tls,
}

/// `[auto_reply]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AutoReply {
    /// Days in which a sender is answered once.
    pub(crate) period_days: u32,
    /// Senders remembered for each mailbox.
    pub(crate) senders_max: usize,
}

/// `[login]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    /// Whether phones log in with app passwords only.
    pub(crate) app_passwords_only: bool,
}

/// `[limits]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Connections at once; `None` derives it from the limit on open files.
    pub(crate) connections_max: Option<usize>,
    /// Connections at once from one address; `None`: a quarter of all.
    pub(crate) connections_per_address_max: Option<usize>,
    /// Connections at once on which nobody has logged in yet; the oldest is closed for a new one.
    pub(crate) unauthenticated_max: usize,
    /// The same from one address.
    pub(crate) unauthenticated_per_address_max: usize,
    /// Seconds until somebody has logged in on a connection.
    pub(crate) unauthenticated_secs_max: u32,
    /// Seconds for the TLS handshake.
    pub(crate) handshake_secs_max: u32,
    /// Seconds from one answer to the end of the next request's head.
    pub(crate) idle_secs_max: u32,
    /// Bytes of a request's body.
    pub(crate) request_bytes_max: usize,
    /// Seconds for the body of a request to arrive whole.
    pub(crate) request_secs_max: u32,
    /// Seconds between two pieces of a request's body.
    pub(crate) request_pause_secs_max: u32,
    /// Seconds for a client to take an answer whole.
    pub(crate) answer_secs_max: u32,
    /// Seconds for a client to take 8 KiB of an answer.
    pub(crate) answer_pause_secs_max: u32,
    /// Bytes that requests under way may hold together; `None`: half of the machine's.
    pub(crate) memory_bytes_max: Option<usize>,
    /// Bytes of one message: from a device, by LMTP, by import.
    pub(crate) message_bytes_max: usize,
    /// Wrong passwords from one address, and for one login, before they are slowed down.
    pub(crate) wrong_passwords_max: u32,
    /// Passwords hashed at once.
    pub(crate) hashes_at_once: usize,
    /// Devices of one user.
    pub(crate) devices_per_user_max: usize,
    /// Collections in one Sync, and folders in one Ping.
    pub(crate) collections_max: usize,
    /// Bytes that the mailbox of a user without own quota may hold; `None`: without bound.
    pub(crate) quota_bytes: Option<u64>,
    /// Recipients of one message from a device.
    pub(crate) recipients_max: usize,
    /// Messages of one user from devices within an hour; `None`: without bound.
    pub(crate) messages_per_hour_max: Option<usize>,
}

/// `[budgets]`: what a device, or all devices of a user, may use. `None` is without bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budgets {
    /// Of one device.
    pub(crate) device: Budget,
    /// Of all devices of a user together.
    pub(crate) user: Budget,
}

/// One budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Requests in a minute.
    pub(crate) requests_per_minute_max: Option<u32>,
    /// Seconds of threads at work in a minute.
    pub(crate) work_secs_per_minute_max: Option<u32>,
    /// Requests under way at once; those that wait for news do not count.
    pub(crate) at_once_max: Option<u32>,
}

/// `[heartbeat]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heartbeat {
    /// The shortest Ping, in seconds.
    pub(crate) secs_min: u32,
    /// The longest.
    pub(crate) secs_max: u32,
}

/// `[policy]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Whether devices must run Provision first.
    pub(crate) required: bool,
    /// Whether devices that apply it in part are let in.
    pub(crate) allow_partial: bool,
    /// Elements of EASProvisionDoc that differ from the permissive ones.
    pub(crate) settings: BTreeMap<String, String>,
}

/// `[packs]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packs {
    /// Where they lie; `None`: in the data directory.
    pub(crate) dir: Option<PathBuf>,
    /// Whose signatures count, and for which packs.
    pub(crate) trusted_keys: Vec<TrustedKey>,
    /// SHA-256 of files that need no signature.
    pub(crate) allow_unsigned: Vec<[u8; 32]>,
    /// Instances at once.
    pub(crate) instances_max: u32,
    /// Packs that may hold devices to less than the policy.
    pub(crate) allow_exempt: Vec<String>,
    /// Devices, by id in lower case, that packs may hold to less than the policy.
    pub(crate) allow_exempt_devices: Vec<String>,
    /// Tenants whose devices packs may hold to less than the policy.
    pub(crate) allow_exempt_tenants: Vec<String>,
    /// Whether requests from servers that hold their users' passwords are refused.
    pub(crate) deny_cloud: bool,
    /// Networks of such servers.
    pub(crate) cloud_networks: Vec<Network>,
    /// Settings of every device, before what its pack says.
    pub(crate) settings: Values,
    /// Settings for the devices of a pack, by its id, before those of every device.
    pub(crate) per_pack: BTreeMap<String, Values>,
    /// Settings for one device, by its id in the normal spelling, before all others.
    pub(crate) per_device: BTreeMap<String, Values>,
    /// What a pack is handed when it is asked about a device, by its id.
    pub(crate) options: BTreeMap<String, Values>,
}

/// Values by name.
pub(crate) type Values = BTreeMap<String, easel_plugin::Value>;

/// A key and the packs it may sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrustedKey {
    /// As minisign writes a public key.
    pub(crate) key: String,
    /// Ids.
    pub(crate) packs: Vec<String>,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// A level, or filter directives such as `info,easel_delivery=debug`.
    pub(crate) level: String,
    /// For people or for machines.
    pub(crate) format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text.
    Text,
}

/// `[metrics]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Metrics {
    /// A listener of its own; `None`: nowhere.
    pub(crate) listen: Option<SocketAddr>,
}

/// `[shutdown]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shutdown {
    /// Seconds until connections are cut. Waiting requests are answered over the first half, so that devices do not
    /// come back all at once.
    pub(crate) grace_secs: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self::read(Path::new("easel.toml"), "").0
    }
}

impl Config {
    /// Reads a file. Warnings come back with the configuration.
    pub(crate) fn load(file: &Path) -> Result<(Self, Vec<Problem>), ConfigErrors> {
        let text = read_bounded(file).map_err(|problem| ConfigErrors(vec![problem]))?;
        let (config, problems) = Self::read(file, &text);
        if problems.iter().any(Problem::is_error) {
            return Err(ConfigErrors(problems));
        }
        Ok((config, problems))
    }

    /// Reads a text as if it stood in `file`. Where a value is wrong, the default stands in for it.
    pub(crate) fn read(file: &Path, text: &str) -> (Self, Vec<Problem>) {
        let source = Source::new(file, text);
        let mut top = source.root();
        let dir = file.parent().unwrap_or(Path::new("")).to_owned();
        let data_dir = top.path("data_dir", &dir, "data");
        let config = Self {
            file: file.to_owned(),
            hostname: top.value("hostname", "localhost".to_owned(), values::host_name),
            listen: Listen::read(top.section("listen")),
            tls: Tls::read(top.section("tls"), &dir),
            lmtp: Lmtp::read(top.section("lmtp"), &dir),
            smart_host: SmartHost::read(top.section("smart_host"), &dir),
            direct: Direct::read(top.section("direct")),
            queue: Queue::read(top.section("queue")),
            auto_reply: AutoReply::read(top.section("auto_reply")),
            login: Login::read(top.section("login")),
            limits: Limits::read(top.section("limits")),
            budgets: Budgets::read(top.section("budgets")),
            heartbeat: Heartbeat::read(top.section("heartbeat")),
            policy: Policy::read(top.section("policy")),
            packs: Packs::read(top.section("packs"), &dir),
            log: Log::read(top.section("log")),
            metrics: Metrics::read(top.section("metrics")),
            shutdown: Shutdown::read(top.section("shutdown")),
            data_dir,
        };
        let devices = [&config.listen.tls, &config.listen.plain, &config.listen.proxied];
        let taken =
            |address: SocketAddr| address.port() != 0 && devices.into_iter().flatten().any(|one| *one == address);
        if let Some(address) = config.metrics.listen.filter(|address| taken(*address)) {
            let cure = "give metrics.listen an address of its own";
            top.wrong("metrics", format!("devices connect to {address}, too"), cure);
        }
        if config.direct.enabled && config.smart_host.is_some() {
            let cure = "remove one of the two sections";
            top.wrong("direct", "mail goes either to the smart host or the direct way".to_owned(), cure);
        }
        top.finish();
        (config, source.into_problems())
    }
}

fn read_bounded(file: &Path) -> Result<String, Problem> {
    let unreadable = |error: &std::io::Error| {
        let cure = if error.kind() == std::io::ErrorKind::NotFound {
            "name one with --config, or make one with `easel init`"
        } else {
            "give the user that runs easel the right to read it"
        };
        Problem::of_file(file, format!("the configuration cannot be read: {error}"), cure)
    };
    let size = std::fs::metadata(file).map_err(|error| unreadable(&error))?.len();
    if size > FILE_BYTES_MAX {
        return Err(Problem::of_file(
            file,
            format!("{size} bytes are too many for a configuration"),
            "name the right file with --config",
        ));
    }
    let bytes = std::fs::read(file).map_err(|error| unreadable(&error))?;
    String::from_utf8(bytes)
        .map_err(|_| Problem::of_file(file, "the configuration is not UTF-8".to_owned(), "save it as UTF-8"))
}

impl Listen {
    fn read(mut section: Section<'_, '_>) -> Self {
        let tls = section.list("tls", &["[::]:443"], values::public_address);
        let plain = section.list("plain", &[], values::plain_address);
        let proxied = section.list("proxied", &[], values::plain_address);
        for (kind, addresses) in [("plain", &plain), ("proxied", &proxied)] {
            for address in addresses.iter().filter(|address| !address.ip().is_loopback()) {
                section.warn(
                    kind,
                    format!("{address} is reachable from other machines, and passwords cross it unencrypted"),
                    "keep it behind a front on the same machine, or use listen.tls",
                );
            }
        }
        let all = [("tls", &tls), ("plain", &plain), ("proxied", &proxied)];
        let all: Vec<_> = all.into_iter().flat_map(|(kind, list)| list.iter().map(move |one| (kind, one))).collect();
        for (at, (kind, address)) in all.iter().enumerate() {
            if address.port() != 0 && all[..at].iter().any(|(_, other)| other == address) {
                section.wrong(kind, format!("{address} is listed twice"), "give each listener an address of its own");
            }
        }
        section.finish();
        Self { tls, plain, proxied }
    }
}

impl Tls {
    fn read(mut section: Section<'_, '_>, dir: &Path) -> Self {
        let tls = Self {
            certificate: section.path("certificate", dir, "certificate.pem"),
            key: section.path("key", dir, "key.pem"),
        };
        section.finish();
        tls
    }
}

impl Lmtp {
    fn read(mut section: Section<'_, '_>, dir: &Path) -> Self {
        let default = LmtpListen::Unix(dir.join("lmtp.sock"));
        let lmtp = Self {
            listen: section.value("listen", default, |text| values::lmtp_listen(text, dir)),
            socket_mode: section.value("socket_mode", 0o660, values::mode),
            delimiter: section.value("delimiter", Some('+'), values::delimiter),
        };
        section.finish();
        lmtp
    }
}

impl SmartHost {
    fn read(mut section: Section<'_, '_>, dir: &Path) -> Option<Self> {
        let given = section.is_given();
        let address = section.optional("address", values::host_and_port);
        let tls = section.value("tls", SmartHostTls::Starttls, values::smart_host_tls);
        let user = section.optional("user", values::text);
        let password_file = section.optional("password_file", |text| values::path(text, dir));
        if given && address.is_none() && !section.was_given("address") {
            section.missing("address", "write address = \"smtp.example.org:587\", or remove the section");
        }
        let password = section.optional("password", values::text);
        let ca_file = section.optional("ca_file", |text| values::path(text, dir));
        if password.is_some() && password_file.is_some() {
            section.wrong("password", "there are two passwords".to_owned(), "give password or password_file, not both");
        }
        let password = password_file.map(SmartHostPassword::File).or_else(|| password.map(SmartHostPassword::Here));
        if user.is_some() != password.is_some() {
            section.wrong("user", "user and password belong together".to_owned(), "give both, or neither");
        }
        if let Some((host, _)) = &address
            && tls == SmartHostTls::None
            && !values::is_loopback_host(host)
        {
            section.wrong("tls", format!("mail would go to {host} unencrypted"), "write \"starttls\" or \"tls\"");
        }
        section.finish();
        let (host, port) = address?;
        Some(Self { host, port, tls, user, password, ca_file })
    }
}

impl Direct {
    fn read(mut section: Section<'_, '_>) -> Self {
        let direct = Self {
            enabled: section.flag("enabled", false),
            tls_required: section.flag("tls_required", false),
            name_servers: section.list("name_servers", &[], values::name_server),
            per_domain_max: section.number("per_domain_max", 2, 1..=100, "transactions"),
        };
        section.finish();
        direct
    }
}

impl Queue {
    fn read(mut section: Section<'_, '_>) -> Self {
        let queue = Self {
            expire_hours: section.number("expire_hours", 120, 1..=720, "hours"),
            notice_hours: section.number("notice_hours", 4, 0..=720, "hours"),
            transactions_max: section.number("transactions_max", 4, 1..=1000, "transactions"),
        };
        section.finish();
        queue
    }
}

impl AutoReply {
    fn read(mut section: Section<'_, '_>) -> Self {
        let auto_reply = Self {
            period_days: section.number("period_days", 7, 1..=365, "days"),
            senders_max: section.number("senders_max", 1000, 1..=10_000, "senders"),
        };
        section.finish();
        auto_reply
    }
}

impl Login {
    fn read(mut section: Section<'_, '_>) -> Self {
        let login = Self { app_passwords_only: section.flag("app_passwords_only", false) };
        section.finish();
        login
    }
}

impl Limits {
    fn read(mut section: Section<'_, '_>) -> Self {
        const MIB: usize = 1 << 20;
        let limits = Self {
            connections_max: section.count("connections_max", 10_000_000, "connections"),
            connections_per_address_max: section.count("connections_per_address_max", 10_000_000, "connections"),
            unauthenticated_max: section.number("unauthenticated_max", 8192, 16..=10_000_000, "connections"),
            unauthenticated_per_address_max: section.number(
                "unauthenticated_per_address_max",
                1024,
                4..=10_000_000,
                "connections",
            ),
            unauthenticated_secs_max: section.number("unauthenticated_secs_max", 60, 5..=3600, "seconds"),
            handshake_secs_max: section.number("handshake_secs_max", 15, 1..=300, "seconds"),
            idle_secs_max: section.number("idle_secs_max", 60, 5..=3600, "seconds"),
            request_bytes_max: section.number::<usize>("request_mib_max", 52, 1..=1024, "MiB") * MIB,
            request_secs_max: section.number("request_secs_max", 900, 5..=86_400, "seconds"),
            request_pause_secs_max: section.number("request_pause_secs_max", 30, 1..=3600, "seconds"),
            answer_secs_max: section.number("answer_secs_max", 1800, 5..=86_400, "seconds"),
            answer_pause_secs_max: section.number("answer_pause_secs_max", 60, 1..=3600, "seconds"),
            memory_bytes_max: section.count("memory_mib_max", 1 << 30, "MiB").map(|mib| mib * MIB),
            message_bytes_max: section.number::<usize>("message_mib_max", 50, 1..=1024, "MiB") * MIB,
            wrong_passwords_max: section.number("wrong_passwords_max", 20, 1..=100_000, "passwords"),
            hashes_at_once: section.number("hashes_at_once", 2, 1..=64, "hashes"),
            devices_per_user_max: section.number("devices_per_user_max", 100, 1..=10_000, "devices"),
            collections_max: section.number("collections_max", 300, 10..=10_000, "collections"),
            quota_bytes: section.count("quota_mib", 1 << 30, "MiB").map(|mib| (mib * MIB) as u64),
            recipients_max: section.number("recipients_max", 1000, 1..=1000, "recipients"),
            messages_per_hour_max: Some(section.number("messages_per_hour_max", 500, 0..=1_000_000, "messages"))
                .filter(|count| *count > 0),
        };
        // Two of the largest requests, what is hashed, and a little for everybody else.
        let least = 2 * limits.request_bytes_max / MIB + 19 * limits.hashes_at_once + 64;
        if limits.memory_bytes_max.is_some_and(|bytes| bytes < least * MIB) {
            let cure = format!("write at least {least}, or 0 for half of the machine's memory");
            section.wrong(
                "memory_mib_max",
                "limits.memory_mib_max is too little for the other limits".to_owned(),
                cure,
            );
        }
        section.finish();
        limits
    }
}

impl Budgets {
    fn read(mut section: Section<'_, '_>) -> Self {
        let mut number = |key, default, most, unit| {
            Some(section.number::<u32>(key, default, 0..=most, unit)).filter(|number| *number > 0)
        };
        let budgets = Self {
            device: Budget {
                requests_per_minute_max: number("device_requests_per_minute_max", 3000, 1_000_000, "requests"),
                work_secs_per_minute_max: number("device_work_secs_per_minute_max", 30, 3600, "seconds"),
                at_once_max: number("device_at_once_max", 9, 1000, "requests"),
            },
            user: Budget {
                requests_per_minute_max: number("user_requests_per_minute_max", 12_000, 1_000_000, "requests"),
                work_secs_per_minute_max: number("user_work_secs_per_minute_max", 60, 3600, "seconds"),
                at_once_max: number("user_at_once_max", 32, 100_000, "requests"),
            },
        };
        section.finish();
        budgets
    }
}

impl Heartbeat {
    fn read(mut section: Section<'_, '_>) -> Self {
        let heartbeat = Self {
            secs_min: section.number("secs_min", 60, 1..=3540, "seconds"),
            secs_max: section.number("secs_max", 3540, 1..=3540, "seconds"),
        };
        if heartbeat.secs_min > heartbeat.secs_max {
            let (least, most) = (heartbeat.secs_min, heartbeat.secs_max);
            section.wrong("secs_min", format!("the shortest ({least}) is above the longest ({most})"), "swap them");
        }
        section.finish();
        heartbeat
    }
}

impl Policy {
    fn read(mut section: Section<'_, '_>) -> Self {
        let required = section.flag("required", false);
        let allow_partial = section.flag("allow_partial", false);
        let mut settings = section.section("settings");
        let read = settings.rest(values::POLICY_SETTINGS.iter().map(|setting| setting.name), |name, value| {
            values::policy_setting(name, value)
        });
        settings.finish();
        section.finish();
        Self { required, allow_partial, settings: read }
    }
}

impl Packs {
    fn read(mut section: Section<'_, '_>, dir: &Path) -> Self {
        let packs = Self {
            dir: section.optional("dir", |text| values::path(text, dir)),
            trusted_keys: section.list("trusted_keys", &[], values::trusted_key),
            allow_unsigned: section.list("allow_unsigned", &[], values::sha256),
            instances_max: section.number("instances_max", 64, 1..=1000, "instances"),
            allow_exempt: section.list("allow_exempt", &[], values::text),
            allow_exempt_devices: section.list("allow_exempt_devices", &[], |text| {
                values::text(text).map(|id| easel_protocol::normal_device_id(&id))
            }),
            allow_exempt_tenants: section.list("allow_exempt_tenants", &[], values::text),
            deny_cloud: section.flag("deny_cloud", false),
            cloud_networks: section.list("cloud_networks", &[], values::network),
            settings: section.list("settings", &[], values::device_setting).into_iter().collect(),
            per_pack: section.named("per_pack", values::pack_id, values::setting_value),
            per_device: section.named("per_device", values::device_id, values::setting_value),
            options: section.named("options", values::pack_id, values::option_value),
        };
        let (count, most) = (packs.cloud_networks.len(), CLOUD_NETWORKS_MAX);
        if count > most {
            // Each request is compared with each of them.
            section.wrong("cloud_networks", format!("{count} networks: at most {most}"), "join them into larger ones");
        }
        section.finish();
        packs
    }
}

impl Log {
    fn read(mut section: Section<'_, '_>) -> Self {
        let log = Self {
            level: section.value("level", "info".to_owned(), values::log_filter),
            format: section.value("format", LogFormat::Text, values::log_format),
        };
        section.finish();
        log
    }
}

impl Metrics {
    fn read(mut section: Section<'_, '_>) -> Self {
        let listen = section.value("listen", None, values::metrics_listen);
        if let Some(address) = listen.filter(|address| !address.ip().is_loopback()) {
            section.warn(
                "listen",
                format!("{address} is reachable from other machines, and metrics are read there without a login"),
                "use a loopback address, or let a firewall decide who reads them",
            );
        }
        section.finish();
        Self { listen }
    }
}

impl Shutdown {
    fn read(mut section: Section<'_, '_>) -> Self {
        let shutdown = Self { grace_secs: section.number("grace_secs", 20, 1..=600, "seconds") };
        section.finish();
        shutdown
    }
}

#[cfg(test)]
mod tests;
