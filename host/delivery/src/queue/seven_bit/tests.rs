use easel_items::email;
use proptest::prelude::*;

use super::*;

fn converted(message: &str) -> String {
    let out = convert(message.as_bytes()).unwrap();
    assert!(out.is_ascii());
    String::from_utf8(out).unwrap()
}

/// What a search finds in a message: the text as a reader gets it.
fn text(message: &[u8]) -> String {
    email::index(message, jiff::Timestamp::UNIX_EPOCH).facts.search_text
}

#[test]
fn text_becomes_quoted_printable_and_ascii_parts_stay_as_they_are() {
    let message = "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"a;b\"\r\n\
                   Content-Transfer-Encoding: 8bit\r\n\r\npreamble\r\n--a;b\r\n\
                   Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße = \r\n.\r\n\
                   --a;b\r\nContent-Type: text/plain\r\n\r\nplain = \r\n--a;b\r\n\
                   Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n\u{e9}\u{e9}\r\n--a;b--\r\nend";
    let expected = "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"a;b\"\r\n\
                    Content-Transfer-Encoding: 7bit\r\n\r\npreamble\r\n--a;b\r\n\
                    Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
                    Gr=C3=BC=C3=9Fe =3D=20\r\n=2E\r\n\
                    --a;b\r\nContent-Type: text/plain\r\n\r\nplain = \r\n--a;b\r\n\
                    Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nw6nDqQ==\r\n--a;b--\r\nend";
    assert_eq!(converted(message), expected);
    assert_eq!(converted(&converted(message)), expected);
    assert_eq!(text(expected.as_bytes()), text(message.as_bytes()));
}

#[test]
fn a_message_without_a_word_about_its_encoding_gets_one() {
    let out = converted("Subject: x\r\nContent-Type: text/html;charset=utf-8\r\n\r\nü\r\n");
    assert_eq!(
        out,
        "Subject: x\r\nContent-Type: text/html;charset=utf-8\r\nMIME-Version: 1.0\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC\r\n"
    );
    assert_eq!(converted("\r\nü"), "MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=BC");
}

#[test]
fn a_message_inside_a_message_is_converted_inside() {
    let inner = "Subject: y\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nü\r\n";
    let out = converted(&format!("MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n{inner}"));
    assert!(out.contains("Content-Transfer-Encoding: 7bit\r\n\r\nSubject: y"), "{out}");
    assert!(out.ends_with("quoted-printable\r\n\r\n=C3=BC\r\n"), "{out}");
}

#[test]
fn what_cannot_be_converted_is_named() {
    let multipart = |kind: &str, part: &str| {
        format!("Content-Type: multipart/{kind}; boundary=b\r\n\r\n--b\r\n{part}\r\n--b--\r\n")
    };
    let nested =
        |depth| (0..depth).fold("\r\nü".to_owned(), |part, _| format!("Content-Type: message/rfc822\r\n\r\n{part}"));
    for (message, error) in [
        ("Subject: ü\r\n\r\nü\r\n".to_owned(), SevenBitError::Header),
        (multipart("signed", "\r\nü"), SevenBitError::Signed),
        (
            multipart("mixed", &multipart("signed", "\r\nü").replace("=b", "=s").replace("--b", "--s")),
            SevenBitError::Signed,
        ),
        (multipart("mixed", "X: ü\r\n\r\nu"), SevenBitError::Header),
        (multipart("mixed", "Content-Transfer-Encoding: base64\r\n\r\nü"), SevenBitError::Encoded),
        ("Content-Type: multipart/mixed\r\n\r\nü".to_owned(), SevenBitError::Between),
        ("Content-Type: multipart/mixed; boundary=b\r\n\r\nü\r\n--b--\r\n".to_owned(), SevenBitError::Between),
        ("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\nü".to_owned(), SevenBitError::Between),
        (nested(DEPTH_MAX + 2), SevenBitError::Deep),
    ] {
        assert_eq!(convert(message.as_bytes()), Err(error), "{message:?}");
    }
    // A signed part that is ASCII is left alone beside one that is not.
    let signed = multipart("signed", "\r\nu").replace("=b", "=s").replace("--b", "--s");
    let both = multipart("mixed", &format!("{signed}\r\n--b\r\nContent-Type: text/plain\r\n\r\nü"));
    assert!(converted(&both).contains(&signed));
}

fn decoded(encoded: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), encoded.replace("=\r\n", ""));
    while let Some(at) = rest.find('=') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        out.push(u8::from_str_radix(&rest[at + 1..at + 3], 16).unwrap());
        rest = rest[at + 3..].to_owned();
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

proptest! {
    #[test]
    fn quoted_printable_reads_back_and_keeps_its_lines_short(body in "([a-z =.Fü\t\u{0}]{0,90}(\r\n)?){0,4}") {
        let out = String::from_utf8(quoted_printable(body.as_bytes())).unwrap();
        prop_assert_eq!(decoded(&out), body.as_bytes());
        for line in out.split("\r\n") {
            prop_assert!(line.len() <= LINE && !line.ends_with([' ', '\t']), "{:?}", line);
            prop_assert!(line != "." && !line.starts_with("From "), "{:?}", line);
        }
    }

    #[test]
    fn whatever_comes_is_ascii_or_refused(message in "(Content-Type: (multipart/mixed; boundary=b|text/plain|message/rfc822)|--b(--)?|ü| |a|\r\n){0,20}") {
        if let Ok(out) = convert(message.as_bytes()) {
            prop_assert!(out.is_ascii());
        }
    }
}
