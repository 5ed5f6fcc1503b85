//! A house to try things in: a directory with a configuration, and the binary.

use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A directory made by `easel init`.
pub(crate) struct House {
    dir: TempDir,
}

/// What a verb said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Said {
    /// What it said when it went well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.out
    }

    /// Why it did not go well.
    #[track_caller]
    pub(crate) fn refused(self) -> String {
        assert_eq!(self.code, 1, "{self:#?}");
        self.err
    }
}

/// Runs the binary with a text on standard input.
pub(crate) fn easel(arguments: &[&str], input: &str) -> Said {
    let mut child =
        command().args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A verb that asks for nothing may have ended already.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    child.wait_with_output().unwrap().into()
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_easel"));
    command.env_remove("EASEL_CONFIG").env_remove("EASEL_LOG").env("TZ", "UTC");
    command
}

impl House {
    /// Plain HTTP on a free port, and LMTP in the directory.
    pub(crate) fn new() -> Self {
        Self::made(&["--plain", "0"])
    }

    /// TLS on a free port, with `anna`.
    pub(crate) fn with_tls() -> Self {
        let house = Self::made(&["--self-signed", "localhost", "--listen", "127.0.0.1:0"]);
        house.add_user("anna", "anna@example.org", "anna's word");
        house
    }

    fn made(listening: &[&str]) -> Self {
        let house = Self { dir: tempfile::tempdir().unwrap() };
        easel(&[&["init", &house.text("house")], listening].concat(), "").ok();
        house
    }

    /// With a user `anna`, whose password is `anna's word`.
    pub(crate) fn with_anna() -> Self {
        let house = Self::new();
        house.add_user("anna", "anna@example.org", "anna's word");
        house
    }

    pub(crate) fn add_user(&self, login: &str, address: &str, password: &str) {
        self.run_with(&["user", "add", login, "--address", address], &format!("{password}\n")).ok();
    }

    /// A path inside.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Writes a file inside.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Said {
        let config = self.text("house/easel.toml");
        easel(&[&["--config", &config], arguments].concat(), input)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, "")
    }

    /// Starts a verb that goes on; its output is to be read.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let config = self.text("house/easel.toml");
        let mut verb = command();
        verb.args(["--config", &config]).args(arguments).stdin(Stdio::null());
        verb.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(&[arguments, &["--json"]].concat()).ok()).unwrap()
    }

    /// Imports for `anna`: how many were added, were there, and left out.
    #[track_caller]
    pub(crate) fn import(&self, arguments: &[&str]) -> [u64; 3] {
        let report = self.json(&[&["import", "anna"], arguments].concat());
        ["added", "known", "skipped"].map(|key| report[key].as_u64().unwrap())
    }

    /// Exports for `anna` into a directory: the files in it, by path, with their bytes.
    #[track_caller]
    pub(crate) fn export(&self, name: &str, arguments: &[&str]) -> Vec<(String, Vec<u8>)> {
        self.run(&[&["export", "anna", &self.text(name)], arguments].concat()).ok();
        files(&self.path(name))
    }

    /// Starts the server and waits until it listens.
    pub(crate) fn serve(&self) -> Serving {
        let mut child = command()
            .args(["--config", &self.text("house/easel.toml"), "serve"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A pipe that nobody reads fills up, and then whoever writes to it waits.
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let logged = Arc::new(Mutex::new(String::new()));
        let log = Arc::clone(&logged);
        let log = std::thread::spawn(move || {
            for line in stderr.lines() {
                let mut log = log.lock().unwrap();
                log.push_str(&line.unwrap());
                log.push('\n');
            }
            log.lock().unwrap().clone()
        });
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let address = line.split("://").nth(1).and_then(|rest| rest.split('/').next());
        let Some(address) = address.and_then(|address| address.parse().ok()) else {
            panic!("the server does not start: {line:?} {}", log.join().unwrap());
        };
        Serving { child, address, log: Some(log), logged, _out: out }
    }
}

/// Every file below a directory.
pub(crate) fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().display().to_string();
                found.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// A file of `tests/fixtures/import`.
pub(crate) fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/import").join(name);
    path.canonicalize().unwrap().display().to_string()
}

/// The bytes of it.
pub(crate) fn fixture_bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

/// A server that runs; it is killed when dropped.
pub(crate) struct Serving {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What it has logged, once it has ended.
    log: Option<JoinHandle<String>>,
    /// What it has logged so far.
    logged: Arc<Mutex<String>>,
    /// Held open, so that the server never writes into the void.
    _out: BufReader<ChildStdout>,
}

impl Serving {
    pub(crate) fn pid(&self) -> u64 {
        self.child.id().into()
    }

    /// Sends it a signal.
    pub(crate) fn tell(&self, signal: &str) {
        let told = Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    /// Waits until it has logged a text so many times.
    #[track_caller]
    pub(crate) fn until_logged(&self, text: &str, times: usize) {
        #[expect(clippy::disallowed_methods, reason = "a bounded wait for another process")]
        let (start, patience) = (Instant::now(), Duration::from_secs(60));
        while self.logged.lock().unwrap().matches(text).count() < times {
            assert!(start.elapsed() < patience, "{text}: {}", self.logged.lock().unwrap());
            std::thread::yield_now();
        }
    }

    /// Ends it with a signal: its exit code and its log.
    pub(crate) fn stop(mut self, signal: &str) -> (Option<i32>, String) {
        self.tell(signal);
        let log = self.log.take().unwrap().join().unwrap();
        (self.child.wait().unwrap().code(), log)
    }

    /// Sends a request and gives back the head and body of the answer.
    pub(crate) fn http(&self, request: &[u8]) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
        (String::from_utf8(answer[..end].to_vec()).unwrap(), answer[end + 4..].to_vec())
    }

    /// The HTTP code that OPTIONS answers to a login.
    pub(crate) fn options(&self, login: &str, password: &str) -> String {
        let head = format!(
            "OPTIONS /Microsoft-Server-ActiveSync HTTP/1.1\r\nHost: x\r\nAuthorization: {}\r\nConnection: close\r\n\r\n",
            basic(login, password)
        );
        self.http(head.as_bytes()).0.split(' ').nth(1).unwrap().to_owned()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The Authorization header of a login.
pub(crate) fn basic(login: &str, password: &str) -> String {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{login}:{password}"));
    format!("Basic {encoded}")
}

/// Compares two values and shows where they differ first.
#[track_caller]
pub(crate) fn assert_same<T: Debug + PartialEq>(one: &[T], other: &[T]) {
    for (at, (a, b)) in one.iter().zip(other).enumerate() {
        assert_eq!(a, b, "at {at}");
    }
    assert_eq!(one.len(), other.len());
}
