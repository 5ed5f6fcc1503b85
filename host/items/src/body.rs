//! Bodies: which form is sent, how it is made and where it is cut. The same for every class.
//!
//! MS-ASAIRS 2.2.2.9 "Body", 2.2.2.12 "BodyPreference", MS-ASCMD 2.2.3.125 "Options". A class says what it has
//! through [`Source`]; [`body`] makes `airsyncbase:Body` of it, [`body_part`] the BodyPart of 14.1, [`legacy`] the
//! three elements of 2.5.
//!
//! ```text
//! MIME, if MIMESupport calls for it and it fits whole        (K: G32)
//!   -> the native form, if it is wanted and fits AllOrNone
//!     -> HTML, then text, if wanted and fitting
//!       -> text
//! ```

mod cut;
mod html;
mod own;
mod plain;

use easel_protocol::Version;
use easel_wbxml::pages::airsyncbase;
use easel_wbxml::{Element, Tag};

pub use cut::{cut_html, cut_text};
pub(crate) use html::{charset_within, text_as_block};
pub use html::{html_to_text, text_to_html, without_charset};
pub(crate) use plain::is_clean;
use plain::without_addresses;
pub use plain::{clean, one_line, preview};

use crate::manner::MailManner;
use crate::{BodyPreference, BodyType, ItemError, View};

/// How much text is read for each character of a preview.
const PREVIEW_READ: usize = 8;

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// HTML.
    Html,
    /// Plain text.
    Text,
}

impl Form {
    const fn number(self) -> u8 {
        match self {
            Self::Html => BodyType::Html as u8,
            Self::Text => BodyType::Text as u8,
        }
    }
}

/// The beginning of a body in one form, or all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix {
    /// Text ready for the wire: see [`clean`].
    pub text: String,
    /// Whether `text` is all there is.
    pub whole: bool,
    /// Bytes of all there is: exact if `whole`, an estimate otherwise.
    pub size: u64,
}

/// The whole message as a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mime {
    /// Its bytes.
    pub size: u64,
    /// Whether another form would be no use: a signature or a cipher needs the whole.
    pub only: bool,
}

/// What a class has to say.
pub trait Source {
    /// The form it is stored in.
    fn native(&self) -> Form;

    /// The body in that form: at least `enough` bytes if there are so many, all of it if `None`. Empty if there is none.
    fn form(&self, form: Form, enough: Option<usize>) -> Result<Prefix, ItemError>;

    /// How mail is to be shown, where this is one.
    fn manner(&self, view: &View<'_>) -> MailManner {
        let _ = view;
        MailManner::default()
    }

    /// Whether it goes whole even to a device that asks for no MIME.
    fn goes_whole(&self, manner: &MailManner) -> bool {
        let _ = manner;
        false
    }

    /// Whether the message itself can be sent and MIMESupport (0 never, 1 only S/MIME, 2 always) calls for it.
    fn mime(&self, support: u8) -> Option<Mime> {
        let _ = support;
        None
    }

    /// The message itself: text if it is UTF-8 without NUL, else bytes.
    fn mime_data(&self, manner: &MailManner) -> Result<Vec<u8>, ItemError> {
        let _ = manner;
        Ok(Vec::new())
    }
}

/// A body that lies in memory: that of an event, a contact, a task or a note.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// The text; ignored where there is HTML and text is not asked for.
    pub text: &'a str,
    /// The HTML, if that is what the body was written in.
    pub html: Option<&'a str>,
}

impl Source for Stored<'_> {
    fn native(&self) -> Form {
        if self.html.is_some() { Form::Html } else { Form::Text }
    }

    fn form(&self, form: Form, _enough: Option<usize>) -> Result<Prefix, ItemError> {
        let text = match (form, self.html) {
            (Form::Html, Some(html)) => clean(&without_charset(html)).into_owned(),
            (Form::Html, None) => text_to_html(&clean(self.text)),
            (Form::Text, Some(html)) if self.text.is_empty() => html_to_text(html, usize::MAX).0,
            (Form::Text, _) => clean(self.text).into_owned(),
        };
        // K: N15. A body of line ends only is none.
        let empty = self.text.trim().is_empty() && self.html.is_none_or(|html| html.trim().is_empty());
        let text = if empty { String::new() } else { text };
        Ok(Prefix { size: text.len() as u64, text, whole: true })
    }
}

/// What stands in a Body.
struct Chosen {
    kind: u8,
    /// `None`: the device learns only how large it is.
    data: Option<Data>,
    size: u64,
    truncated: bool,
    preview: Option<u8>,
}

/// Text, or a whole message.
enum Data {
    Text(String),
    Mime(Vec<u8>),
}

impl Data {
    fn element(self) -> Element {
        match self {
            Self::Text(text) if !text.contains('\0') => Element::text(airsyncbase::DATA, text),
            Self::Text(text) => Element::opaque(airsyncbase::DATA, text.into_bytes()),
            Self::Mime(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Self::Text(text).element(),
                Err(error) => Element::opaque(airsyncbase::DATA, error.into_bytes()),
            },
        }
    }
}

/// `airsyncbase:Body`, from 12.0. `None` for an item without a body (K: P02).
///
/// Without any BodyPreference it holds the type and the size only.
pub fn body(source: &dyn Source, view: &View<'_>) -> Result<Option<Element>, ItemError> {
    let Some(chosen) = choose(source, view)? else { return Ok(None) };
    let head = [
        Element::number(airsyncbase::TYPE, chosen.kind),
        Element::number(airsyncbase::ESTIMATED_DATA_SIZE, i64::try_from(chosen.size).unwrap_or(i64::MAX)),
    ];
    Ok(Some(finish(Element::of(airsyncbase::BODY, head), chosen, source, view)?))
}

/// `airsyncbase:BodyPart`, from 14.1, if the device asked for it; always HTML. It is what the message itself says, without
/// the history that its mail program quoted below.
pub fn body_part(source: &dyn Source, view: &View<'_>) -> Result<Option<Element>, ItemError> {
    let Some(wanted) = view.body.part.filter(|_| view.version >= Version::V14_1) else { return Ok(None) };
    let preference = BodyPreference {
        kind: BodyType::Html,
        truncation_size: wanted.truncation_size,
        all_or_none: wanted.all_or_none,
        preview: wanted.preview,
    };
    let source = &own::Own(source);
    let chosen = match shaped(source, Form::Html, &preference, &source.manner(view))? {
        Shaped::Fits(chosen) => chosen,
        Shaped::TooLarge(chosen) => chosen,
        Shaped::Nothing => return Ok(None),
    };
    let head = [
        Element::number(airsyncbase::STATUS, 1),
        Element::number(airsyncbase::TYPE, chosen.kind),
        Element::number(airsyncbase::ESTIMATED_DATA_SIZE, i64::try_from(chosen.size).unwrap_or(i64::MAX)),
    ];
    Ok(Some(finish(Element::of(airsyncbase::BODY_PART, head), chosen, source, view)?))
}

fn finish(mut body: Element, chosen: Chosen, source: &dyn Source, view: &View<'_>) -> Result<Element, ItemError> {
    if chosen.truncated {
        // K: G33. Never sent as 0.
        body.push(Element::number(airsyncbase::TRUNCATED, 1));
    }
    // K: P05. A preview only where it was asked for, and never beside text that shows the same.
    let shows_text = chosen.kind == BodyType::Text as u8 && chosen.data.is_some();
    body.extend(chosen.data.map(Data::element));
    if let Some(characters) = chosen.preview.filter(|n| *n > 0 && !shows_text && view.version >= Version::V14_0) {
        let text = source.form(Form::Text, Some(usize::from(characters) * PREVIEW_READ))?.text;
        let manner = source.manner(view);
        let text = if manner.preview_strip { without_addresses(&text) } else { text };
        let shown = preview(&decoded(text, &manner), usize::from(characters));
        if !shown.is_empty() {
            body.push(Element::text(airsyncbase::PREVIEW, shown));
        }
    }
    Ok(body)
}

fn choose(source: &dyn Source, view: &View<'_>) -> Result<Option<Chosen>, ItemError> {
    let wanted = |kind: BodyType| view.body.types.iter().find(|preference| preference.kind == kind);
    if view.body.types.is_empty() {
        let native = source.native();
        let all = source.form(native, Some(0))?;
        let empty = all.whole && all.text.is_empty();
        let chosen =
            Chosen { kind: native.number(), data: None, size: all.size.max(1), truncated: false, preview: None };
        return Ok((!empty).then_some(chosen));
    }
    let manner = source.manner(view);
    let whole = source.goes_whole(&manner).then(|| as_mime(&view.body.types));
    let support = mime_support(view.body.mime_support, &manner, whole.is_some());
    let preference = wanted(BodyType::Mime).or(whole.as_ref());
    if let (Some(preference), Some(mime)) = (preference, source.mime(support)) {
        let limit = preference.truncation_size.map(u64::from).or_else(|| mime_limit(view.body.mime_truncation));
        let within = |size: u64| limit.is_none_or(|limit| size <= limit);
        let data = if within(mime.size) { Some(source.mime_data(&manner)?) } else { None };
        let size = data.as_ref().map_or(mime.size, |data| data.len() as u64);
        let data = data.filter(|_| within(size));
        let fits = data.is_some();
        if fits || mime.only || (view.body.types.len() == 1 && wanted(BodyType::Mime).is_some()) {
            return Ok(Some(Chosen {
                kind: BodyType::Mime as u8,
                // K: G32. A message cut in the middle is no message: all of it, or its size only.
                data: data.map(Data::Mime),
                size,
                truncated: !fits,
                preview: preference.preview,
            }));
        }
    }
    let mut candidates: Vec<(Form, &BodyPreference)> = Vec::new();
    let first = if manner.text_as_html { Form::Html } else { source.native() };
    let forms: &[Form] = if manner.plain { &[Form::Text] } else { &[first, Form::Html, Form::Text] };
    for form in forms.iter().copied() {
        let kind = if form == Form::Html { BodyType::Html } else { BodyType::Text };
        candidates.extend(wanted(kind).filter(|_| !candidates.iter().any(|(one, _)| *one == form)).map(|p| (form, p)));
    }
    if candidates.is_empty() {
        // RTF, MIME that nothing calls for, or HTML that is not to be: text within the same limits.
        let other = wanted(BodyType::Html).or(wanted(BodyType::Rtf)).or(wanted(BodyType::Mime));
        candidates.extend(other.map(|preference| (Form::Text, preference)));
    }
    let mut too_large = None;
    for (form, preference) in candidates {
        match shaped(source, form, preference, &manner)? {
            Shaped::Fits(chosen) => return Ok(Some(chosen)),
            Shaped::TooLarge(chosen) => too_large = too_large.or(Some(chosen)),
            Shaped::Nothing => return Ok(None),
        }
    }
    Ok(too_large)
}

enum Shaped {
    /// Whole, or cut as the device allows.
    Fits(Chosen),
    /// It would be cut and the device would rather have another form; its data are left out.
    TooLarge(Chosen),
    /// There is no body.
    Nothing,
}

fn shaped(
    source: &dyn Source,
    form: Form,
    preference: &BodyPreference,
    manner: &MailManner,
) -> Result<Shaped, ItemError> {
    // K: P07. 0 is nothing, absent is everything.
    let limit = preference.truncation_size.map(|limit| limit as usize);
    let mut prefix = source.form(form, limit.map(|limit| limit.saturating_add(1)))?;
    if form == Form::Text {
        prefix.text = decoded(prefix.text, manner);
    }
    if prefix.whole && prefix.text.is_empty() {
        return Ok(Shaped::Nothing);
    }
    let chosen =
        |data, truncated, size| Chosen { kind: form.number(), data, size, truncated, preview: preference.preview };
    match limit {
        Some(limit) if !prefix.whole || prefix.text.len() > limit => {
            let size = prefix.size.max(prefix.text.len() as u64);
            if preference.all_or_none {
                return Ok(Shaped::TooLarge(chosen(None, true, size)));
            }
            if form == Form::Text && manner.preview_strip {
                // What is left of less would not fill the list.
                let more = source.form(form, Some(limit.saturating_mul(PREVIEW_READ).saturating_add(1)))?;
                prefix.text = without_addresses(&decoded(more.text, manner));
            }
            let kept = match form {
                Form::Html => cut_html(&prefix.text, limit),
                Form::Text => cut_text(&prefix.text, limit),
            };
            let data = (!kept.is_empty()).then(|| Data::Text(kept.to_owned()));
            Ok(Shaped::Fits(chosen(data, true, size.max(kept.len() as u64 + 1))))
        }
        Some(_) | None => {
            let size = prefix.text.len() as u64;
            Ok(Shaped::Fits(chosen(Some(Data::Text(prefix.text)), false, size)))
        }
    }
}

/// Body, BodySize and BodyTruncated of a class page: 2.5 knows plain text only, but for the devices that want the HTML
/// there (K: I45).
///
/// An item without a body has an empty Body (K: I47). BodySize is the size of all of it (K: N13).
pub fn legacy(source: &dyn Source, view: &View<'_>, tags: [Tag; 3]) -> Result<[Element; 3], ItemError> {
    let limit = text_limit(view.body.truncation);
    let manner = source.manner(view);
    let form = if manner.html_in_2_5 { source.native() } else { Form::Text };
    let mut prefix = source.form(form, limit.map(|limit| limit + 1))?;
    let cut = match form {
        Form::Html => cut_html,
        Form::Text => {
            prefix.text = decoded(prefix.text, &manner);
            cut_text
        }
    };
    let kept = limit.map_or(prefix.text.as_str(), |limit| cut(&prefix.text, limit));
    let truncated = !prefix.whole || kept.len() < prefix.text.len();
    let size = if truncated { prefix.size.max(kept.len() as u64 + 1) } else { kept.len() as u64 };
    Ok([
        Element::text(tags[0], kept),
        Element::number(tags[1], i64::try_from(size).unwrap_or(i64::MAX)),
        Element::boolean(tags[2], truncated),
    ])
}

/// A preference for MIME of a device that names none: as large as the largest form it takes.
fn as_mime(types: &[BodyPreference]) -> BodyPreference {
    let unlimited = types.iter().any(|preference| preference.truncation_size.is_none());
    let most = types.iter().filter_map(|preference| preference.truncation_size).max();
    let truncation_size = most.filter(|_| !unlimited);
    BodyPreference { kind: BodyType::Mime, truncation_size, all_or_none: false, preview: None }
}

/// The MIMESupport that a mail is shown by.
pub(crate) fn mime_support(asked: u8, manner: &MailManner, goes_whole: bool) -> u8 {
    match asked {
        _ if goes_whole => 2,
        // K: I18
        1 if manner.prefer_mime => 2,
        asked => asked,
    }
}

/// Text without entities, where that is the manner.
fn decoded(text: String, manner: &MailManner) -> String {
    if manner.plain && text.contains('&') { html::without_entities(&text) } else { text }
}

/// The bytes that MIMETruncation lets through; `None` is all. MS-ASCMD 2.2.3.111 "MIMETruncation".
pub const fn mime_limit(code: Option<u8>) -> Option<u64> {
    match code {
        Some(0) => Some(0),
        Some(1) => Some(4_096),
        Some(2) => Some(5_120),
        Some(3) => Some(7_168),
        Some(4) => Some(10_240),
        Some(5) => Some(20_480),
        Some(6) => Some(51_200),
        Some(7) => Some(102_400),
        _ => None,
    }
}

/// The bytes that Truncation lets through; `None` is all. MS-ASCMD 2.2.3.185 "Truncation".
pub const fn text_limit(code: Option<u8>) -> Option<usize> {
    match code {
        Some(0) => Some(0),
        Some(1) => Some(512),
        Some(2) => Some(1_024),
        Some(3) => Some(2_048),
        Some(4) => Some(5_120),
        Some(5) => Some(10_240),
        Some(6) => Some(20_480),
        Some(7) => Some(51_200),
        Some(8) => Some(102_400),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
