//! Sectors of the disk that go bad under mail that is there.

use std::net::SocketAddr;

use easel_faults::Faults;
use easel_protocol::FolderType;
use easel_test_support::{Identity, Phone, Socket, mail};

use crate::support::House;

#[test]
fn mail_that_the_disk_does_not_give_is_named_by_a_backup_of_everything_else() {
    let house = House::with_tls();
    for number in 0..3 {
        house.write(&format!("mails/{number}.eml"), mail("anna@example.org", number, 1000));
    }
    // Without a server the file holds everything afterwards, and no log beside it.
    assert_eq!(house.import(&[&house.text("mails")]), [3, 0, 0]);
    let file = house.path("house/data/mail.db");
    let text = b"line after line of mail 1.\r\nThis is";
    let bytes = std::fs::read(&file).unwrap();
    let older = house.text("older");
    house.run(&["backup", &older]).ok();
    let whole = std::fs::read(&older).unwrap();
    // Where the mail ends are pages of its own; its beginning is in one with others.
    let bad = bytes.windows(text.len()).rposition(|window| window == text).unwrap() as u64 / 512 * 512;
    let faults = Faults::below(&house.path("house"));
    let serving = house.easel().with_environment(faults.environment()).serve();
    faults.bad_sectors(&file, bad..bad + 512);
    let backup = house.text("backup");
    let said = house.run(&["backup", &backup]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.out.contains("backed up into"), "{said:?}");
    assert!(said.err.contains("cannot be read: anna@defaultcontext: item "), "{said:?}");
    assert!(said.err.contains("lost and not in the backup: 0, that are there and cannot be read: 1"), "{said:?}");
    assert!(faults.refused() > 0);
    // One that is whole stays where it is.
    let said = house.run(&["backup", &older]);
    let incomplete = format!("{older}.incomplete");
    assert!(said.code == 3 && said.out.contains(&format!("backed up into {incomplete} (")), "{said:?}");
    assert!(said.err.contains(&format!("{older} is the backup from before")), "{said:?}");
    assert!(std::fs::read(&older).unwrap() == whole, "the backup that was there has changed");
    // The server goes on, and a phone gets the others, whatever stands before them.
    assert_eq!(inbox_of_a_phone(serving.address), 2);
    let (code, log) = serving.stop("TERM");
    assert_eq!(code, Some(0), "{log}");
    let told: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
    assert_eq!(told.len(), 3, "two backups and a phone: {told:#?}");
    for line in told {
        assert!(line.contains("cannot be read") && line.contains("the disk reports an error"), "{line}");
    }
    let restored = house.json(&["restore", &backup, "--replace"]);
    assert_eq!((&restored["mails"], &restored["lost"]), (&2.into(), &1.into()));
    house.run(&["check"]).ok();
    // It is lost now, and an export of everything else says so: without a server, and by one.
    let exported = |form: &str, dir: &str| {
        let said = house.run(&["export", "anna", &house.text(dir), "--mail", form]);
        assert_eq!(said.code, 3, "{said:?}");
        assert!(said.err.contains("Inbox: item ") && said.err.contains("no such raw mail"), "{said:?}");
        assert!(said.err.contains("that are lost or cannot be read, and are not in the export: 1"), "{said:?}");
    };
    exported("mbox", "alone");
    let serving = house.easel().serve();
    exported("maildir", "served");
    assert_eq!(inbox_of_a_phone(serving.address), 2);
    let (_, log) = serving.stop("TERM");
    assert!(log.contains("a mail that cannot be read is left out") && log.contains("no such raw mail"), "{log}");
    let mbox = std::fs::read_to_string(house.path("alone/Inbox.mbox")).unwrap();
    assert_eq!(mbox.matches("\nSubject: mail ").count(), 2);
    assert_eq!(house.import(&[&house.text("served"), "--keep-folders"]), [0, 2, 0]);
    let restored = house.json(&["restore", &incomplete, "--replace"]);
    assert_eq!((&restored["mails"], &restored["lost"]), (&2.into(), &1.into()));
}

/// How many mails a new phone gets.
fn inbox_of_a_phone(address: SocketAddr) -> usize {
    let mut phone = Phone::new(Socket::new(address, "anna", "anna's word"), Identity::android(), "anna");
    phone.options().unwrap();
    phone.folder_sync().unwrap();
    let inbox = phone.folder(FolderType::Inbox).unwrap();
    phone.sync_folder(&inbox, 10).unwrap()
}
