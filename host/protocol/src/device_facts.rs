//! What is known about a device.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Version;

/// Everything a device, its requests and its owner's administrator have told about it. Remembered with the
/// partnership and refreshed, never taken from one request alone: many requests carry no User-Agent. Empty text means
/// not told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DeviceFacts {
    /// The device id as it first came.
    pub device_id: String,
    /// The device type as it came last.
    pub device_type: String,
    /// The last User-Agent that was not empty.
    pub user_agent: String,
    /// User-Agents before that one, oldest first, each once; at most [`DeviceFacts::EARLIER_AGENTS_MAX`].
    pub earlier_agents: Vec<String>,
    /// The version of the last request.
    pub version: Option<Version>,
    /// Whether the last request had a base64 query.
    pub base64_query: bool,
    /// Headers that a pack asked for as they came last, names in lower case; at most [`DeviceFacts::HEADERS_MAX`].
    pub headers: BTreeMap<String, String>,
    /// What the device says of itself: MS-ASCMD 2.2.3.45 "DeviceInformation", by element name.
    pub information: BTreeMap<String, String>,
    /// Who sent the last request. Stays the last field: a store reads values that were written without it.
    pub origin: Origin,
}

/// Who sends requests, as far as the network tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Origin {
    /// Nothing tells.
    #[default]
    Unknown,
    /// Servers that the operator listed: they hold the mailbox and the password, for many users at once.
    Cloud,
    /// The device itself, or whoever else is not listed.
    Device,
}

impl DeviceFacts {
    /// User-Agents remembered besides the last.
    pub const EARLIER_AGENTS_MAX: usize = 7;
    /// Headers remembered; of more that packs ask for, those that came first.
    pub const HEADERS_MAX: usize = 32;
    /// Bytes of a header's name; one with a longer name is not remembered.
    pub const HEADER_NAME_BYTES_MAX: usize = 64;
    /// Bytes of a header's value; what is longer is cut, at a character.
    pub const HEADER_VALUE_BYTES_MAX: usize = 512;

    /// The User-Agents, newest first.
    pub fn user_agents(&self) -> impl Iterator<Item = &str> {
        let last = Some(self.user_agent.as_str()).filter(|agent| !agent.is_empty());
        last.into_iter().chain(self.earlier_agents.iter().rev().map(String::as_str))
    }

    /// Takes note of the User-Agent of a request; none tells nothing.
    pub fn saw_agent(&mut self, agent: &str) {
        if agent.is_empty() || agent == self.user_agent {
            return;
        }
        let before = std::mem::replace(&mut self.user_agent, agent.to_owned());
        self.earlier_agents.retain(|earlier| earlier != agent && *earlier != before);
        if !before.is_empty() {
            self.earlier_agents.push(before);
        }
        let over = self.earlier_agents.len().saturating_sub(Self::EARLIER_AGENTS_MAX);
        self.earlier_agents.drain(..over);
    }

    /// Takes note of the headers of a request, of those that are wanted; names in lower case. A header that does not
    /// come tells nothing, one that nobody wants any more is forgotten, and one that may carry a secret, by its name or
    /// by its value, is never kept.
    pub fn saw_headers(&mut self, wanted: &BTreeSet<String>, sent: &[(String, String)]) {
        self.headers.retain(|name, _| wanted.contains(name));
        for (name, value) in sent {
            let value = header_value(value);
            if !wanted.contains(name)
                || name.len() > Self::HEADER_NAME_BYTES_MAX
                || secret_in_name(name).is_some()
                || value.is_empty()
                || is_credential(&value)
            {
                continue;
            }
            if self.headers.len() < Self::HEADERS_MAX || self.headers.contains_key(name) {
                self.headers.insert(name.clone(), value);
            }
        }
    }
}

/// A value without control characters and blanks around it, cut.
fn header_value(value: &str) -> String {
    let clean: String = value.chars().filter(|c| !c.is_control()).collect();
    let clean = clean.trim();
    clean[..clean.floor_char_boundary(DeviceFacts::HEADER_VALUE_BYTES_MAX)].trim_end().to_owned()
}

/// The word in a header's name that says it may carry a secret: credentials, sessions, keys. The name is in lower case.
pub fn secret_in_name(name: &str) -> Option<&'static str> {
    const WORDS: [&str; 12] = [
        "assertion",
        "auth",
        "cookie",
        "credential",
        "jwt",
        "key",
        "passw",
        "secret",
        "session",
        "signature",
        "ticket",
        "token",
    ];
    WORDS.into_iter().find(|word| name.contains(word))
}

/// Whether a value begins with a scheme of HTTP authentication and something after it.
fn is_credential(value: &str) -> bool {
    const SCHEMES: [&str; 5] = ["basic", "bearer", "digest", "negotiate", "ntlm"];
    value.split_once(' ').is_some_and(|(scheme, _)| SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_agent_comes_first_and_no_more_than_eight_are_remembered() {
        let mut facts = DeviceFacts::default();
        facts.saw_agent("");
        assert_eq!(facts.user_agents().count(), 0);
        for agent in ["a", "b", "", "a", "a"] {
            facts.saw_agent(agent);
        }
        assert_eq!(facts.user_agents().collect::<Vec<_>>(), ["a", "b"]);
        for number in 0..20 {
            facts.saw_agent(&number.to_string());
        }
        let agents: Vec<_> = facts.user_agents().collect();
        assert_eq!((agents.len(), agents[0], agents[7]), (8, "19", "12"));
    }

    fn sent(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_wanted_header_is_remembered_until_it_says_something_else_or_nobody_wants_it() {
        let mut facts = DeviceFacts::default();
        let wanted = BTreeSet::from(["x-odd".to_owned(), "x-even".to_owned()]);
        facts.saw_headers(&wanted, &sent(&[("x-odd", " 1\r\n "), ("x-other", "2"), ("x-even", "")]));
        assert_eq!(facts.headers, [("x-odd".to_owned(), "1".to_owned())].into());
        facts.saw_headers(&wanted, &[]);
        facts.saw_headers(&wanted, &sent(&[("x-odd", "")]));
        assert_eq!(facts.headers["x-odd"], "1", "what does not come tells nothing");
        facts.saw_headers(&wanted, &sent(&[("x-odd", "3")]));
        assert_eq!(facts.headers["x-odd"], "3");
        facts.saw_headers(&BTreeSet::new(), &[]);
        assert_eq!(facts.headers.len(), 0);
    }

    #[test]
    fn count_and_length_of_headers_are_bounded() {
        let most = DeviceFacts::HEADERS_MAX;
        let name = |number: usize| format!("x-{number:03}");
        let wanted: BTreeSet<String> = (0..2 * most).map(name).collect();
        let mut facts = DeviceFacts::default();
        let all: Vec<_> = (0..2 * most).rev().map(|number| (name(number), "v".to_owned())).collect();
        facts.saw_headers(&wanted, &all);
        assert_eq!(facts.headers.len(), most);
        assert!(facts.headers.contains_key(&name(2 * most - 1)) && !facts.headers.contains_key(&name(0)));
        facts.saw_headers(&wanted, &sent(&[("x-000", "late"), ("x-063", "other")]));
        assert_eq!((facts.headers.len(), facts.headers["x-063"].as_str()), (most, "other"));

        let (long, short) = ("n".repeat(65), "n".repeat(64));
        let wanted = BTreeSet::from([long.clone(), short.clone()]);
        let value = format!("{}\u{e9}\u{e9}", "v".repeat(DeviceFacts::HEADER_VALUE_BYTES_MAX - 1));
        facts.saw_headers(&wanted, &sent(&[(&long, "1"), (&short, &value)]));
        assert_eq!(facts.headers, [(short, "v".repeat(DeviceFacts::HEADER_VALUE_BYTES_MAX - 1))].into());
    }

    #[test]
    fn what_may_carry_a_secret_is_never_kept_whoever_wants_it() {
        let names = ["authorization", "cookie", "x-auth-user", "proxy-authorization", "x-api-key", "x-saml-assertion"];
        let wanted: BTreeSet<String> = names.iter().chain(&["x-odd"]).map(ToString::to_string).collect();
        let mut facts = DeviceFacts::default();
        facts.saw_headers(&wanted, &names.map(|name| (name.to_owned(), "1".to_owned())));
        for value in ["Basic YW5uYTpzZWNyZXQ=", "bearer x.y.z", "NEGOTIATE abc"] {
            facts.saw_headers(&wanted, &sent(&[("x-odd", value)]));
        }
        assert_eq!(facts.headers.len(), 0);
        facts.saw_headers(&wanted, &sent(&[("x-odd", "basic")]));
        assert_eq!(facts.headers.len(), 1, "the word alone is no secret");
    }
}
