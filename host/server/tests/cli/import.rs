//! Import and export.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use easel_items::email::{Indexed, index};
use easel_protocol::MailRecord;
use easel_store::{ChangeSet, LocalBus, NewContent, Store as _, Write};
use easel_store_sqlite::SqliteStore;
use easel_test_support::Lmtp;
use jiff::Timestamp;

use crate::support::{House, assert_same, fixture, fixture_bytes};

/// A mail of a few lines.
fn mail(subject: &str) -> String {
    format!(
        "From: b@example.org\nTo: anna@example.org\nSubject: {subject}\nMessage-ID: <{subject}@example.org>\n\n{subject}\n"
    )
}

/// A Maildir with mail in several states and folders.
fn maildir(house: &House) -> String {
    let files = [
        ("cur/1577934245.M1.host:2,FRSa", "one"),
        ("new/1577934246.M2.host", "two"),
        (".Sent/cur/1577934247.M3.host:2,S", "three"),
        (".Archive.2020/cur/1577934248.M4.host:2,PS", "four"),
        (".Entw&APw-rfe/cur/1577934249.M5.host:2,DS", "five"),
        ("cur/1577934250.M6.host:2,ST", "six"),
    ];
    for (name, subject) in files {
        house.write(&format!("Maildir/{name}"), mail(subject));
        let file = std::fs::File::options().write(true).open(house.path(&format!("Maildir/{name}"))).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_577_940_000)).unwrap();
    }
    for folder in ["", ".Sent", ".Archive.2020", ".Entw&APw-rfe"] {
        for part in ["cur", "new", "tmp"] {
            std::fs::create_dir_all(house.path(&format!("Maildir/{folder}/{part}"))).unwrap();
        }
    }
    house.write("Maildir/dovecot-keywords", "0 Red\n");
    house.text("Maildir")
}

#[test]
fn an_mbox_is_imported_once_and_exported_byte_for_byte() {
    let house = House::with_anna();
    let mbox = fixture("archive.mbox");
    assert_eq!(house.import(&[&mbox]), [3, 0, 0]);
    assert_eq!(house.import(&[&mbox]), [0, 3, 0], "a second import adds nothing");
    let exported = house.export("out", &[]);
    assert_eq!(exported[0].0, "Inbox.mbox");
    assert_eq!(exported.len(), 1);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(text(&exported[0].1), text(&fixture_bytes("archive.mbox")));
}

#[test]
fn a_maildir_keeps_its_folders_flags_and_bytes() {
    let house = House::with_anna();
    let maildir = maildir(&house);
    assert_eq!(house.import(&[&maildir]), [6, 0, 0]);
    assert_eq!(house.import(&[&maildir]), [0, 6, 0]);
    let exported = house.export("out", &["--mail", "maildir"]);
    let expected = [
        ("Maildir/.Archive.2020/cur/1577934248", "PS", "four"),
        ("Maildir/.Deleted Items/cur/1577934250", "S", "six"),
        // Drafts in a folder of another name stay there.
        ("Maildir/.Drafts/cur/1577934249", "DS", "five"),
        ("Maildir/.Sent Items/cur/1577934247", "S", "three"),
        ("Maildir/cur/1577934245", "FRSa", "one"),
        ("Maildir/cur/1577934246", "", "two"),
    ];
    let mails: Vec<_> = exported.iter().filter(|(name, _)| name.contains("/cur/")).collect();
    assert_eq!(mails.len(), expected.len());
    for ((name, bytes), (start, flags, subject)) in mails.into_iter().zip(expected) {
        assert!(name.starts_with(start), "{name}");
        assert_eq!(name.rsplit_once(":2,").unwrap().1, flags, "{name}");
        assert_eq!(String::from_utf8_lossy(bytes), mail(subject));
    }
    let keywords = exported.iter().find(|(name, _)| name == "Maildir/dovecot-keywords").unwrap();
    assert_eq!(keywords.1, b"0 Red\n");
}

#[test]
fn an_import_that_broke_off_goes_on_where_it_was() {
    let house = House::with_anna();
    let whole = fixture_bytes("archive.mbox");
    // Up to the middle of the last message, as if the disk had been full or the power gone.
    let last = whole.windows(5).rposition(|window| window == b"From ").unwrap();
    let file = house.write("archive.mbox", &whole[..last]);
    assert_eq!(house.import(&[&file]), [2, 0, 0]);
    house.write("archive.mbox", &whole);
    assert_eq!(house.import(&[&file]), [1, 2, 0]);
    // The state of a mail that was read meanwhile by another program does not make it another mail.
    let read = String::from_utf8(whole).unwrap().replace("Status: RO\nX-Status: AF", "Status: O");
    house.write("archive.mbox", read);
    assert_eq!(house.import(&[&file]), [0, 3, 0]);
}

#[test]
fn the_same_mail_in_two_folders_is_two_mails_and_stays_two() {
    let house = House::with_anna();
    for name in ["A/cur/1.a:2,S", "A/new/x", ".skip"] {
        house.write(&format!("dirs/{name}"), mail("twin"));
    }
    std::fs::remove_file(house.path("dirs/A/new/x")).unwrap();
    house.write("dirs/b.eml", mail("twin"));
    assert_eq!(house.import(&[&house.text("dirs")]), [2, 0, 0]);
    assert_eq!(house.import(&[&house.text("dirs")]), [0, 2, 0]);
    assert_eq!(house.import(&[&house.text("dirs/b.eml")]), [0, 1, 0]);
}

#[test]
fn a_message_file_is_exported_as_it_came() {
    let house = House::with_anna();
    assert_eq!(house.import(&[&fixture("photo.eml"), "--folder", "Family/Photos"]), [1, 0, 0]);
    let exported = house.export("out", &["--mail", "maildir"]);
    let photo = exported.iter().find(|(name, _)| name.contains("/cur/")).unwrap();
    assert!(photo.0.starts_with("Maildir/.Family.Photos/cur/1578193445."), "{}", photo.0);
    assert!(photo.1 == fixture_bytes("photo.eml"));
}

#[test]
fn a_calendar_becomes_events_tasks_and_notes() {
    let house = House::with_anna();
    let calendar = fixture("calendar.ics");
    assert_eq!(house.import(&[&calendar]), [4, 0, 0]);
    assert_eq!(house.import(&[&calendar]), [0, 4, 0]);
    let exported = house.export("out", &[]);
    let names: Vec<&str> = exported.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Calendar.ics", "Notes.ics", "Tasks.ics"]);
    let events = String::from_utf8(exported[0].1.clone()).unwrap();
    assert_eq!(events.matches("BEGIN:VCALENDAR").count(), 2, "the series is one object");
    // Every line of every component is there, as it was.
    let source = String::from_utf8(fixture_bytes("calendar.ics")).unwrap();
    let series = &source[source.find("BEGIN:VEVENT").unwrap()..source.find("BEGIN:VEVENT\nUID:lunch").unwrap()];
    for event in series.split_inclusive("END:VEVENT\n") {
        assert!(events.contains(event), "{event}\n---\n{events}");
    }
    // What was exported is read back as the same objects.
    let other = House::with_anna();
    assert_eq!(other.import(&[&house.text("out")]), [4, 0, 0]);
    assert_same(&other.export("out", &[]), &exported);
}

#[test]
fn cards_are_exported_byte_for_byte() {
    let house = House::with_anna();
    let cards = fixture("contacts.vcf");
    assert_eq!(house.import(&[&cards]), [2, 0, 0]);
    assert_eq!(house.import(&[&cards]), [0, 2, 0], "one without a UID is known, too");
    let exported = house.export("out", &[]);
    assert_eq!(exported[0].0, "Contacts.vcf");
    assert!(exported[0].1 == fixture_bytes("contacts.vcf"));
}

#[test]
fn an_object_that_differs_is_left_alone_until_it_is_told_to_be_replaced() {
    let house = House::with_anna();
    house.import(&[&fixture("contacts.vcf")]);
    let changed = String::from_utf8(fixture_bytes("contacts.vcf")).unwrap().replace("+33 1 23", "+33 1 99");
    let file = house.write("changed.vcf", &changed);
    let report = house.json(&["import", "anna", &file]);
    assert_eq!((report["known"].as_u64(), report["skipped"].as_u64()), (Some(1), Some(1)));
    let reason = report["listed"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("\"marie\"") && reason.contains("--update"), "{reason}");
    assert_eq!(report["listed"][0]["line"], 1);
    assert_eq!(house.json(&["import", "anna", &file, "--update"])["updated"], 1);
    assert!(house.export("out", &[])[0].1 == changed.as_bytes());
}

#[test]
fn a_whole_mailbox_goes_out_and_comes_back() {
    let house = House::with_anna();
    let maildir = maildir(&house);
    house.import(&[&maildir, &fixture("archive.mbox"), &fixture("calendar.ics"), &fixture("contacts.vcf")]);
    house.import(&[&fixture("photo.eml"), "--folder", "Family/a.b %"]);
    house.write("friends.vcf", "BEGIN:VCARD\nVERSION:3.0\nUID:f\nFN:F\nEND:VCARD\n");
    house.import(&[&house.text("friends.vcf"), "--folder", "Friends"]);
    for form in ["mbox", "maildir"] {
        let first = house.export(&format!("{form}-1"), &["--mail", form]);
        let other = House::with_anna();
        other.import(&[&house.text(&format!("{form}-1")), "--keep-folders"]);
        let second = other.export("again", &["--mail", form]);
        // A name in a Maildir carries the number of the item, which is the mailbox's own.
        let plain = |files: Vec<(String, Vec<u8>)>| -> Vec<(String, Vec<u8>)> {
            let numbered = |name: String| match name.split_once(".easel,") {
                Some((start, end)) => format!("{}.{end}", start.rsplit_once('.').unwrap().0),
                None => name,
            };
            let mut files: Vec<_> = files.into_iter().map(|(name, bytes)| (numbered(name), bytes)).collect();
            files.sort();
            files
        };
        assert_same(&plain(first), &plain(second));
    }
}

#[test]
fn mail_without_message_id_is_known_when_its_export_comes_back() {
    let house = House::with_tls();
    let text = "From: b@example.org\r\nStatus: O\r\nSubject: nameless\r\n\r\nFrom b\r\n";
    let serving = house.serve();
    let mut lmtp = Lmtp::connect(&house.path("house/lmtp.sock")).unwrap();
    for _ in 0..2 {
        assert!(lmtp.hand_over("anna@example.org", text).unwrap().starts_with("250"));
    }
    drop(lmtp);
    assert_eq!(serving.stop("TERM").0, Some(0));
    deliver_as_before(&house, &text.replace("nameless", "older"));
    for form in ["mbox", "maildir"] {
        assert!(!house.export(form, &["--mail", form]).is_empty());
        assert_eq!(house.import(&[&house.text(form), "--keep-folders"]), [0, 3, 0], "{form}");
    }
    house.write("new.eml", text.replace("nameless", "new"));
    assert_eq!(house.import(&[&house.text("new.eml")]), [1, 0, 0]);
    assert_eq!(house.import(&[&house.text("new.eml")]), [0, 1, 0]);
}

/// A mail in anna's Inbox without anything that stands for its Message-ID, as deliveries left it once.
fn deliver_as_before(house: &House, text: &str) {
    let store = SqliteStore::open(&house.path("house/data"), Arc::new(LocalBus::default())).unwrap();
    let tenant = store.tenant("defaultcontext").unwrap().unwrap();
    let user = store.user_by_name(tenant.id, "anna").unwrap().unwrap().id;
    let (raw, at) = (text.as_bytes(), Timestamp::from_second(1_770_000_000).unwrap());
    let Indexed { index, facts } = index(raw, at);
    assert_eq!(facts.uid, None);
    let record = MailRecord::arrived(at.as_millisecond());
    let blob = store.put_blob(raw).unwrap();
    let content = NewContent::Mail { blob, size: raw.len() as u64, index: index.to_bytes(), record };
    let (id, folder) = (store.reserve_items(user, 1).unwrap(), easel_delivery::INBOX);
    let writes = vec![Write::DeliverItem { id, folder, content, facts }];
    store.commit(ChangeSet { user, author: None, writes }).unwrap();
}

#[test]
fn the_address_list_takes_cards() {
    let house = House::with_anna();
    let report = house.json(&["import", "--gal", &fixture("contacts.vcf")]);
    assert_eq!((report["added"].as_u64(), report["skipped"].as_u64()), (Some(2), Some(0)));
    let own = house.write("own.vcf", "BEGIN:VCARD\nVERSION:3.0\nFN:False Anna\nEMAIL:anna@example.org\nEND:VCARD\n");
    let report = house.json(&["import", "--gal", &own]);
    let reason = report["listed"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("belongs to the user anna"), "{reason}");
    let said = house.run(&["import", "--gal", &own, "--tenant", "nowhere"]).refused();
    assert!(said.contains("there is no tenant \"nowhere\""), "{said}");
}

#[test]
fn what_is_no_mail_is_named_and_the_rest_is_imported() {
    let house = House::with_anna();
    house.write("dir/notes.txt", "just some text\nin lines\n");
    house.write("dir/deep/er/one.eml", mail("one"));
    house.write("dir/empty.eml", "");
    std::os::unix::fs::symlink("/etc/passwd", house.path("dir/link.eml")).unwrap();
    let report = house.json(&["import", "anna", &house.text("dir"), &house.text("nowhere")]);
    assert_eq!(report["added"], 1);
    let listed = report["listed"].as_array().unwrap();
    let reason = |name: &str| {
        let found = listed.iter().find(|skipped| skipped["file"].as_str().unwrap().ends_with(name));
        found.unwrap_or_else(|| panic!("{name} is not in {listed:?}"))["reason"].as_str().unwrap().to_owned()
    };
    assert_eq!(reason("notes.txt"), "neither mail nor calendar nor contacts");
    assert_eq!(reason("empty.eml"), "an empty file");
    assert!(reason("link.eml").contains("symbolic link"));
    assert!(reason("nowhere").contains("cannot be read"));
    assert_eq!(report["skipped"], 4);
}

#[test]
fn a_folder_for_something_else_is_told_apart() {
    let house = House::with_anna();
    let report = house.json(&["import", "anna", &fixture("photo.eml"), "--folder", "Contacts"]);
    let reason = report["listed"][0]["reason"].as_str().unwrap();
    assert_eq!(reason, "the folder Contacts holds Contacts, not Email");
    let said = house.run(&["import", "anna", &fixture("photo.eml"), "--folder", "a//b"]).refused();
    assert!(said.contains("no folder"), "{said}");
    let said = house.run(&["import", "nobody", &fixture("photo.eml")]).refused();
    assert!(said.contains("there is no user \"nobody@defaultcontext\""), "{said}");
}

#[test]
fn an_export_never_writes_over_anything() {
    let house = House::with_anna();
    house.write("out/precious", "x");
    let said = house.run(&["export", "anna", &house.text("out")]).refused();
    assert!(said.contains("is not empty"), "{said}");
    let said = house.run(&["export", "anna", &house.text("new"), "--folder", "Nowhere"]).refused();
    assert!(said.contains("there is no folder \"Nowhere\"; there are Inbox"), "{said}");
}

/// A mail of so many bytes and a bit.
fn mail_of(number: u32, bytes: usize) -> String {
    let line = "This is a line of sixty-four bytes, which makes mails grow fast\r\n";
    format!(
        "From: bob@example.net\r\nTo: anna@example.org\r\nMessage-ID: <{number}@example.net>\r\nSubject: {number}\r\n\
         Date: Mon, 02 Mar 2026 10:00:00 +0000\r\n\r\n{}",
        line.repeat(bytes / line.len())
    )
}

#[test]
fn what_does_not_fit_into_the_quota_is_left_out_item_by_item_unless_it_is_wanted() {
    for served in [false, true] {
        let house = House::with_anna();
        house.run(&["user", "set", "anna", "--quota", "1"]).ok();
        let _serving = served.then(|| house.serve());
        for (number, bytes) in [(1, 300_000), (2, 900_000), (3, 300_000)] {
            house.write(&format!("mail/{number}.eml"), mail_of(number, bytes));
        }
        let mail = house.text("mail");
        let said = house.run(&["import", "anna", &mail]);
        assert_eq!((said.code, said.out.trim_end()), (0, "2 added, 1 left out"), "{said:?}");
        assert!(said.err.contains("the files have 1.4 MiB, and the mailbox has room for 1.0 MiB"), "{said:?}");
        let left_out = said.err.lines().find(|line| line.starts_with("left out: ")).unwrap();
        assert!(left_out.contains("2.eml") && left_out.contains("no room"), "{left_out}");
        assert!(left_out.contains("of 1048576; --over-quota takes it in"), "{left_out}");
        // What is there already needs no room.
        assert_eq!(house.import(&[&mail]), [0, 2, 1]);
        let user = house.json(&["user", "list"])[0].clone();
        assert!(user["bytes"].as_u64() < user["quota_bytes"].as_u64(), "{user}");
        assert_eq!(house.import(&[&mail, "--over-quota"]), [1, 2, 0]);
        let user = house.json(&["user", "list"])[0].clone();
        assert!(user["bytes"].as_u64() > user["quota_bytes"].as_u64(), "{user}");
        // Full: refused before the first file is looked at.
        let card =
            house.write("card.vcf", "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:1\r\nFN:Bob\r\nN:;Bob;;;\r\nEND:VCARD\r\n");
        let said = house.run(&["import", "anna", &card]).refused();
        assert!(said.contains("the mailbox of anna@defaultcontext is full"), "{said}");
        assert!(said.contains("--over-quota") && said.contains("user set --quota"), "{said}");
        assert_eq!(house.import(&[&card, "--over-quota"]), [1, 0, 0]);
        house.run(&["user", "set", "anna", "--quota", "none"]).ok();
        assert_eq!(house.import(&[&card]), [0, 1, 0]);
    }
}
