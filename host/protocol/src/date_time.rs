//! Dates on the wire. MS-ASDTYPE 2.3 "dateTime" and 2.7.2 "Compact DateTime".
//!
//! Which of the two forms an element is written in is the element's own rule; both are read everywhere.

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

/// Text that is no date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a date")]
pub struct DateTimeError(pub String);

/// `2000-12-25T08:35:00.000Z`.
pub fn punctuated(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC).datetime();
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

/// `20001225T083500Z`.
pub fn compact(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC).datetime();
    format!("{:04}{:02}{:02}T{:02}{:02}{:02}Z", at.year(), at.month(), at.day(), at.hour(), at.minute(), at.second())
}

/// Reads either form, with or without milliseconds, and a date without a time (midnight). All are UTC.
pub fn parse_date_time(text: &str) -> Result<Timestamp, DateTimeError> {
    read(text.trim()).ok_or_else(|| DateTimeError(text.chars().take(40).collect()))
}

fn read(text: &str) -> Option<Timestamp> {
    if !text.is_ascii() {
        return None;
    }
    let (date, time) = text.split_once(['T', 't']).unwrap_or((text, ""));
    let time = time.strip_suffix(['Z', 'z']).unwrap_or(time);
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let date = digits(date, '-', &[4, 2, 2])?;
    let time = if time.is_empty() { vec![0, 0, 0] } else { digits(time, ':', &[2, 2, 2])? };
    if fraction.bytes().any(|byte| !byte.is_ascii_digit()) {
        return None;
    }
    let millis: i32 = format!("{fraction:0<3}")[..3].parse().ok()?;
    let small = |number: i32| i8::try_from(number).ok();
    let date = civil::Date::new(i16::try_from(date[0]).ok()?, small(date[1])?, small(date[2])?).ok()?;
    let time = civil::Time::new(small(time[0])?, small(time[1])?, small(time[2])?, millis * 1_000_000).ok()?;
    date.to_datetime(time).to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}

/// The numbers of `text`, which has `widths` digits each, with the separator between all of them or between none.
fn digits(text: &str, separator: char, widths: &[usize]) -> Option<Vec<i32>> {
    let plain: String = if text.contains(separator) {
        let pieces: Vec<&str> = text.split(separator).collect();
        let fits =
            pieces.len() == widths.len() && pieces.iter().zip(widths).all(|(piece, width)| piece.len() == *width);
        fits.then(|| pieces.concat())?
    } else {
        text.to_owned()
    };
    if plain.len() != widths.iter().sum::<usize>() || plain.bytes().any(|byte| !byte.is_ascii_digit()) {
        return None;
    }
    let mut at = 0;
    let numbers = widths.iter().map(|width| {
        at += width;
        plain[at - width..at].parse().ok()
    });
    numbers.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_written_and_read() {
        let at: Timestamp = "2000-12-25T08:35:00Z".parse().unwrap();
        assert_eq!(punctuated(at), "2000-12-25T08:35:00.000Z");
        assert_eq!(compact(at), "20001225T083500Z");
        for text in [
            "2000-12-25T08:35:00.000Z",
            "2000-12-25T08:35:00Z",
            "20001225T083500Z",
            "2000-12-25T08:35:00",
            " 20001225T083500Z ",
        ] {
            assert_eq!(parse_date_time(text), Ok(at), "{text}");
        }
        assert_eq!(parse_date_time("20001225").map(compact).as_deref(), Ok("20001225T000000Z"));
        assert_eq!(
            parse_date_time("2000-12-25T08:35:00.5Z").map(punctuated).as_deref(),
            Ok("2000-12-25T08:35:00.500Z")
        );
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in
            ["", "0", "2000-13-01T00:00:00Z", "20001231T240000Z", "2000-1-1", "2000-12-25T08:35:00.x", "２０００"]
        {
            assert!(parse_date_time(text).is_err(), "{text}");
        }
    }
}
