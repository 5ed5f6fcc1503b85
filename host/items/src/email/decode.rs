//! Transfer encodings and charsets, as much of them as is needed. RFC 2045 6 "Content-Transfer-Encoding".

use std::sync::Arc;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use mail_parser::decoders::charsets::DecoderFnc;
use mail_parser::decoders::charsets::map::charset_decoder;

use super::index::{Part, Transfer};
use super::{Raw, seven_bit};
use crate::ItemError;

/// The least that is read at once.
const READ_MIN: u64 = 4 * 1024;
/// The most that is read at once.
const READ_MAX: u64 = 256 * 1024;
/// White space between the `=` of a soft line break and its line end.
const PADDING_MAX: usize = 80;

const NONE: u8 = 0xFF;
const BASE64: [u8; 256] = {
    let mut table = [NONE; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut at = 0;
    while at < 64 {
        table[alphabet[at] as usize] = at as u8;
        at += 1;
    }
    table
};

/// Undoes a transfer encoding, piece by piece. What is not of the encoding is skipped (base64) or kept (others).
#[derive(Debug)]
pub(crate) struct Decoder {
    transfer: Transfer,
    bits: u32,
    count: u8,
    carry: Vec<u8>,
}

impl Decoder {
    pub(crate) const fn new(transfer: Transfer) -> Self {
        Self { transfer, bits: 0, count: 0, carry: Vec::new() }
    }

    /// All of `input` at once.
    pub(crate) fn all(transfer: Transfer, input: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(input.len());
        let mut decoder = Self::new(transfer);
        decoder.push(input, &mut out);
        decoder.finish(&mut out);
        out
    }

    pub(crate) fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        match self.transfer {
            Transfer::Identity => out.extend_from_slice(input),
            Transfer::Base64 => self.base64(input, out),
            Transfer::QuotedPrintable if self.carry.is_empty() => self.quoted_printable(input, false, out),
            Transfer::QuotedPrintable => {
                let mut joined = std::mem::take(&mut self.carry);
                joined.extend_from_slice(input);
                self.quoted_printable(&joined, false, out);
            }
        }
    }

    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        self.flush(out);
        let rest = std::mem::take(&mut self.carry);
        self.quoted_printable(&rest, true, out);
    }

    fn base64(&mut self, input: &[u8], out: &mut Vec<u8>) {
        let mut rest = input;
        loop {
            while self.count == 0 && rest.len() >= 4 {
                let four = [rest[0], rest[1], rest[2], rest[3]].map(|byte| BASE64[usize::from(byte)]);
                if four.contains(&NONE) {
                    break;
                }
                let bits = four.iter().fold(0u32, |bits, six| bits << 6 | u32::from(*six));
                out.extend_from_slice(&bits.to_be_bytes()[1..]);
                rest = &rest[4..];
            }
            let Some((byte, tail)) = rest.split_first() else { return };
            rest = tail;
            match BASE64[usize::from(*byte)] {
                NONE if *byte == b'=' => self.flush(out),
                NONE => {}
                six => {
                    self.bits = self.bits << 6 | u32::from(six);
                    self.count += 1;
                    if self.count == 4 {
                        out.extend_from_slice(&self.bits.to_be_bytes()[1..]);
                        (self.bits, self.count) = (0, 0);
                    }
                }
            }
        }
    }

    /// Ends a group that padding or the end cuts short.
    fn flush(&mut self, out: &mut Vec<u8>) {
        match self.count {
            2 => out.push((self.bits >> 4) as u8),
            3 => out.extend_from_slice(&((self.bits >> 2) as u16).to_be_bytes()),
            _ => {}
        }
        (self.bits, self.count) = (0, 0);
    }

    fn quoted_printable(&mut self, input: &[u8], last: bool, out: &mut Vec<u8>) {
        let mut at = 0;
        while let Some(offset) = memchr::memchr(b'=', &input[at..]) {
            out.extend_from_slice(&input[at..at + offset]);
            at += offset;
            let rest = &input[at..];
            let padding = rest[1..].iter().take(PADDING_MAX).take_while(|b| matches!(b, b' ' | b'\t')).count();
            let taken = match &rest[1 + padding..] {
                [b'\n', ..] => 2 + padding,
                [b'\r', b'\n', ..] => 3 + padding,
                [b'\r', _, ..] => 2 + padding,
                [] | [b'\r'] if !last && padding < PADDING_MAX => {
                    self.carry = rest.to_vec();
                    return;
                }
                [] | [b'\r'] => rest.len(),
                [_] if !last && padding == 0 => {
                    self.carry = rest.to_vec();
                    return;
                }
                [high, low, ..] if padding == 0 && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    out.push(hex(*high) << 4 | hex(*low));
                    3
                }
                _ => {
                    out.push(b'=');
                    1
                }
            };
            at += taken;
        }
        out.extend_from_slice(&input[at..]);
    }
}

const fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit.wrapping_sub(b'A').wrapping_add(10),
    }
}

/// How many bytes a [`Decoder`] makes of `input`.
pub(super) fn decoded_size(transfer: Transfer, input: &[u8]) -> u64 {
    match transfer {
        Transfer::Identity => input.len() as u64,
        Transfer::Base64 => {
            // Padding ends a group; what is not of the alphabet counts for nothing.
            let six = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
            input.split(|byte| *byte == b'=').map(|run| run.iter().filter(six).count() as u64 * 6 / 8).sum()
        }
        Transfer::QuotedPrintable => {
            let mut decoder = Decoder::new(transfer);
            let mut piece = Vec::new();
            let mut size = 0;
            for chunk in input.chunks(READ_MAX as usize) {
                decoder.push(chunk, &mut piece);
                size += piece.len() as u64;
                piece.clear();
            }
            decoder.finish(&mut piece);
            size + piece.len() as u64
        }
    }
}

/// The decoded bytes of a part from its beginning, until `enough` are there; and whether these are all.
pub(super) fn bytes(raw: &dyn Raw, part: &Part, enough: Option<usize>) -> Result<(Vec<u8>, bool), ItemError> {
    let mut decoder = Decoder::new(part.transfer);
    let mut out = Vec::new();
    let mut at = part.start;
    while at < part.end {
        let missing =
            enough.map_or(READ_MAX, |enough| (enough.saturating_sub(out.len()) as u64).saturating_mul(3) / 2 + 256);
        let until = part.end.min(at.saturating_add(missing.clamp(READ_MIN, READ_MAX)));
        let piece = raw.read(at..until).map_err(Arc::new)?;
        if piece.is_empty() {
            break;
        }
        at += piece.len() as u64;
        decoder.push(&piece, &mut out);
        if at < part.end && enough.is_some_and(|enough| out.len() >= enough) {
            return Ok((out, false));
        }
    }
    decoder.finish(&mut out);
    Ok((out, true))
}

/// The decoded text of a part: at least `enough` bytes of UTF-8 if there are so many; and whether that is all.
pub(super) fn text(raw: &dyn Raw, part: &Part, enough: Option<usize>) -> Result<(String, bool), ItemError> {
    let named = charset(part.charset.as_deref());
    // Two bytes of UTF-16 can become one of UTF-8; no other charset shrinks as much.
    let factor = if matches!(named, Charset::Known(encoding) if encoding == UTF_8) { 1 } else { 2 };
    let (bytes, whole) = bytes(raw, part, enough.map(|enough| enough.saturating_mul(factor).saturating_add(8)))?;
    let text = in_charset(&bytes, named, part.is_html(), whole);
    Ok((if part.flowed { unflow(&text, part.delsp) } else { text }, whole))
}

/// Decoded bytes as text, by the charset that their header names.
pub(super) fn text_of(bytes: &[u8], label: Option<&str>, is_html: bool) -> String {
    in_charset(bytes, charset(label), is_html, true)
}

fn in_charset(bytes: &[u8], named: Charset, is_html: bool, whole: bool) -> String {
    let named = if matches!(named, Charset::Unknown) && is_html {
        charset(crate::body::charset_within(bytes).as_deref())
    } else {
        named
    };
    let mut text = match named {
        Charset::Known(encoding) => {
            let mut decoder = encoding.new_decoder();
            let mut text = String::with_capacity(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len()));
            let _ = decoder.decode_to_string(bytes, &mut text, whole);
            text
        }
        Charset::Other(decode) => decode(bytes),
        Charset::Unknown => guess(bytes),
    };
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    text
}

#[derive(Clone, Copy)]
enum Charset {
    Known(&'static Encoding),
    Other(DecoderFnc),
    /// None is named, or one that says nothing, or one that nobody knows.
    Unknown,
}

fn charset(label: Option<&str>) -> Charset {
    let Some(label) = label.map(str::trim).filter(|label| !label.is_empty()) else { return Charset::Unknown };
    // `us-ascii` with bytes above 127 can be anything.
    if label.eq_ignore_ascii_case("us-ascii") || label.eq_ignore_ascii_case("ascii") {
        return Charset::Unknown;
    }
    if let Some(decode) = seven_bit::decoder(label) {
        return Charset::Other(decode);
    }
    match Encoding::for_label(label.as_bytes()) {
        Some(encoding) => Charset::Known(encoding),
        None => charset_decoder(label.as_bytes()).map_or(Charset::Unknown, Charset::Other),
    }
}

/// Bytes whose charset nobody names: UTF-8 if they can be (a character cut at the end is left out), else Windows-1252.
pub(crate) fn guess(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(error) if error.error_len().is_none() => {
            String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()
        }
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// Paragraphs out of `format=flowed`. RFC 3676 4.
fn unflow(text: &str, delsp: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let unquoted = line.trim_start_matches('>');
        let depth = line.len() - unquoted.len();
        let content = unquoted.strip_prefix(' ').unwrap_or(unquoted);
        if open != Some(depth) {
            if open.is_some() {
                out.push_str("\r\n");
            }
            out.extend(std::iter::repeat_n('>', depth));
            if depth > 0 {
                out.push(' ');
            }
        }
        let flowing = content.ends_with(' ') && content != "-- ";
        out.push_str(if flowing && delsp { &content[..content.len() - 1] } else { content });
        if !flowing {
            out.push_str("\r\n");
        }
        open = flowing.then_some(depth);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn qp(text: &str) -> String {
        String::from_utf8(Decoder::all(Transfer::QuotedPrintable, text.as_bytes())).unwrap()
    }

    #[test]
    fn quoted_printable_is_undone_and_forgiven() {
        assert_eq!(qp("Gr=C3=BC=C3=9fe=\r\n an =\nalle=  \r\n!=3D"), "Gr\u{fc}\u{df}e an alle!=");
        assert_eq!(qp("50% = half, =ZZ, =4"), "50% = half, =ZZ, =4");
        assert_eq!(qp("end="), "end");
    }

    #[test]
    fn base64_is_undone_and_forgiven() {
        let all = |text: &str| Decoder::all(Transfer::Base64, text.as_bytes());
        assert_eq!(all("SGVs\r\nbG8="), b"Hello");
        assert_eq!(all("SGVs bG8=SGk="), b"HelloHi");
        assert_eq!(all("SGVsbG8"), b"Hello");
        assert_eq!(all("!!!"), b"");
    }

    #[test]
    fn flowed_lines_become_paragraphs() {
        assert_eq!(unflow("one \r\ntwo\r\n>  a \r\n> b\r\n-- \r\nme", false), "one two\r\n>  a b\r\n-- \r\nme\r\n");
        assert_eq!(unflow("one \r\n two", true), "onetwo\r\n");
    }

    proptest::proptest! {
        #[test]
        fn pieces_decode_as_the_whole(input in "[=A-Fa-f0-9 \r\n\t]{0,80}", cut in 0usize..80) {
            for transfer in [Transfer::Identity, Transfer::Base64, Transfer::QuotedPrintable] {
                let bytes = input.as_bytes();
                let cut = cut.min(bytes.len());
                let mut decoder = Decoder::new(transfer);
                let mut pieces = Vec::new();
                decoder.push(&bytes[..cut], &mut pieces);
                decoder.push(&bytes[cut..], &mut pieces);
                decoder.finish(&mut pieces);
                proptest::prop_assert_eq!(&pieces, &Decoder::all(transfer, bytes));
                proptest::prop_assert_eq!(pieces.len() as u64, decoded_size(transfer, bytes));
            }
        }
    }
}
