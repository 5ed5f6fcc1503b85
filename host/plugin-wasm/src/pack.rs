//! A loaded pack.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use easel_plugin::Hook;
use easel_plugin::hooks::PackVersion;
use wasmtime::component::InstancePre;

use crate::faults::Faults;
use crate::guest::{Guest, Teller, store};
use crate::stats::Counters;
use crate::v0_1::{Code, Exports, Failed};
use crate::{Clock, Manifest, PackLog, Sandbox, Signed};

/// A guide for owners of a device, in Markdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guide {
    /// `nokia-n97`.
    pub device: String,
    /// `fr`.
    pub language: String,
    /// With `{server}`, `{address}` and the like to be filled in.
    pub text: String,
}

/// A pack, verified, compiled and tested.
pub struct Pack {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) pre: InstancePre<Guest>,
    pub(crate) exports: Exports,
    pub(crate) manifest: Manifest,
    pub(crate) version: PackVersion,
    pub(crate) hash: [u8; 32],
    pub(crate) signed: Signed,
    pub(crate) guides: BTreeMap<(String, String), String>,
    pub(crate) fixtures: usize,
    pub(crate) untested: Vec<(String, String)>,
    pub(crate) from_cache: bool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: Arc<PackLog>,
    pub(crate) counters: Counters,
    pub(crate) faults: Faults,
}

impl fmt::Debug for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.version.id, self.version.version)
    }
}

impl Pack {
    /// What it says of itself.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its id and version.
    pub const fn version(&self) -> &PackVersion {
        &self.version
    }

    /// SHA-256 of its file.
    pub const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// How it is signed.
    pub const fn signed(&self) -> &Signed {
        &self.signed
    }

    /// Its guides, by device and language.
    pub fn guides(&self) -> Vec<Guide> {
        let guide = |((device, language), text): (&(String, String), &String)| Guide {
            device: device.clone(),
            language: language.clone(),
            text: text.clone(),
        };
        self.guides.iter().map(guide).collect()
    }

    /// The names of the interfaces it exports.
    pub fn interfaces(&self) -> Vec<&'static str> {
        self.exports.names()
    }

    /// How many fixtures it passed.
    pub const fn fixtures(&self) -> usize {
        self.fixtures
    }

    /// Fixtures that were not run, and the setting of each that this server does not have.
    pub fn untested(&self) -> &[(String, String)] {
        &self.untested
    }

    /// Whether it came out of the cache of compiled packs.
    pub const fn is_from_cache(&self) -> bool {
        self.from_cache
    }

    pub(crate) fn teller(&self, device: &str) -> Teller {
        Teller {
            log: Arc::clone(&self.log),
            pack: self.version.id.clone(),
            version: self.version.version.clone(),
            device: device.to_owned(),
        }
    }

    /// A fresh instance in a Store of its own.
    pub(crate) fn instance(&self, device: &str) -> Result<Code, Failed> {
        Code::new(store(&self.sandbox, self.teller(device)), &self.pre)
    }

    /// Tells of a fault, once, and counts it. Gives how long the pack is set aside because of it.
    pub(crate) fn fault(
        &self,
        device: &str,
        hook: &'static str,
        item: Option<u64>,
        error: &dyn fmt::Display,
        instead: &'static str,
    ) -> Option<std::time::Duration> {
        let error = error.to_string();
        self.counters.fault(&error);
        let aside = self.faults.note(item);
        let PackVersion { id, version } = &self.version;
        match aside {
            None => tracing::warn!(plugin = id, version, device, hook, error, instead, "a pack failed"),
            Some(aside) => {
                let minutes = aside.as_secs() / 60;
                tracing::error!(
                    plugin = id,
                    version,
                    device,
                    hook,
                    error,
                    instead,
                    minutes,
                    "a pack failed too often and is set aside"
                );
            }
        }
        aside
    }

    /// Whether it has code for a hook, and asked for it.
    pub(crate) fn answers(&self, hook: Hook) -> bool {
        self.exports.answers(hook)
            && match hook {
                Hook::Items => !self.manifest.items.is_empty(),
                Hook::Wire => !self.manifest.commands.is_empty(),
                Hook::FolderChange | Hook::Mail | Hook::Meeting | Hook::Recover => true,
            }
    }
}
