//! Whatever a device sends as a message, by itself or about another, is made safe to submit or refused: an owner's
//! address as sender, a bounded number of recipients, a header of text, and nobody told in it who was told in secret.
//!
//! The bytes are the message that is answered, a zero, and what the device sends.

use easel_items::compose::{Original, Outgoing, RECIPIENTS_MAX, Sending, forward, look, outgoing, reply};
use easel_items::email::index;

use super::desk;

pub(crate) fn run(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(0);
    let (answered, sent) = (&bytes[..end], &bytes[end + usize::from(end < bytes.len())..]);
    let owner = desk::owner();
    let sending = Sending { owner: &owner, now: desk::now(), message_id: "1@example.org" };
    if let Ok(made) = outgoing(sent, &sending) {
        check(&made);
    }
    let indexed = index(answered, desk::now());
    let original = Original { index: &indexed.index, raw: &answered };
    for replace_mime in [false, true] {
        for made in [reply(sent, &original, replace_mime, &sending), forward(sent, &original, replace_mime, &sending)] {
            made.iter().for_each(check);
        }
    }
}

fn check(made: &Outgoing) {
    assert!(made.sender.eq_ignore_ascii_case("ada@example.org"), "{:?}", made.sender);
    assert!((1..=RECIPIENTS_MAX).contains(&made.recipients.len()), "{} recipients", made.recipients.len());
    let headers = look(&made.submit).headers;
    assert!(!headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Bcc")), "{headers:?}");
    let header = made.submit.windows(4).position(|four| four == b"\r\n\r\n").expect("a header ends");
    let header = std::str::from_utf8(&made.submit[..header]).expect("a header of text");
    // RFC 6532: beyond seven bits are only names of people who have no other.
    let is_plain = header.lines().all(|line| line.is_ascii() || line.contains('@'));
    assert!(is_plain, "{header:?}");
}
