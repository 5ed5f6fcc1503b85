//! What owners do with their phones.

use easel_protocol::{Command, FolderType, Version};
use easel_test_support::{HttpRequest, Sent, item_text};
use easel_wbxml::pages::{airsync, compose_mail as cm, contacts, email, folder_hierarchy as fh, moves};
use easel_wbxml::{Element, Tag, encode};
use rand::Rng as _;

use super::owner::OWNERS;
use super::{Owner, SENT_FROM, number};

/// What an owner does with the phone.
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
            8 => {
                self.made += 1;
                Errand::Send { number: SENT_FROM * (self.place + 1) + self.made }
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

    /// A mail in the Inbox that was not moved away and that the other owners leave alone, and its number.
    fn some_mail(&self, is_wanted: impl Fn(&Element) -> bool) -> Option<(String, u32)> {
        let items = &self.phone.collections[&self.inbox].items;
        let numbered = items.iter().filter(|(_, item)| is_wanted(item));
        let mut numbered = numbered.map(|(id, item)| (id.clone(), number(&item_text(item, email::SUBJECT))));
        numbered.find(|(_, number)| number % OWNERS == self.place && !self.moved.contains_key(number))
    }

    /// The request that does it, byte for byte.
    pub(super) fn request(&mut self, errand: &Errand) -> (Command, HttpRequest) {
        if let Errand::Send { number } = errand
            && self.phone.version < Version::V14_0
        {
            // MS-ASCMD 2.2.1.17 "SendMail": the message itself, until 12.1.
            let mut request = self.phone.request(Command::SendMail, mime(*number).as_bytes(), "message/rfc822");
            request.query.push_str("&SaveInSent=T");
            return (Command::SendMail, request);
        }
        let (command, body) = self.body(errand);
        (command, self.phone.request(command, &encode(&body), "application/vnd.ms-sync.wbxml"))
    }

    fn body(&mut self, errand: &Errand) -> (Command, Element) {
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
                let mime = Element::opaque(cm::MIME, mime(*number).into_bytes());
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
}

/// A message that is sent under a number.
fn mime(number: u32) -> String {
    format!("To: anna@example.org\r\nSubject: mail {number}\r\n\r\nFrom phone to phone.\r\n")
}

/// A command of a Sync on one item.
fn command(tag: Tag, id_tag: Tag, id: &str, data: Option<Element>) -> Element {
    Element::of(tag, [Element::text(id_tag, id)].into_iter().chain(data))
}

pub(super) fn card(name: &str, revision: u32) -> Element {
    let properties =
        [Element::text(contacts::LAST_NAME, name), Element::text(contacts::FIRST_NAME, revision.to_string())];
    Element::of(airsync::APPLICATION_DATA, properties)
}

pub(super) fn read() -> Element {
    Element::of(airsync::APPLICATION_DATA, [Element::number(email::READ, 1)])
}
