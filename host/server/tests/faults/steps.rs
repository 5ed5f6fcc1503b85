//! Owners at work over a journal of the disk: what was asked and answered, and when.

use std::net::SocketAddr;

use easel_test_support::{HttpResponse, Identity, Transport as _};

use crate::owner::{Asked, Owner, owners};

/// A request, and how long the journal was when it was sent and when its answer had been read.
pub(crate) struct Step {
    asked: Asked,
    pub(crate) sent: u64,
    pub(crate) read: u64,
    answer: HttpResponse,
}

/// The two who work in these tests.
pub(crate) fn pair(address: SocketAddr, seed: impl FnMut() -> u64) -> [Owner; 2] {
    owners(address, [(Identity::android(), "ann"), (Identity::iphone_today(), "bob")], seed)
}

impl Owner {
    /// One request after the other; the length of the journal comes from `now`.
    pub(crate) fn work(&mut self, requests: usize, now: impl Fn() -> u64) -> Vec<Step> {
        let mut steps = Vec::new();
        for _ in 0..requests {
            let asked = self.ask();
            let sent = now();
            let answer = self.phone.transport.exchange(&asked.request).unwrap();
            let read = now();
            self.take(&asked.errand, &answer, false);
            steps.push(Step { asked, sent, read, answer });
        }
        steps
    }

    /// Goes through what was asked and answered up to a length of the journal. The request that was under way then is
    /// sent again, byte for byte.
    pub(crate) fn go_through(&mut self, steps: &[Step], until: u64) {
        for Step { asked, sent, read, answer } in steps {
            if *read <= until {
                self.take(&asked.errand, answer, false);
                continue;
            }
            if *sent <= until {
                let answer = self.phone.transport.exchange(&asked.request).unwrap();
                self.take(&asked.errand, &answer, true);
            }
            return;
        }
    }
}
