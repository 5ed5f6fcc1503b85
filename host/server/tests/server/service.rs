//! The commands themselves behind the server, and phones in front of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use easel_commands::{Service, Settings};
use easel_items::email;
use easel_plugin::NoPlugin;
use easel_protocol::{CollectionId, Command, Facts, FolderType, MailRecord, WindowKey};
use easel_server::{Clock, Listener, ListenerKind, LoginOptions, Logins, ManualClock, Running, ServeOptions, Server};
use easel_store::{Bus, ChangeSet, LocalBus, MemoryStore, NewContent, Store, User, Write};
use easel_test_support::{Identity, Phone, Socket};
use jiff::Timestamp;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::house::{PASSWORD, person};
use crate::tls::{Files, certificate};

/// The whole server over the memory store.
struct Whole {
    running: Running,
    store: Arc<MemoryStore>,
    clock: ManualClock,
    anna: User,
    _files: Files,
}

fn whole() -> Whole {
    let files = certificate("localhost");
    let store = Arc::new(MemoryStore::new(Arc::new(LocalBus::default()) as Arc<dyn Bus>));
    let tenant = store.add_tenant("defaultcontext").unwrap();
    let anna = store.add_user(&person(&tenant, "anna")).unwrap();
    let clock = ManualClock::new(Timestamp::from_second(1_700_000_000).unwrap());
    let (dyn_store, dyn_clock) = (Arc::clone(&store) as Arc<dyn Store>, Arc::new(clock.clone()) as Arc<dyn Clock>);
    let logins = Logins::new(Arc::clone(&dyn_store), Arc::clone(&dyn_clock), LoginOptions::default()).unwrap();
    let now = clock.clone();
    let service = Service::new(dyn_store, Arc::new(NoPlugin), Settings::default(), Arc::new(move || Clock::now(&now)));
    let options = ServeOptions {
        listeners: vec![Listener { address: ([127, 0, 0, 1], 0).into(), kind: ListenerKind::Tls }],
        tls: Some(files.tls.clone()),
        ..ServeOptions::default()
    };
    let running = Server::start(options, Arc::new(service), Arc::new(logins), dyn_clock).unwrap();
    Whole { running, store, clock, anna, _files: files }
}

impl Whole {
    fn phone(&self, identity: Identity) -> Phone<Socket> {
        phone(self.running.addresses()[0], identity)
    }

    fn deliver(&self, subject: &str) {
        let raw = format!("From: bob@example.org\r\nTo: anna@example.org\r\nSubject: {subject}\r\n\r\nHello\r\n");
        let received = self.clock.now();
        let indexed = email::index(raw.as_bytes(), received);
        let millis = received.as_millisecond();
        let content = NewContent::Mail {
            blob: self.store.put_blob(raw.as_bytes()).unwrap(),
            size: raw.len() as u64,
            index: indexed.index.to_bytes(),
            record: MailRecord::arrived(millis),
        };
        let id = self.store.reserve_items(self.anna.id, 1).unwrap();
        let facts = Facts { window: WindowKey(millis), ..indexed.facts };
        let write = Write::AddItem { id, folder: CollectionId::new(1), content, facts };
        self.store.commit(ChangeSet { user: self.anna.id, author: None, writes: vec![write] }).unwrap();
    }

    async fn parked(&self, count: usize) {
        let waiting = async {
            while self.running.parked() != count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("they come to wait");
    }
}

fn phone(address: SocketAddr, identity: Identity) -> Phone<Socket> {
    Phone::new(Socket::new(address, "anna", PASSWORD), identity, "anna")
}

type Waits = JoinHandle<(Phone<Socket>, String, Vec<String>)>;

/// A phone that waits for its inbox, which it has synced.
fn wait(mut phone: Phone<Socket>, inbox: &str) -> Waits {
    let inbox = inbox.to_owned();
    spawn_blocking(move || {
        let (status, changed) = phone.ping(&[inbox], 600).unwrap();
        (phone, status, changed)
    })
}

async fn ready(whole: &Whole, identity: Identity) -> (Phone<Socket>, String) {
    let mut phone = whole.phone(identity);
    spawn_blocking(move || {
        let options = phone.options().unwrap();
        assert_eq!(options.header("ms-asprotocolversions"), Some("2.5,12.0,12.1,14.0,14.1,16.0,16.1"));
        let commands: Vec<&str> = options.header("ms-asprotocolcommands").unwrap().split(',').collect();
        assert!(commands.contains(&"Sync") && commands.contains(&"Ping"), "{commands:?}");
        phone.folder_sync().unwrap();
        let inbox = phone.folder(FolderType::Inbox).unwrap();
        phone.sync_folder(&inbox, 100).unwrap();
        (phone, inbox)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn f2_a_mail_wakes_every_phone_that_waits_and_is_synced_over_the_same_connection() {
    let whole = whole();
    for identity in [Identity::nokia_n97(), Identity::iphone_3gs(), Identity::android(), Identity::iphone_today()] {
        let (phone, inbox) = ready(&whole, identity).await;
        let before = phone.items(&inbox).len();
        let waits = wait(phone, &inbox);
        whole.parked(1).await;
        whole.deliver("ping");
        let (mut phone, status, changed) = waits.await.unwrap();
        assert_eq!((status.as_str(), &changed), ("2", &vec![inbox.clone()]));
        let synced = spawn_blocking(move || {
            phone.sync_folder(&inbox, 100).unwrap();
            phone.items(&inbox).len()
        });
        assert_eq!(synced.await.unwrap(), before + 1);
    }
}

#[tokio::test]
async fn a_newer_ping_ends_the_older_and_time_ends_the_newer() {
    let whole = whole();
    let (older, inbox) = ready(&whole, Identity::iphone_3gs()).await;
    let waits = wait(older, &inbox);
    whole.parked(1).await;
    let newer = wait(whole.phone(Identity::iphone_3gs()), &inbox);
    let (_, status, changed) = waits.await.unwrap();
    assert_eq!((status.as_str(), changed.len()), ("1", 0));
    whole.parked(1).await;
    whole.clock.advance(Duration::from_secs(600));
    assert_eq!(newer.await.unwrap().1, "1");
}

#[tokio::test]
async fn x11_every_answer_is_empty_or_wbxml() {
    let whole = whole();
    let (mut phone, _) = ready(&whole, Identity::android()).await;
    spawn_blocking(move || {
        for command in [Command::Sync, Command::FolderSync, Command::Ping, Command::MoveItems, Command::Search] {
            for body in [&b""[..], b"rubbish", b"\x03\x01\x6A\x00"] {
                let request = phone.request(command, body, "application/vnd.ms-sync.wbxml");
                let answer = easel_test_support::Transport::exchange(&mut phone.transport, &request).unwrap();
                let wbxml = answer.body.starts_with(b"\x03\x01\x6A");
                assert!(answer.body.is_empty() || wbxml, "{command}: {:?}", answer.body);
                let kind = answer.header("content-type");
                assert_eq!(kind, wbxml.then_some("application/vnd.ms-sync.wbxml"), "{command}");
            }
        }
    })
    .await
    .unwrap();
}
