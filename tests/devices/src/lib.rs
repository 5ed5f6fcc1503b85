//! Simulated devices, the real server, the real packs.
//!
//! A [`House`] is the binary `easel`, serving TLS on a loopback socket, with every pack of `plugins/` signed and in its
//! packs folder. [`House::shared`] is one for all tests that run at once: each makes [`User`]s of its own. What a user
//! has is brought in by `easel import`, changed by other devices, looked at through the wire and by `easel export`;
//! which pack served a device is what `easel device show` says.

mod house;
pub mod identities;
mod template;
mod user;
pub mod words;

pub use house::House;
pub use user::User;
