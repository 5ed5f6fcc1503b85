//! Where other mail systems keep what a [`MailRecord`] says.

use easel_protocol::{Flag, LastVerb, MailRecord, Verb};
use jiff::Timestamp;

use super::header::{fields, text};
use super::index::Index;
use crate::Owner;

/// Bytes in which a header is looked for.
const HEADER_WITHIN: usize = 512 * 1024;

/// The record of an imported message out of `Status`, `X-Status` and `X-Keywords`, which mailbox files carry. The
/// letters are `R` read, `A` answered, `F` flagged, `T` draft.
pub fn record_from_headers(raw: &[u8], received: Timestamp) -> MailRecord {
    let mut record = MailRecord::arrived(received.as_millisecond());
    let within = &raw[..raw.len().min(HEADER_WITHIN)];
    let end = memchr::memmem::find(within, b"\n\n").map(|at| at + 1).into_iter();
    let end = end.chain(memchr::memmem::find(within, b"\n\r\n").map(|at| at + 1)).min().unwrap_or(within.len());
    for field in fields(&within[..end]) {
        match field.name.to_ascii_lowercase().as_str() {
            "status" => record.read |= text(field.value).contains('R'),
            "x-status" => {
                let letters = text(field.value);
                record.draft |= letters.contains('T');
                if letters.contains('F') {
                    record.flag = Some(follow_up(field_subject(&within[..end])));
                }
                if letters.contains('A') {
                    record.last_verb = Some(LastVerb { verb: Verb::Reply, at: record.received });
                }
            }
            "x-keywords" => {
                for keyword in text(field.value).split([',', ' ']).filter(|keyword| !keyword.is_empty()).take(300) {
                    let keyword: String = keyword.chars().take(255).collect();
                    match keyword.as_str() {
                        "$Forwarded" => {
                            record.last_verb = Some(LastVerb { verb: Verb::Forward, at: record.received });
                        }
                        _ if keyword.starts_with(['$', '\\']) || record.categories.contains(&keyword) => {}
                        _ => record.categories.push(keyword),
                    }
                }
            }
            _ => {}
        }
    }
    record
}

/// A flag without a date, as `\Flagged` is one.
fn follow_up(subject: Option<String>) -> Flag {
    Flag { status: 2, flag_type: Some("Flag for follow up".to_owned()), subject, ..Flag::default() }
}

fn field_subject(header: &[u8]) -> Option<String> {
    fields(header).find(|field| field.is("Subject")).map(|field| text(field.value)).filter(|text| !text.is_empty())
}

/// Whether the owner got the mail though neither To nor Cc names them. MS-ASEMAIL 2.2.2.61 "ReceivedAsBcc".
pub fn received_as_bcc(index: &Index, owner: &Owner) -> bool {
    !index.to.iter().chain(&index.cc).any(|mailbox| owner.is(&mailbox.address))
}
