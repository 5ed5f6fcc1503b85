//! Backups made while the server works, and what phones notice when one is restored.

#![expect(clippy::unwrap_used, reason = "a panic in a test says what broke")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use easel_protocol::{Command, FolderType};
use easel_store::{ChangeSet, LocalBus, NewOutgoing, Store as _, Write};
use easel_store_sqlite::SqliteStore;
use easel_test_support::{Identity, Lmtp, Phone, Sent, Socket, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{airsync, contacts, email, item_operations as io, moves};
use support::{House, Serving, files};

#[path = "cli/support.rs"]
#[expect(dead_code, reason = "the tests of the verbs need more of it")]
mod support;

/// Whoever brings the mail.
struct Postman(Lmtp);

impl Postman {
    fn new(house: &House) -> Self {
        Self(Lmtp::connect(&house.path("house/lmtp.sock")).unwrap())
    }

    fn deliver(&mut self, number: u32) {
        self.0.deliver("anna@example.org", number, number as usize % 300).unwrap();
    }
}

/// Somebody with a phone.
struct Owner {
    phone: Phone<Socket>,
    inbox: String,
    book: String,
    cards: u32,
}

impl Owner {
    fn new(address: SocketAddr, identity: Identity) -> Self {
        let mut phone = Phone::new(Socket::new(address, "anna", "anna's word"), identity, "anna");
        phone.options().unwrap();
        phone.folder_sync().unwrap();
        let (inbox, book) = (phone.folder(FolderType::Inbox).unwrap(), phone.folder(FolderType::Contacts).unwrap());
        let mut owner = Self { phone, inbox, book, cards: 0 };
        assert_eq!(owner.look(), [false, false]);
        owner
    }

    /// Syncs everything; a folder whose key is refused is synced from the start. Whether inbox and contacts were.
    fn look(&mut self) -> [bool; 2] {
        if let Err(error) = self.phone.folder_sync() {
            assert!(error.to_string().contains("status 9"), "{error:#}");
            self.phone.hierarchy_key = "0".into();
            self.phone.folder_sync().unwrap();
        }
        [self.inbox.clone(), self.book.clone()].map(|folder| self.sync_or_start_over(&folder))
    }

    /// Syncs a folder, from the start where its key is refused; whether it was.
    fn sync_or_start_over(&mut self, folder: &str) -> bool {
        let Err(error) = self.phone.sync_folder(folder, 50) else { return false };
        assert!(error.to_string().contains("status 3"), "{error:#}");
        self.phone.collections.remove(folder);
        self.phone.sync_folder(folder, 50).unwrap();
        true
    }

    fn add_card(&mut self, name: &str) {
        self.cards += 1;
        let data = Element::of(airsync::APPLICATION_DATA, [Element::text(contacts::LAST_NAME, name)]);
        let add = [Element::text(airsync::CLIENT_ID, format!("c{}", self.cards)), data];
        self.phone.sync(&[Sent::commands(&self.book, vec![Element::of(airsync::ADD, add)])]).unwrap();
    }

    /// The numbers of the mails that the phone holds, by id.
    fn mails(&self) -> BTreeMap<String, u32> {
        let number = |item: &Element| item_text(item, email::SUBJECT).strip_prefix("mail ").unwrap().parse().unwrap();
        self.phone.items(&self.inbox).iter().map(|(id, item)| (id.clone(), number(item))).collect()
    }

    /// The ids of the contacts that the phone holds: it knows the names of its own better than the server's echo.
    fn cards(&self) -> BTreeSet<String> {
        self.phone.items(&self.book).into_keys().collect()
    }
}

/// The numbers of the mails in the store, each as often as it is there.
fn exported(house: &House, name: &str) -> Vec<u32> {
    let exported = house.export(name, &[]);
    let (_, inbox) = exported.iter().find(|(name, _)| name == "Inbox.mbox").unwrap();
    let text = String::from_utf8_lossy(inbox);
    let mut numbers: Vec<u32> =
        text.lines().filter_map(|line| line.strip_prefix("Subject: mail ")?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

fn sorted(mails: &BTreeMap<String, u32>) -> Vec<u32> {
    let mut numbers: Vec<u32> = mails.values().copied().collect();
    numbers.sort_unstable();
    numbers
}

/// Backs up while mail arrives and a phone works; how many mails had been delivered when it began, and when it
/// was done.
fn back_up_under_load(house: &House, busy: &mut Owner, backup: &str, first: u32) -> (u32, u32) {
    let done = AtomicBool::new(false);
    let mut postman = Postman::new(house);
    thread::scope(|scope| {
        let mails = scope.spawn(|| {
            let mut next = first;
            while !done.load(Ordering::SeqCst) {
                postman.deliver(next);
                next += 1;
            }
            next
        });
        let cards = scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                busy.add_card("During");
            }
        });
        let said = house.run(&["backup", backup]).ok();
        done.store(true, Ordering::SeqCst);
        assert!(said.contains("backed up into"), "{said}");
        cards.join().unwrap();
        (first, mails.join().unwrap())
    })
}

#[test]
fn after_a_restore_phones_resync_what_changed_since_and_hold_what_the_store_holds() {
    let house = House::with_tls();
    let serving = house.serve();
    let mut postman = Postman::new(&house);
    (0..120).for_each(|number| postman.deliver(number));
    let mut busy = Owner::new(serving.address, Identity::android());
    let mut late = Owner::new(serving.address, Identity::iphone_today());
    let mut idle = Owner::new(serving.address, Identity::iphone_3gs());
    (0..20).for_each(|_| busy.add_card("Before"));
    for owner in [&mut busy, &mut late, &mut idle] {
        assert_eq!(owner.look(), [false, false]);
    }
    let at_rest = (idle.mails(), idle.cards());
    assert_eq!((at_rest.0.len(), at_rest.1.len()), (120, 20));

    let backup = house.text("yesterday");
    let (least, most) = back_up_under_load(&house, &mut busy, &backup, 120);
    assert!(most > least, "mail was delivered meanwhile");
    let mode = std::fs::metadata(&backup).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    // Life goes on, without the idle one: mail, contacts, a second phone that looks at the inbox.
    (2000..2040).for_each(|number| postman.deliver(number));
    (0..5).for_each(|_| busy.add_card("After"));
    busy.look();
    late.look();
    let known_since: BTreeSet<String> = busy.mails().into_keys().chain(busy.cards()).collect();

    assert_eq!(serving.stop("TERM").0, Some(0));
    let said = house.run(&["restore", &backup]).refused();
    assert!(said.contains("holds data already") && said.contains("--replace"), "{said}");
    let restored = house.json(&["restore", &backup, "--replace"]);
    let old = restored["replaced"].as_str().unwrap().to_owned();
    assert!(Path::new(&old).join("easel.db").exists() && Path::new(&old).join("mail.db").exists());
    house.run(&["check"]).ok();
    let stored = exported(&house, "restored");
    assert!((least..=most).contains(&u32::try_from(stored.len()).unwrap()), "{least} {} {most}", stored.len());
    assert!(stored.iter().copied().eq(0..u32::try_from(stored.len()).unwrap()), "each once, none of today's");

    let serving = house.serve();
    for owner in [&mut busy, &mut late, &mut idle] {
        owner.phone.transport = Socket::new(serving.address, "anna", "anna's word");
    }
    // The idle phone's keys are those of the backup: they work, and it gets only what it had not seen.
    let inbox = idle.inbox.clone();
    assert_eq!(idle.phone.sync_folder(&inbox, 50).unwrap(), stored.len() - at_rest.0.len());
    assert_eq!(idle.look(), [false, false]);
    assert!(at_rest.0.iter().all(|(id, number)| idle.mails().get(id) == Some(number)));
    assert_eq!(busy.look(), [true, true], "keys from after the backup are not taken for current");
    assert!(late.look()[0]);
    let another = Identity { device_id: "another".into(), ..Identity::iphone_3gs() };
    let mut fresh = Owner::new(serving.address, another);
    fresh.look();
    for owner in [&busy, &late, &idle] {
        assert_eq!(owner.mails(), fresh.mails());
        assert_eq!(owner.cards(), fresh.cards());
        assert_eq!(sorted(&owner.mails()), stored);
    }

    // What is new has names that nothing had in the days that were forgotten.
    let mut postman = Postman::new(&house);
    (3000..3010).for_each(|number| postman.deliver(number));
    busy.add_card("New");
    for owner in [&mut busy, &mut late, &mut idle] {
        assert_eq!(owner.look(), [false, false]);
    }
    let new: BTreeSet<String> = busy.mails().into_keys().chain(busy.cards()).collect();
    let old: BTreeSet<String> = fresh.mails().into_keys().chain(fresh.cards()).collect();
    let new: Vec<&String> = new.difference(&old).collect();
    assert_eq!(new.len(), 11);
    assert!(new.iter().all(|id| !known_since.contains(*id)), "{new:?}");
    for owner in [&late, &idle] {
        assert_eq!(owner.mails(), busy.mails());
        assert_eq!(owner.cards(), busy.cards());
    }
}

/// The phone moves a mail, by its subject, from one folder to another: what it is called here and there.
fn move_mail(owner: &mut Owner, subject: &str, from: &str, to: &str) -> (String, String) {
    let items = owner.phone.items(from);
    let (id, _) = items.iter().find(|(_, item)| item_text(item, email::SUBJECT) == subject).unwrap();
    let text = |tag, text: &str| Element::text(tag, text);
    let one = [text(moves::SRC_MSG_ID, id), text(moves::SRC_FLD_ID, from), text(moves::DST_FLD_ID, to)];
    let body = Element::of(moves::MOVE_ITEMS, [Element::of(moves::MOVE, one)]);
    let answer = owner.phone.ask(Command::MoveItems, Some(&body)).unwrap().unwrap();
    let moved = answer.child(moves::RESPONSE).unwrap();
    assert_eq!(moved.text_of(moves::STATUS).unwrap(), "3");
    (id.clone(), moved.text_of(moves::DST_MSG_ID).unwrap().into_owned())
}

/// The phone empties a folder, and shows it empty.
fn empty(owner: &mut Owner, folder: &str) {
    let emptied = [Element::text(airsync::COLLECTION_ID, folder)];
    let body = Element::of(io::ITEM_OPERATIONS, [Element::of(io::EMPTY_FOLDER_CONTENTS, emptied)]);
    let answer = owner.phone.ask(Command::ItemOperations, Some(&body)).unwrap().unwrap();
    let emptied = answer.at(&[io::RESPONSE, io::EMPTY_FOLDER_CONTENTS, io::STATUS]);
    assert_eq!(emptied.map(Element::value).as_deref(), Some("1"), "{answer:?}");
    owner.phone.collections.get_mut(folder).unwrap().items.clear();
}

/// Mail for two phones, some of it in Deleted Items, and a backup; then one phone moves and empties and is cut off.
fn moved_and_emptied_since(house: &House) -> (Owner, Owner, String, Serving) {
    let serving = house.serve();
    let mut postman = Postman::new(house);
    (0..6).for_each(|number| postman.deliver(number));
    let mut mover = Owner::new(serving.address, Identity::android());
    let mut idle = Owner::new(serving.address, Identity::iphone_today());
    let (inbox, trash) = (mover.inbox.clone(), mover.phone.folder(FolderType::DeletedItems).unwrap());
    mover.phone.sync_folder(&trash, 50).unwrap();
    for number in 0..2 {
        move_mail(&mut mover, &format!("mail {number}"), &inbox, &trash);
    }
    for owner in [&mut mover, &mut idle] {
        owner.look();
        owner.phone.sync_folder(&trash, 50).unwrap();
        owner.add_card("Before");
        owner.look();
        assert_eq!((owner.mails().len(), owner.phone.items(&trash).len()), (4, 2));
    }
    mover.look();
    let backup = house.text("yesterday");
    house.run(&["backup", &backup]).ok();
    empty(&mut mover, &trash);
    // It shows what it moved at once.
    let (id, new) = move_mail(&mut mover, "mail 3", &inbox, &trash);
    let moved = mover.phone.collections.get_mut(&inbox).unwrap().items.remove(&id).unwrap();
    mover.phone.collections.get_mut(&trash).unwrap().items.insert(new, moved);
    (mover, idle, trash, serving)
}

/// Both hold what the store holds, mails and contacts.
fn hold_what_is_stored(owners: [&mut Owner; 2], serving: &Serving, trash: &str) {
    let another = Identity { device_id: "another".into(), ..Identity::android() };
    let mut fresh = Owner::new(serving.address, another);
    fresh.phone.sync_folder(trash, 50).unwrap();
    assert_eq!((fresh.mails().len(), fresh.phone.items(trash).len()), (4, 2), "as when the backup was made");
    for owner in owners {
        assert_eq!(owner.mails(), fresh.mails());
        assert_eq!(owner.cards(), fresh.cards());
        assert!(owner.phone.items(trash).into_keys().eq(fresh.phone.items(trash).into_keys()));
    }
}

#[test]
fn after_a_restore_a_phone_that_had_moved_and_emptied_without_a_sync_since_gets_it_back() {
    let house = House::with_tls();
    let (mut mover, mut idle, trash, serving) = moved_and_emptied_since(&house);
    serving.stop("TERM");
    let restored = house.json(&["restore", &house.text("yesterday"), "--replace"]);
    assert_eq!(restored["anew"], 4, "two folders of two phones");
    let serving = house.serve();
    for owner in [&mut mover, &mut idle] {
        owner.phone.transport = Socket::new(serving.address, "anna", "anna's word");
        // What was not touched is not synced anew.
        assert_eq!((owner.look(), owner.sync_or_start_over(&trash)), ([true, false], true));
    }
    hold_what_is_stored([&mut mover, &mut idle], &serving, &trash);
    for owner in [&mut mover, &mut idle] {
        assert_eq!((owner.look(), owner.sync_or_start_over(&trash)), ([false, false], false));
    }
}

#[test]
fn phones_sync_everything_anew_after_a_restore_where_an_administrator_says_so() {
    let house = House::with_tls();
    let (mut mover, mut idle, trash, serving) = moved_and_emptied_since(&house);
    serving.stop("KILL");
    // Of the data that is lost nothing can be seen.
    std::fs::remove_dir_all(house.path("house/data")).unwrap();
    let backup = house.text("yesterday");
    let said = house.run(&["restore", &backup]).ok();
    assert!(said.contains("moved or emptied") && said.contains("--resync"), "{said}");
    assert_eq!(house.json(&["restore", &backup, "--replace"])["anew"], 0, "data from before shows nothing");
    let restored = house.json(&["restore", &backup, "--replace", "--resync"]);
    assert_eq!(restored["anew"], 6);
    let serving = house.serve();
    for owner in [&mut mover, &mut idle] {
        owner.phone.transport = Socket::new(serving.address, "anna", "anna's word");
        assert_eq!((owner.look(), owner.sync_or_start_over(&trash)), ([true, true], true));
    }
    hold_what_is_stored([&mut mover, &mut idle], &serving, &trash);
}

#[test]
fn data_that_is_damaged_is_replaced_all_the_same() {
    let house = House::with_anna();
    let backup = house.text("backup");
    house.run(&["backup", &backup]).ok();
    house.write("house/data/easel.db", "rubbish ".repeat(10_000));
    let restored = house.json(&["restore", &backup, "--replace"]);
    assert_eq!(restored["anew"], serde_json::Value::Null);
    house.serve().stop("TERM");
}

#[test]
fn a_backup_that_is_not_whole_is_refused_with_a_sentence_and_nothing_changes() {
    let house = House::with_anna();
    for number in 0..40 {
        let mail = format!("Subject: mail {number}\n\n{}", "text\n".repeat(number));
        house.write(&format!("mails/{number}.eml"), mail);
    }
    house.import(&[&house.text("mails")]);
    let backup = house.text("backup");
    house.run(&["backup", &backup]).ok();
    let whole = std::fs::read(&backup).unwrap();
    let data = |house: &House| {
        let mut files = files(&house.path("house/data"));
        files.retain(|(name, _)| name != "easel.lock");
        files
    };
    let before = data(&house);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let second = whole.iter().skip(15).position(|byte| *byte == b'\n').unwrap() + 15;
    let newer = text(&whole[..second]).replace("\"easel_schema\":", "\"easel_schema\":9");
    let mut broken: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "is no backup of Easel"),
        (b"From nobody Mon Mar  2 10:00:00 2026\nSubject: x\n\ny\n".to_vec(), "is no backup of Easel"),
        (before.iter().find(|(name, _)| name == "easel.db").unwrap().1.clone(), "is no backup of Easel"),
        (b"Easel backup 3\n{}\n".to_vec(), "newer than this program"),
        (newer.into_bytes().into_iter().chain(whole[second..].iter().copied()).collect(), "newer than this program"),
        (whole.iter().copied().chain([0]).collect(), "something follows its end"),
    ];
    for length in (second + 1..whole.len()).step_by(whole.len() / 40).chain([whole.len() - 1]) {
        broken.push((whole[..length].to_vec(), "it ends too early"));
    }
    for at in (second + 1..whole.len()).step_by(whole.len() / 40).chain([whole.len() - 1]) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        broken.push((bytes, "damaged or cut short"));
    }
    for (number, (bytes, expected)) in broken.into_iter().enumerate() {
        let path = house.write("broken", bytes);
        let said = house.run(&["restore", &path, "--replace"]).refused();
        assert!(said.contains(expected), "{number}: {said} instead of {expected}");
        assert!(said.contains(&path), "{number}: {said}");
    }
    assert!(data(&house) == before, "nothing changed");
    let said = house.run(&["restore", &house.text("missing"), "--replace"]).refused();
    assert!(said.contains("missing") && said.contains("No such file"), "{said}");
    // The untouched one is good.
    house.run(&["restore", &backup, "--to", &house.text("elsewhere")]).ok();
    let names: Vec<String> = files(&house.path("elsewhere")).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["easel.db", "easel.lock", "mail.db"]);
    for name in ["easel.db", "mail.db"] {
        let mode = std::fs::metadata(house.path("elsewhere").join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn mail_that_is_lost_already_is_named_by_a_backup_of_everything_else_which_ends_with_a_code_of_its_own() {
    let house = House::with_anna();
    house.write("first/1.eml", "Subject: first\n\ntext\n");
    house.import(&[&house.text("first")]);
    let mails = std::fs::read(house.path("house/data/mail.db")).unwrap();
    house.write("second/2.eml", "Subject: second\n\ntext\n");
    house.import(&[&house.text("second")]);
    std::fs::write(house.path("house/data/mail.db"), mails).unwrap();
    let backup = house.text("backup");
    let said = house.run(&["backup", &backup]);
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.out.contains("backed up into"), "{said:?}");
    assert!(said.err.contains("lost: anna@defaultcontext: item ") && said.err.contains("in \"Inbox\""), "{said:?}");
    assert!(said.err.contains("lost and not in the backup: 1"), "{said:?}");
    let restored = house.json(&["restore", &backup, "--replace"]);
    assert_eq!((&restored["mails"], &restored["lost"]), (&1.into(), &1.into()));
    let serving = house.serve();
    assert_eq!(serving.stop("TERM").0, Some(0));
}

#[test]
fn a_restore_is_refused_while_a_server_runs() {
    let house = House::with_anna();
    let serving: Serving = house.serve();
    let backup = house.text("backup");
    house.run(&["backup", &backup]).ok();
    let said = house.run(&["restore", &backup, "--replace"]).refused();
    assert!(said.contains("easel serve") && said.contains("stop it"), "{said}");
    assert_eq!(serving.stop("TERM").0, Some(0));
    house.run(&["restore", &backup, "--replace"]).ok();
    let left: Vec<String> = files(&house.path("house/data")).into_iter().map(|(name, _)| name).collect();
    assert!(left.iter().all(|name| !name.contains("copy") && !name.contains("restoring")), "{left:?}");
}

#[test]
fn a_backup_that_cannot_be_written_leaves_the_one_before() {
    let house = House::with_anna();
    let said = house.run(&["backup", &house.text("nowhere/backup")]).refused();
    assert!(said.contains("nowhere") && said.contains("No such file"), "{said}");
    let said = house.run(&["backup", &house.text("house")]).refused();
    assert!(said.contains("is a directory"), "{said}");
    let backup = house.write("backups/backup", "the one before");
    house.run(&["backup", &backup]).ok();
    assert!(std::fs::read(&backup).unwrap().starts_with(b"Easel backup 2\n"));
    assert_eq!(files(&house.path("backups")).len(), 1);
}

#[test]
fn queued_mail_is_held_after_a_restore_until_somebody_decides() {
    let house = House::with_anna();
    let store = SqliteStore::open(&house.path("house/data"), Arc::new(LocalBus::default())).unwrap();
    let tenant = store.tenant("defaultcontext").unwrap().unwrap().id;
    let user = store.user_by_name(tenant, "anna").unwrap().unwrap().id;
    let blob = store.put_blob(b"Subject: Maybe sent\r\n\r\ntext\r\n").unwrap();
    let mut set = ChangeSet::new(user);
    let recipients = vec!["bob@there.example".to_owned()];
    set.writes.push(Write::Queue(NewOutgoing { sender: "anna@example.org".into(), recipients, blob, queued: 1 }));
    store.commit(set).unwrap();
    drop(store);
    let backup = house.text("backup");
    house.run(&["backup", &backup]).ok();
    let restored = house.json(&["restore", &backup, "--replace"]);
    assert_eq!(restored["held"], 1);
    let queue = house.json(&["queue", "list"]);
    assert_eq!(queue[0]["subject"], "Maybe sent");
    assert_eq!(queue[0]["next_attempt"], "2100-01-01T00:00:00Z");
    assert!(queue[0]["last_error"].as_str().unwrap().contains("backup was restored"), "{queue}");
    house.run(&["queue", "retry", &queue[0]["number"].to_string()]).ok();
    let queue = house.json(&["queue", "list"]);
    assert_ne!(queue[0]["next_attempt"], "2100-01-01T00:00:00Z");
}
