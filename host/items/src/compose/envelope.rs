//! The header of an outgoing message, made anew field by field. RFC 5322 3.6 "Field Definitions".
//!
//! Nothing is copied as it stands: a line end, a NUL or a carriage return inside a value cannot begin another field.

use std::borrow::Cow;

use jiff::fmt::rfc2822;
use mail_builder::headers::Header as _;
use mail_builder::headers::address::Address;

use super::{Original, Outgoing, Sending};
use crate::ComposeError;
use crate::email::mime::{Replaced, write_field};
use crate::email::structure::{HEADER_BYTES_MAX, Tree};
use crate::email::{FIELDS_MAX, Field, Mailbox, addresses, all_addresses, fields, header_text};

/// Recipients of one message.
pub const RECIPIENTS_MAX: usize = 1_000;
/// Bytes of an address, RFC 5321 4.5.3.1.3.
const ADDRESS_BYTES_MAX: usize = 254;
/// Bytes of its local part, RFC 5321 4.5.3.1.1.
const LOCAL_BYTES_MAX: usize = 64;
/// Ids in References that are kept: the root and the newest.
const REFERENCES_MAX: usize = 30;

/// Made anew, or none of the device's business.
const OWN: [&str; 16] = [
    "from",
    "sender",
    "to",
    "cc",
    "bcc",
    "date",
    "message-id",
    "mime-version",
    "return-path",
    "received",
    "delivered-to",
    "in-reply-to",
    "references",
    "status",
    "x-status",
    "x-keywords",
];

/// Puts the header before `body`. `changed` is what the content's own fields must say if it was made anew.
pub(super) fn finish(
    mime: &[u8],
    tree: &Tree,
    changed: Option<&Replaced>,
    original: Option<&Original<'_>>,
    body: Vec<u8>,
    sending: &Sending<'_>,
) -> Result<Outgoing, ComposeError> {
    let all: Vec<Field<'_>> = fields(&mime[tree.root().header.clone()]).collect();
    // Nobody the device names is left out.
    if tree.header_goes_on(mime) || all.len() >= FIELDS_MAX {
        return Err(ComposeError::HeaderTooLong { bytes_max: HEADER_BYTES_MAX, fields_max: FIELDS_MAX });
    }
    let named = |name: &'static str| all.iter().filter(move |field| field.is(name));
    let list = |name| -> Vec<Mailbox> { named(name).flat_map(|field| all_addresses(field.value)).collect() };
    let (to, cc, bcc) = (list("To"), list("Cc"), list("Bcc"));
    let recipients = recipients([&to, &cc, &bcc])?;
    let from = from(named("From").take(50).flat_map(|field| addresses(field.value)).collect(), sending);

    let mut header = Vec::with_capacity(1024);
    date(&all, sending, &mut header);
    people("From", std::slice::from_ref(&from), &mut header);
    people("To", &to, &mut header);
    people("Cc", &cc, &mut header);
    let hidden_at = header.len();
    message_id(&all, sending, &mut header);
    thread(&all, original, &mut header)?;
    header.extend_from_slice(b"MIME-Version: 1.0\r\n");
    let mut seen: Vec<String> = Vec::new();
    for field in &all {
        let name = field.name.to_ascii_lowercase();
        let once = matches!(name.as_str(), "subject" | "content-type" | "content-transfer-encoding");
        if OWN.contains(&name.as_str())
            || name.starts_with("resent-")
            || name.len() > 76
            || changed.is_some_and(|changed| changed.replaces(field))
            || (once && seen.contains(&name))
        {
            continue;
        }
        write_field(field.name, field.value, &mut header);
        seen.push(name);
    }
    if let Some(changed) = changed {
        changed.write_fields(&mut header);
    }
    header.extend_from_slice(b"\r\n");

    let submit = [header.as_slice(), &body].concat();
    let mut hidden = Vec::new();
    people("Bcc", &bcc, &mut hidden);
    let sent_copy = [&header[..hidden_at], &hidden, &header[hidden_at..], &body].concat();
    Ok(Outgoing { sender: from.address, recipients, submit, sent_copy })
}

/// The address the device chose if it is the owner's, else the owner's first (K: V07).
fn from(sent: Vec<Mailbox>, sending: &Sending<'_>) -> Mailbox {
    let owner = sending.owner;
    let own = sent.into_iter().find(|mailbox| owner.is(&mailbox.address));
    let mut from = own.unwrap_or_else(|| Mailbox {
        name: String::new(),
        address: owner.addresses.first().cloned().unwrap_or_default(),
    });
    if from.name.is_empty() {
        from.name.clone_from(&owner.name);
    }
    from
}

fn recipients(lists: [&[Mailbox]; 3]) -> Result<Vec<String>, ComposeError> {
    let mut out: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let count = lists.iter().map(|list| list.len()).sum();
    if count > RECIPIENTS_MAX {
        return Err(ComposeError::TooManyRecipients { count, max: RECIPIENTS_MAX });
    }
    for mailbox in lists.into_iter().flatten() {
        if !is_address(&mailbox.address) {
            let shown = if mailbox.address.is_empty() { &mailbox.name } else { &mailbox.address };
            return Err(ComposeError::BadRecipient(shown.chars().take(100).collect()));
        }
        if seen.insert(mailbox.address.to_lowercase()) {
            out.push(mailbox.address.clone());
        }
    }
    if out.is_empty() { Err(ComposeError::NoRecipients) } else { Ok(out) }
}

/// Whether mail can go to an address: `local@domain` that can stand in an SMTP command, RFC 5321 4.1.2 "Command Argument
/// Syntax".
pub fn is_address(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
    let safe = |c: char| !c.is_control() && !c.is_whitespace() && !"<>()[],;:\\\"".contains(c);
    let local_fits = quoted && local[1..local.len() - 1].chars().all(|c| !c.is_control() && !"<>\\\"".contains(c))
        || !local.is_empty() && local.chars().all(|c| safe(c) && c != '@');
    let literal = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let domain_fits = match literal {
        Some(literal) => {
            !literal.is_empty() && literal.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-".contains(&b))
        }
        None => domain.split('.').all(|label| {
            !label.is_empty()
                && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_' || !c.is_ascii() && safe(c))
        }),
    };
    // What could not be read is not what was meant.
    let is_read = !address.contains(char::REPLACEMENT_CHARACTER);
    is_read && address.len() <= ADDRESS_BYTES_MAX && local.len() <= LOCAL_BYTES_MAX && local_fits && domain_fits
}

pub(super) fn people(name: &str, mailboxes: &[Mailbox], out: &mut Vec<u8>) {
    if mailboxes.is_empty() {
        return;
    }
    let list = mailboxes.iter().map(|one| {
        let shown = Some(one.name.as_str()).filter(|name| !name.is_empty());
        Address::new_address(shown, one.address.as_str())
    });
    out.extend_from_slice(format!("{name}: ").as_bytes());
    Address::new_list(list.collect()).write_header(out, name.len() + 2);
}

/// The device's date if it is one (K: V07).
fn date(all: &[Field<'_>], sending: &Sending<'_>, out: &mut Vec<u8>) {
    let sent = all.iter().find(|field| field.is("Date"));
    let sent = sent.map(|field| header_text(field.value)).filter(|text| {
        let readable =
            mail_parser::DateTime::parse_rfc822(text).is_some_and(|date| date.is_valid() && date.year >= 1970);
        readable && text.is_ascii() && text.len() < 60
    });
    let date = sent.unwrap_or_else(|| {
        let now = sending.now.to_zoned(sending.owner.zone.clone());
        rfc2822::to_string(&now).expect("the years of a Timestamp have four digits")
    });
    out.extend_from_slice(format!("Date: {date}\r\n").as_bytes());
}

fn message_id(all: &[Field<'_>], sending: &Sending<'_>, out: &mut Vec<u8>) {
    let sent = all.iter().find(|field| field.is("Message-ID")).and_then(|field| ids(field.value).into_iter().next());
    let id = sent.map_or(Cow::Borrowed(sending.message_id), Cow::Owned);
    out.extend_from_slice(format!("Message-ID: <{id}>\r\n").as_bytes());
}

/// In-Reply-To and References: the device's, else those that answer the original.
fn thread(all: &[Field<'_>], original: Option<&Original<'_>>, out: &mut Vec<u8>) -> Result<(), ComposeError> {
    let sent = |name: &str| all.iter().find(|field| field.is(name)).map(|field| ids(field.value)).unwrap_or_default();
    let (mut answered, mut references) = (sent("In-Reply-To"), sent("References"));
    if let Some((original, id)) = original.and_then(|one| one.index.message_id.as_ref().map(|id| (one, id)))
        && is_id(id)
    {
        if answered.is_empty() {
            answered.push(id.clone());
        }
        if !references.contains(id) {
            references = super::original::references(original)?;
            references.push(id.clone());
        }
    }
    while references.len() > REFERENCES_MAX {
        references.remove(1);
    }
    for (name, ids) in [("In-Reply-To", answered), ("References", references)] {
        if !ids.is_empty() {
            let value = ids.iter().map(|id| format!("<{id}>")).collect::<Vec<_>>().join(" ");
            write_field(name, value.as_bytes(), out);
        }
    }
    Ok(())
}

/// The ids of a field that can be written again.
pub(super) fn ids(value: &[u8]) -> Vec<String> {
    let text = header_text(value);
    let parts = text.split('<').skip(1).filter_map(|after| after.split_once('>')).map(|(id, _)| id.trim().to_owned());
    parts.filter(|id| is_id(id)).take(1_000).collect()
}

fn is_id(id: &str) -> bool {
    (3..=250).contains(&id.len()) && id.contains('@') && id.bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_can_stand_in_a_command() {
        for good in
            ["a@b", "ann.lee+x@example.org", "\"a b\"@example.org", "x@[192.0.2.1]", "j\u{fc}rgen@b\u{fc}cher.de"]
        {
            assert!(is_address(good), "{good}");
        }
        let long = format!("{}@example.org", "x".repeat(65));
        for bad in
            ["", "a", "@b", "a@", "a@b..c", "a b@c", "a@b c", "a\r\n@b", "a@b>x", "a@b\0", "<a@b", &long, "a@-\u{7}"]
        {
            assert!(!is_address(bad), "{bad:?}");
        }
        for unread in ["\u{fffd}@b", "a@\u{fffd}", "\"\u{fffd} a\"@b"] {
            assert!(!is_address(unread), "{unread:?}");
        }
    }
}
