//! The answers up to a kill, and the moment of it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// When the server is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// When so many answers have arrived at phones and at the postman.
    Answers(usize),
    /// So many milliseconds after everybody began.
    Millis(u64),
    /// So many milliseconds after a verb, an import or a swap of packs, was answered.
    Verb(u64),
}

impl Moment {
    /// Fewer answers than this.
    const ANSWERS_MAX: usize = 40;

    /// Most moments are numbers of answers; one in four is any time, one in ten soon after a verb.
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        match random.random_range(0..20) {
            0..5 => Self::Millis(random.random_range(0..400)),
            5 | 6 => Self::Verb(random.random_range(0..60)),
            _ => Self::Answers(random.random_range(0..Self::ANSWERS_MAX)),
        }
    }
}

/// Waits so long.
pub(crate) fn wait(millis: u64) {
    let (_silent, silence) = mpsc::channel::<()>();
    silence.recv_timeout(Duration::from_millis(millis)).unwrap_err();
}

/// Counts the answers up to the kill.
pub(crate) struct Answers {
    read_max: usize,
    count: AtomicUsize,
    told: Sender<()>,
    verb_told: Sender<()>,
    over: AtomicBool,
}

/// Hears of the answers.
pub(crate) struct Arrivals {
    answers: Receiver<()>,
    verbs: Receiver<()>,
}

impl Answers {
    pub(crate) fn until(moment: Moment) -> (Self, Arrivals) {
        let read_max = match moment {
            Moment::Answers(after) => after,
            Moment::Millis(_) | Moment::Verb(_) => usize::MAX,
        };
        let (told, answers) = mpsc::channel();
        let (verb_told, verbs) = mpsc::channel();
        let counted = Self { read_max, count: AtomicUsize::new(0), told, verb_told, over: AtomicBool::new(false) };
        (counted, Arrivals { answers, verbs })
    }

    /// One has arrived; whether it is among those before the kill.
    pub(crate) fn arrived(&self) -> bool {
        self.told.send(()).unwrap();
        self.count.fetch_add(1, Ordering::Relaxed) < self.read_max
    }

    /// A verb was answered.
    pub(crate) fn verb_arrived(&self) {
        self.verb_told.send(()).unwrap();
    }

    /// Whether nothing new is to be begun. A verb that is begun without a server does its work by itself.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

impl Arrivals {
    /// Waits for the moment.
    pub(crate) fn wait_for(&self, moment: Moment) {
        let answer = |of: &Receiver<()>| of.recv_timeout(PATIENCE).expect("the server answers until it is killed");
        match moment {
            Moment::Answers(after) => (0..after).for_each(|_| answer(&self.answers)),
            Moment::Millis(millis) => wait(millis),
            Moment::Verb(millis) => {
                answer(&self.verbs);
                wait(millis);
            }
        }
    }
}
