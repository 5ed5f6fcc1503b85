//! What a mail costs at delivery and in a first sync. Run with `cargo bench -p easel-items --bench mail`.
//!
//! The mails are those of the study the numbers are compared with: a plain one, one with text and HTML, and one with an
//! attachment of 200 KB; German text, quoted-printable.

use criterion::{Criterion, criterion_group, criterion_main};
use easel_items::email::{Index, Raw, index, properties};
use easel_items::{BodyPreference, BodyPreferences, BodyType, Owner, View};
use easel_protocol::{MailRecord, ServerId, Version};
use jiff::Timestamp;
use jiff::tz::TimeZone;

const HEADER: &str = "Return-Path: <sabine@beispiel.example>\r\nReceived: from mx.beispiel.example (mx.beispiel.example [192.0.2.10])\r\n\
    \tby mail.ox.example with ESMTPS id 4Zk1; Mon, 2 Mar 2026 09:15:04 +0100\r\nMessage-ID: <20260302@beispiel.example>\r\n\
    Date: Mon, 2 Mar 2026 09:15:02 +0100\r\nFrom: =?iso-8859-1?Q?Sabine_M=FCller?= <sabine@beispiel.example>\r\n\
    To: \"Lee, Ann\" <ann@ox.example>\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?=\r\nMIME-Version: 1.0\r\n";

fn text(bytes: usize) -> String {
    let line = "Die Besprechung f=C3=BCr M=C3=A4rz findet am Donnerstag um zehn Uhr in K=C3=B6ln s=\r\ntatt, Gr=C3=BC=C3=9Fe.\r\n";
    line.repeat(bytes / line.len() + 1)
}

fn html(bytes: usize) -> String {
    let line = "<p style=3D\"margin:0\">Die <b>Besprechung</b> f=C3=BCr M=C3=A4rz findet in K=C3=B6ln s=\r\ntatt &amp; dauert.</p>\r\n";
    format!("<html><body>\r\n{}</body></html>\r\n", line.repeat(bytes / line.len() + 1))
}

fn part(kind: &str, encoding: &str, body: &str) -> String {
    format!("Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{body}\r\n")
}

fn plain() -> Vec<u8> {
    format!("{HEADER}{}", part("text/plain", "quoted-printable", &text(5_500))).into_bytes()
}

fn alternative() -> Vec<u8> {
    let (text, html) =
        (part("text/plain", "quoted-printable", &text(6_000)), part("text/html", "quoted-printable", &html(31_000)));
    format!("{HEADER}Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n{text}--b\r\n{html}--b--\r\n")
        .into_bytes()
}

fn attached() -> Vec<u8> {
    let file = format!("{}\r\n", "QUJD".repeat(19)).repeat(3_600);
    let file = part("application/pdf", "base64", &file);
    let html = part("text/html", "quoted-printable", &html(5_000));
    format!("{HEADER}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{html}--b\r\n{file}--b--\r\n").into_bytes()
}

fn bench(c: &mut Criterion) {
    let owner = Owner { name: "Ann".into(), addresses: vec!["ann@ox.example".into()], zone: TimeZone::UTC };
    let prefer = |kind| BodyPreference { kind, truncation_size: Some(32 * 1024), all_or_none: false, preview: None };
    let body = |types| BodyPreferences { types, ..BodyPreferences::default() };
    let (both, text_only) =
        (body(vec![prefer(BodyType::Text), prefer(BodyType::Html)]), body(vec![prefer(BodyType::Text)]));
    for (name, raw) in [("plain", plain()), ("alternative", alternative()), ("attachment", attached())] {
        c.bench_function(&format!("index/{name} ({} KB)", raw.len() / 1024), |b| {
            b.iter(|| index(&raw, Timestamp::UNIX_EPOCH));
        });
        let stored = index(&raw, Timestamp::UNIX_EPOCH).index.to_bytes();
        for (form, body) in [("html", &both), ("text", &text_only)] {
            let view = View {
                version: Version::V14_1,
                owner: &owner,
                body,
                now: Timestamp::UNIX_EPOCH,
                manner: easel_items::Manner::default(),
            };
            let raw: &dyn Raw = &raw;
            c.bench_function(&format!("properties as {form}/{name} (index of {} bytes)", stored.len()), |b| {
                b.iter(|| {
                    let index = Index::from_bytes(&stored).expect("just written");
                    properties(ServerId::new(1), &index, &MailRecord::arrived(1), raw, &view)
                });
            });
        }
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
