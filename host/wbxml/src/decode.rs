//! Bytes to tree.
//!
//! WAP-192-WBXML as narrowed by MS-ASWBXML 2.1: tags, page switches, inline strings and opaque data. String tables and
//! literal names are read too, because the format has them; entities (0x02), attributes, extensions and processing
//! instructions are refused.

use crate::walk::{BuildError, Builder};
use crate::{Element, Limits, Tag};

const SWITCH_PAGE: u8 = 0x00;
const END: u8 = 0x01;
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
    /// More bytes than [`Limits::bytes_max`], in the document or out of its string table.
    #[error("{0} bytes, at or over the limit")]
    TooLong(usize),
    /// Deeper than [`Limits::depth_max`].
    #[error("deeper than {0} elements")]
    TooDeep(usize),
    /// More elements, or more pieces of data, than [`Limits::elements_max`].
    #[error("more than {0} elements or pieces of data")]
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
    Body { reader, strings, page: 0, limits, strings_left: limits.bytes_max }.document()
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
    /// How many more bytes string table references may yield.
    strings_left: usize,
}

impl<'a> Body<'a> {
    fn document(mut self) -> Result<Element, DecodeError> {
        let mut tree = Builder::new(self.limits);
        let root = loop {
            let at = self.reader.at;
            let token = self.reader.byte()?;
            let built = match token {
                SWITCH_PAGE => {
                    self.page = self.reader.byte()?;
                    Ok(())
                }
                END => tree.close(),
                STR_I => tree.text(text(self.reader.until_nul()?, at)?),
                STR_T => tree.text(self.string()?),
                OPAQUE => {
                    let length = self.reader.number()?;
                    tree.opaque(self.reader.take(length)?.to_vec())
                }
                _ => self.start(token, at, &mut tree)?,
            };
            built.map_err(|error| self.refused(error, token, at))?;
            if let Some(root) = tree.root() {
                break root;
            }
        };
        self.trailing().map(|()| root)
    }

    /// A start tag, closed at once if it has no content.
    fn start(&mut self, token: u8, at: usize, tree: &mut Builder) -> Result<Result<(), BuildError>, DecodeError> {
        if token & HAS_ATTRIBUTES != 0 {
            return Err(DecodeError::Attributes(at));
        }
        let number = token & !HAS_CONTENT;
        match number {
            // A literal name is no tag of any page: it survives as the one number no page uses.
            LITERAL => self.string().map(|_| ())?,
            0x05..=0x3F => {}
            _ => return Err(DecodeError::Token { token, at }),
        }
        let opened = tree.open(Tag::new(self.page, number));
        Ok(if token & HAS_CONTENT == 0 { opened.and_then(|()| tree.close()) } else { opened })
    }

    /// The string a reference points to.
    fn string(&mut self) -> Result<&'a str, DecodeError> {
        let at = self.reader.at;
        let offset = self.reader.number()?;
        let tail = usize::try_from(offset).ok().and_then(|from| self.strings.get(from..));
        let tail = tail.ok_or(DecodeError::StringTable(offset))?;
        // The budget bounds the search as well: a long string costs the same whether it is kept or not.
        let tail = &tail[..tail.len().min(self.strings_left.saturating_add(1))];
        let Some(end) = tail.iter().position(|byte| *byte == 0) else {
            return Err(match self.strings_left < tail.len() {
                true => DecodeError::TooLong(self.limits.bytes_max),
                false => DecodeError::StringTable(offset),
            });
        };
        self.strings_left -= end;
        text(&tail[..end], at)
    }

    const fn refused(&self, error: BuildError, token: u8, at: usize) -> DecodeError {
        match error {
            BuildError::Outside => DecodeError::Token { token, at },
            BuildError::TooDeep => DecodeError::TooDeep(self.limits.depth_max),
            BuildError::TooMany => DecodeError::TooMany(self.limits.elements_max),
        }
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

fn text(bytes: &[u8], at: usize) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::BadText(at))
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

    /// A multi-byte unsigned integer: 32 bits in at most five bytes.
    fn number(&mut self) -> Result<u32, DecodeError> {
        let start = self.at;
        let mut number = 0u32;
        for _ in 0..5 {
            let byte = self.byte()?;
            if number > u32::MAX >> 7 {
                break;
            }
            number = number << 7 | u32::from(byte & 0x7F);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(DecodeError::NumberTooLarge(start))
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
