//! The forms of a login, and whom each may mean.

use easel_commands::{EntryRules, LoginForm};

use crate::authenticate::Credentials;

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

impl Credentials {
    /// These credentials as the rules of their device have them; `None` when the rules do not let such a login in.
    /// `named` is the user that the query names.
    pub(crate) fn under(mut self, rules: &EntryRules, named: Option<&str>) -> Option<Self> {
        let shape = Shape::of(&self.login);
        if !rules.forms.is_empty() && !rules.forms.contains(&shape.form) {
            return None;
        }
        if shape.is_blank && rules.refuses_blank_domain {
            return None;
        }
        if let Some(named) = named.filter(|_| rules.checks_query_user) {
            let other = Shape::of(named);
            // Devices name the user with the domain or without.
            if other.user != shape.user || other.domain.is_some_and(|domain| shape.domain != Some(domain)) {
                return None;
            }
        }
        if let Some(domain) = rules.default_domain.as_ref().filter(|_| shape.domain.is_none()) {
            self.login = format!("{domain}\\{}", shape.user);
        }
        Some(self)
    }
}

/// A login taken apart.
struct Shape<'a> {
    form: LoginForm,
    user: &'a str,
    /// `None` when there is none, or a blank one.
    domain: Option<&'a str>,
    /// Whether there is a domain, but a blank one.
    is_blank: bool,
}

impl<'a> Shape<'a> {
    fn of(login: &'a str) -> Self {
        let (form, domain, user) = match login.split_once('\\') {
            Some((domain, user)) => (LoginForm::Domain, Some(domain), user),
            None => match login.rsplit_once('@') {
                Some((user, domain)) => (LoginForm::Address, Some(domain), user),
                None => (LoginForm::Name, None, login),
            },
        };
        let named = domain.map(str::trim).filter(|domain| !domain.is_empty());
        Self { form, user, domain: named, is_blank: domain.is_some() && named.is_none() }
    }
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

    #[test]
    fn rules_pick_forms_refuse_blank_domains_and_give_a_domain() {
        let under = |login: &str, rules: &EntryRules, named| {
            let credentials = Credentials { login: login.to_owned(), password: "x".to_owned() };
            credentials.under(rules, named).map(|credentials| credentials.login)
        };
        let only = |form| EntryRules { forms: vec![form], ..EntryRules::default() };
        for (login, form) in
            [("anna", LoginForm::Name), ("anna@ox.io", LoginForm::Address), ("ox.io\\anna@x", LoginForm::Domain)]
        {
            for other in [LoginForm::Name, LoginForm::Address, LoginForm::Domain] {
                assert_eq!(under(login, &only(other), None).is_some(), other == form, "{login} {other:?}");
            }
        }
        let refuses = EntryRules { refuses_blank_domain: true, ..EntryRules::default() };
        for (login, comes_in) in [("anna", true), (" \\anna", false), ("anna@ ", false), ("ox.io\\anna", true)] {
            assert_eq!(under(login, &refuses, None).is_some(), comes_in, "{login:?}");
            assert_eq!(under(login, &EntryRules::default(), None).as_deref(), Some(login));
        }
        let domain = EntryRules { default_domain: Some("ox.io".to_owned()), ..EntryRules::default() };
        for login in ["anna", " \\anna", "anna@ "] {
            assert_eq!(under(login, &domain, None).as_deref(), Some("ox.io\\anna"), "{login:?}");
        }
        assert_eq!(under("anna@other", &domain, None).as_deref(), Some("anna@other"));
        let checks = EntryRules { checks_query_user: true, ..EntryRules::default() };
        for (named, comes_in) in [
            (None, true),
            (Some("anna"), true),
            (Some("ox.io\\anna"), true),
            (Some("x\\anna"), false),
            (Some("zoe"), false),
        ] {
            assert_eq!(under("anna@ox.io", &checks, named).is_some(), comes_in, "{named:?}");
        }
    }

    proptest! {
        #[test]
        fn any_login_has_at_most_three_meanings(login: String) {
            prop_assert!(candidates(&login, "defaultcontext").len() <= 3);
        }
    }
}
