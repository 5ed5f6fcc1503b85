//! Addresses as devices show them. RFC 5322 3.4 "Address Specification".

use super::header;
use super::index::Mailbox;
use crate::body::one_line;

/// Bytes of one field's addresses that are kept in the index.
const BYTES_MAX: usize = 64 * 1024;

/// The mailboxes of a field's value, as far as they are kept; groups are taken apart.
pub(crate) fn addresses(value: &[u8]) -> Vec<Mailbox> {
    let mut kept = 0;
    let fits = |mailbox: &Mailbox| {
        kept += mailbox.name.len() + mailbox.address.len();
        kept <= BYTES_MAX
    };
    read(header::mailboxes(value)).take_while(fits).collect()
}

/// Every mailbox of a field's value, for a message that goes to them; groups are taken apart.
pub(crate) fn all_addresses(value: &[u8]) -> Vec<Mailbox> {
    read(header::all_mailboxes(value)).collect()
}

fn read(mailboxes: Vec<(Option<String>, Option<String>)>) -> impl Iterator<Item = Mailbox> {
    mailboxes
        .into_iter()
        .map(|(name, address)| {
            let name = name.as_deref().map(one_line).unwrap_or_default();
            let address = address.as_deref().map(one_line).unwrap_or_default();
            // A lone word is an address or a name; which one shows in the `@`.
            if name.contains('@') && address.is_empty() {
                return Mailbox { name: String::new(), address: name };
            }
            // A local part in quotes, without brackets around the address, is read as a name before the rest.
            if address.starts_with('@') && !name.is_empty() {
                let local = name.replace('\\', "\\\\").replace('"', "\\\"");
                return Mailbox { name: String::new(), address: format!("\"{local}\"{address}") };
            }
            Mailbox { name: if name == address { String::new() } else { name }, address }
        })
        .filter(|mailbox| !(mailbox.name.is_empty() && mailbox.address.is_empty()))
}

/// `"Name" <address>`, or the address alone.
pub(crate) fn written(mailbox: &Mailbox) -> String {
    let quoted = || format!("\"{}\"", mailbox.name.replace('\\', "\\\\").replace('"', "\\\""));
    match (mailbox.name.is_empty(), mailbox.address.is_empty()) {
        (true, _) => mailbox.address.clone(),
        (false, true) => quoted(),
        (false, false) => format!("{} <{}>", quoted(), mailbox.address),
    }
}

/// Every one of `mailboxes`, as many as fit into `characters`: the list is cut between two.
pub(super) fn joined(mailboxes: &[Mailbox], separator: &str, characters: usize) -> String {
    join(mailboxes.iter().map(written), separator, characters)
}

/// The names, or where there is none the addresses.
pub(super) fn names(mailboxes: &[Mailbox], characters: usize) -> String {
    let shown = |one: &Mailbox| if one.name.is_empty() { one.address.clone() } else { one.name.clone() };
    join(mailboxes.iter().map(shown), "; ", characters)
}

fn join(pieces: impl Iterator<Item = String>, separator: &str, characters: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    for piece in pieces {
        let between = if out.is_empty() { "" } else { separator };
        length += between.len() + piece.chars().count();
        if length > characters {
            break;
        }
        out.push_str(between);
        out.push_str(&piece);
    }
    out
}
