//! Why a verb fails.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use crate::admin::{ChannelError, OwnershipError};
use crate::config::ConfigErrors;
use crate::wire_up::{OpenError, RestoreError, ServeError};

/// Why a verb fails: a sentence for whoever typed it.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error(transparent)]
    Channel(#[from] ChannelError),
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// Mistakes were found and are shown already.
    #[error("mistakes were found")]
    Found,
    #[error("cannot {doing} {path}")]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    /// Everything that is there and can be read was backed up, and so much was not.
    #[error(
        "mails that are lost and not in the backup: {lost}, that are there and cannot be read: {unreadable}; look for \
         them in the backup before, and whether the disk is sound"
    )]
    Incomplete { lost: u64, unreadable: u64 },
    /// So many items were not exported; everything else was.
    #[error(
        "items that are lost or cannot be read, and are not in the export: {0}; look for them in a backup, and whether \
         the disk is sound"
    )]
    LeftOut(usize),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Ownership(#[from] OwnershipError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error("{0}")]
    Said(String),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("cannot write the answer")]
    Terminal(#[from] io::Error),
}

impl CliError {
    /// A failure at a file.
    pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::File { doing, path: path.to_owned(), cause }
    }

    /// Whether everything was done that can be, and something is lost.
    pub(super) fn is_partial(&self) -> bool {
        matches!(self, Self::Incomplete { .. } | Self::LeftOut(_))
    }

    /// Whether the reader of the answer has gone.
    pub(super) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Terminal(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The error with its causes, none of them said twice.
    pub(super) fn text(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.contains(&said) {
                text.push_str(": ");
                text.push_str(&said);
            }
            cause = error.source();
        }
        text
    }
}
