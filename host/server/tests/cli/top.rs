//! What devices are at, as an administrator sees it.

use std::io::{BufRead as _, BufReader};

use easel_protocol::FolderType;
use easel_test_support::{Identity, Phone, Socket};
use serde_json::Value;

use crate::support::{House, Serving, fixture};

fn phone(serving: &Serving, user: &'static str, device: &'static str) -> Phone<Socket> {
    let identity = Identity { device_id: device.into(), ..Identity::android() };
    let mut phone = Phone::new(Socket::new(serving.address, user, &format!("{user}'s word")), identity, user);
    phone.folder_sync().unwrap();
    phone
}

fn of<'a>(seen: &'a Value, device: &str) -> &'a Value {
    let devices = seen["devices"].as_array().unwrap();
    devices.iter().find(|one| one["device"] == device).unwrap_or_else(|| panic!("{device}: {seen}"))
}

#[test]
fn devices_are_seen_with_what_they_do_and_what_it_cost() {
    let house = House::with_tls();
    house.add_user("bob", "bob@example.org", "bob's word");
    let said = house.run(&["top"]).refused();
    assert!(said.contains("no server runs") && said.contains("easel serve"), "{said}");
    house.import(&[&fixture("contacts.vcf")]);
    let serving = house.serve();
    assert!(house.run(&["top", "--once"]).ok().starts_with("no device has a request under way"));

    let mut one = phone(&serving, "anna", "TOP1");
    let inbox = one.folder(FolderType::Inbox).unwrap();
    let contacts = one.folder(FolderType::Contacts).unwrap();
    one.sync_folder(&inbox, 100).unwrap();
    one.sync_folder(&contacts, 100).unwrap();
    drop(phone(&serving, "bob", "TOP2"));
    let waiting = std::thread::spawn(move || one.ping(&[inbox], 600).unwrap());
    let seen = loop {
        let seen = house.json(&["top"]);
        if !of(&seen, "top1")["parked_secs"].is_null() {
            break seen;
        }
    };
    let (top1, top2) = (of(&seen, "top1"), of(&seen, "top2"));
    assert_eq!((top1["login"].as_str(), top1["command"].as_str()), (Some("anna@defaultcontext"), Some("Ping")));
    assert_eq!((top1["under_way"].as_u64(), top2["under_way"].as_u64()), (Some(1), Some(0)));
    assert_eq!((top2["command"].as_str(), top2["requests"].as_u64()), (Some("FolderSync"), Some(1)));
    assert!(top1["requests"].as_u64().unwrap() >= 4, "{top1}");
    assert!(top1["sent"].as_u64() > top2["sent"].as_u64() && top2["sent"].as_u64() > Some(0), "{seen}");
    assert_eq!(seen["total"], 2);
    let work: Vec<u64> =
        seen["devices"].as_array().unwrap().iter().map(|one| one["worked_micros"].as_u64().unwrap()).collect();
    assert!(work[0] >= work[1] && work[1] > 0, "whoever cost most comes first: {work:?}");

    // Not on a terminal, so it is shown once.
    let text = house.run(&["top"]).ok();
    assert!(text.starts_with("USER ") && text.contains("Ping, parked for ") && text.contains(" ms "), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    house.import(&[&fixture("archive.mbox")]);
    waiting.join().unwrap();
    let seen = house.json(&["top"]);
    assert_eq!((&of(&seen, "top1")["parked_secs"], &of(&seen, "top1")["under_way"]), (&Value::Null, &Value::from(0)));
    serving.stop("TERM");
}

/// script(1) gives it a terminal.
#[test]
fn on_a_terminal_the_view_is_refreshed_until_the_server_ends() {
    let house = House::with_anna();
    let serving = house.serve();
    let command = format!("{} --config {} top", env!("CARGO_BIN_EXE_easel"), house.text("house/easel.toml"));
    let mut child = std::process::Command::new("script")
        .args(["-qfec", &command, "/dev/null"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    for _ in 0..2 {
        line.clear();
        out.read_line(&mut line).unwrap();
        assert!(line.starts_with("\u{1b}[H\u{1b}[2Jno device has a request"), "{line:?}");
    }
    serving.stop("TERM");
    let rest: Vec<String> = out.lines().map_while(Result::ok).collect();
    assert!(rest.iter().any(|line| line.contains("the server has ended")), "{rest:?}");
    assert!(child.wait().unwrap().success());
}
