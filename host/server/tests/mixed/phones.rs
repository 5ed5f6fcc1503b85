//! Owners at work until the server is gone, and afterwards.

use std::net::SocketAddr;

use easel_test_support::Transport as _;
use rand::Rng as _;

use super::Answers;
use crate::owner::Owner;

impl Owner {
    /// One request after the other until the server is gone. The one to which no answer comes or whose answer is not
    /// read is kept.
    pub(crate) fn work(&mut self, answers: &Answers) {
        let reads_all: bool = self.random.random();
        loop {
            let asked = self.ask();
            match self.phone.transport.exchange(&asked.request) {
                Ok(answer) if answers.arrived() || reads_all => self.take(&asked.errand, &answer, false),
                Ok(_) | Err(_) => {
                    self.kept = Some(asked);
                    return;
                }
            }
        }
    }

    /// Goes on after a restart: first the request whose answer was never read.
    pub(crate) fn come_back(&mut self, address: SocketAddr) {
        *self = self.before(address);
        if let Some(asked) = self.kept.take() {
            let answer = self.phone.transport.exchange(&asked.request);
            let answer = answer.unwrap_or_else(|error| panic!("{} {:?} again: {error:#}", self.name, asked.errand));
            self.take(&asked.errand, &answer, true);
        }
        self.look_at_everything();
    }
}
