//! What owners do with their phones.

use easel_test_support::item_text;
use easel_wbxml::Element;
use easel_wbxml::pages::email;
use rand::Rng as _;

use super::{Owner, SENT_FROM, number};

/// What an owner does with the phone.
#[derive(Clone, Debug)]
pub(crate) enum Errand {
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

impl Owner {
    pub(super) fn errand(&mut self) -> Errand {
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
                Errand::Send { number: SENT_FROM * (self.share.0 + 1) + self.made }
            }
            9 => self.some_mail(|_| true).map_or(Errand::Look, |(mail, number)| Errand::Move { mail, number }),
            _ => Errand::Look,
        }
    }

    /// A mail that is not read.
    fn unread(&self) -> Option<String> {
        self.some_mail(|item| item_text(item, email::READ) == "0").map(|(mail, _)| mail)
    }

    /// A mail in the Inbox that was not moved away and that the other owners leave alone, and its number.
    fn some_mail(&self, is_wanted: impl Fn(&Element) -> bool) -> Option<(String, u32)> {
        let items = &self.phone.collections[&self.inbox].items;
        let numbered = items.iter().filter(|(_, item)| is_wanted(item));
        let mut numbered = numbered.map(|(id, item)| (id.clone(), number(&item_text(item, email::SUBJECT))));
        let (own, shares) = self.share;
        numbered.find(|(_, number)| number % shares == own && !self.moved.contains_key(number))
    }
}
