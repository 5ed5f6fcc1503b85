//! The bytes of a message on their way in.
//!
//! Lines end with CR LF and with nothing else (RFC 5321 2.3.8 "Lines"), and only CR LF dot CR LF ends a message: a
//! server that takes less lets one message smuggle another in. A message with a stray CR, a stray LF or a NUL is read
//! to its end and refused.

use super::reply::Reply;

/// How many times the largest message is read and thrown away before the connection is.
const PATIENCE: u64 = 4;

/// A message as far as it has come.
#[derive(Debug)]
pub(super) struct Content {
    bytes: Vec<u8>,
    max: u64,
    read: u64,
    fault: Option<Reply>,
    after_cr: bool,
}

impl Content {
    /// Nothing yet, at most `max` bytes.
    pub(super) const fn new(max: u64) -> Self {
        Self { bytes: Vec::new(), max, read: 0, fault: None, after_cr: false }
    }

    /// Takes bytes that are the message's own.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            let plain = rest.iter().position(|b| matches!(b, b'\r' | b'\n' | 0)).unwrap_or(rest.len());
            let run = plain.max(1);
            match first {
                b'\n' if self.after_cr => self.after_cr = false,
                _ if self.after_cr || first == b'\n' => self.refuse(Reply::MESSAGE_LINE_ENDS),
                0 => self.refuse(Reply::MESSAGE_NUL),
                _ => {}
            }
            self.after_cr = first == b'\r';
            self.keep(&rest[..run]);
            rest = &rest[run..];
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.read += bytes.len() as u64;
        if self.read > self.max {
            self.refuse(Reply::MESSAGE_TOO_LARGE);
        }
        if self.fault.is_none() {
            self.bytes.extend_from_slice(bytes);
        }
    }

    /// Remembers the first reason and lets go of the bytes.
    pub(super) fn refuse(&mut self, fault: Reply) {
        self.fault.get_or_insert(fault);
        self.bytes = Vec::new();
    }

    /// Whether so much came that it is not worth reading on.
    pub(super) const fn is_hopeless(&self) -> bool {
        self.read > self.max.saturating_mul(PATIENCE)
    }

    /// Whether it is refused already.
    pub(super) const fn is_refused(&self) -> bool {
        self.fault.is_some()
    }

    /// The message, or why it is refused.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, Reply> {
        if self.after_cr {
            self.refuse(Reply::MESSAGE_LINE_ENDS);
        }
        self.fault.map_or(Ok(self.bytes), Err)
    }
}

/// Finds the end of a message that came with DATA, and takes away the dots added to it. RFC 5321 4.5.2 "Transparency".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dots {
    /// At the start of a line.
    LineStart,
    /// Behind a dot at the start of a line.
    Dot,
    /// Behind a dot and a CR at the start of a line.
    DotCr,
    /// Within a line.
    Within,
    /// Behind a CR within a line.
    Cr,
}

impl Dots {
    /// Moves message bytes from `input` to `content`: how many were used, and whether that was the end of the message.
    pub(super) fn take(&mut self, input: &[u8], content: &mut Content) -> (usize, bool) {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            let used = match *self {
                Self::LineStart if byte == b'.' => {
                    *self = Self::Dot;
                    1
                }
                Self::Dot if byte == b'\r' => {
                    *self = Self::DotCr;
                    1
                }
                Self::DotCr if byte == b'\n' => {
                    *self = Self::LineStart;
                    return (at + 1, true);
                }
                Self::DotCr => {
                    // The CR was none of a line end; it and what follows are content, which will be refused for it.
                    content.take(b"\r");
                    *self = Self::Cr;
                    0
                }
                Self::LineStart | Self::Dot | Self::Within | Self::Cr => self.line(&input[at..], content),
            };
            at += used;
        }
        (at, false)
    }

    /// Takes what belongs to the line, up to and with the next CR or the LF behind it.
    fn line(&mut self, input: &[u8], content: &mut Content) -> usize {
        if *self == Self::Cr && input[0] == b'\n' {
            content.take(b"\n");
            *self = Self::LineStart;
            return 1;
        }
        let cr = input.iter().position(|b| *b == b'\r');
        let used = cr.map_or(input.len(), |cr| cr + 1);
        content.take(&input[..used]);
        *self = if cr.is_some() { Self::Cr } else { Self::Within };
        used
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads `wire` in pieces of `piece` bytes: the message, and what was left behind its end.
    fn read(wire: &[u8], piece: usize) -> Option<(Result<Vec<u8>, Reply>, usize)> {
        let (mut content, mut dots) = (Content::new(1000), Dots::LineStart);
        let mut used = 0;
        for piece in wire.chunks(piece) {
            let (taken, ended) = dots.take(piece, &mut content);
            used += taken;
            if ended {
                return Some((content.finish(), used));
            }
            assert_eq!(taken, piece.len());
        }
        None
    }

    fn message(wire: &[u8]) -> Option<Result<Vec<u8>, Reply>> {
        let whole = read(wire, wire.len().max(1));
        for piece in 1..4 {
            assert_eq!(read(wire, piece), whole, "{:?} by {piece}", wire.escape_ascii().to_string());
        }
        whole.map(|(message, _)| message)
    }

    #[test]
    fn a_dot_alone_ends_the_message_and_added_dots_go() {
        assert_eq!(message(b".\r\n"), Some(Ok(b"".to_vec())));
        assert_eq!(message(b"a\r\n.\r\n"), Some(Ok(b"a\r\n".to_vec())));
        assert_eq!(message(b"..\r\n..a\r\n.\r\n"), Some(Ok(b".\r\n.a\r\n".to_vec())));
        assert_eq!(message(b".a\r\n.\r\n"), Some(Ok(b"a\r\n".to_vec())));
        assert_eq!(message(b"a.\r\n.\r\n"), Some(Ok(b"a.\r\n".to_vec())));
        assert_eq!(read(b"a\r\n.\r\nQUIT\r\n", 64), Some((Ok(b"a\r\n".to_vec()), 6)));
    }

    #[test]
    fn nothing_else_ends_it_and_a_stray_line_end_refuses_it() {
        for smuggled in [
            &b"a\n.\nb"[..],
            b"a\n.\r\nb",
            b"a\r.\rb",
            b"a\r.\r\nb",
            b"a\r\n.\nb",
            b"a\r\n.\rb",
            b"a\r\r\n.\nb",
            b"a\r\n.\r.\r\n",
            b"\n.\r\n",
            b".\n",
            b"\r\n.\r\r\n",
            b"a\nb",
            b"a\rb",
        ] {
            assert_eq!(message(smuggled), None, "{}", smuggled.escape_ascii());
            let ended = [smuggled, b"\r\n.\r\n"].concat();
            assert_eq!(message(&ended), Some(Err(Reply::MESSAGE_LINE_ENDS)), "{}", smuggled.escape_ascii());
        }
        assert_eq!(message(b"a\0b\r\n.\r\n"), Some(Err(Reply::MESSAGE_NUL)));
    }

    #[test]
    fn a_message_may_have_as_many_bytes_as_allowed() {
        let of = |bytes: usize| {
            let mut content = Content::new(10);
            content.take(&vec![b'a'; bytes]);
            (content.is_hopeless(), content.finish().map(|bytes| bytes.len()))
        };
        assert_eq!(of(10), (false, Ok(10)));
        assert_eq!(of(11), (false, Err(Reply::MESSAGE_TOO_LARGE)));
        assert_eq!(of(40), (false, Err(Reply::MESSAGE_TOO_LARGE)));
        assert_eq!(of(41), (true, Err(Reply::MESSAGE_TOO_LARGE)));
    }

    #[test]
    fn a_last_chunk_must_not_end_within_a_line_end() {
        let mut content = Content::new(10);
        content.take(b"a\r");
        content.take(b"\nb\r");
        assert_eq!(content.finish(), Err(Reply::MESSAGE_LINE_ENDS));
    }

    proptest! {
        #[test]
        fn what_was_stuffed_comes_out_whole(lines in prop::collection::vec("[.a]{0,3}", 0..6), piece in 1..9usize) {
            let body: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let stuffed = |line: &String| if line.starts_with('.') { format!(".{line}\r\n") } else { format!("{line}\r\n") };
            let wire: String = lines.iter().map(stuffed).chain([".\r\n".to_owned()]).collect();
            prop_assert_eq!(read(wire.as_bytes(), piece), Some((Ok(body.into_bytes()), wire.len())));
        }

        #[test]
        fn the_end_is_where_a_naive_reader_finds_it(wire in "[.a\r\n]{0,24}", piece in 1..5usize) {
            let padded = format!("\r\n{wire}");
            let naive = padded.find("\r\n.\r\n").map(|at| at + 3);
            let read = read(wire.as_bytes(), piece).map(|(message, used)| (message.is_ok(), used));
            prop_assert_eq!(read.map(|(_, used)| used), naive);
            if let Some((clean, used)) = read {
                let stray = wire[..used].replace("\r\n", "").contains(['\r', '\n']);
                prop_assert_eq!(clean, !stray);
            }
        }
    }
}
