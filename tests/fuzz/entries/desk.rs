//! A device and its owner, for targets that look at items as a device sees them.

use easel_items::{BodyPartPreference, BodyPreference, BodyPreferences, BodyType, Manner, Owner, View};
use easel_protocol::Version;
use easel_wbxml::pages::airsync;
use easel_wbxml::{Element, decode, encode};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Versions that differ in what they are told.
pub(crate) const VERSIONS: [Version; 4] = [Version::V2_5, Version::V12_1, Version::V14_1, Version::V16_1];

pub(crate) fn owner() -> Owner {
    let zone = TimeZone::get("Europe/Berlin").expect("it is known");
    Owner { name: "Ada".to_owned(), addresses: vec!["ada@example.org".to_owned()], zone }
}

/// Bodies cut after so many bytes, in every form there is.
pub(crate) fn bodies(size: u32) -> BodyPreferences {
    let preference = |kind| BodyPreference { kind, truncation_size: Some(size), all_or_none: false, preview: Some(40) };
    BodyPreferences {
        types: [BodyType::Text, BodyType::Html, BodyType::Mime].into_iter().map(preference).collect(),
        part: Some(BodyPartPreference { truncation_size: Some(size), all_or_none: false, preview: None }),
        mime_support: 2,
        mime_truncation: Some(4),
        truncation: Some(3),
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_second(1_772_359_200).expect("in March 2026")
}

pub(crate) fn view<'a>(version: Version, owner: &'a Owner, body: &'a BodyPreferences) -> View<'a> {
    View { version, owner, body, now: now(), manner: Manner::default() }
}

/// What is sent to a device is read by it.
pub(crate) fn check_sent(properties: Vec<Element>) {
    let sent = Element::of(airsync::APPLICATION_DATA, properties);
    decode(&encode(&sent)).expect("what was written is read");
}
