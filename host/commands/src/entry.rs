//! What holds for a request before anybody is logged in, by what it says of its device.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use easel_plugin::{DevicePlugin, DevicePlugins};
use easel_protocol::{DeviceFacts, Origin};

/// Requests whose rules are remembered; above it all are forgotten.
const REMEMBERED_MAX: usize = 4096;

/// What a profile says of the way in. The default is the host's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryRules {
    /// The forms a login may have; none means all.
    pub forms: Vec<LoginForm>,
    /// Whether a login whose domain is empty or blank is refused.
    pub refuses_blank_domain: bool,
    /// The tenant of a login without a domain; `None`: the operator's.
    pub default_domain: Option<String>,
    /// How credentials are written.
    pub charset: Charset,
    /// Whether the user that the query names must be the one who logs in.
    pub checks_query_user: bool,
    /// Whether GET is answered with 200 and nothing, not with 405.
    pub answers_get: bool,
    /// Whether requests come from servers that many users share.
    pub is_cloud: bool,
    /// Whether the operator does not want those.
    pub is_denied: bool,
}

/// A form of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginForm {
    /// `user@domain`
    Address,
    /// `domain\user`
    Domain,
    /// `user`
    Name,
}

/// How credentials are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8, and ISO-8859-1 where it is none (K: G26).
    #[default]
    Auto,
    /// ISO-8859-1.
    Latin1,
    /// UTF-8.
    Utf8,
}

impl EntryRules {
    fn of(plugin: &dyn DevicePlugin, network: Origin) -> Self {
        let profile = plugin.profile();
        let form = |word: &String| match word.as_str() {
            "user@domain" => LoginForm::Address,
            "domain\\user" => LoginForm::Domain,
            _ => LoginForm::Name,
        };
        // The operator's word for a device goes before what is known of its network.
        let by_network = network == Origin::Cloud && plugin.operator().says("http.origin").is_none();
        Self {
            forms: profile.texts("login.pattern").iter().map(form).collect(),
            refuses_blank_domain: profile.text("login.blank_domain") == "refuse",
            default_domain: Some(profile.text("login.default_domain").to_owned()).filter(|domain| !domain.is_empty()),
            charset: match profile.text("login.auth_charset") {
                "latin1" => Charset::Latin1,
                "utf8" => Charset::Utf8,
                _ => Charset::Auto,
            },
            checks_query_user: profile.text("login.query_user") == "check",
            answers_get: profile.text("http.get") == "200",
            is_cloud: by_network || profile.text("http.origin") == "cloud",
            is_denied: false,
        }
    }
}

/// The rules of requests seen lately, and of which set of packs.
#[derive(Debug, Default)]
pub(crate) struct Entries(Mutex<(u64, HashMap<DeviceFacts, EntryRules>)>);

impl Entries {
    pub(crate) fn of(
        &self,
        plugins: &dyn DevicePlugins,
        facts: &DeviceFacts,
        denies_cloud: bool,
        may_ask: bool,
    ) -> Option<EntryRules> {
        let denied = |rules: EntryRules| EntryRules { is_denied: rules.is_cloud && denies_cloud, ..rules };
        let generation = plugins.generation();
        {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.0 != generation {
                *known = (generation, HashMap::new());
            }
            let found = known.1.get(facts).cloned();
            if found.is_some() || !may_ask {
                return found.map(denied);
            }
        }
        let rules = EntryRules::of(&*plugins.serve(facts), facts.origin);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.1.len() >= REMEMBERED_MAX {
            known.1.clear();
        }
        if known.0 == generation {
            known.1.insert(facts.clone(), rules.clone());
        }
        Some(denied(rules))
    }
}
