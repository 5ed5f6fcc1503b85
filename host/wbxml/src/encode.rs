//! Tree to bytes, as a stream.
//!
//! [`Encoder`] writes into any growing buffer piece by piece: a long answer is handed on while it is made and never
//! stands in memory whole. The form is the one every checked vector has: header `03 01 6A 00`, one STR_I for a text,
//! a page switch only where the page changes, no content bit on an empty element.

use crate::walk::{Step, Walk};
use crate::{Element, Node, Tag};

/// The header of every document: WBXML 1.3, unknown public id, UTF-8, no string table.
pub const HEADER: [u8; 4] = [0x03, 0x01, 0x6A, 0x00];

/// Bytes that are looked at without a branch.
const RUN: usize = 256;

/// Writes a whole document.
pub fn encode(root: &Element) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.element(root);
    encoder.take()
}

/// An element encoded ahead of the document that will hold it; it takes the place of the tree, at a fraction of its
/// size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    bytes: Vec<u8>,
    /// The page the next tag is on unless it says otherwise. The first is on page 0.
    page: u8,
}

impl Fragment {
    /// Encodes an element with everything inside it.
    pub fn of(element: &Element) -> Self {
        let mut encoder = Encoder { out: Vec::new(), page: 0 };
        encoder.element(element);
        Self { bytes: encoder.out, page: encoder.page }
    }

    /// Its size in bytes.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Writes a document step by step.
#[derive(Debug)]
pub struct Encoder {
    out: Vec<u8>,
    page: u8,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// An encoder that has written the header.
    pub fn new() -> Self {
        Self { out: HEADER.to_vec(), page: 0 }
    }

    /// Opens an element that will have content; [`Encoder::end`] closes it. The token is one of `0x05..=0x3F`.
    pub fn start(&mut self, tag: Tag) {
        self.tag(tag, 0x40);
    }

    /// Closes the element opened last.
    pub fn end(&mut self) {
        self.out.push(0x01);
    }

    /// Writes text inside the open element. Characters that XML 1.0 forbids are left out (K: G06).
    pub fn text(&mut self, text: &str) {
        self.out.push(0x03);
        self.out.reserve(text.len() + 1);
        if may_hold_illegal(text.as_bytes()) {
            for legal in text.split(|c| !is_xml(c)) {
                self.out.extend_from_slice(legal.as_bytes());
            }
        } else {
            self.out.extend_from_slice(text.as_bytes());
        }
        self.out.push(0);
    }

    /// Writes bytes inside the open element.
    pub fn opaque(&mut self, bytes: &[u8]) {
        self.out.push(0xC3);
        let length = u32::try_from(bytes.len()).expect("an opaque value is far below 4 GiB");
        self.number(length);
        self.out.extend_from_slice(bytes);
    }

    /// Writes `<Tag>text</Tag>`; empty text makes an empty element.
    pub fn leaf(&mut self, tag: Tag, text: &str) {
        if text.is_empty() {
            self.tag(tag, 0);
            return;
        }
        self.start(tag);
        self.text(text);
        self.end();
    }

    /// Writes an element with everything inside it.
    ///
    /// Empty text and empty opaque data are no content. A literal name has no number, so an element of that kind,
    /// which only decoding makes, is left out with its content.
    pub fn element(&mut self, element: &Element) {
        let mut walk = Walk::new(element);
        while let Some(step) = walk.next() {
            match step {
                Step::Open(element) if !element.tag.is_writable() => walk.leave(),
                Step::Open(element) if element.content.iter().all(is_blank) => {
                    self.tag(element.tag, 0);
                    walk.leave();
                }
                Step::Open(element) => self.start(element.tag),
                Step::Text("") | Step::Opaque([]) => {}
                Step::Text(text) => self.text(text),
                Step::Opaque(bytes) => self.opaque(bytes),
                Step::Close(_) => self.end(),
            }
        }
    }

    /// Writes elements that were encoded beforehand.
    pub fn fragment(&mut self, fragment: &Fragment) {
        if fragment.bytes.is_empty() {
            return;
        }
        self.turn_to(0);
        self.out.extend_from_slice(&fragment.bytes);
        self.page = fragment.page;
    }

    /// How many bytes wait to be taken.
    pub const fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether no bytes wait.
    pub const fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// Takes what is written so far; the document goes on behind it.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    fn tag(&mut self, tag: Tag, content: u8) {
        debug_assert!(tag.is_writable(), "{tag} has no token");
        self.turn_to(tag.page());
        self.out.push(tag.token() | content);
    }

    fn turn_to(&mut self, page: u8) {
        if page != self.page {
            self.out.extend_from_slice(&[0x00, page]);
            self.page = page;
        }
    }

    fn number(&mut self, number: u32) {
        let groups = (32 - number.leading_zeros()).div_ceil(7).max(1);
        for group in (0..groups).rev() {
            let more = if group > 0 { 0x80 } else { 0 };
            self.out.push((number >> (group * 7)) as u8 & 0x7F | more);
        }
    }
}

fn is_blank(node: &Node) -> bool {
    match node {
        Node::Element(child) => !child.tag.is_writable(),
        Node::Opaque(bytes) => bytes.is_empty(),
        Node::Text(text) => text.is_empty(),
    }
}

/// Whether a closer look is needed: control characters are one byte, and U+FFFE and U+FFFF begin with EF BF. Looked at
/// in runs without a branch inside, which machines take many bytes at a time: every body passes through here.
fn may_hold_illegal(text: &[u8]) -> bool {
    let control = |byte: u8| (byte < 0x20) & (byte != b'\t') & (byte != b'\n') & (byte != b'\r');
    let suspect = |byte: u8| u8::from(control(byte)) | (u8::from(byte == 0xEF) << 1);
    let found = text.chunks(RUN).fold(0, |found, run| found | run.iter().fold(0, |found, byte| found | suspect(*byte)));
    found & 1 != 0 || (found != 0 && text.windows(2).any(|pair| pair == [0xEF, 0xBF]))
}

/// Whether XML 1.0 allows the character.
pub(crate) const fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;
    use crate::pages::{airsync, airsyncbase};

    #[test]
    fn the_page_lasts_across_pieces() {
        let mut encoder = Encoder::new();
        assert_eq!((encoder.len(), encoder.take()), (4, HEADER.to_vec()));
        encoder.start(airsync::SYNC);
        encoder.start(airsyncbase::BODY);
        assert_eq!(encoder.take(), [0x45, 0x00, 17, 0x4A]);
        assert!(encoder.is_empty());
        encoder.leaf(airsyncbase::TYPE, "1");
        encoder.leaf(airsyncbase::PREVIEW, "");
        assert_eq!(encoder.take(), [0x46, 0x03, b'1', 0x00, 0x01, 0x18]);
        encoder.end();
        encoder.leaf(airsync::STATUS, "1");
        encoder.end();
        assert_eq!(encoder.take(), [0x01, 0x00, 0, 0x4E, 0x03, b'1', 0x00, 0x01, 0x01]);
    }

    #[test]
    fn what_an_encoder_holds_does_not_grow_with_the_document() {
        let item = Element::of(
            airsync::ADD,
            [Element::text(airsync::SERVER_ID, "a1"), Element::opaque(airsync::CLASS, [7; 300])],
        );
        let mut encoder = Encoder::new();
        encoder.start(airsync::SYNC);
        let mut wire = Vec::new();
        let mut held = 0;
        for _ in 0..1000 {
            encoder.element(&item);
            held = held.max(encoder.len());
            wire.extend(encoder.take());
        }
        encoder.end();
        wire.extend(encoder.take());
        assert!(held < 400, "{held}");
        assert_eq!(decode(&wire).map(|tree| tree.children().filter(|child| **child == item).count()), Ok(1000));
    }

    #[test]
    fn fragments_make_the_same_bytes_as_the_tree() {
        let item = Element::of(
            airsync::ADD,
            [
                Element::text(airsync::SERVER_ID, "a1"),
                Element::of(airsyncbase::BODY, [Element::number(airsyncbase::TYPE, 1)]),
            ],
        );
        let empty = Element::new(airsync::FETCH);
        let commands = Element::of(airsync::COMMANDS, [item.clone(), empty.clone(), item.clone()]);
        let mut encoder = Encoder::new();
        encoder.start(airsync::COMMANDS);
        for element in [&item, &empty, &item] {
            let fragment = Fragment::of(element);
            assert!(!fragment.is_empty() && fragment.len() < 24);
            encoder.fragment(&fragment);
            encoder.fragment(&Fragment::default());
        }
        encoder.end();
        assert_eq!(encoder.take(), encode(&commands));
    }

    #[test]
    fn content_that_is_empty_is_no_content() {
        let blank = Element { tag: airsync::SYNC, content: vec![Node::Text(String::new()), Node::Opaque(Vec::new())] };
        assert_eq!(encode(&blank)[4..], [0x05]);
        assert_eq!(encode(&Element::opaque(airsync::SYNC, []))[4..], [0x05]);
        assert_eq!(encode(&Element::text(airsync::SYNC, ""))[4..], [0x05]);
    }
}
