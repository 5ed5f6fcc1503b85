//! `[tls]`: the certificate.

use std::path::{Path, PathBuf};

use super::reader::Section;

/// `[tls]`: PEM files, read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    /// The chain, the server's certificate first.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

impl Tls {
    pub(super) fn read(mut section: Section<'_, '_>, dir: &Path) -> Self {
        let tls = Self {
            certificate: section.path("certificate", dir, "certificate.pem"),
            key: section.path("key", dir, "key.pem"),
        };
        section.finish();
        tls
    }
}
