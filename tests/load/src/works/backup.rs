//! A backup is made of a large database: what others notice of it, and how far the log of what is written grows meanwhile.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::Bench;
use super::overload::crowd::{Habit, storm};
use crate::clock::now;
use crate::easel::{Easel, House};
use crate::machine::millis;
use crate::neighbours::{Neighbours, Street};
use crate::process::{Meter, memory};
use crate::report::{Report, Row};
use crate::seed::{attacker, syncer};

/// Devices that commit without pause, and others that ask at a pace.
const COMMITTING: usize = 8;
const NEIGHBOURS: usize = 8;
const PACE: Duration = Duration::from_millis(20);
/// What others may notice at most.
const NOTICED: Duration = Duration::from_millis(50);
/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn run(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    let scale = bench.scale();
    let dir = bench.own_dir("backup")?;
    let house = bench.own_house("backup/house", &[], |seeder| {
        seeder.workers((0..NEIGHBOURS).map(syncer).chain((0..COMMITTING).map(attacker)))?;
        seeder.ballast(scale.ballast_mib)
    })?;
    let easel = Easel::start(&bench.options.easel, &house, None)?;
    let street =
        Street { door: easel.door(), lmtp: easel.lmtp.clone(), server: easel.id(), count: NEIGHBOURS, pace: PACE };
    let neighbours = Neighbours::move_in(street).await?;
    commit_for(&easel, scale.warm).await;
    neighbours.take(NOTICED);
    let calm = commit_for(&easel, scale.measured).await;
    let before = neighbours.take(NOTICED);
    let log_before = size(&house, "easel.db-wal");

    let (meter, file) = (Meter::start(easel.id())?, dir.join("backup"));
    let mut making = Making::begin(&bench.options.easel, &house, &file)?;
    let start = now();
    let (mut served, mut log) = (0, 0);
    while !making.is_over()? {
        served += storm(&easel.door(), committers(), Habit::FolderSync, LOOK_EVERY).await.served;
        log = size(&house, "easel.db-wal").max(log);
    }
    let (took, during, spent) = (now() - start, neighbours.take(NOTICED), meter.read()?);
    let busy = served as f64 / took.as_secs_f64();
    neighbours.leave().await?;
    let (slowest, undisturbed) = (during.kept.quantile(0.99), before.kept.quantile(0.99));
    let whole = size(&house, "easel.db") + size(&house, "mail.db");
    let work = format!("backup of {} MiB while {COMMITTING} devices commit without pause", whole >> 20);
    let reached = format!(
        "{:.1} s; others p99 {}, undisturbed {}, slowest {}; {busy:.0} commits/s, undisturbed {calm:.0}; log {} MiB, before {} MiB",
        took.as_secs_f64(),
        millis(slowest),
        millis(undisturbed),
        millis(during.kept.max()),
        log >> 20,
        log_before >> 20
    );
    let row = bench.judge(Row::new(work, format!("others: p99 <= {}", millis(NOTICED))), reached, slowest <= NOTICED);
    report.push(row.spent(&spent, 1).times(&during.kept).resident(memory(easel.id())?.resident));
    ensure!(during.wrong.is_empty(), "{}", during.wrong.join(", "));
    easel.stop()?;
    // It is one that can be read.
    let to = dir.join("restored");
    let mut restore = Command::new(&bench.options.easel);
    restore.arg("--config").arg(house.config()).arg("restore").arg(&file).arg("--to").arg(&to);
    let output = restore.output().context("starting easel restore")?;
    ensure!(output.status.success(), "the backup is not restored: {}", String::from_utf8_lossy(&output.stderr).trim());
    std::fs::remove_dir_all(&dir).with_context(|| format!("removing {}", dir.display()))
}

fn committers() -> Vec<crate::phone::Identity> {
    (0..COMMITTING).map(attacker).collect()
}

/// Commits a second.
async fn commit_for(easel: &Easel, how_long: Duration) -> f64 {
    let start = now();
    let tally = storm(&easel.door(), committers(), Habit::FolderSync, how_long).await;
    tally.served as f64 / (now() - start).as_secs_f64()
}

fn size(house: &House, name: &str) -> u64 {
    std::fs::metadata(house.data().join(name)).map_or(0, |file| file.len())
}

/// `easel backup`, under way. Dropping it ends it.
struct Making(Child);

impl Making {
    fn begin(easel: &Path, house: &House, file: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(easel);
        command.arg("--config").arg(house.config()).arg("backup").arg(file).stdout(Stdio::null());
        Ok(Self(command.spawn().context("starting easel backup")?))
    }

    fn is_over(&mut self) -> anyhow::Result<bool> {
        let Some(status) = self.0.try_wait()? else { return Ok(false) };
        ensure!(status.success(), "easel backup ended with {status}");
        Ok(true)
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _gone = self.0.kill();
            let _status = self.0.wait();
        }
    }
}
