//! With a server running.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use crate::support::{House, Serving, fixture, fixture_bytes};

#[test]
fn verbs_are_carried_out_by_the_server_that_runs() {
    let house = House::with_anna();
    let serving = house.serve();
    let found = house.json(&["check"]);
    assert_eq!(found["server"]["pid"].as_u64(), Some(serving.pid()));
    let socket = std::fs::metadata(house.path("house/data/admin.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    house.json(&["tenant", "add", "ox.io"]);
    assert_eq!(serving.options("zoe@ox.io", "secret"), "401", "the phone was quicker");
    house.add_user("zoe@ox.io", "zoe@ox.io", "secret");
    assert_eq!(serving.options("zoe@ox.io", "secret"), "200");
    assert_eq!(
        house.import(&[&fixture("archive.mbox"), &fixture("calendar.ics"), &fixture("contacts.vcf")]),
        [9, 0, 0]
    );
    assert_eq!(house.import(&[&fixture("archive.mbox")]), [0, 3, 0]);
    let exported = house.export("out", &[]);
    assert!(exported.iter().any(|(name, bytes)| name == "Inbox.mbox" && *bytes == fixture_bytes("archive.mbox")));
    house.run(&["user", "remove", "zoe@ox.io", "--confirm", "zoe@ox.io"]).ok();
    assert_eq!(serving.options("zoe@ox.io", "secret"), "401");
}

#[test]
fn a_changed_password_ends_cached_logins() {
    let house = House::with_anna();
    let serving = house.serve();
    assert_eq!(serving.options("anna", "anna's word"), "200");
    house.run_with(&["user", "passwd", "anna"], "another word\n").ok();
    assert_eq!(serving.options("anna", "anna's word"), "401");
    assert_eq!(serving.options("anna", "another word"), "200");
    house.run(&["user", "set", "anna", "--disable"]).ok();
    assert_eq!(serving.options("anna", "another word"), "401");
    house.run(&["user", "set", "anna", "--enable"]).ok();
    assert_eq!(serving.options("anna", "another word"), "200");
}

#[test]
fn hashed_passwords_leave_no_memory_behind() {
    let house = House::with_anna();
    let serving = house.serve();
    let own_mib = || -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", serving.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() >> 10
    };
    assert_eq!(serving.options("anna", "anna's word"), "200");
    let before = own_mib();
    for number in 0..8 {
        let (login, address) = (format!("user{number}"), format!("user{number}@example.org"));
        house.add_user(&login, &address, "a word");
        assert_eq!(serving.options(&login, "a word"), "200");
    }
    // Each hash takes 19 MiB while it is made.
    let after = own_mib();
    assert!(after < before + 60, "{before} MiB grew to {after} MiB");
}

#[test]
fn a_second_server_on_the_same_directory_is_refused_with_a_sentence() {
    let house = House::new();
    let serving = house.serve();
    let said = house.run(&["serve"]).refused();
    assert!(said.contains("a server runs on the data directory") && said.contains("house/data"), "{said}");
    assert_eq!(serving.options("nobody", "x"), "401", "the first one still serves");
}

#[test]
fn a_signal_ends_the_server_gently_and_the_data_stays() {
    let house = House::with_anna();
    for signal in ["TERM", "INT"] {
        let serving = house.serve();
        house.import(&[&fixture("archive.mbox")]);
        let (code, log) = serving.stop(signal);
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("stopping") && log.contains("stopped"), "{log}");
        assert!(!house.path("house/data/admin.sock").exists());
        assert_eq!(house.import(&[&fixture("archive.mbox")]), [0, 3, 0]);
    }
}

/// Has the server look again at a configuration from which nothing comes, for as long as the value is held.
fn stuck(house: &House, serving: &Serving) -> File {
    let config = house.path("house/easel.toml");
    std::fs::remove_file(&config).unwrap();
    assert!(Command::new("mkfifo").arg(&config).status().unwrap().success());
    serving.tell("HUP");
    // Opened once the server has opened it.
    File::options().write(true).open(&config).unwrap()
}

/// Ends a server that may not end: its exit code and its log.
fn stopped(serving: Serving) -> (Option<i32>, String) {
    let (told, ended) = mpsc::channel();
    std::thread::spawn(move || told.send(serving.stop("TERM")));
    // Less than limits.request_pause_secs_max and shutdown.grace_secs.
    ended.recv_timeout(Duration::from_secs(15)).expect("it ends")
}

#[test]
fn a_server_that_is_at_something_without_end_stops_all_the_same() {
    let house = House::with_anna();
    let serving = house.serve();
    let _stuck = stuck(&house, &serving);
    let (code, log) = stopped(serving);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("stopped cut_off=0"), "{log}");
}

#[test]
fn a_second_signal_ends_a_server_at_once_whatever_it_is_at() {
    let house = House::with_anna();
    let serving = house.serve();
    let _stuck = stuck(&house, &serving);
    let mut client = TcpStream::connect(serving.address).unwrap();
    // anna:anna's word
    client
        .write_all(
            b"POST /Microsoft-Server-ActiveSync?Cmd=Sync&User=anna&DeviceId=D1&DeviceType=P HTTP/1.1\r\nHost: x\r\n\
              MS-ASProtocolVersion: 14.1\r\nAuthorization: Basic YW5uYTphbm5hJ3Mgd29yZA==\r\n\
              Expect: 100-continue\r\nContent-Length: 100\r\n\r\n",
        )
        .unwrap();
    let mut told = [0; 25];
    client.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n", "it waits for the body");
    serving.tell("TERM");
    serving.until_logged("stopping", 1);
    let (code, log) = stopped(serving);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("stopped at once") && !log.contains("cut_off"), "{log}");
}

#[test]
fn after_a_kill_the_socket_that_was_left_behind_is_no_obstacle() {
    let house = House::with_anna();
    drop(house.serve());
    assert!(house.path("house/data/admin.sock").exists());
    assert_eq!(house.json(&["user", "list"]).as_array().unwrap().len(), 1);
    let serving = house.serve();
    assert_eq!(serving.options("anna", "anna's word"), "200");
}

#[test]
fn warnings_of_the_configuration_are_logged_at_each_start() {
    let house = House::new();
    let config = house.text("house/easel.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("plain = [\"0\"]", "plain = [\"0.0.0.0:0\"]")).unwrap();
    let (_, log) = house.serve().stop("TERM");
    assert!(log.contains("WARN") && log.contains("reachable from other machines"), "{log}");
}

#[test]
fn the_log_can_be_read_by_machines() {
    let house = House::new();
    let config = house.text("house/easel.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("format = \"text\"", "format = \"json\"")).unwrap();
    let (_, log) = house.serve().stop("TERM");
    assert!(log.lines().count() >= 3, "{log}");
    for line in log.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(value["timestamp"].is_string() && value["level"].is_string(), "{line}");
    }
}

#[test]
fn an_address_that_is_taken_is_told_with_the_cure() {
    let house = House::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let config = house.text("house/easel.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("plain = [\"0\"]", &format!("plain = [\"{address}\"]"))).unwrap();
    let said = house.run(&["serve"]).refused();
    assert!(said.contains(&address.to_string()) && said.contains("another program listens there"), "{said}");
}

#[test]
fn conversations_with_strange_bytes_end_without_harm() {
    let house = House::with_anna();
    let serving = house.serve();
    let socket = house.path("house/data/admin.sock");
    let hostile: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xff; 64],
        &[0, 0, 0, 2, 0, 0, 0, 0, b'{', b'}'],
        &[0, 0, 0, 4, 0, 0, 0, 0, b'n', b'u', b'l', b'l'],
        &[0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff, b'1'],
    ];
    for bytes in hostile {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // The conversation ends, one way or the other.
        drop(stream.read_to_end(&mut answer));
        assert_eq!(answer, b"");
    }
    assert_eq!(serving.options("anna", "anna's word"), "200");
    assert_eq!(house.json(&["user", "list"]).as_array().unwrap().len(), 1);
}

/// A frame of the admin socket without a body.
fn frame(head: &str) -> Vec<u8> {
    let length = u32::try_from(head.len()).unwrap().to_be_bytes();
    [&length[..], &[0; 4], head.as_bytes()].concat()
}

/// Reads a frame without a body.
fn read_frame(stream: &mut UnixStream) -> String {
    let mut lengths = [0; 8];
    stream.read_exact(&mut lengths).unwrap();
    let mut head = vec![0; u32::from_be_bytes([lengths[0], lengths[1], lengths[2], lengths[3]]) as usize];
    stream.read_exact(&mut head).unwrap();
    String::from_utf8(head).unwrap()
}

#[test]
fn a_server_of_another_version_or_one_that_breaks_off_is_told_apart() {
    let house = House::with_anna();
    let answers = [
        (Some(r#"{"reply":"hello","protocol":99,"version":"9.9.9"}"#), "(version 9.9.9)"),
        (Some(r#"{"reply":"done"}"#), "does not belong to the request"),
        (None, "broke the connection off"),
    ];
    let listener = UnixListener::bind(house.path("house/data/admin.sock")).unwrap();
    for (answer, expected) in answers {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                assert!(read_frame(&mut stream).contains("hello"));
                if let Some(answer) = answer {
                    stream.write_all(&frame(answer)).unwrap();
                }
            });
            let said = house.run(&["user", "list"]).refused();
            assert!(said.contains(expected), "{said}");
        });
    }
}

#[test]
fn conversations_at_once_are_bounded() {
    let house = House::with_anna();
    let _serving = house.serve();
    let mut open = Vec::new();
    for _ in 0..32 {
        let mut stream = UnixStream::connect(house.path("house/data/admin.sock")).unwrap();
        stream.write_all(&frame(r#"{"ask":"hello","protocol":1}"#)).unwrap();
        assert!(read_frame(&mut stream).contains("hello"));
        open.push(stream);
    }
    let said = house.run(&["user", "list"]).refused();
    assert!(said.contains("32 administrators are connected already"), "{said}");
    open.clear();
    // The places are free once the conversations have ended.
    while house.run(&["user", "list"]).code != 0 {}
}

#[test]
fn an_admin_socket_for_which_there_are_no_files_is_tried_ten_times_a_second() {
    let house = House::with_anna();
    let serving = house.serve();
    let pid = i32::try_from(serving.pid()).unwrap();
    let files = |soft: Option<u64>| {
        let mut before = (0, 0);
        rlimit::prlimit(pid, rlimit::Resource::NOFILE, None, Some((&mut before.0, &mut before.1))).unwrap();
        let new = soft.map(|soft| (soft, before.1));
        rlimit::prlimit(pid, rlimit::Resource::NOFILE, new, None).unwrap();
        before.0
    };
    let usual = files(Some(3));
    let waiting = UnixStream::connect(house.path("house/data/admin.sock")).unwrap();
    let said = "the admin socket cannot accept";
    serving.until_logged(said, 4);
    files(Some(usual));
    drop(waiting);
    assert_eq!(house.json(&["check"])["server"]["pid"].as_u64(), Some(serving.pid()));
    let (_, log) = serving.stop("TERM");
    let times: Vec<jiff::Timestamp> = log
        .lines()
        .filter(|line| line.contains(said))
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect();
    for pair in times.windows(2) {
        assert!(pair[1].duration_since(pair[0]) >= jiff::SignedDuration::from_millis(90), "{pair:?}");
    }
}

#[test]
fn what_an_administrator_changes_is_logged_without_secrets() {
    let house = House::with_anna();
    let serving = house.serve();
    house.run_with(&["user", "passwd", "anna"], "a new secret\n").ok();
    house.import(&[&fixture("archive.mbox")]);
    let (_, log) = serving.stop("TERM");
    assert!(log.contains("password") && log.contains("anna@defaultcontext"), "{log}");
    for secret in ["a new secret", "Radium", "marie", "argon2"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
