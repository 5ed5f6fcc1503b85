//! The notes of contacts, tasks and notes: text, sometimes with an HTML twin.
//!
//! MS-ASAIRS 2.2.2.9 "Body"; below 12.0 the class's own Body, BodySize and BodyTruncated. Going out, a body takes the
//! form the device prefers; coming in, it replaces the stored one only if the device changed what it had been shown.

use easel_protocol::Version;
use easel_wbxml::pages::airsyncbase;
use easel_wbxml::{Element, Tag};

use crate::body::{self, html_to_text};
use crate::said::clean;
use crate::{BodyType, Edit, ItemError, View};

/// Where a class keeps its body below 12.0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Legacy {
    /// Body, BodySize, BodyTruncated.
    pub(crate) tags: [Tag; 3],
    /// CompressedRTF, which is only read.
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
    /// A body of which nothing is left once it is cleaned is none (K: N15).
    pub(crate) fn new(text: &str, html: Option<&str>) -> Self {
        let text = clean(text);
        let html = html.map(clean).filter(|html| !html.trim().is_empty());
        Self { text: if text.trim().is_empty() { String::new() } else { text }, html }
    }

    /// The elements of the body, in the form the device prefers; none without a body (K: P02).
    pub(crate) fn elements(&self, view: &View<'_>, legacy: Option<&Legacy>) -> Result<Vec<Element>, ItemError> {
        if self.text.is_empty() && self.html.is_none() {
            return Ok(Vec::new());
        }
        let source = body::Stored { text: &self.text, html: self.html.as_deref() };
        match legacy {
            Some(legacy) if view.version == Version::V2_5 => Ok(body::legacy(&source, view, legacy.tags)?.into()),
            Some(_) | None => Ok(body::body(&source, view)?.into_iter().collect()),
        }
    }
}

/// What the device said of the body; `shown` is the body of the object it knew.
pub(crate) fn edited(edit: &Edit<'_>, view: &View<'_>, legacy: Option<&Legacy>, shown: &Stored) -> BodyEdit {
    let Some((kind, sent)) = incoming(edit.data, legacy, view.manner.no_rtf) else {
        return BodyEdit::Keep;
    };
    let sent = match kind {
        BodyType::Html => Stored::new(&text_of(&sent), Some(&sent)),
        BodyType::Text | BodyType::Rtf | BodyType::Mime => Stored::new(&sent, None),
    };
    let shown_view = View { body: edit.shown, ..view.clone() };
    let (shown_kind, shown_text) = shown
        .elements(&shown_view, legacy)
        .unwrap_or_default()
        .into_iter()
        .find_map(|element| {
            let holder = Element::of(airsyncbase::ATTACHMENT, [element]);
            incoming(&holder, legacy, false)
        })
        .unwrap_or((BodyType::Text, String::new()));
    let shown_text = match (shown_kind, sent.html.is_some()) {
        (BodyType::Html, false) => text_of(&shown_text),
        _ => shown_text,
    };
    let sent_text = match (&sent.html, shown_kind) {
        (Some(html), BodyType::Html) => html,
        _ => &sent.text,
    };
    if same(sent_text, &shown_text) { BodyEdit::Keep } else { BodyEdit::Replace(sent) }
}

/// Type and text of the body an item holds. `None` where it holds none, or one without Data, which keeps.
fn incoming(data: &Element, legacy: Option<&Legacy>, no_rtf: bool) -> Option<(BodyType, String)> {
    if let Some(body) = data.child(airsyncbase::BODY) {
        if body.is_empty() {
            return Some((BodyType::Text, String::new()));
        }
        let kind = body.text_of(airsyncbase::TYPE).and_then(|kind| kind.trim().parse().ok());
        let kind = kind.and_then(BodyType::from_number).unwrap_or(BodyType::Text);
        let text = body.text_of(airsyncbase::DATA)?;
        return match kind {
            BodyType::Rtf if no_rtf => None,
            BodyType::Rtf => crate::rtf::text_of_base64(&text).map(|text| (BodyType::Text, text)),
            BodyType::Text | BodyType::Html | BodyType::Mime => Some((kind, text.into_owned())),
        };
    }
    let legacy = legacy?;
    if let Some(text) = data.text_of(legacy.tags[0]) {
        return Some((BodyType::Text, text.into_owned()));
    }
    // K: W10. Empty RTF says nothing; nor does RTF of a device that never learns of changes in it (K: N14).
    let rtf = data.text_of(legacy.rtf).filter(|text| !no_rtf && !text.trim().is_empty())?;
    crate::rtf::text_of_base64(&rtf).map(|text| (BodyType::Text, text))
}

fn text_of(html: &str) -> String {
    html_to_text(html, usize::MAX).0
}

/// Blanks at the end say nothing, of whatever kind they are: a body cut down to a no-break space comes back as none.
fn same(sent: &str, shown: &str) -> bool {
    clean(sent).trim_end() == clean(shown).trim_end()
}
