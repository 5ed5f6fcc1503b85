//! An administrator who imports.

use std::collections::{BTreeMap, BTreeSet};

use easel_protocol::Class;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::{Answers, IMPORTED_FROM};
use crate::owner::Imported;
use crate::support::House;

/// Imports files through the running server; one that broke off is imported again after the restart.
pub(crate) struct Importer<'a> {
    house: &'a House,
    random: StdRng,
    next: u32,
    /// The numbers of the mails that must be there.
    pub(crate) mails: BTreeSet<u32>,
    /// The names of all else that must be there.
    pub(crate) objects: Imported,
    broken_off: Option<Parcel>,
}

/// A file with mails, with contacts, or with events, tasks and notes.
struct Parcel {
    path: String,
    mails: Vec<u32>,
    objects: Vec<(Class, String)>,
}

impl<'a> Importer<'a> {
    pub(crate) fn new(house: &'a House, seed: u64) -> Self {
        let (mails, objects) = (BTreeSet::new(), Imported::new());
        Self { house, random: StdRng::seed_from_u64(seed), next: IMPORTED_FROM, mails, objects, broken_off: None }
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
        assert_eq!((added + known, skipped), ((parcel.mails.len() + parcel.objects.len()) as u64, 0), "{report}");
        self.mails.extend(parcel.mails);
        for (class, name) in parcel.objects {
            self.objects.entry(class).or_default().insert(name);
        }
        Ok(())
    }

    fn parcel(&mut self) -> Parcel {
        let count = self.random.random_range(1..8);
        let numbers: Vec<u32> = (self.next..self.next + count).collect();
        self.next += count;
        let names = numbers.iter().map(|number| (number, format!("import-{number}")));
        let (ending, text, objects): (_, String, Vec<_>) = match self.random.random_range(0..3) {
            0 => ("mbox", numbers.iter().map(|number| mail(*number)).collect(), Vec::new()),
            1 => {
                let objects: Vec<_> = names.map(|(_, name)| (Class::Contacts, name)).collect();
                ("vcf", objects.iter().map(|(_, name)| card(name)).collect(), objects)
            }
            _ => {
                let (components, objects): (String, _) = names.map(|(number, name)| plan(*number, name)).unzip();
                ("ics", format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{components}END:VCALENDAR\r\n"), objects)
            }
        };
        let path = self.house.write(&format!("imports/{}.{ending}", self.next), text);
        Parcel { path, mails: if ending == "mbox" { numbers } else { Vec::new() }, objects }
    }

    #[track_caller]
    pub(crate) fn check(&self, seen: &BTreeMap<u32, String>, at: &str) {
        let seen: BTreeSet<u32> = seen.keys().copied().filter(|number| *number >= IMPORTED_FROM).collect();
        assert_eq!(seen, self.mails, "{at}: what was imported is there, once");
    }
}

fn mail(number: u32) -> String {
    format!(
        "From sender@example.net Mon Mar  2 10:00:00 2026\nFrom: sender@example.net\n\
         To: anna@example.org\nMessage-ID: <{number}@example.net>\n\
         Date: Mon, 02 Mar 2026 10:00:00 +0000\nSubject: mail {number}\n\nFrom another time.\n\n"
    )
}

fn card(name: &str) -> String {
    format!("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{name}\r\nN:{name};0;;;\r\nFN:{name}\r\nEND:VCARD\r\n")
}

/// An event, a series of which one is moved, a task or a note.
fn plan(number: u32, name: String) -> (String, (Class, String)) {
    let component = |kind: &str, lines: &str| {
        format!("BEGIN:{kind}\r\nUID:{name}\r\nDTSTAMP:20260101T000000Z\r\n{lines}\r\nEND:{kind}\r\n")
    };
    let (class, text) = match number % 4 {
        0 => {
            let lines = format!("DTSTART:20260302T100000Z\r\nDTEND:20260302T110000Z\r\nSUMMARY:{name}");
            (Class::Calendar, component("VEVENT", &lines))
        }
        1 => {
            let series = format!(
                "DTSTART:20260302T100000Z\r\nDTEND:20260302T110000Z\r\nRRULE:FREQ=WEEKLY;COUNT=5\r\nSUMMARY:{name}"
            );
            let moved = "RECURRENCE-ID:20260309T100000Z\r\nDTSTART:20260309T150000Z\r\nDTEND:20260309T160000Z\r\n\
                         SUMMARY:later";
            (Class::Calendar, component("VEVENT", &series) + &component("VEVENT", moved))
        }
        2 => (Class::Tasks, component("VTODO", &format!("DUE;VALUE=DATE:20260331\r\nSUMMARY:{name}"))),
        _ => (Class::Notes, component("VJOURNAL", &format!("SUMMARY:{name}\r\nDESCRIPTION:Measure it again."))),
    };
    (text, (class, name))
}
