//! A range of results or bytes. MS-ASCMD 2.2.3.145 "Range".

use std::fmt;

/// `first-last`, both from 0 and included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    /// The first place.
    pub(crate) first: u64,
    /// The last place; never before the first.
    pub(crate) last: u64,
}

impl Range {
    /// Reads `0-99`; `None` for everything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.trim().split_once('-')?;
        let number = |text: &str| text.trim().parse().ok().filter(|_| !text.trim().starts_with('+'));
        let (first, last) = (number(first)?, number(last)?);
        (first <= last).then_some(Self { first, last })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_a_first_and_a_last_place() {
        assert_eq!(Range::parse(" 0-99 "), Some(Range { first: 0, last: 99 }));
        assert_eq!(Range::parse("7-7").unwrap().to_string(), "7-7");
        for text in ["", "5", "-5", "5-", "9-5", "a-b", "0-+5", "0-18446744073709551616", "1-2-3"] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }
}
