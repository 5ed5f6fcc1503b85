//! Header fields. RFC 5322 2.2 "Header Fields", RFC 2047.

use std::borrow::Cow;

use mail_parser::HeaderValue;
use mail_parser::parsers::MessageStream;

use super::decode::guess;

/// Fields of one header that are looked at.
pub(crate) const FIELDS_MAX: usize = 2_000;
/// Bytes of one field that are looked at. Two hundred recipients need about 10 KB.
const FIELD_BYTES_MAX: usize = 96 * 1024;
/// Beyond so many encoded words a field of that length is read without decoding them, in a longer one after fewer: each
/// costs a search.
const ENCODED_WORDS_MAX: usize = 4_000;

/// One field: `Name: value`, folded lines included.
#[derive(Clone, Debug)]
pub(crate) struct Field<'a> {
    /// As written, without white space around it.
    pub(crate) name: &'a str,
    /// Everything behind the colon.
    pub(crate) value: &'a [u8],
}

impl Field<'_> {
    /// Whether it has that name, without regard to case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// The fields of a header, in order. Lines that belong to none are left out.
pub(crate) fn fields(header: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at;
            if start >= header.len() {
                return None;
            }
            at = field_end(header, start);
            let line = &header[start..at];
            let Some(colon) = name_end(line) else { continue };
            let Ok(name) = std::str::from_utf8(&line[..colon]) else { continue };
            return Some(Field { name: name.trim_end(), value: &line[colon + 1..] });
        }
    })
    .take(FIELDS_MAX)
}

/// Behind the field that begins at `at`, folded lines included.
pub(crate) fn field_end(header: &[u8], at: usize) -> usize {
    let mut end = line_end(header, at);
    while matches!(header.get(end), Some(b' ' | b'\t')) {
        end = line_end(header, end);
    }
    end
}

/// Where the colon of a header line stands; `None` if the line is none.
pub(crate) fn name_end(line: &[u8]) -> Option<usize> {
    let colon = line.iter().take(1_000).position(|byte| *byte == b':')?;
    let name = line[..colon].trim_ascii_end();
    (!name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic())).then_some(colon)
}

/// Behind the line that begins at `at`.
pub(crate) fn line_end(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |offset| at + offset + 1)
}

/// A value as the parser wants it: UTF-8, of bearable length, ended by a line end.
fn prepared(value: &[u8]) -> Cow<'_, [u8]> {
    prepared_whole(&value[..value.len().min(FIELD_BYTES_MAX)])
}

fn prepared_whole(cut: &[u8]) -> Cow<'_, [u8]> {
    let words_max = ENCODED_WORDS_MAX * FIELD_BYTES_MAX / cut.len().max(FIELD_BYTES_MAX);
    let words = memchr::memmem::find_iter(cut, b"=?").take(words_max + 1).count();
    if (1..=words_max).contains(&words)
        && let Some(rewritten) = super::seven_bit::header(cut)
    {
        let mut text = guess(&rewritten);
        text.push('\n');
        return Cow::Owned(text.into_bytes());
    }
    if cut.ends_with(b"\n") && words <= words_max && std::str::from_utf8(cut).is_ok() {
        return Cow::Borrowed(cut);
    }
    let mut text = guess(cut);
    if words > words_max {
        text = text.replace("=?", "= ?");
    }
    text.push('\n');
    Cow::Owned(text.into_bytes())
}

/// An unstructured value, decoded, on one line.
pub(crate) fn text(value: &[u8]) -> String {
    let value = prepared(value);
    let HeaderValue::Text(text) = MessageStream::new(&value).parse_unstructured() else { return String::new() };
    crate::body::one_line(&text)
}

/// Message ids, without angle brackets.
pub(super) fn ids(value: &[u8]) -> Vec<String> {
    let value = prepared(value);
    let parsed = MessageStream::new(&value).parse_id();
    if let HeaderValue::Text(id) = parsed {
        return vec![id.into_owned()];
    }
    let HeaderValue::TextList(ids) = parsed else { return Vec::new() };
    ids.into_iter().map(Cow::into_owned).collect()
}

/// A date, in milliseconds since 1970; `None` if it is none, or one before 1970.
pub(super) fn date(value: &[u8]) -> Option<i64> {
    let value = prepared(value);
    let HeaderValue::DateTime(date) = MessageStream::new(&value).parse_date() else { return None };
    let seconds = Some(date).filter(mail_parser::DateTime::is_valid)?.to_timestamp();
    (1..253_402_300_800).contains(&seconds).then(|| seconds * 1000)
}

/// Name and address of each mailbox, as far as the field is looked at.
pub(super) fn mailboxes(value: &[u8]) -> Vec<(Option<String>, Option<String>)> {
    all_mailboxes(&value[..value.len().min(FIELD_BYTES_MAX)])
}

/// Name and address of each mailbox, however long the field is.
pub(super) fn all_mailboxes(value: &[u8]) -> Vec<(Option<String>, Option<String>)> {
    let value = prepared_whole(value);
    let HeaderValue::Address(list) = MessageStream::new(&value).parse_address() else { return Vec::new() };
    let owned = |text: &Option<Cow<'_, str>>| text.as_ref().map(|text| text.clone().into_owned());
    list.iter().map(|one| (owned(&one.name), owned(&one.address))).collect()
}

/// `type/subtype; name=value`: the type in lower case, the subtype in lower case, the parameters.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameterised {
    pub(super) kind: String,
    pub(super) subtype: String,
    pub(super) parameters: Vec<(String, String)>,
}

impl Parameterised {
    /// A parameter that is not empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(own, value)| own.eq_ignore_ascii_case(name) && !value.is_empty());
        found.map(|(_, value)| value.as_str())
    }
}

/// Content-Type or Content-Disposition. RFC 2045 5.1, RFC 2183, RFC 2231.
pub(super) fn parameterised(value: &[u8]) -> Parameterised {
    let value = prepared(value);
    let HeaderValue::ContentType(parsed) = MessageStream::new(&value).parse_content_type() else {
        return Parameterised::default();
    };
    Parameterised {
        kind: parsed.c_type.to_ascii_lowercase(),
        subtype: parsed.c_subtype.as_deref().unwrap_or("").to_ascii_lowercase(),
        parameters: parsed
            .attributes
            .unwrap_or_default()
            .into_iter()
            .map(|attribute| (attribute.name.to_ascii_lowercase(), attribute.value.into_owned()))
            .collect(),
    }
}
