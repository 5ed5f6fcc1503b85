//! Attachments of an event, from 16.0. MS-ASAIRS 2.2.2.7 "Attachments"; RFC 5545 3.8.1.1 "Attachment".
//!
//! Only what lies in the object is an attachment to a device: an ATTACH that is a link stays and is not told. The number
//! of a [`FileReference`] is made of the line's bytes, so that it stays while the attachment does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use easel_protocol::{FileReference, ServerId, Version};
use easel_wbxml::Element;
use easel_wbxml::pages::airsyncbase as b;
use sha2::{Digest, Sha256};

use super::stored::Stored;
use crate::lines::{Component, Entry, Line};
use crate::said::clean;
use crate::{ItemError, View};

/// Bytes of one attachment, and of all that one request brings.
const SIZE_MAX: usize = 20 << 20;
/// Attachments of one event.
const COUNT_MAX: usize = 100;
/// The only method an event's attachment has: a file.
const METHOD_FILE: u8 = 1;
const OCTETS: &str = "application/octet-stream";

/// An attachment, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The file's name.
    pub name: String,
    /// Its MIME type.
    pub content_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

fn is_inline(line: &Line) -> bool {
    line.name == "ATTACH" && (line.has_param("VALUE", "BINARY") || line.has_param("ENCODING", "BASE64"))
}

fn number(line: &Line) -> u32 {
    let hash = Sha256::digest(&line.value);
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

fn name(line: &Line) -> String {
    let names = ["FILENAME", "X-FILENAME", "X-APPLE-FILENAME", "X-LABEL"];
    let name = names.into_iter().find_map(|param| line.param(param)).map(clean).unwrap_or_default();
    if name.trim().is_empty() { "attachment".to_owned() } else { name }
}

fn inline(event: &Component) -> impl DoubleEndedIterator<Item = &Line> {
    event.all("ATTACH").filter(|line| is_inline(line))
}

/// `airsyncbase:Attachments` of an event that a device knows as `item`; from 16.0, none where there is nothing.
pub fn attachments(content: &str, item: ServerId, view: &View<'_>) -> Result<Option<Element>, ItemError> {
    if view.version < Version::V16_0 {
        return Ok(None);
    }
    let stored = Stored::parse(content)?;
    let all: Vec<Element> = inline(stored.main()).take(COUNT_MAX).map(|line| told(line, item)).collect();
    Ok((!all.is_empty()).then(|| Element::of(b::ATTACHMENTS, all)))
}

fn told(line: &Line, item: ServerId) -> Element {
    let size = line.value.trim_end_matches('=').len() / 4 * 3 + line.value.trim_end_matches('=').len() % 4 * 3 / 4;
    Element::of(
        b::ATTACHMENT,
        [
            Element::text(b::DISPLAY_NAME, name(line)),
            Element::text(b::FILE_REFERENCE, FileReference { item, part: number(line) }.to_string()),
            Element::number(b::METHOD, METHOD_FILE),
            Element::number(b::ESTIMATED_DATA_SIZE, i64::try_from(size).unwrap_or(i64::MAX)),
        ],
    )
}

/// The attachment of that number (the part of a [`FileReference`]).
pub fn attachment(content: &str, part: u32) -> Result<Attachment, ItemError> {
    let stored = Stored::parse(content)?;
    let line = inline(stored.main()).find(|line| number(line) == part).ok_or(ItemError::NoSuchPart(part))?;
    let compact: String = line.value.chars().filter(|c| !c.is_whitespace()).collect();
    let bytes = STANDARD.decode(compact).map_err(|error| ItemError::BadObject {
        format: "iCalendar",
        reason: format!("an ATTACH that is no base64: {error}"),
    })?;
    let content_type = line.param("FMTTYPE").unwrap_or(OCTETS).to_owned();
    Ok(Attachment { name: name(line), content_type, bytes })
}

/// What the answer tells a device of the attachments it added: its ClientId and the reference of each.
pub fn added_attachments(data: &Element, item: ServerId) -> Option<Element> {
    let added = data.child(b::ATTACHMENTS)?.all(b::ADD).filter_map(|add| {
        let line = made(add).ok()??;
        let client_id = add.text_of(b::CLIENT_ID)?;
        Some(Element::of(
            b::ATTACHMENT,
            [
                Element::text(b::CLIENT_ID, client_id),
                Element::text(b::FILE_REFERENCE, FileReference { item, part: number(&line) }.to_string()),
            ],
        ))
    });
    let added: Vec<Element> = added.take(COUNT_MAX).collect();
    (!added.is_empty()).then(|| Element::of(b::ATTACHMENTS, added))
}

/// The line of an Add; `None` for one without content, which says nothing (K: I40).
fn made(add: &Element) -> Result<Option<Line>, ItemError> {
    let Some(content) = add.child(b::CONTENT).map(Element::bytes).filter(|bytes| !bytes.is_empty()) else {
        return Ok(None);
    };
    if content.len() > SIZE_MAX {
        return Err(ItemError::Rule { element: "Content", reason: "larger than 20 MiB" });
    }
    if add.text_of(b::METHOD).is_some_and(|method| !matches!(method.trim(), "" | "1")) {
        return Err(ItemError::Rule { element: "Method", reason: "an event holds files only" });
    }
    let text = |tag| add.text_of(tag).map(|text| clean(text.trim())).filter(|text| !text.is_empty());
    let mut line = Line::new("ATTACH", STANDARD.encode(&content))
        .with("FMTTYPE", text(b::CONTENT_TYPE).unwrap_or_else(|| OCTETS.to_owned()))
        .with("ENCODING", "BASE64")
        .with("VALUE", "BINARY");
    if let Some(name) = text(b::DISPLAY_NAME) {
        line = line.with("FILENAME", name);
    }
    Ok(Some(line))
}

/// Merges the Attachments of an edit: Add and Delete. What is already there is not added twice.
pub(super) fn merge(event: &mut Component, data: &Element) -> Result<(), ItemError> {
    let Some(edits) = data.child(b::ATTACHMENTS) else { return Ok(()) };
    for delete in edits.all(b::DELETE) {
        let part = delete.text_of(b::FILE_REFERENCE).and_then(|text| FileReference::parse(text.trim()).ok());
        if let Some(reference) = part {
            event.entries.retain(|entry| match entry {
                Entry::Line(line) => !(is_inline(line) && number(line) == reference.part),
                Entry::Component(_) => true,
            });
        }
    }
    let mut size = 0;
    for add in edits.all(b::ADD) {
        let Some(line) = made(add)? else { continue };
        size += line.value.len();
        if size > SIZE_MAX * 2 || inline(event).count() >= COUNT_MAX {
            return Err(ItemError::Rule { element: "Attachments", reason: "too many or too large" });
        }
        if !inline(event).any(|other| number(other) == number(&line)) {
            event.push(line);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use easel_protocol::Class;

    use super::*;
    use crate::desk::Desk;

    const EVENT: &str = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260310T080000Z\r\n\
        ATTACH:https://example.org/a.pdf\r\n\
        ATTACH;FMTTYPE=text/plain;ENCODING=BASE64;VALUE=BINARY;X-FILENAME=hi.txt:aGVsbG8=\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

    fn add(id: &str, content: &[u8]) -> Element {
        Element::of(
            b::ADD,
            [
                Element::text(b::CLIENT_ID, id),
                Element::number(b::METHOD, 1),
                Element::opaque(b::CONTENT, content),
                Element::text(b::DISPLAY_NAME, "new.bin"),
            ],
        )
    }

    #[test]
    fn what_lies_in_the_event_is_told_from_16_0_and_read_by_its_reference() {
        let item = ServerId::new(7);
        let desk = Desk::new(Class::Calendar, Version::V16_1);
        let told = attachments(EVENT, item, &desk.view()).unwrap().unwrap();
        assert_eq!(told.children().count(), 1);
        let one = told.child(b::ATTACHMENT).unwrap();
        assert_eq!(one.text_of(b::DISPLAY_NAME).as_deref(), Some("hi.txt"));
        assert_eq!(one.text_of(b::ESTIMATED_DATA_SIZE).as_deref(), Some("5"));
        let reference = FileReference::parse(&one.text_of(b::FILE_REFERENCE).unwrap()).unwrap();
        assert_eq!(reference.item, item);
        let read = attachment(EVENT, reference.part).unwrap();
        assert_eq!(
            (read.name.as_str(), read.content_type.as_str(), read.bytes),
            ("hi.txt", "text/plain", b"hello".to_vec())
        );
        assert_eq!(attachment(EVENT, reference.part ^ 1), Err(ItemError::NoSuchPart(reference.part ^ 1)));
        let old = Desk::new(Class::Calendar, Version::V14_1);
        assert_eq!(attachments(EVENT, item, &old.view()), Ok(None));
    }

    #[test]
    fn a_device_adds_and_deletes_attachments() {
        let desk = Desk::new(Class::Calendar, Version::V16_1);
        let edits = Element::of(b::ATTACHMENTS, [add("c1", b"\x00\x01\x02")]);
        let stored = desk.send(Some(EVENT), vec![edits.clone()]).unwrap().content.unwrap();
        let item = ServerId::new(7);
        let answer = added_attachments(&Element::of(b::BODY, [edits.clone()]), item).unwrap();
        let one = answer.child(b::ATTACHMENT).unwrap();
        assert_eq!(one.text_of(b::CLIENT_ID).as_deref(), Some("c1"));
        let reference = FileReference::parse(&one.text_of(b::FILE_REFERENCE).unwrap()).unwrap();
        assert_eq!(attachment(&stored, reference.part).unwrap().bytes, [0, 1, 2]);
        assert_eq!(desk.send(Some(&stored), vec![edits]).unwrap().content.as_deref(), Some(stored.as_str()));
        let delete = Element::of(b::DELETE, [Element::text(b::FILE_REFERENCE, reference.to_string())]);
        let less = desk.send(Some(&stored), vec![Element::of(b::ATTACHMENTS, [delete])]).unwrap().content.unwrap();
        assert_eq!(less.matches("ATTACH").count(), 2, "{less}");
        assert!(less.contains("ATTACH:https://example.org/a.pdf"));
    }

    #[test]
    fn i40_an_attachment_without_content_says_nothing() {
        let desk = Desk::new(Class::Calendar, Version::V16_1);
        let edits = Element::of(b::ATTACHMENTS, [add("c1", b"")]);
        assert!(!desk.send(Some(EVENT), vec![edits]).unwrap().changed);
    }

    #[test]
    fn attachments_have_bounds() {
        let desk = Desk::new(Class::Calendar, Version::V16_1);
        let large = Element::of(b::ATTACHMENTS, [add("c1", &vec![1; SIZE_MAX + 1])]);
        let many = Element::of(b::ATTACHMENTS, (0..=COUNT_MAX).map(|n| add("c", n.to_string().as_bytes())));
        let odd = Element::of(
            b::ATTACHMENTS,
            [Element::of(b::ADD, [Element::number(b::METHOD, 5), Element::opaque(b::CONTENT, b"x".to_vec())])],
        );
        for (edits, element) in [(large, "Content"), (many, "Attachments"), (odd, "Method")] {
            match desk.send(Some(EVENT), vec![edits]) {
                Err(ItemError::Rule { element: at_fault, .. }) => assert_eq!(at_fault, element),
                other => panic!("{other:?}"),
            }
        }
    }
}
