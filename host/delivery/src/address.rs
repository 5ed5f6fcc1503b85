//! Addresses of envelopes. RFC 5321 4.1.2 "Command Argument Syntax", RFC 6531 3.3 "Extended Mailbox Address Syntax".

use std::fmt;

/// Bytes of an address. RFC 5321 4.5.3.1.3 "Path" asks for 254 at least; rewritten senders are longer in practice.
const BYTES_MAX: usize = 500;
/// Bytes of a domain. RFC 5321 4.5.3.1.2 "Domain".
const DOMAIN_BYTES_MAX: usize = 255;

/// `local@domain`, in one spelling: quoted only where it must be, so that equal addresses compare equal but for case.
///
/// An address holds no control character, no angle bracket and no space outside quotes: it cannot end the line of the
/// command or header field it is written into.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    text: String,
    at: usize,
}

/// Text that is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address: {0}")]
pub struct AddressError(&'static str);

impl Address {
    /// Reads `local@domain`.
    ///
    /// More than RFC 5321 allows is taken in one point: dots may stand anywhere in the local part, because carriers
    /// have given out such addresses.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.len() > BYTES_MAX {
            return Err(AddressError("too long"));
        }
        let (local, rest) = if text.starts_with('"') { quoted(text)? } else { unquoted(text) };
        let domain = rest.strip_prefix('@').ok_or(AddressError("no @ after the local part"))?;
        if local.is_empty() {
            return Err(AddressError("no local part"));
        }
        check_domain(domain)?;
        let mut text = if local.chars().all(is_atext_or_dot) { local } else { quote(&local) };
        let at = text.len();
        text.push('@');
        text.push_str(domain);
        Ok(Self { text, at })
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the `@`.
    pub fn local(&self) -> &str {
        &self.text[..self.at]
    }

    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// Whether it needs no SMTPUTF8.
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    /// The address with the local part cut at the first `delimiter`, which is not its first character; `None` if there
    /// is none.
    pub fn without_detail(&self, delimiter: char) -> Option<Self> {
        let (local, _) = self.local().split_once(delimiter).filter(|(local, _)| !local.is_empty())?;
        if local.starts_with('"') {
            return None;
        }
        Some(Self { text: format!("{local}@{}", self.domain()), at: local.len() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_atext_or_dot(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c) || is_utf8_text(c)
}

/// RFC 6531 allows every character beyond ASCII; controls are left out, they have no place in a line of text.
fn is_utf8_text(c: char) -> bool {
    !c.is_ascii() && !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}')
}

fn unquoted(text: &str) -> (String, &str) {
    let end = text.find(|c| !is_atext_or_dot(c)).unwrap_or(text.len());
    (text[..end].to_owned(), &text[end..])
}

/// Takes a quoted string apart: its content, and what follows.
fn quoted(text: &str) -> Result<(String, &str), AddressError> {
    let mut content = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        let c = match c {
            '"' => return Ok((content, &text[at + 1..])),
            '\\' => chars.next().ok_or(AddressError("a quoted local part without end"))?.1,
            c => c,
        };
        if !matches!(c, ' '..='~') && !is_utf8_text(c) {
            return Err(AddressError("a control character"));
        }
        content.push(c);
    }
    Err(AddressError("a quoted local part without end"))
}

fn quote(local: &str) -> String {
    let mut text = String::from("\"");
    for c in local.chars() {
        if matches!(c, '"' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text.push('"');
    text
}

fn check_domain(domain: &str) -> Result<(), AddressError> {
    if domain.is_empty() || domain.len() > DOMAIN_BYTES_MAX {
        return Err(AddressError("a domain of no possible length"));
    }
    if let Some(literal) = domain.strip_prefix('[') {
        let inside = literal.strip_suffix(']').ok_or(AddressError("an address literal without end"))?;
        let fits = |c: char| matches!(c, '!'..='~') && !matches!(c, '[' | ']' | '\\' | '<' | '>');
        return if !inside.is_empty() && inside.chars().all(fits) {
            Ok(())
        } else {
            Err(AddressError("a bad literal"))
        };
    }
    let fits = |label: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_') || is_utf8_text(c);
        !label.is_empty() && label.chars().all(fits)
    };
    if domain.split('.').all(fits) { Ok(()) } else { Err(AddressError("a bad domain")) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spelled(text: &str) -> Option<String> {
        Address::parse(text).ok().map(|address| address.to_string())
    }

    #[test]
    fn an_address_has_one_spelling() {
        for (text, spelling) in [
            ("anna@ox.io", "anna@ox.io"),
            (r#""anna"@ox.io"#, "anna@ox.io"),
            (r#""an\na"@ox.io"#, "anna@ox.io"),
            (r#""a..b"@ox.io"#, "a..b@ox.io"),
            ("a..b.@ox.io", "a..b.@ox.io"),
            (r#""anna b"@ox.io"#, r#""anna b"@ox.io"#),
            (r#""a\"b"@ox.io"#, r#""a\"b"@ox.io"#),
            ("anna@[192.0.2.1]", "anna@[192.0.2.1]"),
            ("anna@[IPv6:2001:db8::1]", "anna@[IPv6:2001:db8::1]"),
            ("jürgen@bücher.example", "jürgen@bücher.example"),
        ] {
            assert_eq!(spelled(text).as_deref(), Some(spelling), "{text}");
        }
    }

    #[test]
    fn what_could_leave_its_line_is_no_address() {
        for text in [
            "",
            "anna",
            "@ox.io",
            "anna@",
            "anna@ox..io",
            "anna@ox.io ",
            " anna@ox.io",
            "anna b@ox.io",
            "anna@ox.io\r\nRCPT TO:<x@y>",
            "\"anna\r\n\"@ox.io",
            "\"anna\0\"@ox.io",
            "\"anna",
            "\"anna\\",
            "\"\"@ox.io",
            "an<na@ox.io",
            "anna@ox.io>",
            "anna@[",
            "anna@[]",
            "anna@[1>]",
            "anna@o\u{85}x.io",
            "a\u{2028}a@ox.io",
        ] {
            assert_eq!(spelled(text), None, "{text:?}");
        }
        assert!(spelled(&format!("{}@ox.io", "a".repeat(BYTES_MAX - 6))).is_some());
        assert!(spelled(&format!("{}@ox.io", "a".repeat(BYTES_MAX - 5))).is_none());
        assert!(spelled(&format!("a@{}", "a".repeat(DOMAIN_BYTES_MAX + 1))).is_none());
    }

    #[test]
    fn the_detail_is_cut_at_the_first_delimiter() {
        let base = |text: &str| Address::parse(text).unwrap().without_detail('+').map(|base| base.to_string());
        assert_eq!(base("anna+a+b@ox.io").as_deref(), Some("anna@ox.io"));
        assert_eq!(base("anna@ox.io"), None);
        assert_eq!(base("+anna@ox.io"), None);
        assert_eq!(base("\"an na+b\"@ox.io"), None);
    }

    proptest! {
        #[test]
        fn an_address_is_one_line_and_reads_back_as_itself(text in "[a-z\"\\\\ <>@.+ü\r\n\0\\[\\]]{0,24}@[a-z.ü\\[\\]-]{1,12}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert!(!address.as_str().contains(char::is_control));
                prop_assert_eq!(Address::parse(address.as_str()), Ok(address.clone()));
                prop_assert_eq!(format!("{}@{}", address.local(), address.domain()), address.to_string());
            }
        }
    }
}
