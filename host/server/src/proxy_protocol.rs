//! The PROXY protocol, versions 1 and 2: a proxy in front says whose connection it passes on.
//!
//! Strict: on a listener of this kind every connection begins with a header, and whatever is not exactly one ends the
//! connection. Not a byte beyond the header is read, so that what follows stays on the stream.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt};

/// What version 2 begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The longest line of version 1, with its end.
const LINE_MAX: usize = 107;

/// The longest body of a version 2 header: addresses and whatever the proxy adds to them.
const BODY_MAX: usize = 2048;

/// Why a connection without a proper header is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyError {
    #[error("the connection does not begin with a PROXY header")]
    Missing,
    #[error("the PROXY header makes no sense: {0}")]
    Malformed(&'static str),
    #[error("the PROXY header did not come")]
    Read(#[source] io::Error),
}

impl From<io::Error> for ProxyError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// Reads the header. `None`: the proxy speaks for itself (a health check), or does not know the address.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<IpAddr>, ProxyError> {
    // The shortest header of either version is longer than this.
    let mut start = [0; 12];
    stream.read_exact(&mut start).await?;
    if start == SIGNATURE {
        version_2(stream).await
    } else if start.starts_with(b"PROXY ") {
        version_1(start, stream).await
    } else {
        Err(ProxyError::Missing)
    }
}

async fn version_1(start: [u8; 12], stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<IpAddr>, ProxyError> {
    let mut line = start.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() >= LINE_MAX {
            return Err(ProxyError::Malformed("the line is too long"));
        }
        line.push(stream.read_u8().await?);
    }
    let line = std::str::from_utf8(&line).map_err(|_| ProxyError::Malformed("the line is no text"))?;
    line_address(line.trim_end_matches("\r\n"))
}

fn line_address(line: &str) -> Result<Option<IpAddr>, ProxyError> {
    let mut words = line.split(' ');
    let (_proxy, family) = (words.next(), words.next());
    let family = match family {
        Some("UNKNOWN") => return Ok(None),
        Some(family @ ("TCP4" | "TCP6")) => family,
        Some(_) | None => return Err(ProxyError::Malformed("the family is none of TCP4, TCP6, UNKNOWN")),
    };
    let fields: Vec<&str> = words.collect();
    let [source, destination, source_port, destination_port] = fields[..] else {
        return Err(ProxyError::Malformed("not two addresses and two ports"));
    };
    let address = |text: &str| -> Result<IpAddr, ProxyError> {
        text.parse()
            .ok()
            .filter(|address: &IpAddr| address.is_ipv4() == (family == "TCP4"))
            .ok_or(ProxyError::Malformed("an address that is none of its family"))
    };
    for port in [source_port, destination_port] {
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || port.parse::<u16>().is_err() {
            return Err(ProxyError::Malformed("a port that is none"));
        }
    }
    address(destination)?;
    address(source).map(Some)
}

async fn version_2(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<IpAddr>, ProxyError> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await?;
    let [version_and_command, family, high, low] = head;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > BODY_MAX {
        return Err(ProxyError::Malformed("the header is too long"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let is_local = match version_and_command {
        0x20 => true,
        0x21 => false,
        _ => return Err(ProxyError::Malformed("neither LOCAL nor PROXY of version 2")),
    };
    let address = match family {
        0x00 => None,
        0x11 => Some(IpAddr::V4(Ipv4Addr::from(source::<4>(&body)?))),
        0x21 => Some(IpAddr::V6(Ipv6Addr::from(source::<16>(&body)?))),
        _ => return Err(ProxyError::Malformed("the family is none of TCP over IPv4, TCP over IPv6, UNSPEC")),
    };
    Ok(address.filter(|_| !is_local))
}

/// The source address; the destination and both ports must be there too.
fn source<const N: usize>(body: &[u8]) -> Result<[u8; N], ProxyError> {
    let whole = body.len() >= 2 * N + 4;
    body.first_chunk().copied().filter(|_| whole).ok_or(ProxyError::Malformed("the addresses are cut"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The outcome, and what is left on the stream.
    fn parse(mut bytes: &[u8]) -> (Result<Option<IpAddr>, ProxyError>, &[u8]) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let outcome = runtime.block_on(read(&mut bytes));
        (outcome, bytes)
    }

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, body].concat()
    }

    #[test]
    fn a_line_of_version_1_names_the_client() {
        for (line, address) in [
            ("PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\nPOST", Some("192.0.2.7")),
            ("PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\nPOST", Some("2001:db8::7")),
            ("PROXY UNKNOWN\r\nPOST", None),
            ("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\nPOST", None),
        ] {
            let (outcome, rest) = parse(line.as_bytes());
            assert_eq!(outcome.unwrap(), address.map(|text| text.parse().unwrap()), "{line}");
            assert_eq!(rest, b"POST", "{line}");
        }
    }

    #[test]
    fn a_header_of_version_2_names_the_client() {
        let four = [192, 0, 2, 7, 192, 0, 2, 1, 0xDC, 4, 1, 0xBB];
        let with_extras = [&four[..], &[4, 0, 1, 0]].concat();
        for body in [&four[..], &with_extras] {
            let bytes = [v2(0x21, 0x11, body), b"POST".to_vec()].concat();
            let (outcome, rest) = parse(&bytes);
            assert_eq!(outcome.unwrap(), Some("192.0.2.7".parse().unwrap()));
            assert_eq!(rest, b"POST");
        }
        let six: Vec<u8> = (1..=36).collect();
        let source: [u8; 16] = std::array::from_fn(|at| six[at]);
        assert_eq!(parse(&v2(0x21, 0x21, &six)).0.unwrap(), Some(IpAddr::from(source)));
        assert_eq!(parse(&v2(0x20, 0x00, &[])).0.unwrap(), None);
        assert_eq!(parse(&v2(0x20, 0x11, &four)).0.unwrap(), None, "a health check of the proxy itself");
        assert_eq!(parse(&v2(0x21, 0x00, &[])).0.unwrap(), None);
    }

    #[test]
    fn whatever_is_no_header_is_refused() {
        for bytes in [
            &b"POST /Microsoft-Server-ActiveSync HTTP/1.1\r\n"[..],
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03abcdefgh",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 56324\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443 1\r\n",
            b"PROXY TCP4 2001:db8::7 192.0.2.1 56324 443\r\n",
            b"PROXY TCP6 192.0.2.7 192.0.2.1 56324 443\r\n",
            b"PROXY TCP4 192.0.2.7 x 56324 443\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 65536 443\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 +1 443\r\n",
            b"PROXY TCP4  192.0.2.7 192.0.2.1 1 443\r\n",
            b"PROXY UDP4 192.0.2.7 192.0.2.1 1 443\r\n",
            b"PROXY \xFF\xFF\xFF\xFF\xFF\xFF\xFF\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 1 443",
            b"PROX",
        ] {
            assert!(parse(bytes).0.is_err(), "{}", String::from_utf8_lossy(bytes));
        }
        let four = [0; 12];
        for bytes in [
            v2(0x11, 0x11, &four),
            v2(0x22, 0x11, &four),
            v2(0x21, 0x12, &four),
            v2(0x21, 0x31, &[0; 216]),
            v2(0x21, 0x11, &four[..11]),
            v2(0x21, 0x21, &[0; 35]),
        ] {
            assert!(parse(&bytes).0.is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_header_without_end_is_given_up_at_the_limit() {
        let line = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 1000]].concat();
        let (outcome, rest) = parse(&line);
        assert!(matches!(outcome, Err(ProxyError::Malformed(_))));
        assert_eq!(rest.len(), line.len() - LINE_MAX);
        let long = v2(0x21, 0x11, &vec![0; BODY_MAX + 1]);
        let (outcome, rest) = parse(&long);
        assert!(matches!(outcome, Err(ProxyError::Malformed(_))));
        assert_eq!(rest.len(), BODY_MAX + 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(tail: Vec<u8>) {
            let _ = parse(&tail);
            let _ = parse(&[b"PROXY ".to_vec(), tail.clone()].concat());
            let _ = parse(&[SIGNATURE.to_vec(), tail].concat());
        }
    }
}
