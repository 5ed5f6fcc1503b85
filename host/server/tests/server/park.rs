//! Requests that wait: out of hyper, and back.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use easel_commands::{Answer, Request, Why};
use easel_protocol::{CollectionId, Command};
use easel_server::{Clock as _, Limits, ListenerKind, Logins, Turn, Wait};
use easel_store::{AppSecret, Bus as _, DeviceKey, Event, Interest, NewAppPassword, Store as _, User, UserId};
use jiff::{SignedDuration, Timestamp};
use tokio::io::AsyncWriteExt as _;

use crate::house::{Client, House, PASSWORD, basic, limited, plan, post, post_as};
use crate::tls::{certificate, connect, trusting};

/// The folder that waiting requests watch.
const INBOX: u64 = 1;

/// What a waiting request was looked at for, in order.
type Looks = Arc<Mutex<Vec<Why>>>;

/// A test's Ping: it waits for ten minutes; `answer` decides at each look but the first, which finds nothing.
#[derive(Clone)]
pub(crate) struct Ping {
    looks: Looks,
    answer: Arc<dyn Fn(Why) -> Option<Answer> + Send + Sync>,
}

impl Ping {
    pub(crate) fn new(answer: impl Fn(Why) -> Option<Answer> + Send + Sync + 'static) -> Self {
        Self { looks: Looks::default(), answer: Arc::new(answer) }
    }

    /// Answers everything but the first look with the reason.
    pub(crate) fn telling() -> Self {
        let looked = Mutex::new(0);
        Self::new(move |why| {
            let mut looked = looked.lock().unwrap();
            *looked += 1;
            (*looked > 1).then(|| Answer::bytes("application/vnd.ms-sync.wbxml", format!("{why:?}").into_bytes()))
        })
    }

    /// The same, and nothing is ever new.
    pub(crate) fn quiet(self) -> Self {
        Self { answer: Arc::new(|why| (why != Why::Changed).then(Answer::empty)), ..self }
    }

    pub(crate) fn begin(&self, request: &Request<'_>) -> Turn {
        let device = DeviceKey(request.line.device_id[1..].parse().unwrap());
        let until = request.now + SignedDuration::from_mins(10);
        self.clone().wait(request.user.id, device, until)
    }

    fn wait(self, user: UserId, device: DeviceKey, until: Timestamp) -> Turn {
        let interest = Interest::Mailbox { user, device, folders: BTreeSet::from([CollectionId::new(INBOX)]) };
        let go_on = Box::new(move |_: &User, why, _: Timestamp, _: &mut dyn easel_commands::Sink| {
            self.looks.lock().unwrap().push(why);
            match (self.answer)(why) {
                Some(answer) => Turn::Answer(answer),
                None => self.wait(user, device, until),
            }
        });
        Turn::Wait(Wait { interest, until, go_on })
    }
}

/// A house whose Ping is that one, and whose other commands answer at once with their name.
fn house(ping: &Ping) -> House {
    build(ping, plan(&[ListenerKind::Plain]))
}

fn build(ping: &Ping, plan: crate::house::Plan) -> House {
    let ping = ping.clone();
    plan.build(move |request, _| match request.line.command {
        Command::Ping => ping.begin(request),
        other => Turn::Answer(Answer::bytes("application/vnd.ms-sync.wbxml", other.name().as_bytes().to_vec())),
    })
}

pub(crate) fn deliver(house: &House) {
    house.bus.publish(&Event::Mailbox {
        user: house.anna.id,
        folders: BTreeSet::from([CollectionId::new(INBOX)]),
        hierarchy: false,
        author: None,
    });
}

pub(crate) async fn parked(house: &House, count: usize) {
    house.until(|house| house.running.parked() == count).await;
}

#[tokio::test]
async fn a_waiting_request_leaves_hyper_and_a_change_answers_it_like_any_other() {
    let ping = Ping::telling();
    let house = house(&ping);
    let mut client = house.client().await;
    let ordinary = client.ask(&post("Sync", "", b"")).await;
    client.send(&post("Ping", "", b"\x03\x01\x6A\x00")).await;
    parked(&house, 1).await;
    assert_eq!(*ping.looks.lock().unwrap(), [Why::Changed], "one look after the watch began");
    deliver(&house);
    let answer = client.response().await;
    assert_eq!((answer.code, answer.body.as_slice()), (200, &b"Changed"[..]));
    assert_eq!(answer.names(), ordinary.names());
    assert_eq!((house.running.parked(), house.bus.waiting()), (0, 0));
    assert_eq!(client.ask(&post("Sync", "", b"")).await.body, b"Sync", "the connection goes on");
    assert_eq!(client.ask(&post("Search", "", b"")).await.body, b"Search");
}

#[tokio::test]
async fn what_happens_between_the_look_and_the_watch_is_not_missed() {
    let ping = Ping::new(|_| Some(Answer::bytes("text/plain", b"seen".to_vec())));
    let house = house(&ping);
    let answer = house.client().await.ask(&post("Ping", "", b"")).await;
    assert_eq!(answer.body, b"seen");
    assert_eq!(*ping.looks.lock().unwrap(), [Why::Changed]);
    assert_eq!(house.bus.waiting(), 0);
}

#[tokio::test]
async fn a_connection_waits_again_and_again() {
    let house = house(&Ping::new({
        let looked = Mutex::new(0);
        move |_| {
            let mut looked = looked.lock().unwrap();
            *looked += 1;
            (*looked % 2 == 0).then(Answer::empty)
        }
    }));
    let mut client = house.client().await;
    for _ in 0..20 {
        client.send(&post("Ping", "", b"\x03\x01\x6A\x00")).await;
        parked(&house, 1).await;
        deliver(&house);
        assert_eq!(client.response().await.code, 200);
    }
}

#[tokio::test]
async fn a_wake_up_for_nothing_goes_on_waiting_and_misses_nothing() {
    let ping = Ping::new({
        let looked = Mutex::new(0);
        move |_| {
            let mut looked = looked.lock().unwrap();
            *looked += 1;
            (*looked > 3).then(Answer::empty)
        }
    });
    let house = house(&ping);
    let mut client = house.client().await;
    client.send(&post("Ping", "", b"")).await;
    parked(&house, 1).await;
    for looks in 2..=3 {
        deliver(&house);
        house.until(|house| ping.looks.lock().unwrap().len() == looks && house.bus.waiting() == 1).await;
    }
    deliver(&house);
    assert_eq!(client.response().await.code, 200);
    assert_eq!(*ping.looks.lock().unwrap(), [Why::Changed; 4]);
}

#[tokio::test]
async fn requests_sent_early_are_kept_and_answered_in_order() {
    for early in [true, false] {
        let house = house(&Ping::telling());
        let mut client = house.client().await;
        let (ping, rest) = (post("Ping", "", b"abc"), [post("Sync", "", b"x"), post("Search", "", b"")].concat());
        if early {
            client.send(&[ping, rest].concat()).await;
            parked(&house, 1).await;
        } else {
            client.send(&ping).await;
            parked(&house, 1).await;
            client.send(&rest).await;
        }
        deliver(&house);
        let answers = [client.response().await, client.response().await, client.response().await];
        assert_eq!(answers.map(|answer| answer.body), [b"Changed".to_vec(), b"Sync".to_vec(), b"Search".to_vec()]);
    }
}

#[tokio::test]
async fn more_than_may_be_sent_early_is_read_later() {
    let house = house(&Ping::telling());
    let mut client = house.client().await;
    client.send(&post("Ping", "", b"")).await;
    parked(&house, 1).await;
    client.send(&post("Sync", "", &[b'x'; 100 << 10])).await;
    deliver(&house);
    assert_eq!(client.response().await.body, b"Changed");
    assert_eq!(client.response().await.body, b"Sync");
}

#[tokio::test]
async fn connection_close_is_honoured() {
    let old = String::from_utf8(post("Ping", "", b"")).unwrap().replace("HTTP/1.1", "HTTP/1.0");
    for request in [post("Ping", "Connection: close\r\n", b""), old.clone().into_bytes()] {
        let house = house(&Ping::telling());
        let mut client = house.client().await;
        client.send(&request).await;
        parked(&house, 1).await;
        deliver(&house);
        let answer = client.response().await;
        assert_eq!((answer.code, answer.body.as_slice()), (200, &b"Changed"[..]));
        assert!(answer.header("connection") == Some("close") || request == old.as_bytes());
        assert!(client.ended().await);
    }
}

#[tokio::test]
async fn a_hang_up_frees_everything() {
    let ping = Ping::new(|_| None);
    let house = house(&ping);
    for farewell in [false, true] {
        let mut client = house.client().await;
        client.send(&post("Ping", "", b"")).await;
        parked(&house, 1).await;
        assert_eq!((house.bus.waiting(), house.running.connections()), (1, 1));
        if farewell {
            client.stream.shutdown().await.unwrap();
        }
        drop(client);
        house.until(|house| house.running.connections() == 0).await;
        assert_eq!((house.running.parked(), house.bus.waiting()), (0, 0));
    }
    assert_eq!(*ping.looks.lock().unwrap(), [Why::Changed; 2], "nobody looks for who has gone");
}

#[tokio::test]
async fn time_ends_the_wait() {
    let house = house(&Ping::telling());
    let mut client = house.client().await;
    client.send(&post("Ping", "", b"")).await;
    parked(&house, 1).await;
    house.clock.advance(Duration::from_secs(599));
    assert_eq!(house.running.parked(), 1);
    house.clock.advance(Duration::from_secs(1));
    assert_eq!(client.response().await.body, b"TimeUp");
}

#[tokio::test]
async fn the_newer_waiting_request_of_a_device_wins() {
    let ping =
        Ping::new(|why| (why != Why::Changed).then(|| Answer::bytes("text/plain", format!("{why:?}").into_bytes())));
    let house = house(&ping);
    let (mut older, mut newer, mut other) = (house.client().await, house.client().await, house.client().await);
    older.send(&post("Ping", "", b"")).await;
    parked(&house, 1).await;
    other.send(&post_as(&basic("anna", PASSWORD), "D2", "Ping", "", b"")).await;
    parked(&house, 2).await;
    newer.send(&post("Ping", "", b"")).await;
    assert_eq!(older.response().await.body, b"Superseded");
    parked(&house, 2).await;
    house.clock.advance(Duration::from_secs(600));
    assert_eq!(newer.response().await.body, b"TimeUp");
    assert_eq!(other.response().await.body, b"TimeUp");
}

#[tokio::test]
async fn a_user_who_may_no_longer_log_in_is_not_answered() {
    let ping = Ping::telling();
    let house = house(&ping);
    let mut client = house.client().await;
    client.send(&post("Ping", "", b"")).await;
    parked(&house, 1).await;
    house.store.update_user(&User { enabled: false, ..house.anna.clone() }).unwrap();
    house.bus.publish(&Event::Device { user: house.anna.id, device: None });
    let answer = client.response().await;
    assert_eq!((answer.code, answer.header("www-authenticate")), (401, Some("Basic realm=\"Easel\"")));
    assert_eq!(*ping.looks.lock().unwrap(), [Why::Changed]);
}

#[tokio::test]
async fn revoking_an_app_password_ends_the_waits_that_rest_on_it_and_no_others() {
    let ping = Ping::new(|why| (why != Why::Changed).then(Answer::empty));
    let house = house(&ping);
    let give = |bits: u128| {
        let secret = AppSecret::new(bits);
        let (name, hash) = (format!("phone {bits}"), secret.hash());
        let new = NewAppPassword { user: house.anna.id, name, hash, device: None, made: 0 };
        let added = house.store.add_app_password(&new).unwrap();
        house.logins.invalidate(house.anna.id);
        (added.id, secret.text())
    };
    let (lost, lost_secret) = give(7);
    let (_, kept_secret) = give(8);
    let mut clients = Vec::new();
    for (number, password) in (1..).zip([&lost_secret, &kept_secret, PASSWORD]) {
        let mut client = house.client().await;
        client.send(&post_as(&basic("anna", password), &format!("D{number}"), "Ping", "", b"")).await;
        parked(&house, number).await;
        clients.push(client);
    }
    let looks = || ping.looks.lock().unwrap().len();
    let before = looks();
    give(9);
    house.until(|house| looks() >= before + 3 && house.bus.waiting() == 3).await;
    assert_eq!(house.running.parked(), 3, "nobody is sent away by one that comes");
    house.store.remove_app_password(house.anna.id, lost).unwrap();
    house.logins.invalidate(house.anna.id);
    assert_eq!(clients[0].response().await.code, 401);
    parked(&house, 2).await;
    house.clock.advance(Duration::from_secs(600));
    for client in &mut clients[1..] {
        assert_eq!(client.response().await.code, 200);
    }
}

#[tokio::test]
async fn a_changed_password_ends_the_waits_that_rest_on_it_and_no_others() {
    let ping = Ping::new(|why| (why != Why::Changed).then(Answer::empty));
    let house = house(&ping);
    let secret = AppSecret::new(7);
    let new =
        NewAppPassword { user: house.anna.id, name: "phone".to_owned(), hash: secret.hash(), device: None, made: 0 };
    house.store.add_app_password(&new).unwrap();
    let (mut own, mut app) = (house.client().await, house.client().await);
    own.send(&post_as(&basic("anna", PASSWORD), "D1", "Ping", "", b"")).await;
    parked(&house, 1).await;
    app.send(&post_as(&basic("anna", &secret.text()), "D2", "Ping", "", b"")).await;
    parked(&house, 2).await;
    let anna = house.store.user(house.anna.id).unwrap().unwrap();
    house.store.update_user(&User { password_hash: Logins::hash_password("new"), ..anna }).unwrap();
    house.logins.invalidate(house.anna.id);
    assert_eq!(own.response().await.code, 401);
    house.clock.advance(Duration::from_secs(600));
    assert_eq!(app.response().await.code, 200);
}

#[tokio::test]
async fn an_answer_that_waited_is_compressed_when_asked_for() {
    let ping = Ping::new({
        let looked = Mutex::new(false);
        move |_| {
            let looked = std::mem::replace(&mut *looked.lock().unwrap(), true);
            looked.then(|| Answer::bytes("text/plain", vec![b'a'; 10_000]))
        }
    });
    let house = house(&ping);
    let mut client = house.client().await;
    client.send(&post("Ping", "Accept-Encoding: gzip\r\n", b"")).await;
    parked(&house, 1).await;
    deliver(&house);
    let answer = client.response().await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert!(answer.body.len() < 1000);
}

/// A house whose answers wait, and come in a hundred pieces of 10,000 bytes then; or are cut after them.
fn streaming(cut: bool) -> House {
    plan(&[ListenerKind::Plain]).build(move |request, _| {
        let (user, until) = (request.user.id, request.now + SignedDuration::from_mins(10));
        let interest = move || Interest::Mailbox {
            user,
            device: DeviceKey(1),
            folders: BTreeSet::from([CollectionId::new(INBOX)]),
        };
        let second: easel_server::GoOn = Box::new(move |_, _, _, sink| {
            for _ in 0..100 {
                sink.write(vec![b'a'; 10_000]).unwrap();
            }
            if cut { Turn::Cut } else { Turn::Streamed }
        });
        let first: easel_server::GoOn =
            Box::new(move |_, _, _, _| Turn::Wait(Wait { interest: interest(), until, go_on: second }));
        Turn::Wait(Wait { interest: interest(), until, go_on: first })
    })
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_no_chunks_after_a_wait_either() {
    let house = streaming(false);
    let mut client = house.client().await;
    let request = String::from_utf8(post("Sync", "", b"")).unwrap().replace("HTTP/1.1", "HTTP/1.0");
    client.send(request.as_bytes()).await;
    parked(&house, 1).await;
    deliver(&house);
    assert_eq!(client.head().await.header("transfer-encoding"), None);
    assert_eq!(client.rest().await, vec![b'a'; 1_000_000]);
}

#[tokio::test]
async fn a_long_answer_that_waited_is_streamed_or_cut() {
    for cut in [false, true] {
        let house = streaming(cut);
        let mut client = house.client().await;
        client.send(&post("Sync", "", b"")).await;
        parked(&house, 1).await;
        deliver(&house);
        assert_eq!(client.head().await.header("transfer-encoding"), Some("chunked"));
        assert_eq!(client.chunks().await.map(|body| body.len()), (!cut).then_some(1_000_000));
    }
}

#[tokio::test]
async fn who_was_told_to_go_on_has_read_it_before_the_wait() {
    let house = house(&Ping::telling());
    let mut client = house.client().await;
    let whole = post("Ping", "Expect: 100-continue\r\n", b"body");
    client.send(&whole[..whole.len() - 4]).await;
    assert_eq!(client.head().await.code, 100);
    client.send(b"body").await;
    parked(&house, 1).await;
    deliver(&house);
    assert_eq!(client.response().await.body, b"Changed");
    // Not waiting to be told.
    client.send(&whole).await;
    assert_eq!(client.head().await.code, 100);
    assert_eq!(client.response().await.body, b"Changed");
}

#[tokio::test]
async fn all_of_it_works_over_tls() {
    let files = certificate("localhost");
    let mut plan = plan(&[ListenerKind::Tls]);
    plan.options.tls = Some(files.tls.clone());
    let house = build(
        &Ping::new({
            let looked = Mutex::new(0);
            move |_| {
                let mut looked = looked.lock().unwrap();
                *looked += 1;
                (*looked % 2 == 0).then(|| Answer::bytes("text/plain", b"Changed".to_vec()))
            }
        }),
        plan,
    );
    let config = trusting(&files, &[&rustls::version::TLS13]);
    let mut client = Client::new(connect(house.running.addresses()[0], &config).await.unwrap());
    for _ in 0..3 {
        client.send(&[post("Ping", "", b"abc"), post("Sync", "", b"x")].concat()).await;
        parked(&house, 1).await;
        client.send(&post("Search", "", b"")).await;
        deliver(&house);
        let answers = [client.response().await, client.response().await, client.response().await];
        assert_eq!(answers.map(|answer| answer.body), [b"Changed".to_vec(), b"Sync".to_vec(), b"Search".to_vec()]);
    }
    for farewell in [true, false] {
        let mut client = Client::new(connect(house.running.addresses()[0], &config).await.unwrap());
        client.send(&post_as(&basic("anna", PASSWORD), "D2", "Ping", "", b"abc")).await;
        parked(&house, 1).await;
        if farewell {
            client.stream.shutdown().await.unwrap();
        }
        drop(client);
        parked(&house, 0).await;
        assert_eq!(house.bus.waiting(), 0);
        // The next look of the script answers; make it a waiting one again.
        let mut client = Client::new(connect(house.running.addresses()[0], &config).await.unwrap());
        client.ask(&post_as(&basic("anna", PASSWORD), "D3", "Ping", "", b"")).await;
    }
}

#[tokio::test]
async fn the_time_a_request_waits_counts_for_no_timeout() {
    let limits = Limits { idle: Duration::from_millis(500), ..Limits::default() };
    let house = build(&Ping::telling(), limited(limits));
    let mut waits = house.client().await;
    waits.send(&post("Ping", "", b"")).await;
    parked(&house, 1).await;
    let mut idles = house.client().await;
    // Not measured here, but told by the other connection, which is ended for being idle.
    assert_eq!(idles.ask(&post_as("", "D1", "Sync", "", b"")).await.code, 401);
    assert!(idles.ended().await);
    assert_eq!(house.running.parked(), 1);
    let now = house.clock.now();
    deliver(&house);
    assert_eq!(waits.response().await.body, b"Changed");
    assert_eq!(house.clock.now(), now);
}
