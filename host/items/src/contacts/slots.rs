//! Numbered properties: three e-mail addresses, twelve telephones, three messengers.
//!
//! A card has any number of such lines; the class has numbered slots. Lines fill the slots of their kind in order,
//! preferred ones first; what finds no slot stays in the card, unseen. A line whose place in the card does not tell
//! its slot carries the parameter X-EASEL-SLOT, so that a device finds every value where it put it.
//!
//! A slot that a device empties is filled by the next line of its kind, if the card has one. The device is not told of
//! its own change, so it goes on believing that the slot is empty. The line that moved up therefore carries
//! X-EASEL-UNSEEN (see `contacts/unseen.rs`): to empty the slot, or to fill it, removes nothing then.

use std::collections::HashMap;

use easel_wbxml::Tag;
use easel_wbxml::pages::{contacts as c, contacts2 as c2};

use super::card::{self, line_at, line_at_mut, remove_at};
use super::unseen::{is_unseen, set_unseen};
use crate::lines::{Component, Entry, Line, escape};

/// The parameter that names a slot, by its element.
const SLOT: &str = "X-EASEL-SLOT";
/// Lines of one family that are looked at.
const LINES_MAX: usize = 200;

/// Which numbered properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Email,
    Phone,
    Messenger,
}

/// What a line of a family can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Email,
    Messenger,
    Work,
    Home,
    Mobile,
    WorkFax,
    HomeFax,
    Pager,
    Car,
    Radio,
    Assistant,
    Company,
    /// A telephone that does not say what it is; it takes what is free.
    Plain,
    /// Nothing the class has a slot for.
    Other,
}

/// A slot, and the types of a new line in it.
struct Slot {
    tag: Tag,
    types: &'static [&'static str],
}

const fn slot(tag: Tag, types: &'static [&'static str]) -> Slot {
    Slot { tag, types }
}

const EMAILS: [Slot; 3] = [
    slot(c::EMAIL1_ADDRESS, &["internet"]),
    slot(c::EMAIL2_ADDRESS, &["internet"]),
    slot(c::EMAIL3_ADDRESS, &["internet"]),
];

const MESSENGERS: [Slot; 3] = [slot(c2::IM_ADDRESS, &[]), slot(c2::IM_ADDRESS2, &[]), slot(c2::IM_ADDRESS3, &[])];

const PHONES: [Slot; 12] = [
    slot(c::ASSISTANT_PHONE_NUMBER, &["x-assistant"]),
    slot(c::BUSINESS2_PHONE_NUMBER, &["work", "voice"]),
    slot(c::BUSINESS_FAX_NUMBER, &["work", "fax"]),
    slot(c::BUSINESS_PHONE_NUMBER, &["work", "voice"]),
    slot(c::CAR_PHONE_NUMBER, &["car"]),
    slot(c::HOME2_PHONE_NUMBER, &["home", "voice"]),
    slot(c::HOME_FAX_NUMBER, &["home", "fax"]),
    slot(c::HOME_PHONE_NUMBER, &["home", "voice"]),
    slot(c::MOBILE_PHONE_NUMBER, &["cell"]),
    slot(c::PAGER_NUMBER, &["pager"]),
    slot(c::RADIO_PHONE_NUMBER, &["x-radio"]),
    slot(c2::COMPANY_MAIN_PHONE, &["work", "x-company"]),
];

/// The slots of a kind, in the order they are filled.
const fn order(kind: Kind) -> &'static [Tag] {
    match kind {
        Kind::Email => &[c::EMAIL1_ADDRESS, c::EMAIL2_ADDRESS, c::EMAIL3_ADDRESS],
        Kind::Messenger => &[c2::IM_ADDRESS, c2::IM_ADDRESS2, c2::IM_ADDRESS3],
        Kind::Work => &[c::BUSINESS_PHONE_NUMBER, c::BUSINESS2_PHONE_NUMBER],
        Kind::Home => &[c::HOME_PHONE_NUMBER, c::HOME2_PHONE_NUMBER],
        Kind::Mobile => &[c::MOBILE_PHONE_NUMBER],
        Kind::WorkFax => &[c::BUSINESS_FAX_NUMBER],
        Kind::HomeFax => &[c::HOME_FAX_NUMBER],
        Kind::Pager => &[c::PAGER_NUMBER],
        Kind::Car => &[c::CAR_PHONE_NUMBER],
        Kind::Radio => &[c::RADIO_PHONE_NUMBER],
        Kind::Assistant => &[c::ASSISTANT_PHONE_NUMBER],
        Kind::Company => &[c2::COMPANY_MAIN_PHONE],
        Kind::Plain => &[
            c::MOBILE_PHONE_NUMBER,
            c::HOME_PHONE_NUMBER,
            c::BUSINESS_PHONE_NUMBER,
            c::HOME2_PHONE_NUMBER,
            c::BUSINESS2_PHONE_NUMBER,
        ],
        Kind::Other => &[],
    }
}

impl Family {
    /// Every slot.
    pub(crate) fn tags(self) -> impl Iterator<Item = Tag> {
        self.slots().iter().map(|slot| slot.tag)
    }

    const fn slots(self) -> &'static [Slot] {
        match self {
            Self::Email => &EMAILS,
            Self::Phone => &PHONES,
            Self::Messenger => &MESSENGERS,
        }
    }

    /// The names of its lines.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Email => &["EMAIL"],
            Self::Messenger => &[
                "IMPP",
                "X-MS-IMADDRESS",
                "X-JABBER",
                "X-SKYPE",
                "X-SKYPE-USERNAME",
                "X-AIM",
                "X-ICQ",
                "X-MSN",
                "X-YAHOO",
                "X-GADUGADU",
                "X-GOOGLE-TALK",
            ],
            Self::Phone => &["TEL", "X-MS-TEL", "X-ASSISTANT-PHONE", "X-MS-ASSISTANT-PHONE"],
        }
    }

    fn has(self, line: &Line) -> bool {
        self.names().contains(&line.name.as_str())
    }

    /// What one of its lines is.
    fn kind(self, line: &Line, labels: &HashMap<String, String>) -> Option<Kind> {
        match self {
            Self::Email => card::types(line).all(|kind| kind != "x400").then_some(Kind::Email),
            Self::Messenger => Some(Kind::Messenger),
            Self::Phone if line.name.ends_with("ASSISTANT-PHONE") => Some(Kind::Assistant),
            Self::Phone => Some(phone_kind(line, labels)),
        }
    }

    const fn scheme(self) -> &'static str {
        match self {
            Self::Email => "mailto:",
            Self::Messenger => "im:",
            Self::Phone => "tel:",
        }
    }

    fn text(self, line: &Line) -> String {
        canonical(self, strip_scheme(&line.plain(), self.scheme()))
    }

    fn set_text(self, line: &mut Line, text: &str) {
        let stripped = strip_scheme(&line.value, self.scheme()).len();
        let kept = if has_scheme(text) { "" } else { &line.value[..line.value.len() - stripped] };
        line.set_value(format!("{kept}{}", escape(text)));
    }

    fn new_line(self, slot: &Slot, text: &str, form: card::Form) -> Line {
        let mut line = match self {
            Self::Email => Line::text("EMAIL", text),
            Self::Phone => Line::text("TEL", text),
            // RFC 4770: the value is a URI.
            Self::Messenger if has_scheme(text) => Line::text("IMPP", text),
            Self::Messenger => Line::new("IMPP", format!("im:{}", escape(text))),
        };
        let types: Vec<String> = match (self, form) {
            (Self::Email, card::Form::V4) => Vec::new(),
            _ => slot.types.iter().map(|kind| (*kind).to_owned()).collect(),
        };
        if !types.is_empty() {
            line.params.push(("TYPE".to_owned(), types));
        }
        line
    }
}

fn phone_kind(line: &Line, labels: &HashMap<String, String>) -> Kind {
    let mut types: Vec<String> = card::types(line).collect();
    types.extend(card::label(line, labels).map(|label| label.replace(' ', "")));
    let is = |wanted: &[&str]| types.iter().any(|kind| wanted.contains(&kind.as_str()));
    match () {
        () if is(&["homefax"]) || (is(&["fax"]) && is(&["home"])) => Kind::HomeFax,
        () if is(&["fax", "workfax"]) => Kind::WorkFax,
        () if is(&["pager"]) => Kind::Pager,
        () if is(&["x-assistant", "assistant", "x-evolution-assistant"]) => Kind::Assistant,
        () if is(&["x-radio", "radio", "x-evolution-radio"]) => Kind::Radio,
        () if is(&["car"]) => Kind::Car,
        () if is(&["x-company", "company", "main", "main-number", "x-evolution-company"]) => Kind::Company,
        () if is(&["cell", "mobile", "iphone", "pcs"]) => Kind::Mobile,
        () if is(&["work"]) => Kind::Work,
        () if is(&["home"]) => Kind::Home,
        () if is(&["modem", "bbs", "isdn", "video", "textphone", "x-tty-tdd", "tty-tdd", "callback", "ttytdd"]) => {
            Kind::Other
        }
        () => Kind::Plain,
    }
}

fn strip_scheme<'a>(text: &'a str, scheme: &str) -> &'a str {
    match text.get(..scheme.len()) {
        Some(start) if start.eq_ignore_ascii_case(scheme) => &text[scheme.len()..],
        Some(_) | None => text,
    }
}

fn has_scheme(text: &str) -> bool {
    let known = ["xmpp:", "sip:", "sips:", "skype:", "aim:", "msnim:", "ymsgr:", "icq:", "irc:", "gtalk:", "matrix:"];
    known.iter().any(|scheme| strip_scheme(text, scheme).len() < text.len())
}

/// RFC 6350 5.3: 1 is preferred most; RFC 2426 has only TYPE=pref.
fn rank(line: &Line) -> u8 {
    match line.param("PREF").and_then(|number| number.parse::<u8>().ok()) {
        Some(number) => number.min(100),
        None if card::types(line).any(|kind| kind == "pref") => 1,
        None => 101,
    }
}

/// Which entry fills each slot.
fn assign(card: &Component, family: Family, labels: &HashMap<String, String>) -> Vec<(Tag, usize)> {
    let mut lines: Vec<(usize, &Line, Kind)> = Vec::new();
    let mut looked = 0;
    for (at, entry) in card.entries.iter().enumerate() {
        let Entry::Line(line) = entry else { continue };
        if line.value.is_empty() || !family.has(line) {
            continue;
        }
        looked += 1;
        if looked > LINES_MAX {
            break;
        }
        if let Some(kind) = family.kind(line, labels).filter(|_| !family.text(line).is_empty()) {
            lines.push((at, line, kind));
        }
    }
    if family == Family::Messenger {
        lines = without_twins(lines);
    }
    lines.sort_by_key(|(_, line, kind)| (*kind == Kind::Plain, rank(line)));
    let mut filled: Vec<(Tag, usize)> = Vec::new();
    let free = |filled: &[(Tag, usize)], tag: Tag| !filled.iter().any(|(other, _)| *other == tag);
    for (at, line, _) in &lines {
        let named = line.param(SLOT).and_then(|name| family.tags().find(|tag| tag.name() == Some(name)));
        if let Some(tag) = named.filter(|tag| free(&filled, *tag)) {
            filled.push((tag, *at));
        }
    }
    for (at, _, kind) in &lines {
        let is_placed = filled.iter().any(|(_, other)| other == at);
        if let Some(tag) = order(*kind).iter().find(|tag| !is_placed && free(&filled, **tag)) {
            filled.push((*tag, *at));
        }
    }
    filled
}

/// Address books often write one messenger twice, as IMPP and as an old X- name; it is one.
fn without_twins(lines: Vec<(usize, &Line, Kind)>) -> Vec<(usize, &Line, Kind)> {
    let standard: Vec<&str> =
        lines.iter().filter(|(_, line, _)| line.name == "IMPP").map(|(_, l, _)| l.value.trim()).collect();
    let is_twin = |line: &Line| standard.iter().any(|value| value.ends_with(line.value.trim()));
    lines.into_iter().filter(|(_, line, _)| line.name == "IMPP" || !is_twin(line)).collect()
}

/// The text of every filled slot.
pub(crate) fn read(card: &Component, family: Family, labels: &HashMap<String, String>) -> Vec<(Tag, String)> {
    assign(card, family, labels).into_iter().map(|(tag, at)| (tag, family.text(line_at(card, at)))).collect()
}

/// The slots whose value a device may not have seen.
pub(crate) fn unseen(card: &Component) -> Vec<Tag> {
    let labels = card::labels(card);
    let families = [Family::Email, Family::Phone, Family::Messenger].into_iter();
    let filled = families.flat_map(|family| assign(card, family, &labels));
    filled.filter(|(_, at)| is_unseen(line_at(card, *at))).map(|(tag, _)| tag).collect()
}

/// Notes that the value of a slot has been seen.
pub(crate) fn see(card: &mut Component, tag: Tag) {
    let labels = card::labels(card);
    let families = [Family::Email, Family::Phone, Family::Messenger].into_iter();
    let place = families.flat_map(|family| assign(card, family, &labels)).find(|(other, _)| *other == tag);
    if let Some((_, at)) = place {
        set_unseen(line_at_mut(card, at), false);
    }
}

/// Sets or empties one slot; no other value changes its slot by it. `unseen`: the device may not know what is in it, so
/// that this stays in the card.
pub(crate) fn set(card: &mut Component, family: Family, tag: Tag, text: Option<&str>, unseen: bool) {
    let mut labels = card::labels(card);
    let mut wanted = assign(card, family, &labels);
    let mut at = wanted.iter().find(|(other, _)| *other == tag).map(|(_, at)| *at);
    if let (true, Some(place)) = (unseen, at) {
        if text.is_none() {
            return;
        }
        let line = line_at_mut(card, place);
        line.set_param(SLOT, None);
        set_unseen(line, false);
        wanted.retain(|(_, other)| *other != place);
        at = None;
    }
    match (text, at) {
        (Some(text), Some(at)) => family.set_text(line_at_mut(card, at), text),
        (Some(text), None) => {
            let slot = family.slots().iter().find(|slot| slot.tag == tag).expect("the tag is a slot of the family");
            card.push(family.new_line(slot, text, card::form(card)));
            let last = card.entries.iter().rposition(|entry| matches!(entry, Entry::Line(_)));
            wanted.push((tag, last.expect("a line was just added")));
        }
        (None, Some(at)) => {
            let lines: Vec<Line> = wanted.iter().map(|(_, at)| line_at(card, *at).clone()).collect();
            remove_at(card, at);
            // A label may have gone with the line, so places are found anew.
            wanted = relocate(card, &wanted, &lines, at);
            labels = card::labels(card);
        }
        (None, None) => {}
    }
    hold(card, family, &wanted, &labels);
    let moved_up = assign(card, family, &labels).into_iter().find(|(other, _)| *other == tag);
    if let (None, Some((_, at))) = (text, moved_up) {
        let line = line_at_mut(card, at);
        line.set_param(SLOT, tag.name());
        set_unseen(line, true);
    }
}

/// The form of a slot's text that is compared and stored: `"Name" <addr>` is the address (K: A08).
pub(crate) fn canonical(family: Family, text: &str) -> String {
    let text = text.trim();
    let text = match family {
        Family::Email => text.strip_suffix('>').and_then(|text| text.rsplit_once('<')).map_or(text, |(_, addr)| addr),
        Family::Messenger => text,
        Family::Phone => strip_scheme(text, "tel:"),
    };
    text.trim().to_owned()
}

fn relocate(card: &Component, before: &[(Tag, usize)], lines: &[Line], removed: usize) -> Vec<(Tag, usize)> {
    let mut taken: Vec<usize> = Vec::new();
    let mut places = Vec::new();
    for ((tag, at), line) in before.iter().zip(lines) {
        if *at == removed {
            continue;
        }
        let found =
            card.entries.iter().enumerate().position(|(place, entry)| {
                !taken.contains(&place) && matches!(entry, Entry::Line(other) if other == line)
            });
        if let Some(place) = found {
            taken.push(place);
            places.push((*tag, place));
        }
    }
    places
}

/// Marks lines until every one of `wanted` is found in its slot.
fn hold(card: &mut Component, family: Family, wanted: &[(Tag, usize)], labels: &HashMap<String, String>) {
    for _ in 0..=wanted.len() {
        let now = assign(card, family, labels);
        let Some((tag, at)) = wanted.iter().find(|pair| !now.contains(pair)) else { return };
        line_at_mut(card, *at).set_param(SLOT, tag.name());
    }
}

/// Every e-mail address of a card, also those no slot shows.
pub(crate) fn all_addresses(card: &Component) -> Vec<String> {
    let lines = card.all("EMAIL").take(LINES_MAX);
    lines.map(|line| Family::Email.text(line)).filter(|text| !text.is_empty()).collect()
}
