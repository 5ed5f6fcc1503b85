//! A page of mail, and a Sync without news, through the commands over the memory store: no socket, no TLS, no disk.
#![allow(missing_docs, reason = "criterion's macro makes public functions")]
#![allow(clippy::expect_used, reason = "a benchmark that cannot go on fails")]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use easel_commands::{Reply, Request, Service, Settings, Sink, SinkClosed};
use easel_items::email;
use easel_plugin::NoPlugin;
use easel_protocol::{CollectionId, Facts, MailRecord, RequestLine, ServerId, WindowKey};
use easel_store::{ChangeSet, LocalBus, MemoryStore, NewContent, NewUser, Store, User, Write};
use easel_wbxml::pages::{airsync, airsyncbase, folder_hierarchy as fh};
use easel_wbxml::{Element, decode, encode};
use jiff::Timestamp;

const MAILS: u64 = 512;

struct NoSink;

impl Sink for NoSink {
    fn write(&mut self, _: Vec<u8>) -> Result<(), SinkClosed> {
        Ok(())
    }
}

struct Desk {
    service: Service,
    user: User,
    now: Timestamp,
}

impl Desk {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new(Arc::new(LocalBus::default())));
        let tenant = store.add_tenant("defaultcontext").expect("a tenant").id;
        let user = NewUser {
            tenant,
            name: "anna".into(),
            display_name: "Anna".into(),
            addresses: vec!["anna@example.org".into()],
            phones: Vec::new(),
            photo: None,
            zone: "Europe/Berlin".into(),
            password_hash: String::new(),
        };
        let user = store.add_user(&user).expect("a user");
        let now: Timestamp = "2026-03-02T10:00:00Z".parse().expect("a date");
        let text = "Gr=C3=BC=C3=9Fe aus M=C3=BCnchen, das Wetter k=C3=B6nnte besser sein.\r\n".repeat(80);
        let raw = format!(
            "From: Bob <bob@example.net>\r\nTo: anna@example.org\r\nSubject: Bericht\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
             <html><body><p>{text}</p></body></html>\r\n"
        );
        let indexed = email::index(raw.as_bytes(), now);
        let blob = store.put_blob(raw.as_bytes()).expect("room");
        let first = store.reserve_items(user.id, MAILS).expect("numbers").number();
        let mail = |number: u64| {
            let at = now.as_millisecond() - i64::try_from(number).expect("few");
            let content = NewContent::Mail {
                blob,
                size: raw.len() as u64,
                index: indexed.index.to_bytes(),
                record: MailRecord::arrived(at),
            };
            let facts = Facts { window: WindowKey(at), ..indexed.facts.clone() };
            Write::AddItem { id: ServerId::new(first + number), folder: CollectionId::new(1), content, facts }
        };
        let writes = (0..MAILS).map(mail).collect();
        store.commit(ChangeSet { user: user.id, author: None, writes }).expect("a change");
        let service = Service::new(store, Arc::new(NoPlugin), Settings::default(), Arc::new(move || now));
        Self { service, user, now }
    }

    fn ask(&self, command: &str, device: &str, body: &[u8]) -> Vec<u8> {
        let query = format!("Cmd={command}&User=anna&DeviceId={device}&DeviceType=bench");
        let line = RequestLine::parse(&query, Some("14.1"), None, None).expect("a query");
        let request = Request {
            line: &line,
            user: &self.user,
            user_agent: "bench",
            headers: &[],
            origin: None,
            content_type: "application/vnd.ms-sync.wbxml",
            body,
            now: self.now,
        };
        match self.service.handle(&request, &mut NoSink) {
            Reply::Answer(answer) => answer.body,
            Reply::Park(_) | Reply::Streamed | Reply::Cut => panic!("an answer at once"),
        }
    }

    /// Synchronises up to where the key says; the key of the answer.
    fn sync(&self, device: &str, key: &str) -> (String, usize) {
        let answer = self.ask("Sync", device, &sync(key));
        let root = decode(&answer).expect("a document");
        let collection = root.at(&[airsync::COLLECTIONS, airsync::COLLECTION]).expect("a collection");
        (collection.text_of(airsync::SYNC_KEY).expect("a key").into_owned(), answer.len())
    }
}

fn sync(key: &str) -> Vec<u8> {
    let preference = [Element::number(airsyncbase::TYPE, 2), Element::number(airsyncbase::TRUNCATION_SIZE, 32_768)];
    let options = Element::of(airsync::OPTIONS, [Element::of(airsyncbase::BODY_PREFERENCE, preference)]);
    let collection = [
        Element::text(airsync::SYNC_KEY, key),
        Element::text(airsync::COLLECTION_ID, "f1"),
        Element::number(airsync::WINDOW_SIZE, 100),
        options,
    ];
    let collections = Element::of(airsync::COLLECTIONS, [Element::of(airsync::COLLECTION, collection)]);
    encode(&Element::of(airsync::SYNC, [collections]))
}

fn pages(c: &mut Criterion) {
    let desk = Desk::new();
    let tree = encode(&Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, "0")]));
    desk.ask("FolderSync", "bench", &tree);
    let (first, _) = desk.sync("bench", "0");
    desk.sync("bench", &first);
    // The answer is taken as lost each time, so that the same page is made again and again.
    c.bench_function("a page of 100 mails, HTML of 6 KB each", |b| b.iter(|| desk.sync("bench", &first).1));
    desk.ask("FolderSync", "quiet", &tree);
    let (mut key, _) = desk.sync("quiet", "0");
    for _ in 0..MAILS.div_ceil(100) {
        key = desk.sync("quiet", &key).0;
    }
    let body = sync(&key);
    c.bench_function("a Sync without news", |b| b.iter(|| desk.ask("Sync", "quiet", &body).len()));
}

criterion_group!(benches, pages);
criterion_main!(benches);
