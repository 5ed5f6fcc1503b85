//! What a hook is shown of an item or request, and the edits it answers with.

use crate::Property;
pub use crate::bindings::base::easel::plugin::types::{Edit, Entry, Insertion, Value};

/// A place in what was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node(pub u32);

impl Node {
    /// The whole: what is at the top lies in it.
    pub const WHOLE: Self = Self(0);
}

impl From<&Entry> for Node {
    fn from(entry: &Entry) -> Self {
        Self(entry.node)
    }
}

/// What an element holds. Only what was wanted is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// The element is not there.
    Absent,
    /// It is there and holds nothing.
    Empty,
    /// Its text, cut at the bytes that were asked for.
    Text(&'a str),
    /// So many bytes: other elements, bytes, or a text that was not asked for.
    Other(u32),
}

impl Entry {
    /// Whether it is this element.
    pub fn is(&self, property: Property) -> bool {
        self.property == property.0
    }

    /// What it holds.
    pub fn content(&self) -> Content<'_> {
        match (self.length, &self.text) {
            (0, _) => Content::Empty,
            (_, Some(text)) => Content::Text(text),
            (length, None) => Content::Other(length),
        }
    }

    /// Its text, empty where it has none.
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }
}

/// The wanted elements of an item or request, in the order of the document.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a>(&'a [Entry]);

impl<'a> Item<'a> {
    /// What was handed over.
    pub fn new(entries: &'a [Entry]) -> Self {
        Self(entries)
    }

    /// Whether nothing was handed over; so is the base of a new item.
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The first such element at the top.
    pub fn find(self, property: Property) -> Option<&'a Entry> {
        self.child(Node::WHOLE, property)
    }

    /// What that element at the top holds.
    pub fn content(self, property: Property) -> Content<'a> {
        self.find(property).map_or(Content::Absent, Entry::content)
    }

    /// The text of that element at the top, empty if it is absent or has none.
    pub fn text(self, property: Property) -> &'a str {
        self.find(property).map(Entry::text).unwrap_or_default()
    }

    /// The first such element right below another.
    pub fn child(self, parent: impl Into<Node>, property: Property) -> Option<&'a Entry> {
        self.children(parent).find(move |entry| entry.is(property))
    }

    /// Every element right below another.
    pub fn children(self, parent: impl Into<Node>) -> impl Iterator<Item = &'a Entry> {
        let parent = parent.into();
        self.0.iter().filter(move |entry| entry.parent == parent.0)
    }

    /// Every such element, wherever it is.
    pub fn all(self, property: Property) -> impl Iterator<Item = &'a Entry> {
        self.0.iter().filter(move |entry| entry.is(property))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A list of edits in the making. They are carried out in order, and numbers mean what was handed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    list: Vec<Edit>,
    inserted: u32,
}

impl Edits {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives an element this value.
    pub fn set(&mut self, node: impl Into<Node>, value: impl Into<Value>) {
        self.list.push(Edit::Set((node.into().0, value.into())));
    }

    /// Takes an element out, with everything below.
    pub fn remove(&mut self, node: impl Into<Node>) {
        self.list.push(Edit::Remove(node.into().0));
    }

    /// Makes another element of it.
    pub fn rename(&mut self, node: impl Into<Node>, property: Property) {
        self.list.push(Edit::Rename((node.into().0, property.0)));
    }

    /// Cuts its text after so many bytes, at a character.
    pub fn truncate(&mut self, node: impl Into<Node>, bytes: u32) {
        self.list.push(Edit::Truncate((node.into().0, bytes)));
    }

    /// Puts a new element at the end of another. What comes back can be the parent of further ones.
    pub fn insert(&mut self, parent: impl Into<Node>, property: Property, value: impl Into<Value>) -> Node {
        self.put(parent.into(), None, property, value.into())
    }

    /// Puts a new element in front of a child of another.
    pub fn insert_before(
        &mut self,
        parent: impl Into<Node>,
        before: impl Into<Node>,
        property: Property,
        value: impl Into<Value>,
    ) -> Node {
        self.put(parent.into(), Some(before.into().0), property, value.into())
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The list.
    pub fn into_list(self) -> Vec<Edit> {
        self.list
    }

    fn put(&mut self, parent: Node, before: Option<u32>, property: Property, value: Value) -> Node {
        /// New numbers begin here: no document has as many elements.
        const FIRST: u32 = 1 << 31;
        let node = FIRST + self.inserted;
        self.inserted += 1;
        self.list.push(Edit::Insert(Insertion { node, parent: parent.0, before, property: property.0, value }));
        Node(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::property::calendar;

    fn entry(node: u32, parent: u32, property: Property, text: Option<&str>, length: u32) -> Entry {
        Entry { node, parent, property: property.0, text: text.map(str::to_owned), length }
    }

    #[test]
    fn absent_empty_and_text_are_three_things() {
        let entries = [
            entry(1, 0, calendar::SUBJECT, Some("tea"), 3),
            entry(2, 0, calendar::LOCATION, Some(""), 0),
            entry(3, 0, calendar::CATEGORIES, None, 12),
        ];
        let item = Item::new(&entries);
        assert_eq!(item.content(calendar::SUBJECT), Content::Text("tea"));
        assert_eq!(item.content(calendar::LOCATION), Content::Empty);
        assert_eq!(item.content(calendar::CATEGORIES), Content::Other(12));
        assert_eq!(item.content(calendar::UID), Content::Absent);
        assert_eq!(item.text(calendar::UID), "");
    }

    #[test]
    fn one_attendee_is_told_from_the_next() {
        let entries = [
            entry(1, 0, calendar::ATTENDEES, None, 50),
            entry(2, 1, calendar::ATTENDEE, None, 20),
            entry(3, 2, calendar::EMAIL, Some("a@x.org"), 7),
            entry(4, 1, calendar::ATTENDEE, None, 20),
            entry(5, 4, calendar::EMAIL, Some("b@x.org"), 7),
        ];
        let item = Item::new(&entries);
        let attendees = item.find(calendar::ATTENDEES).unwrap();
        let emails: Vec<_> =
            item.children(attendees).map(|attendee| item.child(attendee, calendar::EMAIL).unwrap().text()).collect();
        assert_eq!(emails, ["a@x.org", "b@x.org"]);
        assert_eq!(item.all(calendar::EMAIL).count(), 2);
        assert!(item.find(calendar::EMAIL).is_none());
    }

    #[test]
    fn inserted_elements_have_numbers_of_their_own() {
        let mut edits = Edits::new();
        assert!(edits.is_empty());
        let attendees = edits.insert(Node::WHOLE, calendar::ATTENDEES, Value::None);
        let attendee = edits.insert(attendees, calendar::ATTENDEE, Value::None);
        assert_ne!(attendees, attendee);
        let list = edits.into_list();
        let Edit::Insert(second) = &list[1] else { panic!("{list:?}") };
        assert_eq!((second.node, second.parent), (attendee.0, attendees.0));
        assert!(attendees.0 >= 1 << 31);
    }
}
