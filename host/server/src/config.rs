//! The configuration: one TOML file, read whole, every mistake reported with its file, line and cure.
//!
//! [`Config::load`] is the way in. What a key means, its unit and its default stand in `examples/easel.toml`, which a
//! test compares with [`Config::default`]. Relative paths are read from the folder of the file.

mod auto_reply;
mod budgets;
mod direct;
mod heartbeat;
mod limits;
mod listen;
mod lmtp;
mod log;
mod login;
mod metrics;
mod packs;
mod policy;
mod problem;
mod queue;
mod reader;
mod shutdown;
mod smart_host;
mod tls;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub(crate) use budgets::{Budget, Budgets};
pub(crate) use log::{Log, LogFormat};
pub(crate) use packs::{Packs, TrustedKey, Values};
pub(crate) use policy::Policy;
pub(crate) use problem::{ConfigErrors, Problem};
pub(crate) use smart_host::{SmartHost, SmartHostPassword, SmartHostTls};
pub(crate) use values::LmtpListen;

use auto_reply::AutoReply;
use direct::Direct;
use heartbeat::Heartbeat;
use limits::Limits;
use listen::Listen;
use lmtp::Lmtp;
use login::Login;
use metrics::Metrics;
use queue::Queue;
use reader::Source;
use shutdown::Shutdown;
use tls::Tls;

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

#[cfg(test)]
mod tests;
