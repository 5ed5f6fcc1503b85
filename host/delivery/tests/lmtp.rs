//! LMTP over real sockets, spoken to by a client written here.

#![expect(clippy::unwrap_used, reason = "what fails in a test fails the test")]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use easel_delivery::lmtp::{Limits, Listen, LmtpOptions, serve};
use easel_delivery::{AutoReply, DeliveryError, Running};
use easel_items::email;
use easel_protocol::CollectionId;
use easel_store::{ChangeSet, Event, Interest, Store as _, Write};
use support::{FakeClock, START_MS, TestStore, Written, shutdown};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{mpsc, watch};

struct Server {
    store: Arc<TestStore>,
    written: mpsc::UnboundedReceiver<Written>,
    running: Running,
    end: watch::Sender<bool>,
    path: PathBuf,
    dir: TempDir,
}

fn options(listen: Listen, limits: Limits) -> LmtpOptions {
    LmtpOptions {
        listen,
        hostname: "easel.example".to_owned(),
        delimiter: Some('+'),
        limits,
        quota: None,
        auto_reply: AutoReply::default(),
    }
}

async fn start_with(limits: Limits) -> Server {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("lmtp.sock");
    let (store, written) = TestStore::new();
    let (end, told) = shutdown();
    let listen = Listen::Unix { path: path.clone(), mode: 0o660 };
    let running =
        serve(options(listen, limits), Arc::<TestStore>::clone(&store), FakeClock::new().clock(), told).await.unwrap();
    Server { store, written, running, end, path, dir }
}

async fn start() -> Server {
    start_with(Limits::default()).await
}

impl Server {
    async fn client(&self) -> Client<UnixStream> {
        Client::new(UnixStream::connect(&self.path).await.unwrap()).await
    }

    async fn stop(self) -> TempDir {
        self.end.send(true).unwrap();
        self.running.ended().await;
        self.dir
    }
}

struct Client<S>(BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Connects and says LHLO.
    async fn new(stream: S) -> Self {
        let mut client = Self(BufReader::new(stream));
        assert_eq!(client.reply().await, "220 easel.example LMTP Easel");
        assert!(client.ask("LHLO mx.example").await.contains("PIPELINING"));
        client
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).await.unwrap();
    }

    /// One reply, its lines joined; empty when the connection is closed.
    async fn reply(&mut self) -> String {
        let mut all = String::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await.unwrap_or(0) == 0 {
                return all;
            }
            all.push_str(line.trim_end());
            if line.as_bytes().get(3) == Some(&b' ') {
                return all;
            }
            all.push(' ');
        }
    }

    async fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n")).await;
        self.reply().await
    }

    /// The codes of the replies to `count` commands sent in one piece.
    async fn codes(&mut self, wire: &str, count: usize) -> Vec<String> {
        self.send(wire).await;
        let mut codes = Vec::new();
        for _ in 0..count {
            codes.push(self.reply().await.chars().take(3).collect());
        }
        codes
    }
}

const MAIL: &str = "From: Eve <eve@y.example>\r\nTo: Anna <anna@ox.io>\r\nSubject: Hello\r\n\
                    Message-ID: <1@y.example>\r\nDate: Mon, 2 Feb 2026 03:00:00 +0000\r\n\r\nHi.\r\n";

#[tokio::test]
async fn a_mail_lies_in_the_inbox_with_its_trace_and_wakes_who_watches() {
    let server = start().await;
    let anna = server.store.user_id("anna@ox.io");
    let (woken, mut wakes) = mpsc::unbounded_channel();
    let interest =
        Interest::Mailbox { user: anna, device: easel_store::DeviceKey(1), folders: [easel_delivery::INBOX].into() };
    server.store.bus().watch(interest, Box::new(move |event: &Event| drop(woken.send(event.clone()))));
    let mut client = server.client().await;
    assert_eq!(client.ask("MAIL FROM:<eve@y.example> BODY=8BITMIME SIZE=300").await, "250 2.1.0 sender ok");
    assert_eq!(client.ask("RCPT TO:<Anna@OX.io>").await, "250 2.1.5 recipient ok");
    assert!(client.ask("DATA").await.starts_with("354"));
    client.send(format!("{MAIL}.\r\n")).await;
    let id = format!("{START_MS:x}.0");
    assert_eq!(client.reply().await, format!("250 2.0.0 <Anna@OX.io> {id} stored"));
    let inbox = server.store.inbox("anna@ox.io");
    assert_eq!(inbox.len(), 1, "it is there once the client has its 250");
    assert_eq!(
        inbox[0].raw,
        format!(
            "Return-Path: <eve@y.example>\r\nDelivered-To: Anna@OX.io\r\nReceived: from mx.example\r\n\tby easel.example \
             with LMTP id {id}\r\n\tfor <Anna@OX.io>;\r\n\tMon, 2 Feb 2026 02:40:00 +0000\r\n{MAIL}"
        )
    );
    let record = &inbox[0].mail.record;
    assert_eq!((record.received, record.read, record.received_as_bcc), (START_MS, false, false));
    assert_eq!((inbox[0].facts.window.0, inbox[0].facts.subject.as_str()), (START_MS, "Hello"));
    assert!(matches!(wakes.recv().await, Some(Event::Mailbox { user, author: None, .. }) if user == anna));
    server.stop().await;
}

#[tokio::test]
async fn a_mail_of_a_conversation_that_is_always_moved_does_not_lie_in_the_inbox() {
    let server = start().await;
    let (anna, trash) = (server.store.user_id("anna@ox.io"), CollectionId::new(3));
    let mut client = server.client().await;
    let mut deliver = async |mail: &str| {
        let wire = format!("MAIL FROM:<eve@y.example>\r\nRCPT TO:<anna@ox.io>\r\nDATA\r\n{mail}.\r\n");
        assert_eq!(client.codes(&wire, 4).await, ["250", "250", "354", "250"]);
    };
    deliver(MAIL).await;
    let conversation = server.store.inbox("anna@ox.io")[0].facts.conversation.unwrap();
    let mut changes = ChangeSet::new(anna);
    changes.writes.push(Write::FollowConversation { conversation, to: Some(trash) });
    server.store.commit(changes).unwrap();
    deliver("From: eve@y.example\r\nSubject: Re: Hello\r\nReferences: <1@y.example>\r\n\r\nMore.\r\n").await;
    deliver("From: eve@y.example\r\nSubject: Hello again\r\nMessage-ID: <2@y.example>\r\n\r\nOther.\r\n").await;
    let subjects: Vec<String> =
        server.store.inbox("anna@ox.io").into_iter().map(|message| message.facts.subject).collect();
    assert_eq!(subjects, ["Hello", "Hello again"]);
    assert_eq!(server.store.snapshot(anna).unwrap().count(trash).unwrap(), 1);
    server.stop().await;
}

#[tokio::test]
async fn every_recipient_has_a_mailbox_and_an_answer_of_its_own() {
    let server = start().await;
    let mut client = server.client().await;
    let wire = format!(
        "MAIL FROM:<>\r\nRCPT TO:<anna@ox.io>\r\nRCPT TO:<nobody@ox.io>\r\nRCPT TO:<bob+lists@ox.io>\r\n\
         RCPT TO:<a.berg@ox.io>\r\nRCPT TO:<someone@elsewhere.example>\r\nDATA\r\n{MAIL}.\r\nQUIT\r\n"
    );
    let codes = client.codes(&wire, 11).await;
    assert_eq!(codes, ["250", "250", "550", "250", "250", "550", "354", "250", "250", "250", "221"]);
    assert_eq!(client.reply().await, "", "after QUIT the connection is closed");
    let (anna, bob) = (server.store.inbox("anna@ox.io"), server.store.inbox("bob@ox.io"));
    assert_eq!((anna.len(), bob.len()), (1, 1), "two addresses of one mailbox are one mail");
    assert!(bob[0].raw.starts_with("Return-Path: <>\r\nDelivered-To: bob+lists@ox.io\r\n"));
    assert!(!bob[0].raw.replace(MAIL, "").contains("anna"), "nobody learns of another recipient");
    assert!(bob[0].mail.record.received_as_bcc && !anna[0].mail.record.received_as_bcc);
    server.stop().await;
}

#[tokio::test]
async fn mail_beyond_ascii_keeps_its_bytes_and_its_addresses() {
    let server = start().await;
    let mut client = server.client().await;
    let mail = "Subject: Grüße\r\n\r\n..\r\n.ünd ein Punkt\r\n";
    let wire = "MAIL FROM:<jörg@bücher.example> SMTPUTF8 BODY=8BITMIME\r\nRCPT TO:<jürgen@ox.io>\r\nBDAT 16\r\n";
    let (first, last) = mail.as_bytes().split_at(16);
    let rest = format!("BDAT {} LAST\r\n", last.len());
    client.send([wire.as_bytes(), first, rest.as_bytes(), last].concat()).await;
    for code in ["250", "250", "250", "250"] {
        assert!(client.reply().await.starts_with(code));
    }
    let inbox = server.store.inbox("anna@ox.io");
    assert_eq!(inbox[0].body(), mail);
    assert!(inbox[0].raw.starts_with("Return-Path: <jörg@bücher.example>\r\nDelivered-To: jürgen@ox.io\r\n"));
    assert!(inbox[0].raw.contains(" with UTF8LMTP id "));
    server.stop().await;
}

#[tokio::test]
async fn a_store_that_fails_is_told_as_temporary_and_keeps_nothing() {
    let server = start().await;
    let mut client = server.client().await;
    server.store.fail_delivery.store(true, Ordering::SeqCst);
    let wire = format!("MAIL FROM:<>\r\nRCPT TO:<anna@ox.io>\r\nRCPT TO:<bob@ox.io>\r\nDATA\r\n{MAIL}.\r\n");
    assert_eq!(client.codes(&wire, 6).await, ["250", "250", "250", "354", "451", "451"]);
    server.store.fail_lookup.store(true, Ordering::SeqCst);
    assert_eq!(client.codes("MAIL FROM:<>\r\nRCPT TO:<anna@ox.io>\r\nRSET\r\n", 3).await, ["250", "451", "250"]);
    server.store.fail_lookup.store(false, Ordering::SeqCst);
    assert!(server.store.inbox("anna@ox.io").is_empty());
    server.store.fail_delivery.store(false, Ordering::SeqCst);
    assert_eq!(client.codes(&wire, 6).await, ["250", "250", "250", "354", "250", "250"], "the client tries again");
    assert_eq!(server.store.inbox("anna@ox.io").len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_message_that_breaks_its_delivery_is_told_as_temporary() {
    let server = start().await;
    let mut client = server.client().await;
    server.store.break_delivery.store(true, Ordering::SeqCst);
    let wire = format!("MAIL FROM:<>\r\nRCPT TO:<bob@ox.io>\r\nDATA\r\n{MAIL}.\r\nNOOP\r\n");
    assert_eq!(client.codes(&wire, 5).await, ["250", "250", "354", "451", "250"]);
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_breaks_within_the_message_delivers_nothing() {
    for cut in [1, MAIL.len() / 2, MAIL.len(), MAIL.len() + 1, MAIL.len() + 2] {
        let mut server = start().await;
        let mut client = server.client().await;
        assert_eq!(client.codes("MAIL FROM:<>\r\nRCPT TO:<anna@ox.io>\r\nDATA\r\n", 3).await, ["250", "250", "354"]);
        let wire = format!("{MAIL}.\r\n");
        client.send(&wire[..cut]).await;
        drop(client);
        let mut again = server.client().await;
        let wire = format!("MAIL FROM:<>\r\nRCPT TO:<anna@ox.io>\r\nDATA\r\n{wire}");
        assert_eq!(again.codes(&wire, 4).await, ["250", "250", "354", "250"], "the client tries again");
        assert_eq!(server.written.recv().await, Some(Written::Committed));
        let store = Arc::clone(&server.store);
        let written = std::mem::replace(&mut server.written, mpsc::unbounded_channel().1);
        // Once the server has ended, no session is left that could still deliver.
        server.stop().await;
        assert_eq!((store.inbox("anna@ox.io").len(), written.len()), (1, 0), "cut at {cut}");
    }
}

#[tokio::test]
async fn a_smuggled_message_arrives_neither_alone_nor_within_another() {
    let server = start().await;
    for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r"] {
        let mut client = server.client().await;
        let evil = "MAIL FROM:<evil@y>\r\nRCPT TO:<bob@ox.io>\r\nDATA\r\nevil";
        let wire = format!("MAIL FROM:<>\r\nRCPT TO:<anna@ox.io>\r\nDATA\r\n{MAIL}x{end}{evil}\r\n.\r\nNOOP\r\n");
        assert_eq!(client.codes(&wire, 5).await, ["250", "250", "354", "554", "250"], "{end:?}");
    }
    assert!(server.store.inbox("anna@ox.io").is_empty() && server.store.inbox("bob@ox.io").is_empty());
    server.stop().await;
}

#[tokio::test]
async fn limits_hold_on_the_wire() {
    let limits = Limits { message_bytes_max: 1000, recipients_max: 1, errors_max: 2, ..Limits::default() };
    let server = start_with(limits).await;
    let mut client = server.client().await;
    assert!(client.ask("MAIL FROM:<> SIZE=1001").await.starts_with("552 5.3.4"));
    let big = "x".repeat(999);
    let wire = format!("MAIL FROM:<>\r\nRCPT TO:<anna@ox.io>\r\nRCPT TO:<bob@ox.io>\r\nDATA\r\n{big}\r\n.\r\n");
    assert_eq!(client.codes(&wire, 5).await, ["250", "250", "452", "354", "552"]);
    assert!(client.ask(&format!("NOOP {}", "x".repeat(5000))).await.starts_with("500 5.5.6"));
    assert!(client.ask("WHAT").await.starts_with("500 5.5.1"));
    assert_eq!(client.reply().await, "421 4.7.0 too many errors");
    assert_eq!(client.reply().await, "");
    assert!(server.store.inbox("anna@ox.io").is_empty());
    server.stop().await;
}

#[tokio::test]
async fn one_session_too_many_is_sent_away_until_another_ends() {
    let server = start_with(Limits { sessions_max: 1, ..Limits::default() }).await;
    let mut first = server.client().await;
    let mut second = BufReader::new(UnixStream::connect(&server.path).await.unwrap());
    let mut said = String::new();
    second.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, "421 4.3.2 too many sessions, try again later\r\n");
    assert_eq!(first.ask("QUIT").await, "221 2.0.0 bye");
    let mut greeting = String::new();
    // The session ends a moment after its connection.
    while !greeting.starts_with("220 ") {
        greeting.clear();
        let mut next = BufReader::new(UnixStream::connect(&server.path).await.unwrap());
        next.read_line(&mut greeting).await.unwrap();
    }
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_says_nothing_is_sent_away() {
    for limits in [
        Limits { idle_max: Duration::from_millis(20), ..Limits::default() },
        Limits { session_max: Duration::from_millis(20), ..Limits::default() },
    ] {
        let server = start_with(limits).await;
        let mut stream = UnixStream::connect(&server.path).await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        assert!(said.ends_with("\r\n421 4.4.2 closing an idle connection\r\n"), "{said}");
        server.stop().await;
    }
}

#[tokio::test]
async fn on_shutdown_idle_clients_are_told_and_the_socket_goes() {
    let server = start().await;
    let mut client = server.client().await;
    assert_eq!(client.codes("MAIL FROM:<>\r\nRCPT TO:<anna@ox.io>\r\nDATA\r\n", 3).await, ["250", "250", "354"]);
    client.send("half a mess").await;
    let (store, path) = (Arc::clone(&server.store), server.path.clone());
    let dir = server.stop().await;
    assert_eq!(client.reply().await, "421 4.3.2 shutting down, try again later");
    assert!(!path.exists() && store.inbox("anna@ox.io").is_empty());
    drop(dir);
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_socket_left_by_a_dead_server_is_replaced_and_a_living_one_is_not() {
    let server = start().await;
    assert_eq!(mode(&server.path), 0o660);
    let bind = async |path: &Path| {
        let (store, (end, told)) = (TestStore::new().0, shutdown());
        let listen = Listen::Unix { path: path.to_owned(), mode: 0o600 };
        serve(options(listen, Limits::default()), store, FakeClock::new().clock(), told)
            .await
            .map(|running| (running, end))
    };
    assert!(matches!(bind(&server.path).await, Err(DeliveryError::PathTaken { by: "a running server", .. })));
    let path = server.path.clone();
    let dir = server.stop().await;
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "a dead server leaves its socket");
    let (running, end) = bind(&path).await.unwrap();
    assert_eq!(mode(&path), 0o600);
    Client::new(UnixStream::connect(&path).await.unwrap()).await;
    end.send(true).unwrap();
    running.ended().await;
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(bind(&path).await, Err(DeliveryError::PathTaken { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    drop(dir);
}

#[tokio::test]
async fn over_tcp_it_is_served_to_this_machine_only() {
    let (store, _written) = TestStore::new();
    let (end, told) = shutdown();
    let start = |address: &str| {
        let options = options(Listen::Tcp(address.parse().unwrap()), Limits::default());
        serve(options, Arc::<TestStore>::clone(&store), FakeClock::new().clock(), told.clone())
    };
    assert!(matches!(start("0.0.0.0:0").await, Err(DeliveryError::NotLoopback(_))));
    let running = start("127.0.0.1:0").await.unwrap();
    let mut client = Client::new(TcpStream::connect(running.local_address().unwrap()).await.unwrap()).await;
    let wire = format!("MAIL FROM:<>\r\nRCPT TO:<bob@ox.io>\r\nDATA\r\n{MAIL}.\r\n");
    assert_eq!(client.codes(&wire, 4).await, ["250", "250", "354", "250"]);
    assert_eq!(store.inbox("bob@ox.io").len(), 1);
    drop(end);
    running.ended().await;
}

#[tokio::test]
async fn a_mail_without_message_id_has_a_name_made_of_all_that_is_stored() {
    let server = start().await;
    let mut client = server.client().await;
    let wire = "MAIL FROM:<>\r\nRCPT TO:<anna@ox.io>\r\nDATA\r\nStatus: O\r\nSubject: s\r\n\r\nHi.\r\n.\r\n";
    assert_eq!(client.codes(wire, 4).await, ["250", "250", "354", "250"]);
    let inbox = server.store.inbox("anna@ox.io");
    let name = email::name_by_hash(&email::content_hash(inbox[0].raw.as_bytes()));
    assert_eq!(inbox[0].facts.uid, Some(name));
    server.stop().await;
}
