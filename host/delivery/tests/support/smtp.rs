//! A small SMTP server that does as it is told, for the queue to send to.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// A message as it came over the wire, dots taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    pub mail: String,
    pub rcpt: Vec<String>,
    pub data: String,
    pub encrypted: bool,
}

/// What the server does.
#[derive(Clone, Default)]
pub struct Script {
    /// Lines of the answer to EHLO.
    pub extensions: Vec<&'static str>,
    /// In place of the usual reply, for a line that begins so; an empty reply closes the connection, `SILENCE` says
    /// nothing for ever. The end of a message is the line `.`. U+FFFD goes out as the byte 0xfc.
    pub replies: HashMap<String, String>,
    /// Sent in one piece with the answer to STARTTLS.
    pub behind_starttls: &'static str,
}

impl Script {
    pub fn offering(extensions: &[&'static str]) -> Self {
        Self { extensions: extensions.to_vec(), ..Self::default() }
    }

    #[must_use]
    pub fn saying(mut self, line: &str, reply: &str) -> Self {
        self.replies.insert(line.to_owned(), reply.to_owned());
        self
    }
}

/// A running server.
pub struct SmtpServer {
    pub address: SocketAddr,
    /// The certificate, PEM.
    pub root: Vec<u8>,
    pub script: Arc<Mutex<Script>>,
    pub sent: mpsc::UnboundedReceiver<Sent>,
    /// Every line that came.
    pub lines: Arc<Mutex<Vec<String>>>,
}

struct Shared {
    script: Arc<Mutex<Script>>,
    sent: mpsc::UnboundedSender<Sent>,
    lines: Arc<Mutex<Vec<String>>>,
    acceptor: TlsAcceptor,
}

impl SmtpServer {
    pub async fn start(script: Script, implicit_tls: bool) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), script, implicit_tls).await
    }

    pub async fn start_at(at: SocketAddr, script: Script, implicit_tls: bool) -> Self {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, sent) = mpsc::unbounded_channel();
        let script = Arc::new(Mutex::new(script));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::new(Shared {
            script: Arc::clone(&script),
            sent: sender,
            lines: Arc::clone(&lines),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    if implicit_tls {
                        if let Ok(stream) = shared.acceptor.accept(stream).await {
                            serve(&shared, BufReader::new(stream), true, true).await;
                        }
                    } else if let Some(stream) = serve(&shared, BufReader::new(stream), true, false).await
                        && let Ok(stream) = shared.acceptor.accept(stream).await
                    {
                        serve(&shared, BufReader::new(stream), false, true).await;
                    }
                });
            }
        });
        Self { address, root: cert.pem().into_bytes(), script, sent, lines }
    }

    pub fn said(&self, start: &str) -> usize {
        self.lines.lock().unwrap().iter().filter(|line| line.starts_with(start)).count()
    }
}

/// Serves until the connection ends or, with the stream back, until STARTTLS.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    mut stream: BufReader<S>,
    greets: bool,
    encrypted: bool,
) -> Option<S> {
    let mut sent = Sent { encrypted, ..Sent::default() };
    if greets {
        let greeting = shared.script.lock().unwrap().replies.get("GREETING").cloned();
        let greeting = greeting.unwrap_or_else(|| "220 test ESMTP".to_owned());
        if !say(&mut stream, &greeting).await {
            return None;
        }
    }
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.strip_suffix("\r\n")?.to_owned();
        shared.lines.lock().unwrap().push(line.clone());
        let script = shared.script.lock().unwrap().clone();
        let told = |line: &str| {
            let found = script.replies.iter().filter(|(start, _)| line.starts_with(start.as_str()));
            found.max_by_key(|(start, _)| start.len()).map(|(_, reply)| reply.clone())
        };
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let usual = match verb.as_str() {
            "EHLO" => {
                let all: Vec<&str> = std::iter::once("test").chain(script.extensions.iter().copied()).collect();
                let last = all.len() - 1;
                let text = |(at, line): (usize, &&str)| format!("250{}{line}", if at < last { '-' } else { ' ' });
                all.iter().enumerate().map(text).collect::<Vec<_>>().join("\r\n")
            }
            "DATA" => "354 go".to_owned(),
            "QUIT" => "221 bye".to_owned(),
            "STARTTLS" => "220 now".to_owned(),
            "AUTH" => "235 welcome".to_owned(),
            _ => "250 ok".to_owned(),
        };
        let reply = told(&line).unwrap_or(usual);
        let accepted = reply.starts_with('2') || reply.starts_with('3');
        match verb.as_str() {
            "MAIL" => sent = Sent { mail: line.clone(), encrypted, ..Sent::default() },
            "RCPT" if accepted => sent.rcpt.push(line.clone()),
            "RSET" => sent = Sent { encrypted, ..Sent::default() },
            _ => {}
        }
        if verb == "STARTTLS" && accepted {
            stream.get_mut().write_all(format!("{reply}\r\n{}", script.behind_starttls).as_bytes()).await.ok()?;
            assert!(stream.buffer().is_empty());
            return Some(stream.into_inner());
        }
        if !say(&mut stream, &reply).await {
            return None;
        }
        if verb == "DATA" && accepted {
            sent.data = data(&mut stream).await?;
            let reply = told(".").unwrap_or_else(|| "250 taken".to_owned());
            if reply.starts_with('2') {
                let _ = shared.sent.send(std::mem::replace(&mut sent, Sent { encrypted, ..Sent::default() }));
            }
            if !say(&mut stream, &reply).await {
                return None;
            }
        }
    }
}

async fn say<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>, reply: &str) -> bool {
    if reply == "SILENCE" {
        let _ = stream.read_to_end(&mut Vec::new()).await;
        return false;
    }
    // What no String can hold: the replacement character goes out as a byte that is no UTF-8.
    let bytes: Vec<u8> = reply.split(char::REPLACEMENT_CHARACTER).map(str::as_bytes).collect::<Vec<_>>().join(&0xfc);
    !reply.is_empty() && stream.get_mut().write_all(&[&bytes, b"\r\n".as_slice()].concat()).await.is_ok()
}

async fn data<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>) -> Option<String> {
    let mut all = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        assert!(line.ends_with("\r\n"), "a bare LF on the wire: {line:?}");
        if line == ".\r\n" {
            return Some(all);
        }
        all.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}
