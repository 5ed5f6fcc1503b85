//! What every handler works with, and how it says no.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use easel_commands::{Service, Settings};
use easel_plugin::NoPlugin;
use easel_server::{Clock, Logins, Running};
use easel_store::{Store, StoreError, Tenant, User, UserId};
use jiff::Timestamp;

use super::{LoginName, Reply, ServerShown};
use crate::config::Config;
use crate::packs::PackRoom;

/// Where requests are carried out.
pub(crate) struct Office {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Puts back what packs withheld. What an administrator puts back is seen by no pack.
    pub(crate) service: Service,
    /// The server this is in, if it is in one.
    pub(crate) server: Option<Serving>,
    /// The packs; opened when they are first asked for where no server runs.
    packs: OnceLock<Arc<PackRoom>>,
    config: Config,
    /// Bytes of one message or object taken in.
    pub(crate) message_bytes_max: usize,
    /// What a mailbox without own quota may hold.
    pub(super) quota_bytes: Option<u64>,
}

impl fmt::Debug for Office {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Office").finish_non_exhaustive()
    }
}

/// A server that runs in this process.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) logins: Arc<Logins>,
    pub(crate) running: Arc<Running>,
    /// Where it listens, for people.
    pub(crate) listening: Vec<String>,
}

/// Why a request is not carried out: a sentence for the administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) String);

impl Refusal {
    /// Something that is not there, with the name nearest to it.
    pub(super) fn no_such<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str>, cure: &str) -> Self {
        let likeness = |other: &str| strsim::jaro_winkler(name, other);
        let near = names.filter(|other| likeness(other) >= 0.8).max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let hint = near.map_or_else(|| cure.to_owned(), |near| format!("did you mean {near:?}?"));
        Self(format!("there is no {what} {name:?}: {hint}"))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self(chain(&error))
    }
}

/// An error with everything that caused it.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl Office {
    /// Works on a store that this process owns.
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, config: &Config) -> Self {
        let now = Arc::clone(&clock);
        let now = Arc::new(move || now.now());
        // What an administrator restores is not shown to packs.
        let settings = Settings {
            quota: config.limits.quota_bytes,
            recipients_max: config.limits.recipients_max,
            messages_per_hour_max: config.limits.messages_per_hour_max,
            ..Settings::default()
        };
        let service = Service::new(Arc::clone(&store), Arc::new(NoPlugin), settings, now);
        let message_bytes_max = config.limits.message_bytes_max;
        let quota_bytes = config.limits.quota_bytes;
        let config = config.clone();
        Self { store, clock, service, server: None, packs: OnceLock::new(), config, message_bytes_max, quota_bytes }
    }

    /// The same in a server.
    #[must_use]
    pub(crate) fn in_server(self, server: Serving) -> Self {
        Self { server: Some(server), ..self }
    }

    /// The same with packs that serve already.
    #[must_use]
    pub(crate) fn with_packs(self, packs: Arc<PackRoom>) -> Self {
        Self { packs: OnceLock::from(packs), ..self }
    }

    /// The packs of this server.
    pub(super) fn packs(&self) -> Result<&Arc<PackRoom>, Refusal> {
        if let Some(packs) = self.packs.get() {
            return Ok(packs);
        }
        let room = PackRoom::open(&self.config, Arc::clone(&self.store)).map_err(|error| Refusal(chain(&error)))?;
        Ok(self.packs.get_or_init(|| Arc::new(room)))
    }

    pub(super) fn status(&self) -> Reply {
        let server = self.server.as_ref().map(|serving| ServerShown {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            listening: serving.listening.clone(),
            waiting: serving.running.parked(),
        });
        Reply::Status { server }
    }

    /// Only a server can be asked through a proxy.
    pub(super) fn open_probe(&self, secs: u32) -> Result<Reply, Refusal> {
        let Some(serving) = &self.server else {
            let cure = "no server runs on the data directory, so none can be asked through the proxy: start it first";
            return Err(Refusal(cure.to_owned()));
        };
        Ok(Reply::Probe { token: serving.running.open_probe(Duration::from_secs(secs.into())) })
    }

    /// The bytes that a user's mailbox may hold, if they are bounded.
    pub(crate) fn bytes_max(&self, user: &User) -> Option<u64> {
        user.quota.or(self.quota_bytes).filter(|bytes| *bytes > 0)
    }

    /// Logins that the server remembers end with the password they were made with.
    pub(super) fn end_logins(&self, user: UserId) {
        if let Some(serving) = &self.server {
            serving.logins.invalidate(user);
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn tenant(&self, name: &str) -> Result<Tenant, Refusal> {
        if let Some(tenant) = self.store.tenant(name)? {
            return Ok(tenant);
        }
        let tenants = self.store.tenants()?;
        let names = tenants.iter().map(|tenant| tenant.name.as_str());
        Err(Refusal::no_such("tenant", name, names, "`easel tenant add` makes one, `easel tenant list` shows them"))
    }

    pub(crate) fn user(&self, login: &LoginName) -> Result<User, Refusal> {
        let tenant = self.tenant(&login.tenant)?;
        if let Some(user) = self.store.user_by_name(tenant.id, &login.name)? {
            return Ok(user);
        }
        let users = self.store.users(tenant.id)?;
        let names: Vec<String> = users.iter().map(|user| format!("{}@{}", user.name, tenant.name)).collect();
        let names = names.iter().map(String::as_str);
        Err(Refusal::no_such("user", &login.to_string(), names, "`easel user list` shows those there are"))
    }
}
