//! `[direct]`: mail without a smart host.

use std::net::SocketAddr;

use super::reader::Section;
use super::values;

/// `[direct]`: mail goes straight to the servers of the recipients' domains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Direct {
    /// Whether it does.
    pub(crate) enabled: bool,
    /// Whether servers without TLS, or with a bad certificate, get mail as well.
    pub(crate) tls_required: bool,
    /// Who is asked for names; empty: whom the system asks.
    pub(crate) name_servers: Vec<SocketAddr>,
    /// Transactions under way to one domain at once.
    pub(crate) per_domain_max: usize,
}

impl Direct {
    pub(super) fn read(mut section: Section<'_, '_>) -> Self {
        let direct = Self {
            enabled: section.flag("enabled", false),
            tls_required: section.flag("tls_required", false),
            name_servers: section.list("name_servers", &[], values::name_server),
            per_domain_max: section.number("per_domain_max", 2, 1..=100, "transactions"),
        };
        section.finish();
        direct
    }
}
