//! Time zones: the 172-byte blob, VTIMEZONE, and the IANA data behind both.
//!
//! MS-ASDTYPE 2.7.6 "TimeZone", RFC 5545 3.6.5 "Time Zone Component". A zone is known by its IANA name wherever one
//! can be found; the two rule lines that a blob has room for are [`Rules`].

mod blob;
mod find;
mod rules;
mod vtimezone;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use blob::{BlobError, Decoded, decode, encode};
pub use find::{known, zone_of};
pub use rules::{Change, ChangeDay, Rules, Saving};
pub use vtimezone::{interpret, resolve, vtimezone};

/// A zone and the name it has in a stored object.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedZone {
    /// An IANA name, or a private one beginning with `Easel/`.
    pub id: String,
    /// Its rules.
    pub zone: TimeZone,
}

impl NamedZone {
    /// UTC.
    pub fn utc() -> Self {
        Self { id: "UTC".to_owned(), zone: TimeZone::UTC }
    }

    /// Names a zone: by its IANA name, else by its rules at `at`.
    pub fn of(zone: &TimeZone, at: Timestamp) -> Self {
        match zone.iana_name() {
            Some(name) => Self { id: name.to_owned(), zone: zone.clone() },
            None if *zone == TimeZone::UTC => Self::utc(),
            None => Self { id: Rules::of(zone, at).private_id(), zone: zone.clone() },
        }
    }

    /// Whether it is UTC by name.
    pub fn is_utc(&self) -> bool {
        self.zone == TimeZone::UTC || matches!(self.id.as_str(), "UTC" | "Etc/UTC")
    }
}

/// The blob, as the text of a Timezone element, of the rules valid at `at`.
pub fn blob(zone: &TimeZone, at: Timestamp) -> String {
    encode(&Rules::of(zone, at))
}

/// The zone of a blob: by a known name that fits the numbers, else the first of `preferred` that fits, else any IANA
/// zone that fits at `at`, else a private zone with the rules of the blob.
pub fn from_blob(text: &str, at: Timestamp, preferred: &[NamedZone]) -> Result<NamedZone, BlobError> {
    let decoded = decode(text)?;
    Ok(zone_of(&decoded.rules, &decoded.names, at, preferred))
}

#[cfg(test)]
mod tests;
