//! Both directions against a real Postfix: a private instance on loopback ports, in a folder of its own.
//!
//! Needs root (Postfix's master does), and the Debian packages `postfix`, `sasl2-bin` and `libsasl2-modules`. Where they are
//! not there, every test is counted as ignored.

#![expect(clippy::unwrap_used, reason = "what fails in a test fails the test")]
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "says what is skipped, and how often mail came")]

#[path = "postfix/instance.rs"]
mod instance;
#[path = "postfix/relay.rs"]
mod relay;
mod support;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use easel_delivery::lmtp::{self, Limits, Listen, LmtpOptions};
use easel_delivery::queue::{self, Login, Patience, QueueOptions, SmartHost, Tls};
use easel_delivery::{AutoReply, Running, Shutdown};
use easel_store::{Event, NewUser, Outgoing, Store as _};
use instance::Postfix;
use libtest_mimic::{Arguments, Trial};
use relay::{Cut, Relay, When};
use support::{FakeClock, START_MS, TestStore, Written};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a peer says first, and the commands of a message, at each of which something dies.
const STEPS: [&str; 5] = ["LO ", "MAIL", "RCPT", "DATA", "."];

fn main() {
    let arguments = Arguments::from_args();
    let missing = instance::missing();
    if let Some(what) = &missing {
        eprintln!("SKIPPED: {what}; the tests against a real Postfix are counted as ignored, not as passed");
    }
    let trial = |name: &str, test: fn()| {
        let test = move || {
            test();
            Ok(())
        };
        Trial::test(name, test).with_ignored_flag(missing.is_some())
    };
    let mut trials = vec![
        trial("tls_login_and_each_recipients_own_outcome", || run(tls_login_and_outcomes())),
        trial("a_wrong_password_loses_nothing", || run(wrong_password())),
        trial("a_slow_postfix_is_asked_again_and_nothing_comes_twice", || run(slow())),
        trial("postfix_killed_at_every_step_of_what_it_is_sent", || run(killed_while_taking())),
        trial("postfix_killed_at_every_step_of_what_it_delivers", || run(killed_while_delivering())),
        trial("easel_gone_at_every_step_of_what_it_is_delivered", || run(gone_while_delivered())),
    ];
    if missing.is_some() && arguments.ignored {
        // Asked for what cannot run.
        trials.clear();
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test);
}

/// The mailboxes behind Postfix: `x@y.example` and the others there.
struct Behind {
    store: Arc<TestStore>,
    address: Arc<Mutex<SocketAddr>>,
    serving: Mutex<Option<(watch::Sender<bool>, Running)>>,
}

impl Behind {
    async fn start() -> Arc<Self> {
        let (store, written) = TestStore::new();
        // Nobody reads them here.
        tokio::spawn(async move { keep(written).await });
        let tenant = store.tenants().unwrap()[0].id;
        let addresses = ["x@y.example", "no@y.example", "later@y.example", "slow@y.example"];
        let user = NewUser {
            tenant,
            name: "x".to_owned(),
            display_name: "x".to_owned(),
            addresses: addresses.map(str::to_owned).to_vec(),
            phones: Vec::new(),
            photo: None,
            zone: "UTC".to_owned(),
            password_hash: String::new(),
        };
        store.add_user(&user).unwrap();
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        let behind = Arc::new(Self { store, address: Arc::new(Mutex::new(here)), serving: Mutex::new(None) });
        behind.serve().await;
        behind
    }

    /// Takes mail, at another port than before.
    async fn serve(&self) {
        let options = LmtpOptions {
            listen: Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 0))),
            hostname: "y.example".to_owned(),
            delimiter: Some('+'),
            limits: Limits::default(),
            quota: None,
            auto_reply: AutoReply::default(),
        };
        let (end, told): (_, Shutdown) = watch::channel(false);
        let store = Arc::<TestStore>::clone(&self.store);
        let running = lmtp::serve(options, store, FakeClock::new().clock(), told).await.unwrap();
        *self.address.lock().unwrap() = running.local_address().unwrap();
        *self.serving.lock().unwrap() = Some((end, running));
    }

    async fn stop(&self) {
        let serving = self.serving.lock().unwrap().take();
        if let Some((end, running)) = serving {
            end.send(true).unwrap();
            running.ended().await;
        }
    }

    fn count(&self, id: &str) -> usize {
        self.store.inbox("x@y.example").iter().filter(|mail| mail.raw.contains(id)).count()
    }

    /// Waits until the mail with that id is there.
    async fn has(&self, id: &str) {
        let wait = async {
            while self.count(id) == 0 {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{id} never arrived"));
    }
}

async fn keep(mut written: mpsc::UnboundedReceiver<Written>) {
    while written.recv().await.is_some() {}
}

/// The mailbox of anna, and the queue of what she sends.
struct Before {
    store: Arc<TestStore>,
    written: mpsc::UnboundedReceiver<Written>,
    clock: FakeClock,
    end: watch::Sender<bool>,
    running: Running,
}

impl Before {
    fn start(host: SmartHost) -> Self {
        let (store, written) = TestStore::new();
        let (end, told) = watch::channel(false);
        let options = QueueOptions {
            hostname: "easel.example".to_owned(),
            smart_host: Some(host),
            poll: Duration::from_secs(3600),
            grace: Duration::from_secs(60),
            ..QueueOptions::default()
        };
        let clock = FakeClock::new();
        let running = queue::run(options, Arc::<TestStore>::clone(&store), clock.clock(), told).unwrap();
        Self { store, written, clock, end, running }
    }

    fn send(&self, id: &str, to: &[&str]) {
        let mail = format!(
            "From: anna@ox.io\r\nTo: x@y.example\r\nSubject: {id}\r\nMessage-ID: <{id}@ox.io>\r\n\r\n.\r\nHi.\r\n"
        );
        self.store.queue("anna@ox.io", to, mail.as_bytes());
    }

    /// The next row written back.
    async fn row(&mut self) -> Outgoing {
        loop {
            match timeout(PATIENCE, self.written.recv()).await.expect("the attempt ends").unwrap() {
                Written::PutOutgoing(row) => return row,
                Written::Committed => {}
            }
        }
    }

    /// Has it tried until nobody is left; how often that took.
    async fn until_gone(&mut self) -> usize {
        for tries in 1..20 {
            let row = self.row().await;
            if row.recipients.is_empty() {
                return tries;
            }
            self.clock.advance_ms(row.next_attempt - self.clock.now_ms());
            self.store.bus().publish(&Event::Outgoing);
        }
        panic!("it never goes");
    }

    async fn stop(self) -> Arc<TestStore> {
        self.end.send(true).unwrap();
        self.running.ended().await;
        self.store
    }
}

fn host(port: u16) -> SmartHost {
    SmartHost {
        host: "localhost".to_owned(),
        port,
        tls: Tls::None,
        roots: Vec::new(),
        login: None,
        hello_name: "easel.example".to_owned(),
        patience: Patience::default(),
    }
}

fn protected(postfix: &Postfix, password: &str) -> SmartHost {
    SmartHost {
        tls: Tls::StartTls,
        roots: vec![postfix.root.clone()],
        login: Some(Login { user: "easel".to_owned(), password: password.to_owned() }),
        ..host(postfix.submission)
    }
}

async fn tls_login_and_outcomes() {
    let behind = Behind::start().await;
    let mut postfix = Postfix::new(behind.address.lock().unwrap().port());
    postfix.start();
    let mut before = Before::start(protected(&postfix, "s3cret"));
    before.send("m1", &["x@y.example", "no@y.example", "later@y.example"]);
    let row = before.row().await;
    assert_eq!(row.recipients, ["later@y.example"], "{:?}", row.last_error);
    assert_eq!((row.delayed[0].status.as_str(), row.delayed[0].host.as_str()), ("4.2.0", "localhost"));
    behind.has("m1").await;
    let mail = behind.store.inbox("x@y.example").remove(0).raw;
    assert!(mail.contains("(using TLSv1.3") && mail.contains("with ESMTPSA"), "{mail}");
    assert!(mail.contains("\r\nReturn-Path: <anna@ox.io>\r\n") || mail.starts_with("Return-Path: <anna@ox.io>"));
    let store = before.stop().await;
    let notice = store.inbox("anna@ox.io").remove(0).raw;
    assert!(notice.contains("Final-Recipient: rfc822; no@y.example\r\nAction: failed\r\nStatus: 5.1.1"), "{notice}");
    assert!(notice.contains("Diagnostic-Code: smtp; 550 5.1.1"), "{notice}");
    assert_eq!(behind.count("m1"), 1);
    behind.stop().await;
}

async fn wrong_password() {
    let behind = Behind::start().await;
    let mut postfix = Postfix::new(behind.address.lock().unwrap().port());
    postfix.start();
    let mut before = Before::start(protected(&postfix, "wrong"));
    before.send("m1", &["x@y.example"]);
    let row = before.row().await;
    assert_eq!((row.recipients.len(), row.attempts), (1, 0));
    assert!(row.last_error.as_ref().unwrap().contains("535"), "{:?}", row.last_error);
    before.stop().await;
    behind.stop().await;
}

async fn slow() {
    let behind = Behind::start().await;
    let mut postfix = Postfix::new(behind.address.lock().unwrap().port());
    postfix.start();
    // Postfix thinks for three seconds about this recipient.
    let hurried = Patience { command: Duration::from_millis(500), ..Patience::default() };
    let mut before = Before::start(SmartHost { patience: hurried, ..host(postfix.plain) });
    before.send("m1", &["slow@y.example"]);
    let row = before.row().await;
    assert_eq!(row.recipients.len(), 1);
    assert!(row.last_error.unwrap().contains("did not answer within 500ms"));
    before.stop().await;
    assert_eq!(behind.count("m1"), 0);
    let mut before = Before::start(host(postfix.plain));
    before.send("m2", &["slow@y.example"]);
    assert_eq!(before.until_gone().await, 1);
    behind.has("m2").await;
    assert_eq!((behind.count("m1"), behind.count("m2")), (0, 1));
    before.stop().await;
    behind.stop().await;
}

/// Every step, before it and after its answer; the last of them is where SMTP itself cannot tell whether the message was
/// taken (RFC 1047).
fn every_step() -> impl Iterator<Item = (Cut, usize)> {
    STEPS.into_iter().flat_map(|line| {
        [When::Before, When::After].map(|when| {
            let most = if line == "." && when == When::After { 2 } else { 1 };
            (Cut { line, when }, most)
        })
    })
}

async fn killed_while_taking() {
    let behind = Behind::start().await;
    let mut postfix = Postfix::new(behind.address.lock().unwrap().port());
    postfix.start();
    let way = Arc::new(Mutex::new(SocketAddr::from(([127, 0, 0, 1], postfix.plain))));
    let mut relay = Relay::start(way).await;
    let mut before = Before::start(host(relay.address.port()));
    let mut sent = Vec::new();
    for (cut, most) in every_step() {
        let id = format!("m{}", sent.len());
        relay.cut(&cut);
        before.send(&id, &["x@y.example"]);
        relay.at_cut().await;
        postfix.kill();
        relay.go_on();
        let row = before.row().await;
        assert_eq!(row.recipients.len(), 1, "{cut:?}");
        postfix.start();
        before.clock.advance_ms(row.next_attempt - before.clock.now_ms());
        before.store.bus().publish(&Event::Outgoing);
        before.until_gone().await;
        behind.has(&id).await;
        sent.push((id, cut, most));
    }
    arrived(&behind, &mut before, &sent).await;
    let store = before.stop().await;
    assert!(store.queued().is_empty() && store.inbox("anna@ox.io").is_empty(), "nobody was told of a failure");
    behind.stop().await;
}

async fn killed_while_delivering() {
    let behind = Behind::start().await;
    let mut relay = Relay::start(Arc::clone(&behind.address)).await;
    let mut postfix = Postfix::new(relay.address.port());
    postfix.start();
    let mut before = Before::start(host(postfix.plain));
    let mut sent = Vec::new();
    for (cut, most) in every_step() {
        let id = format!("m{}", sent.len());
        relay.cut(&cut);
        before.send(&id, &["x@y.example"]);
        assert_eq!(before.until_gone().await, 1, "Postfix has it");
        relay.at_cut().await;
        postfix.kill();
        relay.go_on();
        postfix.start();
        behind.has(&id).await;
        sent.push((id, cut, most));
    }
    arrived(&behind, &mut before, &sent).await;
    before.stop().await;
    behind.stop().await;
}

async fn gone_while_delivered() {
    let behind = Behind::start().await;
    let mut relay = Relay::start(Arc::clone(&behind.address)).await;
    let mut postfix = Postfix::new(relay.address.port());
    postfix.start();
    let mut before = Before::start(host(postfix.plain));
    let mut sent = Vec::new();
    for (cut, most) in every_step() {
        let id = format!("m{}", sent.len());
        relay.cut(&cut);
        before.send(&id, &["x@y.example"]);
        assert_eq!(before.until_gone().await, 1, "Postfix has it");
        relay.at_cut().await;
        // The connection breaks while the server is still there, and then it is gone for a while.
        relay.go_on();
        behind.stop().await;
        sleep(Duration::from_millis(300)).await;
        behind.serve().await;
        behind.has(&id).await;
        sent.push((id, cut, most));
    }
    arrived(&behind, &mut before, &sent).await;
    before.stop().await;
    behind.stop().await;
}

/// Nothing lost, and nothing twice but where it cannot be known: a last mail has pushed everything through.
async fn arrived(behind: &Behind, before: &mut Before, sent: &[(String, Cut, usize)]) {
    before.send("last", &["x@y.example"]);
    before.until_gone().await;
    behind.has("last").await;
    // Postfix tries every second again what it still has.
    sleep(Duration::from_secs(3)).await;
    for (id, cut, most) in sent {
        let count = behind.count(&format!("<{id}@ox.io>"));
        assert!((1..=*most).contains(&count), "{cut:?}: {count} of {id}");
        println!("{cut:?}: {count}");
    }
    assert!(before.clock.now_ms() >= START_MS);
}
