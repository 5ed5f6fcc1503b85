//! An item laid out so that a plugin can name its parts: every element has a number, and edits go by it.

use std::collections::BTreeMap;

use easel_protocol::Class;
use easel_wbxml::{Element, Node, Tag};

/// Bytes of new text that one list of edits may bring.
pub const EDIT_BYTES_MAX: usize = 256 * 1024;
/// The first number a plugin may give to what it inserts.
pub const INSERTED: u32 = 1 << 31;
/// Bytes of each property shown where a plugin wants all of them.
const ALL_BYTES: u32 = 256;
/// How deep an item may be after it was edited.
const DEPTH_MAX: usize = 32;

/// What a plugin wants to see of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// That it is there, and how long it is.
    Presence,
    /// Its text, cut at so many bytes.
    Text(u32),
}

/// The elements a plugin wants to see of an item or a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Empty means all of them, cut at 256 bytes each.
    tags: BTreeMap<Tag, Content>,
}

impl Wanted {
    /// Everything, cut at 256 bytes each.
    pub fn all() -> Self {
        Self::default()
    }

    /// These; of a tag named twice, the last.
    pub fn only(tags: impl IntoIterator<Item = (Tag, Content)>) -> Self {
        Self { tags: tags.into_iter().collect() }
    }

    /// Whether the element or one below it is wanted.
    pub fn touches(&self, element: &Element) -> bool {
        let mut next = vec![element];
        while let Some(element) = next.pop() {
            if self.of(element.tag).is_some() {
                return true;
            }
            next.extend(element.children());
        }
        false
    }

    fn of(&self, tag: Tag) -> Option<Content> {
        if self.tags.is_empty() { Some(Content::Text(ALL_BYTES)) } else { self.tags.get(&tag).copied() }
    }
}

/// A wanted element, as a plugin is shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1 in the order of the document.
    pub node: u32,
    /// The number of the element above it, shown or not; 0 at the top.
    pub parent: u32,
    /// What it is.
    pub tag: Tag,
    /// Its text where that was asked for; `None` also for what holds elements or bytes.
    pub text: Option<String>,
    /// Bytes of its whole content.
    pub length: u32,
}

/// What an element is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewContent {
    /// Nothing, until something is inserted below it.
    None,
    /// Bytes.
    Opaque(Vec<u8>),
    /// Text.
    Text(String),
}

impl NewContent {
    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Opaque(bytes) => bytes.len(),
            Self::Text(text) => text.len(),
        }
    }
}

/// One edit. Numbers mean the item as it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// A new element below `parent`, before `before` or at the end; `node` is at least [`INSERTED`].
    Insert {
        /// Its number for later edits of the same list.
        node: u32,
        /// Where; 0 at the top.
        parent: u32,
        /// In front of this one, a child of `parent`.
        before: Option<u32>,
        /// What it is.
        tag: Tag,
        /// What it holds.
        content: NewContent,
    },
    /// Away, with everything below.
    Remove(u32),
    /// Another tag, the same content.
    Rename(u32, Tag),
    /// Other content in place of what it holds.
    Set(u32, NewContent),
    /// Text cut after so many bytes, at a character.
    Truncate(u32, u32),
}

/// Why a list of edits is refused; nothing of it is carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// A number that was not handed out.
    #[error("there is no node {0}")]
    NoNode(u32),
    /// An edit of what an earlier one removed.
    #[error("node {0} was removed before")]
    Removed(u32),
    /// An inserted element has a number that is taken or too small.
    #[error("an inserted node cannot be {0}: numbers from 2147483648 on, each once")]
    Number(u32),
    /// `before` is not a child of `parent`.
    #[error("node {before} is not below node {parent}")]
    NotBelow {
        /// The neighbour.
        before: u32,
        /// The parent.
        parent: u32,
    },
    /// An element that has no place in an item of the class.
    #[error("{0} has no place here")]
    Tag(Tag),
    /// More text than one answer may bring.
    #[error("the edits bring more than {EDIT_BYTES_MAX} bytes")]
    TooMuch,
    /// Elements below elements beyond the bound.
    #[error("the edits make the item deeper than {DEPTH_MAX} elements")]
    TooDeep,
}

/// Elements laid out flat; the number of a node is its place plus one.
#[derive(Clone, Debug)]
pub struct Item {
    nodes: Vec<Laid>,
    top: Vec<Piece>,
    inserted: BTreeMap<u32, usize>,
    shown: usize,
}

#[derive(Clone, Debug)]
struct Laid {
    tag: Tag,
    parent: Option<usize>,
    content: Vec<Piece>,
    removed: bool,
}

#[derive(Clone, Debug)]
enum Piece {
    Child(usize),
    Opaque(Vec<u8>),
    Text(String),
}

impl Item {
    /// Lays elements out.
    pub fn new(elements: Vec<Element>) -> Self {
        let mut item = Self { nodes: Vec::new(), top: Vec::new(), inserted: BTreeMap::new(), shown: 0 };
        item.top = elements.into_iter().map(|element| Piece::Child(item.lay(None, element))).collect();
        item.shown = item.nodes.len();
        item
    }

    /// In document order, without recursion: the content of an element waits until its turn comes.
    fn lay(&mut self, parent: Option<usize>, mut element: Element) -> usize {
        let first = self.nodes.len();
        let mut open = vec![(self.put(parent, element.tag), std::mem::take(&mut element.content).into_iter())];
        while let Some((at, content)) = open.last_mut() {
            let at = *at;
            match content.next() {
                None => {
                    open.pop();
                }
                Some(Node::Text(text)) => self.nodes[at].content.push(Piece::Text(text)),
                Some(Node::Opaque(bytes)) => self.nodes[at].content.push(Piece::Opaque(bytes)),
                Some(Node::Element(mut child)) => {
                    let node = self.put(Some(at), child.tag);
                    self.nodes[at].content.push(Piece::Child(node));
                    open.push((node, std::mem::take(&mut child.content).into_iter()));
                }
            }
        }
        first
    }

    fn put(&mut self, parent: Option<usize>, tag: Tag) -> usize {
        self.nodes.push(Laid { tag, parent, content: Vec::new(), removed: false });
        self.nodes.len() - 1
    }

    /// The elements again.
    pub fn into_elements(mut self) -> Vec<Element> {
        let order = self.order();
        // Children come after their parents, so that from the end every child is ready when its parent is made.
        let mut made: Vec<Option<Element>> = self.nodes.iter().map(|_| None).collect();
        for at in order.into_iter().rev() {
            let laid = &mut self.nodes[at];
            let content = std::mem::take(&mut laid.content).into_iter().filter_map(|piece| match piece {
                Piece::Child(child) => made[child].take().map(Node::Element),
                Piece::Opaque(bytes) => Some(Node::Opaque(bytes)),
                Piece::Text(text) => Some(Node::Text(text)),
            });
            made[at] = Some(Element { tag: laid.tag, content: content.collect() });
        }
        let of = |piece| if let Piece::Child(at) = piece { made[at].take() } else { None };
        self.top.into_iter().filter_map(of).collect()
    }

    /// The places of all elements that are left, parents before their children.
    fn order(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut next: Vec<usize> = self.nodes_in(&self.top).collect();
        while let Some(at) = next.pop() {
            order.push(at);
            next.extend(self.nodes_in(&self.nodes[at].content));
        }
        order
    }

    fn nodes_in<'a>(&'a self, pieces: &'a [Piece]) -> impl Iterator<Item = usize> + 'a {
        pieces.iter().filter_map(|piece| if let Piece::Child(at) = piece { Some(*at) } else { None })
    }

    /// The wanted elements, in the order of the document.
    pub fn entries(&self, wanted: &Wanted) -> Vec<Entry> {
        let of = |(at, laid): (usize, &Laid)| {
            let content = wanted.of(laid.tag)?;
            Some(Entry {
                node: number(at),
                parent: laid.parent.map_or(0, number),
                tag: laid.tag,
                text: text(laid, content),
                length: self.length(at),
            })
        };
        self.nodes[..self.shown].iter().enumerate().filter_map(of).collect()
    }

    /// Whether there is one element at the top, and it is of this tag.
    pub fn is_rooted(&self, tag: Tag) -> bool {
        matches!(self.top.as_slice(), [Piece::Child(at)] if self.nodes[*at].tag == tag)
    }

    /// Bytes of everything inside.
    fn length(&self, at: usize) -> u32 {
        let mut sum = 0usize;
        let mut next = vec![at];
        while let Some(at) = next.pop() {
            for piece in &self.nodes[at].content {
                match piece {
                    Piece::Child(child) => next.push(*child),
                    Piece::Opaque(bytes) => sum += bytes.len(),
                    Piece::Text(text) => sum += text.len(),
                }
            }
        }
        u32::try_from(sum).unwrap_or(u32::MAX)
    }

    /// Carries edits out, all or none. `class` says which elements may be written; `None`, for a whole request, allows
    /// every one that a table names.
    pub fn edit(&self, edits: &[Edit], class: Option<Class>) -> Result<Self, EditError> {
        let mut item = self.clone();
        let mut bytes = 0;
        for edit in edits {
            bytes += item.carry_out(edit, class)?;
            if bytes > EDIT_BYTES_MAX {
                return Err(EditError::TooMuch);
            }
        }
        Ok(item)
    }

    fn carry_out(&mut self, edit: &Edit, class: Option<Class>) -> Result<usize, EditError> {
        match edit {
            Edit::Set(node, content) => {
                let at = self.place(*node)?;
                for child in self.nodes_in(&self.nodes[at].content).collect::<Vec<_>>() {
                    self.take_away(child);
                }
                self.nodes[at].content = pieces(content);
                Ok(content.len())
            }
            Edit::Remove(node) => {
                let at = self.place(*node)?;
                let parent = self.nodes[at].parent;
                self.pieces_of(parent).retain(|piece| !matches!(piece, Piece::Child(child) if *child == at));
                self.take_away(at);
                Ok(0)
            }
            Edit::Rename(node, tag) => {
                let at = self.place(*node)?;
                allowed(*tag, class)?;
                self.nodes[at].tag = *tag;
                Ok(0)
            }
            Edit::Truncate(node, most) => {
                let at = self.place(*node)?;
                cut(&mut self.nodes[at].content, usize::try_from(*most).unwrap_or(usize::MAX));
                Ok(0)
            }
            Edit::Insert { node, parent, before, tag, content } => {
                if *node < INSERTED || self.inserted.contains_key(node) {
                    return Err(EditError::Number(*node));
                }
                allowed(*tag, class)?;
                let parent_at = if *parent == 0 { None } else { Some(self.place(*parent)?) };
                let before_at = before.map(|before| Ok((before, self.place(before)?))).transpose()?;
                if self.depth(parent_at) >= DEPTH_MAX {
                    return Err(EditError::TooDeep);
                }
                let at = self.put(parent_at, *tag);
                self.nodes[at].content = pieces(content);
                self.inserted.insert(*node, at);
                let siblings = self.pieces_of(parent_at);
                let place = match before_at {
                    None => siblings.len(),
                    Some((before, before_at)) => siblings
                        .iter()
                        .position(|piece| matches!(piece, Piece::Child(child) if *child == before_at))
                        .ok_or(EditError::NotBelow { before, parent: *parent })?,
                };
                siblings.insert(place, Piece::Child(at));
                Ok(content.len())
            }
        }
    }

    fn place(&self, node: u32) -> Result<usize, EditError> {
        let at = if node >= INSERTED {
            self.inserted.get(&node).copied()
        } else {
            usize::try_from(node).ok().and_then(|node| node.checked_sub(1)).filter(|at| *at < self.shown)
        };
        let at = at.ok_or(EditError::NoNode(node))?;
        if self.nodes[at].removed { Err(EditError::Removed(node)) } else { Ok(at) }
    }

    fn pieces_of(&mut self, parent: Option<usize>) -> &mut Vec<Piece> {
        match parent {
            None => &mut self.top,
            Some(at) => &mut self.nodes[at].content,
        }
    }

    fn take_away(&mut self, at: usize) {
        let mut next = vec![at];
        while let Some(at) = next.pop() {
            self.nodes[at].removed = true;
            next.extend(self.nodes_in(&self.nodes[at].content));
        }
    }

    fn depth(&self, mut at: Option<usize>) -> usize {
        let mut depth = 0;
        while let Some(here) = at {
            depth += 1;
            at = self.nodes[here].parent;
        }
        depth
    }
}

fn number(at: usize) -> u32 {
    u32::try_from(at + 1).expect("a document is bounded far below that")
}

fn pieces(content: &NewContent) -> Vec<Piece> {
    match content {
        NewContent::None => Vec::new(),
        NewContent::Opaque(bytes) => vec![Piece::Opaque(bytes.clone())],
        NewContent::Text(text) if text.is_empty() => Vec::new(),
        NewContent::Text(text) => vec![Piece::Text(text.clone())],
    }
}

/// The text of an element that holds nothing else, cut as wanted; an empty element has the empty text.
fn text(laid: &Laid, content: Content) -> Option<String> {
    let Content::Text(most) = content else { return None };
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut all = String::new();
    for piece in &laid.content {
        let Piece::Text(text) = piece else { return None };
        all.push_str(&text[..text.floor_char_boundary(most - all.len())]);
        if all.len() + 3 >= most {
            break;
        }
    }
    Some(all)
}

fn cut(content: &mut Vec<Piece>, most: usize) {
    let mut left = most;
    for piece in content.iter_mut() {
        if let Piece::Text(text) = piece {
            text.truncate(text.floor_char_boundary(left));
            left -= text.len().min(left);
        }
    }
    content.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
}

/// Whether an element may be written into an item of the class.
fn allowed(tag: Tag, class: Option<Class>) -> Result<(), EditError> {
    let own: &[&str] = match class {
        None => return if tag.name().is_some() { Ok(()) } else { Err(EditError::Tag(tag)) },
        Some(Class::Calendar) => &["Calendar"],
        Some(Class::Contacts) => &["Contacts", "Contacts2"],
        Some(Class::Email | Class::Sms) => &["Email", "Email2"],
        Some(Class::Notes) => &["Notes"],
        Some(Class::Tasks) => &["Tasks"],
    };
    let namespace = tag.namespace().unwrap_or_default();
    let has_a_place = tag.name().is_some() && (own.contains(&namespace) || namespace == "AirSyncBase");
    if has_a_place { Ok(()) } else { Err(EditError::Tag(tag)) }
}

#[cfg(test)]
mod tests {
    use easel_wbxml::pages::{airsync, airsyncbase, calendar, contacts};

    use super::*;

    fn event() -> Vec<Element> {
        let attendee = |name: &str| {
            Element::of(
                calendar::ATTENDEE,
                [Element::text(calendar::NAME, name), Element::text(calendar::EMAIL, format!("{name}@x.org"))],
            )
        };
        vec![
            Element::text(calendar::SUBJECT, "Größe"),
            Element::of(calendar::ATTENDEES, [attendee("a"), attendee("b")]),
            Element::new(calendar::LOCATION),
            Element::opaque(calendar::TIMEZONE, [1, 2, 3]),
        ]
    }

    #[test]
    fn what_is_laid_out_comes_back_as_it_was() {
        assert_eq!(Item::new(event()).into_elements(), event());
        assert_eq!(Item::new(Vec::new()).into_elements(), Vec::<Element>::new());
    }

    #[test]
    fn a_plugin_is_shown_what_it_wants_and_absent_empty_and_valued_stay_apart() {
        let wanted = Wanted::only([
            (calendar::SUBJECT, Content::Text(3)),
            (calendar::EMAIL, Content::Text(100)),
            (calendar::LOCATION, Content::Text(9)),
            (calendar::TIMEZONE, Content::Presence),
            (calendar::UID, Content::Text(9)),
        ]);
        let entries = Item::new(event()).entries(&wanted);
        let told: Vec<_> =
            entries.iter().map(|entry| (entry.node, entry.parent, entry.text.as_deref(), entry.length)).collect();
        // The subject is cut at a character; a picture or blob is there with its length; the UID is not there.
        assert_eq!(
            told,
            [
                (1, 0, Some("Gr"), 7),
                (5, 3, Some("a@x.org"), 7),
                (8, 6, Some("b@x.org"), 7),
                (9, 0, Some(""), 0),
                (10, 0, None, 3),
            ]
        );
        assert_eq!(Item::new(event()).entries(&Wanted::all()).len(), 10);
    }

    #[test]
    fn edits_are_carried_out_in_order() {
        let item = Item::new(event());
        let email = |node, parent, text: &str| Edit::Insert {
            node,
            parent,
            before: None,
            tag: calendar::EMAIL,
            content: NewContent::Text(text.into()),
        };
        let edits = [
            Edit::Set(1, NewContent::Text("Other".into())),
            Edit::Remove(3),
            Edit::Insert {
                node: INSERTED,
                parent: 2,
                before: Some(6),
                tag: calendar::ATTENDEE,
                content: NewContent::None,
            },
            email(INSERTED + 7, INSERTED, "c@x.org"),
            Edit::Rename(9, calendar::UID),
            Edit::Set(9, NewContent::Text("u".into())),
            Edit::Truncate(8, 1),
        ];
        let edited = item.edit(&edits, Some(Class::Calendar)).unwrap().into_elements();
        let attendee = |fields: Vec<Element>| Element::of(calendar::ATTENDEE, fields);
        assert_eq!(
            edited,
            [
                Element::text(calendar::SUBJECT, "Other"),
                Element::of(
                    calendar::ATTENDEES,
                    [
                        attendee(vec![Element::text(calendar::EMAIL, "c@x.org")]),
                        attendee(vec![Element::text(calendar::NAME, "b"), Element::text(calendar::EMAIL, "b")]),
                    ]
                ),
                Element::text(calendar::UID, "u"),
                Element::opaque(calendar::TIMEZONE, [1, 2, 3]),
            ]
        );
        assert_eq!(item.into_elements(), event(), "the item handed in is as it was");
    }

    #[test]
    fn a_list_with_one_mistake_is_refused_whole_and_says_why() {
        let item = Item::new(event());
        let insert = |node, parent, before, tag| Edit::Insert { node, parent, before, tag, content: NewContent::None };
        let subject = calendar::SUBJECT;
        let cases: Vec<(Vec<Edit>, EditError)> = vec![
            (vec![Edit::Remove(11)], EditError::NoNode(11)),
            (vec![Edit::Remove(0)], EditError::NoNode(0)),
            (vec![Edit::Set(INSERTED, NewContent::None)], EditError::NoNode(INSERTED)),
            (vec![Edit::Remove(2), Edit::Set(5, NewContent::None)], EditError::Removed(5)),
            (vec![Edit::Remove(2), insert(INSERTED, 2, None, subject)], EditError::Removed(2)),
            (vec![Edit::Set(2, NewContent::None), Edit::Remove(3)], EditError::Removed(3)),
            (vec![insert(7, 0, None, subject)], EditError::Number(7)),
            (vec![insert(INSERTED, 0, None, subject), insert(INSERTED, 0, None, subject)], EditError::Number(INSERTED)),
            (vec![insert(INSERTED, 2, Some(9), subject)], EditError::NotBelow { before: 9, parent: 2 }),
            (vec![Edit::Rename(1, contacts::FILE_AS)], EditError::Tag(contacts::FILE_AS)),
            (vec![insert(INSERTED, 0, None, airsync::SYNC_KEY)], EditError::Tag(airsync::SYNC_KEY)),
            (vec![insert(INSERTED, 0, None, Tag::new(4, 0x3E))], EditError::Tag(Tag::new(4, 0x3E))),
            (vec![Edit::Set(1, NewContent::Text("x".repeat(EDIT_BYTES_MAX + 1)))], EditError::TooMuch),
        ];
        for (edits, error) in cases {
            assert_eq!(item.edit(&edits, Some(Class::Calendar)).unwrap_err(), error, "{edits:?}");
        }
        let deeper = (0..40).map(|n| insert(INSERTED + n, if n == 0 { 0 } else { INSERTED + n - 1 }, None, subject));
        let deeper: Vec<Edit> = deeper.collect();
        assert_eq!(item.edit(&deeper, Some(Class::Calendar)).unwrap_err(), EditError::TooDeep);
        assert!(item.edit(&[insert(INSERTED, 0, None, airsyncbase::BODY)], Some(Class::Calendar)).is_ok());
        assert!(item.edit(&[insert(INSERTED, 0, None, airsync::SYNC_KEY)], None).is_ok(), "in a request");
    }
}
