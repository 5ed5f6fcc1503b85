//! From when to when a certificate is good. RFC 5280 4.1.2.5 "Validity".
//!
//! Only as much of its DER is read as leads there: ITU-T X.690 8.1 "General rules for encoding".

use std::fmt;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// An administrator is warned so long before the end.
const WARNED_BEFORE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// From when to when a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub from: Timestamp,
    /// The last second.
    pub until: Timestamp,
}

/// Why phones refuse a certificate, or will within 30 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapse {
    /// It is not good yet, but from then on.
    Early(Timestamp),
    /// It is good for less than 30 days more.
    Soon {
        /// Whole days.
        days: i64,
        /// The last second.
        until: Timestamp,
    },
    /// It was good until then.
    Over(Timestamp),
}

impl Validity {
    /// That of a certificate in DER; `None` when it cannot be read.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let mut certificate = Der(Der(certificate).value(SEQUENCE)?);
        // TBSCertificate: version, serialNumber, signature, issuer, validity. Version 1 is left out.
        let mut signed = Der(certificate.value(SEQUENCE)?);
        if signed.0.first() == Some(&VERSION) {
            signed.value(VERSION)?;
        }
        for tag in [INTEGER, SEQUENCE, SEQUENCE] {
            signed.value(tag)?;
        }
        let mut times = Der(signed.value(SEQUENCE)?);
        Some(Self { from: times.time()?, until: times.time()? })
    }

    /// What there is to say about it at that time; `None` when all is well.
    pub fn lapse(&self, now: Timestamp) -> Option<Lapse> {
        let left = self.until.duration_since(now);
        if left.is_negative() {
            Some(Lapse::Over(self.until))
        } else if now < self.from {
            Some(Lapse::Early(self.from))
        } else if left < WARNED_BEFORE {
            Some(Lapse::Soon { days: left.as_hours() / 24, until: self.until })
        } else {
            None
        }
    }
}

impl fmt::Display for Lapse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |at: &Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        match self {
            Self::Early(from) => write!(f, "the certificate is not good before {}: phones refuse it", day(from)),
            Self::Soon { days: 1, until } => write!(f, "the certificate ends in 1 day, on {}", day(until)),
            Self::Soon { days, until } => write!(f, "the certificate ends in {days} days, on {}", day(until)),
            Self::Over(until) => write!(f, "the certificate ended on {}: phones refuse it", day(until)),
        }
    }
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0]`, constructed.
const VERSION: u8 = 0xa0;

/// Values one after another.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The content of the next value, if it has this tag.
    fn value(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            ..=0x7f => (usize::from(first), rest),
            // A file has no certificate of 16 MiB.
            0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (found == tag).then_some(value)
    }

    /// `YYMMDDHHMMSSZ` up to 2049, `YYYYMMDDHHMMSSZ` from 2050 on.
    fn time(&mut self) -> Option<Timestamp> {
        let (tag, years) = match self.0.first()? {
            &UTC_TIME => (UTC_TIME, 2),
            _ => (GENERALIZED_TIME, 4),
        };
        let text = str::from_utf8(self.value(tag)?).ok()?.strip_suffix('Z')?;
        let (year, rest) = text.split_at_checked(years)?;
        if rest.len() != 10 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let year: i16 = year.parse().ok()?;
        let year = match (years, year) {
            (2, 50..) => 1900 + year,
            (2, _) => 2000 + year,
            _ => year,
        };
        let part = |at: usize| rest[at..at + 2].parse::<i8>().ok();
        let civil = DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0).ok()?;
        // 99991231235959Z says that there is no end.
        Some(civil.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |at| at.timestamp()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(from: (i32, u8, u8), until: (i32, u8, u8)) -> Vec<u8> {
        let mut params = rcgen::CertificateParams::new(vec!["mail.example.org".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn both_ways_to_write_a_date_are_read() {
        let read = |from, until| Validity::of(&certificate(from, until)).unwrap();
        let validity = read((1999, 12, 31), (2049, 12, 31));
        assert_eq!((validity.from, validity.until), (at("1999-12-31T00:00:00Z"), at("2049-12-31T00:00:00Z")));
        let validity = read((2026, 3, 1), (2050, 1, 1));
        assert_eq!((validity.from, validity.until), (at("2026-03-01T00:00:00Z"), at("2050-01-01T00:00:00Z")));
        assert_eq!(read((2026, 3, 1), (9999, 12, 31)).until, Timestamp::MAX, "without end");
    }

    #[test]
    fn what_is_no_certificate_has_no_dates() {
        let whole = certificate((2026, 3, 1), (2027, 3, 1));
        for length in 0..whole.len() {
            assert_eq!(Validity::of(&whole[..length]), None, "{length}");
        }
        // One byte of a date, wherever it lies, or of a length.
        for place in 0..whole.len() {
            for wrong in [0x00, 0x3a, 0x84, 0xff] {
                let mut broken = whole.clone();
                broken[place] = wrong;
                Validity::of(&broken);
            }
        }
    }

    #[test]
    fn a_certificate_is_complained_of_before_it_is_good_thirty_days_before_its_end_and_after() {
        let validity = Validity { from: at("2026-03-01T00:00:00Z"), until: at("2028-03-01T00:00:00Z") };
        let said = |now: &str| validity.lapse(at(now)).map(|lapse| lapse.to_string());
        let early = "the certificate is not good before 2026-03-01 00:00 UTC: phones refuse it";
        assert_eq!(said("2026-02-28T23:59:59Z").as_deref(), Some(early));
        assert_eq!(said("2026-03-01T00:00:00Z"), None);
        assert_eq!(said("2028-01-31T00:00:00Z"), None);
        let soon = |days: &str| Some(format!("the certificate ends in {days}, on 2028-03-01 00:00 UTC"));
        assert_eq!(said("2028-01-31T00:00:01Z"), soon("29 days"));
        assert_eq!(said("2028-02-28T12:00:00Z"), soon("1 day"));
        assert_eq!(said("2028-03-01T00:00:00Z"), soon("0 days"));
        let over = "the certificate ended on 2028-03-01 00:00 UTC: phones refuse it";
        assert_eq!(said("2028-03-01T00:00:01Z").as_deref(), Some(over));
    }
}
