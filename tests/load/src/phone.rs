//! Phones: who they are, what they send, and how they synchronise over one kept-alive TLS connection.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use easel_protocol::{CollectionId, Command, Version};
use easel_store::AppSecret;
use easel_wbxml::pages::{airsync, airsyncbase, folder_hierarchy as fh, ping};
use easel_wbxml::{Element, Tag, decode, encode};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::clock::now;
use crate::http::{Answer, Head, Reader};
use crate::scan::Synced;

/// Everybody's password.
pub(crate) const PASSWORD: &str = "a password of sixteen words";
/// DeviceType of every phone of the load program.
const DEVICE_TYPE: &str = "LoadPhone";
/// User-Agent of phones that no pack is for.
pub(crate) const USER_AGENT: &str = "EaselLoad/1.0";
/// How long an answer may take that is not held back.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pages of one synchronisation.
const PAGES_MAX: usize = 100_000;

/// Who a phone is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) user: String,
    pub(crate) device: String,
    pub(crate) version: Version,
    /// User-Agent, by which packs know it.
    pub(crate) agent: &'static str,
    /// The app password it logs in with; `None`: the user's own password.
    pub(crate) app_password: Option<String>,
}

impl Identity {
    pub(crate) fn new(user: &str, device: &str, version: Version) -> Self {
        Self { user: user.to_owned(), device: device.to_owned(), version, agent: USER_AGENT, app_password: None }
    }

    /// The same under another User-Agent.
    pub(crate) fn called(self, agent: &'static str) -> Self {
        Self { agent, ..self }
    }

    /// The same with an app password.
    pub(crate) fn with_app_password(self, secret: &AppSecret) -> Self {
        Self { app_password: Some(secret.text()), ..self }
    }

    /// What stands behind `?`: plain up to 12.1, base64 above, as phones of these versions do.
    pub(crate) fn query(&self, command: Command) -> String {
        if self.version <= Version::V12_1 {
            let (user, device) = (&self.user, &self.device);
            return format!("Cmd={command}&User={user}&DeviceId={device}&DeviceType={DEVICE_TYPE}");
        }
        let mut bytes = vec![self.version.times_ten(), command.code(), 0x09, 0x04];
        for value in [self.device.as_bytes(), &0_u32.to_le_bytes(), DEVICE_TYPE.as_bytes()] {
            bytes.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(value);
        }
        STANDARD_NO_PAD.encode(bytes)
    }

    /// MS-ASProtocolVersion, which a base64 query carries itself.
    pub(crate) fn version_header(&self) -> Option<String> {
        (self.version <= Version::V12_1).then(|| self.version.to_string())
    }

    fn login(&self) -> String {
        let password = self.app_password.as_deref().unwrap_or(PASSWORD);
        STANDARD.encode(format!("{}:{password}", self.user))
    }

    /// The whole request.
    pub(crate) fn request(&self, command: Command, body: &[u8]) -> Vec<u8> {
        let version = self.version_header();
        let version = version.map(|version| format!("MS-ASProtocolVersion: {version}\r\nX-MS-PolicyKey: 0\r\n"));
        let kind = if body.is_empty() { "" } else { "Content-Type: application/vnd.ms-sync.wbxml\r\n" };
        let head = format!(
            "POST /Microsoft-Server-ActiveSync?{} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {}\r\n\
             Accept: */*\r\nAccept-Language: en-us\r\nAuthorization: Basic {}\r\n{}{kind}Content-Length: {}\r\n\r\n",
            self.query(command),
            self.agent,
            self.login(),
            version.unwrap_or_default(),
            body.len()
        );
        [head.as_bytes(), body].concat()
    }

    /// What a phone asks first.
    pub(crate) fn options(&self) -> Vec<u8> {
        format!(
            "OPTIONS /Microsoft-Server-ActiveSync HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {}\r\n\
             Authorization: Basic {}\r\nContent-Length: 0\r\n\r\n",
            self.agent,
            self.login()
        )
        .into_bytes()
    }
}

/// A collection, and how its items are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The number of the folder: well-known ones have the same in every mailbox.
    pub(crate) folder: u64,
    /// Type of the BodyPreference: 1 text, 2 HTML; `None` asks for no bodies.
    pub(crate) body: Option<u8>,
    /// WindowSize.
    pub(crate) window: u32,
}

/// The Inbox, bodies in HTML cut at 32 KB, a hundred at once.
pub(crate) const INBOX: Wanted = Wanted { folder: 1, body: Some(2), window: 100 };
/// The calendar.
pub(crate) const CALENDAR: Wanted = Wanted { folder: 6, body: Some(1), window: 100 };
/// The contacts.
pub(crate) const CONTACTS: Wanted = Wanted { folder: 7, body: Some(1), window: 100 };

/// The Inbox in pages as large as there are.
pub(crate) const WIDE_INBOX: Wanted = Wanted { folder: 1, body: Some(2), window: 512 };

/// TruncationSize.
const CUT_AT: i64 = 32 << 10;

impl Wanted {
    /// The folder, as it is named on the wire.
    pub(crate) const fn id(&self) -> CollectionId {
        CollectionId::new(self.folder)
    }

    /// The request for what is new since `key`; key 0 begins, and brings no items yet.
    pub(crate) fn since(&self, key: &str) -> Vec<u8> {
        Self::request([(self, key)])
    }

    /// The request for several collections.
    pub(crate) fn request<'a>(wanted: impl IntoIterator<Item = (&'a Self, &'a str)>) -> Vec<u8> {
        let collections = wanted.into_iter().map(|(wanted, key)| wanted.element(key, Vec::new()));
        encode(&Element::of(airsync::SYNC, [Element::of(airsync::COLLECTIONS, collections)]))
    }

    /// The same with commands of the phone's.
    pub(crate) fn sending(&self, key: &str, commands: Vec<Element>) -> Vec<u8> {
        let collection = self.element(key, commands);
        encode(&Element::of(airsync::SYNC, [Element::of(airsync::COLLECTIONS, [collection])]))
    }

    fn element(&self, key: &str, commands: Vec<Element>) -> Element {
        let mut collection = Element::of(
            airsync::COLLECTION,
            [Element::text(airsync::SYNC_KEY, key), Element::text(airsync::COLLECTION_ID, self.id().to_string())],
        );
        if key == "0" {
            return collection;
        }
        let mut options = Element::of(airsync::OPTIONS, [Element::number(airsync::FILTER_TYPE, 0)]);
        if let Some(kind) = self.body {
            let preference =
                [Element::number(airsyncbase::TYPE, kind), Element::number(airsyncbase::TRUNCATION_SIZE, CUT_AT)];
            options.push(Element::of(airsyncbase::BODY_PREFERENCE, preference));
        }
        collection.extend([
            Element::boolean(airsync::GET_CHANGES, true),
            Element::number(airsync::WINDOW_SIZE, self.window),
            options,
        ]);
        if !commands.is_empty() {
            collection.push(Element::of(airsync::COMMANDS, commands));
        }
        collection
    }
}

/// FolderSync from the beginning.
pub(crate) fn folder_sync() -> Vec<u8> {
    encode(&Element::of(fh::FOLDER_SYNC, [Element::text(fh::SYNC_KEY, "0")]))
}

/// Ping for the Inbox, as long as the default configuration lets it wait.
pub(crate) fn ping_inbox() -> Vec<u8> {
    let folder = [Element::text(ping::ID, INBOX.id().to_string()), Element::text(ping::CLASS, "Email")];
    let folders = Element::of(ping::FOLDERS, [Element::of(ping::FOLDER, folder)]);
    encode(&Element::of(ping::PING, [Element::number(ping::HEARTBEAT_INTERVAL, 3540), folders]))
}

/// The text of an element of an answer that is not Sync's.
pub(crate) fn text_in(body: &[u8], path: &[Tag]) -> anyhow::Result<String> {
    let root = decode(body).context("an answer that is no WBXML")?;
    Ok(root.at(path).with_context(|| format!("no {path:?} in {root:?}"))?.value().into_owned())
}

/// Where phones connect.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
}

impl Door {
    pub(crate) fn new(address: SocketAddr, tls: Arc<ClientConfig>) -> Self {
        Self { address, tls }
    }

    /// A connection from the `number`-th of a million loopback addresses: phones do not all share one, and the server
    /// bounds what one address may have.
    pub(crate) async fn connect(&self, number: usize) -> anyhow::Result<Line> {
        self.greet(self.half_open(number, None).await?).await
    }

    /// The same, with so few bytes of room for what was not read yet.
    pub(crate) async fn connect_narrow(&self, number: usize, room: u32) -> anyhow::Result<Line> {
        self.greet(self.half_open(number, Some(room)).await?).await
    }

    /// A connection without the handshake.
    pub(crate) async fn half_open(&self, number: usize, room: Option<u32>) -> anyhow::Result<TcpStream> {
        let [_, high, middle, low] = u32::try_from(number % 1_000_000 + 1).unwrap_or(1).to_be_bytes();
        let from = SocketAddr::from((Ipv4Addr::new(127, 64 | high, middle, low), 0));
        let socket = TcpSocket::new_v4()?;
        if let Some(room) = room {
            socket.set_recv_buffer_size(room)?;
        }
        // Which port is left to the moment of connecting, where only the pair has to be free.
        socket.bind(from).with_context(|| format!("binding {from}"))?;
        let stream = socket.connect(self.address).await.with_context(|| format!("connecting to {}", self.address))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn greet(&self, stream: TcpStream) -> anyhow::Result<Line> {
        let name = ServerName::try_from("localhost").context("a name")?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await.context("the handshake")?;
        Ok(Line { stream: Box::new(stream), reader: Reader::default() })
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Line {
    stream: Box<TlsStream<TcpStream>>,
    reader: Reader,
}

impl Line {
    /// Sends a request, whole.
    pub(crate) async fn send(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await.context("sending a request")?;
        self.stream.flush().await.context("sending a request")
    }

    /// Waits for an answer as long as it takes.
    pub(crate) async fn answer(&mut self) -> anyhow::Result<Answer> {
        let answer = self.reader.read(&mut *self.stream).await.context("waiting for an answer")?;
        Ok(answer)
    }

    /// Waits for the head of an answer.
    pub(crate) async fn head(&mut self) -> anyhow::Result<Head> {
        self.reader.head(&mut *self.stream).await.context("waiting for an answer")
    }

    /// Reads so much at once at most; 0 when the server has closed.
    pub(crate) async fn sip(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.read(bytes).await
    }

    /// One request and its answer, whatever its code.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.send(request).await?;
        tokio::time::timeout(PATIENCE, self.answer()).await.context("no answer within a minute")?
    }

    /// One request, which is answered with 200.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        let answer = self.exchange(request).await?;
        ensure!(answer.code == 200, "a request was answered with {}", answer.code);
        ensure!(!answer.closes, "the server closes a connection that was to be kept");
        Ok(answer)
    }
}

/// A phone and its connection.
#[derive(Debug)]
pub(crate) struct Phone {
    pub(crate) identity: Identity,
    pub(crate) line: Line,
}

/// What a synchronisation brought.
#[derive(Clone, Debug, Default)]
pub(crate) struct Brought {
    /// The key of what the phone has now.
    pub(crate) key: String,
    /// The ServerIds, in the order they came.
    pub(crate) items: Vec<String>,
    /// Bytes of answers, without their heads.
    pub(crate) bytes: u64,
    /// Whether there is more.
    pub(crate) more: bool,
}

impl Phone {
    pub(crate) async fn connect(door: &Door, number: usize, identity: Identity) -> anyhow::Result<Self> {
        let line = door.connect(number).await.with_context(|| format!("the phone of {}", identity.user))?;
        Ok(Self { identity, line })
    }

    pub(crate) async fn ask(&mut self, command: Command, body: &[u8]) -> anyhow::Result<Answer> {
        let request = self.identity.request(command, body);
        let (user, device) = (&self.identity.user, &self.identity.device);
        self.line.ask(&request).await.with_context(|| format!("{command} of {user}, device {device}"))
    }

    /// FolderSync from the beginning.
    pub(crate) async fn folder_sync(&mut self) -> anyhow::Result<()> {
        let answer = self.ask(Command::FolderSync, &folder_sync()).await?;
        let status = text_in(&answer.body, &[fh::STATUS])?;
        ensure!(status == "1", "FolderSync was answered with Status {status}");
        Ok(())
    }

    /// Begins a collection; its first key.
    pub(crate) async fn begin(&mut self, wanted: &Wanted) -> anyhow::Result<String> {
        let answer = self.ask(Command::Sync, &wanted.since("0")).await?;
        let synced = Synced::read(&answer.body)?;
        ensure!(synced.added.is_empty(), "items came with key 0");
        Ok(synced.key)
    }

    /// Goes on from `key` until nothing is left. `watch` hears of each page.
    pub(crate) async fn go_on(
        &mut self,
        wanted: &Wanted,
        key: String,
        mut watch: impl FnMut(Page) -> anyhow::Result<()>,
    ) -> anyhow::Result<Brought> {
        let mut brought = Brought { key, more: true, ..Brought::default() };
        for _ in 0..PAGES_MAX {
            self.page(wanted, &mut brought, &mut watch).await?;
            if !brought.more {
                return Ok(brought);
            }
        }
        bail!("a synchronisation never ends")
    }

    /// Asks for one page more.
    pub(crate) async fn page(
        &mut self,
        wanted: &Wanted,
        brought: &mut Brought,
        watch: &mut impl FnMut(Page) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let request = self.identity.request(Command::Sync, &wanted.since(&brought.key));
        let asked = now();
        let answer = self.line.ask(&request).await?;
        watch(Page { asked, first_byte: answer.first_byte, end: now() })?;
        brought.more = false;
        if answer.body.is_empty() {
            return Ok(());
        }
        let synced = Synced::read(&answer.body)?;
        ensure!(synced.others == 0, "a first synchronisation brings something else than Add");
        brought.bytes += answer.body.len() as u64;
        brought.key = synced.key;
        brought.more = synced.more;
        brought.items.extend(synced.added);
        Ok(())
    }

    /// FolderSync, then a whole collection.
    pub(crate) async fn synchronise(&mut self, wanted: &Wanted) -> anyhow::Result<Brought> {
        self.folder_sync().await?;
        let key = self.begin(wanted).await?;
        self.go_on(wanted, key, |_| Ok(())).await
    }
}

/// When one page came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) asked: Instant,
    pub(crate) first_byte: Instant,
    pub(crate) end: Instant,
}

#[cfg(test)]
mod tests {
    use easel_protocol::{QueryForm, RequestLine};

    use super::*;

    #[test]
    fn the_server_reads_queries_of_both_forms_as_they_are_meant() {
        for (version, form) in [(Version::V12_1, QueryForm::Plain), (Version::V16_1, QueryForm::Base64)] {
            let identity = Identity::new("p00001", "LOADP00001D0", version);
            let header = identity.version_header();
            let line = RequestLine::parse(&identity.query(Command::Sync), header.as_deref(), None, None).unwrap();
            assert_eq!((line.form, line.command, line.version), (form, Command::Sync, Some(version)));
            assert_eq!((line.device_id.as_str(), line.device_type.as_str()), ("LOADP00001D0", DEVICE_TYPE));
        }
    }

    #[test]
    fn a_request_says_how_long_its_body_is() {
        let request = Identity::new("u", "D", Version::V12_1).request(Command::Sync, &INBOX.since("0"));
        let text = String::from_utf8_lossy(&request);
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        assert!(head.contains("MS-ASProtocolVersion: 12.1\r\n"), "{head}");
        assert_eq!(
            text_in(body.as_bytes(), &[airsync::COLLECTIONS, airsync::COLLECTION, airsync::SYNC_KEY]).unwrap(),
            "0"
        );
    }
}
