//! The server's end of the admin socket.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::UnixListener;

use super::frame::{self, REQUEST_HEAD_MAX};
use super::{Office, Reply, Request};
use crate::admin::session::Session;

/// The name of the socket within the data directory.
const SOCKET_FILE: &str = "admin.sock";

/// Conversations at once.
const SESSIONS_MAX: usize = 32;

/// Where the socket of a data directory is.
pub(super) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(SOCKET_FILE)
}

/// Listens until it is dropped; conversations in progress end with the request they are at.
#[derive(Debug)]
pub(crate) struct AdminSocket {
    path: PathBuf,
    accepting: tokio::task::JoinHandle<()>,
    sessions: Arc<Sessions>,
}

#[derive(Debug, Default)]
struct Sessions(Mutex<HashMap<u64, Conversation>>);

/// Its socket, and the thread it goes on in.
type Conversation = (UnixStream, JoinHandle<()>);

impl AdminSocket {
    /// Listens in a data directory that this process owns. Runs on the current tokio runtime.
    pub(crate) fn listen(data_dir: &Path, office: Arc<Office>) -> io::Result<Self> {
        let path = path(data_dir);
        // This process owns the directory, so a socket that is there was left behind.
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let own_uid = std::fs::metadata(&path)?.uid();
        let sessions = Arc::new(Sessions::default());
        let accepting = tokio::spawn(accept(listener, own_uid, office, Arc::clone(&sessions)));
        Ok(Self { path, accepting, sessions })
    }

    /// Ends, and waits until every conversation has ended with the request it was at: nobody has the office then.
    pub(crate) async fn end(mut self) {
        self.accepting.abort();
        // An error says that it was aborted.
        drop((&mut self.accepting).await);
        let sessions = Arc::clone(&self.sessions);
        if let Err(error) = tokio::task::spawn_blocking(move || sessions.end()).await {
            tracing::error!(%error, "a conversation on the admin socket did not end");
        }
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        self.accepting.abort();
        drop(std::fs::remove_file(&self.path));
        self.sessions.end();
    }
}

async fn accept(listener: UnixListener, own_uid: u32, office: Arc<Office>, sessions: Arc<Sessions>) {
    for number in 0.. {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the admin socket cannot accept");
                // As a rule there are no files left, and it would fail at once again.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        match stream.peer_cred() {
            Ok(peer) if peer.uid() == own_uid || peer.uid() == 0 => {}
            Ok(peer) => {
                tracing::warn!(uid = peer.uid(), "a stranger was turned away from the admin socket");
                continue;
            }
            Err(error) => {
                tracing::warn!(%error, "who is at the admin socket cannot be told");
                continue;
            }
        }
        let started = stream.into_std().and_then(|stream| {
            stream.set_nonblocking(false)?;
            sessions.start(number, stream, Arc::clone(&office))
        });
        if let Err(error) = started {
            tracing::warn!(%error, "a conversation on the admin socket cannot begin");
        }
    }
}

impl Sessions {
    /// Begins a conversation on a thread of its own.
    fn start(self: &Arc<Self>, number: u64, stream: UnixStream, office: Arc<Office>) -> io::Result<()> {
        let mut sessions = self.0.lock().expect("no holder of this lock panics");
        if sessions.len() >= SESSIONS_MAX {
            let mut stream = stream;
            let reason = format!("{SESSIONS_MAX} administrators are connected already: try again");
            return frame::write(&mut stream, &Reply::Refused { reason }, &[]);
        }
        let ours = stream.try_clone()?;
        let all = Arc::downgrade(self);
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
            if let Err(error) = converse(stream, office) {
                tracing::debug!(%error, "a conversation on the admin socket broke off");
            }
            if let Some(all) = all.upgrade() {
                all.0.lock().expect("no holder of this lock panics").remove(&number);
            }
        })?;
        sessions.insert(number, (ours, thread));
        Ok(())
    }

    /// Ends every conversation after its current request.
    fn end(&self) {
        let all: Vec<_> =
            self.0.lock().expect("no holder of this lock panics").drain().map(|(_, session)| session).collect();
        for (stream, thread) in all {
            drop(stream.shutdown(std::net::Shutdown::Both));
            drop(thread.join());
        }
    }
}

fn converse(stream: UnixStream, office: Arc<Office>) -> io::Result<()> {
    let mut input = io::BufReader::with_capacity(64 << 10, stream.try_clone()?);
    let mut output = io::BufWriter::with_capacity(64 << 10, stream);
    let mut session = Session::new(office);
    while let Some((request, body)) = frame::read::<Request>(&mut input, REQUEST_HEAD_MAX)? {
        let (reply, body) = session.answer(request, body);
        frame::write(&mut output, &reply, &body)?;
    }
    Ok(())
}
