//! Tenants and users.

use easel_server::Logins;
use easel_store::{GalEntry, NewUser, StoreError, Tenant, User};
use jiff::tz::TimeZone;

use super::login_name::tenant_name;
use super::office::{Office, Refusal};
use super::{LoginName, NewUserSpec, Password, PhotoChange, QuotaChange, Reply, TenantShown, UserChanges, UserShown};

/// Bytes of a photo.
pub(crate) const PHOTO_BYTES_MAX: usize = 512 << 10;
/// Bytes of a password; a longer one is no longer typed on a phone.
const PASSWORD_BYTES_MAX: usize = 256;
/// Addresses, or telephone numbers, of one user.
const LIST_MAX: usize = 50;

pub(super) fn add_tenant(office: &Office, name: &str) -> Result<Reply, Refusal> {
    let name = tenant_name(name).map_err(|error| Refusal(error.to_string()))?;
    match office.store.add_tenant(&name) {
        Ok(_) => Ok(Reply::Done),
        Err(StoreError::Exists(_)) => Err(Refusal(format!("there is a tenant {name:?} already"))),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn list_tenants(office: &Office) -> Result<Reply, Refusal> {
    let mut tenants = Vec::new();
    for tenant in office.store.tenants()? {
        tenants.push(TenantShown { users: office.store.users(tenant.id)?.len(), name: tenant.name });
    }
    Ok(Reply::Tenants { tenants })
}

pub(super) fn add(
    office: &Office,
    login: &LoginName,
    spec: NewUserSpec,
    password: &Password,
    photo: Vec<u8>,
) -> Result<Reply, Refusal> {
    let tenant = office.tenant(&login.tenant)?;
    if office.store.user_by_name(tenant.id, &login.name)?.is_some() {
        return Err(Refusal(format!("there is a user {login} already: `easel user set` changes it")));
    }
    let mut addresses = spec.addresses;
    if addresses.is_empty() && tenant.name.contains('.') {
        addresses.push(login.to_string());
    }
    let display_name = if spec.display_name.is_empty() { login.name.clone() } else { spec.display_name };
    let user = NewUser {
        tenant: tenant.id,
        name: login.name.clone(),
        display_name: checked_text(display_name, "display name")?,
        addresses: checked_addresses(addresses)?,
        phones: checked_phones(spec.phones)?,
        photo: (!photo.is_empty()).then(|| checked_photo(photo)).transpose()?,
        zone: checked_zone(spec.zone)?,
        password_hash: hash(password)?,
    };
    let user = office.store.add_user(&user).map_err(taken)?;
    // The phone may have been quicker: its password was wrong until now.
    office.end_logins(user.id);
    list_in_address_list(office, &user)?;
    Ok(Reply::Done)
}

pub(super) fn set(office: &Office, login: &LoginName, changes: UserChanges, photo: Vec<u8>) -> Result<Reply, Refusal> {
    let before = office.user(login)?;
    let mut user = before.clone();
    if let Some(name) = changes.display_name {
        user.display_name = checked_text(name, "display name")?;
    }
    if let Some(addresses) = changes.addresses {
        user.addresses = checked_addresses(addresses)?;
    }
    if let Some(phones) = changes.phones {
        user.phones = checked_phones(phones)?;
    }
    if let Some(zone) = changes.zone {
        user.zone = checked_zone(zone)?;
    }
    if let Some(enabled) = changes.enabled {
        user.enabled = enabled;
    }
    match changes.photo {
        Some(PhotoChange::Body) => user.photo = Some(checked_photo(photo)?),
        Some(PhotoChange::Remove) => user.photo = None,
        None => {}
    }
    match changes.quota {
        Some(QuotaChange::Configured) => user.quota = None,
        Some(QuotaChange::Mib(mib)) => user.quota = Some(checked_quota(mib)?),
        Some(QuotaChange::Unbounded) => user.quota = Some(0),
        None => {}
    }
    if user != before {
        update(office, &user)?;
        list_in_address_list(office, &user)?;
    }
    Ok(Reply::Done)
}

pub(super) fn set_password(office: &Office, login: &LoginName, password: &Password) -> Result<Reply, Refusal> {
    let user = office.user(login)?;
    update(office, &User { password_hash: hash(password)?, ..user })?;
    Ok(Reply::Done)
}

pub(super) fn remove(office: &Office, login: &LoginName) -> Result<Reply, Refusal> {
    let user = office.user(login)?;
    office.store.remove_user(user.id)?;
    office.end_logins(user.id);
    Ok(Reply::Done)
}

pub(super) fn list(office: &Office, tenant: Option<&str>) -> Result<Reply, Refusal> {
    let tenants = match tenant {
        Some(name) => vec![office.tenant(name)?],
        None => office.store.tenants()?,
    };
    let mut users = Vec::new();
    for tenant in tenants {
        for user in office.store.users(tenant.id)? {
            users.push(shown(office, &tenant, user)?);
        }
    }
    Ok(Reply::Users { users })
}

fn shown(office: &Office, tenant: &Tenant, user: User) -> Result<UserShown, Refusal> {
    Ok(UserShown {
        login: format!("{}@{}", user.name, tenant.name),
        devices: office.store.devices(user.id)?.len(),
        bytes: office.store.mailbox_bytes(user.id)?,
        quota_bytes: office.bytes_max(&user),
        photo_bytes: user.photo.as_ref().map_or(0, Vec::len),
        display_name: user.display_name,
        addresses: user.addresses,
        phones: user.phones,
        zone: user.zone,
        enabled: user.enabled,
    })
}

/// Writes the user back, and ends what is remembered of the logins.
fn update(office: &Office, user: &User) -> Result<(), Refusal> {
    office.store.update_user(user).map_err(taken)?;
    office.end_logins(user.id);
    Ok(())
}

fn taken(error: StoreError) -> Refusal {
    match error {
        StoreError::Exists(what) => Refusal(format!("{what:?} belongs to a user already")),
        StoreError::Backend { .. }
        | StoreError::Disk { .. }
        | StoreError::NotFound(_)
        | StoreError::OverQuota { .. }
        | StoreError::Stale
        | StoreError::TooNew { .. }
        | StoreError::Unreadable { .. } => error.into(),
    }
}

/// Colleagues find the user by name in the address list.
fn list_in_address_list(office: &Office, user: &User) -> Result<(), Refusal> {
    let entry = GalEntry {
        user: Some(user.id),
        display_name: user.display_name.clone(),
        email: user.addresses.first().cloned().unwrap_or_default(),
        phone: user.phones.first().cloned().unwrap_or_default(),
        mobile_phone: user.phones.get(1).cloned().unwrap_or_default(),
        alias: user.name.clone(),
        photo: user.photo.clone(),
        ..GalEntry::default()
    };
    office.store.put_gal_entry(user.tenant, &entry)?;
    Ok(())
}

fn hash(password: &Password) -> Result<String, Refusal> {
    if password.0.is_empty() || password.0.len() > PASSWORD_BYTES_MAX || password.0.chars().any(char::is_control) {
        return Err(Refusal(format!("a password has 1 to {PASSWORD_BYTES_MAX} bytes and no control characters")));
    }
    Ok(Logins::hash_password(&password.0))
}

/// Bytes of so many MiB, at most a PiB.
fn checked_quota(mib: u64) -> Result<u64, Refusal> {
    if mib == 0 || mib > 1 << 30 {
        return Err(Refusal(format!("a quota is 1 to {} MiB, \"none\" or \"default\", not {mib}", 1_u64 << 30)));
    }
    Ok(mib << 20)
}

fn checked_text(text: String, what: &str) -> Result<String, Refusal> {
    if text.trim().is_empty() || text.chars().count() > 256 || text.chars().any(char::is_control) {
        return Err(Refusal(format!("a {what} is one line of 1 to 256 characters, not {text:?}")));
    }
    Ok(text)
}

fn checked_addresses(addresses: Vec<String>) -> Result<Vec<String>, Refusal> {
    if addresses.is_empty() {
        return Err(Refusal("a user needs a mail address: give --address anna@example.org".to_owned()));
    }
    if addresses.len() > LIST_MAX {
        return Err(Refusal(format!("{} addresses are more than {LIST_MAX}", addresses.len())));
    }
    for (at, address) in addresses.iter().enumerate() {
        if !is_address(address) {
            return Err(Refusal(format!("{address:?} is no mail address: write one such as anna@example.org")));
        }
        if addresses[..at].iter().any(|other| other.eq_ignore_ascii_case(address)) {
            return Err(Refusal(format!("{address:?} is given twice")));
        }
    }
    Ok(addresses)
}

/// RFC 5321 4.5.3.1 "Size Limits and Minimums"; quoted local parts are left out.
pub(super) fn is_address(address: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "<>()[],;:\"\\".contains(c);
    address.len() <= 254
        && !address.contains(odd)
        && address.split_once('@').is_some_and(|(local, domain)| {
            (1..=64).contains(&local.len()) && !domain.contains('@') && domain.split('.').all(|label| !label.is_empty())
        })
}

fn checked_phones(phones: Vec<String>) -> Result<Vec<String>, Refusal> {
    if phones.len() > LIST_MAX {
        return Err(Refusal(format!("{} telephone numbers are more than {LIST_MAX}", phones.len())));
    }
    phones.into_iter().map(|phone| checked_text(phone, "telephone number")).collect()
}

fn checked_zone(zone: String) -> Result<String, Refusal> {
    match TimeZone::get(&zone) {
        Ok(_) => Ok(zone),
        Err(_) => Err(Refusal(format!("{zone:?} is no time zone: write an IANA name such as Europe/Paris"))),
    }
}

pub(super) fn checked_photo(photo: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    if photo.len() > PHOTO_BYTES_MAX {
        let (bytes, most) = (photo.len(), PHOTO_BYTES_MAX >> 10);
        return Err(Refusal(format!("the photo has {bytes} bytes, above {most} KiB: make it smaller")));
    }
    let is_picture = photo.starts_with(&[0xff, 0xd8, 0xff]) || photo.starts_with(b"\x89PNG\r\n\x1a\n");
    if !is_picture {
        return Err(Refusal("the photo is neither JPEG nor PNG".to_owned()));
    }
    Ok(photo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_before_they_are_stored() {
        for good in ["anna@example.org", "a.b+c@ox.io", "zoë@exämple.org", "root@localhost"] {
            assert!(is_address(good), "{good}");
        }
        let long = format!("{}@example.org", "x".repeat(65));
        for bad in ["", "anna", "@ox.io", "anna@", "a b@ox.io", "a@b@c", "a@b..c", "<a@ox.io>", "a\n@ox.io", &long] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn a_photo_is_a_small_jpeg_or_png() {
        assert!(checked_photo(b"\xff\xd8\xff\xe0".to_vec()).is_ok());
        assert!(checked_photo(b"GIF89a".to_vec()).is_err());
        let mut large = vec![0; PHOTO_BYTES_MAX + 1];
        large[..3].copy_from_slice(b"\xff\xd8\xff");
        assert!(checked_photo(large).unwrap_err().0.contains("524289 bytes"));
    }

    #[test]
    fn a_zone_is_an_iana_name() {
        assert!(checked_zone("Europe/Paris".to_owned()).is_ok());
        assert!(checked_zone("Mars/Olympus".to_owned()).unwrap_err().0.contains("Mars/Olympus"));
    }
}
