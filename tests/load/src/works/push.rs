//! Mail comes while ten thousand phones wait: how long after the end of DATA the phone has its answer.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use anyhow::ensure;

use super::Bench;
use super::parked::{enter, leave};
use crate::clock::now;
use crate::easel::Easel;
use crate::histogram::Histogram;
use crate::lmtp::Postman;
use crate::lot::Lot;
use crate::process::{Meter, memory};
use crate::report::{Report, Row};
use crate::sample::mail::short_mail;
use crate::seed::{Hash, Sort, address, phone};

/// LMTP sessions at once: the server takes 20, and one that was just given up may still count.
const SESSIONS: usize = 16;

pub(super) async fn run(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    let easel = bench.start(Sort::Main)?;
    let (server, scale) = (easel.id(), bench.scale());
    let count = scale.phones_allowed();
    ensure!(count >= scale.singles + scale.burst * scale.bursts, "{count} phones are too few: raise ulimit -n");
    let mut lot = Lot::new(easel.door(), server);
    enter(&mut lot, 0..count).await?;

    let meter = Meter::start(server)?;
    let times = one_by_one(&easel, &mut lot, 0..scale.singles).await?;
    let spent = meter.read()?;
    let work = format!("LMTP end of DATA to Ping answer, one by one, {count} parked");
    let reached = format!("{} mails", times.count());
    let enough = times.quantile(0.99) <= Duration::from_millis(10);
    let row = bench.judge(Row::new(work, "p99 <= 10 ms"), reached, enough);
    report.push(row.spent(&spent, times.count()).times(&times).resident(memory(server)?.resident));

    let meter = Meter::start(server)?;
    let mut times = Histogram::default();
    for burst in 0..scale.bursts {
        let first = scale.singles + burst * scale.burst;
        times.add(&at_once(&easel, &mut lot, first..first + scale.burst).await?);
    }
    let spent = meter.read()?;
    let row = Row::new(format!("the same, {} at once", scale.burst), "p99 <= 20 ms");
    let reached =
        format!("{} times {} mails, slowest {:.0} ms", scale.bursts, scale.burst, times.max().as_secs_f64() * 1e3);
    let row = bench.judge(row, reached, times.quantile(0.99) <= Duration::from_millis(20));
    report.push(row.spent(&spent, times.count()).times(&times));
    report.note(format!(
        "at once: {} LMTP sessions end their DATA together, each with {} recipients",
        SESSIONS.min(scale.burst),
        scale.burst.div_ceil(SESSIONS)
    ));
    lot.quiet()?;
    leave(lot, easel).await
}

fn recipient(number: usize) -> String {
    address(&phone(Hash::Light, number, 0).user)
}

/// A mail for each of these phones, the next one when the one before was told.
pub(super) async fn one_by_one(easel: &Easel, lot: &mut Lot, phones: Range<usize>) -> anyhow::Result<Histogram> {
    let mut postman = Postman::connect(&easel.lmtp).await?;
    let mut times = Histogram::default();
    for number in phones {
        let to = recipient(number);
        let message = short_mail(number as u64, &to).raw;
        postman.address(&[to]).await?;
        let start = now();
        postman.hand_over(&message).await?;
        let told = lot.told(&BTreeSet::from([number])).await?;
        told.values().for_each(|at| times.record(*at - start));
        postman.delivered().await?;
    }
    Ok(times)
}

/// A mail for each of these phones, all handed over at the same moment.
async fn at_once(easel: &Easel, lot: &mut Lot, phones: Range<usize>) -> anyhow::Result<Histogram> {
    let numbers: Vec<usize> = phones.collect();
    let mut postmen = Vec::new();
    for share in numbers.chunks(numbers.len().div_ceil(SESSIONS)) {
        let mut postman = Postman::connect(&easel.lmtp).await?;
        let recipients: Vec<String> = share.iter().map(|number| recipient(*number)).collect();
        postman.address(&recipients).await?;
        postmen.push((postman, short_mail(share[0] as u64, &recipients[0]).raw));
    }
    let start = now();
    for (postman, message) in &mut postmen {
        postman.hand_over(message).await?;
    }
    let told = lot.told(&numbers.into_iter().collect()).await?;
    let mut times = Histogram::default();
    told.values().for_each(|at| times.record(*at - start));
    for (mut postman, _) in postmen {
        postman.delivered().await?;
    }
    Ok(times)
}
