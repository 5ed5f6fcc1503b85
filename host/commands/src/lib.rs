//! The commands of Exchange ActiveSync: one file each, from the decoded request to the answer.
//!
//! [`Service::handle`] is the way in: it finds the device, asks the policy gate, and hands over to the command.
//! Handlers are plain functions over a [`easel_store::Snapshot`] and make one [`easel_store::ChangeSet`]; they block,
//! and run on threads that may. The room knows no HTTP server, no SQL, no Wasm, and no delivery: it queues in the store.

mod allowance;
mod announce;
mod attachment;
mod context;
mod device;
mod device_information;
mod dispatch;
mod entry;
mod folder_change;
mod folder_create;
mod folder_delete;
mod folder_sync;
mod folder_update;
mod gate;
mod get_attachment;
mod get_hierarchy;
mod get_item_estimate;
mod hierarchy;
mod hierarchy_state;
mod item_operations;
mod later;
mod leave;
mod manner;
mod meeting_response;
mod move_items;
mod outgoing_mail;
mod overheard;
mod ping;
mod profiles;
mod provision;
mod quarantine;
mod recovery;
mod render;
mod reply;
mod search;
mod send_mail;
mod served;
mod service;
mod settings;
mod smart_forward;
mod smart_reply;
mod submit;
mod sync;

pub use entry::{Charset, EntryRules, LoginForm};
pub use later::{Condition, Later};
pub use leave::PolicyAllowance;
pub use quarantine::{RestoreError, Withheld};
pub use reply::{Answer, Parked, Reply, Resume, Sink, SinkClosed, Why};
pub use service::{Chance, Clock, Offer, Policy, Request, Service, Settings};
