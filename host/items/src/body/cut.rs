//! Where a body may be cut.

use super::html::{entity_end, markup_end};

/// The longest beginning of `text` of at most `limit` bytes that ends between two characters a reader sees, and not
/// between the two bytes of a line end (K: G32).
pub fn cut_text(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut at = limit;
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let whole_character = at;
    // A mark, a joiner or a skin tone belongs to the character before it; a run without end is cut anyway.
    for _ in 0..16 {
        let (before, after) = text.split_at(at);
        let joined = before.ends_with('\u{200d}') || after.chars().next().is_some_and(attaches);
        match before.chars().next_back().filter(|_| joined) {
            Some(last) => at -= last.len_utf8(),
            None => break,
        }
    }
    if text[at..].chars().next().is_some_and(attaches) {
        at = whole_character;
    }
    if text[..at].ends_with('\r') && text[at..].starts_with('\n') {
        at -= 1;
    }
    &text[..at]
}

const fn attaches(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{200d}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

/// The longest beginning of `html` of at most `limit` bytes that ends outside of tags, comments, entities, scripts and
/// styles. Elements it leaves open are closed by every reader.
pub fn cut_html(html: &str, limit: usize) -> &str {
    if html.len() <= limit {
        return html;
    }
    let bytes = html.as_bytes();
    let mut at = 0;
    while at < limit {
        let next = match bytes[at] {
            b'<' => markup_end(bytes, at),
            b'&' => entity_end(bytes, at),
            // Text up to the next markup.
            _ => Some(memchr::memchr2(b'<', b'&', &bytes[at..limit]).map_or(limit, |offset| at + offset)),
        };
        match next {
            Some(next) if next <= limit => at = next,
            Some(_) | None => break,
        }
    }
    cut_text(html, at)
}
