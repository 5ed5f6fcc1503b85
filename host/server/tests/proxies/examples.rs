//! `examples/proxies`: ordinary proxies in front.

use std::thread;

use easel_protocol::{Command, FolderType};
use easel_test_support::{HttpResponse, Identity, Phone, Sent, Socket, Transport as _};

use crate::check::findings;
use crate::front::{Front, certificate, example, free_port};
use crate::house::{House, PASSWORD};

/// Longer than the 60 seconds after which proxies cut by themselves, in seconds.
const PING_SECS: u32 = 72;

/// Bytes of a mail.
const MAIL: usize = 20 << 20;

/// A phone with a tree.
fn phone(transport: Socket) -> Phone<Socket> {
    let mut phone = Phone::new(transport, Identity::iphone_3gs(), "anna");
    phone.options().unwrap();
    phone.folder_sync().unwrap();
    phone
}

/// A Ping with nothing to tell: its status, or what came instead.
fn ping(port: u16) -> Result<String, String> {
    let mut phone = phone(Socket::new(([127, 0, 0, 1], port).into(), "anna", PASSWORD));
    let calendar = phone.folder(FolderType::Calendar).unwrap();
    // What is waited on has been synchronised once.
    phone.sync(&[Sent::ask(&calendar)]).unwrap();
    phone.ping(&[calendar], PING_SECS).map(|(status, _)| status).map_err(|error| error.to_string())
}

/// A mail of 20 MB, from anna to anna.
fn send(port: u16) -> (HttpResponse, usize) {
    let mut phone =
        Phone::new(Socket::new(([127, 0, 0, 1], port).into(), "anna", PASSWORD), Identity::iphone_3gs(), "anna");
    phone.options().unwrap();
    let head = "From: anna@example.org\r\nTo: anna@example.org\r\nSubject: large\r\n\r\n";
    let mail =
        [head.as_bytes(), &b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n".repeat(MAIL / 64)]
            .concat();
    let request = phone.request(Command::SendMail, &mail, "message/rfc822");
    (phone.transport.exchange(&request).unwrap(), mail.len())
}

/// What every proxy has to let pass; `sees` is whether the server is told the phone's address.
fn passes(house: House, front: &Front, sees: bool) {
    let url = format!("https://127.0.0.1:{}", front.port);
    let sent = thread::scope(|scope| {
        let pinging = scope.spawn(|| ping(front.port));
        let sending = scope.spawn(|| send(front.port));
        // The pieces of an answer pass as they come, bodies of 52 MiB pass, and what is sent is not kept back.
        let (code, list) = findings(&house, &url, &["--secs", "62"]);
        assert_eq!(code, 0, "{list:#?} {}", front.log());
        let others: Vec<_> = list.iter().filter(|(_, what, _)| !what.contains("sees the address")).collect();
        assert!(others.is_empty(), "{others:#?}");
        assert_eq!(list.is_empty(), sees, "{list:#?}");
        assert_eq!(pinging.join().unwrap(), Ok("1".to_owned()), "{}", front.log());
        let (answer, sent) = sending.join().unwrap();
        assert_eq!(answer.code, 200, "{}", front.log());
        sent
    });
    let (_, log) = house.serving.stop("TERM");
    let line = log.lines().find(|line| line.contains("SendMail")).unwrap();
    assert!(line.contains(&format!("received={sent} code=200")), "{line}");
}

/// The changes that have an example serve here.
struct Here {
    port: u16,
    plain: String,
    proxied: String,
    certificates: String,
}

impl Here {
    fn new(house: &House, certificates: &tempfile::TempDir) -> Self {
        let at = |port: u16| format!("127.0.0.1:{port}");
        Self {
            port: free_port(),
            plain: at(house.plain),
            proxied: at(house.proxied),
            certificates: certificates.path().display().to_string(),
        }
    }
}

pub(crate) fn nginx() {
    let (house, certificates) = (House::new(), certificate());
    let here = Here::new(&house, &certificates);
    let listen = format!("listen 127.0.0.1:{} ssl", here.port);
    let changes = [("listen 443 ssl", &*listen), ("/etc/ssl", &here.certificates), ("127.0.0.1:8080", &here.plain)];
    let front = Front::nginx(tempfile::tempdir().unwrap(), here.port, &example("proxies/nginx.conf", &changes));
    passes(house, &front, false);
}

pub(crate) fn caddy() {
    let (house, certificates) = (House::new(), certificate());
    let here = Here::new(&house, &certificates);
    let site = format!("https://127.0.0.1:{}, https://localhost:{} {{", here.port, here.port);
    let changes = [("mail.example.org {", &*site), ("/etc/ssl", &here.certificates), ("127.0.0.1:8080", &here.plain)];
    let front = Front::caddy(tempfile::tempdir().unwrap(), here.port, &example("proxies/Caddyfile", &changes));
    passes(house, &front, false);
}

pub(crate) fn apache() {
    let (house, certificates) = (House::new(), certificate());
    let here = Here::new(&house, &certificates);
    let host = format!("127.0.0.1:{}", here.port);
    let changes = [("*:443", &*host), ("/etc/ssl", &here.certificates), ("127.0.0.1:8080", &here.plain)];
    let front = Front::apache(tempfile::tempdir().unwrap(), here.port, &example("proxies/apache.conf", &changes));
    passes(house, &front, false);
}

pub(crate) fn haproxy() {
    let (house, certificates) = (House::new(), certificate());
    let here = Here::new(&house, &certificates);
    let (bind, pem) = (format!("bind 127.0.0.1:{} ssl", here.port), format!("{}/both.pem", here.certificates));
    let changes = [("bind :443 ssl", &*bind), ("/etc/haproxy/mail.pem", &pem), ("127.0.0.1:8081", &here.proxied)];
    let front = Front::haproxy(tempfile::tempdir().unwrap(), here.port, &example("proxies/haproxy.cfg", &changes));
    passes(house, &front, true);
}

/// What the example changes is needed: without it nginx cuts the same Ping.
pub(crate) fn cut() {
    let (house, certificates) = (House::new(), certificate());
    let here = Here::new(&house, &certificates);
    let listen = format!("listen 127.0.0.1:{} ssl", here.port);
    let changes = [
        ("listen 443 ssl", &*listen),
        ("/etc/ssl", &here.certificates),
        ("127.0.0.1:8080", &here.plain),
        ("proxy_read_timeout 3700s;", ""),
    ];
    let front = Front::nginx(tempfile::tempdir().unwrap(), here.port, &example("proxies/nginx.conf", &changes));
    assert_eq!(ping(front.port), Err("Ping was answered with 504".to_owned()), "{}", front.log());
}
