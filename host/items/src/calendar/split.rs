//! A file of events, cut into objects. RFC 5545 3.4 "iCalendar Object".

use std::collections::HashMap;

use crate::ItemError;

/// Objects in one file.
const OBJECTS_MAX: usize = 200_000;

/// The events of an iCalendar file: one calendar for each UID, with the time zones it uses; every line byte for byte.
/// Events without a UID stand alone; other components are left out. The text between is not read, so that a broken
/// event costs only itself.
pub fn split(ics: &str) -> Result<Vec<String>, ItemError> {
    let mut cutter = Cutter::default();
    for line in logical_lines(ics.trim_start_matches('\u{feff}')) {
        cutter.line(line);
        if cutter.done.len() + cutter.objects.len() > OBJECTS_MAX {
            let reason = format!("more than {OBJECTS_MAX} events");
            return Err(ItemError::BadObject { format: "iCalendar", reason });
        }
    }
    cutter.close();
    Ok(cutter.done)
}

/// Lines with their folded continuations.
fn logical_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let mut end = 0;
        loop {
            end += rest[end..].find('\n').map_or(rest.len() - end, |at| at + 1);
            if end == rest.len() || !rest[end..].starts_with([' ', '\t']) {
                break;
            }
        }
        let (line, tail) = rest.split_at(end);
        rest = tail;
        (!line.is_empty()).then_some(line)
    })
}

fn unfold(line: &str) -> String {
    let mut pieces = line.split('\n').map(|piece| piece.strip_suffix('\r').unwrap_or(piece));
    let first = pieces.next().unwrap_or("").to_owned();
    pieces.fold(first, |all, piece| all + piece.get(1..).unwrap_or(""))
}

#[derive(Default)]
struct Cutter {
    depth: usize,
    /// Lines of the calendar itself.
    frame: String,
    /// TZID and text of each time zone.
    zones: Vec<(String, String)>,
    /// The component that is open: its kind, its text, what it is known by.
    kind: String,
    open: String,
    name: Option<String>,
    /// Events by UID, in the order of their first.
    objects: Vec<String>,
    places: HashMap<String, usize>,
    done: Vec<String>,
}

impl Cutter {
    fn line(&mut self, line: &str) {
        let word = line.trim();
        let starts = |prefix: &str| word.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
        if starts("BEGIN:") {
            self.depth += 1;
            match self.depth {
                1 => return self.close(),
                2 => self.kind = word[6..].trim().to_ascii_uppercase(),
                _ => {}
            }
        }
        match (self.depth, self.kind.as_str()) {
            (0, _) => return,
            (1, _) if !starts("END:") && !word.is_empty() => self.frame.push_str(line),
            (2.., "VEVENT" | "VTIMEZONE") => {
                let wanted = if self.kind == "VEVENT" { "UID" } else { "TZID" };
                if self.depth == 2 && starts(wanted) && self.name.is_none() {
                    let text = unfold(line);
                    self.name = text[wanted.len()..].split_once(':').map(|(_, name)| name.trim().to_owned());
                }
                self.open.push_str(line);
                if !line.ends_with('\n') {
                    self.open.push_str("\r\n");
                }
            }
            _ => {}
        }
        if starts("END:") {
            self.depth -= 1;
            match self.depth {
                0 => self.close(),
                1 => self.component(),
                _ => {}
            }
        }
    }

    fn component(&mut self) {
        let text = std::mem::take(&mut self.open);
        let name = self.name.take().filter(|name| !name.is_empty());
        match (self.kind.as_str(), name) {
            ("VTIMEZONE", Some(tzid)) => self.zones.push((tzid, text)),
            ("VEVENT", Some(uid)) => match self.places.get(&uid) {
                Some(place) => self.objects[*place].push_str(&text),
                None => {
                    self.places.insert(uid, self.objects.len());
                    self.objects.push(text);
                }
            },
            ("VEVENT", None) => self.objects.push(text),
            _ => {}
        }
        self.kind.clear();
    }

    /// Gives every event its frame.
    fn close(&mut self) {
        let frame = std::mem::take(&mut self.frame);
        let zones = std::mem::take(&mut self.zones);
        for object in self.objects.drain(..) {
            let flat = object.replace("\r\n ", "").replace("\n ", "").replace("\r\n\t", "").replace("\n\t", "");
            let used = |tzid: &str| {
                flat.contains(&format!("TZID={tzid}:"))
                    || flat.contains(&format!("TZID={tzid};"))
                    || flat.contains(&format!("TZID=\"{tzid}\""))
            };
            let zones: String = zones.iter().filter(|(tzid, _)| used(tzid)).map(|(_, text)| text.as_str()).collect();
            self.done.push(format!("BEGIN:VCALENDAR\r\n{frame}{zones}{object}END:VCALENDAR\r\n"));
        }
        self.places.clear();
        self.open.clear();
        self.name = None;
    }
}
