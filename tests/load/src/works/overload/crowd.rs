//! Devices that ask again as soon as they are answered, and soon again when they are told to come later.

use std::time::Duration;

use easel_protocol::Command;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::http::Answer;
use crate::phone::{Door, INBOX, Identity, Line, folder_sync};
use crate::scan::Synced;
use crate::tally::Tally;

/// How soon one asks again that was put off, or whose connection was cut: far sooner than it is told to.
const PAUSE: Duration = Duration::from_millis(200);

/// What a device does again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Asks for all folders.
    FolderSync,
    /// Gets its Inbox, and then asks whether there is anything new.
    Sync,
}

/// Everybody at once, each over a connection of its own, for so long.
pub(crate) async fn storm(door: &Door, devices: Vec<Identity>, habit: Habit, how_long: Duration) -> Tally {
    let end = Instant::now() + how_long;
    let mut storming = JoinSet::new();
    for (number, identity) in devices.into_iter().enumerate() {
        let door = door.clone();
        let device = Device { door, number, identity, habit, line: None, key: "0".to_owned(), tally: Tally::default() };
        storming.spawn(device.rage(end));
    }
    let mut all = Tally::default();
    for tally in storming.join_all().await {
        all.add(&tally);
    }
    all
}

struct Device {
    door: Door,
    number: usize,
    identity: Identity,
    habit: Habit,
    line: Option<Line>,
    key: String,
    tally: Tally,
}

impl Device {
    async fn rage(mut self, end: Instant) -> Tally {
        while Instant::now() < end {
            let Ok(answer) = timeout_at(end, self.ask()).await else {
                self.tally.unanswered += 1;
                break;
            };
            self.tally.count(&answer);
            match answer {
                Ok(answer) if answer.code == 200 => self.learn(&answer),
                Ok(_) | Err(_) => sleep(PAUSE).await,
            }
        }
        self.tally
    }

    async fn ask(&mut self) -> anyhow::Result<Answer> {
        let mut line = match self.line.take() {
            Some(line) => line,
            // Far from the addresses of those who do no harm.
            None => self.door.connect(FIRST + self.number).await?,
        };
        let request = match self.habit {
            Habit::FolderSync => self.identity.request(Command::FolderSync, &folder_sync()),
            Habit::Sync => self.identity.request(Command::Sync, &INBOX.since(&self.key)),
        };
        let answer = line.exchange(&request).await?;
        self.line = (!answer.closes).then_some(line);
        Ok(answer)
    }

    /// The key of what it has now; it begins anew when it is told that it has none.
    fn learn(&mut self, answer: &Answer) {
        if self.habit == Habit::Sync && !answer.body.is_empty() {
            self.key = Synced::read(&answer.body).map_or_else(|_| "0".to_owned(), |synced| synced.key);
        }
    }
}

/// Where the addresses begin that attackers come from.
pub(super) const FIRST: usize = 500_000;
