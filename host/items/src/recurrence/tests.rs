use easel_protocol::Version;
use easel_protocol::compact;
use easel_wbxml::Element;
use easel_wbxml::pages::calendar;
use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;

use super::*;
use crate::ItemError;

const START: DateTime = date(2026, 3, 2).at(9, 0, 0, 0);

fn first(rule: &str, start: DateTime, count: usize) -> Vec<String> {
    let rule = Rule::parse(rule).unwrap();
    rule.occurrences(start, &TimeZone::UTC).take(count).map(|at| at.strftime("%Y%m%d").to_string()).collect()
}

fn pattern_of(rule: &str, start: DateTime) -> Result<Pattern, Unsayable> {
    let say = |at: DateTime| at.to_zoned(TimeZone::UTC).unwrap().timestamp();
    Rule::parse(rule).unwrap().to_pattern(start, &TimeZone::UTC, Version::V16_1, say)
}

fn element(rule: &str, version: Version) -> Element {
    let say = |at: DateTime| at.to_zoned(TimeZone::UTC).unwrap().timestamp();
    let pattern = Rule::parse(rule).unwrap().to_pattern(START, &TimeZone::UTC, version, say).unwrap();
    pattern.to_element(&CALENDAR, version, compact)
}

/// Pairs of the element's children, `Type=1 ...`.
fn words(element: &Element) -> String {
    let word = |child: &Element| format!("{}={}", child.tag.name().unwrap(), child.value());
    element.children().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn occurrences_are_those_of_the_standard() {
    assert_eq!(first("FREQ=WEEKLY;BYDAY=MO,WE;COUNT=3", START, 9), ["20260302", "20260304", "20260309"]);
    assert_eq!(first("FREQ=MONTHLY;BYMONTHDAY=31", START, 3), ["20260331", "20260531", "20260731"]);
    assert_eq!(first("FREQ=MONTHLY;BYDAY=-1FR", START, 3), ["20260327", "20260424", "20260529"]);
    assert_eq!(first("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", START, 2), ["20260331", "20260430"]);
    assert_eq!(first("FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", START, 2), ["20261126", "20271125"]);
    assert_eq!(first("FREQ=DAILY;INTERVAL=10;UNTIL=20260325T090000Z", START, 9), ["20260302", "20260312", "20260322"]);
    assert_eq!(first("FREQ=DAILY;UNTIL=20260303", START, 9), ["20260302", "20260303"]);
    assert_eq!(first("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", START, 2), ["20260511", "20270517"]);
    assert_eq!(first("FREQ=YEARLY;BYYEARDAY=-1", START, 2), ["20261231", "20271231"]);
    assert_eq!(first("FREQ=YEARLY", date(2024, 2, 29).at(9, 0, 0, 0), 2), ["20240229", "20280229"]);
    // RFC 5545 shows what the first day of a week changes.
    let august = date(1997, 8, 5).at(9, 0, 0, 0);
    let fortnightly = "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=";
    assert_eq!(first(&format!("{fortnightly}MO"), august, 9), ["19970805", "19970810", "19970819", "19970824"]);
    assert_eq!(first(&format!("{fortnightly}SU"), august, 9), ["19970805", "19970817", "19970819", "19970831"]);
    assert_eq!(first("FREQ=HOURLY;INTERVAL=12", START, 3), ["20260302", "20260302", "20260303"]);
    assert_eq!(first("FREQ=DAILY;BYHOUR=9,15;COUNT=3", START, 9), ["20260302", "20260302", "20260303"]);
}

#[test]
fn hostile_rules_end_within_a_bound() {
    for rule in [
        "FREQ=SECONDLY",
        "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MINUTELY;BYHOUR=3;BYMONTHDAY=31;BYMONTH=2",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;COUNT=4294967295",
        "FREQ=YEARLY;INTERVAL=4294967295",
        "FREQ=WEEKLY;INTERVAL=4294967295;BYDAY=SU",
        "FREQ=DAILY;BYSETPOS=366",
        "FREQ=MONTHLY;BYDAY=53SU",
        "RSCALE=HEBREW;FREQ=YEARLY",
    ] {
        let rule = Rule::parse(rule).unwrap();
        let mut occurrences = rule.occurrences(START, &TimeZone::UTC);
        assert!(occurrences.by_ref().count() <= 50_001, "{rule}");
        assert!(!occurrences.is_complete(), "{rule}");
    }
    let all = |most: i16| (0..most).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let crowded = format!("FREQ=DAILY;BYHOUR={};BYMINUTE={};BYSECOND={}", all(24), all(60), all(60));
    assert_eq!(Rule::parse(&crowded).unwrap().occurrences(START, &TimeZone::UTC).count(), 0);
    for text in ["", "FREQ=", "COUNT=3", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;COUNT=x", "FREQ=DAILY;BYDAY=\u{fc}"] {
        assert!(Rule::parse(text).is_err(), "{text}");
    }
    assert!(Rule::parse(&"FREQ=DAILY;".repeat(1_000)).is_err());
}

#[test]
fn the_rules_of_a_set_share_one_bound_and_a_start_is_looked_for_where_it_is() {
    let never = ["FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=SECONDLY;BYMONTH=4;BYMONTHDAY=31"];
    let rules: Vec<Rule> = never.iter().cycle().take(10).map(|rule| Rule::parse(rule).unwrap()).collect();
    assert!(!rules[0].has_start(START, &TimeZone::UTC));
    assert!(Rule::parse("FREQ=WEEKLY;BYDAY=SU,MO").unwrap().has_start(START, &TimeZone::UTC));
    let set = Set::new(START, rules.clone(), rules, Vec::new(), &TimeZone::UTC);
    let mut all = set.occurrences(&TimeZone::UTC);
    assert_eq!(all.by_ref().count(), 0);
    assert!(!all.is_complete());
    assert!((STEPS_MAX / 2..=STEPS_MAX + 100).contains(&all.steps()), "{}", all.steps());
}

#[test]
fn what_bysetpos_does_not_choose_costs_as_much_as_what_it_does() {
    let all = |most: i16| (0..most).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let minutes = format!("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR={};BYMINUTE={};BYSETPOS=1", all(24), all(60));
    let rule = Rule::parse(&minutes).unwrap();
    let mut occurrences = rule.occurrences(START, &TimeZone::UTC);
    assert_eq!(occurrences.by_ref().count(), 1);
    assert!(!occurrences.is_complete());
    // More in one period than the bound: not even made.
    let yearly = Rule::parse(&minutes.replace("MONTHLY", "YEARLY")).unwrap();
    let mut occurrences = yearly.occurrences(START, &TimeZone::UTC);
    assert_eq!(occurrences.by_ref().count(), 0);
    assert!(!occurrences.is_complete() && occurrences.steps() < STEPS_MAX);
}

#[test]
fn a_rule_without_a_match_ends_at_its_until() {
    let rule = Rule::parse("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;UNTIL=20300101T000000Z").unwrap();
    let mut occurrences = rule.occurrences(START, &TimeZone::UTC);
    assert_eq!(occurrences.next(), None);
    assert!(occurrences.is_complete());
}

#[test]
fn every_type_goes_to_the_device_and_back() {
    for (rule, expected) in [
        ("FREQ=DAILY", "Type=0 Interval=1"),
        ("FREQ=DAILY;INTERVAL=3;COUNT=5", "Type=0 Occurrences=5 Interval=3"),
        ("FREQ=DAILY;UNTIL=20260401T090000Z", "Type=0 Until=20260401T090000Z Interval=1"),
        ("FREQ=WEEKLY;BYDAY=MO,FR;WKST=MO", "Type=1 Interval=1 DayOfWeek=34 FirstDayOfWeek=1"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=SU", "Type=1 Interval=2 DayOfWeek=1 FirstDayOfWeek=0"),
        ("FREQ=MONTHLY;BYMONTHDAY=15", "Type=2 Interval=1 DayOfMonth=15 CalendarType=0"),
        ("FREQ=MONTHLY;BYDAY=2TU", "Type=3 Interval=1 DayOfWeek=4 WeekOfMonth=2 CalendarType=0"),
        ("FREQ=MONTHLY;BYDAY=-1TU", "Type=3 Interval=1 DayOfWeek=4 WeekOfMonth=5 CalendarType=0"),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1", "Type=3 Interval=1 DayOfWeek=62 WeekOfMonth=1 CalendarType=0"),
        ("FREQ=MONTHLY;BYDAY=SU,SA;BYSETPOS=-1", "Type=3 Interval=1 DayOfWeek=65 WeekOfMonth=5 CalendarType=0"),
        (
            "FREQ=MONTHLY;BYDAY=SU,MO,TU,WE,TH,FR,SA;BYSETPOS=-1",
            "Type=3 Interval=1 DayOfWeek=127 WeekOfMonth=5 CalendarType=0",
        ),
        ("FREQ=YEARLY;BYMONTH=7;BYMONTHDAY=4", "Type=5 Interval=1 DayOfMonth=4 MonthOfYear=7 CalendarType=0"),
        (
            "FREQ=YEARLY;INTERVAL=2;BYMONTH=11;BYDAY=4TH",
            "Type=6 Interval=2 DayOfWeek=16 WeekOfMonth=4 MonthOfYear=11 CalendarType=0",
        ),
        (
            "RSCALE=HEBREW;FREQ=YEARLY;BYMONTH=5L;BYMONTHDAY=8",
            "Type=5 Interval=1 DayOfMonth=8 MonthOfYear=5 CalendarType=8 IsLeapMonth=1",
        ),
    ] {
        let made = element(rule, Version::V16_1);
        assert_eq!(words(&made), expected);
        let read = Pattern::read(&made, &CALENDAR).unwrap().unwrap();
        assert_eq!(read.to_rule(START, Until::Utc).to_string(), rule, "{expected}");
    }
}

#[test]
fn older_versions_lack_the_newer_elements() {
    assert_eq!(words(&element("FREQ=MONTHLY;BYMONTHDAY=15", Version::V12_1)), "Type=2 Interval=1 DayOfMonth=15");
    assert_eq!(words(&element("FREQ=WEEKLY;BYDAY=MO", Version::V14_0)), "Type=1 Interval=1 DayOfWeek=2");
}

#[test]
fn equal_meanings_are_found() {
    for (rule, expected) in [
        ("FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR", "Type=1 Interval=1 DayOfWeek=62 FirstDayOfWeek=1"),
        ("FREQ=MONTHLY;BYDAY=MO", "Type=1 Interval=1 DayOfWeek=2 FirstDayOfWeek=1"),
        ("FREQ=MONTHLY;BYDAY=TU;BYSETPOS=2", "Type=3 Interval=1 DayOfWeek=4 WeekOfMonth=2 CalendarType=0"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "Type=3 Interval=1 DayOfWeek=127 WeekOfMonth=5 CalendarType=0"),
        ("FREQ=MONTHLY;BYMONTH=3;BYMONTHDAY=2", "Type=5 Interval=1 DayOfMonth=2 MonthOfYear=3 CalendarType=0"),
        ("FREQ=WEEKLY", "Type=1 Interval=1 DayOfWeek=2 FirstDayOfWeek=1"),
        ("FREQ=MONTHLY", "Type=2 Interval=1 DayOfMonth=2 CalendarType=0"),
        ("FREQ=YEARLY;BYHOUR=9;BYMINUTE=0", "Type=5 Interval=1 DayOfMonth=2 MonthOfYear=3 CalendarType=0"),
        ("FREQ=DAILY;COUNT=1000", "Type=0 Until=20281125T090000Z Interval=1"),
    ] {
        assert_eq!(words(&element(rule, Version::V14_1)), expected, "{rule}");
    }
}

#[test]
fn a_rule_that_no_pattern_says_is_never_told_as_another() {
    for rule in [
        "FREQ=SECONDLY",
        "FREQ=HOURLY;INTERVAL=24",
        "FREQ=DAILY;BYHOUR=9,17",
        "FREQ=DAILY;INTERVAL=2;BYDAY=MO",
        "FREQ=DAILY;BYMONTH=1",
        "FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=1",
        "FREQ=MONTHLY;BYMONTHDAY=1,15",
        "FREQ=MONTHLY;BYMONTHDAY=-2",
        "FREQ=MONTHLY;BYDAY=5MO",
        "FREQ=MONTHLY;BYDAY=-2MO",
        "FREQ=MONTHLY;BYDAY=1MO,3MO",
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=MO",
        "FREQ=MONTHLY;BYMONTH=1,7;BYMONTHDAY=1",
        "FREQ=YEARLY;BYDAY=20MO",
        "FREQ=YEARLY;BYWEEKNO=20",
        "FREQ=YEARLY;BYYEARDAY=100",
        "FREQ=YEARLY;BYMONTHDAY=15",
        "FREQ=DAILY;INTERVAL=1000",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;BYEASTER=1",
        "RSCALE=ETHIOPIC;FREQ=YEARLY",
    ] {
        assert!(pattern_of(rule, START).is_err(), "{rule}");
    }
}

#[test]
fn broken_patterns_are_refused_with_the_element_at_fault() {
    let make = |children: &[(easel_wbxml::Tag, &str)]| {
        Element::of(calendar::RECURRENCE, children.iter().map(|(tag, text)| Element::text(*tag, *text)))
    };
    let kind = |kind| (calendar::TYPE, kind);
    for (children, at_fault) in [
        (vec![kind("4")], "Type"),
        (vec![kind("7")], "Type"),
        (vec![(calendar::INTERVAL, "1")], "Type"),
        (vec![kind("0"), (calendar::DAY_OF_MONTH, "1")], "DayOfMonth"),
        (vec![kind("2"), (calendar::DAY_OF_WEEK, "1")], "DayOfWeek"),
        (vec![kind("1"), (calendar::MONTH_OF_YEAR, "1")], "MonthOfYear"),
        (vec![kind("5"), (calendar::WEEK_OF_MONTH, "1")], "WeekOfMonth"),
        (vec![kind("1"), (calendar::FIRST_DAY_OF_WEEK, "7")], "FirstDayOfWeek"),
        (vec![kind("1"), (calendar::DAY_OF_WEEK, "0")], "DayOfWeek"),
        (vec![kind("1"), (calendar::DAY_OF_WEEK, "128")], "DayOfWeek"),
        (vec![kind("0"), (calendar::INTERVAL, "1000")], "Interval"),
        (vec![kind("0"), (calendar::OCCURRENCES, "0")], "Occurrences"),
        (vec![kind("2"), (calendar::CALENDAR_TYPE, "1"), (calendar::CALENDAR_TYPE, "1")], "CalendarType"),
        (vec![kind("2"), (calendar::CALENDAR_TYPE, "13")], "CalendarType"),
        (vec![kind("2"), (calendar::CALENDAR_TYPE, "23")], "CalendarType"),
    ] {
        match Pattern::read(&make(&children), &CALENDAR) {
            Err(ItemError::Rule { element, .. }) => assert_eq!(element, at_fault),
            other => panic!("{children:?} gave {other:?}"),
        }
    }
    assert_eq!(Pattern::read(&make(&[]), &CALENDAR), Ok(None));
}

#[test]
fn occurrences_win_over_until_and_daily_with_days_is_weekly() {
    let children = [
        (calendar::TYPE, "0"),
        (calendar::UNTIL, "20270101T000000Z"),
        (calendar::OCCURRENCES, "4"),
        (calendar::DAY_OF_WEEK, "62"),
    ];
    let made = Element::of(calendar::RECURRENCE, children.map(|(tag, text)| Element::text(tag, text)));
    let rule = Pattern::read(&made, &CALENDAR).unwrap().unwrap().to_rule(START, Until::Utc);
    assert_eq!(rule.to_string(), "FREQ=WEEKLY;COUNT=4;BYDAY=MO,TU,WE,TH,FR");
}

#[test]
fn a_calendar_that_rscale_cannot_say_stays_in_a_parameter() {
    let mut pattern = pattern_of("FREQ=MONTHLY;BYMONTHDAY=3", START).unwrap();
    for number in [0, 1, 2, 5, 6, 8, 14, 15, 20] {
        pattern.calendar_type = Some(number);
        let line = pattern.to_rule(START, Until::Utc).to_line();
        let say = |at: DateTime| at.to_zoned(TimeZone::UTC).unwrap().timestamp();
        let again = Rule::of_line(&line).unwrap().to_pattern(START, &TimeZone::UTC, Version::V14_0, say).unwrap();
        assert_eq!(again.calendar_type.unwrap_or(0), number);
        if number > 5 {
            let old = Rule::of_line(&line).unwrap().to_pattern(START, &TimeZone::UTC, Version::V12_1, say);
            assert!(old.is_err());
        }
    }
}
