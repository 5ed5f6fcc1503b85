//! The body of a mail in either form, and the message itself.

use std::sync::Arc;

use super::index::{Index, Part};
use super::{Raw, decode, mime};
use crate::body::{self, Form, Mime, Prefix, Source, clean, html_to_text, text_to_html, without_charset};
use crate::manner::MailManner;
use crate::{ItemError, View};

/// How much HTML is read first for each byte of text that is wanted.
const HTML_FOR_TEXT: usize = 8;
/// HTML that is read in any case: style sheets come first.
const HTML_READ_MIN: usize = 64 * 1024;
/// The most HTML that is turned into text.
const HTML_READ_MAX: usize = 8 << 20;
/// A message that is larger is never sent as one body.
const MIME_BYTES_MAX: u64 = 256 << 20;

/// A stored mail as the source of a Body.
#[derive(Clone, Copy)]
pub struct Mail<'a> {
    /// Its index.
    pub index: &'a Index,
    /// Its bytes.
    pub raw: &'a dyn Raw,
    /// Whether it is a draft.
    pub draft: bool,
}

impl std::fmt::Debug for Mail<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("index", self.index).finish_non_exhaustive()
    }
}

impl Source for Mail<'_> {
    fn native(&self) -> Form {
        if self.index.at(&self.index.html).any(Part::is_html) { Form::Html } else { Form::Text }
    }

    fn form(&self, form: Form, enough: Option<usize>) -> Result<Prefix, ItemError> {
        match form {
            Form::Text => text(self.index, self.raw, enough),
            Form::Html => html(self.index, self.raw, enough),
        }
    }

    fn manner(&self, view: &View<'_>) -> MailManner {
        view.manner.mail
    }

    fn goes_whole(&self, manner: &MailManner) -> bool {
        (manner.smime_whole && self.index.class.is_smime()) || (manner.drafts_whole && self.draft)
    }

    fn mime(&self, support: u8) -> Option<Mime> {
        let only = self.index.class.is_smime();
        let wanted = support == 2 || (support == 1 && only);
        (wanted && self.index.size <= MIME_BYTES_MAX).then_some(Mime { size: self.index.size, only })
    }

    fn mime_data(&self, manner: &MailManner) -> Result<Vec<u8>, ItemError> {
        let raw = self.raw.read(0..self.index.size).map_err(Arc::new)?;
        if manner.mime_8bit {
            return Ok(mime::eight_bit(&raw));
        }
        Ok(if self.index.clean { raw } else { mime::for_string(&raw) })
    }
}

/// The body as text.
pub(super) fn text(index: &Index, raw: &dyn Raw, enough: Option<usize>) -> Result<Prefix, ItemError> {
    let mut all = Prefix { whole: true, ..Prefix::default() };
    for part in index.at(&index.text) {
        let missing = enough.map(|enough| enough.saturating_sub(all.text.len()));
        all.size += part.size;
        if missing == Some(0) {
            all.whole &= part.size == 0;
            continue;
        }
        let (text, whole) =
            if part.is_html() { page_text(raw, part, missing)? } else { decode::text(raw, part, missing)? };
        append(&mut all.text, &clean(&text));
        all.whole &= whole;
    }
    Ok(measured(all))
}

/// The text of a page; at least `enough` bytes if there are so many.
fn page_text(raw: &dyn Raw, part: &Part, enough: Option<usize>) -> Result<(String, bool), ItemError> {
    let limit = enough.unwrap_or(usize::MAX);
    let first = limit.saturating_mul(HTML_FOR_TEXT).clamp(HTML_READ_MIN, HTML_READ_MAX);
    let (page, read) = decode::text(raw, part, Some(first))?;
    let (text, shown) = html_to_text(&page, limit);
    if read || text.len() >= limit {
        return Ok((text, read && shown));
    }
    let (page, read) = decode::text(raw, part, Some(HTML_READ_MAX))?;
    let (text, shown) = html_to_text(&page, limit);
    Ok((text, read && shown))
}

/// The body as HTML; text between the pages is turned into HTML.
fn html(index: &Index, raw: &dyn Raw, enough: Option<usize>) -> Result<Prefix, ItemError> {
    let pages = index.at(&index.html).any(Part::is_html);
    let mut all = Prefix { whole: true, ..Prefix::default() };
    for part in index.at(&index.html) {
        let missing = enough.map(|enough| enough.saturating_sub(all.text.len()));
        all.size += part.size;
        if missing == Some(0) {
            all.whole &= part.size == 0;
            continue;
        }
        let (text, whole) = decode::text(raw, part, missing)?;
        let text = match (part.is_html(), pages) {
            (true, _) => clean(&without_charset(&text)).into_owned(),
            (false, false) => clean(&text).into_owned(),
            (false, true) => body::text_as_block(&clean(&text)),
        };
        append(&mut all.text, &text);
        all.whole &= whole;
    }
    if !pages {
        all.text = text_to_html(&all.text);
    }
    Ok(measured(all))
}

/// One body out of several parts (K: I46): an empty line between them.
fn append(all: &mut String, next: &str) {
    if !all.is_empty() && !next.is_empty() {
        all.push_str(if all.ends_with('\n') { "\r\n" } else { "\r\n\r\n" });
    }
    all.push_str(next);
}

fn measured(mut prefix: Prefix) -> Prefix {
    if prefix.whole && prefix.text.trim().is_empty() {
        prefix.text.clear();
    }
    prefix.size = if prefix.whole { prefix.text.len() as u64 } else { prefix.size.max(prefix.text.len() as u64 + 1) };
    prefix
}
