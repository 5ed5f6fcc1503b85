//! Devices that have everything ask for more, each again as soon as it was answered.

use std::time::Duration;

use super::Bench;
use crate::closed_loop::{Asker, ask_for};
use crate::phone::INBOX;
use crate::process::{Meter, memory};
use crate::report::{Report, Row};
use crate::seed::{MAILS_EACH, Sort, syncer};

pub(super) async fn run(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    let easel = bench.start(Sort::Main)?;
    let (door, scale) = (easel.door(), bench.scale());
    let identities = (0..scale.syncers).map(syncer).collect();
    let mut askers = Asker::all_ready(&door, identities, INBOX, MAILS_EACH).await?;
    ask_for(&mut askers, scale.warm, None).await?;
    let meter = Meter::start(easel.id())?;
    let times = ask_for(&mut askers, scale.measured, None).await?;
    let spent = meter.read()?;
    let (each, rate, slowest) = (spent.each(times.count()), spent.rate(times.count()), times.quantile(0.99));
    let enough = each <= Duration::from_micros(50) && rate >= 15_000.0 && slowest < Duration::from_millis(5);
    let row = Row::new(
        format!("no-change Sync, {} devices in a closed loop", scale.syncers),
        "<= 0.05 ms CPU each, >= 15,000/s, p99 < 5 ms",
    );
    let row = bench.judge(row, format!("{:.3} ms, {rate:.0}/s", each.as_secs_f64() * 1000.0), enough);
    report.push(row.spent(&spent, times.count()).times(&times).resident(memory(easel.id())?.resident));
    drop(askers);
    easel.stop()
}
