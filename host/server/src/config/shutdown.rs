//! `[shutdown]`: how the server stops.

use super::reader::Section;

/// `[shutdown]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shutdown {
    /// Seconds until connections are cut. Waiting requests are answered over the first half, so that devices do not
    /// come back all at once.
    pub(crate) grace_secs: u32,
}

impl Shutdown {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let shutdown = Self { grace_secs: section.number("grace_secs", 20, 1..=600, "seconds") };
        section.finish();
        shutdown
    }
}
