//! Given a device and an item, expect edits: tests of a pack without a server.
//!
//! ```
//! use easel_pack::property::tasks;
//! use easel_pack::testing::{Given, el, text};
//!
//! let given = Given::item([text(tasks::SUBJECT, "tea"), el(tasks::CATEGORIES, [text(tasks::CATEGORY, "home")])]);
//! let item = given.entries();
//! assert_eq!(item.len(), 3);
//! assert_eq!(item[2].parent, item[1].node);
//! ```

use crate::item::{Edit, Entry, Value};
use crate::profile::Facts;
use crate::{Context, Folder, Owner, Property};

/// One element and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct El {
    property: Property,
    text: Option<String>,
    children: Vec<Self>,
}

/// An element with a text; an empty one with the empty text.
pub fn text(property: Property, text: &str) -> El {
    El { property, text: Some(text.to_owned()), children: Vec::new() }
}

/// An element with others in it.
pub fn el(property: Property, children: impl IntoIterator<Item = El>) -> El {
    El { property, text: None, children: children.into_iter().collect() }
}

/// An item or request in a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given(Vec<El>);

impl Given {
    /// With these elements at the top.
    pub fn item(elements: impl IntoIterator<Item = El>) -> Self {
        Self(elements.into_iter().collect())
    }

    /// What a hook is handed that wants everything, numbered from 1 in the order of the document.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for element in &self.0 {
            write_down(element, 0, &mut entries);
        }
        entries
    }

    /// The item after these edits.
    ///
    /// # Panics
    ///
    /// Where the server would refuse the list: a number that was not handed over, or one below something removed.
    #[must_use]
    pub fn after(&self, edits: &[Edit]) -> Self {
        let mut tree: Vec<Slot> =
            vec![Slot { number: 0, parent: None, property: Property(0), text: None, gone: false }];
        for entry in self.entries() {
            let parent = place(&tree, entry.parent);
            let text = entry.text.clone();
            tree.push(Slot {
                number: entry.node,
                parent: Some(parent),
                property: Property(entry.property),
                text,
                gone: false,
            });
        }
        for edit in edits {
            apply(&mut tree, edit);
        }
        Self(children(&tree, 0))
    }
}

#[derive(Debug)]
struct Slot {
    number: u32,
    parent: Option<usize>,
    property: Property,
    text: Option<String>,
    gone: bool,
}

fn write_down(element: &El, parent: u32, entries: &mut Vec<Entry>) {
    let node = u32::try_from(entries.len() + 1).expect("a test has few elements");
    let at = entries.len();
    entries.push(Entry { node, parent, property: element.property.0, text: element.text.clone(), length: 0 });
    for child in &element.children {
        write_down(child, node, entries);
    }
    let below: u32 = entries[at + 1..].iter().filter(|entry| entry.parent == node).map(|entry| entry.length).sum();
    let own = element.text.as_ref().map_or(0, String::len);
    entries[at].length = below + u32::try_from(own).expect("a test has short texts");
}

/// Where the element of that number is.
fn place(tree: &[Slot], number: u32) -> usize {
    let at = tree.iter().position(|slot| slot.number == number);
    let at = at.unwrap_or_else(|| panic!("an edit names {number}, which was not handed over"));
    let mut above = Some(at);
    while let Some(here) = above {
        assert!(!tree[here].gone, "an edit names {number}, which was removed");
        above = tree[here].parent;
    }
    at
}

fn apply(tree: &mut Vec<Slot>, edit: &Edit) {
    match edit {
        Edit::Set((node, value)) => {
            let at = place(tree, *node);
            tree[at].text = as_text(value);
        }
        Edit::Remove(node) => {
            let at = place(tree, *node);
            tree[at].gone = true;
        }
        Edit::Rename((node, property)) => {
            let at = place(tree, *node);
            tree[at].property = Property(*property);
        }
        Edit::Truncate((node, bytes)) => {
            let at = place(tree, *node);
            if let Some(text) = &mut tree[at].text {
                let mut end = text.len().min(*bytes as usize);
                while !text.is_char_boundary(end) {
                    end -= 1;
                }
                text.truncate(end);
            }
        }
        Edit::Insert(new) => {
            assert!(new.node >= 1 << 31 && tree.iter().all(|slot| slot.number != new.node), "{} again", new.node);
            let parent = place(tree, new.parent);
            let slot = Slot {
                number: new.node,
                parent: Some(parent),
                property: Property(new.property),
                text: as_text(&new.value),
                gone: false,
            };
            let Some(before) = new.before else {
                tree.push(slot);
                return;
            };
            let at = place(tree, before);
            assert_eq!(tree[at].parent, Some(parent), "{before} is no child of {}", new.parent);
            tree.insert(at, slot);
            for slot in tree.iter_mut() {
                slot.parent = slot.parent.map(|parent| if parent >= at { parent + 1 } else { parent });
            }
        }
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::None => None,
        Value::Text(text) => Some(text.clone()),
        Value::Opaque(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

fn children(tree: &[Slot], parent: usize) -> Vec<El> {
    let below = |(at, slot): (usize, &Slot)| {
        let mine = slot.parent == Some(parent) && !slot.gone;
        mine.then(|| El { property: slot.property, text: slot.text.clone(), children: children(tree, at) })
    };
    tree.iter().enumerate().filter_map(below).collect()
}

/// A device with this User-Agent, of which nothing else is known.
pub fn device(user_agent: &str) -> Facts {
    Facts { user_agents: vec![user_agent.to_owned()], ..Facts::default() }
}

/// A Sync of the default folder of that role, at this protocol version times ten.
pub fn sync(protocol: u16, role: &str) -> Context {
    let class = match role {
        "calendar" => crate::Class::Calendar,
        "contacts" => crate::Class::Contacts,
        "tasks" => crate::Class::Tasks,
        "notes" => crate::Class::Notes,
        _ => crate::Class::Email,
    };
    let owner = Owner { name: "Anna Example".to_owned(), addresses: vec!["anna@example.org".to_owned()] };
    Context {
        protocol,
        now: 0,
        zone: "Europe/Berlin".to_owned(),
        owner,
        command: "Sync".to_owned(),
        folder: Some(Folder { class, role: role.to_owned(), is_default: true }),
        attempt: 0,
        memo: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::property::calendar;
    use crate::{Edits, Node};

    #[test]
    fn edits_change_what_they_name_and_nothing_else() {
        let given = Given::item([
            text(calendar::SUBJECT, "tea"),
            el(calendar::ATTENDEES, [el(calendar::ATTENDEE, [text(calendar::EMAIL, "a@x")])]),
            text(calendar::LOCATION, "here"),
        ]);
        let mut edits = Edits::new();
        edits.set(Node(1), "coffee");
        edits.remove(Node(2));
        let attendees = edits.insert_before(Node::WHOLE, Node(5), calendar::ATTENDEES, Value::None);
        edits.insert(attendees, calendar::NAME, "B");
        edits.truncate(Node(5), 3);
        edits.rename(Node(5), calendar::UID);
        assert_eq!(
            given.after(&edits.into_list()),
            Given::item([
                text(calendar::SUBJECT, "coffee"),
                el(calendar::ATTENDEES, [text(calendar::NAME, "B")]),
                text(calendar::UID, "her"),
            ])
        );
    }

    #[test]
    #[should_panic(expected = "an edit names 2, which was removed")]
    fn an_edit_below_something_removed_is_a_mistake() {
        let given = Given::item([el(calendar::ATTENDEES, [text(calendar::NAME, "A")])]);
        let mut edits = Edits::new();
        edits.remove(Node(1));
        edits.set(Node(2), "B");
        let _ = given.after(&edits.into_list());
    }

    #[test]
    #[should_panic(expected = "an edit names 7, which was not handed over")]
    fn an_edit_of_something_unknown_is_a_mistake() {
        let mut edits = Edits::new();
        edits.remove(Node(7));
        let _ = Given::item([]).after(&edits.into_list());
    }
}
