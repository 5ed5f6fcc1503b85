//! The answers up to a kill, and the moment of it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use rand::Rng as _;
use rand::rngs::StdRng;

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// When the server is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// When so many answers have arrived at phones and at the postman.
    Answers(usize),
    /// So many milliseconds after an import was answered.
    Import(u64),
    /// So many milliseconds after everybody began.
    Millis(u64),
    /// So many milliseconds after a swap of packs was answered.
    Swap(u64),
}

impl Moment {
    /// Fewer answers than this.
    const ANSWERS_MAX: usize = 40;

    /// Each tenth comes after a swap, which takes longer than all else; of the others most are numbers of answers.
    pub(crate) fn of(kill: u64, random: &mut StdRng) -> Self {
        if kill % 10 == 9 {
            return Self::Swap(random.random_range(0..60));
        }
        match random.random_range(0..18) {
            0 => Self::Import(random.random_range(0..60)),
            1..6 => Self::Millis(random.random_range(0..400)),
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
    import_told: Sender<()>,
    swap_told: Sender<()>,
    over: AtomicBool,
}

/// Hears of the answers.
pub(crate) struct Arrivals {
    answers: Receiver<()>,
    imports: Receiver<()>,
    swaps: Receiver<()>,
}

impl Answers {
    pub(crate) fn until(moment: Moment) -> (Self, Arrivals) {
        let read_max = match moment {
            Moment::Answers(after) => after,
            Moment::Import(_) | Moment::Millis(_) | Moment::Swap(_) => usize::MAX,
        };
        let (told, answers) = mpsc::channel();
        let (import_told, imports) = mpsc::channel();
        let (swap_told, swaps) = mpsc::channel();
        let (count, over) = (AtomicUsize::new(0), AtomicBool::new(false));
        (Self { read_max, count, told, import_told, swap_told, over }, Arrivals { answers, imports, swaps })
    }

    /// One has arrived; whether it is among those before the kill.
    pub(crate) fn arrived(&self) -> bool {
        self.told.send(()).unwrap();
        self.count.fetch_add(1, Ordering::Relaxed) < self.read_max
    }

    /// An import was answered.
    pub(crate) fn import_arrived(&self) {
        self.import_told.send(()).unwrap();
    }

    /// A swap of packs was answered.
    pub(crate) fn swap_arrived(&self) {
        self.swap_told.send(()).unwrap();
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
            Moment::Import(millis) => {
                answer(&self.imports);
                wait(millis);
            }
            Moment::Swap(millis) => {
                answer(&self.swaps);
                wait(millis);
            }
        }
    }
}
