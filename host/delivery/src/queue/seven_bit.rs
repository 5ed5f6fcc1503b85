//! A message for a host that takes ASCII only. RFC 6152 3: it is converted, or it is not sent.
//!
//! Parts that are not ASCII are encoded anew: text as quoted-printable, anything else as base64 (RFC 2045 6). The parts
//! that are ASCII stay as they are, byte for byte. What a signature covers must not be touched (RFC 1847 2.1), and a
//! header that is not ASCII has no other form that everybody reads alike: such a message is not converted.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Characters of an encoded line, without its end. RFC 2045 6.7, 6.8.
const LINE: usize = 76;

/// Parts inside one another.
const DEPTH_MAX: usize = 32;

/// Why a message cannot be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SevenBitError {
    #[error("what stands between the parts of the message is not ASCII")]
    Between,
    #[error("its parts lie too deep inside one another")]
    Deep,
    #[error("a part that says it is encoded is not ASCII")]
    Encoded,
    #[error("a header field of it is not ASCII")]
    Header,
    #[error("a part of it that is not ASCII is signed: converting it would break the signature")]
    Signed,
}

/// The same message in ASCII. Its lines end with CR LF.
pub(super) fn convert(message: &[u8]) -> Result<Vec<u8>, SevenBitError> {
    entity(message, "text/plain", 0)
}

/// A header, and the body behind the empty line.
fn split(entity: &[u8]) -> (&[u8], &[u8]) {
    if entity.starts_with(b"\r\n") {
        return entity.split_at(2);
    }
    let end = entity.windows(4).position(|four| four == b"\r\n\r\n").map_or(entity.len(), |at| at + 4);
    entity.split_at(end)
}

/// The fields of a header, folded lines included, each with its end.
fn fields(header: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut start = 0;
    for (at, _) in header.match_indices("\r\n") {
        let next = at + 2;
        if !header[next..].starts_with([' ', '\t']) {
            fields.push(&header[start..next]);
            start = next;
        }
    }
    if start < header.len() {
        fields.push(&header[start..]);
    }
    fields
}

fn value<'h>(fields: &[&'h str], name: &str) -> Option<&'h str> {
    fields.iter().find_map(|field| {
        let (found, value) = field.split_once(':')?;
        found.trim_end().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The parameter of a Content-Type.
fn parameter(content_type: &str, name: &str) -> Option<String> {
    let mut rest = content_type;
    loop {
        rest = rest.split_once(';')?.1;
        let (found, behind) = rest.split_once('=')?;
        let behind = behind.trim_start();
        let (value, after) = match behind.strip_prefix('"') {
            Some(quoted) => {
                let mut value = String::new();
                let mut chars = quoted.char_indices();
                let mut end = quoted.len();
                while let Some((at, c)) = chars.next() {
                    match c {
                        '"' => {
                            end = at + 1;
                            break;
                        }
                        '\\' => value.extend(chars.next().map(|(_, c)| c)),
                        c => value.push(c),
                    }
                }
                (value, &quoted[end..])
            }
            None => {
                let end = behind.find(|c: char| c == ';' || c.is_whitespace()).unwrap_or(behind.len());
                (behind[..end].to_owned(), &behind[end..])
            }
        };
        if found.trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after;
    }
}

fn entity(entity: &[u8], usual: &str, depth: usize) -> Result<Vec<u8>, SevenBitError> {
    if entity.is_ascii() {
        return Ok(entity.to_vec());
    }
    if depth > DEPTH_MAX {
        return Err(SevenBitError::Deep);
    }
    let (header, body) = split(entity);
    let header = std::str::from_utf8(header).ok().filter(|header| header.is_ascii()).ok_or(SevenBitError::Header)?;
    let all = fields(header);
    let content_type = value(&all, "Content-Type").unwrap_or(usual);
    let kind = content_type.split([';', ' ', '\t', '\r']).next().unwrap_or_default().to_ascii_lowercase();
    let encoding = value(&all, "Content-Transfer-Encoding").unwrap_or("7bit").to_ascii_lowercase();
    let (made, encoding) = match kind.as_str() {
        "multipart/signed" => return Err(SevenBitError::Signed),
        _ if !matches!(encoding.as_str(), "7bit" | "8bit" | "binary") => return Err(SevenBitError::Encoded),
        "message/rfc822" | "message/global" => (self::entity(body, "text/plain", depth + 1)?, "7bit"),
        kind if kind.starts_with("multipart/") => {
            let usual = if kind == "multipart/digest" { "message/rfc822" } else { "text/plain" };
            match parameter(content_type, "boundary") {
                Some(boundary) => (parts(body, &boundary, usual, depth)?, "7bit"),
                // Without a boundary there is no part, and no encoding is allowed.
                None => return Err(SevenBitError::Between),
            }
        }
        kind if kind.starts_with("text/") => (quoted_printable(body), "quoted-printable"),
        _ => (base64(body), "base64"),
    };
    let mut out = String::with_capacity(header.len() + 64);
    let mut said = false;
    for field in all {
        if field.split(':').next().is_some_and(|name| name.trim_end().eq_ignore_ascii_case("Content-Transfer-Encoding"))
        {
            if !said {
                let _ = write!(out, "Content-Transfer-Encoding: {encoding}\r\n");
            }
            said = true;
        } else {
            if field == "\r\n" && !said {
                // RFC 2045 4: without this nobody looks at the encoding.
                if depth == 0 && value(&fields(&out), "MIME-Version").is_none() {
                    out.push_str("MIME-Version: 1.0\r\n");
                }
                let _ = write!(out, "Content-Transfer-Encoding: {encoding}\r\n");
                said = true;
            }
            out.push_str(field);
        }
    }
    let mut out = out.into_bytes();
    out.extend(made);
    Ok(out)
}

/// The body of a multipart, each part converted.
fn parts(body: &[u8], boundary: &str, usual: &str, depth: usize) -> Result<Vec<u8>, SevenBitError> {
    let mut out = Vec::with_capacity(body.len());
    // Where the present part began; `None` before the first and behind the last.
    let (mut part, mut plain) = (None, 0);
    let mut at = 0;
    while at < body.len() {
        let end = body[at..].windows(2).position(|two| two == b"\r\n").map_or(body.len(), |found| at + found + 2);
        if let Some(last) = delimiter(&body[at..end], boundary) {
            if let Some(start) = part {
                // The line end before a delimiter belongs to it.
                let stop = if at >= 2 { at - 2 } else { at };
                let stop = stop.max(start);
                out.extend(entity(&body[start..stop], usual, depth + 1)?);
                out.extend_from_slice(&body[stop..at]);
            } else {
                out.extend_from_slice(between(&body[plain..at])?);
            }
            out.extend_from_slice(between(&body[at..end])?);
            (part, plain) = ((!last).then_some(end), end);
            if last {
                break;
            }
        }
        at = end;
    }
    match part {
        // The last delimiter is missing: the part goes to the end.
        Some(start) => out.extend(entity(&body[start..], usual, depth + 1)?),
        None => out.extend_from_slice(between(&body[plain..])?),
    }
    Ok(out)
}

fn between(bytes: &[u8]) -> Result<&[u8], SevenBitError> {
    if bytes.is_ascii() { Ok(bytes) } else { Err(SevenBitError::Between) }
}

/// Whether a line is a delimiter; if so, whether it is the last.
fn delimiter(line: &[u8], boundary: &str) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary.as_bytes())?;
    let (last, rest) = rest.strip_prefix(b"--").map_or((false, rest), |rest| (true, rest));
    rest.iter().all(u8::is_ascii_whitespace).then_some(last)
}

/// RFC 2045 6.7. Line ends stay line ends.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut out = String::with_capacity(body.len() * 3 / 2);
    let mut width = 0;
    let mut at = 0;
    while at < body.len() {
        if body[at..].starts_with(b"\r\n") {
            out.push_str("\r\n");
            (width, at) = (0, at + 2);
            continue;
        }
        let byte = body[at];
        at += 1;
        let ends = at == body.len() || body[at..].starts_with(b"\r\n");
        let plain = match byte {
            b' ' | b'\t' => !ends,
            // A dot alone on a line, and From at its start, are touched by some on the way.
            b'.' | b'F' => width > 0,
            b'=' => false,
            byte => byte.is_ascii_graphic(),
        };
        let needs = if plain { 1 } else { 3 };
        // The last character of a line needs no room for a soft line end.
        if width + needs > if ends { LINE } else { LINE - 1 } {
            out.push_str("=\r\n");
            width = 0;
        }
        if plain && (width > 0 || !matches!(byte, b'.' | b'F')) {
            out.push(char::from(byte));
            width += 1;
        } else {
            let _ = write!(out, "={byte:02X}");
            width += 3;
        }
    }
    out.into_bytes()
}

/// RFC 2045 6.8.
fn base64(body: &[u8]) -> Vec<u8> {
    let encoded = STANDARD.encode(body);
    let mut out = Vec::with_capacity(encoded.len() + encoded.len() / LINE * 2 + 2);
    for line in encoded.as_bytes().chunks(LINE) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
    // The last line end belongs to the delimiter behind it.
    out.truncate(out.len().saturating_sub(2));
    out
}

#[cfg(test)]
mod tests;
