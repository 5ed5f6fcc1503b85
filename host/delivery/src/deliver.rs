//! One message into one mailbox.

use easel_items::Owner;
use easel_items::email::{self, Indexed};
use easel_protocol::{CollectionId, MailRecord, ServerId};
use easel_store::{ChangeSet, NewContent, Store, StoreError, User, UserId, Write};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::{Address, DeliveryError};

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
    let indexed = indexed(raw, &record);
    deliver_indexed(store, user, folder, raw, indexed, record)
}

/// The index of a message that arrives as `record` says.
pub(crate) fn indexed(raw: &[u8], record: &MailRecord) -> Indexed {
    email::index(raw, Timestamp::from_millisecond(record.received).unwrap_or_default())
}

/// [`deliver`] for a message that is indexed already.
pub(crate) fn deliver_indexed(
    store: &dyn Store,
    user: UserId,
    folder: CollectionId,
    raw: &[u8],
    indexed: Indexed,
    mut record: MailRecord,
) -> Result<ServerId, DeliveryError> {
    let owner = owner(&store.user(user)?.ok_or(DeliveryError::NoMailbox)?);
    record.received_as_bcc = email::received_as_bcc(&indexed.index, &owner);
    // Bytes first, and each recipient's their own: the fields before them name the recipient, and one who was
    // blind-copied must not be named to another.
    let blob = store.put_blob(raw)?;
    let id = store.reserve_items(user, 1)?;
    let content = NewContent::Mail { blob, size: raw.len() as u64, index: indexed.index.to_bytes(), record };
    let mut changes = ChangeSet::new(user);
    changes.writes.push(Write::DeliverItem { id, folder, content, facts: indexed.facts });
    store.commit(changes)?;
    Ok(id)
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
