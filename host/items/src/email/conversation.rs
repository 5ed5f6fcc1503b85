//! Conversations. MS-ASEMAIL 2.2.2.21 "ConversationId", 2.2.2.22 "ConversationIndex", 2.2.2.77 "ThreadTopic".

use sha2::{Digest as _, Sha256};

/// Reply levels that a ConversationIndex shows.
const LEVELS_MAX: u8 = 16;
/// Prefixes that mail programs put before the subject of a reply or a forward, in lower case.
const PREFIXES: &[&str] = &[
    "re",
    "fw",
    "fwd",
    "aw",
    "wg",
    "antw",
    "antwort",
    "sv",
    "vs",
    "vl",
    "vb",
    "tr",
    "rv",
    "res",
    "enc",
    "odp",
    "pd",
    "ynt",
    "i",
    "\u{43e}\u{442}\u{432}",
    "\u{43d}\u{430}",
    "\u{56de}\u{590d}",
    "\u{56de}\u{8986}",
    "\u{8f6c}\u{53d1}",
    "\u{8f49}\u{5bc4}",
    "r",
];

/// The subject without `Re:`, `Fwd: ` and their kin.
pub fn thread_topic(subject: &str) -> &str {
    let mut topic = subject.trim();
    // Each turn takes at least two bytes away.
    while let Some((prefix, rest)) = topic.split_once([':', '\u{ff1a}']) {
        let word = prefix.split(['[', '(']).next().unwrap_or(prefix).trim();
        let counted = prefix.len() == word.len() || prefix.ends_with([']', ')']);
        if !counted || prefix.len() > 24 || !PREFIXES.contains(&word.to_lowercase().as_str()) {
            break;
        }
        topic = rest.trim_start();
    }
    topic
}

/// What all messages of a thread have in common: a hash of the id at its root, else of its topic. `None` if neither is
/// known (K: A33).
pub(super) fn conversation(root: Option<&str>, subject: &str) -> Option<[u8; 16]> {
    let topic = thread_topic(subject).to_lowercase();
    let mut hash = Sha256::new();
    match root.filter(|id| !id.is_empty()) {
        Some(id) => hash.update(id.as_bytes()),
        None if topic.is_empty() => return None,
        None => hash.update(format!("topic:{topic}").as_bytes()),
    }
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finalize()[..16]);
    Some(id)
}

/// Five bytes of the time sent, then five for each reply level. `sent` is in milliseconds since 1970.
pub(super) fn conversation_index(sent: i64, level: u8, id: &[u8; 16]) -> Vec<u8> {
    // FILETIME: 100 nanoseconds since 1601; its top byte stays 1 until 2057 and is left out.
    let filetime = (sent.saturating_add(11_644_473_600_000)).saturating_mul(10_000).to_be_bytes();
    let mut index = filetime[1..6].to_vec();
    for number in 0..level.min(LEVELS_MAX) {
        index.extend_from_slice(&[0, id[0], id[1], id[2], number]);
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reply_prefixes_of_many_languages_are_left_out() {
        for subject in [
            "Re: Fwd: Lunch",
            "AW: WG: Lunch",
            "RE[2]: Lunch",
            "Sv: Lunch",
            "\u{56de}\u{590d}\u{ff1a}Lunch",
            "Lunch",
            "re:re:Lunch",
        ] {
            assert_eq!(thread_topic(subject), "Lunch", "{subject}");
        }
        for subject in ["Agenda: Lunch", "2: 1", "Report: Re", ": x"] {
            assert_eq!(thread_topic(subject), subject);
        }
        assert_eq!(thread_topic(&"Re: ".repeat(10_000)), "Re:".trim_end_matches("Re:"));
    }

    #[test]
    fn a33_without_id_and_topic_there_is_no_conversation() {
        assert_eq!(conversation(None, "Re: "), None);
        assert_eq!(conversation(None, "Re: Lunch"), conversation(Some(""), "lunch"));
        assert_ne!(conversation(Some("a@b"), "x"), conversation(None, "x"));
    }

    #[test]
    fn the_index_grows_by_five_bytes_a_level() {
        // 2026-03-01T08:09:10Z is FILETIME 01DCA954_....
        let index = conversation_index(1_772_352_550_000, 0, &[7; 16]);
        assert_eq!((index.len(), &index[..3]), (5, &[0xDC, 0xA9, 0x52][..]));
        assert_eq!(conversation_index(0, 255, &[7; 16]).len(), 5 + 5 * usize::from(LEVELS_MAX));
    }
}
