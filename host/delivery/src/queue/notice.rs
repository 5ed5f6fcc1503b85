//! What the sender is told of a message that did not arrive, or not yet. RFC 3464 "Delivery Status Notifications",
//! RFC 6522 "multipart/report"; RFC 6533 where an address or a header is not ASCII.
//!
//! A notice has no return path: nothing is ever told of a notice (RFC 5321 4.5.5), nor of any other message without one.

use std::fmt::Write as _;

use easel_store::{FailedRecipient, Outgoing};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use mail_builder::headers::Header as _;
use mail_builder::headers::text::Text;

use super::retry::kept;
use super::token;
use crate::{Address, Trace};

/// Bytes of the original's header that are returned.
const HEADER_MAX: usize = 32 * 1024;
/// Recipients named in one notice; the others are counted.
const RECIPIENTS_MAX: usize = 1000;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It takes longer; nothing has to be done.
    Delayed,
    /// It was given up.
    Failed,
}

/// What a notice is made of.
#[derive(Debug)]
pub(super) struct Notice<'a> {
    pub(super) kind: Kind,
    pub(super) row: &'a Outgoing,
    /// Of whom, and why.
    pub(super) recipients: &'a [FailedRecipient],
    /// Whom it is for.
    pub(super) to: &'a Address,
    /// The name of this server.
    pub(super) hostname: &'a str,
    /// The original; empty when it cannot be read.
    pub(super) original: &'a [u8],
    pub(super) now: Timestamp,
    /// Until when it is tried.
    pub(super) until: Timestamp,
}

impl Notice<'_> {
    /// The message, with the fields that a delivery leaves.
    pub(super) fn message(&self) -> Vec<u8> {
        // An attempt may fail for one recipient and be late for another: two mails.
        let kind = match self.kind {
            Kind::Delayed => "d",
            Kind::Failed => "f",
        };
        let id = format!("{}.{:x}.{kind}", token(self.row), self.now.as_millisecond());
        let trace = Trace { sender: None, recipient: self.to, from: None, by: self.hostname, id: &id, at: self.now };
        let original = easel_items::email::index(self.original, self.now).facts;
        let boundary = format!("=_{id}");
        let global = !self.recipients.iter().all(|one| one.recipient.is_ascii());
        let mut out = trace.fields();
        let title = match self.kind {
            Kind::Delayed => "Delayed",
            Kind::Failed => "Not delivered",
        };
        let _ = write!(
            out,
            "From: Mail Delivery System <MAILER-DAEMON@{host}>\r\nTo: {to}\r\nDate: {date}\r\n\
             Message-ID: <{id}@{host}>\r\n{thread}Subject: {subject}\
             Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type={report};\r\n\tboundary=\"{boundary}\"\r\n\r\n",
            host = self.hostname,
            to = self.to,
            date = date(self.now),
            thread = original.uid.as_deref().filter(|id| is_id(id)).map(thread).unwrap_or_default(),
            subject = subject(&format!("{title}: {}", original.subject)),
            report = if global { "global-delivery-status" } else { "delivery-status" },
        );
        let part = |out: &mut String, content_type: &str, text: &str| {
            let encoding = if text.is_ascii() { "7bit" } else { "8bit" };
            let _ = write!(
                out,
                "--{boundary}\r\nContent-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{text}\r\n"
            );
        };
        part(&mut out, "text/plain; charset=utf-8", &self.text(&original.subject));
        let kind = if global { "message/global-delivery-status" } else { "message/delivery-status" };
        part(&mut out, kind, &self.status());
        let header = header(self.original);
        let kind = if header.is_ascii() { "text/rfc822-headers" } else { "message/global-headers" };
        part(&mut out, kind, &header);
        let _ = write!(out, "--{boundary}--\r\n");
        out.into_bytes()
    }

    /// For people.
    fn text(&self, subject: &str) -> String {
        let subject = wrapped(match subject {
            "" if self.original.is_empty() => "(it cannot be read here)",
            "" => "(no subject)",
            subject => subject,
        });
        let sent = date(Timestamp::from_millisecond(self.row.queued).unwrap_or(self.now));
        let mut out = format!("Your message\r\n\r\n    {subject}\r\n    sent {sent}\r\n\r\n");
        out.push_str(match self.kind {
            Kind::Delayed => "has not reached the following recipients yet:\r\n\r\n",
            Kind::Failed => "could not be delivered to the following recipients:\r\n\r\n",
        });
        for one in self.recipients.iter().take(RECIPIENTS_MAX) {
            let _ = write!(out, "    {}\r\n        {}\r\n", kept(&one.recipient), wrapped(&words(one)));
        }
        if self.recipients.len() > RECIPIENTS_MAX {
            let _ = write!(out, "    and {} more\r\n", self.recipients.len() - RECIPIENTS_MAX);
        }
        let _ = match self.kind {
            Kind::Delayed => write!(
                out,
                "\r\nYou need not do anything: it will be tried until {}, and you will be\r\ntold if it is given up.\r\n",
                date(self.until)
            ),
            Kind::Failed => write!(
                out,
                "\r\nIt will not be tried again. Correct the address, or ask the recipient, and send it\r\nonce more.\r\n"
            ),
        };
        out
    }

    /// For programs. RFC 3464 2.2, 2.3.
    fn status(&self) -> String {
        let mut out = format!(
            "Reporting-MTA: dns; {}\r\nArrival-Date: {}\r\n",
            self.hostname,
            date(Timestamp::from_millisecond(self.row.queued).unwrap_or(self.now))
        );
        for one in self.recipients.iter().take(RECIPIENTS_MAX) {
            let kind = if one.recipient.is_ascii() { "rfc822" } else { "utf-8" };
            let (action, unknown) = match self.kind {
                Kind::Delayed => ("delayed", "4.0.0"),
                Kind::Failed => ("failed", "5.0.0"),
            };
            let status = if one.status.is_empty() { unknown } else { &one.status };
            let _ = write!(
                out,
                "\r\nFinal-Recipient: {kind}; {}\r\nAction: {action}\r\nStatus: {status}\r\n",
                kept(&one.recipient)
            );
            if !one.host.is_empty() {
                let said = wrapped(&one.reason);
                let _ = write!(out, "Remote-MTA: dns; {}\r\nDiagnostic-Code: smtp; {said}\r\n", one.host);
            }
            let _ = write!(out, "Last-Attempt-Date: {}\r\n", date(self.now));
            if self.kind == Kind::Delayed {
                let _ = write!(out, "Will-Retry-Until: {}\r\n", date(self.until));
            }
        }
        out
    }
}

fn words(one: &FailedRecipient) -> String {
    let said = if one.host.is_empty() { one.reason.clone() } else { format!("{} said: {}", one.host, one.reason) };
    if one.status == "4.4.7" { format!("it was tried for too long; last: {said}") } else { said }
}

/// A text of any length in lines that every server takes; those that follow begin with a space.
fn wrapped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut width = 0;
    for word in text.split([' ', '\r', '\n', '\t']).filter(|word| !word.is_empty()) {
        if width > 0 {
            let fits = width + word.len() < 72;
            out.push_str(if fits { " " } else { "\r\n        " });
            width = if fits { width + 1 } else { 0 };
        }
        out.push_str(word);
        width += word.len();
    }
    out
}

fn date(at: Timestamp) -> String {
    jiff::fmt::rfc2822::to_string(&at.to_zoned(TimeZone::UTC)).unwrap_or_default()
}

/// The value of a Subject field, with its end.
fn subject(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
    let mut out = Vec::new();
    Text::new(line.trim_end()).write_header(&mut out, "Subject: ".len());
    let text = String::from_utf8(out).unwrap_or_default();
    if text.ends_with("\r\n") { text } else { format!("{text}\r\n") }
}

/// Whether a Message-ID can be written again.
pub(crate) fn is_id(id: &str) -> bool {
    (3..=250).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b))
}

fn thread(id: &str) -> String {
    format!("In-Reply-To: <{id}>\r\nReferences: <{id}>\r\n")
}

/// The header of a message, as far as it may be returned: whole lines.
fn header(message: &[u8]) -> String {
    let end = message.windows(4).position(|four| four == b"\r\n\r\n").map_or(message.len(), |at| at + 2);
    let mut header = &message[..end];
    if header.len() > HEADER_MAX {
        header = &header[..HEADER_MAX];
        let whole = header.windows(2).rposition(|two| two == b"\r\n").map_or(0, |at| at + 2);
        header = &header[..whole];
    }
    String::from_utf8_lossy(header).into_owned()
}

#[cfg(test)]
mod tests {
    use easel_store::{BlobId, OutgoingId, UserId};

    use super::*;

    fn row() -> Outgoing {
        Outgoing {
            id: OutgoingId(7),
            user: UserId(1),
            sender: "anna@ox.io".to_owned(),
            recipients: Vec::new(),
            failed: Vec::new(),
            delayed: Vec::new(),
            delay_told: false,
            blob: BlobId(1),
            queued: 1_770_000_000_000,
            attempts: 1,
            tried: None,
            waited: 0,
            next_attempt: 0,
            last_error: None,
        }
    }

    fn notice(kind: Kind, original: &str, recipients: &[FailedRecipient]) -> String {
        let (row, to) = (row(), Address::parse("anna@ox.io").unwrap());
        let now = Timestamp::from_millisecond(row.queued + 60_000).unwrap();
        let until = Timestamp::from_millisecond(row.queued + 5 * 86_400_000).unwrap();
        let notice = Notice {
            kind,
            row: &row,
            recipients,
            to: &to,
            hostname: "easel.example",
            original: original.as_bytes(),
            now,
            until,
        };
        String::from_utf8(notice.message()).unwrap()
    }

    const ORIGINAL: &str = "From: anna@ox.io\r\nSubject: Lunch\r\nMessage-ID: <m1@ox.io>\r\n\r\nsecret\r\n";

    fn refused(recipient: &str) -> FailedRecipient {
        FailedRecipient {
            recipient: recipient.to_owned(),
            reason: "550 5.1.1 no such user".to_owned(),
            status: "5.1.1".to_owned(),
            host: "mx.y.example".to_owned(),
        }
    }

    #[test]
    fn a_failure_is_told_to_people_and_programs() {
        let text = notice(Kind::Failed, ORIGINAL, &[refused("x@y.example")]);
        for line in [
            "Return-Path: <>\r\n",
            "To: anna@ox.io\r\n",
            "Subject: Not delivered: Lunch\r\n",
            "In-Reply-To: <m1@ox.io>\r\n",
            "Auto-Submitted: auto-replied\r\n",
            "multipart/report; report-type=delivery-status;",
            "Reporting-MTA: dns; easel.example\r\n",
            "Final-Recipient: rfc822; x@y.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
            "Remote-MTA: dns; mx.y.example\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n",
            "Content-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: 7bit\r\n\r\nFrom: anna@ox.io\r\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
        assert!(!text.contains("secret") && !text.contains("Will-Retry-Until"), "{text}");
        assert!(text.lines().all(|line| line.len() < 200));
        let index = easel_items::email::index(text.as_bytes(), Timestamp::UNIX_EPOCH);
        assert_eq!(index.facts.subject, "Not delivered: Lunch");
    }

    #[test]
    fn a_delay_says_until_when_and_what_was_said_last() {
        let one = FailedRecipient { recipient: "x@y.example".into(), reason: "no route".into(), ..Default::default() };
        let text = notice(Kind::Delayed, ORIGINAL, &[one]);
        assert!(text.contains("Action: delayed\r\nStatus: 4.0.0\r\n"), "{text}");
        assert!(text.contains("Will-Retry-Until: Sat, 7 Feb 2026 02:40:00 +0000\r\n"), "{text}");
        assert!(text.contains("        no route\r\n") && !text.contains("Diagnostic-Code"), "{text}");
    }

    #[test]
    fn a_failure_and_a_delay_of_one_attempt_are_two_mails() {
        let id = |kind| {
            let text = notice(kind, ORIGINAL, &[refused("x@y.example")]);
            easel_items::email::index(text.as_bytes(), Timestamp::UNIX_EPOCH).facts.uid.unwrap()
        };
        assert_ne!(id(Kind::Delayed), id(Kind::Failed));
        assert_eq!(id(Kind::Failed), id(Kind::Failed), "one that is written down again is the same");
    }

    #[test]
    fn addresses_and_headers_that_are_not_ascii_are_told_in_their_own_forms() {
        let original = "Subject: Grüße\r\nMessage-ID: <m\r\n 2@ox.io>\r\n\r\n";
        let text = notice(Kind::Failed, original, &[refused("jürgen@y.example")]);
        for line in [
            "report-type=global-delivery-status;",
            "Content-Type: message/global-delivery-status\r\n",
            "Final-Recipient: utf-8; jürgen@y.example\r\n",
            "Content-Type: message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n",
            "Subject: =?utf-8?",
        ] {
            assert!(text.contains(line), "{line:?} is not in\n{text}");
        }
    }

    #[test]
    fn a_long_header_is_cut_between_lines_and_long_lists_are_bounded() {
        let original = format!("Subject: x\r\nX-Long: {}\r\n\r\n", "a b c\r\n ".repeat(10_000));
        let many: Vec<FailedRecipient> = (0..1002).map(|n| refused(&format!("u{n}@y.example"))).collect();
        let text = notice(Kind::Failed, &original, &many);
        assert!(text.contains("    and 2 more\r\n") && text.matches("Final-Recipient").count() == 1000);
        assert!(text.len() < 600_000, "{}", text.len());
        assert_eq!(header(b"no end"), "no end");
    }

    #[test]
    fn nothing_of_the_original_or_of_a_host_begins_a_field() {
        let mut one = refused("x@y.example");
        one.reason = format!("550 no\r\nAction: delivered {}", "w ".repeat(300));
        one.recipient = "x@y>\r\nAction: delivered".to_owned();
        let text = notice(Kind::Failed, "Subject: x\u{1}\r\n\r\n", &[one]);
        assert!(!text.contains("\nAction: delivered"), "{text}");
    }
}
