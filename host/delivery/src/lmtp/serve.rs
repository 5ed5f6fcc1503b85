//! Sockets around sessions.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use easel_protocol::ServerId;
use easel_store::{Store, UserId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::LmtpOptions;
use super::listen::{Listener, Stream};
use super::reply::Reply;
use super::session::{Looked, Session, Transaction, Turn};
use crate::deliver::{deliver_traced, is_full};
use crate::trace::Hop;
use crate::{Address, Clock, DeliveryError, Running, Shutdown, Trace, local_user, told};

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// How long accepting rests after it failed, which mostly means that files are short.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Begins to listen, and serves until told to end. Then nobody new is let in, a message that is being stored is stored
/// and answered for, and whoever else is there is sent away with 421.
pub async fn serve(
    options: LmtpOptions,
    store: Arc<dyn Store>,
    clock: Clock,
    mut shutdown: Shutdown,
) -> Result<Running, DeliveryError> {
    let listener = Listener::bind(&options.listen).await?;
    let address = listener.address();
    let service = Arc::new(Service { options, store, clock, deliveries: AtomicU64::new(0) });
    let task = tokio::spawn(async move {
        let permits = Arc::new(Semaphore::new(service.options.limits.sessions_max));
        let mut sessions = JoinSet::new();
        loop {
            let stream = tokio::select! {
                () = told(&mut shutdown) => break,
                stream = listener.accept() => stream,
                Some(_) = sessions.join_next() => continue,
            };
            match (stream, Arc::clone(&permits).try_acquire_owned()) {
                (Ok(stream), Ok(permit)) => {
                    let (service, shutdown) = (Arc::clone(&service), shutdown.clone());
                    sessions.spawn(async move {
                        service.session(stream, shutdown).await;
                        drop(permit);
                    });
                }
                (Ok(stream), Err(_)) => refuse(stream).await,
                (Err(error), _) => {
                    tracing::warn!(%error, "LMTP cannot accept");
                    sleep(ACCEPT_REST).await;
                }
            }
        }
        drop(listener);
        while sessions.join_next().await.is_some() {}
    });
    Ok(Running { task, address })
}

/// Says that there is no room. The reply fits any socket's buffer; a socket that does not take it at once is dropped.
async fn refuse(mut stream: Box<dyn Stream>) {
    let mut reply = Vec::new();
    Reply::BUSY.write(&mut reply);
    let _ = timeout(Duration::ZERO, stream.write_all(&reply)).await;
}

/// What every session needs.
struct Service {
    options: LmtpOptions,
    store: Arc<dyn Store>,
    clock: Clock,
    deliveries: AtomicU64,
}

impl Service {
    async fn session(&self, mut stream: Box<dyn Stream>, mut shutdown: Shutdown) {
        let limits = self.options.limits;
        let mut session = Session::new(&self.options.hostname, limits);
        let mut buffer = vec![0; READ_BYTES];
        let mut over = std::pin::pin!(sleep(limits.session_max));
        loop {
            match session.advance() {
                Turn::Look(address) => {
                    session.looked(self.look(address).await);
                    continue;
                }
                Turn::Deliver(transaction) => session.delivered(&self.deliver(*transaction).await),
                Turn::Read => {
                    if !self.reply(&mut session, &mut stream).await {
                        return;
                    }
                    // Only here may a session be cut off: what is being stored is stored and answered for first.
                    let read = tokio::select! {
                        biased;
                        () = told(&mut shutdown) => Err(Reply::SHUTTING_DOWN),
                        () = &mut over => Err(Reply::TOO_LONG_IDLE),
                        read = timeout(limits.idle_max, stream.read(&mut buffer)) => {
                            read.map_err(|_| Reply::TOO_LONG_IDLE)
                        }
                    };
                    match read {
                        Ok(Ok(0) | Err(_)) => return,
                        Ok(Ok(count)) => session.push(&buffer[..count]),
                        Err(reply) => session.end(&reply),
                    }
                    continue;
                }
                Turn::Close => {
                    self.reply(&mut session, &mut stream).await;
                    let _ = timeout(limits.idle_max, stream.shutdown()).await;
                    return;
                }
            }
            if !self.reply(&mut session, &mut stream).await {
                return;
            }
        }
    }

    /// Writes what there is to say; whether the client took it.
    async fn reply(&self, session: &mut Session, stream: &mut Box<dyn Stream>) -> bool {
        let replies = session.replies();
        let write = timeout(self.options.limits.idle_max, stream.write_all(&replies));
        replies.is_empty() || matches!(write.await, Ok(Ok(())))
    }

    async fn look(&self, address: Address) -> Looked {
        let (store, delimiter, quota) = (Arc::clone(&self.store), self.options.delimiter, self.options.quota);
        let looked = spawn_blocking(move || {
            let user = local_user(&*store, &address, delimiter)?;
            user.map(|user| Ok((user, is_full(&*store, user, quota)?))).transpose()
        });
        match looked.await {
            Ok(Ok(Some((_, true)))) => Looked::Full,
            Ok(Ok(Some((user, false)))) => Looked::Found(user),
            Ok(Ok(None)) => Looked::Unknown,
            Ok(Err::<_, easel_store::StoreError>(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "LMTP cannot look up a recipient");
                Looked::Failed
            }
            Err(error) => {
                tracing::error!(%error, "looking up a recipient broke");
                Looked::Failed
            }
        }
    }

    async fn deliver(&self, transaction: Transaction) -> Vec<Reply> {
        let at = (self.clock)();
        let count = self.deliveries.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:x}.{count:x}", at.as_millisecond());
        let (store, by, owed) = (Arc::clone(&self.store), self.options.hostname.clone(), transaction.recipients.len());
        let (quota, auto_reply) = (self.options.quota, self.options.auto_reply);
        let stored = spawn_blocking(move || {
            let (sender, with) = (transaction.sender.as_ref(), if transaction.utf8 { "UTF8LMTP" } else { "LMTP" });
            let from = Some(Hop { name: &transaction.client, with });
            let mut told: HashMap<UserId, Stored> = HashMap::new();
            let mut replies = Vec::with_capacity(owed);
            for (recipient, user) in &transaction.recipients {
                // Two addresses of one mailbox are one delivery; both hear how it went.
                let stored = *told.entry(*user).or_insert_with(|| {
                    let trace = Trace { sender, recipient, from, by: &by, id: &id, at };
                    let done = deliver_traced(&*store, *user, &transaction.message, &trace, quota, auto_reply);
                    stored(done, *user, &id)
                });
                replies.push(match stored {
                    Stored::Yes => Reply::delivered(recipient.as_str(), &id),
                    Stored::Full => Reply::MAILBOX_FULL,
                    Stored::TooLarge => Reply::MAILBOX_TOO_SMALL,
                    Stored::Gone => Reply::RECIPIENT_UNKNOWN,
                    Stored::No => Reply::STORE_FAILED,
                    Stored::NoRoom => Reply::DISK_FULL,
                });
            }
            replies
        });
        stored.await.unwrap_or_else(|error| {
            tracing::error!(%error, "storing a message broke");
            vec![Reply::STORE_FAILED; owed]
        })
    }
}

/// How a delivery went.
#[derive(Clone, Copy)]
enum Stored {
    /// There is no room now.
    Full,
    /// The mailbox went while the message came.
    Gone,
    /// It is to be tried again.
    No,
    /// The disk is full.
    NoRoom,
    /// There will never be room.
    TooLarge,
    Yes,
}

/// Says in the log how a delivery went: ids, no correspondents.
fn stored(delivered: Result<ServerId, DeliveryError>, user: UserId, id: &str) -> Stored {
    match delivered {
        Ok(item) => {
            tracing::info!(id, user = user.0, %item, "mail stored");
            Stored::Yes
        }
        Err(DeliveryError::NoMailbox) => {
            tracing::info!(id, user = user.0, "the mailbox is gone");
            Stored::Gone
        }
        Err(DeliveryError::Full) => {
            tracing::warn!(id, user = user.0, "the mailbox is full");
            Stored::Full
        }
        Err(DeliveryError::TooLarge) => {
            tracing::warn!(id, user = user.0, "a message is larger than the mailbox may be");
            Stored::TooLarge
        }
        // Said by the store, once.
        Err(DeliveryError::Disk { full: true }) => Stored::NoRoom,
        Err(DeliveryError::Disk { full: false }) => Stored::No,
        Err(error) => {
            tracing::error!(id, user = user.0, error = &error as &dyn std::error::Error, "mail not stored");
            Stored::No
        }
    }
}
