//! Somebody asks for far too much, in one way after the other, while phones wait in a Ping and others work: what those
//! notice, what the attackers get, and how much memory the server takes for all of it.

pub(super) mod crowd;
mod half_open;
mod open_loop;
mod slow;
mod together;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use super::Bench;
use super::parked::{AT_ONCE, enter, leave};
use crate::clock::now;
use crate::easel::{Easel, House};
use crate::histogram::Histogram;
use crate::lmtp::Postman;
use crate::lot::Lot;
use crate::machine::millis;
use crate::neighbours::{Neighbours, Seen, Street};
use crate::phone::{Door, Identity};
use crate::process::{Meter, memory, reset_peak};
use crate::report::{Report, Row};
use crate::sample::mail::short_mail;
use crate::say;
use crate::scale::Overload;
use crate::seed::{Hash, MAILS_EACH, Sort, address, attacker, one_of_many, phone};
use crate::tally::Tally;
use crowd::Habit;
use open_loop::{Crowd, TIMES};

/// Recipients of one mail: the reply to it comes when all of them have it.
const RECIPIENTS: usize = 20;
/// What others may notice at most: 99 of 100 requests over a connection that they keep.
const NOTICED: Duration = Duration::from_millis(200);
/// Connections of the device that asks without pause.
const OF_ONE_DEVICE: usize = 8;
/// Requests that one user may have under way, as the server is shipped.
const OF_A_USER: u64 = 32;
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
    TenTimes,
    TightLoop,
    UserWithMany,
}

impl Attack {
    const ALL: [Self; 9] = [
        Self::TenTimes,
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
    /// Requests, or connections.
    asked: u64,
    /// What else is to be told.
    told: String,
    /// What the server has to do against it and did not.
    missing: Option<String>,
}

pub(super) async fn run(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    let sizes = bench.scale().overload;
    let house = configured(&bench.house(Sort::Overload)?, &sizes)?;
    let mut easel = Easel::start(&bench.options.easel, &house, None)?;
    let mut lot = Lot::new(easel.door(), easel.id());
    enter(&mut lot, 0..sizes.parked).await?;
    let capacity = saturate(&easel.door(), &sizes).await;
    let mut crowd = Crowd::gather(&easel.door(), sizes.crowd).await?;
    let pages = crowd.capacity(SATURATING, sizes.calm).await;
    let mut field = Field { door: easel.door(), lot, sizes, crowd: Some(crowd), capacity: pages };
    let street = Street {
        door: easel.door(),
        lmtp: easel.lmtp.clone(),
        server: easel.id(),
        count: sizes.neighbours,
        pace: sizes.pace,
    };
    let neighbours = Neighbours::move_in(street).await?;
    report.note(format!(
        "overload: {} phones wait, {} others ask every {} ms and get mail; {SATURATING} devices without pause are told \
         {capacity:.0} times a second that there is nothing new, and served {pages:.0} pages of {MAILS_EACH} mails a second",
        sizes.parked,
        sizes.neighbours,
        sizes.pace.as_millis()
    ));
    for attack in Attack::ALL {
        if let Err(error) = play(attack, &mut field, &mut easel, &neighbours, bench, report).await {
            report.failures.push(format!("overload: {attack:?}: {error:#}"));
            // The next one finds everything in its place.
            easel.check()?;
            field.lot.scatter().await;
            let phones = (0..sizes.parked).map(|number| (number, phone(Hash::Light, number, 0)));
            field.lot.enter(phones, AT_ONCE).await?;
            field.lot.settle().await?;
        }
    }
    let left = neighbours.leave().await;
    report.failures.extend(left.err().map(|error| format!("overload: {error:#}")));
    leave(field.lot, easel).await
}

/// One attack: what others notice of it, and whether everybody who waited still does.
async fn play(
    attack: Attack,
    field: &mut Field,
    easel: &mut Easel,
    neighbours: &Neighbours,
    bench: &Bench<'_>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let sizes = field.sizes;
    neighbours.take(NOTICED);
    tokio::time::sleep(sizes.calm).await;
    let before = neighbours.take(NOTICED);
    reset_peak(easel.id())?;
    let meter = Meter::start(easel.id())?;
    say(&format!("overload: {attack:?}"));
    let fought = field.fight(attack).await?;
    let (spent, during, peak) = (meter.read()?, neighbours.take(NOTICED), memory(easel.id())?.peak);
    easel.check()?;
    let (lost, broken) = match prove(easel, &mut field.lot, sizes.parked).await {
        Ok(lost) => (lost, None),
        Err(error) => (vec!["whose Ping is lost is not known".to_owned()], Some(error)),
    };
    let slowest = during.kept.quantile(0.99).max(during.fresh.quantile(0.99));
    let disturbed = during.tally.put_off + during.tally.cut + during.tally.unanswered > 0 || during.kept.count() == 0;
    let goal = format!("others: p99 <= {}, none put off or cut; no Ping lost", millis(NOTICED));
    let row = Row::new(fought.name.clone(), goal);
    let row = bench.judge(row, noticed(&before, &during, lost.len()), slowest <= NOTICED && !disturbed);
    report.push(row.spent(&spent, fought.asked.max(1)).times(&during.kept).resident(peak));
    let ceiling = Ceiling { before: before.own_peak, during: during.own_peak, most: sizes.memory_mib_max << 20 };
    report.note(details(&fought, &before, &during, &ceiling));
    let wrong = lost.into_iter().chain(fought.missing).chain(fought.tally.wrong()).chain(during.wrong.clone());
    let wrong = wrong.chain(during.tally.wrong().map(|wrong| format!("others: {wrong}")));
    let wrong = wrong.chain(ceiling.is_broken().then(|| ceiling.to_string()));
    report.failures.extend(wrong.take(TOLD_MAX).map(|wrong| format!("overload: {}: {wrong}", fought.name)));
    broken.map_or(Ok(()), Err)
}

/// Everything as it is shipped, but for what makes it small enough for this scale.
fn configured(house: &House, sizes: &Overload) -> anyhow::Result<House> {
    let mut lines = Vec::new();
    if sizes.connections_max > 0 {
        lines.push(("connections_max = 0", format!("connections_max = {}", sizes.connections_max)));
        lines.push(("unauthenticated_max = 8192", format!("unauthenticated_max = {}", sizes.newcomers())));
    }
    if sizes.memory_mib_max > 0 {
        lines.push(("memory_mib_max = 0", format!("memory_mib_max = {}", sizes.memory_mib_max)));
    }
    house.as_shipped(&lines)
}

/// How often a few devices without pause are served in a second.
async fn saturate(door: &Door, sizes: &Overload) -> f64 {
    let devices = (0..SATURATING.min(sizes.crowd)).map(attacker).collect();
    let start = now();
    let tally = crowd::storm(door, devices, Habit::Sync, sizes.calm).await;
    tally.served as f64 / (now() - start).as_secs_f64()
}

/// Where it is fought.
struct Field {
    door: Door,
    lot: Lot,
    sizes: Overload,
    /// Devices that are ready to ask ten times as often as they are served; once.
    crowd: Option<Crowd>,
    /// How many pages of theirs are served in a second.
    capacity: f64,
}

impl Field {
    async fn fight(&mut self, attack: Attack) -> anyhow::Result<Fought> {
        let Self { door, lot, sizes, crowd, capacity } = self;
        let sizes: &Overload = sizes;
        let (mut told, mut opened, mut missing) = (String::new(), 0, None);
        let (name, tally) = match attack {
            Attack::Crowd => {
                let devices = (0..sizes.crowd).map(attacker).collect();
                let times = sizes.crowd / SATURATING.min(sizes.crowd);
                let name =
                    format!("{} devices synchronise without pause: {times} times as many as saturate", sizes.crowd);
                (name, crowd::storm(door, devices, Habit::Sync, sizes.attack).await)
            }
            Attack::FolderSyncs => {
                let devices = (0..sizes.crowd).map(attacker).collect();
                let tally = crowd::storm(door, devices, Habit::FolderSync, sizes.attack).await;
                (format!("{} devices ask for all folders without pause", sizes.crowd), tally)
            }
            Attack::HalfOpen => {
                let half_open = half_open::open(door, sizes, sizes.newcomers()).await;
                told = half_open.to_string();
                if half_open.opened > sizes.newcomers() && half_open.ended == 0 {
                    missing = Some("none of them was closed".to_owned());
                }
                opened = half_open.opened as u64;
                (
                    format!(
                        "{} connections without a handshake, from {} addresses",
                        half_open.opened,
                        half_open::ADDRESSES
                    ),
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
                let slow = slow::read(door, sizes).await;
                told = slow.to_string();
                (format!("{} devices read a large page, a byte a second", sizes.slow), slow.tally)
            }
            Attack::SlowWriters => {
                let slow = slow::write(door, sizes).await;
                told = slow.to_string();
                (format!("{} clients write heads and {} bodies, a byte a second", sizes.slow, sizes.slow), slow.tally)
            }
            Attack::TightLoop => {
                let devices = vec![attacker(0); OF_ONE_DEVICE];
                let tally = crowd::storm(door, devices, Habit::FolderSync, sizes.attack).await;
                (format!("one device asks without pause over {OF_ONE_DEVICE} connections"), tally)
            }
            Attack::TenTimes => {
                let crowd = match crowd.take() {
                    Some(crowd) => crowd,
                    None => Crowd::gather(door, sizes.crowd).await?,
                };
                let offered = crowd.arrive(TIMES * *capacity, sizes.attack).await;
                told = offered.to_string();
                let times = offered.rate() / capacity.max(1e-9);
                let name = format!(
                    "requests for pages of mail, {times:.1} times the {capacity:.0} a second that are served at most, from {} \
                 devices",
                    sizes.crowd
                );
                (name, offered.tally)
            }
            Attack::UserWithMany => {
                let devices: Vec<Identity> = (0..sizes.own_devices).map(one_of_many).collect();
                let mut tally = together::begin(door, devices.clone()).await;
                let least = (sizes.own_devices as u64).saturating_sub(OF_A_USER);
                if tally.put_off < least {
                    missing = Some(format!(
                        "only {} of {} were put off, {OF_A_USER} may go",
                        tally.put_off, sizes.own_devices
                    ));
                }
                tally.add(&crowd::storm(door, devices, Habit::Sync, sizes.attack).await);
                (format!("{} devices of one user synchronise without pause", sizes.own_devices), tally)
            }
        };
        let asked = opened + tally.count_all();
        Ok(Fought { name, tally, asked, told, missing })
    }
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
    let lost = lot.prove(&numbers.into_iter().collect::<BTreeSet<_>>(), AT_ONCE).await?;
    // Those come back for the next attack.
    let again = lost.keys().map(|number| (*number, phone(Hash::Light, *number, 0)));
    lot.enter(again.collect::<Vec<_>>(), AT_ONCE).await?;
    Ok(lost.into_iter().map(|(number, how)| format!("the Ping of phone {number} is lost: {how}")).collect())
}

/// What others noticed.
fn noticed(before: &Seen, during: &Seen, lost: usize) -> String {
    let Tally { put_off, cut, unanswered, .. } = during.tally;
    format!(
        "p99 {}, undisturbed {}; with a new connection {}, undisturbed {}; {put_off} put off, {cut} cut, {unanswered} \
         not answered in time; {} mails came; {lost} Pings lost",
        slowest(&during.kept),
        slowest(&before.kept),
        slowest(&during.fresh),
        slowest(&before.fresh),
        during.mails,
    )
}

fn slowest(times: &Histogram) -> String {
    if times.count() == 0 { "-".to_owned() } else { millis(times.quantile(0.99)) }
}

/// What is told beside the table.
fn details(fought: &Fought, before: &Seen, during: &Seen, ceiling: &Ceiling) -> String {
    let parts =
        [fought.told.clone(), if fought.tally == Tally::default() { String::new() } else { fought.tally.to_string() }];
    let attackers: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!(
        "overload, {}: {}. Others, p50 / p99 / slowest: {} of {}, undisturbed {}; with a new connection {} of {}, \
         undisturbed {}; a mail by LMTP {} of {}, undisturbed {}. {ceiling}",
        fought.name,
        attackers.join("; "),
        three(&during.kept),
        during.kept.count(),
        three(&before.kept),
        three(&during.fresh),
        during.fresh.count(),
        three(&before.fresh),
        three(&during.lmtp),
        during.lmtp.count(),
        three(&before.lmtp),
    )
}

/// p50, p99 and the slowest.
fn three(times: &Histogram) -> String {
    [times.quantile(0.5), times.quantile(0.99), times.max()].map(millis).join(" / ")
}

/// The server's own memory, in bytes, and how far it may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ceiling {
    before: u64,
    during: u64,
    /// What requests may hold; 0 is no bound.
    most: u64,
}

impl Ceiling {
    /// Whether more came than may.
    const fn is_broken(&self) -> bool {
        self.most > 0 && self.during.saturating_sub(self.before) > self.most
    }
}

impl fmt::Display for Ceiling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, during, most } = self;
        write!(f, "Its own memory: {} MiB, before {} MiB", during >> 20, before >> 20)?;
        if *most > 0 {
            write!(f, "; requests may add {} MiB", most >> 20)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_counts_by_what_came_and_without_a_bound_nothing_is_too_much() {
        let ceiling = Ceiling { before: 100 << 20, during: 164 << 20, most: 64 << 20 };
        assert_eq!(ceiling.to_string(), "Its own memory: 164 MiB, before 100 MiB; requests may add 64 MiB");
        assert!(!ceiling.is_broken() && Ceiling { during: ceiling.during + 1, ..ceiling }.is_broken());
        assert!(!Ceiling { most: 0, ..ceiling }.is_broken() && !Ceiling { before: 200 << 20, ..ceiling }.is_broken());
    }
}
