//! What single values may be. Each function returns the value, or what it should be.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use easel_plugin::{Value, settings};
use easel_server::Network;
use toml::Spanned;
use toml::de::DeValue;
use tracing_subscriber::EnvFilter;

use super::reader::{Mistake, Refused, integer};
use super::{LogFormat, SmartHostTls, TrustedKey};

/// Where LMTP is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LmtpListen {
    /// On a loopback address.
    Tcp(SocketAddr),
    /// Nowhere.
    Off,
    /// On a Unix socket.
    Unix(PathBuf),
}

/// `192.0.2.1:443`, `[::]:443`.
pub(super) fn public_address(text: &str) -> Result<SocketAddr, Refused> {
    text.parse().map_err(|_| "write address and port: \"192.0.2.1:443\", or \"[::]:443\" for every address".to_owned())
}

/// An address, or a port alone, which means loopback.
pub(super) fn plain_address(text: &str) -> Result<SocketAddr, Refused> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| "write a port, which means 127.0.0.1, or address and port: \"127.0.0.1:8080\"".to_owned())
}

/// An address as of [`plain_address`], or nowhere.
pub(super) fn metrics_listen(text: &str) -> Result<Option<SocketAddr>, Refused> {
    if text == "off" {
        return Ok(None);
    }
    let address = plain_address(text).map_err(|cure| format!("write \"off\"; or {}", cure.replacen("write ", "", 1)));
    address.map(Some)
}

/// A path; a relative one is read from `dir`.
pub(super) fn path(text: &str, dir: &Path) -> Result<PathBuf, Refused> {
    if text.is_empty() || text.contains('\0') {
        return Err("write a path".to_owned());
    }
    Ok(dir.join(text))
}

/// `off`, a loopback address, or a path.
pub(super) fn lmtp_listen(text: &str, dir: &Path) -> Result<LmtpListen, Refused> {
    if text == "off" {
        return Ok(LmtpListen::Off);
    }
    let looks_like_address =
        !text.contains('/') && text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(LmtpListen::Tcp(address)),
        Ok(_) => Err("LMTP has no login: use a loopback address such as \"127.0.0.1:2424\", or a path".to_owned()),
        Err(_) if looks_like_address => Err("write a number address: \"127.0.0.1:2424\", or a path".to_owned()),
        Err(_) => path(text, dir).map(LmtpListen::Unix),
    }
}

/// A name of this server.
pub(super) fn host_name(text: &str) -> Result<String, Refused> {
    let label =
        |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if text.len() <= 253 && text.split('.').all(label) {
        return Ok(text.to_owned());
    }
    Err("write a name such as \"mail.example.org\"; one with other letters in its xn-- form".to_owned())
}

/// A sign, or nothing.
pub(super) fn delimiter(text: &str) -> Result<Option<char>, Refused> {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (None, _) => Ok(None),
        (Some(sign), None) if sign.is_ascii_punctuation() && !"@<>\"\\,;:".contains(sign) => Ok(Some(sign)),
        (Some(_), _) => Err("write one sign, such as \"+\", or \"\" for none".to_owned()),
    }
}

/// Permissions in octal.
pub(super) fn mode(text: &str) -> Result<u32, Refused> {
    u32::from_str_radix(text, 8)
        .ok()
        .filter(|mode| *mode <= 0o777 && *mode & 0o600 == 0o600)
        .ok_or_else(|| "write octal permissions that let the owner read and write: \"0660\"".to_owned())
}

/// `host:port`
pub(super) fn host_and_port(text: &str) -> Result<(String, u16), Refused> {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, ""));
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let named =
        !host.is_empty() && host.len() <= 253 && host.chars().all(|c| c.is_alphanumeric() || ".-:_".contains(c));
    match port.parse() {
        Ok(port) if named && port != 0 => Ok((host.to_owned(), port)),
        Ok(_) | Err(_) => Err("write name and port: \"smtp.example.org:587\"".to_owned()),
    }
}

/// Whether a host is this machine.
pub(super) fn is_loopback_host(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Text on one line.
pub(super) fn text(text: &str) -> Result<String, Refused> {
    if text.is_empty() || text.len() > 1000 || text.chars().any(char::is_control) {
        return Err("write a text on one line, at most 1000 bytes".to_owned());
    }
    Ok(text.to_owned())
}

pub(super) fn smart_host_tls(text: &str) -> Result<SmartHostTls, Refused> {
    match text {
        "none" => Ok(SmartHostTls::None),
        "starttls" => Ok(SmartHostTls::Starttls),
        "tls" => Ok(SmartHostTls::Tls),
        _ => {
            Err("write \"starttls\" (port 587), \"tls\" (port 465), or \"none\" for a host on this machine".to_owned())
        }
    }
}

/// The address of a name server; its port is 53 if none is given.
pub(super) fn name_server(text: &str) -> Result<SocketAddr, Refused> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, 53));
    }
    text.parse().map_err(|_| "write an address: \"192.0.2.53\", or with a port \"127.0.0.1:5353\"".to_owned())
}

/// A level or directives.
pub(super) fn log_filter(text: &str) -> Result<String, Refused> {
    let cure =
        || "write error, warn, info, debug or trace, or directives such as \"info,easel_delivery=debug\"".to_owned();
    // A single word that is no level would be read as the name of a module.
    let levels = ["error", "warn", "info", "debug", "trace", "off"];
    if !text.contains('=') && !text.split(',').all(|word| levels.contains(&word.trim())) {
        return Err(cure());
    }
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|_| cure())
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, Refused> {
    match text {
        "json" => Ok(LogFormat::Json),
        "text" => Ok(LogFormat::Text),
        _ => Err("write \"text\" or \"json\"".to_owned()),
    }
}

/// One element of EASProvisionDoc that a policy may set.
#[derive(Debug)]
pub(super) struct PolicySetting {
    pub(super) name: &'static str,
    range: RangeInclusive<i64>,
    /// Whether empty text, "no limit", is a value.
    may_be_empty: bool,
}

const fn setting(name: &'static str, range: RangeInclusive<i64>) -> PolicySetting {
    PolicySetting { name, range, may_be_empty: false }
}

const fn limit(name: &'static str, range: RangeInclusive<i64>) -> PolicySetting {
    PolicySetting { name, range, may_be_empty: true }
}

const UINT: i64 = u32::MAX as i64;
const INT: i64 = i32::MAX as i64;

/// MS-ASPROV 2.2.2.28 "EASProvisionDoc": the settings with a single value, in the schema's order.
pub(super) const POLICY_SETTINGS: &[PolicySetting] = &[
    setting("DevicePasswordEnabled", 0..=1),
    setting("AlphanumericDevicePasswordRequired", 0..=1),
    setting("PasswordRecoveryEnabled", 0..=1),
    setting("RequireStorageCardEncryption", 0..=1),
    setting("AttachmentsEnabled", 0..=1),
    limit("MinDevicePasswordLength", 1..=16),
    limit("MaxInactivityTimeDeviceLock", 0..=UINT),
    limit("MaxDevicePasswordFailedAttempts", 4..=16),
    limit("MaxAttachmentSize", 0..=UINT),
    setting("AllowSimpleDevicePassword", 0..=1),
    limit("DevicePasswordExpiration", 0..=UINT),
    setting("DevicePasswordHistory", 0..=UINT),
    setting("AllowStorageCard", 0..=1),
    setting("AllowCamera", 0..=1),
    setting("RequireDeviceEncryption", 0..=1),
    setting("AllowUnsignedApplications", 0..=1),
    setting("AllowUnsignedInstallationPackages", 0..=1),
    setting("MinDevicePasswordComplexCharacters", 1..=4),
    setting("AllowWiFi", 0..=1),
    setting("AllowTextMessaging", 0..=1),
    setting("AllowPOPIMAPEmail", 0..=1),
    setting("AllowBluetooth", 0..=2),
    setting("AllowIrDA", 0..=1),
    setting("RequireManualSyncWhenRoaming", 0..=1),
    setting("AllowDesktopSync", 0..=1),
    setting("MaxCalendarAgeFilter", 0..=7),
    setting("AllowHTMLEmail", 0..=1),
    setting("MaxEmailAgeFilter", 0..=5),
    setting("MaxEmailBodyTruncationSize", -1..=INT),
    setting("MaxEmailHTMLBodyTruncationSize", -1..=INT),
    setting("RequireSignedSMIMEMessages", 0..=1),
    setting("RequireEncryptedSMIMEMessages", 0..=1),
    setting("RequireSignedSMIMEAlgorithm", 0..=1),
    setting("RequireEncryptionSMIMEAlgorithm", 0..=4),
    setting("AllowSMIMEEncryptionAlgorithmNegotiation", 0..=2),
    setting("AllowSMIMESoftCerts", 0..=1),
    setting("AllowBrowser", 0..=1),
    setting("AllowConsumerEmail", 0..=1),
    setting("AllowRemoteDesktop", 0..=1),
    setting("AllowInternetSharing", 0..=1),
];

/// A public key and the packs it may sign, one after the other.
pub(super) fn trusted_key(text: &str) -> Result<TrustedKey, Refused> {
    let cure = || "write the key and the packs it may sign: \"RWQ... nokia-mfe windows-mobile\"".to_owned();
    let mut words = text.split_whitespace();
    let key = words.next().ok_or_else(cure)?.to_owned();
    let packs: Vec<String> = words.map(ToOwned::to_owned).collect();
    easel_plugin_wasm::TrustedKey::new(&key, packs.clone()).map_err(|error| format!("{error}; {}", cure()))?;
    Ok(TrustedKey { key, packs })
}

/// The SHA-256 of a file.
pub(super) fn sha256(text: &str) -> Result<[u8; 32], Refused> {
    let digit = |at: usize| text.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    let bytes: Option<Vec<u8>> = (0..32).map(|at| digit(2 * at)).collect();
    let whole = bytes.filter(|_| text.len() == 64 && text.is_ascii()).and_then(|bytes| bytes.try_into().ok());
    whole.ok_or_else(|| "write the 64 hexadecimal digits that `sha256sum` prints".to_owned())
}

/// A setting of devices: `group.field=value`, a list with commas.
pub(super) fn device_setting(text: &str) -> Result<(String, Value), Refused> {
    let cure = || "write \"group.field=value\", as in \"sync.window_max=50\"".to_owned();
    let (name, value) = text.split_once('=').ok_or_else(cure)?;
    let (name, value) = (name.trim(), value.trim());
    let setting = settings::find(name).ok_or_else(|| near_setting(name).unwrap_or_else(cure))?;
    let value = match setting.default.value() {
        Value::Flag(_) => match value {
            "true" => Value::Flag(true),
            "false" => Value::Flag(false),
            _ => return Err(format!("write {name}=true or {name}=false")),
        },
        Value::Number(_) => Value::Number(value.parse().map_err(|_| format!("{name} is {}", setting.expected))?),
        Value::Text(_) => Value::Text(value.to_owned()),
        Value::Texts(_) => {
            let texts = value.split(',').map(str::trim).filter(|text| !text.is_empty());
            Value::Texts(texts.map(ToOwned::to_owned).collect())
        }
    };
    setting.check(&value).map_err(|_| format!("{name} is {}", setting.expected))?;
    Ok((name.to_owned(), value))
}

/// The setting whose name looks most like another, asked for.
fn near_setting(name: &str) -> Option<String> {
    let names: Vec<&str> = settings::TABLE.iter().map(|setting| setting.name).collect();
    super::reader::nearest(name, &names).map(|near| format!("did you mean {near:?}?"))
}

/// The value of a setting, under its name.
pub(super) fn setting_value(name: &str, value: &DeValue<'_>) -> Result<Value, Mistake> {
    let Some(setting) = settings::find(name) else {
        let all = || "a setting is written group.field, as in sync.window_max = 50".to_owned();
        return Err(Mistake::Name(near_setting(name).unwrap_or_else(all)));
    };
    let wrong = || {
        let form = match setting.default.value() {
            Value::Flag(_) => "true or false",
            Value::Number(_) => "a number without quotes",
            Value::Text(_) => "a text in quotes",
            Value::Texts(_) => "a list, [\"one\", \"two\"]",
        };
        Mistake::Value(format!("write {form}: {name} is {}", setting.expected))
    };
    let value = any_value(value).ok_or_else(wrong)?;
    setting.check(&value).map_err(|_| wrong())?;
    Ok(value)
}

/// An option of a pack, whose names and types only the pack knows.
pub(super) fn option_value(name: &str, value: &DeValue<'_>) -> Result<Value, Mistake> {
    if name.len() > 100 || name.chars().any(char::is_control) {
        return Err(Mistake::Name("a name has at most 100 bytes and no control characters".to_owned()));
    }
    let cure = "write true or false, a whole number, a text in quotes, or a list of texts";
    any_value(value).ok_or_else(|| Mistake::Value(cure.to_owned()))
}

fn any_value(value: &DeValue<'_>) -> Option<Value> {
    if let Some(flag) = value.as_bool() {
        return Some(Value::Flag(flag));
    }
    if let Some(text) = value.as_str() {
        return Some(Value::Text(text.to_owned()));
    }
    if let DeValue::Array(array) = value {
        let text = |one: &Spanned<DeValue<'_>>| one.get_ref().as_str().map(ToOwned::to_owned);
        return array.iter().map(text).collect::<Option<_>>().map(Value::Texts);
    }
    integer(value).map(Value::Number)
}

/// The id of a pack.
pub(super) fn pack_id(text: &str) -> Result<String, Refused> {
    let fits = (1..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let cure = || "write the id of a pack, 1 to 40 of a-z, 0-9 and hyphens, as `easel pack list` shows it".to_owned();
    if fits { Ok(text.to_owned()) } else { Err(cure()) }
}

/// The id of a device, in its normal spelling.
pub(super) fn device_id(text: &str) -> Result<String, Refused> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let cure = || "write a DeviceId, 1 to 64 letters, digits and signs, as `easel device list` shows it".to_owned();
    if fits { Ok(easel_protocol::normal_device_id(text)) } else { Err(cure()) }
}

/// A network: `192.0.2.0/24`.
pub(super) fn network(text: &str) -> Result<Network, Refused> {
    text.parse().map_err(|_| {
        "write a network whose other bits are 0, \"192.0.2.0/24\" or \"2001:db8::/32\", or one address".to_owned()
    })
}

/// The text of a policy element.
pub(super) fn policy_setting(name: &str, value: &str) -> Result<String, Refused> {
    let setting = POLICY_SETTINGS.iter().find(|setting| setting.name == name).expect("only these names are asked for");
    if value.is_empty() && setting.may_be_empty {
        return Ok(String::new());
    }
    let fits = value.parse::<i64>().is_ok_and(|number| setting.range.contains(&number));
    // MS-ASPROV 2.2.2.33 "MaxCalendarAgeFilter": 1 to 3 are filters of mail.
    let fits = fits && !(name == "MaxCalendarAgeFilter" && matches!(value, "1" | "2" | "3"));
    let or_empty = if setting.may_be_empty { ", or \"\" for no limit" } else { "" };
    let cure = || format!("write a whole number, {} to {}{or_empty}", setting.range.start(), setting.range.end());
    if fits { Ok(value.to_owned()) } else { Err(cure()) }
}
