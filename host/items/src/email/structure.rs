//! The tree of parts. RFC 2046 5.1 "Multipart Media Type".
//!
//! One walk over the bytes, with bounds on depth and number: what lies deeper is one leaf, what comes later belongs to
//! nobody. No recursion here; whoever walks the tree may recurse, it is never deeper than [`DEPTH_MAX`].

use std::ops::Range;

use memchr::memmem;

use super::header::{self, Parameterised};
use super::index::{Disposition, Transfer};

/// Parts inside parts.
pub(crate) const DEPTH_MAX: usize = 40;
/// Parts in one message.
pub(crate) const PARTS_MAX: usize = 1_000;
/// Bytes of one header.
pub(crate) const HEADER_BYTES_MAX: usize = 512 * 1024;

/// What a part holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Content.
    Leaf,
    /// A message.
    Message,
    /// Parts.
    Parts,
}

/// One part.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Its header, without the empty line.
    pub(crate) header: Range<usize>,
    /// What comes after the empty line; without the line end before the boundary.
    pub(crate) body: Range<usize>,
    /// What the header says.
    pub(crate) content: Content,
    /// What is inside.
    pub(crate) holds: Holds,
    /// The parts inside, in order.
    pub(crate) children: Vec<usize>,
}

/// What a header says about its content.
#[derive(Clone, Debug, Default)]
pub(crate) struct Content {
    /// Content-Type; `text/plain` if there is none that can be read.
    pub(crate) media: (String, String),
    /// Whether the header has a Content-Type.
    pub(crate) declared: bool,
    /// Its parameters, and those of Content-Disposition.
    parameters: Parameterised,
    disposition_parameters: Parameterised,
    /// Content-Transfer-Encoding.
    pub(crate) transfer: Transfer,
    /// Content-Disposition.
    pub(crate) disposition: Option<Disposition>,
    /// Content-ID without angle brackets.
    pub(crate) id: Option<String>,
    /// Content-Location.
    pub(crate) location: Option<String>,
}

impl Content {
    /// Whether it is of that type.
    pub(crate) fn is(&self, kind: &str, subtype: &str) -> bool {
        self.media.0 == kind && self.media.1 == subtype
    }

    /// The parameters of Content-Type, names in lower case.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.parameters.parameters.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
    }

    /// A parameter of Content-Type.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.parameter(name)
    }

    /// The file name, without path and control characters.
    pub(crate) fn name(&self) -> Option<String> {
        let name = self.disposition_parameters.parameter("filename").or_else(|| self.parameters.parameter("name"))?;
        // Encoded words in a parameter are forbidden and everywhere.
        let name = if name.contains("=?") { header::text(name.as_bytes()) } else { crate::body::one_line(name) };
        let name: String = name.chars().map(|c| if matches!(c, '/' | '\\') { '_' } else { c }).take(255).collect();
        (!name.is_empty()).then_some(name)
    }
}

/// The parts of a message; the message itself is the first.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
}

impl Tree {
    /// The message itself.
    pub(crate) fn root(&self) -> &Node {
        &self.nodes[0]
    }

    /// Whether the header of the message is longer than what is read of it.
    pub(crate) fn header_goes_on(&self, raw: &[u8]) -> bool {
        let header = &self.root().header;
        let line = &raw[header.end..header::line_end(raw, header.end)];
        let is_more = matches!(line.first(), Some(b' ' | b'\t')) || header::name_end(line).is_some();
        is_more && header.len() + line.len() > HEADER_BYTES_MAX
    }
}

/// Walks over a message.
pub(crate) fn walk(raw: &[u8]) -> Tree {
    let mut walker = Walker { raw, nodes: Vec::new(), open: Vec::new(), in_header: true };
    walker.begin(0);
    // An mbox separator is no header.
    let mut at = if raw.starts_with(b"From ") { header::line_end(raw, 0) } else { 0 };
    walker.nodes[0].header = at..at;
    while at < raw.len() {
        at = if walker.in_header { walker.header_line(at) } else { walker.body(at) };
    }
    walker.finish();
    Tree { nodes: walker.nodes }
}

struct Open {
    node: usize,
    /// `None` while the header is read, and for what is no multipart.
    boundary: Option<Vec<u8>>,
}

struct Walker<'a> {
    raw: &'a [u8],
    nodes: Vec<Node>,
    open: Vec<Open>,
    /// Whether the innermost open node's header is being read.
    in_header: bool,
}

impl Walker<'_> {
    fn begin(&mut self, at: usize) {
        let number = self.nodes.len();
        let node = Node {
            header: at..at,
            body: at..at,
            content: Content::default(),
            holds: Holds::Leaf,
            children: Vec::new(),
        };
        self.nodes.push(node);
        if let Some(parent) = self.open.last() {
            self.nodes[parent.node].children.push(number);
        }
        self.open.push(Open { node: number, boundary: None });
        self.in_header = true;
    }

    /// Takes one line of a header; returns where the next begins.
    fn header_line(&mut self, at: usize) -> usize {
        if let Some(next) = self.boundary(at) {
            return next;
        }
        let end = header::line_end(self.raw, at);
        let line = &self.raw[at..end];
        let start = self.nodes[self.innermost()].header.start;
        if line.trim_ascii().is_empty() && !(matches!(line[0], b' ' | b'\t') && at > start) {
            self.end_header(at, end);
            return end;
        }
        let folded = matches!(line[0], b' ' | b'\t');
        if (!folded && header::name_end(line).is_none()) || end - start > HEADER_BYTES_MAX {
            // No empty line: the body begins here.
            self.end_header(at, at);
            return at;
        }
        end
    }

    fn innermost(&self) -> usize {
        self.open.last().expect("a node stays open while a header is read").node
    }

    fn end_header(&mut self, end: usize, body: usize) {
        let number = self.innermost();
        let in_digest = self
            .open
            .len()
            .checked_sub(2)
            .is_some_and(|parent| self.nodes[self.open[parent].node].content.is("multipart", "digest"));
        let whole = self.nodes.len() < PARTS_MAX;
        let node = &mut self.nodes[number];
        node.header.end = end;
        node.body = body..body;
        node.content = content(&self.raw[node.header.clone()], in_digest);
        self.in_header = false;
        if self.open.len() >= DEPTH_MAX {
            return;
        }
        let kind = (node.content.media.0.as_str(), node.content.media.1.as_str());
        match kind {
            ("multipart", _) => {
                if let Some(boundary) = node.content.parameter("boundary") {
                    let boundary = boundary.trim_end().as_bytes().to_vec();
                    node.holds = Holds::Parts;
                    self.open.last_mut().expect("just looked at").boundary = Some(boundary);
                }
            }
            ("message", "rfc822" | "global") if whole && node.content.transfer == Transfer::Identity => {
                node.holds = Holds::Message;
                self.begin(body);
            }
            _ => {}
        }
    }

    /// Skips content up to the next boundary line; returns where to go on.
    fn body(&mut self, at: usize) -> usize {
        if !self.open.iter().any(|open| open.boundary.is_some()) {
            return self.raw.len();
        }
        let line = if self.raw[at..].starts_with(b"--") {
            at
        } else {
            match memmem::find(&self.raw[at..], b"\n--") {
                Some(offset) => at + offset + 1,
                None => return self.raw.len(),
            }
        };
        self.boundary(line).unwrap_or_else(|| header::line_end(self.raw, line))
    }

    /// Takes the line at `at` if it is a boundary of an open multipart.
    fn boundary(&mut self, at: usize) -> Option<usize> {
        let rest = self.raw[at..].strip_prefix(b"--")?;
        let end = header::line_end(self.raw, at);
        let line = rest[..end - at - 2].trim_ascii_end();
        let matches = |boundary: &Vec<u8>| match line.strip_prefix(boundary.as_slice())? {
            b"" => Some(false),
            b"--" => Some(true),
            _ => None,
        };
        let found = self
            .open
            .iter()
            .enumerate()
            .rev()
            .find_map(|(level, open)| Some((level, open.boundary.as_ref().and_then(matches)?)));
        let (level, closing) = found?;
        if self.in_header {
            self.end_header(at, at);
            self.in_header = false;
        }
        let content_end = match &self.raw[..at] {
            [.., b'\r', b'\n'] => at - 2,
            [.., b'\n'] => at - 1,
            _ => at,
        };
        self.close(level + 1, content_end);
        if closing {
            self.close(level, end);
        } else if self.nodes.len() < PARTS_MAX {
            self.begin(end);
        }
        Some(end)
    }

    /// Closes every node above `level`.
    fn close(&mut self, level: usize, mut end: usize) {
        while self.open.len() > level {
            let closed = self.open.pop().expect("longer than level");
            let body = &mut self.nodes[closed.node].body;
            // A part whose header the boundary cuts short ends behind the line end before it, and so do those around it.
            end = end.max(body.start);
            body.end = end;
        }
    }

    fn finish(&mut self) {
        // The header of a message inside may still be open after the one around it was ended.
        for _ in 0..=DEPTH_MAX {
            if self.in_header {
                self.end_header(self.raw.len(), self.raw.len());
            }
        }
        self.close(0, self.raw.len());
    }
}

fn content(bytes: &[u8], in_digest: bool) -> Content {
    let mut content = Content::default();
    for field in
        header::fields(bytes).filter(|field| field.name.len() > 8 && field.name[..8].eq_ignore_ascii_case("content-"))
    {
        match field.name[8..].to_ascii_lowercase().as_str() {
            "type" if !content.declared => {
                content.parameters = header::parameterised(field.value);
                content.declared = !content.parameters.kind.is_empty();
            }
            "disposition" if content.disposition.is_none() => {
                content.disposition_parameters = header::parameterised(field.value);
                content.disposition = match content.disposition_parameters.kind.as_str() {
                    "" => None,
                    "inline" => Some(Disposition::Inline),
                    _ => Some(Disposition::Attachment),
                };
            }
            "transfer-encoding" => content.transfer = Transfer::named(&header::text(field.value)),
            "id" => content.id = header::ids(field.value).into_iter().next().filter(|id| !id.is_empty()),
            "location" => content.location = Some(header::text(field.value)).filter(|text| !text.is_empty()),
            _ => {}
        }
    }
    let default = if in_digest { ("message", "rfc822") } else { ("text", "plain") };
    let kind = &content.parameters.kind;
    content.media = if content.declared && (!content.parameters.subtype.is_empty() || kind == "text") {
        (
            kind.clone(),
            if kind == "text" && content.parameters.subtype.is_empty() {
                "plain".to_owned()
            } else {
                content.parameters.subtype.clone()
            },
        )
    } else {
        (default.0.to_owned(), default.1.to_owned())
    };
    content
}
