//! Straight to the servers of the recipients' domains, asked for at a small name server.

#![expect(clippy::unwrap_used, reason = "what fails in a test fails the test")]

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use easel_delivery::Running;
use easel_delivery::queue::{Direct, Dns, LookupError, Mx, Patience, QueueOptions, Resolver as _, Tls, run};
use easel_store::{Event, Outgoing, Store as _};
use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, MX};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinEncodable as _};
use support::smtp::{Script, SmtpServer};
use support::{FakeClock, TestStore, Written, shutdown};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};

const MAIL: &[u8] = b"From: anna@ox.io\r\nMessage-ID: <q1@ox.io>\r\n\r\nHi.\r\n";

/// Knows a few names; `broken.example` it cannot answer for.
async fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((size, from)) = socket.recv_from(&mut buffer).await {
            let Ok(question) = Message::from_bytes(&buffer[..size]) else { continue };
            let _ = socket.send_to(&answered(&question), from).await;
        }
    });
    address
}

fn answered(question: &Message) -> Vec<u8> {
    let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    let query = question.queries[0].clone();
    let name = query.name().to_ascii().to_lowercase();
    let mx = |preference, host: &str| RData::MX(MX::new(preference, Name::from_ascii(host).unwrap()));
    let here = RData::A(A(Ipv4Addr::LOCALHOST));
    let records = match (name.trim_end_matches('.'), query.query_type()) {
        ("y.example", RecordType::MX) => vec![mx(20, "b.y.example."), mx(10, "a.y.example.")],
        ("null.example", RecordType::MX) => vec![mx(0, ".")],
        ("loop.example", RecordType::MX) => vec![mx(10, "easel.example.")],
        ("two.example", RecordType::MX) => vec![mx(20, "b.two.example."), mx(10, "a.two.example.")],
        ("b.two.example", RecordType::A) => vec![RData::A(A(Ipv4Addr::new(127, 0, 0, 2)))],
        ("a.two.example" | "a.y.example" | "plain.example" | "z.example", RecordType::A) => vec![here],
        _ => Vec::new(),
    };
    answer.metadata.recursion_available = true;
    answer.metadata.response_code = match name.trim_end_matches('.') {
        "gone.example" => ResponseCode::NXDomain,
        "broken.example" => ResponseCode::ServFail,
        _ => ResponseCode::NoError,
    };
    answer.add_query(query.clone());
    for record in records {
        answer.add_answer(Record::from_rdata(query.name().clone(), 60, record));
    }
    answer.to_bytes().unwrap()
}

#[tokio::test]
async fn the_name_server_is_asked_and_what_it_says_is_told_apart() {
    let dns = Dns::asking(&[name_server().await]).unwrap();
    let mut mx = dns.mx("y.example").await.unwrap();
    mx.sort();
    let expected = [(10, "a.y.example."), (20, "b.y.example.")];
    assert_eq!(mx, expected.map(|(preference, host)| Mx { preference, host: host.to_owned() }));
    assert_eq!(dns.mx("plain.example").await, Ok(Vec::new()));
    assert_eq!(dns.mx("gone.example").await, Err(LookupError::NoSuchName));
    assert!(matches!(dns.mx("broken.example").await, Err(LookupError::Temporary(_))));
    assert_eq!(dns.addresses("a.y.example").await, Ok(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]));
    assert_eq!(dns.addresses("b.y.example").await, Ok(Vec::new()));
}

struct Queue {
    store: Arc<TestStore>,
    written: mpsc::UnboundedReceiver<Written>,
    clock: FakeClock,
    end: watch::Sender<bool>,
    running: Running,
}

impl Queue {
    async fn start(server: &SmtpServer, tls: Tls, allow_loopback: bool) -> Self {
        let (store, written) = TestStore::new();
        let (end, told) = shutdown();
        let direct = Direct {
            resolver: Arc::new(Dns::asking(&[name_server().await]).unwrap()),
            tls,
            roots: Vec::new(),
            concurrency: 2,
            hello_name: "easel.example".to_owned(),
            patience: Patience::default(),
            port: server.address.port(),
            allow_loopback,
        };
        let options = QueueOptions {
            hostname: "easel.example".to_owned(),
            direct: Some(direct),
            concurrency: 8,
            poll: Duration::from_secs(3600),
            ..QueueOptions::default()
        };
        let clock = FakeClock::new();
        let running = run(options, Arc::<TestStore>::clone(&store), clock.clock(), told).unwrap();
        Self { store, written, clock, end, running }
    }

    /// The next row written back.
    async fn row(&mut self) -> Outgoing {
        loop {
            if let Written::PutOutgoing(row) = self.written.recv().await.unwrap() {
                return row;
            }
        }
    }

    async fn stop(self) -> Arc<TestStore> {
        self.end.send(true).unwrap();
        self.running.ended().await;
        self.store
    }
}

#[tokio::test]
async fn every_domain_has_its_own_outcome() {
    let mut server = SmtpServer::start(Script::offering(&["DSN"]), false).await;
    let mut queue = Queue::start(&server, Tls::Opportunistic, true).await;
    let to = ["x@Y.example", "v@plain.example", "n@null.example", "g@gone.example", "b@broken.example", "w@y.example"];
    queue.store.queue("anna@ox.io", &to, MAIL);
    let mut taken = Vec::new();
    for _ in 0..2 {
        taken.push(server.sent.recv().await.unwrap().rcpt.len());
    }
    taken.sort_unstable();
    assert_eq!(taken, [1, 2], "those of one domain go together");
    let row = loop {
        let row = queue.row().await;
        if row.next_attempt > row.queued {
            break row;
        }
    };
    assert_eq!(row.recipients, ["b@broken.example"], "{:?}", row.last_error);
    let notice = queue.store.inbox("anna@ox.io").remove(0).raw;
    for text in [
        "Final-Recipient: rfc822; n@null.example\r\nAction: failed\r\nStatus: 5.1.10\r\n",
        "Final-Recipient: rfc822; g@gone.example\r\nAction: failed\r\nStatus: 5.1.2\r\n",
    ] {
        assert!(notice.contains(text), "{text} is not in\n{notice}");
    }
    assert_eq!(notice.matches("Final-Recipient").count(), 2);
    queue.stop().await;
}

#[tokio::test]
async fn mail_that_would_come_back_is_refused() {
    let server = SmtpServer::start(Script::default(), false).await;
    let mut queue = Queue::start(&server, Tls::Opportunistic, false).await;
    queue.store.queue("anna@ox.io", &["x@loop.example", "x@plain.example", "x@[127.0.0.1]"], MAIL);
    while !queue.row().await.recipients.is_empty() {}
    let store = queue.stop().await;
    assert_eq!(store.inbox("anna@ox.io").remove(0).raw.matches("Status: 5.4.6").count(), 3);
    assert_eq!(server.said("EHLO"), 0);
}

#[tokio::test]
async fn tls_is_used_where_it_is_offered_and_required_where_that_is_configured() {
    let mut server = SmtpServer::start(Script::offering(&["STARTTLS"]), false).await;
    let mut queue = Queue::start(&server, Tls::Opportunistic, true).await;
    queue.store.queue("anna@ox.io", &["x@plain.example"], MAIL);
    assert!(server.sent.recv().await.unwrap().encrypted, "whatever the certificate");
    assert!(queue.row().await.recipients.is_empty());
    queue.stop().await;
    // Its certificate is nobody's here.
    let mut queue = Queue::start(&server, Tls::StartTls, true).await;
    queue.store.queue("anna@ox.io", &["x@plain.example"], MAIL);
    assert_eq!(queue.row().await.recipients.len(), 1);
    queue.stop().await;
    // Promised and broken: in the clear, as if it had not been promised.
    server.script.lock().unwrap().replies.insert("STARTTLS".to_owned(), "454 not now".to_owned());
    let mut queue = Queue::start(&server, Tls::Opportunistic, true).await;
    queue.store.queue("anna@ox.io", &["x@plain.example"], MAIL);
    assert!(!server.sent.recv().await.unwrap().encrypted);
    assert!(queue.row().await.recipients.is_empty());
    queue.stop().await;
}

/// RFC 5321 5.1: who is sent away by the best server goes to the next.
#[tokio::test]
async fn a_server_that_takes_nothing_now_is_followed_by_the_next_and_nobody_is_served_twice() {
    let to = ["x@two.example", "no@two.example", "w@two.example"];
    let (all, two) = (vec!["RCPT TO:<x@", "RCPT TO:<no@", "RCPT TO:<w@"], vec!["RCPT TO:<x@", "RCPT TO:<w@"]);
    for (line, reply, next) in [
        ("MAIL", "451 4.7.1 not now", all.clone()),
        ("MAIL", "421 4.3.2 closing", all.clone()),
        ("RCPT TO:<w@", "421 4.3.2 closing", two.clone()),
        ("DATA", "421 4.3.2 closing", two),
    ] {
        let refusing = || Script::offering(&[]).saying("RCPT TO:<no@", "550 5.1.1 unknown");
        let mut first = SmtpServer::start(refusing().saying(line, reply), false).await;
        let at = SocketAddr::from(([127, 0, 0, 2], first.address.port()));
        let mut second = SmtpServer::start_at(at, refusing(), false).await;
        let mut queue = Queue::start(&first, Tls::Opportunistic, true).await;
        queue.store.queue("anna@ox.io", &to, MAIL);
        let row = queue.row().await;
        assert!(row.recipients.is_empty() && row.delayed.is_empty(), "{line} {reply}: {row:?}");
        let sent = second.sent.recv().await.unwrap();
        assert_eq!(sent.rcpt, ["RCPT TO:<x@two.example>", "RCPT TO:<w@two.example>"], "{line} {reply}");
        let asked: Vec<String> =
            second.lines.lock().unwrap().iter().filter(|line| line.starts_with("RCPT")).cloned().collect();
        assert!(asked.len() == next.len() && asked.iter().zip(next).all(|(line, start)| line.starts_with(start)));
        let notice = queue.store.inbox("anna@ox.io");
        assert_eq!((notice.len(), notice[0].raw.matches("Action: failed").count()), (1, 1));
        queue.stop().await;
        assert!(first.sent.try_recv().is_err() && second.sent.try_recv().is_err(), "once, and by one of them");
    }
}

#[tokio::test]
async fn once_the_message_was_said_no_other_server_is_asked() {
    for reply in ["451 4.3.0 later", "421 4.3.2 closing", "", "554 5.7.1 spam"] {
        let first = SmtpServer::start(Script::offering(&[]).saying(".", reply), false).await;
        let at = SocketAddr::from(([127, 0, 0, 2], first.address.port()));
        let second = SmtpServer::start_at(at, Script::offering(&[]), false).await;
        let mut queue = Queue::start(&first, Tls::Opportunistic, true).await;
        queue.store.queue("anna@ox.io", &["x@two.example"], MAIL);
        assert_eq!(queue.row().await.recipients.is_empty(), reply.starts_with('5'), "{reply}");
        queue.stop().await;
        assert_eq!(second.said("EHLO"), 0, "{reply}");
    }
}

#[tokio::test]
async fn when_no_server_takes_it_now_it_waits_with_what_the_last_said() {
    let script = || Script::offering(&[]).saying("MAIL", "451 4.7.1 not now");
    let first = SmtpServer::start(script(), false).await;
    let at = SocketAddr::from(([127, 0, 0, 2], first.address.port()));
    let second = SmtpServer::start_at(at, script().saying("MAIL", "452 4.3.1 full"), false).await;
    let mut queue = Queue::start(&first, Tls::Opportunistic, true).await;
    for said in ["452 4.3.1 full", "451 4.7.1 not now"] {
        queue.store.queue("anna@ox.io", &["x@two.example"], MAIL);
        let row = queue.row().await;
        assert_eq!((row.recipients.len(), row.attempts), (1, 1));
        assert!(row.last_error.as_ref().unwrap().contains(said), "{row:?}");
        queue.store.drop_outgoing(row.id).unwrap();
        // The second time it cannot be spoken to.
        second.script.lock().unwrap().replies.insert("GREETING".to_owned(), "421 busy".to_owned());
    }
    assert_eq!((first.said("MAIL"), second.said("MAIL")), (2, 1));
    queue.stop().await;
}

#[tokio::test]
async fn one_domain_has_two_at_once_and_holds_up_no_other() {
    let script = Script::default().saying("RCPT TO:<slow", "SILENCE");
    let mut server = SmtpServer::start(script, false).await;
    let mut queue = Queue::start(&server, Tls::Opportunistic, true).await;
    for number in 0..6 {
        queue.store.queue("anna@ox.io", &[&format!("slow{number}@plain.example")], MAIL);
    }
    queue.store.queue("anna@ox.io", &["x@z.example"], MAIL);
    assert_eq!(server.sent.recv().await.unwrap().rcpt, ["RCPT TO:<x@z.example>"]);
    assert!(queue.row().await.recipients.is_empty());
    assert!(server.said("RCPT TO:<slow") <= 2, "{}", server.said("RCPT TO:<slow"));
    drop(queue);
}

#[tokio::test]
async fn a_domain_that_is_down_is_left_alone_for_a_while() {
    let server = SmtpServer::start(Script::default().saying("GREETING", "421 busy"), false).await;
    let mut queue = Queue::start(&server, Tls::Opportunistic, true).await;
    queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
    let row = queue.row().await;
    assert_eq!((row.recipients.len(), row.attempts), (1, 0));
    assert!(row.last_error.unwrap().contains("a.y.example cannot be used"));
    server.script.lock().unwrap().replies.clear();
    queue.store.queue("anna@ox.io", &["w@y.example"], MAIL);
    assert_eq!(queue.row().await.recipients.len(), 1, "not asked for again at once");
    queue.clock.advance_minutes(1);
    queue.store.bus().publish(&Event::Outgoing);
    for _ in 0..2 {
        assert!(queue.row().await.recipients.is_empty());
    }
    queue.stop().await;
}
