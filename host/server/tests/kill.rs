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

use std::collections::BTreeSet;
use std::{fs, thread};

use easel_protocol::Class;
use easel_test_support::Identity;
use mixed::{Answers, Importer, Moment, Postman, Vendor, Watcher, wait};
use owner::{Owner, number};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use support::{House, Serving};

mod mixed;
mod owner;

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
    lift_bounds(&house);
    let mut random = StdRng::seed_from_u64(seed);
    let mut vendor = Vendor::new(&house);
    let mut serving = house.serve();
    let mut importer = Importer::new(&house, random.random());
    let mut postman = Postman::new(house.path("house/lmtp.sock"), random.random());
    let phones = [(Identity::android(), "ann"), (Identity::iphone_today(), "bob"), (Identity::iphone_3gs(), "eve")];
    let mut owners = owner::owners(serving.address, phones, || random.random());
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
        owner::check(&mut owners, &importer.objects, &at);
        let mails = owners[0].mails();
        postman.check(&mails, &at);
        importer.check(&mails, &at);
    }
    let (cards, folders) = (owners[0].cards(), owners[0].made_folders());
    let moved = owners.iter().map(|owner| owner.moved.len()).sum();
    let classes = [Class::Contacts, Class::Calendar, Class::Tasks, Class::Notes];
    let imported = classes.map(|class| importer.objects.get(&class).map_or(0, BTreeSet::len)).into_iter();
    let imported = imported.chain([importer.mails.len()]).min().unwrap();
    let worked =
        [postman.there.len(), imported, cards.len(), folders.len(), owners[0].copies().len(), moved, vendor.swaps];
    assert!(
        kills < KILLS || worked.iter().all(|count| *count > 0),
        "mails, imports, contacts, folders, sent and moved mails, swapped packs: {worked:?}"
    );
    let another = Identity { device_id: "another".into(), ..Identity::iphone_3gs() };
    let [fresh] = owner::owners(serving.address, [(another, "new")], || 0);
    for owner in &owners {
        assert_eq!(fresh.mails(), owner.mails());
        assert_eq!(fresh.cards(), owner.cards());
        assert_eq!(fresh.made_folders(), owner.made_folders());
        assert_eq!(fresh.copies(), owner.copies());
        assert_eq!(fresh.plans(Class::Calendar), owner.plans(Class::Calendar));
    }
    for class in [Class::Calendar, Class::Tasks, Class::Notes] {
        let there: Vec<String> = importer.objects.get(&class).into_iter().flatten().cloned().collect();
        assert!(owners.iter().any(|owner| owner.planned.contains_key(&class)), "a phone has {class:?}");
        assert_eq!(exported_plans(&house, class), there);
    }
    let mails: Vec<u32> = fresh.mails().into_keys().collect();
    assert_eq!(exported_mails(&house), [mails, fresh.copies()]);
    house.run(&["check"]).ok();
}

/// What a user may send in an hour and use in a minute: a long run sends more, and a slow machine takes longer for it.
const BOUNDS: [&str; 5] = [
    "messages_per_hour_max",
    "device_requests_per_minute_max",
    "device_work_secs_per_minute_max",
    "user_requests_per_minute_max",
    "user_work_secs_per_minute_max",
];

/// Has the server put nobody off.
fn lift_bounds(house: &House) {
    let config = house.path("house/easel.toml");
    let text = fs::read_to_string(&config).unwrap();
    let is_bound = |line: &str| BOUNDS.iter().any(|name| line.split(" =").next() == Some(name));
    assert_eq!(text.lines().filter(|line| is_bound(line)).count(), BOUNDS.len());
    let lines = text.lines().map(|line| {
        if is_bound(line) { line.split(" =").next().unwrap().to_owned() + " = 0" } else { line.to_owned() }
    });
    fs::write(&config, lines.map(|line| line + "\n").collect::<String>()).unwrap();
}

/// Everybody who works.
type Workers<'w, 'h> = (&'w mut [Owner], &'w mut Postman, &'w mut Importer<'h>, &'w mut Vendor<'h>, &'w mut Watcher);

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

/// The names of the events, tasks or notes, as an export writes them; the moved one of a series has another.
fn exported_plans(house: &House, class: Class) -> Vec<String> {
    let begin = match class {
        Class::Calendar => "BEGIN:VEVENT",
        Class::Tasks => "BEGIN:VTODO",
        Class::Notes => "BEGIN:VJOURNAL",
        Class::Contacts | Class::Email | Class::Sms => panic!("{class:?} is exported otherwise"),
    };
    let exported = house.export(&format!("out-{class:?}"), &[]);
    let texts = exported.iter().filter(|(name, _)| name.ends_with(".ics"));
    let texts: Vec<_> = texts.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect();
    let components = texts.iter().flat_map(|text| text.split(begin).skip(1));
    let mut names: Vec<String> = components
        .filter_map(|text| text.lines().find_map(|line| line.strip_prefix("SUMMARY:import-")))
        .map(|number| format!("import-{number}"))
        .collect();
    names.sort();
    names
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
