//! Plain text that every device can read.

use std::borrow::Cow;

/// Text ready for the wire: lines end with CRLF, and nothing is left that XML 1.0 forbids (K: G06).
pub fn clean(text: &str) -> Cow<'_, str> {
    if is_clean(text.as_bytes()) {
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

/// Whether every line ends with CRLF and no other control character and no U+FFFE or U+FFFF is there. Counted rather
/// than looked at one by one: every body and every message passes through here.
pub(crate) fn is_clean(bytes: &[u8]) -> bool {
    let controls = bytes.iter().filter(|byte| **byte < 0x20).count();
    let tabs = memchr::memchr_iter(b'\t', bytes).count();
    let returns = memchr::memchr_iter(b'\r', bytes).count();
    let mut pairs = 0;
    for at in memchr::memchr_iter(b'\n', bytes) {
        if at == 0 || bytes[at - 1] != b'\r' {
            return false;
        }
        pairs += 1;
    }
    returns == pairs
        && controls == tabs + returns + pairs
        && memchr::memmem::find_iter(bytes, b"\xEF\xBF").all(|at| !matches!(bytes.get(at + 2), Some(0xBE | 0xBF)))
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

/// Text without the addresses of links and without what stands for a picture: a preview has no room for them (K: I17).
pub(super) fn without_addresses(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let line_end = if line.ends_with('\r') { "\r" } else { "" };
        let mut first = true;
        for word in line.trim_end_matches('\r').split(' ') {
            if is_address(word.trim_matches(['<', '>', '(', ')', '[', ']', ',', '.', ';'])) {
                continue;
            }
            if !first {
                out.push(' ');
            }
            out.push_str(word);
            first = false;
        }
        out.push_str(line_end);
    }
    out
}

fn is_address(word: &str) -> bool {
    let starts = |scheme: &&str| word.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    ["http://", "https://", "ftp://", "cid:", "mailto:", "data:image/"].iter().any(starts)
}
