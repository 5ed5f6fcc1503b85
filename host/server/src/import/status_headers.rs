//! The header fields in which an mbox keeps the state of a mail: Status, X-Status, X-Keywords, and Mozilla's.
//!
//! An imported message keeps them, byte for byte. They do not count when two messages are compared, and an export to
//! mbox writes them anew where the state has changed since.

use std::ops::Range;

use easel_items::email::{HeaderLines, field_name, is_status_field};

use super::MailState;

/// The fields as they stand in a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct StatusHeaders {
    /// What they say.
    pub(crate) state: MailState,
    /// Mozilla's mark of a message that is removed at the next compaction.
    pub(crate) expunged: bool,
    /// Where they stand, line ends included.
    places: Vec<Range<usize>>,
    /// Where the header ends: before the empty line.
    header_end: usize,
    /// How lines end.
    line_end: &'static str,
}

impl StatusHeaders {
    /// Finds them in a message.
    pub(crate) fn of(raw: &[u8]) -> Self {
        let lines = HeaderLines::of(raw);
        let line_end = if lines.crlf { "\r\n" } else { "\n" };
        let mut headers = Self { line_end, header_end: lines.end, ..Self::default() };
        lines.fields.into_iter().for_each(|place| headers.take(raw, place));
        headers
    }

    fn take(&mut self, raw: &[u8], place: Range<usize>) {
        let Some(name) = field_name(raw, place.clone()).filter(|name| is_status_field(name)) else { return };
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        let value = String::from_utf8_lossy(&raw[place.start + name.len() + 1..place.end]);
        if is("Status") {
            self.state.read |= value.contains('R');
        } else if is("X-Status") {
            self.state.replied |= value.contains('A');
            self.state.flagged |= value.contains('F');
            self.state.draft |= value.contains('T');
            self.state.deleted |= value.contains('D');
        } else if is("X-Keywords") || is("X-Mozilla-Keys") {
            for word in value.split_ascii_whitespace() {
                self.state.add_keyword(&decode_keyword(word));
            }
        } else if is("X-Mozilla-Status") {
            let bits = u32::from_str_radix(value.trim(), 16).unwrap_or(0);
            self.state.read |= bits & 0x0001 != 0;
            self.state.replied |= bits & 0x0002 != 0;
            self.state.flagged |= bits & 0x0004 != 0;
            self.state.forwarded |= bits & 0x1000 != 0;
            self.expunged |= bits & 0x0008 != 0;
        }
        self.places.push(place);
    }

    /// The message as an mbox holds it in that state: as it is where its fields say so already.
    pub(crate) fn written(&self, raw: &[u8], state: &MailState) -> Vec<u8> {
        let said = MailState { received: state.received, deleted: false, ..self.state.clone() };
        if said == *state {
            return raw.to_vec();
        }
        let mut out = Vec::with_capacity(raw.len() + 64);
        let mut from = 0;
        let ends = self.places.iter().map(|place| (place.start, place.end));
        for (start, end) in ends.filter(|(start, _)| *start < self.header_end) {
            out.extend_from_slice(&raw[from..start]);
            from = end;
        }
        let header_end = self.header_end.max(from);
        out.extend_from_slice(&raw[from..header_end]);
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.extend_from_slice(self.line_end.as_bytes());
        }
        for field in fields(state) {
            out.extend_from_slice(field.as_bytes());
            out.extend_from_slice(self.line_end.as_bytes());
        }
        out.extend_from_slice(&raw[header_end..]);
        out
    }
}

fn fields(state: &MailState) -> Vec<String> {
    let mut fields = vec![format!("Status: {}", if state.read { "RO" } else { "O" })];
    let flags = [(state.replied, 'A'), (state.flagged, 'F'), (state.draft, 'T')];
    let flags: String = flags.into_iter().filter(|(set, _)| *set).map(|(_, letter)| letter).collect();
    if !flags.is_empty() {
        fields.push(format!("X-Status: {flags}"));
    }
    let forwarded = state.forwarded.then(|| "$Forwarded".to_owned());
    let keywords: Vec<String> =
        forwarded.into_iter().chain(state.keywords.iter().map(|word| encode_keyword(word))).collect();
    if !keywords.is_empty() {
        fields.push(format!("X-Keywords: {}", keywords.join(" ")));
    }
    fields
}

/// A keyword is one word of ASCII there; a category may be any text. `%20` and the like stand for the rest.
fn encode_keyword(keyword: &str) -> String {
    let mut out = String::new();
    for byte in keyword.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn decode_keyword(word: &str) -> String {
    let mut out = Vec::new();
    let mut rest = word.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => {
                out.push(decoded);
                rest = &after[2..];
            }
            None => {
                out.push(*byte);
                rest = after;
            }
        }
    }
    // What does not decode to text was never encoded.
    String::from_utf8(out).unwrap_or_else(|_| word.to_owned())
}

#[cfg(test)]
mod tests {
    use easel_items::email::without_status_fields;

    use super::*;

    #[test]
    fn status_fields_become_a_state() {
        let raw =
            b"From: a\nStatus: RO\nX-Status: AF\nX-Keywords: Red\n Gr%C3%BCn%20Blau $Forwarded\nTo: b\n\nStatus: x\n";
        let headers = StatusHeaders::of(raw);
        assert!(headers.state.read && headers.state.replied && headers.state.flagged && headers.state.forwarded);
        assert_eq!(headers.state.keywords, ["Red", "Grün Blau"]);
        assert_eq!(without_status_fields(raw).concat(), b"From: a\nTo: b\n\nStatus: x\n");
    }

    #[test]
    fn mozilla_keeps_its_state_in_bits() {
        let headers = StatusHeaders::of(b"X-Mozilla-Status: 1007\nX-Mozilla-Status2: 00000000\n\n");
        assert!(headers.state.read && headers.state.replied && headers.state.flagged && headers.state.forwarded);
        assert!(!headers.expunged && StatusHeaders::of(b"X-Mozilla-Status: 0009\n\n").expunged);
    }

    #[test]
    fn a_message_in_the_state_its_fields_say_stays_byte_for_byte() {
        let raw = b"Status: R\nFrom: a\n\nbody";
        let state = MailState { read: true, ..MailState::default() };
        assert_eq!(StatusHeaders::of(raw).written(raw, &state), raw);
        let plain = b"From: a\n\nbody";
        assert_eq!(StatusHeaders::of(plain).written(plain, &MailState::default()), plain);
    }

    #[test]
    fn a_changed_state_is_written_anew_and_read_back() {
        let state = MailState {
            read: true,
            replied: true,
            forwarded: true,
            keywords: vec!["Grün Blau".to_owned(), "100%".to_owned()],
            ..MailState::default()
        };
        for raw in
            [&b"Status: O\r\nFrom: a\r\n\r\nbody"[..], b"From: a\nStatus: O\nTo: b\n\nbody", b"From: a", b"", b"\nbody"]
        {
            let written = StatusHeaders::of(raw).written(raw, &state);
            let again = StatusHeaders::of(&written);
            assert_eq!(again.state, state, "{}", String::from_utf8_lossy(&written));
            let plain = without_status_fields(raw).concat();
            assert!(without_status_fields(&written).concat().starts_with(&plain));
        }
    }

    #[test]
    fn a_header_without_end_is_looked_at_up_to_a_bound() {
        let many = b"Status: R\n".repeat(100_000);
        let headers = StatusHeaders::of(&many);
        assert!(headers.places.len() < 30_000, "{}", headers.places.len());
        let written = headers.written(&many, &MailState::default());
        assert!(written.len() <= many.len() + 64);
    }
}
