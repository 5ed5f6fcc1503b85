//! Birthdays and anniversaries: days without a time.
//!
//! MS-ASCNTC 2.2.2.4 "Birthday" is a dateTime of which only the day counts. Going out it is midnight UTC, or another
//! hour of the day for devices that would else show the day before or after. Coming in,
//! phones send a bare date, midnight of their own zone, or some hour of the day in UTC; one reading serves them all.

use easel_protocol::{parse_date_time, punctuated};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::lines::Line;
use crate::manner::Birthday;

/// The day of a BDAY or ANNIVERSARY line as the element writes it; `None` for one without a year and for free text.
pub(crate) fn element_text(line: &Line, birthday: Birthday, zone: &TimeZone) -> Option<String> {
    if line.has_param("VALUE", "text") || line.param("X-APPLE-OMIT-YEAR").is_some() {
        return None;
    }
    let date = day(line.value.trim())?;
    let at_hour = |hour| date.at(hour, 0, 0, 0).to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    let at = match birthday {
        Birthday::DateOnly => return Some(date.to_string()),
        Birthday::Utc00 => at_hour(0),
        Birthday::Utc08 => at_hour(8),
        Birthday::Utc11 => at_hour(11),
        Birthday::Utc12 => at_hour(12),
        Birthday::UserZone00 => date.to_zoned(zone.clone()).ok().map(|at| at.timestamp()),
        Birthday::AsIs => line.value.trim().parse::<Timestamp>().ok().or_else(|| at_hour(0)),
    };
    at.map(punctuated)
}

/// The leading date of `1980-03-01`, `19800301` or either with a time. The date is meant, whatever the time.
fn day(text: &str) -> Option<Date> {
    let date = text.split(['T', 't', ' ']).next()?;
    let digits: String = date.chars().filter(|c| *c != '-').collect();
    let shaped = match date.len() {
        8 => !date.contains('-'),
        10 => date.as_bytes()[4] == b'-' && date.as_bytes()[7] == b'-',
        _ => false,
    };
    if !shaped || digits.len() != 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let year = digits[..4].parse().ok().filter(|year| *year > 0)?;
    Date::new(year, digits[4..6].parse().ok()?, digits[6..].parse().ok()?).ok()
}

/// The day a device means, as the element writes it: a bare date; the local date of midnight in the owner's zone; else
/// the UTC date twelve hours later, so that hours of the day and the eve's last hours both find their day.
pub(crate) fn canonical(text: &str, zone: &TimeZone) -> Option<String> {
    let at = parse_date_time(text).ok()?;
    let date = if text.contains(['T', 't']) { day_of(at, zone)? } else { at.to_zoned(TimeZone::UTC).date() };
    date.to_zoned(TimeZone::UTC).ok().map(|at| punctuated(at.timestamp()))
}

fn day_of(at: Timestamp, zone: &TimeZone) -> Option<Date> {
    let local = at.to_zoned(zone.clone());
    if local.time() == jiff::civil::Time::midnight() {
        return Some(local.date());
    }
    let later = at.checked_add(SignedDuration::from_mins(11 * 60 + 59)).ok()?;
    Some(later.to_zoned(TimeZone::UTC).date())
}

/// Writes the day into a line: RFC 6350 4.3.1 has `19800301`, RFC 2426 3.1.5 `1980-03-01`.
pub(crate) fn set(line: &mut Line, canonical: &str, form: super::card::Form) {
    let date = canonical.get(..10).unwrap_or(canonical);
    line.set_param("VALUE", None);
    line.set_param("X-APPLE-OMIT-YEAR", None);
    line.set_value(match form {
        super::card::Form::V3 => date.to_owned(),
        super::card::Form::V4 => date.replace('-', ""),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin(text: &str) -> Option<String> {
        canonical(text, &TimeZone::get("Europe/Berlin").unwrap()).map(|text| text[..10].to_owned())
    }

    #[test]
    fn every_form_of_a_birthday_finds_its_day() {
        for text in [
            "1980-02-29T23:00:00Z",
            "1980-03-01",
            "19800301",
            "1980-03-01T00:00:00.000Z",
            "1980-03-01T08:00:00Z",
            "1980-03-01T11:00:00.000Z",
            "1980-03-01T12:00:00Z",
            "19800301T110000Z",
        ] {
            assert_eq!(berlin(text).as_deref(), Some("1980-03-01"), "{text}");
        }
        assert_eq!(berlin("1980-07-01T01:00:00Z").as_deref(), Some("1980-07-01"));
        assert_eq!(berlin("1980-06-30T22:00:00Z").as_deref(), Some("1980-07-01"));
        let auckland = TimeZone::get("Pacific/Auckland").unwrap();
        assert_eq!(canonical("1980-02-29T11:00:00Z", &auckland).unwrap(), "1980-03-01T00:00:00.000Z");
    }

    #[test]
    fn g51_text_that_is_no_date_is_nothing() {
        for text in ["", "tomorrow", "1980-13-01", "--0301", "99999999T999999Z", "9999-12-31T23:59:59Z"] {
            assert!(berlin(text).is_none_or(|day| day.len() == 10), "{text}");
        }
        assert_eq!(berlin("--0301"), None);
        assert_eq!(berlin("1980-13-01"), None);
    }

    #[test]
    fn only_a_whole_date_goes_out() {
        let own = |line: &Line| element_text(line, Birthday::default(), &TimeZone::UTC);
        let out = |value: &str| own(&Line::new("BDAY", value));
        for value in ["1980-03-01", "19800301", "1980-03-01T00:00:00Z", "1980-03-01T23:00:00+01:00", "19800301T1200"] {
            assert_eq!(out(value).as_deref(), Some("1980-03-01T00:00:00.000Z"), "{value}");
        }
        for value in ["--0301", "--03-01", "1980-03", "1980", "circa 1980", "0000-01-01", "1980-02-30", "", "198003011"]
        {
            assert_eq!(out(value), None, "{value}");
        }
        assert_eq!(own(&Line::new("BDAY", "1604-03-01").with("X-APPLE-OMIT-YEAR", "1604")), None);
        assert_eq!(own(&Line::new("BDAY", "1980-03-01").with("VALUE", "text")), None);
    }

    #[test]
    fn whatever_the_hour_a_birthday_that_comes_back_as_it_went_is_the_same_day() {
        for zone in ["Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland", "UTC"] {
            let zone = TimeZone::get(zone).unwrap();
            let line = Line::new("BDAY", "1980-03-01");
            for (birthday, hour) in [(Birthday::Utc00, 0), (Birthday::Utc08, 8), (Birthday::Utc11, 11)] {
                let told = element_text(&line, birthday, &zone).unwrap();
                assert_eq!(told, format!("1980-03-01T{hour:02}:00:00.000Z"));
            }
            for birthday in [Birthday::Utc00, Birthday::Utc08, Birthday::UserZone00, Birthday::DateOnly] {
                let told = element_text(&line, birthday, &zone).unwrap();
                assert_eq!(canonical(&told, &zone).unwrap(), "1980-03-01T00:00:00.000Z", "{birthday:?} {told}");
            }
        }
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let told = |value, birthday| element_text(&Line::new("BDAY", value), birthday, &berlin).unwrap();
        assert_eq!(told("1980-03-01", Birthday::UserZone00), "1980-02-29T23:00:00.000Z");
        assert_eq!(told("1980-03-01", Birthday::DateOnly), "1980-03-01");
        assert_eq!(told("1980-03-01", Birthday::Utc12), "1980-03-01T12:00:00.000Z");
        assert_eq!(told("1980-03-01T23:30:00+01:00", Birthday::AsIs), "1980-03-01T22:30:00.000Z");
        assert_eq!(told("1980-03-01", Birthday::AsIs), "1980-03-01T00:00:00.000Z");
    }
}
