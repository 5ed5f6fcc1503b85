//! Every property of a contact but body and photo: the tables that say where it stands in a card, read and written.

use std::collections::{HashMap, HashSet};

use easel_wbxml::pages::{contacts as c, contacts2 as c2};
use easel_wbxml::{Element, Tag};
use jiff::tz::TimeZone;

use super::card::{self, Place, find, line_at, line_at_mut, remove_all, set_part, set_shown};
use super::slots::{self, Family};
use super::unseen::{is_unseen, set_unseen};
use super::{dates, names};
use crate::lines::{Component, Entry, Line};
use crate::said::{Sent, clean, list_element, text_element, with_unseen};
use crate::{View, component};

/// A text: its element, where it is looked for, where a new one goes in 3.0 and in 4.0.
struct Text {
    tag: Tag,
    places: &'static [Place],
    new: [Place; 2],
}

const fn text(tag: Tag, places: &'static [Place], new: Place) -> Text {
    Text { tag, places, new: [new, new] }
}

const fn text_by_form(tag: Tag, places: &'static [Place], new: [Place; 2]) -> Text {
    Text { tag, places, new }
}

const SPOUSE: &[Place] = &[
    Place::Typed("RELATED", "spouse"),
    Place::Line("X-SPOUSE"),
    Place::Line("X-EVOLUTION-SPOUSE"),
    Place::Line("X-KADDRESSBOOK-X-SPOUSESNAME"),
    Place::Line("X-MS-SPOUSE"),
    Place::Labelled("X-ABRELATEDNAMES", "spouse"),
];
const ASSISTANT: &[Place] = &[
    Place::Typed("RELATED", "agent"),
    Place::Line("X-ASSISTANT"),
    Place::Line("X-EVOLUTION-ASSISTANT"),
    Place::Line("X-KADDRESSBOOK-X-ASSISTANTSNAME"),
    Place::Line("X-MS-ASSISTANT"),
    Place::Labelled("X-ABRELATEDNAMES", "assistant"),
];
const MANAGER: &[Place] = &[
    Place::Line("X-MANAGER"),
    Place::Line("X-EVOLUTION-MANAGER"),
    Place::Line("X-KADDRESSBOOK-X-MANAGERSNAME"),
    Place::Line("X-MS-MANAGER"),
    Place::Labelled("X-ABRELATEDNAMES", "manager"),
];
const CHILD: &[Place] =
    &[Place::Typed("RELATED", "child"), Place::Line("X-MS-CHILD"), Place::Labelled("X-ABRELATEDNAMES", "child")];
const ANNIVERSARY: &[Place] = &[
    Place::Line("ANNIVERSARY"),
    Place::Line("X-ANNIVERSARY"),
    Place::Line("X-EVOLUTION-ANNIVERSARY"),
    Place::Line("X-KADDRESSBOOK-X-ANNIVERSARY"),
    Place::Line("X-MS-ANNIVERSARY"),
    Place::Labelled("X-ABDATE", "anniversary"),
];
const BIRTHDAY: &[Place] = &[Place::Line("BDAY")];
/// What a device may call the item, where it says so itself.
pub(crate) const FILE_AS: &[Place] = &[Place::Line("X-FILE-AS"), Place::Line("X-EVOLUTION-FILE-AS")];

const TEXTS: [Text; 14] = [
    text_by_form(c::ASSISTANT_NAME, ASSISTANT, [Place::Line("X-ASSISTANT"), Place::Typed("RELATED", "agent")]),
    text(c::JOB_TITLE, &[Place::Line("TITLE")], Place::Line("TITLE")),
    text_by_form(c::SPOUSE, SPOUSE, [Place::Line("X-SPOUSE"), Place::Typed("RELATED", "spouse")]),
    text(c::WEB_PAGE, &[Place::Line("URL")], Place::Line("URL")),
    text(c::YOMI_COMPANY_NAME, &[Place::Line("X-PHONETIC-ORG")], Place::Line("X-PHONETIC-ORG")),
    text(c::YOMI_FIRST_NAME, &[Place::Line("X-PHONETIC-FIRST-NAME")], Place::Line("X-PHONETIC-FIRST-NAME")),
    text(c::YOMI_LAST_NAME, &[Place::Line("X-PHONETIC-LAST-NAME")], Place::Line("X-PHONETIC-LAST-NAME")),
    text(c::ALIAS, &[Place::Line("X-EASEL-ALIAS")], Place::Line("X-EASEL-ALIAS")),
    text(c2::CUSTOMER_ID, &[Place::Line("X-EASEL-CUSTOMER-ID")], Place::Line("X-EASEL-CUSTOMER-ID")),
    text(c2::GOVERNMENT_ID, &[Place::Line("X-EASEL-GOVERNMENT-ID")], Place::Line("X-EASEL-GOVERNMENT-ID")),
    text(c2::MANAGER_NAME, MANAGER, Place::Line("X-MANAGER")),
    text(c2::ACCOUNT_NAME, &[Place::Line("X-EASEL-ACCOUNT-NAME")], Place::Line("X-EASEL-ACCOUNT-NAME")),
    text(c2::NICK_NAME, &[Place::Line("NICKNAME")], Place::Line("NICKNAME")),
    text(c2::MMS, &[Place::Line("X-MMS")], Place::Line("X-MMS")),
];

/// A line of several parts: its name, its TYPE, and the elements of its parts.
struct Parted {
    name: &'static str,
    kind: &'static str,
    parts: &'static [(Tag, usize)],
    /// Parts of a new line.
    least: usize,
}

const fn address(kind: &'static str, parts: &'static [(Tag, usize)]) -> Parted {
    Parted { name: "ADR", kind, parts, least: 7 }
}

/// The organization and the postal addresses.
const PARTED: [Parted; 4] = [
    // RFC 2426 3.5.5 names the organization, then its units.
    Parted {
        name: "ORG",
        kind: "",
        parts: &[(c::COMPANY_NAME, 0), (c::DEPARTMENT, 1), (c::OFFICE_LOCATION, 2)],
        least: 1,
    },
    address(
        "work",
        &[
            (c::BUSINESS_ADDRESS_STREET, STREET),
            (c::BUSINESS_ADDRESS_CITY, 3),
            (c::BUSINESS_ADDRESS_STATE, 4),
            (c::BUSINESS_ADDRESS_POSTAL_CODE, 5),
            (c::BUSINESS_ADDRESS_COUNTRY, 6),
        ],
    ),
    address(
        "home",
        &[
            (c::HOME_ADDRESS_STREET, STREET),
            (c::HOME_ADDRESS_CITY, 3),
            (c::HOME_ADDRESS_STATE, 4),
            (c::HOME_ADDRESS_POSTAL_CODE, 5),
            (c::HOME_ADDRESS_COUNTRY, 6),
        ],
    ),
    address(
        "other",
        &[
            (c::OTHER_ADDRESS_STREET, STREET),
            (c::OTHER_ADDRESS_CITY, 3),
            (c::OTHER_ADDRESS_STATE, 4),
            (c::OTHER_ADDRESS_POSTAL_CODE, 5),
            (c::OTHER_ADDRESS_COUNTRY, 6),
        ],
    ),
];
/// RFC 6350 6.3.1: post office box, extended address, street, city, state, code, country.
const STREET: usize = 2;

/// Everything but body and photo: both pages in the order of their tokens, the lists last (K: N04). Without a view, in
/// the host's own manner.
pub(crate) fn shown(card: &Component, view: Option<&View<'_>>) -> Vec<Element> {
    let labels = card::labels(card);
    let manner = view.map(|view| view.manner.contact).unwrap_or_default();
    let zone = view.map_or(TimeZone::UTC, |view| view.owner.zone.clone());
    let mut found: Vec<(Tag, String)> = names::read(card, &labels, manner.file_as);
    for text in &TEXTS {
        if let Some(at) = find(card, &labels, text.places) {
            found.push((text.tag, line_at(card, at).plain()));
        }
    }
    for (tag, places) in [(c::BIRTHDAY, BIRTHDAY), (c::ANNIVERSARY, ANNIVERSARY)] {
        let day =
            find(card, &labels, places).and_then(|at| dates::element_text(line_at(card, at), manner.birthday, &zone));
        found.extend(day.map(|day| (tag, day)));
    }
    for parted in &PARTED {
        if let Some(at) = parted.shown(card) {
            let parts = line_at(card, at).parts();
            found.extend(parted.parts.iter().map(|(tag, at)| (*tag, parted.text(&parts, *at))));
        }
    }
    for family in [Family::Email, Family::Phone, Family::Messenger] {
        found.extend(slots::read(card, family, &labels));
    }
    found.sort_by_key(|(tag, _)| *tag);
    let mut elements: Vec<Element> = found.into_iter().filter_map(|(tag, text)| text_element(tag, &text)).collect();
    elements.extend(list_element(c::CHILDREN, c::CHILD, &children(card, &labels)));
    elements.extend(component::categories_element(card, c::CATEGORIES, c::CATEGORY));
    elements
}

/// Merges what a device sent.
pub(crate) fn apply(card: &mut Component, sent: &Sent<'_>, unseen: &[Tag], view: &View<'_>) {
    names::apply(card, sent, view.manner.contact.file_as);
    let form = card::form(card);
    for text in &TEXTS {
        let new = text.new[usize::from(form == card::Form::V4)];
        if let Some(change) = sent.text(text.tag).change() {
            set_shown(card, text.places, new, change, unseen.contains(&text.tag));
        }
    }
    let new_anniversary = if form == card::Form::V4 { "ANNIVERSARY" } else { "X-ANNIVERSARY" };
    for (tag, places, new) in [(c::BIRTHDAY, BIRTHDAY, "BDAY"), (c::ANNIVERSARY, ANNIVERSARY, new_anniversary)] {
        if let Some(change) = sent.of(tag, |text| dates::canonical(text, &view.owner.zone)).change() {
            set_day(card, places, new, change);
        }
    }
    PARTED.iter().for_each(|parted| parted.apply(card, sent, unseen));
    for family in [Family::Email, Family::Phone, Family::Messenger] {
        for tag in family.tags() {
            if let Some(change) = sent.of(tag, |text| Some(slots::canonical(family, text))).change() {
                slots::set(card, family, tag, change, unseen.contains(&tag));
            }
        }
    }
    if let Some(names) = sent.list(c::CHILDREN, c::CHILD) {
        set_children(card, form, names);
    }
    component::apply_categories(card, sent, c::CATEGORIES, c::CATEGORY);
}

fn set_day(card: &mut Component, places: &[Place], new: &str, day: Option<&str>) {
    let Some(day) = day else { return remove_all(card, places) };
    let form = card::form(card);
    let at = find(card, &card::labels(card), places);
    match at {
        Some(at) => dates::set(line_at_mut(card, at), day, form),
        None => {
            let mut line = Line::new(new, "");
            dates::set(&mut line, day, form);
            card.push(line);
        }
    }
}

/// The elements whose value a device may not have seen.
pub(crate) fn unseen(card: &Component) -> Vec<Tag> {
    let labels = card::labels(card);
    let is_hidden = |at: Option<usize>| at.is_some_and(|at| is_unseen(line_at(card, at)));
    let texts = TEXTS.iter().filter(|text| is_hidden(find(card, &labels, text.places))).map(|text| text.tag);
    let parted = PARTED.iter().filter(|parted| is_hidden(parted.shown(card)));
    texts.chain(parted.flat_map(|parted| parted.parts.iter().map(|(tag, _)| *tag))).collect()
}

/// Notes that the values of these elements have been seen; a line of several parts only with all that it has.
pub(crate) fn see(card: &mut Component, seen: &[Tag]) {
    let labels = card::labels(card);
    let texts =
        TEXTS.iter().filter(|text| seen.contains(&text.tag)).filter_map(|text| find(card, &labels, text.places));
    let parted = PARTED.iter().filter_map(|parted| {
        let at = parted.shown(card)?;
        let parts = line_at(card, at).parts();
        let is_brought = |(tag, at): &(Tag, usize)| parted.text(&parts, *at).is_empty() || seen.contains(tag);
        parted.parts.iter().all(is_brought).then_some(at)
    });
    for at in texts.chain(parted).collect::<Vec<_>>() {
        set_unseen(line_at_mut(card, at), false);
    }
}

impl Parted {
    fn has(&self, line: &Line) -> bool {
        let has = |wanted: &str| card::types(line).any(|other| other == wanted);
        line.name == self.name
            && match self.kind {
                "" => true,
                "work" => has("work"),
                "home" => has("home") && !has("work"),
                _ => !has("work") && !has("home"),
            }
    }

    /// The first of its lines that says something.
    fn shown(&self, card: &Component) -> Option<usize> {
        card.entries.iter().position(|entry| match entry {
            Entry::Line(line) => self.has(line) && !is_hollow(&line.value),
            Entry::Component(_) => false,
        })
    }

    /// A part as it is shown: box and extended address stand above the street.
    fn text(&self, parts: &[String], at: usize) -> String {
        if self.name == "ADR" && at == STREET {
            let lines = parts.iter().take(STREET + 1).map(String::as_str).filter(|part| !part.trim().is_empty());
            return lines.collect::<Vec<_>>().join("\n");
        }
        parts.get(at).cloned().unwrap_or_default()
    }

    fn set(&self, line: &mut Line, at: usize, text: &str) {
        let least = if self.name == "ADR" { self.least } else { 0 };
        if self.name == "ADR" && at == STREET {
            // The device was shown box and extended address as lines of the street.
            set_part(line, 0, least, "");
            set_part(line, 1, least, "");
        }
        set_part(line, at, least, text);
    }

    fn new_line(&self) -> Line {
        let line = Line::new(self.name, ";".repeat(self.least - 1));
        if self.kind.is_empty() { line } else { line.with("TYPE", self.kind) }
    }

    fn apply(&self, card: &mut Component, sent: &Sent<'_>, unseen: &[Tag]) {
        let said = |(tag, at): &(Tag, usize)| {
            let said = sent.text(*tag);
            said.change().map(|text| (*at, text.unwrap_or_default().to_owned()))
        };
        let changes: Vec<(usize, String)> = self.parts.iter().filter_map(said).collect();
        if changes.is_empty() {
            return;
        }
        if let Some(at) = self.shown(card).filter(|_| self.parts.iter().any(|(tag, _)| unseen.contains(tag))) {
            return self.put_before(card, at, sent);
        }
        let is_one = |entry: &Entry| matches!(entry, Entry::Line(line) if self.has(line));
        let place = self.shown(card).or_else(|| card.entries.iter().position(is_one));
        let place = match place {
            Some(at) => at,
            None if changes.iter().all(|(_, text)| text.is_empty()) => return,
            None => {
                card.push(self.new_line());
                card.entries.iter().rposition(is_one).expect("a line was just added")
            }
        };
        let line = line_at_mut(card, place);
        let before = line.parts();
        changes.iter().for_each(|(at, text)| self.set(line, *at, text));
        if is_hollow(&line.value) {
            card::remove_at(card, place);
            card::remove_where(card, |line| self.has(line) && line.parts() == before);
            if let Some(next) = self.shown(card) {
                set_unseen(line_at_mut(card, next), true);
            }
        }
    }

    /// What a device says that knows nothing of the line there: it stays, and what is new goes before it.
    fn put_before(&self, card: &mut Component, at: usize, sent: &Sent<'_>) {
        let mut line = self.new_line();
        self.parts.iter().for_each(|(tag, at)| self.set(&mut line, *at, &sent.value(*tag)));
        if !is_hollow(&line.value) {
            set_unseen(line_at_mut(card, at), false);
            card.entries.insert(at, Entry::Line(line));
        }
    }
}

fn is_hollow(value: &str) -> bool {
    value.chars().all(|c| c == ';' || c.is_whitespace())
}

fn children(card: &Component, labels: &HashMap<String, String>) -> Vec<String> {
    let is_child = |line: &&Line| CHILD.iter().any(|place| card::stands_in(line, labels, *place));
    let names = card.lines().filter(is_child).map(Line::plain);
    names.filter(|name| !clean(name).is_empty()).collect()
}

fn set_children(card: &mut Component, form: card::Form, names: Vec<String>) {
    let before = children(card, &card::labels(card));
    let after = with_unseen(names, before.clone());
    let labels = card::labels(card);
    let stay: HashSet<&String> = after.iter().collect();
    card::remove_where(card, |line| {
        CHILD.iter().any(|place| card::stands_in(line, &labels, *place)) && !stay.contains(&line.plain())
    });
    let before: HashSet<String> = before.into_iter().collect();
    for name in after.iter().filter(|name| !before.contains(*name)) {
        card.push(match form {
            card::Form::V3 => Line::text("X-MS-CHILD", name),
            card::Form::V4 => card::new_line(Place::Typed("RELATED", "child"), name),
        });
    }
}
