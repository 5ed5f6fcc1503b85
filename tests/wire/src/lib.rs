//! The whole server in one process: TLS on a real socket, SQLite in a real directory, a clock that is turned by hand.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use easel_commands::{Service, Settings};
use easel_plugin::{DevicePlugins, NoPlugin};
use easel_protocol::{Class, CollectionId, Facts, MailRecord, ServerId, WindowKey};
use easel_server::{
    Clock, Listener, ListenerKind, LoginOptions, Logins, ManualClock, Networks, Running, ServeOptions, Server, TlsFiles,
};
use easel_store::{Bus, ChangeSet, Content, GalEntry, LocalBus, NewContent, NewUser, Store, User, Write};
use easel_store_sqlite::SqliteStore;
use easel_test_support::{Identity, Phone, Socket};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Everybody's password.
pub const PASSWORD: &str = "s3cret, with b\u{e4}r";

/// A server that runs, and what it stands on.
pub struct House {
    dir: TempDir,
    runtime: Runtime,
    running: Option<Running>,
    /// The store; gone between [`House::stop`] and [`House::start`].
    pub store: Option<Arc<SqliteStore>>,
    /// The clock of the server.
    pub clock: ManualClock,
    /// Anna of `defaultcontext`.
    pub anna: User,
    /// Zoë of `ox.io`.
    pub zoe: User,
    plugin: Arc<dyn DevicePlugins>,
    settings: Settings,
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("House").finish_non_exhaustive()
    }
}

impl Default for House {
    fn default() -> Self {
        Self::with(Arc::new(NoPlugin), Settings::default())
    }
}

impl House {
    /// A house with a plugin and settings of its own, on the second of March 2026 at ten.
    ///
    /// # Panics
    /// When the machine does not let it listen or write.
    pub fn with(plugin: Arc<dyn DevicePlugins>, settings: Settings) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let store = open(&dir.path().join("data"));
        let user = |tenant: &str, name: &str, zone: &str| {
            let tenant = store.add_tenant(tenant).expect("a new tenant");
            let address = format!("{name}@{}", if tenant.name.contains('.') { &tenant.name } else { "example.org" });
            let user = NewUser {
                tenant: tenant.id,
                name: name.into(),
                display_name: name.into(),
                addresses: vec![address.clone()],
                phones: Vec::new(),
                photo: None,
                zone: zone.into(),
                password_hash: Logins::hash_password(PASSWORD),
            };
            let user = store.add_user(&user).expect("a new user");
            let entry = GalEntry {
                user: Some(user.id),
                display_name: format!("{name} of {}", tenant.name),
                email: address,
                ..GalEntry::default()
            };
            store.put_gal_entry(tenant.id, &entry).expect("an entry");
            user
        };
        let anna = user("defaultcontext", "anna", "Europe/Berlin");
        let zoe = user("ox.io", "zoe", "Europe/Paris");
        let now: Timestamp = "2026-03-02T10:00:00Z".parse().expect("a date");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        std::fs::write(dir.path().join("certificate.pem"), certificate.cert.pem()).expect("a file");
        std::fs::write(dir.path().join("key.pem"), certificate.signing_key.serialize_pem()).expect("a file");
        let mut house = Self {
            dir,
            runtime: runtime.expect("a runtime"),
            running: None,
            store: Some(Arc::new(store)),
            clock: ManualClock::new(now),
            anna,
            zoe,
            plugin,
            settings,
        };
        house.serve();
        house
    }

    fn serve(&mut self) {
        let store: Arc<dyn Store> = Arc::clone(self.store()) as Arc<dyn Store>;
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let logins = Logins::new(Arc::clone(&store), Arc::clone(&clock), LoginOptions::default()).expect("logins");
        let now = self.clock.clone();
        let (plugin, settings) = (Arc::clone(&self.plugin), self.settings.clone());
        let service = Service::new(store, plugin, settings, Arc::new(move || Clock::now(&now)));
        let file = |name: &str| -> PathBuf { self.dir.path().join(name) };
        let options = ServeOptions {
            listeners: vec![Listener { address: ([127, 0, 0, 1], 0).into(), kind: ListenerKind::Tls }],
            tls: Some(TlsFiles { certificate: file("certificate.pem"), key: file("key.pem") }),
            ..ServeOptions::default()
        };
        let _inside = self.runtime.enter();
        self.running = Some(Server::start(options, Arc::new(service), Arc::new(logins), clock).expect("a server"));
    }

    /// Stops the server gently and closes the store.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.shutdown(Duration::from_secs(5)));
        }
        self.store = None;
    }

    /// Starts it again on the same data, with settings that may be others.
    pub fn start(&mut self, settings: Settings) {
        self.settings = settings;
        self.store = Some(Arc::new(open(&self.data())));
        self.serve();
    }

    /// Stops it and starts it again on the same data, with another plugin.
    pub fn restart_with(&mut self, plugin: Arc<dyn DevicePlugins>) {
        self.stop();
        self.plugin = plugin;
        self.start(self.settings.clone());
    }

    /// The folder of its data.
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The store of a running server.
    pub fn store(&self) -> &Arc<SqliteStore> {
        self.store.as_ref().expect("the server runs")
    }

    /// Lists networks of clouds, for as long as this server runs.
    ///
    /// # Panics
    /// When one is none, or the server does not run.
    pub fn set_clouds(&self, networks: &[&str]) {
        let networks = networks.iter().map(|text| text.parse().expect("a network"));
        self.running.as_ref().expect("the server runs").set_clouds(Networks::new(networks.collect()));
    }

    /// How many requests wait.
    pub fn parked(&self) -> usize {
        self.running.as_ref().map_or(0, Running::parked)
    }

    /// Blocks until so many requests wait.
    pub fn until_parked(&self, count: usize) {
        let waiting = async {
            while self.parked() != count {
                tokio::task::yield_now().await;
            }
        };
        let patient = async { tokio::time::timeout(Duration::from_secs(60), waiting).await };
        self.runtime.block_on(patient).expect("they come to wait");
    }

    /// A phone of Anna's.
    pub fn phone(&self, identity: Identity) -> Phone<Socket> {
        self.phone_as(identity, "anna")
    }

    /// A phone that logs in as somebody.
    pub fn phone_as(&self, identity: Identity, login: &str) -> Phone<Socket> {
        Phone::new(self.socket(login), identity, login)
    }

    /// A connection with credentials byte for byte.
    pub fn socket_with(&self, credentials: &[u8]) -> Socket {
        let running = self.running.as_ref().expect("the server runs");
        Socket::with_credentials(running.addresses()[0], credentials)
    }

    /// A connection that logs in as somebody.
    pub fn socket(&self, login: &str) -> Socket {
        let running = self.running.as_ref().expect("the server runs");
        Socket::new(running.addresses()[0], login, PASSWORD)
    }

    /// A phone that went through everything up to the tree of folders.
    ///
    /// # Panics
    /// When the server answers otherwise than it must.
    pub fn ready(&self, identity: Identity) -> Phone<Socket> {
        let mut phone = self.phone(identity);
        phone.options().expect("OPTIONS");
        phone.provision().expect("Provision");
        phone.folder_sync().expect("FolderSync");
        phone
    }

    /// A mail for Anna, now.
    pub fn deliver(&self, raw: &str) -> ServerId {
        delivered(self, raw, self.clock.now())
    }

    /// A mail for Anna that came at some time.
    pub fn deliver_at(&self, raw: &str, at: &str) -> ServerId {
        delivered(self, raw, at.parse().expect("a date"))
    }

    /// What delivery writes for a mail of Anna's.
    pub fn mail(&self, id: ServerId, raw: &str, received: Timestamp) -> Write {
        let indexed = easel_items::email::index(raw.as_bytes(), received);
        let at = received.as_millisecond();
        let content = NewContent::Mail {
            blob: self.store().put_blob(raw.as_bytes()).expect("room"),
            size: raw.len() as u64,
            index: indexed.index.to_bytes(),
            record: MailRecord::arrived(at),
        };
        let facts = Facts { window: WindowKey(at), ..indexed.facts };
        Write::DeliverItem { id, folder: CollectionId::new(1), content, facts }
    }

    /// Something of Anna's that is no mail comes from elsewhere, as an import makes it.
    pub fn import(&self, folder: u64, class: Class, content: &str) -> ServerId {
        let id = self.store().reserve_items(self.anna.id, 1).expect("a number");
        let facts = self.facts(class, content);
        let content = NewContent::Object(content.to_owned());
        self.commit(vec![Write::AddItem { id, folder: CollectionId::new(folder), content, facts }]);
        id
    }

    /// Something of Anna's is changed elsewhere.
    pub fn edit(&self, id: ServerId, class: Class, content: &str) {
        let seen = self.store().modseq(self.anna.id);
        let facts = self.facts(class, content);
        self.commit(vec![Write::ChangeContent { id, content: content.to_owned(), facts, seen }]);
    }

    fn facts(&self, class: Class, content: &str) -> Facts {
        let owner = easel_items::Owner {
            name: self.anna.display_name.clone(),
            addresses: self.anna.addresses.clone(),
            zone: jiff::tz::TimeZone::get(&self.anna.zone).expect("a zone"),
        };
        let body = easel_items::BodyPreferences::default();
        let view = easel_items::View {
            version: easel_protocol::Version::V16_1,
            owner: &owner,
            body: &body,
            now: self.clock.now(),
            manner: easel_items::Manner::default(),
        };
        easel_items::facts(class, content, &view).expect("an object")
    }

    /// Changes Anna's mailbox.
    pub fn commit(&self, writes: Vec<Write>) {
        self.store().commit(ChangeSet { user: self.anna.id, author: None, writes }).expect("a change");
    }

    /// The text of something of Anna's that is no mail, as it is stored.
    pub fn stored(&self, id: ServerId) -> Option<String> {
        let snapshot = self.store().snapshot(self.anna.id).expect("the mailbox");
        match snapshot.item(id).expect("the item")?.content {
            Content::Object(text) => Some(text),
            Content::Mail(_) => None,
        }
    }

    /// How many items a folder of Anna's has.
    pub fn count(&self, folder: u64) -> u64 {
        let snapshot = self.store().snapshot(self.anna.id).expect("the mailbox");
        snapshot.count(CollectionId::new(folder)).expect("a count")
    }
}

fn open(dir: &std::path::Path) -> SqliteStore {
    std::fs::create_dir_all(dir).expect("a directory");
    SqliteStore::open(dir, Arc::new(LocalBus::default()) as Arc<dyn Bus>).expect("a store")
}

fn delivered(house: &House, raw: &str, received: Timestamp) -> ServerId {
    let id = house.store().reserve_items(house.anna.id, 1).expect("a number");
    house.commit(vec![house.mail(id, raw, received)]);
    id
}

/// A short mail.
pub fn short_mail(subject: &str) -> String {
    format!(
        "From: Bob <bob@example.net>\r\nTo: Anna <anna@example.org>\r\nSubject: {subject}\r\n\
         Date: Mon, 2 Mar 2026 09:00:00 +0000\r\nMessage-ID: <{subject}@example.net>\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\nHello, this is {subject}.\r\n"
    )
}
