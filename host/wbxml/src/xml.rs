//! The tree as XML, for people, logs and fixtures.
//!
//! A code page is a namespace, `xmlns="AirSync:"`, declared where it changes. Bytes are base64 text under the
//! attribute `opaque="base64"`; among other content each piece of bytes is an element `_opaque` of its own. A tag that
//! no table names is written by its numbers: `<_0x3F xmlns="254:"/>`. [`from_xml`] reads back exactly what [`to_xml`]
//! and [`to_xml_pretty`] write, except that a character which XML cannot hold is written as U+FFFD.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::encode::is_xml;
use crate::pages::PAGES;
use crate::walk::{Step, Walk};
use crate::{Element, Node, Tag};

pub use read::{XmlError, from_xml, from_xml_within};

mod read;

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";
/// The element around a piece of bytes that has neighbours.
const PIECE: &str = "_opaque";

/// Writes a document on one line after the declaration: no white space that is not content.
pub fn to_xml(root: &Element) -> String {
    let mut out = DECLARATION.to_owned();
    write(root, false, &mut out).expect("a String takes everything");
    out
}

/// Writes a document with an element a line, indented by two spaces a level, and a line feed at the end.
pub fn to_xml_pretty(root: &Element) -> String {
    let mut out = DECLARATION.to_owned();
    write(root, true, &mut out).expect("a String takes everything");
    out.push('\n');
    out
}

impl fmt::Debug for Element {
    /// The XML without its declaration; over several lines with `{:#?}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(self, f.alternate(), f)
    }
}

/// How the open element is written.
#[derive(Clone, Copy)]
struct Layout {
    page: u8,
    /// Its children stand on lines of their own.
    broken: bool,
    /// It holds more than one piece of text, so white space among them must be kept apart from layout.
    mixed: bool,
}

fn write(root: &Element, pretty: bool, out: &mut impl fmt::Write) -> fmt::Result {
    let mut open: Vec<Layout> = Vec::new();
    let mut walk = Walk::new(root);
    while let Some(step) = walk.next() {
        match step {
            Step::Open(element) => {
                let outer = open.last().copied();
                if outer.is_some_and(|outer| outer.broken) {
                    line(open.len(), out)?;
                }
                match start(element, outer, pretty, out)? {
                    Some(layout) => open.push(layout),
                    None => walk.leave(),
                }
            }
            Step::Text(text) => escape(text, open.last().is_some_and(|inside| inside.mixed), out)?,
            Step::Opaque(bytes) => write!(out, "<{PIECE}>{}</{PIECE}>", BASE64.encode(bytes))?,
            Step::Close(element) => {
                if open.pop().is_some_and(|inside| inside.broken) {
                    line(open.len(), out)?;
                }
                write!(out, "</{}>", Name(element.tag))?;
            }
        }
    }
    Ok(())
}

/// Opens an element; `None` when that wrote all of it.
fn start(
    element: &Element,
    outer: Option<Layout>,
    pretty: bool,
    out: &mut impl fmt::Write,
) -> Result<Option<Layout>, fmt::Error> {
    let name = Name(element.tag);
    write!(out, "<{name}")?;
    if outer.is_none_or(|outer| outer.page != element.tag.page()) {
        write!(out, " xmlns=\"{}:\"", Namespace(element.tag))?;
    }
    match element.content.as_slice() {
        [] => {
            out.write_str("/>")?;
            return Ok(None);
        }
        [Node::Opaque(bytes)] => {
            write!(out, " opaque=\"base64\">{}</{name}>", BASE64.encode(bytes))?;
            return Ok(None);
        }
        [_, ..] => out.write_str(">")?,
    }
    let elements_only = element.children().count() == element.content.len();
    Ok(Some(Layout {
        page: element.tag.page(),
        broken: pretty && elements_only && outer.is_none_or(|outer| outer.broken),
        mixed: element.content.len() > 1,
    }))
}

fn line(depth: usize, out: &mut impl fmt::Write) -> fmt::Result {
    write!(out, "\n{:width$}", "", width = depth * 2)
}

fn escape(text: &str, mixed: bool, out: &mut impl fmt::Write) -> fmt::Result {
    // A reader drops white space beside elements; a reference shows that it is content.
    let kept_by_reference = mixed && text.chars().all(is_space);
    let mut plain = 0;
    for (at, c) in text.char_indices() {
        let reference = kept_by_reference && at == 0;
        if !matches!(c, '&' | '<' | '>' | '\r') && is_xml(c) && !reference {
            continue;
        }
        out.write_str(&text[plain..at])?;
        plain = at + c.len_utf8();
        match c {
            '&' => out.write_str("&amp;")?,
            '<' => out.write_str("&lt;")?,
            '>' => out.write_str("&gt;")?,
            // A bare carriage return would be read as a line feed.
            c if is_xml(c) => write!(out, "&#{};", u32::from(c))?,
            _ => out.write_char(char::REPLACEMENT_CHARACTER)?,
        }
    }
    out.write_str(&text[plain..])
}

/// White space as XML has it.
const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

struct Name(Tag);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "_{:#04X}", self.0.token()),
        }
    }
}

impl Name {
    /// The tag of that name on that page: a published name, or `_0x` and two hexadecimal digits.
    fn parse(page: u8, name: &str) -> Option<Tag> {
        let published = PAGES.get(usize::from(page)).and_then(|page| page.rows.iter().find(|row| row.name == name));
        let token = match published {
            Some(row) => row.token,
            None => {
                let digits = name.strip_prefix("_0x").filter(|digits| digits.len() == 2 && !digits.contains('+'))?;
                u8::from_str_radix(digits, 16).ok().filter(|token| (0x04..=0x3F).contains(token))?
            }
        };
        Some(Tag::new(page, token))
    }
}

struct Namespace(Tag);

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.namespace() {
            Some(namespace) => f.write_str(namespace),
            None => write!(f, "{}", self.0.page()),
        }
    }
}

impl Namespace {
    /// The number of the page that a namespace names, with its colon or without.
    fn parse(namespace: &str) -> Option<u8> {
        let name = namespace.strip_suffix(':').unwrap_or(namespace);
        let published = PAGES.iter().find(|page| page.namespace == name).map(|page| page.number);
        published.or_else(|| name.parse().ok().filter(|_| !name.starts_with('+')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::{airsync, airsyncbase, email2};

    fn mail() -> Element {
        Element::of(
            airsync::SYNC,
            [
                Element::new(airsync::MORE_AVAILABLE),
                Element::text(airsyncbase::DATA, "a & b\r\n<c>"),
                Element::opaque(email2::CONVERSATION_ID, [0, 1, 2]),
                Element::text(Tag::new(254, 0x3F), "?"),
            ],
        )
    }

    #[test]
    fn a_document_is_written_on_one_line_or_an_element_a_line() {
        assert_eq!(
            to_xml(&mail()),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Sync xmlns=\"AirSync:\"><MoreAvailable/>\
             <Data xmlns=\"AirSyncBase:\">a &amp; b&#13;\n&lt;c&gt;</Data>\
             <ConversationId xmlns=\"Email2:\" opaque=\"base64\">AAEC</ConversationId>\
             <_0x3F xmlns=\"254:\">?</_0x3F></Sync>"
        );
        assert_eq!(
            to_xml_pretty(&mail()),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<Sync xmlns=\"AirSync:\">\n  <MoreAvailable/>\n  \
             <Data xmlns=\"AirSyncBase:\">a &amp; b&#13;\n&lt;c&gt;</Data>\n  \
             <ConversationId xmlns=\"Email2:\" opaque=\"base64\">AAEC</ConversationId>\n  \
             <_0x3F xmlns=\"254:\">?</_0x3F>\n</Sync>\n"
        );
        assert_eq!(format!("{:?}", Element::new(airsync::SYNC)), "<Sync xmlns=\"AirSync:\"/>");
    }

    #[test]
    fn both_layouts_are_read_back() {
        assert_eq!(from_xml(&to_xml(&mail())).unwrap(), mail());
        assert_eq!(from_xml(&to_xml_pretty(&mail())).unwrap(), mail());
    }

    #[test]
    fn mixed_content_keeps_its_white_space_and_its_pieces() {
        let mixed = Element {
            tag: airsync::SYNC,
            content: vec![
                Node::Text(" ".to_owned()),
                Node::Opaque(vec![7]),
                Node::Text("\n\t".to_owned()),
                Node::Element(Element::new(airsync::ADD)),
                Node::Element(Element::text(airsync::STATUS, "  ")),
                Node::Opaque(vec![8]),
            ],
        };
        assert_eq!(from_xml(&to_xml(&mixed)).unwrap(), mixed);
        assert_eq!(from_xml(&to_xml_pretty(&mixed)).unwrap(), mixed);
    }

    #[test]
    fn a_character_that_xml_forbids_is_shown_as_u_fffd() {
        let bell = Element::text(airsync::STATUS, "a\u{7}\u{FFFE}b");
        assert_eq!(from_xml(&to_xml(&bell)).unwrap(), Element::text(airsync::STATUS, "a\u{FFFD}\u{FFFD}b"));
    }
}
