//! Waiting for what another process does on its own time.

use std::time::{Duration, Instant};

/// Longer than it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something holds.
///
/// # Panics
/// When it does not within a minute: with this text.
#[track_caller]
pub fn until(what: &str, holds: impl FnMut() -> bool) {
    until_or(holds, || what.to_owned());
}

/// The same, with a text that is made then.
#[track_caller]
pub(crate) fn until_or(mut holds: impl FnMut() -> bool, what: impl FnOnce() -> String) {
    #[expect(clippy::disallowed_methods, reason = "a bounded wait for another process")]
    let start = Instant::now();
    while !holds() {
        if start.elapsed() >= PATIENCE {
            panic!("{}", what());
        }
        std::thread::yield_now();
    }
}
