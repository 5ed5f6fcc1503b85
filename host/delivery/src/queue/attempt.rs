//! One attempt to send one message to the smart host.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use easel_store::{Outgoing, Store};
use jiff::{Timestamp, ToSpan as _};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::lines::normal;
use super::local::Work;
use super::retry::{HOST_DELAY_MIN, Trouble, put_off};
use super::smart_host::{Answer, Host};
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
        if !row.recipients.is_empty() {
            let trouble = match (sent, trouble) {
                (Err(Trouble::Permanent(_)) | Ok(()), Some(trouble)) => trouble,
                (Err(trouble), _) => trouble,
                (Ok(()), None) => Trouble::Temporary("no answer was given".to_owned()),
            };
            put_off(&mut row, (self.clock)(), trouble);
        }
        let (id, left, attempts) = (row.id.0, row.recipients.len(), row.attempts);
        match &row.last_error {
            Some(reason) if left > 0 => tracing::warn!(id, left, attempts, reason, "mail put off"),
            Some(_) | None => tracing::info!(id, "mail handed on"),
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
        let (message, sender) = (normal(&raw), sender(row)?);
        let mut connection = host.connect().await.map_err(|reason| {
            *self.down() = Some((later((self.clock)()), reason.clone()));
            Trouble::Host(reason)
        })?;
        let mut refused = None;
        let mut chunks = remote.chunks(RECIPIENTS_MAX).peekable();
        while let Some(chunk) = chunks.next() {
            let answers = connection.send(sender.as_ref(), chunk, &message).await;
            row.recipients.retain(|recipient| !is_served(recipient, &answers));
            refused = worst(refused, &answers);
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
fn sender(row: &Outgoing) -> Result<Option<Address>, Trouble> {
    match row.sender.as_str() {
        "" => Ok(None),
        text => Address::parse(text)
            .map(Some)
            .map_err(|error| Trouble::Permanent(format!("the sender cannot be used: {error}"))),
    }
}

fn is_served(recipient: &str, answers: &[Answer]) -> bool {
    Address::parse(recipient)
        .is_ok_and(|recipient| answers.iter().any(|(address, answer)| *address == recipient && answer.is_ok()))
}

/// What is said of those who are left: for good only if it is for good for each of them.
fn worst(before: Option<Trouble>, answers: &[Answer]) -> Option<Trouble> {
    answers.iter().filter_map(|(address, answer)| answer.as_ref().err().map(|refusal| (address, refusal))).fold(
        before,
        |worst, (address, refusal)| {
            let reason = format!("<{address}>: {}", refusal.reason);
            match (worst, refusal.permanent) {
                (Some(temporary @ Trouble::Temporary(_)), _) => Some(temporary),
                (_, false) => Some(Trouble::Temporary(reason)),
                (Some(permanent @ Trouble::Permanent(_)), true) => Some(permanent),
                (Some(Trouble::Host(_)) | None, true) => Some(Trouble::Permanent(reason)),
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::smart_host::Refusal;
    use super::*;

    #[test]
    fn it_is_for_good_only_if_it_is_for_everybody() {
        let answer = |permanent: Option<bool>| {
            let refusal = |permanent| Refusal { permanent, reason: "no".to_owned() };
            (Address::parse("a@x").unwrap(), permanent.map_or(Ok(()), |permanent| Err(refusal(permanent))))
        };
        let reason = "<a@x>: no".to_owned();
        assert_eq!(worst(None, &[answer(None)]), None);
        assert_eq!(worst(None, &[answer(Some(true)), answer(None)]), Some(Trouble::Permanent(reason.clone())));
        assert_eq!(worst(None, &[answer(Some(true)), answer(Some(false))]), Some(Trouble::Temporary(reason.clone())));
        assert_eq!(worst(None, &[answer(Some(false)), answer(Some(true))]), Some(Trouble::Temporary(reason)));
    }
}
