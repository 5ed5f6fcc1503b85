//! An event that goes on to others, and the message around it where the device writes none.

use mail_builder::headers::Header as _;
use mail_builder::headers::text::Text;

use super::envelope::{is_address, people};
use crate::ComposeError;
use crate::body::Form;
use crate::email::Mailbox;
use crate::email::mime::{encoded, write_field};

/// Somebody an event is forwarded to. MS-ASCMD 2.2.3.77 "Forwardee".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwardee {
    /// ForwardeeName; empty when there is none.
    pub name: String,
    /// ForwardeeEmail.
    pub email: String,
}

/// The invitation as a part of a message. RFC 6047 2.4 "Content-Type".
pub(super) fn part(calendar: &str) -> Vec<u8> {
    let made = encoded(calendar.as_bytes(), false);
    let mut out = Vec::with_capacity(made.body.len() + 256);
    write_field("Content-Type", b"text/calendar; charset=utf-8; method=REQUEST; name=\"invite.ics\"", &mut out);
    made.write_fields(&mut out);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&made.body);
    out
}

/// The message to people whom a device only names (from 16.0), as if the device had written it.
pub fn to_forwardees(
    forwardees: &[Forwardee],
    subject: &str,
    body: Option<(Form, &str)>,
) -> Result<Vec<u8>, ComposeError> {
    let mailboxes: Vec<Mailbox> = forwardees
        .iter()
        .map(|one| Mailbox { name: one.name.trim().to_owned(), address: one.email.trim().to_owned() })
        .collect();
    if let Some(bad) = mailboxes.iter().find(|mailbox| !is_address(&mailbox.address)) {
        return Err(ComposeError::BadRecipient(bad.address.chars().take(100).collect()));
    }
    let mut out = Vec::new();
    people("To", &mailboxes, &mut out);
    write_subject(subject, &mut out);
    let (form, text) = body.unwrap_or((Form::Text, ""));
    let kind: &[u8] = match form {
        Form::Html => b"text/html; charset=utf-8",
        Form::Text => b"text/plain; charset=utf-8",
    };
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    write_field("Content-Type", kind, &mut out);
    let made = encoded(text.as_bytes(), true);
    made.write_fields(&mut out);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&made.body);
    Ok(out)
}

/// A message about a meeting, `calendar` being an object of this METHOD. RFC 6047 2.4.
///
/// The first recipient nobody can mail to is the error; with none at all it is one, too.
pub fn itip(
    recipients: &[String],
    subject: &str,
    text: &str,
    (method, calendar): (&str, &str),
) -> Result<Vec<u8>, ComposeError> {
    let to: Vec<Mailbox> =
        recipients.iter().map(|address| Mailbox { name: String::new(), address: address.trim().to_owned() }).collect();
    if let Some(bad) = to.iter().find(|mailbox| !is_address(&mailbox.address)) {
        return Err(ComposeError::BadRecipient(bad.address.chars().take(100).collect()));
    }
    let mut out = Vec::new();
    people("To", &to, &mut out);
    write_subject(subject, &mut out);
    out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    write_field("Content-Type", b"multipart/alternative; boundary=\"easel-meeting\"", &mut out);
    let of_method = format!("text/calendar; charset=utf-8; method={method}");
    for (kind, content) in [("text/plain; charset=utf-8", text), (of_method.as_str(), calendar)] {
        out.extend_from_slice(b"\r\n--easel-meeting\r\n");
        write_field("Content-Type", kind.as_bytes(), &mut out);
        // Base64 holds no hyphens: the boundary is in neither of them.
        let made = encoded(content.as_bytes(), false);
        made.write_fields(&mut out);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&made.body);
    }
    out.extend_from_slice(b"\r\n--easel-meeting--\r\n");
    Ok(out)
}

fn write_subject(subject: &str, out: &mut Vec<u8>) {
    let subject: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    out.extend_from_slice(b"Subject: ");
    Text::new(subject).write_header(out, "Subject: ".len());
}
