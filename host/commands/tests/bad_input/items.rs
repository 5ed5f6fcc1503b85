//! Items that somebody made to hurt.

use std::fmt::Write as _;

use easel_items::{BodyPreferences, Owner, View};
use easel_protocol::{Class, Version};
use jiff::tz::TimeZone;

/// Whether an import would take the text.
pub(crate) fn is_readable(class: Class, text: &str) -> bool {
    let owner = Owner { name: "Anna".into(), addresses: vec!["anna@tenant1.example".into()], zone: TimeZone::UTC };
    let body = BodyPreferences::default();
    let now = "2026-03-02T10:00:00Z".parse().unwrap();
    easel_items::facts(
        class,
        text,
        &View { version: Version::V16_1, owner: &owner, body: &body, now, manner: easel_items::Manner::default() },
    )
    .is_ok()
}

/// An event with some more lines.
pub(crate) fn event(uid: &str, summary: &str, more: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260301T090000Z\r\n\
         DTSTART:20260310T090000Z\r\nDTEND:20260310T100000Z\r\nSUMMARY:{summary}\r\n{more}END:VEVENT\r\n\
         END:VCALENDAR\r\n"
    )
}

/// A card with some more lines.
pub(crate) fn card(name: &str, more: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{name}\r\nFN:{name}\r\nN:{name};;;;\r\n{more}END:VCARD\r\n")
}

/// A task with some more lines.
pub(crate) fn task(summary: &str, more: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:test\r\nBEGIN:VTODO\r\nUID:{summary}\r\nDTSTAMP:20260301T090000Z\r\n\
         DTSTART:20260310T090000Z\r\nDUE:20260310T100000Z\r\nSUMMARY:{summary}\r\n{more}END:VTODO\r\nEND:VCALENDAR\r\n"
    )
}

fn mail(headers: &str, body: &str) -> String {
    format!("From: Eve <eve@example.net>\r\nTo: anna@tenant1.example\r\nSubject: hostile\r\n{headers}\r\n{body}")
}

fn many(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

/// Rules that have no end, no beginning, or no members.
const RULES: [&str; 14] = [
    "FREQ=SECONDLY",
    "FREQ=SECONDLY;COUNT=4294967295",
    "FREQ=MINUTELY;INTERVAL=1;BYSECOND=0,1,2,3,4,5",
    "FREQ=HOURLY",
    "FREQ=DAILY;INTERVAL=0",
    "FREQ=DAILY;INTERVAL=4294967295",
    "FREQ=DAILY;COUNT=0",
    "FREQ=DAILY;UNTIL=00000000T000000Z",
    "FREQ=DAILY;UNTIL=99991231T235959Z",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYSETPOS=366",
    "FREQ=YEARLY;BYYEARDAY=366;BYWEEKNO=53;BYHOUR=1;BYMINUTE=1;BYSECOND=1",
    "FREQ=MONTHLY;BYDAY=-99MO;BYMONTHDAY=-31",
    "FREQ=;;;=;FREQ=DAILY;FREQ=SECONDLY",
];

/// A picture of 65535 by 65535 points in a few bytes, as base64.
const BOMB: &str = "iVBORw0KGgoAAAANSUhEUgAA//8AAP//CAYAAAAAAAAAAAAAAElEQVR4nO3BAQEAAACCIP+vbkhAAQAAAAAAAAAAAAAA";

pub(crate) fn mails() -> Vec<String> {
    let nested = many(10_000, |at| format!("Content-Type: multipart/mixed; boundary=\"b{at}\"\r\n\r\n--b{at}\r\n"));
    let nested = format!("{nested}Content-Type: text/plain\r\n\r\nthe innermost\r\n");
    let wide = many(10_000, |at| format!("--b\r\nContent-Type: text/plain\r\n\r\n{at}\r\n"));
    let files = many(1000, |at| {
        format!(
            "--b\r\nContent-Type: image/png; name=\"{at}.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{BOMB}\r\n"
        )
    });
    let messages = "Content-Type: message/rfc822\r\n\r\n".repeat(10_000);
    let mixed = "Content-Type: multipart/mixed; boundary=b\r\n";
    let html = |body: &str| mail("Content-Type: text/html; charset=utf-8\r\n", body);
    vec![
        mail(&nested, ""),
        mail(mixed, &wide),
        mail(mixed, &files),
        mail(&messages, "From: a@b\r\n\r\nx\r\n"),
        mail("Content-Type: multipart/mixed\r\n", "--\r\n----\r\n"),
        mail("Content-Type: multipart/mixed; boundary=\"\"\r\n", &"--\r\n".repeat(10_000)),
        html(&"<div>".repeat(100_000)),
        html(&"<table><tr><td>".repeat(20_000)),
        html(&format!("{}{}", "<a href=\"".repeat(20_000), "<!--".repeat(20_000))),
        html(&"</p></b></html>".repeat(20_000)),
        html(&"&#x110000;&#0;&nosuch;&amp".repeat(10_000)),
        html(&format!("<script>{}<style>{}", "<".repeat(100_000), "</sty".repeat(10_000))),
        html(&format!("<img src=\"data:image/png;base64,{}\">", BOMB.repeat(1000))),
        html(""),
        mail(&many(50_000, |at| format!("X-{at}: y\r\n")), "x\r\n"),
        mail(&format!("To: {}\r\n", many(10_000, |at| format!("a{at}@example.org,\r\n "))), "x\r\n"),
        mail(&format!("Cc: {}a@b\r\n", "(".repeat(50_000)), "x\r\n"),
        mail(&format!("Thread-Topic: {}\r\n", "=?utf-8?B?////?= ".repeat(10_000)), "x\r\n"),
        mail("Date: Fri, 99 Foo 999999 99:99:99 +9999\r\n", "x\r\n"),
        mail("Content-Type: text/plain; charset=nosuch\r\nContent-Transfer-Encoding: x-nosuch\r\n", "x\r\n"),
        mail("Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n", &"=A=\r\n".repeat(10_000)),
        mail("Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n", &"=\r\n".repeat(50_000)),
        mail("Content-Type: text/plain\r\n", &"x".repeat(4 << 20)),
        mail(
            "Content-Type: text/calendar; method=REQUEST\r\n",
            &event("evil", "evil", "RRULE:FREQ=SECONDLY\r\nORGANIZER:mailto:eve@example.net\r\n"),
        ),
        mail("Content-Type: text/calendar; method=REQUEST\r\n", &"BEGIN:VEVENT\r\n".repeat(10_000)),
        "\0".repeat(10_000),
        "\r\n".repeat(10_000),
        String::new(),
    ]
}

pub(crate) fn events() -> Vec<String> {
    let mut all: Vec<String> = RULES
        .iter()
        .enumerate()
        .map(|(at, rule)| event(&format!("r{at}"), "hostile", &format!("RRULE:{rule}\r\n")))
        .collect();
    all.push(event(
        "two",
        "hostile",
        &RULES.iter().fold(String::new(), |mut lines, rule| {
            let _ = write!(lines, "RRULE:{rule}\r\nEXRULE:{rule}\r\n");
            lines
        }),
    ));
    let dates = |name: &str| many(5000, |at| format!("{name}:20{:02}0101T{:02}0000Z\r\n", at % 100, at % 24));
    let overrides = many(500, |at| {
        format!(
            "END:VEVENT\r\nBEGIN:VEVENT\r\nUID:o\r\nRECURRENCE-ID:2026{:02}{:02}T090000Z\r\n\
             DTSTART:20260310T090000Z\r\nSUMMARY:hostile\r\n",
            at % 12 + 1,
            at % 28 + 1
        )
    });
    all.extend([
        event("x", "hostile", &format!("RRULE:FREQ=DAILY\r\n{}", dates("EXDATE"))),
        event("d", "hostile", &dates("RDATE")),
        event("o", "hostile", &format!("RRULE:FREQ=DAILY\r\n{overrides}")),
        event("a", "hostile", &many(5000, |at| format!("ATTENDEE:mailto:a{at}@example.org\r\n"))),
        event("n", "hostile", &"BEGIN:VALARM\r\n".repeat(10_000)),
        event("p", "hostile", "DURATION:P99999999999W\r\n"),
        event("s", &"s".repeat(1 << 20), ""),
        event("f", "hostile", &format!("DESCRIPTION:{}\r\n", "x\r\n ".repeat(50_000))),
        event("z", "hostile", "RECURRENCE-ID;TZID=No/Such:99999999T999999\r\nRRULE:FREQ=SECONDLY\r\n"),
        event("t", "hostile", "").replace(
            "BEGIN:VEVENT",
            "BEGIN:VTIMEZONE\r\nTZID:T\r\nBEGIN:STANDARD\r\nDTSTART:00010101T000000\r\nRRULE:FREQ=SECONDLY\r\n\
             TZOFFSETFROM:+9999\r\nTZOFFSETTO:-9999\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT",
        ),
        event("y", "hostile", "").replace("20260310T", "99991231T"),
        event("w", "hostile", "RRULE:FREQ=YEARLY\r\n").replace("20260310T", "00010101T"),
    ]);
    all
}

pub(crate) fn cards() -> Vec<String> {
    vec![
        card("hostile", &many(10_000, |at| format!("TEL;TYPE=CELL:{at}\r\n"))),
        card("hostile", &many(10_000, |at| format!("item{at}.X-ABLABEL:l\r\n"))),
        card("hostile", &format!("PHOTO;ENCODING=b;TYPE=PNG:{BOMB}\r\n")),
        card("hostile", &format!("PHOTO;ENCODING=b;TYPE=PNG:{}\r\n", "A".repeat(4 << 20))),
        card("hostile", "PHOTO;ENCODING=b:====\r\n"),
        card("hostile", &format!("NOTE:{}\r\n", "n\r\n ".repeat(50_000))),
        card("hostile", &format!("TEL;{}:1\r\n", "TYPE=HOME;".repeat(10_000))),
        card("hostile", "BDAY:99999999\r\nADR:;;;;;;;;;;;;;;;;\r\nN:;;;;;;;;;;;;\r\n"),
        card("hostile", &"BEGIN:VCARD\r\n".repeat(10_000)),
        card(&"h".repeat(1 << 20), ""),
        card("hostile", &format!("CATEGORIES:{}\r\n", "c,".repeat(50_000))),
        card("hostile", &"\\,;:=\"\r\n".repeat(10_000)),
    ]
}

pub(crate) fn tasks() -> Vec<String> {
    let mut all: Vec<String> = RULES.iter().map(|rule| task("hostile", &format!("RRULE:{rule}\r\n"))).collect();
    all.push(task("hostile", &"BEGIN:VALARM\r\n".repeat(10_000)));
    all.push(task("hostile", "").replace("20260310T", "99991231T"));
    all
}
