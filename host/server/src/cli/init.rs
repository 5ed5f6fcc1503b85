//! `easel init`

use std::fs::OpenOptions;
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use easel_server::{Clock, SystemClock};
use jiff::{ToSpan, Zoned, tz::TimeZone};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use serde_json::json;

use super::error::CliError;
use super::terminal::Terminal;
use crate::admin::{Channel, DEFAULT_TENANT, Ownership, Request};
use crate::config::Config;
use crate::{certain, wire_up};

/// The configuration a new directory gets.
const TEMPLATE: &str = include_str!("../../../../examples/easel.toml");

/// Days a self-signed certificate is good for: iOS takes no longer ones.
const CERTIFICATE_DAYS: i64 = 820;

const HELP: &str = "\
Examples:
  easel init /srv/easel --self-signed mail.example.org
  easel init /srv/easel --hostname mail.example.org --listen 0.0.0.0:8443
  easel init . --self-signed localhost --listen 127.0.0.1:8443";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Where; it is made. The configuration lies in it, and the data below it.
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// Makes a certificate for this name or address, signed by nobody; may be repeated. Phones ask before they trust it.
    #[arg(long, value_name = "NAME")]
    self_signed: Vec<String>,
    /// The name of the server in the DNS [default: the first name of the certificate].
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Where to listen for TLS, such as 0.0.0.0:8443; may be repeated [default: port 443 of every address].
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// Where to listen without TLS: a port of 127.0.0.1, or an address; may be repeated.
    #[arg(long, value_name = "PORT")]
    plain: Vec<String>,
}

pub(super) fn run(arguments: &Arguments, terminal: &mut Terminal) -> Result<(), CliError> {
    let dir = &arguments.directory;
    let file = dir.join("easel.toml");
    if file.exists() {
        return Err(CliError::Said(format!("{} is there already: nothing was changed", file.display())));
    }
    let text = configuration(arguments);
    let (config, problems) = Config::read(&file, &text);
    if let Some(problem) = problems.iter().find(|problem| problem.is_error()) {
        return Err(CliError::Said(format!("{}; {}", problem.what, problem.cure)));
    }
    certain::make_dirs(dir, 0o777).map_err(CliError::file("make", dir))?;
    Ownership::make_directory(&config.data_dir).map_err(CliError::file("make", &config.data_dir))?;
    if !arguments.self_signed.is_empty() {
        make_certificate(&arguments.self_signed, &config)?;
    }
    add_default_tenant(&config)?;
    // The configuration comes last: as long as it is not there, everything may be tried again.
    write_new(&file, text.as_bytes(), 0o644)?;
    for problem in &problems {
        terminal.note(&problem.to_string());
    }
    let value = json!({
        "config": file,
        "data": config.data_dir,
        "certificate": (!arguments.self_signed.is_empty()).then_some(&config.tls.certificate),
    });
    terminal.lines(&next_steps(arguments, &config), &value)
}

/// The template with what was given in the place of its defaults.
fn configuration(arguments: &Arguments) -> String {
    let hostname = arguments.hostname.as_ref().or(arguments.self_signed.first());
    let hostname = hostname.filter(|name| name.parse::<IpAddr>().is_err());
    let list = |values: &[String]| {
        let quoted: Vec<String> = values.iter().map(|value| quoted(value)).collect();
        (!values.is_empty()).then(|| format!("[{}]", quoted.join(", ")))
    };
    let tls = if arguments.listen.is_empty() && arguments.self_signed.is_empty() && !arguments.plain.is_empty() {
        Some("[]".to_owned())
    } else {
        list(&arguments.listen)
    };
    let given = [("hostname", hostname.map(|name| quoted(name))), ("tls", tls), ("plain", list(&arguments.plain))];
    let mut text = String::new();
    for line in TEMPLATE.lines() {
        let key = line.split(" = ").next().unwrap_or_default();
        match given.iter().find(|(name, value)| *name == key && value.is_some()) {
            Some((name, Some(value))) => text.push_str(&format!("{name} = {value}")),
            Some((_, None)) | None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn make_certificate(names: &[String], config: &Config) -> Result<(), CliError> {
    let failed = |error: rcgen::Error| CliError::Said(format!("the certificate cannot be made: {error}"));
    let mut params = CertificateParams::new(names.to_vec()).map_err(failed)?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, names[0].as_str());
    params.distinguished_name = name;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = SystemClock.now().to_zoned(TimeZone::UTC);
    let date = |at: Zoned| {
        let day = |number: i8| u8::try_from(number).expect("months and days are positive");
        rcgen::date_time_ymd(i32::from(at.year()), day(at.month()), day(at.day()))
    };
    let shifted = |days: i64| now.checked_add(days.days()).expect("the clock stands far from the end of time");
    params.not_before = date(shifted(-1));
    params.not_after = date(shifted(CERTIFICATE_DAYS));
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.self_signed(&key).map_err(failed)?;
    write_new(&config.tls.key, key.serialize_pem().as_bytes(), 0o600)?;
    write_new(&config.tls.certificate, certificate.pem().as_bytes(), 0o644)
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CliError> {
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(CliError::file("make", path))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| certain::sync_name(path));
    written.map_err(CliError::file("write", path))
}

fn add_default_tenant(config: &Config) -> Result<(), CliError> {
    let ownership = Ownership::take(&config.data_dir, "init", Duration::ZERO)?;
    let mut channel = Channel::here(config, ownership, wire_up::open_store(config)?);
    if channel.tenants()?.iter().any(|tenant| tenant.name == DEFAULT_TENANT) {
        return Ok(());
    }
    Ok(channel.order(Request::TenantAdd { name: DEFAULT_TENANT.to_owned() }, &[])?)
}

fn next_steps(arguments: &Arguments, config: &Config) -> Vec<String> {
    let file = config.file.display().to_string();
    let easel = if file.starts_with('/') { format!("easel --config {file}") } else { "easel".to_owned() };
    let at = if file.starts_with('/') || file == "easel.toml" || file == "./easel.toml" {
        None
    } else {
        Some(format!("  cd {}", arguments.directory.display()))
    };
    let mut lines = vec![
        format!("Made {file} and the data directory {}.", config.data_dir.display()),
        String::new(),
        "Next:".to_owned(),
    ];
    lines.extend(at);
    if !config.listen.tls.is_empty() && arguments.self_signed.is_empty() {
        let (certificate, key) = (config.tls.certificate.display(), config.tls.key.display());
        lines.push(format!("  put the server's certificate into {certificate} and its key into {key}"));
    }
    lines.push(format!("  {easel} user add anna --address anna@example.org --random"));
    lines.push(format!("  {easel} import anna ~/Maildir"));
    lines.push(format!("  {easel} check"));
    lines.push(format!("  {easel} serve"));
    lines.push(String::new());
    lines.push(format!(
        "On the phone: an Exchange account with server {}, user anna, domain {DEFAULT_TENANT}.",
        config.hostname
    ));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments() -> Arguments {
        Arguments {
            directory: PathBuf::from("/srv/easel"),
            self_signed: Vec::new(),
            hostname: None,
            listen: Vec::new(),
            plain: Vec::new(),
        }
    }

    fn made(arguments: &Arguments) -> Config {
        let (config, problems) = Config::read(Path::new("/srv/easel/easel.toml"), &configuration(arguments));
        assert_eq!(problems, []);
        config
    }

    #[test]
    fn what_is_given_takes_the_place_of_the_defaults() {
        let config = made(&Arguments {
            self_signed: vec!["mail.example.org".to_owned()],
            listen: vec!["0.0.0.0:8443".to_owned(), "[::1]:8443".to_owned()],
            plain: vec!["8080".to_owned()],
            ..arguments()
        });
        assert_eq!(config.hostname, "mail.example.org");
        assert_eq!(config.listen.tls.len(), 2);
        assert_eq!(config.listen.plain, ["127.0.0.1:8080".parse().unwrap()]);
    }

    #[test]
    fn plain_alone_needs_no_certificate() {
        assert!(made(&Arguments { plain: vec!["8080".to_owned()], ..arguments() }).listen.tls.is_empty());
        assert!(!made(&arguments()).listen.tls.is_empty());
    }

    #[test]
    fn a_value_cannot_leave_its_quotes() {
        let text = configuration(&Arguments { hostname: Some("x\"\n[lmtp]\nlisten = \"y".to_owned()), ..arguments() });
        let (_, problems) = Config::read(Path::new("easel.toml"), &text);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].what.starts_with("hostname cannot be"), "{}", problems[0]);
    }
}
