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
    read(text.trim()).ok_or_else(|| DateTimeError(text.chars().take(LENGTH_MAX).collect()))
}

/// Longest text that is looked at: either form with nine digits of a second is shorter.
const LENGTH_MAX: usize = 40;

fn read(text: &str) -> Option<Timestamp> {
    if !text.is_ascii() || text.len() > LENGTH_MAX {
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
    use proptest::prelude::*;

    use super::*;

    /// Milliseconds of the years 1 to 9999.
    const MILLIS: std::ops::RangeInclusive<i64> = -62_135_596_800_000..=253_402_207_200_000;

    fn at_milli(milli: i64) -> Timestamp {
        Timestamp::from_millisecond(milli).unwrap()
    }

    proptest! {
        #[test]
        fn a_punctuated_date_is_read_back_to_the_millisecond(milli in MILLIS) {
            let text = punctuated(at_milli(milli));
            prop_assert_eq!(text.len(), 24);
            prop_assert_eq!(parse_date_time(&text), Ok(at_milli(milli)));
        }

        #[test]
        fn a_compact_date_is_read_back_to_the_second(milli in MILLIS) {
            let text = compact(at_milli(milli));
            prop_assert_eq!(text.len(), 16);
            prop_assert_eq!(parse_date_time(&text), Ok(at_milli(milli.div_euclid(1000) * 1000)));
        }

        #[test]
        fn whatever_is_read_as_a_date_is_that_date_in_both_forms(
            text in prop_oneof![any::<String>(), "[0-9]{8}(T[0-9]{6}Z?)?", "[0-9TZ:. -]{0,30}"],
        ) {
            if let Ok(at) = parse_date_time(&text) {
                prop_assert_eq!(parse_date_time(&punctuated(at)), Ok(at));
            }
        }
    }

    #[test]
    fn text_that_is_too_long_for_a_date_is_not_looked_at() {
        let zeros = |count: usize| format!("2000-12-25T08:35:00.{}Z", "0".repeat(count));
        assert!(parse_date_time(&zeros(LENGTH_MAX - 21)).is_ok());
        assert!(parse_date_time(&zeros(LENGTH_MAX - 20)).is_err());
        assert_eq!(parse_date_time(&"-".repeat(1 << 20)).unwrap_err().0.len(), LENGTH_MAX);
    }

    #[test]
    fn an_all_day_event_of_16_may_say_its_day_alone() {
        for text in ["20261018", "2026-10-18", "20261018T000000Z", "2026-10-18T00:00:00.000Z"] {
            assert_eq!(parse_date_time(text).map(compact).as_deref(), Ok("20261018T000000Z"), "{text}");
        }
    }

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
