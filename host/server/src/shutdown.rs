//! How a server stops: first it accepts nobody and answers who waits, spread over a window; then it cuts.

use std::time::Duration;

use tokio::sync::watch;

/// How far the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Serving,
    /// Waiting requests are answered at random moments within the window, so that their devices do not all come back
    /// at once.
    Stopping {
        window: Duration,
    },
    /// Whoever is still connected is cut off.
    Cut,
}

/// Tells everybody how far the server is.
#[derive(Debug)]
pub(crate) struct Shutdown(watch::Sender<Phase>);

impl Shutdown {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Phase::Serving))
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.0.send_replace(phase);
    }

    pub(crate) fn phases(&self) -> Phases {
        Phases(self.0.subscribe())
    }
}

/// One who is told.
#[derive(Clone, Debug)]
pub(crate) struct Phases(watch::Receiver<Phase>);

impl Phases {
    pub(crate) fn now(&self) -> Phase {
        *self.0.borrow()
    }

    /// Ends when the phase is another one than `known`.
    pub(crate) async fn changed_from(&mut self, known: Phase) -> Phase {
        // A server that is gone cuts.
        self.0.wait_for(|phase| *phase != known).await.map_or(Phase::Cut, |phase| *phase)
    }
}
