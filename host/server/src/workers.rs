//! The threads on which the commands run.
//!
//! A fixed number of threads takes jobs from a queue with an end, in which users take turns; only another look at a request
//! that waits finds room there in any case, since there are no more of those than connections. A job that must wait for a
//! slow client says so ([`Workers::waiting`]); a thread more is started for the time being, so that slow clients do not
//! stop the others.

mod queue;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::ServerError;
pub(crate) use queue::Party;
use queue::Queue;

type Job = Box<dyn FnOnce() + Send>;

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
    /// For whom this thread works.
    static AT_WORK_FOR: Cell<Option<Party>> = const { Cell::new(None) };
}

impl Workers {
    /// Starts the threads; they end when the value is dropped and the queue is done.
    pub(crate) fn start(wanted: usize, most: usize, queue: usize) -> Result<Self, ServerError> {
        let wanted = wanted.max(1);
        let crew =
            Arc::new(Crew { queue: Queue::new(wanted), count: Mutex::default(), wanted, most: most.max(wanted) });
        let workers = Self { crew, queue_most: queue.max(1) };
        for _ in 0..wanted {
            workers.crew.count().threads += 1;
            workers.crew.hire().map_err(ServerError::Thread)?;
        }
        Ok(workers)
    }

    /// Queues a job of somebody, if there is room.
    pub(crate) fn submit(&self, party: Party, job: impl FnOnce() + Send + 'static) -> Result<(), Busy> {
        self.crew.queue.add(party, Box::new(job), self.queue_most).map_err(|_| Busy)
    }

    /// Queues a job of somebody behind their others, however many there are.
    pub(crate) fn submit_anyway(&self, party: Party, job: impl FnOnce() + Send + 'static) {
        self.crew.queue.add_anyway(party, Box::new(job));
    }

    /// Runs `wait`, which blocks until a client has done something, on a worker.
    pub(crate) fn waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        let party = AT_WORK_FOR.get();
        let short = {
            let mut count = self.crew.count();
            count.waiting += 1;
            let short = count.threads - count.waiting < self.crew.wanted && count.threads < self.crew.most;
            count.threads += usize::from(short);
            short
        };
        if let Some(party) = party {
            self.crew.queue.rest(party);
        }
        if short && let Err(error) = self.crew.hire() {
            tracing::warn!(%error, "a thread for commands cannot be started");
        }
        let result = wait();
        if let Some(party) = party {
            self.crew.queue.begin_again(party);
        }
        self.crew.count().waiting -= 1;
        result
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
        let hired = thread::Builder::new().name("command".to_owned()).spawn(move || crew.work());
        if hired.is_err() {
            self.count().threads -= 1;
        }
        hired.map(drop)
    }

    fn work(&self) {
        while let Some((party, job)) = self.queue.take() {
            AT_WORK_FOR.set(Some(party));
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("a job panicked outside of its command");
            }
            self.queue.end(party);
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
        workers
            .submit(None, move || {
                busy.send(()).unwrap();
                released.recv().unwrap();
            })
            .unwrap();
        is_busy.recv().unwrap();
        let (done, all_done) = mpsc::channel();
        for _ in 0..2 {
            let done = done.clone();
            workers.submit(None, move || done.send(()).unwrap()).unwrap();
        }
        assert_eq!(workers.submit(None, || {}), Err(Busy));
        let told = done.clone();
        workers.submit_anyway(None, move || told.send(()).unwrap());
        assert_eq!(workers.submit(None, || {}), Err(Busy), "it takes nobody's room");
        release.send(()).unwrap();
        for _ in 0..3 {
            all_done.recv().unwrap();
        }
        workers.submit(None, move || done.send(()).unwrap()).unwrap();
        all_done.recv().unwrap();
    }

    #[test]
    fn a_panic_costs_its_job_only() {
        let workers = Workers::start(1, 1, 8).unwrap();
        let (done, is_done) = mpsc::channel();
        workers.submit(None, || panic!("on purpose")).unwrap();
        workers.submit(None, move || done.send(()).unwrap()).unwrap();
        is_done.recv().unwrap();
    }

    #[test]
    fn slow_clients_do_not_stop_the_others_and_the_bound_holds() {
        let workers = Arc::new(Workers::start(1, 3, 8).unwrap());
        let (waits, is_waiting) = mpsc::channel();
        let (release, released) = crossbeam_channel::unbounded::<()>();
        for _ in 0..3 {
            let (here, waits, released) = (Arc::clone(&workers), waits.clone(), released.clone());
            workers
                .submit(None, move || {
                    here.waiting(|| waits.send(()).is_ok() && released.recv().is_ok());
                })
                .unwrap();
            is_waiting.recv().unwrap();
        }
        assert_eq!(workers.threads(), (3, 3), "the bound is reached");
        let (done, is_done) = mpsc::channel();
        workers.submit(None, move || done.send(thread::current().id()).unwrap()).unwrap();
        assert_eq!(is_done.try_recv(), Err(mpsc::TryRecvError::Empty));
        for _ in 0..3 {
            release.send(()).unwrap();
        }
        is_done.recv().unwrap();
        while workers.threads() != (1, 0) {
            thread::yield_now();
        }
    }

    #[test]
    fn another_user_waits_for_no_thread_while_one_has_more_jobs_than_there_are_threads() {
        let workers = Workers::start(8, 8, 100).unwrap();
        let (begun, has_begun) = mpsc::channel();
        let (release, released) = crossbeam_channel::unbounded::<()>();
        for _ in 0..50 {
            let (begun, released) = (begun.clone(), released.clone());
            let job = move || {
                begun.send(()).unwrap();
                released.recv().unwrap();
            };
            workers.submit(Some(UserId(1)), job).unwrap();
        }
        has_begun.recv().unwrap();
        has_begun.recv().unwrap();
        let (done, is_done) = mpsc::channel();
        workers.submit(Some(UserId(2)), move || done.send(()).unwrap()).unwrap();
        is_done.recv().unwrap();
        assert_eq!(has_begun.try_recv(), Err(mpsc::TryRecvError::Empty), "two of eight threads are all that one has");
        (0..50).for_each(|_| release.send(()).unwrap());
        (0..48).for_each(|_| has_begun.recv().unwrap());
    }
}
