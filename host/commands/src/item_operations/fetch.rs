//! Fetch: an item, an attachment or (never) a document. MS-ASCMD 2.2.3.67 "Fetch (ItemOperations)".

use easel_items::email::Attachment;
use easel_items::{BodyPreference, BodyPreferences, BodyType};
use easel_protocol::{Class, CommonStatus, LongId, ServerId};
use easel_store::Snapshot;
use easel_wbxml::pages::{airsync, airsyncbase, document_library, item_operations as io, search};
use easel_wbxml::{Element, Node, Tag};

use super::multipart::Parts;
use super::{Status, Stop, failed};
use crate::attachment::{self, Denied};
use crate::context::{Context, Failure};
use crate::hierarchy;
use crate::render::Rendered;
use crate::search::range::Range;
use crate::sync::options::{self, OptionsError};

/// What may name the thing that is fetched, in the order of the answer. Class comes after the third.
const NAMES: [Tag; 5] = [
    airsync::COLLECTION_ID,
    airsync::SERVER_ID,
    search::LONG_ID,
    document_library::LINK_ID,
    airsyncbase::FILE_REFERENCE,
];

/// What was fetched.
struct Fetched {
    class: Option<Class>,
    properties: Vec<Element>,
}

/// The answer to one Fetch; `Err` when the whole request is refused.
pub(super) fn fetch(context: &Context<'_>, request: &Element, parts: &mut Parts) -> Result<Element, CommonStatus> {
    let (status, fetched) = match failed(context, fetched(context, request, parts)) {
        Ok(fetched) => (Status::Success as u8, Some(fetched)),
        Err(stop) => (stop.number()?, None),
    };
    let mut response = Element::of(io::FETCH, [Element::number(io::STATUS, status)]);
    let class = fetched.as_ref().and_then(|fetched| fetched.class);
    for tag in NAMES {
        if tag == document_library::LINK_ID {
            response.extend(class.map(|class| Element::text(airsync::CLASS, class.name())));
        }
        response.extend(request.child(tag).cloned());
    }
    Ok(response.with_some(fetched.map(|fetched| Element::of(io::PROPERTIES, fetched.properties))))
}

fn fetched(context: &Context<'_>, request: &Element, parts: &mut Parts) -> Result<Result<Fetched, Stop>, Failure> {
    let empty = Element::new(io::OPTIONS);
    let options = request.child(io::OPTIONS).unwrap_or(&empty);
    let range = options.text_of(io::RANGE).filter(|text| !text.trim().is_empty());
    let range = match range.map(|text| Range::parse(&text)) {
        Some(None) => return Ok(Err(Status::BadRange.into())),
        Some(Some(range)) => Some(range),
        None => None,
    };
    match named(request) {
        Err(status) => Ok(Err(status.into())),
        Ok(Named::Document(link)) => Ok(Err(if link.is_empty() { Status::BadLink } else { Status::NotFound }.into())),
        // A pack's advice: the device asks for it again and again.
        Ok(Named::File(_) | Named::Found(_) | Named::Item(_)) if context.skips_items.get() => {
            Ok(Err(Status::ConversionFailed.into()))
        }
        Ok(Named::File(reference)) => file(context, &reference, range, parts),
        Ok(Named::Item(id)) => {
            let id = context.ids.parse_item(&id).ok();
            let folder = request.text_of(airsync::COLLECTION_ID).map(|text| text.trim().to_owned());
            item(context, id, folder.as_deref(), options, (range, parts))
        }
        // K: I35. What a search found is fetched without its folder.
        Ok(Named::Found(id)) => {
            let id = LongId::parse(&id).ok().map(|found| found.item);
            item(context, id, None, options, (range, parts))
        }
    }
}

/// What a Fetch is about.
enum Named {
    Document(String),
    File(String),
    Found(String),
    Item(String),
}

fn named(request: &Element) -> Result<Named, Status> {
    let store = request.text_of(io::STORE).ok_or(Status::ProtocolError)?;
    let store = store.trim().to_ascii_lowercase();
    let text = |tag: Tag| request.text_of(tag).map(|text| text.trim().to_owned());
    let once = NAMES.iter().all(|tag| request.all(*tag).count() <= 1);
    let ids = [airsync::SERVER_ID, search::LONG_ID, document_library::LINK_ID, airsyncbase::FILE_REFERENCE].map(text);
    if !once || ids.iter().flatten().count() != 1 {
        return Err(Status::ProtocolError);
    }
    match (store.as_str(), ids) {
        ("mailbox", [Some(id), _, _, _]) => Ok(Named::Item(id)),
        ("mailbox", [_, Some(id), _, _]) => Ok(Named::Found(id)),
        ("mailbox", [_, _, _, Some(reference)]) => Ok(Named::File(reference)),
        ("documentlibrary" | "document library", [_, _, Some(link), _]) => Ok(Named::Document(link)),
        ("mailbox" | "documentlibrary" | "document library", _) => Err(Status::ProtocolError),
        _ => Err(Status::UnknownStore),
    }
}

fn file(
    context: &Context<'_>,
    reference: &str,
    range: Option<Range>,
    parts: &mut Parts,
) -> Result<Result<Fetched, Stop>, Failure> {
    let snapshot = context.store().snapshot(context.user.id)?;
    let asked = range.map(|range| range.first..range.last.saturating_add(1));
    let attachment = match attachment::read(context, &*snapshot, reference, asked, parts.left())? {
        Ok(attachment) => attachment,
        Err(denied) => return Ok(Err(Status::from(denied).into())),
    };
    let Attachment { content_type, total, bytes, .. } = attachment;
    if !parts.reserve(bytes.len() as u64) {
        return Ok(Err(Status::TooLarge.into()));
    }
    let mut properties = Vec::new();
    // K: I34. Only where a range was asked for.
    if let Some(range) = range {
        let last = range.first + (bytes.len() as u64).saturating_sub(1);
        properties.push(Element::text(io::RANGE, Range { first: range.first, last }.to_string()));
        properties.push(Element::text(io::TOTAL, total.to_string()));
    }
    properties.push(Element::text(airsyncbase::CONTENT_TYPE, content_type));
    properties.push(parts.bytes(io::DATA, bytes));
    Ok(Ok(Fetched { class: None, properties }))
}

impl From<Denied> for Status {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::BadRange => Self::BadRange,
            Denied::Broken => Self::ConversionFailed,
            Denied::Empty => Self::Empty,
            Denied::Forbidden => Self::AccessDenied,
            Denied::NotFound => Self::AttachmentInvalid,
            Denied::TooLarge => Self::TooLarge,
            Denied::Unreadable => Self::IoFailure,
        }
    }
}

fn item(
    context: &Context<'_>,
    id: Option<ServerId>,
    folder: Option<&str>,
    options: &Element,
    (range, parts): (Option<Range>, &mut Parts),
) -> Result<Result<Fetched, Stop>, Failure> {
    let body = match wanted(options) {
        Ok(body) => body,
        Err(OptionsError::Malformed) => return Ok(Err(Status::BadBodyPreference.into())),
        Err(OptionsError::Common(status)) => return Ok(Err(Stop::Whole(status))),
    };
    let snapshot = context.store().snapshot(context.user.id)?;
    let Some((class, rendered)) = found(context, &*snapshot, id, folder, &body)? else {
        return Ok(Err(Status::NotFound.into()));
    };
    let mut properties = match rendered {
        Rendered::As(properties) => properties,
        Rendered::Unconvertible => return Ok(Err(Status::ConversionFailed.into())),
        Rendered::Withheld => return Ok(Err(Status::NotFound.into())),
    };
    let schema: Vec<Tag> = options.all(io::SCHEMA).flat_map(Element::children).map(|child| child.tag).collect();
    if options.child(io::SCHEMA).is_some() {
        properties.retain(|property| schema.contains(&property.tag));
    }
    // K: N24. A device asks for a large body piece by piece; all at once would not fit into it.
    let cut = match range.map(|range| cut(&mut properties, range)) {
        Some(Err(status)) => return Ok(Err(status.into())),
        Some(Ok(cut)) => cut,
        None => None,
    };
    for body in properties.iter_mut().filter(|property| property.tag == airsyncbase::BODY) {
        let Some(data) = data_of(body) else { continue };
        if !parts.reserve(data.value().len() as u64) {
            return Ok(Err(Status::TooLarge.into()));
        }
        *data = parts.text(std::mem::replace(data, Element::new(airsyncbase::DATA)));
    }
    if let Some((range, total)) = cut {
        let range = Element::text(io::RANGE, range.to_string());
        properties.splice(0..0, [range, Element::text(io::TOTAL, total.to_string())]);
    }
    Ok(Ok(Fetched { class: Some(class), properties }))
}

/// The item, if the device may see it where it says that it is.
fn found(
    context: &Context<'_>,
    snapshot: &dyn Snapshot,
    id: Option<ServerId>,
    folder: Option<&str>,
    body: &BodyPreferences,
) -> Result<Option<(Class, Rendered)>, Failure> {
    let Some(item) = id.map(|id| snapshot.item(id)).transpose()?.flatten() else { return Ok(None) };
    let view = hierarchy::view(snapshot, context)?;
    let Some(shown) = view.iter().find(|shown| shown.folders.contains(&item.folder)) else { return Ok(None) };
    if folder.is_some_and(|named| context.ids.parse_folder(named).ok() != Some(shown.id)) {
        return Ok(None);
    }
    let (Some(class), Some(folder)) = (shown.class(), snapshot.folder(item.folder)?) else { return Ok(None) };
    Ok(Some((class, context.rendered(snapshot, &folder, &item, body)?)))
}

/// The bodies that are wanted; one who fetches an item wants its text, if nothing else is said.
fn wanted(options: &Element) -> Result<BodyPreferences, OptionsError> {
    let mut body = options::bodies(options)?;
    if body.types.is_empty() {
        let kind = if body.mime_support == 2 { BodyType::Mime } else { BodyType::Text };
        body.types.push(BodyPreference { kind, truncation_size: None, all_or_none: false, preview: None });
    }
    Ok(body)
}

fn data_of(body: &mut Element) -> Option<&mut Element> {
    body.content.iter_mut().find_map(|node| match node {
        Node::Element(child) if child.tag == airsyncbase::DATA => Some(child),
        Node::Element(_) | Node::Opaque(_) | Node::Text(_) => None,
    })
}

/// Cuts the body to a range of its bytes, at characters; what it is then, and of how many. `None` without a body.
fn cut(properties: &mut [Element], range: Range) -> Result<Option<(Range, u64)>, Status> {
    let body = properties.iter_mut().find(|property| property.tag == airsyncbase::BODY);
    let Some(data) = body.and_then(data_of) else { return Ok(None) };
    let text = data.value().into_owned();
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(text.len());
    let (first, end) = (text.ceil_char_boundary(place(range.first)), place(range.last.saturating_add(1)));
    // A range within one character still gets that character, so that the next range goes on behind it.
    let end = Some(text.floor_char_boundary(end)).filter(|end| *end > first);
    let end = end.unwrap_or_else(|| text.ceil_char_boundary((first + 1).min(text.len())));
    if first >= text.len() {
        return Err(Status::BadRange);
    }
    *data = Element::text(airsyncbase::DATA, &text[first..end]);
    Ok(Some((Range { first: first as u64, last: end as u64 - 1 }, text.len() as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> [Element; 1] {
        [Element::of(
            airsyncbase::BODY,
            [Element::number(airsyncbase::TYPE, 1), Element::text(airsyncbase::DATA, text)],
        )]
    }

    #[test]
    fn n24_ranges_of_a_body_follow_each_other_at_characters_and_join_to_the_whole() {
        let whole = "aä€𝄞z";
        for step in 1..=whole.len() as u64 {
            let (mut joined, mut at) = (String::new(), 0);
            while at < whole.len() as u64 {
                let mut properties = body(whole);
                let (range, total) = cut(&mut properties, Range { first: at, last: at + step - 1 }).unwrap().unwrap();
                let part = properties[0].text_of(airsyncbase::DATA).unwrap();
                assert_eq!((range.first, range.last + 1 - range.first), (at, part.len() as u64));
                assert_eq!(total, whole.len() as u64);
                joined.push_str(&part);
                at = range.last + 1;
            }
            assert_eq!(joined, whole, "in steps of {step}");
        }
    }

    #[test]
    fn a_range_behind_the_end_is_none_and_a_range_of_nothing_is_passed_over() {
        assert_eq!(cut(&mut body("abc"), Range { first: 3, last: 9 }), Err(Status::BadRange));
        assert_eq!(cut(&mut body("abc"), Range { first: 0, last: u64::MAX }).unwrap().unwrap().0.last, 2);
        assert_eq!(cut(&mut [], Range { first: 0, last: 9 }), Ok(None));
    }

    #[test]
    fn one_thing_is_named_in_one_way() {
        let fetch = |children: &[(Tag, &str)]| {
            Element::of(io::FETCH, children.iter().map(|(tag, text)| Element::text(*tag, *text)))
        };
        let status = |children: &[(Tag, &str)]| named(&fetch(children)).err();
        let mailbox = (io::STORE, "Mailbox");
        assert_eq!(status(&[mailbox, (airsync::SERVER_ID, "a1")]), None);
        assert_eq!(status(&[mailbox, (search::LONG_ID, "e1")]), None);
        assert_eq!(status(&[(airsync::SERVER_ID, "a1")]), Some(Status::ProtocolError));
        assert_eq!(status(&[mailbox]), Some(Status::ProtocolError));
        assert_eq!(
            status(&[mailbox, (airsync::SERVER_ID, "a1"), (search::LONG_ID, "e1")]),
            Some(Status::ProtocolError)
        );
        let file = (airsyncbase::FILE_REFERENCE, "c1-0");
        assert_eq!(status(&[mailbox, file, file]), Some(Status::ProtocolError));
        assert_eq!(status(&[(io::STORE, "Attic"), file]), Some(Status::UnknownStore));
        assert_eq!(status(&[mailbox, (document_library::LINK_ID, "x")]), Some(Status::ProtocolError));
    }
}
