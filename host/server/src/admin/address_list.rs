//! The address list of a tenant, beyond its users.

use easel_store::GalEntry;

use super::Reply;
use super::office::{Office, Refusal};
use super::users::{checked_photo, is_address};

/// Characters of one field.
const FIELD_CHARS_MAX: usize = 256;

pub(super) fn put(office: &Office, tenant: &str, entry: GalEntry, photo: Vec<u8>) -> Result<Reply, Refusal> {
    let tenant = office.tenant(tenant)?;
    if !is_address(&entry.email) {
        return Err(Refusal(format!("{:?} is no mail address", entry.email)));
    }
    // An entry of a user belongs to that user: an imported card never speaks for somebody who is here.
    if let Some(user) = office.store.user_by_address(&entry.email)? {
        let name = office.store.user(user)?.map(|user| user.name).unwrap_or_default();
        return Err(Refusal(format!("{} belongs to the user {name}, who is in the list already", entry.email)));
    }
    let cut = |text: String| text.chars().filter(|c| !c.is_control()).take(FIELD_CHARS_MAX).collect::<String>();
    let entry = GalEntry {
        user: None,
        display_name: cut(entry.display_name),
        email: entry.email,
        phone: cut(entry.phone),
        office: cut(entry.office),
        title: cut(entry.title),
        company: cut(entry.company),
        alias: cut(entry.alias),
        first_name: cut(entry.first_name),
        last_name: cut(entry.last_name),
        home_phone: cut(entry.home_phone),
        mobile_phone: cut(entry.mobile_phone),
        photo: (!photo.is_empty()).then(|| checked_photo(photo)).transpose()?,
    };
    office.store.put_gal_entry(tenant.id, &entry)?;
    Ok(Reply::Done)
}
