//! App passwords.

use easel_store::{AppPassword, AppSecret, NewAppPassword, StoreError};
use jiff::Timestamp;

use super::office::{Office, Refusal};
use super::{AppPasswordShown, LoginName, Password, Reply};

/// App passwords of one user.
const APP_PASSWORDS_MAX: usize = 100;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 64;
/// Bytes of a DeviceId. MS-ASHTTP 2.2.1.1.1.1 allows less; the server takes as much in.
const DEVICE_ID_MAX: usize = 64;

/// Makes one, and shows its secret for the only time.
pub(super) fn add(
    office: &Office,
    login: &LoginName,
    name: Option<String>,
    device: Option<&str>,
) -> Result<Reply, Refusal> {
    let user = office.user(login)?;
    let own = office.store.app_passwords(user.id)?;
    if own.len() >= APP_PASSWORDS_MAX {
        let cure = "`easel user app-password revoke` removes those that nobody uses";
        return Err(Refusal(format!(
            "{login} has {} app passwords, which is as many as there may be: {cure}",
            own.len()
        )));
    }
    let name = name.map_or_else(|| Ok(unused_name(&own)), checked_name)?;
    let device = device.map(checked_device).transpose()?;
    let secret = AppSecret::new(rand::random());
    let made = office.now().as_millisecond();
    let new = NewAppPassword { user: user.id, name, hash: secret.hash(), device, made };
    let added = office.store.add_app_password(&new).map_err(|error| match error {
        StoreError::Exists(name) => {
            Refusal(format!("{login} has an app password {name:?} already: give another --name, or revoke it first"))
        }
        StoreError::Backend { .. }
        | StoreError::Disk { .. }
        | StoreError::NotFound(_)
        | StoreError::OverQuota { .. }
        | StoreError::Stale
        | StoreError::TooNew { .. }
        | StoreError::Unreadable { .. } => error.into(),
    })?;
    office.end_logins(user.id);
    Ok(Reply::AppPassword { password: shown(added), secret: Password(secret.text()) })
}

pub(super) fn list(office: &Office, login: &LoginName) -> Result<Reply, Refusal> {
    let user = office.user(login)?;
    let passwords = office.store.app_passwords(user.id)?.into_iter().map(shown).collect();
    Ok(Reply::AppPasswords { passwords })
}

/// Removes the one of that name, or of that number. Devices that wait with it are answered with 401.
pub(super) fn revoke(office: &Office, login: &LoginName, which: &str) -> Result<Reply, Refusal> {
    let user = office.user(login)?;
    let own = office.store.app_passwords(user.id)?;
    let found = own.iter().find(|one| one.name == which || one.id.0.to_string() == which);
    let Some(found) = found else {
        let names = own.iter().map(|one| one.name.as_str());
        let cure = format!("`easel user app-password list {login}` shows those there are");
        return Err(Refusal::no_such("app password", which, names, &cure));
    };
    office.store.remove_app_password(user.id, found.id)?;
    office.end_logins(user.id);
    Ok(Reply::AppPasswords { passwords: vec![shown(found.clone())] })
}

fn shown(password: AppPassword) -> AppPasswordShown {
    AppPasswordShown {
        number: password.id.0,
        name: password.name,
        device: password.device,
        made: date(password.made.div_euclid(86_400_000)),
        used_on: password.used_on.map(date),
    }
}

/// A day since 1970 as people write it.
fn date(day: i64) -> String {
    let date = Timestamp::from_second(day.saturating_mul(86_400)).ok();
    date.map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

/// `phone 1`, or the first such name that is free.
fn unused_name(own: &[AppPassword]) -> String {
    let mut names = (1..).map(|number| format!("phone {number}"));
    names.find(|name| own.iter().all(|one| one.name != *name)).expect("there are more numbers than app passwords")
}

fn checked_name(name: String) -> Result<String, Refusal> {
    let is_line = !name.trim().is_empty() && name.trim() == name && !name.chars().any(char::is_control);
    if !is_line || name.chars().count() > NAME_CHARS_MAX {
        return Err(Refusal(format!(
            "a name of an app password is 1 to {NAME_CHARS_MAX} characters without space around them, not {name:?}"
        )));
    }
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal(format!("{name:?} would be taken for a number: give a name with a letter in it")));
    }
    Ok(name)
}

fn checked_device(id: &str) -> Result<String, Refusal> {
    if !(1..=DEVICE_ID_MAX).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refusal(format!(
            "{id:?} is no DeviceId: write 1 to {DEVICE_ID_MAX} letters, digits and signs, as `easel device list` has it"
        )));
    }
    Ok(easel_protocol::normal_device_id(id))
}

#[cfg(test)]
mod tests {
    use easel_store::{AppPasswordId, UserId};

    use super::*;

    fn named(name: &str) -> AppPassword {
        let (id, user) = (AppPasswordId(1), UserId(1));
        AppPassword { id, user, name: name.to_owned(), device: None, made: 0, used_on: None }
    }

    #[test]
    fn a_name_can_be_told_from_a_number() {
        for good in ["x", "Ann's phone", "phone 2", "t\u{e9}l\u{e9}phone", "2 phones", &"x".repeat(64)] {
            assert_eq!(checked_name(good.to_owned()).ok().as_deref(), Some(good));
        }
        for bad in ["", " ", " x", "x\n", "17", "a\u{7}b", &"x".repeat(65)] {
            assert!(checked_name(bad.to_owned()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn who_gives_no_name_gets_the_first_free_one() {
        assert_eq!(unused_name(&[]), "phone 1");
        assert_eq!(unused_name(&[named("phone 1"), named("phone 3")]), "phone 2");
    }

    #[test]
    fn a_device_is_kept_in_its_normal_spelling() {
        assert_eq!(checked_device("SEC1D2C6E5D3A7F1").ok().as_deref(), Some("sec1d2c6e5d3a7f1"));
        for bad in ["", "a b", "\u{e9}", &"x".repeat(65)] {
            assert!(checked_device(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn days_are_shown_as_dates() {
        assert_eq!((date(0), date(20_000)), ("1970-01-01".to_owned(), "2024-10-04".to_owned()));
    }
}
