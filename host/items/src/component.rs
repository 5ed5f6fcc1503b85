//! What tasks and notes share: one VTODO or VJOURNAL in its VCALENDAR. RFC 5545 3.6 "Calendar Components".

use std::collections::HashMap;

use easel_protocol::compact;
use easel_wbxml::{Element, Tag};

use crate::lines::{Component, Line, escape, parse};
use crate::said::{Sent, clean, list_element, with_unseen};
use crate::text_body::Stored;
use crate::{Edit, ItemError, View};

/// Bytes of one object.
const OBJECT_MAX: usize = 32 << 20;
/// Objects in one file.
const OBJECTS_MAX: usize = 100_000;

/// Reads a calendar that holds a component of that name.
pub(crate) fn read(content: &str, name: &str) -> Result<Component, ItemError> {
    let bad = |reason: String| ItemError::BadObject { format: "iCalendar", reason };
    if content.len() > OBJECT_MAX {
        return Err(bad(format!("larger than {} MiB", OBJECT_MAX >> 20)));
    }
    let calendars = parse(content, "iCalendar")?;
    let mut fitting = calendars.into_iter().filter(|calendar| main(calendar, name).is_some());
    let calendar = fitting.next().ok_or_else(|| bad(format!("no VCALENDAR with a {name}")))?;
    if fitting.next().is_some() { Err(bad("more than one VCALENDAR".to_owned())) } else { Ok(calendar) }
}

/// The component itself: the first of its name, rather one that is no exception of a series.
pub(crate) fn main<'a>(calendar: &'a Component, name: &str) -> Option<&'a Component> {
    let all = || calendar.components().filter(|component| component.name == name);
    all().find(|component| component.line("RECURRENCE-ID").is_none()).or_else(|| all().next())
}

/// The same, to be changed.
pub(crate) fn main_mut<'a>(calendar: &'a mut Component, name: &str) -> Option<&'a mut Component> {
    let named = |component: &&mut Component| component.name == name;
    let plain = |component: &&mut Component| component.line("RECURRENCE-ID").is_none();
    if calendar.components().any(|component| component.name == name && component.line("RECURRENCE-ID").is_none()) {
        calendar.components_mut().filter(named).find(plain)
    } else {
        calendar.components_mut().find(named)
    }
}

/// A calendar with a new component in it.
pub(crate) fn new(name: &str, edit: &Edit<'_>, view: &View<'_>) -> Component {
    let mut calendar = Component::new("VCALENDAR");
    calendar.push(Line::new("VERSION", "2.0"));
    calendar.push(Line::new("PRODID", "-//Easel//EN"));
    let mut inner = Component::new(name);
    inner.push(Line::new("UID", crate::said::new_uid(edit, view)));
    inner.push(Line::new("DTSTAMP", compact(view.now)));
    inner.push(Line::new("CREATED", compact(view.now)));
    calendar.entries.push(crate::lines::Entry::Component(inner));
    calendar
}

/// DESCRIPTION, and X-ALT-DESC where somebody wrote HTML.
pub(crate) fn body(component: &Component) -> Stored {
    let html = component.all("X-ALT-DESC").find(|line| line.has_param("FMTTYPE", "text/html")).map(Line::plain);
    Stored::new(&component.plain("DESCRIPTION").unwrap_or_default(), html.as_deref())
}

/// Replaces the body.
pub(crate) fn set_body(component: &mut Component, body: &Stored) {
    component.set_text("DESCRIPTION", Some(body.text.as_str()).filter(|text| !text.is_empty()));
    match &body.html {
        Some(html) => component.set(Line::text("X-ALT-DESC", html).with("FMTTYPE", "text/html")),
        None => component.remove("X-ALT-DESC"),
    }
}

/// The categories of every CATEGORIES line, each once.
pub(crate) fn categories(component: &Component) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    let names = component.all("CATEGORIES").flat_map(Line::list).map(|name| clean(name.trim()));
    names.filter(|name| !name.is_empty() && seen.insert(name.clone())).collect()
}

/// The Categories element.
pub(crate) fn categories_element(component: &Component, list: Tag, member: Tag) -> Option<Element> {
    list_element(list, member, &categories(component))
}

/// Merges the Categories a device sent.
pub(crate) fn apply_categories(component: &mut Component, sent: &Sent<'_>, list: Tag, member: Tag) {
    let Some(names) = sent.list(list, member) else { return };
    let after = with_unseen(names, categories(component));
    if after.is_empty() {
        return component.remove("CATEGORIES");
    }
    let value = after.iter().map(|name| escape(name)).collect::<Vec<_>>().join(",");
    let mut line = component.line("CATEGORIES").cloned().unwrap_or_else(|| Line::new("CATEGORIES", ""));
    line.set_value(value);
    component.set(line);
}

/// Cuts a file into one calendar for each UID of a component, with the file's own properties and time zones. Other
/// components are left out. The text between is not read, so that a broken object costs only itself.
pub(crate) fn split(text: &str, name: &str) -> Result<Vec<String>, ItemError> {
    let mut cutter = Cutter::default();
    let mut at = 0;
    for line in text.trim_start_matches('\u{feff}').split_inclusive('\n') {
        cutter.line(line, name);
        at += 1;
        if cutter.objects.len() > OBJECTS_MAX {
            let reason = format!("more than {OBJECTS_MAX} objects before line {at}");
            return Err(ItemError::BadObject { format: "iCalendar", reason });
        }
    }
    cutter.close();
    Ok(cutter.done)
}

#[derive(Default)]
struct Cutter {
    depth: usize,
    /// Lines of the calendar itself and its time zones.
    frame: String,
    /// The component that is open, and its name.
    open: String,
    kind: String,
    uid: Option<String>,
    /// Components by UID, in the order of their first.
    objects: Vec<String>,
    places: HashMap<String, usize>,
    done: Vec<String>,
}

impl Cutter {
    fn line(&mut self, line: &str, wanted: &str) {
        let word = line.trim().to_ascii_uppercase();
        match (word.strip_prefix("BEGIN:"), word.strip_prefix("END:")) {
            (Some(_), _) if self.depth == 0 => {
                self.close();
                self.depth = 1;
                return;
            }
            (Some(kind), _) => {
                self.depth += 1;
                if self.depth == 2 {
                    kind.trim().clone_into(&mut self.kind);
                }
            }
            (None, Some(_)) if self.depth <= 1 => {
                self.depth = 0;
                return;
            }
            _ => {}
        }
        if self.depth == 1 && !word.is_empty() {
            self.frame.push_str(line);
        } else if self.depth >= 2 && (self.kind == wanted || self.kind == "VTIMEZONE") {
            if self.depth == 2 && word.starts_with("UID:") {
                self.uid = Some(line.trim()[4..].to_owned());
            }
            self.open.push_str(line);
        }
        if word.starts_with("END:") && self.depth >= 2 {
            self.depth -= 1;
            if self.depth == 1 {
                self.component(wanted);
            }
        }
    }

    fn component(&mut self, wanted: &str) {
        let text = std::mem::take(&mut self.open);
        let uid = self.uid.take();
        if self.kind == "VTIMEZONE" {
            self.frame.push_str(&text);
        } else if self.kind == wanted {
            let known = uid.as_ref().and_then(|uid| self.places.get(uid));
            match known {
                Some(place) => self.objects[*place].push_str(&text),
                None => {
                    if let Some(uid) = uid {
                        self.places.insert(uid, self.objects.len());
                    }
                    self.objects.push(text);
                }
            }
        }
    }

    /// Gives every object of the calendar its frame.
    fn close(&mut self) {
        let frame = std::mem::take(&mut self.frame);
        self.places.clear();
        let objects = std::mem::take(&mut self.objects);
        self.done
            .extend(objects.into_iter().map(|object| format!("BEGIN:VCALENDAR\r\n{frame}{object}END:VCALENDAR\r\n")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_becomes_one_calendar_for_each_uid() {
        let file = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:e\r\nEND:VEVENT\r\nBEGIN:VTODO\r\nUID:a\r\n\
            BEGIN:VALARM\r\nUID:inner\r\nEND:VALARM\r\nEND:VTODO\r\nBEGIN:VTODO\r\nUID:b\r\nEND:VTODO\r\nBEGIN:VTODO\r\nUID:a\r\n\
            RECURRENCE-ID:20260301\r\nEND:VTODO\r\nBEGIN:VTIMEZONE\r\nTZID:z\r\nEND:VTIMEZONE\r\nEND:VCALENDAR\r\n\
            BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\nUID:a\r\nEND:VTODO\r\nEND:VCALENDAR\r\n";
        let objects = split(file, "VTODO").unwrap();
        assert_eq!(objects.len(), 3);
        let first = read(&objects[0], "VTODO").unwrap();
        assert_eq!(first.components().filter(|c| c.name == "VTODO").count(), 2);
        assert_eq!(main(&first, "VTODO").unwrap().components().count(), 1);
        assert_eq!(first.components().filter(|c| c.name == "VTIMEZONE").count(), 1);
        assert!(!objects[0].contains("VEVENT"));
        assert!(read(&objects[2], "VTODO").unwrap().line("PRODID").is_none());
        assert_eq!(split(file, "VJOURNAL").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn torn_and_tangled_files_end() {
        for text in
            ["", "BEGIN:VCALENDAR", "END:VTODO\nEND:X\nBEGIN:VTODO\nEND:VTODO\n", "BEGIN:A\nBEGIN:VTODO\nBEGIN:B\n"]
        {
            assert!(split(text, "VTODO").is_ok(), "{text}");
        }
        let many = format!("BEGIN:VCALENDAR\n{}", "BEGIN:VTODO\nEND:VTODO\n".repeat(OBJECTS_MAX + 1));
        assert!(split(&many, "VTODO").is_err());
    }
}
