//! A disk that takes no changes: said once when it begins and once when it is over, however many changes fail.

use std::path::Path;

/// How a file's disk does.
#[derive(Default)]
pub(crate) struct Trouble(Option<Present>);

struct Present {
    full: bool,
    said: String,
    /// How often it took no changes.
    times: u64,
}

impl Trouble {
    /// While there is trouble: whether the disk is full, and what was said of it.
    pub(crate) fn present(&self) -> Option<(bool, String)> {
        self.0.as_ref().map(|present| (present.full, present.said.clone()))
    }

    /// The disk did not take a change.
    pub(crate) fn met(&mut self, full: bool, said: String) {
        let times = match &self.0 {
            Some(before) if before.full == full => before.times,
            Some(_) | None => {
                tracing::error!(
                    error = said,
                    "changes cannot be written: phones and mail servers are told to try again, and it goes on by itself"
                );
                0
            }
        };
        self.0 = Some(Present { full, said, times: times + 1 });
    }

    /// A change is on the disk.
    pub(crate) fn over(&mut self, path: &Path) {
        if let Some(present) = self.0.take() {
            tracing::info!(file = %path.display(), failed = present.times, "changes are written again");
        }
    }
}
