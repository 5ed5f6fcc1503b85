//! Files that are broken, or made to break something.

use crate::support::{House, fixture};

#[test]
fn a_broken_mbox_costs_only_what_is_broken() {
    let house = House::with_anna();
    let report = house.json(&["import", "anna", &fixture("broken.mbox")]);
    assert_eq!((report["added"].as_u64(), report["skipped"].as_u64()), (Some(3), Some(3)));
    let listed = report["listed"].as_array().unwrap();
    assert_eq!(listed[0]["line"], 1);
    assert_eq!((listed[1]["message"].as_u64(), &listed[1]["reason"]), (Some(2), &"an empty message".into()));
    assert_eq!(listed[2]["message"], 4);
    assert!(listed[2]["reason"].as_str().unwrap().contains("X-Mozilla-Status"));
}

#[test]
fn a_broken_file_of_cards_costs_only_what_is_broken() {
    let house = House::with_anna();
    let report = house.json(&["import", "anna", &fixture("broken.vcf")]);
    assert_eq!((report["added"].as_u64(), report["skipped"].as_u64()), (Some(2), Some(3)));
    let lines: Vec<u64> =
        report["listed"].as_array().unwrap().iter().map(|skipped| skipped["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [6, 7, 15]);
}

#[test]
fn a_line_without_end_and_a_mail_over_the_bound_are_passed_over() {
    let house = House::with_anna();
    let config = house.text("house/easel.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("message_mib_max = 50", "message_mib_max = 1")).unwrap();
    let line = "From a@x Thu Jan  2 03:04:05 2020\n";
    let long = "x".repeat(3 << 20);
    let small = |n: u8| format!("{line}Subject: {n}\nMessage-ID: <{n}@x>\n\nsmall\n\n");
    let mbox = house.write("long.mbox", format!("{}{line}Subject: long\n\n{long}\n\n{}", small(1), small(2)));
    let eml = house.write("long.eml", format!("Subject: long\nFrom: a@x\n\n{long}"));
    let report = house.json(&["import", "anna", &mbox, &eml]);
    assert_eq!((report["added"].as_u64(), report["skipped"].as_u64()), (Some(2), Some(2)));
    for skipped in report["listed"].as_array().unwrap() {
        assert!(
            skipped["reason"].as_str().unwrap().contains("above the 1048576 of limits.message_mib_max"),
            "{skipped}"
        );
    }
    // One just below the bound goes over the socket or the call in pieces, and comes out whole.
    let fits = format!("Subject: fits\nFrom: a@x\n\n{}\n", "y".repeat((1 << 20) - 40));
    let eml = house.write("fits.eml", &fits);
    assert_eq!(house.import(&[&eml]), [1, 0, 0]);
    let exported = house.export("out", &["--mail", "maildir"]);
    assert!(exported.iter().any(|(_, bytes)| bytes == fits.as_bytes()));
}

#[test]
fn mails_inside_mails_inside_mails_are_stored_within_bounds() {
    let house = House::with_anna();
    let mut nested = String::from("From: a@x\nSubject: nested\nMessage-ID: <nested@x>\nMIME-Version: 1.0\n");
    for _ in 0..10_000 {
        nested.push_str("Content-Type: message/rfc822\n\n");
    }
    nested.push_str("Subject: the innermost\n\nhello\n");
    let nested = house.write("nested.eml", nested);
    let mut parts =
        String::from("From: a@x\nSubject: parts\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n");
    for _ in 0..10_000 {
        parts.push_str("--b\nContent-Type: multipart/mixed; boundary=b\n\n");
    }
    let parts = house.write("parts.eml", parts);
    assert_eq!(house.import(&[&nested, &parts]), [2, 0, 0]);
    assert_eq!(house.import(&[&nested, &parts]), [0, 2, 0]);
}

#[test]
fn hostile_calendars_are_refused_or_stored_within_bounds() {
    let house = House::with_anna();
    let event = |uid: &str, more: &str| {
        format!(
            "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:{uid}\nDTSTART:20200101T000000Z\nSUMMARY:x\n{more}END:VEVENT\nEND:VCALENDAR\n"
        )
    };
    let deep =
        format!("BEGIN:VCALENDAR\n{}{}END:VCALENDAR\n", "BEGIN:VEVENT\n".repeat(50_000), "END:VEVENT\n".repeat(50_000));
    let text = [
        event("secondly", "RRULE:FREQ=SECONDLY\n"),
        event("long", &format!("DESCRIPTION:{}\n", "x".repeat(1 << 20))),
        deep,
        "BEGIN:VCALENDAR\nEND:VCALENDAR\n".to_owned(),
        event("good", ""),
    ];
    let file = house.write("hostile.ics", text.concat());
    let report = house.json(&["import", "anna", &file]);
    let added = report["added"].as_u64().unwrap();
    assert!(added >= 2, "the good one and the rule that is never expanded: {report}");
    assert!(report["skipped"].as_u64().unwrap() >= 2, "{report}");
    assert_eq!(house.json(&["import", "anna", &file])["added"], 0);
    let exported = house.export("out", &[]);
    assert!(String::from_utf8_lossy(&exported[0].1).contains("UID:good"));
}

#[test]
fn what_is_left_out_is_counted_beyond_what_is_listed() {
    let house = House::with_anna();
    let file = house.write("many.ics", "BEGIN:VNOTE\nEND:VNOTE\n".repeat(10_050));
    let report = house.json(&["import", "anna", &file]);
    assert_eq!(report["skipped"], 10_050);
    assert_eq!(report["listed"].as_array().unwrap().len(), 10_000);
}

#[test]
fn folders_inside_folders_and_directories_inside_directories_are_bounded() {
    let house = House::with_anna();
    let mail = house.write("a.eml", "From: a@x\nSubject: x\n\nx\n");
    let path = |depth: usize| vec!["f"; depth].join("/");
    assert_eq!(house.import(&[&mail, "--folder", &path(16)]), [1, 0, 0]);
    let report = house.json(&["import", "anna", &mail, "--folder", &path(17)]);
    assert!(report["listed"][0]["reason"].as_str().unwrap().contains("more than 16"), "{report}");
    let report = house.json(&["import", "anna", &mail, "--folder", &"x".repeat(257)]);
    assert!(report["listed"][0]["reason"].as_str().unwrap().contains("no name of a folder"), "{report}");
    house.write(&format!("top/{}/deep.eml", path(33)), "From: a@x\nSubject: deep\n\nx\n");
    let report = house.json(&["import", "anna", &house.text("top")]);
    assert!(report["listed"][0]["reason"].as_str().unwrap().contains("deeper than 32 directories"), "{report}");
}

#[test]
fn many_mails_with_one_message_id_are_told_apart() {
    let house = House::with_anna();
    let mails: String = (0..300)
        .map(|n| format!("From a@x Thu Jan  2 03:04:05 2020\nFrom: a@x\nMessage-ID: <same@x>\nSubject: {n}\n\n{n}\n\n"))
        .collect();
    let file = house.write("same.mbox", mails);
    assert_eq!(house.import(&[&file]), [300, 0, 0]);
    assert_eq!(house.import(&[&file]), [0, 300, 0]);
}

#[test]
fn names_from_files_cannot_steer_the_terminal() {
    let house = House::with_anna();
    let file = house.write("dir/\u{1b}[31mred.txt", "no mail");
    let said = house.run(&["import", "anna", &file]);
    assert!(!said.err.contains('\u{1b}') && said.err.contains("\\u{1b}[31mred.txt"), "{said:?}");
}

#[test]
fn files_in_other_encodings_are_read() {
    let house = House::with_anna();
    let card = |name: &str| format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{name}\r\nFN:{name}\r\nEND:VCARD\r\n");
    let utf16: Vec<u8> = format!("\u{feff}{}", card("Zoë")).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin: Vec<u8> = card("Noël").chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let (utf16, latin) = (house.write("utf16.vcf", utf16), house.write("latin.vcf", latin));
    let marked = house.write("marked.vcf", format!("\u{feff}{}", card("Anaïs")));
    assert_eq!(house.import(&[&utf16, &latin, &marked]), [3, 0, 0]);
    let exported = String::from_utf8(house.export("out", &[])[0].1.clone()).unwrap();
    for name in ["Zoë", "Noël", "Anaïs"] {
        assert!(exported.contains(&format!("FN:{name}")), "{exported}");
    }
}
