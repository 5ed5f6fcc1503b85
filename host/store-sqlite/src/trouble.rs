//! A disk that takes no changes: said once when it begins and once when it is over, however many changes fail.

use std::path::Path;
use std::sync::Arc;

use crate::error::{self, SqliteError};

/// How a file's disk does.
pub(crate) struct Trouble {
    path: Arc<Path>,
    /// Whether it is full, and how often it took no changes, since it began.
    present: Option<(bool, u64)>,
}

impl Trouble {
    pub(crate) fn of(path: &Arc<Path>) -> Self {
        Self { path: Arc::clone(path), present: None }
    }

    /// Whether the disk is full, while there is trouble.
    pub(crate) fn present(&self) -> Option<bool> {
        self.present.map(|(full, _)| full)
    }

    /// The disk did not take a change.
    pub(crate) fn met(&mut self, cause: rusqlite::Error) {
        let full = error::disk(&cause).unwrap_or_default();
        let times = match self.present {
            Some((before, times)) if before == full => times + 1,
            Some(_) | None => {
                let said = cause.to_string();
                let error = SqliteError::database(&self.path, cause);
                tracing::error!(
                    %error,
                    cause = said,
                    "changes cannot be written: phones and mail servers are told to try again, and it goes on by itself"
                );
                1
            }
        };
        self.present = Some((full, times));
    }

    /// A change is on the disk.
    pub(crate) fn over(&mut self) {
        if let Some((_, times)) = self.present.take() {
            tracing::info!(file = %self.path.display(), failed = times, "changes are written again");
        }
    }
}
