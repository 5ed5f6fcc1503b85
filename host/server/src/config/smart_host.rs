//! `[smart_host]`: where mail for other servers goes.

use std::path::{Path, PathBuf};

use super::reader::Section;
use super::values;

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

impl SmartHost {
    pub(super) fn read(mut section: Section<'_, '_>, dir: &Path) -> Option<Self> {
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
