//! Tree to bytes, as a stream.
//!
//! [`Encoder`] writes into any growing buffer piece by piece: a long answer is handed on while it is made and never
//! stands in memory whole. The form is the one every checked vector has: header `03 01 6A 00`, one STR_I for a text,
//! a page switch only where the page changes, no content bit on an empty element.

use crate::{Element, Node, Tag};

/// The header of every document: WBXML 1.3, unknown public id, UTF-8, no string table.
pub const HEADER: [u8; 4] = [0x03, 0x01, 0x6A, 0x00];

/// Writes a whole document.
pub fn encode(root: &Element) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.element(root);
    encoder.take()
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

    /// Opens an element that will have content; [`Encoder::end`] closes it.
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
        if text.bytes().any(|byte| byte < 0x20 || byte == 0xEF) {
            let mut buffer = [0; 4];
            for legal in text.chars().filter(|c| is_xml(*c)) {
                self.out.extend_from_slice(legal.encode_utf8(&mut buffer).as_bytes());
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

    /// Writes an element with everything inside it.
    pub fn element(&mut self, element: &Element) {
        if element.content.is_empty() {
            self.tag(element.tag, 0);
            return;
        }
        self.start(element.tag);
        for node in &element.content {
            match node {
                Node::Element(child) => self.element(child),
                Node::Opaque(bytes) => self.opaque(bytes),
                Node::Text(text) => self.text(text),
            }
        }
        self.end();
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
        if tag.page() != self.page {
            self.out.extend_from_slice(&[0x00, tag.page()]);
            self.page = tag.page();
        }
        self.out.push(tag.token() | content);
    }

    fn number(&mut self, number: u32) {
        let groups = (32 - number.leading_zeros()).div_ceil(7).max(1);
        for group in (0..groups).rev() {
            let more = if group > 0 { 0x80 } else { 0 };
            self.out.push((number >> (group * 7)) as u8 & 0x7F | more);
        }
    }
}

/// Whether XML 1.0 allows the character.
pub(crate) const fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..='\u{10FFFF}')
}
