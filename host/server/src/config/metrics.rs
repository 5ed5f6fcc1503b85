//! `[metrics]`: where monitoring reads.

use std::net::SocketAddr;

use super::reader::Section;
use super::values;

/// `[metrics]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Metrics {
    /// A listener of its own; `None`: nowhere.
    pub(crate) listen: Option<SocketAddr>,
}

impl Metrics {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let listen = section.value("listen", None, values::metrics_listen);
        if let Some(address) = listen.filter(|address| !address.ip().is_loopback()) {
            section.warn(
                "listen",
                format!("{address} is reachable from other machines, and metrics are read there without a login"),
                "use a loopback address, or let a firewall decide who reads them",
            );
        }
        section.finish();
        Self { listen }
    }
}
