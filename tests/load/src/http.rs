//! Answers, read by hand: what a phone reads, and nothing else is paid for. RFC 9112 "HTTP/1.1".

use std::io;
use std::time::Instant;

use memchr::memmem;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::clock::now;

/// Bytes of a head.
const HEAD_MAX: usize = 64 << 10;
/// Bytes of a body.
const BODY_MAX: usize = 256 << 20;
/// Bytes read at once.
const READ: usize = 32 << 10;

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    /// Retry-After, in seconds.
    pub(crate) retry_after: Option<u64>,
    /// Without the transfer coding.
    pub(crate) body: Vec<u8>,
    /// When its first byte was there.
    pub(crate) first_byte: Instant,
    /// Whether the server closes the connection behind it.
    pub(crate) closes: bool,
}

/// Bytes that were read and belong to what comes next.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
}

/// What stands before a body.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) code: u16,
    length: Option<usize>,
    is_chunked: bool,
    pub(crate) retry_after: Option<u64>,
    closes: bool,
}

impl Reader {
    /// Reads one answer.
    pub(crate) async fn read<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<Answer> {
        if self.buffer.is_empty() {
            self.more(stream).await?;
        }
        let first_byte = now();
        let head = self.head(stream).await?;
        let body = if head.is_chunked {
            self.chunks(stream).await?
        } else {
            self.take(stream, head.length.unwrap_or(0)).await?
        };
        if self.buffer.is_empty() {
            // A connection that waits keeps nothing.
            self.buffer = Vec::new();
        }
        Ok(Answer { code: head.code, retry_after: head.retry_after, body, first_byte, closes: head.closes })
    }

    /// Reads the head of an answer and leaves its body.
    pub(crate) async fn head<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<Head> {
        let end = loop {
            if let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            if self.buffer.len() > HEAD_MAX {
                return Err(wrong("a head without an end"));
            }
            self.more(stream).await?;
        };
        let head = Head::parse(&self.buffer[..end]).ok_or_else(|| wrong("no HTTP/1.1 answer"))?;
        self.buffer.drain(..end);
        Ok(head)
    }

    async fn more<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<()> {
        self.buffer.reserve(READ);
        if stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
        }
        Ok(())
    }

    async fn take<S: AsyncRead + Unpin>(&mut self, stream: &mut S, length: usize) -> io::Result<Vec<u8>> {
        if length > BODY_MAX {
            return Err(wrong("a body beyond all measure"));
        }
        while self.buffer.len() < length {
            self.more(stream).await?;
        }
        if self.buffer.len() == length {
            return Ok(std::mem::take(&mut self.buffer));
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    /// RFC 9112 7.1 "Chunked Transfer Coding".
    async fn chunks<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line(stream).await?;
            let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
            let size = std::str::from_utf8(digits).ok().and_then(|hex| usize::from_str_radix(hex.trim(), 16).ok());
            let size = size.filter(|size| *size <= BODY_MAX).ok_or_else(|| wrong("a chunk without a size"))?;
            if size == 0 {
                // Trailers, up to an empty line.
                while !self.line(stream).await?.is_empty() {}
                return Ok(body);
            }
            body.extend_from_slice(&self.take(stream, size).await?);
            if !self.line(stream).await?.is_empty() {
                return Err(wrong("a chunk longer than it says"));
            }
        }
    }

    async fn line<S: AsyncRead + Unpin>(&mut self, stream: &mut S) -> io::Result<Vec<u8>> {
        let end = loop {
            if let Some(end) = memmem::find(&self.buffer, b"\r\n") {
                break end;
            }
            if self.buffer.len() > HEAD_MAX {
                return Err(wrong("a line without an end"));
            }
            self.more(stream).await?;
        };
        let mut line: Vec<u8> = self.buffer.drain(..end + 2).collect();
        line.truncate(end);
        Ok(line)
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut lines = text.split("\r\n");
        let code = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let mut head = Self { code, ..Self::default() };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                head.length = Some(value.parse().ok()?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                head.is_chunked = value.eq_ignore_ascii_case("chunked");
            } else if name.eq_ignore_ascii_case("retry-after") {
                head.retry_after = value.parse().ok();
            } else if name.eq_ignore_ascii_case("connection") {
                head.closes = value.eq_ignore_ascii_case("close");
            }
        }
        Some(head)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// What is read of `bytes` that come in pieces of `piece` bytes.
    fn read(bytes: &[u8], piece: usize) -> Vec<io::Result<Answer>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut client, mut server) = tokio::io::duplex(piece);
            let bytes = bytes.to_vec();
            let sending = tokio::spawn(async move {
                for part in bytes.chunks(piece) {
                    // The reader may have given up.
                    if server.write_all(part).await.is_err() {
                        return;
                    }
                }
            });
            let (mut reader, mut answers) = (Reader::default(), Vec::new());
            loop {
                let answer = reader.read(&mut client).await;
                let over = answer.is_err();
                answers.push(answer);
                if over {
                    drop(client);
                    sending.await.unwrap();
                    return answers;
                }
            }
        })
    }

    #[test]
    fn answers_with_a_length_and_in_chunks_are_read_one_behind_the_other_however_they_are_cut() {
        let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\
            HTTP/1.1 200 OK\r\nServer: x\r\ntransfer-encoding: chunked\r\n\r\n4\r\nWiki\r\n6;a=b\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nX: y\r\n\r\n\
            HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        for piece in [1, 2, 3, 7, 50, 4096] {
            let answers = read(bytes, piece);
            let [Ok(first), Ok(second), Ok(third), Err(end)] = answers.as_slice() else { panic!("{answers:?}") };
            assert_eq!((first.code, first.body.as_slice()), (200, b"hello".as_slice()));
            assert_eq!((second.code, second.body.as_slice()), (200, b"Wikipedia in \r\n\r\nchunks.".as_slice()));
            assert!(!second.closes && second.retry_after.is_none());
            assert_eq!((third.code, third.retry_after, third.closes, third.body.len()), (503, Some(7), true, 0));
            assert_eq!(end.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for bytes in [
            b"HTTP/1.0 200 OK\r\n\r\n".as_slice(),
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
        ] {
            let answers = read(bytes, 4096);
            assert_eq!(answers[0].as_ref().unwrap_err().kind(), io::ErrorKind::InvalidData, "{answers:?}");
        }
        let cut = read(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", 4096);
        assert_eq!(cut[0].as_ref().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let endless = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &[b'a'; HEAD_MAX + READ]].concat();
        assert_eq!(read(&endless, 4096)[0].as_ref().unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
