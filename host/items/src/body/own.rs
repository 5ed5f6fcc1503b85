//! The part of a message that is its own: without the history quoted below it.
//!
//! MS-ASAIRS 2.2.2.10 "BodyPart" wants "the unique part" and does not say how it is found. Found are the frames that
//! mail programs write around a quotation. Everything is kept where nothing of its own stands above the quotation, as in
//! a forwarded message, and where an answer stands between or below quoted lines.

use super::html::{html_to_text, markup_end};
use super::{Form, Prefix, Source, text_to_html};
use crate::ItemError;

/// Bytes in which a quotation is looked for.
const LOOKED_AT_MAX: usize = 1 << 20;
/// Bytes of a tag that are looked at.
const TAG_MAX: usize = 2_000;
/// Everything behind such a tag is history.
const FRAMES: &[&str] = &[
    "id=\"divrplyfwdmsg\"",
    "id=\"appendonsend\"",
    "id=\"mail-editor-reference-message-container\"",
    "id=\"stopspelling\"",
    "class=\"yahoo_quoted",
    "class=\"protonmail_quote",
    "border:none;border-top:solid #e1e1e1",
    "border:none;border-top:solid #b5c4df",
];
/// A quotation begins with such a tag; an answer can stand below.
const QUOTES: &[&str] = &["class=\"gmail_quote", "class=\"moz-cite-prefix\"", "type=\"cite\"", "type=cite"];

/// A source without its history.
pub(super) struct Own<'a>(pub(super) &'a dyn Source);

impl Source for Own<'_> {
    fn native(&self) -> Form {
        self.0.native()
    }

    fn form(&self, form: Form, enough: Option<usize>) -> Result<Prefix, ItemError> {
        let native = self.0.native();
        let all = self.0.form(native, Some(LOOKED_AT_MAX))?;
        let own = match native {
            Form::Html => own_html(&all.text),
            Form::Text => own_text(&all.text),
        };
        let Some(own) = own else { return self.0.form(form, enough) };
        let text = match (native, form) {
            (Form::Html, Form::Text) => html_to_text(own, usize::MAX).0,
            (Form::Text, Form::Html) => text_to_html(own),
            (Form::Html, Form::Html) | (Form::Text, Form::Text) => own.to_owned(),
        };
        Ok(Prefix { size: text.len() as u64, text, whole: true })
    }
}

fn is_blank(html: &str) -> bool {
    html_to_text(html, usize::MAX).0.trim().is_empty()
}

/// What stands above the quotation of a page.
pub(super) fn own_html(html: &str) -> Option<&str> {
    let bytes = html.as_bytes();
    let mut at = 0;
    while let Some(offset) = memchr::memchr(b'<', &bytes[at..]) {
        let start = at + offset;
        at = markup_end(bytes, start)?;
        let tag = String::from_utf8_lossy(&bytes[start..at.min(start + TAG_MAX)]).to_ascii_lowercase();
        let is = |names: &[&str]| names.iter().any(|name| tag[1..].starts_with(name));
        let has = |marks: &[&str]| marks.iter().any(|mark| tag.contains(mark));
        let quote = is(&["div", "blockquote"]) && has(QUOTES);
        let rule = is(&["hr"]) && (tag.contains("tabindex=\"-1\"") || names_a_sender(&html[at..]));
        if quote || rule || (is(&["div", "hr"]) && has(FRAMES)) {
            let below = quote.then(|| rfind_ascii(html, "</blockquote")).flatten().filter(|below| *below > start);
            let answered = below.is_some_and(|below| !is_blank(&html[below..]));
            return (!answered && !is_blank(&html[..start])).then(|| &html[..start]);
        }
    }
    None
}

/// Whether the text behind a rule is the head of a message, as this server writes it below an answer.
fn names_a_sender(html: &str) -> bool {
    let text = html_to_text(&html[..html.floor_char_boundary(400)], usize::MAX).0;
    text.trim_start().starts_with("From: ")
}

/// The last place of a word in small letters, whatever the letters of `text` are.
fn rfind_ascii(text: &str, word: &str) -> Option<usize> {
    let places = memchr::memrchr_iter(b'<', text.as_bytes());
    let is_it =
        |at: &usize| text.as_bytes()[*at..].get(..word.len()).is_some_and(|b| b.eq_ignore_ascii_case(word.as_bytes()));
    places.into_iter().find(is_it)
}

/// What stands above the quotation of a text.
pub(super) fn own_text(text: &str) -> Option<&str> {
    let mut lines: Vec<(usize, &str)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        lines.push((at, line.trim()));
        at += line.len();
    }
    let framed = lines.windows(2).find(|pair| is_rule(pair[0].1, pair[1].1)).map(|pair| pair[0].0);
    let end = framed.or_else(|| quoted_end(&lines))?;
    let own = &text[..end];
    (!own.trim().is_empty()).then_some(own)
}

/// `-----Original Message-----`, or a line of underscores above `From:`.
fn is_rule(line: &str, next: &str) -> bool {
    let words = line.trim_matches('-').trim();
    let named = line.starts_with("-----") && line.ends_with("-----") && words.chars().any(char::is_alphabetic);
    let ruled = line.len() >= 20 && line.bytes().all(|byte| byte == b'_');
    let field = next.split_once(':').is_some_and(|(name, value)| name.chars().count() <= 12 && value.starts_with(' '));
    (named || ruled) && field
}

/// Where the last lines begin that are all quoted, with the line that says who wrote them.
fn quoted_end(lines: &[(usize, &str)]) -> Option<usize> {
    let is_quoted = |line: &str| line.starts_with('>');
    let from = lines.iter().rposition(|(_, line)| !line.is_empty() && !is_quoted(line)).map_or(0, |last| last + 1);
    let first = lines[from..].iter().position(|(_, line)| is_quoted(line))? + from;
    let said = lines[..first].iter().rposition(|(_, line)| !line.is_empty());
    let Some(said) = said.filter(|said| lines[*said].1.ends_with(':')) else { return Some(lines[first].0) };
    // "On Monday, 2 March 2026, Ada wrote:" may be broken in two.
    let broken = said > 0 && !lines[said].1.contains(|c: char| c.is_ascii_digit()) && !lines[said - 1].1.is_empty();
    let above = if broken && lines[said - 1].1.contains(|c: char| c.is_ascii_digit()) { said - 1 } else { said };
    Some(lines[above].0)
}
