//! Networks that the operator listed: who sends from them is no device.

use std::fmt;
use std::net::IpAddr;

use easel_protocol::Origin;

/// Addresses with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Networks of servers that hold their users' mailboxes and passwords.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

/// A text that is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a network: an address, or an address and a number of bits after a slash, the other bits 0")]
pub struct NetworkError;

impl std::str::FromStr for Network {
    type Err = NetworkError;

    /// `192.0.2.0/24`, `2001:db8::/32`, or one address.
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().map_err(|_| NetworkError)?
            }
            Some(_) => return Err(NetworkError),
        };
        let network = Self { address, bits };
        // A bit too many says that somebody else was meant.
        if bits > most || number(address) & !network.mask() != 0 { Err(NetworkError) } else { Ok(network) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl Network {
    /// Ones where the addresses are the same; of an IPv4 network, in the lowest 32 bits.
    fn mask(self) -> u128 {
        let (width, all) = if self.address.is_ipv4() { (32, u128::from(u32::MAX)) } else { (128, u128::MAX) };
        let free = width - u32::from(self.bits.min(128)).min(width);
        all & all.checked_shl(free).unwrap_or(0)
    }

    fn holds(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && number(address) & self.mask() == number(self.address)
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

impl Networks {
    /// These.
    pub const fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    /// Who sends from an address: nothing is known where no network is listed, nor of this machine, where a front may
    /// speak for anybody.
    pub(crate) fn origin(&self, peer: IpAddr) -> Origin {
        let peer = peer.to_canonical();
        if self.0.iter().any(|network| network.holds(peer)) {
            Origin::Cloud
        } else if self.0.is_empty() || peer.is_loopback() {
            Origin::Unknown
        } else {
            Origin::Device
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(all: &[&str]) -> Networks {
        Networks::new(all.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn an_address_in_a_listed_network_is_a_cloud_and_any_other_a_device() {
        let listed = networks(&["192.0.2.0/24", "198.51.100.7", "2001:db8::/33", "203.0.113.128/25"]);
        for (address, expected) in [
            ("192.0.2.0", Origin::Cloud),
            ("192.0.2.255", Origin::Cloud),
            ("192.0.3.0", Origin::Device),
            ("::ffff:192.0.2.9", Origin::Cloud),
            ("198.51.100.7", Origin::Cloud),
            ("198.51.100.6", Origin::Device),
            ("203.0.113.127", Origin::Device),
            ("203.0.113.128", Origin::Cloud),
            ("2001:db8:7fff::1", Origin::Cloud),
            ("2001:db8:8000::1", Origin::Device),
            ("::c000:201", Origin::Device),
            ("127.0.0.1", Origin::Unknown),
            ("::1", Origin::Unknown),
        ] {
            assert_eq!(listed.origin(address.parse().unwrap()), expected, "{address}");
        }
        assert_eq!(Networks::default().origin([192, 0, 2, 1].into()), Origin::Unknown);
        let all = networks(&["0.0.0.0/0", "::/0"]);
        assert_eq!(all.origin([8, 8, 8, 8].into()), Origin::Cloud);
        assert_eq!(all.origin("2001:db8::1".parse().unwrap()), Origin::Cloud);
        assert_eq!(
            networks(&["127.0.0.0/8"]).origin([127, 0, 0, 1].into()),
            Origin::Cloud,
            "whoever lists it means it"
        );
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in
            ["", "example.org", "192.0.2.0/33", "192.0.2.1/24", "::/129", "::1/64", "192.0.2.0/", "1.2.3.4/+8", "/8"]
        {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
        }
        assert_eq!("192.0.2.1".parse::<Network>().unwrap().to_string(), "192.0.2.1/32");
    }
}
