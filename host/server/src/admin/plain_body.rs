//! Bodies that are no WBXML, as an administrator may see them: messages that devices send up to version 12.1, documents
//! that are broken, and whatever else came.
//!
//! Of a message the names of its fields are shown, and what they hold where that tells of its form only; of everything
//! else its length and what is wrong with it. In full: as much as fits.

use easel_wbxml::DecodeError;

/// Bytes of a message that are shown in full.
const MESSAGE_MAX: usize = 64 << 10;
/// Bytes of anything else that are shown in full.
const BYTES_MAX: usize = 4 << 10;
/// Fields of a message that are shown.
const FIELDS_MAX: usize = 100;
/// Characters of a field that are shown.
const FIELD_MAX: usize = 128;

/// Fields whose text is shown up to its first parameter: parameters name files.
const SHOWN: [&str; 7] =
    ["content-class", "content-transfer-encoding", "content-type", "date", "importance", "mime-version", "x-priority"];

/// A body that could not be read.
pub(super) fn text(bytes: &[u8], error: &DecodeError, full: bool) -> String {
    let length = bytes.len();
    match (is_message(bytes), full) {
        (true, true) => {
            let end = length.min(MESSAGE_MAX);
            let text = String::from_utf8_lossy(&bytes[..end]).replace("\r\n", "\n");
            format!("a message of {length} bytes:\n{}{}", text.trim_end(), cut(end, length))
        }
        (true, false) => format!("a message of {length} bytes:\n{}", header(bytes)),
        (false, true) => {
            let end = length.min(BYTES_MAX);
            format!("{length} bytes that are no WBXML: {error}\n{}{}", hexadecimal(&bytes[..end]), cut(end, length))
        }
        (false, false) => format!("{length} bytes that are no WBXML: {error}"),
    }
}

fn cut(end: usize, length: usize) -> String {
    if end < length { format!("\n[cut after {end} bytes]") } else { String::new() }
}

/// Whether it begins with a field. RFC 5322 2.2 "Header Fields".
fn is_message(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    name_of(line).is_some()
}

/// The name of the field that a line begins.
fn name_of(line: &[u8]) -> Option<&str> {
    let end = line.iter().position(|byte| *byte == b':')?;
    let name = std::str::from_utf8(&line[..end]).ok()?.trim_end();
    let fits = (1..=76).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    fits.then_some(name)
}

/// The header of a message with lengths in the place of what is not shown, and how much follows it.
fn header(bytes: &[u8]) -> String {
    let mut fields: Vec<(&str, String)> = Vec::new();
    let (mut read, mut left_out) = (0, 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        read += line.len();
        let text = line.trim_ascii_end();
        if text.is_empty() {
            break;
        }
        let goes_on = text.starts_with(b" ") || text.starts_with(b"\t");
        let room = fields.len() < FIELDS_MAX;
        match (fields.last_mut().filter(|_| goes_on), name_of(text)) {
            (Some((_, value)), _) => value.push_str(&String::from_utf8_lossy(text)),
            (None, Some(name)) if room => {
                let value = String::from_utf8_lossy(&text[name.len() + 1..]);
                fields.push((name, value.trim_start_matches([':', ' ', '\t']).to_owned()));
            }
            (None, _) => left_out += 1,
        }
    }
    let mut lines: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {}", shown(name, value))).collect();
    if left_out > 0 {
        lines.push(format!("[{left_out} lines]"));
    }
    lines.push(format!("[{} bytes of body]", bytes.len() - read));
    lines.join("\n")
}

fn shown(name: &str, value: &str) -> String {
    let (plain, parameters) = value.split_once(';').map_or((value, ""), |(plain, rest)| (plain, rest));
    let plain = plain.trim();
    let is_shown = SHOWN.contains(&name.to_ascii_lowercase().as_str()) && plain.chars().count() <= FIELD_MAX;
    match (is_shown, parameters.chars().count()) {
        (false, _) => format!("[{} characters]", value.chars().count()),
        (true, 0) => plain.to_owned(),
        (true, more) => format!("{plain}; [{more} characters]"),
    }
}

/// Sixteen bytes a line, with where they stand.
fn hexadecimal(bytes: &[u8]) -> String {
    let line = |(at, bytes): (usize, &[u8])| {
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:06x}  {}", at * 16, hex.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(bytes: &[u8], full: bool) -> String {
        text(bytes, &easel_wbxml::decode(bytes).unwrap_err(), full)
    }

    const MESSAGE: &[u8] = b"From: zoe@ox.io\r\nSubject: very\r\n secret\r\nDate: Mon, 02 Mar 2026 10:00:00 +0000\r\n\
        Content-Type: multipart/mixed; boundary=hidden\r\nX-Odd : x\r\nno field\r\n\r\nPrivate: words\r\n";

    #[test]
    fn of_a_message_its_form_is_shown_and_neither_people_nor_words() {
        let expected = "a message of 167 bytes:\nFrom: [9 characters]\nSubject: [11 characters]\n\
            Date: Mon, 02 Mar 2026 10:00:00 +0000\nContent-Type: multipart/mixed; [16 characters]\n\
            X-Odd: [1 characters]\n[1 lines]\n[16 bytes of body]";
        assert_eq!(of(MESSAGE, false), expected);
        let full = of(MESSAGE, true);
        assert!(full.contains("Subject: very\n secret\n") && full.ends_with("Private: words"), "{full}");
    }

    #[test]
    fn a_broken_document_is_told_by_what_is_wrong_with_it() {
        let broken = b"\x03\x01\x6a\x00\x45\x5c\x03secret";
        assert_eq!(of(broken, false), "13 bytes that are no WBXML: the input ends early, at byte 13");
        let full = of(broken, true);
        assert!(full.ends_with("\n000000  03 01 6a 00 45 5c 03 73 65 63 72 65 74"), "{full}");
    }

    #[test]
    fn what_is_shown_is_bounded() {
        let large = [MESSAGE, &vec![b'x'; MESSAGE_MAX]].concat();
        assert!(of(&large, true).ends_with("[cut after 65536 bytes]"));
        assert!(of(&vec![0xff; BYTES_MAX + 1], true).ends_with("[cut after 4096 bytes]"));
        let many = b"A: b\r\n".repeat(FIELDS_MAX + 3);
        let shown = of(&many, false);
        assert!(shown.ends_with("[3 lines]\n[0 bytes of body]") && shown.lines().count() == FIELDS_MAX + 3, "{shown}");
        let long = [b"Date: ", &vec![b'x'; FIELD_MAX + 1][..]].concat();
        assert!(of(&long, false).contains("Date: [129 characters]"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_shown(bytes: Vec<u8>, full: bool) {
            let error = DecodeError::EndOfInput(0);
            let _ = text(&bytes, &error, full);
        }

        #[test]
        fn no_word_of_a_message_is_shown(word in "[a-z]{12,20}") {
            let message = format!("Subject: {word}\r\nX-A: {word}\r\n\r\n{word}");
            prop_assert!(!of(message.as_bytes(), false).contains(&word));
        }
    }
}
