//! Phones that wait in a Ping, each on a connection of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use easel_protocol::Command;
use easel_wbxml::pages::ping;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::clock::now;
use crate::easel::at_rest;
use crate::histogram::Histogram;
use crate::phone::{Door, INBOX, Identity, Phone, ping_inbox, text_in};
use crate::put_off::PutOff;
use crate::scan::Synced;

/// How long a phone may take to be told.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long all may take to come to rest.
const REST_MAX: Duration = Duration::from_secs(120);
/// How often a phone that is sent away comes back.
const ATTEMPTS: u32 = 1000;
/// How often it is looked at whether somebody still stays away.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A phone whose Ping was answered.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) number: usize,
    /// When its last byte was there.
    pub(crate) at: Instant,
    /// The phone and the Status.
    answer: anyhow::Result<(Box<Phone>, String)>,
}

/// How phones came.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    /// From the first step to 200, each.
    pub(crate) times: Histogram,
    /// How often one was told to come back later (503).
    pub(crate) sent_away: u64,
}

/// The phones that wait.
#[derive(Debug)]
pub(crate) struct Lot {
    door: Door,
    server: u32,
    sender: mpsc::UnboundedSender<Told>,
    told: mpsc::UnboundedReceiver<Told>,
    waiting: JoinSet<()>,
    put_off: Arc<PutOff>,
}

impl Lot {
    pub(crate) fn new(door: Door, server: u32) -> Self {
        let (sender, told) = mpsc::unbounded_channel();
        Self { door, server, sender, told, waiting: JoinSet::new(), put_off: Arc::default() }
    }

    /// Pings that were put off before they waited.
    pub(crate) fn put_off(&self) -> &PutOff {
        &self.put_off
    }

    /// These phones connect, `at_once` at a time, log in and begin to wait. It returns when everybody was let in.
    pub(crate) async fn enter(
        &mut self,
        phones: impl IntoIterator<Item = (usize, Identity)>,
        at_once: usize,
    ) -> anyhow::Result<Arrival> {
        let gate = Arc::new(Semaphore::new(at_once));
        let mut entering = JoinSet::new();
        let began = now();
        for (number, identity) in phones {
            let (gate, door) = (Arc::clone(&gate), self.door.clone());
            entering.spawn(async move {
                let _turn = gate.acquire_owned().await?;
                let mut phone = Phone::connect(&door, number, identity).await?;
                let sent_away = log_in(&door, number, &mut phone).await?;
                let took = now() - began;
                let request = phone.identity.request(Command::Ping, &ping_inbox());
                phone.line.send(&request).await?;
                anyhow::Ok((number, phone, sent_away, took))
            });
        }
        let mut arrival = Arrival::default();
        while let Some(entered) = entering.join_next().await {
            let (number, phone, sent_away, took) = entered.context("a phone broke")??;
            arrival.times.record(took);
            arrival.sent_away += sent_away;
            self.wait(number, Box::new(phone));
        }
        Ok(arrival)
    }

    fn wait(&mut self, number: usize, mut phone: Box<Phone>) {
        let (sender, door, put_off) = (self.sender.clone(), self.door.clone(), Arc::clone(&self.put_off));
        self.waiting.spawn(async move {
            let answer = told_status(&door, number, &mut phone, &put_off).await.map(|status| (phone, status));
            // Nobody listens any more at the end of the work.
            let _ = sender.send(Told { number, at: now(), answer });
        });
    }

    /// Waits until the server rests and every phone waits, also those whose Ping was put off. Phones that had something
    /// to fetch fetch it and wait again; which ones.
    pub(crate) async fn settle(&mut self) -> anyhow::Result<BTreeSet<usize>> {
        let mut fetched = BTreeSet::new();
        let until = now() + REST_MAX;
        loop {
            while self.put_off.away() > 0 {
                ensure!(now() < until, "{} phones are still put off", self.put_off.away());
                tokio::time::sleep(LOOK_EVERY).await;
            }
            at_rest(self.server, REST_MAX).await?;
            let mut some = self.put_off.away() > 0;
            while let Ok(told) = self.told.try_recv() {
                some = true;
                let number = told.number;
                let phone = told.changed()?;
                ensure!(fetched.insert(number), "phone {number} is told again what it has fetched");
                let phone = fetch(&self.door, number, phone, &self.put_off).await?;
                self.wait(number, phone);
            }
            if !some {
                return Ok(fetched);
            }
        }
    }

    /// Waits until exactly these phones are told that there is something new; when each was.
    pub(crate) async fn told(&mut self, numbers: &BTreeSet<usize>) -> anyhow::Result<BTreeMap<usize, Instant>> {
        let mut told = BTreeMap::new();
        while told.len() < numbers.len() {
            let next = tokio::time::timeout(PATIENCE, self.told.recv()).await;
            let Ok(Some(one)) = next else {
                let missing = numbers.iter().find(|number| !told.contains_key(*number));
                bail!("phone {missing:?} was not told of its mail: its Ping is lost");
            };
            let (number, at) = (one.number, one.at);
            one.changed()?;
            ensure!(numbers.contains(&number), "phone {number} is told of mail that it has not got");
            ensure!(told.insert(number, at).is_none(), "phone {number} is told twice");
        }
        Ok(told)
    }

    /// Waits until each of these phones is told; whoever was fetches its mail, so many at a time, and waits again. The phones
    /// whose Ping was lost, and how.
    pub(crate) async fn prove(
        &mut self,
        numbers: &BTreeSet<usize>,
        at_once: usize,
    ) -> anyhow::Result<BTreeMap<usize, String>> {
        let (mut missing, mut lost) = (numbers.clone(), BTreeMap::new());
        let (gate, mut fetching) = (Arc::new(Semaphore::new(at_once)), JoinSet::new());
        while !missing.is_empty() {
            let Ok(Some(told)) = tokio::time::timeout(PATIENCE, self.told.recv()).await else {
                lost.extend(missing.into_iter().map(|number| (number, "it was never told of its mail".to_owned())));
                break;
            };
            let number = told.number;
            missing.remove(&number);
            match told.changed() {
                Ok(phone) => {
                    let (gate, door, put_off) = (Arc::clone(&gate), self.door.clone(), Arc::clone(&self.put_off));
                    fetching.spawn(async move {
                        let _turn = gate.acquire_owned().await?;
                        fetch(&door, number, phone, &put_off).await.map(|phone| (number, phone))
                    });
                }
                Err(error) => drop(lost.insert(number, format!("{error:#}"))),
            }
        }
        while let Some(fetched) = fetching.join_next().await {
            let (number, phone) = fetched.context("a phone broke")??;
            self.wait(number, phone);
        }
        Ok(lost)
    }

    /// Everybody's connection is gone at once.
    pub(crate) async fn scatter(&mut self) {
        self.waiting.shutdown().await;
        while self.told.try_recv().is_ok() {}
    }

    /// Whether nobody was answered whom nobody meant.
    pub(crate) fn quiet(&mut self) -> anyhow::Result<()> {
        match self.told.try_recv() {
            Ok(told) => {
                let number = told.number;
                told.changed()?;
                bail!("phone {number} is told of mail that it has not got")
            }
            Err(_) => Ok(()),
        }
    }
}

impl Told {
    /// The phone, which was told that there is something new (Status 2).
    fn changed(self) -> anyhow::Result<Box<Phone>> {
        let number = self.number;
        let (phone, status) = self.answer.with_context(|| format!("phone {number} lost its Ping"))?;
        ensure!(status == "2", "the Ping of phone {number} was answered with Status {status}");
        Ok(phone)
    }
}

/// Fetches what is new and begins to wait again; later where it is put off, and over a new connection where the old one
/// is gone, which had to wait for its turn for too long.
async fn fetch(door: &Door, number: usize, mut phone: Box<Phone>, put_off: &PutOff) -> anyhow::Result<Box<Phone>> {
    let mut key = "0".to_owned();
    loop {
        let request = phone.identity.request(Command::Sync, &INBOX.since(&key));
        let answer = put_off.ask(door, number, &mut phone, &request).await;
        let answer = answer.with_context(|| format!("Sync of {}", phone.identity.user))?;
        ensure!(answer.code == 200, "Sync of {} was answered with {}", phone.identity.user, answer.code);
        if answer.body.is_empty() {
            break;
        }
        let (synced, begins) = (Synced::read(&answer.body)?, key == "0");
        key = synced.key;
        if !begins && !synced.more {
            break;
        }
    }
    let request = phone.identity.request(Command::Ping, &ping_inbox());
    put_off.send(door, number, &mut phone, &request).await?;
    Ok(phone)
}

async fn told_status(door: &Door, number: usize, phone: &mut Phone, put_off: &PutOff) -> anyhow::Result<String> {
    let request = phone.identity.request(Command::Ping, &ping_inbox());
    let answer = put_off.heed(door, number, phone, &request).await?;
    ensure!(answer.code == 200, "Ping was answered with {}", answer.code);
    text_in(&answer.body, &[ping::STATUS])
}

/// OPTIONS, again as often as the server says that it is busy, over a new connection, since none is kept open for so
/// long that nobody has logged in on; how often that was.
async fn log_in(door: &Door, number: usize, phone: &mut Phone) -> anyhow::Result<u64> {
    let request = phone.identity.options();
    for sent_away in 0..ATTEMPTS {
        let answer = phone.line.exchange(&request).await?;
        match (answer.code, answer.retry_after) {
            (200, _) => return Ok(sent_away.into()),
            (503, Some(secs)) => {
                tokio::time::sleep(Duration::from_secs(secs)).await;
                phone.line = door.connect(number).await?;
            }
            (code, _) => bail!("the login of {} was answered with {code}", phone.identity.user),
        }
    }
    bail!("{} is sent away again and again", phone.identity.user)
}
