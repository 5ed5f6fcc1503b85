//! Owners while nothing can be changed.

use easel_protocol::Command;
use easel_test_support::{HttpResponse, Transport as _, item_text};
use easel_wbxml::pages::{airsync, email, item_operations as io};
use easel_wbxml::{Element, decode};

use crate::owner::{Errand, Owner};

impl Owner {
    /// Wants something changed, so many times, while nothing can be: each time the phone is told so and keeps what it
    /// has. What was wanted last is kept, to be sent again.
    pub(crate) fn is_put_off(&mut self, times: usize) {
        for _ in 0..times {
            let asked = loop {
                let asked = self.ask();
                if !matches!(asked.errand, Errand::Look | Errand::SyncFolders) {
                    break asked;
                }
            };
            // An answer that is begun and cannot be finished is cut off.
            if let Ok(answer) = self.phone.transport.exchange(&asked.request) {
                let (said, errand) = (said(&answer), &asked.errand);
                assert!(!said.iter().any(|status| is_done(errand, status)), "{} {errand:?}: {said:?}", self.name);
            }
            self.kept = Some(asked);
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
        let asked = self.kept.take().expect("something was refused");
        let answer = self.phone.transport.exchange(&asked.request).unwrap();
        self.take(&asked.errand, &answer, false);
    }
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
