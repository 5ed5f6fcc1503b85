//! Content lines: the form that iCalendar and vCard share. RFC 5545 3.1 "Content Lines", RFC 6350 3.3 "ABNF".
//!
//! A tree of components and lines that writes every line it was not asked to change byte for byte as it was read,
//! folding, case and unknown properties included. That is what merging stands on.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::ItemError;

/// Components inside components.
const DEPTH_MAX: usize = 8;
/// Lines in one object.
const LINES_MAX: usize = 100_000;
/// Octets before a line is folded.
const FOLD_AT: usize = 75;

/// `BEGIN:NAME` to `END:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The name in capitals.
    pub name: String,
    /// What it holds, in order.
    pub entries: Vec<Entry>,
}

/// One thing inside a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A component inside.
    Component(Component),
    /// A line.
    Line(Line),
}

/// `group.NAME;PARAM=value:value`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// vCard's group.
    pub group: Option<String>,
    /// The name in capitals.
    pub name: String,
    /// The parameters, in order; names in capitals, values without quotes.
    pub params: Vec<(String, Vec<String>)>,
    /// The value as it stands, escapes included.
    pub value: String,
    /// The bytes it was read from, line ends included; `None` once made or changed here.
    raw: Option<String>,
}

impl Line {
    /// A new line whose value is written as it is.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self { group: None, name: name.to_ascii_uppercase(), params: Vec::new(), value: value.into(), raw: None }
    }

    /// A new line whose value is text: escaped.
    pub fn text(name: &str, text: &str) -> Self {
        Self::new(name, escape(text))
    }

    /// The same line with one more parameter.
    #[must_use]
    pub fn with(mut self, param: &str, value: impl Into<String>) -> Self {
        self.params.push((param.to_ascii_uppercase(), vec![value.into()]));
        self.raw = None;
        self
    }

    /// The first value of a parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(param, _)| param == name).and_then(|(_, values)| values.first()).map(String::as_str)
    }

    /// Every value of every parameter of that name (`TYPE=a,b;TYPE=c` has three).
    pub fn param_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.params.iter().filter(move |(param, _)| param == name).flat_map(|(_, values)| values).map(String::as_str)
    }

    /// Whether a parameter has that value, without regard to case.
    pub fn has_param(&self, name: &str, value: &str) -> bool {
        self.param_values(name).any(|other| other.eq_ignore_ascii_case(value))
    }

    /// The value with its escapes resolved.
    pub fn plain(&self) -> String {
        unescape(&self.value)
    }

    /// The parts of a structured value (`N`, `ADR`, `ORG`), escapes resolved.
    pub fn parts(&self) -> Vec<String> {
        split_unescaped(&self.value, ';').into_iter().map(unescape).collect()
    }

    /// The members of a list value (`CATEGORIES`), escapes resolved.
    pub fn list(&self) -> Vec<String> {
        split_unescaped(&self.value, ',').into_iter().map(unescape).collect()
    }

    /// Replaces the value; a line that already has it keeps its bytes.
    pub fn set_value(&mut self, value: String) {
        if self.value != value {
            self.value = value;
            self.raw = None;
        }
    }

    /// Replaces a parameter by one value, or removes it.
    pub fn set_param(&mut self, name: &str, value: Option<&str>) {
        if self.params.iter().filter(|(param, _)| param == name).count() == usize::from(value.is_some())
            && self.param(name) == value
        {
            return;
        }
        self.raw = None;
        match (value, self.params.iter_mut().find(|(param, _)| param == name)) {
            (Some(value), Some((_, values))) => *values = vec![value.to_owned()],
            (Some(value), None) => self.params.push((name.to_owned(), vec![value.to_owned()])),
            (None, _) => self.params.retain(|(param, _)| param != name),
        }
    }

    fn write(&self, out: &mut String) {
        if let Some(raw) = &self.raw {
            out.push_str(raw);
            if !raw.ends_with('\n') {
                out.push_str("\r\n");
            }
            return;
        }
        let mut line = String::new();
        if let Some(group) = &self.group {
            line.push_str(group);
            line.push('.');
        }
        line.push_str(&self.name);
        for (name, values) in &self.params {
            let values: Vec<String> = values.iter().map(|value| quote(value)).collect();
            write!(line, ";{name}={}", values.join(",")).expect("writing to a String cannot fail");
        }
        line.push(':');
        line.extend(self.value.chars().filter(|c| !matches!(c, '\r' | '\n')));
        fold(&line, out);
    }
}

impl Component {
    /// An empty component.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_ascii_uppercase(), entries: Vec::new() }
    }

    /// The lines, in order.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Line(line) => Some(line),
            Entry::Component(_) => None,
        })
    }

    /// The lines with that name (capitals).
    pub fn all<'a>(&'a self, name: &'a str) -> impl DoubleEndedIterator<Item = &'a Line> {
        self.lines().filter(move |line| line.name == name)
    }

    /// The first line with that name.
    pub fn line(&self, name: &str) -> Option<&Line> {
        self.lines().find(|line| line.name == name)
    }

    /// The first line with that name, to be changed.
    pub fn line_mut(&mut self, name: &str) -> Option<&mut Line> {
        self.entries.iter_mut().find_map(|entry| match entry {
            Entry::Line(line) if line.name == name => Some(line),
            Entry::Line(_) | Entry::Component(_) => None,
        })
    }

    /// The value of the first line with that name, escapes resolved.
    pub fn plain(&self, name: &str) -> Option<String> {
        self.line(name).map(Line::plain)
    }

    /// The components inside, in order.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &Self> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Component(component) => Some(component),
            Entry::Line(_) => None,
        })
    }

    /// The components inside, to be changed.
    pub fn components_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Self> {
        self.entries.iter_mut().filter_map(|entry| match entry {
            Entry::Component(component) => Some(component),
            Entry::Line(_) => None,
        })
    }

    /// Appends a line behind the last line, before the components inside.
    pub fn push(&mut self, line: Line) {
        let at = self.entries.iter().rposition(|entry| matches!(entry, Entry::Line(_))).map_or(0, |at| at + 1);
        self.entries.insert(at, Entry::Line(line));
    }

    /// Puts `line` in the place of the first line of its name and removes the others of that name. A line that says
    /// the same already keeps its bytes.
    pub fn set(&mut self, line: Line) {
        let mut place = self.entries.iter().position(|entry| matches!(entry, Entry::Line(l) if l.name == line.name));
        let same = place.is_some_and(|at| matches!(&self.entries[at], Entry::Line(l) if l.says_the_same(&line)));
        if !same {
            match place {
                Some(at) => self.entries[at] = Entry::Line(line.clone()),
                None => self.push(line.clone()),
            }
        }
        self.entries.retain(|entry| match entry {
            Entry::Line(other) if other.name == line.name => place.take().is_some(),
            Entry::Line(_) | Entry::Component(_) => true,
        });
        if !self.lines().any(|other| other.name == line.name) {
            self.push(line);
        }
    }

    /// Removes every line of that name.
    pub fn remove(&mut self, name: &str) {
        self.entries.retain(|entry| !matches!(entry, Entry::Line(line) if line.name == name));
    }

    /// Sets the text of a line, keeping its parameters and, where nothing changes, its bytes; `None` removes it.
    pub fn set_text(&mut self, name: &str, text: Option<&str>) {
        match (text, self.line_mut(name)) {
            (None, _) => self.remove(name),
            (Some(text), Some(line)) if line.plain() == text => {}
            (Some(text), Some(line)) => line.set_value(escape(text)),
            (Some(text), None) => self.push(Line::text(name, text)),
        }
    }

    /// Writes the component with CRLF line ends.
    pub fn write(&self, out: &mut String) {
        out.push_str("BEGIN:");
        out.push_str(&self.name);
        out.push_str("\r\n");
        for entry in &self.entries {
            match entry {
                Entry::Component(component) => component.write(out),
                Entry::Line(line) => line.write(out),
            }
        }
        out.push_str("END:");
        out.push_str(&self.name);
        out.push_str("\r\n");
    }
}

impl std::fmt::Display for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.write_str(&out)
    }
}

impl Line {
    fn says_the_same(&self, other: &Self) -> bool {
        self.name == other.name && self.params == other.params && self.value == other.value
    }
}

/// Reads every component of a text. `format` names the format in errors.
pub fn parse(text: &str, format: &'static str) -> Result<Vec<Component>, ItemError> {
    let bad = |reason: String| ItemError::BadObject { format, reason };
    let mut done = Vec::new();
    let mut open: Vec<Component> = Vec::new();
    for (count, raw) in logical_lines(text.trim_start_matches('\u{feff}')).enumerate() {
        if count >= LINES_MAX {
            return Err(bad(format!("more than {LINES_MAX} lines")));
        }
        let unfolded = unfold(raw);
        if unfolded.trim().is_empty() {
            continue;
        }
        let Some(line) = read_line(&unfolded, raw) else {
            // Text that is no line is kept where it stands, so that nothing is lost; it has no name and no reader.
            match open.last_mut() {
                Some(parent) => {
                    parent.entries.push(Entry::Line(Line { raw: Some(raw.to_owned()), ..Line::new("", "") }))
                }
                None => return Err(bad("text outside of BEGIN and END".to_owned())),
            }
            continue;
        };
        match line.name.as_str() {
            "BEGIN" if open.len() >= DEPTH_MAX => return Err(bad(format!("deeper than {DEPTH_MAX} components"))),
            "BEGIN" => open.push(Component::new(line.value.trim())),
            "END" => {
                let closed = open.pop().filter(|component| component.name.eq_ignore_ascii_case(line.value.trim()));
                let closed = closed.ok_or_else(|| bad(format!("END:{} without its BEGIN", line.value)))?;
                match open.last_mut() {
                    Some(parent) => parent.entries.push(Entry::Component(closed)),
                    None => done.push(closed),
                }
            }
            _ => match open.last_mut() {
                Some(parent) => parent.entries.push(Entry::Line(line)),
                None => return Err(bad("a line outside of BEGIN and END".to_owned())),
            },
        }
    }
    match open.pop() {
        Some(component) => Err(bad(format!("BEGIN:{} without its END", component.name))),
        None => Ok(done),
    }
}

/// Lines with their folded continuations and line ends.
fn logical_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let bytes = rest.as_bytes();
        let mut end = 0;
        loop {
            match memchr::memchr(b'\n', &bytes[end..]) {
                Some(at) => end += at + 1,
                None => end = bytes.len(),
            }
            if end >= bytes.len() || !matches!(bytes[end], b' ' | b'\t') {
                break;
            }
        }
        let (line, tail) = rest.split_at(end);
        rest = tail;
        Some(line)
    })
}

fn unfold(raw: &str) -> Cow<'_, str> {
    if let Some(line) = raw.strip_suffix('\n')
        && memchr::memchr(b'\n', line.as_bytes()).is_none()
    {
        return Cow::Borrowed(line.strip_suffix('\r').unwrap_or(line));
    }
    let mut out = String::with_capacity(raw.len());
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', raw.as_bytes()) {
        let piece = &raw[start..end];
        out.push_str(piece.strip_suffix('\r').unwrap_or(piece));
        // The white space that the continuation begins with.
        start = end + 2;
    }
    if let Some(rest) = raw.get(start..) {
        out.push_str(rest.strip_suffix('\r').unwrap_or(rest));
    }
    Cow::Owned(out)
}

fn read_line(text: &str, raw: &str) -> Option<Line> {
    let name_end = text.find([':', ';'])?;
    let (group, name) = match text[..name_end].split_once('.') {
        Some((group, name)) => (Some(group.to_owned()), name),
        None => (None, &text[..name_end]),
    };
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
        return None;
    }
    let mut params: Vec<(String, Vec<String>)> = Vec::new();
    let mut rest = &text[name_end..];
    while let Some(after) = rest.strip_prefix(';') {
        let end = outside_quotes(after, |byte| matches!(byte, b';' | b':'))?;
        let (param, value) = after[..end].split_once('=').unwrap_or(("TYPE", &after[..end]));
        let mut values = Vec::new();
        let mut list = value;
        loop {
            let cut = outside_quotes(list, |byte| byte == b',').unwrap_or(list.len());
            values.push(unquote(&list[..cut]));
            match list.get(cut + 1..) {
                Some(tail) => list = tail,
                None => break,
            }
        }
        params.push((param.to_ascii_uppercase(), values));
        rest = &after[end..];
    }
    let value = rest.strip_prefix(':')?.to_owned();
    Some(Line { group, name: name.to_ascii_uppercase(), params, value, raw: Some(raw.to_owned()) })
}

/// The first of some ASCII characters that no quotes hold.
fn outside_quotes(text: &str, wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let mut quoted = false;
    text.bytes().position(|byte| {
        quoted ^= byte == b'"';
        !quoted && wanted(byte)
    })
}

/// RFC 6868: `^n`, `^'` and `^^` inside a parameter value.
fn unquote(value: &str) -> String {
    let value = value.trim_matches('"');
    if !value.contains('^') {
        return value.to_owned();
    }
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if c != '^' {
            out.push(c);
            continue;
        }
        // What follows belongs to it, so that `^^n` is a circumflex and an n.
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('\'') => out.push('"'),
            Some('^') => out.push('^'),
            other => out.extend(std::iter::once('^').chain(other)),
        }
    }
    out
}

fn quote(value: &str) -> String {
    let safe = value.replace('^', "^^").replace('\n', "^n").replace('"', "^'").replace('\r', "");
    if safe.contains([':', ';', ',']) { format!("\"{safe}\"") } else { safe }
}

/// RFC 5545 3.3.11 "Text".
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => {}
            c if c.is_control() && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}

/// Resolves the escapes of a text value.
pub fn unescape(text: &str) -> String {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => out.push('\n'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            c => out.push(c),
        }
    }
    out
}

/// Cuts at each `separator` that no backslash escapes; the pieces keep their escapes.
pub fn split_unescaped(text: &str, separator: char) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == separator && !escaped {
            pieces.push(&text[start..at]);
            start = at + c.len_utf8();
        }
        escaped = c == '\\' && !escaped;
    }
    pieces.push(&text[start..]);
    pieces
}

/// RFC 5545 3.1: no line longer than 75 octets, never cut inside a character.
pub(crate) fn fold(line: &str, out: &mut String) {
    let mut room = FOLD_AT;
    for c in line.chars() {
        if c.len_utf8() > room {
            out.push_str("\r\n ");
            room = FOLD_AT - 1;
        }
        out.push(c);
        room -= c.len_utf8();
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nbegin:vevent\r\nsummary;LANGUAGE=de:Gr\u{fc}\r\n \u{df}e\\, Welt\r\n\
        X-ODD;FOO=\"a;b:c\",d:1;2\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

    #[test]
    fn what_nobody_changed_is_written_byte_for_byte() {
        let mut calendars = parse(EVENT, "iCalendar").unwrap();
        let event = calendars[0].components_mut().next().unwrap();
        assert_eq!(event.plain("SUMMARY").as_deref(), Some("Gr\u{fc}\u{df}e, Welt"));
        assert_eq!(event.line("X-ODD").unwrap().param_values("FOO").collect::<Vec<_>>(), ["a;b:c", "d"]);
        event.set_text("SUMMARY", Some("Gr\u{fc}\u{df}e, Welt"));
        event.set_text("LOCATION", Some("here"));
        let written = calendars[0].to_string();
        assert!(written.contains(
            "summary;LANGUAGE=de:Gr\u{fc}\r\n \u{df}e\\, Welt\r\nX-ODD;FOO=\"a;b:c\",d:1;2\r\nLOCATION:here\r\n"
        ));
    }

    #[test]
    fn a_parameter_comes_back_as_it_was_whatever_is_in_it() {
        for value in ["^n", "^", "a^^'b", "^x", "\"q\"", "two\nlines", "a;b:c,d", ""] {
            let mut card = Component::new("VCARD");
            card.push(Line::new("X-A", "1").with("P", value));
            let read = parse(&card.to_string(), "vCard").unwrap().remove(0);
            assert_eq!(read.line("X-A").unwrap().param("P"), Some(value));
        }
    }

    #[test]
    fn long_lines_are_folded_between_characters() {
        let mut card = Component::new("VCARD");
        card.push(Line::text("NOTE", &"\u{20ac}".repeat(100)));
        let written = card.to_string();
        assert!(written.split("\r\n").all(|line| line.len() <= 75));
        assert_eq!(parse(&written, "vCard").unwrap()[0].plain("NOTE").unwrap(), "\u{20ac}".repeat(100));
    }

    #[test]
    fn set_replaces_the_first_and_removes_the_others() {
        let mut card = parse("BEGIN:VCARD\nA:1\nB:2\nA:3\nEND:VCARD\n", "vCard").unwrap().remove(0);
        card.set(Line::new("A", "4"));
        assert_eq!(card.to_string(), "BEGIN:VCARD\r\nA:4\r\nB:2\nEND:VCARD\r\n");
        card.set(Line::new("C", "5"));
        assert_eq!(card.line("C").unwrap().value, "5");
    }

    #[test]
    fn broken_nesting_and_endless_depth_are_refused() {
        let deep = "BEGIN:A\n".repeat(DEPTH_MAX + 1);
        for text in ["BEGIN:A\nEND:B\n", "BEGIN:A\n", "END:A\n", "A:1\n", deep.as_str()] {
            assert!(parse(text, "iCalendar").is_err(), "{text}");
        }
        let many = format!("BEGIN:A\n{}END:A\n", "X:1\n".repeat(LINES_MAX));
        assert!(parse(&many, "iCalendar").is_err());
    }
}
