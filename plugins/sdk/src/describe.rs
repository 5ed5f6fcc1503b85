//! Who a pack is for, and what it says about all its devices.

use crate::bindings::describe::exports::easel::plugin::describe as contract;
pub use crate::bindings::describe::exports::easel::plugin::describe::{
    Command, Header, Manifest, Matcher, Subscription,
};
use crate::{Adapter, Class, Content, Direction, Effect, Property, Setting, Wanted};

/// Every pack describes itself.
pub trait Describe {
    /// Called once, when the pack is loaded.
    fn describe() -> Manifest;
}

impl<P: Describe> contract::Guest for Adapter<P> {
    fn get_manifest() -> Manifest {
        P::describe()
    }
}

impl Manifest {
    /// A pack of this name: `[a-z0-9-]{1,40}`, a semantic version, one line of at most 200 characters.
    pub fn new(id: &str, version: &str, summary: &str) -> Self {
        Self {
            id: id.to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            author: String::new(),
            licence: String::new(),
            matchers: Vec::new(),
            priority: 0,
            headers: Vec::new(),
            subscriptions: Vec::new(),
            commands: Vec::new(),
            settings: Vec::new(),
            quirks: Vec::new(),
            upgrade: Effect::None,
        }
    }

    /// Who wrote it, and under which terms, as an SPDX expression.
    #[must_use]
    pub fn by(mut self, author: &str, licence: &str) -> Self {
        self.author = author.to_owned();
        self.licence = licence.to_owned();
        self
    }

    /// How its devices are recognised: the best of these counts.
    #[must_use]
    pub fn recognises(mut self, matchers: impl IntoIterator<Item = Matcher>) -> Self {
        self.matchers.extend(matchers);
        self
    }

    /// Of two packs with the same score the higher number wins; 0 unless it is said.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Headers of requests to remember for `profile`; at most 8, and none that carries credentials.
    #[must_use]
    pub fn remembers<'a>(mut self, headers: impl IntoIterator<Item = &'a str>) -> Self {
        self.headers.extend(headers.into_iter().map(str::to_owned));
        self
    }

    /// Settings of every device it serves.
    #[must_use]
    pub fn settings(mut self, settings: impl IntoIterator<Item = Setting>) -> Self {
        self.settings.extend(settings);
        self
    }

    /// What `items` is called for, and what it sees: nothing named means everything.
    #[must_use]
    pub fn wants(mut self, class: Class, direction: Direction, wanted: impl IntoIterator<Item = Wanted>) -> Self {
        self.subscriptions.push(Subscription { class, direction, wanted: wanted.into_iter().collect() });
        self
    }

    /// Which requests `wire` is called for, and what it sees: nothing named means everything.
    #[must_use]
    pub fn wants_command(mut self, name: &str, wanted: impl IntoIterator<Item = Wanted>) -> Self {
        self.commands.push(Command { name: name.to_owned(), wanted: wanted.into_iter().collect() });
        self
    }

    /// The ids of the client quirks it answers.
    #[must_use]
    pub fn answers<'a>(mut self, quirks: impl IntoIterator<Item = &'a str>) -> Self {
        self.quirks.extend(quirks.into_iter().map(str::to_owned));
        self
    }

    /// What is done for devices in service when this version takes the place of an earlier one.
    #[must_use]
    pub fn upgrade(mut self, effect: Effect) -> Self {
        self.upgrade = effect;
        self
    }
}

impl Property {
    /// To see that it is there, and how long it is.
    pub const fn presence(self) -> Wanted {
        Wanted { property: self.0, content: Content::Presence, max_bytes: 0 }
    }

    /// To see its text too, cut after so many bytes.
    pub const fn text(self, max_bytes: u32) -> Wanted {
        Wanted { property: self.0, content: Content::Text, max_bytes }
    }
}

/// Recognises by a pattern in any of the User-Agents: 30 points.
///
/// Patterns are regular expressions, searched without regard to case; see `matcher` of the contract.
pub fn user_agent(pattern: &str) -> Matcher {
    Matcher { user_agent: pattern.to_owned(), ..anyone() }
}

/// Recognises by a pattern in the DeviceId: 40 points.
pub fn device_id(pattern: &str) -> Matcher {
    Matcher { device_id: pattern.to_owned(), ..anyone() }
}

/// Recognises by a pattern in the DeviceType: 20 points.
pub fn device_type(pattern: &str) -> Matcher {
    Matcher { device_type: pattern.to_owned(), ..anyone() }
}

/// Recognises by a pattern in the operating system that the device names: 20 points.
pub fn os(pattern: &str) -> Matcher {
    Matcher { os: pattern.to_owned(), ..anyone() }
}

/// Recognises every client, with 0 points.
pub fn anyone() -> Matcher {
    Matcher {
        device_id: String::new(),
        user_agent: String::new(),
        device_type: String::new(),
        os: String::new(),
        model: String::new(),
        header: None,
        protocol_min: 0,
        protocol_max: 0,
    }
}

impl Matcher {
    /// And a pattern in the DeviceId: 40 points more.
    #[must_use]
    pub fn and_device_id(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.device_id);
        self
    }

    /// And a pattern in the User-Agent: 30 points more.
    #[must_use]
    pub fn and_user_agent(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.user_agent);
        self
    }

    /// And a pattern in the DeviceType: 20 points more.
    #[must_use]
    pub fn and_device_type(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.device_type);
        self
    }

    /// And a pattern in the operating system: with the model, 20 points more.
    #[must_use]
    pub fn and_os(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.os);
        self
    }

    /// And a pattern in the model: with the operating system, 20 points more.
    #[must_use]
    pub fn and_model(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.model);
        self
    }

    /// And a header with this pattern in it: 10 points more.
    #[must_use]
    pub fn and_header(mut self, name: &str, pattern: &str) -> Self {
        self.header = Some(Header { name: name.to_owned(), pattern: pattern.to_owned() });
        self
    }

    /// And a protocol version between these, times ten, both included; 0 is open. No points.
    #[must_use]
    pub fn and_protocol(mut self, min: u16, max: u16) -> Self {
        (self.protocol_min, self.protocol_max) = (min, max);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::property::contacts;
    use crate::settings;

    #[test]
    fn a_description_says_what_was_written() {
        let manifest = Manifest::new("nokia-mfe", "1.2.3", "Nokia phones")
            .by("Easel", "MIT")
            .recognises([user_agent("^Nokia").and_device_id("^IMEI"), device_type("x")])
            .settings([settings::mail::MAX_RECIPIENTS.is(100)])
            .wants(Class::Contacts, Direction::FromDevice, [contacts::BODY.text(64), contacts::PICTURE.presence()])
            .wants_command("Search", [])
            .answers(["N03"])
            .upgrade(Effect::Resend);
        assert_eq!(manifest.id, "nokia-mfe");
        assert_eq!(manifest.matchers[0].device_id, "^IMEI");
        assert_eq!(manifest.matchers[0].user_agent, "^Nokia");
        assert_eq!(manifest.subscriptions[0].wanted[0].max_bytes, 64);
        assert_eq!(manifest.commands[0].name, "Search");
        assert_eq!(manifest.quirks, ["N03"]);
        assert_eq!(manifest.upgrade, Effect::Resend);
    }
}
