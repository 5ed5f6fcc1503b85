//! Plain text that every device can read.

use std::borrow::Cow;

/// Text ready for the wire: lines end with CRLF, and nothing is left that XML 1.0 forbids (K: G06).
pub fn clean(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut dirty = false;
    for (at, byte) in bytes.iter().enumerate() {
        dirty |= match byte {
            b'\n' => at == 0 || bytes[at - 1] != b'\r',
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            b'\t' => false,
            0x00..=0x1F => true,
            // U+FFFE and U+FFFF begin with it, and so does harmless text.
            0xEF => bytes.get(at + 1) == Some(&0xBF) && matches!(bytes.get(at + 2), Some(0xBE | 0xBF)),
            _ => false,
        };
    }
    if !dirty {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    let mut after_return = false;
    for c in text.chars() {
        match c {
            '\n' if after_return => {}
            '\n' | '\r' => out.push_str("\r\n"),
            '\t' => out.push(c),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            c => out.push(c),
        }
        after_return = c == '\r';
    }
    Cow::Owned(out)
}

/// Text for an element that is one line: runs of white space and control characters become one space.
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')) {
        if !word.is_empty() {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(word);
        }
    }
    out
}

/// The first `characters` characters on one line. MS-ASAIRS 2.2.2.36 "Preview".
pub fn preview(text: &str, characters: usize) -> String {
    one_line(text).chars().take(characters).collect::<String>().trim_end().to_owned()
}
