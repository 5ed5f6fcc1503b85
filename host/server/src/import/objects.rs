//! `.ics` and `.vcf`: objects one behind the other.
//!
//! A file is cut at the `BEGIN` and `END` of its outermost components without holding more than one of them; the room
//! `items` then cuts a calendar into its series, tasks and notes. One broken object costs only itself.

use std::io::{BufRead, Cursor, Read};
use std::path::Path;

use easel_items::{ItemError, calendar, contacts, notes, tasks};
use easel_protocol::Class;

use super::line::Lines;
use super::text;
use super::{Bounds, Origin, Place, ReadError, Take};

/// Reads every object of a file.
pub(crate) fn read(
    path: &Path,
    mut input: impl BufRead,
    folder: &[String],
    bounds: Bounds,
    take: &mut dyn Take,
) -> Result<(), ReadError> {
    if !text::is_utf16(input.fill_buf()?) {
        return read_utf8(path, input, folder, bounds, take);
    }
    let mut bytes = Vec::new();
    input.take(bounds.object_bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > bounds.object_bytes_max {
        let reason = format!("a UTF-16 file of more than {} bytes: save it as UTF-8", bounds.object_bytes_max);
        take.skip(Origin::file(path), reason);
        return Ok(());
    }
    read_utf8(path, Cursor::new(text::decode(bytes)), folder, bounds, take)
}

/// An outermost component being read.
struct Chunk {
    name: String,
    line: u64,
    depth: usize,
    bytes: Vec<u8>,
    size: usize,
}

fn read_utf8(
    path: &Path,
    input: impl BufRead,
    folder: &[String],
    bounds: Bounds,
    take: &mut dyn Take,
) -> Result<(), ReadError> {
    let file = Origin::file(path);
    let mut lines = Lines::new(input);
    let mut line = Vec::new();
    let mut open: Option<Chunk> = None;
    let mut stray = false;
    while lines.next(&mut line)? {
        take.advance(line.len() as u64);
        let seen = if lines.begins { mark(&line) } else { Mark::None };
        if open.is_none() {
            match &seen {
                Mark::Begin(name) => {
                    open = Some(Chunk { name: name.clone(), line: lines.number, depth: 0, bytes: Vec::new(), size: 0 });
                    stray = false;
                }
                Mark::End | Mark::None => {
                    let blank = line.iter().all(|byte| byte.is_ascii_whitespace()) || line == b"\xef\xbb\xbf";
                    if !blank && !std::mem::replace(&mut stray, true) {
                        take.skip(file.at(Place::Line(lines.number)), "text outside of BEGIN and END".to_owned());
                    }
                    continue;
                }
            }
        }
        let chunk = open.as_mut().expect("one was opened above");
        chunk.size += line.len();
        if chunk.size > bounds.object_bytes_max {
            chunk.bytes = Vec::new();
        } else {
            chunk.bytes.extend_from_slice(&line);
        }
        match seen {
            Mark::Begin(_) => chunk.depth += 1,
            Mark::End => chunk.depth = chunk.depth.saturating_sub(1),
            Mark::None => {}
        }
        if chunk.depth == 0 {
            let chunk = open.take().expect("one is open");
            finish(&file, chunk, folder, bounds, take)?;
        }
    }
    if let Some(chunk) = open {
        take.skip(
            file.at(Place::Line(chunk.line)),
            format!("BEGIN:{} without its END: the file is cut off", chunk.name),
        );
    }
    Ok(())
}

enum Mark {
    Begin(String),
    End,
    None,
}

/// What a line says of nesting, without regard to case.
fn mark(line: &[u8]) -> Mark {
    /// No component has a longer name.
    const MARK_BYTES_MAX: usize = 100;
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    if line.len() > MARK_BYTES_MAX {
        return Mark::None;
    }
    let text = String::from_utf8_lossy(line).trim_end().to_ascii_uppercase();
    match text.split_once(':') {
        Some(("BEGIN", name)) => Mark::Begin(name.trim().to_owned()),
        Some(("END", _)) => Mark::End,
        Some(_) | None => Mark::None,
    }
}

fn finish(
    file: &Origin,
    chunk: Chunk,
    folder: &[String],
    bounds: Bounds,
    take: &mut dyn Take,
) -> Result<(), ReadError> {
    let origin = file.at(Place::Line(chunk.line));
    if chunk.size > bounds.object_bytes_max {
        take.skip(origin, format!("{} of {} bytes, above {}", chunk.name, chunk.size, bounds.object_bytes_max));
        return Ok(());
    }
    let text = text::decode(chunk.bytes);
    let objects = match chunk.name.as_str() {
        "VCARD" => vec![(Class::Contacts, contacts::split(&text))],
        "VCALENDAR" => vec![
            (Class::Calendar, split_if(&text, "VEVENT", calendar::split)),
            (Class::Tasks, split_if(&text, "VTODO", tasks::split)),
            (Class::Notes, split_if(&text, "VJOURNAL", notes::split)),
        ],
        other => {
            take.skip(origin, format!("a {other} is neither a calendar nor a card"));
            return Ok(());
        }
    };
    let mut found = false;
    for (class, objects) in objects {
        match objects {
            Ok(objects) => {
                for text in objects {
                    found = true;
                    take.object(origin.clone(), folder, class, text)?;
                }
            }
            Err(error) => {
                found = true;
                take.skip(origin.clone(), error.to_string());
            }
        }
    }
    if !found {
        take.skip(origin, "a calendar without events, tasks or notes".to_owned());
    }
    Ok(())
}

/// Splits only a text that can have such a component, so that its absence is no error.
fn split_if(
    text: &str,
    component: &str,
    split: fn(&str) -> Result<Vec<String>, ItemError>,
) -> Result<Vec<String>, ItemError> {
    let begins = |line: &str| matches!(mark(line.as_bytes()), Mark::Begin(name) if name == component);
    if text.lines().any(begins) { split(text) } else { Ok(Vec::new()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::{MailState, Stop};

    #[derive(Default)]
    struct Found {
        objects: Vec<(Class, String)>,
        skipped: Vec<String>,
        bytes: u64,
    }

    impl Take for Found {
        fn mail(&mut self, _: Origin, _: &[String], _: MailState, _: Vec<u8>) -> Result<(), Stop> {
            unreachable!("no mail is read here")
        }

        fn object(&mut self, _: Origin, _: &[String], class: Class, text: String) -> Result<(), Stop> {
            self.objects.push((class, text));
            Ok(())
        }

        fn skip(&mut self, origin: Origin, reason: String) {
            self.skipped.push(format!("{origin}: {reason}"));
        }

        fn advance(&mut self, bytes: u64) {
            self.bytes += bytes;
        }
    }

    fn found(text: &[u8]) -> Found {
        let mut found = Found::default();
        let bounds = Bounds { message_bytes_max: 0, object_bytes_max: 300 };
        read(Path::new("x.ics"), std::io::BufReader::with_capacity(64, text), &[], bounds, &mut found).unwrap();
        found
    }

    #[test]
    fn a_component_over_the_bound_is_passed_over_and_the_next_is_read() {
        let card = |name: &str| format!("BEGIN:VCARD\nVERSION:3.0\nFN:{name}\nEND:VCARD\n");
        let text = format!("{}{}", card(&"x".repeat(200_000)), card("b"));
        let found = found(text.as_bytes());
        assert_eq!(found.objects, [(Class::Contacts, card("b"))]);
        assert_eq!(found.skipped, ["x.ics:1: VCARD of 200038 bytes, above 300"]);
        assert_eq!(found.bytes, text.len() as u64);
    }

    #[test]
    fn a_utf16_file_over_the_bound_is_left_out() {
        let text: Vec<u8> = "\u{feff}".repeat(1000).encode_utf16().flat_map(u16::to_le_bytes).collect();
        let found = found(&text);
        assert_eq!(found.skipped.len(), 1);
        assert!(found.skipped[0].contains("UTF-16"), "{}", found.skipped[0]);
    }

    #[test]
    fn components_inside_do_not_end_the_outer_one_and_case_does_not_matter() {
        let text = b"begin:vcalendar\nVERSION:2.0\nBEGIN:VEVENT\nUID:1\nDTSTART:20200101T000000Z\nBEGIN:VALARM\n\
                     END:VALARM\nEND:VEVENT\nend:vcalendar\nBEGIN:VCALENDAR\nEND:VCALENDAR\n";
        let found = found(text);
        assert_eq!(found.objects.len(), 1, "{:?}", found.skipped);
        assert_eq!(found.skipped, ["x.ics:10: a calendar without events, tasks or notes"]);
    }
}
