//! The time that is measured.

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "a load program measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
