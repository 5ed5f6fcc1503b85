//! mbox: messages one behind the other, each after a line `From sender date`.
//!
//! A separator is a line that begins with `From ` after an empty line, or at the start of the file, and ends in a
//! date; a sentence that begins so is none. Lines `>From ` lose one `>` (the variant mboxrd, which [`crate::export`]
//! writes). Messages over the bound are passed over without being held.

use std::io::BufRead;
use std::path::Path;

use jiff::Timestamp;

use super::date::separator_date;
use super::line::Lines;
use super::{Bounds, MailState, Origin, Place, ReadError, StatusHeaders, Take};

/// Reads every message of an mbox.
pub(crate) fn read(
    path: &Path,
    input: impl BufRead,
    folder: &[String],
    bounds: Bounds,
    take: &mut dyn Take,
) -> Result<(), ReadError> {
    let file = Origin::file(path);
    let mut lines = Lines::new(input);
    let mut line = Vec::new();
    let mut open: Option<Message> = None;
    let mut after_blank = true;
    let mut number = 0;
    while lines.next(&mut line)? {
        let separator = if after_blank && lines.begins { separator(&line) } else { None };
        if let Some(received) = separator {
            if let Some(message) = open.take() {
                message.finish(folder, bounds, take)?;
            }
            number += 1;
            let origin = file.at(Place::Message { number, byte: lines.start });
            open = Some(Message { origin, received, bytes: Vec::new(), size: 0 });
        } else if let Some(message) = &mut open {
            message.add(if lines.begins { unquoted(&line) } else { &line }, bounds);
        } else if !is_blank(&line) {
            let origin = file.at(Place::Line(lines.number));
            take.skip(origin, "text before the first line that begins a message (\"From \" and a date)".to_owned());
            open = Some(Message::dropped(file.clone()));
        }
        after_blank = lines.begins && is_blank(&line);
        take.advance(line.len() as u64);
    }
    match open {
        Some(message) => message.finish(folder, bounds, take),
        None => Ok(()),
    }
}

/// A message being read.
struct Message {
    origin: Origin,
    received: Timestamp,
    bytes: Vec<u8>,
    /// How many bytes there were; `u64::MAX` drops it without a word.
    size: u64,
}

impl Message {
    fn dropped(origin: Origin) -> Self {
        Self { origin, received: Timestamp::UNIX_EPOCH, bytes: Vec::new(), size: u64::MAX }
    }

    fn add(&mut self, line: &[u8], bounds: Bounds) {
        self.size = self.size.saturating_add(line.len() as u64);
        if self.size > bounds.message_bytes_max as u64 {
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(line);
        }
    }

    fn finish(mut self, folder: &[String], bounds: Bounds, take: &mut dyn Take) -> Result<(), ReadError> {
        if self.size == u64::MAX {
            return Ok(());
        }
        if self.size > bounds.message_bytes_max as u64 {
            let reason =
                format!("{} bytes, above the {} of limits.message_mib_max", self.size, bounds.message_bytes_max);
            take.skip(self.origin, reason);
            return Ok(());
        }
        // The empty line before the next separator is no part of the message.
        for end in [&b"\r\n"[..], b"\n"] {
            let before = self.bytes.len().saturating_sub(end.len());
            if self.bytes.ends_with(end) && (before == 0 || self.bytes[before - 1] == b'\n') {
                self.bytes.truncate(before);
                break;
            }
        }
        if self.bytes.iter().all(u8::is_ascii_whitespace) {
            take.skip(self.origin, "an empty message".to_owned());
            return Ok(());
        }
        let headers = StatusHeaders::of(&self.bytes);
        if headers.expunged {
            take.skip(self.origin, "marked as removed (X-Mozilla-Status)".to_owned());
            return Ok(());
        }
        let state = MailState { received: Some(self.received.as_millisecond()), ..headers.state };
        Ok(take.mail(self.origin, folder, state, self.bytes)?)
    }
}

/// The date of a line that begins a message.
fn separator(line: &[u8]) -> Option<Timestamp> {
    let rest = line.strip_prefix(b"From ")?;
    let text = std::str::from_utf8(&rest[..rest.len().min(1000)]).ok()?;
    // The sender comes first; where it is left out, everything is date.
    let after_sender = text.split_once(' ').map_or("", |(_, after)| after);
    separator_date(after_sender).or_else(|| separator_date(text))
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

/// A line without the `>` that protects it.
fn unquoted(line: &[u8]) -> &[u8] {
    let quotes = line.iter().take_while(|byte| **byte == b'>').count();
    if quotes > 0 && line[quotes..].starts_with(b"From ") { &line[1..] } else { line }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use easel_protocol::Class;

    use super::*;
    use crate::import::Stop;

    #[derive(Default)]
    struct Found {
        mails: Vec<(MailState, String)>,
        skipped: Vec<String>,
        bytes: u64,
    }

    impl Take for Found {
        fn mail(&mut self, _: Origin, _: &[String], state: MailState, bytes: Vec<u8>) -> Result<(), Stop> {
            self.mails.push((state, String::from_utf8(bytes).unwrap()));
            Ok(())
        }

        fn object(&mut self, _: Origin, _: &[String], _: Class, _: String) -> Result<(), Stop> {
            unreachable!("an mbox holds mail")
        }

        fn skip(&mut self, origin: Origin, reason: String) {
            self.skipped.push(format!("{origin}: {reason}"));
        }

        fn advance(&mut self, bytes: u64) {
            self.bytes += bytes;
        }
    }

    fn found(text: &str) -> Found {
        let mut found = Found::default();
        let bounds = Bounds { message_bytes_max: 1000, object_bytes_max: 1000 };
        read(Path::new("x.mbox"), BufReader::with_capacity(64, text.as_bytes()), &[], bounds, &mut found).unwrap();
        assert_eq!(found.bytes, text.len() as u64);
        found
    }

    fn bodies(text: &str) -> Vec<String> {
        found(text).mails.into_iter().map(|(_, body)| body).collect()
    }

    #[test]
    fn messages_are_cut_at_separators_and_lose_their_quoting() {
        let text = "From a Thu Jan  2 03:04:05 2020\nSubject: 1\n\n>From here\n>>From there\n> From x\n\n\
                    From - Thu Jan  2 03:04:06 2020\nSubject: 2\n\nFrom the start\n\nFrom here on it is text\n";
        let found = found(text);
        assert_eq!(found.mails[0].1, "Subject: 1\n\nFrom here\n>From there\n> From x\n");
        assert_eq!(found.mails[0].0.received, Some(1_577_934_245_000));
        assert_eq!(found.mails[1].1, "Subject: 2\n\nFrom the start\n\nFrom here on it is text\n");
    }

    #[test]
    fn crlf_files_are_read_and_keep_their_line_ends() {
        let text = "From a Thu Jan  2 03:04:05 2020\r\nSubject: 1\r\n\r\nx\r\n\r\nFrom a Thu Jan  2 03:04:05 2020\r\nA: b\r\n\r\ny\r\n";
        assert_eq!(bodies(text), ["Subject: 1\r\n\r\nx\r\n", "A: b\r\n\r\ny\r\n"]);
    }

    #[test]
    fn what_is_too_large_or_empty_is_passed_over_and_named() {
        let line = "From a Thu Jan  2 03:04:05 2020\n";
        let text = format!("junk\n\n{line}A: {}\n\n{line}\n{line}B: b\n\nx\n", "x".repeat(200_000));
        let found = found(&text);
        assert_eq!(found.mails.len(), 1);
        assert!(found.skipped[0].starts_with("x.mbox:1: text before"), "{}", found.skipped[0]);
        assert!(found.skipped[1].starts_with("x.mbox: message 1, byte 6: 200005 bytes"), "{}", found.skipped[1]);
        assert!(found.skipped[2].contains("message 2") && found.skipped[2].ends_with("an empty message"));
    }

    #[test]
    fn a_file_without_any_separator_is_reported_once() {
        let found = found("Subject: x\n\nbody\n\nmore\n");
        assert_eq!((found.mails.len(), found.skipped.len()), (0, 1));
    }
}
