//! Every property of a contact but body and photo: the tables that say where it stands in a card, read and written.

use std::collections::{HashMap, HashSet};

use easel_wbxml::pages::{contacts as c, contacts2 as c2};
use easel_wbxml::{Element, Tag};
use jiff::tz::TimeZone;

use super::card::{self, Place, find, line_at, line_at_mut, remove_all, set_part, set_text};
use super::slots::{self, Family};
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

/// Part of ORG: RFC 2426 3.5.5 names the organization, then its units.
const ORGANIZATION: [(Tag, usize); 3] = [(c::COMPANY_NAME, 0), (c::DEPARTMENT, 1), (c::OFFICE_LOCATION, 2)];

/// A postal address: its TYPE, and the elements of street, city, state, code, country.
struct Address {
    kind: &'static str,
    tags: [Tag; 5],
}

const ADDRESSES: [Address; 3] = [
    Address {
        kind: "work",
        tags: [
            c::BUSINESS_ADDRESS_STREET,
            c::BUSINESS_ADDRESS_CITY,
            c::BUSINESS_ADDRESS_STATE,
            c::BUSINESS_ADDRESS_POSTAL_CODE,
            c::BUSINESS_ADDRESS_COUNTRY,
        ],
    },
    Address {
        kind: "home",
        tags: [
            c::HOME_ADDRESS_STREET,
            c::HOME_ADDRESS_CITY,
            c::HOME_ADDRESS_STATE,
            c::HOME_ADDRESS_POSTAL_CODE,
            c::HOME_ADDRESS_COUNTRY,
        ],
    },
    Address {
        kind: "other",
        tags: [
            c::OTHER_ADDRESS_STREET,
            c::OTHER_ADDRESS_CITY,
            c::OTHER_ADDRESS_STATE,
            c::OTHER_ADDRESS_POSTAL_CODE,
            c::OTHER_ADDRESS_COUNTRY,
        ],
    },
];
/// RFC 6350 6.3.1: post office box, extended address, street, city, state, code, country.
const STREET: usize = 2;
const ADDRESS_PARTS: usize = 7;

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
    if let Some(line) = card.line("ORG") {
        let mut parts = line.parts().into_iter();
        found.extend(ORGANIZATION.map(|(tag, _)| (tag, parts.next().unwrap_or_default())));
    }
    for address in &ADDRESSES {
        if let Some(at) = address_entry(card, address.kind) {
            let parts = line_at(card, at).parts();
            found.push((address.tags[0], street(&parts)));
            found.extend(address.tags.into_iter().zip(parts.into_iter().skip(STREET)).skip(1));
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
            set_text(card, text.places, new, change);
        }
    }
    let new_anniversary = if form == card::Form::V4 { "ANNIVERSARY" } else { "X-ANNIVERSARY" };
    for (tag, places, new) in [(c::BIRTHDAY, BIRTHDAY, "BDAY"), (c::ANNIVERSARY, ANNIVERSARY, new_anniversary)] {
        if let Some(change) = sent.of(tag, |text| dates::canonical(text, &view.owner.zone)).change() {
            set_day(card, places, new, change);
        }
    }
    apply_parts(card, sent);
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

fn apply_parts(card: &mut Component, sent: &Sent<'_>) {
    for (tag, at) in ORGANIZATION {
        if let Some(change) = sent.text(tag).change() {
            if card.line("ORG").is_none() && change.is_some() {
                card.push(Line::new("ORG", ""));
            }
            if let Some(line) = card.line_mut("ORG") {
                set_part(line, at, 0, change.unwrap_or(""));
                if is_hollow(&line.value) {
                    card.remove("ORG");
                }
            }
        }
    }
    for address in &ADDRESSES {
        for (number, tag) in address.tags.into_iter().enumerate() {
            if let Some(change) = sent.text(tag).change() {
                set_address_part(card, address.kind, STREET + number, change.unwrap_or(""));
            }
        }
    }
}

fn set_address_part(card: &mut Component, kind: &str, at: usize, text: &str) {
    let entry = address_entry(card, kind);
    if entry.is_none() && !text.is_empty() {
        card.push(Line::new("ADR", ";;;;;;").with("TYPE", kind));
    }
    let Some(entry) = entry.or_else(|| last_address(card, kind)) else { return };
    let line = line_at_mut(card, entry);
    if at == STREET {
        // The device was shown box and extended address as lines of the street.
        set_part(line, 0, ADDRESS_PARTS, "");
        set_part(line, 1, ADDRESS_PARTS, "");
    }
    set_part(line, at, ADDRESS_PARTS, text);
    if is_hollow(&line.value) {
        card::remove_at(card, entry);
    }
}

fn is_hollow(value: &str) -> bool {
    value.chars().all(|c| c == ';' || c.is_whitespace())
}

/// The line of an address, the first of its kind that says something.
fn address_entry(card: &Component, kind: &str) -> Option<usize> {
    card.entries.iter().position(|entry| match entry {
        Entry::Line(line) => line.name == "ADR" && !is_hollow(&line.value) && is_address(line, kind),
        Entry::Component(_) => false,
    })
}

fn last_address(card: &Component, kind: &str) -> Option<usize> {
    card.entries
        .iter()
        .rposition(|entry| matches!(entry, Entry::Line(line) if line.name == "ADR" && is_address(line, kind)))
}

fn is_address(line: &Line, kind: &str) -> bool {
    let has = |wanted: &str| card::types(line).any(|other| other == wanted);
    match kind {
        "work" => has("work"),
        "home" => has("home") && !has("work"),
        _ => !has("work") && !has("home"),
    }
}

/// Box and extended address stand above the street.
fn street(parts: &[String]) -> String {
    let lines: Vec<&str> = parts.iter().take(STREET + 1).map(String::as_str).filter(|p| !p.trim().is_empty()).collect();
    lines.join("\n")
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
