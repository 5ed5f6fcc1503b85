//! A disk that is full, cannot be written, is slow or broken: nothing is acknowledged that is not there, what is there
//! can be read, the log says so once, and it goes on by itself.

use std::time::Duration;

use easel_faults::{Disk, Faults, Loss, Tree};
use easel_test_support::{Easel, Identity, Lmtp, Serving};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::owner::{self, Owner};
use crate::steps::pair;
use crate::support::House;

/// A house under the layer, with two owners at work.
struct Tried {
    house: House,
    /// What was there before the journal.
    before: Tree<Vec<u8>>,
    faults: Faults,
    serving: Serving,
    owners: [Owner; 2],
    /// Numbers of mails that were taken.
    taken: Vec<u32>,
    begun: u32,
}

/// What is said once when it begins, and once when it is over.
const BEGINS: &str = "changes cannot be written";
const OVER: &str = "changes are written again";

impl Tried {
    fn new(seed: u64) -> Self {
        let house = House::with_tls();
        let before = Tree::read(&house.path("house"));
        let faults = Faults::with_journal(&house.path("house"));
        let serving = house.easel().with_environment(faults.environment()).serve();
        let owners = pair(serving.address, || seed);
        let mut tried = Self { house, before, faults, serving, owners, taken: Vec::new(), begun: 0 };
        tried.work(10);
        tried
    }

    /// Everybody does something that goes well.
    fn work(&mut self, requests: usize) {
        for owner in &mut self.owners {
            owner.work(requests, || 0);
        }
        for _ in 0..3 {
            let said = self.deliver();
            assert!(said.starts_with("250"), "{said}");
        }
        self.owners.iter_mut().for_each(Owner::look_at_everything);
    }

    /// Hands a mail over: what is said to it.
    fn deliver(&mut self) -> String {
        let mut lmtp = Lmtp::connect(&self.house.path("house/lmtp.sock")).unwrap();
        let said = lmtp.offer("anna@example.org", self.begun, 50).unwrap();
        if said.starts_with("250") {
            self.taken.push(self.begun);
        }
        self.begun += 1;
        said
    }

    /// While nothing can be written: mail is refused for now with this code, phones are told so and keep what they
    /// have, and what is there can be read.
    fn nothing_is_acknowledged(&mut self, code: &str) {
        let refused = self.faults.refused();
        for _ in 0..30 {
            let said = self.deliver();
            assert!(said.starts_with(code), "{said}");
        }
        for owner in &mut self.owners {
            owner.is_put_off(20);
            owner.reads();
        }
        assert!(self.faults.refused() > refused, "the layer had something to refuse");
    }

    /// It goes on: the phones send again what was refused, and everything is there once.
    fn goes_on(&mut self, what: &str) {
        for owner in &mut self.owners {
            owner.tries_again();
        }
        self.work(10);
        self.everything_is_there(what);
    }

    fn everything_is_there(&mut self, what: &str) {
        owner::check(&mut self.owners, &owner::Imported::new(), what);
        let seen = self.owners[0].mails();
        let mut mails: Vec<u32> = seen.into_keys().filter(|number| *number < owner::SENT_FROM).collect();
        mails.sort_unstable();
        assert_eq!(mails, self.taken, "{what}");
    }

    /// Ends the server: what it logged says these sentences so often, and little else of trouble.
    #[track_caller]
    fn end(self, times: usize) -> String {
        let (code, log) = self.serving.stop("TERM");
        assert_eq!(code, Some(0), "{log}");
        let begun = log.matches(BEGINS).count();
        // One for each of the two files.
        assert!((times..=2 * times).contains(&begun), "{begun}: {log}");
        assert_eq!(log.matches(OVER).count(), begun, "{log}");
        let trouble: Vec<_> = log.lines().filter(|line| line.contains("ERROR") || line.contains("WARN")).collect();
        assert!(trouble.len() <= begun, "one line for what begins: {trouble:#?}");
        log
    }
}

#[test]
fn on_a_full_disk_nothing_is_acknowledged_and_it_goes_on_when_there_is_room() {
    let mut tried = Tried::new(1);
    tried.faults.full_after(0);
    tried.nothing_is_acknowledged("452");
    tried.faults.room();
    tried.goes_on("there was room again");
    let log = tried.end(1);
    assert!(log.contains("the disk is full: free space on its file system"), "{log}");
}

#[test]
fn a_disk_that_fills_up_in_the_middle_of_a_change_leaves_nothing_of_it() {
    let mut tried = Tried::new(2);
    for room in [1_000, 5_000, 20_000, 60_000] {
        tried.faults.full_after(room);
        for _ in 0..20 {
            let said = tried.deliver();
            assert!(said.starts_with("250") || said.starts_with("452"), "{said}");
        }
        tried.faults.room();
        tried.work(3);
    }
    tried.everything_is_there("after every filling up");
    tried.end(4);
}

#[test]
fn on_a_disk_that_can_only_be_read_nothing_is_acknowledged_and_it_goes_on_when_it_can_be_written() {
    let mut tried = Tried::new(3);
    tried.faults.read_only(true);
    tried.nothing_is_acknowledged("451");
    tried.faults.read_only(false);
    tried.goes_on("it can be written again");
    tried.end(1);
}

#[test]
fn a_slow_disk_makes_everybody_wait_and_nobody_fail() {
    let mut tried = Tried::new(4);
    for millis in [50, 200] {
        tried.faults.slow(Duration::from_millis(millis));
        tried.work(4);
    }
    tried.faults.slow(Duration::ZERO);
    tried.everything_is_there("it was slow");
    tried.end(0);
}

#[test]
fn what_an_fsync_that_failed_was_for_is_not_acknowledged_and_what_is_later_survives_power_loss() {
    let mut tried = Tried::new(5);
    tried.faults.syncs_fail(true);
    tried.nothing_is_acknowledged("451");
    tried.faults.syncs_fail(false);
    tried.goes_on("fsyncs work again");
    let mut disk = Disk::holding(&tried.before);
    tried.faults.journal().records().iter().for_each(|record| disk.apply(record));
    let left = disk.after(Loss::Everything, &mut StdRng::seed_from_u64(5));
    let log = tried.serving.stop("TERM").1;
    assert!(log.contains("the disk reports an error: check it and the system's log"), "{log}");
    let dir = tempfile::tempdir().unwrap();
    left.write(dir.path());
    let serving = Easel::new(env!("CARGO_BIN_EXE_easel"), dir.path().join("easel.toml")).serve();
    let mut owners = tried.owners.each_ref().map(|owner| owner.before(serving.address));
    owner::check(&mut owners, &owner::Imported::new(), "after power loss");
}

#[test]
fn a_server_does_not_start_on_a_disk_that_takes_nothing_and_says_why() {
    let house = House::with_tls();
    let faults = Faults::below(&house.path("house"));
    let easel = house.easel().with_environment(faults.environment());
    faults.full_after(0);
    let said = easel.run(&["serve"]).refused();
    assert!(said.contains("data") && said.contains("No space left"), "{said}");
    faults.room();
    faults.read_only(true);
    let said = easel.run(&["serve"]).refused();
    assert!(said.contains("data") && said.contains("Read-only"), "{said}");
    faults.read_only(false);
    easel.serve().stop("TERM");
}

#[test]
fn what_a_broken_disk_refused_does_not_come_back_when_the_server_is_killed_afterwards() {
    let house = House::with_tls();
    let faults = Faults::below(&house.path("house"));
    let easel = house.easel().with_environment(faults.environment());
    let deliver = |number| {
        let mut lmtp = Lmtp::connect(&house.path("house/lmtp.sock")).unwrap();
        lmtp.offer("anna@example.org", number, 3).unwrap()
    };
    let mut serving = easel.serve();
    let mut taken = Vec::new();
    let mut refused = 0;
    // Somewhere among them is the fsync after which a mail is there for good.
    for number in 0..8_u32 {
        faults.syncs_fail_after(number.into());
        let said = deliver(number);
        if said.starts_with("250") {
            taken.push(number);
        } else {
            assert!(said.starts_with("451"), "{said}");
            refused += 1;
        }
        // SIGKILL, and the process is waited for.
        drop(serving);
        faults.syncs_fail(false);
        serving = easel.serve();
        let [mut owner] = owner::owners(serving.address, [(Identity::android(), "ann")], || 6);
        owner.look_at_everything();
        assert_eq!(owner.mails().into_keys().collect::<Vec<_>>(), taken, "after {number} fsyncs: {said}");
    }
    assert!(refused > 1 && !taken.is_empty(), "{refused} refused, {taken:?}");
}
