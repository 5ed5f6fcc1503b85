//! A server for one test, and a client that knows nothing but bytes.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use easel_commands::{Offer, Request, Sink};
use easel_protocol::{DeviceFacts, Version};
use easel_server::{
    Clock, Commands, Limits, Listener, ListenerKind, LoginOptions, Logins, ManualClock, Running, ServeOptions, Server,
    Turn,
};
use easel_store::{Bus, LocalBus, MemoryStore, NewUser, Store, User};
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const PASSWORD: &str = "s3cret";

/// A test that waits for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The commands of a test.
type Handler = Box<dyn Fn(&Request<'_>, &mut dyn Sink) -> Turn + Send + Sync>;

struct Script {
    bus: Arc<LocalBus>,
    handler: Handler,
}

impl Commands for Script {
    fn handle(&self, request: &Request<'_>, sink: &mut dyn Sink) -> Turn {
        (self.handler)(request, sink)
    }

    fn offer(&self, _user: &User, facts: &DeviceFacts) -> Offer {
        let versions = match (facts.device_id.as_str(), facts.device_type.as_str(), facts.user_agent.as_str()) {
            ("ABC", "Phone", "") => vec![Version::V14_1],
            ("", "", "Old/1") => vec![Version::V2_5],
            _ => vec![Version::V2_5, Version::V12_1],
        };
        let old = (facts.user_agent == "Old/1").then(|| ("ms-server-activesync".into(), "6.5.7638.1".to_owned()));
        Offer { versions, headers: old.into_iter().collect() }
    }

    fn names(&self) -> String {
        "Sync,Ping".to_owned()
    }

    fn bus(&self) -> &dyn Bus {
        &*self.bus
    }
}

/// A server, and what it stands on.
pub(crate) struct House {
    pub(crate) running: Running,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) bus: Arc<LocalBus>,
    pub(crate) logins: Arc<Logins>,
    pub(crate) clock: ManualClock,
    /// `anna` of `defaultcontext`.
    pub(crate) anna: User,
}

/// How a house differs from the usual one: a plain listener, the defaults.
pub(crate) struct Plan {
    pub(crate) options: ServeOptions,
    pub(crate) logins: LoginOptions,
}

pub(crate) fn plan(kinds: &[ListenerKind]) -> Plan {
    let listener = |kind: &ListenerKind| Listener { address: ([127, 0, 0, 1], 0).into(), kind: *kind };
    let listeners = kinds.iter().map(listener).collect();
    Plan { options: ServeOptions { listeners, ..ServeOptions::default() }, logins: LoginOptions::default() }
}

pub(crate) fn limited(limits: Limits) -> Plan {
    let mut plan = plan(&[ListenerKind::Plain]);
    plan.options.limits = limits;
    plan
}

impl Plan {
    pub(crate) fn build(self, handler: impl Fn(&Request<'_>, &mut dyn Sink) -> Turn + Send + Sync + 'static) -> House {
        let bus = Arc::new(LocalBus::default());
        let store = Arc::new(MemoryStore::new(Arc::clone(&bus) as Arc<dyn Bus>));
        let tenant = store.add_tenant("defaultcontext").unwrap();
        let anna = store.add_user(&person(&tenant, "anna")).unwrap();
        let clock = ManualClock::new(Timestamp::from_second(1_700_000_000).unwrap());
        let at: Arc<dyn Clock> = Arc::new(clock.clone());
        let logins = Arc::new(Logins::new(Arc::clone(&store) as Arc<dyn Store>, Arc::clone(&at), self.logins).unwrap());
        let script = Arc::new(Script { bus: Arc::clone(&bus), handler: Box::new(handler) });
        let running = Server::start_with(self.options, script, Arc::clone(&logins), at).unwrap();
        House { running, store, bus, logins, clock, anna }
    }
}

/// The usual house.
pub(crate) fn house(handler: impl Fn(&Request<'_>, &mut dyn Sink) -> Turn + Send + Sync + 'static) -> House {
    plan(&[ListenerKind::Plain]).build(handler)
}

/// A user with the password of all tests.
pub(crate) fn person(tenant: &easel_store::Tenant, name: &str) -> NewUser {
    static HASH: OnceLock<String> = OnceLock::new();
    NewUser {
        tenant: tenant.id,
        name: name.to_owned(),
        display_name: name.to_owned(),
        // Addresses know no case: two names that differ in case only need two of them.
        addresses: vec![format!("{}@mail.{}.example", name.replace('A', "upper-a"), tenant.name)],
        phones: Vec::new(),
        photo: None,
        zone: "Europe/Paris".to_owned(),
        password_hash: HASH.get_or_init(|| Logins::hash_password(PASSWORD)).clone(),
    }
}

impl House {
    pub(crate) async fn client(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.running.addresses()[0]).await.unwrap())
    }

    /// Gives way until `reached`, which something already under way will bring about.
    pub(crate) async fn until(&self, reached: impl Fn(&Self) -> bool) {
        let reaching = async {
            while !reached(self) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, reaching).await.expect("it comes about");
    }
}

/// A client over some stream.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
    read: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) code: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// Without chunks.
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Sends and reads the answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Response {
        self.send(request).await;
        self.response().await
    }

    pub(crate) async fn response(&mut self) -> Response {
        let response = self.head().await;
        let body = match (response.header("content-length"), response.header("transfer-encoding")) {
            (Some(length), None) => self.take(length.parse().unwrap()).await,
            (None, Some("chunked")) => self.chunks().await.expect("the answer is whole"),
            other => panic!("an answer is framed: {other:?}"),
        };
        Response { body, ..response }
    }

    /// Only the head.
    pub(crate) async fn head(&mut self) -> Response {
        let head = self.line_until(b"\r\n\r\n").await.expect("an answer");
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap();
        let code = status.split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        };
        let headers = lines.filter(|line| !line.is_empty()).map(header).collect();
        Response { code, headers, body: Vec::new() }
    }

    /// The chunks up to the last one; `None` when the connection ends before it.
    pub(crate) async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = self.line_until(b"\r\n").await?;
            let size = usize::from_str_radix(size.trim_end(), 16).unwrap();
            while self.read.len() < size + 2 {
                self.more().await?;
            }
            body.extend(self.read.drain(..size));
            self.read.drain(..2);
            if size == 0 {
                return Some(body);
            }
        }
    }

    /// Whether the server ends the connection without another byte.
    pub(crate) async fn ended(&mut self) -> bool {
        self.read.is_empty() && self.more().await.is_none() && self.read.is_empty()
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await.is_some() {}
        std::mem::take(&mut self.read)
    }

    async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            self.more().await.expect("the answer is whole");
        }
        self.read.drain(..length).collect()
    }

    async fn line_until(&mut self, end: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end) {
                let line = self.read.drain(..at + end.len()).collect();
                return Some(String::from_utf8(line).unwrap());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Option<()> {
        let read = self.stream.read_buf(&mut self.read);
        let length = tokio::time::timeout(PATIENCE, read).await.expect("it comes about");
        length.ok().filter(|length| *length > 0).map(drop)
    }
}

pub(crate) fn basic(login: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{login}:{password}")))
}

/// A POST of anna's device `D1`; `headers` are whole lines.
pub(crate) fn post(command: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    post_as(&basic("anna", PASSWORD), "D1", command, headers, body)
}

pub(crate) fn post_as(credentials: &str, device: &str, command: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /Microsoft-Server-ActiveSync?Cmd={command}&User=anna&DeviceId={device}&DeviceType=Phone HTTP/1.1\r\n\
         Host: easel\r\nMS-ASProtocolVersion: 14.1\r\n{credentials}{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
