//! What packs write, as an administrator follows it.

use std::time::{Duration, Instant};

use easel_protocol::FolderType;
use easel_test_support::{Identity, Phone, Socket, until};

use crate::follower::Follower;
use crate::support::{House, Serving};

/// Has the pack write something.
fn write_lines(serving: &Serving) {
    let identity = Identity { user_agent: "odd/rude", device_id: "ODD1".into(), ..Identity::android() };
    let mut phone = Phone::new(Socket::new(serving.address, "anna", "anna's word"), identity, "anna");
    phone.options().unwrap();
    phone.folder_sync().unwrap();
    let contacts = phone.folder(FolderType::Contacts).unwrap();
    assert!(phone.sync_folder(&contacts, 100).unwrap() > 0);
}

/// Follows what packs write.
fn follow(house: &House, arguments: &[&str]) -> Follower {
    let follower = Follower::start(house, &[&["pack", "log", "--follow"], arguments].concat());
    assert_eq!(follower.note(), "following what packs write; Ctrl-C ends it");
    follower
}

fn kept(house: &House) -> usize {
    house.json(&["pack", "log"]).as_array().unwrap().len()
}

#[test]
fn what_packs_write_is_followed_as_it_comes_and_kept_only_meanwhile() {
    let house = House::with_odd_pack();
    let serving = house.serve();
    write_lines(&serving);
    assert_eq!(kept(&house), 0, "nobody listens");
    let said = house.run(&["pack", "log"]);
    assert!(said.err.contains("not kept now") && said.err.contains("--minutes"), "{said:?}");

    let mut follower = follow(&house, &["odd"]);
    let of_another = follow(&house, &["nokia-mfe"]);
    write_lines(&serving);
    let line = follower.line();
    assert!(line.contains(" warn odd 1.0.0 odd1 red [31mforged line"), "{line}");
    assert_eq!(of_another.line_so_far(), None);
    assert!(kept(&house) > 0, "whoever looks meanwhile sees it, too");

    // Ctrl-C ends it, and when nobody is left the log sleeps again.
    follower.signal("INT");
    assert!(!follower.child.wait().unwrap().success());
    of_another.signal("INT");
    until("the server notices that nobody follows any more", || {
        let before = kept(&house);
        write_lines(&serving);
        kept(&house) == before
    });
    serving.stop("TERM");
}

#[test]
fn what_packs_write_is_kept_for_the_minutes_that_were_said() {
    let house = House::with_odd_pack();
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
    let house = House::with_odd_pack();
    let serving = house.serve();
    let mut follower = follow(&house, &["--json"]);
    write_lines(&serving);
    let line = follower.line();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((line["pack"].as_str(), line["device"].as_str()), (Some("odd"), Some("odd1")));
    #[expect(clippy::disallowed_methods, reason = "how long another process takes")]
    let start = Instant::now();
    let (code, log) = serving.stop("TERM");
    assert_eq!(code, Some(0), "{log}");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert!(follower.child.wait().unwrap().success());
    assert_eq!(follower.note(), "the server has ended");
}

#[test]
fn eight_follow_at_once_and_the_ninth_is_told_so() {
    let house = House::with_odd_pack();
    let said = house.run(&["pack", "log", "--follow"]).refused();
    assert!(said.contains("no server runs") && said.contains("easel serve"), "{said}");
    let serving = house.serve();
    let all: Vec<Follower> = (0..8).map(|_| follow(&house, &[])).collect();
    let said = house.run(&["pack", "log", "--follow"]).refused();
    assert!(said.contains("eight follow"), "{said}");
    house.run(&["pack", "log"]).ok();
    drop(all);
    serving.stop("TERM");
}
