//! What a device said of each property, measured against what it had been shown.
//!
//! A device sends a whole item, so most of what it sends is what it was given. Only the difference is an edit: a value
//! that equals the one shown says nothing and must not overwrite a newer one, nor the bytes behind it. Absence removes,
//! unless the property is ghosted or its class excepts it (MS-ASCMD 2.2.3.24 "Change"); an empty element removes.

use easel_wbxml::{Element, Tag, encode};
use sha2::{Digest, Sha256};

use crate::{Edit, Ghosting, View};

/// Members of one list that a device is shown. MS-ASCNTC 2.2.2.14 "Categories" and its kin.
pub(crate) const LIST_MAX: usize = 300;

/// What a device said of one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nothing: the stored value stays.
    Keep,
    /// The stored value goes.
    Clear,
    /// A new value.
    Set(String),
}

impl Said {
    /// The value to store, `None` to remove it; nothing at all when the stored one stays.
    pub(crate) fn change(&self) -> Option<Option<&str>> {
        match self {
            Self::Keep => None,
            Self::Clear => Some(None),
            Self::Set(value) => Some(Some(value)),
        }
    }
}

/// An edit beside the properties that the device had been shown.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    data: &'a Element,
    ghosting: &'a Ghosting,
    shown: Vec<Element>,
}

impl<'a> Sent<'a> {
    /// `shown` are the properties of the object the device knew, empty for a new object.
    pub(crate) const fn new(edit: &'a Edit<'a>, shown: Vec<Element>) -> Self {
        Self { data: edit.data, ghosting: edit.ghosting, shown }
    }

    /// What was said of a property whose absence removes, unless it is ghosted. `read` brings a value into the one
    /// form that is compared and stored; text it cannot read is as good as not sent (K: G51).
    pub(crate) fn of(&self, tag: Tag, read: impl Fn(&str) -> Option<String>) -> Said {
        self.weigh(tag, read, self.ghosting.keeps(tag))
    }

    /// What was said of a property whose absence keeps.
    pub(crate) fn of_kept(&self, tag: Tag, read: impl Fn(&str) -> Option<String>) -> Said {
        self.weigh(tag, read, true)
    }

    /// What was said of a text.
    pub(crate) fn text(&self, tag: Tag) -> Said {
        self.of(tag, |text| Some(text.to_owned()))
    }

    /// The text that was sent, whatever was shown; empty where none was.
    pub(crate) fn value(&self, tag: Tag) -> String {
        self.data.child(tag).map(|element| clean(&element.value())).unwrap_or_default()
    }

    /// The members of a list after the edit; `None` where nothing was said of it.
    pub(crate) fn list(&self, list: Tag, member: Tag) -> Option<Vec<String>> {
        let members = |element: &Element| -> Vec<String> {
            let texts = element.all(member).map(|one| clean(&one.value())).filter(|text| !text.is_empty());
            texts.take(LIST_MAX).collect()
        };
        let shown = self.shown.iter().find(|element| element.tag == list).map(members).unwrap_or_default();
        let sent = match self.data.child(list) {
            Some(element) => members(element),
            None if self.ghosting.keeps(list) => return None,
            None => Vec::new(),
        };
        (sent != shown).then_some(sent)
    }

    fn weigh(&self, tag: Tag, read: impl Fn(&str) -> Option<String>, absence_keeps: bool) -> Said {
        let shown = self.shown.iter().find(|element| element.tag == tag).map(|element| clean(&element.value()));
        let shown = shown.filter(|text| !text.is_empty()).and_then(|text| read(&text));
        let sent = match self.data.child(tag).map(|element| clean(&element.value())) {
            None if absence_keeps => return Said::Keep,
            None => None,
            Some(text) if text.is_empty() => None,
            // K: G51
            Some(text) => match read(&text) {
                Some(value) => Some(value),
                None => return Said::Keep,
            },
        };
        match sent {
            sent if sent == shown => Said::Keep,
            None => Said::Clear,
            Some(value) => Said::Set(value),
        }
    }
}

/// Text as it is stored and compared: the characters XML 1.0 allows (K: G06), lines ended by LF.
pub(crate) fn clean(text: &str) -> String {
    // Most texts have nothing to be taken out: no control character, and none of U+FFFE and U+FFFF. No branch, so
    // that many bytes are looked at in one step.
    let suspect = |byte: u8| ((byte < b' ') & (byte != b'\t') & (byte != b'\n')) | (byte == 0xEF);
    if !text.as_bytes().chunks(64).any(|run| run.iter().fold(false, |found, byte| found | suspect(*byte))) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut after_return = false;
    for c in text.chars() {
        match c {
            '\r' => out.push('\n'),
            '\n' if after_return => {}
            '\t' | '\n' | '\u{20}'..='\u{FFFD}' | '\u{10000}'.. => out.push(c),
            _ => {}
        }
        after_return = c == '\r';
    }
    out
}

/// An element of text as devices read it: lines ended by CR LF; none where there is no text.
pub(crate) fn text_element(tag: Tag, text: &str) -> Option<Element> {
    let text = clean(text);
    let wire = if text.contains('\n') { text.replace('\n', "\r\n") } else { text };
    (!wire.is_empty()).then(|| Element::text(tag, wire))
}

/// A list element; none where there is no member (K: G05).
pub(crate) fn list_element(list: Tag, member: Tag, members: &[String]) -> Option<Element> {
    let elements: Vec<Element> = members.iter().filter_map(|text| text_element(member, text)).take(LIST_MAX).collect();
    (!elements.is_empty()).then(|| Element::of(list, elements))
}

/// The list to store: what the device sent, then the members beyond [`LIST_MAX`] that it was never shown.
pub(crate) fn with_unseen(sent: Vec<String>, stored: Vec<String>) -> Vec<String> {
    let mut all = sent;
    all.extend(stored.into_iter().skip(LIST_MAX));
    all
}

/// Whether a version carries the element; elements inside it that it does not carry are taken out.
pub(crate) fn carried(element: &mut Element, view: &View<'_>) -> bool {
    let known = |tag: Tag| tag.since().is_none_or(|since| since <= view.version.times_ten());
    element.content.retain(|node| match node {
        easel_wbxml::Node::Element(child) => known(child.tag),
        easel_wbxml::Node::Opaque(_) | easel_wbxml::Node::Text(_) => true,
    });
    known(element.tag)
}

/// A UID for a new object: RFC 9562 5.8 "UUID Version 8", made of what the device sent, whose it is and when. The room
/// knows no chance, so that the same request gives the same object.
pub(crate) fn new_uid(edit: &Edit<'_>, view: &View<'_>) -> String {
    let mut hash = Sha256::new();
    hash.update(encode(edit.data));
    hash.update(view.now.as_nanosecond().to_be_bytes());
    hash.update(view.owner.addresses.first().map_or("", String::as_str));
    let mut bytes: [u8; 16] = hash.finalize()[..16].try_into().expect("a SHA-256 has 32 bytes");
    bytes[6] = bytes[6] & 0x0F | 0x80;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    [&bytes[..4], &bytes[4..6], &bytes[6..8], &bytes[8..10], &bytes[10..]].map(hex).join("-")
}

#[cfg(test)]
mod tests {
    use easel_wbxml::pages::contacts::{CATEGORIES, CATEGORY, CHILD, CHILDREN, FIRST_NAME, LAST_NAME, TITLE};

    use super::*;
    use crate::BodyPreferences;

    fn said(data: &Element, ghosting: &Ghosting, shown: Vec<Element>, tag: Tag) -> Said {
        let preferences = BodyPreferences::default();
        let edit = Edit { data, ghosting, base: None, shown: &preferences, instance: None, delete_instance: false };
        Sent::new(&edit, shown).text(tag)
    }

    #[test]
    fn only_a_difference_is_an_edit() {
        let data = Element::of(TITLE, [Element::text(FIRST_NAME, "Ada"), Element::new(LAST_NAME)]);
        let shown = vec![Element::text(FIRST_NAME, "Ada"), Element::text(LAST_NAME, "L"), Element::text(TITLE, "Dr")];
        assert_eq!(said(&data, &Ghosting::None, shown.clone(), FIRST_NAME), Said::Keep);
        assert_eq!(said(&data, &Ghosting::None, shown.clone(), LAST_NAME), Said::Clear);
        assert_eq!(said(&data, &Ghosting::None, shown.clone(), TITLE), Said::Clear);
        assert_eq!(said(&data, &Ghosting::All, shown.clone(), TITLE), Said::Keep);
        assert_eq!(said(&data, &Ghosting::All, shown, LAST_NAME), Said::Clear);
        assert_eq!(said(&data, &Ghosting::None, Vec::new(), FIRST_NAME), Said::Set("Ada".to_owned()));
        assert_eq!(said(&data, &Ghosting::None, Vec::new(), TITLE), Said::Keep);
    }

    #[test]
    fn a46_a_long_supported_list_tells_the_listed_properties_from_the_others() {
        let mut listed: Vec<(u8, u8)> = (0x05..=0x3F).map(|token| (1, token)).collect();
        listed.retain(|tag| *tag != (1, TITLE.token()));
        let ghosting = Ghosting::Except(listed);
        let data = Element::new(TITLE);
        assert_eq!(said(&data, &ghosting, vec![Element::text(TITLE, "Dr")], TITLE), Said::Keep);
        assert_eq!(said(&data, &ghosting, vec![Element::text(FIRST_NAME, "Ada")], FIRST_NAME), Said::Clear);
    }

    #[test]
    fn g06_characters_that_stop_a_folder_are_left_out_both_ways() {
        let element = text_element(TITLE, "a\u{b}b\u{0}\u{fffe}\nc").unwrap();
        assert_eq!(element.value(), "ab\r\nc");
        let data = Element::of(TITLE, [Element::text(FIRST_NAME, "ab\r\nc")]);
        let shown = vec![Element::text(FIRST_NAME, "a\u{b}b\nc")];
        assert_eq!(said(&data, &Ghosting::None, shown, FIRST_NAME), Said::Keep);
    }

    #[test]
    fn g05_a_list_without_members_is_no_element() {
        assert_eq!(list_element(CATEGORIES, CATEGORY, &[]), None);
        assert_eq!(list_element(CHILDREN, CHILD, &[String::new()]), None);
    }

    #[test]
    fn a_list_is_bounded_and_its_unseen_tail_survives() {
        let many: Vec<String> = (0..LIST_MAX + 5).map(|n| n.to_string()).collect();
        let element = list_element(CATEGORIES, CATEGORY, &many).unwrap();
        assert_eq!(element.children().count(), LIST_MAX);
        let stored = with_unseen(vec!["x".to_owned()], many);
        assert_eq!(stored, ["x", "300", "301", "302", "303", "304"]);
    }
}
