//! A mixed run: who works with one mailbox at the same time, each until the server is gone, and what each knows that must
//! be there when it is back.
//!
//! Every mail has a number of its own as its subject, every contact a name of its own, so that nothing can be there
//! twice without being seen. A phone is a strict one: any Status but success ends the test.

mod answers;
mod errand;
mod importer;
mod lmtp;
mod owner;
mod postman;
mod step;
mod vendor;
mod watcher;

pub(crate) use answers::{Answers, Moment, wait};
pub(crate) use importer::Importer;
pub(crate) use owner::Owner;
pub(crate) use postman::Postman;
pub(crate) use vendor::Vendor;
pub(crate) use watcher::Watcher;

/// Mails that a phone sends have numbers from here on, so many for each phone.
pub(crate) const SENT_FROM: u32 = 1_000_000;
/// Mails that are imported have numbers from here on.
pub(crate) const IMPORTED_FROM: u32 = 100_000_000;

/// The number of a mail.
pub(crate) fn number(subject: &str) -> u32 {
    subject.strip_prefix("mail ").unwrap().parse().unwrap()
}
