//! A whole service without sockets: the memory store, the commands, and phones that speak to them.

#![allow(dead_code, reason = "each test file uses its part of the desk")]
#![allow(unreachable_pub, reason = "the desk is a module of several test files")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Mutex};

use easel_commands::{Answer, Parked, Reply, Request, Service, Settings, Sink, SinkClosed, Why};
use easel_items::email;
use easel_plugin::{DevicePlugins, NoPlugin};
use easel_protocol::{CollectionId, DeviceFacts, Facts, MailRecord, RequestLine, ServerId, WindowKey};
use easel_store::{ChangeSet, LocalBus, MemoryStore, Modseq, NewContent, NewUser, Store, TenantId, User, Write};
use easel_test_support::{HttpRequest, HttpResponse, Identity, Phone, Transport};
use jiff::Timestamp;

pub struct Desk {
    pub service: Arc<Service>,
    pub store: Arc<MemoryStore>,
    pub tenant: TenantId,
    pub user: User,
    pub now: Arc<Mutex<Timestamp>>,
}

impl Desk {
    pub fn new() -> Self {
        Self::with(Arc::new(NoPlugin), Settings::default())
    }

    pub fn with(plugin: Arc<dyn DevicePlugins>, settings: Settings) -> Self {
        let store = Arc::new(MemoryStore::new(Arc::new(LocalBus::default())));
        let tenant = store.add_tenant("defaultcontext").unwrap().id;
        let user = add_user(&store, tenant, "anna");
        let now: Timestamp = "2026-03-02T10:00:00Z".parse().unwrap();
        let now = Arc::new(Mutex::new(now));
        let clock = Arc::clone(&now);
        let clock = Arc::new(move || *clock.lock().unwrap());
        let shared: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
        let service = Arc::new(Service::new(shared, plugin, settings, clock));
        Self { service, store, tenant, user, now }
    }

    pub fn at(&self, now: &str) {
        *self.now.lock().unwrap() = now.parse().unwrap();
    }

    pub fn phone(&self, identity: Identity) -> Phone<Line> {
        self.phone_of(identity, &self.user)
    }

    pub fn phone_of(&self, identity: Identity, user: &User) -> Phone<Line> {
        let line =
            Line { service: Arc::clone(&self.service), user: user.clone(), now: Arc::clone(&self.now), parked: None };
        Phone::new(line, identity, &user.name)
    }

    /// A mail arrives.
    pub fn deliver(&self, folder: u64, raw: &str) -> ServerId {
        let received = *self.now.lock().unwrap();
        self.deliver_at(folder, raw, received)
    }

    pub fn deliver_at(&self, folder: u64, raw: &str, received: Timestamp) -> ServerId {
        let id = self.store.reserve_items(self.user.id, 1).unwrap();
        let write = self.mail(id, folder, raw, received);
        self.commit(vec![write]);
        id
    }

    pub fn mail(&self, id: ServerId, folder: u64, raw: &str, received: Timestamp) -> Write {
        let blob = self.store.put_blob(raw.as_bytes()).unwrap();
        let indexed = email::index(raw.as_bytes(), received);
        let received = received.as_millisecond();
        let content = NewContent::Mail {
            blob,
            size: raw.len() as u64,
            index: indexed.index.to_bytes(),
            record: MailRecord::arrived(received),
        };
        let facts = Facts { window: WindowKey(received), ..indexed.facts };
        Write::AddItem { id, folder: CollectionId::new(folder), content, facts }
    }

    /// An event, contact, task or note is made on the server.
    pub fn add(&self, folder: u64, content: &str) -> ServerId {
        let id = self.store.reserve_items(self.user.id, 1).unwrap();
        self.commit(vec![Write::AddItem {
            id,
            folder: CollectionId::new(folder),
            content: NewContent::Object(content.to_owned()),
            facts: Facts::of(WindowKey::FOREVER),
        }]);
        id
    }

    pub fn edit(&self, id: ServerId, content: &str) {
        let seen = self.store.modseq(self.user.id);
        let (content, facts) = (content.to_owned(), Facts::of(WindowKey::FOREVER));
        self.commit(vec![Write::ChangeContent { id, content, facts, seen }]);
    }

    pub fn commit(&self, writes: Vec<Write>) -> Modseq {
        self.store.commit(ChangeSet { user: self.user.id, author: None, writes }).unwrap().modseq
    }

    /// The text of an event, contact, task or note as it is stored.
    pub fn stored(&self, id: ServerId) -> Option<String> {
        let snapshot = self.store.snapshot(self.user.id).unwrap();
        match snapshot.item(id).unwrap()?.content {
            easel_store::Content::Object(text) => Some(text),
            easel_store::Content::Mail(_) => None,
        }
    }

    pub fn count(&self, folder: u64) -> u64 {
        self.store.snapshot(self.user.id).unwrap().count(CollectionId::new(folder)).unwrap()
    }
}

pub fn add_user(store: &MemoryStore, tenant: TenantId, name: &str) -> User {
    let user = NewUser {
        tenant,
        name: name.into(),
        display_name: name.into(),
        addresses: vec![format!("{name}@tenant{}.example", tenant.0)],
        phones: Vec::new(),
        photo: None,
        zone: "Europe/Berlin".into(),
        password_hash: String::new(),
    };
    store.add_user(&user).unwrap()
}

/// From a phone straight to the service.
pub struct Line {
    pub service: Arc<Service>,
    pub user: User,
    pub now: Arc<Mutex<Timestamp>>,
    /// The request that waits, if one does.
    pub parked: Option<Parked>,
}

struct Pieces(Vec<u8>);

impl Sink for Pieces {
    fn write(&mut self, piece: Vec<u8>) -> Result<(), SinkClosed> {
        self.0.extend(piece);
        Ok(())
    }
}

impl Line {
    /// Goes on with the request that waits; `None` when it waits again.
    pub fn go_on(&mut self, why: Why) -> Option<HttpResponse> {
        let parked = self.parked.take().expect("a request that waits");
        let now = *self.now.lock().unwrap();
        let mut pieces = Pieces(Vec::new());
        let reply = self.service.resume(&self.user, parked.resume, why, now, &mut pieces);
        self.answered(reply, pieces)
    }

    fn answered(&mut self, reply: Reply, pieces: Pieces) -> Option<HttpResponse> {
        let answer = match reply {
            Reply::Answer(answer) => answer,
            Reply::Park(parked) => {
                self.parked = Some(parked);
                return None;
            }
            Reply::Streamed => Answer::bytes("application/vnd.ms-sync.wbxml", pieces.0),
            Reply::Cut => return Some(HttpResponse::default()),
        };
        let mut headers: Vec<(String, String)> =
            answer.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        headers.extend(answer.content_type.map(|kind| ("content-type".to_owned(), kind)));
        Some(HttpResponse { code: answer.code, headers, body: answer.body })
    }
}

impl Transport for Line {
    /// A request that waits is answered as if its time were over, unless the test takes it before.
    fn exchange(&mut self, request: &HttpRequest) -> anyhow::Result<HttpResponse> {
        let header = |name: &str| {
            request.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
        };
        if request.method == "OPTIONS" {
            let versions = self.service.offer(&self.user, &DeviceFacts::default()).versions;
            let versions = versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            let headers = vec![("ms-asprotocolversions".to_owned(), versions)];
            return Ok(HttpResponse { code: 200, headers, body: Vec::new() });
        }
        let (version, key) = (header("MS-ASProtocolVersion"), header("X-MS-PolicyKey"));
        let line = RequestLine::parse(&request.query, version, key, header("MS-ASAcceptMultiPart"))?;
        let now = *self.now.lock().unwrap();
        let lower = |(name, value): &(String, String)| (name.to_ascii_lowercase(), value.clone());
        let headers: Vec<_> = request.headers.iter().map(lower).collect();
        let request = Request {
            line: &line,
            user: &self.user,
            user_agent: header("User-Agent").unwrap_or_default(),
            headers: &headers,
            origin: None,
            content_type: header("Content-Type").unwrap_or_default(),
            body: &request.body,
            now,
        };
        let mut pieces = Pieces(Vec::new());
        let reply = self.service.handle(&request, &mut pieces);
        if let Some(response) = self.answered(reply, pieces) {
            return Ok(response);
        }
        Ok(self.go_on(Why::TimeUp).expect("time is up"))
    }
}

pub fn raw_mail(subject: &str) -> String {
    format!(
        "From: Bob <bob@example.org>\r\nTo: Anna <anna@tenant1.example>\r\nSubject: {subject}\r\n\
         Date: Mon, 2 Mar 2026 09:00:00 +0000\r\nMessage-ID: <{subject}@example.org>\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\nHello, this is {subject}.\r\n"
    )
}
