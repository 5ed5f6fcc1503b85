//! Addresses that a client cannot bear: with spaces, directory names such as `John Doe/City/Company`, letters beyond
//! ASCII. On their way to the client they are written as plain ones in a domain that does not exist, and made what they
//! were on the way back (G19).
//!
//! ```
//! use easel_pack::address::{restored, safe};
//!
//! let told = safe("\"John Doe\" <John Doe/City/Company>").unwrap();
//! assert_eq!(told, "\"John Doe\" <John_20Doe_2fCity_2fCompany@encoded.invalid>");
//! assert_eq!(restored(&told).unwrap(), "\"John Doe\" <John Doe/City/Company>");
//! assert_eq!(safe("\"Anna\" <anna@example.org>"), None);
//! ```

use crate::mail::{Edit, Message};
use crate::{Edits, Item, Property};

/// The domain of written addresses. RFC 2606: mail to it goes nowhere, wherever it is sent from.
const DOMAIN: &str = "@encoded.invalid";
/// The headers of a message that hold addresses of others.
const HEADERS: [&str; 4] = ["To", "Cc", "Bcc", "Reply-To"];

/// One of a list: its name without quotes, and its address.
#[derive(Debug, Default, PartialEq, Eq)]
struct Mailbox {
    name: String,
    address: String,
}

/// A list of addresses as the server shows it, with every one that is not plain written so that it is; `None` when all
/// are plain. A name without an address gets one, because it is all there is to answer to.
pub fn safe(list: &str) -> Option<String> {
    let written = |mailbox: Mailbox| match (mailbox.name.as_str(), mailbox.address.as_str()) {
        (name, "") => Mailbox { address: encoded(name), name: mailbox.name },
        (_, address) if is_plain(address) => mailbox,
        (_, address) => Mailbox { address: encoded(address), ..mailbox },
    };
    changed(list, written)
}

/// A list of addresses as a client writes it, with those that [`safe`] wrote as they were; `None` when there are none.
pub fn restored(list: &str) -> Option<String> {
    changed(list, |mailbox| match decoded(&mailbox.address) {
        Some(address) if address == mailbox.name => Mailbox { name: mailbox.name, address: String::new() },
        Some(address) => Mailbox { address, ..mailbox },
        None => mailbox,
    })
}

/// Writes the addresses that these elements of an item hold so that a client can bear them. An element that was cut is
/// left as it is.
pub fn write_safe(item: Item<'_>, properties: &[Property], edits: &mut Edits) {
    change(item, properties, edits, safe);
}

/// Makes of the addresses that these elements of an item hold what they were.
pub fn restore(item: Item<'_>, properties: &[Property], edits: &mut Edits) {
    change(item, properties, edits, restored);
}

/// The edits of a message that is sent to addresses which [`safe`] wrote.
pub fn restored_headers(message: &Message) -> Vec<Edit> {
    let restored = |(name, value): &(String, String)| {
        let known = HEADERS.into_iter().find(|header| header.eq_ignore_ascii_case(name))?;
        Some(Edit::SetHeader((known.to_owned(), restored(value)?)))
    };
    message.headers.iter().filter_map(restored).collect()
}

fn change(item: Item<'_>, properties: &[Property], edits: &mut Edits, of: impl Fn(&str) -> Option<String>) {
    for entry in properties.iter().flat_map(|property| item.all(*property)) {
        let whole = usize::try_from(entry.length).is_ok_and(|length| length == entry.text().len());
        if let Some(text) = Some(entry.text()).filter(|text| whole && !text.is_empty()).and_then(&of) {
            edits.set(entry, text);
        }
    }
}

fn changed(list: &str, of: impl Fn(Mailbox) -> Mailbox) -> Option<String> {
    let mailboxes = mailboxes(list);
    let before: Vec<String> = mailboxes.iter().map(Mailbox::written).collect();
    let after: Vec<String> = mailboxes.into_iter().map(|mailbox| of(mailbox).written()).collect();
    (before != after).then(|| after.join(", "))
}

impl Mailbox {
    fn written(&self) -> String {
        let quoted = || format!("\"{}\"", self.name.replace('\\', "\\\\").replace('"', "\\\""));
        match (self.name.is_empty(), self.address.is_empty()) {
            (true, _) => self.address.clone(),
            (false, true) => quoted(),
            (false, false) => format!("{} <{}>", quoted(), self.address),
        }
    }

    /// `"Name" <address>`, `Name <address>`, `address` or `"Name"`.
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let bare = |name: &str| {
            let inner = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
            inner.map_or_else(|| name.to_owned(), |inner| inner.replace("\\\"", "\"").replace("\\\\", "\\"))
        };
        match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
            Some((name, address)) => Some(Self { name: bare(name.trim()), address: address.trim().to_owned() }),
            None if text.is_empty() => None,
            None if text.starts_with('"') && text.ends_with('"') => {
                Some(Self { name: bare(text), address: String::new() })
            }
            None => Some(Self { name: String::new(), address: text.to_owned() }),
        }
    }
}

/// The addresses of a list. A comma ends one outside quotes and brackets; one within a name that is not quoted stays
/// part of the name that comes before an address in brackets.
fn mailboxes(list: &str) -> Vec<Mailbox> {
    let (mut pieces, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
    for (at, c) in list.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => bracketed = true,
            '>' if !quoted => bracketed = false,
            ',' | ';' if !quoted && !bracketed => {
                pieces.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(&list[start..]);
    let mut mailboxes = Vec::new();
    let mut name = String::new();
    for piece in pieces {
        let part_of_name = !name.is_empty() || (!piece.contains(['@', '"', '<']) && list.contains('<'));
        if part_of_name && !piece.trim().is_empty() {
            let between = if name.is_empty() { "" } else { "," };
            name = format!("{name}{between}{piece}");
            if !name.trim_end().ends_with('>') {
                continue;
            }
        }
        let whole = std::mem::take(&mut name);
        mailboxes.extend(Mailbox::read(if whole.is_empty() { piece } else { &whole }));
    }
    mailboxes.extend(Mailbox::read(&name));
    mailboxes
}

/// `local@domain` of ASCII letters that need no quotes. RFC 5322 3.4.1 "Addr-Spec Specification".
fn is_plain(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let atom = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    local.split('.').all(atom) && domain.split('.').all(atom)
}

fn encoded(address: &str) -> String {
    let mut local = String::new();
    for byte in address.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => local.push(char::from(byte)),
            other => local.push_str(&format!("_{other:02x}")),
        }
    }
    local + DOMAIN
}

/// What an address stands for; `None` for one that [`encoded`] did not write.
fn decoded(address: &str) -> Option<String> {
    let at = address.len().checked_sub(DOMAIN.len())?;
    let local = address.get(..at).filter(|_| address[at..].eq_ignore_ascii_case(DOMAIN))?;
    let (mut bytes, mut rest) = (Vec::new(), local.bytes());
    while let Some(byte) = rest.next() {
        if byte != b'_' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    let text = String::from_utf8(bytes).ok().filter(|text| !text.is_empty() && !text.contains(char::is_control))?;
    // What has a domain can be mailed to if the rest is quoted where it must be.
    match text.rsplit_once('@') {
        Some((local, domain)) if local.contains(' ') && !local.starts_with('"') => {
            Some(format!("\"{}\"@{domain}", local.replace('\\', "\\\\").replace('"', "\\\"")))
        }
        Some(_) | None => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(list: &str) -> (String, String) {
        let told = safe(list).unwrap();
        let back = restored(&told).unwrap();
        (told, back)
    }

    #[test]
    fn an_address_that_is_not_plain_goes_out_encoded_and_comes_back_as_it_was() {
        for address in ["John Doe/City/Company", "jürgen@exämple.org", "\"John Doe\"@example.org", "a..b@example.org"]
        {
            let (told, back) = there_and_back(address);
            assert!(told.is_ascii() && is_plain(&told) && told.ends_with(DOMAIN), "{told}");
            assert_eq!(back, address);
        }
        let quoted = restored(&encoded("John Doe/City@example.org"));
        assert_eq!(quoted.unwrap(), "\"John Doe/City\"@example.org", "so that it can be mailed to");
    }

    #[test]
    fn plain_addresses_are_left_alone() {
        for list in ["anna@example.org", "\"Doe, \\\"J\\\"\" <j+x@example.org>, b_c@example.org", ""] {
            assert_eq!(safe(list), None, "{list}");
            assert_eq!(restored(list), None, "{list}");
        }
        for strange in ["_zz@encoded.invalid", "_e4@encoded.invalid", "_0d_0aBcc@encoded.invalid", "@encoded.invalid"] {
            assert_eq!(restored(strange), None, "{strange}");
        }
    }

    #[test]
    fn of_a_list_only_what_must_be_is_changed() {
        let list = "\"Anna\" <anna@example.org>, \"John\" <John Doe/City/Company>, \"Team/City\", bob@example.org";
        let (told, back) = there_and_back(list);
        let john = "\"John\" <John_20Doe_2fCity_2fCompany@encoded.invalid>";
        let team = "\"Team/City\" <Team_2fCity@encoded.invalid>";
        assert_eq!(told, format!("\"Anna\" <anna@example.org>, {john}, {team}, bob@example.org"));
        assert_eq!(back, list);
    }

    #[test]
    fn names_that_a_client_does_not_quote_keep_their_commas() {
        let list = "bob@example.org, Doe, John <John_20Doe@encoded.invalid>";
        assert_eq!(restored(list).unwrap(), "bob@example.org, \"Doe, John\" <John Doe>");
    }
}
