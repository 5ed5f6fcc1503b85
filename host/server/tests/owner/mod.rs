//! The owner of a phone, who does all kinds of things with it and keeps what was asked and answered.
//!
//! An owner changes only contacts of their own, and marks and moves only some of the mails, so that nothing depends on
//! who comes first. Every mail has a number of its own as its subject, every contact a name of its own, so that nothing
//! can be there twice without being seen. [`Phone`] takes any Status but success for an error, so that a Status 3, a
//! FolderSync that starts over or an item that comes twice ends the test.
//!
//! [`Owner::ask`] makes a request and [`Owner::take`] takes its answer in. What becomes of a request whose answer is not
//! read is up to the test, which keeps it in [`Owner::kept`] to send it again.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use easel_protocol::{Class, FolderType};
use easel_test_support::{Identity, Phone, Socket};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

mod answer;
mod errand;
mod held;
mod request;

pub(crate) use errand::Errand;
pub(crate) use held::{Imported, check, number};
pub(crate) use request::Asked;

/// Mails that a phone sends have numbers from here on, so many for each phone.
pub(crate) const SENT_FROM: u32 = 1_000_000;

/// A contact as its owner knows it.
#[derive(Clone)]
struct Card {
    id: String,
    revision: u32,
}

/// The owner of a phone.
pub(crate) struct Owner {
    pub(crate) name: &'static str,
    /// Whose mails this owner marks and moves: those whose number leaves the first when divided by the second, which is
    /// how many work with the mailbox.
    pub(crate) share: (u32, u32),
    pub(crate) phone: Phone<Socket>,
    pub(crate) random: StdRng,
    pub(crate) inbox: String,
    pub(crate) book: String,
    pub(crate) trash: String,
    pub(crate) sent_items: String,
    /// The folders of events, tasks and notes that the phone has; nothing in them is changed on one.
    pub(crate) planned: BTreeMap<Class, String>,
    made: u32,
    cards: BTreeMap<String, Card>,
    folders: Vec<String>,
    /// The numbers of the mails that were sent.
    sent: Vec<u32>,
    /// What the mails that were moved are called in Deleted Items, by number.
    pub(crate) moved: BTreeMap<u32, String>,
    /// A request that is to be sent again.
    pub(crate) kept: Option<Asked>,
}

/// The owners of phones of one user, who share the mails; each gets a seed.
pub(crate) fn owners<const COUNT: usize>(
    address: SocketAddr,
    phones: [(Identity, &'static str); COUNT],
    mut seed: impl FnMut() -> u64,
) -> [Owner; COUNT] {
    let mut place = 0..COUNT as u32;
    phones.map(|(identity, name)| {
        let share = (place.next().expect("a place each"), COUNT as u32);
        Owner::new(address, identity, name, share, seed())
    })
}

/// How `anna` speaks to the server.
pub(crate) fn socket(address: SocketAddr) -> Socket {
    Socket::new(address, "anna", "anna's word")
}

impl Owner {
    fn new(address: SocketAddr, identity: Identity, name: &'static str, share: (u32, u32), seed: u64) -> Self {
        let mut phone = Phone::new(socket(address), identity, "anna");
        phone.options().unwrap();
        phone.folder_sync().unwrap();
        let [inbox, book, trash, sent_items] =
            [FolderType::Inbox, FolderType::Contacts, FolderType::DeletedItems, FolderType::SentItems]
                .map(|kind| phone.folder(kind).unwrap());
        // Not every version knows notes.
        let planned = [Class::Calendar, Class::Tasks, Class::Notes];
        let planned = planned.map(|class| Some((class, phone.folder(FolderType::default_for(class)).ok()?)));
        let planned: BTreeMap<_, _> = planned.into_iter().flatten().collect();
        assert!(planned.contains_key(&Class::Calendar));
        let mut owner = Self {
            name,
            share,
            phone,
            random: StdRng::seed_from_u64(seed),
            inbox,
            book,
            trash,
            sent_items,
            planned,
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
        Self {
            name: self.name,
            share: self.share,
            phone: self.phone.through(socket(address)),
            random: self.random.clone(),
            inbox: self.inbox.clone(),
            book: self.book.clone(),
            trash: self.trash.clone(),
            sent_items: self.sent_items.clone(),
            planned: self.planned.clone(),
            made: self.made,
            cards: self.cards.clone(),
            folders: self.folders.clone(),
            sent: self.sent.clone(),
            moved: self.moved.clone(),
            kept: self.kept.clone(),
        }
    }

    pub(crate) fn look_at_everything(&mut self) {
        self.phone.folder_sync().unwrap();
        let folders = [&self.inbox, &self.book, &self.trash, &self.sent_items].into_iter();
        for folder in folders.chain(self.planned.values()) {
            self.phone.sync_folder(folder, 100).unwrap();
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
}
