//! Requests that come at a rate of their own, however slowly they are answered: more than the server can serve.
//!
//! A closed loop says how much that is: devices fetch the same page of mail again and again, each as soon as it has it.
//! Then the same requests come many times as often, from as many devices as it takes, and nobody waits for an answer
//! before the next one asks.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use easel_protocol::Command;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::super::parked::AT_ONCE;
use super::crowd::FIRST;
use crate::histogram::Histogram;
use crate::phone::{Door, INBOX, Identity, Line, Phone};
use crate::seed::attacker;
use crate::tally::Tally;

/// How many times the capacity comes.
pub(super) const TIMES: f64 = 10.0;
/// How often arrivals are looked at that are due.
const TICK: Duration = Duration::from_millis(2);
/// How long answers are waited for that are under way at the end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Devices that have begun, and ask for their first page.
#[derive(Debug)]
pub(super) struct Crowd {
    idle: VecDeque<Device>,
    door: Door,
}

#[derive(Debug)]
struct Device {
    number: usize,
    line: Option<Line>,
    request: Vec<u8>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Offered {
    pub(super) tally: Tally,
    /// From sending to 200.
    served: Histogram,
    /// Requests that were sent,
    pub(super) sent: u64,
    /// and that were due while every device still waited for an answer.
    unsent: u64,
    /// How long they came.
    took: Duration,
}

impl Offered {
    /// Requests a second.
    pub(super) fn rate(&self) -> f64 {
        self.sent as f64 / self.took.as_secs_f64().max(1e-9)
    }
}

impl fmt::Display for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most] = [0.5, 0.99].map(|share| self.served.quantile(share).as_secs_f64() * 1e3);
        write!(
            f,
            "{:.0}/s sent, {} due and not sent; served after p50 {half:.0} ms, p99 {most:.0} ms",
            self.rate(),
            self.unsent
        )
    }
}

impl Crowd {
    /// So many devices, each of a user of its own, synchronise as far as their first page.
    pub(super) async fn gather(door: &Door, count: usize) -> anyhow::Result<Self> {
        let (gate, mut beginning) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
        for number in 0..count {
            let (gate, door) = (Arc::clone(&gate), door.clone());
            beginning.spawn(async move {
                let _turn = gate.acquire_owned().await?;
                Device::begin(&door, number, attacker(number)).await
            });
        }
        let devices: anyhow::Result<Vec<Device>> = beginning.join_all().await.into_iter().collect();
        Ok(Self { idle: devices?.into(), door: door.clone() })
    }

    /// How often a few of them are served in a second when each asks as soon as it is answered.
    pub(super) async fn capacity(&mut self, devices: usize, how_long: Duration) -> f64 {
        let (start, end) = (Instant::now(), Instant::now() + how_long);
        let mut asking = JoinSet::new();
        for mut device in self.idle.drain(..devices.min(self.idle.len())) {
            let door = self.door.clone();
            asking.spawn(async move {
                let mut served = 0_u64;
                while Instant::now() < end {
                    served += u64::from(matches!(device.ask(&door).await, Ok((200, _))));
                }
                (device, served)
            });
        }
        let mut all = 0;
        for (device, served) in asking.join_all().await {
            all += served;
            self.idle.push_back(device);
        }
        all as f64 / (Instant::now() - start).as_secs_f64()
    }

    /// Requests come at that rate, each from the device that has rested longest.
    pub(super) async fn arrive(mut self, rate: f64, how_long: Duration) -> Offered {
        let (mut offered, mut asking) = (Offered::default(), JoinSet::new());
        let (back, mut is_back) = mpsc::unbounded_channel();
        let start = Instant::now();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while start.elapsed() < how_long {
            ticks.tick().await;
            while let Ok((device, sent, answer)) = is_back.try_recv() {
                offered.note(sent, &answer);
                self.idle.push_back(device);
            }
            while asking.try_join_next().is_some() {}
            let due = (start.elapsed().min(how_long).as_secs_f64() * rate) as u64;
            for _ in offered.sent + offered.unsent..due {
                let Some(mut device) = self.idle.pop_front() else {
                    offered.unsent += 1;
                    continue;
                };
                offered.sent += 1;
                let (back, door) = (back.clone(), self.door.clone());
                asking.spawn(async move {
                    let sent = Instant::now();
                    let answer = device.ask(&door).await;
                    // Nobody listens any more when it is over.
                    let _ = back.send((device, sent, answer));
                });
            }
        }
        offered.took = start.elapsed();
        drop(back);
        let until = Instant::now() + PATIENCE;
        while let Ok(Some((_, sent, answer))) = timeout_at(until, is_back.recv()).await {
            offered.note(sent, &answer);
        }
        offered.tally.unanswered += offered.sent - offered.tally.count_all();
        offered
    }
}

impl Offered {
    fn note(&mut self, sent: Instant, answer: &anyhow::Result<(u16, Option<u64>)>) {
        match answer {
            Ok((code, retry_after)) => {
                self.tally.code(*code, *retry_after);
                if *code == 200 {
                    self.served.record(sent.elapsed());
                }
            }
            Err(_) => self.tally.cut += 1,
        }
    }
}

impl Device {
    async fn begin(door: &Door, number: usize, identity: Identity) -> anyhow::Result<Self> {
        let mut phone = Phone::connect(door, FIRST + number, identity).await?;
        let key = phone.begin(&INBOX).await?;
        let request = phone.identity.request(Command::Sync, &INBOX.since(&key));
        Ok(Self { number, line: Some(phone.line), request })
    }

    /// Asks for its page; the code of the answer, and Retry-After. A connection that is gone is made anew.
    async fn ask(&mut self, door: &Door) -> anyhow::Result<(u16, Option<u64>)> {
        let mut line = match self.line.take() {
            Some(line) => line,
            None => door.connect(FIRST + self.number).await?,
        };
        let answer = line.exchange(&self.request).await?;
        self.line = (!answer.closes).then_some(line);
        Ok((answer.code, answer.retry_after))
    }
}
