//! XML to tree.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::{Name, Namespace, PIECE, is_space};
use crate::encode::is_xml;
use crate::walk::{BuildError, Builder};
use crate::{Element, Limits};

/// Why text is not a document in our XML form.
#[derive(Clone, Debug, thiserror::Error)]
pub enum XmlError {
    /// An attribute other than `xmlns="Page:"` and `opaque="base64"`, or one of them twice.
    #[error("attribute {0:?}")]
    Attribute(String),
    /// Bytes that are not base64.
    #[error("bytes that are not base64: {0:?}")]
    Base64(String),
    /// A character that XML 1.0 forbids.
    #[error("character {0:?}")]
    Character(char),
    /// An entity other than the five of XML and character references.
    #[error("entity {0:?}")]
    Entity(String),
    /// A tag that the page does not have.
    #[error("no tag {name:?} on page {page}")]
    Name {
        /// The code page.
        page: u8,
        /// What stands there.
        name: String,
    },
    /// A namespace that is no code page, or a root without one.
    #[error("namespace {0:?} is no code page")]
    Namespace(String),
    /// Text or a second element outside the root, or an element among bytes.
    #[error("content at byte {0}, where none may stand")]
    Stray(u64),
    /// Not well-formed XML.
    #[error("not well-formed XML")]
    Syntax(#[from] quick_xml::Error),
    /// Deeper than [`Limits::depth_max`].
    #[error("deeper than {0} elements")]
    TooDeep(usize),
    /// More bytes than [`Limits::bytes_max`].
    #[error("{0} bytes, over the limit")]
    TooLong(usize),
    /// More elements, or more pieces of data, than [`Limits::elements_max`].
    #[error("more than {0} elements or pieces of data")]
    TooMany(usize),
    /// The text ends before the root does.
    #[error("the text ends inside an element, or has none")]
    Unfinished,
}

/// Reads one document within the default [`Limits`].
///
/// White space between elements is layout; a document type, comments and processing instructions are passed over, and
/// no entity is ever looked up.
pub fn from_xml(text: &str) -> Result<Element, XmlError> {
    from_xml_within(text, Limits::default())
}

/// Reads one document within `limits`.
pub fn from_xml_within(text: &str, limits: Limits) -> Result<Element, XmlError> {
    if text.len() > limits.bytes_max {
        return Err(XmlError::TooLong(text.len()));
    }
    let mut reader = Reader::from_str(text.trim_start_matches('\u{FEFF}'));
    reader.config_mut().check_comments = false;
    let mut document = Document::new(limits);
    loop {
        document.at = reader.buffer_position();
        match reader.read_event()? {
            Event::Start(start) => document.start(&start)?,
            Event::Empty(start) => {
                document.start(&start)?;
                document.end()?;
            }
            Event::End(_) => document.end()?,
            Event::Text(text) => document.text.push_str(&text.xml10_content().map_err(quick_xml::Error::from)?),
            Event::CData(data) => {
                document.text.push_str(&data.xml10_content().map_err(quick_xml::Error::from)?);
                document.solid = true;
            }
            Event::GeneralRef(reference) => {
                document.text.push(character(&reference)?);
                document.solid = true;
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof => break,
        }
        if document.open.is_empty() && document.text.chars().any(|c| !is_space(c)) {
            return Err(XmlError::Stray(document.at));
        }
    }
    document.tree.root().ok_or(XmlError::Unfinished)
}

fn character(reference: &BytesRef<'_>) -> Result<char, XmlError> {
    if let Some(c) = reference.resolve_char_ref()? {
        return Ok(c);
    }
    let name = reference.decode().map_err(quick_xml::Error::from)?;
    let resolved = match &*name {
        "amp" => '&',
        "apos" => '\'',
        "gt" => '>',
        "lt" => '<',
        "quot" => '"',
        _ => return Err(XmlError::Entity(excerpt(&name))),
    };
    Ok(resolved)
}

/// An element whose end is still to come.
struct Open {
    page: u8,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Its text is text.
    Plain,
    /// Its text is base64.
    Opaque,
    /// It is no element of the tree, only a piece of bytes.
    Piece,
}

struct Document {
    limits: Limits,
    /// Where the current event begins.
    at: u64,
    tree: Builder,
    open: Vec<Open>,
    /// Text since the last tag.
    text: String,
    /// Whether some of it was written as a reference or CDATA, so that it is content even if it is white space.
    solid: bool,
}

impl Document {
    const fn new(limits: Limits) -> Self {
        Self { limits, at: 0, tree: Builder::new(limits), open: Vec::new(), text: String::new(), solid: false }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), XmlError> {
        let outer = self.open.last().map(|open| (open.page, open.kind));
        if outer.is_some_and(|(_, kind)| kind != Kind::Plain) || (outer.is_none() && self.tree.is_closed()) {
            return Err(self.refused(BuildError::Outside));
        }
        self.flush(true)?;
        let (namespace, opaque) = attributes(start)?;
        let page = match (namespace, outer) {
            (Some(name), _) => Namespace::parse(&name).ok_or_else(|| XmlError::Namespace(excerpt(&name)))?,
            (None, Some((page, _))) => page,
            (None, None) => return Err(XmlError::Namespace(String::new())),
        };
        let name = String::from_utf8_lossy(start.name().0).into_owned();
        if name == PIECE && outer.is_some() {
            self.open.push(Open { page, kind: Kind::Piece });
            return Ok(());
        }
        let tag = Name::parse(page, &name).ok_or_else(|| XmlError::Name { page, name: excerpt(&name) })?;
        self.tree.open(tag).map_err(|error| self.refused(error))?;
        self.open.push(Open { page, kind: if opaque { Kind::Opaque } else { Kind::Plain } });
        Ok(())
    }

    fn end(&mut self) -> Result<(), XmlError> {
        self.flush(false)?;
        let closed = self.open.pop().ok_or(XmlError::Unfinished)?;
        match closed.kind {
            Kind::Plain | Kind::Opaque => self.tree.close().map_err(|error| self.refused(error)),
            Kind::Piece => Ok(()),
        }
    }

    /// Hands the text since the last tag to the tree.
    fn flush(&mut self, before_element: bool) -> Result<(), XmlError> {
        let text = std::mem::take(&mut self.text);
        let solid = std::mem::take(&mut self.solid);
        let Some(kind) = self.open.last().map(|open| open.kind) else { return Ok(()) };
        let added = match kind {
            Kind::Opaque | Kind::Piece => {
                let digits: String = text.chars().filter(|c| !is_space(*c)).collect();
                let bytes = BASE64.decode(&digits).map_err(|_| XmlError::Base64(excerpt(&digits)))?;
                self.tree.opaque(bytes)
            }
            Kind::Plain => {
                if let Some(illegal) = text.chars().find(|c| !is_xml(*c)) {
                    return Err(XmlError::Character(illegal));
                }
                let beside_element = before_element || self.tree.innermost().is_some_and(|open| !open.is_empty());
                let layout = beside_element && !solid && text.chars().all(is_space);
                if layout { Ok(()) } else { self.tree.text(&text) }
            }
        };
        added.map_err(|error| self.refused(error))
    }

    const fn refused(&self, error: BuildError) -> XmlError {
        match error {
            BuildError::Outside => XmlError::Stray(self.at),
            BuildError::TooDeep => XmlError::TooDeep(self.limits.depth_max),
            BuildError::TooMany => XmlError::TooMany(self.limits.elements_max),
        }
    }
}

/// The namespace, and whether the content is base64.
fn attributes(start: &BytesStart<'_>) -> Result<(Option<String>, bool), XmlError> {
    let (mut namespace, mut opaque) = (None, false);
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(quick_xml::Error::from)?;
        let value = attribute.unescape_value()?;
        match attribute.key.0 {
            b"xmlns" if namespace.is_none() => namespace = Some(value.into_owned()),
            b"opaque" if !opaque && value == "base64" => opaque = true,
            name => return Err(XmlError::Attribute(excerpt(&String::from_utf8_lossy(name)))),
        }
    }
    Ok((namespace, opaque))
}

fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}
