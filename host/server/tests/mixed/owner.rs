//! The owner of a phone.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use easel_protocol::FolderType;
use easel_test_support::{Identity, Phone, Socket, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{contacts, email};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::step::Step;
use super::{Answers, number};

/// How many work with one mailbox.
pub(crate) const OWNERS: u32 = 3;

/// A contact as its owner knows it.
pub(crate) struct Card {
    pub(super) id: String,
    pub(crate) revision: u32,
}

/// The owner of a phone, who changes only contacts of their own and marks only some mails as read, so that nothing
/// depends on who comes first.
pub(crate) struct Owner {
    pub(crate) name: &'static str,
    /// Whose mails this owner marks and moves: those whose number leaves this when divided by the number of owners.
    pub(crate) place: u32,
    pub(crate) phone: Phone<Socket>,
    pub(crate) random: StdRng,
    pub(crate) inbox: String,
    pub(crate) book: String,
    pub(crate) trash: String,
    pub(crate) sent_items: String,
    pub(crate) made: u32,
    pub(crate) cards: BTreeMap<String, Card>,
    pub(crate) folders: Vec<String>,
    /// The numbers of the mails that were sent.
    pub(crate) sent: Vec<u32>,
    /// What the mails that were moved are called in Deleted Items, by number.
    pub(crate) moved: BTreeMap<u32, String>,
    pub(crate) unanswered: Option<Step>,
}

impl Owner {
    pub(crate) fn new(address: SocketAddr, identity: Identity, (name, place): (&'static str, u32), seed: u64) -> Self {
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
            place,
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
    pub(crate) fn work(&mut self, answers: &Answers) {
        let reads_all = self.random.random();
        loop {
            let step = self.next();
            if !self.take(step, || answers.arrived() || reads_all) {
                return;
            }
        }
    }

    /// Goes on after a restart: first the request whose answer was never read.
    pub(crate) fn come_back(&mut self, address: SocketAddr) {
        self.phone.transport = Socket::new(address, "anna", "anna's word");
        if let Some(step) = self.unanswered.take() {
            let again = Step { repeated: true, ..step };
            assert!(self.take(again, || true), "{}: the request that was repeated is answered", self.name);
        }
        self.look_at_everything();
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

    /// What was moved is where the answer said.
    pub(crate) fn check_moves(&self) {
        let trash = self.phone.items(&self.trash);
        for (moved, id) in &self.moved {
            let subject = trash.get(id).map(|item| item_text(item, email::SUBJECT));
            assert_eq!(subject, Some(format!("mail {moved}")), "{} moved it to {id}", self.name);
        }
    }

    /// The contacts on the phone.
    pub(crate) fn cards(&self) -> Vec<(String, String)> {
        let items = self.phone.items(&self.book);
        let text = |item| (item_text(item, contacts::LAST_NAME), item_text(item, contacts::FIRST_NAME));
        let mut cards: Vec<_> = items.values().map(text).collect();
        cards.sort();
        cards
    }

    /// The folders on the phone that were made on one.
    pub(crate) fn made_folders(&self) -> Vec<String> {
        let made = self.phone.folders.values().filter(|folder| folder.kind == FolderType::UserMail);
        let mut names: Vec<_> = made.map(|folder| folder.name.clone()).collect();
        names.sort();
        names
    }
}
