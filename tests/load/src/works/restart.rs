//! The server starts where many devices are known, and ten thousand phones come back at once; some have got mail meanwhile.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::ensure;

use super::Bench;
use super::parked::leave;
use crate::clock::now;
use crate::easel::Easel;
use crate::lmtp::Postman;
use crate::lot::{Arrival, Lot};
use crate::process::{Meter, Spent, memory};
use crate::report::{Report, Row};
use crate::sample::mail::short_mail;
use crate::seed::{Hash, Sort, address, phone};

/// Phones that are on their way at once; the others try a moment later, as their radio lets them.
const AT_ONCE: usize = 500;
/// How soon everybody has to be back.
const BACK_WITHIN: Duration = Duration::from_secs(60);
/// How soon the server has to serve.
const SERVING_WITHIN: Duration = Duration::from_secs(2);

pub(super) async fn run(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    let scale = bench.scale();
    let count = scale.phones_allowed();
    let known = 2 * scale.phones * scale.devices_each;
    for (hash, passwords) in
        [(Hash::Real, "passwords hashed with Argon2id, 19 MiB"), (Hash::Light, "with hashes that cost nothing")]
    {
        let easel = bench.start(Sort::Many)?;
        easel.door().connect(count).await?.exchange(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
        let serving = now() - easel.started;
        if hash == Hash::Real {
            let row = Row::new(format!("restart with {known} known devices, to the first answer"), "< 2 s");
            report.push(bench.judge(row, format!("{:.2} s", serving.as_secs_f64()), serving < SERVING_WITHIN));
        }
        let back = come_back(&easel, hash, count, scale.missed).await?;
        let took = back.arrival.times.max();
        let work = format!("{count} phones back, {passwords}; {} mails came meanwhile", scale.missed);
        let reached = format!(
            "{:.0} s; no 401, no Ping lost; {} times told to come later",
            took.as_secs_f64(),
            back.arrival.sent_away
        );
        let goal = if hash == Hash::Real { "within 60 s, no 401, no lost Ping" } else { "" };
        let row = Row::new(work, goal);
        let row =
            if hash == Hash::Real { bench.judge(row, reached, took <= BACK_WITHIN) } else { row.measured(reached) };
        let row = row.spent(&back.spent, count as u64).times(&back.arrival.times);
        report.push(row.resident(memory(easel.id())?.resident));
        leave(back.lot, easel).await?;
    }
    Ok(())
}

struct Back {
    lot: Lot,
    arrival: Arrival,
    spent: Spent,
}

async fn come_back(easel: &Easel, hash: Hash, count: usize, missed: usize) -> anyhow::Result<Back> {
    // Mail that comes while nobody is there; every phone is away alike, so the first ones will do.
    let away: BTreeSet<usize> = (0..missed.min(count)).collect();
    deliver(easel, hash, &away).await?;
    let meter = Meter::start(easel.id())?;
    let mut lot = Lot::new(easel.door(), easel.id());
    let arrival = lot.enter((0..count).map(|number| (number, phone(hash, number, 0))), AT_ONCE).await?;
    let spent = meter.read()?;
    let told = lot.settle().await?;
    let lost = away.difference(&told).count();
    ensure!(lost == 0, "{lost} of {} phones were not told of mail that came while they were away", away.len());
    // Now everybody waits: each of these is told, and nobody else.
    let next: BTreeSet<usize> = (count.saturating_sub(missed)..count).collect();
    deliver(easel, hash, &next).await?;
    lot.told(&next).await?;
    lot.quiet()?;
    Ok(Back { lot, arrival, spent })
}

async fn deliver(easel: &Easel, hash: Hash, to: &BTreeSet<usize>) -> anyhow::Result<()> {
    let mut postman = Postman::connect(&easel.lmtp).await?;
    for number in to {
        let to = address(&phone(hash, *number, 0).user);
        postman.address(std::slice::from_ref(&to)).await?;
        postman.hand_over(&short_mail(*number as u64, &to).raw).await?;
        postman.delivered().await?;
    }
    Ok(())
}
