//! `kill -9` at twenty seeded points of a mixed run: after each restart nothing is there twice, nothing that was
//! answered is lost, and no phone has to start over.
//!
//! Two phones of one user work while mail is delivered, and the phone of another user waits in a Ping; when the n-th answer has arrived, the server is killed with
//! the next requests under way. By the toss of a coin a phone does not read what is answered after the n-th, so that
//! the server is also killed with answers on the way of which it knows and the phone does not. After the restart each phone
//! repeats the request whose answer it never read, byte for byte, as real ones do; the one that waited asks again. [`Phone`] takes any Status but success for an error, so that a Status 3, a FolderSync that
//! starts over or an item that comes twice ends the test.

#![expect(clippy::unwrap_used, reason = "a panic in a test says what broke")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use easel_protocol::{Command, FolderType};
use easel_test_support::{
    Folder, HttpResponse, Identity, Phone, Sent, Socket, Synced, Transport as _, change, item_text,
};
use easel_wbxml::pages::{airsync, compose_mail as cm, contacts, email, folder_hierarchy as fh, moves, ping};
use easel_wbxml::{Element, decode, encode};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use support::{House, Serving};

#[path = "cli/support.rs"]
#[expect(dead_code, reason = "the tests of the verbs need more of it")]
mod support;

const KILLS: usize = 20;
/// A kill comes after fewer answers than this.
const ANSWERS_MAX: usize = 40;
const SEED: u64 = 0x0EA5_E1D1;
/// Mails that a phone sends have numbers from here on, so many for each phone.
const SENT_FROM: u32 = 1_000_000;
/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn twenty_kills_in_a_mixed_run_duplicate_nothing_lose_nothing_and_reset_no_phone() {
    let house = House::with_tls();
    house.add_user("ben", "ben@example.org", "ben's word");
    let mut random = StdRng::seed_from_u64(SEED);
    let mut serving = house.serve();
    let mut postman = Postman::new(house.path("house/lmtp.sock"), random.random());
    let mut owners = [(Identity::android(), "ann"), (Identity::iphone_today(), "bob")]
        .map(|(identity, name)| Owner::new(serving.address, identity, name, random.random()));
    let mut watcher = Watcher::new(serving.address);
    for kill in 0..KILLS {
        let after = random.random_range(0..ANSWERS_MAX);
        work_until_killed(serving, &mut owners, &mut postman, &mut watcher, after);
        serving = house.serve();
        watcher.come_back(serving.address, &house.path("house/lmtp.sock"));
        for owner in &mut owners {
            owner.come_back(serving.address);
        }
        // Each may have changed something since the other one looked.
        let sent = sent(&owners);
        owners[0].wait_for(&sent);
        owners[1].look_at_everything();
        let mails = owners[0].mails();
        postman.check(&mails, &format!("kill {kill} after {after} answers"));
        let (cards, folders) = expected(&owners);
        for owner in &owners {
            assert_eq!(owner.mails(), mails, "kill {kill}, {}", owner.name);
            assert_eq!(owner.cards(), cards, "kill {kill}, {}", owner.name);
            assert_eq!(owner.made_folders(), folders, "kill {kill}, {}", owner.name);
            assert_eq!(owner.copies(), sent, "kill {kill}, {}: what was sent is in Sent Items, once", owner.name);
            owner.check_moves();
        }
    }
    let (cards, folders) = expected(&owners);
    let moved = owners.iter().map(|owner| owner.moved.len()).sum();
    let worked = [postman.there.len(), cards.len(), folders.len(), sent(&owners).len(), moved];
    assert!(worked.iter().all(|count| *count > 0), "mails, contacts, folders, sent and moved mails: {worked:?}");
    let mut fresh = Owner::new(serving.address, Identity::iphone_3gs(), "eve", 0);
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

/// Lets everybody work, and kills the server when so many answers have arrived.
fn work_until_killed(
    serving: Serving,
    owners: &mut [Owner],
    postman: &mut Postman,
    watcher: &mut Watcher,
    after: usize,
) {
    let (told, arrivals) = mpsc::channel();
    let answers = Answers { after, count: AtomicUsize::new(0), told };
    thread::scope(|scope| {
        for owner in owners {
            scope.spawn(|| owner.work(&answers));
        }
        scope.spawn(|| postman.work(&answers));
        scope.spawn(|| watcher.wait_until_killed());
        for _ in 0..after {
            arrivals.recv_timeout(PATIENCE).expect("the server answers until it is killed");
        }
        // SIGKILL, and the process is waited for.
        drop(serving);
    });
}

/// Counts the answers up to the kill.
struct Answers {
    after: usize,
    count: AtomicUsize,
    told: Sender<()>,
}

impl Answers {
    /// One has arrived; whether it is among those before the kill.
    fn arrived(&self) -> bool {
        self.told.send(()).unwrap();
        self.count.fetch_add(1, Ordering::Relaxed) < self.after
    }
}

/// The contacts and the folders that were answered to their owners.
fn expected(owners: &[Owner]) -> (Vec<(String, String)>, Vec<String>) {
    let cards = owners.iter().flat_map(|owner| &owner.cards);
    let mut cards: Vec<_> = cards.map(|(name, card)| (name.clone(), card.revision.to_string())).collect();
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

fn number(subject: &str) -> u32 {
    subject.strip_prefix("mail ").unwrap().parse().unwrap()
}

/// Delivers mails, each under a number of its own and only once.
struct Postman {
    socket: PathBuf,
    random: StdRng,
    /// How many were begun.
    begun: u32,
    /// Those that must be there: acknowledged, or seen once.
    there: BTreeSet<u32>,
}

impl Postman {
    fn new(socket: PathBuf, seed: u64) -> Self {
        Self { socket, random: StdRng::seed_from_u64(seed), begun: 0, there: BTreeSet::new() }
    }

    /// Delivers until the server is gone.
    fn work(&mut self, answers: &Answers) {
        let Ok(mut lmtp) = Lmtp::connect(&self.socket) else { return };
        loop {
            let number = self.begun;
            self.begun += 1;
            let lines = self.random.random_range(1..400);
            if lmtp.deliver("anna@example.org", number, lines).is_err() {
                return;
            }
            self.there.insert(number);
            answers.arrived();
        }
    }

    #[track_caller]
    fn check(&mut self, seen: &BTreeMap<u32, String>, at: &str) {
        let seen: BTreeSet<u32> = seen.keys().copied().filter(|number| *number < SENT_FROM).collect();
        let lost: Vec<_> = self.there.difference(&seen).collect();
        assert!(lost.is_empty(), "{at}: acknowledged and lost: {lost:?}");
        assert!(seen.iter().all(|number| *number < self.begun), "{at}: mails nobody sent");
        self.there.extend(seen);
    }
}

/// A conversation in LMTP.
struct Lmtp(BufReader<UnixStream>);

impl Lmtp {
    fn connect(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut lmtp = Self(BufReader::new(stream));
        lmtp.hear("220")?;
        lmtp.say("LHLO localhost\r\n", "250")?;
        Ok(lmtp)
    }

    fn deliver(&mut self, to: &str, number: u32, lines: usize) -> io::Result<()> {
        self.say("MAIL FROM:<sender@example.net>\r\n", "250")?;
        self.say(&format!("RCPT TO:<{to}>\r\n"), "250")?;
        self.say("DATA\r\n", "354")?;
        let text = format!("This is line after line of mail {number}.\r\n").repeat(lines);
        let mail = format!(
            "From: sender@example.net\r\nTo: {to}\r\nMessage-ID: <{number}@example.net>\r\n\
             Date: Mon, 02 Mar 2026 10:00:00 +0000\r\nSubject: mail {number}\r\n\r\n{text}.\r\n"
        );
        self.say(&mail, "250")
    }

    fn say(&mut self, text: &str, code: &str) -> io::Result<()> {
        self.0.get_mut().write_all(text.as_bytes())?;
        self.hear(code)
    }

    /// Reads a reply to its last line.
    fn hear(&mut self, code: &str) -> io::Result<()> {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line)?;
            if !line.ends_with("\r\n") {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            assert!(line.starts_with(code), "{line:?} instead of {code}");
            if line.as_bytes()[3] == b' ' {
                return Ok(());
            }
        }
    }
}

/// A phone of somebody else that waits for mail all the time.
struct Watcher {
    phone: Phone<Socket>,
    inbox: String,
    mails: u32,
}

impl Watcher {
    fn new(address: SocketAddr) -> Self {
        let mut phone = Phone::new(Socket::new(address, "ben", "ben's word"), Identity::iphone_3gs(), "ben");
        phone.options().unwrap();
        phone.folder_sync().unwrap();
        let inbox = phone.folder(FolderType::Inbox).unwrap();
        phone.sync_folder(&inbox, 100).unwrap();
        Self { phone, inbox, mails: 0 }
    }

    /// Nothing happens in this mailbox: the Ping waits until the server is gone.
    fn wait_until_killed(&mut self) {
        let answer = self.phone.ping(std::slice::from_ref(&self.inbox), 600);
        assert!(answer.is_err(), "there was nothing to say: {answer:?}");
    }

    /// Asks again with as few words as the server allows, and a mail that comes ends the wait.
    fn come_back(&mut self, address: SocketAddr, lmtp: &Path) {
        self.phone.transport = Socket::new(address, "ben", "ben's word");
        self.mails += 1;
        let knows_what_to_wait_for = self.mails > 1;
        let answer = thread::scope(|scope| {
            let waits = scope.spawn(|| {
                if knows_what_to_wait_for {
                    self.phone.ask(Command::Ping, None).unwrap().unwrap()
                } else {
                    let folder = [Element::text(ping::ID, &*self.inbox), Element::text(ping::CLASS, "Email")];
                    let folders = Element::of(ping::FOLDERS, [Element::of(ping::FOLDER, folder)]);
                    let body = Element::of(ping::PING, [Element::number(ping::HEARTBEAT_INTERVAL, 600), folders]);
                    self.phone.ask(Command::Ping, Some(&body)).unwrap().unwrap()
                }
            });
            Lmtp::connect(lmtp).unwrap().deliver("ben@example.org", self.mails, 1).unwrap();
            waits.join().unwrap()
        });
        assert_eq!(answer.text_of(ping::STATUS).unwrap(), "2");
        let changed = answer.child(ping::FOLDERS).unwrap();
        assert!(changed.all(ping::FOLDER).map(Element::value).eq([self.inbox.as_str()]));
        assert_eq!(self.phone.sync_folder(&self.inbox, 100).unwrap(), 1, "one mail came");
        let mails: Vec<u32> =
            self.phone.items(&self.inbox).values().map(|item| number(&item_text(item, email::SUBJECT))).collect();
        assert_eq!(mails.len(), self.mails as usize);
    }
}

/// A contact as its owner knows it.
struct Card {
    id: String,
    revision: u32,
}

/// What an owner does with the phone.
enum Errand {
    Look,
    Add { name: String },
    Change { name: String, revision: u32 },
    Delete { name: String },
    Read { mail: String },
    SyncFolders,
    MakeFolder { name: String },
    Send { number: u32 },
    Move { mail: String, number: u32 },
}

/// A request, kept until its answer was read.
struct Step {
    errand: Errand,
    command: Command,
    body: Element,
    repeated: bool,
}

/// The owner of a phone, who changes only contacts of their own and marks only some mails as read, so that nothing
/// depends on who comes first.
struct Owner {
    name: &'static str,
    phone: Phone<Socket>,
    random: StdRng,
    inbox: String,
    book: String,
    trash: String,
    sent_items: String,
    made: u32,
    cards: BTreeMap<String, Card>,
    folders: Vec<String>,
    /// The numbers of the mails that were sent.
    sent: Vec<u32>,
    /// What the mails that were moved are called in Deleted Items, by number.
    moved: BTreeMap<u32, String>,
    unanswered: Option<Step>,
}

impl Owner {
    fn new(address: SocketAddr, identity: Identity, name: &'static str, seed: u64) -> Self {
        let mut phone = Phone::new(Socket::new(address, "anna", "anna's word"), identity, "anna");
        phone.options().unwrap();
        phone.folder_sync().unwrap();
        let inbox = phone.folder(FolderType::Inbox).unwrap();
        let book = phone.folder(FolderType::Contacts).unwrap();
        let trash = phone.folder(FolderType::DeletedItems).unwrap();
        let sent_items = phone.folder(FolderType::SentItems).unwrap();
        for folder in [&inbox, &book, &trash, &sent_items] {
            phone.sync_folder(folder, 100).unwrap();
        }
        Self {
            name,
            phone,
            random: StdRng::seed_from_u64(seed),
            inbox,
            book,
            trash,
            sent_items,
            made: 0,
            cards: BTreeMap::new(),
            folders: Vec::new(),
            sent: Vec::new(),
            moved: BTreeMap::new(),
            unanswered: None,
        }
    }

    /// One request after the other until the server is gone.
    fn work(&mut self, answers: &Answers) {
        let reads_all = self.random.random();
        loop {
            let step = self.next();
            if !self.take(step, || answers.arrived() || reads_all) {
                return;
            }
        }
    }

    /// Goes on after a restart: first the request whose answer was never read.
    fn come_back(&mut self, address: SocketAddr) {
        self.phone.transport = Socket::new(address, "anna", "anna's word");
        if let Some(step) = self.unanswered.take() {
            let again = Step { repeated: true, ..step };
            assert!(self.take(again, || true), "{}: the request that was repeated is answered", self.name);
        }
        self.look_at_everything();
    }

    fn look_at_everything(&mut self) {
        self.phone.folder_sync().unwrap();
        for folder in [&self.inbox, &self.book, &self.trash, &self.sent_items].map(Clone::clone) {
            self.phone.sync_folder(&folder, 100).unwrap();
        }
    }

    /// Looks until these mails have arrived; what a phone sends is delivered after it was answered.
    fn wait_for(&mut self, numbers: &[u32]) {
        self.look_at_everything();
        for _ in 0..numbers.len() {
            let mails = self.mails();
            if numbers.iter().all(|number| mails.contains_key(number)) {
                break;
            }
            self.phone.ping(std::slice::from_ref(&self.inbox), 60).unwrap();
            self.look_at_everything();
        }
        let mails = self.mails();
        let lost: Vec<_> = numbers.iter().filter(|number| !mails.contains_key(number)).collect();
        assert!(lost.is_empty(), "{}: sent and lost: {lost:?}", self.name);
    }

    fn next(&mut self) -> Step {
        let errand = self.errand();
        let (command, body) = self.request(&errand);
        Step { errand, command, body, repeated: false }
    }

    fn errand(&mut self) -> Errand {
        let some_card = self.random.random_range(0..self.cards.len().max(1));
        let some_card = self.cards.iter().nth(some_card).map(|(name, card)| (name.clone(), card.revision + 1));
        match self.random.random_range(0..13) {
            0..3 => {
                self.made += 1;
                Errand::Add { name: format!("{}-{}", self.name, self.made) }
            }
            3 | 4 => some_card.map_or(Errand::Look, |(name, revision)| Errand::Change { name, revision }),
            5 => some_card.map_or(Errand::Look, |(name, _)| Errand::Delete { name }),
            6 => self.unread().map_or(Errand::Look, |mail| Errand::Read { mail }),
            8 => {
                self.made += 1;
                Errand::Send { number: SENT_FROM * if self.name == "ann" { 1 } else { 2 } + self.made }
            }
            9 => self.some_mail(|_| true).map_or(Errand::Look, |(mail, number)| Errand::Move { mail, number }),
            7 if self.made.is_multiple_of(2) => {
                self.made += 1;
                Errand::MakeFolder { name: format!("{}-{}", self.name, self.made) }
            }
            7 => Errand::SyncFolders,
            _ => Errand::Look,
        }
    }

    /// A mail that is not read.
    fn unread(&self) -> Option<String> {
        self.some_mail(|item| item_text(item, email::READ) == "0").map(|(mail, _)| mail)
    }

    /// A mail in the Inbox that was not moved away and that the other owner leaves alone, and its number.
    fn some_mail(&self, is_wanted: impl Fn(&Element) -> bool) -> Option<(String, u32)> {
        let items = &self.phone.collections[&self.inbox].items;
        let numbered = items.iter().filter(|(_, item)| is_wanted(item));
        let mut numbered = numbered.map(|(id, item)| (id.clone(), number(&item_text(item, email::SUBJECT))));
        numbered
            .find(|(_, number)| number.is_multiple_of(2) == (self.name == "ann") && !self.moved.contains_key(number))
    }

    fn request(&mut self, errand: &Errand) -> (Command, Element) {
        let key = || Element::text(fh::SYNC_KEY, self.phone.hierarchy_key.clone());
        let (folder, commands) = match errand {
            Errand::SyncFolders => return (Command::FolderSync, Element::of(fh::FOLDER_SYNC, [key()])),
            Errand::MakeFolder { name } => {
                let parent = Element::text(fh::PARENT_ID, "0");
                let name = Element::text(fh::DISPLAY_NAME, name.clone());
                let kind = Element::number(fh::TYPE, FolderType::UserMail.number());
                return (Command::FolderCreate, Element::of(fh::FOLDER_CREATE, [key(), parent, name, kind]));
            }
            Errand::Send { number } => {
                let mime = format!("To: anna@example.org\r\nSubject: mail {number}\r\n\r\nFrom phone to phone.\r\n");
                let mime = Element::opaque(cm::MIME, mime.into_bytes());
                let id = Element::text(cm::CLIENT_ID, number.to_string());
                let body = Element::of(cm::SEND_MAIL, [id, Element::new(cm::SAVE_IN_SENT_ITEMS), mime]);
                return (Command::SendMail, body);
            }
            Errand::Move { mail, .. } => {
                let text = |tag, text: &str| Element::text(tag, text);
                let from_to = [text(moves::SRC_FLD_ID, &self.inbox), text(moves::DST_FLD_ID, &self.trash)];
                let one = Element::of(moves::MOVE, [text(moves::SRC_MSG_ID, mail)].into_iter().chain(from_to));
                return (Command::MoveItems, Element::of(moves::MOVE_ITEMS, [one]));
            }
            Errand::Look => (&self.inbox, Vec::new()),
            Errand::Read { mail } => {
                (&self.inbox, vec![command(airsync::CHANGE, airsync::SERVER_ID, mail, Some(read()))])
            }
            Errand::Add { name } => {
                (&self.book, vec![command(airsync::ADD, airsync::CLIENT_ID, name, Some(card(name, 0)))])
            }
            Errand::Change { name, revision } => {
                let data = Some(card(name, *revision));
                (&self.book, vec![command(airsync::CHANGE, airsync::SERVER_ID, &self.cards[name].id, data)])
            }
            Errand::Delete { name } => {
                (&self.book, vec![command(airsync::DELETE, airsync::SERVER_ID, &self.cards[name].id, None)])
            }
        };
        let window = Some(self.random.random_range(1..10));
        let mut sent = vec![Sent { window, ..Sent::commands(folder, commands) }];
        let other = if *folder == self.inbox { &self.book } else { &self.inbox };
        if self.random.random() {
            sent.push(Sent { window, ..Sent::ask(other) });
        }
        (Command::Sync, self.phone.sync_request(&sent))
    }

    /// Sends a request and takes in its answer. If none comes or it is not read, the request is kept.
    fn take(&mut self, step: Step, is_read: impl FnOnce() -> bool) -> bool {
        let request = self.phone.request(step.command, &encode(&step.body), "application/vnd.ms-sync.wbxml");
        match self.phone.transport.exchange(&request) {
            Ok(response) if is_read() => {
                self.take_answer(&step, &response);
                true
            }
            Ok(_) | Err(_) => {
                self.unanswered = Some(step);
                false
            }
        }
    }

    fn take_answer(&mut self, step: &Step, response: &HttpResponse) {
        assert_eq!(response.code, 200, "{} {}", self.name, step.command);
        let answer = (!response.body.is_empty()).then(|| decode(&response.body).unwrap());
        match &step.errand {
            Errand::SyncFolders => drop(self.phone.take_folder_sync(answer).unwrap()),
            Errand::MakeFolder { name } => self.take_folder(name, &answer.unwrap()),
            Errand::Send { number } => {
                // A message that was accepted before says so when it comes again.
                let status = answer.map(|answer| answer.text_of(cm::STATUS).unwrap().into_owned());
                let is_good = status.is_none() || (step.repeated && status.as_deref() == Some("118"));
                assert!(is_good, "{} sends mail {number}: {status:?}", self.name);
                self.sent.push(*number);
            }
            Errand::Move { mail, number } => {
                let answer = answer.unwrap();
                let moved = answer.child(moves::RESPONSE).unwrap();
                assert_eq!(moved.text_of(moves::STATUS).unwrap(), "3", "{} moves {mail}", self.name);
                let id = moved.text_of(moves::DST_MSG_ID).unwrap().into_owned();
                assert_eq!(self.moved.insert(*number, id), None);
            }
            Errand::Look | Errand::Add { .. } | Errand::Change { .. } | Errand::Delete { .. } | Errand::Read { .. } => {
                let synced = self.phone.take_sync(answer).unwrap();
                self.take_outcome(&step.errand, &synced);
            }
        }
    }

    fn take_folder(&mut self, name: &str, answer: &Element) {
        assert_eq!(answer.text_of(fh::STATUS).unwrap(), "1", "{} makes {name}", self.name);
        self.phone.hierarchy_key = answer.text_of(fh::SYNC_KEY).unwrap().into_owned();
        let folder = Folder { name: name.to_owned(), parent: "0".into(), kind: FolderType::UserMail };
        let known = self.phone.folders.insert(answer.text_of(fh::SERVER_ID).unwrap().into_owned(), folder);
        assert_eq!(known, None);
        self.folders.push(name.to_owned());
    }

    /// What the owner asked for has happened: the phone shows it.
    fn take_outcome(&mut self, errand: &Errand, synced: &Synced) {
        let responses = synced.collections.values().filter_map(|one| one.child(airsync::RESPONSES));
        let responses: Vec<&Element> = responses.flat_map(Element::children).collect();
        for response in &responses {
            assert_eq!(response.text_of(airsync::STATUS).unwrap(), "1", "{}: {response:?}", self.name);
        }
        let book = &mut self.phone.collections.get_mut(&self.book).unwrap().items;
        match errand {
            Errand::Add { name } => {
                let added = responses.iter().find(|response| response.tag == airsync::ADD).unwrap();
                assert_eq!(added.text_of(airsync::CLIENT_ID).unwrap(), name.as_str());
                let id = added.text_of(airsync::SERVER_ID).unwrap().into_owned();
                book.insert(id.clone(), card(name, 0));
                self.cards.insert(name.clone(), Card { id, revision: 0 });
            }
            Errand::Change { name, revision } => {
                let known = self.cards.get_mut(name).unwrap();
                known.revision = *revision;
                change(book.get_mut(&known.id).unwrap(), &card(name, *revision));
            }
            Errand::Delete { name } => {
                let gone = self.cards.remove(name).unwrap();
                assert!(book.remove(&gone.id).is_some());
            }
            Errand::Read { mail } => {
                let inbox = self.phone.collections.get_mut(&self.inbox).unwrap();
                change(inbox.items.get_mut(mail).unwrap(), &read());
            }
            Errand::Look
            | Errand::SyncFolders
            | Errand::MakeFolder { .. }
            | Errand::Send { .. }
            | Errand::Move { .. } => {}
        }
    }

    /// The mails in Inbox and Deleted Items of the phone, each once: number and whether it is read.
    fn mails(&self) -> BTreeMap<u32, String> {
        let items: Vec<Element> =
            [&self.inbox, &self.trash].into_iter().flat_map(|folder| self.phone.items(folder).into_values()).collect();
        let mails: BTreeMap<_, _> =
            items.iter().map(|item| (number(&item_text(item, email::SUBJECT)), item_text(item, email::READ))).collect();
        assert_eq!(mails.len(), items.len(), "{} has a mail twice", self.name);
        mails
    }

    /// The numbers of the mails in Sent Items.
    fn copies(&self) -> Vec<u32> {
        let items = self.phone.items(&self.sent_items);
        let mut numbers: Vec<u32> = items.values().map(|item| number(&item_text(item, email::SUBJECT))).collect();
        numbers.sort_unstable();
        numbers
    }

    /// What was moved is where the answer said.
    fn check_moves(&self) {
        let trash = self.phone.items(&self.trash);
        for (moved, id) in &self.moved {
            let subject = trash.get(id).map(|item| item_text(item, email::SUBJECT));
            assert_eq!(subject, Some(format!("mail {moved}")), "{} moved it to {id}", self.name);
        }
    }

    /// The contacts on the phone.
    fn cards(&self) -> Vec<(String, String)> {
        let items = self.phone.items(&self.book);
        let text = |item| (item_text(item, contacts::LAST_NAME), item_text(item, contacts::FIRST_NAME));
        let mut cards: Vec<_> = items.values().map(text).collect();
        cards.sort();
        cards
    }

    /// The folders on the phone that were made on one.
    fn made_folders(&self) -> Vec<String> {
        let made = self.phone.folders.values().filter(|folder| folder.kind == FolderType::UserMail);
        let mut names: Vec<_> = made.map(|folder| folder.name.clone()).collect();
        names.sort();
        names
    }
}

/// A command of a Sync on one item.
fn command(tag: easel_wbxml::Tag, id_tag: easel_wbxml::Tag, id: &str, data: Option<Element>) -> Element {
    Element::of(tag, [Element::text(id_tag, id)].into_iter().chain(data))
}

fn card(name: &str, revision: u32) -> Element {
    let properties =
        [Element::text(contacts::LAST_NAME, name), Element::text(contacts::FIRST_NAME, revision.to_string())];
    Element::of(airsync::APPLICATION_DATA, properties)
}

fn read() -> Element {
    Element::of(airsync::APPLICATION_DATA, [Element::number(email::READ, 1)])
}
