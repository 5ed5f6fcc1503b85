//! A phone gets everything there is, for the first time.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::ensure;
use easel_protocol::Version;

use super::Bench;
use crate::histogram::Histogram;
use crate::machine::millis;
use crate::phone::{Brought, CALENDAR, CONTACTS, Door, INBOX, Identity, Page, Phone, Wanted};
use crate::process::{Memory, Meter, Spent, memory, reset_peak};
use crate::report::{Report, Row};
use crate::seed::{LARGE, Sort};

/// What is to be fetched, and how well.
struct Goal {
    name: &'static str,
    wanted: Wanted,
    count: u64,
    /// Items a second.
    rate: f64,
    /// CPU of the server for each, growth of its memory by a request, and the time to the first byte.
    closer: Option<(Duration, u64, Duration)>,
}

pub(super) async fn mail(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    let closer = (Duration::from_micros(100), 1 << 20, Duration::from_millis(200));
    let count = bench.scale().mails;
    run(bench, report, &Goal { name: "mails", wanted: INBOX, count, rate: 5_000.0, closer: Some(closer) }).await
}

pub(super) async fn contacts(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    let count = bench.scale().contacts;
    run(bench, report, &Goal { name: "contacts", wanted: CONTACTS, count, rate: 30_000.0, closer: None }).await
}

pub(super) async fn events(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    let count = bench.scale().events;
    run(bench, report, &Goal { name: "events", wanted: CALENDAR, count, rate: 10_000.0, closer: None }).await
}

async fn run(bench: &Bench<'_>, report: &mut Report, goal: &Goal) -> anyhow::Result<()> {
    let easel = bench.start(Sort::Main)?;
    let door = easel.door();
    // The server's first answer to anybody includes what it does once.
    let mut first = Phone::connect(&door, 0, Identity::new(LARGE, "LOADLARGEFIRST", Version::V14_1)).await?;
    first.folder_sync().await?;
    let mut brought = Brought { key: first.begin(&goal.wanted).await?, ..Brought::default() };
    first.page(&goal.wanted, &mut brought, &mut |_| Ok(())).await?;
    drop(first);
    for version in [Version::V12_1, Version::V16_1] {
        let identity = Identity::new(LARGE, &format!("LOADLARGE{}", version.times_ten()), version);
        let fetched = fetch(&door, easel.id(), goal, identity).await?;
        ensure!(fetched.items == goal.count, "{} {} came of {}", fetched.items, goal.name, goal.count);
        report.push(row(bench, goal, version, &fetched, memory(easel.id())?));
    }
    easel.stop()
}

fn row(bench: &Bench<'_>, goal: &Goal, version: Version, fetched: &Fetched, memory: Memory) -> Row {
    let spent = &fetched.spent;
    let (rate, each) = (spent.rate(fetched.items), spent.each(fetched.items));
    let kib = |bytes: u64| bytes >> 10;
    let mut aim = format!(">= {:.0}/s", goal.rate);
    let mut enough = rate >= goal.rate;
    if let Some((cpu, growth, first)) = goal.closer {
        aim.push_str(&format!(
            ", <= {} CPU each, <= {} KiB growth a request, first byte < {}",
            millis(cpu),
            kib(growth),
            millis(first)
        ));
        enough &= each <= cpu && fetched.growth() <= growth && fetched.first_byte < first;
    }
    let reached = format!(
        "{rate:.0}/s, {} each, growth of 99 in 100 requests <= {} KiB (most {}), first byte {}",
        millis(each),
        kib(fetched.growth()),
        kib(fetched.grown.last().copied().unwrap_or(0)),
        millis(fetched.first_byte)
    );
    let work = format!(
        "first sync of {} {} in pages of {}, version {version}, {:.0} KB each on the wire",
        fetched.items,
        goal.name,
        goal.wanted.window,
        fetched.bytes as f64 / fetched.items.max(1) as f64 / 1024.0
    );
    let row = bench.judge(Row::new(work, aim), reached, enough);
    row.spent(spent, fetched.items).times(&fetched.pages).resident(memory.resident)
}

/// What a fetch cost.
struct Fetched {
    items: u64,
    bytes: u64,
    spent: Spent,
    first_byte: Duration,
    pages: Histogram,
    /// Bytes by which the server grew during each request, smallest first; what was mapped from files does not count.
    grown: Vec<u64>,
}

impl Fetched {
    /// What 99 of 100 requests stayed below.
    fn growth(&self) -> u64 {
        let at = (self.grown.len() * 99).div_ceil(100).saturating_sub(1);
        self.grown.get(at).copied().unwrap_or(0)
    }
}

/// Fetches the whole collection.
async fn fetch(door: &Door, server: u32, goal: &Goal, identity: Identity) -> anyhow::Result<Fetched> {
    let mut phone = Phone::connect(door, 0, identity).await?;
    phone.folder_sync().await?;
    let key = phone.begin(&goal.wanted).await?;
    let (mut pages, mut grown, mut first_byte) = (Histogram::default(), Vec::new(), None);
    let mut before = memory(server)?;
    reset_peak(server)?;
    let meter = Meter::start(server)?;
    let watch = |page: Page| {
        pages.record(page.end - page.asked);
        first_byte.get_or_insert(page.first_byte - page.asked);
        let after = memory(server)?;
        let mapped = after.mapped.saturating_sub(before.mapped);
        grown.push(after.peak.saturating_sub(before.resident).saturating_sub(mapped));
        reset_peak(server)?;
        before = after;
        Ok(())
    };
    let brought = phone.go_on(&goal.wanted, key, watch).await?;
    let spent = meter.read()?;
    let different: BTreeSet<&String> = brought.items.iter().collect();
    ensure!(different.len() == brought.items.len(), "{} items came twice", brought.items.len() - different.len());
    grown.sort_unstable();
    let items = brought.items.len() as u64;
    Ok(Fetched { items, bytes: brought.bytes, spent, first_byte: first_byte.unwrap_or_default(), pages, grown })
}
