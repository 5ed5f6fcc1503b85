//! Packs: plugins as Wasm components, behind the traits of `easel_plugin`.
//!
//! The only room that knows wasmtime. A file becomes a [`Pack`] in stages ([`Loader`]), packs lie in a folder that is
//! watched ([`PackFolder`]), and [`Packs`] says which of them serves a device. A request that reaches code gets a fresh
//! instance of its own, which is dropped with everything it did when the request ends; whatever a pack does, the request
//! goes on with the value it had handed in. Start at [`Loader`], then [`Packs`].

mod cache;
mod clock;
mod component;
mod engine;
mod faults;
mod folder;
mod guest;
mod inspect;
mod kept;
mod ledger;
mod load;
mod log;
mod manifest;
mod matcher;
mod pack;
mod permits;
mod rehearse;
mod serving;
mod session;
mod set;
mod sign;
mod signature;
mod stats;
mod v0_1;
mod watch;

pub use cache::Cache;
pub use clock::{Clock, SystemClock, TestClock};
pub use component::ComponentError;
pub use engine::{EngineError, Limits, Reservation, Sandbox};
pub use folder::{FolderError, FolderEvent, InstallError, PackFolder, owned_by_us};
pub use inspect::{Inspection, inspect};
pub use ledger::{Ledger, LedgerError, MemoryLedger};
pub use load::{LoadError, Loader, sha256};
pub use log::{Listening, LogLevel, LogLine, LogPage, PackLog};
pub use manifest::{Manifest, ManifestError};
pub use matcher::Matcher;
pub use pack::{Guide, Pack};
pub use rehearse::{Heard, Question, rehearse, rehearse_file};
pub use set::{Overrides, PackSet, Packs};
pub use sign::{KeyPair, SignError, key_pair, sign};
pub use signature::{SignatureError, Signed, Trust, TrustedKey};
pub use stats::{PackStatus, Stats};
pub use watch::Watch;
