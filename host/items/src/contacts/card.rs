//! A vCard as a tree: reading one, the places a value can stand in, the parts of a line.

use std::collections::{HashMap, HashSet};

use super::unseen::set_unseen;
use crate::ItemError;
use crate::lines::{Component, Entry, Line, escape, parse, split_unescaped, unescape};

/// Bytes of one card, photo included.
pub(crate) const CARD_MAX: usize = 16 << 20;

/// RFC 2426 or RFC 6350.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    V3,
    V4,
}

/// Where a text can stand in a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The first line of that name.
    Line(&'static str),
    /// The first line of that name with that TYPE.
    Typed(&'static str, &'static str),
    /// The first line of that name whose group has an X-ABLABEL of that text.
    Labelled(&'static str, &'static str),
}

/// Reads the one card of a text. A group has no counterpart in the class and is refused.
pub(crate) fn read(content: &str) -> Result<Component, ItemError> {
    let bad = |reason: &str| ItemError::BadObject { format: "vCard", reason: reason.to_owned() };
    if content.len() > CARD_MAX {
        return Err(bad("larger than 16 MiB"));
    }
    let upgraded = super::import::upgrade(content);
    let mut cards = parse(&upgraded, "vCard")?.into_iter().filter(|component| component.name == "VCARD");
    let card = cards.next().ok_or_else(|| bad("no BEGIN:VCARD"))?;
    if cards.next().is_some() {
        return Err(bad("more than one card"));
    }
    if is_group(&card) { Err(bad("a group of contacts, which the class has no form for")) } else { Ok(card) }
}

fn is_group(card: &Component) -> bool {
    let kinds = card.lines().filter(|line| matches!(line.name.as_str(), "KIND" | "X-ADDRESSBOOKSERVER-KIND"));
    kinds.into_iter().any(|line| line.value.trim().eq_ignore_ascii_case("group"))
}

/// The card's own version; 3.0 where it says nothing that is known.
pub(crate) fn form(card: &Component) -> Form {
    match card.line("VERSION").map(|line| line.value.trim()) {
        Some("4.0") => Form::V4,
        Some(_) | None => Form::V3,
    }
}

/// The labels of Apple's groups, by group: `_$!<Spouse>!$_` is `spouse`.
pub(crate) fn labels(card: &Component) -> HashMap<String, String> {
    let lines = card.all("X-ABLABEL").filter_map(|line| Some((line.group.as_ref()?, line.plain())));
    let plain = |label: String| label.trim_start_matches("_$!<").trim_end_matches(">!$_").to_ascii_lowercase();
    lines.map(|(group, label)| (group.to_ascii_lowercase(), plain(label))).collect()
}

/// The label of a line's group.
pub(crate) fn label<'a>(line: &Line, labels: &'a HashMap<String, String>) -> Option<&'a str> {
    labels.get(&line.group.as_ref()?.to_ascii_lowercase()).map(String::as_str)
}

/// The types of a line in small letters, a quoted list taken apart.
pub(crate) fn types(line: &Line) -> impl Iterator<Item = String> + '_ {
    line.param_values("TYPE").flat_map(|value| value.split(',')).map(|kind| kind.trim().to_ascii_lowercase())
}

/// The entry of the first place that holds a text.
pub(crate) fn find(card: &Component, labels: &HashMap<String, String>, places: &[Place]) -> Option<usize> {
    places.iter().find_map(|place| {
        card.entries.iter().position(|entry| match entry {
            Entry::Line(line) => stands_in(line, labels, *place) && !line.value.trim().is_empty(),
            Entry::Component(_) => false,
        })
    })
}

/// Whether a line is such a place. A relation that points to another card is none: it holds no name.
pub(crate) fn stands_in(line: &Line, labels: &HashMap<String, String>, place: Place) -> bool {
    match place {
        Place::Line(name) => line.name == name,
        Place::Typed(name, kind) => {
            line.name == name && types(line).any(|other| other == kind) && !points_elsewhere(line)
        }
        Place::Labelled(name, wanted) => line.name == name && label(line, labels) == Some(wanted),
    }
}

fn points_elsewhere(line: &Line) -> bool {
    let value = line.value.trim_start();
    let address = ["urn:", "http:", "https:", "mailto:", "data:"];
    !line.has_param("VALUE", "text")
        && address.iter().any(|scheme| value.get(..scheme.len()).is_some_and(|v| v.eq_ignore_ascii_case(scheme)))
}

/// The line at an entry.
pub(crate) fn line_at(card: &Component, at: usize) -> &Line {
    match &card.entries[at] {
        Entry::Line(line) => line,
        Entry::Component(_) => unreachable!("entries are only remembered for lines"),
    }
}

/// The line at an entry, to be changed.
pub(crate) fn line_at_mut(card: &mut Component, at: usize) -> &mut Line {
    match &mut card.entries[at] {
        Entry::Line(line) => line,
        Entry::Component(_) => unreachable!("entries are only remembered for lines"),
    }
}

/// Removes a line, and the label of its group once nothing else is in it.
pub(crate) fn remove_at(card: &mut Component, at: usize) {
    let Entry::Line(line) = card.entries.remove(at) else { return };
    let Some(group) = line.group else { return };
    let in_group = |line: &Line| line.group.as_ref().is_some_and(|other| other.eq_ignore_ascii_case(&group));
    if !card.lines().any(|line| in_group(line) && line.name != "X-ABLABEL") {
        card.entries.retain(|entry| !matches!(entry, Entry::Line(line) if in_group(line)));
    }
}

/// Sets the text of the first of `places` that is there, or removes them all; a new text goes to `new`.
pub(crate) fn set_text(card: &mut Component, places: &[Place], new: Place, text: Option<&str>) {
    let labels = labels(card);
    match (text, find(card, &labels, places)) {
        (Some(text), Some(at)) => line_at_mut(card, at).set_value(escape(text)),
        (Some(text), None) => {
            // An empty line of the place would hide the new one.
            remove_all(card, places);
            card.push(new_line(new, text));
        }
        (None, _) => remove_all(card, places),
    }
}

/// The same of an element that shows one of several lines: only that one goes, and what else says the same. `unseen`:
/// the device may not know what is there, so that this stays.
pub(crate) fn set_shown(card: &mut Component, places: &[Place], new: Place, text: Option<&str>, unseen: bool) {
    let names = labels(card);
    match (text, find(card, &names, places)) {
        (None, Some(_)) if unseen => {}
        (Some(text), Some(at)) if unseen => {
            set_unseen(line_at_mut(card, at), false);
            let mut line = line_at(card, at).clone();
            line.set_value(escape(text));
            card.entries.insert(at, Entry::Line(line));
        }
        (None, Some(at)) => {
            let shown = line_at(card, at).plain();
            let stands = |line: &Line| places.iter().any(|place| stands_in(line, &names, *place));
            remove_where(card, |line| stands(line) && (line.value.trim().is_empty() || line.plain() == shown));
            if let Some(next) = find(card, &labels(card), places) {
                set_unseen(line_at_mut(card, next), true);
            }
        }
        (Some(_), _) | (None, None) => set_text(card, places, new, text),
    }
}

/// Removes every line that stands in one of `places`.
pub(crate) fn remove_all(card: &mut Component, places: &[Place]) {
    let labels = labels(card);
    remove_where(card, |line| places.iter().any(|place| stands_in(line, &labels, *place)));
}

/// Removes lines, and the label of each group that has nothing else in it then. Each line is looked at once.
pub(crate) fn remove_where(card: &mut Component, mut goes: impl FnMut(&Line) -> bool) {
    let group = |line: &Line| line.group.as_ref().map(|group| group.to_ascii_lowercase());
    let mut left = HashSet::new();
    card.entries.retain(|entry| match entry {
        Entry::Line(line) if goes(line) => {
            left.extend(group(line));
            false
        }
        Entry::Line(_) | Entry::Component(_) => true,
    });
    if left.is_empty() {
        return;
    }
    for group in card.lines().filter(|line| line.name != "X-ABLABEL").filter_map(group) {
        left.remove(&group);
    }
    card.entries.retain(|entry| match entry {
        Entry::Line(line) => group(line).is_none_or(|group| !left.contains(&group)),
        Entry::Component(_) => true,
    });
}

/// A new line for a place.
pub(crate) fn new_line(place: Place, text: &str) -> Line {
    match place {
        Place::Line(name) | Place::Labelled(name, _) => Line::text(name, text),
        // RFC 6350 6.6.6: without VALUE a relation is a URI.
        Place::Typed("RELATED", kind) => Line::text("RELATED", text).with("TYPE", kind).with("VALUE", "text"),
        Place::Typed(name, kind) => Line::text(name, text).with("TYPE", kind),
    }
}

/// One part of a structured value, escapes resolved; empty where there is none.
pub(crate) fn part(line: &Line, at: usize) -> String {
    split_unescaped(&line.value, ';').get(at).map(|part| unescape(part)).unwrap_or_default()
}

/// Replaces one part of a structured value; the other parts keep their bytes.
pub(crate) fn set_part(line: &mut Line, at: usize, least: usize, text: &str) {
    let mut parts: Vec<String> = split_unescaped(&line.value, ';').into_iter().map(str::to_owned).collect();
    parts.resize(parts.len().max(least).max(at + 1), String::new());
    if unescape(&parts[at]) != text {
        parts[at] = escape(text);
        line.set_value(parts.join(";"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_goes_with_the_last_line_of_its_group_and_every_line_is_looked_at_once() {
        let groups: String =
            (0..2_000).map(|n| format!("g{n}.X-ABDATE:2001-02-03\nG{n}.X-ABLABEL:Anniversary\n")).collect();
        let card = format!("BEGIN:VCARD\n{groups}g7.TEL:1\nEND:VCARD\n");
        let mut card = parse(&card, "vCard").unwrap().remove(0);
        let mut looked = 0;
        remove_where(&mut card, |line| {
            looked += 1;
            line.name == "X-ABDATE"
        });
        assert_eq!(looked, 4_001);
        assert_eq!(card.to_string(), "BEGIN:VCARD\r\nG7.X-ABLABEL:Anniversary\ng7.TEL:1\nEND:VCARD\r\n");
    }
}
