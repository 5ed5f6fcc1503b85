//! What a device and the server say to one another, as an administrator follows it.

use std::io::{BufRead as _, BufReader, Read};
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use easel_protocol::FolderType;
use easel_test_support::{Identity, Phone, Socket};
use serde_json::Value;

use crate::support::{House, Serving, fixture};

/// For what another process is to do.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// Somebody who follows.
struct Follower {
    child: Child,
    lines: Receiver<String>,
    notes: Receiver<String>,
}

impl Follower {
    fn start(house: &House, arguments: &[&str]) -> Self {
        let mut child = house.start(&[&["device", "trace"], arguments].concat());
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, lines: lines(out), notes: lines(err) }
    }

    fn followed(self) -> Self {
        let note = self.notes.recv_timeout(PATIENCE).unwrap();
        assert!(note.starts_with("following ") && note.ends_with("; Ctrl-C ends it"), "{note}");
        self
    }

    /// The next line of JSON.
    fn next(&self) -> Value {
        serde_json::from_str(&self.lines.recv_timeout(PATIENCE).unwrap()).unwrap()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Lines as they come.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
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
    let follower = Follower::start(&house, &["--json", "TRACE1"]).followed();
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
    assert_eq!(follower.notes.recv_timeout(PATIENCE).unwrap(), "the server has ended");
}

#[test]
fn content_is_shown_only_when_asked_for_and_with_a_warning() {
    let house = house();
    let serving = house.serve();
    let follower = Follower::start(&house, &["--json", "--full", "TRACE1"]);
    let note = follower.notes.recv_timeout(PATIENCE).unwrap();
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
    let follower = Follower::start(&house, &["TRACE1"]).followed();
    let waiting = std::thread::spawn(move || one.ping(&[inbox], 600).unwrap());
    while house.json(&["check"])["server"]["waiting"] == 0 {
        assert_eq!(follower.lines.try_recv().ok(), None, "nothing is told before there is an answer");
    }
    house.import(&[&fixture("archive.mbox")]);
    waiting.join().unwrap();
    let head = follower.lines.recv_timeout(PATIENCE).unwrap();
    assert!(head.contains(" anna@defaultcontext Ping 14.1: 200 after ") && head.ends_with(" ms at work"), "{head}");
    assert_eq!(follower.lines.recv_timeout(PATIENCE).unwrap(), "request:");
    assert_eq!(follower.lines.recv_timeout(PATIENCE).unwrap(), "<Ping xmlns=\"Ping:\">");
    serving.stop("TERM");
}

#[test]
fn four_follow_at_once_and_a_place_is_free_again_after_ctrl_c() {
    let house = house();
    let said = house.run(&["device", "trace", "TRACE1"]).refused();
    assert!(said.contains("no server runs") && said.contains("easel serve"), "{said}");
    let serving = house.serve();
    let mut all: Vec<Follower> = (0..4).map(|_| Follower::start(&house, &["TRACE1"]).followed()).collect();
    let said = house.run(&["device", "trace", "TRACE1"]).refused();
    assert!(said.contains("4 traces run already"), "{said}");
    let mut one = all.pop().unwrap();
    let arguments = ["-INT".to_owned(), one.child.id().to_string()];
    assert!(std::process::Command::new("kill").args(arguments).status().unwrap().success());
    assert!(!one.child.wait().unwrap().success());
    // The server notices within a moment.
    loop {
        let next = Follower::start(&house, &["TRACE1"]);
        let note = next.notes.recv_timeout(PATIENCE).unwrap();
        if note.starts_with("following ") {
            break;
        }
        assert!(note.contains("4 traces run already"), "{note}");
    }
    assert_eq!(house.run(&["device", "trace", "TRACE1", "--minutes", "0"]).code, 2);
    serving.stop("TERM");
}
