//! What stands for the Message-ID of a mail that has none: made of its content, so that a mail which comes back from an
//! export is known again.

use std::ops::Range;

use sha2::{Digest, Sha256};

/// The fields in which an mbox keeps the state of a mail; Mozilla's among them.
const STATUS_FIELDS: [&str; 6] =
    ["Status", "X-Status", "X-Keywords", "X-Mozilla-Keys", "X-Mozilla-Status", "X-Mozilla-Status2"];

/// Bytes of a header that are looked at.
const HEADER_MAX: usize = 256 << 10;

/// Where the fields of a header stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderLines {
    /// Each field with its folded lines and their ends.
    pub fields: Vec<Range<usize>>,
    /// Where the header ends: before the empty line.
    pub end: usize,
    /// Whether a line ends with CR LF.
    pub crlf: bool,
}

impl HeaderLines {
    /// Finds them in a message; its first 256 KiB are looked at.
    pub fn of(raw: &[u8]) -> Self {
        let mut lines = Self { end: raw.len().min(HEADER_MAX), ..Self::default() };
        let mut at = 0;
        while at < raw.len().min(HEADER_MAX) {
            let length = raw[at..].iter().position(|byte| *byte == b'\n').map_or(raw.len() - at, |end| end + 1);
            let line = &raw[at..at + length];
            lines.crlf |= line.ends_with(b"\r\n");
            if line == b"\n" || line == b"\r\n" {
                lines.end = at;
                break;
            }
            match lines.fields.last_mut() {
                Some(open) if matches!(line[0], b' ' | b'\t') => open.end = at + length,
                Some(_) | None => lines.fields.push(at..at + length),
            }
            at += length;
        }
        lines
    }
}

/// The name of a field that stands at a place of a message, if it has one.
pub fn field_name(raw: &[u8], place: Range<usize>) -> Option<&[u8]> {
    let field = raw.get(place)?;
    let colon = field.iter().position(|byte| *byte == b':')?;
    Some(&field[..colon])
}

/// Whether a field keeps the state of a mail in an mbox, and so is no part of what was sent.
pub fn is_status_field(name: &[u8]) -> bool {
    STATUS_FIELDS.iter().any(|field| name.eq_ignore_ascii_case(field.as_bytes()))
}

/// A message in pieces, without the fields that keep its state.
pub fn without_status_fields(raw: &[u8]) -> Vec<&[u8]> {
    let (mut pieces, mut from) = (Vec::new(), 0);
    for place in HeaderLines::of(raw).fields {
        if field_name(raw, place.clone()).is_some_and(is_status_field) {
            pieces.push(&raw[from..place.start]);
            from = place.end;
        }
    }
    pieces.push(&raw[from..]);
    pieces
}

/// A hash of a message without the fields that keep its state and the empty lines at its end: an mbox changes both.
pub fn content_hash(raw: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    let end = raw.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |at| at + 1);
    for piece in without_status_fields(&raw[..end]) {
        hash.update(piece);
    }
    hash.finalize().into()
}

/// What stands for a UID or Message-ID where there is none: `sha256:` and 64 hexadecimal digits.
pub fn name_by_hash(hash: &[u8; 32]) -> String {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_mbox_changes_does_not_change_the_name() {
        let sent = b"From: a\r\nX-Statusx: 1\r\nTo: b\r\n\r\nbody\r\n";
        for same in [
            &b"From: a\r\nX-Statusx: 1\r\nTo: b\r\n\r\nbody"[..],
            b"From: a\r\nstatus: RO\r\nX-Statusx: 1\r\nTo: b\r\nX-Keywords: a\r\n b\r\n\r\nbody\r\n\r\n\n",
            b"X-Mozilla-Status2: 0\r\nX-Mozilla-Keys: x\r\nFrom: a\r\nX-Statusx: 1\r\nTo: b\r\nX-Status: F\r\n\r\nbody",
        ] {
            assert_eq!(content_hash(same), content_hash(sent), "{}", String::from_utf8_lossy(same));
        }
        for other in
            [&b"From: a\r\nTo: b\r\n\r\nbody\r\n"[..], b"From: a\r\nX-Statusx: 1\r\nTo: b\r\n\r\nStatus: x\r\nbody"]
        {
            assert_ne!(content_hash(other), content_hash(sent), "{}", String::from_utf8_lossy(other));
        }
        let name = name_by_hash(&content_hash(b""));
        assert_eq!(name, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn a_header_without_end_is_looked_at_up_to_a_bound() {
        let many = b"Status: R\n".repeat(HEADER_MAX / 5);
        let lines = HeaderLines::of(&many);
        assert!(lines.fields.len() <= HEADER_MAX / 10 + 1 && lines.end == HEADER_MAX);
        assert_eq!(HeaderLines::of(&vec![b'x'; HEADER_MAX * 2]).fields.last(), Some(&(0..HEADER_MAX * 2)));
    }
}
