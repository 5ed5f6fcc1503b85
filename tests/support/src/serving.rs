//! A server that runs.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use base64::Engine as _;

use crate::Easel;
use crate::until::until_or;

/// A server that runs; it is killed when dropped.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it has logged, once it has ended.
    log: Option<JoinHandle<String>>,
    /// What it has logged so far.
    logged: Arc<Mutex<String>>,
    /// Held open, so that the server never writes into the void.
    _out: BufReader<ChildStdout>,
}

impl Serving {
    #[track_caller]
    pub(crate) fn start(easel: &Easel) -> Self {
        let config = easel.config().display().to_string();
        let child =
            easel.command().args(["--config", &config, "serve"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("the server cannot be started: {error}"));
        // A pipe that nobody reads fills up, and then whoever writes to it waits.
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        let logged = Arc::new(Mutex::new(String::new()));
        let log = Arc::clone(&logged);
        let log = std::thread::spawn(move || {
            for line in stderr.lines() {
                let line = line.expect("it speaks UTF-8");
                *log.lock().unwrap_or_else(PoisonError::into_inner) += &(line + "\n");
            }
            log.lock().unwrap_or_else(PoisonError::into_inner).clone()
        });
        let mut out = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        out.read_line(&mut line).expect("a pipe can be read");
        let address = line.split("://").nth(1).and_then(|rest| rest.split('/').next());
        let Some(address) = address.and_then(|address| address.parse().ok()) else {
            panic!("the server does not start: {line:?} {}", log.join().unwrap_or_default());
        };
        Self { child, address, log: Some(log), logged, _out: out }
    }

    /// Its process.
    pub fn pid(&self) -> u64 {
        self.child.id().into()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it has ended.
    #[track_caller]
    pub fn tell(&self, signal: &str) {
        let told = Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]).status();
        assert!(told.is_ok_and(|told| told.success()), "the server ended by itself");
    }

    /// Waits until it has logged a text so many times.
    ///
    /// # Panics
    /// When it has not within a minute.
    #[track_caller]
    pub fn until_logged(&self, text: &str, times: usize) {
        let logged = || self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        until_or(|| logged().matches(text).count() >= times, || format!("{text}: {}", logged()));
    }

    /// Ends it with a signal: its exit code and its log.
    ///
    /// # Panics
    /// When it cannot be told.
    pub fn stop(mut self, signal: &str) -> (Option<i32>, String) {
        self.tell(signal);
        let log = self.log.take().map(|log| log.join().expect("it reads to the end")).unwrap_or_default();
        (self.child.wait().expect("it ends").code(), log)
    }

    /// Sends a request without TLS and gives back the head and body of the answer.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn http(&self, request: &[u8]) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.write_all(request).expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("an answer has a head");
        (String::from_utf8_lossy(&answer[..end]).into_owned(), answer[end + 4..].to_vec())
    }

    /// The HTTP code that OPTIONS answers to a login without TLS.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn options(&self, login: &str, password: &str) -> String {
        let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{login}:{password}"));
        let head = format!(
            "OPTIONS /Microsoft-Server-ActiveSync HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\r\n\
             Connection: close\r\n\r\n"
        );
        self.http(head.as_bytes()).0.split(' ').nth(1).expect("a status line has a code").to_owned()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
