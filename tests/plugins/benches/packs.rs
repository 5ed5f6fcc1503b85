//! What packs cost: per page of items, per load, when they loop, and when there are many of them.

#![allow(missing_docs, reason = "criterion's macros")]
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a benchmark")]

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use easel_plugin::{Asked, DevicePlugins, NoPlugin, Outcome};
use easel_plugin_wasm::{Cache, Ledger, Overrides, PackFolder, Packs, Trust, sha256};
use easel_plugins_tests::{Bench, contact, context, facts, odd, odd_as, send, send_with};
use easel_protocol::{Class, Command};
use easel_wbxml::Element;

fn page() -> Vec<Vec<Element>> {
    (0..100).map(|number| contact(&format!("muster, anna {number}"))).collect()
}

fn send_page(plugins: &dyn DevicePlugins, class: Class, agent: &str, page: Vec<Vec<Element>>) {
    let asked = Asked::new(plugins.serve(&facts(agent)));
    for item in page {
        black_box(asked.outgoing(&context(Command::Sync, &[]), class, &mut None, item));
    }
}

/// The same, by what serves the device already.
fn ask_page(asked: &Asked, class: Class, page: Vec<Vec<Element>>) {
    for item in page {
        black_box(asked.outgoing(&context(Command::Sync, &[]), class, &mut None, item));
    }
}

fn pages(criterion: &mut Criterion) {
    let bench = Bench::default();
    let packs = bench.packs(Overrides::default(), [bench.load(odd())]);
    let mut group = criterion.benchmark_group("page of 100");
    group.bench_function("no pack", |b| {
        let plugin = NoPlugin.serve(&facts("odd/edit"));
        b.iter_batched(
            page,
            |page| ask_page(&Asked::new(plugin.clone()), Class::Contacts, page),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("a pack that only declares", |b| {
        let plugin = packs.serve(&facts("odd/edit"));
        b.iter_batched(page, |page| ask_page(&Asked::new(plugin.clone()), Class::Notes, page), BatchSize::SmallInput);
    });
    group.bench_function("a pack that edits every contact", |b| {
        let plugin = packs.serve(&facts("odd/edit"));
        b.iter_batched(
            page,
            |page| ask_page(&Asked::new(plugin.clone()), Class::Contacts, page),
            BatchSize::SmallInput,
        );
    });
    group.finish();
    criterion.bench_function("decide about a device", |b| b.iter(|| black_box(packs.serve(&facts("odd/edit")))));
    criterion.bench_function("one contact in a request of its own", |b| {
        let plugin = packs.serve(&facts("odd/edit"));
        b.iter_batched(
            || contact("x"),
            |item| black_box(send_with(&Asked::new(plugin.clone()), item)),
            BatchSize::SmallInput,
        );
    });
}

fn loading(criterion: &mut Criterion) {
    let bench = Bench::default();
    let root = tempfile::tempdir().unwrap();
    let trust = || Trust::new(Vec::new(), vec![sha256(odd())]);
    let file = root.path().join("odd.wasm");
    fs::write(&file, odd()).unwrap();
    println!("the pack has {} bytes", odd().len());
    let mut group = criterion.benchmark_group("load");
    group.sample_size(20);
    let fresh = bench.loader(trust());
    group.bench_function("compiled", |b| b.iter(|| black_box(fresh.load(&file).unwrap())));
    let ledger = Arc::clone(&bench.ledger) as Arc<dyn Ledger>;
    let cached = bench.loader(trust()).cached(Cache::open(root.path().join("cache"), ledger).unwrap());
    cached.load(&file).unwrap();
    group.bench_function("from the cache", |b| b.iter(|| black_box(cached.load(&file).unwrap())));
    group.finish();
}

fn percentile(times: &mut [Duration], of: usize) -> Duration {
    times.sort();
    times[(times.len() - 1) * of / 100]
}

/// Measured by hand: the question is not how long on average.
fn by_hand(_: &mut Criterion) {
    runaway();
    crowd();
    reloads();
}

fn runaway() {
    let bench = Bench::default();
    let packs = bench.packs(Overrides::default(), [bench.load(odd())]);
    let turn = |_| {
        let page = page();
        let began = Instant::now();
        send_page(&*packs, Class::Contacts, "odd/spin", page);
        bench.clock.advance(Duration::from_secs(7));
        began.elapsed()
    };
    let mut times: Vec<Duration> = (0..50).map(turn).collect();
    println!(
        "a page of 100 contacts and a pack that loops: p50 {:?}, p99 {:?}, worst {:?}",
        percentile(&mut times, 50),
        percentile(&mut times, 99),
        percentile(&mut times, 100)
    );
    let measure = |packs: &Packs| {
        let turn = |number: u32| {
            let item = contact(&number.to_string());
            let began = Instant::now();
            black_box(send(packs, "odd/edit", item));
            let took = began.elapsed();
            std::thread::yield_now();
            took
        };
        (0..2_000).map(turn).collect::<Vec<_>>()
    };
    let mut alone = measure(&packs);
    let over = AtomicBool::new(false);
    let mut beside = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let mut looping = facts("odd/spin");
                looping.device_id = "ODD2".to_owned();
                send_with(&Asked::new(packs.serve(&looping)), contact("x"));
                bench.clock.advance(Duration::from_secs(7));
            }
        });
        let times = measure(&packs);
        over.store(true, Ordering::Relaxed);
        times
    });
    println!(
        "a request beside it: p50 {:?}, p99 {:?}; alone: p50 {:?}, p99 {:?}",
        percentile(&mut beside, 50),
        percentile(&mut beside, 99),
        percentile(&mut alone, 50),
        percentile(&mut alone, 99)
    );
}

/// What the process has in memory, in KiB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn crowd() {
    let bench = Bench::default();
    let first = bench.packs(Overrides::default(), [bench.load(odd())]);
    let per_serve = |packs: &Packs| {
        let facts = facts("odd/edit");
        let began = Instant::now();
        for _ in 0..2_000 {
            black_box(packs.serve(&facts));
        }
        began.elapsed() / 2_000
    };
    let per_page = |packs: &Packs| {
        let plugin = packs.serve(&facts("odd/edit"));
        let pages: Vec<_> = (0..50).map(|_| page()).collect();
        let began = Instant::now();
        for page in pages {
            ask_page(&Asked::new(Arc::clone(&plugin)), Class::Contacts, page);
        }
        began.elapsed() / 50
    };
    let (serve_one, page_one) = (per_serve(&first), per_page(&first));
    // From the cache, as a server that starts again has them; what compiling takes meanwhile is not theirs.
    let root = tempfile::tempdir().unwrap();
    let ids: Vec<String> = (0..100).map(|number| format!("odd-{number:03}")).collect();
    let components: Vec<Vec<u8>> = ids.iter().map(|id| odd_as(id, "1.0.0")).collect();
    let trust = Trust::new(Vec::new(), components.iter().map(|bytes| sha256(bytes)).collect());
    let ledger = Arc::clone(&bench.ledger) as Arc<dyn Ledger>;
    let loader = bench.loader(trust).cached(Cache::open(root.path().join("cache"), ledger).unwrap());
    let load = |bytes: &Vec<u8>| Arc::new(loader.load_bytes(Path::new("odd.wasm"), bytes, None).unwrap());
    components.iter().for_each(|bytes| drop(load(bytes)));
    let before = resident();
    let began = Instant::now();
    let packs = bench.packs(Overrides::default(), components.iter().map(load));
    let took = began.elapsed();
    let (serve_all, page_all) = (per_serve(&packs), per_page(&packs));
    let after = resident();
    println!("100 packs: {} KiB in memory, loaded from the cache in {took:?}", after.saturating_sub(before));
    println!("deciding about a device: {serve_one:?} with one pack, {serve_all:?} with 100");
    println!("a page of 100 contacts: {page_one:?} with one pack, {page_all:?} with 100");
}

fn reloads() {
    let bench = Bench::default();
    let root = tempfile::tempdir().unwrap();
    let versions: Vec<Vec<u8>> = (0..1_000).map(|number| odd_as("odd", &format!("1.{number}.0"))).collect();
    let trust = Trust::new(Vec::new(), versions.iter().map(|bytes| sha256(bytes)).collect());
    let ledger = Arc::clone(&bench.ledger) as Arc<dyn Ledger>;
    let packs = bench.packs(Overrides::default(), []);
    let cache = Cache::open(root.path().join("cache"), ledger).unwrap();
    // The first three are compiled once before, for the time from rename to service out of the cache.
    let warm = bench.loader(trust.clone()).cached(cache.clone());
    for bytes in &versions[..3] {
        warm.load_bytes(Path::new("odd.wasm"), bytes, None).unwrap();
    }
    let loader = bench.loader(trust).cached(cache);
    let folder = PackFolder::open(root.path().join("packs"), loader, Arc::clone(&packs)).unwrap();
    let watch = folder.watch().unwrap();
    let put = |bytes: &[u8]| {
        fs::write(root.path().join("new"), bytes).unwrap();
        fs::rename(root.path().join("new"), root.path().join("packs/odd.wasm")).unwrap();
    };
    let serves = |version: &str| packs.serve(&facts("odd/edit")).pack().is_some_and(|pack| pack.version == version);
    let time = |number: usize| {
        let version = format!("1.{number}.0");
        let began = Instant::now();
        put(&versions[number]);
        while !serves(&version) {
            std::thread::yield_now();
        }
        black_box(send(&packs, "odd/edit", contact("x")));
        began.elapsed()
    };
    let mut cached: Vec<Duration> = (0..3).map(time).collect();
    let mut compiled: Vec<Duration> = (3..13).map(time).collect();
    println!(
        "from rename to the first answer: {:?} from the cache, {:?} compiled (medians, 50 ms of quiet included)",
        percentile(&mut cached, 50),
        percentile(&mut compiled, 50)
    );
    drop(watch);
    let (over, sent, failed) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let before = resident();
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let outcome = send(&packs, "odd/edit", contact("x"));
                let edited = matches!(&outcome, Outcome::As(of) if of[0].value() == "X");
                sent.fetch_add(1, Ordering::Relaxed);
                failed.fetch_add(u64::from(!edited), Ordering::Relaxed);
            }
        });
        for bytes in &versions[13..] {
            put(bytes);
            folder.load_all();
        }
        over.store(true, Ordering::Relaxed);
    });
    println!(
        "{} reloads in {:?}: {} requests meanwhile, {} of them failed; {} KiB more in memory",
        versions.len() - 13,
        began.elapsed(),
        sent.load(Ordering::Relaxed),
        failed.load(Ordering::Relaxed),
        resident().saturating_sub(before)
    );
    assert_eq!(failed.load(Ordering::Relaxed), 0);
}

criterion_group!(benches, pages, loading, by_hand);
criterion_main!(benches);
