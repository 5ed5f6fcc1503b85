//! The notes of contacts, tasks and notes: text, sometimes with an HTML twin.
//!
//! MS-ASAIRS 2.2.2.9 "Body"; below 12.0 the class's own Body, BodySize and BodyTruncated. Going out, a body takes the
//! form the device prefers; coming in, it replaces the stored one only if the device changed what it had been shown.

use easel_protocol::Version;
use easel_wbxml::pages::airsyncbase;
use easel_wbxml::{Element, Tag};

use crate::said::clean;
use crate::{BodyPreference, BodyPreferences, BodyType, Edit, View};

/// Where a class keeps its body below 12.0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Legacy {
    pub(crate) body: Tag,
    pub(crate) size: Tag,
    pub(crate) truncated: Tag,
    pub(crate) rtf: Tag,
}

/// A stored body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Plain text, lines ended by LF.
    pub(crate) text: String,
    /// The same as HTML, where somebody wrote HTML.
    pub(crate) html: Option<String>,
}

/// What a device said of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BodyEdit {
    /// Nothing.
    Keep,
    /// This body, or none when the text is empty.
    Replace(Stored),
}

impl Stored {
    /// A body of which nothing is left once it is cleaned is none (K: N15, P02).
    pub(crate) fn new(text: &str, html: Option<&str>) -> Self {
        let text = clean(text);
        let html = html.map(clean).filter(|html| !html.trim().is_empty());
        Self { text: if text.trim().is_empty() { String::new() } else { text }, html }
    }

    /// The elements of the body, in the form the device prefers; none without a body.
    pub(crate) fn elements(&self, view: &View<'_>, legacy: Option<&Legacy>) -> Vec<Element> {
        if self.text.is_empty() && self.html.is_none() {
            return Vec::new();
        }
        match legacy {
            Some(legacy) if view.version == Version::V2_5 => self.legacy_elements(view.body, legacy),
            Some(_) | None => vec![self.body(view)],
        }
    }

    fn legacy_elements(&self, preferences: &BodyPreferences, legacy: &Legacy) -> Vec<Element> {
        let text = wire(&self.plain());
        let cut = truncation(preferences.truncation).map_or(text.as_str(), |size| cut_at(&text, size));
        let truncated = cut.len() < text.len();
        vec![
            Element::text(legacy.body, cut),
            Element::number(legacy.size, size_of(&text)),
            Element::boolean(legacy.truncated, truncated),
        ]
    }

    fn body(&self, view: &View<'_>) -> Element {
        let kind = self.kind_for(view.body);
        let full = wire(&self.form(kind));
        let mut body = Element::of(
            airsyncbase::BODY,
            [
                Element::number(airsyncbase::TYPE, kind as u8),
                Element::number(airsyncbase::ESTIMATED_DATA_SIZE, size_of(&full)),
            ],
        );
        let Some(preference) = preference(view.body, kind) else {
            return body;
        };
        let cut = match preference.truncation_size {
            Some(size) if preference.all_or_none && full.len() > size as usize => "",
            Some(size) => cut_at(&full, size as usize),
            None => full.as_str(),
        };
        if cut.len() < full.len() {
            body.push(Element::boolean(airsyncbase::TRUNCATED, true));
        }
        if !cut.is_empty() {
            body.push(Element::text(airsyncbase::DATA, cut));
        }
        let wants_preview = preference.preview.filter(|_| view.version >= Version::V14_0 && cut.len() < full.len());
        if let Some(characters) = wants_preview.filter(|_| kind != BodyType::Text || cut.is_empty()) {
            let preview: String = self.plain().chars().take(characters.into()).collect();
            body.push(Element::text(airsyncbase::PREVIEW, wire(&preview)));
        }
        body
    }

    /// The native form where it is offered and fits, else the other one, else text. MS-ASAIRS 2.2.2.12.
    fn kind_for(&self, preferences: &BodyPreferences) -> BodyType {
        let native = if self.html.is_some() { BodyType::Html } else { BodyType::Text };
        let usable = |kind: &BodyType| {
            preference(preferences, *kind).is_some_and(|wanted| {
                let limit = wanted.truncation_size.filter(|_| wanted.all_or_none);
                limit.is_none_or(|size| wire(&self.form(*kind)).len() <= size as usize)
            })
        };
        [native, BodyType::Html, BodyType::Text].into_iter().find(usable).unwrap_or(BodyType::Text)
    }

    fn form(&self, kind: BodyType) -> String {
        match kind {
            BodyType::Html => self.html.clone().unwrap_or_else(|| text_to_html(&self.text)),
            BodyType::Text | BodyType::Rtf | BodyType::Mime => self.plain(),
        }
    }

    fn plain(&self) -> String {
        match &self.html {
            Some(html) if self.text.is_empty() => html_to_text(html),
            Some(_) | None => self.text.clone(),
        }
    }
}

/// What the device said of the body; `shown` is the body of the object it knew.
pub(crate) fn edited(edit: &Edit<'_>, view: &View<'_>, legacy: Option<&Legacy>, shown: &Stored) -> BodyEdit {
    let Some((kind, sent)) = incoming(edit.data, legacy) else {
        return BodyEdit::Keep;
    };
    let sent = match kind {
        BodyType::Html => Stored::new(&html_to_text(&sent), Some(&sent)),
        BodyType::Text | BodyType::Rtf | BodyType::Mime => Stored::new(&sent, None),
    };
    let shown_view = View { body: edit.shown, ..view.clone() };
    let (shown_kind, shown_text) = shown
        .elements(&shown_view, legacy)
        .into_iter()
        .find_map(|element| {
            let holder = Element::of(airsyncbase::ATTACHMENT, [element]);
            incoming(&holder, legacy)
        })
        .unwrap_or((BodyType::Text, String::new()));
    let shown_text = match (shown_kind, sent.html.is_some()) {
        (BodyType::Html, false) => html_to_text(&shown_text),
        _ => shown_text,
    };
    let sent_text = match (&sent.html, shown_kind) {
        (Some(html), BodyType::Html) => html,
        _ => &sent.text,
    };
    if same(sent_text, &shown_text) { BodyEdit::Keep } else { BodyEdit::Replace(sent) }
}

/// Type and text of the body an item holds. `None` where it holds none, or one without Data, which keeps.
fn incoming(data: &Element, legacy: Option<&Legacy>) -> Option<(BodyType, String)> {
    if let Some(body) = data.child(airsyncbase::BODY) {
        if body.is_empty() {
            return Some((BodyType::Text, String::new()));
        }
        let kind = body.text_of(airsyncbase::TYPE).and_then(|kind| kind.trim().parse().ok());
        let kind = kind.and_then(BodyType::from_number).unwrap_or(BodyType::Text);
        let text = body.text_of(airsyncbase::DATA)?;
        return match kind {
            BodyType::Rtf => crate::rtf::text_of_base64(&text).map(|text| (BodyType::Text, text)),
            BodyType::Text | BodyType::Html | BodyType::Mime => Some((kind, text.into_owned())),
        };
    }
    let legacy = legacy?;
    if let Some(text) = data.text_of(legacy.body) {
        return Some((BodyType::Text, text.into_owned()));
    }
    // K: W10. Empty RTF says nothing.
    let rtf = data.text_of(legacy.rtf).filter(|text| !text.trim().is_empty())?;
    crate::rtf::text_of_base64(&rtf).map(|text| (BodyType::Text, text))
}

fn preference(preferences: &BodyPreferences, kind: BodyType) -> Option<BodyPreference> {
    let of = |kind| preferences.types.iter().find(|wanted| wanted.kind == kind).copied();
    match kind {
        // RTF and MIME are answered as text.
        BodyType::Text => of(BodyType::Text).or_else(|| of(BodyType::Rtf)).or_else(|| of(BodyType::Mime)),
        BodyType::Html => of(BodyType::Html),
        BodyType::Rtf | BodyType::Mime => None,
    }
}

/// MS-ASCMD 2.2.3.186 "Truncation", in characters; `None` cuts nothing.
const fn truncation(number: Option<u8>) -> Option<usize> {
    match number {
        Some(0) => Some(0),
        Some(1) => Some(512),
        Some(2) => Some(1024),
        Some(3) => Some(2048),
        Some(4) => Some(5120),
        Some(5) => Some(10_240),
        Some(6) => Some(20_480),
        Some(7) => Some(51_200),
        Some(8) => Some(102_400),
        Some(_) | None => None,
    }
}

/// The longest beginning of at most `size` bytes that ends between characters, and not inside CR LF (K: G32).
fn cut_at(text: &str, size: usize) -> &str {
    let cut = &text[..text.floor_char_boundary(size)];
    if cut.len() < text.len() { cut.strip_suffix('\r').unwrap_or(cut) } else { cut }
}

fn wire(text: &str) -> String {
    clean(text).replace('\n', "\r\n")
}

fn size_of(text: &str) -> i64 {
    i64::try_from(text.len()).expect("a text in memory is shorter than 2^63 bytes")
}

fn same(sent: &str, shown: &str) -> bool {
    let end: &[char] = &['\r', '\n', ' ', '\t'];
    clean(sent).trim_end_matches(end) == clean(shown).trim_end_matches(end)
}

fn text_to_html(text: &str) -> String {
    let mut html = String::with_capacity(text.len() + 32);
    html.push_str("<html><body>");
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '\n' => html.push_str("<br>\n"),
            c => html.push(c),
        }
    }
    html.push_str("</body></html>");
    html
}

fn html_to_text(html: &str) -> String {
    html2text::from_read(html.as_bytes(), 10_000).unwrap_or_default()
}
