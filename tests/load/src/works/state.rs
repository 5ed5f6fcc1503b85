//! What a device's state takes on the disk, and whether a request costs more where many devices are known and many items
//! lie.

use std::time::Duration;

use easel_protocol::Version;

use super::Bench;
use crate::closed_loop::{Asker, ask_for};
use crate::easel::House;
use crate::histogram::Histogram;
use crate::phone::{INBOX, Identity, Wanted};
use crate::process::{Meter, Spent, memory};
use crate::report::{Report, Row};
use crate::seed::{CROWDED, Hash, Seeder, Sort, phone};

/// Devices of a user whose state is weighed.
const EACH: usize = 10;
/// Devices that ask.
const ASKERS: usize = 4;
/// Mails without bodies, as many at once as may be.
const HEADS: Wanted = Wanted { body: None, window: 512, ..INBOX };
/// A request counts as no dearer up to this; the machine's speed changes as much.
const SAME: f64 = 1.25;

pub(super) async fn run(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    weigh(bench, report)?;
    let (scale, mut costs) = (bench.scale(), Vec::new());
    let few = scale.few_users * scale.devices_each;
    let many = 2 * scale.phones * scale.devices_each;
    for (sort, devices, items) in [(Sort::Few, few, scale.few_items), (Sort::Many, many, scale.many_items)] {
        let (spent, times, resident) = ask(bench, sort, items).await?;
        let each = spent.each(times.count());
        let work = format!("no-change Sync, {devices} devices known, {items} items in the folder");
        let row = match costs.first() {
            None => Row::new(work, "").measured(format!("{:.0}/s", spent.rate(times.count()))),
            Some(before) => {
                let ratio = each.as_secs_f64() / Duration::as_secs_f64(before).max(1e-9);
                let reached = format!("{ratio:.2} times the CPU");
                bench.judge(Row::new(work, format!("the same cost (up to {SAME} times)")), reached, ratio <= SAME)
            }
        };
        costs.push(each);
        report.push(row.spent(&spent, times.count()).times(&times).resident(resident));
    }
    Ok(())
}

/// How the database grows when devices come, and when they synchronise three collections more.
fn weigh(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    let dir = bench.own_dir("weighed")?;
    let house = House::make(&bench.options.easel, &dir.join("house"))?;
    let users = bench.scale().weighed.div_ceil(EACH);
    let names: Vec<String> = (0..users).map(|number| phone(Hash::Light, number, 0).user).collect();
    // Drafts, deleted and sent mail; a mail lies in each, so that the state is that of a device in use.
    let others = [2, 3, 4].map(|folder| Wanted { folder, ..INBOX });
    let seeder = Seeder::open(&house)?;
    let made = seeder.users(&names, Hash::Light)?;
    seeder.fill(&made, others.iter().chain([&INBOX]))?;
    seeder.finish()?;
    let empty = size(&house)?;
    let each = |act: &dyn Fn(&Seeder, usize, usize) -> anyhow::Result<()>| -> anyhow::Result<u64> {
        let seeder = Seeder::open(&house)?;
        for number in 0..users {
            for device in 0..EACH {
                act(&seeder, number, device)?;
            }
        }
        seeder.finish()?;
        size(&house)
    };
    let with_inbox = each(&|seeder, number, device| {
        let identity = phone(Hash::Light, number, device);
        seeder.tree(&made[number], &identity)?;
        seeder.hold(&made[number], &identity, &[INBOX])
    })?;
    let with_all =
        each(&|seeder, number, device| seeder.hold(&made[number], &phone(Hash::Light, number, device), &others))?;
    let devices = (users * EACH) as u64;
    let collection = (with_all - with_inbox) / (devices * others.len() as u64);
    let device = (with_inbox - empty) / devices;
    let row = Row::new("sync state, per device and collection", "<= 512 B");
    let reached = format!("{collection} B (a device with its folders and one collection: {device} B)");
    report.push(bench.judge(row, reached, collection <= 512));
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

/// The size of easel.db, which is whole once the store is closed.
fn size(house: &House) -> anyhow::Result<u64> {
    Ok(std::fs::metadata(house.data().join("easel.db"))?.len())
}

async fn ask(bench: &Bench<'_>, sort: Sort, items: u64) -> anyhow::Result<(Spent, Histogram, u64)> {
    let easel = bench.start(sort)?;
    let (door, scale) = (easel.door(), bench.scale());
    let identities = (0..ASKERS).map(|number| {
        let version = if number % 2 == 0 { Version::V12_1 } else { Version::V16_1 };
        Identity::new(CROWDED, &format!("LOADCROWD{number}"), version)
    });
    let mut askers = Asker::all_ready(&door, identities.collect(), HEADS, items).await?;
    ask_for(&mut askers, scale.warm, None).await?;
    let meter = Meter::start(easel.id())?;
    let times = ask_for(&mut askers, scale.measured, None).await?;
    let spent = meter.read()?;
    let resident = memory(easel.id())?.resident;
    drop(askers);
    easel.stop()?;
    Ok((spent, times, resident))
}
