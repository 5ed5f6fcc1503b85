//! What a plugin declared once, done to every item without asking it again.

use easel_protocol::{Class, parse_date_time};
use easel_wbxml::{Element, Node, Tag};

use crate::Direction;
use crate::hooks::property_number;
use crate::mark::Mark;

/// Rules of one profile.
pub const RULES_MAX: usize = 64;

/// One rule: for a property at the top of an item, or anywhere below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Of items of this class,
    pub class: Class,
    /// that go this way,
    pub direction: Direction,
    /// every such property
    pub tag: Tag,
    /// is treated so.
    pub action: Action,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Keeps the date, sets the hour, UTC, 0 to 23; what is not a date and time stays.
    AtHour(u8),
    /// Leaves the property out with all below it.
    Drop,
    /// Gives the text to a property that is missing at the top of the item.
    Fill(String),
    /// An empty element counts as not sent.
    IgnoreEmpty,
    /// Keeps the first so many of the same parent.
    LimitCount(u32),
    /// Another name.
    Rename(Tag),
    /// Replaces whole texts; others stay.
    Replace(Vec<(String, String)>),
    /// This text, whatever it was.
    Set(String),
    /// Cuts the text after so many bytes, at a character.
    Truncate(u32),
}

/// Carries out the rules for a class and a direction, in order.
pub fn apply(rules: &[Rule], direction: Direction, class: Class, properties: &mut Vec<Element>) {
    for rule in rules.iter().filter(|rule| rule.direction == direction && rule.class == class) {
        carry_out(rule, properties);
    }
}

/// A number that is another as soon as the rules for a class and a direction are; 0 when there are none.
pub fn mark(rules: &[Rule], direction: Direction, class: Class) -> u64 {
    let mut mark = Mark::new();
    for rule in rules.iter().filter(|rule| rule.direction == direction && rule.class == class) {
        mark.eat(&property_number(rule.tag).to_le_bytes());
        rule.action.eaten_by(&mut mark);
    }
    mark.number()
}

impl Action {
    fn eaten_by(&self, mark: &mut Mark) {
        match self {
            Self::AtHour(hour) => {
                mark.eat(b"at-hour");
                mark.eat(&[*hour]);
            }
            Self::Drop => mark.eat(b"drop"),
            Self::Fill(text) => {
                mark.eat(b"fill");
                mark.eat(text.as_bytes());
            }
            Self::IgnoreEmpty => mark.eat(b"ignore-empty"),
            Self::LimitCount(most) => {
                mark.eat(b"limit-count");
                mark.eat(&most.to_le_bytes());
            }
            Self::Rename(tag) => {
                mark.eat(b"rename");
                mark.eat(&property_number(*tag).to_le_bytes());
            }
            Self::Replace(pairs) => {
                mark.eat(b"replace");
                for (old, new) in pairs {
                    mark.eat(old.as_bytes());
                    mark.eat(new.as_bytes());
                }
            }
            Self::Set(text) => {
                mark.eat(b"set");
                mark.eat(text.as_bytes());
            }
            Self::Truncate(most) => {
                mark.eat(b"truncate");
                mark.eat(&most.to_le_bytes());
            }
        }
    }
}

fn carry_out(rule: &Rule, properties: &mut Vec<Element>) {
    match &rule.action {
        Action::Fill(text) => {
            if properties.iter().all(|property| property.tag != rule.tag) {
                properties.push(Element::text(rule.tag, text.clone()));
            }
        }
        Action::Drop => everywhere(properties, &mut |siblings| siblings.retain(|element| element.tag != rule.tag)),
        Action::IgnoreEmpty => everywhere(properties, &mut |siblings| {
            siblings.retain(|element| element.tag != rule.tag || !element.is_empty());
        }),
        Action::LimitCount(most) => everywhere(properties, &mut |siblings| {
            let mut seen = 0;
            siblings.retain(|element| {
                seen += u32::from(element.tag == rule.tag);
                element.tag != rule.tag || seen <= *most
            });
        }),
        Action::AtHour(_) | Action::Rename(_) | Action::Replace(_) | Action::Set(_) | Action::Truncate(_) => {
            everywhere(properties, &mut |siblings| {
                for element in siblings.iter_mut().filter(|element| element.tag == rule.tag) {
                    one(&rule.action, element);
                }
            });
        }
    }
}

fn one(action: &Action, element: &mut Element) {
    match action {
        Action::Rename(tag) => element.tag = *tag,
        Action::Set(text) => *element = Element::text(element.tag, text.clone()),
        Action::Truncate(most) => {
            let most = usize::try_from(*most).unwrap_or(usize::MAX);
            let text = element.value().into_owned();
            if text.len() > most {
                *element = Element::text(element.tag, &text[..text.floor_char_boundary(most)]);
            }
        }
        Action::Replace(pairs) => {
            let new = pairs.iter().find(|(old, _)| *old == element.value()).map(|(_, new)| new.clone());
            if let Some(new) = new {
                *element = Element::text(element.tag, new);
            }
        }
        Action::AtHour(hour) => {
            let text = element.value().into_owned();
            if let Some(new) = at_hour(&text, *hour) {
                *element = Element::text(element.tag, new);
            }
        }
        Action::Drop | Action::Fill(_) | Action::IgnoreEmpty | Action::LimitCount(_) => {}
    }
}

/// The same date and the same way of writing it, at another hour.
fn at_hour(text: &str, hour: u8) -> Option<String> {
    parse_date_time(text).ok()?;
    let (date, time) = text.split_once('T')?;
    let written = if time.contains(':') { format!("{hour:02}:00:00.000Z") } else { format!("{hour:02}0000Z") };
    Some(format!("{date}T{written}"))
}

/// Hands every list of siblings to `act`, the item's own first. Depth is bounded where items are made and read.
fn everywhere(siblings: &mut Vec<Element>, act: &mut dyn FnMut(&mut Vec<Element>)) {
    act(siblings);
    for element in siblings.iter_mut().filter(|element| element.children().next().is_some()) {
        let mixed = element.content.iter().any(|node| !matches!(node, Node::Element(_)));
        if mixed {
            continue;
        }
        let mut children: Vec<Element> = std::mem::take(&mut element.content)
            .into_iter()
            .filter_map(|node| if let Node::Element(child) = node { Some(child) } else { None })
            .collect();
        everywhere(&mut children, act);
        element.content = children.into_iter().map(Node::Element).collect();
    }
}

#[cfg(test)]
mod tests {
    use easel_wbxml::pages::{calendar, contacts, email};

    use super::*;

    fn after(class: Class, tag: Tag, action: Action, mut properties: Vec<Element>) -> Vec<Element> {
        let rule = Rule { class, direction: Direction::Outgoing, tag, action };
        let before = properties.clone();
        apply(std::slice::from_ref(&rule), Direction::Incoming, class, &mut properties);
        assert_eq!(properties, before, "the other direction is not touched");
        apply(&[rule], Direction::Outgoing, class, &mut properties);
        properties
    }

    #[test]
    fn each_action_does_what_its_name_says() {
        let text = |value: &str| vec![Element::text(contacts::FILE_AS, value)];
        let tag = contacts::FILE_AS;
        for (action, before, then) in [
            (Action::Drop, text("a"), vec![]),
            (Action::Rename(contacts::FIRST_NAME), text("a"), vec![Element::text(contacts::FIRST_NAME, "a")]),
            (Action::Truncate(3), text("Größe"), text("Gr")),
            (Action::Truncate(40), text("Größe"), text("Größe")),
            (Action::Fill("f".into()), vec![], text("f")),
            (Action::Fill("f".into()), text("a"), text("a")),
            (Action::Set("s".into()), text("a"), text("s")),
            (Action::Set("s".into()), vec![], vec![]),
            (Action::IgnoreEmpty, text(""), vec![]),
            (Action::IgnoreEmpty, text("a"), text("a")),
            (Action::AtHour(8), text("1980-03-01T00:00:00.000Z"), text("1980-03-01T08:00:00.000Z")),
            (Action::AtHour(8), text("19800301T230000Z"), text("19800301T080000Z")),
            (Action::AtHour(8), text("whenever"), text("whenever")),
            (Action::LimitCount(1), [text("a"), text("b")].concat(), text("a")),
            (
                Action::Replace(vec![("a".into(), "b".into())]),
                [text("a"), text("c")].concat(),
                [text("b"), text("c")].concat(),
            ),
        ] {
            let said = format!("{action:?}");
            assert_eq!(after(Class::Contacts, tag, action, before), then, "{said}");
        }
    }

    #[test]
    fn a_property_below_others_is_found_and_other_classes_are_left_alone() {
        let attendees = |count: usize| {
            let attendee = Element::of(calendar::ATTENDEE, [Element::text(calendar::ATTENDEE_STATUS, "3")]);
            vec![Element::of(calendar::ATTENDEES, std::iter::repeat_n(attendee, count))]
        };
        assert_eq!(after(Class::Calendar, calendar::ATTENDEE, Action::LimitCount(2), attendees(5)), attendees(2));
        let dropped = after(Class::Calendar, calendar::ATTENDEE_STATUS, Action::Drop, attendees(1));
        assert_eq!(dropped, [Element::of(calendar::ATTENDEES, [Element::new(calendar::ATTENDEE)])]);
        let mut mail = vec![Element::text(email::SUBJECT, "x")];
        let rule =
            Rule { class: Class::Calendar, direction: Direction::Outgoing, tag: email::SUBJECT, action: Action::Drop };
        apply(&[rule], Direction::Outgoing, Class::Email, &mut mail);
        assert_eq!(mail.len(), 1);
    }

    #[test]
    fn rules_that_differ_in_anything_have_another_mark_and_no_rules_have_none() {
        let text = |text: &str| text.to_owned();
        let actions = [
            Action::AtHour(8),
            Action::AtHour(9),
            Action::Drop,
            Action::Fill(text("a")),
            Action::Fill(text("b")),
            Action::IgnoreEmpty,
            Action::LimitCount(1),
            Action::LimitCount(2),
            Action::Rename(contacts::FIRST_NAME),
            Action::Rename(contacts::LAST_NAME),
            Action::Replace(vec![]),
            Action::Replace(vec![(text("a"), text("b"))]),
            Action::Replace(vec![(text("ab"), text(""))]),
            Action::Set(text("a")),
            Action::Set(text("b")),
            Action::Truncate(1),
            Action::Truncate(2),
        ];
        let rule =
            |class, tag, action: &Action| Rule { class, direction: Direction::Outgoing, tag, action: action.clone() };
        let of = |rules: &[Rule]| mark(rules, Direction::Outgoing, Class::Contacts);
        let mut marks = std::collections::BTreeSet::new();
        for action in &actions {
            for tag in [contacts::FILE_AS, contacts::TITLE] {
                let rule = rule(Class::Contacts, tag, action);
                assert_ne!(of(std::slice::from_ref(&rule)), 0);
                assert_eq!(mark(std::slice::from_ref(&rule), Direction::Incoming, Class::Contacts), 0);
                marks.insert(of(&[rule]));
            }
        }
        assert_eq!(marks.len(), 2 * actions.len());
        let (one, other) = (&actions[2], &actions[5]);
        let pair = |one, other| {
            of(&[rule(Class::Contacts, contacts::FILE_AS, one), rule(Class::Contacts, contacts::FILE_AS, other)])
        };
        assert_ne!(pair(one, other), pair(other, one), "they are carried out in order");
        assert_eq!((of(&[]), of(&[rule(Class::Notes, contacts::FILE_AS, one)])), (0, 0));
        // What devices were served with is stored: these numbers stay.
        assert_eq!(of(&[rule(Class::Contacts, contacts::FILE_AS, one)]), STORED);
    }

    /// The mark of a rule that drops FileAs.
    const STORED: u64 = 0xEF43_7003_6CE9_F3AA;
}
