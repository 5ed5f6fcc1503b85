//! Who looks at an item, and how.

use easel_protocol::{Facts, Version};
use easel_wbxml::Element;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::Manner;

/// Everything about the onlooker that the shape of an item depends on.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// The version of the request.
    pub version: Version,
    /// Whose item it is.
    pub owner: &'a Owner,
    /// How bodies are wanted.
    pub body: &'a BodyPreferences,
    /// Now.
    pub now: Timestamp,
    /// In which manner.
    pub manner: Manner,
}

/// Whose mailbox it is.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The display name.
    pub name: String,
    /// Addresses, the primary one first; never empty.
    pub addresses: Vec<String>,
    /// The zone that floating times and local dates are read in.
    pub zone: TimeZone,
}

impl Owner {
    /// Whether `address` is one of the owner's, without regard to case.
    pub fn is(&self, address: &str) -> bool {
        self.addresses.iter().any(|own| own.eq_ignore_ascii_case(address))
    }
}

/// How a device wants bodies. MS-ASCMD 2.2.3.125 "Options", MS-ASAIRS 2.2.2.12 "BodyPreference".
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BodyPreferences {
    /// From 12.0, at most one a type. Empty: Type and EstimatedDataSize only, or plain text in 2.5.
    pub types: Vec<BodyPreference>,
    /// From 14.1.
    pub part: Option<BodyPartPreference>,
    /// MIMESupport: 0 never, 1 only S/MIME, 2 always.
    pub mime_support: u8,
    /// MIMETruncation `0..=8`; `None` is 8, nothing is cut.
    pub mime_truncation: Option<u8>,
    /// Truncation of 2.5, `0..=9`; `None` is 9, nothing is cut.
    pub truncation: Option<u8>,
}

impl BodyPreferences {
    /// The same forms, whole.
    #[must_use]
    pub fn uncut(&self) -> Self {
        let types = self.types.iter().map(|one| BodyPreference { truncation_size: None, ..*one });
        let part = self.part.map(|part| BodyPartPreference { truncation_size: None, ..part });
        Self { types: types.collect(), part, mime_truncation: None, truncation: None, ..*self }
    }
}

/// One BodyPreference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BodyPreference {
    /// Which form.
    pub kind: BodyType,
    /// The most bytes of the sent form; `None` is everything, 0 nothing (K: P07).
    pub truncation_size: Option<u32>,
    /// Rather another form than a cut one.
    pub all_or_none: bool,
    /// The most characters of a preview, `0..=255`.
    pub preview: Option<u8>,
}

/// MS-ASAIRS 2.2.2.11 "BodyPartPreference"; its type is always HTML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BodyPartPreference {
    /// As in [`BodyPreference`].
    pub truncation_size: Option<u32>,
    /// As in [`BodyPreference`].
    pub all_or_none: bool,
    /// As in [`BodyPreference`].
    pub preview: Option<u8>,
}

/// MS-ASAIRS 2.2.2.41.1 "Type (Body)".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
pub enum BodyType {
    /// Plain text.
    Text = 1,
    /// HTML.
    Html = 2,
    /// Compressed RTF, base64; answered as text.
    Rtf = 3,
    /// The whole message.
    Mime = 4,
}

impl BodyType {
    /// The type of that number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Text),
            2 => Some(Self::Html),
            3 => Some(Self::Rtf),
            4 => Some(Self::Mime),
            _ => None,
        }
    }
}

/// What a device sent about one item.
#[derive(Clone, Debug)]
pub struct Edit<'a> {
    /// ApplicationData.
    pub data: &'a Element,
    /// What absence means.
    pub ghosting: &'a Ghosting,
    /// The object as the device saw it, where that is known: the merge is three-way then.
    pub base: Option<&'a str>,
    /// How bodies were shown to the device. A body shown cut or converted is replaced only if the device changed it.
    pub shown: &'a BodyPreferences,
    /// From 16.0: the occurrence of a series that is meant (original start, UTC).
    pub instance: Option<Timestamp>,
    /// From 16.0: the occurrence is removed; `data` is empty.
    pub delete_instance: bool,
}

/// What the absence of a property in a Change means. MS-ASCMD 2.2.3.179 "Supported".
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Ghosting {
    /// No Supported element: absence removes.
    #[default]
    None,
    /// An empty Supported, or a 16.x calendar: absence keeps.
    All,
    /// Absence keeps, except for the listed properties: page and token of each.
    Except(Vec<(u8, u8)>),
}

impl Ghosting {
    /// Whether the absence of `tag` keeps the stored value.
    pub fn keeps(&self, tag: easel_wbxml::Tag) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Except(managed) => !managed.contains(&(tag.page(), tag.token())),
        }
    }
}

/// What a merge made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The object to store; `None` when the device's change leaves nothing of it (the last occurrence removed).
    pub content: Option<String>,
    /// What the store must know of it.
    pub facts: Facts,
    /// Whether the object differs from the one before.
    pub changed: bool,
    /// What the answer must tell the device (16.x: UID and the like), the children of ApplicationData.
    pub answer: Vec<Element>,
}
