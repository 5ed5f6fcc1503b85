//! Power loss, full, read-only, slow and broken disks and a clock that jumps, under a program that knows nothing of it.
//!
//! A program is started with [`Faults::environment`]: then a small library (`layer/`) stands between it and the C
//! library. It keeps a [`Journal`] of everything that happens below one directory, and has calls fail as [`Faults`] says
//! at that moment. [`Disk`] reads a journal up to some point and shows what a disk could hold after power was lost there.
//!
//! What is modelled, and what is not, is in `README.md`.

mod disk;
mod faults;
mod format;
mod journal;
mod tree;

pub use disk::{Disk, Loss};
pub use faults::Faults;
pub use format::Kind;
pub use journal::{Journal, Record};
pub use tree::{Node, Tree};
