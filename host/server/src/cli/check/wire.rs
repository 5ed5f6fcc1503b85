//! HTTP/1.1 by hand, so that it is seen when each byte comes: RFC 9112.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use easel_server::{Clock as _, SystemClock};
use hyper::Uri;
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use tokio::net::TcpSocket;

use super::trust;
use crate::cli::error::CliError;

/// The path where none is given.
const PATH: &str = "/Microsoft-Server-ActiveSync";

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(15);

/// Bytes of a head, and of a body, that are read.
const HEAD_MAX: u64 = 64 << 10;
const BODY_MAX: usize = 1 << 20;

/// Another loopback address than the usual one: a proxy on this machine speaks from that, and so they are told apart.
const LOOPBACK: Ipv4Addr = Ipv4Addr::new(127, 83, 76, 1);

/// Where a proxy is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    tls: bool,
    host: String,
    port: u16,
    path: String,
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("the connection was closed before the answer was complete")]
    Closed,
    #[error("it cannot be reached: {0}")]
    Connect(io::Error),
    #[error("the answer is no HTTP: {0:?}")]
    Form(String),
    #[error("{0}")]
    Io(io::Error),
    #[error("nothing came for {0} seconds")]
    Silent(u64),
    #[error("no TLS connection comes about: {0}")]
    Tls(rustls::Error),
}

impl Target {
    /// `https://HOST[:PORT][/PATH]`, or `http://`.
    pub(super) fn parse(url: &str) -> Result<Self, CliError> {
        let wrong = || {
            let cure = "give it as https://mail.example.org or http://127.0.0.1:8080";
            CliError::Said(format!("{url:?} is not the address of a proxy: {cure}"))
        };
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(wrong()),
        };
        if uri.query().is_some() || uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(wrong());
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?.to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = Some(uri.path()).filter(|path| !matches!(*path, "" | "/")).unwrap_or(PATH).to_owned();
        Ok(Self { tls, host, port, path })
    }

    fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        (host, self.port).to_socket_addrs().map(Iterator::collect)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.path)
    }
}

/// Bytes both ways.
trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// One connection.
pub(super) struct Line {
    stream: BufReader<Box<dyn Stream>>,
    /// The same below TLS, for its timeouts.
    socket: TcpStream,
    local: IpAddr,
    sent: Timestamp,
}

impl Line {
    pub(super) fn connect(target: &Target) -> Result<Self, WireError> {
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        let mut open = None;
        for address in target.addresses().map_err(WireError::Connect)? {
            match dial(address) {
                Ok(socket) => {
                    open = Some(socket);
                    break;
                }
                Err(error) => last = error,
            }
        }
        let socket = open.ok_or(WireError::Connect(last))?;
        let setup = || {
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(CONNECT))?;
            // A proxy that reads nothing for so long has given up.
            socket.set_write_timeout(Some(Duration::from_secs(120)))?;
            Ok((socket.try_clone()?, socket.local_addr()?.ip()))
        };
        let (clone, local) = setup().map_err(WireError::Connect)?;
        let stream: Box<dyn Stream> = if target.tls {
            let host = target.host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let name = ServerName::try_from(host)
                .map_err(|error| WireError::Connect(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
            let tls = ClientConnection::new(Arc::clone(&trust::anything()), name).map_err(WireError::Tls)?;
            Box::new(StreamOwned::new(tls, clone))
        } else {
            Box::new(clone)
        };
        Ok(Self { stream: BufReader::new(stream), socket, local, sent: SystemClock.now() })
    }

    /// The address it was made from.
    pub(super) fn local(&self) -> IpAddr {
        self.local
    }

    #[expect(clippy::unused_self, reason = "the clock of the line")]
    pub(super) fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    pub(super) fn since(&self, began: Timestamp) -> Duration {
        Duration::try_from(self.now().duration_since(began)).unwrap_or_default()
    }

    /// Sends the head of a POST.
    pub(super) fn head(
        &mut self,
        target: &Target,
        query: &str,
        headers: &[(&str, &str)],
        length: usize,
    ) -> Result<(), WireError> {
        let mut head = format!("POST {}?{query} HTTP/1.1\r\nHost: {}\r\n", target.path, target.host);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("Content-Length: {length}\r\n\r\n"));
        self.body(head.as_bytes())
    }

    /// Sends a piece of a body.
    pub(super) fn body(&mut self, piece: &[u8]) -> Result<(), WireError> {
        let stream = self.stream.get_mut();
        stream.write_all(piece).and_then(|()| stream.flush()).map_err(WireError::Io)?;
        self.sent = SystemClock.now();
        Ok(())
    }

    /// Sends a whole POST.
    pub(super) fn send(
        &mut self,
        target: &Target,
        query: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(), WireError> {
        self.head(target, query, headers, body.len())?;
        self.body(body)
    }

    /// Reads an answer; `patience` is the longest time in which nothing comes.
    pub(super) fn answer(&mut self, patience: Duration) -> Result<Answer, WireError> {
        self.socket.set_read_timeout(Some(patience)).map_err(WireError::Io)?;
        self.read().map_err(|error| {
            let WireError::Io(error) = error else { return error };
            let kind = error.kind();
            if matches!(kind, io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
                WireError::Silent(patience.as_secs())
            } else if matches!(
                kind,
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
            ) {
                WireError::Closed
            } else {
                WireError::Io(error)
            }
        })
    }

    fn read(&mut self) -> Result<Answer, WireError> {
        let status = self.line()?;
        let code = status.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
        let code = code.ok_or_else(|| WireError::Form(status.chars().take(80).collect()))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':') {
                headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
            if headers.len() > 200 {
                return Err(WireError::Form("too many headers".to_owned()));
            }
        }
        if code == 100 {
            return self.read();
        }
        let mut answer = Answer { code, headers, body: Vec::new(), arrivals: Vec::new() };
        if answer.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
            loop {
                let size = self.line()?;
                let size = size.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16).map_err(|_| WireError::Form(size.to_owned()))?;
                self.take(size, &mut answer)?;
                self.line()?;
                if size == 0 {
                    return Ok(answer);
                }
            }
        }
        let length = answer.header("content-length").map(str::parse);
        match length {
            Some(Ok(length)) => self.take(length, &mut answer)?,
            Some(Err(_)) => return Err(WireError::Form("a Content-Length that is no number".to_owned())),
            None => while self.some(usize::MAX, &mut answer)? > 0 {},
        }
        Ok(answer)
    }

    /// Reads so many bytes of a body.
    fn take(&mut self, mut length: usize, answer: &mut Answer) -> Result<(), WireError> {
        while length > 0 {
            match self.some(length, answer)? {
                0 => return Err(WireError::Closed),
                count => length -= count,
            }
        }
        Ok(())
    }

    /// Reads what is there of a body, and notes when it came.
    fn some(&mut self, most: usize, answer: &mut Answer) -> Result<usize, WireError> {
        let bytes = self.stream.fill_buf().map_err(WireError::Io)?;
        let count = bytes.len().min(most);
        if answer.body.len() + count > BODY_MAX {
            return Err(WireError::Form("a body of more than a MiB".to_owned()));
        }
        answer.body.extend_from_slice(&bytes[..count]);
        self.stream.consume(count);
        let after = self.since(self.sent);
        if count > 0 {
            answer.arrivals.push(after);
        }
        Ok(count)
    }

    fn line(&mut self) -> Result<String, WireError> {
        let mut line = Vec::new();
        (&mut self.stream).take(HEAD_MAX).read_until(b'\n', &mut line).map_err(WireError::Io)?;
        if line.pop() != Some(b'\n') {
            return Err(WireError::Closed);
        }
        Ok(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
    }
}

fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    if address.ip() != IpAddr::V4(Ipv4Addr::LOCALHOST) {
        return TcpStream::connect_timeout(&address, CONNECT);
    }
    let dial = async {
        let socket = TcpSocket::new_v4()?;
        // Where loopback has one address only, that one it is.
        let _ = socket.bind(SocketAddr::from((LOOPBACK, 0)));
        socket.connect(address).await?.into_std()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let stream = runtime.block_on(dial)?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// An answer, and when its body came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// After the last byte that was sent: each read of the body.
    arrivals: Vec<Duration>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Whether the connection ends with it.
    pub(super) fn is_last(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
            || self.header("content-length").is_none() && self.header("transfer-encoding").is_none()
    }

    /// When the first byte of the body came.
    pub(super) fn first(&self) -> Duration {
        self.arrivals.first().copied().unwrap_or_default()
    }

    /// From the first byte of the body to the last.
    pub(super) fn span(&self) -> Duration {
        self.arrivals.last().copied().unwrap_or_default().saturating_sub(self.first())
    }

    /// The beginning of the body.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(80).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_by_its_url() {
        let shown = |url: &str| Target::parse(url).map(|target| target.to_string());
        let path = "/Microsoft-Server-ActiveSync";
        assert_eq!(shown("https://mail.ox.io").unwrap(), format!("https://mail.ox.io:443{path}"));
        assert_eq!(shown("http://[::1]:8080/").unwrap(), format!("http://[::1]:8080{path}"));
        assert_eq!(shown("http://127.0.0.1/eas").unwrap(), "http://127.0.0.1:80/eas");
        for url in
            ["mail.ox.io", "ftp://mail.ox.io", "https://", "https://anna:x@mail.ox.io", "https://mail.ox.io/?x=1"]
        {
            let said = shown(url).unwrap_err().text();
            assert!(said.contains("give it as https://"), "{url}: {said}");
        }
    }
}
