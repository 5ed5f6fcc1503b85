//! One attempt to send one message to the smart host.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use easel_store::{Outgoing, Store};
use jiff::{Timestamp, ToSpan as _};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::lines::normal;
use super::local::Work;
use super::retry::{HOST_DELAY_MIN, Trouble, fail, put_off};
use super::smart_host::{Answer, Host, Refusal};
use crate::{Address, Clock, Shutdown};

/// Recipients of one transaction: RFC 5321 4.5.3.1.8 "Recipients Buffer" promises so many.
const RECIPIENTS_MAX: usize = 100;
/// The longest rest between two tries of writing down what was sent.
const WRITE_REST_MAX: Duration = Duration::from_secs(30);

/// What all attempts share.
pub(super) struct Courier {
    pub(super) host: Option<Host>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    /// Until when the smart host is left alone, and why.
    pub(super) down: Mutex<Option<(Timestamp, String)>>,
}

impl Courier {
    /// Sends, and writes down what came of it.
    pub(super) async fn attempt(&self, work: Work, shutdown: Shutdown) {
        let Work { mut row, remote, trouble } = work;
        let sent = self.send(&mut row, &remote, &shutdown).await;
        let trouble = sent.err().or(trouble);
        if !row.recipients.is_empty() {
            let trouble = trouble.unwrap_or_else(|| Trouble::Temporary("no answer was given".to_owned()));
            put_off(&mut row, (self.clock)(), trouble);
        } else if !row.failed.is_empty() {
            row.attempts = row.attempts.saturating_add(1);
        }
        let (id, left, attempts) = (row.id.0, row.recipients.len(), row.attempts);
        match (&row.last_error, row.failed.len()) {
            (Some(reason), failed) if left > 0 => tracing::warn!(id, left, failed, attempts, reason, "mail put off"),
            (Some(reason), failed) if failed > 0 => tracing::error!(id, failed, reason, "mail refused for good"),
            _ => tracing::info!(id, "mail handed on"),
        }
        self.write_down(&row, &shutdown).await;
    }

    async fn send(&self, row: &mut Outgoing, remote: &[Address], shutdown: &Shutdown) -> Result<(), Trouble> {
        let Some(host) = &self.host else { return Err(Trouble::Host("no smart host is configured".to_owned())) };
        if let Some(reason) = self.is_down() {
            return Err(Trouble::Host(reason));
        }
        let (store, blob) = (Arc::clone(&self.store), row.blob);
        let raw = match spawn_blocking(move || store.read_blob(blob)).await {
            Ok(Ok(raw)) => raw,
            Ok(Err(error)) => return Err(Trouble::Temporary(error.to_string())),
            Err(error) => return Err(Trouble::Temporary(error.to_string())),
        };
        let message = normal(&raw);
        let sender = match sender(row) {
            Ok(sender) => sender,
            Err(reason) => {
                fail(row, |recipient| is_one_of(recipient, remote).then(|| reason.clone()));
                return Ok(());
            }
        };
        let mut connection = host.connect().await.map_err(|reason| {
            *self.down() = Some((later((self.clock)()), reason.clone()));
            Trouble::Host(reason)
        })?;
        let mut refused = None;
        let mut chunks = remote.chunks(RECIPIENTS_MAX).peekable();
        while let Some(chunk) = chunks.next() {
            let answers = connection.send(sender.as_ref(), chunk, &message).await;
            row.recipients.retain(|recipient| !matches!(answer_to(recipient, &answers), Some(Ok(()))));
            fail(row, |recipient| match answer_to(recipient, &answers)? {
                Err(refusal) if refusal.permanent => Some(refusal.reason.clone()),
                Err(_) | Ok(()) => None,
            });
            refused = refused.or_else(|| put_back(&answers));
            if chunks.peek().is_some() {
                self.write_down(row, shutdown).await;
                if let Err(refusal) = connection.reset().await {
                    refused = Some(Trouble::Temporary(refusal.reason));
                    break;
                }
            }
        }
        // Whatever the host says to QUIT, what it said before is to be written down: not waited for.
        tokio::spawn(connection.quit());
        refused.map_or(Ok(()), Err)
    }

    fn down(&self) -> std::sync::MutexGuard<'_, Option<(Timestamp, String)>> {
        self.down.lock().expect("no holder of this lock panics")
    }

    /// Why the host is left alone now, if it is.
    fn is_down(&self) -> Option<String> {
        let now = (self.clock)();
        let mut down = self.down();
        if down.as_ref().is_some_and(|(until, _)| *until <= now) {
            *down = None;
        }
        down.as_ref().map(|(_, reason)| reason.clone())
    }

    /// Writes down what is left, as often as it takes: what was sent must not be sent again.
    async fn write_down(&self, row: &Outgoing, shutdown: &Shutdown) {
        let mut rest = Duration::from_millis(100);
        loop {
            let (store, copy) = (Arc::clone(&self.store), row.clone());
            match spawn_blocking(move || store.put_outgoing(&copy)).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(id = row.id.0, error, "cannot write down what was sent");
                }
                Err(error) => tracing::error!(id = row.id.0, %error, "writing down what was sent broke"),
            }
            if *shutdown.borrow() {
                return;
            }
            sleep(rest).await;
            rest = (rest * 2).min(WRITE_REST_MAX);
        }
    }
}

fn later(now: Timestamp) -> Timestamp {
    now.checked_add(HOST_DELAY_MIN.minutes()).unwrap_or(Timestamp::MAX)
}

/// The sender of the envelope. A bad one is the message's end: no host would take it, and it goes into a command line.
fn sender(row: &Outgoing) -> Result<Option<Address>, String> {
    match row.sender.as_str() {
        "" => Ok(None),
        text => Address::parse(text).map(Some).map_err(|error| format!("the sender cannot be used: {error}")),
    }
}

fn is_one_of(recipient: &str, addresses: &[Address]) -> bool {
    Address::parse(recipient).is_ok_and(|recipient| addresses.contains(&recipient))
}

fn answer_to<'a>(recipient: &str, answers: &'a [Answer]) -> Option<&'a Result<(), Refusal>> {
    let recipient = Address::parse(recipient).ok()?;
    answers.iter().find(|(address, _)| *address == recipient).map(|(_, answer)| answer)
}

/// Why somebody may be served another time.
fn put_back(answers: &[Answer]) -> Option<Trouble> {
    answers.iter().find_map(|(address, answer)| match answer {
        Err(refusal) if !refusal.permanent => Some(Trouble::Temporary(format!("<{address}>: {}", refusal.reason))),
        Err(_) | Ok(()) => None,
    })
}
