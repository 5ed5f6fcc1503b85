use super::*;
use crate::email::tests::{ann, arrival, mail};
use crate::email::{MessageClass, attachment, index};

fn sending(owner: &Owner) -> Sending<'_> {
    Sending { owner, now: arrival(), message_id: "made-1@ox.example" }
}

fn send(mime: &str) -> Result<Outgoing, ComposeError> {
    outgoing(mime.as_bytes(), &sending(&ann()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("what is submitted is ASCII")
}

fn header(bytes: &[u8]) -> String {
    text(bytes).split_once("\r\n\r\n").unwrap().0.to_owned()
}

/// The text of a message, as the one who gets it reads it.
fn read(bytes: &[u8]) -> String {
    index(bytes, arrival()).facts.search_text
}

/// What every message must be that goes to a mail server.
fn check(out: &Outgoing) {
    assert!(!header(&out.submit).to_lowercase().contains("\nbcc:"), "{}", header(&out.submit));
    for bytes in [&out.submit, &out.sent_copy] {
        assert!(bytes.is_ascii() && !bytes.contains(&0));
        assert_eq!(crate::email::mime::crlf(bytes).as_ref(), bytes.as_slice());
        assert!(bytes.split(|b| *b == b'\n').all(|line| line.len() <= 999));
        let made = index(bytes, arrival()).index;
        assert!(made.message_id.is_some() && made.date.is_some() && made.from.len() == 1);
        assert!(ann().is(&made.from[0].address));
    }
}

#[test]
fn a_message_gets_what_it_lacks_and_v07_comes_from_its_owner() {
    let out = send("To: bob@ox.example\r\nSubject: Hi\r\n\r\nHello\r\n").unwrap();
    check(&out);
    assert_eq!(
        text(&out.submit),
        "Date: Wed, 11 Mar 2026 12:00:00 +0000\r\nFrom: \"Ann Lee\" <ann@ox.example>\r\nTo: <bob@ox.example>\r\n\
         Message-ID: <made-1@ox.example>\r\nMIME-Version: 1.0\r\nSubject: Hi\r\n\r\nHello\r\n"
    );
    assert_eq!(
        (out.sender.as_str(), out.recipients.as_slice()),
        ("ann@ox.example", &["bob@ox.example".to_owned()][..])
    );
    let kept = send(
        "From: Annie <ann.lee@ox.example>\r\nSender: boss@ox.example\r\nTo: b@c.example\r\nDate: Sun, 1 Mar 2026 08:00:00 +0100\r\n\
         Message-ID: <own-7@phone>\r\n\r\nx",
    )
    .unwrap();
    check(&kept);
    let head = header(&kept.submit);
    assert_eq!(kept.sender, "ann.lee@ox.example");
    assert!(head.contains("<ann.lee@ox.example>") && head.contains("Annie") && !head.contains("boss"));
    assert!(head.contains("Date: Sun, 1 Mar 2026 08:00:00 +0100") && head.contains("Message-ID: <own-7@phone>"));
    let forged =
        send("From: \"The Boss\" <boss@ox.example>\r\nTo: b@c.example\r\nDate: soon\r\nMessage-ID: <\r\n\r\nx")
            .unwrap();
    check(&forged);
    assert!(!header(&forged.submit).contains("oss") && forged.sender == "ann@ox.example");
}

#[test]
fn bcc_gets_the_message_and_nobody_sees_it() {
    let out = send("To: b@c.example, B@C.example\r\nCc: d@e.example\r\nBcc: Hidden <x@y.example>,\r\n z@y.example\r\nbcc: w@y.example\r\n\r\nx").unwrap();
    check(&out);
    assert_eq!(out.recipients, ["b@c.example", "d@e.example", "x@y.example", "z@y.example", "w@y.example"]);
    assert!(!text(&out.submit).contains("y.example"));
    let copy = index(&out.sent_copy, arrival()).index;
    assert_eq!(copy.bcc.len(), 3);
    let only = send("Bcc: x@y.example\r\n\r\nx").unwrap();
    check(&only);
    assert!(!text(&only.submit).contains("To:"));
}

#[test]
fn recipients_that_no_server_takes_are_refused() {
    assert_eq!(send("Subject: x\r\n\r\nx"), Err(ComposeError::NoRecipients));
    assert_eq!(send("To: undisclosed-recipients:;\r\n\r\nx"), Err(ComposeError::NoRecipients));
    for bad in ["bob", "Bob Lee", "bob@", "@ox.example", "b ob@ox..example", "a@b <c@d@e>"] {
        let got = send(&format!("To: good@ox.example, {bad}\r\n\r\nx"));
        assert!(matches!(got, Err(ComposeError::BadRecipient(_))), "{bad}: {got:?}");
    }
    let many: String = (0..=RECIPIENTS_MAX).map(|n| format!("u{n}@ox.example,\r\n ")).collect();
    let got = send(&format!("Bcc: {}\r\n\r\nx", many.trim_end_matches(",\r\n ")));
    assert_eq!(got, Err(ComposeError::TooManyRecipients { count: RECIPIENTS_MAX + 1, max: RECIPIENTS_MAX }));
    for bytes in ["", "no header at all", "\r\nTo: x@y.z\r\n", "<html>: x"] {
        assert_eq!(send(bytes), Err(ComposeError::NotMime), "{bytes:?}");
    }
}

#[test]
fn nobody_is_left_out_however_long_the_list_is() {
    let address = |n: usize, bytes: usize| format!("u{n:04}{}@{}.example", "l".repeat(50), "d".repeat(bytes - 64));
    for (count, bytes) in [(900, 78), (RECIPIENTS_MAX, 120)] {
        let all: Vec<_> = (0..count).map(|n| address(n, bytes)).collect();
        assert_eq!(all[0].len(), bytes);
        let named = |address: &String| format!("\"Somebody with a long name\" <{address}>");
        let folded = all.iter().map(named).collect::<Vec<_>>().join(",\r\n ");
        for mime in [format!("To: {folded}\r\n\r\nx"), format!("bcc: {folded}\r\n\r\nx")] {
            let out = send(&mime).unwrap();
            assert_eq!(out.recipients, all);
            let copy = header(&out.sent_copy);
            assert!(all.iter().all(|address| copy.contains(address)), "the copy names all of them");
        }
        // A field for each.
        let fields: String = all.iter().map(|address| format!("Cc: {address}\r\n")).collect();
        assert_eq!(send(&format!("{fields}\r\nx")).unwrap().recipients, all);
    }
    // Encoded names, and more of them than are decoded.
    let all: Vec<_> = (0..RECIPIENTS_MAX).map(|n| address(n, 78)).collect();
    let word = "=?utf-8?Q?Gr=C3=BC=C3=9Fe?= ".repeat(5);
    let encoded = all.iter().map(|address| format!("{word}<{address}>")).collect::<Vec<_>>().join(",\r\n ");
    assert_eq!(send(&format!("To: {encoded}\r\n\r\nx")).unwrap().recipients, all);
}

#[test]
fn recipients_that_are_not_read_to_their_end_are_refused() {
    let comments = "(comment)\r\n ".repeat(50_000);
    let before = "X-Field: x\r\n".repeat(2_000);
    for mime in [
        format!("To: a@c.example, {comments}b@c.example\r\n\r\nx"),
        format!("To: a@c.example\r\nX-Field: {comments}\r\nBcc: b@c.example\r\n\r\nx"),
        format!("To: a@c.example\r\n{before}Bcc: b@c.example\r\n\r\nx"),
    ] {
        let got = send(&mime);
        assert!(matches!(got, Err(ComposeError::HeaderTooLong { .. })), "{got:?}");
    }
}

#[test]
fn no_header_is_smuggled_in() {
    for tricky in [
        "Subject: a\rBcc: evil@x.example\r\n",
        "Subject: a\r\n \r\nBcc: evil@x.example\r\n",
        "Subject: =?utf-8?Q?a=0D=0ABcc:_evil@x.example?=\r\n",
        "Subject: =?utf-8?B?YQ0KQmNjOiBldmlsQHguZXhhbXBsZQ==?=\r\n",
        "X-A: b\0\r\n\tc\u{b}d\r\n",
        "X-\u{e9}: y\r\n",
        "To : \"a\\\r\n b\" <t2@x.example>\r\n",
        "Content-Type: text/plain; name=\"\u{e9}\r\n x\"\r\n",
        "Resent-Bcc: evil@x.example\r\nReturn-Path: <evil@x.example>\r\n",
    ] {
        let out = send(&format!("To: t@x.example\r\n{tricky}\r\nbody\r\n")).unwrap();
        check(&out);
        for line in header(&out.submit).split("\r\n") {
            assert!(
                !line.to_lowercase().starts_with("bcc") && !line.to_lowercase().starts_with("resent"),
                "{tricky:?}"
            );
            assert!(line.starts_with(' ') || line.contains(": "), "{tricky:?}: {line:?}");
            assert!(!line.trim().is_empty() && line.bytes().all(|b| (0x20..0x7f).contains(&b) || b == b'\t'));
        }
        assert!(!out.recipients.iter().any(|one| one.contains("evil")) || tricky.contains(" \r\nBcc"), "{tricky:?}");
    }
}

#[test]
fn a35_lines_ended_by_lf_are_ended_by_crlf_also_around_attachments() {
    let out = send(
        "To: b@c.example\nContent-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: text/plain\n\nHi\nthere\n--q\n\
         Content-Type: image/png\nContent-Transfer-Encoding: base64\n\nQUJD\n--q--\n",
    )
    .unwrap();
    check(&out);
    let made = index(&out.submit, arrival());
    assert_eq!(made.facts.search_text, "Hi\r\nthere");
    assert_eq!(attachment(&made.index, 2, &out.submit, None).unwrap().bytes, b"ABC");
}

#[test]
fn i50_x03_a_signed_message_stays_byte_for_byte_even_with_mixed_line_ends() {
    let signed = "--s\r\nContent-Type: text/plain\n\r\nA \u{e9} line\nmixed\r\n--s\nContent-Type: application/pkcs7-signature\r\n\nQUJD\r\n--s--\r\n";
    let mime = format!(
        "To: b@c.example\nSubject: s\r\nContent-Type: multipart/signed; protocol=\"application/pkcs7-signature\"; boundary=s\r\n\n{signed}"
    );
    let raw = mail("plain-latin1");
    let original = index(&raw, arrival()).index;
    let original = Original { index: &original, raw: &raw };
    for out in [
        send(&mime).unwrap(),
        reply(mime.as_bytes(), &original, false, &sending(&ann())).unwrap(),
        forward(mime.as_bytes(), &original, false, &sending(&ann())).unwrap(),
    ] {
        assert!(out.submit.ends_with(signed.as_bytes()));
        assert_eq!(index(&out.submit, arrival()).index.class, MessageClass::Signed);
    }
}

#[test]
fn eight_bits_and_long_lines_are_encoded_for_the_server() {
    let long = "word ".repeat(1_000);
    let out = send(&format!("To: b@c.example\r\nSubject: Gr\u{fc}\u{df}e\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGr\u{fc}\u{df}e\r\n{long}\r\n")).unwrap();
    check(&out);
    let made = index(&out.submit, arrival());
    assert_eq!(made.index.subject, "Gr\u{fc}\u{df}e");
    assert_eq!(made.facts.search_text, format!("Gr\u{fc}\u{df}e\r\n{long}\r\n"));
    // A charset that nobody named is named.
    let out = outgoing(b"To: b@c.example\r\n\r\ncaf\xe9\r\n", &sending(&ann())).unwrap();
    check(&out);
    assert_eq!(read(&out.submit), "caf\u{e9}\r\n");
    // Names of files, and a part that is binary.
    let mime = b"To: b@c.example\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Type: application/pdf; name=\"\xc3\xa9t\xc3\xa9.pdf\"\r\n\r\n\x00\x01\xff\r\n--q--\r\n";
    let out = outgoing(mime, &sending(&ann())).unwrap();
    check(&out);
    let made = index(&out.submit, arrival()).index;
    let got = attachment(&made, 1, &out.submit, None).unwrap();
    assert_eq!((got.display_name.as_str(), got.bytes.as_slice()), ("\u{e9}t\u{e9}.pdf", &[0, 1, 0xff][..]));
    let out = send(&format!("To: b@c.example\r\nSubject: {}\r\n\r\nx", "y".repeat(5_000))).unwrap();
    check(&out);
}

#[test]
fn a_reply_quotes_the_original_below_text_and_html() {
    let raw = mail("related-inline-image");
    let original = index(&raw, arrival()).index;
    let original = Original { index: &original, raw: &raw };
    let owner = ann();
    let plain = "To: amelie@example.fr\r\nSubject: Re: Offre\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nMerci, c'est re=E7u.\r\n";
    let out = reply(plain.as_bytes(), &original, false, &sending(&owner)).unwrap();
    check(&out);
    assert_eq!(
        read(&out.submit),
        "Merci, c'est re\u{e7}u.\r\n\r\n\r\n-----Original Message-----\r\nFrom: \"Am\u{e9}lie Durand\" <amelie@example.fr>\r\n\
         Sent: Fri, 06 Mar 2026 07:30 UTC\r\nTo: ann@ox.example\r\nSubject: Offre compl\u{e8}te\r\n\r\nBonjour Ann,\r\n\r\n\
         voici l\u{2019}offre : https://example.fr/offre?id=7&l=fr\r\n\r\n\u{c0} bient\u{f4}t\r\n"
    );
    let made = index(&out.submit, arrival()).index;
    assert_eq!(made.conversation, original.index.conversation, "the reply stays in the thread");
    assert!(made.attachments.is_empty());
    let html = "To: amelie@example.fr\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n--a\r\nContent-Type: text/plain\r\n\r\nMerci\r\n--a\r\n\
        Content-Type: text/html\r\n\r\n<html><body><p>Merci</p></body></html>\r\n--a--\r\n";
    let out = reply(html.as_bytes(), &original, false, &sending(&owner)).unwrap();
    check(&out);
    let made = index(&out.submit, arrival()).index;
    let shown = crate::email::Mail { index: &made, raw: &out.submit, draft: false };
    let page = crate::body::Source::form(&shown, crate::body::Form::Html, None).unwrap().text;
    assert!(page.starts_with("<html><body><p>Merci</p>\r\n<hr>") && page.contains("<p>Bonjour Ann,</p>"), "{page}");
    assert_eq!(page.matches("</body>").count(), 1);
    assert!(read(&out.submit).starts_with("Merci\r\n\r\n-----Original"));
    // ReplaceMime: nothing is added but the thread.
    let out = reply(plain.as_bytes(), &original, true, &sending(&owner)).unwrap();
    check(&out);
    assert_eq!(read(&out.submit), "Merci, c'est re\u{e7}u.\r\n");
    assert!(header(&out.submit).contains("In-Reply-To: <fr-1@example.fr>\r\nReferences: <fr-1@example.fr>"));
}

#[test]
fn references_grow_by_the_original() {
    let raw = mail("plain-latin1");
    let original = index(&raw, arrival()).index;
    let out =
        reply(b"To: s@b.example\r\n\r\nx", &Original { index: &original, raw: &raw }, false, &sending(&ann())).unwrap();
    check(&out);
    let head = header(&out.submit).replace("\r\n ", " ");
    assert!(
        head.contains("References: <root-77@ox.example> <mid-78@ox.example> <20260302081502.7A1@beispiel.example>"),
        "{head}"
    );
}

#[test]
fn a_forward_carries_the_attachments_also_with_replace_mime() {
    let raw = mail("related-inline-image");
    let original = index(&raw, arrival()).index;
    let original = Original { index: &original, raw: &raw };
    let mime = b"To: b@c.example\r\nSubject: Fwd: Offre\r\n\r\nFYI\r\n";
    for (replace_mime, quoted) in [(false, true), (true, false)] {
        let out = forward(mime, &original, replace_mime, &sending(&ann())).unwrap();
        check(&out);
        let made = index(&out.submit, arrival());
        assert!(made.facts.search_text.starts_with("FYI\r\n"));
        assert_eq!(made.facts.search_text.contains("Bonjour Ann"), quoted);
        let names: Vec<_> = made.index.attachments().map(|part| part.name.clone().unwrap()).collect();
        assert_eq!(names, ["image001.png", "Offre compl\u{e8}te 2026.pdf"]);
        let pdf = made.index.attachments().last().unwrap();
        let before = attachment(original.index, 6, &raw, None).unwrap();
        assert_eq!(attachment(&made.index, pdf.number, &out.submit, None).unwrap().bytes, before.bytes);
    }
}

#[test]
fn what_cannot_be_quoted_is_forwarded_whole() {
    for name in ["signed-smime", "encrypted-smime"] {
        let raw = mail(name);
        let original = index(&raw, arrival()).index;
        let out = forward(
            b"To: b@c.example\r\n\r\nSee.\r\n",
            &Original { index: &original, raw: &raw },
            false,
            &sending(&ann()),
        )
        .unwrap();
        check(&out);
        let made = index(&out.submit, arrival()).index;
        let inner = attachment(&made, made.attachments().next().unwrap().number, &out.submit, None).unwrap();
        assert_eq!(inner.content_type, "message/rfc822");
        assert_eq!(index(&inner.bytes, arrival()).index.class, original.class, "{name}");
        assert_eq!(inner.display_name, format!("{}.eml", original.subject));
    }
    // A mail that is nothing but a file.
    let raw = b"From: x@y.z\r\nSubject: file\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n".to_vec();
    let original = index(&raw, arrival()).index;
    let out =
        forward(b"To: b@c.example\r\n\r\nSee.\r\n", &Original { index: &original, raw: &raw }, false, &sending(&ann()))
            .unwrap();
    check(&out);
    let made = index(&out.submit, arrival()).index;
    assert_eq!(made.attachments().map(|part| part.name.as_deref().unwrap()).collect::<Vec<_>>(), ["a.pdf"]);
    assert_eq!(text(&out.submit).matches("From:").count(), 2, "the header and the quote, not the attachment");
}

#[test]
fn a_forwarded_invitation_stays_one_with_its_organizer() {
    let raw = mail("meeting-request");
    let original = index(&raw, arrival()).index;
    let out = forward(
        b"To: b@c.example\r\n\r\nJoin us.\r\n",
        &Original { index: &original, raw: &raw },
        false,
        &sending(&ann()),
    )
    .unwrap();
    check(&out);
    assert_eq!(index(&out.submit, arrival()).index.class, MessageClass::MeetingRequest);
    assert!(text(&out.submit).contains("ORGANIZER;CN=3DCarol") || text(&out.submit).contains("ORGANIZER;CN=Carol"));
}

#[test]
fn a_message_without_text_gets_the_quote_as_a_part() {
    let raw = mail("plain-latin1");
    let original = index(&raw, arrival()).index;
    let mime =
        b"To: b@c.example\r\nContent-Type: image/png; name=x.png\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n";
    let out = reply(mime, &Original { index: &original, raw: &raw }, false, &sending(&ann())).unwrap();
    check(&out);
    let made = index(&out.submit, arrival());
    assert!(made.facts.search_text.contains("Liebe Ann,"));
    assert_eq!(made.index.attachments().count(), 1);
}

#[test]
fn a_hostile_original_costs_no_more_than_its_length() {
    let part = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n";
    let raw = part.repeat(10_000).into_bytes();
    let original = index(&raw, arrival()).index;
    let original = Original { index: &original, raw: &raw };
    let mime = [b"To: b@c.example\r\n".as_slice(), &raw].concat();
    for out in [
        outgoing(&mime, &sending(&ann())),
        reply(&mime, &original, false, &sending(&ann())),
        forward(&mime, &original, false, &sending(&ann())),
    ] {
        check(&out.unwrap());
    }
    let html = format!("Content-Type: text/html\r\n\r\n{}", "<div><a href=\"".repeat(200_000)).into_bytes();
    let original = index(&html, arrival()).index;
    let out = forward(b"To: b@c.example\r\n\r\nx", &Original { index: &original, raw: &html }, false, &sending(&ann()));
    check(&out.unwrap());
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_refused_or_made_safe(raw in proptest::collection::vec(proptest::sample::select(
        b"To: a@b.c,\"<>()\r\n\n\r \tBcc: =?utf-8?Q?_?=Subject Content-Type: multipart/mixed; boundary=b--b\xff\0".to_vec()), 0..300)) {
        let mime = [b"To: b@c.example\r\n".as_slice(), &raw].concat();
        let owner = ann();
        if let Ok(out) = outgoing(&mime, &sending(&owner)) {
            let head = &out.submit[..memchr::memmem::find(&out.submit, b"\r\n\r\n").unwrap()];
            proptest::prop_assert!(head.is_ascii() && !head.contains(&0));
            for line in std::str::from_utf8(head).unwrap().split("\r\n") {
                proptest::prop_assert!(line.len() <= 998 && !line.contains(['\r', '\n']));
                proptest::prop_assert!(!line.to_lowercase().starts_with("bcc"));
            }
        }
        let original = index(&raw, arrival()).index;
        let original = Original { index: &original, raw: &raw };
        let _ = reply(&mime, &original, false, &sending(&owner));
        let _ = forward(&mime, &original, false, &sending(&owner));
    }
}

const INVITATION: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:u1\r\n\
    DTSTAMP:20260101T000000Z\r\nDTSTART:20260310T090000Z\r\nDTEND:20260310T100000Z\r\nSUMMARY:Gr\u{f6}\u{df}e\r\n\
    ORGANIZER:mailto:bob@ox.example\r\nATTENDEE:mailto:ann@ox.example\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

#[test]
fn a_forwarded_event_is_an_invitation_to_who_gets_it() {
    let mime = "To: carol@ox.example\r\nSubject: FW: Talk\r\n\r\nYou may want to come.\r\n";
    let out = forward_event(mime.as_bytes(), INVITATION, &sending(&ann())).unwrap();
    check(&out);
    assert!(read(&out.submit).contains("You may want to come."));
    let index = index(&out.submit, arrival()).index;
    assert_eq!(index.class, MessageClass::MeetingRequest);
    let part = &index.parts[usize::from(index.calendar.unwrap())];
    let bytes = out.submit[usize::try_from(part.start).unwrap()..usize::try_from(part.end).unwrap()].to_vec();
    let decoded = mail_parser::decoders::base64::base64_decode(&bytes).unwrap();
    assert_eq!(text_of(decoded), INVITATION);
}

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[test]
fn forwardees_get_a_message_that_the_server_writes() {
    let forwardee = |name: &str, email: &str| Forwardee { name: name.into(), email: email.into() };
    let to =
        [forwardee("J\u{fc}rgen \"X\"\r\nBcc: evil@ox.example", "j@ox.example"), forwardee("", "carol@ox.example")];
    let subject = "Gr\u{f6}\u{df}e\r\nBcc: evil@ox.example ".repeat(8);
    let mime = to_forwardees(&to, &subject, Some((crate::body::Form::Html, "<p>S\u{fc}\u{df}</p>"))).unwrap();
    let out = forward_event(&mime, INVITATION, &sending(&ann())).unwrap();
    check(&out);
    assert_eq!(out.recipients, ["j@ox.example", "carol@ox.example"]);
    assert!(read(&out.submit).contains("S\u{fc}\u{df}"), "{}", read(&out.submit));
    let made = index(&out.submit, arrival()).index;
    assert!(made.subject.starts_with("Gr\u{f6}\u{df}e Bcc: evil"), "{}", made.subject);
    assert_eq!(made.class, MessageClass::MeetingRequest);
    for bad in ["", "nobody", "a@b>\r\nBcc: c@d"] {
        let refused = to_forwardees(&[forwardee("", bad)], "x", None);
        assert!(matches!(refused, Err(ComposeError::BadRecipient(_))), "{bad:?}");
    }
    let nobody = to_forwardees(&[], "x", None).unwrap();
    let refused = forward_event(&nobody, INVITATION, &sending(&ann()));
    assert!(matches!(refused, Err(ComposeError::NoRecipients)), "{refused:?}");
}
