//! Mailboxes that are full.

#![expect(clippy::unwrap_used, reason = "what fails in a test fails the test")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use easel_delivery::AutoReply;
use easel_delivery::lmtp::{Limits, Listen, LmtpOptions, serve};
use easel_delivery::queue::{QueueOptions, run};
use easel_store::{Store as _, User};
use support::{FakeClock, START_MS, TestStore, Written, shutdown};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

fn set_quota(store: &TestStore, address: &str, quota: Option<u64>) {
    let user = store.user(store.user_id(address)).unwrap().unwrap();
    store.update_user(&User { quota, ..user }).unwrap();
}

/// Says it all and returns the replies, but those to LHLO and QUIT.
async fn dialogue(address: SocketAddr, lines: &[&str]) -> Vec<String> {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut stream = BufReader::new(stream);
    let all = format!("LHLO mx\r\n{}\r\nQUIT\r\n", lines.join("\r\n"));
    stream.get_mut().write_all(all.as_bytes()).await.unwrap();
    let mut replies = Vec::new();
    let mut line = String::new();
    while stream.read_line(&mut line).await.unwrap() > 0 {
        replies.push(std::mem::take(&mut line).trim_end().to_owned());
    }
    replies.retain(|line| !line.starts_with("220 ") && !line.starts_with("221 "));
    let first = replies.iter().position(|line| line.starts_with("250 ")).unwrap();
    replies.split_off(first + 1)
}

#[tokio::test]
async fn lmtp_puts_off_what_does_not_fit_now_and_refuses_what_never_will() {
    let (store, _written) = TestStore::new();
    let options = LmtpOptions {
        listen: Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 0))),
        hostname: "ox.io".to_owned(),
        delimiter: Some('+'),
        limits: Limits::default(),
        quota: Some(1000),
        auto_reply: AutoReply::default(),
    };
    let (end, told) = shutdown();
    let running = serve(options, Arc::<TestStore>::clone(&store), FakeClock::new().clock(), told).await.unwrap();
    let address = running.local_address().unwrap();
    let (large, small) = ("x".repeat(900), "x".repeat(200));
    let mail = |to: &str, body: &str| {
        vec![
            "MAIL FROM:<s@y.example>".to_owned(),
            format!("RCPT TO:<{to}>"),
            "RCPT TO:<anna@ox.io>".to_owned(),
            "DATA".to_owned(),
            format!("Subject: s\r\n\r\n{body}"),
            ".".to_owned(),
        ]
    };
    set_quota(&store, "anna@ox.io", Some(0));
    let say = async |to: &str, body: &str| {
        let lines = mail(to, body);
        dialogue(address, &lines.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    let starts = |replies: &[String], expected: &[&str]| {
        assert_eq!(replies.len(), expected.len(), "{replies:?}");
        for (reply, start) in replies.iter().zip(expected) {
            assert!(reply.starts_with(start), "{start}: {replies:?}");
        }
    };
    // The message alone is larger than the mailbox may be; the other recipient has it all the same.
    starts(&say("bob@ox.io", &large).await, &["250", "250", "250", "354", "552 5.2.2", "250 2.0.0"]);
    assert_eq!((store.inbox("bob@ox.io").len(), store.inbox("anna@ox.io").len()), (0, 1));
    for _ in 0..2 {
        starts(&say("bob@ox.io", &small).await, &["250", "250", "250", "354", "250 2.0.0", "250 2.0.0"]);
    }
    // A third does not fit beside them.
    starts(&say("bob@ox.io", &small).await, &["250", "250", "250", "354", "452 4.2.2", "250 2.0.0"]);
    assert_eq!(store.inbox("bob@ox.io").len(), 2, "nothing is half stored");
    // One that is full is not even begun; anna's own quota is none at all.
    set_quota(&store, "bob@ox.io", Some(100));
    starts(&say("bob@ox.io", &small).await, &["250", "452 4.2.2", "250", "354", "250 2.0.0"]);
    set_quota(&store, "bob@ox.io", None);
    let held = store.mailbox_bytes(store.user_id("bob@ox.io")).unwrap();
    assert!(held <= 1000, "{held}");
    end.send(true).unwrap();
    running.ended().await;
}

#[tokio::test]
async fn the_queue_waits_for_room_and_tells_who_sent_what_never_fits() {
    let (store, mut written) = TestStore::new();
    set_quota(&store, "bob@ox.io", Some(600));
    let (end, told) = shutdown();
    let options = QueueOptions {
        hostname: "easel.example".to_owned(),
        poll: Duration::from_secs(3600),
        ..QueueOptions::default()
    };
    let clock = FakeClock::new();
    let running = run(options, Arc::<TestStore>::clone(&store), clock.clock(), told).unwrap();
    let mut row = async || loop {
        if let Written::PutOutgoing(row) = written.recv().await.unwrap() {
            return row;
        }
    };
    let mail = |size: usize| format!("Subject: s\r\n\r\n{}\r\n", "x".repeat(size)).into_bytes();
    store.queue("anna@ox.io", &["bob@ox.io"], &mail(300));
    assert!(row().await.recipients.is_empty());
    store.queue("anna@ox.io", &["bob@ox.io"], &mail(200));
    let waits = row().await;
    assert_eq!((waits.recipients.len(), waits.delayed[0].status.as_str()), (1, "4.2.2"));
    assert!(waits.next_attempt > START_MS);
    store.queue("anna@ox.io", &["bob@ox.io"], &mail(700));
    assert!(row().await.recipients.is_empty());
    let notice = store.inbox("anna@ox.io").remove(0).raw;
    assert!(notice.contains("Action: failed\r\nStatus: 5.2.2"), "{notice}");
    assert_eq!(store.inbox("bob@ox.io").len(), 1);
    // Room comes, and so does what waited.
    set_quota(&store, "bob@ox.io", Some(0));
    clock.advance_minutes(1);
    store.bus().publish(&easel_store::Event::Outgoing);
    assert!(row().await.recipients.is_empty());
    assert_eq!(store.inbox("bob@ox.io").len(), 2);
    end.send(true).unwrap();
    running.ended().await;
}
