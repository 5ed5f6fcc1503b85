//! One message into one mailbox.

use easel_items::Owner;
use easel_items::email::{self, Indexed};
use easel_protocol::{CollectionId, MailRecord, ServerId};
use easel_store::{ChangeSet, NewContent, Store, StoreError, User, UserId, Write};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::{Address, AutoReply, DeliveryError, INBOX, Trace, auto_reply};

/// Puts a message into a folder, as it is: [`crate::Trace`] fields, where they belong, were put before it already.
/// `record.received` is the time of arrival; whether the owner got it as Bcc is worked out here. A mail of a conversation
/// that the owner always moves goes there instead, unless `folder` is Sent Items.
///
/// When this returns, the message is stored durably and everybody who watches the folder is being woken. When it fails
/// or the process dies half way, the mailbox has not changed; bytes already written are swept at the next start.
pub fn deliver(
    store: &dyn Store,
    user: UserId,
    folder: CollectionId,
    raw: &[u8],
    record: MailRecord,
) -> Result<ServerId, DeliveryError> {
    let owner = owner(&store.user(user)?.ok_or(DeliveryError::NoMailbox)?);
    let (id, changes) = adding(store, user, &owner, folder, raw, record)?;
    store.commit(changes)?;
    Ok(id)
}

/// Puts a message that came for a recipient into the Inbox, behind the fields of its delivery, and lets the owner's automatic
/// reply, if one is due, go with it. `quota` and `auto_reply`: as in [`crate::lmtp::LmtpOptions`].
///
/// The message, the reply and the memory of the reply are one step.
pub(crate) fn deliver_traced(
    store: &dyn Store,
    user: UserId,
    raw: &[u8],
    trace: &Trace<'_>,
    quota: Option<u64>,
    auto_reply: AutoReply,
) -> Result<ServerId, DeliveryError> {
    let person = store.user(user)?.ok_or(DeliveryError::NoMailbox)?;
    let message = [trace.fields().as_bytes(), raw].concat();
    let record = MailRecord::arrived(trace.at.as_millisecond());
    let (id, mut changes) = adding(store, user, &owner(&person), INBOX, &message, record)?;
    if let Some(bytes_max) = bound(&person, quota) {
        if message.len() as u64 > bytes_max {
            return Err(DeliveryError::TooLarge);
        }
        changes.writes.push(Write::Within { bytes_max });
    }
    let _answering = auto_reply::add(store, &person, raw, trace, auto_reply, &mut changes)?;
    store.commit(changes)?;
    Ok(id)
}

/// Whether a mailbox holds all that it may.
pub(crate) fn is_full(store: &dyn Store, user: UserId, quota: Option<u64>) -> Result<bool, StoreError> {
    let Some(person) = store.user(user)? else { return Ok(false) };
    match bound(&person, quota) {
        Some(bytes_max) => Ok(store.mailbox_bytes(user)? >= bytes_max),
        None => Ok(false),
    }
}

/// The bytes that the user's mailbox may hold, if they are bounded.
fn bound(user: &User, quota: Option<u64>) -> Option<u64> {
    user.quota.or(quota).filter(|bytes| *bytes > 0)
}

/// The index of a message that arrives as `record` says.
pub(crate) fn indexed(raw: &[u8], record: &MailRecord) -> Indexed {
    email::index(raw, Timestamp::from_millisecond(record.received).unwrap_or_default())
}

/// The step that adds a message, and the id it gets.
fn adding(
    store: &dyn Store,
    user: UserId,
    owner: &Owner,
    folder: CollectionId,
    raw: &[u8],
    mut record: MailRecord,
) -> Result<(ServerId, ChangeSet), DeliveryError> {
    let indexed = indexed(raw, &record);
    record.received_as_bcc = email::received_as_bcc(&indexed.index, owner);
    let mut facts = indexed.facts;
    // As an import of its export names it: the fields of the delivery are part of it.
    facts.uid.get_or_insert_with(|| email::name_by_hash(&email::content_hash(raw)));
    // Bytes first, and each recipient's their own: the fields before them name the recipient, and one who was
    // blind-copied must not be named to another.
    let blob = store.put_blob(raw)?;
    let id = store.reserve_items(user, 1)?;
    let content = NewContent::Mail { blob, size: raw.len() as u64, index: indexed.index.to_bytes(), record };
    let mut changes = ChangeSet::new(user);
    changes.writes.push(Write::DeliverItem { id, folder, content, facts });
    Ok((id, changes))
}

/// The user an envelope's recipient belongs to: by the address as written or, given a delimiter, by the address without
/// its detail (`anna+lists@ox.io`).
pub fn local_user(store: &dyn Store, address: &Address, delimiter: Option<char>) -> Result<Option<UserId>, StoreError> {
    if let Some(user) = store.user_by_address(address.as_str())? {
        return Ok(Some(user));
    }
    match delimiter.and_then(|delimiter| address.without_detail(delimiter)) {
        Some(base) => store.user_by_address(base.as_str()),
        None => Ok(None),
    }
}

/// A user as the room `items` sees one.
pub fn owner(user: &User) -> Owner {
    Owner {
        name: user.display_name.clone(),
        addresses: user.addresses.clone(),
        zone: TimeZone::get(&user.zone).unwrap_or(TimeZone::UTC),
    }
}
