//! Dates as mail writes them.

use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, civil};

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The date of an mbox separator: what `asctime` writes, with or without a zone before or behind the year. UTC where
/// it says nothing.
pub(super) fn separator_date(text: &str) -> Option<Timestamp> {
    let (mut month, mut day, mut time, mut year, mut offset) = (None, None, None, None, Offset::UTC);
    for word in text.split_ascii_whitespace().take(12) {
        if word.contains(':') {
            time = time.or(Some(clock(word)?));
        } else if let Some(zone) = zone(word) {
            offset = zone;
        } else if let Some(at) = MONTHS.iter().position(|name| word.eq_ignore_ascii_case(name)) {
            month = month.or(i8::try_from(at + 1).ok());
        } else if let Ok(number) = word.parse::<i16>() {
            match (day, word.len()) {
                (None, 1 | 2) => day = i8::try_from(number).ok(),
                (_, 4) => year = Some(number),
                _ => return None,
            }
        }
    }
    let date = civil::Date::new(year?, month?, day?).ok()?;
    let at = DateTime::from_parts(date, time?).to_zoned(TimeZone::fixed(offset)).ok()?;
    Some(at.timestamp())
}

fn clock(word: &str) -> Option<civil::Time> {
    let mut parts = word.split(':').map(str::parse::<i8>);
    let (hour, minute) = (parts.next()?.ok()?, parts.next()?.ok()?);
    let second = parts.next().unwrap_or(Ok(0)).ok()?.min(59);
    civil::Time::new(hour, minute, second, 0).ok()
}

/// `+0100`, `-05:30` is not used there.
fn zone(word: &str) -> Option<Offset> {
    let digits = word.strip_prefix(['+', '-']).filter(|digits| digits.len() == 4)?;
    let number: i32 = digits.parse().ok()?;
    let seconds = (number / 100 * 60 + number % 100) * 60;
    Offset::from_seconds(if word.starts_with('-') { -seconds } else { seconds }).ok()
}

/// The date for a separator.
pub(crate) fn asctime(at: Timestamp) -> String {
    at.strftime("%a %b %e %H:%M:%S %Y").to_string()
}

/// When a mail arrived, judged by its header: the date of the topmost Received, else Date.
pub(crate) fn mail_date(raw: &[u8]) -> Option<Timestamp> {
    /// Bytes of a header that are looked at.
    const HEADER_MAX: usize = 64 << 10;
    let header = String::from_utf8_lossy(&raw[..raw.len().min(HEADER_MAX)]);
    let mut received = None;
    let mut date = None;
    let mut field = String::new();
    for line in header.lines().chain([""]) {
        if line.starts_with([' ', '\t']) {
            field.push_str(line);
            continue;
        }
        let (name, value) = field.split_once(':').unwrap_or(("", ""));
        if name.eq_ignore_ascii_case("received") {
            received = received.or_else(|| value.rsplit_once(';').and_then(|(_, date)| parse(date)));
        } else if name.eq_ignore_ascii_case("date") {
            date = date.or_else(|| parse(value));
        }
        if line.is_empty() || received.is_some() {
            break;
        }
        field.clear();
        field.push_str(line);
    }
    received.or(date)
}

fn parse(text: &str) -> Option<Timestamp> {
    // Comments such as "(CET)" are no part of what the parser reads.
    let text = text.split('(').next().unwrap_or(text).trim();
    static PARSER: DateTimeParser = DateTimeParser::new().relaxed_weekday(true);
    PARSER.parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn separator(text: &str) -> Option<String> {
        separator_date(text).map(|at| at.to_string())
    }

    #[test]
    fn separators_of_several_programs_are_read() {
        let at = Some("2020-01-02T03:04:05Z".to_owned());
        assert_eq!(separator("Thu Jan  2 03:04:05 2020"), at);
        assert_eq!(separator("Thu Jan 2 03:04:05 GMT 2020"), at);
        assert_eq!(separator("Thu Jan 2 04:04:05 +0100 2020"), at);
        assert_eq!(separator("Thu Jan  2 01:34:05 2020 -0130"), at);
        assert_eq!(separator("Thu, 2 Jan 2020 03:04:05 +0000"), at);
    }

    #[test]
    fn a_sentence_is_no_separator() {
        for text in ["", "here to eternity", "Jan 2 2020", "Thu Jan 99 03:04:05 2020", "Thu Jan 2 25:04:05 2020"] {
            assert_eq!(separator(text), None, "{text}");
        }
    }

    #[test]
    fn the_date_of_a_separator_is_written_as_it_is_read() {
        let at: Timestamp = "2020-01-02T03:04:05Z".parse().unwrap();
        assert_eq!(asctime(at), "Thu Jan  2 03:04:05 2020");
        assert_eq!(separator_date(&asctime(at)), Some(at));
    }

    #[test]
    fn a_mail_arrived_when_its_topmost_received_says() {
        let raw = b"Received: from a by b\r\n\tfor <c>; Thu, 2 Jan 2020 03:04:05 +0100 (CET)\r\n\
                    Received: from x by a; Wed, 1 Jan 2020 03:04:05 +0000\r\nDate: Tue, 31 Dec 2019 00:00:00 +0000\r\n\r\n";
        assert_eq!(mail_date(raw).unwrap().to_string(), "2020-01-02T02:04:05Z");
        assert_eq!(mail_date(b"Date: 1 Jan 2020 00:00 GMT\n\nDate: x").unwrap().to_string(), "2020-01-01T00:00:00Z");
        assert_eq!(mail_date(b"Subject: x\n\nDate: Tue, 31 Dec 2019 00:00:00 +0000"), None);
    }
}
