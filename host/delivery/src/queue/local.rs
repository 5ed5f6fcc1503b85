//! Recipients who are users here.

use easel_protocol::MailRecord;
use easel_store::{Content, Outgoing, Store, UserId};
use jiff::Timestamp;

use super::QueueOptions;
use super::lines::normal;
use super::retry::{Trouble, put_off};
use crate::deliver::{deliver_indexed, indexed};
use crate::{Address, DeliveryError, INBOX, Trace, local_user};

/// Bytes at the start of a message in which the fields put there by a delivery are.
const TRACE_BYTES_MAX: u64 = 8 * 1024;

/// What is left of a message once its local recipients are served.
#[derive(Clone, Debug)]
pub(super) struct Work {
    /// The row as it is in the store.
    pub(super) row: Outgoing,
    /// The recipients for the smart host: some or all of the row's.
    pub(super) remote: Vec<Address>,
    /// Why a recipient of the row who is none of these is still there.
    pub(super) trouble: Option<Trouble>,
}

/// Delivers to the local recipients of a message and writes that down. `None`: nobody else is left, or nobody whom the
/// smart host could help.
pub(super) fn serve(
    store: &dyn Store,
    options: &QueueOptions,
    mut row: Outgoing,
    now: Timestamp,
) -> Result<Option<Work>, DeliveryError> {
    let (mut remote, mut left, mut trouble) = (Vec::new(), Vec::new(), None);
    let mut message = None;
    let sender = Address::parse(&row.sender).ok();
    for recipient in &row.recipients {
        let Ok(address) = Address::parse(recipient) else {
            trouble = Some(Trouble::Permanent(format!("{recipient:?} is not an address")));
            left.push(recipient.clone());
            continue;
        };
        let Some(user) = local_user(store, &address, options.delimiter)? else {
            left.push(recipient.clone());
            remote.push(address);
            continue;
        };
        if message.is_none() {
            message = Some(store.read_blob(row.blob)?);
        }
        let raw = message.as_deref().unwrap_or_default();
        let trace = Trace {
            sender: sender.as_ref(),
            recipient: &address,
            from: None,
            by: &options.hostname,
            id: &token(&row),
            at: now,
        };
        match deliver_once(store, user, raw, &trace) {
            Ok(()) => tracing::info!(id = row.id.0, user = user.0, "queued mail stored"),
            Err(error) => {
                tracing::error!(id = row.id.0, user = user.0, error = &error as &dyn std::error::Error, "not stored");
                trouble = Some(Trouble::Temporary(error.to_string()));
                left.push(recipient.clone());
            }
        }
    }
    let served = left.len() < row.recipients.len();
    row.recipients = left;
    match trouble {
        Some(trouble) if remote.is_empty() => {
            put_off(&mut row, now, trouble);
            store.put_outgoing(&row)?;
            Ok(None)
        }
        trouble => {
            if served {
                store.put_outgoing(&row)?;
            }
            Ok((!row.recipients.is_empty()).then_some(Work { row, remote, trouble }))
        }
    }
}

/// Names a queued message, for ever: the number of a row that is done may be used again, the time it was queued not.
fn token(row: &Outgoing) -> String {
    format!("q{:x}.{:x}", row.id.0, row.queued)
}

/// Delivers, unless an earlier process has and died before it could write that down.
fn deliver_once(store: &dyn Store, user: UserId, raw: &[u8], trace: &Trace<'_>) -> Result<(), DeliveryError> {
    let message = [trace.fields().as_bytes(), &*normal(raw)].concat();
    let record = MailRecord::arrived(trace.at.as_millisecond());
    let indexed = indexed(&message, &record);
    if let Some(uid) = &indexed.facts.uid
        && has(store, user, uid, &format!(" id {}\r\n", trace.id))?
    {
        return Ok(());
    }
    deliver_indexed(store, user, INBOX, &message, indexed, record).map(drop)
}

/// Whether a mail of the mailbox has that Message-ID and, in the fields at its start, that text.
fn has(store: &dyn Store, user: UserId, uid: &str, text: &str) -> Result<bool, DeliveryError> {
    let snapshot = store.snapshot(user)?;
    for id in snapshot.by_uid(uid)? {
        let Some(Content::Mail(mail)) = snapshot.item(id)?.map(|item| item.content) else { continue };
        let start = snapshot.blob(mail.blob, 0..TRACE_BYTES_MAX)?;
        if start.windows(text.len()).any(|bytes| bytes == text.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}
