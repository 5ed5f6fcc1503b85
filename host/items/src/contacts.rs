//! Contacts: vCard to and from the Contacts class.
//!
//! MS-ASCNTC; vCard 3.0 (RFC 2426) and 4.0 (RFC 6350) are read and written as they are, 2.1 becomes 3.0. A new card is
//! 3.0: every address book reads it, and it is the one version that CardDAV demands of both sides (RFC 6352 5.1).
//! [`properties`] goes out, [`apply`] comes in; the tables that say where a property stands are in `contacts/fields.rs`
//! and `contacts/slots.rs`, and for people in `MAPPING.md`.

mod card;
mod dates;
mod fields;
mod gal;
mod import;
mod names;
mod photo;
mod scaled;
mod slots;
mod unseen;

use easel_protocol::{Facts, WindowKey, compact};
use easel_wbxml::pages::contacts as c;
use easel_wbxml::{Element, Tag};

use crate::lines::{Component, Line};
use crate::said::{Sent, carried, new_uid};
use crate::text_body::{self, BodyEdit, Legacy, Stored};
use crate::{Applied, Edit, ItemError, View, component};

pub use gal::{GalFields, gal_fields};
pub use import::split;

const LEGACY: Legacy = Legacy { tags: [c::BODY, c::BODY_SIZE, c::BODY_TRUNCATED], rtf: c::COMPRESSED_RTF };
/// Bytes of notes that a search finds.
const SEARCHED_MAX: usize = 64 * 1024;

/// The properties of a contact: both pages in the order of their tokens, then body, photo and lists.
pub fn properties(content: &str, view: &View<'_>) -> Result<Vec<Element>, ItemError> {
    let card = card::read(content)?;
    let mut elements = fields::shown(&card, Some(view));
    let lists = elements.iter().position(|element| matches!(element.tag, c::CHILDREN | c::CATEGORIES));
    let rest = note(&card).elements(view, Some(&LEGACY))?.into_iter().chain(photo::element(&card, view));
    let at = lists.unwrap_or(elements.len());
    elements.splice(at..at, rest);
    elements.retain_mut(|element| carried(element, view));
    Ok(elements)
}

/// Merges what a device sent into a card, or makes a new card.
pub fn apply(current: Option<&str>, edit: &Edit<'_>, view: &View<'_>) -> Result<Applied, ItemError> {
    let before = current.map(card::read).transpose()?;
    let base = edit.base.filter(|_| before.is_some()).and_then(|base| card::read(base).ok());
    let known = base.as_ref().or(before.as_ref());
    let mut card = before.clone().unwrap_or_else(|| new_card(edit, view));
    // K: A30. A Change without any property changes nothing.
    if before.is_none() || !edit.data.is_empty() {
        let shown_name = before.as_ref().map(names::shown_name);
        let sent = Sent::new(edit, known.map(|known| fields::shown(known, Some(view))).unwrap_or_default());
        let unseen = known.map(unseen::of).unwrap_or_default();
        fields::apply(&mut card, &sent, &unseen, view);
        if let BodyEdit::Replace(body) =
            text_body::edited(edit, view, Some(&LEGACY), &known.map(note).unwrap_or_default())
        {
            set_note(&mut card, &body.text);
        }
        photo::apply(&mut card, edit, known, view)?;
        if before.as_ref() != Some(&card) {
            let brings = |tag: &Tag| edit.data.text_of(*tag).is_some_and(|text| !text.trim().is_empty());
            let brought: Vec<Tag> = unseen.into_iter().filter(brings).collect();
            unseen::see(&mut card, &brought);
            names::complete(&mut card, shown_name.as_deref());
        }
    }
    finish(card, before.as_ref(), current, view)
}

/// What the store must know of a card.
pub fn facts(content: &str) -> Result<Facts, ItemError> {
    card::read(content).map(|card| facts_of(&card))
}

/// Media type and bytes of the photo in a card, unscaled; `None` without one, and for one that lies elsewhere.
pub fn photo(content: &str) -> Option<(String, Vec<u8>)> {
    photo::stored(&card::read(content).ok()?)
}

fn new_card(edit: &Edit<'_>, view: &View<'_>) -> Component {
    let mut card = Component::new("VCARD");
    card.push(Line::new("VERSION", "3.0"));
    card.push(Line::new("UID", format!("urn:uuid:{}", new_uid(edit, view))));
    card
}

fn finish(
    mut card: Component,
    before: Option<&Component>,
    current: Option<&str>,
    view: &View<'_>,
) -> Result<Applied, ItemError> {
    let changed = before != Some(&card);
    if changed && let Some(revision) = card.line_mut("REV") {
        revision.set_value(compact(view.now));
    }
    let facts = facts_of(&card);
    let content = match current {
        Some(current) if !changed => current.to_owned(),
        Some(_) | None => card.to_string(),
    };
    Ok(Applied { content: Some(content), facts, changed, answer: Vec::new() })
}

fn facts_of(card: &Component) -> Facts {
    let shown = fields::shown(card, None);
    let all = |tags: &[Tag]| {
        let texts = tags.iter().map(|tag| text_of(&shown, *tag)).filter(|text| !text.is_empty());
        texts.collect::<Vec<_>>().join(" ")
    };
    let name = card.plain("FN").filter(|name| !name.trim().is_empty());
    let name = name.unwrap_or_else(|| text_of(&shown, c::FILE_AS));
    let addresses = slots::all_addresses(card).join(" ");
    let mut note = note(card).text;
    note.truncate(note.floor_char_boundary(SEARCHED_MAX));
    let phones = slots::Family::Phone.tags().collect::<Vec<_>>();
    let words = [
        all(&[c::FIRST_NAME, c::MIDDLE_NAME, c::LAST_NAME, c::FILE_AS, c::COMPANY_NAME, c::DEPARTMENT, c::JOB_TITLE]),
        all(&[easel_wbxml::pages::contacts2::NICK_NAME, c::YOMI_FIRST_NAME, c::YOMI_LAST_NAME, c::YOMI_COMPANY_NAME]),
        all(&phones),
        component::categories(card).join(" "),
        note,
    ];
    Facts {
        subject: name.clone(),
        people: format!("{name} {addresses}").trim_end().to_owned(),
        uid: card.plain("UID").filter(|uid| !uid.is_empty()),
        search_text: words.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n"),
        ..Facts::of(WindowKey::FOREVER)
    }
}

fn text_of(elements: &[Element], tag: Tag) -> String {
    elements.iter().find(|element| element.tag == tag).map(|element| element.value().into_owned()).unwrap_or_default()
}

fn note(card: &Component) -> Stored {
    let texts: Vec<String> = card.all("NOTE").map(Line::plain).filter(|text| !text.trim().is_empty()).collect();
    Stored::new(&texts.join("\n\n"), None)
}

fn set_note(card: &mut Component, text: &str) {
    if text.is_empty() {
        return card.remove("NOTE");
    }
    let mut line = card.line("NOTE").cloned().unwrap_or_else(|| Line::new("NOTE", ""));
    line.set_value(crate::lines::escape(text));
    card.set(line);
}

#[cfg(test)]
mod tests;
