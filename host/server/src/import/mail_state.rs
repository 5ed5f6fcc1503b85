//! What other programs know of a mail beside its bytes.

use easel_protocol::{Flag, LastVerb, MailRecord, Verb};
use serde::{Deserialize, Serialize};

/// The state of a mail, as Maildir flags and mbox headers can say it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MailState {
    /// When it arrived, milliseconds since 1970, where the source says it.
    pub(crate) received: Option<i64>,
    /// `S`, `R` in Status.
    pub(crate) read: bool,
    /// `F`
    pub(crate) flagged: bool,
    /// `R`, `A` in X-Status.
    pub(crate) replied: bool,
    /// `P`
    pub(crate) forwarded: bool,
    /// `D`, `T` in X-Status.
    pub(crate) draft: bool,
    /// `T`, `D` in X-Status: it is on its way out.
    pub(crate) deleted: bool,
    /// Keywords.
    pub(crate) keywords: Vec<String>,
}

/// Keywords of one mail, and characters of one: what is beyond is dropped.
const KEYWORDS_MAX: usize = 64;
const KEYWORD_CHARS_MAX: usize = 255;

/// MS-ASEMAIL 2.2.2.34 "Flag": Status 2 is active.
const FLAG_ACTIVE: u8 = 2;

impl MailState {
    /// What a record says of it.
    pub(crate) fn of(record: &MailRecord) -> Self {
        let verb = record.last_verb.map(|last| last.verb);
        Self {
            received: Some(record.received),
            read: record.read,
            flagged: record.flag.as_ref().is_some_and(|flag| flag.status == FLAG_ACTIVE),
            replied: matches!(verb, Some(Verb::Reply | Verb::ReplyAll)),
            forwarded: verb == Some(Verb::Forward),
            draft: record.draft,
            deleted: false,
            keywords: record.categories.clone(),
        }
    }

    /// The record of a mail that arrived at `received`.
    pub(crate) fn record(&self, received: i64) -> MailRecord {
        let verb = match (self.replied, self.forwarded) {
            (true, _) => Some(Verb::Reply),
            (false, true) => Some(Verb::Forward),
            (false, false) => None,
        };
        let flag = Flag { status: FLAG_ACTIVE, flag_type: Some("for Follow Up".to_owned()), ..Flag::default() };
        MailRecord {
            read: self.read,
            draft: self.draft,
            flag: self.flagged.then_some(flag),
            categories: self.keywords.clone(),
            last_verb: verb.map(|verb| LastVerb { verb, at: received }),
            ..MailRecord::arrived(received)
        }
    }

    /// Adds a keyword, unless it is there or is no keyword; the one that says "forwarded" is a state.
    pub(crate) fn add_keyword(&mut self, keyword: &str) {
        if keyword.eq_ignore_ascii_case("$forwarded") {
            self.forwarded = true;
            return;
        }
        let good = !keyword.is_empty() && keyword.chars().count() <= KEYWORD_CHARS_MAX;
        let good = good && !keyword.chars().any(char::is_control);
        if good && self.keywords.len() < KEYWORDS_MAX && !self.keywords.iter().any(|known| known == keyword) {
            self.keywords.push(keyword.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_becomes_a_record_and_the_record_says_the_same() {
        let mut state =
            MailState { received: Some(7), read: true, flagged: true, replied: true, ..MailState::default() };
        state.add_keyword("Red");
        state.add_keyword("Red");
        assert_eq!(MailState::of(&state.record(7)), state);
        let forwarded = MailState { received: Some(7), forwarded: true, draft: true, ..MailState::default() };
        assert_eq!(MailState::of(&forwarded.record(7)), forwarded);
    }

    #[test]
    fn keywords_are_bounded() {
        let mut state = MailState::default();
        for number in 0..100 {
            state.add_keyword(&format!("k{number}"));
        }
        state.add_keyword(&"x".repeat(300));
        state.add_keyword("$Forwarded");
        assert_eq!((state.keywords.len(), state.forwarded), (KEYWORDS_MAX, true));
    }
}
