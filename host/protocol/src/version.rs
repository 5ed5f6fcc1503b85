//! Protocol versions. MS-ASHTTP 2.2.1.1.2.6 "MS-ASProtocolVersion".

use std::fmt;

use serde::{Deserialize, Serialize};

/// A protocol version this server speaks, in the order they were published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Version {
    /// 2.5
    V2_5,
    /// 12.0
    V12_0,
    /// 12.1
    V12_1,
    /// 14.0
    V14_0,
    /// 14.1
    V14_1,
    /// 16.0
    V16_0,
    /// 16.1
    V16_1,
}

/// A version this server does not speak.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("protocol version {0:?} is not one of 2.5, 12.0, 12.1, 14.0, 14.1, 16.0, 16.1")]
pub struct VersionError(pub String);

impl Version {
    /// Every version, oldest first.
    pub const ALL: [Self; 7] =
        [Self::V2_5, Self::V12_0, Self::V12_1, Self::V14_0, Self::V14_1, Self::V16_0, Self::V16_1];

    /// The versions up to and with `ceiling`, oldest first.
    pub fn up_to(ceiling: Self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |version| *version <= ceiling)
    }

    /// Reads the header, as a number: `14` is 14.0 (K: P22).
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let text = text.trim();
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        let minor = minor.trim_end_matches('0');
        let minor = if minor.is_empty() { "0" } else { minor };
        Self::ALL
            .into_iter()
            .find(|version| version.to_string().split_once('.') == Some((major, minor)))
            .ok_or_else(|| VersionError(text.chars().take(40).collect()))
    }

    /// The version whose number, times ten, is `byte`: the first field of the base64 query. MS-ASHTTP 2.2.1.1.1.1.
    pub fn from_byte(byte: u8) -> Result<Self, VersionError> {
        Self::ALL
            .into_iter()
            .find(|version| version.times_ten() == byte)
            .ok_or_else(|| VersionError(format!("{}.{}", byte / 10, byte % 10)))
    }

    /// The number times ten: 25, 120, ... 161.
    pub const fn times_ten(self) -> u8 {
        match self {
            Self::V2_5 => 25,
            Self::V12_0 => 120,
            Self::V12_1 => 121,
            Self::V14_0 => 140,
            Self::V14_1 => 141,
            Self::V16_0 => 160,
            Self::V16_1 => 161,
        }
    }

    /// Whether common mistakes are told by Status rather than by HTTP code.
    pub fn has_common_status(self) -> bool {
        self >= Self::V14_0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.times_ten() / 10, self.times_ten() % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p22_a_version_without_its_minor_number_is_read_as_a_number() {
        assert_eq!(Version::parse("14"), Ok(Version::V14_0));
        assert_eq!(Version::parse("14.1"), Ok(Version::V14_1));
        assert_eq!(Version::parse("16.10"), Ok(Version::V16_1));
    }

    #[test]
    fn every_version_is_read_back_from_its_text_and_its_byte() {
        for version in Version::ALL {
            assert_eq!(Version::parse(&version.to_string()), Ok(version));
            assert_eq!(Version::from_byte(version.times_ten()), Ok(version));
        }
        assert!(Version::parse("2.0").is_err());
        assert!(Version::parse("").is_err());
        assert!(Version::from_byte(0).is_err());
    }
}
