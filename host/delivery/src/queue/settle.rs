//! The end of an attempt: who is given up, what the sender is told, and all of it written down at once.

use easel_protocol::MailRecord;
use easel_store::{ChangeSet, FailedRecipient, Missing, NewContent, Outgoing, Store, StoreError, Write};
use jiff::Timestamp;

use super::QueueOptions;
use super::lines::normal;
use super::notice::{Kind, Notice};
use super::retry::{Trouble, expire, forget_served, put_off};
use crate::deliver::indexed;
use crate::{Address, INBOX};

/// Decides what becomes of a message after an attempt: who is tried again and when, and who is given up. `trouble` is why
/// recipients are left, if some are.
pub(super) fn conclude(row: &mut Outgoing, options: &QueueOptions, now: Timestamp, trouble: Option<Trouble>) {
    forget_served(row);
    if row.recipients.is_empty() {
        row.attempts = row.attempts.saturating_add(u32::from(!row.failed.is_empty()));
    } else {
        let trouble = trouble.unwrap_or_else(|| Trouble::Temporary("no answer was given".to_owned()));
        put_off(row, now, &options.schedule, &trouble);
        expire(row, &options.schedule);
    }
    options.tally.ended(row);
    log(row);
}

/// Writes down what an attempt left, with what the sender is told of it: both, or, when this fails, neither.
///
/// A message of which nobody is to be told (it has no return path) gives its failures up without a word: RFC 5321 4.5.5.
pub(super) fn settle(
    store: &dyn Store,
    options: &QueueOptions,
    row: &Outgoing,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut row = row.clone();
    let mut notices = Vec::new();
    let failed = std::mem::take(&mut row.failed);
    if row.sender.is_empty() {
        if !failed.is_empty() {
            tracing::warn!(id = row.id.0, failed = failed.len(), "a message without return path is given up");
        }
    } else if !failed.is_empty() {
        notices.push((Kind::Failed, failed));
    }
    let late = options.schedule.until_notice(&row).is_some_and(|left| left <= 0);
    if late && !row.recipients.is_empty() {
        row.delay_told = true;
        notices.push((Kind::Delayed, waiting(&row)));
    }
    if notices.is_empty() {
        return store.put_outgoing(&row);
    }
    let mut changes = ChangeSet::new(row.user);
    match writes(store, options, &row, now, &notices) {
        Ok(writes) => changes.writes = writes,
        // The mailbox went, and the message with it.
        Err(StoreError::NotFound(Missing::User)) => return Ok(()),
        Err(error) => return Err(error),
    }
    changes.writes.push(Write::PutOutgoing(row));
    store.commit(changes).map(drop)
}

fn log(row: &Outgoing) {
    let (id, left, attempts, failed) = (row.id.0, row.recipients.len(), row.attempts, row.failed.len());
    match &row.last_error {
        Some(reason) if left > 0 => tracing::warn!(id, left, failed, attempts, reason, "mail put off"),
        Some(reason) if failed > 0 => tracing::error!(id, failed, reason, "mail refused for good"),
        Some(_) | None => tracing::info!(id, "mail handed on"),
    }
}

/// Those still to be served, with what was said of them.
fn waiting(row: &Outgoing) -> Vec<FailedRecipient> {
    let said = |recipient: &String| {
        let known = row.delayed.iter().find(|delayed| delayed.recipient == *recipient).cloned();
        known.unwrap_or_else(|| FailedRecipient {
            recipient: recipient.clone(),
            reason: row.last_error.clone().unwrap_or_default(),
            ..FailedRecipient::default()
        })
    };
    row.recipients.iter().map(said).collect()
}

/// The notices, in the Inbox of whoever sent the message. They are let in when the mailbox is full.
fn writes(
    store: &dyn Store,
    options: &QueueOptions,
    row: &Outgoing,
    now: Timestamp,
    notices: &[(Kind, Vec<FailedRecipient>)],
) -> Result<Vec<Write>, StoreError> {
    let owner = store.user(row.user)?.ok_or(StoreError::NotFound(Missing::User))?;
    let own = owner.addresses.first().map_or("", String::as_str);
    let postmaster = || Address::parse(&format!("postmaster@{}", options.hostname));
    let to = Address::parse(&row.sender).or_else(|_| Address::parse(own)).or_else(|_| postmaster());
    let to = to.map_err(|error| StoreError::backend("telling the sender", error))?;
    let raw = original(store, row)?;
    let original = normal(&raw);
    let until = now.as_millisecond().saturating_add(options.schedule.left(row));
    let until = Timestamp::from_millisecond(until).unwrap_or(Timestamp::MAX);
    let mut writes = Vec::new();
    for (kind, recipients) in notices {
        let notice = Notice {
            kind: *kind,
            row,
            recipients,
            to: &to,
            hostname: &options.hostname,
            original: &original,
            now,
            until,
        };
        let message = notice.message();
        let record = MailRecord::arrived(now.as_millisecond());
        let indexed = indexed(&message, &record);
        let content = NewContent::Mail {
            blob: store.put_blob(&message)?,
            size: message.len() as u64,
            index: indexed.index.to_bytes(),
            record,
        };
        let id = store.reserve_items(row.user, 1)?;
        writes.push(Write::AddItem { id, folder: INBOX, content, facts: indexed.facts });
    }
    Ok(writes)
}

/// What was to be sent; empty when it cannot be read though the store answers otherwise: the sender is told all the same.
fn original(store: &dyn Store, row: &Outgoing) -> Result<Vec<u8>, StoreError> {
    match store.read_blob(row.blob) {
        Ok(raw) => Ok(raw),
        Err(error @ StoreError::Disk { .. }) => Err(error),
        Err(error) => {
            // Too many readers, or a store that gives nothing at all, say nothing about this mail.
            store.outgoing(row.id)?;
            let error = &error as &dyn std::error::Error;
            tracing::error!(id = row.id.0, error, "a queued mail cannot be read; its sender is told without it");
            Ok(Vec::new())
        }
    }
}
