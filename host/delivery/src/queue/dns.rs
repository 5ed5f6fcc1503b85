//! The DNS, asked through `hickory-resolver`. The only file that knows it.

use std::net::{IpAddr, SocketAddr};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::RData;

use super::{Lookup, LookupError, Mx, Resolver};
use crate::DeliveryError;

/// The DNS.
pub struct Dns {
    inner: TokioResolver,
}

impl std::fmt::Debug for Dns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dns").finish_non_exhaustive()
    }
}

impl Dns {
    /// Asks whom the system asks. [`DeliveryError::Resolver`] when the system does not say whom.
    pub fn system() -> Result<Self, DeliveryError> {
        let mut builder = TokioResolver::builder_tokio().map_err(failed)?;
        adjust(builder.options_mut());
        Ok(Self { inner: builder.build().map_err(failed)? })
    }

    /// Asks these servers, by UDP, and by TCP where an answer is too long for that.
    pub fn asking(servers: &[SocketAddr]) -> Result<Self, DeliveryError> {
        let servers = servers.iter().map(|server| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            NameServerConfig::new(server.ip(), true, connections.into())
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        adjust(builder.options_mut());
        Ok(Self { inner: builder.build().map_err(failed)? })
    }
}

fn adjust(options: &mut ResolverOpts) {
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
}

fn failed(error: NetError) -> DeliveryError {
    DeliveryError::Resolver(error.to_string())
}

impl Resolver for Dns {
    fn mx<'a>(&'a self, domain: &'a str) -> Lookup<'a, Vec<Mx>> {
        Box::pin(async move {
            let found = match self.inner.mx_lookup(whole(domain)).await {
                Ok(found) => found,
                Err(error) => return nothing(&error),
            };
            let mx = found.answers().iter().filter_map(|record| {
                let RData::MX(mx) = &record.data else { return None };
                Some(Mx { preference: mx.preference, host: mx.exchange.to_ascii() })
            });
            Ok(mx.collect())
        })
    }

    fn addresses<'a>(&'a self, host: &'a str) -> Lookup<'a, Vec<IpAddr>> {
        Box::pin(async move {
            match self.inner.lookup_ip(whole(host)).await {
                Ok(found) => Ok(found.iter().collect()),
                Err(error) => nothing(&error),
            }
        })
    }
}

/// With the dot that keeps the resolver from trying it inside domains of the system's own.
fn whole(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

/// What it means that a question brought no record.
fn nothing<T>(error: &NetError) -> Result<Vec<T>, LookupError> {
    let none = if let NetError::Dns(DnsError::NoRecordsFound(none)) = error { Some(none.response_code) } else { None };
    if none == Some(ResponseCode::NoError) {
        Ok(Vec::new())
    } else if none == Some(ResponseCode::NXDomain) {
        Err(LookupError::NoSuchName)
    } else {
        Err(LookupError::Temporary(error.to_string()))
    }
}
