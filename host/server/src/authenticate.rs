//! The Authorization header: credentials as they were sent. RFC 7617 "The 'Basic' HTTP Authentication Scheme".

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use easel_commands::Charset;

/// Longest header value looked at, in bytes.
const HEADER_MAX: usize = 2048;

/// Some devices leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Login and password, as typed on the device. Its `Debug` shows neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Everything before the first colon: one of the forms of [`crate::Logins`].
    pub login: String,
    /// Everything after it.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// Reads the value of an Authorization header; `None` for another scheme or charset, and for what is no credentials.
    pub fn from_header(value: &[u8], charset: Charset) -> Option<Self> {
        let (scheme, encoded) = value.split_at_checked(6).filter(|_| value.len() <= HEADER_MAX)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return None;
        }
        let decoded = BASE64.decode(encoded.trim_ascii()).ok()?;
        let text = match charset {
            Charset::Auto => utf8_or_latin1(decoded),
            Charset::Latin1 => latin1(decoded),
            Charset::Utf8 => String::from_utf8(decoded).ok()?,
        };
        let (login, password) = text.split_once(':')?;
        let fits = !login.is_empty() && !password.is_empty() && !text.contains('\0');
        fits.then(|| Self { login: login.to_owned(), password: password.to_owned() })
    }
}

/// K: G26. What is no UTF-8 is ISO-8859-1, in which every byte is the character of its number.
fn utf8_or_latin1(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| latin1(error.into_bytes()))
}

fn latin1(bytes: Vec<u8>) -> String {
    bytes.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn basic(bytes: &[u8]) -> Option<Credentials> {
        Credentials::from_header(format!("Basic {}", BASE64.encode(bytes)).as_bytes(), Charset::Auto)
    }

    fn pair(login: &str, password: &str) -> Option<Credentials> {
        Some(Credentials { login: login.to_owned(), password: password.to_owned() })
    }

    #[test]
    fn g26_credentials_come_in_utf8_or_latin1() {
        assert_eq!(basic("jürgen:pässwörd".as_bytes()), pair("jürgen", "pässwörd"));
        assert_eq!(basic(b"j\xFCrgen:p\xE4ssw\xF6rd"), pair("jürgen", "pässwörd"));
    }

    #[test]
    fn the_password_begins_after_the_first_colon() {
        assert_eq!(basic(b"anna:a:b:c"), pair("anna", "a:b:c"));
        assert_eq!(basic(b" anna : x "), pair(" anna ", " x "));
    }

    #[test]
    fn the_scheme_has_any_case_and_padding_may_be_missing() {
        assert_eq!(Credentials::from_header(b"bAsIc YW5uYTp4eA", Charset::Auto), pair("anna", "xx"));
        assert_eq!(Credentials::from_header(b"Basic   YW5uYTp4eA==", Charset::Auto), pair("anna", "xx"));
    }

    #[test]
    fn what_is_no_basic_credentials_is_none() {
        for value in ["", "Basic", "Basic ", "Bearer abc", "Basic *", "Basic YW5uYQ==", "BasicYW5uYTp4eA=="] {
            assert_eq!(Credentials::from_header(value.as_bytes(), Charset::Auto), None, "{value}");
        }
        assert_eq!(basic(b"anna:"), None);
        assert_eq!(basic(b":secret"), None);
        assert_eq!(basic(b"an\0na:secret"), None);
        assert_eq!(basic(&[b'a'; HEADER_MAX]), None);
    }

    #[test]
    fn credentials_are_not_printed() {
        assert_eq!(format!("{:?}", pair("anna", "secret")), "Some(Credentials { .. })");
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(value: Vec<u8>) {
            let _ = Credentials::from_header(&value, Charset::Auto);
        }
    }
}
