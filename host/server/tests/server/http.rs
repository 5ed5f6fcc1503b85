//! Paths, methods, headers, bodies, answers.

use std::io::Write as _;
use std::sync::{Arc, Mutex, mpsc};

use easel_commands::{Answer, Request, Sink};
use easel_server::Turn;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::house::{Client, PASSWORD, basic, house, post, post_as};

fn ok(_: &Request<'_>, _: &mut dyn Sink) -> Turn {
    Turn::Answer(Answer::empty())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    std::io::copy(&mut flate2::read::GzDecoder::new(bytes), &mut plain).unwrap();
    plain
}

#[tokio::test]
async fn g24_every_spelling_of_the_path_and_both_queries_are_served() {
    let house = house(|request, _| {
        let seen = format!("{} {}", request.line.command, request.line.device_id);
        Turn::Answer(Answer::bytes("text/plain", seen.into_bytes()))
    });
    let mut client = house.client().await;
    for path in [
        "/Microsoft-Server-ActiveSync?Cmd=Sync&DeviceId=v140Device&DeviceType=P",
        "/microsoft-server-activesync/?DeviceType=P&deviceid=v140Device&cmd=sync",
        "/Microsoft-Server-ActiveSync/default.eas?Cmd=Sync&User=x&DeviceId=v140Device&DeviceType=P",
        "/Microsoft-Server-ActiveSync?jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l",
        "/Microsoft-Server-ActiveSync/default.eas?jAAJBAp2MTQwRGV2aWNlAApTbWFydFBob25l",
    ] {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: e\r\nMS-ASProtocolVersion: 14.0\r\n{}Content-Length: 0\r\n\r\n",
            basic("anna", PASSWORD)
        );
        let response = client.ask(request.as_bytes()).await;
        assert_eq!((response.code, response.body), (200, b"Sync v140Device".to_vec()), "{path}");
    }
}

#[tokio::test]
async fn p22_p24_a_short_version_and_a_query_without_user_are_understood() {
    let house = house(|request, _| {
        let version = request.line.version.unwrap().to_string();
        Turn::Answer(Answer::bytes("text/plain", format!("{version} {}", request.user.name).into_bytes()))
    });
    let request = format!(
        "POST /Microsoft-Server-ActiveSync?Cmd=Sync&DeviceId=A&DeviceType=P HTTP/1.1\r\nHost: e\r\n\
         MS-ASProtocolVersion: 14\r\n{}Content-Length: 0\r\n\r\n",
        basic("anna", PASSWORD)
    );
    let response = house.client().await.ask(request.as_bytes()).await;
    assert_eq!((response.code, response.body), (200, b"14.0 anna".to_vec()));
}

#[tokio::test]
async fn what_is_not_served_gets_its_code_and_the_connection_goes_on() {
    let house = house(ok);
    let mut client = house.client().await;
    let login = basic("anna", PASSWORD);
    let path = "/Microsoft-Server-ActiveSync";
    for (request, code) in [
        (format!("POST / HTTP/1.1\r\nHost: e\r\n{login}Content-Length: 2\r\n\r\nxx"), 404),
        (format!("GET {path} HTTP/1.1\r\nHost: e\r\n{login}\r\n"), 405),
        (format!("PUT {path} HTTP/1.1\r\nHost: e\r\n{login}Content-Length: 2\r\n\r\nxx"), 405),
        (format!("PROPFIND {path} HTTP/1.1\r\nHost: e\r\n{login}\r\n"), 501),
        (format!("POST {path} HTTP/1.1\r\nHost: e\r\n{login}Content-Length: 2\r\n\r\nxx"), 400),
        (format!("POST {path}?Cmd=Nothing&DeviceId=A HTTP/1.1\r\nHost: e\r\n{login}Content-Length: 0\r\n\r\n"), 501),
        (format!("POST {path}?Cmd=Sync HTTP/1.1\r\nHost: e\r\n{login}Content-Length: 0\r\n\r\n"), 400),
        (String::from_utf8(post("Sync", "Content-Encoding: br\r\n", b"")).unwrap(), 415),
        (String::from_utf8(post("Sync", "", b"")).unwrap().replace("14.1", "1.0"), 505),
        (String::from_utf8(post("Sync", "", b"")).unwrap().replace("14.1", "99.0"), 400),
        (String::from_utf8(post("Sync", "", b"")).unwrap(), 200),
    ] {
        let response = client.ask(request.as_bytes()).await;
        assert_eq!(response.code, code, "{request}");
        assert_eq!(response.body, b"", "{request}");
        assert_eq!(response.header("content-length"), Some("0"), "{request}");
    }
}

#[tokio::test]
async fn options_names_versions_and_commands() {
    let house = house(ok);
    let mut client = house.client().await;
    let login = basic("anna", PASSWORD);
    let options =
        |query: &str| format!("OPTIONS /Microsoft-Server-ActiveSync{query} HTTP/1.1\r\nHost: e\r\n{login}\r\n");
    let response = client.ask(options("").as_bytes()).await;
    assert_eq!((response.code, response.body.len()), (200, 0));
    assert_eq!(response.header("ms-asprotocolversions"), Some("2.5,12.1"));
    assert_eq!(response.header("ms-asprotocolcommands"), Some("Sync,Ping"));
    assert_eq!(response.header("public"), Some("OPTIONS,POST"));
    assert_eq!(response.header("allow"), Some("OPTIONS,POST"));
    let response = client.ask(options("?Cmd=OPTIONS&DeviceId=ABC&DeviceType=Phone").as_bytes()).await;
    assert_eq!(response.header("ms-asprotocolversions"), Some("14.1"));
    let old = options("").replace("Host: e", "Host: e\r\nUser-Agent: Old/1");
    let response = client.ask(old.as_bytes()).await;
    assert_eq!(response.header("ms-asprotocolversions"), Some("2.5"));
    assert_eq!(response.header("ms-server-activesync"), Some("6.5.7638.1"));
}

#[tokio::test]
async fn g08_every_answer_carries_a_whole_server_version() {
    let house = house(ok);
    let mut client = house.client().await;
    for request in [
        post("Sync", "", b""),
        b"POST / HTTP/1.1\r\nHost: e\r\nContent-Length: 0\r\n\r\n".to_vec(),
        b"OPTIONS /Microsoft-Server-ActiveSync HTTP/1.1\r\nHost: e\r\n\r\n".to_vec(),
    ] {
        let response = client.ask(&request).await;
        let version = response.header("ms-server-activesync").unwrap();
        assert_eq!(version.split('.').filter(|part| part.parse::<u32>().is_ok()).count(), 4, "{version}");
        assert_eq!(response.header("cache-control"), Some("private"));
    }
}

#[tokio::test]
async fn g09_headers_of_a_command_reach_the_device_and_unsendable_ones_do_not() {
    let house = house(|_, _| {
        let headers =
            vec![("X-MS-RP".into(), "2.5,12.1".to_owned()), ("X-Broken".into(), "a\r\nSet-Cookie: b".to_owned())];
        Turn::Answer(Answer { headers, ..Answer::empty() })
    });
    let response = house.client().await.ask(&post("FolderSync", "", b"")).await;
    assert_eq!(response.header("x-ms-rp"), Some("2.5,12.1"));
    assert!(response.header("x-broken").is_none() && response.header("set-cookie").is_none());
}

#[tokio::test]
async fn x11_an_empty_answer_has_no_type_and_a_body_has_one() {
    let house = house(|request, _| {
        Turn::Answer(match request.line.command {
            easel_protocol::Command::Sync => Answer::empty(),
            _ => Answer::bytes("application/vnd.ms-sync.wbxml", b"\x03\x01\x6A\x00".to_vec()),
        })
    });
    let mut client = house.client().await;
    let empty = client.ask(&post("Sync", "", b"")).await;
    assert_eq!((empty.header("content-type"), empty.header("content-length")), (None, Some("0")));
    let full = client.ask(&post("Ping", "", b"")).await;
    assert_eq!(full.header("content-type"), Some("application/vnd.ms-sync.wbxml"));
    assert_eq!(full.body, b"\x03\x01\x6A\x00");
}

#[tokio::test]
async fn a45_a_449_for_a_device_that_accepts_gzip_is_empty_and_plain() {
    let house = house(|request, _| {
        assert_eq!(request.line.policy_key, Some(0));
        Turn::Answer(Answer::code(449))
    });
    let request = post("FolderSync", "X-MS-PolicyKey: 0\r\nAccept-Encoding: gzip\r\n", b"\x03\x01\x6A\x00");
    let response = house.client().await.ask(&request).await;
    assert_eq!((response.code, response.header("content-length")), (449, Some("0")));
    assert_eq!((response.header("content-encoding"), response.header("content-type")), (None, None));
}

#[tokio::test]
async fn bodies_are_compressed_both_ways_only_when_asked() {
    let house = house(|request, sink| match request.line.command {
        easel_protocol::Command::Sync => Turn::Answer(Answer::bytes("text/plain", request.body.to_vec())),
        _ => {
            for piece in request.body.chunks(100_000) {
                sink.write(piece.to_vec()).unwrap();
            }
            Turn::Streamed
        }
    });
    let mut client = house.client().await;
    let text = b"the same again and ".repeat(20_000);
    for command in ["Sync", "ItemOperations"] {
        let plain = client.ask(&post(command, "", &text)).await;
        assert_eq!((plain.code, plain.header("content-encoding"), plain.body == text), (200, None, true));
        let headers = "Content-Encoding: gzip\r\nAccept-Encoding: gzip, deflate\r\n";
        let zipped = client.ask(&post(command, headers, &gzip(&text))).await;
        assert_eq!((zipped.code, zipped.header("content-encoding")), (200, Some("gzip")));
        assert!(zipped.body.len() < text.len() / 10 && gunzip(&zipped.body) == text);
    }
    let broken = client.ask(&post("Sync", "Content-Encoding: gzip\r\n", &text)).await;
    assert_eq!(broken.code, 400);
}

#[tokio::test]
async fn a_long_answer_begins_before_it_ends() {
    let (next, go) = mpsc::channel::<()>();
    let go = Mutex::new(go);
    let house = house(move |_, sink| {
        sink.write(b"\x03\x01\x6A\x00".to_vec()).unwrap();
        go.lock().unwrap().recv().unwrap();
        sink.write(b"rest".to_vec()).unwrap();
        Turn::Streamed
    });
    for headers in ["", "Accept-Encoding: gzip\r\n"] {
        let mut client = house.client().await;
        client.send(&post("Sync", headers, b"")).await;
        let head = client.head().await;
        assert_eq!((head.code, head.header("content-type")), (200, Some("application/vnd.ms-sync.wbxml")));
        next.send(()).unwrap();
        let body = client.chunks().await.unwrap();
        let body = if headers.is_empty() { body } else { gunzip(&body) };
        assert_eq!(body, b"\x03\x01\x6A\x00rest");
        assert_eq!(client.ask(&post_as("", "D1", "Sync", "", b"")).await.code, 401, "the connection goes on");
    }
}

/// 16 KB that do not compress (xorshift).
fn noise(number: u32) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9E37_79B9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..16 << 10).map(|_| next()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_piece_that_a_slow_client_does_not_take_is_given_back_and_lost_in_no_case() {
    let (refusals, refused) = mpsc::channel();
    let refusals = Mutex::new(refusals);
    let house = house(move |_, sink| {
        // More than a socket and what lies before it hold.
        let mut kept = Vec::new();
        let mut given_back = 0;
        for number in 0..1024 {
            kept.extend(noise(number));
            if let Some(back) = sink.offer(std::mem::take(&mut kept)).unwrap() {
                (kept, given_back) = (back, given_back + 1);
            }
        }
        refusals.lock().unwrap().send(given_back).unwrap();
        sink.write(kept).unwrap();
        Turn::Streamed
    });
    let expected: Vec<u8> = (0..1024).flat_map(noise).collect();
    for headers in ["", "Accept-Encoding: gzip\r\n"] {
        let mut client = house.client().await;
        client.send(&post("Sync", headers, b"")).await;
        assert_eq!(client.head().await.code, 200);
        // The work is done long before the client takes anything.
        let given_back = tokio::task::block_in_place(|| refused.recv().unwrap());
        assert!(given_back > 0, "{headers}");
        let body = client.chunks().await.unwrap();
        let body = if headers.is_empty() { body } else { gunzip(&body) };
        assert!(body == expected, "{headers}: {} bytes", body.len());
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_finished_cuts_the_connection() {
    let house = house(|request, sink| {
        sink.write(b"\x03\x01\x6A\x00".to_vec()).unwrap();
        match request.line.command {
            easel_protocol::Command::Sync => Turn::Cut,
            easel_protocol::Command::Ping => panic!("on purpose"),
            _ => Turn::Answer(Answer::empty()),
        }
    });
    for command in ["Sync", "Ping", "Search"] {
        let mut client = house.client().await;
        client.send(&post(command, "", b"")).await;
        // The beginning may or may not have gone out; an end never does.
        let mut seen = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut client.stream, &mut seen).await.ok();
        assert!(!seen.ends_with(b"0\r\n\r\n"), "{command}");
    }
}

#[tokio::test]
async fn a_panic_is_a_500_for_this_request_only() {
    let house = house(|request, _| match request.line.command {
        easel_protocol::Command::Sync => panic!("on purpose"),
        _ => Turn::Answer(Answer::empty()),
    });
    let mut client = house.client().await;
    assert_eq!(client.ask(&post("Sync", "", b"")).await.code, 500);
    assert_eq!(client.ask(&post("Ping", "", b"")).await.code, 200);
}

#[tokio::test]
async fn a_turn_that_cuts_before_it_began_sends_nothing() {
    let house = house(|_, _| Turn::Cut);
    let mut client = house.client().await;
    client.send(&post("Sync", "", b"")).await;
    assert!(client.ended().await);
}

#[tokio::test]
async fn the_command_sees_agent_type_and_body_as_sent() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&seen);
    let house = house(move |request, _| {
        let own = (request.user_agent.to_owned(), request.content_type.to_owned(), request.body.to_vec());
        sees.lock().unwrap().push(own);
        Turn::Answer(Answer::empty())
    });
    let mut client = house.client().await;
    let headers = "User-Agent: Apple-iPhone/701.341\r\nContent-Type: Application/vnd.ms-sync.WBXML; x=y\r\n";
    client.ask(&post("Sync", headers, b"\x03\x01\x6A\x00")).await;
    client.send(b"POST /Microsoft-Server-ActiveSync?Cmd=Sync&DeviceId=D1&DeviceType=P HTTP/1.1\r\nHost: e\r\n").await;
    client.send(basic("anna", PASSWORD).as_bytes()).await;
    client.send(b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").await;
    assert_eq!(client.response().await.code, 200);
    let wbxml = "application/vnd.ms-sync.wbxml".to_owned();
    let first = ("Apple-iPhone/701.341".to_owned(), wbxml, b"\x03\x01\x6A\x00".to_vec());
    assert_eq!(*seen.lock().unwrap(), [first, (String::new(), String::new(), b"abcde".to_vec())]);
}

#[tokio::test]
async fn who_asks_first_is_told_to_go_on_or_refused_without_the_body() {
    let house = house(|request, _| Turn::Answer(Answer::bytes("text/plain", request.body.to_vec())));
    let whole = post("Sync", "Expect: 100-continue\r\n", b"body");
    let (head, body) = whole.split_at(whole.len() - 4);
    let mut client = house.client().await;
    client.send(head).await;
    assert_eq!(client.head().await.code, 100);
    assert_eq!(client.ask(body).await.body, b"body");
    let mut client = house.client().await;
    let stranger = post_as(&basic("anna", "wrong"), "D1", "Sync", "Expect: 100-continue\r\n", b"body");
    assert_eq!(client.ask(&stranger[..stranger.len() - 4]).await.code, 401);
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let house = house(ok);
    for bytes in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03"[..], b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", b"x\r\n\r\n"]
    {
        let mut client: Client<_> = house.client().await;
        client.send(bytes).await;
        assert_eq!(client.response().await.code, 400);
        assert!(client.ended().await);
    }
}
