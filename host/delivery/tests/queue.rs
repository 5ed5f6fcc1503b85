//! The queue, against a small SMTP server.

#![expect(clippy::unwrap_used, reason = "what fails in a test fails the test")]

mod support;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use easel_delivery::queue::{Login, Patience, QueueOptions, SmartHost, Tls, run};
use easel_delivery::{DeliveryError, Running};
use easel_store::{Event, FailedRecipient, HELD_UNTIL, Outgoing, OutgoingId, Store as _};
use support::smtp::{Script, Sent, SmtpServer};
use support::{FakeClock, START_MS, TestStore, Written, shutdown};
use tokio::sync::{mpsc, watch};

const MAIL: &[u8] = b"From: anna@ox.io\r\nTo: x@y.example\r\nMessage-ID: <q1@ox.io>\r\n\r\n.dots\r\nHi.\r\n";
const OFFERED: [&str; 3] = ["8BITMIME", "SMTPUTF8", "AUTH PLAIN LOGIN"];

struct Queue {
    store: Arc<TestStore>,
    written: mpsc::UnboundedReceiver<Written>,
    clock: FakeClock,
    end: watch::Sender<bool>,
    running: Running,
}

fn host(server: &SmtpServer, tls: Tls) -> SmartHost {
    SmartHost {
        host: "localhost".to_owned(),
        port: server.address.port(),
        tls,
        roots: vec![server.root.clone()],
        login: None,
        hello_name: "easel.example".to_owned(),
        patience: Patience::default(),
    }
}

fn options(smart_host: Option<SmartHost>) -> QueueOptions {
    QueueOptions {
        hostname: "easel.example".to_owned(),
        smart_host,
        // The tests wake it themselves.
        poll: Duration::from_secs(3600),
        grace: Duration::from_secs(60),
        ..QueueOptions::default()
    }
}

impl Queue {
    fn start(smart_host: Option<SmartHost>) -> Self {
        let (store, written) = TestStore::new();
        Self::resume(smart_host, store, written, FakeClock::new())
    }

    fn resume(
        smart_host: Option<SmartHost>,
        store: Arc<TestStore>,
        written: mpsc::UnboundedReceiver<Written>,
        clock: FakeClock,
    ) -> Self {
        let (end, told) = shutdown();
        let running = run(options(smart_host), Arc::<TestStore>::clone(&store), clock.clock(), told).unwrap();
        Self { store, written, clock, end, running }
    }

    /// The next row written back.
    async fn row(&mut self) -> Outgoing {
        loop {
            match self.written.recv().await.unwrap() {
                Written::PutOutgoing(row) => return row,
                Written::Committed => {}
            }
        }
    }

    /// Lets time pass and the queue notice.
    fn later(&self, minutes: i64) {
        self.clock.advance_minutes(minutes);
        self.store.bus().publish(&Event::Outgoing);
    }

    /// Goes from attempt to attempt until nobody is left: after how many milliseconds.
    async fn follow_to_the_end(&mut self, row: Outgoing) -> i64 {
        let mut row = row;
        while !row.recipients.is_empty() {
            let now = self.clock.now_ms();
            assert!(row.next_attempt > now, "it is put off");
            self.clock.advance_ms(row.next_attempt - now);
            self.store.bus().publish(&Event::Outgoing);
            row = self.row().await;
        }
        self.clock.now_ms() - START_MS
    }

    async fn stop(self) -> Arc<TestStore> {
        self.end.send(true).unwrap();
        self.running.ended().await;
        self.store
    }
}

/// Chance takes away up to an eighth.
fn minutes_off(row: &Outgoing) -> i64 {
    (row.next_attempt - START_MS + 59_999) / 60_000
}

#[tokio::test]
async fn local_recipients_have_it_at_once_and_the_others_through_the_smart_host() {
    let mut server = SmtpServer::start(Script::offering(&OFFERED), false).await;
    let mut queue = Queue::start(Some(host(&server, Tls::None)));
    queue.store.queue("anna@ox.io", &["x@y.example", "BOB@ox.io", "z@y.example"], MAIL);
    assert_eq!(queue.row().await.recipients, ["x@y.example", "z@y.example"]);
    let inbox = queue.store.inbox("bob@ox.io");
    assert_eq!((inbox.len(), inbox[0].body().as_bytes()), (1, MAIL));
    let id = format!("q1.{START_MS:x}");
    let trace = format!(
        "Return-Path: <anna@ox.io>\r\nDelivered-To: BOB@ox.io\r\nReceived: by easel.example id {id}\r\n\tfor <BOB@ox.io>;"
    );
    assert!(inbox[0].raw.starts_with(&trace), "{}", inbox[0].raw);
    assert!(inbox[0].mail.record.received_as_bcc);
    let sent = Sent {
        mail: "MAIL FROM:<anna@ox.io>".to_owned(),
        rcpt: vec!["RCPT TO:<x@y.example>".to_owned(), "RCPT TO:<z@y.example>".to_owned()],
        data: String::from_utf8(MAIL.to_vec()).unwrap(),
        encrypted: false,
    };
    assert_eq!(server.sent.recv().await, Some(sent));
    assert!(queue.row().await.recipients.is_empty());
    let store = queue.stop().await;
    assert!(store.queued().is_empty() && server.sent.is_empty());
}

#[tokio::test]
async fn what_was_queued_before_the_start_is_sent() {
    let mut server = SmtpServer::start(Script::offering(&OFFERED), false).await;
    let (store, written) = TestStore::new();
    for _ in 0..150 {
        store.queue("", &["x@y.example"], MAIL);
    }
    store.queue("", &["bob@ox.io"], MAIL);
    let mut queue = Queue::resume(Some(host(&server, Tls::None)), store, written, FakeClock::new());
    for _ in 0..151 {
        assert!(queue.row().await.recipients.is_empty());
    }
    for _ in 0..150 {
        assert_eq!(server.sent.recv().await.unwrap().mail, "MAIL FROM:<>");
    }
    let store = queue.stop().await;
    assert_eq!((store.queued().len(), server.sent.len(), store.inbox("bob@ox.io").len()), (0, 0, 1));
}

#[tokio::test]
async fn without_a_smart_host_mail_for_others_waits_and_says_why() {
    let mut queue = Queue::start(None);
    queue.store.queue("anna@ox.io", &["x@y.example", "bob@ox.io"], MAIL);
    assert_eq!(queue.row().await.recipients, ["x@y.example"]);
    let row = queue.row().await;
    assert_eq!(row.recipients, ["x@y.example"]);
    assert_eq!((row.attempts, minutes_off(&row)), (0, 1));
    assert_eq!(row.last_error.as_deref(), Some("no smart host is configured"));
    let store = queue.stop().await;
    assert_eq!((store.queued(), store.inbox("bob@ox.io").len()), (vec![row], 1));
}

/// What is logged, as lines.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.0.lock().unwrap()).lines().map(|line| line.trim().to_owned()).collect()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_says_which_mail_was_handed_on_and_which_waits_and_why() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    // The runtime of this test has one thread, so that all of the queue logs here.
    let _here = tracing::subscriber::set_default(subscriber);
    let server = SmtpServer::start(Script::offering(&OFFERED).saying("GREETING", "421 busy"), false).await;
    let mut queue = Queue::start(Some(host(&server, Tls::None)));
    queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
    let reason = queue.row().await.last_error.unwrap();
    assert!(reason.contains("busy"), "{reason}");
    let waits = log.lines();
    assert!(!waits.iter().any(|line| line.contains("handed on")), "{waits:?}");
    assert!(
        waits.iter().any(|line| line.contains(" WARN ") && line.contains("put off") && line.contains(&reason)),
        "{waits:?}"
    );
    server.script.lock().unwrap().replies.clear();
    queue.later(1);
    assert!(queue.row().await.recipients.is_empty());
    assert!(log.lines()[waits.len()..].iter().any(|line| line.contains(" INFO ") && line.contains("handed on")));
    queue.stop().await;
}

#[tokio::test]
async fn a_temporary_refusal_keeps_only_who_was_refused_and_only_for_a_while() {
    let script = Script::offering(&OFFERED).saying("RCPT TO:<full@", "452 4.2.2 mailbox full");
    let mut server = SmtpServer::start(script, false).await;
    let mut queue = Queue::start(Some(host(&server, Tls::None)));
    queue.store.queue("anna@ox.io", &["x@y.example", "full@y.example"], MAIL);
    let row = queue.row().await;
    assert_eq!((row.recipients.as_slice(), row.attempts), (&["full@y.example".to_owned()][..], 1));
    assert_eq!(minutes_off(&row), 1);
    assert!(row.last_error.unwrap().contains("<full@y.example>: "), "the reason names the recipient");
    assert_eq!(server.sent.recv().await.unwrap().rcpt, ["RCPT TO:<x@y.example>"]);
    queue.later(1);
    let row = queue.row().await;
    assert_eq!((row.recipients.len(), row.attempts, minutes_off(&row)), (1, 2, 6));
    server.script.lock().unwrap().replies.clear();
    queue.later(5);
    assert!(queue.row().await.recipients.is_empty());
    assert_eq!(server.sent.recv().await.unwrap().rcpt, ["RCPT TO:<full@y.example>"]);
    assert_eq!(server.said("RCPT TO:<x@"), 1, "who has it is not asked for again");
    assert!(queue.stop().await.queued().is_empty());
}

#[tokio::test]
async fn a_refusal_for_good_is_told_to_the_sender_at_once_and_not_tried_again() {
    for (line, reply) in
        [("RCPT", "550 5.1.1 unknown"), ("MAIL", "550 5.7.1 not you"), ("DATA", "554 no"), (".", "554 5.7.1 spam")]
    {
        let server = SmtpServer::start(Script::offering(&OFFERED).saying(line, reply), false).await;
        let mut queue = Queue::start(Some(host(&server, Tls::None)));
        queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
        let row = queue.row().await;
        assert_eq!((row.recipients.len(), row.failed.len()), (0, 0), "{line}");
        assert!(row.last_error.as_ref().unwrap().contains("<x@y.example>: "), "{:?}", row.last_error);
        let inbox = queue.store.inbox("anna@ox.io");
        let notice = &inbox[0].raw;
        let said = format!(
            "Action: failed\r\nStatus: {}",
            reply.split(' ').nth(1).filter(|w| w.contains('.')).unwrap_or("5.0.0")
        );
        for text in
            ["Return-Path: <>\r\n", "Final-Recipient: rfc822; x@y.example\r\n", reply, &said, "In-Reply-To: <q1@ox.io>"]
        {
            assert!(notice.contains(text), "{line}: {text} is not in\n{notice}");
        }
        // A year later another message goes, and nobody has asked for this one again.
        server.script.lock().unwrap().replies.clear();
        let asked = server.said("RCPT");
        queue.later(366 * 24 * 60);
        queue.store.queue("anna@ox.io", &["z@y.example"], MAIL);
        assert!(queue.row().await.recipients.is_empty());
        assert_eq!(server.said("RCPT"), asked + 1, "{line}");
        let store = queue.stop().await;
        assert!(store.list_outgoing(OutgoingId(0), 9).unwrap().is_empty());
        assert_eq!(store.inbox("anna@ox.io").len(), 1);
    }
}

#[tokio::test]
async fn nobody_is_told_of_a_message_without_return_path() {
    let script = Script::offering(&OFFERED).saying("RCPT TO:<no@", "550 no").saying("RCPT TO:<full@", "452 full");
    let server = SmtpServer::start(script, false).await;
    let mut queue = Queue::start(Some(host(&server, Tls::None)));
    queue.store.queue("", &["no@y.example", "full@y.example"], MAIL);
    let row = queue.row().await;
    assert_eq!((row.recipients.len(), row.failed.len()), (1, 0));
    assert_eq!(queue.follow_to_the_end(row).await, 5 * 86_400_000);
    let store = queue.stop().await;
    assert!(store.queued().is_empty() && store.inbox("anna@ox.io").is_empty());
}

#[tokio::test]
async fn after_four_hours_the_sender_is_told_once_and_after_five_days_it_is_given_up() {
    let server = SmtpServer::start(Script::offering(&OFFERED).saying("RCPT", "450 4.2.1 later"), false).await;
    let mut queue = Queue::start(Some(host(&server, Tls::None)));
    queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
    let row = queue.row().await;
    assert_eq!(queue.follow_to_the_end(row).await, 5 * 86_400_000, "the end is not passed by");
    let store = queue.stop().await;
    assert!(store.queued().is_empty());
    let inbox = store.inbox("anna@ox.io");
    assert_eq!(inbox.len(), 2);
    assert!(inbox[0].raw.contains("Action: delayed\r\nStatus: 4.2.1"), "{}", inbox[0].raw);
    assert_eq!(inbox[0].mail.record.received, START_MS + 4 * 3_600_000);
    assert!(inbox[1].raw.contains("Action: failed\r\nStatus: 4.4.7"), "{}", inbox[1].raw);
    assert!(inbox[1].raw.contains("Diagnostic-Code: smtp; 450 4.2.1 later"), "{}", inbox[1].raw);
    let tries = server.said("RCPT");
    assert!((25..60).contains(&tries), "{tries}");
}

#[tokio::test]
async fn a_notice_and_what_it_is_about_are_one_step() {
    let server = SmtpServer::start(Script::offering(&OFFERED).saying("RCPT", "550 no"), false).await;
    let mut queue = Queue::start(Some(host(&server, Tls::None)));
    queue.store.fail_put_outgoing.store(true, Ordering::SeqCst);
    queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
    while server.said("QUIT") == 0 {
        tokio::task::yield_now().await;
    }
    assert!(queue.store.inbox("anna@ox.io").is_empty(), "not told before it is written down");
    // The process ends, and another begins: the message was not taken, so it is tried once more.
    queue.end.send(true).unwrap();
    let Queue { store, mut written, clock, running, .. } = queue;
    running.ended().await;
    while written.try_recv().is_ok() {}
    store.fail_put_outgoing.store(false, Ordering::SeqCst);
    queue = Queue::resume(Some(host(&server, Tls::None)), store, written, clock);
    assert!(queue.row().await.recipients.is_empty());
    let store = queue.stop().await;
    assert_eq!((store.inbox("anna@ox.io").len(), store.queued().len()), (1, 0));
}

#[tokio::test]
async fn what_an_older_version_gave_up_is_told_now() {
    let (store, written) = TestStore::new();
    store.queue("anna@ox.io", &["x@y.example"], MAIL);
    let row = store.queued().remove(0);
    let failed =
        vec![FailedRecipient { recipient: "x@y.example".into(), reason: "550 no".into(), ..Default::default() }];
    store.put_outgoing(&Outgoing { recipients: Vec::new(), failed, ..row }).unwrap();
    let mut queue = Queue::resume(None, store, written, FakeClock::new());
    while !queue.row().await.failed.is_empty() {}
    let store = queue.stop().await;
    assert_eq!((store.inbox("anna@ox.io").len(), store.list_outgoing(OutgoingId(0), 9).unwrap().len()), (1, 0));
}

#[tokio::test]
async fn who_is_refused_for_good_does_not_hold_up_who_is_refused_for_now() {
    let script = Script::offering(&OFFERED).saying("RCPT TO:<no@", "550 no").saying("RCPT TO:<full@", "452 full");
    let mut server = SmtpServer::start(script, false).await;
    let mut queue = Queue::start(Some(host(&server, Tls::None)));
    queue.store.queue("anna@ox.io", &["no@y.example", "x@y.example", "full@y.example"], MAIL);
    let row = queue.row().await;
    assert_eq!((row.recipients.as_slice(), minutes_off(&row)), (&["full@y.example".to_owned()][..], 1));
    assert_eq!((row.failed.len(), row.delayed.len(), row.delayed[0].status.as_str()), (0, 1, "4.0.0"));
    assert!(row.last_error.unwrap().contains("452"));
    let notice = queue.store.inbox("anna@ox.io").remove(0).raw;
    assert!(notice.contains("no@y.example") && !notice.contains("full@y.example"), "{notice}");
    assert_eq!(server.sent.recv().await.unwrap().rcpt, ["RCPT TO:<x@y.example>"]);
    server.script.lock().unwrap().replies.remove("RCPT TO:<full@");
    queue.later(1);
    let row = queue.row().await;
    assert_eq!((row.recipients.len(), row.delayed.len()), (0, 0));
    assert_eq!(server.sent.recv().await.unwrap().rcpt, ["RCPT TO:<full@y.example>"]);
    assert_eq!(queue.store.inbox("anna@ox.io").len(), 1);
    assert_eq!((server.said("RCPT TO:<no@"), server.said("RCPT TO:<x@")), (1, 1));
    queue.stop().await;
}

#[tokio::test]
async fn a_host_without_8bitmime_gets_a_message_it_can_take() {
    let mut server = SmtpServer::start(Script::offering(&[]), false).await;
    let mut queue = Queue::start(Some(host(&server, Tls::None)));
    let message = "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
                   Content-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n";
    queue.store.queue("anna@ox.io", &["x@y.example"], message.as_bytes());
    let sent = server.sent.recv().await.unwrap();
    assert_eq!(sent.mail, "MAIL FROM:<anna@ox.io>");
    assert_eq!(sent.data, message.replace("8bit", "quoted-printable").replace("Grüße", "Gr=C3=BC=C3=9Fe"));
    assert!(queue.row().await.recipients.is_empty());
    let signed = format!(
        "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n{message}\r\n--b\r\n\
         Content-Type: application/pkcs7-signature\r\n\r\nAAAA\r\n--b--\r\n"
    );
    queue.store.queue("anna@ox.io", &["x@y.example", "z@y.example"], signed.as_bytes());
    assert!(queue.row().await.recipients.is_empty());
    let notice = queue.store.inbox("anna@ox.io").remove(0).raw.replace("\r\n        ", " ");
    assert!(notice.contains("does not offer 8BITMIME") && notice.contains("is signed"), "{notice}");
    assert!(notice.contains("x@y.example") && notice.contains("z@y.example") && notice.contains("Status: 5.6.3"));
    // A host that takes it gets it as it is.
    server.script.lock().unwrap().extensions = OFFERED.to_vec();
    queue.store.queue("anna@ox.io", &["x@y.example"], signed.as_bytes());
    assert_eq!(server.sent.recv().await.unwrap().data, signed);
    queue.stop().await;
}

#[tokio::test]
async fn a_connection_cut_before_the_answer_keeps_the_message() {
    for line in ["EHLO", "MAIL", "RCPT", "DATA", "."] {
        let mut server = SmtpServer::start(Script::offering(&OFFERED).saying(line, ""), false).await;
        let mut queue = Queue::start(Some(host(&server, Tls::None)));
        queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
        let row = queue.row().await;
        assert_eq!((row.recipients.len(), minutes_off(&row)), (1, 1), "{line}");
        server.script.lock().unwrap().replies.clear();
        queue.later(1);
        assert!(queue.row().await.recipients.is_empty());
        assert_eq!(server.sent.recv().await.unwrap().rcpt.len(), 1);
        assert!(queue.stop().await.queued().is_empty());
    }
}

#[tokio::test]
async fn a_silent_smart_host_is_not_waited_for_for_ever() {
    let (short, long) = (Duration::from_millis(300), Duration::from_secs(60));
    for (line, waits, said) in [
        ("GREETING", Patience { connect: short, command: long, message: long }, 0),
        ("MAIL", Patience { connect: long, command: short, message: long }, 0),
        ("RCPT", Patience { connect: long, command: short, message: long }, 1),
        ("DATA", Patience { connect: long, command: short, message: long }, 3),
        (".", Patience { connect: long, command: long, message: short }, 3),
    ] {
        let server = SmtpServer::start(Script::offering(&OFFERED).saying(line, "SILENCE"), false).await;
        let mut queue = Queue::start(Some(SmartHost { patience: waits, ..host(&server, Tls::None) }));
        queue.store.queue("anna@ox.io", &["x@y.example", "z@y.example"], MAIL);
        let row = queue.row().await;
        assert_eq!((row.recipients.len(), minutes_off(&row)), (2, 1), "{line}");
        assert!(row.last_error.as_ref().unwrap().contains("within 300ms"), "{:?}", row.last_error);
        // A reply that comes too late must not be taken for that to another command.
        assert_eq!(server.said("RCPT") + server.said("DATA"), said, "after {line} nothing more is said");
        queue.stop().await;
    }
}

#[tokio::test]
async fn a_host_that_is_down_holds_up_nobody_who_is_here() {
    let server = SmtpServer::start(Script::offering(&OFFERED).saying("GREETING", "421 busy"), false).await;
    let mut queue = Queue::start(Some(host(&server, Tls::None)));
    for _ in 0..3 {
        queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
        let row = queue.row().await;
        assert_eq!((row.attempts, minutes_off(&row)), (0, 1), "{:?}", row.last_error);
    }
    queue.store.queue("anna@ox.io", &["bob@ox.io"], MAIL);
    assert!(queue.row().await.recipients.is_empty());
    assert_eq!(queue.store.inbox("bob@ox.io").len(), 1);
    server.script.lock().unwrap().replies.clear();
    queue.later(1);
    for _ in 0..3 {
        assert!(queue.row().await.recipients.is_empty());
    }
    assert!(queue.stop().await.queued().is_empty());
}

#[tokio::test]
async fn what_was_sent_is_written_down_as_often_as_it_takes() {
    let mut server = SmtpServer::start(Script::offering(&OFFERED), false).await;
    let mut queue = Queue::start(Some(host(&server, Tls::None)));
    queue.store.fail_put_outgoing.store(true, Ordering::SeqCst);
    queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
    assert!(queue.row().await.recipients.is_empty(), "the first try, which fails");
    queue.later(10);
    queue.store.fail_put_outgoing.store(false, Ordering::SeqCst);
    assert!(queue.row().await.recipients.is_empty());
    assert!(server.sent.recv().await.is_some());
    assert!(queue.stop().await.queued().is_empty());
    assert!(server.sent.is_empty(), "it was sent once");
}

#[tokio::test]
async fn a_local_copy_stored_before_the_process_died_is_not_stored_again() {
    let mut queue = Queue::start(None);
    queue.store.fail_put_outgoing.store(true, Ordering::SeqCst);
    queue.store.queue("anna@ox.io", &["bob@ox.io", "anna@ox.io"], MAIL);
    assert!(queue.row().await.recipients.is_empty(), "stored, but that is not written down");
    let Queue { store, mut written, clock, end, running } = queue;
    end.send(true).unwrap();
    running.ended().await;
    while written.try_recv().is_ok() {}
    assert_eq!((store.queued()[0].recipients.len(), store.inbox("bob@ox.io").len()), (2, 1));
    store.fail_put_outgoing.store(false, Ordering::SeqCst);
    // The same message, sent another time, is another mail.
    store.queue("anna@ox.io", &["bob@ox.io"], MAIL);
    let mut queue = Queue::resume(None, store, written, clock);
    for _ in 0..2 {
        assert!(queue.row().await.recipients.is_empty());
    }
    let store = queue.stop().await;
    assert!(store.queued().is_empty());
    assert_eq!((store.inbox("bob@ox.io").len(), store.inbox("anna@ox.io").len()), (2, 1));
}

#[tokio::test]
async fn a_store_that_fails_is_tried_again_for_the_recipients_here() {
    let mut queue = Queue::start(None);
    queue.store.fail_delivery.store(true, Ordering::SeqCst);
    queue.store.queue("anna@ox.io", &["bob@ox.io"], MAIL);
    let row = queue.row().await;
    assert_eq!((row.recipients.as_slice(), row.attempts), (&["bob@ox.io".to_owned()][..], 1));
    assert_eq!((minutes_off(&row), row.last_error.as_deref()), (1, Some("the message could not be stored")));
    queue.store.fail_delivery.store(false, Ordering::SeqCst);
    queue.later(1);
    assert!(queue.row().await.recipients.is_empty());
    assert_eq!(queue.stop().await.inbox("bob@ox.io").len(), 1);
}

#[tokio::test]
async fn a_message_that_cannot_be_read_holds_up_nobody_and_its_sender_is_told() {
    let mut server = SmtpServer::start(Script::offering(&OFFERED), false).await;
    for to in ["x@y.example", "bob@ox.io"] {
        let ((store, written), clock) = (TestStore::new(), FakeClock::new());
        store.queue("anna@ox.io", &[to], MAIL);
        let blob = store.queued()[0].blob;
        store.unreadable.lock().unwrap().push(blob);
        let (end, told) = shutdown();
        let one_at_once = QueueOptions { concurrency: 1, ..options(Some(host(&server, Tls::None))) };
        let running = run(one_at_once, Arc::<TestStore>::clone(&store), clock.clock(), told).unwrap();
        let mut queue = Queue { store, written, clock, end, running };
        let patience = Duration::from_secs(20);
        let (mut attempts, mut told_after) = (0, None);
        loop {
            let row = tokio::time::timeout(patience, queue.row()).await.expect("it is written down");
            if told_after.is_none() && !queue.store.inbox("anna@ox.io").is_empty() {
                told_after = Some(queue.clock.now_ms() - START_MS);
                queue.store.queue("anna@ox.io", &["z@y.example"], MAIL);
                assert_eq!(server.sent.recv().await.unwrap().rcpt, ["RCPT TO:<z@y.example>"], "another one goes");
                assert!(queue.row().await.recipients.is_empty());
            }
            if row.recipients.is_empty() {
                break;
            }
            attempts += 1;
            assert!(attempts < 100, "it is tried for ever");
            queue.clock.advance_ms(row.next_attempt - queue.clock.now_ms());
            queue.store.bus().publish(&Event::Outgoing);
        }
        assert_eq!((told_after, queue.clock.now_ms() - START_MS), (Some(4 * 3_600_000), 5 * 86_400_000), "{to}");
        let store = queue.stop().await;
        assert!(store.queued().is_empty());
        let inbox = store.inbox("anna@ox.io");
        assert_eq!(inbox.len(), 2);
        for (notice, action) in inbox.iter().zip(["Action: delayed", "Action: failed\r\nStatus: 4.4.7"]) {
            for text in [action, &format!("Final-Recipient: rfc822; {to}"), "(it cannot be read here)"] {
                assert!(notice.raw.contains(text), "{text} is not in\n{}", notice.raw);
            }
        }
    }
}

#[tokio::test]
async fn a_message_that_breaks_its_delivery_holds_up_nobody() {
    let (store, written) = TestStore::new();
    store.break_delivery.store(true, Ordering::SeqCst);
    store.queue("anna@ox.io", &["bob@ox.io"], MAIL);
    store.queue("anna@ox.io", &["anna@ox.io"], MAIL);
    let mut queue = Queue::resume(None, store, written, FakeClock::new());
    let row = queue.row().await;
    assert_eq!((row.recipients.len(), minutes_off(&row)), (1, 1));
    assert!(queue.row().await.recipients.is_empty());
    let store = queue.stop().await;
    assert_eq!((store.queued(), store.inbox("anna@ox.io").len()), (vec![row], 1));
}

#[tokio::test]
async fn starttls_and_implicit_tls_protect_login_and_mail() {
    for (tls, extension) in [(Tls::StartTls, "STARTTLS"), (Tls::Implicit, "SIZE 1000")] {
        let mut server = SmtpServer::start(Script::offering(&["AUTH PLAIN", extension]), tls == Tls::Implicit).await;
        let login = Some(Login { user: "easel".to_owned(), password: "s3cret".to_owned() });
        assert!(!format!("{login:?}").contains("s3cret"));
        let mut queue = Queue::start(Some(SmartHost { login, ..host(&server, tls) }));
        queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
        assert!(queue.row().await.recipients.is_empty());
        assert!(server.sent.recv().await.unwrap().encrypted);
        // base64 of NUL easel NUL s3cret
        assert_eq!(server.said("AUTH PLAIN AGVhc2VsAHMzY3JldA=="), 1);
        queue.stop().await;
    }
}

#[tokio::test]
async fn a_message_is_taken_whatever_stands_behind_the_three_digits() {
    let long = format!("250 {}", "x".repeat(5000));
    for (tls, extension) in [(Tls::None, "SIZE"), (Tls::StartTls, "STARTTLS"), (Tls::Implicit, "SIZE")] {
        for taken in ["250 \u{fffd}bernommen", "250", "250-a\r\n250", "250-a\r\n251 b", "250 Größe", &long] {
            let script = Script::offering(&[extension])
                .saying("GREETING", "220")
                .saying("MAIL", "250")
                .saying("RCPT", "250 \u{fffd}")
                .saying("DATA", "354")
                .saying(".", taken);
            let mut server = SmtpServer::start(script, tls == Tls::Implicit).await;
            let mut queue = Queue::start(Some(host(&server, tls)));
            queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
            let row = queue.row().await;
            assert!(row.recipients.is_empty(), "{tls:?}, {taken:?}: {:?}", row.last_error);
            assert_eq!(server.sent.recv().await.unwrap().encrypted, tls != Tls::None);
            queue.stop().await;
        }
    }
}

#[tokio::test]
async fn without_the_promised_protection_nothing_is_sent() {
    let plain = Script::offering(&OFFERED);
    let injected = Script {
        behind_starttls: "250-injected\r\n250 AUTH PLAIN\r\n",
        ..Script::offering(&["STARTTLS", "AUTH PLAIN"])
    };
    for (script, trusted) in [(plain, true), (injected, true), (Script::offering(&["STARTTLS"]), false)] {
        let server = SmtpServer::start(script, false).await;
        let roots = if trusted { vec![server.root.clone()] } else { Vec::new() };
        let login = Some(Login { user: "easel".to_owned(), password: "s3cret".to_owned() });
        let mut queue = Queue::start(Some(SmartHost { roots, login, ..host(&server, Tls::StartTls) }));
        queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
        let row = queue.row().await;
        assert_eq!((row.recipients.len(), row.attempts), (1, 0));
        assert_eq!(server.said("AUTH") + server.said("MAIL"), 0, "{:?}", row.last_error);
        queue.stop().await;
    }
}

#[tokio::test]
async fn a_refused_login_is_a_fact_about_the_host_and_not_about_the_mail() {
    let server = SmtpServer::start(Script::offering(&OFFERED).saying("AUTH", "535 5.7.8 no"), false).await;
    let login = Some(Login { user: "easel".to_owned(), password: "wrong".to_owned() });
    let mut queue = Queue::start(Some(SmartHost { login, ..host(&server, Tls::None) }));
    queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
    let row = queue.row().await;
    assert_eq!((row.recipients.len(), row.attempts, minutes_off(&row)), (1, 0, 1));
    assert!(row.last_error.as_ref().unwrap().contains("535"), "{:?}", row.last_error);
    queue.stop().await;
}

#[tokio::test]
async fn settings_that_would_send_in_the_clear_are_refused() {
    let server = SmtpServer::start(Script::default(), false).await;
    for (name, fine) in [("mail.example", false), ("192.0.2.1", false), ("127.0.0.1", true), ("::1", true)] {
        let host = SmartHost { host: name.to_owned(), ..host(&server, Tls::None) };
        let result = run(options(Some(host)), TestStore::new().0, FakeClock::new().clock(), shutdown().1);
        assert_eq!(!matches!(result, Err(DeliveryError::PlainSmartHost(_))), fine, "{name}");
    }
    let host = SmartHost { roots: vec![b"-----BEGIN CERTIFICATE-----\n!".to_vec()], ..host(&server, Tls::Implicit) };
    let result = run(options(Some(host)), TestStore::new().0, FakeClock::new().clock(), shutdown().1);
    assert!(matches!(result, Err(DeliveryError::Tls(_))));
}

#[tokio::test]
async fn extensions_are_used_when_needed_and_offered() {
    let mail = |queue: &Queue, to: &str, text: &str| queue.store.queue("anna@ox.io", &[to], text.as_bytes());
    let mut server = SmtpServer::start(Script::offering(&OFFERED), false).await;
    let mut queue = Queue::start(Some(host(&server, Tls::None)));
    for (to, text, parameters) in [
        ("x@y.example", "Subject: u\r\n\r\nu\r\n", ""),
        ("x@y.example", "Subject: u\r\n\r\nü\r\n", " BODY=8BITMIME"),
        ("x@y.example", "Subject: ü\r\n\r\nü\r\n", " BODY=8BITMIME SMTPUTF8"),
        ("ü@y.example", "Subject: u\r\n\r\nu\r\n", " SMTPUTF8"),
    ] {
        mail(&queue, to, text);
        assert_eq!(server.sent.recv().await.unwrap().mail, format!("MAIL FROM:<anna@ox.io>{parameters}"));
        assert!(queue.row().await.recipients.is_empty());
    }
    server.script.lock().unwrap().extensions.clear();
    for (to, text, missing) in
        [("x@y.example", "Subject: ü\r\n\r\nü\r\n", "8BITMIME"), ("ü@y.example", "Subject: u\r\n\r\n", "SMTPUTF8")]
    {
        mail(&queue, to, text);
        assert!(queue.row().await.recipients.is_empty());
        let notice = queue.store.inbox("anna@ox.io").pop().unwrap().raw;
        assert!(notice.contains(to) && notice.contains(missing), "{notice}");
    }
    // Those whose addresses it can take are served.
    queue.store.queue("anna@ox.io", &["ü@y.example", "x@y.example"], MAIL);
    assert!(queue.row().await.recipients.is_empty());
    assert_eq!(server.sent.recv().await.unwrap().rcpt, ["RCPT TO:<x@y.example>"]);
    let notice = queue.store.inbox("anna@ox.io").pop().unwrap().raw;
    assert!(notice.contains("Final-Recipient: utf-8; ü@y.example\r\nAction: failed\r\nStatus: 5.6.7"), "{notice}");
    queue.store.queue("jürgen@ox.io", &["x@y.example"], MAIL);
    assert!(queue.row().await.recipients.is_empty());
    let notice = queue.store.inbox("anna@ox.io").pop().unwrap().raw.replace("\r\n        ", " ");
    assert!(notice.contains("the sender is not ASCII"), "{notice}");
    queue.stop().await;
}

#[tokio::test]
async fn nothing_stored_in_the_queue_can_leave_its_line_or_end_the_message_early() {
    let mut server = SmtpServer::start(Script::offering(&OFFERED), false).await;
    let mut queue = Queue::start(Some(host(&server, Tls::None)));
    queue.store.queue("anna@ox.io", &["x@y.example>\r\nRCPT TO:<evil@y.example"], MAIL);
    assert!(queue.row().await.recipients.is_empty());
    queue.store.queue("anna@ox.io>\r\nRSET\r\nMAIL FROM:<evil@y.example", &["x@y.example"], MAIL);
    assert!(queue.row().await.recipients.is_empty());
    let inbox = queue.store.inbox("anna@ox.io");
    assert!(inbox[1].raw.contains("To: anna@ox.io\r\n") && inbox[1].raw.contains("Status: 5.1.7"), "{}", inbox[1].raw);
    assert!(inbox.iter().all(|notice| !notice.raw.contains("\nRCPT") && !notice.raw.contains("\nRSET")));
    assert_eq!(server.lines.lock().unwrap().len(), 0);
    queue.store.queue("anna@ox.io", &["x@y.example"], b"Subject: s\n\n.\n.\r.\nMAIL FROM:<evil@y.example>\n");
    assert!(queue.row().await.recipients.is_empty());
    let sent = server.sent.recv().await.unwrap();
    assert_eq!(sent.data, "Subject: s\r\n\r\n.\r\n.\r\n.\r\nMAIL FROM:<evil@y.example>\r\n");
    assert_eq!(server.said("MAIL"), 1);
    queue.stop().await;
}

#[tokio::test]
async fn many_recipients_go_in_several_transactions_of_one_session() {
    let mut server = SmtpServer::start(Script::offering(&OFFERED), false).await;
    let mut queue = Queue::start(Some(host(&server, Tls::None)));
    let all: Vec<String> = (0..250).map(|n| format!("u{n}@y.example")).collect();
    queue.store.queue("anna@ox.io", &all.iter().map(String::as_str).collect::<Vec<_>>(), MAIL);
    let mut left = Vec::new();
    for _ in 0..3 {
        left.push(queue.row().await.recipients.len());
    }
    assert_eq!(left, [150, 50, 0], "each is written down before the next begins");
    let mut counts = Vec::new();
    for _ in 0..3 {
        counts.push(server.sent.recv().await.unwrap().rcpt.len());
    }
    assert_eq!((counts, server.said("EHLO")), (vec![100, 100, 50], 2), "one session asks twice");
    queue.stop().await;
}

#[tokio::test]
async fn on_shutdown_what_is_under_way_is_waited_for() {
    let mut server = SmtpServer::start(Script::offering(&OFFERED), false).await;
    let queue = Queue::start(Some(host(&server, Tls::None)));
    queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
    assert!(server.sent.recv().await.is_some());
    // Taken, and perhaps not yet answered or written down.
    assert!(queue.stop().await.queued().is_empty());
}

#[tokio::test]
async fn what_a_server_offers_beyond_the_plain_protocol_is_made_use_of() {
    let mut server = SmtpServer::start(Script::offering(&["DSN", "SMTPUTF8", "SIZE 1000"]), false).await;
    let mut queue = Queue::start(Some(host(&server, Tls::None)));
    queue.store.queue("anna@ox.io", &["x+1@y.example", "ü@y.example"], MAIL);
    let sent = server.sent.recv().await.unwrap();
    assert_eq!(
        sent.mail,
        format!("MAIL FROM:<anna@ox.io> SIZE={} SMTPUTF8 RET=HDRS ENVID=q1.{START_MS:x}", MAIL.len())
    );
    let expected = [
        "RCPT TO:<x+1@y.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;x+2B1@y.example",
        "RCPT TO:<ü@y.example> NOTIFY=FAILURE,DELAY ORCPT=utf-8;ü@y.example",
    ];
    assert_eq!(sent.rcpt, expected);
    assert!(queue.row().await.recipients.is_empty());
    // Of what has no return path nobody is to be told, by anybody.
    queue.store.queue("", &["x@y.example"], MAIL);
    let sent = server.sent.recv().await.unwrap();
    assert_eq!(
        (sent.mail, &*sent.rcpt[0]),
        (format!("MAIL FROM:<> SIZE={}", MAIL.len()), "RCPT TO:<x@y.example> NOTIFY=NEVER")
    );
    assert!(queue.row().await.recipients.is_empty());
    // What is too large is not even begun.
    let before = server.said("MAIL");
    queue.store.queue("anna@ox.io", &["x@y.example"], &[MAIL, &b"x\r\n".repeat(400)].concat());
    assert!(queue.row().await.recipients.is_empty());
    let notice = queue.store.inbox("anna@ox.io").pop().unwrap().raw;
    assert!(notice.contains("Status: 5.3.4") && server.said("MAIL") == before, "{notice}");
    queue.stop().await;
}

#[tokio::test]
async fn only_the_configured_authority_is_trusted_when_there_is_one() {
    let server = SmtpServer::start(Script::offering(&["STARTTLS"]), false).await;
    let other = SmtpServer::start(Script::default(), false).await;
    let mut queue = Queue::start(Some(SmartHost { roots: vec![other.root.clone()], ..host(&server, Tls::StartTls) }));
    queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
    let row = queue.row().await;
    assert_eq!((row.recipients.len(), server.said("MAIL")), (1, 0), "{:?}", row.last_error);
    queue.stop().await;
}

#[tokio::test]
async fn login_is_used_where_plain_is_not_offered() {
    let script = Script::offering(&["AUTH LOGIN"])
        .saying("AUTH LOGIN", "334 VXNlcm5hbWU6")
        .saying("ZWFzZWw=", "334 UGFzc3dvcmQ6")
        .saying("czNjcmV0", "235 welcome");
    let mut server = SmtpServer::start(script, false).await;
    let login = Some(Login { user: "easel".to_owned(), password: "s3cret".to_owned() });
    let mut queue = Queue::start(Some(SmartHost { login, ..host(&server, Tls::None) }));
    queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
    assert!(queue.row().await.recipients.is_empty());
    assert!(server.sent.recv().await.is_some() && server.said("czNjcmV0") == 1);
    queue.stop().await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_makes_no_message_wait_for_it() {
    let mut queue = Queue::start(None);
    let ahead = 2 * 24 * 60;
    queue.clock.advance_minutes(ahead);
    queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
    queue.store.bus().publish(&Event::Outgoing);
    let put_off = queue.row().await;
    assert!(put_off.next_attempt > START_MS + ahead * 60_000);
    queue.later(-ahead);
    assert_eq!(queue.row().await.next_attempt, START_MS, "it is tried now");
    let put_off = queue.row().await;
    assert!(put_off.next_attempt < START_MS + 86_400_000, "{put_off:?}");
    // One that a restore holds waits on.
    queue.store.put_outgoing(&Outgoing { next_attempt: HELD_UNTIL, ..put_off }).unwrap();
    queue.later(-ahead);
    let store = queue.stop().await;
    assert_eq!(store.list_outgoing(OutgoingId(0), 9).unwrap()[0].next_attempt, HELD_UNTIL);
}

#[tokio::test]
async fn a_clock_that_is_set_back_while_nothing_can_be_written_is_seen_to_when_it_can() {
    let mut queue = Queue::start(None);
    let ahead = 2 * 24 * 60;
    queue.clock.advance_minutes(ahead);
    queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
    queue.store.bus().publish(&Event::Outgoing);
    let put_off = queue.row().await;
    queue.store.fail_put_outgoing.store(true, Ordering::SeqCst);
    queue.later(-ahead);
    // Also when the attempt had not quite ended, so that nobody else might touch the message.
    let patience = Duration::from_secs(20);
    let unwritten = tokio::time::timeout(patience, queue.row()).await.expect("it is looked at");
    assert_eq!(unwritten.next_attempt, START_MS, "what cannot be written");
    assert_eq!(queue.store.queued(), [put_off]);
    queue.store.fail_put_outgoing.store(false, Ordering::SeqCst);
    queue.later(0);
    let again = tokio::time::timeout(patience, queue.row()).await;
    assert_eq!(again.expect("it is seen to again").next_attempt, START_MS);
    queue.stop().await;
}

#[tokio::test]
async fn a_clock_that_leaps_ahead_leaves_a_message_the_rest_of_its_schedule() {
    let server = SmtpServer::start(Script::offering(&OFFERED).saying("RCPT", "450 4.2.1 later"), false).await;
    let mut queue = Queue::start(Some(host(&server, Tls::None)));
    queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
    let put_off = queue.row().await;
    let (day, years) = (86_400_000_i64, 2 * 365 * 86_400_000);
    queue.clock.advance_ms(years);
    queue.store.bus().publish(&Event::Outgoing);
    let row = queue.row().await;
    assert_eq!((row.recipients.len(), row.attempts), (1, put_off.attempts + 1), "tried, and neither given up");
    assert!(queue.store.inbox("anna@ox.io").is_empty(), "nor said to take long");
    // The same while the server is off.
    queue.end.send(true).unwrap();
    let Queue { store, written, clock, running, .. } = queue;
    running.ended().await;
    clock.advance_ms(years);
    let mut queue = Queue::resume(Some(host(&server, Tls::None)), store, written, clock);
    let row = queue.row().await;
    assert_eq!(row.recipients.len(), 1);
    let after = queue.follow_to_the_end(row).await - 2 * years;
    assert!((5 * day - 3 * 3_600_000..=5 * day).contains(&after), "each leap counts as an hour at most: {after}");
    let store = queue.stop().await;
    let inbox = store.inbox("anna@ox.io");
    assert_eq!(inbox.len(), 2);
    assert!(inbox[0].raw.contains("Action: delayed") && inbox[1].raw.contains("Action: failed"));
}

#[tokio::test]
async fn a_message_that_was_held_has_its_schedule_when_it_is_let_go() {
    let server = SmtpServer::start(Script::offering(&OFFERED).saying("RCPT", "450 4.2.1 later"), false).await;
    let mut queue = Queue::start(Some(host(&server, Tls::None)));
    queue.store.queue("anna@ox.io", &["x@y.example"], MAIL);
    let put_off = queue.row().await;
    queue.store.put_outgoing(&Outgoing { next_attempt: HELD_UNTIL, ..put_off.clone() }).unwrap();
    assert_eq!(queue.row().await.next_attempt, HELD_UNTIL);
    queue.later(30 * 24 * 60);
    assert!(queue.store.retry_outgoing(put_off.id, queue.clock.now_ms()).unwrap());
    let row = queue.row().await;
    assert_eq!((row.recipients.len(), row.attempts, row.waited), (1, 2, 0));
    queue.stop().await;
}
