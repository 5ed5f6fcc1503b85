//! Ids on the wire. MS-ASCMD 2.2.3.166 "ServerId", 2.2.3.30.6 "CollectionId".
//!
//! K: G45. Some devices read an id that looks like a number as a number, so every id is one letter `a..f` and
//! lower-case hexadecimal digits: never numeric, safe in a URL, far below 64 characters. The letter tells what the id
//! names, so an id of one kind is never taken for another.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Text that is no id of this kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an id of this server")]
pub struct IdError(pub String);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(u64);

        impl $name {
            /// The id of that number.
            pub const fn new(number: u64) -> Self {
                Self(number)
            }

            /// The number.
            pub const fn number(self) -> u64 {
                self.0
            }

            /// Reads the id; only the one spelling that this server writes is accepted.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                text.strip_prefix($letter)
                    .filter(|digits| digits.len() <= 16 && !digits.starts_with('0'))
                    .filter(|digits| digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
                    .and_then(|digits| u64::from_str_radix(digits, 16).ok())
                    .map(Self)
                    .ok_or_else(|| IdError(text.chars().take(80).collect()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{:x}"), self.0)
            }
        }
    };
}

id! {
    /// A folder of a mailbox; numbers start at 1 and are never used again.
    CollectionId, 'f'
}
id! {
    /// An item in a folder: the number of its membership, which starts at 1 and is never used again. The same on every
    /// device of the user.
    ServerId, 'a'
}

/// Names one attachment of one item. MS-ASAIRS 2.2.2.24.1 "FileReference"; also the AttachmentName of 2.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileReference {
    /// The item.
    pub item: ServerId,
    /// The attachment's number within the item, from 0.
    pub part: u32,
}

impl FileReference {
    /// Reads `c<item>-<part>`.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let parsed = text.strip_prefix('c').and_then(|rest| rest.split_once('-')).and_then(|(item, part)| {
            let item = ServerId::parse(&format!("a{item}")).ok()?;
            let part = Some(part).filter(|p| *p == "0" || !p.starts_with(['0', '+'])).and_then(|p| p.parse().ok())?;
            Some(Self { item, part })
        });
        parsed.ok_or_else(|| IdError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for FileReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{:x}-{}", self.item.number(), self.part)
    }
}

/// Names an item that a search found. MS-ASCMD 2.2.3.105 "LongId"; the published limit is 256 characters, ours are at
/// most 17.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LongId {
    /// The item.
    pub item: ServerId,
}

impl LongId {
    /// Reads `e<item>`.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let item = text.strip_prefix('e').and_then(|item| ServerId::parse(&format!("a{item}")).ok());
        item.map(|item| Self { item }).ok_or_else(|| IdError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for LongId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{:x}", self.item.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g45_an_id_is_a_letter_and_hexadecimal_digits() {
        for number in [1, 9, 10, 0x1e5, u64::MAX] {
            for text in [CollectionId::new(number).to_string(), ServerId::new(number).to_string()] {
                let (letter, digits) = text.split_at(1);
                assert!(("a"..="f").contains(&letter) && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{text}");
                assert!(text.parse::<f64>().is_err(), "{text}");
            }
        }
    }

    #[test]
    fn a_long_id_is_read_back_and_is_no_other_id() {
        for number in [1, 0x1e5, u64::MAX] {
            let id = LongId { item: ServerId::new(number) };
            let text = id.to_string();
            assert_eq!(LongId::parse(&text), Ok(id));
            assert!(text.len() <= 17 && text.parse::<f64>().is_err());
            assert!(ServerId::parse(&text).is_err() && FileReference::parse(&text).is_err());
        }
        for other in ["", "e", "e01", "eA", "a1", "e1-2", "e11111111111111111"] {
            assert!(LongId::parse(other).is_err(), "{other}");
        }
    }

    #[test]
    fn only_the_spelling_of_this_server_is_read() {
        assert_eq!(ServerId::parse("a1f"), Ok(ServerId::new(0x1f)));
        for other in ["", "a", "1f", "f1f", "A1f", "a1F", "a01f", "a1g", "a11111111111111111", "a+1", "a 1"] {
            assert!(ServerId::parse(other).is_err(), "{other}");
        }
        let reference = FileReference { item: ServerId::new(0x1f), part: 2 };
        assert_eq!(FileReference::parse(&reference.to_string()), Ok(reference));
        for other in ["", "c-1", "c1", "c1-", "c1-01", "c1-+1", "c1-4294967296"] {
            assert!(FileReference::parse(other).is_err(), "{other}");
        }
    }
}
