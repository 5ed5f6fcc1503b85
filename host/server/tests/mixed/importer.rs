//! An administrator who imports.

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::{Answers, IMPORTED_FROM};
use crate::support::House;

/// Imports files through the running server; one that broke off is imported again after the restart.
pub(crate) struct Importer<'a> {
    house: &'a House,
    random: StdRng,
    next: u32,
    /// The numbers of the mails that must be there.
    pub(crate) mails: BTreeSet<u32>,
    /// The names of the contacts that must be there.
    pub(crate) cards: BTreeSet<String>,
    broken_off: Option<Parcel>,
}

/// A file with mails, or with contacts.
struct Parcel {
    path: String,
    mails: Vec<u32>,
    cards: Vec<String>,
}

impl<'a> Importer<'a> {
    pub(crate) fn new(house: &'a House, seed: u64) -> Self {
        let (mails, cards) = (BTreeSet::new(), BTreeSet::new());
        Self { house, random: StdRng::seed_from_u64(seed), next: IMPORTED_FROM, mails, cards, broken_off: None }
    }

    /// One file after the other until the server is gone.
    pub(crate) fn work(&mut self, answers: &Answers) {
        while !answers.is_over() {
            let parcel = self.parcel();
            if let Err(broken_off) = self.import(parcel) {
                self.broken_off = Some(broken_off);
                return;
            }
            answers.import_arrived();
        }
    }

    /// After a restart: what broke off is done again.
    pub(crate) fn come_back(&mut self) {
        if let Some(parcel) = self.broken_off.take() {
            assert!(self.import(parcel).is_ok(), "an import that broke off goes on");
        }
    }

    /// Imports a file; gives it back when that broke off.
    fn import(&mut self, parcel: Parcel) -> Result<(), Parcel> {
        let said = self.house.run(&["import", "anna", &parcel.path, "--json"]);
        if said.code != 0 {
            assert!(said.code == 1 && !said.err.trim().is_empty(), "an import that breaks off says why: {said:?}");
            return Err(parcel);
        }
        let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
        let [added, known, skipped] = ["added", "known", "skipped"].map(|key| report[key].as_u64().unwrap());
        assert_eq!((added + known, skipped), ((parcel.mails.len() + parcel.cards.len()) as u64, 0), "{report}");
        self.mails.extend(parcel.mails);
        self.cards.extend(parcel.cards);
        Ok(())
    }

    fn parcel(&mut self) -> Parcel {
        let count = self.random.random_range(1..8);
        let numbers: Vec<u32> = (self.next..self.next + count).collect();
        self.next += count;
        if self.random.random() {
            let mail = |number: &u32| {
                format!(
                    "From sender@example.net Mon Mar  2 10:00:00 2026\nFrom: sender@example.net\n\
                     To: anna@example.org\nMessage-ID: <{number}@example.net>\n\
                     Date: Mon, 02 Mar 2026 10:00:00 +0000\nSubject: mail {number}\n\nFrom another time.\n\n"
                )
            };
            let path =
                self.house.write(&format!("imports/{}.mbox", self.next), numbers.iter().map(mail).collect::<String>());
            Parcel { path, mails: numbers, cards: Vec::new() }
        } else {
            let names: Vec<String> = numbers.iter().map(|number| format!("import-{number}")).collect();
            let card = |name: &String| {
                format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{name}\r\nN:{name};0;;;\r\nFN:{name}\r\nEND:VCARD\r\n")
            };
            let path =
                self.house.write(&format!("imports/{}.vcf", self.next), names.iter().map(card).collect::<String>());
            Parcel { path, mails: Vec::new(), cards: names }
        }
    }

    #[track_caller]
    pub(crate) fn check(&self, seen: &BTreeMap<u32, String>, at: &str) {
        let seen: BTreeSet<u32> = seen.keys().copied().filter(|number| *number >= IMPORTED_FROM).collect();
        assert_eq!(seen, self.mails, "{at}: what was imported is there, once");
    }
}
