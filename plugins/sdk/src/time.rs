//! Dates as items carry them, and the time zone of an event.

/// A date and time of an item, to the second. It is written the way it was read.
///
/// MS-ASDTYPE 2.3 "dateTime" and 2.7.2 "Compact DateTime".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime {
    /// Seconds since 1970, UTC.
    pub secs: i64,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Compact,
    Dashed,
}

const DAY: i64 = 86_400;

impl DateTime {
    /// Reads `20261125T080000Z` or `2026-11-25T08:00:00.000Z`.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (form, places) = match bytes.len() {
            16 if bytes[8] == b'T' && bytes[15] == b'Z' => (Form::Compact, [0, 4, 6, 9, 11, 13]),
            20 | 24 if bytes[10] == b'T' && bytes[bytes.len() - 1] == b'Z' => (Form::Dashed, [0, 5, 8, 11, 14, 17]),
            _ => return None,
        };
        let number = |at: usize, digits: usize| -> Option<i64> {
            let part = text.get(at..at + digits)?;
            part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?
        };
        let [year, month, day, hour, minute, second] = places;
        let (month, day) = (number(month, 2)?, number(day, 2)?);
        let (hour, minute, second) = (number(hour, 2)?, number(minute, 2)?, number(second, 2)?);
        let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
        let days = days_of(number(year, 4)?, month, day);
        fits.then_some(Self { secs: days * DAY + hour * 3600 + minute * 60 + second, form })
    }

    /// So many seconds later, in the same form.
    pub fn plus(self, secs: i64) -> Self {
        Self { secs: self.secs + secs, ..self }
    }

    /// Seconds since midnight, UTC.
    pub fn time_of_day(self) -> i64 {
        self.secs.rem_euclid(DAY)
    }

    /// Midnight of its day, UTC.
    pub fn midnight(self) -> Self {
        self.plus(-self.time_of_day())
    }
}

impl std::fmt::Display for DateTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = date_of(self.secs.div_euclid(DAY));
        let time = self.time_of_day();
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
        match self.form {
            Form::Compact => write!(f, "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z"),
            Form::Dashed => write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z"),
        }
    }
}

/// A time zone as an event carries it: two offsets, and the rules for when one takes over from the other.
///
/// MS-ASDTYPE 2.7.6 "TimeZone".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    standard_secs: i64,
    daylight_secs: i64,
    standard_from: Change,
    daylight_from: Change,
}

/// SYSTEMTIME as a rule: the `week`th `weekday` of `month`, 5 being the last; month 0 is never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    month: i64,
    weekday: i64,
    week: i64,
    time_secs: i64,
}

impl Zone {
    /// Reads the base64 text of a TimeZone element.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = base64(text)?;
        if bytes.len() != 172 {
            return None;
        }
        let bias = |at: usize| i64::from(i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]));
        let change = |at: usize| {
            let word = |place: usize| i64::from(u16::from_le_bytes([bytes[at + 2 * place], bytes[at + 2 * place + 1]]));
            Change {
                month: word(1),
                weekday: word(2),
                week: word(3),
                time_secs: word(4) * 3600 + word(5) * 60 + word(6),
            }
        };
        Some(Self {
            standard_secs: -60 * (bias(0) + bias(84)),
            daylight_secs: -60 * (bias(0) + bias(168)),
            standard_from: change(68),
            daylight_from: change(152),
        })
    }

    /// Seconds to add to an instant to read a clock there.
    pub fn offset_at(&self, instant_secs: i64) -> i64 {
        let (Some(daylight), Some(standard)) = (self.start(instant_secs, true), self.start(instant_secs, false)) else {
            return self.standard_secs;
        };
        // South of the equator daylight time goes over the end of the year.
        let daylight_now = if daylight < standard {
            (daylight..standard).contains(&instant_secs)
        } else {
            !(standard..daylight).contains(&instant_secs)
        };
        if daylight_now { self.daylight_secs } else { self.standard_secs }
    }

    /// The instant at which a clock there shows `local_secs`, counted like the seconds of an instant.
    pub fn instant_of(&self, local_secs: i64) -> i64 {
        let guess = local_secs - self.standard_secs;
        local_secs - self.offset_at(local_secs - self.offset_at(guess))
    }

    /// When the one or the other begins in the year of an instant.
    fn start(&self, instant_secs: i64, daylight: bool) -> Option<i64> {
        let (change, before) =
            if daylight { (self.daylight_from, self.standard_secs) } else { (self.standard_from, self.daylight_secs) };
        if !(1..=12).contains(&change.month) || change.weekday > 6 {
            return None;
        }
        let (year, _, _) = date_of((instant_secs + self.standard_secs).div_euclid(DAY));
        let first = days_of(year, change.month, 1);
        // 1 January 1970 was a Thursday, the fourth day after Sunday.
        let weekday = (first + 4).rem_euclid(7);
        let mut day = first + (change.weekday - weekday).rem_euclid(7) + 7 * (change.week.clamp(1, 5) - 1);
        while date_of(day).1 != change.month {
            day -= 7;
        }
        Some(day * DAY + change.time_secs - before)
    }
}

/// Days since 1970 of a date in the Gregorian calendar.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    // The year begins in March, so that the day that is not always there is its last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date so many days after 1970 began.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The bytes of a base64 text, none if it is not one.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xFF) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime {
        DateTime::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn a_date_is_written_as_it_was_read() {
        for text in ["20261125T080000Z", "2026-11-25T08:00:00.000Z", "19700101T000000Z", "20240229T235959Z"] {
            assert_eq!(at(text).to_string(), text);
        }
        assert_eq!(at("19700102T000001Z").secs, 86_401);
        assert_eq!(at("2026-11-25T08:00:00Z").to_string(), "2026-11-25T08:00:00.000Z");
        assert_eq!(at("20240228T080000Z").plus(DAY).to_string(), "20240229T080000Z");
        assert_eq!(at("20261231T080000Z").midnight().plus(DAY).to_string(), "20270101T000000Z");
    }

    #[test]
    fn every_day_of_four_centuries_is_found_again() {
        let mut day = days_of(1800, 1, 1);
        let mut before = date_of(day);
        while before.0 < 2201 {
            let date = date_of(day);
            assert_eq!(days_of(date.0, date.1, date.2), day);
            assert!(date >= before);
            before = date;
            day += 1;
        }
    }

    #[test]
    fn what_is_not_a_date_is_not_read() {
        for text in [
            "",
            "20261125",
            "2026-11-25",
            "20261325T080000Z",
            "20261125T250000Z",
            "2026112ÄT08000Z",
            "+0261125T080000Z",
        ] {
            assert_eq!(DateTime::parse(text), None, "{text}");
        }
    }

    /// A blob as clients write it, from bias, daylight bias and the two rules (month, weekday, week, hour).
    fn blob(bias: i32, daylight_bias: i32, standard: [u16; 4], daylight: [u16; 4]) -> String {
        let mut bytes = [0_u8; 172];
        bytes[..4].copy_from_slice(&bias.to_le_bytes());
        bytes[168..].copy_from_slice(&daylight_bias.to_le_bytes());
        for (at, rule) in [(68, standard), (152, daylight)] {
            for (place, word) in rule.into_iter().enumerate() {
                bytes[at + 2 + 2 * place..at + 4 + 2 * place].copy_from_slice(&word.to_le_bytes());
            }
        }
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in bytes.chunks(3) {
            let held = chunk.iter().fold(0_u32, |held, byte| held << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
            for place in 0..4 {
                let letter = LETTERS[(held >> (18 - 6 * place) & 63) as usize];
                text.push(if place > chunk.len() { '=' } else { char::from(letter) });
            }
        }
        text
    }

    #[test]
    fn berlin_is_two_hours_ahead_in_summer_and_one_in_winter() {
        let berlin = Zone::parse(&blob(-60, -60, [10, 0, 5, 3], [3, 0, 5, 2])).unwrap();
        let offsets = [
            ("20260115T120000Z", 1),
            ("20260329T005959Z", 1),
            ("20260329T010000Z", 2),
            ("20260715T120000Z", 2),
            ("20261025T005959Z", 2),
            ("20261025T010000Z", 1),
        ];
        for (text, hours) in offsets {
            assert_eq!(berlin.offset_at(at(text).secs), hours * 3600, "{text}");
        }
        assert_eq!(berlin.instant_of(at("20260715T140000Z").secs), at("20260715T120000Z").secs);
        assert_eq!(berlin.instant_of(at("20260115T140000Z").secs), at("20260115T130000Z").secs);
        assert_eq!(berlin.instant_of(at("20260329T030000Z").secs), at("20260329T010000Z").secs);
    }

    #[test]
    fn sydney_has_its_summer_over_the_new_year() {
        let sydney = Zone::parse(&blob(-600, -60, [4, 0, 1, 3], [10, 0, 1, 2])).unwrap();
        assert_eq!(sydney.offset_at(at("20260115T120000Z").secs), 11 * 3600);
        assert_eq!(sydney.offset_at(at("20260715T120000Z").secs), 10 * 3600);
        assert_eq!(sydney.offset_at(at("20261215T120000Z").secs), 11 * 3600);
    }

    #[test]
    fn a_zone_without_rules_never_changes() {
        let utc = Zone::parse(&blob(0, 0, [0; 4], [0; 4])).unwrap();
        assert_eq!(utc.offset_at(at("20260715T120000Z").secs), 0);
        assert_eq!(Zone::parse("AAAA"), None);
        assert_eq!(Zone::parse("no base64!"), None);
    }
}
