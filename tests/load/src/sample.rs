//! The sample: mails, contacts and events that follow from their number, so that every run has the same.

pub(crate) mod contact;
pub(crate) mod event;
mod language;
pub(crate) mod mail;

/// Kinds of things, each with dice of its own.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Contact = 1,
    Event = 2,
    Mail = 3,
    Photo = 4,
}

impl Kind {
    fn dice(self, number: u64) -> crate::dice::Dice {
        crate::dice::Dice::of(self as u64, number)
    }
}
