//! Version 0.1 of the contract: its bindings, and its words as the host's.
//!
//! The rest of this room speaks the host's words only. A further version gets a folder beside this one.

mod ask;
mod said;
mod shown;

use wasmtime::Store;
use wasmtime::component::{Component, Instance, InstancePre};

use crate::guest::Guest;
use bindings::exports::easel::plugin as exports;

pub(crate) use ask::{Code, Failed};
pub(crate) use said::{Declared, RawManifest, RawMatcher, RawWanted, known};
pub(crate) use shown::Options;

/// The bindings as wasmtime makes them.
#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    unnameable_types,
    dead_code,
    clippy::all,
    clippy::use_self,
    clippy::wildcard_enum_match_arm,
    clippy::allow_attributes_without_reason,
    reason = "generated"
)]
pub(crate) mod bindings {
    wasmtime::component::bindgen!({ path: "../../wit", world: "every-hook" });
}

/// The package as names of imports and exports have it.
pub(crate) const PACKAGE: &str = "easel:plugin";
/// The first numbers of its version, that this module speaks.
pub(crate) const SERIES: (u64, u64) = (0, 1);

/// Where the functions of a component are; looked for once, at load.
pub(crate) struct Exports {
    describe: exports::describe::GuestIndices,
    profile: Option<exports::profile::GuestIndices>,
    items: Option<exports::items::GuestIndices>,
    mail: Option<exports::mail::GuestIndices>,
    folder_change: Option<exports::folder_change::GuestIndices>,
    meeting: Option<exports::meeting::GuestIndices>,
    recover: Option<exports::recover::GuestIndices>,
    wire: Option<exports::wire::GuestIndices>,
}

impl std::fmt::Debug for Exports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Exports {
    /// Looks every interface up; what is there must be as the contract has it.
    pub(crate) fn find(component: &Component, pre: &InstancePre<Guest>) -> wasmtime::Result<Self> {
        let there = |name: &str| component.get_export_index(None, format!("{PACKAGE}/{name}@0.1.0")).is_some();
        macro_rules! find {
            ($name:literal, $interface:ident) => {
                if there($name) { Some(exports::$interface::GuestIndices::new(pre)?) } else { None }
            };
        }
        Ok(Self {
            describe: exports::describe::GuestIndices::new(pre)?,
            profile: find!("profile", profile),
            items: find!("items", items),
            mail: find!("mail", mail),
            folder_change: find!("folder-change", folder_change),
            meeting: find!("meeting", meeting),
            recover: find!("recover", recover),
            wire: find!("wire", wire),
        })
    }

    /// Compares the functions of every interface with the contract's, in an instance.
    fn fit(&self, store: &mut Store<Guest>, instance: &Instance) -> wasmtime::Result<()> {
        self.describe.load(&mut *store, instance)?;
        macro_rules! fit {
            ($($interface:ident)*) => {
                $(if let Some(indices) = &self.$interface {
                    indices.load(&mut *store, instance)?;
                })*
            };
        }
        fit!(profile items mail folder_change meeting recover wire);
        Ok(())
    }

    /// The names of the interfaces that are there.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let optional = [
            ("profile", self.profile.is_some()),
            ("items", self.items.is_some()),
            ("mail", self.mail.is_some()),
            ("folder-change", self.folder_change.is_some()),
            ("meeting", self.meeting.is_some()),
            ("recover", self.recover.is_some()),
            ("wire", self.wire.is_some()),
        ];
        let there = optional.into_iter().filter(|(_, there)| *there).map(|(name, _)| name);
        std::iter::once("describe").chain(there).collect()
    }

    /// Whether it has a function for a hook.
    pub(crate) const fn answers(&self, hook: easel_plugin::Hook) -> bool {
        use easel_plugin::Hook;
        match hook {
            Hook::FolderChange => self.folder_change.is_some(),
            Hook::Items => self.items.is_some(),
            Hook::Mail => self.mail.is_some(),
            Hook::Meeting => self.meeting.is_some(),
            Hook::Recover => self.recover.is_some(),
            Hook::Wire => self.wire.is_some(),
        }
    }

    /// Whether it decides once per device.
    pub(crate) const fn decides(&self) -> bool {
        self.profile.is_some()
    }
}
