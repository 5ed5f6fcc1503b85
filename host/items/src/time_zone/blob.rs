//! The 172 bytes. MS-ASDTYPE 2.7.6 "TimeZone"; all numbers are little-endian.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::{Date, Weekday};

use super::rules::{Change, ChangeDay, Rules, Saving};

/// The whole structure.
const SIZE: usize = 172;
/// No zone is further from UTC, in minutes.
const OFFSET_MAX: i32 = 18 * 60;
const STANDARD_NAME: usize = 4;
const STANDARD_DATE: usize = 68;
const STANDARD_BIAS: usize = 84;
const DAYLIGHT_NAME: usize = 88;
const DAYLIGHT_DATE: usize = 152;
const DAYLIGHT_BIAS: usize = 168;
/// 32 UTF-16 units.
const NAME_SIZE: usize = 64;
/// The last moment that a date can say; it stands for the end of the day.
const END_OF_DAY: i32 = 86_400;

/// Text that is no blob. A device that sends it is treated as if it had sent none (K: G51).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// Not base64 of 172 bytes.
    #[error("a time zone is base64 of {SIZE} bytes")]
    Length,
    /// A number that no zone has.
    #[error("a time zone with the impossible {0}")]
    Number(&'static str),
}

/// What a blob says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The numbers.
    pub rules: Rules,
    /// StandardName and DaylightName; often empty, never unique.
    pub names: [String; 2],
}

/// Reads a blob.
pub fn decode(text: &str) -> Result<Decoded, BlobError> {
    let compact: String = text.chars().filter(|c| !c.is_whitespace()).take(SIZE * 2).collect();
    let bytes = STANDARD.decode(compact).map_err(|_| BlobError::Length)?;
    let bytes: &[u8; SIZE] = bytes.as_slice().try_into().map_err(|_| BlobError::Length)?;
    let standard_bias = number(bytes, STANDARD_BIAS);
    let standard = offset(number(bytes, 0), standard_bias)?;
    let daylight = offset(number(bytes, 0), number(bytes, DAYLIGHT_BIAS))?;
    let saving = match (change(bytes, DAYLIGHT_DATE)?, change(bytes, STANDARD_DATE)?) {
        // K: G12: a saving without dates is none.
        (Some(begins), Some(ends)) if daylight != standard && begins != ends => {
            Some(Saving { minutes: daylight - standard, begins, ends })
        }
        _ => None,
    };
    let names = [name(bytes, STANDARD_NAME), name(bytes, DAYLIGHT_NAME)];
    Ok(Decoded { rules: Rules { standard, saving }, names })
}

/// Writes a blob: complete, with rules of year 0 and 5 for "last" (K: G12, P11), without names.
pub fn encode(rules: &Rules) -> String {
    let mut bytes = [0; SIZE];
    put(&mut bytes, 0, &(-rules.standard).to_le_bytes());
    if let Some(saving) = &rules.saving {
        put(&mut bytes, DAYLIGHT_BIAS, &(-saving.minutes).to_le_bytes());
        put_change(&mut bytes, STANDARD_DATE, &saving.ends);
        put_change(&mut bytes, DAYLIGHT_DATE, &saving.begins);
    }
    STANDARD.encode(bytes)
}

fn offset(bias: i32, more: i32) -> Result<i32, BlobError> {
    let minutes = bias.checked_add(more).and_then(i32::checked_neg).ok_or(BlobError::Number("bias"))?;
    if minutes.abs() > OFFSET_MAX { Err(BlobError::Number("bias")) } else { Ok(minutes) }
}

fn number(bytes: &[u8; SIZE], at: usize) -> i32 {
    i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn name(bytes: &[u8; SIZE], at: usize) -> String {
    let units = bytes[at..at + NAME_SIZE].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    String::from_utf16_lossy(&units)
}

/// Month 0: there is no such change.
fn change(bytes: &[u8; SIZE], at: usize) -> Result<Option<Change>, BlobError> {
    let [year, month, weekday, day, hour, minute, second, milli] =
        std::array::from_fn(|field| i32::from(u16::from_le_bytes([bytes[at + 2 * field], bytes[at + 2 * field + 1]])));
    if month == 0 {
        return Ok(None);
    }
    if hour > 24 || minute > 59 || second > 59 {
        return Err(BlobError::Number("time of a change"));
    }
    let small = |number: i32| i8::try_from(number).map_err(|_| BlobError::Number("date of a change"));
    let day = match year {
        0 if (1..=12).contains(&month) && (1..=5).contains(&day) && weekday <= 6 => ChangeDay::Nth {
            month: small(month)?,
            week: small(day)?,
            weekday: Weekday::from_sunday_zero_offset(small(weekday)?)
                .map_err(|_| BlobError::Number("weekday of a change"))?,
        },
        0 => return Err(BlobError::Number("date of a change")),
        year => {
            let year = i16::try_from(year).map_err(|_| BlobError::Number("year of a change"))?;
            let date = Date::new(year, small(month)?, small(day)?);
            ChangeDay::On(date.map_err(|_| BlobError::Number("date of a change"))?)
        }
    };
    let seconds = hour * 3600 + minute * 60 + second;
    // 23:59:59.999 is how the end of a day is said.
    let seconds = if milli >= 999 && seconds == END_OF_DAY - 1 { END_OF_DAY } else { seconds.min(END_OF_DAY) };
    Ok(Some(Change { day, seconds }))
}

fn put(bytes: &mut [u8; SIZE], at: usize, field: &[u8]) {
    bytes[at..at + field.len()].copy_from_slice(field);
}

fn put_change(bytes: &mut [u8; SIZE], at: usize, change: &Change) {
    let (year, month, weekday, day) = match change.day {
        ChangeDay::Nth { month, week, weekday } => (0, month, weekday, week),
        ChangeDay::On(date) => (date.year(), date.month(), date.weekday(), date.day()),
    };
    let (seconds, milli) = if change.seconds >= END_OF_DAY { (END_OF_DAY - 1, 999) } else { (change.seconds, 0) };
    let fields = [
        i32::from(year),
        i32::from(month),
        i32::from(weekday.to_sunday_zero_offset()),
        i32::from(day),
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        milli,
    ];
    for (field, value) in fields.into_iter().enumerate() {
        let value = u16::try_from(value).expect("every field of a date is small and not negative");
        put(bytes, at + 2 * field, &value.to_le_bytes());
    }
}
