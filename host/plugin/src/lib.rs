//! What a device needs, and how a plugin says it.
//!
//! A plugin answers two kinds of questions: once per device, its [`Profile`] (named settings that host code applies) and
//! its [`rules`] (done to every item natively); and per item, message or request, edits, for those it asked to see.
//! Nothing here knows Wasm: the commands ask through [`Asked`], and cannot tell a component from the scripted plugin of
//! the tests. Start at [`settings`], then [`hooks`].

mod asked;
pub mod fixture;
pub mod hooks;
pub mod item;
mod mark;
mod profile;
pub mod rules;
pub mod scripted;
pub mod settings;

pub use asked::{Asked, Outcome, StoredState};
pub use hooks::{DevicePlugin, DevicePlugins, Direction, Hook, HookContext, HookFolder, NoPlugin, PluginSession};
pub use profile::{Profile, ProfileError, Value};
