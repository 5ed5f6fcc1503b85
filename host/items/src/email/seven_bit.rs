//! Charsets that wrap another in seven bits: ISO-2022-KR (RFC 1557) around EUC-KR, HZ (RFC 1843) around GBK.
//!
//! Web pages may not use them, so that the tables of the web leave them out; mail does. Nothing they shift to is read as
//! markup here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::{EUC_KR, Encoding, GBK};

use super::decode::Decoder;
use super::index::Transfer;

/// How to read a charset of that label.
pub(super) fn decoder(label: &str) -> Option<fn(&[u8]) -> String> {
    let is = |names: &[&str]| names.iter().any(|name| label.eq_ignore_ascii_case(name));
    match () {
        () if is(&["iso-2022-kr", "csiso2022kr"]) => Some(iso_2022_kr),
        () if is(&["hz-gb-2312", "hz-gb_2312", "hz"]) => Some(hz),
        () => None,
    }
}

/// Runs of ASCII and of pairs, the latter of `pairs` with the eighth bit taken off.
struct Text {
    out: String,
    run: Vec<u8>,
    pairs: &'static Encoding,
}

impl Text {
    fn of(pairs: &'static Encoding, length: usize) -> Self {
        Self { out: String::with_capacity(length), run: Vec::new(), pairs }
    }

    /// A byte of a pair, or, where a pair cannot have it, of ASCII.
    fn shifted(&mut self, byte: u8) {
        match byte {
            0x21..=0x7E => self.run.push(byte | 0x80),
            _ => self.plain(byte),
        }
    }

    fn plain(&mut self, byte: u8) {
        self.flush();
        self.out.push(if byte.is_ascii() { char::from(byte) } else { char::REPLACEMENT_CHARACTER });
    }

    /// A pair that is cut in two is left out.
    fn flush(&mut self) {
        let whole = self.run.len() / 2 * 2;
        self.out.push_str(&self.pairs.decode_without_bom_handling(&self.run[..whole]).0);
        self.run.clear();
    }

    fn finish(mut self) -> String {
        self.flush();
        self.out
    }
}

/// `ESC $ ) C` says that SO shifts to Korean; a line begins unshifted.
fn iso_2022_kr(bytes: &[u8]) -> String {
    let mut text = Text::of(EUC_KR, bytes.len());
    let mut shifted = false;
    let mut rest = bytes;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail.strip_prefix(b"$)C".as_slice()).filter(|_| *byte == 0x1B).unwrap_or(tail);
        match byte {
            0x1B if rest.len() < tail.len() => {}
            0x0E => shifted = true,
            0x0F => shifted = false,
            b'\n' => {
                shifted = false;
                text.plain(*byte);
            }
            byte if shifted => text.shifted(*byte),
            byte => text.plain(*byte),
        }
    }
    text.finish()
}

/// `~{` shifts to Chinese, `~}` back, `~~` is a tilde, `~` at the end of a line joins it to the next.
fn hz(bytes: &[u8]) -> String {
    let mut text = Text::of(GBK, bytes.len());
    let mut shifted = false;
    let mut at = 0;
    while at < bytes.len() {
        let pair = (bytes[at], bytes.get(at + 1).copied());
        at += 2;
        match (shifted, pair) {
            (false, (b'~', Some(b'{'))) => shifted = true,
            (true, (b'~', Some(b'}'))) => shifted = false,
            (false, (b'~', Some(b'~'))) => text.plain(b'~'),
            (false, (b'~', Some(b'\n'))) => {}
            (false, (b'~', Some(b'\r'))) if bytes.get(at) == Some(&b'\n') => at += 1,
            (true, (first, Some(second))) if first > b' ' && second > b' ' => {
                text.shifted(first);
                text.shifted(second);
            }
            (_, (byte, _)) => {
                at -= 1;
                shifted &= byte != b'\n';
                // A lone byte of a pair says nothing.
                if !shifted || byte <= b' ' {
                    text.plain(byte);
                }
            }
        }
    }
    text.finish()
}

/// Bytes of one encoded word.
const WORD_MAX: usize = 1_000;

/// A header value with its encoded words of these charsets written in UTF-8; `None` where there are none. RFC 2047 2.
pub(super) fn header(value: &[u8]) -> Option<Vec<u8>> {
    let label = |at: usize| {
        let rest = value.get(at + 2..)?;
        let label = &rest[..rest.iter().take(40).position(|byte| *byte == b'?')?];
        let name = std::str::from_utf8(label).ok()?.split('*').next()?;
        Some((decoder(name)?, at + 2 + label.len() + 1))
    };
    let mut out = Vec::new();
    let mut copied = 0;
    for start in memchr::memmem::find_iter(value, b"=?") {
        let Some((decode, at)) = label(start).filter(|_| start >= copied) else { continue };
        let Some([kind, b'?']) = value.get(at..at + 2) else { continue };
        let text = &value[at + 2..value.len().min(at + 2 + WORD_MAX)];
        let Some(length) = memchr::memmem::find(text, b"?=") else { continue };
        let bytes = match kind {
            b'b' | b'B' => Decoder::all(Transfer::Base64, &text[..length]),
            b'q' | b'Q' => {
                let spaced: Vec<u8> = text[..length].iter().map(|b| if *b == b'_' { b' ' } else { *b }).collect();
                Decoder::all(Transfer::QuotedPrintable, &spaced)
            }
            _ => continue,
        };
        out.extend_from_slice(&value[copied..start]);
        out.extend_from_slice(format!("=?utf-8?B?{}?=", STANDARD.encode(decode(&bytes))).as_bytes());
        copied = at + 2 + length + 2;
    }
    out.extend_from_slice(&value[copied..]);
    (copied > 0).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn korean_in_seven_bits_is_read() {
        // RFC 1557's own example of a line, and a line that begins unshifted again.
        assert_eq!(
            iso_2022_kr(b"\x1b$)C\r\nHi \x0e>H3g\x0f!\r\n\x0eGQ\r\nGQ"),
            "\r\nHi \u{c548}\u{b155}!\r\n\u{d55c}\r\nGQ"
        );
        assert_eq!(iso_2022_kr(b"\x0e>H3"), "\u{c548}");
        assert_eq!(iso_2022_kr(b"\x1b$B \xff"), "\x1b$B \u{fffd}");
    }

    #[test]
    fn chinese_in_seven_bits_is_read() {
        // RFC 1843 1.
        let text = b"This sentence is in ASCII.\nThe next sentence is in GB.~{<:Ky2;S{#,NpJ)l6HK!#~}Bye.";
        let expected = "This sentence is in ASCII.\nThe next sentence is in GB.\u{5df1}\u{6240}\u{4e0d}\u{6b32}\u{ff0c}\u{52ff}\u{65bd}\u{65bc}\u{4eba}\u{3002}Bye.";
        assert_eq!(hz(text), expected);
        assert_eq!(hz(b"a~~b~\nc~\r\nd"), "a~bcd");
        assert_eq!(hz(b"~{<:\n<:"), "\u{5df1}\n<:");
        assert_eq!(hz(b"~{<"), "");
    }

    #[test]
    fn encoded_words_are_written_in_utf_8() {
        let word = |label: &str, bytes: &[u8]| format!("=?{label}?B?{}?=", STANDARD.encode(bytes));
        let value = format!(" Re: {} {}\r\n", word("ISO-2022-KR", b"\x1b$)C\x0e>H3g\x0f"), word("utf-8", b"x"));
        let expected = format!(" Re: {} {}\r\n", word("utf-8", "\u{c548}\u{b155}".as_bytes()), word("utf-8", b"x"));
        assert_eq!(header(value.as_bytes()).unwrap(), expected.as_bytes());
        let quoted = header(b"=?hz-gb-2312?Q?~{<:~}_a?=").unwrap();
        assert_eq!(quoted, word("utf-8", "\u{5df1} a".as_bytes()).as_bytes());
        for none in [b"=?utf-8?B?eA==?=".as_slice(), b"=?hz?", b"=?hz?B?", b"=?hz?X?a?=", b"=?", b""] {
            assert_eq!(header(none), None);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..60), line in "(=\\?(hz|x)\\?|[BQ]\\?|\\?=|[a-z_=]){0,20}") {
            let _ = (iso_2022_kr(&bytes), hz(&bytes), header(line.as_bytes()), header(&bytes));
        }
    }
}
