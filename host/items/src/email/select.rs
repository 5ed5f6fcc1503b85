//! Which parts are the body and which are attachments. After RFC 8621 4.1.4 "Body Parts".
//!
//! Two lists are made: the parts that make the body shown as text, and those that make it shown as HTML. In a
//! `multipart/alternative` they differ; elsewhere they are the same, and what is of the other form is converted when
//! it is shown. Several text parts make one body (K: I46).

use super::index::Disposition;
use super::structure::{Holds, Node, Tree};

/// The parts by what they are for; numbers of nodes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// The body as text.
    pub(crate) text: Vec<usize>,
    /// The body as HTML.
    pub(crate) html: Vec<usize>,
    /// Files, messages, pictures; in order.
    pub(crate) attachments: Vec<usize>,
    /// Signatures of `multipart/signed`; also among the attachments.
    pub(crate) signatures: Vec<usize>,
    /// The iCalendar object that makes the mail a meeting request or the like.
    pub(crate) calendar: Option<usize>,
}

impl Selection {
    fn take(&mut self, other: Self, with_body: bool) {
        if with_body {
            self.text.extend(other.text);
            self.html.extend(other.html);
        }
        self.attachments.extend(other.attachments);
        self.signatures.extend(other.signatures);
        self.calendar = self.calendar.or(other.calendar);
    }
}

/// Sorts the parts of a message.
pub(crate) fn select(tree: &Tree) -> Selection {
    let mut selection = part(tree, 0, Place { first: true, alternative: false });
    selection.attachments.sort_unstable();
    selection.attachments.dedup();
    selection
}

#[derive(Clone, Copy)]
struct Place {
    /// The first of its siblings.
    first: bool,
    /// One of several ways to say the same.
    alternative: bool,
}

/// Recursion ends at `DEPTH_MAX`: a tree is never deeper.
fn part(tree: &Tree, number: usize, place: Place) -> Selection {
    let node = &tree.nodes[number];
    match node.holds {
        Holds::Leaf => leaf(number, node, place),
        Holds::Message => Selection { attachments: vec![number], ..Selection::default() },
        Holds::Parts => match node.content.media.1.as_str() {
            "alternative" => alternative(tree, node),
            "related" => related(tree, node),
            "signed" | "report" => {
                let mut selection = first_only(tree, node, place);
                if node.content.media.1 == "signed" {
                    selection.signatures.extend(node.children.iter().skip(1));
                }
                selection
            }
            "encrypted" => Selection { attachments: leaves(tree, number), ..Selection::default() },
            _ => {
                let mut selection = Selection::default();
                for (at, child) in node.children.iter().enumerate() {
                    selection.take(part(tree, *child, Place { first: at == 0, ..place }), true);
                }
                selection
            }
        },
    }
}

fn leaf(number: usize, node: &Node, place: Place) -> Selection {
    let content = &node.content;
    let attached = content.disposition == Some(Disposition::Attachment);
    let named = content.parameter("name").is_some() || content.name().is_some();
    let body = Selection { text: vec![number], html: vec![number], ..Selection::default() };
    let file = Selection { attachments: vec![number], ..Selection::default() };
    if content.media.0 == "multipart" {
        // Without a boundary it is text; too deep to be looked into it is a file.
        return if content.parameter("boundary").is_none() { body } else { file };
    }
    if content.media.0 != "text" || attached {
        return file;
    }
    match content.media.1.as_str() {
        "calendar" => Selection { calendar: Some(number), ..Selection::default() },
        "plain" | "html" if !named || place.first => body,
        "plain" | "html" | "vcard" | "x-vcard" | "directory" | "csv" | "xml" | "rfc822-headers" => file,
        // Another kind of the same text is no use beside the two that are known.
        _ if place.alternative => Selection::default(),
        _ if named => file,
        // RFC 2046 4.1.4: text of an unknown kind is read as plain text.
        _ => body,
    }
}

fn alternative(tree: &Tree, node: &Node) -> Selection {
    let parts: Vec<Selection> =
        node.children.iter().map(|child| part(tree, *child, Place { first: true, alternative: true })).collect();
    let has_html = |one: &Selection| one.html.iter().any(|part| tree.nodes[*part].content.is("text", "html"));
    let html = parts.iter().rposition(has_html);
    let text = parts.iter().position(|one| !one.text.is_empty() && !has_html(one));
    let mut selection = Selection {
        text: text.or(html).map(|at| parts[at].text.clone()).unwrap_or_default(),
        html: html.or(text).map(|at| parts[at].html.clone()).unwrap_or_default(),
        ..Selection::default()
    };
    for one in parts {
        selection.take(one, false);
    }
    selection
}

/// RFC 2387: the root, and what it shows.
fn related(tree: &Tree, node: &Node) -> Selection {
    let start = node.content.parameter("start").map(|id| id.trim_matches(['<', '>', ' ']));
    let root = node
        .children
        .iter()
        .position(|child| start.is_some() && tree.nodes[*child].content.id.as_deref() == start)
        .unwrap_or(0);
    let mut selection = Selection::default();
    for (at, child) in node.children.iter().enumerate() {
        if at == root {
            selection.take(part(tree, *child, Place { first: true, alternative: false }), true);
        } else {
            selection.attachments.extend(leaves(tree, *child));
        }
    }
    selection
}

fn first_only(tree: &Tree, node: &Node, place: Place) -> Selection {
    let mut selection = Selection::default();
    for (at, child) in node.children.iter().enumerate() {
        if at == 0 {
            selection.take(part(tree, *child, Place { first: true, ..place }), true);
        } else {
            selection.attachments.extend(leaves(tree, *child));
        }
    }
    selection
}

/// Everything below that is content.
fn leaves(tree: &Tree, number: usize) -> Vec<usize> {
    let node = &tree.nodes[number];
    match node.holds {
        Holds::Leaf | Holds::Message => vec![number],
        Holds::Parts => node.children.iter().flat_map(|child| leaves(tree, *child)).collect(),
    }
}
