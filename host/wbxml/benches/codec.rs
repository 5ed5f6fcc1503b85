//! What decoding and encoding cost. `cargo bench -p easel-wbxml`

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput};
use easel_wbxml::pages::{airsync, airsyncbase};
use easel_wbxml::{Element, Encoder, decode, encode};

/// The bytes of a checked vector.
fn vector(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/spec/vectors").join(name);
    let hex = fs::read_to_string(path).expect("the vector is there");
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).expect("two digits are a byte")).collect()
}

/// What a phone sends when it asks for nothing but changes.
fn no_change_request() -> Element {
    let collection = Element::of(
        airsync::COLLECTION,
        [
            Element::text(airsync::SYNC_KEY, "b0a1b2c3d4e5"),
            Element::text(airsync::COLLECTION_ID, "f5"),
            Element::new(airsync::GET_CHANGES),
            Element::text(airsync::WINDOW_SIZE, "100"),
        ],
    );
    Element::of(airsync::SYNC, [Element::of(airsync::COLLECTIONS, [collection])])
}

/// A page of mail, as the vector with one mail has it, each body of two kilobytes.
fn page(items: usize) -> Element {
    let mut page = decode(&vector("04-sync-email-add-response.hex")).expect("the vector decodes");
    let commands = page
        .at(&[airsync::COLLECTIONS, airsync::COLLECTION, airsync::COMMANDS])
        .expect("the vector has commands")
        .clone();
    let mut add = commands.children().next().expect("the vector has an Add").clone();
    let body = Element::of(
        airsyncbase::BODY,
        [
            Element::text(airsyncbase::TYPE, "1"),
            Element::text(airsyncbase::DATA, "Grüße aus der Ferne.\r\n".repeat(90)),
        ],
    );
    add.push(body);
    page = Element::of(airsync::SYNC, [Element::of(airsync::COMMANDS, std::iter::repeat_n(add, items))]);
    page
}

fn measure(criterion: &mut Criterion, name: &str, tree: &Element) {
    let wire = encode(tree);
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(wire.len() as u64));
    group.bench_function("decode", |bencher| bencher.iter(|| decode(black_box(&wire)).expect("it decodes")));
    group.bench_function("encode", |bencher| bencher.iter(|| encode(black_box(tree))));
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    measure(&mut criterion, "no-change Sync request", &no_change_request());
    let mail = decode(&vector("04-sync-email-add-response.hex")).expect("the vector decodes");
    measure(&mut criterion, "Sync answer with one mail", &mail);
    let page = page(500);
    measure(&mut criterion, "Sync answer with 500 mails", &page);
    // As a server streams it: an item a piece.
    let items: Vec<&Element> = page.children().flat_map(Element::children).collect();
    criterion.bench_function("500 mails streamed in pieces", |bencher| {
        bencher.iter(|| {
            let mut encoder = Encoder::new();
            encoder.start(airsync::SYNC);
            encoder.start(airsync::COMMANDS);
            let sent: usize = items
                .iter()
                .map(|item| {
                    encoder.element(item);
                    black_box(encoder.take()).len()
                })
                .sum();
            encoder.end();
            encoder.end();
            sent + encoder.take().len()
        });
    });
    criterion.final_summary();
}
