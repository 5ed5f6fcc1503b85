//! What a waiting request costs: a thousand of them over TLS, in a process of their own.
//!
//! The server runs in a child process (this test binary again), so that nothing of the clients counts, and counts what
//! it has allocated: resident memory would say less, for what a password's hash left free is used again. The bound lies
//! between what a connection costs outside of hyper (below 10 KB) and within (23 KB).

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "everything here is a test")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use easel_commands::{Offer, Request, Sink};
use easel_protocol::{CollectionId, DeviceFacts};
use easel_server::{
    Allowance, Clock, Commands, Limits, Listener, ListenerKind, LoginOptions, Logins, Running, ServeOptions, Server,
    SystemClock, TlsFiles, Turn, Wait,
};
use easel_store::{Bus, DeviceKey, Interest, LocalBus, MemoryStore, NewUser, Store, User};
use jiff::SignedDuration;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const CONNECTIONS: usize = 1000;

/// Bytes of memory a waiting request may cost.
const BOUND: usize = 12 << 10;

/// The system's allocator, and a count of what it has given out.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static COUNTING: Counting = Counting;

#[expect(unsafe_code, reason = "an allocator is; this one hands everything on unchanged")]
// SAFETY: every call goes to the system's allocator with the arguments it came with.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Tells the child what to do, and where its certificate lies.
const CHILD: &str = "EASEL_TEST_PARKED_MEMORY";

#[test]
fn a_thousand_waiting_requests_fit_into_twelve_kilobytes_each() {
    if let Some(directory) = std::env::var_os(CHILD) {
        serve(directory.as_ref());
        return;
    }
    let directory = tempfile::TempDir::new().unwrap();
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(directory.path().join("cert.pem"), certificate.cert.pem()).unwrap();
    std::fs::write(directory.path().join("key.pem"), certificate.signing_key.serialize_pem()).unwrap();
    let mut server = Serving::start(directory.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = trusting(directory.path());
        // What is allocated once, and the heap's first growth, are not what one more connection costs.
        let warm = open(server.port, &config, 0..50).await;
        server.wait_for(50);
        let before = server.allocated();
        let more = open(server.port, &config, 50..50 + CONNECTIONS).await;
        server.wait_for(50 + CONNECTIONS);
        let each = (server.allocated() - before) / CONNECTIONS;
        println!("{each} bytes for each waiting request");
        assert!(each <= BOUND, "{each} bytes");
        drop((warm, more));
        server.wait_for(0);
    });
}

/// Connections that wait, each for a device of its own.
async fn open(port: u16, config: &Arc<rustls::ClientConfig>, devices: std::ops::Range<usize>) -> Vec<impl Sized> {
    let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
    let credentials = STANDARD.encode("anna:s3cret");
    let mut connections = Vec::new();
    for device in devices {
        let socket = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), socket).await.unwrap();
        let request = format!(
            "POST /Microsoft-Server-ActiveSync?Cmd=Ping&User=anna&DeviceId=D{device}&DeviceType=iPhone HTTP/1.1\r\n\
             Host: localhost\r\nUser-Agent: Apple-iPhone3C1/902.206\r\nMS-ASProtocolVersion: 14.1\r\n\
             X-MS-PolicyKey: 1234567890\r\nContent-Type: application/vnd.ms-sync.wbxml\r\nAccept: */*\r\n\
             Accept-Language: fr-fr\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n\
             Authorization: Basic {credentials}\r\nContent-Length: 52\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.write_all(&[0; 52]).await.unwrap();
        stream.flush().await.unwrap();
        connections.push(stream);
    }
    connections
}

fn trusting(directory: &std::path::Path) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(directory.join("cert.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// The child process, as its parent sees it.
struct Serving {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
    port: u16,
}

impl Serving {
    fn start(directory: &std::path::Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_thousand_waiting_requests_fit_into_twelve_kilobytes_each", "--nocapture"])
            .env(CHILD, directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (asks, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut server = Self { child, asks, answers, port: 0 };
        server.port = u16::try_from(server.answer()).unwrap();
        server
    }

    /// Waits until so many requests wait.
    fn wait_for(&mut self, parked: usize) {
        writeln!(self.asks, "{parked}").unwrap();
        assert_eq!(self.answer(), parked);
    }

    /// The next number the child says; what the test harness prints is passed over.
    fn answer(&mut self) -> usize {
        loop {
            let mut line = String::new();
            assert_ne!(self.answers.read_line(&mut line).unwrap(), 0, "the child has gone");
            if let Some(number) = line.trim().strip_prefix("child: ") {
                return number.parse().unwrap();
            }
        }
    }

    /// Bytes the child has allocated.
    fn allocated(&mut self) -> usize {
        writeln!(self.asks, "allocated").unwrap();
        self.answer()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child: serves, and for each number on its input waits until so many requests wait; for a word it says how many
/// bytes it has allocated.
fn serve(directory: &std::path::Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let running = runtime.block_on(async { start(directory) });
    println!("\nchild: {}", running.addresses()[0].port());
    for line in std::io::stdin().lines() {
        let Ok(wanted) = line.unwrap().parse::<usize>() else {
            println!("child: {}", ALLOCATED.load(Ordering::Relaxed));
            continue;
        };
        while running.parked() != wanted {
            std::thread::yield_now();
        }
        println!("child: {wanted}");
    }
}

fn start(directory: &std::path::Path) -> Running {
    let bus = Arc::new(LocalBus::default());
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new(Arc::clone(&bus) as Arc<dyn Bus>));
    let tenant = store.add_tenant("defaultcontext").unwrap().id;
    let anna = NewUser {
        tenant,
        name: "anna".to_owned(),
        display_name: "Anna".to_owned(),
        addresses: Vec::new(),
        phones: Vec::new(),
        photo: None,
        zone: "UTC".to_owned(),
        password_hash: Logins::hash_password("s3cret"),
    };
    store.add_user(&anna).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let logins = Logins::new(store, Arc::clone(&clock), LoginOptions::default()).unwrap();
    let options = ServeOptions {
        listeners: vec![Listener { address: ([127, 0, 0, 1], 0).into(), kind: ListenerKind::Tls }],
        tls: Some(TlsFiles { certificate: directory.join("cert.pem"), key: directory.join("key.pem") }),
        // One user stands for many here.
        limits: Limits { connections_per_address: Some(10_000), user: Allowance::UNBOUNDED, ..Limits::default() },
        ..ServeOptions::default()
    };
    let commands = Arc::new(AllWait { bus, next: AtomicU64::new(1) });
    Server::start_with(options, commands, Arc::new(logins), clock).unwrap()
}

/// Every request waits for a quarter of an hour.
struct AllWait {
    bus: Arc<LocalBus>,
    next: AtomicU64,
}

impl Commands for AllWait {
    fn handle(&self, request: &Request<'_>, _: &mut dyn Sink) -> Turn {
        let device = DeviceKey(self.next.fetch_add(1, Ordering::Relaxed));
        let interest = Interest::Mailbox {
            user: request.user.id,
            device,
            folders: BTreeSet::from([CollectionId::new(1), CollectionId::new(6)]),
        };
        wait(interest, request.now + SignedDuration::from_mins(15))
    }

    fn offer(&self, _: &User, _: &DeviceFacts) -> Offer {
        Offer { versions: Vec::new(), headers: Vec::new() }
    }

    fn names(&self) -> String {
        "Sync,Ping".to_owned()
    }

    fn bus(&self) -> &dyn Bus {
        &*self.bus
    }
}

fn wait(interest: Interest, until: jiff::Timestamp) -> Turn {
    let again = interest.clone();
    Turn::Wait(Wait { interest, until, go_on: Box::new(move |_, _, _, _| wait(again, until)) })
}
