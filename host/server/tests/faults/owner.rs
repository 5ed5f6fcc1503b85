//! The owner of a phone, who does all kinds of things with it and keeps what was asked and answered.
//!
//! An owner changes only contacts of their own, and marks and moves only some of the mails, so that nothing depends on
//! who comes first. [`Phone`] takes any Status but success for an error, so that a Status 3, a FolderSync that starts
//! over or an item that comes twice ends the test.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use easel_protocol::{Command, FolderType};
use easel_test_support::{
    Folder, HttpRequest, HttpResponse, Identity, Phone, Sent, Socket, Synced, Transport as _, change, item_text,
};
use easel_wbxml::pages::{
    airsync, compose_mail as cm, contacts, email, folder_hierarchy as fh, item_operations as io, moves,
};
use easel_wbxml::{Element, decode, encode};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Mails that a phone sends have numbers from here on, so many for each phone.
pub(crate) const SENT_FROM: u32 = 1_000_000;

/// A contact as its owner knows it.
#[derive(Clone)]
struct Card {
    id: String,
    revision: u32,
}

/// What an owner does with the phone.
#[derive(Clone, Debug)]
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

/// A request, and how long the journal was when it was sent and when its answer had been read.
pub(crate) struct Step {
    errand: Errand,
    request: HttpRequest,
    pub(crate) sent: u64,
    pub(crate) read: u64,
    answer: HttpResponse,
}

pub(crate) struct Owner {
    pub(crate) name: &'static str,
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
    /// What was refused.
    kept: Option<(Errand, HttpRequest)>,
}

impl Owner {
    pub(crate) fn new(address: SocketAddr, identity: Identity, name: &'static str, seed: u64) -> Self {
        let mut phone = Phone::new(Socket::new(address, "anna", "anna's word"), identity, "anna");
        phone.options().unwrap();
        phone.folder_sync().unwrap();
        let [inbox, book, trash, sent_items] =
            [FolderType::Inbox, FolderType::Contacts, FolderType::DeletedItems, FolderType::SentItems]
                .map(|kind| phone.folder(kind).unwrap());
        let mut owner = Self {
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
            kept: None,
        };
        owner.look_at_everything();
        owner
    }

    /// The same owner with the same phone before another server.
    pub(crate) fn before(&self, address: SocketAddr) -> Self {
        let phone = &self.phone;
        let phone = Phone {
            transport: Socket::new(address, "anna", "anna's word"),
            identity: phone.identity.clone(),
            user: phone.user.clone(),
            headers: phone.headers.clone(),
            version: phone.version,
            policy_key: phone.policy_key,
            hierarchy_key: phone.hierarchy_key.clone(),
            folders: phone.folders.clone(),
            collections: phone.collections.clone(),
        };
        Self {
            name: self.name,
            phone,
            random: self.random.clone(),
            inbox: self.inbox.clone(),
            book: self.book.clone(),
            trash: self.trash.clone(),
            sent_items: self.sent_items.clone(),
            made: self.made,
            cards: self.cards.clone(),
            folders: self.folders.clone(),
            sent: self.sent.clone(),
            moved: self.moved.clone(),
            kept: self.kept.clone(),
        }
    }

    /// One request after the other; the length of the journal comes from `now`.
    pub(crate) fn work(&mut self, requests: usize, now: impl Fn() -> u64) -> Vec<Step> {
        let mut steps = Vec::new();
        for _ in 0..requests {
            let errand = self.errand();
            let request = self.request(&errand);
            let sent = now();
            let answer = self.phone.transport.exchange(&request).unwrap();
            let read = now();
            self.take(&errand, &answer, false);
            steps.push(Step { errand, request, sent, read, answer });
        }
        steps
    }

    /// Wants something changed, so many times, while nothing can be: each time the phone is told so and keeps what it
    /// has. What was wanted last is kept, to be sent again.
    pub(crate) fn is_put_off(&mut self, times: usize) {
        for _ in 0..times {
            let errand = loop {
                let errand = self.errand();
                if !matches!(errand, Errand::Look | Errand::SyncFolders) {
                    break errand;
                }
            };
            let request = self.request(&errand);
            // An answer that is begun and cannot be finished is cut off.
            if let Ok(answer) = self.phone.transport.exchange(&request) {
                let said = said(&answer);
                assert!(!said.iter().any(|status| is_done(&errand, status)), "{} {errand:?}: {said:?}", self.name);
            }
            self.kept = Some((errand, request));
        }
    }

    /// What is there can be read: a mail in full.
    pub(crate) fn reads(&mut self) {
        let (mail, item) = self.phone.items(&self.inbox).pop_last().expect("there is one");
        let children = [
            Element::text(io::STORE, "Mailbox"),
            Element::text(airsync::COLLECTION_ID, self.inbox.clone()),
            Element::text(airsync::SERVER_ID, mail),
        ];
        let body = Element::of(io::ITEM_OPERATIONS, [Element::of(io::FETCH, children)]);
        let answer = self.phone.ask(Command::ItemOperations, Some(&body)).unwrap().unwrap();
        let fetched = answer.at(&[io::RESPONSE, io::FETCH, io::PROPERTIES]);
        let fetched = fetched.unwrap_or_else(|| panic!("{} fetches: {answer:?}", self.name));
        assert_eq!(item_text(fetched, email::SUBJECT), item_text(&item, email::SUBJECT));
    }

    /// Sends again what was refused last; now it is done.
    pub(crate) fn tries_again(&mut self) {
        let (errand, request) = self.kept.take().expect("something was refused");
        let answer = self.phone.transport.exchange(&request).unwrap();
        self.take(&errand, &answer, false);
    }

    /// Goes through what was asked and answered up to a length of the journal. The request that was under way then is
    /// sent again, byte for byte.
    pub(crate) fn go_through(&mut self, steps: &[Step], until: u64) {
        for step in steps {
            if step.read <= until {
                self.take(&step.errand, &step.answer, false);
                continue;
            }
            if step.sent <= until {
                let answer = self.phone.transport.exchange(&step.request).unwrap();
                self.take(&step.errand, &answer, true);
            }
            return;
        }
    }

    pub(crate) fn look_at_everything(&mut self) {
        self.phone.folder_sync().unwrap();
        for folder in [&self.inbox, &self.book, &self.trash, &self.sent_items].map(Clone::clone) {
            self.phone.sync_folder(&folder, 100).unwrap();
        }
    }

    /// Looks until these mails have arrived; what a phone sends is delivered after it was answered.
    pub(crate) fn wait_for(&mut self, numbers: &[u32]) {
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
            7 if self.made.is_multiple_of(2) => {
                self.made += 1;
                Errand::MakeFolder { name: format!("{}-{}", self.name, self.made) }
            }
            7 => Errand::SyncFolders,
            8 => {
                self.made += 1;
                Errand::Send { number: SENT_FROM * if self.name == "ann" { 1 } else { 2 } + self.made }
            }
            9 => self.some_mail(|_| true).map_or(Errand::Look, |(mail, number)| Errand::Move { mail, number }),
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

    fn request(&mut self, errand: &Errand) -> HttpRequest {
        let (command, body) = self.command(errand);
        self.phone.request(command, &encode(&body), "application/vnd.ms-sync.wbxml")
    }

    fn command(&mut self, errand: &Errand) -> (Command, Element) {
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

    /// Takes an answer in.
    fn take(&mut self, errand: &Errand, response: &HttpResponse, repeated: bool) {
        assert_eq!(response.code, 200, "{} {errand:?}", self.name);
        let answer = (!response.body.is_empty()).then(|| decode(&response.body).unwrap());
        match errand {
            Errand::SyncFolders => drop(self.phone.take_folder_sync(answer).unwrap()),
            Errand::MakeFolder { name } => self.take_folder(name, &answer.unwrap()),
            Errand::Send { number } => {
                // A message that was accepted before says so when it comes again.
                let status = answer.map(|answer| answer.text_of(cm::STATUS).unwrap().into_owned());
                let is_good = status.is_none() || (repeated && status.as_deref() == Some("118"));
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
                let synced = self.phone.take_sync(answer);
                let synced = synced.unwrap_or_else(|error| panic!("{} {errand:?}: {error:#}", self.name));
                self.take_outcome(errand, &synced);
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
    pub(crate) fn mails(&self) -> BTreeMap<u32, String> {
        let items: Vec<Element> =
            [&self.inbox, &self.trash].into_iter().flat_map(|folder| self.phone.items(folder).into_values()).collect();
        let mails: BTreeMap<_, _> =
            items.iter().map(|item| (number(&item_text(item, email::SUBJECT)), item_text(item, email::READ))).collect();
        assert_eq!(mails.len(), items.len(), "{} has a mail twice", self.name);
        mails
    }

    /// The numbers of the mails in Sent Items.
    pub(crate) fn copies(&self) -> Vec<u32> {
        let items = self.phone.items(&self.sent_items);
        let mut numbers: Vec<u32> = items.values().map(|item| number(&item_text(item, email::SUBJECT))).collect();
        numbers.sort_unstable();
        numbers
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

/// The numbers of the mails that the owners sent.
pub(crate) fn sent(owners: &[Owner]) -> Vec<u32> {
    let mut sent: Vec<u32> = owners.iter().flat_map(|owner| owner.sent.iter().copied()).collect();
    sent.sort_unstable();
    sent
}

/// What was answered to its owners is on every phone, once.
#[track_caller]
pub(crate) fn check(owners: &mut [Owner], at: &str) {
    let sent = sent(owners);
    owners[0].wait_for(&sent);
    for owner in &mut *owners {
        owner.look_at_everything();
    }
    let cards = owners.iter().flat_map(|owner| &owner.cards);
    let mut cards: Vec<_> = cards.map(|(name, card)| (name.clone(), card.revision.to_string())).collect();
    let mut folders: Vec<_> = owners.iter().flat_map(|owner| owner.folders.clone()).collect();
    cards.sort();
    folders.sort();
    let mails = owners[0].mails();
    for owner in &*owners {
        assert_eq!(owner.mails(), mails, "{at}, {}", owner.name);
        assert_eq!(owner.cards(), cards, "{at}, {}", owner.name);
        assert_eq!(owner.made_folders(), folders, "{at}, {}", owner.name);
        assert_eq!(owner.copies(), sent, "{at}, {}: what was sent is in Sent Items, once", owner.name);
        let trash = owner.phone.items(&owner.trash);
        for (moved, id) in &owner.moved {
            let subject = trash.get(id).map(|item| item_text(item, email::SUBJECT));
            assert_eq!(subject, Some(format!("mail {moved}")), "{at}, {} moved it to {id}", owner.name);
        }
    }
}

pub(crate) fn number(subject: &str) -> u32 {
    subject.strip_prefix("mail ").unwrap().parse().unwrap()
}

/// The statuses of an answer, or its HTTP code if that says that it is none.
fn said(answer: &HttpResponse) -> Vec<String> {
    if answer.code != 200 {
        return vec![format!("HTTP {}", answer.code)];
    }
    let Some(root) = (!answer.body.is_empty()).then(|| decode(&answer.body).unwrap()) else {
        return vec!["empty".to_owned()];
    };
    let mut statuses = Vec::new();
    let mut open = vec![&root];
    while let Some(element) = open.pop() {
        if element.tag.to_string().ends_with("Status") {
            statuses.push(element.value().into_owned());
        }
        open.extend(element.children());
    }
    statuses
}

/// Whether a status says that it was done.
fn is_done(errand: &Errand, status: &str) -> bool {
    match errand {
        Errand::Send { .. } => status == "empty",
        Errand::Move { .. } => status == "3",
        Errand::Look
        | Errand::Add { .. }
        | Errand::Change { .. }
        | Errand::Delete { .. }
        | Errand::Read { .. }
        | Errand::SyncFolders
        | Errand::MakeFolder { .. } => status == "1",
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
