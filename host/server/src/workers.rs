//! The threads on which the commands run.
//!
//! A fixed number of threads takes jobs from a queue with an end; only another look at a request that waits finds room
//! there in any case, since there are no more of those than connections. A job that must wait for a slow client says so
//! ([`Workers::waiting`]); a thread more is started for the time being, so that slow clients do not stop the others.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crossbeam_channel::{Receiver, Sender};

use crate::ServerError;

type Job = Box<dyn FnOnce() + Send>;

/// The queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

#[derive(Debug)]
pub(crate) struct Workers {
    jobs: Sender<Job>,
    crew: Arc<Crew>,
    /// Jobs in the queue, those excepted that find room in any case.
    queued: Arc<AtomicUsize>,
    queue_most: usize,
}

#[derive(Debug)]
struct Crew {
    queue: Receiver<Job>,
    count: Mutex<Count>,
    /// Threads that do not wait for a client.
    wanted: usize,
    /// Threads in all.
    most: usize,
}

#[derive(Debug, Default)]
struct Count {
    threads: usize,
    waiting: usize,
}

impl Workers {
    /// Starts the threads; they end when the value is dropped and the queue is done.
    pub(crate) fn start(wanted: usize, most: usize, queue: usize) -> Result<Self, ServerError> {
        let wanted = wanted.max(1);
        let queue_most = queue.max(1);
        let (jobs, queue) = crossbeam_channel::unbounded();
        let crew = Arc::new(Crew { queue, count: Mutex::default(), wanted, most: most.max(wanted) });
        for _ in 0..wanted {
            crew.count().threads += 1;
            crew.hire().map_err(ServerError::Thread)?;
        }
        Ok(Self { jobs, crew, queued: Arc::default(), queue_most })
    }

    /// Queues a job, if there is room.
    pub(crate) fn submit(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Busy> {
        if self.queued.fetch_add(1, Ordering::Relaxed) >= self.queue_most {
            self.queued.fetch_sub(1, Ordering::Relaxed);
            return Err(Busy);
        }
        let queued = Arc::clone(&self.queued);
        self.submit_anyway(move || {
            queued.fetch_sub(1, Ordering::Relaxed);
            job();
        });
        Ok(())
    }

    /// Queues a job behind all others, however many they are.
    pub(crate) fn submit_anyway(&self, job: impl FnOnce() + Send + 'static) {
        self.jobs.send(Box::new(job)).expect("the crew has the other end");
    }

    /// Runs `wait`, which blocks until a client has done something, on a worker.
    pub(crate) fn waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        let short = {
            let mut count = self.crew.count();
            count.waiting += 1;
            let short = count.threads - count.waiting < self.crew.wanted && count.threads < self.crew.most;
            count.threads += usize::from(short);
            short
        };
        if short && let Err(error) = self.crew.hire() {
            tracing::warn!(%error, "a thread for commands cannot be started");
        }
        let result = wait();
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
        for job in &self.queue {
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("a job panicked outside of its command");
            }
            let mut count = self.count();
            if count.threads - count.waiting > self.wanted {
                count.threads -= 1;
                return;
            }
        }
        self.count().threads -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_full_queue_refuses() {
        let workers = Workers::start(1, 1, 2).unwrap();
        let (busy, is_busy) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        workers
            .submit(move || {
                busy.send(()).unwrap();
                released.recv().unwrap();
            })
            .unwrap();
        is_busy.recv().unwrap();
        let (done, all_done) = mpsc::channel();
        for _ in 0..2 {
            let done = done.clone();
            workers.submit(move || done.send(()).unwrap()).unwrap();
        }
        assert_eq!(workers.submit(|| {}), Err(Busy));
        let told = done.clone();
        workers.submit_anyway(move || told.send(()).unwrap());
        assert_eq!(workers.submit(|| {}), Err(Busy), "it takes nobody's room");
        release.send(()).unwrap();
        for _ in 0..3 {
            all_done.recv().unwrap();
        }
        workers.submit(move || done.send(()).unwrap()).unwrap();
        all_done.recv().unwrap();
    }

    #[test]
    fn a_panic_costs_its_job_only() {
        let workers = Workers::start(1, 1, 8).unwrap();
        let (done, is_done) = mpsc::channel();
        workers.submit(|| panic!("on purpose")).unwrap();
        workers.submit(move || done.send(()).unwrap()).unwrap();
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
                .submit(move || {
                    here.waiting(|| waits.send(()).is_ok() && released.recv().is_ok());
                })
                .unwrap();
            is_waiting.recv().unwrap();
        }
        assert_eq!(workers.threads(), (3, 3), "the bound is reached");
        let (done, is_done) = mpsc::channel();
        workers.submit(move || done.send(thread::current().id()).unwrap()).unwrap();
        assert_eq!(is_done.try_recv(), Err(mpsc::TryRecvError::Empty));
        for _ in 0..3 {
            release.send(()).unwrap();
        }
        is_done.recv().unwrap();
        while workers.threads() != (1, 0) {
            thread::yield_now();
        }
    }
}
