//! Series that no pattern says: the days a phone computes are the days that are.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime, date};
use proptest::prelude::*;

use super::*;
use crate::recurrence::{CALENDAR, EXTRA_MAX, Pattern, Rule, Until};

const TIMES: &str = "DTSTART;TZID=Europe/Berlin:20260302T090000\nDTEND;TZID=Europe/Berlin:20260302T100000\nSUMMARY:Odd";

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn odd(lines: &str) -> String {
    ics(&format!("{TIMES}\n{lines}"))
}

fn child(shown: &[Element], tag: Tag) -> Option<&Element> {
    shown.iter().find(|element| element.tag == tag)
}

fn moment(element: &Element, tag: Tag) -> Option<Timestamp> {
    element.text_of(tag).map(|text| easel_protocol::parse_date_time(&text).unwrap())
}

fn key_of(exception: &Element) -> Timestamp {
    moment(exception, c::EXCEPTION_START_TIME).or_else(|| moment(exception, b::INSTANCE_ID)).unwrap()
}

/// What a phone makes of a series: its pattern from StartTime on, without the deleted occurrences, the moved ones where
/// they were moved to. At most a thousand.
fn on_the_phone(shown: &[Element], zone: &TimeZone) -> Vec<DateTime> {
    let local = |at: Timestamp| zone.to_datetime(at);
    let start = easel_protocol::parse_date_time(&child(shown, c::START_TIME).unwrap().value()).unwrap();
    let pattern = Pattern::read(child(shown, c::RECURRENCE).unwrap(), &CALENDAR).unwrap().unwrap();
    let rule = pattern.to_rule(local(start), Until::Utc);
    let exceptions: Vec<&Element> =
        child(shown, c::EXCEPTIONS).into_iter().flat_map(|all| all.all(c::EXCEPTION)).collect();
    let mut days: Vec<DateTime> = rule.occurrences(local(start), zone).take(2_000).collect();
    for exception in exceptions {
        let key = key_of(exception);
        // By moments: the hour that summer time skips has no time of its own.
        let is_it = |day: &DateTime| zone.to_timestamp(*day).unwrap() == key;
        let place = days.iter().position(is_it).expect("an exception is of an occurrence");
        days.remove(place);
        if exception.text_of(c::DELETED).as_deref() != Some("1") {
            days.push(local(moment(exception, c::START_TIME).unwrap()));
        }
    }
    days.sort_unstable();
    days
}

fn dates(days: &[DateTime]) -> Vec<Date> {
    days.iter().map(|day| day.date()).collect()
}

#[test]
fn a_finite_set_is_told_by_a_pattern_with_holes_and_an_end() {
    for desk in desks() {
        let stored = odd("RDATE;TZID=Europe/Berlin:20260305T090000,20260401T090000\nRDATE:20260403T100000Z");
        let shown = desk.see(&stored);
        let expected = [
            date(2026, 3, 2).at(9, 0, 0, 0),
            date(2026, 3, 5).at(9, 0, 0, 0),
            date(2026, 4, 1).at(9, 0, 0, 0),
            date(2026, 4, 3).at(12, 0, 0, 0),
        ];
        assert_eq!(on_the_phone(&shown, &berlin()), expected);
        let recurrence = child(&shown, c::RECURRENCE).unwrap();
        assert!(recurrence.child(c::OCCURRENCES).is_some(), "{recurrence:?}");
        assert_eq!(desk.change(&stored, vec![]), stored);
    }
}

#[test]
fn what_fits_a_pattern_needs_no_holes() {
    for (lines, kind) in [
        ("RRULE:FREQ=MONTHLY;BYMONTH=3,9;BYMONTHDAY=2;COUNT=6", "2"),
        ("RRULE:FREQ=WEEKLY;COUNT=4\nRDATE;TZID=Europe/Berlin:20260330T090000,20260406T090000", "1"),
        ("RRULE:FREQ=HOURLY;INTERVAL=24;COUNT=5", "0"),
        ("RRULE:FREQ=DAILY;BYMONTH=3;COUNT=20", "0"),
    ] {
        let shown = desk(Version::V14_1).see(&odd(lines));
        assert_eq!(child(&shown, c::RECURRENCE).unwrap().text_of(c::TYPE).as_deref(), Some(kind), "{lines}");
        assert_eq!(child(&shown, c::EXCEPTIONS), None, "{lines}");
    }
}

#[test]
fn an_endless_series_is_told_from_last_month_for_a_year_and_more() {
    for desk in desks() {
        let stored = odd("RRULE:FREQ=MONTHLY;BYMONTHDAY=1,15").replace("20260302", "20150301");
        let shown = desk.see(&stored);
        let days = dates(&on_the_phone(&shown, &berlin()));
        // Today is 1 March 2026.
        assert_eq!(days[..4], [date(2026, 2, 1), date(2026, 2, 15), date(2026, 3, 1), date(2026, 3, 15)]);
        assert!(*days.last().unwrap() >= date(2027, 3, 1), "{days:?}");
        let holes = child(&shown, c::EXCEPTIONS).unwrap().children().count();
        assert!(holes <= EXTRA_MAX, "{holes}");
        assert_eq!(desk.change(&stored, vec![]), stored);
        assert_eq!(facts(&stored, &desk.view()).unwrap().window, WindowKey::FOREVER);
    }
}

#[test]
fn of_several_occurrences_a_day_the_first_is_told() {
    for (rule, first) in [("FREQ=DAILY;BYHOUR=9,17", 9), ("FREQ=HOURLY;BYHOUR=12,13,14", 12), ("FREQ=MINUTELY", 0)] {
        let stored = odd(&format!("RRULE:{rule}")).replace("20260302", "20250302");
        for desk in desks() {
            let days = on_the_phone(&desk.see(&stored), &berlin());
            assert!(days.len() > 350, "{rule} {}", days.len());
            for pair in days.windows(2) {
                assert_eq!(pair[0].date().tomorrow().unwrap(), pair[1].date(), "{rule}");
                assert_eq!(pair[1].time().hour(), first, "{rule}");
            }
            assert_eq!(desk.change(&stored, vec![]), stored, "{rule}");
        }
    }
}

#[test]
fn a_start_off_the_pattern_is_an_occurrence() {
    let stored = odd("RRULE:FREQ=WEEKLY;BYDAY=WE;COUNT=3");
    for desk in desks() {
        let shown = desk.see(&stored);
        // RFC 5545 3.3.10: the start counts as the first.
        let expected = [date(2026, 3, 2), date(2026, 3, 4), date(2026, 3, 11)];
        assert_eq!(dates(&on_the_phone(&shown, &berlin())), expected);
        assert_eq!(desk.text(&stored, c::START_TIME).as_deref(), Some("20260302T080000Z"));
        assert_eq!(desk.change(&stored, vec![]), stored);
    }
    let window = facts(&stored, &desk(Version::V14_1).view()).unwrap().window;
    assert_eq!(window, WindowKey(at("2026-03-11T09:00:00Z").as_millisecond()));
}

#[test]
fn a_start_off_an_endless_pattern_that_is_long_past_makes_it_no_stretch() {
    let stored = odd("RRULE:FREQ=WEEKLY;BYDAY=WE").replace("20260302", "20200302");
    for desk in desks() {
        let shown = desk.see(&stored);
        assert_eq!(desk.text(&stored, c::START_TIME).as_deref(), Some("20200304T080000Z"));
        assert_eq!((child(&shown, c::EXCEPTIONS), child(&shown, c::RECURRENCE).unwrap().child(c::UNTIL)), (None, None));
        assert_eq!(desk.change(&stored, vec![]), stored);
    }
}

#[test]
fn a_series_that_a_phone_makes_begins_on_its_pattern() {
    for desk in desks() {
        let mut event = new_event("20260302T080000Z", "20260302T090000Z");
        event.push(Element::of(c::RECURRENCE, [text(c::TYPE, "1"), text(c::DAY_OF_WEEK, "8")]));
        let stored = desk.add(event);
        assert!(stored.contains("DTSTART;TZID=Europe/Berlin:20260304T090000\r\n"), "{stored}");
    }
}

#[test]
fn another_title_leaves_the_rule_alone() {
    for lines in [
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=1,15",
        "RRULE:FREQ=DAILY;BYHOUR=9,17",
        "RRULE:FREQ=WEEKLY;BYDAY=WE;COUNT=3",
        "RDATE;TZID=Europe/Berlin:20260305T090000,20260401T120000",
        "RRULE:FREQ=WEEKLY\nRRULE:FREQ=MONTHLY;BYMONTHDAY=7\nEXRULE:FREQ=MONTHLY;BYMONTHDAY=9",
    ] {
        let stored = odd(lines);
        for desk in desks() {
            let after = desk.change(&stored, vec![text(c::SUBJECT, "Other")]);
            // Neither the rule nor anything else, and no occurrence becomes one of its own.
            let stamp = "DTSTAMP:20260301T100000Z";
            let expected = stored.replace("SUMMARY:Odd", "SUMMARY:Other").replace("DTSTAMP:20260101T000000Z", stamp);
            assert_eq!(after, expected, "{lines}");
        }
    }
}

#[test]
fn a_stretch_that_comes_back_late_is_known_again() {
    let stored = odd("RRULE:FREQ=MONTHLY;BYMONTHDAY=1,15").replace("20260302", "20150301");
    for version in [Version::V2_5, Version::V14_1, Version::V16_1] {
        let desk = desk(version);
        let long_ago = View { now: at("2024-06-20T10:00:00Z"), ..desk.view() };
        let mut shown = properties(&stored, &long_ago).unwrap();
        shown.retain(|element| element.tag != c::SUBJECT);
        shown.push(text(c::SUBJECT, "Other"));
        let after = desk.send(Some(&stored), shown.clone()).unwrap().content.unwrap();
        assert!(after.contains("RRULE:FREQ=MONTHLY;BYMONTHDAY=1,15\r\n"), "{after}");
        assert!(after.contains("DTSTART;TZID=Europe/Berlin:20150301T090000\r\n"), "{after}");
        assert!(after.contains("SUMMARY:Other") && !after.contains("EXDATE"), "{after}");
        // Without its start, and moved by an hour.
        for start in [None, Some(["20240501T080000Z", "20240501T090000Z"])] {
            let mut sent = shown.clone();
            sent.retain(|element| !matches!(element.tag, c::START_TIME | c::END_TIME));
            if let Some([start, end]) = start {
                sent.extend([text(c::START_TIME, start), text(c::END_TIME, end)]);
            }
            let after = desk.send(Some(&stored), sent).unwrap().content.unwrap();
            assert!(after.contains("RRULE:FREQ=MONTHLY;BYMONTHDAY=1,15\r\n"), "{after}");
            let begins = if start.is_some() { "20150301T100000" } else { "20150301T090000" };
            assert!(after.contains(&format!("DTSTART;TZID=Europe/Berlin:{begins}\r\n")), "{after}");
        }
    }
}

#[test]
fn an_occurrence_that_a_phone_deletes_is_an_exdate() {
    let stored = odd("RRULE:FREQ=MONTHLY;BYMONTHDAY=1,15\nRDATE;TZID=Europe/Berlin:20260320T140000");
    let old = desk(Version::V14_1);
    let shown = old.see(&stored);
    for (gone, line) in [
        ("20260415T070000Z", "EXDATE;TZID=Europe/Berlin:20260415T090000\r\n"),
        // Told as moved, by the slot at the usual time.
        ("20260320T080000Z", "EXDATE;TZID=Europe/Berlin:20260320T140000\r\n"),
    ] {
        let deleted = Element::of(c::EXCEPTION, [text(c::DELETED, "1"), text(c::EXCEPTION_START_TIME, gone)]);
        let others = child(&shown, c::EXCEPTIONS).unwrap().children().filter(|one| key_of(one) != at_compact(gone));
        let all = Element::of(c::EXCEPTIONS, others.cloned().chain([deleted]));
        let after = old.change(&stored, vec![all]);
        assert_eq!(after.replace(line, ""), stored, "{gone}");
        assert!(after.contains(line), "{after}");
        let left = dates(&on_the_phone(&old.see(&after), &berlin()));
        assert!(!left.contains(&berlin().to_datetime(at_compact(gone)).date()), "{left:?}");
        assert_eq!(old.change(&after, vec![]), after);
        let new = desk(Version::V16_1);
        let after = instance(&new, &stored, at_compact(gone), vec![], true).unwrap().content.unwrap();
        assert!(after.contains(line), "{after}");
    }
    let hole = instance(&desk(Version::V16_1), &stored, at("2026-04-16T07:00:00Z"), vec![], true);
    assert_eq!(hole.unwrap_err(), ItemError::NoSuchOccurrence);
}

fn at_compact(text: &str) -> Timestamp {
    easel_protocol::parse_date_time(text).unwrap()
}

#[test]
fn an_occurrence_that_a_phone_changes_is_an_override_of_that_occurrence() {
    let stored = odd("RRULE:FREQ=MONTHLY;BYMONTHDAY=1,15\nRDATE;TZID=Europe/Berlin:20260320T140000");
    for (slot, id) in [("20260415T070000Z", "20260415T090000"), ("20260320T080000Z", "20260320T140000")] {
        let new = desk(Version::V16_1);
        let after = instance(&new, &stored, at_compact(slot), vec![text(c::SUBJECT, "Once")], false).unwrap();
        let after = after.content.unwrap();
        assert!(after.contains(&format!("RECURRENCE-ID;TZID=Europe/Berlin:{id}\r\n")), "{after}");
        for desk in desks() {
            let shown = desk.see(&after);
            let exceptions = child(&shown, c::EXCEPTIONS).unwrap();
            let mut once = exceptions.all(c::EXCEPTION).filter(|one| one.text_of(c::SUBJECT).is_some());
            assert_eq!(key_of(once.next().unwrap()), at_compact(slot));
            assert_eq!(once.next(), None);
            assert_eq!(desk.change(&after, vec![]), after);
            let expected = dates(&on_the_phone(&desk.see(&stored), &berlin()));
            assert_eq!(dates(&on_the_phone(&shown, &berlin())), expected);
        }
    }
}

#[test]
fn a_phone_moves_the_time_of_such_a_series_and_no_more() {
    let stored = odd("RRULE:FREQ=MONTHLY;BYMONTHDAY=1,15\nRDATE;TZID=Europe/Berlin:20260320T090000");
    for desk in desks() {
        let shown = desk.see(&stored);
        let times = |start: &str, end: &str| vec![text(c::START_TIME, start), text(c::END_TIME, end)];
        let after = desk.change(&stored, times("20260302T093000Z", "20260302T103000Z"));
        assert!(after.contains("DTSTART;TZID=Europe/Berlin:20260302T103000\r\n"), "{after}");
        assert!(after.contains("RRULE:FREQ=MONTHLY;BYMONTHDAY=1,15\r\nRDATE;TZID=Europe/Berlin:20260320T103000\r\n"));
        assert!(!after.contains("EXDATE") && !after.contains("RECURRENCE-ID"), "{after}");
        let mut sent = shown.clone();
        sent.retain(|element| !matches!(element.tag, c::START_TIME | c::END_TIME));
        sent.extend(times("20260303T080000Z", "20260303T090000Z"));
        assert_eq!(rule_of(desk.send(Some(&stored), sent)), "StartTime");
    }
    // The hours of a rule are its own.
    let stored = odd("RRULE:FREQ=DAILY;BYHOUR=9,17");
    let moved = vec![text(c::START_TIME, "20260302T093000Z"), text(c::END_TIME, "20260302T103000Z")];
    assert_eq!(rule_of(desk(Version::V16_1).send(Some(&stored), moved)), "StartTime");
}

#[test]
fn another_pattern_from_the_phone_replaces_rules_and_dates_from_what_was_shown() {
    let stored = odd("RRULE:FREQ=MONTHLY;BYMONTHDAY=1,15\nRDATE;TZID=Europe/Berlin:20260320T090000");
    let stored = stored.replace("20260302", "20150301");
    for desk in desks() {
        let weekly = Element::of(c::RECURRENCE, [text(c::TYPE, "1"), text(c::DAY_OF_WEEK, "1")]);
        let after = desk.change(&stored, vec![weekly]);
        assert!(after.contains("DTSTART;TZID=Europe/Berlin:20260201T090000\r\n"), "{after}");
        assert!(after.contains("RRULE:FREQ=WEEKLY;BYDAY=SU\r\n") && !after.contains("RDATE"), "{after}");
        let single = desk.change(&stored, vec![Element::new(c::RECURRENCE)]);
        assert!(single.contains("DTSTART;TZID=Europe/Berlin:20260201T090000\r\n"), "{single}");
        assert!(
            !single.contains("RRULE:FREQ=MONTHLY") && !single.contains("RDATE") && !single.contains("EXDATE"),
            "{single}"
        );
    }
}

#[test]
fn the_window_ends_with_the_last_occurrence_of_the_set() {
    for (lines, end) in [
        ("RRULE:FREQ=WEEKLY;COUNT=2\nRRULE:FREQ=DAILY;COUNT=3", "2026-03-09T09:00:00Z"),
        ("RRULE:FREQ=WEEKLY;COUNT=2\nEXRULE:FREQ=WEEKLY;INTERVAL=1;COUNT=1", "2026-03-09T09:00:00Z"),
        (
            "RRULE:FREQ=MONTHLY;BYMONTHDAY=1,15;COUNT=3\nRDATE;TZID=Europe/Berlin:20260501T090000",
            "2026-05-01T08:00:00Z",
        ),
        ("RDATE;TZID=Europe/Berlin:20260501T090000\nEXDATE;TZID=Europe/Berlin:20260501T090000", "2026-03-02T09:00:00Z"),
    ] {
        let window = facts(&odd(lines), &desk(Version::V14_1).view()).unwrap().window;
        assert_eq!(window, WindowKey(at(end).as_millisecond()), "{lines}");
    }
}

#[test]
fn hours_in_the_rule_of_days_say_nothing() {
    for desk in desks() {
        let stored = ics("DTSTART;VALUE=DATE:20260302\nRRULE:FREQ=DAILY;BYHOUR=9;BYMINUTE=5;COUNT=3");
        let recurrence = child(&desk.see(&stored), c::RECURRENCE).cloned().unwrap();
        assert_eq!(recurrence.text_of(c::OCCURRENCES).as_deref(), Some("3"));
        assert_eq!(desk.change(&stored, vec![]), stored);
        let hourly = properties(&stored.replace("DAILY", "HOURLY"), &desk.view());
        assert!(matches!(hourly, Err(ItemError::Rule { element: "Recurrence", .. })), "{hourly:?}");
    }
}

#[test]
fn a_series_whose_occurrences_are_not_known_is_an_error() {
    for lines in [
        "RRULE:FREQ=DAILY;BYEASTER=1",
        "RRULE:RSCALE=ETHIOPIC;FREQ=YEARLY",
        "RRULE:RSCALE=HEBREW;FREQ=YEARLY\nRDATE:20260501T000000Z",
    ] {
        for desk in desks() {
            let result = properties(&odd(lines), &desk.view());
            assert!(matches!(result, Err(ItemError::Rule { element: "Recurrence", .. })), "{lines} {result:?}");
        }
    }
}

prop_compose! {
    fn odd_rule()(
        freq in 0..6_usize,
        interval in 1_u32..4,
        count in proptest::option::of(1_u32..40),
        month_days in proptest::collection::vec(prop_oneof![1_i16..=31, -5_i16..=-1], 0..3),
        months in proptest::collection::vec(1_i16..=12, 0..3),
        days in proptest::collection::vec((-3_i16..=5, 0..7_usize), 0..3),
        hours in proptest::collection::vec(0_i16..24, 0..3),
        position in proptest::option::of(prop_oneof![Just(1), Just(2), Just(-1), Just(-2)]),
    ) -> String {
        let freq = ["HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY", "MONTHLY"][freq];
        let join = |numbers: &[i16]| numbers.iter().map(i16::to_string).collect::<Vec<_>>().join(",");
        let mut rule = format!("RRULE:FREQ={freq};INTERVAL={interval}");
        let lists = [("BYMONTH", join(&months)), ("BYMONTHDAY", join(&month_days)), ("BYHOUR", join(&hours))];
        let nth = |nth: i16| if nth == 0 || !matches!(freq, "MONTHLY" | "YEARLY") { String::new() } else { nth.to_string() };
        let day = |(n, day): &(i16, usize)| format!("{}{}", nth(*n), ["SU", "MO", "TU", "WE", "TH", "FR", "SA"][*day]);
        let days = ("BYDAY", days.iter().map(day).collect::<Vec<_>>().join(","));
        for (name, list) in lists.into_iter().chain([days]).filter(|(_, list)| !list.is_empty()) {
            rule.push_str(&format!(";{name}={list}"));
        }
        if let Some(count) = count {
            rule.push_str(&format!(";COUNT={count}"));
        }
        if let Some(position) = position {
            rule.push_str(&format!(";BYSETPOS={position}"));
        }
        rule
    }
}

prop_compose! {
    fn odd_series()(
        year in 2016_i16..2028,
        (month, day, hour) in (1_i8..=12, 1_i8..=28, 3_i8..23),
        all_day in any::<bool>(),
        rules in proptest::collection::vec(odd_rule(), 0..3),
        extra in proptest::collection::vec((-10_i64..900, 3_i8..23), 0..6),
        gone in proptest::option::of(0_i64..40),
    ) -> String {
        let start = date(year, month, day).at(hour, 30, 0, 0);
        let write = |name: &str, at: DateTime| if all_day {
            format!("{name};VALUE=DATE:{}\n", at.strftime("%Y%m%d"))
        } else {
            format!("{name};TZID=Europe/Berlin:{}\n", at.strftime("%Y%m%dT%H%M%S"))
        };
        let mut lines = write("DTSTART", start);
        if !all_day {
            lines.push_str("DURATION:PT15M\n");
        }
        // RFC 5545 3.3.10: days have no hours.
        for rule in rules.iter().filter(|rule| !all_day || !rule.contains("HOUR")) {
            lines.push_str(rule);
            lines.push('\n');
        }
        for (days, hour) in &extra {
            let at = start.checked_add(days.days()).unwrap();
            lines.push_str(&write("RDATE", at.date().at(*hour, 30, 0, 0)));
        }
        if let Some(gone) = gone {
            lines.push_str(&write("EXDATE", start.checked_add(gone.days()).unwrap()));
        }
        ics(&format!("{lines}SUMMARY:Odd"))
    }
}

/// The first of each day that an event has, by nothing but the occurrences of single rules.
fn truth(stored: &str, last: DateTime, owner: &TimeZone) -> Option<BTreeSet<DateTime>> {
    let stored = stored::Stored::parse(stored).unwrap();
    let event = stored.main();
    let start = stored.when(event.line("DTSTART").unwrap()).unwrap().local;
    let mut all: BTreeSet<DateTime> = stored.dates(event, "RDATE").into_iter().map(|when| when.local).collect();
    let rules: Vec<Rule> = event.all("RRULE").map(|line| Rule::parse(&line.value).unwrap()).collect();
    let off = !rules.iter().any(|rule| rule.occurrences(start, owner).next() == Some(start));
    for mut rule in rules.clone() {
        if off && rules.len() == 1 {
            rule.count = rule.count.map(|count| count - 1);
        }
        let mut occurrences = rule.occurrences(start, owner);
        let before = all.len();
        let mut reached = start;
        all.extend(occurrences.by_ref().inspect(|at| reached = *at).take_while(|at| *at <= last));
        if reached <= last && !occurrences.is_complete() && all.len() > before {
            // An hourly rule of many years is more than this counts.
            return None;
        }
    }
    all.insert(start);
    let mut firsts = BTreeSet::new();
    for at in all.into_iter().filter(|at| *at <= last) {
        if firsts.last().is_none_or(|before: &DateTime| before.date() != at.date()) {
            firsts.insert(at);
        }
    }
    let gone: Vec<DateTime> = stored.dates(event, "EXDATE").into_iter().map(|when| when.local).collect();
    Some(firsts.into_iter().filter(|at| !gone.contains(at)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_days_a_phone_computes_are_the_days_that_are(stored in odd_series(), new in any::<bool>()) {
        let desk = &desks()[usize::from(new)];
        if let Ok(shown) = properties(&stored, &desk.view()) {
            if child(&shown, c::RECURRENCE).is_none() {
                return Ok(());
            }
            let dates = new && stored.contains("DTSTART;VALUE=DATE");
            let zone = if dates { TimeZone::UTC } else { berlin() };
            let told = on_the_phone(&shown, &zone);
            let start = zone.to_datetime(easel_protocol::parse_date_time(&child(&shown, c::START_TIME).unwrap().value()).unwrap());
            // To the end of the stretch; a plain pattern is looked at for as long as the phone does.
            let last = told.last().copied().unwrap_or(start).date().at(23, 59, 59, 0);
            let first = start.date().at(0, 0, 0, 0);
            let Some(truth) = truth(&stored, last, &berlin()) else { return Ok(()) };
            let truth: Vec<DateTime> = truth.into_iter().filter(|at| *at >= first).collect();
            prop_assert_eq!(&told, &truth, "{}", stored);
            let back = desk.send(Some(&stored), shown).unwrap();
            prop_assert_eq!(back.content.as_deref(), Some(stored.as_str()));
        }
    }
}

#[test]
fn a_date_in_the_hour_that_summer_time_skips_is_told_by_its_moment() {
    let stored = ics("DTSTART;TZID=Europe/Berlin:20210206T053000\nDURATION:PT1H\nSUMMARY:Odd\n\
         RRULE:FREQ=HOURLY;INTERVAL=3;BYDAY=SU;COUNT=10\nRDATE;TZID=Europe/Berlin:20210328T033000");
    for desk in desks() {
        let shown = properties(&stored, &desk.view()).unwrap();
        let told = on_the_phone(&shown, &berlin());
        assert_eq!(told.last(), Some(&date(2021, 3, 28).at(3, 30, 0, 0)), "{told:?}");
        assert_eq!(desk.send(Some(&stored), shown).unwrap().content.as_deref(), Some(stored.as_str()));
    }
}
