//! Every limit, reached.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use easel_commands::{Answer, Request, Sink};
use easel_server::{Allowance, Exposition, Limits, ListenerKind, Turn};
use tokio::net::TcpStream;

use crate::house::{Client, House, PASSWORD, basic, limited, plan, post, post_as};
use crate::tls::certificate;

fn ok(_: &Request<'_>, _: &mut dyn Sink) -> Turn {
    Turn::Answer(Answer::empty())
}

/// What the server counted.
pub(crate) fn metrics(house: &House) -> String {
    let mut page = Exposition::default();
    house.running.view().write_metrics(&mut page);
    page.finish()
}

const SOON: Duration = Duration::from_millis(50);

/// A house whose commands wait for a word each, and the giver of words.
fn held(limits: Limits) -> (House, mpsc::Sender<()>, Arc<Mutex<usize>>) {
    let (release, released) = mpsc::channel::<()>();
    let (released, entered) = (Mutex::new(released), Arc::new(Mutex::new(0)));
    let enters = Arc::clone(&entered);
    let house = limited(limits).build(move |_, _| {
        *enters.lock().unwrap() += 1;
        released.lock().unwrap().recv().unwrap();
        Turn::Answer(Answer::empty())
    });
    (house, release, entered)
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_room() {
    let house = limited(Limits { connections: Some(2), ..Limits::default() }).build(ok);
    let (mut one, mut two) = (house.client().await, house.client().await);
    assert_eq!(one.ask(&post("Sync", "", b"")).await.code, 200);
    assert_eq!(two.ask(&post("Sync", "", b"")).await.code, 200);
    let mut three = house.client().await;
    three.send(&post("Sync", "", b"")).await;
    assert_eq!(house.running.connections(), 2);
    assert_eq!(one.ask(&post("Sync", "", b"")).await.code, 200, "who is inside is served");
    drop(two);
    assert_eq!(three.response().await.code, 200);
}

#[tokio::test]
async fn connections_of_one_address_beyond_the_limit_are_closed() {
    let house = limited(Limits { connections_per_address: Some(1), ..Limits::default() }).build(ok);
    let mut one = house.client().await;
    assert_eq!(one.ask(&post("Sync", "", b"")).await.code, 200);
    assert!(house.client().await.ended().await);
    drop(one);
    house.until(|house| house.running.connections() == 0).await;
    assert_eq!(house.client().await.ask(&post("Sync", "", b"")).await.code, 200);
}

#[tokio::test]
async fn a_greeting_that_does_not_come_ends_the_connection() {
    let files = certificate("localhost");
    let mut plan = plan(&[ListenerKind::Tls, ListenerKind::Proxied]);
    plan.options.tls = Some(files.tls.clone());
    plan.options.limits.handshake = SOON;
    let house = plan.build(ok);
    for address in house.running.addresses() {
        for start in [&b""[..], b"PROXY TCP4 192", b"\x16\x03\x01\x02\x00\x01"] {
            let mut client = Client::new(TcpStream::connect(address).await.unwrap());
            client.send(start).await;
            assert!(!client.rest().await.starts_with(b"HTTP"), "an alert at most");
        }
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let house = limited(Limits { idle: SOON, ..Limits::default() }).build(ok);
    let mut silent = house.client().await;
    assert!(silent.ended().await);
    let mut slow = house.client().await;
    slow.send(b"POST /Microsoft-Server-ActiveSync?Cmd=Sync HTTP/1.1\r\nHost: e\r\n").await;
    assert!(slow.ended().await || slow.response().await.code == 408);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let limits = Limits { head_bytes: 8192, headers: 20, ..Limits::default() };
    let house = limited(limits).build(ok);
    for headers in [format!("X-Large: {}\r\n", "x".repeat(9000)), "X-Many: 1\r\n".repeat(30)] {
        let mut client = house.client().await;
        assert_eq!(client.ask(&post("Sync", &headers, b"")).await.code, 431);
        assert!(client.ended().await);
    }
    let headers = "X-Some: 1\r\n".repeat(10);
    assert_eq!(house.client().await.ask(&post("Sync", &headers, b"")).await.code, 200);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_announced_or_not_compressed_or_not() {
    let house = limited(Limits { body_bytes: 100_000, ..Limits::default() }).build(ok);
    let mut client = house.client().await;
    assert_eq!(client.ask(&post("Sync", "", &vec![0; 100_000])).await.code, 200);
    client.send(&post("Sync", "", &vec![0; 100_001])[..1000]).await;
    assert_eq!(client.response().await.code, 413, "not waited for");
    let mut client = house.client().await;
    let head = post("Sync", "", b"");
    let head = String::from_utf8(head).unwrap().replace("Content-Length: 0", "Transfer-Encoding: chunked");
    client.send(head.as_bytes()).await;
    let chunk = [&b"8000\r\n"[..], &[0; 0x8000], b"\r\n"].concat();
    for _ in 0..4 {
        client.send(&chunk).await;
    }
    assert_eq!(client.response().await.code, 413);
    let bomb = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, &vec![0; 10 << 20]).unwrap();
        encoder.finish().unwrap()
    };
    let mut client = house.client().await;
    assert_eq!(client.ask(&post("Sync", "Content-Encoding: gzip\r\n", &bomb)).await.code, 413);
}

#[tokio::test]
async fn all_bodies_together_have_a_limit() {
    // 38 MiB are for hashes, one for the thread.
    let memory = Some((39 << 20) + (600 << 10));
    let limits = Limits { memory, workers: 1, body_bytes: 300 << 10, ..Limits::default() };
    let house = limited(limits).build(ok);
    let mut client = house.client().await;
    assert_eq!(client.ask(&post("Sync", "", &vec![0; 64 << 10])).await.code, 200);
    assert_eq!(client.ask(&post("Sync", "", &vec![0; 200 << 10])).await.code, 200);
    let mut slow = house.client().await;
    slow.send(&post("Sync", "", &vec![0; 300 << 10])[..290 << 10]).await;
    let held = |house: &House| {
        let page = metrics(house);
        let line = page.lines().find_map(|line| line.strip_prefix("easel_request_memory_bytes ")).map(str::to_owned);
        line.unwrap().parse::<usize>().unwrap()
    };
    house.until(|house| held(house) > 290 << 10).await;
    client.send(&post("Sync", "", &vec![0; 300 << 10])[..290 << 10]).await;
    let response = client.response().await;
    assert_eq!(response.code, 503);
    assert!(response.header("retry-after").is_some());
    assert!(metrics(&house).contains("easel_throttled_total{reason=\"memory\"} 1"));
    drop(slow);
    house.until(|house| held(house) == 0).await;
    let mut client = house.client().await;
    assert_eq!(client.ask(&post("Sync", "", &vec![0; 300 << 10])).await.code, 200, "the room is given back");
}

#[tokio::test]
async fn a_compressed_body_counts_twice_like_a_plain_one() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        std::io::Write::write_all(&mut encoder, bytes).unwrap();
        encoder.finish().unwrap()
    };
    // 38 MiB are for hashes, one for the thread.
    let memory = Some((39 << 20) + (600 << 10));
    let limits = Limits { memory, workers: 1, body_bytes: 600 << 10, ..Limits::default() };
    let house = limited(limits).build(ok);
    let mut client = house.client().await;
    let mut ask = async |kib: usize| {
        let headers = "Content-Encoding: gzip\r\n";
        client.ask(&post("Sync", headers, &gzip(&vec![0; kib << 10]))).await.code
    };
    assert_eq!(ask(240).await, 200);
    assert_eq!(ask(400).await, 503);
    assert_eq!(ask(240).await, 200, "the room is given back");
    assert!(metrics(&house).contains("easel_throttled_total{reason=\"memory\"} 1"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let house = limited(Limits { body_pause: SOON, ..Limits::default() }).build(ok);
    let mut client = house.client().await;
    let whole = post("Sync", "", b"0123456789");
    client.send(&whole[..whole.len() - 5]).await;
    assert_eq!(client.response().await.code, 408);
}

#[tokio::test]
async fn a_body_that_drips_is_given_up() {
    let house = limited(Limits { body_total: SOON, ..Limits::default() }).build(ok);
    let mut client = house.client().await;
    let whole = post("Sync", "", &[0; 1 << 20]);
    client.send(&whole[..whole.len() - (1 << 20)]).await;
    let (reader, mut writer) = client.stream.into_split();
    let dripping = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        while writer.write_all(b"x").await.is_ok() && writer.flush().await.is_ok() {
            tokio::task::yield_now().await;
        }
    });
    let mut client = Client::new(tokio::io::join(reader, tokio::io::sink()));
    assert_eq!(client.response().await.code, 408);
    dripping.await.unwrap();
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off_and_its_command_is_told() {
    let (told, is_told) = tokio::sync::mpsc::unbounded_channel();
    let house = limited(Limits { stall: SOON, ..Limits::default() }).build(move |request, sink| {
        if request.line.command == easel_protocol::Command::Search {
            return Turn::Answer(Answer::bytes("text/plain", vec![0; 64 << 20]));
        }
        loop {
            if let Err(closed) = sink.write(vec![0; 1 << 20]) {
                told.send(closed).unwrap();
                return Turn::Cut;
            }
        }
    });
    let mut is_told = is_told;
    for command in ["Sync", "Search"] {
        let mut client = house.client().await;
        client.send(&post(command, "", b"")).await;
        if command == "Sync" {
            is_told.recv().await.unwrap();
        }
        assert_eq!(client.head().await.code, 200);
        house.until(|house| house.running.connections() == 0).await;
    }
}

#[tokio::test]
async fn requests_beyond_the_queue_are_refused_with_503() {
    let limits = Limits { workers: 1, workers_max: 1, queue: 1, ..Limits::default() };
    let (house, release, entered) = held(limits);
    let mut first = house.client().await;
    first.send(&post_as(&basic("anna", PASSWORD), "D1", "Sync", "", b"")).await;
    house.until(|_| *entered.lock().unwrap() == 1).await;
    let mut answers = Vec::new();
    let mut others = [house.client().await, house.client().await];
    for (number, other) in others.iter_mut().enumerate() {
        other.send(&post_as(&basic("anna", PASSWORD), &format!("E{number}"), "Sync", "", b"")).await;
    }
    let [one, two] = &mut others;
    tokio::select! {
        response = one.response() => answers.push(response),
        response = two.response() => answers.push(response),
    }
    assert_eq!(answers[0].code, 503);
    assert!(answers[0].header("retry-after").is_some());
    assert_eq!(answers[0].header("x-ms-asthrottle"), None, "it is the server that is short of something");
    for _ in 0..2 {
        release.send(()).unwrap();
    }
    assert_eq!(first.response().await.code, 200);
}

#[tokio::test]
async fn g48_requests_of_one_device_run_one_after_the_other_up_to_a_limit() {
    let device = Allowance { at_once: Some(2), ..Allowance::UNBOUNDED };
    let limits = Limits { device, ..Limits::default() };
    let (house, release, entered) = held(limits);
    let (mut one, mut two, mut three) = (house.client().await, house.client().await, house.client().await);
    one.send(&post("Sync", "", b"")).await;
    house.until(|_| *entered.lock().unwrap() == 1).await;
    two.send(&post("Sync", "", b"")).await;
    three.send(&post("Sync", "", b"")).await;
    let refused = tokio::select! {
        response = two.response() => response,
        response = three.response() => response,
    };
    assert_eq!(refused.code, 503);
    assert_eq!(*entered.lock().unwrap(), 1, "the second has not begun");
    release.send(()).unwrap();
    assert_eq!(one.response().await.code, 200);
    house.until(|_| *entered.lock().unwrap() == 2).await;
    release.send(()).unwrap();
    let second = tokio::select! {
        response = two.response() => response,
        response = three.response() => response,
    };
    assert_eq!(second.code, 200);
}

#[tokio::test]
async fn g48_a_request_waits_for_its_device_only_so_long() {
    let limits = Limits { device_wait: SOON, ..Limits::default() };
    let (house, release, entered) = held(limits);
    let (mut one, mut two) = (house.client().await, house.client().await);
    one.send(&post("Sync", "", b"")).await;
    house.until(|_| *entered.lock().unwrap() == 1).await;
    let refused = two.ask(&post("Sync", "", b"")).await;
    assert_eq!((refused.code, refused.header("x-ms-asthrottle")), (503, Some("OutOfBudgets")));
    assert!(refused.header("retry-after").is_some());
    release.send(()).unwrap();
    assert_eq!(one.response().await.code, 200);
}
