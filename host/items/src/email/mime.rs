//! A message made safe for where it goes, with as few changes as that takes.
//!
//! Two places are known: a string on the wire, which holds UTF-8 without control characters, and a mail server, which
//! takes lines of at most 998 ASCII bytes ended by CRLF. Parts that do not fit are encoded anew; what is signed stays
//! byte for byte. RFC 2045 2.7, 2.8; RFC 5321 4.5.3.1.6 "Text Line".

use std::ops::Range;

use encoding_rs::WINDOWS_1252;
use mail_builder::encoders::Base64Encoder;
use mail_builder::headers::Header as _;

use super::decode::Decoder;
use super::header::{self, Field, fields};
use super::index::Disposition;
use super::structure::{Holds, Node, Tree, walk};

/// The longest line a mail server must take, without CRLF.
const LINE_MAX: usize = 998;
/// A longer word in a header is cut: no line can hold it beside a name.
const WORD_MAX: usize = 900;
/// RFC 2045 6.7, rule 5.
const QP_LINE_MAX: usize = 76;
/// Where headers are folded.
const FOLD_AT: usize = 76;

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goes {
    /// Into a string on the wire.
    Wire,
    /// To a mail server.
    Out,
}

/// A part with other content.
#[derive(Clone, Debug)]
pub(crate) struct Replaced {
    /// The new Content-Type; `None` keeps it.
    pub(crate) content_type: Option<String>,
    /// The new Content-Transfer-Encoding.
    pub(crate) transfer: &'static str,
    /// The new content, encoded.
    pub(crate) body: Vec<u8>,
}

/// Whether a message can stand in a string as it is.
pub(super) fn is_clean(raw: &[u8]) -> bool {
    crate::body::is_clean(raw) && std::str::from_utf8(raw).is_ok()
}

/// The message with its text parts as 8bit UTF-8, for who decodes no transfer encoding (K: O03). Attached text and what is
/// signed stay as they are.
pub(super) fn eight_bit(raw: &[u8]) -> Vec<u8> {
    let tree = walk(raw);
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 16);
    let replace = |number: usize| {
        let node = &tree.nodes[number];
        let is_text = node.holds == Holds::Leaf && node.content.media.0 == "text";
        if !is_text || node.content.disposition == Some(Disposition::Attachment) {
            return None;
        }
        let is_html = node.content.is("text", "html");
        let bytes = Decoder::all(node.content.transfer, &raw[node.body.clone()]);
        let text = super::decode::text_of(&bytes, node.content.parameter("charset"), is_html);
        let mut kind = format!("text/{}; charset=utf-8", node.content.media.1);
        for name in ["format", "delsp", "method", "name"] {
            let value = node.content.parameter(name).filter(|value| value.is_ascii() && !value.contains(['"', '\\']));
            if let Some(value) = value {
                kind.push_str(&format!("; {name}=\"{value}\""));
            }
        }
        let text = if is_html { crate::body::without_charset(&text) } else { text.into() };
        let body = crate::body::clean(&text).into_owned().into_bytes();
        Some(Replaced { content_type: Some(kind), transfer: "8bit", body })
    };
    Rewrite { raw, tree: &tree, goes: Goes::Wire, replace: &replace }.part(0, &mut out);
    out
}

fn fits_server(bytes: &[u8]) -> bool {
    bytes.is_ascii() && !bytes.contains(&0) && bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= LINE_MAX + 1)
}

/// The message for a string on the wire (items: bodies of Type 4).
pub(super) fn for_string(raw: &[u8]) -> Vec<u8> {
    let tree = walk(raw);
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 16);
    Rewrite { raw, tree: &tree, goes: Goes::Wire, replace: &|_| None }.part(0, &mut out);
    out
}

/// Writes parts of a message anew.
pub(crate) struct Rewrite<'a> {
    pub(crate) raw: &'a [u8],
    pub(crate) tree: &'a Tree,
    pub(crate) goes: Goes,
    /// The new content of a part, by its number.
    pub(crate) replace: &'a dyn Fn(usize) -> Option<Replaced>,
}

impl Rewrite<'_> {
    /// Header and content of a part. Recursion ends where the tree ends.
    pub(crate) fn part(&self, number: usize, out: &mut Vec<u8>) {
        let node = &self.tree.nodes[number];
        let mut body = Vec::new();
        let replaced = self.content(number, &mut body);
        for field in fields(&self.raw[node.header.clone()]) {
            if replaced.as_ref().is_some_and(|new| new.replaces(&field)) {
                continue;
            }
            self.field(&field, out);
        }
        if let Some(new) = replaced {
            new.write_fields(out);
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&body);
    }

    /// The content of a part, and what its header must say if that changed.
    pub(crate) fn content(&self, number: usize, out: &mut Vec<u8>) -> Option<Replaced> {
        let node = &self.tree.nodes[number];
        if let Some(mut new) = (self.replace)(number) {
            out.append(&mut new.body);
            return Some(new);
        }
        match node.holds {
            // RFC 1847 2.1: not a byte of it may change.
            Holds::Parts if node.content.is("multipart", "signed") => {
                out.extend_from_slice(&self.raw[node.body.clone()]);
                None
            }
            Holds::Parts | Holds::Message => {
                let mut at = node.body.start;
                for child in &node.children {
                    let inner = &self.tree.nodes[*child];
                    self.between(at..inner.header.start, out);
                    self.part(*child, out);
                    at = inner.body.end;
                }
                self.between(at..node.body.end, out);
                None
            }
            Holds::Leaf => self.leaf(node, out),
        }
    }

    fn leaf(&self, node: &Node, out: &mut Vec<u8>) -> Option<Replaced> {
        let body = &self.raw[node.body.clone()];
        let fits = match self.goes {
            Goes::Wire => is_clean(&crlf(body)),
            Goes::Out => fits_server(body),
        };
        if fits {
            out.extend_from_slice(&crlf(body));
            return None;
        }
        let decoded = Decoder::all(node.content.transfer, body);
        let mut new = encoded(&decoded, node.content.media.0 == "text");
        out.append(&mut new.body);
        if !node.content.declared && node.content.media.0 == "text" {
            let named = if std::str::from_utf8(&decoded).is_ok() { "utf-8" } else { "windows-1252" };
            new.content_type = Some(format!("text/plain; charset={named}"));
        }
        Some(new)
    }

    /// Boundaries, and text outside of the parts, which nobody reads.
    fn between(&self, range: Range<usize>, out: &mut Vec<u8>) {
        let bytes = self.raw.get(range).unwrap_or_default();
        out.extend(
            crlf(bytes).iter().map(|b| if matches!(b, b'\r' | b'\n' | b'\t' | 0x20..=0x7e) { *b } else { b'?' }),
        );
    }

    fn field(&self, field: &Field<'_>, out: &mut Vec<u8>) {
        match self.goes {
            Goes::Wire => {
                out.extend_from_slice(field.name.as_bytes());
                out.push(b':');
                let value = field.value.trim_ascii_end();
                let value = match std::str::from_utf8(value) {
                    Ok(text) => text.to_owned(),
                    Err(_) => WINDOWS_1252.decode_without_bom_handling(value).0.into_owned(),
                };
                out.extend_from_slice(crate::body::clean(&value).as_bytes());
                out.extend_from_slice(b"\r\n");
            }
            Goes::Out => write_field(field.name, field.value, out),
        }
    }
}

impl Replaced {
    /// Whether this says anew what the field says.
    pub(crate) fn replaces(&self, field: &Field<'_>) -> bool {
        let wrapped = self.content_type.as_ref().is_some_and(|kind| kind.starts_with("multipart/"));
        let about_content = field.name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("content-"));
        field.is("Content-Transfer-Encoding")
            || (self.content_type.is_some() && field.is("Content-Type"))
            || (wrapped && about_content)
    }

    /// The fields it says anew.
    pub(crate) fn write_fields(&self, out: &mut Vec<u8>) {
        if let Some(content_type) = &self.content_type {
            out.extend_from_slice(format!("Content-Type: {content_type}\r\n").as_bytes());
        }
        out.extend_from_slice(format!("Content-Transfer-Encoding: {}\r\n", self.transfer).as_bytes());
    }
}

/// Bytes in an encoding that every mail server takes.
pub(crate) fn encoded(bytes: &[u8], text: bool) -> Replaced {
    if text {
        return Replaced { content_type: None, transfer: "quoted-printable", body: quoted_printable(&crlf(bytes)) };
    }
    let mut body = Vec::with_capacity(bytes.len() * 7 / 5 + 4);
    Base64Encoder::new().wrap_lines().encode_into(bytes, &mut body);
    Replaced { content_type: None, transfer: "base64", body }
}

/// RFC 2045 6.7, for lines ended by CRLF. Control characters are encoded too: ISO-2022-JP is full of them, and a string
/// on the wire must hold none (K: G06).
fn quoted_printable(lines: &[u8]) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = Vec::with_capacity(lines.len() * 5 / 4);
    let mut column = 0;
    for (at, byte) in lines.iter().enumerate() {
        let line_ends = matches!(lines.get(at + 1..), Some([] | [b'\r', b'\n', ..]));
        let plain = match byte {
            b'\r' | b'\n' => {
                out.push(*byte);
                column = 0;
                continue;
            }
            b' ' | b'\t' => !line_ends,
            b'=' => false,
            byte => byte.is_ascii_graphic(),
        };
        let width = if plain { 1 } else { 3 };
        if column + width > QP_LINE_MAX - usize::from(!line_ends) {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        column += width;
        if plain {
            out.push(*byte);
        } else {
            out.extend_from_slice(&[b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    out
}

/// K: A35. Lines ended by LF or CR become lines ended by CRLF.
pub(crate) fn crlf(bytes: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let fine = memchr::memchr2_iter(b'\r', b'\n', bytes).all(|at| match bytes[at] {
        b'\n' => at > 0 && bytes[at - 1] == b'\r',
        _ => bytes.get(at + 1) == Some(&b'\n'),
    });
    if fine {
        return bytes.into();
    }
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 32);
    let mut after_return = false;
    for byte in bytes {
        match byte {
            b'\n' if after_return => {}
            b'\r' | b'\n' => out.extend_from_slice(b"\r\n"),
            byte => out.push(*byte),
        }
        after_return = *byte == b'\r';
    }
    out.into()
}

/// A field that no line end, NUL or letter outside of ASCII can leave: folded anew, encoded where it must be.
pub(crate) fn write_field(name: &str, value: &[u8], out: &mut Vec<u8>) {
    let bounded = &value[..value.len().min(64 * 1024)];
    let text = super::decode::guess(bounded);
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if !text.is_ascii() {
        out.extend_from_slice(format!("{name}: ").as_bytes());
        let start = name.len() + 2;
        if name.eq_ignore_ascii_case("Content-Type") || name.eq_ignore_ascii_case("Content-Disposition") {
            return write_parameters(value, out, start);
        }
        return mail_builder::headers::text::Text::new(header::text(value)).write_header(out, start);
    }
    let mut line = format!("{name}:");
    for word in text.split([' ', '\t']).flat_map(|word| word.as_bytes().chunks(WORD_MAX)) {
        let word = std::str::from_utf8(word).expect("ASCII may be cut anywhere");
        if line.len() + 1 + word.len() > FOLD_AT && !line.ends_with(':') {
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
            line.clear();
        }
        line.push(' ');
        line.push_str(word);
    }
    out.extend_from_slice(line.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// RFC 2231 for names outside of ASCII.
fn write_parameters(value: &[u8], out: &mut Vec<u8>, start: usize) {
    let parsed = header::parameterised(value);
    let (kind, subtype) = (token(&parsed.kind), token(&parsed.subtype));
    let kind = if subtype.is_empty() { kind } else { format!("{kind}/{subtype}") };
    let mut written = mail_builder::headers::content_type::ContentType::new(kind);
    for (name, value) in parsed.parameters {
        let name = token(&name);
        if !name.is_empty() {
            written = written.attribute(name, crate::body::one_line(&value));
        }
    }
    written.write_header(out, start);
}

/// What of a word may stand where a token must. RFC 2045 5.1: only values have a way to say other letters.
fn token(word: &str) -> String {
    let fits = |c: char| c.is_ascii_graphic() && !"()<>@,;:\\\"/[]?=".contains(c);
    word.chars().filter(|c| fits(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_about_content_leaves_in_seven_bits_whatever_its_words_are() {
        for name in ["Content-Type", "Content-Disposition"] {
            let value =
                "multip\u{fc}art/mi\u{7f}xed; bo\u{ff}und\u{7f}ary=\"b\"; \u{fc}=1; name=\"Gr\u{fc}\u{df}e\u{1}\"";
            let mut out = Vec::new();
            write_field(name, value.as_bytes(), &mut out);
            let out = String::from_utf8(out).unwrap();
            assert!(out.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\r' | b'\n' | b'\t')), "{out:?}");
            assert!(out.starts_with(&format!("{name}: multipart/mixed;")) && out.contains("boundary=\"b\""), "{out:?}");
        }
    }
}
