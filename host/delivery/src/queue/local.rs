//! Recipients who are users here.

use easel_store::{Content, Outgoing, Store, StoreError, UserId};
use jiff::Timestamp;

use super::QueueOptions;
use super::connection::Refusal;
use super::lines::normal;
use super::retry::{Trouble, delay, fail};
use super::settle::{conclude, settle};
use super::token;
use crate::deliver::deliver_traced;
use crate::{Address, DeliveryError, Trace, local_user};

/// Bytes at the start of a message in which the fields put there by a delivery are.
const TRACE_BYTES_MAX: u64 = 8 * 1024;

/// What is left of a message once its local recipients are served.
#[derive(Clone, Debug)]
pub(super) struct Work {
    /// The row as it is in the store.
    pub(super) row: Outgoing,
    /// The recipients who are no users here: some or all of the row's.
    pub(super) remote: Vec<Address>,
    /// Why a recipient of the row who is none of these is still there.
    pub(super) trouble: Option<Trouble>,
}

/// Where a recipient is served.
enum Place {
    Here(Address, UserId),
    There(Address),
}

fn place(store: &dyn Store, options: &QueueOptions, address: Address) -> Result<Place, StoreError> {
    Ok(match local_user(store, &address, options.delimiter)? {
        Some(user) => Place::Here(address, user),
        None => Place::There(address),
    })
}

/// Delivers to the local recipients of a message and writes that down. `None`: nobody else is left, or nobody whom another
/// server could help.
pub(super) fn serve(
    store: &dyn Store,
    options: &QueueOptions,
    row: Outgoing,
    now: Timestamp,
) -> Result<Option<Work>, DeliveryError> {
    let before = row.recipients.len();
    let mut row = row;
    fail(&mut row, |recipient| {
        let reason = || format!("{recipient:?} is not an address");
        Address::parse(recipient).is_err().then(|| Refusal::ours("5.1.3", reason()).about(recipient))
    });
    let (mut remote, mut here, mut left, mut refused, mut trouble) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), None);
    for recipient in &row.recipients {
        let Ok(address) = Address::parse(recipient) else { continue };
        match place(store, options, address)? {
            Place::Here(address, user) => here.push((recipient, address, user)),
            Place::There(address) => {
                remote.push(address);
                left.push(recipient.clone());
            }
        }
    }
    if !here.is_empty() {
        let (raw, id) = (store.read_blob(row.blob)?, token(&row));
        let (message, sender) = (normal(&raw), Address::parse(&row.sender).ok());
        for (recipient, address, user) in &here {
            let (sender, by) = (sender.as_ref(), &options.hostname);
            let trace = Trace { sender, recipient: address, from: None, by, id: &id, at: now };
            if let Err(error) = deliver_once(store, options, *user, &message, &trace) {
                // Nothing can be written down either; whoever has it already is known next time.
                if matches!(error, DeliveryError::Disk { .. }) {
                    return Err(error);
                }
                tracing::error!(id = row.id.0, user = user.0, error = &error as &dyn std::error::Error, "not stored");
                left.push((*recipient).clone());
                refused.push(((*recipient).clone(), error));
            }
        }
    }
    let mut row = Outgoing { recipients: left, ..row };
    for (recipient, error) in refused {
        match refusal(&error) {
            refusal if refusal.permanent => {
                fail(&mut row, |one| (*one == recipient).then(|| refusal.about(one)));
            }
            refusal => {
                delay(&mut row, refusal.about(&recipient));
                trouble = Some(Trouble::Temporary(refusal.reason));
            }
        }
    }
    let mut work = Work { row, remote, trouble };
    // With nobody to be served elsewhere, the attempt ends here.
    if work.remote.is_empty() {
        conclude(&mut work.row, options, now, work.trouble);
        settle(store, options, &work.row, now)?;
        return Ok(None);
    }
    if work.row.recipients.len() < before {
        store.put_outgoing(&work.row)?;
    }
    Ok(Some(work))
}

/// What a delivery that failed means for the recipient. RFC 3463 3.3.
fn refusal(error: &DeliveryError) -> Refusal {
    let (permanent, status) = match error {
        DeliveryError::TooLarge => (true, "5.2.2"),
        DeliveryError::NoMailbox => (true, "5.1.1"),
        DeliveryError::Full => (false, "4.2.2"),
        DeliveryError::Disk { full: true } => (false, "4.3.1"),
        DeliveryError::Disk { full: false }
        | DeliveryError::Listen { .. }
        | DeliveryError::NotLoopback(_)
        | DeliveryError::PathTaken { .. }
        | DeliveryError::PlainSmartHost(_)
        | DeliveryError::Resolver(_)
        | DeliveryError::Store(_)
        | DeliveryError::Tls(_) => (false, "4.3.0"),
    };
    Refusal { permanent, status: status.to_owned(), reason: error.to_string(), host: String::new() }
}

/// Delivers, unless an earlier process has and died before it could write that down.
fn deliver_once(
    store: &dyn Store,
    options: &QueueOptions,
    user: UserId,
    raw: &[u8],
    trace: &Trace<'_>,
) -> Result<(), DeliveryError> {
    let index = easel_items::email::index(raw, trace.at);
    if let Some(uid) = &index.facts.uid
        && has(store, user, uid, trace.id)?
    {
        return Ok(());
    }
    deliver_traced(store, user, raw, trace, options.quota, options.auto_reply).map(drop)
}

/// Whether a mail of the mailbox has that Message-ID and was delivered under that id.
fn has(store: &dyn Store, user: UserId, uid: &str, id: &str) -> Result<bool, DeliveryError> {
    let snapshot = store.snapshot(user)?;
    for item in snapshot.by_uid(uid)? {
        let Some(Content::Mail(mail)) = snapshot.item(item)?.map(|item| item.content) else { continue };
        let start = snapshot.blob(mail.blob, 0..TRACE_BYTES_MAX)?;
        if delivered_as(&String::from_utf8_lossy(&start)) == Some(id) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The id in the first Received field, if it is one that the queue wrote: those from outside are behind one that LMTP
/// wrote, which begins otherwise.
fn delivered_as(start: &str) -> Option<&str> {
    let (_, received) = start.split_once("\r\nReceived: ")?;
    let (line, _) = received.strip_prefix("by ")?.split_once("\r\n")?;
    line.split_once(" id ").map(|(_, id)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_field_of_the_queue_names_a_delivery() {
        let address = Address::parse("anna@ox.io").unwrap();
        let mut trace =
            Trace { sender: None, recipient: &address, from: None, by: "h", id: "q1.2", at: Timestamp::UNIX_EPOCH };
        let own = trace.fields();
        assert_eq!(delivered_as(&own), Some("q1.2"));
        trace.from = Some(crate::Hop { name: "mx", with: "LMTP" });
        assert_eq!(delivered_as(&format!("{}{own}", trace.fields())), None);
        assert_eq!(delivered_as("Subject: x\r\n\r\n"), None);
    }
}
