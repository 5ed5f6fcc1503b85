//! Versions, compared part by part.

/// A version such as `5.2.1108`: up to four numbers, those that are missing being 0.
///
/// ```
/// use easel_pack::version::Version;
///
/// // The trap: "at least 8.2" is not "major at least 8 and minor at least 2".
/// assert!(Version::parse("9.0") > Version::parse("8.2"));
/// assert!(Version::of(&[2, 9]) < Version::of(&[3]));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version([u32; 4]);

impl Version {
    /// The version with these numbers, of which the first four count.
    pub const fn of(numbers: &[u32]) -> Self {
        let mut parts = [0; 4];
        let mut at = 0;
        while at < numbers.len() && at < 4 {
            parts[at] = numbers[at];
            at += 1;
        }
        Self(parts)
    }

    /// The version at the start of a text, none if it does not start with a digit. What comes after it is left out:
    /// `3.00(73)MailforExchange` is 3.0.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = [0; 4];
        let mut found = false;
        let mut rest = text;
        for part in &mut parts {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let Ok(number) = rest[..digits].parse() else { break };
            *part = number;
            found = true;
            let Some(after) = rest[digits..].strip_prefix('.') else { break };
            rest = after;
        }
        found.then_some(Self(parts))
    }

    /// The version that comes right after `mark`, wherever that stands.
    pub fn after(text: &str, mark: &str) -> Option<Self> {
        text.split_once(mark).and_then(|(_, after)| Self::parse(after))
    }

    /// The first number.
    pub const fn major(self) -> u32 {
        self.0[0]
    }

    /// The second.
    pub const fn minor(self) -> u32 {
        self.0[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_ends_where_its_numbers_end() {
        let cases = [
            ("3.00(73)MailforExchange", Some(Version::of(&[3]))),
            ("2.09(206)", Some(Version::of(&[2, 9]))),
            ("5.2.1108", Some(Version::of(&[5, 2, 1108]))),
            ("2.00()", Some(Version::of(&[2]))),
            ("1.", Some(Version::of(&[1]))),
            ("1.2.3.4.5", Some(Version::of(&[1, 2, 3, 4]))),
            ("99999999999", None),
            ("x", None),
            ("", None),
        ];
        for (text, version) in cases {
            assert_eq!(Version::parse(text), version, "{text}");
        }
        assert_eq!(Version::after("NokiaN97/2.09(206)MailforExchange", "/"), Some(Version::of(&[2, 9])));
        assert_eq!(Version::after("NokiaN97", "/"), None);
    }

    #[test]
    fn parts_are_compared_from_the_left() {
        assert!(Version::of(&[9, 1]) >= Version::of(&[8, 2]));
        assert!(Version::of(&[8, 1]) < Version::of(&[8, 2]));
        assert!(Version::of(&[8, 12]) > Version::of(&[8, 2]));
        assert_eq!(Version::of(&[8]), Version::of(&[8, 0, 0]));
    }
}
