//! Sockets around sessions.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};
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
            let told = each_mailbox(&transaction, |user, recipient| {
                let trace = Trace { sender, recipient, from, by: &by, id: &id, at };
                let done = deliver_traced(&*store, user, &transaction.message, &trace, quota, auto_reply);
                stored(done, user, &id)
            });
            let mut replies = Vec::with_capacity(owed);
            for (recipient, user) in &transaction.recipients {
                replies.push(match told.get(user).copied().unwrap_or(Stored::No) {
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

/// Mailboxes that one message goes into at the same time, so that they share commits; larger messages, of which each
/// mailbox has a copy in memory for the moment, go into one after the other.
const AT_ONCE: usize = 8;
const AT_ONCE_BYTES_MAX: usize = 1 << 20;

/// Delivers to each mailbox once: two addresses of one are one delivery, and both hear how it went. A mailbox whose
/// delivery broke is missing.
fn each_mailbox(
    transaction: &Transaction,
    deliver: impl Fn(UserId, &Address) -> Stored + Sync,
) -> HashMap<UserId, Stored> {
    let mut seen = HashSet::new();
    let mailboxes: Vec<_> = transaction.recipients.iter().filter(|(_, user)| seen.insert(*user)).collect();
    let at_once = if transaction.message.len() <= AT_ONCE_BYTES_MAX { AT_ONCE } else { 1 };
    let share = mailboxes.len().div_ceil(at_once).max(1);
    let work = |share: &[&(Address, UserId)]| -> Vec<_> {
        share.iter().map(|(recipient, user)| (*user, deliver(*user, recipient))).collect()
    };
    let Some((first, others)) = mailboxes.split_at_checked(share) else {
        return work(&mailboxes).into_iter().collect();
    };
    thread::scope(|scope| {
        let start = |share| thread::Builder::new().name("delivery".to_owned()).spawn_scoped(scope, move || work(share));
        let running: Vec<_> = others.chunks(share).map(start).collect();
        let mut told: HashMap<_, _> = work(first).into_iter().collect();
        for started in running {
            match started.map(ScopedJoinHandle::join) {
                Ok(Ok(done)) => told.extend(done),
                Ok(Err(_)) => tracing::error!("storing a message broke"),
                Err(error) => tracing::error!(%error, "a thread for deliveries cannot be started"),
            }
        }
        told
    })
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;

    fn transaction(recipients: u64, users: u64, bytes: usize) -> Transaction {
        let recipient = |number| (Address::parse(&format!("r{number}@example.org")).unwrap(), UserId(number % users));
        Transaction {
            client: "client".to_owned(),
            sender: None,
            utf8: false,
            recipients: (0..recipients).map(recipient).collect(),
            message: vec![b'x'; bytes],
        }
    }

    #[test]
    fn each_mailbox_is_delivered_to_once_for_its_first_recipient_however_many_there_are() {
        for (recipients, users, bytes) in [(1, 1, 10), (30, 20, 10), (100, 100, 10), (30, 20, AT_ONCE_BYTES_MAX + 1)] {
            let done = Mutex::new(BTreeMap::new());
            let told = each_mailbox(&transaction(recipients, users, bytes), |user, recipient| {
                assert_eq!(done.lock().unwrap().insert(user, recipient.as_str().to_owned()), None, "{user:?} twice");
                if user.0 == 0 { Stored::Full } else { Stored::Yes }
            });
            let expected = (0..users).map(|user| (UserId(user), format!("r{user}@example.org")));
            assert_eq!(done.into_inner().unwrap(), expected.collect());
            assert_eq!(told.len(), usize::try_from(users).unwrap());
            assert!(told.iter().all(|(user, stored)| (user.0 == 0) == matches!(stored, Stored::Full)));
        }
    }

    #[test]
    fn large_messages_go_into_one_mailbox_after_the_other_and_small_ones_beside_one_another() {
        for (bytes, most) in [(AT_ONCE_BYTES_MAX + 1, 1), (10, AT_ONCE)] {
            let threads = Mutex::new(HashSet::new());
            each_mailbox(&transaction(40, 40, bytes), |_, _| {
                threads.lock().unwrap().insert(thread::current().id());
                Stored::Yes
            });
            assert_eq!(threads.into_inner().unwrap().len(), most);
        }
    }
}
