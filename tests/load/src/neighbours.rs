//! Phones of other users, who want nothing but their mail while somebody else asks for too much: what they notice of it.
//!
//! They live on a thread of their own, so that what is measured is not how busy the load program is. Half of them keep
//! their connection; the others come with a new one each time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use easel_protocol::Command;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::now;
use crate::histogram::Histogram;
use crate::http::Answer;
use crate::lmtp::Postman;
use crate::phone::{Door, INBOX, Identity, Line, Phone};
use crate::process::memory;
use crate::sample::mail::short_mail;
use crate::scan::Synced;
use crate::seed::{MAILS_EACH, address, syncer};
use crate::tally::Tally;

/// How often somebody gets a mail.
const MAIL_EVERY: Duration = Duration::from_millis(250);
/// How often the server's memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The longest that a phone heeds Retry-After: it is to be seen often enough.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long a phone waits that got no answer.
const PAUSE: Duration = Duration::from_millis(200);
/// How often a phone asks for what is left at the end.
const LAST_ASKS: usize = 100;

/// What the neighbours saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Requests over a connection that is kept.
    pub(crate) kept: Histogram,
    /// Connection, handshake and request.
    pub(crate) fresh: Histogram,
    /// Mails on their way in: LMTP from connecting to the last reply.
    pub(crate) lmtp: Histogram,
    pub(crate) tally: Tally,
    /// Mails that came.
    pub(crate) mails: u64,
    /// Answers that no overload excuses.
    pub(crate) wrong: Vec<String>,
    /// The most memory of the server's own (RssAnon).
    pub(crate) own_peak: u64,
}

/// What they see, and what they wait for.
#[derive(Debug, Default)]
struct Window {
    seen: Mutex<Seen>,
    /// Who waits for an answer: since when, and whether with a new connection.
    under_way: Mutex<BTreeMap<usize, (Instant, bool)>>,
}

impl Window {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("no holder of this lock panics")
    }

    fn under_way(&self) -> MutexGuard<'_, BTreeMap<usize, (Instant, bool)>> {
        self.under_way.lock().expect("no holder of this lock panics")
    }
}

impl Seen {
    fn record(&mut self, took: Duration, is_fresh: bool) {
        if is_fresh { self.fresh.record(took) } else { self.kept.record(took) }
    }
}

/// Who they are, and where they ask.
#[derive(Clone, Debug)]
pub(crate) struct Street {
    pub(crate) door: Door,
    pub(crate) lmtp: PathBuf,
    pub(crate) server: u32,
    /// How many.
    pub(crate) count: usize,
    /// How often each asks.
    pub(crate) pace: Duration,
}

/// Phones at work, until they leave.
#[derive(Debug)]
pub(crate) struct Neighbours {
    window: Arc<Window>,
    over: watch::Sender<bool>,
    gone: oneshot::Receiver<anyhow::Result<()>>,
}

impl Neighbours {
    /// Returns when everybody has synchronised.
    pub(crate) async fn move_in(street: Street) -> anyhow::Result<Self> {
        let window = Arc::new(Window::default());
        let (over, is_over) = watch::channel(false);
        let (ready, is_ready) = oneshot::channel();
        let (leaving, gone) = oneshot::channel();
        let theirs = Arc::clone(&window);
        thread::Builder::new().name("neighbours".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let lived = runtime.map_err(anyhow::Error::from);
            let lived = lived.and_then(|runtime| runtime.block_on(live(street, &theirs, is_over, ready)));
            // Whoever asked may have failed itself.
            let _ = leaving.send(lived);
        })?;
        let neighbours = Self { window, over, gone };
        if is_ready.await.is_ok() {
            return Ok(neighbours);
        }
        neighbours.gone.await.context("the neighbours broke")?.context("the neighbours")?;
        bail!("the neighbours never came")
    }

    /// What they saw since it was asked last. Who waits for an answer longer than `patience` has waited at least so long,
    /// and is not answered.
    pub(crate) fn take(&self, patience: Duration) -> Seen {
        let mut seen = std::mem::take(&mut *self.window.seen());
        let at = now();
        for (since, is_fresh) in self.window.under_way().values() {
            let waited = at - *since;
            if waited > patience {
                seen.record(waited, *is_fresh);
                seen.tally.unanswered += 1;
            }
        }
        seen
    }

    /// They fetch what is left. `Err` when somebody did not get exactly the mails that were delivered.
    pub(crate) async fn leave(self) -> anyhow::Result<()> {
        self.over.send_replace(true);
        self.gone.await.context("the neighbours broke")?
    }
}

async fn live(
    street: Street,
    window: &Arc<Window>,
    over: watch::Receiver<bool>,
    ready: oneshot::Sender<()>,
) -> anyhow::Result<()> {
    let mut moving = JoinSet::new();
    for number in 0..street.count {
        moving.spawn(Neighbour::move_in(street.door.clone(), number, Arc::clone(window)));
    }
    let mut neighbours = moving.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    neighbours.sort_by_key(|neighbour| neighbour.number);
    ensure!(!neighbours.is_empty(), "there are no neighbours");
    // Nobody is there any more who could have failed meanwhile.
    let _ = ready.send(());
    let looking = tokio::spawn(look(street.server, Arc::clone(window), over.clone()));
    let (done, is_done) = watch::channel(false);
    let mut living = JoinSet::new();
    for neighbour in neighbours {
        living.spawn(neighbour.live(street.pace, street.count, is_done.clone()));
    }
    let delivered = deliver(&street, window, over).await;
    done.send_replace(true);
    let mut came: Vec<(usize, u64)> = living.join_all().await.into_iter().collect::<anyhow::Result<_>>()?;
    came.sort_unstable();
    looking.await.context("nobody looked")??;
    for ((number, came), (least, most)) in came.into_iter().zip(delivered) {
        ensure!((least..=most).contains(&came), "neighbour {number} got {came} mails, of {least} to {most}");
    }
    Ok(())
}

/// Mails for one after the other, until it is over; how many each got, at least and at most: of one whose replies did not
/// come, nobody knows.
async fn deliver(street: &Street, window: &Window, over: watch::Receiver<bool>) -> Vec<(u64, u64)> {
    let mut sent = vec![(0, 0); street.count];
    let mut ticks = interval(MAIL_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in (0..street.count).cycle() {
        ticks.tick().await;
        if *over.borrow() {
            break;
        }
        let start = now();
        let delivered = hand_over(street, number).await;
        let mut seen = window.seen();
        sent[number].1 += 1;
        match delivered {
            Ok(()) => {
                sent[number].0 += 1;
                seen.lmtp.record(now() - start);
            }
            Err(error) => seen.wrong.push(format!("a mail for neighbour {number}: {error:#}")),
        }
    }
    sent
}

async fn hand_over(street: &Street, number: usize) -> anyhow::Result<()> {
    let to = address(&syncer(number).user);
    let mut postman = Postman::connect(&street.lmtp).await?;
    postman.address(std::slice::from_ref(&to)).await?;
    postman.hand_over(&short_mail(number as u64, &to).raw).await?;
    postman.delivered().await
}

async fn look(server: u32, window: Arc<Window>, over: watch::Receiver<bool>) -> anyhow::Result<()> {
    let mut ticks = interval(LOOK_EVERY);
    while !*over.borrow() {
        ticks.tick().await;
        let own = memory(server)?.own;
        let mut seen = window.seen();
        seen.own_peak = seen.own_peak.max(own);
    }
    Ok(())
}

/// One phone.
struct Neighbour {
    door: Door,
    number: usize,
    identity: Identity,
    /// `None` when it comes with a new one next.
    line: Option<Line>,
    key: String,
    /// Mails that came since it moved in.
    came: u64,
    window: Arc<Window>,
}

impl Neighbour {
    async fn move_in(door: Door, number: usize, window: Arc<Window>) -> anyhow::Result<Self> {
        let mut phone = Phone::connect(&door, number, syncer(number)).await?;
        let brought = phone.synchronise(&INBOX).await?;
        ensure!(brought.items.len() as u64 >= MAILS_EACH, "{} mails came of {MAILS_EACH}", brought.items.len());
        let Phone { identity, line } = phone;
        Ok(Self { door, number, identity, line: Some(line), key: brought.key, came: 0, window })
    }

    /// Asks at its pace until it is over, then once more for what is left; how many mails came.
    async fn live(mut self, pace: Duration, count: usize, over: watch::Receiver<bool>) -> anyhow::Result<(usize, u64)> {
        tokio::time::sleep(pace * u32::try_from(self.number).unwrap_or(0) / u32::try_from(count).unwrap_or(1)).await;
        let mut ticks = interval(pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !*over.borrow() {
            ticks.tick().await;
            let pause = self.turn().await;
            tokio::time::sleep(pause).await;
        }
        for _ in 0..LAST_ASKS {
            let before = self.came;
            if let Ok(answer) = self.ask().await
                && answer.code == 200
                && self.read(&answer).is_ok()
                && self.came == before
            {
                return Ok((self.number, self.came));
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("neighbour {} is never served again", self.number)
    }

    /// Asks once; how long to wait then.
    async fn turn(&mut self) -> Duration {
        let (start, is_fresh) = (now(), self.line.is_none());
        self.window.under_way().insert(self.number, (start, is_fresh));
        let answer = self.ask().await;
        self.window.under_way().remove(&self.number);
        let came = self.came;
        let read = match &answer {
            Ok(answer) if answer.code == 200 => self.read(answer),
            Ok(_) | Err(_) => Ok(()),
        };
        self.note(&answer, is_fresh, start, came, read.err());
        match answer {
            Ok(Answer { code: 200, .. }) => Duration::ZERO,
            Ok(Answer { retry_after: Some(secs), .. }) => Duration::from_secs(secs).min(PAUSE_MAX),
            Ok(_) | Err(_) => PAUSE,
        }
    }

    fn note(
        &self,
        answer: &anyhow::Result<Answer>,
        is_fresh: bool,
        start: Instant,
        came: u64,
        wrong: Option<anyhow::Error>,
    ) {
        let took = now() - start;
        let mut seen = self.window.seen();
        seen.tally.count(answer);
        seen.mails += self.came - came;
        if matches!(answer, Ok(answer) if answer.code == 200) {
            seen.record(took, is_fresh);
        }
        seen.wrong.extend(wrong.map(|wrong| format!("neighbour {}: {wrong:#}", self.number)));
    }

    async fn ask(&mut self) -> anyhow::Result<Answer> {
        let mut line = match self.line.take() {
            Some(line) => line,
            None => self.door.connect(self.number).await?,
        };
        let answer = line.exchange(&self.identity.request(Command::Sync, &INBOX.since(&self.key))).await?;
        let keeps = self.number.is_multiple_of(2);
        self.line = (keeps && !answer.closes).then_some(line);
        Ok(answer)
    }

    /// What a Sync brought: nothing, or mails that came.
    fn read(&mut self, answer: &Answer) -> anyhow::Result<()> {
        if answer.body.is_empty() {
            return Ok(());
        }
        let synced = Synced::read(&answer.body)?;
        ensure!(synced.others == 0, "a mailbox that only gets mail brings something else than Add");
        self.came += synced.added.len() as u64;
        self.key = synced.key;
        Ok(())
    }
}
