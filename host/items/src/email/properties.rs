//! The Email class. MS-ASEMAIL 2.2.2, MS-ASAIRS 2.2.2.
//!
//! In the order of the schema, which is also the order of the published examples; Categories come last, where every
//! device takes them.

use easel_protocol::{FileReference, Groups, MailRecord, ServerId, Version, punctuated};
use easel_wbxml::pages::{airsyncbase, email, email2};
use easel_wbxml::{Element, Tag};
use jiff::Timestamp;

use super::addresses::{joined, names, written};
use super::class::{CALENDAR_BYTES_MAX, MessageClass};
use super::conversation::{conversation_index, thread_topic};
use super::flag;
use super::index::{Index, Mailbox, Part};
use super::{Mail, Raw, decode};
use crate::body::{self, Form, Source as _, one_line};
use crate::manner::MailManner;
use crate::{BodyType, ItemError, View};

/// Characters of To, Cc and From. MS-ASEMAIL 2.2.2.80 "To".
const ADDRESSES_MAX: usize = 32_768;
/// Characters of Bcc. MS-ASEMAIL 2.2.2.9 "Bcc".
const BCC_MAX: usize = 1_024;

/// Everything a device of that version is told of a mail: the children of ApplicationData.
pub fn properties(
    id: ServerId,
    index: &Index,
    record: &MailRecord,
    raw: &dyn Raw,
    view: &View<'_>,
) -> Result<Vec<Element>, ItemError> {
    let mail = Mail { index, raw, draft: record.draft };
    let mut out = envelope(index, record, &view.manner.mail);
    let body = bodies(&mail, view)?;
    out.extend(attachments(id, index, &body, view));
    let native = Element::number(airsyncbase::NATIVE_BODY_TYPE, if mail.native() == Form::Html { 2 } else { 1 });
    out.extend(body);
    out.push(Element::text(email::MESSAGE_CLASS, index.class.name()));
    out.extend(meeting_request(index, raw, view)?);
    // Whatever it was, it is sent as UTF-8.
    out.push(Element::number(email::INTERNET_CPID, 65_001));
    if view.version >= Version::V12_0 {
        out.push(flag::element(record.flag.as_ref()));
        let class = if index.class.is_meeting() { "calendarmessage" } else { "message" };
        out.push(Element::text(email::CONTENT_CLASS, format!("urn:content-classes:{class}")));
        // K: O10. Never 0.
        out.push(native);
    }
    if view.version >= Version::V14_0 {
        out.extend(conversation(index, record));
        out.extend(verb(record));
        if record.received_as_bcc {
            out.push(Element::number(email2::RECEIVED_AS_BCC, 1));
        }
        out.extend(index.sender.as_ref().map(|sender| Element::text(email2::SENDER, written(sender))));
    }
    if view.version >= Version::V16_0 {
        out.push(Element::boolean(email2::IS_DRAFT, record.draft));
        out.extend(list(email2::BCC, &joined(&index.bcc, ", ", BCC_MAX)));
    }
    // K: G05. Only if there are any.
    if view.version >= Version::V14_0 && !record.categories.is_empty() {
        out.push(categories(record));
    }
    Ok(out)
}

/// What a device that has the mail is told of a change: the changed groups and nothing else (K: P04). Empty if its
/// version has no words for them.
pub fn changed(groups: Groups, record: &MailRecord, view: &View<'_>) -> Vec<Element> {
    let mut out = Vec::new();
    if groups.has(Groups::READ) {
        out.push(Element::boolean(email::READ, record.read));
    }
    if groups.has(Groups::FLAG) && view.version >= Version::V12_0 {
        out.push(flag::element(record.flag.as_ref()));
    }
    if groups.has(Groups::REPLY_STATE) && view.version >= Version::V14_0 {
        out.extend(verb(record));
    }
    if groups.has(Groups::CATEGORIES) && view.version >= Version::V14_0 {
        out.push(categories(record));
    }
    out
}

fn envelope(index: &Index, record: &MailRecord, manner: &MailManner) -> Vec<Element> {
    // K: I03. Comma and space between addresses.
    let addresses = |mailboxes| joined(mailboxes, ", ", ADDRESSES_MAX);
    // K: N03
    let crowd = manner.recipients_max > 0 && index.to.len() + index.cc.len() > manner.recipients_max as usize;
    let (to, cc) = if crowd { (&[][..], &[][..]) } else { (&index.to[..], &index.cc[..]) };
    let mut out: Vec<Element> = [
        list(email::TO, &addresses(to)),
        list(email::CC, &addresses(cc)),
        list(email::FROM, &addresses(&sender(index, manner))),
    ]
    .into_iter()
    .flatten()
    .collect();
    out.push(Element::text(email::SUBJECT, index.subject.as_str()));
    out.extend(list(email::REPLY_TO, &joined(&index.reply_to, "; ", ADDRESSES_MAX)));
    out.push(Element::text(email::DATE_RECEIVED, punctuated(received(index, record))));
    out.extend(list(email::DISPLAY_TO, &names(to, ADDRESSES_MAX)));
    out.extend(list(email::THREAD_TOPIC, &one_line(thread_topic(&index.subject))));
    // K: A19. Always; what is missing is low.
    out.push(Element::number(email::IMPORTANCE, index.importance));
    out.push(Element::boolean(email::READ, record.read));
    out
}

/// Who it is from; one without a name is called by the address, where that is the manner (K: V09).
fn sender(index: &Index, manner: &MailManner) -> Vec<Mailbox> {
    let mut from = index.from.get(..1).unwrap_or_default().to_vec();
    for mailbox in from.iter_mut().filter(|mailbox| manner.name_senders && mailbox.name.is_empty()) {
        mailbox.name.clone_from(&mailbox.address);
    }
    from
}

/// K: G41. The arrival; else when it was sent.
fn received(index: &Index, record: &MailRecord) -> Timestamp {
    let millis = if record.received > 0 { record.received } else { index.date.unwrap_or(0) };
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn list(tag: Tag, text: &str) -> Option<Element> {
    (!text.is_empty()).then(|| Element::text(tag, text))
}

/// Body and BodyPart; in 2.5 the elements of the class's own page.
fn bodies(mail: &Mail<'_>, view: &View<'_>) -> Result<Vec<Element>, ItemError> {
    if view.version >= Version::V12_0 {
        return Ok(body::body(mail, view)?.into_iter().chain(body::body_part(mail, view)?).collect());
    }
    let manner = mail.manner(view);
    let support = body::mime_support(view.body.mime_support, &manner, mail.goes_whole(&manner));
    if let Some(mime) = mail.mime(support) {
        let fits = body::mime_limit(view.body.mime_truncation).is_none_or(|limit| mime.size <= limit);
        // K: G32. All of it, or its size; a mail that is readable otherwise is shown otherwise.
        if fits || mime.only {
            let data = mail.mime_data(&manner)?;
            let size = if fits { data.len() as u64 } else { mime.size };
            let data = match String::from_utf8(data) {
                Ok(text) => Element::text(email::MIME_DATA, text),
                Err(bytes) => Element::opaque(email::MIME_DATA, bytes.into_bytes()),
            };
            let size = Element::number(email::MIME_SIZE, i64::try_from(size).unwrap_or(i64::MAX));
            let truncated = Element::boolean(email::MIME_TRUNCATED, !fits);
            return Ok(fits.then_some(data).into_iter().chain([size, truncated]).collect());
        }
    }
    Ok(body::legacy(mail, view, [email::BODY, email::BODY_SIZE, email::BODY_TRUNCATED])?.into())
}

fn attachments(id: ServerId, index: &Index, body: &[Element], view: &View<'_>) -> Option<Element> {
    // Who gets the message itself reads the signature there.
    let whole = body.iter().any(|element| {
        element.tag == email::MIME_DATA
            || element.text_of(airsyncbase::TYPE).is_some_and(|kind| kind == (BodyType::Mime as u8).to_string())
    });
    let shown = index.attachments.iter().filter(|at| !(whole && index.signatures.contains(at)));
    let parts = shown.filter_map(|at| index.parts.get(usize::from(*at)));
    let parts = parts.filter(|part| !(view.manner.mail.tnef_dropped && is_tnef(part)));
    let reference = |part: &Part| FileReference { item: id, part: part.number }.to_string();
    let (outer, elements): (Tag, Vec<Element>) = if view.version >= Version::V12_0 {
        (airsyncbase::ATTACHMENTS, parts.map(|part| attachment(part, reference(part))).collect())
    } else {
        (email::ATTACHMENTS, parts.map(|part| attachment_2_5(part, reference(part))).collect())
    };
    (!elements.is_empty()).then(|| Element::of(outer, elements))
}

/// MS-OXTNEF: what Outlook packs into a mail for its own kind.
fn is_tnef(part: &Part) -> bool {
    matches!(part.content_type.as_str(), "application/ms-tnef" | "application/vnd.ms-tnef")
}

/// 1 a file, 5 a message. MS-ASAIRS 2.2.2.31 "Method".
fn method(part: &Part) -> u8 {
    if part.is_message() { 5 } else { 1 }
}

/// K: A29. Name and size always.
fn attachment(part: &Part, reference: String) -> Element {
    Element::of(
        airsyncbase::ATTACHMENT,
        [
            Element::text(airsyncbase::DISPLAY_NAME, part.name.as_deref().unwrap_or("attachment")),
            Element::text(airsyncbase::FILE_REFERENCE, reference),
            Element::number(airsyncbase::METHOD, method(part)),
            Element::number(airsyncbase::ESTIMATED_DATA_SIZE, i64::try_from(part.size).unwrap_or(i64::MAX)),
        ],
    )
    .with_some(part.content_id.as_deref().map(|id| Element::text(airsyncbase::CONTENT_ID, one_line(id))))
    .with_some(part.content_location.as_deref().map(|at| Element::text(airsyncbase::CONTENT_LOCATION, one_line(at))))
    .with_some(part.inline.then(|| Element::number(airsyncbase::IS_INLINE, 1)))
}

fn attachment_2_5(part: &Part, reference: String) -> Element {
    Element::of(
        email::ATTACHMENT,
        [
            Element::text(email::ATT_NAME, reference),
            Element::number(email::ATT_SIZE, i64::try_from(part.size).unwrap_or(i64::MAX)),
            Element::number(email::ATT_METHOD, method(part)),
            Element::text(email::DISPLAY_NAME, part.name.as_deref().unwrap_or("attachment")),
        ],
    )
}

/// The iCalendar object of an invitation, a cancellation or an answer; `None` for another mail, and for an object of more
/// than a megabyte.
pub fn calendar_text(index: &Index, raw: &dyn Raw) -> Result<Option<String>, ItemError> {
    let part = index.calendar.and_then(|at| index.parts.get(usize::from(at)));
    let Some(part) = part else { return Ok(None) };
    let (text, whole) = decode::text(raw, part, Some(CALENDAR_BYTES_MAX))?;
    Ok(whole.then_some(text))
}

fn meeting_request(index: &Index, raw: &dyn Raw, view: &View<'_>) -> Result<Option<Element>, ItemError> {
    let asks = matches!(index.class, MessageClass::MeetingRequest | MessageClass::MeetingCanceled);
    let part = index.calendar.filter(|_| asks).and_then(|at| index.parts.get(usize::from(at)));
    let Some(part) = part else { return Ok(None) };
    let (text, whole) = decode::text(raw, part, Some(CALENDAR_BYTES_MAX))?;
    Ok(if whole { crate::calendar::meeting_request(&text, view) } else { None })
}

fn conversation(index: &Index, record: &MailRecord) -> Vec<Element> {
    // K: A33. Rather none than an empty one.
    let Some(id) = index.conversation else { return Vec::new() };
    let sent = index.date.unwrap_or(record.received);
    vec![
        Element::opaque(email2::CONVERSATION_ID, id),
        Element::opaque(email2::CONVERSATION_INDEX, conversation_index(sent, index.level, &id)),
    ]
}

fn verb(record: &MailRecord) -> Vec<Element> {
    let Some(last) = record.last_verb else { return Vec::new() };
    let at = Timestamp::from_millisecond(last.at).unwrap_or(Timestamp::UNIX_EPOCH);
    vec![
        Element::number(email2::LAST_VERB_EXECUTED, last.verb as u8),
        Element::text(email2::LAST_VERB_EXECUTION_TIME, punctuated(at)),
    ]
}

fn categories(record: &MailRecord) -> Element {
    let names = record.categories.iter().map(|name| Element::text(email::CATEGORY, one_line(name)));
    Element::of(email::CATEGORIES, names)
}
