//! Whatever an LMTP client sends, it is answered the same however it is cut into packets, and no more is kept than
//! allowed.

use easel_delivery::lmtp::{Limits, rehearse};

pub(crate) fn run(bytes: &[u8]) {
    let limits = Limits { message_bytes_max: 512, recipients_max: 3, line_bytes_max: 128, ..Limits::default() };
    let whole = rehearse(limits, [bytes]);
    for (recipients, message) in &whole.messages {
        assert!((1..=limits.recipients_max).contains(recipients), "{recipients} recipients");
        assert!(message.len() <= 512, "a message of {} bytes", message.len());
    }
    assert_eq!(rehearse(limits, bytes.chunks(1)), whole, "byte by byte");
    assert_eq!(rehearse(limits, bytes.chunks(7)), whole, "in pieces");
}
