//! `kill -9` at seeded points of a mixed run: after each restart nothing is there twice, nothing that was answered is
//! lost, and no phone has to start over.
//!
//! Three phones of one user work while mail is delivered, files are imported and the signed pack of one of the phones is
//! replaced and rolled back, and the phone of another user waits in a Ping. The server is killed with the next requests
//! under way: when the n-th answer has arrived, at any time, or soon after an import or a swap was answered
//! ([`Moment`]). By the toss of a coin a phone does not read what is answered after the n-th, so that the server is also
//! killed with answers on the way of which it knows and the phone does not. One restart in four is killed as well before
//! it is done.
//!
//! After the restart each phone repeats the request whose answer it never read, byte for byte, as real ones do; the one
//! that waited asks again, and the import that broke off is repeated. [`Phone`](easel_test_support::Phone) takes any
//! Status but success for an error, so that a Status 3, a FolderSync that starts over or an item that comes twice ends
//! the test.
//!
//! Two environment variables make other runs of the same test:
//!
//! - `EASEL_KILLS`: how many points, [`KILLS`] unless it is set. With fewer, no work of each kind is sure to be done.
//! - `EASEL_SEED`: a whole number from which the moments and everybody's errands are drawn, [`SEED`] unless it is set.
//!   What is under way at a moment is up to the machine.
//!
//! `EASEL_SEED=1 EASEL_KILLS=100 cargo test --package easel-server --test kill`

#![expect(clippy::unwrap_used, reason = "a panic in a test says what broke")]

use std::{fs, thread};

use easel_test_support::Identity;
use mixed::{Answers, Importer, Moment, Owner, Postman, Vendor, Watcher, number, wait};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use support::{House, Serving};

mod mixed;

#[path = "cli/support.rs"]
#[expect(dead_code, reason = "the tests of the verbs need more of it")]
mod support;

/// Points of a run.
const KILLS: u64 = 20;
/// What they are drawn from.
const SEED: u64 = 0x0EA5_E1D1;

/// A whole number of the environment.
fn from_environment(name: &str, usual: u64) -> u64 {
    let Ok(said) = std::env::var(name) else { return usual };
    said.parse().unwrap_or_else(|_| panic!("{name}={said}: it is a whole number such as {usual}"))
}

#[test]
fn kills_in_a_mixed_run_duplicate_nothing_lose_nothing_and_reset_no_phone() {
    let kills = from_environment("EASEL_KILLS", KILLS);
    let seed = from_environment("EASEL_SEED", SEED);
    let house = House::with_tls();
    house.add_user("ben", "ben@example.org", "ben's word");
    // A long run sends more in an hour than a user may.
    let (config, bound) = (house.path("house/easel.toml"), "messages_per_hour_max = 500");
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains(bound));
    fs::write(&config, text.replace(bound, "messages_per_hour_max = 0")).unwrap();
    let mut random = StdRng::seed_from_u64(seed);
    let mut vendor = Vendor::new(&house);
    let mut serving = house.serve();
    let mut importer = Importer::new(&house, random.random());
    let mut postman = Postman::new(house.path("house/lmtp.sock"), random.random());
    let phones = [(Identity::android(), "ann"), (Identity::iphone_today(), "bob"), (Identity::iphone_3gs(), "eve")];
    let mut owners: Vec<Owner> = (0..)
        .zip(phones)
        .map(|(place, (identity, name))| Owner::new(serving.address, identity, (name, place), random.random()))
        .collect();
    let mut watcher = Watcher::new(serving.address);
    for kill in 0..kills {
        let moment = Moment::of(kill, &mut random);
        let at = format!("seed {seed}, kill {kill} at {moment:?}");
        work_until_killed(serving, (&mut owners, &mut postman, &mut importer, &mut vendor, &mut watcher), moment);
        if random.random_range(0..4) == 0 {
            start_and_kill(&house, random.random_range(0..300));
        }
        serving = house.serve();
        watcher.come_back(serving.address, &house.path("house/lmtp.sock"));
        for owner in &mut owners {
            owner.come_back(serving.address);
        }
        importer.come_back();
        vendor.come_back(&at);
        // Each may have changed something since the others looked.
        let sent = sent(&owners);
        owners[0].wait_for(&sent);
        owners[1..].iter_mut().for_each(Owner::look_at_everything);
        let mails = owners[0].mails();
        postman.check(&mails, &at);
        importer.check(&mails, &at);
        let (cards, folders) = expected(&owners, &importer);
        for owner in &owners {
            assert_eq!(owner.mails(), mails, "{at}, {}", owner.name);
            assert_eq!(owner.cards(), cards, "{at}, {}", owner.name);
            assert_eq!(owner.made_folders(), folders, "{at}, {}", owner.name);
            assert_eq!(owner.copies(), sent, "{at}, {}: what was sent is in Sent Items, once", owner.name);
            owner.check_moves();
        }
    }
    let (cards, folders) = expected(&owners, &importer);
    let moved = owners.iter().map(|owner| owner.moved.len()).sum();
    let imported = importer.mails.len().min(importer.cards.len());
    let worked = [postman.there.len(), imported, cards.len(), folders.len(), sent(&owners).len(), moved, vendor.swaps];
    assert!(
        kills < KILLS || worked.iter().all(|count| *count > 0),
        "mails, imports, contacts, folders, sent and moved mails, swapped packs: {worked:?}"
    );
    let another = Identity { device_id: "another".into(), ..Identity::iphone_3gs() };
    let mut fresh = Owner::new(serving.address, another, ("new", 0), 0);
    fresh.look_at_everything();
    for owner in &owners {
        assert_eq!(fresh.mails(), owner.mails());
        assert_eq!(fresh.cards(), owner.cards());
        assert_eq!(fresh.made_folders(), owner.made_folders());
        assert_eq!(fresh.copies(), owner.copies());
    }
    let mails: Vec<u32> = fresh.mails().into_keys().collect();
    assert_eq!(exported_mails(&house), [mails, fresh.copies()]);
    house.run(&["check"]).ok();
}

/// Everybody who works.
type Workers<'w, 'h> = (&'w mut Vec<Owner>, &'w mut Postman, &'w mut Importer<'h>, &'w mut Vendor<'h>, &'w mut Watcher);

/// Lets everybody work, and kills the server at that moment.
fn work_until_killed(serving: Serving, workers: Workers<'_, '_>, moment: Moment) {
    let (owners, postman, importer, vendor, watcher) = workers;
    let (answers, arrivals) = Answers::until(moment);
    thread::scope(|scope| {
        for owner in owners {
            scope.spawn(|| owner.work(&answers));
        }
        scope.spawn(|| postman.work(&answers));
        scope.spawn(|| importer.work(&answers));
        scope.spawn(|| vendor.work(&answers));
        scope.spawn(|| watcher.wait_until_killed());
        arrivals.wait_for(moment);
        answers.end();
        // SIGKILL, and the process is waited for.
        drop(serving);
    });
}

/// Starts the server, and kills it so many milliseconds later, whether it listens by then or not.
fn start_and_kill(house: &House, millis: u64) {
    let mut begun = house.start(&["serve"]);
    wait(millis);
    begun.kill().unwrap();
    begun.wait().unwrap();
}

/// The contacts and the folders that were answered to their owners, and the contacts that were imported.
fn expected(owners: &[Owner], importer: &Importer<'_>) -> (Vec<(String, String)>, Vec<String>) {
    let cards = owners.iter().flat_map(|owner| &owner.cards);
    let cards = cards.map(|(name, card)| (name.clone(), card.revision.to_string()));
    let mut cards: Vec<_> = cards.chain(importer.cards.iter().map(|name| (name.clone(), "0".to_owned()))).collect();
    let mut folders: Vec<_> = owners.iter().flat_map(|owner| owner.folders.clone()).collect();
    cards.sort();
    folders.sort();
    (cards, folders)
}

/// The numbers of the mails that the owners sent.
fn sent(owners: &[Owner]) -> Vec<u32> {
    let mut sent: Vec<u32> = owners.iter().flat_map(|owner| owner.sent.iter().copied()).collect();
    sent.sort_unstable();
    sent
}

/// The numbers of the mails in Inbox and Deleted Items, and of those in Sent Items, as an export writes them.
fn exported_mails(house: &House) -> [Vec<u32>; 2] {
    let exported = house.export("out", &[]);
    [&["Inbox.mbox", "Deleted Items.mbox"][..], &["Sent Items.mbox"]].map(|files| {
        let texts = exported.iter().filter(|(name, _)| files.contains(&name.as_str()));
        let texts: String = texts.map(|(_, bytes)| String::from_utf8_lossy(bytes)).collect();
        let mut numbers: Vec<u32> =
            texts.lines().filter_map(|line| line.strip_prefix("Subject: ")).map(number).collect();
        numbers.sort_unstable();
        numbers
    })
}
