//! The pack that serves is replaced again and again, while its phones synchronise without pause: no request may fail, and the
//! new version serves at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use easel_protocol::{Command, Version};
use easel_wbxml::pages::{airsync, contacts};
use easel_wbxml::{Element, decode};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use super::Bench;
use crate::clock::now;
use crate::easel::{Easel, House};
use crate::histogram::Histogram;
use crate::pack::{self, VERSIONED};
use crate::phone::{CONTACTS, Door, Identity, Phone};
use crate::process::{Meter, memory};
use crate::report::{Report, Row};

/// Phones that synchronise; two share a mailbox and hear of one another's changes.
const PHONES: usize = 8;
/// The file that is replaced.
const FILE: &str = "odd.wasm";
/// How long a replacement may take until it serves.
const PATIENCE: Duration = Duration::from_secs(60);
/// How soon a version is to serve that was compiled before, and one that was not.
const CACHED_WITHIN: Duration = Duration::from_millis(100);
const COMPILED_WITHIN: Duration = Duration::from_millis(500);
/// How long a phone whose request failed waits before the next.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn run(bench: &Bench<'_>, report: &mut Report) -> anyhow::Result<()> {
    let count = bench.scale().replacements;
    let first = File { version: 0, build: "a" };
    let hashes = [first].into_iter().chain(File::each(count));
    let mut hashes = hashes.map(|file| Ok(pack::hash(&file.component()?))).collect::<anyhow::Result<Vec<_>>>()?;
    hashes.sort();
    hashes.dedup();
    let users: Vec<String> = (0..PHONES / 2).map(user).collect();
    let house = bench.own_house("reloads", &hashes, |seeder| seeder.acquainted(&users, 2))?;
    house.put_pack(FILE, &first.component()?)?;
    let easel = Easel::start(&bench.options.easel, &house, None)?;
    let (tell, mut served) = unbounded_channel();
    let mut phones = Vec::new();
    for number in 0..PHONES {
        phones.push(Talker::ready(easel.door(), number, tell.clone()).await?);
    }
    drop(tell);
    let meter = Meter::start(easel.id())?;
    let over = Arc::new(AtomicBool::new(false));
    let mut talking = JoinSet::new();
    for phone in phones {
        talking.spawn(phone.talk(Arc::clone(&over)));
    }
    // The version that is there serves, before it is replaced for the first time.
    first_served(&mut served, &first.mark(), easel.started).await?;
    let (mut cached, mut compiled) = (Histogram::default(), Histogram::default());
    let replaced = replace(&house, count, &mut served, &mut cached, &mut compiled).await;
    over.store(true, Ordering::Relaxed);
    let mut all = Talked::default();
    while let Some(talked) = talking.join_next().await {
        all.add(talked.context("a phone broke")?);
    }
    let spent = meter.read()?;
    report.push(
        row(bench, count, &all)
            .spent(&spent, all.times.count())
            .times(&all.times)
            .resident(memory(easel.id())?.resident),
    );
    report.failures.extend(all.failures.iter().take(5).map(|failure| format!("reloads: {failure}")));
    replaced?;
    for (which, times, most) in
        [("compiled before", &cached, CACHED_WITHIN), ("never compiled", &compiled, COMPILED_WITHIN)]
    {
        let slowest = times.quantile(0.99);
        let work = format!("file renamed to the first request that it serves, {} files {which}", times.count());
        let row = Row::new(work, format!("p99 <= {} ms", most.as_millis()));
        let reached = format!("{} ms", slowest.as_millis());
        report.push(bench.judge(row, reached, slowest <= most).times(times));
    }
    easel.stop()?;
    // Everything that was compiled would stay otherwise.
    std::fs::remove_dir_all(&house.dir).with_context(|| format!("removing {}", house.dir.display()))
}

fn row(bench: &Bench<'_>, count: usize, all: &Talked) -> Row {
    let work = format!("{count} times the pack of {PHONES} phones is replaced, that synchronise without pause");
    let failed = all.failures.len();
    let reached = format!(
        "{failed} of {} failed; {} sent changes, {} brought some, {} brought nothing",
        all.times.count() + failed as u64,
        all.sent,
        all.brought,
        all.empty
    );
    bench.judge(Row::new(work, "no failed request"), reached, failed == 0)
}

fn user(number: usize) -> String {
    format!("k{number:05}")
}

/// A file that takes the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct File {
    version: usize,
    build: &'static str,
}

impl File {
    /// As many as are wanted. Four have one version: two that are new, and then the same again, which are compiled already.
    fn each(count: usize) -> impl Iterator<Item = Self> {
        (0..count)
            .map(|number| Self { version: 1 + number / 4, build: if number.is_multiple_of(2) { "a" } else { "b" } })
    }

    fn component(&self) -> anyhow::Result<Vec<u8>> {
        pack::named("odd", &format!("1.{}.0", self.version), self.build)
    }

    /// What it calls each contact.
    fn mark(&self) -> String {
        format!("1.{}.0 {}", self.version, self.build)
    }
}

/// Puts one file after the other in the place of the pack, each as soon as the one before it has served.
async fn replace(
    house: &House,
    count: usize,
    served: &mut UnboundedReceiver<Served>,
    cached: &mut Histogram,
    compiled: &mut Histogram,
) -> anyhow::Result<()> {
    for (number, file) in File::each(count).enumerate() {
        let renamed = house.put_pack(FILE, &file.component()?)?;
        let at = first_served(served, &file.mark(), renamed).await?;
        let times = if number % 4 < 2 { &mut *compiled } else { &mut *cached };
        times.record(at - renamed);
    }
    Ok(())
}

/// A contact that came to a phone.
#[derive(Debug)]
struct Served {
    mark: String,
    asked: Instant,
    end: Instant,
}

/// When the first answer was there that a file made, of those that were asked for after it was there.
async fn first_served(served: &mut UnboundedReceiver<Served>, mark: &str, renamed: Instant) -> anyhow::Result<Instant> {
    let waiting = async {
        loop {
            let one = served.recv().await.context("all phones ended")?;
            if one.mark == mark && one.asked >= renamed {
                return Ok(one.end);
            }
        }
    };
    let within = tokio::time::timeout(PATIENCE, waiting).await;
    within.with_context(|| format!("{mark} does not serve within {} s", PATIENCE.as_secs()))?
}

/// What a phone did.
#[derive(Debug, Default)]
struct Talked {
    times: Histogram,
    failures: Vec<String>,
    sent: u64,
    brought: u64,
    empty: u64,
}

impl Talked {
    fn add(&mut self, other: Self) {
        self.times.add(&other.times);
        self.failures.extend(other.failures);
        self.sent += other.sent;
        self.brought += other.brought;
        self.empty += other.empty;
    }
}

/// A phone that sends a change with every other Sync, and gets those of the other one.
struct Talker {
    door: Door,
    number: usize,
    phone: Phone,
    key: String,
    /// The contact that only this phone changes.
    mine: String,
    tell: UnboundedSender<Served>,
}

impl Talker {
    async fn ready(door: Door, number: usize, tell: UnboundedSender<Served>) -> anyhow::Result<Self> {
        // Both phones of a mailbox are of one version in every other mailbox, so that both versions are there.
        let version = if (number / 2).is_multiple_of(2) { Version::V12_1 } else { Version::V16_1 };
        let identity = Identity::new(&user(number / 2), &format!("RELOAD{number}"), version).called(VERSIONED);
        let mut phone = Phone::connect(&door, number, identity).await?;
        let mut brought = phone.synchronise(&CONTACTS).await?;
        brought.items.sort();
        ensure!(brought.items.len() == 2, "{} contacts came of 2", brought.items.len());
        let mine = brought.items.swap_remove(number % 2);
        Ok(Self { door, number, phone, key: brought.key, mine, tell })
    }

    async fn talk(mut self, over: Arc<AtomicBool>) -> Talked {
        let mut talked = Talked::default();
        for turn in 0_u64.. {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let start = now();
            match self.sync(turn, start, &mut talked).await {
                Ok(()) => talked.times.record(now() - start),
                Err(error) => {
                    talked.failures.push(format!("{error:#}"));
                    tokio::time::sleep(PAUSE).await;
                    if let Err(error) = self.again().await {
                        talked.failures.push(format!("after a failure: {error:#}"));
                    }
                }
            }
        }
        talked
    }

    async fn sync(&mut self, turn: u64, asked: Instant, talked: &mut Talked) -> anyhow::Result<()> {
        let sends = turn.is_multiple_of(2);
        let body = if sends {
            let data =
                Element::of(airsync::APPLICATION_DATA, [Element::text(contacts::FILE_AS, format!("Turn {turn}"))]);
            let change = Element::of(airsync::CHANGE, [Element::text(airsync::SERVER_ID, self.mine.clone()), data]);
            CONTACTS.sending(&self.key, vec![change])
        } else {
            CONTACTS.since(&self.key)
        };
        let answer = self.phone.ask(Command::Sync, &body).await?;
        let end = now();
        if answer.body.is_empty() {
            ensure!(!sends, "a change was answered with nothing");
            talked.empty += 1;
            return Ok(());
        }
        let told = Told::read(&decode(&answer.body).context("an answer that is no WBXML")?)?;
        self.key = told.key;
        talked.sent += u64::from(sends);
        talked.brought += u64::from(!told.names.is_empty());
        talked.empty += u64::from(!sends && told.names.is_empty());
        for mark in told.names {
            // Nobody listens any more once everything is replaced.
            let _over = self.tell.send(Served { mark, asked, end });
        }
        Ok(())
    }

    /// Begins anew on a connection of its own.
    async fn again(&mut self) -> anyhow::Result<()> {
        self.phone = Phone::connect(&self.door, self.number, self.phone.identity.clone()).await?;
        self.key = self.phone.synchronise(&CONTACTS).await?.key;
        Ok(())
    }
}

/// What an answer says.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    key: String,
    /// FileAs of each contact that came.
    names: Vec<String>,
}

impl Told {
    /// Any Status but 1, and a contact whose name no pack has made, is an error.
    fn read(answer: &Element) -> anyhow::Result<Self> {
        let is_good = |of: &Element| of.text_of(airsync::STATUS).is_none_or(|status| status == "1");
        let collection = answer.at(&[airsync::COLLECTIONS, airsync::COLLECTION]);
        let collection = collection.with_context(|| format!("an answer without a collection: {answer:?}"))?;
        let responses = collection.child(airsync::RESPONSES).into_iter().flat_map(Element::children);
        let all_good = is_good(answer) && is_good(collection) && responses.into_iter().all(is_good);
        ensure!(all_good, "a Status that is not 1: {answer:?}");
        let key = collection.text_of(airsync::SYNC_KEY).context("an answer without SyncKey")?.into_owned();
        let mut names = Vec::new();
        for item in collection.child(airsync::COMMANDS).into_iter().flat_map(Element::children) {
            let name = item.at(&[airsync::APPLICATION_DATA, contacts::FILE_AS]).context("a contact without FileAs")?;
            let name = name.value().into_owned();
            ensure!(name.starts_with("1."), "no pack served a contact called {name:?}");
            names.push(name);
        }
        Ok(Self { key, names })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: &str, response: &str, name: &str) -> Element {
        let text = |tag, value: &str| Element::text(tag, value.to_owned());
        let data = Element::of(airsync::APPLICATION_DATA, [text(contacts::FILE_AS, name)]);
        let change = Element::of(airsync::CHANGE, [text(airsync::SERVER_ID, "1"), data]);
        let response = Element::of(airsync::CHANGE, [text(airsync::STATUS, response)]);
        let collection = [
            text(airsync::SYNC_KEY, "k"),
            text(airsync::STATUS, status),
            Element::of(airsync::RESPONSES, [response]),
            Element::of(airsync::COMMANDS, [change]),
        ];
        let collections = Element::of(airsync::COLLECTIONS, [Element::of(airsync::COLLECTION, collection)]);
        Element::of(airsync::SYNC, [collections])
    }

    #[test]
    fn a_wrong_status_and_a_contact_that_no_pack_made_are_failures() {
        let told = Told::read(&answer("1", "1", "1.7.0 a")).unwrap();
        assert_eq!(told, Told { key: "k".to_owned(), names: vec!["1.7.0 a".to_owned()] });
        for [status, response, name] in [["3", "1", "1.7.0 a"], ["1", "7", "1.7.0 a"], ["1", "1", "Turn 6"]] {
            assert!(Told::read(&answer(status, response, name)).is_err(), "{status} {response} {name}");
        }
        let refused = Element::of(airsync::SYNC, [Element::text(airsync::STATUS, "110")]);
        assert!(Told::read(&refused).is_err());
    }

    #[test]
    fn half_of_all_files_were_compiled_before_and_no_version_is_lower_than_the_one_before() {
        let files: Vec<File> = File::each(8).collect();
        let new = (0..8).filter(|at| !files[..*at].contains(&files[*at])).collect::<Vec<_>>();
        assert_eq!(new, [0, 1, 4, 5]);
        assert!(files.is_sorted_by_key(|file| file.version) && files.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!((files[0].mark().as_str(), files[7].mark().as_str()), ("1.1.0 a", "1.2.0 b"));
    }

    #[tokio::test]
    async fn an_answer_to_what_was_asked_before_the_file_was_there_does_not_count() {
        let (tell, mut served) = unbounded_channel();
        let second = Duration::from_secs(1);
        let renamed = now() + second;
        for (mark, asked) in [("1.1.0 a", now()), ("1.1.0 b", renamed + second), ("1.1.0 a", renamed + second)] {
            tell.send(Served { mark: mark.to_owned(), asked, end: asked + second }).unwrap();
        }
        drop(tell);
        assert!(first_served(&mut served, "1.1.0 a", renamed).await.unwrap() >= renamed + 2 * second);
        assert!(first_served(&mut served, "1.1.0 a", renamed).await.is_err());
    }
}
