//! What monitoring reads of a server that runs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use easel_protocol::FolderType;
use easel_test_support::{Identity, Phone, Socket, until};

use crate::support::{House, Serving, fixture};

/// Numbers by name and labels, as they are written.
type Numbers = BTreeMap<String, f64>;

/// A house with contacts of anna's and a pack, whose server listens for monitoring.
fn house() -> House {
    let house = House::with_odd_pack();
    let config = std::fs::read_to_string(house.path("house/easel.toml")).unwrap();
    let (before, metrics) = config.split_once("[metrics]").unwrap();
    let config = format!("{before}[metrics]{}", metrics.replacen("listen = \"off\"", "listen = \"127.0.0.1:0\"", 1));
    house.write("house/easel.toml", config);
    house
}

fn scrape_address(house: &House) -> SocketAddr {
    let status = house.json(&["check"]);
    let places = status["server"]["listening"].as_array().unwrap();
    let place = places.iter().filter_map(|place| place.as_str()).find(|place| place.ends_with("/metrics"));
    place.unwrap().strip_prefix("http://").unwrap().strip_suffix("/metrics").unwrap().parse().unwrap()
}

/// Head and body of an answer.
fn get(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// Reads the page, and holds it to what OpenMetrics demands of its text.
fn numbers(address: SocketAddr) -> Numbers {
    let (head, page) = get(address, "GET /metrics");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    let page = page.strip_suffix("# EOF\n").unwrap();
    let (mut numbers, mut families) = (Numbers::new(), BTreeSet::new());
    let (mut family, mut suffixes): (&str, &[&str]) = ("", &[]);
    for line in page.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').unwrap();
            assert!(families.insert(name), "{name} comes once");
            family = name;
            suffixes = match kind {
                "counter" => &["_total"],
                "gauge" => &[""],
                "histogram" => &["_bucket", "_count", "_sum"],
                "info" => &["_info"],
                "summary" => &["", "_count", "_sum"],
                other => panic!("{other}"),
            };
        } else if let Some(unit) = line.strip_prefix("# UNIT ") {
            let (name, unit) = unit.split_once(' ').unwrap();
            assert!(name == family && name.ends_with(&format!("_{unit}")), "{line}");
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let bare = name.split('{').next().unwrap();
            assert!(suffixes.iter().any(|suffix| bare == format!("{family}{suffix}")), "{line} within {family}");
            let value = value.parse().unwrap();
            assert_eq!(numbers.insert(name.to_owned(), value), None, "{line} comes once");
        }
    }
    numbers
}

fn of(numbers: &Numbers, name: &str) -> f64 {
    *numbers.get(name).unwrap_or_else(|| panic!("{name} is not in {:#?}", numbers.keys()))
}

fn phone(serving: &Serving, password: &str) -> Phone<Socket> {
    let identity = Identity { user_agent: "odd/rude", device_id: "ODD1".into(), ..Identity::android() };
    Phone::new(Socket::new(serving.address, "anna", password), identity, "anna")
}

#[test]
fn requests_logins_packs_commits_and_connections_are_counted() {
    let house = house();
    let serving = house.serve();
    let address = scrape_address(&house);
    let before = numbers(address);
    assert_eq!(of(&before, "easel_requests_total{command=\"FolderSync\",code=\"2xx\"}"), 0.0);

    let mut one = phone(&serving, "anna's word");
    one.options().unwrap();
    one.folder_sync().unwrap();
    let contacts = one.folder(FolderType::Contacts).unwrap();
    assert!(one.sync_folder(&contacts, 100).unwrap() > 0);
    assert!(phone(&serving, "a wrong word").folder_sync().is_err());
    // What is no TLS fails in the handshake.
    let mut stream = TcpStream::connect(serving.address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    drop(stream.read_to_end(&mut Vec::new()));

    let listener = format!("{{listener=\"tls:{}\"}}", serving.address);
    let now = numbers(address);
    assert_eq!(of(&now, "easel_requests_total{command=\"FolderSync\",code=\"2xx\"}"), 1.0);
    assert_eq!(of(&now, "easel_requests_total{command=\"OPTIONS\",code=\"2xx\"}"), 1.0);
    assert_eq!(of(&now, "easel_requests_total{command=\"none\",code=\"4xx\"}"), 1.0);
    let syncs = of(&now, "easel_requests_total{command=\"Sync\",code=\"2xx\"}");
    assert!(syncs >= 2.0, "{syncs}");
    assert_eq!(of(&now, "easel_request_duration_seconds_count{command=\"Sync\"}"), syncs);
    assert_eq!(of(&now, "easel_request_duration_seconds_bucket{command=\"Sync\",le=\"+Inf\"}"), syncs);
    let worked = of(&now, "easel_request_work_seconds_total{command=\"Sync\"}");
    assert!(worked > 0.0 && worked <= of(&now, "easel_request_duration_seconds_sum{command=\"Sync\"}"), "{worked}");
    assert!(of(&now, "easel_request_bytes_total{command=\"Sync\"}") > 0.0);
    assert!(of(&now, "easel_response_bytes_total{command=\"Sync\"}") > 100.0);
    assert_eq!(of(&now, "easel_login_hashes_total"), 2.0);
    assert_eq!(of(&now, "easel_login_failures_total{reason=\"wrong\"}"), 1.0);
    assert!(of(&now, "easel_login_cache_total{result=\"hit\"}") >= 2.0);
    assert!(of(&now, "easel_pack_calls_total{pack=\"odd\"}") > 0.0);
    assert!(of(&now, "easel_pack_call_seconds_sum{pack=\"odd\"}") > 0.0);
    let commits = "easel_store_commit_seconds_count{file=\"easel\"}";
    assert!(of(&now, commits) > of(&before, commits));
    assert!(of(&now, "easel_store_commit_changes_sum{file=\"easel\"}") >= of(&now, commits));
    assert!(of(&now, "easel_store_file_bytes{file=\"mail\"}") > 0.0);
    assert!(of(&now, &format!("easel_connections_accepted_total{listener}")) >= 3.0);
    assert_eq!(of(&now, &format!("easel_handshakes_failed_total{listener}")), 1.0);
    assert!(of(&now, &format!("easel_connections{listener}")) >= 1.0);
    assert!(of(&now, "process_resident_memory_bytes") > 1e6);
    assert_eq!(of(&now, "easel_outgoing_messages"), 0.0);
    let names: Vec<&String> = now.keys().filter(|name| name.contains("anna") || name.contains("odd1")).collect();
    assert!(names.is_empty(), "no user and no device: {names:?}");
    assert_eq!(before.len(), now.len(), "what is counted does not grow with who comes");
    let (code, log) = serving.stop("TERM");
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_request_that_waits_is_seen_to_wait() {
    let house = house();
    let serving = house.serve();
    let address = scrape_address(&house);
    let mut one = phone(&serving, "anna's word");
    one.folder_sync().unwrap();
    let inbox = one.folder(FolderType::Inbox).unwrap();
    one.sync_folder(&inbox, 100).unwrap();
    let waiting = std::thread::spawn(move || one.ping(&[inbox], 600).unwrap());
    #[expect(clippy::disallowed_methods, reason = "how long it waited is what is looked at")]
    let start = Instant::now();
    until("it waits", || of(&numbers(address), "easel_parked_requests") >= 1.0);
    house.import(&[&fixture("archive.mbox")]);
    assert_eq!(waiting.join().unwrap().0, "2");
    let now = numbers(address);
    assert_eq!(of(&now, "easel_parked_requests"), 0.0);
    let waited = of(&now, "easel_request_duration_seconds_sum{command=\"Ping\"}");
    assert!(waited > 0.0 && waited < start.elapsed().as_secs_f64(), "{waited}");
    serving.stop("TERM");
}

#[test]
fn the_listener_of_monitoring_knows_one_page_and_devices_do_not_meet_it() {
    let house = house();
    let serving = house.serve();
    let address = scrape_address(&house);
    assert!(get(address, "GET /").0.starts_with("HTTP/1.1 404"));
    assert!(get(address, "POST /Microsoft-Server-ActiveSync").0.starts_with("HTTP/1.1 404"));
    let (head, _) = get(address, "POST /metrics");
    assert!(head.starts_with("HTTP/1.1 405") && head.to_lowercase().contains("allow: get, head"), "{head}");
    // Eight that say nothing take all the places; the next is closed at once, and a place that is free is taken again.
    let idle: Vec<TcpStream> = (0..8).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut closed = TcpStream::connect(address).unwrap();
    assert!(matches!(closed.read(&mut [0; 1]), Ok(0) | Err(_)));
    drop(idle);
    until("a place that is free is taken again", || {
        let mut stream = TcpStream::connect(address).unwrap();
        // It may be closed while it is written to.
        drop(write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        let mut answer = String::new();
        drop(stream.read_to_string(&mut answer));
        answer.ends_with("# EOF\n")
    });
    serving.stop("TERM");
}
