//! What packs write, as an administrator follows it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use easel_protocol::FolderType;
use easel_test_support::{Identity, Phone, Socket};

use crate::support::{House, Serving, fixture};

/// For what another process is to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// A house with contacts of anna's, and a pack that writes a line for each that is sent to a device.
fn house() -> House {
    let house = House::with_tls();
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/plugins/guests/odd");
    let pack = house.write("odd.wasm", easel_pack_build::build(&guest).unwrap());
    house.run(&["pack", "install", &pack, "--allow-unsigned"]).ok();
    house.import(&[&fixture("contacts.vcf")]);
    house
}

/// Has the pack write something.
fn write_lines(serving: &Serving) {
    let identity = Identity { user_agent: "odd/rude", device_id: "ODD1".into(), ..Identity::android() };
    let mut phone = Phone::new(Socket::new(serving.address, "anna", "anna's word"), identity, "anna");
    phone.options().unwrap();
    phone.folder_sync().unwrap();
    let contacts = phone.folder(FolderType::Contacts).unwrap();
    assert!(phone.sync_folder(&contacts, 100).unwrap() > 0);
}

/// Somebody who follows.
struct Follower {
    child: Child,
    lines: Receiver<String>,
    notes: Receiver<String>,
}

impl Follower {
    fn start(house: &House, arguments: &[&str]) -> Self {
        let mut child = house.start(&[&["pack", "log", "--follow"], arguments].concat());
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let follower = Self { child, lines: lines(out), notes: lines(err) };
        assert_eq!(follower.notes.recv_timeout(PATIENCE).unwrap(), "following what packs write; Ctrl-C ends it");
        follower
    }

    fn signal(&self, signal: &str) {
        let arguments = [format!("-{signal}"), self.child.id().to_string()];
        assert!(std::process::Command::new("kill").args(arguments).status().unwrap().success());
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Lines as they come.
fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
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

fn kept(house: &House) -> usize {
    house.json(&["pack", "log"]).as_array().unwrap().len()
}

#[test]
fn what_packs_write_is_followed_as_it_comes_and_kept_only_meanwhile() {
    let house = house();
    let serving = house.serve();
    write_lines(&serving);
    assert_eq!(kept(&house), 0, "nobody listens");
    let said = house.run(&["pack", "log"]);
    assert!(said.err.contains("not kept now") && said.err.contains("--minutes"), "{said:?}");

    let mut follower = Follower::start(&house, &["odd"]);
    let of_another = Follower::start(&house, &["nokia-mfe"]);
    write_lines(&serving);
    let line = follower.lines.recv_timeout(PATIENCE).unwrap();
    assert!(line.contains(" warn odd 1.0.0 odd1 red [31mforged line"), "{line}");
    assert!(of_another.lines.try_recv().is_err());
    assert!(kept(&house) > 0, "whoever looks meanwhile sees it, too");

    // Ctrl-C ends it, and when nobody is left the log sleeps again.
    follower.signal("INT");
    assert!(!follower.child.wait().unwrap().success());
    of_another.signal("INT");
    #[expect(clippy::disallowed_methods, reason = "a bounded wait for another process")]
    let start = Instant::now();
    loop {
        let before = kept(&house);
        write_lines(&serving);
        if kept(&house) == before {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "the server notices that nobody follows any more");
    }
    serving.stop("TERM");
}

#[test]
fn what_packs_write_is_kept_for_the_minutes_that_were_said() {
    let house = house();
    let serving = house.serve();
    let said = house.run(&["pack", "log", "--minutes", "10"]);
    assert!(said.err.contains("kept for 10 minutes more"), "{said:?}");
    write_lines(&serving);
    let before = kept(&house);
    assert!(before > 0);
    let said = house.run(&["pack", "log", "--minutes", "0"]);
    assert!(said.err.contains("not kept now") && said.out.contains("forged line"), "{said:?}");
    write_lines(&serving);
    assert_eq!(kept(&house), before);
    assert_eq!(house.run(&["pack", "log", "--minutes", "1441"]).code, 2);
    serving.stop("TERM");
}

#[test]
fn following_ends_with_the_server_and_does_not_hold_it_up() {
    let house = house();
    let serving = house.serve();
    let mut follower = Follower::start(&house, &["--json"]);
    write_lines(&serving);
    let line = follower.lines.recv_timeout(PATIENCE).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((line["pack"].as_str(), line["device"].as_str()), (Some("odd"), Some("odd1")));
    #[expect(clippy::disallowed_methods, reason = "how long another process takes")]
    let start = Instant::now();
    let (code, log) = serving.stop("TERM");
    assert_eq!(code, Some(0), "{log}");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert!(follower.child.wait().unwrap().success());
    assert_eq!(follower.notes.recv_timeout(PATIENCE).unwrap(), "the server has ended");
}

#[test]
fn eight_follow_at_once_and_the_ninth_is_told_so() {
    let house = house();
    let said = house.run(&["pack", "log", "--follow"]).refused();
    assert!(said.contains("no server runs") && said.contains("easel serve"), "{said}");
    let serving = house.serve();
    let all: Vec<Follower> = (0..8).map(|_| Follower::start(&house, &[])).collect();
    let said = house.run(&["pack", "log", "--follow"]).refused();
    assert!(said.contains("eight follow"), "{said}");
    house.run(&["pack", "log"]).ok();
    drop(all);
    serving.stop("TERM");
}
