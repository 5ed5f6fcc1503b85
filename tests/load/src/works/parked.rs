//! Ten thousand phones wait in a Ping: what each keeps of the server's memory, and what they do to everybody else.

use std::time::Duration;

use anyhow::ensure;

use super::{Bench, push};
use crate::closed_loop::{Asker, ask_for};
use crate::easel::Easel;
use crate::lot::Lot;
use crate::phone::INBOX;
use crate::process::{Meter, memory, own_exactly};
use crate::report::{Report, Row};
use crate::seed::{Hash, MAILS_EACH, Sort, phone, syncer};

/// Phones that connect at a time.
pub(super) const AT_ONCE: usize = 64;
/// Others who ask meanwhile, and how often each does.
const OTHERS: usize = 8;
const PACE: Duration = Duration::from_millis(20);

pub(super) async fn run(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    let mut easel = bench.start(Sort::Main)?;
    let (server, scale) = (easel.id(), bench.scale());
    let count = scale.phones_allowed();
    if count < scale.phones {
        report.note(format!("only {count} phones waited: this process may not have more files open"));
    }
    let mut lot = Lot::new(easel.door(), server);
    // What everybody shares has grown to its size when the first tenth waits.
    let first = (count / 10).max(1);
    enter(&mut lot, 0..first).await?;
    let few = own_exactly(server)?;
    enter(&mut lot, first..count).await?;
    let (many, resident) = (own_exactly(server)?, memory(server)?.resident);
    let each = many.saturating_sub(few) / (count - first).max(1) as u64;
    let row = Row::new(format!("{count} parked Pings over TLS"), "<= 12 KiB resident each");
    let all = resident as f64 / count as f64 / 1024.0;
    let reached = format!("{:.1} KiB each (whole process: {all:.1} KiB each)", each as f64 / 1024.0);
    report.push(bench.judge(row, reached, each <= 12 << 10).resident(resident));

    let meter = Meter::start(server)?;
    tokio::time::sleep(scale.measured * 3).await;
    let spent = meter.read()?;
    let share = spent.server.as_secs_f64() / spent.wall.as_secs_f64() * 100.0;
    let row = Row::new(format!("CPU while they wait, {} s", spent.wall.as_secs()), "< 1 % of a core");
    report.push(bench.judge(row, format!("{share:.2} % of a core"), share < 1.0));

    // Only now: a connection that says nothing for a minute is closed.
    let identities = (0..OTHERS.min(scale.syncers)).map(syncer).collect();
    let mut others = Asker::all_ready(&easel.door(), identities, INBOX, MAILS_EACH).await?;
    ask_for(&mut others, scale.warm, Some(PACE)).await?;
    let meter = Meter::start(server)?;
    let times = ask_for(&mut others, scale.measured, Some(PACE)).await?;
    let spent = meter.read()?;
    let slowest = times.quantile(0.99);
    let rate = spent.rate(times.count());
    let row = Row::new("others meanwhile: no-change Sync", "p99 < 20 ms");
    let row = bench.judge(row, format!("{rate:.0}/s asked"), slowest < Duration::from_millis(20));
    report.push(row.spent(&spent, times.count()).times(&times));

    // They waited in earnest: none was answered, and each is told of its mail.
    easel.check()?;
    lot.quiet()?;
    push::one_by_one(&easel, &mut lot, 0..scale.singles.min(count).min(20)).await?;
    leave(lot, easel).await
}

/// Has phones wait, until the server rests.
pub(super) async fn enter(lot: &mut Lot, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
    let arrival = lot.enter(numbers.map(|number| (number, phone(Hash::Light, number, 0))), AT_ONCE).await?;
    ensure!(arrival.sent_away == 0, "{} logins were put off with 503", arrival.sent_away);
    lot.settle().await?;
    Ok(())
}

/// The phones hang up before the server ends, so that it need not answer each.
pub(super) async fn leave(mut lot: Lot, easel: Easel) -> anyhow::Result<()> {
    lot.scatter().await;
    easel.stop()
}
