//! The commands of Exchange ActiveSync: one file each, from the decoded request to the answer.
//!
//! [`Service::handle`] is the way in: it finds the device, asks the policy gate, and hands over to the command.
//! Handlers are plain functions over a [`easel_store::Snapshot`] and make one [`easel_store::ChangeSet`]; they block,
//! and run on threads that may. The room knows no HTTP server, no SQL, no Wasm, and no delivery: it queues in the store.

mod reply;
mod service;

pub use reply::{Answer, Parked, Reply, Resume, Sink, SinkClosed, Why};
pub use service::{Policy, Request, Service, Settings};
