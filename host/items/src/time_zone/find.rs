//! From names and numbers to a zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use windows_timezones::WindowsTimezone;

use super::NamedZone;
use super::rules::{Rules, turns};

/// Zones many people live in: the first that fits is taken before the rest of the IANA data.
const LIKELY: &[&str] = &[
    "UTC",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Helsinki",
    "Europe/Moscow",
    "Europe/Istanbul",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu",
    "America/Halifax",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Santiago",
    "America/Bogota",
    "America/Mexico_City",
    "Asia/Jerusalem",
    "Africa/Cairo",
    "Africa/Johannesburg",
    "Africa/Lagos",
    "Africa/Nairobi",
    "Asia/Dubai",
    "Asia/Tehran",
    "Asia/Karachi",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Dhaka",
    "Asia/Bangkok",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Perth",
    "Australia/Adelaide",
    "Australia/Darwin",
    "Australia/Brisbane",
    "Australia/Sydney",
    "Pacific/Auckland",
];
/// A longer name is none.
const NAME_MAX: usize = 120;

/// The zone that an IANA or Windows name means; of a path such as `/vendor/20240101/Europe/Berlin`, its tail.
pub fn known(name: &str) -> Option<NamedZone> {
    let name = name.trim().trim_matches('"');
    if name.is_empty() || name.len() > NAME_MAX {
        return None;
    }
    if let Ok(windows) = name.parse::<WindowsTimezone>() {
        return iana(windows.tzdb_id());
    }
    let mut tail = name.trim_start_matches('/');
    loop {
        if let Some(zone) = iana(tail) {
            return Some(zone);
        }
        tail = tail.split_once('/')?.1;
    }
}

fn iana(name: &str) -> Option<NamedZone> {
    let zone = TimeZone::get(name).ok().filter(|zone| !zone.is_unknown())?;
    if zone == TimeZone::UTC {
        return Some(NamedZone::utc());
    }
    Some(NamedZone { id: zone.iana_name().unwrap_or(name).to_owned(), zone })
}

/// The best zone for these numbers at `at`.
pub fn zone_of(rules: &Rules, names: &[String], at: Timestamp, preferred: &[NamedZone]) -> NamedZone {
    let named = names.iter().filter_map(|name| known(name)).find(|zone| fits(&zone.zone, rules, at));
    let preferred = || preferred.iter().find(|zone| fits(&zone.zone, rules, at)).cloned();
    let likely = || LIKELY.iter().filter_map(|name| iana(name)).find(|zone| fits(&zone.zone, rules, at));
    let any = || {
        let mut names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        names.sort_unstable();
        // Names without a slash are old or abbreviations; `Etc/GMT+5` reads the wrong way round.
        names.retain(|name| name.contains('/') && !name.starts_with("Etc/"));
        names.iter().filter_map(|name| iana(name)).find(|zone| fits(&zone.zone, rules, at))
    };
    named
        .or_else(preferred)
        .or_else(likely)
        .or_else(any)
        .unwrap_or_else(|| NamedZone { id: rules.private_id(), zone: rules.to_zone() })
}

/// Whether a zone has these rules at `at`, or the clock changes that they make in that year.
fn fits(zone: &TimeZone, rules: &Rules, at: Timestamp) -> bool {
    if Rules::of(zone, at) == *rules {
        return true;
    }
    let Some(saving) = rules.saving else { return false };
    let year = zone.to_datetime(at).year();
    let mut wanted = [
        (saving.begins.in_year(year), rules.standard_seconds(), rules.standard_seconds() + saving.minutes * 60),
        (saving.ends.in_year(year), rules.standard_seconds() + saving.minutes * 60, rules.standard_seconds()),
    ];
    wanted.sort_unstable();
    let turns = turns(zone, year);
    turns.len() == wanted.len()
        && turns.iter().zip(wanted).all(|(turn, wanted)| (Some(turn.local), turn.before, turn.after) == wanted)
}
