//! What an event costs: shown, sent back, measured for the store; and the worst a rule can do.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use easel_items::{BodyPreference, BodyPreferences, BodyType, Edit, Ghosting, Owner, View, calendar, recurrence};
use easel_protocol::Version;
use easel_wbxml::Element;
use easel_wbxml::pages::airsync::APPLICATION_DATA;
use jiff::tz::TimeZone;

const SERIES: &str = include_str!("../../../tests/fixtures/calendar/google-series.ics");

fn events(c: &mut Criterion) {
    let owner = Owner {
        name: "Ada".to_owned(),
        addresses: vec!["ada@example.org".to_owned()],
        zone: TimeZone::get("Europe/Berlin").expect("the zone is bundled"),
    };
    let text = BodyPreference { kind: BodyType::Text, truncation_size: None, all_or_none: false, preview: None };
    let body = BodyPreferences { types: vec![text], ..BodyPreferences::default() };
    let now = "2026-03-01T10:00:00Z".parse().expect("it is a date");
    let view =
        View { version: Version::V14_1, owner: &owner, body: &body, now, manner: easel_items::Manner::default() };
    let shown = calendar::properties(SERIES, &view).expect("it is a series");
    let data = Element::of(APPLICATION_DATA, shown);
    let ghosting = Ghosting::None;
    let edit =
        Edit { data: &data, ghosting: &ghosting, base: None, shown: &body, instance: None, delete_instance: false };

    c.bench_function("a series with exceptions, shown", |b| b.iter(|| calendar::properties(black_box(SERIES), &view)));
    c.bench_function("a series with exceptions, sent back", |b| {
        b.iter(|| calendar::apply(Some(black_box(SERIES)), &edit, &view));
    });
    c.bench_function("the facts of a series", |b| b.iter(|| calendar::facts(black_box(SERIES), &view)));
    for rule in ["FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY"] {
        let rule = recurrence::Rule::parse(rule).expect("it is a rule");
        let start = jiff::civil::date(2026, 3, 2).at(9, 0, 0, 0);
        c.bench_function(&format!("every occurrence of {rule}"), |b| {
            b.iter(|| rule.occurrences(black_box(start), &TimeZone::UTC).count());
        });
    }
}

criterion_group!(benches, events);
criterion_main!(benches);
