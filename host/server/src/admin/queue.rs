//! The outgoing queue, and what an administrator does with what is stuck in it.

use easel_items::email;
use easel_store::{Outgoing, OutgoingId};
use jiff::Timestamp;

use super::office::{Office, Refusal};
use super::{QueueOrder, QueuedShown, Reply};

/// Messages in one reply.
const PAGE: usize = 50;

/// Characters shown of a subject.
const SUBJECT_MAX: usize = 100;

pub(super) fn list(office: &Office, after: u64) -> Result<Reply, Refusal> {
    let page = office.store.list_outgoing(OutgoingId(after), PAGE)?;
    let messages = page.into_iter().map(|row| shown(office, row)).collect::<Result<_, Refusal>>()?;
    Ok(Reply::Queue { messages })
}

pub(super) fn order(office: &Office, number: u64, order: QueueOrder) -> Result<Reply, Refusal> {
    let id = OutgoingId(number);
    let there = match order {
        QueueOrder::Drop => office.store.drop_outgoing(id)?,
        QueueOrder::Retry => office.store.retry_outgoing(id, office.now().as_millisecond())?,
    };
    if there {
        return Ok(Reply::Done);
    }
    Err(Refusal(format!("no message {number} is queued: `easel queue list` shows those there are")))
}

fn shown(office: &Office, row: Outgoing) -> Result<QueuedShown, Refusal> {
    let at =
        |millis| Timestamp::from_millisecond(millis).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let user = office.store.user(row.user)?;
    let tenants = office.store.tenants()?;
    let login = user.map_or_else(String::new, |user| {
        let tenant = tenants.iter().find(|tenant| tenant.id == user.tenant).map_or("", |tenant| tenant.name.as_str());
        format!("{}@{tenant}", user.name)
    });
    let subject = office.store.read_blob(row.blob).map_or_else(
        |_| String::new(),
        |raw| email::index(&raw, Timestamp::UNIX_EPOCH).facts.subject.chars().take(SUBJECT_MAX).collect(),
    );
    Ok(QueuedShown {
        number: row.id.0,
        login,
        sender: row.sender,
        subject,
        queued: at(row.queued),
        attempts: row.attempts,
        next_attempt: (!row.recipients.is_empty()).then(|| at(row.next_attempt)),
        waiting: row.recipients,
        delayed: row.delayed.into_iter().map(|delayed| (delayed.recipient, delayed.reason)).collect(),
        failed: row.failed.into_iter().map(|failed| (failed.recipient, failed.reason)).collect(),
        last_error: row.last_error,
    })
}
