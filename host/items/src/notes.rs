//! Notes: VJOURNAL to and from the Notes class, from 14.0.
//!
//! MS-ASNOTE; RFC 5545 3.6.3 "Journal Component". A note's colour has no element and stays in the object.

use easel_protocol::{Facts, WindowKey, compact, parse_date_time};
use easel_wbxml::Element;
use easel_wbxml::pages::notes as n;

use crate::lines::{Component, Line};
use crate::said::{Sent, carried, text_element};
use crate::text_body::{self, BodyEdit};
use crate::{Applied, Edit, Ghosting, ItemError, View, component};

const JOURNAL: &str = "VJOURNAL";
/// MS-ASNOTE 2.2.2.5 "MessageClass".
const MESSAGE_CLASS: &str = "IPM.StickyNote";
/// Where a subclass of it is kept.
const X_MESSAGE_CLASS: &str = "X-EASEL-MESSAGE-CLASS";
/// Bytes of a note that a search finds.
const SEARCHED_MAX: usize = 64 * 1024;

/// The properties of a note.
pub fn properties(content: &str, view: &View<'_>) -> Result<Vec<Element>, ItemError> {
    let calendar = component::read(content, JOURNAL)?;
    let journal = journal(&calendar);
    let mut elements: Vec<Element> = text_element(n::SUBJECT, &subject(journal)).into_iter().collect();
    elements.extend(component::body(journal).elements(view, None)?);
    elements.push(Element::text(n::MESSAGE_CLASS, message_class(journal)));
    elements.push(Element::text(n::LAST_MODIFIED_DATE, last_modified(journal)));
    elements.extend(component::categories_element(journal, n::CATEGORIES, n::CATEGORY));
    elements.retain_mut(|element| carried(element, view));
    Ok(elements)
}

/// Merges what a device sent into a note, or makes a new note.
pub fn apply(current: Option<&str>, edit: &Edit<'_>, view: &View<'_>) -> Result<Applied, ItemError> {
    let before = current.map(|content| component::read(content, JOURNAL)).transpose()?;
    let base = edit.base.filter(|_| before.is_some()).and_then(|base| component::read(base, JOURNAL).ok());
    let known = base.as_ref().or(before.as_ref()).map(journal);
    let mut calendar = before.clone().unwrap_or_else(|| component::new(JOURNAL, edit, view));
    // K: A30
    if before.is_none() || !edit.data.is_empty() {
        merge(component::main_mut(&mut calendar, JOURNAL).expect("it was read or just made"), edit, view, known)?;
    }
    let changed = before.as_ref() != Some(&calendar);
    if changed {
        let journal = component::main_mut(&mut calendar, JOURNAL).expect("it was read or just made");
        journal.set(Line::new("LAST-MODIFIED", compact(view.now)));
    }
    let content = match current {
        Some(current) if !changed => current.to_owned(),
        Some(_) | None => calendar.to_string(),
    };
    Ok(Applied { content: Some(content), facts: facts_of(journal(&calendar)), changed, answer: Vec::new() })
}

/// What the store must know of a note.
pub fn facts(content: &str) -> Result<Facts, ItemError> {
    component::read(content, JOURNAL).map(|calendar| facts_of(journal(&calendar)))
}

/// The notes of an iCalendar file, each a calendar of its own; anything else in it is left out.
pub fn split(ics: &str) -> Result<Vec<String>, ItemError> {
    component::split(ics, JOURNAL)
}

fn merge(
    journal: &mut Component,
    edit: &Edit<'_>,
    view: &View<'_>,
    known: Option<&Component>,
) -> Result<(), ItemError> {
    let shown = known.map_or_else(Vec::new, |known| {
        let class = Some(Element::text(n::MESSAGE_CLASS, message_class(known)));
        let texts = text_element(n::SUBJECT, &subject(known)).into_iter().chain(class);
        texts.chain(component::categories_element(known, n::CATEGORIES, n::CATEGORY)).collect()
    });
    let cleared = view.manner.note_categories_cleared;
    let ghosting = if cleared { &Ghosting::None } else { edit.ghosting };
    let edit = &Edit { ghosting, ..edit.clone() };
    let sent = Sent::new(edit, shown);
    // MS-ASNOTE 2.2.2.6 "Subject", 2.2.2.1 "Body": their absence keeps; that of Categories removes.
    if let Some(subject) = sent.of_kept(n::SUBJECT, |text| Some(text.to_owned())).change() {
        journal.set_text("SUMMARY", subject);
    }
    if let Some(class) = sent.of_kept(n::MESSAGE_CLASS, |text| Some(text.to_owned())).change() {
        set_message_class(journal, class.unwrap_or(MESSAGE_CLASS))?;
    }
    component::apply_categories(journal, &sent, n::CATEGORIES, n::CATEGORY);
    if let BodyEdit::Replace(body) =
        text_body::edited(edit, view, None, &known.map(component::body).unwrap_or_default())
    {
        component::set_body(journal, &body);
    }
    Ok(())
}

fn set_message_class(journal: &mut Component, class: &str) -> Result<(), ItemError> {
    let known = class == MESSAGE_CLASS || class.strip_prefix(MESSAGE_CLASS).is_some_and(|rest| rest.starts_with('.'));
    if !known {
        return Err(ItemError::Rule { element: "MessageClass", reason: "neither IPM.StickyNote nor a subclass of it" });
    }
    journal.set_text(X_MESSAGE_CLASS, Some(class).filter(|class| *class != MESSAGE_CLASS));
    Ok(())
}

fn journal(calendar: &Component) -> &Component {
    component::main(calendar, JOURNAL).expect("only calendars with a journal are read")
}

fn subject(journal: &Component) -> String {
    journal.plain("SUMMARY").unwrap_or_default()
}

fn message_class(journal: &Component) -> String {
    journal.plain(X_MESSAGE_CLASS).filter(|class| !class.is_empty()).unwrap_or_else(|| MESSAGE_CLASS.to_owned())
}

/// MS-ASNOTE 2.2.2.4 "LastModifiedDate" is always sent; an object that says nothing is as old as dates are.
fn last_modified(journal: &Component) -> String {
    let dates = ["LAST-MODIFIED", "DTSTAMP", "CREATED"].into_iter().filter_map(|name| journal.line(name));
    let at = dates.filter_map(|line| parse_date_time(&line.value).ok()).next();
    compact(at.unwrap_or(jiff::Timestamp::UNIX_EPOCH))
}

fn facts_of(journal: &Component) -> Facts {
    let mut text = component::body(journal).text;
    text.truncate(text.floor_char_boundary(SEARCHED_MAX));
    let words = [text, component::categories(journal).join(" ")];
    Facts {
        subject: subject(journal),
        uid: journal.plain("UID").filter(|uid| !uid.is_empty()),
        search_text: words.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n"),
        ..Facts::of(WindowKey::FOREVER)
    }
}

#[cfg(test)]
mod tests;
