//! What a device needs, and how a plugin says it.
//!
//! A plugin answers two kinds of questions: once per device, its [`Profile`] (named settings that host code applies);
//! and per item, edits to single properties, for those it subscribed to. Nothing here knows Wasm: the commands consult
//! a [`DevicePlugin`], and cannot tell a component from the scripted plugin of the tests. Start at [`settings`].

mod hooks;
mod profile;
pub mod scripted;
pub mod settings;

pub use hooks::{DevicePlugin, Direction, HookContext, NoPlugin, Verdict};
pub use profile::{Profile, ProfileError, Value};
