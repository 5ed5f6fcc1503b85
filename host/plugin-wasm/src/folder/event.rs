//! What happened when the folder was looked at.

use std::path::PathBuf;

use easel_plugin::hooks::PackVersion;

/// What happened when the folder was looked at.
#[derive(Debug)]
pub enum FolderEvent {
    /// A pack came into service.
    Loaded {
        /// Where it lies.
        file: PathBuf,
        /// Which.
        pack: PackVersion,
        /// The version it took the place of.
        instead_of: Option<String>,
    },
    /// A file is not taken; what served before serves on.
    Refused {
        /// Where it lies.
        file: PathBuf,
        /// Why, and what cures it.
        reason: String,
        /// What serves on in its place, after a start from what is kept; `None` where nothing did.
        serves: Option<PackVersion>,
    },
    /// A pack is no longer in service.
    Gone {
        /// Which.
        pack: PackVersion,
    },
}

impl FolderEvent {
    /// Has the log say it.
    pub(super) fn log(&self) {
        match self {
            Self::Loaded { file, pack, instead_of } => {
                let (plugin, version, file) = (&pack.id, &pack.version, file.display());
                tracing::info!(plugin, version, %file, instead_of, "a pack serves");
            }
            Self::Refused { file, reason, serves: Some(pack) } => {
                let (plugin, version, file) = (&pack.id, &pack.version, file.display());
                tracing::error!(plugin, version, %file, reason, "a pack is not taken; what served before serves on");
            }
            Self::Refused { file, reason, serves: None } => {
                tracing::error!(file = %file.display(), reason, "a pack is not taken");
            }
            Self::Gone { pack } => {
                tracing::info!(plugin = pack.id, version = pack.version, "a pack no longer serves");
            }
        }
    }
}
