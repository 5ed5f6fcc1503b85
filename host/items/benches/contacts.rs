//! What a page of contacts costs: vCard to properties, and a change coming in.
//!
//! `cargo bench -p easel-items --bench contacts`

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use easel_items::{BodyPreference, BodyPreferences, BodyType, Edit, Ghosting, Owner, View, contacts, lines};
use easel_protocol::Version;
use easel_wbxml::pages::airsync::APPLICATION_DATA;
use easel_wbxml::pages::contacts::JOB_TITLE;
use easel_wbxml::{Element, Encoder};
use jiff::Timestamp;
use jiff::tz::TimeZone;

fn card(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/contacts").join(file);
    let text = std::fs::read_to_string(path).expect("the fixture is in the repository");
    contacts::split(&text).expect("the fixture holds cards").remove(0)
}

fn contacts(criterion: &mut Criterion) {
    let owner = Owner { name: "Ada".to_owned(), addresses: vec!["ada@example.org".to_owned()], zone: TimeZone::UTC };
    let types = vec![BodyPreference { kind: BodyType::Text, truncation_size: None, all_or_none: false, preview: None }];
    let body = BodyPreferences { types, ..BodyPreferences::default() };
    let view = View {
        version: Version::V14_1,
        owner: &owner,
        body: &body,
        now: Timestamp::UNIX_EPOCH,
        manner: easel_items::Manner::default(),
    };
    let mut group = criterion.benchmark_group("contacts");
    group.throughput(Throughput::Elements(1));
    for (name, file) in [("without a photo", "google.vcf"), ("with a photo", "apple.vcf")] {
        let card = card(file);
        group.bench_function(format!("vCard to lines, {name}"), |bencher| {
            bencher.iter(|| lines::parse(black_box(&card), "vCard").expect("the card is one"));
        });
        group.bench_function(format!("vCard to properties, {name}"), |bencher| {
            bencher.iter(|| contacts::properties(black_box(&card), &view).expect("the card is one"));
        });
        let properties = contacts::properties(&card, &view).expect("the card is one");
        group.bench_function(format!("vCard to WBXML, {name}"), |bencher| {
            bencher.iter(|| {
                let mut encoder = Encoder::new();
                let properties = contacts::properties(black_box(&card), &view).expect("the card is one");
                properties.iter().for_each(|element| encoder.element(element));
                encoder.take()
            });
        });
        let data = Element::of(APPLICATION_DATA, properties).with(Element::text(JOB_TITLE, "new"));
        let ghosting = Ghosting::None;
        let edit =
            Edit { data: &data, ghosting: &ghosting, base: None, shown: &body, instance: None, delete_instance: false };
        group.bench_function(format!("change into a vCard, {name}"), |bencher| {
            bencher.iter(|| contacts::apply(Some(black_box(&card)), &edit, &view).expect("the change is lawful"));
        });
    }
    group.finish();
}

criterion_group!(benches, contacts);
criterion_main!(benches);
