//! The name of a user as an administrator writes it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The tenant of a login without `@`. F6.
pub(crate) const DEFAULT_TENANT: &str = "defaultcontext";

/// Characters of a user's or tenant's name.
const NAME_CHARS_MAX: usize = 128;

/// `user@tenant`; without `@` the tenant is `defaultcontext`. Case matters (F5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct LoginName {
    pub(crate) name: String,
    pub(crate) tenant: String,
}

/// Text that is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {what}: write 1 to {NAME_CHARS_MAX} characters without space, @, /, \\ or :")]
pub(crate) struct NameError {
    what: &'static str,
    text: String,
}

impl FromStr for LoginName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (name, tenant) = text.split_once('@').unwrap_or((text, DEFAULT_TENANT));
        Ok(Self { name: checked(name, "user name")?, tenant: tenant_name(tenant)? })
    }
}

/// The name of a tenant.
pub(crate) fn tenant_name(text: &str) -> Result<String, NameError> {
    checked(text, "tenant name")
}

fn checked(text: &str, what: &'static str) -> Result<String, NameError> {
    // A colon would end the name in a Basic login, a backslash divides domain and user, F6 cuts at the `@`.
    let bad = |c: char| c.is_control() || c.is_whitespace() || "@/\\:".contains(c);
    if text.is_empty() || text.chars().count() > NAME_CHARS_MAX || text.contains(bad) {
        return Err(NameError { what, text: text.chars().take(NAME_CHARS_MAX).collect() });
    }
    Ok(text.to_owned())
}

impl fmt::Display for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.tenant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f6_a_login_without_at_belongs_to_the_default_tenant() {
        let login: LoginName = "anna".parse().unwrap();
        assert_eq!(login.to_string(), "anna@defaultcontext");
        assert_eq!("Zoë@ox.io".parse::<LoginName>().unwrap().tenant, "ox.io");
    }

    #[test]
    fn names_that_no_phone_can_log_in_with_are_refused() {
        for bad in ["", "@ox.io", "anna@", "a b", "a:b", "a\\b", "a@b@c", "a/b", "a\nb", &"x".repeat(129)] {
            assert!(bad.parse::<LoginName>().is_err(), "{bad:?}");
        }
    }
}
