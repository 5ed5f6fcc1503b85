//! The request line: which command, from which device, in which version. MS-ASHTTP 2.2.1.1.1 "Request Line".
//!
//! Two forms say the same: the plain query of all versions and the base64 query of 12.1 and later. A query with `Cmd=`
//! is plain. One device uses both (K: G24).

use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};

use crate::{Command, Version};

/// Longest query that is looked at, in bytes: every parameter at its longest, percent-encoded, is shorter.
const QUERY_MAX: usize = 8192;
/// Longest device id and device type kept, in characters; the published limit of the id is 32, real devices send more.
const DEVICE_ID_MAX: usize = 64;
/// Longest other value kept, in characters: the limit of a LongId, which no id of this server reaches.
const VALUE_MAX: usize = 256;

/// What the request line and the headers that belong to it say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLine {
    /// Which form it came in.
    pub form: QueryForm,
    /// What is asked.
    pub command: Command,
    /// The version of this request; `None` when a plain query has no version header.
    pub version: Option<Version>,
    /// The device's id, as sent; at most 64 printable characters. State hangs at its [`crate::normal_device_id`].
    pub device_id: String,
    /// The device's type; empty when the device sends none.
    pub device_type: String,
    /// The user named in the query, if any. The credentials decide who the user is.
    pub user: Option<String>,
    /// The policy key; `None` when none was sent, `Some(0)` for the unprovisioned key and for one that no server of this
    /// protocol gives, so that the device provisions itself anew.
    pub policy_key: Option<u32>,
    /// The Windows LCID of a base64 query.
    pub locale: Option<u16>,
    /// Whether ItemOperations may answer as multipart.
    pub accept_multipart: bool,
    /// Whether a copy goes to Sent Items (2.5-12.1, SendMail and its kin).
    pub save_in_sent: bool,
    /// AttachmentName, for GetAttachment.
    pub attachment_name: Option<String>,
    /// CollectionId, for SmartReply and SmartForward up to 12.1.
    pub collection_id: Option<String>,
    /// ItemId, likewise.
    pub item_id: Option<String>,
    /// LongId, likewise.
    pub long_id: Option<String>,
    /// Occurrence, likewise.
    pub occurrence: Option<String>,
}

/// How the query was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryForm {
    /// `Cmd=...&User=...`
    Plain,
    /// MS-ASHTTP 2.2.1.1.1.1 "Base64-Encoded Query Value".
    Base64,
}

/// The headers that complete a plain query; a base64 query carries these values itself.
#[derive(Clone, Copy, Debug, Default)]
struct Headers<'a> {
    version: Option<&'a str>,
    policy_key: Option<&'a str>,
    accept_multipart: Option<&'a str>,
}

/// Why a request line makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestLineError {
    /// Neither form, or too long for either.
    #[error("the query is neither Cmd=... nor base64, or over 8192 bytes")]
    Form,
    /// A command nobody knows.
    #[error("command {0:?}")]
    Command(String),
    /// The base64 form ends inside a field.
    #[error("the base64 query ends inside {0}")]
    Cut(&'static str),
    /// No device id, or one with characters that none has.
    #[error("device id {0:?}")]
    DeviceId(String),
    /// A policy key of a base64 query that is neither empty nor four bytes.
    #[error("policy key {0:?}")]
    PolicyKey(String),
    /// A version this server does not speak.
    #[error(transparent)]
    Version(#[from] crate::VersionError),
}

impl Headers<'_> {
    fn policy_key(self) -> Option<u32> {
        let text = self.policy_key.map(str::trim).filter(|text| !text.is_empty())?;
        Some(text.parse().unwrap_or(0))
    }

    fn accept_multipart(self) -> bool {
        self.accept_multipart.is_some_and(|text| text.trim().eq_ignore_ascii_case("T"))
    }
}

impl RequestLine {
    /// Reads the query of a POST (what follows `?`, undecoded) with the headers MS-ASProtocolVersion, X-MS-PolicyKey
    /// and MS-ASAcceptMultiPart. Values in a base64 query go before the headers.
    ///
    /// Names are matched without regard to case and the first value that is not empty counts.
    pub fn parse(
        query: &str,
        version: Option<&str>,
        policy_key: Option<&str>,
        accept_multipart: Option<&str>,
    ) -> Result<Self, RequestLineError> {
        let headers = Headers { version, policy_key, accept_multipart };
        if query.is_empty() || query.len() > QUERY_MAX {
            return Err(RequestLineError::Form);
        }
        if query.split('&').any(|pair| pair.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("cmd="))) {
            plain(query, headers)
        } else {
            base64(query, headers)
        }
    }

    /// The device that a query names though it may be no request line otherwise: its command or version unknown, its
    /// end cut off. `None` when it names none.
    pub fn device_of(query: &str) -> Option<String> {
        if query.len() > QUERY_MAX {
            return None;
        }
        let plain = query.split('&').filter_map(|pair| pair.split_once('=')).find_map(|(name, value)| {
            name.eq_ignore_ascii_case("DeviceId").then(|| percent_decode(value, true)).filter(|value| !value.is_empty())
        });
        if let Some(id) = plain {
            return device_id(id).ok();
        }
        let bytes = decoded(query).ok()?;
        // The version, the command and the locale go before it.
        let mut fields = Fields { rest: bytes.get(4..)? };
        device_id(binary_or_text(fields.value("the device id").ok()?)).ok()
    }
}

fn plain(query: &str, headers: Headers<'_>) -> Result<RequestLine, RequestLineError> {
    let value = |wanted: &str| {
        query.split('&').filter_map(|pair| pair.split_once('=')).find_map(|(name, value)| {
            name.eq_ignore_ascii_case(wanted).then(|| percent_decode(value, true)).filter(|value| !value.is_empty())
        })
    };
    let parameter = |wanted: &str| value(wanted).map(|value| printable(&value, VALUE_MAX));
    let name = value("Cmd").unwrap_or_default();
    let command = Command::parse(&name).ok_or_else(|| RequestLineError::Command(name.chars().take(40).collect()))?;
    let version = headers.version.filter(|text| !text.trim().is_empty()).map(Version::parse).transpose()?;
    Ok(RequestLine {
        form: QueryForm::Plain,
        command,
        version,
        device_id: device_id(value("DeviceId").unwrap_or_default())?,
        device_type: printable(&value("DeviceType").unwrap_or_default(), DEVICE_ID_MAX),
        user: parameter("User"),
        policy_key: headers.policy_key(),
        locale: None,
        accept_multipart: headers.accept_multipart(),
        save_in_sent: value("SaveInSent").is_some_and(|text| text.eq_ignore_ascii_case("T")),
        attachment_name: parameter("AttachmentName"),
        collection_id: parameter("CollectionId"),
        item_id: parameter("ItemId"),
        long_id: parameter("LongId"),
        occurrence: parameter("Occurrence"),
    })
}

/// Padding may be missing, and only `%xx` is decoded: `+` is a digit here, also where something on the way took it for a
/// space, and so are the two digits of the URL-safe alphabet.
fn decoded(query: &str) -> Result<Vec<u8>, RequestLineError> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
    let digits = percent_decode(query, false).replace([' ', '-'], "+").replace('_', "/");
    engine.decode(digits).map_err(|_| RequestLineError::Form)
}

fn base64(query: &str, headers: Headers<'_>) -> Result<RequestLine, RequestLineError> {
    let bytes = decoded(query)?;
    let mut fields = Fields { rest: &bytes };
    let version = Version::from_byte(fields.byte("the version")?)?;
    let code = fields.byte("the command")?;
    let command = Command::from_code(code).ok_or_else(|| RequestLineError::Command(code.to_string()))?;
    let locale = u16::from_le_bytes([fields.byte("the locale")?, fields.byte("the locale")?]);
    let id = fields.value("the device id")?;
    let policy_key = match fields.value("the policy key")? {
        [] => headers.policy_key(),
        [a, b, c, d] => Some(u32::from_le_bytes([*a, *b, *c, *d])),
        other => return Err(RequestLineError::PolicyKey(format!("{} bytes", other.len()))),
    };
    let device_type = printable(&String::from_utf8_lossy(fields.value("the device type")?), DEVICE_ID_MAX);
    let mut line = RequestLine {
        form: QueryForm::Base64,
        command,
        version: Some(version),
        device_id: device_id(binary_or_text(id))?,
        device_type,
        user: None,
        policy_key,
        locale: Some(locale),
        accept_multipart: headers.accept_multipart(),
        save_in_sent: false,
        attachment_name: None,
        collection_id: None,
        item_id: None,
        long_id: None,
        occurrence: None,
    };
    while !fields.rest.is_empty() {
        let tag = fields.byte("a parameter")?;
        let value = fields.value("a parameter")?;
        let text = || Some(printable(&String::from_utf8_lossy(value), VALUE_MAX)).filter(|text| !text.is_empty());
        match tag {
            0 => line.attachment_name = text(),
            1 => line.collection_id = text(),
            3 => line.item_id = text(),
            4 => line.long_id = text(),
            6 => line.occurrence = text(),
            7 => {
                let flags = value.first().copied().unwrap_or(0);
                line.save_in_sent = flags & 0x01 != 0;
                line.accept_multipart |= flags & 0x02 != 0;
            }
            8 => line.user = text(),
            // CollectionName and ParentId of early versions, and what nobody knows.
            _ => {}
        }
    }
    Ok(line)
}

/// A device id that is no printable text is a GUID: its hexadecimal form.
fn binary_or_text(id: &[u8]) -> String {
    if id.iter().all(u8::is_ascii_graphic) {
        return String::from_utf8_lossy(id).into_owned();
    }
    id.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn device_id(id: String) -> Result<String, RequestLineError> {
    let fits = !id.is_empty() && id.chars().count() <= DEVICE_ID_MAX && !id.chars().any(|c| c.is_control() || c == ',');
    if fits { Ok(id) } else { Err(RequestLineError::DeviceId(id.chars().take(DEVICE_ID_MAX).collect())) }
}

/// The text without control characters, cut at `chars_max`.
fn printable(text: &str, chars_max: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(chars_max).collect()
}

/// Decodes `%xx` leniently: a stray `%` stays as it is, and bytes that are not UTF-8 become U+FFFD (K: T02).
fn percent_decode(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high << 4 | low).expect("two hexadecimal digits are a byte"));
                at += 2;
            }
            (b'+', _, _) if plus_is_space => out.push(b' '),
            (byte, _, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn byte(&mut self, name: &'static str) -> Result<u8, RequestLineError> {
        let (byte, rest) = self.rest.split_first().ok_or(RequestLineError::Cut(name))?;
        self.rest = rest;
        Ok(*byte)
    }

    /// A length byte and as many bytes.
    fn value(&mut self, name: &'static str) -> Result<&'a [u8], RequestLineError> {
        let length = usize::from(self.byte(name)?);
        let (value, rest) = self.rest.split_at_checked(length).ok_or(RequestLineError::Cut(name))?;
        self.rest = rest;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_found_in_a_query_that_is_no_request_line() {
        for (query, id) in [
            ("Cmd=Bogus&User=anna&DeviceId=ABC&DeviceType=x", Some("ABC")),
            ("User=anna&deviceid=ABC", Some("ABC")),
            ("DeviceId=&DeviceId=A%20B", Some("A B")),
            ("Cmd=Sync&DeviceId=", None),
            ("Cmd=Sync", None),
            ("", None),
            ("*", None),
            // Version 99.9, command 255, then an id of three letters, and no more.
            ("5/8JBANBQkM=", Some("ABC")),
            // The id is cut.
            ("5/8JBANBQg==", None),
        ] {
            assert_eq!(RequestLine::device_of(query).as_deref(), id, "{query}");
        }
        let long = format!("DeviceId={}", "x".repeat(65));
        assert_eq!(RequestLine::device_of(&long), None);
        assert_eq!(RequestLine::device_of(&format!("DeviceId=ABC&x={}", "x".repeat(QUERY_MAX))), None);
    }
}
