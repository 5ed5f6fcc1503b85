use jiff::civil::date;
use jiff::tz::TimeZone;

use super::*;
use crate::lines;

/// Zones of every kind: both hemispheres, none or half an hour of saving, odd offsets, changes at midnight.
const ZONES: &[&str] = &[
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Lisbon",
    "Europe/Moscow",
    "Europe/Istanbul",
    "Europe/Athens",
    "Europe/Kyiv",
    "Atlantic/Azores",
    "Atlantic/Reykjavik",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Anchorage",
    "America/St_Johns",
    "America/Halifax",
    "America/Sao_Paulo",
    "America/Bogota",
    "America/Santiago",
    "America/Asuncion",
    "America/Nuuk",
    "America/Havana",
    "America/Mexico_City",
    "Pacific/Honolulu",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Marquesas",
    "Australia/Sydney",
    "Australia/Adelaide",
    "Australia/Brisbane",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Asia/Jerusalem",
    "Asia/Beirut",
    "Asia/Tokyo",
    "Asia/Shanghai",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/Johannesburg",
    "Antarctica/Troll",
    "UTC",
];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn the_published_pacific_example_begins_as_published() {
    let blob = blob(&TimeZone::get("America/Los_Angeles").unwrap(), at("2026-06-01T00:00:00Z"));
    assert!(blob.starts_with("4AEAA"), "{blob}");
    assert_eq!(blob.len(), 232);
    // The published one has names and starts `4AEAACgARwBNAFQALQ`: "(GMT-" in UTF-16.
    let mut bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &blob).unwrap();
    for (at, c) in "(GMT-08:00) Pacific Time".encode_utf16().enumerate() {
        bytes[4 + 2 * at..6 + 2 * at].copy_from_slice(&c.to_le_bytes());
    }
    let named = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes);
    assert!(named.starts_with("4AEAACgARwBNAFQALQ"), "{named}");
    assert_eq!(decode(&named).unwrap().rules, decode(&blob).unwrap().rules);
    assert_eq!(from_blob(&named, at("2026-06-01T00:00:00Z"), &[]).unwrap().id, "America/Los_Angeles");
}

#[test]
fn p11_rules_have_year_0_and_5_for_the_last() {
    let blob = blob(&TimeZone::get("Europe/Berlin").unwrap(), at("2026-06-01T00:00:00Z"));
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, blob).unwrap();
    assert_eq!(bytes[0..4], (-60_i32).to_le_bytes());
    assert_eq!(bytes[68..84], [0, 0, 10, 0, 0, 0, 5, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[152..168], [0, 0, 3, 0, 0, 0, 5, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[168..172], (-60_i32).to_le_bytes());
}

#[test]
fn every_zone_comes_back_from_its_blob_when_it_is_the_owners() {
    for when in ["2026-01-15T12:00:00Z", "2026-07-15T12:00:00Z", "2019-07-01T00:00:00Z", "2031-10-31T00:00:00Z"] {
        for name in ZONES {
            let zone = TimeZone::get(name).unwrap();
            let owner = NamedZone::of(&zone, at(when));
            let found = from_blob(&blob(&zone, at(when)), at(when), std::slice::from_ref(&owner)).unwrap();
            assert_eq!(found.id, owner.id, "{name} {when}");
        }
    }
}

#[test]
fn every_zone_is_found_again_by_its_numbers() {
    let when = at("2026-07-15T12:00:00Z");
    for name in ZONES {
        let zone = TimeZone::get(name).unwrap();
        let found = from_blob(&blob(&zone, when), when, &[]).unwrap();
        assert!(!found.id.starts_with("Easel/"), "{name} became {}", found.id);
        for day in 0..365 {
            let day = when + jiff::SignedDuration::from_hours(24 * day);
            // Morocco has changes that no rule says; the Gregorian year has most of its time at +01.
            if *name != "Africa/Casablanca" {
                assert_eq!(found.zone.to_offset(day), zone.to_offset(day), "{name} became {} {day}", found.id);
            }
        }
    }
}

#[test]
fn the_zone_of_the_rules_shows_the_same_clock_all_year() {
    for name in ZONES.iter().filter(|name| **name != "Africa/Casablanca") {
        let zone = TimeZone::get(name).unwrap();
        let made = Rules::of(&zone, at("2026-07-15T12:00:00Z")).to_zone();
        for hour in 0..365 * 4 {
            let moment = at("2026-01-01T05:00:00Z") + jiff::SignedDuration::from_hours(6 * hour);
            assert_eq!(made.to_offset(moment), zone.to_offset(moment), "{name} {moment}");
        }
    }
}

#[test]
fn g12_a_blob_is_complete_or_all_zero() {
    for name in ZONES {
        let rules = decode(&blob(&TimeZone::get(name).unwrap(), at("2026-07-15T12:00:00Z"))).unwrap().rules;
        if let Some(saving) = rules.saving {
            assert!(saving.minutes > 0, "{name}");
            assert_ne!(saving.begins, saving.ends, "{name}");
        }
    }
    assert_eq!(blob(&TimeZone::UTC, at("2026-07-15T12:00:00Z")), encode(&Rules::UTC));
    assert!(encode(&Rules::UTC).trim_end_matches('=').bytes().all(|byte| byte == b'A'));
    // Morocco: changes that follow the moon are no rule.
    let morocco = Rules::of(&TimeZone::get("Africa/Casablanca").unwrap(), at("2026-07-15T12:00:00Z"));
    assert_eq!(morocco, Rules { standard: 60, saving: None });
}

#[test]
fn a_saving_without_dates_is_none() {
    let mut bytes = [0; 172];
    bytes[0..4].copy_from_slice(&(-60_i32).to_le_bytes());
    bytes[168..172].copy_from_slice(&(-60_i32).to_le_bytes());
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    assert_eq!(decode(&text).unwrap().rules, Rules { standard: 60, saving: None });
}

#[test]
fn the_owners_zone_wins_among_equals_and_a_name_wins_over_it() {
    let when = at("2026-07-15T12:00:00Z");
    let vienna = known("Europe/Vienna").unwrap();
    let berlin = blob(&TimeZone::get("Europe/Berlin").unwrap(), when);
    assert_eq!(from_blob(&berlin, when, std::slice::from_ref(&vienna)).unwrap().id, "Europe/Vienna");
    assert_eq!(from_blob(&berlin, when, &[]).unwrap().id, "Europe/Berlin");
    let rules = decode(&berlin).unwrap().rules;
    let named = |name: &str| zone_of(&rules, &[name.to_owned(), String::new()], when, std::slice::from_ref(&vienna)).id;
    assert_eq!(named("Romance Standard Time"), "Europe/Paris");
    assert_eq!(named("Europe/Rome"), "Europe/Rome");
    // A name that the numbers contradict is no help.
    assert_eq!(named("Tokyo Standard Time"), "Europe/Vienna");
}

#[test]
fn dates_of_one_year_find_the_zone_that_changes_then() {
    let on = |month, day, seconds| Change { day: ChangeDay::On(date(2026, month, day)), seconds };
    let saving = Saving { minutes: 60, begins: on(3, 29, 7_200), ends: on(10, 25, 10_800) };
    let rules = Rules { standard: 60, saving: Some(saving) };
    let when = at("2026-07-15T12:00:00Z");
    assert_eq!(decode(&encode(&rules)).unwrap().rules, rules);
    assert_eq!(from_blob(&encode(&rules), when, &[]).unwrap().id, "Europe/Berlin");
}

#[test]
fn numbers_that_no_zone_has_make_a_private_zone_that_survives_its_vtimezone() {
    let when = at("2026-07-15T12:00:00Z");
    let nth = |month, week, weekday, seconds| Change { day: ChangeDay::Nth { month, week, weekday }, seconds };
    let saturday = jiff::civil::Weekday::Saturday;
    for rules in [
        Rules { standard: 77, saving: None },
        Rules {
            standard: -200,
            saving: Some(Saving { minutes: 40, begins: nth(2, 2, saturday, 86_400), ends: nth(9, 5, saturday, 3_600) }),
        },
    ] {
        let private = from_blob(&encode(&rules), when, &[]).unwrap();
        assert!(private.id.starts_with("Easel/UTC"), "{}", private.id);
        assert_eq!(Rules::of(&private.zone, when), rules);
        let written = vtimezone(&private, when).to_string();
        let read = lines::parse(&written, "iCalendar").unwrap().remove(0);
        let resolved = resolve(&private.id, Some(&read)).unwrap();
        assert_eq!(Rules::of(&resolved.zone, when), rules, "{written}");
    }
}

#[test]
fn a_tzid_is_an_iana_name_a_windows_name_a_path_or_its_rules() {
    for (tzid, zone) in [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("/freeassociation.sourceforge.net/Europe/Berlin", "Europe/Berlin"),
        ("/mozilla.org/20050126_1/America/New_York", "America/New_York"),
    ] {
        assert_eq!(resolve(tzid, None).unwrap().zone.iana_name(), Some(zone), "{tzid}");
    }
    assert_eq!(resolve("Customized Time Zone", None), None);
    let outlook = "BEGIN:VTIMEZONE\r\nTZID:Customized Time Zone\r\nBEGIN:STANDARD\r\nDTSTART:16011104T020000\r\n\
        RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11\r\nTZOFFSETFROM:-0700\r\nTZOFFSETTO:-0800\r\nEND:STANDARD\r\n\
        BEGIN:DAYLIGHT\r\nDTSTART:16010311T020000\r\nRRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3\r\nTZOFFSETFROM:-0800\r\n\
        TZOFFSETTO:-0700\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\n";
    let outlook = lines::parse(outlook, "iCalendar").unwrap().remove(0);
    let zone = resolve("Customized Time Zone", Some(&outlook)).unwrap().zone;
    let when = at("2026-07-15T12:00:00Z");
    assert_eq!(Rules::of(&zone, when), Rules::of(&TimeZone::get("America/Los_Angeles").unwrap(), when));
}

#[test]
fn vtimezones_of_every_zone_say_what_the_zone_does() {
    let when = at("2026-07-15T12:00:00Z");
    for name in ZONES {
        let zone = NamedZone::of(&TimeZone::get(name).unwrap(), when);
        let read = lines::parse(&vtimezone(&zone, when).to_string(), "iCalendar").unwrap().remove(0);
        assert_eq!(interpret(&read), Some(Rules::of(&zone.zone, when)), "{name}\n{read}");
    }
}

#[test]
fn hostile_blobs_are_refused() {
    let base = blob(&TimeZone::get("Europe/Berlin").unwrap(), at("2026-06-01T00:00:00Z"));
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &base).unwrap();
    let with = |at: usize, value: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
    };
    assert_eq!(decode(""), Err(BlobError::Length));
    assert_eq!(decode("AAAA"), Err(BlobError::Length));
    assert_eq!(decode("no base64 at all!"), Err(BlobError::Length));
    assert_eq!(decode(&"A".repeat(100_000)), Err(BlobError::Length));
    for hostile in [
        with(70, &[13, 0]),
        with(74, &[0, 0]),
        with(74, &[6, 0]),
        with(72, &[7, 0]),
        with(76, &[25, 0]),
        with(0, &i32::MIN.to_le_bytes()),
        with(168, &i32::MAX.to_le_bytes()),
        with(68, &[255, 255]),
        with(68, &[7, 0, 2, 0, 0, 0, 31, 0]),
    ] {
        assert!(matches!(decode(&hostile), Err(BlobError::Number(_))), "{hostile}");
    }
    for at in 0..172 {
        for value in [0, 1, 127, 128, 255] {
            // Whatever it says, it says it without a panic, and the zone works.
            if let Ok(decoded) = decode(&with(at, &[value])) {
                decoded.rules.to_zone().to_offset(Timestamp::UNIX_EPOCH);
            }
        }
    }
}
