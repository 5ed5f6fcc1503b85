//! The threads on which the commands run.
//!
//! A fixed number of threads takes jobs from a queue with an end, in which users take turns, those first who ask for
//! less; only another look at a request that waits finds room there in any case, since there are no more of those than
//! connections. A job that must wait for a slow client says so ([`Workers::waiting`]); a thread more is started for the
//! time being, so that slow clients do not stop the others. Of those that wait so there are never so many that threads
//! run out for those who do not.

mod costs;
mod queue;
mod waiting_room;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::ServerError;
pub(crate) use queue::Party;
use queue::{Queue, Turn};
pub(crate) use waiting_room::Waiter;
use waiting_room::WaitingRoom;

/// How much less urgent than the others the threads are (nice): with 5 they get a third of a processor's time that one of
/// these wants as well.
const NICE: i32 = 5;

type Job = Box<dyn FnOnce(Fate) + Send>;

/// What becomes of a job that was queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It makes room for another one.
    Displaced,
    /// It is done.
    Done,
}

/// The queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

#[derive(Debug)]
pub(crate) struct Workers {
    crew: Arc<Crew>,
    /// Jobs in the queue, those excepted that find room in any case.
    queue_most: usize,
}

struct Crew {
    queue: Queue<Job>,
    count: Mutex<Count>,
    room: WaitingRoom,
    /// Threads that do not wait for a client.
    wanted: usize,
    /// Threads in all.
    most: usize,
}

impl std::fmt::Debug for Crew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crew").field("count", &self.count).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Count {
    threads: usize,
    waiting: usize,
}

thread_local! {
    /// What this thread is at.
    static AT_WORK: Cell<Option<Turn>> = const { Cell::new(None) };
}

impl Workers {
    /// Starts the threads, `wanted` of them; they end when the value is dropped and the queue is done. Beside them, so
    /// many jobs may wait for their clients.
    pub(crate) fn start(wanted: usize, waiting: usize, queue: usize) -> Result<Self, ServerError> {
        let wanted = wanted.max(1);
        let (room, most) = (WaitingRoom::new(waiting), wanted.saturating_add(waiting));
        let crew = Arc::new(Crew { queue: Queue::new(wanted), count: Mutex::default(), room, wanted, most });
        let workers = Self { crew, queue_most: queue.max(1) };
        for _ in 0..wanted {
            workers.crew.count().threads += 1;
            workers.crew.hire().map_err(ServerError::Thread)?;
        }
        Ok(workers)
    }

    /// Queues a job of somebody. When the queue is full, a job of whoever has the most in it hears that it is displaced,
    /// at once and on this thread: this one, if nobody has more.
    pub(crate) fn submit(&self, party: Party, job: impl FnOnce(Fate) + Send + 'static) {
        if let Err(displaced) = self.crew.queue.add(party, Box::new(job), self.queue_most) {
            displaced(Fate::Displaced);
        }
    }

    /// Queues a job of somebody behind their others, however many there are.
    pub(crate) fn submit_anyway(&self, party: Party, job: impl FnOnce(Fate) + Send + 'static) {
        self.crew.queue.add_anyway(party, Box::new(job));
    }

    /// Runs `wait`, which blocks until a client has done something, on a worker. It gives up when it has to go for
    /// another one ([`Waiter::displaced`]).
    pub(crate) fn waiting<T>(&self, wait: impl FnOnce(&Waiter<'_>) -> T) -> T {
        let turn = AT_WORK.get();
        let waiter = self.crew.room.enter(turn.and_then(|turn| turn.party));
        let short = {
            let mut count = self.crew.count();
            count.waiting += 1;
            let short = count.threads - count.waiting < self.crew.wanted && count.threads < self.crew.most;
            count.threads += usize::from(short);
            short
        };
        if let Some(turn) = turn {
            self.crew.queue.rest(turn);
        }
        if short && let Err(error) = self.crew.hire() {
            tracing::warn!(%error, "a thread for commands cannot be started");
        }
        let result = wait(&waiter);
        drop(waiter);
        if let Some(turn) = turn {
            self.crew.queue.begin_again(turn);
        }
        self.crew.count().waiting -= 1;
        result
    }

    /// How many jobs gave up waiting for their clients, for others that had to wait.
    pub(crate) fn displaced(&self) -> u64 {
        self.crew.room.displaced()
    }

    /// Threads, and how many of them wait for a client.
    #[cfg(test)]
    fn threads(&self) -> (usize, usize) {
        let count = self.crew.count();
        (count.threads, count.waiting)
    }
}

impl Crew {
    fn count(&self) -> std::sync::MutexGuard<'_, Count> {
        self.count.lock().expect("no holder of this lock panics")
    }

    /// Starts a thread that was counted already.
    fn hire(self: &Arc<Self>) -> std::io::Result<()> {
        let crew = Arc::clone(self);
        let hired = thread::Builder::new().name("command".to_owned()).spawn(move || {
            give_way();
            crew.work();
        });
        if hired.is_err() {
            self.count().threads -= 1;
        }
        hired.map(drop)
    }

    fn work(&self) {
        while let Some((turn, job)) = self.queue.take() {
            AT_WORK.set(Some(turn));
            let began = processor_time();
            if catch_unwind(AssertUnwindSafe(|| job(Fate::Done))).is_err() {
                tracing::error!("a job panicked outside of its command");
            }
            self.queue.end(turn, processor_time().saturating_sub(began));
            let mut count = self.count();
            if count.threads - count.waiting > self.wanted {
                count.threads -= 1;
                drop(count);
                self.queue.depart();
                return;
            }
        }
        self.count().threads -= 1;
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.crew.queue.close();
    }
}

/// This thread gives way to those that read requests, answer them and commit, of which each serves everybody.
fn give_way() {
    // Nobody is refused to become less urgent; where that cannot be, it is as urgent as the others.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "a thread for commands does not give way");
    }
}

/// What this thread has had of a processor so far.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use easel_store::UserId;

    use super::*;

    #[test]
    fn a_full_queue_refuses() {
        let workers = Workers::start(1, 1, 2).unwrap();
        let (busy, is_busy) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        workers.submit(None, move |_| {
            busy.send(()).unwrap();
            released.recv().unwrap();
        });
        is_busy.recv().unwrap();
        let (say, said) = mpsc::channel();
        let job = |name: &'static str| {
            let say = say.clone();
            move |fate| say.send((name, fate)).unwrap()
        };
        workers.submit(None, job("one"));
        workers.submit(None, job("two"));
        workers.submit(None, job("three"));
        assert_eq!(said.try_recv(), Ok(("three", Fate::Displaced)));
        workers.submit_anyway(None, job("look"));
        workers.submit(None, job("four"));
        assert_eq!(said.try_recv(), Ok(("four", Fate::Displaced)), "a look takes nobody's room");
        workers.submit(Some(UserId(7)), job("of another"));
        assert_eq!(said.try_recv(), Ok(("two", Fate::Displaced)), "who fills the queue makes room");
        release.send(()).unwrap();
        let mut done: Vec<_> = (0..3).map(|_| said.recv().unwrap()).collect();
        done.sort_unstable_by_key(|(name, _)| *name);
        assert_eq!(done, [("look", Fate::Done), ("of another", Fate::Done), ("one", Fate::Done)]);
        workers.submit(None, job("five"));
        assert_eq!(said.recv(), Ok(("five", Fate::Done)));
    }

    #[test]
    fn a_panic_costs_its_job_only() {
        let workers = Workers::start(1, 1, 8).unwrap();
        let (done, is_done) = mpsc::channel();
        workers.submit(None, |_| panic!("on purpose"));
        workers.submit(None, move |_| done.send(()).unwrap());
        is_done.recv().unwrap();
    }

    #[test]
    fn slow_clients_do_not_stop_the_others_and_the_bound_holds() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let workers = Arc::new(Workers::start(1, 2, 8).unwrap());
        let (waits, is_waiting) = mpsc::channel();
        let (gone, has_gone) = mpsc::channel();
        let (release, released) = tokio::sync::watch::channel(false);
        for number in 0..4 {
            let (here, waits, gone, handle) =
                (Arc::clone(&workers), waits.clone(), gone.clone(), runtime.handle().clone());
            let mut released = released.clone();
            let wait = move |waiter: &Waiter<'_>| {
                waits.send(()).unwrap();
                let waiting = async {
                    tokio::select! {
                        () = waiter.displaced() => gone.send(number).unwrap(),
                        released = released.wait_for(|released| *released) => drop(released.unwrap()),
                    }
                };
                handle.block_on(waiting);
            };
            workers.submit(Some(UserId(7)), move |_| here.waiting(wait));
            is_waiting.recv().unwrap();
        }
        assert_eq!([has_gone.recv().unwrap(), has_gone.recv().unwrap()], [0, 1], "the oldest, for who came later");
        assert_eq!(workers.displaced(), 2);
        let (done, is_done) = mpsc::channel();
        workers.submit(None, move |_| done.send(()).unwrap());
        is_done.recv().unwrap();
        assert!(workers.threads().0 <= 3, "the bound holds: {:?}", workers.threads());
        release.send_replace(true);
        while workers.threads() != (1, 0) {
            thread::yield_now();
        }
        assert_eq!(workers.displaced(), 2, "nobody else had to go");
    }

    #[test]
    fn another_user_waits_for_no_thread_while_one_has_more_jobs_than_there_are_threads() {
        let workers = Workers::start(8, 1, 100).unwrap();
        let (begun, has_begun) = mpsc::channel();
        let (release, released) = crossbeam_channel::unbounded::<()>();
        for _ in 0..50 {
            let (begun, released) = (begun.clone(), released.clone());
            let job = move |_| {
                begun.send(()).unwrap();
                released.recv().unwrap();
            };
            workers.submit(Some(UserId(1)), job);
        }
        has_begun.recv().unwrap();
        let (done, is_done) = mpsc::channel();
        workers.submit(Some(UserId(2)), move |_| done.send(()).unwrap());
        is_done.recv().unwrap();
        assert_eq!(
            has_begun.try_recv(),
            Err(mpsc::TryRecvError::Empty),
            "one of eight threads is all that one has of whom nothing is known"
        );
        (0..50).for_each(|_| release.send(()).unwrap());
        (0..49).for_each(|_| has_begun.recv().unwrap());
    }
}
