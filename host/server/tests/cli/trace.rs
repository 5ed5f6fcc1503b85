//! What a device and the server say to one another, as an administrator follows it.

use easel_protocol::{Command, FolderType, Version};
use easel_test_support::{Identity, Phone, Socket, Transport as _};
use serde_json::Value;

use crate::follower::Follower;
use crate::support::{House, Serving, fixture};

const SECRET: &str = "Ludwig";

fn phone(serving: &Serving, device: &'static str) -> Phone<Socket> {
    let identity = Identity { device_id: device.into(), ..Identity::android() };
    Phone::new(Socket::new(serving.address, "anna", "anna's word"), identity, "anna")
}

fn house() -> House {
    let house = House::with_tls();
    let card =
        format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:one\r\nFN:{SECRET} Beet\r\nN:Beet;{SECRET};;;\r\nEND:VCARD\r\n");
    let card = house.write("card.vcf", card);
    house.import(&[&card]);
    house
}

/// Follows a device.
fn follow(house: &House, arguments: &[&str]) -> Follower {
    Follower::start(house, &[&["device", "trace"], arguments].concat())
}

impl Follower {
    fn followed(self) -> Self {
        let note = self.note();
        assert!(note.starts_with("following ") && note.ends_with("; Ctrl-C ends it"), "{note}");
        self
    }

    /// The next line of JSON.
    fn next(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }
}

/// Has it fetch its contacts.
fn fetch_contacts(phone: &mut Phone<Socket>) {
    phone.folder_sync().unwrap();
    let contacts = phone.folder(FolderType::Contacts).unwrap();
    assert_eq!(phone.sync_folder(&contacts, 100).unwrap(), 1);
}

/// Requests up to the one whose answer holds an element.
fn until(follower: &Follower, element: &str) -> Value {
    loop {
        let exchange = follower.next();
        if exchange["answer"].as_str().unwrap().contains(element) {
            return exchange;
        }
    }
}

#[test]
fn a_device_is_followed_with_its_structure_and_without_its_content() {
    let house = house();
    let serving = house.serve();
    let follower = follow(&house, &["--json", "TRACE1"]).followed();
    fetch_contacts(&mut phone(&serving, "OTHER1"));
    fetch_contacts(&mut phone(&serving, "TRACE1"));
    let first = follower.next();
    assert_eq!((first["command"].as_str(), first["login"].as_str()), (Some("FolderSync"), Some("anna@defaultcontext")));
    assert_eq!((first["code"].as_u64(), first["version"].as_str()), (Some(200), Some("14.1")));
    assert!(first["request"].as_str().unwrap().contains("<SyncKey>0</SyncKey>"), "{first}");
    assert!(first["worked_micros"].as_u64().unwrap() > 0);
    let answer = first["answer"].as_str().unwrap();
    assert!(answer.contains("<DisplayName>[") && answer.contains(" characters]</DisplayName>"), "{answer}");
    assert!(answer.contains("<Status>1</Status>") && !answer.contains("Inbox"), "{answer}");
    // A page of Sync goes out in pieces.
    let page = until(&follower, "<ApplicationData>");
    let answer = page["answer"].as_str().unwrap();
    assert!(answer.contains("[6 characters]</FirstName>") && !answer.contains(SECRET), "{answer}");
    assert!(answer.contains("<ServerId>") && answer.contains("<CollectionId>"), "{answer}");
    let (_, log) = serving.stop("TERM");
    assert!(log.contains("device traced"), "{log}");
    assert_eq!(follower.note(), "the server has ended");
}

#[test]
fn content_is_shown_only_when_asked_for_and_with_a_warning() {
    let house = house();
    let serving = house.serve();
    let follower = follow(&house, &["--json", "--full", "TRACE1"]);
    let note = follower.note();
    assert!(note.starts_with("WARNING: content is shown"), "{note}");
    let follower = follower.followed();
    fetch_contacts(&mut phone(&serving, "TRACE1"));
    let page = until(&follower, "<ApplicationData>");
    assert!(page["answer"].as_str().unwrap().contains(SECRET), "{page}");
    let (_, log) = serving.stop("TERM");
    assert!(log.contains("device traced with its content"), "{log}");
}

#[test]
fn a_ping_is_told_with_the_time_it_waited_and_people_get_lines() {
    let house = house();
    let serving = house.serve();
    let mut one = phone(&serving, "TRACE1");
    one.folder_sync().unwrap();
    let inbox = one.folder(FolderType::Inbox).unwrap();
    one.sync_folder(&inbox, 100).unwrap();
    let follower = follow(&house, &["TRACE1"]).followed();
    let waiting = std::thread::spawn(move || one.ping(&[inbox], 600).unwrap());
    while house.json(&["check"])["server"]["waiting"] == 0 {
        assert_eq!(follower.line_so_far(), None, "nothing is told before there is an answer");
    }
    house.import(&[&fixture("archive.mbox")]);
    waiting.join().unwrap();
    let head = follower.line();
    assert!(head.contains(" anna@defaultcontext Ping 14.1: 200 after ") && head.ends_with(" ms at work"), "{head}");
    assert_eq!(follower.line(), "request:");
    assert_eq!(follower.line(), "<Ping xmlns=\"Ping:\">");
    serving.stop("TERM");
}

#[test]
fn four_follow_at_once_and_a_place_is_free_again_after_ctrl_c() {
    let house = house();
    let said = house.run(&["device", "trace", "TRACE1"]).refused();
    assert!(said.contains("no server runs") && said.contains("easel serve"), "{said}");
    let serving = house.serve();
    let mut all: Vec<Follower> = (0..4).map(|_| follow(&house, &["TRACE1"]).followed()).collect();
    let said = house.run(&["device", "trace", "TRACE1"]).refused();
    assert!(said.contains("4 traces run already"), "{said}");
    let mut one = all.pop().unwrap();
    let arguments = ["-INT".to_owned(), one.child.id().to_string()];
    assert!(std::process::Command::new("kill").args(arguments).status().unwrap().success());
    assert!(!one.child.wait().unwrap().success());
    // The server notices within a moment.
    loop {
        let next = follow(&house, &["TRACE1"]);
        let note = next.note();
        if note.starts_with("following ") {
            break;
        }
        assert!(note.contains("4 traces run already"), "{note}");
    }
    assert_eq!(house.run(&["device", "trace", "TRACE1", "--minutes", "0"]).code, 2);
    serving.stop("TERM");
}

/// What the server makes of a request that its device sends.
fn exchanged(phone: &mut Phone<Socket>, query: &str, headers: &[(&str, &str)], body: &[u8]) -> u16 {
    let mut request = phone.request(Command::FolderSync, body, "application/vnd.ms-sync.wbxml");
    if !query.is_empty() {
        request.query = query.to_owned();
    }
    for (name, value) in headers {
        request.headers.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
        request.headers.push(((*name).to_owned(), (*value).to_owned()));
    }
    phone.transport.exchange(&request).unwrap().code
}

#[test]
fn requests_that_no_command_sees_are_shown_with_the_reason() {
    let house = house();
    house.add_user("zoe", "zoe@example.org", "zoe's word");
    let serving = house.serve();
    let follower = follow(&house, &["--json", "TRACE1"]).followed();
    let mut one = phone(&serving, "TRACE1");
    let identity = Identity { device_id: "TRACE1".into(), ..Identity::android() };
    let mut wrong = Phone::new(Socket::new(serving.address, "anna", SECRET), identity, "anna");
    assert_eq!(exchanged(&mut wrong, "", &[], b""), 401);
    let query = |command: &str| format!("Cmd={command}&User={SECRET}&DeviceId=TRACE1&DeviceType=Android");
    assert_eq!(exchanged(&mut one, &query("Bogus"), &[], b""), 501);
    assert_eq!(exchanged(&mut one, &query("Sync"), &[("MS-ASProtocolVersion", "x.y")], b""), 400);
    assert_eq!(exchanged(&mut one, &query("Sync"), &[("Content-Encoding", "br")], b""), 415);
    assert_eq!(exchanged(&mut one, &query("Sync"), &[("Content-Encoding", "gzip")], b"no gzip"), 400);
    // Another device, and one whose id cannot be made out, are nobody's business.
    assert_eq!(exchanged(&mut phone(&serving, "OTHER1"), "Cmd=Bogus&DeviceId=OTHER1", &[], b""), 501);
    assert_eq!(exchanged(&mut one, "Cmd=Bogus", &[], b""), 501);
    let expected = [
        (401, "-", "FolderSync", "wrong credentials"),
        (501, "-", "-", "Bogus"),
        (400, "-", "-", "x.y"),
        (415, "-", "Sync", "an encoding other than gzip"),
        (400, "anna@defaultcontext", "Sync", "the body is no gzip"),
    ];
    for (code, login, command, reason) in expected {
        let shown = follower.next();
        assert_eq!((shown["code"].as_u64(), shown["login"].as_str()), (Some(code), Some(login)), "{shown}");
        assert_eq!(shown["command"].as_str(), Some(command), "{shown}");
        assert!(shown["refused"].as_str().unwrap().contains(reason), "{shown}");
        let request = shown["request"].as_str().unwrap();
        assert!(!shown.to_string().contains(SECRET), "{shown}");
        if command != "FolderSync" && login == "-" {
            assert!(request.starts_with("POST /Microsoft-Server-ActiveSync?Cmd="), "{request}");
            assert!(request.contains("&User=[6 characters]&DeviceId=TRACE1&"), "{request}");
        }
    }
    one.folder_sync().unwrap();
    let seen = follower.next();
    assert_eq!((seen["code"].as_u64(), &seen["refused"]), (Some(200), &Value::Null), "{seen}");
    serving.stop("TERM");
}

#[test]
fn a_device_at_the_gate_of_the_policy_is_seen() {
    let house = house();
    let file = house.path("house/easel.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\nrequired = false", "\nrequired = true")).unwrap();
    let serving = house.serve();
    let follower = follow(&house, &["--json", "TRACE1"]).followed();
    for (version, code) in [(Version::V12_1, 449), (Version::V14_1, 200)] {
        let mut one = phone(&serving, "TRACE1");
        one.version = version;
        assert!(one.folder_sync().is_err());
        let shown = follower.next();
        assert_eq!((shown["code"].as_u64(), shown["command"].as_str()), (Some(code), Some("FolderSync")), "{shown}");
        assert!(shown["request"].as_str().unwrap().contains("<SyncKey>0</SyncKey>"), "{shown}");
        assert_eq!(shown["answer"].as_str().unwrap().contains("<Status>14"), code == 200, "{shown}");
    }
    house.run(&["device", "block", "anna", "TRACE1"]).ok();
    let mut one = phone(&serving, "TRACE1");
    one.version = Version::V12_1;
    assert!(one.folder_sync().is_err());
    assert_eq!(follower.next()["code"].as_u64(), Some(403));
    serving.stop("TERM");
}

#[test]
fn bodies_that_are_no_wbxml_are_shown_by_their_form_and_in_full_when_asked_for() {
    let house = house();
    let serving = house.serve();
    let follower = follow(&house, &["--json", "TRACE1"]).followed();
    let full = follow(&house, &["--json", "--full", "TRACE1"]);
    full.note();
    let full = full.followed();
    let mut one = phone(&serving, "TRACE1");
    one.version = Version::V12_1;
    let message =
        format!("To: {SECRET}@example.org\r\nSubject: {SECRET}\r\nContent-Type: text/plain\r\n\r\n{SECRET}\r\n");
    let request = one.request(Command::SendMail, message.as_bytes(), "message/rfc822");
    assert_eq!(one.transport.exchange(&request).unwrap().code, 200);
    let shown = follower.next();
    let expected = format!(
        "a message of {} bytes:\nTo: [18 characters]\nSubject: [6 characters]\nContent-Type: text/plain\n\
         [8 bytes of body]",
        message.len()
    );
    assert_eq!((shown["command"].as_str(), shown["request"].as_str()), (Some("SendMail"), Some(&*expected)));
    let shown = full.next();
    assert!(shown["request"].as_str().unwrap().contains(&format!("Subject: {SECRET}")), "{shown}");
    let broken = [b"\x03\x01\x6a\x00\x45\x5c\x03", SECRET.as_bytes()].concat();
    assert_eq!(exchanged(&mut one, "", &[], &broken), 400);
    let shown = follower.next();
    assert_eq!(shown["request"], "13 bytes that are no WBXML: the input ends early, at byte 13");
    let shown = full.next();
    assert!(shown["request"].as_str().unwrap().contains("03 4c 75 64 77 69 67"), "{shown}");
    serving.stop("TERM");
}
