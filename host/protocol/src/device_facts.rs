//! What is known about a device.

use std::collections::BTreeMap;

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
    /// Headers that a pack asked for, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// What the device says of itself: MS-ASCMD 2.2.3.45 "DeviceInformation", by element name.
    pub information: BTreeMap<String, String>,
}

impl DeviceFacts {
    /// User-Agents remembered besides the last.
    pub const EARLIER_AGENTS_MAX: usize = 7;

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
}
