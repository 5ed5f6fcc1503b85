//! HTML to text and text to HTML, in one pass and without a tree: a hostile page costs no more than its length.

use std::borrow::Cow;

use mail_parser::decoders::html::add_html_token;

use super::plain::clean;

/// The longest entity that is looked at, from `&` to `;`.
const ENTITY_MAX: usize = 40;
/// Where a charset is looked for.
const META_WITHIN: usize = 8 * 1024;
/// The longest link that is written out.
const LINK_MAX: usize = 2_000;

/// The end of the tag, comment, declaration, script or style that begins at `at` with `<`: the position behind it.
/// A `<` that begins nothing is text and ends behind itself. `None`: it does not end.
pub(super) fn markup_end(html: &[u8], at: usize) -> Option<usize> {
    let rest = &html[at..];
    if rest.starts_with(b"<!--") {
        return find(rest, b"-->", 4).map(|end| at + end + 3);
    }
    match rest.get(1) {
        Some(b'!' | b'?') => rest.iter().position(|byte| *byte == b'>').map(|end| at + end + 1),
        Some(b'/') if rest.get(2).is_some_and(u8::is_ascii_alphabetic) => tag_end(html, at),
        Some(byte) if byte.is_ascii_alphabetic() => {
            let end = tag_end(html, at)?;
            let name = tag_name(&html[at + 1..end]);
            if is_raw(name) { raw_end(html, end, name) } else { Some(end) }
        }
        Some(_) => Some(at + 1),
        None => None,
    }
}

/// The end of the entity at `at`, or of the `&` alone if it is none. `None`: it may go on beyond the end.
pub(super) fn entity_end(html: &[u8], at: usize) -> Option<usize> {
    for (offset, byte) in html[at + 1..].iter().enumerate() {
        match byte {
            b';' if offset > 0 => return Some(at + offset + 2),
            byte if offset + 2 < ENTITY_MAX && (byte.is_ascii_alphanumeric() || (*byte == b'#' && offset == 0)) => {}
            _ => return Some(at + 1),
        }
    }
    None
}

/// Behind the `>` of the tag at `at`; quotes are respected.
fn tag_end(html: &[u8], at: usize) -> Option<usize> {
    let mut quote = None;
    let mut after_equals = false;
    for (offset, byte) in html[at..].iter().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if open == *byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') if after_equals => quote = Some(*byte),
            (None, b'>') => return Some(at + offset + 1),
            (None, _) => {}
        }
        if !byte.is_ascii_whitespace() {
            after_equals = *byte == b'=';
        }
    }
    None
}

fn tag_name(inside: &[u8]) -> &[u8] {
    let end = inside.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/')).unwrap_or(inside.len());
    &inside[..end]
}

/// Elements whose content is no text for a reader and no markup either.
fn is_raw(name: &[u8]) -> bool {
    [b"script".as_slice(), b"style", b"title", b"textarea", b"xmp", b"iframe", b"noembed", b"noframes"]
        .iter()
        .any(|raw| name.eq_ignore_ascii_case(raw))
}

/// Behind the closing tag of a raw element whose content begins at `from`.
fn raw_end(html: &[u8], from: usize, name: &[u8]) -> Option<usize> {
    let mut at = from;
    loop {
        at += html.get(at..)?.iter().position(|byte| *byte == b'<')?;
        let after = html.get(at + 2..at + 2 + name.len());
        if html.get(at + 1) == Some(&b'/') && after.is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return tag_end(html, at);
        }
        at += 1;
    }
}

fn find(bytes: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    bytes.get(from..)?.windows(wanted.len()).position(|window| window == wanted).map(|at| at + from)
}

/// The same page without the `<meta>` that names a charset: on the wire everything is UTF-8.
pub fn without_charset(html: &str) -> Cow<'_, str> {
    let bytes = html.as_bytes();
    let mut at = 0;
    while at < bytes.len().min(META_WITHIN) {
        let Some(open) = bytes[at..].iter().position(|byte| *byte == b'<') else { break };
        let start = at + open;
        let Some(end) = markup_end(bytes, start) else { break };
        let tag = &bytes[start..end];
        if tag.len() > 5 && tag[1..5].eq_ignore_ascii_case(b"meta") && charset_of(tag).is_some() {
            return Cow::Owned([&html[..start], &html[end..]].concat());
        }
        at = end;
    }
    Cow::Borrowed(html)
}

/// The charset that a page names itself.
pub(crate) fn charset_within(html: &[u8]) -> Option<String> {
    let mut at = 0;
    while at < html.len().min(META_WITHIN) {
        let start = at + html[at..].iter().position(|byte| *byte == b'<')?;
        let end = markup_end(html, start)?;
        let tag = &html[start..end];
        if tag.len() > 5
            && tag[1..5].eq_ignore_ascii_case(b"meta")
            && let Some(charset) = charset_of(tag)
        {
            return Some(charset);
        }
        at = end;
    }
    None
}

fn charset_of(tag: &[u8]) -> Option<String> {
    let lower = String::from_utf8_lossy(tag).to_ascii_lowercase();
    let (_, after) = lower.split_once("charset")?;
    let after = after.trim_start().strip_prefix('=')?.trim_start_matches([' ', '"', '\'']);
    let name: String = after.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_:.".contains(*c)).collect();
    (!name.is_empty()).then_some(name)
}

/// Text as a page: `& < > "` escaped, line ends and runs of spaces kept (K: P21, G53). Empty text makes an empty page.
pub fn text_to_html(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut out = String::with_capacity(text.len() + text.len() / 8 + 64);
    out.push_str("<html><body>\r\n");
    escape_into(text, &mut out);
    out.push_str("\r\n</body></html>\r\n");
    out
}

/// Text as a block between other HTML.
pub(crate) fn text_as_block(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8 + 16);
    out.push_str("<div>");
    escape_into(text, &mut out);
    out.push_str("</div>\r\n");
    out
}

fn escape_into(text: &str, out: &mut String) {
    let (mut start, mut after_space) = (0, true);
    for (at, byte) in text.bytes().enumerate() {
        let written = match byte {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\r' => "",
            b'\n' => "<br>\r\n",
            b' ' if after_space => "&nbsp;",
            b'\t' => "&nbsp;&nbsp;&nbsp; ",
            // Stands as it is; all that is written otherwise is one byte, so that no character is cut.
            _ => {
                after_space = byte == b' ';
                continue;
            }
        };
        out.push_str(&text[start..at]);
        out.push_str(written);
        start = at + 1;
        after_space = matches!(byte, b' ' | b'\n' | b'\t') || (byte == b'\r' && after_space);
    }
    out.push_str(&text[start..]);
}

/// A page as text, at least `enough` bytes of it if there are so many; and whether that is all. Links keep their
/// address, lists their marks, preformatted text its lines.
pub fn html_to_text(html: &str, enough: usize) -> (String, bool) {
    let bytes = html.as_bytes();
    let mut page = Page::default();
    let mut at = 0;
    while at < bytes.len() {
        if page.out.len() > enough.saturating_add(1) {
            return (page.finish(), false);
        }
        match bytes[at] {
            b'<' => {
                let Some(end) = markup_end(bytes, at) else { break };
                if end == at + 1 {
                    page.character('<');
                } else {
                    page.markup(&html[at..end]);
                }
                at = end;
            }
            b'&' => {
                let end = entity_end(bytes, at).unwrap_or(at + 1);
                if end == at + 1 {
                    page.character('&');
                } else {
                    let mut decoded = String::new();
                    add_html_token(&mut decoded, &bytes[at..end], false);
                    decoded.chars().for_each(|c| page.character(c));
                }
                at = end;
            }
            _ => {
                let end = bytes[at..].iter().position(|b| matches!(b, b'<' | b'&')).map_or(bytes.len(), |n| at + n);
                html[at..end].chars().for_each(|c| page.character(c));
                at = end;
            }
        }
    }
    (page.finish(), true)
}

/// The text made so far.
#[derive(Default)]
struct Page {
    out: String,
    /// Line ends due before the next character.
    breaks: usize,
    /// A space is due before the next character.
    space: bool,
    /// Inside `<pre>`, how deep.
    preformatted: usize,
    /// Inside `<head>` or `<template>`.
    hidden: bool,
    /// The open link: its address and where its text begins.
    link: Option<(String, usize)>,
}

impl Page {
    fn character(&mut self, c: char) {
        if self.hidden {
            return;
        }
        match c {
            '\r' if self.preformatted > 0 => {}
            '\n' if self.preformatted > 0 => self.line_break(1, true),
            ' ' | '\t' if self.preformatted > 0 => {
                self.settle();
                self.out.push(c);
            }
            // A page's own no-break spaces are layout; text has no use for them.
            ' ' | '\t' | '\r' | '\n' | '\u{c}' | '\u{a0}' => self.space = true,
            // Invisible: soft hyphen, zero width space, joiners that pad previews, byte order mark.
            '\u{ad}' | '\u{200b}' | '\u{34f}' | '\u{feff}' => {}
            c => {
                self.settle();
                self.out.push(c);
            }
        }
    }

    /// Writes the line ends or the space that are due.
    fn settle(&mut self) {
        if self.breaks > 0 {
            if !self.out.is_empty() {
                for _ in 0..self.breaks {
                    self.out.push_str("\r\n");
                }
            }
        } else if self.space && !self.out.is_empty() && !self.out.ends_with([' ', '\n']) {
            self.out.push(' ');
        }
        self.breaks = 0;
        self.space = false;
    }

    /// Asks for `count` line ends, or for one more if `more`; at most one empty line stands between blocks.
    fn line_break(&mut self, count: usize, more: bool) {
        self.breaks = if more { self.breaks + count } else { self.breaks.max(count) };
        self.breaks = self.breaks.min(if self.preformatted > 0 { 3 } else { 2 });
        self.space = false;
    }

    fn markup(&mut self, tag: &str) {
        let Some(inside) = tag.strip_prefix('<').filter(|inside| !inside.starts_with(['!', '?'])) else { return };
        let closing = inside.starts_with('/');
        let inside = inside.trim_start_matches('/');
        let name = String::from_utf8_lossy(tag_name(inside.as_bytes())).to_ascii_lowercase();
        match name.as_str() {
            "head" | "template" => self.hidden = !closing,
            "body" => self.hidden = false,
            _ if self.hidden => {}
            "br" => self.line_break(1, true),
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "ul" | "ol" | "dl" | "table" | "blockquote" => {
                self.line_break(if matches!(name.as_str(), "table" | "ul" | "ol") { 1 } else { 2 }, false);
            }
            "pre" => {
                self.line_break(2, false);
                self.preformatted =
                    if closing { self.preformatted.saturating_sub(1) } else { self.preformatted.saturating_add(1) };
            }
            "hr" => {
                self.line_break(1, false);
                "----------".chars().for_each(|c| self.character(c));
                self.line_break(1, false);
            }
            "li" if !closing => {
                self.line_break(1, false);
                self.character('*');
                self.space = true;
            }
            "td" | "th" => self.space = true,
            "div" | "tr" | "li" | "dt" | "dd" | "section" | "article" | "header" | "footer" | "center" | "form"
            | "address" | "figure" | "main" | "nav" | "caption" | "tbody" | "thead" => self.line_break(1, false),
            "a" if closing => self.close_link(),
            "a" => self.link = attribute(inside, "href").map(|href| (href, self.out.len())),
            "img" => {
                if let Some(alt) = attribute(inside, "alt") {
                    alt.chars().for_each(|c| self.character(c));
                }
            }
            _ => {}
        }
    }

    fn close_link(&mut self) {
        let Some((href, start)) = self.link.take() else { return };
        let shown = self.out.get(start..).unwrap_or("").trim();
        let target = href.trim();
        let plain = target.trim_start_matches("mailto:");
        let useful = ["http://", "https://", "mailto:", "tel:"].iter().any(|scheme| target.starts_with(scheme));
        if useful && !shown.is_empty() && target.len() <= LINK_MAX && shown != target && shown != plain {
            let written = format!("<{plain}>");
            self.space = true;
            written.chars().for_each(|c| self.character(c));
        }
    }

    fn finish(self) -> String {
        let text = self.out.trim_end();
        if text.is_empty() {
            return String::new();
        }
        clean(&[text, "\r\n"].concat()).into_owned()
    }
}

/// The value of an attribute, entities resolved.
fn attribute(tag: &str, wanted: &str) -> Option<String> {
    let mut rest = tag.get(tag_name(tag.as_bytes()).len()..)?;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        let end = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if after.is_empty() || (name.is_empty() && !after.starts_with('=')) {
            return None;
        }
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('=') {
            None => ("", after),
            Some(value) => {
                let value = value.trim_start();
                match value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
                    Some(quote) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
                    None => {
                        value.split_at(value.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(value.len()))
                    }
                }
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(resolve(value));
        }
        rest = after;
    }
}

/// Text in which somebody left entities.
pub(super) fn without_entities(text: &str) -> String {
    clean(&resolve(text)).into_owned()
}

fn resolve(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut out = String::with_capacity(value.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'&' => entity_end(bytes, at).unwrap_or(at + 1),
            _ => bytes[at..].iter().position(|b| *b == b'&').map_or(bytes.len(), |n| at + n),
        };
        if bytes[at] == b'&' && end > at + 1 {
            add_html_token(&mut out, &bytes[at..end], false);
        } else {
            out.push_str(&value[at..end]);
        }
        at = end;
    }
    out
}
