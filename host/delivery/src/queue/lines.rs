//! Line ends for the wire.

use std::borrow::Cow;

/// The message with every line ended by CR LF: RFC 5321 2.3.8 "Lines" lets neither CR nor LF travel alone, and one that
/// did could end the message early at a careless server.
pub(super) fn normal(message: &[u8]) -> Cow<'_, [u8]> {
    let stray = |at: usize| match message[at] {
        b'\r' => message.get(at + 1) != Some(&b'\n'),
        b'\n' => at == 0 || message[at - 1] != b'\r',
        _ => false,
    };
    let Some(first) = (0..message.len()).find(|at| stray(*at)) else { return Cow::Borrowed(message) };
    let mut out = Vec::with_capacity(message.len() + message.len() / 16);
    out.extend_from_slice(&message[..first]);
    for (at, byte) in message.iter().enumerate().skip(first) {
        if stray(at) {
            out.extend_from_slice(b"\r\n");
        } else {
            out.push(*byte);
        }
    }
    Cow::Owned(out)
}

/// Whether the header of a message holds something beyond ASCII, which asks for SMTPUTF8.
pub(super) fn has_utf8_header(message: &[u8]) -> bool {
    let header = message.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(message.len());
    !message[..header].is_ascii() && std::str::from_utf8(&message[..header]).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stray_line_ends_become_whole_ones() {
        assert!(matches!(normal(b"a\r\n\r\nb\r\n"), Cow::Borrowed(_)));
        assert_eq!(*normal(b"a\n\nb\rc\r\r\nd\n\r"), *b"a\r\n\r\nb\r\nc\r\n\r\nd\r\n\r\n");
    }

    #[test]
    fn only_the_header_asks_for_smtputf8() {
        assert!(has_utf8_header("Subject: ü\r\n\r\n".as_bytes()));
        assert!(!has_utf8_header("Subject: u\r\n\r\nü".as_bytes()));
        assert!(!has_utf8_header(b"Subject: \xfc\r\n\r\n"));
    }

    proptest! {
        #[test]
        fn nothing_stray_is_left_and_nothing_else_changes(message in "[ab.\r\n]{0,24}") {
            let out = normal(message.as_bytes()).into_owned();
            let text = String::from_utf8(out).unwrap();
            prop_assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
            let letters = |text: &str| text.replace(['\r', '\n'], "");
            prop_assert_eq!(letters(&text), letters(&message));
            prop_assert_eq!(text.matches("\r\n").count(), message.replace("\r\n", "\n").matches(['\r', '\n']).count());
        }
    }
}
