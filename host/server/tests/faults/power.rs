//! Power is lost at any point of a mixed run: what was acknowledged is there afterwards, once, and nobody starts over.
//!
//! The run is played once, over a journal of the disk. For each point of the journal a disk is made as it could be after
//! power was lost there; the server is started on it, and the phones go on from what they knew at that moment.
//!
//! `EASEL_POWER_LOSSES` is the number of points, `EASEL_POWER_SEED` the seed of everything that chance decides.

use std::path::Path;
use std::thread;

use easel_faults::{Disk, Faults, Journal, Loss, Tree};
use easel_test_support::{Easel, Lmtp, mail};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::owner::{self, Owner};
use crate::steps::{Step, pair};
use crate::support::House;

const POINTS: usize = 8;
const SEED: u64 = 0x0EA5_E1FA;
/// Requests of each phone.
const REQUESTS: usize = 60;
/// Mails handed over.
const MAILS: u32 = 40;
/// Imports, and the mails in each.
const IMPORTS: u32 = 4;
const IMPORTED: u32 = 5;
/// Imported mails have numbers from here on.
const IMPORTED_FROM: u32 = 100_000;

/// A number from the environment.
fn variable<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    let value = std::env::var(name).ok();
    value.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number: {text:?}")))
}

/// Something that was asked for and acknowledged, with the lengths of the journal before and after.
struct Done<T> {
    what: T,
    begun: u64,
    acknowledged: u64,
}

/// Everything that was done in the run.
struct Run {
    steps: Vec<Vec<Step>>,
    mails: Vec<Done<u32>>,
    imports: Vec<Done<u32>>,
    /// Whether the pack serves from then on.
    packs: Vec<Done<bool>>,
}

#[test]
fn what_was_acknowledged_before_power_was_lost_is_there_once_afterwards() {
    let mut random = StdRng::seed_from_u64(variable("EASEL_POWER_SEED", SEED));
    let house = House::with_tls();
    let serving = house.serve();
    let mut owners = pair(serving.address, || random.random());
    let at_first = owners.each_ref().map(|owner| owner.before(serving.address));
    serving.stop("TERM");
    let root = house.path("house");
    let before = Tree::read(&root);
    let faults = Faults::with_journal(&root);
    let run = play(&house, &faults, &mut owners, &mut random);
    let journal = faults.journal();
    let acknowledged = run.acknowledged();
    assert!(acknowledged.len() > 150, "{}", acknowledged.len());
    let points = variable("EASEL_POWER_LOSSES", POINTS);
    let mut cuts: Vec<u64> = (0..points).map(|_| cut(&journal, &acknowledged, &mut random)).collect();
    cuts.sort_unstable();
    let mut disk = Disk::holding(&before);
    let mut records = journal.records().iter().peekable();
    for (number, cut) in cuts.into_iter().enumerate() {
        while let Some(record) = records.next_if(|record| record.end <= cut) {
            disk.apply(record);
        }
        let loss = [Loss::Everything, Loss::Late, Loss::Scattered, Loss::Scattered][number % 4];
        let at = format!("point {number} at {cut} of {}, {loss:?}", faults.journal_len());
        check(&disk.after(loss, &mut random), &at_first, &run, cut, &at);
    }
}

/// Everybody works at once, until each has done their share; then the server is ended.
fn play(house: &House, faults: &Faults, owners: &mut [Owner], random: &mut StdRng) -> Run {
    let serving = house.easel().with_environment(faults.environment()).serve();
    for owner in &mut *owners {
        *owner = owner.before(serving.address);
    }
    let lines: Vec<usize> = (0..MAILS).map(|_| random.random_range(1..400)).collect();
    let run = thread::scope(|scope| {
        let phones: Vec<_> =
            owners.iter_mut().map(|owner| scope.spawn(|| owner.work(REQUESTS, || faults.journal_len()))).collect();
        let mails = scope.spawn(|| {
            let mut lmtp = Lmtp::connect(&house.path("house/lmtp.sock")).unwrap();
            let mut mails = Vec::new();
            for (number, lines) in (0..MAILS).zip(&lines) {
                mails.push(done(faults, number, || {
                    lmtp.deliver("anna@example.org", number, *lines).unwrap();
                }));
            }
            mails
        });
        let verbs = scope.spawn(|| {
            let (mut imports, mut packs) = (Vec::new(), Vec::new());
            for number in 0..IMPORTS {
                let mbox = mbox(house, number);
                imports.push(done(faults, number, || assert_eq!(house.import(&[&mbox]), [IMPORTED.into(), 0, 0])));
                let serves = number % 2 == 0;
                packs.push(done(faults, serves, || {
                    if serves {
                        house.run(&["pack", "install", &pack(), "--allow-unsigned"]).ok();
                    } else {
                        house.run(&["pack", "remove", PACK]).ok();
                    }
                }));
            }
            (imports, packs)
        });
        let (imports, packs) = verbs.join().unwrap();
        let steps = phones.into_iter().map(|phone| phone.join().unwrap()).collect();
        Run { steps, mails: mails.join().unwrap(), imports, packs }
    });
    let (code, log) = serving.stop("TERM");
    assert_eq!(code, Some(0), "{log}");
    run
}

fn done<T>(faults: &Faults, what: T, act: impl FnOnce()) -> Done<T> {
    let begun = faults.journal_len();
    act();
    Done { what, begun, acknowledged: faults.journal_len() }
}

impl Run {
    /// The lengths of the journal when something had been acknowledged.
    fn acknowledged(&self) -> Vec<u64> {
        let steps = self.steps.iter().flatten().map(|step| step.read);
        let mails = self.mails.iter().map(|done| done.acknowledged);
        let imports = self.imports.iter().map(|done| done.acknowledged);
        steps.chain(mails).chain(imports).chain(self.packs.iter().map(|done| done.acknowledged)).collect()
    }
}

/// Where power is lost: anywhere, or right after something was acknowledged.
fn cut(journal: &Journal, acknowledged: &[u64], random: &mut StdRng) -> u64 {
    if random.random() {
        acknowledged[random.random_range(0..acknowledged.len())]
    } else {
        journal.records()[random.random_range(0..journal.records().len())].end
    }
}

/// The pack that comes and goes.
pub(crate) const PACK: &str = "smallest-pack";

pub(crate) fn pack() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/plugins/frozen/0.1.0/smallest-pack.wasm");
    path.canonicalize().unwrap().display().to_string()
}

fn imported(number: u32) -> impl Iterator<Item = u32> {
    (0..IMPORTED).map(move |mail| IMPORTED_FROM + number * IMPORTED + mail)
}

fn mbox(house: &House, number: u32) -> String {
    let mails = imported(number).map(|number| {
        let mail = mail("anna@example.org", number, 20).replace("\r\n", "\n");
        format!("From sender@example.net Mon Mar  2 10:00:00 2026\n{mail}\n")
    });
    house.write(&format!("import-{number}.mbox"), mails.collect::<String>())
}

/// Starts the server on what is left, and lets everybody go on.
#[track_caller]
fn check(left: &Tree<Vec<u8>>, owners: &[Owner], run: &Run, cut: u64, at: &str) {
    let dir = tempfile::tempdir().unwrap();
    left.write(dir.path());
    let config = dir.path().join("easel.toml");
    assert!(config.exists(), "{at}");
    let easel = Easel::new(env!("CARGO_BIN_EXE_easel"), config);
    let serving = easel.serve();
    let mut owners: Vec<Owner> = owners.iter().map(|owner| owner.before(serving.address)).collect();
    for (owner, steps) in owners.iter_mut().zip(&run.steps) {
        owner.go_through(steps, cut);
    }
    owner::check(&mut owners, &owner::Imported::new(), at);
    let seen = owners[0].mails();
    for mail in &run.mails {
        let there = seen.contains_key(&mail.what);
        assert!(there || mail.acknowledged > cut, "{at}: mail {} was acknowledged and lost", mail.what);
        assert!(!there || mail.begun <= cut, "{at}: mail {} comes from the future", mail.what);
    }
    for import in &run.imports {
        let there = imported(import.what).filter(|number| seen.contains_key(number)).count();
        assert!(there == IMPORTED as usize || import.acknowledged > cut, "{at}: import {}: {there}", import.what);
        assert!(there == 0 || import.begun <= cut, "{at}: import {} comes from the future", import.what);
    }
    check_pack(&easel, &run.packs, cut, at);
    let (code, log) = serving.stop("TERM");
    assert_eq!(code, Some(0), "{at}: {log}");
    let complaints = log.lines().filter(|line| line.contains("ERROR") || line.contains("WARN"));
    let complaints: Vec<&str> = complaints.filter(|line| !line.contains(PACK)).collect();
    assert!(complaints.is_empty(), "{at}: {complaints:#?}");
    easel.run(&["check"]).ok();
}

/// The pack serves if its installation was acknowledged last, does not if its removal was, and may if that was under way.
#[track_caller]
fn check_pack(easel: &Easel, packs: &[Done<bool>], cut: u64, at: &str) {
    if packs.iter().any(|done| (done.begun..done.acknowledged).contains(&cut)) {
        return;
    }
    let last = packs.iter().rfind(|done| done.acknowledged <= cut);
    let list = easel.json(&["pack", "list"]);
    let serves = list["packs"].as_array().unwrap().iter().any(|pack| pack["state"] == "serves");
    assert_eq!(serves, last.is_some_and(|done| done.what), "{at}: {list}");
}
