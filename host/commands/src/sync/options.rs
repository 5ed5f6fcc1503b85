//! Options: how a device wants items, remembered with the collection. MS-ASCMD 2.2.3.125 "Options".

use easel_items::{BodyPartPreference, BodyPreference, BodyPreferences, BodyType, Ghosting};
use easel_plugin::StoredState;
use easel_protocol::{Class, CommonStatus, WindowKey};
use easel_wbxml::pages::{airsync, airsyncbase};
use easel_wbxml::{Element, Tag};
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use super::trouble::Trouble;
use crate::context::{RequestError, flag, number};

/// What sticks to a collection until a new block replaces it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sticky {
    /// FilterType, `0..=8`.
    pub(crate) filter: u8,
    /// Conflict: whether the device asked that its change goes before the server's.
    pub(crate) client_wins: bool,
    /// How bodies are wanted.
    pub(crate) body: BodyPreferences,
    /// What absence means; set with key 0 and kept.
    pub(crate) ghosting: Ghosting,
    /// What the pack left with the key before the current one,
    pub(crate) pack_before: Option<StoredState>,
    /// and with the current one.
    pub(crate) pack_after: Option<StoredState>,
    /// The manner in which items are shown,
    pub(crate) manner: Vec<u8>,
    /// and that in which those were that wait to be sent again.
    pub(crate) manner_before: Vec<u8>,
    /// How badly the answers arrive.
    pub(crate) trouble: Trouble,
}

/// Why options are refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OptionsError {
    /// Two blocks for one class, a type twice, a value out of range: Status 4.
    Malformed,
    /// A common status from 14.0 on, else Status 4.
    Common(CommonStatus),
}

impl From<RequestError> for OptionsError {
    fn from(_: RequestError) -> Self {
        Self::Malformed
    }
}

impl Sticky {
    /// The block for the folder's class replaces all but the ghosting; a block for SMS is read and not obeyed
    /// (K: G46, V17).
    pub(crate) fn replace(&mut self, blocks: &[&Element], class: Class) -> Result<(), OptionsError> {
        let mut own = None;
        let mut sms = false;
        for block in blocks {
            match block.text_of(airsync::CLASS).map(|name| Class::parse(&name)) {
                Some(Some(Class::Sms)) if class == Class::Email && !sms => sms = true,
                Some(Some(named)) if named == class && own.is_none() => own = Some(*block),
                None if own.is_none() => own = Some(*block),
                Some(_) | None => return Err(OptionsError::Malformed),
            }
        }
        if let Some(block) = own {
            let Self { filter, client_wins, body, .. } = Self::read(block, class)?;
            *self = Self { filter, client_wins, body, ..std::mem::take(self) };
        }
        Ok(())
    }

    fn read(block: &Element, class: Class) -> Result<Self, OptionsError> {
        let filter = number(block, airsync::FILTER_TYPE)?.unwrap_or(0);
        let filter = match u8::try_from(filter) {
            Ok(8) if class != Class::Tasks => return Err(OptionsError::Malformed),
            Ok(filter @ 0..=8) => filter,
            Ok(_) | Err(_) => return Err(OptionsError::Common(CommonStatus::InvalidXml)),
        };
        Ok(Self {
            filter,
            client_wins: block.text_of(airsync::CONFLICT).is_some_and(|text| text.trim() == "0"),
            body: bodies(block)?,
            ..Self::default()
        })
    }

    /// The least window key inside the filter at `now`. Windows begin at a whole day, so that items leave at most once
    /// a day and not with every request.
    pub(crate) fn cutoff(&self, class: Class, now: Timestamp) -> WindowKey {
        cutoff(self.filter, class, now)
    }
}

/// The least window key inside a FilterType. MS-ASCMD 2.2.3.68.2 "FilterType (Sync)".
pub(crate) fn cutoff(filter: u8, class: Class, now: Timestamp) -> WindowKey {
    let span = match (class, filter) {
        (Class::Tasks, 8) => return WindowKey(WindowKey::NEVER.0 + 1),
        (Class::Contacts | Class::Notes | Class::Tasks, _) | (_, 0 | 8..) => return WindowKey::NEVER,
        (_, 1) => 1.day(),
        (_, 2) => 3.days(),
        (_, 3) => 7.days(),
        (_, 4) => 14.days(),
        (_, 5) => 1.month(),
        (_, 6) => 3.months(),
        (_, 7) => 6.months(),
    };
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let start = today.checked_sub(span).ok().and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
    start.map_or(WindowKey::NEVER, |start| WindowKey(start.timestamp().as_millisecond()))
}

/// BodyPreference, BodyPartPreference and what 2.5 has in their place; shared with ItemOperations and Search.
pub(crate) fn bodies(block: &Element) -> Result<BodyPreferences, OptionsError> {
    let mut types: Vec<BodyPreference> = Vec::new();
    for preference in block.all(airsyncbase::BODY_PREFERENCE) {
        let kind = number(preference, airsyncbase::TYPE)?.and_then(|n| u8::try_from(n).ok());
        let kind = kind.and_then(BodyType::from_number).ok_or(OptionsError::Malformed)?;
        if types.iter().any(|other| other.kind == kind) {
            return Err(OptionsError::Malformed);
        }
        let (truncation_size, all_or_none, preview) = limits(preference)?;
        types.push(BodyPreference { kind, truncation_size, all_or_none, preview });
    }
    let part = match block.child(airsyncbase::BODY_PART_PREFERENCE) {
        None => None,
        Some(part) if number(part, airsyncbase::TYPE)? != Some(2) => {
            return Err(OptionsError::Common(CommonStatus::BodyPartPreferenceTypeNotSupported));
        }
        Some(part) => {
            let (truncation_size, all_or_none, preview) = limits(part)?;
            Some(BodyPartPreference { truncation_size, all_or_none, preview })
        }
    };
    Ok(BodyPreferences {
        types,
        part,
        mime_support: small(block, airsync::MIME_SUPPORT, 2)?.unwrap_or(0),
        mime_truncation: small(block, airsync::MIME_TRUNCATION, 8)?,
        truncation: small(block, airsync::TRUNCATION, 9)?,
    })
}

fn limits(preference: &Element) -> Result<(Option<u32>, bool, Option<u8>), OptionsError> {
    let truncation = number(preference, airsyncbase::TRUNCATION_SIZE)?;
    let all_or_none = flag(preference, airsyncbase::ALL_OR_NONE, false);
    Ok((truncation, all_or_none, small(preference, airsyncbase::PREVIEW, 255)?))
}

fn small(block: &Element, tag: Tag, most: u8) -> Result<Option<u8>, OptionsError> {
    let Some(value) = number(block, tag)? else { return Ok(None) };
    u8::try_from(value).ok().filter(|value| *value <= most).map(Some).ok_or(OptionsError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(children: impl IntoIterator<Item = Element>) -> Element {
        Element::of(airsync::OPTIONS, children)
    }

    fn preference(kind: u8) -> Element {
        Element::of(airsyncbase::BODY_PREFERENCE, [Element::number(airsyncbase::TYPE, kind)])
    }

    #[test]
    fn i21_an_absent_filter_means_everything() {
        let mut sticky = Sticky { filter: 3, ..Sticky::default() };
        sticky.replace(&[&block([])], Class::Email).unwrap();
        assert_eq!(sticky.filter, 0);
    }

    #[test]
    fn g46_a_block_for_text_messages_is_read_and_not_obeyed() {
        let sms = block([Element::text(airsync::CLASS, "SMS"), Element::number(airsync::FILTER_TYPE, 5)]);
        let mail = block([Element::number(airsync::FILTER_TYPE, 2)]);
        let mut sticky = Sticky::default();
        sticky.replace(&[&sms, &mail], Class::Email).unwrap();
        assert_eq!(sticky.filter, 2);
        assert_eq!(sticky.replace(&[&mail, &mail], Class::Email), Err(OptionsError::Malformed));
        assert_eq!(sticky.replace(&[&sms], Class::Calendar), Err(OptionsError::Malformed));
    }

    #[test]
    fn what_no_block_may_say_is_refused() {
        let refused = |block: &Element| Sticky::default().replace(&[block], Class::Email).unwrap_err();
        assert_eq!(refused(&block([preference(1), preference(1)])), OptionsError::Malformed);
        assert_eq!(refused(&block([preference(9)])), OptionsError::Malformed);
        assert_eq!(refused(&block([Element::number(airsync::FILTER_TYPE, 8)])), OptionsError::Malformed);
        let nine = refused(&block([Element::number(airsync::FILTER_TYPE, 9)]));
        assert_eq!(nine, OptionsError::Common(CommonStatus::InvalidXml));
        let part = Element::of(airsyncbase::BODY_PART_PREFERENCE, [Element::number(airsyncbase::TYPE, 1)]);
        let part = refused(&block([part]));
        assert_eq!(part, OptionsError::Common(CommonStatus::BodyPartPreferenceTypeNotSupported));
    }

    #[test]
    fn a_window_begins_at_a_whole_day() {
        let now: Timestamp = "2026-03-31T15:04:05Z".parse().unwrap();
        let start = |filter, class| cutoff(filter, class, now).0;
        let ms = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        assert_eq!(start(1, Class::Email), ms("2026-03-30T00:00:00Z"));
        assert_eq!(start(5, Class::Email), ms("2026-02-28T00:00:00Z"));
        assert_eq!(start(7, Class::Calendar), ms("2025-09-30T00:00:00Z"));
        assert_eq!(cutoff(0, Class::Email, now), WindowKey::NEVER);
        assert_eq!(cutoff(5, Class::Contacts, now), WindowKey::NEVER);
        assert!(cutoff(8, Class::Tasks, now) > WindowKey::NEVER);
    }
}
