//! Tags, and the shape of a code page table.

use std::fmt;

use crate::pages::PAGES;

/// One tag: a token on a code page. MS-ASWBXML 2.1.2.1 "Code Pages".
///
/// Every pair of numbers is a `Tag`, also one that no published table names, so that unknown input survives decoding
/// and a log can show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag {
    page: u8,
    token: u8,
}

impl Tag {
    /// The tag `token` (`0x05..=0x3F`) on code page `page`.
    pub const fn new(page: u8, token: u8) -> Self {
        Self { page, token }
    }

    /// The number of the code page, `0..=25` for published ones.
    pub const fn page(self) -> u8 {
        self.page
    }

    /// The token without the content and attribute bits.
    pub const fn token(self) -> u8 {
        self.token
    }

    /// Whether the token is one that a document can carry: `0x05..=0x3F`.
    pub const fn is_writable(self) -> bool {
        matches!(self.token, 0x05..=0x3F)
    }

    /// The published name, `None` for a tag that no table knows.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    /// The name of the code page, such as `AirSync`, `None` for an unpublished page.
    pub fn namespace(self) -> Option<&'static str> {
        PAGES.get(usize::from(self.page)).map(|page| page.namespace)
    }

    /// The first protocol version that may carry the tag, times ten (25, 120, ... 161); `None` for an unknown tag
    /// and for one that no version sends.
    pub fn since(self) -> Option<u8> {
        self.row().map(|row| row.since).filter(|since| *since > 0)
    }

    /// The tag of that name on the page of that name.
    pub fn by_name(namespace: &str, name: &str) -> Option<Self> {
        let page = PAGES.iter().find(|page| page.namespace == namespace)?;
        let row = page.rows.iter().find(|row| row.name == name)?;
        Some(Self::new(page.number, row.token))
    }

    fn row(self) -> Option<&'static Row> {
        let page = PAGES.get(usize::from(self.page))?;
        page.rows.iter().find(|row| row.token == self.token)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Tag {
    /// `FolderHierarchy:SyncKey`, or `254:0x11` for what no table names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.namespace(), self.name()) {
            (Some(namespace), Some(name)) => write!(f, "{namespace}:{name}"),
            _ => write!(f, "{}:{:#04X}", self.page, self.token),
        }
    }
}

/// One code page: its number, its name and its rows.
#[derive(Debug)]
pub struct CodePage {
    /// The number in a SWITCH_PAGE.
    pub number: u8,
    /// The name that XML and logs use.
    pub namespace: &'static str,
    /// The tags in the order of the published table.
    pub rows: &'static [Row],
}

/// One row of a code page.
#[derive(Debug)]
pub struct Row {
    /// `0x05..=0x3F`.
    pub token: u8,
    /// The published name.
    pub name: &'static str,
    /// The first protocol version, times ten; 0 when no version sends it.
    pub since: u8,
}

macro_rules! code_page {
    ($(#[$doc:meta])* $module:ident = $number:literal $namespace:literal {
        $($constant:ident = $token:literal $name:literal since $since:literal,)*
    }) => {
        $(#[$doc])*
        pub mod $module {
            use crate::tag::{CodePage, Row, Tag};

            $(#[doc = concat!("`", $namespace, ":", $name, "`.")]
            pub const $constant: Tag = Tag::new($number, $token);)*

            pub(crate) const PAGE: CodePage = CodePage {
                number: $number,
                namespace: $namespace,
                rows: &[$(Row { token: $token, name: $name, since: $since },)*],
            };
        }
    };
}
pub(crate) use code_page;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::{airsync, email2, find};

    #[test]
    fn names_and_numbers_agree_both_ways() {
        assert_eq!(Tag::by_name("AirSync", "SyncKey"), Some(airsync::SYNC_KEY));
        assert_eq!(airsync::SYNC_KEY, Tag::new(0, 0x0B));
        assert_eq!(email2::CONVERSATION_ID.to_string(), "Email2:ConversationId");
        assert_eq!(find::FIND.since(), Some(161));
        assert_eq!(Tag::new(254, 0x11).to_string(), "254:0x11");
    }

    #[test]
    fn no_page_names_a_token_twice_and_every_page_stands_at_its_number() {
        for (number, page) in PAGES.iter().enumerate() {
            assert_eq!(number, usize::from(page.number));
            for (at, row) in page.rows.iter().enumerate() {
                assert!((0x05..=0x3F).contains(&row.token), "{} {}", page.namespace, row.name);
                assert!(!page.rows[..at].iter().any(|other| other.token == row.token || other.name == row.name));
            }
        }
    }
}
