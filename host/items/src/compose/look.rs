//! A message of a device, laid open for whoever knows the device, and the little that may be changed in it.

use std::fmt::Write as _;

use mail_builder::headers::Header as _;
use mail_builder::headers::text::Text;

use super::envelope::people;
use crate::email::mime::write_field;
use crate::email::structure::{Tree, walk};
use crate::email::{Decoder, addresses, field_end, fields, header_text};

/// Bytes of a header's value that are shown.
const VALUE_MAX: usize = 8 * 1024;
/// Headers that are shown.
const HEADERS_MAX: usize = 200;
/// Bytes of a text that are shown.
const SAMPLE_MAX: usize = 4 * 1024;

/// Headers that hold addresses.
const ADDRESSES: [&str; 6] = ["Bcc", "Cc", "From", "Reply-To", "Sender", "To"];

/// What a message says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The header of the message, in order, unfolded and decoded.
    pub headers: Vec<(String, String)>,
    /// Its parts in order; the message itself is the first.
    pub parts: Vec<LookedPart>,
}

/// A part of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookedPart {
    /// The part it is in.
    pub parent: Option<u32>,
    /// `type/subtype`, lower case.
    pub content_type: String,
    /// As declared; empty where it is not.
    pub charset: String,
    /// Empty where there is none.
    pub filename: String,
    /// Bytes, transfer encoding undone.
    pub size: u32,
    /// The first bytes of a text, transfer encoding undone; empty for other parts.
    pub sample: Vec<u8>,
}

/// One change of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mend {
    /// The text of a part is in this charset.
    Charset(u32, String),
    /// A part is of this type.
    ContentType(u32, String),
    /// Away with every header of that name.
    RemoveHeader(String),
    /// In place of every header of that name, or behind the last header.
    SetHeader(String, String),
}

/// Lays a message open. Any bytes are a message; the walk over them is bounded.
pub fn look(mime: &[u8]) -> Look {
    let tree = walk(mime);
    let headers = fields(&mime[tree.root().header.clone()]).take(HEADERS_MAX).map(|field| {
        let value = header_text(&field.value[..field.value.len().min(VALUE_MAX)]);
        (field.name.to_owned(), value)
    });
    let mut parents = vec![None; tree.nodes.len()];
    for (at, node) in tree.nodes.iter().enumerate() {
        node.children.iter().for_each(|child| parents[*child] = u32::try_from(at).ok());
    }
    let parts = tree.nodes.iter().zip(parents).map(|(node, parent)| {
        let content = &node.content;
        let mut whole = match node.children.as_slice() {
            [] => Decoder::all(content.transfer, &mime[node.body.clone()]),
            _ => Vec::new(),
        };
        let size = u32::try_from(whole.len()).unwrap_or(u32::MAX);
        whole.truncate(if content.media.0 == "text" { SAMPLE_MAX } else { 0 });
        LookedPart {
            parent,
            content_type: format!("{}/{}", content.media.0, content.media.1),
            charset: content.parameter("charset").unwrap_or_default().to_owned(),
            filename: content.name().unwrap_or_default(),
            size,
            sample: whole,
        }
    });
    Look { headers: headers.collect(), parts: parts.collect() }
}

/// The message with the changes made, one after the other; a part that is not there is passed over. Everything that is
/// not changed stays byte for byte.
pub fn mended(mime: &[u8], mends: &[Mend]) -> Vec<u8> {
    mends.iter().fold(mime.to_vec(), |mime, mend| {
        let tree = walk(&mime);
        match mend {
            Mend::RemoveHeader(name) => with_header(&mime, &tree, 0, name, None),
            Mend::SetHeader(name, value) => {
                let mut field = Vec::new();
                // Of addresses only the names may be encoded.
                if ADDRESSES.iter().any(|of| of.eq_ignore_ascii_case(name)) {
                    people(name, &addresses(value.as_bytes()), &mut field);
                }
                if field.is_empty() {
                    field.extend_from_slice(format!("{name}: ").as_bytes());
                    Text::new(value.as_str()).write_header(&mut field, name.len() + 2);
                }
                with_header(&mime, &tree, 0, name, Some(&field))
            }
            Mend::ContentType(part, kind) => with_content_type(&mime, &tree, *part, Some(kind), None),
            Mend::Charset(part, charset) => with_content_type(&mime, &tree, *part, None, Some(charset)),
        }
    })
}

fn with_content_type(mime: &[u8], tree: &Tree, part: u32, kind: Option<&str>, charset: Option<&str>) -> Vec<u8> {
    let at = usize::try_from(part).unwrap_or(usize::MAX);
    let Some(content) = tree.nodes.get(at).map(|node| &node.content) else { return mime.to_vec() };
    let mut value = kind.map_or_else(|| format!("{}/{}", content.media.0, content.media.1), ToOwned::to_owned);
    let of_type = content.parameters().filter(|(name, _)| charset.is_none() || name != "charset");
    let charset = charset.map(|charset| ("charset".to_owned(), charset.to_owned()));
    for (name, text) in of_type.chain(charset) {
        let quoted = text.replace(['"', '\\', '\r', '\n'], "");
        write!(value, "; {name}=\"{quoted}\"").expect("a String takes everything");
    }
    let mut field = Vec::new();
    write_field("Content-Type", value.as_bytes(), &mut field);
    with_header(mime, tree, at, "Content-Type", Some(&field))
}

/// A part's header with one field in place of all of that name; without one, none of that name is left.
fn with_header(mime: &[u8], tree: &Tree, part: usize, name: &str, field: Option<&[u8]>) -> Vec<u8> {
    let header = tree.nodes[part].header.clone();
    let mut out = mime[..header.start].to_vec();
    let mut at = header.start;
    let mut left = field;
    while at < header.end {
        let end = field_end(&mime[..header.end], at);
        if fields(&mime[at..end]).next().is_some_and(|field| field.is(name)) {
            out.extend_from_slice(left.take().unwrap_or_default());
        } else {
            out.extend_from_slice(&mime[at..end]);
        }
        at = end;
    }
    if let Some(field) = left {
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(field);
        // A header that ended with the message needs its empty line.
        if header.end == mime.len() {
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(&mime[header.end..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIXED: &str = "From: anna@example.org\r\nTo: bob@example.org\r\nSubject: =?utf-8?q?Gr=C3=B6=C3=9Fe?=\r\n \
        and more\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: \
        text/plain; charset=us-ascii\r\n\r\nnaïve\r\n--b\r\nContent-Disposition: attachment; \
        filename=\"meeting.ics\"\r\nContent-Transfer-Encoding: base64\r\n\r\nQkVHSU4=\r\n--b--\r\n";

    #[test]
    fn a_message_is_laid_open_part_by_part() {
        let look = look(MIXED.as_bytes());
        assert_eq!(look.headers[2], ("Subject".to_owned(), "Größe and more".to_owned()));
        let told: Vec<_> = look
            .parts
            .iter()
            .map(|part| (part.parent, part.content_type.as_str(), part.charset.as_str(), part.filename.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (None, "multipart/mixed", "", ""),
                (Some(0), "text/plain", "us-ascii", ""),
                (Some(0), "text/plain", "", "meeting.ics"),
            ]
        );
        assert_eq!((look.parts[2].size, look.parts[2].sample.as_slice()), (5, b"BEGIN".as_slice()));
        assert_eq!(super::look(b"").parts.len(), 1);
    }

    #[test]
    fn what_is_not_mended_stays_byte_for_byte() {
        assert_eq!(mended(MIXED.as_bytes(), &[]), MIXED.as_bytes());
        let kind = mended(MIXED.as_bytes(), &[Mend::ContentType(2, "text/calendar".into())]);
        let text = String::from_utf8(kind).unwrap();
        let added = "Content-Type: text/calendar\r\n";
        assert_eq!(text.replacen(added, "", 1), MIXED, "{text}");
        let charset = mended(MIXED.as_bytes(), &[Mend::Charset(1, "utf-8".into())]);
        let text = String::from_utf8(charset).unwrap();
        assert_eq!(text, MIXED.replace("charset=us-ascii", "charset=\"utf-8\""), "{text}");
        assert_eq!(mended(MIXED.as_bytes(), &[Mend::Charset(9, "utf-8".into())]), MIXED.as_bytes());
    }

    #[test]
    fn headers_are_set_and_removed_folded_ones_whole() {
        let mends = [
            Mend::SetHeader("to".into(), "Jürgen <j@example.org>, <\"J D/X\"@example.org>".into()),
            Mend::RemoveHeader("Subject".into()),
            Mend::SetHeader("X-New".into(), "one".into()),
        ];
        let text = String::from_utf8(mended(MIXED.as_bytes(), &mends)).unwrap();
        let header = text.split("\r\n\r\n").next().unwrap();
        assert!(!header.contains("Subject") && !header.contains("and more") && !header.contains("bob"), "{header}");
        let to = look(text.as_bytes()).headers.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("to"));
        let to = addresses(to.unwrap().1.as_bytes());
        let told: Vec<_> = to.iter().map(|one| (one.name.as_str(), one.address.as_str())).collect();
        assert_eq!(told, [("Jürgen", "j@example.org"), ("", "\"J D/X\"@example.org")], "{header}");
        assert!(header.is_ascii() && header.contains("<j@example.org>"), "{header}");
        assert!(header.contains("X-New: one") && header.contains("Content-Type: multipart/mixed"), "{header}");
        assert_eq!(look(text.as_bytes()).parts.len(), 3);
        let bare = String::from_utf8(mended(b"Subject: x\r\n", &[Mend::SetHeader("To".into(), "a@b".into())])).unwrap();
        assert_eq!(bare, "Subject: x\r\nTo: <a@b>\r\n\r\n");
    }
}
