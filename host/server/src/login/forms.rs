//! The forms of a login, and whom each may mean.

/// Somebody a login may mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Candidate<'a> {
    /// The user of that name.
    Name { tenant: &'a str, user: &'a str },
    /// The user with that mail address, spelled exactly so; in that tenant, or in any.
    Address { tenant: Option<&'a str>, address: &'a str },
}

/// Whom `login` may mean, likeliest first; the first that exists is meant.
///
/// | form | candidates |
/// |---|---|
/// | `user` | the user of the default tenant |
/// | `user@domain` | the user of the tenant after the last `@`; else whoever has this mail address; else a user of the default tenant whose name contains `@` |
/// | `domain\user` | the user of the tenant; a domain that is empty or blank is the default tenant |
/// | `domain\user@other` | where the domain is blank, the default or the same as after the `@`: as without it; then the user of the domain whose name, or mail address, is all that follows the backslash |
pub(super) fn candidates<'a>(login: &'a str, default_tenant: &'a str) -> Vec<Candidate<'a>> {
    let (domain, user) = match login.split_once('\\') {
        Some((domain, user)) => (Some(domain.trim()).filter(|domain| !domain.is_empty()), user),
        None => (None, login),
    };
    let tenant = domain.unwrap_or(default_tenant);
    let mut candidates = Vec::with_capacity(3);
    match user.rsplit_once('@') {
        None => candidates.push(Candidate::Name { tenant, user }),
        Some((user, after)) if after.trim().is_empty() => candidates.push(Candidate::Name { tenant, user }),
        Some((name, after)) => {
            let anywhere = tenant == default_tenant;
            if anywhere || tenant == after {
                candidates.push(Candidate::Name { tenant: after, user: name });
            }
            candidates.push(Candidate::Address { tenant: (!anywhere).then_some(tenant), address: user });
            candidates.push(Candidate::Name { tenant, user });
        }
    }
    candidates.retain(|candidate| !matches!(candidate, Candidate::Name { user: "", .. }));
    candidates
}

/// One text for all spellings of a login.
pub(super) fn canonical(login: &str, default_tenant: &str) -> String {
    match candidates(login, default_tenant).first() {
        Some(Candidate::Name { tenant, user }) => format!("{tenant}\\{user}"),
        Some(Candidate::Address { tenant, address }) => format!("{}\\{address}", tenant.unwrap_or_default()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn first(login: &str) -> Option<(&str, &str)> {
        match candidates(login, "defaultcontext").first() {
            Some(Candidate::Name { tenant, user }) => Some((tenant, user)),
            Some(Candidate::Address { .. }) | None => None,
        }
    }

    #[test]
    fn s1_a_login_is_split_at_its_last_at_sign() {
        assert_eq!(first("anna@ox.io"), Some(("ox.io", "anna")));
        assert_eq!(first("anna"), Some(("defaultcontext", "anna")));
        assert_eq!(first("anna@home@ox.io"), Some(("ox.io", "anna@home")));
    }

    #[test]
    fn n26_s2_a_blank_domain_is_the_default() {
        for login in ["\\anna", " \\anna", "  \\anna", "anna@", "anna@ ", "\\anna@", " \\anna@ "] {
            assert_eq!(first(login), Some(("defaultcontext", "anna")), "{login:?}");
        }
    }

    #[test]
    fn w13_the_domain_may_stand_before_a_backslash() {
        assert_eq!(first("defaultcontext\\anna"), Some(("defaultcontext", "anna")));
        assert_eq!(first("ox.io\\anna"), Some(("ox.io", "anna")));
        assert_eq!(first("ox.io\\anna@ox.io"), Some(("ox.io", "anna")));
        assert_eq!(first("defaultcontext\\anna@ox.io"), Some(("ox.io", "anna")));
    }

    #[test]
    fn s3_nothing_is_folded_and_no_space_of_a_name_is_lost() {
        assert_eq!(first("Anna@OX.io"), Some(("OX.io", "Anna")));
        assert_eq!(first("defaultcontext\\ Anna "), Some(("defaultcontext", " Anna ")));
    }

    #[test]
    fn a_domain_that_contradicts_the_at_sign_is_not_left() {
        let candidates = candidates("ox.io\\anna@other.example", "defaultcontext");
        assert_eq!(
            candidates,
            [
                Candidate::Address { tenant: Some("ox.io"), address: "anna@other.example" },
                Candidate::Name { tenant: "ox.io", user: "anna@other.example" },
            ]
        );
    }

    #[test]
    fn a_login_without_a_name_means_nobody() {
        for login in ["", "\\", "@", "ox.io\\", "\\@"] {
            assert_eq!(candidates(login, "defaultcontext"), [], "{login:?}");
        }
    }

    #[test]
    fn spellings_of_one_login_share_their_budget() {
        for login in ["anna", "\\anna", "   \\anna", "defaultcontext\\anna", "anna@defaultcontext", "anna@ "] {
            assert_eq!(canonical(login, "defaultcontext"), "defaultcontext\\anna", "{login:?}");
        }
    }

    proptest! {
        #[test]
        fn any_login_has_at_most_three_meanings(login: String) {
            prop_assert!(candidates(&login, "defaultcontext").len() <= 3);
        }
    }
}
