//! What an Apple User-Agent says: `Apple-iPhone2C1/803.14800001` is an iPhone 3GS with build 8C148a.
//!
//! The text is `Apple-<hardware>/<train><letter>.<number><suffix>`. The letter of the build comes as two digits (A is
//! 01), and a small letter at its end as five (a is 00001). The train, the first number of a build, tells the version of
//! the system.

use std::fmt;

use crate::profile::Facts;
use crate::version::Version;

/// One build of the system, ordered as Apple counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Build {
    /// 8 of `8C148a`.
    pub train: u16,
    /// `C`
    pub letter: char,
    /// 148
    pub number: u32,
    /// `a`: of a build made again, or of a beta.
    pub suffix: Option<char>,
}

/// A device as its User-Agent tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// `iPhone2,1`; none before iOS 4, where iPhones could not be told apart.
    pub hardware: Option<String>,
    /// The build.
    pub build: Build,
}

/// The name of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Up to 3.
    IphoneOs,
    /// From 4.
    Ios,
}

impl Build {
    /// Reads `8C148a`.
    pub fn parse(text: &str) -> Option<Self> {
        let at = text.find(|c: char| c.is_ascii_uppercase())?;
        let (train, rest) = text.split_at(at);
        let mut chars = rest.chars();
        let letter = chars.next()?;
        let rest = chars.as_str();
        let (number, suffix) = match rest.chars().last()? {
            suffix @ 'a'..='z' => (&rest[..rest.len() - 1], Some(suffix)),
            _ => (rest, None),
        };
        Some(Self { train: train.parse().ok()?, letter, number: digits(number)?, suffix })
    }

    /// Reads `803.14800001`.
    fn parse_dotted(text: &str) -> Option<Self> {
        let (head, tail) = text.split_once('.')?;
        let letter_at = head.len().checked_sub(2)?;
        let (train, letter) = head.split_at_checked(letter_at)?;
        let letter = letter_of(digits(letter)?)?.to_ascii_uppercase();
        // A number has at most four digits, so that more than five end in a suffix.
        let (number, suffix) = match tail.len().checked_sub(5) {
            Some(at) if at > 0 => {
                let (number, suffix) = tail.split_at_checked(at)?;
                (number, letter_of(digits(suffix)?))
            }
            _ => (tail, None),
        };
        Some(Self { train: u16::try_from(digits(train)?).ok()?, letter, number: digits(number)?, suffix })
    }

    /// Whether it is a beta: Apple numbers those from 5000, with a letter at the end.
    pub fn is_beta(self) -> bool {
        self.number >= 5000 && self.suffix.is_some()
    }

    /// The first number of the version of the system, none for a train not heard of.
    pub fn major(self) -> Option<u32> {
        match self.train {
            5 => Some(2),
            7 => Some(3),
            8..=22 => Some(u32::from(self.train) - 4),
            // The names follow the year since then.
            23.. => Some(u32::from(self.train) + 3),
            _ => None,
        }
    }

    /// The name of the system, none for a train not heard of.
    pub fn system(self) -> Option<System> {
        match self.major()? {
            ..=3 => Some(System::IphoneOs),
            4.. => Some(System::Ios),
        }
    }

    /// The whole version of the system, where this build is known. One made again is the same version; a beta is none.
    pub fn version(self) -> Option<Version> {
        let same =
            |known: &&(u16, char, u32, &[u32])| (known.0, known.1, known.2) == (self.train, self.letter, self.number);
        let known = VERSIONS.iter().find(same).filter(|_| !self.is_beta())?;
        Some(Version::of(known.3))
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.train, self.letter, self.number)?;
        self.suffix.map_or(Ok(()), |suffix| write!(f, "{suffix}"))
    }
}

impl Client {
    /// Reads a User-Agent, none if it is not one of Apple's own.
    pub fn parse(user_agent: &str) -> Option<Self> {
        let (hardware, build) = user_agent.strip_prefix("Apple-")?.split_once('/')?;
        let numbered = hardware.bytes().any(|b| b.is_ascii_digit());
        Some(Self {
            hardware: numbered.then(|| hardware.replace('C', ",")),
            build: Build::parse_dotted(build.split_ascii_whitespace().next()?)?,
        })
    }

    /// The newest of the device's User-Agents that is Apple's own.
    pub fn of(facts: &Facts) -> Option<Self> {
        facts.user_agents.iter().rev().find_map(|agent| Self::parse(agent))
    }

    /// What the hardware is called in a shop, for the few that old systems ran on.
    pub fn model(&self) -> Option<&'static str> {
        match self.hardware.as_deref()? {
            "iPhone1,2" => Some("iPhone 3G"),
            "iPhone2,1" => Some("iPhone 3GS"),
            "iPhone3,1" | "iPhone3,3" => Some("iPhone 4"),
            "iPhone4,1" => Some("iPhone 4S"),
            _ => None,
        }
    }
}

/// Version and build out of the operating system that a device says it has: `iOS 26.0.1 23A355`, `iOS 17.4.1`. None if
/// it is not one of Apple's.
pub fn told(os: &str) -> Option<(Version, Option<Build>)> {
    let mut words = os.split_ascii_whitespace().skip_while(|word| Version::parse(word).is_none());
    let ours = ["iOS ", "iPhone OS ", "iPadOS ", "visionOS "].iter().any(|name| os.starts_with(name));
    let version = words.next().filter(|_| ours).and_then(Version::parse)?;
    Some((version, words.next().and_then(Build::parse)))
}

/// Digits only: `parse` would take a sign.
fn digits(text: &str) -> Option<u32> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `a` for 1.
fn letter_of(number: u32) -> Option<char> {
    let past = u8::try_from(number).ok().filter(|number| (1..=26).contains(number))?;
    Some(char::from(b'a' + past - 1))
}

/// Builds seen in the field with the version they are.
const VERSIONS: &[(u16, char, u32, &[u32])] = &[
    (5, 'A', 347, &[2, 0]),
    (5, 'H', 11, &[2, 2, 1]),
    (7, 'A', 341, &[3, 0]),
    (7, 'C', 144, &[3, 1]),
    (7, 'D', 11, &[3, 1, 2]),
    (7, 'E', 18, &[3, 1, 3]),
    (7, 'B', 367, &[3, 2]),
    (8, 'A', 293, &[4, 0]),
    (8, 'B', 117, &[4, 1]),
    (8, 'C', 148, &[4, 2, 1]),
    (8, 'F', 190, &[4, 3]),
    (9, 'A', 334, &[5, 0]),
    (9, 'B', 206, &[5, 1, 1]),
    (10, 'A', 403, &[6, 0]),
    (10, 'B', 329, &[6, 1, 3]),
    (11, 'A', 465, &[7, 0]),
    (11, 'D', 167, &[7, 1]),
    (12, 'A', 365, &[8, 0]),
    (12, 'H', 321, &[8, 4, 1]),
    (13, 'A', 344, &[9, 0]),
    (16, 'B', 92, &[12, 1]),
    (22, 'B', 75, &[18, 1]),
    (23, 'A', 355, &[26, 0, 1]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn client(user_agent: &str) -> Client {
        Client::parse(user_agent).unwrap_or_else(|| panic!("{user_agent} is not read"))
    }

    #[test]
    fn tc01_an_iphone_os_3_tells_its_version_and_not_its_hardware() {
        let phone = client("Apple-iPhone/704.11");
        assert_eq!(phone.hardware, None);
        assert_eq!(phone.build.to_string(), "7D11");
        assert_eq!(phone.build.system(), Some(System::IphoneOs));
        assert_eq!(phone.build.version(), Some(Version::of(&[3, 1, 2])));
    }

    #[test]
    fn tc02_a_build_made_again_is_the_same_version() {
        let phone = client("Apple-iPhone2C1/803.14800001");
        assert_eq!(phone.hardware.as_deref(), Some("iPhone2,1"));
        assert_eq!(phone.model(), Some("iPhone 3GS"));
        assert_eq!(phone.build.to_string(), "8C148a");
        assert_eq!(phone.build.system(), Some(System::Ios));
        assert_eq!(phone.build.version(), Some(Version::of(&[4, 2, 1])));
        assert!(!phone.build.is_beta());
    }

    #[test]
    fn tc03_user_agent_and_device_information_agree() {
        let phone = client("Apple-iPhone15C4/2301.355");
        let (version, build) = told("iOS 26.0.1 23A355").unwrap();
        assert_eq!(build, Some(phone.build));
        assert_eq!(version, Version::of(&[26, 0, 1]));
        assert_eq!(phone.build.major(), Some(version.major()));
    }

    #[test]
    fn tc04_a_beta_is_told_by_its_number_and_letter() {
        let phone = client("Apple-iPhone9C1/1501.530400009");
        assert_eq!(phone.build.to_string(), "15A5304i");
        assert_eq!(phone.build.major(), Some(11));
        assert!(phone.build.is_beta());
        assert_eq!(phone.build.version(), None);
    }

    #[test]
    fn builds_are_decoded_as_they_were_seen() {
        let cases = [
            ("Apple-iPhone/701.341", "7A341"),
            ("Apple-iPhone/508.11", "5H11"),
            ("Apple-iPhone/503.1", "5C1"),
            ("Apple-(null)/704.11", "7D11"),
            ("Apple-iPhone5C2/1102.55400001", "11B554a"),
            ("Apple-iPhone4C1/902.512700003", "9B5127c"),
            ("Apple-iPhone15C4/2401.539000006", "24A5390f"),
            ("Apple-iPad1C1/803.148", "8C148"),
            ("Apple-iPod4C1/1002.500", "10B500"),
        ];
        for (user_agent, build) in cases {
            let decoded = client(user_agent).build;
            assert_eq!(decoded.to_string(), build, "{user_agent}");
            assert_eq!(Build::parse(build), Some(decoded));
        }
    }

    #[test]
    fn trains_are_systems() {
        let majors = [(5, 2), (7, 3), (8, 4), (9, 5), (10, 6), (11, 7), (12, 8), (13, 9), (14, 10), (15, 11), (22, 18)];
        for (train, major) in majors.into_iter().chain([(23, 26), (24, 27)]) {
            let build = Build { train, letter: 'A', number: 1, suffix: None };
            assert_eq!(build.major(), Some(major), "{train}");
        }
        assert_eq!(Build { train: 6, letter: 'A', number: 1, suffix: None }.major(), None);
        assert_eq!(Build { train: 1, letter: 'A', number: 1, suffix: None }.system(), None);
    }

    #[test]
    fn every_known_build_is_of_the_version_its_train_says() {
        for &(train, letter, number, version) in VERSIONS {
            assert_eq!(
                Build { train, letter, number, suffix: None }.major(),
                Some(version[0]),
                "{train}{letter}{number}"
            );
        }
    }

    #[test]
    fn what_is_not_apples_is_not_read() {
        for text in [
            "",
            "DTG-iPhone/4.0",
            "Apple-iPhone",
            "Apple-iPhone/",
            "Apple-iPhone/7.1",
            "Apple-iPhone/+1.5",
            "Apple-iPhone/727.5",
            "Apple-iPhone/700.5",
            "Apple-iPhone/ä1.5ä",
            "Apple-iPhone/701.9999999999999999",
            "MSFT-PPC/5.2.1",
        ] {
            assert_eq!(Client::parse(text), None, "{text}");
        }
        assert_eq!(told("Android"), None);
        assert_eq!(told("Windows 10.0.10240"), None);
        assert_eq!(told("iOS 17.4.1"), Some((Version::of(&[17, 4, 1]), None)));
        assert_eq!(told("iOS 6.1 10B145").unwrap().1.unwrap().to_string(), "10B145");
    }
}
