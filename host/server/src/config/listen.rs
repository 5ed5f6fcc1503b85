//! `[listen]`: where devices connect.

use std::net::SocketAddr;

use super::reader::Section;
use super::values;

/// `[listen]`: the three kinds of listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    /// TLS 1.2 and 1.3.
    pub(crate) tls: Vec<SocketAddr>,
    /// Without TLS.
    pub(crate) plain: Vec<SocketAddr>,
    /// Without TLS, behind a front that sends the PROXY header.
    pub(crate) proxied: Vec<SocketAddr>,
}

impl Listen {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let tls = section.list("tls", &["[::]:443"], values::public_address);
        let plain = section.list("plain", &[], values::plain_address);
        let proxied = section.list("proxied", &[], values::plain_address);
        for (kind, addresses) in [("plain", &plain), ("proxied", &proxied)] {
            for address in addresses.iter().filter(|address| !address.ip().is_loopback()) {
                section.warn(
                    kind,
                    format!("{address} is reachable from other machines, and passwords cross it unencrypted"),
                    "keep it behind a front on the same machine, or use listen.tls",
                );
            }
        }
        let all = [("tls", &tls), ("plain", &plain), ("proxied", &proxied)];
        let all: Vec<_> = all.into_iter().flat_map(|(kind, list)| list.iter().map(move |one| (kind, one))).collect();
        for (at, (kind, address)) in all.iter().enumerate() {
            if address.port() != 0 && all[..at].iter().any(|(_, other)| other == address) {
                section.wrong(kind, format!("{address} is listed twice"), "give each listener an address of its own");
            }
        }
        section.finish();
        Self { tls, plain, proxied }
    }
}
