//! A connection that is read line by line.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Never hands out more than one line in a read.
///
/// Whoever reads through a buffer has then nothing in it behind the answer to STARTTLS: what an attacker put there
/// (RFC 3207 6, "response injection") is still here, goes into the TLS handshake and breaks it.
pub(super) struct LineStream {
    inner: TcpStream,
    ahead: Vec<u8>,
    used: usize,
}

impl LineStream {
    pub(super) fn new(inner: TcpStream) -> Self {
        Self { inner, ahead: Vec::new(), used: 0 }
    }
}

impl fmt::Debug for LineStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LineStream").finish_non_exhaustive()
    }
}

impl AsyncTokioStream for LineStream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }
}

impl AsyncRead for LineStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.used == this.ahead.len() {
            let mut bytes = [0; 8192];
            let mut fresh = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut fresh))?;
            this.ahead.clear();
            this.ahead.extend_from_slice(fresh.filled());
            this.used = 0;
        }
        let rest = &this.ahead[this.used..];
        let line = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |end| end + 1).min(out.remaining());
        out.put_slice(&rest[..line]);
        this.used += line;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LineStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
