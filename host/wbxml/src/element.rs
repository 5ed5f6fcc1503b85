//! The element tree between bytes and commands.

use std::borrow::Cow;

use crate::Tag;

/// One element: a tag and what it holds.
///
/// An element without content and one whose content ends at once are the same value (K: G50). Its `Debug` form is its
/// XML. Nothing here recurses: a tree of any depth can be copied, compared, written and dropped.
pub struct Element {
    /// The tag.
    pub tag: Tag,
    /// What it holds, in order; empty for `<Tag/>`.
    pub content: Vec<Node>,
}

/// One thing inside an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A child element.
    Element(Element),
    /// OPAQUE: bytes as they are.
    Opaque(Vec<u8>),
    /// STR_I: text.
    Text(String),
}

impl Element {
    /// `<Tag/>`.
    pub const fn new(tag: Tag) -> Self {
        Self { tag, content: Vec::new() }
    }

    /// `<Tag>text</Tag>`; empty text makes an empty element.
    pub fn text(tag: Tag, text: impl Into<String>) -> Self {
        let text = text.into();
        let content = if text.is_empty() { Vec::new() } else { vec![Node::Text(text)] };
        Self { tag, content }
    }

    /// `<Tag>n</Tag>`, for numbers.
    pub fn number(tag: Tag, number: impl Into<i64>) -> Self {
        Self::text(tag, number.into().to_string())
    }

    /// `<Tag>1</Tag>` or `<Tag>0</Tag>`.
    pub fn boolean(tag: Tag, value: bool) -> Self {
        Self::text(tag, if value { "1" } else { "0" })
    }

    /// An element whose content is bytes.
    pub fn opaque(tag: Tag, bytes: impl Into<Vec<u8>>) -> Self {
        Self { tag, content: vec![Node::Opaque(bytes.into())] }
    }

    /// An element that holds `children`.
    pub fn of(tag: Tag, children: impl IntoIterator<Item = Self>) -> Self {
        Self { tag, content: children.into_iter().map(Node::Element).collect() }
    }

    /// The same element with one more child.
    #[must_use]
    pub fn with(mut self, child: Self) -> Self {
        self.push(child);
        self
    }

    /// The same element with one more child, if there is one.
    #[must_use]
    pub fn with_some(mut self, child: Option<Self>) -> Self {
        self.content.extend(child.map(Node::Element));
        self
    }

    /// Appends a child.
    pub fn push(&mut self, child: Self) {
        self.content.push(Node::Element(child));
    }

    /// Appends children.
    pub fn extend(&mut self, children: impl IntoIterator<Item = Self>) {
        self.content.extend(children.into_iter().map(Node::Element));
    }

    /// The child elements, in order.
    pub fn children(&self) -> impl DoubleEndedIterator<Item = &Self> + Clone {
        self.content.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Opaque(_) | Node::Text(_) => None,
        })
    }

    /// The first child with that tag.
    pub fn child(&self, tag: Tag) -> Option<&Self> {
        self.children().find(|child| child.tag == tag)
    }

    /// Every child with that tag, in order.
    pub fn all(&self, tag: Tag) -> impl Iterator<Item = &Self> {
        self.children().filter(move |child| child.tag == tag)
    }

    /// The child reached by following `path`, the first one at each step.
    pub fn at(&self, path: &[Tag]) -> Option<&Self> {
        path.iter().try_fold(self, |element, tag| element.child(*tag))
    }

    /// The text of the first child with that tag; `Some("")` when the child is empty.
    pub fn text_of(&self, tag: Tag) -> Option<Cow<'_, str>> {
        self.child(tag).map(Self::value)
    }

    /// The text inside: strings joined, opaque data read as UTF-8 (leniently), child elements left out.
    pub fn value(&self) -> Cow<'_, str> {
        match self.content.as_slice() {
            [] => Cow::Borrowed(""),
            [Node::Text(text)] => Cow::Borrowed(text),
            [Node::Opaque(bytes)] => String::from_utf8_lossy(bytes),
            nodes => Cow::Owned(nodes.iter().fold(String::new(), |mut all, node| {
                match node {
                    Node::Text(text) => all.push_str(text),
                    Node::Opaque(bytes) => all.push_str(&String::from_utf8_lossy(bytes)),
                    Node::Element(_) => {}
                }
                all
            })),
        }
    }

    /// The bytes inside: opaque data as it is, text as UTF-8, child elements left out.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        match self.content.as_slice() {
            [] => Cow::Borrowed(&[]),
            [Node::Text(text)] => Cow::Borrowed(text.as_bytes()),
            [Node::Opaque(bytes)] => Cow::Borrowed(bytes),
            nodes => Cow::Owned(nodes.iter().fold(Vec::new(), |mut all, node| {
                match node {
                    Node::Text(text) => all.extend_from_slice(text.as_bytes()),
                    Node::Opaque(bytes) => all.extend_from_slice(bytes),
                    Node::Element(_) => {}
                }
                all
            })),
        }
    }

    /// Whether nothing is inside.
    pub fn is_empty(&self) -> bool {
        self.content.is_empty()
    }
}
