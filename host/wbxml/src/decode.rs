//! Bytes to tree.
//!
//! WAP-192-WBXML as narrowed by MS-ASWBXML 2.1: tags, page switches, inline strings and opaque data. String tables and
//! literal names are read too, because the format has them; entities, attributes, extensions and processing
//! instructions are refused.

use crate::{Element, Limits, Node, Tag};

const SWITCH_PAGE: u8 = 0x00;
const END: u8 = 0x01;
const ENTITY: u8 = 0x02;
const STR_I: u8 = 0x03;
const LITERAL: u8 = 0x04;
const STR_T: u8 = 0x83;
const OPAQUE: u8 = 0xC3;
const HAS_ATTRIBUTES: u8 = 0x80;
const HAS_CONTENT: u8 = 0x40;
const UTF8: u32 = 106;
const US_ASCII: u32 = 3;
const UNKNOWN_CHARSET: u32 = 0;

/// Why bytes are not a document of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A tag with attributes.
    #[error("attributes at byte {0}")]
    Attributes(usize),
    /// Text that is not UTF-8.
    #[error("text that is not UTF-8 at byte {0}")]
    BadText(usize),
    /// A charset other than UTF-8 and its subset US-ASCII.
    #[error("charset {0}, not UTF-8")]
    Charset(u32),
    /// The input ends inside an element, a string or a number.
    #[error("the input ends early, at byte {0}")]
    EndOfInput(usize),
    /// A number that does not fit 32 bits.
    #[error("a number beyond 32 bits at byte {0}")]
    NumberTooLarge(usize),
    /// A reference past the string table.
    #[error("string table reference {0} out of range")]
    StringTable(u32),
    /// More than one root, or bytes after it.
    #[error("data after the root element, at byte {0}")]
    TrailingData(usize),
    /// More bytes than [`Limits::bytes_max`].
    #[error("{0} bytes, over the limit")]
    TooLong(usize),
    /// Deeper than [`Limits::depth_max`].
    #[error("deeper than {0} elements")]
    TooDeep(usize),
    /// More elements than [`Limits::elements_max`].
    #[error("more than {0} elements")]
    TooMany(usize),
    /// A token that no document of ours holds.
    #[error("token {token:#04X} at byte {at}")]
    Token {
        /// The byte.
        token: u8,
        /// Where it stands.
        at: usize,
    },
    /// A version other than 1.1 to 1.3.
    #[error("WBXML version byte {0:#04X}")]
    Version(u8),
}

/// Reads one document within the default [`Limits`].
pub fn decode(bytes: &[u8]) -> Result<Element, DecodeError> {
    decode_within(bytes, Limits::default())
}

/// Reads one document within `limits`.
pub fn decode_within(bytes: &[u8], limits: Limits) -> Result<Element, DecodeError> {
    if bytes.len() > limits.bytes_max {
        return Err(DecodeError::TooLong(bytes.len()));
    }
    let mut reader = Reader { bytes, at: 0 };
    let strings = header(&mut reader)?;
    Body { reader, strings, page: 0, limits, elements: 0 }.document()
}

fn header<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let version = reader.byte()?;
    if !(0x01..=0x03).contains(&version) {
        return Err(DecodeError::Version(version));
    }
    if reader.number()? == 0 {
        reader.number()?; // the public id is a string table reference instead
    }
    let charset = reader.number()?;
    if ![UTF8, US_ASCII, UNKNOWN_CHARSET].contains(&charset) {
        return Err(DecodeError::Charset(charset));
    }
    let length = reader.number()?;
    reader.take(length)
}

struct Body<'a> {
    reader: Reader<'a>,
    strings: &'a [u8],
    page: u8,
    limits: Limits,
    elements: usize,
}

impl Body<'_> {
    fn document(mut self) -> Result<Element, DecodeError> {
        let mut open: Vec<Element> = Vec::new();
        let root = loop {
            let at = self.reader.at;
            let token = self.reader.byte()?;
            let closed = match token {
                SWITCH_PAGE => {
                    self.page = self.reader.byte()?;
                    None
                }
                END => Some(open.pop().ok_or(DecodeError::Token { token, at })?),
                STR_I => {
                    let text = text(self.reader.until_nul()?, at)?;
                    append(&mut open, Node::Text(text), token, at)?;
                    None
                }
                STR_T => {
                    let text = self.string()?;
                    append(&mut open, Node::Text(text), token, at)?;
                    None
                }
                OPAQUE => {
                    let length = self.reader.number()?;
                    let bytes = self.reader.take(length)?.to_vec();
                    append(&mut open, Node::Opaque(bytes), token, at)?;
                    None
                }
                _ => self.start(token, at, &mut open)?,
            };
            let Some(element) = closed else { continue };
            match open.last_mut() {
                Some(parent) => parent.content.push(Node::Element(element)),
                None => break element,
            }
        };
        self.trailing().map(|()| root)
    }

    /// A start tag; the element if it has no content.
    fn start(&mut self, token: u8, at: usize, open: &mut Vec<Element>) -> Result<Option<Element>, DecodeError> {
        if token & HAS_ATTRIBUTES != 0 {
            return Err(DecodeError::Attributes(at));
        }
        let number = token & !HAS_CONTENT;
        let tag = match number {
            // A literal name is no tag of any page: it survives as the one number no page uses.
            LITERAL => {
                self.string()?;
                Tag::new(self.page, LITERAL)
            }
            0x05..=0x3F => Tag::new(self.page, number),
            _ => return Err(DecodeError::Token { token, at }),
        };
        self.elements += 1;
        if self.elements > self.limits.elements_max {
            return Err(DecodeError::TooMany(self.limits.elements_max));
        }
        if open.len() >= self.limits.depth_max {
            return Err(DecodeError::TooDeep(self.limits.depth_max));
        }
        let element = Element::new(tag);
        if token & HAS_CONTENT == 0 {
            return Ok(Some(element));
        }
        open.push(element);
        Ok(None)
    }

    fn string(&mut self) -> Result<String, DecodeError> {
        let offset = self.reader.number()?;
        let tail = usize::try_from(offset).ok().and_then(|from| self.strings.get(from..));
        let tail = tail.ok_or(DecodeError::StringTable(offset))?;
        let end = tail.iter().position(|byte| *byte == 0).ok_or(DecodeError::StringTable(offset))?;
        text(&tail[..end], self.reader.at)
    }

    /// After the root only page switches may follow.
    fn trailing(mut self) -> Result<(), DecodeError> {
        while self.reader.at < self.reader.bytes.len() {
            let at = self.reader.at;
            if self.reader.byte()? != SWITCH_PAGE {
                return Err(DecodeError::TrailingData(at));
            }
            self.reader.byte()?;
        }
        Ok(())
    }
}

fn append(open: &mut [Element], node: Node, token: u8, at: usize) -> Result<(), DecodeError> {
    let parent = open.last_mut().ok_or(DecodeError::Token { token, at })?;
    // An empty string is no content (K: G50), and text in two strings is one text.
    match (node, parent.content.last_mut()) {
        (Node::Text(text), _) if text.is_empty() => {}
        (Node::Text(text), Some(Node::Text(before))) => before.push_str(&text),
        (node, _) => parent.content.push(node),
    }
    Ok(())
}

fn text(bytes: &[u8], at: usize) -> Result<String, DecodeError> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| DecodeError::BadText(at))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, DecodeError> {
        let byte = self.bytes.get(self.at).copied().ok_or(DecodeError::EndOfInput(self.at))?;
        self.at += 1;
        Ok(byte)
    }

    /// A multi-byte unsigned integer of at most 32 bits.
    fn number(&mut self) -> Result<u32, DecodeError> {
        let start = self.at;
        let mut number = 0u32;
        loop {
            let byte = self.byte()?;
            if number > u32::MAX >> 7 {
                return Err(DecodeError::NumberTooLarge(start));
            }
            number = number << 7 | u32::from(byte & 0x7F);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
    }

    fn take(&mut self, length: u32) -> Result<&'a [u8], DecodeError> {
        let rest = &self.bytes[self.at..];
        let taken = usize::try_from(length).ok().and_then(|length| rest.get(..length));
        let taken = taken.ok_or(DecodeError::EndOfInput(self.bytes.len()))?;
        self.at += taken.len();
        Ok(taken)
    }

    fn until_nul(&mut self) -> Result<&'a [u8], DecodeError> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|byte| *byte == 0).ok_or(DecodeError::EndOfInput(self.bytes.len()))?;
        self.at += end + 1;
        Ok(&rest[..end])
    }
}

// Named so that the table of tokens above is whole; an entity is refused like any other stray token.
const _: u8 = ENTITY;
