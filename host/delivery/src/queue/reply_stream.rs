//! A connection from which replies are read, each as `lettre` can read it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes of a line that are kept: `lettre` takes 1,000, and RFC 5321 4.5.3.1.5 "Reply Line" promises 512.
const LINE_MAX: usize = 900;
/// Lines of a reply that are kept; `lettre` takes 100,000 bytes.
const LINES_MAX: usize = 100;

/// Hands out one reply after the other, written so that its three digits are all that counts.
///
/// RFC 5321 4.2 "SMTP Replies" lets a server leave the text out (`250`), and many write their own language in their own
/// encoding. `lettre` reads neither, and a 250 that is not read means that the message is sent again, though it was
/// taken. So text that is no UTF-8 has `?` where it is not ASCII; what is too long is cut; the space behind the code is
/// there; and every line has the code of the last one.
///
/// Never more than one reply is handed out: whoever reads through a buffer has nothing in it behind the answer to STARTTLS.
#[derive(Debug)]
pub(super) struct ReplyStream<S> {
    inner: S,
    /// What came and was not looked at yet.
    ahead: Vec<u8>,
    used: usize,
    /// The start of a line whose end did not come yet.
    line: Vec<u8>,
    /// The texts of the lines before the last.
    texts: Vec<String>,
    /// The reply being handed out.
    reply: Vec<u8>,
    given: usize,
}

impl<S> ReplyStream<S> {
    pub(super) const fn new(inner: S) -> Self {
        Self { inner, ahead: Vec::new(), used: 0, line: Vec::new(), texts: Vec::new(), reply: Vec::new(), given: 0 }
    }

    /// One whose server has greeted already: RFC 3207 4.2, nothing is said after the TLS handshake.
    pub(super) fn greeted(inner: S) -> Self {
        Self { reply: b"220 \r\n".to_vec(), ..Self::new(inner) }
    }

    /// The connection; an error when something stands behind the last reply. RFC 3207 6: an attacker put it there
    /// ("response injection").
    fn into_inner(self) -> io::Result<S> {
        if self.used < self.ahead.len() || !self.line.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "more was said than the answer to STARTTLS"));
        }
        Ok(self.inner)
    }

    /// Looks at what came; whether a reply is there to be handed out.
    fn take(&mut self) -> bool {
        while self.used < self.ahead.len() {
            let rest = &self.ahead[self.used..];
            let end = rest.iter().position(|b| *b == b'\n');
            let piece = &rest[..end.unwrap_or(rest.len())];
            let room = LINE_MAX.saturating_sub(self.line.len());
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            self.used += end.map_or(piece.len(), |end| end + 1);
            if end.is_some() && self.end_line() {
                return true;
            }
        }
        false
    }

    /// Ends a line; whether it is the last of its reply.
    fn end_line(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        let (code, rest) = line.split_at_checked(3).unwrap_or((b"", line));
        self.given = 0;
        if !code.iter().all(u8::is_ascii_digit) || code.is_empty() {
            // No reply at all: whoever reads it finds that out.
            self.texts.clear();
            self.reply = format!("{}\r\n", readable(line)).into_bytes();
            return true;
        }
        let text = readable(rest.strip_prefix(b"-").or_else(|| rest.strip_prefix(b" ")).unwrap_or(rest));
        if rest.starts_with(b"-") {
            if self.texts.len() < LINES_MAX {
                self.texts.push(text);
            }
            return false;
        }
        let code = String::from_utf8_lossy(code);
        let before: String = self.texts.drain(..).map(|text| format!("{code}-{text}\r\n")).collect();
        self.reply = format!("{before}{code} {text}\r\n").into_bytes();
        true
    }
}

/// A text as it may be shown: UTF-8 as it is (RFC 6531 3.7.4.2), of anything else what is ASCII; a line that was cut may
/// end within a character.
fn readable(text: &[u8]) -> String {
    let text = match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => text.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl<S: AsyncRead + Unpin> AsyncRead for ReplyStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.given == this.reply.len() && !this.take() {
            let mut bytes = [0; 8192];
            let mut fresh = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut fresh))?;
            if fresh.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            this.ahead.clear();
            this.ahead.extend_from_slice(fresh.filled());
            this.used = 0;
        }
        let rest = &this.reply[this.given..];
        let count = rest.len().min(out.remaining());
        out.put_slice(&rest[..count]);
        this.given += count;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReplyStream<S> {
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

impl<S: AsyncTokioStream> AsyncTokioStream for ReplyStream<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }
}

/// A plain connection that is lent to `lettre` and can be had back, for TLS.
#[derive(Clone, Debug)]
pub(super) struct Lent(Arc<Mutex<ReplyStream<TcpStream>>>);

impl Lent {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(Arc::new(Mutex::new(ReplyStream::new(stream))))
    }

    /// The connection, once nobody else has it. An error as of [`ReplyStream::into_inner`].
    pub(super) fn back(self) -> io::Result<TcpStream> {
        let stream = Arc::into_inner(self.0).ok_or_else(|| io::Error::other("the connection is in use"))?;
        stream.into_inner().expect("no holder of this lock panics").into_inner()
    }

    fn stream(&self) -> MutexGuard<'_, ReplyStream<TcpStream>> {
        self.0.lock().expect("no holder of this lock panics")
    }
}

impl AsyncRead for Lent {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_read(cx, out)
    }
}

impl AsyncWrite for Lent {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Lent {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream().inner.peer_addr()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// What is read of `wire`, in pieces as it comes.
    async fn read(wire: &[u8], piece: usize) -> String {
        let (mut far, near) = tokio::io::duplex(piece);
        let wire = wire.to_vec();
        let sending = tokio::spawn(async move { tokio::io::AsyncWriteExt::write_all(&mut far, &wire).await });
        let mut all = String::new();
        ReplyStream::new(near).read_to_string(&mut all).await.unwrap();
        sending.await.unwrap().unwrap();
        all
    }

    #[tokio::test]
    async fn the_three_digits_are_all_that_counts() {
        let long = [b"250 ".as_slice(), &b"x".repeat(5000), b"\r\n"].concat();
        let cut = format!("250 {}\r\n", "x".repeat(LINE_MAX - 4));
        let many = [b"250-x\r\n".repeat(1000), b"250 y\r\n".to_vec()].concat();
        let kept = "250-x\r\n".repeat(LINES_MAX) + "250 y\r\n";
        let cases: [(&[u8], &str); 12] = [
            (b"250 ok\r\n", "250 ok\r\n"),
            (b"250\r\n", "250 \r\n"),
            (b"250 \r\n250\n", "250 \r\n250 \r\n"),
            (b"250 \xfcbernommen\r\n", "250 ?bernommen\r\n"),
            ("250 übernommen\r\n".as_bytes(), "250 übernommen\r\n"),
            (b"250-mx\r\n250-SIZE 1\r\n250\r\n", "250-mx\r\n250-SIZE 1\r\n250 \r\n"),
            (b"250-mx\r\n451 later\r\n", "451-mx\r\n451 later\r\n"),
            (b"250_ok\0\r!\r\n", "250 _ok  !\r\n"),
            (b"25\r\n", "25\r\n"),
            (b"OK\xff then\r\n", "OK? then\r\n"),
            (&long, &cut),
            (&many, &kept),
        ];
        for (wire, expected) in cases {
            for piece in [1, 7, 100_000] {
                let read = read(wire, piece).await;
                assert_eq!(read, expected, "{} in pieces of {piece}", String::from_utf8_lossy(wire));
            }
        }
    }

    #[tokio::test]
    async fn a_read_ends_with_its_reply_and_what_stands_behind_it_is_seen() {
        let (mut far, near) = tokio::io::duplex(100);
        tokio::io::AsyncWriteExt::write_all(&mut far, b"220 go\r\n250 more").await.unwrap();
        let (mut stream, mut buffer) = (ReplyStream::greeted(near), [0; 100]);
        for expected in ["220 \r\n", "220 go\r\n"] {
            let count = stream.read(&mut buffer).await.unwrap();
            assert_eq!(&buffer[..count], expected.as_bytes());
        }
        assert_eq!(stream.into_inner().unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
