//! `[lmtp]`: where mail comes in.

use std::path::Path;

use super::reader::Section;
use super::values::{self, LmtpListen};

/// `[lmtp]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lmtp {
    /// A Unix socket, a loopback address, or nothing.
    pub(crate) listen: LmtpListen,
    /// The permissions of the Unix socket.
    pub(crate) socket_mode: u32,
    /// What divides a local part from its detail; `None` knows no details.
    pub(crate) delimiter: Option<char>,
}

impl Lmtp {
    pub(super) fn read(mut section: Section<'_, '_>, dir: &Path) -> Self {
        let default = LmtpListen::Unix(dir.join("lmtp.sock"));
        let lmtp = Self {
            listen: section.value("listen", default, |text| values::lmtp_listen(text, dir)),
            socket_mode: section.value("socket_mode", 0o660, values::mode),
            delimiter: section.value("delimiter", Some('+'), values::delimiter),
        };
        section.finish();
        lmtp
    }
}
