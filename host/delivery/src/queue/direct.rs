//! Mail without a smart host: straight to the servers of the recipient's domain. RFC 5321 5.1 "Locating the Target Host".

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use super::connection::{Connection, Refusal};
use super::peer::Peer;
use super::retry::spread;
use super::{Patience, SmartHost, Tls};
use crate::DeliveryError;

/// Addresses that are tried before an attempt counts as failed.
const ADDRESSES_MAX: usize = 8;

/// How mail goes out without a smart host.
#[derive(Clone)]
pub struct Direct {
    /// Knows who takes a domain's mail.
    pub resolver: Arc<dyn Resolver>,
    /// [`Tls::Opportunistic`], or [`Tls::StartTls`]: then only servers whose certificate is good get mail.
    pub tls: Tls,
    /// PEM certificates trusted in place of those of the system.
    pub roots: Vec<Vec<u8>>,
    /// Transactions under way to one domain at once.
    pub concurrency: usize,
    /// The name said in EHLO: a domain. A domain whose mail is to go there leads back to this server.
    pub hello_name: String,
    /// How long it may take.
    pub patience: Patience,
    /// The port, which is 25 everywhere but in tests.
    pub port: u16,
    /// Whether servers on this machine may be spoken to. Else an address of this machine leads back to this server.
    pub allow_loopback: bool,
}

impl fmt::Debug for Direct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Direct").field("tls", &self.tls).field("port", &self.port).finish_non_exhaustive()
    }
}

/// A look-up under way.
pub type Lookup<'a, T> = Pin<Box<dyn Future<Output = Result<T, LookupError>> + Send + 'a>>;

/// Answers questions about names.
pub trait Resolver: Send + Sync {
    /// The mail exchangers of a domain, in any order; none when the domain names none.
    fn mx<'a>(&'a self, domain: &'a str) -> Lookup<'a, Vec<Mx>>;

    /// The addresses of a host, IPv6 and IPv4; none when it has none.
    fn addresses<'a>(&'a self, host: &'a str) -> Lookup<'a, Vec<IpAddr>>;
}

/// A mail exchanger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mx {
    /// The lowest is tried first.
    pub preference: u16,
    /// Its name; `.` takes no mail (RFC 7505).
    pub host: String,
}

/// Why a look-up brought nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// There is no such name.
    #[error("there is no such domain")]
    NoSuchName,
    /// It may go better another time.
    #[error("{0}")]
    Temporary(String),
}

/// The way to the servers of domains.
pub(super) struct Postman {
    options: Direct,
}

/// The servers of a domain that are still to be tried.
pub(super) struct Route<'a> {
    postman: &'a Postman,
    domain: &'a str,
    targets: std::vec::IntoIter<Target>,
    /// Why the last one could not be used.
    last: Option<String>,
}

impl Route<'_> {
    /// A session with the next server that can be spoken to.
    pub(super) async fn next(&mut self) -> Result<Connection, Refusal> {
        let (domain, port) = (self.domain, self.postman.options.port);
        for target in self.targets.by_ref() {
            let peer = self.postman.peer(&target.name).map_err(|error| Refusal::for_now(error.to_string()))?;
            match peer.connect(Some(SocketAddr::new(target.address, port))).await {
                Ok(connection) => return Ok(connection),
                Err(reason) => {
                    tracing::info!(domain, host = peer.name(), reason, "a mail server cannot be used");
                    self.last = Some(reason);
                }
            }
        }
        Err(Refusal::for_now(self.last.take().unwrap_or_else(|| format!("no server of {domain} can be reached"))))
    }
}

/// A server to be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    name: String,
    address: IpAddr,
}

impl Postman {
    /// Refuses settings that mean nothing here, and certificates it cannot read.
    pub(super) fn new(options: Direct) -> Result<Self, DeliveryError> {
        if !matches!(options.tls, Tls::Opportunistic | Tls::StartTls) {
            return Err(DeliveryError::Tls("direct delivery is opportunistic or by STARTTLS".to_owned()));
        }
        let postman = Self { options };
        postman.peer("localhost")?;
        Ok(postman)
    }

    fn peer(&self, name: &str) -> Result<Peer, DeliveryError> {
        let options = &self.options;
        Peer::new(SmartHost {
            host: name.to_owned(),
            port: options.port,
            tls: options.tls,
            roots: options.roots.clone(),
            login: None,
            hello_name: options.hello_name.clone(),
            patience: options.patience,
        })
    }

    /// The way to the servers of a domain; `chance` decides among those that are equally good.
    pub(super) async fn route<'a>(&'a self, domain: &'a str, chance: u64) -> Result<Route<'a>, Refusal> {
        let targets = self.targets(domain, chance).await?.into_iter();
        Ok(Route { postman: self, domain, targets, last: None })
    }

    /// The servers of a domain, in the order in which they are tried.
    async fn targets(&self, domain: &str, chance: u64) -> Result<Vec<Target>, Refusal> {
        if let Some(literal) = domain.strip_prefix('[') {
            let address = literal_address(literal.trim_end_matches(']'));
            let address = address.ok_or_else(|| Refusal::ours("5.1.2", format!("{domain} is no address")))?;
            self.check_address(domain, address)?;
            return Ok(vec![Target { name: address.to_string(), address }]);
        }
        let hosts = self.hosts(domain, chance).await?;
        let (mut found, mut waits, mut loops) = (Vec::new(), None, None);
        for host in hosts {
            match self.options.resolver.addresses(&host).await {
                Ok(addresses) => {
                    let mut usable = Vec::new();
                    for address in addresses {
                        match self.check_address(domain, address) {
                            Ok(()) => usable.push(address),
                            Err(refusal) => loops = Some(refusal),
                        }
                    }
                    found.push((host, usable));
                }
                Err(LookupError::NoSuchName) => {}
                Err(LookupError::Temporary(reason)) => waits = Some(format!("looking up {host} failed: {reason}")),
            }
        }
        let targets = chosen(found);
        match (targets.is_empty(), waits, loops) {
            (false, _, _) => Ok(targets),
            (true, Some(reason), _) => Err(Refusal::for_now(reason)),
            (true, None, Some(refusal)) => Err(refusal),
            (true, None, None) => {
                Err(Refusal::ours("5.4.4", format!("no server that takes mail for {domain} has an address")))
            }
        }
    }

    /// The names of a domain's servers, best first.
    async fn hosts(&self, domain: &str, chance: u64) -> Result<Vec<String>, Refusal> {
        let mut all = match self.options.resolver.mx(domain).await {
            Ok(all) => all,
            Err(LookupError::NoSuchName) => {
                return Err(Refusal::ours("5.1.2", format!("there is no domain {domain}")));
            }
            Err(LookupError::Temporary(reason)) => {
                return Err(Refusal::for_now(format!("looking up {domain} failed: {reason}")));
            }
        };
        for mx in &mut all {
            let name = mx.host.trim_end_matches('.').to_lowercase();
            mx.host = name;
        }
        // RFC 7505 3: the only one, and its name is the root.
        if all.len() == 1 && all[0].host.is_empty() {
            return Err(Refusal::ours("5.1.10", format!("{domain} takes no mail")));
        }
        all.retain(|mx| !mx.host.is_empty());
        if all.is_empty() {
            // RFC 5321 5.1: the domain itself, as if it were its only exchanger.
            all.push(Mx { preference: 0, host: domain.trim_end_matches('.').to_owned() });
        }
        all.sort();
        // RFC 5321 5.1: what is not better than this server would only bring the mail back to it.
        let own = self.options.hello_name.trim_end_matches('.').to_lowercase();
        if let Some(at) = all.iter().find(|mx| mx.host == own).map(|mx| mx.preference) {
            all.retain(|mx| mx.preference < at);
        }
        if all.is_empty() {
            return Err(loops_back(domain));
        }
        // RFC 5321 5.1: those of one preference MUST be tried in any order, so that they share the load.
        let lot = |(at, mx): (u64, Mx)| (mx.preference, spread(chance.wrapping_add(at)), mx.host);
        let mut all: Vec<_> = (0..).zip(all).map(lot).collect();
        all.sort_unstable();
        Ok(all.into_iter().map(|(_, _, host)| host).collect())
    }

    fn check_address(&self, domain: &str, address: IpAddr) -> Result<(), Refusal> {
        let address = address.to_canonical();
        let own = address.is_loopback() || address.is_unspecified() || address.is_multicast();
        if own && !self.options.allow_loopback { Err(loops_back(domain)) } else { Ok(()) }
    }
}

/// At most [`ADDRESSES_MAX`] addresses, in the order of their hosts: one of each host before a second one of any. Which one
/// comes first changes from host to host, so that none of the two kinds is left out.
fn chosen(found: Vec<(String, Vec<IpAddr>)>) -> Vec<Target> {
    let mut places = Vec::new();
    for (host, (_, addresses)) in found.iter().enumerate() {
        let count = addresses.len();
        places.extend((0..count).map(|round| (round, host, (host + round) % count)));
    }
    places.sort_unstable();
    places.truncate(ADDRESSES_MAX);
    places.sort_unstable_by_key(|(_, host, at)| (*host, *at));
    let target =
        |(_, host, at): (usize, usize, usize)| Target { name: found[host].0.clone(), address: found[host].1[at] };
    places.into_iter().map(target).collect()
}

fn loops_back(domain: &str) -> Refusal {
    Refusal::ours("5.4.6", format!("mail for {domain} leads back to this server, which has no such mailbox"))
}

/// RFC 5321 4.1.3 "Address Literals".
fn literal_address(text: &str) -> Option<IpAddr> {
    match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => text[5..].parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        Some(_) | None => text.parse().ok().filter(IpAddr::is_ipv4),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[derive(Default)]
    struct Zone {
        mx: HashMap<&'static str, Result<Vec<Mx>, LookupError>>,
        addresses: HashMap<&'static str, Result<Vec<IpAddr>, LookupError>>,
    }

    impl Resolver for Zone {
        fn mx<'a>(&'a self, domain: &'a str) -> Lookup<'a, Vec<Mx>> {
            Box::pin(async { self.mx.get(domain).cloned().unwrap_or(Err(LookupError::NoSuchName)) })
        }

        fn addresses<'a>(&'a self, host: &'a str) -> Lookup<'a, Vec<IpAddr>> {
            Box::pin(async { self.addresses.get(host).cloned().unwrap_or(Err(LookupError::NoSuchName)) })
        }
    }

    fn mx(list: &[(u16, &str)]) -> Result<Vec<Mx>, LookupError> {
        Ok(list.iter().map(|(preference, host)| Mx { preference: *preference, host: (*host).to_owned() }).collect())
    }

    fn ip(text: &str) -> Result<Vec<IpAddr>, LookupError> {
        Ok(text.split(' ').map(|one| one.parse().unwrap()).collect())
    }

    fn later() -> LookupError {
        LookupError::Temporary("no answer".to_owned())
    }

    async fn targets(zone: Zone, domain: &str) -> Result<Vec<String>, (bool, String, String)> {
        targets_by(zone, domain, 0).await
    }

    async fn targets_by(zone: Zone, domain: &str, chance: u64) -> Result<Vec<String>, (bool, String, String)> {
        let postman = Postman::new(Direct {
            resolver: Arc::new(zone),
            tls: Tls::Opportunistic,
            roots: Vec::new(),
            concurrency: 1,
            hello_name: "Easel.example".to_owned(),
            patience: Patience::default(),
            port: 25,
            allow_loopback: false,
        });
        let targets = postman.unwrap().targets(domain, chance).await;
        let shown = |target: Target| format!("{} {}", target.name, target.address);
        targets
            .map(|targets| targets.into_iter().map(shown).collect())
            .map_err(|refusal| (refusal.permanent, refusal.status, refusal.reason))
    }

    #[tokio::test]
    async fn servers_come_in_the_order_of_their_preference_with_both_kinds_of_addresses() {
        let zone = Zone {
            mx: [("y.example", mx(&[(20, "B.y.example."), (10, "a.y.example"), (30, "gone.y.example")]))].into(),
            addresses: [("a.y.example", ip("2001:db8::1 192.0.2.1")), ("b.y.example", ip("192.0.2.2"))].into(),
        };
        let expected = ["a.y.example 2001:db8::1", "a.y.example 192.0.2.1", "b.y.example 192.0.2.2"];
        assert_eq!(targets(zone, "y.example").await.unwrap(), expected);
    }

    #[tokio::test]
    async fn chance_decides_among_servers_of_one_preference() {
        let mut first = HashMap::new();
        for chance in 0..300 {
            let list = [(10, "c.y.example"), (20, "z.y.example"), (10, "a.y.example"), (10, "b.y.example")];
            let zone = Zone {
                mx: [("y.example", mx(&list))].into(),
                addresses: list.map(|(_, host)| (host, ip("192.0.2.1"))).into(),
            };
            let found = targets_by(zone, "y.example", chance).await.unwrap();
            assert_eq!((found.len(), found[3].as_str()), (4, "z.y.example 192.0.2.1"), "the worst is last");
            *first.entry(found[0].clone()).or_insert(0) += 1;
        }
        assert!(first.len() == 3 && first.values().all(|times| (70..130).contains(times)), "{first:?}");
    }

    #[tokio::test]
    async fn no_server_is_cut_off_by_the_many_addresses_of_another() {
        let names = ["a.y", "b.y", "c.y", "d.y", "e.y", "f.y", "g.y", "h.y", "i.y"];
        let both = "2001:db8::1 192.0.2.1";
        let zone = |count: u16, text: &str| Zone {
            mx: [("y", mx(&(0..count).map(|at| (at, names[usize::from(at)])).collect::<Vec<_>>()))].into(),
            addresses: names.map(|name| (name, ip(text))).into(),
        };
        let hosts = |found: &[String]| -> Vec<String> {
            found.iter().map(|target| target.split(' ').next().unwrap().to_owned()).collect()
        };
        let many = (1..=10).map(|at| format!("192.0.2.{at}")).collect::<Vec<_>>().join(" ");
        let found = targets(zone(2, &many), "y").await.unwrap();
        assert_eq!(hosts(&found), ["a.y", "a.y", "a.y", "a.y", "b.y", "b.y", "b.y", "b.y"]);
        let found = targets(zone(5, both), "y").await.unwrap();
        assert_eq!(hosts(&found), ["a.y", "a.y", "b.y", "b.y", "c.y", "c.y", "d.y", "e.y"]);
        let found = targets(zone(9, both), "y").await.unwrap();
        assert_eq!(hosts(&found), names[..8]);
        assert_eq!(found.iter().filter(|target| target.contains(':')).count(), 4, "neither kind alone: {found:?}");
    }

    #[tokio::test]
    async fn a_domain_that_names_no_server_is_its_own() {
        let zone = Zone { mx: [("y.example", mx(&[]))].into(), addresses: [("y.example", ip("192.0.2.1"))].into() };
        assert_eq!(targets(zone, "y.example").await.unwrap(), ["y.example 192.0.2.1"]);
        assert_eq!(targets(Zone::default(), "[192.0.2.9]").await.unwrap(), ["192.0.2.9 192.0.2.9"]);
        assert_eq!(targets(Zone::default(), "[IPv6:2001:db8::9]").await.unwrap(), ["2001:db8::9 2001:db8::9"]);
    }

    #[tokio::test]
    async fn what_can_never_be_reached_is_refused_with_its_number() {
        let only = |list: &[(u16, &str)]| Zone { mx: [("y.example", mx(list))].into(), ..Zone::default() };
        let with = |list: &[(u16, &str)], address: &str| Zone {
            addresses: [("a.y.example", ip(address))].into(),
            ..only(list)
        };
        for (zone, domain, status) in [
            (Zone::default(), "y.example", "5.1.2"),
            (only(&[(0, ".")]), "y.example", "5.1.10"),
            (only(&[(10, "a.y.example")]), "y.example", "5.4.4"),
            (only(&[(10, "easel.example")]), "y.example", "5.4.6"),
            (only(&[(10, "easel.EXAMPLE."), (20, "a.y.example")]), "y.example", "5.4.6"),
            (with(&[(10, "a.y.example")], "127.0.0.1"), "y.example", "5.4.6"),
            (with(&[(10, "a.y.example")], "::ffff:127.0.0.1"), "y.example", "5.4.6"),
            (Zone::default(), "[127.0.0.1]", "5.4.6"),
            (Zone::default(), "[x]", "5.1.2"),
        ] {
            let refusal = targets(zone, domain).await.unwrap_err();
            assert_eq!((refusal.0, refusal.1.as_str()), (true, status), "{}", refusal.2);
        }
        // A better one than this server is used.
        let zone = with(&[(10, "a.y.example"), (20, "easel.example")], "192.0.2.1");
        assert_eq!(targets(zone, "y.example").await.unwrap(), ["a.y.example 192.0.2.1"]);
    }

    #[tokio::test]
    async fn what_cannot_be_looked_up_now_waits() {
        let zone = Zone { mx: [("y.example", Err(later()))].into(), ..Zone::default() };
        assert!(!targets(zone, "y.example").await.unwrap_err().0);
        let zone = Zone {
            mx: [("y.example", mx(&[(1, "a.y.example"), (2, "b.y.example")]))].into(),
            addresses: [("a.y.example", Err(later()))].into(),
        };
        assert!(!targets(zone, "y.example").await.unwrap_err().0);
    }
}
