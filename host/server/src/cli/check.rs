//! `easel check`

mod finding;
mod proxy;
mod trust;
mod wire;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use easel_server::TlsFiles;
use serde_json::json;

use super::error::CliError;
use super::terminal::Terminal;
use crate::admin::{Channel, ChannelError, DEFAULT_TENANT, Ownership, OwnershipError, ServerShown, chain};
use crate::config::{Config, ConfigErrors, LmtpListen, Problem, SmartHostPassword};
use crate::wire_up;

const HELP: &str = "\
Every mistake is named with its file, its line and its cure. The exit code is 0 when the server would start, 1 when it \
would not, 2 when the command line makes no sense. A certificate that has ended, or ends within 30 days, is warned of.

With --proxy the running server is asked through a proxy in front of it: whether the proxy keeps answers or requests \
back, cuts requests that wait, drops headers, refuses large bodies or closes connections; what is wrong comes with the \
directives of nginx, Apache, HAProxy and Caddy that help. No login is needed, and the proxy's certificate is not \
looked at. The exit code is 1 when devices would suffer.

Examples:
  easel --config /srv/easel/easel.toml check --json
  easel --config /srv/easel/easel.toml check --proxy https://mail.example.org";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Looks at the proxy in front instead: where devices reach it.
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Seconds a request is left waiting there: most proxies that cut do so after 60, Apache as Debian sets it up after
    /// 300 (1 to 3540).
    #[arg(long, requires = "proxy", default_value_t = 95, value_parser = clap::value_parser!(u32).range(1..=3540))]
    secs: u32,
    /// The body that has to pass there, in MiB; without it, as much as limits.request_mib_max.
    #[arg(long, requires = "proxy", value_parser = clap::value_parser!(u32).range(1..=1024))]
    mib: Option<u32>,
}

/// What is known of the data.
#[derive(Debug, Default)]
struct Data {
    server: Option<ServerShown>,
    tenants: usize,
    has_default: bool,
    users: usize,
}

pub(super) fn run(arguments: &Arguments, file: &Path, terminal: &mut Terminal) -> Result<(), CliError> {
    if let Some(url) = &arguments.proxy {
        let (config, _) = Config::load(file)?;
        return proxy::run(url, arguments.secs, arguments.mib, &config, terminal);
    }
    let (mut problems, data) = match Config::load(file) {
        Err(ConfigErrors(problems)) => (problems, Data::default()),
        Ok((config, mut problems)) => {
            files(&config, &mut problems);
            let data = data(&config, &mut problems);
            (problems, data)
        }
    };
    problems.sort_by_key(|problem| !problem.is_error());
    let failed = problems.iter().any(Problem::is_error);
    let server = data.server.as_ref();
    let value = json!({
        "ok": !failed,
        "problems": problems,
        "server": server,
        "tenants": data.tenants,
        "users": data.users,
    });
    let mut lines: Vec<String> = problems
        .iter()
        .flat_map(|problem| problem.to_string().lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    if let Some(server) = server {
        let places = server.listening.join(", ");
        let (version, pid, waiting) = (&server.version, server.pid, server.waiting);
        lines.push(format!("easel {version} serves as process {pid}, {waiting} requests wait: {places}"));
    }
    if !failed {
        let (tenants, users) = (data.tenants, data.users);
        lines.push(format!("{}: {users} users in {tenants} tenants, nothing wrong", file.display()));
    }
    terminal.lines(&lines, &value)?;
    if failed { Err(CliError::Found) } else { Ok(()) }
}

/// The files that the configuration names.
fn files(config: &Config, problems: &mut Vec<Problem>) {
    let of_config = |what: String, cure: &str| Problem::of_file(&config.file, what, cure);
    if !config.listen.tls.is_empty() {
        let TlsFiles { certificate, key } = wire_up::tls_files(config);
        let files = TlsFiles { certificate: certificate.clone(), key: key.clone() };
        let cure = format!(
            "put a certificate and its key, in PEM, there; `easel init DIRECTORY --self-signed {}` makes both in \
             another directory, from where to copy them",
            config.hostname
        );
        match files.check() {
            Ok(validity) => {
                if let Some(lapse) = validity.and_then(|validity| validity.lapse(wire_up::now())) {
                    problems.push(Problem::of_file(&certificate, lapse.to_string(), cure).into_warning());
                }
            }
            Err(error) => problems.push(of_config(format!("tls: {}", chain(&error)), &cure)),
        }
        private(&key, problems);
    } else if config.listen.plain.is_empty() && config.listen.proxied.is_empty() {
        problems.push(of_config("listen: no listener at all".to_owned(), "give tls, plain or proxied an address"));
    }
    if let LmtpListen::Unix(path) = &config.lmtp.listen
        && let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.is_dir())
    {
        problems.push(of_config(format!("lmtp.listen: there is no folder {}", parent.display()), "make it"));
    }
    let Some(host) = &config.smart_host else { return };
    match &host.password {
        Some(SmartHostPassword::File(path)) => match wire_up::read_password(path) {
            Ok(_) => private(path, problems),
            Err(error) => {
                let cure = "write the password into its first line";
                problems.push(of_config(format!("smart_host.password_file: {}", chain(&error)), cure));
            }
        },
        Some(SmartHostPassword::Here(_)) => private(&config.file, problems),
        None => {}
    }
    if let Some(Err(error)) = host.ca_file.as_deref().map(wire_up::read_certificates) {
        let cure = "name a file with the certificate of the authority, in PEM";
        problems.push(of_config(format!("smart_host.ca_file: {}", chain(&error)), cure));
    }
}

/// Warns of a secret that others can read.
fn private(path: &Path, problems: &mut Vec<Problem>) {
    let Ok(metadata) = fs::metadata(path) else { return };
    if metadata.permissions().mode() & 0o077 != 0 {
        let mode = metadata.permissions().mode() & 0o777;
        let what = format!("other users may read this secret (mode {mode:04o})");
        problems.push(Problem::of_file(path, what, format!("chmod 600 {}", path.display())).into_warning());
    }
}

/// The data, through whoever owns it.
fn data(config: &Config, problems: &mut Vec<Problem>) -> Data {
    let of_data = |what: String, cure: &str| Problem::of_file(&config.data_dir, what, cure);
    let mut channel = match Channel::connect(config) {
        Ok(Some(channel)) => channel,
        Ok(None) => match open(config) {
            Ok(channel) => channel,
            Err(problem) => {
                problems.push(problem);
                return Data::default();
            }
        },
        Err(error) => {
            problems.push(of_data(chain(&error), ""));
            return Data::default();
        }
    };
    if fs::metadata(&config.data_dir).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0) {
        let cure = format!("chmod 700 {}", config.data_dir.display());
        problems.push(of_data("other users may enter the data directory".to_owned(), &cure).into_warning());
    }
    match look(&mut channel) {
        Ok(data) => {
            if !data.has_default {
                let what = format!("there is no tenant {DEFAULT_TENANT}: nobody can log in without @");
                let cure = format!("easel tenant add {DEFAULT_TENANT}");
                problems.push(of_data(what, &cure).into_warning());
            }
            data
        }
        Err(error) => {
            problems.push(of_data(chain(&error), ""));
            Data::default()
        }
    }
}

fn open(config: &Config) -> Result<Channel, Problem> {
    let problem = |what: String| Problem::of_file(&config.data_dir, what, "");
    let ownership = match Ownership::take(&config.data_dir, "check", Duration::from_secs(5)) {
        Ok(ownership) => ownership,
        // What another verb does at the moment is no mistake, but nothing can be told of the data.
        Err(taken @ OwnershipError::Taken { .. }) => return Err(problem(taken.to_string()).into_warning()),
        Err(error) => return Err(problem(chain(&error))),
    };
    let opened = wire_up::open_store(config).map_err(|error| problem(chain(&error)))?;
    Ok(Channel::here(config, ownership, opened))
}

fn look(channel: &mut Channel) -> Result<Data, ChannelError> {
    let (server, tenants) = (channel.status()?, channel.tenants()?);
    Ok(Data {
        server,
        has_default: tenants.iter().any(|tenant| tenant.name == DEFAULT_TENANT),
        tenants: tenants.len(),
        users: channel.users(None)?.len(),
    })
}
