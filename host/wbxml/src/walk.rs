//! A tree read, copied, compared and taken apart without recursion, so that no depth can exhaust a stack.

use std::mem;
use std::slice::Iter;

use crate::{Element, Limits, Node, Tag};

/// One step of a walk through a tree.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    /// Into an element.
    Open(&'a Element),
    /// Text inside the open element.
    Text(&'a str),
    /// Bytes inside the open element.
    Opaque(&'a [u8]),
    /// Out of the open element.
    Close(&'a Element),
}

/// Visits an element and everything inside it, in the order of the document.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    root: Option<&'a Element>,
    open: Vec<(&'a Element, Iter<'a, Node>)>,
}

impl<'a> Walk<'a> {
    pub(crate) const fn new(root: &'a Element) -> Self {
        Self { root: Some(root), open: Vec::new() }
    }

    /// Leaves out what is left of the element just opened, its `Close` included.
    pub(crate) fn leave(&mut self) {
        self.open.pop();
    }

    fn enter(&mut self, element: &'a Element) -> Step<'a> {
        self.open.push((element, element.content.iter()));
        Step::Open(element)
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        if let Some(root) = self.root.take() {
            return Some(self.enter(root));
        }
        let (element, nodes) = self.open.last_mut()?;
        let Some(node) = nodes.next() else {
            let closed = Step::Close(element);
            self.open.pop();
            return Some(closed);
        };
        Some(match node {
            Node::Element(child) => self.enter(child),
            Node::Opaque(bytes) => Step::Opaque(bytes),
            Node::Text(text) => Step::Text(text),
        })
    }
}

/// What [`Builder`] does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BuildError {
    /// Data or an END outside every element, or a second root.
    Outside,
    /// Deeper than [`Limits::depth_max`].
    TooDeep,
    /// More elements, or more pieces of data, than [`Limits::elements_max`].
    TooMany,
}

/// Puts a tree together from the steps of a document, within limits.
#[derive(Debug)]
pub(crate) struct Builder {
    limits: Limits,
    elements: usize,
    pieces: usize,
    open: Vec<Element>,
    root: Option<Element>,
}

impl Builder {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self { limits, elements: 0, pieces: 0, open: Vec::new(), root: None }
    }

    pub(crate) fn open(&mut self, tag: Tag) -> Result<(), BuildError> {
        if self.root.is_some() {
            return Err(BuildError::Outside);
        }
        self.elements += 1;
        if self.elements > self.limits.elements_max {
            return Err(BuildError::TooMany);
        }
        if self.open.len() >= self.limits.depth_max {
            return Err(BuildError::TooDeep);
        }
        self.open.push(Element::new(tag));
        Ok(())
    }

    /// Adds text to the open element. An empty string is no content (K: G50), and text in two pieces is one text.
    pub(crate) fn text(&mut self, text: &str) -> Result<(), BuildError> {
        let parent = self.open.last_mut().ok_or(BuildError::Outside)?;
        if let Some(Node::Text(before)) = parent.content.last_mut() {
            before.push_str(text);
            return Ok(());
        }
        if text.is_empty() { Ok(()) } else { self.piece(Node::Text(text.to_owned())) }
    }

    /// Adds bytes to the open element; no bytes are no content.
    pub(crate) fn opaque(&mut self, bytes: Vec<u8>) -> Result<(), BuildError> {
        if self.open.is_empty() {
            return Err(BuildError::Outside);
        }
        if bytes.is_empty() { Ok(()) } else { self.piece(Node::Opaque(bytes)) }
    }

    pub(crate) fn close(&mut self) -> Result<(), BuildError> {
        let element = self.open.pop().ok_or(BuildError::Outside)?;
        match self.open.last_mut() {
            Some(parent) => parent.content.push(Node::Element(element)),
            None => self.root = Some(element),
        }
        Ok(())
    }

    /// The innermost open element.
    pub(crate) fn innermost(&mut self) -> Option<&mut Element> {
        self.open.last_mut()
    }

    /// The whole tree, once its root is closed.
    pub(crate) const fn root(&mut self) -> Option<Element> {
        self.root.take()
    }

    pub(crate) const fn is_closed(&self) -> bool {
        self.root.is_some()
    }

    fn piece(&mut self, node: Node) -> Result<(), BuildError> {
        self.pieces += 1;
        if self.pieces > self.limits.elements_max {
            return Err(BuildError::TooMany);
        }
        let parent = self.open.last_mut().ok_or(BuildError::Outside)?;
        parent.content.push(node);
        Ok(())
    }
}

impl Clone for Element {
    fn clone(&self) -> Self {
        let mut open: Vec<Self> = Vec::new();
        for step in Walk::new(self) {
            let node = match step {
                Step::Open(element) => {
                    open.push(Self { tag: element.tag, content: Vec::with_capacity(element.content.len()) });
                    continue;
                }
                Step::Text(text) => Node::Text(text.to_owned()),
                Step::Opaque(bytes) => Node::Opaque(bytes.to_owned()),
                Step::Close(_) => {
                    let closed = open.pop().expect("a walk closes what it opened");
                    if open.is_empty() {
                        return closed;
                    }
                    Node::Element(closed)
                }
            };
            open.last_mut().expect("a walk is inside the root until it closes it").content.push(node);
        }
        unreachable!("a walk ends by closing the root")
    }
}

impl Eq for Element {}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        // Opening and closing steps show every difference in shape, so neither walk can end before the other.
        Walk::new(self).zip(Walk::new(other)).all(|steps| match steps {
            (Step::Open(a), Step::Open(b)) => a.tag == b.tag && a.content.len() == b.content.len(),
            (Step::Text(a), Step::Text(b)) => a == b,
            (Step::Opaque(a), Step::Opaque(b)) => a == b,
            (Step::Close(_), Step::Close(_)) => true,
            (Step::Open(_) | Step::Text(_) | Step::Opaque(_) | Step::Close(_), _) => false,
        })
    }
}

impl Drop for Element {
    /// Takes grandchildren out before their parents go, one level at a time.
    fn drop(&mut self) {
        let mut waiting: Vec<Vec<Node>> = Vec::new();
        take_grandchildren(&mut self.content, &mut waiting);
        while let Some(mut nodes) = waiting.pop() {
            take_grandchildren(&mut nodes, &mut waiting);
        }
    }
}

fn take_grandchildren(nodes: &mut [Node], waiting: &mut Vec<Vec<Node>>) {
    for node in nodes {
        match node {
            Node::Element(child) if !child.content.is_empty() => waiting.push(mem::take(&mut child.content)),
            Node::Element(_) | Node::Opaque(_) | Node::Text(_) => {}
        }
    }
}
