//! Stands between two who speak SMTP or LMTP, and stops at a step.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

use super::PATIENCE;

/// Where it stops, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// What the line holds near its start; `.` is the end of a message.
    pub(crate) line: &'static str,
    pub(crate) when: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// The answer has come and is not passed on.
    After,
    /// The line has come and is not passed on.
    Before,
}

pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    stopped: mpsc::UnboundedReceiver<()>,
}

struct Shared {
    upstream: Arc<Mutex<SocketAddr>>,
    cut: Mutex<Option<Cut>>,
    stops: mpsc::UnboundedSender<()>,
    go_on: Notify,
}

impl Relay {
    pub(crate) async fn start(upstream: Arc<Mutex<SocketAddr>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stops, stopped) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { upstream, cut: Mutex::new(None), stops, go_on: Notify::new() });
        let all = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&all);
                // Whatever ends a conversation ends it for both.
                tokio::spawn(async move { converse(&shared, client).await });
            }
        });
        Self { address, shared, stopped }
    }

    /// Stops there the next time.
    pub(crate) fn cut(&self, cut: &Cut) {
        *self.shared.cut.lock().unwrap() = Some(*cut);
    }

    /// Waits until it has stopped.
    pub(crate) async fn at_cut(&mut self) {
        tokio::time::timeout(PATIENCE, self.stopped.recv()).await.expect("the step is reached").unwrap();
    }

    /// Hangs up on both.
    pub(crate) fn go_on(&self) {
        self.shared.go_on.notify_one();
    }
}

struct End {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl End {
    fn new(stream: TcpStream) -> Self {
        let (reader, writer) = stream.into_split();
        Self { reader: BufReader::new(reader), writer }
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        (self.reader.read_line(&mut line).await.ok()? > 0).then_some(line)
    }

    /// All lines of a reply.
    async fn reply(&mut self) -> Option<String> {
        let mut reply = String::new();
        loop {
            let line = self.line().await?;
            let last = line.as_bytes().get(3) != Some(&b'-');
            reply.push_str(&line);
            if last {
                return Some(reply);
            }
        }
    }

    async fn write(&mut self, text: &str) -> Option<()> {
        self.writer.write_all(text.as_bytes()).await.ok()
    }
}

impl Shared {
    /// Whether to stop here; if so, has stopped.
    async fn stops(&self, line: &str, when: When) -> bool {
        {
            let mut cut = self.cut.lock().unwrap();
            let here = |cut: &Cut| {
                cut.when == when
                    && (line == cut.line || line.get(..6).is_some_and(|s| cut.line != "." && s.contains(cut.line)))
            };
            if !cut.as_ref().is_some_and(here) {
                return false;
            }
            *cut = None;
        }
        self.stops.send(()).unwrap();
        self.go_on.notified().await;
        true
    }
}

async fn converse(shared: &Shared, client: TcpStream) -> Option<()> {
    let upstream = *shared.upstream.lock().unwrap();
    let mut client = End::new(client);
    let mut server = End::new(TcpStream::connect(upstream).await.ok()?);
    let greeting = server.reply().await?;
    client.write(&greeting).await?;
    let mut content: Option<String> = None;
    loop {
        let line = client.line().await?;
        let (step, passed) = match &mut content {
            Some(message) => {
                message.push_str(&line);
                if line != ".\r\n" {
                    continue;
                }
                (".".to_owned(), content.take()?)
            }
            None => (line.trim_end().to_owned(), line),
        };
        if shared.stops(&step, When::Before).await {
            return None;
        }
        server.write(&passed).await?;
        let reply = server.reply().await?;
        if shared.stops(&step, When::After).await {
            return None;
        }
        client.write(&reply).await?;
        if reply.starts_with("354") {
            content = Some(String::new());
        }
    }
}
