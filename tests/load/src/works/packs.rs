//! What packs add to a Sync. Kinds of devices take turns, since a machine is not always equally fast: each round has one turn
//! of every kind, what a pack adds is told from the two turns of a round, and of all rounds the median counts.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use easel_protocol::{Command, Version};
use easel_wbxml::pages::{airsync, contacts};
use easel_wbxml::{Element, decode};

use super::Bench;
use crate::clock::now;
use crate::closed_loop::{Asker, ask_for};
use crate::easel::{Easel, House};
use crate::histogram::Histogram;
use crate::machine::millis;
use crate::pack::{self, DECLARED, DECLARES, EDITED};
use crate::phone::{CONTACTS, Door, INBOX, Identity, Page, Phone};
use crate::process::{FineMeter, Meter, Spent, memory};
use crate::report::{Report, Row};
use crate::seed::{LARGE, MAILS_EACH, Sort, syncer};

/// What may be added at most, and how that is said.
#[derive(Clone, Copy)]
struct Goal {
    most: f64,
    aim: &'static str,
}

/// Of a pack that only declares.
const DECLARING: Goal = Goal { most: 0.03, aim: "adds <= 3 %" };
/// Of a pack that edits every item of a page.
const EDITING: Goal = Goal { most: 0.15, aim: "adds <= 15 %" };
/// Of packs that are loaded and serve others. Two servers that do the same differ by as much.
const NOTHING: Goal = Goal { most: 0.03, aim: "no time per request: <= 3 %" };

pub(super) async fn run(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    no_change(bench, report).await?;
    first_sync(bench, report).await
}

/// What one kind of device cost.
#[derive(Debug, Default)]
struct Cost {
    /// CPU of the server for each request, round by round.
    each: Vec<Duration>,
    requests: u64,
    times: Histogram,
    spent: Spent,
}

/// Measures one turn.
struct Turn {
    fine: FineMeter,
    meter: Meter,
}

impl Turn {
    fn begin(server: u32) -> anyhow::Result<Self> {
        Ok(Self { meter: Meter::start(server)?, fine: FineMeter::start(server)? })
    }

    fn end(self, times: &Histogram, cost: &mut Cost) -> anyhow::Result<()> {
        let used = self.fine.read()?;
        cost.spent.add(&self.meter.read()?);
        cost.each.push(Duration::from_secs_f64(used.as_secs_f64() / times.count().max(1) as f64));
        cost.requests += times.count();
        cost.times.add(times);
        Ok(())
    }
}

/// Which share of `before` the other adds, in the middle of all rounds.
fn added(before: &[Duration], with: &[Duration]) -> f64 {
    let share = |(before, with): (&Duration, &Duration)| with.as_secs_f64() / before.as_secs_f64().max(1e-9) - 1.0;
    median(before.iter().zip(with).map(share).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (half, is_odd) = (values.len() / 2, values.len() % 2 == 1);
    match (values.get(half), half.checked_sub(1).and_then(|before| values.get(before))) {
        (Some(middle), _) if is_odd => *middle,
        (Some(above), Some(below)) => f64::midpoint(*below, *above),
        _ => 0.0,
    }
}

fn middle(each: &[Duration]) -> Duration {
    Duration::from_secs_f64(median(each.iter().map(Duration::as_secs_f64).collect()))
}

/// The row of what `with` adds to `before`.
fn row(bench: &Bench<'_>, work: String, goal: Goal, [before, with]: [&Cost; 2], server: u32) -> anyhow::Result<Row> {
    let share = added(&before.each, &with.each);
    let (one, other) = (middle(&before.each), middle(&with.each));
    let rounds = with.each.len();
    let reached =
        format!("{:+.1} %; {} and {} a request: medians of {rounds} rounds", share * 100.0, millis(one), millis(other));
    let row = bench.judge(Row::new(work, goal.aim), reached, share <= goal.most);
    let mut row = row.spent(&with.spent, with.requests).times(&with.times).resident(memory(server)?.resident);
    row.cpu = Some(other);
    Ok(row)
}

/// The order of three kinds in a round: nobody always follows the same.
fn order(round: usize) -> [usize; 3] {
    [round % 3, (round + 1) % 3, (round + 2) % 3]
}

/// How long one turn takes.
fn turn(bench: &Bench<'_>) -> Duration {
    bench.scale().measured / 5
}

/// Devices that ask whether there is anything new: served by no pack, by one that only declares, and by the same on a server
/// that has many others loaded.
async fn no_change(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    let scale = bench.scale();
    let declares = pack::named(DECLARES, "1.0.0", "")?;
    let others = (1..scale.packs).map(|number| pack::named(&format!("odd-{number:03}"), "1.0.0", ""));
    let others = others.collect::<anyhow::Result<Vec<_>>>()?;
    let house = |name, others: &[Vec<u8>]| {
        let all: Vec<&Vec<u8>> = [&declares].into_iter().chain(others).collect();
        let hashes: Vec<String> = all.iter().map(|component| pack::hash(component)).collect();
        let house = bench.own_house(name, &hashes, |seeder| seeder.workers((0..scale.syncers).map(syncer)))?;
        for (number, component) in all.iter().enumerate() {
            house.put_pack(&format!("pack-{number:03}.wasm"), component)?;
        }
        anyhow::Ok(house)
    };
    let (few, many) = (house("packs-few", &[])?, house("packs-many", &others)?);
    let (one, hundred) = (start(bench, &few, 1)?, start(bench, &many, scale.packs)?);
    let mut kinds = [(&one, "BARE", None), (&one, "DECLARED", Some(DECLARED)), (&hundred, "DECLARED", Some(DECLARED))]
        .map(|(easel, name, agent)| (easel, name, agent, Vec::new(), Cost::default()));
    for (easel, name, agent, askers, _) in &mut kinds {
        let identities = (0..scale.syncers).map(|number| {
            let of = syncer(number);
            let identity = Identity::new(&of.user, &format!("{name}{number:05}"), of.version);
            if let Some(agent) = agent { identity.called(agent) } else { identity }
        });
        *askers = Asker::all_ready(&easel.door(), identities.collect(), INBOX, MAILS_EACH).await?;
    }
    let devices = scale.syncers as u64;
    served(bench, &few, DECLARES, devices)?;
    served(bench, &many, DECLARES, devices)?;
    for round in 0..=scale.rounds {
        for kind in order(round) {
            let (easel, _, _, askers, cost) = &mut kinds[kind];
            // The first round is not measured.
            if round == 0 {
                ask_for(askers, scale.warm, None).await?;
                continue;
            }
            let measuring = Turn::begin(easel.id())?;
            let times = ask_for(askers, turn(bench), None).await?;
            measuring.end(&times, cost)?;
        }
    }
    let [(_, _, _, _, bare), (_, _, _, _, declared), (_, _, _, _, among)] = &kinds;
    let devices = scale.syncers;
    let work = format!("no-change Sync of {devices} devices: no pack, and a pack that only declares");
    report.push(row(bench, work, DECLARING, [bare, declared], one.id())?);
    let work = format!("the same: that pack alone, and among {} loaded packs", scale.packs);
    report.push(row(bench, work, NOTHING, [declared, among], hundred.id())?);
    drop(kinds);
    one.stop()?;
    hundred.stop()
}

/// A server that has loaded so many packs.
fn start(bench: &Bench<'_>, house: &House, packs: usize) -> anyhow::Result<Easel> {
    let easel = Easel::start(&bench.options.easel, house, None)?;
    let serving = house.packs(&bench.options.easel)?.len();
    ensure!(serving == packs, "{serving} packs serve of {packs}");
    Ok(easel)
}

/// Whether a pack serves as many devices as it is measured with.
fn served(bench: &Bench<'_>, house: &House, id: &str, devices: u64) -> anyhow::Result<()> {
    let packs = house.packs(&bench.options.easel)?;
    let serves = packs.iter().find(|(pack, _)| pack == id).map_or(0, |(_, serves)| *serves);
    ensure!(serves == devices, "{id} serves {serves} devices of {devices}");
    Ok(())
}

/// A phone that gets all contacts, again and again.
struct Fetcher {
    phone: Phone,
    is_edited: bool,
    cost: Cost,
}

const KINDS: [(&str, Option<&str>); 3] = [("BARE", None), ("DECLARED", Some(DECLARED)), ("EDITED", Some(EDITED))];

async fn first_sync(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    let scale = bench.scale();
    let packs = [pack::named(DECLARES, "1.0.0", "")?, pack::built()?.to_vec()];
    let house = bench.house(Sort::Main)?.with_packs(&packs.each_ref().map(|component| pack::hash(component)))?;
    for (number, component) in packs.iter().enumerate() {
        house.put_pack(&format!("pack-{number:03}.wasm"), component)?;
    }
    let easel = start(bench, &house, packs.len())?;
    for version in [Version::V12_1, Version::V16_1] {
        let mut fetchers = Vec::new();
        for (name, agent) in KINDS {
            let identity = Identity::new(LARGE, &format!("PACK{name}{}", version.times_ten()), version);
            let identity = if let Some(agent) = agent { identity.called(agent) } else { identity };
            fetchers.push(Fetcher::ready(&easel.door(), identity, agent == Some(EDITED)).await?);
        }
        for round in 0..=scale.rounds {
            for kind in order(round) {
                let fetcher = fetchers.get_mut(kind).context("three kinds")?;
                fetcher.turn(easel.id(), scale.contacts, turn(bench), round > 0).await?;
            }
        }
        let [bare, declared, edited] = fetchers.as_slice() else { anyhow::bail!("three kinds") };
        for (which, goal, with) in [("only declares", DECLARING, declared), ("edits each of them", EDITING, edited)] {
            let work = format!(
                "first sync of {} contacts in pages of {}, version {version}: no pack, and a pack that {which}",
                scale.contacts, CONTACTS.window
            );
            report.push(row(bench, work, goal, [&bare.cost, &with.cost], easel.id())?);
        }
    }
    // One for each version.
    served(bench, &house, DECLARES, 2)?;
    served(bench, &house, "odd", 2)?;
    easel.stop()
}

impl Fetcher {
    /// A phone whose first page is as its pack makes it.
    async fn ready(door: &Door, identity: Identity, is_edited: bool) -> anyhow::Result<Self> {
        let mut phone = Phone::connect(door, 0, identity).await?;
        phone.folder_sync().await?;
        let key = phone.begin(&CONTACTS).await?;
        let answer = phone.ask(Command::Sync, &CONTACTS.since(&key)).await?;
        let names = names_in(&decode(&answer.body)?);
        let is_upper = names.iter().filter(|name| **name == name.to_uppercase()).count();
        let right = if is_edited { is_upper == names.len() } else { is_upper < names.len() };
        ensure!(right && !names.is_empty(), "{is_upper} of {} names are edited: {names:?}", names.len());
        Ok(Self { phone, is_edited, cost: Cost::default() })
    }

    /// Gets everything, from the beginning, as often as there is time for.
    async fn turn(&mut self, server: u32, items: u64, at_least: Duration, measured: bool) -> anyhow::Result<()> {
        let (measuring, end) = (Turn::begin(server)?, now() + at_least);
        let mut times = Histogram::default();
        while times.count() == 0 || now() < end {
            let start = now();
            let key = self.phone.begin(&CONTACTS).await?;
            times.record(now() - start);
            let watch = |page: Page| {
                times.record(page.end - page.asked);
                Ok(())
            };
            let brought = self.phone.go_on(&CONTACTS, key, watch).await?;
            let came = brought.items.len() as u64;
            ensure!(came == items, "{came} contacts came of {items}, edited: {}", self.is_edited);
        }
        if measured { measuring.end(&times, &mut self.cost) } else { Ok(()) }
    }
}

/// FileAs of every contact in an answer.
fn names_in(answer: &Element) -> Vec<String> {
    let commands = answer.at(&[airsync::COLLECTIONS, airsync::COLLECTION, airsync::COMMANDS]);
    let items = commands.into_iter().flat_map(Element::children);
    let name = |item: &Element| Some(item.at(&[airsync::APPLICATION_DATA, contacts::FILE_AS])?.value().into_owned());
    items.filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pack_adds_is_told_from_each_round_and_one_slow_round_does_not_count() {
        let ms = |values: &[u64]| values.iter().map(|value| Duration::from_millis(*value)).collect::<Vec<_>>();
        // The machine is twice as slow in the second round, and something else ran in the third.
        let share = added(&ms(&[100, 200, 100, 100, 100]), &ms(&[103, 206, 300, 102, 104]));
        assert!((share - 0.03).abs() < 1e-9, "{share}");
        assert_eq!(
            (median(vec![4.0, 1.0, 3.0, 2.0]), median(vec![3.0, 1.0, 2.0]), median(Vec::new())),
            (2.5, 2.0, 0.0)
        );
    }

    #[test]
    fn in_three_rounds_each_kind_is_first_once() {
        assert_eq!([0, 1, 2].map(|round| order(round)[0]), [0, 1, 2]);
        assert!((0..9).all(|round| order(round).iter().sum::<usize>() == 3));
    }
}
