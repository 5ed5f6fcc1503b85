use std::fmt::Write as _;
use std::sync::Mutex;

use easel_protocol::{Flag, Groups, LastVerb, MailRecord, ServerId, Verb, Version};
use easel_wbxml::pages::{airsyncbase, email, email2, tasks};
use easel_wbxml::{Element, Node};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;
use crate::{BodyPreference, BodyPreferences, BodyType, ItemError, Owner, View};

mod manner;

const MAILS: [&str; 15] = [
    "alternative-windows-1251",
    "bounce",
    "broken",
    "encrypted-smime",
    "forwarded-message",
    "meeting-reply",
    "meeting-request",
    "no-body",
    "plain-iso-2022-jp",
    "plain-latin1",
    "plain-utf8-base64",
    "read-receipt",
    "related-inline-image",
    "several-texts",
    "signed-smime",
];

fn path(name: &str) -> String {
    format!("{}/../../tests/fixtures/mail/{name}", env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn mail(name: &str) -> Vec<u8> {
    std::fs::read(path(&format!("{name}.eml"))).unwrap()
}

pub(crate) fn ann() -> Owner {
    Owner {
        name: "Ann Lee".into(),
        addresses: vec!["ann@ox.example".into(), "ann.lee@ox.example".into()],
        zone: TimeZone::UTC,
    }
}

pub(crate) fn arrival() -> Timestamp {
    "2026-03-11T12:00:00Z".parse().unwrap()
}

fn prefer(kind: BodyType, truncation_size: Option<u32>) -> BodyPreference {
    BodyPreference { kind, truncation_size, all_or_none: false, preview: None }
}

fn preferences(types: Vec<BodyPreference>) -> BodyPreferences {
    BodyPreferences { types, ..BodyPreferences::default() }
}

/// The properties of a mail as a device of `version` that wants `body` sees them.
fn shown_with(raw: &[u8], record: &MailRecord, version: Version, body: &BodyPreferences) -> Element {
    let index = index(raw, arrival()).index;
    let owner = ann();
    let view = View { version, owner: &owner, body, now: arrival(), manner: crate::Manner::default() };
    let children = properties(ServerId::new(0x1f), &index, record, &raw, &view).unwrap();
    Element::of(easel_wbxml::pages::airsync::APPLICATION_DATA, children)
}

fn shown(raw: &[u8], version: Version, types: Vec<BodyPreference>) -> Element {
    shown_with(raw, &MailRecord::arrived(arrival().as_millisecond()), version, &preferences(types))
}

fn text_and_html() -> Vec<BodyPreference> {
    vec![prefer(BodyType::Text, None), prefer(BodyType::Html, None)]
}

fn body_data(data: &Element) -> String {
    data.at(&[airsyncbase::BODY, airsyncbase::DATA]).map(|data| data.value().into_owned()).unwrap_or_default()
}

fn dump(element: &Element, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    write!(out, "{indent}{}", element.tag).unwrap();
    for node in &element.content {
        match node {
            Node::Element(_) => {}
            Node::Text(text) => write!(out, " = {text:?}").unwrap(),
            Node::Opaque(bytes) => write!(out, " = {bytes:02x?}").unwrap(),
        }
    }
    out.push('\n');
    element.children().for_each(|child| dump(child, depth + 1, out));
}

#[test]
fn every_mail_is_shown_as_its_golden_file_says() {
    for name in MAILS {
        let raw = mail(name);
        let Indexed { index, facts } = index(&raw, arrival());
        let mut out = format!("people = {:?}\nsearch = {:?}\n", facts.people, facts.search_text);
        for (version, types) in [
            (Version::V2_5, vec![]),
            (Version::V12_1, vec![prefer(BodyType::Text, Some(2000))]),
            (Version::V16_1, text_and_html()),
        ] {
            writeln!(out, "\n{version}").unwrap();
            dump(&shown(&raw, version, types), 0, &mut out);
        }
        assert_eq!(Index::from_bytes(&index.to_bytes()).unwrap(), index, "{name}");
        let golden = path(&format!("{name}.txt"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &out).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap();
        assert_eq!(out, expected, "{name}");
    }
}

#[test]
fn charsets_of_four_scripts_are_read() {
    for (name, from, subject, body) in [
        (
            "plain-latin1",
            "Sabine M\u{fc}ller",
            "AW: Gr\u{fc}\u{df}e aus K\u{f6}ln (Besprechung am Donnerstag)",
            "Gr\u{fc}\u{df}e aus K\u{f6}ln",
        ),
        ("plain-iso-2022-jp", "山田太郎", "会議のお知らせ", "次の会議は木曜日です。"),
        ("alternative-windows-1251", "Иван Петров", "Отчёт за февраль", "Отчёт готов."),
        ("plain-utf8-base64", "王伟", "回复：生日快乐 🎂", "祝你生日快乐！🎂\r\nΧρόνια πολλά"),
    ] {
        let raw = mail(name);
        let index = index(&raw, arrival()).index;
        assert_eq!(index.from[0].name, from);
        assert_eq!(index.subject, subject);
        let data = shown(&raw, Version::V12_1, vec![prefer(BodyType::Text, None)]);
        assert!(body_data(&data).contains(body), "{name}: {}", body_data(&data));
        assert_eq!(data.text_of(email::INTERNET_CPID).unwrap(), "65001");
    }
    let html = body_data(&shown(&mail("alternative-windows-1251"), Version::V14_1, vec![prefer(BodyType::Html, None)]));
    assert!(html.contains("<b>готов</b>") && !html.contains("windows-1251"), "{html}");
}

#[test]
fn korean_and_chinese_in_seven_bits_are_read_in_bodies_and_headers() {
    let korean = "From: =?ISO-2022-KR?B?GyQpQw4+SDNnDw==?= <a@b.example>\r\nSubject: =?iso-2022-kr?Q?=1B$)C=0E>H3g=0F?=\r\n\
        Content-Type: text/plain; charset=ISO-2022-KR\r\n\r\n\x1b$)C\r\n\x0e>H3g\x0f!\r\n";
    let chinese = "From: =?HZ-GB-2312?Q?~{<:~}?= <a@b.example>\r\nSubject: =?hz-gb-2312?B?fns8On59?=\r\n\
        Content-Type: text/plain; charset=hz-gb-2312\r\n\r\n~{<:Ky2;S{~}!\r\n";
    for (raw, name, body) in
        [(korean, "\u{c548}\u{b155}", "\u{c548}\u{b155}!"), (chinese, "\u{5df1}", "\u{5df1}\u{6240}\u{4e0d}\u{6b32}!")]
    {
        let index = index(raw.as_bytes(), arrival()).index;
        assert_eq!((index.from[0].name.as_str(), index.subject.as_str()), (name, name));
        let data = shown(raw.as_bytes(), Version::V14_1, vec![prefer(BodyType::Text, None)]);
        assert_eq!(body_data(&data).trim(), body);
    }
}

#[test]
fn i03_addresses_are_joined_with_comma_and_space_and_cut_between_two() {
    let data = shown(&mail("plain-latin1"), Version::V2_5, vec![]);
    assert_eq!(data.text_of(email::TO).unwrap(), "\"Lee, Ann\" <ann@ox.example>, \"Bob\" <bob@ox.example>");
    assert_eq!(data.text_of(email::DISPLAY_TO).unwrap(), "Lee, Ann; Bob");
    let many: String = (0..4_000).map(|n| format!("user{n}@example.org,\r\n ")).collect();
    let raw = format!("To: {many}last@example.org\r\nSubject: x\r\n\r\nx");
    let to = shown(raw.as_bytes(), Version::V14_1, vec![]).text_of(email::TO).unwrap().into_owned();
    assert!(to.len() <= 32_768 && to.len() > 32_700 && to.ends_with("@example.org"));
    assert!(shown(&mail("several-texts"), Version::V14_1, vec![]).child(email::TO).is_none());
    let reply_to = shown(&mail("plain-utf8-base64"), Version::V14_1, vec![]);
    assert_eq!(reply_to.text_of(email::REPLY_TO).unwrap(), "\"办公室\" <office@example.cn>; desk@example.cn");
}

#[test]
fn a19_importance_is_always_sent() {
    for (header, expected) in [
        ("", "1"),
        ("Importance: High\r\n", "2"),
        ("X-Priority: 5\r\n", "0"),
        ("X-Priority: 1 (Highest)\r\n", "2"),
        ("Priority: non-urgent\r\n", "0"),
        ("Importance: rather\r\n", "1"),
    ] {
        let raw = format!("Subject: x\r\n{header}\r\nx");
        for version in Version::ALL {
            assert_eq!(shown(raw.as_bytes(), version, vec![]).text_of(email::IMPORTANCE).unwrap(), expected);
        }
    }
}

#[test]
fn g41_a_mail_without_arrival_shows_when_it_was_sent() {
    let raw = mail("plain-latin1");
    let at = |received| {
        let data = shown_with(&raw, &MailRecord::arrived(received), Version::V14_1, &preferences(vec![]));
        data.text_of(email::DATE_RECEIVED).unwrap().into_owned()
    };
    assert_eq!(at(arrival().as_millisecond()), "2026-03-11T12:00:00.000Z");
    assert_eq!(at(0), "2026-03-02T08:15:02.000Z");
}

#[test]
fn a29_every_attachment_has_a_name_and_a_size() {
    let data = shown(&mail("related-inline-image"), Version::V14_1, text_and_html());
    let all: Vec<String> = data
        .child(airsyncbase::ATTACHMENTS)
        .unwrap()
        .children()
        .map(|one| one.children().map(|child| child.value().into_owned()).collect::<Vec<_>>().join("|"))
        .collect();
    assert_eq!(all, ["image001.png|c1f-5|1|67|logo.1@example.fr|1", "Offre complète 2026.pdf|c1f-6|1|2064"]);
    let data = shown(&mail("forwarded-message"), Version::V12_1, text_and_html());
    let inner = data.at(&[airsyncbase::ATTACHMENTS, airsyncbase::ATTACHMENT]).unwrap();
    assert_eq!(inner.text_of(airsyncbase::DISPLAY_NAME).unwrap(), "Rechnung für März.eml");
    assert_eq!(inner.text_of(airsyncbase::METHOD).unwrap(), "5");
    let data = shown(&mail("forwarded-message"), Version::V2_5, vec![]);
    let names: Vec<_> = data.at(&[email::ATTACHMENTS, email::ATTACHMENT]).unwrap().children().map(|c| c.tag).collect();
    assert_eq!(names, [email::ATT_NAME, email::ATT_SIZE, email::ATT_METHOD, email::DISPLAY_NAME]);
}

#[test]
fn a33_a_mail_without_id_and_subject_has_no_conversation_id() {
    let data = shown(b"From: x@y.z\r\n\r\nhello", Version::V14_0, vec![]);
    assert!(data.child(email2::CONVERSATION_ID).is_none() && data.child(email2::CONVERSATION_INDEX).is_none());
    let of = |raw: &[u8]| index(raw, arrival()).index.conversation.unwrap();
    let root = of(b"Message-ID: <root-77@ox.example>\r\n\r\n");
    assert_eq!(root, of(&mail("plain-latin1")), "a reply belongs to the thread of the first reference");
    assert_ne!(root, of(&mail("no-body")));
}

#[test]
fn i46_several_text_parts_make_one_body() {
    let raw = mail("several-texts");
    let text = body_data(&shown(&raw, Version::V12_1, vec![prefer(BodyType::Text, None)]));
    assert_eq!(text, "Here is the first picture:\r\n\r\nAnd that was all.\r\n");
    let html = body_data(&shown(&raw, Version::V12_1, vec![prefer(BodyType::Html, None)]));
    assert!(
        html.starts_with("<div>Here is the first picture:<br>") && html.ends_with("<p>And <i>that</i> was all.</p>")
    );
    assert!(!html.contains("Not part"));
}

#[test]
fn i47_p02_a_mail_without_body_has_an_empty_body_in_2_5_and_none_later() {
    for raw in [mail("no-body"), b"Subject: x\r\n\r\n \r\n\r\n".to_vec(), b"Subject: x".to_vec()] {
        let old = shown(&raw, Version::V2_5, vec![]);
        assert!(old.child(email::BODY).unwrap().is_empty());
        assert_eq!(old.text_of(email::BODY_SIZE).unwrap(), "0");
        for types in [vec![], text_and_html()] {
            assert!(shown(&raw, Version::V14_1, types).child(airsyncbase::BODY).is_none());
        }
    }
}

#[test]
fn o10_the_native_body_type_is_never_0() {
    for name in MAILS {
        let data = shown(&mail(name), Version::V14_0, text_and_html());
        let native = data.text_of(airsyncbase::NATIVE_BODY_TYPE).unwrap().into_owned();
        assert!(["1", "2"].contains(&native.as_str()), "{name}");
        assert!(shown(&mail(name), Version::V2_5, vec![]).child(airsyncbase::NATIVE_BODY_TYPE).is_none());
    }
}

#[test]
fn g53_the_type_of_a_body_describes_the_data() {
    for name in MAILS {
        for types in [vec![prefer(BodyType::Html, None)], vec![prefer(BodyType::Text, None)], text_and_html()] {
            let data = shown(&mail(name), Version::V12_1, types);
            let Some(body) = data.child(airsyncbase::BODY) else { continue };
            let is_html = body.text_of(airsyncbase::DATA).unwrap().trim_start().starts_with('<');
            assert_eq!(body.text_of(airsyncbase::TYPE).unwrap(), if is_html { "2" } else { "1" }, "{name}");
        }
    }
}

#[test]
fn n13_a_cut_mail_of_2_5_carries_its_full_size() {
    let raw = format!("Subject: x\r\n\r\n{}", "0123456789\r\n".repeat(1000));
    let old = BodyPreferences { truncation: Some(2), ..BodyPreferences::default() };
    let data = shown_with(raw.as_bytes(), &MailRecord::arrived(1), Version::V2_5, &old);
    assert_eq!(data.text_of(email::BODY).unwrap().len(), 1024);
    assert_eq!(data.text_of(email::BODY_SIZE).unwrap(), "12000");
    assert_eq!(data.text_of(email::BODY_TRUNCATED).unwrap(), "1");
}

#[test]
fn g32_a_mime_body_is_sent_whole_or_by_its_size_only() {
    let raw = mail("signed-smime");
    let ask = |mime_support, limit| BodyPreferences {
        mime_support,
        ..preferences(vec![prefer(BodyType::Text, Some(500)), prefer(BodyType::Mime, limit)])
    };
    let record = MailRecord::arrived(1);
    let whole = shown_with(&raw, &record, Version::V12_1, &ask(1, None));
    assert_eq!(body_data(&whole).as_bytes(), raw, "signed mail stays byte for byte");
    assert!(whole.child(airsyncbase::ATTACHMENTS).is_none(), "the signature is in the message");
    let size_only = shown_with(&raw, &record, Version::V12_1, &ask(1, Some(100)));
    let body = size_only.child(airsyncbase::BODY).unwrap();
    assert_eq!(
        body.children().map(|child| child.value().into_owned()).collect::<Vec<_>>(),
        ["4".to_owned(), raw.len().to_string(), "1".to_owned()]
    );
    let text = shown_with(&raw, &record, Version::V12_1, &ask(0, None));
    assert_eq!(body_data(&text), "The figures are right.   \r\n-- \r\nCarol");
    assert!(text.child(airsyncbase::ATTACHMENTS).is_some());
    // A mail that can be read otherwise is cut as text rather than left out.
    let plain = shown_with(&mail("plain-latin1"), &record, Version::V12_1, &ask(2, Some(100)));
    assert_eq!(plain.at(&[airsyncbase::BODY, airsyncbase::TYPE]).unwrap().value(), "1");
    // 2.5
    let old = |code| BodyPreferences { mime_support: 2, mime_truncation: code, ..BodyPreferences::default() };
    let data = shown_with(&raw, &record, Version::V2_5, &old(None));
    assert_eq!(data.text_of(email::MIME_DATA).unwrap().as_bytes(), raw);
    assert_eq!(data.text_of(email::MIME_TRUNCATED).unwrap(), "0");
    let data = shown_with(&raw, &record, Version::V2_5, &old(Some(0)));
    assert!(data.child(email::MIME_DATA).is_none());
    assert_eq!(data.text_of(email::MIME_TRUNCATED).unwrap(), "1");
}

#[test]
fn g06_mime_with_eight_bits_or_control_characters_is_encoded_anew() {
    for name in ["alternative-windows-1251", "plain-iso-2022-jp", "broken"] {
        let raw = mail(name);
        let ask = BodyPreferences { mime_support: 2, ..preferences(vec![prefer(BodyType::Mime, None)]) };
        let data = shown_with(&raw, &MailRecord::arrived(1), Version::V14_1, &ask);
        let Node::Text(mime) = &data.at(&[airsyncbase::BODY, airsyncbase::DATA]).unwrap().content[0] else {
            panic!("{name} is text")
        };
        assert!(mime.chars().all(|c| !c.is_control() || matches!(c, '\r' | '\n' | '\t')), "{name}");
        let again = index(mime.as_bytes(), arrival());
        let before = index(&raw, arrival());
        assert_eq!(again.index.from, before.index.from, "{name}");
        assert_eq!(again.index.text.len(), before.index.text.len(), "{name}");
        if name != "broken" {
            assert_eq!(again.facts.search_text, before.facts.search_text, "{name}");
        }
    }
}

#[test]
fn p21_line_breaks_survive_in_html_made_of_text() {
    let html = body_data(&shown(&mail("plain-latin1"), Version::V12_1, vec![prefer(BodyType::Html, None)]));
    assert!(html.contains("Liebe Ann,<br>\r\n<br>\r\ndie Besprechung"), "{html}");
    assert!(html.contains("3 &lt; 4 &amp; &quot;Zitate&quot;"));
}

#[test]
fn a_cut_page_reads_no_more_than_it_shows_and_no_attachment() {
    struct Watched<'a>(&'a [u8], Mutex<u64>);
    impl Raw for Watched<'_> {
        fn len(&self) -> u64 {
            self.0.len() as u64
        }
        fn read(&self, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
            let bytes = self.0.read(range)?;
            *self.1.lock().unwrap() += bytes.len() as u64;
            Ok(bytes)
        }
    }
    let text = "Ein Satz mit Gr=C3=BC=C3=9Fen.\r\n".repeat(20_000);
    let file = "QUJD".repeat(19);
    let raw = format!(
        "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\n{text}\r\n--b\r\nContent-Type: application/zip\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}--b--\r\n",
        format!("{file}\r\n").repeat(5_000)
    );
    let index = index(raw.as_bytes(), arrival()).index;
    let watched = Watched(raw.as_bytes(), Mutex::new(0));
    let (owner, body) = (ann(), preferences(vec![prefer(BodyType::Text, Some(1024))]));
    let view =
        View { version: Version::V14_1, owner: &owner, body: &body, now: arrival(), manner: crate::Manner::default() };
    let data = properties(ServerId::new(1), &index, &MailRecord::arrived(1), &watched, &view).unwrap();
    let data = Element::of(easel_wbxml::pages::airsync::APPLICATION_DATA, data);
    assert!((1022..=1024).contains(&body_data(&data).len()));
    assert_eq!(data.at(&[airsyncbase::BODY, airsyncbase::TRUNCATED]).unwrap().value(), "1");
    let full = data.at(&[airsyncbase::BODY, airsyncbase::ESTIMATED_DATA_SIZE]).unwrap().value().into_owned();
    assert_eq!(full, (24 * 20_000).to_string());
    assert!(*watched.1.lock().unwrap() <= 8 * 1024, "{} bytes read", watched.1.lock().unwrap());
    let got = attachment(&index, 2, &watched, Some(3..9)).unwrap();
    assert_eq!((got.total, got.bytes.as_slice()), (3 * 19 * 5_000, b"ABCABC".as_slice()));
}

#[test]
fn an_attachment_is_decoded_whole_or_in_part() {
    let raw = mail("related-inline-image");
    let index = index(&raw, arrival()).index;
    let whole = attachment(&index, 6, &raw, None).unwrap();
    assert_eq!(
        (whole.content_type.as_str(), whole.display_name.as_str()),
        ("application/pdf", "Offre complète 2026.pdf")
    );
    assert_eq!((whole.bytes.len() as u64, whole.total), (2064, 2064));
    assert!(whole.bytes.starts_with(b"%PDF-1.4\n\0\x01"));
    for (range, expected) in
        [(0..4, 0..4), (9..265, 9..265), (2060..9999, 2060..2064), (5000..6000, 0..0), (4..4, 0..0)]
    {
        let part = attachment(&index, 6, &raw, Some(range)).unwrap();
        assert_eq!((part.bytes.as_slice(), part.total), (&whole.bytes[expected], 2064));
    }
    assert_eq!(attachment(&index, 0, &raw, None), Err(ItemError::NoSuchPart(0)));
    let backwards = Range { start: 9, end: 4 };
    assert_eq!(attachment(&index, 6, &raw, Some(backwards)).unwrap().bytes, b"");
    let raw = mail("forwarded-message");
    let inner = attachment(&self::index(&raw, arrival()).index, 2, &raw, None).unwrap();
    assert!(inner.bytes.starts_with(b"From: eve@example.net\r\n") && inner.bytes.ends_with(b"--m2--\r\n"));
}

#[test]
fn the_message_class_says_what_the_mail_is() {
    for (name, class) in [
        ("plain-latin1", "IPM.Note"),
        ("signed-smime", "IPM.Note.SMIME.MultipartSigned"),
        ("encrypted-smime", "IPM.Note.SMIME"),
        ("meeting-request", "IPM.Schedule.Meeting.Request"),
        ("meeting-reply", "IPM.Schedule.Meeting.Resp.Neg"),
        ("bounce", "REPORT.IPM.Note.NDR"),
        ("read-receipt", "REPORT.IPM.Note.IPNRN"),
    ] {
        let data = shown(&mail(name), Version::V14_1, vec![]);
        assert_eq!(data.text_of(email::MESSAGE_CLASS).unwrap(), class);
        let meeting = class.contains("Schedule");
        assert_eq!(data.text_of(email::CONTENT_CLASS).unwrap().contains("calendarmessage"), meeting);
        assert_eq!(data.child(email::MEETING_REQUEST).is_some(), class.ends_with("Request"), "{name}");
    }
}

#[test]
fn only_what_a_version_knows_is_sent() {
    let record = MailRecord {
        received_as_bcc: true,
        flag: Some(Flag { status: 2, ..Flag::default() }),
        categories: vec!["Blue".into()],
        last_verb: Some(LastVerb { verb: Verb::Forward, at: 1_000 }),
        ..MailRecord::arrived(1)
    };
    for version in Version::ALL {
        let data = shown_with(&mail("related-inline-image"), &record, version, &preferences(text_and_html()));
        let late = data.children().find(|child| child.tag.since().is_none_or(|since| since > version.times_ten()));
        assert_eq!(late.map(|child| child.tag), None, "{version}");
        let mut seen = std::collections::HashSet::new();
        assert!(data.children().all(|child| seen.insert(child.tag)), "{version}");
        assert_eq!(data.child(email2::SENDER).is_some(), version >= Version::V14_0);
        assert_eq!(data.child(email2::RECEIVED_AS_BCC).is_some(), version >= Version::V14_0);
        assert_eq!(data.child(email2::IS_DRAFT).is_some(), version >= Version::V16_0);
        let last = data.children().next_back().unwrap().tag;
        assert_eq!(last == email::CATEGORIES, version >= Version::V14_0, "categories come last");
    }
    // K: G05
    let data = shown(&mail("no-body"), Version::V16_1, vec![]);
    assert!(data.child(email::CATEGORIES).is_none() && data.child(email::FLAG).unwrap().is_empty());
}

#[test]
fn p04_a_change_of_flags_carries_the_flags_only() {
    let owner = ann();
    let body = preferences(vec![]);
    let record = MailRecord {
        read: true,
        last_verb: Some(LastVerb { verb: Verb::ReplyAll, at: 1_000 }),
        ..MailRecord::arrived(1)
    };
    let tags = |groups, version| -> Vec<_> {
        let view = View { version, owner: &owner, body: &body, now: arrival(), manner: crate::Manner::default() };
        changed(groups, &record, &view).into_iter().map(|element| element.tag).collect()
    };
    assert_eq!(tags(Groups::READ, Version::V2_5), [email::READ]);
    assert_eq!(tags(Groups::FLAG, Version::V2_5), []);
    assert_eq!(tags(Groups::READ.and(Groups::FLAG), Version::V12_0), [email::READ, email::FLAG]);
    assert_eq!(tags(Groups::CATEGORIES, Version::V12_1), []);
    assert_eq!(tags(Groups::CATEGORIES, Version::V14_0), [email::CATEGORIES]);
    assert_eq!(
        tags(Groups::REPLY_STATE, Version::V14_1),
        [email2::LAST_VERB_EXECUTED, email2::LAST_VERB_EXECUTION_TIME]
    );
    assert_eq!(tags(Groups::REPLY_STATE, Version::V12_1), []);
}

fn change(children: Vec<Element>) -> Element {
    Element::of(easel_wbxml::pages::airsync::APPLICATION_DATA, children)
}

fn applied(record: &MailRecord, children: Vec<Element>) -> Result<(MailRecord, Groups), ItemError> {
    let owner = ann();
    let body = preferences(vec![]);
    let view =
        View { version: Version::V14_1, owner: &owner, body: &body, now: arrival(), manner: crate::Manner::default() };
    apply(record, &change(children), &view, "Lunch?")
}

fn flag(children: Vec<Element>) -> Vec<Element> {
    vec![Element::of(email::FLAG, children)]
}

fn dates(start: &str, due: &str) -> Vec<Element> {
    vec![
        Element::text(tasks::START_DATE, start),
        Element::text(tasks::UTC_START_DATE, start),
        Element::text(tasks::DUE_DATE, due),
        Element::text(tasks::UTC_DUE_DATE, due),
    ]
}

fn set(more: Vec<Element>) -> Vec<Element> {
    let head = vec![Element::number(email::STATUS, 2), Element::text(email::FLAG_TYPE, "for Follow Up")];
    flag(head.into_iter().chain(more).collect())
}

#[test]
fn read_flag_and_categories_are_taken_over_and_told_apart() {
    let before = MailRecord::arrived(1);
    let categories =
        Element::of(email::CATEGORIES, ["Blue", " Red ", "Blue"].map(|c| Element::text(email::CATEGORY, c)));
    let all = [vec![Element::number(email::READ, 1), categories], set(vec![])].concat();
    let (after, groups) = applied(&before, all.clone()).unwrap();
    assert!(after.read && after.categories == ["Blue", "Red"]);
    assert_eq!(groups, Groups::READ.and(Groups::FLAG).and(Groups::CATEGORIES));
    assert_eq!(applied(&after, all).unwrap().1, Groups::NONE, "what is so already is no change");
    let (cleared, groups) = applied(&after, vec![Element::new(email::CATEGORIES)]).unwrap();
    assert!(cleared.categories.is_empty() && groups == Groups::CATEGORIES);
    assert_eq!(applied(&after, vec![]).unwrap(), (after.clone(), Groups::NONE));
    assert!(applied(&before, vec![Element::new(email::READ)]).unwrap().0.read, "an empty tag is true");
    assert!(applied(&before, vec![Element::text(email::READ, "yes")]).is_err());
}

#[test]
fn i57_a_flag_without_subject_gets_the_subject_of_the_mail() {
    let subject = |children| applied(&MailRecord::arrived(1), set(children)).unwrap().0.flag.unwrap().subject;
    assert_eq!(subject(vec![]).as_deref(), Some("Lunch?"));
    assert_eq!(subject(vec![Element::text(tasks::SUBJECT, "Own")]).as_deref(), Some("Own"));
}

#[test]
fn v03_an_empty_flag_takes_the_flag_away_as_status_0_does() {
    let flagged = applied(&MailRecord::arrived(1), set(vec![])).unwrap().0;
    for children in [flag(vec![]), flag(vec![Element::number(email::STATUS, 0)])] {
        let (after, groups) = applied(&flagged, children).unwrap();
        assert_eq!((after.flag, groups), (None, Groups::FLAG));
    }
}

#[test]
fn a_flag_comes_back_as_it_was_set() {
    let sent = [
        dates("2026-03-01T00:00:00.000Z", "2026-03-02T00:00:00.000Z"),
        vec![
            Element::number(tasks::REMINDER_SET, 1),
            Element::text(tasks::REMINDER_TIME, "2026-03-01T09:00:00.000Z"),
            Element::text(tasks::ORDINAL_DATE, "2026-03-01T10:00:00.000Z"),
            Element::text(tasks::SUB_ORDINAL_DATE, "5555"),
        ],
    ]
    .concat();
    let (record, _) = applied(&MailRecord::arrived(1), set(sent.clone())).unwrap();
    let owner = ann();
    let body = preferences(vec![]);
    let view =
        View { version: Version::V14_1, owner: &owner, body: &body, now: arrival(), manner: crate::Manner::default() };
    let told = changed(Groups::FLAG, &record, &view).remove(0);
    for element in &sent {
        assert_eq!(told.text_of(element.tag), Some(element.value()), "{}", element.tag);
    }
    let complete = [
        Element::number(email::STATUS, 1),
        Element::text(email::COMPLETE_TIME, "2026-03-01T12:00:00.000Z"),
        Element::text(tasks::DATE_COMPLETED, "2026-03-01T12:00:00.000Z"),
    ];
    let (record, _) = applied(&record, flag(complete.to_vec())).unwrap();
    let told = changed(Groups::FLAG, &record, &view).remove(0);
    assert_eq!(told.text_of(email::STATUS).unwrap(), "1");
    assert_eq!(told.text_of(tasks::SUBJECT).unwrap(), "Lunch?", "what is done keeps what it was about");
    assert_eq!(told.text_of(tasks::DATE_COMPLETED).unwrap(), "2026-03-01T12:00:00.000Z");
}

#[test]
fn what_breaks_a_rule_is_refused() {
    let status = |n: &str| Element::text(email::STATUS, n);
    let bad: Vec<Vec<Element>> = vec![
        flag(vec![status("3")]),
        flag(vec![status("")]),
        flag(vec![status("2")]),
        flag(vec![Element::text(email::FLAG_TYPE, "x")]),
        flag(vec![status("1")]),
        flag(vec![status("1"), Element::text(email::COMPLETE_TIME, "2026-03-01T12:00:00.000Z")]),
        set(dates("2026-03-02T00:00:00.000Z", "2026-03-01T00:00:00.000Z")),
        set(dates("2026-03-02T00:00:00.000Z", "2026-03-03T00:00:00.000Z")[..3].to_vec()),
        set(vec![Element::number(tasks::REMINDER_SET, 1)]),
        set(vec![Element::text(tasks::REMINDER_SET, "2")]),
        vec![Element::opaque(email2::CONVERSATION_ID, [1])],
        vec![Element::number(email2::RECEIVED_AS_BCC, 1)],
        vec![Element::text(email2::SENDER, "x")],
        vec![Element::text(email2::UM_CALLER_ID, "x")],
        vec![Element::text(email2::UM_USER_NOTES, "x")],
    ];
    for children in bad {
        let named = format!("{children:?}");
        assert!(matches!(applied(&MailRecord::arrived(1), children), Err(ItemError::Rule { .. })), "{named}");
    }
    let many = (0..301).map(|n| Element::text(email::CATEGORY, n.to_string()));
    assert!(applied(&MailRecord::arrived(1), vec![Element::of(email::CATEGORIES, many)]).is_err());
    let draft = MailRecord { draft: true, ..MailRecord::arrived(1) };
    assert!(applied(&draft, vec![Element::text(email::SUBJECT, "new")]).is_err());
    assert!(applied(&MailRecord::arrived(1), vec![Element::text(email::SUBJECT, "new")]).is_ok());
}

#[test]
fn g51_a_date_that_cannot_be_read_is_no_date() {
    let (record, _) = applied(&MailRecord::arrived(1), set(dates("tomorrow", "2026-03-01T00:00:00.000Z"))).unwrap();
    assert_eq!(record.flag.unwrap().due_date, None);
}

#[test]
fn a_mailbox_file_carries_its_state_in_headers() {
    let raw = b"Status: RO\r\nX-Status: AF\r\nX-Keywords: Work, $Label1 Later\r\nSubject: S\r\n\r\nStatus: O\r\n";
    let record = record_from_headers(raw, arrival());
    assert!(record.read && !record.draft);
    assert_eq!(record.categories, ["Work", "Later"]);
    assert_eq!(record.flag.as_ref().map(|flag| (flag.status, flag.subject.as_deref())), Some((2, Some("S"))));
    assert_eq!(record.last_verb.map(|last| last.verb), Some(Verb::Reply));
    assert_eq!(
        record_from_headers(b"Subject: x\n\nStatus: R\n", arrival()),
        MailRecord::arrived(arrival().as_millisecond())
    );
    let index = index(&mail("plain-latin1"), arrival()).index;
    assert!(!received_as_bcc(&index, &ann()));
    assert!(received_as_bcc(&self::index(&mail("several-texts"), arrival()).index, &ann()));
}

#[test]
fn the_index_of_a_usual_mail_is_small() {
    for (name, bytes_max) in [("plain-latin1", 350), ("alternative-windows-1251", 350), ("related-inline-image", 600)] {
        let size = index(&mail(name), arrival()).index.to_bytes().len();
        assert!(size < bytes_max, "{name}: {size}");
    }
    assert_eq!(Index::from_bytes(&[]), Err(ItemError::OldIndex(0)));
    assert_eq!(Index::from_bytes(&[PARSER_VERSION + 1, 0]), Err(ItemError::OldIndex(PARSER_VERSION + 1)));
    assert_eq!(Index::from_bytes(&[PARSER_VERSION, 0xFF]), Err(ItemError::OldIndex(PARSER_VERSION)));
}

/// Runs on a small stack: whoever recurses with the nesting of a mail overflows it.
fn on_a_small_stack(what: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(512 * 1024).spawn(what).unwrap().join().unwrap();
}

#[test]
fn ten_thousand_nested_parts_are_one_mail_like_any_other() {
    on_a_small_stack(|| {
        let mut nested = String::new();
        for n in 0..10_000 {
            write!(nested, "Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n").unwrap();
        }
        let messages = "Content-Type: message/rfc822\r\n\r\n".repeat(10_000);
        let mut both = String::new();
        for n in 0..10_000 {
            write!(
                both,
                "Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\nContent-Type: message/rfc822\r\n\r\n"
            )
            .unwrap();
        }
        for raw in [nested, messages, both] {
            let raw = raw.into_bytes();
            let tree = structure::walk(&raw);
            assert!(tree.nodes.len() <= structure::DEPTH_MAX + 1, "{}", tree.nodes.len());
            let data = shown(&raw, Version::V14_1, text_and_html());
            assert_eq!(data.text_of(email::IMPORTANCE).unwrap(), "1");
            let ask = BodyPreferences { mime_support: 2, ..preferences(vec![prefer(BodyType::Mime, None)]) };
            let mime = shown_with(&raw, &MailRecord::arrived(1), Version::V14_1, &ask);
            assert!(body_data(&mime).len() >= raw.len() / 2);
        }
    });
}

#[test]
fn ten_thousand_parts_side_by_side_are_bounded() {
    let part = "--b\r\nContent-Type: application/pdf; name=x.pdf\r\n\r\nx\r\n";
    let raw = format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n", part.repeat(10_000));
    let index = index(raw.as_bytes(), arrival()).index;
    assert_eq!(index.parts.len(), structure::PARTS_MAX - 1);
    assert_eq!(
        shown(raw.as_bytes(), Version::V14_1, vec![]).child(airsyncbase::ATTACHMENTS).unwrap().children().count(),
        999
    );
}

#[test]
fn hostile_headers_are_bounded() {
    for header in [
        format!("Subject: {}", "=?aa?q?x ".repeat(40_000)),
        format!("Subject: {}", "=?utf-8?b?".repeat(40_000)),
        format!("To: {}", "(".repeat(300_000)),
        format!("To: {}", "a@b,".repeat(100_000)),
        format!("To: {}", "\"".repeat(300_000)),
        format!("To: {}", "<".repeat(300_000)),
        format!("To: {}", ":;".repeat(100_000)),
        format!("References: {}", "<a@b> ".repeat(100_000)),
        format!("Content-Type: text/plain; {}", "a*0*=x; ".repeat(50_000)),
        format!("Content-Type: {}", "a;".repeat(100_000)),
        format!("Date: {}", "1 ".repeat(100_000)),
        "X: y\r\n".repeat(200_000),
        "\r".repeat(300_000),
        " \r\n".repeat(100_000),
    ] {
        let raw = format!("{header}\r\n\r\nbody");
        let made = index(raw.as_bytes(), arrival());
        assert!(made.index.to_bytes().len() < 200_000, "{}", &header[..20]);
        assert!(made.facts.people.len() <= 16 * 1024 && made.facts.search_text.len() <= 32 * 1024);
    }
}

#[test]
fn a_large_text_is_searched_by_its_beginning() {
    let raw = format!("Subject: x\r\n\r\n{}", "wort ".repeat(1_000_000));
    assert_eq!(index(raw.as_bytes(), arrival()).facts.search_text.len(), 32 * 1024);
}

#[test]
fn a_failing_store_is_an_error_and_not_an_empty_mail() {
    struct Broken;
    impl Raw for Broken {
        fn len(&self) -> u64 {
            1
        }
        fn read(&self, _range: Range<u64>) -> Result<Vec<u8>, ReadError> {
            Err(ReadError("disk".into()))
        }
    }
    let index = index(&mail("plain-latin1"), arrival()).index;
    let (owner, body) = (ann(), preferences(text_and_html()));
    let view =
        View { version: Version::V14_1, owner: &owner, body: &body, now: arrival(), manner: crate::Manner::default() };
    let got = properties(ServerId::new(1), &index, &MailRecord::arrived(1), &Broken, &view);
    assert!(matches!(got, Err(ItemError::Read(_))));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_some_mail(raw in proptest::collection::vec(proptest::sample::select(
        b"From: <>@,\"=?utf-8?Q?_?=\r\n \tContent-Type: multipart/mixed; boundary=b--b\xff\0&<p>".to_vec()), 0..400)) {
        let made = index(&raw, arrival());
        proptest::prop_assert_eq!(Index::from_bytes(&made.index.to_bytes()).unwrap(), made.index);
        for version in [Version::V2_5, Version::V16_1] {
            shown(&raw, version, vec![prefer(BodyType::Html, Some(10)), prefer(BodyType::Text, None)]);
        }
        let ask = BodyPreferences { mime_support: 2, ..preferences(vec![prefer(BodyType::Mime, None)]) };
        shown_with(&raw, &MailRecord::arrived(1), Version::V14_1, &ask);
        record_from_headers(&raw, arrival());
    }

    #[test]
    fn boundaries_in_any_order_make_some_tree(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "Content-Type: multipart/mixed; boundary=a\r\n", "Content-Type: multipart/alternative; boundary=b\r\n",
        "Content-Type: message/rfc822\r\n", "Content-Type: text/html\r\n", "\r\n", "--a\r\n", "--b\r\n", "--a--\r\n", "--b--\r\n", "text\r\n"]), 0..40)) {
        let raw = pieces.concat().into_bytes();
        let tree = structure::walk(&raw);
        for node in &tree.nodes {
            proptest::prop_assert!(node.header.start <= node.header.end && node.header.end <= node.body.start);
            proptest::prop_assert!(node.body.start <= node.body.end && node.body.end <= raw.len());
            let mut at = node.body.start;
            for child in &node.children {
                let child = &tree.nodes[*child];
                proptest::prop_assert!(at <= child.header.start && child.body.end <= node.body.end);
                at = child.body.end;
            }
        }
        shown(&raw, Version::V14_1, text_and_html());
    }
}
