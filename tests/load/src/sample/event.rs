//! Events: a third recurring, one in ten with exceptions, two attendees on average.

use jiff::civil::DateTime;
use jiff::{ToSpan as _, civil};

use super::Kind;
use super::language::LANGUAGES;

/// The rules of Berlin, as programs put them into every event.
const ZONE: &str = "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n\
    BEGIN:DAYLIGHT\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nTZNAME:CEST\r\nDTSTART:19700329T020000\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\nEND:DAYLIGHT\r\n\
    BEGIN:STANDARD\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nTZNAME:CET\r\nDTSTART:19701025T030000\r\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nEND:STANDARD\r\n\
    END:VTIMEZONE\r\n";

/// Whether the `number`-th event recurs.
const fn recurs(number: u64) -> bool {
    number.is_multiple_of(3)
}

/// Whether it has exceptions: three of thirty, all of which recur.
const fn has_exceptions(number: u64) -> bool {
    matches!(number % 30, 0 | 12 | 24)
}

/// How many attend: none to four, two on average.
const fn attendees(number: u64) -> u64 {
    number / 30 % 5
}

fn stamp(at: DateTime) -> String {
    at.strftime("%Y%m%dT%H%M%S").to_string()
}

/// The `number`-th event of `owner`.
pub(crate) fn event(number: u64, owner: &str) -> String {
    let mut dice = Kind::Event.dice(number);
    let language = &LANGUAGES[(number % 10) as usize];
    let (title, text, place) = (language.title(&mut dice), language.sentence(&mut dice), language.title(&mut dice));
    let text = text.replace(',', "\\,");
    let day = civil::date(2024, 1, 1).saturating_add((dice.below(900) as i64).days());
    let start = day.at(8 + dice.below(9) as i8, if dice.below(2) == 0 { 0 } else { 30 }, 0, 0);
    let end = start.saturating_add((30 + 30 * dice.below(4) as i64).minutes());
    let uid = format!("event-{number}@load.example");
    let zoned = |name: &str, at: DateTime| format!("{name};TZID=Europe/Berlin:{}\r\n", stamp(at));
    let mut people = String::new();
    if attendees(number) > 0 {
        people.push_str(&format!("ORGANIZER;CN=Owner:mailto:{owner}\r\n"));
    }
    for attendee in 0..attendees(number) {
        let name = language.people[attendee as usize % 4];
        let state = ["ACCEPTED", "TENTATIVE", "NEEDS-ACTION", "DECLINED"][attendee as usize % 4];
        people.push_str(&format!(
            "ATTENDEE;CN={name};ROLE=REQ-PARTICIPANT;PARTSTAT={state}:mailto:a{attendee}.{number}@example.{}\r\n",
            language.tag
        ));
    }
    let mut out = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Load//EN\r\n{ZONE}");
    let mut occurrence = |more: &str, start: DateTime, end: DateTime, title: &str| {
        out.push_str(&format!(
            "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20240101T000000Z\r\n{}{}SUMMARY:{title}\r\nLOCATION:{place}\r\n\
             DESCRIPTION:{text}\r\n{people}{more}BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:{title}\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\nEND:VEVENT\r\n",
            zoned("DTSTART", start),
            zoned("DTEND", end),
        ));
    };
    if !recurs(number) {
        occurrence("", start, end, &title);
    } else {
        let mut more = match number / 3 % 3 {
            0 => "RRULE:FREQ=WEEKLY;INTERVAL=1\r\n".to_owned(),
            1 => "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=26\r\n".to_owned(),
            _ => "RRULE:FREQ=DAILY;COUNT=40\r\n".to_owned(),
        };
        let step = [7, 14, 1][(number / 3 % 3) as usize];
        let nth = |count: i64| start.saturating_add((count * step).days());
        if has_exceptions(number) {
            more.push_str(&zoned("EXDATE", nth(2)));
        }
        occurrence(&more, start, end, &title);
        if has_exceptions(number) {
            for count in [3, 5] {
                let moved = nth(count).saturating_add(2.hours());
                let id = zoned("RECURRENCE-ID", nth(count));
                occurrence(&id, moved, moved.saturating_add(1.hour()), &format!("{title} 2"));
            }
        }
    }
    out.push_str("END:VCALENDAR\r\n");
    out
}

#[cfg(test)]
mod tests {
    use easel_items::{BodyPreferences, Manner, Owner, View};
    use easel_protocol::{Class, Version};
    use easel_wbxml::pages::calendar;
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn of_the_events_a_third_recurs_a_tenth_has_exceptions_and_two_attend_on_average() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let owner = Owner { name: "A".into(), addresses: vec!["a@example.org".into()], zone };
        let body = BodyPreferences::default();
        let now = "2026-03-01T10:00:00Z".parse().unwrap();
        let view = View { version: Version::V16_1, owner: &owner, body: &body, now, manner: Manner::default() };
        let (mut recurring, mut with_exceptions, mut people) = (0, 0, 0);
        for number in 0..300 {
            let shown = easel_items::properties(Class::Calendar, &event(number, "a@example.org"), &view).unwrap();
            let found = |tag| shown.iter().find(|one| one.tag == tag);
            recurring += u32::from(found(calendar::RECURRENCE).is_some());
            if let Some(exceptions) = found(calendar::EXCEPTIONS) {
                with_exceptions += 1;
                assert_eq!(exceptions.children().count(), 3, "event {number}: one left out, two moved");
            }
            people += found(calendar::ATTENDEES).map_or(0, |all| all.children().count());
        }
        assert_eq!((recurring, with_exceptions, people), (100, 30, 600));
    }
}
