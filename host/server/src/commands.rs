//! The commands, as the HTTP side sees them.
//!
//! [`Service`] is what stands behind it in earnest; tests put a script there, so that a waiting request, a slow answer
//! or a panic can be had at will.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use easel_commands::{Answer, EntryRules, Offer, Parked, Reply, Request, Service, Sink, Why};
use easel_protocol::DeviceFacts;
use easel_store::{Bus, Interest, User};
use jiff::Timestamp;

/// What the HTTP side asks of the commands. Every method blocks; it is called on a worker thread.
pub trait Commands: Send + Sync {
    /// Answers a POST.
    fn handle(&self, request: &Request<'_>, sink: &mut dyn Sink) -> Turn;

    /// What a device, known by what the request says of it, is told in the answer to OPTIONS.
    fn offer(&self, user: &User, facts: &DeviceFacts) -> Offer;

    /// The headers of requests that are handed on, in lower case.
    fn headers(&self) -> Arc<BTreeSet<String>> {
        Arc::default()
    }

    /// What holds for a request before anybody is logged in; `None` when it takes a moment to know and `may_ask` is false.
    /// Only with `may_ask` may it block.
    fn entry_rules(&self, _facts: &DeviceFacts, _may_ask: bool) -> Option<EntryRules> {
        Some(EntryRules::default())
    }

    /// The commands there are: the answer to OPTIONS, too. MS-ASHTTP 2.2.2.1.2.3 "MS-ASProtocolCommands".
    fn names(&self) -> String;

    /// Who wakes waiting requests.
    fn bus(&self) -> &dyn Bus;
}

/// What came of a request, or of another look at a waiting one.
#[derive(Debug)]
pub enum Turn {
    /// A whole answer.
    Answer(Answer),
    /// The answer went through the sink and is complete.
    Streamed,
    /// The answer began to go through the sink and cannot be finished.
    Cut,
    /// Nothing yet.
    Wait(Wait),
}

/// A request that waits.
pub struct Wait {
    /// What would wake it.
    pub interest: Interest,
    /// When it is answered anyway.
    pub until: Timestamp,
    /// Looks again.
    pub go_on: GoOn,
}

/// Looks again at a waiting request: for whom, why, when, and where a long answer goes.
pub type GoOn = Box<dyn FnOnce(&User, Why, Timestamp, &mut dyn Sink) -> Turn + Send>;

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("interest", &self.interest).field("until", &self.until).finish_non_exhaustive()
    }
}

/// The service of the room `commands`, shared with the requests that wait.
#[derive(Clone, Debug)]
pub(crate) struct Served(pub(crate) Arc<Service>);

impl Served {
    fn turn(&self, reply: Reply) -> Turn {
        match reply {
            Reply::Answer(answer) => Turn::Answer(answer),
            Reply::Streamed => Turn::Streamed,
            Reply::Cut => Turn::Cut,
            Reply::Park(Parked { interest, until, resume }) => {
                let served = self.clone();
                let go_on: GoOn = Box::new(move |user, why, now, sink| {
                    let reply = served.0.resume(user, resume, why, now, sink);
                    served.turn(reply)
                });
                Turn::Wait(Wait { interest, until, go_on })
            }
        }
    }
}

impl Commands for Served {
    fn handle(&self, request: &Request<'_>, sink: &mut dyn Sink) -> Turn {
        self.turn(self.0.handle(request, sink))
    }

    fn offer(&self, user: &User, facts: &DeviceFacts) -> Offer {
        self.0.offer(user, facts)
    }

    fn headers(&self) -> Arc<BTreeSet<String>> {
        self.0.headers()
    }

    fn entry_rules(&self, facts: &DeviceFacts, may_ask: bool) -> Option<EntryRules> {
        self.0.entry_rules(facts, may_ask)
    }

    fn names(&self) -> String {
        self.0.commands().map(easel_protocol::Command::name).collect::<Vec<_>>().join(",")
    }

    fn bus(&self) -> &dyn Bus {
        self.0.store().bus()
    }
}
