//! Answers to phones.

use easel_protocol::FolderType;
use easel_test_support::{Folder, HttpResponse, Synced, change};
use easel_wbxml::pages::{airsync, compose_mail as cm, folder_hierarchy as fh, moves};
use easel_wbxml::{Element, decode};

use super::request::{card, read};
use super::{Card, Errand, Owner};

impl Owner {
    /// Takes the answer to an errand in; `repeated` says that the request was sent before.
    pub(crate) fn take(&mut self, errand: &Errand, response: &HttpResponse, repeated: bool) {
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
}
