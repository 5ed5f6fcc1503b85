//! `easel check --proxy`, in front of good and bad proxies.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use serde_json::Value;

use crate::front::{Front, free_port};
use crate::house::House;

/// What is found, errors first: whether it is one, what, and its cures.
pub(crate) fn findings(house: &House, url: &str, more: &[&str]) -> (i32, Vec<(bool, String, String)>) {
    let said = house.easel.run(&[&["check", "--proxy", url, "--json"], more].concat());
    let value: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!(value["ok"].as_bool(), Some(said.code == 0), "{value}");
    let one = |finding: &Value| {
        let cures: Vec<&str> = finding["cure"].as_array().unwrap().iter().map(|cure| cure.as_str().unwrap()).collect();
        (finding["error"].as_bool().unwrap(), finding["what"].as_str().unwrap().to_owned(), cures.join("\n"))
    };
    (said.code, value["findings"].as_array().unwrap().iter().map(one).collect())
}

/// Each of the findings, by a part of what is said and of the cure.
#[track_caller]
fn found(findings: &[(bool, String, String)], expected: &[(bool, &str, &str)]) {
    for (is_error, what, cure) in expected {
        let hit = findings
            .iter()
            .any(|(error, said, cures)| error == is_error && said.contains(what) && cures.contains(cure));
        assert!(hit, "{what}: {findings:#?}");
    }
    assert_eq!(findings.len(), expected.len(), "{findings:#?}");
}

pub(crate) fn no_proxy() {
    let house = House::new();
    for url in [format!("http://127.0.0.1:{}", house.plain), format!("https://localhost:{}", house.tls)] {
        assert_eq!(findings(&house, &url, &["--secs", "2"]), (0, vec![]), "{url}");
    }
    let said = house.easel.run(&[
        "check",
        "--proxy",
        &format!("http://127.0.0.1:{}", house.plain),
        "--secs",
        "1",
        "--mib",
        "1",
    ]);
    assert!(said.ok().contains("a request may wait 1 seconds, bodies of 1 MiB pass"));
    let (_, log) = house.serving.stop("TERM");
    assert!(log.contains("a check of the proxy in front") && log.contains("peer=127.83.76.1"), "{log}");
}

pub(crate) fn nobody() {
    let house = House::new();
    let (code, list) = findings(&house, &format!("http://127.0.0.1:{}", free_port()), &[]);
    assert_eq!(code, 1);
    found(&list, &[(true, "it cannot be reached", "see that the name")]);

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", other.local_addr().unwrap());
    let answering = thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        let mut head = [0; 64];
        stream.read_exact(&mut head).unwrap();
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap();
        // Until the other side has read it.
        drop(stream.read_to_end(&mut Vec::new()));
    });
    let (code, list) = findings(&house, &url, &[]);
    answering.join().unwrap();
    assert_eq!(code, 1);
    found(&list, &[(true, "answers 404 where this server answers 200", "pass /Microsoft-Server-ActiveSync")]);

    let said = house.easel.run(&["check", "--proxy", "mail.example.org"]).refused();
    assert!(said.contains("give it as https://"), "{said}");
    let (easel, _dir) = house.dead();
    let said = easel.run(&["check", "--proxy", "http://127.0.0.1:9"]).refused();
    assert!(said.contains("no server runs on the data directory") && said.contains("start it first"), "{said}");
}

pub(crate) fn bad_nginx() {
    let house = House::new();
    let port = free_port();
    let server = format!(
        "keepalive_timeout 0;\nserver {{ listen 127.0.0.1:{port};\nlocation / {{\n\
         proxy_pass http://127.0.0.1:{};\nproxy_read_timeout 3s;\nproxy_set_header Authorization \"\";\n\
         proxy_set_header X-MS-PolicyKey 1;\nproxy_hide_header MS-Server-ActiveSync; }} }}",
        house.plain
    );
    let front = Front::nginx(tempfile::tempdir().unwrap(), port, &server);
    let url = format!("http://127.0.0.1:{port}");
    let (code, list) = findings(&house, &url, &["--secs", "6"]);
    assert_eq!(code, 1);
    found(
        &list,
        &[
            (true, "the header authorization does not arrive", "no rule that hides"),
            (true, "the header x-ms-policykey arrives as \"1\"", "no rule that hides"),
            (true, "answers lose the header MS-Server-ActiveSync", "no rule that hides"),
            (true, "answers are kept back", "nginx: proxy_buffering off"),
            (true, "a body of 52 MiB is refused with 413", "nginx: client_max_body_size 54525952"),
            (
                true,
                "a request that was to wait 6 seconds was answered with 504 after 3",
                "nginx: proxy_read_timeout 3700s",
            ),
            (false, "the server sees the address 127.0.0.1", "nginx: proxy_protocol on"),
            (false, "the connection is closed after each answer", "nginx: keepalive_timeout"),
            (false, "a request is kept back until its body is complete", "nginx: proxy_request_buffering off"),
        ],
    );
    drop(front);
}

/// Which of Apache's settings says how long a request may wait.
pub(crate) fn timeouts_of_apache() {
    let house = House::new();
    let to = format!("\"http://127.0.0.1:{}$1\"", house.plain);
    let ours = format!("ProxyPassMatch \"(?i)^(/Microsoft-Server-ActiveSync.*)$\" {to} flushpackets=on");
    let other = format!("ProxyPassMatch \"^(/other.*)$\" {to}");
    let cases = [
        (format!("Timeout 4\n{ours}"), true),
        (format!("ProxyTimeout 4\n{ours}"), true),
        (format!("{ours} timeout=4"), true),
        (format!("Timeout 4\nProxyTimeout 60\n{ours}"), false),
        (format!("Timeout 4\nProxyTimeout 4\n{ours} timeout=60"), false),
        (format!("{other} timeout=4\n{ours} timeout=60"), true),
        (format!("{ours} timeout=60\n{other} timeout=4"), false),
    ];
    thread::scope(|scope| {
        for (lines, cuts) in &cases {
            let house = &house;
            scope.spawn(move || {
                let port = free_port();
                let host = format!("LimitRequestBody 0\n<VirtualHost 127.0.0.1:{port}>\n{lines}\n</VirtualHost>");
                let front = Front::apache(tempfile::tempdir().unwrap(), port, &host);
                let (code, list) = findings(house, &format!("http://127.0.0.1:{port}"), &["--secs", "6", "--mib", "1"]);
                let errors: Vec<_> = list.into_iter().filter(|(is_error, ..)| *is_error).collect();
                assert_eq!(code == 1, *cuts, "{lines}: {errors:#?} {}", front.log());
                let what = "a request that was to wait 6 seconds was answered with 502 after 4";
                let expected = [(true, what, "Apache: timeout=3700 at the end of the first ProxyPass")];
                found(&errors, &expected[..usize::from(*cuts)]);
            });
        }
    });
}

pub(crate) fn bad_haproxy() {
    let house = House::new();
    let port = free_port();
    let config = format!(
        "defaults\nmode http\ntimeout connect 5s\ntimeout client 60s\ntimeout server 7s\noption httpclose\n\
         frontend f\nbind 127.0.0.1:{port}\n\
         http-request deny deny_status 413 if {{ req.hdr_val(content-length) gt 1000000 }}\n\
         http-request del-header User-Agent\ndefault_backend b\n\
         backend b\nserver s 127.0.0.1:{} send-proxy-v2\n",
        house.proxied
    );
    let front = Front::haproxy(tempfile::tempdir().unwrap(), port, &config);
    let url = format!("http://127.0.0.1:{port}");
    let (code, list) = findings(&house, &url, &["--secs", "10", "--mib", "2"]);
    assert_eq!(code, 1);
    found(
        &list,
        &[
            (true, "the header user-agent does not arrive", "no rule that hides"),
            (true, "a body of 2 MiB is refused with 413", "HAProxy: no rule on req.body_size"),
            (
                true,
                "a request that was to wait 10 seconds was answered with 504 after 7",
                "HAProxy: timeout client 3700s",
            ),
            (false, "the connection is closed after each answer", "HAProxy: mode tcp"),
        ],
    );
    drop(front);
}
