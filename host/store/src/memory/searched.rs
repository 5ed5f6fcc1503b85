//! What items are found by: words, and how they stand in a text.

use easel_protocol::Facts;

use crate::{Place, begins_a_word};

/// What an item is found by, in lower case.
#[derive(Clone)]
pub(super) struct Searched {
    all: String,
    from: String,
    subject: String,
    to: String,
}

impl Searched {
    pub(super) fn of(facts: &Facts) -> Self {
        Self {
            all: format!("{} {} {}", facts.subject, facts.people, facts.search_text).to_lowercase(),
            from: facts.from.to_lowercase(),
            subject: facts.subject.to_lowercase(),
            to: facts.to.to_lowercase(),
        }
    }

    pub(super) fn at(&self, place: Place) -> &str {
        match place {
            Place::Anywhere => &self.all,
            Place::From => &self.from,
            Place::Subject => &self.subject,
            Place::To => &self.to,
        }
    }
}

/// A part of a text, for searching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Word(String),
    /// A character that begins a word by itself.
    Character(char),
    /// Behind a row of those.
    End,
}

/// Runs of letters and digits; of those that are written without spaces each character.
pub(super) fn units(text: &str) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut within = false;
    for c in text.chars() {
        if !within || !c.is_alphanumeric() || begins_a_word(c) {
            if matches!(units.last(), Some(Unit::Character(_))) && !begins_a_word(c) {
                units.push(Unit::End);
            }
            within = false;
        }
        if begins_a_word(c) && c.is_alphanumeric() {
            units.push(Unit::Character(c));
        } else if c.is_alphanumeric() {
            match units.last_mut().filter(|_| within) {
                Some(Unit::Word(word)) => word.push(c),
                Some(Unit::Character(_) | Unit::End) | None => units.push(Unit::Word(c.to_string())),
            }
            within = true;
        }
    }
    if matches!(units.last(), Some(Unit::Character(_))) {
        units.push(Unit::End);
    }
    units
}

/// Whether the parts of a term stand one after the other: all but the last whole, and the last too if that is asked for.
pub(super) fn found_in(text: &[Unit], parts: &[Unit], whole: bool) -> bool {
    let parts = parts.strip_suffix(&[Unit::End]).unwrap_or(parts);
    let Some((last, first)) = parts.split_last() else { return false };
    let begins = |unit: &Unit| match (unit, last) {
        (Unit::Word(word), Unit::Word(begin)) if !whole => word.starts_with(begin),
        (unit, last) => unit == last,
    };
    text.windows(parts.len()).any(|place| place[..first.len()] == *first && begins(&place[first.len()]))
}
