//! What the author of a device pack writes against: the author's side of the contract in `wit/`.
//!
//! A pack is a type that implements [`Describe`] and those of the other traits it needs, and one line that exports it:
//!
//! ```
//! use easel_pack::prelude::*;
//!
//! struct NokiaMfe;
//!
//! impl Describe for NokiaMfe {
//!     fn describe() -> Manifest {
//!         Manifest::new("nokia-mfe", "1.0.0", "Nokia phones with Mail for Exchange.")
//!             .by("You", "MIT")
//!             .recognises([user_agent("^Nokia.+MailforExchange"), device_id("^IMEI")])
//!             .settings([settings::mail::MAX_RECIPIENTS.is(100)])
//!             .wants(Class::Tasks, Direction::FromDevice, [property::tasks::BODY.text(64)])
//!             .answers(["N03"])
//!     }
//! }
//!
//! impl Items for NokiaMfe {
//!     fn outgoing(_: Class, _: &Context, _: &State, _: Item<'_>) -> Result<Answer, Fault> {
//!         Ok(Answer::keep())
//!     }
//!
//!     fn incoming(_: Class, _: &Context, _: &State, item: Item<'_>, _base: Item<'_>) -> Result<Answer, Fault> {
//!         let mut edits = Edits::new();
//!         if let Some(body) = item.find(property::tasks::BODY) {
//!             edits.set(body, body.text().trim());
//!         }
//!         Ok(edits.into())
//!     }
//! }
//!
//! easel_pack::export!(NokiaMfe: items);
//! # fn main() {}
//! ```
//!
//! The traits are plain Rust over plain values, so that a pack's tests run without a component: see [`testing`]. What
//! each call may cost and what it may not do is said in `wit/world.wit`.

pub mod address;
pub mod apple;
#[doc(hidden)]
pub mod bindings;
pub mod describe;
pub mod event;
mod export;
pub mod folder_change;
pub mod item;
pub mod items;
pub mod log;
pub mod mail;
pub mod meeting;
pub mod profile;
pub mod property;
pub mod recover;
pub mod settings;
pub mod testing;
pub mod time;
pub mod version;
pub mod wire;

pub use bindings::base::easel::plugin::types::{
    Class, Content, Context, Direction, Effect, Folder, Owner, Setting, SettingValue, Wanted,
};
pub use describe::{Describe, Manifest};
pub use export::{Adapter, Hook, IncomingHook, Native, OutgoingHook, ProfileHook, WireHook};
pub use folder_change::FolderChange;
pub use item::{Edit, Edits, Entry, Insertion, Item, Node, Value};
pub use items::Items;
pub use mail::Mail;
pub use meeting::Meeting;
pub use profile::Profile;
pub use property::Property;
pub use recover::Recover;
pub use wire::Wire;

/// A sentence for the log: what a hook could not do.
pub type Fault = String;

/// What nearly every pack names.
pub mod prelude {
    pub use crate::describe::{anyone, device_id, device_type, os, user_agent};
    pub use crate::item::Content;
    pub use crate::items::{Answer, State};
    pub use crate::profile::{Action, DeviceProfile, Facts, Options};
    pub use crate::version::Version;
    pub use crate::{
        Class, Context, Describe, Direction, Edits, Effect, Fault, FolderChange, Item, Items, Mail, Manifest, Meeting,
        Node, Profile, Property, Recover, Value, Wire, property, settings,
    };
}
