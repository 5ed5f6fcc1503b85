//! What a mailbox answers while its owner is away.

#![expect(clippy::unwrap_used, reason = "what fails in a test fails the test")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use easel_delivery::queue::{QueueOptions, run};
use easel_delivery::{AutoReply, Running};
use easel_protocol::{CollectionId, Facts, Oof, OofMessage, OofState, WindowKey};
use easel_store::{ChangeSet, NewContent, NewUser, Outgoing, Store as _, UserId, Write};
use support::{FakeClock, START_MS, TestStore, Written, shutdown};
use tokio::sync::{mpsc, watch};

const DAY_MS: i64 = 86_400_000;

/// Bob is away, and mail comes for him.
struct House {
    store: Arc<TestStore>,
    written: mpsc::UnboundedReceiver<Written>,
    clock: FakeClock,
    end: watch::Sender<bool>,
    running: Running,
    sent: usize,
}

impl House {
    fn start() -> Self {
        Self::with(AutoReply::default())
    }

    fn with(auto_reply: AutoReply) -> Self {
        let (store, written) = TestStore::new();
        let clock = FakeClock::new();
        let (end, told) = shutdown();
        let options = QueueOptions {
            hostname: "easel.example".to_owned(),
            poll: Duration::from_secs(3600),
            grace: Duration::from_secs(60),
            auto_reply,
            ..QueueOptions::default()
        };
        let running = run(options, Arc::<TestStore>::clone(&store), clock.clock(), told).unwrap();
        Self { store, written, clock, end, running, sent: 0 }
    }

    fn bob(&self) -> UserId {
        self.store.user_id("bob@ox.io")
    }

    fn put(&self, writes: Vec<Write>) {
        let mut changes = ChangeSet::new(self.bob());
        changes.writes = writes;
        self.store.commit(changes).unwrap();
    }

    fn away(&self, oof: &Oof) {
        self.put(vec![
            Write::PutValue { name: Oof::NAME, value: Some(postcard::to_stdvec(oof).unwrap()) },
            Write::PutValue { name: Oof::ANSWERED, value: None },
        ]);
    }

    /// A mail comes; the replies that are queued for others than users.
    async fn mail(&mut self, sender: &str, fields: &str) -> Vec<Outgoing> {
        let before: Vec<_> = self.store.queued().iter().map(|row| row.id).collect();
        let anna = self.store.user_id("anna@ox.io");
        self.sent += 1;
        let id = format!("m{}@y.example", self.sent);
        let mail = format!("{fields}Message-ID: <{id}>\r\n\r\nHi.\r\n");
        self.store.queue(sender, &["bob@ox.io"], mail.as_bytes());
        loop {
            match self.written.recv().await.unwrap() {
                Written::PutOutgoing(row) if row.user == anna && row.recipients.is_empty() => break,
                Written::PutOutgoing(_) | Written::Committed => {}
            }
        }
        let mut replies = self.store.queued();
        replies.retain(|row| row.user == self.bob() && !before.contains(&row.id));
        replies
    }

    async fn answered(&mut self, sender: &str, fields: &str) -> bool {
        !self.mail(sender, fields).await.is_empty()
    }

    fn text(&self, row: &Outgoing) -> String {
        String::from_utf8(self.store.read_blob(row.blob).unwrap()).unwrap()
    }

    async fn stop(self) {
        self.end.send(true).unwrap();
        self.running.ended().await;
    }
}

fn says(reply: &str) -> OofMessage {
    OofMessage { enabled: true, reply: reply.to_owned(), html: false }
}

fn everybody() -> Oof {
    Oof {
        state: OofState::On,
        internal: says("inside"),
        external_known: says("known"),
        external_unknown: says("unknown"),
        ..Oof::default()
    }
}

const TO_BOB: &str =
    "From: x\r\nTo: Bob <Bob@ox.io>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nReferences: <r1@y.example>\r\n";

#[tokio::test]
async fn a_reply_says_that_it_is_automatic_and_what_it_answers() {
    let mut house = House::start();
    house.away(&everybody());
    let replies = house.mail("Stranger@y.example", TO_BOB).await;
    assert_eq!(
        (replies[0].sender.as_str(), replies[0].recipients.as_slice()),
        ("", &["Stranger@y.example".to_owned()][..])
    );
    let text = house.text(&replies[0]);
    for line in [
        "Auto-Submitted: auto-replied\r\n",
        "In-Reply-To: <m1@y.example>\r\n",
        "References: <r1@y.example> <m1@y.example>\r\n",
        "<bob@ox.io>",
        "unknown",
        "X-Auto-Response-Suppress: All\r\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
    let subject = easel_items::email::index(text.as_bytes(), jiff::Timestamp::UNIX_EPOCH).facts.subject;
    assert_eq!(subject, "Automatic reply: Grüße");
    house.stop().await;
}

#[tokio::test]
async fn a_sender_is_answered_once_in_a_week_and_again_in_a_new_absence() {
    let mut house = House::start();
    house.away(&everybody());
    assert!(house.answered("a@y.example", TO_BOB).await);
    assert!(!house.answered("A@y.example", TO_BOB).await, "once");
    assert!(house.answered("b@y.example", TO_BOB).await, "another sender");
    house.clock.advance_ms(7 * DAY_MS - 1);
    assert!(!house.answered("a@y.example", TO_BOB).await);
    house.clock.advance_ms(1);
    assert!(house.answered("a@y.example", TO_BOB).await);
    house.away(&everybody());
    assert!(house.answered("a@y.example", TO_BOB).await);
    house.stop().await;
}

#[tokio::test]
async fn only_between_its_two_times() {
    let mut house = House::start();
    house.away(&Oof {
        state: OofState::Timed,
        start: Some(START_MS + 1000),
        end: Some(START_MS + 2000),
        ..everybody()
    });
    let mut seen = Vec::new();
    for (at, sender) in [(999, "a"), (1, "b"), (999, "c"), (1, "d")] {
        house.clock.advance_ms(at);
        seen.push(house.answered(&format!("{sender}@y.example"), TO_BOB).await);
    }
    assert_eq!(seen, [false, true, true, false]);
    house.away(&Oof { state: OofState::Off, ..everybody() });
    assert!(!house.answered("e@y.example", TO_BOB).await);
    house.stop().await;
}

#[tokio::test]
async fn each_audience_has_its_reply_or_none() {
    let mut house = House::start();
    let other = house.store.add_tenant("other").unwrap().id;
    let user = NewUser {
        tenant: other,
        name: "eve".to_owned(),
        display_name: "eve".to_owned(),
        addresses: vec!["eve@other.example".to_owned()],
        phones: Vec::new(),
        photo: None,
        zone: "UTC".to_owned(),
        password_hash: String::new(),
    };
    house.store.add_user(&user).unwrap();
    let id = house.store.reserve_items(house.bob(), 1).unwrap();
    let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Carol\r\nEMAIL;TYPE=WORK:Carol@y.example\r\nEND:VCARD\r\n".to_owned();
    let facts = Facts { people: "Carol Carol@y.example".to_owned(), ..Facts::of(WindowKey::FOREVER) };
    house.put(vec![Write::AddItem { id, folder: CollectionId::new(7), content: NewContent::Object(card), facts }]);
    house.away(&everybody());
    for (sender, reply) in [("carol@y.example", "known"), ("arol@y.example", "unknown")] {
        let replies = house.mail(sender, TO_BOB).await;
        let text = match replies.first() {
            Some(row) => house.text(row),
            None => panic!("{sender} is not answered"),
        };
        assert!(text.trim_end().ends_with(reply), "{sender}:\n{text}");
    }
    // Whoever has a mailbox here finds the reply there, a colleague or not.
    for (sender, reply) in [("eve@other.example", "unknown"), ("anna@ox.io", "inside")] {
        house.mail(sender, TO_BOB).await;
        while house.store.inbox(sender).is_empty() {
            house.written.recv().await.unwrap();
        }
        let text = house.store.inbox(sender).remove(0).raw;
        assert!(text.starts_with("Return-Path: <>\r\n") && text.contains(reply), "{text}");
    }
    house.away(&Oof { external_unknown: OofMessage::default(), ..everybody() });
    assert!(!house.answered("x@y.example", TO_BOB).await && house.answered("carol@y.example", TO_BOB).await);
    house.away(&Oof { external_unknown: says("  "), ..everybody() });
    assert!(!house.answered("x@y.example", TO_BOB).await, "an empty reply is none");
    house.stop().await;
}

#[tokio::test]
async fn machines_lists_and_the_owner_are_not_answered() {
    let mut house = House::start();
    house.away(&everybody());
    let with = |field: &str| format!("{field}\r\n{TO_BOB}");
    for (at, field) in [
        "Auto-Submitted: auto-generated",
        "auto-submitted:\r\n auto-replied; x=y",
        "Precedence: bulk",
        "Precedence: LIST",
        "Precedence: junk",
        "List-Id: <l.y.example>",
        "List-Unsubscribe: <mailto:l@y.example>",
        "X-Auto-Response-Suppress: DR, OOF",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(!house.answered(&format!("s{at}@y.example"), &with(field)).await, "{field}");
    }
    assert!(!house.answered("", TO_BOB).await, "a report");
    for sender in ["bob@ox.io", "BOB+x@ox.io", "mailer-daemon@y.example", "l-bounces+bob=ox.io@y.example"] {
        assert!(!house.answered(sender, TO_BOB).await, "{sender}");
    }
    // Blind copies and lists that do not say that they are.
    assert!(!house.answered("c@y.example", "From: x\r\nTo: jimbob@ox.io\r\n").await);
    for field in ["Auto-Submitted: no", "Precedence: first-class", "X-List: x"] {
        assert!(house.answered(&format!("{}@y.example", field.len()), &with(field)).await, "{field}");
    }
    assert!(house.answered("cc@y.example", "To: x@y.example\r\nCC: a@y.example,\r\n bob@ox.io\r\n").await);
    house.stop().await;
}

#[tokio::test]
async fn html_comes_with_a_text_beside_it() {
    let mut house = House::start();
    let html = OofMessage { enabled: true, reply: "<p>Back on <b>Monday</b></p>".to_owned(), html: true };
    house.away(&Oof { external_unknown: html, ..everybody() });
    let replies = house.mail("a@y.example", TO_BOB).await;
    let text = house.text(&replies[0]);
    assert!(text.contains("multipart/alternative") && text.contains("<b>Monday</b>"), "{text}");
    assert!(text.contains("Back on Monday") && text.contains("text/plain"), "{text}");
    house.stop().await;
}

#[tokio::test]
async fn the_period_is_what_the_operator_says() {
    for days in [1, 30] {
        let period = Duration::from_secs(days * 86_400);
        let mut house = House::with(AutoReply { period, ..AutoReply::default() });
        house.away(&everybody());
        assert!(house.answered("a@y.example", TO_BOB).await);
        house.clock.advance_ms(i64::try_from(days).unwrap() * DAY_MS - 1);
        assert!(!house.answered("a@y.example", TO_BOB).await, "{days}");
        house.clock.advance_ms(1);
        assert!(house.answered("a@y.example", TO_BOB).await, "{days}");
        house.stop().await;
    }
}

#[tokio::test]
async fn so_many_senders_are_answered_until_one_of_them_is_forgotten() {
    let mut house = House::with(AutoReply { senders_max: 2, ..AutoReply::default() });
    house.away(&everybody());
    assert!(house.answered("a@y.example", TO_BOB).await);
    house.clock.advance_ms(DAY_MS);
    assert!(house.answered("b@y.example", TO_BOB).await);
    assert!(!house.answered("c@y.example", TO_BOB).await);
    house.clock.advance_ms(6 * DAY_MS);
    assert!(house.answered("c@y.example", TO_BOB).await, "the first one is forgotten");
    assert!(!house.answered("d@y.example", TO_BOB).await);
    house.stop().await;
}
