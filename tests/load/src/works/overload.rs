//! Somebody asks for far too much, in one way after the other, while phones wait in a Ping and others work: what those
//! notice, what the attackers get, and how much memory the server takes for all of it.

mod crowd;
mod half_open;
mod slow;

use std::collections::BTreeSet;
use std::time::Duration;

use super::Bench;
use super::parked::{AT_ONCE, enter};
use crate::clock::now;
use crate::easel::{Easel, House};
use crate::histogram::Histogram;
use crate::lmtp::Postman;
use crate::lot::Lot;
use crate::machine::millis;
use crate::neighbours::{Neighbours, Seen, Street};
use crate::phone::Door;
use crate::process::{Meter, memory, reset_peak};
use crate::report::{Report, Row};
use crate::sample::mail::short_mail;
use crate::scale::Overload;
use crate::seed::{Hash, Sort, address, attacker, one_of_many, phone};
use crate::tally::Tally;
use crowd::Habit;

/// Recipients of one mail.
const RECIPIENTS: usize = 100;
/// What others may notice at most: 99 of 100 requests over a connection that they keep.
const NOTICED: Duration = Duration::from_millis(200);
/// Connections of the device that asks without pause.
const OF_ONE_DEVICE: usize = 8;
/// Devices that saturate the server.
const SATURATING: usize = 32;
/// Wrong things that are told of one attack.
const TOLD_MAX: usize = 5;

/// The ways, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attack {
    Crowd,
    FolderSyncs,
    HalfOpen,
    Reconnect,
    SlowReaders,
    SlowWriters,
    TightLoop,
    UserWithMany,
}

impl Attack {
    const ALL: [Self; 8] = [
        Self::Crowd,
        Self::HalfOpen,
        Self::SlowReaders,
        Self::SlowWriters,
        Self::UserWithMany,
        Self::TightLoop,
        Self::FolderSyncs,
        Self::Reconnect,
    ];
}

/// What an attack came to.
#[derive(Debug, Default)]
struct Fought {
    name: String,
    tally: Tally,
    /// What else is to be told.
    told: String,
}

pub(super) async fn run(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    let sizes = bench.scale().overload;
    let house = configured(&bench.house(Sort::Overload)?, &sizes)?;
    let mut easel = Easel::start(&bench.options.easel, &house, None)?;
    let mut lot = Lot::new(easel.door(), easel.id());
    enter(&mut lot, 0..sizes.parked).await?;
    let capacity = saturate(&easel.door(), &sizes).await;
    let street = Street {
        door: easel.door(),
        lmtp: easel.lmtp.clone(),
        server: easel.id(),
        count: sizes.neighbours,
        pace: sizes.pace,
    };
    let neighbours = Neighbours::move_in(street).await?;
    report.note(format!(
        "overload: {} phones wait, {} others ask every {} ms and get mail; {SATURATING} devices without pause are served {capacity:.0} times a second",
        sizes.parked,
        sizes.neighbours,
        sizes.pace.as_millis()
    ));
    for attack in Attack::ALL {
        neighbours.take();
        tokio::time::sleep(sizes.calm).await;
        let before = neighbours.take();
        reset_peak(easel.id())?;
        let meter = Meter::start(easel.id())?;
        let fought = fight(attack, &easel, &mut lot, &sizes).await?;
        let (spent, during, peak) = (meter.read()?, neighbours.take(), memory(easel.id())?.peak);
        easel.check()?;
        let lost = prove(&easel, &mut lot, sizes.parked).await?;
        let reached = told(&fought, &before, &during, lost.len());
        let slowest = during.kept.quantile(0.99);
        let enough = slowest <= NOTICED && during.tally.put_off + during.tally.cut + during.tally.unanswered == 0;
        let goal = format!("others: p99 <= {}, none put off or cut; no Ping lost", millis(NOTICED));
        let row = bench.judge(Row::new(fought.name.clone(), goal), reached, enough);
        report.push(row.spent(&spent, fought.tally.count_all()).times(&during.kept).resident(peak));
        let wrong = lost.into_iter().chain(fought.tally.wrong()).chain(during.wrong.clone());
        let wrong = wrong.chain(during.tally.wrong().map(|wrong| format!("neighbours: {wrong}")));
        report.failures.extend(wrong.take(TOLD_MAX).map(|wrong| format!("overload: {}: {wrong}", fought.name)));
    }
    let left = neighbours.leave().await;
    report.failures.extend(left.err().map(|error| format!("overload: {error:#}")));
    drop(lot);
    easel.stop()
}

/// Everything as it is shipped, but for what makes it small enough for this scale.
fn configured(house: &House, sizes: &Overload) -> anyhow::Result<House> {
    let mut lines = Vec::new();
    if sizes.connections_max > 0 {
        lines.push(("connections_max = 0", format!("connections_max = {}", sizes.connections_max)));
    }
    house.differing("overload.toml", &lines)
}

/// How often a few devices without pause are served in a second.
async fn saturate(door: &Door, sizes: &Overload) -> f64 {
    let devices = (0..SATURATING.min(sizes.crowd)).map(attacker).collect();
    let start = now();
    let tally = crowd::storm(door, devices, Habit::Sync, sizes.calm).await;
    tally.served as f64 / (now() - start).as_secs_f64()
}

async fn fight(attack: Attack, easel: &Easel, lot: &mut Lot, sizes: &Overload) -> anyhow::Result<Fought> {
    let door = easel.door();
    let mut told = String::new();
    let (name, tally) = match attack {
        Attack::Crowd => {
            let devices = (0..sizes.crowd).map(attacker).collect();
            let times = sizes.crowd / SATURATING.min(sizes.crowd);
            let name = format!("{} devices synchronise without pause: {times} times as many as saturate", sizes.crowd);
            (name, crowd::storm(&door, devices, Habit::Sync, sizes.attack).await)
        }
        Attack::FolderSyncs => {
            let devices = (0..sizes.crowd).map(attacker).collect();
            let tally = crowd::storm(&door, devices, Habit::FolderSync, sizes.attack).await;
            (format!("{} devices ask for all folders without pause", sizes.crowd), tally)
        }
        Attack::HalfOpen => {
            let opened = half_open::open(&door, sizes).await;
            told = opened.to_string();
            (
                format!("{} connections without a handshake, from {} addresses", opened.opened, half_open::ADDRESSES),
                Tally::default(),
            )
        }
        Attack::Reconnect => {
            lot.scatter().await;
            let start = now();
            let phones = (0..sizes.parked).map(|number| (number, phone(Hash::Light, number, 0)));
            let arrival = lot.enter(phones, sizes.parked).await?;
            told = format!("everybody is back after {}", millis(now() - start));
            let tally = Tally { served: arrival.times.count(), put_off: arrival.sent_away, ..Tally::default() };
            (format!("{} phones lose their connections and come back at once", sizes.parked), tally)
        }
        Attack::SlowReaders => {
            let slow = slow::read(&door, sizes).await;
            told = slow.to_string();
            (format!("{} devices read a large page, a byte a second", sizes.slow), slow.tally)
        }
        Attack::SlowWriters => {
            let slow = slow::write(&door, sizes).await;
            told = slow.to_string();
            (format!("{} clients write heads and {} bodies, a byte a second", sizes.slow, sizes.slow), slow.tally)
        }
        Attack::TightLoop => {
            let devices = vec![attacker(0); OF_ONE_DEVICE];
            let tally = crowd::storm(&door, devices, Habit::FolderSync, sizes.attack).await;
            (format!("one device asks without pause over {OF_ONE_DEVICE} connections"), tally)
        }
        Attack::UserWithMany => {
            let devices = (0..sizes.own_devices).map(one_of_many).collect();
            let tally = crowd::storm(&door, devices, Habit::Sync, sizes.attack).await;
            (format!("{} devices of one user synchronise without pause", sizes.own_devices), tally)
        }
    };
    Ok(Fought { name, tally, told })
}

/// A mail for everybody who waits; the Pings that were lost.
async fn prove(easel: &Easel, lot: &mut Lot, parked: usize) -> anyhow::Result<Vec<String>> {
    let numbers: Vec<usize> = (0..parked).collect();
    for share in numbers.chunks(RECIPIENTS) {
        let recipients: Vec<String> =
            share.iter().map(|number| address(&phone(Hash::Light, *number, 0).user)).collect();
        let mut postman = Postman::connect(&easel.lmtp).await?;
        postman.address(&recipients).await?;
        postman.hand_over(&short_mail(share[0] as u64, &recipients[0]).raw).await?;
        postman.delivered().await?;
    }
    let lost = lot.prove(&numbers.into_iter().collect::<BTreeSet<_>>()).await?;
    // Those come back for the next attack.
    let again = lost.keys().map(|number| (*number, phone(Hash::Light, *number, 0)));
    lot.enter(again.collect::<Vec<_>>(), AT_ONCE).await?;
    Ok(lost.into_iter().map(|(number, how)| format!("the Ping of phone {number} is lost: {how}")).collect())
}

fn told(fought: &Fought, before: &Seen, during: &Seen, lost: usize) -> String {
    let mut told = format!(
        "others: {}, before {}; with a new connection {}, before {}; {}; {} mails came; {lost} Pings lost",
        three(&during.kept),
        three(&before.kept),
        three(&during.fresh),
        three(&before.fresh),
        during.tally,
        during.mails,
    );
    for part in [&fought.told, &fought.tally.to_string()] {
        if !part.is_empty() {
            told.push_str("; attackers: ");
            told.push_str(part);
        }
    }
    told.push_str(&format!("; at most {} MiB of its own", during.own_peak >> 20));
    told
}

/// p50, p99 and the slowest.
fn three(times: &Histogram) -> String {
    [times.quantile(0.5), times.quantile(0.99), times.max()].map(millis).join(" / ")
}
