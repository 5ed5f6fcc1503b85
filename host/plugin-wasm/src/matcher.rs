//! How a client is recognised. `wit/describe.wit`, `matcher`.

use easel_protocol::DeviceFacts;
use regex::{Regex, RegexBuilder};

use crate::v0_1::RawMatcher;

/// Bytes of a pattern.
const PATTERN_BYTES_MAX: usize = 256;
/// Bytes of a text that is looked at.
const TEXT_BYTES_MAX: usize = 1024;
/// The least score with which a pack is chosen.
pub(crate) const SCORE_MIN: u32 = 20;

/// A matcher, its patterns compiled.
#[derive(Clone, Debug)]
pub struct Matcher {
    device_id: Option<Regex>,
    user_agent: Option<Regex>,
    device_type: Option<Regex>,
    os: Option<Regex>,
    model: Option<Regex>,
    header: Option<(String, Regex)>,
    protocol: (u16, u16),
}

/// A pattern as a regular expression that is searched in time linear in the text.
fn pattern(text: &str) -> Result<Regex, String> {
    if text.len() > PATTERN_BYTES_MAX {
        return Err(format!("a pattern has {} bytes: at most {PATTERN_BYTES_MAX}", text.len()));
    }
    // Searching keeps up to this much for each pattern and thread: packs are many, and texts are short.
    RegexBuilder::new(text).case_insensitive(true).size_limit(256 << 10).dfa_size_limit(16 << 10).build().map_err(
        |error| {
            let last = error.to_string();
            format!("the pattern {text:?} is not one: {}", crate::log::clean(last.lines().last().unwrap_or_default()))
        },
    )
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}

impl Matcher {
    pub(crate) fn compile(said: &RawMatcher) -> Result<Self, String> {
        let of = |text: &str| if text.is_empty() { Ok(None) } else { pattern(text).map(Some) };
        let header = match &said.header {
            None => None,
            Some((name, text)) => Some((crate::manifest::header_name(name)?, pattern(text)?)),
        };
        Ok(Self {
            device_id: of(&said.device_id)?,
            user_agent: of(&said.user_agent)?,
            device_type: of(&said.device_type)?,
            os: of(&said.os)?,
            model: of(&said.model)?,
            header,
            protocol: (said.protocol_min, said.protocol_max),
        })
    }

    /// The header it looks at, in lower case.
    pub fn header(&self) -> Option<&str> {
        self.header.as_ref().map(|(name, _)| name.as_str())
    }

    /// How well a client fits, 0 to 120; `None` if anything asked for is not there.
    pub fn score(&self, facts: &DeviceFacts) -> Option<u32> {
        let version = facts.version.map_or(0, |version| u16::from(version.times_ten()));
        let (least, most) = self.protocol;
        if version < least || (most != 0 && version > most) {
            return None;
        }
        let told = |name: &str| facts.information.get(name).map_or("", String::as_str);
        let mut score = 0;
        if let Some(pattern) = &self.device_id {
            score += if pattern.is_match(cut(&facts.device_id)) { 40 } else { return None };
        }
        if let Some(pattern) = &self.user_agent {
            let mut agents = facts.user_agents().peekable();
            // Of a client without one, the empty text is known.
            let found = if agents.peek().is_none() {
                pattern.is_match("")
            } else {
                agents.any(|agent| pattern.is_match(cut(agent)))
            };
            score += if found { 30 } else { return None };
        }
        if let Some(pattern) = &self.device_type {
            score += if pattern.is_match(cut(&facts.device_type)) { 20 } else { return None };
        }
        for (pattern, name) in [(&self.os, "OS"), (&self.model, "Model")] {
            if pattern.as_ref().is_some_and(|pattern| !pattern.is_match(cut(told(name)))) {
                return None;
            }
        }
        if self.os.is_some() || self.model.is_some() {
            score += 20;
        }
        if let Some((name, pattern)) = &self.header {
            let value = facts.headers.get(name).map_or("", String::as_str);
            score += if pattern.is_match(cut(value)) { 10 } else { return None };
        }
        Some(score)
    }
}

/// Whether matchers take clients that nobody can have meant: one of which nothing is known, and ones of which
/// everything is made up.
pub(crate) fn take_everybody(matchers: &[Matcher]) -> bool {
    let made_up = |text: &str| DeviceFacts {
        device_id: text.to_owned(),
        device_type: text.to_owned(),
        user_agent: text.to_owned(),
        version: Some(easel_protocol::Version::V14_1),
        headers: matchers.iter().filter_map(|m| Some((m.header()?.to_owned(), text.to_owned()))).collect(),
        information: ["OS", "Model"].map(|name| (name.to_owned(), text.to_owned())).into(),
        ..DeviceFacts::default()
    };
    ["", "qjx~#", "%(vbz\u{17f})/5.5k", "\u{4e2d}7 !wq"].into_iter().any(|text| {
        let facts = made_up(text);
        matchers.iter().any(|matcher| matcher.score(&facts).is_some_and(|score| score >= SCORE_MIN))
    })
}

#[cfg(test)]
mod tests {
    use easel_protocol::Version;

    use super::*;

    fn facts() -> DeviceFacts {
        DeviceFacts {
            device_id: "IMEI35".to_owned(),
            device_type: "IMEI35".to_owned(),
            user_agent: "NokiaN97/3.00".to_owned(),
            earlier_agents: vec!["Old/1".to_owned()],
            version: Some(Version::V12_1),
            headers: [("x-odd".to_owned(), "1".to_owned())].into(),
            information: [("OS".to_owned(), "S60".to_owned()), ("Model".to_owned(), "N97".to_owned())].into(),
            ..DeviceFacts::default()
        }
    }

    fn score(said: &RawMatcher) -> Option<u32> {
        Matcher::compile(said).unwrap().score(&facts())
    }

    #[test]
    fn every_part_has_its_score_and_all_must_be_found() {
        let none = RawMatcher::default;
        let text = ToOwned::to_owned;
        for (said, expected) in [
            (none(), Some(0)),
            (RawMatcher { device_id: text("^imei"), ..none() }, Some(40)),
            (RawMatcher { user_agent: text("^nokia"), ..none() }, Some(30)),
            (RawMatcher { user_agent: text("^Old/"), ..none() }, Some(30)),
            (RawMatcher { device_type: text("35$"), ..none() }, Some(20)),
            (RawMatcher { os: text("S60"), ..none() }, Some(20)),
            (RawMatcher { os: text("S60"), model: text("N97"), ..none() }, Some(20)),
            (RawMatcher { os: text("S60"), model: text("N95"), ..none() }, None),
            (RawMatcher { header: Some((text("X-Odd"), text("1"))), ..none() }, Some(10)),
            (RawMatcher { device_id: text("^imei"), user_agent: text("^htc"), ..none() }, None),
            (RawMatcher { device_id: text("^imei"), user_agent: text("n97"), ..none() }, Some(70)),
            (RawMatcher { protocol_min: 140, ..none() }, None),
            (RawMatcher { protocol_max: 120, ..none() }, None),
            (RawMatcher { protocol_min: 121, protocol_max: 121, os: text("S"), ..none() }, Some(20)),
        ] {
            assert_eq!(score(&said), expected, "{said:?}");
        }
    }

    #[test]
    fn a_pattern_that_would_cost_too_much_is_refused() {
        for text in ["(a{1000}){1000}", "(?=a)b", r"(a)\1", "(", &"x".repeat(257)] {
            let said = RawMatcher { user_agent: text.to_owned(), ..RawMatcher::default() };
            assert!(Matcher::compile(&said).unwrap_err().contains("pattern"), "{text}");
        }
    }

    #[test]
    fn a_matcher_that_takes_everybody_is_known_and_an_honest_one_is_not_taken_for_it() {
        let takes = |text: &str| {
            let said = RawMatcher { user_agent: text.to_owned(), ..RawMatcher::default() };
            take_everybody(&[Matcher::compile(&said).unwrap()])
        };
        for text in [".", ".*", "^", "", "^$", "[^0]", "a|.+", r"\S"] {
            assert_eq!(takes(text), !text.is_empty(), "{text}");
        }
        for text in ["^Nokia", "^Apple-(iPhone|iPad)", r"^HTC-.+/\d", "android", "^[0-9a-f]{32}$", "UNTRUSTED$"] {
            assert!(!takes(text), "{text}");
        }
    }
}
