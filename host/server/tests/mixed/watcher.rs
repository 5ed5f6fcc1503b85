//! A phone of somebody else that waits for mail all the time.

use std::net::SocketAddr;
use std::path::Path;
use std::thread;

use easel_protocol::{Command, FolderType};
use easel_test_support::{Identity, Lmtp, Phone, Socket, item_text};
use easel_wbxml::Element;
use easel_wbxml::pages::{email, ping};

use crate::owner::number;

/// The phone, and what it holds.
pub(crate) struct Watcher {
    phone: Phone<Socket>,
    inbox: String,
    mails: u32,
}

impl Watcher {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let mut phone = Phone::new(Socket::new(address, "ben", "ben's word"), Identity::iphone_3gs(), "ben");
        phone.options().unwrap();
        phone.folder_sync().unwrap();
        let inbox = phone.folder(FolderType::Inbox).unwrap();
        phone.sync_folder(&inbox, 100).unwrap();
        Self { phone, inbox, mails: 0 }
    }

    /// Nothing happens in this mailbox: the Ping waits until the server is gone.
    pub(crate) fn wait_until_killed(&mut self) {
        let answer = self.phone.ping(std::slice::from_ref(&self.inbox), 600);
        assert!(answer.is_err(), "there was nothing to say: {answer:?}");
    }

    /// Asks again with as few words as the server allows, and a mail that comes ends the wait.
    pub(crate) fn come_back(&mut self, address: SocketAddr, lmtp: &Path) {
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
