//! The part index: what a page of mail needs to know of a message, made once at delivery.

use std::collections::HashSet;

use easel_protocol::{Facts, WindowKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::addresses::addresses;
use super::class::{MessageClass, classify};
use super::conversation::conversation;
use super::decode;
use super::header::{self, Field, fields};
use super::select::{Selection, select};
use super::structure::{Holds, Node, Tree, walk};
use super::{forms, mime};
use crate::ItemError;

/// Grows whenever [`index`] would say something else of the same message; older indexes are made again.
pub const PARSER_VERSION: u8 = 2;
/// Bytes of text that a search finds.
const SEARCH_BYTES_MAX: usize = 32 * 1024;
/// Bytes of names and addresses that a search finds.
const PEOPLE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of HTML in which pictures are looked for.
const HTML_BYTES_MAX: usize = 1 << 20;
/// Characters of a subject.
const SUBJECT_MAX: usize = 4_000;
/// Bytes of a Message-ID, RFC 5322 2.1.1.
const ID_BYTES_MAX: usize = 998;

/// A name and an address; at most one of them is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mailbox {
    /// The display name, decoded; empty if there is none.
    pub name: String,
    /// `local@domain`; whatever stood in its place.
    pub address: String,
}

/// Content-Transfer-Encoding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transfer {
    /// 7bit, 8bit, binary, and everything unknown.
    #[default]
    Identity,
    /// base64.
    Base64,
    /// quoted-printable.
    QuotedPrintable,
}

impl Transfer {
    pub(super) fn named(name: &str) -> Self {
        match name.trim().to_ascii_lowercase().as_str() {
            "base64" => Self::Base64,
            "quoted-printable" => Self::QuotedPrintable,
            _ => Self::Identity,
        }
    }
}

/// Content-Disposition. RFC 2183; an unknown one is an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Disposition {
    /// Shown in its place.
    Inline,
    /// A file.
    Attachment,
}

/// One part that matters: of the body, an attachment, or the iCalendar object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its place in the message, the message itself being 0: what a FileReference names.
    pub number: u32,
    /// Where its header begins.
    pub header: u64,
    /// Where its content begins.
    pub start: u64,
    /// Where its content ends.
    pub end: u64,
    /// How the content is encoded.
    pub transfer: Transfer,
    /// Content-Type, `type/subtype`, lower case.
    pub content_type: String,
    /// The charset it names.
    pub charset: Option<String>,
    /// `format=flowed`.
    pub flowed: bool,
    /// `delsp=yes`.
    pub delsp: bool,
    /// Content-Disposition.
    pub disposition: Option<Disposition>,
    /// The name it is shown by; every attachment has one (K: A29).
    pub name: Option<String>,
    /// Content-ID without angle brackets.
    pub content_id: Option<String>,
    /// Content-Location.
    pub content_location: Option<String>,
    /// Shown inside the HTML.
    pub inline: bool,
    /// Bytes once decoded.
    pub size: u64,
}

impl Part {
    /// Whether it is HTML.
    pub fn is_html(&self) -> bool {
        self.content_type == "text/html"
    }

    /// Whether it is a message.
    pub fn is_message(&self) -> bool {
        matches!(self.content_type.as_str(), "message/rfc822" | "message/global") && self.transfer == Transfer::Identity
    }
}

/// Everything a page of mail shows of a message besides its texts, and where these lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Bytes of the message.
    pub size: u64,
    /// Bytes of its header.
    pub header_size: u64,
    /// Whether the message can stand in a string as it is: UTF-8 without control characters, lines ended by CRLF.
    pub clean: bool,
    /// Subject, on one line.
    pub subject: String,
    /// From; more than one is rare.
    pub from: Vec<Mailbox>,
    /// Sender, if it says something else than From.
    pub sender: Option<Mailbox>,
    /// To.
    pub to: Vec<Mailbox>,
    /// Cc.
    pub cc: Vec<Mailbox>,
    /// Bcc, in what the owner sent.
    pub bcc: Vec<Mailbox>,
    /// Reply-To.
    pub reply_to: Vec<Mailbox>,
    /// Date, in milliseconds since 1970.
    pub date: Option<i64>,
    /// Message-ID without angle brackets.
    pub message_id: Option<String>,
    /// The thread it belongs to.
    pub conversation: Option<[u8; 16]>,
    /// How many messages of the thread it answers, at most 255.
    pub level: u8,
    /// 0 low, 1 normal, 2 high.
    pub importance: u8,
    /// What it is.
    pub class: MessageClass,
    /// The parts that matter, in the order of the message.
    pub parts: Vec<Part>,
    /// The body as text: places in `parts`.
    pub text: Vec<u16>,
    /// The body as HTML: places in `parts`.
    pub html: Vec<u16>,
    /// The attachments: places in `parts`.
    pub attachments: Vec<u16>,
    /// The attachments that are only signatures: places in `parts`.
    pub signatures: Vec<u16>,
    /// The iCalendar object: a place in `parts`.
    pub calendar: Option<u16>,
}

impl Index {
    /// The index as it is stored beside the message.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![PARSER_VERSION]).expect("writing numbers and text to a vector cannot fail")
    }

    /// Reads it back.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ItemError> {
        let version = bytes.first().copied().unwrap_or(0);
        let rest = bytes.get(1..).filter(|_| version == PARSER_VERSION).ok_or(ItemError::OldIndex(version))?;
        postcard::from_bytes(rest).map_err(|_| ItemError::OldIndex(version))
    }

    /// The parts at those places.
    pub(super) fn at<'a>(&'a self, places: &'a [u16]) -> impl Iterator<Item = &'a Part> {
        places.iter().filter_map(|place| self.parts.get(usize::from(*place)))
    }

    /// The attachments.
    pub fn attachments(&self) -> impl Iterator<Item = &Part> {
        self.at(&self.attachments)
    }
}

/// A message, indexed.
#[derive(Clone, Debug)]
pub struct Indexed {
    /// What is stored beside it.
    pub index: Index,
    /// What the store must know of it.
    pub facts: Facts,
}

/// Indexes a message that arrived at `received`. Whatever the bytes are, they are some message.
pub fn index(raw: &[u8], received: Timestamp) -> Indexed {
    let tree = walk(raw);
    let selection = select(&tree);
    let mut index = envelope(raw, &tree);
    collect(&mut index, raw, &tree, &selection);
    index.class = classify(&index, raw, &tree);
    index.clean = mime::is_clean(raw);
    let text = drop_blank(&mut index, raw);
    mark_inline(&mut index, raw);
    let facts = Facts {
        window: WindowKey(received.as_millisecond()),
        subject: index.subject.clone(),
        people: people(index.from.iter().chain(&index.sender).chain(&index.to).chain(&index.cc).chain(&index.bcc)),
        from: people(index.from.iter().chain(&index.sender)),
        to: people(index.to.iter().chain(&index.cc).chain(&index.bcc)),
        conversation: index.conversation,
        uid: index.message_id.clone(),
        search_text: text,
    };
    Indexed { index, facts }
}

fn envelope(raw: &[u8], tree: &Tree) -> Index {
    let root = tree.root();
    let header = &raw[root.header.clone()];
    let all: Vec<Field<'_>> = fields(header).collect();
    let field = |name: &str| all.iter().find(|field| field.is(name)).map(|field| field.value);
    let list = |name: &str| -> Vec<Mailbox> {
        all.iter().filter(|field| field.is(name)).take(50).flat_map(|field| addresses(field.value)).collect()
    };
    let ids = |name: &str| -> Vec<String> {
        let usable = |id: &String| !id.is_empty() && id.len() <= ID_BYTES_MAX;
        field(name).map(header::ids).unwrap_or_default().into_iter().filter(usable).collect()
    };
    let message_id = ids("Message-ID").into_iter().next();
    let (references, answered) = (ids("References"), ids("In-Reply-To"));
    let subject: String = field("Subject").map(header::text).unwrap_or_default().chars().take(SUBJECT_MAX).collect();
    let root_id = references.first().or(answered.first()).or(message_id.as_ref()).map(String::as_str);
    let from = list("From");
    let sender = list("Sender")
        .into_iter()
        .next()
        .filter(|sender| from.len() != 1 || !from[0].address.eq_ignore_ascii_case(&sender.address));
    Index {
        size: raw.len() as u64,
        header_size: root.header.end as u64,
        clean: false,
        conversation: conversation(root_id, &subject),
        subject,
        from,
        sender,
        to: list("To"),
        cc: list("Cc"),
        bcc: list("Bcc"),
        reply_to: list("Reply-To"),
        date: field("Date").and_then(header::date),
        level: u8::try_from(references.len().max(usize::from(!answered.is_empty()))).unwrap_or(u8::MAX),
        message_id,
        importance: importance(&field),
        class: MessageClass::Note,
        parts: Vec::new(),
        text: Vec::new(),
        html: Vec::new(),
        attachments: Vec::new(),
        signatures: Vec::new(),
        calendar: None,
    }
}

/// Importance, else Priority, else X-Priority, else X-MSMail-Priority.
fn importance<'a>(field: &impl Fn(&str) -> Option<&'a [u8]>) -> u8 {
    for name in ["Importance", "Priority", "X-Priority", "X-MSMail-Priority"] {
        let value = field(name).map(header::text).unwrap_or_default().to_ascii_lowercase();
        match value.split([' ', '(']).next().unwrap_or("") {
            "high" | "urgent" | "1" | "2" => return 2,
            "low" | "non-urgent" | "4" | "5" => return 0,
            "normal" | "3" => return 1,
            _ => {}
        }
    }
    1
}

fn collect(index: &mut Index, raw: &[u8], tree: &Tree, selection: &Selection) {
    let mut used: Vec<usize> = [&selection.text, &selection.html, &selection.attachments]
        .into_iter()
        .flatten()
        .copied()
        .chain(selection.calendar)
        .collect();
    used.sort_unstable();
    used.dedup();
    let place = |number: &usize| used.binary_search(number).ok().and_then(|at| u16::try_from(at).ok());
    index.text = selection.text.iter().filter_map(place).collect();
    index.html = selection.html.iter().filter_map(place).collect();
    index.attachments = selection.attachments.iter().filter_map(place).collect();
    index.signatures = selection.signatures.iter().filter_map(place).collect();
    index.calendar = selection.calendar.as_ref().and_then(place);
    index.parts = used.iter().map(|number| part(raw, *number, &tree.nodes[*number])).collect();
    for (count, at) in index.attachments.iter().enumerate() {
        let part = &mut index.parts[usize::from(*at)];
        part.name = Some(display_name(raw, part, count));
    }
}

fn part(raw: &[u8], number: usize, node: &Node) -> Part {
    let content = &node.content;
    let short = |text: &str| Some(text.to_owned()).filter(|text| text.len() <= 255);
    Part {
        number: u32::try_from(number).unwrap_or(u32::MAX),
        header: node.header.start as u64,
        start: node.body.start as u64,
        end: node.body.end as u64,
        transfer: content.transfer,
        content_type: format!("{}/{}", content.media.0, content.media.1).chars().take(255).collect(),
        charset: content.parameter("charset").and_then(short),
        flowed: content.parameter("format").is_some_and(|format| format.eq_ignore_ascii_case("flowed")),
        delsp: content.parameter("delsp").is_some_and(|delsp| delsp.eq_ignore_ascii_case("yes")),
        disposition: content.disposition,
        name: content.name(),
        content_id: content.id.as_deref().and_then(short),
        content_location: content.location.as_deref().and_then(short),
        inline: false,
        size: if node.holds == Holds::Leaf {
            decode::decoded_size(content.transfer, &raw[node.body.clone()])
        } else {
            node.body.len() as u64
        },
    }
}

/// K: A29. A message is shown by its subject and `.eml`, a file without a name by its kind.
fn display_name(raw: &[u8], part: &Part, count: usize) -> String {
    if part.is_message() {
        let inner = usize::try_from(part.start).unwrap_or(0)..usize::try_from(part.end).unwrap_or(0);
        let bytes = &raw[inner];
        let header = &bytes[..bytes.len().min(64 * 1024)];
        let end = memchr::memmem::find(header, b"\n\n").or(memchr::memmem::find(header, b"\n\r\n"));
        let subject = fields(&header[..end.unwrap_or(header.len())]).find(|field| field.is("Subject"));
        let subject = subject.map(|field| header::text(field.value)).unwrap_or_default();
        let subject: String =
            subject.chars().map(|c| if matches!(c, '/' | '\\' | ':') { '_' } else { c }).take(200).collect();
        let name = part.name.clone().unwrap_or(subject);
        let name = name.trim_end_matches(".eml");
        return format!("{}.eml", if name.is_empty() { "message" } else { name });
    }
    if let Some(name) = &part.name {
        return name.clone();
    }
    let (kind, subtype) = part.content_type.split_once('/').unwrap_or(("", ""));
    let extension = match (kind, subtype) {
        ("message", "delivery-status" | "disposition-notification") => return "details.txt".to_owned(),
        ("text", "rfc822-headers") => return "headers.txt".to_owned(),
        ("application", "pkcs7-mime" | "x-pkcs7-mime") => return "smime.p7m".to_owned(),
        ("application", "pkcs7-signature" | "x-pkcs7-signature") => return "smime.p7s".to_owned(),
        ("image", "jpeg" | "pjpeg") => "jpg",
        ("image", "svg+xml") => "svg",
        ("image", "tiff") => "tif",
        ("image", other) if other.len() <= 4 && other.bytes().all(|b| b.is_ascii_alphanumeric()) => other,
        ("audio", "mpeg") => "mp3",
        ("video", "mp4") => "mp4",
        ("text", "plain") => "txt",
        ("text", "html") => "html",
        ("text", "calendar") => "ics",
        ("text", "vcard" | "x-vcard" | "directory") => "vcf",
        ("application", "pdf") => "pdf",
        ("application", "zip") => "zip",
        ("multipart" | "message", _) => "eml",
        _ => "bin",
    };
    format!("{}{:03}.{extension}", if kind == "image" { "image" } else { "attachment" }, count + 1)
}

/// Takes parts that hold nothing but white space out of the body; gives the text a search finds.
fn drop_blank(index: &mut Index, raw: &[u8]) -> String {
    let blank: Vec<u16> = index
        .text
        .iter()
        .chain(&index.html)
        .copied()
        .filter(|at| {
            let part = &index.parts[usize::from(*at)];
            part.size <= 256 && decode::text(&raw, part, None).is_ok_and(|(text, _)| text.trim().is_empty())
        })
        .collect();
    index.text.retain(|at| !blank.contains(at));
    index.html.retain(|at| !blank.contains(at));
    let text = forms::text(index, &raw, Some(SEARCH_BYTES_MAX)).map(|prefix| prefix.text).unwrap_or_default();
    crate::body::cut_text(&text, SEARCH_BYTES_MAX).to_owned()
}

/// An attachment is inline if the HTML shows it, or if it is a picture whose sender says so.
fn mark_inline(index: &mut Index, raw: &[u8]) {
    let has_ids = index.attachments().any(|part| part.content_id.is_some() || part.content_location.is_some());
    let html: String = if has_ids {
        let texts = index.at(&index.html).filter(|part| part.is_html());
        texts.filter_map(|part| decode::text(&raw, part, Some(HTML_BYTES_MAX)).ok()).map(|(text, _)| text).collect()
    } else {
        String::new()
    };
    let shown: HashSet<String> = html.split("cid:").skip(1).map(identifier).collect();
    for at in index.attachments.clone() {
        let part = &mut index.parts[usize::from(at)];
        let picture = part.content_type.starts_with("image/") && part.disposition == Some(Disposition::Inline);
        part.inline = picture || part.content_id.as_ref().is_some_and(|id| shown.contains(id));
    }
}

/// What follows `cid:`, RFC 2392: percent-encoded, up to a quote, a bracket or white space.
fn identifier(after: &str) -> String {
    let end =
        after.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '>' | ')' | '&')).unwrap_or(after.len());
    let id: String = after[..end].chars().take(255).collect();
    String::from_utf8_lossy(&decode::Decoder::all(Transfer::QuotedPrintable, id.replace('%', "=").as_bytes()))
        .into_owned()
}

fn people<'a>(all: impl Iterator<Item = &'a Mailbox>) -> String {
    let mut out = String::new();
    for one in all {
        for text in [&one.name, &one.address] {
            if !text.is_empty() && out.len() + text.len() < PEOPLE_BYTES_MAX {
                if !out.is_empty() {
                    out.push(' ');
                }
                out.push_str(text);
            }
        }
    }
    out
}
