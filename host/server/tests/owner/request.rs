//! Requests of phones.

use easel_protocol::{Command, FolderType, Version};
use easel_test_support::{HttpRequest, Sent};
use easel_wbxml::pages::{airsync, compose_mail as cm, contacts, email, folder_hierarchy as fh, moves};
use easel_wbxml::{Element, Tag, encode};
use rand::Rng as _;

use super::{Errand, Owner};

/// A request, byte for byte, and what it is for.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) errand: Errand,
    pub(crate) request: HttpRequest,
}

impl Owner {
    /// The request that does the next errand.
    pub(crate) fn ask(&mut self) -> Asked {
        let errand = self.errand();
        let request = self.request(&errand);
        Asked { errand, request }
    }

    fn request(&mut self, errand: &Errand) -> HttpRequest {
        if let Errand::Send { number } = errand
            && self.phone.version < Version::V14_0
        {
            // MS-ASCMD 2.2.1.17 "SendMail": the message itself, until 12.1.
            let mut request = self.phone.request(Command::SendMail, mime(*number).as_bytes(), "message/rfc822");
            request.query.push_str("&SaveInSent=T");
            return request;
        }
        let (command, body) = self.body(errand);
        self.phone.request(command, &encode(&body), "application/vnd.ms-sync.wbxml")
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
