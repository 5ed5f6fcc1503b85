//! What phones hold, and what they should.

use std::collections::{BTreeMap, BTreeSet};

use easel_protocol::{Class, FolderType};
use easel_test_support::item_text;
use easel_wbxml::Element;
use easel_wbxml::pages::{calendar, contacts, email, notes, tasks};

use super::Owner;

impl Owner {
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

    /// The contacts on the phone: last and first name.
    pub(crate) fn cards(&self) -> Vec<(String, String)> {
        let items = self.phone.items(&self.book);
        let text = |item| (item_text(item, contacts::LAST_NAME), item_text(item, contacts::FIRST_NAME));
        let mut cards: Vec<_> = items.values().map(text).collect();
        cards.sort();
        cards
    }

    /// The names of the events, tasks or notes on the phone.
    pub(crate) fn plans(&self, class: Class) -> Vec<String> {
        let tag = match class {
            Class::Calendar => calendar::SUBJECT,
            Class::Tasks => tasks::SUBJECT,
            Class::Notes => notes::SUBJECT,
            Class::Contacts | Class::Email | Class::Sms => panic!("{class:?} is kept elsewhere"),
        };
        let items = self.planned.get(&class).map(|folder| self.phone.items(folder)).unwrap_or_default();
        let mut names: Vec<_> = items.values().map(|item| item_text(item, tag)).collect();
        names.sort();
        names
    }

    /// The folders on the phone that were made on one.
    pub(crate) fn made_folders(&self) -> Vec<String> {
        let made = self.phone.folders.values().filter(|folder| folder.kind == FolderType::UserMail);
        let mut names: Vec<_> = made.map(|folder| folder.name.clone()).collect();
        names.sort();
        names
    }

    /// What was moved lies where the answer said.
    #[track_caller]
    fn check_moves(&self, at: &str) {
        let trash = self.phone.items(&self.trash);
        for (moved, id) in &self.moved {
            let subject = trash.get(id).map(|item| item_text(item, email::SUBJECT));
            assert_eq!(subject, Some(format!("mail {moved}")), "{at}, {} moved it to {id}", self.name);
        }
    }
}

/// The number of a mail.
pub(crate) fn number(subject: &str) -> u32 {
    subject.strip_prefix("mail ").unwrap().parse().unwrap()
}

/// The numbers of the mails that the owners sent.
fn sent(owners: &[Owner]) -> Vec<u32> {
    let mut sent: Vec<u32> = owners.iter().flat_map(|owner| owner.sent.iter().copied()).collect();
    sent.sort_unstable();
    sent
}

/// The names of contacts, events, tasks and notes that were imported.
pub(crate) type Imported = BTreeMap<Class, BTreeSet<String>>;

/// What was answered to its owners is on every phone, once, and so is what was imported; there is no other contact, event,
/// task or note and no other folder, and mails are the same on all of them.
#[track_caller]
pub(crate) fn check(owners: &mut [Owner], imported: &Imported, at: &str) {
    let sent = sent(owners);
    owners[0].wait_for(&sent);
    // Each may have changed something since the others looked.
    owners.iter_mut().for_each(Owner::look_at_everything);
    let cards = owners.iter().flat_map(|owner| &owner.cards);
    let cards = cards.map(|(name, card)| (name.clone(), card.revision.to_string()));
    let also = imported.get(&Class::Contacts).into_iter().flatten().map(|name| (name.clone(), "0".to_owned()));
    let mut cards: Vec<_> = cards.chain(also).collect();
    let mut folders: Vec<_> = owners.iter().flat_map(|owner| owner.folders.clone()).collect();
    cards.sort();
    folders.sort();
    let mails = owners[0].mails();
    for owner in &*owners {
        assert_eq!(owner.mails(), mails, "{at}, {}", owner.name);
        assert_eq!(owner.cards(), cards, "{at}, {}", owner.name);
        assert_eq!(owner.made_folders(), folders, "{at}, {}", owner.name);
        assert_eq!(owner.copies(), sent, "{at}, {}: what was sent is in Sent Items, once", owner.name);
        for class in owner.planned.keys() {
            let there: Vec<String> = imported.get(class).into_iter().flatten().cloned().collect();
            assert_eq!(owner.plans(*class), there, "{at}, {}: {class:?}", owner.name);
        }
        owner.check_moves(at);
    }
}
