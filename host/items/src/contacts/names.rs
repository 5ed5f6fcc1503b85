//! What a contact is called: N, FN and the order it is filed in.
//!
//! The class has the parts of a name and FileAs; a card has the parts (N) and the name as it is shown (FN). FileAs is
//! never empty going out. FN follows the parts when the device changes them, and stays what it is otherwise.

use std::collections::HashMap;

use easel_wbxml::Tag;
use easel_wbxml::pages::contacts as c;

use super::card::{find, labels, line_at, part, set_part, set_text};
use super::fields::FILE_AS;
use super::slots::{self, Family};
use crate::lines::{Component, Line, escape};
use crate::manner::FileAs;
use crate::said::{Said, Sent, clean};

/// The parts of N, in its order. RFC 6350 6.2.2.
const PARTS: [Tag; 5] = [c::LAST_NAME, c::FIRST_NAME, c::MIDDLE_NAME, c::TITLE, c::SUFFIX];
/// What a contact without any name, company, address or number is called.
const NAMELESS: &str = "?";

/// Family, given and additional names, prefix, suffix.
type Parts = [String; 5];

/// The parts of the name and FileAs.
pub(crate) fn read(card: &Component, labels: &HashMap<String, String>, order: FileAs) -> Vec<(Tag, String)> {
    let parts = parts(card);
    let mut found = vec![(c::FILE_AS, file_as(card, &parts, labels, order))];
    found.extend(PARTS.into_iter().zip(parts));
    found
}

/// Merges the parts of the name and FileAs.
pub(crate) fn apply(card: &mut Component, sent: &Sent<'_>, order: FileAs) {
    let before = parts(card);
    let shown_as = shown_name(card);
    let mut after = before.clone();
    for (at, tag) in PARTS.into_iter().enumerate() {
        if let Some(change) = sent.text(tag).change() {
            after[at] = change.unwrap_or("").to_owned();
        }
    }
    if after != before {
        if card.line("N").is_none() {
            card.push(Line::new("N", ";;;;"));
        }
        let line = card.line_mut("N").expect("a line was just added");
        for (at, text) in after.iter().enumerate() {
            set_part(line, at, PARTS.len(), text);
        }
    }
    match sent.text(c::FILE_AS) {
        Said::Keep => {}
        Said::Clear => set_text(card, FILE_AS, FILE_AS[0], None),
        Said::Set(text) => {
            // The name it would be filed under anyway is not written down.
            set_text(card, FILE_AS, FILE_AS[0], None);
            if file_as(card, &after, &labels(card), order) != text {
                set_text(card, FILE_AS, FILE_AS[0], Some(&text));
            }
        }
    }
    let mentioned =
        |name: &str| before.iter().zip(&after).any(|(old, new)| old != new && !old.is_empty() && name.contains(old));
    let name = card.line("FN").filter(|_| after != before).map(Line::plain);
    if name.is_some_and(|name| name == shown_as || mentioned(&name)) {
        // `complete` writes it anew.
        card.set_text("FN", Some(""));
    }
}

/// Gives a card the FN that RFC 2426 3.1.1 and RFC 6350 6.2.1 demand, and the N that 3.0 demands. `shown_before` is
/// what [`shown_name`] was before the edit: an FN that said this follows it.
pub(crate) fn complete(card: &mut Component, shown_before: Option<&str>) {
    let name = shown_name(card);
    let current = card.plain("FN").unwrap_or_default();
    if current.trim().is_empty() || (shown_before == Some(current.as_str()) && current != name) {
        match card.line_mut("FN") {
            Some(line) => line.set_value(escape(&name)),
            None => card.push(Line::text("FN", &name)),
        }
    }
    if card.line("N").is_none() && super::card::form(card) == super::card::Form::V3 {
        card.push(Line::new("N", ";;;;"));
    }
}

/// What a card calls its contact when FN does not: the parts in the order they are spoken, or the next best thing.
pub(crate) fn shown_name(card: &Component) -> String {
    let [family, given, additional, prefix, suffix] = stored_parts(card);
    let spoken = [prefix, given, additional, family, suffix].into_iter().filter(|part| !part.is_empty());
    let spoken = spoken.collect::<Vec<_>>().join(" ");
    if spoken.is_empty() { substitute(card).unwrap_or_else(|| NAMELESS.to_owned()) } else { spoken }
}

/// The parts of N; where a card has none, those of FN, because many phones show nothing else.
pub(crate) fn parts(card: &Component) -> Parts {
    let stored = stored_parts(card);
    if stored.iter().any(|part| !part.is_empty()) {
        return stored;
    }
    let name = card.plain("FN").map(|name| clean(name.trim())).unwrap_or_default();
    let is_person = !name.is_empty() && substitute(card).as_deref() != Some(&name) && name != NAMELESS;
    let (given, family) = match name.rsplit_once(' ') {
        Some((given, family)) if is_person => (given.trim().to_owned(), family.to_owned()),
        None if is_person => (name, String::new()),
        Some(_) | None => Default::default(),
    };
    [family, given, String::new(), String::new(), String::new()]
}

fn stored_parts(card: &Component) -> Parts {
    let mut parts = card.line("N").map(Line::parts).unwrap_or_default().into_iter();
    std::array::from_fn(|_| parts.next().map(|part| clean(&part)).unwrap_or_default())
}

/// What stands for a name: company, nickname, address or number.
fn substitute(card: &Component) -> Option<String> {
    let company = card.line("ORG").map(|line| part(line, 0));
    let nickname = || card.plain("NICKNAME");
    let slot = |family| slots::read(card, family, &labels(card)).into_iter().map(|(_, text)| text).next();
    let names = company.into_iter().chain(std::iter::once_with(nickname).flatten());
    let mut all = names
        .chain(std::iter::once_with(|| slot(Family::Email)).flatten())
        .chain(std::iter::once_with(|| slot(Family::Phone)).flatten());
    all.find(|text| !text.trim().is_empty())
}

/// `Last, First Middle`, or what the card says itself; in another order if a device wants it (K: W08).
fn file_as(card: &Component, parts: &Parts, labels: &HashMap<String, String>, order: FileAs) -> String {
    match (order, find(card, labels, FILE_AS)) {
        (FileAs::AsIs, Some(at)) => return line_at(card, at).plain(),
        (FileAs::Company, _) => {
            let company = card.line("ORG").map(|line| part(line, 0)).filter(|company| !company.trim().is_empty());
            if let Some(company) = company {
                return company;
            }
        }
        (FileAs::AsIs | FileAs::LastFirst | FileAs::FirstLast, _) => {}
    }
    let [family, given, additional, ..] = parts;
    let given = [given, additional].into_iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ");
    let (names, between) =
        if order == FileAs::FirstLast { ([given, family.clone()], " ") } else { ([family.clone(), given], ", ") };
    let filed = names.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(between);
    let shown = || card.plain("FN").filter(|name| !name.trim().is_empty());
    let filed = Some(filed).filter(|name| !name.is_empty());
    filed.or_else(shown).or_else(|| substitute(card)).unwrap_or_else(|| NAMELESS.to_owned())
}
