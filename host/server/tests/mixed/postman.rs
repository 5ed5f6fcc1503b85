//! Whoever brings the mail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use easel_test_support::Lmtp;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::Answers;
use crate::owner::SENT_FROM;

/// Delivers mails, each under a number of its own and only once.
pub(crate) struct Postman {
    socket: PathBuf,
    random: StdRng,
    /// How many were begun.
    begun: u32,
    /// Those that must be there: acknowledged, or seen once.
    pub(crate) there: BTreeSet<u32>,
}

impl Postman {
    pub(crate) fn new(socket: PathBuf, seed: u64) -> Self {
        Self { socket, random: StdRng::seed_from_u64(seed), begun: 0, there: BTreeSet::new() }
    }

    /// Delivers until the server is gone.
    pub(crate) fn work(&mut self, answers: &Answers) {
        let Ok(mut lmtp) = Lmtp::connect(&self.socket) else { return };
        loop {
            let number = self.begun;
            self.begun += 1;
            let lines = self.random.random_range(1..400);
            if lmtp.deliver("anna@example.org", number, lines).is_err() {
                return;
            }
            self.there.insert(number);
            answers.arrived();
        }
    }

    #[track_caller]
    pub(crate) fn check(&mut self, seen: &BTreeMap<u32, String>, at: &str) {
        let seen: BTreeSet<u32> = seen.keys().copied().filter(|number| *number < SENT_FROM).collect();
        let lost: Vec<_> = self.there.difference(&seen).collect();
        assert!(lost.is_empty(), "{at}: acknowledged and lost: {lost:?}");
        assert!(seen.iter().all(|number| *number < self.begun), "{at}: mails nobody sent");
        self.there.extend(seen);
    }
}
